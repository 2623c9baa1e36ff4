"""Notices that this process stood still: stopped, swapped out, or asleep with its machine. Shell.

Kafka gives the partitions of a member that is silent for the session timeout to others. The member itself learns it
from its next heartbeat, which may come long after its sockets and timers woke up: its own clock tells it earlier.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

BEAT_SECONDS = 0.25


class Pulse:
    """Beats, and tells of a pause between two beats that was too long.

    Args:
        limit_seconds: a longer pause is a standstill.
        on_standstill: told how long it was, at the first beat after it.
        clock: monotonic seconds.
    """

    def __init__(
        self, limit_seconds: float, on_standstill: Callable[[float], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit_seconds = limit_seconds
        self._on_standstill = on_standstill
        self._clock = clock
        self._beat_at = clock()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether the process has not stood still since the last beat: what it knows of the world may be true."""
        return self._clock() - self._beat_at <= self._limit_seconds

    def start(self) -> None:
        """Begin to beat."""
        self._beat_at = self._clock()
        self._task = asyncio.create_task(self._beat())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            now = self._clock()
            pause = now - self._beat_at
            if pause > self._limit_seconds:
                self._on_standstill(pause)
            self._beat_at = now
