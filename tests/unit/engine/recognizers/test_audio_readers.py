"""From the bytes of every encoding to 16 kHz samples, with real encoders."""

from __future__ import annotations

import itertools
import random
import time
import tracemalloc
from collections.abc import Iterable

import numpy as np
import pytest
import soxr  # type: ignore[import-untyped] # ships no types
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.recognizers.encoders import Pcm, cut, encode_flac, encode_mulaw, encode_opus
from worker.demo.recorded_call import load_call
from worker.engine.recognizers.compressed import OPUS_HZ, OpusReader, packet_samples
from worker.engine.recognizers.events import FLAC, LINEAR16, MULAW, OPUS, AudioFormat
from worker.engine.recognizers.flac import MAX_FRAME_BYTES, FlacFrame, FlacFrames, read_header
from worker.engine.recognizers.pcm import MULAW_TABLE, AudioReader, PcmReader
from worker.engine.recognizers.speech import make_reader

SPEECH: Pcm = np.frombuffer(load_call().turns[0].audio, dtype="<i2")
HEADER, FRAMES = encode_flac(SPEECH)
BLOCK = 1152
_CUTS = st.lists(st.integers(0, 1 << 20), max_size=20)


def _read(reader: AudioReader, pieces: Iterable[bytes]) -> Pcm:
    samples = [samples for piece in pieces for samples in reader.read(piece)]
    return np.concatenate([*samples, *reader.finish()])


def _flac(*pieces: bytes, rate_hz: int = 16_000) -> Pcm:
    return _read(make_reader(AudioFormat(encoding=FLAC, sample_rate_hz=rate_hz)), pieces)


def _delay(heard: Pcm, spoken: Pcm) -> int:
    """By how many samples sound comes late, and at least as loud as half of what was spoken."""
    window = slice(16_000, 48_000)
    reference = spoken[window].astype(np.float64)
    likeness = {lag: float(reference @ heard[16_000 + lag : 48_000 + lag]) for lag in range(-400, 401)}
    best = max(likeness, key=lambda lag: likeness[lag])
    assert likeness[best] > 0.5 * float(reference @ reference)
    return best


@given(st.binary(max_size=400), _CUTS)
def test_samples_may_be_split_anywhere(audio: bytes, cuts: list[int]) -> None:
    """A sample that is split over two pieces is put together again."""
    assert _read(PcmReader(AudioFormat()), cut(audio, cuts)).tobytes() == audio[: len(audio) & ~1]


def test_mulaw_is_g711() -> None:
    """Known values of the standard: zero, the loudest of both signs, and a middle one."""
    assert [int(MULAW_TABLE[code]) for code in (0xFF, 0x7F, 0x80, 0x00, 0xEF)] == [0, 0, 32124, -32124, 132]


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_other_rates_keep_their_duration(rate: int) -> None:
    """A second stays a second, whatever the rate and the cut."""
    reader = PcmReader(AudioFormat(sample_rate_hz=rate))
    audio = bytes(2 * rate)
    total = _read(reader, [audio[at : at + 999] for at in range(0, len(audio), 999)]).size
    assert abs(total - 16_000) <= 1


def test_samples_of_unknown_encodings_are_refused() -> None:
    """The reader of plain samples does not pretend to decode FLAC."""
    with pytest.raises(ValueError, match="FLAC"):
        PcmReader(AudioFormat(encoding=FLAC))


@pytest.mark.parametrize(
    ("encoding", "rate"),
    [
        *itertools.product([LINEAR16, MULAW, FLAC], [8_000, 16_000, 24_000, 44_100, 48_000]),
        *itertools.product([OPUS], [8_000, 16_000, 24_000, 48_000]),
    ],
)
def test_sound_keeps_its_time(encoding: str, rate: int) -> None:
    """Through every encoding and rate, sound stays where it was to a few milliseconds, and so does the end."""
    spoken: Pcm = soxr.resample(SPEECH, 16_000, rate)
    if encoding == LINEAR16:
        pieces = [spoken.tobytes()]
    elif encoding == MULAW:
        pieces = [encode_mulaw(spoken)]
    elif encoding == FLAC:
        header, frames = encode_flac(spoken, rate)
        pieces = [header, *frames]
    else:
        pieces = encode_opus(spoken, rate)
    heard = _read(make_reader(AudioFormat(encoding=encoding, sample_rate_hz=rate)), pieces)
    assert abs(_delay(heard, SPEECH)) <= 16
    # The last Opus packet is filled up.
    assert abs(heard.size - SPEECH.size) <= (16 * 30 if encoding == OPUS else 16)


@settings(max_examples=30, deadline=None)
@given(_CUTS, st.booleans(), st.integers(0, len(FRAMES) - 4))
def test_flac_is_read_exactly(cuts: list[int], with_header: bool, first: int) -> None:
    """Any cut of a stream, with its header or without, from any frame on, gives exactly the samples that went in."""
    stream = HEADER * with_header + b"".join(FRAMES[first:])
    assert np.array_equal(_flac(*cut(stream, cuts)), SPEECH[first * BLOCK :])


def test_flac_of_another_rate_than_declared() -> None:
    """A FLAC stream says its rate itself, and that counts."""
    spoken: Pcm = soxr.resample(SPEECH, 16_000, 48_000)
    header, frames = encode_flac(spoken, 48_000)
    assert abs(_delay(_flac(header, *frames, rate_hz=16_000), SPEECH)) <= 16


