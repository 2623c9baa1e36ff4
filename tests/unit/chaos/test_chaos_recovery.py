"""Recovery times and the report."""

from __future__ import annotations

from dataclasses import replace

from tests.chaos.recovery import Happened, recoveries, usual_pause
from tests.chaos.report import Report
from tests.chaos.verdict import Counts, Result

A, B = ("call", "a"), ("call", "b")
CUT = Happened(kind="cut-sockets", detail="worker 0", at_ms=10_000, until_ms=10_000, dialled=1)


def at(stream: str, milliseconds: int, number: int) -> Result:
    return Result(
        conversation_id="call",
        stream=stream,
        id=f"{stream}{number}",
        sequence=number,
        start_ms=0,
        text="",
        published_ms=milliseconds,
    )


def test_the_first_new_result_on_the_new_socket_counts() -> None:
    """Not what came before the stream continued, no repeat, and nothing of a stream that was not hit."""
    results = [at("a", 9_000, 0), at("a", 10_100, 1), at("a", 12_500, 1), at("a", 13_000, 2), at("b", 10_200, 0)]
    (found,) = recoveries([CUT], [(A, 11_000)], results)
    assert (found.affected, found.seconds, found.median, found.worst) == (1, (3.0,), 3.0, 3.0)


def test_a_fault_ends_where_the_next_begins() -> None:
    """A stream without a new result by then has none; what comes later is the next fault's."""
    later = replace(CUT, at_ms=20_000, until_ms=20_000)
    first, second = recoveries([CUT, later], [(A, 11_000), (A, 21_000)], [at("a", 22_000, 0)])
    assert (first.affected, first.seconds, first.median) == (1, (), None)
    assert second.seconds == (2.0,)


def test_a_fault_everywhere_hits_all_streams() -> None:
    """A broker's end shows on streams that keep their sockets."""
    (found,) = recoveries([replace(CUT, everywhere=True)], [], [at("a", 12_000, 0), at("b", 16_000, 0)])
    assert (found.affected, found.seconds, found.median) == (2, (2.0, 6.0), 4.0)


def test_the_usual_pause_is_between_new_results_of_a_stream() -> None:
    """Repeats make no pause shorter."""
    assert usual_pause([at("a", 1_000, 0), at("a", 1_100, 0), at("a", 3_000, 1), at("b", 3_500, 0)]) == 2.0
    assert usual_pause([]) == 0.0


def report(counts: Counts, *problems: str, allowed: bool = False) -> Report:
    return Report(
        counts={"transcripts": {A: counts, B: Counts(spoken=1, whole_once=1)}},
        problems=problems,
        recoveries=recoveries([CUT], [(A, 11_000)], [at("a", 13_000, 2)]),
        usual_pause=2.0,
        same_id_allowed=allowed,
    )


def test_repeats_under_the_same_id_fail_unless_they_are_allowed() -> None:
    """They are counted in either case."""
    repeated = Counts(spoken=3, whole_once=2, same_id=1)
    assert not report(repeated).clean
    assert report(repeated, allowed=True).clean
    assert list(report(repeated, allowed=True).lines())[-1] == "CLEAN: 1 repeats under the same id (allowed)"


def test_any_damage_and_any_problem_is_not_clean() -> None:
    """Only the bad stream is shown, all when asked; the total is always there."""
    good = Counts(spoken=2, whole_once=2)
    assert report(good).clean
    assert not report(good, "worker-0 ended by itself", allowed=True).clean
    bad = report(Counts(spoken=2, whole_once=1, missing=1), allowed=True)
    assert not bad.clean
    shown = "\n".join(bad.lines())
    assert "BAD transcripts of call/a: spoken 2, whole and once 1, same id 0, missing 1" in shown
    assert "call/b" not in shown
    assert "call/b" in "\n".join(bad.lines(verbose=True))
    assert "transcripts spoken 3, whole and once 2, same id 0, missing 1" in shown
    assert "1 streams hit, median 3.0 s, worst 3.0 s" in shown
