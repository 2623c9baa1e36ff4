"""The shapes of answers, member by member."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.unit.engine.rest import shapes
from tests.unit.engine.rest.conversations import BASE_MS, CALL, EVERYTHING, Kept, keep, member
from worker.engine.messages import iso_time
from worker.engine.rest import findings, views
from worker.engine.rest.spoken import hundredths
from worker.engine.store.model import ConversationRecord, ItemRecord, MemberRecord

LIVE = ConversationRecord(id="4866329603473408", account="a", connection_id="call", started_at=BASE_MS / 1000)
OVER = ConversationRecord(
    **{name: getattr(LIVE, name) for name in ("id", "account", "connection_id", "started_at")},
    ended_at=BASE_MS / 1000 + 60.25,
    name="Billing",
    metadata={"agentId": "johndoe"},
)


def answers(kept: Kept) -> dict[str, tuple[Any, Any]]:
    """Every kind of answer, as a client gets it, and what the Go SDK decodes it into."""
    spoken, members, insights = kept.spoken, kept.members, kept.of("insight")
    made = {
        "conversation": (views.conversation_view(OVER, members), shapes.CONVERSATION),
        "conversations": (views.conversations_view([(LIVE, members), (OVER, [])], total=2), shapes.CONVERSATIONS),
        "members": ({"members": [views.member_view(each) for each in members]}, shapes.MEMBERS),
        "messages": (
            {"messages": list(views.message_views("1", spoken, verbose=True, sentiment=True))},
            shapes.MESSAGES,
        ),
        "questions": (findings.questions_view(insights, members), shapes.QUESTIONS),
        "action-items": (findings.action_items_view(insights, members), shapes.ACTION_ITEMS),
        "follow-ups": (findings.follow_ups_view(insights, members), shapes.FOLLOW_UPS),
        "insights": (findings.insights_view(insights, members), {"insights": [shapes.ACTION_ITEM]}),
        "topics": (findings.topics_view(kept.of("topic"), spoken, sentiment=True, parents=True), shapes.TOPICS),
        "trackers": (findings.trackers_view(kept.of("tracker")), [shapes.TRACKER]),
        "entities": (findings.entities_view(kept.of("entity")), shapes.ENTITIES),
        "analytics": (views.analytics_view(spoken, members), shapes.ANALYTICS),
        "summary": (views.summary_view(spoken, findings.committed_messages(insights)), shapes.SUMMARY),
    }
    return {name: (orjson.loads(orjson.dumps(answer)), shape) for name, (answer, shape) in made.items()}


ANSWERS = answers(CALL)


@pytest.mark.parametrize("name", ANSWERS)
def test_the_go_sdk_can_read_it(name: str) -> None:
    """Every member has the type of its Go field, in an answer that has something to show."""
    answer, shape = ANSWERS[name]
    assert shapes.misfit(answer, shape) is None
    lists = [answer] if isinstance(answer, list) else [each for each in answer.values() if isinstance(each, list)]
    assert all(lists)


@pytest.mark.parametrize("name", sorted(set(ANSWERS) - {"conversation", "conversations"}))
def test_an_empty_conversation(name: str) -> None:
    """A conversation in which nothing was said yet has every answer, without content."""
    answer, shape = answers(Kept([]))[name]
    assert shapes.misfit(answer, shape) is None
    assert answer in ([], {name: []}, {"actionItems": []}, {"followUps": []}) or name == "analytics"


def test_the_shape_check_can_fail() -> None:
    """Text for a number, a fraction for an integer, an object in a list of texts are found."""
    assert shapes.misfit({"summary": [{"id": 1}]}, shapes.SUMMARY) == "$.summary[].id"
    assert shapes.misfit({"followUps": [{"score": 0.5}]}, shapes.FOLLOW_UPS) == "$.followUps[].score"
    assert shapes.misfit({"messages": [{"phrases": [{}]}]}, shapes.MESSAGES) == "$.messages[].phrases[]"
    assert shapes.misfit([], shapes.TOPICS) == "$"


def test_conversation() -> None:
    """The documented members; a live conversation has no end, and without a name its id stands for it."""
    assert views.conversation_view(OVER, [member("Ines")]) == {
        "id": "4866329603473408",
        "type": "meeting",
        "name": "Billing",
        "startTime": iso_time(BASE_MS),
        "endTime": iso_time(BASE_MS + 60_250),
        "members": [
            {"id": "id-of-Ines", "name": "Ines", "userId": "ines@example.com", "email": "ines@example.com"},
        ],
        "metadata": {"agentId": "johndoe"},
    }
    live = views.conversation_view(LIVE, [])
    assert "endTime" not in live
    assert (live["name"], live["members"], live["metadata"]) == (LIVE.id, [], {})


def test_members_show_what_is_known() -> None:
    """A user id is an e-mail address only when it looks like one; nothing is null."""
    assert views.member_view(MemberRecord(id="1", name="", user_id="agent-7")) == {"id": "1", "userId": "agent-7"}
    assert views.member_view(MemberRecord(id="1")) == {"id": "1"}


def test_messages() -> None:
    """The documented members; offsets count from the first sentence of the conversation, not from the audio."""
    messages = list(views.message_views("4866", CALL.spoken, verbose=True, sentiment=True))
    assert [message["timeOffset"] for message in messages] == [0, 3.5, 6.25, 11, 13.5, 16.5, 19.5]
    second = messages[1]
    words = second.pop("words")
    assert second == {
        "id": "message-1",
        "text": "What is the price of the annual subscription?",
        "from": {"id": "id-of-Omar", "name": "Omar", "userId": "omar@example.com", "email": "omar@example.com"},
        "startTime": iso_time(BASE_MS + 4_500),
        "endTime": iso_time(BASE_MS + 7_500),
        "timeOffset": 3.5,
        "duration": 3,
        "conversationId": "4866",
        "phrases": [],
        "sentiment": {"polarity": {"score": 0.0}, "suggested": "neutral"},
    }
    assert [word["word"] for word in words] == second["text"].split()
    assert words[1] == {
        "word": "is",
        "startTime": iso_time(BASE_MS + 4_875),
        "endTime": iso_time(BASE_MS + 5_250),
        "score": 0.875,
        "timeOffset": 3.88,
        "duration": 0.38,
    }
    plain = next(views.message_views("4866", CALL.spoken))
    assert "words" not in plain
    assert "sentiment" not in plain


def test_sentiment_that_was_not_asked_for() -> None:
    """The Conversation API computes it when the streaming client did not want it, with the same result."""
    silent = keep([("Ines", 0.0, 1.0, "That is wonderful, thank you very much")], request=type(EVERYTHING)())
    assert "sentiment" not in silent.of("message")[0].body
    asked = CALL.spoken[-1].body["sentiment"]
    assert next(views.message_views("1", silent.spoken, sentiment=True))["sentiment"] == asked
    assert asked["suggested"] == "positive"


def test_messages_come_in_spoken_order() -> None:
    """Also when a sentence that began earlier was recognised later."""
    kept = keep([("Ines", 5.0, 6.0, "second"), ("Omar", 1.0, 9.0, "first"), ("Ines", 6.0, 7.0, "third")])
    messages = list(views.message_views("1", kept.spoken))
    assert [(message["text"], message["timeOffset"]) for message in messages] == [
        ("first", 0),
        ("second", 4),
        ("third", 5),
    ]


def test_a_member_that_was_renamed() -> None:
    """The new name is everywhere: in messages, insights, their assignees and the analytics."""
    renamed = Kept([MemberRecord(id="id-of-Ines", name="Zoe", user_id="zoe@example.com"), member("Omar")], CALL.items)
    for name, (answer, _) in answers(renamed).items():
        if name in ("messages", "action-items", "insights", "analytics", "members", "conversation"):
            people = orjson.dumps(answer).replace(b'"name":"Ines Marlow"', b"")
            assert b'"name":"Zoe"' in people, name
            assert b"ines@example.com" not in orjson.dumps(
                [
                    {key: value for key, value in each.items() if key in ("from", "assignee")}
                    for each in next(iter(answer.values()))
                    if isinstance(each, dict)
                ]
            ), name


def test_insights() -> None:
    """The documented members: people and dates as entities, due dates as text, no empty insight types mixed up."""
    insights = CALL.of("insight")
    items = findings.action_items_view(insights, CALL.members)["actionItems"]
    assert len(items) == 1
    assert items[0]["messageIds"] == ["message-4"]
    assert items[0]["assignee"]["name"] == items[0]["from"]["name"] == "Ines"
    assert items[0]["type"] == "action_item"
    assert 0.5 <= items[0]["score"] <= 1
    assert items[0]["dueBy"].endswith("Z")
    kinds = {entity["type"] for entity in items[0]["entities"]}
    assert kinds == {"person", "date"}
    for entity in items[0]["entities"]:
        assert items[0]["text"][entity["offset"] :].startswith(entity["text"])
        assert (isinstance(entity["value"], dict)) is (entity["type"] == "person")
    questions = findings.questions_view(insights, CALL.members)["questions"]
    assert [question["text"] for question in questions] == ["What is the price of the annual subscription?"]
    assert set(questions[0]) == {"id", "text", "type", "score", "messageIds", "from"}
    follow_ups = findings.follow_ups_view(insights, CALL.members)["followUps"]
    assert [item["messageIds"] for item in follow_ups] == [["message-5"]]
    assert follow_ups[0]["score"] == 1
    everything = findings.insights_view(insights, CALL.members)["insights"]
    assert sorted(each["type"] for each in everything) == ["action_item", "follow_up", "question"]
    assert all(isinstance(each["score"], float) for each in everything)


def test_topics() -> None:
    """A topic that was reported again is shown once, with all its messages; the best come first."""
    topics = findings.topics_view(CALL.of("topic"), CALL.spoken)["topics"]
    texts = [topic["text"] for topic in topics]
    assert len(CALL.of("topic")) > len(texts) == len(set(texts))
    assert "annual subscription" in texts
    scores = [topic["score"] for topic in topics]
    assert scores == sorted(scores, reverse=True)
    assert all(len(set(topic["messageIds"])) == len(topic["messageIds"]) > 0 for topic in topics)
    assert all(topic["parentRefs"] == [] and "sentiment" not in topic for topic in topics)


def topic(text: str, score: float, *messages: str) -> ItemRecord:
    references = [{"id": each, "relation": "text instance"} for each in messages]
    body = {"id": text, "phrases": text, "score": score, "messageReferences": references, "type": "topic"}
    return ItemRecord(kind="topic", id=text, ordinal=0, body=body)


def test_parents_of_topics() -> None:
    """A topic's parent is the best other one that is part of it; without such a one there is none."""
    items = [topic("billing plan", 0.8), topic("annual billing plan", 0.9), topic("plan", 0.7), topic("refund", 0.95)]
    topics = findings.topics_view(items, [], parents=True)["topics"]
    assert {each["text"]: each["parentRefs"] for each in topics} == {
        "refund": [],
        "annual billing plan": [{"type": "topic", "text": "billing plan"}],
        "billing plan": [{"type": "topic", "text": "plan"}],
        "plan": [],
    }


