"""A lane in operation, with scripted publishing."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

from worker.errors import DeliveryLostError
from worker.intake import owned
from worker.intake.assignment import Committed, read_mark
from worker.intake.owned import LanePolicy, OwnedLane
from worker.metrics import Metrics
from worker.output.events import EventBuilder
from worker.output.publisher import Prepared
from worker.output.topics import Topics
from worker.records import Finding, Masked, Origin, RedactedMessage
from worker.sessions.lane import Lane
from worker.sessions.policy import ConversationPolicy

PARTITION = TopicPartition("symbl.audio", 0)
MESSAGE = RedactedMessage(
    origin=Origin(
        id="1f0c5a3e-6f1b-5a5e-9d67-0a8f5b7d2c11",
        conversation_id="call",
        stream="0",
        symbl_conversation_id=None,
        sequence=0,
        start_ms=0,
        end_ms=1,
        topic=PARTITION.topic,
        partition=0,
        first_offset=0,
        last_offset=0,
        speaker=None,
    ),
    symbl_message_id="m1",
    masked=Masked("it is ****", (Finding("CARD_NUMBER", 6, 10, "both"),)),
)


class Broker:
    """Loses the first transaction, before or after it became visible; the others are safe."""

    def __init__(self, lost: Literal["before", "after"]) -> None:
        self.attempts = 0
        self.visible: list[Prepared] = []
        self._lost = lost

    async def start(self) -> None:
        """Nobody had the partition before."""

    async def publish(self, prepared: Prepared) -> bool:
        self.attempts += 1
        if self.attempts > 1 or self._lost == "after":
            self.visible.append(prepared)
        if self.attempts == 1:
            raise DeliveryLostError("scripted")
        return True

    async def renew(self) -> None:
        """There is always another producer."""

    async def stop(self) -> None:
        """Nothing is open."""

    async def read_committed(self, _: TopicPartition) -> Committed:
        latest = self.visible[-1] if self.visible else None
        return Committed(0, None if latest is None else read_mark(latest.mark))


@pytest.mark.parametrize(("lost", "attempts"), [("before", 2), ("after", 1)])
async def test_what_is_published_is_counted_once(
    monkeypatch: pytest.MonkeyPatch, lost: Literal["before", "after"], attempts: int
) -> None:
    """However many attempts a batch took, and also when only the recovery told that it was safe."""
    monkeypatch.setattr(owned, "OFFSETS_SECONDS", 0.0)
    metrics, broker = Metrics(CollectorRegistry()), Broker(lost)

    async def heard_after(_: float) -> None:
        assert counted() == 0, "counted before it was safe"

    def counted() -> float | None:
        labels = {"type": "CARD_NUMBER", "source": "both"}
        return metrics.registry.get_sample_value("symbl_worker_redaction_findings_total", labels)

    contact: Any = SimpleNamespace(heard_after=heard_after, is_fresh=True)
    lane = OwnedLane(
        PARTITION,
        policy=LanePolicy(state_topic="symbl.state", commit_interval_seconds=0.01),
        publisher=broker,
        events=EventBuilder(Topics(), "/test"),
        before=Committed(0, None),
        contact=contact,
        read_committed=broker.read_committed,
        make_runner=lambda *_: pytest.fail("no session was opened"),
        on_taken=lambda _: pytest.fail("nobody took the partition"),
        metrics=metrics,
    )
    inside = Lane(
        topic=PARTITION.topic, partition=0, position=0, policy=ConversationPolicy(), on_session=lambda _: None
    )
    inside.book.say(MESSAGE)
    lane.begin(inside)
    async with asyncio.timeout(30):
        while not counted():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    await lane.hand_over()
    assert broker.attempts == attempts
    assert [len(each.results) for each in broker.visible] == [1]
    assert counted() == 1
