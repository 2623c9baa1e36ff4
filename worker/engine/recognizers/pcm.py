"""From the wire's audio to 16 kHz samples."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import soxr  # type: ignore[import-untyped] # ships no types
from numpy.typing import NDArray

from worker.engine.recognizers.events import LINEAR16, MULAW, AudioFormat

Samples: TypeAlias = NDArray[np.int16]

TARGET_HZ = 16_000


def _mulaw_table() -> Samples:
    """G.711: sign, three bits of exponent, four of mantissa, all inverted."""
    code = ~np.arange(256, dtype=np.uint8)
    magnitude = ((((code & 0x0F).astype(np.int32) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


MULAW_TABLE = _mulaw_table()


class PcmReader:
    """Turns bytes of one format, cut anywhere, into 16 kHz samples.

    Args:
        audio_format: LINEAR16 or MULAW.
    """

    def __init__(self, audio_format: AudioFormat) -> None:
        if audio_format.encoding not in (LINEAR16, MULAW):
            raise ValueError(f"no samples can be read from {audio_format.encoding}")
        self._mulaw = audio_format.encoding == MULAW
        self._rest = b""
        # Typed as Any because the library has no types.
        self._resampler: Any = None
        if audio_format.sample_rate_hz != TARGET_HZ:
            self._resampler = soxr.ResampleStream(audio_format.sample_rate_hz, TARGET_HZ, 1, dtype="int16")

    def read(self, audio: bytes) -> Samples:
        """The samples that these bytes complete; resampling holds some milliseconds back."""
        if self._mulaw:
            samples = MULAW_TABLE[np.frombuffer(audio, dtype=np.uint8)]
        else:
            audio = self._rest + audio
            whole = len(audio) & ~1
            self._rest = audio[whole:]
            samples = np.frombuffer(audio[:whole], dtype="<i2")
        return self._resample(samples, last=False)

    def finish(self) -> Samples:
        """What resampling held back. Nothing can be read afterwards."""
        return self._resample(np.zeros(0, dtype=np.int16), last=True)

    def _resample(self, samples: Samples, *, last: bool) -> Samples:
        if self._resampler is None:
            return samples
        resampled: Samples = self._resampler.resample_chunk(samples, last)
        return resampled
