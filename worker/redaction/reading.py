"""A text, read once for all detectors: its tokens, its runs of digits and the cues around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Final, NamedTuple

from worker.redaction import lexicon
from worker.redaction.numbers import read_number
from worker.redaction.tokens import Kind, Token, stem, tokens_of

MAX_FILLERS: Final = 4
CUE_WORDS_BEFORE: Final = 15
CUE_WORDS_AFTER: Final = 6
LABEL_CHARS: Final = 40
HOME_REGION: Final = "US"
"""Where a phone number without a country code belongs."""
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

    @property
    def digits(self) -> str:
        return "".join(group.digits for group in self.groups)

    @property
    def start(self) -> int:
        return self.groups[0].start

    @property
    def end(self) -> int:
        return self.groups[-1].end

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


class Cue(NamedTuple):
    """Words that say what a number near them is. Places are token indices."""

    kind: str
    first: int
    last: int


class Reading:
    """A text and what can be read in it. Everything beyond the text is worked out when first asked for."""

    def __init__(self, text: str, region: str = HOME_REGION) -> None:
        self.text = text
        self.region = region

    def __repr__(self) -> str:
        return f"<Reading of {len(self.text)} characters>"

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        return tokens_of(self.text)

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """What the tokens are, each without "'s" and the like."""
        return tuple([stem(token.word) for token in self.tokens])

    @cached_property
    def words(self) -> frozenset[str]:
        """The same without order: cheap to look into before anything dear is done."""
        return frozenset(self.stems)

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """All runs of digits, in order."""
        if self.words.isdisjoint(lexicon.NUMBER_HINTS) and all(token.kind is not Kind.DIGITS for token in self.tokens):
            return ()
        return tuple(_read_runs(self.tokens))

    @cached_property
    def run_at(self) -> dict[int, Run]:
        """Runs by the index of their first token."""
        return {run.first: run for run in self.runs}

    @cached_property
    def group_at(self) -> dict[int, Group]:
        """Groups by the index of their first token."""
        return {group.first: group for run in self.runs for group in run.groups}

    @cached_property
    def group_ending(self) -> dict[int, Group]:
        """Groups by the index after their last token."""
        return {group.last: group for run in self.runs for group in run.groups}

    @cached_property
    def cues(self) -> tuple[Cue, ...]:
        if self.words.isdisjoint(lexicon.CUES):
            return ()
        return tuple(self._read_cues())

    def _read_cues(self) -> Iterator[Cue]:
        index = 0
        while index < len(self.tokens):
            for phrase, kind in lexicon.CUES.get(self.stems[index], ()):
                if (last := self.phrase_end(index + 1, phrase)) is not None:
                    yield Cue(kind, index, last)
                    index = last - 1
                    break
            index += 1

    def phrase_end(self, index: int, phrase: tuple[str, ...]) -> int | None:
        """The index after the words of ``phrase``, with any punctuation between; None when they do not stand there."""
        for word in phrase:
            while index < len(self.tokens) and self.tokens[index].kind is Kind.MARK:
                index += 1
            if index >= len(self.tokens) or self.stems[index] != word:
                return None
            index += 1
        return index

    def cues_of(self, kind: str) -> Iterator[Cue]:
        return (cue for cue in self.cues if cue.kind == kind)

    @cached_property
    def _cue_kinds(self) -> frozenset[str]:
        return frozenset(cue.kind for cue in self.cues)

    def has_cue(self, kind: str) -> bool:
        return kind in self._cue_kinds

    def cue_near(self, run: Run) -> str | None:
        """The kind of the nearest cue around ``run``; None when there is none or the number is labelled as harmless.

        What names a field of its own ("pin", "routing number") counts in front of a number only.
        """
        if not self.cues or self.is_labelled(run) or self.is_amount(run):
            return None
        nearest: tuple[int, str] | None = None
        for cue in self.cues:
            if cue.kind == "email":
                continue
            if cue.last <= run.first:
                distance, limit = run.first - cue.last, CUE_WORDS_BEFORE
            elif cue.first >= run.last:
                distance, limit = cue.first - run.last, -1 if cue.kind in lexicon.FIELDS else CUE_WORDS_AFTER
            else:
                distance, limit = 0, 0
            if distance <= limit and (nearest is None or distance < nearest[0]):
                nearest = distance, cue.kind
        return None if nearest is None else nearest[1]

    def is_labelled(self, run: Run) -> bool:
        """Whether the words right before ``run`` call it an order number or the like."""
        return lexicon.LABELS.search(self.text[max(0, run.start - LABEL_CHARS) : run.start]) is not None

    def is_amount(self, run: Run) -> bool:
        """Whether ``run`` counts something."""
        after = self.tokens[run.last] if run.last < len(self.tokens) else None
        if after is not None and (after.word in lexicon.AMOUNTS or after.word[0] in "%€$£"):
            return True
        before = self.tokens[run.first - 1] if run.first else None
        return before is not None and before.word[-1] in "$€£¥"

    def follows_plus(self, run: Run) -> bool:
        """Whether ``run`` is written or said as an international number."""
        return run.first > 0 and self.tokens[run.first - 1].word in {"+", "plus"}

    def word(self, index: int) -> str:
        """The token at ``index`` in lower case without "'s"; empty outside of the text."""
        return self.stems[index] if 0 <= index < len(self.stems) else ""

    def is_word(self, index: int) -> bool:
        return 0 <= index < len(self.tokens) and self.tokens[index].kind is Kind.WORD

    def is_capital(self, index: int) -> bool:
        """Whether the token is written with a capital letter."""
        return self.text[self.tokens[index].start].isupper()

    @cached_property
    def is_cased(self) -> bool:
        """Whether capital letters tell names here: some words have them, not all."""
        kinds = {self.text[token.start].isupper() for token in self.tokens if token.kind is Kind.WORD}
        return len(kinds) > 1

    def begins_sentence(self, index: int) -> bool:
        """Whether a capital letter at ``index`` tells nothing."""
        return index == 0 or self.tokens[index - 1].word in {".", "?", "!", ":"}

    def value_after(self, cue: Cue) -> int | None:
        """The index where a value stands that ``cue`` names: "the pin, um, is ...". None when something else does."""
        words = 0
        for index in range(cue.last, len(self.tokens)):
            token = self.tokens[index]
            if token.kind is Kind.MARK:
                continue
            run = self.run_at.get(index)
            if run is not None and len(run.digits) == 1 and self.word(run.last) in {"digit", "digits", "numbers"}:
                continue
            if token.kind is not Kind.WORD or run is not None or token.word not in lexicon.LINKS:
                return index
            if len(token.word) == 1 and (index + 1 in self.group_at or len(self.word(index + 1)) == 1):
                return index
            words += 1
            if words > lexicon.MOST_LINKS:
                return None
        return None

    def value_before(self, cue: Cue) -> Run | None:
        """The run that is said to be what ``cue`` names: "... is my pin"."""
        index = cue.first - 1
        while index >= 0 and cue.first - index <= lexicon.MOST_BACK_LINKS and self.word(index) in lexicon.BACK_LINKS:
            index -= 1
        is_said = any(self.word(each) in {"is", "was", "that", "for"} for each in range(index + 1, cue.first))
        return next((run for run in self.runs if run.last == index + 1), None) if is_said else None


def _read_runs(tokens: tuple[Token, ...]) -> Iterator[Run]:
    groups: list[Group] = []
    corrected: list[int] = []
    fillers = index = 0
    while index < len(tokens):
        token = tokens[index]
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


def _read_filler(tokens: tuple[Token, ...], index: int) -> tuple[bool, int, bool]:
    """Whether a number goes on behind what stands at ``index``, where that ends, and whether it takes digits back."""
    token = tokens[index]
    if token.kind is not Kind.WORD:
        return False, index + 1, False
    for phrase in lexicon.INTERJECTIONS.get(token.word, ()):
        last = index + 1 + len(phrase)
        if tuple(each.word for each in tokens[index + 1 : last]) == phrase:
            return True, last, (token.word, *phrase) in lexicon.CORRECTIONS
    return token.word in lexicon.FILLERS, index + 1, (token.word,) in lexicon.CORRECTIONS


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
