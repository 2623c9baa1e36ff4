"""Speakers that say coded speech in real time, subscribers, and what they should have heard."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.bench.process import EngineProcess, machine_busy_seconds
from tests.bench.sockets import RawSocket, connect
from worker.engine.recognizers.coded import encode_utterance, encode_word

BYTES_PER_SECOND = 32_000
FRAME_SECONDS = 0.1
FRAME_BYTES = int(BYTES_PER_SECOND * FRAME_SECONDS)
# Speakers send at different moments, as independent callers do.
SLOTS = 20
CONNECTING_AT_A_TIME = 64
PATIENCE_SECONDS = 60.0

_WORDS = (
    "budget invoice meeting contract delivery support customer account deadline schedule report project manager "
    "weather holiday printer network password database backup release version feature question answer problem "
    "morning evening monday friday january office garden coffee window number letter kitchen engine ticket"
)
VOCABULARY = tuple(_WORDS.split())


@dataclass(frozen=True, kw_only=True)
class Speech:
    """How everybody speaks: 12 words of 0.3 s and a pause are 170 words a minute."""

    words: int = 12
    word_seconds: float = 0.3
    gap_seconds: float = 0.6


class Voice:
    """What one speaker says, repeatably; the audio comes in frames of `FRAME_BYTES`."""

    def __init__(self, seed: str, speech: Speech) -> None:
        self._rng = random.Random(seed)
        self._speech = speech
        # Nobody begins together with all others.
        pause = self._rng.random() * (speech.words * speech.word_seconds + speech.gap_seconds)
        self._audio = bytearray(round(pause / FRAME_SECONDS) * FRAME_BYTES)
        self._position = 0
        self.said: list[str] = []
        # Where the last byte of each utterance is that the recogniser needs.
        self.ends: list[int] = []

    @property
    def silent(self) -> bool:
        """The last utterance was spoken to its end."""
        return not self.ends or self._position >= self.ends[-1]

    def next_frame(self, *, may_begin: bool) -> bytes:
        """The next 100 ms: of the utterance in progress, of a new one where allowed, or of silence."""
        if len(self._audio) < FRAME_BYTES and may_begin:
            self._begin()
        self._position += FRAME_BYTES
        frame = bytes(self._audio[:FRAME_BYTES])
        del self._audio[:FRAME_BYTES]
        return frame.ljust(FRAME_BYTES, b"\0")

    def _begin(self) -> None:
        speech = self._speech
        words = self._rng.choices(VOCABULARY, k=speech.words)
        name = f"u{len(self.said)}"
        start = self._position + len(self._audio)
        audio = encode_utterance(name, words, word_seconds=speech.word_seconds, gap_seconds=speech.gap_seconds)
        last_word = encode_utterance(name, words[:-1], word_seconds=speech.word_seconds, gap_seconds=0.0)
        last_frame = encode_word(name, len(words) - 1, len(words), words[-1])
        self.ends.append(start + len(last_word) + len(last_frame))
        self.said.append(" ".join(words))
        self._audio += audio


@dataclass(slots=True)
class Heard:
    """One message of a `message_response`."""

    user_id: str
    sequence: int
    text: str
    at: float


class Speaker(RawSocket):
    """One session: speaks, and keeps the messages of its conversation.

    Args:
        number: Its place in time: speakers with the same number modulo `SLOTS` send together.
    """

    def __init__(self, number: int, voice: Voice) -> None:
        super().__init__()
        self.number = number
        self.user_id = f"speaker-{number}"
        self.voice = voice
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent_at: list[float] = []
        self.heard: list[Heard] = []
        self.errors = 0
        self.partials = 0
        self._position = 0

    def start(self) -> None:
        speaker = {"userId": self.user_id, "name": self.user_id}
        self.send_text(orjson.dumps({"type": "start_request", "speaker": speaker, "noConnectionTimeout": 5}))

    def speak(self, *, may_begin: bool) -> None:
        self.send_audio(self.voice.next_frame(may_begin=may_begin))
        self._position += FRAME_BYTES
        done = len(self.sent_at)
        if done < len(self.voice.ends) and self._position >= self.voice.ends[done]:
            self.sent_at.append(time.monotonic())

    def receive_frame(self, data: bytes) -> None:
        if b'"recognition_result"' in data[:60]:
            self.partials += 1
            return
        frame = orjson.loads(data)
        if frame["type"] == "message_response":
            self.heard += _heard(frame, time.monotonic())
        elif frame["type"] == "message":
            match frame["message"]["type"]:
                case "recognition_started":
                    self.started.set_result(None)
                case "recognition_stopped":
                    self.close()
                case "error":
                    self.errors += 1


@dataclass
class Feed:
    """What the subscribers of one conversation received: every one of them the same, byte by byte."""

    frames: list[bytes] = field(default_factory=list)
    arrivals: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    different: int = 0


class Subscriber(RawSocket):
    """Compares what it gets with what the quickest subscriber got."""

    __slots__ = ("_count", "_feed")

    def __init__(self, feed: Feed, *, reads: bool = True) -> None:
        super().__init__(reads=reads)
        self._feed = feed
        self._count = 0

    @property
    def count(self) -> int:
        return self._count

    def receive_frame(self, data: bytes) -> None:
        number, feed = self._count, self._feed
        self._count += 1
        if number == len(feed.frames):
            feed.frames.append(data)
        elif data != feed.frames[number]:
            feed.different += 1
        if data.startswith(b'{"type":"message_response"'):
            feed.arrivals[number].append(time.monotonic())


@dataclass(frozen=True, kw_only=True)
class Load:
    """What one run asks of the engine.

    Args:
        subscribers: Of the first conversation.
        stalled: Further subscribers that read nothing.
    """

    sessions: int
    subscribers: int = 0
    stalled: int = 0
    speakers_per_conversation: int = 2
    seconds: float = 20.0
    speech: Speech = field(default_factory=Speech)


@dataclass(kw_only=True)
class Result:
    """What came of a run. Latencies in seconds, from the last audio byte of an utterance to its `message_response`."""

    load: Load
    wall_seconds: float = 0.0
    messages: int = 0
    partials: int = 0
    subscriber_frames: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    speaker_latency: list[float] = field(default_factory=list)
    subscriber_latency: list[float] = field(default_factory=list)
    late_seconds: float = 0.0
    engine_cpu: float = 0.0
    generator_cpu: float = 0.0
    others_cpu: float = 0.0
    subscriber_rss: float = 0.0
    session_rss: float = 0.0
    rss_bytes: int = 0


class Run:
    """One run against one engine."""

    def __init__(self, engine: EngineProcess, token: str, load: Load) -> None:
        self._engine = engine
        self._token = token
        self._load = load
        self._feed = Feed()
        self._subscribers: list[Subscriber] = []
        self._stalled: list[Subscriber] = []
        self._speakers: list[Speaker] = []
        self._result = Result(load=load)

    async def go(self) -> Result:
        load, result = self._load, self._result
        empty = self._engine.cost()
        await self._subscribe()
        subscribed = self._engine.cost()
        await self._connect_speakers()
        started = self._engine.cost()
        if load.subscribers:
            result.subscriber_rss = (subscribed.rss_bytes - empty.rss_bytes) / load.subscribers
        result.session_rss = (started.rss_bytes - subscribed.rss_bytes) / load.sessions
        before, began, own, busy = self._engine.cost(), time.monotonic(), time.process_time(), machine_busy_seconds()
        await self._speak()
        after = self._engine.cost()
        result.wall_seconds = time.monotonic() - began
        result.engine_cpu = (after.cpu_seconds - before.cpu_seconds) / result.wall_seconds
        result.generator_cpu = (time.process_time() - own) / result.wall_seconds
        busy_cpu = (machine_busy_seconds() - busy) / result.wall_seconds
        result.others_cpu = max(0.0, busy_cpu - result.engine_cpu - result.generator_cpu)
        result.rss_bytes = after.rss_bytes
        await self._finish()
        self._check()
        return result

    async def _subscribe(self) -> None:
        async def one(socket: Subscriber, receive_buffer: int | None = None) -> None:
            path = "/v1/subscribe/bench-0"
            await connect(self._engine.base_url, path, self._token, socket, receive_buffer=receive_buffer)

        self._subscribers = [Subscriber(self._feed) for _ in range(self._load.subscribers)]
        self._stalled = [Subscriber(Feed(), reads=False) for _ in range(self._load.stalled)]
        await _in_batches(one(socket) for socket in self._subscribers)
        await _in_batches(one(socket, 4096) for socket in self._stalled)

    async def _connect_speakers(self) -> None:
        async def one(speaker: Speaker) -> None:
            path = f"/v1/streaming/bench-{speaker.number // self._load.speakers_per_conversation}"
            await connect(self._engine.base_url, path, self._token, speaker)
            speaker.start()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await speaker.started

        self._speakers = [
            Speaker(number, Voice(f"voice-{number}", self._load.speech)) for number in range(self._load.sessions)
        ]
        await _in_batches(one(speaker) for speaker in self._speakers)

    async def _speak(self) -> None:
        """In real time, until the last utterance that was begun is over."""
        slots = [self._speakers[slot::SLOTS] for slot in range(SLOTS)]
        began = time.monotonic()
        for tick in range(1_000_000_000):
            due = began + tick * FRAME_SECONDS / SLOTS
            delay = due - time.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            else:
                await asyncio.sleep(0)
                self._result.late_seconds = max(self._result.late_seconds, -delay)
            may_begin = due - began < self._load.seconds
            for speaker in slots[tick % SLOTS]:
                speaker.speak(may_begin=may_begin)
            if not may_begin and tick % SLOTS == 0 and all(speaker.voice.silent for speaker in self._speakers):
                return

    async def _finish(self) -> None:
        # Whoever stops hears no more of the others: all of them wait for the last words of all.
        for _ in range(round(PATIENCE_SECONDS / FRAME_SECONDS)):
            if all(self._has_heard(speaker) for speaker in self._speakers):
                break
            await asyncio.sleep(FRAME_SECONDS)
        for speaker in self._speakers:
            speaker.send_text(b'{"type":"stop_request"}')
        ends = [socket.closed for socket in (*self._speakers, *self._subscribers)]
        _, waiting = await asyncio.wait(ends, timeout=PATIENCE_SECONDS)
        self._result.problems["socket was not closed"] += len(waiting)
        for socket in self._stalled:
            socket.abort()

    def _has_heard(self, speaker: Speaker) -> bool:
        size = self._load.speakers_per_conversation
        at = speaker.number // size * size
        return len(speaker.heard) >= sum(len(each.voice.said) for each in self._speakers[at : at + size])

    # --- afterwards --------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        result = self._result
        size = self._load.speakers_per_conversation
        for at in range(0, len(self._speakers), size):
            group = self._speakers[at : at + size]
            for speaker in group:
                result.problems["speaker was cut off"] += speaker.close_code not in (1000, None)
                result.problems["error at a speaker"] += speaker.errors
                result.partials += speaker.partials
                self._compare(speaker.heard, group, own=speaker)
        result.messages = sum(len(speaker.voice.said) for speaker in self._speakers)
        if self._load.subscribers:
            self._check_subscribers()

    def _check_subscribers(self) -> None:
        result, feed = self._result, self._feed
        result.subscriber_frames = sum(subscriber.count for subscriber in self._subscribers)
        result.problems["frame differs at a subscriber"] += feed.different
        for subscriber in self._subscribers:
            result.problems["frame is missing at a subscriber"] += len(feed.frames) - subscriber.count
            result.problems["subscriber was not closed with 1000"] += subscriber.close_code != 1000
        frames = [orjson.loads(data) for data in feed.frames]
        group = self._speakers[: self._load.speakers_per_conversation]
        heard = [each for frame in frames if frame["type"] == "message_response" for each in _heard(frame, 0.0)]
        self._compare(heard, group)
        self._check_partials(frames, group)
        for number, arrivals in feed.arrivals.items():
            sent = self._sent_at(frames[number], group)
            result.subscriber_latency += [arrival - sent for arrival in arrivals]
            result.problems["message is missing at a subscriber"] += len(self._subscribers) - len(arrivals)

    def _compare(self, heard: Sequence[Heard], group: Sequence[Speaker], own: Speaker | None = None) -> None:
        """Every word of every speaker, once and in order; latencies of the own messages."""
        problems = self._result.problems
        problems["sequence numbers are wrong"] += [each.sequence for each in heard] != list(range(len(heard)))
        for speaker in group:
            theirs = [each for each in heard if each.user_id == speaker.user_id]
            said, texts = speaker.voice.said, [each.text for each in theirs]
            if texts != said:
                problems["message is missing"] += sum((Counter(said) - Counter(texts)).values())
                problems["message is repeated or wrong"] += sum((Counter(texts) - Counter(said)).values())
                problems["messages are out of order"] += Counter(texts) == Counter(said)
            elif speaker is own:
                pairs = zip(theirs, speaker.sent_at, strict=True)
                self._result.speaker_latency += [each.at - sent for each, sent in pairs]

    def _check_partials(self, frames: Sequence[dict[str, Any]], group: Sequence[Speaker]) -> None:
        """Every word comes once as an interim result, and every utterance once as a final one."""
        results = [frame["message"] for frame in frames if frame["type"] == "message"]
        results = [result for result in results if result["type"] == "recognition_result"]
        for speaker in group:
            expected: list[str] = []
            for text in speaker.voice.said:
                words = text.split()
                expected += [" ".join(words[: count + 1]) for count in range(len(words))]
                expected.append(text)
            mine = [each for each in results if each["user"]["userId"] == speaker.user_id]
            transcripts = [each["payload"]["raw"]["alternatives"][0]["transcript"] for each in mine]
            self._result.problems["interim results are wrong"] += transcripts != expected

    def _sent_at(self, frame: dict[str, Any], group: Sequence[Speaker]) -> float:
        message = frame["messages"][0]
        speaker = next(each for each in group if each.user_id == message["from"]["userId"])
        return speaker.sent_at[speaker.voice.said.index(message["payload"]["content"])]


def _heard(frame: dict[str, Any], at: float) -> list[Heard]:
    return [
        Heard(message["from"]["userId"], frame["sequenceNumber"], message["payload"]["content"], at)
        for message in frame["messages"]
    ]


async def _in_batches(work: Iterable[Any]) -> None:
    turns = asyncio.Semaphore(CONNECTING_AT_A_TIME)

    async def one(each: Any) -> None:
        async with turns:
            await each

    await asyncio.gather(*(one(each) for each in work))
