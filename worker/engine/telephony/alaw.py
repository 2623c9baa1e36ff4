"""A-law to 16-bit samples, ITU-T G.711. Pure."""

from __future__ import annotations

import numpy as np


def _sample(code: int) -> int:
    code ^= 0x55
    magnitude, segment = (code & 0x0F) << 4, (code & 0x70) >> 4
    magnitude += 8 if segment == 0 else 0x108
    if segment > 1:
        magnitude <<= segment - 1
    return magnitude if code & 0x80 else -magnitude


_SAMPLES = np.array([_sample(code) for code in range(256)], dtype="<i2")


def linear_of(alaw: bytes) -> bytes:
    """One byte of A-law makes two of LINEAR16."""
    return bytes(_SAMPLES[np.frombuffer(alaw, dtype=np.uint8)].tobytes())
