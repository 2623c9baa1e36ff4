"""Why a request is refused. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """An HTTP status and a text for the client. Never holds what was said in a conversation."""

    status: int
    message: str


UNKNOWN_CONVERSATION = Problem(404, "The conversationId is either invalid or does not exist.")
UNKNOWN_MEMBER = Problem(404, "The member does not exist in this conversation.")
UNKNOWN_TRACKER = Problem(404, "The tracker does not exist.")
NOT_JSON = Problem(400, "The body must be JSON.")
TOO_LARGE = Problem(413, "Request Entity Too Large")
NOT_OFFERED = Problem(501, "This server does not offer this call.")
STORE_AWAY = Problem(503, "Conversations are out of reach at the moment.")
