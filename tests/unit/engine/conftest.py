"""A real engine on loopback."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.unit.engine.client import Engine, StartEngine, fetch_token
from worker.engine.app import EngineServer
from worker.engine.settings import EngineSettings


@pytest.fixture
async def start_engine() -> AsyncIterator[StartEngine]:
    """Starts engines with the coded recogniser; they are stopped after the test."""
    async with contextlib.AsyncExitStack() as servers, contextlib.AsyncExitStack() as clients:

        async def start(**settings: Any) -> Engine:
            options: dict[str, Any] = {
                "recognizer": "coded",
                "completion_grace_seconds": 0.1,
                "drain_seconds": 1.0,
            } | settings
            server = await servers.enter_async_context(EngineServer(EngineSettings(**options)))
            _, answer = await fetch_token(server.base_url)
            return Engine(server.base_url, answer.get("accessToken", ""), clients, server)

        yield start


@pytest.fixture
async def engine(start_engine: StartEngine) -> Engine:
    return await start_engine()
