"""Exactly once: what read_committed readers see is whole and single, whoever dies or freezes."""

from __future__ import annotations

import asyncio
import re
import signal
from collections import Counter
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from prometheus_client import CollectorRegistry

from tests.integration.detour import Detour, DetouredKafka
from tests.integration.support import CHUNK_BYTES, System, eventually, verify, write_script
from worker.demo.broker import ApacheKafka, LocalKafka, free_ports
from worker.errors import DeliveryLostError
from worker.metrics import Metrics
from worker.output.publisher import Prepared
from worker.output.transactions import TransactionalPublisher
from worker.records import OutputRecord

pytestmark = pytest.mark.kafka

OUTCOME = re.compile(r'^symbl_worker_transactions_total{outcome="(\w+)"} (\S+)$', re.MULTILINE)


def ours(kafka: LocalKafka) -> ApacheKafka:
    """A broker that may be hurt."""
    if not isinstance(kafka, ApacheKafka):
        pytest.skip("the broker is not ours to hurt")
    return kafka


@pytest.mark.timeout(180)
async def test_results_and_state_are_visible_together(system: System) -> None:
    """kill -9 at any moment: the states that readers see count exactly the results that readers see."""
    await system.engine()
    scripts = [write_script(f"call-{number}", "0", 12, system.rng) for number in range(8)]
    speaking = asyncio.create_task(system.speak_all(scripts, speed=2.0))
    for _ in range(3):
        worker = await system.worker(WORKER__INSTANCE_ID="one")
        await asyncio.sleep(system.rng.uniform(2, 4))
        worker.process.kill()
        published = await system.read(["transcripts", "redacted", "insights", "state"])
        latest = {value["conversation_id"]: value for value in published.records["state"]}
        for kind, name in (
            ("transcripts", "message_sequence"),
            ("redacted", "message_sequence"),
            ("insights", "insight_sequence"),
        ):
            seen = Counter(value["conversation_id"] for value in published.records[kind])
            for conversation_id, state in latest.items():
                promised = sum(stream[name] for stream in state["streams"].values())
                assert seen[conversation_id] == promised, f"{conversation_id}: {kind} and state differ"
            assert set(seen) <= set(latest)
    await system.worker(WORKER__INSTANCE_ID="one")
    await speaking
    published = await system.ended({script.conversation_id for script in scripts}, 60)
    verify(scripts, published, repeats_allowed=False)


