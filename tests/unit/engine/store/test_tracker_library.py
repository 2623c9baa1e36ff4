"""Saved trackers at hand for conversations."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.unit.engine.store.conftest import StartStore
from tests.unit.engine.store.records import ACCOUNT, OTHER_ACCOUNT
from worker.engine.requests import TrackerRequest
from worker.engine.store.model import NameTakenError, TrackerRecord
from worker.engine.store.sql import SqlStore
from worker.engine.trackers import TrackerLibrary


def tracker(tracker_id: str, name: str, *vocabulary: str) -> TrackerRecord:
    return TrackerRecord(
        id=tracker_id, name=name, body={"id": tracker_id, "name": name, "vocabulary": list(vocabulary)}
    )


@contextlib.asynccontextmanager
async def a_library(store: SqlStore, refresh_seconds: float = 1_000.0) -> AsyncIterator[TrackerLibrary]:
    library = TrackerLibrary(store, refresh_seconds=refresh_seconds)
    await library.start()
    try:
        yield library
    finally:
        await library.stop()


async def test_the_view_is_what_is_saved(store: SqlStore) -> None:
    """What is saved or deleted holds at once, for its account alone, and is found again by the next engine."""
    async with a_library(store) as library:
        await library.save(ACCOUNT, tracker("1", "Billing", "invoice", "refund"))
        await library.save(ACCOUNT, tracker("2", "Greeting", "hello"))
        await library.save(OTHER_ACCOUNT, tracker("1", "Billing", "bill"))
        await library.save(ACCOUNT, tracker("1", "Money", "invoice"))
        assert await library.delete(ACCOUNT, "2")
        assert not await library.delete(OTHER_ACCOUNT, "2")
        seen = {account: library.requests(account) for account in (ACCOUNT, OTHER_ACCOUNT, "nobody")}
    assert seen == {
        ACCOUNT: [TrackerRequest(id="1", name="Money", vocabulary=("invoice",))],
        OTHER_ACCOUNT: [TrackerRequest(id="1", name="Billing", vocabulary=("bill",))],
        "nobody": [],
    }
    async with a_library(store) as library:
        assert {account: library.requests(account) for account in seen} == seen


async def test_what_is_not_saved_is_not_seen(store: SqlStore) -> None:
    """A tracker that the store refuses leaves the view as it was."""
    async with a_library(store) as library:
        await library.save(ACCOUNT, tracker("1", "Billing", "invoice"))
        with pytest.raises(NameTakenError):
            await library.save(ACCOUNT, tracker("2", "Billing", "bill"))
        assert library.of(ACCOUNT) == (tracker("1", "Billing", "invoice"),)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_engines_learn_from_each_other(start_store: StartStore) -> None:
    """What one engine saves, others that share its store see after a while."""
    first, second = await start_store(), await start_store()
    async with a_library(first) as one, a_library(second, 0.05) as other:
        await one.save(ACCOUNT, tracker("1", "Billing", "invoice"))
        async with asyncio.timeout(20):
            while not other.of(ACCOUNT):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
        assert other.of(ACCOUNT) == one.of(ACCOUNT)
