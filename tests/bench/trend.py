"""Whether a series of measurements is flat. Pure."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

FEWEST_SAMPLES = 4


@dataclass(frozen=True, kw_only=True)
class Trend:
    """How a series went in its second half.

    Args:
        level: The median.
        growth: What the straight line through the samples gains from the first to the last of them.
        allowed: The most that counts as flat.
    """

    level: float
    growth: float
    allowed: float

    @property
    def flat(self) -> bool:
        return self.growth <= self.allowed


def second_half(samples: Sequence[float], *, share: float, slack: float) -> Trend:
    """The trend of equally spaced samples, once the first half has warmed everything up.

    The line's slope is the median of the slopes between all pairs (Theil and Sen), which single outliers do not move.

    Args:
        samples: Twice `FEWEST_SAMPLES` or more.
        share: Growth that is allowed, as a share of the level.
        slack: Growth that is always allowed, in the samples' unit.

    Raises:
        ValueError: Too few samples.
    """
    late = samples[len(samples) // 2 :]
    if len(late) < FEWEST_SAMPLES:
        raise ValueError(f"{len(samples)} samples are too few, {2 * FEWEST_SAMPLES} are needed")
    pairs = itertools.combinations(enumerate(late), 2)
    slope = statistics.median((value - earlier) / (at - before) for (before, earlier), (at, value) in pairs)
    level = statistics.median(late)
    return Trend(level=level, growth=slope * (len(late) - 1), allowed=max(slack, share * level))
