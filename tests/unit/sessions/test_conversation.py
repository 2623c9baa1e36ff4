"""The life of a conversation, seen from Kafka, with a host that recognises coded speech."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from tests.unit.sessions.world import World
from worker.audio.formats import AudioFormat
from worker.records import DeadLetter, Encoding, LifeCycle, Reason, RedactedMessage, Transcript
from worker.redaction.wishes import MAX_WISHES
from worker.sessions.policy import ConversationPolicy
from worker.sessions.session import SessionPolicy

POLICY = ConversationPolicy(
    session=SessionPolicy(pace=0.0), insight_types=(), detect_entities=False, max_age_seconds=60.0, idle_seconds=30.0
)


def world(policy: ConversationPolicy = POLICY, delay: float = 0.1) -> World:
    return World(policy, itertools.repeat(delay))


def go(world: World, seconds: float = 1.0) -> None:
    world.read(10_000)
    world.advance(seconds)
    world.publish()


def life(world: World) -> list[tuple[str, str | None]]:
    return [(each.event.value, each.reason) for each in world.outputs if isinstance(each, LifeCycle)]


def letters(world: World) -> list[DeadLetter]:
    return [each for each in world.outputs if isinstance(each, DeadLetter)]


def test_old_age_ends_a_conversation_that_goes_on_talking() -> None:
    """At its greatest age a conversation ends, and what comes meanwhile opens the next one."""
    w = world(delay=3.0)
    for _ in range(80):
        w.speak("a", "0", 1, 3_200)
        go(w)
    w.produce("a", b"", event="end")
    w.drain()
    w.check()
    assert life(w) == [("started", None), ("ended", "max_age"), ("started", None), ("ended", "end")]


def test_age_is_counted_over_owners() -> None:
    """A conversation that another worker takes over is as old as its records say."""
    w = world(delay=0.5)
    for second in range(75):
        w.speak("a", "0", 1, 3_200)
        go(w)
        if second in (25, 45):
            w.crash()
    w.produce("a", b"", event="end")
    w.drain()
    assert [reason for event, reason in life(w) if event == "ended"] == ["max_age", "end"]


def test_what_follows_the_end_of_all_streams_is_the_next_opening() -> None:
    """However long the host flushes, the opening that a record belongs to is told by the records alone."""
    w = world(delay=5.0)
    w.speak("a", "0", 2, 3_200)
    w.produce("a", b"", event="end", stream="0")
    w.speak("a", "0", 2, 3_200)
    w.produce("a", b"", event="end")
    w.drain()
    w.check()
    assert [event for event, _ in life(w)] == ["started", "ended"] * 2


def test_a_stream_goes_on_after_its_end_while_another_is_open() -> None:
    """Clock and sequence of a stream continue in the same opening."""
    w = world(delay=2.0)
    for stream in ("0", "1"):
        w.speak("a", stream, 2, 3_200)
    w.produce("a", b"", event="end", stream="0")
    w.speak("a", "0", 2, 3_200)
    w.produce("a", b"", event="end")
    w.drain()
    w.check()
    said = [each.origin for each in w.outputs if isinstance(each, Transcript) and each.origin.stream == "0"]
    assert [origin.sequence for origin in said] == [0, 1]
    assert said[1].start_ms >= said[0].end_ms
    assert [event for event, _ in life(w)] == ["started", "ended"]


def test_silence_ends_a_conversation() -> None:
    """A stream that brings nothing for the idle time is flushed and ended."""
    w = world()
    w.speak("a", "0", 2, 3_200)
    for _ in range(50):
        go(w)
    assert life(w) == [("started", None), ("ended", "idle")]
    w.check()


def test_a_host_that_is_down_is_not_silence() -> None:
    """While audio waits to be sent a conversation does not become idle."""
    w = world()
    w.host_is_up = False
    w.speak("a", "0", 2, 3_200)
    for _ in range(40):
        go(w)
    assert life(w) == []
    w.host_is_up = True
    w.drain()
    w.check()


def test_a_refused_start_opens_nothing() -> None:
    """A start of an impossible format is a dead letter, without a life cycle."""
    policy = replace(POLICY, audio_format=AudioFormat(Encoding.LINEAR16, 8_000))
    w = world(policy)
    w.produce("a", b'{"encoding": "FLAC"}', event="start")
    go(w)
    w.drain()
    w.check()
    assert [letter.reason for letter in letters(w)] == [Reason.UNSUPPORTED_ENCODING]
    assert life(w) == []


def test_a_modify_must_fit_with_what_is_known() -> None:
    """A change of encoding alone is judged with the rate that stays."""
    w = world()
    w.speak("a", "0", 2, 3_200)
    w.produce("a", b'{"encoding": "MULAW"}', event="modify")
    w.produce("a", b"", event="end")
    w.drain()
    w.check()
    assert [(letter.reason, letter.event) for letter in letters(w)] == [(Reason.UNSUPPORTED_ENCODING, "modify")]


def test_an_opus_packet_that_no_frame_holds_is_a_dead_letter() -> None:
    """One packet is one frame; a larger one is refused alone."""
    w = world()
    w.produce("a", b'{"encoding": "Opus", "sample_rate_hz": 48000}', event="start")
    w.produce("a", bytes(8_193))
    w.produce("a", bytes(8_192))
    w.produce("a", b"", event="end")
    w.drain()
    w.check()
    assert [letter.detail for letter in letters(w)] == ["an Opus packet has at most 8192 bytes"]


def test_interleaved_audio_that_ends_inside_a_sample_is_a_dead_letter() -> None:
    """Two channels are told apart by position: a record must hold whole sample frames."""
    w = world()
    w.produce("a", b'{"channels": [{}, {}]}', event="start")
    w.produce("a", bytes(6))
    w.produce("a", b"", event="end")
    w.drain()
    w.check()
    assert [letter.reason for letter in letters(w)] == [Reason.MISALIGNED_AUDIO]


def test_interleaved_audio_is_split_by_its_own_format() -> None:
    """After a second start the new encoding counts, also while older audio is not settled."""
    w = world()
    w.produce("a", b'{"channels": [{}, {}]}', event="start")
    w.produce("a", bytes(4_000))
    w.produce("a", b'{"channels": [{}, {}], "encoding": "MULAW", "sample_rate_hz": 8000}', event="start")
    w.produce("a", bytes(6))
    w.produce("a", b"", event="end")
    w.drain()
    w.check()
    assert letters(w) == []


def test_a_stream_that_never_starts_fails_alone() -> None:
    """After a few refusals its records are dead letters, in order; its neighbour does not notice."""
    w = world()
    offsets = [w.produce("a", bytes(3_200)) for _ in range(4)]
    w.host.refusals = 3
    go(w)
    w.speak("b", "0", 2, 3_200)
    offsets.append(w.produce("a", bytes(3_200)))
    go(w)
    assert [letter.record.coordinates.offset for letter in letters(w)] == offsets
    assert all(letter.reason is Reason.STREAM_FAILED for letter in letters(w))
    w.produce("a", b"", event="end")
    w.produce("b", b"", event="end")
    w.drain()
    assert w.committed == w.next_offset
    assert ("failed", "RequestRefusedError") in life(w)
    assert ("ended", "failed") in life(w)
    assert ("ended", "end") in life(w)


def test_a_stream_that_was_given_up_stays_given_up_for_the_next_owner() -> None:
    """Its conversation goes on until its end comes, and what comes before is a dead letter as well."""
    w = world()
    w.host.refusals = 3
    w.speak("a", "0", 1, 3_200)
    go(w)
    assert life(w) == [("failed", "RequestRefusedError")]
    for _ in range(2):
        w.crash()
        w.speak("a", "0", 1, 3_200)
        go(w)
    w.produce("a", b"", event="end")
    go(w)
    w.crash()
    go(w)
    assert life(w) == [("failed", "RequestRefusedError"), ("ended", "failed")]
    assert [each.record.coordinates.offset for each in letters(w)] == list(range(w.next_offset - 1))
    assert {each.detail for each in letters(w)} == {"the stream was given up: RequestRefusedError"}
    assert not w.states


@pytest.mark.parametrize("is_late", [False, True])
def test_a_stream_that_is_given_up_and_has_ended_holds_nothing_up(*, is_late: bool) -> None:
    """Whether its end came before or after: the next owner does not wait for it."""
    w = world()
    w.speak("a", "1", 1, 3_200)
    go(w)
    w.host.refusals = 3
    w.speak("a", "0", 1, 3_200)
    if is_late:
        go(w)
    w.produce("a", b"", stream="0", event="end")
    go(w)
    assert life(w) == [("started", None), ("failed", "RequestRefusedError")]
    w.crash()
    w.produce("a", b"", stream="1", event="end")
    go(w)
    go(w)
    assert life(w)[-1] == ("ended", "end")
    assert not w.states


def test_records_that_are_gone_while_memory_needs_them_are_a_gap() -> None:
    """Audio that retention removed before it could be sent again is said to be lost, and the stream goes on."""
    w = world()
    for _ in range(5):
        w.produce("a", bytes(3_200))
    go(w)
    w.lane.drop_sent_audio()
    w.host_is_up = False
    w.drop(0, None)
    w.balance()
    assert w.read_position == 0
    del w.log[:3]
    w.speak("a", "0", 2, 3_200)
    w.produce("a", b"", event="end")
    w.drain()
    gaps = [each for each in w.outputs if isinstance(each, LifeCycle) and each.event == "gap"]
    assert [(each.reason, each.detail["start_ms"], each.detail["end_ms"]) for each in gaps] == [("retention", 0, 300)]
    assert w.committed == w.next_offset
    assert len([each for each in w.outputs if isinstance(each, Transcript)]) == 1


def test_missing_and_repeated_chunks_are_seen() -> None:
    """A hole in the producer's numbers is a gap; the same chunk twice is audio once, also across a crash."""
    w = world()
    w.produce("a", bytes(3_200), seq="0")
    go(w, 15.0)
    w.crash()
    w.produce("a", bytes(3_200), seq="0")
    w.produce("a", b"\1\0" * 1_600, seq="3")
    w.produce("a", b"{}", event="start")
    w.produce("a", bytes(3_200), seq="7")
    w.produce("a", b"", event="end")
    w.drain()
    gaps = [each for each in w.outputs if isinstance(each, LifeCycle) and each.event == "gap"]
    assert [each.detail["missing_records"] for each in gaps] == [2]
    ended = [each for each in w.outputs if isinstance(each, LifeCycle) and each.event == "ended"]
    assert ended[0].detail["audio_ms"] == 300


