"""The time budget."""

from __future__ import annotations

from worker.deadline import Deadline


def test_every_step_draws_from_it() -> None:
    """What is left shrinks with the clock and is never negative."""
    now = 100.0
    deadline = Deadline(5, lambda: now)
    assert deadline.left() == 5
    now = 103.5
    assert deadline.left() == 1.5
    assert repr(deadline) == "<Deadline in 1.5 s>"
    now = 200.0
    assert deadline.left() == 0


def test_the_clock_is_real() -> None:
    """Without a clock it runs on the monotonic one."""
    assert 0 < Deadline(60).left() <= 60
