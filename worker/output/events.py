"""From what the worker has to say to the records that say it. Pure: the same input gives the same bytes.

The records are CloudEvents 1.0 in the binary content mode of the Kafka protocol binding (version 1.0.2, section 3.2):
the value is the event's data as it is, ``content-type`` is ``datacontenttype``, and every other attribute is a header
named ``ce_<attribute>`` whose value is UTF-8 text without percent-encoding. The record key equals the ``partitionkey``
extension (section 3.1). Structured mode and batches are not used. Not an attribute of the event are ``traceparent``
and ``tracestate``: they stand under their W3C names, where Kafka instrumentations look for them.
"""

from __future__ import annotations

import re
import uuid
from base64 import b64encode
from datetime import UTC, datetime
from typing import Final, TypeAlias, assert_never

import orjson

from worker.output.topics import Topics
from worker.records import (
    Caption,
    Coordinates,
    DeadLetter,
    Insight,
    LifeCycle,
    Masked,
    Origin,
    Output,
    OutputRecord,
    RedactedMessage,
    Sentiment,
    Speaker,
    Trace,
    Transcript,
)

Json: TypeAlias = dict[str, object]

DEAD_LETTER_VALUE_LIMIT_BYTES: Final = 512 * 1024
TYPE_PREFIX: Final = "dev.symbl-worker"

_NAMESPACE: Final = uuid.UUID("2e356a29-af22-4635-a442-99821d30c374")
_CONTENT_TYPE: Final = ("content-type", b"application/json")
_SPEC_VERSION: Final = ("ce_specversion", b"1.0")
_URI_REFERENCE: Final = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_TRACEPARENT: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
# What a CloudEvents string may not hold: control characters and non-characters (surrogates cannot come out of UTF-8).
_NOT_IN_ATTRIBUTES: Final = re.compile(
    "[\u0000-\u001f\u007f-\u009f\ufdd0-\ufdef"
    + "".join(chr(plane | low) for plane in range(0, 0x110000, 0x10000) for low in (0xFFFE, 0xFFFF))
    + "]"
)


def result_id(
    *,
    topic: str,
    partition: int,
    conversation_id: str,
    stream: str | None,
    opened_offset: int,
    kind: str,
    sequence: int,
) -> str:
    """Return the id of a result: the same for the same result, however often it is produced, and no other's.

    Args:
        topic: Input topic.
        partition: Input partition.
        stream: None for what concerns the conversation as a whole.
        opened_offset: Offset of the input record that opened the conversation; tells its openings apart.
        kind: What numbers ``sequence``, such as ``transcript``, ``message``, ``insight`` or ``conversation``. A
            transcript and its redacted message share their sequence and need different kinds. Insights are numbered
            so only where no message tells them apart; see :func:`insight_id`.
        sequence: Number of the result within all of the above.
    """
    return _uuid("result", topic, partition, conversation_id, stream, opened_offset, kind, sequence)


def insight_id(
    *,
    topic: str,
    partition: int,
    conversation_id: str,
    stream: str,
    opened_offset: int,
    message_sequence: int,
    kind: str,
    ordinal: int,
) -> str:
    """Return the id of an insight about a published message. It does not depend on what else was found, or when.

    Args:
        message_sequence: Number of the message within its stream.
        kind: Kind of the insight.
        ordinal: Number among the insights of this kind about this message.
    """
    return _uuid("insight", topic, partition, conversation_id, stream, opened_offset, message_sequence, kind, ordinal)


def dead_letter_id(coordinates: Coordinates) -> str:
    """Return the id of the dead letter of the input record at ``coordinates``. There is one at most."""
    return _uuid("dead-letter", coordinates.topic, coordinates.partition, coordinates.offset)


