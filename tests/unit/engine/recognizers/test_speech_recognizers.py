"""Samples, endpoints, and the recognisers of real speech."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import soxr  # type: ignore[import-untyped] # ships no types
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.recognizers.encoders import Pcm, cut, encode_flac, encode_mulaw, encode_opus
from worker.demo.recorded_call import load_call
from worker.engine.recognizers.endpoints import Endpointer, EndpointSettings, Mark
from worker.engine.recognizers.events import (
    FLAC,
    LINEAR16,
    MULAW,
    OPUS,
    AudioFormat,
    Event,
    Final,
    HeardWord,
    Partial,
    SpeechRequest,
)
from worker.engine.recognizers.sherpa import words_of
from worker.engine.recognizers.speech import SpeechRecognizer
from worker.engine.recognizers.sphinx import SphinxFactory


@given(st.lists(st.booleans(), max_size=900))
def test_endpoints(frames: list[bool]) -> None:
    """Utterances begin and end in turn, are never longer than the limit, and no run of silence goes on in one."""
    settings = EndpointSettings()
    endpointer = Endpointer(settings)
    length = silent = 0
    for frame in frames:
        mark = endpointer.mark(frame)
        silent = 0 if frame else silent + 1
        if mark is Mark.BEGIN:
            assert length == 0
            length = 1
        elif mark in (Mark.SPEECH, Mark.END):
            assert length > 0
            length += 1
        else:
            assert length == 0
        if mark is Mark.END:
            length = 0
        assert length <= settings.longest
        assert length == 0 or silent < settings.pause
        assert endpointer.in_speech == (length > 0)


def test_a_monologue_is_cut_at_short_pauses() -> None:
    """The longer an utterance, the shorter the pause that ends it."""
    settings = EndpointSettings()
    endpointer = Endpointer(settings)
    pattern = ([True] * 30 + [False] * 8) * 40
    lengths = [at for at, frame in enumerate(pattern) if endpointer.mark(frame) is Mark.END]
    assert lengths
    assert lengths[0] < settings.longest


@pytest.fixture(scope="module")
def sphinx() -> SphinxFactory:
    return SphinxFactory()


def _hear(recognizer: SpeechRecognizer, pieces: list[bytes]) -> list[Event]:
    events = [event for piece in pieces for event in recognizer.accept(piece)]
    events += recognizer.finish()
    recognizer.close()
    return events


def _request(encoding: str = LINEAR16, sample_rate_hz: int = 16_000) -> SpeechRequest:
    return SpeechRequest(audio_format=AudioFormat(encoding=encoding, sample_rate_hz=sample_rate_hz))


def _words(events: list[Event]) -> list[HeardWord]:
    return [word for event in events if isinstance(event, Final) for word in event.words]


def _distance(some: list[str], others: list[str]) -> int:
    """Words to change, add or take away to make one of the other."""
    row = list(range(len(others) + 1))
    for at, word in enumerate(some, 1):
        above, row = row, [at]
        for column, other in enumerate(others, 1):
            row.append(min(above[column] + 1, row[-1] + 1, above[column - 1] + (word != other)))
    return row[-1]


def test_speech_is_recognised(sphinx: SphinxFactory) -> None:
    """Real speech gives partial results while it lasts and a final one with words in order, the same for any split."""
    turn = load_call().turns[0]
    audio = turn.audio + bytes(32_000)
    events = _hear(sphinx(_request()), [audio[at : at + 3200] for at in range(0, len(audio), 3200)])
    assert events == _hear(sphinx(_request()), [audio[at : at + 1999] for at in range(0, len(audio), 1999)])
    assert sum(isinstance(event, Partial) for event in events) >= 3
    words = _words(events)
    spoken = {"".join(letter for letter in word.lower() if letter.isalpha()) for word in turn.text.split()}
    assert len(spoken & {word.text for word in words}) >= 0.7 * len(spoken)
    for word, following in itertools.pairwise(words):
        assert 0 <= word.start_seconds < word.end_seconds <= following.end_seconds <= len(audio) / 32_000
    assert all(not word.text.startswith(("<", "[")) and "(" not in word.text for word in words)


def test_every_encoding_says_the_same(sphinx: SphinxFactory) -> None:
    """FLAC is heard word by word like plain samples; Opus and MULAW nearly so, and at the same times."""
    samples: Pcm = np.frombuffer(load_call().turns[0].audio + bytes(32_000), dtype="<i2")
    plain = _words(_hear(sphinx(_request()), [samples.tobytes()]))
    header, frames = encode_flac(samples)
    flac = b"".join([header, *frames])
    assert _words(_hear(sphinx(_request(FLAC)), cut(flac, list(range(777, len(flac), 777))))) == plain
    narrow = encode_mulaw(soxr.resample(samples, 16_000, 8_000))
    # Without the upper half of the sound, more is misheard; that is not the encoding's fault.
    for heard, share in (
        (_hear(sphinx(_request(OPUS)), encode_opus(samples)), 0.2),
        (_hear(sphinx(_request(MULAW)), [encode_mulaw(samples)]), 0.2),
        (_hear(sphinx(_request(MULAW, 8_000)), [narrow]), 0.6),
    ):
        words = _words(heard)
        assert _distance([word.text for word in words], [word.text for word in plain]) <= share * len(plain)
        starts = {word.text: word.start_seconds for word in plain}
        shifts = sorted(abs(starts[word.text] - word.start_seconds) for word in words if word.text in starts)
        assert shifts[len(shifts) // 2] <= 0.03


def test_a_change_of_format_keeps_the_clock(sphinx: SphinxFactory) -> None:
    """What follows a change of encoding and rate is heard at the time after what came before it."""
    speech = load_call().turns[0].audio
    recognizer = sphinx(_request(MULAW, 8_000))
    recognizer.accept(b"\xff" * 16_000)
    recognizer.change_format(AudioFormat(encoding=FLAC))
    header, frames = encode_flac(np.frombuffer(speech, dtype="<i2"))
    shifted = _words(_hear(recognizer, [header, *frames]))
    plain = _words(_hear(sphinx(_request()), [speech]))
    assert abs(shifted[0].start_seconds - plain[0].start_seconds - 2.0) <= 0.05


def test_long_audio_is_heard_in_steps(sphinx: SphinxFactory) -> None:
    """Each step hears a fraction of a second, and the clock goes with it."""
    recognizer = sphinx(_request())
    heard = [recognizer.heard_seconds for _ in recognizer.accept_in_steps(bytes(320_000))]
    assert len(heard) > 20
    assert max(later - earlier for earlier, later in itertools.pairwise([0.0, *heard])) < 0.5
    recognizer.finish()
    assert recognizer.heard_seconds == 10.0
    recognizer.close()


def test_silence_is_not_speech(sphinx: SphinxFactory) -> None:
    """Neither digital silence nor a reset session says anything."""
    assert _hear(sphinx(_request(MULAW, 8_000)), [b"\xff" * 24_000]) == []
    recognizer = sphinx(_request())
    recognizer.accept(load_call().turns[0].audio[:64_000])
    recognizer.reset()
    assert recognizer.heard_seconds == 0.0
    assert recognizer.accept(bytes(32_000)) == []
    assert recognizer.finish() == []
    recognizer.close()
    recognizer.close()
    assert repr(recognizer).startswith("<SpeechRecognizer")


# Two turns of the call in which the recogniser mishears a phrase.
PHRASES = [(8, "your phone number", "what is your phone number"), (2, "can i have", "can i have your name")]


@pytest.mark.parametrize(("turn", "phrase", "said"), PHRASES)
def test_a_vocabulary_is_favoured(sphinx: SphinxFactory, turn: int, phrase: str, said: str) -> None:
    """A phrase that is misheard is heard with it in the vocabulary, word by word in time; and only in that session."""
    audio = load_call().turns[turn].audio + bytes(32_000)
    vocabulary = (phrase.title() + "!", "Kowalski", "zzyzx road", "net-terms")
    recognizer = sphinx(SpeechRequest(vocabulary=vocabulary))
    # One of them is in no dictionary.
    assert recognizer.ignored_vocabulary == 1
    favoured = _hear(recognizer, [audio])
    assert said in " ".join(word.text for word in _words(favoured))
    assert any(phrase in event.text for event in favoured if isinstance(event, Partial))
    for word, following in itertools.pairwise(_words(favoured)):
        assert word.start_seconds < word.end_seconds <= following.start_seconds + 0.02
    plain = sphinx(SpeechRequest(vocabulary=("zzyzx",)))
    assert plain.ignored_vocabulary == 1
    assert said not in " ".join(word.text for word in _words(_hear(plain, [audio])))


def test_words_are_put_together() -> None:
    """Pieces become words at their marks, with the time from one beginning to the next."""
    words = words_of(["▁HE", "LLO", "▁THERE"], [0.5, 0.6, 1.0], 2.0)
    assert [(word.text, word.start_seconds) for word in words] == [("HELLO", 2.5), ("THERE", 3.0)]
    assert words[0].end_seconds == 3.0
    assert [word.text for word in words_of(["hel@@", "lo", "you"], [0.0, 0.1, 0.2], 0.0)] == ["hello", "you"]
    assert words_of(["a"], [], 0.0) == []
