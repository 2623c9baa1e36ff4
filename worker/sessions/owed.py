"""What lost sockets still owe at the end of a conversation, and how it is asked for. Pure.

A host says once what it found in a message. When the socket that was to bring it is lost, the message is owed for; at
the end of the conversation somebody reads from the host what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from worker.records import InsightKind
from worker.sessions.results import ConversationResults
from worker.symbl.findings import FindingKind, Findings
from worker.symbl.requests import SymblStart


@dataclass(frozen=True, slots=True, eq=False)
class OwedRequest:
    """Whoever takes it reads the findings of these conversations, within a bounded time, and says ``answer`` once.

    Nobody answers a lane that was handed over: its next owner asks again.

    Args:
        symbl_conversation_ids: the host's ids of the conversations, since a host may have begun a new one.
        kinds: what is to be read.
    """

    conversation_id: str
    symbl_conversation_ids: tuple[str, ...]
    kinds: frozenset[FindingKind]
    answer: Callable[[Findings], None] = field(repr=False)


class OwedResults:
    """What a conversation is owed, when all its streams are over.

    Args:
        results: knows what is owed, and publishes it.
        answer: takes the findings.
    """

    def __init__(self, conversation_id: str, results: ConversationResults, answer: Callable[[Findings], None]) -> None:
        self.is_awaited = False
        """Asked for, and not answered yet."""
        self._conversation_id = conversation_id
        self._results = results
        self._answer = answer

    def __repr__(self) -> str:
        return f"<OwedResults {self._conversation_id} awaited={self.is_awaited}>"

    def request(self, kinds: Collection[InsightKind]) -> OwedRequest | None:
        """What is to be asked; None when nothing is owed.

        Args:
            kinds: what the streams wanted to know: nothing else is published.
        """
        owed = self._results.owed()
        if not owed or not kinds:
            return None
        self.is_awaited = True
        ids = dict.fromkeys(message.kept.symbl_conversation_id for message in owed)
        return OwedRequest(self._conversation_id, tuple(each for each in ids if each), frozenset(kinds), self._answer)

    def settle(self, findings: Findings, kinds: Collection[InsightKind]) -> dict[str, object]:
        """Publish what is missing. Returns what ``ended`` says about it."""
        self.is_awaited = False
        messages = len(self._results.owed())
        recovered = self._results.recover(findings.events, kinds)
        dropped = self._results.owed_dropped
        return {"messages": messages, "recovered": recovered, "dropped": dropped, "failed": findings.failed}


def answer_nothing(request: OwedRequest) -> None:
    """There is nobody to ask."""
    request.answer(Findings(failed="not_asked"))


def kinds_of(starts: Iterable[SymblStart]) -> frozenset[InsightKind]:
    """What was asked for: it adds up over the speakers of a conversation."""
    kinds: set[InsightKind] = set()
    for start in starts:
        kinds.update(start.insight_types)
        if start.trackers:
            kinds.add("tracker")
        if start.detect_entities:
            kinds.add("entity")
    return frozenset(kinds)
