"""A model of Kafka, as far as the worker leans on it: transactions that fence, commits with metadata, a consumer group.

It stands in for the parts of aiokafka that ``worker.intake.consumer`` uses. Every request takes time both ways, happens
at the broker whoever stands still meanwhile, and is answered to nobody when its process has died.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    NoError,
    RebalanceInProgressError,
    RequestTimedOutError,
    UnknownMemberIdError,
)
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest

from tests.property.virtual_time import VirtualLoop
from worker.errors import DeliveryLostError
from worker.intake.assignment import Committed, read_mark
from worker.output.publisher import Prepared
from worker.records import OutputRecord
from worker.sessions.state import ConversationState, RejectedState, load_record

T = TypeVar("T")

AUDIO, STATE = "audio", "state"
LATENCY_SECONDS = 0.01
HEARTBEAT_SECONDS = 1.0
SESSION_SECONDS = 6.0
TRANSACTION_SECONDS = 4.0

Fate = Literal["safe", "lost before", "lost after", "slow", "stuck"]
"""What becomes of a transaction: all is well; its producer dies before or after it became visible; it is slow; its end
is decided and takes effect later: at the latest when a new producer asks for the transactional id."""


@dataclass(eq=False)
class Transaction:
    """One under way."""

    prepared: Prepared
    member: str
    is_decided: bool = False
    is_over: bool = False


@dataclass
class Partition:
    """One input partition, and what belongs to it elsewhere."""

    records: list[Any] = field(default_factory=list)
    end: int = 0
    committed: int | None = None
    metadata: str | None = None
    visible: list[OutputRecord] = field(default_factory=list)
    states: dict[bytes, bytes] = field(default_factory=dict)
    epoch: int = 0
    open: Transaction | None = None
    fates: list[Fate] = field(default_factory=list)
    inits: list[float] = field(default_factory=list)


class Broker:
    """All of Kafka.

    Args:
        on_visible: told of a partition after each change that readers can see.
    """

    def __init__(self, loop: VirtualLoop, partitions: int, on_visible: Callable[[int], None]) -> None:
        self.loop = loop
        self.partitions = [Partition() for _ in range(partitions)]
        self.on_visible = on_visible
        self.group = Group(self)
        self.gone: set[str] = set()
        """Members that have died: what they asked for and has not arrived yet never does."""

    def now(self) -> float:
        return self.loop.time()

    async def call(self, member: str, effect: Callable[[], T], latency: float = LATENCY_SECONDS) -> T:
        """Have something done at the broker."""
        answer: asyncio.Future[T] = self.loop.create_future()

        def arrive() -> None:
            if member in self.gone:
                return
            try:
                result = effect()
            except (KafkaError, DeliveryLostError) as error:
                self.loop.call_outside(latency, _answer, answer, None, error)
            else:
                self.loop.call_outside(latency, _answer, answer, result, None)

        self.loop.call_outside(latency, arrive)
        return await answer

    # --- producing ---

    def produce(self, partition: int, key: bytes | None, value: bytes, headers: dict[str, str], gap: int = 0) -> int:
        where = self.partitions[partition]
        offset = where.end + gap
        where.end = offset + 1
        pairs = [(name, text.encode()) for name, text in headers.items()]
        timestamp = int(self.now() * 1000)
        where.records.append(
            SimpleNamespace(
                topic=AUDIO,
                partition=partition,
                offset=offset,
                timestamp=timestamp,
                key=key,
                value=value,
                headers=pairs,
            )
        )
        return offset

    def publish(self, partition: int, records: Iterable[OutputRecord]) -> None:
        """Readers see these records."""
        where = self.partitions[partition]
        for record in records:
            if record.topic != STATE:
                where.visible.append(record)
            else:
                assert record.partition == partition
                assert record.key is not None
                if record.value is None:
                    where.states.pop(record.key, None)
                else:
                    where.states[record.key] = record.value

    def commit(self, partition: int, position: int, metadata: str) -> None:
        where = self.partitions[partition]
        where.committed, where.metadata = position, metadata

    # --- transactions ---

    def init(self, partition: int) -> int:
        """A new producer: fences every earlier one. What is decided takes effect, all else is aborted."""
        where = self.partitions[partition]
        where.inits.append(self.now())
        where.epoch += 1
        if where.open is not None:
            self._end(partition, where.open, is_visible=where.open.is_decided)
        return where.epoch

    def begin(self, partition: int, epoch: int, transaction: Transaction) -> None:
        where = self.partitions[partition]
        self._require(partition, epoch)
        assert where.open is None, "one transaction at a time"
        where.open = transaction
        self.loop.call_outside(TRANSACTION_SECONDS, self._expire, partition, transaction)

    def decide(self, partition: int, epoch: int, transaction: Transaction, fate: Fate) -> None:
        """The producer asks for the end."""
        self._require(partition, epoch)
        if fate == "lost before":
            self._end(partition, transaction, is_visible=False)
            raise DeliveryLostError("lost")
        transaction.is_decided = True
        if fate == "stuck":
            self.loop.call_outside(2 * SESSION_SECONDS, self._finish, partition, transaction)
            raise DeliveryLostError("timed out")
        self._end(partition, transaction, is_visible=True)
        if fate == "lost after":
            raise DeliveryLostError("lost")

    def _require(self, partition: int, epoch: int) -> None:
        if self.partitions[partition].epoch != epoch:
            raise DeliveryLostError("fenced")

    def _expire(self, partition: int, transaction: Transaction) -> None:
        if not transaction.is_over and not transaction.is_decided:
            self.partitions[partition].epoch += 1
            self._end(partition, transaction, is_visible=False)

    def _finish(self, partition: int, transaction: Transaction) -> None:
        if not transaction.is_over:
            self._end(partition, transaction, is_visible=True)

    def _end(self, partition: int, transaction: Transaction, *, is_visible: bool) -> None:
        where = self.partitions[partition]
        assert where.open is transaction
        where.open = None
        transaction.is_over = True
        if is_visible:
            prepared = transaction.prepared
            self.publish(partition, [*prepared.results, *prepared.states])
            self.commit(partition, prepared.position, prepared.mark)
            self.on_visible(partition)


def _answer(future: asyncio.Future[T], result: T, error: Exception | None) -> None:
    if future.done():
        pass
    elif error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


# --- the consumer group ---


@dataclass(eq=False)
class _Member:
    name: str
    seen_at: float
    joined: asyncio.Future[tuple[list[int], int]] | None = None
    must_join: bool = True


class Group:
    """The group coordinator: eager rebalances, as aiokafka does them.

    Every member that joins, leaves or is silent for a session timeout begins a rebalance; so does ``disturb``. It ends
    when all members have joined again, or with those that did when the session timeout is over.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._members: dict[str, _Member] = {}
        self._round = 0
        self.generation = 0
        self.owners: dict[int, str] = {}
        self.choices: Iterator[int] = itertools.cycle([0])
        """Who gets the partitions of each rebalance, one after the other."""
        self._unheard_until: dict[str, float] = {}

    def join(self, name: str) -> asyncio.Future[tuple[list[int], int]]:
        """Answered with the partitions of this member, and the generation, when everybody has joined."""
        now = self._broker.now()
        member = self._members.get(name)
        if member is None:
            member = self._members[name] = _Member(name, now)
            self._watch(name)
        member.seen_at = now
        member.must_join = False
        joined = member.joined = self._broker.loop.create_future()
        self.disturb()
        self._maybe_assign()
        return joined

    def disturb(self) -> None:
        """Begin a rebalance, unless one is under way."""
        fresh = [each for each in self._members.values() if each.joined is None and not each.must_join]
        for each in fresh:
            each.must_join = True
        if fresh:
            self._round += 1
            self._broker.loop.call_outside(SESSION_SECONDS, self._give_up_waiting, self._round)

    def beat(self, name: str) -> Literal["fine", "rebalance", "unknown"]:
        member = self._members.get(name)
        if member is None:
            return "unknown"
        member.seen_at = self._broker.now()
        return "rebalance" if member.must_join else "fine"

    def sync(self, name: str, generation: int) -> Literal["fine", "rebalance", "unknown"]:
        """Confirm an assignment."""
        if name not in self._members:
            return "unknown"
        return "fine" if self.is_current(name, generation) else "rebalance"

    def lose_contact(self, name: str, seconds: float) -> None:
        """What this member says to the group does not arrive; all else of it does."""
        self._unheard_until[name] = self._broker.now() + seconds

    def is_unheard(self, name: str) -> bool:
        return self._broker.now() < self._unheard_until.get(name, 0.0)

    def leave(self, name: str) -> None:
        if self._members.pop(name, None) is not None:
            self.disturb()
            self._maybe_assign()

    def is_current(self, name: str, generation: int) -> bool:
        member = self._members.get(name)
        return member is not None and not member.must_join and member.joined is None and generation == self.generation

    def _watch(self, name: str) -> None:
        member = self._members.get(name)
        if member is None:
            return
        left = member.seen_at + SESSION_SECONDS - self._broker.now()
        if member.joined is not None:
            left = SESSION_SECONDS
        if left > 0:
            self._broker.loop.call_outside(left, self._watch, name)
        else:
            self.leave(name)

    def _give_up_waiting(self, number: int) -> None:
        if number == self._round:
            for each in [each for each in self._members.values() if each.must_join]:
                self.leave(each.name)

    def _maybe_assign(self) -> None:
        members = list(self._members.values())
        if not members or any(each.joined is None for each in members):
            return
        self._round += 1
        self.generation += 1
        share: dict[str, list[int]] = {each.name: [] for each in members}
        for partition in range(len(self._broker.partitions)):
            owner = members[next(self.choices) % len(members)].name
            share[owner].append(partition)
            self.owners[partition] = owner
        for each in members:
            joined, each.joined = each.joined, None
            each.seen_at = self._broker.now()
            assert joined is not None
            if not joined.done():
                joined.set_result((share[each.name], self.generation))


