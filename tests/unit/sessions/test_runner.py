"""The socket of one session, on a scripted peer."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry

from tests.unit.sessions.world import keep_in
from worker.errors import (
    AuthenticationError,
    ConnectionLostError,
    RequestRefusedError,
    SymblError,
    SymblUnavailableError,
)
from worker.metrics import Metrics
from worker.records import Coordinates, DeadLetter, InputRecord
from worker.sessions.lane import Lane
from worker.sessions.policy import ConversationPolicy
from worker.sessions.runner import Connection, RunnerPolicy, SessionRunner
from worker.sessions.session import Phase, Session, SessionPolicy
from worker.symbl.retry import DialPolicy

STARTED = json.dumps({"type": "message", "message": {"type": "recognition_started", "data": {"conversationId": "1"}}})
TWO_REFUSALS = SessionPolicy(max_refusals=2)
QUICK = RunnerPolicy(DialPolicy(initial_seconds=0.01, cap_seconds=0.02), healthy_seconds=60, ping_seconds=0.02)


class Peer:
    """A socket whose other side says what it is told to, and remembers what it hears."""

    def __init__(self, *says: str) -> None:
        self.heard: list[bytes | str] = []
        self.pings = 0
        self.answers_pings = True
        self.close_code: int | None = None
        self.aborted = False
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue()
        for text in says:
            self._frames.put_nowait(text.encode())

    def drop(self) -> None:
        """The connection goes without a close frame."""
        self._frames.put_nowait(None)

    def say(self, text: str) -> None:
        self._frames.put_nowait(text.encode())

    async def send(self, frame: bytes | str) -> None:
        self.heard.append(frame)

    async def ping(self) -> None:
        self.pings += 1
        if not self.answers_pings:
            self.close_code = 1011
            self.drop()
            raise ConnectionLostError("no pong")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (frame := await self._frames.get()) is not None:
            yield frame

    async def close(self) -> None:
        self.close_code = 1000
        self.drop()

    def abort(self) -> None:
        self.aborted = True


class Desk:
    """A lane with one stream, and the runner of its session."""

    def __init__(
        self,
        dial: Callable[[str], Awaitable[Connection]],
        policy: SessionPolicy = TWO_REFUSALS,
        may_speak: Callable[[], bool] = lambda: True,
    ) -> None:
        sessions: list[Session] = []
        self.metrics = Metrics(CollectorRegistry())
        self.lane = Lane(
            topic="audio",
            partition=0,
            position=0,
            policy=ConversationPolicy(session=policy),
            on_session=keep_in(sessions),
        )
        self.offset = 0
        self.speak()
        self.runner = SessionRunner(sessions[0], dial, QUICK, self.metrics, may_speak=may_speak)
        self.task = asyncio.create_task(self.runner.run())

    def speak(self) -> None:
        """100 ms of audio."""
        place = Coordinates("audio", 0, self.offset, 0)
        self.lane.receive(InputRecord(coordinates=place, key=b"call", value=b"\1\0" * 1600), 0.0)
        self.offset += 1

    def value(self, name: str, **labels: str) -> float:
        """A metric's value."""
        return self.metrics.registry.get_sample_value(f"symbl_worker_{name}", labels) or 0.0

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something, a second at most."""
        async with asyncio.timeout(1):
            while not true():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.005)

    async def leave(self) -> None:
        """Cancel the runner, as a hand-over does."""
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


def always(peer: Peer) -> Callable[[str], Awaitable[Connection]]:
    """Dialling that leads to the same peer."""

    async def dial(_: str) -> Connection:
        return peer

    return dial


async def test_audio_follows_the_start() -> None:
    """The request is sent at once, audio when the host listens."""
    peer = Peer(STARTED)
    desk = Desk(always(peer))
    await desk.until(lambda: len(peer.heard) == 2)
    assert json.loads(peer.heard[0])["type"] == "start_request"
    assert peer.heard[1] == b"\1\0" * 1600
    await desk.leave()


async def test_a_hand_over_drops_the_socket_without_a_stop() -> None:
    """Whoever continues the stream finds the conversation open: no `stop_request` is sent, the socket is dropped."""
    peer = Peer(STARTED)
    desk = Desk(always(peer))
    await desk.until(lambda: len(peer.heard) == 2)
    await desk.leave()
    assert peer.aborted
    assert peer.close_code is None
    assert not any("stop_request" in frame for frame in peer.heard if isinstance(frame, str))


async def test_a_lost_socket_is_dialled_again() -> None:
    """After a drop the next socket begins with the same audio."""
    peers = [Peer(STARTED), Peer(STARTED)]
    waiting = iter(peers)

    async def dial(_: str) -> Connection:
        return next(waiting)

    desk = Desk(dial)
    await desk.until(lambda: len(peers[0].heard) == 2)
    peers[0].drop()
    await desk.until(lambda: len(peers[1].heard) == 2)
    assert peers[1].heard[1] == peers[0].heard[1]
    assert desk.value("sockets_lost_total") == 1
    await desk.leave()


async def test_a_host_that_never_listens_is_dialled_again() -> None:
    """A socket on which nothing ever comes is given up after the start timeout."""
    dialled: list[Peer] = []

    async def dial(_: str) -> Connection:
        dialled.append(Peer())
        return dialled[-1]

    desk = Desk(dial, SessionPolicy(start_timeout_seconds=0.05))
    await desk.until(lambda: len(dialled) >= 3)
    assert dialled[0].aborted
    await desk.leave()


@pytest.mark.parametrize("error", [AuthenticationError("refused"), SymblUnavailableError("down")])
async def test_trouble_of_the_host_costs_no_stream(error: SymblError) -> None:
    """Refused credentials and an absent host are waited for: nothing becomes a dead letter."""
    attempts = 0

    async def dial(_: str) -> Connection:
        nonlocal attempts
        attempts += 1
        raise error

    desk = Desk(dial)
    await desk.until(lambda: attempts >= 5)
    assert not desk.runner.session.is_over
    assert desk.value("dials_total", outcome=type(error).__name__) >= 5
    await desk.leave()


async def test_a_refused_request_costs_this_stream() -> None:
    """A request that the host refuses again and again makes the stream's audio dead letters, and ends its runner."""

    async def dial(_: str) -> Connection:
        raise RequestRefusedError("handshake: HTTP 400")

    desk = Desk(dial)
    async with asyncio.timeout(1):
        await desk.task
    letters = [output for output in desk.lane.take_batch().outputs if isinstance(output, DeadLetter)]
    assert len(letters) == 1


