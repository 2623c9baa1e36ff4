"""The rules of a conversation, without sockets or clocks."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.conversation import (
    Action,
    ChangeFormat,
    Conversation,
    Flush,
    LineState,
    Listen,
    Send,
)
from worker.engine.masking import Finding
from worker.engine.messages import AudioSpan
from worker.engine.recognizers.events import AudioFormat, Final, HeardWord, Partial
from worker.engine.requests import StartRequest, TrackerRequest, parse_text

NOW = 1_800_000_000.0


def find_digits(text: str) -> Sequence[Finding]:
    """Everything written in digits is personal data here."""
    return [Finding("NUMBER", match.start(), match.end(), match.group()) for match in re.finditer(r"\d+", text)]


def make(**options: Any) -> Conversation:
    counter = itertools.count(1)
    return Conversation(
        "1234567890123456",
        new_id=lambda: f"00000000-0000-4000-8000-{next(counter):012d}",
        find_pii=find_digits,
        **{"verbatim": True} | options,
    )


def request(user_id: str | None = "ines", **members: Any) -> StartRequest:
    speaker = None if user_id is None else {"userId": user_id, "name": user_id.title(), "role": "agent"}
    parsed = parse_text(orjson.dumps({"type": "start_request", "speaker": speaker, **members}).decode())
    assert isinstance(parsed, StartRequest)
    return parsed


def said(text: str, start: float = 1.0) -> Final:
    return Final(
        tuple(
            HeardWord(word, start + index * 0.25, start + index * 0.25 + 0.2, 0.9)
            for index, word in enumerate(text.split())
        )
    )


def frames(actions: Sequence[Action], kind: str | None = None) -> list[dict[str, Any]]:
    sent = [action.frame for action in actions if isinstance(action, Send)]
    return [frame for frame in sent if kind in (None, frame["type"], frame.get("message", {}).get("type"))]


def test_integers_stay_integers() -> None:
    """Typed clients fail on a fraction where an integer belongs, and on a number where a text belongs."""
    conversation = make()
    conversation.receive_start(1, request(), NOW)
    actions = conversation.receive_events(1, [Partial("so"), said("so it goes", 3.0)], NOW + 5.6789)
    interim, final = frames(actions, "recognition_result")
    assert interim["timeOffset"] == 5678
    assert interim["message"]["payload"]["raw"]["alternatives"][0] == {"words": [], "transcript": "so", "confidence": 0}
    word = final["message"]["payload"]["raw"]["alternatives"][0]["words"][1]
    assert word["startTime"] == {"seconds": "3", "nanos": "250000000"}
    [message] = frames(actions, "message_response")[0]["messages"]
    assert orjson.dumps(message["duration"]).decode() == (
        '{"startTime":"2027-01-15T08:00:03.000Z","endTime":"2027-01-15T08:00:03.700Z","timeOffset":3,"duration":0.7}'
    )
    assert [word["word"] for word in orjson.loads(message["metadata"]["words"])] == ["so", "it", "goes"]


@given(st.floats(0, 1e5), st.floats(0, 1e3), st.integers(0, 2 * 10**12))
def test_spans_cover_what_was_said(start: float, length: float, base_ms: int) -> None:
    """A span in whole milliseconds never begins after, nor ends before, the audio it stands for."""
    span = AudioSpan.of(start, start + length, base_ms)
    assert span.start_ms / 1000 <= start + 1e-6
    assert span.end_ms / 1000 >= start + length - 1e-6
    assert span.end_ms - span.start_ms <= length * 1000 + 2.01


def test_the_wall_clock_base_is_fixed() -> None:
    """startTime minus timeOffset is the same for all messages of one recognition, and moves with the next."""
    conversation = make()
    conversation.receive_start(1, request(disconnectOnStopRequest=False), NOW + 0.25)
    first = frames(conversation.receive_events(1, [said("one", 2.0), said("two", 9.5)], NOW + 11), "message_response")
    conversation.receive_stop(1, NOW + 20)
    conversation.receive_flushed(1, NOW + 20)
    conversation.receive_start(1, request(), NOW + 30)
    second = frames(conversation.receive_events(1, [said("three", 0.5)], NOW + 31), "message_response")
    times = [frame["messages"][0]["duration"]["startTime"] for frame in first + second]
    assert times == ["2027-01-15T08:00:02.250Z", "2027-01-15T08:00:09.750Z", "2027-01-15T08:00:30.500Z"]


def test_redaction_covers_every_text() -> None:
    """With redactContent no frame of the conversation carries what was masked, whoever asked for it."""
    conversation = make()
    conversation.receive_start(1, request("omar", insightTypes=["question", "topic"]), NOW)
    conversation.receive_start(
        2,
        request(
            config={"redaction": {"redactContent": True, "redactionString": "##"}, "detectEntities": True},
            trackers=[{"name": "Number", "vocabulary": ["4711"]}],
        ),
        NOW,
    )
    actions = conversation.receive_events(1, [Partial("is it four 47"), said("is it 4711 or 4712?")], NOW)
    assert not re.search(
        "47|four", orjson.dumps(frames(actions), option=orjson.OPT_INDENT_2).decode().replace('"47', "")
    )
    [message] = frames(actions, "message_response")[0]["messages"]
    assert message["payload"]["content"] == message["metadata"]["originalContent"] == "is it ## or ##?"
    assert "entities" not in message or all("value" not in entity for entity in message["entities"])
    assert [word["word"] for word in orjson.loads(message["metadata"]["words"])] == ["is", "it", "##", "or", "##?"]
    detected = frames(actions, "entity_response")[0]["entities"][0]
    assert detected["matches"][1]["messageRefs"][0]["offset"] == 12
    assert {match["detectedValue"] for match in detected["matches"]} == {"##"}


def test_identified_content_is_listed() -> None:
    """With identifyContent messages list what was found, with its clear value and place."""
    conversation = make()
    conversation.receive_start(1, request(config={"redaction": {"identifyContent": True}}), NOW)
    actions = conversation.receive_events(1, [said("call 4711"), said("nothing here")], NOW)
    first, second = (frame["messages"][0] for frame in frames(actions, "message_response"))
    assert first["payload"]["content"] == "call 4711"
    assert first["entities"] == [{"type": "NUMBER", "value": "4711", "text": "4711", "offset": 5}]
    assert second["entities"] == []


def test_speakers_are_told_apart() -> None:
    """The server's id is stable per user over reconnects; speakers without identity are never taken for each other."""
    conversation = make()

    def speaker_id(line: int) -> str:
        [frame] = frames(conversation.receive_events(line, [said("x")], NOW), "message_response")
        return str(frame["messages"][0]["from"]["id"])

    conversation.receive_start(1, request("ines", noConnectionTimeout=60), NOW)
    conversation.receive_start(2, request(None), NOW)
    conversation.receive_start(3, request(None), NOW)
    ids = [speaker_id(line) for line in (1, 2, 3)]
    conversation.receive_loss(1, NOW)
    conversation.receive_start(4, request("ines"), NOW)
    assert len(set(ids)) == 3
    assert speaker_id(4) == ids[0]


