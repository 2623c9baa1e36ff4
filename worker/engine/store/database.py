"""The connection to a database: SQLite through aiosqlite, or PostgreSQL through asyncpg.

Foreign exceptions end here. Their texts may hold what was being written, and a URL may hold a password, so neither gets
any further: what is said is the kind of failure.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from worker.engine.store.model import StoreError, StoreUnavailableError
from worker.errors import ConfigurationError

T = TypeVar("T")

# It logs every statement with its values.
logging.getLogger("aiosqlite").setLevel(logging.WARNING)

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 5.0
"""The longest that one statement, or the wait for a connection, may take."""
BUSY_SECONDS = 5.0
"""How long SQLite waits for a file that somebody else has locked."""
CACHE_KIB = 8_192
"""Pages that SQLite keeps in memory; a nameless database has the rest in its file."""
POSTGRESQL_CONNECTIONS = 5
CLOSE_SECONDS = 15.0

_SQLITE = ("sqlite", "sqlite+aiosqlite")
_POSTGRESQL = ("postgresql", "postgres", "postgresql+asyncpg")
# Data exceptions and broken constraints: https://www.postgresql.org/docs/current/errcodes-appendix.html
_REFUSED_CLASSES = ("22", "23")


class Database:
    """Runs transactions.

    SQLite has one connection: its transactions run one after the other, and a nameless database lives as long as its
    connection.

    Args:
        url: ``sqlite:///path`` or ``postgresql://…``, the latter with all that asyncpg understands in it; None is a
            nameless SQLite database.

    Raises:
        ConfigurationError: The URL is none of these, or the driver is not installed.
    """

    def __init__(self, url: str | None) -> None:
        scheme = "sqlite" if url is None else url.partition(":")[0]
        self.shared = scheme in _POSTGRESQL
        """Several engines may use it at a time."""
        self._place = "nameless"
        self._path: Path | None = None
        self._lock: int | None = None
        self._foreign: tuple[type[Exception], ...] = (SQLAlchemyError, OSError, sqlite3.Error)
        self._running: set[asyncio.Task[Any]] = set()
        if self.shared:
            assert url is not None
            self._place = _place(url)
            self._engine = self._make_postgresql(f"postgresql:{url.partition(':')[2]}")
        elif scheme in _SQLITE:
            self._path = _sqlite_path(url)
            self._place = self._place if self._path is None else str(self._path)
            self._engine = _make_sqlite(self._path)
        else:
            raise ConfigurationError("store_url begins with sqlite:/// or postgresql://")

    def __repr__(self) -> str:
        return f"<Database {'postgresql' if self.shared else 'sqlite'} {self._place}>"

    async def open(self, prepare: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        """Connects and runs the first transaction.

        Raises:
            ConfigurationError: It cannot be reached or used.
        """
        try:
            if self._path is not None:
                self._lock = _claim(self._path)
            await self.run(prepare)
        except (StoreError, OSError) as error:
            await self.close()
            reason = str(error) if isinstance(error, StoreError) else type(error).__name__
            raise ConfigurationError(f"store_url: {self._place} cannot be used ({reason})") from None
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Ends what is running and disconnects."""
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_SECONDS)
        await self._engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Does this work in a transaction.

        A caller who is cancelled does not cancel it: to give up a statement would cost the connection, and with it a
        nameless database.

        Raises:
            StoreUnavailableError: It may work later.
            StoreError: It will not work later either.
        """
        task = asyncio.ensure_future(self._transact(work))
        self._running.add(task)
        task.add_done_callback(self._finish)
        return await asyncio.shield(task)

    async def _transact(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        try:
            async with self._engine.begin() as connection:
                return await work(connection)
        except self._foreign as error:
            raise _translated(error) from None

    def _finish(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()

    def _make_postgresql(self, dsn: str) -> AsyncEngine:
        try:
            import asyncpg
        except ImportError:
            raise ConfigurationError("store_url: PostgreSQL needs the extra 'postgresql' (asyncpg)") from None
        self._foreign += (asyncpg.PostgresError, asyncpg.InterfaceError)

        async def connect() -> Any:
            try:
                return await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, command_timeout=STATEMENT_SECONDS)
            except ValueError as error:
                # What asyncpg says of a URL that it cannot read.
                raise asyncpg.InterfaceError(type(error).__name__) from None

        return create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_size=POSTGRESQL_CONNECTIONS,
            max_overflow=0,
            pool_timeout=STATEMENT_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,
        )


def _make_sqlite(path: Path | None) -> AsyncEngine:
    engine = create_async_engine(
        "sqlite+aiosqlite://",
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=STATEMENT_SECONDS,
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def name_file(_dialect: object, _record: object, args: list[object], options: dict[str, object]) -> None:
        # SQLAlchemy has no URL for a nameless file, which is the empty name.
        args[:] = ["" if path is None else str(path)]
        options["timeout"] = BUSY_SECONDS

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        if path is not None:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=NORMAL")
        # What is deleted is overwritten, too.
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        cursor.close()

    return engine


def _sqlite_path(url: str | None) -> Path | None:
    if url is None:
        return None
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.host or parsed.query:
        raise ConfigurationError("store_url: a SQLite file is sqlite:///relative/path or sqlite:////absolute/path")
    return None if parsed.database in (None, "", ":memory:") else Path(str(parsed.database))


def _claim(path: Path) -> int:
    """Creates the file, for its owner alone, and sees to it that no second engine uses it.

    The lock is on another file, since closing any descriptor of the database would end SQLite's own locks.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StoreError("another engine uses this file; several engines need PostgreSQL") from None
    return lock


def _place(url: str) -> str:
    """Host and database, unless the URL is so odd that this could show a part of its password."""
    rest = url.partition("://")[2]
    if rest.count("@") > 1 or "@" in rest.partition("?")[2]:
        return "PostgreSQL"
    return f"PostgreSQL at {rest.rpartition('@')[2].partition('?')[0]}"


def _translated(error: Exception) -> StoreError:
    original = error.orig if isinstance(error, StatementError) and error.orig is not None else error
    state = getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None)
    # The driver's own name of it says more than the one that SQLAlchemy has for all drivers.
    name = type(original.__cause__ or original).__name__
    kind = name if state is None else f"{name} {state}"
    # A statement that never got as far as the database holds what cannot be written.
    never_sent = isinstance(error, StatementError) and not isinstance(error, DBAPIError)
    against_rules = isinstance(original, sqlite3.IntegrityError | sqlite3.DataError)
    if never_sent or against_rules or str(state).startswith(_REFUSED_CLASSES):
        return StoreError(kind)
    return StoreUnavailableError(kind)
