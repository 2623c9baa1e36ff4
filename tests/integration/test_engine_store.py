"""A real engine and its store, when one of them goes away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.engine.client import Client, Engine, fetch_token
from tests.unit.engine.store.postgres import PASSWORD, Postgres, running_postgres
from worker.engine.app import EngineServer
from worker.engine.metrics import PREFIX
from worker.engine.recognizers.coded import encode_utterance
from worker.engine.settings import EngineSettings
from worker.engine.store import database as database_module
from worker.errors import ConfigurationError

PATIENCE_SECONDS = 40.0
SECRET = "sassafras"
"""A word that is said in every test, and that no log may hold."""


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A server that the test may kill."""
    with running_postgres() as server:
        yield server


@contextlib.asynccontextmanager
async def an_engine(**settings: Any) -> AsyncIterator[Engine]:
    options: dict[str, Any] = {"recognizer": "coded", "completion_grace_seconds": 0.1, "drain_seconds": 1.0}
    async with contextlib.AsyncExitStack() as clients, EngineServer(EngineSettings(**options | settings)) as server:
        _, answer = await fetch_token(server.base_url)
        yield Engine(server.base_url, answer["accessToken"], clients, server)


async def get(engine: Engine, path: str) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {engine.token}"}
    async with aiohttp.ClientSession(headers=headers) as http, http.get(engine.base_url + path) as response:
        return response.status, await response.json()


async def metric(engine: Engine, name: str) -> float:
    async with aiohttp.ClientSession() as http, http.get(f"{engine.base_url}/metrics") as response:
        families = list(text_string_to_metric_families(await response.text()))
    values = [each.value for family in families for each in family.samples if each.name == f"{PREFIX}_{name}"]
    assert values, name
    return sum(values)


async def say(client: Client, numbers: range) -> None:
    """Says one utterance per number, and waits until each has come back as a message."""
    for number in numbers:
        await client.audio(encode_utterance(f"u{number}", ["the", SECRET, "number", f"n{number}"]))
        await client.until("message_response")


def message_ids(client: Client) -> list[str]:
    return [
        message["id"] for frame in client.frames if frame["type"] == "message_response" for message in frame["messages"]
    ]


async def kept_ids(engine: Engine, conversation_id: str) -> list[str] | None:
    """What the engine answers for the conversation's messages; None while its store is out of reach."""
    status, body = await get(engine, f"/v1/conversations/{conversation_id}/messages")
    if status == 503:
        return None
    assert status == 200, body
    return [message["id"] for message in body["messages"]]


async def until_kept(engine: Engine, conversation_id: str, wanted: list[str]) -> None:
    """Until everything is kept, in its order and once; never does it look otherwise in between."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (kept := await kept_ids(engine, conversation_id)) != wanted:
            if kept is not None:
                assert kept == wanted[: len(kept)]
            await asyncio.sleep(0.1)


async def go_through_an_outage(engine: Engine, begin: Callable[[], Any], end: Callable[[], Any]) -> None:
    """A conversation before, during and after an outage of the store: nobody who speaks notices, and all is kept."""
    client = await engine.connect("call-of-the-test")
    conversation_id = await client.start()
    await say(client, range(20))
    await until_kept(engine, conversation_id, message_ids(client))
    await asyncio.to_thread(begin)
    # One conversation goes on, another one begins and ends.
    other = await engine.connect("another-call")
    other_id = await other.start("jonas")
    await say(other, range(10))
    await other.stop()
    await say(client, range(20, 50))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await metric(engine, "store_write_failures_total"):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    assert await metric(engine, "archive_backlog") >= 40
    await say(client, range(50, 60))
    await asyncio.to_thread(end)
    await say(client, range(60, 70))
    wanted, other_wanted = message_ids(client), message_ids(other)
    assert (len(wanted), len(other_wanted)) == (70, 10)
    await until_kept(engine, conversation_id, wanted)
    await until_kept(engine, other_id, other_wanted)
    assert await metric(engine, "store_writes_dropped_total") == 0
    await client.stop()
    assert client.close_code == 1000
    for each in (conversation_id, other_id):
        _, shown = await get(engine, f"/v1/conversations/{each}")
        assert shown["endTime"]


async def test_postgresql_dies_and_comes_back(postgres: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    """A database that is killed under an engine costs no conversation a word."""
    caplog.set_level(logging.DEBUG)
    async with an_engine(store_url=postgres.url()) as engine:
        await go_through_an_outage(engine, postgres.kill, postgres.start)
    rows = postgres.execute("select count(*), count(distinct id) from symbl_items where kind = 'message'")
    assert rows.strip() == "80|80"
    assert "store out of reach" in caplog.text
    assert "store is back" in caplog.text
    assert SECRET not in caplog.text
    assert PASSWORD not in caplog.text


async def test_a_file_is_locked_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody who locks the file, a backup for example, costs no conversation a word."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.2)
    path = tmp_path / "conversations.db"
    async with an_engine(store_url=f"sqlite:///{path}") as engine:
        backup = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            await go_through_an_outage(
                engine, lambda: backup.execute("begin immediate"), lambda: backup.execute("rollback")
            )
            rows = backup.execute("select count(*), count(distinct id) from symbl_items where kind = 'message'")
            assert rows.fetchone() == (80, 80)
        finally:
            backup.close()
    assert "store out of reach" in caplog.text
    assert SECRET not in caplog.text


async def test_an_engine_stops_without_its_store(postgres: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    """An engine whose database is gone stops in time, and says that something was not kept."""
    async with an_engine(store_url=postgres.url()) as engine:
        client = await engine.connect()
        await client.start()
        await say(client, range(3))
        postgres.kill()
        await say(client, range(3, 6))
        begun = asyncio.get_running_loop().time()
    # Draining takes a second, the attempts to write five, and then one to say goodbye to the database.
    assert asyncio.get_running_loop().time() - begun < 25
    assert "kept incompletely" in caplog.text


async def test_no_store_no_engine() -> None:
    """An engine whose store is out of reach does not start, says why, and leaves nothing behind."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"postgresql://user:{PASSWORD}@127.0.0.1:{taken.getsockname()[1]}/calls"
        with pytest.raises(ConfigurationError, match=r"PostgreSQL at 127\.0\.0\.1") as refused:
            async with an_engine(store_url=url):
                pass
    assert PASSWORD not in str(refused.value)
    assert len(asyncio.all_tasks()) == 1


