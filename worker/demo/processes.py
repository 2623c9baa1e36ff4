"""Subprocesses that cannot outlive us.

Each runs in a session of its own, so that Ctrl-C in the terminal reaches only this process, which then decides who
stops first. A shell beside it holds the reading end of a pipe from us: when we die, however that happens, it reads end
of file and kills the whole process group. (`PR_SET_PDEATHSIG` would fire when the *thread* that started the process
ends, needs code between fork and exec, and exists on Linux only.)
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

GUARD = 'read -r _ && exit 0; kill -s KILL -- "-$1"'
TAIL_LINES = 20


class ManagedProcess:
    """One subprocess with a log file, stopped at the latest when we end.

    Args:
        name: what the log file is called, and how failures speak of it.
        command: program and arguments.
        log: file that takes standard error, and standard output unless ``output`` is given. Appended to.
        output: file that takes standard output alone.
        env: the whole environment; None inherits ours.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        output: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as errors, (output or log).open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                list(command), stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=env, start_new_session=True
            )
        self._guard = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", GUARD, "guard", str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __repr__(self) -> str:
        return f"<ManagedProcess {self.name} pid={self.pid} exit_code={self.exit_code}>"

    @property
    def pid(self) -> int:
        """The process id, which is its group's id too."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send one signal to the process; nothing happens when it has ended."""
        self._process.send_signal(number)

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for its end; False when it still runs after the time."""
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, timeout_seconds: float) -> None:
        """Ask it to end, and kill what is left of its group after the time. Safe to call twice."""
        self.signal(signal.SIGTERM)
        self.wait(timeout_seconds)
        self.kill()

    def kill(self) -> None:
        """End its whole group at once and wait for it. Safe to call twice."""
        if self._guard.stdin is None or self._guard.stdin.closed:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):
            self._guard.stdin.write(b"stand down\n")
            self._guard.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            self._guard.stdin.close()
        self._guard.wait()

    def tail(self) -> str:
        """The last lines of its log."""
        return tail_of(self.log)


def tail_of(log: Path) -> str:
    """The last lines of a log file; says so when there are none."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-TAIL_LINES:]) or "(the log is empty)"
