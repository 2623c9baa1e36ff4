"""What goes into the text analysis and what comes out, with the JSON shapes of the wire.

Texts, names and phrases are personal data and stay out of every ``repr``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

JsonObject: TypeAlias = dict[str, object]
InsightType: TypeAlias = Literal["question", "action_item", "follow_up"]
Polarity: TypeAlias = Literal["positive", "neutral", "negative"]

SIMILAR = -1
"""Offset of a tracker match that is similar to the vocabulary, not equal to it."""


# --- in --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word with its place in the audio of its stream, in seconds."""

    text: str = field(repr=False)
    start_seconds: float
    end_seconds: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: its words as written in ``text``, and ``content``, the same with contractions expanded."""

    words: tuple[Word, ...]
    text: str = field(repr=False)
    content: str = field(repr=False)
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True)
class SpeakerRef:
    """Who speaks: the server's id, and what the client said of the person."""

    id: str
    name: str | None = field(default=None, repr=False)
    user_id: str | None = field(default=None, repr=False)

    @property
    def alias(self) -> str | None:
        """The name people use in a sentence: the first name, or all of a name such as "Agent 7"."""
        parts = (self.name or "").split()
        if not parts:
            return None
        return parts[0] if all(part.replace("-", "").replace("'", "").isalpha() for part in parts) else " ".join(parts)

    def as_json(self) -> JsonObject:
        """``{id, name, userId}``, without what is unknown."""
        known = {"id": self.id, "name": self.name, "userId": self.user_id}
        return {key: value for key, value in known.items() if value}


@dataclass(frozen=True, slots=True)
class TrackerDefinition:
    """Phrases to look for, reported under one name. Trackers of a single request have no id."""

    id: str | None
    name: str
    vocabulary: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisRequest:
    """What a conversation asked for.

    Args:
        insight_types: any of ``question``, ``action_item``, ``follow_up``, ``topic``; others are ignored. Topics are
            detected with any of them.
        confidence_threshold: insights below it are dropped.
        trackers: what to look for in messages and insights.
        interim_trackers: look in interim texts, too.
        timezone_offset_minutes: minutes east of UTC in which "Friday" and "at three" are meant.
        language: BCP 47. The rules speak English; other languages get trackers, detected topics and entities written in
            figures only.
        mask: what stands in the texts for what was masked; it is no topic.
    """

    insight_types: frozenset[str] = frozenset()
    confidence_threshold: float = 0.5
    trackers: tuple[TrackerDefinition, ...] = ()
    interim_trackers: bool = False
    detect_entities: bool = False
    sentiment: bool = False
    timezone_offset_minutes: int = 0
    language: str = "en-US"
    mask: str | None = None


# --- out -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A person or a date in the content of an insight. ``begin_offset`` counts characters.

    Exactly one of ``person`` and ``datetime`` is given, as ``type`` says. A person who does not take part in the
    conversation has an empty id.
    """

    type: Literal["person", "date"]
    text: str = field(repr=False)
    begin_offset: int
    person: SpeakerRef | None = None
    assignee: bool = False
    datetime: str | None = field(default=None, repr=False)

    def as_json(self) -> JsonObject:
        """One element of ``tags``."""
        value: JsonObject
        if self.person is not None:
            value = self.person.as_json() | {"alias": self.text}
            if self.assignee:
                value["assignee"] = True
        else:
            value = {"datetime": self.datetime}
        return {"type": self.type, "text": self.text, "beginOffset": self.begin_offset, "value": {"value": value}}


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightResult:
    """A question, action item or follow-up.

    Args:
        content: a question verbatim, everything else in the third person.
        hints: keys and values, both strings as on the wire.
        assignee: who has to act; the asker of a question; None when a request went to somebody unknown.
        due_by: ISO 8601 in UTC, or None when no date was given.
        speaker: who said it.
    """

    id: str
    type: InsightType
    content: str = field(repr=False)
    confidence: float
    hints: tuple[tuple[str, str], ...]
    assignee: SpeakerRef | None
    due_by: str | None
    tags: tuple[Tag, ...]
    message_id: str
    speaker: SpeakerRef

    def as_json(self) -> JsonObject:
        """One element of ``insights`` in an ``insight_response``."""
        result: JsonObject = {
            "id": self.id,
            "confidence": self.confidence,
            "hints": [{"key": key, "value": value} for key, value in self.hints],
            "type": self.type,
            "assignee": self.assignee.as_json() if self.assignee is not None else {},
        }
        if self.due_by is not None:
            result["dueBy"] = {"value": self.due_by}
        return result | {
            "tags": [tag.as_json() for tag in self.tags],
            "dismissed": False,
            "payload": {"content": self.content, "contentType": "text/plain"},
            "from": self.speaker.as_json(),
            "entities": None,
            "messageReference": {"id": self.message_id},
        }


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message in which a tracker was found, and where; ``SIMILAR`` when the words are only similar."""

    id: str
    text: str = field(repr=False)
    offset: int

    def as_json(self) -> JsonObject:
        """One element of ``messageRefs``."""
        return {"id": self.id, "text": self.text, "offset": self.offset}


