"""A subscription on a scripted host: what is followed, what is missing, and how it ends."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from tests.unit.sessions.follower import (
    EPOCH_MS,
    POLICY,
    SYMBL_ID,
    Desk,
    enveloped,
    kept,
    named,
    question,
    said,
    spoken,
    user,
)
from worker.errors import ConnectionLostError, RequestRefusedError
from worker.records import Insight, LifeCycle, Reason, RedactedMessage, Speaker, Transcript
from worker.sessions.session import Session
from worker.symbl.findings import Findings
from worker.symbl.messages import SymblUser

# --- the record and the socket ---


def test_the_record_is_finished_with_the_state_that_holds_it() -> None:
    """The position moves on at once: the subscription is the state's from then on."""
    desk = Desk()
    desk.subscribe()
    desk.publish()
    assert desk.committed == 1
    desk.take_over()
    assert desk.subscription.connection_id == "room"
    assert desk.subscription.wants_connection


def test_a_subscriber_says_nothing() -> None:
    """A socket is wanted at once; no frame leaves on it, and a pong changes nothing."""
    desk = Desk()
    desk.subscribe()
    assert desk.subscription.wants_connection
    desk.open(named())
    desk.subscription.connection_confirmed(0.0, 1.0)
    assert desk.subscription.take_frames(desk.now) == []
    desk.subscription.frames_sent(desk.now)
    states = (desk.subscription.is_listening, desk.subscription.wants_connection, desk.subscription.wants_close)
    assert states == (True, False, False)


def test_started_and_resumed() -> None:
    """The first socket on which the host names the conversation starts it, every other one resumes it."""
    desk = Desk()
    desk.follow()
    error = desk.subscription.connection_closed(1006, desk.now)
    assert isinstance(error, ConnectionLostError)
    desk.open(named())
    desk.publish()
    assert desk.life() == [("started", None), ("resumed", None)]
    desk.take_over()
    desk.open(named())
    desk.publish()
    assert desk.life()[2:] == [("resumed", None)]
    records = [each for each in desk.visible if isinstance(each, LifeCycle)]
    assert {each.symbl_conversation_id for each in records} == {SYMBL_ID}
    assert [each.stream for each in records] == [None, "0", "0"]


def test_a_host_that_does_not_announce_the_subscription() -> None:
    """Any message of the conversation says that it is live, and may name it."""
    desk = Desk()
    desk.subscribe()
    desk.open(named("conversation_created"))
    assert desk.subscription.symbl_conversation_id == SYMBL_ID
    assert desk.requests[-1].symbl_conversation_ids == (SYMBL_ID,)


def test_odd_messages_are_counted() -> None:
    """What is not understood says nothing about the conversation."""
    desk = Desk()
    desk.subscribe()
    desk.open("{", '{"type": "surprise"}', '{"type": "surprise"}')
    assert desk.subscription.odd_messages == (2, 1)
    assert not desk.subscription.is_listening
    desk.subscription.connection_closed(None, desk.now)
    assert desk.subscription.odd_messages == (0, 0)


# --- results ---


def test_messages_have_the_speakers_that_the_host_names() -> None:
    """All speakers share the stream; the source is the record that asked for it."""
    desk = Desk()
    desk.follow()
    nobody = said(3) | {"from": {}}
    desk.hear(spoken(said(1), said(2, speaker="ben")), spoken(nobody))
    desk.publish()
    origins = [each.origin for each in desk.visible if isinstance(each, Transcript)]
    assert [origin.speaker for origin in origins] == [
        Speaker(user_id="ada@example.com", name="Ada"),
        Speaker(user_id="ben@example.com", name="Ben"),
        None,
    ]
    assert {(origin.stream, origin.first_offset, origin.last_offset) for origin in origins} == {("0", 0, 0)}
    assert [(origin.start_ms, origin.end_ms) for origin in origins] == [(1000, 1800), (2000, 2800), (3000, 3800)]
    assert [origin.sequence for origin in origins] == [0, 1, 2]


def test_texts_are_masked_where_the_record_asks_for_it() -> None:
    """``redaction`` switches masking on where the deployment has it off."""
    desk = Desk(replace(POLICY, redaction=False))
    desk.subscribe(redaction={"enabled": True})
    desk.open(named())
    desk.answer(kept())
    desk.hear(spoken(said(1, "write to pat@example.com")))
    desk.publish()
    (masked,) = (each.masked for each in desk.visible if isinstance(each, RedactedMessage))
    assert "pat" not in masked.text
    assert masked.findings is not None
    assert len(masked.findings) == 1


