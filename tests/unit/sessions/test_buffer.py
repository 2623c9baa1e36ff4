"""Unsettled audio of one stream: sent, sent again, settled, forgotten and read again."""

from __future__ import annotations

import copy

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from worker.audio.formats import AudioFormat, split_interleaved
from worker.audio.framing import MAX_FRAME_BYTES
from worker.audio.timeline import Timeline
from worker.records import Coordinates, Encoding, InputRecord, Speaker, StartParameters
from worker.sessions.buffer import AudioBuffer
from worker.sessions.state import StreamState

LINEAR = AudioFormat(Encoding.LINEAR16, 16_000)
MULAW = AudioFormat(Encoding.MULAW, 8_000)
OPUS = AudioFormat(Encoding.OPUS, 48_000)
FORMATS = (LINEAR, MULAW, OPUS, AudioFormat(Encoding.LINEAR16, 44_100))


def stream_state(fmt: AudioFormat = LINEAR) -> StreamState:
    return StreamState(parameters=StartParameters(), encoding=fmt.encoding, sample_rate_hz=fmt.sample_rate_hz)


def record(offset: int, value: bytes = b"") -> InputRecord:
    return InputRecord(coordinates=Coordinates("audio", 0, offset, 0), key=b"call", value=value)


class Sink:
    """What a buffer reports."""

    def __init__(self, state: StreamState) -> None:
        self.finished: list[int] = []
        self.missing: list[tuple[int, int]] = []
        self.buffer = AudioBuffer(state, self.finished.append, lambda byte, count: self.missing.append((byte, count)))


