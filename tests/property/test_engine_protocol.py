"""The engine's side of the protocol under whatever clients may do."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Iterable
from typing import Any, TypeAlias

import orjson
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.engine.client import Client, Engine, Frame, fetch_token, kind_of
from worker.engine.app import EngineServer
from worker.engine.conversation import (
    Action,
    Audience,
    ChangeFormat,
    Close,
    Conversation,
    Flush,
    LineState,
    Listen,
    Send,
)
from worker.engine.recognizers.coded import encode_utterance
from worker.engine.recognizers.events import AudioFormat, Event, Final, HeardWord, Partial
from worker.engine.requests import ModifyRequest, Ping, StartRequest, StopRequest, Unreadable, parse_text
from worker.engine.settings import EngineSettings

NOW = 1_800_000_000.0
SILENCE_SECONDS = 100.0


def make(**options: Any) -> Conversation:
    counter = itertools.count(1)
    return Conversation(
        "1234567890123456",
        new_id=lambda: f"00000000-0000-4000-8000-{next(counter):012d}",
        find_pii=lambda text: (),
        **{"verbatim": True, "silence_timeout_seconds": SILENCE_SECONDS} | options,
    )


def request(user: str | None, **members: Any) -> StartRequest:
    speaker = None if user is None else {"userId": user}
    parsed = parse_text(orjson.dumps({"type": "start_request", "speaker": speaker, **members}).decode())
    assert isinstance(parsed, StartRequest)
    return parsed


def said(text: str) -> Final:
    return Final(tuple(HeardWord(word, at / 4, at / 4 + 0.2) for at, word in enumerate(text.split())))


# --- the conversation ------------------------------------------------------------------------------------------------

# What a line may be sent next, by what it was sent last: the life cycle that SDKs rely on.
STARTING = ("conversation_created", "started_listening", "recognition_started")
NEXT = {
    "": {"conversation_created"},
    "conversation_created": {"started_listening"},
    "started_listening": {"recognition_started"},
    "recognition_started": {"recognition_result", "session_modified", "recognition_stopped", "conversation_completed"},
    "recognition_result": {"recognition_result", "session_modified", "recognition_stopped", "conversation_completed"},
    "session_modified": {"recognition_result", "session_modified", "recognition_stopped", "conversation_completed"},
    # Idle, unless the completion came before.
    "recognition_stopped": {"conversation_created", "conversation_completed"},
    "conversation_completed": {"recognition_stopped"},
}


class ConversationMachine(RuleBasedStateMachine):
    """Any sequence of starts, results, stops, losses, failures and passing time on several lines."""

    def __init__(self) -> None:
        super().__init__()
        self.conversation = make()
        self.now = NOW
        self.users: dict[int, str | None] = {}
        self.timeouts: dict[int, float] = {}
        self.latest: dict[int, str] = {}
        self.completions: dict[int, int] = {}
        self.closed: set[int] = set()
        self.flushing: set[int] = set()
        # Who was lost and until when they are waited for.
        self.absent: dict[str | None, list[float]] = {}
        self.sequence = 0
        self.over = 0

    # --- what is checked with every input ---

    def check(self, actions: list[Action], number: int = 0, finals: int = 0) -> None:
        responses = 0
        for action in actions:
            match action:
                case Send(audience, line, frame):
                    orjson.dumps(frame)
                    if frame["type"] == "message_response":
                        responses += 1
                        assert frame["sequenceNumber"] == self.sequence, "no gap and no repetition"
                        self.sequence += 1
                    if audience in (Audience.LINE, Audience.LINE_AND_SUBSCRIBERS):
                        assert line is not None
                        self.check_order(line, kind_of(frame))
                case Listen(line):
                    assert line not in self.closed
                    assert line not in self.flushing
                case Flush(line):
                    assert line not in self.flushing
                    self.flushing.add(line)
                case ChangeFormat(line):
                    assert self.conversation.line_state(line) is LineState.LISTENING
                case Close(None):
                    self.over += 1
                case Close(int(line)):
                    assert line not in self.closed
                    self.closed.add(line)
                    self.flushing.discard(line)
        assert responses == finals, f"line {number}: every final result is one message_response"

    def check_order(self, line: int, kind: str) -> None:
        assert line not in self.closed, "nothing follows the close"
        before = self.latest.get(line, "")
        if kind == "error":
            return
        assert kind in NEXT[before], f"{kind} after {before}"
        if kind == "conversation_completed":
            self.completions[line] = self.completions.get(line, 0) + 1
            assert self.completions[line] == 1
        if kind == "conversation_created":
            assert line not in self.completions, "nothing begins after the completion"
        if kind == "recognition_result":
            assert line not in self.completions, "no result after the completion"
        self.latest[line] = kind

    def note_absence(self, line: int) -> None:
        user = self.users[line]
        alive = [other for other in self.users if other != line and self.conversation.line_state(other) is not None]
        if user is None or all(self.users[other] != user for other in alive):
            self.absent.setdefault(user, []).append(self.now + self.timeouts[line])

    # --- inputs ---

    def alive(self) -> list[int]:
        return [line for line in self.users if self.conversation.line_state(line) is not None]

    @precondition(lambda self: not self.conversation.completed and len(self.alive()) < 3)
    @rule(
        user=st.sampled_from([None, "ines", "omar"]),
        timeout=st.sampled_from([60, 0, 300]),
        disconnect=st.booleans(),
        members=st.sampled_from(
            [
                {},
                {"insightTypes": ["question", "topic"]},
                {"trackers": [{"name": "t", "vocabulary": ["b"]}], "config": {"detectEntities": True}},
                {"config": {"redaction": {"redactContent": True, "identifyContent": True}}},
            ]
        ),
    )
    def start(self, user: str | None, timeout: int, disconnect: bool, members: dict[str, Any]) -> None:
        line = len(self.users) + 1
        self.users[line], self.timeouts[line] = user, timeout
        self.absent[user] = [until for until in self.absent.get(user, ()) if until > self.now][1:]
        wanted = request(user, noConnectionTimeout=timeout, disconnectOnStopRequest=disconnect, **members)
        self.check(self.conversation.receive_start(line, wanted, self.now))
        assert self.latest[line] == "recognition_started"

    @precondition(lambda self: self.users)
    @rule(data=st.data(), disconnect=st.booleans())
    def start_again(self, data: st.DataObject, disconnect: bool) -> None:
        """A repeated start changes nothing unless the line is idle, or about to be."""
        line = data.draw(st.sampled_from(sorted(self.users)))
        state = self.conversation.line_state(line)
        if line in self.closed or state is None:
            return
        wanted = request(
            self.users[line], noConnectionTimeout=int(self.timeouts[line]), disconnectOnStopRequest=disconnect
        )
        actions = self.conversation.receive_start(line, wanted, self.now)
        assert bool(actions) == (state is LineState.IDLE)
        self.check(actions)

    @precondition(lambda self: self.users)
    @rule(data=st.data(), events=st.lists(st.sampled_from([Partial("a b"), said("a b?"), said("four 4")]), max_size=3))
    def hear(self, data: st.DataObject, events: list[Event]) -> None:
        line = data.draw(st.sampled_from(sorted(self.users)))
        heard = self.conversation.line_state(line) in (LineState.LISTENING, LineState.STOPPING)
        if not heard and self.conversation.line_state(line) is not None:
            return  # a line without a recogniser has no events
        finals = sum(isinstance(event, Final) for event in events) if heard else 0
        self.check(self.conversation.receive_events(line, events, self.now), line, finals)

    @precondition(lambda self: self.users)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        line = data.draw(st.sampled_from(sorted(self.users)))
        listening = self.conversation.line_state(line) is LineState.LISTENING
        actions = self.conversation.receive_stop(line, self.now)
        assert actions == ([Flush(line)] if listening else [])
        self.check(actions)

    @precondition(lambda self: self.flushing)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        line = data.draw(st.sampled_from(sorted(self.flushing)))
        self.flushing.discard(line)
        comes_back = line in self.lost and not self.ends(line)
        actions = self.conversation.receive_flushed(line, self.now)
        if comes_back:
            self.note_absence(line)
        self.check(actions)

    @property
    def lost(self) -> set[int]:
        return {number for number, line in self.conversation._lines.items() if line.lost}

    def ends(self, line: int) -> bool:
        """Its client wanted no more of it."""
        known = self.conversation._lines.get(line)
        return known is None or known.request.disconnect_on_stop

    @precondition(lambda self: self.users)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        line = data.draw(st.sampled_from(sorted(self.users)))
        if self.conversation.line_state(line) in (LineState.LISTENING, LineState.IDLE):
            self.note_absence(line)
        self.check(self.conversation.receive_loss(line, self.now))

    @precondition(lambda self: self.alive())
    @rule(data=st.data())
    def stop_and_lose(self, data: st.DataObject) -> None:
        """What an impatient client does."""
        line = data.draw(st.sampled_from(sorted(self.alive())))
        if self.conversation.line_state(line) is LineState.LISTENING:
            self.check(self.conversation.receive_stop(line, self.now))
            self.check(self.conversation.receive_loss(line, self.now))

    @precondition(lambda self: self.users)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        line = data.draw(st.sampled_from(sorted(self.users)))
        state = self.conversation.line_state(line)
        if state is LineState.IDLE:
            return  # it has no recogniser
        if state is not None:
            self.note_absence(line)
        actions = self.conversation.receive_failure(line, self.now)
        assert bool(actions) == (state is not None)
        self.check(actions)

    @precondition(lambda self: self.users)
    @rule(data=st.data(), rate=st.sampled_from([8000, 16000]))
    def modify(self, data: st.DataObject, rate: int) -> None:
        line = data.draw(st.sampled_from(sorted(self.users)))
        self.check(self.conversation.receive_format(line, AudioFormat(sample_rate_hz=rate), self.now))

    @rule(seconds=st.sampled_from([1.0, 9.0, 50.0, 200.0, 2000.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.check(self.conversation.receive_time(self.now))

    # --- what always holds ---

    @invariant()
    def is_over_once_and_only_when_nobody_is_left_or_awaited(self) -> None:
        awaited = any(until > self.now for times in self.absent.values() for until in times)
        assert self.over == self.conversation.completed
        if self.users:
            assert self.conversation.completed == (not self.alive() and not awaited)

    @invariant()
    def a_live_conversation_waits_for_something(self) -> None:
        if self.users and not self.conversation.completed:
            assert self.conversation.next_deadline() is not None or self.flushing


ConversationMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)
test_any_sequence_of_inputs = ConversationMachine.TestCase


@given(st.lists(st.tuples(st.sampled_from([0, 5, 60]), st.sampled_from(["loss", "failure"])), min_size=1, max_size=5))
def test_lost_speakers_are_waited_for(losses: list[tuple[int, str]]) -> None:
    """A conversation is over exactly when the last of those who were lost is no longer waited for."""
    conversation = make()
    for line, (seconds, _) in enumerate(losses):
        conversation.receive_start(line, request(f"u{line}", noConnectionTimeout=seconds), NOW)
    for line, (_, kind) in enumerate(losses):
        (conversation.receive_loss if kind == "loss" else conversation.receive_failure)(line, NOW)
    longest = max(seconds for seconds, _ in losses)
    assert conversation.completed == (longest == 0)
    if longest:
        assert conversation.receive_time(NOW + longest - 0.001) == []
        assert not conversation.completed
        assert [action for action in conversation.receive_time(NOW + longest) if isinstance(action, Close)]
        assert conversation.completed


# --- text frames -----------------------------------------------------------------------------------------------------

Json: TypeAlias = Any
_TEXTS = st.text(max_size=12) | st.sampled_from(["", " ", "start_request", "1e999", "-5", "16000", "true", "\x00", "é"])
_SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=10,
)
FULL: Frame = {
    "type": "start_request",
    "id": "1",
    "meetingTitle": "t",
    "insightTypes": ["question", "action_item", "follow_up", "topic"],
    "customVocabulary": ["a"],
    "config": {
        "meetingTitle": "t",
        "confidenceThreshold": 0.1,
        "timezoneOffset": -480,
        "languageCode": "en-US",
        "speechRecognition": {"encoding": "LINEAR16", "sampleRateHertz": 16000},
        "trackers": {"enableAllTrackers": True, "interimResults": True},
        "redaction": {"identifyContent": True, "redactContent": False, "redactionString": "**"},
        "sentiment": True,
        "detectEntities": True,
        "customVocabularyStrength": [{"text": "b"}],
    },
    "trackers": [{"name": "n", "vocabulary": ["gamma", "delta"]}],
    "speaker": {"userId": "wild", "name": "Wild", "role": "x"},
    "noConnectionTimeout": 0,
    "disconnectOnStopRequest": True,
    "disconnectOnStopRequestTimeout": 1,
}
MODIFY: Frame = {
    "type": "modify_request",
    "speechRecognition": {"encoding": "LINEAR16", "sampleRateHertz": 8000},
    "config": {"detectEntities": True, "sentiment": False},
}


@st.composite
def mutated(draw: st.DrawFn, frame: Frame) -> Json:
    """A valid request with some members replaced, taken out or added, at any depth."""
    copy: Json = orjson.loads(orjson.dumps(frame))
    for _ in range(draw(st.integers(0, 4))):
        inner = copy
        while True:
            keys: list[Any] = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(inner[key], dict | list) and draw(st.booleans()):
                inner = inner[key]
                continue
            if draw(st.booleans()):
                inner[key] = draw(_JSON)
            elif isinstance(inner, dict):
                del inner[key]
            break
    return copy


def as_text(value: Json) -> str:
    # orjson refuses what other clients' encoders send.
    import json

    return json.dumps(value)


REQUESTS = st.one_of(mutated(FULL), mutated(MODIFY), _JSON).map(as_text) | st.sampled_from(
    [
        "__PING__",
        "__PONG__",
        "{'type': 'stop_request'}",
        '{"type":"stop_request"}',
        '{"type":"stop_recognition"}',
        '{"type":"start_request","type":"stop_request"}',
        '{"type":"start_request","speaker":{"name":"\\ud800"}}',
        '{"type":"start_request","config":{"speechRecognition":{"sampleRateHertz":1e308}}}',
        '{"type":"start_request","noConnectionTimeout":99999999999999999999999}',
        '{"type":"start_request","speaker":{"deep":' + "[" * 300 + "]" * 300 + "}}",
        "[" * 5_000,
        "9" * 5_000,
        '"' + "x" * 100_000 + '"',
    ]
)


def use(text: str) -> None:
    """Reads a frame and does what a conversation would do with it: nothing may raise, all must be sendable."""
    parsed = parse_text(text)
    assert isinstance(parsed, StartRequest | ModifyRequest | StopRequest | Ping | Unreadable)
    if isinstance(parsed, Unreadable):
        orjson.dumps([parsed.message, parsed.details])
        assert len(parsed.details) < 200
    elif isinstance(parsed, ModifyRequest):
        assert parsed.problem is None or parsed.problem.endswith(".")
        parsed.applied_to(AudioFormat())
    elif isinstance(parsed, StartRequest) and parsed.problem is None:
        conversation = make(verbatim=False, punctuated=True)
        actions = conversation.receive_start(1, parsed, NOW)
        heard: list[Event] = [Partial("gamma"), said("will you send the gamma to Omar by Friday? delta")]
        actions += conversation.receive_events(1, heard, NOW)
        actions += conversation.receive_stop(1, NOW) + conversation.receive_flushed(1, NOW)
        for action in actions:
            if isinstance(action, Send):
                orjson.dumps(action.frame)


@given(REQUESTS | st.text(max_size=50))
@settings(deadline=None, max_examples=200)
def test_any_text_frame(text: str) -> None:
    """Whatever a client says is read or refused; what can be read can be used and answered."""
    use(text)


@given(
    st.sampled_from(["[", '{"a":', '{"type":"start_request","config":', '{"type":"start_request","trackers":[']),
    st.integers(1, 20_000),
)
@settings(deadline=None, max_examples=20)
def test_deep_text_frames(opening: str, depth: int) -> None:
    """Depth costs nothing: it is refused, or counts as a member of the wrong type."""
    closing = opening.translate(str.maketrans("[{", "]}")).replace('"', "")[-1:]
    use(opening * depth)
    use(opening * depth + "1" + closing * depth)


def test_long_text_frames_take_their_time_only_once() -> None:
    """A frame of a megabyte is dealt with in no time that a neighbour would notice, and what is kept of it is small."""
    long = "x" * 1_000_000
    words = [f"word{number}" for number in range(80_000)]
    began = time.perf_counter()
    for frame in (
        {"type": long},
        {"type": "start_request", "speaker": {"userId": long, "name": long, "role": long}},
        {"type": "start_request", "speaker": dict.fromkeys(words, 1)},
        {"type": "start_request", "config": {"languageCode": long, "redaction": {"redactionString": long}}},
        {"type": "start_request", "trackers": [{"name": "n", "vocabulary": words}]},
        {"type": "start_request", "trackers": [{"name": word, "vocabulary": [word]} for word in words[:20_000]]},
        {"type": "start_request", "customVocabulary": words},
    ):
        use(orjson.dumps(frame).decode())
    assert time.perf_counter() - began < 10
    parsed = parse_text(orjson.dumps({"type": "start_request", "speaker": dict.fromkeys(words, 1)}).decode())
    assert isinstance(parsed, StartRequest)
    assert len(orjson.dumps(parsed.speaker.members)) < 5_000


# --- a real engine ---------------------------------------------------------------------------------------------------

Step: TypeAlias = tuple[int, str, Any]
SOCKETS = 3
_AUDIO = st.binary(max_size=200) | st.builds(
    lambda words, cut: encode_utterance("w", words, word_seconds=0.01, gap_seconds=0.01)[cut:],
    st.lists(st.sampled_from(["gamma", "delta?", "epsilon"]), min_size=1, max_size=4),
    st.integers(0, 30),
)
_SPLITS = st.lists(st.integers(0, 300), max_size=3)
STEPS = st.lists(
    st.tuples(
        st.integers(0, SOCKETS - 1),
        st.just("text"),
        st.tuples(REQUESTS, _SPLITS),
    )
    | st.tuples(st.integers(0, SOCKETS - 1), st.just("audio"), st.tuples(_AUDIO, _SPLITS))
    | st.tuples(st.integers(0, SOCKETS - 1), st.just("start"), st.booleans())
    | st.tuples(st.integers(0, SOCKETS - 1), st.just("raw text"), st.binary(max_size=40))
    | st.tuples(st.integers(0, SOCKETS - 1), st.just("close"), st.sampled_from([1000, 1001, 3006, 4000]))
    | st.tuples(st.integers(0, SOCKETS - 1), st.just("drop"), st.none())
    | st.tuples(st.integers(0, SOCKETS - 1), st.just("subscribe"), st.none()),
    min_size=4,
    max_size=16,
)


def cut(data: Any, at: Iterable[int]) -> list[Any]:
    """The pieces of a fragmented message."""
    ends = sorted({min(place, len(data)) for place in at} | {0, len(data)})
    return [data[one:two] for one, two in itertools.pairwise(ends)] or [data]


class Wild:
    """A client that does anything; it listens all the time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._client: Client | None = None
        self._reading: asyncio.Task[list[Frame]] | None = None

    async def do(self, kind: str, detail: Any) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            if self._client is None or self._client.close_code is not None or kind == "subscribe":
                await self.leave()
                await self._connect("/v1/subscribe/" if kind == "subscribe" else "/v1/streaming/")
            assert self._client is not None
            socket = self._client.socket
            match kind, detail:
                case (("text" | "audio"), (data, places)):
                    await socket.send(cut(data, places))
                case "start", bool(disconnect):
                    await self._client.send(**FULL | {"disconnectOnStopRequest": disconnect})
                case "raw text", bytes(data):
                    await socket.send(data, text=True)
                case "close", int(code):
                    await socket.close(code)
                case "drop", _:
                    socket.transport.abort()

    async def _connect(self, path: str) -> None:
        self._client = await self._engine.connect("shared", path=path)
        self._reading = asyncio.create_task(_drain(self._client))

    async def leave(self) -> None:
        if self._client is not None and self._reading is not None:
            self._client.socket.transport.abort()
            await self._reading
        self._client = None


