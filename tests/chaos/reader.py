"""Reads what is published, with a client of another family than the worker's: librdkafka, committed records only."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from tests.chaos.life import Life
from tests.chaos.verdict import Result
from tests.contracts import validate_record

KINDS = ("transcripts", "redacted", "insights", "conversations", "dead_letters")
RESULTS = ("transcripts", "redacted", "insights")
COUNT_SECONDS = 120.0
BATCH = 500


@dataclass
class Seen:
    """Everything that was read, in the order of each partition."""

    results: dict[str, list[Result]] = field(default_factory=lambda: {kind: [] for kind in RESULTS})
    life: list[Life] = field(default_factory=list)
    dead_letters: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """Records by kind."""
    repeats: Counter[str] = field(default_factory=Counter)
    """Records by kind whose id was there before, whatever else is in them."""
    _ids: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})

    def add(self, kind: str, value: bytes, published_ms: int, read_ms: int) -> None:
        """Take one record. One that breaks its schema is kept as such."""
        self.counts[kind] += 1
        try:
            validate_record(kind, value)
        except AssertionError as error:
            self.invalid.append(f"{kind}: {error}")
            return
        record: dict[str, Any] = json.loads(value)
        self.repeats[kind] += record["id"] in self._ids[kind]
        self._ids[kind].add(record["id"])
        if kind == "dead_letters":
            self.dead_letters.append(record["reason"])
        elif kind == "conversations":
            self.life.append(
                Life(
                    id=record["id"],
                    conversation_id=record["conversation_id"],
                    stream=record["stream"],
                    event=record["event"],
                    published_ms=published_ms,
                    reason=record["reason"],
                    recovered=(record["detail"].get("owed") or {}).get("recovered", 0),
                )
            )
        else:
            self.results[kind].append(
                Result(
                    conversation_id=record["conversation_id"],
                    stream=record["stream"],
                    id=record["id"],
                    sequence=record["sequence"],
                    start_ms=record["audio"]["start_ms"],
                    text=record["text"],
                    read_ms=read_ms,
                    kind=record.get("kind"),
                )
            )

    def problems(self, *, repeats_allowed: bool) -> list[str]:
        """Dead letters, records that break their schema, and ids that were seen more than once."""
        repeats = {} if repeats_allowed else +self.repeats
        return [
            *(f"{number} dead letters: {reason}" for reason, number in sorted(Counter(self.dead_letters).items())),
            *(f"a record breaks its schema: {place}" for place in self.invalid),
            *(f"{number} records of {kind} have an id that was there before" for kind, number in repeats.items()),
        ]

    def write(self, path: Path) -> None:
        """Write everything as lines of JSON, for whoever looks for the cause of a verdict."""
        records: dict[str, Sequence[Result | Life]] = {**self.results, "conversations": self.life}
        lines = [json.dumps({"topic": kind, **asdict(each)}) for kind, found in records.items() for each in found]
        path.write_text("\n".join(lines), encoding="utf-8")

    def ended(self) -> set[str]:
        """Conversations that have ended."""
        return {life.conversation_id for life in self.life if life.event == "ended"}


class Reader:
    """A thread that reads the output topics from their beginning.

    Args:
        topics: name of the topic by kind, for each of `KINDS`.
    """

    def __init__(self, bootstrap_servers: str, topics: Mapping[str, str], partitions: int) -> None:
        self.seen = Seen()
        self._kinds = {topics[kind]: kind for kind in KINDS}
        self._partitions = partitions
        self._bootstrap_servers = bootstrap_servers
        self._stop = threading.Event()
        self._ends: dict[tuple[str, int], float] = {}
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="chaos-reader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(10)

    def is_at_the_end_since(self, moment: float) -> bool:
        """Whether every partition had nothing more at some time after this moment (monotonic clock).

        Raises:
            RuntimeError: reading has failed for good.
        """
        if self._error is not None:
            raise RuntimeError("the reader has failed") from self._error
        everywhere = len(self._ends) == len(self._kinds) * self._partitions
        return everywhere and all(at > moment for at in self._ends.values())

    def count_uncommitted(self) -> Counter[str]:
        """Records by kind as a read_uncommitted reader sees them now, those of aborted transactions included. Blocks.

        Raises:
            RuntimeError: It takes too long.
        """
        found: Counter[str] = Counter()
        ends: set[tuple[str, int]] = set()
        deadline = time.monotonic() + COUNT_SECONDS
        for (topic, partition), record in self._records("read_uncommitted"):
            if record is None:
                ends.add((topic, partition))
                if len(ends) == len(self._kinds) * self._partitions:
                    break
            else:
                found[self._kinds[topic]] += 1
            if time.monotonic() > deadline:
                raise RuntimeError("uncommitted records could not be counted in time")
        return found

    def _run(self) -> None:
        try:
            for (topic, partition), record in self._records("read_committed"):
                if record is None:
                    self._ends[topic, partition] = time.monotonic()
                    continue
                self._ends.pop((topic, partition), None)
                value = record.value()
                assert value is not None, "only the state topic has records without a value"
                self.seen.add(self._kinds[topic], value, record.timestamp()[1], int(time.time() * 1000))
        except BaseException as error:
            self._error = error

    def _records(self, isolation: str) -> Iterator[tuple[tuple[str, int], Any]]:
        """Topic and partition with a record, or with None where there is nothing more for now; until stopped."""
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "group.id": "chaos-reader",
                "enable.auto.commit": False,
                "isolation.level": isolation,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,
                "reconnect.backoff.max.ms": 1000,
                "log_level": 0,
            }
        )
        try:
            consumer.assign(
                [TopicPartition(topic, each, 0) for topic in self._kinds for each in range(self._partitions)]
            )
            while not self._stop.is_set():
                for record in consumer.consume(BATCH, 0.1):
                    topic, partition, error = record.topic(), record.partition(), record.error()
                    assert topic is not None
                    assert partition is not None
                    if error is None:
                        yield (topic, partition), record
                    elif error.code() == KafkaError._PARTITION_EOF:
                        yield (topic, partition), None
                    elif error.fatal():
                        raise RuntimeError(str(error))
        finally:
            consumer.close()
