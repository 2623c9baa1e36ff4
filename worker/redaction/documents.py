"""Passports and driver's licences: letters and figures that are called so. Neither has a check digit that all share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from worker.redaction.codes import read_code, read_code_before
from worker.redaction.reading import Cue, Reading
from worker.redaction.runs import is_years
from worker.redaction.spans import DRIVERS_LICENSE, LABELLED, PASSPORT_NUMBER, SUSPECTED, Span
from worker.redaction.tokens import Kind

PASSPORT_CHARS: Final = range(6, 13)
LICENSE_CHARS: Final = range(4, 20)
FEWEST_DIGITS: Final = 4
NEAR_DIGITS: Final = 5
"""Of a number that is only near the word for it."""


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
        else:
            yield from _find_near(reading, cue, kind, lengths)


def _find_near(reading: Reading, cue: Cue, kind: str, lengths: range) -> Iterator[Span]:
    """What has the form of such a number, near the word for it."""
    for index in reading.near(cue):
        if index not in reading.group_at and reading.tokens[index].kind not in {Kind.CODE, Kind.WORD}:
            continue
        code = read_code(reading, index)
        if code is not None and index < cue.first:
            code = next(read_code_before(reading, code.last), code)
        if code is not None and code.digits >= NEAR_DIGITS and len(code.chars) in lengths:
            run = reading.run_at.get(index)
            if reading.is_labelled_at(code.start):
                return
            if run is None or not (reading.is_amount(run) or is_years(run.digits)):
                yield Span(kind, code.start, code.end, SUSPECTED)
                return


def _find_before(reading: Reading, end: int, kind: str, lengths: range) -> Iterator[Span]:
    """ "it says x one two three four five six seven in my passport"."""
    for code in read_code_before(reading, end):
        if len(code.chars) in lengths and code.digits >= FEWEST_DIGITS:
            yield Span(kind, code.start, code.end, LABELLED)
            return