async def _drain(client: Client) -> list[Frame]:
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            await client.socket.recv()
    return []


class Complaints(logging.Handler):
    """Errors and tracebacks of the whole process."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.levelno >= logging.ERROR:
            self.lines.append(self.format(record))


async def survive(steps: list[Step]) -> None:
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    try:
        async with (
            EngineServer(
                EngineSettings(recognizer="coded", completion_grace_seconds=0.05, drain_seconds=1.0)
            ) as server,
            contextlib.AsyncExitStack() as clients,
        ):
            _, answer = await fetch_token(server.base_url)
            engine = Engine(server.base_url, answer["accessToken"], clients, server)
            await meet(engine, steps)
            await nobody_is_left(server)
    finally:
        logging.getLogger().removeHandler(complaints)
    assert complaints.lines == []


async def meet(engine: Engine, steps: list[Step]) -> None:
    """Two well-behaved sessions, one on the same connection id as the wild ones, and the wild ones."""
    near, far = await engine.connect("shared"), await engine.connect("alone")
    await near.start("near", noConnectionTimeout=0)
    await far.start("far", noConnectionTimeout=0, insightTypes=["question"])
    wild = [Wild(engine) for _ in range(SOCKETS)]
    expected = []
    for number, (socket, kind, detail) in enumerate(steps):
        await wild[socket].do(kind, detail)
        text = f"alpha beta{number}?"
        expected.append(text)
        audio = encode_utterance(f"u{number}", text.split(), word_seconds=0.01, gap_seconds=0.01)
        await near.audio(audio)
        await far.audio(audio)
    for each in wild:
        await each.leave()
    frames = await near.stop()
    heard = [message for frame in frames if frame["type"] == "message_response" for message in frame["messages"]]
    assert [each["payload"]["content"] for each in heard if each["from"].get("userId") == "near"] == expected
    sequence = [frame["sequenceNumber"] for frame in frames if frame["type"] == "message_response"]
    assert sequence == sorted(set(sequence))
    # A wild one may have switched redaction on, which holds interim results back.
    own = [frame["message"] for frame in frames if frame["type"] == "message"]
    own = [message["type"] for message in own if message.get("isFinal") is not False]
    assert own == [*STARTING, *["recognition_result"] * len(steps), "conversation_completed", "recognition_stopped"]
    assert near.close_code == 1000
    frames = await far.stop()
    assert far.texts() == expected
    round_ = ["recognition_result"] * 3 + ["message_response", "insight_response"]
    kinds = [kind for kind in far.kinds() if kind != "topic_response"]
    assert kinds == [*STARTING, *round_ * len(steps), "conversation_completed", "recognition_stopped"]
    assert far.close_code == 1000


async def nobody_is_left(server: EngineServer) -> None:
    """Every socket and room is gone, but for a conversation that waits as it was told to."""
    rooms = server._rooms
    async with asyncio.timeout(10):
        while any(True for _ in rooms.sockets()) or rooms.subscriber_count:  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0.01)
    for room in rooms._rooms.values():
        assert not room.sockets
        assert room.conversation is not None
        room.conversation.receive_time(time.time() + 4_000)
        assert room.conversation.completed


@given(STEPS)
@settings(
    deadline=None,
    max_examples=20,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_wild_clients_hurt_nobody(steps: list[Step]) -> None:
    """Any frames, in any pieces, with closes at any time, on several sockets: sessions on the same and on another
    connection id get exactly their results, nothing is complained about, and nothing is left behind."""
    asyncio.run(survive(steps))
