"""Things are said in order, held back or not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from worker.engine.outbox import Outbox


@given(steps=st.lists(st.sampled_from(["say", "say", "say two", "hold", "release", "release all"]), max_size=40))
def test_order_is_kept(steps: list[str]) -> None:
    """Nothing is said before what came earlier, nor before the holds in front of it are over; nothing is lost."""
    outbox = Outbox()
    said: list[int] = []
    number = 0
    holds: list[tuple[int, Callable[[], None]]] = []
    for step in steps:
        match step:
            case "say":
                outbox.say(partial(said.append, number))
                number += 1
            case "say two":

                def twice(first: int = number) -> None:
                    said.append(first)
                    outbox.say(partial(said.append, -1))

                outbox.say(twice)
                number += 1
            case "hold":
                holds.append((number, outbox.hold()))
            case "release" if holds:
                holds.pop(len(holds) // 2)[1]()
            case "release all":
                outbox.release()
                holds.clear()
        first_held = holds[0][0] if holds else number
        assert [each for each in said if each >= 0] == list(range(min(first_held, number)))
    outbox.release()
    assert [each for each in said if each >= 0] == list(range(number))
    assert said.count(-1) == steps.count("say two")
