"""Subscriptions: workers follow what others say to a real engine, through crashes, hand-overs and lost sockets."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from tests.integration.support import Proxy, Published, Script, System, Worker, eventually, write_script
from worker.engine.recognizers.coded import encode_utterance

pytestmark = pytest.mark.kafka

CLOCK_TOLERANCE_MS = 60
MAIL = "pat.lindqvist@example.com"


@dataclass
class Speaker:
    """Somebody who speaks to the engine, without Kafka."""

    user_id: str
    script: Script


def write_call(system: System, name: str, utterances: int, speakers: int = 1) -> list[Speaker]:
    """Who says what on one connection id; the first one tells an e-mail address in the middle."""
    people = []
    for number in range(speakers):
        user_id = f"{name}-user-{number}"
        script = write_script(name, user_id, utterances, system.rng, endings=(".", "?"))
        if number == 0:
            text = f"w{name}mail {MAIL}"
            script.utterances.append(text)
            script.starts_ms.append(len(script.audio) // 32)
            script.audio += encode_utterance("mail", text.split(), gap_seconds=0.3)
        system.spoken.update(word.strip(".?") for said in script.utterances for word in said.split())
        people.append(Speaker(user_id, script))
    return people


async def speak(url: str, speaker: Speaker, *, speed: float, stop: bool = True) -> None:
    """Stream a script to the engine in so many times real time, and read until the socket is closed."""
    credentials = {"type": "application", "appId": "tests", "appSecret": "not-a-secret"}
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{url}/oauth2/token:generate", json=credentials) as answer:
            token = (await answer.json())["accessToken"]
        path = f"{url}/v1/streaming/{speaker.script.conversation_id}"
        async with http.ws_connect(path, headers={"X-API-KEY": token}) as socket:
            await socket.send_json(
                {
                    "type": "start_request",
                    "insightTypes": ["question"],
                    "config": {"speechRecognition": {"encoding": "LINEAR16", "sampleRateHertz": 16000}},
                    "speaker": {"userId": speaker.user_id, "name": speaker.user_id.title()},
                    "noConnectionTimeout": 60,
                }
            )
            while (await socket.receive_json())["message"]["type"] != "recognition_started":
                pass
            reading = asyncio.create_task(_read(socket))
            began = time.monotonic()
            for number, chunk in enumerate(speaker.script.chunks()):
                await asyncio.sleep(max(0.0, began + number * 0.1 / speed - time.monotonic()))
                await socket.send_bytes(chunk)
            if stop:
                await socket.send_json({"type": "stop_request"})
            else:
                await asyncio.sleep(1.0)
                await socket.close()
            await asyncio.wait_for(reading, 30)


async def _read(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in socket:
        pass


async def speak_all(url: str, speakers: Sequence[Speaker], *, speed: float) -> None:
    """All at the same time."""
    await asyncio.gather(*(speak(url, speaker, speed=speed) for speaker in speakers))


async def subscribe(system: System, conversation_id: str, connection_id: str, **headers: str | int) -> Any:
    """Let a conversation follow a connection id."""
    value = json.dumps({"connection_id": connection_id}).encode()
    return await system.produce(conversation_id, value, event="subscribe", **headers)


async def followed(worker: Worker, count: int, *, listening: bool) -> None:
    """Wait until a worker has so many subscriptions."""

    async def are() -> bool:
        _, text = await worker.get("/sessions")
        rows = json.loads(text)["subscriptions"]
        return len([row for row in rows if row["socket"] == "connected" and row["listening"] == listening]) == count

    await eventually(are, 30, f"{count} subscriptions")


def verify(conversation_id: str, speakers: Sequence[Speaker], published: Published) -> dict[str, Any]:
    """Hold what was published about a conversation against what was said on the connection that it follows.

    Returns:
        The detail of its end.
    """
    said = published.of("transcripts", conversation_id)
    assert len({value["id"] for value in said}) == len(said), f"{conversation_id}: published twice"
    assert [value["sequence"] for value in said] == list(range(len(said))), f"{conversation_id}: holes"
    starts = [value["audio"]["start_ms"] for value in said]
    assert starts == sorted(starts), f"{conversation_id}: the clock went back"
    for speaker in speakers:
        own = [value for value in said if value["speaker"]["user_id"] == speaker.user_id]
        texts = [value["text"] for value in own]
        assert texts == speaker.script.utterances, f"{conversation_id}: not what {speaker.user_id} said"
        assert {value["speaker"]["name"] for value in own} == {speaker.user_id.title()}
    assert len(said) == sum(len(speaker.script.utterances) for speaker in speakers)
    if len(speakers) == 1:
        spoken = speakers[0].script.starts_ms
        apart = [abs((start - starts[0]) - (at - spoken[0])) for start, at in zip(starts, spoken, strict=True)]
        assert max(apart) <= CLOCK_TOLERANCE_MS, f"{conversation_id}: the clock is off by {max(apart)} ms"
    masked = published.of("redacted", conversation_id)
    assert [value["id"] for value in masked] == list(dict.fromkeys(value["id"] for value in masked))
    assert [value["symbl_message_id"] for value in masked] == [value["symbl_message_id"] for value in said]
    assert [len(value["redaction"]["findings"]) for value in masked if "mail" in value["text"]] == [1]
    assert not any(MAIL in json.dumps(value["text"]) for value in masked)
    insights = published.of("insights", conversation_id)
    questions = [value["symbl_insight_id"] for value in insights if value["kind"] == "question"]
    assert len(set(questions)) == len(questions), f"{conversation_id}: an insight came twice"
    asked = sum(text.endswith("?") for speaker in speakers for text in speaker.script.utterances)
    assert len(questions) == asked, f"{conversation_id}: {len(questions)} of {asked} questions"
    assert [value["sequence"] for value in insights] == list(range(len(insights)))
    life = published.of("conversations", conversation_id)
    assert [value["sequence"] for value in life] == list(range(len(life)))
    assert [life[0]["event"], life[-1]["event"], life[-1]["reason"]] == ["started", "ended", "completed"]
    assert {value["event"] for value in life[1:-1]} <= {"resumed"}
    detail: dict[str, Any] = life[-1]["detail"]
    assert detail["messages"] == len(said)
    assert detail["missed"]["failed"] is None
    return detail


async def test_several_speakers_of_one_connection(system: System) -> None:
    """A worker that subscribed before anybody spoke publishes every utterance once, in order, with its speaker."""
    url = await system.engine()
    worker = await system.worker(REDACTION__ENABLED="false")
    call = write_call(system, "room", 8, speakers=2)
    value = json.dumps({"connection_id": "room", "redaction": {"enabled": True}}).encode()
    await system.produce("meeting-1", value, event="subscribe", stream="all")
    await followed(worker, 1, listening=False)
    await speak_all(url, call, speed=3.0)
    published = await system.ended(["meeting-1"], 30)
    detail = verify("meeting-1", call, published)
    assert detail["missed"]["recovered"] == 0
    assert detail["reconnects"] == 0
    assert {value["stream"] for value in published.of("redacted")} == {"all"}
    assert published.of("captions", "meeting-1", "all")
    assert not published.records["dead_letters"]


@pytest.mark.parametrize("end", ["kill", "term"])
@pytest.mark.timeout(180)
async def test_another_worker_goes_on(system: System, end: str) -> None:
    """kill -9 or SIGTERM in the middle: nothing that was said meanwhile is missing, and nothing comes twice."""
    url = await system.engine()
    workers = [await system.worker(), await system.worker()]
    calls = {f"meeting-{number}": write_call(system, f"room{number}", 20) for number in range(4)}
    for name, call in calls.items():
        await subscribe(system, name, call[0].script.conversation_id)
    speaking = asyncio.create_task(speak_all(url, [speaker for call in calls.values() for speaker in call], speed=1.5))
    await asyncio.sleep(6)
    _, text = await workers[0].get("/sessions")
    had = len(json.loads(text)["subscriptions"])
    workers[0].process.signal(signal.SIGKILL if end == "kill" else signal.SIGTERM)
    await speaking
    published = await system.ended(calls, 60)
    details = [verify(name, call, published) for name, call in calls.items()]
    if end == "kill" and had:
        assert sum(detail["missed"]["recovered"] for detail in details) > 0


@pytest.mark.timeout(180)
async def test_the_only_worker_comes_back(system: System) -> None:
    """kill -9 again and again, and nobody else: what was said while no worker ran is read from the host."""
    url = await system.engine()
    call = write_call(system, "room", 30)
    worker = await system.worker(WORKER__INSTANCE_ID="one")
    await subscribe(system, "meeting", "room")
    speaking = asyncio.create_task(speak_all(url, call, speed=1.5))
    for _ in range(2):
        await asyncio.sleep(system.rng.uniform(3, 6))
        worker.process.kill()
        await asyncio.sleep(system.rng.uniform(0, 3))
        worker = await system.worker(WORKER__INSTANCE_ID="one")
    await speaking
    published = await system.ended(["meeting"], 60)
    detail = verify("meeting", call, published)
    assert detail["missed"]["recovered"] > 0


@pytest.mark.timeout(180)
async def test_lost_sockets(system: System) -> None:
    """The worker's sockets are reset again and again: what was said meanwhile is published in its place."""
    url = await system.engine()
    proxy = Proxy(url)
    await proxy.start()
    try:
        await system.worker(SYMBL__BASE_URL=proxy.url)
        calls = {f"meeting-{number}": write_call(system, f"room{number}", 15) for number in range(3)}
        for name, call in calls.items():
            await subscribe(system, name, call[0].script.conversation_id)
        speaking = asyncio.create_task(
            speak_all(url, [speaker for call in calls.values() for speaker in call], speed=1.5)
        )
        cut = 0
        while not speaking.done():
            await asyncio.sleep(system.rng.uniform(0.3, 2))
            cut += proxy.cut(lambda: system.rng.random() < 0.7)
        await speaking
        published = await system.ended(calls, 90)
    finally:
        await proxy.stop()
    details = [verify(name, call, published) for name, call in calls.items()]
    assert cut >= 5
    assert sum(detail["reconnects"] for detail in details) > 0


