"""Recognisers in processes of their own, because decoding is far too slow for the event loop.

Each process holds many sessions and hears them in turns; a session stays in the process it began in. The parent talks
to a process over a socket pair with length-prefixed pickles. A process that dies takes its sessions with it: every one
of them fails, at once, and a new process is started.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import multiprocessing
import pickle
import socket
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from worker.engine.load import Headroom, Progress, RealTimeFactor
from worker.engine.pool_process import LENGTH, packed, run_worker
from worker.engine.recognizers.events import FLAC, OPUS, AudioFormat, SpeechRequest
from worker.engine.sessions import Listeners, Load, Session
from worker.errors import ConfigurationError

logger = logging.getLogger(__name__)

# Loading models from a cold disk takes seconds, not minutes.
_START_SECONDS = 120.0
_RESTART_SECONDS = 1.0
_STOP_SECONDS = 5.0
# A client that was let in says what it wants within this time, or is no longer counted on.
_EXPECTED_SECONDS = 5.0
# What compressed speech usually takes, until a session shows what its own does.
_USUAL_BYTES_PER_SECOND = {FLAC: 16_000.0, OPUS: 4_000.0}
_ENOUGH_AUDIO_SECONDS = 1.0


class PoolSessionMaker:
    """Sessions in a bounded pool of spawned processes.

    Args:
        recognizer: A key of `TRAITS`.
        model_dir: Of the recognisers that bring no model.
        max_backlog_seconds: Audio that a session may be behind before `Session.ready` waits.
        max_load: Share of the processes' time that sessions may need before new ones are refused.
        clock: Seconds; never goes back.
    """

    def __init__(
        self,
        recognizer: str,
        model_dir: Path | None,
        *,
        processes: int,
        max_backlog_seconds: float,
        max_load: float = 0.9,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._factor = RealTimeFactor(clock())
        self._workers = [_Worker(recognizer, model_dir, self._note_work) for _ in range(processes)]
        self._max_backlog_seconds = max_backlog_seconds
        self._headroom = Headroom(max_load)
        self._expected: deque[float] = deque()

    def __repr__(self) -> str:
        return f"<PoolSessionMaker {self._workers!r}>"

    @property
    def process_ids(self) -> list[int]:
        """Of the running processes."""
        return [worker.process.pid for worker in self._workers if worker.process is not None and worker.process.pid]

    @property
    def load(self) -> Load:
        now = self._clock()
        sessions = [session for worker in self._workers for session in worker.sessions.values()]
        return Load(
            share=sum(self._demands(now)) * self._factor.value / len(self._workers),
            real_time_factor=self._factor.value,
            backlog_seconds=sum(session.backlog_seconds for session in sessions),
            late_seconds=self._late_seconds(now),
        )

    @property
    def overloaded(self) -> bool:
        now = self._clock()
        while self._expected and self._expected[0] <= now:
            self._expected.popleft()
        return self._headroom.lacks(
            self._demands(now), self._factor.value, self._late_seconds(now), expected=len(self._expected)
        )

    def admit(self) -> bool:
        if self.overloaded:
            return False
        self._expected.append(self._clock() + _EXPECTED_SECONDS)
        return True

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

    def open(self, request: SpeechRequest, listeners: Listeners) -> Session:
        if self._expected:
            self._expected.popleft()
        now = self._clock()
        demands = dict(zip(self._workers, self._demands(now), strict=True))
        worker = min(self._workers, key=lambda each: (not each.running, demands[each], len(each.sessions)))
        return _PoolSession(worker, request, listeners, self._max_backlog_seconds, self._clock)

    async def stop(self) -> None:
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    def _demands(self, now: float) -> list[float]:
        return [sum(each.progress.demand(now) for each in worker.sessions.values()) for worker in self._workers]

    def _late_seconds(self, now: float) -> float:
        sessions = (session for worker in self._workers for session in worker.sessions.values())
        return max((session.progress.late_seconds(now) for session in sessions), default=0.0)

    def _note_work(self, audio_seconds: float, work_seconds: float) -> None:
        self._factor.note(audio_seconds, work_seconds, self._clock())


class _Worker:
    """One process: its socket, its sessions, and its restart.

    Invariant: while ``running`` is false every session in ``sessions`` is yet to be opened in the next process, never
    half known to an old one.
    """

    def __init__(self, recognizer: str, model_dir: Path | None, note_work: Callable[[float, float], None]) -> None:
        self.note_work = note_work
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
            self._writer.write(packed(command))
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
        request: SpeechRequest,
        listeners: Listeners,
        max_backlog_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._worker = worker
        self._listeners = listeners
        self._max_backlog_seconds = max_backlog_seconds
        self._clock = clock
        self.progress = Progress(clock())
        self._waiting_bytes = 0
        self._heard_seconds = 0.0
        self._measured = (0, 0.0)
        self._format = request.audio_format
        self._caught_up = asyncio.Event()
        self._caught_up.set()
        self._over = False
        self._number = worker.register(self)
        worker.tell("open", self._number, request)

    @property
    def backlog_seconds(self) -> float:
        """Audio that was fed and not yet heard; for FLAC and Opus by what their bytes have lasted so far."""
        usual = _USUAL_BYTES_PER_SECOND.get(self._format.encoding)
        if usual is None:
            return self._waiting_bytes / self._format.bytes_per_second
        size, seconds = self._measured
        return self._waiting_bytes * (seconds / size if size and seconds > _ENOUGH_AUDIO_SECONDS else 1 / usual)

    def feed(self, audio: bytes) -> None:
        if self._over:
            return
        self._waiting_bytes += len(audio)
        self._note_progress()
        if self.backlog_seconds > self._max_backlog_seconds:
            self._caught_up.clear()
        self._worker.tell("audio", self._number, audio)

    async def ready(self) -> None:
        await self._caught_up.wait()

    def change_format(self, audio_format: AudioFormat) -> None:
        # What still waits is counted as if it were of the new format, until it was heard.
        self._format = audio_format
        self._measured = (0, 0.0)
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
                self._receive_heard(*value)
            case "ignored":
                logger.info("vocabulary ignored in part", extra={"entries": value})
            case "finished":
                self._end()
                self._listeners.on_finished()
            case "failed":
                logger.error("recognition failed", extra={"error": value})
                self.fail()

    def _receive_heard(self, size_bytes: int, heard_seconds: float, work_seconds: float) -> None:
        """So many bytes more are done with; so much was heard in all, and the last of it took so much work."""
        more_seconds = heard_seconds - self._heard_seconds
        self._heard_seconds = heard_seconds
        self._waiting_bytes -= size_bytes
        measured_bytes, measured_seconds = self._measured
        self._measured = (measured_bytes + size_bytes, measured_seconds + more_seconds)
        self._note_progress()
        if self.backlog_seconds <= self._max_backlog_seconds / 2:
            self._caught_up.set()
        if more_seconds:
            # The first work of a session is to load what it needs, which says nothing about the cost of audio.
            self._worker.note_work(more_seconds, work_seconds)
        self._listeners.on_heard(more_seconds)

    def _note_progress(self) -> None:
        self.progress.note(self._clock(), heard_seconds=self._heard_seconds, waiting_seconds=self.backlog_seconds)

    def _tell(self, command: str, value: Any) -> None:
        if not self._over:
            self._worker.tell(command, self._number, value)

    def _end(self) -> None:
        self._over = True
        self._worker.sessions.pop(self._number, None)
        self._caught_up.set()


async def _read(reader: asyncio.StreamReader) -> tuple[int, str, Any]:
    head = await reader.readexactly(LENGTH.size)
    body = await reader.readexactly(LENGTH.unpack(head)[0])
    number, kind, value = pickle.loads(body)  # noqa: S301 -- the other end is our own child process
    return number, kind, value
