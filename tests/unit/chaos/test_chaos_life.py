"""What the life cycle of conversations says about a run, and what the reader notices by itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.life import Life, life_problems
from tests.chaos.reader import Seen

EXAMPLES = Path(__file__).parents[3] / "schemas" / "examples"


def life(event: str, number: int, reason: str | None = None) -> Life:
    return Life(id=f"id-{number}", conversation_id="call", stream=None, event=event, published_ms=number, reason=reason)


GOOD = [life("started", 0), life("resumed", 1), life("ended", 2)]


def test_one_start_and_one_end() -> None:
    """A conversation without a start or an end is a problem, or with two; so is one that nobody began."""
    assert life_problems(GOOD, {"call"}) == []
    assert life_problems(GOOD[1:], {"call"}) == ["call started 0 times"]
    assert life_problems(GOOD[:2], {"call"}) == ["call ended 0 times"]
    assert life_problems([*GOOD, life("started", 3)], {"call"}) == ["call started 2 times"]
    assert life_problems([*GOOD, life("ended", 3)], {"call"}) == ["call ended 2 times"]
    assert life_problems(GOOD, set()) == ["call started 1 times", "call ended 1 times"]


def test_a_record_that_comes_again_is_no_second_start() -> None:
    """Under the same id it is a repeat, which the reader counts."""
    assert life_problems([*GOOD, GOOD[0], GOOD[2]], {"call"}) == []


def test_gaps_failures_and_ids_that_change_their_meaning_are_problems() -> None:
    """Audio that was given up, and an id under which two things happened."""
    assert life_problems([*GOOD, life("gap", 3, "max_hold")], {"call"}) == ["1 times gap (max_hold)"]
    assert life_problems([*GOOD, life("failed", 3, "refused")], {"call"}) == ["1 times failed (refused)"]
    assert life_problems([*GOOD, replace(GOOD[1], event="gap")], {"call"}) == [
        "1 records about conversations have the id of another one"
    ]


def test_dead_letters_and_invalid_records_are_problems() -> None:
    """A record that breaks its schema is reported by place, and is no result."""
    seen = Seen()
    seen.add("transcripts", b'{"text": "secret"}', 0, 0)
    seen.dead_letters.append("bad_header")
    first, second = seen.problems(repeats_allowed=False)
    assert first == "1 dead letters: bad_header"
    assert second.startswith("a record breaks its schema: transcripts")
    assert "secret" not in second
    assert seen.results["transcripts"] == []


@pytest.mark.parametrize(
    ("kind", "example"),
    [
        ("transcripts", "transcripts"),
        ("redacted", "messages.redacted.clean"),
        ("insights", "insights.question"),
        ("conversations", "conversations.started"),
        ("dead_letters", "dead-letters.missing_key"),
    ],
)
def test_no_id_is_ever_followed_by_itself(kind: str, example: str) -> None:
    """Not in any kind of record, whatever else stands in it, unless it is allowed. Another id is no repeat."""
    seen = Seen()
    record = json.loads((EXAMPLES / f"{example}.json").read_bytes())
    seen.add(kind, json.dumps(record).encode(), 0, 0)
    seen.add(kind, json.dumps(record | {"id": "00000000-0000-5000-8000-000000000000"}).encode(), 0, 0)
    assert not any("was there before" in problem for problem in seen.problems(repeats_allowed=False))
    seen.add(kind, json.dumps(record).encode(), 0, 0)
    assert f"1 records of {kind} have an id that was there before" in seen.problems(repeats_allowed=False)
    assert not any("was there before" in problem for problem in seen.problems(repeats_allowed=True))
    assert (seen.counts[kind], seen.invalid) == (3, [])
