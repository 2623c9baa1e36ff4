"""What may be said about audio of which nothing was heard."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from worker.sessions.settlement import STEP_SECONDS, SentAudio

HORIZON = 10.0


def verdict(sent: SentAudio) -> tuple[int | None, int | None]:
    """What is silent, and what is missed."""
    return sent.silent_byte, sent.missed_byte


def test_silence_comes_in_steps() -> None:
    """Audio of one step is silent together, a horizon after the step's end."""
    sent = SentAudio(0, HORIZON)
    sent.receive_sent(100, 0.0)
    sent.receive_sent(200, 0.9)
    sent.receive_sent(300, 1.0)
    sent.receive_pong(10.9)
    assert verdict(sent) == (None, None)
    sent.receive_pong(11.0)
    assert verdict(sent) == (200, None)
    sent.receive_pong(12.0)
    assert verdict(sent) == (300, None)


def test_pongs_may_come_late() -> None:
    """What counts is when the latest ping was sent whose pong came; an older one changes nothing."""
    sent = SentAudio(0, HORIZON)
    sent.receive_sent(100, 0.0)
    sent.receive_pong(11.0)
    sent.receive_pong(5.0)
    assert verdict(sent) == (100, None)


def test_where_a_socket_begins_nothing_was_sent() -> None:
    """The position at which a socket begins, and what is settled before it was said to be sent, is not held."""
    sent = SentAudio(500, HORIZON)
    sent.receive_sent(500, 0.0)
    assert sent.held_since is None
    sent.receive_settled(700)
    sent.receive_sent(600, 0.0)
    assert sent.held_since is None
    sent.receive_sent(800, 3.0)
    assert sent.held_since == 3.0


def test_a_final_result_without_text_promises_nothing() -> None:
    """Only words have a message."""
    sent = SentAudio(0, HORIZON)
    sent.receive_sent(100, 0.0)
    sent.receive_interim(has_text=True)
    sent.receive_final(5.0, has_text=False)
    sent.receive_pong(11.0)
    assert verdict(sent) == (100, None)


def test_the_latest_final_result_counts() -> None:
    """As long as final results come, their messages may; the last one decides, and up to where."""
    sent = SentAudio(0, HORIZON)
    sent.receive_sent(100, 0.0)
    sent.receive_final(1.0, has_text=True)
    sent.receive_sent(200, 5.0)
    sent.receive_final(6.0, has_text=True)
    sent.receive_sent(300, 7.0)
    sent.receive_pong(15.9)
    assert verdict(sent) == (None, None)
    sent.receive_pong(16.0)
    assert verdict(sent) == (None, 200)


class SentAudioMachine(RuleBasedStateMachine):
    """Audio, results and pongs in any order, against all that was sent and when."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = SentAudio(0, HORIZON)
        self.now = 0.0
        self.byte = self.settled = 0
        self.log: list[tuple[float, int]] = []
        self.confirmed = float("-inf")
        self.speech = False
        self.final: tuple[float, int] | None = None

    @rule(seconds=st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0, 9.0, 11.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(size=st.integers(0, 1_000))
    def send(self, size: int) -> None:
        self.byte += size
        self.log.append((self.now, self.byte))
        self.sent.receive_sent(self.byte, self.now)

    @rule(ago=st.sampled_from([0.0, 0.2, 5.0]))
    def pong(self, ago: float) -> None:
        self.confirmed = max(self.confirmed, self.now - ago)
        self.sent.receive_pong(self.now - ago)

    @rule(has_text=st.booleans())
    def interim(self, has_text: bool) -> None:
        self.speech = has_text
        self.sent.receive_interim(has_text=has_text)

    @rule(has_text=st.booleans())
    def final_result(self, has_text: bool) -> None:
        self.speech = False
        if has_text:
            self.final = (self.now, self.byte)
        self.sent.receive_final(self.now, has_text=has_text)

    @rule()
    def message(self) -> None:
        self.final = None
        self.sent.receive_message()

    @rule(share=st.floats(0, 1))
    def settle(self, share: float) -> None:
        self.settled += int((self.byte - self.settled) * share)
        self.sent.receive_settled(self.settled)

    @invariant()
    def what_is_silent_was_sent_a_horizon_before_a_ping(self) -> None:
        silent = self.sent.silent_byte
        if silent is not None:
            assert not self.speech
            assert self.final is None
            assert silent <= max(byte for at, byte in self.log if at <= self.confirmed - HORIZON)

    @invariant()
    def what_was_sent_long_before_a_ping_is_silent(self) -> None:
        if self.speech or self.final is not None:
            return
        old = [byte for at, byte in self.log if at <= self.confirmed - HORIZON - STEP_SECONDS]
        if old and old[-1] > self.settled:
            assert (self.sent.silent_byte or 0) >= old[-1]

    @invariant()
    def what_is_missed_was_sent_before_its_final_result(self) -> None:
        missed = self.sent.missed_byte
        if missed is None:
            assert self.speech or self.final is None or self.confirmed < self.final[0] + HORIZON
        else:
            assert self.final is not None
            assert missed == self.final[1]

    @invariant()
    def the_oldest_unsettled_audio_is_held(self) -> None:
        held = [at for at, byte in self.log if byte > self.settled]
        since = self.sent.held_since
        assert (since is None) == (not held)
        if since is not None:
            assert held[0] - STEP_SECONDS < since <= held[0]


TestSentAudio = SentAudioMachine.TestCase
TestSentAudio.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
