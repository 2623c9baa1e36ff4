"""Says things in order, and some of them only when they are kept. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class _Hold:
    """A place in the queue behind which nothing is said yet."""

    is_over = False


class Outbox:
    """What a room has to say.

    Invariant: everything is said in the order in which it was handed in; what came after a hold waits for its end.
    """

    def __init__(self) -> None:
        self._queue: deque[Callable[[], None] | _Hold] = deque()

    def __repr__(self) -> str:
        return f"<Outbox waiting={len(self._queue)}>"

    @property
    def waiting(self) -> int:
        """How many things wait, holds among them."""
        return len(self._queue)

    def say(self, say: Callable[[], None]) -> None:
        """Say something, at once if nothing waits."""
        if self._queue:
            self._queue.append(say)
        else:
            say()

    def hold(self) -> Callable[[], None]:
        """Say nothing more until what is returned is called."""
        hold = _Hold()
        self._queue.append(hold)

        def release() -> None:
            hold.is_over = True
            self._go_on()

        return release

    def release(self) -> None:
        """Say everything now."""
        for each in self._queue:
            if isinstance(each, _Hold):
                each.is_over = True
        self._go_on()

    def _go_on(self) -> None:
        while self._queue:
            head = self._queue[0]
            if isinstance(head, _Hold) and not head.is_over:
                return
            self._queue.popleft()
            if not isinstance(head, _Hold):
                head()
