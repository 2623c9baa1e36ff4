"""The official SDKs: what pins them, how they are installed into the cache, how their clients are run."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

HERE = Path(__file__).parent
Command: TypeAlias = Sequence[str]
# Runs a command to its end and raises InstallError when it fails.
Run: TypeAlias = Callable[[Command], None]


class InstallError(Exception):
    """An SDK could not be installed. ``missing`` says that a program for it is not there at all."""

    def __init__(self, text: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.missing = missing


@dataclass(frozen=True, kw_only=True)
class Sdk:
    """One SDK and its client.

    Args:
        name: Of the folder with its client, and for ``--only``.
        package: What the vendor calls it.
        pins: Patterns of the files whose content the cached installation depends on.
        tools: Programs that must be on the path.
        install: Commands that install it from its folder (first argument) into another (second).
        command: The client, from its folder and the installation.
        env: More of the client's environment, from the installation.
    """

    name: str
    package: str
    pins: tuple[str, ...]
    tools: tuple[str, ...]
    install: Callable[[Path, Path], list[Command]]
    command: Callable[[Path, Path], Command]
    env: Callable[[Path], Mapping[str, str]] = field(default=lambda installed: {})

    @property
    def folder(self) -> Path:
        """Where its client is."""
        return HERE / self.name


def _npm_install(folder: Path, target: Path) -> list[Command]:
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(folder / name, target)
    return [["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(target)]]


def python_environment(lock: Path, target: Path) -> list[Command]:
    """Commands that make ``target`` a virtual environment of exactly what ``lock`` lists."""
    pip = [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [
        [sys.executable, "-m", "venv", str(target)],
        [*pip, "--no-deps", "--require-hashes", "-r", str(lock)],
    ]


def _npm(name: str, package: str) -> Sdk:
    return Sdk(
        name=name,
        package=package,
        pins=("package.json", "package-lock.json", ".npmrc"),
        tools=("node", "npm"),
        install=_npm_install,
        command=lambda folder, installed: ["node", str(folder / "client.js")],
        env=lambda installed: {"NODE_PATH": str(installed / "node_modules"), "INSTALLED": str(installed)},
    )


SDKS: tuple[Sdk, ...] = (
    _npm("js", "@symblai/symbl-js"),
    _npm("web", "@symblai/symbl-web-sdk"),
    Sdk(
        name="python",
        package="symbl",
        pins=("requirements.lock",),
        tools=(),
        install=lambda folder, target: python_environment(folder / "requirements.lock", target),
        command=lambda folder, installed: [str(installed / "bin" / "python"), str(folder / "client.py")],
    ),
    Sdk(
        name="go",
        package="symbl-go-sdk",
        pins=("go.mod", "go.sum", "*.go"),
        tools=("go",),
        install=lambda folder, target: [
            ["go", "build", "-C", str(folder), "-mod=readonly", "-o", str(target / "client"), "."]
        ],
        command=lambda folder, installed: [str(installed / "client")],
    ),
)


def cache_folder(env: Mapping[str, str]) -> Path:
    """Where everything that is fetched once is kept, as for the broker of the demo."""
    named = env.get("SYMBL_WORKER_CACHE")
    if named:
        return Path(named)
    base = env.get("XDG_CACHE_HOME") or str(Path(env.get("HOME", "~")).expanduser() / ".cache")
    return Path(base) / "symbl-worker"


def installation_folder(sdk: Sdk, env: Mapping[str, str]) -> Path:
    """Where this version of an SDK is installed, whether it is there or not.

    Raises:
        InstallError: What pins the SDK is not there.
    """
    pins = sorted(path for pattern in sdk.pins for path in sdk.folder.glob(pattern))
    if not pins:
        raise InstallError(f"there is no {sdk.pins[0]} in {sdk.folder}")
    return pinned_folder(f"conformance-{sdk.name}", pins, env)


def pinned_folder(name: str, pins: Sequence[Path], env: Mapping[str, str]) -> Path:
    """The folder of the cache for what these files pin, for this Python on this kind of machine."""
    digest = hashlib.sha256(f"{sys.implementation.cache_tag} {os.uname().machine}".encode())
    for path in pins:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return cache_folder(env) / f"{name}-{digest.hexdigest()[:16]}"


def ensure_installed(sdk: Sdk, env: Mapping[str, str], run: Run) -> Path:
    """Install an SDK unless it is cached. The folder appears complete or not at all; two runs at once are safe.

    Raises:
        InstallError: A tool is missing, or a command failed.
    """
    missing = [tool for tool in sdk.tools if shutil.which(tool, path=env.get("PATH")) is None]
    if missing:
        raise InstallError(f"{' and '.join(missing)} not found", missing=True)
    folder = installation_folder(sdk, env)
    install_once(folder, lambda target: sdk.install(sdk.folder, target), run)
    return folder


def install_once(folder: Path, install: Callable[[Path], Sequence[Command]], run: Run) -> None:
    """Run the commands that install something, unless it is in ``folder``. The folder appears complete or not at all.

    Args:
        install: The commands that put it into another folder, from where it is moved.

    Raises:
        InstallError: A command failed.
    """
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as scratch:
        target = Path(scratch) / "installed"
        target.mkdir()
        for command in install(target):
            run(command)
        with contextlib.suppress(OSError):  # somebody else was faster: theirs is as complete as ours
            target.rename(folder)
    if not folder.is_dir():
        raise InstallError(f"{folder.name} could not be put into {folder.parent}")
