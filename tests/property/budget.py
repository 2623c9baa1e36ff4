"""How many examples property tests try.

``make test`` tries the same examples each time, so that a change is judged by itself. ``PROPERTY_BUDGET=20`` tries
twenty times as many, ``PROPERTY_BUDGET=1`` as many, and both try others each time. A failing example is printed
together with what reproduces it; ``--hypothesis-seed=7`` makes a whole run repeatable.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings


def budget(examples: int, steps: int = 50) -> settings:
    """Settings for a test that tries so many examples, of so many steps each, in ``make test``."""
    wanted = os.environ.get("PROPERTY_BUDGET")
    return settings(
        max_examples=max(1, round(examples * float(wanted or "1"))),
        derandomize=wanted is None,
        stateful_step_count=steps,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
