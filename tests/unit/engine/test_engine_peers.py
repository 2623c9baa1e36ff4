"""The sending half of sockets, on real ones and on both event loops that an engine may run on."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop
import websockets
from aiohttp import WSMsgType, web
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection

from worker.engine import peers
from worker.engine.peers import Broadcast, Peer, TextFrame

PATIENCE_SECONDS = 10.0
KEYWORD = inspect.Parameter.KEYWORD_ONLY
MAX_BACKLOG_BYTES = 1 << 18
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@dataclass
class Server:
    """Makes a peer of every connection and reads what comes."""

    port: int = 0
    heard: list[str] = field(default_factory=list)
    ended: int = 0
    opened: asyncio.Queue[tuple[Peer, web.WebSocketResponse]] = field(default_factory=asyncio.Queue)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse(compress=False, timeout=2.0)
        await websocket.prepare(request)
        peer = Peer(websocket, request.transport, request.writer, max_backlog_bytes=MAX_BACKLOG_BYTES)
        self.opened.put_nowait((peer, websocket))
        try:
            async for message in websocket:
                if message.type is WSMsgType.TEXT:
                    self.heard.append(message.data)
                    if message.data == "close":
                        await websocket.close(code=1008)
        finally:
            await peer.end()
            self.ended += 1
        return websocket

    async def connect(self, **options: Any) -> tuple[ClientConnection, Peer, web.WebSocketResponse]:
        # What nobody asks for yet does not keep the client from answering.
        options = {"proxy": None, "max_size": None, "max_queue": None} | options
        client = await websockets.connect(f"ws://127.0.0.1:{self.port}/", **options)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return client, *await self.opened.get()

    async def connect_stalled(self) -> tuple[socket.socket, Peer]:
        """A client that reads nothing, with a small window."""
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(raw, ("127.0.0.1", self.port))
        request = (
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await loop.sock_sendall(raw, request)
        async with asyncio.timeout(PATIENCE_SECONDS):
            peer, _ = await self.opened.get()
        return raw, peer


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_get("/", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


def on_both_loops(scenario: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Makes a test of a scenario on a running server."""

    async def with_server(arguments: dict[str, Any]) -> None:
        async with serving() as server:
            await scenario(server, **arguments)

    @functools.wraps(scenario)
    def test(loop: str, **arguments: Any) -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(with_server(arguments))

    wanted = list(inspect.signature(scenario).parameters.values())[1:]
    test.__signature__ = inspect.Signature([*wanted, inspect.Parameter("loop", KEYWORD)])  # type: ignore[attr-defined]
    parametrized: Callable[..., None] = pytest.mark.parametrize("loop", LOOPS)(test)
    return parametrized


async def rest_of(client: ClientConnection) -> list[str | bytes]:
    """Everything up to the end of the connection."""
    received: list[str | bytes] = []
    with contextlib.suppress(websockets.ConnectionClosed):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                received.append(await client.recv())
    return received


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not true():  # noqa: ASYNC110 -- nobody tells
            await asyncio.sleep(0.01)


async def fill(peer: Peer, size: int) -> None:
    """Sends to a peer that does not read until so many bytes wait."""
    frame = TextFrame(b"x" * 8192)
    while peer.backlog_bytes < size:
        peer.send(frame)
        await asyncio.sleep(0)


def frames(count: int, size: int = 100) -> list[TextFrame]:
    return [TextFrame(f"{number} ".ljust(size, "x").encode()) for number in range(count)]


def texts(sent: Sequence[TextFrame]) -> list[str]:
    return [frame.payload.decode() for frame in sent]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
@on_both_loops
async def test_frames_of_every_size_arrive(server: Server, size: int) -> None:
    """The three forms of a frame's length are all understood, at their limits, too."""
    client, peer, _ = await server.connect()
    peer.send(TextFrame(b"y" * size))
    peer.send(TextFrame("ä".encode()))
    assert await client.recv() == "y" * size
    assert await client.recv() == "ä"
    await client.close()


