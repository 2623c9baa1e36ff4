"""Places in a text, and how they are merged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

CARD_NUMBER: Final = "CARD_NUMBER"
EMAIL_ADDRESS: Final = "EMAIL_ADDRESS"
IBAN: Final = "IBAN"
PHONE_NUMBER: Final = "PHONE_NUMBER"
SSN: Final = "SSN"
NUMBER: Final = "NUMBER"
"""Digits of interim text that may still grow into something personal."""
REPEATED: Final = "REPEATED"
"""A part of something personal that was said elsewhere."""

VERIFIED: Final = 1.0
"""A check digit, a numbering plan or a grammar confirms the finding."""
SUSPECTED: Final = 0.5
"""Only the length and the words around speak for it: masked because a recogniser mishears digits."""


@dataclass(frozen=True, slots=True)
class Span:
    """Personal data at ``[start, end)``, in characters, with a score from 0 to 1."""

    type: str
    start: int
    end: int
    score: float = VERIFIED


@dataclass(frozen=True, slots=True)
class SymblMark:
    """What Symbl marked in a message: the type and the verbatim text."""

    type: str
    value: str = field(repr=False)


def merge(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Sort, and melt overlapping spans into one: the union of the places, typed by the widest.

    Of equally wide ones the higher score names the type, then the one that came first.
    """
    merged: list[Span] = []
    reach: list[Span] = []  # the span that gave its type to the one at the same place in `merged`
    for span in sorted(spans, key=lambda span: span.start):
        if span.end <= span.start:
            continue
        if not merged or span.start >= merged[-1].end:
            merged.append(span)
            reach.append(span)
            continue
        if _rank(span) > _rank(reach[-1]):
            reach[-1] = span
        merged[-1] = Span(reach[-1].type, merged[-1].start, max(merged[-1].end, span.end), reach[-1].score)
    return tuple(merged)


def _rank(span: Span) -> tuple[int, float]:
    return span.end - span.start, span.score
