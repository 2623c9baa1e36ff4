"""Between rows of the tables and what they mean. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker.engine.store.model import ConversationRecord, MemberRecord


def conversation_row(record: ConversationRecord, engine_id: str) -> dict[str, Any]:
    return {
        "id": record.id,
        "account": record.account,
        "engine": engine_id,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "deleted": False,
        "connection_id": record.connection_id,
        "name": record.name,
        "attached": dict(record.metadata),
    }


def conversation_of(row: Any) -> ConversationRecord:
    return ConversationRecord(
        id=row.id,
        account=row.account,
        connection_id=row.connection_id,
        started_at=row.started_at,
        ended_at=row.ended_at,
        name=row.name,
        metadata=row.attached,
    )


def member_of(row: Any) -> MemberRecord:
    return MemberRecord(id=row.id, name=row.name, user_id=row.user_id)


def with_names(body: dict[str, Any], renamed: Mapping[str, MemberRecord]) -> dict[str, Any]:
    """A message or insight with what its people are called now.

    Args:
        renamed: The members that are called otherwise than they were then, by id.
    """
    changed = dict(body)
    for key in ("from", "assignee"):
        person = body.get(key)
        member = renamed.get(person.get("id", "")) if isinstance(person, dict) else None
        if member is not None:
            known = {"name": member.name, "userId": member.user_id}
            changed[key] = {**body[key], **{name: value for name, value in known.items() if value is not None}}
    return changed
