"""WebSockets, against real servers on loopback."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import logging
import socket
import ssl
import struct
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any

import pytest
import uvloop
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection as ServerConnectionInThread
from websockets.sync.server import serve as serve_in_thread

from worker.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionLostError,
    RequestRefusedError,
    SymblError,
    SymblUnavailableError,
)
from worker.symbl.connection import MAX_MESSAGE_BYTES, Endpoint, SymblConnection, Timeouts

TOKEN = "t0k3n"
QUICK = Timeouts(open_seconds=2, send_seconds=0.3, close_seconds=0.3)

Handler = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(handler: Handler, **options: Any) -> AsyncIterator[tuple[Server, Endpoint]]:
    logger = logging.Logger("silent", logging.CRITICAL + 1)  # noqa: LOG001  - unregistered on purpose
    async with serve(handler, "127.0.0.1", 0, compression=None, logger=logger, **options) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield server, Endpoint(base_url=f"ws://127.0.0.1:{port}")


@contextlib.asynccontextmanager
async def upgrading(
    handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[Endpoint]:
    """A server that shakes hands and leaves the rest of the WebSocket to ``handler``."""

    tasks: set[asyncio.Task[Any]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await shake_hands(reader, writer)
            await handler(reader, writer)
        finally:
            writer.transport.abort()

    async def shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.split(": ")[1] for line in request.splitlines() if line.lower().startswith("sec-websocket-key"))
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
            + base64.b64encode(digest)
            + b"\r\n\r\n"
        )

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield Endpoint(base_url=f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def echo(websocket: ServerConnection) -> None:
    async for frame in websocket:
        await websocket.send(frame)


async def read_all(connection: SymblConnection) -> list[bytes]:
    async with asyncio.timeout(5):
        return [frame async for frame in connection]


async def send_for_ever(connection: SymblConnection) -> None:
    while True:
        await connection.send(bytes(8192))


# --- opening ---


@pytest.mark.parametrize(
    ("base_url", "prefix", "connection_id", "uri"),
    [
        ("wss://api.symbl.ai", "/v1/streaming", "a-1", "wss://api.symbl.ai/v1/streaming/a-1"),
        ("https://api.symbl.ai/", "v1/streaming/", "a", "wss://api.symbl.ai/v1/streaming/a"),
        ("http://h:8080/x", "/v1/realtime/insights", "a", "ws://h:8080/x/v1/realtime/insights/a"),
        ("ws://h", "", "a", "ws://h/a"),
        ("ws://h", "/p", "a/b?c=d#e %", "ws://h/p/a%2Fb%3Fc%3Dd%23e%20%25"),
        ("ws://h", "/p", "é=", "ws://h/p/%C3%A9%3D"),
    ],
)
def test_uri(base_url: str, prefix: str, connection_id: str, uri: str) -> None:
    """The connection id is one path segment whatever is in it, below a prefix that is configured."""
    assert Endpoint(base_url=base_url, path_prefix=prefix).uri(connection_id) == uri


@pytest.mark.parametrize("url", ["", "h:80", "ftp://h", "ws://", "ws://h:x", "ws://u:p@h", "ws://h?q=1", "ws://h#f"])
def test_base_url(url: str) -> None:
    """Anything but ``ws(s)://host[:port][/prefix]`` is refused at start."""
    with pytest.raises(ConfigurationError):
        Endpoint(base_url=url)


async def test_handshake() -> None:
    """The token travels in a header, never in the URL; no extension is offered."""
    requests: list[Request] = []

    async def handler(websocket: ServerConnection) -> None:
        assert websocket.request is not None
        requests.append(websocket.request)

    async with serving(handler) as (_, endpoint):
        connection = await SymblConnection.open(endpoint, "c/1", TOKEN, timeouts=QUICK)
        assert await read_all(connection) == []
        await connection.close()
    (request,) = requests
    assert request.path == "/v1/streaming/c%2F1"
    assert request.headers["X-API-KEY"] == TOKEN
    assert "Sec-WebSocket-Extensions" not in request.headers
    assert TOKEN not in repr(connection)
    assert repr(connection) == f"<SymblConnection {endpoint.base_url}/v1/streaming/c%2F1 CLOSED close_code=1000>"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationError),
        (403, AuthenticationError),
        (400, RequestRefusedError),
        (404, SymblUnavailableError),
        (429, SymblUnavailableError),
        (503, SymblUnavailableError),
    ],
)
async def test_refused_handshake(status: int, kind: type[SymblError]) -> None:
    """Each status of a refused handshake becomes one failure, with the library's own behind it."""

    def refuse(websocket: ServerConnection, request: Request) -> Response:
        return websocket.respond(HTTPStatus(status), "secret")

    async with serving(echo, process_request=refuse) as (_, endpoint):
        with pytest.raises(SymblError) as raised:
            await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)
    assert type(raised.value) is kind
    assert str(raised.value) == f"handshake: HTTP {status}"
    assert raised.value.__cause__ is not None


