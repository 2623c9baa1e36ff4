"""The engine's HTTP side: tokens, health, metrics, and the upgrade to WebSockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from worker.engine.account_book import AccountBook
from worker.engine.metrics import CONTENT_TYPE, EngineMetrics
from worker.engine.peers import Peer
from worker.engine.requests import PING, PONG
from worker.engine.rooms import Rooms, SpeakerSocket
from worker.engine.settings import EngineSettings

logger = logging.getLogger(__name__)

MAX_CONNECTION_ID_CHARACTERS = 256
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "content-type, authorization, x-api-key",
    "Access-Control-Max-Age": "86400",
}
_UNKNOWN_TOKEN = "Token validation failed for provided token."  # noqa: S105 -- the documented answer
_SPEAKER_PATHS = ("/v1/streaming/{connection_id}", "/v1/realtime/insights/{connection_id}")
_SUBSCRIBER_PATHS = ("/v1/subscribe/{connection_id}", "/session/subscribe/{connection_id}")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    """Routes and socket handlers.

    Invariant: a peer is in ``_peers`` exactly while its handler runs.

    Args:
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        settings: EngineSettings,
        *,
        accounts: AccountBook,
        rooms: Rooms,
        metrics: EngineMetrics,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._rooms = rooms
        self._metrics = metrics
        self._clock = clock
        self._peers: set[Peer] = set()
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self._draining = False

    def __repr__(self) -> str:
        return f"<Api peers={len(self._peers)} draining={self._draining}>"

    def make_app(self) -> web.Application:
        app = web.Application(middlewares=[_errors_as_json])
        app.router.add_post("/oauth2/token:generate", self._generate_token)
        app.router.add_route("OPTIONS", "/oauth2/token:generate", _preflight)
        app.router.add_get("/health/live", _live)
        app.router.add_get("/health/ready", self._ready)
        app.router.add_get("/metrics", self._show_metrics)
        for path in _SPEAKER_PATHS:
            app.router.add_get(path, self._speak, allow_head=False)
        for path in _SUBSCRIBER_PATHS:
            app.router.add_get(path, self._subscribe, allow_head=False)
        return app

    async def drain(self) -> None:
        """Refuses new sockets and closes the open ones with 1001, those that do not answer in time without a word."""
        self._draining = True
        for peer in list(self._peers):
            peer.close(WSCloseCode.GOING_AWAY)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_seconds):
                await self._all_gone.wait()
        for peer in list(self._peers):
            peer.abort()

    def authenticate(self, request: web.Request) -> str | web.Response:
        """The account whose token a request carries, or the refusal to answer with."""
        for token in _tokens(request):
            account = self._accounts.account_of(token, now=self._clock())
            if account is not None:
                return account
        return _message(401, _UNKNOWN_TOKEN)

    # --- HTTP --------------------------------------------------------------------------------------------------------

    async def _generate_token(self, request: web.Request) -> web.Response:
        try:
            body = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            return _message(400, "The body must be JSON.", headers=_CORS)
        if not isinstance(body, dict):
            return _message(400, "The body must be a JSON object.", headers=_CORS)
        app_id, app_secret = body.get("appId"), body.get("appSecret")
        token = None
        if isinstance(app_id, str) and isinstance(app_secret, str):
            token = self._accounts.issue(app_id, app_secret, now=self._clock())
        if token is None:
            return _message(401, "Invalid appId or appSecret.", headers=_CORS)
        return _json(200, {"accessToken": token, "expiresIn": self._accounts.token_lifetime_seconds}, headers=_CORS)

    async def _ready(self, request: web.Request) -> web.Response:
        return _json(503, {"status": "draining"}) if self._draining else _json(200, {"status": "ready"})

    async def _show_metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    # --- WebSockets --------------------------------------------------------------------------------------------------

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        websocket, account = await self._upgrade(request)
        if isinstance(websocket, web.Response):
            return websocket
        with self._peer(request, websocket) as peer:
            room, socket = self._rooms.enter(account, request.match_info["connection_id"], peer)
            sending = asyncio.create_task(peer.run())
            try:
                await self._receive_speaker(websocket, room.receive_text, room.receive_audio, socket)
            finally:
                peer.note_client_close()
                room.receive_loss(socket)
                await _end(sending)
        return websocket

    async def _receive_speaker(
        self,
        websocket: web.WebSocketResponse,
        receive_text: Callable[[SpeakerSocket, str], None],
        receive_audio: Callable[[SpeakerSocket, bytes], Awaitable[None]],
        socket: SpeakerSocket,
    ) -> None:
        while True:
            # A started line has its own, finer limit.
            patience = None if socket.joined else self._settings.silence_timeout_seconds
            try:
                message = await websocket.receive(timeout=patience)
            except TimeoutError:
                socket.peer.close()
                message = await websocket.receive()
            if message.type is WSMsgType.BINARY:
                await receive_audio(socket, message.data)
            elif message.type is WSMsgType.TEXT:
                receive_text(socket, message.data)
            else:
                return

    async def _subscribe(self, request: web.Request) -> web.StreamResponse:
        websocket, account = await self._upgrade(request)
        if isinstance(websocket, web.Response):
            return websocket
        with self._peer(request, websocket) as peer:
            room = self._rooms.subscribe(account, request.match_info["connection_id"], peer)
            sending = asyncio.create_task(peer.run())
            try:
                # Subscribers have nothing to say.
                async for message in websocket:
                    if message.type is WSMsgType.TEXT and message.data == PING:
                        peer.send(PONG.encode())
            finally:
                peer.note_client_close()
                room.unsubscribe(peer)
                await _end(sending)
        return websocket

    async def _upgrade(self, request: web.Request) -> tuple[web.WebSocketResponse | web.Response, str]:
        """The open WebSocket or the refusal, and the account."""
        if self._draining:
            return _message(503, "The server is shutting down."), ""
        offered = [
            name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()
        ]
        valid = {
            token: account
            for token in (*_tokens(request), *offered)
            if (account := self._accounts.account_of(token, now=self._clock())) is not None
        }
        if not valid:
            return _message(401, _UNKNOWN_TOKEN), ""
        account = next(iter(valid.values()))
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return _message(426, "This address speaks WebSocket.", headers={"Upgrade": "websocket"}), ""
        if len(request.match_info["connection_id"]) > MAX_CONNECTION_ID_CHARACTERS:
            return _message(400, f"A connection id has at most {MAX_CONNECTION_ID_CHARACTERS} characters."), ""
        # Clients abort when a subprotocol that they offered is not echoed; the token itself goes first.
        chosen = [name for name in offered if name in valid] or offered
        websocket = web.WebSocketResponse(
            protocols=chosen[:1],
            compress=False,
            heartbeat=self._settings.heartbeat_seconds,
            max_msg_size=self._settings.max_frame_bytes,
            timeout=2.0,
        )
        try:
            await websocket.prepare(request)
        except ConnectionError:
            return _message(400, "The client went during the handshake."), ""
        return websocket, account

    @contextlib.contextmanager
    def _peer(self, request: web.Request, websocket: web.WebSocketResponse) -> Iterator[Peer]:
        peer = Peer(websocket, request.transport, max_backlog_bytes=self._settings.max_backlog_bytes)
        self._peers.add(peer)
        self._all_gone.clear()
        try:
            yield peer
        finally:
            self._peers.discard(peer)
            if not self._peers:
                self._all_gone.set()


def _tokens(request: web.Request) -> list[str]:
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    carried = (
        request.query.get("access_token"),
        request.headers.get("X-API-KEY"),
        bearer.strip() if scheme.lower() == "bearer" else None,
    )
    return [token for token in carried if token]


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _live(request: web.Request) -> web.Response:
    return _json(200, {"status": "live"})


async def _preflight(request: web.Request) -> web.Response:
    return web.Response(status=204, headers=_CORS)


@web.middleware
async def _errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        headers = {name: value for name, value in error.headers.items() if name.lower() == "allow"}
        return _message(error.status, error.reason, headers=headers)


def _message(status: int, text: str, *, headers: dict[str, str] | None = None) -> web.Response:
    return _json(status, {"message": text}, headers=headers)


def _json(status: int, body: dict[str, Any], *, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=headers)
