"""``make soak-engine``: visitors come and go for a long time, and what the engine holds must not grow.

In rounds: after each one everybody leaves, and only then is measured what is left.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import sys
import time
from collections.abc import Sequence

import aiohttp
import uvloop

from tests.bench.process import EngineProcess, start_engine
from tests.bench.trend import FEWEST_SAMPLES, second_half
from tests.bench.visitors import Visitors, visit_for

VISITORS_AT_A_TIME = 30
VISITS_PER_SECOND = 30.0
QUIET_PATIENCE_SECONDS = 60.0
# Deleted conversations are part of what must not grow.
SETTINGS = {"retention_seconds": 30, "completion_grace_seconds": 0.5}

# What is measured: unit, share of the level by which it may grow, growth that is always allowed.
MEASURES = {
    "rss": ("MiB", 0.03, 5.0),
    # What survives a full collection; there are few of them in a short run.
    "memory_blocks": ("", 0.1, 5000.0),
    "open_files": ("", 0.0, 4.0),
    "tasks": ("", 0.0, 4.0),
    "threads": ("", 0.0, 1.0),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="soak-engine", description=__doc__)
    parser.add_argument("--minutes", type=float, default=float(os.environ.get("MINUTES", "60")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", str(random.randrange(10**6)))))
    options = parser.parse_args(arguments)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_soak(60 * options.minutes, options.seed))


async def _soak(seconds: float, seed: int) -> int:
    # Long enough to be worth its quiet end, short enough for a trend.
    round_seconds = min(20.0, seconds / (4 * FEWEST_SAMPLES))
    print(f"seed {seed}, {seconds / 60:g} minutes in rounds of {round_seconds:.1f} s, {os.cpu_count()} cores")
    samples: dict[str, list[float]] = {name: [] for name in MEASURES}
    async with start_engine(SETTINGS) as engine, aiohttp.ClientSession() as http:
        visitors = Visitors(engine, http, await engine.token(), seed)
        began = time.monotonic()
        while time.monotonic() - began < seconds or len(samples["rss"]) < 2 * FEWEST_SAMPLES:
            await visit_for(visitors, round_seconds, at_a_time=VISITORS_AT_A_TIME, per_second=VISITS_PER_SECOND)
            if not await _quiet(engine):
                visitors.problems["the engine did not become quiet"] += 1
            sample = await _sample(engine)
            for name, value in sample.items():
                samples[name].append(value)
            shown = ", ".join(f"{name} {value:.1f}{MEASURES[name][0]}" for name, value in sample.items())
            print(f"{time.monotonic() - began:6.0f} s, {visitors.visits.total()} visits: {shown}", flush=True)
        alive = engine.log_count("Traceback") + engine.log_count("socket failed")
        if alive:
            visitors.problems["errors in the log of the engine"] += alive
    print(f"\nvisits: {dict(visitors.visits)}")
    for problem, count in visitors.problems.items():
        print(f"PROBLEM: {problem}: {count}")
    return 1 if _verdict(samples) + visitors.problems.total() else 0


async def _quiet(engine: EngineProcess) -> bool:
    """Waits until nobody is left and everything is written."""
    deadline = time.monotonic() + QUIET_PATIENCE_SECONDS
    while time.monotonic() < deadline:
        gauges = await engine.gauges()
        busy = ("speaker_sockets", "subscriber_sockets", "conversations", "archive_backlog")
        if not any(gauges.get(f"symbl_engine_{name}", 0) for name in busy):
            # What ended last is still on its way out.
            await asyncio.sleep(1.0)
            return True
        await asyncio.sleep(0.25)
    return False


async def _sample(engine: EngineProcess) -> dict[str, float]:
    gauges = await engine.gauges()
    cost = engine.cost()
    return {
        "rss": cost.rss_bytes / 2**20,
        "memory_blocks": gauges["symbl_engine_memory_blocks"],
        "open_files": float(cost.open_files),
        "tasks": gauges["symbl_engine_tasks"],
        "threads": float(cost.threads),
    }


def _verdict(samples: dict[str, list[float]]) -> int:
    """Prints how everything went in the second half, and counts what grew."""
    growing = 0
    for name, (unit, share, slack) in MEASURES.items():
        trend = second_half(samples[name], share=share, slack=slack)
        growing += not trend.flat
        print(
            f"{'flat' if trend.flat else 'GROWS':5} {name}: {trend.level:.1f}{unit}, "
            f"{trend.growth:+.1f} in the second half, {trend.allowed:.1f} allowed"
        )
    return growing


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
