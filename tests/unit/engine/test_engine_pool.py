"""Recognisers in processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import numpy as np
import pytest

from tests.unit.engine.client import StartEngine
from tests.unit.engine.recognizers.encoders import encode_flac, encode_opus
from tests.unit.engine.test_engine_metrics import values_of
from worker.demo.recorded_call import load_call
from worker.engine.pool import PoolSessionMaker
from worker.engine.recognizers.coded import encode_utterance
from worker.engine.recognizers.events import FLAC, OPUS, AudioFormat, Event, Final, SpeechRequest
from worker.engine.sessions import Listeners, Session
from worker.errors import ConfigurationError


class Heard:
    """Keeps what a session says."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.heard: list[float] = []
        self.finished = asyncio.Event()
        self.failed = asyncio.Event()

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Final)]

    def listeners(self) -> Listeners:
        return Listeners(
            on_events=self.events.extend,
            on_heard=self.heard.append,
            on_finished=self.finished.set,
            on_failed=self.failed.set,
        )


@pytest.fixture
async def pool() -> AsyncIterator[PoolSessionMaker]:
    maker = PoolSessionMaker("coded", None, processes=1, max_backlog_seconds=1.0)
    await maker.start()
    yield maker
    await maker.stop()


def _open(pool: PoolSessionMaker) -> tuple[Session, Heard]:
    heard = Heard()
    return pool.open(SpeechRequest(), heard.listeners()), heard


async def _soon(event: asyncio.Event) -> None:
    async with asyncio.timeout(10.0):
        await event.wait()


async def test_sessions_in_one_process_do_not_mix(pool: PoolSessionMaker) -> None:
    """Each session hears its own audio, in order, and its end comes after its last result."""
    sessions = [_open(pool) for _ in range(3)]
    for step in range(5):
        for number, (session, _) in enumerate(sessions):
            session.feed(encode_utterance(f"u{step}", [f"{number}-{step}"], word_seconds=0.01, gap_seconds=0.01))
    for session, heard in sessions:
        session.finish()
        await _soon(heard.finished)
    assert [heard.texts for _, heard in sessions] == [[f"{n}-{step}" for step in range(5)] for n in range(3)]


async def test_a_session_that_is_far_behind_waits(pool: PoolSessionMaker) -> None:
    """Audio above the backlog makes the feeder wait until the recogniser has heard it."""
    session, heard = _open(pool)
    session.feed(bytes(3 * 32_000))
    waiting = asyncio.create_task(session.ready())
    await asyncio.sleep(0)
    assert not waiting.done()
    async with asyncio.timeout(10.0):
        await waiting
    session.abort()
    session.feed(bytes(10))
    session.abort()
    assert not heard.finished.is_set()


async def test_a_killed_process_fails_its_sessions_and_is_replaced(pool: PoolSessionMaker) -> None:
    """Sessions of a dead process fail at once; those opened afterwards are heard by the next process."""
    _, heard = _open(pool)
    [process_id] = pool.process_ids
    os.kill(process_id, signal.SIGKILL)
    await _soon(heard.failed)
    session, later = _open(pool)
    session.feed(encode_utterance("u", ["again"]))
    session.finish()
    await _soon(later.finished)
    assert later.texts == ["again"]
    assert not heard.finished.is_set()


async def test_a_process_that_cannot_work_stops_the_start() -> None:
    """A missing library or model is told to the operator at the start, not to clients later."""
    maker = PoolSessionMaker("sherpa-onnx", None, processes=1, max_backlog_seconds=1.0)
    with pytest.raises(ConfigurationError, match="sherpa"):
        await maker.start()


async def test_a_flood_starves_nobody() -> None:
    """A session that has sent a whole call at once does not keep a short one behind it waiting for its end."""
    maker = PoolSessionMaker("pocketsphinx", None, processes=1, max_backlog_seconds=600.0)
    await maker.start()
    try:
        call = load_call()
        flood, flooded = _open(maker)
        everything = b"".join(turn.audio for turn in call.turns)
        flood.feed(everything)
        session, heard = _open(maker)
        session.feed(call.turns[13].audio)
        session.finish()
        async with asyncio.timeout(60.0):
            await heard.finished.wait()
        assert len(heard.texts[0].split()) > 3
        assert sum(flooded.heard) < 0.5 * len(everything) / 32_000
        assert maker.load.backlog_seconds > 0.5 * len(everything) / 32_000
        flood.abort()
        assert maker.load.backlog_seconds == 0.0
    finally:
        await maker.stop()


