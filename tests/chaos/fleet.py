"""The programs of a run, and what can be done to them."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable

from tests.chaos.brokers import Cluster
from tests.chaos.proxy import FaultyProxy
from tests.chaos.recovery import Happened
from tests.chaos.schedule import Fault
from tests.integration.support import System, Worker, eventually
from worker.demo.broker import free_ports
from worker.demo.processes import ManagedProcess

SLOW_SECONDS = 0.4
END_SECONDS = 35.0
READY_SECONDS = 60.0


class Fleet:
    """Workers, each with a proxy of its own to the engines.

    Args:
        system: Where programs are started, and settings and topics come from.
        rng: Chooses the sockets that are hit.
    """

    def __init__(self, system: System, cluster: Cluster, *, workers: int, engines: int, rng: random.Random) -> None:
        self._system = system
        self._cluster = cluster
        self._rng = rng
        self._ports = free_ports(engines)
        self._engines: list[ManagedProcess] = []
        self._workers: list[ManagedProcess] = []
        self._number = workers
        self.proxies: list[FaultyProxy] = []
        self.problems: list[str] = []
        """What went wrong with programs that nobody had hurt."""
        self._inject: dict[str, Callable[[Fault], Awaitable[str]]] = {
            "kill-worker": self._kill_worker,
            "term-worker": self._term_worker,
            "freeze-worker": self._freeze_worker,
            "cut-sockets": self._cut_sockets,
            "slow-sockets": self._slow_sockets,
            "half-open": self._half_open,
            "kill-engine": self._kill_engine,
            "kill-broker": self._kill_broker,
            "roll-workers": self._roll_workers,
        }

    @property
    def dialled(self) -> int:
        """How many sockets workers have opened so far."""
        return sum(proxy.dialled for proxy in self.proxies)

    async def start(self) -> None:
        """Start everything and wait until all workers take part."""
        for number in range(len(self._ports)):
            self._engines.append(self._start_engine(number))
        for engine in self._engines:
            await self._system.address(engine)
        for number in range(self._number):
            proxy = FaultyProxy([f"http://127.0.0.1:{port}" for port in self._ports])
            await proxy.start()
            self.proxies.append(proxy)
            self._workers.append(self._start_worker(number))
        for worker in self._workers:
            await self._ready(worker)

    async def stop(self) -> None:
        """Stop the proxies; programs are the system's."""
        for proxy in self.proxies:
            await proxy.stop()

    async def inject(self, fault: Fault) -> Happened:
        """Let a fault happen, from its beginning to its repair."""
        self.look()
        at = time.time()
        detail = await self._inject[fault.kind](fault)
        return Happened(
            kind=fault.kind,
            detail=detail,
            at_ms=int(at * 1000),
            until_ms=int(time.time() * 1000),
            everywhere=fault.kind == "kill-broker",
        )

    def look(self) -> None:
        """Notice programs that have ended although nobody ended them."""
        for process in (*self._workers, *self._engines):
            if process.exit_code is not None:
                self.problems.append(f"{process.name} ended by itself with {process.exit_code}, see {process.log}")
        for number, worker in enumerate(self._workers):
            if worker.exit_code is not None:
                self._workers[number] = self._start_worker(number)

    async def _kill_worker(self, fault: Fault) -> str:
        await asyncio.to_thread(self._workers[fault.target].kill)
        await asyncio.sleep(fault.seconds)
        self._workers[fault.target] = self._start_worker(fault.target)
        return f"worker {fault.target}, back after {fault.seconds:.1f} s"

    async def _term_worker(self, fault: Fault) -> str:
        took = await self._replace(fault.target)
        return f"worker {fault.target}, ended within {took:.1f} s, its replacement was started at the same time"

    async def _freeze_worker(self, fault: Fault) -> str:
        self._workers[fault.target].signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self._workers[fault.target].signal(signal.SIGCONT)
        return f"worker {fault.target}, frozen for {fault.seconds:.1f} s"

    async def _cut_sockets(self, fault: Fault) -> str:
        return f"worker {fault.target}, {self.proxies[fault.target].cut(self._hit(fault))} connections"

    async def _slow_sockets(self, fault: Fault) -> str:
        proxy = self.proxies[fault.target]
        proxy.slow_down(SLOW_SECONDS)
        await asyncio.sleep(fault.seconds)
        proxy.slow_down(0.0)
        return f"worker {fault.target}, {SLOW_SECONDS:g} s a piece for {fault.seconds:.1f} s"

    async def _half_open(self, fault: Fault) -> str:
        proxy = self.proxies[fault.target]
        hit = proxy.strand(self._hit(fault))
        await asyncio.sleep(fault.seconds)
        left = proxy.reset_stranded()
        return f"worker {fault.target}, {hit} connections for {fault.seconds:.1f} s, {left} of them until reset"

    async def _kill_engine(self, fault: Fault) -> str:
        await asyncio.to_thread(self._engines[fault.target].kill)
        await asyncio.sleep(fault.seconds)
        self._engines[fault.target] = self._start_engine(fault.target)
        await self._system.address(self._engines[fault.target])
        return f"engine {fault.target}, started again after {fault.seconds:.1f} s"

    async def _kill_broker(self, fault: Fault) -> str:
        await asyncio.to_thread(self._cluster.kill, fault.target)
        await asyncio.sleep(fault.seconds)
        began = time.monotonic()
        await asyncio.to_thread(self._cluster.restart, fault.target)
        away = fault.seconds + time.monotonic() - began
        return f"broker {fault.target} of {self._cluster.nodes}, away for {away:.1f} s"

    async def _roll_workers(self, fault: Fault) -> str:
        for number in range(len(self._workers)):
            await self._replace(number)
            await self._ready(self._workers[number])
        return f"{len(self._workers)} workers, one after the other"

    async def _replace(self, number: int) -> float:
        """SIGTERM, and a new worker at the same time. Returns how long the old one took to end, seconds."""
        old, began = self._workers[number], time.monotonic()
        old.signal(signal.SIGTERM)
        self._workers[number] = self._start_worker(number)
        if not await asyncio.to_thread(old.wait, END_SECONDS):
            self.problems.append(f"{old.name} did not end within {END_SECONDS:g} s of SIGTERM, see {old.log}")
            await asyncio.to_thread(old.kill)
        elif old.exit_code != 0:
            self.problems.append(f"{old.name} ended with {old.exit_code} after SIGTERM, see {old.log}")
        return time.monotonic() - began

    def _start_engine(self, number: int) -> ManagedProcess:
        port = str(self._ports[number])
        return self._system.cli(f"engine-{number}", "engine", "--recognizer", "coded", "--port", port)

    def _start_worker(self, number: int) -> ManagedProcess:
        return self._system.cli(f"worker-{number}", "run", SYMBL__BASE_URL=self.proxies[number].url)

    async def _ready(self, process: ManagedProcess) -> None:
        worker = Worker(process, await self._system.address(process))
        await eventually(worker.is_ready, READY_SECONDS, f"{process.name} is ready", every=0.3)

    def _hit(self, fault: Fault) -> Callable[[], bool]:
        return lambda: self._rng.random() < fault.share
