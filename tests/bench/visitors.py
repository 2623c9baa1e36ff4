"""Clients that come and go: short calls, lost connections, subscribers, stops and resumes, and rude ones."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import orjson

from tests.bench.load import BYTES_PER_SECOND, FRAME_BYTES, VOCABULARY
from tests.bench.process import EngineProcess
from tests.bench.sockets import RawSocket, connect
from worker.engine.recognizers.coded import encode_utterance

PATIENCE_SECONDS = 30.0
# Audio comes faster than it would be spoken: this much of its duration.
PACE = 0.1


class Caller(RawSocket):
    """A speaker that waits for what it wants to hear."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: Counter[str] = Counter()
        self.texts: list[str] = []
        self.conversation_id: str | None = None
        self._changed = asyncio.Event()

    def receive_frame(self, data: bytes) -> None:
        frame = orjson.loads(data)
        kind = frame["message"]["type"] if frame["type"] == "message" else frame["type"]
        self.kinds[kind] += 1
        if kind == "message_response":
            self.texts += [message["payload"]["content"] for message in frame["messages"]]
        elif kind == "conversation_created":
            self.conversation_id = frame["message"]["data"]["conversationId"]
        self._changed.set()

    async def until(self, kind: str, count: int = 1) -> None:
        """Waits until so many frames of a kind have come.

        Raises:
            TimeoutError: They do not come.
            ConnectionError: The socket was closed before.
        """
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.kinds[kind] < count:
                if self.closed.done():
                    raise ConnectionError(f"closed before {kind}")
                self._changed.clear()
                await self._changed.wait()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._changed.set()

    def request(self, **members: Any) -> None:
        self.send_text(orjson.dumps(members))

    async def say(self, *utterances: tuple[str, list[str]]) -> None:
        for name, words in utterances:
            audio = encode_utterance(name, words, word_seconds=0.1, gap_seconds=0.1)
            for at in range(0, len(audio), FRAME_BYTES):
                self.send_audio(audio[at : at + FRAME_BYTES])
                await asyncio.sleep(PACE * FRAME_BYTES / BYTES_PER_SECOND)