def test_insights_belong_to_their_message() -> None:
    """An insight is about the message that it names, once; who is meant by it is named if they spoke."""
    desk = Desk()
    desk.follow()
    desk.hear(spoken(said(1)), question(1, 1), question(1, 1), question(2, 77))
    desk.publish()
    message = next(each for each in desk.visible if isinstance(each, RedactedMessage))
    insights = [each for each in desk.visible if isinstance(each, Insight)]
    assert [(each.symbl_insight_id, each.message_ids) for each in insights] == [
        ("i1", (message.origin.id,)),
        ("i2", ()),
    ]
    ada = SymblUser("id-ada", "ada@example.com", "A")
    assert desk.subscription.speaker_of(ada) == Speaker(user_id="ada@example.com", name="Ada")
    assert desk.subscription.speaker_of(SymblUser("id-cy", "cy@example.com")) is None


def test_topics_trackers_and_entities() -> None:
    """Whatever the speakers asked for is published, each once."""
    desk = Desk()
    desk.follow()
    here = [{"id": "m1", "text": "point 1", "offset": 0}]
    frames = [
        {"type": "topic_response", "topics": [{"id": "t", "phrases": "text", "messageReferences": [{"id": "m1"}]}]},
        {"type": "tracker_response", "trackers": [{"name": "T", "matches": [{"value": "text", "messageRefs": here}]}]},
        {
            "type": "entity_response",
            "entities": [
                {"type": "GENERAL", "category": "Managed", "matches": [{"detectedValue": "text", "messageRefs": here}]}
            ],
        },
    ]
    texts = [orjson.dumps(frame).decode() for frame in frames]
    desk.hear(spoken(said(1)), spoken(said(1)), *texts, *texts)
    desk.publish()
    assert len(desk.texts()) == 1
    assert [each.kind for each in desk.visible if isinstance(each, Insight)] == ["topic", "tracker", "entity"]


def test_interim_results_become_captions() -> None:
    """At once, with their speaker; the final one makes what is pending void."""
    desk = Desk(replace(POLICY, session=replace(POLICY.session, caption_interval_seconds=5.0)))
    desk.follow()

    def result(text: str, *, is_final: bool = False) -> str:
        raw = {"alternatives": [{"transcript": text}]}
        return enveloped("recognition_result", isFinal=is_final, payload={"raw": raw}, user=user("ada"))

    desk.hear(result("hello to you"), result("hello to you all"))
    assert [(each.text, each.speaker) for each in desk.captions] == [
        ("hello", Speaker(user_id="ada@example.com", name="Ada"))
    ]
    assert desk.subscription.next_deadline(desk.now) == desk.now + 5.0
    desk.hear(result("hello to you all", is_final=True))
    desk.now += 5.0
    desk.subscription.tick(desk.now)
    assert len(desk.captions) == 1


# --- what no socket brought ---


def test_what_was_said_before_the_first_socket() -> None:
    """All since the record's timestamp is read, and comes before what the socket has brought meanwhile."""
    desk = Desk()
    desk.subscribe()
    desk.open(named(), spoken(said(3)), question(1, 3))
    desk.publish()
    assert desk.texts() == []
    desk.answer(kept(said(-1), said(1), said(2), said(3)))
    desk.publish()
    assert desk.texts() == ["point 1", "point 2", "point 3"]
    (insight,) = (each for each in desk.visible if isinstance(each, Insight))
    assert len(insight.message_ids) == 1


def test_what_was_said_while_there_was_no_socket() -> None:
    """It is published in its place, once, and counted at the end."""
    desk = Desk()
    desk.follow()
    desk.hear(spoken(said(1)))
    desk.subscription.connection_closed(None, desk.now)
    desk.open(named(), spoken(said(4)))
    desk.answer(kept(*(said(number) for number in range(1, 5))))
    desk.hear(named("conversation_completed"))
    desk.answer(kept(*(said(number) for number in range(1, 5))))
    desk.publish()
    assert desk.texts() == ["point 1", "point 2", "point 3", "point 4"]
    # What was found in them is asked for as well.
    assert "question" in desk.requests[-1].kinds
    desk.answer(Findings())
    desk.publish()
    assert desk.ended.reason == "completed"
    assert desk.ended.detail["missed"] == {"recovered": 2, "failed": None}
    assert desk.ended.detail["owed"] == {"messages": 3, "recovered": 0, "dropped": 0, "failed": None}


