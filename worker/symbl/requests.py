"""What a client says to a Symbl host, as JSON-ready dictionaries.

Pure. Ranges are checked where values enter the worker, not here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from worker.records import Encoding, InsightType, Speaker, Tracker


@dataclass(frozen=True, slots=True, kw_only=True)
class SymblStart:
    """Everything that a ``start_request`` may say.

    None leaves a member out, so that the host's default applies; so do empty tuples. ``no_connection_timeout_seconds``
    and ``disconnect_on_stop`` are always sent, because hosts disagree on their defaults.

    Args:
        no_connection_timeout_seconds: how long the host keeps the conversation after its last socket was lost without
            ``stop_request``; 0 to 1800.
        timezone_offset_minutes: minutes east of UTC.
        identify_content: report personal data as entities, with clear values.
        redact_content: mask personal data in messages and insights, with ``redaction_string``.
        account_trackers: also apply the trackers saved with the account.
        tracker_interim_results: also report tracker matches in unfinished speech.
    """

    encoding: Encoding
    sample_rate_hz: int
    no_connection_timeout_seconds: int
    disconnect_on_stop: bool = True
    speaker: Speaker | None = None
    language: str | None = None
    insight_types: tuple[InsightType, ...] = ()
    trackers: tuple[Tracker, ...] = ()
    account_trackers: bool | None = None
    tracker_interim_results: bool | None = None
    vocabulary: tuple[str, ...] = field(default=(), repr=False)
    identify_content: bool = False
    redact_content: bool = False
    redaction_string: str | None = None
    meeting_title: str | None = field(default=None, repr=False)
    timezone_offset_minutes: int | None = None
    confidence_threshold: float | None = None
    sentiment: bool | None = None
    detect_entities: bool | None = None


def start_request(start: SymblStart) -> dict[str, object]:
    """Build the ``start_request``. It is sent in full on every connection, also when a conversation is continued."""
    request: dict[str, object | None] = {
        "type": "start_request",
        # An empty list made hosts return insights all the same; a missing one does not.
        "insightTypes": list(start.insight_types) or None,
        "customVocabulary": list(start.vocabulary) or None,
        "config": _config(start),
        "speaker": _speaker(start.speaker),
        "trackers": [{"name": tracker.name, "vocabulary": list(tracker.vocabulary)} for tracker in start.trackers]
        or None,
        "noConnectionTimeout": start.no_connection_timeout_seconds,
        "disconnectOnStopRequest": start.disconnect_on_stop,
    }
    return _present(request)


def modify_request(encoding: Encoding, sample_rate_hz: int) -> dict[str, object]:
    """Build the ``modify_request``: the format of all audio that follows."""
    return {"type": "modify_request", "speechRecognition": _audio_format(encoding, sample_rate_hz)}


def stop_request() -> dict[str, object]:
    """Build the ``stop_request``: no more audio of this speaker."""
    return {"type": "stop_request"}


def _config(start: SymblStart) -> dict[str, object]:
    return _present(
        {
            "meetingTitle": start.meeting_title,
            "confidenceThreshold": start.confidence_threshold,
            "timezoneOffset": start.timezone_offset_minutes,
            "languageCode": start.language,
            "speechRecognition": _audio_format(start.encoding, start.sample_rate_hz),
            "trackers": _present(
                {"enableAllTrackers": start.account_trackers, "interimResults": start.tracker_interim_results}
            )
            or None,
            "redaction": _redaction(start),
            "sentiment": start.sentiment,
            "detectEntities": start.detect_entities,
        }
    )


def _redaction(start: SymblStart) -> dict[str, object] | None:
    """Host-side redaction. Both switches go together: the API requires them as a pair."""
    if not (start.identify_content or start.redact_content):
        return None
    return _present(
        {
            "identifyContent": start.identify_content,
            "redactContent": start.redact_content,
            "redactionString": start.redaction_string,
        }
    )


def _speaker(speaker: Speaker | None) -> dict[str, object] | None:
    if speaker is None:
        return None
    return _present({"userId": speaker.user_id, "name": speaker.name, "email": speaker.email}) or None


def _audio_format(encoding: Encoding, sample_rate_hz: int) -> dict[str, object]:
    return {"encoding": encoding.value, "sampleRateHertz": sample_rate_hz}


def _present(members: dict[str, object | None]) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}
