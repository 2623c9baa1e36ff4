"""The direction of imports: `.importlinter` says it, and these tests say that `.importlinter` means it."""

from __future__ import annotations

import ast
import configparser
import graphlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACT = "importlinter:contract:"

SHELLS = {
    *("worker.admin", "worker.app", "worker.check", "worker.cli", "worker.config", "worker.deadline", "worker.demo"),
    *("worker.http", "worker.logs", "worker.metrics", "worker.produce", "worker.tail", "worker.intake.consumer"),
    "worker.spacy_model",
    *("worker.intake.contact", "worker.intake.group", "worker.intake.owned", "worker.output.transactions"),
    *("worker.output.publisher", "worker.sessions.runner", "worker.symbl.connection", "worker.symbl.retry"),
    "worker.symbl.conversation_api",
    *("worker.symbl.tokens", "worker.engine.api", "worker.engine.app", "worker.engine.config", "worker.engine.metrics"),
    *(
        "worker.engine.peers",
        "worker.engine.pool",
        "worker.engine.pool_process",
        "worker.engine.process",
        "worker.engine.rooms",
        "worker.engine.sessions",
    ),
    *("worker.engine.tls", "worker.engine.files", "worker.engine.account_book", "worker.engine.http"),
    "worker.engine.listener",
    *("worker.engine.archive", "worker.engine.store.database", "worker.engine.store.liveness"),
    *("worker.engine.store.sql", "worker.engine.trackers", "worker.engine.retention"),
    *("worker.engine.rest.routes", "worker.engine.rest.manage"),
    "worker.engine.rest.answers",
    *("worker.engine.telephony.calls", "worker.engine.telephony.routes"),
}
"""What may wait, tell the time, log or count. Everything else is pure."""


def contracts() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    return parser


def modules() -> dict[str, Path]:
    """Every module of the worker, without empty packages."""
    found = {}
    for file in sorted((ROOT / "worker").rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if parts[-1] != "__init__" or any(True for _ in imports_of(file, name)):
            found[name] = file
    return found


def imports_of(file: Path, name: str) -> Iterator[str]:
    """The names that a module imports at its beginning."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_in(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_every_module_is_pure_or_a_shell() -> None:
    """A new module is one or the other, knowingly: whoever adds it adds it to a list."""
    parser = contracts()
    pure = {
        name for contract in ("pure", "pure-engine") for name in parser[CONTRACT + contract]["source_modules"].split()
    }
    assert pure.isdisjoint(SHELLS)
    undecided = [name for name in modules() if not is_in(name, pure | SHELLS)]
    assert not undecided


def test_no_module_is_part_of_a_cycle() -> None:
    """Modules can be read one after the other."""
    known = modules()
    graph: dict[str, set[str]] = {}
    for name, file in known.items():
        # `from a import b` is of the module a.b where there is one, of a otherwise.
        imported = {each if each in known else each.rpartition(".")[0] for each in imports_of(file, name)}
        graph[name] = imported & known.keys()
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(known)


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("audio/framing.py", "import time", "The cores of the worker are pure"),
        ("engine/conversation.py", "from asyncio import sleep", "The cores of the engine are pure"),
        ("sessions/runner.py", "import worker.symbl.connection", "Wiring, then shells, then cores, then leaves"),
        ("engine/rooms.py", "from worker.audio import formats", "The engine knows nothing of the worker"),
        ("output/publisher.py", "from worker.config import Settings", "Only the wiring sees the settings"),
        ("symbl/tokens.py", "import tenacity", "tenacity stays in one module"),
    ],
)
def test_the_rules_can_be_broken(tmp_path: Path, file: str, line: str, contract: str) -> None:
    """One wrong import breaks the contract that it is about."""
    shutil.copytree(ROOT / "worker", tmp_path / "worker", ignore=shutil.ignore_patterns("*.wav", "__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    source = tmp_path / "worker" / file
    source.write_text(source.read_text().replace("from __future__ import annotations\n", f"{line}\n", 1))
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in done.stdout
