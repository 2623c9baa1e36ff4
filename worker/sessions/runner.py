"""The socket of one session: dials, sends, receives, dials again. Shell: all rules are the session's."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from worker.errors import AuthenticationError, ConnectionLostError, RequestRefusedError, SymblError, WorkerError
from worker.metrics import Metrics
from worker.sessions.subscription import Served
from worker.symbl.retry import DialPolicy, dial_attempts

_log = structlog.get_logger(__name__)

DRAIN_SECONDS = 1.0
"""Longest wait for what was received of a connection that is gone."""


class Connection(Protocol):
    """An open socket, as the runner needs it."""

    @property
    def close_code(self) -> int | None:
        """The peer's close code, if it sent one."""

    async def send(self, frame: bytes | str) -> None:
        """Send one frame, within a bounded time."""

    async def ping(self) -> None:
        """Return when the pong of a new ping came, and all that came before it was iterated. In bounded time, or fail.

        Raises:
            ConnectionLostError: the connection is gone, and the iteration has ended or will at once.
        """

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def close(self) -> None:
        """Close in an orderly way, within a bounded time."""

    def abort(self) -> None:
        """Drop the connection at once."""


@dataclass(frozen=True, slots=True)
class RunnerPolicy:
    """When to dial again.

    Args:
        healthy_seconds: a socket that lived so long makes the delays start anew.
        ping_seconds: interval of pings.
    """

    dial: DialPolicy
    healthy_seconds: float
    ping_seconds: float


