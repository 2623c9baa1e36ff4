"""What a faulty proxy does to connections: real sockets on loopback, real engines."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import aiohttp
from websockets.asyncio.client import connect

from tests.chaos.proxy import Delay, FaultyProxy
from tests.unit.engine.client import Client
from worker.engine.app import EngineServer
from worker.engine.settings import EngineSettings

OPENING = b"GET /v1/streaming/call%201 HTTP/1.1\r\n\r\n"


class Clients:
    """Connections to one proxy, before a server that sends back what it gets."""

    def __init__(self, proxy: FaultyProxy) -> None:
        self.proxy = proxy
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A socket of a conversation, which works."""
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.proxy.url.rpartition(":")[2]))
        self._writers.append(writer)
        writer.write(OPENING)
        assert await reader.readexactly(len(OPENING)) == OPENING
        return reader, writer

    async def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def echoing() -> AsyncIterator[Clients]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1000):
                writer.write(data)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        proxy = FaultyProxy([f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"], {})
        await proxy.start()
        clients = Clients(proxy)
        try:
            yield clients
        finally:
            await clients.close()
            await proxy.stop()


async def reset(reader: asyncio.StreamReader) -> None:
    """Returns when the connection has ended without another byte."""
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read(1) == b""


async def test_slow_is_late_and_whole() -> None:
    """Every byte comes late, in order, however many they are; what was late stays before what comes afterwards."""
    async with echoing() as clients:
        reader, writer = await clients.open()
        clients.proxy.slow_down(Delay(0.2, 0.3))
        began = time.monotonic()
        pieces = [bytes([number]) * 20_000 for number in range(10)]
        for piece in pieces:
            writer.write(piece)
        assert await reader.readexactly(1) == pieces[0][:1]
        assert time.monotonic() - began >= 0.5
        clients.proxy.slow_down(Delay())
        writer.write(b"end")
        assert await reader.readexactly(200_002) == b"".join(pieces)[1:] + b"end"
        assert len(clients.proxy.sockets()) == 1


async def test_a_half_open_connection_takes_bytes_and_gives_none_until_it_is_reset() -> None:
    """New connections work meanwhile."""
    async with echoing() as clients:
        reader, writer = await clients.open()
        assert clients.proxy.strand(lambda: True) == 1
        writer.write(b"lost")
        waiting = asyncio.create_task(reset(reader))
        await clients.open()
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        assert clients.proxy.reset_stranded() == 1
        await waiting


async def test_sockets_are_counted_by_conversation_and_cut() -> None:
    """Its name is the last part of the path, unquoted."""
    async with echoing() as clients:
        pairs = [await clients.open(), await clients.open()]
        assert clients.proxy.dialled == {"call 1": 2}
        assert clients.proxy.cut(lambda: True) == 2
        for reader, _ in pairs:
            await reset(reader)


async def test_a_conversation_is_asked_for_where_it_is() -> None:
    """All its sockets go to one engine, through whichever proxy, and so do requests on a kept connection."""
    async with contextlib.AsyncExitStack() as stack:
        settings = EngineSettings(recognizer="coded", token_key=b"k" * 32)
        engines = [await stack.enter_async_context(EngineServer(settings)) for _ in range(3)]
        homes: dict[bytes, int] = {}
        proxies = [FaultyProxy([engine.base_url for engine in engines], homes) for _ in range(2)]
        for proxy in proxies:
            await proxy.start()
            stack.push_async_callback(proxy.stop)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        credentials = {"type": "application", "appId": "a", "appSecret": "b"}
        async with http.post(f"{proxies[0].url}/oauth2/token:generate", json=credentials) as answer:
            headers = {"Authorization": f"Bearer {(await answer.json())['accessToken']}"}
        ids = set()
        for name in range(6):
            for proxy in proxies:
                uri = f"{proxy.url.replace('http', 'ws')}/v1/streaming/call-{name}"
                socket = await stack.enter_async_context(connect(uri, additional_headers=headers))
                ids.add(await Client(socket).start())
        assert len(ids) == 6
        assert len(set(homes.values())) > 1
        for conversation in ids:
            async with http.get(f"{proxies[1].url}/v1/conversations/{conversation}", headers=headers) as answer:
                assert answer.status == 200
