"""Run the official SDKs against the engine: ``python -m tests.conformance.run``. See the README beside this file."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.conformance.engines import Account, Engine, EngineError, complaints, new_account, run_engines
from tests.conformance.report import ClientReport, as_markdown, as_text, exit_code, read_scenarios
from tests.conformance.sdks import SDKS, Command, InstallError, Sdk, ensure_installed
from tests.conformance.speech import write_speech
from worker.demo.processes import ManagedProcess

TIME_LIMIT_SECONDS = 180.0
INSTALL_SECONDS = 300.0
STOP_SECONDS = 5.0
POLL_SECONDS = 0.2


class Processes:
    """Runs the commands of the threads; after ``close`` each ends what it runs, and starts nothing more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Tell every thread to end what it runs."""
        self._closed.set()

    def run(self, name: str, command: Command, env: Mapping[str, str], limit_seconds: float) -> ManagedProcess | None:
        """Run a command until it ends; None when it did not end in time, and was killed.

        Raises:
            InterruptedError: The run is over.
        """
        if self._closed.is_set():
            raise InterruptedError(name)
        log, output = self.folder / f"{name}.log", self.folder / f"{name}.out"
        process = ManagedProcess(name, command, log=log, output=output, env=env)
        end = time.monotonic() + limit_seconds
        try:
            while not process.wait(POLL_SECONDS):
                if self._closed.is_set():
                    raise InterruptedError(name)
                if time.monotonic() > end:
                    return None
            return process
        finally:
            # Also kills what the command left behind in its group.
            process.stop(STOP_SECONDS)

    def output(self, name: str) -> str:
        """What the command of that name wrote to its standard output."""
        return (self.folder / f"{name}.out").read_text(encoding="utf-8", errors="replace")


def client_environment(engines: Sequence[Engine], account: Account, speech: Mapping[str, str]) -> dict[str, str]:
    """What the README promises to a client."""
    urls = {engine.name: engine.url for engine in engines}
    return {
        "ENGINE_URL": urls["coded"],
        "ENGINE_TLS_HOST": urls["coded-tls"].removeprefix("https://"),
        "SPEECH_ENGINE_URL": urls["pocketsphinx"],
        "APP_ID": account.app_id,
        "APP_SECRET": account.app_secret,
        **speech,
    }


def run_client(
    sdk: Sdk, processes: Processes, env: Mapping[str, str], *, allow_missing: bool, limit_seconds: float
) -> ClientReport:
    """Install an SDK and run its client. Never raises for what the SDK or its client does."""

    def run(command: Command) -> None:
        process = processes.run(f"install-{sdk.name}", command, env, INSTALL_SECONDS)
        if process is None:
            raise InstallError(f"`{' '.join(command[:3])} …` did not end within {INSTALL_SECONDS:.0f} s")
        if process.exit_code != 0:
            said = processes.output(process.name)[-1000:] + process.tail()
            raise InstallError(f"`{' '.join(command[:3])} …` failed:\n{said}")

    try:
        installed = ensure_installed(sdk, env, run)
    except InstallError as error:
        missing = error.missing and allow_missing
        return ClientReport(sdk=sdk.name, package=sdk.package, problem=str(error), missing=missing)
    except OSError as error:
        return ClientReport(sdk=sdk.name, package=sdk.package, problem=f"could not be installed: {error}")
    scratch = processes.folder / sdk.name
    scratch.mkdir()
    own = {"TMPDIR": str(scratch), "TIME_LIMIT_SECONDS": f"{limit_seconds:.0f}"}
    began = time.monotonic()
    command = sdk.command(sdk.folder, installed)
    process = processes.run(sdk.name, command, {**env, **own, **sdk.env(installed)}, limit_seconds)
    seconds = time.monotonic() - began
    problem = None
    if process is None:
        problem = f"hung: killed after {limit_seconds:.0f} s"
    elif process.exit_code != 0:
        problem = f"ended with exit code {process.exit_code}"
    try:
        scenarios = read_scenarios(processes.output(sdk.name))
    except ValueError as error:
        return ClientReport(sdk=sdk.name, package=sdk.package, problem=str(error), seconds=seconds)
    if not scenarios and problem is None:
        problem = "said nothing"
    noise = (processes.folder / f"{sdk.name}.log").read_text(encoding="utf-8", errors="replace")[-4000:]
    return ClientReport(
        sdk=sdk.name, package=sdk.package, scenarios=scenarios, problem=problem, seconds=seconds, noise=noise
    )


def conformance(
    sdks: Sequence[Sdk], env: Mapping[str, str], *, allow_missing: bool, limit_seconds: float
) -> tuple[list[ClientReport], list[str]]:
    """Run the clients, all at once, against engines of their own.

    Returns:
        A report per client, and what the engines complained about.

    Raises:
        EngineError: An engine did not start.
    """
    account = new_account()
    with tempfile.TemporaryDirectory(prefix="symbl-conformance-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        speech = write_speech(folder)
        with run_engines(folder, account, env) as engines:
            client_env = {**env, **client_environment(engines, account, speech)}
            # The processes are closed before the pool waits for its threads.
            with ThreadPoolExecutor(len(sdks)) as pool, Processes(folder) as processes:
                futures = [
                    pool.submit(
                        run_client,
                        sdk,
                        processes,
                        client_env,
                        allow_missing=allow_missing,
                        limit_seconds=limit_seconds,
                    )
                    for sdk in sdks
                ]
                reports = [future.result() for future in futures]
        return reports, [f"{engine.name}: {text}" for engine in engines for text in complaints(engine)]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.run", description=__doc__)
    names = [sdk.name for sdk in SDKS]
    parser.add_argument("--only", default=",".join(names), help=f"of {', '.join(names)}")
    parser.add_argument("--report", type=Path, help="Markdown file to write")
    parser.add_argument("--allow-missing", action="store_true", help="an SDK whose toolchain is absent does not fail")
    parser.add_argument("--time-limit", type=float, default=TIME_LIMIT_SECONDS, help="seconds for each client")
    options = parser.parse_args(arguments)
    chosen = options.only.split(",")
    unknown = [name for name in chosen if name not in names]
    if unknown:
        parser.error(f"no such SDK: {', '.join(unknown)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        reports, engine_complaints = conformance(
            [sdk for sdk in SDKS if sdk.name in chosen],
            os.environ,
            allow_missing=options.allow_missing,
            limit_seconds=options.time_limit,
        )
    except EngineError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(as_text(reports, engine_complaints))
    if options.report is not None:
        options.report.write_text(as_markdown(reports, engine_complaints), encoding="utf-8")
    return exit_code(reports, engine_complaints)


if __name__ == "__main__":
    sys.exit(main())
