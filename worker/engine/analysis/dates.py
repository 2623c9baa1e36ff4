"""Dates and times of day in a sentence, and what they mean on the day it was said.

A cheap pattern proposes spans; only those are looked at, so "may", "sat" or "second" on their own are never dates.
Relative expressions are resolved here; calendar dates ("March 5th", "12/5/2026") go to dateparser.

Conventions, all in the speaker's local time:

* a weekday is the next one, never today; "this Friday" may be today; "next Friday" is the one of the following week,
  which begins on Monday;
* "end of the week" is Friday, "end of day" 17:00; "in the morning" 9:00, "afternoon" 13:00, "evening" and "tonight"
  18:00;
* an hour from one to seven without "a.m." is in the afternoon;
* a date without a year lies ahead.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from itertools import islice

import dateparser  # type: ignore[import-untyped]  # ships no types

from worker.engine.analysis.lexicon import MONTHS, WEEKDAYS

MAX_DATES = 20
"""More than this in one text are not looked at."""

_UNITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
    *("eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth"),
    *("nineteenth", "twentieth"),
)
_COUNTS = {word: number for number, word in enumerate(_UNITS, 1)} | {"a": 1, "an": 1, "a couple of": 2, "a few": 3}
_COUNTS |= {"fifteen": 15, "twenty": 20, "thirty": 30, "forty five": 45, "twenty four": 24, "forty eight": 48}
_DAYS = {word: number for number, word in enumerate(_ORDINALS, 1)} | {"thirtieth": 30}
_DAYS |= {f"twenty {word}": 20 + number for number, word in enumerate(_ORDINALS[:9], 1)} | {"thirty first": 31}


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(word).replace(r"\ ", r"[\s-]") for word in sorted(words, key=len, reverse=True))


_DAY_NUMBER = rf"(?:\d{{1,2}}(?:st|nd|rd|th)?|{_any(_DAYS)})\b"
_MONTH = rf"(?:{_any(MONTHS)}|jan|feb|apr|jun|jul|aug|sept|sep|oct|nov|dec)\b\.?"
_YEAR = r"(?:,?\s(?:19|20)\d\d\b)?"
_PART = r"(?P<part>morning|afternoon|evening|night)"
_DAY_PATTERN = rf"""
    (?P<calendar>
        (?:the\s)?{_DAY_NUMBER}\s(?:of\s)?{_MONTH}{_YEAR}
      | (?<!\bi\s)(?<!\bwe\s)(?<!\byou\s)(?<!\bthey\s)(?<!\bit\s)(?<!\bthat\s){_MONTH}\s
          (?:the\s)?{_DAY_NUMBER}(?!\s(?:percent|people)){_YEAR}
      | (?:19|20)\d\d-\d\d?-\d\d?\b
      | (?<![\d/])\d\d?/\d\d?(?:/(?:19|20)?\d\d)?(?![\d/])
      | (?:(?<=\bon\s)|(?<=\bby\s)|(?<=\buntil\s)|(?<=\bbefore\s))the\s
          (?:\d\d?(?:st|nd|rd|th)|{_any(_DAYS)})\b(?=\s*(?:[.,?!;]|$)|\s(?:at|and|to|so|for|of\s(?:this|next)\smonth)\b)
    )
  | (?P<day>the\sday\safter\stomorrow|tomorrow|today|tonight|yesterday)\b(?:\s{_PART}\b)?
  | (?:(?P<which>this\scoming|this|next|coming|last|past)\s)?
      (?P<weekday>{_any(WEEKDAYS)})\b(?P<nextweek>\s(?:of\s)?next\sweek\b)?
      (?:\s(?P<part2>morning|afternoon|evening|night)\b)?
  | (?P<end>(?:the\s)?end\sof\s(?:(?:the|this|next|your|business)\s)?(?:day|week|month|quarter|year)
      |close\sof\sbusiness)\b
  | (?P<period>(?:next|this|last|following)\s(?:week|weekend|month|quarter|year|morning|afternoon|evening))\b
  | (?:in|within)\s(?:the\snext\s|about\s)?(?P<count>\d{{1,3}}|{_any(_COUNTS)})\s
      (?:business\s|working\s)?(?P<unit>minute|hour|day|week|month|year)s?\b
