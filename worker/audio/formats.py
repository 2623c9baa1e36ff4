"""Audio formats: what is supported, how bytes and time relate, and the halves of interleaved stereo."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from worker.records import Encoding

SUPPORTED_RATES_HZ = {
    Encoding.LINEAR16: (8_000, 48_000),
    Encoding.MULAW: (8_000, 8_000),
    Encoding.FLAC: (16_000, 48_000),
    Encoding.OPUS: (8_000, 48_000),
}


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Encoding and rate of mono audio.

    Any positive rate makes a value; whether the format is supported is for :func:`validate_format` to say.
    """

    encoding: Encoding
    sample_rate_hz: int

    @property
    def block_bytes(self) -> int:
        """The smallest run of bytes that may be cut off: a sample, or one byte where samples have no fixed size."""
        return 2 if self.encoding is Encoding.LINEAR16 else 1

    @property
    def bytes_per_second(self) -> int | None:
        """None where it varies (FLAC, Opus)."""
        if self.encoding is Encoding.LINEAR16:
            return 2 * self.sample_rate_hz
        if self.encoding is Encoding.MULAW:
            return self.sample_rate_hz
        return None


def validate_format(encoding: Encoding, sample_rate_hz: int) -> str | None:
    """A sentence that names the field when the format is not supported, else None."""
    lowest, highest = SUPPORTED_RATES_HZ[encoding]
    if lowest <= sample_rate_hz <= highest:
        return None
    allowed = str(lowest) if lowest == highest else f"{lowest} to {highest}"
    return f"sample_rate_hz: {encoding} needs {allowed}"


def split_interleaved(payload: bytes, fmt: AudioFormat) -> tuple[bytes, bytes]:
    """The two mono halves of two-channel audio; ``fmt`` is the format of one half.

    Raises:
        ValueError: The encoding is neither LINEAR16 nor MULAW, or a sample frame (one sample of both) is not whole.
    """
    if fmt.bytes_per_second is None:
        raise ValueError(f"{fmt.encoding} audio is never interleaved")
    if len(payload) % (2 * fmt.block_bytes):
        raise ValueError("interleaved audio ends inside a sample frame")
    if fmt.block_bytes == 1:
        return payload[::2], payload[1::2]
    # Samples are moved, never looked at, so the byte order of this machine does not matter.
    samples = array("H", payload)
    return samples[::2].tobytes(), samples[1::2].tobytes()
