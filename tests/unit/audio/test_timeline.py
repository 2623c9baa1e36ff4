"""The audio clock against a model that writes down every boundary."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.audio.formats import AudioFormat
from worker.audio.opus import packet_us
from worker.audio.timeline import Timeline, _OpusSpan
from worker.records import Encoding

LINEAR16 = AudioFormat(Encoding.LINEAR16, 16_000)
MULAW = AudioFormat(Encoding.MULAW, 8_000)
OPUS = AudioFormat(Encoding.OPUS, 48_000)

SAMPLE_FORMATS = st.one_of(
    st.builds(AudioFormat, st.just(Encoding.LINEAR16), st.sampled_from([8_000, 11_025, 16_000, 44_100, 48_000])),
    st.just(MULAW),
)
FORMATS = st.one_of(SAMPLE_FORMATS, st.just(OPUS))
# One format, and what came in it.
SPANS = st.lists(st.tuples(FORMATS, st.lists(st.binary(max_size=9), max_size=6)), min_size=1, max_size=5)


class Model:
    """Every boundary with its time, one by one."""

    def __init__(self, byte: int, us: int) -> None:
        self.boundaries = [(byte, us)]
        self.end = byte

    def add_span(self, fmt: AudioFormat, payloads: list[bytes]) -> None:
        start, start_us = self.end, self.boundaries[-1][1]
        self.boundaries.append((start, start_us))
        self.end += sum(map(len, payloads))
        if fmt.encoding is Encoding.OPUS:
            for packet in payloads:
                byte, us = self.boundaries[-1]
                self.boundaries.append((byte + len(packet), us + packet_us(packet)))
        else:
            for sample in range(1, (self.end - start) // fmt.block_bytes + 1):
                us = start_us + int(Fraction(sample * 1_000_000, fmt.sample_rate_hz))
                self.boundaries.append((start + sample * fmt.block_bytes, us))

    def time_at(self, byte: int) -> int:
        return [us for at, us in self.boundaries if at <= byte][-1]

    def byte_at(self, us: int) -> int:
        return ([at for at, time in self.boundaries if time <= us] or [self.boundaries[0][0]])[-1]


def _build(spans: list[tuple[AudioFormat, list[bytes]]], byte: int, us: int) -> tuple[Timeline, Model]:
    timeline, model = Timeline(spans[0][0], byte=byte, time_us=us), Model(byte, us)
    for number, (fmt, payloads) in enumerate(spans):
        if number:
            timeline.change_format(fmt)
        model.add_span(fmt, payloads)
        for payload in payloads:
            timeline.append(payload)
    return timeline, model


@given(SPANS, st.integers(0, 1000), st.integers(0, 10**9), st.data())
def test_model(spans: list[tuple[AudioFormat, list[bytes]]], byte: int, us: int, data: st.DataObject) -> None:
    """Times and boundaries are those of counting sample by sample and packet by packet, over changes of format."""
    timeline, model = _build(spans, byte, us)
    assert (timeline.start_byte <= byte, timeline.end_byte) == (True, model.end)
    assert timeline.end_us == model.boundaries[-1][1]
    for at in range(byte, model.end + 1):
        assert timeline.time_at(at) == model.time_at(at)
    for _, time in model.boundaries:
        for near in (time - 1, time, time + 1):
            assert timeline.byte_at(near) == model.byte_at(near)
    anywhere = data.draw(st.integers(us - 1000, timeline.end_us + 1000))
    assert timeline.byte_at(anywhere) == model.byte_at(anywhere)


@given(SPANS)
def test_monotone_and_inverse(spans: list[tuple[AudioFormat, list[bytes]]]) -> None:
    """The clock never goes back, and a boundary's time leads to the last boundary of that time."""
    timeline, model = _build(spans, 0, 0)
    times = [timeline.time_at(byte) for byte in range(timeline.end_byte + 1)]
    assert times == sorted(times)
    for byte, us in model.boundaries:
        again = timeline.byte_at(timeline.time_at(byte))
        assert again >= byte
        assert timeline.time_at(again) == us


@given(SAMPLE_FORMATS, st.integers(0, 10**9), st.integers(0, 10**12))
def test_long_streams_stay_exact(fmt: AudioFormat, sample: int, since_us: int) -> None:
    """After many hours of samples the clock is still exact, and finds each sample again by its time."""
    timeline = Timeline(fmt, time_us=since_us)
    for _ in range(3):
        timeline.append(bytes(7))
    block = fmt.block_bytes
    timeline._span.end_byte = (sample + 2) * block
    us = timeline.time_at(sample * block)
    assert us == since_us + int(Fraction(sample * 1_000_000, fmt.sample_rate_hz))
    assert timeline.byte_at(us) == sample * block


