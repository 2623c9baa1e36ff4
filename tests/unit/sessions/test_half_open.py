"""A session on real sockets, through a proxy whose connections can become half open."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator

from prometheus_client import CollectorRegistry
from websockets.asyncio.server import ServerConnection, serve

from tests.unit.sessions.world import keep_in
from worker.metrics import Metrics
from worker.records import Coordinates, InputRecord, LifeCycle
from worker.sessions.lane import Lane
from worker.sessions.policy import ConversationPolicy
from worker.sessions.runner import RunnerPolicy, SessionRunner
from worker.sessions.session import Session, SessionPolicy
from worker.symbl.connection import Endpoint, SymblConnection, Timeouts
from worker.symbl.retry import DialPolicy

STARTED = json.dumps({"type": "message", "message": {"type": "recognition_started", "data": {"conversationId": "1"}}})
FIRST, SECOND = b"\1\0" * 1600, b"\2\0" * 1600


class Host:
    """Listens, and says nothing but that it does. What each socket heard is kept."""

    def __init__(self) -> None:
        self.heard: list[bytearray] = []

    async def __call__(self, websocket: ServerConnection) -> None:
        heard = bytearray()
        self.heard.append(heard)
        async for frame in websocket:
            if isinstance(frame, bytes):
                heard += frame
            else:
                await websocket.send(STARTED)


class Proxy:
    """Passes bytes on, both ways. ``swallow`` makes the connections that are open now take them and pass none on."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._generation = 0
        self._swallowed = 0
        self._pipes: list[asyncio.Task[None]] = []

    def swallow(self) -> None:
        self._swallowed = self._generation

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._generation += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        number = self._generation
        self._pipes.append(asyncio.create_task(self._pipe(number, reader, far_writer)))
        self._pipes.append(asyncio.create_task(self._pipe(number, far_reader, writer)))

    async def _pipe(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                if number > self._swallowed:
                    writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    async def stop(self) -> None:
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)


@contextlib.asynccontextmanager
async def world(host: Host) -> AsyncIterator[tuple[Proxy, str]]:
    logger = logging.Logger("silent", logging.CRITICAL + 1)  # noqa: LOG001  - unregistered on purpose
    async with serve(host, "127.0.0.1", 0, ping_interval=None, close_timeout=0.1, logger=logger) as server:
        proxy = Proxy(next(iter(server.sockets)).getsockname()[1])
        front = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        async with front:
            yield proxy, f"ws://127.0.0.1:{front.sockets[0].getsockname()[1]}"
            await proxy.stop()


async def test_audio_in_a_half_open_connection_is_not_silence() -> None:
    """What a dead socket took is sent again on the next one, although it was sent longer ago than the horizon."""
    host = Host()
    sessions: list[Session] = []
    lane = Lane(
        topic="audio",
        partition=0,
        position=0,
        policy=ConversationPolicy(session=SessionPolicy(silence_horizon_seconds=0.1)),
        on_session=keep_in(sessions),
    )
    loop = asyncio.get_running_loop()

    def speak(offset: int, audio: bytes) -> None:
        place = Coordinates("audio", 0, offset, 0)
        lane.receive(InputRecord(coordinates=place, key=b"call", value=audio), loop.time())

    async def until_committable(position: int) -> None:
        async with asyncio.timeout(10):
            while lane.ledger.commit_position < position:  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.02)

    async with world(host) as (proxy, url):
        timeouts = Timeouts(ping_timeout_seconds=1.6, close_seconds=0.1)

        async def dial(conversation_id: str) -> SymblConnection:
            return await SymblConnection.open(Endpoint(base_url=url), conversation_id, "t0k3n", timeouts=timeouts)

        speak(0, FIRST)
        policy = RunnerPolicy(DialPolicy(initial_seconds=0.01, cap_seconds=0.02), healthy_seconds=60, ping_seconds=0.1)
        runner = SessionRunner(sessions[0], dial, policy, Metrics(CollectorRegistry()), loop.time)
        task = asyncio.create_task(runner.run())
        await until_committable(1)
        assert [bytes(heard) for heard in host.heard] == [FIRST]

        # The horizon and the step of the sent log end after 1.1 s, long before the pings have found out.
        proxy.swallow()
        speak(1, SECOND)
        runner.wake()
        await until_committable(2)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert [bytes(heard) for heard in host.heard] == [FIRST, SECOND]
    assert not [each for each in lane.book.outputs if isinstance(each, LifeCycle) and each.event == "gap"]
