"""Structured logs: ids and counts, never contents."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import orjson
import structlog

FOREIGN_LOGGERS = ("aiohttp", "aiokafka", "asyncio", "websockets")
"""Libraries whose debug logs hold payloads, tokens or both."""


def configure_logs(level: str, form: Literal["json", "console"]) -> None:
    """Log to standard error. Libraries are never logged below INFO, whatever the level, for their privacy's sake."""
    number = logging.getLevelNamesMapping()[level]
    shared: list[structlog.typing.Processor] = [
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
    renderer: structlog.typing.Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer(
            serializer=lambda value, **_: orjson.dumps(value, default=repr).decode()
        )
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_exception_text,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    for name in FOREIGN_LOGGERS:
        logging.getLogger(name).setLevel(max(number, logging.INFO))
    # It says ten times a second that a topic does not exist; those who wait for one say so once.
    logging.getLogger("aiokafka.cluster").setLevel(logging.CRITICAL)


def _without_exception_text(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A foreign exception's text may quote what it choked on: only its class is logged."""
    exc_info = event.pop("exc_info", None)
    if isinstance(exc_info, tuple) and exc_info[0] is not None:
        event["error"] = exc_info[0].__name__
    elif isinstance(exc_info, BaseException):
        event["error"] = type(exc_info).__name__
    return event
