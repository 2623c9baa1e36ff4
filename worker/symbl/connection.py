"""One WebSocket to a Symbl host. The only module of the client side that knows the websockets library.

Everything here is bounded in time, foreign exceptions end here, and no rule of the Symbl protocol begins here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI
from websockets.frames import CloseCode
from websockets.protocol import State

from worker.errors import ConfigurationError, ConnectionLostError, SymblUnavailableError
from worker.symbl.statuses import error_for_status

MAX_MESSAGE_BYTES: Final = 8 * 2**20
"""Largest message of the peer; a longer one ends the connection."""

_SCHEMES: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_WHAT: Final = "handshake"


def _wire_logger() -> logging.Logger:
    """A logger for the library that cannot be set to DEBUG, where the library writes tokens, audio and transcripts.

    It hangs below this module's logger but is registered nowhere, so no logging configuration can reach it.
    """
    logger = logging.Logger(f"{__name__}.websockets", logging.INFO)  # noqa: LOG001  - unregistered on purpose
    logger.parent = logging.getLogger(__name__)
    return logger


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where to dial.

    Args:
        base_url: ``ws(s)://host[:port][/prefix]``; ``http(s)`` is read as ``ws(s)``.
        path_prefix: path before the connection id.
        proxy: URL of a proxy. None dials directly, whatever the environment says.
        tls: TLS settings for ``wss``; None takes the system's. Without meaning for ``ws``.

    Raises:
        ConfigurationError: ``base_url`` is not of that form.
    """

    base_url: str
    path_prefix: str = "/v1/streaming"
    proxy: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        problem = ConfigurationError("the streaming base URL must be ws(s)://host[:port][/prefix]")
        try:
            parts = urlsplit(self.base_url)
            complete = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
        except ValueError:
            raise problem from None
        if not complete or parts.username is not None or parts.query or parts.fragment:
            raise problem

    def uri(self, connection_id: str) -> str:
        """URL of one connection id; without credentials, so it may be logged."""
        parts = urlsplit(self.base_url)
        prefix = "/".join(part.strip("/") for part in (parts.path, self.path_prefix) if part.strip("/"))
        path = f"/{prefix}/" if prefix else "/"
        return f"{_SCHEMES[parts.scheme]}://{parts.netloc}{path}{quote(connection_id, safe='')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits in seconds. A peer that is silently gone fails ``ping``, or a ``send`` that it does not take."""

    open_seconds: float = 10.0
    send_seconds: float = 10.0
    close_seconds: float = 2.0
    ping_timeout_seconds: float = 5.0