async def test_a_tiny_flood_of_long_silence_starves_nobody() -> None:
    """Compressed audio counts as what it lasts, not as its bytes: hours in a megabyte are heard in turns, too."""
    maker = PoolSessionMaker("pocketsphinx", None, processes=1, max_backlog_seconds=600.0)
    await maker.start()
    try:
        flooded, heard = Heard(), Heard()
        flac = SpeechRequest(audio_format=AudioFormat(encoding=FLAC))
        flood = maker.open(flac, flooded.listeners())
        silence = b"".join(encode_flac(np.zeros(100 * 1152, dtype=np.int16))[1])
        flood.feed(silence * (500_000 // len(silence)))
        session = maker.open(flac, heard.listeners())
        header, frames = encode_flac(np.frombuffer(load_call().turns[13].audio, dtype="<i2"))
        for frame in (header, *frames):
            session.feed(frame)
        session.finish()
        async with asyncio.timeout(60.0):
            await heard.finished.wait()
        assert len(heard.texts[0].split()) > 3
        assert sum(heard.heard) == pytest.approx(len(load_call().turns[13].audio) / 32_000, abs=0.01)
        assert flooded.heard
        flood.abort()
    finally:
        await maker.stop()


async def test_a_burst_of_starts_is_refused_in_part() -> None:
    """Before anything is measured, no more are let in than the processes are expected to bear; those who never start
    are forgotten."""
    now = 0.0
    maker = PoolSessionMaker("coded", None, processes=2, max_backlog_seconds=1.0, max_load=0.9, clock=lambda: now)
    assert [maker.admit() for _ in range(20)].count(True) == 8
    opened = [_open(maker) for _ in range(4)]
    assert not maker.admit()
    assert maker.load.share == pytest.approx(0.4)
    now = 6.0
    assert maker.admit()
    for session, _ in opened:
        session.abort()
    assert maker.load.share == 0.0


async def test_an_ignored_vocabulary_is_counted_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Operators learn how many words are not favoured, never which."""
    caplog.set_level("INFO")
    maker = PoolSessionMaker("pocketsphinx", None, processes=1, max_backlog_seconds=1.0)
    await maker.start()
    try:
        heard = Heard()
        maker.open(SpeechRequest(vocabulary=("zzyzxword", "invoice")), heard.listeners()).finish()
        async with asyncio.timeout(60.0):
            await heard.finished.wait()
    finally:
        await maker.stop()
    [record] = [each for each in caplog.records if "vocabulary" in each.message]
    assert record.__dict__["entries"] == 1
    assert "zzyzxword" not in caplog.text


async def test_speech_over_a_socket(start_engine: StartEngine) -> None:
    """Real speech becomes messages; a killed recogniser is an error and 1011, and the client may come back."""
    engine = await start_engine(recognizer="pocketsphinx")
    client = await engine.connect()
    conversation = await client.start(noConnectionTimeout=60)
    await client.audio(load_call().turns[0].audio + bytes(32_000))
    message = await client.until("message_response")
    assert len(message["messages"][0]["payload"]["content"].split()) > 3
    maker = engine.server._sessions
    assert isinstance(maker, PoolSessionMaker)
    os.kill(maker.process_ids[0], signal.SIGKILL)
    frames = await client.rest()
    assert frames[-1]["message"]["type"] == "error"
    assert client.close_code == 1011
    client = await engine.connect()
    assert await client.start() == conversation
    await client.stop()


async def test_opus_and_flac_over_a_socket(start_engine: StartEngine) -> None:
    """Packets and frames as clients send them become messages, and their seconds are counted as what they last."""
    engine = await start_engine(recognizer="pocketsphinx")
    speech = load_call().turns[13].audio + bytes(32_000)
    samples = np.frombuffer(speech, dtype="<i2")
    header, frames = encode_flac(samples)
    for encoding, packets in ((OPUS, encode_opus(samples)), (FLAC, [header, *frames])):
        client = await engine.connect()
        await client.start(config={"speechRecognition": {"encoding": encoding, "sampleRateHertz": 16_000}})
        for packet in packets:
            await client.audio(packet, piece=8192)
        message = await client.until("message_response")
        assert len(message["messages"][0]["payload"]["content"].split()) > 3
        await client.stop()
    heard = (await values_of(engine))["audio_seconds_total"]
    assert heard == pytest.approx(2 * len(speech) / 32_000, abs=0.1)


async def test_a_language_that_is_not_installed(start_engine: StartEngine) -> None:
    """A start in another language is refused with the languages that there are, and closed."""
    engine = await start_engine(recognizer="pocketsphinx")
    client = await engine.connect()
    await client.send(type="start_request", config={"languageCode": "de-DE"})
    [error] = await client.rest()
    assert "de-DE" in error["message"]["payload"]["message"]
    assert "knows: en." in error["message"]["payload"]["message"]
    assert client.close_code == 1000
