"""What counts as conformance, and how it is told."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.conformance.report import ClientReport, Verdict, as_markdown, as_text, exit_code, read_scenarios

GOOD: dict[str, Any] = {
    "sdk": "@vendor/sdk",
    "version": "1.2.3",
    "scenario": "start",
    "handlers": {"onMessage": 3},
    "checks": {"messages in order": True},
    "seconds": 1.5,
    "problem": None,
}


def _report(*lines: dict[str, Any], **members: Any) -> ClientReport:
    scenarios = read_scenarios("\n".join(orjson.dumps(line).decode() for line in lines))
    return ClientReport(**{"sdk": "sdk", "package": "@vendor/sdk", "scenarios": scenarios} | members)


def test_everything_was_right() -> None:
    """A client passes when each of its scenarios checked something and found nothing wrong."""
    report = _report(GOOD, GOOD)
    assert report.verdict is Verdict.PASSED
    assert exit_code([report], []) == 0


@pytest.mark.parametrize(
    "wrong", [{"checks": {"a": True, "b": False}}, {"checks": {}}, {"problem": "nothing within 5 s"}]
)
def test_a_scenario_failed(wrong: dict[str, Any]) -> None:
    """A false check, no check at all or a problem fail the scenario, the client and the run, and are told."""
    report = _report(GOOD, GOOD | wrong)
    assert [scenario.verdict for scenario in report.scenarios] == [Verdict.PASSED, Verdict.FAILED]
    assert report.verdict is Verdict.FAILED
    assert exit_code([_report(GOOD), report], []) == 1
    told = "b" if wrong.get("checks") else wrong.get("problem", "nothing was checked")
    assert f"- {told}" in as_text([report], [])
    assert f": {told}" in as_markdown([report], [])


def test_a_client_failed() -> None:
    """A client that said nothing, or that had a problem of its own, fails with good scenarios, too."""
    assert _report().verdict is Verdict.FAILED
    hung = _report(GOOD, problem="hung: killed after 5 s", noise="what it said last")
    assert hung.verdict is Verdict.FAILED
    assert exit_code([hung], []) == 1
    assert "hung: killed after 5 s" in as_text([hung], [])
    assert "what it said last" in as_text([hung], [])
    assert "hung: killed after 5 s" in as_markdown([hung], [])


def test_missing_is_loud() -> None:
    """An SDK that is allowed to be missing does not fail the run, is told, and a run of nothing else fails."""
    missing = _report(missing=True, problem="go not found")
    assert missing.verdict is Verdict.MISSING
    assert exit_code([_report(GOOD), missing], []) == 0
    assert exit_code([missing], []) == 1
    for told in (as_text([_report(GOOD), missing], []), as_markdown([_report(GOOD), missing], [])):
        assert "NOT RUN, NOTHING IS KNOWN ABOUT: @vendor/sdk (go not found)" in told


def test_an_engine_complained() -> None:
    """What the engine logged as an error fails the run, whatever the clients saw."""
    assert exit_code([_report(GOOD)], ["coded: exit code 1"]) == 1
    assert "coded: exit code 1" in as_text([_report(GOOD)], ["coded: exit code 1"])
    assert "coded: exit code 1" in as_markdown([_report(GOOD)], ["coded: exit code 1"])


def test_the_report_shows_what_was_called() -> None:
    """Handlers are shown with their counts, checks with how many passed; a table cell cannot be broken out of."""
    report = _report(GOOD | {"scenario": "a|b"})
    assert "onMessage 3" in as_text([report], [])
    row = next(line for line in as_markdown([report], []).splitlines() if "onMessage" in line)
    assert row == r"| @vendor/sdk 1.2.3 | a\|b | passed | 1.5 s | 1/1 checks | onMessage 3 |"


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b"[]",
        orjson.dumps({name: value for name, value in GOOD.items() if name != "problem"}),
        orjson.dumps(GOOD | {"checks": {"a": 1}}),
        orjson.dumps(GOOD | {"handlers": {"a": "b"}}),
        orjson.dumps(GOOD | {"version": None}),
    ],
)
def test_a_line_that_nobody_promised(line: bytes) -> None:
    """Standard output holds scenarios and nothing else."""
    with pytest.raises(ValueError, match=r"JSON|member|counted"):
        read_scenarios(f"{orjson.dumps(GOOD).decode()}\n{line.decode()}\n")