"""
_CLOCK = rf"""
    (?P<noon>noon|midday|midnight)\b
  | (?:in\s)?the\s(?P<part3>morning|afternoon|evening)\b
  | (?P<hour>\d\d?|{_any(_UNITS)})(?:
        (?::(?P<minute>\d\d)|[\s](?P<spoken>fifteen|thirty|forty[\s-]five))?\s?(?P<half>a\.?\s?m\b\.?|p\.?\s?m\b\.?)
      | :(?P<minute2>[0-5]\d)\b
      | \so'?clock\b
      | \s(?P<spoken2>fifteen|thirty|forty[\s-]five)\b(?=\s*(?:[.,?!;]|$))
    )
"""
_PREFIX = r"(?:(?:by|on|before|until|till|after|since|from|at|around|for|no\slater\sthan)\s){0,2}"
_FLAGS = re.IGNORECASE | re.VERBOSE
_DAY = re.compile(rf"\b(?P<prefix>{_PREFIX})(?P<body>{_DAY_PATTERN})", _FLAGS)
_TIME = re.compile(rf"\b(?P<prefix>{_PREFIX})(?P<body>{_CLOCK})", _FLAGS)
# "at three" is a time of day only next to a day.
_BARE_TIME = re.compile(
    rf"\s*,?\s?(?:at|around|by|before|after)\s(?P<hour>\d\d?|{_any(_UNITS)})(?:[\s](?P<spoken>fifteen|thirty))?\b"
    r"(?!\s*(?:dollars|people|percent|of|and|%|[-/:.]\d))",
    re.IGNORECASE,
)
_GLUE = re.compile(r"[\s,]*(?:at|on|in|around)?\s*", re.IGNORECASE)
_HOURS_OF_PARTS = {"morning": 9, "afternoon": 13, "evening": 18, "night": 18, "tonight": 18}
_MONTH_STEPS = {"month": 1, "quarter": 3, "year": 12}
# The offsets in use on earth end at +14:00.
_MAX_OFFSET_MINUTES = 14 * 60


@dataclass(frozen=True, slots=True)
class DateSpan:
    """A date or time in a text: where it stands with its preposition, and the local moment it means.

    ``has_day`` is False for a mere time of day, ``has_time`` for a mere date. ``body_start`` is where the words after
    the preposition begin.
    """

    text: str = field(repr=False)
    start: int
    end: int
    body_start: int
    moment: datetime = field(repr=False)
    has_day: bool
    has_time: bool

    def iso(self) -> str:
        """``2026-03-06``, or ``2026-03-06T15:00:00`` when a time of day was given."""
        return self.moment.isoformat(timespec="seconds") if self.has_time else self.moment.date().isoformat()


def dates_of(text: str, said_at: datetime, timezone_offset_minutes: int) -> list[DateSpan]:
    """All dates and times of a text in order, resolved to local moments.

    Args:
        said_at: UTC.
        timezone_offset_minutes: east of UTC; nonsense is taken as the nearest offset there is.
    """
    base = _local(said_at, timezone_offset_minutes)
    spans: list[DateSpan] = []
    for pattern, is_day in ((_DAY, True), (_TIME, False)):
        for match in islice(pattern.finditer(text), MAX_DATES):
            try:
                moment, has_time = _day(match, base) if is_day else (_at_time(base, _clock(match)), True)
            except (ValueError, OverflowError):
                continue
            if any(match.start("body") < span.end and span.start < match.end() for span in spans):
                continue
            spans.append(DateSpan(match[0], match.start(), match.end(), match.start("body"), moment, is_day, has_time))
    return _joined(text, sorted(spans, key=lambda span: span.start))


def due_of(spans: list[DateSpan], said_at: datetime, timezone_offset_minutes: int) -> str | None:
    """The last of the dates that is not over, ISO 8601 in UTC; a mere date begins at local midnight."""
    base = _local(said_at, timezone_offset_minutes)
    for span in reversed(spans):
        if span.moment.date() >= base.date():
            try:
                moment = span.moment - _offset(timezone_offset_minutes)
            except OverflowError:
                continue
            return moment.isoformat(timespec="milliseconds") + "Z"
    return None


def _offset(minutes: int) -> timedelta:
    return timedelta(minutes=max(-_MAX_OFFSET_MINUTES, min(_MAX_OFFSET_MINUTES, minutes)))


def _local(said_at: datetime, timezone_offset_minutes: int) -> datetime:
    naive = said_at.astimezone(UTC).replace(tzinfo=None) if said_at.tzinfo is not None else said_at
    try:
        return naive + _offset(timezone_offset_minutes)
    except OverflowError:
        return naive


def _parse(text: str, base: datetime) -> datetime | None:
    moment: datetime | None = dateparser.parse(
        text,
        languages=["en"],
        settings={
            "RELATIVE_BASE": base,
            "PREFER_DATES_FROM": "future",
            "PARSERS": ["absolute-time"],
            "RETURN_AS_TIMEZONE_AWARE": False,
        },
    )
    return moment


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time())


def _at_time(moment: datetime, clock: time) -> datetime:
    return datetime.combine(moment.date(), clock)


def _day(match: re.Match[str], base: datetime) -> tuple[datetime, bool]:
    found = match.groupdict()
    part = found["part"] or found["part2"]
    if found["calendar"] is not None:
        words = re.sub(rf"\b(?:{_any(_DAYS)})\b", lambda day: str(_DAYS[_plain(day[0])]), found["calendar"].lower())
        moment = _parse(re.sub(r"^the ", "", words), base)
        if moment is None:
            raise ValueError("not a date of the calendar")
        return _midnight(moment), False
    if found["day"] is not None:
        day = _plain(found["day"])
        shift = {"tomorrow": 1, "yesterday": -1, "the day after tomorrow": 2}.get(day, 0)
        moment = _midnight(base) + timedelta(days=shift)
        part = part or (day if day == "tonight" else None)
    elif found["weekday"] is not None:
        moment = _weekday(found, base)
    elif found["end"] is not None:
        return _end(_plain(found["end"]), base)
    elif found["period"] is not None:
        which, _, period = _plain(found["period"]).partition(" ")
        part = period if period in _HOURS_OF_PARTS else None
        moment = _midnight(base) if part is not None else _period(which, period, base)
    else:
        return _after(_plain(found["count"]), found["unit"].lower(), base)
    return (moment, False) if part is None else (moment.replace(hour=_HOURS_OF_PARTS[part.lower()]), True)


def _plain(text: str) -> str:
    return " ".join(text.lower().replace("-", " ").split())


def _weekday(found: dict[str, str | None], base: datetime) -> datetime:
    ahead = (WEEKDAYS.index((found["weekday"] or "").lower()) - base.weekday()) % 7
    which = _plain(found["which"] or "")
    if which in {"last", "past"}:
        days = ahead - 7
    elif which == "next" or found["nextweek"] is not None:
        days = 7 - base.weekday() + WEEKDAYS.index((found["weekday"] or "").lower())
    else:
        days = ahead if which.startswith("this") else ahead or 7
    return _midnight(base) + timedelta(days=days)


def _end(words: str, base: datetime) -> tuple[datetime, bool]:
    today = _midnight(base)
    if words.endswith(("day", "business")):
        return today.replace(hour=17), True
    later = "next" in words
    if words.endswith("week"):
        friday = today + timedelta(days=4 - today.weekday() + (7 if later else 0))
        return (friday if friday >= today else friday + timedelta(days=7)), False
    if words.endswith("month"):
        first = _plus_months(today.replace(day=1), 1 if later else 0)
        return first.replace(day=calendar.monthrange(first.year, first.month)[1]), False
    span = 3 if words.endswith("quarter") else 12
    months_left = span - 1 - (today.month - 1) % span
    first = _plus_months(today.replace(day=1), months_left + (span if later else 0))
    return first.replace(day=calendar.monthrange(first.year, first.month)[1]), False


def _period(which: str, period: str, base: datetime) -> datetime:
    steps = {"next": 1, "following": 1, "last": -1}.get(which, 0)
    today = _midnight(base)
    if period == "week":
        return today + timedelta(days=7 * steps - (today.weekday() if steps else 0))
    if period == "weekend":
        return today + timedelta(days=(5 - today.weekday()) % 7 + 7 * steps)
    return today if steps == 0 else _plus_months(today.replace(day=1), steps * _MONTH_STEPS[period])


def _after(count: str, unit: str, base: datetime) -> tuple[datetime, bool]:
    number = int(count) if count.isdigit() else _COUNTS[count]
    if unit in {"minute", "hour"}:
        return base.replace(microsecond=0) + timedelta(**{f"{unit}s": number}), True
    if unit in {"day", "week"}:
        return _midnight(base) + timedelta(days=number * (7 if unit == "week" else 1)), False
    return _plus_months(_midnight(base), number * (12 if unit == "year" else 1)), False


def _plus_months(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1]))


def _clock(match: re.Match[str]) -> time:
    found = match.groupdict()
    if found["noon"] is not None:
        return time(0 if found["noon"].lower() == "midnight" else 12)
    if found["part3"] is not None:
        return time(_HOURS_OF_PARTS[found["part3"].lower()])
    minute = found["minute"] or found["minute2"] or str(_minutes(found["spoken"] or found["spoken2"]))
    return _time_of(found["hour"], int(minute), (found["half"] or "").lower()[:1])


def _minutes(spoken: str | None) -> int:
    return _COUNTS[_plain(spoken)] if spoken is not None else 0


def _time_of(hour: str, minute: int, half: str) -> time:
    number = int(hour) if hour.isdigit() else _COUNTS[hour.lower()]
    if half and number <= 12:
        number = number % 12 + (12 if half == "p" else 0)
    elif not half and 1 <= number <= 7:
        number += 12
    return time(number, minute)


def _joined(text: str, spans: list[DateSpan]) -> list[DateSpan]:
    """Puts a day and the time of day next to it together, and finds "at three" behind a day."""
    result: list[DateSpan] = []
    for span in spans:
        last = result[-1] if result else None
        if (
            last is not None
            and last.has_day != span.has_day
            and _GLUE.fullmatch(text, last.end, span.start) is not None
        ):
            day, clock = (last, span) if last.has_day else (span, last)
            result[-1] = replace(
                last,
                text=text[last.start : span.end],
                end=span.end,
                moment=_at_time(day.moment, clock.moment.time()),
                has_day=True,
                has_time=True,
            )
        else:
            result.append(span)
    return [_with_bare_time(text, span, result) for span in result]


def _with_bare_time(text: str, span: DateSpan, spans: list[DateSpan]) -> DateSpan:
    match = _BARE_TIME.match(text, span.end)
    if (
        match is None
        or span.has_time
        or any(other.start < match.end() and match.start() < other.end for other in spans)
    ):
        return span
    try:
        clock = _time_of(match["hour"], _minutes(match["spoken"]), "")
    except ValueError:
        return span
    moment = _at_time(span.moment, clock)
    return replace(span, text=text[span.start : match.end()], end=match.end(), moment=moment, has_time=True)
