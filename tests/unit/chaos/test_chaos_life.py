"""What the life cycle of conversations says about a run."""

from __future__ import annotations

from dataclasses import replace

from tests.chaos.reader import Life, Seen
from tests.chaos.run import _life_problems, _others


def life(event: str, number: int, reason: str | None = None) -> Life:
    return Life(id=f"id-{number}", conversation_id="call", stream=None, event=event, published_ms=number, reason=reason)


GOOD = [life("started", 0), life("resumed", 1), life("ended", 2)]


def test_one_start_and_one_end() -> None:
    """Repeats under the same id are no second start; a conversation without an end is a problem, or with two."""
    assert _life_problems([*GOOD, GOOD[0], GOOD[2]], {"call"}) == []
    assert _life_problems(GOOD[:2], {"call"}) == ["call ended 0 times"]
    assert _life_problems([*GOOD, life("ended", 3)], {"call"}) == ["call ended 2 times"]


def test_gaps_and_ids_that_change_their_meaning_are_problems() -> None:
    """Audio that was given up, and an id under which two things happened."""
    assert _life_problems([*GOOD, life("gap", 3, "max_hold")], {"call"}) == ["1 times gap (max_hold)"]
    assert _life_problems([*GOOD, replace(GOOD[1], event="gap")], {"call"}) == [
        "1 records about conversations have the id of another one"
    ]


def test_dead_letters_and_invalid_records_are_problems() -> None:
    """A record that breaks its schema is reported by place, and is no result."""
    seen = Seen()
    seen.add("transcripts", b'{"text": "secret"}', 0)
    seen.dead_letters.append("bad_header")
    first, second = _others(seen)
    assert first == "1 dead letters: bad_header"
    assert second.startswith("a record breaks its schema: transcripts")
    assert "secret" not in second
    assert seen.results["transcripts"] == []
