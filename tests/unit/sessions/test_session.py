"""When a session settles audio, with a host whose every frame is written by hand."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.unit.sessions.world import keep_in
from worker.records import (
    Caption,
    Coordinates,
    Encoding,
    InputRecord,
    LifeCycle,
    Output,
    RedactedMessage,
    StartParameters,
)
from worker.sessions.lane import Lane
from worker.sessions.policy import ConversationPolicy
from worker.sessions.session import Session, SessionPolicy
from worker.sessions.state import ConversationState, StreamState

STARTED = {"type": "message", "message": {"type": "recognition_started", "data": {"conversationId": "1"}}}
COMPLETED = {"type": "message", "message": {"type": "conversation_completed"}}


class Desk:
    """One partition with streams of one conversation, whose hosts say what the test says."""

    def __init__(self, streams: int = 1, **policy: Any) -> None:
        self.sessions: list[Session] = []
        self.captions: list[Caption] = []
        self.lane = Lane(
            topic="audio",
            partition=0,
            position=0,
            policy=ConversationPolicy(session=SessionPolicy(**{"pace": 0.0, **policy})),
            on_session=keep_in(self.sessions),
        )
        self.lane.book.on_caption = self.captions.append
        self.offset = -1
        for stream in range(streams):
            self.audio(str(stream))
            self.open(stream)

    def audio(self, stream: str = "0", size: int = 32_000, now: float = 0.0) -> None:
        """A second of it."""
        self.offset += 1
        coordinates = Coordinates("audio", 0, self.offset, 0)
        headers = (("stream", stream.encode()),)
        self.lane.receive(InputRecord(coordinates=coordinates, key=b"a", value=bytes(size), headers=headers), now)

    def open(self, stream: int = 0, now: float = 0.0) -> None:
        session = self.sessions[stream]
        session.connection_opened(now)
        self.send(stream, now)
        self.hear(STARTED, stream, now=now)

    def hear(self, frame: dict[str, Any], stream: int = 0, now: float = 0.0) -> None:
        self.sessions[stream].receive_frame(orjson.dumps(frame), now)
        self.send(stream, now)
        self.sessions[stream].tick(now)

    def send(self, stream: int = 0, now: float = 0.0) -> None:
        self.sessions[stream].take_frames(now)
        self.sessions[stream].frames_sent(now)

    def pong(self, pinged_at: float, now: float | None = None) -> None:
        self.sessions[0].connection_confirmed(pinged_at, pinged_at if now is None else now)

    @property
    def outputs(self) -> list[Output]:
        return self.lane.book.outputs

    @property
    def gaps(self) -> list[str | None]:
        return [each.reason for each in self.outputs if isinstance(each, LifeCycle) and each.event == "gap"]

    @property
    def messages(self) -> list[RedactedMessage]:
        return [each for each in self.outputs if isinstance(each, RedactedMessage)]

    @property
    def settled_ms(self) -> list[int]:
        return [session.buffer.settled_us // 1000 for session in self.sessions]


def result(text: str, *, final: bool = False, user: dict[str, str] | None = None) -> dict[str, Any]:
    user = {"userId": "stream-0"} if user is None else user
    return {
        "type": "message",
        "message": {"type": "recognition_result", "isFinal": final, "punctuated": {"transcript": text}, "user": user},
    }


def message(
    start: float, end: float, *, id_: str = "m1", user: dict[str, str] | None = None, **members: Any
) -> dict[str, Any]:
    said = {
        "id": id_,
        "payload": {"content": "hello"},
        "from": {"userId": "stream-0"} if user is None else user,
        "duration": {"timeOffset": start, "duration": end - start},
    }
    return {"type": "message_response", "messages": [{**said, **members}]}


def test_a_message_settles_what_it_covers() -> None:
    """The audio up to the end of a final message is settled, and no byte more."""
    desk = Desk()
    desk.hear(result("hello", final=True))
    desk.hear(message(0.2, 0.6))
    assert desk.settled_ms == [600]
    assert desk.messages[0].origin.end_ms == 600


def test_silence_is_proven_by_a_pong() -> None:
    """Audio that caused nothing is settled by the pong of a ping sent after the horizon, and by nothing else."""
    desk = Desk(silence_horizon_seconds=10.0)
    desk.sessions[0].tick(200.0)
    assert desk.settled_ms == [0]
    desk.pong(10.9, now=15.0)
    assert desk.settled_ms == [0]
    desk.pong(11.0)
    assert desk.settled_ms == [1000]
    assert desk.lane.ledger.commit_position == 1
    assert desk.gaps == []


def test_audio_counts_as_sent_when_the_socket_has_taken_it() -> None:
    """A socket that takes its frames slowly has not had them for the horizon when its pong comes."""
    desk = Desk(silence_horizon_seconds=10.0)
    desk.audio(now=1.0)
    session = desk.sessions[0]
    session.take_frames(1.0)
    desk.pong(15.0)
    assert desk.settled_ms == [1000]
    session.frames_sent(8.0)
    desk.pong(18.9)
    assert desk.settled_ms == [1000]
    desk.pong(19.0)
    assert desk.settled_ms == [2000]


def test_a_pong_of_an_earlier_socket_proves_nothing() -> None:
    """What is sent again on a new socket is silent by the pongs of that one only."""
    desk = Desk(silence_horizon_seconds=10.0)
    desk.pong(9.0)
    desk.sessions[0].connection_closed(None, 20.0)
    desk.sessions[0].connection_confirmed(20.0, 20.0)
    desk.open(now=21.0)
    desk.pong(31.9)
    assert desk.settled_ms == [0]
    desk.pong(32.0)
    assert desk.settled_ms == [1000]


def test_settled_audio_is_not_held() -> None:
    """A message may settle audio before the shell says that it was sent; the longest hold does not count it."""
    desk = Desk(max_hold_seconds=100.0)
    desk.audio(now=1.0)
    desk.sessions[0].take_frames(1.0)
    desk.sessions[0].receive_frame(orjson.dumps(result("hello", final=True)), 1.5)
    desk.sessions[0].receive_frame(orjson.dumps(message(0.2, 2.0)), 1.5)
    desk.sessions[0].frames_sent(2.0)
    assert desk.settled_ms == [2000]
    assert desk.sessions[0].next_deadline(2.0) is None
    desk.sessions[0].tick(200.0)
    assert desk.gaps == []


def test_speech_in_progress_is_not_silence() -> None:
    """While something is being recognised no pong settles anything; after the longest hold it is a gap."""
    desk = Desk(max_hold_seconds=100.0)
    desk.hear(result("hel"), now=1.0)
    desk.pong(99.0)
    assert desk.settled_ms == [0]
    assert desk.sessions[0].next_deadline(99.0) == 100.0
    desk.sessions[0].tick(100.0)
    assert (desk.settled_ms, desk.gaps) == ([1000], ["max_hold"])
    assert desk.sessions[0].wants_close
    desk.hear(message(0.2, 0.6), now=100.1)
    assert desk.messages == []


def test_an_interim_result_may_be_taken_back() -> None:
    """An interim result without text says that it was no speech: silence counts again."""
    desk = Desk()
    desk.hear(result("uh"), now=1.0)
    desk.pong(11.0)
    desk.hear(result(""), now=12.0)
    assert desk.settled_ms == [1000]


def test_a_final_result_waits_for_its_message() -> None:
    """Between the result and its message nothing is silence; with the message waiting ends."""
    desk = Desk()
    desk.hear(result("hello", final=True), now=9.0)
    desk.pong(18.9)
    assert (desk.settled_ms, desk.gaps) == ([0], [])
    desk.hear(message(0.2, 0.6), now=18.9)
    assert desk.settled_ms == [1000]
    desk.pong(40.0)
    assert (desk.settled_ms, desk.gaps) == ([1000], [])


def test_a_message_that_never_comes_is_a_gap() -> None:
    """What had been sent when its final result came is given up on the record, with the socket; the rest is not."""
    desk = Desk()
    desk.hear(result("hello", final=True), now=9.0)
    desk.audio(now=9.5)
    desk.send(now=9.5)
    desk.pong(19.0)
    assert desk.settled_ms == [1000]
    gap = next(each for each in desk.outputs if isinstance(each, LifeCycle) and each.event == "gap")
    assert gap.reason == "no_message"
    assert gap.detail == {"start_ms": 0, "end_ms": 1000, "missing_records": 0}
    assert desk.sessions[0].wants_close
    desk.pong(30.0)
    desk.hear(message(0.2, 0.6), now=30.0)
    assert (desk.messages, desk.settled_ms, desk.gaps) == ([], [1000], ["no_message"])


def test_a_close_of_our_own_is_no_flush() -> None:
    """A socket that goes because audio on it was given up has flushed nothing; a clean close is still doubted once."""
    desk = Desk()
    session = desk.sessions[0]
    desk.hear(result("hello", final=True), now=1.0)
    desk.audio(now=2.0)
    session.receive_end(None, 2.0)
    desk.send(now=2.0)
    desk.pong(11.0)
    assert (session.wants_close, desk.gaps, desk.settled_ms) == (True, ["no_message"], [1000])
    for now in (12.0, 14.0):
        session.connection_closed(1000, now)
        assert session.wants_connection
        desk.open(now=now + 1)
    session.connection_closed(1000, 16.0)
    assert session.is_over


def test_a_message_is_not_missed_while_somebody_speaks() -> None:
    """As long as something is being recognised a later message may still cover what the final result was about."""
    desk = Desk()
    desk.hear(result("hello", final=True), now=1.0)
    desk.hear(result("and"), now=2.0)
    desk.pong(20.0)
    assert (desk.settled_ms, desk.gaps) == ([0], [])
    desk.hear(result("and more", final=True), now=21.0)
    desk.hear(message(0.2, 1.0), now=21.0)
    assert (desk.settled_ms, desk.gaps) == ([1000], [])


def test_messages_of_others_are_not_heard() -> None:
    """A host sends everybody's messages to every socket; a stream takes its own."""
    desk = Desk(streams=2)
    for stream in (0, 1):
        desk.hear(result("hello", final=True, user={"userId": f"stream-{stream}"}), stream)
    desk.hear(message(0.2, 0.6, user={"userId": "stream-1"}), 0)
    assert desk.messages == []
    desk.hear(message(0.2, 0.6, user={"userId": "stream-1"}), 1)
    assert [each.origin.stream for each in desk.messages] == ["1"]
    assert desk.settled_ms == [0, 600]


