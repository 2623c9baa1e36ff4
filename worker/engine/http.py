"""What holds for every HTTP request: answers in JSON, CORS, bounded time, and patience with nobody who is refused."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from worker.engine.admission import RefusalDelays

logger = logging.getLogger(__name__)

REQUEST_SECONDS: Final = 60.0
"""A request whose body has not come, or whose answer is not there, after so long is given up."""
_PUBLIC: Final = ("/v1/", "/oauth2/", "/session/")
"""Where browsers of other origins may call."""
_CORS: Final = {
    "Access-Control-Allow-Headers": "content-type, authorization, x-api-key",
    "Access-Control-Max-Age": "86400",
}
_SLOWED: Final = (401, 403, 429)


def json_response(status: int, body: Any, *, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=headers)


def message(status: int, text: str, *, headers: dict[str, str] | None = None) -> web.Response:
    """An answer that is only a text for the client, in the form of the hosted service."""
    return json_response(status, {"message": text}, headers=headers)


def is_upgrade(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").strip().lower() == "websocket"


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong is answered in JSON; preflights are answered for every path that there is."""
    try:
        if is_upgrade(request):
            return await handler(request)
        async with asyncio.timeout(REQUEST_SECONDS):
            return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        methods = ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))
        if request.method == "OPTIONS" and request.path.startswith(_PUBLIC):
            return web.Response(status=204, headers=_CORS | {"Access-Control-Allow-Methods": methods})
        return message(405, error.reason, headers={"Allow": methods})
    except web.HTTPException as error:
        return message(error.status, error.reason)
    except TimeoutError:
        late = not request.content.is_eof()
        answer = message(408, "The body did not come in time.") if late else message(503, "The server is busy.")
        answer.force_close()
        return answer
    except ConnectionError:
        raise
    except Exception as error:
        logger.error("request failed", extra=failure(error))
        return message(500, "Internal Server Error")


def slow_down_refused(delays: RefusalDelays) -> Middleware:
    """Makes those wait who are refused again and again."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        refused = response.status in _SLOWED or (response.status >= 400 and is_upgrade(request))
        if not refused or response.prepared:
            return response
        # A refused WebSocket client does not use the connection again.
        response.force_close()
        delay = delays.begin(request.remote or "", time.monotonic())
        if delay:
            try:
                await asyncio.sleep(delay)
            finally:
                delays.end()
        return response

    return middleware


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Browsers may read the answers of the API, not health and metrics; nobody is told which versions answer."""
    response.headers["Server"] = "symbl-engine"
    if request.path.startswith(_PUBLIC) and response.status != 101:
        response.headers["Access-Control-Allow-Origin"] = "*"


def failure(error: Exception) -> dict[str, str]:
    """Fields for the log of an unexpected error: its kind and its place. Its text may quote what was sent."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return {"error": type(error).__name__, "where": f"{Path(last.filename).name}:{last.lineno}"}
