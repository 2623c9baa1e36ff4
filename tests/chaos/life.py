"""What the life cycle of conversations says about a run. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Life:
    """A record of the topic of conversations.

    Args:
        published_ms: The record's own timestamp, ms since the epoch.
        reason: Of a gap or a failure.
        recovered: Of an end: insights that were read from the host's Conversation API afterwards.
    """

    id: str
    conversation_id: str
    stream: str | None
    event: str
    published_ms: int
    reason: str | None
    recovered: int = 0


def life_problems(life: Sequence[Life], conversations: Collection[str]) -> list[str]:
    """Conversations that did not start and end once, streams that lost audio, and ids that mean two things.

    A record that comes again as it was is not this module's to judge: see `tests.chaos.reader.Seen.repeats`.
    """
    first: dict[str, Life] = {}
    changed = 0
    for record in life:
        earlier = first.setdefault(record.id, record)
        changed += (earlier.event, earlier.stream) != (record.event, record.stream)
    once = first.values()
    problems = [f"{changed} records about conversations have the id of another one"] if changed else []
    for event in ("started", "ended"):
        count = Counter(record.conversation_id for record in once if record.event == event)
        names = sorted({*conversations, *count})
        problems += [f"{name} {event} {count[name]} times" for name in names if count[name] != (name in conversations)]
    lost = Counter(f"{record.event} ({record.reason})" for record in once if record.event in ("gap", "failed"))
    return problems + [f"{number} times {what}" for what, number in sorted(lost.items())]
