"""Which broker is chosen, and what is said when there is none. Real brokers are the integration tests' business."""

import base64
import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from worker.demo.broker import (
    POM,
    ExternalKafka,
    MockKafka,
    answers_metadata,
    choose_broker,
    ensure_jars,
    free_ports,
    jars_folder,
    java_version,
    new_cluster_id,
)
from worker.errors import BrokerError


def script(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Java 17 and a Maven that "fetches" one jar; an empty cache."""
    tools = tmp_path / "bin"
    tools.mkdir()
    script(tools, "java", "echo 'openjdk version \"17.0.15\" 2025-04-15' >&2")
    script(
        tools,
        "mvn",
        'for each in "$@"; do case $each in -DoutputDirectory=*) to=${each#*=};; esac; done\n'
        'mkdir -p "$to"; echo jar > "$to/kafka_2.13-4.2.1.jar"',
    )
    return {"PATH": f"{tools}:{os.defpath}", "SYMBL_WORKER_CACHE": str(tmp_path / "cache")}


def test_named_broker_wins(env: dict[str, str]) -> None:
    """A broker that the environment names is used, and never stopped or hurt."""
    broker = choose_broker(env | {"KAFKA__BOOTSTRAP_SERVERS": "one:9092,two:9092"})
    assert (broker.kind, broker.is_real, broker.bootstrap_servers) == ("external", True, "one:9092,two:9092")
    broker.stop()
    for fault in (broker.kill, broker.stop_process, broker.pause, broker.resume, broker.restart):
        with pytest.raises(BrokerError, match="external"):
            fault()


def test_named_broker_must_answer() -> None:
    """When nothing answers at the named address, start says so."""
    (port,) = free_ports(1)
    with pytest.raises(BrokerError, match="no broker answers"):
        ExternalKafka(f"127.0.0.1:{port},nonsense").start()


def test_real_kafka_where_java_is(env: dict[str, str]) -> None:
    """With Java 17 and Maven there is a real broker, and nothing has to be said."""
    said: list[str] = []
    assert choose_broker(env, said.append).kind == "apache-kafka"
    assert said == []


@pytest.mark.parametrize(
    ("tool", "text", "reason"),
    [
        ("java", "echo 'java version \"1.8.0_392\"' >&2", "Java is 8"),
        ("java", "exit 1", "unknown version"),
        ("mvn", None, "Maven was not found"),
        ("java", None, "Java 17 was not found"),
    ],
)
def test_mock_where_it_is_not(env: dict[str, str], tmp_path: Path, tool: str, text: str | None, reason: str) -> None:
    """Without a usable Java or Maven the mock is used, and one line says why."""
    env["PATH"] = str(tmp_path / "bin")
    if text is None:
        (tmp_path / "bin" / tool).unlink()
    else:
        script(tmp_path / "bin", tool, text)
    said: list[str] = []
    broker = choose_broker(env, said.append)
    assert (broker.kind, broker.is_real) == ("librdkafka-mock", False)
    assert len(said) == 1
    assert reason in said[0]


def test_no_broker_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Java and without the mock, the error tells every way out."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(BrokerError, match=r"Java 17.*symbl-worker\[demo\].*KAFKA__BOOTSTRAP_SERVERS"):
        choose_broker({"PATH": "/nowhere"})


def test_mock_answers_and_creates_topics() -> None:
    """The mock is reachable over TCP and creates topics when asked for them."""
    with MockKafka() as broker:
        assert answers_metadata(int(broker.bootstrap_servers.rpartition(":")[2]))
        broker.auto_create(["a"])
        with pytest.raises(BrokerError):
            broker.kill()


def test_address_only_after_start() -> None:
    """There is no address before the start."""
    with pytest.raises(BrokerError, match="not been started"):
        _ = MockKafka().bootstrap_servers


def test_jars_are_fetched_once(env: dict[str, str]) -> None:
    """The cache folder is named after the pom, appears complete, and is used from then on."""
    said: list[str] = []
    folder = ensure_jars(env, said.append)
    assert ensure_jars(env, said.append) == folder == jars_folder(env)
    assert [jar.name for jar in folder.iterdir()] == ["kafka_2.13-4.2.1.jar"]
    assert list(folder.parent.iterdir()) == [folder]
    assert len(said) == 1


def test_two_at_once_are_safe(env: dict[str, str], tmp_path: Path) -> None:
    """Processes that fetch at the same time all end with the same complete folder."""
    slow = (tmp_path / "bin" / "mvn").read_text() + "sleep 0.3\n"
    (tmp_path / "bin" / "mvn").write_text(slow)
    folders: list[Path] = []
    fetchers = [threading.Thread(target=lambda: folders.append(ensure_jars(env, lambda _: None))) for _ in range(3)]
    for fetcher in fetchers:
        fetcher.start()
    for fetcher in fetchers:
        fetcher.join()
    assert folders == [jars_folder(env)] * 3
    assert list(jars_folder(env).parent.iterdir()) == [jars_folder(env)]


def test_failed_fetch_leaves_nothing(env: dict[str, str], tmp_path: Path) -> None:
    """When Maven fails, its output is shown, and no partial folder counts as the jars."""
    script(tmp_path / "bin", "mvn", "echo 'Could not resolve artifact'; exit 1")
    with pytest.raises(BrokerError, match="Could not resolve artifact"):
        ensure_jars(env, lambda _: None)
    assert list(jars_folder(env).parent.iterdir()) == []


def test_cache_folder_follows_the_environment(tmp_path: Path) -> None:
    """Our own variable wins over XDG's, and that one over the home folder."""
    home = {"HOME": "/home/someone"}
    assert jars_folder(home).parent == Path("/home/someone/.cache/symbl-worker")
    assert jars_folder(home | {"XDG_CACHE_HOME": "/xdg"}).parent == Path("/xdg/symbl-worker")
    assert jars_folder(home | {"XDG_CACHE_HOME": "/xdg", "SYMBL_WORKER_CACHE": "/own"}).parent == Path("/own")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('openjdk version "17.0.15" 2025', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "21" x', 21),
        ("", None),
    ],
)
def test_java_version(text: str, version: int | None) -> None:
    """Old and new ways to write the version are understood."""
    assert java_version(text) == version


def test_cluster_id_is_no_option() -> None:
    """A cluster id is 16 bytes in 22 characters and never begins with a dash."""
    for _ in range(500):
        cluster_id = new_cluster_id()
        assert cluster_id[0].isalpha()
        assert len(base64.urlsafe_b64decode(cluster_id + "==")) == 16


def test_not_ready_is_false() -> None:
    """A port that nobody listens on, and one that hangs up, are both not ready."""
    (port,) = free_ports(1)
    assert not answers_metadata(port)
    with socket.create_server(("127.0.0.1", 0)) as server:
        hang_up = threading.Thread(target=lambda: server.accept()[0].close())
        hang_up.start()
        assert not answers_metadata(server.getsockname()[1])
        hang_up.join()


def test_versions_are_pinned() -> None:
    """The jars are those of one exact version."""
    assert "<version>4.2.1</version>" in POM.read_text()
