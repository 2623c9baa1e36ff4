"""The programs of a run: engines that keep their conversations, and workers with static membership ids."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections import Counter

from tests.chaos.group import Group
from tests.chaos.proxy import FaultyProxy
from tests.chaos.redials import Owners
from tests.integration.support import System, Worker, eventually
from worker.demo.broker import free_ports
from worker.demo.processes import ManagedProcess
from worker.errors import WorkerError

END_SECONDS = 35.0
READY_SECONDS = 60.0
SETTLED_SECONDS = 45.0
UNDISTURBED_SECONDS = 3.0


class Fleet:
    """Workers, each with a proxy of its own to the engines.

    Args:
        system: Where programs are started, and settings and topics come from.
    """

    def __init__(self, system: System, group: Group, *, workers: int, engines: int, partitions: int) -> None:
        self._system = system
        self._group = group
        self._ports = free_ports(engines)
        self._number = workers
        self._partitions = partitions
        self.engines: list[ManagedProcess] = []
        self.workers: list[ManagedProcess] = []
        self.proxies: list[FaultyProxy] = []
        self.problems: list[str] = []
        """What went wrong with programs that nobody had hurt."""

    @property
    def processes(self) -> list[tuple[str, int]]:
        """Names and process ids."""
        return [(process.name, process.pid) for process in (*self.workers, *self.engines)]

    @property
    def dialled(self) -> Counter[str]:
        """Conversation to sockets that workers have opened so far."""
        return sum((proxy.dialled for proxy in self.proxies), Counter())

    async def start(self) -> None:
        """Start everything and wait until all workers take part and every partition has one."""
        for number in range(len(self._ports)):
            self.engines.append(self._start_engine(number))
        for engine in self.engines:
            await self._system.address(engine)
        homes: dict[bytes, int] = {}
        for number in range(self._number):
            proxy = FaultyProxy([f"http://127.0.0.1:{port}" for port in self._ports], homes)
            await proxy.start()
            self.proxies.append(proxy)
            self.workers.append(self._start_worker(number))
        for number in range(self._number):
            await self.ready(number)
        if self.problems:
            raise WorkerError(f"the workers do not start: {'; '.join(self.problems)}\n{self.workers[0].tail()}")
        await self.settled()

    async def stop(self) -> None:
        """Stop the proxies; programs are the system's."""
        for proxy in self.proxies:
            await proxy.stop()

    def look(self) -> None:
        """Notice programs that have ended although nobody ended them, and replace them as a supervisor would."""
        for number, process in enumerate(self.workers):
            if process.exit_code is not None:
                self.problems.append(f"{process.name} ended by itself with {process.exit_code}, see {process.log}")
                self.start_worker(number)
        for number, process in enumerate(self.engines):
            if process.exit_code is not None:
                self.problems.append(f"{process.name} ended by itself with {process.exit_code}, see {process.log}")
                self.engines[number] = self._start_engine(number)

    async def owners(self) -> Owners:
        """Who has which partition, by Kafka. What nobody can say in time is nobody's."""
        owners: Owners = {}

        async def stable() -> bool:
            nonlocal owners
            said = await asyncio.to_thread(self._group.owners)
            owners = {} if said is None else said
            return len(owners) == self._partitions

        with contextlib.suppress(AssertionError):
            await eventually(stable, SETTLED_SECONDS, "every partition has a worker", every=0.3)
        return owners

    async def settled(self) -> Owners:
        """Wait until all workers are members, every partition has one, and nobody has dialled for a while."""
        dialled, since, owners = self.dialled, time.monotonic(), await self.owners()
        members = min(self._number, self._partitions)

        async def undisturbed() -> bool:
            nonlocal dialled, since, owners
            seen = await self.owners()
            if (seen, self.dialled) != (owners, dialled) or len(set(seen.values())) < members:
                dialled, since, owners = self.dialled, time.monotonic(), seen
            return time.monotonic() - since >= UNDISTURBED_SECONDS

        with contextlib.suppress(AssertionError):
            await eventually(undisturbed, SETTLED_SECONDS, "nothing changes", every=0.3)
        return owners

    async def replace(self, number: int) -> tuple[float, float]:
        """SIGTERM, and when the old worker has ended a new one under its id, as a StatefulSet does it.

        Returns:
            Seconds from the signal to the end of the old one, and to a new one that is ready.
        """
        old, began = self.workers[number], time.monotonic()
        old.signal(signal.SIGTERM)
        if not await asyncio.to_thread(old.wait, END_SECONDS):
            self.problems.append(f"{old.name} did not end within {END_SECONDS:g} s of SIGTERM, see {old.log}")
        elif old.exit_code != 0:
            self.problems.append(f"{old.name} ended with {old.exit_code} after SIGTERM, see {old.log}")
        await asyncio.to_thread(old.kill)
        ended = time.monotonic()
        self.start_worker(number)
        await self.ready(number)
        return ended - began, time.monotonic() - began

    def start_worker(self, number: int) -> None:
        """A new worker in the place of one that has ended."""
        self.workers[number] = self._start_worker(number)

    async def start_engine(self, number: int) -> None:
        """A new engine in the place of one that has ended, with its conversations; waits until it is ready."""
        self.engines[number] = self._start_engine(number)
        await self._system.address(self.engines[number])

    async def ready(self, number: int) -> None:
        """Wait until a worker takes part. One that does not is a problem, and the run goes on."""
        process = self.workers[number]
        try:
            worker = Worker(process, await self._system.address(process))
            await eventually(worker.is_ready, READY_SECONDS, f"{process.name} is ready", every=0.2)
        except (AssertionError, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            self.problems.append(f"{process.name} did not take part: {reason}, see {process.log}")

    def _start_engine(self, number: int) -> ManagedProcess:
        return self._system.cli(
            f"engine-{number}",
            "engine",
            "--recognizer",
            "coded",
            "--port",
            str(self._ports[number]),
            ENGINE__STORE_URL=f"sqlite:///{self._system.folder / f'engine-{number}.db'}",
        )

    def _start_worker(self, number: int) -> ManagedProcess:
        return self._system.cli(
            worker_id(number), "run", SYMBL__BASE_URL=self.proxies[number].url, WORKER__INSTANCE_ID=worker_id(number)
        )


def worker_id(number: int) -> str:
    """The static membership id of a worker and of all its replacements."""
    return f"worker-{number}"
