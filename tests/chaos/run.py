"""Delivery through faults: ``python -m tests.chaos.run``, or ``make chaos``. See docs/chaos.md."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.chaos.brokers import BROKER_SESSION_SECONDS, Cluster
from tests.chaos.faults import Injector
from tests.chaos.fleet import Fleet
from tests.chaos.group import Group
from tests.chaos.life import life_problems
from tests.chaos.options import parse
from tests.chaos.reader import KINDS, Reader, Seen
from tests.chaos.recovery import Happened, recoveries, usual_pause
from tests.chaos.redials import Placed
from tests.chaos.report import Report
from tests.chaos.schedule import Fault, Surroundings, counted, plan, spoken_seconds
from tests.chaos.speaker import Speaker
from tests.chaos.speech import INSIGHT_KINDS, Speech, compose, name_conversations
from tests.chaos.usage import Usage
from tests.chaos.verdict import judge_all, judge_insights
from tests.integration.support import System, eventually
from worker.errors import WorkerError
from worker.intake.consumer import HEARTBEATS_IN_A_SESSION

# What is said has topics, too; which ones is not what this is about.
BESIDE = ("topic",)
PING_SECONDS = 8.0
SPREAD_SECONDS = 3.0
LEAST_QUIET_SECONDS = 5.0
# Frozen and dead workers, one after the other, and what is replayed after them.
END_SECONDS = 90.0
QUIET_SECONDS = 3.0
LOOK_SECONDS = 2.0


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    around = Surroundings(
        workers=options.workers,
        engines=options.engines,
        brokers=0 if options.bootstrap else options.brokers,
        session_seconds=options.session_timeout,
        broker_session_seconds=BROKER_SESSION_SECONDS,
    )
    kinds = around.possible() if options.faults == "all" else tuple(filter(None, options.faults.split(",")))
    try:
        if options.count is None:
            seconds = 60 * options.minutes
            faults = plan(options.seed, kinds, around, seconds=seconds)
        else:
            faults = plan(options.seed, kinds, around, count=options.count)
            seconds = spoken_seconds(faults, around)
    except ValueError as error:
        sys.exit(str(error))
    calls = f"{options.conversations} conversations of {options.streams} streams"
    where = f"Kafka at {options.bootstrap}" if options.bootstrap else f"{options.brokers} Kafka nodes"
    print(f"seed {options.seed}: {seconds / 60:.1f} minutes, {calls}, {options.workers} workers,")
    print(f"{options.engines} engines, {where}, {len(faults)} faults: {_in_words(counted(faults))}", flush=True)
    # The workers' settings hold it.
    os.environ["SEED"] = str(options.seed)
    with contextlib.ExitStack() as stack:
        if options.logs is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="symbl-worker-chaos-")))
        else:
            options.logs.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=f"seed-{options.seed}-", dir=options.logs))
        cluster = None
        if not options.bootstrap:
            cluster = Cluster(options.brokers)
            stack.callback(cluster.stop)
            cluster.start()
        run = Run(options, faults, seconds, cluster, folder)
        report = asyncio.run(run.until_signal())
    print("\n".join(report.lines(verbose=options.verbose)))
    return 0 if report.clean else 1


class Run:
    """One run on a cluster that is there."""

    def __init__(
        self,
        options: argparse.Namespace,
        faults: Sequence[Fault],
        seconds: float,
        cluster: Cluster | None,
        folder: Path,
    ) -> None:
        self._options = options
        self._faults = faults
        self._cluster = cluster
        self._folder = folder
        self._partitions = name_conversations(options.conversations, options.partitions)
        self._speeches = _speeches(options, seconds, self._partitions)
        self._spoken = {(each.conversation_id, each.stream): each.utterances for each in self._speeches}
        self._placed = {
            name: Placed(partition=partition, streams=options.streams) for name, partition in self._partitions.items()
        }
        servers = options.bootstrap if cluster is None else cluster.bootstrap_servers
        self._system = System(servers, folder, f"chaos-{uuid.uuid4().hex[:8]}")
        self._system.settings |= _settings(options, owned=cluster is not None)
        self._group = Group(servers, self._system.prefix, self._system.topic("audio"))
        self._fleet = Fleet(
            self._system,
            self._group,
            workers=options.workers,
            engines=options.engines,
            partitions=options.partitions,
        )
        self._reader = Reader(servers, {kind: self._system.topic(kind) for kind in KINDS}, options.partitions)
        self._speaker = Speaker(
            servers,
            self._system.topic("audio"),
            self._partitions,
            chunk_seconds=options.chunk,
        )
        self._injector = Injector(
            self._fleet,
            cluster,
            self._group,
            self._placed,
            # The last heartbeat was that much earlier, at worst.
            session_seconds=options.session_timeout * (1 - 1 / HEARTBEATS_IN_A_SESSION),
            rng=random.Random(f"sockets {options.seed}"),
        )
        self._usage = Usage()
        self._notes: list[str] = []

    async def until_signal(self) -> Report:
        """Do it, and judge. SIGTERM ends it like Ctrl-C: everything that was started is stopped."""
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        began = time.monotonic()
        looking = asyncio.create_task(self._look_at_usage())
        try:
            await self._system.create_topics()
            await self._fleet.start()
            self._reader.start()
            await self._speak_and_hurt()
            await self._wait_for_the_end()
            self._fleet.look()
            await self._injector.close()
            uncommitted = await asyncio.to_thread(self._reader.count_uncommitted)
            self._notes += [_aborted(uncommitted, self._reader.seen), *self._usage.lines(time.monotonic() - began)]
        finally:
            looking.cancel()
            await self._fleet.stop()
            await self._system.stop()
            self._reader.stop()
            if self._cluster is None:
                topics = [value for name, value in self._system.settings.items() if name in TOPIC_SETTINGS]
                await asyncio.to_thread(self._group.remove, topics)
        self._reader.seen.write(self._folder / "records.jsonl")
        return self._report()

    async def _speak_and_hurt(self) -> None:
        """Inject the faults in their time, until everything is said."""
        rng = random.Random(f"beginnings {self._options.seed}")
        speaking = asyncio.create_task(self._speaker.speak(self._speeches, spread_seconds=SPREAD_SECONDS, rng=rng))
        began, quiet_until = time.monotonic(), 0.0
        try:
            for fault in self._faults:
                wait = max(began + fault.at, quiet_until) - time.monotonic()
                await asyncio.wait([speaking], timeout=max(0.0, wait))
                await self._injector.prepare(fault)
                if speaking.done():
                    break
                at = time.monotonic() - began
                detail = await self._injector.inject(fault)
                quiet_until = time.monotonic() + LEAST_QUIET_SECONDS
                print(f"{time.strftime('%H:%M:%S')} {at:7.1f} s  {fault.kind}: {detail}", flush=True)
            await asyncio.wait([speaking])
            print(f"{time.strftime('%H:%M:%S')} {time.monotonic() - began:7.1f} s  all is said", flush=True)
            if (error := speaking.exception()) is not None:
                self._fleet.problems.append(f"not everything was spoken: {type(error).__name__}: {error}")
        finally:
            speaking.cancel()
            await asyncio.wait([speaking])

    async def _wait_for_the_end(self) -> None:
        """Until all conversations have ended and nothing more comes, or it takes too long."""

        async def all_ended() -> bool:
            return self._placed.keys() <= self._reader.seen.ended()

        async def nothing_more() -> bool:
            return self._reader.is_at_the_end_since(quiet)

        # What is not there after this time is the verdict's to say.
        with contextlib.suppress(AssertionError):
            await eventually(all_ended, END_SECONDS, "all conversations have ended", every=0.3)
        # A repeat may still be on its way.
        quiet = time.monotonic() + QUIET_SECONDS
        with contextlib.suppress(AssertionError):
            await eventually(nothing_more, 10 * QUIET_SECONDS, "nothing more comes", every=0.3)

    async def _look_at_usage(self) -> None:
        while True:
            nodes = [] if self._cluster is None else self._cluster.processes
            self._usage.look([*self._fleet.processes, *nodes])
            await asyncio.sleep(LOOK_SECONDS)

    def _report(self) -> Report:
        options, seen, happened = self._options, self._reader.seen, self._injector.happened
        transcripts = seen.results["transcripts"]
        resumed = [
            ((life.conversation_id, life.stream), life.published_ms)
            for life in seen.life
            if life.event == "resumed" and life.stream is not None
        ]
        limit = options.recovery_within
        return Report(
            seed=options.seed,
            counts={
                "transcripts": judge_all(self._spoken, transcripts),
                "redacted": judge_all(self._spoken, seen.results["redacted"]),
                "insights": judge_insights(
                    self._spoken,
                    seen.results["insights"],
                    beside=BESIDE,
                    recovered={life.conversation_id: life.recovered for life in seen.life if life.event == "ended"},
                ),
            },
            problems=[
                *self._fleet.problems,
                *_unseen(self._faults, happened),
                *life_problems(seen.life, self._placed.keys()),
                *seen.problems(repeats_allowed=options.allow_same_id_repeats),
            ],
            happened=happened,
            recoveries=recoveries(happened, resumed, transcripts),
            usual_pause=usual_pause(transcripts),
            same_id_allowed=options.allow_same_id_repeats,
            kill_limit_seconds=None if limit is None else options.session_timeout + limit,
            notes=self._notes,
        )


TOPIC_SETTINGS = frozenset({"TOPICS__AUDIO", "TOPICS__CAPTIONS", "TOPICS__STATE"}) | {
    f"TOPICS__{kind.upper()}" for kind in KINDS
}


def _settings(options: argparse.Namespace, *, owned: bool) -> dict[str, str]:
    settings = {
        "KAFKA__SESSION_TIMEOUT_SECONDS": str(options.session_timeout),
        "TOPICS__PARTITIONS": str(options.partitions),
        "CONVERSATION__INSIGHT_TYPES": ",".join(INSIGHT_KINDS),
        "CONVERSATION__DETECT_ENTITIES": "false",
        "SYMBL__PING_SECONDS": str(PING_SECONDS),
        "ENGINE__TOKEN_KEY": "all engines of a run take each other's tokens",
        # A quarter of the bytes of the default; programs and sockets do the same with it.
        "AUDIO__ENCODING": "MULAW",
        "AUDIO__SAMPLE_RATE_HZ": "8000",
        "LOG__LEVEL": "INFO",
        # An empty one asks for three, or as many as there are brokers.
        "TOPICS__REPLICATION_FACTOR": str(options.brokers) if owned else "",
    }
    if options.commit_interval is not None:
        settings["WORKER__COMMIT_INTERVAL_SECONDS"] = str(options.commit_interval)
    if options.delivery is not None:
        settings["WORKER__DELIVERY"] = options.delivery
    return settings


def _speeches(options: argparse.Namespace, seconds: float, conversations: Iterable[str]) -> list[Speech]:
    rng = random.Random(f"speech {options.seed}")
    names = ((name, f"s{number}") for name in conversations for number in range(options.streams))
    return [compose(*name, seconds, rng, sample_bytes=1) for name in names]


def _unseen(faults: Sequence[Fault], happened: Sequence[Happened]) -> list[str]:
    """Kinds of faults that were planned and never came, because those before took too long."""
    missing = counted(faults).keys() - {fault.kind for fault in happened}
    return [f"{kind} was planned and never happened" for kind in sorted(missing)]


def _aborted(uncommitted: Counter[str], seen: Seen) -> str:
    beyond = {kind: uncommitted[kind] - seen.counts[kind] for kind in KINDS}
    return f"records that only a read_uncommitted reader sees: {_in_words(+Counter(beyond)) or 'none'}"


def _in_words(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in numbers.items())


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WorkerError as error:
        sys.exit(str(error))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
