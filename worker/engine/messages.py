"""Server messages, exactly as they go over the wire. Pure.

Clients in typed languages fail on a whole message when one member has the wrong JSON type, so integers are never
written with a fraction and texts never as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

import orjson

from worker.engine.analysis import Word
from worker.engine.recognizers.events import AudioFormat

Frame: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AudioSpan:
    """Part of a stream's audio in whole milliseconds, and the wall clock at the stream's first byte."""

    start_ms: int
    end_ms: int
    base_ms: int

    @classmethod
    def of(cls, start_seconds: float, end_seconds: float, base_ms: int) -> AudioSpan:
        """The shortest span of whole milliseconds that covers these seconds."""
        start, end = round(start_seconds * 1e6), round(end_seconds * 1e6)
        return cls(start // 1000, -(-end // 1000), base_ms)

    @property
    def start_time(self) -> str:
        return iso_time(self.base_ms + self.start_ms)

    @property
    def end_time(self) -> str:
        return iso_time(self.base_ms + self.end_ms)

    def as_json(self) -> Frame:
        """The four members that say when something was said."""
        return {
            "startTime": self.start_time,
            "endTime": self.end_time,
            "timeOffset": _seconds(self.start_ms),
            "duration": _seconds(self.end_ms - self.start_ms),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One sentence, ready to be sent: texts are masked already where they have to be."""

    id: str
    speaker: Mapping[str, Any] = field(repr=False)
    content: str = field(repr=False)
    original_content: str = field(repr=False)
    words: Sequence[Word] = field(repr=False)
    span: AudioSpan
    timezone_offset_minutes: int = 0
    sentiment: Mapping[str, Any] | None = None
    entities: Sequence[Mapping[str, Any]] | None = field(default=None, repr=False)

    def as_json(self) -> Frame:
        message: Frame = {
            "from": dict(self.speaker),
            "payload": {"content": self.content, "contentType": "text/plain"},
            "id": self.id,
            "channel": {"id": "realtime-api"},
            "metadata": {
                "disablePunctuation": True,
                "timezoneOffset": self.timezone_offset_minutes,
                "originalContent": self.original_content,
                "words": orjson.dumps([_message_word(word, self.span.base_ms) for word in self.words]).decode(),
                "originalMessageId": self.id,
            },
            "dismissed": False,
            "duration": self.span.as_json(),
        }
        if self.sentiment is not None:
            message["sentiment"] = dict(self.sentiment)
        if self.entities is not None:
            message["entities"] = list(self.entities)
        return message


def conversation_created(conversation_id: str) -> Frame:
    return _enveloped({"type": "conversation_created", "data": {"conversationId": conversation_id}})


def started_listening() -> Frame:
    return _enveloped({"type": "started_listening"})


def recognition_started(conversation_id: str) -> Frame:
    return _enveloped({"type": "recognition_started", "data": {"conversationId": conversation_id}})


def recognition_stopped() -> Frame:
    return _enveloped({"type": "recognition_stopped"})


def conversation_completed(conversation_id: str) -> Frame:
    """Carries the id in both places where clients look for it; there is no summary page, so its address is empty."""
    return _enveloped(
        {
            "type": "conversation_completed",
            "conversationId": conversation_id,
            "data": {"conversationId": conversation_id},
            "summaryUrl": "",
        }
    )


def session_modified(conversation_id: str, audio_format: AudioFormat) -> Frame:
    data = {
        "conversationId": conversation_id,
        "sampleRateHertz": audio_format.sample_rate_hz,
        "encoding": audio_format.encoding,
    }
    return _enveloped({"type": "session_modified", "data": data})


def subscription_started(conversation_id: str) -> Frame:
    return _enveloped({"type": "subscription_started", "data": {"conversationId": conversation_id}})


def processing_error(text: str) -> Frame:
    """The nested error: it ends a pending start or stop of the SDKs."""
    return _enveloped({"type": "error", "payload": {"message": text}})


def input_error(message: str, details: str) -> Frame:
    """The flat error: something the client said was not understood."""
    return {"type": "error", "details": details, "message": message}


def recognition_result(
    *, text: str, words: Sequence[Word], is_final: bool, confidence: float, user: Mapping[str, Any], time_offset_ms: int
) -> Frame:
    """Raw speech recognition; ``words`` and ``confidence`` count for final results only."""
    alternative = {
        "words": [_recognised_word(word) for word in words] if is_final else [],
        "transcript": text,
        "confidence": confidence if is_final else 0,
    }
    frame = _enveloped(
        {
            "type": "recognition_result",
            "isFinal": is_final,
            "payload": {"raw": {"alternatives": [alternative]}},
            "punctuated": {"transcript": text},
            "user": dict(user),
        }
    )
    frame["timeOffset"] = time_offset_ms
    return frame


def transcript_response(result: Frame) -> Frame:
    """The short form of a recognition result that followers of telephone calls get."""
    said = result["message"]
    speaker = {key: said["user"][key] for key in ("id", "name", "userId") if key in said["user"]}
    payload = {"content": said["punctuated"]["transcript"], "contentType": "text/plain"}
    return {"type": "transcript_response", "isFinal": said["isFinal"], "payload": payload, "from": speaker}


def message_response(messages: Sequence[Message], sequence_number: int) -> Frame:
    return {
        "type": "message_response",
        "messages": [message.as_json() for message in messages],
        "sequenceNumber": sequence_number,
    }


def insight_response(insights: Sequence[Mapping[str, Any]], sequence_number: int) -> Frame:
    return {"type": "insight_response", "insights": list(insights), "sequenceNumber": sequence_number}


def tracker_response(trackers: Sequence[Mapping[str, Any]], sequence_number: int, *, is_final: bool) -> Frame:
    return {
        "type": "tracker_response",
        "isFinal": is_final,
        "trackers": list(trackers),
        "sequenceNumber": sequence_number,
    }


def entity_response(entities: Sequence[Mapping[str, Any]], sequence_number: int) -> Frame:
    return {"type": "entity_response", "entities": list(entities), "sequenceNumber": sequence_number}


def topic_response(topics: Sequence[Mapping[str, Any]], sequence_number: int) -> Frame:
    return {"type": "topic_response", "topics": list(topics), "sequenceNumber": sequence_number}


def iso_time(epoch_ms: int) -> str:
    """ISO 8601 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(epoch_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{epoch_ms % 1000:03d}Z"


def _enveloped(message: Frame) -> Frame:
    return {"type": "message", "message": message}


def _message_word(word: Word, base_ms: int) -> Frame:
    # The score is not in the stream of the hosted service; its Conversation API shows one per word.
    span = AudioSpan.of(word.start_seconds, word.end_seconds, base_ms)
    return {"word": word.text} | span.as_json() | {"score": round(word.confidence, 4)}


def _recognised_word(word: Word) -> Frame:
    return {"word": word.text, "startTime": _duration(word.start_seconds), "endTime": _duration(word.end_seconds)}


def _duration(seconds: float) -> dict[str, str]:
    nanos = math.floor(seconds * 1e9 + 0.5)
    return {"seconds": str(nanos // 1_000_000_000), "nanos": f"{nanos % 1_000_000_000:09d}"}


def _seconds(milliseconds: int) -> int | float:
    return milliseconds // 1000 if milliseconds % 1000 == 0 else milliseconds / 1000
