"""One time budget for everything that one shutdown or one rebalance does."""

from __future__ import annotations

import time
from collections.abc import Callable


class Deadline:
    """A point in time that every step of one job draws from.

    Args:
        seconds: from now.
        clock: seconds, never going back.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds

    def __repr__(self) -> str:
        return f"<Deadline in {self.left():.1f} s>"

    def left(self) -> float:
        """Seconds that are left; 0 when there are none."""
        return max(0.0, self._at - self._clock())