async def test_end_and_what_cannot_be(system: System) -> None:
    """A subscription hears what is said after its record, until `end`; what contradicts it is a dead letter each."""
    url = await system.engine()
    worker = await system.worker()
    first, second = write_call(system, "first", 3)[0], write_call(system, "second", 3)[0]
    first.script.conversation_id = second.script.conversation_id = "room"
    # Played faster, it would end in the future by the host's clock.
    await speak(url, first, speed=1.0, stop=False)
    await subscribe(system, "meeting", "room")
    await followed(worker, 1, listening=True)
    await subscribe(system, "meeting", "room")
    await subscribe(system, "meeting", "another-room")
    await subscribe(system, "meeting", "room", stream="1")
    await system.produce("meeting", bytes(3200), stream="0")
    await system.produce("meeting", b"{}", event="start", stream="0")
    await speak(url, second, speed=4.0, stop=False)

    async def is_heard() -> bool:
        return len((await system.read(["transcripts"])).of("transcripts", "meeting")) == len(second.script.utterances)

    await eventually(is_heard, 20, "what was said after the record is published")
    await system.produce("meeting", b"", event="end")
    published = await system.ended(["meeting"], 20)
    assert [value["text"] for value in published.of("transcripts", "meeting")] == second.script.utterances
    letters = published.records["dead_letters"]
    assert [value["reason"] for value in letters] == ["subscription_conflict"] * 4
    assert [value["event"] for value in letters] == ["subscribe", "subscribe", None, "start"]
    (ended,) = (value for value in published.of("conversations", "meeting") if value["event"] == "ended")
    assert ended["reason"] == "end"
    await followed(worker, 0, listening=True)


async def test_a_connection_that_nobody_knows(system: System) -> None:
    """The host says nothing at all: such a subscription ends like a conversation to which nothing comes."""
    await system.engine()
    await system.worker(SYMBL__CONNECT_TIMEOUT_SECONDS="1", CONVERSATION__IDLE_SECONDS="4")
    await subscribe(system, "meeting", "nobody-is-here")
    published = await system.ended(["meeting"], 30)
    (ended,) = published.of("conversations", "meeting")
    assert (ended["event"], ended["reason"]) == ("ended", "idle")
