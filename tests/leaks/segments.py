"""The files in which Kafka keeps a partition: also what was aborted, and what no reader sees. Pure.

A segment is batches of records one after the other, exactly as they came over the wire, compressed or not.
"""

from __future__ import annotations

from collections.abc import Iterator

from aiokafka.record.memory_records import MemoryRecords

from tests.leaks.haystacks import Record


def records_in(segment: bytes, topic: str, partition: int) -> Iterator[Record]:
    """Every record that was written whole, markers of transactions left out.

    Raises:
        Exception: The bytes are no segment.
    """
    batches = MemoryRecords(segment)
    while (batch := batches.next_batch()) is not None:
        if batch.is_control_batch:
            continue
        for record in batch:
            headers = tuple(record.headers or ())
            yield Record(topic, partition, record.offset, record.key, record.value, headers)