def test_a_message_of_nobody_is_published_and_settles_nothing() -> None:
    """Among several streams its times may be about other audio."""
    desk = Desk(streams=2)
    for stream in (0, 1):
        desk.hear(result("hello", final=True, user={"userId": f"stream-{stream}"}), stream)
        desk.hear(message(0.2, 0.6, user={}), stream)
    assert len(desk.messages) == 1
    assert desk.settled_ms == [0, 0]
    alone = Desk()
    alone.hear(result("hello", final=True, user={}))
    alone.hear(message(0.2, 0.6, user={}))
    assert alone.settled_ms == [600]


def test_a_host_may_know_users_by_its_own_id_only() -> None:
    """The recognition results of a socket tell which user is meant."""
    desk = Desk(streams=2)
    for stream in (0, 1):
        desk.hear(result("hello", final=True, user={"id": f"h{stream}"}), stream)
    for stream in (0, 1):
        desk.hear(message(0.2, 0.6, user={"id": "h1"}), stream)
    assert [each.origin.stream for each in desk.messages] == ["1"]
    assert desk.settled_ms == [0, 600]


def test_a_message_about_an_earlier_socket_is_left_to_the_replay() -> None:
    """What a lost socket had sent is recognised again: its late message would come twice, at a wrong time."""
    desk = Desk()
    desk.hear(message(0.2, 0.6), now=2.0)
    assert (desk.messages, desk.settled_ms) == ([], [0])
    desk.hear(result("hello", final=True), now=3.0)
    desk.hear(message(0.2, 60.0), now=3.0)
    assert desk.messages == []
    desk.hear(message(0.2, 0.6, id_="m2"), now=3.0)
    assert (len(desk.messages), desk.settled_ms) == (1, [600])


