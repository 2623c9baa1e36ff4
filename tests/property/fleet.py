"""Several workers, Kafka and a Symbl host in one process and in virtual time, and the judgement of what readers see.

The workers are real from the consumer on: intake, lanes, sessions, socket runners. Kafka is a model (``broker.py``),
the host is the engine's own conversation core with the recogniser of coded speech.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import orjson
import structlog
from prometheus_client import CollectorRegistry

from tests.property.broker import (
    AUDIO,
    SESSION_SECONDS,
    STATE,
    TRANSACTION_SECONDS,
    Broker,
    Clients,
    Fate,
    ModelConsumer,
    ModelMemory,
    ModelPublisher,
    ModelTransactions,
)
from tests.property.virtual_time import Process, VirtualLoop
from tests.unit.sessions.world import PONG_SECONDS, Host, Socket
from worker.deadline import Deadline
from worker.engine.recognizers.coded import encode_utterance
from worker.errors import ConnectionLostError
from worker.intake.assignment import read_mark
from worker.intake.consumer import Intake, IntakePolicy
from worker.metrics import Metrics
from worker.output.events import EventBuilder, dead_letter_id, result_id
from worker.output.topics import Topics
from worker.records import Coordinates
from worker.sessions.policy import ConversationPolicy
from worker.sessions.runner import RunnerPolicy, SessionRunner
from worker.sessions.session import SessionPolicy
from worker.sessions.state import ConversationState, RejectedState, load_record
from worker.sessions.subscription import Served
from worker.symbl.retry import DialPolicy

TOPICS = Topics(audio=(AUDIO,), state=STATE)
POLICY = ConversationPolicy(session=SessionPolicy(pace=0.0), insight_types=(), detect_entities=False)
RUNNER = RunnerPolicy(DialPolicy(initial_seconds=0.1, cap_seconds=1.0), healthy_seconds=10.0, ping_seconds=2.0)
PATCHES = {
    "AIOKafkaConsumer": ModelConsumer,
    "GroupMemory": ModelMemory,
    "TransactionalPublisher": ModelTransactions,
}
CALM_SECONDS = 60.0
"""After so much time without faults everything is published."""
SETTLED_SECONDS = 30.0
"""Of it; by then nobody fences anybody any more."""


class HostConnection:
    """One WebSocket to the model host, as a runner uses it."""

    def __init__(self, fleet: Fleet, socket: Socket, check_voice: Callable[[], None]) -> None:
        self._fleet = fleet
        self._socket = socket
        self._check_voice = check_voice
        self.said = asyncio.Event()

    @property
    def close_code(self) -> int | None:
        return self._socket.close_code

    @property
    def is_open(self) -> bool:
        return self._socket.open

    def has_news(self) -> bool:
        return bool(self._socket.outbox) or not self._socket.open

    async def send(self, frame: bytes | str) -> None:
        if not self._socket.open:
            raise ConnectionLostError("gone")
        self._check_voice()
        self._socket.room.send(self._socket, frame)
        self._fleet.listen()

    async def ping(self) -> None:
        await asyncio.sleep(PONG_SECONDS)
        if not self._socket.open:
            raise ConnectionLostError("gone")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while self._socket.outbox:
                yield self._socket.outbox.pop(0).encode()
            if not self._socket.open:
                return
            self.said.clear()
            await self.said.wait()

    async def close(self) -> None:
        self.lose(1000)

    def abort(self) -> None:
        self.lose(None)

    def lose(self, code: int | None) -> None:
        if self._socket.open:
            self._socket.room.lose(self._socket, code)
            self._fleet.listen()


class Worker:
    """One worker process."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        self.process = Process(name)
        self.name = name
        self.connections: list[HostConnection] = []
        self.has_started = False
        self.is_leaving = False
        self._fleet = fleet
        clients = Clients(fleet.broker, name, self._check_adopted, self._check_parked)
        exactly_once = fleet.exactly_once
        metrics = Metrics(CollectorRegistry())
        self.intake = Intake(
            client_arguments={"clients": clients},
            policy=IntakePolicy(
                topics=(AUDIO,),
                state_topic=STATE,
                group_id="group",
                instance_id=None,
                session_timeout_seconds=SESSION_SECONDS,
                transaction_timeout_seconds=TRANSACTION_SECONDS if exactly_once else None,
                rebalance_seconds=2.0,
                commit_interval_seconds=0.3,
                stream_high_bytes=1 << 30,
                stream_low_bytes=1 << 30,
                worker_high_bytes=1 << 30,
                worker_low_bytes=1 << 30,
                fetch_partition_bytes=1 << 20,
            ),
            conversations=POLICY,
            publisher=ModelPublisher(clients),  # type: ignore[arg-type]  # all of it that is used
            events=EventBuilder(TOPICS, "/symbl-worker/property"),
            make_runner=lambda session, may_speak: self._runner(session, may_speak, metrics),
            metrics=metrics,
            clock=fleet.loop.time,
        )
        self._held: dict[int, tuple[object, int]] = {}
        self.task = self.process.start(self._run())

    async def _run(self) -> None:
        await self.intake.start()
        self.has_started = True
        await self.intake.run()

    def _runner(self, session: Served, may_speak: Any, metrics: Metrics) -> SessionRunner:
        return SessionRunner(session, self._dial, RUNNER, metrics, self._fleet.loop.time, may_speak)

    async def _dial(self, conversation_id: str) -> HostConnection:
        await asyncio.sleep(0.05)
        partition = int(conversation_id.rpartition("-")[2])
        socket = self._fleet.host.connect(conversation_id)
        connection = HostConnection(self._fleet, socket, lambda: self._check_voice(partition))
        self.connections = [each for each in self.connections if each.is_open]
        self.connections.append(connection)
        return connection

    def _check_adopted(self, positions: dict[int, int]) -> None:
        """An adopted lane goes on from its place in memory."""
        for partition, position in positions.items():
            owned = next((own for tp, own in self.intake._lanes.items() if tp.partition == partition), None)
            if owned is not None and not owned.parked and position != owned.read_position:
                why = f"adopted at {position}, was at {owned.read_position}"
                self._fleet.loop.call_outside(0.0, _fail, why)

    def _check_parked(self, partition: int) -> None:
        """No batch is begun while a rebalance decides."""
        parked = [tp.partition for tp, owned in self.intake._lanes.items() if owned.parked]
        if partition in parked:
            self._fleet.loop.call_outside(0.0, _fail, f"{self.name} publishes for {partition}, which is parked")

    def _check_voice(self, partition: int) -> None:
        """Whoever says something to the host has marked the partition, and nobody has since."""
        if not self._fleet.exactly_once:
            return
        lane = next((own for tp, own in self.intake._lanes.items() if tp.partition == partition), None)
        mark = read_mark(self._fleet.broker.partitions[partition].metadata)
        if lane is None or mark is None or mark.owner != lane.owner:
            self._fleet.loop.call_outside(0.0, _fail, f"{self.name} speaks for {partition}, which is not its own")

    async def leave(self) -> None:
        """As SIGTERM."""
        self.is_leaving = True
        await self.intake.stop(Deadline(5.0, self._fleet.loop.time))
        self.task.cancel()

    def die(self) -> None:
        """As kill -9."""
        self._fleet.broker.gone.add(self.name)
        self.process.freeze()
        for connection in self.connections:
            connection.lose(None)


