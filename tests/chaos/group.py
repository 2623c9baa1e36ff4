"""What Kafka itself says about the run: who has which partition, which node coordinates, which replicas are in sync."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from tests.chaos.redials import Owners

ASK_SECONDS = 5.0
REMOVE_SECONDS = 60.0


class Group:
    """The workers' consumer group, seen from outside. All methods block.

    Args:
        topic: The input topic.
    """

    def __init__(self, bootstrap_servers: str, group_id: str, topic: str) -> None:
        self._settings: dict[str, str | int | float | bool] = {
            "bootstrap.servers": bootstrap_servers,
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,
        }
        self._admin = AdminClient(self._settings)
        self._group_id = group_id
        self._topic = topic

    def owners(self) -> Owners | None:
        """Partition to static membership id; None while the group is being rebalanced, or nobody can say."""
        described = self._describe()
        if described is None or described.state != ConsumerGroupState.STABLE:
            return None
        return {
            each.partition: member.group_instance_id or member.member_id
            for member in described.members
            for each in member.assignment.topic_partitions
            if each.topic == self._topic
        }

    def coordinator(self) -> int | None:
        """Id of the node that coordinates the group; None when nobody can say."""
        described = self._describe()
        return None if described is None or described.coordinator is None else int(described.coordinator.id)

    def in_sync(self) -> bool:
        """Whether every partition of every topic has a leader and all its replicas."""
        try:
            topics = self._admin.list_topics(timeout=ASK_SECONDS).topics.values()
        except KafkaException:
            return False
        return all(
            each.leader >= 0 and len(each.isrs) == len(each.replicas)
            for topic in topics
            for each in topic.partitions.values()
        )

    def remove(self, topics: Sequence[str]) -> None:
        """Delete these topics, and the group when its static members have timed out. Failures are of no consequence."""
        for future in self._admin.delete_topics(list(topics), operation_timeout=REMOVE_SECONDS).values():
            with contextlib.suppress(KafkaException):
                future.result(REMOVE_SECONDS)
        deadline = time.monotonic() + REMOVE_SECONDS
        while time.monotonic() < deadline:
            try:
                self._admin.delete_consumer_groups([self._group_id])[self._group_id].result(REMOVE_SECONDS)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.NON_EMPTY_GROUP:
                    return
                time.sleep(1.0)
            else:
                return

    def _describe(self) -> Any:
        """What Kafka says of the group; None when it cannot say."""
        futures = self._admin.describe_consumer_groups([self._group_id], request_timeout=ASK_SECONDS)
        try:
            return futures[self._group_id].result(2 * ASK_SECONDS)
        except (KafkaException, TimeoutError):
            # It may hold on to a node that is gone.
            self._admin = AdminClient(self._settings)
            return None