def test_captions_come_at_intervals_and_go_with_the_final_result() -> None:
    """The latest interim result is shown, but for its last words, at most one in an interval, none after the final
    result."""
    desk = Desk(caption_interval_seconds=0.25)
    desk.hear(result("so it"), now=0.9)
    desk.hear(result("so it goes"), now=1.0)
    desk.hear(result("so it goes on"), now=1.1)
    desk.hear(result("so it goes on and"), now=1.2)
    assert [each.text for each in desk.captions] == ["so"]
    assert desk.sessions[0].next_deadline(1.2) == 1.25
    desk.sessions[0].tick(1.25)
    assert [each.text for each in desk.captions] == ["so", "so it goes"]
    assert desk.captions[1].revision > desk.captions[0].revision
    desk.hear(result("so it goes on and on"), now=1.3)
    desk.hear(result("so it goes on and on", final=True), now=1.4)
    desk.sessions[0].tick(2.0)
    assert len(desk.captions) == 2


def test_a_flush_that_does_not_end_is_tried_again_and_then_a_gap() -> None:
    """The end of a stream is not waited for without end."""
    desk = Desk(stop_timeout_seconds=60.0, silence_horizon_seconds=1_000.0, max_refusals=2)
    session = desk.sessions[0]
    session.receive_end(None, 0.0)
    session.take_frames(0.0)
    session.tick(60.0)
    assert session.wants_close
    session.connection_closed(1000, 60.0)
    assert (session.wants_connection, desk.gaps) == (True, [])
    desk.open(now=61.0)
    session.tick(121.0)
    session.connection_closed(1000, 121.0)
    assert (session.is_over, desk.gaps) == (True, ["not_flushed"])
    assert desk.lane.ledger.commit_position == 1


