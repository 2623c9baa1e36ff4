"""How an engine ends, and what its clients still get."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time

import aiohttp
import orjson
import pytest
import websockets

from tests.unit.engine.client import Engine, StartEngine, fetch_token
from worker.demo.recorded_call import load_call
from worker.engine.recognizers.coded import encode_utterance

PATIENCE_SECONDS = 30.0


async def ready_status(engine: Engine) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"{engine.base_url}/health/ready") as response:
        return response.status


async def test_a_stop_that_is_under_way_is_finished(start_engine: StartEngine) -> None:
    """Who has asked to stop gets the last words, the completion and 1000; meanwhile nobody else is let in."""
    engine = await start_engine(result_delay_seconds=(1.0, 1.0), drain_seconds=20.0)
    client, quiet = await engine.connect(), await engine.connect("quiet")
    await client.start()
    await quiet.start("jonas")
    await client.audio(encode_utterance("u", ["the", "last", "words."]))
    await client.send(type="stop_request")
    # Read by the engine before it begins to end.
    await (await client.socket.ping())
    draining = asyncio.create_task(engine.server.stop())
    await asyncio.sleep(0)
    assert await ready_status(engine) == 503
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await engine.connect("late")
    assert refusal.value.response.status_code == 503
    assert "message" in orjson.loads(refusal.value.response.body or b"")
    await client.rest()
    await quiet.rest()
    await draining
    assert client.texts() == ["the last words."]
    assert client.kinds()[-2:] == ["conversation_completed", "recognition_stopped"]
    assert (client.close_code, quiet.close_code) == (1000, 1001)


async def test_what_was_said_is_told_before_the_end(start_engine: StartEngine) -> None:
    """An utterance of real speech that was not over yet is recognised and sent, then the sockets get 1001."""
    turn = load_call().turns[0]
    engine = await start_engine(recognizer="pocketsphinx", drain_seconds=20.0)
    client, subscriber = await engine.connect(), await engine.connect(path="/v1/subscribe/")
    await client.start()
    # Without the pause at its end, there is no final result yet.
    await client.audio(turn.audio)
    while await client.until("recognition_result"):
        if client.frames[-1]["message"]["punctuated"]["transcript"].count(" ") > 3:
            break
    draining = asyncio.create_task(engine.server.stop())
    await client.rest()
    await subscriber.rest()
    await draining
    heard = " ".join(client.texts()).lower().split()
    spoken = [word.strip(".,?!").lower() for word in turn.text.split()]
    assert len(set(spoken) & {word.strip(".,?!") for word in heard}) >= 0.5 * len(set(spoken))
    assert subscriber.texts() == client.texts()
    assert "conversation_completed" not in client.kinds()
    assert (client.close_code, subscriber.close_code) == (1001, 1001)


async def test_coded_speech_is_not_cut(start_engine: StartEngine) -> None:
    """An unfinished utterance of coded speech is left to the client, who sends it again: a cut would be damage."""
    engine = await start_engine()
    client = await engine.connect()
    await client.start()
    spoken = encode_utterance("u", ["one", "two", "three"], gap_seconds=0)
    await client.audio(spoken[: len(spoken) // 2])
    await client.until("recognition_result")
    draining = asyncio.create_task(engine.server.stop())
    await client.rest()
    await draining
    assert client.texts() == []
    assert client.close_code == 1001


async def test_a_recogniser_without_end_holds_up_nobody(start_engine: StartEngine) -> None:
    """Whatever is still to come, the engine ends in its time, and its sockets get 1001."""
    engine = await start_engine(result_delay_seconds=(600.0, 600.0), drain_seconds=1.0)
    client = await engine.connect()
    await client.start()
    await client.audio(encode_utterance("u", ["never", "heard"]))
    await client.send(type="stop_request")
    await (await client.socket.ping())
    begun = time.monotonic()
    draining = asyncio.create_task(engine.server.stop())
    await client.rest()
    await draining
    assert client.close_code == 1001
    assert time.monotonic() - begun < 10.0


async def spawn(*arguments: str, **settings: str) -> tuple[asyncio.subprocess.Process, str]:
    """The command, and the address that it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker.cli", "engine", "--port", "0", "--recognizer", "coded", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not name.startswith("ENGINE__")} | settings,
    )
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        said = (await process.stdout.readline()).decode()
    return process, said.removeprefix("engine ready at ").strip()


@pytest.mark.parametrize("signals", [1, 2])
async def test_signals(signals: int) -> None:
    """One SIGTERM drains and is a success; a second one ends the process at once, by that signal."""
    drain_seconds = "2" if signals == 1 else "500"
    process, base_url = await spawn("--result-delay", "600", "600", ENGINE__DRAIN_SECONDS=drain_seconds)
    try:
        async with contextlib.AsyncExitStack() as clients:
            token = (await fetch_token(base_url))[1]["accessToken"]
            engine = Engine(base_url, token, clients)
            client = await engine.connect()
            await client.start()
            await client.audio(encode_utterance("u", ["never", "heard"]))
            await client.send(type="stop_request")
            await (await client.socket.ping())
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await ready_status(engine) != 503:
                    continue
                if signals == 2:
                    process.send_signal(signal.SIGTERM)
                await client.rest()
                assert await process.wait() == (0 if signals == 1 else -signal.SIGTERM)
            assert client.close_code == (1001 if signals == 1 else 1006)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
