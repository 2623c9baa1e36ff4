"""The producer: says records and waits until the broker has them. Shell."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from worker.errors import BrokerError
from worker.metrics import Metrics
from worker.output.events import EventBuilder
from worker.records import Caption, OutputRecord

_log = structlog.get_logger(__name__)

MAX_REQUEST_BYTES = 2 << 20
BATCH_BYTES = 128 << 10
LINGER_MS = 5
PENDING_CAPTIONS = 10_000
RESTART_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A lane's batch, ready to be published: the same records in every attempt.

    Args:
        results: in the order in which readers shall see them.
        states: for the state topic.
        position: next offset of the input partition that the consumer group would read.
        mark: metadata of that position; tells who committed it.
    """

    results: Sequence[OutputRecord]
    states: Sequence[OutputRecord]
    position: int
    mark: str


class LanePublisher(Protocol):
    """Makes the batches of one lane safe, one after the other."""

    async def start(self) -> None:
        """Get ready, before the lane's state is read: whatever an earlier owner had under way is decided then.

        Raises:
            KafkaError: no broker answers, or it refuses us.
        """

    async def publish(self, prepared: Prepared) -> bool:
        """Publish a batch, and wait until it is safe.

        Returns:
            Whether the position was committed, too.

        Raises:
            DeliveryLostError: what became of it is not known.
        """

    async def renew(self) -> None:
        """Begin again after that error. Raises what ``start`` raises."""

    async def stop(self) -> None:
        """Let go, within a bounded time."""


class AtLeastOncePublisher:
    """Results first, then states, then the position: a crash in between repeats the results, under the same ids.

    Args:
        commit: commits position and mark; tells whether the group coordinator took them.
    """

    def __init__(self, publisher: Publisher, commit: Callable[[int, str], Awaitable[bool]]) -> None:
        self._publisher = publisher
        self._commit = commit

    async def start(self) -> None:
        """Nothing: the producer is everybody's."""

    async def publish(self, prepared: Prepared) -> bool:
        """Publish a batch."""
        await self._publisher.publish(prepared.results)
        await self._publisher.publish(prepared.states)
        return await self._commit(prepared.position, prepared.mark)

    async def renew(self) -> None:
        """Nothing: ``publish`` waits as long as it takes."""

    async def stop(self) -> None:
        """Nothing: the producer is everybody's."""


