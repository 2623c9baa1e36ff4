"""Dates of the calendar and dates of birth, written and spoken.

Days of the week and "tomorrow" are no dates here: they tell nothing about a person by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from worker.redaction import lexicon
from worker.redaction.lexicon import words_of
from worker.redaction.reading import Reading
from worker.redaction.spans import DATE, DATE_OF_BIRTH, LABELLED, VERIFIED, Span
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
BIRTH_TOKENS: Final = 10
"""How far behind "born" a date is one of birth, with a place or a time between."""

_WRITTEN: Final = re.compile(r"\d{1,4}([/.-])\d{1,2}\1\d{2,4}\Z")
WRITTEN_ORDINAL: Final = re.compile(r"\d{1,2}(?:st|nd|rd|th)\Z")
_DOERS: Final = words_of("i we you they he she it that who may might can could will would to")
_NOT_MONTHS_BEHIND_DOERS: Final = frozenset({"may", "march", "mar"})
_BIRTH_DIGITS: Final = range(6, 9)
_BACK: Final = words_of("is was that that's the my his her your their")


class Place(NamedTuple):
    """A date from the token at ``first`` to before the one at ``last``."""

    first: int
    last: int
    has_year: bool


def find_dates(reading: Reading) -> Iterator[Span]:
    """Days of the calendar, and months with a year."""
    for place in _dates(reading):
        yield span_of(reading, DATE, place.first, place.last, VERIFIED)


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
            yield span_of(reading, DATE_OF_BIRTH, behind.first, _birth_end(reading, behind), LABELLED)
        for place in places:
            if place.last <= cue.first and all(reading.word(each) in _BACK for each in range(place.last, cue.first)):
                yield span_of(reading, DATE_OF_BIRTH, place.first, place.last, LABELLED)
        if value is None:
            continue
        run = reading.run_at.get(value)
        year = _year_end(reading, value, loose=False)
        if year is not None:
            yield span_of(reading, DATE_OF_BIRTH, value, year, LABELLED)
        elif run is not None and len(run.digits) in _BIRTH_DIGITS:
            yield Span(DATE_OF_BIRTH, run.start, run.end, LABELLED)
        elif (month := month_end(reading, value)) is not None:
            yield span_of(reading, DATE_OF_BIRTH, value, month, LABELLED)


def month_end(reading: Reading, index: int) -> int | None:
    """The index after a month and the year or day behind it, from the token at ``index`` on; None without a month."""
    if reading.word(index) not in MONTHS:
        return None
    date = _date_at(reading, index)
    if date is not None:
        return date.last
    group = reading.group_at.get(skip(reading, index + 1, {".", ",", "of", "the"}))
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
        after = skip(reading, index + 1, {"."})
        day = _day_end(reading, skip(reading, after, {"the"}))
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
    at = skip(reading, day, {"of"})
    if reading.word(at) not in MONTHS or (at == day and reading.word(at) in {"may", "march"} and _is_verb(reading, at)):
        return None
    after = (
        skip(reading, at + 1, {"."})
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
        return index + 1 if WRITTEN_ORDINAL.match(token.word) is not None else None
    if token.word in lexicon.TENS:
        behind = skip(reading, index + 1, {"-"})
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
        index = skip(reading, index, {",", "of", "in"})
    group = reading.group_at.get(index)
    if group is None or group.digits[:2] not in {"19", "20"}:
        return None
    digits = group.digits
    while len(digits) < 4 and (following := reading.group_at.get(skip(reading, group.last, {"-"}))) is not None:
        group = following
        digits += group.digits
    return group.last if len(digits) == 4 else None


def _birth_end(reading: Reading, place: Place) -> int:
    """The index after the date, with a year of two digits: "may second eighty four"."""
    if place.has_year:
        return place.last
    group = reading.group_at.get(skip(reading, place.last, {",", "of", "in"}))
    return place.last if group is None or len(group.digits) > 2 else group.last


def _ends_sentence(reading: Reading, first: int, last: int) -> bool:
    return any(
        reading.tokens[each].kind is Kind.WALL
        or reading.tokens[each].word in {"?", "!"}
        or (reading.tokens[each].word == "." and reading.text[reading.tokens[each].end :][:1].isspace())
        for each in range(first, last)
    )


def skip(reading: Reading, index: int, words: set[str]) -> int:
    """The index of the first token from ``index`` on that is none of ``words``."""
    while reading.word(index) in words:
        index += 1
    return index


def span_of(reading: Reading, kind: str, first: int, last: int, score: float) -> Span:
    """The tokens from ``first`` to before ``last``."""
    return Span(kind, reading.tokens[first].start, reading.tokens[last - 1].end, score)
