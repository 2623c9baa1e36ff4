"""Dialling again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import AuthenticationError, ConnectionLostError, SymblUnavailableError
from worker.symbl.retry import DialPolicy, dial_attempts


class World:
    """A clock that only sleeping moves, and a die that always shows the same share of its range."""

    def __init__(self, share: float = 1.0) -> None:
        self.now = 100.0
        self.share = share
        self.delays: list[float] = []
        self.ranges: list[tuple[float, float]] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.delays.append(seconds)
        self.now += seconds

    def uniform(self, low: float, high: float) -> float:
        self.ranges.append((low, high))
        return low + self.share * (high - low)

    async def dial(
        self,
        policy: DialPolicy,
        failures: list[BaseException],
        on_retry: Callable[[int, float, type[BaseException]], None] | None = None,
    ) -> int:
        """Fail as scripted, the last failure for ever after; return the number of the attempt that succeeded."""
        attempts = 0
        async for attempt in dial_attempts(
            policy, on_retry=on_retry, sleep=self.sleep, uniform=self.uniform, clock=self.clock
        ):
            with attempt:
                attempts += 1
                if failures:
                    raise failures.pop(0)
        return attempts


def unavailable(count: int) -> list[BaseException]:
    return [SymblUnavailableError(f"attempt {number}") for number in range(1, count + 1)]


async def test_success_needs_no_delay() -> None:
    """The first attempt begins at once, and success ends the loop."""
    world = World()
    assert await world.dial(DialPolicy(), []) == 1
    assert world.delays == []


async def test_full_jitter() -> None:
    """Each delay is drawn from zero to a bound that doubles up to the cap."""
    world = World(share=0.5)
    assert await world.dial(DialPolicy(initial_seconds=0.2, cap_seconds=3), unavailable(7)) == 8
    assert [low for low, _ in world.ranges] == [0.0] * 7
    assert [high for _, high in world.ranges] == pytest.approx([0.2, 0.4, 0.8, 1.6, 3, 3, 3])
    assert world.delays == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.5, 1.5, 1.5])


@given(
    initial=st.floats(0.001, 10),
    cap=st.floats(0.001, 100),
    count=st.integers(1, 80),
    share=st.floats(0, 1),
)
def test_delay_bounds(initial: float, cap: float, count: int, share: float) -> None:
    """No delay is negative or above the cap, however many there were."""
    world = World(share)
    asyncio.run(world.dial(DialPolicy(initial_seconds=initial, cap_seconds=cap), unavailable(count)))
    assert len(world.delays) == count
    assert all(0 <= delay <= cap for delay in world.delays)
    assert world.delays[0] <= initial


async def test_default_randomness() -> None:
    """Without an injected die the delays still keep to their bounds, and differ."""
    delays: list[float] = []

    async def sleep(seconds: float) -> None:
        delays.append(seconds)

    failures = unavailable(30)
    async for attempt in dial_attempts(DialPolicy(initial_seconds=1, cap_seconds=1), sleep=sleep):
        with attempt:
            if failures:
                raise failures.pop()
    assert all(0 <= delay <= 1 for delay in delays)
    assert len(set(delays)) > 20


async def test_max_attempts() -> None:
    """The last failure comes out unchanged once the attempts are used up."""
    world = World()
    with pytest.raises(SymblUnavailableError, match="attempt 3"):
        await world.dial(DialPolicy(max_attempts=3), unavailable(9))
    assert len(world.delays) == 2


async def test_max_elapsed() -> None:
    """No attempt begins after the total time; its delay is not waited for either."""
    world = World()
    with pytest.raises(SymblUnavailableError):
        await world.dial(DialPolicy(initial_seconds=1, max_elapsed_seconds=10), unavailable(99))
    assert world.delays == [1, 2, 4]
    assert world.now <= 110.0


@pytest.mark.parametrize(
    "failure", [AuthenticationError("no"), ValueError("bug"), asyncio.CancelledError(), KeyboardInterrupt()]
)
async def test_only_what_is_named(failure: BaseException) -> None:
    """Only failures that call themselves retriable are retried; bugs, refusals and cancellation pass at once."""
    world = World()
    with pytest.raises(type(failure)) as raised:
        await world.dial(DialPolicy(), [failure])
    assert raised.value is failure
    assert world.delays == []


async def test_hook() -> None:
    """The hook hears of each delay: after which attempt, how long, and why."""
    heard: list[tuple[int, float, type[BaseException]]] = []
    world = World()
    failures: list[BaseException] = [SymblUnavailableError("a"), ConnectionLostError("b", 1011)]
    await world.dial(DialPolicy(initial_seconds=1), failures, lambda *call: heard.append(call))
    assert heard == [(1, 1.0, SymblUnavailableError), (2, 2.0, ConnectionLostError)]


async def test_cancelled_while_waiting() -> None:
    """Cancelling during a delay ends the loop at once."""
    waiting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await asyncio.sleep(3600)

    async def dial() -> None:
        async for attempt in dial_attempts(DialPolicy(), sleep=sleep):
            with attempt:
                raise SymblUnavailableError("down")

    task = asyncio.create_task(dial())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
