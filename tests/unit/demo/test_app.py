"""The demo from end to end, with scripted parts on librdkafka's mock cluster."""

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from worker.demo.app import Options, child_environment, first_url, run
from worker.demo.model import DemoModel
from worker.demo.view import picture

PARTS = (sys.executable, str(Path(__file__).parent / "scripted_parts.py"))
ROOT = Path(__file__).parents[3]


def environment(script: str = "") -> dict[str, str]:
    """No Java in sight, so that the mock is used."""
    return {"PATH": os.defpath.replace("/usr/bin", "/none"), "PYTHONPATH": str(ROOT), "SCRIPT": script}


async def demo(script: str = "") -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    code = await run(Options(pace=40.0, plain=True, cli=PARTS), console, environment(script))
    assert isinstance(console.file, io.StringIO)
    return code, console.file.getvalue()


def folder_in(shown: str) -> Path:
    found = re.search(r"Logs: (\S+)", shown)
    assert found
    return Path(found[1])


async def test_whole_call() -> None:
    """The call is played, what comes back is shown, and the figures follow from it."""
    code, shown = await demo()
    assert code == 0, shown
    assert "Daniel: ****  <CREDIT_CARD>" in shown
    assert "[question] What can I do for you today?" in shown
    assert re.search(r"messages +17\n", shown)
    assert re.search(r"insights +question 7\n", shown)
    assert re.search(r"latency +median \d+\.\d\d s, worst \d+\.\d\d s", shown)
    assert re.search(r"word errors +1\.0% of 19\d words \(Robert 1\.0%, Daniel 1\.1%\)", shown)
    assert "Logs:" not in shown


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("worker-dies", "the worker ended with exit code 1:\nsettings are wrong"),
        ("engine-dies", "the engine ended with exit code 1:\nthe model is missing"),
        ("silent", "without a single message"),
    ],
)
async def test_failures_speak(script: str, reason: str) -> None:
    """When a part dies or nothing comes back, the reason, the end of the log and the place of the logs are shown."""
    code, shown = await demo(script)
    assert code == 1
    assert reason in shown
    shutil.rmtree(folder_in(shown))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    """A signal stops everything that was started, and the exit code tells which it was."""
    script = (
        "import asyncio, os, sys\n"
        "from rich.console import Console\n"
        "from worker.demo.app import Options, run\n"
        f"options = Options(pace=1.0, plain=True, cli={PARTS!r})\n"
        "sys.exit(asyncio.run(run(options, Console(), os.environ)))\n"
    )
    env = environment() | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([sys.executable, "-c", script], env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Everything is up"):
                break
        time.sleep(0.3)
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(30) == 128 + number, rest
    assert list(tmp_path.iterdir()) == []


def test_parts_get_only_the_demo_s_settings() -> None:
    """Settings of the surrounding shell do not leak into the parts, except how to reach Kafka."""
    env = child_environment(
        {"KAFKA__SASL_USERNAME": "u", "SYMBL__PACE": "9", "WORKER__GROUP_ID": "g", "HOME": "/h"}, 1.0
    )
    assert (env["KAFKA__SASL_USERNAME"], env["HOME"], env["WORKER__GROUP_ID"]) == ("u", "/h", "symbl-worker-demo")
    assert "SYMBL__PACE" not in env
    assert child_environment({}, 4.0)["SYMBL__PACE"] == "0"


def test_engine_address(tmp_path: Path) -> None:
    """The engine's address is the first URL that it prints; nothing yet is None."""
    output = tmp_path / "out"
    output.write_text("")
    assert first_url(output) is None
    output.write_text("engine ready at http://127.0.0.1:41233\n")
    assert first_url(output) == "http://127.0.0.1:41233"


def test_picture_shows_what_is_known() -> None:
    """The live picture holds messages, growing captions, insights and counters, and fits the terminal."""
    model = DemoModel("c")
    base = {"conversation_id": "c", "stream": "agent", "speaker": {"name": "Robert"}}
    for number in range(60):
        audio = {"start_ms": number * 1000, "end_ms": number * 1000 + 900}
        model.receive("redacted", {**base, "id": str(number), "text": f"said {number}", "audio": audio}, 0)
        model.receive("insights", {**base, "id": f"i{number}", "kind": "question", "text": f"asked {number}"}, 0)
    model.receive("captions", {**base, "revision": 1, "text": "growing", "audio": {"start_ms": 60_000}}, 0)
    console = Console(file=io.StringIO(), width=100, height=30)
    console.print(picture(model, "A call", 61.0, ["agent"], 30))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert all(each in shown for each in ("01:01.0", "messages 60", "said 59", "growing …", "asked 59", "question 60"))
    assert shown.count("\n") <= 30
