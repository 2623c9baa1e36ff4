"""The consumer: feeds lanes, publishes their batches, commits their positions, follows rebalances. Shell.

aiokafka revokes everything in every rebalance. A lane is parked then, with its sockets open, and adopted when its
partition comes back and nobody else has committed to it in between. Its position in memory is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from worker.deadline import Deadline
from worker.errors import BrokerError, WorkerError
from worker.metrics import Metrics
from worker.output.publisher import Publisher
from worker.records import Coordinates, InputRecord, OutputRecord
from worker.sessions.conversation import ConversationPolicy
from worker.sessions.lane import Batch, Lane
from worker.sessions.runner import SessionRunner
from worker.sessions.session import Session
from worker.sessions.state import ConversationState, StateError, load_state

_log = structlog.get_logger(__name__)

POLL_SECONDS = 0.2
MAX_POLL_RECORDS = 500
FETCH_WAIT_MS = 100
BALANCE_SECONDS = 0.1
BALANCE_BYTES = 1 << 20
"""Memory is looked at so often, or when so much was read since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakePolicy:
    """How partitions are consumed. Byte marks count audio in memory."""

    topics: tuple[str, ...]
    state_topic: str
    group_id: str
    instance_id: str | None
    session_timeout_seconds: float
    rebalance_seconds: float
    commit_interval_seconds: float
    stream_high_bytes: int
    stream_low_bytes: int
    worker_high_bytes: int
    worker_low_bytes: int
    fetch_partition_bytes: int


