"""``make bench-delivery``: what delivering exactly once costs, next to delivering at least once.

Both modes have the same load in turns, again and again, since a machine is not the same from one minute to the next:
a backlog that is read as fast as can be, and live calls in real time. Every utterance must come once; nothing is
required of the time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson
import uvloop

from tests.bench.calls import Call, Line, create_audio_topic, write_calls
from tests.bench.figures import Spread, pair_ratios, percentile
from tests.bench.stage import PARTITIONS, Stage, Used, set_up
from tests.chaos.verdict import OWN_WORD
from worker.demo.broker import LocalKafka, choose_broker
from worker.errors import BrokerError

MODES = ("exactly_once", "at_least_once")
WARM_UP_SECONDS = 3.0
PATIENCE_SECONDS = 600.0
RESULT_KINDS = ("transcripts", "redacted", "insights")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one measurement.

    Args:
        results: Transcripts, redacted messages and insights.
        latencies: From the broker's time of an utterance's last record to a reader's having it, ms.
        publishing: From the moment when the worker took a transcript into a batch, to the same, ms.
    """

    mode: str
    used: Used
    results: int
    audio_seconds: float
    latencies: Sequence[float]
    publishing: Sequence[float]
    problems: Sequence[str]

    @property
    def rate(self) -> float:
        return self.results / self.used.seconds

    @property
    def own_rate(self) -> float:
        """The same without the time in which the worker waited for a processor: as on a machine of its own."""
        return self.results / (self.used.seconds - self.used.waited)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    try:
        broker = choose_broker(os.environ)
    except BrokerError as error:
        sys.exit(str(error))
    if not broker.is_real:
        sys.exit("there are no transactions without a real Apache Kafka: install Java 17 and Maven")
    with broker, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Bench(broker, options).run())


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-delivery", description=__doc__)

    def option(name: str, default: object, text: str, kind: Callable[[str], object] = int) -> None:
        variable = name.upper().replace("-", "_")
        parser.add_argument(
            f"--{name}", type=kind, default=kind(os.environ.get(variable, str(default))), help=f"{text} ({variable})"
        )

    option("streams", 100, "recorded calls, one stream each")
    option("recorded-seconds", 60, "audio of each recorded call", float)
    option("rounds", 5, "how often both modes have the backlog; 0 leaves it out")
    option("live-streams", 40, "live calls at a time, one stream each")
    option("live-seconds", 25, "audio of each live call", float)
    option("live-rounds", 3, "how often both modes have the live calls; 0 leaves them out")
    option("intervals", "0.1,0.02", "commit intervals of the live calls, seconds", str)
    option("server", "quick", "quick: one that only says final messages; engine: the real one", str)
    option("scattered", 0, "1: what one partition says goes to all partitions of a topic")
    option("seed", 1, "of what is said")
    return parser.parse_args(arguments)