def test_an_answer_from_before_the_loss_is_not_complete() -> None:
    """What was asked before a socket was lost says nothing about what was said since; what it held keeps its place."""
    desk = Desk()
    desk.subscribe()
    desk.open(named(), spoken(said(1)))
    late = desk.requests[-1]
    desk.subscription.connection_closed(None, desk.now)
    late.answer(kept())
    desk.publish()
    assert desk.texts() == []
    desk.open(named(), spoken(said(3)))
    desk.answer(kept(said(1), said(2)))
    desk.publish()
    assert desk.texts() == ["point 1", "point 2", "point 3"]
    assert len(desk.requests) == 2


def test_a_host_that_cannot_be_read_holds_nothing_up() -> None:
    """Newer messages come; what is missing is asked for once more at the end, and the end says why it is not all."""
    desk = Desk()
    desk.subscribe()
    desk.open(named(), spoken(said(2)))
    desk.answer(Findings(failed="timeout"))
    desk.publish()
    assert desk.texts() == ["point 2"]
    desk.hear(spoken(said(3)), named("conversation_completed"))
    assert len(desk.requests) == 2
    desk.answer(Findings(failed="unavailable"))
    desk.publish()
    assert desk.texts() == ["point 2", "point 3"]
    assert desk.ended.detail["missed"] == {"recovered": 0, "failed": "unavailable"}


def test_nothing_is_asked_at_the_end_when_nothing_was_lost() -> None:
    """One socket from the beginning to the end heard everything."""
    desk = Desk()
    desk.follow()
    desk.hear(named("conversation_completed"))
    desk.publish()
    assert len(desk.requests) == 1
    assert desk.ended.reason == "completed"


# --- the end ---


def test_the_host_completes_the_conversation() -> None:
    """The socket is closed in an orderly way, and nothing is heard any more."""
    desk = Desk()
    desk.follow()
    desk.hear(named("conversation_completed"))
    subscription = desk.subscription
    assert subscription.is_over
    assert subscription.wants_close
    desk.hear(spoken(said(1)))
    assert subscription.connection_closed(1000, desk.now) is None
    assert not subscription.wants_connection
    desk.publish()
    assert desk.texts() == []
    assert not list(desk.lane.conversations)


def test_the_connection_id_names_another_conversation() -> None:
    """Then the one that was followed is over, and the other one is not ours."""
    desk = Desk()
    desk.follow()
    desk.subscription.connection_closed(None, desk.now)
    desk.open(named(symbl_id="7777777777777777"), spoken(said(9)))
    assert desk.requests[-1].symbl_conversation_ids == (SYMBL_ID,)
    desk.answer(kept(said(1)))
    desk.publish()
    assert desk.texts() == ["point 1"]
    desk.answer(Findings())
    desk.publish()
    assert desk.ended.reason == "completed"


def test_a_clean_close_is_no_end() -> None:
    """Only the host's word ends a conversation: a socket that closes is dialled again."""
    desk = Desk()
    desk.follow()
    assert isinstance(desk.subscription.connection_closed(1000, desk.now), ConnectionLostError)
    assert desk.subscription.wants_connection


def test_silence_after_the_conversation_was_live() -> None:
    """It ended while nobody listened: after some silent sockets what is missing is read, and it ends."""
    desk = Desk()
    desk.follow()
    desk.subscription.connection_closed(None, desk.now)
    for _ in range(POLICY.session.max_refusals - 1):
        desk.fall_silent()
        assert desk.subscription.wants_connection
    desk.fall_silent()
    desk.answer(kept(said(1)))
    desk.publish()
    desk.answer(Findings())
    desk.publish()
    assert desk.texts() == ["point 1"]
    assert desk.ended.reason == "completed"


def test_a_connection_that_nobody_knows_ends_as_idle() -> None:
    """A silent socket says that there may be no such conversation; a host that cannot be reached says nothing."""
    desk = Desk()
    desk.subscribe()
    desk.now += POLICY.idle_seconds + 1
    desk.publish()
    assert desk.life() == []
    desk.fall_silent()
    desk.publish()
    assert desk.life() == [("ended", "idle")]
    assert desk.committed == 1


def test_a_live_subscription_is_not_idle() -> None:
    """Nothing needs to come from Kafka; old age ends it."""
    desk = Desk()
    desk.follow()
    desk.now += POLICY.max_age_seconds - 1
    desk.publish()
    assert desk.life() == [("started", None)]
    desk.now += 1
    desk.publish()
    assert desk.life()[-1] == ("ended", "max_age")


def test_old_age_survives_a_new_owner() -> None:
    """No record tells how old a subscription is, so the clock does."""
    desk = Desk()
    desk.follow()
    desk.publish()
    desk.take_over(wall_ms=EPOCH_MS + int((POLICY.max_age_seconds - 5) * 1000))
    desk.publish()
    assert desk.life() == [("started", None)]
    desk.now += 5
    desk.publish()
    desk.answer(kept())
    desk.publish()
    assert desk.life()[-1] == ("ended", "max_age")