@pytest.mark.timeout(180)
async def test_a_thawed_worker_is_fenced(system: System) -> None:
    """SIGSTOP past the session timeout, then SIGCONT: others have continued; it publishes nothing and joins again."""
    await system.engine()
    first = await system.worker()
    await system.worker()
    scripts = [write_script(f"call-{number}", "0", 26, system.rng) for number in range(8)]
    speaking = asyncio.create_task(system.speak_all(scripts, speed=1.5))
    await asyncio.sleep(4)
    before = await first.metrics()
    first.process.signal(signal.SIGSTOP)
    await asyncio.sleep(10)
    first.process.signal(signal.SIGCONT)

    async def is_back() -> bool:
        metrics = await first.metrics()
        name = "symbl_worker_rebalances_total"
        return metrics[name] > before[name] and await first.is_ready()

    await eventually(is_back, 30, "the thawed worker takes part again")
    await speaking
    published = await system.ended({script.conversation_id for script in scripts}, 60)
    verify(scripts, published, repeats_allowed=False)
    assert first.process.exit_code is None, first.process.tail()


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("kafka")
async def test_a_worker_that_the_group_does_not_hear_falls_silent(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Its heartbeats are lost and all else works: it has audio and sockets, and leaves its streams to its successor."""
    port = free_ports(1)[0]
    with DetouredKafka(port) as kafka:
        detour = Detour(f"127.0.0.1:{kafka.behind}")
        await detour.start(port)
        system = System(kafka.bootstrap_servers, tmp_path, request.node.name)
        try:
            await system.create_topics()
            await system.engine("--result-delay", "0.2", "1.0", "--seed", str(system.seed))
            unheard = await system.worker(
                KAFKA__BOOTSTRAP_SERVERS=f"127.0.0.1:{port}", KAFKA__REQUEST_TIMEOUT_SECONDS="3"
            )
            other = await system.worker()
            scripts = [write_script(f"call-{number}", "0", 26, system.rng) for number in range(12)]
            speaking = asyncio.create_task(system.speak_all(scripts, speed=1.5))
            await asyncio.sleep(4)
            before = await other.metrics()
            detour.is_passing.clear()
            await asyncio.sleep(12)
            assert detour.lost, "nobody sent a heartbeat by the detour"
            assert (await unheard.metrics())["symbl_worker_group_contact_age_seconds"] > 6
            assert (await other.metrics())["symbl_worker_rebalances_total"] > before["symbl_worker_rebalances_total"]
            detour.is_passing.set()
            await speaking
            published = await system.ended({script.conversation_id for script in scripts}, 60)
            verify(scripts, published, repeats_allowed=False)
            assert (await unheard.metrics())["symbl_worker_group_contact_age_seconds"] < 6
        finally:
            await system.stop()
            await detour.stop()
    system.assert_silent_logs()


@pytest.mark.timeout(180)
async def test_a_transaction_that_took_too_long_costs_no_socket(kafka: LocalKafka, system: System) -> None:
    """A producer that is given up or fenced for its slowness: the worker is still the owner, and goes on."""
    broker = ours(kafka)
    # Results that come after the broker froze begin a transaction that cannot end.
    await system.engine("--result-delay", "0.5", "1.5", "--seed", str(system.seed))
    worker = await system.worker(KAFKA__TRANSACTION_TIMEOUT_SECONDS="1", KAFKA__SESSION_TIMEOUT_SECONDS="30")
    scripts = [write_script(f"call-{number}", "0", 20, system.rng) for number in range(8)]
    speaking = asyncio.create_task(system.speak_all(scripts, speed=1.0))
    await asyncio.sleep(4)
    for _ in range(3):
        broker.pause()
        await asyncio.sleep(4)
        broker.resume()
        await asyncio.sleep(8)
    _, metrics = await worker.get("/metrics")
    outcomes = {name: float(count) for name, count in OUTCOME.findall(metrics)}
    print(outcomes)
    assert outcomes["lost"] + outcomes["fenced"] > 0
    await speaking
    published = await system.ended({script.conversation_id for script in scripts}, 60)
    verify(scripts, published, repeats_allowed=False)
    assert not [value for value in published.records["conversations"] if value["event"] == "resumed"]
    assert worker.process.exit_code is None, worker.process.tail()


async def test_a_fenced_publisher_says_so_each_time(kafka: LocalKafka, system: System) -> None:
    """Whoever asks it again, after the library has stopped in the middle of something, gets the same answer."""
    arguments = {"bootstrap_servers": kafka.bootstrap_servers}
    partition = TopicPartition(system.topic("audio"), 0)
    record = OutputRecord(system.topic("state"), b"key", b"{}", (), 0)
    publishers = [
        TransactionalPublisher(
            arguments,
            group_id=system.prefix,
            partition=partition,
            timeout_seconds=30,
            metrics=Metrics(CollectorRegistry()),
        )
        for _ in range(2)
    ]
    first, second = publishers
    await first.start()
    assert await first.publish(Prepared([], [record], 0, "first.1"))
    await second.start()
    for _ in range(3):
        with pytest.raises(DeliveryLostError):
            await first.publish(Prepared([], [record], 0, "first.2"))
    assert await second.publish(Prepared([], [record], 0, "second.1"))
    await first.renew()
    assert await first.publish(Prepared([], [record], 0, "first.3"))
    for publisher in publishers:
        await publisher.stop()


@pytest.mark.timeout(180)
async def test_static_members_keep_their_partitions(system: System) -> None:
    """A worker that is replaced under its own name: nobody else's socket is touched, and its own are dialled once."""
    await system.engine()
    # The rule is about replacements that come in time; how fast this machine starts a program is another matter.
    system.settings["KAFKA__SESSION_TIMEOUT_SECONDS"] = "30"
    workers = {name: await system.worker(WORKER__INSTANCE_ID=name) for name in ("a", "b", "c")}
    scripts = [write_script(f"call-{number}", "0", 24, system.rng) for number in range(12)]
    speaking = asyncio.create_task(system.speak_all(scripts, speed=1.0))
    await asyncio.sleep(4)
    streams = 0
    for name, worker in list(workers.items()):
        others = {other: await each.metrics() for other, each in workers.items() if other != name}
        streams += int((await worker.metrics())["symbl_worker_streams"])
        worker.process.signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.process.wait, 20), "the worker does not end"
        workers[name] = await system.worker(WORKER__INSTANCE_ID=name)
        await asyncio.sleep(2)
        for other, before in others.items():
            after = await workers[other].metrics()
            assert after["symbl_worker_dials_total"] == before["symbl_worker_dials_total"]
            assert after["symbl_worker_rebalances_total"] == before["symbl_worker_rebalances_total"]
    await speaking
    published = await system.ended({script.conversation_id for script in scripts}, 60)
    verify(scripts, published, repeats_allowed=False)
    resumed = [value for value in published.records["conversations"] if value["event"] == "resumed"]
    print(f"streams of replaced workers: {streams}, dialled again: {len(resumed)}")
    assert len(resumed) <= streams