class BufferMachine(RuleBasedStateMachine):
    """A buffer against the bytes of the whole stream."""

    def __init__(self) -> None:
        super().__init__()
        self.state = stream_state()
        self.sink = Sink(self.state)
        self.buffer = self.sink.buffer
        self.audio = bytearray()
        self.timeline = Timeline(LINEAR)
        # Offset, end, payload, or what a marker says.
        self.records: list[tuple[int, int, bytes | AudioFormat | Speaker | None]] = []
        self.formats: list[tuple[int, AudioFormat]] = [(0, LINEAR)]
        self.speakers: list[tuple[int, Speaker]] = []
        self.told = LINEAR
        self.settled_us = 0
        self.restores = 0

    # --- Kafka ---

    def next_offset(self, gap: int) -> int:
        return self.records[-1][0] + 1 + gap if self.records else gap

    @rule(size=st.integers(1, 9_000), gap=st.integers(0, 2))
    def append(self, size: int, gap: int) -> None:
        offset = self.next_offset(gap)
        if self.formats[-1][1] == OPUS:
            size = size % 300 + 2
        payload = bytes((offset * 31 + index * 7) % 251 for index in range(size))
        self.audio += payload
        self.timeline.append(payload)
        self.records.append((offset, len(self.audio), payload))
        self.buffer.append(record(offset, payload), payload, 0.0)

    @rule(fmt=st.sampled_from(FORMATS))
    def change_format(self, fmt: AudioFormat) -> None:
        offset = self.next_offset(0)
        self.records.append((offset, len(self.audio), fmt))
        self.formats.append((len(self.audio), fmt))
        self.timeline.change_format(fmt)
        self.buffer.mark(offset, fmt=fmt)

    @rule(name=st.sampled_from("ab"))
    def change_speaker(self, name: str) -> None:
        offset = self.next_offset(0)
        self.records.append((offset, len(self.audio), Speaker(name=name)))
        self.speakers.append((len(self.audio), Speaker(name=name)))
        self.buffer.mark(offset, speaker=Speaker(name=name))

    @rule()
    def mark(self) -> None:
        offset = self.next_offset(0)
        self.records.append((offset, len(self.audio), None))
        self.buffer.mark(offset)

    @precondition(lambda self: self.buffer.first_absent_offset is not None)
    @rule(count=st.integers(1, 4))
    def refill(self, count: int) -> None:
        first = self.buffer.first_absent_offset
        assert first is not None
        again = [each for each in self.records if each[0] >= first and isinstance(each[2], bytes)]
        for offset, _, payload in again[:count]:
            assert isinstance(payload, bytes)
            self.buffer.refill(offset, payload, 1.0)

    # --- the socket ---

    @rule(flush=st.booleans(), frames=st.integers(1, 6))
    def send(self, flush: bool, frames: int) -> None:
        for _ in range(frames):
            fmt = self.buffer.due_format()
            while fmt is not None:
                self.told = fmt
                fmt = self.buffer.due_format()
            before = self.buffer.sent_byte
            frame = self.buffer.next_frame(flush=flush)
            if frame is None:
                if not self.buffer.skip_half_sample(ending=False):
                    return
                assert self.buffer.sent_byte - before == 1
                assert self.buffer.sent_byte in dict(self.formats)
                continue
            assert frame == self.audio[before : before + len(frame)]
            assert self.buffer.sent_byte == before + len(frame)
            assert 0 < len(frame) <= MAX_FRAME_BYTES
            assert len(frame) % self.told.block_bytes == 0
            assert self.told == self.format_at(before) == self.format_at(before + len(frame) - 1)

    @rule()
    def rewind(self) -> None:
        self.told = self.buffer.rewind()
        assert self.buffer.sent_byte == self.state.settled_byte
        if self.state.settled_byte < len(self.audio):
            assert self.told in [fmt for byte, fmt in self.formats if byte <= self.state.settled_byte]

    @rule(part=st.floats(0, 1))
    def settle(self, part: float) -> None:
        settled, sent = self.state.settled_byte, self.buffer.sent_byte
        self.buffer.settle(self.buffer.cut_before(settled + round(part * (sent - settled))))
        assert self.state.settled_byte >= settled

    @rule()
    def drop_sent(self) -> None:
        held = self.buffer.held_bytes
        assert self.buffer.drop_sent() == held - self.buffer.held_bytes

    @rule()
    def restore(self) -> None:
        """Another worker takes the state up and reads on after the last finished record."""
        self.restores += 1
        self.state = copy.deepcopy(self.state)
        self.sink = Sink(self.state)
        self.buffer = self.sink.buffer
        self.told = self.buffer.rewind()
        for offset, _, what in self.records:
            if offset <= self.state.offset:
                self.sink.finished.append(offset)
            elif isinstance(what, bytes):
                self.buffer.append(record(offset, what), what, 0.0)
            else:
                self.buffer.mark(
                    offset,
                    fmt=what if isinstance(what, AudioFormat) else None,
                    speaker=what if isinstance(what, Speaker) else None,
                )

    # --- what holds always ---

    def format_at(self, byte: int) -> AudioFormat:
        return [fmt for start, fmt in self.formats if start <= byte][-1]

    @invariant()
    def records_are_finished_in_order_when_settled(self) -> None:
        expected: list[int] = []
        for offset, end, _ in self.records:
            if end > self.state.settled_byte:
                break
            expected.append(offset)
        assert self.sink.finished == expected
        assert self.state.offset == (expected[-1] if expected else -1)
        assert not self.sink.missing

    @invariant()
    def bytes_are_counted(self) -> None:
        chunks = self.buffer.chunks()
        assert self.buffer.held_bytes == sum(len(each.payload) for each in chunks if each.payload is not None)
        sent = self.buffer.sent_byte
        unsent = (max(0, each.end_byte - max(each.start_byte, sent)) for each in chunks if each.payload is not None)
        assert self.buffer.unsent_bytes == sum(unsent)
        assert self.state.settled_byte <= sent <= self.buffer.end_byte == len(self.audio)
        assert self.buffer.has_unsent == (sent < len(self.audio))

    @invariant()
    def the_clock_goes_on(self) -> None:
        assert self.buffer.settled_us >= self.settled_us
        self.settled_us = self.buffer.settled_us
        # Each restore rounds down once more; so does each change of the format behind it.
        slack = self.restores * (len(self.formats) + 1)
        expected = self.timeline.time_at(self.state.settled_byte)
        assert expected - slack <= self.settled_us <= expected + slack
        assert self.timeline.end_us - slack <= self.buffer.end_us <= self.timeline.end_us + slack

    @invariant()
    def the_speaker_is_known(self) -> None:
        now = [each for byte, each in self.speakers if byte <= self.state.settled_byte]
        assert self.state.speaker == (now[-1] if now else None)

    def teardown(self) -> None:
        """At the end nothing is left, whatever happened."""
        self.buffer.end()
        self.buffer.rewind()
        for offset, _, payload in self.records:
            if isinstance(payload, bytes):
                self.buffer.refill(offset, payload, 1.0)
        while self.buffer.has_unsent:
            while self.buffer.due_format() is not None:
                pass
            if self.buffer.next_frame(flush=True) is None:
                assert self.buffer.skip_half_sample(ending=True)
        self.buffer.settle(self.buffer.end_byte)
        assert self.sink.finished == [offset for offset, _, _ in self.records]
        assert self.buffer.held_bytes == self.buffer.unsent_bytes == 0
        assert self.buffer.chunks() == []


