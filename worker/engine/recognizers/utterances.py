"""Cuts sound into utterances, for recognisers that do not do so themselves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from worker.engine.recognizers.endpoints import FRAME_SECONDS, Endpointer, Mark
from worker.engine.recognizers.pcm import TARGET_HZ, Blocks, Samples
from worker.errors import ConfigurationError

_FRAME_SAMPLES = int(FRAME_SECONDS * TARGET_HZ)
_VAD_MODE = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an utterance: ``BEGIN``, any number of ``SPEECH``, ``END``."""

    mark: Mark
    samples: Samples = field(repr=False)
    begin_seconds: float


class UtteranceCutter:
    """Finds utterances in sound.

    Args:
        is_speech: Whether there is speech in the bytes of one frame of 16-bit samples.
    """

    def __init__(self, is_speech: Callable[[bytes], bool]) -> None:
        self._is_speech = is_speech
        self._endpointer = Endpointer()
        self._frames = Blocks(_FRAME_SAMPLES)
        self._kept: deque[Samples] = deque(maxlen=self._endpointer.settings.kept)
        self._frame = 0
        self._begin_seconds = 0.0

    def __repr__(self) -> str:
        return f"<UtteranceCutter frame={self._frame} {self._endpointer!r}>"

    @property
    def in_utterance(self) -> bool:
        return self._endpointer.in_speech

    def cut(self, samples: Samples) -> Iterator[Piece]:
        """What of the next samples belongs to utterances."""
        for frame in self._frames.push(samples):
            self._frame += 1
            mark = self._endpointer.mark(self._is_speech(frame.tobytes()))
            if mark is Mark.SILENCE:
                self._kept.append(frame)
            elif mark is Mark.BEGIN:
                self._kept.append(frame)
                self._begin_seconds = (self._frame - len(self._kept)) * FRAME_SECONDS
                yield Piece(mark, np.concatenate(self._kept), self._begin_seconds)
                self._kept.clear()
            else:
                yield Piece(mark, frame, self._begin_seconds)

    def finish(self) -> Piece | None:
        """The end of an utterance that is not finished."""
        if not self.in_utterance:
            return None
        self._endpointer.reset()
        return Piece(Mark.END, self._frames.take_rest(), self._begin_seconds)


def make_voice_detector() -> Callable[[bytes], bool]:
    """WebRTC's voice activity detector, for one session.

    Raises:
        ConfigurationError: pocketsphinx, which brings it, is not installed.
    """
    vad: Any = import_pocketsphinx().Vad(_VAD_MODE, TARGET_HZ, FRAME_SECONDS)
    return lambda frame: bool(vad.is_speech(frame))


def import_pocketsphinx() -> Any:
    """The library.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        import pocketsphinx  # type: ignore[import-untyped] # ships no types
    except ImportError as error:
        raise ConfigurationError("the recogniser needs the extra 'engine'") from error
    return pocketsphinx
