"""Messages that wait for how their speakers go on. Pure.

"My card number is four one one one", says a caller, and only the next message tells whether that was a card number.
Until then the message waits, and all results of the conversation behind it; when nobody goes on in time, what may have
begun is masked in doubt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from worker.records import Masked
from worker.redaction import Redacted, Redactor, SymblMark
from worker.redaction.continuations import is_backchannel

Say: TypeAlias = Callable[[Redacted, bool], None]
"""Publishes a message, given how it is masked, and whether what the speaker says next may go on with something that was
masked in doubt."""


@dataclass(slots=True, eq=False)
class _Message:
    """
    Args:
        since: when it began to wait, as the first tick after it saw.
        redacted: known when it waits no longer for its speaker, but perhaps still for what is in front of it.
        is_cut: the speaker's last words up to here that are no backchannel were masked in doubt.
    """

    text: str = field(repr=False)
    marks: Sequence[SymblMark] = field(repr=False)
    say: Say
    since: float | None = None
    redacted: Redacted | None = None
    is_cut: bool = False


class Holdback:
    """What the results of one conversation wait for.

    Invariants: everything is published in the order in which it came; a message waits at most ``seconds`` from the
    first tick after it; personal data that begins in one message of a speaker and ends in another is masked in both.

    Args:
        redactor: None while redaction is off, when nothing waits.
        seconds: 0 masks in doubt at once.
        waited: told how many seconds a message waited, by the tick that publishes it or the next one.
        cut: the speakers whose last message, under an earlier owner, was masked in doubt at its end.
    """

    def __init__(
        self,
        redactor: Redactor | None,
        seconds: float,
        waited: Callable[[float], None],
        cut: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.redactor = redactor
        self._seconds = seconds
        self._waited = waited
        # Since when those waited that were published since the last tick.
        self._waited_since: list[float] = []
        self._queue: deque[_Message | Callable[[], None]] = deque()
        # What a speaker has begun, in messages one after the other.
        self._begun: dict[tuple[str, str], list[_Message]] = {}
        self._cut = set(cut)
        self._is_saying = False

    def __repr__(self) -> str:
        return f"<Holdback waiting={len(self._queue)} begun={len(self._begun)}>"

    @property
    def deadline(self) -> float | None:
        """When the next ``tick`` is due; None when nothing waits."""
        return min((self._due(begun) for begun in self._begun.values()), default=None)

    def is_awaited(self, stream: str) -> bool:
        """Whether what is said next on a stream may go on with something personal."""
        return any(name == stream for name, _ in (*self._begun, *self._cut))

    def message(self, speaker: tuple[str, str], text: str, marks: Sequence[SymblMark], say: Say) -> None:
        """A message of a speaker, who is a stream and one of its users."""
        message = _Message(text, marks, say)
        self._queue.append(message)
        if self.redactor is None:
            message.redacted = Redacted(Masked(text, None), ())
        elif (speaker in self._begun or speaker in self._cut) and is_backchannel(text):
            message.is_cut = speaker in self._cut
            self._redact(self.redactor, [message])
        else:
            begun = self._begun.setdefault(speaker, [])
            begun.append(message)
            is_open = self.redactor.is_open(" ".join(each.text for each in begun))
            if not is_open or self._seconds <= 0:
                self._decide(speaker, is_cut=is_open)
        self._go_on()

    def after(self, say: Callable[[], None]) -> None:
        """Publish something else behind all messages so far."""
        self._queue.append(say)
        self._go_on()

    def tick(self, now: float) -> None:
        """Time has passed."""
        self._report(now)
        for each in self._queue:
            if isinstance(each, _Message) and each.since is None:
                each.since = now
        for speaker, begun in list(self._begun.items()):
            if now >= self._due(begun):
                self._decide(speaker, is_cut=True)
        self._go_on()
        self._report(now)

    def release(self) -> None:
        """Nothing more is to be waited for: publish everything."""
        for speaker in list(self._begun):
            self._decide(speaker, is_cut=True)
        self._go_on()

    def _due(self, begun: Sequence[_Message]) -> float:
        since = begun[0].since
        return float("-inf") if since is None else since + self._seconds

    def _decide(self, speaker: tuple[str, str], *, is_cut: bool) -> None:
        """A speaker has gone on, or is not waited for any longer."""
        assert self.redactor is not None
        begun = self._begun.pop(speaker)
        goes_on = speaker in self._cut
        self._redact(self.redactor, begun, goes_on=goes_on, leaves_open=is_cut)
        self._cut.discard(speaker)
        if is_cut or (goes_on and _ends_masked(begun[-1].redacted)):
            begun[-1].is_cut = True
            self._cut.add(speaker)

    @staticmethod
    def _redact(
        redactor: Redactor, messages: Sequence[_Message], *, goes_on: bool = False, leaves_open: bool = False
    ) -> None:
        texts, marks = [each.text for each in messages], [each.marks for each in messages]
        # Whatever happens, nobody waits for ever.
        every = tuple(Redacted(redactor.mask_whole(text), ()) for text in texts)
        try:
            every = redactor.redact(texts, marks, goes_on=goes_on, leaves_open=leaves_open)
        finally:
            for message, redacted in zip(messages, every, strict=True):
                message.redacted = redacted

    def _go_on(self) -> None:
        """Publish what waits for nothing."""
        if self._is_saying:
            return
        self._is_saying = True
        try:
            while self._queue:
                head = self._queue[0]
                if not isinstance(head, _Message):
                    self._queue.popleft()
                    head()
                elif head.redacted is not None:
                    self._queue.popleft()
                    if head.since is not None:
                        self._waited_since.append(head.since)
                    head.say(head.redacted, head.is_cut)
                else:
                    return
        finally:
            self._is_saying = False

    def _report(self, now: float) -> None:
        for since in self._waited_since:
            self._waited(now - since)
        self._waited_since.clear()


def _ends_masked(redacted: Redacted | None) -> bool:
    """Whether a message is masked to its end: what went on in it may go on in the next one."""
    if redacted is None or not redacted.masked.findings:
        return False
    return redacted.masked.findings[-1].end >= len(redacted.masked.text.rstrip(" .,;:!?…-"))
