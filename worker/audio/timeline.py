"""From byte positions of a stream to its audio clock and back."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Protocol

from worker.audio.flac import FlacScanner
from worker.audio.formats import AudioFormat
from worker.audio.opus import packet_us
from worker.records import Encoding

_SECOND_US = 1_000_000


class _Span(Protocol):
    """A run of bytes in one format. Its beginning is a boundary."""

    fmt: AudioFormat
    start_byte: int
    start_us: int
    end_byte: int

    @property
    def end_us(self) -> int: ...
    def append(self, payload: bytes) -> None: ...
    def close(self) -> None: ...
    def time_at(self, byte: int) -> int: ...
    def byte_at(self, us: int) -> int: ...
    def forget_before(self, byte: int) -> None: ...
    def offset_in_block(self, byte: int) -> int: ...
    def preamble_before(self, byte: int) -> bytes: ...


class _SampleSpan:
    """Samples of equal size: all is arithmetic."""

    def __init__(self, fmt: AudioFormat, byte: int, us: int, offset_in_block: int) -> None:
        self.fmt = fmt
        self.start_byte = byte
        self.start_us = us
        self.end_byte = byte
        self._rate_hz = fmt.sample_rate_hz
        self._block = fmt.block_bytes
        self._origin = byte - offset_in_block

    @property
    def end_us(self) -> int:
        return self.time_at(self.end_byte)

    def append(self, payload: bytes) -> None:
        self.end_byte += len(payload)

    def close(self) -> None:
        pass

    def time_at(self, byte: int) -> int:
        return self.start_us + (byte - self._origin) // self._block * _SECOND_US // self._rate_hz

    def byte_at(self, us: int) -> int:
        # The last sample that begins before the next microsecond does: its time is rounded down as in time_at().
        samples = ((us - self.start_us + 1) * self._rate_hz - 1) // _SECOND_US
        whole = (self.end_byte - self._origin) // self._block
        return max(self.start_byte, self._origin + min(samples, whole) * self._block)

    def forget_before(self, byte: int) -> None:
        pass

    def offset_in_block(self, byte: int) -> int:
        return (byte - self._origin) % self._block

    def preamble_before(self, byte: int) -> bytes:
        return b""


class _IndexedSpan:
    """Pieces of varying size: an index of the boundaries, each with its time."""

    def __init__(self, fmt: AudioFormat, byte: int, us: int) -> None:
        self.fmt = fmt
        self.start_byte = byte
        self.start_us = us
        self.end_byte = byte
        self._bytes = array("q", (byte,))
        self._times_us = array("q", (us,))

    @property
    def end_us(self) -> int:
        return self._times_us[-1]

    def close(self) -> None:
        pass

    def time_at(self, byte: int) -> int:
        return self._times_us[bisect_right(self._bytes, byte) - 1]

    def byte_at(self, us: int) -> int:
        return self._bytes[bisect_right(self._times_us, us) - 1]

    def forget_before(self, byte: int) -> None:
        unneeded = bisect_right(self._bytes, byte) - 1
        if unneeded > 0:
            del self._bytes[:unneeded]
            del self._times_us[:unneeded]
            self.start_byte = self._bytes[0]
            self.start_us = self._times_us[0]

    def offset_in_block(self, byte: int) -> int:
        return byte - self._bytes[bisect_right(self._bytes, byte) - 1]

    def preamble_before(self, byte: int) -> bytes:
        return b""

    def _add_boundary(self, byte: int, us: int) -> None:
        self._bytes.append(byte)
        self._times_us.append(us)


class _OpusSpan(_IndexedSpan):
    """One packet per append."""

    def append(self, payload: bytes) -> None:
        self.end_byte += len(payload)
        self._add_boundary(self.end_byte, self._times_us[-1] + packet_us(payload))


class _FlacSpan(_IndexedSpan):
    """Frames, whose end is known when the next one begins or the span is closed."""

    def __init__(self, fmt: AudioFormat, byte: int, us: int, preamble: bytes) -> None:
        super().__init__(fmt, byte, us)
        self._scanner = FlacScanner(fmt.sample_rate_hz, preamble)
        self._first_byte = byte
        self._given_bytes = len(preamble)
        self._rate_hz = fmt.sample_rate_hz
        # Time is counted in samples from the point where the rate last changed, so that nothing is rounded twice.
        self._rate_since_us = us
        self._samples = 0

    def append(self, payload: bytes) -> None:
        self.end_byte += len(payload)
        for start, samples, rate_hz in self._scanner.feed(payload):
            us = self._counted_us()
            self._add_boundary(self._first_byte + start, us)
            if rate_hz != self._rate_hz:
                self._rate_hz = rate_hz
                self._rate_since_us = us
                self._samples = 0
            self._samples += samples

    def close(self) -> None:
        if self._counted_us() > self._times_us[-1]:
            self._add_boundary(self.end_byte, self._counted_us())

    def preamble_before(self, byte: int) -> bytes:
        return self._scanner.preamble[: self._given_bytes + byte - self._first_byte]

    def _counted_us(self) -> int:
        return self._rate_since_us + self._samples * _SECOND_US // self._rate_hz


class Timeline:
    """The audio clock of one stream, in whole microseconds, against its bytes counted since it was opened.

    A boundary is a place where the stream may be cut: between two samples, Opus packets or FLAC frames, and where the
    format changes. Times are rounded down; bytes inside a sample, packet or frame have the time at which it begins.
    A FLAC frame has its end, and so its duration, from the next one; of the last frame only the beginning counts
    until :meth:`change_format` or :meth:`close`.

    Invariant: ``time_at`` never falls with rising bytes, and ``byte_at(time_at(b))`` is the last boundary that has the
    time of ``b``.

    Args:
        fmt: The format from ``byte`` on.
        byte, time_us: Where the known range begins.
        offset_in_block: How many bytes before ``byte`` the sample began that ``byte`` lies in, as
            :meth:`offset_in_block` said. For LINEAR16 only; FLAC and Opus are taken up on a boundary.
        preamble: For FLAC that is taken up at a frame: what :meth:`preamble_before` said.
    """

    def __init__(
        self,
        fmt: AudioFormat,
        *,
        byte: int = 0,
        time_us: int = 0,
        offset_in_block: int = 0,
        preamble: bytes = b"",
    ) -> None:
        self._earlier: list[_Span] = []
        self._span = _make_span(fmt, byte, time_us, offset_in_block, preamble)

    def __repr__(self) -> str:
        return f"<Timeline {self.start_byte}..{self.end_byte}, {self.end_us} us, {self.fmt.encoding}>"

    @property
    def fmt(self) -> AudioFormat:
        """The format at the end."""
        return self._span.fmt

    @property
    def start_byte(self) -> int:
        """Where the known range begins."""
        return self._earlier[0].start_byte if self._earlier else self._span.start_byte

    @property
    def end_byte(self) -> int:
        """Where the known range ends."""
        return self._span.end_byte

    @property
    def end_us(self) -> int:
        """Audio clock at the end."""
        return self._span.end_us

    @property
    def preamble(self) -> bytes:
        """What a decoder needs before it can begin at the end; empty unless the format there is FLAC."""
        return self._span.preamble_before(self._span.end_byte)

    def append(self, payload: bytes) -> None:
        """The stream goes on with these bytes; for Opus they are one packet."""
        self._span.append(payload)

    def change_format(self, fmt: AudioFormat) -> None:
        """From the end on the stream has this format; half a sample before it is lost, a FLAC frame is complete."""
        ended = self._span
        ended.close()
        if ended.end_byte > ended.start_byte:
            self._earlier.append(ended)
        self._span = _make_span(fmt, ended.end_byte, ended.end_us, 0, b"")

    def close(self) -> None:
        """The stream has ended: its last FLAC frame is complete. Nothing may be appended afterwards."""
        self._span.close()

    def time_at(self, byte: int) -> int:
        """Audio clock at a byte position.

        Raises:
            ValueError: The position is outside the known range.
        """
        return self._span_at(byte).time_at(byte)

    def byte_at(self, us: int) -> int:
        """The last boundary whose time is not after ``us``; the nearest end of the known range if that is outside."""
        span = self._span
        if us < span.start_us:
            for span in reversed(self._earlier):
                if us >= span.start_us:
                    break
            else:
                return self.start_byte
        return span.byte_at(us)

    def format_at(self, byte: int) -> AudioFormat:
        """The format of the byte at this position."""
        return self._span_at(byte).fmt

    def offset_in_block(self, byte: int) -> int:
        """How many bytes before this position the sample, packet or frame began that it lies in; 0 on a boundary."""
        return self._span_at(byte).offset_in_block(byte)

    def preamble_before(self, byte: int) -> bytes:
        """What a decoder must be given before the stream from this position on; empty unless it is FLAC there."""
        return self._span_at(byte).preamble_before(byte)

    def forget_before(self, byte: int) -> None:
        """Nothing before this position will be asked for again: drop what is not needed for that."""
        while self._earlier and self._earlier[0].end_byte <= byte:
            del self._earlier[0]
        (self._earlier[0] if self._earlier else self._span).forget_before(byte)

    def _span_at(self, byte: int) -> _Span:
        span = self._span
        if span.start_byte <= byte <= span.end_byte:
            return span
        for span in reversed(self._earlier):
            if span.start_byte <= byte < span.end_byte:
                return span
        raise ValueError(f"byte {byte} is outside the known range {self.start_byte} to {self.end_byte}")


def _make_span(fmt: AudioFormat, byte: int, us: int, offset_in_block: int, preamble: bytes) -> _Span:
    if fmt.encoding is Encoding.OPUS:
        return _OpusSpan(fmt, byte, us)
    if fmt.encoding is Encoding.FLAC:
        return _FlacSpan(fmt, byte, us, preamble)
    return _SampleSpan(fmt, byte, us, offset_in_block)