async def test_odd_messages_are_counted() -> None:
    """Messages of unknown type and unreadable ones hurt nobody, and are counted when the socket is gone."""
    peer = Peer(STARTED, '{"type": "news"}', "not json", "[]")
    desk = Desk(always(peer))
    await desk.until(lambda: len(peer.heard) == 2)
    await desk.until(lambda: desk.value("received_frames_total") == 4)
    peer.drop()
    await desk.until(lambda: desk.value("sockets_lost_total") >= 1)
    assert desk.value("unknown_messages_total") >= 1
    assert desk.value("malformed_messages_total") >= 2
    await desk.leave()


async def test_a_bug_costs_one_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody expected gives up this stream, with dead letters, and is not raised any further."""
    peer = Peer(STARTED)

    def broken(*_: object) -> None:
        raise KeyError("what was said")

    desk = Desk(always(peer))
    monkeypatch.setattr(desk.runner.session, "take_frames", broken)
    async with asyncio.timeout(1):
        await desk.task
    letters = [output for output in desk.lane.take_batch().outputs if isinstance(output, DeadLetter)]
    assert [letter.detail for letter in letters] == ["the stream was given up: internal_error"]


# --- pings ---


async def test_pongs_settle_silence() -> None:
    """The socket is pinged again and again, and what the pongs prove is settled."""
    peer = Peer(STARTED)
    desk = Desk(always(peer), SessionPolicy(silence_horizon_seconds=0.05))
    async with asyncio.timeout(5):
        while desk.lane.ledger.commit_position == 0:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
    assert peer.pings > 2
    assert not peer.aborted
    await desk.leave()


async def test_a_socket_without_pongs_is_lost() -> None:
    """What was sent into it is sent again on the next one, however long ago it was sent."""
    peers = [Peer(STARTED), Peer(STARTED)]
    peers[0].answers_pings = False
    waiting = iter(peers)

    async def dial(_: str) -> Connection:
        return next(waiting)

    desk = Desk(dial, SessionPolicy(silence_horizon_seconds=0.01))
    await desk.until(lambda: len(peers[1].heard) == 2)
    assert peers[0].aborted
    assert peers[1].heard[1] == peers[0].heard[1] == b"\1\0" * 1600
    assert desk.value("sockets_lost_total") == 1
    await desk.leave()


async def test_a_bug_in_what_a_pong_leads_to_costs_one_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """No task of a runner ends unseen."""

    def broken(*_: object) -> None:
        raise KeyError("what was said")

    desk = Desk(always(Peer(STARTED)))
    monkeypatch.setattr(desk.runner.session, "connection_confirmed", broken)
    async with asyncio.timeout(1):
        await desk.task
    assert desk.runner.session.phase is Phase.FAILED


# --- who may not speak ---


class Voice:
    """Whether the stream is this worker's beyond doubt."""

    def __init__(self) -> None:
        self.is_ours = True

    def __call__(self) -> bool:
        return self.is_ours


