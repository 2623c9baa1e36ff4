"""What a run can be told: the command line."""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from tests.chaos.schedule import FAULTS


def parser() -> argparse.ArgumentParser:
    """The command line of ``python -m tests.chaos.run``; docs/chaos.md says why the defaults are what they are."""
    parser = argparse.ArgumentParser(prog="chaos", description="Delivery through faults, held against what was said.")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the speech and the faults")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=2.0, help="how long is spoken")
    length.add_argument("--count", type=int, help="how many faults; it is spoken as long as they take")
    parser.add_argument("--conversations", type=int, default=8)
    parser.add_argument("--streams", type=int, default=2, help="of each conversation")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--engines", type=int, default=2)
    parser.add_argument("--brokers", type=int, default=3, choices=(1, 3), help="Kafka nodes of our own")
    parser.add_argument(
        "--bootstrap", help="host:port of your own Kafka, which is not hurt; topics of our own, removed"
    )
    parser.add_argument("--partitions", type=int, default=6, help="of every topic")
    parser.add_argument("--faults", default="all", help=f"comma-separated, or all: {', '.join(FAULTS)}; empty for none")
    parser.add_argument("--session-timeout", type=float, default=6.0, help="of the workers with Kafka, seconds")
    parser.add_argument("--chunk", type=float, default=0.1, help="seconds of audio in a record")
    parser.add_argument("--commit-interval", type=float, help="of the workers, seconds; their default when not given")
    parser.add_argument(
        "--recovery-within",
        type=float,
        help="seconds: fail when the median after kill-worker is more than the session timeout and this",
    )
    parser.add_argument("--delivery", choices=("exactly_once", "at_least_once"), help="of the workers, when given")
    parser.add_argument(
        "--allow-same-id-repeats", action="store_true", help="what at-least-once delivery may do; needs it"
    )
    parser.add_argument(
        "--logs", type=Path, help="keep logs and published records in this folder; else they are removed"
    )
    parser.add_argument("--verbose", action="store_true", help="show good streams and each fault, too")
    return parser


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of a run; a wrong command line ends the process as usual."""
    line = parser()
    options = line.parse_args(arguments)
    if options.allow_same_id_repeats and options.delivery != "at_least_once":
        line.error("--allow-same-id-repeats needs --delivery at_least_once")
    for name in ("conversations", "streams", "workers", "engines", "partitions"):
        if getattr(options, name) < 1:
            line.error(f"--{name} must be at least 1")
    return options
