"""What formats are supported and how stereo is split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.audio.formats import AudioFormat, split_interleaved, validate_format
from worker.records import Encoding

LINEAR16 = AudioFormat(Encoding.LINEAR16, 16_000)
MULAW = AudioFormat(Encoding.MULAW, 8_000)


@pytest.mark.parametrize(
    ("encoding", "lowest", "highest"),
    [
        (Encoding.LINEAR16, 8_000, 48_000),
        (Encoding.MULAW, 8_000, 8_000),
        (Encoding.FLAC, 16_000, 48_000),
        (Encoding.OPUS, 8_000, 48_000),
    ],
)
def test_supported_rates(encoding: Encoding, lowest: int, highest: int) -> None:
    """Each encoding takes its own range of rates, ends included; outside of it the sentence names the field."""
    assert validate_format(encoding, lowest) is None
    assert validate_format(encoding, highest) is None
    for rate in (lowest - 1, highest + 1, 0, -16_000):
        sentence = validate_format(encoding, rate)
        assert sentence is not None
        assert sentence.startswith("sample_rate_hz: ")
        assert str(rate) not in sentence.split()


def test_sizes() -> None:
    """LINEAR16 has two bytes a sample, MULAW one; FLAC and Opus have no fixed number of bytes per second."""
    assert (LINEAR16.block_bytes, LINEAR16.bytes_per_second) == (2, 32_000)
    assert (MULAW.block_bytes, MULAW.bytes_per_second) == (1, 8_000)
    for encoding in (Encoding.FLAC, Encoding.OPUS):
        fmt = AudioFormat(encoding, 48_000)
        assert (fmt.block_bytes, fmt.bytes_per_second) == (1, None)


@given(st.lists(st.tuples(st.binary(min_size=2, max_size=2), st.binary(min_size=2, max_size=2)), max_size=50))
def test_linear16_halves(frames: list[tuple[bytes, bytes]]) -> None:
    """Interleaved LINEAR16 becomes two streams without a bit changed."""
    payload = b"".join(left + right for left, right in frames)
    halves = b"".join(left for left, _ in frames), b"".join(right for _, right in frames)
    assert split_interleaved(payload, LINEAR16) == halves


@given(st.lists(st.integers(0, 255), max_size=50))
def test_mulaw_halves(samples: list[int]) -> None:
    """Interleaved MULAW becomes two streams without a bit changed."""
    payload = bytes(byte for sample in samples for byte in (sample, 255 - sample))
    assert split_interleaved(payload, MULAW) == (bytes(samples), bytes(255 - sample for sample in samples))


@pytest.mark.parametrize(("fmt", "size"), [(LINEAR16, 1), (LINEAR16, 2), (LINEAR16, 7), (MULAW, 1), (MULAW, 3)])
def test_broken_sample_frame(fmt: AudioFormat, size: int) -> None:
    """A record of interleaved audio that ends inside a sample frame is refused: the halves would swap from there on."""
    with pytest.raises(ValueError, match="sample frame"):
        split_interleaved(bytes(size), fmt)


@pytest.mark.parametrize("encoding", [Encoding.FLAC, Encoding.OPUS])
def test_only_samples_are_interleaved(encoding: Encoding) -> None:
    """Compressed audio cannot be split by its bytes."""
    with pytest.raises(ValueError, match="never interleaved"):
        split_interleaved(bytes(4), AudioFormat(encoding, 16_000))
