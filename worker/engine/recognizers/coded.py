"""Coded speech: audio that carries its own words, so that a transcript can be checked word by word.

A word is a frame anywhere in the byte stream; everything between frames is silence:

    magic ``SYMBCOD1`` | payload length, 2 bytes | payload | CRC-32 of the payload, 4 bytes

Numbers are unsigned and big-endian; the payload is the UTF-8 JSON array ``[utterance, index, count, word]``.

The recogniser never hides damage, it says it: ``[lost]`` for a missing word, ``[again]`` for a word heard before,
``[damaged]`` for a frame that cannot be trusted, ``[cut]`` at the end of an utterance that was interrupted.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence

import orjson

from worker.engine.recognizers.events import AudioFormat, Event, Final, HeardWord, Partial

MAGIC = b"SYMBCOD1"
LOST = "[lost]"
AGAIN = "[again]"
DAMAGED = "[damaged]"
CUT = "[cut]"

MAX_PAYLOAD_BYTES = 4096
MAX_WORDS = 10_000

_HEADER = struct.Struct(">8sH")
_CRC = struct.Struct(">I")


def encode_word(utterance_id: str, index: int, count: int, word: str) -> bytes:
    """The frame of one word.

    Raises:
        ValueError: The word could not be read back (white space, too long, index outside of the utterance).
    """
    if not _is_token(utterance_id) or not _is_token(word):
        raise ValueError("an utterance id and a word are non-empty and without white space")
    if not 0 <= index < count <= MAX_WORDS:
        raise ValueError(f"index {index} is outside of an utterance of {count} words (at most {MAX_WORDS})")
    payload = orjson.dumps([utterance_id, index, count, word])
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a frame holds at most {MAX_PAYLOAD_BYTES} bytes")
    return _HEADER.pack(MAGIC, len(payload)) + payload + _CRC.pack(zlib.crc32(payload))


def encode_utterance(
    utterance_id: str,
    words: Sequence[str],
    *,
    bytes_per_second: int = 32_000,
    sample_bytes: int = 2,
    word_seconds: float = 0.2,
    gap_seconds: float = 0.5,
) -> bytes:
    """The audio of one utterance, followed by a gap of silence.

    Args:
        utterance_id: Unique within the stream, without white space.
        words: At least one; none with white space in it.
        bytes_per_second: Of the stream's format (16 kHz LINEAR16 by default, 8000 for MULAW).
        sample_bytes: Bytes per sample; every word and the gap are whole samples.
        word_seconds: Shortest duration of a word; a frame that needs longer takes longer.
        gap_seconds: Silence after the last word.

    Raises:
        ValueError: See `encode_word`.
    """
    audio = bytearray()
    word_bytes = _whole(word_seconds * bytes_per_second, sample_bytes)
    for index, word in enumerate(words):
        frame = encode_word(utterance_id, index, len(words), word)
        audio += frame.ljust(max(word_bytes, _whole(len(frame), sample_bytes)), b"\0")
    audio += bytes(_whole(gap_seconds * bytes_per_second, sample_bytes))
    return bytes(audio)


class CodedRecognizer:
    """Reads coded speech.

    Invariant: the events depend only on the bytes heard, not on how they were cut into calls; an event comes with the
    call that brought the last byte it needs. Any encoding is read as raw bytes; the time of FLAC and Opus is counted as
    if the bytes were 16-bit samples of the declared rate, so a generator of coded speech must count the same way.
    """

    # What is read exactly needs no help.
    ignored_vocabulary = 0

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._restart()

    def __repr__(self) -> str:
        return f"<CodedRecognizer {self._format.encoding} at byte {self._position + len(self._buffer)}>"

    @property
    def heard_seconds(self) -> float:
        return self._seconds(self._position + len(self._buffer))

    def accept(self, audio: bytes) -> list[Event]:
        self._buffer += audio
        return self._read(at_end=False)

    def accept_in_steps(self, audio: bytes) -> Iterator[list[Event]]:
        yield self.accept(audio)

    def change_format(self, audio_format: AudioFormat) -> list[Event]:
        end = self._position + len(self._buffer)
        self._anchors.append((end, self._seconds(end), audio_format.bytes_per_second))
        self._format = audio_format
        return []

    def finish(self) -> list[Event]:
        events = self._read(at_end=True)
        self._close_utterance(events, cut=True)
        return events

    def reset(self) -> None:
        self._restart()

    def close(self) -> None:
        self._restart()

    def _restart(self) -> None:
        self._buffer = bytearray()
        self._position = 0
        self._anchors = [(0, 0.0, self._format.bytes_per_second)]
        self._heard: dict[str, int] = {}
        self._utterance: str | None = None
        self._count: int | None = None
        self._expected = 0
        self._words: list[HeardWord] = []

    def _read(self, *, at_end: bool) -> list[Event]:
        """Takes every complete frame out of the buffer; ``at_end`` also gives up on the incomplete ones."""
        events: list[Event] = []
        buffer = self._buffer
        at = 0
        while True:
            start = buffer.find(MAGIC, at)
            if start < 0:
                at = max(at, len(buffer) - len(MAGIC) + 1)
                break
            at = start
            body = start + _HEADER.size
            if len(buffer) < body and not at_end:
                break
            length = _HEADER.unpack_from(buffer, start)[1] if len(buffer) >= body else MAX_PAYLOAD_BYTES + 1
            end = body + length + _CRC.size
            if length <= MAX_PAYLOAD_BYTES and len(buffer) < end and not at_end:
                break
            payload = bytes(buffer[body : body + length])
            if length > MAX_PAYLOAD_BYTES or len(buffer) < end or not _crc_fits(buffer, body + length, payload):
                # The length cannot be trusted either: the next frame may begin anywhere behind the magic.
                at = start + len(MAGIC)
                self._hear_damage(events, self._position + start, self._position + at)
                continue
            at = end
            self._hear_frame(events, payload, self._position + start, self._position + end)
        del buffer[:at]
        self._position += at
        return events

    def _hear_frame(self, events: list[Event], payload: bytes, start: int, end: int) -> None:
        spoken = _decode(payload)
        if spoken is None:
            self._hear_damage(events, start, end)
            return
        utterance, index, count, word = spoken
        if self._utterance not in (None, utterance):
            self._close_utterance(events, cut=True)
        self._utterance, self._count = utterance, count
        heard = self._heard.get(utterance, 0)
        start_seconds, end_seconds = self._seconds(start), self._seconds(end)
        for missing in range(self._expected, index):
            if not heard >> missing & 1:
                self._words.append(HeardWord(LOST, start_seconds, start_seconds))
        again = heard >> index & 1
        self._words.append(HeardWord(AGAIN if again else word, start_seconds, end_seconds))
        self._heard[utterance] = heard | 1 << index
        self._expected = max(self._expected, index + 1)
        events.append(Partial(self._text()))
        if index == count - 1:
            self._close_utterance(events, cut=False)

    def _hear_damage(self, events: list[Event], start: int, end: int) -> None:
        """A damaged frame stands for the word that should have come at this place."""
        self._words.append(HeardWord(DAMAGED, self._seconds(start), self._seconds(end)))
        self._expected += 1
        events.append(Partial(self._text()))
        if self._count is not None and self._expected >= self._count:
            self._close_utterance(events, cut=False)

    def _close_utterance(self, events: list[Event], *, cut: bool) -> None:
        if self._words:
            if cut:
                end = self._words[-1].end_seconds
                self._words.append(HeardWord(CUT, end, end))
                events.append(Partial(self._text()))
            events.append(Final(tuple(self._words)))
        self._utterance = self._count = None
        self._expected = 0
        self._words = []

    def _text(self) -> str:
        return " ".join(word.text for word in self._words)

    def _seconds(self, position: int) -> float:
        for start, seconds, bytes_per_second in reversed(self._anchors):
            if position >= start:
                return seconds + (position - start) / bytes_per_second
        raise AssertionError("no position lies before the first byte")


def _decode(payload: bytes) -> tuple[str, int, int, str] | None:
    try:
        spoken = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(spoken, list) or len(spoken) != 4:
        return None
    utterance, index, count, word = spoken
    if not (type(index) is int and type(count) is int and 0 <= index < count <= MAX_WORDS):
        return None
    if not (_is_token(utterance) and _is_token(word)):
        return None
    return utterance, index, count, word


def _is_token(value: object) -> bool:
    return isinstance(value, str) and value.split() == [value]


def _crc_fits(buffer: bytearray, at: int, payload: bytes) -> bool:
    return bool(_CRC.unpack_from(buffer, at)[0] == zlib.crc32(payload))


def _whole(size: float, sample_bytes: int) -> int:
    return -(-round(size) // sample_bytes) * sample_bytes