@pytest.mark.parametrize("headers", [{}, {"stream": "0"}])
def test_an_end_record(headers: dict[str, str]) -> None:
    """It is finished when nothing is missing any more."""
    desk = Desk()
    desk.follow()
    desk.subscription.connection_closed(None, desk.now)
    desk.send(b"", event="end", **headers)
    desk.publish()
    assert desk.committed == 1
    desk.answer(kept(said(1)))
    desk.publish()
    assert desk.texts() == ["point 1"]
    desk.answer(Findings())
    desk.publish()
    assert desk.committed == 2
    assert desk.ended.reason == "end"


def test_what_comes_while_the_end_is_awaited_is_of_the_next_opening() -> None:
    """A new subscription waits until the old one has said all."""
    desk = Desk()
    desk.follow()
    desk.subscription.connection_closed(None, desk.now)
    desk.send(b"", event="end")
    desk.subscribe("another-room")
    assert len(desk.served) == 1
    desk.answer(kept())
    desk.publish()
    assert desk.subscription.connection_id == "another-room"
    assert desk.life() == [("started", None), ("ended", "end")]


def test_a_host_that_refuses() -> None:
    """After several refusals, by status or by an error before the first message, the conversation has failed."""
    desk = Desk()
    desk.subscribe()
    error = '{"type": "error", "message": "no"}'
    desk.open(error)
    assert desk.subscription.wants_close
    assert isinstance(desk.subscription.connection_closed(1000, desk.now), RequestRefusedError)
    desk.subscription.connection_refused(RequestRefusedError("400"))
    desk.open(error)
    desk.subscription.connection_closed(None, desk.now)
    desk.publish()
    assert desk.life() == [("failed", "RequestRefusedError"), ("ended", "failed")]
    assert desk.committed == 1


def test_an_error_later_is_news() -> None:
    """The socket decides."""
    desk = Desk()
    desk.follow()
    desk.hear('{"type": "error", "message": "hm"}', spoken(said(1)))
    desk.publish()
    assert desk.texts() == ["point 1"]


def test_a_bug_of_ours_fails_it() -> None:
    """Given up once; what is said of it afterwards changes nothing."""
    desk = Desk()
    desk.follow()
    desk.subscription.give_up("internal_error")
    desk.subscription.give_up("again")
    desk.subscription.receive_end(None, desk.now)
    desk.publish()
    assert desk.life()[1:] == [("failed", "internal_error"), ("ended", "failed")]


# --- crashes ---


def test_a_crash_while_the_end_is_awaited() -> None:
    """The next owner asks again, and still says that the host completed it."""
    desk = Desk()
    desk.follow()
    desk.subscription.connection_closed(None, desk.now)
    desk.open(named(), named("conversation_completed"))
    desk.publish()
    desk.take_over()
    assert not desk.subscription.wants_connection
    desk.answer(kept(said(1)))
    desk.publish()
    desk.answer(Findings())
    desk.publish()
    assert desk.texts() == ["point 1"]
    assert desk.ended.reason == "completed"


def test_an_end_record_that_is_read_again() -> None:
    """After a crash before its commit it ends the subscription of the next owner."""
    desk = Desk()
    desk.follow()
    desk.publish()
    desk.send(b"", event="end")
    desk.take_over()
    desk.answer(kept())
    desk.publish()
    assert desk.committed == 2
    assert desk.ended.reason == "end"


def test_a_record_that_is_read_again_changes_nothing() -> None:
    """Its state was safe and its position was not: the subscription goes on, and is not opened a second time."""
    desk = Desk()
    desk.follow()
    desk.hear(spoken(said(1)))
    desk.publish()
    desk.committed = 0
    desk.take_over()
    assert len(desk.served) == 1
    desk.open(named())
    desk.answer(kept(said(1), said(2)))
    desk.publish()
    assert desk.texts() == ["point 1", "point 2"]
    assert desk.committed == 1
    assert not desk.letters()


# --- beside audio ---


