"""Numbers and codes at the end of a text: whether they may go on. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from stdnum import iban, luhn

from worker.redaction import figures, lexicon, spans
from worker.redaction.codes import ALPHABET, read_code
from worker.redaction.countries import IBAN_COUNTRIES
from worker.redaction.introductions import SPELL
from worker.redaction.lexicon import words_of
from worker.redaction.reading import Cue, Reading
from worker.redaction.runs import Run, is_years
from worker.redaction.tokens import Kind

FEWEST_DIGITS: Final = 3
"""Digits that leave a text open although nothing says what they are."""
FEWEST_LETTERS: Final = 4
"""The same of letters that are said one by one."""
LONGEST: Final = 19
"""Digits of the longest number but an IBAN."""
MOST_TOKENS: Final = 60
"""Of what is spelled at the end of a text."""
MOST_BEFORE_LETTERS: Final = 4
"""Words between "spelled" and the letters."""
LARGEST_TO_GO_ON: Final = 25
"""Of the last number of an IP address."""

TYPES: Final = {
    "card": spans.CARD_NUMBER,
    "ssn": spans.SSN,
    "phone": spans.PHONE_NUMBER,
    "iban": spans.IBAN,
    "email": spans.EMAIL_ADDRESS,
    "cvv": spans.CVV,
    "pin": spans.CARD_PIN,
    "expiry": spans.CARD_EXPIRATION,
    "expires": spans.CARD_EXPIRATION,
    "routing": spans.ROUTING_NUMBER,
    "account": spans.BANK_ACCOUNT_NUMBER,
    "swift": spans.SWIFT_CODE,
    "passport": spans.PASSPORT_NUMBER,
    "licence": spans.DRIVERS_LICENSE,
    "zip": spans.ADDRESS,
    "birth": spans.DATE_OF_BIRTH,
    "ip": spans.IP_ADDRESS,
}
"""The type by the kind of cue."""
_COMPLETE: Final = {"ssn": {9}, "routing": {9}, "zip": {5, 9}, "cvv": {4}, "pin": {8}}
"""Digits behind which a number of a kind cannot go on."""
_COMPLETE_WRITTEN: Final = _COMPLETE | {"cvv": {3, 4}, "pin": {4, 6, 8}}
"""The same of numbers that a recogniser wrote as one."""
_PASSPORT_CHARS: Final = 9
_EXPIRY_DIGITS: Final = (4, 6)
_EXPIRY_YEAR: Final = "20"
_PHONE_GROUPS: Final = (3, 3, 4)

LINKS: Final = lexicon.LINKS | words_of("me us him back under directly anytime following follows")
"""Words between what calls a number by its name and the number."""
_HARMLESS_NOUNS: Final = words_of(
    "room page gate chapter version channel route highway error level section flight platform episode season line step "
    "rule question figure table number bus year cost costs charged paid price total rent fee worth only than over "
    "under least most about nearly almost another"
)
"""In front of a number: it is none of a person."""
_BEFORE_TIMES: Final = words_of("at by until till around before after from since between past")
_EXPLAINING: Final = frozenset({"as", "for", "like"})


class Left(NamedTuple):
    """What the last tokens are a piece of, and the index of the first of them."""

    type: str | None
    """None when they are complete or harmless."""
    first: int


def find(reading: Reading, end: int) -> Left | None:
    """The number or code that ends before the token at ``end``; None when none does."""
    run = _run_ending(reading, end)
    code = _code_ending(reading, end, run)
    if run is None and code is None:
        return _quad(reading, end)
    first = min(each.first for each in (run, code) if each is not None)
    chars = code.chars if code is not None else "" if run is None else run.digits
    if reading.is_labelled_at(reading.tokens[first].start) or (
        run is not None and (reading.is_labelled(run) or reading.is_amount(run))
    ):
        return Left(None, first)
    cue = cue_before(reading, first)
    kind = cue.kind if cue is not None else None
    if cue is None and (run is None or len(run.digits) < FEWEST_DIGITS):
        return _letters(reading, first, chars)
    if run is None:
        return Left(TYPES[kind] if kind is not None else None, first)
    kind = kind or reading.cue_near(run)
    harmless = cue is None and _is_harmless(reading, run, kind)
    if harmless or _is_complete(reading, run, kind, chars):
        return Left(None, first)
    return Left(TYPES[kind] if kind is not None else spans.NUMBER, first)


def cue_before(reading: Reading, index: int) -> Cue | None:
    """The cue that calls by its name what begins at ``index``, with links only between."""
    for cue in reversed(reading.cues):
        if cue.last <= index and cue.kind:
            between = [at for at in range(cue.last, index) if reading.tokens[at].kind is not Kind.MARK]
            is_linked = len(between) <= lexicon.MOST_LINKS and all(is_link(reading, at) for at in between)
            return cue if is_linked else None
    return None


def is_link(reading: Reading, index: int) -> bool:
    """Whether the token at ``index`` may stand between the name of a value and the value."""
    token = reading.tokens[index]
    return token.kind is Kind.MARK or reading.word(index) in LINKS or token.word.replace("’", "'") in LINKS


def _letters(reading: Reading, first: int, chars: str) -> Left | None:
    """What letters, with few digits, may become that nothing calls a number."""
    if chars[:2] in IBAN_COUNTRIES and len(chars) > 3 and chars[2:4].isdigit():
        return Left(spans.IBAN, first)
    before = [reading.word(at) for at in range(max(0, first - MOST_BEFORE_LETTERS), first)]
    spells = any(word in SPELL or word in {"name", "surname"} for word in before)
    letters = sum(char.isalpha() for char in chars)
    return Left(spans.PERSON_NAME, first) if letters and (spells or letters >= FEWEST_LETTERS) else None


class _Spelled(NamedTuple):
    chars: str
    first: int


def _run_ending(reading: Reading, end: int) -> Run | None:
    """The run, or the part of one, that ends before the token at ``end``."""
    for run in reversed(reading.runs):
        if run.first < end:
            groups = sum(group.last <= end for group in run.groups)
            return run.part(0, groups) if groups and run.groups[groups - 1].last == end else None
    return None


def _code_ending(reading: Reading, end: int, run: Run | None) -> _Spelled | None:
    """What is spelled and ends before the token at ``end``."""
    last = reading.tokens[end - 1]
    is_piece = last.kind is Kind.CODE or (last.kind is Kind.WORD and (len(last.word) == 1 or last.word in ALPHABET))
    explains = any(reading.word(at) in _EXPLAINING for at in range(end - 3, end - 1))
    if run is None and not is_piece and not explains:
        return None
    for first in range(max(0, end - MOST_TOKENS), end):
        code = read_code(reading, first)
        if code is not None and code.last == end:
            return _Spelled(code.chars, first)
    return None


def _is_harmless(reading: Reading, run: Run, kind: str | None) -> bool:
    """Whether ``run``, which no word right in front calls by its name, is a count, a year, a time or the like."""
    if is_years(run.digits) and all(len(group.digits) > 1 for group in run.groups):
        return True
    group = run.groups[0]
    if len(run.groups) == 1 and group.spoken and group.last - group.first > 1 and len(group.digits) > 2:
        return reading.word(group.first) not in lexicon.REPEATS  # "two hundred and fifty"
    if kind is not None:
        return False
    before = reading.word(run.first - 1)
    if before in _BEFORE_TIMES and _is_time(run):
        return True
    if before in {"is", "was", "of", "it", "the"}:
        before = reading.word(run.first - 2)
    return before in _HARMLESS_NOUNS or reading.is_called_else(run)


def _is_time(run: Run) -> bool:
    """ "ten fifteen", "nine oh five"."""
    hour, *minutes = (group.digits for group in run.groups)
    return 0 < len(minutes) <= 2 and int(hour) <= 24 and len("".join(minutes)) == 2


def _is_complete(reading: Reading, run: Run, kind: str | None, chars: str) -> bool:
    """Whether ``run`` cannot go on: "twenty" can, and so can what was corrected."""
    digits = run.digits
    if reading.word(run.last - 1) in lexicon.TENS or run.corrected:
        return False
    match kind:
        case "iban":
            return iban.is_valid(chars, check_country=False)
        case "passport":
            return len(chars) >= _PASSPORT_CHARS
        case "phone":
            return _is_whole_phone(reading, run)
        case "expiry" | "expires":
            return len(digits) in _EXPIRY_DIGITS and not (len(digits) == 4 and digits.endswith(_EXPIRY_YEAR))
        case "swift" | "licence" | "account":
            return False
        case None | "card":
            grouped = tuple(len(group.digits) for group in run.groups)[-3:] == _PHONE_GROUPS
            return _is_whole_card(digits) or _is_whole_iban(chars) or (grouped and _is_whole_phone(reading, run))
        case _:
            is_written = len(run.groups) == 1 and not run.groups[0].spoken
            return len(digits) in (_COMPLETE_WRITTEN if is_written else _COMPLETE).get(kind, ())


def _is_whole_card(digits: str) -> bool:
    if len(digits) >= LONGEST:
        return True
    length = 15 if digits[:2] in {"34", "37"} else 14 if digits[:2] in {"30", "36", "38"} else 16
    return len(digits) == length and digits[0] in figures.CARD_BEGINNINGS and luhn.is_valid(digits)


def _is_whole_iban(chars: str) -> bool:
    return chars[:2] in IBAN_COUNTRIES and iban.is_valid(chars, check_country=False)


def _is_whole_phone(reading: Reading, run: Run) -> bool:
    return figures.is_whole_phone(f"+{run.digits}" if reading.follows_plus(run) else run.digits, reading.region)


def _quad(reading: Reading, end: int) -> Left | None:
    """An address of a computer whose last number may have another digit."""
    for quad in reading.quads:
        if quad.last == end:
            last = quad.groups[-1]
            goes_on = last.spoken and int(last.digits) <= LARGEST_TO_GO_ON
            return Left(spans.IP_ADDRESS if goes_on else None, quad.first)
    return None
