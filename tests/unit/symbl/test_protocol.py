"""The protocol of one WebSocket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from worker.errors import ConnectionLostError, RequestRefusedError
from worker.symbl.messages import (
    ConversationCompleted,
    ConversationCreated,
    Failure,
    Malformed,
    Messages,
    RecognitionStarted,
    RecognitionStopped,
    StartedListening,
    Unknown,
)
from worker.symbl.protocol import MAX_FRAME_BYTES, State, SymblProtocol

START = {"type": "start_request", "config": {}}
MODIFY = {"type": "modify_request", "speechRecognition": {"encoding": "MULAW", "sampleRateHertz": 8000}}


def enveloped(kind: str, **members: Any) -> bytes:
    return orjson.dumps({"type": "message", "message": {"type": kind, **members}})


CREATED = enveloped("conversation_created", data={"conversationId": "42"})
LISTENING = enveloped("started_listening")
STARTED = enveloped("recognition_started", data={"conversationId": "42"})
STOPPED = enveloped("recognition_stopped")
COMPLETED = enveloped("conversation_completed", conversationId="42")
NESTED_ERROR = enveloped("error", payload={"message": "secret words"})
FLAT_ERROR = b'{"type": "error", "message": "secret words"}'
RESULT = b'{"type": "message_response", "messages": [{"payload": {"content": "hi"}}, 7]}'


def started() -> SymblProtocol:
    protocol = SymblProtocol()
    protocol.start(START)
    return protocol


def listening() -> SymblProtocol:
    protocol = started()
    protocol.receive_frame(STARTED)
    protocol.take_frames()
    protocol.take_events()
    return protocol


def stopping() -> SymblProtocol:
    protocol = listening()
    protocol.stop()
    return protocol


def completed() -> SymblProtocol:
    protocol = stopping()
    protocol.receive_frame(COMPLETED)
    return protocol


def failed() -> SymblProtocol:
    protocol = started()
    protocol.receive_frame(FLAT_ERROR)
    return protocol


def closed() -> SymblProtocol:
    protocol = completed()
    protocol.receive_close(1000)
    return protocol


IN_STATE: dict[State, Callable[[], SymblProtocol]] = {
    State.NEW: SymblProtocol,
    State.STARTING: started,
    State.LISTENING: listening,
    State.STOPPING: stopping,
    State.COMPLETED: completed,
    State.FAILED: failed,
    State.CLOSED: closed,
}


# --- a whole session ---


def test_session() -> None:
    """A session goes from start over audio and stop to completion and a clean close, in order, without a cause."""
    protocol = SymblProtocol()
    assert (protocol.state, protocol.symbl_conversation_id) == (State.NEW, None)
    protocol.start(START)
    for frame in (CREATED, LISTENING):
        protocol.receive_frame(frame)
    assert (protocol.state, protocol.symbl_conversation_id) == (State.STARTING, "42")
    protocol.receive_frame(STARTED)
    assert (protocol.state, protocol.symbl_conversation_id) == (State.LISTENING, "42")
    protocol.send_audio(b"one")
    protocol.modify(MODIFY)
    protocol.send_audio(b"two")
    protocol.receive_frame(RESULT)
    protocol.stop()
    frames = protocol.take_frames()
    assert [orjson.loads(frame) if isinstance(frame, str) else frame for frame in frames] == [
        START,
        b"one",
        MODIFY,
        b"two",
        {"type": "stop_request"},
    ]
    protocol.receive_frame(COMPLETED)
    protocol.receive_frame(STOPPED)
    assert (protocol.state, protocol.close_code) == (State.COMPLETED, None)
    protocol.receive_close(1000)
    assert (protocol.state, protocol.close_code, protocol.close_cause()) == (State.CLOSED, 1000, None)
    assert [type(event) for event in protocol.take_events()] == [
        ConversationCreated,
        StartedListening,
        RecognitionStarted,
        Messages,
        ConversationCompleted,
        RecognitionStopped,
    ]
    assert (protocol.take_frames(), protocol.take_events()) == ([], [])


# --- our own mistakes ---


@pytest.mark.parametrize("state", [state for state in State if state is not State.LISTENING])
def test_audio_only_while_listening(state: State) -> None:
    """Audio or a new format outside LISTENING is a bug of the caller: the host would not hear it."""
    protocol = IN_STATE[state]()
    with pytest.raises(AssertionError, match=state.name):
        protocol.send_audio(b"ab")
    with pytest.raises(AssertionError, match=state.name):
        protocol.modify(MODIFY)
    assert protocol.state is state


@pytest.mark.parametrize("state", [state for state in State if state is not State.NEW])
def test_start_once(state: State) -> None:
    """``start_request`` is the first thing on a connection and is sent once."""
    with pytest.raises(AssertionError, match=state.name):
        IN_STATE[state]().start(START)


@pytest.mark.parametrize("state", [state for state in State if state not in (State.STARTING, State.LISTENING)])
def test_stop_only_what_runs(state: State) -> None:
    """Only what was started and not yet stopped can be stopped."""
    with pytest.raises(AssertionError, match=state.name):
        IN_STATE[state]().stop()


def test_frame_sizes() -> None:
    """A frame of audio has 1 to MAX_FRAME_BYTES bytes."""
    protocol = listening()
    protocol.send_audio(bytes(MAX_FRAME_BYTES))
    for size in (0, MAX_FRAME_BYTES + 1):
        with pytest.raises(AssertionError, match="bytes"):
            protocol.send_audio(bytes(size))
    assert len(protocol.take_frames()) == 1


def test_request_types() -> None:
    """``start`` and ``modify`` take their own request only."""
    with pytest.raises(AssertionError, match="start_request"):
        SymblProtocol().start(MODIFY)
    with pytest.raises(AssertionError, match="modify_request"):
        listening().modify(START)


# --- failures ---


@pytest.mark.parametrize("error", [FLAT_ERROR, NESTED_ERROR])
@pytest.mark.parametrize("state", [State.NEW, State.STARTING])
def test_error_before_recognition(state: State, error: bytes) -> None:
    """An error before recognition started fails the attempt for good; what was still to be sent is dropped."""
    protocol = IN_STATE[state]()
    protocol.receive_frame(error)
    assert (protocol.state, protocol.take_frames()) == (State.FAILED, [])
    cause = protocol.close_cause()
    assert isinstance(cause, RequestRefusedError)
    assert "secret" not in str(cause)
    assert [type(event) for event in protocol.take_events()] == [Failure]


@pytest.mark.parametrize("error", [FLAT_ERROR, NESTED_ERROR])
@pytest.mark.parametrize("state", [State.LISTENING, State.STOPPING, State.COMPLETED])
def test_later_error(state: State, error: bytes) -> None:
    """An error once recognition had started is news, not the end."""
    protocol = IN_STATE[state]()
    protocol.take_events()
    protocol.receive_frame(error)
    assert (protocol.state, protocol.close_cause()) == (state, None)
    assert [type(event) for event in protocol.take_events()] == [Failure]


@pytest.mark.parametrize("state", [State.NEW, State.STARTING, State.LISTENING])
def test_unasked_completion(state: State) -> None:
    """A completion that nobody asked for is a loss: our audio would never be recognised. It may be retried."""
    protocol = IN_STATE[state]()
    protocol.receive_frame(COMPLETED)
    assert protocol.state is State.FAILED
    assert isinstance(protocol.close_cause(), ConnectionLostError)


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 4000, None])
@pytest.mark.parametrize("state", [State.NEW, State.STARTING, State.LISTENING])
def test_unasked_close(state: State, code: int | None) -> None:
    """A close that nobody asked for is a loss, however clean."""
    protocol = IN_STATE[state]()
    protocol.receive_close(code)
    cause = protocol.close_cause()
    assert isinstance(cause, ConnectionLostError)
    assert (cause.code, protocol.state, protocol.take_frames()) == (code, State.CLOSED, [])


@pytest.mark.parametrize(("code", "orderly"), [(1000, True), (1005, True), (1001, False), (1011, False), (None, False)])
def test_close_after_stop(code: int | None, orderly: bool) -> None:
    """After ``stop_request`` a clean close is the end; any other one may have cost results."""
    protocol = stopping()
    protocol.receive_close(code)
    assert (protocol.close_cause() is None) is orderly


@pytest.mark.parametrize("code", [1000, 1006, None])
def test_close_after_completion(code: int | None) -> None:
    """After completion it does not matter how the socket ends."""
    protocol = completed()
    protocol.receive_close(code)
    assert protocol.close_cause() is None


def test_first_cause_stays() -> None:
    """The first cause is the cause: neither a close nor another error replaces it, nor a second close."""
    protocol = failed()
    cause = protocol.close_cause()
    protocol.receive_frame(COMPLETED)
    protocol.receive_frame(NESTED_ERROR)
    protocol.receive_close(1008)
    protocol.receive_close(1000)
    assert protocol.close_cause() is cause
    assert protocol.close_code == 1008


def test_nothing_after_close() -> None:
    """Frames that surface after the close are not heard."""
    protocol = closed()
    protocol.take_events()
    protocol.receive_frame(RESULT)
    assert protocol.take_events() == []


def test_stop_while_starting() -> None:
    """A stream may end before recognition started; a late start of recognition does not bring it back."""
    protocol = started()
    protocol.stop()
    protocol.receive_frame(STARTED)
    assert protocol.state is State.STOPPING
    assert len(protocol.take_frames()) == 2


def test_recognition_stopped_moves_nothing() -> None:
    """``recognition_stopped`` is an event only: hosts send it before or after the completion, or for other speakers."""
    for protocol in (listening(), stopping()):
        state = protocol.state
        protocol.receive_frame(STOPPED)
        assert protocol.state is state


def test_counts() -> None:
    """What was not understood is counted by kind."""
    protocol = listening()
    for frame in (b"?", b'{"type": "x"}', "__PONG__", RESULT):
        protocol.receive_frame(frame)
    assert (protocol.malformed_total, protocol.unknown_total, protocol.skipped_total) == (2, 1, 1)
    assert [type(event) for event in protocol.take_events()] == [Malformed, Unknown, Malformed, Messages]


def test_repr() -> None:
    """The ``repr`` says where the connection is, in one line and without content."""
    protocol = listening()
    protocol.send_audio(b"secret")
    protocol.receive_frame(FLAT_ERROR)
    assert repr(protocol) == "<SymblProtocol LISTENING symbl_conversation_id=42 frames=1 events=1 close_code=None>"


# --- properties ---

PEER_FRAMES = st.sampled_from(
    [
        CREATED,
        LISTENING,
        STARTED,
        STOPPED,
        COMPLETED,
        NESTED_ERROR,
        FLAT_ERROR,
        RESULT,
        b"?",
        b'{"type": "x"}',
        "\ud800",
    ]
)


@given(st.lists(PEER_FRAMES | st.binary() | st.text()), st.none() | st.integers())
def test_peer_never_raises(frames: list[bytes | str], code: int | None) -> None:
    """No sequence of frames and no close code raises; every frame before the close gives one event."""
    protocol = started()
    for frame in frames:
        protocol.receive_frame(frame)
    protocol.receive_close(code)
    assert len(protocol.take_events()) == len(frames)
    assert protocol.close_cause() is not None


class Conversation(RuleBasedStateMachine):
    """Any mixture of allowed calls and peer behaviour."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol = SymblProtocol()
        self.sent: list[bytes | str] = []
        self.audio: list[bytes] = []
        self.heard = 0
        self.received = 0
        self.states = [State.NEW]
        self.causes: list[object] = []

    @precondition(lambda self: self.protocol.state is State.NEW)
    @rule()
    def start(self) -> None:
        self.protocol.start(START)

    @precondition(lambda self: self.protocol.state is State.LISTENING)
    @rule(payload=st.binary(min_size=1, max_size=8))
    def send_audio(self, payload: bytes) -> None:
        self.protocol.send_audio(payload)
        self.audio.append(payload)

    @precondition(lambda self: self.protocol.state is State.LISTENING)
    @rule()
    def modify(self) -> None:
        self.protocol.modify(MODIFY)

    @precondition(lambda self: self.protocol.state in (State.STARTING, State.LISTENING))
    @rule()
    def stop(self) -> None:
        self.protocol.stop()

    @rule(frame=PEER_FRAMES | st.just(STARTED) | st.binary(max_size=8))
    def receive_frame(self, frame: bytes | str) -> None:
        self.received += self.protocol.state is not State.CLOSED
        self.protocol.receive_frame(frame)

    @precondition(lambda self: self.received > 3)
    @rule(code=st.sampled_from([1000, 1005, 1006, 1011, None]))
    def receive_close(self, code: int | None) -> None:
        self.protocol.receive_close(code)

    @rule()
    def take(self) -> None:
        self.sent += self.protocol.take_frames()
        self.heard += len(self.protocol.take_events())

    @invariant()
    def states_only_advance(self) -> None:
        """A connection never goes back, so whatever was decided on a state stays true of later ones."""
        state = self.protocol.state
        assert state >= self.states[-1]
        self.states.append(state)

    @invariant()
    def cause_is_stable(self) -> None:
        """A cause appears with the failure and stays; an end after completion has none."""
        cause = self.protocol.close_cause()
        if cause is not None or self.causes:
            self.causes.append(cause)
        assert len({id(cause) for cause in self.causes}) <= 1
        assert (cause is not None) or self.protocol.state is not State.FAILED
        assert cause is None or State.COMPLETED not in self.states

    @invariant()
    def nothing_left_after_failure(self) -> None:
        """A failed or closed connection has nothing to send."""
        if self.protocol.state in (State.FAILED, State.CLOSED):
            assert self.protocol.take_frames() == []

    def teardown(self) -> None:
        self.take()
        assert self.heard == self.received
        binary = [frame for frame in self.sent if isinstance(frame, bytes)]
        assert binary == self.audio[: len(binary)]
        texts = [orjson.loads(frame)["type"] for frame in self.sent if isinstance(frame, str)]
        assert texts[:1] in ([], ["start_request"])
        assert texts.count("start_request") <= 1
        assert "stop_request" not in texts[:-1]
        if self.sent and isinstance(self.sent[-1], bytes):
            assert "stop_request" not in texts


TestConversation = Conversation.TestCase
