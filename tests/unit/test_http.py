"""The worker's HTTP port."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from worker.errors import ConfigurationError
from worker.http import StatusServer
from worker.metrics import GaugeCollector, Metrics


class Worker:
    """What the port shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.live: str | None = None
        self.ready: str | None = None
        self.sessions: dict[str, object] = {"lag_records": {}, "sessions": []}

    def server(self, host: str = "127.0.0.1", port: int = 0) -> StatusServer:
        return StatusServer(
            host,
            port,
            registry=self.registry,
            live=lambda: self.live,
            ready=lambda: self.ready,
            sessions=lambda: self.sessions,
        )


Get: TypeAlias = Callable[[str], Awaitable[tuple[int, str, str]]]


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
async def get(worker: Worker) -> AsyncIterator[Get]:
    """Asks the port for a path: status, media type, body."""
    server = worker.server()
    port = await server.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:

        async def ask(path: str) -> tuple[int, str, str]:
            async with http.get(path) as response:
                return response.status, response.content_type, await response.text()

        yield ask
    await server.stop()


async def test_metrics_can_be_scraped(worker: Worker, get: Get) -> None:
    """/metrics is Prometheus text, and reads the gauges anew each time."""
    held = 1.0
    worker.registry.register(GaugeCollector(lambda: [("held_audio_bytes", "Audio in memory.", held)]))
    held = 2.0
    worker.metrics.records.inc(5)
    worker.metrics.dead_letters.labels("missing_key").inc()
    status, media_type, body = await get("/metrics")
    assert (status, media_type) == (200, "text/plain")
    families = {family.name: family for family in text_string_to_metric_families(body)}
    assert families["symbl_worker_input_records"].type == "counter"
    samples = {(s.name, *s.labels.values()): s.value for family in families.values() for s in family.samples}
    assert samples["symbl_worker_input_records_total",] == 5
    assert samples["symbl_worker_dead_letters_total", "missing_key"] == 1
    assert samples["symbl_worker_held_audio_bytes",] == 2
    held = 3.0
    assert "symbl_worker_held_audio_bytes 3.0" in (await get("/metrics"))[2]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_health(worker: Worker, get: Get, path: str) -> None:
    """200 while all is well, 503 with the reason when it is not; the two probes are independent."""
    assert (await get(path))[::2] == (200, "ok\n")
    setattr(worker, path.rpartition("/")[2], "no poll for 61 s")
    assert (await get(path))[::2] == (503, "no poll for 61 s\n")
    other = "/health/live" if path == "/health/ready" else "/health/ready"
    assert (await get(other))[0] == 200


async def test_sessions(worker: Worker, get: Get) -> None:
    """/sessions is the account that the worker gives, as JSON."""
    worker.sessions = {"sessions": [{"conversation_id": "c–1", "held_bytes": 3}]}
    status, media_type, body = await get("/sessions")
    assert (status, media_type) == (200, "application/json")
    assert '"conversation_id": "c–1"' in body


@pytest.mark.parametrize("path", ["/", "/metrics/", "/health", "/sessions/c-1", "/v1/streaming/x"])
async def test_unknown_paths(get: Get, path: str) -> None:
    """There is nothing else on this port."""
    assert (await get(path))[0] == 404


async def test_a_failing_account_shows_nothing(worker: Worker, get: Get, caplog: pytest.LogCaptureFixture) -> None:
    """A bug behind the port is a 500 without details."""
    worker.sessions = {"sessions": object()}
    status, _, body = await get("/sessions")
    assert status == 500
    assert "object" not in body
    assert caplog.records


async def test_a_taken_port_is_a_wrong_setting(worker: Worker) -> None:
    """An address that cannot be listened on names the settings and the reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"^HTTP__HOST, HTTP__PORT: .*127.0.0.1:{port}: Address already"):
            await worker.server(port=port).start()
    with pytest.raises(ConfigurationError, match=r"^HTTP__HOST, HTTP__PORT: cannot listen on host\.invalid:0: \w+"):
        await worker.server(host="host.invalid").start()
    with pytest.raises(ConfigurationError, match=r"^HTTP__HOST, HTTP__PORT: .*198\.51\.100\.1:0: Cannot assign"):
        await worker.server(host="198.51.100.1").start()


async def test_stop_is_quick_and_frees_the_port(worker: Worker) -> None:
    """After `stop` the port is free again; a server that never started may be stopped."""
    server = worker.server()
    port = await server.start()
    await server.stop()
    again = worker.server(port=port)
    assert await again.start() == port
    await again.stop()
    await worker.server().stop()
