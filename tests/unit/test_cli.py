"""The command line: in this process where texts matter, in processes of its own where signals and exit codes do."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from tests.unit.engine.client import fetch_token
from worker.cli import cli
from worker.redaction import RedactionPolicy

ROOT = Path(__file__).parents[2]
CLI = (sys.executable, "-m", "worker.cli")
SECTIONS = (
    *("KAFKA__", "TOPICS__", "SYMBL_", "WORKER__", "AUDIO__", "CONVERSATION__", "CAPTIONS__", "TRANSCRIPTS__"),
    *("REDACTION__", "BUFFER__", "HTTP__", "LOG__", "ENGINE__"),
)
PATIENCE_SECONDS = 30.0
COMMANDS = ("run", "check", "engine", "produce", "tail", "topics", "topics create")
ON_KAFKA = (
    ("check",),
    ("topics", "create"),
    ("tail",),
    ("produce", "--conversation", "c", str(ROOT / "worker/demo/call/01-agent.wav")),
)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of our variables is set, whoever runs the tests."""
    for name in os.environ:
        if name.startswith(SECTIONS):
            monkeypatch.delenv(name)


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """Puts the logging of this process back."""
    loggers = [logging.getLogger(name) for name in (None, "worker", "aiokafka.cluster")]
    handlers, levels, loud = loggers[0].handlers, [logger.level for logger in loggers], logging.raiseExceptions
    yield
    loggers[0].handlers, logging.raiseExceptions = handlers, loud
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections: bound, so that nobody else takes it, and not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def invoke(*arguments: str, **environment: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, arguments, env={"COLUMNS": "200", **environment})
    return result.exit_code, result.stdout, result.stderr


