"""Reads numbers and spelled words out of any text, whichever way they are said or written. Pure.

On purpose nothing of `worker.redaction` is used: what the detectors overlook must not be overlooked here for the same
reason. This reader need not know what a number is, or where it ends: it reads on while digits follow each other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tests.bench.redaction.texts import words
from tests.leaks.speech import TEENS, TENS, UNITS

MAX_GAP: Final = 4
"""So many characters that are neither letters nor figures may stand between two digits of a number."""

# "zero_ms" is a member of the state, and nobody says it.
_TOKEN: Final = re.compile(r"[0-9]+|zero_ms|[a-z]+")
_UNITS: Final = {word: str(number) for number, word in enumerate(UNITS)} | {"oh": "0", "o": "0", "nought": "0"}
_TEENS: Final = {word: str(10 + number) for number, word in enumerate(TEENS)}
_TENS: Final = {word: f"{2 + number}0" for number, word in enumerate(TENS)}
_ZEROS: Final = {"hundred": "00", "thousand": "000"}
_REPEATS: Final = {"double": 2, "triple": 3}
_PASSED_OVER: Final = frozenset(words("um uh er ah hmm and then okay dash hyphen dot point slash space"))


@dataclass(frozen=True, slots=True)
class Number:
    """Digits in a row.

    Args:
        is_said: Whether a word is among what they were read from.
        start: Of the first one in the text.
        end: Of the last one, exclusive.
    """

    digits: str = field(repr=False)
    is_said: bool
    start: int
    end: int


def fold(text: str) -> str:
    """Small letters and plain figures, so that full-width ones are found, too."""
    return unicodedata.normalize("NFKC", text).lower() if not text.isascii() else text.lower()


def numbers_in(text: str) -> Iterator[Number]:
    """All numbers of a folded text, from left to right. Words between digits end a number, hesitations do not."""
    digits: list[str] = []
    said = False
    start = end = last = 0
    # What the next digit makes of itself: twice, three times; the units behind "forty".
    repeat, open_tens = 1, False
    for token in _TOKEN.finditer(text):
        word = token[0]
        if token.start() - last > MAX_GAP and digits:
            yield Number("".join(digits), said, start, end)
            digits, said, repeat, open_tens = [], False, 1, False
        last = token.end()
        if word in _REPEATS:
            repeat, open_tens = _REPEATS[word], False
            said = said or bool(digits)
            continue
        if word in _ZEROS and digits:
            digits.append(_ZEROS[word])
        elif (value := _value(word)) is None:
            if word not in _PASSED_OVER or not digits:
                if digits:
                    yield Number("".join(digits), said, start, end)
                digits, said, repeat = [], False, 1
            open_tens = False
            continue
        else:
            if not digits:
                start = token.start()
            if open_tens and word in _UNITS and value != "0":
                digits[-1] = digits[-1][:-1] + value
            else:
                digits.append(value * repeat)
        said = said or not word.isdigit()
        open_tens = word in _TENS
        repeat, end = 1, token.end()
    if digits:
        yield Number("".join(digits), said, start, end)


def spelled_in(text: str) -> Iterator[tuple[str, int, int]]:
    """Letters that stand one by one in a row, of a folded text, with their place: "o-k-o n k" is "okonk"."""
    letters = ""
    start = end = 0
    for token in _TOKEN.finditer(text):
        if letters and (len(token[0]) > 1 or token[0].isdigit() or token.start() - end > MAX_GAP):
            yield letters, start, end
            letters = ""
        if len(token[0]) == 1 and token[0].isalpha():
            start = start if letters else token.start()
            letters += token[0]
            end = token.end()
    if letters:
        yield letters, start, end


def words_in(text: str) -> str:
    """The words and figures of a folded text with single spaces between and around them."""
    return f" {' '.join(_TOKEN.findall(text))} "


def _value(word: str) -> str | None:
    if word.isdigit():
        return word
    return _UNITS.get(word) or _TEENS.get(word) or _TENS.get(word)
