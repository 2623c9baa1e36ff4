"""What is special about a place: rights and locks of files, engines that share PostgreSQL, wrong addresses."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.unit.engine.store.conftest import StartStore
from tests.unit.engine.store.postgres import PASSWORD, Postgres
from tests.unit.engine.store.records import ACCOUNT, ONE, TWO, a_conversation, begun, item
from worker.engine.store import tables
from worker.engine.store.model import EndConversation
from worker.engine.store.sql import SqlStore
from worker.errors import ConfigurationError

PATIENCE_SECONDS = 20.0


async def is_live(store: SqlStore, conversation_id: str = ONE) -> bool:
    found = await store.conversation(ACCOUNT, conversation_id)
    assert found is not None
    return found.ended_at is None


async def until_ended(store: SqlStore, count: int) -> None:
    """Until this store finds so many abandoned conversations, all at a time."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (ended := await store.end_abandoned(500.0)) == 0:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.1)
    assert ended == count


def rights_in(folder: Path) -> dict[str, int]:
    """The files of a folder, and who may do what with them."""
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["file"], indirect=True)
async def test_a_file_belongs_to_its_owner_alone(start_store: StartStore, tmp_path: Path) -> None:
    """Nobody else on the machine reads what was said: neither the file nor the ones next to it."""
    os.umask(os.umask(0o022))
    store = await start_store()
    await store.write(a_conversation())
    files = rights_in(tmp_path)
    assert {"conversations.db", "conversations.db-wal"} <= files.keys()
    assert set(files.values()) == {0o600}


@pytest.mark.parametrize("place", ["file"], indirect=True)
async def test_a_file_is_found_again(start_store: StartStore) -> None:
    """What was kept is there for the next engine, which ends what its predecessor left live, and does so once."""
    first = await start_store()
    await first.write([*a_conversation(), *a_conversation(TWO), EndConversation(TWO, 150.0)])
    await first.stop()
    second = await start_store()
    assert await is_live(second)
    assert await second.end_abandoned(200.0) == 1
    assert await second.end_abandoned(300.0) == 0
    ended = [await second.conversation(ACCOUNT, each) for each in (ONE, TWO)]
    assert [each and each.ended_at for each in ended] == [200.0, 150.0]
    found = await second.items(ACCOUNT, ONE, "message")
    assert found is not None
    assert len(found) == 3


@pytest.mark.parametrize("place", ["file"], indirect=True)
async def test_a_conversation_does_not_end_before_it_began(start_store: StartStore) -> None:
    """A clock that was set back between two runs makes no conversation of negative length."""
    first = await start_store()
    await first.write([begun(started_at=500.0)])
    await first.stop()
    second = await start_store()
    assert await second.end_abandoned(200.0) == 1
    found = await second.conversation(ACCOUNT, ONE)
    assert found is not None
    assert found.ended_at == 500.0


@pytest.mark.parametrize("place", ["file"], indirect=True)
async def test_one_engine_per_file(start_store: StartStore) -> None:
    """A second engine on the same file is refused, with a reason, and the first one goes on."""
    first = await start_store()
    await first.write([begun()])
    with pytest.raises(ConfigurationError, match="several engines need PostgreSQL"):
        await start_store()
    assert await is_live(first)


def _folder(path: Path) -> None:
    path.mkdir()


def _no_database(path: Path) -> None:
    path.write_text("This is a text, and a rather long one, so that nobody takes it for an empty database. " * 50)


def _link_to_nowhere(path: Path) -> None:
    path.symlink_to(path.parent / "missing" / "file")