@on_both_loops
async def test_many_peers_hear_the_same_in_order_beside_pings(server: Server) -> None:
    """Broadcasts, single frames and pings of both sides do not disturb each other."""
    broadcast = Broadcast()
    opened = [await server.connect() for _ in range(20)]
    sent = frames(120)
    for number in range(0, len(sent), 3):
        broadcast.send([peer for _, peer, _ in opened], sent[number : number + 2])
        _, _, websocket = opened[number % len(opened)]
        client, _, _ = opened[(number + 1) % len(opened)]
        await asyncio.gather(websocket.ping(b"are you there?"), client.ping())
        for _, peer, _ in opened:
            peer.send(sent[number + 2])
    for _, peer, _ in opened:
        peer.close(1000)
    for received in await asyncio.gather(*(rest_of(client) for client, _, _ in opened)):
        assert received == texts(sent)
    assert {client.close_code for client, _, _ in opened} == {1000}


@on_both_loops
async def test_a_slow_reader_is_cut_off_and_nobody_else_notices(server: Server) -> None:
    """What waits for one never delays the others, and is bounded."""
    broadcast = Broadcast()
    raw, slow = await server.connect_stalled()
    opened = [await server.connect() for _ in range(5)]
    sent = frames(500, size=4000)
    reading = [asyncio.create_task(rest_of(client)) for client, _, _ in opened]
    for frame in sent:
        broadcast.send([slow, *(peer for _, peer, _ in opened)], [frame])
        assert slow.too_slow or slow.backlog_bytes <= MAX_BACKLOG_BYTES
        await asyncio.sleep(0)
    assert slow.too_slow
    await until(lambda: slow.backlog_bytes == 0)
    assert not any(peer.too_slow for _, peer, _ in opened)
    for _, peer, _ in opened:
        peer.close()
    for received in await asyncio.gather(*reading):
        assert received == texts(sent)
    await until(lambda: server.ended == 6)
    raw.close()


