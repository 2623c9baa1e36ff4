"""The leak test: what was said is in the transcripts and nowhere else, whatever happens meanwhile.

``SEED`` in the environment says who is invented. Where something is searched for what, and what stands where by design,
is told in docs/privacy.md and in `tests.leaks`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.bench.quick_host import Listener
from tests.integration.support import CHUNK_BYTES, TOPIC_KINDS, Proxy, Published, Script, System, Worker, eventually
from tests.integration.test_contract import produce_raw, stereo_start
from tests.integration.test_exactly_once import ours
from tests.integration.test_subscription import Speaker, speak, subscribe
from tests.leaks import haystacks
from tests.leaks.haystacks import Record
from tests.leaks.person import Person, invent
from tests.leaks.scenes import AGENT, CUSTOMER, Line, Scene, scenes_of
from tests.leaks.search import Haystack, Hit, Search
from tests.leaks.segments import records_in
from tests.leaks.speech import one_by_one
from worker.demo.broker import ApacheKafka, LocalKafka, free_ports
from worker.engine.recognizers.coded import encode_utterance

pytestmark = pytest.mark.kafka

SEARCHED = tuple(kind for kind in TOPIC_KINDS if kind != "transcripts")
SPEED = 0.75
"""Of the scenes, by which they last until the last fault."""
LONGEST_RECORD = 6_000
"""Bytes that two of the topics take; what is longer the broker refuses."""
OUT_OF_REACH = "store out of reach"
"""What the engine logs when somebody else has locked its store for five seconds."""
INSIGHTS = {"question", "action_item", "follow_up", "topic", "tracker", "entity"}


@pytest.mark.timeout(420)
async def test_nothing_that_was_said_leaks(kafka: LocalKafka, system: System) -> None:
    """Through lost sockets, dead workers and engines, bad records and refused ones: no topic, log or page holds it."""
    broker = ours(kafka)
    person = invent(system.seed)
    scenes = (*scenes_of(person), too_long(person))
    await limit_records(kafka, system.topic("redacted"), system.topic("dead-letters"))
    stage = Stage(system, await an_engine(system))
    system.settings |= {"CAPTIONS__MODE": "all", "KAFKA__TRANSACTION_TIMEOUT_SECONDS": "2"}
    await stage.begin(workers=2)
    try:
        speaking = asyncio.create_task(play_all(system, scenes))
        await asyncio.sleep(4)
        stage.proxy.cut(lambda: True)
        await say_bad_records(system, person)
        await asyncio.sleep(3)
        await stage.look()
        stage.workers.pop(0).process.kill()
        await stage.add_worker()
        await asyncio.sleep(3)
        # Results that come meanwhile begin transactions that cannot end.
        broker.pause()
        await asyncio.sleep(4)
        broker.resume()
        await asyncio.sleep(3)
        await stage.look()
        await stage.restart_engine()
        await asyncio.gather(talk_nonsense(stage.url, person), start_wrongly(system, person))
        stage.proxy.cut(lambda: system.rng.random() < 0.5)
        await speaking
        _, followed = await asyncio.gather(lock_the_store(system), follow(system, stage.url, person))
        published = await system.ended({scene.conversation_id for scene in (*scenes, followed)} | {"leaks-bad"}, 120)
        await stage.look()
    finally:
        await stage.end()
    everything_was_said(scenes, published)
    texts = [value["text"] for value in published.of("transcripts", followed.conversation_id)]
    assert sorted(texts) == sorted(line.text for line in followed.lines)
    assert {value["kind"] for value in published.records["insights"]} >= INSIGHTS
    reasons = {value["reason"] for value in published.records["dead_letters"]}
    assert reasons >= BAD_REASONS, BAD_REASONS - reasons
    logs = "".join(path.read_text(errors="replace") for path in logs_of(system))
    for event in ("record_refused", "transaction_aborted", "dialling_again", OUT_OF_REACH):
        assert event in logs, f"{event}: the test has not got there"
    search = Search(person.values(), made_up_in(system, stage))
    await nothing_leaks(system, search, stage.pages, broker, set(person))


@pytest.mark.timeout(180)
async def test_nothing_that_a_host_says_wrongly_leaks(kafka: LocalKafka, system: System) -> None:
    """Errors, refusals and nonsense of a host that quote what was said: neither told on nor logged."""
    broker = ours(kafka)
    person = invent(system.seed)
    heard, refused = scenes_of(person)[0], replace(scenes_of(person)[1], conversation_id="leaks-refused")
    host = LyingHost(person, refused.conversation_id)
    async with running(host) as url:
        stage = Stage(system, url)
        system.settings |= {"CAPTIONS__MODE": "all"}
        await stage.begin(workers=1)
        try:
            await play_all(system, [heard, refused])
            published = await system.ended({heard.conversation_id, refused.conversation_id}, 90)
            await stage.look()
            metrics = await stage.workers[0].metrics()
        finally:
            await stage.end()
    everything_was_said([heard], published)
    letters = published.of("dead_letters", refused.conversation_id)
    assert {value["reason"] for value in letters} == {"stream_failed"}
    assert metrics["symbl_worker_malformed_messages_total"] > 0
    assert metrics["symbl_worker_unknown_messages_total"] > 0
    assert host.lied.keys() >= {"token", "refused", "error", "nonsense", "closed", "findings"}, host.lied
    said = {kind for line in heard.lines for kind in line.secrets}
    search = Search(person.values(), made_up_in(system, stage))
    # It says messages only.
    empty = {f"{what} {kind}" for what in ("topic", "files of") for kind in ("captions", "insights")}
    await nothing_leaks(system, search, stage.pages, broker, said, empty)


# --- the search ---


async def nothing_leaks(
    system: System,
    search: Search,
    pages: Sequence[Haystack],
    broker: ApacheKafka,
    said: set[str],
    empty: Collection[str] = (),
) -> None:
    """Search everything that is written somewhere; the transcripts prove that it could have been found.

    Args:
        said: The kinds of secrets that have been said.
        empty: Where nothing was written.
    """
    inputs = {(record.partition, record.offset): record for record in (await read(system, ["audio"]))["audio"]}
    transcripts = [
        haystacks.of_record(record, "transcripts") for record in (await read(system, ["transcripts"]))["transcripts"]
    ]
    assert {hit.secret for hit in search.search_all(transcripts)} >= said, "not everything was said"
    found: dict[str, list[Haystack]] = {"pages": list(pages)}
    for kind, records in (await read(system, SEARCHED)).items():
        found[f"topic {kind}"] = [of_output(record, kind, inputs) for record in records]
    for kind, record in on_disk(broker, system):
        found.setdefault(f"files of {kind}", []).append(of_output(record, kind, inputs))
    found["files of Kafka itself"] = [
        haystacks.of_binary(str(path.relative_to(data_of(broker))), "internal", path.read_bytes())
        for path in sorted(data_of(broker).glob("__*-*/*.log"))
    ]
    found["logs"] = [haystacks.of_log(path.name, path.read_text(errors="replace")) for path in logs_of(system)]
    found["logs"].append(haystacks.of_binary("broker.log", "log", broker.log.read_bytes()))
    hits: list[Hit] = []
    for name, searched in found.items():
        size = sum(len(haystack.whole) for haystack in searched)
        print(f"searched {name}: {len(searched)}, {size / 1e3:.0f} kB")
        assert size or name in empty, f"{name}: nothing to search"
        hits += search.search_all(searched)
    # Each once, however many captions repeat it.
    unique = {(hit.place.partition("@")[0], hit.secret, hit.how): hit for hit in hits}
    lines = [f"{hit.place}: {hit.secret}, {hit.how}: {hit.excerpt}" for hit in unique.values()]
    assert not lines, f"{len(hits)} hits, with SEED={system.seed}:\n" + "\n".join(lines[:50])


def of_output(record: Record, kind: str, inputs: Mapping[tuple[int, int], Record]) -> Haystack:
    """A record that the worker has written. A dead letter holds its input record by design, audio included."""
    if kind == "dead_letters":
        return haystacks.of_dead_letter(record, inputs[haystacks.source_of(record)])
    return haystacks.of_record(record, kind)


async def read(system: System, kinds: Sequence[str]) -> dict[str, list[Record]]:
    """Everything in these topics that readers may see, tombstones included."""
    topics = {system.topic(kind): kind for kind in kinds}
    found: dict[str, list[Record]] = {kind: [] for kind in kinds}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=system.bootstrap_servers, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for topic in topics for number in range(4)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                found[topics[partition.topic]] += (
                    Record(each.topic, each.partition, each.offset, each.key, each.value, tuple(each.headers))
                    for each in records
                )
    finally:
        await consumer.stop()
    return found


def on_disk(broker: ApacheKafka, system: System) -> Iterator[tuple[str, Record]]:
    """Every record in Kafka's files of the searched topics, with the kind of the topic: what was aborted, too."""
    for kind in SEARCHED:
        for number in range(4):
            for path in sorted(data_of(broker).glob(f"{system.topic(kind)}-{number}/*.log")):
                for record in records_in(path.read_bytes(), system.topic(kind), number):
                    yield kind, record


