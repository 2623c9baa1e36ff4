"""A partition with a subscription, on a scripted host. Its batches are safe when the test says so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from tests.contracts import check
from worker.records import Caption, Coordinates, DeadLetter, InputRecord, LifeCycle, Output, Transcript
from worker.sessions.lane import Lane
from worker.sessions.owed import OwedRequest
from worker.sessions.policy import ConversationPolicy
from worker.sessions.session import SessionPolicy
from worker.sessions.state import load_record
from worker.sessions.subscription import Served, Subscription
from worker.symbl.findings import Findings, parse_findings

EPOCH_MS = 1_800_000_000_000
SYMBL_ID = "6302914471038976"
POLICY = ConversationPolicy(
    session=SessionPolicy(start_timeout_seconds=10.0, max_refusals=3, caption_interval_seconds=None),
    idle_seconds=300.0,
    max_age_seconds=3_600.0,
)


def iso(ms: int) -> str:
    """A time of the host, so many ms after the beginning."""
    return datetime.fromtimestamp((EPOCH_MS + ms) / 1000, UTC).isoformat().replace("+00:00", "Z")


def enveloped(kind: str, **members: object) -> str:
    return orjson.dumps({"type": "message", "message": {"type": kind, **members}}).decode()


def named(kind: str = "subscription_started", symbl_id: str = SYMBL_ID) -> str:
    return enveloped(kind, data={"conversationId": symbl_id})


def user(name: str) -> dict[str, str]:
    return {"id": f"id-{name}", "userId": f"{name}@example.com", "name": name.title()}


def said(number: int, text: str | None = None, speaker: str = "ada") -> dict[str, Any]:
    """A message as the Conversation API tells it; they follow each other by the second."""
    return {
        "id": f"m{number}",
        "text": f"point {number}" if text is None else text,
        "from": user(speaker),
        "startTime": iso(number * 1000),
        "endTime": iso(number * 1000 + 800),
        "timeOffset": number,
        "duration": 0.8,
        "conversationId": SYMBL_ID,
    }


def spoken(*messages: dict[str, Any]) -> str:
    """The same messages on a socket."""
    frames = [
        {
            "id": each["id"],
            "from": each["from"],
            "payload": {"content": each["text"]},
            "duration": {name: each[name] for name in ("startTime", "timeOffset", "duration")},
        }
        for each in messages
    ]
    return orjson.dumps({"type": "message_response", "messages": frames}).decode()


def question(number: int, message: int) -> str:
    insight = {
        "id": f"i{number}",
        "type": "question",
        "payload": {"content": f"question {number}"},
        "from": user("ada"),
        "messageReference": {"id": f"m{message}"},
    }
    return orjson.dumps({"type": "insight_response", "insights": [insight]}).decode()


def kept(*messages: dict[str, Any]) -> Findings:
    """What the host's Conversation API says."""
    found = parse_findings("messages", orjson.dumps({"messages": messages}))
    assert found is not None
    return Findings((found,))


class Desk:
    """One partition whose batches are safe when ``publish`` says so; a crash forgets what is not."""

    def __init__(self, policy: ConversationPolicy = POLICY) -> None:
        self.now = 100.0
        self.policy = policy
        self.offset = -1
        self.committed = 0
        self.records: list[InputRecord] = []
        self.states: dict[bytes, bytes | None] = {}
        self.visible: list[Output] = []
        self.captions: list[Caption] = []
        self.take_over()

    def take_over(self, wall_ms: int | None = None) -> None:
        """Begin, or go on after a crash: what was read and is not committed is read again."""
        self.served: list[Served] = []
        self.requests: list[OwedRequest] = []
        self.lane = Lane(
            topic="audio",
            partition=0,
            position=self.committed,
            policy=self.policy,
            on_session=self.served.append,
            on_owed=self.requests.append,
        )
        self.lane.book.on_caption = self.captions.append
        self.lane.restore([load_record(value) for value in self.states.values() if value], self.now, wall_ms=wall_ms)
        for record in self.records:
            if record.coordinates.offset >= self.committed:
                self.lane.receive(record, self.now)

    def send(self, value: bytes, **headers: str) -> None:
        self.offset += 1
        coordinates = Coordinates("audio", 0, self.offset, EPOCH_MS)
        encoded = tuple((name, text.encode()) for name, text in headers.items())
        self.records.append(InputRecord(coordinates=coordinates, key=b"meeting", value=value, headers=encoded))
        self.lane.receive(self.records[-1], self.now)

    def subscribe(self, connection_id: str = "room", stream: str = "0", **members: object) -> None:
        value = orjson.dumps({"connection_id": connection_id, **members})
        self.send(value, event="subscribe", stream=stream)

    def publish(self) -> None:
        self.lane.tick(self.now)
        batch = self.lane.take_batch()
        self.visible += batch.outputs
        self.states.update(batch.states)
        self.committed = batch.position
        self.lane.committed(batch.position)

    @property
    def subscription(self) -> Subscription:
        return next(each for each in reversed(self.served) if isinstance(each, Subscription))

    def open(self, *frames: str) -> None:
        self.subscription.connection_opened(self.now)
        self.hear(*frames)

    def hear(self, *frames: str) -> None:
        for frame in frames:
            self.subscription.receive_frame(frame, self.now)

    def answer(self, findings: Findings) -> None:
        self.requests[-1].answer(findings)

    def follow(self) -> None:
        """Subscribe, and come to where the past is read."""
        self.subscribe()
        self.open(named())
        self.answer(kept())

    def fall_silent(self) -> None:
        """A socket on which nothing comes."""
        self.subscription.connection_opened(self.now)
        due = self.subscription.next_deadline(self.now)
        assert due is not None
        self.now = due
        self.subscription.tick(self.now)
        assert self.subscription.wants_close
        self.subscription.connection_closed(None, self.now)

    # --- what was published ---

    def texts(self) -> list[str]:
        return [each.text for each in self.visible if isinstance(each, Transcript)]

    def life(self) -> list[tuple[str, str | None]]:
        return [(each.event.value, each.reason) for each in self.visible if isinstance(each, LifeCycle)]

    def letters(self) -> list[DeadLetter]:
        return [each for each in self.visible if isinstance(each, DeadLetter)]

    @property
    def ended(self) -> LifeCycle:
        (record,) = (each for each in self.visible if isinstance(each, LifeCycle) and each.event == "ended")
        names = ("id", "conversation_id", "event", "sequence", "stream", "symbl_conversation_id", "reason", "detail")
        check("conversations.json", orjson.loads(orjson.dumps({name: getattr(record, name) for name in names})))
        return record
