"""The engine in a process of its own, started as users start it, and what it costs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_GAUGE = re.compile(r"^(\w+) ([0-9.eE+-]+)$", re.MULTILINE)
_START_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the process has used at one moment."""

    cpu_seconds: float
    rss_bytes: int
    open_files: int
    threads: int


def machine_busy_seconds() -> float:
    """CPU time that all processes of the machine have used, since some moment."""
    user, nice, system, _, _, irq, softirq, *_ = Path("/proc/stat").read_text(encoding="utf-8").split(maxsplit=9)[1:9]
    return sum(int(each) for each in (user, nice, system, irq, softirq)) / _TICKS_PER_SECOND


def cost_of(pid: int) -> Cost:
    """What any process has used so far."""
    # Behind the name, which may hold anything but a closing bracket at its end.
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return Cost(
        cpu_seconds=(int(stat[11]) + int(stat[12])) / _TICKS_PER_SECOND,
        rss_bytes=int(stat[21]) * os.sysconf("SC_PAGE_SIZE"),
        open_files=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        threads=int(stat[17]),
    )


def waited_seconds(pid: int) -> float:
    """How long the main thread of a process was ready to run and had no processor: what other programs took from it."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="utf-8").split()[1]) / 1e9


class EngineProcess:
    """A running engine. Made by `start_engine`."""

    def __init__(self, pid: int, base_url: str, log: Path) -> None:
        self.pid = pid
        self.base_url = base_url
        self._log = log

    def __repr__(self) -> str:
        return f"<EngineProcess {self.pid} {self.base_url}>"

    def cost(self) -> Cost:
        return cost_of(self.pid)

    async def token(self) -> str:
        body = {"appId": "bench", "appSecret": "bench"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.base_url}/oauth2/token:generate", json=body) as response,
        ):
            return str((await response.json())["accessToken"])

    async def gauges(self) -> dict[str, float]:
        """Metrics without labels."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.base_url}/metrics") as response:
            return {name: float(value) for name, value in _GAUGE.findall(await response.text())}

    def stay_on(self, core: int) -> None:
        for thread in Path(f"/proc/{self.pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})

    def end_of_log(self) -> str:
        return self._log.read_text(encoding="utf-8")[-2000:]

    def log_count(self, text: str) -> int:
        """Lines of the log that hold this text."""
        return sum(text in line for line in self._log.read_text(encoding="utf-8").splitlines())


@contextlib.asynccontextmanager
async def start_engine(
    settings: Mapping[str, object], *, core: int | None = None, lasting: bool = False
) -> AsyncIterator[EngineProcess]:
    """Runs ``symbl-worker engine --recognizer coded`` and stops it with SIGTERM.

    Args:
        settings: Fields of the engine's settings.
        core: The only core that it may use; None leaves it to the kernel.
        lasting: Its store is a file with a name.

    Raises:
        RuntimeError: It did not start, or did not end in peace.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ENGINE__", "LOG__"))}
    environment |= {f"ENGINE__{name.upper()}": str(value) for name, value in settings.items()}
    with tempfile.TemporaryDirectory(prefix="engine-bench-") as folder:
        log = Path(folder, "log")
        if lasting:
            environment["ENGINE__STORE_URL"] = f"sqlite:///{folder}/conversations.db"
        with log.open("wb") as log_file:  # noqa: ASYNC230 -- nothing else runs yet
            process = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name("symbl-worker")),
                *("engine", "--recognizer", "coded", "--port", "0"),
                env=environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=log_file,
            )
            try:
                assert process.stdout is not None
                async with asyncio.timeout(_START_SECONDS):
                    ready = (await process.stdout.readline()).decode()
                engine = EngineProcess(process.pid, ready.rpartition("ready at ")[2].strip(), log)
                if "ready at " not in ready:
                    raise RuntimeError(f"the engine did not start: {engine.end_of_log()}")
                if core is not None:
                    engine.stay_on(core)
                yield engine
            finally:
                if process.returncode is None:
                    process.send_signal(signal.SIGTERM)
                    try:
                        async with asyncio.timeout(_START_SECONDS):
                            await process.wait()
                    except TimeoutError:
                        process.kill()
                        await process.wait()
                        raise RuntimeError("the engine did not stop") from None
