"""From samples of any rate to 16 kHz, and from LINEAR16 and MULAW to samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias

import numpy as np
import soxr  # type: ignore[import-untyped] # ships no types
from numpy.typing import NDArray

from worker.engine.recognizers.events import LINEAR16, MULAW, AudioFormat

Samples: TypeAlias = NDArray[np.int16]

TARGET_HZ = 16_000
NO_SAMPLES: Samples = np.zeros(0, dtype=np.int16)
_READ_BYTES = 8_192


def _mulaw_table() -> Samples:
    """G.711: sign, three bits of exponent, four of mantissa, all inverted."""
    code = ~np.arange(256, dtype=np.uint8)
    magnitude = ((((code & 0x0F).astype(np.int32) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


MULAW_TABLE = _mulaw_table()


class AudioReader(Protocol):
    """Turns the bytes of one format into 16 kHz samples.

    Invariant: the samples depend on the bytes, not on how they were cut into calls (Opus: one packet per call). Each
    iterator is to be exhausted before the next call; it works piece by piece, so that little audio that stands for a
    lot of sound takes neither memory nor a turn of its own length.
    """

    def read(self, audio: bytes) -> Iterator[Samples]:
        """The samples that these bytes complete; some milliseconds may be held back."""

    def finish(self) -> Iterator[Samples]:
        """What was held back. Nothing can be read afterwards."""


class Blocks:
    """Cuts samples into blocks of one size, whatever the sizes that they come in."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rest = NO_SAMPLES

    def push(self, samples: Samples) -> Iterator[Samples]:
        if self._rest.size:
            samples = np.concatenate([self._rest, samples])
        whole = samples.size - samples.size % self._size
        self._rest = samples[whole:].copy()
        for at in range(0, whole, self._size):
            yield samples[at : at + self._size]

    def take_rest(self) -> Samples:
        """What makes no whole block; it is gone from here."""
        rest, self._rest = self._rest, NO_SAMPLES
        return rest


class Resampler:
    """Brings samples to 16 kHz without moving them in time.

    It works on floats because the library dithers integers with noise that is different each time.
    """

    def __init__(self, rate_hz: int) -> None:
        # Typed as Any because the library has no types.
        self._stream: Any = None
        if rate_hz != TARGET_HZ:
            self._stream = soxr.ResampleStream(rate_hz, TARGET_HZ, 1, dtype="float32")

    def push(self, samples: Samples) -> Samples:
        return samples if self._stream is None else self._resample(samples, last=False)

    def finish(self) -> Samples:
        return NO_SAMPLES if self._stream is None else self._resample(NO_SAMPLES, last=True)

    def _resample(self, samples: Samples, *, last: bool) -> Samples:
        resampled = self._stream.resample_chunk(samples.astype(np.float32), last)
        rounded: Samples = np.clip(np.rint(resampled), -32_768, 32_767).astype(np.int16)
        return rounded


class PcmReader:
    """LINEAR16 and MULAW, cut anywhere."""

    def __init__(self, audio_format: AudioFormat) -> None:
        if audio_format.encoding not in (LINEAR16, MULAW):
            raise ValueError(f"no samples can be read from {audio_format.encoding}")
        self._mulaw = audio_format.encoding == MULAW
        self._rest = b""
        self._resampler = Resampler(audio_format.sample_rate_hz)

    def read(self, audio: bytes) -> Iterator[Samples]:
        for at in range(0, len(audio), _READ_BYTES):
            yield self._resampler.push(self._samples(audio[at : at + _READ_BYTES]))

    def finish(self) -> Iterator[Samples]:
        yield self._resampler.finish()

    def _samples(self, audio: bytes) -> Samples:
        if self._mulaw:
            return MULAW_TABLE[np.frombuffer(audio, dtype=np.uint8)]
        audio = self._rest + audio
        whole = len(audio) & ~1
        self._rest = audio[whole:]
        return np.frombuffer(audio[:whole], dtype="<i2")
