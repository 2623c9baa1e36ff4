"""Access tokens, against a real HTTP server."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from worker.errors import (
    AuthenticationError,
    ConfigurationError,
    RequestRefusedError,
    SymblError,
    SymblUnavailableError,
)
from worker.symbl.tokens import TokenProvider

SECRET = "s3cr3t"


class Host:
    """A host that issues ``token-1``, ``token-2`` and so on, or what it is told to."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.life: object = 1000
        self.answer: web.Response | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()
        self.url = ""

    async def issue(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        number = len(self.requests)
        self.asked.set()
        await self.open.wait()
        if self.answer is not None:
            return web.Response(status=self.answer.status, body=self.answer.body, headers=self.answer.headers)
        return web.json_response({"accessToken": f"token-{number}", "expiresIn": self.life})


class Clock:
    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    host = Host()
    app = web.Application()
    app.router.add_post("/prefix/oauth2/token:generate", host.issue)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    host.url = f"http://127.0.0.1:{port}/prefix"
    yield host
    host.open.set()
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def provider(host: Host, session: aiohttp.ClientSession, clock: Clock) -> AsyncIterator[TokenProvider]:
    provider = TokenProvider(host.url, "app", lambda: SECRET, session, clock=clock, timeout_seconds=5)
    yield provider
    await provider.close()


async def finish_request(provider: TokenProvider) -> None:
    """Wait for the request in flight, if there is one."""
    if provider._request is not None:
        async with asyncio.timeout(5):
            await asyncio.wait([provider._request])


async def test_request(host: Host, provider: TokenProvider) -> None:
    """A token is asked for with the credentials of the application, and kept."""
    assert await provider.get() == "token-1"
    assert await provider.get() == "token-1"
    assert host.requests == [{"type": "application", "appId": "app", "appSecret": SECRET}]


async def test_single_flight(host: Host, provider: TokenProvider) -> None:
    """Callers at the same time share one request."""
    tokens = await asyncio.gather(*(provider.get() for _ in range(50)))
    assert set(tokens) == {"token-1"}
    assert len(host.requests) == 1


async def test_cancelled_caller(host: Host, provider: TokenProvider) -> None:
    """A cancelled caller does not take the request away from the others, even if it was the first."""
    host.open.clear()
    first, second = asyncio.create_task(provider.get()), asyncio.create_task(provider.get())
    await host.asked.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    host.open.set()
    assert await second == "token-1"
    assert len(host.requests) == 1


async def test_abandoned_request(host: Host, provider: TokenProvider, caplog: pytest.LogCaptureFixture) -> None:
    """A request whose callers are all gone ends quietly, whatever comes of it, and the next caller starts anew."""
    host.open.clear()
    host.answer = web.Response(status=500)
    caller = asyncio.create_task(provider.get())
    await host.asked.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    host.open.set()
    await finish_request(provider)
    host.answer = None
    assert await provider.get() == "token-2"
    assert [record.levelno for record in caplog.records if record.name.startswith("worker")] == [logging.WARNING]


async def test_early_renewal(host: Host, provider: TokenProvider, clock: Clock) -> None:
    """Close to its end a token is still handed out while the next one is fetched; nobody waits."""
    assert await provider.get() == "token-1"
    clock.now += 699
    assert await provider.get() == "token-1"
    assert len(host.requests) == 1
    clock.now += 1
    host.open.clear()
    assert await provider.get() == "token-1"
    assert await provider.get() == "token-1"
    host.open.set()
    await finish_request(provider)
    assert await provider.get() == "token-2"
    assert len(host.requests) == 2


async def test_renewal_by_remaining_life(host: Host, provider: TokenProvider, clock: Clock) -> None:
    """Hosts report what is left of a token; one with little left is renewed at half of it, not at every call."""
    host.life = 100
    await provider.get()
    clock.now += 49
    await provider.get()
    assert len(host.requests) == 1
    clock.now += 1
    await provider.get()
    await finish_request(provider)
    assert len(host.requests) == 2


async def test_failed_renewal(host: Host, provider: TokenProvider, clock: Clock) -> None:
    """A renewal that fails costs nothing while the old token lives, and everything once it is over."""
    await provider.get()
    host.answer = web.Response(status=503)
    clock.now += 900
    assert await provider.get() == "token-1"
    await finish_request(provider)
    assert await provider.get() == "token-1"
    await finish_request(provider)
    assert len(host.requests) == 3
    clock.now += 100
    with pytest.raises(SymblUnavailableError, match="503"):
        await provider.get()


async def test_life_counts_from_the_question(host: Host, provider: TokenProvider, clock: Clock) -> None:
    """The time that the answer took is no life of the token."""
    host.open.clear()
    caller = asyncio.create_task(provider.get())
    await host.asked.wait()
    clock.now += 1000
    host.open.set()
    assert await caller == "token-1"
    assert await provider.get() == "token-2"


async def test_invalidate(host: Host, provider: TokenProvider) -> None:
    """A refused token is forgotten once; a late report about it does not cost its successor."""
    refused = await provider.get()
    provider.invalidate(refused)
    assert await provider.get() == "token-2"
    provider.invalidate(refused)
    assert await provider.get() == "token-2"
    assert len(host.requests) == 2


async def test_rotated_secret(host: Host, session: aiohttp.ClientSession) -> None:
    """The secret is read for every request."""
    secrets = iter(["old", "new"])
    provider = TokenProvider(host.url, "app", lambda: next(secrets), session)
    provider.invalidate(await provider.get())
    await provider.get()
    assert [request["appSecret"] for request in host.requests] == ["old", "new"]


async def test_unreadable_secret(host: Host, session: aiohttp.ClientSession) -> None:
    """A secret that cannot be read right now may be readable later: files are swapped under us."""

    def read() -> str:
        raise FileNotFoundError("secret")

    with pytest.raises(SymblUnavailableError, match="secret cannot be read"):
        await TokenProvider(host.url, "app", read, session).get()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationError),
        (403, AuthenticationError),
        (400, RequestRefusedError),
        (404, SymblUnavailableError),
        (307, SymblUnavailableError),
        (429, SymblUnavailableError),
        (500, SymblUnavailableError),
    ],
)
async def test_statuses(host: Host, provider: TokenProvider, status: int, kind: type[SymblError]) -> None:
    """Each status becomes one failure; a redirect is not followed, since the secret would go along."""
    host.answer = web.Response(status=status, headers={"Location": "/prefix/oauth2/token:generate"})
    with pytest.raises(SymblError) as raised:
        await provider.get()
    assert type(raised.value) is kind
    assert len(host.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>token-9</html>",
        b"[]",
        b"{}",
        b'{"accessToken": "token-9"}',
        b'{"accessToken": "token-9", "expiresIn": "100"}',
        b'{"accessToken": "token-9", "expiresIn": true}',
        b'{"accessToken": "token-9", "expiresIn": 0}',
        b'{"accessToken": "", "expiresIn": 100}',
        b'{"accessToken": "token-9\\r\\nHost: x", "expiresIn": 100}',
        b'{"accessToken": 9, "expiresIn": 100}',
    ],
)
async def test_unusable_answers(host: Host, provider: TokenProvider, body: bytes) -> None:
    """An answer without a token that can travel in a header, or without its life, is trouble of the host."""
    host.answer = web.Response(body=body)
    with pytest.raises(SymblUnavailableError) as raised:
        await provider.get()
    assert "token-9" not in "".join(traceback.format_exception(raised.value))


