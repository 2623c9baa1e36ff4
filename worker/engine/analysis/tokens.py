"""Words of a text with their places."""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(r"\w+(?:['’.\-]\w+)*")


class Token(NamedTuple):
    """A word in lower case and where it stands."""

    word: str
    start: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """The words of a text in order; punctuation is left out, apostrophes and hyphens inside a word are kept."""
    return [Token(match[0].casefold().replace("’", "'"), match.start(), match.end()) for match in _TOKEN.finditer(text)]


def stem(word: str) -> str:
    """A word without its inflection, roughly: good enough to see that "cancelled" is "cancel". Not for display."""
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeious":
        word = word[:-1]
    return word[:-1] + "y" if len(word) > 3 and word.endswith("i") else word
