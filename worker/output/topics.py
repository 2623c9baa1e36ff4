"""Names of the topics and how they should be configured. Pure: nothing here talks to a broker."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

CleanupPolicy = Literal["delete", "compact"]

_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Which topics the worker reads (``audio``) and writes (all others).

    Invariant: the names are valid and all different. Text in the clear can therefore not land in a topic that
    promises masked text, and no output is read back as audio.

    Raises:
        ValueError: A name is invalid or used twice; the text names the fields.
    """

    audio: tuple[str, ...] = ("symbl.audio",)
    captions: str = "symbl.captions"
    transcripts: str = "symbl.transcripts"
    redacted: str = "symbl.messages.redacted"
    insights: str = "symbl.insights"
    conversations: str = "symbl.conversations"
    dead_letters: str = "symbl.dead-letters"
    state: str = "symbl.state"

    def __post_init__(self) -> None:
        if not self.audio:
            raise ValueError("audio: at least one topic is needed")
        used: dict[str, str] = {}
        for role, name in [*(("audio", name) for name in self.audio), *self.outputs().items()]:
            if not _NAME.fullmatch(name) or name in {".", ".."}:
                raise ValueError(f"{role}: not a valid topic name")
            if name in used:
                raise ValueError(f"{role}: {name!r} is already used for {used[name]}")
            used[name] = role

    def outputs(self) -> dict[str, str]:
        """The topics that the worker writes: field name to topic name."""
        return {
            "captions": self.captions,
            "transcripts": self.transcripts,
            "redacted": self.redacted,
            "insights": self.insights,
            "conversations": self.conversations,
            "dead_letters": self.dead_letters,
            "state": self.state,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicConfiguration:
    """How a topic should be created.

    Attributes:
        retention_ms: How long records are kept. None: for as long as compaction leaves them.
        segment_ms: When a segment is closed. Kafka removes whole closed segments only, so what is personal needs a
            segment much shorter than its retention.
        max_message_bytes: The largest record, and so the least ``max_request_size`` of its producer.
        extra: Further topic settings under Kafka's own names.
    """

    name: str
    partitions: int
    cleanup_policy: CleanupPolicy
    retention_ms: int | None
    segment_ms: int
    max_message_bytes: int
    extra: tuple[tuple[str, str], ...] = field(default=())

    def settings(self) -> dict[str, str]:
        """The topic settings under Kafka's own names, as an admin client wants them."""
        settings = {
            "cleanup.policy": self.cleanup_policy,
            "segment.ms": str(self.segment_ms),
            "max.message.bytes": str(self.max_message_bytes),
        }
        if self.retention_ms is not None:
            settings["retention.ms"] = str(self.retention_ms)
        return settings | dict(self.extra)


@dataclass(frozen=True, slots=True)
class _Recommendation:
    retention_ms: int
    segment_ms: int
    max_message_bytes: int = _MIB


_RECOMMENDED = {
    # The buffer behind every outage: longer than the longest one that must not cost audio.
    "audio": _Recommendation(_DAY_MS, _HOUR_MS),
    "captions": _Recommendation(_HOUR_MS, 10 * _MINUTE_MS),
    "transcripts": _Recommendation(7 * _DAY_MS, _DAY_MS),
    "redacted": _Recommendation(30 * _DAY_MS, _DAY_MS),
    "insights": _Recommendation(30 * _DAY_MS, _DAY_MS),
    "conversations": _Recommendation(30 * _DAY_MS, _DAY_MS),
    # A dead letter holds its original in base64, a third larger.
    "dead_letters": _Recommendation(14 * _DAY_MS, _DAY_MS, 2 * _MIB),
}


def recommended(topics: Topics, *, input_partitions: int) -> tuple[TopicConfiguration, ...]:
    """Return the recommended configuration of every topic, inputs first.

    Every topic gets as many partitions as the input. The state topic must have them, because a partition of the input
    keeps its state in the partition of the same number; the results are then co-partitioned and can be joined by key.

    Args:
        input_partitions: Number of partitions of the input topic, of the largest one where there are several.

    Raises:
        ValueError: ``input_partitions`` is not positive.
    """
    if input_partitions < 1:
        raise ValueError("input_partitions must be positive")
    named = [("audio", name) for name in topics.audio]
    named += [(role, name) for role, name in topics.outputs().items() if role != "state"]
    logs = [
        TopicConfiguration(
            name=name,
            partitions=input_partitions,
            cleanup_policy="delete",
            retention_ms=_RECOMMENDED[role].retention_ms,
            segment_ms=_RECOMMENDED[role].segment_ms,
            max_message_bytes=_RECOMMENDED[role].max_message_bytes,
        )
        for role, name in named
    ]
    return (*logs, _state(topics.state, input_partitions))


def _state(name: str, partitions: int) -> TopicConfiguration:
    # A lane reads its whole state partition before its first record: small segments, eagerly compacted, keep it short.
    return TopicConfiguration(
        name=name,
        partitions=partitions,
        cleanup_policy="compact",
        retention_ms=None,
        segment_ms=_HOUR_MS,
        max_message_bytes=_MIB,
        extra=(("segment.bytes", str(32 * _MIB)), ("min.cleanable.dirty.ratio", "0.1")),
    )
