"""Whose is a partition, and what becomes of a parked lane when partitions are assigned anew. Pure.

Every position is committed together with a mark: who committed it, and with which batch. Kafka keeps the mark as the
metadata of the commit (at most 4,096 bytes by default), so whoever reads the position knows who wrote it.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Mark:
    """Who committed a position.

    Args:
        owner: id of one ownership of a partition; never used again.
        batch: number of the batch within it, from 1.
    """

    owner: str
    batch: int

    def __str__(self) -> str:
        return f"{self.owner}/{self.batch}"


def read_mark(metadata: str | None) -> Mark | None:
    """The mark in the metadata of a commit; None when it was written by somebody else's program."""
    owner, slash, batch = (metadata or "").rpartition("/")
    if not (slash and owner and batch.isascii() and batch.isdecimal()):
        return None
    return Mark(owner, int(batch))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[P]):
    """What to do with partitions after an assignment; every partition is in one of them, or in none."""

    adopt: frozenset[P]
    hand_over: frozenset[P]
    restore: frozenset[P]


def plan(parked: Collection[P], assigned: Collection[P], taken: Collection[P] = ()) -> Plan[P]:
    """Adopt the parked lanes whose partitions came back, hand the others over, restore what is new.

    Args:
        taken: parked partitions that somebody else has committed to since: what the lane holds is out of date.
    """
    wanted = frozenset(assigned)
    held = frozenset(parked)
    adopt = (held & wanted) - frozenset(taken)
    return Plan(adopt=adopt, hand_over=held - adopt, restore=wanted - adopt)


@dataclass(frozen=True, slots=True)
class Committed:
    """What the group knows of a partition: the position, None when nothing was ever committed, and who wrote it."""

    position: int | None
    mark: Mark | None


def is_foreign(found: Committed, known: Committed, owner: str) -> bool:
    """Whether somebody else has committed since an ownership began.

    Args:
        found: what is committed now.
        known: what was committed when the ownership began.
    """
    return found != known and (found.mark is None or found.mark.owner != owner)
