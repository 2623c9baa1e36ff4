from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.contracts import decode_headers, validate_headers, validate_record
from tests.strategies import (
    KINDS,
    captions,
    dead_letters,
    input_records,
    outputs,
    result_id_parts,
    same_uuid,
    speakers,
    traces,
    transcripts,
)
from worker.output.events import DEAD_LETTER_VALUE_LIMIT_BYTES, EventBuilder, dead_letter_id, insight_id, result_id
from worker.output.topics import Topics
from worker.records import (
    Caption,
    Coordinates,
    DeadLetter,
    Finding,
    InputRecord,
    Insight,
    LifeCycle,
    LifeCycleEvent,
    Masked,
    Origin,
    Output,
    OutputRecord,
    Reason,
    RedactedMessage,
    Speaker,
    Trace,
    Transcript,
)

TOPICS = Topics()
BUILDER = EventBuilder(TOPICS, "/symbl-worker/test")
NOW = datetime(2026, 3, 14, 10, 0, 6, 912_345, UTC)
KIND_OF_TOPIC = {name: kind for kind, name in TOPICS.outputs().items()}
ORIGIN = Origin(
    id="0bc42d96-2978-5a47-8bf0-68b7fdb612b4",
    conversation_id="call-1",
    stream="agent",
    symbl_conversation_id=None,
    sequence=4,
    start_ms=100,
    end_ms=200,
    topic="symbl.audio",
    partition=3,
    first_offset=10,
    last_offset=12,
    speaker=Speaker(user_id="u", name="n", email="someone@example.com"),
)
WHERE = Coordinates("symbl.audio", 3, 17, 1_773_482_400_000)
LIFE_CYCLE = LifeCycle(id=ORIGIN.id, conversation_id="call-1", event=LifeCycleEvent.STARTED, sequence=0)


def _build(output: Output, time: datetime = NOW) -> OutputRecord:
    return BUILDER.build(output, time=time)


def _value(record: OutputRecord) -> Any:
    assert record.value is not None
    return json.loads(record.value)


def _headers(record: OutputRecord) -> dict[str, str]:
    return decode_headers(record.headers)


def _message(masked: Masked) -> RedactedMessage:
    return RedactedMessage(origin=ORIGIN, symbl_message_id="m", masked=masked)


def _insight(**changes: Any) -> Insight:
    base = Insight(origin=ORIGIN, kind="question", symbl_insight_id=None, masked=Masked("text", ()))
    return replace(base, **changes)


def _dead_letter(*, value: bytes | None = b"", headers: tuple[tuple[str, bytes], ...] = ()) -> DeadLetter:
    record = InputRecord(coordinates=WHERE, key=b"call-1", value=value, headers=headers)
    return DeadLetter(record=record, reason=Reason.BAD_HEADER, detail="stream", conversation_id="call-1")


# --- the contract ----------------------------------------------------------------------------------------------------


@given(outputs)
def test_every_record_keeps_the_contract(output: Output) -> None:
    """Whatever the worker has to say, its record is valid under the published schemas and CloudEvents."""
    record = _build(output)
    assert record.value is not None
    validate_record(KIND_OF_TOPIC[record.topic], record.value)
    validate_headers(record.headers)


@given(outputs)
def test_the_same_output_gives_the_same_record(output: Output) -> None:
    """A result published again is the same bytes under the same id."""
    assert _build(output) == _build(output)


@given(outputs)
def test_the_key_is_the_conversation_and_the_partition_is_free(output: Output) -> None:
    """Records of one conversation stay in order; a dead letter goes where its original would."""
    record = _build(output)
    assert record.partition is None
    match output:
        case DeadLetter():
            assert record.key == output.record.key
        case Transcript() | RedactedMessage() | Insight():
            assert record.key == output.origin.conversation_id.encode()
        case _:
            assert record.key == output.conversation_id.encode()


