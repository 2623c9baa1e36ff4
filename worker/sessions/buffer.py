"""The audio of one stream that is not settled: what was sent, what waits, which records are finished. Pure.

Positions are bytes since the stream was opened. Between audio lie markers: records that change the format or the
speaker from their position on, or that only have to be finished in their turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from worker.audio.formats import AudioFormat
from worker.audio.framing import next_frame_length
from worker.audio.timeline import Timeline
from worker.records import Coordinates, Encoding, InputRecord, Speaker, Trace
from worker.sessions.state import StreamState


@dataclass(slots=True)
class Chunk:
    """Audio that is not settled. ``payload`` is None once it was dropped from memory; Kafka still has it.

    ``missing_before`` counts the records that the producer's numbering says are missing right before this one.
    """

    coordinates: Coordinates
    start_byte: int
    end_byte: int
    payload: bytes | None = field(repr=False)
    key: bytes | None = field(repr=False)
    headers: tuple[tuple[str, bytes], ...] = field(repr=False)
    received_at: float
    seq: int | None = None
    missing_before: int = 0
    trace: Trace | None = None

    def record(self) -> InputRecord:
        """The input record, with this stream's part of its audio."""
        return InputRecord(coordinates=self.coordinates, key=self.key, value=self.payload, headers=self.headers)


