"""Recognisers in processes of their own, because decoding is far too slow for the event loop.

Each process holds many sessions and works through their audio in the order of arrival; a session stays in the process
it began in. The parent talks to a process over a socket pair with length-prefixed pickles. A process that dies takes
its sessions with it: every one of them fails, at once, and a new process is started.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import multiprocessing
import pickle
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from worker.engine.recognizers.events import AudioFormat, Event, MakeRecognizer, Recognizer, SpeechRequest
from worker.engine.recognizers.factory import make_factory
from worker.engine.sessions import Listeners, Session
from worker.errors import ConfigurationError

logger = logging.getLogger(__name__)

_LENGTH = struct.Struct(">I")
# Loading a model from a cold disk takes seconds, not a minute.
_START_SECONDS = 60.0
_RESTART_SECONDS = 1.0
_STOP_SECONDS = 5.0


class PoolSessionMaker:
    """Sessions in a bounded pool of spawned processes.

    Args:
        recognizer: A key of `TRAITS`.
        model_dir: Of sherpa-onnx.
        max_backlog_seconds: Audio that a session may be behind before `Session.ready` waits.
    """

    def __init__(self, recognizer: str, model_dir: Path | None, *, processes: int, max_backlog_seconds: float) -> None:
        self._workers = [_Worker(recognizer, model_dir) for _ in range(processes)]
        self._max_backlog_seconds = max_backlog_seconds

    def __repr__(self) -> str:
        return f"<PoolSessionMaker {self._workers!r}>"

    @property
    def process_ids(self) -> list[int]:
        """Of the running processes."""
        return [worker.process.pid for worker in self._workers if worker.process is not None and worker.process.pid]

    @property
    def backlog_seconds(self) -> float:
        return sum(session.backlog_seconds for worker in self._workers for session in worker.sessions.values())

    @property
    def overloaded(self) -> bool:
        return False

    async def start(self) -> None:
        """Starts all processes and waits until they have loaded their models.

        Raises:
            ConfigurationError: A library or a model is missing.
        """
        try:
            await asyncio.gather(*(worker.start() for worker in self._workers))
        except BaseException:
            await self.stop()
            raise

    def open(self, audio_format: AudioFormat, vocabulary: tuple[str, ...], listeners: Listeners) -> Session:
        worker = min(self._workers, key=lambda each: (not each.running, len(each.sessions)))
        return _PoolSession(worker, audio_format, vocabulary, listeners, self._max_backlog_seconds)

    async def stop(self) -> None:
        await asyncio.gather(*(worker.stop() for worker in self._workers))


class _Worker:
    """One process: its socket, its sessions, and its restart.

    Invariant: while ``running`` is false every session in ``sessions`` is yet to be opened in the next process, never
    half known to an old one.
    """

    def __init__(self, recognizer: str, model_dir: Path | None) -> None:
        self._recognizer = recognizer
        self._model_dir = model_dir
        self.process: BaseProcess | None = None
        self.sessions: dict[int, _PoolSession] = {}
        self.running = False
        self._ids = itertools.count()
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiting: list[tuple[Any, ...]] = []

    def __repr__(self) -> str:
        return f"<_Worker running={self.running} sessions={len(self.sessions)}>"

    async def start(self) -> None:
        reader = await self._spawn()
        self._task = asyncio.create_task(self._run(reader))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._reap()

    def register(self, session: _PoolSession) -> int:
        number = next(self._ids)
        self.sessions[number] = session
        return number

    def tell(self, *command: Any) -> None:
        if self._writer is not None and self.running:
            self._writer.write(_packed(command))
        else:
            self._waiting.append(command)

    async def _run(self, reader: asyncio.StreamReader) -> None:
        while True:
            await self._listen(reader)
            self.running = False
            logger.error("recogniser process died", extra={"sessions": len(self.sessions)})
            self._waiting.clear()
            broken, self.sessions = self.sessions, {}
            for session in broken.values():
                session.fail()
            while not self.running:
                await self._reap()
                await asyncio.sleep(_RESTART_SECONDS)
                try:
                    reader = await self._spawn()
                except (OSError, ConfigurationError) as error:
                    logger.error("recogniser process does not start", extra={"error": type(error).__name__})

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Passes on what the process says, until it is gone."""
        try:
            while True:
                number, kind, value = await _read(reader)
                session = self.sessions.get(number)
                if session is not None:
                    session.receive(kind, value)
        except (OSError, asyncio.IncompleteReadError):
            return

    async def _spawn(self) -> asyncio.StreamReader:
        ours, theirs = socket.socketpair()
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(
            target=run_worker, args=(theirs, self._recognizer, self._model_dir), daemon=True, name="recogniser"
        )
        try:
            await asyncio.to_thread(self.process.start)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        reader, self._writer = await asyncio.open_connection(sock=ours)
        try:
            async with asyncio.timeout(_START_SECONDS):
                _, kind, value = await _read(reader)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            raise ConfigurationError("the recogniser process ended while it was starting") from error
        if kind == "refused":
            raise ConfigurationError(str(value))
        self.running = True
        for command in self._waiting:
            self.tell(*command)
        self._waiting.clear()
        return reader

    async def _reap(self) -> None:
        self.running = False
        writer, self._writer = self._writer, None
        if writer is not None:
            # The end of its input is what makes a healthy process end.
            writer.transport.abort()
        process, self.process = self.process, None
        if process is not None and process.pid is not None:
            await asyncio.to_thread(process.join, _STOP_SECONDS)
            if process.is_alive():
                process.kill()
                await asyncio.to_thread(process.join, _STOP_SECONDS)
            process.close()


