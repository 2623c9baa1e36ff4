"""What a run can be told, what it tells its workers, and what it says about its programs."""

from __future__ import annotations

import os

import pytest

from tests.chaos.options import parse
from tests.chaos.run import _settings
from tests.chaos.usage import Usage
from worker.config import load_settings
from worker.engine.config import load_engine_settings


def test_repeats_are_allowed_with_at_least_once_delivery_alone() -> None:
    """Nobody can have them allowed by chance, and nobody gets them by default."""
    assert not parse([]).allow_same_id_repeats
    assert parse(["--delivery", "at_least_once", "--allow-same-id-repeats"]).allow_same_id_repeats
    for wrong in (["--allow-same-id-repeats"], ["--allow-same-id-repeats", "--delivery", "exactly_once"]):
        with pytest.raises(SystemExit):
            parse(wrong)


def test_a_run_has_a_length_or_a_number_of_faults() -> None:
    """Not both, and at least one of everything."""
    for wrong in (["--minutes", "1", "--count", "3"], ["--workers", "0"], ["--brokers", "2"]):
        with pytest.raises(SystemExit):
            parse(wrong)


@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.parametrize("arguments", [[], ["--delivery", "at_least_once", "--commit-interval", "0.25"]])
def test_workers_and_engines_understand_their_settings(arguments: list[str], owned: bool) -> None:
    """On brokers of our own topics have as many replicas as there are nodes; elsewhere the worker's command decides."""
    told = _settings(parse(arguments), owned=owned)
    settings = load_settings(told)
    assert settings.topics.replication_factor == (3 if owned else None)
    assert settings.worker.delivery == ("at_least_once" if arguments else "exactly_once")
    load_engine_settings(told, {})


def test_usage_is_that_of_all_programs_of_a_kind_and_of_the_largest_one() -> None:
    """Programs that have ended count as they were seen last."""
    usage = Usage()
    usage.look([("worker-0", os.getpid()), ("worker-1", os.getppid()), ("worker-2", 2**30)])
    workers, harness = usage.lines(1.0)
    assert workers.startswith("all of worker: ")
    assert harness.startswith("all of harness: ")
    assert "one of them: at most " in harness
