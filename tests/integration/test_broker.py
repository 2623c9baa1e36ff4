"""Trouble with the broker: what was published stays published once, what was not is published later."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.support import MARKS, System, verify, write_script
from worker.demo.broker import ApacheKafka, LocalKafka

pytestmark = pytest.mark.kafka


@pytest.mark.timeout(180)
async def test_a_restarted_broker_loses_nothing(kafka: LocalKafka, system: System) -> None:
    """kill -9 of the broker in the middle: sockets stay open, and everything is there when it is back."""
    if not isinstance(kafka, ApacheKafka):
        pytest.skip("the broker is not ours to kill")
    await system.engine()
    worker = await system.worker(KAFKA__SESSION_TIMEOUT_SECONDS="10")
    scripts = [write_script(f"call-{number}", "0", 16, system.rng) for number in range(6)]
    speaking = asyncio.create_task(system.speak_all(scripts, speed=1.5))
    await asyncio.sleep(5)
    await asyncio.to_thread(kafka.kill)
    await asyncio.sleep(2)
    await asyncio.to_thread(kafka.restart)
    await speaking
    published = await system.ended({script.conversation_id for script in scripts}, 90)
    verify(scripts, published, repeats_allowed=False)
    assert not any(mark in value["text"] for value in published.records["transcripts"] for mark in MARKS)
    assert worker.process.exit_code is None, worker.process.tail()
