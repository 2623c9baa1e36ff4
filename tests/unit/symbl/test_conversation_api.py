"""Reading findings, against a real HTTP server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from worker.errors import AuthenticationError
from worker.symbl import conversation_api
from worker.symbl.conversation_api import ConversationApi
from worker.symbl.messages import Insights, Topics
from worker.symbl.retry import DialPolicy

INSIGHTS = {"insights": [{"id": "i", "type": "question", "text": "why?", "score": 0.5, "messageIds": ["m"]}]}
QUICK = DialPolicy(initial_seconds=0.001, cap_seconds=0.002, max_attempts=3)


class Host:
    """Answers as it is told to, one request after the other."""

    def __init__(self) -> None:
        self.url = ""
        self.paths: list[str] = []
        self.tokens: list[str] = []
        self.answers: list[Callable[[], Awaitable[web.StreamResponse]]] = []
        self.forgotten: list[str] = []
        self.over = asyncio.Event()

    def will(self, *answers: int | bytes | dict[str, Any]) -> None:
        for answer in answers:
            self.answers.append(lambda answer=answer: self._answer(answer))  # type: ignore[misc]

    @staticmethod
    async def _answer(answer: int | bytes | dict[str, Any]) -> web.StreamResponse:
        if isinstance(answer, int):
            return web.Response(status=answer, headers={"Location": "/elsewhere"} if answer == 302 else None)
        return web.Response(body=answer) if isinstance(answer, bytes) else web.json_response(answer)

    async def hear(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.raw_path)
        self.tokens.append(request.headers["Authorization"])
        return await self.answers.pop(0)()

    async def token(self) -> str:
        return f"token-{len(self.forgotten) + 1}"


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    host = Host()
    app = web.Application()
    app.router.add_get("/{path:.*}", host.hear)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host.url = f"http://127.0.0.1:{runner.addresses[0][1]}/prefix/"
    yield host
    host.over.set()
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def api(host: Host, session: aiohttp.ClientSession) -> ConversationApi:
    return ConversationApi(host.url, host.token, host.forgotten.append, session, policy=QUICK)


async def test_each_path_is_read_once_for_each_conversation(host: Host, api: ConversationApi) -> None:
    """Kinds that share a path share the request; ids that a host made up stay one part of the path."""
    host.will(INSIGHTS, {"topics": []}, INSIGHTS, {"topics": []})
    found = await api.fetch(["1", "../2"], {"question", "follow_up", "topic"})
    assert found.failed is None
    assert [type(each) for each in found.events] == [Insights, Topics] * 2
    assert host.paths == [
        f"/prefix/v1/conversations/{name}/{path}" for name in ("1", "..%2F2") for path in ("insights", "topics")
    ]
    assert set(host.tokens) == {"Bearer token-1"}


async def test_what_a_host_does_not_know_is_said_and_the_rest_is_read(host: Host, api: ConversationApi) -> None:
    """A host that has begun anew may know one conversation and not the other."""
    host.will(404, INSIGHTS)
    found = await api.fetch(["1", "2"], {"question"})
    assert (len(found.events), found.failed) == (1, "unknown_conversation")
    assert (await api.fetch([], {"question"})).failed == "unknown_conversation"


async def test_a_host_that_stumbles_is_asked_again(host: Host, api: ConversationApi) -> None:
    """Overload and faults of the host pass; a token that expired is renewed once."""
    host.will(503, 429, INSIGHTS)
    assert (await api.fetch(["1"], {"question"})).failed is None
    host.will(401, INSIGHTS)
    assert (await api.fetch(["1"], {"question"})).failed is None
    assert host.tokens[-1] == "Bearer token-2"


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([500] * 3, "unavailable"),
        ([401, 401], "credentials"),
        ([400], "refused"),
        ([302] * 3, "unavailable"),
        ([b"{"], "unusable_answer"),
        ([{"insights": 3}], "unusable_answer"),
    ],
)
async def test_a_host_that_does_not_answer_is_not_waited_for(
    host: Host, api: ConversationApi, answers: list[Any], reason: str
) -> None:
    """Every failure ends in a reason, after as many attempts as it is worth."""
    host.will(*answers)
    found = await api.fetch(["1"], {"question"})
    assert (found.events, found.failed) == ((), reason)
    assert not host.answers


async def test_size_is_bounded(host: Host, api: ConversationApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more is read than memory was set aside for."""
    monkeypatch.setattr(conversation_api, "MAX_ANSWER_BYTES", 1000)
    host.will(b'{"insights": [' + b" " * 2000 + b"]}")
    assert (await api.fetch(["1"], {"question"})).failed == "unusable_answer"


async def test_time_is_bounded(host: Host, session: aiohttp.ClientSession) -> None:
    """A host that hangs holds an end up for as long as is allowed, and what was read before stays."""

    async def hang() -> web.StreamResponse:
        await host.over.wait()
        return web.Response()

    host.will(INSIGHTS)
    host.answers.append(hang)
    api = ConversationApi(host.url, host.token, host.forgotten.append, session, timeout_seconds=0.3)
    began = time.monotonic()
    found = await api.fetch(["1"], {"question", "topic"})
    assert (len(found.events), found.failed) == (1, "timeout")
    assert time.monotonic() - began < 5


async def test_a_lost_connection_is_a_reason(session: aiohttp.ClientSession) -> None:
    """So are credentials that give no token, and a bug."""

    async def token() -> str:
        return "t"

    async def none() -> str:
        raise AuthenticationError("no")

    async def bug() -> str:
        raise ZeroDivisionError

    nowhere = "http://127.0.0.1:9"
    for get, reason in ((token, "unavailable"), (none, "credentials"), (bug, "internal_error")):
        api = ConversationApi(nowhere, get, lambda _: None, session, policy=QUICK)
        assert (await api.fetch(["1"], {"topic"})).failed == reason
