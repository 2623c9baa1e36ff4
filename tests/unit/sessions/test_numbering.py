"""Sequence numbers of a producer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.sessions.numbering import REMEMBERED, Numbering


def test_holes_are_counted() -> None:
    """A number tells how many are missing before it, from the last one on, an earlier owner's included."""
    numbers = Numbering(4, 7)
    assert numbers.receive(5, 1) == 0
    assert numbers.receive(9, 2) == 3


def test_a_first_number_tells_nothing() -> None:
    """Neither does a lower one, nor the first one after a restart: the producer counts anew."""
    numbers = Numbering(None, 0)
    assert numbers.is_empty
    assert numbers.receive(5, 1) is None
    assert numbers.receive(2, 1) is None
    assert numbers.receive(4, 1) == 1
    numbers.restart()
    assert numbers.is_empty
    assert not numbers.is_repeat(4, 1)
    assert numbers.receive(9, 1) is None


def test_a_repeat_is_the_same_audio_under_the_same_number() -> None:
    """An earlier owner's last chunk is known, too."""
    numbers = Numbering(4, 7)
    assert numbers.is_repeat(4, 7)
    assert not numbers.is_repeat(4, 8)
    assert not numbers.is_repeat(5, 7)


@given(chunks=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 2)), max_size=150))
def test_the_latest_chunks_are_known_again(chunks: list[tuple[int, int]]) -> None:
    """Whatever the producer counts, each of the latest chunks is told from new ones, and memory is bounded."""
    numbers = Numbering(None, 0)
    taken: list[tuple[int, int]] = []
    for chunk in chunks:
        latest = taken[-REMEMBERED:]
        assert numbers.is_repeat(*chunk) == (chunk in latest)
        if chunk not in latest:
            missing = numbers.receive(*chunk)
            before = taken[-1][0] if taken else chunk[0]
            assert missing == (None if chunk[0] <= before else chunk[0] - before - 1)
            taken.append(chunk)