def data_of(broker: ApacheKafka) -> Path:
    return broker.log.parent / "data"


def logs_of(system: System) -> list[Path]:
    """Standard error and standard output of every program of the test."""
    return sorted((*system.folder.glob("*.log"), *system.folder.glob("*.out")))


def made_up_in(system: System, stage: Stage) -> set[str]:
    """What the run has named and numbered: topics, ports, and the engine's conversations, as its logs tell them."""
    logs = "".join(path.read_text(errors="replace") for path in logs_of(system))
    return {system.prefix, HOST_ID, *stage.ports, *re.findall(r'"conversation": ?"(\d{16})"', logs)}


def everything_was_said(scenes: Iterable[Scene], published: Published) -> None:
    """Every line has been published in the clear, whole, once and in order."""
    for scene in scenes:
        for stream in scene.streams():
            said = published.of("transcripts", scene.conversation_id, stream)
            assert [value["text"] for value in said] == scene.texts_of(stream), f"{scene.conversation_id}/{stream}"


# --- the run ---


class Stage:
    """The programs of a run, and the pages that they have shown."""

    def __init__(self, system: System, url: str) -> None:
        self._system = system
        self.url = url
        self.proxy = Proxy(url)
        self.workers: list[Worker] = []
        self.pages: list[Haystack] = []

    @property
    def ports(self) -> list[str]:
        """Of the engine, the detour and Kafka."""
        kafka = self._system.bootstrap_servers.split(",")
        return [url.rpartition(":")[2] for url in (self.url, self.proxy.url, *kafka)]

    async def begin(self, *, workers: int) -> None:
        """Start workers that reach their host by a detour that can be cut."""
        await self.proxy.start()
        for _ in range(workers):
            await self.add_worker()

    async def end(self) -> None:
        """Stop everything, so that all is written that will be."""
        await self._system.stop()
        await self.proxy.stop()

    async def add_worker(self) -> None:
        self._system.settings["SYMBL__BASE_URL"] = self.proxy.url
        self.workers.append(await self._system.worker())

    async def restart_engine(self) -> None:
        """kill -9, and another one in its place, with its conversations."""
        self._system.process("engine").kill()
        await asyncio.sleep(1)
        await an_engine(self._system, port=int(self.url.rpartition(":")[2]))

    async def look(self) -> None:
        """Read all pages of all programs."""
        for number, worker in enumerate(self.workers):
            await self._keep(f"worker {number}", worker, ["/metrics", "/sessions", "/health/live", "/health/ready"])
        with contextlib.suppress(StopIteration):
            engine = Worker(self._system.process("engine"), self.url)
            await self._keep("engine", engine, ["/metrics", "/health/live", "/health/ready"])

    async def _keep(self, name: str, program: Worker, paths: Sequence[str]) -> None:
        for path in paths:
            _, text = await program.get(path)
            of = haystacks.of_metrics if path == "/metrics" else haystacks.of_page
            self.pages.append(of(f"{name} {path}", text))


