"""How long faults hurt: from a fault to the first new result of the streams that it hit. Pure."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.verdict import Result, StreamName


@dataclass(frozen=True, kw_only=True)
class Happened:
    """A fault that was injected.

    Args:
        at_ms, until_ms: When it began and when everything was undone, ms since the epoch.
        dialled: How many sockets workers opened from then until the next fault.
        everywhere: It hits every stream, whether its socket is replaced or not.
    """

    kind: str
    detail: str
    at_ms: int
    until_ms: int
    dialled: int = 0
    everywhere: bool = False


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What came after a fault. ``seconds``: of each stream with a new result before the next fault."""

    happened: Happened
    affected: int
    seconds: tuple[float, ...]

    @property
    def median(self) -> float | None:
        return statistics.median(self.seconds) if self.seconds else None

    @property
    def worst(self) -> float | None:
        return max(self.seconds, default=None)


def recoveries(
    faults: Sequence[Happened], resumed: Iterable[tuple[StreamName, int]], results: Sequence[Result]
) -> list[Recovery]:
    """Recovery after each fault.

    A stream is affected when it continues on a new socket between this fault and the next; the first new result after
    that counts. A fault everywhere affects all streams that publish afterwards. Repeats are no new results.

    Args:
        faults: In the order of time.
        resumed: Stream and time of every ``resumed`` record, ms since the epoch.
        results: Messages, in the order of their partitions.
    """
    new = _first_times(results)
    moments = sorted(resumed, key=lambda pair: pair[1])
    found = []
    for number, fault in enumerate(faults):
        end = faults[number + 1].at_ms if number + 1 < len(faults) else None
        since: dict[StreamName, int] = {}
        for name, at in moments:
            if fault.at_ms <= at and (end is None or at < end):
                since.setdefault(name, at)
        if fault.everywhere:
            since = dict.fromkeys(new, fault.at_ms)
        seconds = []
        for name, at in since.items():
            later = [time for time in new.get(name, ()) if time > at and (end is None or time < end)]
            seconds += [(min(later) - fault.at_ms) / 1000] if later else []
        found.append(Recovery(happened=fault, affected=len(since), seconds=tuple(sorted(seconds))))
    return found


def usual_pause(results: Sequence[Result]) -> float:
    """The median time between two new results of a stream, seconds: without any fault, one waits half of it."""
    pauses = [
        (after - before) / 1000
        for times in _first_times(results).values()
        for before, after in itertools.pairwise(times)
    ]
    return statistics.median(pauses) if pauses else 0.0


def _first_times(results: Sequence[Result]) -> Mapping[StreamName, list[int]]:
    """When each id of each stream came first."""
    seen: set[str] = set()
    times: dict[StreamName, list[int]] = {}
    for result in results:
        if result.id not in seen:
            seen.add(result.id)
            times.setdefault((result.conversation_id, result.stream), []).append(result.published_ms)
    return times
