"""Stores of all kinds, and one PostgreSQL server for all tests."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.unit.engine.store.postgres import Postgres, running_postgres
from worker.engine.store.sql import SqlStore

StartStore: TypeAlias = Callable[..., Awaitable[SqlStore]]


@dataclass(frozen=True)
class Place:
    """Where a test keeps things. Stores of one test share it, but for nameless ones."""

    kind: str
    url: str | None = field(repr=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The URL of an empty database."""
    # Much quicker than a new one.
    postgres.execute("set client_min_messages = error; drop schema public cascade; create schema public")
    return postgres.url()


@pytest.fixture(params=["nameless", "file", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    match request.param:
        case "nameless":
            url = None
        case "file":
            url = f"sqlite:///{tmp_path / 'conversations.db'}"
        case _:
            url = request.getfixturevalue("database")
    return Place(request.param, url)


@pytest.fixture
async def start_store(place: Place) -> AsyncIterator[StartStore]:
    """Starts stores at the test's place; they are stopped after the test."""
    async with contextlib.AsyncExitStack() as stores:

        async def start(**options: Any) -> SqlStore:
            store = SqlStore(place.url, **options)
            await store.start()
            stores.push_async_callback(store.stop)
            return store

        yield start


@pytest.fixture
async def store(start_store: StartStore) -> SqlStore:
    return await start_store()
