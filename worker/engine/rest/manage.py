"""Management of an account's trackers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from worker.engine.http import json_response
from worker.engine.messages import iso_time
from worker.engine.rest.answers import Authenticate, Call, guarded, read_json
from worker.engine.rest.problems import UNKNOWN_TRACKER, Problem
from worker.engine.rest.tracker_requests import (
    MAX_TRACKERS,
    Tracker,
    name_taken,
    parse_tracker,
    parse_trackers,
    patch_tracker,
    too_many,
)
from worker.engine.store.model import NameTakenError, Store, TrackerRecord
from worker.engine.trackers import TrackerLibrary

MAX_BODY_BYTES = 1 << 20


class TrackerRoutes:
    """Creates, shows, changes and deletes trackers, for conversations that begin afterwards.

    Args:
        store: Is read, because another engine may have changed it just now.
        library: Is written to, so that the next conversation knows.
        new_id: Makes ids of decimal digits.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        store: Store,
        library: TrackerLibrary,
        *,
        authenticate: Authenticate,
        new_id: Callable[[], str],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._library = library
        self._authenticate = authenticate
        self._new_id = new_id
        self._clock = clock
        # Names and numbers are checked before something is saved.
        self._changing = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<TrackerRoutes changing={self._changing.locked()}>"

    def add_to(self, app: web.Application) -> None:
        """Both spellings of every address: the documentation of 2022 has one, the Go SDK the other."""

        def add(method: str, path: str, call: Call) -> None:
            app.router.add_route(method, path, guarded(call, self._authenticate))

        add("POST", "/v1/manage/tracker", self._create)
        add("POST", "/v1/manage/trackers", self._create)
        add("POST", "/v1/manage/trackers/bulk", self._create)
        add("GET", "/v1/manage/trackers", self._list)
        for path in ("/v1/manage/tracker/{tracker_id}", "/v1/manage/trackers/{tracker_id}"):
            add("GET", path, self._show)
            add("PUT", path, self._replace)
            add("PATCH", path, self._patch)
            add("DELETE", path, self._delete)

    async def _list(self, request: web.Request, account: str) -> web.Response | Problem:
        name = request.query.get("name")
        found = [each.body for each in await self._trackers(account) if name is None or each.name == name]
        return json_response(200, {"trackers": found})

    async def _show(self, request: web.Request, account: str) -> web.Response | Problem:
        record = await self._find(request, account)
        return UNKNOWN_TRACKER if record is None else json_response(200, {"tracker": record.body})

    async def _create(self, request: web.Request, account: str) -> web.Response | Problem:
        """An object makes one tracker, an array several or none; the answer has the same form."""
        body = await read_json(request, max_bytes=MAX_BODY_BYTES)
        if isinstance(body, Problem):
            return body
        if isinstance(body, list):
            trackers = parse_trackers(body)
            if isinstance(trackers, Problem):
                return trackers
        else:
            tracker = parse_tracker(body)
            if isinstance(tracker, Problem):
                return tracker
            trackers = (tracker,)
        async with self._changing:
            known = await self._trackers(account)
            if len(known) + len(trackers) > MAX_TRACKERS:
                return too_many()
            if {each.name for each in known} & {each.name for each in trackers}:
                return name_taken()
            made = await self._save_new(account, trackers)
        if isinstance(made, Problem):
            return made
        shown: Any = {"trackers": made} if isinstance(body, list) else {"tracker": made[0]}
        return json_response(201, shown)

    async def _save_new(self, account: str, trackers: Sequence[Tracker]) -> list[Any] | Problem:
        """All or none."""
        now = iso_time(int(self._clock() * 1000))
        records: list[TrackerRecord] = []
        for tracker in trackers:
            key = self._new_id()
            body = tracker.as_json(key, created_on=now, updated_on=now)
            record = TrackerRecord(id=key, name=tracker.name, body=body)
            try:
                await self._library.save(account, record)
            except NameTakenError:
                # Another engine was quicker.
                for saved in records:
                    await self._library.delete(account, saved.id)
                return name_taken()
            records.append(record)
        return [record.body for record in records]

    async def _replace(self, request: web.Request, account: str) -> web.Response | Problem:
        body = await read_json(request, max_bytes=MAX_BODY_BYTES)
        if isinstance(body, Problem):
            return body
        tracker = parse_tracker(body)
        if isinstance(tracker, Problem):
            return tracker
        if body.get("id", request.match_info["tracker_id"]) != request.match_info["tracker_id"]:
            return Problem(400, '"id" must be the one in the address.')
        async with self._changing:
            record = await self._find(request, account)
            return UNKNOWN_TRACKER if record is None else await self._save_changed(account, record, tracker)

    async def _patch(self, request: web.Request, account: str) -> web.Response | Problem:
        body = await read_json(request, max_bytes=MAX_BODY_BYTES)
        if isinstance(body, Problem):
            return body
        async with self._changing:
            record = await self._find(request, account)
            if record is None:
                return UNKNOWN_TRACKER
            tracker = patch_tracker(record.body, body)
            if isinstance(tracker, Problem):
                return tracker
            return await self._save_changed(account, record, tracker)

    async def _save_changed(self, account: str, record: TrackerRecord, tracker: Tracker) -> web.Response | Problem:
        if any(each.name == tracker.name and each.id != record.id for each in await self._trackers(account)):
            return name_taken()
        now = iso_time(int(self._clock() * 1000))
        body = tracker.as_json(record.id, created_on=record.body["createdOn"], updated_on=now)
        try:
            await self._library.save(account, TrackerRecord(id=record.id, name=tracker.name, body=body))
        except NameTakenError:
            return name_taken()
        return json_response(200, {"tracker": body})

    async def _delete(self, request: web.Request, account: str) -> web.Response | Problem:
        async with self._changing:
            record = await self._find(request, account)
            if record is None or not await self._library.delete(account, record.id):
                return UNKNOWN_TRACKER
        return json_response(200, {"id": record.id, "type": "tracker", "deleted": True})

    async def _find(self, request: web.Request, account: str) -> TrackerRecord | None:
        wanted = request.match_info["tracker_id"]
        return next((each for each in await self._trackers(account) if each.id == wanted), None)

    async def _trackers(self, account: str) -> list[TrackerRecord]:
        return [tracker for _, tracker in await self._store.trackers(account)]
