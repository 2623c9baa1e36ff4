"""Entities of a message by plain rules.

| type | sub-types |
| --- | --- |
| PII | PERSON_NAME, EMAIL_ADDRESS, PHONE_NUMBER, SSN, DATE_OF_BIRTH |
| PCI | CREDIT_CARD_NUMBER |
| General | DATE, TIME, AMOUNT, PERCENTAGE, NUMBER, DOMAIN_NAME |

What is personal is found by `worker.redaction`. Figures and spelled-out figures are both understood. Where two rules
claim the same characters, the rule that comes first in ``entities_of`` wins. Numbers from one to nine on their own are
left out: "the other one".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from worker.engine.analysis.dates import dates_of
from worker.engine.analysis.values import EntityResult
from worker.redaction import Redactor

_NAMES = Redactor(types={"PERSON_NAME"})
_IN_ANY_LANGUAGE = ("EMAIL_ADDRESS", "SSN", "CARD_NUMBER", "PHONE_NUMBER", "DOMAIN_NAME")
_IN_ENGLISH = (*_IN_ANY_LANGUAGE, "PERSON_NAME", "DATE_OF_BIRTH")
_GROUPS = {"CARD_NUMBER": ("PCI", "CREDIT_CARD_NUMBER"), "DOMAIN_NAME": ("General", "DOMAIN_NAME")}
_NUMBER_WORD = (
    r"(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    r"eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million)"
)
_QUANTITY = (
    rf"(?:\d{{1,3}}(?:,\d{{3}}){{1,4}}(?:\.\d{{1,4}})?|\d{{1,15}}(?:\.\d{{1,4}})?"
    rf"|(?:a\s)?{_NUMBER_WORD}\b(?:[\s\-](?:and\s)?{_NUMBER_WORD}\b){{0,15}})"
)
_CURRENCY = r"(?:dollars?|bucks?|euros?|pounds?|cents?|pence|usd|eur|gbp)"
_AMOUNT = re.compile(
    rf"[$€£]\s?\d[\d,]{{0,15}}(?:\.\d{{1,2}})?(?:\s(?:million|thousand|billion))?"
    rf"|(?<![\w.]){_QUANTITY}\s{_CURRENCY}\b(?:\s(?:and\s)?{_QUANTITY}\s(?:cents|pence)\b)?",
    re.IGNORECASE,
)
_PERCENTAGE = re.compile(rf"(?<![\w.]){_QUANTITY}\s?(?:%|percent\b|per\scent\b)", re.IGNORECASE)
_NUMBER = re.compile(rf"(?<![\w.,/:#\-]){_QUANTITY}(?![\w/:%])", re.IGNORECASE)
_SMALL = frozenset(
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "hundred", "thousand"]
)


class Place(NamedTuple):
    """A stretch of a text."""

    start: int
    end: int


def entities_of(
    text: str, *, english: bool, said_at: datetime, timezone_offset_minutes: int = 0, region: str = "US"
) -> tuple[EntityResult, ...]:
    """Entities in the order of their place.

    Args:
        english: False leaves only what is written in figures and signs.
        region: two letters; where telephone numbers without a country code are.
    """
    claimed = bytearray(len(text))
    found: list[EntityResult] = []
    for kind, sub_type, place in _proposals(text, english, said_at, timezone_offset_minutes, region):
        if place.start < place.end and not any(claimed[place.start : place.end]):
            claimed[place.start : place.end] = b"\1" * (place.end - place.start)
            found.append(EntityResult(kind, sub_type, "Managed", text[place.start : place.end], place.start))
    return tuple(sorted(found, key=lambda entity: entity.offset))


def persons_of(text: str) -> list[Place]:
    """Names of persons in a text."""
    return [Place(span.start, span.end) for span in _NAMES.find(text)]


@lru_cache(maxsize=64)
def _redactor(english: bool, region: str) -> Redactor:
    # Seven or ten digits that nobody explains are more often a telephone's than nothing at all.
    return Redactor(types=_IN_ENGLISH if english else _IN_ANY_LANGUAGE, thresholds={"PHONE_NUMBER": 0.3}, region=region)


def _proposals(
    text: str, english: bool, said_at: datetime, timezone_offset_minutes: int, region: str
) -> Iterator[tuple[str, str, Place]]:
    found: list[tuple[str, str, Place]] = []
    domains: list[tuple[str, str, Place]] = []
    for span in _redactor(english, region).find(text):
        kind, sub_type = _GROUPS.get(span.type, ("PII", span.type))
        (domains.append if kind == "General" else found.append)((kind, sub_type, Place(span.start, span.end)))
    yield from found
    if english:
        for date in dates_of(text, said_at, timezone_offset_minutes):
            yield "General", "DATE" if date.has_day else "TIME", Place(date.body_start, date.end)
        yield from _quantities(text)
    yield from domains


def _quantities(text: str) -> Iterator[tuple[str, str, Place]]:
    for sub_type, pattern in (("AMOUNT", _AMOUNT), ("PERCENTAGE", _PERCENTAGE), ("NUMBER", _NUMBER)):
        for match in pattern.finditer(text):
            if sub_type != "NUMBER" or match[0].lower() not in _SMALL:
                yield "General", sub_type, Place(match.start(), match.end())
