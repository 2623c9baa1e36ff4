"""PocketSphinx with the English model inside its package: fully offline, and really streaming.

Good for synthetic and clear wide-band speech and for tests; far from today's systems on real telephone calls.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from worker.engine.recognizers.endpoints import Mark
from worker.engine.recognizers.events import Event, Final, HeardWord, Partial, SpeechRequest
from worker.engine.recognizers.pcm import Samples
from worker.engine.recognizers.speech import SpeechRecognizer
from worker.engine.recognizers.utterances import Piece, UtteranceCutter, import_pocketsphinx, make_voice_detector
from worker.engine.recognizers.vocabulary import spoken_words

# Ten analysis windows of audio more before the hypothesis is read again.
_PARTIAL_FRAMES = 10
_DECODER_FRAMES_PER_SECOND = 100
# Cepstral mean of ordinary wide-band speech: what a session assumes before it has heard its speaker.
_FIRST_MEAN = "41.00,-5.29,-0.12,5.09,2.48,-4.07,-1.37,-1.78,-5.08,-2.05,-6.45,-1.42,1.17"
_ALTERNATIVE = re.compile(r"\(\d+\)$")
# Begins the entries that stand for phrases; no word of the dictionary begins so.
_PHRASE = "="
# Makes a phrase as likely as a common word: some ten thousand words share the rest.
_PHRASE_WEIGHT = 100.0
_MAX_PHRASES = 500
_MAX_PHRASE_WORDS = 8


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase that the decoder takes for one word.

    Args:
        pronunciations: Each the phones of all words.
        phones: Of each word, in the first pronunciation.
    """

    words: tuple[str, ...] = field(repr=False)
    pronunciations: tuple[str, ...] = field(repr=False)
    phones: tuple[int, ...] = field(repr=False)


class SphinxFactory:
    """Makes recognisers; decoders of ended sessions are used again, as if new, unless they favour a vocabulary.

    Raises:
        ConfigurationError: pocketsphinx is not installed.
    """

    def __init__(self) -> None:
        self._library = import_pocketsphinx()
        self._dictionary = self._load()
        self._spare = [self._dictionary]

    def __call__(self, request: SpeechRequest) -> SpeechRecognizer:
        phrases = self._pronounce(request.vocabulary[:_MAX_PHRASES])
        if phrases:
            decoder = self._load()
            favour(decoder, phrases)
        else:
            decoder = self._spare.pop() if self._spare else self._load()
        transcriber = SphinxTranscriber(decoder, phrases, self)
        ignored = len(request.vocabulary) - len(phrases)
        return SpeechRecognizer(transcriber, request.audio_format, ignored_vocabulary=ignored)

    def take_back(self, decoder: Any) -> None:
        """Ends the use of a decoder that favours nothing."""
        self._spare.append(decoder)

    def _load(self) -> Any:
        return self._library.Decoder(loglevel="FATAL")

    def _pronounce(self, vocabulary: tuple[str, ...]) -> list[Phrase]:
        """The phrases of which every word is in the dictionary."""
        spoken = [tuple(spoken_words(text)) for text in vocabulary]
        return [phrase for words in spoken if (phrase := self._pronounce_phrase(words)) is not None]

    def _pronounce_phrase(self, words: tuple[str, ...]) -> Phrase | None:
        if not 0 < len(words) <= _MAX_PHRASE_WORDS:
            return None
        known = [self._look_up(word) for word in words]
        if not all(known):
            return None
        first = [pronunciations[0] for pronunciations in known]
        # Each other pronunciation of a word with the first ones of the others: all combinations would be too many.
        others = [
            [*first[:at], other, *first[at + 1 :]]
            for at, pronunciations in enumerate(known)
            for other in pronunciations[1:]
        ]
        return Phrase(
            words=words,
            pronunciations=tuple(" ".join(phones) for phones in [first, *others]),
            phones=tuple(len(phones.split()) for phones in first),
        )

    def _look_up(self, word: str) -> list[str]:
        """All pronunciations of a word."""
        found = []
        entry = self._dictionary.lookup_word(word)
        while entry is not None:
            found.append(entry)
            entry = self._dictionary.lookup_word(f"{word}({len(found) + 1})")
        return found


def favour(decoder: Any, phrases: Sequence[Phrase]) -> None:
    """Makes a decoder expect phrases, for ever."""
    model = decoder.get_lm()
    for number, phrase in enumerate(phrases):
        name = f"{_PHRASE}{number}"
        # The weight holds because the word is in the language model before it is in the dictionary.
        model.add_word(name, _PHRASE_WEIGHT)
        for at, pronunciation in enumerate(phrase.pronunciations, 1):
            last = number == len(phrases) - 1 and at == len(phrase.pronunciations)
            decoder.add_word(name if at == 1 else f"{name}({at})", pronunciation, last)


class SphinxTranscriber:
    """One session.

    Invariant: the decoder is in an utterance exactly while the cutter is; the cepstral mean learned from one utterance
    serves the next.
    """

    def __init__(self, decoder: Any, phrases: Sequence[Phrase], factory: SphinxFactory) -> None:
        self._decoder = decoder
        self._phrases = phrases
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
            if not self._phrases:
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
        heard = [] if hypothesis is None else hypothesis.hypstr.split()
        text = " ".join(word for each in heard if not _is_filler(each) for word in self._phrase(each).words)
        if not text or text == self._said:
            return []
        self._said = text
        return [Partial(text)]

    def _end_utterance(self, begin_seconds: float) -> list[Event]:
        self._decoder.end_utt()
        self._said = ""
        self._until_partial = _PARTIAL_FRAMES
        words = tuple(
            word
            for segment in self._decoder.seg()
            if not _is_filler(segment.word)
            for word in self._heard_words(segment, begin_seconds)
        )
        return [Final(words)] if words else []

    def _phrase(self, entry: str) -> Phrase:
        """What an entry of the dictionary stands for: a phrase, or itself."""
        word = _ALTERNATIVE.sub("", entry)
        if word.startswith(_PHRASE):
            return self._phrases[int(word.removeprefix(_PHRASE))]
        return Phrase(words=(word,), pronunciations=(), phones=(1,))

    def _heard_words(self, segment: Any, begin_seconds: float) -> Iterator[HeardWord]:
        """The words of a segment; those of a phrase share its time by their phones."""
        start = begin_seconds + segment.start_frame / _DECODER_FRAMES_PER_SECOND
        end = begin_seconds + (segment.end_frame + 1) / _DECODER_FRAMES_PER_SECOND
        confidence = min(1.0, max(0.0, segment.prob))
        phrase = self._phrase(segment.word)
        said = itertools.accumulate(phrase.phones, initial=0)
        edges = [start + (end - start) * each / sum(phrase.phones) for each in said]
        for word, (word_start, word_end) in zip(phrase.words, itertools.pairwise(edges), strict=True):
            yield HeardWord(word, word_start, word_end, confidence)


def _is_filler(word: str) -> bool:
    """Silence, noise and sentence marks, which the decoder lists among the words."""
    return word.startswith(("<", "[", "++"))