@dataclass(slots=True)
class _Marker:
    """Something that happens at a position of the stream. ``sent`` is about the socket that is open now."""

    offset: int
    byte: int
    fmt: AudioFormat | None
    speaker: Speaker | None
    sent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A stretch of the audio clock and the input records that hold it."""

    start_us: int
    end_us: int
    first_offset: int
    last_offset: int
    speaker: Speaker | None
    trace: Trace | None


class AudioBuffer:
    """Holds unsettled audio, oldest first: what was sent on this socket, then what was not.

    Invariants: settled position <= sent position <= end; none of them but the sent position ever goes back, and that
    one no further than the settled position; a record is finished when the settled position has reached its end.

    Args:
        state: of the stream; moved up whenever a record is finished.
        finish: told of the offset of every finished record, in order.
        missing: told of the position at which records are missing and of their number, when that place is settled.
    """

    def __init__(self, state: StreamState, finish: Callable[[int], None], missing: Callable[[int, int], None]) -> None:
        self._state = state
        self._finish = finish
        self._on_missing = missing
        self._timeline = Timeline(
            AudioFormat(state.encoding, state.sample_rate_hz),
            byte=state.byte,
            time_us=state.time_us,
            offset_in_block=state.offset_in_block,
            preamble=state.preamble,
        )
        self._sent: deque[Chunk] = deque()
        self._unsent: deque[Chunk] = deque()
        self._sent_byte = state.settled_byte
        self._markers: list[_Marker] = []
        self._absent: dict[int, Chunk] = {}
        self._held_bytes = 0
        self._unsent_bytes = 0
        self.half_sample = False
        """Whether what waits is less than a sample, so that only more audio helps."""

    def __repr__(self) -> str:
        return (
            f"<AudioBuffer settled={self._state.settled_byte} sent={self._sent_byte} end={self.end_byte}"
            f" held={self._held_bytes}>"
        )

    # --- where things stand ---

    @property
    def format(self) -> AudioFormat:
        """Format of the audio that comes next."""
        return self._timeline.fmt

    @property
    def end_byte(self) -> int:
        """End of what was received."""
        return self._timeline.end_byte

    @property
    def end_us(self) -> int:
        """Audio clock at the end of what was received."""
        return self._timeline.end_us

    @property
    def sent_byte(self) -> int:
        """End of what this socket was sent."""
        return self._sent_byte

    @property
    def sent_us(self) -> int:
        """Audio clock at the end of what this socket was sent."""
        return self.us_at(self._sent_byte)

    @property
    def settled_us(self) -> int:
        """Audio clock at the settled position."""
        return self.us_at(self._state.settled_byte)

    @property
    def held_bytes(self) -> int:
        """Audio in memory."""
        return self._held_bytes

    @property
    def unsent_bytes(self) -> int:
        """Audio in memory that waits to be sent."""
        return self._unsent_bytes

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to settle."""
        return self._state.settled_byte >= self.end_byte

    @property
    def has_unsent(self) -> bool:
        """Whether audio waits to be sent, in memory or not."""
        return bool(self._unsent)

    @property
    def waiting_since(self) -> float | None:
        """When the oldest audio that could be sent was received."""
        if not self._unsent or self._unsent[0].payload is None or self.half_sample:
            return None
        return self._unsent[0].received_at

    @property
    def first_absent_offset(self) -> int | None:
        """First record whose audio is needed and is no longer in memory: read on from there."""
        return next(iter(self._absent), None)

    def us_at(self, byte: int) -> int:
        """Audio clock at a position; a restored stream may stand inside a record that was not read again yet."""
        return self._timeline.time_at(min(byte, self._timeline.end_byte))

    def byte_at(self, us: int) -> int:
        """Last place at or before a time where the stream may be cut."""
        return self._timeline.byte_at(us)

    def preamble(self) -> bytes:
        """What a decoder must be given before the audio from the sent position on."""
        return self._timeline.preamble_before(self._sent_byte)

    def chunks(self) -> list[Chunk]:
        """Everything that is not settled, in order."""
        return [*self._sent, *self._unsent]

    # --- filling ---

    def append(
        self,
        record: InputRecord,
        payload: bytes,
        now: float,
        *,
        seq: int | None = None,
        missing_before: int = 0,
        trace: Trace | None = None,
    ) -> None:
        """The stream goes on with the audio of a record."""
        start = self._timeline.end_byte
        self._timeline.append(payload)
        end = self._timeline.end_byte
        self._unsent.append(
            Chunk(record.coordinates, start, end, payload, record.key, record.headers, now, seq, missing_before, trace)
        )
        self._held_bytes += len(payload)
        self._unsent_bytes += end - max(start, min(self._sent_byte, end))
        self.half_sample = False

    def mark(self, offset: int, *, fmt: AudioFormat | None = None, speaker: Speaker | None = None) -> None:
        """A record without audio: format or speaker change here, or nothing does."""
        if fmt is not None:
            self._timeline.change_format(fmt)
        self._markers.append(_Marker(offset, self._timeline.end_byte, fmt, speaker))
        self._release()

    def end(self) -> None:
        """Nothing will be appended any more."""
        self._timeline.close()

    # --- memory ---

    def drop_sent(self) -> int:
        """Forget the bytes that were sent and are not settled; Kafka has them. Returns how many."""
        freed = 0
        for chunk in self._sent:
            if chunk.payload is not None:
                freed += len(chunk.payload)
                chunk.payload = None
        self._held_bytes -= freed
        return freed

    def refill(self, offset: int, payload: bytes, now: float) -> None:
        """A record was read a second time: its bytes are taken back if they are needed."""
        chunk = self._absent.pop(offset, None)
        if chunk is not None:
            chunk.payload = payload
            chunk.received_at = now
            self._held_bytes += len(payload)
            self._unsent_bytes += chunk.end_byte - max(chunk.start_byte, self._sent_byte)

    # --- sending ---

    def due_format(self) -> AudioFormat | None:
        """A format that the peer must be told of before the next frame; told once."""
        for marker in self._markers:
            if marker.byte > self._sent_byte:
                break
            if marker.fmt is not None and not marker.sent:
                marker.sent = True
                return marker.fmt
        return None

    def next_frame(self, *, flush: bool) -> bytes | None:
        """The next frame to be sent, or None while there is not enough for one, or it is not in memory.

        Args:
            flush: do not wait for more audio to make a frame full.
        """
        limit = next((m.byte for m in self._markers if m.fmt is not None and not m.sent), self.end_byte)
        final = flush or limit < self.end_byte
        available = limit - self._sent_byte
        if available <= 0 or not self._unsent or self._unsent[0].payload is None:
            return None
        fmt = self._timeline.format_at(self._sent_byte)
        packet = self._unsent[0].end_byte - self._sent_byte if fmt.encoding is Encoding.OPUS else None
        length = next_frame_length(fmt, available, flush=final, packet_bytes=packet)
        if length:
            return self._read(length)
        self.half_sample = final
        return None

    def skip_half_sample(self) -> None:
        """A sample that nothing completes is not sent; it is settled with what lies before it."""
        limit = next((m.byte for m in self._markers if m.fmt is not None and not m.sent), self.end_byte)
        self._advance(limit - self._sent_byte)
        self.half_sample = False

    def is_cut_short(self) -> bool:
        """Whether the half sample that waits can never be completed, since the format changes right after it."""
        return self.half_sample and any(
            m.fmt is not None and not m.sent and m.byte < self.end_byte for m in self._markers
        )

    def rewind(self) -> AudioFormat:
        """A new socket begins: everything that is not settled is to be sent again. Returns the format there."""
        absent = any(chunk.payload is None for chunk in self._sent)
        self._unsent.extendleft(reversed(self._sent))
        self._sent.clear()
        self._sent_byte = self._state.settled_byte
        self.half_sample = False
        for marker in self._markers:
            marker.sent = False
        if absent or self._absent:
            # What follows a hole is read again as well, so that memory fills in the order in which it empties.
            for chunk in self._unsent:
                chunk.payload = None
            self._absent = {chunk.coordinates.offset: chunk for chunk in self._unsent}
            self._held_bytes = 0
        self._unsent_bytes = sum(
            chunk.end_byte - max(chunk.start_byte, self._sent_byte)
            for chunk in self._unsent
            if chunk.payload is not None
        )
        return AudioFormat(self._state.encoding, self._state.sample_rate_hz)

    # --- settling ---

    def settle(self, byte: int) -> bool:
        """All audio before this position is settled. Returns whether that is news."""
        if byte <= self._state.settled_byte:
            return False
        self._state.settled_byte = byte
        self._state.preamble = self._timeline.preamble_before(min(byte, self.end_byte))
        if byte > self._sent_byte:
            self._advance(byte - self._sent_byte)
        self._release()
        return True

    def place(self, start_us: int, end_us: int, trace: Trace | None) -> Place:
        """Where a result lies; the trace is that of its first record that has one, else the given one."""
        start_byte = self.byte_at(start_us)
        end_byte = self.byte_at(end_us)
        first = last = None
        found: Trace | None = None
        for held in (self._sent, self._unsent):
            for chunk in held:
                if first is not None and chunk.start_byte >= end_byte:
                    break
                if chunk.end_byte > start_byte:
                    last = chunk.coordinates.offset
                    first = last if first is None else first
                    found = found or chunk.trace
        if first is None or last is None:
            first = last = max(self._state.offset, 0)
        return Place(
            start_us=start_us,
            end_us=end_us,
            first_offset=first,
            last_offset=last,
            speaker=self._speaker_at(start_byte),
            trace=found or trace,
        )

    # --- internals ---

    def _speaker_at(self, byte: int) -> Speaker | None:
        speaker = self._state.speaker
        for marker in self._markers:
            if marker.byte > byte:
                break
            speaker = marker.speaker or speaker
        return speaker

    def _read(self, length: int) -> bytes | None:
        head = self._unsent[0]
        position = self._sent_byte
        if position == head.start_byte and length == head.end_byte - head.start_byte:
            self._advance(length)
            return head.payload
        parts: list[bytes] = []
        wanted = length
        for chunk in self._unsent:
            if chunk.payload is None:
                return None
            begin = position - chunk.start_byte
            part = chunk.payload[begin : begin + wanted]
            parts.append(part)
            wanted -= len(part)
            position += len(part)
            if not wanted:
                break
        self._advance(length)
        return b"".join(parts)

    def _advance(self, length: int) -> None:
        before = self._sent_byte
        self._sent_byte += length
        while self._unsent and self._unsent[0].end_byte <= self._sent_byte:
            chunk = self._unsent.popleft()
            self._sent.append(chunk)
            if chunk.payload is not None:
                self._unsent_bytes -= chunk.end_byte - max(chunk.start_byte, before)
            before = max(before, chunk.end_byte)
        if self._unsent and self._unsent[0].payload is not None and self._sent_byte > before:
            self._unsent_bytes -= self._sent_byte - max(self._unsent[0].start_byte, before)

    def _release(self) -> None:
        """Finish the records whose audio is settled, and move the state up to the last of them."""
        state = self._state
        while True:
            queue = self._sent or self._unsent
            chunk = queue[0] if queue else None
            marker = self._markers[0] if self._markers else None
            if chunk is not None and (marker is None or chunk.coordinates.offset < marker.offset):
                if chunk.end_byte > state.settled_byte:
                    break
                queue.popleft()
                self._release_chunk(chunk)
            elif marker is not None and marker.byte <= state.settled_byte:
                del self._markers[0]
                state.speaker = marker.speaker or state.speaker
                if marker.fmt is not None:
                    state.encoding = marker.fmt.encoding
                    state.sample_rate_hz = marker.fmt.sample_rate_hz
                    state.offset_in_block = 0
                state.offset = marker.offset
                self._finish(marker.offset)
            else:
                break
        self._timeline.forget_before(state.byte)

    def _release_chunk(self, chunk: Chunk) -> None:
        state = self._state
        if chunk.payload is not None:
            self._held_bytes -= len(chunk.payload)
        self._absent.pop(chunk.coordinates.offset, None)
        if chunk.missing_before:
            self._on_missing(chunk.start_byte, chunk.missing_before)
        state.byte = chunk.end_byte
        state.time_us = self._timeline.time_at(chunk.end_byte)
        state.offset_in_block = self._timeline.offset_in_block(chunk.end_byte)
        state.seq = state.seq if chunk.seq is None else chunk.seq
        state.offset = chunk.coordinates.offset
        self._finish(chunk.coordinates.offset)
