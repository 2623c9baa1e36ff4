"""Tables in the documentation that are made from the code."""

from __future__ import annotations

import pytest

from tests.tools.docs_tables import DOCS, TABLES, outdated, rendered
from worker.config import env_names
from worker.engine.config import engine_env_names


def test_tables_are_up_to_date() -> None:
    """What the documentation says of settings and metrics is what the code says.

    `python -m tests.tools.docs_tables --write` writes it anew.
    """
    assert [page.name for page in outdated()] == []


def test_every_setting_has_a_row() -> None:
    """Nothing that can be set is missing, in the worker or in the engine."""
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert [name for name in env_names() | engine_env_names() if f"\n| `{name}` |" not in page] == []


def test_a_page_without_markers_is_noticed() -> None:
    """A table cannot get lost with its markers."""
    with pytest.raises(ValueError, match="the markers of worker-settings are missing"):
        rendered("# Configuration\n", TABLES["configuration.md"])
