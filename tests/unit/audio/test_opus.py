"""How long an Opus packet is, from its first bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.audio.opus import packet_us

# RFC 6716, table 2, one row per four or two configurations.
DURATIONS_MS = (
    [10.0, 20.0, 40.0, 60.0] * 3  # SILK: NB, MB, WB
    + [10.0, 20.0] * 2  # hybrid: SWB, FB
    + [2.5, 5.0, 10.0, 20.0] * 4  # CELT: NB, WB, SWB, FB
)


@pytest.mark.parametrize("config", range(32))
def test_frame_durations(config: int) -> None:
    """The five high bits of the first byte say how long a frame is, the two low ones that there is one or two."""
    one, two_equal, two = (packet_us(bytes([config << 3 | code, 1, 2])) for code in range(3))
    assert one == DURATIONS_MS[config] * 1000
    assert two_equal == two == 2 * one


@given(st.integers(0, 255), st.integers(0, 255))
def test_arbitrary_number_of_frames(toc: int, count: int) -> None:
    """With code 3 the second byte holds the number of frames; more than 120 ms is no packet."""
    toc |= 3
    expected = DURATIONS_MS[toc >> 3] * 1000 * (count & 0x3F)
    assert packet_us(bytes([toc, count])) == (expected if expected <= 120_000 else 0)


def test_stereo_flag_does_not_count() -> None:
    """Two channels last as long as one."""
    assert packet_us(b"\x0c") == packet_us(b"\x08") == 20_000


def test_malformed_packets() -> None:
    """A packet too short to say how long it is has no duration."""
    assert packet_us(b"") == 0
    assert packet_us(b"\x0b") == 0