async def test_redirect() -> None:
    """A redirect is not followed: the token must not travel to a host that nobody configured."""
    seen: list[Request] = []

    def note(websocket: ServerConnection, request: Request) -> None:
        seen.append(request)

    async with serving(echo, process_request=note) as (_, other):

        def redirect(websocket: ServerConnection, request: Request) -> Response:
            response = websocket.respond(HTTPStatus.TEMPORARY_REDIRECT, "")
            response.headers["Location"] = other.base_url
            return response

        async with serving(echo, process_request=redirect) as (_, endpoint):
            with pytest.raises(SymblUnavailableError, match="307"):
                await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)
    assert seen == []


async def test_nobody_there(unused_tcp_port: int) -> None:
    """A refused TCP connection may be retried."""
    with pytest.raises(SymblUnavailableError, match="ConnectionRefusedError"):
        await SymblConnection.open(Endpoint(base_url=f"ws://127.0.0.1:{unused_tcp_port}"), "c", TOKEN, timeouts=QUICK)


async def test_no_websocket() -> None:
    """A peer that speaks something else, or hangs up, may be retried."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0\r\n")
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        endpoint = Endpoint(base_url=f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(SymblUnavailableError, match="handshake"):
            await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)


@pytest.mark.parametrize("is_reset", [False, True])
def test_hung_up_before_the_handshake(is_reset: bool) -> None:
    """A proxy whose host is gone accepts and hangs up, perhaps before anything is said: the host is out of reach."""

    def hang_up(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                if is_reset:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()

    async def dial(endpoint: Endpoint) -> None:
        for _ in range(300):
            with pytest.raises(SymblUnavailableError, match="handshake"):
                await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=hang_up, args=(listener,), daemon=True)
        thread.start()
        # The loop of the worker, which often sees the end before the library has said anything.
        uvloop.run(dial(Endpoint(base_url=f"ws://127.0.0.1:{listener.getsockname()[1]}")))
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


async def test_silent_handshake() -> None:
    """A peer that accepts and says nothing is given up on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = Endpoint(base_url=f"ws://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(SymblUnavailableError, match="timed out"):
            await SymblConnection.open(endpoint, "c", TOKEN, timeouts=Timeouts(open_seconds=0.1))


async def test_cancelled_opening() -> None:
    """Cancelling the handshake leaves no socket behind."""
    ended = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read()
        ended.set()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        endpoint = Endpoint(base_url=f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        task = asyncio.create_task(SymblConnection.open(endpoint, "c", TOKEN))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(2):
            await ended.wait()


@pytest.mark.parametrize("token", ["t\r\nHost: x", "t\n", "tökén"])
async def test_token_for_header(token: str) -> None:
    """A token that would break out of its header is refused before dialling, and not shown."""
    with pytest.raises(ConfigurationError) as raised:
        await SymblConnection.open(Endpoint(base_url="ws://127.0.0.1:1"), "c", token)
    assert token not in str(raised.value)


async def test_connection_id() -> None:
    """A connection without an id is a bug of the caller."""
    with pytest.raises(AssertionError):
        await SymblConnection.open(Endpoint(base_url="ws://127.0.0.1:1"), "", TOKEN)


async def test_wrong_proxy() -> None:
    """A proxy that cannot be one is a wrong setting, not a host to wait for."""
    endpoint = Endpoint(base_url="ws://127.0.0.1:1", proxy="nonsense")
    with pytest.raises(ConfigurationError):
        await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)


async def test_tls() -> None:
    """TLS settings are used for ``wss`` and ignored for ``ws``; a peer without TLS may be retried."""
    async with serving(echo) as (_, endpoint):
        plain = Endpoint(base_url=endpoint.base_url, tls=ssl.create_default_context())
        connection = await SymblConnection.open(plain, "c", TOKEN, timeouts=QUICK)
        await connection.close()
        for tls in (None, ssl.create_default_context()):
            secure = Endpoint(base_url=endpoint.base_url.replace("ws:", "wss:"), tls=tls)
            with pytest.raises(SymblUnavailableError, match="handshake"):
                await SymblConnection.open(secure, "c", TOKEN, timeouts=QUICK)


async def test_environment_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies of the environment are not used unless configured."""
    monkeypatch.setenv("ws_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    async with serving(echo) as (_, endpoint):
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)
        await connection.close()


# --- talking ---


async def test_frames() -> None:
    """Text goes out as text, audio as binary; everything comes back as bytes."""
    kinds: list[type] = []

    async def handler(websocket: ServerConnection) -> None:
        async for frame in websocket:
            kinds.append(type(frame))
            await websocket.send(frame)

    async with serving(handler) as (_, endpoint):
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)
        assert connection.close_code is None
        await connection.send("héllo")
        await connection.send(b"\x00\x01")
        assert [await anext(connection), await anext(connection)] == ["héllo".encode(), b"\x00\x01"]
        await connection.close()
    assert kinds == [str, bytes]
    assert connection.close_code == 1000


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4000])
async def test_peer_closes(code: int) -> None:
    """However the peer closes, the iteration ends after the last message and the code is known."""

    async def handler(websocket: ServerConnection) -> None:
        await websocket.send("last")
        await websocket.close(code)

    async with serving(handler) as (_, endpoint):
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)
        assert await read_all(connection) == [b"last"]
        assert connection.close_code == code
        with pytest.raises(ConnectionLostError) as raised:
            await connection.send(b"x")
        assert raised.value.code == code
        await connection.close()


async def test_abrupt_drop() -> None:
    """A TCP drop ends the iteration; there is no close code."""

    async def handler(websocket: ServerConnection) -> None:
        await websocket.recv()
        websocket.transport.abort()

    async with serving(handler) as (_, endpoint):
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)
        await connection.send(b"x")
        assert await read_all(connection) == []
        assert connection.close_code is None
        with pytest.raises(ConnectionLostError) as raised:
            await connection.send(b"x")
        assert raised.value.code is None
        await connection.close()


async def test_oversize_message() -> None:
    """A message beyond the limit ends the connection with 1009 instead of filling memory."""

    async def handler(websocket: ServerConnection) -> None:
        await websocket.send(bytes(MAX_MESSAGE_BYTES + 1))
        await websocket.wait_closed()

    async with serving(handler) as (_, endpoint):
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)
        assert await read_all(connection) == []
        assert connection.close_code == 1009
        await connection.close()


def server_frame(first: int, payload: bytes) -> bytes:
    return bytes([first, len(payload)]) + payload


async def read_client_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Opcode and payload of a short frame of the client."""
    head = await reader.readexactly(2)
    mask = await reader.readexactly(4)
    masked = await reader.readexactly(head[1] & 0x7F)
    return head[0] & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked))


