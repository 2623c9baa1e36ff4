"""Finds the frames in a FLAC stream (RFC 9639) that arrives in pieces, each as soon as the next one begins.

A library's parser would do, if it did not wait for some ten frames, which is seconds of speech. Only headers are read
here; whether a frame is whole is for the decoder to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

# A frame of speech has some kilobytes; in this fits the largest block, uncompressed, with two channels.
MAX_FRAME_BYTES = 1 << 18
# Numbers that jump further are of another stream.
MAX_GAP_SECONDS = 10

_STREAM_INFO_BYTES = 34
_MARKER = b"fLaC"
# A frame, or the marker of a stream, which always begins with STREAMINFO.
_BEGINNING = re.compile(rb"\xff[\xf8\xf9]|fLaC[\x00\x80]\x00\x00\x22")
_LONGEST_BEGINNING = 8
_RATES = (None, 88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000)
_BITS = (None, 8, 12, -1, 16, 20, 24, 32)
_MAX_HEADER_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInfo:
    """What begins a stream and holds for frames that do not say it themselves."""

    rate_hz: int
    bits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameHeader:
    """What the header of a frame says.

    Args:
        variable: ``number`` counts samples instead of frames.
        block: Samples of each channel in the frame.
        rate_hz: None where only `StreamInfo` says it.
        bits: Of a sample; None where only `StreamInfo` says it.
    """

    variable: bool
    number: int
    block: int
    rate_hz: int | None
    bits: int | None

    def missing_before(self, later: FrameHeader) -> int | None:
        """Samples between this frame and a later one; None when that one is of another stream."""
        if (later.variable, later.rate_hz, later.bits) != (self.variable, self.rate_hz, self.bits):
            return None
        if self.variable:
            missing = later.number - self.number - self.block
        else:
            missing = (later.number - self.number - 1) * self.block
        return missing if 0 <= missing <= MAX_GAP_SECONDS * (self.rate_hz or 16_000) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlacFrame:
    """One frame.

    Args:
        data: Empty when there is nothing to decode.
        missing: Samples of the frames that were lost before it.
    """

    header: FrameHeader
    data: bytes = field(repr=False)
    missing: int = 0


Found: TypeAlias = StreamInfo | FlacFrame


class FlacFrames:
    """Takes bytes, gives frames.

    A frame ends where a header follows that fits it: by its checksum, its format, and its number. Sound that looks like
    a header by chance fails one of these. A number that does not fit is believed once the next header has the number
    after it, so that a reader finds its way into another stream.

    Invariant: the buffer begins with the frame of ``_header``, unless that is None, and is never longer than
    `MAX_FRAME_BYTES` and one call's bytes.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._header: FrameHeader | None = None
        self._missing = 0
        self._doubtful: tuple[int, FrameHeader] | None = None
        self._metadata_follows = False
        self._skip = 0

    def __repr__(self) -> str:
        return f"<FlacFrames buffered={len(self._buffer)}>"

    def push(self, data: bytes) -> list[Found]:
        """What these bytes complete."""
        self._buffer += data
        found: list[Found] = []
        while self._read(found):
            pass
        return found

    def finish(self) -> list[Found]:
        """The last frame, which no header follows."""
        found: list[Found] = []
        self._end_frame(len(self._buffer), found)
        return found

    def _read(self, found: list[Found]) -> bool:
        """Takes the next step; False when it needs more bytes."""
        if self._skip:
            skipped = min(self._skip, len(self._buffer))
            del self._buffer[:skipped]
            self._skip -= skipped
            return not self._skip
        return self._read_metadata(found) if self._metadata_follows else self._read_frame(found)

    def _read_metadata(self, found: list[Found]) -> bool:
        buffer = self._buffer
        if len(buffer) < 4:
            return False
        kind, length = buffer[0] & 0x7F, int.from_bytes(buffer[1:4], "big")
        if kind == 0 and length == _STREAM_INFO_BYTES:
            if len(buffer) < 4 + length:
                return False
            # 20 bits of rate, 3 of channels, 5 of sample size.
            packed = int.from_bytes(buffer[14:18], "big")
            found.append(StreamInfo(rate_hz=packed >> 12, bits=(packed >> 4 & 31) + 1))
        self._metadata_follows = not buffer[0] & 0x80
        self._skip = length
        del buffer[:4]
        return True

    def _read_frame(self, found: list[Found]) -> bool:
        buffer = self._buffer
        match = _BEGINNING.search(buffer, self._searched)
        if match is None:
            self._searched = max(self._searched, len(buffer) - _LONGEST_BEGINNING + 1)
            self._give_up_long_frame(found)
            return False
        at = match.start()
        if buffer.startswith(_MARKER, at):
            self._end_frame(at, found)
            del buffer[: len(_MARKER)]
            self._metadata_follows = True
            return True
        try:
            header = read_header(bytes(buffer[at : at + _MAX_HEADER_BYTES]))
        except IndexError:
            self._searched = at
            self._give_up_long_frame(found)
            return False
        self._searched = at + 1
        if header is not None:
            self._judge(at, header, found)
        self._give_up_long_frame(found)
        return True

    def _judge(self, at: int, header: FrameHeader, found: list[Found]) -> None:
        """Decides whether a frame begins where a header was found."""
        missing = 0 if self._header is None else self._header.missing_before(header)
        if missing is not None:
            self._end_frame(at, found)
            self._begin_frame(header, missing)
        elif self._doubtful is not None and self._doubtful[1].missing_before(header) == 0:
            before, doubtful = self._doubtful
            self._end_frame(before, found)
            self._begin_frame(doubtful, 0)
            self._end_frame(at - before, found)
            self._begin_frame(header, 0)
        else:
            self._doubtful = (at, header)

    def _begin_frame(self, header: FrameHeader, missing: int) -> None:
        self._header, self._missing, self._searched = header, missing, 1

    def _end_frame(self, end: int, found: list[Found]) -> None:
        if self._header is not None:
            found.append(FlacFrame(header=self._header, data=bytes(self._buffer[:end]), missing=self._missing))
        del self._buffer[:end]
        self._header, self._doubtful, self._searched = None, None, 0

    def _give_up_long_frame(self, found: list[Found]) -> None:
        if self._header is None:
            del self._buffer[: self._searched]
            self._searched = 0
        elif self._searched > MAX_FRAME_BYTES:
            found.append(FlacFrame(header=self._header, data=b"", missing=self._missing))
            self._header = None
            end = self._searched
            if self._doubtful is not None:
                end, self._header = self._doubtful
            del self._buffer[:end]
            self._searched = max(1, self._searched - end)
            self._missing, self._doubtful = 0, None


