"""Audio over RTP (RFC 3550, RFC 3551) and keys of a telephone (RFC 4733). Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from worker.engine.telephony.sdp import Codec

_HEADER = struct.Struct(">BBHII")
_EXTENSION = struct.Struct(">HH")
_EVENT = struct.Struct(">BBH")
_KEYS = "0123456789*#ABCD"
# One sample of it.
_SILENCE = {"PCMU": b"\xff", "PCMA": b"\xd5", "L16": b"\0\0"}

# How many packets may overtake one that is late, before it counts as lost.
REORDER_PACKETS = 5
# A longer hole is a jump of the other side's clock, not silence.
LONGEST_HOLE_SECONDS = 5.0
# Audio that is so late was lost in the network or never sent: a pause.
LATE_SECONDS = 0.3

KEY_SECONDS = 0.16
_KEY_STEP_SECONDS = 0.04
_KEY_GAP_SECONDS = 0.1
_PAUSE_SECONDS = 0.5
_KEY_VOLUME = 10


@dataclass(frozen=True, slots=True)
class RtpPacket:
    payload_type: int
    sequence: int
    timestamp: int
    source: int
    payload: bytes = field(repr=False)
    marker: bool = False


def parse(data: bytes) -> RtpPacket | None:
    """Reads one datagram; None when it is no RTP, or RTCP."""
    if len(data) < _HEADER.size:
        return None
    flags, kind, sequence, timestamp, source = _HEADER.unpack_from(data)
    if flags >> 6 != 2 or 72 <= kind & 0x7F <= 76:
        return None
    start, end = _HEADER.size + 4 * (flags & 0x0F), len(data)
    if flags & 0x10:
        if len(data) < start + _EXTENSION.size:
            return None
        start += _EXTENSION.size + 4 * _EXTENSION.unpack_from(data, start)[1]
    if flags & 0x20:
        end -= data[-1]
    if start > end:
        return None
    return RtpPacket(kind & 0x7F, sequence, timestamp, source, data[start:end], bool(kind & 0x80))


def encode(packet: RtpPacket) -> bytes:
    kind = packet.payload_type | (0x80 if packet.marker else 0)
    return _HEADER.pack(0x80, kind, packet.sequence, packet.timestamp, packet.source) + packet.payload


class Receiver:
    """Puts the audio of one call in order and fills its holes with silence, so that its clock goes on like a real one.

    Samples come out as 16-bit little-endian (L16), or as they came (PCMU, PCMA). ``now`` is a steady clock in seconds.

    Invariant: what came out is ``emitted`` samples; the next packet in order belongs at ``_expected`` on the other
    side's clock.
    """

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.emitted = 0
        self._sample_bytes = 2 if codec.name == "L16" else 1
        self._silence = _SILENCE[codec.name]
        self._source: int | None = None
        self._next = 0
        self._expected: int | None = None
        self._early: dict[int, RtpPacket] = {}
        self._began: float | None = None

    def __repr__(self) -> str:
        return f"<Receiver {self.codec.name} emitted={self.emitted} early={len(self._early)}>"

    def receive(self, packet: RtpPacket, now: float) -> bytes:
        """The audio that can be played out now, often that of this packet."""
        if packet.payload_type != self.codec.payload_type or len(packet.payload) % self._sample_bytes:
            return b""
        if packet.source != self._source:
            rest = self._drain()
            self._source, self._next, self._expected = packet.source, packet.sequence, None
            self._began = now - self._seconds(self.emitted + len(rest) // self._sample_bytes)
            return self._out(rest) + self.receive(packet, now)
        ahead = (packet.sequence - self._next) & 0xFFFF
        if ahead >= 0x8000:
            return b""  # late, or a copy
        self._early[packet.sequence] = packet
        if len(self._early) <= REORDER_PACKETS and self._next not in self._early:
            return b""
        return self._out(self._in_order())

    def fill(self, now: float) -> bytes:
        """Silence for audio that is late: nothing is sent during pauses by some telephones."""
        if self._began is None:
            return b""
        missing = int((now - self._began - LATE_SECONDS) * self.codec.rate_hz) - self.emitted
        if missing <= 0:
            return b""
        held = self._out(self._drain())
        missing -= len(held) // self._sample_bytes
        if missing <= 0:
            return held
        if self._expected is not None:
            self._expected = (self._expected + missing) & 0xFFFF_FFFF
        return held + self._out(self._silence * missing)

    def _in_order(self) -> bytes:
        """Takes out what is next, skipping what is lost once too many have overtaken it."""
        if self._next not in self._early:
            self._next = min(self._early, key=lambda each: (each - self._next) & 0xFFFF)
        audio = b""
        while self._next in self._early:
            audio += self._place(self._early.pop(self._next))
            self._next = (self._next + 1) & 0xFFFF
        return audio

    def _drain(self) -> bytes:
        audio = b""
        while self._early:
            audio += self._in_order()
        return audio

    def _place(self, packet: RtpPacket) -> bytes:
        samples = len(packet.payload) // self._sample_bytes
        hole = 0
        if self._expected is not None:
            hole = (packet.timestamp - self._expected) & 0xFFFF_FFFF
            if hole > LONGEST_HOLE_SECONDS * self.codec.rate_hz:
                # Backwards after silence that we made ourselves, or a new clock: the audio simply goes on.
                hole = 0
        self._expected = (packet.timestamp + samples) & 0xFFFF_FFFF
        payload = packet.payload
        if self.codec.name == "L16":
            # The network's byte order is not ours.
            swapped = bytearray(payload)
            swapped[0::2], swapped[1::2] = payload[1::2], payload[0::2]
            payload = bytes(swapped)
        return self._silence * hole + payload

    def _out(self, audio: bytes) -> bytes:
        self.emitted += len(audio) // self._sample_bytes
        return audio

    def _seconds(self, samples: int) -> float:
        return samples / self.codec.rate_hz


class Sender:
    """Makes our packets of one call: keys, and silence that keeps the way open."""

    def __init__(self, codec: Codec, events: int | None, source: int) -> None:
        self._codec = codec
        self._events = events
        self._source = source
        self._sequence = 0

    def keep_alive(self, seconds: float) -> bytes:
        """20 ms of silence at this time of the call: RTP that only ever comes in is cut off by some gateways."""
        samples = self._codec.rate_hz // 50
        silence = _SILENCE[self._codec.name] * samples
        return self._packet(self._codec.payload_type, int(seconds * self._codec.rate_hz), silence)

    def keys(self, text: str, begin_seconds: float) -> Iterator[tuple[float, bytes]]:
        """(time of the call in seconds, packet) of keys to press; a comma is a pause of half a second.

        Nothing for a side that knows no telephone events. Anything that is no key is left out.
        """
        at = begin_seconds
        for key in text.upper():
            if key == ",":
                at += _PAUSE_SECONDS
            elif key in _KEYS and self._events is not None:
                yield from self._key(_KEYS.index(key), at)
                at += KEY_SECONDS + _KEY_GAP_SECONDS

    def _key(self, event: int, at: float) -> Iterator[tuple[float, bytes]]:
        assert self._events is not None
        timestamp = int(at * 8_000)
        steps = round(KEY_SECONDS / _KEY_STEP_SECONDS)
        for step in range(1, steps + 1):
            payload = _EVENT.pack(event, _KEY_VOLUME, int(step * _KEY_STEP_SECONDS * 8_000))
            yield at + step * _KEY_STEP_SECONDS, self._packet(self._events, timestamp, payload, marker=step == 1)
        # The end is said three times (RFC 4733, section 2.5.1.4).
        payload = _EVENT.pack(event, 0x80 | _KEY_VOLUME, int(KEY_SECONDS * 8_000))
        for _ in range(3):
            yield at + KEY_SECONDS, self._packet(self._events, timestamp, payload)

    def _packet(self, payload_type: int, timestamp: int, payload: bytes, *, marker: bool = False) -> bytes:
        self._sequence = (self._sequence + 1) & 0xFFFF
        return encode(RtpPacket(payload_type, self._sequence, timestamp & 0xFFFF_FFFF, self._source, payload, marker))