@pytest.mark.parametrize(
    ("output", "topic", "event_type"),
    [
        (
            Transcript(origin=ORIGIN, symbl_message_id="m", text="", words=()),
            "symbl.transcripts",
            "transcript",
        ),
        (_message(Masked("", ())), "symbl.messages.redacted", "message.redacted"),
        *((_insight(kind=kind), "symbl.insights", f"insight.{kind}") for kind in KINDS),
        (
            Caption(conversation_id="c", stream="s", speaker=None, text="", revision=0, start_ms=0, redaction="clean"),
            "symbl.captions",
            "caption",
        ),
        *(
            (replace(LIFE_CYCLE, event=event), "symbl.conversations", f"conversation.{event.value}")
            for event in LifeCycleEvent
        ),
        (_dead_letter(), "symbl.dead-letters", "dead-letter"),
    ],
)
def test_every_kind_of_output_has_its_topic_and_its_type(output: Output, topic: str, event_type: str) -> None:
    """A consumer can choose by topic and by ``ce_type`` without reading the value."""
    record = _build(output)
    assert record.topic == topic
    assert _headers(record)["ce_type"] == f"dev.symbl-worker.{event_type}.v1"


# --- CloudEvents -----------------------------------------------------------------------------------------------------


def test_headers_of_a_result() -> None:
    """The event's id is the result's, and its subject is the stream."""
    trace = Trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "acme=1")
    message = replace(_message(Masked("", ())), origin=replace(ORIGIN, trace=trace))
    assert _headers(_build(message)) == {
        "ce_specversion": "1.0",
        "ce_id": ORIGIN.id,
        "ce_source": "/symbl-worker/test",
        "ce_type": "dev.symbl-worker.message.redacted.v1",
        "ce_subject": "call-1/agent",
        "ce_time": "2026-03-14T10:00:06.912Z",
        "ce_partitionkey": "call-1",
        "content-type": "application/json",
        "traceparent": trace.traceparent,
        "tracestate": "acme=1",
    }


@pytest.mark.parametrize(("stream", "subject"), [(None, "call-1"), ("agent", "call-1/agent")])
def test_the_subject_of_a_life_cycle_record_is_what_it_concerns(stream: str | None, subject: str) -> None:
    """One stream, or the conversation as a whole."""
    assert _headers(_build(replace(LIFE_CYCLE, stream=stream)))["ce_subject"] == subject


def test_ids_in_any_script_stay_readable() -> None:
    """Header values are UTF-8; nothing that CloudEvents allows is escaped."""
    headers = _headers(_build(replace(LIFE_CYCLE, conversation_id="Gespräch 通話 📞")))
    assert headers["ce_subject"] == headers["ce_partitionkey"] == "Gespräch 通話 📞"


@pytest.mark.parametrize(
    ("conversation_id", "expected"), [("a\nb", "a%0Ab"), ("\x7f\x80", "%7F%C2%80"), ("\ufffe", "%EF%BF%BE")]
)
def test_characters_that_cloudevents_forbids_are_escaped(conversation_id: str, expected: str) -> None:
    """A strange id is not worth an invalid event; key and value keep it as it is."""
    record = _build(replace(LIFE_CYCLE, conversation_id=conversation_id))
    assert _headers(record)["ce_partitionkey"] == expected
    assert record.key == conversation_id.encode()
    assert _value(record)["conversation_id"] == conversation_id


@given(maybe_trace=st.none() | traces)
def test_trace_context_is_carried_as_it_came(maybe_trace: Trace | None) -> None:
    """The trace of the audio continues in its results; where there was none, none is made up."""
    headers = _headers(_build(replace(LIFE_CYCLE, trace=maybe_trace)))
    assert headers.get("traceparent") == (maybe_trace.traceparent if maybe_trace is not None else None)
    assert headers.get("tracestate") == (maybe_trace.tracestate if maybe_trace is not None else None)


@given(st.datetimes(timezones=st.timezones()))
@example(datetime(2026, 3, 14, 15, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))))
def test_time_is_utc(time: datetime) -> None:
    """``ce_time`` is RFC 3339 in UTC, to the millisecond, whatever zone the clock was in."""
    assume(datetime.min.year + 1 < time.year < datetime.max.year)
    text = _headers(_build(LIFE_CYCLE, time))["ce_time"]
    assert text.endswith("Z")
    assert timedelta() <= time - datetime.fromisoformat(text) < timedelta(milliseconds=1)


def test_a_time_without_zone_is_a_mistake() -> None:
    """A naive time would be read in the machine's zone."""
    with pytest.raises(ValueError, match="time zone"):
        _build(LIFE_CYCLE, datetime(2026, 3, 14))