TestBuffer = BufferMachine.TestCase
TestBuffer.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_hole_in_memory_is_not_jumped_over() -> None:
    """While audio is read again, only what lies before the next hole is sent, and nobody waits for it in circles."""
    sink = Sink(stream_state())
    buffer = sink.buffer
    for offset in range(3):
        buffer.append(record(offset), bytes([offset]) * 101, 0.0)
    while buffer.next_frame(flush=True) is not None:
        pass
    buffer.drop_sent()
    buffer.rewind()
    buffer.refill(0, bytes(101), 5.0)
    assert buffer.waiting_since == 5.0
    assert buffer.next_frame(flush=True) == bytes(100)
    assert buffer.next_frame(flush=True) is None
    assert buffer.half_sample
    assert not buffer.skip_half_sample(ending=True)
    buffer.refill(1, b"\1" * 101, 6.0)
    assert buffer.next_frame(flush=True) == b"\0" + b"\1" * 101


def test_half_of_a_record_is_read_again() -> None:
    """Interleaved audio that memory lost is taken apart again, by the format that it had."""
    sink = Sink(stream_state(MULAW))
    buffer = sink.buffer
    value = bytes(range(100))
    halves = split_interleaved(value, MULAW)
    buffer.append(record(0, value), halves[1], 0.0, half=1)
    buffer.mark(1, fmt=LINEAR)
    assert buffer.next_frame(flush=True) == halves[1]
    buffer.drop_sent()
    buffer.rewind()
    buffer.refill(0, value, 1.0)
    assert buffer.next_frame(flush=True) == halves[1]


def test_the_rest_of_a_record_that_no_longer_exists_is_missed_not_confused() -> None:
    """A stream restored inside of a record that is gone sends the next record whole, and says so."""
    state = stream_state()
    first = Sink(state).buffer
    first.append(record(0), bytes(1000), 0.0)
    first.append(record(1), bytes(1000), 0.0)
    while first.next_frame(flush=True) is not None:
        pass
    first.settle(1200)
    assert (state.offset, state.byte, state.partial_offset) == (0, 1000, 1)
    sink = Sink(state)
    sink.buffer.append(record(2), b"\2" * 600, 0.0)
    assert sink.missing == [(1200, 1)]
    assert sink.buffer.next_frame(flush=True) == b"\2" * 600
    sink.buffer.settle(sink.buffer.end_byte)
    assert sink.finished == [2]


def test_sequence_numbers_begin_anew_in_the_state_too() -> None:
    """After a start another worker does not take the first number for a gap."""
    state = stream_state()
    sink = Sink(state)
    sink.buffer.append(record(0), bytes(2), 0.0, seq=10, checksum=3)
    sink.buffer.next_frame(flush=True)
    sink.buffer.settle(2)
    assert (state.seq, state.seq_checksum) == (10, 3)
    sink.buffer.mark(1, restarts=True)
    assert state.seq is None
