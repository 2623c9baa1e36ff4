"""The main promise: every utterance arrives, whole and in order, whatever happens to workers, sockets and engine."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.integration.support import MARKS, Proxy, Published, Script, System, eventually, verify, write_script
from worker.demo.broker import free_ports

pytestmark = pytest.mark.kafka


def scripts_of(system: System, conversations: int, utterances: int) -> list[Script]:
    """Two streams for each conversation."""
    return [
        write_script(f"call-{number}", stream, utterances, system.rng)
        for number in range(conversations)
        for stream in ("agent", "customer")
    ]


def nothing_is_damaged(published: Published) -> None:
    """No transcript says that a part of it was lost, cut or heard twice."""
    for value in published.records["transcripts"]:
        assert not any(mark in value["text"] for mark in MARKS), value["text"]


async def test_a_quiet_run_publishes_every_utterance_once(system: System) -> None:
    """20 conversations of two streams, 4 partitions, two workers: every utterance once, whole, in order."""
    await system.engine()
    await system.worker()
    await system.worker()
    scripts = scripts_of(system, 20, 8)
    await system.speak_all(scripts, speed=2.0, spread=2.0)
    published = await system.ended({script.conversation_id for script in scripts}, 60)
    assert verify(scripts, published, repeats_allowed=False) == 0
    nothing_is_damaged(published)
    life = published.records["conversations"]
    assert sorted(value["event"] for value in life) == ["ended"] * 20 + ["started"] * 20
    for value in life:
        if value["event"] == "ended":
            assert value["detail"]["messages"] == 16
            assert value["detail"]["gaps"] == value["detail"]["reconnects"] == 0


@pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])
async def test_a_killed_worker_loses_nothing(system: System, delivery: str) -> None:
    """kill -9 of one of two workers in the middle: nothing is missing; what comes twice, if it may, has the same id."""
    system.settings["WORKER__DELIVERY"] = delivery
    await system.engine()
    first = await system.worker()
    await system.worker()
    scripts = scripts_of(system, 20, 14)
    speaking = asyncio.create_task(system.speak_all(scripts, speed=1.5, spread=2.0))
    await asyncio.sleep(6)
    sessions = await first.get("/sessions")
    assert "listening" in sessions[1], "the worker that is killed had nothing to do"
    first.process.kill()
    await speaking
    published = await system.ended({script.conversation_id for script in scripts}, 90)
    repeated = verify(scripts, published, repeats_allowed=delivery == "at_least_once")
    nothing_is_damaged(published)
    resumed = [value for value in published.records["conversations"] if value["event"] == "resumed"]
    print(f"repeated records: {repeated}, resumed streams: {len(resumed)}")
    assert resumed, "no stream was continued by the other worker"


async def test_a_stopped_worker_hands_over(system: System) -> None:
    """SIGTERM in the middle: the worker leaves within its deadline with exit code 0, the other one continues."""
    await system.engine()
    first = await system.worker()
    await system.worker()
    scripts = scripts_of(system, 8, 10)
    speaking = asyncio.create_task(system.speak_all(scripts, speed=2.0))
    await asyncio.sleep(4)
    first.process.signal(signal.SIGTERM)
    assert await asyncio.to_thread(first.process.wait, 20), "the worker does not end"
    assert first.process.exit_code == 0, first.process.tail()
    await speaking
    published = await system.ended({script.conversation_id for script in scripts}, 60)
    verify(scripts, published, repeats_allowed=False)
    nothing_is_damaged(published)


async def test_a_worker_that_joins_takes_over_in_flight(system: System) -> None:
    """A second worker joins in the middle: partitions move, the streams that stay keep their sockets."""
    await system.engine()
    first = await system.worker()
    scripts = scripts_of(system, 12, 10)
    speaking = asyncio.create_task(system.speak_all(scripts, speed=2.0))
    await asyncio.sleep(3)
    await system.worker()
    await speaking
    published = await system.ended({script.conversation_id for script in scripts}, 60)
    verify(scripts, published, repeats_allowed=False)
    nothing_is_damaged(published)
    metrics = await first.metrics()
    assert metrics["symbl_worker_lanes_total"] >= 4


async def test_dropped_sockets_lose_and_cut_nothing(system: System) -> None:
    """The engine's sockets are dropped at random ten times: no utterance is missing, none is cut, none comes twice."""
    url = await system.engine("--result-delay", "0.1", "0.6", "--seed", str(system.seed))
    proxy = Proxy(url)
    await proxy.start()
    system.settings["SYMBL__BASE_URL"] = proxy.url
    await system.worker()
    scripts = scripts_of(system, 6, 14)
    speaking = asyncio.create_task(system.speak_all(scripts, speed=1.5))
    dropped = 0
    for _ in range(10):
        await asyncio.sleep(system.rng.uniform(0.4, 1.6))
        dropped += proxy.cut(lambda: system.rng.random() < 0.5)
    await speaking
    published = await system.ended({script.conversation_id for script in scripts}, 60)
    verify(scripts, published, repeats_allowed=False)
    nothing_is_damaged(published)
    print(f"dropped sockets: {dropped}")
    assert dropped >= 10
    await proxy.stop()