@pytest.mark.parametrize("source", ["", "two words", "ä", "/a\n"])
def test_the_source_is_a_uri_reference(source: str) -> None:
    """A source that CloudEvents forbids is found at start."""
    with pytest.raises(ValueError, match="source"):
        EventBuilder(TOPICS, source)


@given(captions, st.timedeltas(timedelta(milliseconds=1), timedelta(days=1)))
def test_captions_of_two_openings_are_two_events(caption: Caption, later: timedelta) -> None:
    """Revisions begin anew when a conversation is opened again; the event id does not repeat."""
    first, second = _headers(_build(caption)), _headers(_build(caption, NOW + later))
    assert same_uuid(first["ce_id"])
    assert first["ce_id"] != second["ce_id"]


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("masked", "redaction"),
    [
        (Masked("text", None), {"state": "off"}),
        (Masked("text", (), "2:ab12cd34"), {"state": "clean", "policy": "2:ab12cd34", "findings": []}),
        (
            Masked("[NAME]", (Finding("NAME", 0, 6, "both"),), "2:ab12cd34"),
            {
                "state": "masked",
                "policy": "2:ab12cd34",
                "findings": [{"type": "NAME", "start": 0, "end": 6, "source": "both"}],
            },
        ),
    ],
)
def test_redaction_says_what_was_done(masked: Masked, redaction: dict[str, Any]) -> None:
    """Off, clean and masked are three different things, for messages and insights alike."""
    for output in (_message(masked), _insight(masked=masked)):
        value = _value(_build(output))
        assert value["redaction"] == redaction
        assert value["text"] == masked.text


@given(transcripts)
def test_transcripts_say_that_they_are_in_the_clear(transcript: Transcript) -> None:
    """Nobody can take a transcript for a redacted message."""
    assert _value(_build(transcript))["redaction"] == {"state": "clear"}


@given(transcripts, speakers)
def test_no_mail_address_is_published(transcript: Transcript, speaker: Speaker) -> None:
    """The address of a speaker serves the recognition and stays on the way in."""
    speaker = replace(speaker, email="hidden@example.com")
    output = replace(transcript, origin=replace(transcript.origin, speaker=speaker))
    assert b"hidden@example.com" not in (_build(output).value or b"")
    assert b"hidden@example.com" not in (_build(_insight(assignee=speaker)).value or b"")


@pytest.mark.parametrize("kind", KINDS)
def test_an_insight_has_the_members_of_its_kind_only(kind: str) -> None:
    """What does not belong to the kind is absent, not null."""
    members = _value(_build(_insight(kind=kind, tracker_name="t", entity_type="e"))).keys()
    assert members & {"topic", "tracker", "entity"} == {"topic", "tracker", "entity"} & {kind}


# --- dead letters ----------------------------------------------------------------------------------------------------


@given(input_records)
def test_a_dead_letter_holds_its_original(record: InputRecord) -> None:
    """The original can be put back as it was, byte for byte."""
    original = _value(_build(DeadLetter(record=record, reason=Reason.MISSING_KEY, detail="key")))["original"]

    def decoded(text: str | None) -> bytes | None:
        return None if text is None else base64.b64decode(text, validate=True)

    assert decoded(original["key_base64"]) == record.key
    assert decoded(original["value_base64"]) == record.value
    assert original["value_bytes"] == len(record.value or b"")
    assert [(name, decoded(value)) for name, value in original["headers"]] == list(record.headers)


@pytest.mark.parametrize("excess", [0, 1])
def test_a_large_value_is_left_out(excess: int) -> None:
    """A dead letter of a large record still fits a Kafka record, and says how large the original was."""
    value = b"x" * (DEAD_LETTER_VALUE_LIMIT_BYTES + excess)
    record = _build(_dead_letter(value=value))
    assert record.value is not None
    validate_record("dead_letters", record.value)
    original = _value(record)["original"]
    assert (original["value_base64"] is None) == bool(excess)
    assert original["value_bytes"] == len(value)


@given(dead_letters)
def test_dead_letter_headers_hold_no_contents(letter: DeadLetter) -> None:
    """What a producer wrote anywhere but in its key stays out of the headers."""
    secret = "the caller's own words"
    record = replace(letter.record, value=secret.encode(), headers=(("stream", secret.encode()), ("x", b"x")))
    letter = replace(letter, record=record, stream=secret, event=secret, detail=secret, conversation_id=None)
    where = record.coordinates
    headers = _headers(_build(letter))
    assert secret not in "".join(headers.values())
    assert headers["ce_subject"] == f"{where.topic}/{where.partition}/{where.offset}"
    assert "ce_partitionkey" not in headers


