"""Keeping what happens in conversations, while the store is there and while it is not."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.engine.store.records import ACCOUNT, INES, ONE, TWO
from worker.engine import archive as archive_module
from worker.engine.archive import Archive
from worker.engine.metrics import PREFIX, EngineMetrics
from worker.engine.store.model import (
    ConversationRecord,
    MemberRecord,
    SaveItem,
    Store,
    StoreUnavailableError,
    Write,
)
from worker.engine.store.sql import SqlStore

NOW = 1_000.0
SECRET = "the words that were said"


class FlakyStore(SqlStore):
    """A real store that is out of reach when the test says so.

    ``fails`` is asked before and after every write: a write that fails afterwards was done, and nobody hears of it.
    """

    def __init__(self) -> None:
        super().__init__(None)
        self.lasting = True
        self.fails: Callable[[], bool] = lambda: False
        self.refuses: Callable[[Write], bool] = lambda _: False
        self.written: list[Write] = []

    async def write(self, writes: Sequence[Write]) -> None:
        if self.fails():
            raise StoreUnavailableError("scripted")
        writes = [
            SaveItem(each.conversation_id, _spoilt(each)) if isinstance(each, SaveItem) and self.refuses(each) else each
            for each in writes
        ]
        await super().write(writes)
        self.written += writes
        if self.fails():
            raise StoreUnavailableError("scripted, afterwards")


def _spoilt(write: SaveItem) -> Any:
    return dataclasses.replace(write.item, body={"not": object()})


class Kept:
    """An archive on a store, and its counters."""

    def __init__(self, **options: Any) -> None:
        self.store = FlakyStore()
        self.metrics = EngineMetrics()
        self.archive = Archive(self.store, metrics=self.metrics, clock=lambda: NOW, **options)

    def begin(self, conversation_id: str = ONE) -> None:
        self.archive.started(
            ConversationRecord(id=conversation_id, account=ACCOUNT, connection_id="call", started_at=1.0)
        )

    def say(self, number: int, conversation_id: str = ONE, *, text: str = SECRET) -> None:
        message = {"id": f"{number:04}", "payload": {"content": text}, "from": {"id": INES}}
        frame = {"type": "message_response", "messages": [message], "sequenceNumber": number}
        self.archive.said(conversation_id, frame, redacted=False)

    async def said(self, conversation_id: str = ONE) -> list[int]:
        found = await self.store.items(ACCOUNT, conversation_id, "message")
        assert found is not None
        assert sorted({each.ordinal for each in found}) == [each.ordinal for each in found]
        return [int(each.id) for each in found]

    async def flushed(self) -> None:
        """Until everything is written, however long the store takes."""
        async with asyncio.timeout(20):
            while self.archive.backlog:
                await self.archive.flush()

    def count(self, name: str) -> float:
        families = text_string_to_metric_families(self.metrics.exposition().decode())
        return sum(
            sample.value for family in families for sample in family.samples if sample.name == f"{PREFIX}_{name}_total"
        )


@contextlib.asynccontextmanager
async def keeping(**options: Any) -> AsyncIterator[Kept]:
    kept = Kept(**options)
    await kept.store.start()
    await kept.archive.start()
    try:
        yield kept
    finally:
        kept.store.fails = lambda: False
        await kept.archive.stop()
        await kept.store.stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between attempts, and small batches."""
    monkeypatch.setattr(archive_module, "RETRY_SECONDS", 0.001)
    monkeypatch.setattr(archive_module, "MAX_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(archive_module, "MAX_BATCH_WRITES", 7)


async def test_somebody_is_told_when_what_was_said_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before it is written, in the order of asking, once each; at once when there is nothing to wait for."""
    # However slow the disk is.
    monkeypatch.setattr(archive_module, "KEPT_SECONDS", 60)
    told: list[int] = []
    all_told = asyncio.Event()

    def tell(number: int) -> None:
        assert sum(isinstance(each, SaveItem) for each in kept.store.written) > number
        told.append(number)
        if number == 19:
            all_told.set()

    async with keeping() as kept:
        kept.archive.kept(partial(tell, -1))
        kept.begin()
        for number in range(20):
            kept.say(number)
            kept.archive.kept(partial(tell, number))
        assert told == [-1]
        async with asyncio.timeout(60):
            await all_told.wait()
    assert told == list(range(-1, 20))


async def test_nobody_waits_for_a_store_that_ends_with_the_process() -> None:
    """Nobody could ask it for anything afterwards."""
    async with keeping() as kept:
        kept.store.lasting = False
        kept.begin()
        kept.say(0)
        told: list[int] = []
        kept.archive.kept(partial(told.append, 0))
        assert told == [0]


@pytest.mark.usefixtures("impatient")
async def test_nobody_waits_for_a_store_that_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones wait for a moment, the others not at all, until it is back."""
    monkeypatch.setattr(archive_module, "KEPT_SECONDS", 0.05)
    told: list[int] = []
    async with keeping() as kept:
        kept.store.fails = lambda: True
        kept.begin()
        kept.say(0)
        first = asyncio.Event()
        kept.archive.kept(lambda: told.append(0))
        kept.archive.kept(first.set)
        async with asyncio.timeout(5):
            await first.wait()
        assert kept.archive.backlog
        kept.say(1)
        kept.archive.kept(lambda: told.append(1))
        assert told == [0, 1]
        kept.store.fails = lambda: False
        await kept.flushed()
        kept.say(2)
        kept.archive.kept(lambda: told.append(2))
        assert told == [0, 1]
        await kept.flushed()
        await asyncio.sleep(0)
        assert told == [0, 1, 2]
        assert await kept.said() == [0, 1, 2]


async def test_what_was_said_before_a_flush_is_there_after_it() -> None:
    """A flush ends when all that happened before it can be read."""
    async with keeping() as kept:
        kept.begin()
        kept.archive.named(ONE, "Invoices")
        kept.archive.joined(ONE, MemberRecord(id=INES, name="Ines"))
        for number in range(20):
            kept.say(number)
        await kept.archive.flush()
        assert await kept.said() == list(range(20))
        found = await kept.store.conversation(ACCOUNT, ONE)
        assert found is not None
        assert (found.name, found.ended_at) == ("Invoices", None)
        assert await kept.store.members(ACCOUNT, ONE) == [MemberRecord(id=INES, name="Ines")]
        kept.archive.ended(ONE, 77.0)
        await kept.archive.flush()
        found = await kept.store.conversation(ACCOUNT, ONE)
        assert found is not None
        assert found.ended_at == 77.0
        assert kept.count("store_writes_dropped") == kept.count("store_write_failures") == 0


async def test_writes_go_in_batches_without_a_flush() -> None:
    """Nobody has to ask: what was said is written soon, and not one by one."""
    async with keeping() as kept:
        kept.begin()
        for number in range(100):
            kept.say(number)
        async with asyncio.timeout(10):
            while kept.archive.backlog:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
        assert await kept.said() == list(range(100))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("seed", range(8))
async def test_nothing_is_lost_or_doubled_by_a_store_that_fails(seed: int) -> None:
    """Whether a failed write was done or not, each item is kept once, in the order in which it came."""
    rng = random.Random(seed)
    async with keeping() as kept:
        kept.store.fails = lambda: rng.random() < 0.4
        for conversation_id in (ONE, TWO):
            kept.begin(conversation_id)
        said: dict[str, list[int]] = {ONE: [], TWO: []}
        for number in range(60):
            conversation_id = rng.choice((ONE, TWO))
            kept.say(number, conversation_id)
            said[conversation_id].append(number)
            if rng.random() < 0.3:
                await asyncio.sleep(rng.random() / 100)
            if rng.random() < 0.1:
                await kept.archive.flush(0.02)
        kept.archive.ended(ONE, 500.0)
        await kept.flushed()
        assert await kept.said(ONE) == said[ONE]
        assert await kept.said(TWO) == said[TWO]
        ended = [await kept.store.conversation(ACCOUNT, each) for each in (ONE, TWO)]
        assert [each and each.ended_at for each in ended] == [500.0, None]
        assert kept.count("store_writes_dropped") == 0
        assert kept.count("store_write_failures") > 0


async def test_conversations_do_not_wait_for_the_store() -> None:
    """While the store is out of reach, everything is taken at once and a flush gives up in time."""
    async with keeping() as kept:
        kept.store.fails = lambda: True
        kept.begin()
        for number in range(100):
            kept.say(number)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await kept.archive.flush(0.2)
        assert loop.time() - begun < 5
        assert kept.archive.backlog == 101
        assert kept.archive._queued_bytes > 100 * len(SECRET)
        kept.store.fails = lambda: False
        await kept.flushed()
        assert await kept.said() == list(range(100))
        assert kept.archive._queued_bytes == 0


async def test_what_does_not_fit_is_given_up_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """With the queue full, items are dropped and counted, conversations still begin and end, and nobody reads in the
    log what was said."""
    caplog.set_level(logging.DEBUG)
    async with keeping(max_backlog_bytes=10_000) as kept:
        kept.store.fails = lambda: True
        kept.begin()
        for number in range(1_000):
            kept.say(number)
        kept.begin(TWO)
        kept.archive.ended(ONE, 5.0)
        fitting = kept.archive.backlog - 3
        assert 20 < fitting < 120
        assert kept.count("store_writes_dropped") == 1_000 - fitting
        kept.store.fails = lambda: False
        await kept.flushed()
        assert await kept.said() == list(range(fitting))
        assert await kept.said(TWO) == []
        kept.say(0, TWO)
        await kept.archive.flush()
        assert await kept.said(TWO) == [0]
    assert "store is out of reach" in caplog.text
    assert "kept incompletely" in caplog.text
    assert SECRET not in caplog.text


async def test_a_conversation_whose_beginning_did_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What belongs to a conversation that was not kept is given up, too, and counted, also when there is room again."""
    monkeypatch.setattr(archive_module, "MAX_BACKLOG_WRITES", 3)
    monkeypatch.setattr(archive_module, "RESERVE_WRITES", 1)
    async with keeping() as kept:
        kept.store.fails = lambda: True
        kept.begin()
        for number in range(5):
            kept.say(number)
        kept.archive.named(ONE, "In the reserve")
        kept.begin(TWO)
        kept.store.fails = lambda: False
        await kept.flushed()
        assert await kept.said() == [0]
        before = kept.count("store_writes_dropped")
        assert before == 5
        kept.say(1, TWO)
        kept.archive.ended(TWO, 5.0)
        await kept.flushed()
        assert await kept.store.conversation(ACCOUNT, TWO) is None
        assert kept.count("store_writes_dropped") == before + 2


@pytest.mark.usefixtures("impatient")
async def test_one_bad_item_does_not_take_others_with_it(caplog: pytest.LogCaptureFixture) -> None:
    """What the store refuses for good is left out and counted; everything around it is kept."""
    async with keeping() as kept:
        kept.store.refuses = lambda write: isinstance(write, SaveItem) and write.item.id == "0013"
        kept.begin()
        for number in range(20):
            kept.say(number)
        await kept.flushed()
        assert await kept.said() == [number for number in range(20) if number != 13]
        assert kept.count("store_writes_dropped") == 1
    assert SECRET not in caplog.text


async def test_the_end_of_the_engine_ends_what_is_live() -> None:
    """Nobody can continue what was live in an engine that stops: it ends then, and everything said is written."""
    kept = Kept()
    await kept.store.start()
    await kept.archive.start()
    kept.begin()
    kept.begin(TWO)
    kept.archive.ended(TWO, 5.0)
    for number in range(1_200):
        kept.say(number)
    await kept.archive.stop()
    assert await kept.said() == list(range(1_200))
    ended = [await kept.store.conversation(ACCOUNT, each) for each in (ONE, TWO)]
    assert [each and each.ended_at for each in ended] == [NOW, 5.0]
    await kept.store.stop()


async def test_the_end_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An engine stops although its store is out of reach, and counts what is lost by that."""
    monkeypatch.setattr(archive_module, "STOP_SECONDS", 0.2)
    kept = Kept()
    await kept.store.start()
    await kept.archive.start()
    kept.store.fails = lambda: True
    kept.begin()
    kept.say(1)
    async with asyncio.timeout(10):
        await kept.archive.stop()
    await kept.store.stop()
    assert kept.count("store_writes_dropped") == 3
    assert "kept incompletely" in caplog.text


def test_a_store_is_a_store() -> None:
    """`SqlStore` has everything that `Store` asks for, with the same types."""
    store: Store = SqlStore(None)
    assert "sqlite" in repr(store)
