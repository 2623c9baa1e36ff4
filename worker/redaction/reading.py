"""A text, read once for all detectors: its tokens, its runs of digits and the cues around them.

Numbers are read by an own table rather than by text2num: that one knows neither "oh" nor "double", keeps no way back
from a digit to the characters it came from, and reads values where we need digits. The table is smaller than what would
have to be wrapped around it.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from typing import Final, NamedTuple

from worker.redaction import lexicon

BLANK: Final = "\ue000"
"""Stands for what is already masked: no detector reads across or into it."""

MAX_FILLERS: Final = 4
CUE_WORDS_BEFORE: Final = 15
CUE_WORDS_AFTER: Final = 6
LABEL_CHARS: Final = 40
PAIR: Final = 2
"""Digits that a recogniser writes for what was said in one or two words."""

_TOKEN: Final = re.compile(
    rf"""
      (?P<plain>
          (?<![\d.-])\d{{4}}-\d{{2}}-\d{{2}}(?![\d-])                       # dates
        | (?<![\d/.-])\d{{1,2}}([/.-])\d{{1,2}}\2(?:\d{{4}}|\d{{2}})(?![\d/-]|\.\d)
        | (?<![\d:])\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?![\d:])                 # times
        | (?<![\d,])\d{{1,3}}(?:,\d{{3}}){{1,4}}(?![\d,])                   # thousands
        | (?<!\d)\d{{1,2}}(?:st|nd|rd|th)\b                                 # ordinals
      )
    | (?P<digits>\d+)
    | (?P<word>[^\W\d_]+(?:['’][^\W\d_]+)*)
    | (?P<wall>[$€£¥%{BLANK}]+)
    | (?P<mark>[@._+\-!?:;,])
    """,
    re.VERBOSE | re.IGNORECASE,
)


class Kind(Enum):
    """What a token is."""

    WORD = auto()
    DIGITS = auto()
    MARK = auto()
    """One character of punctuation that an address may need."""
    WALL = auto()
    """Currency, percent or a mask: no number continues across it."""
    PLAIN = auto()
    """A date, a time, an ordinal or an amount."""


_KINDS: Final = {
    "word": Kind.WORD,
    "digits": Kind.DIGITS,
    "mark": Kind.MARK,
    "wall": Kind.WALL,
    "plain": Kind.PLAIN,
}


class Token(NamedTuple):
    """A piece of the text at ``[start, end)``; ``word`` is its lower-case form."""

    kind: Kind
    word: str
    start: int
    end: int


class Group(NamedTuple):
    """Digits that were said or written as one: "forty one", "double two", "4111"."""

    digits: str
    start: int
    end: int
    spoken: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Groups with nothing but separators and fillers between them."""

    groups: tuple[Group, ...]
    first: int
    """Index of its first token."""
    last: int
    """Index after its last token."""

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


class Cue(NamedTuple):
    """A word that says what a number near it is. Places are token indices."""

    kind: str
    first: int
    last: int


class Reading:
    """A text and what can be read in it. Everything beyond the tokens is worked out when first asked for."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"<Reading of {len(self.text)} characters>"

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        return tuple(
            Token(_KINDS[match.lastgroup or ""], match[0].lower(), match.start(), match.end())
            for match in _TOKEN.finditer(self.text)
        )

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """All runs of digits, in order."""
        if lexicon.NUMBER_HINT.search(self.text) is None:
            return ()
        return tuple(_read_runs(self))

    @cached_property
    def cues(self) -> tuple[Cue, ...]:
        starts = [token.start for token in self.tokens]
        return tuple(
            Cue(match.lastgroup or "", bisect_left(starts, match.start()), bisect_left(starts, match.end()))
            for match in lexicon.CUES.finditer(self.text)
        )

    def cue_near(self, run: Run) -> str | None:
        """The kind of the nearest cue around ``run``; None when there is none or the number is labelled as harmless."""
        if self.is_labelled(run) or self.is_amount(run):
            return None
        nearest: tuple[int, str] | None = None
        for cue in self.cues:
            if cue.kind == "email":
                continue
            if cue.last <= run.first:
                distance, limit = run.first - cue.last, CUE_WORDS_BEFORE
            elif cue.first >= run.last:
                distance, limit = cue.first - run.last, CUE_WORDS_AFTER
            else:
                distance, limit = 0, 0
            if distance <= limit and (nearest is None or distance < nearest[0]):
                nearest = distance, cue.kind
        return None if nearest is None else nearest[1]

    def has_cue(self, kind: str) -> bool:
        return any(cue.kind == kind for cue in self.cues)

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


def _read_runs(reading: Reading) -> Iterator[Run]:
    tokens = reading.tokens
    groups: list[Group] = []
    first = last = fillers = index = 0
    while index < len(tokens):
        token = tokens[index]
        if (read := _read_number(tokens, index)) is not None:
            digits, after = read
            if not groups:
                first = index
            spoken = token.kind is Kind.WORD
            groups.append(Group(digits, token.start, tokens[after - 1].end, spoken))
            index = last = after
            fillers = 0
            continue
        fillers += token.kind is Kind.WORD
        if groups and (
            token.kind in {Kind.WALL, Kind.PLAIN}
            or fillers > MAX_FILLERS
            or (token.kind is Kind.WORD and token.word not in lexicon.FILLERS)
        ):
            yield from _finished(tokens, groups, first, last)
            groups = []
        index += 1
    if groups:
        yield from _finished(tokens, groups, first, last)


def _finished(tokens: tuple[Token, ...], groups: list[Group], first: int, last: int) -> Iterator[Run]:
    """The run of ``groups``, without an "oh" at its head that was not a digit."""
    while groups and tokens[first].word in lexicon.INTERJECTED_ZEROS and not _continues_digitwise(groups):
        groups = groups[1:]
        first += 1
        while groups and tokens[first].start < groups[0].start:
            first += 1
    if groups:
        yield Run(tuple(groups), first, last)


def _continues_digitwise(groups: list[Group]) -> bool:
    """Whether what follows the first group is said like it: in words, or digit by digit."""
    return len(groups) > 1 and (groups[1].spoken or len(groups[1].digits) <= PAIR)


# --- numbers in words ------------------------------------------------------------------------------------------------


def _read_number(tokens: tuple[Token, ...], index: int) -> tuple[str, int] | None:
    """The digits of the number, in words or written, that begins at ``index``, and the index after it."""
    token = tokens[index]
    if token.kind is Kind.DIGITS:
        return _ascii_digits(token.word), index + 1
    if token.kind is not Kind.WORD:
        return None
    word = token.word
    if word in lexicon.ZEROS:
        return "0", index + 1
    if word in lexicon.REPEATS:
        return _read_repeat(tokens, index)
    read = _read_below_thousand(tokens, index)
    if read is None:
        return None
    value, after = read
    if _word(tokens, after) == "thousand":
        after += 1
        value *= 1000
        rest = _read_below_thousand(tokens, after + (_word(tokens, after) == "and"))
        if rest is not None and _word(tokens, rest[1]) != "thousand":
            value, after = value + rest[0], rest[1]
    return str(value), after


def _read_repeat(tokens: tuple[Token, ...], index: int) -> tuple[str, int] | None:
    """ "double two", "triple oh", "double 7"."""
    if index + 1 >= len(tokens):
        return None
    following = tokens[index + 1]
    if following.kind is Kind.DIGITS:
        digit = _ascii_digits(following.word)
    elif following.word in lexicon.ZEROS:
        digit = "0"
    else:
        digit = str(lexicon.UNITS.get(following.word, ""))
    return (digit * lexicon.REPEATS[tokens[index].word], index + 2) if len(digit) == 1 else None


def _read_below_thousand(tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
    """ "seven", "forty-one", "one hundred and eleven", and "forty one hundred eleven"."""
    read = _read_below_hundred(tokens, index)
    if read is None or _word(tokens, read[1]) != "hundred":
        return read
    value, after = read[0] * 100, read[1] + 1
    rest = _read_below_hundred(tokens, after + (_word(tokens, after) == "and"))
    if rest is not None and _word(tokens, rest[1]) not in {"hundred", "thousand"}:
        return value + rest[0], rest[1]
    return value, after


def _read_below_hundred(tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
    word = _word(tokens, index)
    if word in lexicon.UNITS:
        return lexicon.UNITS[word], index + 1
    if word in lexicon.TEENS:
        return lexicon.TEENS[word], index + 1
    if word not in lexicon.TENS:
        return None
    after = index + 1
    if after < len(tokens) and tokens[after].word == "-":
        after += 1
    unit = lexicon.UNITS.get(_word(tokens, after))
    if unit is None:
        return lexicon.TENS[word], index + 1
    return lexicon.TENS[word] + unit, after + 1


def _word(tokens: tuple[Token, ...], index: int) -> str:
    """The word at ``index``; empty at the end and where no word is."""
    if index >= len(tokens) or tokens[index].kind is not Kind.WORD:
        return ""
    return tokens[index].word


def _ascii_digits(text: str) -> str:
    return text if text.isascii() else "".join(str(unicodedata.decimal(digit)) for digit in text)


def glued(left: Token, right: Token) -> bool:
    """Whether nothing stands between two tokens."""
    return left.end == right.start
