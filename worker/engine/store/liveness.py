"""Which engines live, where several share one database.

Every engine says every `HEARTBEAT_SECONDS` that it lives, by the database's clock; one that has not done so for
`STALE_SECONDS` is dead, and its live conversations are abandoned. An outage of the database silences all engines alike:
whoever was cut off itself waits that long again before it calls another one dead.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid

from sqlalchemy import Double, delete, extract, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from worker.engine.store.database import Database
from worker.engine.store.model import StoreError
from worker.engine.store.tables import conversations, engines

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0
STALE_SECONDS = 60.0

_DATABASE_TIME: ColumnElement[float] = extract("epoch", func.clock_timestamp()).cast(Double)


class Liveness:
    """This engine among others. A SQLite database has no others, so that whatever else is live there is abandoned."""

    def __init__(self, database: Database, *, heartbeat_seconds: float, stale_seconds: float) -> None:
        self.engine_id = str(uuid.uuid4())
        self._database = database
        self._heartbeat_seconds = heartbeat_seconds
        self._stale_seconds = stale_seconds
        self._in_touch_since = 0.0
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Liveness of {self.engine_id}>"

    def start(self) -> None:
        """To be called after the first `say`."""
        if self._database.shared:
            self._in_touch_since = time.monotonic()
            self._task = asyncio.create_task(self._beat(), name="heartbeat of the engine in its store")

    async def stop(self) -> None:
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        try:
            await self._database.run(self._leave)
        except StoreError as error:
            logger.warning("store was not told of the end", extra={"reason": str(error)})

    @property
    def may_judge(self) -> bool:
        """Others had the time to say that they live, and would have been heard."""
        return not self._database.shared or time.monotonic() - self._in_touch_since >= self._stale_seconds

    async def say(self, connection: AsyncConnection) -> None:
        """This engine lives."""
        if self._database.shared:
            new = insert(engines).values(id=self.engine_id, seen_at=_DATABASE_TIME)
            await connection.execute(
                new.on_conflict_do_update(index_elements=["id"], set_={"seen_at": new.excluded.seen_at})
            )

    async def orphaned(self, connection: AsyncConnection) -> ColumnElement[bool]:
        """What is true of the conversations of engines that are dead."""
        if not self._database.shared:
            return conversations.c.engine != self.engine_id
        await connection.execute(delete(engines).where(engines.c.seen_at < _DATABASE_TIME - self._stale_seconds))
        return conversations.c.engine.not_in(select(engines.c.id))

    async def _leave(self, connection: AsyncConnection) -> None:
        await connection.execute(delete(engines).where(engines.c.id == self.engine_id))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_seconds)
            try:
                await self._database.run(self.say)
            except StoreError as error:
                logger.warning("store does not hear this engine", extra={"reason": str(error)})
                self._in_touch_since = time.monotonic()
