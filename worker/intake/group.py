"""What Kafka remembers for a new owner: committed positions with their marks, and states of conversations. Shell."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from worker.intake.assignment import Committed, read_mark
from worker.sessions.state import ConversationState, RejectedState, load_record

FETCH_WAIT_MS = 100
REQUEST_SECONDS = 10.0


class GroupMemory:
    """Reads what the consumer group and the state topic know of partitions.

    Args:
        client_arguments: of every aiokafka client.
    """

    def __init__(self, client_arguments: dict[str, Any], *, group_id: str, state_topic: str) -> None:
        self._client_arguments = client_arguments
        self._group_id = group_id
        self._state_topic = state_topic
        self._admin: Any = None

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaError: no broker answers, or it refuses us.
        """
        self._admin = AIOKafkaAdminClient(**self._client_arguments)
        await self._admin.start()

    async def stop(self) -> None:
        """Disconnect."""
        if self._admin is not None:
            await self._admin.close()

    async def committed(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Committed]:
        """What the group has committed, of every one of these partitions.

        Raises:
            KafkaError: the coordinator could not be asked.
            TimeoutError: it did not answer.
        """
        async with asyncio.timeout(REQUEST_SECONDS):
            found = await self._admin.list_consumer_group_offsets(self._group_id, partitions=list(partitions))
        if len(found) < len(partitions):
            # The library looks at no error that concerns the request as a whole.
            raise KafkaError("the group coordinator did not answer for every partition")
        return {
            partition: Committed(None if each.offset < 0 else each.offset, read_mark(each.metadata))
            for partition, each in found.items()
        }

    async def states(self, partitions: Collection[int]) -> dict[int, list[ConversationState | RejectedState]]:
        """The latest state of every conversation and lane, by partition, with all that was ever committed.

        Raises:
            StateError: a record that this version cannot read.
            KafkaError: the topic could not be read.
        """
        wanted = [TopicPartition(self._state_topic, partition) for partition in sorted(partitions)]
        # The lanes of several input topics share partitions of the state topic, and another one's transaction may be
        # open. What is committed behind its beginning is visible once it ends; so all that is there is waited for.
        ends = await self._ends(wanted)
        latest: dict[int, dict[bytes, bytes]] = {partition: {} for partition in partitions}
        reader = self._reader("read_committed")
        try:
            await reader.start()
            reader.assign(wanted)
            while any([await reader.position(partition) < ends[partition] for partition in wanted]):
                for partition, records in (await reader.getmany(timeout_ms=500)).items():
                    for record in records:
                        if record.value is None:
                            latest[partition.partition].pop(record.key, None)
                        else:
                            latest[partition.partition][record.key] = record.value
        finally:
            await reader.stop()
        return {partition: [load_record(value) for value in values.values()] for partition, values in latest.items()}

    async def _ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        reader = self._reader("read_uncommitted")
        try:
            await reader.start()
            found: dict[TopicPartition, int] = await reader.end_offsets(list(partitions))
            return found
        finally:
            await reader.stop()

    def _reader(self, isolation_level: str) -> Any:
        return AIOKafkaConsumer(
            **self._client_arguments,
            enable_auto_commit=False,
            # Not by seeking: a reset to the end that is under way then would win over it.
            auto_offset_reset="earliest",
            isolation_level=isolation_level,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
