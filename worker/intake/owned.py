"""One lane in operation: its sockets, its publishing, its recovery when Kafka fenced it. Shell."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from worker.errors import DeliveryLostError
from worker.intake.assignment import Committed, Mark, is_foreign
from worker.intake.contact import Contact
from worker.metrics import Metrics
from worker.output.events import EventBuilder
from worker.output.publisher import LanePublisher, Prepared
from worker.records import Output, OutputRecord
from worker.sessions.lane import Lane
from worker.sessions.runner import SessionRunner
from worker.sessions.subscription import Served

_log = structlog.get_logger(__name__)

RETRY_SECONDS = 0.5
OFFSETS_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePolicy:
    """How lanes publish."""

    state_topic: str
    commit_interval_seconds: float


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch under way, and what it says, for the metrics."""

    prepared: Prepared
    mark: Mark
    outputs: list[Output]


class OwnedLane:
    """A lane with its sockets and its publishing.

    Invariants: one batch is under way at a time, and kept until it is known to be safe; no batch is begun while parked;
    nothing is said to the host while somebody else may speak for the partition (``may_speak``).

    Args:
        contact: with the consumer group.
        lane: set once, right after construction: a lane tells us of its sessions from its first moment on.
        before: what was committed when the lane was restored.
        read_committed: reads what is committed now.
        on_taken: told when somebody else turns out to have committed to the partition; the lane is out of date then.
    """

    lane: Lane

    def __init__(
        self,
        partition: TopicPartition,
        *,
        policy: LanePolicy,
        publisher: LanePublisher,
        events: EventBuilder,
        before: Committed,
        contact: Contact,
        read_committed: Callable[[TopicPartition], Awaitable[Committed]],
        make_runner: Callable[[Served, Callable[[], bool]], SessionRunner],
        on_taken: Callable[[OwnedLane], None],
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.partition = partition
        self.before = before
        self.owner = uuid.uuid4().hex
        self.read_position = 0
        self.paused = False
        self.runners: dict[Served, tuple[SessionRunner, asyncio.Task[None]]] = {}
        self._policy = policy
        self._publisher = publisher
        self._events = events
        self._contact = contact
        self._read_committed = read_committed
        self._make_runner = make_runner
        self._on_taken = on_taken
        self._metrics = metrics
        self._clock = clock
        self._unpublished: _Batch | None = None
        self._batches = 0
        self._term = 1
        self._marked_term = 0
        self._publishing = asyncio.Lock()
        self._lost = False
        self._hurry = asyncio.Event()
        self._unparked = asyncio.Event()
        self._unparked.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    def __repr__(self) -> str:
        return f"<OwnedLane {self.lane!r} {'parked' if self.parked else 'active'}>"

    @property
    def parked(self) -> bool:
        """Whether a rebalance decides about the partition right now."""
        return not self._unparked.is_set()

    @property
    def may_speak(self) -> bool:
        """Whether nobody else speaks for the partition.

        Not while a rebalance decides: it may have decided already. Not when the group may have given this worker up.
        And not before a commit has marked the partition as ours since it was last assigned: whoever had it in between
        has marked it, too, before speaking; so this commit fails, or the mark is seen.
        """
        return self._marked_term == self._term and not self.parked and self._contact.is_fresh

    def is_foreign(self, found: Committed) -> bool:
        """Whether somebody else has committed to the partition since this lane was restored."""
        return is_foreign(found, self.before, self.owner)

    # --- life ---

    def begin(self, lane: Lane) -> None:
        """Take a lane into operation: publish what it has to say."""
        self.lane = lane
        self.read_position = lane.ledger.next_position
        lane.book.on_large = self._hurry.set
        self._hurry.set()
        self._spawn(self._publish_for_ever())

    def run_session(self, session: Served) -> None:
        """Serve a new session's sockets."""
        runner = self._make_runner(session, lambda: self.may_speak)
        self.runners[session] = (runner, asyncio.create_task(runner.run()))

    def run_owed(self, work: Coroutine[Any, Any, None]) -> None:
        """Let a conversation read what it is owed. It is given up with the lane."""

        async def then_wake() -> None:
            await work
            self.wake()

        self._spawn(then_wake())

    def wake(self) -> None:
        """Sessions may have got something to do."""
        for runner, _ in self.runners.values():
            runner.wake()

    def park(self) -> None:
        """Begin no batch and say nothing until ``adopt``; sockets stay open. A batch under way goes on."""
        self._unparked.clear()

    def adopt(self) -> None:
        """Go on as before, as soon as the partition is marked again."""
        self.paused = False
        self._term += 1
        self._unparked.set()
        self._hurry.set()

    def raise_failure(self) -> None:
        """Raise what ended the publishing, or a runner, by a bug of ours."""
        if self._failure is not None:
            raise self._failure

    def drop(self) -> None:
        """Let go of everything at once, without waiting: sockets go without ``stop_request``, publishing ends."""
        for _, task in self.runners.values():
            task.cancel()
        for publishing in self._tasks:
            publishing.cancel()

    async def hand_over(self) -> None:
        """Let go, and wait until that is done."""
        self.drop()
        tasks = [task for _, task in self.runners.values()] + list(self._tasks)
        self.runners.clear()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._publisher.stop()

    # --- publishing ---

    def flush(self) -> asyncio.Task[None]:
        """Publish what there is, now. The task may be waited for; it is not to be cancelled."""
        return self._spawn(self._publish())

    async def _publish_for_ever(self) -> None:
        while True:
            await self._wait()
            if self._lost:
                await self._recover()
            else:
                await self._publish()

    async def _wait(self) -> None:
        """Wait for the end of the commit interval, or until there is much to publish."""
        timer = asyncio.get_running_loop().call_later(self._policy.commit_interval_seconds, self._hurry.set)
        try:
            await self._hurry.wait()
        finally:
            timer.cancel()
            self._hurry.clear()

    async def _publish(self) -> None:
        """Make one batch safe."""
        async with self._publishing:
            if self._lost or self.parked:
                # Perhaps only since somebody asked.
                return
            self._sweep()
            batch = self._unpublished or self._next_batch()
            if batch is None:
                return
            self._unpublished = batch
            term = self._term
            try:
                committed = await self._publisher.publish(batch.prepared)
            except DeliveryLostError as error:
                self._lost = True
                _log.warning("delivery_lost", partition=name_of(self.partition), error=str(error))
            else:
                self._is_safe(batch, committed_in=term if committed else 0)

    def _next_batch(self) -> _Batch | None:
        self.lane.tick(self._clock())
        taken = self.lane.take_batch()
        if not taken and self._marked_term == self._term:
            return None
        self._batches += 1
        mark = Mark(self.owner, self._batches)
        now = datetime.now(UTC)
        states = [
            OutputRecord(self._policy.state_topic, key, value, (), self.partition.partition)
            for key, value in taken.states
        ]
        results = [self._events.build(output, time=now) for output in taken.outputs]
        return _Batch(Prepared(results, states, taken.position, str(mark)), mark, taken.outputs)

    def _is_safe(self, batch: _Batch, *, committed_in: int) -> None:
        """A batch is published; in a term of this lane, its position and mark are committed."""
        self._unpublished = None
        if committed_in:
            self.lane.committed(batch.prepared.position)
        if committed_in > self._marked_term:
            self._marked_term = committed_in
            self.wake()
        for output in batch.outputs:
            self._metrics.published(output)

    async def _recover(self) -> None:
        """Find out whether the lane is still ours, and what became of its last batch.

        Kafka fences a producer when somebody else has taken the partition, and when a transaction took too long. In the
        first case the group tells us, and a rebalance decides about this lane; so it is asked before the other
        owner would be fenced by us.
        """
        while True:
            await self._contact.heard_after(self._clock())
            await self._unparked.wait()
            term = self._term
            try:
                await self._publisher.renew()
                # Brokers before 4.0 take up a transaction's offsets a moment after its end (no KIP-447 here to say so).
                await asyncio.sleep(OFFSETS_SECONDS)
                found = await self._read_committed(self.partition)
            except (KafkaError, OSError, TimeoutError) as error:
                _log.warning("recovery_failed", partition=name_of(self.partition), error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            break
        if self.is_foreign(found):
            _log.warning("lane_taken", partition=name_of(self.partition))
            self._on_taken(self)
            return
        batch = self._unpublished
        if batch is not None and found.mark == batch.mark:
            self._is_safe(batch, committed_in=term)
        self._lost = False
        self._hurry.set()
        _log.info("delivery_recovered", partition=name_of(self.partition))

    def _sweep(self) -> None:
        """Look at every finished runner."""
        for session, (_, task) in list(self.runners.items()):
            if task.done():
                del self.runners[session]
                if not task.cancelled():
                    task.result()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()


def name_of(partition: TopicPartition) -> str:
    """A partition, as logs and metrics name it."""
    return f"{partition.topic}/{partition.partition}"
