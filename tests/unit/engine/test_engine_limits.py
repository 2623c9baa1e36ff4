"""What clients may ask of an engine, and that those who ask for more hurt nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import orjson
import pytest
import websockets
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Close

from tests.unit.engine.client import Client, Engine, StartEngine, fetch_token
from tests.unit.engine.test_engine_metrics import values_of
from worker.engine import listener
from worker.engine.admission import Admission, Pace, Refusal, RefusalDelays
from worker.engine.recognizers.coded import encode_utterance
from worker.engine.sessions import LocalSessionMaker

PATIENCE_SECONDS = 10.0
TEXT, BINARY, PING, CLOSE = 0x1, 0x2, 0x9, 0x8


# --- how much and how fast: the rules -------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.booleans()), max_size=60))
def test_counts_are_those_of_open_sockets(steps: list[tuple[str, bool, bool]]) -> None:
    """Whatever comes and goes, no limit is ever exceeded, and nobody is refused below it."""
    admission = Admission(
        max_connections=6, max_streams=4, max_account_streams={"a": 2, "b": None}.get, overloaded=lambda: False
    )
    inside: list[tuple[str, bool]] = []
    for account, speaker, comes in steps:
        if not comes:
            if (account, speaker) in inside:
                inside.remove((account, speaker))
                admission.leave(account, speaker=speaker)
            continue
        speakers = [who for who, speaks in inside if speaks]
        expected = None
        if len(inside) >= 6:
            expected = Refusal.CONNECTIONS
        elif speaker and account == "a" and speakers.count("a") >= 2:
            expected = Refusal.ACCOUNT_STREAMS
        elif speaker and len(speakers) >= 4:
            expected = Refusal.STREAMS
        assert admission.enter(account, speaker=speaker) is expected
        if expected is None:
            inside.append((account, speaker))


@settings(deadline=None)
@given(st.floats(0.5, 100), st.floats(1, 50), st.lists(st.floats(0, 0.3, allow_nan=False), min_size=1, max_size=200))
def test_a_pace_is_kept(per_second: float, burst: float, gaps: list[float]) -> None:
    """Over any stretch of time no more than the burst and the average come in time."""
    pace, now, taken = Pace(per_second=per_second, burst=burst), 1000.0, []
    for gap in gaps:
        now += gap
        if pace.take(now, longest_wait=1 / per_second) == 0:
            taken.append(now)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + (taken[last] - taken[first]) * per_second + 1e-6


def test_refusals_become_slow_and_recover() -> None:
    """The first ones are answered at once, the following ones later up to a limit; a quiet time is forgiven."""
    delays = RefusalDelays(per_second=1, burst=3, longest=2, max_waiting=3)
    waits = [delays.begin("a", 100.0) for _ in range(6)]
    assert waits[:3] == [0, 0, 0]
    assert waits[3:] == [1, 2, 2]
    assert delays.begin("b", 100.0) == 0
    # Three wait; a fourth does not, so that waiting costs no memory without limit.
    assert delays.begin("a", 100.0) == 0
    delays.end()
    assert delays.begin("a", 100.0) == 2
    for _ in range(3):
        delays.end()
    assert delays.begin("a", 110.0) == 0


def test_only_the_latest_addresses_are_remembered() -> None:
    """Addresses without end take no memory without end."""
    delays = RefusalDelays(burst=1, max_addresses=2, max_waiting=10)
    for address in ("a", "b", "a", "c"):
        delays.begin(address, 100.0)
    assert delays.begin("a", 100.0) > 0
    assert delays.begin("b", 100.0) == 0


# --- admission ------------------------------------------------------------------------------------------------------


async def refusal(engine: Engine, path: str = "/v1/streaming/", token: str | None = None) -> tuple[int, str]:
    with pytest.raises(websockets.InvalidStatus) as caught:
        await engine.connect("late", path, additional_headers={"X-API-KEY": token or engine.token})
    answer = caught.value.response
    return answer.status_code, orjson.loads(answer.body or b"")["message"]


async def test_streams_of_an_account(start_engine: StartEngine, tmp_path: Path) -> None:
    """An account's entry counts before the setting; one account's streams are not another's; subscribers are free."""
    file = tmp_path / "accounts.yaml"
    file.write_text("accounts: [{appId: small, appSecret: s, maxStreams: 1}, {appId: usual, appSecret: s}]")
    engine = await start_engine(accounts_file=file, max_account_streams=2)
    small, usual = [(await fetch_token(engine.base_url, app, "s"))[1]["accessToken"] for app in ("small", "usual")]
    first = await engine.connect(additional_headers={"X-API-KEY": small})
    status, text = await refusal(engine, token=small)
    assert (status, text) == (429, Refusal.ACCOUNT_STREAMS.message)
    for _ in range(2):
        await engine.connect(additional_headers={"X-API-KEY": usual})
    assert (await refusal(engine, token=usual))[0] == 429
    await engine.connect(path="/v1/subscribe/", additional_headers={"X-API-KEY": small})
    await first.socket.close()
    await until_admitted(engine, small)
    assert (await values_of(engine))["handshakes_refused_total/account_streams"] >= 2