@dataclass(frozen=True, slots=True)
class InsightRef:
    """An insight in whose content a tracker was found, and where."""

    id: str
    text: str = field(repr=False)
    type: InsightType
    offset: int

    def as_json(self) -> JsonObject:
        """One element of ``insightRefs``."""
        return {"id": self.id, "text": self.text, "type": self.type, "offset": self.offset}


@dataclass(frozen=True, slots=True)
class TrackerMatch:
    """One phrase of the vocabulary that was found."""

    value: str = field(repr=False)
    message_refs: tuple[MessageRef, ...]
    insight_refs: tuple[InsightRef, ...] = ()

    def as_json(self) -> JsonObject:
        """One element of ``matches``."""
        return {
            "type": "vocabulary",
            "value": self.value,
            "messageRefs": [ref.as_json() for ref in self.message_refs],
            "insightRefs": [ref.as_json() for ref in self.insight_refs],
        }


@dataclass(frozen=True, slots=True)
class TrackerResult:
    """A tracker with at least one match."""

    id: str | None
    name: str
    matches: tuple[TrackerMatch, ...]

    def as_json(self) -> JsonObject:
        """One element of ``trackers`` in a ``tracker_response``."""
        identity: JsonObject = {} if self.id is None else {"id": self.id}
        return identity | {"name": self.name, "matches": [match.as_json() for match in self.matches]}


@dataclass(frozen=True, slots=True)
class EntityResult:
    """Something with a type at a place of a message: a name, a date, a telephone number."""

    type: str
    sub_type: str
    category: str
    detected_value: str = field(repr=False)
    offset: int

    def as_json(self) -> JsonObject:
        """One element of ``entities`` in a message of a ``message_response``."""
        return {
            "type": self.type,
            "subType": self.sub_type,
            "category": self.category,
            "detectedValue": self.detected_value,
            "offset": self.offset,
        }


def entities_as_json(
    entities: Sequence[EntityResult], *, message_id: str, text: str, start_time: str, end_time: str
) -> list[JsonObject]:
    """The array ``entities`` of an ``entity_response`` for one message, grouped by type and sub-type.

    Args:
        start_time: of the message, ISO 8601, as ``duration.startTime`` has it.
        end_time: likewise.
    """
    groups: dict[tuple[str, str, str], list[JsonObject]] = {}
    for entity in entities:
        reference: JsonObject = {
            "id": message_id,
            "startTime": start_time,
            "endTime": end_time,
            "text": text,
            "offset": entity.offset,
        }
        match: JsonObject = {"detectedValue": entity.detected_value, "messageRefs": [reference]}
        groups.setdefault((entity.type, entity.sub_type, entity.category), []).append(match)
    return [
        {"type": kind, "subType": sub_type, "category": category, "matches": matches}
        for (kind, sub_type, category), matches in groups.items()
    ]


@dataclass(frozen=True, slots=True)
class SentimentResult:
    """Polarity from -1 to 1 and its name."""

    score: float
    suggested: Polarity

    def as_json(self) -> JsonObject:
        """The member ``sentiment`` of a message."""
        return {"polarity": {"score": self.score}, "suggested": self.suggested}


@dataclass(frozen=True, slots=True)
class TopicResult:
    """A detected topic: what the conversation is about, and the messages that say so."""

    id: str
    phrases: str = field(repr=False)
    root_words: tuple[str, ...] = field(repr=False)
    score: float
    message_ids: tuple[str, ...]

    def as_json(self) -> JsonObject:
        """One element of ``topics`` in a ``topic_response``."""
        return {
            "id": self.id,
            "messageReferences": [{"id": each, "relation": "text instance"} for each in self.message_ids],
            "phrases": self.phrases,
            "rootWords": [{"text": each} for each in self.root_words],
            "score": self.score,
            "type": "topic",
            "messageIndex": 0,
        }


@dataclass(frozen=True, slots=True)
class MessageAnalysis:
    """Everything found in one message."""

    insights: tuple[InsightResult, ...]
    trackers: tuple[TrackerResult, ...]
    entities: tuple[EntityResult, ...]
    sentiment: SentimentResult | None
