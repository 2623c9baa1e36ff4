"""One broker for all integration tests of a process, and the count of tests that ran on it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import System
from worker.demo.broker import LocalKafka, choose_broker

_ran: Counter[str] = Counter()


@pytest.fixture(scope="session")
def broker() -> Iterator[LocalKafka]:
    """The broker that `make demo` would use: the one that is named, else a real Kafka of our own, else a mock."""
    broker = choose_broker(os.environ)
    with broker:
        yield broker


@pytest.fixture
def kafka(broker: LocalKafka, request: pytest.FixtureRequest) -> LocalKafka:
    """A real Apache Kafka. Tests that need one are reported as skipped where there is none."""
    if not broker.is_real:
        pytest.skip(f"needs a real Apache Kafka, and this is {broker.kind}: install Java 17 and Maven")
    _ran[broker.kind] += 1
    return broker


@pytest.fixture
async def system(kafka: LocalKafka, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[System]:
    """Topics of its own on the broker, and whatever programs the test starts; their logs are searched at the end."""
    system = System(kafka.bootstrap_servers, tmp_path, request.node.name)
    await system.create_topics()
    try:
        yield system
    finally:
        await system.stop()
    system.assert_silent_logs()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes hands over what it has counted."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["ran"] = dict(_ran)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take it over."""
    _ran.update(getattr(node, "workeroutput", {}).get("ran", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the integration tests ran on."""
    for kind, count in _ran.items():
        terminalreporter.write_line(f"integration: {count} tests ran on {kind}")
