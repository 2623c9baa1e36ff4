"""Where utterances begin and end. Pure: speech or not is decided elsewhere, frame by frame."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

FRAME_SECONDS = 0.03


class Mark(Enum):
    """What a frame means for the utterance; `BEGIN` also takes in the frames kept before it."""

    SILENCE = 0
    BEGIN = 1
    SPEECH = 2
    END = 3


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """In frames of `FRAME_SECONDS`.

    Args:
        begin_speech: Speech frames among the last `begin_window` that begin an utterance.
        padding: Frames before these that belong to it, so that a soft first sound is not lost.
        pause: Frames without speech that end an utterance.
        patience: From this length on, shorter and shorter pauses will do.
        short_pause: The shortest, at `longest`.
        longest: An utterance is cut here even without a pause.
    """

    begin_speech: int = 4
    begin_window: int = 6
    padding: int = 8
    pause: int = 17
    patience: int = 266
    short_pause: int = 4
    longest: int = 500

    @property
    def kept(self) -> int:
        return self.begin_window + self.padding


class Endpointer:
    """Marks frames; between `BEGIN` and `END` every frame belongs to the utterance.

    Invariant: an utterance is at most ``longest`` frames long, counting those kept before its beginning.
    """

    def __init__(self, settings: EndpointSettings | None = None) -> None:
        self.settings = settings or EndpointSettings()
        self.reset()

    def __repr__(self) -> str:
        return f"<Endpointer length={self._length} silent={self._silent}>"

    @property
    def in_speech(self) -> bool:
        return self._length > 0

    def reset(self) -> None:
        self._recent: deque[bool] = deque(maxlen=self.settings.begin_window)
        self._kept = 0
        self._length = 0
        self._silent = 0

    def mark(self, is_speech: bool) -> Mark:
        """Decides about the next frame."""
        if self._length:
            return self._mark_inside(is_speech)
        self._recent.append(is_speech)
        self._kept = min(self._kept + 1, self.settings.kept)
        if sum(self._recent) < self.settings.begin_speech:
            return Mark.SILENCE
        self._length = self._kept
        self._silent = 0
        return Mark.BEGIN

    def _mark_inside(self, is_speech: bool) -> Mark:
        self._length += 1
        self._silent = 0 if is_speech else self._silent + 1
        if self._silent < self._pause() and self._length < self.settings.longest:
            return Mark.SPEECH
        self.reset()
        return Mark.END

    def _pause(self) -> int:
        settings = self.settings
        if self._length <= settings.patience:
            return settings.pause
        worn = (self._length - settings.patience) / (settings.longest - settings.patience)
        return max(settings.short_pause, round(settings.pause - worn * (settings.pause - settings.short_pause)))
