"""Captions of one stream: masked, numbered, and not more often than they can be read. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal

from worker.records import Caption, Masked, Speaker

HELD_BACK_WORDS: Final = 2
"""Of an interim text that is masked: a name, a street or a spelled address cannot be told by its first words."""
# Not every language writes spaces.
_WORD: Final = re.compile(r"\S{1,20}")


class CaptionWriter:
    """Turns interim results into captions.

    Args:
        mask: makes a text fit to be shown.
        say: publishes a caption.
        interval_seconds: at most one caption in this time, the latest; None publishes every one.
    """

    def __init__(
        self,
        conversation_id: str,
        stream: str,
        mask: Callable[[str], Masked],
        say: Callable[[Caption], None],
        interval_seconds: float | None,
    ) -> None:
        self._conversation_id = conversation_id
        self._stream = stream
        self._mask = mask
        self._say = say
        self._interval_seconds = interval_seconds or 0.0
        self._revision = -1
        self._said_at = float("-inf")
        # The latest interim result that was not published yet: text, speaker, start, revision.
        self._pending: tuple[str, Speaker | None, int] | None = None

    def __repr__(self) -> str:
        return f"<CaptionWriter {self._conversation_id}/{self._stream} revision={self._revision}>"

    def write(self, text: str, speaker: Speaker | None, start_ms: int, sent_ms: int, now: float) -> None:
        """An interim result, to be published at once or when the interval has passed.

        Args:
            sent_ms: audio clock at the end of what was sent; revisions follow it, so that they also rise, after a
                short overlap, when another worker continues the stream.
        """
        self._revision = max(self._revision + 1, sent_ms)
        self._pending = (text, speaker, start_ms)
        self.tick(now)

    def drop(self) -> None:
        """The pending caption is out of date: a final result came, or the socket is gone."""
        self._pending = None

    def tick(self, now: float) -> None:
        """Publish the pending caption if its time has come."""
        if self._pending is None or now < self._said_at + self._interval_seconds:
            return
        text, speaker, start_ms = self._pending
        masked = held_back(self._mask(text))
        self._pending = None
        if not masked.text:
            return
        self._said_at = now
        self._say(
            Caption(
                conversation_id=self._conversation_id,
                stream=self._stream,
                speaker=speaker,
                text=masked.text,
                revision=self._revision,
                start_ms=start_ms,
                redaction=_state(masked),
            )
        )

    def next_deadline(self) -> float | None:
        """When a caption is to be published; None when none is pending."""
        return None if self._pending is None else self._said_at + self._interval_seconds


def held_back(masked: Masked) -> Masked:
    """An interim text without its last words. Masks stay, since they hide them already; so does everything where
    redaction is off."""
    if masked.findings is None:
        return masked
    begin = masked.findings[-1].end if masked.findings else 0
    words = list(_WORD.finditer(masked.text, begin))[-HELD_BACK_WORDS:]
    end = words[0].start() if words else begin
    return Masked(masked.text[:end].rstrip(), masked.findings)


def _state(masked: Masked) -> Literal["off", "masked", "clean"]:
    if masked.findings is None:
        return "off"
    return "masked" if masked.findings else "clean"
