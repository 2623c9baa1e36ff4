"""What `tests/integration` cannot bring about at will: states in which the library asserts instead of telling."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from prometheus_client import CollectorRegistry

from worker.metrics import Metrics
from worker.output.transactions import TransactionalPublisher


async def test_brokers_that_have_all_gone_are_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the last broker comes back the library knows of none for a moment, and asserts."""

    async def start(_: object) -> None:
        raise AssertionError("Did we not perform bootstrap?")

    monkeypatch.setattr(AIOKafkaProducer, "start", start)
    publisher = TransactionalPublisher(
        {"bootstrap_servers": "127.0.0.1:1"},
        group_id="group",
        partition=TopicPartition("audio", 0),
        timeout_seconds=1,
        metrics=Metrics(CollectorRegistry()),
    )
    with pytest.raises(KafkaConnectionError):
        await publisher.start()
