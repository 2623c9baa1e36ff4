"""The store of conversations: the same rules in SQLite, with and without a name, and in PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select, update

from tests.unit.engine.store.conftest import Place, StartStore
from tests.unit.engine.store.records import ACCOUNT, INES, ONE, OTHER_ACCOUNT, TWO, a_conversation, begun, item, joined
from worker.engine.store import sql, tables
from worker.engine.store.model import (
    KINDS,
    ConversationRecord,
    EndConversation,
    MemberRecord,
    NameConversation,
    NameTakenError,
    SaveConversation,
    SaveMember,
    StoreError,
    TrackerRecord,
    Write,
)
from worker.engine.store.sql import SqlStore
from worker.errors import ConfigurationError

ODD = 'nul \0, quote ", backslash \\u0000, 🦉, \u2028'


async def rows(store: SqlStore) -> dict[str, int]:
    """How many rows each table of conversations has."""

    async def count(connection: Any) -> dict[str, int]:
        counted = (tables.conversations, tables.members, tables.items)
        return {
            each.name.removeprefix("symbl_"): await connection.scalar(select(func.count()).select_from(each))
            for each in counted
        }

    return await store._database.run(count)


async def numbers(store: SqlStore, conversation_id: str = ONE, account: str = ACCOUNT) -> list[int] | None:
    found = await store.items(account, conversation_id, "message")
    return None if found is None else [each.body["number"] for each in found]


# --- writing and reading ---------------------------------------------------------------------------------------------


async def test_what_was_written_is_read(store: SqlStore) -> None:
    """Everything comes back as it was, whatever characters clients use."""
    conversation = ConversationRecord(
        id=ONE,
        account=ACCOUNT,
        connection_id=ODD,
        started_at=1_700_000_000.125,
        name=ODD,
        metadata={ODD: [1, None, {"deep": ODD}]},
    )
    member = MemberRecord(id=INES, name=ODD, user_id=ODD)
    said = item(0, text=ODD, score=0.5, nothing=None)
    await store.write([SaveConversation(conversation), joined()])
    assert await store.members(ACCOUNT, ONE) == [joined().member]
    await store.write([SaveMember(ONE, member), said, EndConversation(ONE, 1_700_000_100.5)])
    found = await store.conversation(ACCOUNT, ONE)
    assert found == ConversationRecord(
        **{name: getattr(conversation, name) for name in ("id", "account", "connection_id", "started_at", "name")},
        metadata=conversation.metadata,
        ended_at=1_700_000_100.5,
    )
    assert await store.members(ACCOUNT, ONE) == [member]
    assert await store.items(ACCOUNT, ONE, "message") == [said.item]


async def test_the_same_id_again_replaces(store: SqlStore) -> None:
    """Writing twice is writing once; the last one counts, also within one batch."""
    batch: list[Write] = [*a_conversation(), EndConversation(ONE, 200.0)]
    for _ in range(2):
        await store.write(batch)
    await store.write([joined(name="Ines M."), item(9, item_id="message-0"), item(7, item_id="message-0")])
    assert await rows(store) == {"conversations": 1, "members": 1, "items": 3}
    assert await numbers(store) == [1, 2, 7]
    members = await store.members(ACCOUNT, ONE)
    assert members is not None
    assert [member.name for member in members] == ["Ines M."]


async def test_kinds_have_ids_of_their_own(store: SqlStore) -> None:
    """An insight with the id of a message is another item, and each kind is read alone, in its order."""
    await store.write([begun(), *(item(9 - at, kind=kind, item_id=str(at)) for kind in KINDS for at in range(3))])
    for kind in KINDS:
        found = await store.items(ACCOUNT, ONE, kind)
        assert found is not None
        assert [(each.kind, each.ordinal) for each in found] == [(kind, 7), (kind, 8), (kind, 9)]


async def test_a_batch_is_kept_as_a_whole_or_not_at_all(store: SqlStore) -> None:
    """What cannot be written is refused for good, with nothing of its batch and without a word of it."""
    with pytest.raises(StoreError) as refused:
        await store.write([*a_conversation(), item(3, text="the secret words", bad=object())])
    assert not refused.value.retriable
    assert "secret" not in f"{refused.value!r} {refused.value} {refused.value.__cause__}"
    assert await rows(store) == {"conversations": 0, "members": 0, "items": 0}


async def test_what_belongs_to_no_conversation_is_dropped(store: SqlStore) -> None:
    """Items of a conversation that was deleted, or never begun, are dropped; their batch is kept."""
    await store.write([*a_conversation(), *a_conversation(TWO)])
    assert await store.delete_conversation(ACCOUNT, ONE)
    late: list[Write] = [
        item(8),
        joined(),
        NameConversation(ONE, "Late"),
        EndConversation(ONE, 300.0),
        item(8, "3" * 16),
    ]
    await store.write([*late, item(8, TWO)])
    assert await store.conversation(ACCOUNT, ONE) is None
    assert await numbers(store, TWO) == [0, 1, 2, 8]
    assert await rows(store) == {"conversations": 1, "members": 1, "items": 4}


async def test_a_name_leaves_what_was_attached(store: SqlStore) -> None:
    """The name that a speaker gives the conversation does not touch its metadata."""
    await store.write([begun()])
    await store.update_conversation(ACCOUNT, ONE, name="First", metadata={"agent": "7"})
    await store.write([NameConversation(ONE, "Second")])
    found = await store.conversation(ACCOUNT, ONE)
    assert found is not None
    assert (found.name, found.metadata) == ("Second", {"agent": "7"})


async def test_pages_of_conversations(store: SqlStore) -> None:
    """Pages are ordered by start, then id; a period has its beginning and not its end; the total counts all pages."""
    ids = [f"{number:016}" for number in range(7)]
    await store.write([begun(each, started_at=100.0 + at // 2) for at, each in enumerate(ids)])

    async def page(**wanted: Any) -> tuple[list[str], int]:
        found = await store.conversations(ACCOUNT, **{"limit": 10, "offset": 0, "newest_first": False} | wanted)
        return [each.id for each in found.conversations], found.total

    assert await page() == (ids, 7)
    assert await page(newest_first=True, limit=3, offset=1) == (ids[::-1][1:4], 7)
    assert await page(since=101.0, until=103.0) == (ids[2:6], 4)
    assert await page(offset=7) == ([], 7)
    assert await page(since=500.0) == ([], 0)


async def test_accounts_never_see_each_other(store: SqlStore) -> None:
    """For everybody else, a conversation does not exist: it is neither shown, nor counted, changed or deleted."""
    await store.write([*a_conversation(), *a_conversation(TWO, account=OTHER_ACCOUNT)])
    before = await rows(store)
    assert await store.conversation(OTHER_ACCOUNT, ONE) is None
    assert await store.members(OTHER_ACCOUNT, ONE) is None
    for kind in KINDS:
        assert await store.items(OTHER_ACCOUNT, ONE, kind) is None
    assert await store.update_conversation(OTHER_ACCOUNT, ONE, name="Mine", metadata={"a": 1}) is None
    assert not await store.update_member(OTHER_ACCOUNT, ONE, MemberRecord(id=INES, name="Mallory"))
    assert not await store.delete_conversation(OTHER_ACCOUNT, ONE)
    page = await store.conversations(OTHER_ACCOUNT, limit=10, offset=0, newest_first=True)
    assert ([each.id for each in page.conversations], page.total) == ([TWO], 1)
    assert await rows(store) == before
    assert await store.conversation(ACCOUNT, ONE) == begun().conversation
    assert await store.members(ACCOUNT, ONE) == [joined().member]


# --- changing --------------------------------------------------------------------------------------------------------


async def test_members_of_several_conversations(store: SqlStore) -> None:
    """Those of each, and none of a conversation that is unknown, deleted or another account's."""
    three, four = "1000000000000003", "1000000000000004"
    await store.write([*a_conversation(ONE), joined(ONE, "5b0e6f0e-0002", "Omar"), *a_conversation(TWO)])
    await store.write([*a_conversation(three, account=OTHER_ACCOUNT), *a_conversation(four)])
    await store.delete_conversation(ACCOUNT, four)
    assert await store.members_of(ACCOUNT, [ONE, TWO, three, four, "7"]) == {
        ONE: [joined().member, joined(ONE, "5b0e6f0e-0002", "Omar").member],
        TWO: [joined().member],
        three: [],
        four: [],
        "7": [],
    }
    assert await store.members_of(ACCOUNT, []) == {}


