"""``python -m worker.demo``: a broker, an engine and a worker on this machine, and a recorded call through them.

Everything is started here and stopped here, in whatever way this process ends. What the parts log goes to files that
are named when something fails, and removed otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Coroutine, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from rich.console import Console
from rich.live import Live

from worker.demo.broker import LocalKafka, choose_broker, free_ports
from worker.demo.model import DemoModel
from worker.demo.processes import ManagedProcess
from worker.demo.recorded_call import load_call
from worker.demo.view import picture, print_summary
from worker.errors import WorkerError
from worker.produce import produce, wav_source
from worker.tail import OUTPUT_TOPICS, decode, interrupted, open_reader, records_until, text_line

START_SECONDS = 90.0
ENDED_SECONDS = 120.0
COMPLETE_SECONDS = 10.0
WATCH_SECONDS = 0.2
REFRESH_SECONDS = 0.1
WORKER_STOP_SECONDS = 15.0
ENGINE_STOP_SECONDS = 10.0
AUDIO_TOPIC = "symbl.audio"
STATE_TOPIC = "symbl.state"
SHOWN = ("redacted", "insights", "conversations", "dead-letters")
REPLACED = (
    *("SYMBL__", "TOPICS__", "WORKER__", "AUDIO__", "CONVERSATION__", "CAPTIONS__", "TRANSCRIPTS__", "REDACTION__"),
    *("BUFFER__", "HTTP__", "LOG__", "ENGINE_", "SYMBL_WORKER_CONFIG"),
)
SETTINGS = {
    "LOG__FORMAT": "console",
    "PYTHONUNBUFFERED": "1",
    "SYMBL__APP_ID": "demo",
    "SYMBL__APP_SECRET": "demo",
    "TOPICS__PARTITIONS": "4",
    "WORKER__GROUP_ID": "symbl-worker-demo",
}
TRACKERS = [{"name": "refund", "vocabulary": ["money back", "paid for it twice", "refund"]}]

T = TypeVar("T")


class DemoError(WorkerError):
    """The demo cannot go on; the text tells why, with the end of the log of the part that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says, and what runs our command line."""

    pace: float
    plain: bool
    cli: tuple[str, ...] = (sys.executable, "-m", "worker.cli")


class Demo:
    """One run. ``run`` may be called once; cancelling it stops everything that was started."""

    def __init__(self, options: Options, console: Console, folder: Path, env: Mapping[str, str]) -> None:
        self._options = options
        self._cli = options.cli
        self._console = console
        self._folder = folder
        self._env = child_environment(env, options.pace)
        self._call = load_call()
        self._conversation_id = f"demo-{uuid.uuid4().hex[:8]}"
        self._model = DemoModel(self._conversation_id)
        self._processes: list[ManagedProcess] = []
        self._ended = asyncio.Event()
        self._complete = asyncio.Event()

    async def run(self) -> None:
        """Start the parts, play the call, show what comes back, print the figures, stop the parts.

        Raises:
            WorkerError: something is missing or has died.
        """
        began = time.monotonic()
        async with AsyncExitStack() as stack:
            broker = choose_broker(self._env, self._say)
            await self._within(self._start(stack, broker))
            self._say(f"Everything is up after {time.monotonic() - began:.1f} s. Playing: {self._call.title}")
            started_at = await self._within(self._play(broker))
            summary = self._model.summary(self._call, started_at, self._options.pace)
            print_summary(self._console, summary, self._options.pace)
            if not summary.messages:
                raise DemoError("the conversation ended without a single message\n" + self._tails())

    # --- the parts ---------------------------------------------------------------------------------------------------

    async def _start(self, stack: AsyncExitStack, broker: LocalKafka) -> None:
        self._say("Starting Kafka, the engine and the worker ...")
        stack.push_async_callback(asyncio.to_thread, broker.stop)
        engine_output = self._folder / "engine.out"
        engine = self._launch(
            stack,
            "engine",
            ["engine", "--host", "127.0.0.1", "--port", "0", "--recognizer", "pocketsphinx"],
            stop_seconds=ENGINE_STOP_SECONDS,
            output=engine_output,
        )
        await _finish(asyncio.to_thread(broker.start))
        self._env["KAFKA__BOOTSTRAP_SERVERS"] = broker.bootstrap_servers
        if not broker.is_real:
            # The mock's transactions hide nothing from anybody, and end no one's.
            self._env["WORKER__DELIVERY"] = "at_least_once"
        await self._create_topics(broker)
        self._env["SYMBL__BASE_URL"] = await self._engine_url(engine, engine_output)
        (port,) = free_ports(1)
        self._env["HTTP__PORT"] = str(port)
        self._launch(stack, "worker", ["run"], stop_seconds=WORKER_STOP_SECONDS)
        await self._worker_is_ready(port)

    def _launch(
        self,
        stack: AsyncExitStack,
        name: str,
        arguments: list[str],
        *,
        stop_seconds: float,
        output: Path | None = None,
    ) -> ManagedProcess:
        process = ManagedProcess(
            name, [*self._cli, *arguments], log=self._folder / f"{name}.log", output=output, env=dict(self._env)
        )
        self._processes.append(process)

        async def stop() -> None:
            self._processes.remove(process)
            await asyncio.to_thread(process.stop, stop_seconds)

        stack.push_async_callback(stop)
        return process

    async def _create_topics(self, broker: LocalKafka) -> None:
        if not broker.is_real:
            await asyncio.to_thread(broker.auto_create, [AUDIO_TOPIC, STATE_TOPIC, *OUTPUT_TOPICS.values()])
            return
        process = ManagedProcess(
            "topics", [*self._cli, "topics", "create"], log=self._folder / "topics.log", env=dict(self._env)
        )
        try:
            done = await asyncio.to_thread(process.wait, START_SECONDS)
            if not done or process.exit_code != 0:
                raise DemoError(f"`topics create` {_outcome(process)}:\n{process.tail()}")
        finally:
            await asyncio.to_thread(process.kill)

    async def _engine_url(self, engine: ManagedProcess, output: Path) -> str:
        """The engine says on its standard output where it listens."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            url = first_url(output)
            if url is not None:
                return url
            await asyncio.sleep(WATCH_SECONDS)
        raise DemoError(f"the engine did not say where it listens within {START_SECONDS:.0f} s:\n{engine.tail()}")

    async def _worker_is_ready(self, port: int) -> None:
        url = f"http://127.0.0.1:{port}/health/ready"
        answer = "no answer"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            end = time.monotonic() + START_SECONDS
            while time.monotonic() < end:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with http.get(url) as response:
                        if response.status == 200:
                            return
                        answer = f"{response.status} {(await response.text())[:200]}"
                await asyncio.sleep(WATCH_SECONDS)
        raise DemoError(f"the worker was not ready within {START_SECONDS:.0f} s ({answer}):\n{self._tails()}")

    # --- the call ----------------------------------------------------------------------------------------------------

    async def _play(self, broker: LocalKafka) -> dict[str, float]:
        """Play the call and take in what comes back. Returns when each stream's first sample was played."""
        kafka = self._kafka()
        topics = {full: short for short, full in OUTPUT_TOPICS.items()}
        # The mock's control batches carry no checksum.
        async with open_reader(kafka, list(topics), from_beginning=False, check_crcs=broker.is_real) as consumer:
            reader = asyncio.create_task(self._read(consumer, topics))
            show = asyncio.create_task(self._show())
            try:
                return await _while_running(self._play_and_wait(kafka), reader, show)
            finally:
                for task in (reader, show):
                    task.cancel()
                await asyncio.gather(reader, show, return_exceptions=True)

    async def _play_and_wait(self, kafka: Mapping[str, Any]) -> dict[str, float]:
        started_at = await self._play_streams(kafka)
        try:
            async with asyncio.timeout(ENDED_SECONDS):
                await self._ended.wait()
        except TimeoutError:
            came = f"{self._model.message_count} messages had come"
            raise DemoError(
                f"no `ended` record within {ENDED_SECONDS:.0f} s after the call ({came}):\n{self._tails()}"
            ) from None
        # What `ended` counts was published before it, but in other topics.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(COMPLETE_SECONDS):
                await self._complete.wait()
        return started_at

    async def _play_streams(self, kafka: Mapping[str, Any]) -> dict[str, float]:
        try:
            async with asyncio.TaskGroup() as group:
                playing = [
                    group.create_task(
                        produce(
                            wav_source(self._call.audio(stream)),
                            kafka=kafka,
                            topic=AUDIO_TOPIC,
                            conversation_id=self._conversation_id,
                            stream=stream,
                            speakers=[speaker],
                            details={"meeting_title": self._call.title, "trackers": TRACKERS},
                            pace=self._options.pace,
                        )
                    )
                    for stream, speaker in self._call.streams.items()
                ]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return {produced.stream: produced.started_at for produced in (task.result() for task in playing)}

    async def _read(self, consumer: Any, topics: Mapping[str, str]) -> None:
        async with aclosing(records_until(consumer, asyncio.Event())) as records:
            async for record in records:
                value = decode(record.value)
                kind = topics[record.topic]
                if value is None or not self._model.receive(kind, value, time.time()):
                    continue
                if self._model.ended is not None:
                    self._ended.set()
                if self._model.is_complete:
                    self._complete.set()
                if not self._is_live and kind in SHOWN:
                    self._console.print(text_line(kind, self._conversation_id, record.value), soft_wrap=True)

    @property
    def _is_live(self) -> bool:
        return self._console.is_terminal and not self._options.plain

    async def _show(self) -> None:
        """Refresh the live picture; where there is none, wait."""
        began = time.monotonic()
        if not self._is_live:
            await asyncio.Event().wait()
        streams = list(self._call.streams)
        with Live(console=self._console, auto_refresh=False) as live:
            try:
                while True:
                    live.update(self._picture(streams, time.monotonic() - began), refresh=True)
                    await asyncio.sleep(REFRESH_SECONDS)
            finally:
                live.update(self._picture(streams, time.monotonic() - began), refresh=True)

    def _picture(self, streams: list[str], seconds: float) -> Any:
        played = min(seconds * self._options.pace, self._call.length_ms / 1000)
        return picture(self._model, self._call.title, played, streams, self._console.size.height)

    # --- helpers -----------------------------------------------------------------------------------------------------

    async def _within(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something while the parts are alive."""
        watch = asyncio.create_task(self._watch())
        try:
            return await _while_running(work, watch)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _watch(self) -> None:
        """Returns never. Raises ``DemoError`` when a part dies."""
        while True:
            for process in self._processes:
                if process.exit_code is not None:
                    raise DemoError(f"the {process.name} {_outcome(process)}:\n{process.tail()}")
            await asyncio.sleep(WATCH_SECONDS)

    def _tails(self) -> str:
        return "\n".join(f"--- {process.name}\n{process.tail()}" for process in self._processes)

    def _kafka(self) -> dict[str, Any]:
        from worker.config import load_settings  # only once the environment is complete

        return load_settings(self._env).kafka.client_arguments()

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)


def child_environment(env: Mapping[str, str], pace: float) -> dict[str, str]:
    """The environment of the parts: ours, with the demo's settings in place of all but how to reach Kafka."""
    kept = {name: value for name, value in env.items() if not name.startswith(REPLACED)}
    # Audio that comes faster than it was said must not be slowed down as if it were a replay.
    return kept | SETTINGS | ({"SYMBL__PACE": "0"} if pace > 1 else {})


def first_url(output: Path) -> str | None:
    """The first URL in a file."""
    found = re.search(r"https?://[^\s\"']+", output.read_text(encoding="utf-8", errors="replace"))
    return found[0].rstrip(".,") if found else None


def _outcome(process: ManagedProcess) -> str:
    code = process.exit_code
    if code is None:
        return "did not finish in time"
    return f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


async def _while_running(work: Coroutine[Any, Any, T], *others: asyncio.Task[Any]) -> T:
    """Do something unless one of the others ends first, which they do only by failing."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task, *others}, return_when=asyncio.FIRST_COMPLETED)
        for other in others:
            if other.done():
                other.result()
        return await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _finish(work: Awaitable[T]) -> T:
    """Wait for a thread. When cancelled, wait none the less: what it starts must be there to be stopped."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


async def run(options: Options, console: Console, env: Mapping[str, str]) -> int:
    """Run the demo until it is over, fails or is interrupted. Returns the exit code."""
    folder = Path(tempfile.mkdtemp(prefix="symbl-worker-demo-"))
    caught: list[signal.Signals] = []
    with interrupted(caught.append) as stop:
        work = asyncio.create_task(Demo(options, console, folder, env).run())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if caught and not work.done():
            console.print("Stopping ...")
            work.cancel()
        try:
            await work
        except asyncio.CancelledError:
            shutil.rmtree(folder, ignore_errors=True)
            return 128 + caught[0]
        except WorkerError as error:
            console.print(f"\nThe demo failed: {error}\nLogs: {folder}", soft_wrap=True, markup=False)
            return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def main() -> int:
    """Read the command line and run."""
    arguments = argparse.ArgumentParser(prog="python -m worker.demo", description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--pace", type=float, default=1.0, help="play so many times faster than real time")
    arguments.add_argument("--plain", action="store_true", help="lines instead of a live picture")
    given = arguments.parse_args()
    if not 0 < given.pace <= 100:
        arguments.error("--pace lies between 0 and 100")
    return asyncio.run(run(Options(pace=given.pace, plain=given.plain), Console(highlight=False), os.environ))
