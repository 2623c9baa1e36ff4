"""Detected topics: keyphrases of the conversation so far.

The method is RAKE with repetition, kept up message by message instead of over the whole text:

1. A *candidate* is a run of up to ``MAX_WORDS`` content words with no stop word, mark or figure between them. The
   stop words include what every call is full of: "help", "number", "please".
2. A candidate counts once per message. A single word must be said in two messages, a phrase in one.
3. ``score = 1 - 1 / (1 + weight)`` with ``weight = messages * (1 + words) / 2``, so 0.6 for a phrase of two words
   said once, more with each repetition, never 1.
4. A single word that is part of a phrase at least half as frequent is left out.

A topic is reported when it first scores ``MIN_SCORE`` and again, with a new id and all its messages, when it has been
said in twice as many messages. At most ``MAX_PHRASES`` are remembered; the rarest and oldest go first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from worker.engine.analysis.lexicon import FIRST_NAMES, STOP_WORDS, words_of
from worker.engine.analysis.tokens import stem
from worker.engine.analysis.values import TopicResult

MAX_WORDS = 3
MIN_SCORE = 0.6
MAX_REPORTED = 5
"""Topics per call; the best first, the others at the next call."""
MAX_PHRASES = 1000
MAX_MESSAGES = 50
"""Messages remembered per phrase: the latest."""

_PIECE = re.compile(r"[^\W\d_][\w'’\-]*|[^\w\s]|\d\S*")
# Verbs that are followed by their object would make phrases such as "cancel subscription"; adverbs say nothing.
_NOT_IN_PHRASES = re.compile(r"(?:.{3,}ly|.{2,}n't|.+'(?:m|s|re|ve|ll|d))\Z")
_EDGE_VERBS = words_of(
    """
    review reset cancel cancelled canceled change changed update updated fix fixed forward forwarded ship
    shipped receive received create created open opened close closed pay paid buy bought order ordered
    schedule scheduled upgrade downgrade explain transfer transferred verify verified process processed submit
    submitted charged charge refunded return returned add added remove removed install installed discuss
    discussed issue resolve resolved provide provided follow meet include includes arrive arrived broke broken
    missed wrote write read run tells cost costs
    """
)


@dataclass(slots=True)
class _Phrase:
    words: tuple[str, ...] = field(repr=False)
    text: str = field(repr=False)
    messages: list[str]
    count: int = 0
    reported: int = 0

    @property
    def score(self) -> float:
        weight = self.count * (1 + len(self.words)) / 2
        return round(1 - 1 / (1 + weight), 4)


class TopicCounter:
    """The candidates of one conversation. ``add`` feeds it, ``take`` drains what is new or has grown."""

    def __init__(self) -> None:
        self._phrases: dict[tuple[str, ...], _Phrase] = {}

    def __repr__(self) -> str:
        return f"<TopicCounter phrases={len(self._phrases)}>"

    def add(self, message_id: str, text: str) -> None:
        """Counts the candidates of a message."""
        seen: set[tuple[str, ...]] = set()
        for words in _candidates(text):
            for part in {words, *((word,) for word in words)}:
                key = tuple(stem(word) for word in part)
                if key not in seen:
                    seen.add(key)
                    self._count(key, part, message_id)
        if len(self._phrases) > MAX_PHRASES:
            self._forget()

    def take(self, new_id: Callable[[], str]) -> tuple[TopicResult, ...]:
        """Topics that are new or have grown since they were last reported, best first."""
        due = sorted(
            (phrase for key, phrase in self._phrases.items() if self._is_due(key, phrase)),
            key=lambda phrase: (-phrase.score, phrase.text),
        )[:MAX_REPORTED]
        for phrase in due:
            phrase.reported = phrase.count
        return tuple(
            TopicResult(new_id(), phrase.text, phrase.words, phrase.score, tuple(phrase.messages)) for phrase in due
        )

    def _count(self, key: tuple[str, ...], words: tuple[str, ...], message_id: str) -> None:
        phrase = self._phrases.get(key)
        if phrase is None:
            phrase = self._phrases[key] = _Phrase(words, " ".join(words), [])
        if message_id not in phrase.messages[-1:]:
            phrase.messages.append(message_id)
            phrase.count += 1
            del phrase.messages[:-MAX_MESSAGES]

    def _is_due(self, key: tuple[str, ...], phrase: _Phrase) -> bool:
        if phrase.score < MIN_SCORE or phrase.count < max(1, 2 * phrase.reported):
            return False
        if len(key) > 1:
            return True
        return phrase.count > 1 and not any(
            2 * other.count > phrase.count
            for longer, other in self._phrases.items()
            if len(longer) > 1 and key[0] in longer
        )

    def _forget(self) -> None:
        ranked = sorted(self._phrases.items(), key=lambda item: item[1].count)
        for key, _ in ranked[: len(self._phrases) - MAX_PHRASES * 3 // 4]:
            del self._phrases[key]


def _candidates(text: str) -> Iterator[tuple[str, ...]]:
    run: list[str] = []
    for piece in [*_PIECE.findall(text), "."]:
        word = piece.lower()
        if piece[0].isalpha() and len(word) > 2 and word not in _LEFT_OUT and _NOT_IN_PHRASES.match(word) is None:
            run.append(word)
            continue
        while run and run[0] in _EDGE_VERBS:
            run.pop(0)
        while run and run[-1] in _EDGE_VERBS:
            run.pop()
        if run:
            yield tuple(run[-MAX_WORDS:])
        run = []


_LEFT_OUT = STOP_WORDS | FIRST_NAMES
