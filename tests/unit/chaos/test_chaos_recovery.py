"""Recovery times and the report."""

from __future__ import annotations

import math
from dataclasses import replace

from tests.chaos.recovery import Happened, by_kind, recoveries, usual_pause
from tests.chaos.redials import Redials
from tests.chaos.report import Report
from tests.chaos.verdict import Counts, Result

A, B = ("call", "a"), ("call", "b")
CUT = Happened(kind="cut-sockets", detail="worker 0", at_ms=10_000, dialled=1)
KILL = Happened(kind="kill-worker", detail="worker 0", at_ms=10_000, hit=frozenset({"call"}))


def at(stream: str, milliseconds: int, number: int, call: str = "call") -> Result:
    return Result(
        conversation_id=call,
        stream=stream,
        id=f"{call}{stream}{number}",
        sequence=number,
        start_ms=0,
        text="",
        read_ms=milliseconds,
    )


def test_the_first_new_result_on_the_new_socket_counts() -> None:
    """Not what came before the stream continued, no repeat, and nothing of a stream that was not hit."""
    results = [at("a", 9_000, 0), at("a", 10_100, 1), at("a", 12_500, 1), at("a", 13_000, 2), at("b", 10_200, 0)]
    (found,) = recoveries([CUT], [(A, 11_000)], results)
    assert (found.affected, found.seconds, found.median, found.worst) == (1, (3.0,), 3.0, 3.0)


def test_a_fault_ends_where_the_next_begins() -> None:
    """A stream that has a new result only after that has none in time; the result is the next fault's."""
    later = replace(CUT, at_ms=20_000)
    first, second = recoveries([CUT, later], [(A, 11_000), (A, 21_000)], [at("a", 22_000, 0)])
    assert (first.affected, first.seconds, first.silent, first.median) == (1, (), 1, math.inf)
    assert second.seconds == (2.0,)


def test_a_stream_that_has_said_all_is_not_waited_for() -> None:
    """Continued at its very end, with nothing to come: what is missing is the verdict's to say."""
    (found,) = recoveries([CUT], [(A, 11_000)], [at("a", 9_000, 0)])
    assert (found.affected, found.median) == (0, None)


def test_a_fault_that_is_known_to_hit_a_conversation_hits_all_its_streams() -> None:
    """Whether sockets are replaced or not, and no stream of another conversation."""
    results = [at("a", 12_000, 0), at("b", 16_000, 0), at("a", 10_500, 0, "other")]
    (found,) = recoveries([KILL], [], results)
    assert (found.affected, found.seconds, found.median) == (2, (2.0, 6.0), 4.0)


def test_kinds_are_summed_up() -> None:
    """Median and worst over all faults of a kind; a stream without a result counts as endless."""
    later = replace(KILL, at_ms=20_000)
    last = replace(KILL, at_ms=30_000)
    results = [at("a", 12_000, 0), at("b", 13_000, 0), at("a", 27_000, 1), at("b", 31_000, 1)]
    found = recoveries([KILL, later, last], [], results)
    summed = by_kind([KILL, later, last], found)["kill-worker"]
    assert (summed.times, summed.affected, summed.silent) == (3, 5, 1)
    assert sorted(summed.seconds) == [1.0, 2.0, 3.0, 7.0]
    assert (summed.median, summed.worst) == (3.0, 7.0)


def test_the_usual_pause_is_between_new_results_of_a_stream() -> None:
    """Repeats make no pause shorter."""
    assert usual_pause([at("a", 1_000, 0), at("a", 1_100, 0), at("a", 3_000, 1), at("b", 3_500, 0)]) == 2.0
    assert usual_pause([]) == 0.0


def report(
    counts: Counts,
    *problems: str,
    allowed: bool = False,
    fault: Happened = CUT,
    kill_limit_seconds: float | None = None,
) -> Report:
    return Report(
        seed=7,
        counts={"transcripts": {A: counts, B: Counts(spoken=1, whole_and_once=1)}},
        problems=problems,
        happened=[fault],
        recoveries=recoveries([fault], [(A, 11_000)], [at("a", 13_000, 2)]),
        usual_pause=2.0,
        same_id_allowed=allowed,
        kill_limit_seconds=kill_limit_seconds,
    )


GOOD = Counts(spoken=2, whole_and_once=2)


def test_repeats_under_the_same_id_fail_unless_they_are_allowed() -> None:
    """They are counted in either case; the seed is always said."""
    repeated = Counts(spoken=3, whole_and_once=2, same_id=1)
    assert not report(repeated).clean
    assert report(repeated, allowed=True).clean
    last = list(report(repeated, allowed=True).lines())[-1]
    assert last == "CLEAN: seed 7, 1 faults, 1 repeats under the same id (allowed)"


def test_any_damage_and_any_problem_is_not_clean() -> None:
    """Only the bad stream is shown, all when asked; the total is always there."""
    assert report(GOOD).clean
    assert not report(GOOD, "worker-0 ended by itself", allowed=True).clean
    bad = report(Counts(spoken=2, whole_and_once=1, missing=1), allowed=True)
    assert not bad.clean
    shown = "\n".join(bad.lines())
    assert "BAD transcripts of call/a: spoken 2, whole and once 1, missing 1, cut 0, same id 0, " in shown
    assert "call/b" not in shown
    assert "call/b" in "\n".join(bad.lines(verbose=True))
    assert "transcripts spoken 3, whole and once 2, missing 1, cut 0, same id 0, " in shown
    assert "1 streams hit, 1 sockets dialled, median 3.0 s, worst 3.0 s" in shown


def test_every_kind_of_damage_is_not_clean() -> None:
    """Whatever is counted beside what is whole: one of it fails a run."""
    for name in Counts.__dataclass_fields__.keys() - {"spoken", "whole_and_once", "late"}:
        assert not report(replace(GOOD, **{name: 1})).clean, name


def test_a_socket_too_many_is_not_clean() -> None:
    """And neither is a partition that moved without need; how many had to is always shown."""
    needed = Redials(dialled=4, had_to=4, surplus=0, moved=0, in_time=True)
    good = report(GOOD, fault=replace(CUT, redials=needed))
    assert good.clean
    assert "streams re-dialled: 4 of which 4 had to" in "\n".join(good.lines())
    bad = report(GOOD, fault=replace(CUT, redials=replace(needed, dialled=5, surplus=1)))
    assert not bad.clean
    assert "streams re-dialled: 5 of which 4 had to" in "\n".join(bad.lines())
    assert not report(GOOD, fault=replace(CUT, redials=replace(needed, moved=1))).clean
    late = report(GOOD, fault=replace(CUT, redials=replace(needed, dialled=5, surplus=1, in_time=False)))
    assert late.clean
    assert "(1 of 1 not judged: a replacement was late)" in "\n".join(late.lines())


def test_a_slow_median_after_kills_is_not_clean() -> None:
    """When it is judged; other kinds of faults are not."""
    assert report(GOOD, fault=KILL, kill_limit_seconds=3.0).clean
    assert not report(GOOD, fault=KILL, kill_limit_seconds=2.9).clean
    assert report(GOOD, fault=KILL).clean
    assert report(GOOD, kill_limit_seconds=2.9).clean
