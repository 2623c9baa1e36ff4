"""A subscription through losses, crashes and answers at any moment: everything that is said is published once."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.sessions.follower import Desk, kept, named, question, said, spoken
from worker.records import Insight, LifeCycle, Transcript
from worker.sessions.owed import OwedRequest
from worker.sessions.subscription import MISSED_KINDS
from worker.symbl.findings import Findings, parse_findings


class Following(RuleBasedStateMachine):
    """A host on which people speak, and a worker that follows them. Batches are safe as a whole or not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.desk.subscribe()
        self.desk.publish()
        self.messages: list[dict[str, Any]] = []
        self.is_open = False
        self.has_failed = False
        # How much had been said when a request was made: an answer tells at least that.
        self.asked: dict[int, int] = {}

    # --- the host ---

    @rule(speaker=st.sampled_from(["ada", "ben"]), cut=st.booleans())
    def say(self, speaker: str, cut: bool) -> None:
        """Somebody asks a question; the socket may be lost between the message and what the host finds in it."""
        number = len(self.messages)
        self.messages.append(said(number, speaker=speaker))
        if self.is_open:
            self.desk.hear(spoken(self.messages[-1]))
            if cut:
                self.lose()
            else:
                self.desk.hear(question(number, number))

    @rule(ahead=st.integers(0, 3), fails=st.sampled_from([False, False, False, True]))
    def answer(self, ahead: int, fails: bool) -> None:
        """The host is read, at once or after more was said, or cannot be."""
        if self.desk.requests:
            self.has_failed |= fails
            self._answer(self.desk.requests[-1], ahead, fails=fails)

    @rule(which=st.integers(0, 100))
    def answer_again(self, which: int) -> None:
        """An answer that is late, or comes twice, changes nothing."""
        old = self.desk.requests[:-1]
        if old:
            self._answer(old[which % len(old)], 0)

    def _answer(self, request: OwedRequest, ahead: int, *, fails: bool = False) -> None:
        if fails:
            request.answer(Findings(failed="timeout"))
        elif request.kinds == MISSED_KINDS:
            request.answer(kept(*self.messages[: self.asked[id(request)] + ahead]))
        else:
            elements = [
                {"id": f"i{number}", "type": "question", "text": "t", "score": 1, "messageIds": [f"m{number}"]}
                for number in range(len(self.messages))
            ]
            found = parse_findings("insights", orjson.dumps({"insights": elements}))
            assert found is not None
            request.answer(Findings((found,)))

    # --- the network and the worker ---

    @precondition(lambda self: not self.is_open)
    @rule()
    def connect(self) -> None:
        """A socket is opened, and the host names the conversation."""
        self.desk.open(named())
        self.is_open = True

    @precondition(lambda self: self.is_open)
    @rule()
    def lose(self) -> None:
        """The socket is gone."""
        self.is_open = False
        self.desk.subscription.connection_closed(None, self.desk.now)

    @rule()
    def publish(self) -> None:
        """A batch is safe."""
        self.desk.publish()

    @rule()
    def crash(self) -> None:
        """The worker dies; another one goes on from what is safe."""
        self.is_open = False
        self.desk.take_over()
        self.asked.clear()

    @invariant()
    def note_requests(self) -> None:
        """What had been said when something was asked."""
        for request in self.desk.requests:
            self.asked.setdefault(id(request), len(self.messages))

    @invariant()
    def nothing_is_published_twice(self) -> None:
        """Whatever happened."""
        texts = self.desk.texts()
        assert len(set(texts)) == len(texts)

    # --- the end ---

    def teardown(self) -> None:
        """The host completes the conversation; then all of it is published, in order, with what was found in it."""
        if not self.is_open:
            self.connect()
        self.note_requests()
        self.answer(0, fails=False)
        self.desk.hear(named("conversation_completed"))
        for _ in range(3):
            self.note_requests()
            self.answer(0, fails=False)
            self.desk.publish()
        transcripts = [each for each in self.desk.visible if isinstance(each, Transcript)]
        numbers = [int(each.text.removeprefix("point ")) for each in transcripts]
        assert sorted(numbers) == list(range(len(self.messages)))
        if not self.has_failed:
            assert numbers == sorted(numbers)
            assert [each.origin.start_ms for each in transcripts] == [number * 1000 for number in numbers]
        assert [each.origin.sequence for each in transcripts] == list(range(len(numbers)))
        starts = [each.origin.start_ms for each in transcripts]
        assert starts == sorted(starts)
        insights = [each for each in self.desk.visible if isinstance(each, Insight)]
        assert sorted(each.symbl_insight_id or "" for each in insights) == sorted(f"i{number}" for number in numbers)
        ids = {each.text: each.origin.id for each in transcripts}
        assert len({each.origin.id for each in insights}) == len(insights)
        assert all(len(each.message_ids) == 1 for each in insights)
        assert len(ids) == len(transcripts)
        life = [each for each in self.desk.visible if isinstance(each, LifeCycle)]
        assert [each.sequence for each in life] == list(range(len(life)))
        assert (life[-1].event, life[-1].reason) == ("ended", "completed")
        assert life[-1].detail["messages"] == len(numbers)


Following.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestFollowing = Following.TestCase
