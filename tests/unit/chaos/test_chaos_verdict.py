"""The verdict finds each kind of damage, names it, and finds nothing where there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.verdict import CLOCK_TOLERANCE_MS, Counts, Result, Utterance, judge, judge_all, judge_insights, total

CALL = ("call", "s0")


def said(number: int) -> list[Utterance]:
    return [
        Utterance(
            tag=f"{place:08x}",
            text=f"tell me w{place:08x}x0 w{place:08x}x1.",
            start_ms=1000 * place,
            insight=("question", "action_item", None)[place % 3],
        )
        for place in range(number)
    ]


def published(spoken: Sequence[Utterance]) -> list[Result]:
    return [
        Result(
            conversation_id=CALL[0],
            stream=CALL[1],
            id=f"id-{place}",
            sequence=place,
            start_ms=utterance.start_ms,
            text=utterance.text,
            kind=utterance.insight,
        )
        for place, utterance in enumerate(spoken)
    ]


def renumbered(results: Sequence[Result]) -> list[Result]:
    """As a worker numbers what it publishes: without holes, and with ids of their own."""
    return [replace(result, id=f"new-{place}", sequence=place) for place, result in enumerate(results)]


def miss(results: list[Result], at: int) -> list[Result]:
    return renumbered(results[:at] + results[at + 1 :])


def lose_a_record(results: list[Result], at: int) -> list[Result]:
    return results[:at] + results[at + 1 :]


def repeat(results: list[Result], at: int) -> list[Result]:
    return [*results[: at + 1], results[at], *results[at + 1 :]]


def repeat_anew(results: list[Result], at: int) -> list[Result]:
    return renumbered(repeat(results, at))


def change(results: list[Result], at: int) -> list[Result]:
    return [*results, replace(results[at], text=results[at - 1].text)]


def cut_end(results: list[Result], at: int) -> list[Result]:
    text = results[at].text.rsplit(" ", 1)[0] + " [cut]"
    return [*results[:at], replace(results[at], text=text), *results[at + 1 :]]


def mark(results: list[Result], at: int) -> list[Result]:
    text = results[at].text.replace("tell", "[lost]")
    return [*results[:at], replace(results[at], text=text), *results[at + 1 :]]


def swap(results: list[Result], at: int) -> list[Result]:
    texts = {at - 1: results[at].text, at: results[at - 1].text}
    return [replace(result, text=texts.get(place, result.text)) for place, result in enumerate(results)]


def merge(results: list[Result], at: int) -> list[Result]:
    both = replace(results[at - 1], text=f"{results[at - 1].text} {results[at].text}")
    return renumbered([*results[: at - 1], both, *results[at + 1 :]])


def turn_the_clock_back(results: list[Result], at: int) -> list[Result]:
    back = replace(results[at], start_ms=results[at - 1].start_ms - 1)
    return [*results[:at], back, *results[at + 1 :]]


def displace(results: list[Result], at: int) -> list[Result]:
    away = replace(results[at], start_ms=results[at].start_ms + CLOCK_TOLERANCE_MS + 1)
    return [*results[:at], away, *results[at + 1 :]]


def number_twice(results: list[Result], at: int) -> list[Result]:
    return [replace(result, sequence=result.sequence - (place >= at)) for place, result in enumerate(results)]


def add_a_stranger(results: list[Result], at: int) -> list[Result]:
    return renumbered([*results[:at], replace(results[at], text="nobody said this"), *results[at:]])


DAMAGE: dict[Callable[[list[Result], int], list[Result]], dict[str, int]] = {
    miss: {"missing": 1},
    lose_a_record: {"missing": 1, "holes": 1},
    repeat: {"same_id": 1},
    repeat_anew: {"other_id": 1},
    change: {"changed": 1, "other_id": 1, "displaced": 1},
    cut_end: {"cut": 1, "pieces": 1},
    mark: {"cut": 1, "pieces": 1},
    swap: {"out_of_order": 1, "displaced": 2},
    merge: {"cut": 2, "pieces": 1},
    turn_the_clock_back: {"reversals": 1, "displaced": 1},
    displace: {"displaced": 1},
    number_twice: {"double_sequence": 1},
    add_a_stranger: {"pieces": 1},
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
@given(number=st.integers(3, 12), data=st.data())
def test_every_damage_is_found_and_named(
    damage: Callable[[list[Result], int], list[Result]], number: int, data: st.DataObject
) -> None:
    """Wherever it stands, and nothing else is reported beside it."""
    at = data.draw(st.integers(1, number - 2))
    spoken = said(number)
    counts = judge(spoken, damage(published(spoken), at))
    assert counts.bad(same_id_allowed=False) == DAMAGE[damage]


@given(st.integers(0, 12))
def test_a_perfect_stream_is_clean(number: int) -> None:
    """Every utterance whole, once, in order: nothing is reported."""
    spoken = said(number)
    assert judge(spoken, published(spoken)) == Counts(spoken=number, whole_and_once=number)


@given(number=st.integers(1, 10), data=st.data())
def test_a_replay_after_a_crash_is_repeats_only(number: int, data: st.DataObject) -> None:
    """A tail that is published again under the same ids is neither out of order nor a reversal, and is counted."""
    spoken = said(number)
    results = published(spoken)
    end = data.draw(st.integers(0, number))
    start = data.draw(st.integers(0, end))
    counts = judge(spoken, [*results[:end], *results[start:]])
    assert counts.bad(same_id_allowed=False) == ({"same_id": end - start} if end > start else {})
    assert counts.bad(same_id_allowed=True) == {}
    assert counts.whole_and_once == number - (end - start)


def test_silence_is_not_clean() -> None:
    """Nothing published: everything is missing."""
    assert judge(said(4), []).bad(same_id_allowed=True) == {"missing": 4}


def test_a_lost_record_at_the_end_is_missing() -> None:
    """No number shows it, but the speech does."""
    spoken = said(4)
    assert judge(spoken, published(spoken)[:-1]).bad(same_id_allowed=False) == {"missing": 1}


def test_streams_are_judged_apart() -> None:
    """A result on the wrong stream is missing there and a piece here; streams that nobody spoke on are judged, too."""
    spoken = {("call", "s0"): said(3), ("call", "s1"): []}
    results = published(said(3))
    astray = [*results[:2], replace(results[2], stream="s1", sequence=0), replace(results[0], stream="s9")]
    found = judge_all(spoken, astray)
    assert found["call", "s0"].bad(same_id_allowed=False) == {"missing": 1}
    assert found["call", "s1"].bad(same_id_allowed=False) == {"pieces": 1}
    assert found["call", "s9"].bad(same_id_allowed=False) == {"pieces": 1}
    assert total(found.values()).pieces == 2


def insights(spoken: Sequence[Utterance]) -> list[Result]:
    """Told in other words, as an engine does."""
    told = [replace(result, text=f"Ann will {result.text}") for result in published(spoken) if result.kind]
    return renumbered(told)


def test_insights_are_held_against_the_utterances_that_ask_for_them() -> None:
    """In the engine's words, of the right kind, once; another utterance asks for none."""
    spoken = {CALL: said(6)}
    good = insights(said(6))
    assert judge_insights(spoken, good, beside=())[CALL] == Counts(spoken=4, whole_and_once=4)
    wrong_kind = [replace(good[0], kind="action_item"), *good[1:]]
    assert judge_insights(spoken, wrong_kind, beside=())[CALL].bad(same_id_allowed=False) == {"missing": 1, "pieces": 1}
    lost = renumbered(good[1:])
    assert judge_insights(spoken, lost, beside=())[CALL].bad(same_id_allowed=False) == {"missing": 1}
    of_nothing = renumbered([*good, replace(good[0], text="Ann will see w00000002x0 w00000002x1.", start_ms=9000)])
    assert judge_insights(spoken, of_nothing, beside=())[CALL].bad(same_id_allowed=False) == {"pieces": 1}