async def test_what_is_told_is_kept_already(tmp_path: Path) -> None:
    """Whoever is told something can ask for it, and for what was found in it, also if the engine dies at once."""
    path = tmp_path / "conversations.db"
    async with an_engine(store_url=f"sqlite:///{path}") as engine:
        client = await engine.connect()
        await client.start(insightTypes=["question"])
        for number in range(10):
            await client.audio(encode_utterance(f"u{number}", ["is", "this", "the", f"n{number}?"]))
            told = await client.until("message_response")
            with contextlib.closing(sqlite3.connect(path)) as file:
                rows = file.execute("select kind, count(*) from symbl_items group by kind").fetchall()
            assert {"message": number + 1, "insight": number + 1}.items() <= dict(rows).items()
            assert told["messages"][0]["id"] == message_ids(client)[-1]


async def test_what_was_said_survives_the_process(tmp_path: Path) -> None:
    """After `kill -9`, the next engine on the same file has everything that had been said, and has ended the
    conversations that nobody can continue.
    """
    url = f"sqlite:///{tmp_path / 'conversations.db'}"
    key = "k" * 32
    async with a_process(url, key) as (engine, process):
        client = await engine.connect("killed-call")
        conversation_id = await client.start(insightTypes=["question"])
        done = await engine.connect("finished-call")
        done_id = await done.start("jonas")
        await say(done, range(3))
        await done.stop()
        await say(client, range(30))
        wanted = message_ids(client)
        _, live = await get(engine, f"/v1/conversations/{conversation_id}")
        _, before = await get(engine, f"/v1/conversations/{done_id}")
        assert "endTime" not in live
        process.send_signal(signal.SIGKILL)
        await process.wait()
    async with an_engine(store_url=url, token_key=key.encode()) as engine:
        assert await kept_ids(engine, conversation_id) == wanted
        assert await kept_ids(engine, done_id) == message_ids(done)
        _, after = await get(engine, f"/v1/conversations/{conversation_id}")
        assert after["endTime"] > after["startTime"]
        assert {**after, "endTime": None} == {**live, "endTime": None}
        assert (await get(engine, f"/v1/conversations/{done_id}"))[1] == before
        # The connection id is free: what is said now is another conversation.
        client = await engine.connect("killed-call")
        assert await client.start() != conversation_id
        await say(client, range(1))
        _, listed = await get(engine, "/v1/conversations")
        assert len(listed["conversations"]) == 3


@contextlib.asynccontextmanager
async def a_process(store_url: str, token_key: str) -> AsyncIterator[tuple[Engine, asyncio.subprocess.Process]]:
    """An engine in a process of its own, as the command line runs it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ENGINE__")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker.cli", "engine", "--recognizer", "coded", "--port", str(port)),
        env=environment | {"ENGINE__STORE_URL": store_url, "ENGINE__TOKEN_KEY": token_key},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    base_url = f"http://127.0.0.1:{port}"
    try:
        async with contextlib.AsyncExitStack() as clients:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    try:
                        _, answer = await fetch_token(base_url)
                        break
                    except aiohttp.ClientError:
                        assert process.returncode is None
                        await asyncio.sleep(0.1)
            yield Engine(base_url, answer["accessToken"], clients), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
