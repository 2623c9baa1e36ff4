"""The trackers that accounts have saved, at hand for conversations that begin."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from worker.engine.requests import TrackerRequest
from worker.engine.store.model import Store, StoreError, TrackerRecord

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 30.0
"""How old the view may be of what other engines changed in a shared store."""


class TrackerLibrary:
    """All trackers of a store, in memory. `start` and `stop` are called once each, in this order.

    Invariant: the view is what the store said last; it is replaced, never edited.
    """

    def __init__(self, store: Store, *, refresh_seconds: float = REFRESH_SECONDS) -> None:
        self._store = store
        self._refresh_seconds = refresh_seconds
        self._trackers: Mapping[str, tuple[TrackerRecord, ...]] = {}
        # One after the other, so that an older answer never replaces a newer one.
        self._changing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<TrackerLibrary accounts={len(self._trackers)}>"

    async def start(self) -> None:
        """Reads the store, and again every ``refresh_seconds``.

        Raises:
            StoreError: It cannot be read.
        """
        await self._load()
        self._task = asyncio.create_task(self._refresh(), name="refresh of trackers")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def of(self, account: str) -> Sequence[TrackerRecord]:
        """The trackers of an account, in the order in which they were made."""
        return self._trackers.get(account, ())

    def requests(self, account: str) -> Sequence[TrackerRequest]:
        """The same as requests of a conversation."""
        return [
            TrackerRequest(name=each.name, vocabulary=tuple(each.body["vocabulary"]), id=each.id)
            for each in self.of(account)
        ]

    async def save(self, account: str, tracker: TrackerRecord) -> None:
        """Keeps a new or a changed tracker; its body has a list ``vocabulary``.

        Raises:
            NameTakenError: Another tracker of the account has this name.
            StoreUnavailableError: The store is out of reach.
        """
        async with self._changing:
            await self._store.save_tracker(account, tracker)
            by_id = {each.id: each for each in self.of(account)} | {tracker.id: tracker}
            self._trackers = {**self._trackers, account: tuple(by_id.values())}

    async def delete(self, account: str, tracker_id: str) -> bool:
        """Says whether there was one.

        Raises:
            StoreUnavailableError: The store is out of reach.
        """
        async with self._changing:
            found = await self._store.delete_tracker(account, tracker_id)
            others = tuple(each for each in self.of(account) if each.id != tracker_id)
            self._trackers = {**self._trackers, account: others}
            return found

    async def _load(self) -> None:
        async with self._changing:
            view: dict[str, tuple[TrackerRecord, ...]] = {}
            for account, tracker in await self._store.trackers():
                view[account] = (*view.get(account, ()), tracker)
            self._trackers = view

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(self._refresh_seconds)
            try:
                await self._load()
            except StoreError as error:
                logger.warning("saved trackers not refreshed", extra={"reason": str(error)})
