"""Personal data of a text as the wire reports it: what `worker.redaction` finds, with the value that it means."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

from worker.engine.analysis.dates import dates_of
from worker.redaction import Redactor, Span

# A year that was said stays the same on every day on which the text may have been said.
_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_REDACTOR = Redactor()


class PersonalData(NamedTuple):
    """Something personal at ``[start, end)``; ``value`` is what it means: dates with a year as ISO 8601."""

    type: str
    start: int
    end: int
    value: str


def personal_data_of(text: str) -> list[PersonalData]:
    """Personal data in the order of its place, without overlaps. Never raises."""
    return [PersonalData(span.type, span.start, span.end, _value(text, span)) for span in _REDACTOR.find(text)]


def _value(text: str, span: Span) -> str:
    verbatim = text[span.start : span.end]
    return _iso(verbatim) if span.type == "DATE_OF_BIRTH" else verbatim


def _iso(verbatim: str) -> str:
    """A date in ISO 8601 when its year is written with it; otherwise as it was said."""
    if _YEAR.search(verbatim) is None:
        return verbatim
    dates = [date for date in dates_of(verbatim, _ANY_DAY, 0) if date.has_day]
    return dates[0].moment.date().isoformat() if dates else verbatim
