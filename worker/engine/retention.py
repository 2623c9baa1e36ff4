"""Deletes conversations some time after their end, and ends those that nobody continues."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from worker.engine.metrics import EngineMetrics
from worker.engine.store.model import Store, StoreError

logger = logging.getLogger(__name__)

MAX_INTERVAL_SECONDS = 30.0


class Retention:
    """`start` and `stop` are called once each, in this order; the store runs from before the one to after the other.

    Args:
        seconds: How long conversations are kept after their end.
        clock: Seconds since the epoch.
    """

    def __init__(self, store: Store, *, seconds: float, metrics: EngineMetrics, clock: Callable[[], float]) -> None:
        self._store = store
        self._seconds = seconds
        self._metrics = metrics
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Retention {self._seconds}s>"

    async def start(self) -> None:
        """Ends what an engine left that died; then looks after the rest now and then.

        Raises:
            StoreError: The store cannot be used.
        """
        await self._end_abandoned()
        self._task = asyncio.create_task(self._run(), name="retention")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                deleted = await self._store.delete_ended_before(self._clock() - self._seconds)
                if deleted:
                    self._metrics.note_deleted_conversations(deleted)
                    logger.info("conversations deleted", extra={"conversations": deleted})
                await self._end_abandoned()
            except StoreError as error:
                logger.warning("old conversations are deleted later", extra={"reason": str(error)})
            await asyncio.sleep(min(MAX_INTERVAL_SECONDS, self._seconds / 4))

    async def _end_abandoned(self) -> None:
        ended = await self._store.end_abandoned(self._clock())
        if ended:
            logger.warning("conversations of an engine that died are ended", extra={"conversations": ended})