def test_half_a_sample_does_not_keep_a_stream_open() -> None:
    """The last byte of a stream that ends inside a sample is settled with it."""
    desk = Desk()
    desk.audio(size=101)
    session = desk.sessions[0]
    session.take_frames(5.0)
    assert session.buffer.half_sample
    session.receive_end(None, 5.0)
    session.take_frames(5.0)
    desk.hear(COMPLETED, now=6.0)
    assert session.wants_close
    session.connection_closed(1000, 6.0)
    assert session.is_over
    assert desk.lane.ledger.commit_position == 2
    assert session.state.counters.billed_us == 6_000_000


def test_giving_up_makes_dead_letters_in_order() -> None:
    """What is held and what still comes are dead letters of the stream, and the records are finished."""
    desk = Desk()
    desk.audio()
    desk.sessions[0].give_up("internal_error")
    desk.audio()
    letters = [each for each in desk.outputs if type(each).__name__ == "DeadLetter"]
    assert [each.record.coordinates.offset for each in letters] == [0, 1, 2]  # type: ignore[union-attr]  # see above
    assert desk.lane.ledger.commit_position == 3
    assert desk.lane.held_bytes == 0


def test_a_host_without_recognition_results_is_heard_in_the_end() -> None:
    """No earlier socket is flushed for longer than the stop timeout: from then on every message is this socket's."""
    desk = Desk(stop_timeout_seconds=60.0)
    desk.hear(message(0.2, 0.6), now=59.0)
    assert desk.messages == []
    desk.hear(message(0.2, 0.6), now=60.0)
    assert len(desk.messages) == 1


def test_a_message_before_recognition_started_is_of_an_earlier_socket() -> None:
    """A host may say anything at any time; nothing that it says breaks a session."""
    desk = Desk()
    desk.sessions[0].connection_closed(1006, 1.0)
    desk.sessions[0].connection_opened(1.0)
    desk.hear(result("hello", final=True), now=1.0)
    desk.hear(message(0.2, 0.6), now=1.0)
    assert (desk.messages, desk.settled_ms) == ([], [0])


def test_a_clean_close_without_completion_is_doubted_once() -> None:
    """After a stop request a host that goes cleanly may not have said all; the second time it is believed."""
    desk = Desk()
    session = desk.sessions[0]
    session.receive_end(None, 0.0)
    session.take_frames(0.0)
    session.connection_closed(1000, 1.0)
    assert session.wants_connection
    desk.open(now=2.0)
    session.connection_closed(1000, 3.0)
    assert session.is_over
    assert desk.lane.ledger.commit_position == 1


# --- what retention removed while nobody read ---


