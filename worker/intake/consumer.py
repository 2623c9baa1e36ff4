"""The consumer: feeds lanes, follows rebalances, restores what is new. Shell.

aiokafka revokes everything in every rebalance. A lane is parked then, with its sockets open, and adopted when its
partition comes back. Its position in memory is kept. If somebody else had the partition in between, the lane's producer
is fenced, and the lane begins anew from what they left behind; without transactions the committed positions tell.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.structs import OffsetAndMetadata

from worker.deadline import Deadline
from worker.errors import BrokerError, WorkerError
from worker.intake.assignment import Committed, plan
from worker.intake.contact import Contact
from worker.intake.group import FETCH_WAIT_MS, GroupMemory
from worker.intake.owned import LanePolicy, OwnedLane, name_of
from worker.metrics import Metrics
from worker.output.events import EventBuilder
from worker.output.publisher import AtLeastOncePublisher, LanePublisher, Publisher
from worker.output.transactions import TransactionalPublisher
from worker.records import Coordinates, InputRecord
from worker.sessions.lane import Lane
from worker.sessions.owed import OwedRequest, answer_nothing
from worker.sessions.policy import ConversationPolicy
from worker.sessions.runner import SessionRunner
from worker.sessions.state import StateError
from worker.sessions.subscription import Served

_log = structlog.get_logger(__name__)

POLL_SECONDS = 0.2
MAX_POLL_RECORDS = 500
RETRY_SECONDS = 1.0
HEARTBEATS_IN_A_SESSION = 6
FORBIDDEN = (TransactionalIdAuthorizationFailed, GroupAuthorizationFailedError, TopicAuthorizationFailedError)
BALANCE_SECONDS = 0.1
BALANCE_BYTES = 1 << 20
"""Memory is looked at so often, or when so much was read since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakePolicy:
    """How partitions are consumed. Byte marks count audio in memory.

    Args:
        transaction_timeout_seconds: Kafka gives up an unfinished transaction after it; None publishes at least once.
    """

    topics: tuple[str, ...]
    state_topic: str
    group_id: str
    instance_id: str | None
    session_timeout_seconds: float
    transaction_timeout_seconds: float | None
    rebalance_seconds: float
    commit_interval_seconds: float
    stream_high_bytes: int
    stream_low_bytes: int
    worker_high_bytes: int
    worker_low_bytes: int
    fetch_partition_bytes: int


