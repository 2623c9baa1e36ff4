"""What was measured, as a table, and what of the required figures was missed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench.redaction.scoring import ALL, Tally
from tests.bench.redaction.texts import Form
from tests.bench.redaction.values import STRUCTURED

RECALL: Mapping[Form, float] = {"written": 0.98, "spoken": 0.95}
"""Of each structured type, with the right type."""
NAMES_RECALL = 0.80
PRECISION = 0.95
"""Of each structured type, and of all findings together."""
P50_SECONDS = 0.3e-3
P99_SECONDS = 3e-3


@dataclass(frozen=True, kw_only=True)
class Result:
    """One part in one form: tallies by type, ours and Presidio's (empty when it did not run)."""

    part: str
    form: Form
    texts: int
    ours: Mapping[str, Tally]
    presidio: Mapping[str, Tally] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Latency:
    """For a message of one round, in seconds: processor time of one core, and what a clock said meanwhile."""

    p50: float
    p99: float
    clock_p50: float
    clock_p99: float


def shortfalls(results: Sequence[Result], latency: Latency) -> list[str]:
    """The required figures that were missed, one line each."""
    missed: list[str] = []
    for result in results:
        where = f"{result.part} {result.form}"
        for kind in (*sorted(STRUCTURED), "PERSON_NAME", ALL):
            tally = result.ours.get(kind, Tally())
            needed = None if kind == ALL else RECALL[result.form] if kind in STRUCTURED else NAMES_RECALL
            if needed is not None and tally.recall is None:
                missed.append(f"{where}: no {kind} to find, choose a larger SIZE")
            elif needed is not None and tally.recall is not None and tally.recall < needed:
                missed.append(f"{where}: recall of {kind} is {tally.recall:.3f}, required {needed:.2f}")
            if kind != "PERSON_NAME" and tally.precision is not None and tally.precision < PRECISION:
                missed.append(f"{where}: precision of {kind} is {tally.precision:.3f}, required {PRECISION:.2f}")
    for name, measured, allowed in (("p50", latency.p50, P50_SECONDS), ("p99", latency.p99, P99_SECONDS)):
        if measured >= allowed:
            missed.append(f"latency: {name} is {measured * 1e3:.2f} ms, allowed {allowed * 1e3:.1f} ms")
    return missed


def table(result: Result, shared: Iterable[str]) -> str:
    """A row for each type. ``shared`` are the types that Presidio has as well."""
    shared = set(shared)
    beside = bool(result.presidio)
    lines = [
        f"{result.part}, {result.form}: {result.texts:,} texts",
        f"  {'type':20} {'n':>6}  {'masked':>6} {'recall':>6} {'prec.':>6} {'F1':>6}  {'false':>5}"
        + (f"  | Presidio: {'masked':>6} {'recall':>6} {'prec.':>6} {'F1':>6}  {'false':>5}" if beside else ""),
    ]
    known = {*result.ours, *result.presidio} - {ALL}
    rows = [(kind, result.ours.get(kind, Tally()), result.presidio.get(kind, Tally())) for kind in sorted(known)]
    rows.append((ALL, result.ours.get(ALL, Tally()), Tally()))
    if beside:
        rows.append(("types of both", total(result.ours, shared), total(result.presidio, shared)))
    for kind, ours, presidio in rows:
        line = f"  {kind:20} {ours.labels:>6}  {_figures(ours)}"
        if beside and (kind in shared or kind == "types of both"):
            line += f"  |           {_figures(presidio)}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def total(tallies: Mapping[str, Tally], kinds: Iterable[str]) -> Tally:
    """The tallies of some types together."""
    chosen = [tallies[kind] for kind in kinds if kind in tallies]
    return Tally(
        labels=sum(each.labels for each in chosen),
        masked=sum(each.masked for each in chosen),
        typed=sum(each.typed for each in chosen),
        findings=sum(each.findings for each in chosen),
        false=sum(each.false for each in chosen),
    )


def _figures(tally: Tally) -> str:
    ratios = (tally.recall_masked, tally.recall, tally.precision, tally.f1)
    return " ".join("     -" if ratio is None else f"{ratio:6.3f}" for ratio in ratios) + f"  {tally.false:>5}"
