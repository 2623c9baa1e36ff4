"""What is made of measurements: places in the audio, percentiles, ratios. Pure."""

from __future__ import annotations

import statistics
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from worker.engine.recognizers.coded import MAGIC

_CRC_BYTES = 4


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def last_needed_byte(audio: bytes, begin: int, end: int) -> int:
    """Where the last word spoken in this part of coded speech is complete: the offset of its last byte.

    Raises:
        ValueError: There is no word.
    """
    word = audio.rindex(MAGIC, begin, end)
    (length,) = struct.unpack_from(">H", audio, word + len(MAGIC))
    return int(word + len(MAGIC) + 2 + length + _CRC_BYTES - 1)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A figure over several rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median=statistics.median(values), low=min(values), high=max(values))

    def show(self, digits: int = 0) -> str:
        return f"{self.median:,.{digits}f} ({self.low:,.{digits}f} to {self.high:,.{digits}f})"


def pair_ratios(rounds: Sequence[Mapping[str, float]], above: str, below: str) -> list[float]:
    """Of each round, in which both were measured right after one another, the one divided by the other."""
    return [each[above] / each[below] for each in rounds]
