"""The audio of one stream that is not settled: what was sent, what waits, which records are finished. Pure.

Positions are bytes since the stream was opened. Between audio lie markers: records that change the format or the
speaker from their position on, or that only have to be finished in their turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from worker.audio.formats import AudioFormat, split_interleaved
from worker.audio.framing import next_frame_length
from worker.audio.timeline import Timeline
from worker.records import Coordinates, Encoding, InputRecord, Speaker, Trace
from worker.sessions.state import StreamState


@dataclass(slots=True)
class Chunk:
    """Audio that is not settled. ``payload`` is None once it was dropped from memory; Kafka still has it.

    Args:
        half: which half of interleaved stereo this is; None when the record is this stream's alone.
        checksum: of the payload, where the record has a sequence number.
        missing_before: how many records the producer's numbering says are missing right before this one.
    """

    coordinates: Coordinates
    start_byte: int
    end_byte: int
    payload: bytes | None = field(repr=False)
    key: bytes | None = field(repr=False)
    headers: tuple[tuple[str, bytes], ...] = field(repr=False)
    received_at: float
    half: int | None = None
    seq: int | None = None
    checksum: int = 0
    missing_before: int = 0
    trace: Trace | None = None

    def record(self) -> InputRecord:
        """The input record, with this stream's part of its audio."""
        return InputRecord(coordinates=self.coordinates, key=self.key, value=self.payload, headers=self.headers)


