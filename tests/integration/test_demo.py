"""What a newcomer sees first."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.integration.support import eventually
from worker.demo.broker import LocalKafka
from worker.demo.processes import ManagedProcess


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


@pytest.mark.timeout(150)
async def test_the_demo_runs_without_java(tmp_path: Path) -> None:
    """Where there is no Java, the broker inside the confluent-kafka wheel serves, and one line says so."""
    for name in ("sh", "kill"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    environment = {name: value for name, value in os.environ.items() if "__" not in name} | {"PATH": str(tmp_path)}
    log = tmp_path / "demo.log"
    command = [sys.executable, "-m", "worker.demo", "--pace", "4", "--plain"]
    process = ManagedProcess("demo", command, log=log, env=environment)
    try:
        assert await asyncio.to_thread(process.wait, 140), f"the demo hangs:\n{process.tail()}"
    finally:
        process.stop(10)
    said = log.read_text()
    assert process.exit_code == 0, said
    assert "No real Kafka" in said.splitlines()[0]


@pytest.mark.timeout(60)
async def test_ctrl_c_leaves_nothing_behind(kafka: LocalKafka, tmp_path: Path) -> None:
    """Ctrl-C in the middle: exit code 130, and every program that the demo started is gone."""
    log = tmp_path / "demo.log"
    environment = {name: value for name, value in os.environ.items() if "__" not in name}
    environment |= {"KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "DEMO_TEST_MARK": tmp_path.name}
    process = ManagedProcess("demo", [sys.executable, "-m", "worker.demo", "--plain"], log=log, env=environment)
    try:

        async def playing() -> bool:
            return "Playing" in log.read_text()

        await eventually(playing, 40, "the demo plays")
        assert len(marked(tmp_path.name)) >= 3, "demo, engine and worker run"
        process.signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, 20), f"the demo does not stop:\n{process.tail()}"
        assert process.exit_code == 130, process.tail()
        assert marked(tmp_path.name) == []
    finally:
        process.stop(10)


def marked(mark: str) -> list[str]:
    """The running programs whose environment carries a mark, but for guards that wait for our own end."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                ours = mark.encode() in (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if ours and b"guard" not in command:
                found.append(command.replace(b"\0", b" ").decode())
    return found
