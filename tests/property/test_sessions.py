"""One lane, a host that forgets messages, a network that forgets sockets: nothing is lost without a word."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.property.budget import budget
from tests.unit.sessions.world import World
from worker.records import DeadLetter, LifeCycle, LifeCycleEvent, Transcript
from worker.sessions.lane import Lane
from worker.sessions.policy import ConversationPolicy
from worker.sessions.session import Session, SessionPolicy
from worker.sessions.state import RejectedState, StreamState, load_record

CONVERSATIONS = ("a", "b")
LOST = frozenset({"no_message", "max_hold", "not_flushed"})
"""Reasons of gaps that stand for audio."""


@dataclass
class Said:
    """An utterance: what is to be published, and the records that hold it."""

    conversation: str
    stream: str
    text: str
    offsets: range
    speaker: str | None

    @property
    def key(self) -> tuple[str, str]:
        return self.conversation, self.stream


class Witness(World):
    """A world whose host may leave messages out, and in which everything that is committed is looked at.

    Args:
        crash_each: after so many committed batches the worker dies; 0 is never.
    """

    def __init__(self, *, delays: list[float], pace: float, ping_seconds: float, crash_each: int) -> None:
        self.said: list[Said] = []
        self.ends: list[tuple[str, int]] = []
        self.swallow = 0
        self.swallowed: set[str] = set()
        self.speakers: dict[tuple[str, str], str] = {}
        self.counted: dict[tuple[str, str], int] = {}
        self.missing: dict[tuple[str, str], int] = {}
        self.holes = 0
        self.crash_each = crash_each
        self._batches = 0
        self._progress: dict[tuple[object, str], tuple[int, ...]] = {}
        # Messages wait longer than it takes to prove that the audio behind them is silence.
        policy = ConversationPolicy(
            session=SessionPolicy(pace=pace), insight_types=(), detect_entities=False, hold_seconds=25.0
        )
        super().__init__(policy, itertools.cycle(delays), ping_seconds)

    # --- producing ---

    def say(
        self,
        conversation: str,
        stream: str,
        words: int,
        size: int,
        *,
        numbered: bool,
        twice: bool,
        waits: bool = False,
    ) -> None:
        """One utterance, in records of some size.

        Args:
            numbered: with sequence numbers.
            twice: a producer that was not answered sends its records again.
            waits: what is said waits for what the speaker says next.
        """
        first = self.next_offset
        audio = self.utterance(conversation, stream, words, waits=waits)
        key = (conversation, stream)
        for begin in range(0, len(audio), size):
            chunk = audio[begin : begin + size]
            number = {}
            if numbered:
                self.counted[key] = self.counted.get(key, 0) + 1
                number = {"seq": str(self.counted[key])}
                self.holes += self.missing.pop(key, 0)
            self.produce(conversation, chunk, gap=0, stream=stream, **number)
            if numbered and twice:
                self.produce(conversation, chunk, gap=0, stream=stream, **number)
        text = self.expected[key][-1]
        self.said.append(
            Said(conversation, stream, text, range(first, self.next_offset), self.speakers.get(key)),
        )

    def lose_numbers(self, conversation: str, stream: str, count: int) -> None:
        """Records of a numbered stream never reach Kafka."""
        key = (conversation, stream)
        if key in self.counted:
            self.counted[key] += count
            self.missing[key] = self.missing.get(key, 0) + count

    def change_speaker(self, conversation: str, stream: str, name: str) -> None:
        self.speakers[conversation, stream] = name
        value = orjson.dumps({"speaker": {"name": name}})
        self.produce(conversation, value, stream=stream, event="speaker")

    def end(self, conversation: str, stream: str | None = None) -> None:
        if stream is None:
            self.ends.append((conversation, self.produce(conversation, b"", event="end")))
        else:
            self.produce(conversation, b"", stream=stream, event="end")
        for key in [key for key in self.counted if key[0] == conversation and stream in (None, key[1])]:
            del self.counted[key]
            self.missing.pop(key, None)
        for key in [key for key in self.speakers if key[0] == conversation and stream in (None, key[1])]:
            del self.speakers[key]

    # --- what the host leaves out ---

    def _serve(self, session: Session) -> bool:
        socket = self.sessions[session]
        if socket is not None and socket.open and not socket.half_open:
            socket.outbox = [text for text in socket.outbox if not self._is_swallowed(text)]
        busy = super()._serve(session)
        state = session.state
        self._forward((id(session), self.lane), session.stream, state)
        return busy

    def _is_swallowed(self, text: str) -> bool:
        frame = orjson.loads(text)
        if frame["type"] != "message_response":
            return False
        for message in frame["messages"]:
            if self.swallow and message["payload"]["content"] not in self.swallowed:
                self.swallow -= 1
                self.swallowed.add(message["payload"]["content"])
                return True
        return False

    # --- what holds after every batch ---

    def publish(self, crash_after: str | None = None) -> None:
        super().publish(crash_after)
        self._judge()
        if crash_after is None and self.crash_each:
            self._batches += 1
            if self._batches % self.crash_each == 0:
                self.crash()

    def _judge(self) -> None:
        self._no_result_is_visible_twice()
        self._nothing_is_passed_silently()
        for name, value in self.states.items():
            state = load_record(value)
            if isinstance(state, RejectedState):
                continue
            ends = [at for conversation, at in self.ends if conversation == state.conversation_id]
            passed = [at for at in ends if state.opened_offset < at < self.committed]
            is_over = state.ended or all(each.ended for each in state.streams.values())
            assert is_over or not passed, f"the end at {passed} was passed, and nothing has ended"
            for stream, each in state.streams.items():
                self._forward((name, state.opened_offset), stream, each)

    def _forward(self, where: object, stream: str, state: StreamState) -> None:
        """Positions, clocks and sequences never go back."""
        now = (state.settled_byte, state.time_us, state.message_sequence, state.last_end_us, state.offset)
        before = self._progress.get((where, stream), now)
        assert all(new >= old for new, old in zip(now, before, strict=True)), f"went back: {before} to {now}"
        self._progress[where, stream] = now

    def _no_result_is_visible_twice(self) -> None:
        ids = Counter(each.origin.id for each in self.outputs if isinstance(each, Transcript))
        assert max(ids.values(), default=1) == 1, "a transcript is visible twice"

    def _nothing_is_passed_silently(self) -> None:
        """What the committed position has passed was published, or is given up on the record."""
        visible = {each.text for each in self.outputs if isinstance(each, Transcript)}
        letters = {each.record.coordinates.offset for each in self.outputs if isinstance(each, DeadLetter)}
        gaps = {(each.conversation_id, each.stream) for each in self._gaps() if each.reason in LOST}
        for said in self.said:
            if said.offsets.stop <= self.committed:
                is_lost = bool(letters & set(said.offsets)) or said.key in gaps or said.text in self.swallowed
                assert said.text in visible or is_lost, f"{said} was passed at {self.committed}"

    def _gaps(self) -> list[LifeCycle]:
        return [each for each in self.outputs if isinstance(each, LifeCycle) and each.event is LifeCycleEvent.GAP]

    # --- the end ---

    def check(self) -> None:
        lane: Lane = self.lane
        assert not self.host.heard_again, f"settled audio was sent twice: {self.host.heard_again}"
        assert self.committed == self.next_offset, (lane, [*lane.conversations], [*self.sessions])
        assert lane.ledger.open_count == 0
        assert lane.held_bytes == 0
        assert not self.states
        self._check_order()
        self._check_holes()

    def _check_order(self) -> None:
        """Every stream's utterances come in order, with numbers without holes, on a clock that goes on."""
        streams: dict[tuple[str, str], list[Transcript]] = {}
        for each in self.outputs:
            if isinstance(each, Transcript):
                streams.setdefault((each.origin.conversation_id, each.origin.stream), []).append(each)
        for key, published in streams.items():
            expected = {said.text: said for said in self.said if said.key == key}
            assert [each.text for each in published] == [text for text in expected if text in _texts(published)]
            number, clock = -1, 0
            for each in published:
                if each.origin.sequence == 0:
                    number, clock = -1, 0
                assert each.origin.sequence == number + 1
                assert clock <= each.origin.start_ms + 1
                number, clock = each.origin.sequence, each.origin.end_ms
                said = expected[each.text]
                speaker = each.origin.speaker
                assert (None if speaker is None else speaker.name) == said.speaker
                # Times are whole milliseconds: where records are short, the one before counts, too.
                assert each.origin.first_offset <= each.origin.last_offset
                assert each.origin.last_offset in said.offsets

    def _check_holes(self) -> None:
        """What the producer's numbers say is missing is told, once."""
        if any(isinstance(each, DeadLetter) for each in self.outputs):
            return
        told = [each.detail["missing_records"] for each in self._gaps() if each.reason == "missing_records"]
        assert sum(count for count in told if isinstance(count, int)) == self.holes


