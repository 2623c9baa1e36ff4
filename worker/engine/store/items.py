"""What of a server message is kept. Pure.

Messages and insights have ids of their own. A tracker result is told from others by its tracker's name, the matched
phrases, the messages and the places in them, an entity result likewise; a detected topic by its words, because it comes
again, with a new id, when it has grown, and then replaces what it was.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.engine.store.model import Kind

_CLEAR_MEMBERS = frozenset(("value", "text", "detectedValue"))
_NAMESPACE = uuid.UUID("3c2d57a1-51f1-4a4e-9a6c-6f6a4b7b7e5d")


@dataclass(frozen=True, slots=True)
class Kept:
    """One element of a server message; ``id`` is the same whenever the same element comes again."""

    kind: Kind
    id: str
    body: Mapping[str, Any] = field(repr=False)


def kept_of(frame: Mapping[str, Any], *, redacted: bool) -> list[Kept]:
    """The elements of a flat server message that are kept, in their order; none of any other message.

    Args:
        redacted: Leave out the clear values that stand next to masked texts.
    """
    match frame:
        case {"type": "message_response", "messages": elements}:
            return [Kept("message", each["id"], _without_values(each) if redacted else each) for each in elements]
        case {"type": "insight_response", "insights": elements}:
            return [Kept("insight", each["id"], each) for each in elements]
        case {"type": "topic_response", "topics": elements}:
            return [Kept("topic", _id((each["phrases"].casefold(),)), each) for each in elements]
        case {"type": "tracker_response", "isFinal": True, "trackers": elements}:
            return [Kept("tracker", _tracker_id(each), each) for each in elements]
        case {"type": "entity_response", "entities": elements}:
            return [Kept("entity", _entity_id(each), each) for each in elements]
    return []


def _without_values(message: Mapping[str, Any]) -> Mapping[str, Any]:
    entities = message.get("entities")
    if not entities:
        return message
    return {
        **message,
        "entities": [{key: each[key] for key in each if key not in _CLEAR_MEMBERS} for each in entities],
    }


def _tracker_id(tracker: Mapping[str, Any]) -> str:
    return _id(
        (
            tracker["name"],
            *(part for match in tracker["matches"] for part in _place(match["value"], match["messageRefs"])),
        )
    )


def _entity_id(entity: Mapping[str, Any]) -> str:
    return _id(
        (
            *(entity["type"], entity["subType"]),
            *(part for match in entity["matches"] for part in _place(match["detectedValue"], match["messageRefs"])),
        )
    )


def _place(value: str, references: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    yield value
    for reference in references:
        yield reference["id"]
        yield str(reference["offset"])


def _id(parts: Iterable[str]) -> str:
    """A digest: it shows nothing of what was said, and lengths keep ``("a", "bc")`` apart from ``("ab", "c")``."""
    return str(uuid.uuid5(_NAMESPACE, "".join(f"{len(part)}:{part}" for part in parts)))