class EventBuilder:
    """Builds output records.

    Args:
        topics: Where each kind of output goes.
        source: CloudEvents ``source``, a URI reference that names this deployment, such as
            ``/symbl-worker/production``. Together with ``ce_id`` it identifies an event, so all replicas share it.

    Raises:
        ValueError: ``source`` is not a URI reference.
    """

    def __init__(self, topics: Topics, source: str) -> None:
        if not _URI_REFERENCE.fullmatch(source):
            raise ValueError("source must be a URI reference, not empty, in ASCII")
        self._topics = topics
        self._source = ("ce_source", source.encode())

    def __repr__(self) -> str:
        return f"EventBuilder(source={self._source[1].decode()!r})"

    def build(self, output: Output, *, time: datetime) -> OutputRecord:
        """Return the record that says ``output``; its partition is left to the default partitioner.

        Args:
            time: When it happened, for ``ce_time``. It must know its time zone. Only a caption's id depends on it.

        Raises:
            ValueError: ``time`` is naive.
        """
        ce_time = _rfc3339(time)
        match output:
            case Transcript():
                return self._result(self._topics.transcripts, "transcript", output.origin, _transcript(output), ce_time)
            case RedactedMessage():
                return self._result(self._topics.redacted, "message.redacted", output.origin, _message(output), ce_time)
            case Insight():
                return self._result(
                    self._topics.insights, f"insight.{output.kind}", output.origin, _insight(output), ce_time
                )
            case Caption():
                return self._conversation_record(
                    self._topics.captions,
                    "caption",
                    # Revisions begin anew with every opening and interim text is never repeated: time tells them apart.
                    _uuid("caption", output.conversation_id, output.stream, output.revision, ce_time),
                    output.conversation_id,
                    output.stream,
                    _caption(output),
                    ce_time,
                    None,
                )
            case LifeCycle():
                return self._conversation_record(
                    self._topics.conversations,
                    f"conversation.{output.event}",
                    output.id,
                    output.conversation_id,
                    output.stream,
                    _life_cycle(output),
                    ce_time,
                    output.trace,
                )
            case DeadLetter():
                return self._dead_letter(output, ce_time)
            case _:
                assert_never(output)

    def _result(self, topic: str, name: str, origin: Origin, body: Json, ce_time: str) -> OutputRecord:
        return self._conversation_record(
            topic, name, origin.id, origin.conversation_id, origin.stream, body, ce_time, origin.trace
        )

    def _conversation_record(
        self,
        topic: str,
        name: str,
        event_id: str,
        conversation_id: str,
        stream: str | None,
        body: Json,
        ce_time: str,
        trace: Trace | None,
    ) -> OutputRecord:
        subject = conversation_id if stream is None else f"{conversation_id}/{stream}"
        headers = self._headers(name, event_id, subject, ce_time, conversation_id)
        if trace is not None:
            headers.append(("traceparent", trace.traceparent.encode()))
            if trace.tracestate is not None:
                headers.append(("tracestate", trace.tracestate.encode()))
        return OutputRecord(topic, conversation_id.encode(), orjson.dumps(body), tuple(headers))

    def _dead_letter(self, letter: DeadLetter, ce_time: str) -> OutputRecord:
        where = letter.record.coordinates
        event_id = dead_letter_id(where)
        # Stream and event may be whatever the producer wrote, so the headers say where the record lay and no more.
        subject = f"{where.topic}/{where.partition}/{where.offset}"
        headers = self._headers("dead-letter", event_id, subject, ce_time, letter.conversation_id)
        traceparent = dict(letter.record.headers).get("traceparent")
        if traceparent is not None and _TRACEPARENT.fullmatch(traceparent):
            headers.append(("traceparent", traceparent))
        body = _dead_letter(letter, event_id)
        return OutputRecord(self._topics.dead_letters, letter.record.key, orjson.dumps(body), tuple(headers))

    def _headers(
        self, name: str, event_id: str, subject: str, ce_time: str, partition_key: str | None
    ) -> list[tuple[str, bytes]]:
        headers = [
            _SPEC_VERSION,
            ("ce_id", event_id.encode()),
            self._source,
            ("ce_type", f"{TYPE_PREFIX}.{name}.v1".encode()),
            ("ce_subject", _attribute(subject)),
            ("ce_time", ce_time.encode()),
            _CONTENT_TYPE,
        ]
        if partition_key is not None:
            headers.append(("ce_partitionkey", _attribute(partition_key)))
        return headers


# --- values ----------------------------------------------------------------------------------------------------------


def _transcript(transcript: Transcript) -> Json:
    return _origin(transcript.origin) | {
        "symbl_message_id": transcript.symbl_message_id,
        "text": transcript.text,
        "words": [{"text": word.text, "start_ms": word.start_ms, "end_ms": word.end_ms} for word in transcript.words],
        "sentiment": _sentiment(transcript.sentiment),
        "redaction": {"state": "clear"},
    }


def _message(message: RedactedMessage) -> Json:
    return _origin(message.origin) | {
        "symbl_message_id": message.symbl_message_id,
        "text": message.masked.text,
        "sentiment": _sentiment(message.sentiment),
        "redaction": _redaction(message.masked),
    }


def _insight(insight: Insight) -> Json:
    body = _origin(insight.origin) | {
        "kind": insight.kind,
        "symbl_insight_id": insight.symbl_insight_id,
        "text": insight.masked.text,
        "confidence": insight.confidence,
        "assignee": _speaker(insight.assignee),
        "due_by": insight.due_by,
        "message_ids": insight.message_ids,
        "redaction": _redaction(insight.masked),
    }
    if insight.kind == "topic":
        body["topic"] = {"score": insight.topic_score, "root_words": insight.topic_root_words}
    elif insight.kind == "tracker":
        body["tracker"] = {
            "name": insight.tracker_name,
            "matches": [
                {"value": match.value, "message_id": match.message_id, "offset": match.offset}
                for match in insight.tracker_matches
            ],
        }
    elif insight.kind == "entity":
        body["entity"] = {
            "type": insight.entity_type,
            "sub_type": insight.entity_sub_type,
            "category": insight.entity_category,
        }
    return body


def _caption(caption: Caption) -> Json:
    return {
        "conversation_id": caption.conversation_id,
        "stream": caption.stream,
        "speaker": _speaker(caption.speaker),
        "text": caption.text,
        "revision": caption.revision,
        "audio": {"start_ms": caption.start_ms},
        "redaction": {"state": caption.redaction},
    }


def _life_cycle(life_cycle: LifeCycle) -> Json:
    return {
        "id": life_cycle.id,
        "conversation_id": life_cycle.conversation_id,
        "event": life_cycle.event,
        "sequence": life_cycle.sequence,
        "stream": life_cycle.stream,
        "symbl_conversation_id": life_cycle.symbl_conversation_id,
        "reason": life_cycle.reason,
        "detail": life_cycle.detail,
    }


def _dead_letter(letter: DeadLetter, letter_id: str) -> Json:
    record = letter.record
    where = record.coordinates
    size = 0 if record.value is None else len(record.value)
    return {
        "id": letter_id,
        "reason": letter.reason,
        "detail": letter.detail,
        "conversation_id": letter.conversation_id,
        "stream": letter.stream,
        "event": letter.event,
        "source": {
            "topic": where.topic,
            "partition": where.partition,
            "offset": where.offset,
            "timestamp_ms": where.timestamp_ms,
        },
        "original": {
            "key_base64": _base64(record.key),
            "headers": [[name, _base64(value)] for name, value in record.headers],
            "value_base64": _base64(record.value) if size <= DEAD_LETTER_VALUE_LIMIT_BYTES else None,
            "value_bytes": size,
        },
    }


def _origin(origin: Origin) -> Json:
    return {
        "id": origin.id,
        "conversation_id": origin.conversation_id,
        "stream": origin.stream,
        "symbl_conversation_id": origin.symbl_conversation_id,
        "sequence": origin.sequence,
        "audio": {"start_ms": origin.start_ms, "end_ms": origin.end_ms},
        "source": {
            "topic": origin.topic,
            "partition": origin.partition,
            "first_offset": origin.first_offset,
            "last_offset": origin.last_offset,
        },
        "speaker": _speaker(origin.speaker),
    }


def _speaker(speaker: Speaker | None) -> Json | None:
    # The e-mail address stays on the way in: no output needs it.
    return None if speaker is None else {"user_id": speaker.user_id, "name": speaker.name}


def _sentiment(sentiment: Sentiment | None) -> Json | None:
    return None if sentiment is None else {"score": sentiment.score, "label": sentiment.label}


def _redaction(masked: Masked) -> Json:
    if masked.findings is None:
        return {"state": "off"}
    return {
        "state": "masked" if masked.findings else "clean",
        "policy": masked.policy,
        "findings": [
            {"type": finding.type, "start": finding.start, "end": finding.end, "source": finding.source}
            for finding in masked.findings
        ],
    }


# --- encodings -------------------------------------------------------------------------------------------------------


def _uuid(*parts: str | int | None) -> str:
    return str(uuid.uuid5(_NAMESPACE, _name(*parts)))


def _name(*parts: str | int | None) -> str:
    # JSON quotes and separates, so two different lists never read the same.
    return orjson.dumps(parts).decode()


def _rfc3339(time: datetime) -> str:
    if time.tzinfo is None:
        raise ValueError("time must know its time zone")
    return time.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _attribute(text: str) -> bytes:
    """Encode a CloudEvents string; characters that it may not hold are percent-encoded."""
    return _NOT_IN_ATTRIBUTES.sub(lambda bad: "".join(f"%{byte:02X}" for byte in bad[0].encode()), text).encode()


def _base64(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()
