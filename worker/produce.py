"""``symbl-worker produce``: a WAV file, raw audio on standard input or a microphone becomes records of the audio topic.
A connection id that others feed becomes one record.

Audio is cut into chunks of 100 ms. A chunk leaves when its last sample has been said, as with a microphone: at the
start plus so many tenths of a second, by the clock and not by adding up sleeps, so that a long file does not drift.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from worker.audio.formats import validate_format
from worker.errors import BrokerError, ConfigurationError
from worker.records import Encoding
from worker.wav import Wav, read_wav

CHUNKS_PER_SECOND = 10
UNACKNOWLEDGED_MAX = 64
BROKER_SECONDS = 30.0
PIPE_BYTES = 64 * 1024

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where audio comes from. ``pieces`` may be of any length; what they add up to is cut into chunks.

    ``is_live`` says that the source itself keeps time, so that nothing is paced here.
    """

    encoding: Encoding
    sample_rate_hz: int
    channels: int
    pieces: AsyncIterator[bytes] = field(repr=False)
    is_live: bool = False

    @property
    def frame_bytes(self) -> int:
        """One sample of every channel."""
        return self.channels * (2 if self.encoding is Encoding.LINEAR16 else 1)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The audio in chunks of 100 ms; the last may be shorter. A frame that is not whole at the end is left out."""
        rest = bytearray()
        number = 0
        wanted = self._chunk_bytes(number)
        async for piece in self.pieces:
            rest += piece
            while len(rest) >= wanted:
                yield bytes(rest[:wanted])
                del rest[:wanted]
                number += 1
                wanted = self._chunk_bytes(number)
        whole = len(rest) - len(rest) % self.frame_bytes
        if whole:
            yield bytes(rest[:whole])

    def _chunk_bytes(self, number: int) -> int:
        """Rates that are no multiple of ten take turns in chunk length, so that the sum never drifts."""
        rate = self.sample_rate_hz
        return ((number + 1) * rate // CHUNKS_PER_SECOND - number * rate // CHUNKS_PER_SECOND) * self.frame_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Produced:
    """What went to Kafka. ``started_at`` is the time of the first sample, seconds since the epoch."""

    conversation_id: str
    stream: str
    topic: str
    records: int
    seconds: float
    started_at: float

    def __str__(self) -> str:
        return (
            f"{self.seconds:.1f} s of audio in {self.records} records to {self.topic}, "
            f"conversation {self.conversation_id}, stream {self.stream}"
        )


def wav_source(wav: Wav) -> Source:
    """A WAV file that has been read."""

    async def pieces() -> AsyncIterator[bytes]:
        yield wav.audio

    return Source(wav.encoding, wav.sample_rate_hz, wav.channels, pieces())


def raw_source(file_descriptor: int, encoding: Encoding, sample_rate_hz: int, channels: int = 1) -> Source:
    """Raw audio from a pipe or a file, read by a thread that ends with the process.

    Raises:
        ConfigurationError: the encoding has no fixed number of bytes per second, so it cannot be cut by time.
    """
    if encoding not in (Encoding.LINEAR16, Encoding.MULAW):
        raise ConfigurationError(f"raw audio must be LINEAR16 or MULAW, not {encoding}")

    async def pieces() -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[bytes] = asyncio.Queue(maxsize=4)

        def read() -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed while we waited for input
                data = b"-"
                while data:
                    data = os.read(file_descriptor, PIPE_BYTES)
                    asyncio.run_coroutine_threadsafe(queue.put(data), loop).result()

        threading.Thread(target=read, name="raw audio", daemon=True).start()
        while data := await queue.get():
            yield data

    return Source(encoding, sample_rate_hz, channels, pieces())


def microphone_source(sample_rate_hz: int) -> Source:
    """The default microphone, until interrupted.

    Raises:
        ConfigurationError: there is no sounddevice, no PortAudio or no microphone.
    """
    try:
        import sounddevice  # type: ignore[import-untyped]  # optional dependency
    except ImportError:
        raise ConfigurationError(
            "--microphone needs the sounddevice package: pip install 'symbl-worker[microphone]'"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"--microphone needs the PortAudio library: {error}") from None

    async def pieces() -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[bytes] = asyncio.Queue()

        def heard(data: Any, _frames: int, _time: Any, _status: Any) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, bytes(data))

        try:
            device = sounddevice.RawInputStream(
                samplerate=sample_rate_hz,
                blocksize=sample_rate_hz // CHUNKS_PER_SECOND,
                channels=1,
                dtype="int16",
                callback=heard,
            )
        except sounddevice.PortAudioError as error:
            raise ConfigurationError(f"the microphone cannot be opened: {error}") from None
        with device:
            while True:
                yield await queue.get()

    return Source(Encoding.LINEAR16, sample_rate_hz, 1, pieces(), is_live=True)


def open_source(file: str | None, *, microphone: bool, encoding: Encoding, sample_rate_hz: int) -> Source:
    """What the command line names: a WAV file, ``-`` for raw audio on standard input, or the microphone.

    Raises:
        ConfigurationError: not exactly one of them is named.
        WavError: the file cannot be used.
    """
    if microphone == (file is not None):
        raise ConfigurationError("name a WAV file, `-` for raw audio on standard input, or --microphone")
    if file is None:
        return microphone_source(sample_rate_hz)
    if file == "-":
        return raw_source(sys.stdin.fileno(), encoding, sample_rate_hz)
    return wav_source(read_wav(Path(file)))


def start_value(source: Source, stream: str, speakers: Sequence[str]) -> dict[str, Any]:
    """The value of the ``start`` record.

    Raises:
        ConfigurationError: more speakers than channels, or a format that no worker takes.
    """
    problem = validate_format(source.encoding, source.sample_rate_hz)
    if problem is not None:
        raise ConfigurationError(problem)
    if len(speakers) > source.channels:
        raise ConfigurationError(f"{len(speakers)} speakers for {source.channels} channel(s)")
    value: dict[str, Any] = {"encoding": source.encoding.value, "sample_rate_hz": source.sample_rate_hz}
    people = [{"speaker": {"name": name}} for name in speakers]
    if source.channels == 1:
        return value | (people[0] if people else {})
    people += [{}] * (source.channels - len(people))
    names = channel_streams(source, stream)
    return value | {"channels": [{"stream": name} | who for name, who in zip(names, people, strict=True)]}


def channel_streams(source: Source, stream: str) -> list[str]:
    """The streams that come out of one input stream."""
    return [stream] if source.channels == 1 else [f"{stream}.{channel}" for channel in range(source.channels)]


async def produce(
    source: Source,
    *,
    kafka: Mapping[str, Any],
    topic: str,
    conversation_id: str,
    stream: str = "0",
    speakers: Sequence[str] = (),
    details: Mapping[str, Any] | None = None,
    pace: float | None = 1.0,
    start: bool = True,
    end: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> Produced:
    """Send one source as one stream, and say in one line what was sent.

    Cancelling is safe: what was sent is flushed, the ``end`` is sent, and the cancellation goes on.

    Args:
        kafka: keyword arguments that every aiokafka client takes.
        speakers: name of the speaker; for stereo up to two, in the order of the channels.
        details: further members of the ``start`` record, such as trackers.
        pace: so many times faster than real time; None: as fast as Kafka takes it, without capture times.
        start: begin with a ``start`` record.
        end: finish with an ``end`` record.
        say: takes the summary.

    Raises:
        ConfigurationError: the format cannot be streamed, or something is asked for that needs a ``start``.
        BrokerError: Kafka cannot be reached or did not take a record in time.
    """
    opening = start_value(source, stream, speakers) | dict(details or {})
    if not start and (speakers or details or source.channels > 1):
        raise ConfigurationError("speakers and two channels are told in the `start` record, which is switched off")
    async with _Line(kafka, topic, conversation_id) as line:
        if start:
            await line.send(orjson.dumps(opening), [*_name(stream), ("event", b"start")])
        try:
            produced = await _send_audio(line, source, stream, pace)
        except asyncio.CancelledError:
            if end:
                await _end(line, source, stream)
            raise
        if end:
            await _end(line, source, stream)
    say(str(produced))
    return produced


async def follow(
    connection_id: str,
    *,
    kafka: Mapping[str, Any],
    topic: str,
    conversation_id: str,
    stream: str = "0",
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Let a conversation follow a connection id that others feed, and say so in one line.

    Args:
        kafka: keyword arguments that every aiokafka client takes.
        say: takes the summary.

    Raises:
        BrokerError: Kafka cannot be reached or did not take the record in time.
    """
    async with _Line(kafka, topic, conversation_id) as line:
        value = orjson.dumps({"connection_id": connection_id})
        await line.send(value, [*_name(stream), ("event", b"subscribe")])
    say(f"conversation {conversation_id}, stream {stream}, follows connection {connection_id}")


