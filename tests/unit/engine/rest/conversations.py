"""Conversations as the engine would have kept them: every body is made by the code that makes it in real life."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from worker.engine.analysis import AnalysisRequest, Analyst, SpeakerRef, TrackerDefinition, Word, entities_as_json
from worker.engine.messages import AudioSpan, Frame, Message
from worker.engine.rest.spoken import SpokenMessage, read_messages
from worker.engine.store.model import ItemRecord, Kind, MemberRecord

BASE_MS = 1_780_000_000_000
EVERYTHING = AnalysisRequest(
    insight_types=frozenset(("question", "action_item", "follow_up", "topic")),
    trackers=(
        TrackerDefinition("4476908732794496", "Pricing", ("price", "what is the price", "subscription")),
        TrackerDefinition(None, "Complaint", ("not happy",)),
    ),
    detect_entities=True,
    sentiment=True,
)


@dataclass
class Kept:
    """A conversation in the store."""

    members: list[MemberRecord]
    items: dict[Kind, list[ItemRecord]] = field(default_factory=dict)

    def of(self, kind: Kind) -> list[ItemRecord]:
        return self.items.get(kind, [])

    @property
    def spoken(self) -> list[SpokenMessage]:
        return read_messages(self.of("message"), self.members)


def member(name: str) -> MemberRecord:
    return MemberRecord(id=f"id-of-{name}", name=name, user_id=f"{name.lower()}@example.com")


def keep(
    lines: Sequence[tuple[str, float, float, str]],
    *,
    request: AnalysisRequest = EVERYTHING,
    topics_after: int = 1000,
) -> Kept:
    """Lines are (speaker's name, seconds from, seconds to, text)."""
    members = {name: member(name) for name, *_ in lines}
    numbers = itertools.count()
    made = map("made-{}".format, itertools.count())
    analyst = Analyst(request, made.__next__)
    kept = Kept(list(members.values()))

    def add(kind: Kind, body: Frame) -> None:
        key = str(body.get("id") or f"{kind}-{next(numbers)}")
        kept.items.setdefault(kind, []).append(ItemRecord(kind=kind, id=key, ordinal=next(numbers), body=body))

    for number, (name, start, end, text) in enumerate(lines):
        speaker = SpeakerRef(members[name].id, members[name].name, members[name].user_id)
        span = AudioSpan.of(start, end, BASE_MS)
        message_id = f"message-{number}"
        found = analyst.message(message_id, speaker, text, datetime.fromtimestamp(BASE_MS / 1000 + start, UTC))
        parts = text.split()
        step = (end - start) / len(parts)
        words = [Word(part, start + at * step, start + (at + 1) * step, 0.875) for at, part in enumerate(parts)]
        message = Message(
            id=message_id,
            speaker=speaker.as_json(),
            content=text,
            original_content=text,
            words=words,
            span=span,
            sentiment=found.sentiment.as_json() if found.sentiment else None,
        )
        add("message", message.as_json())
        for tracker in found.trackers:
            add("tracker", dict(tracker.as_json()))
        for insight in found.insights:
            add("insight", dict(insight.as_json()))
        times = {"start_time": span.start_time, "end_time": span.end_time}
        for entity in entities_as_json(found.entities, message_id=message_id, text=text, **times):
            add("entity", dict(entity))
        if number % topics_after == topics_after - 1:
            for topic in analyst.topics():
                add("topic", dict(topic.as_json()))
    for topic in analyst.topics():
        add("topic", dict(topic.as_json()))
    return kept


CALL = keep(
    [
        ("Ines", 1.0, 4.0, "Good morning this is Ines from the billing team"),
        ("Omar", 4.5, 7.5, "What is the price of the annual subscription?"),
        ("Ines", 7.25, 11.0, "The annual subscription is great and costs 200 dollars"),
        ("Omar", 12.0, 14.0, "I am not happy with the old billing plan"),
        ("Ines", 14.5, 17.0, "I will send Omar the new billing plan by Friday."),
        ("Ines", 17.5, 20.0, "Let us schedule a call with Omar tomorrow about the annual billing plan."),
        ("Omar", 20.5, 22.0, "That is wonderful, thank you very much"),
    ],
    topics_after=2,
)
