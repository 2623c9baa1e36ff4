"""An event loop without waiting, and processes in it that can stand still.

The clock jumps to the next timer as soon as nobody has anything left to do, so a minute of a system that mostly waits
takes milliseconds, and the same inputs give the same run.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_current: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


class Process:
    """One of several processes that share a loop: whatever is started within it belongs to it.

    Invariant: nothing of it runs while it stands still; all that came due meanwhile runs afterwards, in order.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.stands_still = False
        self._context = contextvars.copy_context()
        self._context.run(_current.set, self)
        self._held: list[asyncio.Handle] = []

    def __repr__(self) -> str:
        return f"<Process {self.name}{' stands still' if self.stands_still else ''}>"

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a task of this process."""
        return asyncio.get_running_loop().create_task(work, context=self._context)

    def freeze(self) -> None:
        """As SIGSTOP."""
        self.stands_still = True

    def thaw(self) -> None:
        """As SIGCONT."""
        self.stands_still = False
        held, self._held = self._held, []
        for handle in held:
            asyncio.get_running_loop().call_soon(_run_or_hold, self, handle, context=_OUTSIDE)

    def hold(self, handle: asyncio.Handle) -> None:
        """It is due while the process stands still."""
        self._held.append(handle)


class _Selector:
    """Nothing ever comes from outside; to wait is to move the clock."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def select(self, timeout: float | None) -> list[object]:
        assert timeout is not None, "everybody waits, and for nothing"
        self.now += timeout
        return []

    def close(self) -> None:
        pass


class VirtualLoop(asyncio.BaseEventLoop):
    """The event loop of asyncio with a clock of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Selector()
        self._clock_resolution = 1e-9
        self.main: asyncio.Task[Any] | None = None
        self.failures: list[BaseException] = []

    def time(self) -> float:
        return self._selector.now

    def call_soon(  # type: ignore[override]  # the names of typeshed's type variables
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        process = _process(context)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        handle = asyncio.Handle(callback, args, self, context)
        super().call_soon(_run_or_hold, process, handle, context=_OUTSIDE)
        return handle

    def call_at(  # type: ignore[override]  # as above
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        process = _process(context)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        super().call_at(when, _run_or_hold, process, handle, context=_OUTSIDE)
        return handle

    def call_outside(self, delay: float, callback: Callable[..., object], *args: Any) -> None:
        """Call something that belongs to no process: it happens whoever stands still."""
        super().call_at(self.time() + delay, callback, *args, context=_OUTSIDE)

    def _process_events(self, event_list: list[object]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What a callback raises ends the run. Tasks have somebody who looks at them, or are left behind on purpose."""
        error = context.get("exception")
        if "handle" in context and isinstance(error, BaseException):
            self.failures.append(error)
            if self.main is not None:
                self.main.cancel()


_OUTSIDE = contextvars.Context()


def _process(context: contextvars.Context | None) -> Process | None:
    return _current.get() if context is None else context.get(_current)


def _run_or_hold(process: Process, handle: asyncio.Handle) -> None:
    if process.stands_still:
        process.hold(handle)
    elif not handle.cancelled():
        handle._run()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time. A failed callback cancels it, and is raised."""
    loop = VirtualLoop()
    try:
        loop.main = loop.create_task(main)
        result: T = loop.run_until_complete(loop.main)
        return result
    except asyncio.CancelledError:
        raise loop.failures[0] from None
    finally:
        loop.close()
