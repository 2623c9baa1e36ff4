"""The store against a model of it, in any order of calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.store.records import ACCOUNT, ONE, OTHER_ACCOUNT, TWO
from worker.engine.store.model import (
    ConversationRecord,
    EndConversation,
    ItemRecord,
    Kind,
    MemberRecord,
    NameConversation,
    SaveConversation,
    SaveItem,
    SaveMember,
    Write,
)
from worker.engine.store.sql import SqlStore

OWNERS = {ONE: ACCOUNT, TWO: OTHER_ACCOUNT}
IDS = ("a", "b")
SOME_KINDS: tuple[Kind, ...] = ("message", "insight")

conversation_ids = st.sampled_from([ONE, ONE, TWO])
# Mostly those who may.
accounts = st.sampled_from([ACCOUNT, ACCOUNT, OTHER_ACCOUNT])
names = st.none() | st.sampled_from(["Ines", "Jonas", "nul \0", "🦉"])
moments = st.integers(0, 4).map(float)
bodies = st.fixed_dictionaries(
    {"from": st.fixed_dictionaries({"id": st.sampled_from(IDS), "name": st.just("said")}), "n": st.integers(0, 99)}
)


def _begun(conversation_id: str, started_at: float) -> SaveConversation:
    return SaveConversation(
        ConversationRecord(
            id=conversation_id, account=OWNERS[conversation_id], connection_id="call", started_at=started_at
        )
    )


writes = st.one_of(
    st.builds(_begun, conversation_ids, moments),
    st.builds(NameConversation, conversation_ids, st.sampled_from(["First", "Second"])),
    st.builds(
        SaveMember, conversation_ids, st.builds(MemberRecord, id=st.sampled_from(IDS), name=names, user_id=names)
    ),
    st.builds(
        SaveItem,
        conversation_ids,
        st.builds(
            ItemRecord,
            kind=st.sampled_from(SOME_KINDS),
            id=st.sampled_from(IDS),
            ordinal=st.integers(0, 99),
            body=bodies,
        ),
    ),
    st.builds(EndConversation, conversation_ids, moments),
)


@dataclass(frozen=True)
class Batch:
    writes: list[Write]


@dataclass(frozen=True)
class Change:
    account: str
    conversation_id: str
    name: str | None
    metadata: dict[str, Any] | None


@dataclass(frozen=True)
class Rename:
    account: str
    conversation_id: str
    member: MemberRecord


@dataclass(frozen=True)
class Delete:
    account: str
    conversation_id: str


@dataclass(frozen=True)
class DeleteEnded:
    before: float


Call: TypeAlias = Batch | Change | Rename | Delete | DeleteEnded
calls = st.one_of(
    st.builds(Batch, st.lists(writes, min_size=1, max_size=8)),
    st.builds(Change, accounts, conversation_ids, names, st.none() | st.just({"k": [1, "v"]})),
    st.builds(
        Rename,
        accounts,
        conversation_ids,
        st.builds(MemberRecord, id=st.sampled_from(IDS), name=st.none() | st.sampled_from(["Ana", "Bo"])),
    ),
    st.builds(Delete, accounts, conversation_ids),
    st.builds(DeleteEnded, moments),
)


@dataclass
class Known:
    record: ConversationRecord
    members: dict[str, MemberRecord] = field(default_factory=dict)
    renamed: set[str] = field(default_factory=set)
    items: dict[tuple[Kind, str], ItemRecord] = field(default_factory=dict)


class Model:
    """What a store is to be, in a few dictionaries."""

    def __init__(self) -> None:
        self.known: dict[str, Known] = {}

    def of(self, account: str, conversation_id: str) -> Known | None:
        known = self.known.get(conversation_id)
        return known if known is not None and known.record.account == account else None

    def do(self, call: Call) -> Any:
        match call:
            case Batch(each):
                # A conversation begins before anything else of the batch, and ends after it.
                order = (SaveConversation, NameConversation, SaveMember, SaveItem, EndConversation)
                for write in sorted(each, key=lambda write: order.index(type(write))):
                    self._write(write)
                return None
            case Change(account, conversation_id, name, metadata):
                known = self.of(account, conversation_id)
                if known is None:
                    return None
                changes: dict[str, Any] = {"name": name, "metadata": metadata}
                known.record = replace(known.record, **{k: v for k, v in changes.items() if v is not None})
                return known.record
            case Rename(account, conversation_id, member):
                known = self.of(account, conversation_id)
                if known is None or member.id not in known.members:
                    return False
                old = known.members[member.id]
                known.members[member.id] = replace(old, name=old.name if member.name is None else member.name)
                known.renamed.add(member.id)
                return True
            case Delete(account, conversation_id):
                return self.of(account, conversation_id) is not None and bool(self.known.pop(conversation_id))
            case DeleteEnded(before):
                over = [
                    each
                    for each, known in self.known.items()
                    if known.record.ended_at is not None and known.record.ended_at < before
                ]
                for gone in over:
                    del self.known[gone]
                return len(over)

    def _write(self, write: Write) -> None:
        if isinstance(write, SaveConversation):
            known = self.known.setdefault(write.conversation.id, Known(write.conversation))
            known.record = write.conversation
            return
        known_one = self.known.get(write.conversation_id)
        if known_one is None:
            return
        match write:
            case NameConversation(_, name):
                known_one.record = replace(known_one.record, name=name)
            case SaveMember(_, member):
                if member.id not in known_one.renamed:
                    known_one.members[member.id] = member
            case SaveItem(_, item):
                known_one.items[item.kind, item.id] = item
            case EndConversation(_, ended_at):
                known_one.record = replace(known_one.record, ended_at=ended_at)

    def items(self, known: Known, kind: Kind) -> list[ItemRecord]:
        found = [item for (of, _), item in known.items.items() if of == kind]
        return [self._named(known, item) for item in sorted(found, key=lambda item: (item.ordinal, item.id))]

    @staticmethod
    def _named(known: Known, item: ItemRecord) -> ItemRecord:
        sender = item.body["from"]
        if sender["id"] not in known.renamed:
            return item
        member = known.members[sender["id"]]
        new = {"name": member.name, "userId": member.user_id}
        return replace(item, body={**item.body, "from": sender | {k: v for k, v in new.items() if v is not None}})


async def _compare(store: SqlStore, model: Model) -> None:
    for account in (ACCOUNT, OTHER_ACCOUNT):
        for conversation_id in OWNERS:
            known = model.of(account, conversation_id)
            assert await store.conversation(account, conversation_id) == (known and known.record)
            members = await store.members(account, conversation_id)
            assert members == (known and [member for _, member in sorted(known.members.items())])
            for kind in SOME_KINDS:
                wanted = None if known is None else model.items(known, kind)
                assert await store.items(account, conversation_id, kind) == wanted
        theirs = [each.record for each in model.known.values() if each.record.account == account]
        page = await store.conversations(account, limit=2, offset=0, newest_first=True)
        assert page.total == len(theirs)
        assert page.conversations == sorted(theirs, key=lambda each: (each.started_at, each.id), reverse=True)[:2]


BEGINNING = Batch(
    [
        *(_begun(conversation_id, 3.0) for conversation_id in OWNERS),
        *(SaveMember(conversation_id, MemberRecord(id=each)) for conversation_id in OWNERS for each in IDS),
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(calls, min_size=5, max_size=25))
def test_the_store_is_what_its_model_is(made: list[Call]) -> None:
    """Whatever is written, changed and deleted in whatever order, every answer is that of the model."""

    async def run() -> None:
        store, model = SqlStore(None), Model()
        await store.start()
        try:
            for call in (BEGINNING, *made):
                wanted = model.do(call)
                match call:
                    case Batch(each):
                        await store.write(each)
                    case Change(account, conversation_id, name, metadata):
                        changed = await store.update_conversation(
                            account, conversation_id, name=name, metadata=metadata
                        )
                        assert changed == wanted
                    case Rename(account, conversation_id, member):
                        assert await store.update_member(account, conversation_id, member) == wanted
                    case Delete(account, conversation_id):
                        assert await store.delete_conversation(account, conversation_id) == wanted
                    case DeleteEnded(before):
                        assert await store.delete_ended_before(before) == wanted
            await _compare(store, model)
        finally:
            await store.stop()

    asyncio.run(run())
