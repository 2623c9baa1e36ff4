"""Who talked how long, how fast and over whom. Pure.

The arithmetic is that of the sample in Symbl's documentation:

* A member *talks* during the union of the member's messages. Total talk time is the sum over the members.
* *Silence* is when nobody talks, between the first and the last message. Its percentage and that of the total talk
  time are shares of their sum, so they add up to 100.
* A member *listens* during the total talk time without the member's own; the percentages are shares of the total.
* *Overlap* is when at least two members talk. Its percentage is a share of the total talk time; that of two members is
  a share of the talk time of these two.
* *Pace* is words per minute of the member's talk time.

Where three talk at once, the sums over pairs are longer than the overlap itself.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Utterance:
    """Somebody said so many words from here to there; times in whole milliseconds of one clock."""

    member: str
    start_ms: int
    end_ms: int
    words: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAnalytics:
    """One member; durations in milliseconds.

    Args:
        overlap_ms: Of this member with anybody.
        overlap_with_ms: With each other member, where there is any.
    """

    talk_ms: int
    words: int
    overlap_ms: int
    overlap_with_ms: Mapping[str, int]

    @property
    def words_per_minute(self) -> int:
        return round(self.words * 60_000 / self.talk_ms) if self.talk_ms else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Analytics:
    """A conversation; durations in milliseconds.

    Args:
        members: By id, in the order in which they were given.
    """

    talk_ms: int
    silence_ms: int
    overlap_ms: int
    members: Mapping[str, MemberAnalytics]


def analyse(members: Sequence[str], utterances: Iterable[Utterance]) -> Analytics:
    """Computes everything in one pass over the time line.

    Args:
        members: Ids of everybody who takes part, also of those who said nothing.
    """
    said = list(utterances)
    ids = tuple(dict.fromkeys([*members, *(each.member for each in said)]))
    talk: dict[str, int] = defaultdict(int)
    overlap: dict[str, int] = defaultdict(int)
    pairs: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    silence = together = 0
    for length, talking in _stretches(said):
        if not talking:
            silence += length
        for member in talking:
            talk[member] += length
        if len(talking) > 1:
            together += length
            for member in talking:
                overlap[member] += length
            for member, other in itertools.permutations(talking, 2):
                pairs[member][other] += length
    words: dict[str, int] = defaultdict(int)
    for each in said:
        words[each.member] += each.words
    return Analytics(
        talk_ms=sum(talk.values()),
        silence_ms=silence,
        overlap_ms=together,
        members={
            member: MemberAnalytics(
                talk_ms=talk[member],
                words=words[member],
                overlap_ms=overlap[member],
                overlap_with_ms=dict(pairs[member]),
            )
            for member in ids
        },
    )


def percent(part: int, whole: int) -> float:
    """A share in percent with three decimals; 0 of nothing."""
    return round(100 * part / whole, 3) if whole else 0.0


def _stretches(utterances: Iterable[Utterance]) -> Iterable[tuple[int, list[str]]]:
    """The time line, cut wherever somebody begins or ends: lengths, and who talks, in the order of their ids."""
    changes: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for each in utterances:
        if each.start_ms < each.end_ms:
            changes[each.start_ms].append((each.member, 1))
            changes[each.end_ms].append((each.member, -1))
    depth: dict[str, int] = {}
    moments = sorted(changes)
    for moment, after in itertools.pairwise(moments):
        for member, change in changes[moment]:
            depth[member] = depth.get(member, 0) + change
            if not depth[member]:
                del depth[member]
        yield after - moment, sorted(depth)
