"""Who has a partition, by what is committed, and what becomes of parked lanes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.intake.assignment import Committed, Mark, is_foreign, plan, read_mark

PARTITIONS = st.frozensets(st.integers(0, 9))
MARKS = st.builds(Mark, st.sampled_from(["ours", "theirs", "a/b"]), st.integers(1, 5))


@given(PARTITIONS, PARTITIONS, PARTITIONS)
def test_a_plan_covers_everything_once(parked: frozenset[int], assigned: frozenset[int], taken: frozenset[int]) -> None:
    """What is assigned is adopted or restored, what is parked adopted or handed over, what was taken never adopted."""
    decided = plan(parked, assigned, taken)
    assert decided.adopt | decided.restore == assigned
    assert decided.adopt | decided.hand_over == parked
    assert not decided.adopt & (decided.restore | decided.hand_over | taken)
    assert decided.adopt == parked & assigned - taken


@given(MARKS)
def test_a_mark_is_read_as_it_was_written(mark: Mark) -> None:
    """Whatever stands in the owner's id."""
    assert read_mark(str(mark)) == mark


@pytest.mark.parametrize("metadata", [None, "", "/", "x", "x/", "/1", "x/y", "x/-1", "x/¹", "x/1 "])
def test_somebody_elses_metadata_is_no_mark(metadata: str | None) -> None:
    """Offsets that were reset by a tool carry none, or one of its own."""
    assert read_mark(metadata) is None


@pytest.mark.parametrize(
    ("found", "foreign"),
    [
        (Committed(7, Mark("before", 3)), False),
        (Committed(9, Mark("ours", 1)), False),
        (Committed(7, Mark("ours", 2)), False),
        (Committed(7, Mark("before", 4)), True),
        (Committed(7, Mark("theirs", 1)), True),
        (Committed(7, None), True),
        (Committed(None, None), True),
    ],
)
def test_whose_commit_it_is(found: Committed, *, foreign: bool) -> None:
    """What was there when we began is not foreign, and what we committed since is not; all else is."""
    assert is_foreign(found, Committed(7, Mark("before", 3)), "ours") is foreign
