"""Word error rate: how many words were recognised wrongly, for each word that was said. Pure."""

from __future__ import annotations

import re

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*|[0-9]")


def normalise_words(text: str) -> list[str]:
    """The words of a text as they are compared: lower case, no punctuation, every digit a word of its own."""
    words = _WORD.findall(text.lower().replace("’", "'"))
    return [DIGITS[int(word)] if word.isdigit() else word for word in words]


def word_errors(reference: list[str], hypothesis: list[str]) -> int:
    """The least number of words that must be put in, left out or replaced to make one of the other."""
    row = list(range(len(hypothesis) + 1))
    for i, said in enumerate(reference, 1):
        above, row = row, [i]
        for j, heard in enumerate(hypothesis, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (said != heard)))
    return row[-1]


def word_error_rate(reference: str, hypothesis: str) -> float:
    """Errors for each word of the reference, from 0 (all right) to beyond 1 (more was heard than was said).

    An empty reference counts as one word, so that anything heard in silence is an error.
    """
    said = normalise_words(reference)
    return word_errors(said, normalise_words(hypothesis)) / max(1, len(said))
