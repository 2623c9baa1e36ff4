"""Numbers and codes at the end of a text: whether they may go on. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from stdnum import iban, luhn
from stdnum.us import rtn

from worker.redaction import figures, lexicon, payment, spans
from worker.redaction.codes import EXPLAINING, read_code_before
from worker.redaction.countries import IBAN_LENGTHS
from worker.redaction.introductions import SPELL
from worker.redaction.lexicon import words_of
from worker.redaction.reading import CUE_WORDS_BEFORE, Cue, Reading
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
BANK_LETTERS: Final = 4
"""Letters of a bank in an IBAN."""
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
_CODES: Final = frozenset({"iban", "swift", "passport", "licence"})
"""Kinds with letters in them."""
_COMPLETE: Final = {"ssn": {9}, "zip": {5, 9}, "cvv": {4}, "pin": {8}}
"""Digits behind which a number of a kind cannot go on."""
_COMPLETE_WRITTEN: Final = _COMPLETE | {"cvv": {3, 4}, "pin": {4, 6, 8}}
"""The same of numbers that a recogniser wrote as one."""
_PASSPORT_CHARS: Final = 9
_SWIFT_CHARS: Final = (8, 11)
_LONG_SWIFT: Final = (11,)
_CORRECTING: Final = frozenset(word for phrase in lexicon.CORRECTIONS for word in phrase)
"""Words of what takes back digits, which come again in the next message."""
_CENTURY: Final = "20"
_PHONE_GROUPS: Final = (3, 3, 4)

LINKS: Final = lexicon.LINKS | words_of(
    "me us him back under directly anytime following follows as ending ends hold hang second moment sec minute"
)
"""Words between what calls a number by its name and the number."""
COPULAS: Final = words_of("is are was it's it that's says reads be : follows")
"""Words that say that a value follows."""
NUMBERS: Final = frozenset({"number", "numbers", "digits", "code", "no"})
_HARMLESS_NOUNS: Final = words_of(
    "room page gate chapter version channel route highway error level section flight platform episode season line step "
    "rule question figure table bus year cost costs charged paid price total rent fee worth only than over "
    "under least most about nearly almost another"
)
"""In front of a number: it is none of a person."""
_BEFORE_TIMES: Final = words_of("at by until till around before after from since between past")
_SPELLING: Final = lexicon.ALPHABET | {"ray"}
_ROUND: Final = lexicon.TENS.keys() | {"hundred", "thousand"}


class Left(NamedTuple):
    """What the last tokens are a piece of, and the index of the first of them."""

    type: str | None
    """None when they are complete or harmless."""
    first: int


def find(reading: Reading, end: int) -> Left | None:
    """The number or code that ends before the token at ``end``; None when none does."""
    if (quad := next((quad for quad in reading.quads if quad.last == end), None)) is not None:
        last = quad.groups[-1]
        goes_on = last.spoken and (is_round(reading, end) or int(last.digits) <= LARGEST_TO_GO_ON)
        return Left(spans.IP_ADDRESS if goes_on else None, quad.first)
    run = _run_ending(reading, end)
    code = _code_ending(reading, end, run)
    if run is None and code is None:
        called = _called_word(reading, end)
        is_letter = called is None and end > 1 and reading.word(end - 1) in {"a", "i"}
        return find(reading, end - 1) if is_letter else called
    first = min(each.first for each in (run, code) if each is not None)
    chars = code.chars if code is not None else "" if run is None else run.digits
    if _is_called_harmless(reading, run, first):
        return Left(None, first)
    cue = cue_before(reading, first)
    if cue is None and _is_a_name_of_things(reading, first, end):
        return Left(None, first)
    is_short = run is None or (len(run.digits) < FEWEST_DIGITS and not _is_said_to_be(reading, run))
    if cue is None and is_short:
        return _letters(reading, first, chars)
    kind = cue.kind if cue is not None else None if run is None else reading.cue_near(run)
    if cue is None and run is not None and _is_harmless(reading, run, kind):
        return Left(None, first)
    if _is_whole_iban(chars) or (run is not None and _is_complete(reading, run, kind, chars)):
        return Left(None, first)
    return Left(TYPES[kind] if kind is not None else spans.NUMBER, first)


def _is_a_name_of_things(reading: Reading, first: int, end: int) -> bool:
    """Whether a code that nothing announces is written in one piece and is no beginning of an IBAN: "gate B12"."""
    last = reading.tokens[max(first, end - FEWEST_DIGITS) : end]
    written = [token.word for token in last if token.kind is Kind.CODE]
    return bool(written) and not any(word[:2] in IBAN_LENGTHS and word[2:4].isdigit() for word in written)


def cue_before(reading: Reading, index: int) -> Cue | None:
    """The cue that calls by its name what begins at ``index``, with links only between: "security code of the card"
    is the code's."""
    found: Cue | None = None
    for cue in reversed(reading.cues):
        if cue.last > index or not cue.kind:
            continue
        between = [at for at in range(cue.last, index) if reading.tokens[at].kind is not Kind.MARK]
        if len(between) > lexicon.MOST_LINKS or not all(is_link(reading, at) for at in between):
            break
        if found is None or cue.kind in lexicon.FIELDS:
            found = cue
        if found.kind in lexicon.FIELDS:
            break
    return found


