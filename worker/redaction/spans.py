"""Places in a text, and how they are merged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

ADDRESS: Final = "ADDRESS"
AGE: Final = "AGE"
BANK_ACCOUNT_NUMBER: Final = "BANK_ACCOUNT_NUMBER"
CARD_EXPIRATION: Final = "CARD_EXPIRATION"
CARD_NUMBER: Final = "CARD_NUMBER"
CARD_PIN: Final = "CARD_PIN"
CVV: Final = "CVV"
DATE: Final = "DATE"
DATE_OF_BIRTH: Final = "DATE_OF_BIRTH"
DOMAIN_NAME: Final = "DOMAIN_NAME"
DRIVERS_LICENSE: Final = "DRIVERS_LICENSE"
EMAIL_ADDRESS: Final = "EMAIL_ADDRESS"
IBAN: Final = "IBAN"
IP_ADDRESS: Final = "IP_ADDRESS"
PASSPORT_NUMBER: Final = "PASSPORT_NUMBER"
PERSON_NAME: Final = "PERSON_NAME"
PHONE_NUMBER: Final = "PHONE_NUMBER"
ROUTING_NUMBER: Final = "ROUTING_NUMBER"
SSN: Final = "SSN"
SWIFT_CODE: Final = "SWIFT_CODE"
NUMBER: Final = "NUMBER"
"""Digits of interim text that may still grow into something personal."""
REPEATED: Final = "REPEATED"
"""A part of something personal that was said elsewhere."""

VERIFIED: Final = 1.0
"""A check digit, a numbering plan or a grammar confirms the finding."""
LABELLED: Final = 0.8
"""The words right beside it call it so: "my pin is", "my name is"."""
SUSPECTED: Final = 0.5
"""Only the length and the words around speak for it: masked because a recogniser mishears digits."""
WEAK: Final = 0.3
"""It has the form, and so have many other things. Below every threshold unless a deployment lowers one."""

_BROAD: Final = frozenset({DATE, DOMAIN_NAME, NUMBER, REPEATED})
"""Types that say little: where another type overlaps, it names the whole."""


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

    Of equally wide ones the higher score names the type, then the one that came first. Dates, domains and what may
    become something name the type only where nothing else does.
    """
    spans = [span for span in spans if span.end > span.start]
    if len(spans) < 2:
        return tuple(spans)
    merged: list[Span] = []
    reach: list[Span] = []  # the span that gave its type to the one at the same place in `merged`
    for span in sorted(spans, key=lambda span: span.start):
        if not merged or span.start >= merged[-1].end:
            merged.append(span)
            reach.append(span)
            continue
        if _rank(span) > _rank(reach[-1]):
            reach[-1] = span
        merged[-1] = Span(reach[-1].type, merged[-1].start, max(merged[-1].end, span.end), reach[-1].score)
    return tuple(merged)


def _rank(span: Span) -> tuple[bool, int, float]:
    return span.type not in _BROAD, span.end - span.start, span.score
