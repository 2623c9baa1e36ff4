"""The listening socket, and what holds for a connection before its first request is understood."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

logger = logging.getLogger(__name__)

FIRST_REQUEST_SECONDS: Final = 10.0
"""How long a new connection may take for its TLS handshake, and again for the head of its first request."""
IDLE_SECONDS: Final = 75.0
"""An idle connection is closed after it, later than the usual proxies close theirs, so that they meet no closed one."""
MAX_SILENT: Final = 1_000
"""Connections without a request yet. The oldest has to go when one more comes: honest ones ask in milliseconds."""


class Listener:
    """Accepts connections for an HTTP server.

    Invariant: ``_silent`` holds the connections whose first request has not come yet, the oldest first.
    """

    def __init__(self) -> None:
        self._silent: dict[web.RequestHandler, asyncio.TimerHandle] = {}
        self._server: asyncio.Server | None = None

    def __repr__(self) -> str:
        return f"<Listener silent={len(self._silent)}>"

    async def start(self, server: web.Server, host: str, port: int, tls: ssl.SSLContext | None) -> tuple[str, int]:
        """Listens.

        Returns:
            The address.

        Raises:
            OSError: The port is taken.
        """
        loop = asyncio.get_running_loop()

        def accept() -> web.RequestHandler:
            connection = server()
            if len(self._silent) >= MAX_SILENT:
                self._drop(next(iter(self._silent)))
            # The handshake has its own limit, in front of this one.
            patience = FIRST_REQUEST_SECONDS if tls is None else 2 * FIRST_REQUEST_SECONDS
            self._silent[connection] = loop.call_later(patience, self._drop, connection)
            return connection

        self._server = await loop.create_server(
            accept,
            host,
            port,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else FIRST_REQUEST_SECONDS,
            backlog=512,
        )
        name = self._server.sockets[0].getsockname()
        return name[0], name[1]

    @property
    def middleware(self) -> Middleware:
        """To be told of every request."""

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            timer = self._silent.pop(request.protocol, None)
            if timer is not None:
                timer.cancel()
            return await handler(request)

        return middleware

    def close(self) -> None:
        """Accepts no more connections. Idempotent."""
        if self._server is not None:
            self._server.close()
        for timer in self._silent.values():
            timer.cancel()
        self._silent.clear()

    def _drop(self, connection: web.RequestHandler) -> None:
        timer = self._silent.pop(connection, None)
        if timer is not None:
            timer.cancel()
        connection.force_close()


class _ConnectionFilter(logging.Filter):
    """aiohttp logs broken requests as errors, with a traceback that quotes them. That is neither an error of ours nor
    anybody's to read.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        record.args, record.exc_info, record.exc_text = (), None, None
        if error is not None:
            record.__dict__["error"] = type(error).__name__
        if error is None or isinstance(error, HttpProcessingError):
            record.msg, record.levelno, record.levelname = "request not understood", logging.DEBUG, "DEBUG"
        else:
            record.msg = "connection failed"
        return connection_logger.isEnabledFor(record.levelno)


connection_logger = logging.getLogger(f"{__name__}.connections")
"""For aiohttp's messages about single connections."""
connection_logger.addFilter(_ConnectionFilter())
