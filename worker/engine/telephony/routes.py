"""The Telephony API over HTTP: dial, hang up, and say who is speaking."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import orjson
from aiohttp import web

from worker.engine import messages
from worker.engine.api import Api
from worker.engine.http import json_response, message
from worker.engine.telephony.calls import Connection, RefusedError, Telephony
from worker.engine.telephony.requests import Dial, SpeakerEvent, TelephonyRequestError, read_event, read_request

_SWITCHED_OFF = "This server has no telephony."
_NOT_THERE = "There is no call with this connection id."


class TelephonyRoutes:
    """Routes of the Telephony API.

    Args:
        telephony: None answers everything with 501.
        api: Knows the accounts and opens sockets.
        public_url: How clients reach the engine; None takes the request's own host.
    """

    def __init__(self, telephony: Telephony | None, api: Api, *, public_url: str | None) -> None:
        self._telephony = telephony
        self._api = api
        self._public_url = public_url

    def add_to(self, app: web.Application) -> None:
        app.router.add_post("/v1/endpoint:connect", self._connect)
        app.router.add_post("/v1/event/{connection_id}", self._event)
        app.router.add_get("/events/{connection_id}", self._events, allow_head=False)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        account = self._api.authenticate(request)
        if isinstance(account, web.Response):
            return account
        if self._telephony is None:
            return message(501, _SWITCHED_OFF)
        try:
            asked = read_request(orjson.loads(await request.read()), now=datetime.now(UTC))
            if isinstance(asked, Dial):
                connection = await self._telephony.dial(account, asked)
                return json_response(201, self._addresses(request, connection))
        except orjson.JSONDecodeError:
            return message(400, "The body must be JSON.")
        except TelephonyRequestError as error:
            return message(400, str(error))
        except RefusedError as error:
            return message(error.refusal.status, error.refusal.message)
        ended = self._telephony.hang_up(account, asked.connection_id)
        if ended is None:
            return message(404, _NOT_THERE)
        connection = ended.connection
        url = f"{self._base(request)}/v1/conversations/{connection.conversation_id}/summary"
        body = {
            "connectionId": connection.connection_id,
            "conversationId": connection.conversation_id,
            "summaryInfo": [{"user": speaker, "url": url} for speaker in ended.speakers],
        }
        return json_response(200, body)

    async def _event(self, request: web.Request) -> web.StreamResponse:
        account = self._api.authenticate(request)
        if isinstance(account, web.Response):
            return account
        problem = self._note(account, request.match_info["connection_id"], await request.read())
        if problem is None:
            return json_response(200, {"message": "The event was received."})
        return message(404 if problem == _NOT_THERE else 400, problem)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        return await self._api.take_texts(request, self._take_event)

    def _take_event(self, account: str, connection_id: str, text: str) -> messages.Frame | None:
        problem = self._note(account, connection_id, text)
        return None if problem is None else messages.input_error("Invalid speaker event.", problem)

    def _note(self, account: str, connection_id: str, body: str | bytes) -> str | None:
        """Why an event was not taken; None when it was."""
        try:
            event: SpeakerEvent = read_event(orjson.loads(body))
        except orjson.JSONDecodeError:
            return "A speaker event must be JSON."
        except TelephonyRequestError as error:
            return str(error)
        if self._telephony is None:
            return _NOT_THERE
        return None if self._telephony.note_event(account, connection_id, event, time.time()) else _NOT_THERE

    def _addresses(self, request: web.Request, connection: Connection) -> dict[str, str]:
        base = self._base(request)
        return {
            "eventUrl": f"{base}/v1/event/{connection.connection_id}",
            "resultWebSocketUrl": f"{base.replace('http', 'ws', 1)}/events/{connection.connection_id}",
            "connectionId": connection.connection_id,
            "conversationId": connection.conversation_id,
        }

    def _base(self, request: web.Request) -> str:
        return (self._public_url or f"{request.scheme}://{request.host}").rstrip("/")
