"""The account of open and finished offsets of one partition: how far may we commit? Pure."""

from __future__ import annotations

from collections import deque


class Ledger:
    """Turns finished offsets into the one position that may be committed.

    Invariant: ``commit_position`` never passes an offset that was tracked and is not finished, and never goes back.
    Offsets are tracked in rising order; gaps between them (compaction, transaction markers) are normal.

    Args:
        position: the next offset to be read when this ownership of the partition began.
    """

    def __init__(self, position: int) -> None:
        self._next = position
        self._order: deque[int] = deque()
        self._open: dict[int, int] = {}

    def __repr__(self) -> str:
        return f"<Ledger commit={self.commit_position} next={self._next} open={len(self._open)}>"

    @property
    def next_position(self) -> int:
        """The next offset to be read: one past the highest that was tracked."""
        return self._next

    @property
    def commit_position(self) -> int:
        """Every offset below it is finished."""
        return self._order[0] if self._order else self._next

    @property
    def open_count(self) -> int:
        """How many offsets are tracked and not finished."""
        return len(self._open)

    def track(self, offset: int) -> bool:
        """Open an offset, with one holder.

        Returns:
            False when the offset is already known (it was read a second time); nothing changes then.
        """
        if offset < self._next:
            return False
        self._next = offset + 1
        self._order.append(offset)
        self._open[offset] = 1
        return True

    def hold(self, offset: int) -> None:
        """One holder more: an open offset is finished when each of its holders has finished it."""
        self._open[offset] += 1

    def finish(self, offset: int) -> None:
        """One holder is done with an offset. Finishing more often than there are holders is a bug."""
        left = self._open[offset] - 1
        if left:
            self._open[offset] = left
            return
        del self._open[offset]
        while self._order and self._order[0] not in self._open:
            self._order.popleft()