def test_insights_beside_share_the_numbers_and_nothing_else() -> None:
    """A topic takes a sequence number; without it there is a hole; its text and clock do not matter."""
    spoken = {CALL: said(3)}
    first, second = insights(said(3))
    topic = replace(first, id="topic", kind="topic", text="billing", start_ms=0, sequence=1)
    second = replace(second, sequence=2)
    assert judge_insights(spoken, [first, topic, second], beside=["topic"])[CALL].bad(same_id_allowed=False) == {}
    assert judge_insights(spoken, [first, second], beside=["topic"])[CALL].bad(same_id_allowed=False) == {"holes": 1}
    again = replace(topic, text="refunds")
    found = judge_insights(spoken, [first, topic, second, again], beside=["topic"])[CALL]
    assert found.bad(same_id_allowed=True) == {"changed": 1}


def test_insights_that_an_end_announces_may_be_late() -> None:
    """As many as were announced for the conversation, over all its streams; one more is out of order."""
    spoken = {CALL: said(6), ("call", "s1"): said(6)}
    first, *others = insights(said(6))
    late = renumbered([*others, first])
    there = [replace(result, stream="s1", id=f"other-{result.id}") for result in insights(said(6))]
    for recovered, bad in ((1, {}), (0, {"out_of_order": 1, "reversals": 1})):
        found = judge_insights(spoken, [*late, *there], beside=(), recovered={"call": recovered})
        assert found[CALL].bad(same_id_allowed=False) == bad
        assert found[CALL].late == recovered
        assert found["call", "s1"].bad(same_id_allowed=False) == {}
    both = [*late, *(replace(result, stream="s1", id=f"other-{result.id}") for result in late)]
    found = judge_insights(spoken, both, beside=(), recovered={"call": 1})
    assert total(found.values()).bad(same_id_allowed=False) == {"out_of_order": 1, "reversals": 1}
    announced = judge_insights(spoken, [*others, *there], beside=(), recovered={"call": 1})
    assert announced[CALL].bad(same_id_allowed=False) == {"missing": 1, "holes": 1}
