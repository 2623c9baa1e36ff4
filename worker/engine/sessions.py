"""Recognition of one line's audio, as the event loop sees it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from worker.engine.recognizers.events import AudioFormat, Event, MakeRecognizer, Recognizer, SpeechRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Listeners:
    """Whom a session tells; none of them is called after `Session.abort` or after ``on_finished`` or ``on_failed``.

    Args:
        on_heard: Gets the seconds of audio that were heard since the last call.
    """

    on_events: Callable[[list[Event]], None]
    on_heard: Callable[[float], None]
    on_finished: Callable[[], None]
    on_failed: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How busy recognition is.

    Args:
        share: Of the processes' time, what the sessions need to be heard as they are spoken.
        real_time_factor: Seconds of work for one second of audio, lately.
        backlog_seconds: Audio that was fed and not yet heard, over all sessions.
        late_seconds: By how much the latest session lags behind its speaker.
    """

    share: float = 0.0
    real_time_factor: float = 0.0
    backlog_seconds: float = 0.0
    late_seconds: float = 0.0


class Session(Protocol):
    """One recogniser at work. Nothing here blocks; results come through the listeners, in spoken order."""

    def feed(self, audio: bytes) -> None: ...

    async def ready(self) -> None:
        """Waits until the recogniser has caught up enough for more audio. Cancelling is safe."""

    def change_format(self, audio_format: AudioFormat) -> None: ...

    def finish(self) -> None:
        """No more audio; ``on_finished`` follows the last events."""

    def abort(self) -> None:
        """Discards what was not delivered yet. Idempotent."""


class SessionMaker(Protocol):
    """Starts sessions; owns what they share."""

    @property
    def load(self) -> Load: ...

    @property
    def overloaded(self) -> bool:
        """One more session would make all of them fall behind."""

    def admit(self) -> bool:
        """Whether there is room for a session that will be opened soon, which is then counted on."""

    async def start(self) -> None: ...

    def open(self, request: SpeechRequest, listeners: Listeners) -> Session: ...

    async def stop(self) -> None: ...


class LocalSessionMaker:
    """Sessions whose recogniser is quick enough to run inside the event loop.

    Args:
        make: Makes a recogniser.
        delay: Drawn once per batch of results: seconds until they are delivered. Order is kept.
    """

    def __init__(self, make: MakeRecognizer, delay: Callable[[], float]) -> None:
        self._make = make
        self._delay = delay

    @property
    def load(self) -> Load:
        return Load()

    @property
    def overloaded(self) -> bool:
        return False

    def admit(self) -> bool:
        return True

    async def start(self) -> None:
        pass

    def open(self, request: SpeechRequest, listeners: Listeners) -> Session:
        return _LocalSession(self._make(request), self._delay, listeners)

    async def stop(self) -> None:
        pass


class _LocalSession:
    """Invariant: at most one timer runs, for the head of the queue; None in the queue is the end."""

    def __init__(self, recognizer: Recognizer, delay: Callable[[], float], listeners: Listeners) -> None:
        self._recognizer = recognizer
        self._delay = delay
        self._listeners = listeners
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[float, list[Event] | None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._over = False
        self._heard_seconds = 0.0

    def feed(self, audio: bytes) -> None:
        self._run(lambda: self._recognizer.accept(audio))

    async def ready(self) -> None:
        pass

    def change_format(self, audio_format: AudioFormat) -> None:
        self._run(lambda: self._recognizer.change_format(audio_format))

    def finish(self) -> None:
        self._run(self._recognizer.finish)
        self._later(None)

    def abort(self) -> None:
        self._over = True
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self, step: Callable[[], list[Event]]) -> None:
        if self._over:
            return
        try:
            events = step()
        except Exception as error:
            # Only the kind of the failure: its text may quote the audio.
            logger.error("recognition failed", extra={"error": type(error).__name__})
            self.abort()
            self._listeners.on_failed()
            return
        more_seconds = self._recognizer.heard_seconds - self._heard_seconds
        self._heard_seconds += more_seconds
        self._listeners.on_heard(more_seconds)
        if events:
            self._later(events)

    def _later(self, events: list[Event] | None) -> None:
        if self._over:
            return
        delay = self._delay() if events is not None else 0.0
        if delay <= 0 and not self._queue:
            self._deliver(events)
            return
        due = self._loop.time() + delay
        if self._queue:
            due = max(due, self._queue[-1][0])
        self._queue.append((due, events))
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is None and self._queue:
            self._timer = self._loop.call_at(self._queue[0][0], self._deliver_due)

    def _deliver_due(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._queue and self._queue[0][0] <= now and not self._over:
            self._deliver(self._queue.popleft()[1])
        self._schedule()

    def _deliver(self, events: list[Event] | None) -> None:
        if events is None:
            self._over = True
            self._listeners.on_finished()
        else:
            self._listeners.on_events(events)
