"""How the demo looks: a live picture in a terminal, lines elsewhere, and the summary in both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from worker.demo.model import DemoModel, Row, Summary
from worker.tail import clock, printable

SPEAKER_COLOURS = ("green", "magenta", "blue", "yellow")
INSIGHT_ROWS = 8
FRAME_ROWS = 8


def picture(model: DemoModel, title: str, seconds: float, streams: list[str], height: int) -> RenderableType:
    """The live picture.

    Args:
        seconds: how long the call has been playing.
        streams: all streams, in the order of their colours.
        height: lines of the terminal.
    """
    insights = model.insight_rows()
    shown_insights = min(INSIGHT_ROWS, len(insights)) or 1
    room = max(4, (height - FRAME_ROWS - shown_insights) // 2)
    kinds, found = model.counts()
    counters = Text.assemble(
        (f" {clock({'start_ms': int(seconds * 1000)})} ", "bold reverse"),
        f"  messages {model.message_count}   captions {model.captions}   insights {counted(kinds)}",
        ("   masked ", "dim"),
        (counted(found), "bold red"),
    )
    return Group(
        counters,
        Panel(_conversation(model.rows()[-room:], streams), title=printable(title), border_style="dim"),
        Panel(
            Text("\n".join(printable(row) for row in insights[-INSIGHT_ROWS:]) or "-", "cyan", overflow="fold"),
            title="insights",
            border_style="dim",
        ),
    )


def _conversation(rows: list[Row], streams: list[str]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for row in rows:
        colour = SPEAKER_COLOURS[streams.index(row.stream) % len(SPEAKER_COLOURS) if row.stream in streams else -1]
        text = printable(row.text)
        table.add_row(
            Text(printable(row.speaker), f"bold {colour}"),
            clock({"start_ms": row.start_ms}),
            Text(text) if row.is_final else Text(f"{text} …", "italic dim"),
        )
    return table


def counted(counts: Mapping[str, int]) -> str:
    """Counts as text, the most frequent first."""
    return ", ".join(f"{name} {count}" for name, count in Counter(counts).most_common()) or "none"


def print_summary(console: Console, summary: Summary, pace: float) -> None:
    """The figures, one a line."""
    said = sum(each.words for each in summary.accuracy)
    wrong = sum(each.errors for each in summary.accuracy)
    lines = [
        ("audio", f"{summary.audio_seconds:.1f} s" + (f", played {pace:g} times faster" if pace != 1 else "")),
        ("messages", str(summary.messages)),
        ("insights", counted(summary.insights)),
        ("masked", counted(summary.findings)),
    ]
    if summary.latency_median_seconds is not None:
        figures = f"median {summary.latency_median_seconds:.2f} s, worst {summary.latency_worst_seconds:.2f} s"
        lines.append(("latency", f"{figures}, from the end of a message's audio to its arrival"))
    if summary.accuracy:
        speakers = ", ".join(f"{each.speaker} {each.word_error_rate:.1%}" for each in summary.accuracy)
        lines.append(("word errors", f"{wrong / max(1, said):.1%} of {said} words ({speakers})"))
    lines.append(("faults", f"gaps {summary.gaps}, reconnects {summary.reconnects}"))
    console.print()
    for name, text in lines:
        console.print(Text.assemble((f"{name:<12}", "bold"), text), soft_wrap=True)
