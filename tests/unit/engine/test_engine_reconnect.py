"""A speaker who loses the connection and comes back, as the other speaker and the followers see it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os

import pytest
import websockets

from tests.unit.engine.client import Client, Engine, Frame, StartEngine
from worker.engine.recognizers.coded import encode_utterance

GAP_SECONDS = float(os.environ.get("ENGINE_TEST_GAP_SECONDS", "0.5"))
"""How long the speaker is away; 20 takes as long as the case that this is about."""
WORDS = ("one", "two", "three")


def utterance(name: str) -> bytes:
    return encode_utterance(name, [f"{name}-{word}" for word in WORDS], word_seconds=0.01, gap_seconds=0.01)


def text(name: str) -> str:
    return " ".join(f"{name}-{word}" for word in WORDS)


async def keep_talking(client: Client, name: str, until: asyncio.Event) -> list[str]:
    """One utterance after the other; returns their texts."""
    said: list[str] = []
    for number in itertools.count():
        if until.is_set():
            return said
        await client.audio(utterance(f"{name}{number}"))
        said.append(text(f"{name}{number}"))
        await asyncio.sleep(GAP_SECONDS / 10)
    raise AssertionError


def messages(frames: list[Frame], user_id: str | None = None) -> list[Frame]:
    return [
        message
        for frame in frames
        if frame["type"] == "message_response"
        for message in frame["messages"]
        if user_id in (None, message["from"]["userId"])
    ]


def contents(frames: list[Frame], user_id: str) -> list[str]:
    return [message["payload"]["content"] for message in messages(frames, user_id)]


@pytest.mark.timeout(int(60 + 3 * GAP_SECONDS))
async def test_a_speaker_comes_back(engine: Engine) -> None:
    """Two speakers and a subscriber; one speaker is gone for a while and comes back within noConnectionTimeout: one
    conversation, every utterance that was said while connected exactly once and in order, nobody else disturbed."""
    waiting = int(GAP_SECONDS) + 30
    subscriber = await engine.connect(path="/v1/subscribe/")
    ines, omar = await engine.connect(), await engine.connect()
    conversation = await ines.start("ines", noConnectionTimeout=waiting, insightTypes=["question"])
    assert await omar.start("omar", noConnectionTimeout=waiting) == conversation
    followed = asyncio.create_task(subscriber.rest())
    heard = asyncio.create_task(omar.rest())
    over = asyncio.Event()
    talking = asyncio.create_task(keep_talking(omar, "omar", over))

    await ines.audio(utterance("before"))
    await ines.until("message_response")
    # An utterance that is cut in two by the loss is not half an utterance: its client sends it again.
    await ines.audio(utterance("torn")[:400])
    assert await engine.server.drop_sockets(lambda socket: socket.user_id == "ines") == 1
    await ines.rest()
    assert ines.close_code == 1006
    first_id = messages(ines.frames, "ines")[0]["from"]["id"]
    await asyncio.sleep(GAP_SECONDS)

    late = await engine.connect(path="/session/subscribe/")
    greeting = await late.until("subscription_started")
    assert greeting["message"]["data"]["conversationId"] == conversation
    back = await engine.connect()
    assert await back.start("ines", noConnectionTimeout=waiting) == conversation
    await back.audio(utterance("torn"))
    await back.audio(utterance("after"))
    while len(contents(back.frames, "ines")) < 2:
        await back.until("message_response")

    over.set()
    omar_said = await talking
    ines_said = [text("before"), text("torn"), text("after")]
    finishing = asyncio.create_task(late.rest())
    await back.stop()
    await omar.send(type="stop_request")
    for frames in (await heard, await followed):
        assert contents(frames, "omar") == omar_said
        assert contents(frames, "ines") == ines_said
        assert {message["from"]["id"] for message in messages(frames, "ines")} == {first_id}
        numbers = [frame["sequenceNumber"] for frame in frames if frame["type"] == "message_response"]
        assert numbers == list(range(len(omar_said) + len(ines_said)))
        assert len({message["id"] for message in messages(frames)}) == len(numbers)
    starts = [message["duration"]["startTime"] for message in messages(subscriber.frames, "ines")]
    assert starts == sorted(starts)
    assert subscriber.kinds().count("subscription_started") == 1
    for follower in (subscriber, late):
        await finishing
        assert follower.kinds().count("conversation_completed") == 1
        assert follower.kinds()[-1] == "conversation_completed"
        assert follower.close_code == 1000
    assert omar.kinds().count("conversation_created") == 1
    assert (omar.close_code, back.close_code) == (1000, 1000)
    assert engine.server._rooms.conversation_count == 0


async def test_nobody_comes_back(engine: Engine) -> None:
    """After noConnectionTimeout the conversation is over: subscribers hear so, and the id means a new conversation."""
    early = await engine.connect(path="/v1/subscribe/")
    client = await engine.connect()
    first = await client.start(noConnectionTimeout=0.3)
    await engine.server.drop_sockets()
    waiting = await engine.connect(path="/v1/subscribe/")
    greeting = await waiting.until("subscription_started")
    assert greeting["message"]["data"]["conversationId"] == first
    for subscriber in (early, waiting):
        await subscriber.rest()
        assert subscriber.kinds() == ["subscription_started", "conversation_completed"]
        assert subscriber.close_code == 1000
    assert await (await engine.connect()).start() != first


async def test_the_other_speaker_keeps_the_conversation(engine: Engine) -> None:
    """While somebody is connected the conversation goes on, however long the lost speaker was to be waited for."""
    ines, omar = await engine.connect(), await engine.connect()
    conversation = await ines.start("ines", noConnectionTimeout=0)
    await omar.start("omar")
    await engine.server.drop_sockets(lambda socket: socket.user_id == "ines")
    await asyncio.sleep(0.05)
    await omar.audio(utterance("on"))
    await omar.until("message_response")
    back = await engine.connect()
    assert await back.start("ines") == conversation


async def test_a_speaker_on_hold_is_waited_for(engine: Engine) -> None:
    """A socket that is kept open after a stop keeps the conversation, also when it is lost and comes back."""
    client = await engine.connect()
    conversation = await client.start(disconnectOnStopRequest=False)
    await client.send(type="stop_request")
    await client.until("recognition_stopped")
    subscriber = await engine.connect(path="/v1/subscribe/")
    await subscriber.until("subscription_started")
    await engine.server.drop_sockets()
    await client.rest()
    back = await engine.connect()
    assert await back.start() == conversation
    await back.audio(utterance("again"))
    await subscriber.until("message_response")
    await back.stop()
    await subscriber.rest()
    assert subscriber.kinds()[-1] == "conversation_completed"


async def test_a_lost_stop_is_finished_and_waited_for(start_engine: StartEngine) -> None:
    """What was said before a stop is told to all, also on the speaker's new socket, when the old one was lost while it
    was recognised; a client that wanted to keep its socket finds its conversation again."""
    engine = await start_engine(result_delay_seconds=(0.3, 0.3))
    client = await engine.connect()
    conversation = await client.start(disconnectOnStopRequest=False)
    await client.audio(utterance("last"))
    await client.send(type="stop_request")
    await asyncio.sleep(0.05)
    await engine.server.drop_sockets()
    back = await engine.connect()
    assert await back.start() == conversation
    frame = await back.until("message_response")
    assert contents([frame], "ines") == [text("last")]
    await asyncio.sleep(0.2)
    await back.audio(utterance("next"))
    await back.stop()
    assert contents(back.frames, "ines") == [text("last"), text("next")]
    assert engine.server._rooms.conversation_count == 0


async def test_an_unknown_id_is_followed_until_it_starts(engine: Engine) -> None:
    """A subscriber of an id that nobody speaks on hears nothing, not even an error, until somebody starts."""
    subscriber = await engine.connect("later", path="/v1/subscribe/")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await subscriber.socket.recv()
    client = await engine.connect("later")
    conversation = await client.start()
    greeting = await subscriber.until("subscription_started")
    assert greeting["message"]["data"]["conversationId"] == conversation


async def test_silence_ends_a_speaker_and_then_the_conversation(start_engine: StartEngine) -> None:
    """Audio without words is silence: after the limit the speaker gets the completion and the followers do, too."""
    engine = await start_engine(silence_timeout_seconds=0.5)
    client, subscriber = await engine.connect(), await engine.connect(path="/v1/subscribe/")
    await client.start(noConnectionTimeout=1800, disconnectOnStopRequest=False)
    rest = asyncio.gather(client.rest(), subscriber.rest())
    with contextlib.suppress(websockets.ConnectionClosed):
        for _ in range(200):
            await client.socket.send(bytes(320))
            await asyncio.sleep(0.05)
    await rest
    assert client.kinds()[-2:] == ["conversation_completed", "recognition_stopped"]
    assert subscriber.kinds()[-1] == "conversation_completed"
    assert (client.close_code, subscriber.close_code) == (1000, 1000)
