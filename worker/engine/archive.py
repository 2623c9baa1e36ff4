"""Keeps what happens in conversations.

What happens is queued and written in batches. Conversations wait for a batch for a moment, so that what was told is
kept when the engine dies, and never longer: while the store is out of reach nobody waits, and the queue grows up to a
limit; what does not fit is given up and counted. Writes are upserts, so that a batch whose outcome is unknown is simply
written again.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from worker.engine.metrics import EngineMetrics
from worker.engine.store.items import kept_of
from worker.engine.store.model import (
    ConversationRecord,
    EndConversation,
    ItemRecord,
    MemberRecord,
    NameConversation,
    SaveConversation,
    SaveItem,
    SaveMember,
    Store,
    StoreError,
    StoreUnavailableError,
    Write,
)

logger = logging.getLogger(__name__)

BATCH_SECONDS = 0.1
GROUP_SECONDS = 0.01
"""When somebody waits: others may want to come along."""
KEPT_SECONDS = 0.25
"""Longest wait of a conversation."""
MAX_BATCH_WRITES = 500
MAX_BACKLOG_WRITES = 100_000
MAX_BACKLOG_BYTES = 32 << 20
"""As JSON; in memory it is about three times as much."""
RESERVE_WRITES = 20_000
"""Room that items leave for the beginnings and ends of conversations, without which items are worth nothing."""
RETRY_SECONDS = 0.1
MAX_RETRY_SECONDS = 5.0
FLUSH_SECONDS = 2.0
STOP_SECONDS = 5.0


class Archive:
    """A `Recorder` that writes to a store. `start` and `stop` are called once each, in this order; the store runs from
    before the one to after the other.

    Invariant: what was queued is in the queue until it is written, refused by the store, or given up at the end; the
    batch under way is its beginning.

    Args:
        clock: Seconds since the epoch.
        max_backlog_bytes: Items that may wait for the store, as JSON.
    """

    def __init__(
        self,
        store: Store,
        *,
        metrics: EngineMetrics,
        clock: Callable[[], float],
        max_backlog_bytes: int = MAX_BACKLOG_BYTES,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._max_backlog_bytes = max_backlog_bytes
        self._live: dict[str, Iterator[int]] = {}
        """Conversations that have begun and not ended, with the ordinals of their next items."""
        self._queue: deque[tuple[Write, int]] = deque()
        self._queued_bytes = 0
        self._accepted = 0
        self._settled = 0
        self._dropped_in_a_row = 0
        self._flushes: list[tuple[int, asyncio.Future[None]]] = []
        self._is_out_of_reach = False
        self._something = asyncio.Event()
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Archive live={len(self._live)} backlog={self.backlog}>"

    @property
    def backlog(self) -> int:
        """Writes that wait for the store."""
        return len(self._queue)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._write_batches(), name="archive")
        self._task.add_done_callback(_tell_of_failure)

    async def stop(self) -> None:
        """Ends the conversations that are still live, since nobody can continue them, and writes what is queued, within
        `STOP_SECONDS`.
        """
        for conversation_id in list(self._live):
            self.ended(conversation_id, self._clock())
        await self.flush(STOP_SECONDS)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._queue:
            logger.error("conversations are kept incompletely", extra={"writes": len(self._queue)})
            self._metrics.note_dropped_writes(len(self._queue))
            self._settle(len(self._queue))

    async def flush(self, timeout_seconds: float = FLUSH_SECONDS) -> None:
        """Waits until everything that was said before this call is written or given up, and no longer than this."""
        if not self._queue:
            return
        done = asyncio.get_running_loop().create_future()
        self._flushes.append((self._accepted, done))
        self._hurry.set()
        # `wait` leaves the future alone when time is up.
        await asyncio.wait([done], timeout=timeout_seconds)

    def kept(self, then: Callable[[], None]) -> None:
        """Calls ``then`` when everything that was said before is written or given up, or after `KEPT_SECONDS`; at once
        while the store is out of reach, or one that ends with the process."""
        if not self._queue or self._is_out_of_reach or not self._store.lasting:
            then()
            return
        if self._flushes and self._flushes[0][1].done():
            self._flushes = [(target, each) for target, each in self._flushes if not each.done()]
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        done.add_done_callback(lambda _: then())
        self._flushes.append((self._accepted, done))
        self._hurry.set()
        loop.call_later(KEPT_SECONDS, _finish, done)

    # --- what a Recorder hears ---------------------------------------------------------------------------------------

    def started(self, conversation: ConversationRecord) -> None:
        if self._queue_up(SaveConversation(conversation)):
            self._live[conversation.id] = itertools.count()

    def named(self, conversation_id: str, name: str) -> None:
        self._queue_of(conversation_id, NameConversation(conversation_id, name))

    def joined(self, conversation_id: str, member: MemberRecord) -> None:
        self._queue_of(conversation_id, SaveMember(conversation_id, member))

    def said(self, conversation_id: str, frame: Mapping[str, Any], *, redacted: bool) -> None:
        for each in kept_of(frame, redacted=redacted):
            ordinals = self._live.get(conversation_id)
            if ordinals is None:
                self._drop()
                continue
            item = ItemRecord(kind=each.kind, id=each.id, ordinal=next(ordinals), body=each.body)
            self._queue_up(SaveItem(conversation_id, item), len(orjson.dumps(each.body)))

    def ended(self, conversation_id: str, at: float) -> None:
        self._queue_of(conversation_id, EndConversation(conversation_id, at))
        self._live.pop(conversation_id, None)

    # --- the queue ---------------------------------------------------------------------------------------------------

    def _queue_of(self, conversation_id: str, write: Write) -> None:
        """Queues something of a conversation whose beginning was queued."""
        if conversation_id in self._live:
            self._queue_up(write)
        else:
            self._drop()

    def _queue_up(self, write: Write, item_bytes: int = 0) -> bool:
        if item_bytes:
            fits = (
                self._queued_bytes + item_bytes <= self._max_backlog_bytes
                and len(self._queue) < MAX_BACKLOG_WRITES - RESERVE_WRITES
            )
        else:
            fits = len(self._queue) < MAX_BACKLOG_WRITES
        if not fits:
            self._drop()
            return False
        self._queue.append((write, item_bytes))
        self._queued_bytes += item_bytes
        self._accepted += 1
        self._something.set()
        return True

    def _drop(self) -> None:
        if not self._dropped_in_a_row:
            logger.error("store is out of reach for too long, what is said now is not kept")
        self._dropped_in_a_row += 1
        self._metrics.note_dropped_writes(1)

    def _settle(self, count: int) -> None:
        """The first writes of the queue are done with."""
        for _ in range(count):
            self._queued_bytes -= self._queue.popleft()[1]
        self._settled += count
        for target, done in self._flushes:
            if target <= self._settled:
                _finish(done)
        self._flushes = [(target, done) for target, done in self._flushes if not done.done()]

    # --- writing -----------------------------------------------------------------------------------------------------

    async def _write_batches(self) -> None:
        while True:
            self._something.clear()
            if not self._queue:
                await self._something.wait()
            if not self._flushes and len(self._queue) < MAX_BATCH_WRITES:
                await self._pause(BATCH_SECONDS)
            if len(self._queue) < MAX_BATCH_WRITES:
                await asyncio.sleep(GROUP_SECONDS)
            batch = [write for write, _ in itertools.islice(self._queue, MAX_BATCH_WRITES)]
            await self._write(batch)
            self._settle(len(batch))

    async def _pause(self, seconds: float) -> None:
        """Until the time is up or somebody waits for what is queued."""
        self._hurry.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass

    async def _write(self, batch: Sequence[Write]) -> None:
        """Returns once everything in it is written or refused."""
        for attempt in itertools.count():
            try:
                await self._store.write(batch)
            except StoreUnavailableError as error:
                self._is_out_of_reach = True
                self._metrics.note_write_failure()
                if attempt == 0:
                    logger.warning("store out of reach, will be tried again", extra={"reason": str(error)})
                limit = min(MAX_RETRY_SECONDS, RETRY_SECONDS * 2 ** min(attempt, 16))
                await asyncio.sleep(random.uniform(limit / 2, limit))
            except StoreError as error:
                self._metrics.note_write_failure()
                if len(batch) == 1:
                    logger.error("store refused what was said", extra={"reason": str(error)})
                    self._metrics.note_dropped_writes(1)
                    return
                # One bad write does not take others with it.
                for each in batch:
                    await self._write([each])
                return
            else:
                self._is_out_of_reach = False
                self._tell_of_return(attempt)
                return

    def _tell_of_return(self, attempts: int) -> None:
        if attempts:
            logger.info("store is back", extra={"attempts": attempts, "backlog": self.backlog})
        if self._dropped_in_a_row:
            logger.error("conversations are kept incompletely", extra={"writes": self._dropped_in_a_row})
            self._dropped_in_a_row = 0


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _tell_of_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("the archive has ended", extra={"reason": type(error).__name__})