async def test_what_retention_removed_is_a_gap(kafka: LocalKafka, system: System) -> None:
    """Records that were deleted while no worker ran are reported at their place; what follows is whole."""
    await system.engine()
    worker = await system.worker()
    script = write_script("call", "0", 16, system.rng)
    half = len(script.audio) // 2 // CHUNK_BYTES * CHUNK_BYTES
    system.spoken.update(word.strip(".") for text in script.utterances for word in text.split())
    for begin in range(0, half, CHUNK_BYTES):
        where = await system.produce("call", script.audio[begin : begin + CHUNK_BYTES])

    async def some_are_out() -> bool:
        return bool((await system.read(["transcripts"])).records["transcripts"])

    await eventually(some_are_out, 30, "something is published")
    worker.process.kill()
    for begin in range(half, len(script.audio), CHUNK_BYTES):
        where = await system.produce("call", script.audio[begin : begin + CHUNK_BYTES])
    partition = TopicPartition(system.topic("audio"), where.partition)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    await admin.delete_records({partition: RecordsToDelete(before_offset=where.offset - 20)})
    await admin.close()
    await system.worker()
    await system.produce("call", b"", event="end")
    published = await system.ended({"call"}, 60)
    gaps = [value for value in published.records["conversations"] if value["event"] == "gap"]
    assert [gap["reason"] for gap in gaps] == ["retention"]
    texts = [value["text"] for value in published.of("transcripts", "call", "0")]
    assert len(texts) == len(set(texts))
    assert published.records["conversations"][-1]["event"] == "ended"


@pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])
async def test_a_record_that_the_broker_refuses_costs_only_itself(
    kafka: LocalKafka, system: System, delivery: str
) -> None:
    """It is counted and logged; everything else of its transaction is published, and the position goes on."""
    await system.engine()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    limit = {"max.message.bytes": "3000"}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, system.topic("dead-letters"), limit)])
    await admin.close()
    worker = await system.worker(WORKER__DELIVERY=delivery)
    scripts = [write_script(f"call-{number}", "0", 6, system.rng) for number in range(4)]
    speaking = asyncio.create_task(system.speak_all(scripts, speed=2.0))
    await asyncio.sleep(2)
    await asyncio.gather(*(system.produce(None, b"x" * size) for size in [10, 9000, 10] * 10))
    await speaking
    verify(scripts, await system.ended({script.conversation_id for script in scripts}, 60), repeats_allowed=False)

    async def all_is_told() -> bool:
        letters = (await system.read(["dead_letters"])).records["dead_letters"]
        return len(letters) == 20 and (await worker.metrics())["symbl_worker_unpublishable_records_total"] == 10

    await eventually(all_is_told, 20, "twenty dead letters are there, ten were refused")
