"""Crashes between results change nothing: neither which are published, nor as what."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.sessions.test_results import INES, OMAR, PLACE, Desk
from worker.records import Insight, RedactedMessage, Transcript
from worker.sessions.memory import MAX_OWED, RECENT_MESSAGES
from worker.symbl.messages import (
    Entities,
    Insights,
    SymblEntity,
    SymblEntityMatch,
    SymblInsight,
    SymblMessage,
    SymblReference,
    SymblTopic,
    SymblTracker,
    SymblTrackerMatch,
    Topics,
    Trackers,
)

MESSAGES = 5
"""Even numbers are of one stream, odd ones of the other; few, so that much is said about each."""
NUMBERS = st.integers(0, MESSAGES - 1)
FEW = st.integers(0, 1)
SOCKETS = st.sampled_from(["0", "1"])


@dataclass(frozen=True)
class Message:
    """A message is said, on the socket of its speaker."""

    number: int


@dataclass(frozen=True)
class Finding:
    """Something was found in messages, and is said on one socket; what has the same number is the same."""

    kind: str
    messages: tuple[int, ...]
    number: int
    socket: str


class Crash:
    """Another worker takes over; what was published and the state were safe together."""


steps = st.lists(
    st.builds(Message, NUMBERS)
    | st.builds(
        Finding,
        kind=st.sampled_from(["question", "action_item", "tracker", "entity"]),
        messages=st.tuples(NUMBERS),
        number=FEW,
        socket=SOCKETS,
    )
    | st.builds(
        Finding,
        kind=st.just("topic"),
        messages=st.lists(NUMBERS, min_size=1, max_size=3, unique=True).map(tuple),
        number=FEW,
        socket=SOCKETS,
    )
    | st.builds(Crash),
    min_size=10,
    max_size=40,
)


def run(desk: Desk, said: list[Message | Finding | Crash], *, crashes: bool) -> Counter[tuple[object, ...]]:
    """Say all of it. Returns what has to be published, once each."""
    spoken: set[int] = set()
    expected: Counter[tuple[object, ...]] = Counter()
    for step in said:
        match step:
            case Message(number):
                owner, user = (desk.omar, OMAR) if number % 2 else (desk.ines, INES)
                # Unlike the order in which they come, messages lie one after the other.
                place = replace(PLACE, start_us=number * 1_000_000, end_us=number * 1_000_000 + 900_000)
                place = replace(place, first_offset=10 * number, last_offset=10 * number + 9)
                message = SymblMessage(text=f"words of {number}", id=f"m{number}", from_=user)
                desk.results.message(owner, message, (), place, lambda: None)
                spoken.add(number)
            case Finding(kind, messages, number, socket):
                if not spoken.issuperset(messages) and kind in ("topic", "question", "action_item"):
                    # Said before its message it may be published at once, as nobody's.
                    continue
                hear(desk, kind, [f"m{each}" for each in messages], number, socket)
                if spoken.issuperset(messages):
                    expected[(kind, messages, number)] = 1
            case _:
                if crashes:
                    desk.crash()
    return expected


def hear(desk: Desk, kind: str, messages: list[str], number: int, socket: str) -> None:
    heard_by = desk.ines if socket == "0" else desk.omar
    identity = f"{kind}-{'-'.join(messages)}-{number}"
    references = tuple(SymblReference(message, None, number) for message in messages)
    if kind == "topic":
        topic = SymblTopic(phrases=identity, id=identity, message_ids=tuple(messages))
        desk.results.topics(heard_by, Topics(topics=(topic,)))
    elif kind == "tracker":
        match = SymblTrackerMatch(value=identity, message_refs=references)
        desk.results.trackers(heard_by, Trackers(trackers=(SymblTracker(name="price", matches=(match,)),)))
    elif kind == "entity":
        found = SymblEntityMatch(detected_value=identity, message_refs=references)
        desk.results.entities(heard_by, Entities(entities=(SymblEntity(type="GENERAL", matches=(found,)),)))
    else:
        insight = SymblInsight(type=kind, text=identity, id=identity, message_id=messages[0])
        desk.results.insights(heard_by, Insights(insights=(insight,)))


@settings(max_examples=100, deadline=None)
@given(steps)
def test_crashes_change_nothing(said: list[Message | Finding | Crash]) -> None:
    """What a host says after its message is published once, numbered without holes, under the id that it had anyway."""
    calm, hit = Desk(), Desk()
    run(calm, said, crashes=False)
    expected = run(hit, said, crashes=True)
    assert hit.book.outputs == calm.book.outputs
    published = Counter(
        each.masked.text for each in hit.insights if not (each.kind in ("tracker", "entity") and not each.message_ids)
    )
    assert published == {
        f"{kind}-{'-'.join(f'm{each}' for each in messages)}-{number}": 1  # type: ignore[attr-defined]
        for kind, messages, number in expected
    }
    assert all(each.message_ids for each in hit.insights)
    origins = [each.origin for each in hit.book.outputs if isinstance(each, Insight | RedactedMessage | Transcript)]
    assert len({origin.id for origin in origins}) == len(origins)
    for kind in (Insight, RedactedMessage, Transcript):
        for stream in ("0", "1"):
            own = [each.origin for each in hit.book.outputs if isinstance(each, kind) and each.origin.stream == stream]
            assert [origin.sequence for origin in own] == list(range(len(own)))


@settings(max_examples=30, deadline=None)
@given(steps, st.lists(SOCKETS, min_size=1, max_size=2))
def test_owed_messages_are_not_forgotten(said: list[Message | Finding | Crash], lost: list[str]) -> None:
    """Whatever follows the loss of a socket, and however often, what is missing can still be told from the rest."""
    desk = Desk()
    run(desk, said, crashes=True)
    for stream in lost:
        desk.results.lose_socket(stream)
    owed = [(each.id, sorted(map(str, each.kept.published))) for each in desk.results.owed()]
    for number in range(3 * RECENT_MESSAGES):
        desk.say("more", id_=f"more-{number}")
        desk.crash()
    assert [(each.id, sorted(map(str, each.kept.published))) for each in desk.results.owed()] == owed
    counted = {each.origin.id: each for each in desk.book.outputs if isinstance(each, RedactedMessage)}
    assert all(counted[message].origin.stream in lost for message, _ in owed)


def test_what_is_owed_is_bounded() -> None:
    """The oldest messages are given up, and counted."""
    desk = Desk()
    rounds = MAX_OWED // RECENT_MESSAGES + 2
    for number in range(rounds * RECENT_MESSAGES):
        place = replace(PLACE, first_offset=number, last_offset=number)
        desk.results.message(desk.ines, SymblMessage(text="so", id=f"m{number}", from_=INES), (), place, lambda: None)
        if number % RECENT_MESSAGES == RECENT_MESSAGES - 1:
            desk.results.lose_socket("0")
            desk.crash()
    assert len(desk.results.owed()) == MAX_OWED
    assert desk.results.owed_dropped == 2 * RECENT_MESSAGES
    assert desk.results.owed()[-1].kept.symbl_message_id == f"m{rounds * RECENT_MESSAGES - 1}"
    assert len(desk.ines.state.recent) <= MAX_OWED + RECENT_MESSAGES
