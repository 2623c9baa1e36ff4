"""Passports and driver's licences: letters and figures that are called so. Neither has a check digit that all share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from worker.redaction.codes import read_code
from worker.redaction.reading import Reading
from worker.redaction.spans import DRIVERS_LICENSE, LABELLED, PASSPORT_NUMBER, Span

PASSPORT_CHARS: Final = range(6, 13)
LICENSE_CHARS: Final = range(4, 20)
FEWEST_DIGITS: Final = 4
MOST_TOKENS: Final = 24
"""Of a number in front of its name."""


def find_passports(reading: Reading) -> Iterator[Span]:
    """What is called a passport number."""
    yield from _find(reading, "passport", PASSPORT_NUMBER, PASSPORT_CHARS)


def find_licenses(reading: Reading) -> Iterator[Span]:
    """What is called a driver's licence."""
    yield from _find(reading, "licence", DRIVERS_LICENSE, LICENSE_CHARS)


def _find(reading: Reading, cue_kind: str, kind: str, lengths: range) -> Iterator[Span]:
    for cue in reading.cues_of(cue_kind):
        index = reading.value_after(cue)
        code = None if index is None else read_code(reading, index)
        if code is not None and len(code.chars) in lengths and code.digits >= FEWEST_DIGITS:
            yield Span(kind, code.start, code.end, LABELLED)
        elif (end := reading.value_end(cue)) is not None:
            yield from _find_before(reading, end, kind, lengths)


def _find_before(reading: Reading, end: int, kind: str, lengths: range) -> Iterator[Span]:
    """ "it says x one two three four five six seven in my passport"."""
    for first in range(max(0, end - MOST_TOKENS), end):
        code = read_code(reading, first)
        if code is not None and code.last == end and len(code.chars) in lengths and code.digits >= FEWEST_DIGITS:
            yield Span(kind, code.start, code.end, LABELLED)
            return
