"""Dates of the calendar, dates of birth and ages, written and spoken.

Days of the week and "tomorrow" are no dates here: they tell nothing about a person by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from worker.redaction import lexicon
from worker.redaction.gazetteer import FIRST_NAMES, SURNAMES
from worker.redaction.lexicon import words_of
from worker.redaction.reading import Reading
from worker.redaction.runs import Group
from worker.redaction.spans import AGE, DATE, DATE_OF_BIRTH, LABELLED, SUSPECTED, VERIFIED, WEAK, Span
from worker.redaction.tokens import Kind

MONTHS: Final = words_of(
    "january february march april may june july august september october november december jan feb mar apr jun jul "
    "aug sept sep oct nov dec"
)
ORDINALS: Final = words_of(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth"
)
SMALL_ORDINALS: Final = words_of("first second third fourth fifth sixth seventh eighth ninth")
MOST_DAYS: Final = 31
OLDEST: Final = 120
YOUNGEST_ALONE: Final = 13
"""From here on "I'm forty" is an age; below it is as often a number of something."""
BIRTH_TOKENS: Final = 10
"""How far behind "born" a date is one of birth, with a place or a time between."""

_WRITTEN: Final = re.compile(r"\d{1,4}([/.-])\d{1,2}\1\d{2,4}\Z")
_WRITTEN_ORDINAL: Final = re.compile(r"\d{1,2}(?:st|nd|rd|th)\Z")
_DOERS: Final = words_of("i we you they he she it that who may might can could will would to")
_NOT_MONTHS_BEHIND_DOERS: Final = frozenset({"may", "march", "mar"})
_BIRTH_DIGITS: Final = range(6, 9)
_PERSONS: Final = words_of(
    "patient customer caller client child baby boy girl man woman kid person guy lady driver owner student employee "
    "tenant"
)
_NO_YEARS: Final = (lexicon.AMOUNTS - {"years", "months"}) | {"ms", "s", "kb", "mb", "gb"}
_YEARS: Final = words_of("year years month months yrs")
_CALLED: Final = words_of("age aged ages old turned turning turns turn")
_PRONOUNS: Final = words_of("i he she they you we who both")
_ADVERBS: Final = words_of("about nearly almost only just over now already currently like around roughly still")
_BEFORE_AGE: Final = words_of("is of was the at my are you he she , : ? i'm i am")
_AFTER_OLD: Final = words_of("and or who is was with has from in at so but now today when")
_ENDS: Final = words_of(
    ". , ! ? and but so my his her he she i we now next this in on soon today when then at with or as who still already"
)
_BACK: Final = words_of("is was that that's the my his her your their")


class Place(NamedTuple):
    """A date from the token at ``first`` to before the one at ``last``."""

    first: int
    last: int
    has_year: bool


def find_dates(reading: Reading) -> Iterator[Span]:
    """Days of the calendar, and months with a year."""
    for place in _dates(reading):
        yield _span(reading, DATE, place.first, place.last, VERIFIED)


def find_births(reading: Reading) -> Iterator[Span]:
    """Dates near "born" and "birth", and years and figures right behind them."""
    if not reading.has_cue("birth"):
        return
    places = tuple(_dates(reading))
    for cue in reading.cues_of("birth"):
        value = reading.value_after(cue)
        behind = next((place for place in places if place.first >= cue.last), None)
        if (
            behind is not None
            and behind.first <= cue.last + BIRTH_TOKENS
            and (behind.first == value or not _ends_sentence(reading, cue.last, behind.first))
        ):
            yield _span(reading, DATE_OF_BIRTH, behind.first, _birth_end(reading, behind), LABELLED)
        for place in places:
            if place.last <= cue.first and all(reading.word(each) in _BACK for each in range(place.last, cue.first)):
                yield _span(reading, DATE_OF_BIRTH, place.first, place.last, LABELLED)
        if value is None:
            continue
        run = reading.run_at.get(value)
        year = _year_end(reading, value, loose=False)
        if year is not None:
            yield _span(reading, DATE_OF_BIRTH, value, year, LABELLED)
        elif run is not None and len(run.digits) in _BIRTH_DIGITS:
            yield Span(DATE_OF_BIRTH, run.start, run.end, LABELLED)
        elif (month := month_end(reading, value)) is not None:
            yield _span(reading, DATE_OF_BIRTH, value, month, LABELLED)


def find_ages(reading: Reading) -> Iterator[Span]:
    """ "43 years old", "aged 43", and "I am forty three" where nothing follows that is counted."""
    has_years = not reading.words.isdisjoint(_YEARS)
    is_called = not reading.words.isdisjoint(_CALLED)
    for run in reading.runs:
        if not (has_years or is_called or len(run.groups) == 1):
            continue
        for group in run.groups:
            if len(group.digits) > 3 or not 0 < int(group.digits) <= OLDEST:
                continue
            end = _old_end(reading, group.last) if has_years else None
            if end is not None:
                score = WEAK if _is_said_of_thing(reading, group) else VERIFIED
                yield _span(reading, AGE, group.first, end, score)
            elif is_called and _is_called_age(reading, group):
                yield Span(AGE, group.start, group.end, LABELLED)
            elif len(run.groups) == 1 and _is_said_of_person(reading, group):
                yield Span(AGE, group.start, group.end, SUSPECTED)


def month_end(reading: Reading, index: int) -> int | None:
    """The index after a month and the year or day behind it, from the token at ``index`` on; None without a month."""
    if reading.word(index) not in MONTHS:
        return None
    date = _date_at(reading, index)
    if date is not None:
        return date.last
    group = reading.group_at.get(_skip(reading, index + 1, {".", ",", "of", "the"}))
    return index + 1 if group is None or len(group.digits) > 4 else group.last


def _dates(reading: Reading) -> Iterator[Place]:
    has_month = not reading.words.isdisjoint(MONTHS)
    index = 0
    while index < len(reading.tokens):
        token = reading.tokens[index]
        date: Place | None = None
        if token.kind is Kind.PLAIN and _WRITTEN.match(token.word) is not None:
            date = Place(index, index + 1, True)
        elif has_month:
            date = _date_at(reading, index)
        if date is not None:
            yield date
        index = index + 1 if date is None else date.last


def _date_at(reading: Reading, index: int) -> Place | None:
    """ "may 2nd 1984", "2 May", "the second of May, 1984", "may nineteen eighty four"."""
    month = reading.word(index) in MONTHS
    if month:
        if reading.word(index) in _NOT_MONTHS_BEHIND_DOERS and reading.word(index - 1) in _DOERS:
            return None
        after = _skip(reading, index + 1, {"."})
        day = _day_end(reading, _skip(reading, after, {"the"}))
        alone = _year_end(reading, after, loose=False)
        if alone is not None and alone not in reading.group_at:
            return Place(index, alone, True)
        year = _year_end(reading, after if day is None else day, loose=day is not None)
        if day is None and year is None:
            return None
        return Place(index, year or day or after, year is not None)
    day = _day_end(reading, index)
    if day is None:
        return None
    at = _skip(reading, day, {"of"})
    if reading.word(at) not in MONTHS or (at == day and reading.word(at) in {"may", "march"} and _is_verb(reading, at)):
        return None
    after = (
        _skip(reading, at + 1, {"."})
        if at + 1 < len(reading.tokens) and _year_end(reading, at + 2, loose=False)
        else at + 1
    )
    year = _year_end(reading, after, loose=True)
    return Place(index, year or at + 1, year is not None)


def _is_verb(reading: Reading, index: int) -> bool:
    """Whether "may" or "march" is followed by what only a verb is followed by."""
    return reading.word(index + 1) in {"be", "have", "not", "need", "also", "to", "on", "in"}


def _day_end(reading: Reading, index: int) -> int | None:
    if index >= len(reading.tokens):
        return None
    token = reading.tokens[index]
    if token.kind is Kind.PLAIN:
        return index + 1 if _WRITTEN_ORDINAL.match(token.word) is not None else None
    if token.word in lexicon.TENS:
        behind = _skip(reading, index + 1, {"-"})
        if reading.word(behind) in SMALL_ORDINALS:
            return behind + 1
    if token.word in ORDINALS:
        return index + 1
    group = reading.group_at.get(index)
    if group is not None and len(group.digits) <= 2 and 1 <= int(group.digits) <= MOST_DAYS:
        return group.last
    return None


def _year_end(reading: Reading, index: int, *, loose: bool) -> int | None:
    """The index after "1984", "nineteen eighty four", "two thousand and four"; if ``loose``, also after ", in 1984"."""
    if loose:
        index = _skip(reading, index, {",", "of", "in"})
    group = reading.group_at.get(index)
    if group is None or group.digits[:2] not in {"19", "20"}:
        return None
    digits = group.digits
    while len(digits) < 4 and (following := reading.group_at.get(_skip(reading, group.last, {"-"}))) is not None:
        group = following
        digits += group.digits
    return group.last if len(digits) == 4 else None


def _birth_end(reading: Reading, place: Place) -> int:
    """The index after the date, with a year of two digits: "may second eighty four"."""
    if place.has_year:
        return place.last
    group = reading.group_at.get(_skip(reading, place.last, {",", "of", "in"}))
    return place.last if group is None or len(group.digits) > 2 else group.last


def _old_end(reading: Reading, index: int) -> int | None:
    """The index after "years old"; None when something else stands at ``index``."""
    if [reading.word(index + each) for each in range(3)] == ["and", "a", "half"]:
        index += 3
    index = _skip(reading, index, {"-"})
    if reading.word(index) not in _YEARS:
        return None
    index = _skip(reading, index + 1, {"-"})
    if reading.word(index) in {"old", "olds", "young"}:
        return index + 1
    return index + 2 if reading.word(index) == "of" and reading.word(index + 1) == "age" else None


def _is_called_age(reading: Reading, group: Group) -> bool:
    index = group.first - 1
    while group.first - index < 5 and reading.word(index) in _BEFORE_AGE:
        index -= 1
    if reading.word(index) in {"age", "aged", "ages"}:
        return reading.word(group.last) not in _NO_YEARS
    if reading.word(index) == "old" and reading.word(index - 1) == "how":
        return True
    turned = reading.word(group.first - 1) in {"turned", "turning", "turns", "turn"}
    return turned and reading.word(group.last) not in lexicon.AMOUNTS | {"left", "right", "degrees", "off", "on"}


def _is_said_of_person(reading: Reading, group: Group) -> bool:
    if group.last < len(reading.tokens) and reading.word(group.last) not in _ENDS:
        return False
    index = _before_adverbs(reading, group.first - 1)
    before = reading.tokens[index].word.replace("’", "'") if index >= 0 else ""
    if int(group.digits) < YOUNGEST_ALONE and (before in {"i'm", "am", "m"} or reading.word(index - 1) == "i"):
        return False
    if before in {"i'm", "he's", "she's"}:
        return True
    if before == "," and reading.word(index - 1) in lexicon.KIN and reading.word(group.last) == ",":
        return True
    if before == "be":
        return reading.tokens[index - 1].word.replace("’", "'") in {"i'll", "he'll", "she'll"} or (
            reading.word(index - 1) == "will" and _is_person(reading, index - 2)
        )
    return before in {"am", "is", "m", "was"} and _is_person(reading, index - 1)


def _is_said_of_thing(reading: Reading, group: Group) -> bool:
    """Whether the years are those of a roof: nothing that they are said of is a word for a person."""
    index = _before_adverbs(reading, group.first - 1)
    word = reading.tokens[index].word.replace("’", "'") if index >= 0 else ""
    if word in {"it's", "that's"}:
        return True
    if word in {"is", "are", "was", "were"}:
        return not _is_person(reading, index - 1)
    if word in {"a", "an", "the", "this", "that", "my"}:
        end = _old_end(reading, group.last) or group.last
        return reading.is_word(end) and reading.word(end) not in lexicon.KIN | _PERSONS | _AFTER_OLD
    return False


def _before_adverbs(reading: Reading, index: int) -> int:
    while index >= 0 and reading.word(index) in _ADVERBS:
        index -= 1
    return index


def _is_person(reading: Reading, index: int) -> bool:
    word = reading.word(index)
    return word in _PRONOUNS or word in lexicon.KIN or word in _PERSONS or word in FIRST_NAMES or word in SURNAMES


def _ends_sentence(reading: Reading, first: int, last: int) -> bool:
    return any(
        reading.tokens[each].kind is Kind.WALL
        or reading.tokens[each].word in {"?", "!"}
        or (reading.tokens[each].word == "." and reading.text[reading.tokens[each].end :][:1].isspace())
        for each in range(first, last)
    )


def _skip(reading: Reading, index: int, words: set[str]) -> int:
    while reading.word(index) in words:
        index += 1
    return index


def _span(reading: Reading, kind: str, first: int, last: int, score: float) -> Span:
    return Span(kind, reading.tokens[first].start, reading.tokens[last - 1].end, score)
