"""What stands between a worker and the engines: chooses the engine, and can cut, slow down and strand connections."""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import Callable, Sequence

from tests.integration.support import Proxy

READ_BYTES = 16_384
STREAMING_PATH = b"/v1/streaming/"


class FaultyProxy(Proxy):
    """A TCP proxy of one worker. All sockets of a conversation go to the same engine.

    Args:
        targets: ``http://host:port`` of every engine. They must accept each other's tokens.
    """

    def __init__(self, targets: Sequence[str]) -> None:
        super().__init__(targets[0])
        self._targets = [target.removeprefix("http://").split(":") for target in targets]
        self._delay_seconds = 0.0
        # Connections through which nothing goes any more, and nobody is told.
        self._stranded: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self.dialled = 0

    @property
    def open(self) -> int:
        """How many connections there are."""
        return len(self._writers)

    def slow_down(self, delay_seconds: float) -> None:
        """From here on every piece of up to 16 KiB waits so long, both ways. 0 is full speed."""
        self._delay_seconds = delay_seconds

    def strand(self, choose: Callable[[], bool]) -> int:
        """Leave open connections half-open: bytes are taken and go nowhere. New ones work. Returns how many."""
        chosen = [writer for writer in self._writers if choose()]
        self._stranded.update(chosen)
        return len(chosen)

    def reset_stranded(self) -> int:
        """What finally happens to half-open connections: a reset. Returns how many were still there."""
        left = [writer for writer in self._stranded if writer in self._writers]
        for writer in left:
            writer.transport.abort()
            self._writers[writer].transport.abort()
        self._stranded.clear()
        return len(left)

    async def stop(self) -> None:
        """Cut everything, stop listening, and leave no task behind."""
        await super().stop()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._connect(reader, writer)
        # Cancelled by `stop` alone; the server would report it as an error.
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._serving.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(READ_BYTES)
        path = first.split(b" ", 2)[1] if first.count(b" ") > 1 else b""
        streaming = STREAMING_PATH in path
        choice = zlib.crc32(path.split(b"?")[0]) if streaming else random.randrange(len(self._targets))
        host, port = self._targets[choice % len(self._targets)]
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        self.dialled += streaming
        self._writers[writer] = far_writer
        try:
            far_writer.write(first)
            await asyncio.gather(self._pass(reader, far_writer, writer), self._pass(far_reader, writer, writer))
        finally:
            del self._writers[writer]
            far_writer.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: asyncio.StreamWriter
    ) -> None:
        try:
            while data := await reader.read(READ_BYTES):
                if self._delay_seconds:
                    await asyncio.sleep(self._delay_seconds)
                if connection not in self._stranded:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        finally:
            if connection not in self._stranded:
                writer.close()
