"""Real encoders, and ways to cut what they make."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import av
import numpy as np
from numpy.typing import NDArray

from worker.engine.recognizers.pcm import MULAW_TABLE

Pcm = NDArray[np.int16]


def encode(codec: str, samples: Pcm, rate_hz: int = 16_000, **options: str) -> tuple[bytes, list[bytes]]:
    """The header that belongs before the packets, without its marker, and the packets."""
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format, encoder.options = rate_hz, "mono", "s16", options
    encoder.open()
    packets = []
    for at in range(0, len(samples), encoder.frame_size):
        block = samples[None, at : at + encoder.frame_size].copy()
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, at
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return encoder.extradata or b"", [bytes(packet) for packet in packets if packet.size]


def encode_flac(samples: Pcm, rate_hz: int = 16_000) -> tuple[bytes, list[bytes]]:
    """The header of a FLAC stream, and its frames."""
    info, frames = encode("flac", samples, rate_hz)
    return b"fLaC\x80\x00\x00\x22" + info[:34], frames


def encode_opus(samples: Pcm, rate_hz: int = 16_000) -> list[bytes]:
    """Packets of 20 ms, as the Web SDK makes them."""
    return encode("libopus", samples, rate_hz, b="24000", frame_duration="20")[1]


def encode_mulaw(samples: Pcm) -> bytes:
    """The nearest code of each sample."""
    order = np.argsort(MULAW_TABLE, kind="stable")
    values = MULAW_TABLE[order].astype(np.int32)
    above = np.clip(np.searchsorted(values, samples), 1, 255)
    nearer = np.where(samples - values[above - 1] <= values[above] - samples, above - 1, above)
    return order[nearer].astype(np.uint8).tobytes()


def cut(audio: bytes, cuts: Sequence[int]) -> list[bytes]:
    """The same bytes in pieces; ``cuts`` may be any numbers."""
    edges = sorted({0, len(audio), *(each % (len(audio) + 1) for each in cuts)})
    return [audio[start:end] for start, end in itertools.pairwise(edges)]
