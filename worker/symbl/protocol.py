"""The protocol of one WebSocket to a Symbl host, without the WebSocket.

The shell feeds ``receive_frame`` and ``receive_close`` with what the network brings, calls ``start``, ``send_audio``,
``modify`` and ``stop``, and drains ``take_frames`` (to send, in order) and ``take_events`` (to handle, in order) after
every call. There are no timers in here: how long to wait for recognition to start, or for the conversation to be
completed, is the shell's business.

Peer input never raises: what cannot be understood is counted, what ends the attempt becomes a state and a remembered
cause. ``AssertionError`` is for our own wrong calls only.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

import orjson

from worker.errors import ConnectionLostError, RequestRefusedError, SymblError
from worker.symbl.messages import (
    ConversationCompleted,
    ConversationCreated,
    Failure,
    Malformed,
    RecognitionStarted,
    ServerEvent,
    Unknown,
    parse,
)
from worker.symbl.requests import stop_request

MAX_FRAME_BYTES: Final = 8192
"""Largest binary frame that the API allows."""

CLEAN_CLOSE_CODES: Final = frozenset({1000, 1005})
"""Close codes that say "done": normal closure, and a close frame that carries no code."""


class State(enum.IntEnum):
    """Where one connection is.

    * ``NEW``: open, nothing said yet.
    * ``STARTING``: ``start_request`` is out; audio would be lost.
    * ``LISTENING``: ``recognition_started`` came; ``started_listening`` does not count, it may precede the recogniser.
    * ``STOPPING``: ``stop_request`` is out; results still come.
    * ``COMPLETED``: the host finalised the conversation as asked; close with 1000.
    * ``FAILED``: this attempt is over, the cause is remembered; close.
    * ``CLOSED``: the WebSocket is gone. Final.
    """

    NEW = 0
    STARTING = 1
    LISTENING = 2
    STOPPING = 3
    COMPLETED = 4
    FAILED = 5
    CLOSED = 6


class Trigger(enum.IntEnum):
    """What moves a connection on. The first two are ours, the others the peer's."""

    START = 0
    STOP = 1
    RECOGNITION_STARTED = 2
    ERROR = 3
    COMPLETION = 4
    CLOSE = 5


# A pair that is missing leaves the state as it is when the trigger is the peer's, and is a bug when it is ours.
#
# An error fails the attempt only before recognition started; later it is news, and the socket decides. A completion
# that nobody asked for is a failure: audio that we still hold would never be recognised.
_TRANSITIONS: Final[dict[State, dict[Trigger, State]]] = {
    State.NEW: {
        Trigger.START: State.STARTING,
        Trigger.ERROR: State.FAILED,
        Trigger.COMPLETION: State.FAILED,
        Trigger.CLOSE: State.CLOSED,
    },
    State.STARTING: {
        Trigger.STOP: State.STOPPING,
        Trigger.RECOGNITION_STARTED: State.LISTENING,
        Trigger.ERROR: State.FAILED,
        Trigger.COMPLETION: State.FAILED,
        Trigger.CLOSE: State.CLOSED,
    },
    State.LISTENING: {
        Trigger.STOP: State.STOPPING,
        Trigger.COMPLETION: State.FAILED,
        Trigger.CLOSE: State.CLOSED,
    },
    State.STOPPING: {
        Trigger.COMPLETION: State.COMPLETED,
        Trigger.CLOSE: State.CLOSED,
    },
    State.COMPLETED: {Trigger.CLOSE: State.CLOSED},
    State.FAILED: {Trigger.CLOSE: State.CLOSED},
    State.CLOSED: {},
}

_OURS: Final = frozenset({Trigger.START, Trigger.STOP})


def _require(condition: bool, message: str) -> None:
    """Check our own calls, under ``python -O`` too."""
    if not condition:
        raise AssertionError(message)