class Restored:
    """A stream of which an earlier owner left a state, and the partition that is left."""

    def __init__(self, **state: Any) -> None:
        self.sessions: list[Session] = []
        self.lane = Lane(
            topic="audio", partition=0, position=3, policy=ConversationPolicy(), on_session=keep_in(self.sessions)
        )
        stream = StreamState(
            parameters=StartParameters(),
            encoding=Encoding.LINEAR16,
            sample_rate_hz=16_000,
            **{"offset": 2, "byte": 96_000, "settled_byte": 96_000, "time_us": 3_000_000, **state},
        )
        conversation = ConversationState(
            topic="audio", conversation_id="a", opened_offset=0, opened_at_ms=0, streams={"0": stream}
        )
        self.lane.restore([conversation], 0.0)
        self.session = self.sessions[0]

    def receive(self, offset: int, value: bytes = bytes(32_000), **headers: str) -> None:
        named = tuple((name, text.encode()) for name, text in headers.items())
        place = Coordinates("audio", 0, offset, 0)
        self.lane.receive(InputRecord(coordinates=place, key=b"a", value=value, headers=named), 0.0)

    def lose_before(self, offset: int) -> None:
        for conversation in self.lane.conversations:
            conversation.receive_lost_before(offset)

    def settle_all(self) -> None:
        self.session.buffer.settle(self.session.buffer.end_byte)

    @property
    def gaps(self) -> list[tuple[str | None, object, object, object]]:
        self.settle_all()
        return [
            (each.reason, each.detail["start_ms"], each.detail["end_ms"], each.detail["missing_records"])
            for each in self.lane.book.outputs
            if isinstance(each, LifeCycle) and each.event == "gap"
        ]


RETENTION = ("retention", 3_000, 3_000, 0)


def test_what_retention_removed_unread_is_a_gap() -> None:
    """Without sequence numbers nobody knows whether there was audio, nor how much; so it is said at once, and once."""
    desk = Restored()
    desk.lose_before(10)
    assert desk.gaps == [RETENTION]
    desk.receive(10)
    assert desk.gaps == [RETENTION]
    assert desk.session.state.byte == 128_000


@pytest.mark.parametrize(
    ("state", "first"),
    [({"offset": 9}, 10), ({"offset": 2, "partial_offset": 10, "settled_byte": 100_000}, 10), ({}, 3)],
)
def test_what_was_settled_is_not_lost(state: dict[str, Any], first: int) -> None:
    """A stream that had settled all that is gone, or whose next record is still there, has no gap."""
    desk = Restored(**state)
    desk.lose_before(first)
    assert desk.gaps == []


def test_numbers_tell_what_retention_removed() -> None:
    """A stream with sequence numbers has its gap from them, and not another one."""
    desk = Restored(seq=2)
    desk.lose_before(10)
    assert desk.gaps == []
    desk.receive(10, seq="7")
    desk.receive(11)
    assert desk.gaps == [("missing_records", 3_000, 3_000, 4)]


def test_numbers_tell_that_retention_removed_nothing() -> None:
    """What was removed was of other streams."""
    desk = Restored(seq=2)
    desk.lose_before(10)
    desk.receive(10, seq="3")
    desk.receive(11)
    assert desk.gaps == []


@pytest.mark.parametrize(
    "headers", [{}, {"seq": "1"}, {"event": "start"}, {"event": "end"}], ids=["none", "anew", "start", "end"]
)
def test_numbers_that_end_or_begin_anew_tell_nothing(headers: dict[str, str]) -> None:
    """Then a gap of unknown length says that there may have been audio, once."""
    desk = Restored(seq=2)
    desk.lose_before(10)
    desk.receive(10, b"" if "event" in headers else bytes(32_000), **headers)
    desk.receive(11, seq="2")
    assert desk.gaps == [RETENTION]


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("seq", [None, 2])
def test_the_rest_of_a_half_settled_record_is_lost_once(seq: int | None, is_told: bool) -> None:
    """The record inside of which the stream stood is gone: one gap says so, and the next record is sent whole."""
    desk = Restored(seq=seq, settled_byte=100_000, time_us=3_125_000, partial_offset=3)
    if is_told:
        desk.lose_before(10)
    if seq is None:
        desk.receive(10)
    else:
        desk.receive(10, seq="4")
    unnumbered = ("retention", 3_125, 3_125, 0) if is_told else ("missing_records", 3_125, 3_125, 1)
    assert desk.gaps == [unnumbered if seq is None else ("missing_records", 3_125, 3_125, 1)]
    assert desk.session.state.byte == 132_000


def test_without_a_number_before_it_the_half_settled_record_is_said_to_be_lost() -> None:
    """The first number that is ever seen tells nothing about what was before it."""
    desk = Restored(byte=0, settled_byte=100_000, time_us=3_125_000, offset=-1, partial_offset=3)
    desk.lose_before(10)
    desk.receive(10, seq="1")
    assert desk.gaps == [("retention", 3_125, 3_125, 0)]