async def an_engine(system: System, port: int = 0) -> str:
    """An engine whose store is a file, and whose results come a little late."""
    store = f"sqlite:///{system.folder / 'conversations.db'}"
    arguments = ("--result-delay", "0.2", "0.8", "--seed", str(system.seed))
    return await system.engine(*arguments, port=port or free_ports(1)[0], ENGINE__STORE_URL=store)


def audio_of(number: int, line: Line) -> bytes:
    """Coded speech of one line."""
    return encode_utterance(f"u{number}", line.text.split(), gap_seconds=0.4)


async def play(system: System, scene: Scene) -> None:
    """Speak a scene, every line on its stream, one after the other."""
    name = scene.conversation_id
    for stream in scene.streams():
        await system.produce(name, json.dumps(scene.start(stream)).encode(), stream=stream, event="start")
    sequence: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    due = loop.time()
    for number, line in enumerate(scene.lines):
        audio = audio_of(number, line)
        for begin in range(0, len(audio), CHUNK_BYTES):
            await asyncio.sleep(max(0.0, due - loop.time()))
            due += 0.1 / SPEED
            await system.produce(
                name, audio[begin : begin + CHUNK_BYTES], stream=line.stream, seq=sequence[line.stream]
            )
            sequence[line.stream] += 1
    await system.produce(name, b"", event="end")