async def until_admitted(engine: Engine, token: str) -> Client:
    """The engine may notice a close a moment later than its client."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return await engine.connect(additional_headers={"X-API-KEY": token})
            except websockets.InvalidStatus:
                await asyncio.sleep(0.01)


async def test_streams_of_the_engine(start_engine: StartEngine) -> None:
    """More speakers than the engine may have are refused with 429; the ones that are in go on."""
    engine = await start_engine(max_streams=1)
    client = await engine.connect()
    await client.start()
    assert await refusal(engine) == (429, Refusal.STREAMS.message)
    await client.audio(encode_utterance("u", ["still", "here"]))
    await client.until("message_response")
    assert client.texts() == ["still here"]


async def test_connections_of_the_engine(start_engine: StartEngine) -> None:
    """Sockets of all kinds count together; one more is refused with 503."""
    engine = await start_engine(max_connections=2)
    await engine.connect()
    await engine.connect(path="/v1/subscribe/")
    for path in ("/v1/streaming/", "/v1/subscribe/"):
        assert await refusal(engine, path) == (503, Refusal.CONNECTIONS.message)


async def test_a_busy_engine(start_engine: StartEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the recognisers are overloaded, speakers are refused with 429 and subscribers are not."""
    engine = await start_engine()
    monkeypatch.setattr(LocalSessionMaker, "admit", lambda _: False)
    assert await refusal(engine) == (429, Refusal.OVERLOADED.message)
    await engine.connect(path="/v1/subscribe/")
    monkeypatch.undo()
    await engine.connect()


async def test_racing_handshakes(start_engine: StartEngine) -> None:
    """Of many handshakes at once exactly as many get in as may, also when clients give up halfway."""
    engine = await start_engine(max_streams=3)

    async def attempt() -> bool:
        try:
            await engine.connect()
        except websockets.InvalidStatus:
            return False
        return True

    head = handshake(engine, "gone")
    for _ in range(20):
        _, writer = await open_raw(engine)
        writer.write(head)
        writer.transport.abort()
    await until_sockets(engine, 0)
    assert sum(await asyncio.gather(*(attempt() for _ in range(9)))) == 3


async def until_sockets(engine: Engine, count: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await values_of(engine))["speaker_sockets"] != count:
            continue


async def test_a_client_that_is_refused_for_ever(start_engine: StartEngine) -> None:
    """Who tries again at once after every refusal is slowed down to a few attempts, and others are served at once."""
    engine = await start_engine()
    attempts = 0

    async def hammer() -> None:
        nonlocal attempts
        while True:
            assert (await refusal(engine, token="nonsense"))[0] == 401
            attempts += 1

    task = asyncio.create_task(hammer())
    try:
        await asyncio.sleep(2.0)
        # It comes from the same address, and is let in, so it waits for nothing.
        client = await engine.connect()
        await client.start()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert 10 <= attempts <= 20


# --- what is not HTTP, or too much of it ----------------------------------------------------------------------------


async def open_raw(engine: Engine) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(engine.base_url.rpartition(":")[2]))


