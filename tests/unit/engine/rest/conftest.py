"""The calls on a real store behind a real port."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from tests.unit.engine.rest.service import Service, make_app
from worker.engine.store.sql import SqlStore
from worker.engine.trackers import TrackerLibrary

NOW = 1_780_003_600.0


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    store = SqlStore(None)
    await store.start()
    library = TrackerLibrary(store)
    await library.start()
    runner = web.AppRunner(make_app(store, library, clock=lambda: NOW))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession() as session:
        yield Service(f"http://{host}:{port}", session, store, library)
    await runner.cleanup()
    await library.stop()
    await store.stop()
