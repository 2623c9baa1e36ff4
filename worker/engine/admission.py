"""Who may open another socket, and how fast. Pure; counts and rates only."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from enum import Enum
from typing import Final


class Refusal(Enum):
    """Why a handshake is refused; the value is the label of its metric."""

    DRAINING = "draining"
    CONNECTIONS = "connections"
    ACCOUNT_STREAMS = "account_streams"
    STREAMS = "streams"
    OVERLOADED = "overloaded"

    @property
    def status(self) -> int:
        """503 when another engine may have room, 429 when the client has to wait."""
        return 503 if self in (Refusal.DRAINING, Refusal.CONNECTIONS) else 429

    @property
    def message(self) -> str:
        return _MESSAGES[self]


_MESSAGES: Final = {
    Refusal.DRAINING: "The server is shutting down.",
    Refusal.CONNECTIONS: "The server has no room for more connections.",
    Refusal.ACCOUNT_STREAMS: "The account has as many concurrent streams as it may have.",
    Refusal.STREAMS: "The server has as many concurrent streams as it may have.",
    Refusal.OVERLOADED: "The server is busy.",
}


class Admission:
    """Counts the open sockets.

    Invariant: a socket counts from the `enter` that let it in, which comes before its handshake is answered, to its one
    `leave`; handshakes that race can therefore not get past a limit together.

    Args:
        max_connections: Sockets of all kinds.
        max_streams: Speaker sockets; None for no limit.
        max_account_streams: Speaker sockets of an account; None for no limit.
        overloaded: One more speaker would make the others fall behind.
    """

    def __init__(
        self,
        *,
        max_connections: int,
        max_streams: int | None,
        max_account_streams: Callable[[str], int | None],
        overloaded: Callable[[], bool],
    ) -> None:
        self._max_connections = max_connections
        self._max_streams = max_streams
        self._max_account_streams = max_account_streams
        self._overloaded = overloaded
        self._connections = 0
        self._streams: Counter[str] = Counter()
        self.draining = False

    def __repr__(self) -> str:
        return f"<Admission connections={self._connections} streams={self._streams.total()}>"

    def enter(self, account: str, *, speaker: bool) -> Refusal | None:
        """Counts a socket, or says why there may not be one."""
        if self.draining:
            return Refusal.DRAINING
        if self._connections >= self._max_connections:
            return Refusal.CONNECTIONS
        if speaker:
            allowed = self._max_account_streams(account)
            if allowed is not None and self._streams[account] >= allowed:
                return Refusal.ACCOUNT_STREAMS
            if self._max_streams is not None and self._streams.total() >= self._max_streams:
                return Refusal.STREAMS
            if self._overloaded():
                return Refusal.OVERLOADED
            self._streams[account] += 1
        self._connections += 1
        return None

    def leave(self, account: str, *, speaker: bool) -> None:
        """The socket is gone, or its handshake failed."""
        self._connections -= 1
        if speaker:
            self._streams[account] -= 1
            if not self._streams[account]:
                del self._streams[account]


class Pace:
    """How often something may happen: ``per_second`` on average, ``burst`` at once."""

    def __init__(self, *, per_second: float, burst: float) -> None:
        self._interval = 1 / per_second
        self._slack = burst / per_second
        self._due = 0.0

    def take(self, now: float, *, longest_wait: float = float("inf")) -> float:
        """Counts one more.

        Args:
            now: Seconds of any clock that does not go back.
            longest_wait: What is counted beyond it is forgotten.

        Returns:
            How many seconds too early it came; 0.0 when it was in time.
        """
        self._due = min(max(self._due, now) + self._interval, now + self._slack + longest_wait)
        return max(0.0, self._due - now - self._slack)


class RefusalDelays:
    """Slows down who is refused again and again.

    The JavaScript SDK with ``reconnectOnError`` tries a refused handshake again at once, hundreds of times a second.
    Each address may be refused ``burst`` times at full speed; after that its refusals take up to ``longest`` seconds,
    which such a client waits for. Whoever is let in is never delayed.

    Invariant: at most ``max_addresses`` are remembered, the latest ones.
    """

    def __init__(
        self,
        *,
        per_second: float = 1.0,
        burst: float = 10.0,
        longest: float = 2.0,
        max_addresses: int = 10_000,
        max_waiting: int = 1_000,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._longest = longest
        self._max_addresses = max_addresses
        self._max_waiting = max_waiting
        self._paces: OrderedDict[str, Pace] = OrderedDict()
        self._waiting = 0

    def __repr__(self) -> str:
        return f"<RefusalDelays addresses={len(self._paces)} waiting={self._waiting}>"

    def begin(self, address: str, now: float) -> float:
        """Seconds that the refusal of this address should take; one that is above 0 needs a later `end`.

        Waiting is not free either: when enough wait already, the others do not.
        """
        pace = self._paces.pop(address, None) or Pace(per_second=self._per_second, burst=self._burst)
        self._paces[address] = pace
        if len(self._paces) > self._max_addresses:
            self._paces.popitem(last=False)
        delay = pace.take(now, longest_wait=self._longest)
        if not delay or self._waiting >= self._max_waiting:
            return 0.0
        self._waiting += 1
        return delay

    def end(self) -> None:
        """A refusal has waited, or its client has gone."""
        self._waiting -= 1
