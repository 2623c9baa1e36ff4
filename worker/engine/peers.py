"""The sending half of one WebSocket."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from aiohttp import WSMsgType, web

logger = logging.getLogger(__name__)

# A peer that takes no more bytes is given so long to let a close frame through.
_CLOSE_SECONDS = 10.0


class Peer:
    """Sends frames in order without ever making the caller wait.

    Invariant: what waits is at most ``max_backlog_bytes``; a peer that reads more slowly is cut off, so that it costs
    the others nothing.

    Args:
        websocket: Prepared.
        transport: Of the same connection; None when the client went during the handshake.
    """

    def __init__(
        self, websocket: web.WebSocketResponse, transport: asyncio.Transport | None, *, max_backlog_bytes: int
    ) -> None:
        self._websocket = websocket
        self._transport = transport
        self._max_backlog_bytes = max_backlog_bytes
        self._queue: deque[bytes] = deque()
        self._backlog_bytes = 0
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._closing: tuple[int, float] | None = None
        self._client_closed = asyncio.Event()
        self._deadline: asyncio.TimerHandle | None = None
        self._over = False

    def __repr__(self) -> str:
        return f"<Peer backlog={self._backlog_bytes} closing={self._closing is not None}>"

    def send(self, data: bytes) -> None:
        """Queues a text frame; nothing is sent after `close`."""
        if self._over or self._closing is not None:
            return
        self._queue.append(data)
        self._backlog_bytes += len(data)
        if self._backlog_bytes > self._max_backlog_bytes // 2:
            self._drained.clear()
        if self._backlog_bytes > self._max_backlog_bytes:
            logger.warning("slow reader cut off", extra={"backlog_bytes": self._backlog_bytes})
            self.abort()
        self._wake.set()

    async def drained(self) -> None:
        """Waits while more than half of the backlog is used, so that nobody is cut off by what it caused itself."""
        await self._drained.wait()

    def close(self, code: int = 1000, *, grace_seconds: float = 0.0) -> None:
        """Closes after what was queued, leaving the client ``grace_seconds`` to do it itself. Idempotent."""
        if self._over or self._closing is not None:
            return
        self._closing = (code, grace_seconds)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(grace_seconds + _CLOSE_SECONDS, self.abort)
        self._wake.set()

    def abort(self) -> None:
        """Drops the connection without a close frame, and what was queued. Idempotent."""
        self._over = True
        self._queue.clear()
        self._backlog_bytes = 0
        if self._transport is not None:
            self._transport.abort()
        self._drained.set()
        self._wake.set()

    def note_client_close(self) -> None:
        """The receiving half has ended; nothing can be sent any more."""
        self._over = True
        self._client_closed.set()
        self._drained.set()
        self._wake.set()

    async def run(self) -> None:
        """Sends until the connection is over. Belongs to one task; cancelling is safe."""
        try:
            while not self._over:
                while self._queue and not self._over:
                    data = self._queue.popleft()
                    await self._websocket.send_frame(data, WSMsgType.TEXT)
                    # Not before it was sent: what the transport holds back counts as waiting. After an abort it is 0.
                    self._backlog_bytes = max(0, self._backlog_bytes - len(data))
                    if self._backlog_bytes <= self._max_backlog_bytes // 2:
                        self._drained.set()
                if self._closing is not None:
                    await self._close(*self._closing)
                    return
                self._wake.clear()
                if not self._queue and not self._over and self._closing is None:
                    await self._wake.wait()
        except ConnectionError:
            self._over = True
            self._drained.set()
        finally:
            if self._deadline is not None:
                self._deadline.cancel()

    async def _close(self, code: int, grace_seconds: float) -> None:
        try:
            async with asyncio.timeout(grace_seconds):
                await self._client_closed.wait()
        except TimeoutError:
            await self._websocket.close(code=code)
