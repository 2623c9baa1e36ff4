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
        elif (run := reading.value_before(cue)) is not None and len(run.digits) in lengths:
            yield Span(kind, run.start, run.end, LABELLED)
