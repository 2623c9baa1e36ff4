"""What all calls share: who asks, what the body says, and how refusals look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from worker.engine.http import message
from worker.engine.rest.problems import NOT_JSON, STORE_AWAY, TOO_LARGE, Problem
from worker.engine.store.model import StoreUnavailableError

Authenticate: TypeAlias = Callable[[web.Request], str | web.Response]
"""The account whose token a request carries, or the refusal to answer with."""
Call: TypeAlias = Callable[[web.Request, str], Awaitable[web.Response | Problem]]
"""A request and the account that makes it."""


def guarded(call: Call, authenticate: Authenticate) -> Handler:
    """A handler that lets nobody in without a token, and answers problems."""

    async def handle(request: web.Request) -> web.StreamResponse:
        account = authenticate(request)
        if isinstance(account, web.Response):
            return account
        try:
            answer = await call(request, account)
        except StoreUnavailableError:
            answer = STORE_AWAY
        return message(answer.status, answer.message) if isinstance(answer, Problem) else answer

    return handle


async def read_json(request: web.Request, *, max_bytes: int) -> Any | Problem:
    """The body of a request."""
    try:
        data = await request.read()
    except web.HTTPRequestEntityTooLarge:
        return TOO_LARGE
    if len(data) > max_bytes:
        return TOO_LARGE
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return NOT_JSON
