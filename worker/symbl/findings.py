"""What a host's Conversation API says was said and found in a conversation, as events like those of a socket. Pure.

Read are the answers of ``/v1/conversations/{id}/messages``, ``/insights``, ``/topics``, ``/trackers`` and
``/entities``. Questions, action items and follow-ups have paths of their own, too, but a follow-up's confidence is an
integer there. Offsets of messages count from the first sentence of the conversation, not of a socket's audio.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias, TypeVar

import orjson

from worker.records import InsightKind
from worker.symbl.messages import (
    Entities,
    Insights,
    Messages,
    ServerEvent,
    SymblEntity,
    SymblReference,
    SymblTracker,
    Topics,
    Trackers,
    parse,
)

Group = TypeVar("Group", SymblTracker, SymblEntity)
Finding: TypeAlias = Messages | Insights | Topics | Trackers | Entities
FindingKind: TypeAlias = Literal["message"] | InsightKind

PATHS: Final[dict[FindingKind, str]] = {
    "message": "messages",
    "question": "insights",
    "action_item": "insights",
    "follow_up": "insights",
    "topic": "topics",
    "tracker": "trackers",
    "entity": "entities",
}
"""Where each kind is read, below a conversation."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What could be read.

    Args:
        failed: why that is not all; None when it is. One word, without content.
    """

    events: tuple[Finding, ...] = field(default=(), repr=False)
    failed: str | None = None


def parse_findings(path: str, body: bytes) -> Finding | None:
    """Read one answer. Never raises; None when it is not of the documented form.

    Args:
        path: the last part of what was asked for, such as ``topics``.
    """
    try:
        document = orjson.loads(body)
    except ValueError:
        return None
    # Trackers are an array of their own at most hosts.
    elements = document.get(path) if isinstance(document, dict) else document if path == "trackers" else None
    if not isinstance(elements, list):
        return None
    kind, member, convert = _FRAMES[path]
    converted = [convert(each) if isinstance(each, dict) else None for each in elements]
    event: ServerEvent = parse(orjson.dumps({"type": kind, member: converted}))
    return event if isinstance(event, Finding) else None


def findings_about(events: Iterable[Finding], message_id: str) -> Iterator[Finding]:
    """The part of the findings that refers to one message, event by event.

    Matches of trackers and entities are told in all messages at once; here those in this message are left.
    """
    for event in events:
        match event:
            case Insights():
                insights = tuple(each for each in event.insights if each.message_id == message_id)
                yield replace(event, insights=insights)
            case Topics():
                yield replace(event, topics=tuple(each for each in event.topics if message_id in each.message_ids))
            case Trackers():
                yield replace(event, trackers=tuple(_about(event.trackers, message_id)))
            case Entities():
                yield replace(event, entities=tuple(_about(event.entities, message_id)))


def _about(groups: Iterable[Group], message_id: str) -> Iterator[Group]:
    """Of groups of matches what refers to a message."""
    for group in groups:
        matches = tuple(
            replace(match, message_refs=here)
            for match in group.matches
            if (here := _here(match.message_refs, message_id))
        )
        if matches:
            yield replace(group, matches=matches)


def _here(references: Iterable[SymblReference], message_id: str) -> tuple[SymblReference, ...]:
    return tuple(each for each in references if each.id == message_id)


# --- from the members of the API to those of the wire ----------------------------------------------------------------

_Json: TypeAlias = dict[str, Any]


def _message(element: _Json) -> _Json:
    times = {name: element.get(name) for name in ("startTime", "endTime", "timeOffset", "duration")}
    return {**element, "payload": {"content": element.get("text")}, "duration": times}


def _insight(element: _Json) -> _Json:
    ids = element.get("messageIds")
    due_by = element.get("dueBy")
    return {
        **element,
        "payload": {"content": element.get("text")},
        "confidence": element.get("score"),
        "messageReference": {"id": ids[0]} if isinstance(ids, list) and ids else None,
        "dueBy": {"value": due_by} if isinstance(due_by, str) else due_by,
    }


def _topic(element: _Json) -> _Json:
    ids = element.get("messageIds")
    return {
        **element,
        "phrases": element.get("text"),
        "messageReferences": [{"id": each} for each in ids] if isinstance(ids, list) else [],
    }


def _tracker(element: _Json) -> _Json:
    return element


def _entity(element: _Json) -> _Json:
    if "matches" in element:
        return element
    # The form of 2022: one element per value.
    value = element.get("value") if isinstance(element.get("value"), str) else element.get("text")
    return {**element, "matches": [{"detectedValue": value, "messageRefs": element.get("messageRefs")}]}


_FRAMES: Final = {
    "messages": ("message_response", "messages", _message),
    "insights": ("insight_response", "insights", _insight),
    "topics": ("topic_response", "topics", _topic),
    "trackers": ("tracker_response", "trackers", _tracker),
    "entities": ("entity_response", "entities", _entity),
}
