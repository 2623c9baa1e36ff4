"""The report of a run as text. Pure: shows counts, names and times, and no word that was said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from tests.chaos.recovery import Happened, Recovery, by_kind
from tests.chaos.verdict import Counts, StreamName, total


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything about a run.

    Args:
        counts: By kind of topic and by stream.
        problems: Whatever else is wrong, in words.
        recoveries: Of each fault, in the order of ``happened``.
        usual_pause: Median time between two new results of a stream, seconds.
        same_id_allowed: Repeats under the same id are shown, and no reason to fail.
        kill_limit_seconds: The longest that the median after ``kill-worker`` may be; None for any.
        notes: What is worth knowing and neither good nor bad.
    """

    seed: int
    counts: Mapping[str, Mapping[StreamName, Counts]]
    problems: Sequence[str]
    happened: Sequence[Happened]
    recoveries: Sequence[Recovery]
    usual_pause: float
    same_id_allowed: bool = False
    kill_limit_seconds: float | None = None
    notes: Sequence[str] = field(default=())

    @property
    def all_problems(self) -> list[str]:
        """What is wrong besides the counts: what was handed in, re-dials, slow recovery."""
        redialled = [
            f"{fault.kind} ({fault.detail}): {problem}"
            for fault in self.happened
            if fault.redials is not None
            for problem in fault.redials.problems()
        ]
        return [*self.problems, *redialled, *self._slow_recovery()]

    @property
    def clean(self) -> bool:
        """Whether everything arrived as it should."""
        return not self.all_problems and not any(
            counts.bad(same_id_allowed=self.same_id_allowed)
            for streams in self.counts.values()
            for counts in streams.values()
        )

    def lines(self, *, verbose: bool = False) -> Iterable[str]:
        """Bad streams and kinds of faults (all streams and each fault when verbose), problems, totals, verdict."""
        for kind, streams in self.counts.items():
            for (conversation_id, stream), counts in streams.items():
                bad = counts.bad(same_id_allowed=self.same_id_allowed)
                if bad or verbose:
                    yield f"  {'BAD' if bad else 'ok ':3} {kind} of {conversation_id}/{stream}: {_in_words(counts)}"
        yield from self._recovery_lines(verbose)
        yield from (f"  {note}" for note in self.notes)
        yield from (f"  PROBLEM: {problem}" for problem in self.all_problems)
        for kind, streams in self.counts.items():
            yield f"  {kind:11} {_in_words(total(streams.values()))}"
        repeats = sum(total(streams.values()).same_id for streams in self.counts.values())
        allowed = " (allowed)" if self.same_id_allowed and repeats else ""
        yield (
            f"{'CLEAN' if self.clean else 'NOT CLEAN'}: seed {self.seed}, {len(self.happened)} faults, "
            f"{repeats} repeats under the same id{allowed}"
        )

    def _recovery_lines(self, verbose: bool) -> Iterable[str]:
        if self.happened:
            usual = f"{self.usual_pause:.1f} s"
            yield f"  from fault to the first new result of a stream that it hit; without faults every {usual}"
        if verbose:
            for fault, recovery in zip(self.happened, self.recoveries, strict=True):
                yield f"  {fault.kind} ({fault.detail}): {_of(recovery)}"
        for kind, recovery in by_kind(self.happened, self.recoveries).items():
            yield f"  {recovery.times:3} x {kind:16} {_of(recovery)}"
            judged = [fault.redials for fault in self.happened if fault.kind == kind and fault.redials is not None]
            if judged:
                needed = sum(each.dialled - each.surplus for each in judged)
                late = sum(not each.in_time for each in judged)
                line = f"streams re-dialled: {sum(each.dialled for each in judged)} of which {needed} had to"
                line += f" ({late} of {len(judged)} not judged: a replacement was late)" if late else ""
                yield f"{'':24} {line}"

    def _slow_recovery(self) -> list[str]:
        recovery = by_kind(self.happened, self.recoveries).get("kill-worker")
        if self.kill_limit_seconds is None or recovery is None or recovery.median is None:
            return []
        if recovery.median <= self.kill_limit_seconds:
            return []
        return [f"median after kill-worker is {recovery.median:.1f} s, more than {self.kill_limit_seconds:.1f} s"]


def _of(recovery: Recovery) -> str:
    most = max(recovery.dialled)
    line = f"{recovery.affected} streams hit, {sum(recovery.dialled)} sockets dialled"
    line += f" ({most} at most)" if recovery.times > 1 else ""
    if recovery.median is not None:
        worst = "-" if recovery.worst is None else f"{recovery.worst:.1f} s"
        line += f", median {recovery.median:.1f} s, worst {worst}"
        line += f", {recovery.silent} without a result before the next fault" if recovery.silent else ""
    return line


def _in_words(counts: Counts) -> str:
    """Every count, zeros too: what is not printed could have been forgotten."""
    return ", ".join(f"{each.name.replace('_', ' ')} {getattr(counts, each.name)}" for each in fields(counts))
