"""Kafka's own files: every record in them is seen, whatever becomes of its transaction."""

from __future__ import annotations

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from tests.leaks.haystacks import Record
from tests.leaks.segments import records_in

NONE, GZIP = 0, 1


def batch(values: list[bytes], *, base: int = 0, compression: int = NONE, is_transactional: bool = True) -> bytes:
    """A batch as producers send it; the broker writes its offset into it."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=compression,
        is_transactional=is_transactional,
        producer_id=4711,
        producer_epoch=1,
        base_sequence=0,
        batch_size=1 << 20,
    )
    for offset, value in enumerate(values):
        builder.append(offset, 1_000, b"call", value, headers=[("ce_id", b"1")])
    built = bytes(builder.build())
    return base.to_bytes(8, "big") + built[8:]


@pytest.mark.parametrize("compression", [NONE, GZIP])
def test_every_record_is_read(compression: int) -> None:
    """With its place, key, value and headers, of batches one after the other, compressed or not."""
    segment = batch([b"one", b"two"], compression=compression) + batch([b"three"], base=2, is_transactional=False)
    assert list(records_in(segment, "insights", 3)) == [
        Record("insights", 3, offset, b"call", value, (("ce_id", b"1"),))
        for offset, value in enumerate((b"one", b"two", b"three"))
    ]


def test_what_is_still_being_written_is_no_record() -> None:
    """A broker may be in the middle of a batch; those before it are read."""
    segment = batch([b"one"]) + batch([b"two"], base=1)[:-3]
    assert [record.value for record in records_in(segment, "insights", 0)] == [b"one"]
