"""What clients may say: their text frames, read tolerantly.

Optional members of the wrong type count as absent, because the official SDKs send them (null speakers, booleans for
seconds); numbers may be written as texts. Only what makes recognition impossible is a problem. What would cost the
neighbours is cut to a limit, far above what anybody means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from worker.engine.recognizers.events import FLAC, LINEAR16, MULAW, OPUS, AudioFormat

PING = "__PING__"
PONG = "__PONG__"
# What the Python SDK sends instead of JSON.
_MALFORMED_STOP = "{'type': 'stop_request'}"

INSIGHT_TYPES = ("question", "action_item", "follow_up", "topic")
DEFAULT_LANGUAGE = "en-US"
DEFAULT_REDACTION_STRING = "****"
DEFAULT_CONFIDENCE_THRESHOLD = 0.5
MAX_CONNECTION_TIMEOUT_SECONDS = 1800.0
MAX_STOP_TIMEOUT_SECONDS = 3600.0
MAX_TRACKERS = 500
"""As many as one account may have."""
MAX_TRACKER_PHRASES = 10_000
"""Of all trackers together. Every message is compared with every phrase."""
MAX_VOCABULARY = 5_000
MAX_PHRASE_CHARACTERS = 200
MAX_LANGUAGE_CHARACTERS = 35
"""What BCP 47 tells readers to be ready for."""
MAX_SPEAKER_MEMBERS = 64
MAX_SPEAKER_BYTES = 4_096
"""What a client says of a speaker is echoed in every recognition result."""

_IDENTITY = ("userId", "name", "email")
_NUMBER = re.compile(r"[+-]?\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_ENCODINGS = {name.upper(): name for name in (LINEAR16, MULAW, FLAC, OPUS)}
_RATES = {LINEAR16: (8_000, 48_000), MULAW: (8_000, 8_000), FLAC: (16_000, 655_350), OPUS: (8_000, 48_000)}


@dataclass(frozen=True, kw_only=True)
class SpeakerRequest:
    """Who speaks on a socket; ``members`` is what the client said, text members only where text is expected."""

    user_id: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    members: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class TrackerRequest:
    """A tracker to look for; one that is saved with the account has an id."""

    name: str
    vocabulary: tuple[str, ...]
    id: str | None = None


@dataclass(frozen=True, kw_only=True)
class RedactionRequest:
    identify: bool = False
    redact: bool = False
    mask: str = DEFAULT_REDACTION_STRING


@dataclass(frozen=True, kw_only=True)
class StartRequest:
    """A `start_request`, as far as it could be understood.

    Args:
        problem: Why recognition can never start with it; None when it can.
        no_connection_timeout_seconds: None when the client did not say.
        enable_all_trackers: Also look for the trackers that are saved with the account.
    """

    audio_format: AudioFormat = field(default_factory=AudioFormat)
    language: str = DEFAULT_LANGUAGE
    insight_types: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    confidence_threshold: float = DEFAULT_CONFIDENCE_THRESHOLD
    timezone_offset_minutes: int = 0
    trackers: tuple[TrackerRequest, ...] = ()
    interim_trackers: bool = False
    enable_all_trackers: bool = True
    redaction: RedactionRequest = field(default_factory=RedactionRequest)
    sentiment: bool = False
    detect_entities: bool = False
    speaker: SpeakerRequest = field(default_factory=SpeakerRequest)
    no_connection_timeout_seconds: float | None = None
    disconnect_on_stop: bool = True
    stop_timeout_seconds: float = 1800.0
    meeting_title: str | None = field(default=None, repr=False)
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class ModifyRequest:
    """A `modify_request`; None means: as it was."""

    encoding: str | None = None
    sample_rate_hz: int | None = None
    detect_entities: bool | None = None
    sentiment: bool | None = None
    problem: str | None = None

    def applied_to(self, audio_format: AudioFormat) -> AudioFormat:
        return AudioFormat(
            encoding=self.encoding or audio_format.encoding,
            sample_rate_hz=self.sample_rate_hz or audio_format.sample_rate_hz,
        )


@dataclass(frozen=True)
class StopRequest:
    pass


@dataclass(frozen=True)
class Ping:
    pass


@dataclass(frozen=True)
class Unreadable:
    """A text frame that is no request; the two texts are those of the `error` message."""

    message: str
    details: str


ClientFrame: TypeAlias = StartRequest | ModifyRequest | StopRequest | Ping | Unreadable


def parse_text(text: str) -> ClientFrame:
    """Reads a text frame. Never raises."""
    if text == PING:
        return Ping()
    try:
        request = orjson.loads(text)
    except orjson.JSONDecodeError:
        if text.strip() == _MALFORMED_STOP:
            return StopRequest()
        return Unreadable("Invalid JSON.", "A text message must be a JSON object.")
    if not isinstance(request, dict):
        return Unreadable("Invalid message.", "A text message must be a JSON object.")
    kind = request.get("type")
    if not isinstance(kind, str):
        return Unreadable("Missing type.", "A message must have a member 'type'.")
    match kind:
        case "start_request":
            return _parse_start(request)
        case "modify_request":
            return _parse_modify(request)
        case "stop_request" | "stop_recognition":
            return StopRequest()
    return Unreadable("Unsupported type.", f"The message type '{kind[:64]}' is not supported.")


def format_problem(audio_format: AudioFormat) -> str | None:
    """Why audio of this format cannot be valid; None when it can."""
    low, high = _RATES[audio_format.encoding]
    if low <= audio_format.sample_rate_hz <= high:
        return None
    allowed = str(low) if low == high else f"between {low} and {high}"
    return f"sampleRateHertz must be {allowed} for {audio_format.encoding}."


def _parse_start(request: Mapping[str, Any]) -> StartRequest:
    config = _object(request, "config")
    recognition = _object(config, "speechRecognition")
    # The JS SDK accepts the audio format directly under config and some clients send it so.
    encoding, rate, problem = _read_format({**config, **{k: v for k, v in recognition.items() if v is not None}})
    audio_format = AudioFormat(encoding=encoding or LINEAR16, sample_rate_hz=rate or _default_rate(encoding))
    redaction = _object(config, "redaction")
    mask = _text(redaction, "redactionString")
    return StartRequest(
        audio_format=audio_format,
        language=_language(config) or _language(recognition) or DEFAULT_LANGUAGE,
        insight_types=tuple(kind for kind in INSIGHT_TYPES if kind in _texts(request, "insightTypes")),
        vocabulary=_parse_vocabulary(request, config),
        confidence_threshold=_within(_number(config, "confidenceThreshold"), 0.0, 1.0, DEFAULT_CONFIDENCE_THRESHOLD),
        timezone_offset_minutes=int(_within(_number(config, "timezoneOffset"), -1440.0, 1440.0, 0.0)),
        trackers=_parse_trackers(request),
        interim_trackers=_object(config, "trackers").get("interimResults") is True,
        # Absent, it was false in 2022 and true in later documentation; the Go SDK also has it at the top.
        enable_all_trackers={**request, **_object(config, "trackers")}.get("enableAllTrackers") is not False,
        redaction=RedactionRequest(
            identify=redaction.get("identifyContent") is True,
            redact=redaction.get("redactContent") is True,
            mask=mask if mask and len(mask) <= 16 else DEFAULT_REDACTION_STRING,
        ),
        sentiment=config.get("sentiment") is True,
        detect_entities=config.get("detectEntities") is True,
        speaker=_parse_speaker(request),
        no_connection_timeout_seconds=_seconds(request, "noConnectionTimeout", MAX_CONNECTION_TIMEOUT_SECONDS),
        disconnect_on_stop=request.get("disconnectOnStopRequest") is not False,
        stop_timeout_seconds=_default(
            _seconds(request, "disconnectOnStopRequestTimeout", MAX_STOP_TIMEOUT_SECONDS), 1800.0
        ),
        meeting_title=_text(request, "meetingTitle") or _text(config, "meetingTitle"),
        problem=problem or format_problem(audio_format),
    )


def _parse_modify(request: Mapping[str, Any]) -> ModifyRequest:
    config = _object(request, "config")
    recognition = {**_object(config, "speechRecognition"), **_object(request, "speechRecognition")}
    encoding, rate, problem = _read_format(recognition)
    return ModifyRequest(
        encoding=encoding,
        sample_rate_hz=rate,
        detect_entities=_boolean(config, "detectEntities"),
        sentiment=_boolean(config, "sentiment"),
        problem=problem,
    )


def _read_format(recognition: Mapping[str, Any]) -> tuple[str | None, int | None, str | None]:
    """Encoding and rate, None where not said, and what is wrong with them."""
    encoding: str | None = None
    said = recognition.get("encoding")
    if said is not None:
        encoding = _ENCODINGS.get(said.upper()) if isinstance(said, str) else None
        if encoding is None:
            return None, None, f"encoding must be one of {', '.join(_ENCODINGS.values())}."
    rate = recognition.get("sampleRateHertz")
    if isinstance(rate, str) and rate.isascii() and rate.isdigit() and len(rate) < 8:
        rate = int(rate)
    if rate is None:
        return encoding, None, None
    if isinstance(rate, bool) or not isinstance(rate, int | float) or rate != rate // 1 or rate <= 0:
        return encoding, None, "sampleRateHertz must be an integer."
    return encoding, int(rate), None


def _default_rate(encoding: str | None) -> int:
    return 8_000 if encoding == MULAW else 16_000


def _parse_vocabulary(request: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[str, ...]:
    """Phrases to favour, each once. ``customVocabularyStrength`` is another place for them: objects with a text."""
    strengthened = config.get("customVocabularyStrength")
    phrases = [
        *_texts(request, "customVocabulary"),
        *(
            text
            for each in (strengthened if isinstance(strengthened, list) else ())
            if isinstance(each, dict) and (text := _text(each, "text"))
        ),
    ]
    return tuple(phrase for phrase in dict.fromkeys(phrases) if len(phrase) <= MAX_PHRASE_CHARACTERS)[:MAX_VOCABULARY]


def _parse_trackers(request: Mapping[str, Any]) -> tuple[TrackerRequest, ...]:
    trackers = request.get("trackers")
    parsed: list[TrackerRequest] = []
    left = MAX_TRACKER_PHRASES
    for tracker in trackers if isinstance(trackers, list) else ():
        if not isinstance(tracker, dict) or len(parsed) == MAX_TRACKERS:
            continue
        name = _text(tracker, "name")
        phrases = [phrase for phrase in _texts(tracker, "vocabulary") if len(phrase) <= MAX_PHRASE_CHARACTERS][:left]
        if name is not None and len(name) <= MAX_PHRASE_CHARACTERS and phrases:
            parsed.append(TrackerRequest(name=name, vocabulary=tuple(phrases)))
            left -= len(phrases)
    return tuple(parsed)


def _parse_speaker(request: Mapping[str, Any]) -> SpeakerRequest:
    said = {key: value for key, value in _object(request, "speaker").items() if value is not None and key != "id"}
    members: dict[str, Any] = {}
    left = MAX_SPEAKER_BYTES
    # Who it is comes first; what else was said is echoed as far as there is room.
    for key in sorted(said, key=lambda key: key not in _IDENTITY)[:MAX_SPEAKER_MEMBERS]:
        value = said[key]
        if key in _IDENTITY:
            value = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
            if not isinstance(value, str):
                continue
        size = _json_bytes(key, value)
        if size is not None and size <= left:
            members[key] = value
            left -= size
    return SpeakerRequest(
        user_id=members.get("userId") or members.get("email"), name=members.get("name"), members=members
    )


def _json_bytes(key: str, value: object) -> int | None:
    """Its size on the wire; None for what is nested too deeply to be sent inside of a message."""
    try:
        return len(orjson.dumps([[[[{key: value}]]]]))
    except orjson.JSONEncodeError:
        return None


def _object(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _text(parent: Mapping[str, Any], key: str) -> str | None:
    value = parent.get(key)
    return value if isinstance(value, str) and value.strip() else None


def _texts(parent: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = parent.get(key)
    return tuple(item for item in value if isinstance(item, str) and item.strip()) if isinstance(value, list) else ()


def _language(parent: Mapping[str, Any]) -> str | None:
    code = _text(parent, "languageCode")
    return code if code is not None and len(code) <= MAX_LANGUAGE_CHARACTERS else None


def _boolean(parent: Mapping[str, Any], key: str) -> bool | None:
    value = parent.get(key)
    return value if isinstance(value, bool) else None


def _number(parent: Mapping[str, Any], key: str) -> float | None:
    value = parent.get(key)
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    return None if isinstance(value, bool) or not isinstance(value, int | float) else float(value)


def _seconds(parent: Mapping[str, Any], key: str, high: float) -> float | None:
    value = _number(parent, key)
    return None if value is None or value < 0 else min(value, high)


def _within(value: float | None, low: float, high: float, default: float) -> float:
    return value if value is not None and low <= value <= high else default


def _default(value: float | None, default: float) -> float:
    return default if value is None else value