class _PoolSession:
    """See `Session`. Invariant: ``_over`` sessions are unknown to their worker and call nobody."""

    def __init__(
        self,
        worker: _Worker,
        audio_format: AudioFormat,
        vocabulary: tuple[str, ...],
        listeners: Listeners,
        max_backlog_seconds: float,
    ) -> None:
        self._worker = worker
        self._listeners = listeners
        self._bytes_per_second = audio_format.bytes_per_second
        self._max_backlog_seconds = max_backlog_seconds
        self.backlog_seconds = 0.0
        self._caught_up = asyncio.Event()
        self._caught_up.set()
        self._over = False
        self._number = worker.register(self)
        worker.tell("open", self._number, SpeechRequest(audio_format=audio_format, vocabulary=vocabulary))

    def feed(self, audio: bytes) -> None:
        if self._over:
            return
        self.backlog_seconds += len(audio) / self._bytes_per_second
        if self.backlog_seconds > self._max_backlog_seconds:
            self._caught_up.clear()
        self._worker.tell("audio", self._number, audio)

    async def ready(self) -> None:
        await self._caught_up.wait()

    def change_format(self, audio_format: AudioFormat) -> None:
        self._bytes_per_second = audio_format.bytes_per_second
        self._tell("format", audio_format)

    def finish(self) -> None:
        self._tell("finish", None)

    def abort(self) -> None:
        if not self._over:
            self._tell("close", None)
            self._end()

    def fail(self) -> None:
        """The process is gone."""
        if not self._over:
            self._end()
            self._listeners.on_failed()

    def receive(self, kind: str, value: Any) -> None:
        match kind:
            case "events":
                self._listeners.on_events(value)
            case "heard":
                self.backlog_seconds = max(0.0, self.backlog_seconds - value)
                if self.backlog_seconds <= self._max_backlog_seconds / 2:
                    self._caught_up.set()
            case "finished":
                self._end()
                self._listeners.on_finished()
            case "failed":
                logger.error("recognition failed", extra={"error": value})
                self.fail()

    def _tell(self, command: str, value: Any) -> None:
        if not self._over:
            self._worker.tell(command, self._number, value)

    def _end(self) -> None:
        self._over = True
        self._worker.sessions.pop(self._number, None)
        self._caught_up.set()


# --- in the process --------------------------------------------------------------------------------------------------


def run_worker(link: socket.socket, recognizer: str, model_dir: Path | None) -> None:
    """Body of a process: recognises until its parent closes the link."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with link, link.makefile("rb") as stream:

        def say(number: int, kind: str, value: Any) -> None:
            link.sendall(_packed((number, kind, value)))

        try:
            make = make_factory(recognizer, model_dir)
        except ConfigurationError as error:
            say(-1, "refused", str(error))
            return
        say(-1, "ready", None)
        # A parent that goes away is the ordinary end.
        with contextlib.suppress(OSError, EOFError, pickle.UnpicklingError):
            _serve(_commands(stream.read), make, say)


def _serve(
    commands: Iterator[tuple[str, int, Any]],
    make: MakeRecognizer,
    say: Callable[[int, str, Any], None],
) -> None:
    recognizers: dict[int, Recognizer] = {}
    formats: dict[int, AudioFormat] = {}
    for command, number, value in commands:
        try:
            events = _obey(command, number, value, make, recognizers, formats)
        except Exception as error:
            # Only the kind of the failure: its text may quote what was said.
            recognizers.pop(number, None)
            say(number, "failed", type(error).__name__)
            continue
        if events:
            say(number, "events", events)
        if command == "audio" and number in formats:
            say(number, "heard", len(value) / formats[number].bytes_per_second)
        if command in ("finish", "close"):
            if number in recognizers:
                recognizers.pop(number).close()
            formats.pop(number, None)
            say(number, "finished", None)


def _obey(
    command: str,
    number: int,
    value: Any,
    make: MakeRecognizer,
    recognizers: dict[int, Recognizer],
    formats: dict[int, AudioFormat],
) -> list[Event]:
    if command == "open":
        formats[number] = value.audio_format
        recognizers[number] = make(value)
        return []
    recognizer = recognizers.get(number)
    if recognizer is None:
        return []
    match command:
        case "audio":
            return recognizer.accept(value)
        case "format":
            formats[number] = value
            return recognizer.change_format(value)
        case "finish":
            return recognizer.finish()
    return []


def _commands(read: Callable[[int], bytes]) -> Iterator[tuple[str, int, Any]]:
    while len(head := read(_LENGTH.size)) == _LENGTH.size:
        body = read(_LENGTH.unpack(head)[0])
        yield pickle.loads(body)  # noqa: S301 -- the other end is our own parent process


async def _read(reader: asyncio.StreamReader) -> tuple[int, str, Any]:
    head = await reader.readexactly(_LENGTH.size)
    body = await reader.readexactly(_LENGTH.unpack(head)[0])
    number, kind, value = pickle.loads(body)  # noqa: S301 -- the other end is our own child process
    return number, kind, value


def _packed(value: object) -> bytes:
    body = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body
