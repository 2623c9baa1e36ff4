"""What can be done to the programs of a run, one fault at a time."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from tests.chaos.brokers import Cluster
from tests.chaos.fleet import Fleet, worker_id
from tests.chaos.group import Group
from tests.chaos.proxy import Delay
from tests.chaos.recovery import Happened
from tests.chaos.redials import Owners, Placed, Restart, judge_redials
from tests.chaos.schedule import Fault
from tests.integration.support import eventually

# A ping takes as long as both together; after `SYMBL__PING_SECONDS` without a pong a socket is given up.
SLOW = Delay(to_engine=1.2, to_worker=1.8)
IN_SYNC_SECONDS = 40.0
REDIALS_JUDGED = ("crash-worker", "term-worker", "roll-workers")


@dataclass
class _Effect:
    """What an injection has to tell.

    Args:
        restarts: Workers that were replaced: id, seconds until back, owners before.
    """

    detail: str
    hit: frozenset[str] | None = None
    restarts: list[tuple[str, float, Owners]] = field(default_factory=list)


class Injector:
    """Injects faults, and says whom they hit.

    Args:
        cluster: None where the brokers are not ours to hurt.
        placed: Where the conversations are.
        rng: Chooses the sockets that are hit.
    """

    def __init__(
        self,
        fleet: Fleet,
        cluster: Cluster | None,
        group: Group,
        placed: Mapping[str, Placed],
        *,
        session_seconds: float,
        rng: random.Random,
    ) -> None:
        self._fleet = fleet
        self._cluster = cluster
        self._group = group
        self._placed = placed
        self._session_seconds = session_seconds
        self._rng = rng
        self._open: tuple[Happened, _Effect, Mapping[str, int]] | None = None
        self.happened: list[Happened] = []
        self._inject: dict[str, Callable[[Fault], Awaitable[_Effect]]] = {
            "kill-worker": self._kill_worker,
            "crash-worker": self._crash_worker,
            "term-worker": self._term_worker,
            "roll-workers": self._roll_workers,
            "freeze-worker": self._freeze_worker,
            "cut-sockets": self._cut_sockets,
            "slow-sockets": self._slow_sockets,
            "half-open": self._half_open,
            "kill-engine": self._kill_engine,
            "kill-broker": self._kill_broker,
            "kill-coordinator": self._kill_coordinator,
            "freeze-broker": self._freeze_broker,
        }

    async def prepare(self, fault: Fault) -> None:
        """Wait until a fault may begin."""
        if fault.kind in REDIALS_JUDGED:
            await self._fleet.settled()

    async def inject(self, fault: Fault) -> str:
        """Let a fault happen, from its beginning to its repair. Returns what was done."""
        await self.close()
        self._fleet.look()
        at_ms, dialled = int(time.time() * 1000), self._fleet.dialled
        effect = await self._inject[fault.kind](fault)
        happened = Happened(kind=fault.kind, detail=effect.detail, at_ms=at_ms, hit=effect.hit)
        self._open = happened, effect, dialled
        return effect.detail

    async def close(self) -> None:
        """The time of the latest fault is over: what was dialled and what moved until now is its doing."""
        if self._open is None:
            return
        happened, effect, before = self._open
        self._open = None
        dialled = {name: number - before.get(name, 0) for name, number in self._fleet.dialled.items()}
        happened = replace(happened, dialled=sum(dialled.values()))
        if effect.restarts:
            owners = [each for _, _, each in effect.restarts[1:]] + [await self._fleet.owners()]
            restarts = [
                Restart(worker=worker, back_seconds=seconds, before=earlier, after=later)
                for (worker, seconds, earlier), later in zip(effect.restarts, owners, strict=True)
            ]
            redials = judge_redials(restarts, dialled, self._placed, session_seconds=self._session_seconds)
            happened = replace(happened, redials=redials)
        self.happened.append(happened)

    # --- workers ---

    async def _kill_worker(self, fault: Fault) -> _Effect:
        hit = self._conversations_of(fault.target, await self._fleet.owners())
        await asyncio.to_thread(self._fleet.workers[fault.target].kill)
        await asyncio.sleep(fault.seconds)
        self._fleet.start_worker(fault.target)
        return _Effect(f"worker {fault.target}, a new one after {fault.seconds:.1f} s", hit)

    async def _crash_worker(self, fault: Fault) -> _Effect:
        owners, began = await self._fleet.owners(), time.monotonic()
        await asyncio.to_thread(self._fleet.workers[fault.target].kill)
        await asyncio.sleep(fault.seconds)
        self._fleet.start_worker(fault.target)
        await self._fleet.ready(fault.target)
        away = time.monotonic() - began
        hit = self._conversations_of(fault.target, owners)
        return _Effect(
            f"worker {fault.target}, back after {away:.1f} s", hit, [(worker_id(fault.target), away, owners)]
        )

    async def _term_worker(self, fault: Fault) -> _Effect:
        restart, detail = await self._replace(fault.target)
        return _Effect(detail, restarts=[restart])

    async def _roll_workers(self, fault: Fault) -> _Effect:
        restarts, details = [], []
        for number in range(len(self._fleet.workers)):
            restart, detail = await self._replace(number)
            restarts.append(restart)
            details.append(detail)
        return _Effect("; ".join(details), restarts=restarts)

    async def _replace(self, number: int) -> tuple[tuple[str, float, Owners], str]:
        owners = await self._fleet.owners()
        ended, back = await self._fleet.replace(number)
        return (worker_id(number), back, owners), f"worker {number}, ended after {ended:.1f} s, back after {back:.1f} s"

    async def _freeze_worker(self, fault: Fault) -> _Effect:
        hit = self._conversations_of(fault.target, await self._fleet.owners())
        worker = self._fleet.workers[fault.target]
        worker.signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            worker.signal(signal.SIGCONT)
        return _Effect(f"worker {fault.target}, frozen for {fault.seconds:.1f} s", hit)

    # --- sockets and engines ---

    async def _cut_sockets(self, fault: Fault) -> _Effect:
        number = self._fleet.proxies[fault.target].cut(self._chosen(fault))
        return _Effect(f"worker {fault.target}, {number} sockets")

    async def _slow_sockets(self, fault: Fault) -> _Effect:
        proxy = self._fleet.proxies[fault.target]
        before = proxy.sockets()
        proxy.slow_down(SLOW)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            proxy.slow_down(Delay())
        late = f"{SLOW.to_engine + SLOW.to_worker:g} s late for {fault.seconds:.1f} s"
        survived = len(before & proxy.sockets())
        return _Effect(f"worker {fault.target}, {late}, {survived} of {len(before)} sockets survived")

    async def _half_open(self, fault: Fault) -> _Effect:
        proxy = self._fleet.proxies[fault.target]
        hit = proxy.strand(self._chosen(fault))
        await asyncio.sleep(fault.seconds)
        left = proxy.reset_stranded()
        return _Effect(f"worker {fault.target}, {hit} sockets for {fault.seconds:.1f} s, {left} of them until reset")

    async def _kill_engine(self, fault: Fault) -> _Effect:
        began = time.monotonic()
        await asyncio.to_thread(self._fleet.engines[fault.target].kill)
        await asyncio.sleep(fault.seconds)
        await self._fleet.start_engine(fault.target)
        return _Effect(f"engine {fault.target}, away for {time.monotonic() - began:.1f} s")

    # --- brokers ---

    async def _kill_broker(self, fault: Fault) -> _Effect:
        return await self._kill_node(fault.target, fault)

    async def _kill_coordinator(self, fault: Fault) -> _Effect:
        node = await asyncio.to_thread(self._group.coordinator)
        # Nodes are numbered from 1.
        return await self._kill_node(fault.target if node is None else node - 1, fault)

    async def _kill_node(self, node: int, fault: Fault) -> _Effect:
        assert self._cluster is not None
        began = time.monotonic()
        await asyncio.to_thread(self._cluster.kill, node)
        await asyncio.sleep(fault.seconds)
        await asyncio.to_thread(self._cluster.restart, node)
        away = time.monotonic() - began
        return _Effect(
            f"node {node} of {self._cluster.nodes}, away for {away:.1f} s{await self._in_sync()}", self._all()
        )

    async def _freeze_broker(self, fault: Fault) -> _Effect:
        assert self._cluster is not None
        self._cluster.freeze(fault.target)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self._cluster.thaw(fault.target)
        frozen = f"node {fault.target} of {self._cluster.nodes}, frozen for {fault.seconds:.1f} s"
        return _Effect(frozen + await self._in_sync(), self._all())

    async def _in_sync(self) -> str:
        """One node at a time is hurt: wait until all have all there is."""
        began = time.monotonic()

        async def in_sync() -> bool:
            return await asyncio.to_thread(self._group.in_sync)

        try:
            await eventually(in_sync, IN_SYNC_SECONDS, "all replicas are in sync", every=0.5)
        except AssertionError:
            return f", replicas not in sync after {IN_SYNC_SECONDS:g} s"
        return f", replicas in sync {time.monotonic() - began:.1f} s later"

    # --- whom it hits ---

    def _chosen(self, fault: Fault) -> Callable[[], bool]:
        return lambda: self._rng.random() < fault.share

    def _conversations_of(self, number: int, owners: Owners) -> frozenset[str]:
        mine = {partition for partition, owner in owners.items() if owner == worker_id(number)}
        return frozenset(name for name, placed in self._placed.items() if placed.partition in mine)

    def _all(self) -> frozenset[str]:
        return frozenset(self._placed)