@on_both_loops
async def test_the_backlog_is_what_the_reader_has_not_taken(server: Server) -> None:
    """It grows while the client does not read, and is gone when it has read."""
    raw, peer = await server.connect_stalled()
    assert peer.backlog_bytes == 0
    await fill(peer, MAX_BACKLOG_BYTES // 2)
    assert not peer.too_slow
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while peer.backlog_bytes:
            assert await loop.sock_recv(raw, 1 << 16)
    raw.close()


@on_both_loops
async def test_drained_waits_for_the_reader(server: Server) -> None:
    """Whoever causes frames for a full peer is held back until the reader has caught up."""
    raw, peer = await server.connect_stalled()
    await asyncio.wait_for(peer.drained(), PATIENCE_SECONDS)
    await fill(peer, MAX_BACKLOG_BYTES // 2 + 20_000)
    waiting = asyncio.create_task(peer.drained())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not waiting.done():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(loop.sock_recv(raw, 1 << 16), 0.1)
    assert peer.backlog_bytes <= MAX_BACKLOG_BYTES // 2
    raw.close()


@pytest.mark.parametrize("how", ["abort", "client"])
@on_both_loops
async def test_drained_ends_with_the_connection(server: Server, how: str) -> None:
    """Nobody waits for a reader that is gone."""
    raw, peer = await server.connect_stalled()
    await fill(peer, MAX_BACKLOG_BYTES // 2 + 20_000)
    waiting = asyncio.create_task(peer.drained())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    if how == "abort":
        peer.abort()
    else:
        raw.close()
    await asyncio.wait_for(waiting, PATIENCE_SECONDS)
    await until(lambda: server.ended == 1)
    raw.close()


@on_both_loops
async def test_close_comes_after_what_was_sent_and_nothing_after_it(server: Server) -> None:
    """The close code is the one that was asked for first."""
    client, peer, _ = await server.connect()
    sent = frames(50, size=3000)
    Broadcast().send([peer], sent)
    peer.close(1001)
    peer.close(1011)
    peer.send(TextFrame(b"too late"))
    assert await rest_of(client) == texts(sent)
    assert client.close_code == 1001
    await until(lambda: server.ended == 1)


@on_both_loops
async def test_nothing_follows_a_close_frame_of_the_library(server: Server) -> None:
    """Whoever reads the socket may close it, and waits for the answer: a broadcast of that moment must not go out."""
    raw, peer = await server.connect_stalled()
    loop = asyncio.get_running_loop()
    received = b""
    # Masked with zeros.
    await loop.sock_sendall(raw, b"\x81\x85\0\0\0\0close")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while b"\x88" not in received.partition(b"\r\n\r\n")[2]:
            received += await loop.sock_recv(raw, 1 << 16)
        peer.send(TextFrame(b"too late"))
        # The answer, with which it ends.
        await loop.sock_sendall(raw, b"\x88\x80\0\0\0\0")
        while more := await loop.sock_recv(raw, 1 << 16):
            received += more
    assert b"too late" not in received
    raw.close()


@on_both_loops
async def test_a_client_may_close_first(server: Server) -> None:
    """Within its grace a client still speaks and closes; then the server does not."""
    client, peer, websocket = await server.connect()
    peer.close(1000, grace_seconds=PATIENCE_SECONDS)
    await client.send("I have one more thing")
    await client.close(3000)
    await until(lambda: server.ended == 1)
    assert server.heard == ["I have one more thing"]
    assert websocket.close_code == 3000


@on_both_loops
async def test_the_grace_ends(server: Server) -> None:
    """A client that does not close in time is closed."""
    client, peer, _ = await server.connect()
    peer.close(1000, grace_seconds=0.05)
    assert await rest_of(client) == []
    assert client.close_code == 1000


@on_both_loops
async def test_a_close_that_does_not_get_through_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that reads nothing cannot keep its connection by not taking the close frame."""
    monkeypatch.setattr(peers, "_CLOSE_SECONDS", 0.1)
    raw, peer = await server.connect_stalled()
    await fill(peer, MAX_BACKLOG_BYTES // 2 + 20_000)
    peer.close()
    await until(lambda: server.ended == 1 and peer.backlog_bytes == 0)
    raw.close()


@on_both_loops
async def test_what_is_left_after_the_end_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that closes and takes nothing more does not hold the connection."""
    monkeypatch.setattr(peers, "_CLOSE_SECONDS", 0.1)
    raw, peer = await server.connect_stalled()
    await fill(peer, MAX_BACKLOG_BYTES // 4)
    # A close frame, masked with zeros.
    await asyncio.get_running_loop().sock_sendall(raw, b"\x88\x82\0\0\0\0\x03\xe8")
    await until(lambda: server.ended == 1 and peer.backlog_bytes == 0)
    raw.close()


@on_both_loops
async def test_clients_may_go_while_a_broadcast_is_under_way(server: Server) -> None:
    """Whoever stays hears everything."""
    broadcast = Broadcast()
    opened = [await server.connect() for _ in range(12)]
    staying, leaving = opened[:6], opened[6:]
    reading = [asyncio.create_task(rest_of(client)) for client, _, _ in staying]
    sent = frames(60)
    for number, frame in enumerate(sent):
        broadcast.send([peer for _, peer, _ in opened], [frame])
        if number % 10 == 5:
            client, peer, _ = leaving[number // 10]
            match number // 10 % 3:
                case 0:
                    client.transport.abort()
                case 1:
                    peer.abort()
                case _:
                    await client.close()
        await asyncio.sleep(0)
    for _, peer, _ in staying:
        peer.close()
    for received in await asyncio.gather(*reading):
        assert received == texts(sent)
    await until(lambda: server.ended == len(opened))


@on_both_loops
async def test_a_peer_whose_connection_is_closed_takes_everything_in_silence(server: Server) -> None:
    """Whatever is done to it has no effect and no error."""
    client, peer, _ = await server.connect()
    client.transport.abort()
    await until(lambda: server.ended == 1)
    for _ in range(10):
        peer.send(TextFrame(b"nobody hears this"))
        Broadcast().send([peer], frames(2))
    await asyncio.wait_for(peer.drained(), PATIENCE_SECONDS)
    peer.close(grace_seconds=0.01)
    peer.abort()
    await peer.end()
    assert peer.backlog_bytes == 0
    assert not peer.too_slow


@on_both_loops
async def test_a_peer_without_a_connection_takes_everything_in_silence(server: Server) -> None:
    """The client may be gone before the handshake is over."""
    client, _, websocket = await server.connect()
    payload_writer = websocket._payload_writer
    assert payload_writer is not None
    peer = Peer(websocket, None, payload_writer, max_backlog_bytes=MAX_BACKLOG_BYTES)
    peer.send(TextFrame(b"nobody hears this"))
    peer.close()
    peer.abort()
    await peer.end()
    assert peer.backlog_bytes == 0
    assert websocket.close_code is None
    await client.close()


@on_both_loops
async def test_a_broadcast_to_many_leaves_turns_to_others(server: Server) -> None:
    """In several turns of the loop everybody still hears everything in order, and the close last; who comes in between
    hears only what is sent from then on.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peers, "_PEERS_PER_TURN", 2)
        opened = [await server.connect() for _ in range(7)]
        late, late_peer, _ = await server.connect()
        everybody = [peer for _, peer, _ in opened]
        broadcast = Broadcast()
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(others())
        sent = frames(40)
        for frame in sent[:20]:
            broadcast.send(everybody, [frame])
        waiting = asyncio.create_task(broadcast.drained())
        await asyncio.sleep(0)
        assert not waiting.done()
        everybody.append(late_peer)
        broadcast.send(everybody, sent[20:])
        broadcast.close(everybody, 1001, grace_seconds=0.0)
        broadcast.send(everybody, frames(1))
        await asyncio.wait_for(waiting, PATIENCE_SECONDS)
        received = await asyncio.gather(*(rest_of(client) for client, _, _ in opened), rest_of(late))
        other.cancel()
    assert received == [*(texts(sent) for _ in opened), texts(sent[20:])]
    assert {client.close_code for client in (late, *(client for client, _, _ in opened))} == {1001}
    # Twenty broadcasts to seven peers, two at a time.
    assert turns >= 60


STEPS = st.one_of(
    st.tuples(st.just("send"), st.integers(0, 3), st.integers(0, 70_000)),
    st.tuples(st.just("broadcast"), st.integers(1, 4), st.integers(0, 300)),
    st.tuples(st.sampled_from(["ping", "yield"]), st.integers(0, 3), st.just(0)),
    st.tuples(st.sampled_from(["close", "abort", "leave", "cut"]), st.integers(0, 3), st.sampled_from([1000, 1001])),
)


@pytest.mark.parametrize("loop", LOOPS)
@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, max_size=25))
def test_any_sequence_of_sends_and_ends(loop: str, steps: list[tuple[str, int, int]]) -> None:
    """Every client receives a beginning of what was sent to it, all of it when it was closed in peace, and the code."""

    async def play() -> None:
        async with serving() as server:
            opened = [await server.connect() for _ in range(4)]
            expected: list[list[str]] = [[] for _ in opened]
            broadcast = Broadcast()
            ends: list[tuple[str, int] | None] = [None for _ in opened]
            reading = [asyncio.create_task(rest_of(client)) for client, _, _ in opened]
            for count, (step, number, size) in enumerate(steps):
                client, peer, websocket = opened[number % len(opened)]
                frame = TextFrame(f"{count} ".ljust(size, "z").encode())
                chosen = [number] if step == "send" else range(len(opened)) if step == "broadcast" else []
                for each in chosen:
                    if ends[each] is None:
                        expected[each].append(frame.payload.decode())
                if step == "send":
                    peer.send(frame)
                elif step == "broadcast":
                    broadcast.send([each for _, each, _ in opened], [frame])
                elif step == "yield":
                    await asyncio.sleep(0)
                elif ends[number] is None and step == "ping":
                    await websocket.ping()
                elif ends[number] is None:
                    ends[number] = (step, size)
                    if step == "close":
                        peer.close(size)
                    elif step == "abort":
                        peer.abort()
                    elif step == "leave":
                        await client.close()
                    else:
                        client.transport.abort()
            for number, (_, peer, _) in enumerate(opened):
                if ends[number] is None:
                    ends[number] = ("close", 1000)
                    peer.close()
            received = await asyncio.gather(*reading)
            for number, (client, peer, _) in enumerate(opened):
                how, code = ends[number] or ("", 0)
                assert received[number] == expected[number][: len(received[number])]
                if how == "close":
                    assert len(received[number]) == len(expected[number])
                    assert client.close_code == code
                assert not peer.too_slow
            await until(lambda: server.ended == len(opened))
            assert all(peer.backlog_bytes == 0 for _, peer, _ in opened)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(play())
