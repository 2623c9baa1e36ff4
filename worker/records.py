"""The values that flow through the worker. Leaves: no behaviour beyond what the value itself says.

Audio, texts and names are personal data and stay out of every ``repr``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

InsightType: TypeAlias = Literal["question", "action_item", "follow_up", "topic"]
InsightKind: TypeAlias = Literal["question", "action_item", "follow_up", "topic", "tracker", "entity"]
FindingSource: TypeAlias = Literal["worker", "symbl", "both"]
RedactionMode: TypeAlias = Literal["hash", "type", "mask"]


class Encoding(StrEnum):
    """Audio encodings of the Symbl Streaming API, spelled as on its wire."""

    LINEAR16 = "LINEAR16"
    MULAW = "MULAW"
    FLAC = "FLAC"
    OPUS = "Opus"


class Reason(StrEnum):
    """Why a record became a dead letter."""

    MISSING_KEY = "missing_key"
    UNREADABLE_KEY = "unreadable_key"
    BAD_HEADER = "bad_header"
    UNREADABLE_CONTROL = "unreadable_control"
    UNKNOWN_EVENT = "unknown_event"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    MISALIGNED_AUDIO = "misaligned_audio"
    STREAM_FAILED = "stream_failed"
    SUBSCRIPTION_CONFLICT = "subscription_conflict"


# --- input -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Where an input record lies."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRecord:
    """One record as the broker gave it."""

    coordinates: Coordinates
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Trace:
    """W3C trace context, as it was received."""

    traceparent: str
    tracestate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who speaks. Every member may be unknown."""

    user_id: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Tracker:
    """Phrases to look for, reported under one name."""

    name: str
    vocabulary: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Channel:
    """One half of interleaved stereo: the stream that it becomes and who speaks on it."""

    stream: str
    speaker: Speaker | None


@dataclass(frozen=True, slots=True)
class CustomEntity:
    """Patterns and words that a conversation looks for itself, and the type of what they find."""

    type: str
    patterns: tuple[str, ...] = field(default=(), repr=False)
    words: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionWish:
    """How a ``start`` or ``subscribe`` wants its conversation redacted beyond what the deployment does.

    Args:
        types: to look for besides.
        thresholds: least scores by type, where they are lower than the deployment's.
        custom: to look for besides.
        mode: the least strict mode that is good enough, of all types.
        modes: the same of single types.
        speakers: whether names of speakers are to be masked.
        transcripts: whether they may be published in the clear.
    """

    types: tuple[str, ...] = ()
    thresholds: tuple[tuple[str, float], ...] = ()
    custom: tuple[CustomEntity, ...] = field(default=(), repr=False)
    mode: RedactionMode | None = None
    modes: tuple[tuple[str, RedactionMode], ...] = ()
    speakers: bool = False
    transcripts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StartParameters:
    """What a ``start`` record says. None means: as the deployment is configured."""

    speaker: Speaker | None = None
    encoding: Encoding | None = None
    sample_rate_hz: int | None = None
    language: str | None = None
    insight_types: tuple[InsightType, ...] | None = None
    trackers: tuple[Tracker, ...] = ()
    vocabulary: tuple[str, ...] = field(default=(), repr=False)
    redaction_enabled: bool | None = None
    meeting_title: str | None = field(default=None, repr=False)
    timezone_offset_minutes: int | None = None
    confidence_threshold: float | None = None
    sentiment: bool | None = None
    detect_entities: bool | None = None
    channels: tuple[Channel, Channel] | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioChunk:
    """The audio of one input record."""

    coordinates: Coordinates
    conversation_id: str
    stream: str
    payload: bytes = field(repr=False)
    seq: int | None = None
    capture_ts_ms: int | None = None
    trace: Trace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartStream:
    """A ``start`` record. Its ``wish`` is one of the whole conversation."""

    coordinates: Coordinates
    conversation_id: str
    stream: str
    parameters: StartParameters
    wish: RedactionWish | None = None
    trace: Trace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyStream:
    """A ``modify`` record: the format of the audio that follows."""

    coordinates: Coordinates
    conversation_id: str
    stream: str
    encoding: Encoding | None
    sample_rate_hz: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSpeaker:
    """A ``speaker`` record: who speaks from here on."""

    coordinates: Coordinates
    conversation_id: str
    stream: str
    speaker: Speaker


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """A ``subscribe`` record: the stream follows a conversation that somebody else feeds.

    Args:
        connection_id: the host's name for it while it is live.
    """

    coordinates: Coordinates
    conversation_id: str
    stream: str
    connection_id: str
    redaction_enabled: bool | None = None
    wish: RedactionWish | None = None
    tenant: str | None = None
    trace: Trace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndStream:
    """An ``end`` record. ``stream`` None ends all streams of the conversation."""

    coordinates: Coordinates
    conversation_id: str
    stream: str | None
    reason: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A record with nothing in it: finished as soon as it is read."""

    coordinates: Coordinates


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A record that cannot be used, and why. ``detail`` names fields, never contents."""

    record: InputRecord
    reason: Reason
    detail: str
    conversation_id: str | None = None
    stream: str | None = None
    event: str | None = None


