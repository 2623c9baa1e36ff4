"""How findings are compared with labels. Pure.

* A label is *masked* when the findings of a text, whatever their types, cover all of its telling characters: the
  letters and digits of the value, but not the punctuation, hesitations or separators in it. It is found *with the right
  type* when those of its own type alone cover them. A surname left in the clear or the last digit of a card is a miss.
* A finding is *false* when it shares no character with any label. One of the wrong type on a label is not false: the
  label counts as missed under its type, once.
* Precision is the share of findings of a type that are not false. F1 is of precision and recall with the right type.
* Every form has its own figures: written texts do not count for spoken ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.bench.redaction.texts import Text

ALL = "all types"


@dataclass(frozen=True, slots=True)
class Found:
    """A finding at ``[start, end)`` in characters."""

    type: str
    start: int
    end: int
    score: float = 1.0


@dataclass(slots=True)
class Tally:
    """Counts of one type. Ratios of nothing are None."""

    labels: int = 0
    masked: int = 0
    typed: int = 0
    findings: int = 0
    false: int = 0

    @property
    def recall(self) -> float | None:
        """With the right type."""
        return self.typed / self.labels if self.labels else None

    @property
    def recall_masked(self) -> float | None:
        """Of any type."""
        return self.masked / self.labels if self.labels else None

    @property
    def precision(self) -> float | None:
        return 1 - self.false / self.findings if self.findings else None

    @property
    def f1(self) -> float | None:
        """Of precision and recall with the right type. Nothing found where there was something is 0."""
        if self.recall is None:
            return None
        both = (self.precision or 0.0) + self.recall
        return 2 * (self.precision or 0.0) * self.recall / both if both else 0.0


@dataclass(frozen=True, slots=True)
class Miss:
    """What went wrong, to look at: a label that was not masked or got another type, or a false finding.

    Args:
        kind: "leaked", "mistyped" or "false".
    """

    kind: str
    type: str
    start: int
    end: int
    text: Text


def score(texts: Sequence[Text], found: Sequence[Sequence[Found]]) -> tuple[dict[str, Tally], list[Miss]]:
    """Compare the findings of each text with its labels.

    Returns:
        Tallies by type, and under `ALL` of everything; and what went wrong.
    """
    tallies: dict[str, Tally] = {ALL: Tally()}
    misses: list[Miss] = []
    for text, findings in zip(texts, found, strict=True):
        covered = {
            kind: _covered(each for each in findings if each.type == kind) for kind in {f.type for f in findings}
        }
        anything = _covered(findings)
        for label in text.labels:
            masked = label.telling <= anything
            typed = label.telling <= covered.get(label.type, set())
            for tally in (tallies.setdefault(label.type, Tally()), tallies[ALL]):
                tally.labels += 1
                tally.masked += masked
                tally.typed += typed
            if not typed:
                misses.append(Miss("mistyped" if masked else "leaked", label.type, label.start, label.end, text))
        for each in findings:
            false = not any(label.start < each.end and each.start < label.end for label in text.labels)
            for tally in (tallies.setdefault(each.type, Tally()), tallies[ALL]):
                tally.findings += 1
                tally.false += false
            if false:
                misses.append(Miss("false", each.type, each.start, each.end, text))
    return tallies, misses


def _covered(findings: Iterable[Found]) -> set[int]:
    return {place for each in findings for place in range(each.start, each.end)}