def read_header(data: bytes) -> FrameHeader | None:
    """The header of a frame, which begins with the first byte; None when it is none.

    Raises:
        IndexError: It goes on behind the last byte.
    """
    block_code, rate_code = data[2] >> 4, data[2] & 15
    channel_code, bits_code = data[3] >> 4, data[3] >> 1 & 7
    if block_code == 0 or rate_code == 15 or channel_code > 10 or bits_code == 3 or data[3] & 1:
        return None
    number, at = _read_number(data)
    if number is None:
        return None
    if block_code in (6, 7):
        size = block_code - 5
        data[at + size - 1]
        block = int.from_bytes(data[at : at + size], "big") + 1
        at += size
    elif block_code == 1:
        block = 192
    else:
        block = 576 << block_code - 2 if block_code < 6 else 256 << block_code - 8
    rate = _RATES[rate_code] if rate_code < 12 else 0
    if rate_code >= 12:
        size = 1 if rate_code == 12 else 2
        data[at + size - 1]
        rate = int.from_bytes(data[at : at + size], "big") * (1, 1_000, 1, 10)[rate_code - 11]
        at += size
    if data[at] != _crc8(data[:at]):
        return None
    return FrameHeader(variable=data[1] == 0xF9, number=number, block=block, rate_hz=rate, bits=_BITS[bits_code])


def _read_number(data: bytes) -> tuple[int | None, int]:
    """A number in the manner of UTF-8, of up to 36 bits, and where it ends."""
    first = data[4]
    if first < 0x80:
        return first, 5
    # As many ones as there are bytes, then a zero.
    size = 8 - (first ^ 0xFF).bit_length()
    if not 2 <= size <= 7:
        return None, 5
    number = first & 0x7F >> size
    for byte in range(5, 4 + size):
        if data[byte] >> 6 != 2:
            return None, 5
        number = number << 6 | data[byte] & 63
    return number, 4 + size


def _crc8_table() -> bytes:
    table = bytearray()
    for value in range(256):
        for _ in range(8):
            value = value << 1 ^ (0x107 if value & 0x80 else 0)
        table.append(value)
    return bytes(table)


_CRC8 = _crc8_table()


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc
