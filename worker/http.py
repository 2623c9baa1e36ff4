"""Metrics, health and sessions on one port. Shell."""

from __future__ import annotations

import os
from collections.abc import Callable

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from worker.errors import ConfigurationError


class StatusServer:
    """The worker's HTTP port.

    Args:
        live: why the process should be restarted; None while it is well.
        ready: why it does not take part yet; None when it does.
        sessions: JSON-ready account of who is streaming, without content.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        registry: CollectorRegistry,
        live: Callable[[], str | None],
        ready: Callable[[], str | None],
        sessions: Callable[[], dict[str, object]],
    ) -> None:
        self._host = host
        self._port = port
        self._registry = registry
        self._live = live
        self._ready = ready
        self._sessions = sessions
        app = web.Application()
        app.router.add_get("/metrics", self._answer_metrics)
        app.router.add_get("/health/live", self._answer_live)
        app.router.add_get("/health/ready", self._answer_ready)
        app.router.add_get("/sessions", self._answer_sessions)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)

    async def start(self) -> int:
        """Listen. Returns the port.

        Raises:
            ConfigurationError: the address is taken or not ours.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            # asyncio's own text repeats the address; getaddrinfo's errors have numbers of their own.
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
            where = f"{self._host}:{self._port}"
            raise ConfigurationError(f"HTTP__HOST, HTTP__PORT: cannot listen on {where}: {reason}") from None
        port: int = self._runner.addresses[0][1]
        return port

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _answer_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _answer_live(self, _: web.Request) -> web.Response:
        return _health(self._live())

    async def _answer_ready(self, _: web.Request) -> web.Response:
        return _health(self._ready())

    async def _answer_sessions(self, _: web.Request) -> web.Response:
        body = orjson.dumps(self._sessions(), option=orjson.OPT_INDENT_2)
        return web.Response(body=body, content_type="application/json")


def _health(problem: str | None) -> web.Response:
    if problem is None:
        return web.Response(text="ok\n")
    return web.Response(text=f"{problem}\n", status=503)