Command: TypeAlias = (
    AudioChunk | StartStream | ModifyStream | ChangeSpeaker | Subscribe | EndStream | Ignored | DeadLetter
)


# --- output ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What every result says of where it came from."""

    id: str
    conversation_id: str
    stream: str
    symbl_conversation_id: str | None
    sequence: int
    start_ms: int
    end_ms: int
    topic: str
    partition: int
    first_offset: int
    last_offset: int
    speaker: Speaker | None
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word with its place on the audio clock."""

    text: str = field(repr=False)
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Polarity from -1 to 1 and its name (``negative``, ``neutral``, ``positive``)."""

    score: float
    label: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Personal data that was masked: its type and the place of the mask in the masked text, in characters."""

    type: str
    start: int
    end: int
    source: FindingSource


@dataclass(frozen=True, slots=True)
class Masked:
    """A text after redaction.

    Args:
        findings: None when redaction is switched off.
        policy: which rules and choices it was redacted by; empty when redaction is switched off. It says nothing of the
            text, so two texts with the same masks are equal.
    """

    text: str = field(repr=False)
    findings: tuple[Finding, ...] | None
    policy: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A final message, in the clear. Sensitive."""

    origin: Origin
    symbl_message_id: str
    text: str = field(repr=False)
    words: tuple[TimedWord, ...] = field(repr=False)
    sentiment: Sentiment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactedMessage:
    """The same message with personal data masked."""

    origin: Origin
    symbl_message_id: str
    masked: Masked
    sentiment: Sentiment | None = None


@dataclass(frozen=True, slots=True)
class TrackerMatch:
    """One hit of a tracker. ``value`` is already masked; ``offset`` is None where a similar phrase was found."""

    value: str = field(repr=False)
    message_id: str | None
    offset: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """A question, action item, follow-up, detected topic, tracker or entity; all texts are already masked."""

    origin: Origin
    kind: InsightKind
    symbl_insight_id: str | None
    masked: Masked
    confidence: float | None = None
    assignee: Speaker | None = None
    due_by: str | None = None
    message_ids: tuple[str, ...] = ()
    topic_score: float | None = None
    topic_root_words: tuple[str, ...] = field(default=(), repr=False)
    tracker_name: str | None = None
    tracker_matches: tuple[TrackerMatch, ...] = field(default=(), repr=False)
    entity_type: str | None = None
    entity_sub_type: str | None = None
    entity_category: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """Interim text for live captioning."""

    conversation_id: str
    stream: str
    speaker: Speaker | None
    text: str = field(repr=False)
    revision: int
    start_ms: int
    redaction: Literal["off", "masked", "clean"]


class LifeCycleEvent(StrEnum):
    """What can happen to a conversation."""

    STARTED = "started"
    RESUMED = "resumed"
    GAP = "gap"
    FAILED = "failed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeCycle:
    """One life-cycle record of a conversation. ``detail`` is JSON-ready and carries no content."""

    id: str
    conversation_id: str
    event: LifeCycleEvent
    sequence: int
    stream: str | None = None
    symbl_conversation_id: str | None = None
    reason: str | None = None
    detail: dict[str, object] = field(default_factory=dict)
    trace: Trace | None = None


Output: TypeAlias = Transcript | RedactedMessage | Insight | Caption | LifeCycle | DeadLetter


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """One record ready for the producer."""

    topic: str
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: tuple[tuple[str, bytes], ...] = field(repr=False)
    partition: int | None = None
