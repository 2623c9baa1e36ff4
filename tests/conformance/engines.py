"""The engines that the clients talk to: processes, started and stopped as users do."""

from __future__ import annotations

import re
import secrets
import string
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import trustme

from worker.demo.processes import ManagedProcess

SYMBL_WORKER = Path(sys.executable).with_name("symbl-worker")
READY_SECONDS = 60.0
STOP_SECONDS = 10.0
READY = re.compile(r"^engine ready at (https?://\S+)$", re.MULTILINE)


class EngineError(Exception):
    """An engine did not start."""


@dataclass(frozen=True)
class Account:
    """Credentials in the form that the hosted service gave out; the Web SDK refuses any other."""

    app_id: str
    app_secret: str = field(repr=False)


def new_account() -> Account:
    """Random credentials."""
    alphabet = string.ascii_letters + string.digits
    return Account(*("".join(secrets.choice(alphabet) for _ in range(length)) for length in (64, 128)))


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A running engine."""

    name: str
    url: str
    process: ManagedProcess


@contextmanager
def run_engines(folder: Path, account: Account, env: Mapping[str, str]) -> Iterator[list[Engine]]:
    """Three engines: coded, coded with TLS, pocketsphinx. They have ended when this returns, however it returns.

    Args:
        folder: Takes logs and the certificate.
        env: The environment, whose own settings of an engine are ignored.

    Raises:
        EngineError: One did not start; says why.
    """
    certificate, key = _make_certificate(folder)
    options = {
        "coded": ("--recognizer", "coded"),
        "coded-tls": ("--recognizer", "coded", "--tls-certificate", str(certificate), "--tls-key", str(key)),
        # A process without a session takes one however busy the machine is; the clients have three at a time.
        "pocketsphinx": ("--recognizer", "pocketsphinx", "--processes", "3"),
    }
    clean = {name: value for name, value in env.items() if not name.startswith(("ENGINE__", "LOG__"))}
    # With one key the engines accept each other's tokens: an SDK keeps the first token that it got.
    clean |= {
        "ENGINE__APP_SECRET": account.app_secret,
        "ENGINE__TOKEN_KEY": secrets.token_hex(32),
        "LOG__FORMAT": "json",
    }
    processes: dict[str, ManagedProcess] = {}
    try:
        for name, chosen in options.items():
            processes[name] = ManagedProcess(
                f"engine {name}",
                [str(SYMBL_WORKER), "engine", "--port", "0", "--app-id", account.app_id, *chosen],
                log=folder / f"{name}.log",
                output=folder / f"{name}.out",
                env=clean,
            )
        yield [
            Engine(name=name, url=_wait_until_ready(process, folder / f"{name}.out"), process=process)
            for name, process in processes.items()
        ]
    finally:
        for process in processes.values():
            process.stop(STOP_SECONDS)


def complaints(engine: Engine) -> list[str]:
    """What an engine that has ended should not have logged, and an exit code that is not 0."""
    found = []
    for line in engine.process.log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError:
            found.append(line)
            continue
        if isinstance(entry, dict) and entry.get("level") in ("error", "critical"):
            found.append(line)
    if engine.process.exit_code != 0:
        found.append(f"exit code {engine.process.exit_code}")
    return found


def _make_certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    issued = trustme.CA().issue_cert("127.0.0.1", "localhost")
    issued.private_key_pem.write_to_path(str(key))
    for pem in issued.cert_chain_pems:
        pem.write_to_path(str(certificate), append=True)
    return certificate, key


def _wait_until_ready(process: ManagedProcess, output: Path) -> str:
    end = time.monotonic() + READY_SECONDS
    while True:
        ready = READY.search(output.read_text(encoding="utf-8"))
        if ready:
            return ready[1]
        if process.exit_code is not None or time.monotonic() > end:
            raise EngineError(f"{process.name} did not start:\n{process.tail()}")
        time.sleep(0.05)
