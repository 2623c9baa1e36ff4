"""Reads what is published as a careful consumer does, committed records only, and notes when it had what.

Of another client family than the worker's: librdkafka. Records are looked at after the measurement.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from confluent_kafka import Consumer, TopicPartition

from tests.chaos.reader import KINDS, Seen


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record as it was read; times in ms since the epoch.

    Args:
        decided_ms: When the worker took it into a batch (``ce_time``).
    """

    kind: str
    value: bytes = field(repr=False)
    published_ms: int
    decided_ms: int
    read_ms: int


class CommittedReader:
    """A thread that reads the output topics from their beginning.

    Args:
        topics: Name of the topic by kind.
    """

    def __init__(self, bootstrap_servers: str, topics: Mapping[str, str], partitions: int) -> None:
        self.arrivals: list[Arrival] = []
        self.ended = 0
        self.ended_ms = 0
        """Conversations that have ended, and when the last of them was read."""
        self._kinds = {topics[kind]: kind for kind in KINDS}
        self._partitions = partitions
        self._bootstrap_servers = bootstrap_servers
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="committed-reader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)

    def check(self) -> None:
        """Raises:
        RuntimeError: Reading has failed.
        """
        if self._error is not None:
            raise RuntimeError("the reader has failed") from self._error

    def seen(self) -> Seen:
        """Everything that was read, held against its schema."""
        seen = Seen()
        for each in self.arrivals:
            seen.add(each.kind, each.value, each.published_ms, each.read_ms)
        return seen

    def _run(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "group.id": "bench-reader",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "log_level": 0,
            }
        )
        try:
            consumer.assign(
                [TopicPartition(topic, each, 0) for topic in self._kinds for each in range(self._partitions)]
            )
            while not self._stop.is_set():
                # One at a time: a batch would be handed over when it is full.
                record = consumer.poll(0.1)
                if record is None:
                    continue
                if record.error() is not None:
                    raise RuntimeError(str(record.error()))
                topic, value = record.topic(), record.value()
                assert topic is not None
                assert value is not None
                read_ms = int(time.time() * 1000)
                decided = dict(record.headers() or ())["ce_time"]
                assert isinstance(decided, bytes)
                decided_ms = int(datetime.fromisoformat(decided.decode()).timestamp() * 1000)
                kind = self._kinds[topic]
                self.arrivals.append(Arrival(kind, value, record.timestamp()[1], decided_ms, read_ms))
                if kind == "conversations" and b'"event":"ended"' in value:
                    self.ended += 1
                    self.ended_ms = read_ms
        except BaseException as error:
            self._error = error
        finally:
            consumer.close()