class SessionRunner:
    """Runs one session's sockets, one at a time, until the session is over or the task is cancelled.

    Cancelling drops the socket without ``stop_request``, so that the conversation stays open for whoever continues it.

    Args:
        dial: opens a socket for a connection id.
        may_speak: whether the stream is this worker's beyond doubt. Asked before anything is said to the host; after a
            no the socket stays open, and what comes is heard. ``wake`` tells that the answer may have changed.
    """

    def __init__(
        self,
        session: Served,
        dial: Callable[[str], Awaitable[Connection]],
        policy: RunnerPolicy,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        may_speak: Callable[[], bool] = lambda: True,
    ) -> None:
        self.session = session
        self.state = "waiting"
        """For people: waiting, dialling or connected."""
        self._dial = dial
        self._policy = policy
        self._metrics = metrics
        self._clock = clock
        self._may_speak = may_speak
        self._wake = asyncio.Event()

    def __repr__(self) -> str:
        return f"<SessionRunner {self.state} {self.session!r}>"

    def wake(self) -> None:
        """The session has something new to do."""
        self._wake.set()

    async def run(self) -> None:
        """Serve the session until it is over. A bug of ours costs this stream, as dead letters, and no other."""
        try:
            await self._run()
        except Exception as error:
            # The text of a foreign exception may hold content: only where it came from is logged.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            _log.error(
                "session_failed",
                conversation=self.session.conversation_id,
                stream=self.session.stream,
                error=type(error).__name__,
                where=f"{frame.name}:{frame.lineno}",
            )
            self.session.give_up("internal_error")
        self.state = "over"

    async def _run(self) -> None:
        session = self.session
        while not session.is_over:
            if not session.wants_connection:
                self.state = "waiting"
                session.tick(self._clock())
                await self._sleep(session.next_deadline(self._clock()))
                continue
            try:
                await self._stay_connected()
            except RequestRefusedError as error:
                self._log_failure("start_refused", error)
                session.connection_refused(error)
                await asyncio.sleep(random.uniform(0, self._policy.dial.cap_seconds))
            except AuthenticationError as error:
                # Nothing is wrong with this stream: it waits until the credentials are right again.
                self._log_failure("credentials_refused", error)
                await asyncio.sleep(random.uniform(0, self._policy.dial.cap_seconds))

    async def _stay_connected(self) -> None:
        """Dial until a socket has been healthy, or has done its work.

        Raises:
            SymblError: one that dialling again does not help.
        """
        async for attempt in dial_attempts(self._policy.dial, on_retry=self._on_retry, clock=self._clock):
            with attempt:
                if not self.session.wants_connection:
                    return
                self.state = "dialling"
                await self._voice()
                connection = await self._open()
                opened_at = self._clock()
                cause = await self._serve(connection)
                if isinstance(cause, RequestRefusedError):
                    # The session has counted it; the next attempt waits like any other.
                    raise ConnectionLostError("start refused")
                if cause is not None and self._clock() - opened_at < self._policy.healthy_seconds:
                    raise cause

    async def _open(self) -> Connection:
        try:
            connection = await self._dial(self.session.connection_id)
        except SymblError as error:
            self._metrics.dials.labels(type(error).__name__).inc()
            raise
        self._metrics.dials.labels("opened").inc()
        return connection

    async def _serve(self, connection: Connection) -> WorkerError | None:
        """Serve one open socket until it is gone. Returns why it went, None for an orderly end."""
        session = self.session
        self.state = "connected"
        session.connection_opened(self._clock())
        tasks = [asyncio.create_task(self._read(connection)), asyncio.create_task(self._keep_alive(connection))]
        for task in tasks:
            task.add_done_callback(lambda _: self._wake.set())
        orderly = False
        try:
            while not any(task.done() for task in tasks):
                try:
                    await self._send(connection)
                except ConnectionLostError:
                    break
                if session.wants_close:
                    orderly = session.is_over or session.end_seen
                    break
                # Who may not speak has no deadlines: what is due would be due at once, again and again.
                await self._sleep(session.next_deadline(self._clock()) if self._may_speak() else None)
                session.tick(self._clock())
            if orderly:
                await connection.close()
            elif not session.wants_close and not any(_has_failed(task) for task in tasks):
                # What came before the loss may not be read yet, and nobody will say it again.
                await asyncio.wait(tasks[:1], timeout=DRAIN_SECONDS)
        finally:
            connection.abort()
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end
        unknown, malformed = session.odd_messages
        self._metrics.unknown_messages.inc(unknown)
        self._metrics.malformed_messages.inc(malformed)
        cause = session.connection_closed(connection.close_code, self._clock())
        if cause is not None:
            self._metrics.sockets_lost.inc()
            self._log_failure("socket_lost", cause)
        return cause

    async def _send(self, connection: Connection) -> None:
        if not self._may_speak():
            return
        for frame in self.session.take_frames(self._clock()):
            await self._voice()
            await connection.send(frame)
            if isinstance(frame, bytes):
                self._metrics.sent_bytes.inc(len(frame))
        self.session.frames_sent(self._clock())

    async def _read(self, connection: Connection) -> None:
        async for frame in connection:
            self._metrics.received_frames.inc()
            self.session.receive_frame(frame, self._clock())
            self._wake.set()

    async def _keep_alive(self, connection: Connection) -> None:
        """Ping, and tell the session of every pong, until the connection is gone."""
        with contextlib.suppress(ConnectionLostError):
            while True:
                await asyncio.sleep(self._policy.ping_seconds)
                pinged_at = self._clock()
                await connection.ping()
                self.session.connection_confirmed(pinged_at, self._clock())
                self._wake.set()

    async def _voice(self) -> None:
        """Wait until the stream may speak."""
        while not self._may_speak():
            await self._sleep(None)

    async def _sleep(self, deadline: float | None) -> None:
        """Wait until somebody wakes us, or until the deadline."""
        if deadline is not None:
            timer = asyncio.get_running_loop().call_later(max(0.0, deadline - self._clock()), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            self._wake.clear()
            if deadline is not None:
                timer.cancel()

    def _on_retry(self, attempt: int, delay: float, error: type[BaseException]) -> None:
        self.state = "dialling"
        _log.info(
            "dialling_again",
            conversation=self.session.conversation_id,
            stream=self.session.stream,
            attempt=attempt,
            delay_seconds=round(delay, 3),
            error=error.__name__,
        )

    def _log_failure(self, event: str, error: WorkerError) -> None:
        _log.warning(event, conversation=self.session.conversation_id, stream=self.session.stream, error=str(error))


def _has_failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None
