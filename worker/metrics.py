"""All metrics of the worker, in one place. Base units, bounded labels: never a conversation id, never content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from worker.records import DeadLetter, FindingSource, Insight, Output, Reason, RedactedMessage
from worker.redaction import TYPES
from worker.redaction.custom import CUSTOM
from worker.redaction.spans import REPEATED

PREFIX = "symbl_worker"

FINDING_TYPES: Final = (*sorted(TYPES), CUSTOM, REPEATED)
"""Types that are told apart. What hosts, deployments and producers call by names of their own is `OTHER_TYPE`."""
OTHER_TYPE: Final = "OTHER"

_LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters and histograms of one worker.

    Args:
        registry: where they are registered; each worker of a process needs its own.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, namespace=PREFIX, registry=registry)

        self.records = counter("input_records", "Input records read.")
        self.input_bytes = counter("input_bytes", "Bytes of input values read.")
        self.outputs = counter("output_records", "Records published, by kind.", "kind")
        self.dead_letters = counter("dead_letters", "Input records that became dead letters, by reason.", "reason")
        self.findings = counter(
            "redaction_findings",
            "Personal data masked in published messages and insights, by type and by who found it.",
            "type",
            "source",
        )
        self.unpublishable = counter("unpublishable_records", "Output records that the broker refused for good.")
        self.dials = counter("dials", "Attempts to open a Symbl socket, by outcome.", "outcome")
        self.sockets_lost = counter("sockets_lost", "Symbl sockets that ended without being asked to.")
        self.sent_bytes = counter("sent_audio_bytes", "Audio sent to Symbl, replays included.")
        self.received_frames = counter("received_frames", "Messages received from Symbl.")
        self.unknown_messages = counter("unknown_messages", "Messages from Symbl of a type that is not known.")
        self.malformed_messages = counter("malformed_messages", "Messages from Symbl that could not be read.")
        self.rewinds = counter("rewinds", "Seeks back to audio that memory no longer held.")
        self.rebalances = counter("rebalances", "Rebalances of the consumer group.")
        self.lanes = counter("lanes", "Partitions taken up, by how: adopted or restored.", "how")
        self.commit_failures = counter("commit_failures", "Commits that the group coordinator refused.")
        self.transactions = counter(
            "transactions",
            "Transactions by outcome; fenced: somebody else has the partition, or it took too long.",
            "outcome",
        )
        # A series whose first value is not 0 hides its first rise.
        for reason in Reason:
            self.dead_letters.labels(reason.value)
        for kind in (*FINDING_TYPES, OTHER_TYPE):
            for source in get_args(FindingSource):
                self.findings.labels(kind, source)
        for how in ("adopted", "restored"):
            self.lanes.labels(how)
        for outcome in ("committed", "aborted", "fenced", "lost"):
            self.transactions.labels(outcome)
        self.dials.labels("opened")
        self.publish_seconds = Histogram(
            "publish_seconds",
            "From handing a batch to the producer until the broker has it all.",
            namespace=PREFIX,
            registry=registry,
            buckets=_LATENCY_BUCKETS,
        )

        self.hold_seconds = Histogram(
            "hold_seconds",
            "How long messages waited that ended in what the speaker's next one could show to be personal.",
            namespace=PREFIX,
            registry=registry,
            buckets=_LATENCY_BUCKETS,
        )

    def published(self, output: Output) -> None:
        """Count what readers can see: once, however many attempts it took."""
        self.outputs.labels(type(output).__name__).inc()
        match output:
            case DeadLetter():
                self.dead_letters.labels(output.reason.value).inc()
            case RedactedMessage() | Insight():
                for finding in output.masked.findings or ():
                    self.findings.labels(label_of(finding.type), finding.source).inc()


class GaugeCollector(Collector):
    """Gauges that are read when somebody asks: name without prefix, explanation, value."""

    def __init__(self, read: Callable[[], list[tuple[str, str, float]]]) -> None:
        self._read = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read every gauge once."""
        for name, text, value in self._read():
            yield GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)


def label_of(kind: str) -> str:
    """The label of a finding's type: one of ours in any case, or `OTHER_TYPE`."""
    name = kind.upper()
    return name if name in FINDING_TYPES else OTHER_TYPE