@given(SAMPLE_FORMATS, st.lists(st.binary(max_size=9), max_size=6), st.data())
def test_taken_up_anywhere(fmt: AudioFormat, payloads: list[bytes], data: st.DataObject) -> None:
    """A clock taken up at any byte, even inside a sample, has the same boundaries and times as before (to 1 us)."""
    timeline, model = _build([(fmt, payloads)], 0, 0)
    byte = data.draw(st.integers(0, model.end))
    again = Timeline(fmt, byte=byte, time_us=timeline.time_at(byte), offset_in_block=timeline.offset_in_block(byte))
    again.append(bytes(model.end - byte))
    for at in range(byte, model.end + 1):
        assert 0 <= timeline.time_at(at) - again.time_at(at) <= 1
        assert timeline.offset_in_block(at) == again.offset_in_block(at)
    assert again.byte_at(again.end_us) == max(byte, timeline.byte_at(timeline.end_us))
    assert again.byte_at(-1) == byte


@given(SPANS, st.data())
def test_forgetting(spans: list[tuple[AudioFormat, list[bytes]]], data: st.DataObject) -> None:
    """What is forgotten changes no answer for what comes after it."""
    timeline, model = _build(spans, 0, 0)
    byte = data.draw(st.integers(0, model.end))
    timeline.forget_before(byte)
    assert timeline.start_byte <= byte
    for at in range(byte, model.end + 1):
        assert timeline.time_at(at) == model.time_at(at)
    for _, us in model.boundaries:
        assert timeline.byte_at(us) == max(model.byte_at(us), timeline.start_byte)
    timeline.append(b"\x00\x00")
    assert timeline.time_at(timeline.end_byte) == timeline.end_us


def test_memory_is_bounded() -> None:
    """An index that is forgotten regularly does not grow, nor do formats that are over."""
    timeline = Timeline(OPUS)
    for number in range(1000):
        timeline.append(b"\x08" * 20)
        timeline.forget_before(timeline.end_byte - 100)
        if number % 10 == 0:
            timeline.change_format(OPUS)
    assert len(timeline._earlier) <= 1
    assert isinstance(timeline._span, _OpusSpan)
    assert len(timeline._span._bytes) <= 10


@pytest.mark.parametrize("byte", [99, 105])
def test_outside_the_known_range(byte: int) -> None:
    """A time is not made up for bytes that are not known: a mistake of the caller."""
    timeline = Timeline(MULAW, byte=100)
    timeline.append(bytes(4))
    with pytest.raises(ValueError, match="outside the known range 100 to 104"):
        timeline.time_at(byte)


def test_format_changes() -> None:
    """Each byte keeps the format that it came in; the first byte after a change has the new one."""
    timeline = Timeline(LINEAR16)
    timeline.change_format(MULAW)
    timeline.append(bytes(8))
    timeline.change_format(OPUS)
    timeline.append(b"\x08")
    assert timeline.fmt == OPUS
    assert [timeline.format_at(byte) for byte in (0, 7, 8)] == [MULAW, MULAW, OPUS]
    assert (timeline.preamble, timeline.preamble_before(0)) == (b"", b"")


def test_half_a_sample_before_a_change() -> None:
    """Half a sample before a change of format has no time, and the samples of the new format begin after it."""
    timeline = Timeline(LINEAR16)
    timeline.append(bytes(5))
    timeline.change_format(AudioFormat(Encoding.LINEAR16, 8_000))
    timeline.append(bytes(4))
    assert [timeline.offset_in_block(byte) for byte in range(10)] == [0, 1, 0, 1, 0, 0, 1, 0, 1, 0]
    assert timeline.time_at(5) == timeline.time_at(4) == 125
    assert timeline.end_us == 375


def test_closing_changes_nothing_for_samples_and_packets() -> None:
    """Where the end of the audio is known anyway, closing does nothing."""
    for fmt in (LINEAR16, OPUS):
        timeline = Timeline(fmt)
        timeline.append(b"\x08\x00")
        before = timeline.end_us
        timeline.close()
        assert timeline.end_us == before


def test_repr() -> None:
    """The representation shows range, clock and encoding in one line."""
    timeline = Timeline(MULAW)
    timeline.append(bytes(8))
    assert repr(timeline) == "<Timeline 0..8, 1000 us, MULAW>"
