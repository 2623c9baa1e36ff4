"""How much recognition costs, and whether there is room for more. Pure.

What counts is the time that sessions need to be heard as they are spoken. A client that sends faster than that, to
replay a file or to catch up, gets what the others leave over; it neither makes the engine look busy nor late.

Time (``now``) is in seconds of any clock that does not go back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

# Seconds of work for a second of audio, until it was measured: that of pocketsphinx on an ordinary core.
_ASSUMED_FACTOR = 0.2
_ASSUMED_AUDIO_SECONDS = 10.0
_SHORT_SECONDS = 10.0
_LONG_SECONDS = 300.0
# Less audio than this within the short time says little.
_ENOUGH_AUDIO_SECONDS = 3.0

LATE_SECONDS = 2.0
"""A session that is so late says that there are too many."""
_IN_TIME_SECONDS = 0.5
# What a load must come down to before it counts as lower again.
_RELIEF = 0.95


class Decaying:
    """A sum in which older amounts count less and less; what comes steadily makes ``seconds`` times its rate."""

    def __init__(self, seconds: float, now: float, first: float = 0.0) -> None:
        self._seconds = seconds
        self._at = now
        self._sum = first

    def add(self, amount: float, now: float) -> None:
        self._sum = self.sum(now) + amount
        self._at = max(self._at, now)

    def sum(self, now: float) -> float:
        return self._sum * math.exp(-max(0.0, now - self._at) / self._seconds)

    def rate(self, now: float) -> float:
        """Per second."""
        return self.sum(now) / self._seconds


class RealTimeFactor:
    """Seconds of work for one second of audio, lately and in the longer run: the larger of both.

    The longer run keeps a minute of silence from making speech look cheap.
    """

    def __init__(self, now: float) -> None:
        assumed = (_ASSUMED_AUDIO_SECONDS, _ASSUMED_AUDIO_SECONDS * _ASSUMED_FACTOR)
        self._audio, self._work = (Decaying(_LONG_SECONDS, now, first) for first in assumed)
        self._recent_audio, self._recent_work = (Decaying(_SHORT_SECONDS, now) for _ in assumed)
        self._value = _ASSUMED_FACTOR

    def __repr__(self) -> str:
        return f"<RealTimeFactor {self._value:.3f}>"

    @property
    def value(self) -> float:
        return self._value

    def note(self, audio_seconds: float, work_seconds: float, now: float) -> None:
        """So much audio was heard with so much work."""
        for audio in (self._audio, self._recent_audio):
            audio.add(audio_seconds, now)
        for work in (self._work, self._recent_work):
            work.add(work_seconds, now)
        self._value = self._work.sum(now) / max(self._audio.sum(now), 1e-9)
        recent_audio = self._recent_audio.sum(now)
        if recent_audio >= _ENOUGH_AUDIO_SECONDS:
            self._value = max(self._value, self._recent_work.sum(now) / recent_audio)


class Progress:
    """How one session gets on.

    Audio is *due* once as much real time has passed as it lasts; time in which nothing was left to hear does not count,
    so that a burst after a pause is not late at once.

    Invariant: due audio is never more than was received, and grows by at most a second each second.
    """

    def __init__(self, now: float) -> None:
        self._at = now
        self._received = 0.0
        self._heard = 0.0
        self._due = 0.0
        # A new session is expected to speak all the time, until it is seen what it does.
        self._demand = Decaying(_SHORT_SECONDS, now, _SHORT_SECONDS)

    def __repr__(self) -> str:
        return f"<Progress heard={self._heard:.1f} of {self._received:.1f}>"

    def note(self, now: float, *, heard_seconds: float, waiting_seconds: float) -> None:
        """So much was heard since the beginning, and so much waits."""
        self._advance(now)
        self._heard = heard_seconds
        self._received = heard_seconds + waiting_seconds
        self._due = min(self._due, self._received)

    def late_seconds(self, now: float) -> float:
        """Audio that is due and was not heard yet."""
        self._advance(now)
        return max(0.0, self._due - self._heard)

    def demand(self, now: float) -> float:
        """Seconds of audio that are due each second, between 0 and 1."""
        self._advance(now)
        return min(1.0, self._demand.rate(now))

    def _advance(self, now: float) -> None:
        due = min(self._received, self._due + max(0.0, now - self._at))
        self._demand.add(max(0.0, due - self._due), now)
        self._due, self._at = due, max(self._at, now)


class Headroom:
    """Whether another session fits.

    Args:
        max_load: Share of a process' time that sessions may need.
    """

    def __init__(self, max_load: float) -> None:
        self._max_load = max_load
        self._full = False
        self._late = False

    def __repr__(self) -> str:
        return f"<Headroom full={self._full} late={self._late}>"

    def lacks(self, demands: Sequence[float], factor: float, late_seconds: float, expected: int) -> bool:
        """Whether one more session would make the others fall behind.

        It lets in again only some way below the limit, so that it does not change its mind with every word. A process
        without sessions always takes one.

        Args:
            demands: Of each process, seconds of audio that are due each second.
            factor: Real-time factor.
            late_seconds: Of the latest session.
            expected: Sessions that will begin soon and are not among ``demands``; each process gets its share.
        """
        self._late = late_seconds > (_IN_TIME_SECONDS if self._late else LATE_SECONDS)
        filled = sorted(demands)
        for _ in range(expected):
            filled[0] += 1.0
            filled.sort()
        limit = self._max_load * (_RELIEF if self._full else 1.0)
        self._full = filled[0] > 0 and (filled[0] + 1.0) * factor > limit
        return self._late or self._full