@pytest.mark.parametrize("piece", [1, 7, 1_000_000])
async def test_pong(piece: int) -> None:
    """When a ping returns, the reading task has everything that the peer said before the pong, however it arrives."""
    texts = [b"%d" % (100 + number) for number in range(100)]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            opcode, payload = await read_client_frame(reader)
            if opcode != 0x9:
                continue
            # Every message in two fragments, and more of them than the client's queue holds.
            said = b"".join(server_frame(0x01, text[:1]) + server_frame(0x80, text[1:]) for text in texts)
            data = said + server_frame(0x8A, payload)
            for begin in range(0, len(data), piece):
                writer.write(data[begin : begin + piece])
                await asyncio.sleep(0)

    heard: list[bytes] = []

    async def read(connection: SymblConnection) -> None:
        async for frame in connection:
            heard.append(frame)  # noqa: PERF401 - what counts is when it is there

    async with upgrading(answer) as endpoint:
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=Timeouts(ping_timeout_seconds=5))
        reader = asyncio.create_task(read(connection))
        for turn in (1, 2):
            await connection.send(b"audio")
            await connection.ping()
            assert heard == texts * turn
        connection.abort()
        await reader


async def test_ping_after_the_end() -> None:
    """A ping on a connection that is gone, or that goes while it waits, fails as a lost connection."""

    async def handler(websocket: ServerConnection) -> None:
        await websocket.recv()
        await websocket.close(1001)

    async with serving(handler) as (_, endpoint):
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)
        await connection.send(b"x")
        assert await read_all(connection) == []
        with pytest.raises(ConnectionLostError) as raised:
            await connection.ping()
        assert raised.value.code == 1001

    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_client_frame(reader)

    async with upgrading(drop) as endpoint:
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)
        with pytest.raises(ConnectionLostError) as raised:
            await connection.ping()
        assert raised.value.code is None


