"""Conversations, members, messages and analytics as the Conversation API shows them. Pure.

The shapes are those of Symbl's documentation of 2022; where its SDKs read something else, theirs. The Go SDK wants
exact JSON types: ``phrases`` may hold nothing but strings there and objects in Python, so it is always empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from worker.engine.analysis.sentiment import sentiment_of
from worker.engine.messages import iso_time
from worker.engine.rest.analytics import Utterance, analyse, percent
from worker.engine.rest.spoken import SpokenMessage, epoch_ms, hundredths
from worker.engine.rest.summary import Candidate, summarise
from worker.engine.store.model import ConversationRecord, MemberRecord

Json: TypeAlias = dict[str, Any]


def conversation_view(conversation: ConversationRecord, members: Iterable[MemberRecord]) -> Json:
    """One conversation; a live one has no ``endTime``."""
    shown: Json = {
        "id": conversation.id,
        "type": "meeting",
        "name": conversation.name or conversation.id,
        "startTime": _time(conversation.started_at),
    }
    if conversation.ended_at is not None:
        shown["endTime"] = _time(conversation.ended_at)
    return shown | {"members": [member_view(member) for member in members], "metadata": dict(conversation.metadata)}


def conversations_view(
    conversations: Iterable[tuple[ConversationRecord, Sequence[MemberRecord]]], *, total: int
) -> Json:
    """A page of conversations."""
    return {"conversations": [conversation_view(*each) for each in conversations], "total": total}


def member_view(member: MemberRecord) -> Json:
    """A member without what is unknown; a user id that is an e-mail address is shown as both."""
    email = member.user_id if member.user_id and "@" in member.user_id else None
    known = {"id": member.id, "name": member.name, "userId": member.user_id, "email": email}
    return {key: value for key, value in known.items() if value}


def message_views(
    conversation_id: str, messages: Sequence[SpokenMessage], *, verbose: bool = False, sentiment: bool = False
) -> Iterator[Json]:
    """The elements of ``messages`` in spoken order, one by one; offsets count from the first one.

    Args:
        verbose: With words.
        sentiment: With sentiment; what the conversation did not ask for is made up for.
    """
    begin = messages[0].start_ms if messages else 0
    for message in messages:
        duration = message.body["duration"]
        view: Json = {
            "id": message.id,
            "text": message.text,
            "from": member_view(message.speaker),
            "startTime": duration["startTime"],
            "endTime": duration["endTime"],
            "timeOffset": hundredths(message.start_ms - begin),
            "duration": hundredths(message.end_ms - message.start_ms),
            "conversationId": conversation_id,
            "phrases": [],
        }
        if sentiment:
            view["sentiment"] = message.body.get("sentiment") or sentiment_of(message.text).as_json()
        if verbose:
            view["words"] = [_word(word, begin) for word in orjson.loads(message.body["metadata"]["words"])]
        yield view


def analytics_view(messages: Sequence[SpokenMessage], members: Sequence[MemberRecord]) -> Json:
    """Talk time, silence, pace and overlap; see `analytics` for what they mean."""
    people = {member.id: member for member in (*members, *(message.speaker for message in messages))}
    found = analyse(
        [member.id for member in members],
        [
            Utterance(message.speaker.id, message.start_ms, message.end_ms, len(message.text.split()))
            for message in messages
        ],
    )
    total = found.talk_ms
    shares = (
        ("total_silence", found.silence_ms, found.silence_ms + total),
        ("total_talk_time", total, found.silence_ms + total),
        ("total_overlap", found.overlap_ms, total),
    )
    shown = []
    for key, one in found.members.items():
        listen = total - one.talk_ms
        together = [
            member_view(people[other])
            | {"percent": percent(length, one.talk_ms + found.members[other].talk_ms), "seconds": length / 1000}
            for other, length in one.overlap_with_ms.items()
        ]
        shown.append(
            member_view(people[key])
            | {
                "pace": {"wpm": one.words_per_minute},
                "talkTime": {"percentage": percent(one.talk_ms, total), "seconds": one.talk_ms / 1000},
                "listenTime": {"percentage": percent(listen, total), "seconds": listen / 1000},
                "overlap": {"overlapDuration": one.overlap_ms / 1000, "overlappingMembers": together},
            }
        )
    metrics = [{"type": kind, "percent": percent(part, whole), "seconds": part / 1000} for kind, part, whole in shares]
    return {"metrics": metrics, "members": shown}


def summary_view(messages: Sequence[SpokenMessage], committed: frozenset[str]) -> Json:
    """The conversation's most telling sentences, one element per passage; see `summary` for how they are found.

    Args:
        committed: Ids of messages with an action item or a follow-up.
    """
    quoted = summarise([Candidate(message.text, message.id in committed) for message in messages])
    return {
        "summary": [
            {
                "id": str(number),
                "text": " ".join(messages[each].text for each in passage),
                "messageRefs": [{"id": messages[each].id} for each in passage],
                "startTime": messages[passage[0]].body["duration"]["startTime"],
                "endTime": iso_time(max(messages[each].end_ms for each in passage)),
            }
            for number, passage in enumerate(quoted, 1)
        ]
    }


def _word(word: Mapping[str, Any], begin_ms: int) -> Json:
    start, end = epoch_ms(word["startTime"]), epoch_ms(word["endTime"])
    shown: Json = {"word": word["word"], "startTime": word["startTime"], "endTime": word["endTime"]}
    if "score" in word:
        shown["score"] = word["score"]
    return shown | {"timeOffset": hundredths(start - begin_ms), "duration": hundredths(end - start)}


def _time(epoch_seconds: float) -> str:
    return iso_time(round(epoch_seconds * 1000))
