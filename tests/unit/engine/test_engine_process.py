"""What an engine asks of its process, and whether what a soak run measured was flat."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.trend import FEWEST_SAMPLES, second_half

CHILD = """
import gc, json, logging, resource, sys
from worker.engine.process import prepare_process
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
records = []
handler = logging.Handler()
handler.emit = records.append
logging.getLogger().addHandler(handler)
logging.getLogger().setLevel(logging.INFO)
prepare_process(int(sys.argv[1]))
said = [(record.levelname, record.limit) for record in records]
print(json.dumps([resource.getrlimit(resource.RLIMIT_NOFILE)[0], said, gc.get_freeze_count()]))
"""


@pytest.mark.parametrize("enough", [True, False])
def test_the_limit_of_open_files_is_raised_and_said(enough: bool) -> None:
    """To the hard limit; where that is too little for the connections that are allowed, a warning says so."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        pytest.skip("no limit here")
    connections = hard // 2 if enough else hard
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(connections)], capture_output=True, text=True, check=True, timeout=60
    )
    limit, said, frozen = json.loads(done.stdout)
    assert limit == hard
    assert said == [["INFO", hard], *([] if enough else [["WARNING", hard]])]
    assert frozen > 0


SURVIVORS = """
import gc
from worker.engine.process import prepare_process, surviving_blocks
prepare_process(1)
before = surviving_blocks()
gc.disable()
for _ in range(10_000):
    cycle = []
    cycle.append(cycle)
thrown_away = surviving_blocks() - before
kept = [[number] for number in range(10_000)]
gc.collect()
print(thrown_away, surviving_blocks() - before)
"""


def test_what_survives_is_counted_and_garbage_is_not() -> None:
    """Cycles that wait for the collector change nothing; what is held does, after the next full collection."""
    done = subprocess.run([sys.executable, "-c", SURVIVORS], capture_output=True, text=True, check=True, timeout=60)
    thrown_away, held = map(int, done.stdout.split())
    assert thrown_away == 0
    assert 10_000 <= held < 30_000


LEVELS = st.lists(st.floats(90, 110), min_size=2 * FEWEST_SAMPLES, max_size=60)


@given(warm_up=LEVELS, outlier=st.floats(0, 1e6))
def test_what_stays_is_flat(warm_up: list[float], outlier: float) -> None:
    """Neither a first half of any shape nor a single outlier makes a constant series grow."""
    samples = [*warm_up, *[100.0] * len(warm_up)]
    samples[-2] = outlier
    trend = second_half(samples, share=0.01, slack=0.0)
    assert trend.flat
    assert trend.level == 100.0


@given(noise=LEVELS)
def test_what_grows_is_not_flat(noise: list[float]) -> None:
    """A leak that is larger than noise and allowance is found."""
    samples = [value + 25.0 * at for at, value in enumerate(noise)]
    assert not second_half(samples, share=0.0, slack=0.0).flat


def test_too_few_samples_are_no_verdict() -> None:
    """A run that is too short cannot pass."""
    with pytest.raises(ValueError, match="too few"):
        second_half([1.0] * (2 * FEWEST_SAMPLES - 2), share=1.0, slack=1.0)
