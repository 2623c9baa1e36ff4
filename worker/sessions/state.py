"""What must survive a worker: the state of a conversation, as it is written to the state topic. Pure.

The state holds positions, formats, counters and ids, and what the ``start`` record said; never a transcript word.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import orjson

from worker.records import Channel, Encoding, RedactionWish, Speaker, StartParameters, Tracker
from worker.redaction.wishes import wish_from_json, wish_to_json

STATE_VERSION: Final = 4
READABLE_VERSIONS: Final = (1, 2, 3, 4)
"""Version 1 had no recent messages, version 2 no subscriptions, version 3 nothing left open and no wishes.

A worker reads what older ones wrote, and nothing that newer ones did.
"""

InsightKey: TypeAlias = tuple[str | int | None, ...]
"""What tells the insights about one message apart: the kind and the host's id; for trackers and entities, which have
none, their name or type, the offset, and the number among those that share both. Never a text."""


class StateError(ValueError):
    """A state record that this version cannot read."""


@dataclass(slots=True, kw_only=True)
class Counters:
    """What a stream did since it was opened."""

    messages: int = 0
    insights: int = 0
    gaps: int = 0
    reconnects: int = 0
    billed_us: int = 0


@dataclass(slots=True, kw_only=True)
class RecentMessage:
    """A published message, as far as results need it that come later, perhaps to another worker.

    Args:
        symbl_conversation_id: the host's conversation that it belongs to.
        sequence: its number within the stream.
        speaker: who said it.
        is_sensitive: personal data was found in it; which, only the worker knows that published it.
        is_owed: its socket was lost, so what the host found in it may have reached nobody.
        insights: how many were published about it, by kind.
        published: which.
    """

    symbl_message_id: str
    symbl_conversation_id: str | None
    sequence: int
    start_us: int
    end_us: int
    first_offset: int
    last_offset: int
    speaker: Speaker | None = None
    is_sensitive: bool = False
    is_owed: bool = False
    insights: dict[str, int] = field(default_factory=dict)
    published: list[InsightKey] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class SubscriptionState:
    """What a stream follows that has no audio of its own.

    Args:
        connection_id: what is dialled.
        offset: of the ``subscribe`` record.
        asked_at_ms: timestamp of that record; -1 when it has none.
        symbl_conversation_id: the host's conversation, once the host has named it.
        zero_ms: where the stream's clock begins, by the host's clock, in ms since the epoch.
        start_us: where the message begins on the stream's clock that was published last.
        published: the messages that were published last, oldest first: the host's id, and when it began by the host's
            clock, in ms since the epoch.
        recovered: messages that no socket brought, and that were read from the host.
        failed: why what no socket brought could not all be read, the last time.
        completed: the conversation is over at the host.
    """

    connection_id: str
    offset: int
    asked_at_ms: int
    symbl_conversation_id: str | None = None
    zero_ms: int | None = None
    start_us: int = 0
    published: list[tuple[str, int]] = field(default_factory=list)
    recovered: int = 0
    failed: str | None = None
    completed: bool = False


@dataclass(slots=True, kw_only=True)
class StreamState:
    """Where a stream stands: all at or below ``offset`` is settled, and of what follows all below ``settled_byte``.

    Args:
        offset: last input offset of this stream that is finished; at first, the one before the record that opened it.
        byte: stream position in bytes after that record.
        settled_byte: at least ``byte``; beyond it when a part of the next record is settled too.
        partial_offset: offset of that next record; -1 when ``settled_byte`` is ``byte``.
        time_us: audio clock at ``settled_byte``, in microseconds.
        preamble: what a FLAC decoder needs before ``settled_byte``.
        seq: the producer's sequence number of the last finished audio record, if it sends any since the last start.
        seq_checksum: of the audio of that record.
        given_up: why, until the end of the stream is seen: what comes before it is dead letters.
        recent: messages about which more may come, oldest first.
        left_open: the host's users on the stream, "" where there is one only, whose last message ended in what may be
            personal data and was masked in doubt.
        subscription: what it follows; None of a stream of audio. Bytes, positions and formats mean nothing then.
    """

    parameters: StartParameters
    encoding: Encoding
    sample_rate_hz: int
    offset: int = -1
    byte: int = 0
    settled_byte: int = 0
    partial_offset: int = -1
    time_us: int = 0
    seq: int | None = None
    seq_checksum: int = 0
    speaker: Speaker | None = None
    message_sequence: int = 0
    insight_sequence: int = 0
    last_end_us: int = 0
    preamble: bytes = b""
    ended: bool = False
    given_up: str | None = None
    counters: Counters = field(default_factory=Counters)
    recent: list[RecentMessage] = field(default_factory=list)
    left_open: list[str] = field(default_factory=list)
    subscription: SubscriptionState | None = None


@dataclass(slots=True, kw_only=True)
class ConversationState:
    """A conversation from its opening to its end.

    Args:
        opened_offset: offset of the record that opened it; with it ids differ from those of an earlier opening.
        opened_at_ms: timestamp of that record.
        last_offset: highest offset that belongs to it, known once it has ended.
        redaction: a ``start`` switched redaction on, or wants it stricter; nothing switches it off again.
        wishes: what records want of it, each once.
        splits: input streams of interleaved audio, and the two streams that each of them becomes.
        owed_dropped: owed messages that were forgotten because there were too many.
        has_forgotten_sensitive: a message with personal data is no longer among the recent ones.
    """

    topic: str
    conversation_id: str
    opened_offset: int
    opened_at_ms: int
    sequence: int = 0
    started: bool = False
    ended: bool = False
    last_offset: int = -1
    redaction: bool = False
    wishes: list[RedactionWish] = field(default_factory=list)
    symbl_conversation_id: str | None = None
    splits: dict[str, list[str]] = field(default_factory=dict)
    owed_dropped: int = 0
    has_forgotten_sensitive: bool = False
    streams: dict[str, StreamState] = field(default_factory=dict)

    def symbl_conversation_of(self, stream: str | None) -> str | None:
        """The host's id of the conversation to which a stream belongs: a subscription may follow another one."""
        known = None if stream is None else self.streams.get(stream)
        if known is None or known.subscription is None:
            return self.symbl_conversation_id
        return known.subscription.symbl_conversation_id


