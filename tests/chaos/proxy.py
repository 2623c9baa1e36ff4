"""What stands between a worker and the engines: chooses the engine, and can cut, slow down and strand connections."""

from __future__ import annotations

import asyncio
import random
import re
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from worker.demo.broker import free_ports

READ_BYTES = 16_384
STREAMING = re.compile(rb"/v1/streaming/([^?/]+)")
CONVERSATION = re.compile(rb"/v1/conversations/(\d+)")
TOLD_ID = re.compile(rb'"conversationId":\s*"(\d+)"')


@dataclass(frozen=True)
class Delay:
    """How late bytes arrive, seconds, each way."""

    to_engine: float = 0.0
    to_worker: float = 0.0


class _Line:
    """One direction of a connection: bytes arrive late, in order, however many they are.

    Args:
        delay: How late, seconds; asked anew for every piece.
        lost: Whether the connection is half-open: nothing arrives any more.
    """

    def __init__(self, writer: asyncio.StreamWriter, delay: Callable[[], float], lost: Callable[[], bool]) -> None:
        self._writer = writer
        self._delay = delay
        self._lost = lost
        self._late: deque[tuple[float, bytes]] = deque()
        self._loop = asyncio.get_running_loop()

    async def pass_on(self, data: bytes) -> None:
        """Take a piece; it arrives now or later, and never before those that came earlier."""
        delay = self._delay()
        if not delay and not self._late:
            if not self._lost():
                self._writer.write(data)
                await self._writer.drain()
            return
        due = self._loop.time() + delay
        if self._late:
            due = max(due, self._late[-1][0])
        self._late.append((due, data))
        self._loop.call_at(due, self._arrive)

    async def finish(self) -> None:
        """Wait until all that is late has arrived, then close; half-open connections stay as they are."""
        while self._late:
            await asyncio.sleep(max(0.0, self._late[-1][0] - self._loop.time()))
            self._arrive()
        if not self._lost():
            self._writer.close()

    def _arrive(self) -> None:
        while self._late and self._late[0][0] <= self._loop.time():
            _, data = self._late.popleft()
            if not self._lost() and not self._writer.is_closing():
                self._writer.write(data)


class FaultyProxy:
    """A TCP proxy of one worker. All sockets of a conversation go to the same engine.

    A conversation's address at the Conversation API holds the id that its engine gave it; the proxy reads it off the
    sockets that pass, so that the engine that has the conversation is asked for it.

    Args:
        targets: ``http://host:port`` of every engine. They must accept each other's tokens.
        homes: Which engine has given which id; all proxies of a run share it.
    """

    def __init__(self, targets: Sequence[str], homes: MutableMapping[bytes, int]) -> None:
        self._targets = [target.removeprefix("http://").split(":") for target in targets]
        self._homes = homes
        self._delay = Delay()
        self._server: asyncio.Server | None = None
        # The worker's side of each open connection, its other side, and its conversation.
        self._open: dict[asyncio.StreamWriter, tuple[asyncio.StreamWriter, str | None]] = {}
        # Connections through which nothing goes any more, and nobody is told.
        self._stranded: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self.url = ""
        self.dialled: Counter[str] = Counter()
        """Conversation to sockets that have reached an engine so far."""

    async def start(self) -> None:
        """Listen."""
        port = free_ports(1)[0]
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        """Cut everything, stop listening, and leave no task behind."""
        if self._server is not None:
            self._server.close()
        self.cut(lambda: True)
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def sockets(self) -> set[asyncio.StreamWriter]:
        """The sockets that are open, to be compared with those of another time."""
        return set(self._streaming())

    def cut(self, choose: Callable[[], bool]) -> int:
        """Reset open sockets, both ways at once, each if the choice falls on it. Returns how many."""
        chosen = [writer for writer in self._streaming() if choose()]
        for writer in chosen:
            self._reset(writer)
        return len(chosen)

    def slow_down(self, delay: Delay) -> None:
        """From here on every byte arrives so late. Nothing is lost, and as much gets through as before."""
        self._delay = delay

    def strand(self, choose: Callable[[], bool]) -> int:
        """Leave open sockets half-open: bytes are taken and go nowhere. New ones work. Returns how many."""
        chosen = [writer for writer in self._streaming() if choose()]
        self._stranded.update(chosen)
        return len(chosen)

    def reset_stranded(self) -> int:
        """What finally happens to half-open connections: a reset. Returns how many were still there."""
        left = [writer for writer in self._stranded if writer in self._open]
        for writer in left:
            self._reset(writer)
        self._stranded.clear()
        return len(left)

    def _streaming(self) -> Iterator[asyncio.StreamWriter]:
        return (writer for writer, (_, conversation) in self._open.items() if conversation is not None)

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()
        self._open[writer][0].transport.abort()

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
        streaming = STREAMING.search(path)
        choice = self._choose(path)
        host, port = self._targets[choice]
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        conversation = None
        if streaming is not None:
            conversation = unquote(streaming[1].decode())
            self.dialled[conversation] += 1
        else:
            # The next request may be for another engine.
            first = first.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        self._open[writer] = far_writer, conversation

        def lost() -> bool:
            return writer in self._stranded

        to_engine = _Line(far_writer, lambda: self._delay.to_engine, lost)
        to_worker = _Line(writer, lambda: self._delay.to_worker, lost)
        try:
            await to_engine.pass_on(first)
            await asyncio.gather(
                _pump(reader, to_engine),
                _pump(far_reader, to_worker, self._note_home(choice) if streaming is not None else None),
            )
        finally:
            del self._open[writer]
            far_writer.transport.abort()

    def _choose(self, path: bytes) -> int:
        """The engine of a conversation, by either of its ids; any one for what concerns no conversation."""
        if (asked := CONVERSATION.search(path)) is not None and asked[1] in self._homes:
            return self._homes[asked[1]]
        if (streaming := STREAMING.search(path)) is not None:
            return zlib.crc32(streaming[1]) % len(self._targets)
        return random.randrange(len(self._targets))

    def _note_home(self, engine: int) -> Callable[[bytes], None]:
        def note(data: bytes) -> None:
            for told in TOLD_ID.finditer(data):
                self._homes[told[1]] = engine

        return note


async def _pump(reader: asyncio.StreamReader, line: _Line, look: Callable[[bytes], None] | None = None) -> None:
    try:
        while data := await reader.read(READ_BYTES):
            if look is not None:
                look(data)
            await line.pass_on(data)
    except OSError:
        pass
    finally:
        await line.finish()
