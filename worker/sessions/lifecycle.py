"""The life-cycle records of one conversation, and its account at the end. Pure."""

from __future__ import annotations

from worker.output.events import result_id
from worker.records import LifeCycle, LifeCycleEvent, Trace
from worker.sessions.book import Book
from worker.sessions.state import ConversationState


class LifeCycleRecords:
    """Writes the life-cycle records of one opening; their numbers have no holes."""

    def __init__(self, state: ConversationState, partition: int, book: Book) -> None:
        self.trace: Trace | None = None
        """Of the first record that had one."""
        self._state = state
        self._partition = partition
        self._book = book

    def __repr__(self) -> str:
        return f"<LifeCycleRecords {self._state.conversation_id} next={self._state.sequence}>"

    def say(self, event: LifeCycleEvent, stream: str | None, reason: str | None, detail: dict[str, object]) -> None:
        """Something happened to the conversation, or to one of its streams."""
        state = self._state
        sequence = state.sequence
        state.sequence += 1
        # An opening starts once and ends once, whatever else happens again after a crash.
        once = event in (LifeCycleEvent.STARTED, LifeCycleEvent.ENDED)
        self._book.say(
            LifeCycle(
                id=result_id(
                    topic=state.topic,
                    partition=self._partition,
                    conversation_id=state.conversation_id,
                    stream=None,
                    opened_offset=state.opened_offset,
                    kind=f"conversation.{event}" if once else "conversation",
                    sequence=0 if once else sequence,
                ),
                conversation_id=state.conversation_id,
                event=event,
                sequence=sequence,
                stream=stream,
                symbl_conversation_id=state.symbl_conversation_of(stream),
                reason=reason,
                detail=detail,
                trace=self.trace,
            )
        )
        self._book.touch(state.conversation_id)


def account_of(state: ConversationState) -> dict[str, object]:
    """What happened in a conversation, in numbers: the detail of its ``ended``."""
    totals: dict[str, int] = {}
    streams: list[dict[str, object]] = []
    for name, stream in state.streams.items():
        counters = stream.counters
        row = {
            "messages": counters.messages,
            "insights": counters.insights,
            "audio_ms": stream.time_us // 1000,
            "billed_ms": counters.billed_us // 1000,
            "gaps": counters.gaps,
            "reconnects": counters.reconnects,
        }
        for key, value in row.items():
            totals[key] = totals.get(key, 0) + value
        streams.append({"stream": name, **row})
    followed = [stream.subscription for stream in state.streams.values() if stream.subscription is not None]
    if not followed:
        return {**totals, "streams": streams}
    failed = next((each.failed for each in followed if each.failed is not None), None)
    return {
        **totals,
        "streams": streams,
        "missed": {"recovered": sum(each.recovered for each in followed), "failed": failed},
    }
