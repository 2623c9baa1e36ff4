"""Frames: their length, and what waits for more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.audio.formats import AudioFormat
from worker.audio.framing import MAX_FRAME_BYTES, next_frame_length, preferred_frame_bytes
from worker.records import Encoding

FORMATS = [
    *(AudioFormat(Encoding.LINEAR16, rate) for rate in (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)),
    AudioFormat(Encoding.MULAW, 8_000),
    *(AudioFormat(Encoding.FLAC, rate) for rate in (16_000, 48_000)),
]
OPUS = AudioFormat(Encoding.OPUS, 48_000)


@pytest.mark.parametrize(
    ("encoding", "rate", "expected"),
    [
        (Encoding.LINEAR16, 8_000, 1_600),
        (Encoding.LINEAR16, 16_000, 3_200),
        (Encoding.LINEAR16, 44_100, 4_410),
        (Encoding.LINEAR16, 48_000, 4_800),
        (Encoding.MULAW, 8_000, 800),
    ],
)
def test_preferred_length(encoding: Encoding, rate: int, expected: int) -> None:
    """A frame is 100 ms, or an equal part of it where 100 ms are more than the wire allows."""
    assert preferred_frame_bytes(AudioFormat(encoding, rate)) == expected


@given(st.sampled_from(FORMATS), st.integers(0, 40_000), st.booleans())
def test_bounds(fmt: AudioFormat, available: int, flush: bool) -> None:
    """A frame is never longer than what is there or than the wire allows, and never ends inside a sample."""
    length = next_frame_length(fmt, available, flush=flush)
    assert 0 <= length <= min(available, MAX_FRAME_BYTES)
    assert length % fmt.block_bytes == 0


@given(st.sampled_from(FORMATS), st.integers(0, 40_000))
def test_waiting(fmt: AudioFormat, available: int) -> None:
    """Without a flush, whatever does not fill a frame waits; a full frame never does."""
    length = next_frame_length(fmt, available, flush=False)
    assert length == (preferred_frame_bytes(fmt) if available >= preferred_frame_bytes(fmt) else 0)


@given(st.sampled_from(FORMATS), st.integers(0, 40_000))
def test_flushing(fmt: AudioFormat, available: int) -> None:
    """A flush sends everything but half a sample."""
    rest = available
    while length := next_frame_length(fmt, rest, flush=True):
        rest -= length
    assert rest == available % fmt.block_bytes


@given(st.integers(1, 20_000), st.integers(0, 40_000), st.booleans())
def test_opus_packets(packet: int, available: int, flush: bool) -> None:
    """An Opus packet is one frame: never joined, never split, and sent as soon as it is there."""
    length = next_frame_length(OPUS, available, flush=flush, packet_bytes=packet)
    assert length == (packet if available >= packet else 0)


def test_opus_needs_the_packet() -> None:
    """Without the length of the packet an Opus frame cannot be cut: a mistake of the caller."""
    with pytest.raises(ValueError, match="packet_bytes"):
        next_frame_length(OPUS, 100, flush=True)
