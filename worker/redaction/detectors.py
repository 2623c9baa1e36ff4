"""The detectors: pure functions from a reading to the personal data in it.

A recogniser mishears digits, so a number is masked when a check digit confirms it, and also when its length and the
words around it leave no better explanation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

import phonenumbers
from stdnum import luhn
from stdnum.us import ssn

from worker.redaction import accounts, addresses, lexicon
from worker.redaction.reading import Kind, Reading, Run
from worker.redaction.spans import (
    CARD_NUMBER,
    EMAIL_ADDRESS,
    IBAN,
    NUMBER,
    PHONE_NUMBER,
    SSN,
    SUSPECTED,
    VERIFIED,
    Span,
)

Detector: TypeAlias = Callable[[Reading], Iterable[Span]]

SHORTEST_SUSPECT: Final = 7
"""Digits from which on a number is masked for the words around it alone."""
CARD_LENGTHS: Final = range(12, 20)
SURELY_A_CARD: Final = 15
"""Digits from which on a number is masked whatever is said around it. Nothing else is as long in speech."""
LONGEST_PHONE: Final = 15
HOME_REGION: Final = "US"
"""Where a phone number without a country code belongs."""
HOME_LENGTHS: Final = (10, 11)


def find_card_numbers(reading: Reading) -> Iterator[Span]:
    """Card numbers, together with the digits said in one breath with them (expiry, security code)."""
    for run in reading.runs:
        digits = run.digits
        if len(digits) < SHORTEST_SUSPECT:
            continue
        cue = reading.cue_near(run)
        if cue != "card" and (_is_years(digits) or (reading.follows_plus(run) and len(digits) <= LONGEST_PHONE)):
            continue
        if len(digits) in CARD_LENGTHS and luhn.is_valid(digits):
            yield Span(CARD_NUMBER, run.start, run.end, VERIFIED)
        elif cue == "card" or (len(digits) >= SURELY_A_CARD and cue not in {"ssn", "iban"}):
            yield Span(CARD_NUMBER, run.start, run.end, SUSPECTED)


def find_social_security_numbers(reading: Reading) -> Iterator[Span]:
    """Numbers that are called so, and nine digits written in the pattern 3-2-4."""
    for run in reading.runs:
        digits = run.digits
        if len(digits) < SHORTEST_SUSPECT:
            continue
        grouped = tuple(len(group.digits) for group in run.groups) == (3, 2, 4)
        if reading.cue_near(run) == "ssn" or (grouped and _is_written_as_ssn(reading, run)):
            yield Span(SSN, run.start, run.end, VERIFIED if ssn.is_valid(digits) else SUSPECTED)


def find_phone_numbers(reading: Reading) -> Iterator[Span]:
    """Written numbers that a numbering plan knows, spoken ones likewise, and what is called a phone number."""
    if sum(len(run.digits) for run in reading.runs) < SHORTEST_SUSPECT:
        return
    yield from _find_written_phones(reading)
    for run in reading.runs:
        length = len(run.digits)
        if not SHORTEST_SUSPECT <= length <= LONGEST_PHONE:
            continue
        if reading.follows_plus(run):
            start = reading.tokens[run.first - 1].start
            if _is_phone(f"+{run.digits}") or reading.cue_near(run) == "phone":
                yield Span(PHONE_NUMBER, start, run.end)
        elif reading.cue_near(run) == "phone":
            yield Span(PHONE_NUMBER, run.start, run.end, VERIFIED if _is_phone(run.digits) else SUSPECTED)
        elif any(group.spoken for group in run.groups):
            yield from (
                Span(PHONE_NUMBER, start, end)
                for digits, start, end in run.windows(HOME_LENGTHS, skip=1)
                if _is_phone(digits)
            )


def find_ibans(reading: Reading) -> Iterator[Span]:
    """Account numbers with the right check digits, and numbers that are called IBAN."""
    yield from accounts.find(reading)
    for run in reading.runs:
        if len(run.digits) >= SHORTEST_SUSPECT and reading.cue_near(run) == "iban":
            yield Span(IBAN, run.start, run.end, SUSPECTED)


def find_email_addresses(reading: Reading) -> Iterator[Span]:
    """Written and spelled addresses."""
    if lexicon.ADDRESS_HINT.search(reading.text) is None:
        return
    yield from addresses.find_written(reading.text)
    yield from addresses.Speller(reading).find()


DEFAULT: Final[tuple[Detector, ...]] = (
    find_card_numbers,
    find_social_security_numbers,
    find_phone_numbers,
    find_ibans,
    find_email_addresses,
)


def find_beginnings(reading: Reading) -> Iterator[Span]:
    """What may become personal data when the text goes on: two number words or digits, a piece of an address."""
    for run in reading.runs:
        if run.last - run.first > 1 or (len(run.digits) > 1 and not run.groups[0].spoken):
            yield Span(NUMBER, run.start, run.end, SUSPECTED)
    yield from addresses.find_written(reading.text)
    for span in addresses.Speller(reading).find_fragments():
        yield Span(EMAIL_ADDRESS, span.start, span.end, span.score)


def _is_years(digits: str) -> bool:
    """Whether the digits are a list of years."""
    return len(digits) % 4 == 0 and all(digits[start : start + 2] in {"19", "20"} for start in range(0, len(digits), 4))


def _is_written_as_ssn(reading: Reading, run: Run) -> bool:
    return reading.text.count("-", run.start, run.end) == 2 or ssn.is_valid(run.digits)


def _find_written_phones(reading: Reading) -> Iterator[Span]:
    plain = [token for token in reading.tokens if token.kind is Kind.PLAIN]
    for match in phonenumbers.PhoneNumberMatcher(reading.text, HOME_REGION):
        if not any(token.start < match.end and match.start < token.end for token in plain):
            yield Span(PHONE_NUMBER, match.start, match.end)


def _is_phone(digits: str) -> bool:
    try:
        number = phonenumbers.parse(digits, HOME_REGION)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number)