class _OwnedLane:
    """A lane with its sockets and its publishing.

    Invariants: one batch is under way at a time, and kept until it is published; nothing is published while parked.
    """

    def __init__(self, lane: Lane, partition: TopicPartition) -> None:
        self.lane = lane
        self.partition = partition
        self.read_position = lane.ledger.next_position
        self.parked = False
        self.paused = False
        self.runners: dict[Session, tuple[SessionRunner, asyncio.Task[None]]] = {}
        self.publishing = asyncio.Lock()
        self.unpublished: Batch | None = None
        self.publisher: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Sessions may have got something to do."""
        for runner, _ in self.runners.values():
            runner.wake()

    async def hand_over(self) -> None:
        """Let go: publishing ends, sockets go without ``stop_request``."""
        tasks = [task for _, task in self.runners.values()]
        if self.publisher is not None:
            tasks.append(self.publisher)
        self.runners.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Intake(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Consumes the audio topics.

    Args:
        make_runner: gives a session its socket runner.
    """

    def __init__(
        self,
        *,
        client_arguments: dict[str, Any],
        policy: IntakePolicy,
        conversations: ConversationPolicy,
        publisher: Publisher,
        make_runner: Callable[[Session], SessionRunner],
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client_arguments = client_arguments
        self._policy = policy
        self._conversations = conversations
        self._publisher = publisher
        self._make_runner = make_runner
        self._metrics = metrics
        self._clock = clock
        self._consumer: Any = None
        self._lanes: dict[TopicPartition, _OwnedLane] = {}
        self._restoring: frozenset[TopicPartition] = frozenset()
        self._restore_task: asyncio.Task[None] | None = None
        self._stopping = False
        self._squeezed = False
        self._balanced_at = clock()
        self._unbalanced_bytes = 0
        self.polled_at = clock()
        self.failure: WorkerError | None = None
        """What made consumption end; None while it goes on."""

    # --- what others look at ---

    @property
    def lanes(self) -> Iterable[Lane]:
        """The lanes that are owned or parked."""
        return [owned.lane for owned in self._lanes.values()]

    @property
    def runners(self) -> Iterable[SessionRunner]:
        """All socket runners."""
        return [runner for owned in self._lanes.values() for runner, _ in owned.runners.values()]

    @property
    def paused_partitions(self) -> int:
        """Partitions that are not read because memory is full."""
        return sum(owned.paused for owned in self._lanes.values())

    @property
    def held_bytes(self) -> int:
        """Audio in memory."""
        return sum(owned.lane.held_bytes for owned in self._lanes.values())

    @property
    def is_ready(self) -> bool:
        """Whether the group was joined and no partition waits to be restored."""
        return self._consumer is not None and not self._restoring and self.failure is None and not self._stopping

    def lag(self) -> dict[str, int]:
        """Records behind the end, of each partition of which the end is known."""
        found: dict[str, int] = {}
        for partition, owned in self._lanes.items():
            with contextlib.suppress(IllegalStateError):
                high = self._consumer.highwater(partition)
                if high is not None:
                    found[f"{partition.topic}/{partition.partition}"] = max(0, high - owned.read_position)
        return found

    # --- life ---

    async def start(self) -> None:
        """Join the group, and take up the partitions that it gives us.

        Raises:
            BrokerError: no broker answers, or it refuses us.
        """
        policy = self._policy
        session_timeout_ms = int(policy.session_timeout_seconds * 1000)
        consumer = AIOKafkaConsumer(
            **self._client_arguments,
            group_id=policy.group_id,
            group_instance_id=policy.instance_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            partition_assignment_strategy=(StickyPartitionAssignor,),
            session_timeout_ms=session_timeout_ms,
            heartbeat_interval_ms=max(100, session_timeout_ms // 4),
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=policy.fetch_partition_bytes,
        )
        if policy.topics[0].startswith("^"):
            consumer.subscribe(pattern=policy.topics[0], listener=self)
        else:
            consumer.subscribe(list(policy.topics), listener=self)
        self._consumer = consumer
        try:
            await consumer.start()
        except (KafkaError, OSError) as error:
            raise BrokerError(f"the consumer cannot start: {type(error).__name__}") from error
        if self._restore_task is not None:
            await asyncio.wait({self._restore_task})

    async def run(self) -> None:
        """Read and feed until ``stop``.

        Raises:
            WorkerError: consumption cannot go on.
        """
        while not self._stopping:
            batches = await self._consumer.getmany(timeout_ms=int(POLL_SECONDS * 1000), max_records=MAX_POLL_RECORDS)
            self.polled_at = self._clock()
            self._feed(batches)
            self._balance()
            for owned in self._lanes.values():
                if owned.publisher is not None and owned.publisher.done():
                    owned.publisher.result()
            if self._restore_task is not None and self._restore_task.done() and not self._restore_task.cancelled():
                self._restore_task.result()
            if self.failure is not None:
                raise self.failure
            if _has_died(self._consumer):
                raise BrokerError("the Kafka consumer has died; a new process takes over")

    async def stop(self, deadline: Deadline) -> None:
        """Publish and commit what is settled, hand the streams over, leave the group."""
        self._stopping = True
        if self._consumer is None:
            return
        if self._restore_task is not None:
            self._restore_task.cancel()
            await asyncio.gather(self._restore_task, return_exceptions=True)
        await self._publish_all(deadline)
        for owned in list(self._lanes.values()):
            await owned.hand_over()
        with contextlib.suppress(TimeoutError, KafkaError):
            await asyncio.wait_for(self._consumer.stop(), max(deadline.left(), 0.1))

    # --- feeding ---

    def _feed(self, batches: Mapping[TopicPartition, Iterable[Any]]) -> None:
        now = self._clock()
        for partition, records in batches.items():
            owned = self._lanes.get(partition)
            if owned is None or owned.parked:
                continue
            for record in records:
                owned.lane.receive(_input_record(record), now)
                owned.read_position = record.offset + 1
                self._metrics.records.inc()
                size = len(record.value or b"")
                self._metrics.input_bytes.inc(size)
                self._unbalanced_bytes += size
            owned.wake()

    def _balance(self) -> None:
        """Pause what would fill memory, resume what has room, read again what memory gave up."""
        policy = self._policy
        now = self._clock()
        if now - self._balanced_at < BALANCE_SECONDS and self._unbalanced_bytes < BALANCE_BYTES:
            return
        self._balanced_at = now
        self._unbalanced_bytes = 0
        held = self.held_bytes
        if held > policy.worker_high_bytes:
            for owned in self._lanes.values():
                held -= owned.lane.drop_sent_audio()
        self._squeezed = held > (policy.worker_low_bytes if self._squeezed else policy.worker_high_bytes)
        for partition, owned in self._lanes.items():
            if owned.parked or partition in self._restoring:
                continue
            mark = policy.stream_low_bytes if owned.paused else policy.stream_high_bytes
            full = self._squeezed or owned.lane.unsent_bytes > mark
            if full != owned.paused:
                owned.paused = full
                with contextlib.suppress(IllegalStateError):
                    (self._consumer.pause if full else self._consumer.resume)(partition)
            rewind = owned.lane.rewind_offset
            if rewind is not None and rewind < owned.read_position:
                owned.read_position = rewind
                owned.lane.read_again_from(rewind)
                self._metrics.rewinds.inc()
                with contextlib.suppress(IllegalStateError):
                    self._consumer.seek(partition, rewind)

    # --- publishing ---

    async def _publish_for_ever(self, owned: _OwnedLane) -> None:
        while True:
            await asyncio.sleep(self._policy.commit_interval_seconds)
            if not owned.parked:
                await self._publish(owned)

    async def _publish_all(self, deadline: Deadline) -> None:
        """Publish what every lane has, within the deadline; what was not published in time is kept."""
        try:
            async with asyncio.timeout(deadline.left()):
                await asyncio.gather(*(self._publish(owned) for owned in self._lanes.values() if not owned.parked))
        except TimeoutError:
            _log.warning("publishing_deadline_passed")

    async def _publish(self, owned: _OwnedLane) -> None:
        """Make one batch of a lane safe: results first, then states, then the position."""
        async with owned.publishing:
            owned.lane.tick(self._clock())
            self._sweep(owned)
            batch = owned.unpublished or owned.lane.take_batch()
            if not batch:
                return
            owned.unpublished = batch
            await self._publisher.publish(batch.outputs)
            await self._publisher.publish_records(
                [
                    OutputRecord(self._policy.state_topic, key, value, (), owned.partition.partition)
                    for key, value in batch.states
                ]
            )
            owned.unpublished = None
            if batch.position is not None:
                await self._commit(owned, batch.position)

    async def _commit(self, owned: _OwnedLane, position: int) -> None:
        try:
            await self._consumer.commit({owned.partition: OffsetAndMetadata(position, "")})
        except (CommitFailedError, IllegalStateError) as error:
            # The group has moved on; the rebalance that follows decides about this lane.
            self._metrics.commit_failures.inc()
            _log.warning("commit_refused", partition=_name(owned.partition), error=type(error).__name__)
        except KafkaError as error:
            self._metrics.commit_failures.inc()
            _log.warning("commit_failed", partition=_name(owned.partition), error=type(error).__name__)
        else:
            owned.lane.committed(position)

    def _sweep(self, owned: _OwnedLane) -> None:
        """Look at every finished runner."""
        for session, (_, task) in list(owned.runners.items()):
            if task.done():
                del owned.runners[session]
                if not task.cancelled():
                    task.result()

    # --- rebalances ---

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Park every lane: what is settled is published and committed, sockets stay open."""
        self._metrics.rebalances.inc()
        deadline = Deadline(self._policy.rebalance_seconds, self._clock)
        if self._restore_task is not None:
            self._restore_task.cancel()
            self._restore_task = None
        self._restoring = frozenset()
        try:
            await self._publish_all(deadline)
        except Exception as error:  # raised here it would only be logged by aiokafka, with its text
            _log.error("parking_failed", error=type(error).__name__)
        for owned in self._lanes.values():
            owned.parked = True

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Adopt the lanes whose partitions came back, hand over the others, restore what is new."""
        try:
            await self._take_up(set(assigned))
        except Exception as error:  # raised here it would only be logged by aiokafka
            self.failure = BrokerError(f"partitions cannot be taken up: {type(error).__name__}")

    async def _take_up(self, wanted: set[TopicPartition]) -> None:
        fresh = set(wanted)
        deadline = Deadline(self._policy.rebalance_seconds, self._clock)
        for partition, owned in list(self._lanes.items()):
            if partition in wanted and await self._is_ours_still(owned, deadline):
                fresh.discard(partition)
                owned.parked = False
                owned.paused = False
                self._consumer.seek(partition, owned.read_position)
                self._metrics.lanes.labels("adopted").inc()
            else:
                del self._lanes[partition]
                await owned.hand_over()
                _log.info("lane_handed_over", partition=_name(partition))
        _log.info("partitions_assigned", adopted=len(self._lanes), new=len(fresh))
        if fresh:
            self._consumer.pause(*fresh)
            self._restoring = frozenset(fresh)
            self._restore_task = asyncio.create_task(self._restore(self._restoring))

    async def _is_ours_still(self, owned: _OwnedLane, deadline: Deadline) -> bool:
        """Whether nobody has committed to this partition since we did."""
        try:
            committed = await asyncio.wait_for(self._consumer.committed(owned.partition), max(deadline.left(), 0.1))
        except (TimeoutError, KafkaError) as error:
            _log.warning("committed_position_unknown", partition=_name(owned.partition), error=type(error).__name__)
            return False
        if committed is None:
            return not owned.lane.has_committed
        return bool(committed == owned.lane.committed_position)

    async def _restore(self, partitions: frozenset[TopicPartition]) -> None:
        """Build lanes for partitions that are new to this worker, then let them be read."""
        try:
            states = await self._read_states({partition.partition for partition in partitions})
            for partition in sorted(partitions):
                committed = await self._consumer.committed(partition)
                position = committed
                if position is None:
                    position = (await self._consumer.beginning_offsets([partition]))[partition]
                owned = self._own(partition, position, has_committed=committed is not None)
                owned.lane.restore(states.get(partition.partition, []), self._clock())
                self._lanes[partition] = owned
                self._consumer.seek(partition, position)
                self._metrics.lanes.labels("restored").inc()
            self._restoring = frozenset()
            self._consumer.resume(*partitions)
        except asyncio.CancelledError:
            raise
        except IllegalStateError:
            _log.info("restore_overtaken")
        except (KafkaError, StateError) as error:
            text = str(error) if isinstance(error, StateError) else type(error).__name__
            self.failure = BrokerError(f"the state topic {self._policy.state_topic} cannot be restored: {text}")

    def _own(self, partition: TopicPartition, position: int, *, has_committed: bool) -> _OwnedLane:
        lane = Lane(
            topic=partition.topic,
            partition=partition.partition,
            position=position,
            policy=self._conversations,
            on_session=lambda session: self._run_session(owned, session),
            has_committed=has_committed,
        )
        owned = _OwnedLane(lane, partition)
        owned.publisher = asyncio.create_task(self._publish_for_ever(owned))
        lane.book.on_caption = self._publisher.caption
        return owned

    def _run_session(self, owned: _OwnedLane, session: Session) -> None:
        runner = self._make_runner(session)
        owned.runners[session] = (runner, asyncio.create_task(runner.run()))

    async def _read_states(self, partitions: set[int]) -> dict[int, list[ConversationState]]:
        """The latest state of every conversation, by partition."""
        topic = self._policy.state_topic
        wanted = [TopicPartition(topic, partition) for partition in sorted(partitions)]
        reader = AIOKafkaConsumer(
            **self._client_arguments,
            enable_auto_commit=False,
            # Not by seeking: a reset to the end that is under way then would win over it.
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        latest: dict[int, dict[bytes, bytes]] = {partition: {} for partition in partitions}
        await reader.start()
        try:
            reader.assign(wanted)
            ends = await reader.end_offsets(wanted)
            while any([await reader.position(partition) < ends[partition] for partition in wanted]):
                for partition, records in (await reader.getmany(timeout_ms=500)).items():
                    for record in records:
                        if record.value is None:
                            latest[partition.partition].pop(record.key, None)
                        else:
                            latest[partition.partition][record.key] = record.value
        finally:
            await reader.stop()
        return {partition: [load_state(value) for value in values.values()] for partition, values in latest.items()}


def _has_died(consumer: Any) -> bool:
    """Whether a task has ended that a consumer cannot live without. aiokafka does not say so: it returns nothing."""
    tasks = (
        getattr(getattr(consumer, "_fetcher", None), "_fetch_task", None),
        getattr(getattr(consumer, "_coordinator", None), "_coordination_task", None),
    )
    return any(task is not None and task.done() for task in tasks)


def _input_record(record: Any) -> InputRecord:
    return InputRecord(
        coordinates=Coordinates(record.topic, record.partition, record.offset, record.timestamp),
        key=record.key,
        value=record.value,
        headers=tuple((name, value or b"") for name, value in record.headers),
    )


def _name(partition: TopicPartition) -> str:
    return f"{partition.topic}/{partition.partition}"
