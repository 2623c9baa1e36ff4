"""What may be said about the audio that one socket was sent, when nothing is heard about it. Pure.

That nothing was heard means nothing on a socket that may be dead. A pong does: TCP keeps order, so when it comes the
host had all that was sent before its ping, and all that the host had said by then is here.
"""

from __future__ import annotations

from collections import deque

STEP_SECONDS = 1.0
"""Sent audio is remembered in steps of this length, so that a quiet stream writes its state once a second."""


class SentAudio:
    """When one socket was sent what, and what was heard about it. Lives as long as the socket.

    Invariant: audio is silent, or a message is missed, only by the word of a pong whose ping was sent later than a
    silence horizon after that audio, or after the final result that promised the message.

    Args:
        byte: position in the stream at which this socket begins.
        horizon_seconds: longest time in which a host says something about speech that it was sent, and in which the
            message of a final result comes.
    """

    def __init__(self, byte: int, horizon_seconds: float) -> None:
        self._byte = byte
        self._horizon_seconds = horizon_seconds
        self._steps: deque[tuple[float, int]] = deque()
        self._confirmed_at = float("-inf")
        self._is_speech = False
        # The end of what had been sent when a final result came, and the earliest ping whose pong ends the wait.
        self._awaited: tuple[int, float] | None = None

    def __repr__(self) -> str:
        return f"<SentAudio byte={self._byte} steps={len(self._steps)} confirmed_at={self._confirmed_at}>"

    # --- what happens ---

    def receive_sent(self, byte: int, now: float) -> None:
        """All audio before this position has been handed to the socket by now."""
        if byte <= self._byte:
            return
        self._byte = byte
        if self._steps and now - self._steps[-1][0] < STEP_SECONDS:
            self._steps[-1] = (self._steps[-1][0], byte)
        else:
            self._steps.append((now, byte))

    def receive_settled(self, byte: int) -> None:
        """All audio before this position is settled."""
        # It may be settled before the shell says that it has been sent.
        self._byte = max(self._byte, byte)
        while self._steps and self._steps[0][1] <= byte:
            self._steps.popleft()

    def receive_interim(self, *, has_text: bool) -> None:
        """An interim result: something is being recognised; without text it takes that back."""
        self._is_speech = has_text

    def receive_final(self, now: float, *, has_text: bool) -> None:
        """A final result: what was being recognised is done, and its message is to come if there was any text."""
        self._is_speech = False
        if has_text:
            self._awaited = (self._byte, now + self._horizon_seconds)

    def receive_message(self) -> None:
        """A message of this stream: none is awaited any more."""
        self._awaited = None

    def receive_pong(self, pinged_at: float) -> None:
        """The pong came to a ping that was sent at this time."""
        self._confirmed_at = max(self._confirmed_at, pinged_at)

    # --- what follows ---

    @property
    def silent_byte(self) -> int | None:
        """Position before which nothing can cause a result any more; None when that cannot be said of any audio."""
        if self._is_speech or self._awaited is not None:
            return None
        sent_before = self._confirmed_at - self._horizon_seconds - STEP_SECONDS
        silent = None
        for sent_at, byte in self._steps:
            if sent_at > sent_before:
                break
            silent = byte
        return silent

    @property
    def missed_byte(self) -> int | None:
        """Position up to which a final result was about audio, if its message will never come."""
        if self._is_speech or self._awaited is None or self._confirmed_at < self._awaited[1]:
            return None
        return self._awaited[0]

    @property
    def held_since(self) -> float | None:
        """When the oldest audio was sent that is not settled."""
        return self._steps[0][0] if self._steps else None
