"""``make bench-engine``: how much one engine process carries, checked word by word.

Every run starts its own engine. With two cores or more the engine has one of them for itself, and the load generator
another one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import uvloop

from tests.bench.load import Load, Result, Run, Speech
from tests.bench.process import start_engine

MAX_LATENCY_SECONDS = 1.0
MAX_CPU = 0.95


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[1:])
    print(f"{len(cores)} cores, {hard} open files (soft limit was {soft}); engine on one core, generator on another")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_bench(options, cores[0] if len(cores) > 1 else None))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-engine", description=__doc__)

    def number(name: str, default: float, text: str, kind: Callable[[str], float] = int) -> None:
        variable = name.upper().replace("-", "_")
        parser.add_argument(
            f"--{name}", type=kind, default=kind(os.environ.get(variable, str(default))), help=f"{text} ({variable})"
        )

    number("sessions", 200, "coded sessions of the main run")
    number("subscribers", 5000, "subscribers of its first conversation")
    number("duration", 30, "seconds of a run", float)
    number("stalled", 100, "subscribers that do not read, in a run of their own; 0 leaves it out")
    number("lasting", 0, "1 keeps conversations in a file with a name, so that results are told when they are kept")
    number("search", 1, "0 leaves out the searches for the limits")
    return parser.parse_args(arguments)


async def _bench(options: argparse.Namespace, core: int | None) -> int:
    bench = Bench(core, lasting=bool(options.lasting))
    alone = await bench.run("sessions alone", Load(sessions=options.sessions, seconds=options.duration))
    main_run = await bench.run(
        "sessions and subscribers",
        Load(sessions=options.sessions, subscribers=options.subscribers, seconds=options.duration),
    )
    print()
    _print_costs(alone, main_run)
    if options.stalled:
        print()
        await bench.run_with_stalled(options.stalled)
    if options.search:
        print("\nhow many sessions:")
        await bench.search(lambda count: Load(sessions=count, seconds=10.0), first=400)
        print("\nhow many subscribers of one conversation:")
        await bench.search(lambda count: Load(sessions=2, subscribers=count, seconds=10.0), first=5000, most=14_000)
    print()
    print("complete, in order, nothing repeated" if not bench.failed else "FAILED: see the problems above")
    return 1 if bench.failed else 0


class Bench:
    """Runs loads, prints what came of them, and remembers whether anything was wrong."""

    def __init__(self, core: int | None, *, lasting: bool) -> None:
        self._engine = partial(start_engine, core=core, lasting=lasting)
        self.failed = False

    async def run(self, name: str, load: Load) -> Result:
        async with self._engine({}) as engine:
            result = await Run(engine, await engine.token(), load).go()
        _print_result(name, result)
        self.failed |= bool(+result.problems)
        return result

    async def run_with_stalled(self, stalled: int) -> None:
        """Subscribers that do not read are cut off, and nobody else notices: the same load without and with them."""
        # Much text in little time, since a stalled reader is cut off by what it is sent.
        speech = Speech(words=100, word_seconds=0.05)
        load = Load(sessions=4, subscribers=500, seconds=15.0, speech=speech)
        settings = {"max_backlog_bytes": 65_536, "heartbeat_seconds": 600}
        for count in (0, stalled):
            async with self._engine(settings) as engine:
                result = await Run(engine, await engine.token(), replace(load, stalled=count)).go()
                cut_off = engine.log_count("slow reader cut off")
            _print_result(f"{count} stalled readers, {cut_off} cut off", result)
            if cut_off != count:
                print(f"    PROBLEM: cut off {cut_off} of {count}")
                self.failed = True
            self.failed |= bool(+result.problems)

    async def search(self, make: Callable[[int], Load], *, first: int, most: int = 1_000_000) -> None:
        """Doubles until it is too much, then halves the interval to within an eighth. Prints every step."""
        good, bad, count = 0, 0, first
        while True:
            load = make(count)
            try:
                async with self._engine({}) as engine:
                    result = await Run(engine, await engine.token(), load).go()
            except (OSError, TimeoutError) as error:
                print(f"  {count}: {type(error).__name__}: {error}")
                bad = count
            else:
                enough = _is_good(result)
                _print_result(f"{count} {'hold' if enough else 'are too many'}", result)
                good, bad = (count, bad) if enough else (good, count)
            if good >= most or (bad and bad - good <= max(1, bad // 8)):
                break
            count = (good + bad) // 2 if bad else min(most, 2 * count)
        print(f"  one process bears {good}")


def _is_good(result: Result) -> bool:
    latencies = (result.speaker_latency, result.subscriber_latency)
    return (
        not +result.problems
        and all(_percentile(each, 0.99) <= MAX_LATENCY_SECONDS for each in latencies if each)
        and result.engine_cpu <= MAX_CPU
    )


def _print_result(name: str, result: Result) -> None:
    load = result.load
    print(
        f"  {name}: {load.sessions} sessions, {load.subscribers} subscribers, {result.wall_seconds:.0f} s, "
        f"{result.messages} messages, {result.subscriber_frames} subscriber frames"
    )
    print(
        f"    engine {result.engine_cpu:.0%} of a core, {result.rss_bytes / 2**20:.0f} MiB; generator "
        f"{result.generator_cpu:.0%}, at most {1000 * result.late_seconds:.0f} ms late; others {result.others_cpu:.0%}"
    )
    print(f"    latency at speakers    {_latencies(result.speaker_latency)}")
    if result.subscriber_latency:
        print(f"    latency at subscribers {_latencies(result.subscriber_latency)}")
    for problem, count in (+result.problems).items():
        print(f"    PROBLEM: {problem}: {count}")
    sys.stdout.flush()


def _print_costs(alone: Result, both: Result) -> None:
    per_session = alone.engine_cpu / alone.load.sessions
    frames = both.subscriber_frames / both.wall_seconds
    added = both.engine_cpu - alone.engine_cpu
    print(f"  CPU per session         {1000 * per_session:.2f} ms a second")
    print(f"  memory per session      {both.session_rss / 1024:.0f} KiB")
    if frames:
        print(f"  CPU per subscriber frame {1e6 * added / frames:.1f} us at {frames:.0f} a second")
        print(f"  memory per subscriber   {both.subscriber_rss / 1024:.0f} KiB")


def _latencies(values: list[float]) -> str:
    if not values:
        return "none"
    median, p99 = statistics.median(values), _percentile(values, 0.99)
    return f"median {1000 * median:.0f} ms, p99 {1000 * p99:.0f} ms, max {1000 * max(values):.0f} ms"


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
