"""How far a partition may be committed."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from worker.intake.ledger import Ledger


class LedgerMachine(RuleBasedStateMachine):
    """A ledger against a dictionary of holders."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(100)
        self.next = 100
        self.holders: dict[int, int] = {}
        self.committed = 100

    @rule(gap=st.integers(0, 3))
    def track(self, gap: int) -> None:
        offset = self.next + gap
        assert self.ledger.track(offset)
        self.next = offset + 1
        self.holders[offset] = 1

    @rule(back=st.integers(1, 5))
    def track_again(self, back: int) -> None:
        assert not self.ledger.track(self.next - back)

    @precondition(lambda self: any(self.holders.values()))
    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from([each for each, holders in self.holders.items() if holders]))
        self.ledger.hold(offset)
        self.holders[offset] += 1

    @precondition(lambda self: any(self.holders.values()))
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from([each for each, holders in self.holders.items() if holders]))
        self.ledger.finish(offset)
        self.holders[offset] -= 1

    @invariant()
    def commits_up_to_the_first_open_offset(self) -> None:
        still_open = [offset for offset, holders in self.holders.items() if holders]
        assert self.ledger.commit_position == min(still_open, default=self.next)
        assert self.ledger.next_position == self.next
        assert self.ledger.open_count == len(still_open)
        assert self.ledger.commit_position >= self.committed
        self.committed = self.ledger.commit_position


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_finishing_what_is_not_open_is_a_bug() -> None:
    """An offset is finished as often as it has holders, no more: otherwise another stream's audio would be lost."""
    ledger = Ledger(0)
    ledger.track(0)
    ledger.finish(0)
    with pytest.raises(KeyError):
        ledger.finish(0)
    with pytest.raises(KeyError):
        ledger.hold(0)


def test_the_repr_says_where_it_stands() -> None:
    """A ledger in a log line tells what holds a partition back."""
    ledger = Ledger(7)
    ledger.track(9)
    assert repr(ledger) == "<Ledger commit=9 next=10 open=1>"
