"""Reads what is published, with a client of another family than the worker's: librdkafka, committed records only."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from tests.chaos.verdict import Result
from tests.contracts import validate_record

KINDS = ("transcripts", "redacted", "insights", "conversations", "dead_letters")
RESULTS = ("transcripts", "redacted", "insights")


@dataclass
class Life:
    """A record of the topic of conversations."""

    id: str
    conversation_id: str
    stream: str | None
    event: str
    published_ms: int
    reason: str | None


@dataclass
class Seen:
    """Everything that was read, in the order of each partition."""

    results: dict[str, list[Result]] = field(default_factory=lambda: {kind: [] for kind in RESULTS})
    life: list[Life] = field(default_factory=list)
    dead_letters: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)

    def add(self, kind: str, value: bytes, published_ms: int) -> None:
        """Take one record. One that breaks its schema is kept as such."""
        try:
            validate_record(kind, value)
        except AssertionError as error:
            self.invalid.append(f"{kind}: {error}")
            return
        record: dict[str, Any] = json.loads(value)
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
                    published_ms=published_ms,
                    kind=record.get("kind"),
                )
            )

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
        self._settings = {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "chaos-reader",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 100,
            "reconnect.backoff.max.ms": 1000,
            "log_level": 0,
        }
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

    def _run(self) -> None:
        try:
            self._read()
        except BaseException as error:
            self._error = error

    def _read(self) -> None:
        consumer = Consumer(self._settings)
        try:
            consumer.assign(
                [TopicPartition(topic, each, 0) for topic in self._kinds for each in range(self._partitions)]
            )
            while not self._stop.is_set():
                record = consumer.poll(0.2)
                if record is None:
                    continue
                topic, partition, value, error = record.topic(), record.partition(), record.value(), record.error()
                assert topic is not None
                assert partition is not None
                if error is None:
                    self._ends.pop((topic, partition), None)
                    assert value is not None, "only the state topic has records without a value"
                    self.seen.add(self._kinds[topic], value, record.timestamp()[1])
                elif error.code() == KafkaError._PARTITION_EOF:
                    self._ends[topic, partition] = time.monotonic()
                elif error.fatal():
                    raise RuntimeError(str(error))
        finally:
            consumer.close()
