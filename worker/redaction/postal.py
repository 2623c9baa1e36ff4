"""Postal addresses: a house number, a name and a kind of street, with the town behind them; ZIP codes; boxes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from worker.redaction.codes import read_code
from worker.redaction.lexicon import TEENS, TENS, UNITS, words_of
from worker.redaction.reading import Reading
from worker.redaction.spans import ADDRESS, LABELLED, SUSPECTED, Span
from worker.redaction.tokens import Kind, glued

NAME_WORDS: Final = 4
"""Words of a street's name."""
SMALL_NAME_WORDS: Final = 3
"""The same without capital letters to tell them."""
HOUSE_DIGITS: Final = 6
TOWN_WORDS: Final = 3
ZIP_DIGITS: Final = (5, 9)

SURELY_STREETS: Final = words_of(
    "street avenue ave road boulevard blvd lane highway hwy parkway pkwy terrace crescent turnpike freeway cul-de-sac"
)
STREETS: Final = SURELY_STREETS | words_of(
    "st rd ln drive dr court ct place pl way square circle cir alley trail close row loop ter terr"
)
_NO_NAMES: Final = words_of(
    "a more other different new old minute minutes hour hours day days week weeks month months year years mile miles "
    "block blocks house houses people down up along across the of from on in to and for is are per percent dollar "
    "dollars or my your this that these those off by with at was were we i you it feet foot yards cents way lanes "
    "roads streets left right"
)
LIVING: Final = words_of(
    "live living lives lived reside resides located address moved delivered deliver ship shipped mail stay home"
)
_UNITS: Final = words_of("apartment apt suite unit floor flat ste room")
_STATES: Final = words_of(
    "alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho illinois "
    "indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri "
    "montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah vermont virginia washington "
    "wisconsin wyoming"
)
_TWO_WORD_STATES: Final = frozenset(
    (first, second)
    for first, seconds in {
        "new": "hampshire jersey mexico york",
        "north": "carolina dakota",
        "south": "carolina dakota",
        "west": "virginia",
        "rhode": "island",
    }.items()
    for second in seconds.split()
)
_STATE_CODES: Final = words_of(
    "al ak az ar ca co ct de fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt ne nv nh nj nm ny nc nd oh ok or "
    "pa ri sc sd tn tx ut vt va wa wv wi wy dc"
)
_STATE_WORDS: Final = _STATES | _STATE_CODES | {first for first, _ in _TWO_WORD_STATES}
_TOWNS: Final = words_of(
    "boston chicago houston dallas austin seattle denver miami atlanta phoenix philadelphia portland detroit memphis "
    "baltimore milwaukee sacramento minneapolis cleveland tampa orlando pittsburgh cincinnati springfield brooklyn "
    "manhattan london manchester birmingham leeds glasgow edinburgh dublin toronto vancouver montreal ottawa sydney "
    "melbourne brisbane perth auckland oakland nashville omaha raleigh tucson albuquerque tulsa honolulu buffalo "
    "newark anaheim arlington columbus indianapolis charlotte louisville"
)
_TWO_WORD_TOWNS: Final = frozenset(
    {("new", "york"), ("los", "angeles"), ("san", "francisco"), ("san", "diego"), ("san", "antonio"), ("san", "jose")}
    | {("las", "vegas"), ("new", "orleans"), ("kansas", "city"), ("salt", "lake"), ("st", "louis"), ("fort", "worth")}
)
_NUMBERS: Final = UNITS.keys() | TEENS.keys() | TENS.keys()


def find(reading: Reading) -> Iterator[Span]:
    """Streets with a house number, boxes, ZIP codes that are called so, and those behind a town and a state."""
    if not reading.words.isdisjoint(STREETS):
        for index, token in enumerate(reading.tokens):
            if token.word in STREETS and (first := _street_start(reading, index)) is not None:
                yield _span(reading, first, tail_end(reading, index + 1), LABELLED)
    if "box" in reading.words:
        yield from _find_boxes(reading)
    for cue in reading.cues_of("zip"):
        value = reading.value_after(cue)
        code = None if value is None else read_code(reading, value)
        if code is not None and 4 <= len(code.chars) <= 10 and code.digits > 1:
            yield Span(ADDRESS, code.start, code.end, LABELLED)
    yield from _find_towns(reading)


