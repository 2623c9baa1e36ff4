"""What runs in a process of the pool: many sessions, heard in turns.

A turn is a fraction of a second of one session's audio. So a session that sends an hour at once, or little that stands
for a lot, takes what time the others leave, and no more than its share.
"""

from __future__ import annotations

import contextlib
import pickle
import select
import signal
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from worker.engine.recognizers.events import Event, MakeRecognizer, Recognizer, SpeechRequest
from worker.engine.recognizers.factory import make_factory
from worker.errors import ConfigurationError

LENGTH = struct.Struct(">I")
_TURN_SECONDS = 0.25
_RECEIVE_BYTES = 1 << 18

Say: TypeAlias = Callable[[int, str, Any], None]


def packed(value: object) -> bytes:
    """A message between the processes."""
    body = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(body)) + body


def run_worker(link: socket.socket, recognizer: str, model_dir: Path | None) -> None:
    """Body of a process: recognises until its parent closes the link."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def say(number: int, kind: str, value: Any) -> None:
        link.sendall(packed((number, kind, value)))

    # A parent that goes away is the ordinary end.
    with link, contextlib.suppress(OSError):
        try:
            make = make_factory(recognizer, model_dir)
        except ConfigurationError as error:
            say(-1, "refused", str(error))
            return
        say(-1, "ready", None)
        sessions = _Sessions(make, say)
        commands = _Commands(link)
        while commands.receive(wait=not sessions.busy):
            for command, number, value in commands.take():
                sessions.receive(command, number, value)
            sessions.take_turn()


class _Commands:
    """What the parent says."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._buffer = bytearray()

    def receive(self, *, wait: bool) -> bool:
        """Reads what is there, or waits for something; False at the end."""
        while select.select([self._link], [], [], None if wait else 0.0)[0]:
            received = self._link.recv(_RECEIVE_BYTES)
            if not received:
                return False
            self._buffer += received
            wait = False
        return True

    def take(self) -> Iterator[tuple[str, int, Any]]:
        """Everything that has come completely."""
        while len(self._buffer) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self._buffer)[0]
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[LENGTH.size : end])
            del self._buffer[:end]
            yield pickle.loads(body)  # noqa: S301 -- the other end is our own parent process


class _Sessions:
    """Invariant: a session is in ``_turns`` exactly once while it has something to do, else not."""

    def __init__(self, make: MakeRecognizer, say: Say) -> None:
        self._make = make
        self._say = say
        self._sessions: dict[int, _Hearing] = {}
        self._turns: deque[int] = deque()

    @property
    def busy(self) -> bool:
        return bool(self._turns)

    def receive(self, command: str, number: int, value: Any) -> None:
        if command == "open":
            self._sessions[number] = _Hearing(value)
            self._turns.append(number)
        elif command == "close":
            # Nobody wants to know what is left.
            self._end(number)
        elif number in self._sessions:
            session = self._sessions[number]
            if not session.has_work:
                self._turns.append(number)
            session.commands.append((command, value))

    def take_turn(self) -> None:
        """Lets the session whose turn it is work for a while."""
        if not self._turns:
            return
        number = self._turns.popleft()
        session = self._sessions[number]
        began = time.perf_counter()
        try:
            size_bytes, events = session.work(self._make)
        except Exception as error:
            # Only the kind of the failure: its text may quote what was said.
            self._say(number, "failed", type(error).__name__)
            self._end(number)
            return
        work_seconds = time.perf_counter() - began
        if session.ignored_vocabulary:
            self._say(number, "ignored", session.ignored_vocabulary)
            session.ignored_vocabulary = 0
        if events:
            self._say(number, "events", events)
        self._say(number, "heard", (size_bytes, session.heard_seconds, work_seconds))
        if session.finished:
            self._say(number, "finished", None)
            self._end(number)
        elif session.has_work:
            self._turns.append(number)

    def _end(self, number: int) -> None:
        with contextlib.suppress(ValueError):
            self._turns.remove(number)
        session = self._sessions.pop(number, None)
        # What a recogniser thinks of its end concerns nobody else.
        with contextlib.suppress(Exception):
            if session is not None:
                session.close()


class _Hearing:
    """One session: its recogniser and what it has to do."""

    def __init__(self, request: SpeechRequest) -> None:
        self.commands: deque[tuple[str, Any]] = deque()
        self.finished = False
        self.ignored_vocabulary = 0
        self._request = request
        self._recognizer: Recognizer | None = None
        self._steps: Iterator[list[Event]] | None = None
        self._size_bytes = 0

    @property
    def has_work(self) -> bool:
        return self._recognizer is None or self._steps is not None or bool(self.commands)

    @property
    def heard_seconds(self) -> float:
        return 0.0 if self._recognizer is None else self._recognizer.heard_seconds

    def work(self, make: MakeRecognizer) -> tuple[int, list[Event]]:
        """Makes the recogniser, or hears for a turn.

        Returns:
            How many bytes are done with, and what was heard.
        """
        if self._recognizer is None:
            self._recognizer = make(self._request)
            self.ignored_vocabulary = self._recognizer.ignored_vocabulary
            return 0, []
        recognizer = self._recognizer
        enough_seconds = recognizer.heard_seconds + _TURN_SECONDS
        size_bytes = 0
        events: list[Event] = []
        while self.has_work and recognizer.heard_seconds < enough_seconds:
            if self._steps is None:
                events += self._begin(recognizer, *self.commands.popleft())
            else:
                heard = next(self._steps, None)
                if heard is None:
                    size_bytes += self._size_bytes
                    self._steps = None
                else:
                    events += heard
        return size_bytes, events

    def close(self) -> None:
        if self._recognizer is not None:
            self._recognizer.close()

    def _begin(self, recognizer: Recognizer, command: str, value: Any) -> list[Event]:
        match command:
            case "audio":
                self._steps, self._size_bytes = recognizer.accept_in_steps(value), len(value)
            case "format":
                return recognizer.change_format(value)
            case "finish":
                self.finished = True
                return recognizer.finish()
        return []
