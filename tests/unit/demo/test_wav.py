"""Reading WAV files."""

import struct
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.records import Encoding
from worker.wav import WavError, parse_wav, read_wav


def chunk(name: bytes, body: bytes, length: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if length is None else length) + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def header(code: int = 1, channels: int = 1, rate: int = 16_000, bits: int = 16, more: bytes = b"") -> bytes:
    frame = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", code, channels, rate, rate * frame, frame, bits) + more)


@pytest.mark.parametrize("channels", [1, 2])
def test_reads_what_the_standard_library_writes(tmp_path: Path, channels: int) -> None:
    """16-bit PCM of one and two channels is read as it was written."""
    file = tmp_path / "a.wav"
    with wave.open(str(file), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(8_000)
        out.writeframes(b"\1\2" * 800 * channels)
    wav = read_wav(file)
    assert (wav.encoding, wav.sample_rate_hz, wav.channels, wav.seconds) == (Encoding.LINEAR16, 8_000, channels, 0.1)
    assert wav.audio == b"\1\2" * 800 * channels


def test_reads_mu_law() -> None:
    """mu-law telephone audio is read with its own encoding."""
    wav = parse_wav(riff(header(7, 1, 8_000, 8), chunk(b"fact", bytes(4)), chunk(b"data", b"\xff" * 80)))
    assert (wav.encoding, wav.seconds) == (Encoding.MULAW, 0.01)


def test_reads_the_extensible_header() -> None:
    """An extensible header means the format that its GUID names."""
    guid = struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    more = struct.pack("<HHI", 22, 16, 4) + guid
    assert parse_wav(riff(header(0xFFFE, more=more), chunk(b"data", b"ab"))).encoding is Encoding.LINEAR16


def test_skips_other_chunks() -> None:
    """Chunks that are not understood are passed over, also those of odd length."""
    assert parse_wav(riff(chunk(b"LIST", b"abc"), header(), chunk(b"data", b"abcd"))).audio == b"abcd"


@pytest.mark.parametrize("length", [0xFFFFFFFF, 1000])
def test_cut_off_recording_is_read_as_far_as_it_goes(length: int) -> None:
    """A length that was never filled in or is too great ends with the file, on a whole frame."""
    assert parse_wav(riff(header(), chunk(b"data", b"abcdef", length) + b"g")).audio == b"abcdef"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a WAV file"),
        (b"ID3" + bytes(40), "not a WAV file"),
        (riff(header()), "no audio"),
        (riff(chunk(b"data", b"ab")), "before its format"),
        (riff(chunk(b"fmt ", b"ab"), chunk(b"data", b"ab")), "cut off"),
        (riff(header(bits=8), chunk(b"data", b"ab")), "8-bit PCM"),
        (riff(header(bits=24), chunk(b"data", b"ab")), "24-bit PCM"),
        (riff(header(code=3, bits=32), chunk(b"data", b"ab")), "32-bit format 0x0003"),
        (riff(header(channels=6), chunk(b"data", b"ab")), "6 channels"),
        (riff(header(rate=0), chunk(b"data", b"ab")), "rate is 0"),
    ],
)
def test_says_what_is_wrong(data: bytes, says: str) -> None:
    """What cannot be streamed is refused with what it is instead."""
    with pytest.raises(WavError, match=says):
        parse_wav(data)


def test_names_the_file(tmp_path: Path) -> None:
    """Errors about files name them."""
    with pytest.raises(WavError, match=r"none\.wav: cannot be read"):
        read_wav(tmp_path / "none.wav")


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """No input makes the reader fail in another way."""
    for candidate in (data, riff(data), riff(header(), data)):
        try:
            wav = parse_wav(candidate)
        except WavError:
            continue
        assert len(wav.audio) % wav.frame_bytes == 0