def test_results_of_a_lost_line_are_nobodys() -> None:
    """Whoever lost the socket sends the audio again, so late results of the old one are dropped."""
    conversation = make()
    conversation.receive_start(1, request(noConnectionTimeout=60), NOW)
    conversation.receive_loss(1, NOW)
    assert conversation.receive_events(1, [said("late")], NOW) == []


def test_a_start_while_stopping_resumes() -> None:
    """A client need not wait for recognition_stopped before it starts again on the same socket."""
    conversation = make()
    conversation.receive_start(1, request(disconnectOnStopRequest=False), NOW)
    assert conversation.receive_stop(1, NOW) == [Flush(1)]
    assert conversation.receive_start(1, request(), NOW) == []
    actions = conversation.receive_flushed(1, NOW)
    assert frames(actions, "recognition_stopped")
    assert any(isinstance(action, Listen) for action in actions)
    assert conversation.line_state(1) is LineState.LISTENING


def test_options_can_be_switched_in_flight() -> None:
    """A modify_request may switch entity detection and sentiment, and an unchanged format changes nothing."""
    conversation = make()
    conversation.receive_options(detect_entities=True, sentiment=True)
    assert conversation.receive_format(1, AudioFormat(), NOW) == []
    conversation.receive_start(1, request(), NOW)
    conversation.receive_options(detect_entities=None, sentiment=True)
    actions = conversation.receive_format(1, AudioFormat(), NOW)
    assert not any(isinstance(action, ChangeFormat) for action in actions)
    [frame] = frames(conversation.receive_events(1, [said("great")], NOW), "message_response")
    assert "sentiment" in frame["messages"][0]


@pytest.mark.parametrize("count", [1, 20])
def test_topics_come_before_the_completion(count: int) -> None:
    """Detected topics are sent now and then and once more at the end, always before the terminal messages."""
    conversation = make()
    actions = conversation.receive_start(1, request(insightTypes=["topic"]), NOW)
    for _ in range(count):
        actions += conversation.receive_events(1, [said("the invoice total and the invoice number")], NOW)
    conversation.receive_stop(1, NOW)
    actions += conversation.receive_flushed(1, NOW)
    kinds = [frame["type"] if frame["type"] != "message" else frame["message"]["type"] for frame in frames(actions)]
    assert kinds[-2:] == ["recognition_stopped", "conversation_completed"]
    assert kinds.index("conversation_completed") == len(kinds) - 3
    if "topic_response" in kinds:
        assert kinds.index("topic_response") < kinds.index("conversation_completed")