def test_redaction_stays_on() -> None:
    """What one start switched on no later start and no restart switches off."""
    w = world(replace(POLICY, redaction=False))
    w.produce("a", b'{"redaction": {"enabled": true}}', event="start")
    w.produce("a", bytes(3_200))
    w.produce("a", b"{}", event="start")
    go(w)
    w.crash()
    conversation = next(iter(w.lane.conversations))
    assert conversation.state.redaction
    assert conversation._results._redactor is not None


def test_what_a_conversation_wants_holds_from_there_to_its_end() -> None:
    """Own words are masked and nothing is published in the clear any more, also by the next owner; wishes add up."""
    w = world()
    w.speak("a", "0", 1, 3_200)
    go(w, 10.0)
    w.produce("a", rb'{"redaction": {"transcripts": false, "custom": [{"patterns": ["u2"]}]}}', event="start")
    w.speak("a", "0", 2, 3_200)
    go(w, 10.0)
    w.produce("a", rb'{"redaction": {"custom": [{"type": "OWN", "words": ["u3"]}], "mode": "type"}}', event="start")
    w.crash()
    w.speak("a", "0", 2, 3_200)
    go(w, 10.0)
    w.produce("a", rb'{"redaction": {"transcripts": true}}', event="start")
    w.speak("a", "0", 1, 3_200)
    w.produce("a", b"", event="end")
    w.drain()
    assert [each.text for each in w.outputs if isinstance(each, Transcript)] == ["u1.0"]
    redacted = [each.masked for each in w.outputs if isinstance(each, RedactedMessage)]
    assert [each.text for each in redacted] == ["u1.0", "****.0 ****.1", "****.0 ****.1", "u4.0"]
    assert [[each.type for each in masked.findings or ()] for masked in redacted] == [
        [],
        ["CUSTOM"] * 2,
        ["OWN"] * 2,
        [],
    ]
    assert len({each.policy for each in redacted}) == 3
    assert not letters(w)