def test_sentiment_of_topics() -> None:
    """The mean of the topic's messages, named by the same margin as that of a message."""
    items = [topic("thanks", 0.9, "message-6"), topic("plan", 0.8, "message-3", "message-6"), topic("x", 0.7, "gone")]
    topics = findings.topics_view(items, CALL.spoken, sentiment=True)["topics"]
    scores = {each["text"]: each["sentiment"]["polarity"]["score"] for each in topics}
    known = {message.id: message.body["sentiment"]["polarity"]["score"] for message in CALL.spoken}
    assert scores["thanks"] == pytest.approx(known["message-6"], abs=0.001)
    assert scores["plan"] == pytest.approx((known["message-3"] + known["message-6"]) / 2, abs=0.001)
    assert topics[0]["sentiment"]["suggested"] == "positive"
    assert topics[2]["sentiment"] == {"polarity": {"score": 0.0}, "suggested": "neutral"}


def test_trackers() -> None:
    """One element per tracker with one match per phrase and all its places; saved trackers have their id."""
    trackers = findings.trackers_view(CALL.of("tracker"))
    assert [tracker.get("id") for tracker in trackers] == ["4476908732794496", None]
    assert [tracker["name"] for tracker in trackers] == ["Pricing", "Complaint"]
    by_value = {match["value"]: match for match in trackers[0]["matches"]}
    subscription = by_value["subscription"]
    assert [reference["id"] for reference in subscription["messageRefs"]] == ["message-1", "message-2"]
    for reference in subscription["messageRefs"]:
        assert reference["text"][reference["offset"] :].startswith("subscription")
    assert subscription["insightRefs"][0]["type"] == "question"
    twice = findings.trackers_view([*CALL.of("tracker"), *CALL.of("tracker")])
    assert twice == trackers