def test_what_was_counted_stays_when_more_is_asked_for() -> None:
    """A speaker who asks for more does not make the conversation forget what it is about."""
    conversation = make()
    conversation.receive_start(1, request(insightTypes=["topic"]), NOW)
    first = frames(conversation.receive_events(1, [said("the invoice is late")], NOW), "message_response")
    conversation.receive_start(2, request("omar", trackers=[{"name": "T", "vocabulary": ["late"]}]), NOW)
    second = frames(conversation.receive_events(2, [said("which invoice")], NOW), "message_response")
    conversation.receive_stop(2, NOW)
    [response] = frames(conversation.receive_flushed(2, NOW), "topic_response")
    [topic] = response["topics"]
    ids = [message["id"] for frame in first + second for message in frame["messages"]]
    assert [reference["id"] for reference in topic["messageReferences"]] == ids
    assert topic["rootWords"] == [{"text": topic["phrases"]}] == [{"text": "invoice"}]
    assert 0 < topic["score"] < 1


def test_speakers_have_their_own_time_threshold_and_language() -> None:
    """What a speaker says of time zone, threshold and language holds for what that speaker says."""
    conversation = make()
    asked = {"insightTypes": ["action_item"]}
    conversation.receive_start(1, request("ines", config={"timezoneOffset": -480}, **asked), NOW)
    conversation.receive_start(2, request("omar", config={"timezoneOffset": 330}, **asked), NOW)
    conversation.receive_start(3, request("nora", config={"confidenceThreshold": 1}, **asked), NOW)
    conversation.receive_start(4, request("jan", config={"languageCode": "de"}, **asked), NOW)
    promise = said("I will send the report by Friday.")
    due = []
    for line in (1, 2, 3, 4):
        actions = conversation.receive_events(line, [promise], NOW)
        [response] = frames(actions, "message_response")
        due.append(
            (
                response["messages"][0]["metadata"]["timezoneOffset"],
                [frame["insights"][0]["dueBy"]["value"][10:] for frame in frames(actions, "insight_response")],
            )
        )
    assert due == [(-480, ["T08:00:00.000Z"]), (330, ["T18:30:00.000Z"]), (0, []), (0, [])]


def test_trackers_have_ids() -> None:
    """A saved tracker is named by its id; one of a single request by one that its name gives it."""
    conversation = make()
    asked = request(trackers=[{"name": "Own", "vocabulary": ["here"]}], config={"trackers": {"interimResults": True}})
    saved = TrackerRequest(name="Saved", vocabulary=("here",), id="4711")
    conversation.receive_start(1, replace(asked, trackers=(*asked.trackers, saved)), NOW)
    actions = conversation.receive_events(1, [Partial("right here"), said("right here")], NOW)
    interim, final = frames(actions, "tracker_response")
    assert (interim["isFinal"], final["isFinal"]) == (False, True)
    for frame in (interim, final):
        own, known = frame["trackers"]
        assert re.fullmatch(r"\d{16}", own["id"])
        assert known["id"] == "4711"
        assert own["matches"][0]["messageRefs"][0]["offset"] == 6
    assert interim["trackers"][0]["id"] == final["trackers"][0]["id"]


def test_an_insight_comes_alone() -> None:
    """Every insight is a response of its own, with the sequence number of the message that it is about."""
    conversation = make(verbatim=False, punctuated=True)
    conversation.receive_start(1, request(insightTypes=["question", "action_item"]), NOW)
    actions = conversation.receive_events(
        1, [said("So."), said("Can you send the report? I will pay the invoice.")], NOW
    )
    response = frames(actions, "message_response")[-1]
    found = frames(actions, "insight_response")
    assert [frame["insights"][0]["type"] for frame in found] == ["question", "action_item", "action_item"]
    assert {(len(frame["insights"]), frame["sequenceNumber"]) for frame in found} == {(1, response["sequenceNumber"])}
    assert all(frame["insights"][0]["entities"] is None for frame in found)


def test_entities_have_two_forms() -> None:
    """Redaction lists what is personal with its value, detection everything with a type; both may be asked for."""
    conversation = make()
    both = {"redaction": {"identifyContent": True}, "detectEntities": True}
    conversation.receive_start(1, request(config=both), NOW)
    actions = conversation.receive_events(1, [said("pay 4711 to Omar"), said("good")], NOW)
    one, two = (frame["messages"][0]["entities"] for frame in frames(actions, "message_response"))
    assert {"type": "NUMBER", "value": "4711", "text": "4711", "offset": 4} in one
    assert {
        "type": "PII",
        "subType": "PERSON_NAME",
        "category": "Managed",
        "detectedValue": "Omar",
        "offset": 12,
    } in one
    assert two == []


def test_the_idle_and_the_lost_are_told_apart() -> None:
    """An idle line whose time is up ends the conversation with its completion; one that is lost is waited for."""
    for lost in (False, True):
        conversation = make()
        asked = request(disconnectOnStopRequest=False, disconnectOnStopRequestTimeout=10, noConnectionTimeout=60)
        conversation.receive_start(1, asked, NOW)
        conversation.receive_stop(1, NOW)
        conversation.receive_flushed(1, NOW)
        if lost:
            assert conversation.receive_loss(1, NOW) == []
        assert conversation.next_deadline() == NOW + (60 if lost else 10)
        ended = frames(conversation.receive_time(NOW + 10))
        assert bool(ended) is not lost
        assert conversation.completed is not lost