async def play_all(system: System, scenes: Iterable[Scene]) -> None:
    """All at the same time."""
    await asyncio.gather(*(play(system, scene) for scene in scenes))


def too_long(person: Person) -> Scene:
    """A message whose masked record the broker refuses."""
    words = " ".join(["la" * (LONGEST_RECORD // 4)] * 3)
    card = one_by_one(person["CARD_NUMBER"].groups)
    lines = (
        Line(CUSTOMER, f"{words} my card number is {card}", ("CARD_NUMBER",)),
        Line(AGENT, "Thank you, goodbye."),
    )
    return Scene("leaks-too-long", lines)


async def follow(system: System, url: str, person: Person) -> Scene:
    """Let a conversation follow what others say to the engine. Returns what they say, by the name of who follows."""
    scene = scenes_of(person)[2]
    await subscribe(system, "leaks-followed", "leaks-room")
    speakers = []
    for stream in scene.streams():
        lines = [line for line in scene.lines if line.stream == stream]
        audio = b"".join(audio_of(number, line) for number, line in enumerate(lines))
        script = Script("leaks-room", stream, [line.text for line in lines], [], audio)
        speakers.append(Speaker(f"followed-{stream}", script))
    # At the same time, or the engine ends the conversation when the first one has stopped.
    await asyncio.gather(*(speak(url, speaker, speed=2 * SPEED) for speaker in speakers))
    return replace(scene, conversation_id="leaks-followed")


async def limit_records(kafka: LocalKafka, *topics: str) -> None:
    """Let the broker refuse what is too long."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    limit = {"max.message.bytes": str(LONGEST_RECORD)}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, limit) for topic in topics])
    await admin.close()


# --- faults that are said ---

BAD_REASONS = {
    *("missing_key", "unreadable_key", "bad_header", "unreadable_control", "unknown_event", "unsupported_encoding"),
    *("misaligned_audio", "subscription_conflict"),
}


def quotes_of(person: Person) -> list[str]:
    """What those say who quote what they cannot use."""
    return [line.text for scene in scenes_of(person) for line in scene.lines if line.secrets]


async def say_bad_records(system: System, person: Person) -> None:
    """One record and more of every kind that becomes a dead letter, each with secrets wherever it can hold them."""
    name, card = "leaks-bad", person["CARD_NUMBER"].written
    secret = card.encode()
    await system.produce(None, secret)
    await produce_raw(system, b"\xff" + secret, secret, [("seq", secret)])
    await system.produce(name, secret, stream=card)
    await system.produce(name, secret, seq=f"{card}x")
    await system.produce(name, b'{"speaker": {"name": "' + secret, event="start")
    await system.produce(name, json.dumps({card: {card: card}}).encode(), event="start")
    await system.produce(name, json.dumps({"sample_rate_hz": card, "channels": [card]}).encode(), event="start")
    await system.produce(name, json.dumps({"speaker": card}).encode(), event="speaker")
    await system.produce(name, secret, event=card)
    await system.produce(name, json.dumps({"encoding": card}).encode(), event="start")
    # Its dead letter is too long for the topic.
    await system.produce(None, secret * (LONGEST_RECORD // len(secret)))
    await system.produce(name, stereo_start(), stream="both", event="start")
    await system.produce(name, (secret * 20)[:321], stream="both")
    await system.produce(name, b"{}", event="start")
    await system.produce(name, bytes(3200))
    await system.produce(name, b'{"connection_id": "leaks-elsewhere"}', event="subscribe", stream="0")
    await system.produce(name, b"", event="end")


async def talk_nonsense(url: str, person: Person) -> None:
    """Somebody tells the engine secrets where it expects something else."""
    quotes = quotes_of(person)
    async with aiohttp.ClientSession() as http:
        for text in quotes[:3]:
            for body in (f'{{"appSecret": "{text}', json.dumps([text]), json.dumps({"appId": [text]})):
                async with http.post(f"{url}/oauth2/token:generate", data=body.encode()) as answer:
                    assert answer.status in (400, 401), answer.status
        credentials = {"type": "application", "appId": "strangers", "appSecret": "not-a-secret"}
        async with http.post(f"{url}/oauth2/token:generate", json=credentials) as answer:
            token = (await answer.json())["accessToken"]
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
        for body in (f'{{"name": "{quotes[0]}', json.dumps({"name": [quotes[0]], "vocabulary": quotes[0]})):
            async with http.post(f"{url}/v1/manage/trackers", data=body.encode()) as answer:
                assert 400 <= answer.status < 500, answer.status
        for number, frames in enumerate(wrong_frames(quotes[number]) for number in range(8)):
            with contextlib.suppress(ConnectionError):
                async with http.ws_connect(f"{url}/v1/streaming/leaks-stranger-{number}") as socket:
                    for frame in frames:
                        await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
                    # Its own words, as far as they fit.
                    await socket.close(code=4000, message=quotes[number].encode()[:120])


def wrong_frames(text: str) -> list[str | bytes]:
    """What is no request, and a start that can never work."""
    wrong_start = {
        "type": "start_request",
        "config": {"speechRecognition": {"encoding": text, "sampleRateHertz": text, "languageCode": text}},
        "speaker": text,
        "trackers": text,
    }
    return [text, json.dumps(text), json.dumps({"type": text}), text.encode(), json.dumps(wrong_start)]


async def lock_the_store(system: System) -> None:
    """Nothing can be written to the engine's store until it has said so."""
    store = sqlite3.connect(system.folder / "conversations.db", isolation_level=None, timeout=0)

    async def locked() -> bool:
        try:
            store.execute("begin immediate")
        except sqlite3.OperationalError:
            return False
        return True

    async def is_said() -> bool:
        return any(OUT_OF_REACH in path.read_text(errors="replace") for path in logs_of(system))

    try:
        await eventually(locked, 20, "the store is locked")
        await eventually(is_said, 60, OUT_OF_REACH)
        store.execute("rollback")
    finally:
        store.close()


async def start_wrongly(system: System, person: Person) -> None:
    """A worker and an engine whose settings are secrets do not start, and say which ones are wrong."""
    card, name = person["CARD_NUMBER"].written, person["PERSON_NAME"].written
    for program in (
        system.cli("wrong-worker", "run", KAFKA__SESSION_TIMEOUT_SECONDS=card, SYMBL__PACE=name, TOPICS__AUDIO=card),
        system.cli("wrong-engine", "engine", ENGINE__DRAIN_SECONDS=card, ENGINE__STORE_URL=name),
    ):
        assert await asyncio.to_thread(program.wait, 60), f"{program.name} hangs"
        assert program.exit_code == 1, program.tail()


# --- a host that quotes ---

HOST_ID = "6060842606084260"


class LyingHost:
    """Hears coded speech like any host, and says everything wrongly that can be said wrongly, with secrets in it.

    Args:
        refused: The connection id whose speakers are never let start.
    """

    def __init__(self, person: Person, refused: str) -> None:
        self._quotes = itertools.cycle(quotes_of(person))
        self._refused = refused
        self._dialled: Counter[str] = Counter()
        self.lied: Counter[str] = Counter()
        """How often, by how."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/oauth2/token:generate", self._token),
            web.get("/v1/streaming/{connection}", self._stream),
            web.get("/v1/conversations/{conversation}/{what:.*}", self._findings),
        ]

    async def _token(self, _: web.Request) -> web.Response:
        self.lied["token"] += 1
        text = next(self._quotes)
        match self.lied["token"]:
            case 1:
                return self._error(503)
            case 2:
                return web.Response(text=f'{{"accessToken": "{text}')
            case 3:
                return web.json_response({"accessToken": [text], "expiresIn": text})
        return web.json_response({"accessToken": "tests", "expiresIn": 86_400})

    async def _findings(self, _: web.Request) -> web.Response:
        self.lied["findings"] += 1
        text = next(self._quotes)
        answers: tuple[Callable[[], web.Response], ...] = (
            lambda: self._error(500),
            lambda: web.Response(text=f'{{"messages": ["{text}'),
            lambda: web.json_response({"messages": text, "insights": [text], "topics": {text: text}}),
        )
        return answers[self.lied["findings"] % len(answers)]()

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        connection = request.match_info["connection"]
        self._dialled[connection] += 1
        dialled = self._dialled[connection]
        if connection != self._refused and dialled <= 2:
            self.lied["refused"] += 1
            return self._error(503 if dialled == 1 else 400)
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        if connection == self._refused or dialled == 3:
            self.lied["error"] += 1
            await self._say_errors(socket)
            return socket
        await self._listen(socket, is_cut=dialled % 3 != 0)
        return socket

    def _error(self, status: int) -> web.Response:
        text = next(self._quotes)
        return web.Response(status=status, reason=text, text=text, headers={"X-Reason": text})

    async def _say_errors(self, socket: web.WebSocketResponse) -> None:
        await socket.receive()
        text = next(self._quotes)
        error = {"type": "error", "payload": {"message": text, "details": text}}
        await socket.send_json({"type": "message", "message": error})
        await socket.send_json({"type": "error", "message": text, "details": text})
        await socket.close(code=4001, message=text.encode()[:120])

    async def _listen(self, socket: web.WebSocketResponse, *, is_cut: bool) -> None:
        """Hear, and say nonsense after every message.

        Args:
            is_cut: Whether the socket is closed after the third message, with a quote.
        """
        listener = Listener(HOST_ID)
        messages = 0
        async for frame in socket:
            answers = listener.hear(frame.data) if frame.type is WSMsgType.BINARY else listener.ask(frame.json())
            for answer in answers:
                await socket.send_json(answer)
                if answer.get("type") != "message_response":
                    continue
                messages += 1
                await self._say_nonsense(socket)
                if is_cut and messages == 3:
                    self.lied["closed"] += 1
                    await socket.close(code=4002, message=next(self._quotes).encode()[:120])
                    return
            if frame.type is WSMsgType.TEXT and frame.json()["type"] == "stop_request":
                await socket.close()

    async def _say_nonsense(self, socket: web.WebSocketResponse) -> None:
        self.lied["nonsense"] += 1
        text = next(self._quotes)
        await socket.send_str(text)
        await socket.send_bytes(b"\xff\xfe" + text.encode())
        await socket.send_str(f'{{"type": "message_response", "messages": [{{"payload": {{"content": "{text}')
        for frame in (
            {"type": text},
            {"type": "message", "message": {"type": text, "data": text}},
            {"type": "message", "message": {"type": "recognition_result", "isFinal": text, "payload": [text]}},
            {"type": "message_response", "messages": text},
            {"type": "message_response", "messages": [{"id": 5, "payload": text, "from": [text]}]},
            {"type": "insight_response", "insights": [{"type": text, "payload": {"content": [text]}}]},
            {"type": "tracker_response", "isFinal": True, "trackers": [{"name": [text], "matches": text}]},
            {"type": "topic_response", "topics": [{"phrases": [text], "rootWords": text, "score": text}]},
            {"type": "entity_response", "entities": [{"type": 5, "matches": [text]}]},
            {"type": "error", "message": text, "details": text},
        ):
            await socket.send_json(frame)


@contextlib.asynccontextmanager
async def running(host: LyingHost) -> AsyncIterator[str]:
    """Serve on a free port. Yields the address."""
    app = web.Application()
    app.add_routes(host.routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    port = free_ports(1)[0]
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()
