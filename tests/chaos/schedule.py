"""Which fault happens when: a pure function of the seed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

# How long a fault lasts, in seconds: the least and the most.
LASTS: Final = {
    "kill-worker": (2.0, 6.0),
    "crash-worker": (0.2, 1.5),
    "term-worker": (0.0, 0.0),
    "roll-workers": (0.0, 0.0),
    "freeze-worker": (2.0, 5.0),
    "cut-sockets": (0.0, 0.0),
    "slow-sockets": (6.0, 12.0),
    "half-open": (3.0, 10.0),
    "kill-engine": (0.5, 5.0),
    "kill-broker": (1.0, 3.0),
    "kill-coordinator": (1.0, 3.0),
    "freeze-broker": (2.0, 6.0),
}
FAULTS: Final = tuple(LASTS)
BROKER_FAULTS: Final = ("kill-broker", "kill-coordinator", "freeze-broker")
OUTLASTS_SESSION: Final = ("kill-worker", "freeze-worker")
"""These last as long on top of the Kafka session timeout, so that others take over."""
OUTLASTS_BROKER_SESSION: Final = ("freeze-broker",)
"""These on top of a broker's session with the controller, so that leaders and coordinators move."""
REPAIR: Final = {
    "kill-worker": 3.0,
    "crash-worker": 4.0,
    "term-worker": 5.0,
    "kill-engine": 2.0,
    "kill-broker": 10.0,
    "kill-coordinator": 10.0,
    "freeze-broker": 3.0,
}
"""What it takes until all is as before, roughly, seconds. A roll takes that of ``term-worker`` for every worker."""
FIRST_AT: Final = (7.0, 10.0)
QUIET: Final = (7.0, 12.0)
LAST_BEFORE_END: Final = 6.0
AFTER_LAST: Final = 15.0


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


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What there is to be hurt. ``brokers`` is 0 where they are not ours.

    Args:
        session_seconds: After so long without a heartbeat a worker is dead for Kafka.
        broker_session_seconds: After so long a broker is.
    """

    workers: int
    engines: int
    brokers: int
    session_seconds: float
    broker_session_seconds: float

    def possible(self) -> tuple[str, ...]:
        """The kinds of faults that can happen here."""
        if self.brokers == 0:
            return tuple(kind for kind in FAULTS if kind not in BROKER_FAULTS)
        # A node alone is the coordinator anyway.
        return tuple(kind for kind in FAULTS if self.brokers > 1 or kind != "kill-coordinator")


def plan(
    seed: int, kinds: Sequence[str], around: Surroundings, *, seconds: float | None = None, count: int | None = None
) -> tuple[Fault, ...]:
    """The faults of a run, one after the other with quiet in between, every kind as often as any other.

    Args:
        seconds: How long is spoken; the last fault begins some seconds before the end. None for no limit.
        count: How many faults; None for as many as there is time for. One of the two has to be given.
        kinds: Any of `FAULTS`, each once.

    Raises:
        ValueError: A kind that does not exist, or cannot happen here.
    """
    unknown = set(kinds) - set(FAULTS)
    if unknown:
        raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    impossible = set(kinds) - set(around.possible())
    if impossible:
        raise ValueError(f"not with {around.brokers} Kafka nodes of our own: {', '.join(sorted(impossible))}")
    assert seconds is not None or count is not None, "a plan has an end"
    rng = random.Random(seed)
    faults: list[Fault] = []
    round_of: list[str] = []
    at = rng.uniform(*FIRST_AT)
    while kinds and (count is None or len(faults) < count) and (seconds is None or at < seconds - LAST_BEFORE_END):
        if not round_of:
            round_of = rng.sample(list(kinds), len(kinds))
        kind = round_of.pop()
        lasts = rng.uniform(*LASTS[kind])
        lasts += around.session_seconds if kind in OUTLASTS_SESSION else 0.0
        lasts += around.broker_session_seconds if kind in OUTLASTS_BROKER_SESSION else 0.0
        among = {"kill-engine": around.engines} | dict.fromkeys(BROKER_FAULTS, around.brokers)
        target = rng.randrange(among.get(kind, around.workers))
        share = rng.choice((0.5, 1.0))
        faults.append(Fault(at=round(at, 2), kind=kind, target=target, seconds=round(lasts, 2), share=share))
        at += lasts + _repair(kind, around) + rng.uniform(*QUIET)
    return tuple(faults)


def spoken_seconds(faults: Sequence[Fault], around: Surroundings) -> float:
    """How long has to be spoken so that the last of these faults is recovered from."""
    return max((each.at + each.seconds + _repair(each.kind, around) for each in faults), default=0.0) + AFTER_LAST


def counted(faults: Sequence[Fault]) -> Mapping[str, int]:
    """How often each kind comes, in the order of `FAULTS`."""
    numbers = {kind: sum(fault.kind == kind for fault in faults) for kind in FAULTS}
    return {kind: number for kind, number in numbers.items() if number}


def _repair(kind: str, around: Surroundings) -> float:
    return around.workers * REPAIR["term-worker"] if kind == "roll-workers" else REPAIR.get(kind, 0.0)
