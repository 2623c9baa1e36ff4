"""Measure the finding of personal data: ``python -m tests.bench.redaction.run``. See docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Sequence

from tests.bench.figures import percentile
from tests.bench.redaction.corpus import generate_all
from tests.bench.redaction.presidio import ENTITIES, Answers, PresidioError, analyze
from tests.bench.redaction.report import Latency, Result, shortfalls, table, total
from tests.bench.redaction.scoring import Found, Miss, Tally, score
from tests.bench.redaction.texts import Text
from worker.redaction import Redactor

THRESHOLDS = (0.0, 0.05, 0.1, 0.3, 0.4, 0.5, 0.6, 0.85)
WARM_UP = 1000
ROUNDS = 5


def find(redactor: Redactor, text: Text) -> list[Found]:
    """What the worker finds."""
    return [Found(span.type, span.start, span.end, span.score) for span in redactor.find(text.text)]


def measure(redactor: Redactor, texts: Sequence[str]) -> list[Latency]:
    """How long masking a message takes after a warm-up, in each of several rounds over all of them, the best first.

    What else the processor does can only lengthen a round, and does so by a half on a shared machine.
    """
    for text in texts[:WARM_UP]:
        redactor.mask(text)
    return sorted((_round(redactor, texts) for _ in range(ROUNDS)), key=lambda latency: latency.p50)


def _round(redactor: Redactor, texts: Sequence[str]) -> Latency:
    processor: list[float] = []
    clock: list[float] = []
    for text in texts:
        began, worked = time.perf_counter(), time.thread_time()
        redactor.mask(text)
        processor.append(time.thread_time() - worked)
        clock.append(time.perf_counter() - began)
    return Latency(
        p50=percentile(processor, 0.5),
        p99=percentile(processor, 0.99),
        clock_p50=percentile(clock, 0.5),
        clock_p99=percentile(clock, 0.99),
    )


def held(redactor: Redactor, texts: Sequence[Text]) -> str:
    """How many messages would wait for the next one because something personal may go on in it."""
    harmless = [redactor.is_open(text.text) for text in texts if not text.labels]
    others = [redactor.is_open(text.text) for text in texts if text.labels]
    share = [f"{sum(opened) / max(1, len(opened)):.1%}" for opened in (harmless, others)]
    return f"left open at the end: {share[0]} of messages with nothing personal in them, {share[1]} of the others"


def presidio_tallies(cells: Sequence[list[Text]], answers: Answers) -> tuple[float, list[dict[str, Tally]]]:
    """The threshold of Presidio's scores at which it does best on these very texts, and its tallies there."""

    def at(threshold: float) -> list[dict[str, Tally]]:
        found = iter(answers.found)
        return [
            score(texts, [[each for each in next(found) if each.score >= threshold] for _ in texts])[0]
            for texts in cells
        ]

    def f1(tallies: list[dict[str, Tally]]) -> float:
        each = [total(cell, ENTITIES.values()) for cell in tallies]
        return total({str(place): tally for place, tally in enumerate(each)}, map(str, range(len(each)))).f1 or 0.0

    best = max(THRESHOLDS, key=lambda threshold: f1(at(threshold)))
    return best, at(best)


def show(misses: Sequence[Miss], count: int) -> None:
    """Some of what went wrong, of each kind and type."""
    shown: dict[tuple[str, str], int] = {}
    for miss in sorted(misses, key=lambda miss: (miss.kind, miss.type)):
        shown[miss.kind, miss.type] = shown.get((miss.kind, miss.type), 0) + 1
        if shown[miss.kind, miss.type] <= count:
            text = miss.text.text
            marked = f"{text[: miss.start]}[{text[miss.start : miss.end]}]{text[miss.end :]}"
            print(f"  {miss.kind:8} {miss.type:20} {marked}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.redaction.run", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=4000, help="texts of each part in each form")
    parser.add_argument("--misses", type=int, default=0, help="examples of each type to show, of the development set")
    parser.add_argument("--presidio", type=int, choices=(0, 1), default=1, help="0 leaves it out")
    options = parser.parse_args(arguments)
    if options.size < 1:
        parser.error("--size is at least 1")

    cells = list(generate_all(seed=options.seed, size=options.size))
    redactor = Redactor()
    scored = [score(texts, [find(redactor, text) for text in texts]) for _, _, texts in cells]
    mixed = [text.text for _, _, texts in cells for text in texts]

    threshold, theirs, answers = 0.0, [dict[str, Tally]() for _ in cells], None
    if options.presidio:
        try:
            answers = analyze(mixed, os.environ)
        except PresidioError as error:
            print(error, file=sys.stderr)
            return 1
        threshold, theirs = presidio_tallies([texts for _, _, texts in cells], answers)

    results = [
        Result(part=part.name, form=form, texts=len(texts), ours=ours, presidio=presidio)
        for (part, form, texts), (ours, _), presidio in zip(cells, scored, theirs, strict=True)
    ]
    for result, (_, misses) in zip(results, scored, strict=True):
        print(table(result, ENTITIES.values()) + "\n")
        if result.part == "development":
            show(misses, options.misses)
    random.Random(options.seed).shuffle(mixed)
    latency, *_, worst = measure(redactor, mixed)
    print(
        f"a message of {sum(map(len, mixed)) / len(mixed):.0f} characters on average, one core, ms: "
        f"p50 {latency.p50 * 1e3:.3f}, p99 {latency.p99 * 1e3:.3f} "
        f"(by the clock {latency.clock_p50 * 1e3:.3f} and {latency.clock_p99 * 1e3:.3f}); "
        f"the slowest of {ROUNDS} rounds {worst.p50 * 1e3:.3f} and {worst.p99 * 1e3:.3f}"
    )
    print(held(redactor, [text for _, _, texts in cells for text in texts]))
    if answers is not None:
        p50, p99 = percentile(answers.seconds, 0.5) * 1e3, percentile(answers.seconds, 0.99) * 1e3
        print(f"Presidio: p50 {p50:.3f}, p99 {p99:.3f}; findings with a score of {threshold} or more, its best")
    missed = shortfalls(results, latency)
    for line in missed:
        print(f"MISSED {line}")
    print(f"seed {options.seed}, size {options.size}: {'all required figures reached' if not missed else 'missed'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
