"""What is kept of a conversation, and what a place to keep it must be able to do. Pure.

Texts are kept as they were sent: masked where the conversation was redacted. Everything belongs to one account, and
nobody else ever gets to see it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from worker.errors import WorkerError

Kind: TypeAlias = Literal["message", "insight", "topic", "tracker", "entity"]
KINDS: tuple[Kind, ...] = ("message", "insight", "topic", "tracker", "entity")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRecord:
    """One conversation; times in seconds since the epoch.

    Args:
        id: 16 decimal digits.
        ended_at: None while it is live.
        metadata: What clients attached to it.
    """

    id: str
    account: str
    connection_id: str = field(repr=False)
    started_at: float
    ended_at: float | None = None
    name: str | None = field(default=None, repr=False)
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRecord:
    """One speaker of a conversation; ``id`` is that of ``message.from``."""

    id: str
    name: str | None = field(default=None, repr=False)
    user_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRecord:
    """One message, insight, topic, tracker result or entity result.

    Args:
        id: Unique within its conversation and kind; the same id again replaces the item.
        ordinal: Counts the items of a conversation in the order in which they came.
        body: As it was sent, one element of ``messages``, ``insights``, ``topics``, ``trackers`` or ``entities``.
    """

    kind: Kind
    id: str
    ordinal: int
    body: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerRecord:
    """A tracker of an account: what its management calls say, in JSON.

    Args:
        id: Decimal digits.
        name: Unique within the account.
        body: The tracker as its management calls show it, ``id`` and ``name`` included.
    """

    id: str
    name: str
    body: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SaveConversation:
    """Begins a conversation."""

    conversation: ConversationRecord


@dataclass(frozen=True, slots=True)
class NameConversation:
    """Changes the name alone: what was attached to the conversation meanwhile stays."""

    conversation_id: str
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SaveMember:
    conversation_id: str
    member: MemberRecord


@dataclass(frozen=True, slots=True)
class SaveItem:
    conversation_id: str
    item: ItemRecord


@dataclass(frozen=True, slots=True)
class EndConversation:
    conversation_id: str
    ended_at: float


Write: TypeAlias = SaveConversation | NameConversation | SaveMember | SaveItem | EndConversation


@dataclass(frozen=True, slots=True)
class Page:
    """Some of an account's conversations, and how many there are in all."""

    conversations: Sequence[ConversationRecord]
    total: int


class NameTakenError(Exception):
    """Another tracker of the account has this name."""


class StoreError(WorkerError):
    """The store refused what it was given; the same again will be refused again."""


class StoreUnavailableError(StoreError):
    """The store is out of reach, busy or full; the same may work later."""

    retriable = True


class Store(Protocol):
    """Keeps conversations and trackers. A conversation that is unknown, or another account's, is None or False.

    Every method that waits raises `StoreUnavailableError`, within seconds, while the store is out of reach.

    Attributes:
        lasting: What it keeps outlives the process.
    """

    lasting: bool

    async def start(self) -> None:
        """Connects and makes the tables.

        Raises:
            ConfigurationError: The place cannot be reached or used.
        """

    async def stop(self) -> None: ...

    async def write(self, writes: Sequence[Write]) -> None:
        """Keeps these, all or none. Members and items of a conversation that was deleted are dropped."""

    async def delete_ended_before(self, moment: float) -> int:
        """Deletes the conversations that ended before this moment, with everything in them, and says how many."""

    async def end_abandoned(self, moment: float) -> int:
        """Ends the live conversations of engines that died, and says how many.

        For the start of an engine, and again now and then: where several engines share a store, it takes a while until
        one of them counts as dead.
        """

    async def conversation(self, account: str, conversation_id: str) -> ConversationRecord | None: ...

    async def conversations(
        self,
        account: str,
        *,
        limit: int,
        offset: int,
        newest_first: bool,
        since: float | None = None,
        until: float | None = None,
    ) -> Page:
        """A page of conversations by their start, which lies in ``since <= start < until``."""

    async def members(self, account: str, conversation_id: str) -> Sequence[MemberRecord] | None: ...

    async def members_of(self, account: str, conversation_ids: Sequence[str]) -> Mapping[str, Sequence[MemberRecord]]:
        """The members of several conversations; none of one that is unknown, or another account's."""

    async def items(self, account: str, conversation_id: str, kind: Kind) -> Sequence[ItemRecord] | None:
        """In the order in which they came."""

    async def update_conversation(
        self, account: str, conversation_id: str, *, name: str | None, metadata: Mapping[str, Any] | None
    ) -> ConversationRecord | None:
        """Changes what is not None."""

    async def update_member(self, account: str, conversation_id: str, member: MemberRecord) -> bool:
        """Changes what is not None, also in ``from`` and ``assignee`` of the conversation's messages and insights.

        Those to come are included.
        """

    async def delete_conversation(self, account: str, conversation_id: str) -> bool: ...

    async def trackers(self, account: str | None = None) -> Sequence[tuple[str, TrackerRecord]]:
        """(account, tracker) of one account or of all, in the order in which they were made."""

    async def save_tracker(self, account: str, tracker: TrackerRecord) -> None:
        """Keeps a new or a changed one.

        Raises:
            NameTakenError: Another tracker of the account has this name.
        """

    async def delete_tracker(self, account: str, tracker_id: str) -> bool: ...


class Recorder(Protocol):
    """Hears what happens in conversations, in order, and keeps it. Never waits and never fails: a place that is out of
    reach costs what it should have kept, not the conversation."""

    def started(self, conversation: ConversationRecord) -> None: ...

    def named(self, conversation_id: str, name: str) -> None:
        """A speaker said what the conversation is called."""

    def joined(self, conversation_id: str, member: MemberRecord) -> None: ...

    def said(self, conversation_id: str, frame: Mapping[str, Any], *, redacted: bool) -> None:
        """A flat server message was sent to everybody.

        Args:
            redacted: Clear values next to masked texts are not to be kept.
        """

    def kept(self, then: Callable[[], None]) -> None:
        """Calls ``then`` when what was said before is kept, or soon in any case; at once if nothing has to be waited
        for."""

    def ended(self, conversation_id: str, at: float) -> None: ...
