"""Answers of the Conversation API, as events."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.symbl.findings import findings_about, parse_findings
from worker.symbl.messages import Entities, Insights, Topics, Trackers

TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["insights", "trackers", "messageIds", "text", "type", "matches", "messageRefs", "dueBy"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
PATHS = ["insights", "topics", "trackers", "entities"]


@given(st.sampled_from(PATHS), TREES, st.booleans())
def test_whatever_a_host_answers_is_read_or_refused(path: str, tree: object, wrapped: bool) -> None:
    """Nothing that a peer sends raises."""
    event = parse_findings(path, orjson.dumps({path: [tree]} if wrapped else tree))
    if event is not None:
        assert list(findings_about([event], "m"))
    assert parse_findings(path, b"{") is None


def test_a_commitment_has_the_members_that_it_has_on_the_wire() -> None:
    """Text, score, message and due date have other names in the API."""
    element = {
        "id": "i",
        "type": "action_item",
        "text": "call Omar",
        "score": 0.75,
        "messageIds": ["m"],
        "from": {"id": "h1", "userId": "ines"},
        "assignee": {"id": "h2", "name": "Omar"},
        "dueBy": "2026-03-14",
    }
    event = parse_findings("insights", orjson.dumps({"insights": [element, 5]}))
    assert isinstance(event, Insights)
    (insight,) = event.insights
    assert (insight.id, insight.type, insight.text, insight.confidence) == ("i", "action_item", "call Omar", 0.75)
    assert (insight.message_id, insight.due_by) == ("m", "2026-03-14")
    assert insight.assignee is not None
    assert insight.assignee.name == "Omar"


@pytest.mark.parametrize("form", ["2022", "2023"])
def test_findings_are_split_by_message(form: str) -> None:
    """The API tells a tracker or entity once, with all of its places; each message gets its own."""
    places = [{"id": "m1", "offset": 3}, {"id": "m2", "offset": 0}, {"id": "m1", "offset": 9}]
    entity: dict[str, object] = {"type": "date", "value": "monday", "messageRefs": places}
    if form == "2023":
        entity = {"type": "date", "matches": [{"detectedValue": "monday", "messageRefs": places}]}
    tracker = {"name": "price", "matches": [{"type": "vocabulary", "value": "cost", "messageRefs": places}]}
    topic = {"id": "t", "text": "plan", "score": 0.5, "messageIds": ["m2", "m3"]}
    events = [
        parse_findings("entities", orjson.dumps({"entities": [entity]})),
        parse_findings("trackers", orjson.dumps([tracker])),
        parse_findings("topics", orjson.dumps({"topics": [topic]})),
    ]
    known = [event for event in events if event is not None]
    assert len(known) == 3

    def of(message: str) -> tuple[list[int | None], list[int | None], list[str]]:
        entities, trackers, topics = findings_about(known, message)
        assert isinstance(entities, Entities)
        assert isinstance(trackers, Trackers)
        assert isinstance(topics, Topics)
        return (
            [ref.offset for each in entities.entities for match in each.matches for ref in match.message_refs],
            [ref.offset for each in trackers.trackers for match in each.matches for ref in match.message_refs],
            [each.phrases for each in topics.topics],
        )

    assert of("m1") == ([3, 9], [3, 9], [])
    assert of("m2") == ([0], [0], ["plan"])
    assert of("m4") == ([], [], [])
