"""One measurement of delivery: a host and a worker of its own, as users start them, and what they use meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.calls import Call
from tests.bench.committed import CommittedReader
from tests.bench.process import cost_of, machine_busy_seconds, waited_seconds
from tests.chaos.reader import KINDS
from tests.chaos.verdict import judge_all, judge_insights, total
from tests.integration.support import System, Worker
from worker.demo.broker import ApacheKafka, LocalKafka
from worker.demo.processes import ManagedProcess

PARTITIONS = 4
READY_SECONDS = 60.0
SETTLE_SECONDS = 1.0
SHORTENED = (
    "KAFKA__SESSION_TIMEOUT_SECONDS",
    "SYMBL__PACE",
    "SYMBL__RECONNECT_CAP_SECONDS",
    "SYMBL__HEALTHY_SECONDS",
    "WORKER__SILENCE_HORIZON_SECONDS",
)
"""Settings of integration tests that are not those of production."""


@dataclass(frozen=True, kw_only=True)
class Used:
    """What was used from some moment on: seconds of the clock, of processors, and transactions.

    Args:
        waited: Seconds in which the worker was ready to run and had no processor.
    """

    seconds: float
    waited: float
    worker: float
    broker: float
    host: float
    own: float
    machine: float
    transactions: float
    publishes: float
    publish_seconds: float

    def __sub__(self, before: Used) -> Used:
        return Used(**{name: getattr(self, name) - getattr(before, name) for name in self.__dataclass_fields__})

    @property
    def others(self) -> float:
        """Processor seconds of programs that have nothing to do with this."""
        return max(0.0, self.machine - self.worker - self.broker - self.host - self.own)


class Stage:
    """Programs of one measurement, all of them running. Made by `set_up`."""

    def __init__(
        self, broker: LocalKafka, host: ManagedProcess, worker: Worker, reader: CommittedReader, began_ms: int
    ) -> None:
        self._broker = broker
        self._host = host
        self._worker = worker
        self.reader = reader
        self.began_ms = began_ms
        """When the worker began to consume, ms since the epoch."""

    async def used(self) -> Used:
        """Everything up to now."""
        counted = await self._worker.metrics()
        broker = cost_of(self._broker.pid).cpu_seconds if isinstance(self._broker, ApacheKafka) else 0.0
        return Used(
            seconds=time.time(),
            waited=waited_seconds(self._worker.process.pid),
            worker=cost_of(self._worker.process.pid).cpu_seconds,
            broker=broker,
            host=cost_of(self._host.pid).cpu_seconds,
            own=time.process_time(),
            machine=machine_busy_seconds(),
            transactions=counted["symbl_worker_transactions_total"],
            publishes=counted["symbl_worker_publish_seconds_count"],
            publish_seconds=counted["symbl_worker_publish_seconds_sum"],
        )

    async def ended(self, conversations: int, seconds: float) -> None:
        """Wait until so many conversations have ended.

        Raises:
            RuntimeError: They have not.
        """
        deadline = time.monotonic() + seconds
        while self.reader.ended < conversations:
            self.reader.check()
            if time.monotonic() > deadline or self._worker.process.exit_code is not None:
                raise RuntimeError(
                    f"{self.reader.ended} of {conversations} conversations have ended\n{self._worker.process.tail()}"
                )
            await asyncio.sleep(0.02)

    async def problems(self, calls: Sequence[Call], *, insights: bool) -> list[str]:
        """What is missing, repeated or wrong in what was published. Empty is good. Ends the reading."""
        await asyncio.sleep(SETTLE_SECONDS)  # in which something might come twice
        self.reader.stop()
        self.reader.check()
        seen = self.reader.seen()
        spoken = {call.stream: call.utterances for call in calls}
        verdicts = {kind: judge_all(spoken, seen.results[kind]) for kind in ("transcripts", "redacted")}
        if insights:
            verdicts["insights"] = judge_insights(spoken, seen.results["insights"], beside=("topic", "entity"))
        found = seen.problems(repeats_allowed=False)
        for kind, verdict in verdicts.items():
            found += [
                f"{kind}: {number} {name}"
                for name, number in total(verdict.values()).bad(same_id_allowed=False).items()
            ]
        gaps = sum(life.event == "gap" for life in seen.life)
        return [*found, *([f"{gaps} gaps"] if gaps else [])]


@contextlib.asynccontextmanager
async def set_up(
    broker: LocalKafka, name: str, host: str, delivery: str, *, audio_topic: str, **settings: str
) -> AsyncIterator[Stage]:
    """Start a host and a worker that begins to consume right away.

    Args:
        host: ``quick`` or ``engine``.
        delivery: ``exactly_once`` or ``at_least_once``.
        audio_topic: Exists already.
        settings: Of the worker.
    """
    with tempfile.TemporaryDirectory(prefix="bench-delivery-") as folder:
        with contextlib.redirect_stdout(None):  # it tells its seed, and nothing here depends on that
            system = System(broker.bootstrap_servers, Path(folder), name)
        for setting in SHORTENED:
            del system.settings[setting]
        system.settings |= {"TOPICS__AUDIO": audio_topic, "WORKER__DELIVERY": delivery, "LOG__LEVEL": "WARNING"}
        # What an engine takes for an entity in made-up words would be masked.
        system.settings |= {"CONVERSATION__DETECT_ENTITIES": "false"} | settings
        await system.create_topics()
        topics = {kind: system.topic(kind) for kind in KINDS}
        reader = CommittedReader(broker.bootstrap_servers, topics, PARTITIONS)
        reader.start()
        hosting = await _start_host(system, host)
        try:
            process = system.cli("worker", "run")
            output = process.log.with_suffix(".out")
            deadline = time.monotonic() + READY_SECONDS
            while not (found := re.search(r"https?://\S+(?=\s)", output.read_text())):
                if process.exit_code is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the worker does not start:\n{process.tail()}")
                await asyncio.sleep(0.01)
            yield Stage(broker, hosting, Worker(process, found[0]), reader, int(time.time() * 1000))
        finally:
            reader.stop()
            await system.stop()
            await asyncio.to_thread(hosting.stop, 10)


async def _start_host(system: System, host: str) -> ManagedProcess:
    if host == "engine":
        await system.engine()
        return system.process("engine")
    log = system.folder / "host.log"
    command = [sys.executable, "-m", "tests.bench.quick_host"]
    process = ManagedProcess("host", command, log=log, output=log.with_suffix(".out"))
    system.settings["SYMBL__BASE_URL"] = await system.address(process)
    return process
