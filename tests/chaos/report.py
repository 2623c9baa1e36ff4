"""The report of a run as text. Pure: shows counts, names and times, and no word that was said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.recovery import Recovery
from tests.chaos.verdict import Counts, StreamName, total


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything about a run.

    Args:
        counts: By kind of topic and by stream.
        problems: Whatever else is wrong, in words.
        same_id_allowed: Repeats under the same id are shown, and no reason to fail.
        usual_pause: Median time between two new results of a stream, seconds.
    """

    counts: Mapping[str, Mapping[StreamName, Counts]]
    problems: Sequence[str]
    recoveries: Sequence[Recovery]
    usual_pause: float
    same_id_allowed: bool

    @property
    def clean(self) -> bool:
        """Whether everything arrived as it should."""
        return not self.problems and not any(
            counts.bad(same_id_allowed=self.same_id_allowed)
            for streams in self.counts.values()
            for counts in streams.values()
        )

    def lines(self, *, verbose: bool = False) -> Iterable[str]:
        """Bad streams (all when verbose), faults, problems, totals, verdict."""
        for kind, streams in self.counts.items():
            for (conversation_id, stream), counts in streams.items():
                bad = counts.bad(same_id_allowed=self.same_id_allowed)
                if bad or verbose:
                    yield f"  {'BAD' if bad else 'ok ':3} {kind} of {conversation_id}/{stream}: {_in_words(counts)}"
        yield from self._recovery_lines()
        yield from (f"  PROBLEM: {problem}" for problem in self.problems)
        for kind, streams in self.counts.items():
            yield f"  {kind:11} {_in_words(total(streams.values()))}"
        repeats = sum(total(streams.values()).same_id for streams in self.counts.values())
        allowed = " (allowed)" if self.same_id_allowed and repeats else ""
        yield f"{'CLEAN' if self.clean else 'NOT CLEAN'}: {repeats} repeats under the same id{allowed}"

    def _recovery_lines(self) -> Iterable[str]:
        if self.recoveries:
            usual = f"{self.usual_pause:.1f} s"
            yield f"  from fault to the first new result of a stream that it hit; without faults every {usual}"
        for recovery in self.recoveries:
            hurt = recovery.happened
            line = f"  {hurt.kind} ({hurt.detail}): {hurt.dialled} sockets dialled, {recovery.affected} streams hit"
            if recovery.median is not None and recovery.worst is not None:
                line += f", median {recovery.median:.1f} s, worst {recovery.worst:.1f} s"
                silent = recovery.affected - len(recovery.seconds)
                line += f", {silent} without a result before the next fault" if silent else ""
            yield line


def _in_words(counts: Counts) -> str:
    bad = {"same_id": 0} | counts.bad(same_id_allowed=False)
    found = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in bad.items())
    return f"spoken {counts.spoken}, whole and once {counts.whole_once}, {found}"