def is_link(reading: Reading, index: int) -> bool:
    """Whether the token at ``index`` may stand between the name of a value and the value."""
    token = reading.tokens[index]
    return token.kind is Kind.MARK or reading.word(index) in LINKS or token.word.replace("’", "'") in LINKS


def _called_word(reading: Reading, end: int) -> Left | None:
    """A single letter, or a word that letters are spelled with, right behind the name of a code: "swift i"."""
    word = reading.word(end - 1)
    if not reading.is_word(end - 1) or not (word in _SPELLING or (len(word) == 1 and word.isalpha())):
        return None
    cue = cue_before(reading, end - 1)
    return Left(TYPES[cue.kind], end - 1) if cue is not None and cue.kind in _CODES else None


def _letters(reading: Reading, first: int, chars: str) -> Left | None:
    """What letters, with few digits, may become that nothing right in front calls a number."""
    before = [reading.word(at) for at in range(max(0, first - MOST_BEFORE_LETTERS), first)]
    spells = any(word in SPELL or word in {"name", "surname"} for word in before)
    is_country = len(chars) == 2 and len(reading.word(first)) == 1 and not spells
    if chars[:2] in IBAN_LENGTHS and (is_country or chars[2:4].isdigit()):
        return Left(spans.IBAN, first)
    letters = sum(char.isalpha() for char in chars)
    if not letters:
        return None
    near = [cue.kind for cue in reading.cues_around(first - CUE_WORDS_BEFORE, first) if cue.kind in _CODES]
    if near or (chars[0].isalpha() and len(chars) - letters > 1):
        return Left(TYPES[near[-1]] if near else spans.NUMBER, first)
    return Left(spans.PERSON_NAME, first) if spells or letters >= FEWEST_LETTERS else None


def _is_said_to_be(reading: Reading, run: Run) -> bool:
    """Whether a number of one or two digits begins: "plus four", "the digits are four", "the card I have is four"."""
    if reading.follows_plus(run):
        return True
    if reading.word(run.first - 1) in {"is", "are"} and reading.word(run.first - 2) in NUMBERS:
        return True
    before = reading.tokens[run.first - 1].word.replace("’", "'") if run.first else ""
    return before in COPULAS and reading.cue_near(run) is not None


class _Spelled(NamedTuple):
    chars: str
    first: int


def _run_ending(reading: Reading, end: int) -> Run | None:
    """The run, or the part of one, that ends before the token at ``end``, without the cents of an amount."""
    for run in reversed(reading.runs):
        if run.first < end:
            groups = sum(group.last <= end for group in run.groups)
            if not groups or run.groups[groups - 1].last != end:
                return None
            cents = reading.word(run.first - 1) == "." and reading.tokens[run.first - 2].kind is Kind.PLAIN
            return run.part(1 if cents else 0, groups) if groups > cents else None
    return None


def _code_ending(reading: Reading, end: int, run: Run | None) -> _Spelled | None:
    """What is spelled and ends before the token at ``end``."""
    if (written := _written_iban(reading, end)) is not None:
        return written
    last = reading.tokens[end - 1]
    is_piece = last.kind is Kind.CODE or (last.kind is Kind.WORD and (len(last.word) == 1 or last.word in _SPELLING))
    explains = any(reading.word(at) in EXPLAINING for at in range(end - 3, end - 1))
    if run is None and not is_piece and not explains:
        return None
    code = next(read_code_before(reading, end), None)
    return None if code is None else _Spelled(code.chars, code.first)


