"""Structured logs: ids and counts, never contents."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import EventDict, Processor

OURS = "worker"
_add_fields = structlog.stdlib.ExtraAdder()


def configure_logs(level: str, form: Literal["json", "console"]) -> None:
    """Log to standard error.

    Libraries are never logged below INFO, whatever the level: their debug logs hold payloads, tokens or both.
    """
    number = logging.getLevelNamesMapping()[level]
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer(serializer=_dumps)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _with_our_fields, _without_quotes],
            processors=[
                _without_exception_text,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
            ],
        )
    )
    # What cannot be logged would otherwise be printed, with all its arguments.
    logging.raiseExceptions = False
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(number, logging.INFO))
    logging.getLogger(OURS).setLevel(number)
    # It says ten times a second that a topic does not exist; those who wait for one say so once.
    logging.getLogger("aiokafka.cluster").setLevel(logging.CRITICAL)


def _dumps(value: Any, **_: Any) -> str:
    try:
        return orjson.dumps(value, default=repr).decode()
    except TypeError:
        # Text that is not valid Unicode, or a number beyond 64 bits.
        return json.dumps(value, default=repr)


def _with_our_fields(logger: logging.Logger, name: str, event: EventDict) -> EventDict:
    """What libraries attach to their records may hold anything; only our own ``extra`` is written."""
    return _add_fields(logger, name, event) if event["_record"].name.partition(".")[0] == OURS else event


def _without_quotes(_: object, __: str, event: EventDict) -> EventDict:
    """asyncio's messages quote the arguments of callbacks and the exceptions of tasks: only their beginning is kept."""
    if event["_record"].name == "asyncio":
        event["event"] = str(event["event"]).partition("\n")[0].partition("(")[0]
    return event


def _without_exception_text(_: object, __: str, event: EventDict) -> EventDict:
    """A foreign exception's text may quote what it choked on: only its class is logged."""
    exc_info = event.pop("exc_info", None)
    if exc_info is True:
        exc_info = sys.exc_info()
    if isinstance(exc_info, tuple) and exc_info[0] is not None:
        event["error"] = exc_info[0].__name__
    elif isinstance(exc_info, BaseException):
        event["error"] = type(exc_info).__name__
    return event
