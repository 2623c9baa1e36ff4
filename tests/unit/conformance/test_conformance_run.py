"""The runner keeps its promises, whatever a client does."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conformance.report import ClientReport, Verdict
from tests.conformance.run import Processes, run_client
from tests.conformance.sdks import Command, InstallError, Sdk, ensure_installed, installation_folder

SCENARIO = '{"sdk":"s","version":"1","scenario":"x","handlers":{},"checks":{"a":true},"problem":null}'


def _sdk(name: str, code: str, *, tools: tuple[str, ...] = ()) -> Sdk:
    """An SDK without anything to install: Python code is its client. Only the js folder's files pin it."""
    return Sdk(
        name=name,
        package=name,
        pins=("package.json",),
        tools=tools,
        install=lambda folder, target: [[sys.executable, "-c", f"open({str(target / 'there')!r}, 'w')"]],
        command=lambda folder, installed: [sys.executable, "-c", code],
    )


def _run(sdk: Sdk, folder: Path, *, allow_missing: bool = False, limit_seconds: float = 30.0) -> ClientReport:
    env = {**os.environ, "SYMBL_WORKER_CACHE": str(folder / "cache")}
    with Processes(folder) as processes:
        return run_client(sdk, processes, env, allow_missing=allow_missing, limit_seconds=limit_seconds)


def _has_ended(pid: int, *, within_seconds: float = 10.0) -> bool:
    """Whether a process ends soon. A killed process that is not our child is gone only when the kernel got to it."""
    end = time.monotonic() + within_seconds
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.05)
    return False


def test_a_client_is_run(tmp_path: Path) -> None:
    """What it says is read, and it gets a folder for temporary files and its time limit."""
    promised = "assert os.path.isdir(os.environ['TMPDIR']); float(os.environ['TIME_LIMIT_SECONDS'])"
    code = f"import os; {promised}; print('{SCENARIO}')"
    report = _run(_sdk("js", code), tmp_path)
    assert report.verdict is Verdict.PASSED, report.noise
    assert [scenario.name for scenario in report.scenarios] == ["x"]


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (f"print('{SCENARIO}'); raise SystemExit(3)", "ended with exit code 3"),
        ("print('hello')", "not JSON: hello"),
        ("", "said nothing"),
    ],
)
def test_a_client_that_breaks_its_promise(tmp_path: Path, code: str, problem: str) -> None:
    """An exit code, a line that is no scenario, and silence fail the client."""
    report = _run(_sdk("js", code), tmp_path)
    assert report.verdict is Verdict.FAILED
    assert report.problem == problem


def test_a_client_that_hangs(tmp_path: Path) -> None:
    """It is killed with everything that it started; what it had said until then is kept."""
    told = tmp_path / "child"
    shell = f"sleep 600 & echo $! > {told}; echo '{SCENARIO}'; wait"
    sdk = replace(_sdk("js", ""), command=lambda folder, installed: ["sh", "-c", shell])
    report = _run(sdk, tmp_path, limit_seconds=3.0)
    assert report.verdict is Verdict.FAILED
    assert report.problem == "hung: killed after 3 s"
    assert len(report.scenarios) == 1
    assert _has_ended(int(told.read_text(encoding="utf-8")))


def test_the_end_of_the_run_ends_the_clients(tmp_path: Path) -> None:
    """After ``close`` what runs is ended, and nothing more is started."""
    processes = Processes(tmp_path)
    began = threading.Event()
    ended: list[float] = []

    def run() -> None:
        began.set()
        with pytest.raises(InterruptedError):
            processes.run("sleeper", ["sleep", "600"], os.environ, 600.0)
        ended.append(time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    began.wait()
    processes.close()
    thread.join(30)
    assert ended
    with pytest.raises(InterruptedError):
        processes.run("late", ["true"], os.environ, 1.0)


@pytest.mark.parametrize("allow_missing", [False, True])
def test_a_missing_tool(tmp_path: Path, *, allow_missing: bool) -> None:
    """A missing toolchain fails the client unless that is allowed; then it is MISSING, never passed."""
    sdk = _sdk("js", f"print('{SCENARIO}')", tools=("no-such-tool",))
    report = _run(sdk, tmp_path, allow_missing=allow_missing)
    assert report.verdict is (Verdict.MISSING if allow_missing else Verdict.FAILED)
    assert report.problem == "no-such-tool not found"


def test_an_installation_is_kept(tmp_path: Path) -> None:
    """It is made once; one that fails leaves nothing that could be taken for it, and is no missing tool."""
    env = {**os.environ, "SYMBL_WORKER_CACHE": str(tmp_path)}
    sdk = _sdk("js", "")
    commands: list[Command] = []

    def fail(command: Command) -> None:
        raise InstallError("no network")

    with pytest.raises(InstallError, match="no network") as caught:
        ensure_installed(sdk, env, fail)
    assert not caught.value.missing
    assert list(tmp_path.iterdir()) == []
    folder = ensure_installed(sdk, env, commands.append)
    assert folder == installation_folder(sdk, env)
    assert ensure_installed(sdk, env, commands.append) == folder
    assert len(commands) == 1
    assert list(tmp_path.iterdir()) == [folder]


def test_what_pins_an_sdk_names_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another content of a pinning file is another installation."""
    (tmp_path / "js").mkdir()
    monkeypatch.setattr("tests.conformance.sdks.HERE", tmp_path)
    pin = tmp_path / "js" / "package.json"
    folders = set()
    for content in ("1", "2"):
        pin.write_text(content, encoding="utf-8")
        folders.add(installation_folder(_sdk("js", ""), {"SYMBL_WORKER_CACHE": "/cache"}))
    assert len(folders) == 2
    pin.unlink()
    with pytest.raises(InstallError, match=r"no package\.json"):
        installation_folder(_sdk("js", ""), {})