async def test_a_long_conversation_is_read_in_order(store: SqlStore) -> None:
    """Also when it is read in several pieces."""
    await store.write([begun(), *(item(number) for number in range(1001))])
    items = await store.items(ACCOUNT, ONE, "message")
    assert items is not None
    assert [each.ordinal for each in items] == list(range(1001))
    assert items[-1].body["number"] == 1000


async def test_only_what_is_given_changes(store: SqlStore) -> None:
    """None leaves name or metadata as they are; what is given replaces all that was there."""
    await store.write([begun()])
    await store.update_conversation(ACCOUNT, ONE, name="First", metadata={"a": 1})
    assert (await store.update_conversation(ACCOUNT, ONE, name=None, metadata={"b": 2})) is not None
    found = await store.update_conversation(ACCOUNT, ONE, name="Second", metadata=None)
    assert found is not None
    assert (found.name, found.metadata) == ("Second", {"b": 2})
    assert await store.update_conversation(ACCOUNT, ONE, name=None, metadata=None) == found
    assert await store.update_conversation(ACCOUNT, TWO, name="Nobody", metadata=None) is None


async def test_a_member_is_renamed_everywhere(store: SqlStore) -> None:
    """Messages and insights of a member bear its new name, those before and those after; other members keep theirs."""
    jonas = {"id": "5b0e6f0e-0002", "name": "Jonas"}
    await store.write(
        [
            *a_conversation(items=1),
            joined(member_id=jonas["id"], name="Jonas"),
            item(1, sender=jonas),
            item(2, kind="insight", assignee={"id": INES, "name": "Ines"}, sender=jonas),
            item(3, kind="insight", assignee={}),
        ]
    )
    assert await store.update_member(ACCOUNT, ONE, MemberRecord(id=INES, name="Ana"))
    # She comes back with another socket, as she was called before.
    await store.write([joined(), item(4)])
    said = await store.items(ACCOUNT, ONE, "message")
    found = await store.items(ACCOUNT, ONE, "insight")
    assert said is not None
    assert found is not None
    assert [each.body["from"]["name"] for each in said] == ["Ana", "Jonas", "Ana"]
    assert [each.body["from"]["name"] for each in found] == ["Jonas", "Ana"]
    assert [each.body["assignee"].get("name") for each in found] == ["Ana", None]
    members = await store.members(ACCOUNT, ONE)
    assert members is not None
    assert {(each.name, each.user_id) for each in members} == {
        ("Ana", "ines@example.com"),
        ("Jonas", "ines@example.com"),
    }
    assert not await store.update_member(ACCOUNT, ONE, MemberRecord(id="nobody", name="Ana"))


