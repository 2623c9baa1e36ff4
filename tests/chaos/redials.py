"""Whose sockets are dialled anew when workers are replaced: those of the replaced worker, and no others. Pure.

Every worker has a static membership id that its replacement keeps. A replacement that is there within the session
timeout gets its partitions back, and nothing moves; other workers' streams do not notice. One that comes later finds
the group rebalanced and makes it rebalance again, in which any partition may move: that is not judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Owners: TypeAlias = Mapping[int, str]
"""Partition of the input to the static membership id of the worker that has it."""


@dataclass(frozen=True, kw_only=True)
class Restart:
    """A worker was replaced.

    Args:
        worker: Its static membership id.
        back_seconds: From the end of its last heartbeats, at the earliest, to a replacement that takes part.
        before, after: Who had which partition.
    """

    worker: str
    back_seconds: float
    before: Owners
    after: Owners


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Where a conversation is: its partition, and how many streams it has."""

    partition: int
    streams: int


@dataclass(frozen=True, kw_only=True)
class Redials:
    """What a replacement of workers cost.

    Args:
        dialled: Sockets that were opened.
        had_to: Sockets that had to be: one for each stream whose worker was replaced or whose partition moved.
        surplus: Sockets beyond that, over all conversations.
        moved: How often a partition had another worker afterwards.
        in_time: Every replacement was there within the session timeout.
    """

    dialled: int
    had_to: int
    surplus: int
    moved: int
    in_time: bool

    def problems(self) -> list[str]:
        """What should not have been, in words; nothing when a replacement was late."""
        if not self.in_time:
            return []
        found = [f"{self.surplus} sockets were dialled that did not have to be"] if self.surplus else []
        return found + ([f"{self.moved} partitions moved that did not have to"] if self.moved else [])

    def __str__(self) -> str:
        late = "" if self.in_time else " (not judged: a replacement came after the session timeout)"
        return f"streams re-dialled: {self.dialled} of which {self.dialled - self.surplus} had to{late}"


def judge_redials(
    restarts: Sequence[Restart],
    dialled: Mapping[str, int],
    conversations: Mapping[str, Placed],
    *,
    session_seconds: float,
) -> Redials:
    """Hold the sockets that were opened against those that had to be.

    Args:
        restarts: In the order of time, each beginning with the owners that the one before left.
        dialled: Conversation to number of sockets that workers have opened for it meanwhile.
        session_seconds: A replacement that comes later than that finds its partitions gone.
    """
    allowed = dict.fromkeys(conversations, 0)
    moved = 0
    for restart in restarts:
        elsewhere = {each for each, owner in restart.before.items() if restart.after.get(each) != owner}
        moved += len(elsewhere)
        for name, placed in conversations.items():
            if restart.before.get(placed.partition) == restart.worker or placed.partition in elsewhere:
                allowed[name] += placed.streams
    return Redials(
        dialled=sum(dialled.values()),
        had_to=sum(allowed.values()),
        surplus=sum(max(0, number - allowed.get(name, 0)) for name, number in dialled.items()),
        moved=moved,
        in_time=all(restart.back_seconds < session_seconds for restart in restarts),
    )