def handshake(engine: Engine, connection_id: str = "raw", /, **changes: str | None) -> bytes:
    """The head of an upgrade; header names with underscores. None leaves one out."""
    usual: dict[str, str | None] = {
        "Host": "engine",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "X-API-KEY": engine.token,
    }
    changed = {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"{name}: {value}" for name, value in {**usual, **changed}.items() if value is not None]
    return "\r\n".join([f"GET /v1/streaming/{connection_id} HTTP/1.1", *lines, "", ""]).encode()


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    received = b""
    # A reset comes after what was still being sent to the other side.
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while piece := await reader.read(65_536):
                received += piece
    return received


async def answer_to(engine: Engine, sent: bytes) -> bytes:
    """Everything that comes back until the connection is closed."""
    reader, writer = await open_raw(engine)
    writer.write(sent)
    try:
        return await rest_of(reader)
    finally:
        writer.close()


@contextlib.asynccontextmanager
async def bystander(engine: Engine) -> AsyncIterator[None]:
    """Somebody who speaks before and after, in the same conversation."""
    client = await engine.connect("raw")
    await client.start()
    yield
    await client.audio(encode_utterance("u", ["all", "is", "well."]))
    await client.until("message_response")
    assert client.texts() == ["all is well."]
    await client.stop()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"400"),
        (b"GET /v1/streaming/x HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 100 + b"\r\n", b"400"),
        (b"POST /oauth2/token:generate HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
    ],
)
async def test_broken_requests(engine: Engine, caplog: pytest.LogCaptureFixture, sent: bytes, status: bytes) -> None:
    """What is no HTTP, or has heads that are too long, is answered with 400, closed, and no error of the engine."""
    caplog.set_level(logging.DEBUG, "worker")
    async with bystander(engine):
        answer = await answer_to(engine, sent)
        assert answer.startswith((b"HTTP/1.1 " + status, b"HTTP/1.0 " + status))
    assert not errors(caplog)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING or record.exc_info]


async def test_long_bodies(start_engine: StartEngine) -> None:
    """A body that is too long is refused with 413, whether its length is announced or not."""
    engine = await start_engine(max_body_bytes=65_536)
    url = f"{engine.base_url}/oauth2/token:generate"

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(32):
            yield bytes(4096)

    async with aiohttp.ClientSession() as http:
        for data in (bytes(131_072), chunks()):
            async with http.post(url, data=data) as response:
                assert response.status == 413
                assert await response.json() == {"message": "Request Entity Too Large"}


async def test_slow_heads(start_engine: StartEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that does not get its first request out in time is closed; one that is quicker is not."""
    monkeypatch.setattr(listener, "FIRST_REQUEST_SECONDS", 0.3)
    engine = await start_engine()
    (quick_reader, quick), (slow_reader, slow) = await open_raw(engine), await open_raw(engine)
    quick.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    slow.write(b"GET /health/live HTTP/1.1\r\nHo")
    assert await rest_of(slow_reader) == b""
    quick.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await rest_of(quick_reader)).count(b"200 OK") == 2
    for writer in (quick, slow):
        writer.close()


async def test_many_silent_connections(start_engine: StartEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that say nothing make room for newer ones."""
    monkeypatch.setattr(listener, "MAX_SILENT", 5)
    engine = await start_engine()
    silent = [await open_raw(engine) for _ in range(8)]
    assert b"200 OK" in await answer_to(engine, b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert await rest_of(silent[0][0]) == b""
    for _, writer in silent:
        writer.close()


# --- what is no WebSocket -------------------------------------------------------------------------------------------


def frame(opcode: int, payload: bytes = b"", *, first: int | None = None, length: bytes | None = None) -> bytes:
    """A masked frame, or with another first byte or a wrong length (the mask is four zero bytes)."""
    if length is None:
        length = bytes((0x80 | len(payload),)) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
    return bytes((0x80 | opcode if first is None else first,)) + length + bytes(4) + payload


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(frame(TEXT, b"\xff\xfe"), 1007, id="text that is no UTF-8"),
        pytest.param(frame(TEXT, b"{}", first=0xC1), 1002, id="compressed although not agreed"),
        pytest.param(frame(TEXT, b"{}", first=0xA1), 1002, id="reserved bit"),
        pytest.param(frame(3), 1002, id="unknown opcode"),
        pytest.param(frame(11), 1002, id="unknown control opcode"),
        pytest.param(frame(PING, bytes(126)), 1002, id="long ping"),
        pytest.param(frame(PING, first=0x09), 1002, id="fragmented ping"),
        pytest.param(frame(0, b"x"), 1002, id="continuation of nothing"),
        pytest.param(frame(TEXT, b"a", first=0x01) + frame(TEXT, b"b"), 1002, id="text within text"),
        pytest.param(frame(CLOSE, b"\x03"), 1002, id="half a close code"),
        pytest.param(frame(CLOSE, struct.pack(">H", 5)), 1002, id="a close code that is none"),
        pytest.param(frame(CLOSE, b"\x03\xe8\xff"), 1007, id="a close reason that is no UTF-8"),
        pytest.param(frame(BINARY, length=b"\xff" + struct.pack(">Q", 1 << 40)), 1009, id="a terabyte"),
        pytest.param(
            frame(BINARY, bytes(60_000), first=0x02) + frame(0, bytes(60_000), first=0x00), 1009, id="long in pieces"
        ),
    ],
)
async def test_broken_frames(
    start_engine: StartEngine, caplog: pytest.LogCaptureFixture, sent: bytes, code: int
) -> None:
    """Each breach of RFC 6455 is answered with its close code; the others in the conversation do not notice."""
    engine = await start_engine(max_frame_bytes=65_536)
    caplog.set_level(logging.DEBUG, "worker")
    async with bystander(engine):
        reader, writer = await open_raw(engine)
        writer.write(handshake(engine))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101")
        writer.write(sent)
        answer = await rest_of(reader)
        writer.close()
        assert answer[0] == 0x80 | CLOSE
        assert Close.parse(answer[2:]).code == code
        cut = await values_of(engine)
        assert cut[f"sockets_cut_off_total/{'frame_bytes' if code == 1009 else 'protocol'}"] == 1
    assert not errors(caplog)


