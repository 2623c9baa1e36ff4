"""Personal data in a text by what is said around it: names, births, ages, addresses, codes and documents.

| type | found by |
| --- | --- |
| PERSON_NAME | common first names with the surname behind them, what follows "my name is" or a title |
| DATE_OF_BIRTH | a date behind "born" or "birth" |
| AGE | "aged 43", "43 years old" |
| ADDRESS | a house number, a name and a kind of street, with the town behind it; a ZIP code that is called so |
| CVV, CARD_PIN, CARD_EXPIRATION | figures behind the word for it |
| ROUTING_NUMBER, BANK_ACCOUNT_NUMBER, SWIFT_CODE | likewise |
| PASSPORT_NUMBER, DRIVERS_LICENSE | letters and figures behind the word for it |

Figures may be written or spoken. English only. Numbers that can be told by their form, such as those of cards and
telephones, are not looked for here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from worker.engine.analysis.dates import dates_of
from worker.engine.analysis.entities import persons_of
from worker.engine.analysis.lexicon import AMBIGUOUS_NAMES, STOP_WORDS

MAX_CHARACTERS = 20_000
"""A longer text is looked at up to here: far more than anybody says in one breath."""

# A year that was said stays the same on every day on which the text may have been said.
_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)

_ONES = r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)"
_TENS = (
    r"(?:ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty"
    r"|seventy|eighty|ninety|hundred|thousand)"
)
_SPOKEN = rf"(?:(?:double|triple)\s)?(?:{_ONES}|{_TENS})\b"
_FIGURE = rf"(?:\d+|{_SPOKEN})"
_FIGURES = rf"{_FIGURE}(?:[\s\-,./]{{0,2}}{_FIGURE}){{0,20}}"
# A code of letters and figures with at least one figure in it, written in one piece or spelled.
_CODE = (
    rf"(?:(?:[a-z]\b[\s\-.]{{0,2}}|[a-z]{{1,3}}(?=\d)){{0,4}}{_FIGURE}(?:[\s\-,]{{0,2}}(?:{_FIGURE}|[a-z]\b)){{0,20}})"
)
_SAID = r"(?:[\s,:]+(?:number|code|is|was|it's|the|that|would|be|are|my|uh|um|for|on|it|of|card|date)\b){0,6}[\s,:]+"
_FLAGS = re.IGNORECASE

_NAME_IS = re.compile(
    r"\b(?:(?:last|first|middle|maiden|family|full|sur)\s?name|name)(?:'s|\s(?:is|was))(?:,?\s(?:uh|um)\b,?)?", _FLAGS
)
_NAME_WORD = re.compile(r"[^\W\d_]+(?:[-'’.][^\W\d_]+)*")
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?"
)
_CUED = tuple(
    (kind, re.compile(rf"\b(?:{cue}){_SAID}(?P<value>{value})(?!\w)", _FLAGS))
    for kind, cue, value in (
        ("CVV", r"cvv2?|cvc2?|c\s?v\s?[vc]|security code|card verification|verification (?:code|value)", _FIGURES),
        ("CARD_PIN", r"pin|p\.i\.n\.?", _FIGURES),
        ("CARD_EXPIRATION", r"expir(?:y|es?|ation|ing)|valid (?:until|thru|through)", r"\d{1,2}\s?[/\-]\s?\d{2,4}"),
        (
            "CARD_EXPIRATION",
            r"card(?:'s)?\s(?:\w+\s){0,3}?expir(?:y|es?|ation|ing)(?:\sdate)?|expir(?:y|ation) date",
            rf"(?:in\s|at the end of\s)?(?:{_MONTH}(?:[\s,]{{1,2}}{_FIGURES})?|{_FIGURES})",
        ),
        ("ROUTING_NUMBER", r"routing|aba|transit number", _FIGURES),
        (
            "BANK_ACCOUNT_NUMBER",
            r"(?:bank|checking|savings?|current)\saccount|account number|account",
            rf"{_FIGURE}(?:[\s\-,./]{{0,2}}{_FIGURE}){{3,20}}|\d{{4,}}",
        ),
        ("SWIFT_CODE", r"swift|bic", r"[a-z]{6}[a-z0-9]{2}(?:[a-z0-9]{3})?"),
        ("PASSPORT_NUMBER", r"passport", _CODE),
        ("DRIVERS_LICENSE", r"driver'?s?'?\slicen[sc]e|driving\slicen[sc]e|licen[sc]e number", _CODE),
        ("ADDRESS", r"zip|postal code|post code|postcode", _CODE),
        ("PERSON_NAME", r"spell(?:ed|s|ing)?|spelt", r"[a-z](?:[\s\-.,]{1,2}(?:[a-z]|as in \w+|double [a-z])\b){1,30}"),
        ("AGE", r"aged|age", rf"{_FIGURE}(?:[\s\-]{_FIGURE})?(?:\s(?:years?|months?)(?:\sold)?)?"),
    )
)
_AGE = re.compile(
    rf"\b{_FIGURE}(?:[\s\-]{_FIGURE})?(?:\sand\sa\shalf)?[\s\-](?:years?|months?)[\s\-](?:old|of\sage)\b", _FLAGS
)
_STREET = (
    r"(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|place|pl|way|terrace|square|highway|hwy"
    r"|parkway|pkwy|crescent|alley)"
)
_SURELY_A_STREET = r"(?:street|avenue|ave|road|boulevard|blvd|lane|highway|hwy|parkway|pkwy|terrace|crescent)"
_NO_STREET = (
    r"(?:more|other|different|new|old|minutes?|hours?|days?|weeks?|miles?|blocks?|houses?|people|down|up|along|across|the|of"
    r"|from|on|in|to|and|for|is|are|per|percent|dollars?)"
)
_TOWN = (
    r"(?:(?:,?\s|,\s?)(?i:apartment|apt\.?|suite|unit|floor|flat)\s\S{1,8})?"
    r"(?:(?:,\s?|\sin\s|\s)[A-Z][\w'-]*(?:\.?\s[A-Z][\w'-]+){0,2}(?:,?\s[A-Z]{2}\b)?)?(?:,?\s\d{5}(?:-\d{4})?\b)?"
)
# Capitals tell a street's name; without them only the words for a street that are nothing else do.
_ADDRESSES = (
    re.compile(rf"\b\d{{1,6}}[a-zA-Z]?\s(?:[A-Z0-9][\w.'-]*\s){{1,4}}(?i:{_STREET})\b\.?{_TOWN}"),
    re.compile(
        rf"\b(?i:{_FIGURE}(?:[\s\-]{_FIGURE}){{0,5}}[a-z]?\s(?:(?!{_NO_STREET}\b)[a-z.'-]+\s){{1,3}}?"
        rf"{_SURELY_A_STREET})\b\.?{_TOWN}"
    ),
    re.compile(
        rf"\b(?i:(?:live|living|lives|reside|located)\s(?:at|on)|address\s(?:is|was))\s"
        rf"(?P<value>(?i:{_FIGURE}(?:[\s\-]{_FIGURE}){{0,5}}(?:\s[a-z][\w.'-]*){{1,3}}?\s{_STREET})\b\.?{_TOWN})"
    ),
)
_BIRTH = re.compile(r"\b(?:born|birth|birthday|birthdate|dob|d\.o\.b\.?)\b[^.?!]{0,30}\Z", _FLAGS)
_YEAR_BEHIND = re.compile(
    rf"(?:,?\s(?:in\s)?(?:\d{{4}}\b|(?:nineteen|twenty|two\sthousand)\b(?:[\s\-](?:and\s)?(?:{_ONES}|{_TENS})\b){{0,3}}))",
    _FLAGS,
)
_BORN_IN = re.compile(
    rf"\b(?:born|birth|dob)\b(?:\s\w+){{0,4}}?\s(?P<value>\d{{1,2}}[/.\-]\d{{1,2}}[/.\-]\d{{2,4}}|(?:19|20)\d\d\b"
    rf"|(?:nineteen|two\sthousand)\b(?:[\s\-](?:and\s)?(?:{_ONES}|{_TENS})\b){{1,3}})",
    _FLAGS,
)


class PersonalData(NamedTuple):
    """Something personal at ``[start, end)``; ``value`` is what it means: dates with a year as ISO 8601."""

    type: str
    start: int
    end: int
    value: str


def personal_data_of(text: str) -> list[PersonalData]:
    """Personal data in the order of its place; places may overlap. Never raises."""
    text = text[:MAX_CHARACTERS]
    found = [
        PersonalData("PERSON_NAME", place.start, place.end, text[place.start : place.end]) for place in persons_of(text)
    ]
    found += _named(text)
    found += _births(text)
    for kind, pattern in _CUED:
        found += [_found(kind, match) for match in pattern.finditer(text)]
    found += [_found("AGE", match) for match in _AGE.finditer(text)]
    for pattern in _ADDRESSES:
        found += [_found("ADDRESS", match) for match in pattern.finditer(text)]
    return sorted(found, key=lambda each: (each.start, -each.end))


def _found(kind: str, match: re.Match[str]) -> PersonalData:
    group = "value" if "value" in match.re.groupindex else 0
    return PersonalData(kind, match.start(group), match.end(group), match[group])


def _named(text: str) -> Iterator[PersonalData]:
    """What follows "my name is": up to four words, whatever they are, until one that cannot be a name."""
    for match in _NAME_IS.finditer(text):
        end = match.end()
        for word in islice(_NAME_WORD.finditer(text, match.end()), 4):
            initial = end == match.end() or text[end - 2 : end - 1] == " "
            apart = text[end : word.start()].strip(" ,:." if initial else " ") != ""
            if apart or word[0].lower() in STOP_WORDS - AMBIGUOUS_NAMES:
                break
            end = word.end()
        start = match.end() + len(text[match.end() : end]) - len(text[match.end() : end].lstrip(" ,:"))
        if end > start:
            yield PersonalData("PERSON_NAME", start, end, text[start:end])


def _births(text: str) -> Iterator[PersonalData]:
    for match in _BORN_IN.finditer(text):
        yield _found("DATE_OF_BIRTH", match)
    if _BIRTH_WORD.search(text) is None:
        return
    for span in dates_of(text, _ANY_DAY, 0):
        if not span.has_day or _BIRTH.search(text[: span.body_start][-50:]) is None:
            continue
        behind = _YEAR_BEHIND.match(text, span.end)
        end = span.end if behind is None else behind.end()
        verbatim = text[span.body_start : end]
        whole = re.search(r"\b(?:19|20)\d\d\b", text[span.body_start : span.end]) is not None
        yield PersonalData("DATE_OF_BIRTH", span.body_start, end, span.moment.date().isoformat() if whole else verbatim)


_BIRTH_WORD = re.compile(r"\b(?:born|birth|birthday|birthdate|dob|d\.o\.b)\b", _FLAGS)
