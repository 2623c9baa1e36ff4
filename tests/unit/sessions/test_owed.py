"""What a lost socket owes: asked for at the end, of a real engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import orjson
import pytest
from prometheus_client import CollectorRegistry

from tests.contracts import check
from tests.unit.engine.client import fetch_token
from worker.engine.app import EngineServer
from worker.engine.recognizers.coded import encode_utterance
from worker.engine.settings import EngineSettings
from worker.metrics import Metrics
from worker.output.events import insight_id
from worker.records import Coordinates, InputRecord, Insight, LifeCycle, Output, RedactedMessage
from worker.sessions.lane import Lane
from worker.sessions.owed import OwedRequest
from worker.sessions.policy import ConversationPolicy
from worker.sessions.runner import RunnerPolicy, SessionRunner
from worker.sessions.session import SessionPolicy
from worker.sessions.state import load_record
from worker.sessions.subscription import Served
from worker.symbl.connection import Endpoint, SymblConnection
from worker.symbl.conversation_api import ConversationApi
from worker.symbl.findings import Findings
from worker.symbl.retry import DialPolicy

PATIENCE_SECONDS = 20.0
QUESTION = "What is the price of the annual subscription ?"
POLICY = ConversationPolicy(
    session=SessionPolicy(pace=0.0, stop_timeout_seconds=5.0),
    insight_types=("question", "action_item"),
    detect_entities=False,
)


class CutConnection:
    """A socket that may be cut right before a kind of message is received."""

    def __init__(self, inner: SymblConnection, cut_before: Callable[[], str | None]) -> None:
        self._inner = inner
        self._cut_before = cut_before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for frame in self._inner:
            kind = self._cut_before()
            if kind is not None and f'"type":"{kind}"'.encode() in frame.replace(b" ", b""):
                self._inner.abort()
                return
            yield frame


class Worker:
    """One lane on an engine; records go in by hand, batches are taken and kept."""

    def __init__(self, base_url: str, token: str, http: aiohttp.ClientSession) -> None:
        self.cut_before: str | None = None
        self.outputs: list[Output] = []
        self.states: dict[bytes, bytes | None] = {}
        self.requests: list[OwedRequest] = []
        self.answers = True
        self.tasks: set[asyncio.Task[None]] = set()
        self.offset = -1
        self._token = token
        self._endpoint = Endpoint(base_url=base_url)
        self._metrics = Metrics(CollectorRegistry())
        self.api = ConversationApi(base_url, self.token, lambda _: None, http)
        self.take_over()

    async def token(self) -> str:
        return self._token

    def take_over(self) -> None:
        """Begin, or go on from the states after a crash."""
        for task in self.tasks:
            task.cancel()
        self.runners: list[SessionRunner] = []
        self.lane = Lane(
            topic="audio",
            partition=0,
            position=self.offset + 1,
            policy=POLICY,
            on_session=self._on_session,
            on_owed=self._on_owed,
        )
        self.lane.restore([load_record(value) for value in self.states.values() if value], time.monotonic())

    async def dial(self, conversation_id: str) -> Any:
        inner = await SymblConnection.open(self._endpoint, conversation_id, self._token)
        return CutConnection(inner, lambda: self.cut_before)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)

    def _on_session(self, session: Served) -> None:
        policy = RunnerPolicy(DialPolicy(initial_seconds=0.01, cap_seconds=0.1), 1.0, 5.0)
        runner = SessionRunner(session, self.dial, policy, self._metrics)
        self.runners.append(runner)
        self._spawn(runner.run())

    def _on_owed(self, request: OwedRequest) -> None:
        self.requests.append(request)
        if self.answers:
            self._spawn(self._answer(request))

    async def _answer(self, request: OwedRequest) -> None:
        request.answer(await self.api.fetch(request.symbl_conversation_ids, request.kinds))

    def receive(self, value: bytes, **headers: str) -> None:
        self.offset += 1
        coordinates = Coordinates("audio", 0, self.offset, 0)
        encoded = tuple((name, text.encode()) for name, text in headers.items())
        record = InputRecord(coordinates=coordinates, key=b"call-1", value=value, headers=encoded)
        self.lane.receive(record, time.monotonic())
        for runner in self.runners:
            runner.wake()

    def say(self, stream: str, text: str) -> None:
        audio = encode_utterance(f"u{self.offset}", text.split(), word_seconds=0.05, gap_seconds=0.1)
        self.receive(audio, stream=stream)

    def publish(self) -> None:
        self.lane.tick(time.monotonic())
        batch = self.lane.take_batch()
        self.outputs += batch.outputs
        self.states.update(batch.states)
        self.lane.committed(batch.position)

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not reached():
                await asyncio.sleep(0.01)
                self.publish()

    def count(self, event: str) -> int:
        return sum(isinstance(each, LifeCycle) and each.event == event for each in self.outputs)

    @property
    def messages(self) -> list[RedactedMessage]:
        return [each for each in self.outputs if isinstance(each, RedactedMessage)]

    @property
    def questions(self) -> list[Insight]:
        return [each for each in self.outputs if isinstance(each, Insight) and each.kind == "question"]

    @property
    def ended(self) -> LifeCycle:
        (record,) = (each for each in self.outputs if isinstance(each, LifeCycle) and each.event == "ended")
        return record

    async def lose_the_insight(self) -> None:
        """Two streams; a question is asked, and every socket is cut between its message and its insight."""
        self.say("1", "Good morning")
        await self.until(lambda: len(self.messages) == 1)
        self.cut_before = "insight_response"
        self.say("0", QUESTION)
        await self.until(lambda: len(self.messages) == 2 and self.count("resumed") >= 1)
        self.cut_before = None
        assert not self.questions


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    settings = EngineSettings(recognizer="coded", completion_grace_seconds=0.1, drain_seconds=1.0)
    async with EngineServer(settings) as server, aiohttp.ClientSession() as http:
        _, answer = await fetch_token(server.base_url)
        worker = Worker(server.base_url, answer["accessToken"], http)
        yield worker
        for task in worker.tasks:
            task.cancel()
        await asyncio.gather(*worker.tasks, return_exceptions=True)


def assert_recovered(worker: Worker, **owed: object) -> None:
    (insight,) = worker.questions
    message = next(each for each in worker.messages if each.masked.text == QUESTION)
    assert insight.message_ids == (message.origin.id,)
    assert insight.origin.stream == "0"
    found = [each for each in worker.outputs if isinstance(each, Insight) and each.origin.stream == "0"]
    assert [each.origin.sequence for each in found] == list(range(len(found)))
    assert insight.origin.id == insight_id(
        topic="audio",
        partition=0,
        conversation_id="call-1",
        stream="0",
        opened_offset=0,
        message_sequence=message.origin.sequence,
        kind="question",
        ordinal=0,
    )
    detail = worker.ended.detail
    assert isinstance(detail["owed"], dict)
    assert detail["owed"] == detail["owed"] | owed
    check("conversations.json", orjson.loads(orjson.dumps(_record(worker.ended))))


def _record(life_cycle: LifeCycle) -> dict[str, object]:
    names = ("id", "conversation_id", "event", "sequence", "stream", "symbl_conversation_id", "reason", "detail")
    return {name: getattr(life_cycle, name) for name in names}


async def test_an_insight_that_a_lost_socket_did_not_bring_is_published_at_the_end(worker: Worker) -> None:
    """Once, in its stream, under the id that it would have had; the end tells of it."""
    await worker.lose_the_insight()
    worker.receive(b"", event="end")
    await worker.until(lambda: worker.count("ended") == 1)
    assert_recovered(worker, recovered=1, dropped=0, failed=None)
    assert len(worker.messages) == 2
    assert worker.questions[0].masked.text == QUESTION


async def test_a_crash_before_the_answer_repeats_the_question(worker: Worker) -> None:
    """What is owed is in the state: the next owner asks, and what comes meanwhile is of the next opening."""
    await worker.lose_the_insight()
    worker.answers = False
    worker.receive(b"", event="end")
    await worker.until(lambda: bool(worker.requests))
    worker.publish()
    assert worker.count("ended") == 0
    worker.take_over()
    await worker.until(lambda: len(worker.requests) == 2)
    worker.requests[0].answer(Findings())
    worker.say("0", "Hello again")
    worker.publish()
    assert worker.count("ended") == 0
    request = worker.requests[1]
    request.answer(await worker.api.fetch(request.symbl_conversation_ids, request.kinds))
    worker.publish()
    assert_recovered(worker, recovered=1, failed=None)
    request.answer(Findings())
    await worker.until(lambda: len(worker.messages) == 3)
    assert worker.messages[2].origin.sequence == 0
    assert worker.count("started") == 2


async def test_a_host_that_forgot_is_no_reason_to_wait(worker: Worker) -> None:
    """The end comes without what nobody has any more, and says why."""
    await worker.lose_the_insight()
    worker.answers = False
    worker.receive(b"", event="end")
    await worker.until(lambda: bool(worker.requests))
    worker.requests[0].answer(await worker.api.fetch(["0000000000000000"], worker.requests[0].kinds))
    worker.publish()
    owed = worker.ended.detail["owed"]
    assert isinstance(owed, dict)
    assert (owed["recovered"], owed["failed"]) == (0, "unknown_conversation")


async def test_nothing_is_asked_when_nothing_is_owed(worker: Worker) -> None:
    """A conversation whose sockets were never lost ends at once."""
    worker.say("0", QUESTION)
    worker.say("1", "Good morning")
    worker.receive(b"", event="end")
    await worker.until(lambda: worker.count("ended") == 1)
    assert not worker.requests
    assert "owed" not in worker.ended.detail
    assert len(worker.questions) == 1