async def test_fragments_and_a_close_are_well(engine: Engine) -> None:
    """A request in pieces with a ping in between is one request; the ping is answered, and so is the close."""
    async with bystander(engine):
        reader, writer = await open_raw(engine)
        writer.write(handshake(engine, "pieces"))
        await reader.readuntil(b"\r\n\r\n")
        request = orjson.dumps({"type": "start_request", "speaker": {"name": "Ines"}})
        writer.write(frame(TEXT, request[:20], first=0x01) + frame(PING, b"hello") + frame(0, request[20:]))
        writer.write(frame(CLOSE, struct.pack(">H", 1000)))
        answer = await rest_of(reader)
        writer.close()
        assert b"\x8a\x05hello" in answer
        assert b"recognition_started" in answer
        assert answer.endswith(b"\x88\x02\x03\xe8")


@pytest.mark.parametrize("kind", ["text", "ping"])
@pytest.mark.parametrize("path", ["/v1/streaming/", "/v1/subscribe/"])
async def test_too_many_requests(start_engine: StartEngine, kind: str, path: str) -> None:
    """Texts and pings beyond the rate end their socket with 1008; below it they do not."""
    engine = await start_engine(max_requests_per_second=100.0)
    async with bystander(engine):
        quiet, loud = await engine.connect(path=path), await engine.connect(path=path)
        for _ in range(10):
            await send(quiet, kind)
        with contextlib.suppress(websockets.ConnectionClosed):
            for _ in range(2_000):
                await send(loud, kind)
        with contextlib.suppress(websockets.ConnectionClosed):
            async for _ in loud.socket:
                pass
        assert loud.close_code == 1008
        await quiet.send(type="nonsense")
        assert quiet.close_code is None
        assert (await values_of(engine))["sockets_cut_off_total/requests"] == 1


async def send(client: Client, kind: str) -> None:
    await (client.socket.send("__PING__") if kind == "text" else client.socket.ping())


async def test_tiny_frames_keep_nobody_from_being_served(engine: Engine) -> None:
    """A client that sends empty binary frames as fast as it can has its share of the engine and no more."""
    port = int(engine.base_url.rpartition(":")[2])
    stop = threading.Event()

    def flood() -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(handshake(engine, "flood"))
            connection.settimeout(1.0)
            frames = frame(BINARY) * 2_000
            while not stop.is_set():
                try:
                    connection.sendall(frames)
                except OSError:
                    return

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), bystander(engine):
            pass
    finally:
        stop.set()
        await asyncio.to_thread(thread.join)
