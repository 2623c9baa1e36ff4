"""Asking brokers for topics while one of them is going."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.errors import KafkaError, NodeNotReadyError, TopicAuthorizationFailedError

from worker import admin


class Client:
    """Fails as often as it is told to, then knows one topic."""

    def __init__(self, *failures: type[KafkaError]) -> None:
        self.failures = list(failures)

    async def list_topics(self) -> list[str]:
        if self.failures:
            raise self.failures.pop(0)
        return ["audio"]

    async def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        return [{"topic": name, "partitions": [{}, {}]} for name in names]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "RETRY_SECONDS", 0.0)


async def test_a_node_that_has_just_gone_is_passed_over() -> None:
    """A worker that starts at that moment starts all the same."""
    client = Client(*[NodeNotReadyError] * (admin.ATTEMPTS - 1))
    assert await admin.partition_counts(client) == {"audio": 2}


@pytest.mark.parametrize(
    "failures", [[NodeNotReadyError] * admin.ATTEMPTS, [TopicAuthorizationFailedError]], ids=["stays", "refused"]
)
async def test_what_stays_or_does_not_pass_is_told(failures: list[type[KafkaError]]) -> None:
    """Waiting has an end, and what no waiting helps against is told at once."""
    client = Client(*failures)
    with pytest.raises(failures[0]):
        await admin.partition_counts(client)
    assert client.failures == []
