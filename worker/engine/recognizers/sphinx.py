"""PocketSphinx with the English model inside its package: fully offline, and really streaming.

Good for synthetic and clear wide-band speech and for tests; far from today's systems on real telephone calls.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any

import numpy as np

from worker.engine.recognizers.endpoints import FRAME_SECONDS, Endpointer, Mark
from worker.engine.recognizers.events import AudioFormat, Event, Final, HeardWord, Partial
from worker.engine.recognizers.pcm import TARGET_HZ, PcmReader, Samples
from worker.errors import ConfigurationError

_FRAME_SAMPLES = int(FRAME_SECONDS * TARGET_HZ)
# Ten analysis windows of audio more before the hypothesis is read again.
_PARTIAL_FRAMES = 10
_DECODER_FRAMES_PER_SECOND = 100
_VAD_MODE = 2
# Cepstral mean of ordinary wide-band speech: what a session assumes before it has heard its speaker.
_FIRST_MEAN = "41.00,-5.29,-0.12,5.09,2.48,-4.07,-1.37,-1.78,-5.08,-2.05,-6.45,-1.42,1.17"
_ALTERNATIVE = re.compile(r"\(\d+\)$")


class SphinxFactory:
    """Makes recognisers; decoders of ended sessions are used again, as if new.

    Raises:
        ConfigurationError: pocketsphinx is not installed.
    """

    def __init__(self) -> None:
        try:
            import pocketsphinx  # type: ignore[import-untyped] # ships no types
        except ImportError as error:
            raise ConfigurationError("the recogniser pocketsphinx needs the extra 'engine'") from error
        self._library: Any = pocketsphinx
        self._spare = [self._load()]

    def __call__(self, audio_format: AudioFormat) -> SphinxRecognizer:
        decoder = self._spare.pop() if self._spare else self._load()
        return SphinxRecognizer(decoder, self._library.Vad(_VAD_MODE, TARGET_HZ, FRAME_SECONDS), audio_format, self)

    def take_back(self, decoder: Any) -> None:
        """Ends the use of a decoder."""
        self._spare.append(decoder)

    def _load(self) -> Any:
        return self._library.Decoder(loglevel="FATAL")


class SphinxRecognizer:
    """One session.

    Invariant: the decoder is in an utterance exactly while the endpointer is; the cepstral mean learned from one
    utterance serves the next.
    """

    _reader: PcmReader
    _rest: Samples

    def __init__(self, decoder: Any, vad: Any, audio_format: AudioFormat, factory: SphinxFactory) -> None:
        self._decoder = decoder
        self._closed = False
        self._factory = factory
        self._vad = vad
        self._format = audio_format
        self._restart()

    def __repr__(self) -> str:
        return f"<SphinxRecognizer frame={self._frame} {self._endpointer!r}>"

    def accept(self, audio: bytes) -> list[Event]:
        return self._hear(self._reader.read(audio))

    def change_format(self, audio_format: AudioFormat) -> list[Event]:
        events = self._hear(self._reader.finish())
        self._format = audio_format
        self._reader = PcmReader(audio_format)
        return events

    def finish(self) -> list[Event]:
        events = self._hear(self._reader.finish())
        if self._endpointer.in_speech:
            self._decode(self._rest)
            events += self._end_utterance()
            self._endpointer.reset()
        return events

    def reset(self) -> None:
        self._abandon()
        self._restart()

    def close(self) -> None:
        self._abandon()
        if not self._closed:
            self._closed = True
            self._factory.take_back(self._decoder)

    def _abandon(self) -> None:
        if self._endpointer.in_speech:
            self._decoder.end_utt()
            self._endpointer.reset()

    def _restart(self) -> None:
        self._decoder.set_cmn(_FIRST_MEAN)
        self._reader = PcmReader(self._format)
        self._endpointer = Endpointer()
        self._kept: deque[Samples] = deque(maxlen=self._endpointer.settings.kept)
        self._rest = np.zeros(0, dtype=np.int16)
        self._frame = 0
        self._begin_seconds = 0.0
        self._until_partial = _PARTIAL_FRAMES
        self._said = ""

    def _hear(self, samples: Samples) -> list[Event]:
        events: list[Event] = []
        if self._rest.size:
            samples = np.concatenate([self._rest, samples])
        whole = samples.size - samples.size % _FRAME_SAMPLES
        for at in range(0, whole, _FRAME_SAMPLES):
            self._hear_frame(samples[at : at + _FRAME_SAMPLES], events)
        self._rest = samples[whole:].copy()
        return events

    def _hear_frame(self, frame: Samples, events: list[Event]) -> None:
        self._frame += 1
        mark = self._endpointer.mark(self._vad.is_speech(frame.tobytes()))
        match mark:
            case Mark.SILENCE:
                self._kept.append(frame)
            case Mark.BEGIN:
                self._kept.append(frame)
                self._begin_seconds = (self._frame - len(self._kept)) * FRAME_SECONDS
                self._decoder.start_utt()
                self._decode(np.concatenate(self._kept))
                self._kept.clear()
            case Mark.SPEECH:
                self._decode(frame)
                self._until_partial -= 1
                if self._until_partial <= 0:
                    events += self._partial()
            case Mark.END:
                self._decode(frame)
                events += self._end_utterance()

    def _decode(self, samples: Samples) -> None:
        self._decoder.process_raw(samples.tobytes(), False, False)

    def _partial(self) -> list[Event]:
        self._until_partial = _PARTIAL_FRAMES
        hypothesis = self._decoder.hyp()
        text = "" if hypothesis is None else " ".join(_spoken(hypothesis.hypstr.split()))
        if not text or text == self._said:
            return []
        self._said = text
        return [Partial(text)]

    def _end_utterance(self) -> list[Event]:
        self._decoder.end_utt()
        self._said = ""
        self._until_partial = _PARTIAL_FRAMES
        words = [
            HeardWord(
                _ALTERNATIVE.sub("", segment.word),
                self._begin_seconds + segment.start_frame / _DECODER_FRAMES_PER_SECOND,
                self._begin_seconds + (segment.end_frame + 1) / _DECODER_FRAMES_PER_SECOND,
                min(1.0, max(0.0, segment.prob)),
            )
            for segment in self._decoder.seg()
            if not _is_filler(segment.word)
        ]
        return [Final(tuple(words))] if words else []


def _spoken(words: list[str]) -> list[str]:
    return [_ALTERNATIVE.sub("", word) for word in words if not _is_filler(word)]


def _is_filler(word: str) -> bool:
    """Silence, noise and sentence marks, which the decoder lists among the words."""
    return word.startswith(("<", "[", "++"))
