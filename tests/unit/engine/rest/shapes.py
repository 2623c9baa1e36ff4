"""The structs of the official Go SDK that Conversation API answers are decoded into, and what the decoder insists on.

A JSON member of the wrong type makes the whole answer unreadable there. Unknown and missing members do not.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Shape: TypeAlias = Any

FROM = {"id": str, "name": str}
SENTIMENT = {"polarity": {"score": float}, "suggested": str}
REFERENCE = {"id": str, "startTime": str, "endTime": str, "text": str, "offset": int}
INSIGHT_REFERENCE = {"id": str, "type": str, "text": str}
INSIGHT_ENTITY = {"type": str, "text": str, "offset": int, "end": str}
SHARE = {"percentage": float, "seconds": float}
MEMBER = {
    "id": str,
    "name": str,
    "email": str,
    "pace": {"wpm": int},
    "talkTime": SHARE,
    "listenTime": SHARE,
    "overlap": {},
}
CONVERSATION = {
    "id": str,
    "type": str,
    "name": str,
    "startTime": str,
    "endTime": str,
    "members": [MEMBER],
    "metadata": {},
}
CONVERSATIONS = {"conversations": [CONVERSATION]}
MEMBERS = {"members": [MEMBER]}
WORD = {
    "word": str,
    "startTime": str,
    "endTime": str,
    "speakerTag": int,
    "score": float,
    "timeOffset": float,
    "duration": float,
}
MESSAGE = {
    "id": str,
    "text": str,
    "from": FROM,
    "startTime": str,
    "endTime": str,
    "timeOffset": float,
    "duration": float,
    "conversationId": str,
    "phrases": [str],
    "sentiment": SENTIMENT,
    "words": [WORD],
}
MESSAGES = {"messages": [MESSAGE]}
QUESTION = {"id": str, "text": str, "type": str, "score": float, "messageIds": [str], "from": FROM}
ACTION_ITEM = {
    **QUESTION,
    "entities": [INSIGHT_ENTITY],
    "phrases": [str],
    "definitive": bool,
    "assignee": FROM,
    "dueBy": str,
}
FOLLOW_UP = {**ACTION_ITEM, "score": int}
QUESTIONS = {"questions": [QUESTION]}
ACTION_ITEMS = {"actionItems": [ACTION_ITEM]}
FOLLOW_UPS = {"followUps": [FOLLOW_UP]}
TOPIC = {
    "text": str,
    "type": str,
    "score": float,
    "messageIds": [str],
    "sentiment": SENTIMENT,
    "parentRefs": [{"type": str, "text": str}],
}
TOPICS = {"topics": [TOPIC]}
TRACKER_MATCH = {"type": str, "value": str, "messageRefs": [REFERENCE], "insightRefs": [INSIGHT_REFERENCE]}
TRACKER = {"id": str, "name": str, "matches": [TRACKER_MATCH]}
ENTITY = {
    "type": str,
    "subType": str,
    "category": str,
    "matches": [{"detectedValue": str, "messageRefs": [REFERENCE]}],
}
ENTITIES = {"entities": [ENTITY]}
ANALYTICS = {"metrics": [{"type": str, "percent": float, "seconds": float}], "members": [MEMBER]}
SUMMARY = {"summary": [{"id": str, "text": str, "messageRefs": [REFERENCE], "startTime": str, "endTime": str}]}
TRANSCRIPT = {"transcript": {"payload": str, "contentType": str}}
SAVED_TRACKER = {
    "id": str,
    "name": str,
    "description": str,
    "categories": [str],
    "languages": [str],
    "vocabulary": [str],
    "createdOn": str,
    "updatedOn": str,
}
SAVED_TRACKERS = {"trackers": [SAVED_TRACKER]}


def misfit(value: Any, shape: Shape, at: str = "$") -> str | None:
    """Where the Go decoder would fail; None when it reads everything. It would take null, which no answer has."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return at
        return next(
            (bad for key in shape.keys() & value.keys() if (bad := misfit(value[key], shape[key], f"{at}.{key}"))), None
        )
    if isinstance(shape, list):
        if not isinstance(value, list):
            return at
        return next((bad for each in value if (bad := misfit(each, shape[0], f"{at}[]"))), None)
    if isinstance(value, bool) or shape is bool:
        return None if isinstance(value, bool) and shape is bool else at
    return None if isinstance(value, (int, float) if shape is float else shape) else at
