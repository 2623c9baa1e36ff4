"""From an input record to what it asks for.

Whatever a record holds, the answer is a command: what cannot be used becomes a :class:`DeadLetter` whose ``detail``
names headers and members and the kind of the mistake, never a value and never the name of an unknown member.

Where the contract leaves room: header names are case-sensitive; of a repeated header the first counts; ``start`` and
``end`` may have an empty value, which says the same as ``{}``; a member that is null counts as absent; trace context
that is malformed is dropped, since it is not worth the audio.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Annotated, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from worker.audio.formats import validate_format
from worker.records import (
    AudioChunk,
    ChangeSpeaker,
    Channel,
    Command,
    CustomEntity,
    DeadLetter,
    Encoding,
    EndStream,
    Ignored,
    InputRecord,
    InsightType,
    ModifyStream,
    Reason,
    RedactionMode,
    RedactionWish,
    Speaker,
    StartParameters,
    StartStream,
    Subscribe,
    Trace,
    Tracker,
)
from worker.redaction.custom import CUSTOM
from worker.redaction.wishes import check

DEFAULT_STREAM = "0"
MAX_KEY_BYTES = 512
MAX_CONTROL_BYTES = 262_144

_EVENTS = {name.encode(): name for name in ("start", "modify", "speaker", "subscribe", "end")}
_MAX_ERRORS = 5
_MAX_DIGITS = 19
_MAX_SEQ = 2**63 - 1
_MAX_TS_MS = 253_402_300_799_999
"""The end of the year 9999, beyond which there are no dates to convert to."""

_STREAM_NAME = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE = re.compile(rb"[\t\x20-\x7e]{1,512}")


def decode(record: InputRecord) -> Command:
    """What the record asks for. Never raises."""
    headers = dict(record.headers[::-1])
    value = record.value
    if not value and "event" not in headers:
        return Ignored(coordinates=record.coordinates)
    try:
        conversation_id = _read_key(record.key)
        stream = _read_stream(headers["stream"]) if "stream" in headers else None
        seq = _read_number("seq", headers["seq"], _MAX_SEQ) if "seq" in headers else None
        capture_ts_ms = _read_number("ts", headers["ts"], _MAX_TS_MS) if "ts" in headers else None
        trace = _read_trace(headers) if "traceparent" in headers else None
        if "event" not in headers:
            return AudioChunk(
                coordinates=record.coordinates,
                conversation_id=conversation_id,
                stream=stream or DEFAULT_STREAM,
                payload=value or b"",
                seq=seq,
                capture_ts_ms=capture_ts_ms,
                trace=trace,
            )
        return _decode_control(record, _EVENTS.get(headers["event"]), conversation_id, stream, trace)
    except _UnusableError as error:
        return _dead_letter(record, headers, error)


def _dead_letter(record: InputRecord, headers: dict[str, bytes], error: _UnusableError) -> DeadLetter:
    conversation_id = stream = None
    with suppress(_UnusableError):
        conversation_id = _read_key(record.key)
    with suppress(_UnusableError):
        stream = _read_stream(headers["stream"]) if "stream" in headers else None
    return DeadLetter(
        record=record,
        reason=error.reason,
        detail=error.detail,
        conversation_id=conversation_id,
        stream=stream,
        event=_EVENTS.get(headers.get("event", b"")),
    )


class _UnusableError(Exception):
    """The record cannot be used; never leaves this module."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


# --- key and headers -------------------------------------------------------------------------------------------------


def _read_key(key: bytes | None) -> str:
    if not key:
        raise _UnusableError(Reason.MISSING_KEY, "key: missing or empty")
    if len(key) > MAX_KEY_BYTES:
        raise _UnusableError(Reason.UNREADABLE_KEY, f"key: longer than {MAX_KEY_BYTES} bytes")
    try:
        return key.decode()
    except UnicodeDecodeError:
        raise _UnusableError(Reason.UNREADABLE_KEY, "key: not UTF-8") from None


def _read_stream(header: bytes) -> str:
    if not _STREAM_NAME.fullmatch(header):
        raise _UnusableError(Reason.BAD_HEADER, "stream: not 1 to 64 characters of A-Za-z0-9._-")
    return header.decode()


def _read_number(name: str, header: bytes, highest: int) -> int:
    """Decimal digits and nothing else, up to ``highest``."""
    if header.isdigit() and len(header) <= _MAX_DIGITS:
        number = int(header)
        if number <= highest:
            return number
    raise _UnusableError(Reason.BAD_HEADER, f"{name}: not an integer from 0 to {highest}")


def _read_trace(headers: dict[str, bytes]) -> Trace | None:
    traceparent, tracestate = headers["traceparent"], headers.get("tracestate")
    if not _TRACEPARENT.fullmatch(traceparent):
        return None
    if tracestate is None or not _TRACESTATE.fullmatch(tracestate):
        return Trace(traceparent.decode())
    return Trace(traceparent.decode(), tracestate.decode())