@pytest.mark.parametrize(
    ("traceparent", "carried"),
    [(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True), (b"the caller's own words", False)],
)
def test_a_dead_letter_continues_a_well_formed_trace_only(traceparent: bytes, carried: bool) -> None:
    """The one header that is copied from the original cannot carry contents."""
    headers = (("traceparent", traceparent), ("tracestate", b"the caller's own words"))
    record = _build(_dead_letter(headers=headers))
    assert dict(record.headers).get("traceparent") == (traceparent if carried else None)
    assert "tracestate" not in dict(record.headers)


def test_the_id_of_a_dead_letter_is_its_place() -> None:
    """Processed again, a record makes the same dead letter; another record makes another."""
    first = _build(_dead_letter())
    again = _build(replace(_dead_letter(), reason=Reason.STREAM_FAILED), NOW + timedelta(hours=1))
    assert _headers(first)["ce_id"] == _headers(again)["ce_id"] == _value(first)["id"] == dead_letter_id(WHERE)
    assert (
        len({dead_letter_id(place) for place in (WHERE, replace(WHERE, offset=18), replace(WHERE, partition=4))}) == 3
    )


# --- ids -------------------------------------------------------------------------------------------------------------


def test_result_ids_never_change() -> None:
    """Ids outlive releases: a new version that publishes a result again must find the same id."""
    parts: dict[str, Any] = {"topic": "symbl.audio", "partition": 3, "opened_offset": 10400, "sequence": 0}
    assert (
        result_id(conversation_id="call-1", stream="agent", kind="message", **parts)
        == "a5c4c504-f17e-5aff-bad4-602d6620b254"
    )
    assert (
        result_id(conversation_id="通話", stream=None, kind="conversation", **parts)
        == "cb148dd2-1313-58b4-9418-dd156c36fe64"
    )
    assert (
        insight_id(
            topic="symbl.audio",
            partition=3,
            conversation_id="call-1",
            stream="agent",
            opened_offset=10400,
            message_sequence=4,
            kind="question",
            ordinal=0,
        )
        == "49d6e7e3-bb5e-54e7-b1e4-efff7e011de1"
    )
    assert dead_letter_id(WHERE) == "c204fc44-c5e3-5b04-851a-5859adf49e34"


@given(result_id_parts, result_id_parts, st.sets(st.sampled_from(["topic", "conversation_id", "stream", "sequence"])))
def test_different_results_have_different_ids(one: dict[str, Any], other: dict[str, Any], shared: set[str]) -> None:
    """No two results share an id, however many of their parts agree."""
    other = other | {part: one[part] for part in shared}
    assert same_uuid(result_id(**one))
    assert (result_id(**one) == result_id(**other)) == (one == other)


@given(st.data(), st.sampled_from(['"', ",", '","', "/", "\\", "null", "0"]))
def test_parts_of_an_id_do_not_run_into_each_other(data: st.DataObject, separator: str) -> None:
    """The same characters split differently are different parts."""
    pieces = data.draw(st.lists(st.sampled_from(["a", "b", separator]), min_size=2, max_size=8))
    first, second = (data.draw(st.integers(0, len(pieces))) for _ in range(2))
    assume(first != second)

    def at(cut: int) -> str:
        return result_id(
            topic="t",
            partition=0,
            conversation_id="".join(pieces[:cut]),
            stream="".join(pieces[cut:]),
            opened_offset=0,
            kind="k",
            sequence=0,
        )

    assert at(first) != at(second)


def test_no_stream_is_not_a_stream_called_null() -> None:
    """What concerns the conversation does not collide with any stream."""
    parts: dict[str, Any] = {"topic": "t", "partition": 0, "conversation_id": "c", "opened_offset": 0, "sequence": 0}
    assert len({result_id(stream=stream, kind="k", **parts) for stream in (None, "null", "None", "")}) == 4


def test_the_builder_shows_where_it_publishes_as() -> None:
    """Its ``repr`` is for operators."""
    assert repr(BUILDER) == "EventBuilder(source='/symbl-worker/test')"