def call(*arguments: str, program: tuple[str, ...] = CLI, **environment: str) -> tuple[int, str, str]:
    """Runs the command line in a process of its own, to its end."""
    done = subprocess.run(
        [*program, *arguments],
        env={**os.environ, **environment},
        cwd=ROOT,
        input="",
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


# --- help ---


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_needs_no_settings(command: str) -> None:
    """Every command explains itself, whatever is wrong with the settings."""
    code, out, err = invoke(*command.split(), "--help", HTTP__PORT="x", KAFKA__NONSENSE="1")
    assert (code, err) == (0, "")
    assert "Usage: " in out


def test_help_needs_no_engine() -> None:
    """Without the engine's libraries there is help for everything, and `engine` says what to install."""
    absent = ["dateparser", "numpy", "pocketsphinx", "rapidfuzz", "vaderSentiment", "soxr"]
    hide = f"import sys; sys.modules.update(dict.fromkeys({absent}))"
    program = (sys.executable, "-c", f"{hide}; from worker.cli import main; main()")
    code, out, _ = call("--help", program=program)
    assert code == 0
    assert "produce" in out
    code, out, err = call("engine", program=program)
    assert (code, out) == (1, "")
    assert err.startswith("symbl-worker: the engine is not installed (")
    assert err.endswith("): pip install 'symbl-worker[engine]'\n")


def test_without_a_command_help_is_shown() -> None:
    """Wrong use is exit code 2, so that scripts can tell it from a failure."""
    code, out, _ = invoke()
    assert "Usage: " in out
    assert code == 2
    assert invoke("nonsense")[0] == 2
    assert invoke("tail", "--max", "0")[0] == 2
    assert invoke("produce")[0] == 2


# --- settings ---


@pytest.mark.parametrize("command", ["run", "check", "tail", "topics create", "produce --conversation c -"])
def test_wrong_settings(tmp_path: Path, command: str) -> None:
    """Every command names every wrong setting on standard error, with exit code 1 and nothing else."""
    file = tmp_path / "settings.yaml"
    file.write_text("kafka: {nonsense: 1}")
    code, out, err = invoke(*command.split(), "--config", str(file), HTTP__PORT="x", KAFKA__BOOTSTRAP_SERVER="a")
    assert (code, out) == (1, "")
    assert err == (
        "symbl-worker: wrong settings:\n"
        "  HTTP__PORT: Input should be a valid integer, unable to parse string as an integer\n"
        "  KAFKA__BOOTSTRAP_SERVER: no such setting\n"
        "  kafka.nonsense: no such setting\n"
    )


@pytest.mark.parametrize(
    ("arguments", "environment", "text"),
    [
        (
            ["--recognizer", "nonsense"],
            {},
            "ENGINE__RECOGNIZER: Input should be 'pocketsphinx', 'coded', 'sherpa-onnx', 'vosk' or 'faster-whisper'",
        ),
        (["--recognizer", "sherpa-onnx"], {}, "sherpa-onnx needs ENGINE__MODEL_DIR"),
        (["--port", "70000"], {}, "ENGINE__PORT lies between 0 and 65535"),
        (["--app-id", "app"], {}, "ENGINE__APP_SECRET"),
        ([], {"ENGINE__PROT": "1"}, "ENGINE__PROT: no such setting"),
        ([], {"LOG__LEVEL": "LOUD"}, "LOG__LEVEL: Input should be 'DEBUG'"),
    ],
)
def test_wrong_settings_of_the_engine(arguments: list[str], environment: dict[str, str], text: str) -> None:
    """The engine names what is wrong, and does not care about the worker's settings."""
    code, out, err = invoke("engine", *arguments, **environment, HTTP__PORT="x")
    assert (code, out) == (1, "")
    assert err.startswith("symbl-worker: wrong settings:\n  ")
    assert text in err
    assert "HTTP__PORT" not in err


def test_an_unexpected_error_hides_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of a foreign exception may quote what was said: only its class and its place are shown."""

    content = "my card is 4111"

    async def fail(*_: object) -> bool:
        raise KeyError(content)

    monkeypatch.setattr("worker.check.run_checks", fail)
    monkeypatch.setattr("worker.cli.configure_logs", lambda *_: None)
    code, _, err = invoke("check")
    assert code == 1
    assert err.endswith("symbl-worker: unexpected KeyError\n")
    assert ", in check\n" in err
    assert content not in err


# --- without a broker ---


@pytest.mark.parametrize("command", ON_KAFKA, ids=lambda command: command[0])
@pytest.mark.usefixtures("logs_as_before")
def test_an_absent_broker_is_one_line(closed_port: int, command: tuple[str, ...]) -> None:
    """Commands for people say in one line that there is no broker, without what the library has to say to it."""
    began_at = time.monotonic()
    where = f"127.0.0.1:{closed_port}"
    code, out, err = invoke(*command, KAFKA__BOOTSTRAP_SERVERS=where, SYMBL__BASE_URL=f"http://{where}")
    assert code == 1
    if command == ("check",):
        policy = RedactionPolicy()
        assert err == ""
        assert out.splitlines() == [
            "ok       configuration",
            f"ok       redaction policy {policy.version}: {json.dumps(policy.described())}",
            f"FAILED   broker: no usable broker at {where} (KafkaConnectionError)",
            f"FAILED   Symbl host http://{where}: token request: ClientConnectorError",
        ]
    else:
        assert out == ""
        assert err.startswith("symbl-worker: ")
        assert err.count("\n") == 1
        assert "127.0.0.1" in err
    assert time.monotonic() - began_at < 15


def test_a_worker_without_a_broker_ends(closed_port: int) -> None:
    """A worker that finds no broker ends with exit code 1, so that whoever runs it sees it; its log is JSON."""
    where = f"127.0.0.1:{closed_port}"
    code, out, err = call("run", KAFKA__BOOTSTRAP_SERVERS=where, HTTP__PORT="0")
    *log, last = err.splitlines()
    assert (code, out) == (1, "")
    assert last == f"symbl-worker: no usable broker at {where} (KafkaConnectionError)"
    assert all(line.startswith("{") and line.endswith("}") for line in log)
    assert "Traceback" not in err


def test_a_worker_whose_broker_says_nothing_ends() -> None:
    """A broker that takes connections and never answers costs a bounded time, too."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        code, _, err = call("run", KAFKA__BOOTSTRAP_SERVERS=where, KAFKA__REQUEST_TIMEOUT_SECONDS="0.5", HTTP__PORT="0")
    assert code == 1
    assert f"symbl-worker: no usable broker at {where} (" in err


def test_a_taken_port_is_named(closed_port: int) -> None:
    """A worker whose HTTP port is taken names the setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, err = call("run", HTTP__PORT=port, KAFKA__BOOTSTRAP_SERVERS=f"127.0.0.1:{closed_port}")
        assert (code, err) == (
            1,
            f"symbl-worker: HTTP__HOST, HTTP__PORT: cannot listen on 127.0.0.1:{port}: Address already in use\n",
        )
        code, out, err = call("engine", "--recognizer", "coded", "--port", port)
        assert (code, out) == (1, "")
        assert err.startswith(f"symbl-worker: 127.0.0.1:{port}: ")
        assert "address already in use" in err
        assert err.count("\n") == 1


def test_produce_asks_for_a_topic() -> None:
    """With a pattern of input topics, where to send must be said."""
    code, _, err = call("produce", "--conversation", "c", "-", TOPICS__AUDIO="^calls")
    assert (code, err) == (1, "symbl-worker: TOPICS__AUDIO is a pattern: say with --topic which topic is meant\n")


@pytest.mark.parametrize("audio", [["-"], ["--microphone"], ["--speaker", "Ada"]])
def test_produce_follows_or_speaks(audio: list[str]) -> None:
    """Who follows a connection has no audio to send."""
    code, _, err = call("produce", "--conversation", "c", "--subscribe", "room", *audio)
    assert (code, err) == (1, "symbl-worker: --subscribe sends no audio: name no file, microphone or speaker\n")


# --- the engine's life ---


@pytest.fixture
def engine() -> Iterator[subprocess.Popen[str]]:
    """The process of an engine."""
    process = subprocess.Popen(
        [*CLI, "engine", "--port", "0", "--recognizer", "coded"],
        env={**os.environ, "ENGINE__DRAIN_SECONDS": "30", "LOG__LEVEL": "WARNING", "PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


async def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), PATIENCE_SECONDS)
    head, _, address = line.strip().rpartition(" ")
    assert head == "engine ready at"
    return address


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_one_signal_ends_the_engine_in_order(engine: subprocess.Popen[str], number: signal.Signals) -> None:
    """One line says where it listens; one signal ends it with exit code 0 and without another word."""
    status, answer = await fetch_token(await address_of(engine))
    assert (status, answer["expiresIn"] > 0) == (200, True)
    engine.send_signal(number)
    out, err = await asyncio.to_thread(engine.communicate, timeout=PATIENCE_SECONDS)
    assert (engine.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_second_signal_ends_at_once(engine: subprocess.Popen[str], number: signal.Signals) -> None:
    """While sockets are being closed, another signal ends the process there and then, and its status says so."""
    address = await address_of(engine)
    async with mute_socket(address, (await fetch_token(address))[1]["accessToken"]) as reader:
        engine.send_signal(signal.SIGTERM)
        # The engine's close frame; nobody will answer it.
        assert (await asyncio.wait_for(reader.readexactly(4), PATIENCE_SECONDS)) == b"\x88\x02\x03\xe9"
        began_at = time.monotonic()
        engine.send_signal(number)
        _, err = await asyncio.to_thread(engine.communicate, timeout=PATIENCE_SECONDS)
    assert (engine.returncode, err) == (-number, "")
    assert time.monotonic() - began_at < 1.5


@contextlib.asynccontextmanager
async def mute_socket(address: str, token: str) -> AsyncIterator[asyncio.StreamReader]:
    """A WebSocket of a client that never says anything, not even goodbye."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    key = base64.b64encode(bytes(16)).decode()
    writer.write(
        f"GET /v1/streaming/c?access_token={token} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
    assert head.startswith(b"HTTP/1.1 101 ")
    try:
        yield reader
    finally:
        writer.transport.abort()
