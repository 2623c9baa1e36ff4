"""The sending half of one WebSocket.

A frame of a server, without mask and compression, is the same bytes for everybody. It is made once, a `TextFrame`,
and written to each transport as it is: a broadcast costs no task, no queue and no copy per peer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

logger = logging.getLogger(__name__)

# A peer that takes no more bytes is given so long to let a close frame through.
_CLOSE_SECONDS = 10.0
# The kernel would take megabytes for a reader that has stopped, unseen.
_KERNEL_BUFFER_BYTES = 65_536
# A few milliseconds.
_PEERS_PER_TURN = 250
_MAX_BROADCASTS_WAITING = 4
_FINAL_TEXT = 0x81


class TextFrame:
    """One text for any number of peers.

    Attributes:
        payload: UTF-8.
        wire: The whole WebSocket frame, unmasked (RFC 6455, section 5.2).
    """

    __slots__ = ("payload", "wire")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        size = len(payload)
        if size < 126:
            header = bytes((_FINAL_TEXT, size))
        elif size < 65_536:
            header = bytes((_FINAL_TEXT, 126)) + size.to_bytes(2, "big")
        else:
            header = bytes((_FINAL_TEXT, 127)) + size.to_bytes(8, "big")
        self.wire = header + payload

    def __repr__(self) -> str:
        return f"<TextFrame {len(self.payload)} bytes>"


class Outlet(Protocol):
    """Where a room sends what a speaker is to hear. Nothing here waits, but `drained`."""

    def send(self, frame: TextFrame) -> None: ...

    async def drained(self) -> None:
        """Waits while too much was sent that was not taken yet."""

    def close(self, code: int = 1000, *, grace_seconds: float = 0.0) -> None:
        """The room has done with it. Idempotent."""

    def abort(self) -> None:
        """Ends it without a word. Idempotent."""


class Peer:
    """Sends frames in order without ever making the caller wait.

    What waits for a slow reader waits in the transport. Closing, pings and pongs are aiohttp's; like `send` it writes
    whole frames, so that nothing interleaves.

    Invariant: what waits is at most ``max_backlog_bytes``; a peer that reads more slowly is cut off, so that it costs
    the others nothing.

    Args:
        websocket: Prepared.
        transport: Of the same connection; None when the client went during the handshake.
        writer: aiohttp's, of the same connection; it knows when a full transport has room again.
    """

    __slots__ = ("_closing", "_max_backlog_bytes", "_task", "_timer", "_transport", "_websocket", "_writer", "too_slow")

    def __init__(
        self,
        websocket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        writer: AbstractStreamWriter,
        *,
        max_backlog_bytes: int,
    ) -> None:
        self._websocket = websocket
        self._transport = transport
        self._writer = writer
        self._max_backlog_bytes = max_backlog_bytes
        self._closing = transport is None
        # It was cut off for reading too slowly.
        self.too_slow = False
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[bool] | None = None
        if transport is not None:
            connection = transport.get_extra_info("socket")
            if connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER_BYTES)
            # Where `drained` begins to wait, and where it goes on.
            transport.set_write_buffer_limits(high=max_backlog_bytes // 2, low=max_backlog_bytes // 4)

    def __repr__(self) -> str:
        return f"<Peer backlog={self.backlog_bytes} closing={self._closing}>"

    @property
    def backlog_bytes(self) -> int:
        """What was sent and waits for the reader outside of the kernel's buffers."""
        if self._transport is None:
            return 0
        try:
            return self._transport.get_write_buffer_size()
        except AttributeError:
            # asyncio's TLS transport, once it is closed.
            return 0

    def send(self, frame: TextFrame) -> None:
        """Sends a frame; nothing is sent after `close`, or after a close frame of either side."""
        self.write(frame.wire)

    def write(self, frames: bytes) -> None:
        """Like `send`, for bytes that are whole frames."""
        transport = self._transport
        if self._closing or transport is None or transport.is_closing() or self._websocket.closed:
            return
        transport.write(frames)
        backlog_bytes = transport.get_write_buffer_size()
        if backlog_bytes > self._max_backlog_bytes:
            logger.warning("slow reader cut off", extra={"backlog_bytes": backlog_bytes})
            self.too_slow = True
            self.abort()

    async def drained(self) -> None:
        """Waits while more than half of the backlog is used, so that nobody is cut off by what it caused itself."""
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    def close(self, code: int = 1000, *, grace_seconds: float = 0.0) -> None:
        """Closes after what was sent, leaving the client ``grace_seconds`` to do it itself. Idempotent."""
        if self._closing:
            return
        self._closing = True
        if grace_seconds > 0:
            self._timer = asyncio.get_running_loop().call_later(grace_seconds, self._begin_close, code)
        else:
            self._begin_close(code)

    def abort(self) -> None:
        """Drops the connection without a close frame, and what was not sent yet. Idempotent."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    async def end(self) -> None:
        """To be called when the receiving half has ended: nothing is sent any more. Idempotent.

        What a slow reader has not taken yet does not wait for ever.
        """
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None and self.backlog_bytes > 0:
            asyncio.get_running_loop().call_later(_CLOSE_SECONDS, self._transport.abort)
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _begin_close(self, code: int) -> None:
        self._timer = asyncio.get_running_loop().call_later(_CLOSE_SECONDS, self.abort)
        self._task = asyncio.create_task(self._websocket.close(code=code))


class Broadcast:
    """Sends the same to many peers, in order for each of them.

    Thousands of system calls in a row would keep all other conversations waiting: after some of them the event loop
    gets its turn.

    Invariant: ``_queue`` holds what was not done for all of its peers yet; the first ``_done`` peers of its head have
    had it. A turn is scheduled exactly while there is something in it.
    """

    def __init__(self) -> None:
        self._queue: deque[tuple[Sequence[Peer], Callable[[Peer], None]]] = deque()
        self._done = 0
        self._caught_up = asyncio.Event()
        self._caught_up.set()

    def __repr__(self) -> str:
        return f"<Broadcast waiting={len(self._queue)}>"

    def send(self, peers: Collection[Peer], frames: Sequence[TextFrame]) -> None:
        """Sends frames, at the cost of one system call for each peer."""
        if frames:
            wire = b"".join(frame.wire for frame in frames)
            self._do(peers, lambda peer: peer.write(wire))

    def close(self, peers: Collection[Peer], code: int, *, grace_seconds: float) -> None:
        """Closes peers after what was sent; see `Peer.close`."""
        self._do(peers, lambda peer: peer.close(code, grace_seconds=grace_seconds))

    async def drained(self) -> None:
        """Waits while much is still to be sent, so that nobody speaks faster than all can be told."""
        await self._caught_up.wait()

    def _do(self, peers: Collection[Peer], act: Callable[[Peer], None]) -> None:
        if not peers:
            return
        # Who comes later does not get it, who goes does not mind.
        self._queue.append((tuple(peers), act))
        if len(self._queue) == 1:
            self._take_turn()
        elif len(self._queue) > _MAX_BROADCASTS_WAITING:
            self._caught_up.clear()

    def _take_turn(self) -> None:
        peers, act = self._queue[0]
        for peer in peers[self._done : self._done + _PEERS_PER_TURN]:
            act(peer)
        self._done += _PEERS_PER_TURN
        if self._done >= len(peers):
            self._queue.popleft()
            self._done = 0
            if len(self._queue) <= _MAX_BROADCASTS_WAITING:
                self._caught_up.set()
        if self._queue:
            asyncio.get_running_loop().call_soon(self._take_turn)