def _street_start(reading: Reading, index: int) -> int | None:
    """The token of the house number in front of the kind of street at ``index``; None when there is none."""
    first = index
    capitals = True
    while first and index - first < NAME_WORDS:
        token = reading.tokens[first - 1]
        is_name = token.kind is Kind.WORD or (token.kind is Kind.PLAIN and token.word[-1].isalpha())
        if token.kind is Kind.MARK and token.word in ".-" and first < index:
            first -= 1
            continue
        if not is_name or token.word in _NO_NAMES or (token.word in _NUMBERS and first < index):
            break
        if token.word in _NUMBERS:
            break
        capitals = capitals and (token.kind is not Kind.WORD or reading.is_capital(first - 1))
        first -= 1
    if first == index:
        return None
    house = _house_start(reading, first)
    is_sure = reading.tokens[index].word in SURELY_STREETS
    if house is None:
        lives = reading.word(first - 1) in {"on", "at"} and reading.word(first - 2) in LIVING
        return first if lives and is_sure else None
    if capitals or (is_sure and index - first <= SMALL_NAME_WORDS):
        return house
    lives = any(reading.word(each) in LIVING for each in range(max(0, house - 4), house))
    return house if lives or tail_end(reading, index + 1) > index + 1 else None


def is_street_word(reading: Reading, index: int) -> bool:
    """Whether the word at ``index`` may be one of a street's name."""
    return reading.is_word(index) and reading.word(index) not in _NO_NAMES


def _house_start(reading: Reading, index: int) -> int | None:
    """The first token of the house number that ends before ``index``, with a letter to it; None when there is none."""
    if len(reading.word(index - 1)) == 1 and reading.is_word(index - 1) and index - 1 in reading.group_ending:
        index -= 1
    group = reading.group_ending.get(index)
    digits = 0
    start: int | None = None
    while group is not None:
        digits += len(group.digits)
        if digits > HOUSE_DIGITS:
            break
        start = group.first
        group = reading.group_ending.get(start)
    return start


def tail_end(reading: Reading, index: int) -> int:
    """The index after the unit, the town, the state and the ZIP code that follow a street."""
    last = index
    at = _after_mark(reading, index, ".")
    for read in (_unit_end, _town_end, _state_end, _zip_end):
        end = read(reading, _after_mark(reading, at, ","))
        if end is not None:
            last = at = _after_mark(reading, end, ".") if read is not _zip_end else end
            last = end
    return last


def _unit_end(reading: Reading, index: int) -> int | None:
    if reading.word(index) not in _UNITS:
        return None
    at = _after_mark(reading, index + 1, ".")
    if reading.word(at) == "number":
        at += 1
    group = reading.group_at.get(at)
    if group is not None:
        while (following := reading.group_at.get(group.last)) is not None:
            group = following
        letter = reading.word(group.last)
        return group.last + 1 if len(letter) == 1 and letter.isalpha() and letter not in "ai" else group.last
    if at < len(reading.tokens) and (reading.tokens[at].kind is Kind.CODE or len(reading.word(at)) == 1):
        return at + 1 if reading.tokens[at].kind is not Kind.MARK else None
    return None


