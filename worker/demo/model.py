"""What the demo knows: records in, rows and figures out. Pure."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.demo.recorded_call import RecordedCall
from worker.demo.wer import normalise_words, word_errors
from worker.tail import describe, speaker_of

Value = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the view. ``is_final`` False: the text still grows."""

    stream: str
    speaker: str = field(repr=False)
    start_ms: int
    text: str = field(repr=False)
    is_final: bool


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Words that one speaker said, and how many were recognised wrongly."""

    speaker: str = field(repr=False)
    words: int
    errors: int

    @property
    def word_error_rate(self) -> float:
        """Errors for each word."""
        return self.errors / max(1, self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures at the end. Latencies are from the end of a message's audio to its arrival, in seconds."""

    audio_seconds: float
    messages: int
    insights: Mapping[str, int]
    findings: Mapping[str, int]
    latency_median_seconds: float | None
    latency_worst_seconds: float | None
    accuracy: tuple[Accuracy, ...]
    gaps: int
    reconnects: int


class DemoModel:
    """Everything that has arrived of one conversation. Results are kept by id: one that comes again replaces itself."""

    def __init__(self, conversation_id: str) -> None:
        self.conversation_id = conversation_id
        self.ended: Value | None = None
        self.captions = 0
        self._growing: dict[str, Value] = {}
        self._messages: dict[str, Value] = {}
        self._transcripts: dict[str, Value] = {}
        self._insights: dict[str, Value] = {}
        self._arrivals: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<DemoModel messages={self.message_count} insights={self.insight_count} ended={self.ended is not None}>"

    @property
    def message_count(self) -> int:
        """Redacted messages so far."""
        return len(self._messages)

    @property
    def insight_count(self) -> int:
        """Insights so far."""
        return len(self._insights)

    @property
    def is_complete(self) -> bool:
        """The conversation has ended, and every message and insight that it counts is here."""
        if self.ended is None:
            return False
        detail = self.ended.get("detail") or {}
        return (
            self.message_count >= detail.get("messages", 0)
            and self.insight_count >= detail.get("insights", 0)
            and len(self._transcripts) in (0, self.message_count)
        )

    def receive(self, kind: str, value: Value, now: float) -> bool:
        """Take one record.

        Args:
            kind: short name of its topic.
            now: when it arrived.

        Returns:
            Whether it is about this conversation and new.
        """
        if value.get("conversation_id") != self.conversation_id:
            return False
        match kind:
            case "captions":
                self.captions += 1
                self._grow(value)
                return True
            case "redacted":
                self._settle_caption(value)
                self._arrivals.setdefault(str(value["id"]), now)
                return _upsert(self._messages, value)
            case "transcripts":
                return _upsert(self._transcripts, value)
            case "insights":
                return _upsert(self._insights, value)
            case "conversations":
                if value.get("event") == "ended":
                    self.ended = value
                    self._growing.clear()
                return True
        return False

    def rows(self) -> list[Row]:
        """The conversation so far in the order in which it was said; what still grows comes last."""
        final = [_row(message, is_final=True) for message in self._messages.values()]
        growing = [_row(caption, is_final=False) for caption in self._growing.values() if caption.get("text")]
        return sorted(final, key=_place) + sorted(growing, key=_place)

    def insight_rows(self) -> list[str]:
        """Insights in the order in which they arrived."""
        return [describe("insights", insight) for insight in self._insights.values()]

    def counts(self) -> tuple[Counter[str], Counter[str]]:
        """Insights by kind, and personal data found in messages by type."""
        kinds = Counter(str(insight.get("kind")) for insight in self._insights.values())
        found = Counter(
            str(finding.get("type"))
            for message in self._messages.values()
            for finding in (message.get("redaction") or {}).get("findings") or ()
        )
        return kinds, found

    def summary(self, call: RecordedCall, started_at: Mapping[str, float], pace: float) -> Summary:
        """The figures of the whole run.

        Args:
            started_at: by stream, when its first sample was played, on the clock of ``receive``.
            pace: how many times faster than real time it was played.
        """
        kinds, found = self.counts()
        latencies = [
            arrived - (started_at[message["stream"]] + message["audio"]["end_ms"] / 1000 / pace)
            for message_id, arrived in self._arrivals.items()
            if (message := self._messages[message_id])["stream"] in started_at
        ]
        detail = (self.ended or {}).get("detail") or {}
        return Summary(
            audio_seconds=detail.get("audio_ms", 0) / 1000,
            messages=self.message_count,
            insights=kinds,
            findings=found,
            latency_median_seconds=statistics.median(latencies) if latencies else None,
            latency_worst_seconds=max(latencies, default=None),
            accuracy=tuple(self._accuracy(call, stream) for stream in call.streams) if self._transcripts else (),
            gaps=detail.get("gaps", 0),
            reconnects=detail.get("reconnects", 0),
        )

    def _accuracy(self, call: RecordedCall, stream: str) -> Accuracy:
        heard = sorted(
            (item for item in self._transcripts.values() if item["stream"] == stream), key=lambda item: item["sequence"]
        )
        said = normalise_words(call.reference(stream))
        errors = word_errors(said, normalise_words(" ".join(item["text"] for item in heard)))
        return Accuracy(call.streams[stream], len(said), errors)

    def _grow(self, caption: Value) -> None:
        known = self._growing.get(caption["stream"])
        if known is None or caption["revision"] > known["revision"]:
            self._growing[caption["stream"]] = caption

    def _settle_caption(self, message: Value) -> None:
        """A message takes the place of the caption of the same audio; a caption of later audio stays."""
        caption = self._growing.get(message["stream"])
        if caption is not None and caption["audio"]["start_ms"] < message["audio"]["end_ms"]:
            # The empty text keeps the revision, so that a caption that was overtaken does not come back.
            self._growing[message["stream"]] = {**caption, "text": ""}


def _upsert(kept: dict[str, Value], value: Value) -> bool:
    is_new = value["id"] not in kept
    kept[value["id"]] = value
    return is_new


def _row(value: Value, *, is_final: bool) -> Row:
    return Row(value["stream"], speaker_of(value), value["audio"]["start_ms"], str(value.get("text")), is_final)


def _place(row: Row) -> tuple[int, str]:
    return row.start_ms, row.stream
