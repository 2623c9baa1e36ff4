"""The rules of the image that can be read off its files; building it is the CI's job."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parents[2]


class Instruction(NamedTuple):
    name: str
    argument: str


def stages() -> list[list[Instruction]]:
    """The instructions of each stage, beginning with its FROM."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: list[list[Instruction]] = []
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if not line.strip():
            continue
        name, _, argument = line.strip().partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append(Instruction(name, argument.strip()))
    return found


def arguments(stage: list[Instruction], name: str) -> list[str]:
    return [instruction.argument for instruction in stage if instruction.name == name]


def test_every_foreign_base_has_a_fixed_version() -> None:
    """The same Dockerfile builds the same image next year: no base without a version, and none called latest."""
    names: set[str] = set()
    for stage in stages():
        image, _, alias = stage[0].argument.partition(" AS ")
        if image not in names:
            assert re.fullmatch(r"[a-z/.-]+:\d+\.\d+[\w.-]*", image), image
        names.add(alias)


def test_the_process_is_not_root() -> None:
    """The last user is a number, so that Kubernetes can verify runAsNonRoot without looking into the image."""
    final = stages()[-1]
    assert arguments(final, "USER")[-1] == "10001:10001"
    last_user = max(index for index, instruction in enumerate(final) if instruction.name == "USER")
    assert not [i for i in final[last_user:] if i.name in {"RUN", "COPY", "ADD"}]


def test_signals_reach_the_program() -> None:
    """Entry point and command are in exec form: a shell in between would swallow SIGTERM and skip the drain."""
    final = stages()[-1]
    assert json.loads(arguments(final, "ENTRYPOINT")[0]) == ["symbl-worker"]
    assert json.loads(arguments(final, "CMD")[0]) == ["run"]
    assert arguments(final, "STOPSIGNAL") == ["SIGTERM"]


def test_the_final_stage_installs_nothing() -> None:
    """No build tool and no download in what is shipped; only the finished environment is copied in."""
    final = stages()[-1]
    assert not [run for run in arguments(final, "RUN") if re.search(r"\b(pip|apt-get|curl|wget|gcc)\b", run)]
    assert arguments(final, "COPY") == ["--from=build /opt/venv /opt/venv"]


def test_dependencies_come_by_hash_and_as_wheels() -> None:
    """What is installed from outside is covered by a hash and runs no code of its own while it is installed."""
    runs = [command for stage in stages() for run in arguments(stage, "RUN") for command in run.split("&&")]
    installs = [command for command in runs if re.search(r"pip .*\binstall\b", command)]
    assert installs
    for command in installs:
        assert ("--require-hashes" in command and "--only-binary :all:" in command) or "--no-index" in command, command


def test_nothing_is_written_at_run_time() -> None:
    """The root file system may be read-only: no bytecode is written, temporary files (SQLite's, too) are in /tmp."""
    environment = " ".join(arguments(stages()[-1], "ENV")).split()
    assert {"PYTHONDONTWRITEBYTECODE=1", "HOME=/tmp", "TMPDIR=/tmp"} <= set(environment)


def test_a_volume_for_conversations_can_be_written() -> None:
    """A new named volume takes its owner from the folder in the image: that one exists and is the process's own."""
    (setup,) = arguments(stages()[-1], "RUN")
    owned = {folder for uid, folder in re.findall(r"install -d -o (\d+) -g \d+ -m 0700 (\S+)", setup) if uid == "10001"}
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    mounted = {
        volume.split(":")[1]
        for service in services.values()
        if "build" in service
        for volume in service.get("volumes", [])
    }
    assert mounted
    assert mounted <= owned
    assert (
        services["engine"]["environment"]["ENGINE__STORE_URL"].removeprefix("sqlite:///").rpartition("/")[0] in mounted
    )


def test_the_build_context_is_a_list_of_what_is_needed() -> None:
    """Secrets, git history and virtual environments cannot get into an image: all is ignored but what is copied."""
    lines = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert lines[0] == "*"
    allowed = {line[1:].split("/")[0] for line in lines if line.startswith("!")}
    build = stages()[1]
    copied = {
        source.split("/")[0]
        for copy in arguments(build, "COPY")
        if "--from" not in copy
        for source in copy.split()[:-1]
    }
    assert allowed == copied


def test_the_version_label_is_that_of_the_package() -> None:
    """The image says which version of the package it holds, also when the build argument is left out."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"VERSION={version}" in arguments(stages()[-1], "ARG")
