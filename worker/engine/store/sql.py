"""Conversations and trackers, in SQLite or PostgreSQL."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import bindparam, case, delete, func, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from worker.engine.store.database import Database
from worker.engine.store.liveness import HEARTBEAT_SECONDS, STALE_SECONDS, Liveness
from worker.engine.store.model import (
    ConversationRecord,
    EndConversation,
    ItemRecord,
    Kind,
    MemberRecord,
    NameConversation,
    NameTakenError,
    Page,
    SaveConversation,
    SaveItem,
    SaveMember,
    StoreError,
    TrackerRecord,
    Write,
)
from worker.engine.store.rows import conversation_of, conversation_row, member_of, with_names
from worker.engine.store.tables import (
    METADATA,
    SCHEMA_VERSION,
    conversations,
    items,
    members,
    schema,
    trackers,
)
from worker.errors import ConfigurationError

logger = logging.getLogger(__name__)

CONVERSATIONS_PER_DELETE = 100
ITEMS_PER_DELETE = 500
ITEMS_PER_READ = 200

# Engines that start at the same time make their tables one after the other. Any number, the same for all.
_SETUP_LOCK = 0x53594D42


class SqlStore:
    """A `Store`. `start` and `stop` are called once each, in this order.

    Args:
        url: As `Database` wants it.

    Raises:
        ConfigurationError: The URL cannot be understood.
    """

    def __init__(
        self, url: str | None, *, heartbeat_seconds: float = HEARTBEAT_SECONDS, stale_seconds: float = STALE_SECONDS
    ) -> None:
        self.lasting = url is not None
        self._database = Database(url)
        self._liveness = Liveness(self._database, heartbeat_seconds=heartbeat_seconds, stale_seconds=stale_seconds)
        self._insert: Any = postgresql.insert if self._database.shared else sqlite.insert
        self._upsert_conversation = self._upsert(conversations, keep=("deleted",))
        self._upsert_member = self._upsert(members, keep=("renamed",), unless=members.c.renamed)
        self._upsert_item = self._upsert(items)

    def __repr__(self) -> str:
        return f"<SqlStore {self._database!r}>"

    async def start(self) -> None:
        await self._database.open(self._prepare)
        self._liveness.start()

    async def stop(self) -> None:
        await self._liveness.stop()
        await self._database.close()

    # --- what happens in conversations -------------------------------------------------------------------------------

    async def write(self, writes: Sequence[Write]) -> None:
        if writes:
            await self._database.run(partial(self._write, writes))

    async def _write(self, writes: Sequence[Write], connection: AsyncConnection) -> None:
        begun = [
            conversation_row(each.conversation, self._liveness.engine_id)
            for each in writes
            if isinstance(each, SaveConversation)
        ]
        if begun:
            await connection.execute(self._upsert_conversation, begun)
        others = [each for each in writes if not isinstance(each, SaveConversation)]
        known = await self._known(connection, {each.conversation_id for each in others})
        names, joined, said, ended = [], [], [], []
        for each in others:
            if each.conversation_id not in known:
                continue
            row: dict[str, Any] = {"conversation_id": each.conversation_id}
            match each:
                case NameConversation(name=name):
                    names.append(row | {"new_name": name})
                case SaveMember(member=member):
                    row |= {"id": member.id, "name": member.name, "user_id": member.user_id, "renamed": False}
                    joined.append(row)
                case SaveItem(item=item):
                    row |= {"kind": item.kind, "id": item.id, "ordinal": item.ordinal, "body": item.body}
                    said.append(row)
                case EndConversation(ended_at=ended_at):
                    ended.append(row | {"end": ended_at})
        this = conversations.c.id == bindparam("conversation_id")
        if names:
            await connection.execute(update(conversations).where(this).values(name=bindparam("new_name")), names)
        if joined:
            await connection.execute(self._upsert_member, joined)
        if said:
            await connection.execute(self._upsert_item, said)
        if ended:
            await connection.execute(update(conversations).where(this).values(ended_at=bindparam("end")), ended)

    async def _known(self, connection: AsyncConnection, ids: set[str]) -> set[str]:
        """Those that are there, and that stay until the end of the transaction."""
        if not ids:
            return set()
        present = select(conversations.c.id).where(conversations.c.id.in_(ids), ~conversations.c.deleted)
        return set(await connection.scalars(present.with_for_update(read=True)))

    def _upsert(self, table: Any, *, keep: Sequence[str] = (), unless: ColumnElement[bool] | None = None) -> Any:
        """Inserts rows, or replaces those with the same key, without the columns to keep."""
        insert = self._insert(table)
        keys = [column.name for column in table.primary_key]
        new = {
            column.name: insert.excluded[column.name] for column in table.columns if column.name not in (*keys, *keep)
        }
        return insert.on_conflict_do_update(index_elements=keys, set_=new, where=None if unless is None else ~unless)

    # --- reading -----------------------------------------------------------------------------------------------------

    async def conversation(self, account: str, conversation_id: str) -> ConversationRecord | None:
        async def read(connection: AsyncConnection) -> ConversationRecord | None:
            row = (await connection.execute(select(conversations).where(_theirs(account, conversation_id)))).first()
            return None if row is None else conversation_of(row)

        return await self._database.run(read)

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
        wanted = [conversations.c.account == account, ~conversations.c.deleted]
        if since is not None:
            wanted.append(conversations.c.started_at >= since)
        if until is not None:
            wanted.append(conversations.c.started_at < until)
        order = [conversations.c.started_at, conversations.c.id]
        page = select(conversations).where(*wanted).limit(limit).offset(offset)
        page = page.order_by(*(column.desc() for column in order) if newest_first else order)

        async def read(connection: AsyncConnection) -> Page:
            total = await connection.scalar(select(func.count()).select_from(conversations).where(*wanted))
            return Page([conversation_of(row) for row in await connection.execute(page)], total or 0)

        return await self._database.run(read)

    async def members(self, account: str, conversation_id: str) -> Sequence[MemberRecord] | None:
        async def read(connection: AsyncConnection) -> Sequence[MemberRecord] | None:
            if not await _exists(connection, account, conversation_id):
                return None
            of_it = select(members).where(members.c.conversation_id == conversation_id).order_by(members.c.id)
            return [member_of(row) for row in await connection.execute(of_it)]

        return await self._database.run(read)

    async def members_of(self, account: str, conversation_ids: Sequence[str]) -> Mapping[str, Sequence[MemberRecord]]:
        wanted = select(members).join(conversations, conversations.c.id == members.c.conversation_id)
        wanted = wanted.where(
            conversations.c.id.in_(conversation_ids), conversations.c.account == account, ~conversations.c.deleted
        )

        async def read(connection: AsyncConnection) -> Mapping[str, Sequence[MemberRecord]]:
            found: dict[str, list[MemberRecord]] = {each: [] for each in conversation_ids}
            for row in await connection.execute(wanted.order_by(members.c.id)):
                found[row.conversation_id].append(member_of(row))
            return found

        return await self._database.run(read)

    async def items(self, account: str, conversation_id: str, kind: Kind) -> Sequence[ItemRecord] | None:
        of_it = select(items).where(items.c.conversation_id == conversation_id, items.c.kind == kind)
        of_it = of_it.order_by(items.c.ordinal, items.c.id)
        renamed = select(members).where(members.c.conversation_id == conversation_id, members.c.renamed)

        async def read(connection: AsyncConnection) -> Sequence[ItemRecord] | None:
            if not await _exists(connection, account, conversation_id):
                return None
            names = {row.id: member_of(row) for row in await connection.execute(renamed)}
            found: list[ItemRecord] = []
            # Bodies are decoded while they are read: all of a long conversation in one go would stop everybody else.
            result = await connection.stream(of_it)
            async for rows in result.partitions(ITEMS_PER_READ):
                found += [
                    ItemRecord(kind=kind, id=row.id, ordinal=row.ordinal, body=with_names(row.body, names))
                    for row in rows
                ]
            return found

        return await self._database.run(read)

    # --- changing ----------------------------------------------------------------------------------------------------

    async def update_conversation(
        self, account: str, conversation_id: str, *, name: str | None, metadata: Mapping[str, Any] | None
    ) -> ConversationRecord | None:
        changes: dict[str, Any] = {"name": name, "attached": None if metadata is None else dict(metadata)}
        changes = {column: value for column, value in changes.items() if value is not None}

        async def change(connection: AsyncConnection) -> ConversationRecord | None:
            if changes:
                await connection.execute(update(conversations).where(_theirs(account, conversation_id)).values(changes))
            row = (await connection.execute(select(conversations).where(_theirs(account, conversation_id)))).first()
            return None if row is None else conversation_of(row)

        return await self._database.run(change)

    async def update_member(self, account: str, conversation_id: str, member: MemberRecord) -> bool:
        changes: dict[str, Any] = {"name": member.name, "user_id": member.user_id}
        changes = {column: value for column, value in changes.items() if value is not None}
        this = (members.c.conversation_id == conversation_id, members.c.id == member.id)

        async def change(connection: AsyncConnection) -> bool:
            if not await _exists(connection, account, conversation_id):
                return False
            done = await connection.execute(update(members).where(*this).values(renamed=True, **changes))
            return done.rowcount > 0

        return await self._database.run(change)

    # --- deleting ----------------------------------------------------------------------------------------------------

    async def delete_conversation(self, account: str, conversation_id: str) -> bool:
        async def mark(connection: AsyncConnection) -> bool:
            found = update(conversations).where(_theirs(account, conversation_id)).values(deleted=True)
            return (await connection.execute(found)).rowcount > 0

        if not await self._database.run(mark):
            return False
        try:
            await self._purge(conversation_id)
        except StoreError as error:
            # It is gone for everybody; `delete_ended_before` removes the rest.
            logger.warning("conversation is deleted later", extra={"reason": str(error)})
        return True

    async def delete_ended_before(self, moment: float) -> int:
        over = select(conversations.c.id).where(conversations.c.ended_at < moment, ~conversations.c.deleted)
        over = over.limit(CONVERSATIONS_PER_DELETE).with_for_update(skip_locked=True)
        marked = select(conversations.c.id).where(conversations.c.deleted).limit(CONVERSATIONS_PER_DELETE)

        async def mark(connection: AsyncConnection) -> tuple[int, list[str]]:
            found = update(conversations).where(conversations.c.id.in_(over)).values(deleted=True)
            count = (await connection.execute(found)).rowcount
            return count, list(await connection.scalars(marked))

        deleted = 0
        while True:
            count, ids = await self._database.run(mark)
            deleted += count
            for each in ids:
                await self._purge(each)
            if not ids:
                return deleted

    async def _purge(self, conversation_id: str) -> None:
        """Removes a conversation that is marked as deleted, in transactions that leave others some room."""
        key = tuple_(items.c.kind, items.c.id)
        of_it = items.c.conversation_id == conversation_id
        some = select(items.c.kind, items.c.id).where(of_it).limit(ITEMS_PER_DELETE)

        async def remove_items(connection: AsyncConnection) -> int:
            return (await connection.execute(delete(items).where(of_it, key.in_(some)))).rowcount

        async def remove_rest(connection: AsyncConnection) -> None:
            await connection.execute(delete(members).where(members.c.conversation_id == conversation_id))
            await connection.execute(
                delete(conversations).where(conversations.c.id == conversation_id, conversations.c.deleted)
            )

        while await self._database.run(remove_items):
            pass
        await self._database.run(remove_rest)

    # --- trackers ----------------------------------------------------------------------------------------------------

    async def trackers(self, account: str | None = None) -> Sequence[tuple[str, TrackerRecord]]:
        wanted = select(trackers).order_by(trackers.c.number)
        if account is not None:
            wanted = wanted.where(trackers.c.account == account)

        async def read(connection: AsyncConnection) -> Sequence[tuple[str, TrackerRecord]]:
            rows = await connection.execute(wanted)
            return [(row.account, TrackerRecord(id=row.id, name=row.name, body=row.body)) for row in rows]

        return await self._database.run(read)

    async def save_tracker(self, account: str, tracker: TrackerRecord) -> None:
        row = {"account": account, "id": tracker.id, "name": tracker.name, "body": dict(tracker.body)}
        insert = self._insert(trackers).values(row)
        new = {"name": insert.excluded["name"], "body": insert.excluded["body"]}
        upsert = insert.on_conflict_do_update(index_elements=["account", "id"], set_=new)

        async def save(connection: AsyncConnection) -> None:
            try:
                await connection.execute(upsert)
            except IntegrityError:
                raise NameTakenError from None

        await self._database.run(save)

    async def delete_tracker(self, account: str, tracker_id: str) -> bool:
        this = delete(trackers).where(trackers.c.account == account, trackers.c.id == tracker_id)

        async def remove(connection: AsyncConnection) -> bool:
            return (await connection.execute(this)).rowcount > 0

        return await self._database.run(remove)

    # --- engines -----------------------------------------------------------------------------------------------------

    async def end_abandoned(self, moment: float) -> int:
        if not self._liveness.may_judge:
            return 0

        async def end(connection: AsyncConnection) -> int:
            orphaned = await self._liveness.orphaned(connection)
            # The clock of the engine that died may have been ahead.
            ended_at = case((conversations.c.started_at > moment, conversations.c.started_at), else_=moment)
            found = update(conversations).where(conversations.c.ended_at.is_(None), ~conversations.c.deleted, orphaned)
            return (await connection.execute(found.values(ended_at=ended_at))).rowcount

        return await self._database.run(end)

    async def _prepare(self, connection: AsyncConnection) -> None:
        """Makes the tables.

        Raises:
            ConfigurationError: They are there, made by a newer engine.
        """
        if self._database.shared:
            await connection.execute(select(func.pg_advisory_xact_lock(_SETUP_LOCK)))
        await connection.run_sync(METADATA.create_all, tables=[schema])
        version = await connection.scalar(select(schema.c.version))
        if version is not None and version > SCHEMA_VERSION:
            raise ConfigurationError(
                f"store_url: its tables are of version {version}; this engine knows up to {SCHEMA_VERSION}"
            )
        await connection.run_sync(METADATA.create_all)
        if version is None:
            await connection.execute(schema.insert().values(version=SCHEMA_VERSION))
        await self._liveness.say(connection)


def _theirs(account: str, conversation_id: str) -> ColumnElement[bool]:
    return (conversations.c.id == conversation_id) & (conversations.c.account == account) & ~conversations.c.deleted


async def _exists(connection: AsyncConnection, account: str, conversation_id: str) -> bool:
    return await connection.scalar(select(conversations.c.id).where(_theirs(account, conversation_id))) is not None