@dataclass(frozen=True, slots=True)
class RejectedState:
    """Which records of an input partition became dead letters as a whole, while earlier ones were not finished yet.

    Whoever reads them again knows by it that their dead letters are published.

    Args:
        ranges: first and last offset of each run of them, rising.
    """

    topic: str
    ranges: tuple[tuple[int, int], ...]


def rejected_key(topic: str) -> bytes:
    """The record key of that. No conversation's: their ids are not empty."""
    return f"{topic}/".encode()


def dump_rejected(state: RejectedState) -> bytes:
    """Serialise for the state topic."""
    return orjson.dumps({"version": STATE_VERSION, "topic": state.topic, "rejected": state.ranges})


def load_record(value: bytes) -> ConversationState | RejectedState:
    """Read any record of the state topic.

    Raises:
        StateError: see :func:`load_state`.
    """
    try:
        data = orjson.loads(value)
        if "rejected" in data and data["version"] in READABLE_VERSIONS:
            return RejectedState(data["topic"], tuple((first, last) for first, last in data["rejected"]))
    except (LookupError, TypeError, ValueError) as error:
        raise StateError(f"not a readable state record ({type(error).__name__})") from None
    return load_state(value)


def state_key(topic: str, conversation_id: str) -> bytes:
    """The record key of a conversation's state."""
    return f"{topic}/{conversation_id}".encode()


def dump_state(state: ConversationState) -> bytes:
    """Serialise for the state topic."""
    return orjson.dumps(
        {
            "version": STATE_VERSION,
            "topic": state.topic,
            "conversation_id": state.conversation_id,
            "opened_offset": state.opened_offset,
            "opened_at_ms": state.opened_at_ms,
            "sequence": state.sequence,
            "started": state.started,
            "ended": state.ended,
            "last_offset": state.last_offset,
            "redaction": state.redaction,
            "wishes": [wish_to_json(wish) for wish in state.wishes],
            "symbl_conversation_id": state.symbl_conversation_id,
            "splits": state.splits,
            "owed_dropped": state.owed_dropped,
            "has_forgotten_sensitive": state.has_forgotten_sensitive,
            "streams": {name: _dump_stream(stream) for name, stream in state.streams.items()},
        }
    )