class Visitors:
    """Everything that one engine is visited by. ``visits`` counts by kind, ``problems`` what went wrong."""

    def __init__(self, engine: EngineProcess, http: aiohttp.ClientSession, token: str, seed: int) -> None:
        self._engine = engine
        self._http = http
        self._token = token
        self._rng = random.Random(seed)
        self._numbers = itertools.count()
        self.visits: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()
        self._kinds: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (8, self._call),
            (4, self._reconnect),
            (2, self._lose),
            (3, self._resume),
            (2, self._be_refused),
            (2, self._be_rude),
            (2, self._only_follow),
            (1, self._look_around),
        ]

    async def visit(self) -> None:
        """One visit of any kind."""
        (kind,) = self._rng.choices([each for _, each in self._kinds], [weight for weight, _ in self._kinds])
        name = kind.__name__.strip("_")
        self.visits[name] += 1
        try:
            await kind()
        except (OSError, TimeoutError) as error:
            self.problems[f"{name}: {type(error).__name__} {error}"] += 1

    # --- kinds -------------------------------------------------------------------------------------------------------

    async def _call(self) -> None:
        """One to three speakers and up to two subscribers; everybody hears everything."""
        room = self._room()
        followers = [await self._follow(room) for _ in range(self._rng.randrange(3))]
        callers = [await self._enter(room) for _ in range(self._rng.randint(1, 3))]
        spoken = [self._utterances() for _ in callers]
        await asyncio.gather(*(caller.say(*each) for caller, each in zip(callers, spoken, strict=True)))
        expected = sorted(" ".join(words) for each in spoken for _, words in each)
        for everybody in (*callers, *followers):
            await everybody.until("message_response", len(expected))
            self._check("call", sorted(everybody.texts) == expected)
        for caller in callers:
            await self._stop(caller)
        for follower in followers:
            await follower.until("conversation_completed")
            await self._closed(follower)

    async def _reconnect(self) -> None:
        """The connection is lost in the middle of a conversation, which goes on on another one."""
        room = self._room()
        before, after = self._utterances(), self._utterances()
        caller = await self._enter(room)
        await caller.say(*before)
        await caller.until("message_response", len(before))
        caller.abort()
        again = await self._enter(room)
        self._check("same conversation", again.conversation_id == caller.conversation_id)
        await again.say(*after)
        await again.until("message_response", len(after))
        self._check("reconnect", again.texts == [" ".join(words) for _, words in after])
        await self._stop(again)

    async def _lose(self) -> None:
        """Lost in the middle of an utterance, for good."""
        caller = await self._enter(self._room(), noConnectionTimeout=1)
        ((name, words), *_) = self._utterances()
        audio = encode_utterance(name, words)
        caller.send_audio(audio[: self._rng.randrange(len(audio))])
        await asyncio.sleep(self._rng.random() / 10)
        caller.abort()

    async def _resume(self) -> None:
        """Stops, keeps the socket, and starts again."""
        caller = await self._enter(self._room(), disconnectOnStopRequest=False, disconnectOnStopRequestTimeout=60)
        count = 0
        for turn in range(1, 3):
            spoken = self._utterances()
            count += len(spoken)
            await caller.say(*spoken)
            await caller.until("message_response", count)
            caller.request(type="stop_request")
            await caller.until("recognition_stopped", turn)
            if turn == 1:
                caller.request(type="start_request", speaker={"userId": "visitor"}, noConnectionTimeout=1)
                await caller.until("recognition_started", 2)
        caller.close()
        await self._closed(caller)

    async def _be_refused(self) -> None:
        caller = await self._connect(self._room())
        caller.request(type="start_request", config={"speechRecognition": {"encoding": "NONSENSE"}})
        await caller.until("error")
        await self._closed(caller)

    async def _be_rude(self) -> None:
        """Nonsense, audio before the start, and no good-bye."""
        caller = await self._connect(self._room())
        caller.send_text(self._rng.choice((b"not json", b"[]", b'{"type":"unknown_request"}')))
        caller.send_audio(self._rng.randbytes(1000))
        await caller.until("error")
        caller.abort()

    async def _only_follow(self) -> None:
        follower = await self._follow(self._room())
        await asyncio.sleep(self._rng.random() / 10)
        if self._rng.random() < 0.5:
            follower.abort()
        else:
            follower.close()
            await self._closed(follower)

    async def _look_around(self) -> None:
        for path in ("/health/ready", "/metrics", "/nowhere"):
            async with self._http.get(self._engine.base_url + path) as response:
                await response.read()
        await self._engine.token()

    # --- steps -------------------------------------------------------------------------------------------------------

    def _room(self) -> str:
        return f"visit-{next(self._numbers)}"

    def _utterances(self) -> list[tuple[str, list[str]]]:
        return [
            (f"u{next(self._numbers)}", self._rng.choices(VOCABULARY, k=self._rng.randint(3, 12)))
            for _ in range(self._rng.randint(1, 4))
        ]

    async def _connect(self, room: str) -> Caller:
        return await connect(self._engine.base_url, f"/v1/streaming/{room}", self._token, Caller())

    async def _follow(self, room: str) -> Caller:
        return await connect(self._engine.base_url, f"/v1/subscribe/{room}", self._token, Caller())

    async def _enter(self, room: str, **members: Any) -> Caller:
        caller = await self._connect(room)
        speaker = {"userId": "visitor", "name": "Visitor"}
        caller.request(**{"type": "start_request", "speaker": speaker, "noConnectionTimeout": 5} | members)
        await caller.until("recognition_started")
        return caller

    async def _stop(self, caller: Caller) -> None:
        caller.request(type="stop_request")
        await caller.until("conversation_completed")
        # As the SDKs do; some leave it to the server.
        if self._rng.random() < 0.5:
            caller.close()
        await self._closed(caller)

    async def _closed(self, caller: Caller) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.shield(caller.closed)

    def _check(self, name: str, right: bool) -> None:
        if not right:
            self.problems[f"wrong: {name}"] += 1


async def visit_for(visitors: Visitors, seconds: float, *, at_a_time: int, per_second: float) -> None:
    """So many visits at a time, each followed by another one, until the time is up and the last are over.

    Args:
        per_second: No more visits than these begin, so that what the engine keeps does not depend on how fast the
            machine happens to be.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    due = loop.time()

    async def one_after_the_other() -> None:
        nonlocal due
        while due < end and loop.time() < end:
            begin, due = due, max(due + 1 / per_second, loop.time())
            await asyncio.sleep(begin - loop.time())
            await visitors.visit()

    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*(one_after_the_other() for _ in range(at_a_time)))
