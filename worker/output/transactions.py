"""One transaction after the other for one input partition: results, states and the consumer's position. Shell.

The transactional id is the consumer group and the input partition, so a new owner's producer fences its predecessor's
whatever the group coordinator believes (KIP-98). aiokafka does not know the consumer's generation (KIP-447), which
is why there is one producer for every partition.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    RecordListTooLargeError,
)
from aiokafka.structs import OffsetAndMetadata

from worker.errors import BrokerError, DeliveryLostError
from worker.metrics import Metrics
from worker.output.publisher import BATCH_BYTES, MAX_REQUEST_BYTES, Prepared, look_at, send
from worker.records import OutputRecord

_log = structlog.get_logger(__name__)

RETRY_SECONDS = 0.25
RETRY_BACKOFF_MS = 25
"""A transaction that begins while the last one's markers are being written is refused for a moment (KAFKA-5477)."""
ATTEMPTS = 20
"""Of one producer: an error that stays may be its own, as of sequence numbers that the broker does not expect."""
STOP_SECONDS = 2.0
TRY_SECONDS = 20.0


class TransactionalPublisher:
    """Publishes the batches of one input partition, each of them in one transaction.

    Invariant: after ``publish`` returned, its batch is visible as a whole; when it raised, it is not known whether it
    is, until ``renew`` has ended and the committed position was read.

    Args:
        client_arguments: of every aiokafka client.
        group_id: consumer group whose position is committed.
        partition: input partition; of nobody else's publisher.
        timeout_seconds: after it Kafka aborts a transaction that is not finished, and fences its producer.
    """

    def __init__(
        self,
        client_arguments: dict[str, Any],
        *,
        group_id: str,
        partition: TopicPartition,
        timeout_seconds: float,
        metrics: Metrics,
    ) -> None:
        self._client_arguments = client_arguments
        self._group_id = group_id
        self._partition = partition
        self._timeout_seconds = timeout_seconds
        self._metrics = metrics
        self._producer: Any = None

    async def start(self) -> None:
        """Fence every earlier producer of the partition; what it had left open is aborted, or committed, before.

        Raises:
            KafkaError: no broker answers, or it refuses us.
        """
        producer = AIOKafkaProducer(
            **self._client_arguments,
            transactional_id=f"{self._group_id}/{self._partition.topic}/{self._partition.partition}",
            transaction_timeout_ms=int(self._timeout_seconds * 1000),
            linger_ms=0,
            retry_backoff_ms=RETRY_BACKOFF_MS,
            max_batch_size=BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
        )
        try:
            await producer.start()
        except AssertionError as error:
            # The library knows of no broker: all were gone, and none is back for good.
            await _stop(producer)
            raise KafkaConnectionError("no broker is known") from error
        except BaseException:
            await _stop(producer)
            raise
        self._producer = producer

    async def renew(self) -> None:
        """Begin again with a new producer, after ``publish`` raised. What the old one had under way is decided then.

        Raises:
            KafkaError: no broker answers, or it refuses us.
        """
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        """Abort what is open, and disconnect, within a bounded time."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

    async def publish(self, prepared: Prepared) -> bool:
        """Make all of this visible at once, however often it takes.

        Returns:
            True: the position is committed.

        Raises:
            DeliveryLostError: this producer cannot go on; see above.
        """
        began_at = time.monotonic()
        pending = [*prepared.results, *prepared.states]
        # A broker refuses batches, so who is too large for it is only known of records that were alone in theirs.
        suspects: set[int] = set()
        attempts = 0
        while True:
            attempts += 1
            producer = self._producer
            if producer is None:
                raise DeliveryLostError("not started")
            refused: list[OutputRecord] = []
            try:
                # Past this time Kafka has aborted it, and a library that has not noticed never will.
                async with asyncio.timeout(self._timeout_seconds * 1.5):
                    await self._transact(producer, pending, suspects, refused, prepared)
            except ProducerFenced as error:
                self._metrics.transactions.labels("fenced").inc()
                raise DeliveryLostError("fenced") from error
            except (TimeoutError, AssertionError) as error:  # an assertion: aiokafka's own state machine
                # What was fenced in the background is in a state from which nothing can begin.
                self._metrics.transactions.labels("lost").inc()
                raise DeliveryLostError("timed out" if isinstance(error, TimeoutError) else "broken") from error
            except KafkaError as error:
                await self._abort(producer, error)
                for record in refused:
                    if id(record) in suspects:
                        self._refused(record, error)
                        pending = [each for each in pending if each is not record]
                suspects |= {id(record) for record in refused}
                if refused:
                    # The library has numbered the records of a refused batch, and the broker has not.
                    await self._renew_at_once(error)
                elif attempts >= ATTEMPTS:
                    raise DeliveryLostError(f"{attempts} times {type(error).__name__}") from error
                else:
                    await asyncio.sleep(RETRY_SECONDS)
            else:
                self._metrics.transactions.labels("committed").inc()
                self._metrics.publish_seconds.observe(time.monotonic() - began_at)
                return True

    async def _transact(
        self,
        producer: Any,
        records: Sequence[OutputRecord],
        suspects: set[int],
        refused: list[OutputRecord],
        prepared: Prepared,
    ) -> None:
        """One attempt; records among the suspects are sent alone. Those in a batch that is refused are told."""
        await producer.begin_transaction()
        sent: list[tuple[OutputRecord, Any]] = []
        for record in records:
            is_alone = id(record) in suspects
            if is_alone:
                await _all(future for _, future in sent)
            try:
                future = await send(producer, record)
            except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
                # Our own limit: nothing was sent of it.
                self._refused(record, error)
                continue
            future.add_done_callback(look_at)
            sent.append((record, future))
            if is_alone:
                await _all([future])
        failure: KafkaError | None = None
        for record, future in sent:
            try:
                await future
            except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
                refused.append(record)
                failure = error
            except KafkaError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        # Not at the same time as the records: while the one is added to the transaction the other would be refused.
        await producer.send_offsets_to_transaction(
            {self._partition: OffsetAndMetadata(prepared.position, prepared.mark)}, self._group_id
        )
        await producer.commit_transaction()

    async def _renew_at_once(self, cause: KafkaError) -> None:
        """Go on with a new producer; the old one, which has just aborted, was not fenced.

        Raises:
            DeliveryLostError: there is none to be had.
        """
        try:
            await self.renew()
        except (KafkaError, OSError) as error:
            raise DeliveryLostError(f"{type(cause).__name__}, then {type(error).__name__}") from error

    async def _abort(self, producer: Any, cause: KafkaError) -> None:
        """Roll back, so that the same producer can begin again.

        Raises:
            DeliveryLostError: it cannot.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await producer.abort_transaction()
        except (KafkaError, TimeoutError, AssertionError) as error:
            self._metrics.transactions.labels("lost").inc()
            raise DeliveryLostError(f"{type(cause).__name__}, then {type(error).__name__}") from error
        self._metrics.transactions.labels("aborted").inc()
        _log.warning("transaction_aborted", partition=str(self._partition), error=type(cause).__name__)

    def _refused(self, record: OutputRecord, error: KafkaError) -> None:
        self._metrics.unpublishable.inc()
        size = len(record.value or b"")
        _log.error("record_refused", topic=record.topic, size_bytes=size, error=type(error).__name__)


async def _all(futures: Iterable[asyncio.Future[Any]]) -> None:
    """Wait for all of them, whatever becomes of them."""
    await asyncio.gather(*futures, return_exceptions=True)


async def try_transactions(client_arguments: dict[str, Any], group_id: str) -> None:
    """Find out whether the brokers let this group have transactions.

    Raises:
        BrokerError: they do not, or not in time.
    """
    producer = AIOKafkaProducer(**client_arguments, transactional_id=f"{group_id}/check")
    try:
        async with asyncio.timeout(TRY_SECONDS):
            await producer.start()
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerError(
            f"transactional ids that begin with {group_id}/ cannot be used ({type(error).__name__})"
        ) from error
    finally:
        await _stop(producer)


async def _stop(producer: Any) -> None:
    with contextlib.suppress(KafkaError, TimeoutError, AssertionError):
        async with asyncio.timeout(STOP_SECONDS):
            await producer.abort_transaction()
    with contextlib.suppress(KafkaError, TimeoutError):
        await asyncio.wait_for(producer.stop(), STOP_SECONDS)
