"""Writes the tables of docs/configuration.md and docs/metrics.md from the code that they describe.

``python -m tests.tools.docs_tables --write`` writes them, ``--check`` says whether they are up to date. What stands
outside of the markers is left as it is.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import Final
from unittest.mock import MagicMock

from prometheus_client import CollectorRegistry, Metric

from worker import app
from worker.config import Settings, settings_fields
from worker.engine.config import engine_env_names
from worker.engine.metrics import EngineMetrics, Gauges
from worker.engine.sessions import Load
from worker.engine.settings import EngineSettings
from worker.metrics import GaugeCollector, Metrics

DOCS: Final = Path(__file__).parents[2] / "docs"
ENGINE_PORT: Final = 8700
# Variables that are no fields of the engine's settings.
EXTRA: Final = {
    "APP_ID": "Application id that is accepted; without one any credentials are.",
    "APP_SECRET": "Secret of the application id.",
    "APP_SECRET_FILE": "File that holds the secret.",
    "TOKEN_KEY_FILE": "File that holds the key.",
    "STORE_URL_FILE": "File that holds the address.",
}


def worker_settings() -> str:
    """One table per section."""
    parts = []
    for section, field in Settings.model_fields.items():
        prefix = f"{section}__".upper()
        rows = [
            (f"`{name}`", _value(value), text) for name, _, value, text in settings_fields() if name.startswith(prefix)
        ]
        about = inspect.getdoc(field.annotation)
        parts.append(f"### `{section}`\n\n{about}\n\n{_table(('variable', 'default', 'meaning'), rows)}")
    return "\n\n".join(parts)


def engine_settings() -> str:
    """One table; the meanings are those of the docstring."""
    defaults = EngineSettings(port=ENGINE_PORT)
    meanings = _arguments(inspect.getdoc(EngineSettings) or "")
    rows = []
    for name in sorted(engine_env_names(), key=lambda name: _engine_order(name.removeprefix("ENGINE__"))):
        plain = name.removeprefix("ENGINE__")
        value = getattr(defaults, plain.lower(), None)
        rows.append((f"`{name}`", _value(value), EXTRA.get(plain) or meanings[plain.lower()]))
    return _table(("variable", "default", "meaning"), rows)


def worker_metrics() -> str:
    """Counters and histograms, then the gauges, which are read from a worker that does nothing."""
    registry = CollectorRegistry()
    Metrics(registry)
    registry.register(GaugeCollector(lambda: [(name, text, 0.0) for name, text, _ in app._gauges(MagicMock())]))
    return _metrics(registry.collect())


def engine_metrics() -> str:
    """The engine's own metrics."""
    metrics = EngineMetrics()
    metrics.watch(
        lambda: Gauges(
            speaker_sockets=0,
            subscriber_sockets=0,
            conversations=0,
            load=Load(),
            archive_backlog=0,
        )
    )
    return _metrics(family for family in metrics._registry.collect() if family.name.startswith("symbl_engine"))


TABLES: Final[dict[str, dict[str, Callable[[], str]]]] = {
    "configuration.md": {"worker-settings": worker_settings, "engine-settings": engine_settings},
    "metrics.md": {"worker-metrics": worker_metrics, "engine-metrics": engine_metrics},
}


def rendered(text: str, tables: dict[str, Callable[[], str]]) -> str:
    """A page with its tables written anew.

    Raises:
        ValueError: the page has no place for a table.
    """
    for name, make in tables.items():
        begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"the markers of {name} are missing")
        text = f"{before}{begin}\n\n{make()}\n\n{end}{after}"
    return text


def outdated(docs: Path = DOCS) -> dict[Path, str]:
    """The pages that are not up to date, and what they should be."""
    pages = {docs / name: tables for name, tables in TABLES.items()}
    wanted = {page: rendered(page.read_text(encoding="utf-8"), tables) for page, tables in pages.items()}
    return {page: text for page, text in wanted.items() if page.read_text(encoding="utf-8") != text}


def _metrics(families: Iterable[Metric]) -> str:
    rows = []
    for family in families:
        labels = {name: None for sample in family.samples for name in sample.labels if name != "le"}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        shown = ", ".join(f"`{label}`" for label in labels or _declared_labels(family.name))
        rows.append((f"`{name}`", family.type, shown, family.documentation))
    return _table(("name", "type", "labels", "meaning"), rows)


def _declared_labels(name: str) -> Sequence[str]:
    """Labels of a metric that has no series yet."""
    registry = CollectorRegistry()
    for declared in vars(Metrics(registry)).values():
        if getattr(declared, "_name", None) == name:
            labels: Sequence[str] = declared._labelnames
            return labels
    return ()


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _value(value: object) -> str:
    match value:
        case None | "" | ():
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            items = ("=".join(item) if isinstance(item, tuple) else _value(item).strip("`") for item in value)
            return f"`{','.join(items)}`"
        case Enum():
            return f"`{value.value}`"
        case float():
            return f"`{value:g}`"
    return f"`{value}`"


def _arguments(docstring: str) -> dict[str, str]:
    """The meanings under `Args`, by name."""
    section = docstring.partition("Args:\n")[2].partition("\n\n")[0]
    joined = re.sub(r"\n {8}", " ", section)
    return dict(re.findall(r"^ {4}(\w+): (.*)$", joined, re.MULTILINE))


def _engine_order(name: str) -> tuple[int, str]:
    """As the fields are declared; files after what they hold."""
    order = list(EngineSettings.__dataclass_fields__)
    plain = "accounts" if name.startswith("APP_") else name.lower()
    return order.index(plain if plain in order else plain.removesuffix("_file")), name


def main(arguments: Sequence[str]) -> int:
    """Write or check. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.docs_tables", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write the tables")
    what.add_argument("--check", action="store_true", help="exit with 1 when a table is not up to date")
    write = parser.parse_args(arguments).write
    old = outdated()
    for page, text in old.items():
        print(f"{'written' if write else 'not up to date'}: docs/{page.name}")
        if write:
            page.write_text(text, encoding="utf-8")
    return 1 if old and not write else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
