"""Numbers that are told by their length, their check digit or their plan: cards, social security, telephones.

A recogniser mishears digits, so a number is masked when a check digit confirms it, and also when its length and the
words around it leave no better explanation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import phonenumbers
from stdnum import luhn
from stdnum.us import ssn

from worker.redaction import lexicon
from worker.redaction.reading import CUE_WORDS_BEFORE, Reading
from worker.redaction.runs import Run, is_years
from worker.redaction.spans import CARD_NUMBER, PHONE_NUMBER, SSN, SUSPECTED, VERIFIED, WEAK, Span
from worker.redaction.tokens import Kind, Token

SHORTEST_SUSPECT: Final = 7
"""Digits from which on a number is masked for the words around it alone."""
CARD_LENGTHS: Final = range(12, 20)
FIRST_IN_GROUP: Final = 4
"""Digits of the first group of a card number, whatever the others have."""
CARD_BEGINNINGS: Final = frozenset("23456")
"""First digits of payment cards, ISO/IEC 7812. Asked only of what is called something else."""
MOST_IN_GROUP: Final = 6
"""Digits of a group of a card number that is written in groups."""
SURELY_A_CARD: Final = 15
"""Digits from which on a number is masked whatever is said around it. Nothing else is as long in speech."""
LONGEST_PHONE: Final = 15
HOME_LENGTHS: Final = (10, 11)
"""Digits of a phone number without a country code."""
MOST_MISSING: Final = 3
"""Digits without which some numbers are known to a plan as well."""
PHONE_LENGTHS: Final = (7, 10, 11)
"""Of telephone numbers that are said digit by digit, without a word about what they are."""
_CALLED_OTHERWISE: Final = frozenset({"ssn", "iban", "account", "routing"})
_CALLED_A_CARD: Final = frozenset({"card", "cvv", "expiry", "expires"})
_SURELY_OTHER: Final = frozenset({"account", "routing", "passport", "licence"})
_OTHER_FIELDS: Final = frozenset({"account", "routing", "passport", "licence", "ssn", "card"})
_NANP: Final = frozenset(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1])
_NANP_NUMBER: Final = re.compile(r"1?[2-9]\d{2}[2-9]\d{6}")
"""The North American Numbering Plan, without which there is no valid number in these regions."""
_ABROAD: Final = "011"
_LETTERS: Final = re.compile(r"[^\W\d_]")


def find_card_numbers(reading: Reading) -> Iterator[Span]:
    """Card numbers, together with the digits said in one breath with them (expiry, security code)."""
    for run in reading.runs:
        digits = run.digits
        if len(digits) < SHORTEST_SUSPECT:
            continue
        cue = reading.cue_near(run)
        called = cue in _CALLED_A_CARD
        is_phone = reading.follows_plus(run) and (len(digits) <= LONGEST_PHONE or len(run.corrected) > 0)
        if is_years(digits) or (not called and (is_phone or _is_of_device(reading, run) or _is_grouped_otherwise(run))):
            continue
        begins = called or digits[0] in CARD_BEGINNINGS or not reading.is_labelled(run)
        meanings = (digits,) if cue in _CALLED_OTHERWISE else run.meanings()
        if begins and any(len(each) in CARD_LENGTHS and luhn.is_valid(each) for each in meanings):
            yield Span(CARD_NUMBER, run.start, run.end, VERIFIED)
        elif called or (
            len(digits) >= SURELY_A_CARD and cue not in _CALLED_OTHERWISE and not reading.is_called_else(run)
        ):
            yield Span(CARD_NUMBER, run.start, run.end, SUSPECTED)


def find_social_security_numbers(reading: Reading) -> Iterator[Span]:
    """Numbers that are called so, and nine digits written in the pattern 3-2-4."""
    for run in reading.runs:
        if len(run.digits) < SHORTEST_SUSPECT or is_years(run.digits):
            continue
        grouped = tuple(len(group.digits) for group in run.groups) == (3, 2, 4)
        if reading.cue_near(run) == "ssn" or (grouped and _is_written_as_ssn(reading, run)):
            sure = any(ssn.is_valid(digits) for digits in run.meanings())
            yield Span(SSN, run.start, run.end, VERIFIED if sure else SUSPECTED)


def find_phone_numbers(reading: Reading) -> Iterator[Span]:
    """Written numbers that a numbering plan knows, spoken ones likewise, and what is called a phone number."""
    if sum(len(run.digits) for run in reading.runs) < SHORTEST_SUSPECT:
        return
    if any(SHORTEST_SUSPECT <= length <= LONGEST_PHONE for run in reading.runs for length in _stretches(reading, run)):
        yield from _find_written(reading)
    for run in reading.runs:
        length = len(run.digits)
        is_long = length > LONGEST_PHONE and not run.corrected
        if length < SHORTEST_SUSPECT or is_long or is_years(run.digits) or _is_called_otherwise(reading, run):
            continue
        end = _extension_end(reading, run)
        if reading.follows_plus(run):
            start = reading.tokens[run.first - 1].start
            if reading.cue_near(run) == "phone" or any(
                _is_phone(f"+{each}", reading.region) for each in run.meanings()
            ):
                yield Span(PHONE_NUMBER, start, end)
        elif reading.cue_near(run) == "phone":
            sure = any(_is_phone(digits, reading.region) for digits in run.meanings())
            yield Span(PHONE_NUMBER, run.start, end, VERIFIED if sure else SUSPECTED)
        elif run.corrected and any(_is_phone(digits, reading.region) for digits in run.meanings()):
            yield Span(PHONE_NUMBER, run.start, end, VERIFIED)
        elif any(group.spoken for group in run.groups) and not (_has_thousands(run) or _is_no_line(reading, run)):
            yield from (
                Span(PHONE_NUMBER, start, end)
                for digits, start, end in run.windows(HOME_LENGTHS, skip=1)
                if _is_phone(digits, reading.region)
            )
            if length in PHONE_LENGTHS and reading.cue_near(run) is None and _is_digitwise(reading, run):
                yield Span(PHONE_NUMBER, run.start, run.end, WEAK)


def _is_written_as_ssn(reading: Reading, run: Run) -> bool:
    return reading.text.count("-", run.start, run.end) == 2 or ssn.is_valid(run.digits)


def _is_called_otherwise(reading: Reading, run: Run) -> bool:
    """Whether the words in front of ``run`` call it an order number, an account or the like."""
    if reading.is_labelled(run) or reading.cue_near(run) in _SURELY_OTHER:
        return True
    return any(
        cue.kind in _OTHER_FIELDS and cue.last <= run.first and reading.value_after(cue) == run.first
        for cue in reading.cues_around(run.first - CUE_WORDS_BEFORE, run.first)
    )


def _is_of_device(reading: Reading, run: Run) -> bool:
    """Whether ``run`` is called by the name of another kind of number that has a check digit."""
    return reading.is_labelled(run) and any(
        reading.word(index) in lexicon.DEVICE_LABELS for index in range(max(0, run.first - 5), run.first)
    )


def _is_grouped_otherwise(run: Run) -> bool:
    """Whether ``run`` is written in groups that no card has: "999-8842578-9118509"."""
    lengths = [len(group.digits) for group in run.groups if not group.spoken]
    odd = any(MOST_IN_GROUP < length < CARD_LENGTHS.start for length in lengths)
    return odd and lengths[0] != FIRST_IN_GROUP and max(lengths) < CARD_LENGTHS.start


def _is_no_line(reading: Reading, run: Run) -> bool:
    """Whether ``run`` is called a number of something else: "the consignment number is", not "her office number"."""
    return reading.called(run) not in lexicon.REACHED and reading.is_called_else(run)


def _has_thousands(run: Run) -> bool:
    """Whether a part of ``run`` was said as a count: "three thousand five hundred twenty one"."""
    return any(group.spoken and group.last - group.first > 1 and len(group.digits) > 3 for group in run.groups)


def _is_digitwise(reading: Reading, run: Run) -> bool:
    """Whether every digit is a word, and nothing calls the number something else."""
    return all(group.spoken and len(group.digits) <= 2 for group in run.groups) and not (
        reading.is_labelled(run) or reading.is_amount(run)
    )


def _stretches(reading: Reading, run: Run) -> Iterator[int]:
    """Lengths of the written numbers in ``run``, with no letters inside of one. The plan is dear to look into."""
    length = 0
    end = run.start
    for group in run.groups:
        if group.spoken or _LETTERS.search(reading.text, end, group.start) is not None:
            yield length
            length = 0
        length += 0 if group.spoken else len(group.digits)
        end = group.end
    yield length


def _find_written(reading: Reading) -> Iterator[Span]:
    plain: list[Token | Run] = [token for token in reading.tokens if token.kind in {Kind.PLAIN, Kind.CODE}]
    plain += reading.quads
    plain += (run for run in reading.runs if is_years(run.digits) or _is_called_otherwise(reading, run))
    for match in phonenumbers.PhoneNumberMatcher(reading.text, reading.region):
        if not any(token.start < match.end and match.start < token.end for token in plain):
            yield Span(PHONE_NUMBER, match.start, match.end)


def _extension_end(reading: Reading, run: Run) -> int:
    """Where the number ends, with an extension said right behind it."""
    if reading.word(run.last) in lexicon.EXTENSIONS:
        group = reading.group_at.get(run.last + 1)
        if group is not None and len(group.digits) < SHORTEST_SUSPECT:
            return reading.run_at[run.last + 1].end if run.last + 1 in reading.run_at else group.end
    return run.end


def is_whole_phone(digits: str, region: str) -> bool:
    """Whether a numbering plan knows the number, and none with a few digits more."""
    if not _is_phone(digits, region):
        return False
    longer = (phonenumbers.parse(digits + "0" * more, region) for more in range(1, MOST_MISSING + 1))
    return not any(phonenumbers.is_possible_number(number) for number in longer)


def _is_phone(digits: str, region: str) -> bool:
    is_home = region in _NANP and len(digits) in HOME_LENGTHS and digits.isdigit() and not digits.startswith(_ABROAD)
    if is_home and _NANP_NUMBER.fullmatch(digits) is None:
        return False  # The library is a hundred times as dear.
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number)
