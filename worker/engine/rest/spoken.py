"""The messages of a conversation, read from the store: who said what, when. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from worker.engine.store.model import ItemRecord, MemberRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenMessage:
    """One message.

    Args:
        speaker: As the member is called now, which may not be what the message said.
        start_ms: Milliseconds since the epoch, as is ``end_ms``.
        body: As it was sent.
    """

    id: str
    text: str = field(repr=False)
    speaker: MemberRecord
    start_ms: int
    end_ms: int
    body: Mapping[str, Any] = field(repr=False)


def read_messages(items: Iterable[ItemRecord], members: Sequence[MemberRecord]) -> list[SpokenMessage]:
    """The messages in spoken order.

    Args:
        items: Of the kind ``message``.
    """
    known = {member.id: member for member in members}
    spoken = []
    for item in items:
        body = item.body
        duration = body["duration"]
        spoken.append(
            SpokenMessage(
                id=item.id,
                text=body["payload"]["content"],
                speaker=person(body["from"], known),
                start_ms=epoch_ms(duration["startTime"]),
                end_ms=epoch_ms(duration["endTime"]),
                body=body,
            )
        )
    # The sort is stable: what begins at the same time stays in the order in which it came.
    return sorted(spoken, key=lambda message: message.start_ms)


def person(said: Mapping[str, Any], known: Mapping[str, MemberRecord]) -> MemberRecord:
    """The member whom a ``from`` or ``assignee`` means, or what it says itself of somebody who is no member."""
    key = said.get("id") or ""
    return known.get(key) or MemberRecord(id=key, name=said.get("name"), user_id=said.get("userId"))


def epoch_ms(time: str) -> int:
    """Milliseconds since the epoch of an ISO 8601 time; one without a time zone is in UTC.

    Raises:
        ValueError: It is none.
    """
    moment = datetime.fromisoformat(time)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def hundredths(milliseconds: int) -> int | float:
    """Seconds with up to two decimals, as the Conversation API counts; whole ones are JSON integers."""
    rounded = (milliseconds + 5) // 10
    return rounded // 100 if rounded % 100 == 0 else rounded / 100