async def _send_audio(line: _Line, source: Source, stream: str, pace: float | None) -> Produced:
    started_at, began = time.time(), time.monotonic()
    sent_bytes = records = 0
    per_second = source.sample_rate_hz * source.frame_bytes
    async for chunk in source.chunks():
        headers = [*_name(stream), ("seq", b"%d" % records)]
        if pace is not None:
            headers.append(("ts", b"%d" % round((started_at + sent_bytes / per_second / pace) * 1000)))
        sent_bytes += len(chunk)
        if pace is not None and not source.is_live:
            await asyncio.sleep(began + sent_bytes / per_second / pace - time.monotonic())
        await line.send(chunk, headers)
        records += 1
    return Produced(
        conversation_id=line.conversation_id,
        stream=stream,
        topic=line.topic,
        records=records,
        seconds=sent_bytes / per_second,
        started_at=started_at,
    )


async def _end(line: _Line, source: Source, stream: str) -> None:
    for name in channel_streams(source, stream):
        await line.send(b"{}", [*_name(name), ("event", b"end")])


def _name(stream: str) -> Headers:
    return [("stream", stream.encode())]


class _Line:
    """An idempotent producer for one conversation. Every delivery is looked at; the number of open ones is bounded."""

    def __init__(self, kafka: Mapping[str, Any], topic: str, conversation_id: str) -> None:
        self.topic = topic
        self.conversation_id = conversation_id
        self._producer = AIOKafkaProducer(**kafka, enable_idempotence=True)
        self._open: deque[asyncio.Future[Any]] = deque()

    async def __aenter__(self) -> _Line:
        try:
            async with asyncio.timeout(BROKER_SECONDS):
                await self._producer.start()
        except (KafkaError, TimeoutError) as error:
            await self._stop()
            raise BrokerError(f"Kafka cannot be reached: {error or 'no answer'}") from error
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            await self._settle(0)
        finally:
            await self._stop()

    async def send(self, value: bytes, headers: Headers) -> None:
        """Hand one record over; waits only when too many are unacknowledged."""
        with _in_time(self.topic):
            async with asyncio.timeout(BROKER_SECONDS):
                key = self.conversation_id.encode()
                self._open.append(await self._producer.send(self.topic, value, key=key, headers=headers))
        await self._settle(UNACKNOWLEDGED_MAX)

    async def _settle(self, left: int) -> None:
        with _in_time(self.topic):
            async with asyncio.timeout(BROKER_SECONDS):
                while self._open and (len(self._open) > left or self._open[0].done()):
                    await self._open[0]
                    self._open.popleft()

    async def _stop(self) -> None:
        """An idempotent producer that has lost its broker would wait for it for ever."""
        with contextlib.suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(5.0):
                await self._producer.stop()


@contextlib.contextmanager
def _in_time(topic: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise BrokerError(f"Kafka did not take a record for {topic} within {BROKER_SECONDS:.0f} s") from None
    except KafkaError as error:
        raise BrokerError(f"Kafka refused a record for {topic}: {type(error).__name__}") from error
