"""What integration tests are made of: real programs, coded speech, and a reader that checks what was published."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from tests.contracts import validate_headers, validate_record
from worker.demo.broker import free_ports
from worker.demo.processes import ManagedProcess
from worker.engine.recognizers.coded import encode_utterance

TOPIC_KINDS = ("captions", "transcripts", "redacted", "insights", "conversations", "dead_letters", "state")
CHUNK_BYTES = 3200
CLOCK_TOLERANCE_MS = 3
MARKS = ("[lost]", "[again]", "[damaged]", "[cut]")

T = TypeVar("T")


@dataclass
class Script:
    """What is spoken on one stream: utterances of distinct made-up words, so that every one can be accounted for."""

    conversation_id: str
    stream: str
    utterances: list[str]
    starts_ms: list[int]
    audio: bytes = field(repr=False)

    def chunks(self) -> list[bytes]:
        """The audio in chunks of 100 ms."""
        return [self.audio[begin : begin + CHUNK_BYTES] for begin in range(0, len(self.audio), CHUNK_BYTES)]


def write_script(
    conversation_id: str, stream: str, utterances: int, rng: random.Random, *, endings: Sequence[str] = (".",)
) -> Script:
    """Coded speech of some utterances of three to six words."""
    texts: list[str] = []
    starts_ms: list[int] = []
    audio = bytearray(3200 * rng.randrange(1, 4))
    for number in range(utterances):
        tag = f"{zlib.crc32(f'{conversation_id}/{stream}/{number}'.encode()):08x}"
        words = [f"w{tag}x{index}" for index in range(rng.randrange(3, 7))]
        words[-1] += rng.choice(endings)
        texts.append(" ".join(words))
        starts_ms.append(len(audio) // 32)
        audio += encode_utterance(f"u{number}", words, gap_seconds=rng.uniform(0.2, 0.6))
    return Script(conversation_id, stream, texts, starts_ms, bytes(audio))


@dataclass
class Published:
    """Everything that a run published, by kind of topic, in the order of the partitions."""

    records: dict[str, list[dict[str, Any]]]

    def of(self, kind: str, conversation_id: str | None = None, stream: str | None = None) -> list[dict[str, Any]]:
        """Values of one kind, of one conversation, of one stream."""
        return [
            value
            for value in self.records[kind]
            if (conversation_id is None or value["conversation_id"] == conversation_id)
            and (stream is None or value.get("stream") == stream)
        ]


def verify(scripts: Iterable[Script], published: Published, *, repeats_allowed: bool, gaps_expected: int = 0) -> int:
    """Hold what was published against what was spoken.

    Every utterance arrives once by id, whole, in order and with its place in the audio; sequences have no holes.

    Returns:
        How many records repeated an id.
    """
    repeated = 0
    for script in scripts:
        by_id: dict[str, dict[str, Any]] = {}
        for value in published.of("transcripts", script.conversation_id, script.stream):
            if value["id"] in by_id:
                repeated += 1
                twice = [(each["sequence"], each["_place"]) for each in (by_id[value["id"]], value)]
                assert repeats_allowed, f"{script.conversation_id}/{script.stream}: {value['id']} came twice: {twice}"
            by_id[value["id"]] = value
        final = sorted(by_id.values(), key=lambda value: value["sequence"])
        where = f"{script.conversation_id}/{script.stream}"
        assert [value["sequence"] for value in final] == list(range(len(final))), f"{where}: holes in the sequence"
        assert [value["text"] for value in final] == script.utterances, f"{where}: not what was spoken"
        starts = [value["audio"]["start_ms"] for value in final]
        assert starts == sorted(starts), f"{where}: the audio clock went back"
        apart = [abs(start - spoken) for start, spoken in zip(starts, script.starts_ms, strict=True)]
        # Each new socket and each new owner may round once more.
        assert max(apart) <= CLOCK_TOLERANCE_MS, f"{where}: the audio clock is off by up to {max(apart)} ms"
        masked = {value["id"]: value for value in published.of("redacted", script.conversation_id, script.stream)}
        assert len(masked) == len(final), f"{where}: redacted messages differ in number"
    gaps = [value for value in published.records["conversations"] if value["event"] == "gap"]
    assert len(gaps) == gaps_expected, f"{len(gaps)} gaps"
    return repeated


class System:
    """The programs of one test, on topics of their own."""

    def __init__(self, bootstrap_servers: str, folder: Path, name: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.folder = folder
        self.seed = int(os.environ.get("SEED", random.randrange(10**6)))
        print(f"SEED={self.seed}")
        self.rng = random.Random(self.seed)
        self.prefix = re.sub(r"[^a-z0-9]+", "-", name.lower())[:40].strip("-") + f"-{self.rng.randrange(10**6)}"
        self.spoken: set[str] = set()
        self.settings: dict[str, str] = {
            "KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
            "KAFKA__SESSION_TIMEOUT_SECONDS": "6",
            "TOPICS__AUDIO": self.topic("audio"),
            "TOPICS__PARTITIONS": "4",
            "TOPICS__REPLICATION_FACTOR": "1",
            "SYMBL__APP_ID": "tests",
            "SYMBL__APP_SECRET": "not-a-secret",
            "SYMBL__PACE": "0",
            "SYMBL__RECONNECT_CAP_SECONDS": "1",
            "SYMBL__HEALTHY_SECONDS": "1",
            "WORKER__GROUP_ID": self.prefix,
            "WORKER__SILENCE_HORIZON_SECONDS": "3",
            "HTTP__PORT": "0",
            "LOG__LEVEL": "DEBUG",
        } | {f"TOPICS__{kind.upper()}": self.topic(kind) for kind in TOPIC_KINDS}
        self._processes: list[ManagedProcess] = []
        self._producer: Any = None

    def topic(self, kind: str) -> str:
        """Name of this test's topic of a kind."""
        return f"{self.prefix}.{kind.replace('_', '-')}"

    # --- programs ---

    def cli(self, name: str, *arguments: str, **settings: str) -> ManagedProcess:
        """Start one of our commands. Its log is kept, whatever happens to it."""
        environment = {key: value for key, value in os.environ.items() if "__" not in key}
        number = len(self._processes)
        process = ManagedProcess(
            name,
            [sys.executable, "-m", "worker.cli", *arguments],
            log=self.folder / f"{name}-{number}.log",
            output=self.folder / f"{name}-{number}.out",
            env=environment | self.settings | settings,
        )
        self._processes.append(process)
        return process

    async def address(self, process: ManagedProcess) -> str:
        """The address that a program prints when it is ready."""
        output = process.log.with_suffix(".out")

        async def said() -> str | None:
            assert process.exit_code is None, f"{process.name} ended with {process.exit_code}:\n{process.tail()}"
            found = re.search(r"https?://\S+", output.read_text())
            return found[0] if found else None

        return await eventually(said, 30, f"{process.name} is ready")

    async def create_topics(self) -> None:
        """Create this test's topics with our own command."""
        process = self.cli("topics", "topics", "create")
        assert await asyncio.to_thread(process.wait, 60), "topics create hangs"
        assert process.exit_code == 0, process.tail()

    async def engine(self, *arguments: str, port: int = 0, **settings: str) -> str:
        """Start an engine on coded speech. Returns its address, which workers use from here on."""
        process = self.cli("engine", "engine", "--recognizer", "coded", "--port", str(port), *arguments, **settings)
        url = await self.address(process)
        self.settings["SYMBL__BASE_URL"] = url
        return url

    async def worker(self, **settings: str) -> Worker:
        """Start a worker and wait until it takes part."""
        process = self.cli("worker", "run", **settings)
        worker = Worker(process, await self.address(process))
        await eventually(worker.is_ready, 30, "the worker is ready")
        return worker

    def process(self, name: str) -> ManagedProcess:
        """The latest program of a name."""
        return next(process for process in reversed(self._processes) if process.name == name)

    async def stop(self) -> None:
        """Stop everything, in reverse order."""
        if self._producer is not None:
            await self._producer.stop()
        for process in reversed(self._processes):
            await asyncio.to_thread(process.stop, 15)

    def assert_silent_logs(self) -> None:
        """No word that was spoken stands in any log, at the lowest level that there is."""
        for process in self._processes:
            assert not words_in(process.log, self.spoken), f"{process.log.name} holds spoken words"

    # --- Kafka ---

    async def produce(self, conversation_id: str | None, value: bytes | None, **headers: str | int) -> Any:
        """Send one record to the audio topic; returns where it went."""
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                bootstrap_servers=self.bootstrap_servers, enable_idempotence=True, linger_ms=5
            )
            await self._producer.start()
        return await self._producer.send_and_wait(
            self.topic("audio"),
            value,
            key=None if conversation_id is None else conversation_id.encode(),
            headers=[(name, str(text).encode()) for name, text in headers.items()],
        )

    async def speak(self, script: Script, *, speed: float, end: bool = True, **start: object) -> None:
        """Play a script, so many times faster than real time."""
        self.spoken.update(word.strip(".?!") for text in script.utterances for word in text.split())
        name, stream = script.conversation_id, script.stream
        opening = {"speaker": {"user_id": f"user-{stream}", "name": f"Speaker {stream}"}, **start}
        await self.produce(name, json.dumps(opening).encode(), stream=stream, event="start")
        began = time.monotonic()
        for number, chunk in enumerate(script.chunks()):
            await asyncio.sleep(max(0.0, began + number * 0.1 / speed - time.monotonic()))
            await self.produce(name, chunk, stream=stream, seq=number)
        if end:
            await self.produce(name, b"", stream=stream, event="end")

    async def speak_all(self, scripts: Sequence[Script], *, speed: float, spread: float = 1.0) -> None:
        """Play scripts at the same time, with slightly different beginnings."""

        async def later(script: Script, delay: float) -> None:
            await asyncio.sleep(delay)
            await self.speak(script, speed=speed)

        await asyncio.gather(*(later(script, self.rng.uniform(0, spread)) for script in scripts))

    async def read(self, kinds: Sequence[str] = TOPIC_KINDS) -> Published:
        """Everything that is published by now, each record held against its schema."""
        topics = {self.topic(kind): kind for kind in kinds}
        found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap_servers,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(topic, number) for topic in topics for number in range(4)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
                for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                    kind = topics[partition.topic]
                    for record in records:
                        if record.value is None:
                            assert kind == "state"
                            continue
                        validate_record(kind, record.value)
                        if kind != "state":
                            validate_headers(record.headers)
                        value = json.loads(record.value)
                        if kind not in ("dead_letters", "state"):
                            assert record.key.decode() == value["conversation_id"]
                        value["_headers"] = dict(record.headers)
                        value["_place"] = f"{partition.partition}@{record.offset} of {record.timestamp}"
                        found[kind].append(value)
        finally:
            await consumer.stop()
        return Published(found)

    async def ended(self, conversations: Iterable[str], seconds: float) -> Published:
        """Wait until these conversations have ended, then read everything."""
        wanted = set(conversations)

        async def all_ended() -> bool:
            seen = (await self.read(["conversations"])).records["conversations"]
            return wanted <= {value["conversation_id"] for value in seen if value["event"] == "ended"}

        await eventually(all_ended, seconds, "all conversations have ended", every=0.5)
        return await self.read()


