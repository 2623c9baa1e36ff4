"""A text, read once for all detectors: its tokens, its runs of digits and the cues around them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence, Set
from typing import Final, NamedTuple

from worker.redaction import lexicon
from worker.redaction.lazy import lazily
from worker.redaction.quads import DOTS, quads
from worker.redaction.runs import Group, Run, read_runs, without_quads
from worker.redaction.tokens import Kind, stem, tokens_of

CUE_WORDS_BEFORE: Final = 15
CUE_WORDS_AFTER: Final = 6
LABEL_CHARS: Final = 50
MOST_SPELLED: Final = 16
"""Tokens that spell the letters in front of a number."""
LONGEST_CUE: Final = 8
"""Tokens of a cue, with punctuation in it."""
NEAR_AFTER: Final = 14
NEAR_BEFORE: Final = 10
_SPOKEN_DOTS: Final = DOTS - {"."}
_GLUED_DOT: Final = re.compile(r"\.\w")
HOME_REGION: Final = "US"
"""Where a phone number without a country code belongs."""


class Cue(NamedTuple):
    """Words that say what a number near them is. Places are token indices."""

    kind: str
    first: int
    last: int


class Reading:
    """A text and what can be read in it. Everything beyond its words is worked out when first asked for."""

    def __init__(self, text: str, region: str = HOME_REGION) -> None:
        self.text = text
        self.region = region
        self.tokens = tokens_of(text)
        words = [token.word for token in self.tokens]
        self.stems = tuple(
            [word if word.isalnum() else stem(word) for word in words] if "'" in text or "’" in text else words
        )
        """What the tokens are, each without "'s" and the like."""
        self.words = frozenset(self.stems)
        """The same without order: cheap to look into before anything dear is done."""
        self._labelled: dict[int, bool] = {}
        self._near: dict[tuple[int, int], str | None] = {}

    def __repr__(self) -> str:
        return f"<Reading of {len(self.text)} characters>"

    @lazily
    def kinds(self) -> frozenset[Kind]:
        """Kinds of the tokens."""
        return frozenset([token.kind for token in self.tokens])

    @lazily
    def runs(self) -> tuple[Run, ...]:
        """All runs of digits, in order."""
        if self.words.isdisjoint(lexicon.NUMBER_HINTS) and Kind.DIGITS not in self.kinds:
            return ()
        if not self._has_dots:
            return self._whole_runs
        return tuple(part for run in self._whole_runs for part in without_quads(self.tokens, run))

    @lazily
    def quads(self) -> tuple[Run, ...]:
        """Four numbers with dots between them, which are no part of any run."""
        if not self._has_dots:
            return ()
        return tuple(run.part(*place) for run in self._whole_runs for place in quads(self.tokens, run.groups))

    @property
    def _has_dots(self) -> bool:
        return not self.words.isdisjoint(_SPOKEN_DOTS) or _GLUED_DOT.search(self.text) is not None

    @lazily
    def _whole_runs(self) -> tuple[Run, ...]:
        return tuple(read_runs(self.tokens))

    @lazily
    def run_at(self) -> dict[int, Run]:
        """Runs by the index of their first token."""
        return {run.first: run for run in self.runs}

    @lazily
    def run_ending(self) -> dict[int, Run]:
        """Runs by the index after their last token."""
        return {run.last: run for run in self.runs}

    @lazily
    def group_at(self) -> dict[int, Group]:
        """Groups by the index of their first token."""
        return {group.first: group for run in self.runs for group in run.groups}

    @lazily
    def group_ending(self) -> dict[int, Group]:
        """Groups by the index after their last token."""
        return {group.last: group for run in self.runs for group in run.groups}

    @lazily
    def numerals(self) -> frozenset[int]:
        """Indices of the tokens that groups are made of."""
        return frozenset(
            at for run in self._whole_runs for group in run.groups for at in range(group.first, group.last)
        )

    @lazily
    def cues(self) -> tuple[Cue, ...]:
        if self.words.isdisjoint(lexicon.CUES):
            return ()
        return tuple(self._read_cues())

    def _read_cues(self) -> Iterator[Cue]:
        read = 0
        for index, word in enumerate(self.stems):
            if word not in lexicon.CUES or index < read:
                continue
            for phrase, kind in lexicon.CUES[word]:
                if phrase and phrase[-1] not in self.words:
                    continue
                if (last := self.phrase_end(index + 1, phrase)) is not None:
                    yield Cue(kind, index, last)
                    read = last
                    break

    def phrase_end(self, index: int, phrase: tuple[str, ...]) -> int | None:
        """The index after the words of ``phrase``, with any punctuation between; None when they do not stand there."""
        for word in phrase:
            while index < len(self.tokens) and self.tokens[index].kind is Kind.MARK:
                index += 1
            if index >= len(self.tokens) or self.stems[index] != word:
                return None
            index += 1
        return index

    def cues_of(self, kind: str) -> Sequence[Cue]:
        return self._cues_by_kind.get(kind, ())

    def cues_around(self, first: int, last: int) -> tuple[Cue, ...]:
        """Cues that reach to the tokens from ``first`` to ``last``."""
        begin = bisect_left(self.cues, first - LONGEST_CUE, key=lambda cue: cue.first)
        end = bisect_right(self.cues, last, key=lambda cue: cue.first)
        return self.cues[begin:end]

    @lazily
    def _cues_by_kind(self) -> dict[str, list[Cue]]:
        by_kind: dict[str, list[Cue]] = {}
        for cue in self.cues:
            by_kind.setdefault(cue.kind, []).append(cue)
        return by_kind

    @property
    def cue_kinds(self) -> Set[str]:
        """Kinds of the cues in the text."""
        return self._cues_by_kind.keys()

    def has_cue(self, kind: str) -> bool:
        return kind in self._cues_by_kind

    def cue_near(self, run: Run) -> str | None:
        """The kind of the nearest cue around ``run``; None when there is none or the number is labelled as harmless.

        What names a field of its own ("pin", "routing number") counts in front of a number only.
        """
        if not self.cues:
            return None
        place = run.first, run.last
        if place not in self._near:
            self._near[place] = self._nearest_cue(run)
        return self._near[place]

    def _nearest_cue(self, run: Run) -> str | None:
        if self.is_labelled(run) or self.is_amount(run):
            return None
        nearest: tuple[int, str] | None = None
        for cue in self.cues_around(run.first - CUE_WORDS_BEFORE, run.last + CUE_WORDS_AFTER):
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
        return self.is_labelled_at(run.start)

    def is_labelled_at(self, start: int) -> bool:
        """The same for what begins at character ``start``."""
        if start not in self._labelled:
            self._labelled[start] = lexicon.LABELS.search(self._before(start)) is not None
        return self._labelled[start]

    def _before(self, start: int) -> str:
        """What stands in front of a number, and of the letters that are spelled in front of it."""
        first = index = bisect_left(self.tokens, start, key=lambda token: token.start)
        while index and first - index < MOST_SPELLED:
            if len(self.word(index - 1)) == 1 and self.is_word(index - 1):
                index -= 1
            elif self.word(index - 3) == "as" and self.word(index - 2) == "in" and len(self.word(index - 4)) == 1:
                index -= 4
            elif self.word(index - 2) in {"for", "like"} and self.word(index - 1)[:1] == self.word(index - 3):
                index -= 3
            elif self.word(index - 1) in lexicon.ALPHABET:
                index -= 1
            else:
                break
        end = start if index == first else self.tokens[index].start
        return self.text[max(0, end - LABEL_CHARS) : end]

    def is_called_else(self, run: Run) -> bool:
        """Whether ``run`` is called any number but one that belongs to a person: "the consignment number is"."""
        return self.is_labelled(run) or self.called(run) not in lexicon.NO_LABELS | {""}

    def called(self, run: Run) -> str:
        """The noun in "consignment number is" in front of ``run``; empty when there is none."""
        match = lexicon.GENERIC_LABELS.search(self._before(run.start))
        return "" if match is None else match[1].lower()

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

    @lazily
    def is_cased(self) -> bool:
        """Whether capital letters tell names here: some words have them, not all."""
        if self.text.islower():
            return False
        first: bool | None = None
        for token in self.tokens:
            if token.kind is Kind.WORD:
                capital = self.text[token.start].isupper()
                if capital is not (capital if first is None else first):
                    return True
                first = capital
        return False

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

    def value_end(self, cue: Cue) -> int | None:
        """The index before which a value ends that ``cue`` names: "... is my pin". None when nothing is said so."""
        index = cue.first - 1
        while index >= 0 and cue.first - index <= lexicon.MOST_BACK_LINKS and self.word(index) in lexicon.BACK_LINKS:
            index -= 1
        is_said = any(self.word(each) in lexicon.SAYS_SO for each in range(index + 1, cue.first))
        if is_said and self.word(index) == ",":
            index -= 1
        return index + 1 if is_said else None

    def near(self, cue: Cue) -> Iterator[int]:
        """Indices around ``cue`` where a value may stand although nothing says so: behind it up to the next cue, then
        in front of it."""
        passed = {cue.kind, "card", "email", "ip"} | ({"phone"} if cue.kind != "account" else set())
        around = self.cues_around(cue.first - NEAR_BEFORE, cue.last + NEAR_AFTER)
        others = [other for other in around if other.kind not in passed]
        after = min((other.first for other in others if other.first >= cue.last), default=len(self.tokens))
        before = max((other.last for other in others if other.last <= cue.first), default=0)
        for index in range(cue.last, min(after, cue.last + NEAR_AFTER)):
            if self.tokens[index].kind is Kind.WALL:
                break
            yield index
        yield from range(cue.first - 1, max(before, cue.first - NEAR_BEFORE) - 1, -1)

    def run_before(self, cue: Cue) -> Run | None:
        """The run that is said to be what ``cue`` names."""
        end = self.value_end(cue)
        return None if end is None else self.run_ending.get(end)
