"""A recogniser of real speech: a reader of its audio, and what makes words of samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from worker.engine.recognizers.compressed import FlacReader, OpusReader
from worker.engine.recognizers.events import FLAC, LINEAR16, MULAW, OPUS, AudioFormat, Event
from worker.engine.recognizers.pcm import TARGET_HZ, AudioReader, Blocks, PcmReader, Samples

ENCODINGS = frozenset({LINEAR16, MULAW, FLAC, OPUS})
BLOCK_SAMPLES = 1_440


class Transcriber(Protocol):
    """Makes words of 16 kHz samples. Times count from the first sample."""

    def hear(self, samples: Samples) -> list[Event]:
        """Hears a block of `BLOCK_SAMPLES`; only a last one before a change of format or the end may be shorter."""

    def finish(self) -> list[Event]:
        """No more samples: finalises what is unfinished. Only `close` may follow."""

    def reset(self) -> None:
        """Forgets everything, as if new."""

    def close(self) -> None:
        """Gives up what it holds; nothing may follow. Idempotent."""


class SpeechRecognizer:
    """One session. See `Recognizer`.

    Invariant: the transcriber hears blocks of one size, so that nothing it says depends on how audio was cut.
    """

    def __init__(self, transcriber: Transcriber, audio_format: AudioFormat, *, ignored_vocabulary: int = 0) -> None:
        self.ignored_vocabulary = ignored_vocabulary
        self._transcriber = transcriber
        self._format = audio_format
        self._restart()

    def __repr__(self) -> str:
        return f"<SpeechRecognizer {self._format.encoding} at {self.heard_seconds:.1f} s of {self._transcriber!r}>"

    @property
    def heard_seconds(self) -> float:
        return self._heard / TARGET_HZ

    def accept(self, audio: bytes) -> list[Event]:
        return [event for events in self.accept_in_steps(audio) for event in events]

    def accept_in_steps(self, audio: bytes) -> Iterator[list[Event]]:
        return self._hear(self._reader.read(audio))

    def change_format(self, audio_format: AudioFormat) -> list[Event]:
        events = self._hear_rest()
        self._format = audio_format
        self._reader = make_reader(audio_format)
        return events

    def finish(self) -> list[Event]:
        return self._hear_rest() + self._transcriber.finish()

    def reset(self) -> None:
        self._transcriber.reset()
        self._restart()

    def close(self) -> None:
        self._transcriber.close()

    def _restart(self) -> None:
        self._reader = make_reader(self._format)
        self._blocks = Blocks(BLOCK_SAMPLES)
        self._heard = 0

    def _hear(self, pieces: Iterator[Samples]) -> Iterator[list[Event]]:
        for samples in pieces:
            for block in self._blocks.push(samples):
                self._heard += block.size
                yield self._transcriber.hear(block)

    def _hear_rest(self) -> list[Event]:
        events = [event for heard in self._hear(self._reader.finish()) for event in heard]
        rest = self._blocks.take_rest()
        if rest.size:
            self._heard += rest.size
            events += self._transcriber.hear(rest)
        return events


def make_reader(audio_format: AudioFormat) -> AudioReader:
    """What reads audio of a format."""
    match audio_format.encoding:
        case "FLAC":
            return FlacReader(audio_format)
        case "Opus":
            return OpusReader()
    return PcmReader(audio_format)
