"""Pieces of spelled e-mail addresses: what the end of one message leaves open, and what the next one begins with."""

from __future__ import annotations

from typing import Final

from worker.redaction import lexicon
from worker.redaction.emails import INSIDE, MAX_PIECES, SPELLED_ATOMS, SPELLED_WORDS, Speller
from worker.redaction.tokens import Kind
from worker.redaction.vocabulary import is_common

_MAIL: Final = frozenset({"email", "emails", "mail"})
OPEN_HINTS: Final = _MAIL | {"at", "@", "dot", "underscore"}
"""What a text must contain for a piece of an address to be at its end."""


class Pieces(Speller):
    """The grammar of spelled addresses, where a text ends or begins inside of one."""

    def open_start(self, end: int) -> int | None:
        """The character where an address begins that goes on behind character ``end``; None when there is none."""
        self._tokens = tuple(token for token in self._tokens if token.end <= end)
        self._in_context = any(token.word in _MAIL for token in self._tokens)
        tokens = self._tokens
        last = len(tokens) - 1
        for index in range(last, max(-1, last - SPELLED_ATOMS), -1):
            after_at = self._after_at(index)
            if after_at is None:
                continue
            start = self._local_start(index)
            is_provider = tokens[last].word in lexicon.MAIL_PROVIDERS and after_at == last
            if start is None:
                break
            if not (is_provider or self._domain_end(after_at) == INSIDE):
                return None
            is_sure = self._in_context or self._is_joined(start, index) or after_at > index + 1
            local = tokens[start:index] if after_at <= last else tokens[index - 1 : index]
            is_place = after_at <= last and (is_common(tokens[after_at].word) or self._is_numeral(after_at))
            is_sure = is_sure or not (is_place or all(is_common(token.word) for token in local))
            return tokens[start].start if is_sure else None
        is_joint = self._is_open_joint(last)
        start = self._local_start(last if is_joint else last + 1) if last >= 0 else None
        if start is None or self._is_plain(start) or not (is_joint or self._is_joined(start, last + 1)):
            return None
        joint = next((index for index in range(start + 1, last + 1) if self._is_joint(index)), last)
        if self._is_numeral(joint - 1) and all(
            self._is_numeral(index) or self._is_joint(index) for index in range(joint, last + 1)
        ):
            return None
        is_domain = tokens[last].word in lexicon.TOP_LEVELS and self._is_dot(last - 1)
        is_said = any(token.word in {"dot", "underscore"} for token in tokens[start:])
        return tokens[start].start if self._in_context or (is_said and not is_domain) else None

    def rest_end(self, start: int) -> int | None:
        """The character where the rest of an address ends that begins at ``start``; None when no part of one does."""
        tokens = self._tokens
        index = next((at for at, token in enumerate(tokens) if token.start >= start), len(tokens))
        end: int | None = None
        for _ in range(MAX_PIECES):
            after_at = self._after_at(index) if index < len(tokens) else None
            if after_at is not None:
                label = self._label_end(after_at)
                whole = self._domain_end(after_at)
                label = whole if whole is not None and whole != INSIDE else label
                if label is None:
                    break
                index = end = label
            elif self._is_joint(index) and self._is_word(index + 1):
                index = end = self._word_end(index + 1)
            elif end is None and self._is_word(index) and not self._is_plain(index):
                index = self._word_end(index)
                if not (self._is_joint(index) or (index < len(tokens) and self._after_at(index) is not None)):
                    break
            else:
                break
        return None if end is None else tokens[end - 1].end

    def _is_joint(self, index: int) -> bool:
        if index >= len(self._tokens):
            return False
        return self._tokens[index].word in {"dot", "underscore"} or self._is_dot(index) or self._is_joiner(index)

    def _word_end(self, index: int) -> int:
        """The index after one word, or letters and digits said one by one."""
        end = index + 1
        while self._is_spelled(index) and self._is_spelled(end):
            end += 1
        return end

    def _is_joined(self, start: int, end: int) -> bool:
        """Whether dots or joiners stand between the tokens, or letters are said one by one."""
        return any(self._is_dot(index) or self._is_joiner(index) for index in range(start, end)) or (
            end - start > 1 and self._is_spelled(start) and len(self._tokens[start].word) == 1
        )

    def _is_open_joint(self, index: int) -> bool:
        """Whether the text ends in "dot" or the like."""
        word = self._tokens[index].word if index > 0 else ""
        return word in {"dot", "underscore"} or (
            self._in_context and (word in lexicon.DOTS or word in lexicon.JOINERS or word == "_")
        )

    def _is_numeral(self, index: int) -> bool:
        return self._tokens[index].kind is Kind.DIGITS or self._tokens[index].word in SPELLED_WORDS