@dataclass
class Worker:
    """A running worker."""

    process: ManagedProcess
    url: str

    async def get(self, path: str) -> tuple[int, str]:
        """Ask its HTTP port."""
        async with aiohttp.ClientSession() as http, http.get(self.url + path) as answer:
            return answer.status, await answer.text()

    async def is_ready(self) -> bool:
        """Whether it takes part."""
        status, _ = await self.get("/health/ready")
        return status == 200

    async def metrics(self) -> Mapping[str, float]:
        """Its metrics, summed over labels."""
        _, text = await self.get("/metrics")
        totals: dict[str, float] = defaultdict(float)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                totals[sample.name] += sample.value
        return totals


class Proxy:
    """A TCP proxy whose connections can be cut."""

    def __init__(self, target: str) -> None:
        self._host, port = target.removeprefix("http://").split(":")
        self._port = int(port)
        self._server: asyncio.Server | None = None
        self._writers: dict[asyncio.StreamWriter, asyncio.StreamWriter] = {}
        self.url = ""

    async def start(self, port: int | None = None) -> None:
        """Listen."""
        port = port or free_ports(1)[0]
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        """Cut everything and stop listening."""
        if self._server is not None:
            self._server.close()
        self.cut(lambda: True)

    def cut(self, choose: Callable[[], bool]) -> int:
        """Reset connections, both ways at once, each if the choice falls on it. Returns how many."""
        chosen = [pair for pair in self._writers.items() if choose()]
        for pair in chosen:
            for writer in pair:
                writer.transport.abort()
        return len(chosen)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        self._writers[writer] = far_writer
        await asyncio.gather(self._pass_there(reader, far_writer), _pipe(far_reader, writer))
        del self._writers[writer]

    async def _pass_there(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the client says."""
        await _pipe(reader, writer)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except (ConnectionError, OSError):
        pass
    finally:
        writer.close()


def words_in(log: Path, words: set[str]) -> set[str]:
    """Which of these words stand in a log."""
    text = log.read_text(errors="replace")
    return {word for word in set(re.findall(r"[\w@.\[\]-]+", text)) if word in words} | {
        word for word in words if not word.isalnum() and word in text
    }


async def eventually(
    question: Callable[[], Awaitable[T | None]], seconds: float, what: str, *, every: float = 0.1
) -> T:
    """Ask until the answer is true."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await question()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(every)
