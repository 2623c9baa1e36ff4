"""Runs of digits: groups of digits that are said or written one after the other, as one number may be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple

from worker.redaction import lexicon
from worker.redaction.numbers import read_number
from worker.redaction.quads import quads
from worker.redaction.tokens import Kind, Token

MAX_FILLERS: Final = 4
PAIR: Final = 2
"""Digits that a recogniser writes for what was said in one or two words."""
MOST_WITHDRAWN: Final = 4
"""Digits that a correction takes back at most."""


class Group(NamedTuple):
    """Digits that were said or written as one: "forty one", "double two", "4111"."""

    digits: str
    start: int
    end: int
    spoken: bool
    first: int
    """Index of its first token."""
    last: int
    """Index after its last token."""


@dataclass(frozen=True, slots=True)
class Run:
    """Groups with nothing but separators and fillers between them."""

    groups: tuple[Group, ...]
    first: int
    """Index of its first token."""
    last: int
    """Index after its last token."""
    corrected: tuple[int, ...] = ()
    """Indices of the groups that were said after "no", "sorry" and the like."""
    digits: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digits", "".join([group.digits for group in self.groups]))

    @property
    def start(self) -> int:
        return self.groups[0].start

    @property
    def end(self) -> int:
        return self.groups[-1].end

    def part(self, first: int, last: int) -> Run:
        """The groups from ``first`` to before ``last`` as a run."""
        groups = self.groups[first:last]
        corrected = tuple(index - first for index in self.corrected if first < index < last)
        return Run(groups, groups[0].first, groups[-1].last, corrected)

    def windows(self, lengths: tuple[int, ...], *, skip: int) -> Iterator[tuple[str, int, int]]:
        """Digits and place of each stretch of whole groups with one of ``lengths``, after at most ``skip`` groups."""
        for first in range(min(skip + 1, len(self.groups))):
            digits = ""
            for group in self.groups[first:]:
                digits += group.digits
                if len(digits) > max(lengths):
                    break
                if len(digits) in lengths:
                    yield digits, self.groups[first].start, group.end

    def meanings(self) -> Iterator[str]:
        """The digits as they were said, then without those that each correction may have taken back."""
        yield self.digits
        for index in self.corrected:
            before = "".join(group.digits for group in self.groups[:index])
            after = "".join(group.digits for group in self.groups[index:])
            for withdrawn in range(1, min(MOST_WITHDRAWN, len(before)) + 1):
                yield before[:-withdrawn] + after


def read_runs(tokens: tuple[Token, ...]) -> Iterator[Run]:
    """All runs of digits, in order."""
    groups: list[Group] = []
    corrected: list[int] = []
    fillers = index = 0
    while index < len(tokens):
        token = tokens[index]
        if not groups and token.kind is not Kind.DIGITS and token.word not in lexicon.NUMBER_HINTS:
            index += 1
            continue
        if (read := read_number(tokens, index)) is not None:
            digits, after = read
            groups.append(Group(digits, token.start, tokens[after - 1].end, token.kind is Kind.WORD, index, after))
            index = after
            fillers = 0
            continue
        after = index + 1
        if groups and token.kind is not Kind.MARK:
            is_filler, after, corrects = _read_filler(tokens, index)
            fillers += 1
            if not is_filler or fillers > MAX_FILLERS:
                yield from _finished(tokens, groups, corrected)
                groups, corrected = [], []
            elif corrects:
                corrected.append(len(groups))
        index = after
    yield from _finished(tokens, groups, corrected)


def without_quads(tokens: tuple[Token, ...], run: Run) -> Iterator[Run]:
    """What is left of ``run`` around addresses of computers."""
    read = 0
    for first, last in quads(tokens, run.groups):
        if first > read:
            yield run.part(read, first)
        read = last
    if read == 0:
        yield run
    elif read < len(run.groups):
        yield run.part(read, len(run.groups))


def _read_filler(tokens: tuple[Token, ...], index: int) -> tuple[bool, int, bool]:
    """Whether a number goes on behind what stands at ``index``, where that ends, and whether it takes digits back."""
    token = tokens[index]
    if token.kind is not Kind.WORD:
        return False, index + 1, False
    last = interjection_end(tokens, index)
    if last is not None:
        return True, last, tuple(each.word for each in tokens[index:last]) in lexicon.CORRECTIONS
    return token.word in lexicon.FILLERS, index + 1, (token.word,) in lexicon.CORRECTIONS


def interjection_end(tokens: tuple[Token, ...], index: int) -> int | None:
    """The index after "that's right" and the like at ``index``; None when something else stands there."""
    for phrase in lexicon.INTERJECTIONS.get(tokens[index].word, ()):
        last = index + 1 + len(phrase)
        if tuple(each.word for each in tokens[index + 1 : last]) == phrase:
            return last
    return None


def _finished(tokens: tuple[Token, ...], groups: list[Group], corrected: list[int]) -> Iterator[Run]:
    """The run of ``groups``, without an "oh" at its head that was not a digit."""
    dropped = 0
    while groups and tokens[groups[0].first].word in lexicon.INTERJECTED_ZEROS and not _continues_digitwise(groups):
        groups = groups[1:]
        dropped += 1
    if groups:
        places = tuple(place for place, _ in groupby(index - dropped for index in corrected) if 0 < place < len(groups))
        yield Run(tuple(groups), groups[0].first, groups[-1].last, places)


def _continues_digitwise(groups: list[Group]) -> bool:
    """Whether what follows the first group is said like it: in words, or digit by digit."""
    return len(groups) > 1 and (groups[1].spoken or len(groups[1].digits) <= PAIR)


def is_years(digits: str) -> bool:
    """Whether the digits are a list of years."""
    return len(digits) % 4 == 0 and all(digits[start : start + 2] in {"19", "20"} for start in range(0, len(digits), 4))
