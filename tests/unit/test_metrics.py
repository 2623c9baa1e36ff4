"""The worker's metrics."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry, Metric

from worker.metrics import PREFIX, GaugeCollector, Metrics
from worker.records import Reason

BOUNDED_LABELS = {"kind", "reason", "outcome", "how"}


def families() -> Sequence[Metric]:
    registry = CollectorRegistry()
    Metrics(registry)
    return list(registry.collect())


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_names_and_texts(family: Metric) -> None:
    """Names carry the prefix, base units only, and a sentence that explains them."""
    assert re.fullmatch(rf"{PREFIX}_[a-z_]+", family.name)
    assert not re.search(r"_(ms|millis|kib|mib|minutes)\b", family.name)
    assert family.documentation.endswith(".")
    if family.type == "histogram":
        assert family.name.endswith(("_seconds", "_bytes"))


def test_labels_are_bounded() -> None:
    """Labels have few values: what a conversation is called is never among them."""
    names = {name for family in families() for sample in family.samples for name in sample.labels} - {"le"}
    assert names <= BOUNDED_LABELS


def test_known_series_exist_from_the_start() -> None:
    """A series that is known beforehand begins at 0, so that its first rise is seen as one."""
    samples = {(s.name, *s.labels.values()) for family in families() for s in family.samples}
    assert {(f"{PREFIX}_dead_letters_total", reason.value) for reason in Reason} <= samples
    assert {(f"{PREFIX}_lanes_total", how) for how in ("adopted", "restored")} <= samples
    assert (f"{PREFIX}_dials_total", "opened") in samples


def test_each_worker_counts_for_itself() -> None:
    """Two workers in one process do not share metrics."""
    first, second = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())
    first.records.inc()
    assert second.registry.get_sample_value(f"{PREFIX}_input_records_total") == 0


def test_gauges_are_read_when_asked() -> None:
    """A gauge has the value of the moment, nobody keeps it up to date."""
    value = 1.0
    registry = CollectorRegistry()
    registry.register(GaugeCollector(lambda: [("streams", "Streams.", value)]))
    value = 2.0
    assert registry.get_sample_value(f"{PREFIX}_streams") == 2