@dataclass(slots=True)
class _Marker:
    """Something that happens at a position of the stream. ``restarts``: sequence numbers begin anew after it."""

    offset: int
    byte: int
    fmt: AudioFormat | None
    speaker: Speaker | None
    restarts: bool = False


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
            byte=state.settled_byte,
            time_us=state.time_us,
            preamble=state.preamble,
        )
        self._end_byte = state.byte
        self._sent: deque[Chunk] = deque()
        self._unsent: deque[Chunk] = deque()
        self._sent_byte = state.settled_byte
        self._markers: list[_Marker] = []
        self._told = self._timeline.fmt
        self._absent: dict[int, Chunk] = {}
        self._held_bytes = 0
        self._unsent_bytes = 0
        self.half_sample = False
        """Whether what could be sent is less than a sample, so that only more audio helps."""

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
        return self._end_byte

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
    def has_sendable(self) -> bool:
        """Whether a socket would have something to send, now or when memory is refilled."""
        return bool(self._unsent) and not self.half_sample

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
        """Audio clock at a position; that of the settled position for what lies before it."""
        timeline = self._timeline
        return timeline.time_at(max(timeline.start_byte, min(byte, timeline.end_byte)))

    def byte_at(self, us: int) -> int:
        """Last place at or before a time where the stream may be cut."""
        return self._timeline.byte_at(us)

    def cut_before(self, byte: int) -> int:
        """Last place at or before a position where the stream may be cut; only FLAC is sent up to other places."""
        return max(self._state.settled_byte, byte - self._timeline.offset_in_block(byte))

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
        half: int | None = None,
        seq: int | None = None,
        checksum: int = 0,
        missing_before: int = 0,
        trace: Trace | None = None,
    ) -> None:
        """The stream goes on with the audio of a record."""
        self._leave_lost_rest(record.coordinates.offset, is_counted=missing_before > 0)
        chunk = Chunk(
            coordinates=record.coordinates,
            start_byte=self._end_byte,
            end_byte=self._end_byte + len(payload),
            payload=payload,
            key=record.key,
            headers=record.headers,
            received_at=now,
            half=half,
            seq=seq,
            checksum=checksum,
            missing_before=missing_before,
            trace=trace,
        )
        # A restored stream may stand inside of its next record.
        self._timeline.append(payload[self._timeline.end_byte - chunk.start_byte :])
        self._end_byte = chunk.end_byte
        self._unsent.append(chunk)
        self._held_bytes += len(payload)
        self._unsent_bytes += _beyond(chunk, self._sent_byte)
        self.half_sample = False
        if chunk.end_byte <= self._state.settled_byte:
            self._advance(0)
            self._release()

    def mark(
        self,
        offset: int,
        *,
        fmt: AudioFormat | None = None,
        speaker: Speaker | None = None,
        restarts: bool = False,
    ) -> None:
        """A record without audio: format or speaker change here, or sequence numbers begin anew, or nothing happens."""
        self._leave_lost_rest(offset)
        if fmt is not None:
            self._timeline.change_format(fmt)
        self._markers.append(_Marker(offset, self._end_byte, fmt, speaker, restarts))
        self._release()

    def leave_rest(self) -> bool:
        """A restored stream that stands inside of a record goes on with the next one. Returns whether it did."""
        state = self._state
        if self._end_byte >= state.settled_byte:
            return False
        self._end_byte = state.byte = state.settled_byte
        state.partial_offset = -1
        return True

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

    def refill(self, offset: int, value: bytes, now: float) -> None:
        """A record was read a second time: its audio is taken back if it is needed."""
        chunk = self._absent.pop(offset, None)
        if chunk is None:
            return
        payload = value
        if chunk.half is not None:
            fmt = self._timeline.format_at(max(chunk.start_byte, self._state.settled_byte))
            payload = split_interleaved(value, fmt)[chunk.half]
        chunk.payload = payload
        chunk.received_at = now
        self._held_bytes += len(payload)
        self._unsent_bytes += _beyond(chunk, self._sent_byte)
        self.half_sample = False

    def absent_end(self, first_offset: int, end_offset: int) -> int | None:
        """Where the audio ends that is needed and lies in records of this range; None when there is none.

        A sample of which the first half lies there counts as a whole.
        """
        ends = [chunk.end_byte for offset, chunk in self._absent.items() if first_offset <= offset < end_offset]
        if not ends:
            return None
        end = max(ends)
        block = self._timeline.format_at(end).block_bytes
        return min(end + -self._timeline.offset_in_block(end) % block, self._end_byte)

    # --- sending ---

    def due_format(self) -> AudioFormat | None:
        """A format that the peer must be told of before the next frame; told once."""
        fmt = self._timeline.format_at(self._sent_byte)
        if fmt == self._told:
            return None
        self._told = fmt
        return fmt

    def next_frame(self, *, flush: bool) -> bytes | None:
        """The next frame to be sent, or None while there is not enough for one, or it is not in memory.

        Args:
            flush: do not wait for more audio to make a frame full.
        """
        limit = self._next_format_byte()
        final = flush or limit < self._end_byte
        # What is not in memory ends a frame early, if the frame may be short.
        end = min(limit, self._hole_byte())
        available = end - self._sent_byte
        if available <= 0:
            return None
        fmt = self._timeline.format_at(self._sent_byte)
        packet = self._unsent[0].end_byte - self._sent_byte if fmt.encoding is Encoding.OPUS else None
        length = next_frame_length(fmt, available, flush=final, packet_bytes=packet)
        if length:
            return self._read(length)
        self.half_sample = final
        return None

    def skip_half_sample(self, *, ending: bool) -> bool:
        """A sample that nothing completes is not sent; it is settled with what lies before it.

        Args:
            ending: nothing will be appended any more. Else only a change of the format cuts a sample short.

        Returns:
            Whether there was one.
        """
        limit = self._next_format_byte()
        if not self.half_sample or self._hole_byte() < limit or not (ending or limit < self._end_byte):
            return False
        self._advance(limit - self._sent_byte)
        self.half_sample = False
        return True

    def rewind(self) -> AudioFormat:
        """A new socket begins: everything that is not settled is to be sent again. Returns the format there."""
        self._unsent.extendleft(reversed(self._sent))
        self._sent.clear()
        self._sent_byte = self._state.settled_byte
        self.half_sample = False
        self._absent = {}
        self._unsent_bytes = 0
        for chunk in self._unsent:
            # What follows a hole is read again as well, so that memory fills in the order in which it empties.
            if chunk.payload is not None and self._absent:
                self._held_bytes -= len(chunk.payload)
                chunk.payload = None
            if chunk.payload is None:
                self._absent[chunk.coordinates.offset] = chunk
            else:
                self._unsent_bytes += _beyond(chunk, self._sent_byte)
        self._told = AudioFormat(self._state.encoding, self._state.sample_rate_hz)
        return self._told

    # --- settling ---

    def settle(self, byte: int) -> bool:
        """All audio before this position is settled. Returns whether that is news."""
        state = self._state
        if byte <= state.settled_byte:
            return False
        if byte > self._sent_byte:
            self._advance(byte - self._sent_byte)
        state.settled_byte = byte
        state.time_us = self.us_at(byte)
        state.preamble = self._timeline.preamble_before(byte)
        self._release()
        head = next(iter(self._sent or self._unsent), None)
        state.partial_offset = head.coordinates.offset if head is not None and head.start_byte < byte else -1
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

    def _next_format_byte(self) -> int:
        """Where the format changes next; the end when it does not."""
        changes = (m.byte for m in self._markers if m.fmt is not None and m.byte > self._sent_byte)
        return next(changes, self._end_byte)

    def _hole_byte(self) -> int:
        """Where the audio begins that has to be read again; the end when there is none."""
        return next((chunk.start_byte for chunk in self._absent.values()), self._end_byte)

    def _leave_lost_rest(self, offset: int, *, is_counted: bool = False) -> None:
        """A restored stream stood inside of a record, and another one comes: Kafka no longer has the rest of it.

        Args:
            is_counted: the producer's numbering says so, too.
        """
        if offset != self._state.partial_offset and self.leave_rest() and not is_counted:
            self._on_missing(self._state.settled_byte, 1)

    def _speaker_at(self, byte: int) -> Speaker | None:
        speaker = self._state.speaker
        for marker in self._markers:
            if marker.byte > byte:
                break
            speaker = marker.speaker or speaker
        return speaker

    def _read(self, length: int) -> bytes:
        head = self._unsent[0]
        position = self._sent_byte
        if head.payload is not None and position == head.start_byte and length == head.end_byte - head.start_byte:
            self._advance(length)
            return head.payload
        parts: list[bytes] = []
        wanted = length
        for chunk in self._unsent:
            assert chunk.payload is not None, "a frame ends where memory does"
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
                self._unsent_bytes -= _beyond(chunk, before)
        if self._unsent and self._unsent[0].payload is not None:
            head = self._unsent[0]
            self._unsent_bytes -= _beyond(head, before) - _beyond(head, self._sent_byte)

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
                if marker.restarts:
                    state.seq = None
                if marker.fmt is not None:
                    state.encoding = marker.fmt.encoding
                    state.sample_rate_hz = marker.fmt.sample_rate_hz
                state.offset = marker.offset
                self._finish(marker.offset)
            else:
                break
        self._timeline.forget_before(state.settled_byte)

    def _release_chunk(self, chunk: Chunk) -> None:
        state = self._state
        if chunk.payload is not None:
            self._held_bytes -= len(chunk.payload)
        self._absent.pop(chunk.coordinates.offset, None)
        if chunk.missing_before:
            self._on_missing(chunk.start_byte, chunk.missing_before)
        state.byte = chunk.end_byte
        if chunk.seq is not None:
            state.seq, state.seq_checksum = chunk.seq, chunk.checksum
        state.offset = chunk.coordinates.offset
        self._finish(chunk.coordinates.offset)


def _beyond(chunk: Chunk, byte: int) -> int:
    """How much of a chunk lies behind a position."""
    return max(0, chunk.end_byte - max(chunk.start_byte, byte))
