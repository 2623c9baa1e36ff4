"""Who had to dial again when workers were replaced."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.redials import Placed, Redials, Restart, judge_redials

BEFORE = {0: "worker-0", 1: "worker-1", 2: "worker-0", 3: "worker-1"}
CALLS = {f"call-{number}": Placed(partition=number, streams=2) for number in range(4)}
BACK = Restart(worker="worker-0", back_seconds=2.0, before=BEFORE, after=BEFORE)
ITS_OWN = {"call-0": 2, "call-2": 2}


def judged(restarts: list[Restart], dialled: dict[str, int]) -> Redials:
    return judge_redials(restarts, dialled, CALLS, session_seconds=6.0)


def test_the_streams_of_the_replaced_worker_dial_again_and_no_others() -> None:
    """One socket for each stream; less is no problem, since streams end."""
    good = judged([BACK], ITS_OWN)
    assert (good.dialled, good.had_to, good.surplus, good.moved, good.problems()) == (4, 4, 0, 0, [])
    assert str(good) == "streams re-dialled: 4 of which 4 had to"
    assert judged([BACK], {"call-0": 1}).problems() == []


def test_a_stream_of_another_worker_is_surplus() -> None:
    """Even one, and even if a stream that had to dial did not."""
    bad = judged([BACK], {"call-0": 2, "call-1": 1})
    assert (bad.surplus, str(bad)) == (1, "streams re-dialled: 3 of which 2 had to")
    assert bad.problems() == ["1 sockets were dialled that did not have to be"]
    assert judged([BACK], {"call-9": 1}).surplus == 1


def test_dialling_twice_is_surplus() -> None:
    """One socket for each stream of a replaced worker, unless it is replaced twice."""
    twice = {name: 2 * number for name, number in ITS_OWN.items()}
    assert judged([BACK], twice).surplus == 4
    assert judged([BACK, BACK], twice).problems() == []


def test_a_roll_dials_each_stream_once() -> None:
    """Every worker is replaced, and takes its own streams up again."""
    roll = [BACK, replace(BACK, worker="worker-1")]
    everything = dict.fromkeys(CALLS, 2)
    assert judged(roll, everything) == Redials(dialled=8, had_to=8, surplus=0, moved=0, in_time=True)
    assert judged(roll, everything | {"call-3": 3}).surplus == 1


def test_a_partition_that_moves_lets_its_streams_dial_and_is_a_problem() -> None:
    """Nothing has to move when the replacement is back in time: not its partitions, and not those of others."""
    for partition, there in ((1, "worker-0"), (2, "worker-1")):
        moved = judged([replace(BACK, after=BEFORE | {partition: there})], ITS_OWN | {f"call-{partition}": 2})
        assert (moved.surplus, moved.moved) == (0, 1)
        assert moved.problems() == ["1 partitions moved that did not have to"]


def test_a_late_replacement_is_not_judged_and_says_so() -> None:
    """The group was rebalanced twice meanwhile: nobody can say who had to dial. One late worker of a roll is enough."""
    late = replace(BACK, back_seconds=6.0, after=BEFORE | {0: "worker-1", 1: "worker-0"})
    found = judged([BACK, late], dict.fromkeys(CALLS, 5))
    assert found.problems() == []
    assert "not judged" in str(found)
    assert judged([BACK, replace(late, back_seconds=5.9)], dict.fromkeys(CALLS, 5)).problems() != []


def test_a_partition_that_nobody_has_has_moved() -> None:
    """Afterwards every partition has its worker again."""
    without = {partition: worker for partition, worker in BEFORE.items() if partition != 3}
    assert judged([replace(BACK, after=without)], ITS_OWN).moved == 1


@given(
    st.lists(st.sampled_from(["worker-0", "worker-1"]), max_size=4),
    st.dictionaries(st.sampled_from(sorted(CALLS)), st.integers(0, 9)),
)
def test_what_had_to_and_surplus_account_for_every_socket(workers: list[str], dialled: dict[str, int]) -> None:
    """No socket is forgotten, and none that had to be is called surplus."""
    found = judged([replace(BACK, worker=worker) for worker in workers], dialled)
    assert found.dialled == sum(dialled.values())
    assert 0 <= found.dialled - found.surplus <= found.had_to
    for name, number in dialled.items():
        allowed = 2 * workers.count(BEFORE[CALLS[name].partition])
        assert found.surplus >= number - allowed
