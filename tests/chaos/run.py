"""Delivery through faults: ``python -m tests.chaos.run``, or ``make chaos``. See docs/chaos.md."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.chaos.brokers import Cluster
from tests.chaos.fleet import Fleet
from tests.chaos.reader import KINDS, Life, Reader, Seen
from tests.chaos.recovery import Happened, recoveries, usual_pause
from tests.chaos.report import Report
from tests.chaos.schedule import FAULTS, Fault, plan
from tests.chaos.speech import INSIGHT_KINDS, write_speech
from tests.chaos.verdict import StreamName, Utterance, judge_all, judge_insights
from tests.integration.support import Script, System, eventually
from worker.errors import BrokerError

SESSION_TIMEOUT_SECONDS = 6.0
PARTITIONS = 4
# What is said has topics, too; which ones is not what this is about.
BESIDE = ("topic",)
SPREAD_SECONDS = 3.0
# Frozen and dead workers, one after the other, and what is replayed after them.
END_SECONDS = 90.0
QUIET_SECONDS = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    kinds = FAULTS if options.faults == "all" else tuple(kind for kind in options.faults.split(",") if kind)
    faults = plan(
        options.seed,
        60 * options.minutes,
        kinds,
        workers=options.workers,
        engines=options.engines,
        brokers=options.brokers,
        session_timeout_seconds=SESSION_TIMEOUT_SECONDS,
    )
    calls = f"{options.conversations} conversations of {options.streams} streams"
    print(f"seed {options.seed}: {options.minutes:g} minutes, {calls}, {options.workers} workers,")
    print(f"{options.engines} engines, {options.brokers} brokers, {len(faults)} faults", flush=True)
    # What the producer has to say about brokers that are killed is known.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    os.environ["SEED"] = str(options.seed)
    with contextlib.ExitStack() as stack:
        if options.logs is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="symbl-worker-chaos-")))
        else:
            options.logs.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=f"seed-{options.seed}-", dir=options.logs))
        cluster = Cluster(options.brokers)
        stack.callback(cluster.stop)
        cluster.start()
        report = asyncio.run(_run_until_signal(options, faults, cluster, folder))
    print("\n".join(report.lines(verbose=options.verbose)))
    return 0 if report.clean else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the speech and the faults")
    parser.add_argument("--minutes", type=float, default=2.0, help="how long is spoken")
    parser.add_argument("--conversations", type=int, default=8)
    parser.add_argument("--streams", type=int, default=2, help="of each conversation")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engines", type=int, default=1)
    parser.add_argument("--brokers", type=int, default=1, choices=(1, 3))
    parser.add_argument("--faults", default="all", help=f"comma-separated, or all: {', '.join(FAULTS)}; empty for none")
    parser.add_argument(
        "--logs", type=Path, help="keep logs and published records in this folder; else they are removed"
    )
    parser.add_argument("--allow-same-id-repeats", action="store_true", help="what at-least-once delivery may do")
    parser.add_argument("--verbose", action="store_true", help="show good streams, too")
    return parser


async def _run_until_signal(
    options: argparse.Namespace, faults: Sequence[Fault], cluster: Cluster, folder: Path
) -> Report:
    """SIGTERM ends a run like Ctrl-C: everything that was started is stopped."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    system = System(cluster.bootstrap_servers, folder, "chaos")
    system.settings |= {
        "KAFKA__SESSION_TIMEOUT_SECONDS": str(SESSION_TIMEOUT_SECONDS),
        "TOPICS__PARTITIONS": str(PARTITIONS),
        "TOPICS__REPLICATION_FACTOR": str(options.brokers),
        "CONVERSATION__INSIGHT_TYPES": ",".join(INSIGHT_KINDS),
        "CONVERSATION__DETECT_ENTITIES": "false",
        "SYMBL__PING_SECONDS": "3",
        "ENGINE__TOKEN_KEY": "all engines of a run take each other's tokens",
        "LOG__LEVEL": "INFO",
    }
    fleet = Fleet(
        system, cluster, workers=options.workers, engines=options.engines, rng=random.Random(f"sockets {options.seed}")
    )
    reader = Reader(cluster.bootstrap_servers, {kind: system.topic(kind) for kind in KINDS}, PARTITIONS)
    try:
        await system.create_topics()
        await fleet.start()
        reader.start()
        scripts, spoken = _speech(options)
        speaking = asyncio.create_task(_speak(system, scripts))
        try:
            happened = await _hurt(fleet, faults, speaking)
        finally:
            speaking.cancel()
            await asyncio.wait([speaking])
        await _wait_for_the_end(reader, {name for name, _ in spoken})
        fleet.look()
        if not speaking.cancelled() and speaking.exception() is not None:
            fleet.problems.append(f"not everything was spoken: {type(speaking.exception()).__name__}")
    finally:
        await fleet.stop()
        await system.stop()
        reader.stop()
    reader.seen.write(folder / "records.jsonl")
    return _report(options, reader.seen, spoken, happened, fleet.problems)