class Bench:
    """Runs both measurements, prints what came of them, and remembers whether anything was wrong."""

    def __init__(self, broker: LocalKafka, options: argparse.Namespace) -> None:
        self._broker = broker
        self._options = options
        self._runs = 0
        self._failed = False

    async def run(self) -> int:
        options = self._options
        print(f"{os.cpu_count()} cores; server: {options.server}; {PARTITIONS} partitions")
        if options.rounds:
            await self._backlog()
        if options.live_rounds:
            for interval in options.intervals.split(","):
                await self._live(float(interval))
        print()
        print("every utterance came once" if not self._failed else "FAILED: see the problems above")
        return 1 if self._failed else 0

    # --- a backlog ---

    async def _backlog(self) -> None:
        options = self._options
        topic = "bench-backlog.audio"
        create_audio_topic(self._broker.bootstrap_servers, topic, PARTITIONS)
        calls = self._calls(options.streams, options.recorded_seconds, options.seed)
        await asyncio.to_thread(Line(self._broker.bootstrap_servers, topic).record, calls)
        audio_seconds = sum(call.seconds for call in calls)
        async with self._stage("exactly_once", topic, SYMBL__PACE="0") as stage:
            await stage.ended(len(calls), PATIENCE_SECONDS)  # so that the broker has done everything before
        utterances = sum(len(each.utterances) for each in calls)
        print(f"\nbacklog: {len(calls)} calls, {audio_seconds:,.0f} s of audio, {utterances:,} utterances")
        rounds: list[dict[str, Result]] = []
        for number in range(options.rounds):
            rounds.append({})
            for mode in _in_turn(number):
                async with self._stage(mode, topic, SYMBL__PACE="0") as stage:
                    before = await stage.used()
                    await stage.ended(len(calls), PATIENCE_SECONDS)
                    used = await stage.used() - before
                    problems = await stage.problems(calls, insights=options.server == "engine")
                used = replace(used, seconds=(stage.reader.ended_ms - stage.began_ms) / 1000)
                result = _result(mode, stage, used, problems=problems, audio_seconds=audio_seconds)
                rounds[-1][mode] = result
                self._show(number, result)
        _show_backlog(rounds)

    # --- live calls ---

    async def _live(self, interval: float) -> None:
        options = self._options
        calls_of = f"{options.live_streams} calls of {options.live_seconds:g} s"
        print(f"\nlive: {calls_of}; commit interval {1000 * interval:g} ms")
        found: dict[str, list[Result]] = {mode: [] for mode in MODES}
        for number in range(options.live_rounds):
            for mode in _in_turn(number):
                self._runs += 1
                topic = f"bench-live-{self._runs}.audio"
                create_audio_topic(self._broker.bootstrap_servers, topic, PARTITIONS)
                calls = self._calls(options.live_streams, options.live_seconds, options.seed + number)
                async with self._stage(mode, topic, WORKER__COMMIT_INTERVAL_SECONDS=str(interval)) as stage:
                    line = Line(self._broker.bootstrap_servers, topic)
                    speaking = asyncio.create_task(line.speak(calls, random.Random(number)))
                    await asyncio.sleep(WARM_UP_SECONDS)
                    since_ms = int(time.time() * 1000)
                    before = await stage.used()
                    await asyncio.sleep(max(1.0, options.live_seconds - WARM_UP_SECONDS))
                    used = await stage.used() - before
                    await speaking
                    await stage.ended(len(calls), PATIENCE_SECONDS)
                    problems = await stage.problems(calls, insights=options.server == "engine")
                appended_ms = {
                    tag: line.appended_ms[call.script.conversation_id, chunk]
                    for call in calls
                    for tag, chunk in call.last_chunks().items()
                }
                result = _result(
                    mode,
                    stage,
                    used,
                    problems=problems,
                    audio_seconds=used.seconds * len(calls),
                    appended_ms=appended_ms,
                    since_ms=since_ms,
                )
                found[mode].append(result)
                self._show(number, result)
        for mode in MODES:
            _show_latency(mode, found[mode])

    # --- both ---

    def _calls(self, count: int, seconds: float, seed: int) -> list[Call]:
        return write_calls(count, seconds, PARTITIONS, seed, scattered=bool(self._options.scattered))

    def _stage(self, mode: str, topic: str, **settings: str) -> contextlib.AbstractAsyncContextManager[Stage]:
        return set_up(self._broker, "bench-delivery", self._options.server, mode, audio_topic=topic, **settings)

    def _show(self, number: int, result: Result) -> None:
        used = result.used
        print(
            f"  {number + 1} {result.mode:13} {used.seconds:5.1f} s, of which the worker waited for a processor "
            f"{used.waited:.1f}; {result.rate:,.0f} results/s; cores: worker "
            f"{used.worker / used.seconds:.2f}, broker {used.broker / used.seconds:.2f}, host "
            f"{used.host / used.seconds:.2f}, own {used.own / used.seconds:.2f}, others "
            f"{used.others / used.seconds:.2f}; publishing {_average_ms(used):.1f} ms",
            flush=True,
        )
        if result.latencies:
            print(f"      latency {_latencies(result.latencies)}; publishing {_latencies(result.publishing)}")
        for problem in result.problems:
            print(f"      PROBLEM: {problem}")
        self._failed |= bool(result.problems)


