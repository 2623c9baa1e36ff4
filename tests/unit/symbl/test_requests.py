"""What a client says to a Symbl host."""

from __future__ import annotations

from worker.records import Encoding, Speaker, Tracker
from worker.symbl.requests import SymblStart, modify_request, start_request, stop_request


def test_minimal_start() -> None:
    """What is not set is left out, so the host's defaults apply; the two members without a common default are sent."""
    start = SymblStart(encoding=Encoding.LINEAR16, sample_rate_hz=16000, no_connection_timeout_seconds=300)
    assert start_request(start) == {
        "type": "start_request",
        "config": {"speechRecognition": {"encoding": "LINEAR16", "sampleRateHertz": 16000}},
        "noConnectionTimeout": 300,
        "disconnectOnStopRequest": True,
    }


def test_full_start() -> None:
    """Every setting lands where the API looks for it."""
    start = SymblStart(
        encoding=Encoding.OPUS,
        sample_rate_hz=48000,
        no_connection_timeout_seconds=0,
        disconnect_on_stop=False,
        speaker=Speaker(user_id="u", name="Ana", email="ana@example.test"),
        language="en-US",
        insight_types=("question", "topic"),
        trackers=(Tracker("Sales", ("offer", "deal")),),
        account_trackers=False,
        tracker_interim_results=True,
        vocabulary=("Kovalo",),
        identify_content=False,
        redact_content=True,
        redaction_string="####",
        meeting_title="Sync",
        timezone_offset_minutes=-480,
        confidence_threshold=0.6,
        sentiment=True,
        detect_entities=False,
    )
    assert start_request(start) == {
        "type": "start_request",
        "insightTypes": ["question", "topic"],
        "customVocabulary": ["Kovalo"],
        "config": {
            "meetingTitle": "Sync",
            "confidenceThreshold": 0.6,
            "timezoneOffset": -480,
            "languageCode": "en-US",
            "speechRecognition": {"encoding": "Opus", "sampleRateHertz": 48000},
            "trackers": {"enableAllTrackers": False, "interimResults": True},
            "redaction": {"identifyContent": False, "redactContent": True, "redactionString": "####"},
            "sentiment": True,
            "detectEntities": False,
        },
        "speaker": {"userId": "u", "name": "Ana", "email": "ana@example.test"},
        "trackers": [{"name": "Sales", "vocabulary": ["offer", "deal"]}],
        "noConnectionTimeout": 0,
        "disconnectOnStopRequest": False,
    }


def test_unknown_speaker() -> None:
    """A speaker of whom nothing is known is left out rather than sent empty."""
    start = SymblStart(encoding=Encoding.MULAW, sample_rate_hz=8000, no_connection_timeout_seconds=1, speaker=Speaker())
    assert "speaker" not in start_request(start)


def test_modify_and_stop() -> None:
    """The new format sits directly under the request, and the end of audio has no members."""
    assert modify_request(Encoding.MULAW, 8000) == {
        "type": "modify_request",
        "speechRecognition": {"encoding": "MULAW", "sampleRateHertz": 8000},
    }
    assert stop_request() == {"type": "stop_request"}


def test_repr_without_content() -> None:
    """Names, titles and phrases stay out of the ``repr``."""
    start = SymblStart(
        encoding=Encoding.MULAW,
        sample_rate_hz=8000,
        no_connection_timeout_seconds=1,
        speaker=Speaker(name="Ana"),
        meeting_title="Sync",
        vocabulary=("Kovalo",),
        trackers=(Tracker("Sales", ("offer",)),),
    )
    for content in ("Ana", "Sync", "Kovalo", "offer"):
        assert content not in repr(start)
