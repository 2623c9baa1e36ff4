"""Entities of a message by plain rules.

| type | sub-types |
| --- | --- |
| PII | PERSON_NAME, EMAIL_ADDRESS, PHONE_NUMBER, SSN, DATE_OF_BIRTH |
| PCI | CREDIT_CARD_NUMBER |
| General | DATE, TIME, AMOUNT, PERCENTAGE, NUMBER, DOMAIN_NAME |

Figures and spelled-out figures are both understood. Where two rules claim the same characters, the rule that comes
first in ``entities_of`` wins. A person's name is a common first name, with the surname behind it; any word after "my
name is"; or what follows "Mr" and "Mrs". Numbers from one to nine on their own are left out: "the other one".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import phonenumbers
from stdnum import luhn

from worker.engine.analysis.dates import dates_of
from worker.engine.analysis.lexicon import (
    AMBIGUOUS_NAMES,
    FIRST_NAMES,
    MONTHS,
    NOT_A_NAME,
    STOP_WORDS,
    SURNAMES,
    WEEKDAYS,
)
from worker.engine.analysis.values import EntityResult

_EMAIL = re.compile(r"(?<![\w.+\-])[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,4}")
_TOP_LEVEL = r"(?:com|net|org|edu|gov|io|co|uk|de|us|info|biz|eu|ca)"
_SPOKEN_EMAIL = re.compile(
    rf"\b[a-z0-9_]{{1,30}}(?:\s(?:dot|underscore|dash)\s[a-z0-9]{{1,30}}){{0,4}}\sat\s[a-z0-9]{{1,30}}"
    rf"(?:\sdot\s[a-z0-9]{{1,20}}){{0,2}}\sdot\s{_TOP_LEVEL}\b",
    re.IGNORECASE,
)
_DOMAIN = re.compile(rf"(?<![\w@.\-])(?:[a-z0-9\-]{{1,63}}\.){{1,4}}{_TOP_LEVEL}\b(?![@\w])", re.IGNORECASE)
_SSN = re.compile(r"(?<!\d)(?<!\d-)\d{3}-\d{2}-\d{4}(?!-?\d)")
_CARD = re.compile(r"(?<!\d)\d(?:[ \-]?\d){11,18}(?!\d)")
_DIGIT = r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)"
_SPOKEN_DIGITS = re.compile(
    rf"\b(?:(?:double|triple)\s)?{_DIGIT}(?:[\s\-,]{{1,2}}(?:(?:double|triple)\s)?{_DIGIT}){{6,21}}\b", re.IGNORECASE
)
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
_BIRTH = re.compile(r"\b(?:born|birth|birthday|dob)\b[^.?!]{0,25}\Z", re.IGNORECASE)
_NINE_DIGITS_OF_SSN = re.compile(r"\b(?:social|ssn)\b", re.IGNORECASE)
_OTHER_NUMBERS = re.compile(
    r"\b(?:account|order|reference|policy|confirmation|tracking|invoice|serial|claim|ticket|case|customer|card)\b",
    re.IGNORECASE,
)
_NAME_WORD = re.compile(r"[^\W\d_]{2,30}(?:[-'’][^\W\d_]{1,30})?")
_STRONG_CUE = re.compile(
    r"\b(?:my|his|her|the|customer|first|full) name is |\bmy name's |\b(?:mr|mrs|ms|dr)\.? ", re.IGNORECASE
)
_CUE = re.compile(r"\b(?:this is|i am|i'm|speaking (?:with|to)|call me|named|name is|name's) \Z", re.IGNORECASE)
_CALENDAR = frozenset(WEEKDAYS) | frozenset(MONTHS)


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
    words = [Place(match.start(), match.end()) for match in _NAME_WORD.finditer(text)]
    after_cue = {match.end() for match in _STRONG_CUE.finditer(text)}
    places: list[Place] = []
    for number, place in enumerate(words):
        if places and place.start < places[-1].end:
            continue
        if not _is_first_name(text, place, place.start in after_cue):
            continue
        end = place.end
        if number + 1 < len(words):
            following = words[number + 1]
            if text[end : following.start] == " " and _is_surname(text, following):
                end = following.end
        places.append(Place(place.start, end))
    return places


def _is_first_name(text: str, place: Place, named: bool) -> bool:
    written = text[place.start : place.end]
    word = written.lower()
    if named and word not in NOT_A_NAME and (written[0].isupper() or word not in STOP_WORDS):
        return True
    if word in FIRST_NAMES:
        return written[0].isupper() or word not in SURNAMES
    if word not in AMBIGUOUS_NAMES or not written[0].isupper():
        return False
    before = text[: place.start]
    if _CUE.search(before[-40:]) is not None:
        return True
    return word not in _CALENDAR and before.rstrip(" ") != before and before.rstrip()[-1:] not in {"", ".", "?", "!"}


def _is_surname(text: str, place: Place) -> bool:
    written = text[place.start : place.end]
    word = written.lower()
    if word in SURNAMES:
        return True
    return written[0].isupper() and word not in STOP_WORDS and not written.isupper()


def _proposals(
    text: str, english: bool, said_at: datetime, timezone_offset_minutes: int, region: str
) -> Iterator[tuple[str, str, Place]]:
    for sub_type, pattern in (("EMAIL_ADDRESS", _EMAIL), ("SSN", _SSN)):
        for match in pattern.finditer(text):
            yield "PII", sub_type, Place(match.start(), match.start() + len(match[0].rstrip(".-")))
    digits = sum(character.isdigit() for character in text)
    if digits >= 12:
        for match in _CARD.finditer(text):
            if luhn.is_valid(re.sub(r"\D", "", match[0])):
                yield "PCI", "CREDIT_CARD_NUMBER", Place(match.start(), match.end())
    if digits >= 7:
        for number in phonenumbers.PhoneNumberMatcher(
            text, region, leniency=phonenumbers.Leniency.POSSIBLE, max_tries=20
        ):
            yield "PII", "PHONE_NUMBER", Place(number.start, number.end)
    if english:
        yield from _spoken(text)
        for span in dates_of(text, said_at, timezone_offset_minutes):
            born = span.has_day and _BIRTH.search(text[: span.body_start][-40:]) is not None
            sub_type = "DATE" if span.has_day else "TIME"
            yield "PII" if born else "General", "DATE_OF_BIRTH" if born else sub_type, Place(span.body_start, span.end)
        for place in persons_of(text):
            yield "PII", "PERSON_NAME", place
        yield from _quantities(text)
    for match in _DOMAIN.finditer(text):
        yield "General", "DOMAIN_NAME", Place(match.start(), match.end())


def _spoken(text: str) -> Iterator[tuple[str, str, Place]]:
    for match in _SPOKEN_EMAIL.finditer(text):
        yield "PII", "EMAIL_ADDRESS", Place(match.start(), match.end())
    for match in _SPOKEN_DIGITS.finditer(text):
        words = re.findall(r"\w+", match[0].lower())
        count = len(words) + words.count("triple")
        place = Place(match.start(), match.end())
        if count == 9 and _NINE_DIGITS_OF_SSN.search(text) is not None:
            yield "PII", "SSN", place
        elif 12 <= count <= 19 and "card" in text.lower():
            yield "PCI", "CREDIT_CARD_NUMBER", place
        else:
            a_phone = count <= 15 and _OTHER_NUMBERS.search(text[: match.start()][-60:]) is None
            yield ("PII", "PHONE_NUMBER", place) if a_phone else ("General", "NUMBER", place)


def _quantities(text: str) -> Iterator[tuple[str, str, Place]]:
    for sub_type, pattern in (("AMOUNT", _AMOUNT), ("PERCENTAGE", _PERCENTAGE), ("NUMBER", _NUMBER)):
        for match in pattern.finditer(text):
            if sub_type != "NUMBER" or match[0].lower() not in _SMALL:
                yield "General", sub_type, Place(match.start(), match.end())
