"""What clients ask of telephony: to dial, to hang up, and who is speaking. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from worker.engine.telephony.sip import host_of

_NUMBER = re.compile(r"\+?[0-9]{3,18}\Z")
_KEYS = re.compile(r"[0-9*#A-Da-d, ]{0,128}\Z")
_SIP_URI = re.compile(r"sip:[^\s<>\"]{1,256}\Z", re.IGNORECASE)
_LINEAR_RATES = (8_000, 16_000, 24_000, 48_000)
_UNHEARD = ("OPUS", "SPEEX")


class TelephonyRequestError(ValueError):
    """The request cannot be obeyed; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """Call somebody and transcribe what is said.

    Args:
        number: To be dialled through the trunk; None when ``uri`` is given.
        uri: ``sip:`` address.
        keys: To be pressed after the answer; a comma is a pause of half a second.
        linear_rate_hz: Uncompressed audio of this rate is preferred; None for what telephones use.
        start: Members for the conversation's `start_request`.
    """

    number: str | None = field(default=None, repr=False)
    uri: str | None = field(default=None, repr=False)
    keys: str = field(default="", repr=False)
    linear_rate_hz: int | None = None
    start: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class HangUp:
    connection_id: str


@dataclass(frozen=True, slots=True)
class SpeakerEvent:
    """Who speaks, joins or leaves; `stopped` ends the call.

    Args:
        user: Members of the speaker as in `start_request`; None for nobody in particular.
        at: Seconds since the epoch; None for now.
    """

    kind: Literal["joined", "started_speaking", "stopped_speaking", "left", "stopped"]
    user: Mapping[str, Any] | None = field(default=None, repr=False)
    at: float | None = None


TelephonyRequest: TypeAlias = Dial | HangUp


def read_request(body: object, *, now: datetime) -> TelephonyRequest:
    """The body of ``POST /v1/endpoint:connect``.

    Args:
        now: With it a time zone's name becomes an offset.

    Raises:
        TelephonyRequestError: It cannot be obeyed.
    """
    if not isinstance(body, dict):
        raise TelephonyRequestError("The body must be a JSON object.")
    match body.get("operation"):
        case "start":
            return _read_dial(body, now)
        case "stop":
            connection_id = body.get("connectionId")
            if not isinstance(connection_id, str) or not connection_id:
                raise TelephonyRequestError("The operation stop needs a connectionId.")
            return HangUp(connection_id)
    raise TelephonyRequestError("operation must be start or stop.")


def read_event(event: object) -> SpeakerEvent:
    """A speaker event.

    Raises:
        TelephonyRequestError: It cannot be understood.
    """
    if not isinstance(event, dict) or event.get("topic", "speaker") != "speaker":
        raise TelephonyRequestError("A speaker event is a JSON object with the topic speaker.")
    kind, user = event.get("type"), event.get("user")
    if kind not in ("joined", "started_speaking", "stopped_speaking", "left", "stopped"):
        raise TelephonyRequestError("type must be joined, started_speaking, stopped_speaking, left or stopped.")
    if kind != "stopped" and not (
        isinstance(user, dict) and any(isinstance(user.get(k), str) for k in ("userId", "name"))
    ):
        raise TelephonyRequestError("user needs a userId or a name.")
    return SpeakerEvent(kind, user if isinstance(user, dict) else None, _moment(event.get("timestamp")))


def _read_dial(body: Mapping[str, Any], now: datetime) -> Dial:
    endpoint = _object(body, "endpoint")
    keys = endpoint.get("dtmf") or ""
    if not isinstance(keys, str) or not _KEYS.match(keys):
        raise TelephonyRequestError("dtmf may hold the keys 0 to 9, *, #, A to D, and commas for pauses.")
    audio = _object(endpoint, "audioConfig")
    encoding = str(audio.get("encoding") or "PCMU").upper()
    if encoding in _UNHEARD:
        raise TelephonyRequestError("audioConfig.encoding must be PCMU, MULAW or LINEAR16.")
    rate = audio.get("sampleRate")
    linear = int(rate) if encoding == "LINEAR16" and rate in _LINEAR_RATES else None
    start = _start_members(body, endpoint, now)
    match endpoint.get("type"):
        case "pstn":
            number = str(endpoint.get("phoneNumber") or "").translate(str.maketrans("", "", " -()."))
            if not _NUMBER.match(number):
                raise TelephonyRequestError("phoneNumber must be digits with the country code first.")
            return Dial(number=number, keys=keys, linear_rate_hz=linear, start=start)
        case "sip":
            uri = endpoint.get("uri")
            if not isinstance(uri, str) or not _SIP_URI.match(uri) or host_of(uri) is None:
                raise TelephonyRequestError("uri must be a SIP address such as sip:name@host.")
            return Dial(uri=uri, keys=keys, linear_rate_hz=linear, start=start)
    raise TelephonyRequestError("endpoint.type must be pstn or sip.")


def _start_members(body: Mapping[str, Any], endpoint: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    languages = body.get("languages")
    language = endpoint.get("language") or (languages[0] if isinstance(languages, list) and languages else None)
    if isinstance(language, dict):
        language = language.get("code")
    config = {
        "languageCode": language,
        "timezoneOffset": _offset(body, endpoint, now),
        "meetingTitle": _object(_object(body, "data"), "session").get("name"),
    }
    members = {key: body.get(key) for key in ("insightTypes", "trackers", "customVocabulary")}
    return {**members, "config": {key: value for key, value in config.items() if value is not None}}


def _offset(body: Mapping[str, Any], endpoint: Mapping[str, Any], now: datetime) -> int | None:
    """Minutes east of UTC, given as such or by the name of a time zone."""
    for place in (endpoint, body):
        offset = place.get("timezoneOffset")
        if isinstance(offset, int) and not isinstance(offset, bool):
            return offset
    location = _object(_object(_object(body, "data"), "session"), "location")
    for name in (body.get("timezone"), _object(location, "timeZone").get("name")):
        if isinstance(name, str) and name:
            try:
                offset = now.astimezone(ZoneInfo(name)).utcoffset()
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise TelephonyRequestError(
                    "timezone must be the name of a time zone, such as Europe/Berlin."
                ) from None
            return None if offset is None else int(offset.total_seconds() // 60)
    return None


def _moment(timestamp: object) -> float | None:
    if not isinstance(timestamp, str):
        return None
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.timestamp()


def _object(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}