def _written_iban(reading: Reading, end: int) -> _Spelled | None:
    """ "GB69 MBXQ 0460": letters in groups of four."""
    first = end - 1
    while first >= 0 and end - first <= MOST_TOKENS:
        token = reading.tokens[first]
        if token.kind is Kind.CODE and token.word[:2] in IBAN_LENGTHS and token.word[2:4].isdigit():
            return _Spelled("".join(each.word for each in reading.tokens[first:end]), first)
        written = reading.text[token.start : token.end]
        if token.kind not in {Kind.DIGITS, Kind.CODE} and not (len(written) <= BANK_LETTERS and written.isupper()):
            return None
        first -= 1
    return None


def _is_called_harmless(reading: Reading, run: Run | None, first: int) -> bool:
    if reading.is_labelled_at(reading.tokens[first].start):
        return True
    return run is not None and (reading.is_labelled(run) or reading.is_amount(run))


def _is_harmless(reading: Reading, run: Run, kind: str | None) -> bool:
    """Whether ``run``, which no word right in front calls by its name, is a count, a year, a time or the like."""
    if is_years(run.digits) and all(len(group.digits) > 1 for group in run.groups):
        return True
    group = run.groups[0]
    if len(run.groups) == 1 and group.spoken and group.last - group.first > 1 and len(group.digits) > 2:
        return reading.word(group.first) not in lexicon.REPEATS  # "two hundred and fifty"
    before = reading.word(run.first - 1)
    if before in _BEFORE_TIMES and kind != "phone" and _is_time(run):
        return True
    if before in {"is", "was", "of", "it", "the"}:
        before = reading.word(run.first - 2)
    return before in _HARMLESS_NOUNS and kind is None


def _is_time(run: Run) -> bool:
    """ "ten fifteen", "nine oh five"."""
    hour, *minutes = (group.digits for group in run.groups)
    return 0 < len(minutes) <= 2 and int(hour) <= 24 and len("".join(minutes)) == 2


def is_round(reading: Reading, end: int) -> bool:
    """Whether the number that ends before the token at ``end`` may have a unit: "twenty", "two thousand"."""
    return reading.word(end - 1) in _ROUND


def _is_complete(reading: Reading, run: Run, kind: str | None, chars: str) -> bool:
    """Whether ``run`` cannot go on: "twenty" can, and so can what was corrected."""
    digits = run.digits
    if is_round(reading, run.last) or run.corrected:
        return False
    if any(reading.word(at) in _CORRECTING for at in range(run.last, len(reading.tokens))):
        return False
    match kind:
        case "passport":
            return len(chars) >= _PASSPORT_CHARS
        case "phone":
            return _is_whole_phone(reading, run)
        case "expiry" | "expires":
            year = run.groups[-1].digits
            return len(run.groups) > 1 and len(year) in {2, 4} and year != _CENTURY
        case "iban" | "licence" | "account" | "ip":
            return False
        case "swift":
            is_spelled = len(reading.word(run.last - 1)) <= 1 or run.groups[-1].spoken
            return len(chars) in (_LONG_SWIFT if is_spelled else _SWIFT_CHARS) and payment.is_swift(chars)
        case "routing":
            return rtn.is_valid(digits)
        case None | "card":
            if chars[:1].isalpha():
                return False
            grouped = tuple(len(group.digits) for group in run.groups)[-3:] == _PHONE_GROUPS
            return len(digits) >= LONGEST or _is_whole_card(digits) or (grouped and _is_whole_phone(reading, run))
        case _:
            is_written = len(run.groups) == 1 and not run.groups[0].spoken
            return len(digits) in (_COMPLETE_WRITTEN if is_written else _COMPLETE).get(kind, ())


def _is_whole_card(digits: str) -> bool:
    length = 15 if digits[:2] in {"34", "37"} else 14 if digits[:2] in {"30", "36", "38"} else 16
    return len(digits) == length and digits[0] in figures.CARD_BEGINNINGS and luhn.is_valid(digits)


def _is_whole_iban(chars: str) -> bool:
    return chars[:2] in IBAN_LENGTHS and iban.is_valid(chars, check_country=False)


def _is_whole_phone(reading: Reading, run: Run) -> bool:
    return figures.is_whole_phone(f"+{run.digits}" if reading.follows_plus(run) else run.digits, reading.region)
