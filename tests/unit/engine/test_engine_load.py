"""What recognition costs, and whether there is headroom for more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.load import LATE_SECONDS, Headroom, Progress, RealTimeFactor

_STEPS = st.lists(
    st.tuples(
        st.floats(0, 5),
        st.floats(0, 20),
        st.floats(0, 20),
    ),
    max_size=40,
)


@given(_STEPS)
def test_nobody_is_later_than_time_has_passed(steps: list[tuple[float, float, float]]) -> None:
    """However audio comes and is heard, lateness is at most what waits and the time gone by; demand is at most 1."""
    now = received = heard = 0.0
    progress = Progress(now)
    for passed, more, done in steps:
        now += passed
        received += more
        heard = min(received, heard + done)
        progress.note(now, heard_seconds=heard, waiting_seconds=received - heard)
        assert -1e-9 <= progress.late_seconds(now) <= min(received - heard, now) + 1e-6
        assert 0 <= progress.demand(now) <= 1


def test_lateness_of_a_speaker_and_of_a_file() -> None:
    """Speech that nobody hears is late by the time it waits; a file that is heard faster than real time is not."""
    speaker, file = Progress(0.0), Progress(0.0)
    file.note(0.0, heard_seconds=0.0, waiting_seconds=600.0)
    for tenth in range(1, 51):
        now = tenth / 10
        speaker.note(now, heard_seconds=0.0, waiting_seconds=now)
        file.note(now, heard_seconds=1.5 * now, waiting_seconds=600.0 - 1.5 * now)
    assert speaker.late_seconds(5.0) == pytest.approx(4.9)
    assert file.late_seconds(5.0) == 0.0
    assert file.demand(5.0) == pytest.approx(1.0, abs=0.01)


def test_a_burst_after_a_pause_is_not_late_at_once() -> None:
    """Time without anything to hear is not owed later."""
    progress = Progress(0.0)
    progress.note(60.0, heard_seconds=0.0, waiting_seconds=10.0)
    assert progress.late_seconds(60.0) == 0.0
    assert progress.late_seconds(63.0) == pytest.approx(3.0)
    assert progress.late_seconds(90.0) == pytest.approx(10.0)


def test_a_silent_client_needs_nothing() -> None:
    """A session is expected to speak, until it has been silent for a while."""
    progress = Progress(0.0)
    assert progress.demand(0.0) == 1.0
    assert progress.demand(5.0) > 0.5
    assert progress.demand(60.0) < 0.01


def test_the_factor_is_measured() -> None:
    """It starts as assumed, follows what is measured, and does not believe in a minute of cheap silence."""
    factor = RealTimeFactor(0.0)
    assumed = factor.value
    for second in range(60):
        factor.note(2.0, 1.0, float(second))
    assert factor.value == pytest.approx(0.5, rel=0.05)
    assert factor.value > assumed
    for second in range(60, 120):
        factor.note(2.0, 0.02, float(second))
    assert 0.2 < factor.value < 0.4
    factor.note(4.0, 8.0, 121.0)
    assert factor.value > 0.3


def test_there_is_room_in_the_emptiest_process() -> None:
    """One more fits where the least is needed, as long as its process stays below the limit."""
    assert not Headroom(0.9).lacks([3.0, 1.0], 0.4, 0.0, 0)
    assert Headroom(0.9).lacks([3.0, 2.0], 0.4, 0.0, 0)
    assert not Headroom(0.9).lacks([3.0, 0.0], 2.0, 0.0, 0)
    assert Headroom(0.9).lacks([1.0, 0.0], 2.0, 0.0, 1)


@given(st.floats(0.01, 2.0), st.integers(1, 8), st.floats(0.1, 1.0))
def test_a_burst_is_counted(factor: float, processes: int, max_load: float) -> None:
    """Sessions that were let in and said nothing yet fill the processes, one after the other, up to the limit."""
    headroom = Headroom(max_load)
    let_in = 0
    while not headroom.lacks([0.0] * processes, factor, 0.0, let_in):
        let_in += 1
    each = max(1, int(max_load / factor + 1e-9))
    assert processes * (each - 1) <= let_in <= processes * (each + 1)
    assert let_in >= processes


def test_the_limit_is_not_flapped_about() -> None:
    """Once refused, the load has to come down a little, and lateness a lot."""
    headroom = Headroom(0.9)
    assert headroom.lacks([3.55], 0.2, 0.0, 0)
    assert headroom.lacks([3.4], 0.2, 0.0, 0)
    assert not headroom.lacks([3.2], 0.2, 0.0, 0)
    assert not headroom.lacks([3.4], 0.2, 0.0, 0)
    assert headroom.lacks([0.0], 0.2, LATE_SECONDS + 0.1, 0)
    assert headroom.lacks([0.0], 0.2, LATE_SECONDS - 0.5, 0)
    assert not headroom.lacks([0.0], 0.2, 0.1, 0)
    assert not headroom.lacks([0.0], 0.2, LATE_SECONDS - 0.5, 0)
