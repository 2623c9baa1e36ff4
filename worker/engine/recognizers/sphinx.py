"""PocketSphinx with the English model inside its package: fully offline, and really streaming.

Good for synthetic and clear wide-band speech and for tests; far from today's systems on real telephone calls.
"""

from __future__ import annotations

import re
from typing import Any

from worker.engine.recognizers.endpoints import Mark
from worker.engine.recognizers.events import Event, Final, HeardWord, Partial, SpeechRequest
from worker.engine.recognizers.pcm import Samples
from worker.engine.recognizers.speech import SpeechRecognizer
from worker.engine.recognizers.utterances import Piece, UtteranceCutter, import_pocketsphinx, make_voice_detector

# Ten analysis windows of audio more before the hypothesis is read again.
_PARTIAL_FRAMES = 10
_DECODER_FRAMES_PER_SECOND = 100
# Cepstral mean of ordinary wide-band speech: what a session assumes before it has heard its speaker.
_FIRST_MEAN = "41.00,-5.29,-0.12,5.09,2.48,-4.07,-1.37,-1.78,-5.08,-2.05,-6.45,-1.42,1.17"
_ALTERNATIVE = re.compile(r"\(\d+\)$")


class SphinxFactory:
    """Makes recognisers; decoders of ended sessions are used again, as if new.

    Raises:
        ConfigurationError: pocketsphinx is not installed.
    """

    def __init__(self) -> None:
        self._library = import_pocketsphinx()
        self._spare = [self._load()]

    def __call__(self, request: SpeechRequest) -> SpeechRecognizer:
        decoder = self._spare.pop() if self._spare else self._load()
        return SpeechRecognizer(SphinxTranscriber(decoder, self), request.audio_format)

    def take_back(self, decoder: Any) -> None:
        """Ends the use of a decoder."""
        self._spare.append(decoder)

    def _load(self) -> Any:
        return self._library.Decoder(loglevel="FATAL")


class SphinxTranscriber:
    """One session.

    Invariant: the decoder is in an utterance exactly while the cutter is; the cepstral mean learned from one utterance
    serves the next.
    """

    def __init__(self, decoder: Any, factory: SphinxFactory) -> None:
        self._decoder = decoder
        self._factory = factory
        self._closed = False
        self._restart()

    def __repr__(self) -> str:
        return f"<SphinxTranscriber {self._cutter!r}>"

    def hear(self, samples: Samples) -> list[Event]:
        return [event for piece in self._cutter.cut(samples) for event in self._hear_piece(piece)]

    def finish(self) -> list[Event]:
        piece = self._cutter.finish()
        return [] if piece is None else self._hear_piece(piece)

    def reset(self) -> None:
        self._abandon()
        self._restart()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._abandon()
            self._factory.take_back(self._decoder)

    def _abandon(self) -> None:
        if self._cutter.finish() is not None:
            self._decoder.end_utt()

    def _restart(self) -> None:
        # Also forgets the noise of the session before.
        self._decoder.reinit_feat()
        self._decoder.set_cmn(_FIRST_MEAN)
        self._cutter = UtteranceCutter(make_voice_detector())
        self._until_partial = _PARTIAL_FRAMES
        self._said = ""

    def _hear_piece(self, piece: Piece) -> list[Event]:
        if piece.mark is Mark.BEGIN:
            self._decoder.start_utt()
        self._decoder.process_raw(piece.samples.tobytes(), False, False)
        if piece.mark is Mark.END:
            return self._end_utterance(piece.begin_seconds)
        self._until_partial -= 1
        return self._partial() if self._until_partial <= 0 else []

    def _partial(self) -> list[Event]:
        self._until_partial = _PARTIAL_FRAMES
        hypothesis = self._decoder.hyp()
        text = "" if hypothesis is None else " ".join(_spoken(hypothesis.hypstr.split()))
        if not text or text == self._said:
            return []
        self._said = text
        return [Partial(text)]

    def _end_utterance(self, begin_seconds: float) -> list[Event]:
        self._decoder.end_utt()
        self._said = ""
        self._until_partial = _PARTIAL_FRAMES
        words = [
            HeardWord(
                _ALTERNATIVE.sub("", segment.word),
                begin_seconds + segment.start_frame / _DECODER_FRAMES_PER_SECOND,
                begin_seconds + (segment.end_frame + 1) / _DECODER_FRAMES_PER_SECOND,
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