def _texts(published: list[Transcript]) -> set[str]:
    return {each.text for each in published}


conversations = st.sampled_from(["a", "a", "b"])
streams = st.sampled_from(["0", "0", "1"])


class SessionMachine(RuleBasedStateMachine):
    """Speech and faults in any order, atomic batches; judged at every batch, drained and counted at the end."""

    world: Witness

    @initialize(
        delays=st.lists(st.sampled_from([0.0, 0.2, 0.7, 1.5, 4.0]), min_size=1, max_size=4),
        pace=st.sampled_from([0.0, 2.0]),
        ping_seconds=st.sampled_from([0.5, 5.0, 1e6]),
        crash_each=st.sampled_from([0, 0, 1, 3]),
    )
    def begin(self, delays: list[float], pace: float, ping_seconds: float, crash_each: int) -> None:
        self.world = Witness(delays=delays, pace=pace, ping_seconds=ping_seconds, crash_each=crash_each)

    @rule(
        conversation=conversations,
        stream=streams,
        words=st.integers(1, 4),
        size=st.sampled_from([333, 1_600, 3_201, 20_000]),
        twice=st.booleans(),
        waits=st.sampled_from([False, False, True]),
        read=st.sampled_from([0, 2, 1_000]),
    )
    def speak(self, conversation: str, stream: str, words: int, size: int, twice: bool, waits: bool, read: int) -> None:
        self.world.say(conversation, stream, words, size, numbered=stream == "1", twice=twice, waits=waits)
        self.world.read(read)

    @rule(conversation=conversations, stream=streams, what=st.sampled_from(["silence", "end", "end all", "modify"]))
    def do_something_else(self, conversation: str, stream: str, what: str) -> None:
        world = self.world
        if what == "silence":
            world.produce(conversation, bytes(9_600), stream="0")
        elif what == "modify":
            world.produce(conversation, b'{"sample_rate_hz": 8000}', stream=stream, event="modify")
        else:
            world.end(conversation, stream if what == "end" else None)
        world.read(1_000)

    @rule(conversation=conversations, stream=streams, name=st.sampled_from(["Ines", "Omar"]))
    def change_speaker(self, conversation: str, stream: str, name: str) -> None:
        self.world.change_speaker(conversation, stream, name)

    @rule(conversation=conversations, count=st.integers(1, 3))
    def lose_numbers(self, conversation: str, count: int) -> None:
        self.world.lose_numbers(conversation, "1", count)

    @rule(seconds=st.sampled_from([0.05, 0.3, 1.0, 1.0, 4.0, 12.0]), publish=st.booleans())
    def work(self, seconds: float, publish: bool) -> None:
        self.world.read(1_000)
        self.world.advance(seconds)
        if publish:
            self.world.publish()

    @rule(index=st.integers(0, 3), code=st.sampled_from([None, 1000, 1011]), seconds=st.sampled_from([0.0, 0.3, 1.0]))
    def lose_a_socket(self, index: int, code: int | None, seconds: float) -> None:
        self.world.advance(seconds)
        self.world.drop(index, code)

    @rule(
        conversation=conversations,
        stream=streams,
        seconds=st.sampled_from([0.3, 3.0, 15.0]),
        reset=st.sampled_from([3.0, 30.0]),
    )
    def half_open_a_socket(self, conversation: str, stream: str, seconds: float, reset: float) -> None:
        world = self.world
        world.half_open(conversation, stream, reset)
        world.say(conversation, stream, 2, 3_200, numbered=stream == "1", twice=False)
        world.read(1_000)
        world.advance(seconds)

    @rule(conversation=conversations, seconds=st.sampled_from([0.0, 2.0, 25.0]), code=st.sampled_from([None, 1000]))
    def lose_a_socket_at_the_end(self, conversation: str, seconds: float, code: int | None) -> None:
        """Perhaps all is settled when the end comes, perhaps nothing is."""
        world = self.world
        world.say(conversation, "0", 1, 3_200, numbered=False, twice=False)
        world.read(1_000)
        world.advance(seconds)
        world.end(conversation)
        world.read(1_000)
        world.advance(0.05)
        world.publish()
        world.drop(0, code)

    @rule(seconds=st.sampled_from([2.0, 6.0]))
    def overtake(self, seconds: float) -> None:
        """One conversation ends while another holds the position back; then the worker dies."""
        world = self.world
        world.say("b", "0", 1, 3_200, numbered=False, twice=False)
        world.say("a", "0", 1, 3_200, numbered=False, twice=False)
        world.end("a")
        world.read(1_000)
        world.advance(seconds)
        world.publish("position")

    @rule(
        what=st.sampled_from(["crash", "crash unpublished", "memory", "swallow", "refusals"]), times=st.integers(1, 4)
    )
    def suffer(self, what: str, times: int) -> None:
        world = self.world
        if what == "crash":
            world.publish("position")
        elif what == "crash unpublished":
            world.publish("nothing")
        elif what == "memory":
            world.lane.drop_sent_audio()
            world.balance()
        elif what == "swallow":
            world.swallow = 1
        else:
            world.host.refusals = times

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.swallow = self.world.crash_each = 0
        for conversation in CONVERSATIONS:
            self.world.end(conversation)
        self.world.drain()
        self.world.check()


TestSessions = SessionMachine.TestCase
TestSessions.settings = budget(400, 20)


def test_an_end_before_a_stream_began_is_none_when_it_is_read_again() -> None:
    """An end of a stream that is not there yet; the stream begins behind it, and a crash has all read again."""
    world = Witness(delays=[0.2], pace=0.0, ping_seconds=0.5, crash_each=0)
    world.say("a", "1", 1, 333, numbered=False, twice=False)
    world.end("a", "0")
    world.say("a", "0", 1, 3_200, numbered=False, twice=False)
    world.read(1_000)
    world.advance(2.0)
    world.publish("position")
    world.end("a")
    world.drain()
    world.check()