async def test_timeout(host: Host, session: aiohttp.ClientSession) -> None:
    """A host that does not answer is given up on."""
    host.open.clear()
    with pytest.raises(SymblUnavailableError, match="timed out"):
        await TokenProvider(host.url, "app", lambda: SECRET, session, timeout_seconds=0.05).get()


async def test_nobody_there(session: aiohttp.ClientSession, unused_tcp_port: int) -> None:
    """A refused TCP connection is trouble of the host, and the secret is not in what is raised."""
    provider = TokenProvider(f"http://127.0.0.1:{unused_tcp_port}", "app", lambda: SECRET, session)
    with pytest.raises(SymblUnavailableError) as raised:
        await provider.get()
    assert SECRET not in "".join(traceback.format_exception(raised.value))


async def test_close(host: Host, provider: TokenProvider) -> None:
    """Closing gives up the request in flight; those who wait are told so instead of being cancelled."""
    host.open.clear()
    caller = asyncio.create_task(provider.get())
    await host.asked.wait()
    await provider.close()
    with pytest.raises(SymblUnavailableError, match="closed"):
        await caller


async def test_secrecy(host: Host, provider: TokenProvider, caplog: pytest.LogCaptureFixture) -> None:
    """Neither token nor secret shows in the ``repr`` or in any log line."""
    caplog.set_level(logging.DEBUG)
    token = await provider.get()
    host.answer = web.Response(status=401, body=token.encode())
    provider.invalidate(token)
    with pytest.raises(AuthenticationError):
        await provider.get()
    shown = caplog.text + repr(provider) + repr(vars(provider).values())
    assert repr(provider) == "<TokenProvider 127.0.0.1 token=none requesting=no>"
    assert token not in shown
    assert SECRET not in shown


@pytest.mark.parametrize(
    "url",
    ["", "api.example", "ftp://api.example", "http://", "http://u:p@h", "http://h?a=b", "http://h:x", "http://h#f"],
)
async def test_base_url(session: aiohttp.ClientSession, url: str) -> None:
    """Anything but ``http(s)://host[:port][/prefix]`` is refused at start."""
    with pytest.raises(ConfigurationError):
        TokenProvider(url, "app", lambda: SECRET, session)
