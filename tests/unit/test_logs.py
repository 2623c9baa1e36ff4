"""What is written to the log, and what is not."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import pytest
import structlog

from worker.logs import configure_logs

CONTENT = "my card is 4111"
Form: TypeAlias = Literal["json", "console"]
StartLogs: TypeAlias = Callable[..., io.StringIO]


@pytest.fixture
def start_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[StartLogs]:
    """Configures logs into a string; everything is as it was after the test."""
    root, ours, cluster = (logging.getLogger(name) for name in (None, "worker", "aiokafka.cluster"))
    before = root.handlers, [logger.level for logger in (root, ours, cluster)], logging.raiseExceptions

    def start(level: str = "DEBUG", form: Form = "json") -> io.StringIO:
        written = io.StringIO()
        monkeypatch.setattr(sys, "stderr", written)
        configure_logs(level, form)
        return written

    yield start
    root.handlers, levels, logging.raiseExceptions = before
    for logger, level in zip((root, ours, cluster), levels, strict=True):
        logger.setLevel(level)
    structlog.reset_defaults()


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def fail() -> None:
    raise ValueError(CONTENT)


def test_a_line_is_one_json_object(start_logs: StartLogs) -> None:
    """Name, level, time and fields, whichever of the two ways of logging a module uses."""
    written = start_logs()
    structlog.get_logger("worker.a").info("lane_restored", partition="audio/3")
    logging.getLogger("worker.engine.b").warning("took %d s", 3, extra={"line": 7})
    first, second = lines(written)
    assert {
        "event": "lane_restored",
        "level": "info",
        "logger": "worker.a",
        "partition": "audio/3",
    }.items() <= first.items()
    assert {"event": "took 3 s", "level": "warning", "logger": "worker.engine.b", "line": 7}.items() <= second.items()
    assert first["timestamp"].endswith("Z")


@pytest.mark.parametrize("value", ["a\nb", "\ud800", 1 << 80, {1: 2}, b"\xff", object()])
def test_every_value_makes_a_valid_line(start_logs: StartLogs, value: object) -> None:
    """Whatever is logged as a field, the line is one line of JSON."""
    written = start_logs()
    structlog.get_logger("worker.a").info("odd", value=value)
    (line,) = lines(written)
    assert line["event"] == "odd"
    assert "value" in line


@pytest.mark.parametrize("form", ["json", "console"])
def test_only_the_class_of_an_exception_is_logged(start_logs: StartLogs, form: Form) -> None:
    """The text of an exception may quote what was said: at no level and in no form it is written."""
    written = start_logs("DEBUG", form)
    ours, plain, foreign = (structlog.get_logger("worker.a"), *map(logging.getLogger, ("worker.b", "other")))
    try:
        fail()
    except ValueError as error:
        ours.exception("one")
        ours.debug("two", exc_info=True)
        ours.error("three", exc_info=error)
        plain.exception("four")
        foreign.error("five", exc_info=error)
    text = written.getvalue()
    assert text.count("ValueError") == 5
    assert CONTENT not in text
    assert "Traceback" not in text


@pytest.mark.parametrize("form", ["json", "console"])
async def test_asyncio_quotes_nothing(start_logs: StartLogs, form: Form) -> None:
    """asyncio's reports of forgotten tasks and failed callbacks hold their exceptions and arguments: not in our log."""
    written = start_logs("DEBUG", form)

    async def forgotten() -> None:
        fail()

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(None)
    task = loop.create_task(forgotten())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()
    loop.call_soon(lambda _: fail(), CONTENT)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    text = written.getvalue()
    assert "Task exception was never retrieved" in text
    assert "Exception in callback" in text
    assert text.count("ValueError") == 2
    assert CONTENT not in text


@pytest.mark.parametrize(
    "name", ["aiokafka.conn", "aiohttp.client", "asyncio", "websockets.client", "somebody", "workers"]
)
def test_libraries_are_never_at_debug(start_logs: StartLogs, name: str) -> None:
    """Debug logs of libraries hold payloads and tokens. Ours are written at DEBUG, theirs from INFO on."""
    written = start_logs("DEBUG")
    logging.getLogger(name).debug(CONTENT)
    logging.getLogger(name).info("connected")
    logging.getLogger("worker.a").debug("detail")
    assert [line["event"] for line in lines(written)] == ["connected", "detail"]


@pytest.mark.parametrize(
    ("level", "ours", "theirs"),
    [("INFO", ["i", "w", "e"], ["i", "w", "e"]), ("WARNING", ["w", "e"], ["w", "e"]), ("ERROR", ["e"], ["e"])],
)
def test_levels(start_logs: StartLogs, level: str, ours: list[str], theirs: list[str]) -> None:
    """Above DEBUG the level is the same for everybody."""
    written = start_logs(level)
    for name in ("worker.a", "somebody"):
        logger = logging.getLogger(name)
        for each, number in (("d", 10), ("i", 20), ("w", 30), ("e", 40)):
            logger.log(number, each)
    structured = structlog.get_logger("worker.c")
    structured.debug("d")
    events = {
        name: [line["event"] for line in lines(written) if line["logger"] == name] for name in ("worker.a", "somebody")
    }
    assert events == {"worker.a": ours, "somebody": theirs}


def test_fields_of_libraries_are_not_written(start_logs: StartLogs) -> None:
    """What a library attaches to its records is not for the log."""
    written = start_logs()
    logging.getLogger("websockets.server").info("connection open", extra={"websocket": CONTENT})
    assert CONTENT not in written.getvalue()


def test_a_broken_record_is_not_printed(start_logs: StartLogs) -> None:
    """A record that cannot be written is lost, rather than printed with its arguments."""
    written = start_logs()
    logging.getLogger("worker.a").info("took %d s", CONTENT)
    assert written.getvalue() == ""
