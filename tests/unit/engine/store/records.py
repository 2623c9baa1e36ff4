"""Conversations as an engine would record them."""

from __future__ import annotations

from typing import Any

from worker.engine.store.model import (
    ConversationRecord,
    ItemRecord,
    Kind,
    MemberRecord,
    SaveConversation,
    SaveItem,
    SaveMember,
    Write,
)

ACCOUNT = "acme"
OTHER_ACCOUNT = "globex"
ONE = "1000000000000001"
TWO = "1000000000000002"
INES = "5b0e6f0e-0001"


def begun(conversation_id: str = ONE, *, account: str = ACCOUNT, started_at: float = 100.0) -> SaveConversation:
    return SaveConversation(
        ConversationRecord(id=conversation_id, account=account, connection_id="call-1", started_at=started_at)
    )


def joined(conversation_id: str = ONE, member_id: str = INES, name: str | None = "Ines") -> SaveMember:
    return SaveMember(conversation_id, MemberRecord(id=member_id, name=name, user_id="ines@example.com"))


def item(
    number: int,
    conversation_id: str = ONE,
    *,
    kind: Kind = "message",
    item_id: str | None = None,
    sender: dict[str, str] | None = None,
    **members: Any,
) -> SaveItem:
    body = {"from": sender or {"id": INES, "name": "Ines"}, "number": number, **members}
    return SaveItem(conversation_id, ItemRecord(kind=kind, id=item_id or f"{kind}-{number}", ordinal=number, body=body))


def a_conversation(conversation_id: str = ONE, *, account: str = ACCOUNT, items: int = 3) -> list[Write]:
    return [
        begun(conversation_id, account=account),
        joined(conversation_id),
        *(item(number, conversation_id) for number in range(items)),
    ]
