"""The tables of a store of conversations. Pure.

Whatever clients say goes through `Json`: escaped like that, it holds no character that a database refuses, so that no
client can break the transaction that its words share with others.
"""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    true,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = 1
"""Goes up by one with every change of the tables."""


class Json(TypeDecorator[Any]):
    """Any JSON value as text; None is NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else orjson.loads(value)


METADATA = MetaData()

schema = Table("symbl_schema", METADATA, Column("version", Integer, primary_key=True, autoincrement=False))

# One row per engine that writes here; `seen_at` is the database's time in seconds since the epoch.
engines = Table(
    "symbl_engines",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("seen_at", Double, nullable=False),
)

# A row that is `deleted` counts as absent; what belongs to it is removed bit by bit, and then the row itself.
conversations = Table(
    "symbl_conversations",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("deleted", Boolean, nullable=False),
    Column("connection_id", Json, nullable=False),
    Column("name", Json),
    Column("attached", Json, nullable=False),
    Index("symbl_conversations_by_start", "account", "started_at", "id"),
    Index("symbl_conversations_by_end", "ended_at"),
)
Index(
    "symbl_conversations_deleted",
    conversations.c.id,
    sqlite_where=conversations.c.deleted == true(),
    postgresql_where=conversations.c.deleted == true(),
)

# `renamed` members keep their new name, whatever they call themselves later.
members = Table(
    "symbl_members",
    METADATA,
    Column("conversation_id", Text, ForeignKey(conversations.c.id), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Json),
    Column("user_id", Json),
    Column("renamed", Boolean, nullable=False),
)

items = Table(
    "symbl_items",
    METADATA,
    Column("conversation_id", Text, ForeignKey(conversations.c.id), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("ordinal", Integer, nullable=False),
    Column("body", Json, nullable=False),
)

trackers = Table(
    "symbl_trackers",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("name", Json, nullable=False),
    Column("body", Json, nullable=False),
    UniqueConstraint("account", "id", name="symbl_trackers_by_id"),
    UniqueConstraint("account", "name", name="symbl_trackers_by_name"),
)
