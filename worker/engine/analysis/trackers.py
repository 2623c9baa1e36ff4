"""Trackers: phrases of a vocabulary in messages and insights.

A phrase is found *exactly* when its words stand next to each other in the text, whatever their case and spacing.
Otherwise it is found as *similar*, with offset -1, when the text has

* the same words in another inflection ("cancelled" for "cancel"), or
* a run of words whose spelling is close (``SIMILARITY`` of 100 by rapidfuzz's ratio) and that begins with the same
  letter: a small misrecognition, or another small word inside the phrase.

Phrases shorter than ``SIMILAR_MIN_CHARACTERS`` are only found exactly: "bill" is close to "will" and to much else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from rapidfuzz import fuzz, process

from worker.engine.analysis.contractions import expand
from worker.engine.analysis.tokens import Token, stem, tokens_of
from worker.engine.analysis.values import (
    SIMILAR,
    InsightRef,
    InsightResult,
    MessageRef,
    TrackerDefinition,
    TrackerMatch,
    TrackerResult,
)

SIMILARITY = 86.0
SIMILAR_MIN_CHARACTERS = 6

_Words = tuple[str, ...]


class TrackerIndex:
    """The vocabularies of all trackers, arranged to be looked up word by word. Never changes."""

    def __init__(self, definitions: Sequence[TrackerDefinition]) -> None:
        self._definitions = tuple(definitions)
        phrase_ids: dict[_Words, int] = {}
        # (tracker, vocabulary entry as given) -> the forms it may take in a text
        self._entries: list[tuple[int, str, frozenset[int]]] = []
        for number, definition in enumerate(self._definitions):
            for value in dict.fromkeys(definition.vocabulary):
                forms = set()
                for form in (value, expand(value)):
                    words = tuple(token.word for token in tokens_of(form))
                    if words:
                        forms.add(phrase_ids.setdefault(words, len(phrase_ids)))
                if forms:
                    self._entries.append((number, value, frozenset(forms)))
        self._phrases = list(phrase_ids)
        self._by_first: dict[str, list[int]] = defaultdict(list)
        self._by_first_stem: dict[str, list[int]] = defaultdict(list)
        self._stems = [tuple(stem(word) for word in words) for words in self._phrases]
        self._fuzzy: dict[int, list[int]] = defaultdict(list)
        self._joined = [" ".join(words) for words in self._phrases]
        for phrase, words in enumerate(self._phrases):
            self._by_first[words[0]].append(phrase)
            if len(self._joined[phrase]) >= SIMILAR_MIN_CHARACTERS:
                self._by_first_stem[self._stems[phrase][0]].append(phrase)
                self._fuzzy[len(words)].append(phrase)

    def __repr__(self) -> str:
        return f"<TrackerIndex trackers={len(self._definitions)} phrases={len(self._phrases)}>"

    def find(
        self, text: str, *, message_id: str, insights: Iterable[InsightResult] = (), similar: bool = True
    ) -> tuple[TrackerResult, ...]:
        """All trackers with a match in the text, in the order of their definition.

        Args:
            insights: of this message; exact matches in them are reported next to the message's.
            similar: also report what is only similar.
        """
        if not self._entries:
            return ()
        tokens = tokens_of(text)
        offsets = self._exact(tokens)
        alike = self._similar(tokens, skip=offsets.keys()) if similar else frozenset[int]()
        insight_offsets = [(insight, self._exact(tokens_of(insight.content))) for insight in insights]
        matches: dict[int, list[TrackerMatch]] = defaultdict(list)
        for tracker, value, forms in self._entries:
            places = sorted({place for form in forms for place in offsets.get(form, ())})
            refs = [MessageRef(message_id, text, place) for place in places]
            if not refs and not forms.isdisjoint(alike):
                refs = [MessageRef(message_id, text, SIMILAR)]
            insight_refs = [
                InsightRef(insight.id, insight.content, insight.type, place)
                for insight, found in insight_offsets
                for place in sorted({place for form in forms for place in found.get(form, ())})
            ]
            if refs:
                matches[tracker].append(TrackerMatch(value, tuple(refs), tuple(insight_refs)))
        return tuple(
            TrackerResult(definition.id, definition.name, tuple(matches[number]))
            for number, definition in enumerate(self._definitions)
            if number in matches
        )

    def _exact(self, tokens: Sequence[Token]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        words = tuple(token.word for token in tokens)
        for place, token in enumerate(tokens):
            for phrase in self._by_first.get(token.word, ()):
                wanted = self._phrases[phrase]
                if words[place : place + len(wanted)] == wanted:
                    found[phrase].append(token.start)
        return found

    def _similar(self, tokens: Sequence[Token], skip: Iterable[int]) -> frozenset[int]:
        known = frozenset(skip)
        found = {
            phrase for phrase in self._inflected(tuple(stem(token.word) for token in tokens)) if phrase not in known
        }
        words = [token.word for token in tokens]
        for length, phrases in self._fuzzy.items():
            open_phrases = [phrase for phrase in phrases if phrase not in known and phrase not in found]
            windows = list(dict.fromkeys(_windows(words, length)))
            if not open_phrases or not windows:
                continue
            scores = process.cdist(
                [self._joined[phrase] for phrase in open_phrases], windows, scorer=fuzz.ratio, score_cutoff=SIMILARITY
            )
            for row, column in zip(*scores.nonzero(), strict=True):
                if windows[column][0] == self._joined[open_phrases[row]][0]:
                    found.add(open_phrases[row])
        return frozenset(found)

    def _inflected(self, stems: _Words) -> Iterator[int]:
        for place, first in enumerate(stems):
            for phrase in self._by_first_stem.get(first, ()):
                wanted = self._stems[phrase]
                if stems[place : place + len(wanted)] == wanted:
                    yield phrase


def joined_trackers(results: Iterable[TrackerResult]) -> list[TrackerResult]:
    """Results of several messages as one: every tracker once, and every phrase of it once with all its places."""
    trackers: dict[tuple[str | None, str], dict[str, TrackerMatch]] = {}
    for result in results:
        matches = trackers.setdefault((result.id, result.name), {})
        for match in result.matches:
            known = matches.get(match.value)
            matches[match.value] = (
                match
                if known is None
                else TrackerMatch(
                    match.value, known.message_refs + match.message_refs, known.insight_refs + match.insight_refs
                )
            )
    return [TrackerResult(number, name, tuple(matches.values())) for (number, name), matches in trackers.items()]


def _windows(words: Sequence[str], length: int) -> Iterator[str]:
    """Runs of words that a phrase of this many words could hide in: one more or less where it has several."""
    for size in {length} if length == 1 else {length - 1, length, length + 1} - {1}:
        for start in range(len(words) - size + 1):
            yield " ".join(words[start : start + size])
