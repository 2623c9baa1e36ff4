"""The engine as the command line runs it."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TypeAlias

import pytest
import uvloop

from tests.unit.engine.client import Engine, fetch_token
from worker.engine.app import run_engine
from worker.engine.recognizers.coded import encode_utterance
from worker.engine.settings import EngineSettings

Told: TypeAlias = "queue.Queue[tuple[str, asyncio.AbstractEventLoop, asyncio.Task[None]]]"


async def _serve(told: Told) -> None:
    def ready(base_url: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        told.put((base_url, asyncio.get_running_loop(), task))

    with contextlib.suppress(asyncio.CancelledError):
        await run_engine(EngineSettings(recognizer="coded", drain_seconds=2.0), ready=ready)


def _run(told: Told, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(told))


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
async def test_the_engine_runs_until_cancelled(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """On either event loop it says where it listens, serves, and closes sockets with 1001 when it is cancelled."""
    told: Told = queue.Queue()
    thread = threading.Thread(target=_run, args=(told, factory))
    thread.start()
    base_url, loop, task = await asyncio.to_thread(told.get, timeout=30)
    async with contextlib.AsyncExitStack() as clients:
        client = await Engine(base_url, (await fetch_token(base_url))[1]["accessToken"], clients).connect()
        await client.start()
        await client.audio(encode_utterance("u", ["hello"]))
        await client.until("message_response")
        loop.call_soon_threadsafe(task.cancel)
        await client.rest()
        assert client.close_code == 1001
    await asyncio.to_thread(thread.join, 30)
    assert not thread.is_alive()
