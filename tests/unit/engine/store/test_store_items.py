"""What of server messages is kept."""

from __future__ import annotations

import copy
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.store.items import kept_of

texts = st.text(max_size=12)
ids = st.uuids().map(str)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
offsets = st.integers(-1, 5_000)
references = st.fixed_dictionaries({"id": ids, "text": texts, "offset": offsets})
tracker_matches = st.fixed_dictionaries({"value": texts, "messageRefs": st.lists(references, min_size=1, max_size=2)})
entity_matches = st.fixed_dictionaries(
    {"detectedValue": texts, "messageRefs": st.lists(references, min_size=1, max_size=2)}
)
secrets = st.fixed_dictionaries(
    {"type": st.just("SSN"), "offset": offsets},
    optional={"value": texts, "text": texts, "detectedValue": texts, "subType": st.just("PII")},
)
messages = st.fixed_dictionaries(
    {"id": ids, "payload": st.fixed_dictionaries({"content": texts})},
    optional={"entities": st.none() | st.lists(secrets, max_size=3), "sentiment": json_values},
)
insights = st.fixed_dictionaries({"id": ids, "type": st.just("question"), "entities": st.none()})
topics = st.fixed_dictionaries({"id": ids, "phrases": texts, "score": st.floats(0, 1)})
trackers = st.fixed_dictionaries(
    {"name": texts, "matches": st.lists(tracker_matches, min_size=1, max_size=3)}, optional={"id": ids}
)
entities = st.fixed_dictionaries(
    {"type": texts, "subType": texts, "matches": st.lists(entity_matches, min_size=1, max_size=3)}
)


def a_frame(kind: str, member: str, elements: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    fixed: dict[str, st.SearchStrategy[Any]] = {
        "type": st.just(kind),
        member: st.lists(elements, max_size=4),
        "sequenceNumber": st.integers(0, 99),
    }
    if member == "trackers":
        fixed["isFinal"] = st.just(True)
    return st.fixed_dictionaries(fixed)


ELEMENTS = {
    "message_response": "messages",
    "insight_response": "insights",
    "topic_response": "topics",
    "tracker_response": "trackers",
    "entity_response": "entities",
}
frames = st.one_of(
    a_frame("message_response", "messages", messages),
    a_frame("insight_response", "insights", insights),
    a_frame("topic_response", "topics", topics),
    a_frame("tracker_response", "trackers", trackers),
    a_frame("entity_response", "entities", entities),
)


@given(frames)
def test_every_element_is_kept_as_it_was_sent(frame: dict[str, Any]) -> None:
    """What everybody heard is kept, in its order, element by element, and under the kind of its message."""
    kept = kept_of(frame, redacted=False)
    assert [each.body for each in kept] == frame[ELEMENTS[frame["type"]]]
    assert {each.kind for each in kept} <= {frame["type"].removesuffix("_response")}


@given(frames, st.booleans())
def test_the_same_again_is_the_same_item(frame: dict[str, Any], redacted: bool) -> None:
    """A message that is sent again makes no second item; ids say nothing of what was said."""
    before = copy.deepcopy(frame)
    first = kept_of(frame, redacted=redacted)
    again = kept_of(orjson.loads(orjson.dumps(frame)), redacted=redacted)
    assert [each.id for each in first] == [each.id for each in again]
    assert frame == before
    assert all(len(each.id) == 36 for each in first)


@given(st.lists(messages, min_size=1, max_size=4))
def test_redacted_messages_have_no_clear_values(sent: list[dict[str, Any]]) -> None:
    """With redaction, what the masks hide is named and not kept; everything else stays as it is."""
    kept = kept_of({"type": "message_response", "messages": sent}, redacted=True)
    for each, message in zip(kept, sent, strict=True):
        found = each.body.get("entities") or []
        assert all(not {"value", "text", "detectedValue"} & entity.keys() for entity in found)
        assert [entity["offset"] for entity in found] == [entity["offset"] for entity in message.get("entities") or []]
        assert {name: each.body[name] for name in each.body if name != "entities"} == {
            name: message[name] for name in message if name != "entities"
        }
        assert each.body.keys() == message.keys()


places = st.tuples(texts, texts, ids, offsets)


@given(st.lists(places, min_size=2, max_size=2, unique=True))
def test_results_are_told_apart_by_name_value_message_and_place(two: list[tuple[str, str, str, int]]) -> None:
    """Tracker and entity results differ where any of these differs, also where texts could be cut another way."""
    seen = []
    for name, value, message_id, offset in two:
        reference = {"id": message_id, "text": "", "offset": offset}
        tracker = {"name": name, "matches": [{"value": value, "messageRefs": [reference]}]}
        entity = {"type": name, "subType": "", "matches": [{"detectedValue": value, "messageRefs": [reference]}]}
        frame = {"type": "tracker_response", "isFinal": True, "trackers": [tracker]}
        seen.append(
            (
                kept_of(frame, redacted=False)[0].id,
                kept_of({"type": "entity_response", "entities": [entity]}, redacted=False)[0].id,
            )
        )
    assert seen[0][0] != seen[1][0]
    assert seen[0][1] != seen[1][1]


def test_a_topic_that_has_grown_replaces_what_it_was() -> None:
    """The same words are the same topic, whatever its id; the latest is kept."""
    first, grown, other = (
        kept_of({"type": "topic_response", "topics": [{"id": number, "phrases": phrases}]}, redacted=False)[0]
        for number, phrases in (("1", "invoice totals"), ("2", "Invoice totals"), ("3", "totals"))
    )
    assert first.id == grown.id != other.id
    assert grown.body["id"] == "2"


@given(frames, st.sampled_from(["error", "message", "interim"]))
def test_nothing_else_is_kept(frame: dict[str, Any], kind: str) -> None:
    """Interim tracker results, life-cycle messages and errors are no items."""
    match kind:
        case "interim":
            other = {**frame, "type": "tracker_response", "isFinal": False, "trackers": []}
        case "message":
            other = {"type": "message", "message": frame}
        case _:
            other = {**frame, "type": kind}
    assert kept_of(other, redacted=False) == []
