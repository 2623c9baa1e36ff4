"""What an engine says about itself on /metrics."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.engine.client import Engine, StartEngine
from worker.engine.metrics import PREFIX
from worker.engine.pool import PoolSessionMaker
from worker.engine.recognizers.coded import encode_utterance
from worker.engine.recognizers.events import SpeechRequest
from worker.engine.sessions import Listeners

BOUNDED_LABELS = {"kind", "reason", "generation", "version", "implementation", "major", "minor", "patchlevel"}


async def families_of(engine: Engine) -> list[Metric]:
    async with aiohttp.ClientSession() as http, http.get(f"{engine.base_url}/metrics") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        return list(text_string_to_metric_families(await response.text()))


async def values_of(engine: Engine) -> dict[str, float]:
    return {
        "/".join([sample.name.removeprefix(f"{PREFIX}_"), *sample.labels.values()]): sample.value
        for family in await families_of(engine)
        for sample in family.samples
        if sample.name.startswith(PREFIX)
    }


async def test_a_conversation_is_counted(engine: Engine) -> None:
    """Audio, messages and insights are counted once, however many hear of them; gauges follow the sockets."""
    before = await values_of(engine)
    assert before["messages_total"] == before["audio_seconds_total"] == before["insights_total/question"] == 0
    speaker = await engine.connect()
    other = await engine.connect()
    subscriber = await engine.connect(path="/v1/subscribe/")
    await speaker.start(insightTypes=["question"])
    await other.start("jonas", insightTypes=["question"])
    spoken = encode_utterance("u", ["what", "can", "I", "do", "for", "you", "today?"])
    await speaker.audio(spoken)
    for client in (speaker, other, subscriber):
        await client.until("insight_response")
    during = await values_of(engine)
    assert during["speaker_sockets"] == 2
    assert during["subscriber_sockets"] == 1
    assert during["conversations"] == during["conversations_started_total"] == 1
    assert during["audio_seconds_total"] == pytest.approx(len(spoken) / 32_000)
    assert during["messages_total"] == 1
    assert during["insights_total/question"] == 1
    assert during["recognizer_backlog_seconds"] == during["recognizer_failures_total"] == 0
    await speaker.stop()
    await other.stop()
    await subscriber.rest()
    async with asyncio.timeout(5):
        while (after := await values_of(engine))["speaker_sockets"] or after["subscriber_sockets"]:
            continue
    assert after["conversations"] == 0
    assert after["messages_total"] == 1


async def test_names_labels_and_texts(engine: Engine) -> None:
    """Every metric is explained, and no label says who speaks to whom or what is said."""
    families = await families_of(engine)
    assert all(family.documentation for family in families)
    assert {name for family in families for sample in family.samples for name in sample.labels} <= BOUNDED_LABELS


async def test_the_backlog_is_what_was_not_recognised() -> None:
    """Audio counts from when it was fed until its process has heard it, and with its session it is gone."""
    maker = PoolSessionMaker("coded", None, processes=1, max_backlog_seconds=60.0)
    await maker.start()
    done = asyncio.Event()
    listeners = Listeners(on_events=lambda _: None, on_heard=lambda _: None, on_finished=done.set, on_failed=done.set)
    try:
        session = maker.open(SpeechRequest(), listeners)
        session.feed(bytes(32_000))
        session.feed(bytes(16_000))
        assert maker.load.backlog_seconds == 1.5
        session.finish()
        await done.wait()
        assert maker.load.backlog_seconds == 0
    finally:
        await maker.stop()


async def test_engines_count_for_themselves(start_engine: StartEngine) -> None:
    """Two engines in one process do not share metrics, and need no token to show them."""
    first, second = await start_engine(), await start_engine(accounts={"app": "other"})
    await (await first.connect()).start()
    assert (await values_of(first))["conversations"] == 1
    assert (await values_of(second))["conversations"] == 0
