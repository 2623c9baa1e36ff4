"""Client frames and masks: pure functions on whatever may come."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.analysis import Word
from worker.engine.masking import Finding, mask_text, mask_unfinished, mask_words, masked_offset, settle
from worker.engine.recognizers.events import LINEAR16, MULAW, OPUS, AudioFormat
from worker.engine.recognizers.factory import TRAITS, RecognizerTraits, make_factory
from worker.engine.requests import (
    MAX_TRACKER_PHRASES,
    MAX_VOCABULARY,
    ModifyRequest,
    Ping,
    StartRequest,
    StopRequest,
    Unreadable,
    parse_text,
)
from worker.engine.settings import EngineSettings
from worker.errors import ConfigurationError

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
_MEMBERS = (
    "config", "speaker", "trackers", "insightTypes", "noConnectionTimeout", "disconnectOnStopRequest",
    "disconnectOnStopRequestTimeout", "customVocabulary", "speechRecognition", "meetingTitle",
)  # fmt: skip
_CONFIG = (
    "speechRecognition", "redaction", "trackers", "encoding", "sampleRateHertz", "languageCode", "timezoneOffset",
    "confidenceThreshold", "sentiment", "detectEntities", "redactionString",
)  # fmt: skip


def start(**members: Any) -> StartRequest:
    parsed = parse_text(orjson.dumps({"type": "start_request"} | members).decode())
    assert isinstance(parsed, StartRequest)
    return parsed


@given(st.text())
def test_any_text_is_understood_or_refused(text: str) -> None:
    """Reading a text frame never fails."""
    assert isinstance(parse_text(text), Unreadable | Ping | StopRequest)


@given(
    st.dictionaries(st.sampled_from(_MEMBERS), _JSON | st.dictionaries(st.sampled_from(_CONFIG), _JSON)),
    st.sampled_from(["start_request", "modify_request"]),
)
def test_odd_members_never_fail(members: dict[str, Any], kind: str) -> None:
    """Whatever the members of a request are, it is read; what cannot work is a problem with a text."""
    parsed = parse_text(orjson.dumps(members | {"type": kind}).decode())
    assert isinstance(parsed, StartRequest | ModifyRequest)
    assert parsed.problem is None or parsed.problem.endswith(".")


@pytest.mark.parametrize(
    "members",
    [
        {"speaker": None, "trackers": None, "insightTypes": None, "config": None},
        {"speaker": 5, "trackers": {}, "insightTypes": "question", "config": []},
        {"noConnectionTimeout": True, "disconnectOnStopRequest": None, "disconnectOnStopRequestTimeout": "x"},
        {"config": {"redaction": {"redactContent": 1}, "speechRecognition": None, "timezoneOffset": "UTC"}},
    ],
)
def test_absent_and_odd_members_mean_the_default(members: dict[str, Any]) -> None:
    """The SDKs send null speakers and booleans for seconds; that must not stop a session."""
    assert start(**members) == StartRequest()


def test_a_full_request() -> None:
    """Every documented member is read."""
    request = start(
        insightTypes=["topic", "question", "dance"],
        customVocabulary=["net terms", 3],
        config={
            "meetingTitle": "Sync",
            "confidenceThreshold": 0.6,
            "timezoneOffset": -480,
            "languageCode": "en-GB",
            "speechRecognition": {"encoding": "mulaw", "sampleRateHertz": "8000"},
            "trackers": {"interimResults": True},
            "redaction": {"identifyContent": True, "redactContent": True, "redactionString": "#"},
            "sentiment": True,
            "detectEntities": True,
        },
        trackers=[{"name": "Billing", "vocabulary": ["invoice"]}, {"name": "empty"}],
        speaker={"userId": 7, "name": "Ines", "role": "agent", "email": None},
        noConnectionTimeout=9000,
        disconnectOnStopRequest=False,
        disconnectOnStopRequestTimeout=12,
    )
    assert request.problem is None
    assert request.audio_format == AudioFormat(encoding=MULAW, sample_rate_hz=8000)
    assert request.insight_types == ("question", "topic")
    assert request.vocabulary == ("net terms",)
    assert (request.confidence_threshold, request.timezone_offset_minutes, request.language) == (0.6, -480, "en-GB")
    assert [tracker.name for tracker in request.trackers] == ["Billing"]
    assert (request.redaction.identify, request.redaction.redact, request.redaction.mask) == (True, True, "#")
    assert (request.interim_trackers, request.sentiment, request.detect_entities) == (True, True, True)
    assert request.speaker.user_id == "7"
    assert request.speaker.members == {"userId": "7", "name": "Ines", "role": "agent"}
    assert (request.no_connection_timeout_seconds, request.stop_timeout_seconds) == (1800.0, 12.0)
    assert (request.disconnect_on_stop, request.meeting_title) == (False, "Sync")


def test_numbers_may_be_texts() -> None:
    """A number that a client wrote as a text is understood; a text that is none counts as absent."""
    request = start(
        config={"confidenceThreshold": "0.75", "timezoneOffset": " -480 "},
        noConnectionTimeout="120",
        disconnectOnStopRequestTimeout="1e3",
    )
    assert (request.confidence_threshold, request.timezone_offset_minutes) == (0.75, -480)
    assert (request.no_connection_timeout_seconds, request.stop_timeout_seconds) == (120.0, 1800.0)


@pytest.mark.parametrize(("said", "meant"), [(-1, None), (0, 0.0), (1800, 1800.0), (1801, 1800.0), (True, None)])
def test_timeouts_stay_within_limits(said: object, meant: float | None) -> None:
    """noConnectionTimeout lies between 0 and 1800 seconds; the Go SDK sends a boolean, which means nothing."""
    assert start(noConnectionTimeout=said).no_connection_timeout_seconds == meant


def test_the_vocabulary_has_two_places() -> None:
    """Words to favour stand at the top or with a strength in the configuration; each counts once."""
    strong = [{"text": "Kovalo"}, {"text": "Initech", "strength": 5}, {"text": 3}, "net"]
    request = start(customVocabulary=["net terms", "Kovalo"], config={"customVocabularyStrength": strong})
    assert request.vocabulary == ("net terms", "Kovalo", "Initech")


def test_the_title_has_two_places() -> None:
    """Samples say what a meeting is called at the top or in the configuration; the top wins."""
    assert start(meetingTitle="Top").meeting_title == "Top"
    assert start(config={"meetingTitle": "Inner"}).meeting_title == "Inner"
    assert start(meetingTitle="Top", config={"meetingTitle": "Inner"}).meeting_title == "Top"


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ({}, True),
        ({"config": {"trackers": {"enableAllTrackers": False}}}, False),
        ({"enableAllTrackers": False}, False),
        ({"enableAllTrackers": False, "config": {"trackers": {"enableAllTrackers": True}}}, True),
        ({"config": {"trackers": None}}, True),
    ],
)
def test_saved_trackers_are_asked_for(members: dict[str, Any], wanted: bool) -> None:
    """The configuration is the real place of enableAllTrackers; the Go SDK also has one at the top."""
    assert start(**members).enable_all_trackers is wanted


def test_what_would_cost_the_neighbours_is_limited() -> None:
    """More trackers, phrases, words to favour and members of a speaker than anybody means are left out."""
    request = start(
        trackers=[{"name": f"t{number}", "vocabulary": ["x" * 300, *map(str, range(600))]} for number in range(600)],
        customVocabulary=[str(number) for number in range(20_000)],
        speaker={"userId": "ines", "name": "x" * 10_000, "deep": orjson.loads("[" * 250 + "]" * 250), "role": "agent"},
        config={"languageCode": "e" * 100},
    )
    assert sum(len(tracker.vocabulary) for tracker in request.trackers) == MAX_TRACKER_PHRASES
    assert len(request.vocabulary) == MAX_VOCABULARY
    assert request.speaker.members == {"userId": "ines", "role": "agent"}
    assert request.language == "en-US"
    assert request.problem is None


@pytest.mark.parametrize(
    ("recognition", "known"),
    [
        ({"encoding": "LINEAR16", "sampleRateHertz": 44_100}, True),
        ({"encoding": "Opus", "sampleRateHertz": 48_000}, True),
        ({"encoding": "FLAC", "sampleRateHertz": 8_000}, False),
        ({"encoding": "FLAC", "sampleRateHertz": 96_000}, True),
        ({"encoding": "MULAW", "sampleRateHertz": 16_000}, False),
        ({"encoding": "MULAW"}, True),
        ({"encoding": 3}, False),
        ({"sampleRateHertz": True}, False),
        ({"sampleRateHertz": 16_000.5}, False),
        ({"sampleRateHertz": -1}, False),
        ({}, True),
    ],
)
def test_audio_formats(recognition: dict[str, Any], known: bool) -> None:
    """A format that the protocol does not know is a problem."""
    assert (start(config={"speechRecognition": recognition}).problem is None) == known
    assert (start(config=recognition).problem is None) == known


def test_what_recognisers_can_hear() -> None:
    """Coded speech is read from any encoding; real speech only where it can be decoded, in a language it knows."""
    opus = AudioFormat(encoding=OPUS, sample_rate_hz=48_000)
    assert TRAITS["coded"].problem(opus, "xx") is None
    assert "Opus" in (RecognizerTraits(encodings=frozenset({LINEAR16})).problem(opus) or "")
    assert TRAITS["pocketsphinx"].problem(AudioFormat(), "en_US") is None
    assert "de-DE" in (TRAITS["pocketsphinx"].problem(AudioFormat(), "de-DE") or "")
    with pytest.raises(ValueError, match="nothing"):
        make_factory("nothing", None)


def test_modify_requests() -> None:
    """The format may lie at the top or under config; what is not said stays."""
    for members in (
        {"speechRecognition": {"sampleRateHertz": 8000}},
        {"config": {"speechRecognition": {"sampleRateHertz": 8000}, "detectEntities": True}},
    ):
        request = parse_text(orjson.dumps(members | {"type": "modify_request"}).decode())
        assert isinstance(request, ModifyRequest)
        assert request.applied_to(AudioFormat()) == AudioFormat(encoding=LINEAR16, sample_rate_hz=8000)
        assert request.detect_entities is (True if "config" in members else None)


_WORDS = st.lists(st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=6), min_size=1, max_size=6)
_SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=4)


@given(_WORDS, _SPANS)
def test_masked_words_are_the_masked_text(texts: list[str], spans: list[tuple[int, int]]) -> None:
    """Words and text are masked alike, and words keep their time."""
    words = [Word(text, index, index + 1.0, 1.0) for index, text in enumerate(texts)]
    text = " ".join(texts)
    findings = [Finding("X", min(start, len(text)), min(start + length, len(text)), "") for start, length in spans]
    masked = mask_words(words, findings, "##")
    assert " ".join(word.text for word in masked) == mask_text(text, findings, "##")
    assert masked[0].start_seconds == 0
    assert masked[-1].end_seconds == len(texts)


def test_unfinished_texts_show_nothing_that_may_become_personal() -> None:
    """An interim text may hold the beginning of a number or a name that is not recognisable yet."""
    tail = " and so it goes on and on again"
    assert mask_unfinished("my card is four 11 one of" + tail, [], "#") == "my card is # # # of"
    assert mask_unfinished("so call Omar now" + tail, [Finding("NAME", 8, 12, "Omar")], "#") == "so call # now"
    assert mask_unfinished("so call Omar" + tail, [Finding("NAME", 8, 16, "Omar and")], "#") == "so call #"
    assert mask_unfinished("my name is Omar", [], "#") == ""


@given(st.text(max_size=60), _SPANS, st.text(min_size=1, max_size=5))
def test_settled_findings_mask_the_same(text: str, spans: list[tuple[int, int]], mask: str) -> None:
    """Settling findings changes neither what is masked nor where the masks stand, and leaves no overlap."""
    findings = [
        Finding(f"T{number}", min(start, len(text)), min(start + length, len(text)), "")
        for number, (start, length) in enumerate(spans)
    ]
    settled = settle(text, findings)
    assert mask_text(text, settled, mask) == mask_text(text, findings, mask)
    assert all(one.end <= two.start for one, two in pairwise(settled))
    for finding in settled:
        offset = masked_offset(finding, settled, mask)
        assert mask_text(text, settled, mask)[offset : offset + len(mask)] == mask


@pytest.mark.parametrize(
    "wrong",
    [
        {"recognizer": "magic"},
        {"recognizer": "sherpa-onnx"},
        {"result_delay_seconds": (2.0, 1.0)},
        {"port": -1},
        {"pool_processes": 0},
    ],
)
def test_wrong_settings(wrong: dict[str, Any]) -> None:
    """Settings that make no sense are refused before anything starts, and secrets stay out of their repr."""
    with pytest.raises(ConfigurationError):
        EngineSettings(**wrong)
    assert "hush" not in repr(EngineSettings(accounts={"app": "hush"}, token_key=b"hush"))
