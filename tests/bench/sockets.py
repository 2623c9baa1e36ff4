"""A WebSocket client that costs little: thousands of them share one core with nothing but a protocol object each."""

from __future__ import annotations

import asyncio
import base64
import os
from typing import TypeVar, cast
from urllib.parse import urlsplit

_TEXT = 0x81
_BINARY = 0x82
_CLOSE = 0x88
_PING = 0x89
_PONG = 0x8A
_HANDSHAKE_SECONDS = 30.0
_HANDSHAKE_END = b"\r\n\r\n"

SocketT = TypeVar("SocketT", bound="RawSocket")


class RawSocket(asyncio.Protocol):
    """One connection. Subclasses override `receive_frame`.

    Frames are masked with a key of zeros, which leaves them as they are; the server cannot tell the difference.

    Args:
        reads: Whether anything is read after the handshake; False plays a reader that has stopped.
    """

    def __init__(self, *, reads: bool = True) -> None:
        self._reads = reads
        self._rest = b""
        self._open = False
        self.transport: asyncio.Transport | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.close_code: int | None = None

    def receive_frame(self, data: bytes) -> None:
        """A text frame came."""

    # --- what the owner does -----------------------------------------------------------------------------------------

    def send_text(self, data: bytes) -> None:
        self._write(_TEXT, data)

    def send_audio(self, data: bytes) -> None:
        self._write(_BINARY, data)

    def close(self, code: int = 1000) -> None:
        self._write(_CLOSE, code.to_bytes(2, "big"))

    def abort(self) -> None:
        """Cuts the connection, as a failing network does."""
        if self.transport is not None:
            self.transport.abort()

    # --- asyncio.Protocol --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not derived from it.
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("lost during the handshake"))
            # Nobody may be waiting any more.
            self.opened.exception()
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data, self._rest = self._rest + data, b""
        at = 0
        if not self._open:
            at = self._shake_hands(data)
        end = len(data)
        while end - at >= 2:
            size, start = data[at + 1], at + 2
            if size >= 126:
                start += 2 if size == 126 else 8
                size = int.from_bytes(data[at + 2 : start], "big")
            if end < start + size:
                break
            opcode = data[at]
            at = start + size
            if opcode == _TEXT:
                self.receive_frame(data[start:at])
            else:
                self._receive_control(opcode, data[start:at])
        if at < end:
            self._rest = data[at:]

    def _shake_hands(self, data: bytes) -> int:
        end = data.find(_HANDSHAKE_END)
        if end < 0:
            self._rest = data
            return len(data)
        if not data.startswith(b"HTTP/1.1 101 "):
            status = data.partition(b"\r\n")[0].decode("latin-1")
            if not self.opened.done():
                self.opened.set_exception(ConnectionError(f"refused: {status}"))
            self.abort()
            return len(data)
        self._open = True
        if not self._reads and self.transport is not None:
            self.transport.pause_reading()
        if not self.opened.done():
            self.opened.set_result(None)
        return end + len(_HANDSHAKE_END)

    def _receive_control(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self._write(_PONG, payload)
        elif opcode == _CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big") if payload else 1005
            self._write(_CLOSE, payload[:2])
            if self.transport is not None:
                self.transport.close()
        elif opcode != _PONG:
            raise AssertionError(f"a server sends no frame that begins with {opcode:#x}")

    def _write(self, opcode: int, payload: bytes) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        size = len(payload)
        length = (
            bytes((0x80 | size,))
            if size < 126
            else b"\xfe" + size.to_bytes(2, "big")
            if size < 65_536
            else b"\xff" + size.to_bytes(8, "big")
        )
        self.transport.write(bytes((opcode,)) + length + b"\0\0\0\0" + payload)


async def connect(
    base_url: str, path: str, token: str, socket: SocketT, *, receive_buffer: int | None = None
) -> SocketT:
    """Opens a WebSocket.

    Args:
        base_url: ``http://host:port``.
        receive_buffer: Bytes of the kernel's receive buffer; None leaves it to the kernel.

    Raises:
        OSError: The server cannot be reached, or refused.
    """
    import socket as sockets

    address = urlsplit(base_url)
    loop = asyncio.get_running_loop()
    raw = sockets.socket(sockets.AF_INET, sockets.SOCK_STREAM)
    raw.setblocking(False)
    raw.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
    if receive_buffer is not None:
        # Before connecting: the window is agreed on in the handshake.
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, receive_buffer)
    try:
        await loop.sock_connect(raw, (address.hostname, address.port))
    except BaseException:
        raw.close()
        raise
    transport, _ = await loop.create_connection(lambda: socket, sock=raw)
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nX-API-KEY: {token}\r\n\r\n"
    )
    transport.write(request.encode())
    async with asyncio.timeout(_HANDSHAKE_SECONDS):
        await socket.opened
    return socket
