"""Presidio beside us: installed into the cache on first use, run in a process of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.redaction.scoring import Found
from tests.conformance.sdks import Command, InstallError, install_once, pinned_folder, python_environment

HERE = Path(__file__).parent
LOCK = HERE / "presidio.lock"
CLIENT = HERE / "presidio_client.py"
INSTALL_SECONDS = 1800.0
RUN_SECONDS = 1800.0

ENTITIES: Mapping[str, str] = {
    "CREDIT_CARD": "CARD_NUMBER",
    "US_SSN": "SSN",
    "IBAN_CODE": "IBAN",
    "EMAIL_ADDRESS": "EMAIL_ADDRESS",
    "PHONE_NUMBER": "PHONE_NUMBER",
    "ABA_ROUTING_NUMBER": "ROUTING_NUMBER",
    "IP_ADDRESS": "IP_ADDRESS",
    "US_BANK_NUMBER": "BANK_ACCOUNT_NUMBER",
    "US_PASSPORT": "PASSPORT_NUMBER",
    "US_DRIVER_LICENSE": "DRIVERS_LICENSE",
    "DATE_TIME": "DATE",
    "URL": "DOMAIN_NAME",
}
"""Its types that a pattern finds, and ours."""


class PresidioError(Exception):
    """Presidio could not be installed, or failed."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What it found in each text, of any score, and the processor time that took, in seconds."""

    found: list[list[Found]]
    seconds: list[float]


def analyze(texts: Sequence[str], env: Mapping[str, str]) -> Answers:
    """Install Presidio unless it is cached, and let it look at the texts.

    Raises:
        PresidioError: No such luck; says why.
    """
    folder = pinned_folder("presidio", [LOCK], env)
    try:
        install_once(folder, lambda target: python_environment(LOCK, target), _run)
    except (InstallError, OSError) as error:
        raise PresidioError(f"Presidio could not be installed: {error}") from error
    lines = [json.dumps({"entities": dict(ENTITIES)}), *(json.dumps(text) for text in texts)]
    try:
        done = subprocess.run(
            [str(folder / "bin" / "python"), "-I", str(CLIENT)],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            env=dict(env),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PresidioError(f"Presidio did not run: {error}") from error
    if done.returncode != 0:
        raise PresidioError(f"Presidio failed:\n{done.stderr[-2000:]}")
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"found"')]
    if len(answers) != len(texts):
        raise PresidioError(f"Presidio answered {len(answers)} of {len(texts)} texts")
    return Answers(
        found=[[Found(kind, start, end, score) for kind, start, end, score in each["found"]] for each in answers],
        seconds=[each["seconds"] for each in answers],
    )


def _run(command: Command) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"`{' '.join(command[:3])} …` did not end within {INSTALL_SECONDS:.0f} s") from error
    if done.returncode != 0:
        raise InstallError(f"`{' '.join(command[:3])} …` failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