class _Connect(connect):
    """``connect`` that follows no redirects: the token's header would go along to any host."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class SymblConnection:
    """An open WebSocket.

    One task reads by iterating, all the time: pongs and close frames are only seen while somebody reads. Any task may
    ``send``, ``ping``, ``close`` and ``abort``. Whatever ends the connection ends the iteration; then ``close_code``
    says how.
    """

    def __init__(self, websocket: ClientConnection, uri: str, timeouts: Timeouts) -> None:
        self._websocket = websocket
        self._uri = uri
        self._timeouts = timeouts

    def __repr__(self) -> str:
        return f"<SymblConnection {self._uri} {self._websocket.state.name} close_code={self.close_code}>"

    @classmethod
    async def open(
        cls, endpoint: Endpoint, connection_id: str, token: str, *, timeouts: Timeouts | None = None
    ) -> SymblConnection:
        """Dial, and shake hands. Cancelling is safe: nothing stays open.

        Args:
            endpoint: where to dial.
            connection_id: names the conversation; any non-empty text.
            token: goes into a header, never into the URL.
            timeouts: limits; None takes the defaults.

        Raises:
            AuthenticationError: 401 or 403.
            RequestRefusedError: 400, 404, a redirect, any other status that would come again.
            SymblUnavailableError: network, timeout, 429, 5xx, or an answer that is no WebSocket's.
            ConfigurationError: the token cannot travel in a header, or the proxy's URL is wrong.
        """
        if not (token.isascii() and token.isprintable()):
            raise ConfigurationError("the token has characters that cannot travel in a header")
        if not connection_id:
            raise AssertionError("empty connection id")
        limits = timeouts if timeouts is not None else Timeouts()
        uri = endpoint.uri(connection_id)
        with _translated_opening():
            websocket = await _Connect(
                uri,
                additional_headers={"X-API-KEY": token},
                compression=None,
                proxy=endpoint.proxy,
                ssl=_tls(endpoint, uri),
                open_timeout=limits.open_seconds,
                ping_interval=None,
                close_timeout=limits.close_seconds,
                max_size=MAX_MESSAGE_BYTES,
                logger=_wire_logger(),
            )
        return cls(websocket, uri, limits)

    @property
    def close_code(self) -> int | None:
        """How the connection ended: the peer's close code.

        Where the peer sent none, our own if it names a fault (1009 message too big, 1011 no pong). None while the
        connection is open, and when it ended without a close frame.
        """
        if self._websocket.state is not State.CLOSED:
            return None
        return _close_code(self._websocket.protocol.close_exc)

    async def send(self, frame: bytes | str) -> None:
        """Send one frame: ``str`` as text, ``bytes`` as binary. Several tasks may send.

        Returning means handed to the transport, not delivered. A frame whose ``send`` was cancelled may or may not
        have left, but never in part.

        Raises:
            ConnectionLostError: the connection is closed, or took nothing for ``send_seconds`` and was aborted.
        """
        try:
            async with asyncio.timeout(self._timeouts.send_seconds):
                await self._websocket.send(frame)
        except ConnectionClosed as error:
            raise ConnectionLostError("connection closed while sending", _close_code(error)) from error
        except TimeoutError as error:
            self.abort()
            raise ConnectionLostError("the peer stopped reading: send timed out") from error

    async def ping(self) -> None:
        """Send a ping, and return when its pong came. Cancelling is safe.

        TCP keeps order: the peer then had every frame whose ``send`` had returned before, and the reading task has
        been given every message that the peer sent before the pong.

        Raises:
            ConnectionLostError: the connection is closed, or no pong came within ``ping_timeout_seconds``; then it was
                aborted, and ``close_code`` is 1011.
        """
        now = asyncio.get_running_loop().time
        deadline = now() + self._timeouts.ping_timeout_seconds
        try:
            with contextlib.suppress(TimeoutError):
                # With a full write buffer the ping itself waits.
                async with asyncio.timeout_at(deadline):
                    pong = asyncio.ensure_future(await self._websocket.ping())
                # Does not cancel: after a standstill of this process the pong is there as well as the timeout.
                await asyncio.wait([pong], timeout=max(0.0, deadline - now()))
                if pong.done():
                    await pong
                    return
        except ConnectionClosed as error:
            raise ConnectionLostError("connection closed while waiting for a pong", _close_code(error)) from error
        if self._websocket.state is State.OPEN:
            self._websocket.protocol.fail(CloseCode.INTERNAL_ERROR, "no pong")
        self.abort()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timeouts.close_seconds):
                await self._websocket.wait_closed()
        raise ConnectionLostError("no pong came in time", self.close_code)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """The next message, as bytes. Ends after the last one, however the connection ended. Cancelling is safe."""
        try:
            return await self._websocket.recv(decode=False)
        except ConnectionClosed:
            raise StopAsyncIteration from None

    async def close(self) -> None:
        """Close with 1000, and abort if the peer does not answer within ``close_seconds``. Never fails; idempotent.

        When cancelled it aborts at once.
        """
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timeouts.close_seconds):
                    await self._websocket.close()
        finally:
            self.abort()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timeouts.close_seconds):
                await self._websocket.wait_closed()

    def abort(self) -> None:
        """Drop the connection now, without a close frame. The peer keeps the conversation open. Idempotent."""
        self._websocket.transport.abort()


def _tls(endpoint: Endpoint, uri: str) -> ssl.SSLContext | bool | None:
    if not uri.startswith("wss:"):
        return None
    return endpoint.tls if endpoint.tls is not None else True


@contextlib.contextmanager
def _translated_opening() -> Generator[None]:
    try:
        yield
    except InvalidStatus as error:
        raise error_for_status(error.response.status_code, _WHAT) from error
    except (InvalidURI, InvalidProxy) as error:
        raise ConfigurationError("the streaming URL or its proxy is not valid") from error
    except TimeoutError as error:
        raise SymblUnavailableError(f"{_WHAT}: timed out") from error
    except (InvalidHandshake, ConnectionClosed, OSError) as error:
        raise SymblUnavailableError(f"{_WHAT}: {type(error).__name__}") from error


def _close_code(error: ConnectionClosed) -> int | None:
    if error.rcvd is not None:
        return error.rcvd.code
    if error.sent is not None and error.sent.code != CloseCode.NORMAL_CLOSURE:
        return error.sent.code
    return None
