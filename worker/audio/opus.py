"""Duration of Opus packets."""

from __future__ import annotations

_SILK_US = (10_000, 20_000, 40_000, 60_000)
_HYBRID_US = (10_000, 20_000)
_CELT_US = (2_500, 5_000, 10_000, 20_000)
# RFC 6716, section 3.1, table 2: the five high bits of the TOC byte choose mode, bandwidth and length of a frame.
_FRAME_US = _SILK_US * 3 + _HYBRID_US * 2 + _CELT_US * 4
# The two low bits choose the number of frames: one, two of equal size, two, or as many as the next byte says.
_FRAMES = (1, 2, 2, 0)
_ARBITRARY = 3
_PACKET_US = tuple(_FRAME_US[toc >> 3] * _FRAMES[toc & 3] for toc in range(256))
# Section 3.2.5: a packet holds at least one frame and at most 120 ms.
_LONGEST_US = 120_000


def packet_us(packet: bytes) -> int:
    """Microseconds of audio in one packet; 0 when it is malformed, since a decoder then makes nothing of it."""
    if not packet:
        return 0
    toc = packet[0]
    if toc & 3 != _ARBITRARY:
        return _PACKET_US[toc]
    if len(packet) == 1:
        return 0
    duration = _FRAME_US[toc >> 3] * (packet[1] & 0x3F)
    return duration if duration <= _LONGEST_US else 0
