"""What belongs to cards and accounts and is told by its name: "the pin is", "routing number"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stdnum.us import rtn

from worker.redaction import dates
from worker.redaction.codes import read_code, read_code_before
from worker.redaction.countries import COUNTRIES
from worker.redaction.reading import Cue, Reading
from worker.redaction.runs import Run, is_years
from worker.redaction.spans import (
    BANK_ACCOUNT_NUMBER,
    CARD_EXPIRATION,
    CARD_PIN,
    CVV,
    LABELLED,
    ROUTING_NUMBER,
    SUSPECTED,
    SWIFT_CODE,
    VERIFIED,
    Span,
)
from worker.redaction.tokens import Kind
from worker.redaction.vocabulary import is_common

CVV_DIGITS: Final = range(3, 5)
PIN_DIGITS: Final = range(4, 9)
EXPIRY_DIGITS: Final = range(3, 7)
ROUTING_DIGITS: Final = 9
MISHEARD_ROUTING: Final = range(7, 11)
ACCOUNT_DIGITS: Final = range(4, 18)
_BEFORE_TIMES: Final = frozenset({"at", "until", "by", "till", "around"})
TIME_DIGITS: Final = 4
PLAINLY_AN_ACCOUNT: Final = 6
"""Digits from which on an account need not be called an account number."""
_SWIFT: Final = re.compile(r"[a-z]{6}[a-z\d]{2}(?:[a-z\d]{3})?\Z")
MONTH_NUMBERS: Final = range(1, 13)
MOST_OF_DATE: Final = 8
"""Tokens of a month and its year."""
_OF_CARDS: Final = frozenset({"it", ""})
"""In front of "expires": nothing but a card is said to."""
_SLASHED: Final = re.compile(r"\d{1,2}\s?[/-]\s?\d{2,4}\b")
_MONTH_AND_YEAR: Final = re.compile(r"(?<![\d/])(?:0[1-9]|1[0-2])\s?/\s?(?:20)?\d\d(?![\d/])")
_BANKING: Final = frozenset({"bank", "wire", "ach", "deposit", "checking", "savings"})


def find_security_codes(reading: Reading) -> Iterator[Span]:
    """Card security codes: three or four digits that are called so."""
    for run in _named(reading, "cvv"):
        yield from _leading(CVV, run, CVV_DIGITS)
    yield from _near(CVV, "cvv", reading, CVV_DIGITS)


def find_pins(reading: Reading) -> Iterator[Span]:
    """PINs: four to eight digits that are called so."""
    for run in _named(reading, "pin"):
        yield from _leading(CARD_PIN, run, PIN_DIGITS)
    yield from _near(CARD_PIN, "pin", reading, range(PIN_DIGITS.start, 7))


def find_expirations(reading: Reading) -> Iterator[Span]:
    """Expiry dates of cards: a month with or without a year. "It expires in March" needs a card, "04/27" does not."""
    sure = reading.has_cue("card") or reading.has_cue("cvv")
    for kind in ("expiry", "expires"):
        for cue in reading.cues_of(kind):
            is_called = kind == "expiry" or sure or reading.word(cue.first - 1) in _OF_CARDS
            index = reading.value_after(cue)
            if index is not None:
                yield from _expiration_at(reading, index, is_called=is_called)
            if kind == "expiry" or is_called:
                yield from _expiration_before(reading, cue)
    if sure and "/" in reading.text:
        yield from _expirations_on_cards(reading)


def _expiration_at(reading: Reading, index: int, *, is_called: bool) -> Iterator[Span]:
    """A month with or without a year, or the figures for one, from the token at ``index`` on."""
    month_end = dates.month_end(reading, index) if is_called else None
    run = reading.run_at.get(index)
    if month_end is not None:
        yield Span(CARD_EXPIRATION, reading.tokens[index].start, reading.tokens[month_end - 1].end, LABELLED)
    elif run is not None and not reading.is_amount(run):
        year = reading.group_at.get(run.last + 1) if reading.word(run.last) == "of" else None
        if year is not None and int(run.digits) in MONTH_NUMBERS and len(year.digits) in {2, 4}:
            yield Span(CARD_EXPIRATION, run.start, year.end, LABELLED)  # "nine of thirty"
        elif is_called or _SLASHED.match(reading.text, run.start) is not None or _is_month_and_year(reading, run):
            yield from _leading(CARD_EXPIRATION, run, EXPIRY_DIGITS)


def _expiration_before(reading: Reading, cue: Cue) -> Iterator[Span]:
    """ "oh four twenty seven is the expiration date", "April 2027 is when it expires"."""
    end = reading.value_end(cue)
    if end is None:
        return
    run = reading.run_ending.get(end)
    for first in range(max(0, end - MOST_OF_DATE), end):
        if dates.month_end(reading, first) == end:
            yield Span(CARD_EXPIRATION, reading.tokens[first].start, reading.tokens[end - 1].end, LABELLED)
            return
    if run is not None and _is_month_and_year(reading, run) and not reading.is_amount(run):
        yield Span(CARD_EXPIRATION, run.start, run.end, LABELLED)


def _is_month_and_year(reading: Reading, run: Run) -> bool:
    """ "oh four twenty seven": groups that make a month and a year of two digits, or of four; no time."""
    if reading.word(run.first - 1) in _BEFORE_TIMES:
        return False
    digits = run.digits if run.digits[0] == "0" or run.digits[:2] in {"10", "11", "12"} else f"0{run.digits}"
    return len(run.groups) > 1 and len(digits) in {4, 6} and int(digits[:2]) in MONTH_NUMBERS and digits[-2] in "234"


def _expirations_on_cards(reading: Reading) -> Iterator[Span]:
    """ "04/27" in a text about a card."""
    for run in reading.runs:
        if _MONTH_AND_YEAR.match(reading.text, run.start) is not None and len(run.digits) in {4, 6}:
            yield Span(CARD_EXPIRATION, run.start, run.end, SUSPECTED)


def find_routing_numbers(reading: Reading) -> Iterator[Span]:
    """Nine digits with the right check digit near "routing" or between accounts and banks; others right behind it."""
    is_routing = reading.has_cue("routing")
    if not is_routing and not (reading.has_cue("account") and not reading.words.isdisjoint(_BANKING)):
        return
    accounts = {reading.value_after(cue) for cue in reading.cues_of("account")}
    for run in reading.runs:
        for digits, start, end in run.windows((ROUTING_DIGITS,), skip=len(run.groups)):
            if rtn.is_valid(digits) and not reading.is_labelled(run) and run.first not in accounts:
                yield Span(ROUTING_NUMBER, start, end, VERIFIED if is_routing else SUSPECTED)
    for run in _named(reading, "routing"):
        if any(len(each) == ROUTING_DIGITS and rtn.is_valid(each) for each in run.meanings()):
            yield Span(ROUTING_NUMBER, run.start, run.end, VERIFIED)
        elif len(run.digits) in MISHEARD_ROUTING or (run.corrected and len(run.digits) < 2 * MISHEARD_ROUTING.stop):
            yield Span(ROUTING_NUMBER, run.start, run.end, SUSPECTED)


def find_bank_accounts(reading: Reading) -> Iterator[Span]:
    """US account numbers: four to seventeen digits, no check digit, called so."""
    for cue in reading.cues_of("account"):
        index = reading.value_after(cue)
        run = reading.run_before(cue) if index is None else reading.run_at.get(index)
        if run is None or len(run.digits) not in ACCOUNT_DIGITS or reading.is_amount(run):
            continue
        called = {reading.word(each) for each in range(cue.last, cue.last + 2)}
        if len(run.digits) >= PLAINLY_AN_ACCOUNT or not called.isdisjoint({"number", "numbers", "no"}):
            yield Span(BANK_ACCOUNT_NUMBER, run.start, run.end, LABELLED)
    yield from _near(BANK_ACCOUNT_NUMBER, "account", reading, range(PLAINLY_AN_ACCOUNT + 1, ACCOUNT_DIGITS.stop))


def find_swift_codes(reading: Reading) -> Iterator[Span]:
    """Codes of banks behind "SWIFT" or "BIC": six letters, of which two name a country, and two or five more."""
    for cue in reading.cues_of("swift"):
        index = reading.value_after(cue)
        if index is None:
            continue
        token = reading.tokens[index]
        if is_swift(token.word):
            written = reading.text[token.start : token.end]
            if not (written.islower() and is_common(token.word)):
                yield Span(SWIFT_CODE, token.start, token.end, VERIFIED if written.isupper() else LABELLED)
        elif (code := read_code(reading, index)) is not None and len(code.chars) >= 6:
            yield Span(SWIFT_CODE, code.start, code.end, VERIFIED if is_swift(code.chars) else SUSPECTED)
    for cue in reading.cues_of("swift"):
        end = reading.value_end(cue)
        for code in () if end is None else read_code_before(reading, end):
            if is_swift(code.chars):
                yield Span(SWIFT_CODE, code.start, code.end, VERIFIED)
                break
        else:
            yield from _swift_near(reading, cue)


def _swift_near(reading: Reading, cue: Cue) -> Iterator[Span]:
    """Codes that stand near the word for them, in capitals or spelled."""
    for index in reading.near(cue):
        token = reading.tokens[index]
        written = reading.text[token.start : token.end]
        if written.isupper() and is_swift(token.word):
            yield Span(SWIFT_CODE, token.start, token.end, LABELLED)
            return
        code = read_code(reading, index) if len(token.word) == 1 and token.kind is Kind.WORD else None
        if code is not None and is_swift(code.chars):
            yield Span(SWIFT_CODE, code.start, code.end, LABELLED)
            return


def is_swift(chars: str) -> bool:
    """Whether ``chars``, in lower case, have the form of a SWIFT code and name a country."""
    return _SWIFT.match(chars) is not None and chars[4:6] in COUNTRIES


def _named(reading: Reading, kind: str) -> Iterator[Run]:
    """Runs that stand where the cues of ``kind`` say that their value is."""
    for cue in reading.cues_of(kind):
        index = reading.value_after(cue)
        run = None if index is None else reading.run_at.get(index)
        run = run or reading.run_before(cue)
        if run is not None and not reading.is_amount(run):
            yield run


def _near(kind: str, cue_kind: str, reading: Reading, lengths: range) -> Iterator[Span]:
    """The first number of one of ``lengths`` near each cue that has none right beside it."""
    for cue in reading.cues_of(cue_kind):
        for index in reading.near(cue):
            run = reading.run_at.get(index) if index >= cue.last else reading.run_ending.get(index + 1)
            if run is not None and len(run.digits) in lengths and not _is_something_else(reading, run):
                yield Span(kind, run.start, run.end, SUSPECTED)
                break


def _is_something_else(reading: Reading, run: Run) -> bool:
    is_time = len(run.digits) <= TIME_DIGITS and reading.word(run.first - 1) in _BEFORE_TIMES
    return (
        is_time
        or reading.is_amount(run)
        or is_years(run.digits)
        or reading.is_called_else(run)
        or _is_month(reading, run)
    )


def _is_month(reading: Reading, run: Run) -> bool:
    """Whether ``run`` belongs to a date: "March 2027"."""
    return reading.word(run.first - 1) in dates.MONTHS or reading.word(run.last) in dates.MONTHS


def _leading(kind: str, run: Run, lengths: range) -> Iterator[Span]:
    """The first groups of ``run``, as many as make one of ``lengths``."""
    digits = 0
    end: int | None = None
    if run.corrected and lengths.start <= len(run.digits) <= 3 * lengths.stop:
        yield Span(kind, run.start, run.end, LABELLED)
        return
    for group in run.groups:
        digits += len(group.digits)
        if digits >= lengths.stop:
            break
        if digits in lengths:
            end = group.end
    if end is not None:
        yield Span(kind, run.start, end, LABELLED)