class SymblProtocol:
    """One WebSocket's worth of protocol.

    Invariants: audio leaves only while ``LISTENING``; nothing is left to send once ``FAILED`` or ``CLOSED``; the cause,
    once remembered, does not change.

    After any ``await`` the peer may have moved the state on: look at ``state`` right before ``send_audio``, ``modify``
    and ``stop``.
    """

    def __init__(self) -> None:
        self._state = State.NEW
        self._cause: SymblError | None = None
        self._frames: list[bytes | str] = []
        self._events: list[ServerEvent] = []
        self._symbl_conversation_id: str | None = None
        self._close_code: int | None = None
        self._unknown_total = 0
        self._malformed_total = 0
        self._skipped_total = 0

    def __repr__(self) -> str:
        return (
            f"<SymblProtocol {self._state.name} symbl_conversation_id={self._symbl_conversation_id}"
            f" frames={len(self._frames)} events={len(self._events)} close_code={self._close_code}>"
        )

    @property
    def state(self) -> State:
        """Where this connection is."""
        return self._state

    @property
    def symbl_conversation_id(self) -> str | None:
        """The host's own id of the conversation; None until the host named it."""
        return self._symbl_conversation_id

    @property
    def close_code(self) -> int | None:
        """Close code of the WebSocket; None while it is open, or when it ended without a close frame."""
        return self._close_code

    @property
    def unknown_total(self) -> int:
        """Messages of unknown type so far."""
        return self._unknown_total

    @property
    def malformed_total(self) -> int:
        """Frames without the essentials so far."""
        return self._malformed_total

    @property
    def skipped_total(self) -> int:
        """Unusable elements inside otherwise usable messages so far."""
        return self._skipped_total

    # --- our side ---

    def start(self, request: Mapping[str, object]) -> None:
        """Send ``start_request``. Only as the first thing on a connection."""
        _require(request.get("type") == "start_request", "start() takes a start_request")
        self._apply(Trigger.START)
        self._send_json(request)

    def send_audio(self, payload: bytes) -> None:
        """Send one frame of audio, 1 to ``MAX_FRAME_BYTES`` bytes of whole samples. Only while ``LISTENING``."""
        _require(self._state is State.LISTENING, f"audio while {self._state.name}")
        _require(0 < len(payload) <= MAX_FRAME_BYTES, f"frame of {len(payload)} bytes")
        self._frames.append(payload)

    def modify(self, request: Mapping[str, object]) -> None:
        """Send ``modify_request``; audio of the new format may follow at once. Only while ``LISTENING``."""
        _require(request.get("type") == "modify_request", "modify() takes a modify_request")
        _require(self._state is State.LISTENING, f"modify_request while {self._state.name}")
        self._send_json(request)

    def stop(self) -> None:
        """Send ``stop_request``: no more audio, keep reading. Only while ``STARTING`` or ``LISTENING``."""
        self._apply(Trigger.STOP)
        self._send_json(stop_request())

    # --- the peer's side ---

    def receive_frame(self, frame: bytes | str) -> None:
        """Receive one message of the peer. Nothing is heard after ``receive_close``."""
        if self._state is State.CLOSED:
            return
        event = parse(frame)
        self._count(event)
        match event:
            case ConversationCreated():
                self._note_conversation(event.conversation_id)
            case RecognitionStarted():
                self._note_conversation(event.conversation_id)
                self._apply(Trigger.RECOGNITION_STARTED)
            case ConversationCompleted():
                self._note_conversation(event.conversation_id)
                self._apply(Trigger.COMPLETION)
                if self._state is State.FAILED:
                    self._remember(ConnectionLostError("the host completed the conversation without being asked to"))
            case Failure():
                self._apply(Trigger.ERROR)
                if self._state is State.FAILED:
                    kind = "processing" if event.nested else "protocol"
                    self._remember(RequestRefusedError(f"{kind} error before recognition started"))
            case _:
                pass
        self._events.append(event)

    def receive_close(self, code: int | None) -> None:
        """Receive the end of the WebSocket. Only the first call counts.

        Args:
            code: close code of the peer; None (or 1006) when there was no close frame.
        """
        before = self._state
        if before is State.CLOSED:
            return
        self._close_code = code
        self._apply(Trigger.CLOSE)
        orderly = before is State.COMPLETED or (before is State.STOPPING and code in CLEAN_CLOSE_CODES)
        if not orderly:
            ending = "without close frame" if code is None else f"with code {code}"
            self._remember(ConnectionLostError(f"connection ended while {before.name} {ending}", code))

    # --- draining ---

    def take_frames(self) -> list[bytes | str]:
        """What is to be sent now, in order: ``str`` as text frames, ``bytes`` as binary ones."""
        frames, self._frames = self._frames, []
        return frames

    def take_events(self) -> list[ServerEvent]:
        """What the peer said since the last call, in order."""
        events, self._events = self._events, []
        return events

    def close_cause(self) -> SymblError | None:
        """Why the connection failed or ended. None while it is alive, and after an orderly end.

        Orderly means completed, or closed cleanly after ``stop_request``. A clean close that was not asked for is a
        fault like any other.
        """
        return self._cause

    # --- internals ---

    def _apply(self, trigger: Trigger) -> None:
        after = _TRANSITIONS[self._state].get(trigger)
        _require(after is not None or trigger not in _OURS, f"{trigger.name} while {self._state.name}")
        if after is None:
            return
        self._state = after
        if after in (State.FAILED, State.CLOSED):
            self._frames.clear()

    def _remember(self, cause: SymblError) -> None:
        if self._cause is None:
            self._cause = cause

    def _note_conversation(self, conversation_id: str | None) -> None:
        if conversation_id is not None:
            self._symbl_conversation_id = conversation_id

    def _send_json(self, request: Mapping[str, object]) -> None:
        self._frames.append(orjson.dumps(request).decode())

    def _count(self, event: ServerEvent) -> None:
        match event:
            case Unknown():
                self._unknown_total += 1
            case Malformed():
                self._malformed_total += 1
            case _:
                self._skipped_total += getattr(event, "skipped", 0)
