"""Keeps what happens in conversations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker.engine.store.model import ConversationRecord, MemberRecord


class NoArchive:
    """Keeps nothing."""

    def started(self, conversation: ConversationRecord) -> None:
        pass

    def named(self, conversation_id: str, name: str) -> None:
        pass

    def joined(self, conversation_id: str, member: MemberRecord) -> None:
        pass

    def said(self, conversation_id: str, frame: Mapping[str, Any], *, redacted: bool) -> None:
        pass

    def ended(self, conversation_id: str, at: float) -> None:
        pass
