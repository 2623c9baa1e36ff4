"""What one lane leaves behind is what the next one needs: a crash after any batch loses and repeats nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.property.budget import budget
from worker.records import (
    Coordinates,
    InputRecord,
    Insight,
    InsightType,
    LifeCycle,
    LifeCycleEvent,
    Output,
    Transcript,
)
from worker.sessions.lane import Lane
from worker.sessions.owed import OwedRequest
from worker.sessions.policy import ConversationPolicy
from worker.sessions.session import Session, SessionPolicy
from worker.sessions.state import load_record
from worker.symbl.findings import Findings
from worker.symbl.messages import Insights, SymblInsight, SymblTopic, Topics

SECOND = 32_000
LATE_MESSAGES = 4
"""A host finds something in its latest messages; the state remembers more than that."""
STARTED = {"type": "message", "message": {"type": "recognition_started", "data": {"conversationId": "1"}}}
COMPLETED = {"type": "message", "message": {"type": "conversation_completed"}}
KINDS: tuple[InsightType, ...] = ("question", "action_item", "follow_up", "topic")
OFTEN = ("question", "question", "question", *KINDS)


@dataclass
class Heard:
    """A message of the host.

    Args:
        findings: what the host found in it: kind and id.
    """

    name: str
    findings: list[tuple[InsightType, str]] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    """Ids of findings that went down with a worker."""

    def told(self) -> list[str]:
        return [name for _, name in self.findings if name not in self.lost]


class LaneStateMachine(RuleBasedStateMachine):
    """Messages, findings about earlier messages, batches and crashes in any order; the host repeats itself."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.log: list[InputRecord] = []
        self.committed = 0
        self.states: dict[bytes, bytes] = {}
        self.visible: list[Output] = []
        # The host's messages, by the record that they are about; the visible ones outlive a crash.
        self.heard: list[Heard] = []
        self.safe = 0
        self.names = 0
        self.published: set[str] = set()
        self.take_over()

    # --- the worker ---

    def take_over(self) -> None:
        sessions: list[Any] = []
        policy = ConversationPolicy(session=SessionPolicy(pace=0.0), insight_types=KINDS, detect_entities=False)
        self.lane = Lane(
            topic="audio",
            partition=0,
            position=self.committed,
            policy=policy,
            on_session=sessions.append,
            on_owed=self.answer,
        )
        self.sessions: list[Session] = sessions
        self.lane.restore([load_record(value) for value in self.states.values()], self.now)
        # What was not safe is gone, and recognised anew.
        del self.heard[self.safe :]
        for message in self.heard:
            message.lost |= {name for _, name in message.findings} - self.published
        self.socket_seconds = 0
        for record in self.log[self.safe :]:
            self.listen(record)

    def listen(self, record: InputRecord) -> None:
        """A second of audio, and the host's message about it."""
        self.lane.receive(record, self.now)
        session = self.sessions[0]
        if session.wants_connection:
            session.connection_opened(self.now)
            session.take_frames(self.now)
            self.hear(STARTED)
            self.socket_seconds = 0
        session.tick(self.now + 1)
        session.take_frames(self.now + 1)
        session.frames_sent(self.now + 1)
        self.now += 1
        self.names += 1
        message = Heard(f"m{self.names}")
        self.heard.append(message)
        user = {"userId": "stream-0"}
        result = {"type": "recognition_result", "isFinal": True, "punctuated": {"transcript": "x"}, "user": user}
        self.hear({"type": "message", "message": result})
        said = {
            "id": message.name,
            "payload": {"content": message.name},
            "from": user,
            "duration": {"timeOffset": self.socket_seconds, "duration": 1.0},
        }
        self.hear({"type": "message_response", "messages": [said]})
        self.socket_seconds += 1

    def hear(self, frame: dict[str, Any]) -> None:
        self.sessions[0].receive_frame(orjson.dumps(frame), self.now)
        self.sessions[0].take_frames(self.now)

    # --- what happens ---

    @rule(count=st.integers(1, 3))
    def speak(self, count: int) -> None:
        for _ in range(count):
            offset = len(self.log)
            record = InputRecord(coordinates=Coordinates("audio", 0, offset, 0), key=b"a", value=bytes(SECOND))
            self.log.append(record)
            self.listen(record)

    @precondition(lambda self: self.heard and self.sessions[0].is_listening)
    @rule(ago=st.sampled_from([1, 1, 2, 2, 3, LATE_MESSAGES]), kind=st.sampled_from(OFTEN), again=st.booleans())
    def find(self, ago: int, kind: InsightType, again: bool) -> None:
        message = self.heard[-min(ago, len(self.heard))]
        if not again or not message.findings:
            self.names += 1
            message.findings.append((kind, f"i{self.names}"))
        kind, name = message.findings[-1]
        message.lost.discard(name)
        reference = {"id": message.name}
        if kind == "topic":
            topic = {"id": name, "phrases": "x", "type": "topic", "score": 0.5, "messageReferences": [reference]}
            self.hear({"type": "topic_response", "topics": [topic]})
        else:
            insight = {"id": name, "type": kind, "payload": {"content": "x"}, "messageReference": reference}
            self.hear({"type": "insight_response", "insights": [insight | {"from": {"userId": "stream-0"}}]})

    @rule(crash=st.booleans())
    def publish(self, crash: bool) -> None:
        batch = self.lane.take_batch()
        self.visible += batch.outputs
        for key, value in batch.states:
            assert value is not None
            self.states[key] = value
        self.committed = batch.position
        self.safe = len(self.heard)
        self.published |= {each.symbl_insight_id or "" for each in batch.outputs if isinstance(each, Insight)}
        if crash:
            self.take_over()
        else:
            self.lane.committed(batch.position)
        self.judge()

    def answer(self, request: OwedRequest) -> None:
        """The host is asked at the end what it found: everything, also what it had told."""
        assert set(request.kinds) == set(KINDS)
        events: list[Insights | Topics] = []
        for message in self.heard:
            for kind, name in message.findings:
                if kind == "topic":
                    topic = SymblTopic(phrases="x", id=name, message_ids=(message.name,))
                    events.append(Topics(topics=(topic,)))
                else:
                    insight = SymblInsight(type=kind, text="x", id=name, message_id=message.name)
                    events.append(Insights(insights=(insight,)))
            message.lost.clear()
        request.answer(Findings(tuple(events)))

    @rule()
    def die(self) -> None:
        self.take_over()

    @rule()
    def lose_the_socket(self) -> None:
        if self.sessions:
            self.sessions[0].connection_closed(None, self.now)

    # --- what holds ---

    def judge(self) -> None:
        transcripts = [each for each in self.visible if isinstance(each, Transcript)]
        insights = [each for each in self.visible if isinstance(each, Insight)]
        self.published = {each.symbl_insight_id or "" for each in insights}
        safe = self.heard[: self.safe]
        assert [each.text for each in transcripts] == [each.name for each in safe]
        assert self.committed == self.safe
        told = [name for each in safe for name in each.told()]
        assert sorted(each.symbl_insight_id or "" for each in insights) == sorted(told)
        for published in (transcripts, insights):
            assert [each.origin.sequence for each in published] == list(range(len(published)))
            assert len({each.origin.id for each in published}) == len(published)
        events = [each.event for each in self.visible if isinstance(each, LifeCycle)]
        assert [each for each in events if each is not LifeCycleEvent.RESUMED] == [LifeCycleEvent.STARTED][: self.safe]
        numbers = [each.sequence for each in self.visible if isinstance(each, LifeCycle)]
        assert numbers == list(range(len(numbers)))

    def teardown(self) -> None:
        """The conversation ends: what went down with workers is asked for, and everything is published once."""
        self.publish(False)
        if not self.log:
            return
        offset = len(self.log)
        end = InputRecord(
            coordinates=Coordinates("audio", 0, offset, 0), key=b"a", value=b"", headers=(("event", b"end"),)
        )
        self.lane.receive(end, self.now)
        if self.sessions[0].is_listening:
            self.sessions[0].take_frames(self.now)
            self.hear(COMPLETED)
            self.sessions[0].connection_closed(1000, self.now)
        self.lane.tick(self.now)
        batch = self.lane.take_batch()
        self.visible += batch.outputs
        assert batch.position == offset + 1
        assert isinstance(self.visible.pop(), LifeCycle)
        self.committed = offset
        self.judge()
        insights = {each.symbl_insight_id for each in self.visible if isinstance(each, Insight)}
        assert insights == {name for each in self.heard for _, name in each.findings}


TestLaneState = LaneStateMachine.TestCase
TestLaneState.settings = budget(100, 30)
