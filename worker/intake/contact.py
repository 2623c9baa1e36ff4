"""Knows when the group coordinator has last confirmed that this worker is a member. Shell.

Kafka gives the partitions of a member that it has not heard of for the session timeout to others. The member itself
learns it from a later answer, or never, while its sockets and timers may work all the time. aiokafka keeps to itself
which answers it got; so we listen where all of them pass.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog
from aiokafka.errors import NoError, RebalanceInProgressError
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest

_log = structlog.get_logger(__name__)


class Contact:
    """The group's proof of our membership, and its age.

    Args:
        patience_seconds: proof that is older is worth nothing: the group may have given us up.
        on_regained: told when there is proof again after there was none.
        clock: monotonic seconds.
    """

    def __init__(
        self, patience_seconds: float, on_regained: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience_seconds = patience_seconds
        self._on_regained = on_regained
        self._clock = clock
        self._heard_at: float | None = None
        self._news = asyncio.Event()
        self._coordinator: Any = None

    @property
    def age_seconds(self) -> float:
        """Seconds since we asked for the latest answer that proves it; infinite before the first."""
        return float("inf") if self._heard_at is None else self._clock() - self._heard_at

    @property
    def is_fresh(self) -> bool:
        """Whether nobody else can have been given our partitions by a group that lost patience with us."""
        return self.age_seconds <= self._patience_seconds

    def watch(self, consumer: Any) -> None:
        """Listen to what the group says to a started consumer. May be called again."""
        coordinator = consumer._coordinator  # noqa: SLF001 - see the module's docstring
        if coordinator is self._coordinator:
            return
        self._coordinator = coordinator
        send = coordinator._send_req  # noqa: SLF001

        async def send_and_listen(request: Any) -> Any:
            asked_at = self._clock()
            response = await send(request)
            if _is_proof(request, response):
                # The group counts from when it was asked, which was later than we asked.
                self._heard(asked_at)
            return response

        coordinator._send_req = send_and_listen  # noqa: SLF001

    async def heard_after(self, moment: float) -> None:
        """Wait for proof that was asked for after this moment."""
        while self._heard_at is None or self._heard_at <= moment:
            await self._news.wait()

    def _heard(self, asked_at: float) -> None:
        was_fresh, age = self.is_fresh, self.age_seconds
        self._heard_at = asked_at
        self._news.set()
        self._news = asyncio.Event()
        if not was_fresh and self.is_fresh:
            _log.info("group_heard", silent_seconds=None if age == float("inf") else round(age, 1))
            self._on_regained()


def _is_proof(request: Any, response: Any) -> bool:
    if isinstance(request, HeartbeatRequest):
        # A rebalance that waits for us: its partitions are ours until we join.
        return response.error_code in (NoError.errno, RebalanceInProgressError.errno)
    return isinstance(request, SyncGroupRequest) and response.error_code == NoError.errno