def _in_turn(number: int) -> Sequence[str]:
    """Both modes; in every other round the other one first, so that none gains by its place."""
    return MODES if number % 2 == 0 else MODES[::-1]


def _result(
    mode: str,
    stage: Stage,
    used: Used,
    *,
    problems: Sequence[str],
    audio_seconds: float,
    appended_ms: Mapping[str, int] | None = None,
    since_ms: int = 0,
) -> Result:
    """Of what was read from some moment on."""
    until_ms = int(since_ms + 1000 * used.seconds) if since_ms else sys.maxsize
    arrivals = [each for each in stage.reader.arrivals if since_ms <= each.read_ms <= until_ms]
    latencies: list[float] = []
    publishing: list[float] = []
    for each in arrivals:
        if appended_ms and each.kind == "transcripts" and (own := OWN_WORD.search(orjson.loads(each.value)["text"])):
            latencies.append(each.read_ms - appended_ms[own[1]])
            publishing.append(each.read_ms - each.decided_ms)
    return Result(
        mode=mode,
        used=used,
        results=sum(each.kind in RESULT_KINDS for each in arrivals),
        audio_seconds=audio_seconds,
        latencies=latencies,
        publishing=publishing,
        problems=problems,
    )


def _show_backlog(rounds: Sequence[Mapping[str, Result]]) -> None:
    figures: dict[str, tuple[int, Callable[[Result], float]]] = {
        "results/s": (0, lambda each: each.rate),
        "results/s without waiting for a processor": (0, lambda each: each.own_rate),
        "audio seconds/s": (0, lambda each: each.audio_seconds / each.used.seconds),
        "ms CPU of the worker for a result": (2, lambda each: 1000 * each.used.worker / each.results),
        "ms CPU of the broker for a result": (2, lambda each: 1000 * each.used.broker / each.results),
        "transactions/s": (0, lambda each: each.used.transactions / each.used.seconds),
    }
    print("\n  median (lowest to highest)")
    for name, (digits, figure) in figures.items():
        print(f"  {name}")
        for mode in MODES:
            print(f"    {mode:13} {Spread.of([figure(each[mode]) for each in rounds]).show(digits)}")
        if name != "transactions/s":
            ratios = pair_ratios([{mode: figure(each[mode]) for mode in MODES} for each in rounds], *MODES)
            every = ", ".join(f"{each:.3f}" for each in ratios)
            print(f"    the one by the other, round by round: {Spread.of(ratios).show(3)}; {every}")


def _show_latency(mode: str, found: Sequence[Result]) -> None:
    latencies = [value for each in found for value in each.latencies]
    publishing = [value for each in found for value in each.publishing]
    worker = Spread.of([each.used.worker / each.used.seconds for each in found])
    broker = Spread.of([each.used.broker / each.used.seconds for each in found])
    transactions = Spread.of([each.used.transactions / each.used.seconds for each in found])
    print(
        f"  all rounds, {mode}: {len(latencies)} utterances; latency {_latencies(latencies)}; of that publishing "
        f"{_latencies(publishing)}; cores: worker {worker.show(2)}, broker {broker.show(2)}; "
        f"transactions/s {transactions.show()}"
    )


def _latencies(values: Sequence[float]) -> str:
    if not values:
        return "none"
    median, p95, p99 = (percentile(values, share) for share in (0.5, 0.95, 0.99))
    return f"median {median:.0f}, p95 {p95:.0f}, p99 {p99:.0f}, max {max(values):.0f} ms"


def _average_ms(used: Used) -> float:
    """Of the worker's own count of publishing; a batch is published in one step, or in two."""
    return 1000 * used.publish_seconds / max(1.0, used.publishes)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
