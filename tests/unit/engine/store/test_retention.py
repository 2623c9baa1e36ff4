"""Conversations go some time after their end."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.engine.store.conftest import StartStore
from tests.unit.engine.store.records import ACCOUNT, ONE, TWO, a_conversation
from worker.engine.metrics import EngineMetrics
from worker.engine.retention import Retention
from worker.engine.store.model import EndConversation
from worker.engine.store.sql import SqlStore

PATIENCE_SECONDS = 20.0


async def test_a_conversation_goes_when_its_time_is_over(store: SqlStore) -> None:
    """It is there until it ended so long ago, then it is gone by itself, and counted; a live one stays for ever."""
    now = 1_000.0
    metrics = EngineMetrics()
    retention = Retention(store, seconds=0.4, metrics=metrics, clock=lambda: now)
    await store.write([*a_conversation(), *a_conversation(TWO), EndConversation(ONE, 1_000.0)])
    await retention.start()
    await asyncio.sleep(0.5)
    assert await store.conversation(ACCOUNT, ONE) is not None
    now = 1_000.5
    async with asyncio.timeout(PATIENCE_SECONDS):
        while b"conversations_deleted_total 1.0" not in metrics.exposition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    assert await store.conversation(ACCOUNT, ONE) is None
    assert await store.conversation(ACCOUNT, TWO) is not None
    await retention.stop()
    assert b"conversations_deleted_total 1.0" in metrics.exposition()


@pytest.mark.parametrize("place", ["file"], indirect=True)
async def test_what_was_abandoned_is_ended_at_the_start(
    start_store: StartStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Once an engine has started, nothing looks live that nobody continues."""
    first = await start_store()
    await first.write(a_conversation())
    await first.stop()
    second = await start_store()
    retention = Retention(second, seconds=100.0, metrics=EngineMetrics(), clock=lambda: 900.0)
    await retention.start()
    found = await second.conversation(ACCOUNT, ONE)
    await retention.stop()
    assert found is not None
    assert found.ended_at == 900.0
    assert "died" in caplog.text