@pytest.mark.parametrize("make", [_folder, _no_database, _link_to_nowhere])
async def test_a_file_that_cannot_be_used(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """The engine does not start, and says which file it is."""
    path = tmp_path / "conversations.db"
    make(path)
    with pytest.raises(ConfigurationError, match=r"conversations\.db"):
        await SqlStore(f"sqlite:///{path}").start()


async def test_a_nameless_database_does_not_stay(tmp_path: Path) -> None:
    """Without a URL, memory stays flat, since pages go to a file, and the file is gone even with a killed process."""
    program = """
import asyncio, os, pathlib, resource, signal
from tests.unit.engine.store.records import begun, item
from worker.engine.store.sql import SqlStore

async def main():
    store = SqlStore(None)
    await store.start()
    await store.write([begun()])
    text = "x" * 100_000
    grown = []
    for number in range(250):
        await store.write([item(number, text=text)])
        if number in (99, 249):
            grown.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    links = [os.readlink(each) for each in pathlib.Path("/proc/self/fd").iterdir() if os.path.islink(each)]
    print((grown[1] - grown[0]) // 1024, any(each.endswith(" (deleted)") for each in links), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program],
        env={**os.environ, "SQLITE_TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -9, done.stderr
    grown_mib, has_file = done.stdout.split()
    # 15 MB were written in between.
    assert int(grown_mib) < 8
    assert has_file == "True"
    assert rights_in(tmp_path) == {}


# --- wrong addresses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://user:{PASSWORD}@127.0.0.1/calls",
        f"{PASSWORD}",
        "",
        f"sqlite://{PASSWORD}@host/file",
        f"sqlite:///file?key={PASSWORD}",
        f"postgresql://user:{PASSWORD}@127.0.0.1:1/calls",
        f"postgresql://user:{PASSWORD}@127.0.0.1:port/calls",
        f"postgresql://user:a@{PASSWORD}@127.0.0.1:1/calls",
        f"postgresql://127.0.0.1:1/calls?user=user&password={PASSWORD}",
        f"postgresql://127.0.0.1:1/calls?user=user&password=a@{PASSWORD}",
        f"postgresql://user:{PASSWORD}@host.invalid/calls",
    ],
)
async def test_wrong_addresses(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """An address that cannot work stops the start, and no password shows in what is said about it."""
    with pytest.raises(ConfigurationError, match="store_url") as refused:
        await SqlStore(url).start()
    said = "".join(traceback.format_exception(refused.value)) + caplog.text
    # The traceback shows source lines, which hold no values.
    assert PASSWORD not in said


async def test_wrong_credentials_and_databases(postgres: Postgres) -> None:
    """A server that refuses stops the start, with its kind of refusal and without the password."""
    wrong = {
        postgres.url().replace(PASSWORD, "wrong-secret"): "InvalidPassword",
        postgres.url("missing"): "InvalidCatalogName",
    }
    for url, kind in wrong.items():
        store = SqlStore(url)
        with pytest.raises(ConfigurationError, match=kind) as refused:
            await store.start()
        said = "".join(traceback.format_exception(refused.value)) + repr(store)
        assert f"127.0.0.1:{postgres.port}" in said
        assert PASSWORD not in said
        assert "wrong-secret" not in said


async def test_what_asyncpg_understands_in_a_url(database: str) -> None:
    """Options of libpq are taken, such as `sslmode`, and the old name of the scheme."""
    store = SqlStore(f"{database.replace('postgresql:', 'postgres:')}?sslmode=disable&application_name=calls")
    await store.start()
    try:
        await store.write(a_conversation())
    finally:
        await store.stop()


# --- engines that share ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_engines_start_together(start_store: StartStore) -> None:
    """Engines that start at the same time on an empty database all start, and each sees what the others keep."""
    stores = await asyncio.gather(*(start_store() for _ in range(4)))
    await stores[0].write(a_conversation())
    for each in stores:
        found = await each.items(ACCOUNT, ONE, "message")
        assert found is not None
        assert len(found) == 3


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_a_living_engine_is_left_alone(start_store: StartStore) -> None:
    """What is live in an engine that says that it lives is not ended by others, however long they look."""
    options = {"heartbeat_seconds": 0.2, "stale_seconds": 4.0}
    first, second = await start_store(**options), await start_store(**options)
    await first.write([begun()])
    ended = 0
    for _ in range(12):
        ended += await second.end_abandoned(500.0)
        await asyncio.sleep(0.5)
    assert ended == 0
    assert await is_live(second)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_a_dead_engine_is_noticed(start_store: StartStore) -> None:
    """What was live in an engine that was not heard of for a while is ended, once; what is live elsewhere is not."""
    dead = await start_store(heartbeat_seconds=1_000.0, stale_seconds=1.0)
    second = await start_store(heartbeat_seconds=0.1, stale_seconds=1.0)
    await dead.write([begun()])
    await second.write([begun(TWO)])
    await until_ended(second, 1)
    assert not await is_live(second)
    assert await is_live(second, TWO)
    assert await second.end_abandoned(600.0) == 0


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_an_engine_that_stopped_is_dead(start_store: StartStore) -> None:
    """An engine that stops says so: what it could not end itself is abandoned at once for those who may judge."""
    options = {"heartbeat_seconds": 0.1, "stale_seconds": 3.0}
    first, second = await start_store(**options), await start_store(**options)
    await first.write([begun()])
    await second.write([begun(TWO)])
    await asyncio.sleep(3.1)
    assert await second.end_abandoned(500.0) == 0
    await first.stop()
    assert await second.end_abandoned(500.0) == 1
    assert not await is_live(second)
    assert await is_live(second, TWO)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_a_new_engine_does_not_judge(start_store: StartStore) -> None:
    """After an outage everybody looks dead: an engine that has just started waits before it says so."""
    dead = await start_store()
    await dead.write([begun()])
    await dead.stop()
    second = await start_store()
    assert await second.end_abandoned(500.0) == 0
    assert await is_live(second)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_a_deletion_waits_for_a_write(start_store: StartStore) -> None:
    """A conversation is not deleted under a write: what is being written is deleted with it."""
    first, second = await start_store(), await start_store()
    await first.write(a_conversation())
    written, go_on = asyncio.Event(), asyncio.Event()

    async def write_slowly(connection: AsyncConnection) -> None:
        await first._write([item(7)], connection)
        written.set()
        await go_on.wait()

    writing = asyncio.create_task(first._database.run(write_slowly))
    await written.wait()
    deleting = asyncio.create_task(second.delete_conversation(ACCOUNT, ONE))
    await asyncio.sleep(0.3)
    assert not deleting.done()
    go_on.set()
    assert await deleting
    await writing

    async def count(connection: AsyncConnection) -> int | None:
        return await connection.scalar(select(func.count()).select_from(tables.items))

    assert await second._database.run(count) == 0


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_a_deletion_and_a_write_at_the_same_time(start_store: StartStore, postgres: Postgres) -> None:
    """However the two meet, nothing is left of a conversation that was deleted, and neither fails."""
    first, second = await start_store(), await start_store()
    for number in range(10):
        conversation_id = f"{number:016}"
        await first.write(a_conversation(conversation_id))

        async def say(conversation_id: str = conversation_id) -> None:
            for at in range(3, 10):
                await first.write([item(at, conversation_id)])

        saying = asyncio.create_task(say())
        await asyncio.sleep(0.002 * number)
        assert await second.delete_conversation(ACCOUNT, conversation_id)
        await saying
        assert await first.items(ACCOUNT, conversation_id, "message") is None
    await second.delete_ended_before(0.0)
    tables = ("conversations", "members", "items")
    assert [postgres.execute(f"select count(*) from symbl_{each}").strip() for each in tables] == ["0", "0", "0"]
