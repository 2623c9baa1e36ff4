"""How long faults hurt: from a fault to the first new result of the streams that it hit. Pure."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.redials import Redials
from tests.chaos.verdict import Result, StreamName


@dataclass(frozen=True, kw_only=True)
class Happened:
    """A fault that was injected.

    Args:
        at_ms: When it began, ms since the epoch.
        hit: The conversations that it hit, where that is known; None where new sockets tell.
        dialled: How many sockets workers opened from then until the next fault.
        redials: What was found about them, where it can be judged.
    """

    kind: str
    detail: str
    at_ms: int
    hit: frozenset[str] | None = None
    dialled: int = 0
    redials: Redials | None = None


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What came after one fault, or after several of a kind.

    Args:
        times: How many faults.
        affected: How many streams they hit.
        seconds: Of each of these with a new result before the next fault.
        dialled: How many sockets were opened after each.
    """

    times: int
    affected: int
    seconds: tuple[float, ...]
    dialled: tuple[int, ...]

    def __add__(self, other: Recovery) -> Recovery:
        return Recovery(
            times=self.times + other.times,
            affected=self.affected + other.affected,
            seconds=self.seconds + other.seconds,
            dialled=self.dialled + other.dialled,
        )

    @property
    def silent(self) -> int:
        """Streams that were hit and had no new result before the next fault, or the end."""
        return self.affected - len(self.seconds)

    @property
    def median(self) -> float | None:
        """None when nothing was hit; infinite when most streams had no new result."""
        return statistics.median([*self.seconds, *[math.inf] * self.silent]) if self.affected else None

    @property
    def worst(self) -> float | None:
        """Of the streams that had a new result."""
        return max(self.seconds, default=None)


def recoveries(
    faults: Sequence[Happened], resumed: Iterable[tuple[StreamName, int]], results: Sequence[Result]
) -> list[Recovery]:
    """Recovery after each fault, in their order.

    Where it is not known whom a fault hit, a stream is affected when it continues on a new socket between this fault
    and the next; the first new result after that counts. Repeats are no new results. A stream that has no new result
    ever after is not counted, since it may have been at its end: what it owed is missing, and the verdict says so.

    Args:
        faults: In the order of time.
        resumed: Stream and time of every ``resumed`` record, ms since the epoch.
        results: Messages, in the order of their partitions.
    """
    new = _first_times(results)
    moments = sorted(resumed, key=lambda pair: pair[1])
    found = []
    for number, fault in enumerate(faults):
        end = faults[number + 1].at_ms if number + 1 < len(faults) else math.inf
        since: dict[StreamName, int] = {}
        if fault.hit is not None:
            since = {name: fault.at_ms for name in new if name[0] in fault.hit}
        else:
            for name, at in moments:
                if fault.at_ms <= at < end:
                    since.setdefault(name, at)
        since = {name: at for name, at in since.items() if name in new and new[name][-1] > at}
        first = [min(time for time in new[name] if time > at) for name, at in since.items()]
        seconds = sorted((time - fault.at_ms) / 1000 for time in first if time < end)
        found.append(
            Recovery(times=1, affected=len(since), seconds=tuple(seconds), dialled=(fault.dialled,)),
        )
    return found


def by_kind(faults: Sequence[Happened], found: Sequence[Recovery]) -> dict[str, Recovery]:
    """All faults of a kind together, in the order of their first one."""
    kinds: dict[str, Recovery] = {}
    for fault, recovery in zip(faults, found, strict=True):
        kinds[fault.kind] = kinds[fault.kind] + recovery if fault.kind in kinds else recovery
    return kinds


def usual_pause(results: Sequence[Result]) -> float:
    """The median time between two new results of a stream, seconds: without any fault, one waits half of it."""
    pauses = [
        (after - before) / 1000
        for times in _first_times(results).values()
        for before, after in itertools.pairwise(times)
    ]
    return statistics.median(pauses) if pauses else 0.0


def _first_times(results: Sequence[Result]) -> Mapping[StreamName, list[int]]:
    """When each id of each stream came first, sorted."""
    seen: set[str] = set()
    times: dict[StreamName, list[int]] = {}
    for result in results:
        if result.id not in seen:
            seen.add(result.id)
            times.setdefault((result.conversation_id, result.stream), []).append(result.read_ms)
    return {name: sorted(each) for name, each in times.items()}