@dataclass
class Utterance:
    """What is to be published of a stream, when the record with its last byte is finished."""

    text: str
    offset: int


class Fleet:
    """Kafka, workers, and what readers are to see.

    Args:
        delays: how long the host holds results back, one after the other.
        choices: who gets partitions in rebalances, one after the other.
    """

    def __init__(
        self,
        *,
        partitions: int,
        exactly_once: bool,
        delays: Sequence[float],
        choices: Sequence[int],
    ) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.loop = loop
        self.exactly_once = exactly_once
        self.broker = Broker(loop, partitions, self._judge)
        self.broker.group.choices = itertools.cycle(choices)
        self.host = Host(itertools.cycle(delays))
        self.host.now = loop.time()
        self.workers: list[Worker] = []
        self._names = itertools.count(1)
        self._words = itertools.count(1)
        self._letters: list[list[int]] = [[] for _ in range(partitions)]
        self._speech: dict[tuple[int, str, str], list[Utterance]] = {}
        self._looked_at = [0] * partitions
        self._ids: set[bytes] = set()
        self._committed = [0] * partitions
        self._said: dict[tuple[str, str], list[str]] = {}
        self._sent: list[list[str]] = [[] for _ in range(partitions)]
        self.is_calm = False
        self._is_over = False

    # --- what happens ---

    def add_worker(self) -> Worker:
        worker = Worker(self, f"w{next(self._names)}")
        self.workers.append(worker)
        return worker

    def garble(self, partition: int, count: int, gap: int = 0) -> None:
        """Records without a key: each becomes a dead letter and is finished at once."""
        for _ in range(count):
            self._letters[partition].append(self.broker.produce(partition, None, b"?", {}, gap))

    def speak(self, partition: int, stream: str, words: int, size: int) -> None:
        """An utterance in the partition's one conversation."""
        number = next(self._words)
        texts = [f"u{number}.{index}" for index in range(words)]
        audio = encode_utterance(f"u{number}", texts, bytes_per_second=32_000, word_seconds=0.05, gap_seconds=0.1)
        for begin in range(0, len(audio), size):
            chunk = audio[begin : begin + size]
            offset = self.broker.produce(partition, _conversation(partition), chunk, {"stream": stream})
        key = (partition, _conversation(partition).decode(), stream)
        self._speech.setdefault(key, []).append(Utterance(" ".join(texts), offset))

    def end(self, partition: int) -> None:
        self.broker.produce(partition, _conversation(partition), b"", {"event": "end"})

    def listen(self) -> None:
        """The host does what is due; who is told of it wakes up."""
        self.host.now = self.loop.time()
        self.host.deliver()
        for worker in self.workers:
            for connection in worker.connections:
                if connection.has_news():
                    connection.said.set()

    def tick(self) -> None:
        """The host's own time."""
        if not self._is_over:
            self.listen()
            self.loop.call_outside(0.1, self.tick)

    # --- the end ---

    async def calm(self) -> None:
        """No more faults: everybody who stood still goes on, and there is at least one worker."""
        self.is_calm = True
        for worker in self.workers:
            if worker.name not in self.broker.gone:
                worker.process.thaw()
        for where in self.broker.partitions:
            where.fates.clear()
        if all(worker.is_leaving or worker.name in self.broker.gone for worker in self.workers):
            self.add_worker()
        await asyncio.sleep(CALM_SECONDS)

    def check(self) -> None:
        """What must be true once everybody has calmed down."""
        for worker in self.workers:
            if worker.task.done() and not worker.task.cancelled():
                worker.task.result()
        for number, where in enumerate(self.broker.partitions):
            self._judge(number)
            assert where.committed == where.end or where.end == 0, f"{where.committed} of {where.end} are committed"
            late = [at for at in where.inits if at > self.loop.time() - (CALM_SECONDS - SETTLED_SECONDS)]
            assert not late, f"producers fence each other without end, at {late}"
            assert not where.states, "the state of an ended conversation is forgotten"
            letters = [dead_letter_id(Coordinates(AUDIO, number, offset, 0)) for offset in self._letters[number]]
            if self.exactly_once:
                assert self._sent[number] == letters
            else:
                assert not set(letters) - {each.decode() for each in self._ids}
        for (_, conversation, stream), expected in self._speech.items():
            said = self._said.get((conversation, stream), [])
            assert said == [each.text for each in expected]

    def _judge(self, partition: int) -> None:
        """Look at what readers of one partition see now."""
        where = self.broker.partitions[partition]
        # Without transactions the model does not tell partitions apart: all results are in one place.
        place = partition if self.exactly_once else 0
        visible = self.broker.partitions[place].visible
        for record in visible[self._looked_at[place] :]:
            headers = dict(record.headers)
            name = headers["ce_id"]
            if name in self._ids:
                assert not self.exactly_once, f"visible twice: {headers['ce_type']!r}"
                continue
            self._ids.add(name)
            if record.topic == TOPICS.dead_letters:
                self._sent[place].append(name.decode())
            elif record.topic == TOPICS.transcripts:
                body = orjson.loads(record.value or b"")
                key = body["conversation_id"], body["stream"]
                self._said.setdefault(key, []).append(body["text"])
            elif record.topic == TOPICS.conversations:
                assert headers["ce_type"].decode().split(".")[3] in ("started", "resumed", "ended"), record
        self._looked_at[place] = len(visible)
        position = where.committed
        if position is not None:
            assert position >= self._committed[partition], "a position went back"
            self._committed[partition] = position
            self._judge_position(partition, position)
        if self.exactly_once:
            self._judge_states(partition)

    def _judge_position(self, partition: int, position: int) -> None:
        """Everything before the committed position is visible."""
        for offset in self._letters[partition]:
            if offset < position:
                assert dead_letter_id(Coordinates(AUDIO, partition, offset, 0)).encode() in self._ids
        for (number, conversation, stream), expected in self._speech.items():
            if number == partition:
                due = [each.text for each in expected if each.offset < position]
                said = self._said.get((conversation, stream), [])
                assert said[: len(due)] == due, f"committed up to {position}: {due}, visible: {said}"

    def _judge_states(self, partition: int) -> None:
        """Results and states say the same."""
        for value in self.broker.partitions[partition].states.values():
            state = load_record(value)
            if isinstance(state, RejectedState):
                continue
            for name, stream in state.streams.items():
                ids = [self._transcript_id(partition, state, name, each) for each in range(stream.message_sequence + 1)]
                assert [each in self._ids for each in ids] == [True] * stream.message_sequence + [False], (
                    "results and state disagree"
                )

    @staticmethod
    def _transcript_id(partition: int, state: ConversationState, stream: str, sequence: int) -> bytes:
        return result_id(
            topic=AUDIO,
            partition=partition,
            conversation_id=state.conversation_id,
            stream=stream,
            opened_offset=state.opened_offset,
            kind="transcript",
            sequence=sequence,
        ).encode()

    async def close(self) -> None:
        """Nobody is left running."""
        self._is_over = True
        self.broker.on_visible = lambda _: None
        for worker in self.workers:
            worker.process.thaw()
        me = asyncio.current_task()
        while others := asyncio.all_tasks() - {me}:
            for task in others:
                task.cancel()
            await asyncio.wait(others, timeout=10.0)


def _fail(why: str) -> None:
    """Called by the loop, so that it ends the run whoever is asked."""
    raise AssertionError(why)


def _conversation(partition: int) -> bytes:
    return f"call-{partition}".encode()


@contextlib.contextmanager
def modelled_kafka() -> Iterator[None]:
    """The intake meets the model instead of aiokafka."""
    with contextlib.ExitStack() as stack:
        for name, model in PATCHES.items():
            stack.enter_context(patch(f"worker.intake.consumer.{name}", model))
        stack.enter_context(structlog.testing.capture_logs())
        yield


@contextlib.asynccontextmanager
async def fleet(**options: Any) -> AsyncIterator[Fleet]:
    """A fleet without workers yet."""
    made = Fleet(**options)
    made.tick()
    try:
        yield made
    finally:
        await made.close()


__all__ = ["Fate", "Fleet", "Worker", "fleet", "modelled_kafka"]
