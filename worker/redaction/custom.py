"""Patterns and words of a deployment.

A pattern is written in a small part of the language of regular expressions: letters and signs that mean themselves,
``\\d \\w \\s . [...]`` and their opposites, ``? * + {n} {m,n}`` behind any of these, and ``|`` between whole patterns.
No groups, no look-around, no references to what was matched. A repeat takes all it can, 64 at most, and gives nothing
back, so that no text makes a pattern slow: at any place it does a bounded amount of work. Case does not matter, and a
match begins and ends where words do.

A pattern is also tried on the text with its spoken numbers in figures: ``EMP-?\\s?\\d{6}`` finds "emp one two three
four five six".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from worker.redaction.reading import Reading
from worker.redaction.spans import VERIFIED, Span
from worker.redaction.tokens import BLANK

CUSTOM: Final = "CUSTOM"
MAX_PATTERN_CHARS: Final = 200
MAX_REPEAT: Final = 64
MAX_WORDS: Final = 1000
MAX_WORD_CHARS: Final = 100
_TYPE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,39}\Z")
_PIECE: Final = re.compile(
    r"(?P<atom>\\[dDwWsS]|\\[^\w\s]|\[\^?\]?(?:\\[dDwWsS]|\\[^\w\s]|[^\]\\\[])+\]|[^\\\[\](){}*+?|^$])"
    r"(?P<repeat>\{(?P<least>\d{1,2})(?:,(?P<most>\d{1,2}))?\}|[?*+])?"
)

_NOT_MASKED: Final = f"(?:(?!{BLANK})"
"""No pattern reads across what is masked: whether it does must not depend on how long a mask is."""


@dataclass(frozen=True, slots=True)
class Custom:
    """What a deployment looks for itself.

    Args:
        type: the type of its findings, in capitals; ``CUSTOM`` unless given.
        patterns: as described above.
        words: words and phrases, found in any case and spacing, never inside of other words.

    Raises:
        ValueError: The type is none, a pattern is too long or not of this language, or there are too many words. The
            message names the place in the pattern, and quotes nothing.
    """

    type: str = CUSTOM
    patterns: tuple[str, ...] = field(default=(), repr=False)
    words: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if _TYPE.match(self.type) is None:
            raise ValueError("a type has 1 to 40 capital letters, digits and underscores")
        if len(self.words) > MAX_WORDS or any(not 0 < len(word.strip()) <= MAX_WORD_CHARS for word in self.words):
            raise ValueError(f"there are up to {MAX_WORDS} words of 1 to {MAX_WORD_CHARS} characters")
        for pattern in self.patterns:
            compile_pattern(pattern)


class CustomDetector:
    """Finds what deployments and conversations look for themselves."""

    def __init__(self, custom: Custom) -> None:
        self._type = custom.type
        self._patterns = tuple(compile_pattern(pattern) for pattern in custom.patterns)
        phrases = sorted({r"\s+".join(map(re.escape, word.split())) for word in custom.words}, key=len, reverse=True)
        self._words = re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)", re.IGNORECASE) if phrases else None

    def __repr__(self) -> str:
        return f"<CustomDetector of {self._type}>"

    def __call__(self, reading: Reading) -> Iterator[Span]:
        if self._words is not None:
            for match in self._words.finditer(reading.text):
                yield Span(self._type, match.start(), match.end(), VERIFIED)
        if not self._patterns:
            return
        yield from self._matches(reading.text, None)
        if any(group.spoken for run in reading.runs for group in run.groups):
            figures, places = in_figures(reading)
            yield from self._matches(figures, places)

    def _matches(self, text: str, places: list[tuple[int, int]] | None) -> Iterator[Span]:
        for pattern in self._patterns:
            for match in pattern.finditer(text):
                if match.end() == match.start():
                    continue
                start, end = match.span()
                if places is not None:
                    start, end = places[start][0], places[end - 1][1]
                yield Span(self._type, start, end, VERIFIED)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The expression for ``pattern``, with repeats that are bounded and give nothing back.

    Raises:
        ValueError: It is too long, or not of the language above.
    """
    if not 0 < len(pattern) <= MAX_PATTERN_CHARS:
        raise ValueError(f"a pattern has 1 to {MAX_PATTERN_CHARS} characters")
    pieces: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "|":
            pieces.append("|")
            at += 1
            continue
        match = _PIECE.match(pattern, at)
        if match is None:
            raise ValueError(f"character {at + 1} of the pattern cannot be understood")
        pieces.append(_NOT_MASKED + match["atom"] + ")" + _bounded(match))
        at = match.end()
    try:
        return re.compile(rf"(?<!\w)(?:{''.join(pieces)})(?!\w)", re.IGNORECASE)
    except re.error:
        raise ValueError("the pattern does not compile") from None


def _bounded(piece: re.Match[str]) -> str:
    """The repeat of a piece, possessive and bounded."""
    match piece["repeat"]:
        case None:
            return ""
        case "?":
            return "?+"
        case "*":
            return f"{{0,{MAX_REPEAT}}}+"
        case "+":
            return f"{{1,{MAX_REPEAT}}}+"
    least = int(piece["least"])
    most = int(piece["most"] or least)
    if not least <= most <= MAX_REPEAT:
        raise ValueError(f"a repeat goes up to {MAX_REPEAT}")
    return f"{{{least},{most}}}+"


def in_figures(reading: Reading) -> tuple[str, list[tuple[int, int]]]:
    """The text with each run of digits in figures, and the place of every one of its characters in the text."""
    pieces: list[str] = []
    places: list[tuple[int, int]] = []
    read = 0
    for run in reading.runs:
        pieces.append(reading.text[read : run.start])
        places += [(at, at + 1) for at in range(read, run.start)]
        for group in run.groups:
            pieces.append(group.digits)
            places += [(group.start, group.end)] * len(group.digits)
        read = run.end
    pieces.append(reading.text[read:])
    places += [(at, at + 1) for at in range(read, len(reading.text))]
    return "".join(pieces), places
