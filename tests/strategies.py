"""Hypothesis strategies for the values that flow through the worker."""

from __future__ import annotations

import uuid
from typing import TypeVar

from hypothesis import strategies as st

from worker.records import (
    Caption,
    Coordinates,
    DeadLetter,
    Finding,
    FindingSource,
    InputRecord,
    Insight,
    InsightKind,
    LifeCycle,
    LifeCycleEvent,
    Masked,
    Origin,
    Output,
    Reason,
    RedactedMessage,
    Sentiment,
    Speaker,
    TimedWord,
    Trace,
    TrackerMatch,
    Transcript,
)

_T = TypeVar("_T")

KINDS: tuple[InsightKind, ...] = ("question", "action_item", "follow_up", "topic", "tracker", "entity")
SOURCES: tuple[FindingSource, ...] = ("worker", "symbl", "both")
_STREAM_ALPHABET = "ABCxyz019._-"
_MAX_LONG = 2**63 - 1


def maybe(strategy: st.SearchStrategy[_T]) -> st.SearchStrategy[_T | None]:
    """None or a value."""
    return st.none() | strategy


# Any text that can come out of UTF-8: everything but surrogates.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
conversation_ids = names
streams = st.text(_STREAM_ALPHABET, min_size=1, max_size=64)
topics = st.text(_STREAM_ALPHABET, min_size=1, max_size=249).filter(lambda name: name not in {".", ".."})
uuids = st.uuids().map(str)
counts = st.integers(0, _MAX_LONG)
partitions = st.integers(0, 2**31 - 1)
ratios = st.floats(-1, 1)

coordinates = st.builds(
    Coordinates, topic=topics, partition=partitions, offset=counts, timestamp_ms=st.integers(-1, _MAX_LONG)
)
input_records = st.builds(
    InputRecord,
    coordinates=coordinates,
    key=maybe(st.binary(max_size=40)),
    value=maybe(st.binary(max_size=200)),
    headers=st.lists(st.tuples(texts, st.binary(max_size=40)), max_size=4).map(tuple),
)
traces = st.builds(
    Trace,
    traceparent=st.builds(
        lambda trace, span: f"00-{trace:032x}-{span:016x}-01", st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1)
    ),
    tracestate=maybe(st.just("vendor=value")),
)
speakers = st.builds(Speaker, user_id=maybe(texts), name=maybe(texts), email=maybe(st.just("someone@example.com")))
sentiments = st.builds(Sentiment, score=ratios, label=st.sampled_from(["negative", "neutral", "positive"]))


@st.composite
def origins(draw: st.DrawFn) -> Origin:
    """Origins whose ends are not before their starts."""
    start_ms, end_ms = sorted((draw(counts), draw(counts)))
    first_offset, last_offset = sorted((draw(counts), draw(counts)))
    return Origin(
        id=draw(uuids),
        conversation_id=draw(conversation_ids),
        stream=draw(streams),
        symbl_conversation_id=draw(maybe(names)),
        sequence=draw(counts),
        start_ms=start_ms,
        end_ms=end_ms,
        topic=draw(topics),
        partition=draw(partitions),
        first_offset=first_offset,
        last_offset=last_offset,
        speaker=draw(maybe(speakers)),
        trace=draw(maybe(traces)),
    )


@st.composite
def masked(draw: st.DrawFn) -> Masked:
    """Texts whose findings lie exactly where their masks are; None findings when redaction is off."""
    if draw(st.booleans()):
        return Masked(draw(texts), None)
    text = draw(texts)
    policy = draw(st.sampled_from(["1", "2:00ab12ff"]))
    findings = []
    for kind in draw(st.lists(st.sampled_from(["PHONE_NUMBER", "PERSON_NAME"]), max_size=3)):
        mask = f"[{kind}]"
        findings.append(Finding(kind, len(text), len(text) + len(mask), draw(st.sampled_from(SOURCES))))
        text += mask + draw(texts)
    return Masked(text, tuple(findings), policy)


