"""Coded speech: what was spoken is heard, and damage is said."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.recognizers.coded import MAGIC, CodedRecognizer, encode_utterance, encode_word
from worker.engine.recognizers.events import MULAW, AudioFormat, Event, Final, Partial

_WORD = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=8)
_UTTERANCE = st.lists(_WORD, min_size=1, max_size=6)


def _hear(*pieces: bytes, audio_format: AudioFormat | None = None) -> list[Event]:
    recognizer = CodedRecognizer(audio_format or AudioFormat())
    events = [event for piece in pieces for event in recognizer.accept(piece)]
    return events + recognizer.finish()


def _finals(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Final)]


def _frames(utterance: str, *words: str) -> list[bytes]:
    return [encode_word(utterance, index, len(words), word) for index, word in enumerate(words)]


def _split(audio: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(audio), *(cut % (len(audio) + 1) for cut in cuts)})
    return [audio[start:end] for start, end in itertools.pairwise(edges)]


@given(st.lists(_UTTERANCE, min_size=1, max_size=4), st.lists(st.integers(0, 1 << 20), max_size=12))
def test_any_split_gives_the_same_events(utterances: list[list[str]], cuts: list[int]) -> None:
    """Events depend on the bytes, not on how they were cut into frames; every utterance is heard once, whole."""
    audio = b"".join(
        encode_utterance(f"u{number}", words, word_seconds=0.01, gap_seconds=0.01)
        for number, words in enumerate(utterances)
    )
    events = _hear(*_split(audio, cuts))
    assert events == _hear(audio)
    assert _finals(events) == [" ".join(words) for words in utterances]


@given(st.binary(max_size=200), st.lists(st.integers(0, 1 << 20), max_size=8), st.integers(0, 1 << 20))
def test_damaged_bytes_do_not_break_the_reader(noise: bytes, cuts: list[int], at: int) -> None:
    """Any bytes in the middle of coded speech give the same events for every split, and never an error."""
    audio = encode_utterance("a", ["one", "two", "three"], word_seconds=0.01)
    at %= len(audio)
    damaged = audio[:at] + noise + MAGIC[: at % 9] + audio[at:] + encode_utterance("b", ["four"])
    events = _hear(*_split(damaged, cuts))
    assert events == _hear(damaged)
    assert "four" in _finals(events)[-1].split()


def test_every_word_gives_an_interim_result() -> None:
    """Interim results carry the words of the utterance so far, the last one all of them."""
    events = _hear(encode_utterance("a", ["so", "it", "goes."]))
    assert [event.text for event in events if isinstance(event, Partial)] == ["so", "so it", "so it goes."]


def test_missing_words_are_said() -> None:
    """Each word that is missing in the middle or at the start becomes [lost]."""
    frames = _frames("a", "one", "two", "three", "four")
    assert _finals(_hear(frames[0], frames[3])) == ["one [lost] [lost] four"]
    assert _finals(_hear(frames[2], frames[3])) == ["[lost] [lost] three four"]


def test_repeated_words_are_said() -> None:
    """A word heard before on this socket becomes [again], in the open utterance and after it was finished."""
    one, two = _frames("a", "one", "two")
    assert _finals(_hear(one, one, two)) == ["one [again] two"]
    assert _finals(_hear(one, two, one, two)) == ["one two", "[again] [again]"]
    assert _finals(_hear(one, two, two)) == ["one two", "[again]"]


def test_damaged_frames_are_said() -> None:
    """A frame with a wrong checksum becomes [damaged] and stands for the word it carried."""
    one, two, three = _frames("a", "one", "two", "three")
    broken = two[:-1] + bytes([two[-1] ^ 1])
    assert _finals(_hear(one, broken, three)) == ["one [damaged] three"]
    assert _finals(_hear(one, two, three[:-1] + bytes([three[-1] ^ 1]), *_frames("b", "next"))) == [
        "one two [damaged]",
        "next",
    ]


def test_a_frame_without_its_end_does_not_swallow_the_next() -> None:
    """After a frame that lost bytes the reader finds the next frame, even if the length field promised more."""
    one, two = _frames("a", "one", "two")
    assert _finals(_hear(one[:-7], two)) == ["[damaged] two"]
    huge = MAGIC + b"\xff\xff" + one[10:]
    assert _finals(_hear(huge, two)) == ["[damaged] two"]


def test_a_readable_frame_with_nonsense_is_damage() -> None:
    """A payload that is not [utterance, index, count, word] is damage, whatever its checksum says."""
    import struct
    import zlib

    for payload in (
        b"{}",
        b"[1,2]",
        b'["a",1,1,"x"]',
        b'["a",true,2,"x"]',
        b'["a b",0,1,"x"]',
        b'["a",0,1,""]',
        b"\xff",
    ):
        frame = MAGIC + struct.pack(">H", len(payload)) + payload + struct.pack(">I", zlib.crc32(payload))
        assert _finals(_hear(frame)) == ["[damaged] [cut]"]


def test_an_interrupted_utterance_is_cut() -> None:
    """An utterance that another one or the end interrupts is finalised with [cut] as its last word."""
    one, _ = _frames("a", "one", "two")
    assert _finals(_hear(one, *_frames("b", "other"))) == ["one [cut]", "other"]
    assert _finals(_hear(one)) == ["one [cut]"]


def test_reset_forgets_what_is_unfinished() -> None:
    """After a reset nothing was heard: neither the open utterance nor the words before it."""
    recognizer = CodedRecognizer(AudioFormat())
    one, two = _frames("a", "one", "two")
    recognizer.accept(one)
    recognizer.reset()
    assert _finals(recognizer.accept(one + two)) == ["one two"]
    assert recognizer.finish() == []


@pytest.mark.parametrize(("rate", "encoding", "per_second"), [(16_000, "LINEAR16", 32_000), (8_000, MULAW, 8_000)])
def test_time_is_bytes(rate: int, encoding: str, per_second: int) -> None:
    """A final starts with its first frame and ends with its last, in seconds of the declared format."""
    audio_format = AudioFormat(encoding=encoding, sample_rate_hz=rate)
    silence = bytes(per_second)
    frame = encode_word("a", 1, 2, "two")
    speech = encode_word("a", 0, 2, "one").ljust(per_second // 2, b"\0") + frame
    [final] = [event for event in _hear(silence, speech, audio_format=audio_format) if isinstance(event, Final)]
    assert final.words[0].start_seconds == 1.0
    assert final.words[1].start_seconds == 1.5
    assert final.words[1].end_seconds == 1.5 + len(frame) / per_second


def test_a_new_format_counts_for_the_audio_that_follows() -> None:
    """A change of rate leaves the time of earlier audio alone."""
    recognizer = CodedRecognizer(AudioFormat(sample_rate_hz=16_000))
    recognizer.accept(bytes(32_000))
    recognizer.change_format(AudioFormat(sample_rate_hz=8_000))
    recognizer.accept(bytes(8_000))
    [_, final] = recognizer.accept(encode_word("a", 0, 1, "word"))
    assert isinstance(final, Final)
    assert final.words[0].start_seconds == 1.5


@pytest.mark.parametrize("word", ["", "two words", " x", "x" * 5000])
def test_words_that_cannot_be_read_back_are_refused(word: str) -> None:
    """The generator never produces a frame that the reader would call damaged."""
    with pytest.raises(ValueError, match=r".+"):
        encode_word("a", 0, 1, word)
    with pytest.raises(ValueError, match="outside"):
        encode_word("a", 1, 1, "x")
