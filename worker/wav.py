"""Reading WAV files: 16-bit PCM and mu-law, one or two channels.

The standard library's ``wave`` knows neither mu-law nor, before Python 3.12, the extensible header that many recorders
write, so the few chunks that matter are read here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

from worker.errors import WorkerError
from worker.records import Encoding

PCM, MULAW, EXTENSIBLE = 0x0001, 0x0007, 0xFFFE
# The rest of the sub-format's GUID: its first two bytes are the format that was meant.
EXTENSIBLE_TAIL = bytes.fromhex("000000001000800000aa00389b71")
UNKNOWN_LENGTH = 0xFFFFFFFF


class WavError(WorkerError):
    """The file is not a WAV file that we can stream; the text says what it is instead."""


@dataclass(frozen=True, slots=True)
class Wav:
    """Audio of a WAV file, whole sample frames only."""

    encoding: Encoding
    sample_rate_hz: int
    channels: int
    audio: bytes = field(repr=False)

    @property
    def frame_bytes(self) -> int:
        """One sample of every channel."""
        return self.channels * (2 if self.encoding is Encoding.LINEAR16 else 1)

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.audio) / self.frame_bytes / self.sample_rate_hz


def read_wav(path: Path) -> Wav:
    """Read a WAV file.

    Raises:
        WavError: it cannot be read, is no WAV file, or holds another encoding than 16-bit PCM and mu-law.
    """
    try:
        return parse_wav(path.read_bytes())
    except OSError as error:
        raise WavError(f"{path}: cannot be read ({error.strerror})") from None
    except WavError as error:
        raise WavError(f"{path}: {error}") from None


def parse_wav(data: bytes) -> Wav:
    """Read the bytes of a WAV file. A file whose recording was cut off is read as far as it goes.

    Raises:
        WavError: as :func:`read_wav`.
    """
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise WavError("not a WAV file")
    header: bytes | None = None
    at = 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        start = at + 8
        end = len(data) if length == UNKNOWN_LENGTH else min(start + length, len(data))
        if name == b"fmt ":
            header = data[start:end]
        elif name == b"data":
            if header is None:
                raise WavError("audio comes before its format")
            return _wav(header, data[start:end])
        at = start + length + length % 2
    raise WavError("no audio in it")


def _wav(header: bytes, audio: bytes) -> Wav:
    if len(header) < 16:
        raise WavError("its format chunk is cut off")
    code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", header)
    if code == EXTENSIBLE and header[26:40] == EXTENSIBLE_TAIL:
        (code,) = struct.unpack_from("<H", header, 24)
    if (code, bits) == (PCM, 16):
        encoding = Encoding.LINEAR16
    elif (code, bits) == (MULAW, 8):
        encoding = Encoding.MULAW
    else:
        kind = {PCM: "PCM", MULAW: "mu-law"}.get(code, f"format {code:#06x}")
        raise WavError(f"{bits}-bit {kind} is not supported, only 16-bit PCM and 8-bit mu-law")
    if channels not in (1, 2):
        raise WavError(f"{channels} channels are not supported, only 1 and 2")
    if rate == 0:
        raise WavError("its sample rate is 0")
    frame = channels * bits // 8
    return Wav(encoding, rate, channels, audio[: len(audio) - len(audio) % frame])
