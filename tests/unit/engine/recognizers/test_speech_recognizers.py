"""Samples, endpoints, and the recognisers of real speech."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.demo.recorded_call import load_call
from worker.engine.recognizers.endpoints import Endpointer, EndpointSettings, Mark
from worker.engine.recognizers.events import FLAC, MULAW, AudioFormat, Event, Final, Partial
from worker.engine.recognizers.pcm import MULAW_TABLE, PcmReader
from worker.engine.recognizers.sherpa import SherpaFactory, load_model, words_of
from worker.engine.recognizers.sphinx import SphinxFactory, SphinxRecognizer
from worker.errors import ConfigurationError


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=6))
def test_samples_may_be_split_anywhere(audio: bytes, cuts: list[int]) -> None:
    """A sample that is split over two pieces is put together again."""
    edges = sorted({0, len(audio), *(min(cut, len(audio)) for cut in cuts)})
    reader = PcmReader(AudioFormat())
    pieces = [reader.read(audio[start:end]) for start, end in itertools.pairwise(edges)]
    samples = np.concatenate([*pieces, reader.finish()])
    assert samples.tobytes() == audio[: len(audio) & ~1]


def test_mulaw_is_g711() -> None:
    """Known values of the standard: zero, the loudest of both signs, and a middle one."""
    assert [int(MULAW_TABLE[code]) for code in (0xFF, 0x7F, 0x80, 0x00, 0xEF)] == [0, 0, 32124, -32124, 132]


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_other_rates_keep_their_duration(rate: int) -> None:
    """A second stays a second, whatever the rate and the cut."""
    reader = PcmReader(AudioFormat(sample_rate_hz=rate))
    audio = bytes(2 * rate)
    total = sum(reader.read(audio[at : at + 999]).size for at in range(0, len(audio), 999)) + reader.finish().size
    assert abs(total - 16_000) <= 16


def test_samples_of_unknown_encodings_are_refused() -> None:
    """Nothing pretends to decode FLAC."""
    with pytest.raises(ValueError, match="FLAC"):
        PcmReader(AudioFormat(encoding=FLAC))


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


def _hear(recognizer: SphinxRecognizer, audio: bytes, piece: int) -> list[Event]:
    events = [event for at in range(0, len(audio), piece) for event in recognizer.accept(audio[at : at + piece])]
    events += recognizer.finish()
    recognizer.close()
    return events


def test_speech_is_recognised(sphinx: SphinxFactory) -> None:
    """Real speech gives partial results while it lasts and a final one with words in order, the same for any split."""
    turn = load_call().turns[0]
    audio = turn.audio + bytes(32_000)
    events = _hear(sphinx(AudioFormat()), audio, 3200)
    finals = [event for event in events if isinstance(event, Final)]
    again = [event for event in _hear(sphinx(AudioFormat()), audio, 1999) if isinstance(event, Final)]
    assert [final.text for final in again] == [final.text for final in finals]
    assert sum(isinstance(event, Partial) for event in events) >= 3
    words = [word for final in finals for word in final.words]
    spoken = {"".join(letter for letter in word.lower() if letter.isalpha()) for word in turn.text.split()}
    assert len(spoken & {word.text for word in words}) >= 0.7 * len(spoken)
    for word, following in itertools.pairwise(words):
        assert 0 <= word.start_seconds < word.end_seconds <= following.end_seconds <= len(audio) / 32_000
    assert all(not word.text.startswith(("<", "[")) and "(" not in word.text for word in words)


def test_silence_is_not_speech(sphinx: SphinxFactory) -> None:
    """Neither digital silence nor a reset session says anything."""
    assert _hear(sphinx(AudioFormat(encoding=MULAW, sample_rate_hz=8_000)), b"\xff" * 24_000, 800) == []
    recognizer = sphinx(AudioFormat())
    recognizer.accept(load_call().turns[0].audio[:64_000])
    recognizer.reset()
    assert recognizer.accept(bytes(32_000)) == []
    assert recognizer.finish() == []
    recognizer.close()
    assert repr(recognizer).startswith("<SphinxRecognizer")


def test_words_are_put_together() -> None:
    """Pieces become words at their marks, with the time from one beginning to the next."""
    words = words_of(["▁HE", "LLO", "▁THERE"], [0.5, 0.6, 1.0], 2.0)
    assert [(word.text, word.start_seconds) for word in words] == [("HELLO", 2.5), ("THERE", 3.0)]
    assert words[0].end_seconds == 3.0
    assert [word.text for word in words_of(["hel@@", "lo", "you"], [0.0, 0.1, 0.2], 0.0)] == ["hello", "you"]
    assert words_of(["a"], [], 0.0) == []


def test_a_missing_model_is_a_configuration_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator is told what is missing: the extra, the folder, the files in it."""
    monkeypatch.setitem(sys.modules, "sherpa_onnx", None)
    with pytest.raises(ConfigurationError, match="extra"):
        SherpaFactory(tmp_path)
    with pytest.raises(ConfigurationError, match=r"tokens\.txt"):
        load_model(object(), tmp_path)
