"""A summary that is made of the conversation's own sentences. Pure.

The method is SumBasic, passage by passage, so that a long conversation gets a summary of all its parts:

1. The *content words* of a message are its words without stop words, without inflection. A message with fewer than
   ``MIN_WORDS`` different ones says nothing that could stand alone, and is left out, unless there is nothing else.
2. ``p(word)`` is the share of the messages that have the word. ``score(message) = sum(p) / (words + DAMPING)``: a
   message is telling when it is about what everybody talks about. A question counts half; a message with an action item
   or a follow-up half as much again.
3. The messages are cut into passages of ``PASSAGE`` in spoken order. Of each, the best message is taken, then
   ``p(word)`` of its words is squared, so that the next one says something else, up to ``PICKS`` of a passage, and at
   most half of its candidates, rounded up.
4. What was taken is said in spoken order. Equal scores go to what was said first.

The same conversation always gives the same summary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from worker.engine.analysis.lexicon import STOP_WORDS
from worker.engine.analysis.tokens import stem, tokens_of

PASSAGE = 40
PICKS = 3
MIN_WORDS = 3
DAMPING = 4.0
_QUESTION = 0.5
_COMMITMENT = 1.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message; ``committed`` when an action item or a follow-up came of it."""

    text: str = field(repr=False)
    committed: bool = False


def summarise(messages: Sequence[Candidate]) -> list[list[int]]:
    """Numbers of the messages to quote, in spoken order, one list per passage that has any."""
    words = [_content(message.text) for message in messages]
    fewest = MIN_WORDS if any(len(each) >= MIN_WORDS for each in words) else 1
    counts = Counter(word for each in words for word in each)
    share = {word: count / len(messages) for word, count in counts.items()}
    summary = []
    for start in range(0, len(messages), PASSAGE):
        open_numbers = [
            number for number in range(start, min(start + PASSAGE, len(messages))) if len(words[number]) >= fewest
        ]
        picked = []
        for _ in range(min(PICKS, -(-len(open_numbers) // 2))):
            best = max(open_numbers, key=lambda number: (_score(messages[number], words[number], share), -number))
            open_numbers.remove(best)
            picked.append(best)
            for word in words[best]:
                share[word] **= 2
        if picked:
            summary.append(sorted(picked))
    return summary


def _content(text: str) -> frozenset[str]:
    return frozenset(
        stem(token.word)
        for token in tokens_of(text)
        if token.word not in STOP_WORDS and any(character.isalpha() for character in token.word)
    )


def _score(message: Candidate, words: frozenset[str], share: dict[str, float]) -> float:
    # Summed in a fixed order: a sum of floats depends on it, and the order of a set on the process.
    score = sum(sorted(share[word] for word in words)) / (len(words) + DAMPING)
    if message.text.rstrip().endswith("?"):
        score *= _QUESTION
    return score * _COMMITMENT if message.committed else score
