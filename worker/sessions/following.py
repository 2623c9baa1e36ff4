"""Which messages of a followed conversation are published, which are missing, and where each lies in time. Pure.

Several speakers share the stream of a subscription, and each of their sockets counts time from its own first byte.
What they have in common is the host's clock: the stream's clock is the host's, from the beginning of the audio of the
speaker whose message was published first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from worker.records import TimedWord
from worker.sessions.state import SubscriptionState
from worker.symbl.findings import Findings
from worker.symbl.messages import Entities, Messages, SymblMark, SymblMessage

REMEMBERED_MESSAGES: Final = 64
"""So many of the messages published last are known by their ids to the next owner."""


def is_published(followed: SubscriptionState, message: SymblMessage) -> bool:
    """Whether a message was published before, as far as that is remembered."""
    return message.id is not None and any(message.id == known for known, _ in followed.published)


def times_of(
    followed: SubscriptionState, message: SymblMessage, last_end_us: int
) -> tuple[int, int, tuple[TimedWord, ...]]:
    """Where a message lies on the stream's clock, which begins with the first one: begin and end in us, and its words.

    No message begins before the one that was published before it, though it may have been said earlier.

    Args:
        last_end_us: the latest end of a message; a message that tells no time is said to be there.
    """
    begin_ms = message.start_ms
    if message.began_at_ms is not None:
        if followed.zero_ms is None:
            followed.zero_ms = message.began_at_ms - (message.start_ms or 0)
        begin_ms = message.began_at_ms - followed.zero_ms
    if begin_ms is None:
        begin_ms = last_end_us // 1000
    length_ms = shift_ms = 0
    if message.start_ms is not None:
        shift_ms = begin_ms - message.start_ms
        length_ms = 0 if message.end_ms is None else message.end_ms - message.start_ms
    words = tuple(
        TimedWord(word.text, max(0, shift_ms + word.start_ms), max(0, shift_ms + word.end_ms)) for word in message.words
    )
    start_us = max(begin_ms * 1000, followed.start_us)
    return start_us, max((begin_ms + length_ms) * 1000, start_us), words


def note_published(followed: SubscriptionState, message: SymblMessage, start_us: int) -> None:
    """A message was published, with this begin on the stream's clock."""
    followed.start_us = max(followed.start_us, start_us)
    if message.id is not None:
        began_at_ms = message.began_at_ms
        if began_at_ms is None:
            began_at_ms = followed.published[-1][1] if followed.published else followed.asked_at_ms
        followed.published.append((message.id, began_at_ms))
        del followed.published[:-REMEMBERED_MESSAGES]


def missed_messages(followed: SubscriptionState, findings: Findings) -> Iterator[SymblMessage]:
    """What the host has kept and was not published, in the host's order, with what it marks in the messages."""
    marks: dict[str | None, tuple[SymblMark, ...]] = {}
    for event in findings.events:
        for entity in event.entities if isinstance(event, Entities) else ():
            for match in entity.matches:
                mark = SymblMark(entity.type, match.detected_value, None, entity.sub_type, entity.category)
                for reference in match.message_refs:
                    marks[reference.id] = (*marks.get(reference.id, ()), mark)
    since_ms = _since_ms(followed)
    known = {message_id for message_id, _ in followed.published}
    for event in findings.events:
        for message in event.messages if isinstance(event, Messages) else ():
            is_new = message.id is not None and message.id not in known
            if is_new and message.began_at_ms is not None and message.began_at_ms >= since_ms:
                yield replace(message, entities=message.entities + marks.get(message.id, ()))


def _since_ms(followed: SubscriptionState) -> int:
    """What began before is published, or belongs to the past; by the host's clock, in ms since the epoch.

    As long as all published messages are remembered, nothing can come twice, and all counts since the record was
    written, or since the first message where its producer's clock is ahead. Later the younger half of them decides, so
    that what two speakers say at the same time may come in any order.
    """
    published = followed.published
    if len(published) == REMEMBERED_MESSAGES:
        return min(began_at_ms for _, began_at_ms in published[REMEMBERED_MESSAGES // 2 :])
    return min([followed.asked_at_ms, *(began_at_ms for _, began_at_ms in published)])
