"""A process that stood still knows it before it says anything."""

from __future__ import annotations

import asyncio

from worker.intake.pulse import BEAT_SECONDS, Pulse


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_standstill_is_seen_at_once_and_told_once() -> None:
    """Between the standstill and the next beat nothing is fresh; at that beat it is told, with its length."""
    clock, told = Clock(), list[float]()
    pulse = Pulse(6.0, told.append, clock)
    pulse.start()
    fresh = [pulse.is_fresh]
    clock.now += 10.0
    fresh.append(pulse.is_fresh)
    await asyncio.sleep(BEAT_SECONDS * 3)
    fresh.append(pulse.is_fresh)
    assert told == [10.0]
    assert fresh == [True, False, True]
    await pulse.stop()


async def test_a_slow_moment_is_no_standstill() -> None:
    """A pause up to the limit changes nothing."""
    clock, told = Clock(), list[float]()
    pulse = Pulse(6.0, told.append, clock)
    pulse.start()
    clock.now += 5.9
    assert pulse.is_fresh
    await asyncio.sleep(BEAT_SECONDS * 3)
    assert told == []
    await pulse.stop()