def _town_end(reading: Reading, index: int) -> int | None:
    """The index after a town: known, in capitals, or in front of a state."""
    at = index + (reading.word(index) == "in")
    if (reading.word(at), reading.word(at + 1)) in _TWO_WORD_TOWNS:
        return at + 2 + (reading.word(at + 2) == "city")
    for words in range(1, TOWN_WORDS + 1):
        if not reading.is_word(at + words - 1) or reading.word(at + words - 1) in _NO_NAMES:
            break
        behind = _after_mark(reading, at + words, ",")
        if _state_end(reading, behind) is not None and reading.word(at) not in _STATES:
            return at + words
    end = at
    while (
        end < at + TOWN_WORDS + 1 and reading.is_word(end) and reading.is_capital(end) and _is_town_word(reading, end)
    ):
        end += 1
        if reading.word(end) == "." and reading.word(end - 1) in {"st", "ft", "mt"}:
            end += 1
    if end > at and (at > index or not reading.begins_sentence(at) or reading.word(at) in _TOWNS):
        return end
    return at + 1 if reading.word(at) in _TOWNS else None


def _is_town_word(reading: Reading, index: int) -> bool:
    return reading.word(index) not in _NO_NAMES and not (
        reading.word(index) in _STATE_CODES
        and reading.text[reading.tokens[index].start : reading.tokens[index].end].isupper()
    )


def _state_end(reading: Reading, index: int) -> int | None:
    if (reading.word(index), reading.word(index + 1)) in _TWO_WORD_STATES:
        return index + 2
    if reading.word(index) in _STATES:
        return index + 1
    if reading.word(index) in _STATE_CODES and reading.is_word(index):
        token = reading.tokens[index]
        if reading.text[token.start : token.end].isupper() and token.end - token.start == 2:
            return index + 1
    return None


def _zip_end(reading: Reading, index: int) -> int | None:
    """The index after five or nine figures, or letters and figures as in Britain and Canada."""
    if reading.word(index) in {"zip", "zipcode"}:
        index += 1 + (reading.word(index + 1) == "code")
    run = reading.run_at.get(index)
    if run is not None:
        digits = 0
        end: int | None = None
        for group in run.groups:
            digits += len(group.digits)
            end = group.last if digits in ZIP_DIGITS else end
        return end
    if index + 2 < len(reading.tokens) and reading.tokens[index].kind is Kind.CODE and len(reading.word(index)) <= 4:
        digit, letters = reading.tokens[index + 1], reading.tokens[index + 2]
        if digit.kind is Kind.DIGITS and len(digit.word) == 1 and glued(digit, letters) and len(letters.word) <= 2:
            return index + 3
    return None


def _find_boxes(reading: Reading) -> Iterator[Span]:
    """ "P.O. Box 123"."""
    for index in range(1, len(reading.tokens) - 1):
        run = reading.run_at.get(index + 1)
        if reading.word(index) != "box" or run is None or len(run.groups[0].digits) > HOUSE_DIGITS:
            continue
        before = "".join(reading.word(each) for each in range(max(0, index - 4), index)).replace(".", "")
        if before.endswith(("po", "postoffice")):
            first = index - 1
            while first and reading.word(first) not in {"p", "po", "post"}:
                first -= 1
            yield _span(reading, first, tail_end(reading, run.groups[0].last), LABELLED)


def _find_towns(reading: Reading) -> Iterator[Span]:
    """ "Springfield, IL 62701", and the same with the name of the state."""
    if not reading.runs or reading.words.isdisjoint(_STATE_WORDS):
        return
    for index in range(1, len(reading.tokens)):
        state = _state_end(reading, index) if reading.stems[index] in _STATE_WORDS else None
        if state is None:
            continue
        code = _zip_end(reading, _after_mark(reading, state, ","))
        if code is None:
            continue
        first = index - (reading.word(index - 1) == ",")
        town = first
        while town and first - town < TOWN_WORDS and reading.is_word(town - 1) and reading.is_capital(town - 1):
            town -= 1
        yield _span(reading, town if town < first else index, code, SUSPECTED)


def _after_mark(reading: Reading, index: int, mark: str) -> int:
    return index + 1 if reading.word(index) == mark else index


def _span(reading: Reading, first: int, last: int, score: float) -> Span:
    return Span(ADDRESS, reading.tokens[first].start, reading.tokens[last - 1].end, score)
