"""What may not stand beside a subscription in one conversation. Pure."""

from __future__ import annotations

from worker.records import Subscribe
from worker.sessions.state import ConversationState, SubscriptionState


def followed_by(state: ConversationState) -> tuple[str, SubscriptionState] | None:
    """The stream of the conversation that follows something right now, and what."""
    for name, stream in state.streams.items():
        if stream.subscription is not None and not stream.ended:
            return name, stream.subscription
    return None


def conflict_of_subscribe(state: ConversationState, command: Subscribe) -> str | None:
    """Why a conversation cannot follow what a record asks for; None when it can, or does so already."""
    current = followed_by(state)
    known = state.streams.get(command.stream)
    if current is not None:
        name, followed = current
        if name != command.stream or followed.connection_id != command.connection_id:
            return "subscribe: the conversation has a subscription already, and one at most"
    elif (known is not None and known.subscription is None) or command.stream in state.splits:
        return "stream: has audio, and cannot follow a connection as well"
    if command.connection_id == state.conversation_id and any(
        stream.subscription is None for stream in state.streams.values()
    ):
        return "value.connection_id: the conversation's own, whose results its streams of audio bring"
    return None


def conflict_of_audio(state: ConversationState, streams: tuple[str, ...]) -> str | None:
    """Why streams cannot have audio; None when they can."""
    known = (state.streams.get(name) for name in streams)
    if any(stream is not None and stream.subscription is not None for stream in known):
        return "stream: follows a connection, and cannot have audio as well"
    current = followed_by(state)
    if current is not None and current[1].connection_id == state.conversation_id:
        return "the conversation follows its own connection id, on which its audio would be heard twice"
    return None
