"""What the clients said, judged and put into tables. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson


class Verdict(Enum):
    """Of a scenario or a whole client."""

    PASSED = "passed"
    FAILED = "FAILED"
    MISSING = "MISSING"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One line of a client's output; see the README for the members."""

    sdk: str
    version: str
    name: str
    handlers: dict[str, int]
    checks: dict[str, bool]
    seconds: float | None
    problem: str | None

    @property
    def verdict(self) -> Verdict:
        """Passed means that something was checked and that nothing was wrong."""
        passed = bool(self.checks) and all(self.checks.values()) and self.problem is None
        return Verdict.PASSED if passed else Verdict.FAILED


@dataclass(frozen=True, kw_only=True)
class ClientReport:
    """One client, run or not.

    Args:
        problem: Of the client as a whole; None when there is none.
        missing: It could not be run here, and that is allowed.
        seconds: What it took, without its installation.
        noise: What to show when it failed.
    """

    sdk: str
    package: str
    scenarios: tuple[Scenario, ...] = ()
    problem: str | None = None
    missing: bool = False
    seconds: float = 0.0
    noise: str = ""

    @property
    def verdict(self) -> Verdict:
        """A client that had nothing to say has failed."""
        if self.missing:
            return Verdict.MISSING
        good = bool(self.scenarios) and all(each.verdict is Verdict.PASSED for each in self.scenarios)
        return Verdict.PASSED if good and self.problem is None else Verdict.FAILED


def read_scenarios(output: str) -> tuple[Scenario, ...]:
    """The scenarios in a client's standard output.

    Raises:
        ValueError: A line is not what the README says; says which.
    """
    return tuple(_read_scenario(line) for line in output.splitlines() if line.strip())


def exit_code(reports: Sequence[ClientReport], complaints: Sequence[str]) -> int:
    """1 when a client failed, none ran, or an engine complained."""
    failed = any(each.verdict is Verdict.FAILED for each in reports)
    return int(failed or bool(complaints) or all(each.verdict is Verdict.MISSING for each in reports))


def as_text(reports: Sequence[ClientReport], complaints: Sequence[str]) -> str:
    """For the terminal."""
    lines = []
    for report in reports:
        version = f" {report.scenarios[0].version}" if report.scenarios else ""
        lines += ["", f"{report.package}{version}: {report.verdict.value} in {report.seconds:.1f} s"]
        for scenario in report.scenarios:
            lines.append(
                f"  {scenario.verdict.value:<7} {_seconds(scenario):>6}  {scenario.name} ({_checks(scenario)})"
            )
            if scenario.handlers:
                lines += textwrap.wrap(_handlers(scenario), 110, initial_indent=" " * 18, subsequent_indent=" " * 18)
            lines += [f"{'':<18}- {problem}" for problem in _problems(scenario)]
        if report.problem is not None:
            lines.append(f"  {report.problem}")
        if report.verdict is Verdict.FAILED and report.noise:
            lines += ["  Its standard error ended with", textwrap.indent(report.noise, "    ")]
    lines += ["", *(f"engine: {complaint}" for complaint in complaints), _summary(reports, complaints)]
    return "\n".join(lines)


def as_markdown(reports: Sequence[ClientReport], complaints: Sequence[str]) -> str:
    """For a file."""
    lines = [
        "# Conformance",
        "",
        _summary(reports, complaints),
        "",
        "| SDK | scenario | result | seconds | checks | handlers called |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for report in reports:
        for scenario in report.scenarios:
            cells = (
                f"{scenario.sdk} {scenario.version}",
                scenario.name,
                scenario.verdict.value,
                _seconds(scenario),
                _checks(scenario),
                _handlers(scenario),
            )
            lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
        if report.problem is not None or not report.scenarios:
            lines.append(f"| {report.package} |  | {report.verdict.value} |  |  | {_cell(report.problem or '')} |")
    failures = [
        f"* {scenario.sdk}, {scenario.name}: {problem}"
        for report in reports
        for scenario in report.scenarios
        for problem in _problems(scenario)
    ]
    failures += [f"* engine: {complaint}" for complaint in complaints]
    if failures:
        lines += ["", "## What went wrong", "", *failures]
    return "\n".join(lines) + "\n"


def _read_scenario(line: str) -> Scenario:
    try:
        said: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise ValueError(f"not JSON: {line[:200]}") from None
    match said:
        case {
            "sdk": str(sdk),
            "version": str(version),
            "scenario": str(name),
            "handlers": dict(handlers),
            "checks": dict(checks),
            "problem": str() | None as problem,
        }:
            pass
        case _:
            raise ValueError(f"a member is missing or of the wrong type: {line[:200]}")
    counted = all(isinstance(count, int) for count in handlers.values())
    if not counted or not all(isinstance(outcome, bool) for outcome in checks.values()):
        raise ValueError(f"handlers are counted, checks are true or false: {line[:200]}")
    seconds = said.get("seconds")
    return Scenario(
        sdk=sdk,
        version=version,
        name=name,
        handlers=handlers,
        checks=checks,
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        problem=problem,
    )


def _summary(reports: Sequence[ClientReport], complaints: Sequence[str]) -> str:
    scenarios = [scenario for report in reports for scenario in report.scenarios]
    checks = [outcome for scenario in scenarios for outcome in scenario.checks.values()]
    text = (
        f"{sum(each.verdict is Verdict.PASSED for each in reports)} of {len(reports)} SDKs, "
        f"{sum(each.verdict is Verdict.PASSED for each in scenarios)} of {len(scenarios)} scenarios, "
        f"{sum(checks)} of {len(checks)} checks passed."
    )
    missing = [f"{each.package} ({each.problem})" for each in reports if each.verdict is Verdict.MISSING]
    if missing:
        text += f" NOT RUN, NOTHING IS KNOWN ABOUT: {', '.join(missing)}."
    return f"FAILED: {text}" if exit_code(reports, complaints) else text


def _problems(scenario: Scenario) -> list[str]:
    failed = [name for name, outcome in scenario.checks.items() if not outcome]
    if not scenario.checks:
        failed.append("nothing was checked")
    return failed if scenario.problem is None else [*failed, scenario.problem]


def _checks(scenario: Scenario) -> str:
    return f"{sum(scenario.checks.values())}/{len(scenario.checks)} checks"


def _handlers(scenario: Scenario) -> str:
    return ", ".join(f"{name} {count}" for name, count in scenario.handlers.items())


def _seconds(scenario: Scenario) -> str:
    return "" if scenario.seconds is None else f"{scenario.seconds:.1f} s"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