def test_a_stream_that_begins_again() -> None:
    """A new stream after an old one, with a header or with other numbers only, is heard like one stream."""
    both = np.concatenate([SPEECH[: 20 * BLOCK], SPEECH[40 * BLOCK :]])
    assert np.array_equal(_flac(*FRAMES[:20], HEADER, *FRAMES[40:]), both)
    back = np.concatenate([SPEECH[40 * BLOCK : 60 * BLOCK], SPEECH[: 20 * BLOCK]])
    assert np.array_equal(_flac(*FRAMES[40:60], *FRAMES[:20]), back)


def test_metadata_is_not_sound() -> None:
    """Further blocks behind the stream's header, of any size, are passed over, however they are cut."""
    picture = b"\x06\x00\x40\x00" + FRAMES[0] * 20
    tags = b"\x84\x00\x00\x05abcde"
    stream = b"fLaC\x00" + HEADER[5:] + picture[: 4 + 0x4000].ljust(4 + 0x4000, b"\xff") + tags + b"".join(FRAMES)
    for size in (len(stream), 1000, 7):
        assert np.array_equal(_flac(*(stream[at : at + size] for at in range(0, len(stream), size))), SPEECH)


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_flac_frame_is_silence(seed: int) -> None:
    """Where bits are wrong or bytes are missing there is silence of the same length; all other sound is untouched."""
    rng = random.Random(seed)
    stream = bytearray(b"".join(FRAMES))
    at = rng.randrange(len(stream) - 6000)
    if seed % 2:
        del stream[at : at + rng.choice([1, 50, 3000])]
    else:
        stream[at] ^= 1 << rng.randrange(8)
    heard = _flac(bytes(stream))
    assert heard.size == SPEECH.size
    wrong = np.flatnonzero(heard != SPEECH)
    assert wrong.size
    assert wrong[-1] - wrong[0] < 6 * BLOCK
    assert not heard[wrong].any()


def test_a_lost_opus_packet_is_silence() -> None:
    """A packet that is no packet takes the time of one and does not harm those after it."""
    packets = encode_opus(SPEECH)
    whole = _read(OpusReader(), packets)
    # A packet cannot be so long without saying how long its parts are.
    broken = [*packets[:100], b"\x48" + bytes(3000), *packets[101:]]
    heard = _read(OpusReader(), broken)
    assert heard.size == whole.size
    assert np.array_equal(heard[: 16 * 1_900], whole[: 16 * 1_900])
    assert abs(_delay(heard, SPEECH)) <= 16
    assert _read(OpusReader(), [*packets, b"", b""]).size == whole.size


@pytest.mark.parametrize(
    ("packet", "milliseconds"),
    [("00", 10), ("19", 120), ("60", 10), ("80", 2.5), ("98", 20), ("9b05", 100), ("9b", 20), ("9b3f", 20)],
)
def test_the_length_of_opus_packets(packet: str, milliseconds: float) -> None:
    """The first bytes of a packet say how long it is; where they make no sense it is 20 ms."""
    assert packet_samples(bytes.fromhex(packet)) == milliseconds * OPUS_HZ / 1000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=8), st.sampled_from([FLAC, OPUS]), st.integers(0, 1 << 32))
def test_garbage_is_survived(garbage: list[bytes], encoding: str, seed: int) -> None:
    """Any bytes, alone and among good ones, never raise; what comes long after them is heard again."""
    rng = random.Random(seed)
    good = FRAMES if encoding == FLAC else encode_opus(SPEECH[:32_000])
    pieces = [*garbage, *good[:5], *(bytes(rng.choices(each, k=len(each))) for each in good[5:9]), *garbage]
    reader = make_reader(AudioFormat(encoding=encoding))
    heard = _read(reader, [*pieces, *good])
    assert heard[-8_000:].any()


def test_a_hostile_stream_takes_neither_memory_nor_time() -> None:
    """Frames without end, headers without frames and tiny frames of long silence stay within bounds."""
    header = FRAMES[0][:6]
    assert read_header(FRAMES[0][:16]) is not None
    frames = FlacFrames()
    tracemalloc.start()
    began = time.process_time()
    for _ in range(12):
        frames.push(FRAMES[0] + bytes(MAX_FRAME_BYTES // 4))
    for _ in range(4):
        frames.push(header * 10_000)
    assert tracemalloc.get_traced_memory()[1] < 8 * MAX_FRAME_BYTES
    assert time.process_time() - began < 20
    silence = encode_flac(np.zeros(200 * BLOCK, dtype=np.int16))[1]
    reader = make_reader(AudioFormat(encoding=FLAC))
    tracemalloc.reset_peak()
    total = sum(samples.size for samples in reader.read(b"".join(silence) * 20))
    assert total > 3000 * BLOCK
    assert tracemalloc.get_traced_memory()[1] < 8 * MAX_FRAME_BYTES
    tracemalloc.stop()


def test_a_frame_is_heard_when_the_next_begins() -> None:
    """Nothing waits for more than the header of the next frame."""
    frames = FlacFrames()
    assert frames.push(HEADER + FRAMES[0]) != []
    found = [each for each in frames.push(FRAMES[1][:16]) if isinstance(each, FlacFrame)]
    assert [each.data for each in found] == [FRAMES[0]]