class Publisher:
    """One idempotent producer for a whole worker: captions, and everything else where delivery is at least once.

    Args:
        client_arguments: of every aiokafka client.
        build: makes records of what is to be said.
    """

    def __init__(self, client_arguments: dict[str, Any], build: EventBuilder, metrics: Metrics) -> None:
        self._client_arguments = client_arguments
        self._build = build
        self._metrics = metrics
        self._producer: Any = None
        self._restart_lock = asyncio.Lock()
        self._captions: deque[Caption] = deque(maxlen=PENDING_CAPTIONS)
        self._captions_waiting = asyncio.Event()
        self._caption_task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect.

        Raises:
            BrokerError: no broker answers, or it refuses us.
        """
        self._producer = await self._connect()
        self._caption_task = asyncio.create_task(self._send_captions())

    async def stop(self, seconds: float) -> None:
        """Disconnect, within a bounded time."""
        if self._caption_task is not None:
            self._caption_task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._caption_task
        if self._producer is not None:
            with contextlib.suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(self._producer.stop(), max(seconds, 0.1))

    async def publish(self, records: Sequence[OutputRecord]) -> None:
        """Say these records, and return when the broker has them all. Waits as long as the broker is away."""
        began_at = time.monotonic()
        pending = list(records)
        while pending:
            producer = self._producer
            refused: list[OutputRecord] = []
            pending = await self._attempt(producer, pending, refused)
            if pending:
                await self._restart(producer)
            for record in refused:
                await self._publish_alone(record)
        self._metrics.publish_seconds.observe(time.monotonic() - began_at)

    def caption(self, caption: Caption) -> None:
        """Say a caption soon, unless too many wait already: then the oldest is dropped."""
        self._captions.append(caption)
        self._captions_waiting.set()

    # --- internals ---

    async def _connect(self) -> Any:
        producer = AIOKafkaProducer(
            **self._client_arguments,
            enable_idempotence=True,
            linger_ms=LINGER_MS,
            max_batch_size=BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
        )
        try:
            await producer.start()
        except (KafkaError, OSError) as error:
            await producer.stop()
            raise BrokerError(f"the producer cannot start: {type(error).__name__}") from error
        return producer

    async def _attempt(
        self, producer: Any, records: Sequence[OutputRecord], refused: list[OutputRecord]
    ) -> list[OutputRecord]:
        """Send all, wait for all. Returns those that have to be sent again by another producer; tells those whose batch
        was refused, which says nothing about each of them."""
        sent: list[tuple[OutputRecord, Any]] = []
        left: list[OutputRecord] = []
        for record in records:
            if left:
                left.append(record)
                continue
            try:
                sent.append((record, await send(producer, record)))
            except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
                self._refused(record, error)
            except KafkaError as error:
                _log.warning("publish_failed", topic=record.topic, error=type(error).__name__)
                left.append(record)
        again: list[OutputRecord] = []
        for record, future in sent:
            try:
                await future
            except (MessageSizeTooLargeError, RecordListTooLargeError):
                refused.append(record)
            except KafkaError as error:
                _log.warning("publish_failed", topic=record.topic, error=type(error).__name__)
                again.append(record)
        return again + left

    async def _publish_alone(self, record: OutputRecord) -> None:
        """Say one record, unless the broker refuses it for itself. Rare enough for a producer of its own: with that of
        all lanes it would share a batch."""
        while True:
            try:
                producer = await self._connect()
                try:
                    await (await send(producer, record))
                finally:
                    await producer.stop()
            except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
                self._refused(record, error)
            except (KafkaError, BrokerError) as error:
                _log.warning("publish_failed", topic=record.topic, error=type(error).__name__)
                await asyncio.sleep(RESTART_SECONDS)
                continue
            return

    def _refused(self, record: OutputRecord, error: KafkaError) -> None:
        self._metrics.unpublishable.inc()
        size = len(record.value or b"")
        _log.error("record_refused", topic=record.topic, size_bytes=size, error=type(error).__name__)

    async def _restart(self, broken: Any) -> None:
        """A producer whose sender has died never recovers: replace it."""
        async with self._restart_lock:
            if self._producer is not broken:
                return
            with contextlib.suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(broken.stop(), RESTART_SECONDS)
            while True:
                try:
                    self._producer = await self._connect()
                except BrokerError as error:
                    _log.warning("producer_restart_failed", error=str(error))
                    await asyncio.sleep(RESTART_SECONDS)
                else:
                    _log.warning("producer_restarted")
                    return

    async def _send_captions(self) -> None:
        """Captions are worth something only now: they are sent at once, and not again."""
        while True:
            await self._captions_waiting.wait()
            self._captions_waiting.clear()
            now = datetime.now(UTC)
            while self._captions:
                record = self._build.build(self._captions.popleft(), time=now)
                try:
                    (await send(self._producer, record)).add_done_callback(look_at)
                    self._metrics.outputs.labels("Caption").inc()
                except KafkaError:
                    await asyncio.sleep(RESTART_SECONDS)


async def send(producer: Any, record: OutputRecord) -> asyncio.Future[Any]:
    """Hand a record to a producer. What becomes of it, the future tells."""
    future: asyncio.Future[Any] = await producer.send(
        record.topic, value=record.value, key=record.key, headers=list(record.headers), partition=record.partition
    )
    return future


def look_at(future: asyncio.Future[Any]) -> None:
    """A caption that was not delivered is not missed, but its error must be fetched."""
    if not future.cancelled():
        future.exception()