def test_entities() -> None:
    """One element per value with the members of both generations."""
    kept = keep([("Ines", 0.0, 2.0, "Call Omar on Friday"), ("Ines", 3.0, 5.0, "Omar lives in Lisbon")])
    entities = findings.entities_view(kept.of("entity"))["entities"]
    omar = next(entity for entity in entities if entity["text"] == "Omar")
    assert omar["value"] == omar["matches"][0]["detectedValue"] == "Omar"
    assert omar["messageRefs"] == omar["matches"][0]["messageRefs"]
    assert [reference["id"] for reference in omar["messageRefs"]] == ["message-0", "message-1"]
    assert {"type", "subType", "category", "text", "value", "messageRefs", "matches"} == set(omar)


def test_analytics() -> None:
    """The documented members, with figures that can be checked by hand."""
    kept = keep(
        [("Ines", 0.0, 10.0, "one two three four five"), ("Omar", 8.0, 12.0, "six"), ("Ines", 14.0, 16.0, "end")]
    )
    answer = views.analytics_view(kept.spoken, [*kept.members, MemberRecord(id="silent")])
    assert answer["metrics"] == [
        {"type": "total_silence", "percent": 11.111, "seconds": 2.0},
        {"type": "total_talk_time", "percent": 88.889, "seconds": 16.0},
        {"type": "total_overlap", "percent": 12.5, "seconds": 2.0},
    ]
    ines, omar, silent = answer["members"]
    assert ines["pace"] == {"wpm": 30}
    assert ines["talkTime"] == {"percentage": 75.0, "seconds": 12.0}
    assert ines["listenTime"] == {"percentage": 25.0, "seconds": 4.0}
    assert ines["overlap"] == {
        "overlapDuration": 2.0,
        "overlappingMembers": [
            {
                "id": "id-of-Omar",
                "name": "Omar",
                "userId": "omar@example.com",
                "email": "omar@example.com",
                "percent": 12.5,
                "seconds": 2.0,
            }
        ],
    }
    assert omar["overlap"]["overlappingMembers"][0]["percent"] == 12.5
    assert silent["pace"] == {"wpm": 0}
    assert silent["talkTime"] == {"percentage": 0.0, "seconds": 0.0}


def test_summary() -> None:
    """Sentences of the conversation with references to their messages."""
    elements = views.summary_view(CALL.spoken, findings.committed_messages(CALL.of("insight")))["summary"]
    texts = {message.id: message.text for message in CALL.spoken}
    assert [element["id"] for element in elements] == ["1"]
    assert elements[0]["text"] == " ".join(texts[each["id"]] for each in elements[0]["messageRefs"])
    assert iso_time(BASE_MS) <= elements[0]["startTime"] < elements[0]["endTime"]


def test_seconds() -> None:
    """Two decimals, half up; whole seconds are integers."""
    assert [hundredths(each) for each in (0, 4, 5, 1000, 1234, 1235, 3_600_000)] == [0, 0, 0.01, 1, 1.23, 1.24, 3600]
    assert isinstance(hundredths(2000), int)