def test_speakers_are_masked_where_that_is_asked_for() -> None:
    """By a start: from there on nobody but readers of transcripts learns who speaks."""
    w = world()
    ada = rb'"speaker": {"user_id": "ada@example.com", "name": "Ada Byron"}'
    w.produce("a", b"{" + ada + b"}", event="start")
    w.speak("a", "0", 1, 3_200)
    go(w, 10.0)
    w.produce("a", b'{"redaction": {"speakers": true}, ' + ada + b"}", event="start")
    w.speak("a", "0", 1, 3_200)
    go(w, 10.0)
    w.crash()
    w.speak("a", "0", 1, 3_200)
    w.produce("a", b"", event="end")
    w.drain()
    w.check()

    def names(kind: type[Transcript | RedactedMessage]) -> list[tuple[str | None, str | None]]:
        speakers = [each.origin.speaker for each in w.outputs if isinstance(each, kind)]
        return [(each.user_id, each.name) for each in speakers if each is not None]

    clear, masked = ("ada@example.com", "Ada Byron"), ("****", "****")
    assert names(Transcript) == [clear, clear, clear]
    assert names(RedactedMessage) == [clear, masked, masked]


def test_more_wishes_than_a_conversation_may_have_are_refused() -> None:
    """One too many is a dead letter, and changes nothing; the same one again costs nothing."""
    w = world()
    for number in (*range(MAX_WISHES), 0, 1, MAX_WISHES):
        w.produce("a", b'{"redaction": {"thresholds": {"SSN": 0.%02d}}}' % number, event="start")
    w.speak("a", "0", 1, 3_200)
    go(w, 5.0)
    (letter,) = letters(w)
    assert (letter.reason, letter.detail.split(":")[0]) == (Reason.UNREADABLE_CONTROL, "value.redaction")
    assert letter.record.coordinates.offset == MAX_WISHES + 2
    w.crash()
    assert len(next(iter(w.lane.conversations)).state.wishes) == MAX_WISHES


@pytest.mark.parametrize("event", ["end", "modify", "speaker"])
def test_control_records_of_unknown_streams_do_no_harm(event: str) -> None:
    """Every record is finished, also one that finds no stream."""
    w = world()
    value = {"end": b"", "modify": b'{"sample_rate_hz": 8000}', "speaker": b'{"speaker": {"name": "Ines"}}'}[event]
    w.produce("a", value, event=event, stream="x")
    w.speak("a", "0", 1, 3_200)
    w.produce("a", value, event=event, stream="y")
    w.produce("a", b"", event="end")
    w.drain()
    w.check()
