"""What clients ask for: pages, changes, trackers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.rest import shapes
from worker.engine.rest.problems import Problem
from worker.engine.rest.queries import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    ConversationChange,
    MemberChange,
    PageRequest,
    parse_conversation_change,
    parse_member_change,
    parse_page,
)
from worker.engine.rest.tracker_requests import (
    MAX_PHRASES,
    MAX_TRACKERS,
    Tracker,
    parse_tracker,
    parse_trackers,
    patch_tracker,
)

NOW = 1_780_000_000.0
WEEK = 7 * 86_400.0
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    ["name", "vocabulary", "description", "categories", "languages", "id", "metadata", "op", "path", "value", "email"]
)
BODIES = JSON | st.dictionaries(MEMBERS, JSON | st.lists(st.text(max_size=5), max_size=3), max_size=4)
PROMOTION = {
    "name": "Promotion Mention",
    "vocabulary": [
        "We have a special promotion going on if you book this before",
        "I can offer you a discount of 10 20 percent you being a new customer for us",
        "We have our month special this month",
        "We have a sale right now on",
    ],
}


# --- queries and changes ---------------------------------------------------------------------------------------------


def test_the_default_page() -> None:
    """Twenty conversations of the last seven days, the oldest first."""
    assert parse_page({}, NOW) == PageRequest(limit=DEFAULT_LIMIT, since=NOW - WEEK)
    assert parse_page({"endTime": "2026-05-01T00:00:00Z"}, NOW) == PageRequest(
        since=1_777_593_600.0 - WEEK, until=1_777_593_600.0
    )


def test_pages() -> None:
    """The documented parameters; a plus sign of a time zone may come as a space."""
    query = {
        "limit": "2",
        "order": "desc",
        "offset": "3",
        "sort": "conversation.startTime",
        "startTime": "2026-05-01T02:00:00.000 02:00",
        "endTime": "2026-05-02T00:00:00",
    }
    assert parse_page(query, NOW) == PageRequest(
        limit=2, offset=3, newest_first=True, since=1_777_593_600.0, until=1_777_680_000.0
    )
    assert parse_page({"limit": "0"}, NOW) == PageRequest(limit=0, since=NOW - WEEK)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": "-1"}, 400),
        ({"limit": str(MAX_LIMIT + 1)}, 400),
        ({"limit": "9" * 5000}, 400),
        ({"limit": "²"}, 400),
        ({"offset": "x"}, 400),
        ({"offset": str(2**64)}, 400),
        ({"order": "random"}, 400),
        ({"startTime": "yesterday"}, 400),
        ({"startTime": "2026-05-02T00:00:00Z", "endTime": "2026-05-01T00:00:00Z"}, 400),
        ({"startTime": "2026-05-02T00:00:00Z", "endTime": "2026-05-02T00:00:00Z"}, 400),
        ({"sort": "conversation.name"}, 501),
        ({"filter": "conversation.metadata.agentId==johndoe"}, 501),
    ],
)
def test_unusable_pages(query: dict[str, str], status: int) -> None:
    """They are refused with a text; what is not supported is not ignored in silence."""
    problem = parse_page(query, NOW)
    assert isinstance(problem, Problem)
    assert problem.status == status


def test_changes_of_conversations() -> None:
    """Metadata and name can be changed; an empty object of metadata removes all of it."""
    metadata = {"key": "value", "agentId": "johndoe"}
    assert parse_conversation_change({"metadata": metadata}) == ConversationChange(None, metadata)
    assert parse_conversation_change({"name": "n", "metadata": {}}) == ConversationChange("n", {})


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"id": "1"},
        {"type": "call", "metadata": {}},
        {"name": ""},
        {"name": "x\0"},
        {"name": "x" * 257},
        {"metadata": None},
        {"metadata": {"a": 1}},
        {"metadata": {"a": "x" * 129}},
        {"metadata": {"a\0": "x"}},
        {"metadata": {"x" * 129: "a"}},
        {"metadata": {str(number): "" for number in range(101)}},
    ],
)
def test_unusable_changes_of_conversations(body: Any) -> None:
    """They are refused with 400: values are strings of at most 128 characters, ids and types stay."""
    problem = parse_conversation_change(body)
    assert isinstance(problem, Problem)
    assert problem.status == 400


def test_changes_of_members() -> None:
    """The name is required; an e-mail address becomes the user id; the rest of the Go SDK's struct is ignored."""
    whole = {"id": "7", "name": " Ines ", "email": "i@example.com", "pace": {}, "talkTime": {}}
    assert parse_member_change(whole, "7") == MemberChange("Ines", "i@example.com")
    assert parse_member_change({"name": "Ines", "email": ""}, "7") == MemberChange("Ines", None)
    for body in (None, {}, {"name": 1}, {"name": " "}, {"name": "x", "id": "8"}, {"name": "x", "email": 1}):
        problem = parse_member_change(body, "7")
        assert isinstance(problem, Problem)
        assert problem.status == 400


