"""What a newcomer sees first."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from worker.demo.broker import LocalKafka
from worker.demo.processes import ManagedProcess

pytestmark = pytest.mark.kafka


@pytest.mark.timeout(150)
async def test_the_demo_shows_what_it_promises(kafka: LocalKafka, tmp_path: Path) -> None:
    """The recorded call, recognised for real: few word errors, card and e-mail masked, insights of every kind."""
    log = tmp_path / "demo.log"
    process = ManagedProcess("demo", [sys.executable, "-m", "worker.demo", "--pace", "2", "--plain"], log=log)
    try:
        assert await asyncio.to_thread(process.wait, 140), f"the demo hangs:\n{process.tail()}"
    finally:
        process.stop(10)
    said = log.read_text()
    assert process.exit_code == 0, said
    errors = re.search(r"word errors ([\d.]+)%", said)
    assert errors is not None, said
    assert float(errors[1]) < 15
    masked = re.search(r"^masked .*$", said, re.MULTILINE)
    assert masked is not None
    assert "CARD_NUMBER" in masked[0]
    assert "EMAIL_ADDRESS" in masked[0]
    insights = re.search(r"^insights .*$", said, re.MULTILINE)
    assert insights is not None
    for kind in ("question", "action_item", "follow_up"):
        assert kind in insights[0]
    assert "one one one one" not in said
    assert "example dot com" not in said
