"""E-mail addresses, written ("jane.doe@example.com") and spelled ("jane dot doe at example dot com")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from worker.redaction import lexicon
from worker.redaction.codes import EXPLAINING, explained_end
from worker.redaction.reading import Reading
from worker.redaction.spans import EMAIL_ADDRESS, SUSPECTED, VERIFIED, Span
from worker.redaction.tokens import BLANK, Kind, glued, stem

LABEL_WORDS: Final = 4
"""Words of one domain label: "at blue ocean dot com"."""
SPELLED_ATOMS: Final = 40
"""Single letters and number words of one stretch."""
MOST_NAMES: Final = 2
"""Words before the last one of a local part without joiners."""
MAX_PIECES: Final = 16
"""Parts of one local part: "j dot r dot doe"."""

_NOT_LOCAL: Final = frozenset(f'@,;:<>()[]"{BLANK}')
_DOMAIN: Final = re.compile(r"[\w-]+(?:\.[\w-]+)*")
SPELLED_WORDS: Final = lexicon.NUMBER_WORDS | lexicon.REPEATS.keys() | {"hundred", "thousand"}
_FRAGMENT_MARKS: Final = frozenset({"@", "_", "underscore", "dot"})
INSIDE: Final = -1
"""The text ends inside of a domain."""


def find_written(text: str) -> Iterator[Span]:
    """Every "@" with something on both sides."""
    at = text.find("@")
    while at >= 0:
        start = at
        while start and not (text[start - 1].isspace() or text[start - 1] in _NOT_LOCAL):
            start -= 1
        domain = _DOMAIN.match(text, at + 1)
        if start < at and domain is not None:
            yield Span(EMAIL_ADDRESS, start, domain.end())
        at = text.find("@", at + 1)


def _explained(reading: Reading) -> frozenset[int]:
    """Indices of "as in John" and the like, with the comma behind it."""
    if reading.words.isdisjoint(EXPLAINING):
        return frozenset()
    found: set[int] = set()
    for index, word in enumerate(reading.stems):
        end = explained_end(reading, index + 1) if len(word) == 1 else index + 1
        if end > index + 1:
            found.update(range(index + 1, end + (reading.word(end) == ",")))
    return frozenset(found)


class Speller:
    """The grammar of spelled addresses over the tokens of one reading."""

    def __init__(self, reading: Reading) -> None:
        explained = _explained(reading)
        self._tokens = tuple(
            token
            for index, token in enumerate(reading.tokens)
            if token.word not in lexicon.HESITATIONS and index not in explained
        )
        self._in_context = reading.has_cue("email")

    def __repr__(self) -> str:
        return f"<Speller of {len(self._tokens)} tokens>"

    def find(self) -> Iterator[Span]:
        """Complete addresses."""
        for index in range(1, len(self._tokens) - 1):
            after_at = self._after_at(index)
            if after_at is None:
                continue
            end = self._domain_end(after_at)
            if end is None or end == INSIDE:
                continue
            start = self._local_start(index)
            if start is not None:
                score = VERIFIED if self._in_context else SUSPECTED
                yield Span(EMAIL_ADDRESS, self._tokens[start].start, self._tokens[end - 1].end, score)

    def find_fragments(self) -> Iterator[Span]:
        """What may become an address when the text goes on, and every "… dot …"."""
        tokens = self._tokens
        for index, token in enumerate(tokens):
            if token.word in _FRAGMENT_MARKS or self._is_dot(index):
                start = self._local_start(index)
                end = min(index + 2, len(tokens))
                yield Span(
                    EMAIL_ADDRESS, tokens[index if start is None else start].start, tokens[end - 1].end, SUSPECTED
                )
            elif (after_at := self._after_at(index)) is not None:
                start = self._local_start(index)
                if start is not None and self._domain_end(after_at) == INSIDE:
                    yield Span(EMAIL_ADDRESS, tokens[start].start, tokens[-1].end, SUSPECTED)
        first = len(tokens)
        while first and self._is_spelled(first - 1):
            first -= 1
        if len(tokens) - first > 1:
            yield Span(EMAIL_ADDRESS, tokens[first].start, tokens[-1].end, SUSPECTED)

    # --- what a token is ---------------------------------------------------------------------------------------------

    def _after_at(self, index: int) -> int | None:
        """The index after an "at", "at sign" or "@"; None when there is none at ``index``."""
        word = self._tokens[index].word
        if word == "@":
            return index + 1
        if word != "at":
            return None
        following = index + 1
        return (
            following + 1
            if self._is_word(following) and self._tokens[following].word in lexicon.AT_SIGNS
            else following
        )

    def _is_dot(self, index: int) -> bool:
        if not 0 < index < len(self._tokens):
            return False
        token = self._tokens[index]
        if token.word in lexicon.DOTS:
            return token.word == "dot" or self._in_context
        return token.word == "." and self._is_inside(index)

    def _is_joiner(self, index: int) -> bool:
        if not 0 < index < len(self._tokens):
            return False
        token = self._tokens[index]
        return token.word in lexicon.JOINERS or (token.word in {"_", "-", "+"} and self._is_inside(index))

    def _is_inside(self, index: int) -> bool:
        """Whether the punctuation at ``index`` stands inside a written word."""
        tokens = self._tokens
        return (
            index + 1 < len(tokens)
            and glued(tokens[index - 1], tokens[index])
            and glued(tokens[index], tokens[index + 1])
        )

    def _is_word(self, index: int) -> bool:
        return 0 <= index < len(self._tokens) and self._tokens[index].kind in {Kind.WORD, Kind.DIGITS}

    def _is_spelled(self, index: int) -> bool:
        """Whether the token is a letter or a digit, or a word for digits."""
        if not self._is_word(index):
            return False
        token = self._tokens[index]
        return len(token.word) == 1 or token.kind is Kind.DIGITS or token.word in SPELLED_WORDS

    def _is_plain(self, index: int) -> bool:
        return len(self._tokens[index].word) > 1 and stem(self._tokens[index].word) in lexicon.PLAIN_WORDS

    # --- the domain --------------------------------------------------------------------------------------------------

    def _domain_end(self, index: int) -> int | None:
        """The index after the domain that begins at ``index``; `INSIDE` when the text ends inside of one."""
        tokens = self._tokens
        if index >= len(tokens):
            return INSIDE
        end: int | None = None
        if tokens[index].word in lexicon.MAIL_PROVIDERS:
            end = index + 1
        position = self._label_end(index)
        while position is not None:
            if position >= len(tokens) or (self._is_dot(position) and position + 1 == len(tokens)):
                return end or INSIDE
            if not self._is_dot(position):
                break
            top = self._top_level_end(position + 1)
            if top is not None:
                end = position = top
                continue
            if self._in_context and self._is_word(position + 1):
                end = position + 2
            position = self._label_end(position + 1)
        if end is not None and end < len(tokens) and self._after_at(end) is not None:
            return None
        return end

    def _label_end(self, index: int) -> int | None:
        """The index after one label: a few words, or letters and digits spelled one by one."""
        words = 0
        position = index
        while self._is_word(position) and position - index < SPELLED_ATOMS:
            if self._is_dot(position):
                break
            if not self._is_spelled(position):
                words += 1
                if words > LABEL_WORDS or self._ends_label(position):
                    return None
            position += 1
            if self._is_joiner(position):
                position += 1
        return position if position > index else None

    def _ends_label(self, index: int) -> bool:
        """Whether the word at ``index`` belongs to the sentence, not to a domain."""
        hyphenated = self._is_joiner(index - 1) or self._is_joiner(index + 1)
        return not hyphenated and self._tokens[index].word not in lexicon.HOST_WORDS and self._is_plain(index)

    def _top_level_end(self, index: int) -> int | None:
        """The index after a top-level domain, said as a word or spelled."""
        tokens = self._tokens
        if index < len(tokens) and tokens[index].word in lexicon.TOP_LEVELS:
            return index + 1
        for length in (3, 2):
            letters = tokens[index : index + length]
            if (
                len(letters) == length
                and all(token.kind is Kind.WORD and len(token.word) == 1 for token in letters)
                and "".join(token.word for token in letters) in lexicon.TOP_LEVELS
            ):
                return index + length
        return None

    # --- the local part ----------------------------------------------------------------------------------------------

    def _local_start(self, at: int) -> int | None:
        """The index of the first token of the local part that ends before ``at``; None when there is none."""
        start: int | None = None
        position = at
        joined = False
        for _ in range(MAX_PIECES):
            first = self._piece_start(position - 1)
            if first is None:
                break
            start = first
            if not (self._is_dot(first - 1) or self._is_joiner(first - 1)):
                break
            joined = True
            position = first - 1
        if start is None or joined or self._is_spelled(start):
            return start
        if stem(self._tokens[at - 1].word) in lexicon.PLACED_WORDS:
            return None
        return start - self._names_before(start)

    def _piece_start(self, index: int) -> int | None:
        """The index of the first token of what stands between two joiners and ends at ``index``."""
        if not self._is_word(index) or self._is_dot(index) or self._is_joiner(index):
            return None
        start = index
        if self._is_spelled(index):
            while index - start < SPELLED_ATOMS and self._is_spelled(start - 1):
                start -= 1
            if self._is_word(start - 1) and not self._is_plain(start - 1) and not self._is_separator(start - 1):
                start -= 1
            return start
        while self._is_spelled(start - 1) and self._tokens[start - 1].word not in {"a", "i"}:
            start -= 1
        return start

    def _is_separator(self, index: int) -> bool:
        return self._is_dot(index) or self._is_joiner(index) or self._tokens[index].word == "at"

    def _names_before(self, start: int) -> int:
        """How many words before ``start`` belong to the address: "to jane mary doe at ..."."""
        for words in range(1, MOST_NAMES + 1):
            index = start - words
            if not self._is_word(index) or self._is_separator(index) or self._is_no_name(index):
                return 0
            if index == 0 or self._tokens[index - 1].kind in {Kind.MARK, Kind.WALL} or self._is_no_name(index - 1):
                return words
        return 0

    def _is_no_name(self, index: int) -> bool:
        return self._is_plain(index) or self._tokens[index].word in lexicon.FILLERS