def test_beside_a_stream_of_audio() -> None:
    """Each has its own socket and its own conversation at the host; the end waits for both."""
    desk = Desk()
    desk.send(bytes(3200), stream="mic")
    desk.subscribe(stream="room")
    session, subscription = desk.served
    assert isinstance(session, Session)
    assert (session.connection_id, subscription.connection_id) == ("meeting", "room")
    session.connection_opened(desk.now)
    session.receive_frame(named("recognition_started", "1111111111111111"), desk.now)
    desk.open(named())
    desk.answer(kept())
    desk.hear(spoken(said(1)))
    desk.publish()
    (transcript,) = (each for each in desk.visible if isinstance(each, Transcript))
    assert transcript.origin.symbl_conversation_id == SYMBL_ID
    assert transcript.origin.stream == "room"
    desk.send(b"", event="end", stream="room")
    desk.publish()
    assert subscription.is_over
    assert not session.end_seen
    desk.now += POLICY.idle_seconds
    desk.publish()
    assert session.end_seen


def test_a_stream_that_goes_on_after_its_end() -> None:
    """Following again in the same opening keeps the clock and the numbers."""
    desk = Desk()
    desk.send(bytes(3200), stream="mic")
    desk.subscribe()
    desk.open(named())
    desk.answer(kept())
    desk.hear(spoken(said(5)), named("conversation_completed"))
    desk.subscribe("another-room")
    desk.open(named(symbl_id="2222222222222222"))
    desk.answer(kept())
    desk.hear(spoken(said(9)))
    desk.publish()
    origins = [each.origin for each in desk.visible if isinstance(each, Transcript)]
    assert [(origin.sequence, origin.start_ms) for origin in origins] == [(0, 5000), (1, 9000)]
    assert [origin.symbl_conversation_id for origin in origins] == [SYMBL_ID, "2222222222222222"]
    assert not desk.letters()


def test_the_same_subscription_again_changes_nothing() -> None:
    """A producer that repeats itself does not open it twice."""
    desk = Desk()
    desk.follow()
    desk.subscribe()
    desk.publish()
    assert len(desk.served) == 1
    assert desk.committed == 2
    assert not desk.letters()


STEREO = b'{"channels": [{"stream": "a"}, {"stream": "b"}]}'
SUBSCRIBE = (b'{"connection_id": "room"}', {"event": "subscribe"})
OWN = (b'{"connection_id": "meeting"}', {"event": "subscribe"})
AUDIO = (bytes(320), {"stream": "0"})


@pytest.mark.parametrize(
    ("first", "second", "event", "detail"),
    [
        (SUBSCRIBE, (b'{"connection_id": "room"}', {"event": "subscribe", "stream": "1"}), "subscribe", "one at most"),
        (SUBSCRIBE, (b'{"connection_id": "hall"}', {"event": "subscribe"}), "subscribe", "one at most"),
        (SUBSCRIBE, AUDIO, None, "follows a connection"),
        (SUBSCRIBE, (b"{}", {"event": "start"}), "start", "follows a connection"),
        (SUBSCRIBE, (b'{"sample_rate_hz": 8000}', {"event": "modify"}), "modify", "follows a connection"),
        (SUBSCRIBE, (b'{"speaker": {}}', {"event": "speaker"}), "speaker", "follows a connection"),
        (
            (b'{"connection_id": "room"}', {"event": "subscribe", "stream": "b"}),
            (STEREO, {"event": "start"}),
            "start",
            "follows a connection",
        ),
        (AUDIO, SUBSCRIBE, "subscribe", "has audio"),
        ((STEREO, {"event": "start"}), SUBSCRIBE, "subscribe", "has audio"),
        ((STEREO, {"event": "start"}), (SUBSCRIBE[0], {"event": "subscribe", "stream": "b"}), "subscribe", "has audio"),
        ((bytes(320), {"stream": "mic"}), OWN, "subscribe", "the conversation's own"),
        (OWN, (bytes(320), {"stream": "mic"}), None, "heard twice"),
    ],
)
def test_what_contradicts_a_subscription_is_a_dead_letter(
    first: tuple[bytes, dict[str, str]], second: tuple[bytes, dict[str, str]], event: str | None, detail: str
) -> None:
    """The first of two records that cannot both be right counts; the second says why it does not."""
    desk = Desk()
    desk.send(first[0], **first[1])
    served = len(desk.served)
    desk.send(second[0], **second[1])
    desk.publish()
    (letter,) = desk.letters()
    assert (letter.reason, letter.event) == (Reason.SUBSCRIPTION_CONFLICT, event)
    assert detail in letter.detail
    assert len(desk.served) == served


def test_reprs_show_no_content() -> None:
    """Whoever logs a subscription logs ids and numbers."""
    desk = Desk()
    desk.subscribe()
    desk.open(named(), spoken(said(1, "secret words")))
    shown = repr(desk.subscription) + repr(desk.requests) + repr(desk.subscription.state)
    assert "secret" not in shown
