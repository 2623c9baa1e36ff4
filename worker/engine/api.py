"""The engine's HTTP side: tokens, health, metrics, and the upgrade to WebSockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import orjson
from aiohttp import WebSocketError, WSCloseCode, WSMessage, WSMsgType, web
from aiohttp.typedefs import Middleware

from worker.engine.account_book import AccountBook
from worker.engine.admission import Admission, Pace, Refusal, RefusalDelays
from worker.engine.http import (
    add_headers,
    answer_errors,
    failure,
    is_upgrade,
    json_response,
    message,
    slow_down_refused,
)
from worker.engine.messages import Frame
from worker.engine.metrics import CONTENT_TYPE, EngineMetrics
from worker.engine.peers import Peer, TextFrame
from worker.engine.requests import PING, PONG
from worker.engine.rooms import Rooms
from worker.engine.settings import EngineSettings

logger = logging.getLogger(__name__)

MAX_CONNECTION_ID_CHARACTERS = 256
MAX_CREDENTIALS_BYTES = 16_384
_UNKNOWN_TOKEN = "Token validation failed for provided token."  # noqa: S105 -- the documented answer
_SPEAKER_PATHS = ("/v1/streaming/{connection_id}", "/v1/realtime/insights/{connection_id}")
_SUBSCRIBER_PATHS = ("/v1/subscribe/{connection_id}", "/session/subscribe/{connection_id}")
# A socket that always has a message ready must not keep the event loop for itself.
_MESSAGES_PER_TURN = 32
_DRAIN_CLOSE_SECONDS = 1.0

_Serve = Callable[[str, str, "_Inbox", Peer], Awaitable[None]]


class Api:
    """Routes and socket handlers. Owns the admission of everything that costs something.

    Invariant: a peer is in ``_peers`` exactly while its handler runs.

    Args:
        overloaded: One more speaker would make the others fall behind.
        clock: Seconds since the epoch; never goes back.
    """

    def __init__(
        self,
        settings: EngineSettings,
        *,
        accounts: AccountBook,
        rooms: Rooms,
        metrics: EngineMetrics,
        overloaded: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._rooms = rooms
        self._metrics = metrics
        self._clock = clock
        self.admission = Admission(
            max_connections=settings.max_connections,
            max_streams=settings.max_streams,
            max_account_streams=self._max_account_streams,
            overloaded=overloaded,
        )
        self._peers: set[Peer] = set()
        self._all_gone = asyncio.Event()
        self._all_gone.set()

    def __repr__(self) -> str:
        return f"<Api peers={len(self._peers)} {self.admission!r}>"

    def make_app(self, *outer: Middleware) -> web.Application:
        """The application.

        Args:
            outer: Around everything else.
        """
        app = web.Application(
            middlewares=[*outer, slow_down_refused(RefusalDelays()), answer_errors],
            client_max_size=self._settings.max_body_bytes,
        )
        app.on_response_prepare.append(add_headers)
        app.router.add_post("/oauth2/token:generate", self._generate_token)
        app.router.add_get("/health/live", _live)
        app.router.add_get("/health/ready", self._ready)
        app.router.add_get("/metrics", self._show_metrics)
        for path in _SPEAKER_PATHS:
            app.router.add_get(path, self._speak, allow_head=False)
        for path in _SUBSCRIBER_PATHS:
            app.router.add_get(path, self._subscribe, allow_head=False)
        return app

    async def drain(self) -> None:
        """Refuses new sockets, lets what was said so far be recognised and told, and closes the open sockets with 1001;
        those that do not answer in time without a word.
        """
        self.admission.draining = True
        total = self._settings.drain_seconds
        deadline = asyncio.get_running_loop().time() + total
        await self._rooms.flush(total - min(_DRAIN_CLOSE_SECONDS, total / 2))
        for peer in list(self._peers):
            peer.close(WSCloseCode.GOING_AWAY)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._all_gone.wait()
        for peer in list(self._peers):
            peer.abort()

    def authenticate(self, request: web.Request) -> str | web.Response:
        """The account whose token a request carries, or the refusal to answer with."""
        for token in _tokens(request):
            account = self._accounts.account_of(token, now=self._clock())
            if account is not None:
                return account
        return message(401, _UNKNOWN_TOKEN)

    # --- HTTP --------------------------------------------------------------------------------------------------------

    async def _generate_token(self, request: web.Request) -> web.Response:
        try:
            body = orjson.loads(await request.clone(client_max_size=MAX_CREDENTIALS_BYTES).read())
        except orjson.JSONDecodeError:
            return message(400, "The body must be JSON.")
        if not isinstance(body, dict):
            return message(400, "The body must be a JSON object.")
        app_id, app_secret = body.get("appId"), body.get("appSecret")
        token = None
        if isinstance(app_id, str) and isinstance(app_secret, str):
            token = self._accounts.issue(app_id, app_secret, now=self._clock())
        self._metrics.note_token(issued=token is not None)
        if token is None:
            return message(401, "Invalid appId or appSecret.")
        return json_response(200, {"accessToken": token, "expiresIn": self._accounts.token_lifetime_seconds})

    async def _ready(self, request: web.Request) -> web.Response:
        if self.admission.draining:
            return json_response(503, {"status": "draining"})
        return json_response(200, {"status": "ready"})

    async def _show_metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    # --- WebSockets --------------------------------------------------------------------------------------------------

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        return await self._open(request, self._serve_speaker, speaker=True)

    async def _subscribe(self, request: web.Request) -> web.StreamResponse:
        return await self._open(request, self._serve_subscriber, speaker=False)

    async def take_texts(
        self, request: web.Request, take: Callable[[str, str, str], Frame | None]
    ) -> web.StreamResponse:
        """A socket on which a client only ever tells something.

        Args:
            take: Gets the account, the connection id and a text; returns what to answer.
        """

        async def serve(account: str, connection_id: str, inbox: _Inbox, peer: Peer) -> None:
            while (received := await inbox.receive(None)) is not None:
                if received.type is not WSMsgType.TEXT:
                    continue
                if received.data == PING:
                    peer.send(TextFrame(PONG.encode()))
                elif (answer := take(account, connection_id, received.data)) is not None:
                    peer.send(TextFrame(orjson.dumps(answer)))

        return await self._open(request, serve, speaker=False)

    async def _serve_speaker(self, account: str, connection_id: str, inbox: _Inbox, peer: Peer) -> None:
        room, socket = self._rooms.enter(account, connection_id, peer)
        try:
            while True:
                # A started line has its own, finer limit.
                patience = None if socket.joined else self._settings.silence_timeout_seconds
                try:
                    received = await inbox.receive(patience)
                except TimeoutError:
                    peer.close()
                    received = await inbox.receive(None)
                if received is None:
                    return
                if received.type is WSMsgType.BINARY:
                    await room.receive_audio(socket, received.data)
                else:
                    room.receive_text(socket, received.data)
        finally:
            room.receive_loss(socket)

    async def _serve_subscriber(self, account: str, connection_id: str, inbox: _Inbox, peer: Peer) -> None:
        room = self._rooms.subscribe(account, connection_id, peer)
        try:
            # Subscribers have nothing to say.
            while (received := await inbox.receive(None)) is not None:
                if received.type is WSMsgType.TEXT and received.data == PING:
                    peer.send(TextFrame(PONG.encode()))
        finally:
            room.unsubscribe(peer)

    async def _open(self, request: web.Request, serve: _Serve, *, speaker: bool) -> web.StreamResponse:
        """Lets a socket in and serves it to its end, or refuses it."""
        admitted = self._admit(request, speaker=speaker)
        if isinstance(admitted, web.Response):
            return admitted
        account, subprotocols = admitted
        try:
            websocket = web.WebSocketResponse(
                protocols=subprotocols,
                compress=False,
                # Answered by us, because pings, too, can come too often.
                autoping=False,
                heartbeat=self._settings.heartbeat_seconds,
                max_msg_size=self._settings.max_frame_bytes,
                timeout=2.0,
            )
            try:
                await websocket.prepare(request)
            except web.HTTPBadRequest:
                return self._refuse("request", message(400, "This is no WebSocket handshake of version 13."))
            except ConnectionError:
                return self._refuse("request", message(400, "The client went during the handshake."))
            await self._serve(request, websocket, account, serve)
        finally:
            self.admission.leave(account, speaker=speaker)
        return websocket

    async def _serve(self, request: web.Request, websocket: web.WebSocketResponse, account: str, serve: _Serve) -> None:
        inbox = _Inbox(websocket, max_texts_per_second=self._settings.max_requests_per_second, clock=self._clock)
        async with self._peer(request, websocket) as peer:
            try:
                await serve(account, request.match_info["connection_id"], inbox, peer)
            except ConnectionError:
                # The ordinary end of clients that just go.
                pass
            except Exception as error:
                logger.error("socket failed", extra=failure(error))
                await websocket.close(code=WSCloseCode.INTERNAL_ERROR)
        closed_for = "backlog" if peer.too_slow else inbox.offence
        if closed_for is not None:
            self._metrics.note_offence(closed_for)

    def _admit(self, request: web.Request, *, speaker: bool) -> tuple[str, list[str]] | web.Response:
        """The account, whose socket counts from now on, and the subprotocol to answer with; or the refusal."""
        # Before anything that costs more than this.
        if self.admission.draining:
            return self._refuse(Refusal.DRAINING.value, message(503, Refusal.DRAINING.message))
        offered = [
            name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()
        ]
        valid = {
            token: account
            for token in (*_tokens(request), *offered)
            if (account := self._accounts.account_of(token, now=self._clock())) is not None
        }
        if not valid:
            return self._refuse("token", message(401, _UNKNOWN_TOKEN))
        if not is_upgrade(request):
            return self._refuse("request", message(426, "This address speaks WebSocket.", headers=_UPGRADE))
        connection_id = request.match_info["connection_id"]
        if len(connection_id) > MAX_CONNECTION_ID_CHARACTERS or not connection_id.isprintable():
            text = (
                f"A connection id has 1 to {MAX_CONNECTION_ID_CHARACTERS} characters, none of them a control character."
            )
            return self._refuse("request", message(400, text))
        account = next(iter(valid.values()))
        refusal = self.admission.enter(account, speaker=speaker)
        if refusal is not None:
            return self._refuse(refusal.value, message(refusal.status, refusal.message))
        # Clients abort when a subprotocol that they offered is not echoed; the token itself goes first.
        chosen = [name for name in offered if name in valid] or offered
        return account, chosen[:1]

    def _refuse(self, reason: str, response: web.Response) -> web.Response:
        self._metrics.note_refusal(reason)
        return response

    def _max_account_streams(self, account: str) -> int | None:
        own = self._accounts.max_streams(account)
        return self._settings.max_account_streams if own is None else own

    @contextlib.asynccontextmanager
    async def _peer(self, request: web.Request, websocket: web.WebSocketResponse) -> AsyncIterator[Peer]:
        limit = self._settings.max_backlog_bytes
        peer = Peer(websocket, request.transport, request.writer, max_backlog_bytes=limit)
        self._peers.add(peer)
        self._all_gone.clear()
        try:
            yield peer
        finally:
            self._peers.discard(peer)
            await peer.end()
            if not self._peers:
                self._all_gone.set()


class _Inbox:
    """What a client sends, as far as it keeps to the limits. ``offence`` says which one it did not."""

    def __init__(
        self, websocket: web.WebSocketResponse, *, max_texts_per_second: float, clock: Callable[[], float]
    ) -> None:
        self._websocket = websocket
        self._pace = Pace(per_second=max_texts_per_second, burst=max(2 * max_texts_per_second, 20.0))
        self._clock = clock
        self._since_turn = 0
        self.offence: str | None = None

    async def receive(self, patience_seconds: float | None) -> WSMessage | None:
        """The next text or binary message, None at the end.

        Raises:
            TimeoutError: Nothing came in time.
            ConnectionError: The client is gone.
        """
        while True:
            self._since_turn += 1
            if self._since_turn >= _MESSAGES_PER_TURN:
                self._since_turn = 0
                await asyncio.sleep(0)
            received = await self._websocket.receive(timeout=patience_seconds)
            match received.type:
                case WSMsgType.BINARY:
                    return received
                case WSMsgType.TEXT | WSMsgType.PING if self._pace.take(self._clock()):
                    self.offence = "requests"
                    await self._websocket.close(code=WSCloseCode.POLICY_VIOLATION)
                    return None
                case WSMsgType.TEXT:
                    return received
                case WSMsgType.PING:
                    await self._websocket.pong(received.data)
                case WSMsgType.PONG:
                    pass
                case _:
                    if isinstance(received.data, WebSocketError):
                        too_big = received.data.code == WSCloseCode.MESSAGE_TOO_BIG
                        self.offence = "frame_bytes" if too_big else "protocol"
                    return None


_UPGRADE = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}


def _tokens(request: web.Request) -> list[str]:
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    carried = (
        request.query.get("access_token"),
        request.headers.get("X-API-KEY"),
        bearer.strip() if scheme.lower() == "bearer" else None,
    )
    return [token for token in carried if token]


async def _live(request: web.Request) -> web.Response:
    return json_response(200, {"status": "live"})
