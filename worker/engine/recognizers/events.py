"""What goes into a recogniser and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

LINEAR16 = "LINEAR16"
MULAW = "MULAW"
FLAC = "FLAC"
OPUS = "Opus"

_BYTES_PER_SAMPLE = {LINEAR16: 2, MULAW: 1, FLAC: 2, OPUS: 2}


@dataclass(frozen=True, kw_only=True)
class AudioFormat:
    """Format of one speaker's mono audio.

    Args:
        encoding: One of the names above, in exactly that spelling.
        sample_rate_hz: Samples per second.
    """

    encoding: str = LINEAR16
    sample_rate_hz: int = 16_000

    @property
    def bytes_per_second(self) -> int:
        """Bytes that make one second; for FLAC and Opus those of the same audio as 16-bit samples."""
        return _BYTES_PER_SAMPLE[self.encoding] * self.sample_rate_hz


@dataclass(frozen=True, kw_only=True)
class SpeechRequest:
    """What a session is to hear.

    Args:
        language: BCP 47, as the client wrote it.
        vocabulary: Words and phrases to favour.
    """

    audio_format: AudioFormat = field(default_factory=AudioFormat)
    language: str = "en-US"
    vocabulary: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One recognised word; times in seconds from the first byte of the session's audio."""

    text: str = field(repr=False)
    start_seconds: float
    end_seconds: float
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Partial:
    """What the utterance in progress sounds like so far; replaces the previous one."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Final:
    """A finished utterance, at least one word."""

    words: tuple[HeardWord, ...] = field(repr=False)

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


Event = Partial | Final


class Recognizer(Protocol):
    """One session's recogniser.

    Events come in spoken order, and are the same however the audio was cut into calls; only Opus comes one packet in
    each. Every method may take long: the caller decides where it runs. None is re-entrant.
    """

    @property
    def ignored_vocabulary(self) -> int:
        """How many entries of the request's vocabulary it cannot favour."""

    @property
    def heard_seconds(self) -> float:
        """How much of the audio was heard; never goes back but by `reset`."""

    def accept(self, audio: bytes) -> list[Event]:
        """Hears the next bytes of audio, which may end anywhere, even within a sample."""

    def accept_in_steps(self, audio: bytes) -> Iterator[list[Event]]:
        """Like `accept`, but hears a fraction of a second in each step; nothing else may be called before the last."""

    def change_format(self, audio_format: AudioFormat) -> list[Event]:
        """The audio that follows has another format; the clock goes on."""

    def finish(self) -> list[Event]:
        """No more audio: finalises what is unfinished. Only `close` may follow."""

    def reset(self) -> None:
        """Forgets everything, as if new."""

    def close(self) -> None:
        """Gives up what it holds; nothing may follow."""


MakeRecognizer: TypeAlias = Callable[[SpeechRequest], Recognizer]
