"""A Kafka that some clients reach by a detour, on which their heartbeats can be lost."""

from __future__ import annotations

import asyncio
import contextlib
import struct

from tests.integration.support import Proxy
from worker.demo.broker import ApacheKafka, free_ports

HEARTBEAT = 12
"""API key, see Kafka's protocol guide."""


class DetouredKafka(ApacheKafka):
    """Apache Kafka with a second listener. Whoever asks there for addresses is told that of the detour.

    Args:
        detour: the port that is told, on which somebody passes everything on to ``behind``.
    """

    def __init__(self, detour: int) -> None:
        super().__init__()
        self._detour = detour
        self.behind = free_ports(1)[0]

    def _prepare(self) -> None:
        super()._prepare()
        lines = []
        for line in self._properties.read_text().splitlines():
            name = line.partition("=")[0]
            more = {
                "listeners": f",DETOUR://127.0.0.1:{self.behind}",
                "advertised.listeners": f",DETOUR://127.0.0.1:{self._detour}",
                "listener.security.protocol.map": ",DETOUR:PLAINTEXT",
            }
            lines.append(line + more.get(name, ""))
        self._properties.write_text("\n".join(lines) + "\n")


class Detour(Proxy):
    """Passes on what clients and Kafka say, but for the connections on which a client says that it lives."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.is_passing = asyncio.Event()
        self.is_passing.set()
        self.lost = 0
        """Heartbeats that were kept back."""

    async def _pass_there(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                size = await reader.readexactly(4)
                request = await reader.readexactly(struct.unpack(">i", size)[0])
                if struct.unpack_from(">h", request)[0] == HEARTBEAT and not self.is_passing.is_set():
                    self.lost += 1
                    await self.is_passing.wait()
                writer.write(size + request)
                await writer.drain()
        writer.close()