async def test_who_may_not_speak_sends_nothing_until_it_may() -> None:
    """Audio that is read meanwhile waits, the socket stays open, and everything is sent in order afterwards."""
    peer, voice = Peer(STARTED), Voice()
    desk = Desk(always(peer), may_speak=voice)
    await desk.until(lambda: len(peer.heard) == 2)
    voice.is_ours = False
    desk.speak()
    desk.runner.wake()
    await asyncio.sleep(0.1)
    assert len(peer.heard) == 2
    assert not peer.aborted
    voice.is_ours = True
    desk.runner.wake()
    await desk.until(lambda: len(peer.heard) == 3)
    await desk.leave()


async def test_who_may_not_speak_listens() -> None:
    """What the host says meanwhile counts; if the stream turns out to be somebody else's, all of the lane goes."""
    peer, voice = Peer(STARTED), Voice()
    desk = Desk(always(peer), may_speak=voice)
    await desk.until(lambda: len(peer.heard) == 2)
    voice.is_ours = False
    peer.say(json.dumps({"type": "message", "message": {"type": "conversation_completed"}}))
    await desk.until(lambda: desk.value("received_frames_total") == 2)
    await desk.leave()


async def test_who_may_not_speak_does_not_spin() -> None:
    """Audio that is due and may not be sent does not keep the processor busy."""
    peer, voice = Peer(STARTED), Voice()
    desk = Desk(always(peer), may_speak=voice)
    await desk.until(lambda: len(peer.heard) == 2)
    voice.is_ours = False
    desk.speak()
    desk.runner.wake()
    ticks = 0
    tick = desk.runner.session.tick

    def count(now: float) -> None:
        nonlocal ticks
        ticks += 1
        tick(now)

    desk.runner.session.tick = count  # type: ignore[method-assign]
    await asyncio.sleep(0.1)
    assert ticks <= 10
    await desk.leave()


async def test_who_may_not_speak_does_not_dial() -> None:
    """A runner that waits between two dials does not come back before it may speak."""
    peer, voice, dials = Peer(STARTED), Voice(), 0

    async def dial(_: str) -> Connection:
        nonlocal dials
        dials += 1
        if dials == 1:
            voice.is_ours = False
            raise SymblUnavailableError("down")
        return peer

    desk = Desk(dial, may_speak=voice)
    await desk.until(lambda: dials == 1)
    await asyncio.sleep(0.2)
    assert dials == 1
    voice.is_ours = True
    desk.runner.wake()
    await desk.until(lambda: len(peer.heard) == 2)
    await desk.leave()


async def test_what_came_before_the_loss_is_heard() -> None:
    """Sending finds the connection gone: frames that had come by then, and were not read yet, still count."""
    peer = Peer(STARTED)
    dialled: list[Peer] = []

    async def dial_once(_: str) -> Connection:
        if dialled:
            await asyncio.Event().wait()
        dialled.append(peer)
        return peer

    desk = Desk(dial_once)
    await desk.until(lambda: len(peer.heard) == 2)

    async def send(frame: bytes | str) -> None:
        for number in range(3):
            peer.say(json.dumps({"type": f"late-{number}"}))
        peer.drop()
        raise ConnectionLostError("gone")

    peer.send = send  # type: ignore[method-assign]
    before = desk.value("received_frames_total")
    desk.speak()
    desk.runner.wake()
    await desk.until(lambda: peer.aborted)
    await desk.until(lambda: desk.value("sockets_lost_total") == 1)
    assert desk.value("received_frames_total") == before + 3
    await desk.leave()