def load_state(value: bytes) -> ConversationState:
    """Read what :func:`dump_state` wrote.

    Raises:
        StateError: not a state record, or of a version that this worker does not know.
    """
    try:
        data: dict[str, Any] = orjson.loads(value)
        version = data.pop("version")
        if version not in READABLE_VERSIONS:
            raise StateError(f"state version {version} is not known to this worker (it knows up to {STATE_VERSION})")
        streams = {name: _load_stream(stream) for name, stream in data.pop("streams").items()}
        wishes = [wish_from_json(wish) for wish in data.pop("wishes", ())]
        return ConversationState(streams=streams, wishes=wishes, **data)
    except StateError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise StateError(f"not a readable state record ({type(error).__name__})") from None


def _dump_stream(stream: StreamState) -> dict[str, Any]:
    # orjson writes dataclasses member by member; only bytes are foreign to it.
    return {
        "parameters": stream.parameters,
        "encoding": stream.encoding,
        "sample_rate_hz": stream.sample_rate_hz,
        "offset": stream.offset,
        "byte": stream.byte,
        "settled_byte": stream.settled_byte,
        "partial_offset": stream.partial_offset,
        "time_us": stream.time_us,
        "seq": stream.seq,
        "seq_checksum": stream.seq_checksum,
        "speaker": stream.speaker,
        "message_sequence": stream.message_sequence,
        "insight_sequence": stream.insight_sequence,
        "last_end_us": stream.last_end_us,
        "preamble": base64.b64encode(stream.preamble).decode(),
        "ended": stream.ended,
        "given_up": stream.given_up,
        "counters": stream.counters,
        "recent": stream.recent,
        "left_open": stream.left_open,
        "subscription": stream.subscription,
    }


def _load_stream(data: Mapping[str, Any]) -> StreamState:
    values = dict(data)
    return StreamState(
        parameters=_load_parameters(values.pop("parameters")),
        encoding=Encoding(values.pop("encoding")),
        speaker=_load_speaker(values.pop("speaker")),
        preamble=base64.b64decode(values.pop("preamble")),
        counters=Counters(**values.pop("counters")),
        recent=[_load_recent(message) for message in values.pop("recent", ())],
        subscription=_load_subscription(values.pop("subscription", None)),
        **values,
    )


def _load_subscription(data: Mapping[str, Any] | None) -> SubscriptionState | None:
    if data is None:
        return None
    values = dict(data)
    published = [(message_id, began_at_ms) for message_id, began_at_ms in values.pop("published")]
    return SubscriptionState(published=published, **values)


def _load_recent(data: Mapping[str, Any]) -> RecentMessage:
    values = dict(data)
    return RecentMessage(
        speaker=_load_speaker(values.pop("speaker")),
        published=[tuple(key) for key in values.pop("published")],
        **values,
    )


def _load_parameters(data: Mapping[str, Any]) -> StartParameters:
    values = dict(data)
    channels = values.pop("channels")
    insight_types = values.pop("insight_types")
    encoding = values.pop("encoding")
    return StartParameters(
        speaker=_load_speaker(values.pop("speaker")),
        encoding=None if encoding is None else Encoding(encoding),
        insight_types=None if insight_types is None else tuple(insight_types),
        trackers=tuple(Tracker(item["name"], tuple(item["vocabulary"])) for item in values.pop("trackers")),
        vocabulary=tuple(values.pop("vocabulary")),
        channels=None if channels is None else (_load_channel(channels[0]), _load_channel(channels[1])),
        **values,
    )


def _load_channel(data: Mapping[str, Any]) -> Channel:
    return Channel(data["stream"], _load_speaker(data["speaker"]))


def _load_speaker(data: Mapping[str, Any] | None) -> Speaker | None:
    return None if data is None else Speaker(**data)
