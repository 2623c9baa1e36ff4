"""What input records ask for, and what becomes of those that cannot be used."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.intake.decode import DEFAULT_STREAM, MAX_CONTROL_BYTES, MAX_KEY_BYTES, decode
from worker.records import (
    AudioChunk,
    ChangeSpeaker,
    Channel,
    Command,
    Coordinates,
    CustomEntity,
    DeadLetter,
    Encoding,
    EndStream,
    Ignored,
    InputRecord,
    ModifyStream,
    Reason,
    RedactionWish,
    Speaker,
    StartParameters,
    StartStream,
    Subscribe,
    Trace,
    Tracker,
)

AT = Coordinates("symbl.audio", 3, 42, 1_700_000_000_000)
PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "jane.doe@example.com"
EVENTS = ["start", "modify", "speaker", "end"]


def _decode(
    value: bytes | None, *headers: tuple[str, bytes], key: bytes | None = b"call-1", event: str | None = None
) -> Command:
    if event is not None:
        headers = (("event", event.encode()), *headers)
    return decode(InputRecord(coordinates=AT, key=key, value=value, headers=headers))


def _control(event: str, value: object, *headers: tuple[str, bytes]) -> Command:
    return _decode(orjson.dumps(value), *headers, event=event)


def _rejected(command: Command) -> tuple[Reason, str]:
    assert isinstance(command, DeadLetter)
    assert SECRET not in command.detail
    assert len(command.detail) < 500
    return command.reason, command.detail


# --- audio -----------------------------------------------------------------------------------------------------------


def test_bare_audio() -> None:
    """Without headers a record is audio of the stream ``0``."""
    assert _decode(b"\x01\x02") == AudioChunk(
        coordinates=AT, conversation_id="call-1", stream=DEFAULT_STREAM, payload=b"\x01\x02"
    )


def test_audio_with_everything() -> None:
    """Every header of the contract arrives in the chunk; other headers do not matter."""
    command = _decode(
        b"\x01",
        ("stream", b"agent-1.left_"),
        ("seq", b"0017"),
        ("ts", b"1700000000123"),
        ("traceparent", PARENT),
        ("tracestate", b"vendor=1"),
        ("Event", b"start"),
        ("content-type", b"\xff"),
        key="gespräch".encode(),
    )
    assert command == AudioChunk(
        coordinates=AT,
        conversation_id="gespräch",
        stream="agent-1.left_",
        payload=b"\x01",
        seq=17,
        capture_ts_ms=1_700_000_000_123,
        trace=Trace(PARENT.decode(), "vendor=1"),
    )


def test_repeated_headers() -> None:
    """Of a repeated header the first counts, and the others are not even looked at."""
    command = _decode(b"\x01", ("stream", b"a"), ("seq", b"1"), ("stream", b"?"), ("seq", b"x"), ("seq", b"2"))
    assert isinstance(command, AudioChunk)
    assert (command.stream, command.seq) == ("a", 1)


@pytest.mark.parametrize("value", [None, b""])
@pytest.mark.parametrize("key", [None, b"call-1", b"\xff"])
def test_nothing_in_it(value: bytes | None, key: bytes | None) -> None:
    """A record with neither event nor value is ignored, whatever else is wrong with it: nothing is lost."""
    assert _decode(value, ("seq", b"x"), key=key) == Ignored(coordinates=AT)


# --- key and headers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [None, *EVENTS])
@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (None, Reason.MISSING_KEY),
        (b"", Reason.MISSING_KEY),
        (b"call-\xff", Reason.UNREADABLE_KEY),
        (b"k" * (MAX_KEY_BYTES + 1), Reason.UNREADABLE_KEY),
    ],
)
def test_bad_keys(key: bytes | None, reason: Reason, event: str | None) -> None:
    """Without a readable key there is no conversation; what is readable besides it is still told."""
    command = _decode(b"{}", ("stream", b"a"), key=key, event=event)
    assert _rejected(command)[0] is reason
    assert isinstance(command, DeadLetter)
    assert (command.conversation_id, command.stream, command.event) == (None, "a", event)


def test_longest_key() -> None:
    """The bound of the key counts bytes, and the bound itself is allowed."""
    command = _decode(b"\x01", key="ä".encode() * (MAX_KEY_BYTES // 2))
    assert isinstance(command, AudioChunk)


@pytest.mark.parametrize("event", [None, *EVENTS])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream", b""),
        ("stream", b"a" * 65),
        ("stream", b"a b"),
        ("stream", b"a\n"),
        ("stream", "ä".encode()),
        *(
            (name, value)
            for name in ("seq", "ts")
            for value in (b"", b"-1", b"+1", b" 1", b"1_0", b"1.0", b"1e3", b"\xd9\xa1", b"9" * 19, b"0" * 20)
        ),
        ("ts", b"253402300800000"),
    ],
)
def test_bad_headers(name: str, value: bytes, event: str | None) -> None:
    """A header that says something else than the contract allows is named; its value is not."""
    command = _decode(b"{}", (name, value), event=event)
    reason, detail = _rejected(command)
    assert reason is Reason.BAD_HEADER
    assert detail.startswith(f"{name}: ")
    assert isinstance(command, DeadLetter)
    assert (command.conversation_id, command.stream, command.event) == ("call-1", None, event)


@pytest.mark.parametrize(
    "parent",
    [
        b"",
        PARENT[:-1],
        PARENT + b"0",
        PARENT + b"\n",
        PARENT.upper(),
        b"ff" + PARENT[2:],
        b"00-" + b"0" * 32 + PARENT[35:],
        PARENT[:36] + b"0" * 16 + PARENT[52:],
    ],
)
def test_bad_trace(parent: bytes) -> None:
    """Malformed trace context is dropped; the audio is worth more."""
    command = _decode(b"\x01", ("traceparent", parent), ("tracestate", b"vendor=1"))
    assert isinstance(command, AudioChunk)
    assert command.trace is None


@pytest.mark.parametrize("state", [b"", b"a=\x00", b"a=\xff", b"a" * 513])
def test_bad_trace_state(state: bytes) -> None:
    """A malformed ``tracestate`` is dropped without the ``traceparent``; alone it means nothing."""
    command = _decode(b"\x01", ("tracestate", state), ("traceparent", PARENT))
    assert isinstance(command, AudioChunk)
    assert command.trace == Trace(PARENT.decode())
    assert _decode(b"\x01", ("tracestate", b"a=1")) == _decode(b"\x01")


# --- control records -------------------------------------------------------------------------------------------------


def test_full_start() -> None:
    """Every member of a ``start`` arrives."""
    command = _control(
        "start",
        {
            "speaker": {"user_id": "u1", "name": "Jane", "email": SECRET},
            "encoding": "MULAW",
            "sample_rate_hz": 8000,
            "language": "en-US",
            "insight_types": ["question", "topic"],
            "trackers": [{"name": "Billing", "vocabulary": ["invoice", "purchase order"]}],
            "vocabulary": ["Kovalo"],
            "redaction": {"enabled": True},
            "meeting_title": "Sync",
            "timezone_offset_minutes": -480,
            "confidence_threshold": 1,
            "sentiment": True,
            "detect_entities": False,
            "channels": [{"speaker": {"name": "Left"}}, {"stream": "right"}],
            "tenant": "acme",
        },
        ("stream", b"phone"),
        ("traceparent", PARENT),
    )
    assert command == StartStream(
        coordinates=AT,
        conversation_id="call-1",
        stream="phone",
        trace=Trace(PARENT.decode()),
        parameters=StartParameters(
            speaker=Speaker(user_id="u1", name="Jane", email=SECRET),
            encoding=Encoding.MULAW,
            sample_rate_hz=8000,
            language="en-US",
            insight_types=("question", "topic"),
            trackers=(Tracker("Billing", ("invoice", "purchase order")),),
            vocabulary=("Kovalo",),
            redaction_enabled=True,
            meeting_title="Sync",
            timezone_offset_minutes=-480,
            confidence_threshold=1.0,
            sentiment=True,
            detect_entities=False,
            channels=(Channel("phone.0", Speaker(name="Left")), Channel("right", None)),
            tenant="acme",
        ),
    )


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{}",
        json.dumps(dict.fromkeys(["speaker", "encoding", "redaction", "channels", "trackers"])).encode(),
    ],
)
def test_empty_start(value: bytes | None) -> None:
    """A ``start`` that says nothing, or null, leaves everything to the deployment."""
    command = _decode(value, event="start")
    assert isinstance(command, StartStream)
    assert (command.stream, command.parameters) == (DEFAULT_STREAM, StartParameters())


def test_no_insights_differs_from_not_said() -> None:
    """An empty list of insight types asks for none; without the member the deployment decides."""
    command = _control("start", {"insight_types": []})
    assert isinstance(command, StartStream)
    assert command.parameters.insight_types == ()


def test_modify() -> None:
    """A ``modify`` carries what it names and leaves the rest open."""
    both = _control("modify", {"encoding": "Opus", "sample_rate_hz": 48_000}, ("stream", b"a"))
    rate = _control("modify", {"sample_rate_hz": 8_000})
    assert both == ModifyStream(
        coordinates=AT, conversation_id="call-1", stream="a", encoding=Encoding.OPUS, sample_rate_hz=48_000
    )
    assert rate == ModifyStream(
        coordinates=AT, conversation_id="call-1", stream="0", encoding=None, sample_rate_hz=8_000
    )


def test_speaker() -> None:
    """A ``speaker`` says who speaks; members that it leaves out are unknown."""
    assert _control("speaker", {"speaker": {"name": "Jane"}}) == ChangeSpeaker(
        coordinates=AT, conversation_id="call-1", stream="0", speaker=Speaker(name="Jane")
    )


@pytest.mark.parametrize("value", [None, b"", b"{}", b'{"reason": "hung up"}'])
def test_end(value: bytes | None) -> None:
    """An ``end`` ends its stream, and all streams when it names none."""
    reason = "hung up" if value and len(value) > 2 else None
    for stream in (None, "a"):
        headers = [("stream", stream.encode())] if stream else []
        expected = EndStream(coordinates=AT, conversation_id="call-1", stream=stream, reason=reason)
        assert _decode(value, *headers, event="end") == expected


@pytest.mark.parametrize(
    ("value", "members"),
    [
        (b'{"connection_id": "room 7/\xc3\xa4="}', {"connection_id": "room 7/ä="}),
        (
            b'{"connection_id": "c", "redaction": {"enabled": true}, "tenant": "acme"}',
            {"connection_id": "c", "redaction_enabled": True, "tenant": "acme"},
        ),
        (b'{"connection_id": "c", "redaction": null, "tenant": null}', {"connection_id": "c"}),
    ],
)
def test_subscribe(value: bytes, members: dict[str, Any]) -> None:
    """A ``subscribe`` names the connection that its stream follows."""
    for headers, stream in (([], "0"), ([("stream", b"a")], "a")):
        expected = Subscribe(coordinates=AT, conversation_id="call-1", stream=stream, **members)
        assert _decode(value, *headers, event="subscribe") == expected


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (b"", "value: json_invalid"),
        (b"{}", "value.connection_id: missing"),
        (b'{"connection_id": ""}', "value.connection_id: string_pattern_mismatch"),
        (b'{"connection_id": "a\\nb"}', "value.connection_id: string_pattern_mismatch"),
        (b'{"connection_id": "%s"}' % (b"x" * 257), "value.connection_id: string_pattern_mismatch"),
        (b'{"connection_id": 7}', "value.connection_id: string_type"),
        (b'{"connection_id": "c", "speaker": {}}', "value: extra_forbidden"),
    ],
)
def test_unreadable_subscribes(value: bytes, detail: str) -> None:
    """A ``subscribe`` that names nothing that can be dialled is a dead letter that does not quote it."""
    assert _rejected(_decode(value, event="subscribe")) == (Reason.UNREADABLE_CONTROL, detail)


@pytest.mark.parametrize("event", [b"", b"Start", b"dial", b"\xff"])
def test_unknown_events(event: bytes) -> None:
    """An event that is none of the five is not guessed at, nor repeated in the dead letter."""
    command = _decode(b"{}", ("event", event))
    assert _rejected(command) == (Reason.UNKNOWN_EVENT, "event: none of start, modify, speaker, subscribe, end")
    assert isinstance(command, DeadLetter)
    assert command.event is None


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"encoding": "PCMU"}, "value.encoding"),
        ({"encoding": "linear16"}, "value.encoding"),
        ({"encoding": SECRET}, "value.encoding"),
        ({"encoding": "MULAW", "sample_rate_hz": 16_000}, "value.sample_rate_hz"),
        ({"encoding": "FLAC", "sample_rate_hz": 8_000}, "value.sample_rate_hz"),
        ({"sample_rate_hz": 96_000}, "value.sample_rate_hz"),
        ({"sample_rate_hz": 0}, "value.sample_rate_hz"),
    ],
)
@pytest.mark.parametrize("event", ["start", "modify"])
def test_unsupported_formats(event: str, value: dict[str, Any], field: str) -> None:
    """A format that no socket would take is refused as far as the record alone says it."""
    reason, detail = _rejected(_control(event, value))
    assert reason is Reason.UNSUPPORTED_ENCODING
    assert detail.startswith(f"{field}: ")


@pytest.mark.parametrize("encoding", ["FLAC", "Opus"])
def test_channels_of_compressed_audio(encoding: str) -> None:
    """Only samples can be taken apart by their bytes."""
    command = _control("start", {"encoding": encoding, "channels": [{}, {}]})
    assert _rejected(command) == (Reason.UNSUPPORTED_ENCODING, "value.encoding: channels need LINEAR16 or MULAW")


@pytest.mark.parametrize(
    "channels",
    [
        [],
        [{}],
        [{}, {}, {}],
        [{"stream": "a"}, {"stream": "a"}],
        [{"stream": "s.1"}, {}],
        [{"stream": "a b"}, {}],
        [{"stream": ""}, {}],
        [{"stream": "a\n"}, {}],
        {"stream": "a"},
    ],
)
def test_bad_channels(channels: object) -> None:
    """Channels are exactly two, each with a stream of its own."""
    reason, detail = _rejected(_control("start", {"channels": channels}, ("stream", b"s")))
    assert reason is Reason.UNREADABLE_CONTROL
    assert detail.startswith("value.channels")


def test_channels_of_a_long_stream() -> None:
    """A stream whose name leaves no room for the suffix needs channels with names."""
    stream = ("stream", b"s" * 63)
    assert _rejected(_control("start", {"channels": [{}, {}]}, stream))[0] is Reason.UNREADABLE_CONTROL
    named = _control("start", {"channels": [{"stream": "a"}, {"stream": "b"}]}, stream)
    assert isinstance(named, StartStream)


@pytest.mark.parametrize(
    ("event", "value", "detail"),
    [
        ("start", {"speaker": {"name": 1}}, "value.speaker.name: string_type"),
        ("start", {"speaker": {SECRET: 1}}, "value.speaker: extra_forbidden"),
        ("start", {SECRET: 1}, "value: extra_forbidden"),
        ("start", {"sample_rate_hz": "16000"}, "value.sample_rate_hz: int_type"),
        ("start", {"sample_rate_hz": True}, "value.sample_rate_hz: int_type"),
        ("start", {"sentiment": 1}, "value.sentiment: bool_type"),
        ("start", {"language": SECRET}, "value.language: string_pattern_mismatch"),
        ("start", {"insight_types": [SECRET]}, "value.insight_types.0: literal_error"),
        ("start", {"trackers": [{"name": SECRET}]}, "value.trackers.0.vocabulary: missing"),
        ("start", {"trackers": [{"name": "a", "vocabulary": []}]}, "value.trackers.0.vocabulary: too_short"),
        ("start", {"vocabulary": ["a" * 257]}, "value.vocabulary.0: string_too_long"),
        ("start", {"vocabulary": ["a"] * 5_001}, "value.vocabulary: too_long"),
        ("start", {"redaction": {"enabled": "yes"}}, "value.redaction.enabled: bool_type"),
        ("start", {"redaction": {"thresholds": {SECRET: "high"}}}, "value.redaction.thresholds: float_type"),
        ("start", {"redaction": {"mode": SECRET}}, "value.redaction.mode: literal_error"),
        ("start", {"redaction": {"modes": {SECRET: SECRET}}}, "value.redaction.modes: literal_error"),
        ("start", {"redaction": {"custom": [{SECRET: 1}]}}, "value.redaction.custom.0: extra_forbidden"),
        ("start", {"confidence_threshold": 1.01}, "value.confidence_threshold: less_than_equal"),
        ("start", {"timezone_offset_minutes": 2_000}, "value.timezone_offset_minutes: less_than_equal"),
        ("start", {"tenant": ""}, "value.tenant: string_too_short"),
        ("start", [], "value: model_type"),
        ("modify", {"language": "en"}, "value: extra_forbidden"),
        ("speaker", {}, "value.speaker: missing"),
        ("speaker", {"speaker": None}, "value.speaker: model_type"),
        ("end", {"reason": "a" * 257}, "value.reason: string_too_long"),
    ],
)
def test_unreadable_control(event: str, value: object, detail: str) -> None:
    """What is wrong with a control record is told by place and kind, never by content."""
    assert _rejected(_control(event, value)) == (Reason.UNREADABLE_CONTROL, detail)


@pytest.mark.parametrize(
    ("redaction", "detail"),
    [
        ({"types": [SECRET]}, "the types are "),
        ({"thresholds": {SECRET: 0.5}}, "the types are "),
        ({"thresholds": {"SSN": 7}}, "a threshold lies between 0 and 1"),
        ({"modes": {"OWN": "mask"}}, "modes are for own types and "),
        ({"custom": [{"type": SECRET}]}, "a type has 1 to 40 capital letters"),
        ({"custom": [{"patterns": [f"({SECRET})"]}]}, "character 1 of the pattern"),
        ({"custom": [{"words": [SECRET]}] * 201}, "there are up to 50 own types"),
    ],
)
@pytest.mark.parametrize("event", ["start", "subscribe"])
def test_wishes_that_nobody_can_fulfil(event: str, redaction: dict[str, Any], detail: str) -> None:
    """A conversation is not redacted less than its record asks for, so such a record is refused."""
    value = {"redaction": redaction} | ({"connection_id": "c"} if event == "subscribe" else {})
    reason, text = _rejected(_control(event, value))
    assert reason is Reason.UNREADABLE_CONTROL
    assert text.startswith(f"value.redaction: {detail}")


@pytest.mark.parametrize("event", ["start", "subscribe"])
def test_wishes(event: str) -> None:
    """What a record wants of redaction arrives whole; nothing beyond ``enabled`` is no wish."""
    redaction = {
        "enabled": True,
        "types": ["DATE", "DATE"],
        "thresholds": {"PERSON_NAME": 0.3, "SSN": 0},
        "custom": [{"type": "EMPLOYEE_ID", "patterns": [r"emp-?\d{6}"]}, {"words": ["falcon"]}],
        "mode": "type",
        "modes": {"CARD_NUMBER": "mask", "EMPLOYEE_ID": "hash"},
        "speakers": True,
        "transcripts": False,
    }
    rest = {"connection_id": "c"} if event == "subscribe" else {}
    command = _control(event, {"redaction": redaction} | rest)
    assert isinstance(command, StartStream | Subscribe)
    assert command.wish == RedactionWish(
        types=("DATE",),
        thresholds=(("PERSON_NAME", 0.3), ("SSN", 0.0)),
        custom=(CustomEntity("EMPLOYEE_ID", (r"emp-?\d{6}",)), CustomEntity("CUSTOM", (), ("falcon",))),
        mode="type",
        modes=(("CARD_NUMBER", "mask"), ("EMPLOYEE_ID", "hash")),
        speakers=True,
        transcripts=False,
    )
    for nothing in (None, {}, {"enabled": True}, {"enabled": False, "types": [], "transcripts": True, "mode": None}):
        command = _control(event, {"redaction": nothing} | rest)
        assert isinstance(command, StartStream | Subscribe)
        assert command.wish is None


@pytest.mark.parametrize(
    "value",
    [b"\xff", b"{", b"nope", b"[" * 5_000, b'{"sample_rate_hz": ' + b"9" * 9_000 + b"}", b'{"tenant": "\\ud800"}'],
)
@pytest.mark.parametrize("event", EVENTS)
def test_not_json(event: str, value: bytes) -> None:
    """A control record that is not JSON is told from one that says the wrong things."""
    assert _rejected(_decode(value, event=event)) == (Reason.UNREADABLE_CONTROL, "value: json_invalid")


@pytest.mark.parametrize("event", ["modify", "speaker"])
def test_needed_values(event: str) -> None:
    """``modify`` and ``speaker`` without a value say nothing that could be done."""
    assert _rejected(_decode(None, event=event))[0] is Reason.UNREADABLE_CONTROL


def test_numbers_that_are_none() -> None:
    """JSON has no NaN."""
    reason, _ = _rejected(_decode(b'{"confidence_threshold": NaN}', event="start"))
    assert reason is Reason.UNREADABLE_CONTROL


def test_large_control() -> None:
    """A control record is bounded before anything reads it."""
    fits = b"{}".ljust(MAX_CONTROL_BYTES)
    assert isinstance(_decode(fits, event="start"), StartStream)
    assert _rejected(_decode(fits + b" ", event="start")) == (
        Reason.UNREADABLE_CONTROL,
        f"value: larger than {MAX_CONTROL_BYTES} bytes",
    )


def test_many_mistakes() -> None:
    """Of many mistakes the first few are told, and how many more there are."""
    reason, detail = _rejected(_control("start", {"vocabulary": [1] * 100}))
    assert reason is Reason.UNREADABLE_CONTROL
    assert detail.endswith("value.vocabulary.4: string_type; 95 more")


# --- whatever comes --------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["stream", "event", "seq", "ts", "traceparent", "tracestate"]) | st.text(max_size=8)
VALUES = st.sampled_from([b"start", b"modify", b"speaker", b"end", b"0", b"a", PARENT]) | st.binary(max_size=70)
MEMBERS = st.sampled_from(
    ["speaker", "name", "encoding", "sample_rate_hz", "channels", "trackers", "vocabulary", "redaction", "reason"]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=9)
    | st.sampled_from(["FLAC", "LINEAR16"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=40) | JSON.map(orjson.dumps),
    st.lists(st.tuples(NAMES, VALUES), max_size=8),
)
def test_never_raises(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    """Whatever a record holds, there is a command for it, and dead letters carry the record itself."""
    record = InputRecord(coordinates=AT, key=key, value=value, headers=tuple(headers))
    command = decode(record)
    if isinstance(command, DeadLetter):
        assert command.record is record
        assert len(command.detail) < 500
    else:
        assert command.coordinates is AT


@given(st.sampled_from(EVENTS), st.dictionaries(MEMBERS, JSON, max_size=4), st.sampled_from(["", "Q7#zx!"]))
def test_no_content_in_details(event: str, value: dict[str, object], marker: str) -> None:
    """No string of a control record, nor the name of an unknown member, gets into the detail."""

    def mark(item: object) -> object:
        if isinstance(item, dict):
            return {marker + name: mark(inner) for name, inner in item.items()} | {"name": marker}
        if isinstance(item, list):
            return [mark(inner) for inner in item]
        return marker + item if isinstance(item, str) else item

    command = _control(event, mark(value))
    if marker and isinstance(command, DeadLetter):
        assert marker not in command.detail
