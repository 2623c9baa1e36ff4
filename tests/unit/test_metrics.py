"""The worker's metrics."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric

from tests.strategies import outputs, redacted_messages
from worker.metrics import FINDING_TYPES, OTHER_TYPE, PREFIX, GaugeCollector, Metrics, label_of
from worker.records import Finding, FindingSource, Insight, Masked, Output, Reason, RedactedMessage

BOUNDED_LABELS = {"kind", "reason", "outcome", "how", "type", "source"}


SOURCES = get_args(FindingSource)


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
    assert {
        (f"{PREFIX}_redaction_findings_total", kind, source)
        for kind in (*FINDING_TYPES, OTHER_TYPE)
        for source in SOURCES
    } <= samples


def findings(metrics: Metrics) -> Counter[tuple[str, str]]:
    """What was counted, by type and source."""
    return Counter(
        {
            (sample.labels["type"], sample.labels["source"]): int(sample.value)
            for family in metrics.registry.collect()
            for sample in family.samples
            if sample.name == f"{PREFIX}_redaction_findings_total" and sample.value
        }
    )


@given(said=st.lists(outputs, max_size=5))
def test_findings_are_counted_by_type_and_source(said: list[Output]) -> None:
    """Each mask of a published message or insight counts once, under its type and under who found it."""
    metrics = Metrics(CollectorRegistry())
    for output in said:
        metrics.published(output)
    texts = [each.masked for each in said if isinstance(each, RedactedMessage | Insight)]
    assert findings(metrics) == Counter((each.type, each.source) for text in texts for each in text.findings or ())
    for kind, count in Counter(type(each).__name__ for each in said).items():
        assert metrics.registry.get_sample_value(f"{PREFIX}_output_records_total", {"kind": kind}) == count


@given(message=redacted_messages, kind=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_no_name_of_others_becomes_a_label(message: RedactedMessage, kind: str) -> None:
    """Hosts, deployments and producers name types as they like: what is not one of ours is counted as OTHER."""
    metrics = Metrics(CollectorRegistry())
    metrics.published(replace(message, masked=Masked("****", (Finding(kind, 0, 4, "symbl"),))))
    wanted = kind.upper() if kind.upper() in FINDING_TYPES else OTHER_TYPE
    assert findings(metrics) == {(wanted, "symbl"): 1}


@pytest.mark.parametrize(
    ("kind", "label"), [("person_name", "PERSON_NAME"), ("Payroll 7", "OTHER"), ("unknown", "OTHER")]
)
def test_types_of_hosts_are_ours_in_any_case(kind: str, label: str) -> None:
    """Our types are known in whatever case a host spells them."""
    assert label_of(kind) == label


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