# --- deleting --------------------------------------------------------------------------------------------------------


async def test_deleting_leaves_nothing(store: SqlStore) -> None:
    """A conversation is deleted with everything in it, however much that is, and only once; others stay."""
    await store.write(a_conversation(items=sql.ITEMS_PER_DELETE * 2 + 1))
    await store.write(a_conversation(TWO))
    assert await store.delete_conversation(ACCOUNT, ONE)
    assert not await store.delete_conversation(ACCOUNT, ONE)
    assert await rows(store) == {"conversations": 1, "members": 1, "items": 3}
    page = await store.conversations(ACCOUNT, limit=10, offset=0, newest_first=True)
    assert page.total == 1


async def test_only_what_ended_before_is_deleted(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Conversations that are live, or ended at that moment or later, are not deleted; of the others nothing stays."""
    monkeypatch.setattr(sql, "CONVERSATIONS_PER_DELETE", 2)
    ids = [f"{number:016}" for number in range(7)]
    for each in ids:
        await store.write(a_conversation(each))
    await store.write([EndConversation(each, 200.0 + at) for at, each in enumerate(ids[:6])])
    assert await store.delete_ended_before(205.0) == 5
    assert await store.delete_ended_before(205.0) == 0
    page = await store.conversations(ACCOUNT, limit=10, offset=0, newest_first=False)
    assert [each.id for each in page.conversations] == ids[5:]
    assert await rows(store) == {"conversations": 2, "members": 2, "items": 6}


async def test_a_deletion_that_was_interrupted_is_finished(store: SqlStore) -> None:
    """What an engine began to delete before it died is invisible, and is removed by the next pass."""
    await store.write([*a_conversation(), *a_conversation(TWO)])

    async def begin(connection: Any) -> None:
        await connection.execute(
            update(tables.conversations).where(tables.conversations.c.id == ONE).values(deleted=True)
        )

    await store._database.run(begin)
    assert await store.conversation(ACCOUNT, ONE) is None
    assert await store.items(ACCOUNT, ONE, "message") is None
    before = await rows(store)
    await store.write([item(9), joined(member_id="late"), NameConversation(ONE, "Late")])
    assert await rows(store) == before
    assert await store.delete_ended_before(0.0) == 0
    assert await rows(store) == {"conversations": 1, "members": 1, "items": 3}


# --- trackers --------------------------------------------------------------------------------------------------------


async def test_trackers_of_accounts(store: SqlStore) -> None:
    """A tracker is made, changed and deleted by its id, within its account, and keeps its place in the list."""

    def tracker(tracker_id: str, name: str) -> TrackerRecord:
        return TrackerRecord(id=tracker_id, name=name, body={"id": tracker_id, "name": name, "vocabulary": [ODD]})

    for each in (tracker("3", "Billing"), tracker("1", ODD), tracker("2", "Refunds")):
        await store.save_tracker(ACCOUNT, each)
    await store.save_tracker(OTHER_ACCOUNT, tracker("1", "Billing"))
    await store.save_tracker(ACCOUNT, tracker("3", "Invoices"))
    assert [each for _, each in await store.trackers(ACCOUNT)] == [
        tracker("3", "Invoices"),
        tracker("1", ODD),
        tracker("2", "Refunds"),
    ]
    assert len(await store.trackers()) == 4
    assert not await store.delete_tracker(OTHER_ACCOUNT, "2")
    assert await store.delete_tracker(ACCOUNT, "1")
    assert not await store.delete_tracker(ACCOUNT, "1")
    assert [(account, each.id) for account, each in await store.trackers()] == [
        (ACCOUNT, "3"),
        (ACCOUNT, "2"),
        (OTHER_ACCOUNT, "1"),
    ]


async def test_names_of_trackers_are_unique_within_an_account(store: SqlStore) -> None:
    """Neither a new nor a renamed tracker takes the name of another one, and the other one stays as it is."""
    billing = TrackerRecord(id="1", name="Billing", body={"vocabulary": ["invoice"]})
    await store.save_tracker(ACCOUNT, billing)
    await store.save_tracker(ACCOUNT, TrackerRecord(id="2", name="Refunds", body={}))
    for number in ("2", "3"):
        with pytest.raises(NameTakenError):
            await store.save_tracker(ACCOUNT, TrackerRecord(id=number, name="Billing", body={}))
    assert [each.name for _, each in await store.trackers(ACCOUNT)] == ["Billing", "Refunds"]


# --- engines and versions --------------------------------------------------------------------------------------------


async def test_a_store_does_not_end_what_is_its_own(store: SqlStore) -> None:
    """Conversations of the living engine are not abandoned."""
    await store.write([begun()])
    assert await store.end_abandoned(500.0) == 0
    found = await store.conversation(ACCOUNT, ONE)
    assert found is not None
    assert found.ended_at is None


@pytest.mark.parametrize("place", ["file", "postgresql"], indirect=True)
async def test_tables_of_a_newer_engine_are_left_alone(place: Place, start_store: StartStore) -> None:
    """An engine does not start on tables that it does not know, says so, and changes nothing."""
    store = await start_store()
    await store.write(a_conversation())

    async def age(version: int) -> None:
        async def change(connection: Any) -> None:
            await connection.execute(update(tables.schema).values(version=version))

        await store._database.run(change)

    await age(tables.SCHEMA_VERSION + 1)
    if place.kind == "file":
        await store.stop()
    with pytest.raises(ConfigurationError, match=f"version {tables.SCHEMA_VERSION + 1}"):
        await start_store()


async def test_many_at_a_time(store: SqlStore) -> None:
    """Readers and writers at the same time each get their own, and callers who give up hurt nobody."""
    ids = [f"{number:016}" for number in range(20)]

    async def use(conversation_id: str) -> None:
        await store.write([begun(conversation_id)])
        for number in range(3):
            await store.write([item(number, conversation_id)])
            found = await numbers(store, conversation_id)
            assert found == list(range(number + 1))

    async def give_up(delay: float) -> None:
        task = asyncio.create_task(store.conversations(ACCOUNT, limit=10, offset=0, newest_first=True))
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.wait([task])

    await asyncio.gather(*(use(each) for each in ids), *(give_up(at / 500) for at in range(100)))
    assert await rows(store) == {"conversations": 20, "members": 0, "items": 60}