# --- trackers --------------------------------------------------------------------------------------------------------


def test_a_tracker() -> None:
    """The documented sample is one; what it is shown as has every member that the Go SDK reads."""
    tracker = parse_tracker(PROMOTION)
    assert isinstance(tracker, Tracker)
    shown = tracker.as_json("4476908732794496", created_on="2026-01-01T00:00:00.000Z", updated_on="")
    assert shown.items() >= {"id": "4476908732794496", **PROMOTION}.items()
    assert shapes.misfit(shown, shapes.SAVED_TRACKER) is None
    assert shown["categories"] == shown["languages"] == []
    assert parse_tracker(shown) == tracker


def test_what_the_go_sdk_sends() -> None:
    """Null for absent lists, description left out, categories and languages kept."""
    body = {"name": "T", "categories": ["Sales"], "languages": ["en-US"], "vocabulary": ["it's 10.5 low-cost"]}
    assert parse_tracker(body) == Tracker(
        name="T", categories=("Sales",), languages=("en-US",), vocabulary=("it's 10.5 low-cost",)
    )
    assert parse_tracker({**body, "categories": None, "languages": None}) == Tracker(
        name="T", vocabulary=("it's 10.5 low-cost",)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "  "},
        {"name": None},
        {"name": 7},
        {"name": "x" * 257},
        {"name": "a\0b"},
        {"description": []},
        {"vocabulary": []},
        {"vocabulary": None},
        {"vocabulary": "sale"},
        {"vocabulary": ["sale", 1]},
        {"vocabulary": ["sale", ""]},
        {"vocabulary": ["..."]},
        {"vocabulary": ["sale", " sale "]},
        {"vocabulary": ["What is the price?"]},
        {"vocabulary": ["one, two"]},
        {"vocabulary": ["a\x07b"]},
        {"vocabulary": ["x" * 501]},
        {"vocabulary": [f"phrase {number}" for number in range(MAX_PHRASES + 1)]},
        {"categories": "Sales"},
        {"categories": [""]},
        {"languages": [None]},
        {"languages": ["en-US"] * 51},
        {"excludeVocabulary": ["sale"]},
        {"vocabulry": ["sale"]},
    ],
)
def test_malformed_trackers(change: dict[str, Any]) -> None:
    """They are refused with 400 and a text that names the member."""
    problem = parse_tracker(PROMOTION | change)
    assert isinstance(problem, Problem)
    assert problem.status == 400
    assert next(iter(change)) in problem.message or "phrase" in problem.message


def test_bulk() -> None:
    """An array of trackers with different names; names are told apart by case; one bad element spoils all."""
    trackers = parse_trackers([PROMOTION, PROMOTION | {"name": "promotion mention"}])
    assert isinstance(trackers, tuple)
    assert [tracker.name for tracker in trackers] == ["Promotion Mention", "promotion mention"]
    for body, status in (
        ([], 400),
        ({}, 400),
        ([PROMOTION, {}], 400),
        ([PROMOTION, PROMOTION], 409),
        ([PROMOTION] * (MAX_TRACKERS + 1), 400),
    ):
        problem = parse_trackers(body)
        assert isinstance(problem, Problem)
        assert problem.status == status
    problem = parse_trackers([PROMOTION, {}])
    assert isinstance(problem, Problem)
    assert problem.message.startswith("Tracker 1: ")


