"""Insights, topics, trackers and entities of a conversation as the Conversation API shows them. Pure.

They are what was sent while the conversation was live, put together: a topic or tracker that came again is shown once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from worker.engine.analysis.sentiment import MARGIN, sentiment_of
from worker.engine.rest.spoken import SpokenMessage, person
from worker.engine.rest.views import Json, member_view
from worker.engine.store.model import ItemRecord, MemberRecord

QUESTION = "question"
ACTION_ITEM = "action_item"
FOLLOW_UP = "follow_up"


def insights_view(items: Iterable[ItemRecord], members: Sequence[MemberRecord]) -> Json:
    """All insights, in the order in which they came."""
    known = {member.id: member for member in members}
    return {
        "insights": [
            _question(item, known) | {"entities": []} if item.body["type"] == QUESTION else _commitment(item, known)
            for item in items
        ]
    }


def questions_view(items: Iterable[ItemRecord], members: Sequence[MemberRecord]) -> Json:
    known = {member.id: member for member in members}
    return {"questions": [_question(item, known) for item in items if item.body["type"] == QUESTION]}


def action_items_view(items: Iterable[ItemRecord], members: Sequence[MemberRecord]) -> Json:
    known = {member.id: member for member in members}
    return {"actionItems": [_commitment(item, known) for item in items if item.body["type"] == ACTION_ITEM]}


def follow_ups_view(items: Iterable[ItemRecord], members: Sequence[MemberRecord]) -> Json:
    """Like action items, but the score is an integer: the Go SDK reads no other."""
    known = {member.id: member for member in members}
    return {
        "followUps": [
            _commitment(item, known) | {"score": round(item.body["confidence"])}
            for item in items
            if item.body["type"] == FOLLOW_UP
        ]
    }


def committed_messages(items: Iterable[ItemRecord]) -> frozenset[str]:
    """Ids of the messages that action items and follow-ups came of."""
    return frozenset(message for item in items if item.body["type"] != QUESTION for message in _message_ids(item.body))


def topics_view(
    items: Iterable[ItemRecord], messages: Sequence[SpokenMessage], *, sentiment: bool = False, parents: bool = False
) -> Json:
    """Detected topics, the best first.

    Args:
        sentiment: With the mean sentiment of a topic's messages.
        parents: With the parent of each topic that has one: the best other topic all of whose words it has.
    """
    merged: dict[str, Json] = {}
    for item in items:
        body = item.body
        text = body["phrases"]
        earlier = merged.get(text, {"score": 0, "messageIds": []})
        ids = [*earlier["messageIds"], *(reference["id"] for reference in body["messageReferences"])]
        merged[text] = {
            "id": item.id,
            "text": text,
            "type": "topic",
            "score": max(earlier["score"], body["score"]),
            "messageIds": list(dict.fromkeys(ids)),
            "parentRefs": [],
        }
    topics = sorted(merged.values(), key=lambda topic: (-topic["score"], topic["text"]))
    if parents:
        for text, parent in _parents([topic["text"] for topic in topics]).items():
            merged[text]["parentRefs"] = [{"type": "topic", "text": parent}]
    if sentiment:
        texts = {message.id: message.text for message in messages}
        for topic in topics:
            topic["sentiment"] = _mean_sentiment([texts[each] for each in topic["messageIds"] if each in texts])
    return {"topics": topics}


def trackers_view(items: Iterable[ItemRecord]) -> list[Json]:
    """Trackers with all their matches; an array, not an object."""
    trackers: dict[tuple[str, str], Json] = {}
    matches: dict[tuple[str, str, str], Json] = {}
    seen: set[tuple[object, ...]] = set()
    for item in items:
        body = item.body
        identity = {key: body[key] for key in ("id", "name") if body.get(key)}
        key = (identity.get("id", ""), identity.get("name", ""))
        tracker = trackers.setdefault(key, {**identity, "matches": []})
        for found in body["matches"]:
            name = (*key, found["value"])
            if name not in matches:
                matches[name] = {"type": found["type"], "value": found["value"], "messageRefs": [], "insightRefs": []}
                tracker["matches"].append(matches[name])
            for references in ("messageRefs", "insightRefs"):
                for reference in found[references]:
                    place = (*name, references, reference["id"], reference["offset"])
                    if place not in seen:
                        seen.add(place)
                        matches[name][references].append(dict(reference))
    return list(trackers.values())


def entities_view(items: Iterable[ItemRecord]) -> Json:
    """One element per value, with the members of both generations of the API: those of 2022, which the Python SDK
    reads, and those of 2023, which the Go SDK reads."""
    entities: dict[tuple[str, str, str, str], Json] = {}
    for item in items:
        body = item.body
        for match in body["matches"]:
            value = match["detectedValue"]
            key = (body["type"], body["subType"], body["category"], value)
            entity = entities.setdefault(
                key,
                {
                    "type": body["type"],
                    "subType": body["subType"],
                    "category": body["category"],
                    "text": value,
                    "value": value,
                    "messageRefs": [],
                },
            )
            entity["messageRefs"] += [dict(reference) for reference in match["messageRefs"]]
    shown = [
        {**entity, "matches": [{"detectedValue": entity["value"], "messageRefs": entity["messageRefs"]}]}
        for entity in entities.values()
    ]
    return {"entities": shown}


def _question(item: ItemRecord, known: Mapping[str, MemberRecord]) -> Json:
    body = item.body
    return {
        "id": item.id,
        "text": body["payload"]["content"],
        "type": body["type"],
        "score": body["confidence"],
        "messageIds": _message_ids(body),
        "from": member_view(person(body["from"], known)),
    }


def _commitment(item: ItemRecord, known: Mapping[str, MemberRecord]) -> Json:
    body = item.body
    shown = _question(item, known) | {
        "entities": [_tag(tag) for tag in body["tags"]],
        "phrases": [],
        "assignee": member_view(person(body.get("assignee") or {}, known)),
    }
    if body.get("dueBy"):
        shown["dueBy"] = body["dueBy"]["value"]
    return shown


def _message_ids(body: Mapping[str, Any]) -> list[str]:
    return [body["messageReference"]["id"]]


def _tag(tag: Mapping[str, Any]) -> Json:
    value = tag["value"]["value"]
    shown: object = value.get("datetime")
    if tag["type"] == "person":
        person_is = {
            "id": value.get("id"),
            "name": value.get("name") or value.get("alias"),
            "userId": value.get("userId"),
            "assignee": value.get("assignee"),
        }
        shown = {key: each for key, each in person_is.items() if each}
    return {"type": tag["type"], "text": tag["text"], "offset": tag["beginOffset"], "value": shown}


def _parents(topics: Sequence[str]) -> dict[str, str]:
    """Topic and parent, of topics that are given the best first."""
    words = {topic: frozenset(topic.split()) for topic in topics}
    found: dict[str, str] = {}
    for topic in topics:
        for other in topics:
            if words[other] < words[topic]:
                found[topic] = other
                break
    return found


def _mean_sentiment(texts: Sequence[str]) -> Json:
    scores = [sentiment_of(text).score for text in texts]
    score = round(sum(scores) / len(scores), 3) if scores else 0.0
    suggested = "positive" if score >= MARGIN else "negative" if score <= -MARGIN else "neutral"
    return {"polarity": {"score": score}, "suggested": suggested}