async def test_ping_that_cannot_be_written() -> None:
    """With a full write buffer the ping itself waits; that is bounded, too."""

    async def sleep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    timeouts = Timeouts(send_seconds=30, close_seconds=0.3, ping_timeout_seconds=0.3)
    async with upgrading(sleep) as endpoint:
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=timeouts)
        sender = asyncio.create_task(send_for_ever(connection))
        await asyncio.sleep(0.3)
        began = time.monotonic()
        with pytest.raises(ConnectionLostError):
            await connection.ping()
        assert time.monotonic() - began < 2
        with pytest.raises(ConnectionLostError):
            await sender


async def test_a_pong_that_came_during_a_standstill() -> None:
    """A process that stood still for longer than the timeout finds the pong there, and takes it."""
    logger = logging.Logger("silent", logging.CRITICAL + 1)  # noqa: LOG001  - unregistered on purpose

    def wait(websocket: ServerConnectionInThread) -> None:
        websocket.recv()

    server = serve_in_thread(wait, "127.0.0.1", 0, logger=logger)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        endpoint = Endpoint(base_url=f"ws://127.0.0.1:{server.socket.getsockname()[1]}")
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=Timeouts(ping_timeout_seconds=0.2))
        ping = asyncio.create_task(connection.ping())
        # One turn of the loop: the ping is on its way, and its pong cannot be read yet.
        await asyncio.sleep(0)
        time.sleep(0.5)  # noqa: ASYNC251 - a standstill is what is tested
        await ping
        await connection.send("done")
        assert await read_all(connection) == []
    finally:
        server.shutdown()
        thread.join()


async def test_silent_peer() -> None:
    """A peer that answers no ping is lost after the ping timeout: ping fails, reading ends, the code is 1011."""

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    timeouts = Timeouts(ping_timeout_seconds=0.1, close_seconds=0.1)
    async with upgrading(ignore) as endpoint:
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=timeouts)
        reader = asyncio.create_task(read_all(connection))
        with pytest.raises(ConnectionLostError) as raised:
            await connection.ping()
        assert raised.value.code == 1011
        assert await reader == []
        assert connection.close_code == 1011
        await connection.close()


async def test_peer_stops_reading() -> None:
    """A send that the peer does not take is bounded in time, and so is the close after it."""

    async def sleep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async with upgrading(sleep) as endpoint:
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)
        with pytest.raises(ConnectionLostError, match="timed out"):
            await send_for_ever(connection)
        began = time.monotonic()
        await connection.close()
        assert time.monotonic() - began < 1
        assert connection.close_code is None


# --- ending ---


async def test_close_without_answer() -> None:
    """A peer that never answers the close is dropped after the close time."""

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with upgrading(ignore) as endpoint:
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)
        began = time.monotonic()
        await connection.close()
        assert 0.2 < time.monotonic() - began < 1.5
        assert connection.close_code is None
        assert await read_all(connection) == []
        await connection.close()


async def test_close_while_reading() -> None:
    """Closing ends an iteration that another task is waiting in."""
    async with serving(echo) as (_, endpoint):
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)
        reader = asyncio.create_task(read_all(connection))
        await asyncio.sleep(0.01)
        await connection.close()
        assert await reader == []


async def test_cancelled_close() -> None:
    """A cancelled close drops the socket at once and passes the cancellation on."""
    ended = asyncio.Event()

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read()
        ended.set()

    async with upgrading(ignore) as endpoint:
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=Timeouts(close_seconds=30))
        task = asyncio.create_task(connection.close())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(2):
            await ended.wait()


async def test_abort() -> None:
    """Aborting sends no close frame, so the peer keeps the conversation for another worker."""
    codes: asyncio.Queue[int | None] = asyncio.Queue()

    async def handler(websocket: ServerConnection) -> None:
        await websocket.wait_closed()
        codes.put_nowait(websocket.close_code)

    async with serving(handler) as (_, endpoint):
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)
        connection.abort()
        connection.abort()
        assert await read_all(connection) == []
        assert connection.close_code is None
        async with asyncio.timeout(2):
            assert await codes.get() == 1006
        await connection.close()


# --- secrecy ---


async def test_no_contents_in_logs(caplog: pytest.LogCaptureFixture) -> None:
    """However logging is set, no token, audio or text of a connection is logged."""
    caplog.set_level(logging.DEBUG)
    for name in ("websockets", "websockets.client", "worker", "worker.symbl.connection.websockets"):
        caplog.set_level(logging.DEBUG, logger=name)
    async with serving(echo) as (_, endpoint):
        connection = await SymblConnection.open(endpoint, "c", TOKEN, timeouts=QUICK)
        await connection.send("heard words")
        await anext(connection)
        await connection.close()
    assert TOKEN not in caplog.text
    assert "heard" not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("websockets")]
