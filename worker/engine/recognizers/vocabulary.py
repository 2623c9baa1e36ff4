"""What clients want to be heard, in the form of words that are spoken."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def spoken_words(text: str) -> list[str]:
    """The words of an entry, in small letters; an apostrophe is part of a word, a hyphen divides two."""
    return [word.replace("’", "'").lower() for word in _WORD.findall(text)]
