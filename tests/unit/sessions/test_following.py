"""Which messages of a followed conversation are missing, and where they lie in time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.sessions.following import REMEMBERED_MESSAGES, is_published, missed_messages, note_published, times_of
from worker.sessions.state import SubscriptionState
from worker.symbl.findings import Findings
from worker.symbl.messages import (
    Entities,
    Messages,
    SymblEntity,
    SymblEntityMatch,
    SymblMark,
    SymblMessage,
    SymblReference,
    SymblWord,
)

NOW_MS = 1_800_000_000_000


def subscription(**members: object) -> SubscriptionState:
    return SubscriptionState(connection_id="room", offset=3, asked_at_ms=NOW_MS, **members)  # type: ignore[arg-type]


def message(number: int, *, began_at_ms: int | None = None, **members: object) -> SymblMessage:
    """One that began so many seconds after now, unless said otherwise."""
    when = NOW_MS + number * 1000 if began_at_ms is None else began_at_ms
    return SymblMessage(text=f"text {number}", id=f"m{number}", began_at_ms=when, **members)  # type: ignore[arg-type]


def publish(followed: SubscriptionState, each: SymblMessage, last_end_us: int = 0) -> tuple[int, int]:
    start_us, end_us, _ = times_of(followed, each, last_end_us)
    note_published(followed, each, start_us)
    return start_us, end_us


def found(*messages: SymblMessage) -> Findings:
    return Findings((Messages(messages=messages),))


def numbers(followed: SubscriptionState, findings: Findings) -> list[str | None]:
    return [each.id for each in missed_messages(followed, findings)]


# --- time ---


def test_the_clock_begins_with_the_audio_of_the_first_speaker() -> None:
    """Speakers whose sockets count for themselves lie on one clock: that of the host."""
    followed = subscription()
    first = message(0, began_at_ms=NOW_MS + 5_000, start_ms=2_000, end_ms=3_000)
    other = message(1, began_at_ms=NOW_MS + 9_000, start_ms=100, end_ms=1_600)
    assert publish(followed, first) == (2_000_000, 3_000_000)
    assert publish(followed, other) == (6_000_000, 7_500_000)


def test_words_move_with_their_message() -> None:
    """A word keeps its distance from the beginning of its message."""
    followed = subscription(zero_ms=NOW_MS)
    words = (SymblWord("a", 100, 300), SymblWord("b", 300, 500))
    each = message(4, start_ms=100, end_ms=500, words=words)
    _, _, timed = times_of(followed, each, 0)
    assert [(word.text, word.start_ms, word.end_ms) for word in timed] == [("a", 4_000, 4_200), ("b", 4_200, 4_400)]


def test_a_host_without_a_clock_is_believed_its_offsets() -> None:
    """Where a message does not say when it was said, its offset counts; without one it is where the last one ended."""
    followed = subscription()
    assert times_of(followed, SymblMessage(text="t", start_ms=700, end_ms=900), 0)[:2] == (700_000, 900_000)
    assert times_of(followed, SymblMessage(text="t"), 1_500_000)[:2] == (1_500_000, 1_500_000)


times = st.lists(
    st.builds(
        SymblMessage,
        text=st.just("t"),
        id=st.uuids().map(str),
        start_ms=st.none() | st.integers(0, 10_000),
        end_ms=st.none() | st.integers(0, 20_000),
        began_at_ms=st.none() | st.integers(NOW_MS - 5_000, NOW_MS + 60_000),
        words=st.just((SymblWord("w", 100, 200),)),
    ),
    max_size=20,
)


@given(times)
def test_the_clock_never_goes_back(messages: list[SymblMessage]) -> None:
    """Whatever a host says: begins rise, no end is before its begin, and no word before the clock's beginning."""
    followed = subscription()
    last_us, last_end_us = 0, 0
    for each in messages:
        start_us, end_us, words = times_of(followed, each, last_end_us)
        note_published(followed, each, start_us)
        assert last_us <= start_us <= end_us
        assert all(0 <= word.start_ms <= word.end_ms for word in words)
        last_us, last_end_us = start_us, max(last_end_us, end_us)


# --- what is missing ---


def test_before_anything_is_published_the_record_decides() -> None:
    """What began before the ``subscribe`` record is the past."""
    assert numbers(subscription(), found(message(-1), message(0), message(1))) == ["m0", "m1"]


def test_what_is_published_is_not_missing() -> None:
    """Known ids are left out; if the record's timestamp is later than the first of them, that one is the beginning."""
    followed = subscription()
    publish(followed, message(-5))
    publish(followed, message(2))
    assert numbers(followed, found(*(message(number) for number in range(-7, 4)))) == [
        f"m{number}" for number in (-4, -3, -2, -1, 0, 1, 3)
    ]


def test_what_cannot_be_told_apart_is_left_out() -> None:
    """A message without an id or a time might have been published."""
    unnamed = SymblMessage(text="t", began_at_ms=NOW_MS + 1)
    assert numbers(subscription(), found(unnamed, SymblMessage(text="t", id="m"))) == []


def test_marks_come_with_their_messages() -> None:
    """Personal data that the host reports beside the messages is masked in them."""
    mark = SymblEntity(
        type="PII",
        sub_type="PERSON_NAME",
        category="Managed",
        matches=(SymblEntityMatch(detected_value="Omar", message_refs=(SymblReference("m1"), SymblReference("m2"))),),
    )
    findings = Findings((Entities(entities=(mark,)), Messages(messages=(message(1), message(3)))))
    first, second = missed_messages(subscription(), findings)
    assert first.entities == (SymblMark("PII", "Omar", None, "PERSON_NAME", "Managed"),)
    assert second.entities == ()


def test_a_message_without_a_time_is_remembered_where_the_last_one_was() -> None:
    """A host that leaves the time out now and then does not make the past look missing."""
    followed = subscription()
    publish(followed, SymblMessage(text="t", id="first"))
    publish(followed, message(-3))
    publish(followed, SymblMessage(text="t", id="timeless"))
    assert is_published(followed, SymblMessage(text="t", id="timeless"))
    assert numbers(followed, found(*(message(number) for number in (-4, -3, -2, 8)))) == ["m-2", "m8"]


@given(
    said=st.integers(0, 3 * REMEMBERED_MESSAGES),
    lost=st.sets(st.integers(1, 20)),
    swaps=st.lists(st.integers(0, 3 * REMEMBERED_MESSAGES), max_size=30),
)
def test_everything_that_is_missing_is_found_and_nothing_else(said: int, lost: set[int], swaps: list[int]) -> None:
    """Also when messages come in another order than they were said, by less than half of what is remembered."""
    followed = subscription()
    order = list(range(said))
    for at in swaps:
        if at + 1 < said:
            order[at], order[at + 1] = order[at + 1], order[at]
    # Lost is what was said at the end, when there was no socket.
    heard = order[: max(0, said - 20)]
    tail = [number for number in order[max(0, said - 20) :] if said - number not in lost]
    for number in [*heard, *tail]:
        publish(followed, message(number))
    expected = sorted(set(range(said)) - set(heard) - set(tail))
    assert numbers(followed, found(*(message(number) for number in range(said)))) == [f"m{n}" for n in expected]


@given(st.integers(0, 200))
def test_what_is_remembered_is_bounded(count: int) -> None:
    """However long a conversation lasts, its state does not grow with it."""
    followed = subscription()
    for number in range(count):
        publish(followed, message(number))
    assert len(followed.published) == min(count, REMEMBERED_MESSAGES)
