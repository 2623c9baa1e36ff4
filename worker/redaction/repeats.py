"""Parts of known secrets in another text: an insight or a topic phrase rewrites what a message said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from worker.redaction import lexicon
from worker.redaction.dates import MONTHS
from worker.redaction.reading import Reading
from worker.redaction.spans import REPEATED, SUSPECTED, Span
from worker.redaction.tokens import Kind, Token
from worker.redaction.vocabulary import FUNCTION_WORDS

MIN_WORDS: Final = 2
MIN_CHARS: Final = 4
MIN_DIGITS: Final = 4

_CONNECTORS: Final = lexicon.FILLERS | lexicon.JOINERS | lexicon.DOTS | {"at"}
_COMMON: Final = (
    _CONNECTORS
    | lexicon.TOP_LEVELS
    | lexicon.PLAIN_WORDS
    | FUNCTION_WORDS
    | MONTHS
    | {"years", "year", "months", "aged"}
) - lexicon.NUMBER_WORDS
"""Words that tell nothing by themselves."""


class Secrets:
    """Known secrets, ready to be looked for.

    Separators do not count, so "jane dot doe" is found in "Jane Doe", and "four one one one" in "4111".
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._wholes: dict[str, set[tuple[str, ...]]] = {}
        self._words: set[str] = set()
        self._pairs: set[tuple[str, str]] = set()
        self._digits: set[str] = set()
        self._has_numbers = False
        for secret in known:
            reading = Reading(secret)
            words = [token.word for token in _telling(reading)]
            if len(words) >= MIN_WORDS or reading.runs:
                self._wholes.setdefault(words[0], set()).add(tuple(words))
            self._words.update(words)
            self._has_numbers |= bool(reading.runs)
            self._pairs.update(pairwise(words))
            for run in reading.runs:
                self._digits.update(_grams(run.digits))

    def __repr__(self) -> str:
        return f"<Secrets with {len(self._words)} words>"

    def find(self, reading: Reading) -> Iterator[Span]:
        """Every part of a secret in ``reading``, every secret that is short but whole, and a number that is all there
        is, since it may be a part of one: "nineteen" and "seventy" are two root words of a topic."""
        if self._has_numbers and (tokens := _telling(reading)) and len(tokens) <= len(reading.numerals):
            yield Span(REPEATED, tokens[0].start, tokens[-1].end, SUSPECTED)
        yield from self._find_wholes(_telling(reading))
        yield from self._find_words(_telling(reading))
        yield from self._find_digits(reading)

    def _find_wholes(self, tokens: Sequence[Token]) -> Iterator[Span]:
        """A pin, an age, the last digits of a number that began in another message."""
        words = tuple(token.word for token in tokens)
        for first, word in enumerate(words):
            for whole in self._wholes.get(word, ()):
                last = first + len(whole)
                if words[first:last] == whole:
                    yield Span(REPEATED, tokens[first].start, tokens[last - 1].end, SUSPECTED)

    def _find_words(self, tokens: Sequence[Token]) -> Iterator[Span]:
        """Words of which each two neighbours are neighbours in a secret, and single words of a secret."""
        index = 0
        while index < len(tokens):
            end = index + 1
            while end < len(tokens) and (tokens[end - 1].word, tokens[end].word) in self._pairs:
                end += 1
            part = tokens[index:end]
            if part[0].word in self._words and _tells([token.word for token in part]):
                yield Span(REPEATED, part[0].start, part[-1].end, SUSPECTED)
            index = end

    def _find_digits(self, reading: Reading) -> Iterator[Span]:
        for run in reading.runs:
            owners = [group for group in run.groups for _ in group.digits]
            for place, gram in enumerate(_grams(run.digits)):
                if gram in self._digits:
                    yield Span(REPEATED, owners[place].start, owners[place + MIN_DIGITS - 1].end, SUSPECTED)


def _telling(reading: Reading) -> tuple[Token, ...]:
    """What is compared: everything but separators."""
    return tuple(token for token in reading.tokens if token.kind is not Kind.MARK and token.word not in _CONNECTORS)


def _tells(words: Sequence[str]) -> bool:
    telling = [word for word in words if word not in _COMMON]
    if sum(len(word) for word in telling) < MIN_CHARS:
        return False
    return len(words) >= MIN_WORDS or words[0] not in lexicon.NUMBER_WORDS


def _grams(digits: str) -> Iterator[str]:
    return (digits[start : start + MIN_DIGITS] for start in range(len(digits) - MIN_DIGITS + 1))