transcripts = st.builds(
    Transcript,
    origin=origins(),
    symbl_message_id=names,
    text=texts,
    words=st.lists(st.builds(TimedWord, text=texts, start_ms=counts, end_ms=counts), max_size=3).map(tuple),
    sentiment=maybe(sentiments),
)
redacted_messages = st.builds(
    RedactedMessage, origin=origins(), symbl_message_id=names, masked=masked(), sentiment=maybe(sentiments)
)


@st.composite
def insights(draw: st.DrawFn) -> Insight:
    """Insights of all kinds, each with what its kind needs."""
    kind = draw(st.sampled_from(KINDS))
    matches = st.builds(TrackerMatch, value=texts, message_id=maybe(uuids), offset=maybe(counts))
    return Insight(
        origin=draw(origins()),
        kind=kind,
        symbl_insight_id=draw(maybe(names)),
        masked=draw(masked()),
        confidence=draw(maybe(ratios)),
        assignee=draw(maybe(speakers)),
        due_by=draw(maybe(texts)),
        message_ids=tuple(draw(st.lists(uuids, max_size=3))),
        topic_score=draw(maybe(ratios)) if kind == "topic" else None,
        topic_root_words=tuple(draw(st.lists(texts, max_size=3))) if kind == "topic" else (),
        tracker_name=draw(names) if kind == "tracker" else None,
        tracker_matches=tuple(draw(st.lists(matches, max_size=3))) if kind == "tracker" else (),
        entity_type=draw(names) if kind == "entity" else None,
        entity_sub_type=draw(maybe(names)) if kind == "entity" else None,
        entity_category=draw(maybe(names)) if kind == "entity" else None,
    )


captions = st.builds(
    Caption,
    conversation_id=conversation_ids,
    stream=streams,
    speaker=maybe(speakers),
    text=texts,
    revision=counts,
    start_ms=counts,
    redaction=st.sampled_from(["off", "masked", "clean"]),
)


@st.composite
def life_cycles(draw: st.DrawFn) -> LifeCycle:
    """Life-cycle records of all events, each with its own detail."""
    event = draw(st.sampled_from(list(LifeCycleEvent)))
    members: dict[LifeCycleEvent, list[str]] = {
        LifeCycleEvent.STARTED: [],
        LifeCycleEvent.RESUMED: ["replayed_ms"],
        LifeCycleEvent.GAP: ["start_ms", "end_ms", "missing_records"],
        LifeCycleEvent.FAILED: ["attempts"],
        LifeCycleEvent.ENDED: ["messages", "insights", "audio_ms", "billed_ms", "gaps", "reconnects"],
    }
    detail: dict[str, object] = {member: draw(counts) for member in members[event]}
    reason = draw(maybe(names))
    if event is LifeCycleEvent.ENDED:
        reason = draw(st.sampled_from(["end", "idle", "max_age", "failed"]))
        detail["streams"] = [
            {"stream": stream} | {member: draw(counts) for member in members[event]}
            for stream in draw(st.lists(streams, max_size=2))
        ]
    return LifeCycle(
        id=draw(uuids),
        conversation_id=draw(conversation_ids),
        event=event,
        sequence=draw(counts),
        stream=draw(maybe(streams)),
        symbl_conversation_id=draw(maybe(names)),
        reason=reason,
        detail=detail,
        trace=draw(maybe(traces)),
    )


dead_letters = st.builds(
    DeadLetter,
    record=input_records,
    reason=st.sampled_from(Reason),
    detail=texts,
    conversation_id=maybe(conversation_ids),
    stream=maybe(texts),
    event=maybe(texts),
)

outputs: st.SearchStrategy[Output] = st.one_of(
    transcripts, redacted_messages, insights(), captions, life_cycles(), dead_letters
)

result_id_parts = st.fixed_dictionaries(
    {
        "topic": topics,
        "partition": partitions,
        "conversation_id": conversation_ids,
        "stream": maybe(streams),
        "opened_offset": counts,
        "kind": st.sampled_from(["transcript", "message", "insight", "conversation"]),
        "sequence": counts,
    }
)


def same_uuid(text: str) -> bool:
    """Whether the text is a UUID in its usual spelling."""
    return str(uuid.UUID(text)) == text
