"""Subprocesses that cannot outlive us."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.demo.processes import TAIL_LINES, ManagedProcess, tail_of

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_stop_asks_first(tmp_path: Path) -> None:
    """A process that heeds SIGTERM ends by it."""
    process = ManagedProcess("sleeper", SLEEPER, log=tmp_path / "log")
    assert process.exit_code is None
    process.stop(10)
    process.stop(10)
    assert process.exit_code == -signal.SIGTERM


def test_stop_does_not_ask_for_ever(tmp_path: Path) -> None:
    """A process that ignores SIGTERM is killed after the time."""
    process = ManagedProcess("deaf", DEAF, log=tmp_path / "log")
    wait_for(lambda: "deaf" in process.tail())
    process.stop(0.1)
    assert process.exit_code == -signal.SIGKILL


def test_has_a_session_of_its_own(tmp_path: Path) -> None:
    """Ctrl-C in our terminal does not reach it: it is not in our process group."""
    process = ManagedProcess("sleeper", SLEEPER, log=tmp_path / "log")
    try:
        assert os.getpgid(process.pid) == process.pid != os.getpgid(0)
    finally:
        process.kill()


def test_log_and_output(tmp_path: Path) -> None:
    """Standard error goes to the log, standard output with it or to a file of its own; the tail is the end."""
    script = "import sys; print('out'); [print(n, file=sys.stderr) for n in range(100)]"
    process = ManagedProcess(
        "talker", [sys.executable, "-c", script], log=tmp_path / "log", output=tmp_path / "out", env={}
    )
    assert process.wait(20)
    process.kill()
    assert (tmp_path / "out").read_text() == "out\n"
    assert process.tail().splitlines() == [str(n) for n in range(100 - TAIL_LINES, 100)]


def test_tail_of_nothing(tmp_path: Path) -> None:
    """An empty log is said to be empty."""
    assert tail_of(tmp_path / "none") == "(the log is empty)"


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_dies_with_us(tmp_path: Path, ending: signal.Signals) -> None:
    """When the process that started it dies in any way, it is killed."""
    script = (
        "import pathlib, sys, time\n"
        "from worker.demo.processes import ManagedProcess\n"
        f"child = ManagedProcess('child', {SLEEPER!r}, log=pathlib.Path({str(tmp_path / 'log')!r}))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.send_signal(ending)
    wait_for(lambda: not is_running(child))
