"""The consumer, as far as it can be looked at without a broker; the rest is in the integration tests."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from aiokafka import AIOKafkaConsumer

from worker.intake.consumer import _has_died


async def test_a_dead_consumer_is_noticed() -> None:
    """A consumer whose fetching or coordination has ended returns nothing for ever: it must not look alive."""
    living = asyncio.create_task(asyncio.sleep(60))
    dead = asyncio.create_task(asyncio.sleep(0))
    await dead

    def consumer(fetch: object, coordination: object) -> SimpleNamespace:
        return SimpleNamespace(
            _fetcher=SimpleNamespace(_fetch_task=fetch), _coordinator=SimpleNamespace(_coordination_task=coordination)
        )

    assert not _has_died(consumer(living, living))
    assert not _has_died(consumer(None, None))
    assert _has_died(consumer(dead, living))
    assert _has_died(consumer(living, dead))
    living.cancel()


async def test_the_library_still_has_what_is_looked_at() -> None:
    """The two tasks are aiokafka's own business: this says when they get other names."""
    consumer = AIOKafkaConsumer("topic", group_id="group")
    assert {"_fetcher", "_coordinator"} <= set(vars(consumer))
    await consumer.stop()