class Intake(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Consumes the audio topics.

    Args:
        publisher: for captions, and for all records where delivery is at least once.
        events: makes records of what is to be said.
        make_runner: gives a session its socket runner, which asks before it says anything whether it still may.
        fetch_owed: reads what a conversation is owed, and answers; None where nothing can be read.
    """

    def __init__(
        self,
        *,
        client_arguments: dict[str, Any],
        policy: IntakePolicy,
        conversations: ConversationPolicy,
        publisher: Publisher,
        events: EventBuilder,
        make_runner: Callable[[Served, Callable[[], bool]], SessionRunner],
        metrics: Metrics,
        fetch_owed: Callable[[OwedRequest], Coroutine[Any, Any, None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client_arguments = client_arguments
        self._policy = policy
        self._conversations = conversations
        self._publisher = publisher
        self._events = events
        self._make_runner = make_runner
        self._fetch_owed = fetch_owed
        self._metrics = metrics
        self._clock = clock
        self._consumer: Any = None
        self._memory = GroupMemory(client_arguments, group_id=policy.group_id, state_topic=policy.state_topic)
        self._heartbeat_seconds = policy.session_timeout_seconds / HEARTBEATS_IN_A_SESSION
        # Some time before the group gives us up, so that what was said before is over when somebody else begins.
        patience_seconds = policy.session_timeout_seconds - self._heartbeat_seconds * 1.5
        self._contact = Contact(patience_seconds, self._wake, clock)
        self._lanes: dict[TopicPartition, OwnedLane] = {}
        self._restoring: set[TopicPartition] = set()
        self._restore_tasks: set[asyncio.Task[None]] = set()
        self._side_tasks: set[asyncio.Task[None]] = set()
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
    def contact_age_seconds(self) -> float:
        """Age of the group's last proof that this worker is a member."""
        return self._contact.age_seconds

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
                    found[name_of(partition)] = max(0, high - owned.read_position)
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
            heartbeat_interval_ms=int(self._heartbeat_seconds * 1000),
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=policy.fetch_partition_bytes,
        )
        if policy.topics[0].startswith("^"):
            consumer.subscribe(pattern=policy.topics[0], listener=self)
        else:
            consumer.subscribe(list(policy.topics), listener=self)
        self._consumer = consumer
        try:
            await self._memory.start()
            await consumer.start()
        except (KafkaError, OSError) as error:
            raise BrokerError(f"the consumer cannot start: {type(error).__name__}") from error
        if self._restore_tasks:
            await asyncio.wait(self._restore_tasks, timeout=policy.session_timeout_seconds)

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
                owned.raise_failure()
            for task in [task for task in self._restore_tasks if task.done()]:
                self._restore_tasks.remove(task)
                if not task.cancelled():
                    task.result()
            if self.failure is not None:
                raise self.failure
            if _has_died(self._consumer):
                raise BrokerError("the Kafka consumer has died; a new process takes over")

    async def stop(self, deadline: Deadline) -> None:
        """Publish and commit what is settled, hand the streams over, leave the group."""
        self._stopping = True
        if self._consumer is None:
            return
        self._stop_restoring()
        await asyncio.gather(*self._restore_tasks, return_exceptions=True)
        await self._flush(deadline)
        await asyncio.gather(*(owned.hand_over() for owned in self._lanes.values()), *self._side_tasks)
        self._lanes.clear()
        with contextlib.suppress(TimeoutError, KafkaError):
            await asyncio.wait_for(self._consumer.stop(), max(deadline.left(), 0.1))
        await self._memory.stop()

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

    # --- rebalances ---

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Park every lane: what is settled is published and committed, sockets stay open."""
        self._contact.watch(self._consumer)
        self._metrics.rebalances.inc()
        await self._flush(Deadline(self._policy.rebalance_seconds, self._clock))
        self._stop_restoring()
        for owned in self._lanes.values():
            owned.park()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Adopt the lanes whose partitions came back, hand over the others, restore what is new."""
        try:
            await self._take_up(set(assigned))
        except Exception as error:  # raised here it would only be logged by aiokafka
            self.failure = BrokerError(f"partitions cannot be taken up: {type(error).__name__}")

    async def _take_up(self, assigned: set[TopicPartition]) -> None:
        self._stop_restoring()
        deadline = Deadline(self._policy.rebalance_seconds, self._clock)
        taken = await self._taken(assigned & self._lanes.keys(), deadline)
        decided = plan(self._lanes.keys(), assigned, taken)
        for partition in decided.adopt:
            owned = self._lanes[partition]
            self._consumer.seek(partition, owned.read_position)
            owned.adopt()
            self._metrics.lanes.labels("adopted").inc()
        leaving = [self._lanes.pop(partition) for partition in decided.hand_over]
        _log.info(
            "partitions_assigned",
            adopted=len(decided.adopt),
            handed_over=len(decided.hand_over),
            restored=len(decided.restore),
        )
        self._begin_restoring(decided.restore)
        await asyncio.gather(*(owned.hand_over() for owned in leaving))

    async def _taken(self, partitions: set[TopicPartition], deadline: Deadline) -> set[TopicPartition]:
        """The partitions to which others have committed. Where transactions fence, each lane finds out by itself."""
        if self._policy.transaction_timeout_seconds is not None or not partitions:
            return set()
        try:
            found = await asyncio.wait_for(self._memory.committed(partitions), max(deadline.left(), 0.1))
        except (TimeoutError, KafkaError, OSError) as error:
            _log.warning("committed_positions_unknown", error=type(error).__name__)
            return partitions
        return {partition for partition in partitions if self._lanes[partition].is_foreign(found[partition])}

    def _on_taken(self, owned: OwnedLane) -> None:
        """Somebody else had the partition in between, and it is ours again: begin anew where they stopped."""
        del self._lanes[owned.partition]
        owned.drop()
        # What takes time is done on the side.
        self._spawn(owned.hand_over())
        self._begin_restoring({owned.partition})

    # --- restoring ---

    def _begin_restoring(self, partitions: Collection[TopicPartition]) -> None:
        if partitions:
            self._restoring |= set(partitions)
            self._restore_tasks.add(asyncio.create_task(self._restore(set(partitions))))

    def _stop_restoring(self) -> None:
        for task in self._restore_tasks:
            task.cancel()
        self._restoring.clear()

    async def _restore(self, partitions: set[TopicPartition]) -> None:
        """Build lanes for partitions that are new to this worker, then let them be read."""
        try:
            self._consumer.pause(*partitions)
            while True:
                try:
                    await self._restore_now(partitions)
                    return
                except (IllegalStateError, *FORBIDDEN):
                    raise
                except (KafkaError, OSError, TimeoutError) as error:
                    _log.warning("restore_failed", error=type(error).__name__)
                    await asyncio.sleep(RETRY_SECONDS)
        except IllegalStateError:
            _log.info("restore_overtaken")
        except FORBIDDEN as error:
            self.failure = BrokerError(f"partitions cannot be taken up: {type(error).__name__}")
        except StateError as error:
            self.failure = BrokerError(f"the state topic {self._policy.state_topic} cannot be restored: {error}")

    async def _restore_now(self, partitions: set[TopicPartition]) -> None:
        publishers = {partition: self._make_publisher(partition) for partition in partitions}
        try:
            # First: this ends whatever an earlier owner has under way. Only then is what Kafka remembers the last word.
            await asyncio.gather(*(publisher.start() for publisher in publishers.values()))
            states = await self._memory.states({partition.partition for partition in partitions})
            committed = await self._memory.committed(partitions)
            beginnings = await self._consumer.beginning_offsets(list(partitions))
            for partition in sorted(partitions):
                before = committed[partition]
                first = beginnings[partition]
                position = first if before.position is None else max(before.position, first)
                owned = self._own(partition, publishers[partition], before)
                lane = self._lane(owned, position)
                lane.restore(
                    states.get(partition.partition, []),
                    self._clock(),
                    some_are_lost=before.position is not None and before.position < first,
                    wall_ms=int(time.time() * 1000),
                )
                self._consumer.seek(partition, position)
                self._lanes[partition] = owned
                del publishers[partition]
                owned.begin(lane)
                self._metrics.lanes.labels("restored").inc()
        finally:
            await asyncio.gather(*(publisher.stop() for publisher in publishers.values()))
        self._restoring -= partitions
        self._consumer.resume(*partitions)

    def _make_publisher(self, partition: TopicPartition) -> LanePublisher:
        policy = self._policy
        if policy.transaction_timeout_seconds is None:
            return AtLeastOncePublisher(self._publisher, lambda position, mark: self._commit(partition, position, mark))
        return TransactionalPublisher(
            self._client_arguments,
            group_id=policy.group_id,
            partition=partition,
            timeout_seconds=policy.transaction_timeout_seconds,
            metrics=self._metrics,
        )

    def _own(self, partition: TopicPartition, publisher: LanePublisher, before: Committed) -> OwnedLane:
        return OwnedLane(
            partition,
            policy=LanePolicy(
                state_topic=self._policy.state_topic,
                commit_interval_seconds=self._policy.commit_interval_seconds,
            ),
            publisher=publisher,
            events=self._events,
            before=before,
            contact=self._contact,
            read_committed=self._read_committed,
            make_runner=self._make_runner,
            on_taken=self._on_taken,
            metrics=self._metrics,
            clock=self._clock,
        )

    def _lane(self, owned: OwnedLane, position: int) -> Lane:
        lane = Lane(
            topic=owned.partition.topic,
            partition=owned.partition.partition,
            position=position,
            policy=self._conversations,
            on_session=owned.run_session,
            on_owed=lambda request: self._on_owed(owned, request),
        )
        lane.book.on_caption = self._publisher.caption
        lane.book.on_waited = self._metrics.hold_seconds.observe
        return lane

    def _on_owed(self, owned: OwnedLane, request: OwedRequest) -> None:
        if self._fetch_owed is None:
            answer_nothing(request)
        else:
            owned.run_owed(self._fetch_owed(request))

    def _wake(self) -> None:
        for owned in self._lanes.values():
            owned.wake()

    async def _read_committed(self, partition: TopicPartition) -> Committed:
        return (await self._memory.committed([partition]))[partition]

    async def _commit(self, partition: TopicPartition, position: int, mark: str) -> bool:
        """Commit outside of a transaction."""
        try:
            await self._consumer.commit({partition: OffsetAndMetadata(position, mark)})
        except KafkaError as error:
            # If the group has moved on, the rebalance that follows decides about this lane.
            self._metrics.commit_failures.inc()
            _log.warning("commit_failed", partition=name_of(partition), error=type(error).__name__)
            return False
        return True

    async def _flush(self, deadline: Deadline) -> None:
        """Publish what every lane has, within the deadline; what takes longer goes on by itself."""
        flushing = [owned.flush() for owned in self._lanes.values() if not owned.parked]
        if flushing:
            _, late = await asyncio.wait(flushing, timeout=deadline.left())
            if late:
                _log.warning("publishing_deadline_passed", lanes=len(late))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)


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