CURRENT = Tracker(name="T", description="d", vocabulary=("one", "two"), languages=("en-US",)).as_json(
    "1", created_on="a", updated_on="b"
)


@pytest.mark.parametrize(
    ("operations", "changed"),
    [
        ([{"op": "replace", "path": "/name", "value": "U"}], {"name": "U"}),
        ([{"op": "add", "path": "/description", "value": "e"}], {"description": "e"}),
        ([{"op": "remove", "path": "/description", "value": ""}], {"description": ""}),
        ([{"op": "add", "path": "/vocabulary", "value": "three"}], {"vocabulary": ("one", "two", "three")}),
        ([{"op": "add", "path": "/vocabulary/-", "value": ["x", "y"]}], {"vocabulary": ("one", "two", "x", "y")}),
        ([{"op": "remove", "path": "/vocabulary", "value": "one"}], {"vocabulary": ("two",)}),
        ([{"op": "replace", "path": "/vocabulary", "value": ["three"]}], {"vocabulary": ("three",)}),
        ([{"op": "replace", "path": "/languages", "value": "en-GB"}], {"languages": ("en-GB",)}),
        (
            [
                {"op": "remove", "path": "/vocabulary", "value": ["one", "two"]},
                {"op": "add", "path": "/vocabulary", "value": "three"},
                {"op": "add", "path": "/categories", "value": "Sales"},
            ],
            {"vocabulary": ("three",), "categories": ("Sales",)},
        ),
    ],
)
def test_patches(operations: list[Any], changed: dict[str, Any]) -> None:
    """Operations are applied in order; what counts is the tracker after the last one."""
    fields: dict[str, Any] = {"name": "T", "description": "d", "vocabulary": ("one", "two"), "languages": ("en-US",)}
    assert patch_tracker(CURRENT, operations) == Tracker(**(fields | changed))
    assert CURRENT["vocabulary"] == ["one", "two"]


@pytest.mark.parametrize(
    "operations",
    [
        None,
        {},
        [],
        ["add"],
        [{}],
        [{"op": "move", "path": "/name", "value": "x"}],
        [{"op": "add", "path": "/id", "value": "2"}],
        [{"op": "add", "path": "/excludeVocabulary", "value": "x"}],
        [{"op": "add", "path": 3, "value": "x"}],
        [{"op": "add", "path": "/vocabulary"}],
        [{"op": "add", "path": "/vocabulary", "value": [1]}],
        [{"op": "add", "path": "/vocabulary", "value": "one"}],
        [{"op": "add", "path": "/vocabulary", "value": "really?"}],
        [{"op": "remove", "path": "/vocabulary", "value": "three"}],
        [{"op": "remove", "path": "/vocabulary", "value": ["one", "two"]}],
        [{"op": "remove", "path": "/name", "value": ""}],
        [{"op": "replace", "path": "/name", "value": ["x"]}],
    ],
)
def test_unusable_patches(operations: Any) -> None:
    """They are refused with 400 and change nothing."""
    before = {**CURRENT}
    problem = patch_tracker(CURRENT, operations)
    assert isinstance(problem, Problem)
    assert problem.status == 400
    assert before == CURRENT


@given(BODIES | st.lists(BODIES, max_size=3))
def test_any_body_is_understood_or_refused(body: Any) -> None:
    """No JSON makes a parser fail; what is accepted is accepted again as it is shown."""
    for parsed in (
        parse_conversation_change(body),
        parse_member_change(body, "1"),
        parse_tracker(body),
        parse_trackers(body),
        patch_tracker(CURRENT, body),
    ):
        if isinstance(parsed, Tracker):
            assert parse_tracker(parsed.as_json("1", created_on="", updated_on="")) == parsed
        elif isinstance(parsed, Problem):
            assert 400 <= parsed.status < 500
