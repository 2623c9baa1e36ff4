"""Which fault happens when: a pure function of the seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# How long a fault lasts, in seconds: the least and the most. The session timeout comes on top for a freeze.
LASTS: Final = {
    "kill-worker": (0.5, 8.0),
    "term-worker": (0.0, 0.0),
    "freeze-worker": (2.0, 5.0),
    "cut-sockets": (0.0, 0.0),
    "slow-sockets": (3.0, 6.0),
    "half-open": (2.0, 6.0),
    "kill-engine": (0.5, 5.0),
    "kill-broker": (1.0, 3.0),
    "roll-workers": (0.0, 0.0),
}
FAULTS: Final = tuple(LASTS)
FIRST_AT = (7.0, 10.0)
QUIET = (7.0, 12.0)
LAST_BEFORE_END = 6.0


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Args:
        at: Seconds after the first word.
        kind: One of `FAULTS`.
        target: Number of the worker, engine or broker.
        seconds: How long it lasts.
        share: Of the sockets that are hit, where sockets are.
    """

    at: float
    kind: str
    target: int
    seconds: float
    share: float


def plan(
    seed: int,
    seconds: float,
    kinds: Sequence[str],
    *,
    workers: int,
    engines: int,
    brokers: int,
    session_timeout_seconds: float,
) -> tuple[Fault, ...]:
    """The faults of a run, one after the other with quiet in between, every kind as often as any other.

    Args:
        seconds: How long is spoken; the last fault begins some seconds before the end.
        kinds: Any of `FAULTS`, each once.

    Raises:
        ValueError: A kind that does not exist.
    """
    unknown = set(kinds) - set(FAULTS)
    if unknown:
        raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    rng = random.Random(seed)
    faults: list[Fault] = []
    round_of: list[str] = []
    at = rng.uniform(*FIRST_AT)
    while kinds and at < seconds - LAST_BEFORE_END:
        if not round_of:
            round_of = rng.sample(list(kinds), len(kinds))
        kind = round_of.pop()
        lasts = rng.uniform(*LASTS[kind]) + (session_timeout_seconds if kind == "freeze-worker" else 0.0)
        among = {"kill-engine": engines, "kill-broker": brokers}.get(kind, workers)
        target = rng.randrange(among)
        share = rng.choice((0.5, 1.0))
        faults.append(Fault(at=round(at, 2), kind=kind, target=target, seconds=round(lasts, 2), share=share))
        at += lasts + rng.uniform(*QUIET)
    return tuple(faults)