def _speech(options: argparse.Namespace) -> tuple[list[Script], dict[StreamName, list[Utterance]]]:
    rng = random.Random(f"speech {options.seed}")
    scripts, spoken = [], {}
    for number in range(options.conversations):
        for stream in range(options.streams):
            name = (f"call-{number}", f"s{stream}")
            script, spoken[name] = write_speech(*name, 60 * options.minutes, rng)
            scripts.append(script)
    return scripts, spoken


async def _speak(system: System, scripts: Sequence[Script]) -> None:
    await system.produce("warm-up", b"")
    await system.speak_all(scripts, speed=1.0, spread=SPREAD_SECONDS)


async def _hurt(fleet: Fleet, faults: Sequence[Fault], speaking: asyncio.Task[None]) -> list[Happened]:
    """Inject the faults in their time, until everything is said."""
    began = time.monotonic()
    happened: list[Happened] = []
    dialled: list[int] = []
    for fault in faults:
        await asyncio.wait([speaking], timeout=max(0.0, began + fault.at - time.monotonic()))
        if speaking.done():
            break
        dialled.append(fleet.dialled)
        happened.append(await fleet.inject(fault))
        clock = time.strftime("%H:%M:%S", time.gmtime(happened[-1].at_ms / 1000))
        print(f"{clock} {fault.at:6.1f} s  {fault.kind}: {happened[-1].detail}", flush=True)
    await asyncio.wait([speaking])
    print(f"{time.monotonic() - began:15.1f} s  all is said", flush=True)
    dialled.append(fleet.dialled)
    between = [after - before for before, after in itertools.pairwise(dialled)]
    return [replace(each, dialled=number) for each, number in zip(happened, between, strict=True)]


async def _wait_for_the_end(reader: Reader, conversations: set[str]) -> None:
    """Until all conversations have ended and nothing more comes, or it takes too long."""

    async def all_ended() -> bool:
        return conversations <= reader.seen.ended()

    async def nothing_more() -> bool:
        return reader.is_at_the_end_since(quiet)

    # What is not there after this time is the verdict's to say.
    with contextlib.suppress(AssertionError):
        await eventually(all_ended, END_SECONDS, "all conversations have ended", every=0.3)
    # A repeat may still be on its way.
    quiet = time.monotonic() + QUIET_SECONDS
    with contextlib.suppress(AssertionError):
        await eventually(nothing_more, 10 * QUIET_SECONDS, "nothing more comes", every=0.3)


def _report(
    options: argparse.Namespace,
    seen: Seen,
    spoken: Mapping[StreamName, Sequence[Utterance]],
    happened: Sequence[Happened],
    problems: Sequence[str],
) -> Report:
    transcripts = seen.results["transcripts"]
    resumed = [
        ((life.conversation_id, life.stream), life.published_ms)
        for life in seen.life
        if life.event == "resumed" and life.stream is not None
    ]
    return Report(
        counts={
            "transcripts": judge_all(spoken, transcripts),
            "redacted": judge_all(spoken, seen.results["redacted"]),
            "insights": judge_insights(spoken, seen.results["insights"], beside=BESIDE),
        },
        problems=[*problems, *_life_problems(seen.life, {name for name, _ in spoken}), *_others(seen)],
        recoveries=recoveries(happened, resumed, transcripts),
        usual_pause=usual_pause(transcripts),
        same_id_allowed=options.allow_same_id_repeats,
    )


def _life_problems(life: Sequence[Life], conversations: set[str]) -> list[str]:
    """Conversations that did not start and end once, and streams that lost audio."""
    first: dict[str, Life] = {}
    changed = 0
    for record in life:
        earlier = first.setdefault(record.id, record)
        changed += (earlier.event, earlier.stream) != (record.event, record.stream)
    once = first.values()
    problems = [f"{changed} records about conversations have the id of another one"] if changed else []
    for event in ("started", "ended"):
        count = Counter(record.conversation_id for record in once if record.event == event)
        problems += [f"{name} {event} {count[name]} times" for name in sorted(conversations) if count[name] != 1]
    lost = Counter(f"{record.event} ({record.reason})" for record in once if record.event in ("gap", "failed"))
    return problems + [f"{number} times {what}" for what, number in sorted(lost.items())]


def _others(seen: Seen) -> list[str]:
    letters = [f"{number} dead letters: {reason}" for reason, number in sorted(Counter(seen.dead_letters).items())]
    return letters + [f"a record breaks its schema: {place}" for place in seen.invalid]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokerError as error:
        sys.exit(str(error))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