@pytest.mark.timeout(180)
async def test_an_absent_engine_fills_no_memory(system: System) -> None:
    """The engine is down for 30 s: partitions are paused, memory stays bounded, all is published when it is back."""
    port = free_ports(1)[0]
    await system.engine(port=port)
    bound = 8 << 20
    worker = await system.worker(
        BUFFER__STREAM_HIGH_BYTES=str(512 << 10),
        BUFFER__STREAM_LOW_BYTES=str(256 << 10),
        BUFFER__WORKER_HIGH_BYTES=str(6 << 20),
        BUFFER__WORKER_LOW_BYTES=str(4 << 20),
    )
    scripts = [write_script(f"call-{number}", "0", 30, system.rng) for number in range(20)]
    spoken_bytes = sum(len(script.audio) for script in scripts)
    speaking = asyncio.create_task(system.speak_all(scripts, speed=3.0))
    await asyncio.sleep(2)
    before = (await worker.metrics())["process_resident_memory_bytes"]
    system.process("engine").kill()
    held, paused, resident = 0.0, 0.0, 0.0
    for _ in range(60):
        await asyncio.sleep(0.5)
        metrics = await worker.metrics()
        held = max(held, metrics["symbl_worker_held_audio_bytes"])
        paused = max(paused, metrics["symbl_worker_paused_partitions"])
        resident = max(resident, metrics["process_resident_memory_bytes"])
    print(f"spoken {spoken_bytes / 1e6:.1f} MB, held at most {held / 1e6:.1f} MB, paused {paused:.0f}")
    print(f"resident before {before / 1e6:.0f} MB, at most {resident / 1e6:.0f} MB")
    assert spoken_bytes > 2 * bound, "the test speaks too little to prove anything"
    assert paused == 4
    assert held <= bound
    assert resident <= before + 4 * bound
    await system.engine(port=port)
    await speaking
    published = await system.ended({script.conversation_id for script in scripts}, 60)
    verify(scripts, published, repeats_allowed=False)
    nothing_is_damaged(published)


async def test_memory_given_up_is_read_again(system: System) -> None:
    """Audio that was sent and dropped from memory is read again from Kafka when a socket is lost."""
    url = await system.engine("--result-delay", "1.5", "2.5", "--seed", str(system.seed))
    proxy = Proxy(url)
    await proxy.start()
    system.settings["SYMBL__BASE_URL"] = proxy.url
    worker = await system.worker(
        BUFFER__WORKER_HIGH_BYTES=str(400 << 10),
        BUFFER__WORKER_LOW_BYTES=str(300 << 10),
        WORKER__SILENCE_HORIZON_SECONDS="6",
    )
    scripts = scripts_of(system, 4, 10)
    speaking = asyncio.create_task(system.speak_all(scripts, speed=2.0))
    for _ in range(3):
        await asyncio.sleep(2.0)
        proxy.cut(lambda: True)
    await speaking
    published = await system.ended({script.conversation_id for script in scripts}, 60)
    verify(scripts, published, repeats_allowed=False)
    nothing_is_damaged(published)

    async def rewound() -> bool:
        return (await worker.metrics())["symbl_worker_rewinds_total"] > 0

    await eventually(rewound, 1, "something was read again")
    await proxy.stop()
