"""Where the frames of a FLAC stream begin and how long they are, found as its bytes come in (RFC 9639).

Audio is not decoded: only frame headers are read. Inside compressed audio a sync code with a right checksum turns up by
chance about once in ten million bytes, so a frame counts only if it continues the frame before it or is itself
continued by the next one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_PREAMBLE_BYTES = 65_536

_MARKER = b"fLaC"
_BLOCK_HEADER_BYTES = 4
_LAST_BLOCK = 0x80
# Section 8.2: the first metadata block is STREAMINFO, 34 bytes, with the sample rate in 20 bits at byte 10 of it.
_STREAMINFO_END = 42
_STREAMINFO_RATE = slice(18, 21)

_SYNC = re.compile(rb"\xff[\xf8\xf9]")
# Section 9.1.1; 0 is reserved, None means that the size follows the coded number.
_BLOCK_SIZES = (0, 192, 576, 1152, 2304, 4608, None, None, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
_BLOCK_SIZE_8_BITS = 6
# Section 9.1.2; 0 means: as in STREAMINFO. From 12 on the rate follows the block size.
_RATES_HZ = (0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000)
_RATE_KHZ, _RATE_HZ, _RATE_10_HZ, _RATE_FORBIDDEN = 12, 13, 14, 15
_STEREO, _LAST_STEREO_CODE = 2, 10
_RESERVED_DEPTH = 3


def _crc8_table() -> bytes:
    table = bytearray()
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc << 1) ^ (0x107 if crc & 0x80 else 0)
        table.append(crc)
    return bytes(table)


_CRC8 = _crc8_table()


class FrameStart(NamedTuple):
    """A frame: where its header begins, counted from the first byte fed, and what it holds."""

    byte: int
    samples: int
    rate_hz: int


class _Header(NamedTuple):
    number: int
    samples: int
    shape: tuple[int, int, int, int]
    """Blocking strategy, rate (0: as in STREAMINFO), channels, depth: the same in all frames of a stream."""

    def continues(self, other: _Header) -> bool:
        """Whether this is the frame right after ``other``: fixed block sizes number frames, others samples."""
        step = other.samples if self.shape[0] else 1
        return self.number == other.number + step and self.shape == other.shape


class FlacScanner:
    """Finds the frames of one FLAC stream, however its bytes are cut.

    Args:
        sample_rate_hz: The declared rate; used where the stream itself does not say.
        preamble: What an earlier scanner kept of the same stream; the bytes fed then begin with a frame. Empty: they
            begin with the stream.
    """

    def __init__(self, sample_rate_hz: int, preamble: bytes = b"") -> None:
        self._rate_hz = sample_rate_hz
        self._preamble = bytearray(preamble)
        self._in_audio = bool(preamble)
        self._whole_preamble = True
        self._marker_seen = False
        self._last_block_seen = False
        self._block_rest = 0
        self._tail = b""
        self._position = 0
        self._certain: int | None = None
        self._previous: _Header | None = None
        self._suspect: tuple[int, _Header] | None = None
        if preamble:
            self._begin_audio()

    def __repr__(self) -> str:
        return f"<FlacScanner at {self._position}, preamble of {len(self._preamble)} bytes>"

    @property
    def preamble(self) -> bytes:
        """Everything before the first frame, as far as it has come in: what a decoder must be given first.

        Reduced to its STREAMINFO where it is larger than ``MAX_PREAMBLE_BYTES`` (pictures).
        """
        return bytes(self._preamble)

    def feed(self, data: bytes) -> list[FrameStart]:
        """Take the next bytes; return the frames that became known, in order. A frame may lie before ``data``."""
        buffer = self._tail + data
        if not self._in_audio:
            buffer = self._read_preamble(buffer)
            if not self._in_audio:
                self._tail = buffer
                return []
        found: list[FrameStart] = []
        used = len(buffer)
        for match in _SYNC.finditer(buffer):
            start = match.start()
            length = _header_length(buffer, start)
            if length == 0:
                continue
            if start + length > len(buffer):
                used = start
                break
            header = _read_header(buffer, start, length)
            if header is not None:
                self._judge(self._position + start, header, found)
        else:
            if buffer.endswith(b"\xff"):
                used -= 1
        self._tail = buffer[used:]
        self._position += used
        return found

    def _judge(self, position: int, header: _Header, found: list[FrameStart]) -> None:
        expected = self._previous is not None and header.continues(self._previous)
        if not expected and position != self._certain:
            if self._suspect is None or not header.continues(self._suspect[1]):
                self._suspect = position, header
                return
            found.append(self._frame(*self._suspect))
        found.append(self._frame(position, header))
        self._previous = header
        self._suspect = None

    def _frame(self, position: int, header: _Header) -> FrameStart:
        return FrameStart(position, header.samples, header.shape[1] or self._rate_hz)

    def _read_preamble(self, buffer: bytes) -> bytes:
        """Take marker and metadata blocks off the front; what is left is audio, or too short to tell."""
        if not self._marker_seen:
            if len(buffer) < len(_MARKER) and _MARKER.startswith(buffer):
                return buffer
            if not buffer.startswith(_MARKER):
                self._begin_audio()
                return buffer
            self._marker_seen = True
            buffer = self._keep(buffer, len(_MARKER))
        while True:
            wanted = min(self._block_rest, len(buffer))
            buffer = self._keep(buffer, wanted)
            self._block_rest -= wanted
            if self._block_rest:
                return buffer
            if self._last_block_seen:
                self._begin_audio()
                return buffer
            if len(buffer) < _BLOCK_HEADER_BYTES:
                return buffer
            self._last_block_seen = bool(buffer[0] & _LAST_BLOCK)
            self._block_rest = int.from_bytes(buffer[1:_BLOCK_HEADER_BYTES])
            buffer = self._keep(buffer, _BLOCK_HEADER_BYTES)

    def _keep(self, buffer: bytes, length: int) -> bytes:
        self._position += length
        if self._whole_preamble:
            self._preamble += buffer[:length]
            if len(self._preamble) > MAX_PREAMBLE_BYTES:
                self._whole_preamble = False
                del self._preamble[_STREAMINFO_END:]
                self._preamble[len(_MARKER)] |= _LAST_BLOCK
        return buffer[length:]

    def _begin_audio(self) -> None:
        self._in_audio = True
        self._certain = self._position
        self._rate_hz = int.from_bytes(self._preamble[_STREAMINFO_RATE]) >> 4 or self._rate_hz


def _header_length(buffer: bytes, start: int) -> int:
    """Length of the frame header at ``start``, checksum included; 0 when it is none.

    Where the buffer ends too early to tell, any length that reaches beyond its end.
    """
    if start + 5 > len(buffer):
        return 5
    sizes, layout, lead = buffer[start + 2], buffer[start + 3], buffer[start + 4]
    size_code, rate_code = sizes >> 4, sizes & 0x0F
    if size_code == 0 or rate_code == _RATE_FORBIDDEN:
        return 0
    if layout >> 4 > _LAST_STEREO_CODE or layout >> 1 & 7 == _RESERVED_DEPTH or layout & 1:
        return 0
    length = 6
    if lead >= 0x80:
        # Section 9.1.5: the coded number is written like an extended UTF-8 of up to seven bytes.
        following = 7 - (lead ^ 0xFF).bit_length()
        if following == 0 or lead == 0xFF:
            return 0
        length += following
    if _BLOCK_SIZES[size_code] is None:
        length += 1 if size_code == _BLOCK_SIZE_8_BITS else 2
    if rate_code >= _RATE_KHZ:
        length += 1 if rate_code == _RATE_KHZ else 2
    return length


def _read_header(buffer: bytes, start: int, length: int) -> _Header | None:
    """The frame header of that length, or None when its checksum or its coded number is wrong."""
    crc = 0
    for byte in buffer[start : start + length]:
        crc = _CRC8[crc ^ byte]
    if crc:
        return None
    strategy, sizes, layout, lead = buffer[start + 1] & 1, buffer[start + 2], buffer[start + 3], buffer[start + 4]
    at = start + 5
    number = lead
    if lead >= 0x80:
        following = 7 - (lead ^ 0xFF).bit_length()
        number = lead & (0x3F >> following)
        for byte in buffer[at : at + following]:
            if byte >> 6 != 0b10:
                return None
            number = number << 6 | byte & 0x3F
        at += following
    size_code, rate_code = sizes >> 4, sizes & 0x0F
    samples = _BLOCK_SIZES[size_code]
    if samples is None:
        width = 1 if size_code == _BLOCK_SIZE_8_BITS else 2
        samples = int.from_bytes(buffer[at : at + width]) + 1
        at += width
    if rate_code < _RATE_KHZ:
        rate_hz = _RATES_HZ[rate_code]
    elif rate_code == _RATE_KHZ:
        rate_hz = buffer[at] * 1_000
    else:
        rate_hz = int.from_bytes(buffer[at : at + 2]) * (1 if rate_code == _RATE_HZ else 10)
    channels = layout >> 4
    if channels >= 8:
        channels = _STEREO - 1
    return _Header(number, samples, (strategy, rate_hz, channels, layout >> 1 & 7))