# --- control records -------------------------------------------------------------------------------------------------

_Name: TypeAlias = Annotated[str, Field(max_length=256)]
_Phrase: TypeAlias = Annotated[str, Field(min_length=1, max_length=256)]
_EncodingName: TypeAlias = Annotated[str, Field(max_length=32)]
_StreamName: TypeAlias = Annotated[str, Field(pattern=r"\A[A-Za-z0-9._-]{1,64}\z")]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


class _SpeakerModel(_Model):
    user_id: _Name | None = None
    name: _Name | None = None
    email: Annotated[str, Field(max_length=320)] | None = None

    def speaker(self) -> Speaker:
        return Speaker(user_id=self.user_id, name=self.name, email=self.email)


class _TrackerModel(_Model):
    name: _Phrase
    vocabulary: Annotated[tuple[_Phrase, ...], Field(min_length=1, max_length=1_000)]


class _CustomModel(_Model):
    type: _Name = CUSTOM
    patterns: tuple[_Phrase, ...] = ()
    words: tuple[_Phrase, ...] = ()


class _RedactionModel(_Model):
    enabled: bool | None = None
    types: tuple[_Name, ...] | None = None
    thresholds: dict[str, float] | None = None
    custom: tuple[_CustomModel, ...] | None = None
    mode: RedactionMode | None = None
    modes: dict[str, RedactionMode] | None = None
    speakers: bool | None = None
    transcripts: bool | None = None

    def wish(self) -> RedactionWish | None:
        """What it wants beyond ``enabled``; None when it wants nothing."""
        wish = RedactionWish(
            types=tuple(dict.fromkeys(self.types or ())),
            thresholds=tuple((self.thresholds or {}).items()),
            custom=tuple(CustomEntity(each.type, each.patterns, each.words) for each in self.custom or ()),
            mode=self.mode,
            modes=tuple((self.modes or {}).items()),
            speakers=self.speakers is True,
            transcripts=self.transcripts is not False,
        )
        try:
            check(wish)
        except ValueError as error:
            raise _UnusableError(Reason.UNREADABLE_CONTROL, f"value.redaction: {error}") from None
        return None if wish == RedactionWish() else wish


class _ChannelModel(_Model):
    stream: _StreamName | None = None
    speaker: _SpeakerModel | None = None


class _ModifyModel(_Model):
    encoding: _EncodingName | None = None
    sample_rate_hz: int | None = None


class _StartModel(_ModifyModel):
    speaker: _SpeakerModel | None = None
    language: Annotated[str, Field(pattern=r"\A[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8}){0,7}\z")] | None = None
    insight_types: Annotated[tuple[InsightType, ...], Field(max_length=16)] | None = None
    trackers: Annotated[tuple[_TrackerModel, ...], Field(max_length=500)] | None = None
    vocabulary: Annotated[tuple[_Phrase, ...], Field(max_length=5_000)] | None = None
    redaction: _RedactionModel | None = None
    meeting_title: Annotated[str, Field(max_length=1_024)] | None = None
    timezone_offset_minutes: Annotated[int, Field(ge=-1_440, le=1_440)] | None = None
    confidence_threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    sentiment: bool | None = None
    detect_entities: bool | None = None
    channels: Annotated[tuple[_ChannelModel, ...], Field(min_length=2, max_length=2)] | None = None
    tenant: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class _ChangeSpeakerModel(_Model):
    speaker: _SpeakerModel


class _SubscribeModel(_Model):
    connection_id: Annotated[str, Field(pattern=r"\A[^\x00-\x1f\x7f]{1,256}\z")]
    redaction: _RedactionModel | None = None
    tenant: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class _EndModel(_Model):
    reason: _Name | None = None


def _members(model: type[_Model]) -> frozenset[str]:
    return frozenset(model.model_fields).union(*map(_members, model.__subclasses__()))


_MEMBERS = _members(_Model)

_M = TypeVar("_M", bound=_Model)


def _decode_control(
    record: InputRecord, event: str | None, conversation_id: str, stream: str | None, trace: Trace | None
) -> Command:
    coordinates = record.coordinates
    value = record.value or b""
    match event:
        case "start":
            start = _parse(_StartModel, value or b"{}")
            return StartStream(
                coordinates=coordinates,
                conversation_id=conversation_id,
                stream=stream or DEFAULT_STREAM,
                parameters=_start_parameters(start, stream or DEFAULT_STREAM),
                wish=None if start.redaction is None else start.redaction.wish(),
                trace=trace,
            )
        case "modify":
            modify = _parse(_ModifyModel, value)
            return ModifyStream(
                coordinates=coordinates,
                conversation_id=conversation_id,
                stream=stream or DEFAULT_STREAM,
                encoding=_check_format(modify),
                sample_rate_hz=modify.sample_rate_hz,
            )
        case "speaker":
            return ChangeSpeaker(
                coordinates=coordinates,
                conversation_id=conversation_id,
                stream=stream or DEFAULT_STREAM,
                speaker=_parse(_ChangeSpeakerModel, value).speaker.speaker(),
            )
        case "subscribe":
            subscribe = _parse(_SubscribeModel, value)
            return Subscribe(
                coordinates=coordinates,
                conversation_id=conversation_id,
                stream=stream or DEFAULT_STREAM,
                connection_id=subscribe.connection_id,
                redaction_enabled=None if subscribe.redaction is None else subscribe.redaction.enabled,
                wish=None if subscribe.redaction is None else subscribe.redaction.wish(),
                tenant=subscribe.tenant,
                trace=trace,
            )
        case "end":
            return EndStream(
                coordinates=coordinates,
                conversation_id=conversation_id,
                stream=stream,
                reason=_parse(_EndModel, value or b"{}").reason,
            )
        case _:
            raise _UnusableError(Reason.UNKNOWN_EVENT, f"event: none of {', '.join(_EVENTS.values())}")


def _parse(model: type[_M], value: bytes) -> _M:
    if len(value) > MAX_CONTROL_BYTES:
        raise _UnusableError(Reason.UNREADABLE_CONTROL, f"value: larger than {MAX_CONTROL_BYTES} bytes")
    try:
        return model.model_validate_json(value)
    except ValidationError as error:
        raise _UnusableError(Reason.UNREADABLE_CONTROL, _summary(error)) from None


def _summary(error: ValidationError) -> str:
    """Places and kinds of the first mistakes. Names that are not ours are the sender's text, so they are left out."""
    mistakes = error.errors(include_url=False, include_context=False, include_input=False)
    parts = []
    for mistake in mistakes[:_MAX_ERRORS]:
        kind, place = mistake["type"], mistake["loc"]
        if kind == "extra_forbidden":
            place = place[:-1]
        ours = [str(part) for part in place if part in _MEMBERS or isinstance(part, int)]
        parts.append(f"{'.'.join(('value', *ours))}: {kind}")
    more = len(mistakes) - _MAX_ERRORS
    return "; ".join(parts) + (f"; {more} more" if more > 0 else "")


def _check_format(model: _ModifyModel) -> Encoding | None:
    """The encoding. What a record leaves open is known only where the settings are; the whole is checked there."""
    encoding: Encoding | None = None
    if model.encoding is not None:
        try:
            encoding = Encoding(model.encoding)
        except ValueError:
            detail = f"value.encoding: none of {', '.join(Encoding)}"
            raise _UnusableError(Reason.UNSUPPORTED_ENCODING, detail) from None
    rate_hz = model.sample_rate_hz
    if rate_hz is not None:
        candidates = Encoding if encoding is None else (encoding,)
        objections = [validate_format(candidate, rate_hz) for candidate in candidates]
        if None not in objections:
            raise _UnusableError(Reason.UNSUPPORTED_ENCODING, f"value.{objections[0]}")
    return encoding


def _speaker(model: _SpeakerModel | None) -> Speaker | None:
    return None if model is None else model.speaker()


def _start_parameters(start: _StartModel, stream: str) -> StartParameters:
    encoding = _check_format(start)
    return StartParameters(
        speaker=_speaker(start.speaker),
        encoding=encoding,
        sample_rate_hz=start.sample_rate_hz,
        language=start.language,
        insight_types=start.insight_types,
        trackers=tuple(Tracker(tracker.name, tracker.vocabulary) for tracker in start.trackers or ()),
        vocabulary=start.vocabulary or (),
        redaction_enabled=None if start.redaction is None else start.redaction.enabled,
        meeting_title=start.meeting_title,
        timezone_offset_minutes=start.timezone_offset_minutes,
        confidence_threshold=start.confidence_threshold,
        sentiment=start.sentiment,
        detect_entities=start.detect_entities,
        channels=None if start.channels is None else _channels(start.channels, stream, encoding),
        tenant=start.tenant,
    )


def _channels(models: tuple[_ChannelModel, ...], stream: str, encoding: Encoding | None) -> tuple[Channel, Channel]:
    if encoding not in (None, Encoding.LINEAR16, Encoding.MULAW):
        raise _UnusableError(Reason.UNSUPPORTED_ENCODING, "value.encoding: channels need LINEAR16 or MULAW")
    first, second = (
        Channel(model.stream or f"{stream}.{number}", _speaker(model.speaker)) for number, model in enumerate(models)
    )
    if first.stream == second.stream:
        raise _UnusableError(Reason.UNREADABLE_CONTROL, "value.channels: both have the same stream")
    if not all(_STREAM_NAME.fullmatch(channel.stream.encode()) for channel in (first, second)):
        raise _UnusableError(Reason.UNREADABLE_CONTROL, "value.channels: stream is too long to be derived from")
    return first, second
