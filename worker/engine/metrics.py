"""All metrics of the engine, in one place. Base units, bounded labels: never a conversation id, never content."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from worker.engine.messages import Frame
from worker.engine.process import surviving_blocks
from worker.engine.sessions import Load

PREFIX = "symbl_engine"
CONTENT_TYPE = CONTENT_TYPE_LATEST

INSIGHT_KINDS = ("question", "action_item", "follow_up")
REFUSALS = ("draining", "connections", "account_streams", "streams", "overloaded", "token", "request")
OFFENCES = ("frame_bytes", "requests", "protocol", "backlog")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """What is true at this moment.

    Args:
        load: Of the recognisers.
        archive_backlog: Writes that wait for the store.
    """

    speaker_sockets: int
    subscriber_sockets: int
    conversations: int
    load: Load
    archive_backlog: int


class EngineMetrics:
    """Counters of one engine, and its gauges, which are read when somebody asks."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, namespace=PREFIX, registry=self._registry)

        self._conversations = counter("conversations_started", "Conversations that were started.")
        self._audio = counter("audio_seconds", "Audio recognised.")
        self._messages = counter("messages", "Messages sent, each counted once however many heard of it.")
        self._insights = counter("insights", "Insights sent, by kind.", "kind")
        self._failures = counter("recognizer_failures", "Sockets closed because their recogniser failed.")
        self._write_failures = counter("store_write_failures", "Attempts to write to the store that failed.")
        self._dropped_writes = counter("store_writes_dropped", "What was not kept: no room to wait, or refused.")
        self._deleted = counter("conversations_deleted", "Stored conversations deleted because of their age.")
        self._refusals = counter("handshakes_refused", "WebSocket handshakes refused, by reason.", "reason")
        self._offences = counter(
            "sockets_cut_off", "Sockets ended because of what their client did, by reason.", "reason"
        )
        self._tokens_issued = counter("tokens_issued", "Access tokens issued.")
        self._tokens_refused = counter("tokens_refused", "Requests for a token with wrong credentials.")
        for kind in INSIGHT_KINDS:
            self._insights.labels(kind)
        for reason in REFUSALS:
            self._refusals.labels(reason)
        for reason in OFFENCES:
            self._offences.labels(reason)

    def watch(self, read: Callable[[], Gauges]) -> None:
        """Shows these gauges, too. To be called once."""
        self._registry.register(_GaugeCollector(read))

    def note_conversation(self) -> None:
        """A conversation was started."""
        self._conversations.inc()

    def note_audio(self, seconds: float) -> None:
        """Audio of a speaker was recognised."""
        self._audio.inc(seconds)

    def note_frame(self, frame: Frame) -> None:
        """A frame was sent to whoever hears it."""
        match frame:
            case {"type": "message_response", "messages": messages}:
                self._messages.inc(len(messages))
            case {"type": "insight_response", "insights": insights}:
                for insight in insights:
                    self._insights.labels(insight["type"]).inc()

    def note_failure(self) -> None:
        """A recogniser failed."""
        self._failures.inc()

    def note_refusal(self, reason: str) -> None:
        """A handshake was refused; one of `REFUSALS`."""
        self._refusals.labels(reason).inc()

    def note_offence(self, reason: str) -> None:
        """A socket was ended because of its client; one of `OFFENCES`."""
        self._offences.labels(reason).inc()

    def note_token(self, *, issued: bool) -> None:
        """Somebody asked for a token."""
        (self._tokens_issued if issued else self._tokens_refused).inc()

    def note_write_failure(self) -> None:
        """The store did not take what was to be written."""
        self._write_failures.inc()

    def note_dropped_writes(self, count: int) -> None:
        """So much of what happened in conversations will never be kept."""
        self._dropped_writes.inc(count)

    def note_deleted_conversations(self, count: int) -> None:
        """Conversations reached their age."""
        self._deleted.inc(count)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format, `CONTENT_TYPE`."""
        return generate_latest(self._registry)


class _GaugeCollector(Collector):
    def __init__(self, read: Callable[[], Gauges]) -> None:
        self._read = read

    def describe(self) -> Iterator[GaugeMetricFamily]:
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = self._read()
        for name, text, value in (
            ("speaker_sockets", "Speaker sockets that are open.", now.speaker_sockets),
            ("subscriber_sockets", "Subscriber sockets that are open.", now.subscriber_sockets),
            ("conversations", "Conversations that are live.", now.conversations),
            (
                "recognizer_backlog_seconds",
                "Audio received and not yet recognised, over all sockets.",
                now.load.backlog_seconds,
            ),
            (
                "recognizer_late_seconds",
                "How far the latest recognition lags behind its speaker.",
                now.load.late_seconds,
            ),
            (
                "recognizer_load",
                "Share of the recognisers' time that all speakers need, 0 to 1; above 1 they fall behind.",
                now.load.share,
            ),
            (
                "recognizer_real_time_factor",
                "Seconds of work for one second of audio, lately.",
                now.load.real_time_factor,
            ),
            ("archive_backlog", "Writes that wait for the store.", now.archive_backlog),
            ("tasks", "Tasks of the event loop.", _task_count()),
            ("memory_blocks", "Blocks of memory in use after the last full collection of garbage.", surviving_blocks()),
        ):
            yield GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)


def _task_count() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        # Nobody runs: the tables of the documentation are made.
        return 0