# --- what stands in for aiokafka ---


class Clients:
    """The clients of one member, by the names that the intake knows them under.

    Args:
        check: told, after an assignment, of the member's partitions and of the next offset of each.
        on_batch: told of the partition of every batch, before it is published.
    """

    def __init__(
        self,
        broker: Broker,
        name: str,
        check: Callable[[dict[int, int]], None],
        on_batch: Callable[[int], None],
    ) -> None:
        self.broker = broker
        self.name = name
        self.check = check
        self.on_batch = on_batch

    async def call(self, effect: Callable[[], T], latency: float = LATENCY_SECONDS) -> T:
        return await self.broker.call(self.name, effect, latency)


class ModelCoordinator:
    """As aiokafka's ``GroupCoordinator``: heartbeats, and what is asked for after every join."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def _send_req(self, request: Any) -> Any:
        group, name = self._clients.broker.group, self._clients.name
        if group.is_unheard(name):
            await asyncio.sleep(HEARTBEAT_SECONDS)
            raise RequestTimedOutError
        if isinstance(request, HeartbeatRequest):
            answer = await self._clients.call(lambda: group.beat(name))
        else:
            answer = await self._clients.call(lambda: group.sync(name, request._generation_id))
        errors: dict[str, type[KafkaError]] = {
            "fine": NoError,
            "rebalance": RebalanceInProgressError,
            "unknown": UnknownMemberIdError,
        }
        return SimpleNamespace(error_code=errors[answer].errno)


class ModelConsumer:
    """As ``aiokafka.AIOKafkaConsumer``."""

    def __init__(self, *, clients: Clients, **_: Any) -> None:
        self._clients = clients
        self._broker = clients.broker
        self._listener: Any = None
        self._positions: dict[int, int] = {}
        self._paused: set[int] = set()
        self._generation = -1
        self._must_join = asyncio.Event()
        self._in_callback = asyncio.Lock()
        self._coordinator = ModelCoordinator(clients)
        self._tasks: list[asyncio.Task[None]] = []

    def subscribe(self, topics: Collection[str], *, listener: Any) -> None:
        assert list(topics) == [AUDIO]
        self._listener = listener

    async def start(self) -> None:
        await self._join()
        self._tasks = [asyncio.create_task(self._coordinate()), asyncio.create_task(self._beat())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._clients.call(lambda: self._broker.group.leave(self._clients.name))

    async def _coordinate(self) -> None:
        while True:
            await self._must_join.wait()
            await self._join()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                response = await self._coordinator._send_req(HeartbeatRequest("group", self._generation, "member"))
            except KafkaError:
                continue
            if response.error_code:
                self._must_join.set()

    async def _join(self) -> None:
        async with self._in_callback:
            self._must_join.clear()
            await self._listener.on_partitions_revoked(_names(self._positions))
            self._positions = {}
            mine = await self._assignment()
            committed = await self._clients.call(lambda: {each: self._committed(each) for each in mine})
            self._positions = {partition: committed[partition] or 0 for partition in mine}
            self._paused = set()
            await self._listener.on_partitions_assigned(_names(mine))
            self._clients.check(dict(self._positions))

    async def _assignment(self) -> list[int]:
        while True:
            while self._broker.group.is_unheard(self._clients.name):  # noqa: ASYNC110 - a model of polling
                await asyncio.sleep(HEARTBEAT_SECONDS / 2)
            answer = await self._clients.call(lambda: self._broker.group.join(self._clients.name))
            mine, self._generation = await answer
            try:
                response = await self._coordinator._send_req(
                    SyncGroupRequest("group", self._generation, "member", "", [])
                )
            except KafkaError:
                continue
            if not response.error_code:
                return mine

    def _committed(self, partition: int) -> int | None:
        return self._broker.partitions[partition].committed

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        async with self._in_callback:
            pass
        found = await self._clients.call(lambda: self._fetch(max_records))
        if not found:
            await asyncio.sleep(timeout_ms / 1000)
        # What was fetched for a place that is no longer ours, or from which somebody sought away, is left out.
        return {
            TopicPartition(AUDIO, partition): self._taken(partition, records)
            for partition, (position, records) in found.items()
            if self._positions.get(partition) == position and partition not in self._paused
        }

    def _fetch(self, limit: int) -> dict[int, tuple[int, list[Any]]]:
        found = {}
        for partition, position in self._positions.items():
            records = [each for each in self._broker.partitions[partition].records if each.offset >= position]
            if records and partition not in self._paused:
                found[partition] = (position, records[:limit])
        return found

    def _taken(self, partition: int, records: list[Any]) -> list[Any]:
        self._positions[partition] = records[-1].offset + 1
        return records

    def pause(self, *partitions: TopicPartition) -> None:
        self._require(partitions)
        self._paused.update(each.partition for each in partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self._require(partitions)
        self._paused.difference_update(each.partition for each in partitions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._require([partition])
        self._positions[partition.partition] = offset

    def highwater(self, partition: TopicPartition) -> int:
        where: Partition = self._broker.partitions[partition.partition]
        return where.end

    async def beginning_offsets(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return await self._clients.call(lambda: dict.fromkeys(partitions, 0))

    async def commit(self, offsets: dict[TopicPartition, Any]) -> None:
        def commit() -> None:
            if not self._broker.group.is_current(self._clients.name, generation):
                raise CommitFailedError
            for partition, (position, metadata) in offsets.items():
                self._broker.commit(partition.partition, position, metadata)
                self._broker.on_visible(partition.partition)

        generation = self._generation
        await self._clients.call(commit)

    def _require(self, partitions: Iterable[TopicPartition]) -> None:
        if any(each.partition not in self._positions for each in partitions):
            raise IllegalStateError


def _names(partitions: Iterable[int]) -> set[TopicPartition]:
    return {TopicPartition(AUDIO, partition) for partition in partitions}


class ModelMemory:
    """As ``worker.intake.group.GroupMemory``."""

    def __init__(self, client_arguments: dict[str, Any], **_: Any) -> None:
        self._clients: Clients = client_arguments["clients"]

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def committed(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Committed]:
        def read() -> dict[TopicPartition, Committed]:
            found = {each: self._clients.broker.partitions[each.partition] for each in partitions}
            return {name: Committed(each.committed, read_mark(each.metadata)) for name, each in found.items()}

        return await self._clients.call(read)

    async def states(self, partitions: Collection[int]) -> dict[int, list[ConversationState | RejectedState]]:
        def read() -> dict[int, list[bytes]]:
            return {each: list(self._clients.broker.partitions[each].states.values()) for each in partitions}

        found = await self._clients.call(read)
        return {partition: [load_record(value) for value in values] for partition, values in found.items()}


class ModelTransactions:
    """As ``worker.output.transactions.TransactionalPublisher``."""

    def __init__(self, client_arguments: dict[str, Any], *, partition: TopicPartition, **_: Any) -> None:
        self._clients: Clients = client_arguments["clients"]
        self._partition = partition.partition
        self._epoch: int | None = None

    async def start(self) -> None:
        self._epoch = await self._clients.call(lambda: self._clients.broker.init(self._partition))

    async def renew(self) -> None:
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        self._epoch = None

    async def publish(self, prepared: Prepared) -> bool:
        epoch = self._epoch
        self._clients.on_batch(self._partition)
        if epoch is None:
            raise DeliveryLostError("not started")
        broker, partition = self._clients.broker, self._partition
        fates = broker.partitions[partition].fates
        fate: Fate = fates.pop(0) if fates else "safe"
        transaction = Transaction(prepared, self._clients.name)
        await self._clients.call(lambda: broker.begin(partition, epoch, transaction))
        if fate == "slow":
            await asyncio.sleep(TRANSACTION_SECONDS / 2)
        await self._clients.call(lambda: broker.decide(partition, epoch, transaction, fate))
        return True


class ModelPublisher:
    """As ``worker.output.publisher.Publisher``: for captions, and for everything else at least once."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def publish(self, records: Collection[OutputRecord]) -> None:
        # One partition has all results here, whichever they are of: nobody asks.
        for record in records:
            await self._clients.call(lambda record=record: self._publish(record))  # type: ignore[misc]

    def _publish(self, record: OutputRecord) -> None:
        partition = record.partition if record.topic == STATE else 0
        assert partition is not None
        self._clients.broker.publish(partition, [record])

    def caption(self, caption: object) -> None:
        """Nobody looks at captions here."""
