"""FLAC and Opus, decoded by FFmpeg's libraries.

What is damaged becomes silence of the same length, so that the clock stays right.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from worker.engine.recognizers.events import AudioFormat
from worker.engine.recognizers.flac import FlacFrame, FlacFrames, Found, FrameHeader, StreamInfo
from worker.engine.recognizers.pcm import NO_SAMPLES, Resampler, Samples

if TYPE_CHECKING:
    import av

_READ_BYTES = 8_192
_SILENCE_SAMPLES = 4_096
_LOWEST_RATE_HZ = 8_000
_HIGHEST_RATE_HZ = 192_000

OPUS_HZ = 48_000
# Opus sound comes late by what the encoder looks ahead (RFC 7845, 5.1); raw packets come without the header that says
# how much. This is what the reference encoder does at all rates.
OPUS_PRE_SKIP = 312
_OPUS_DEFAULT_SAMPLES = OPUS_HZ // 50
_OPUS_LONGEST_SAMPLES = OPUS_HZ * 120 // 1000


class FlacReader:
    """FLAC, cut anywhere, with the marker that begins a stream or without.

    A frame is heard when the next one begins. Rate and sample size are those of the stream itself, where it says them;
    several channels are mixed.
    """

    def __init__(self, audio_format: AudioFormat) -> None:
        self._frames = FlacFrames()
        self._info = StreamInfo(rate_hz=audio_format.sample_rate_hz, bits=16)
        self._declared_hz = audio_format.sample_rate_hz
        self._rate_hz = audio_format.sample_rate_hz
        self._resampler = Resampler(self._rate_hz)
        self._decoder: av.AudioCodecContext | None = None
        self._decodes: tuple[int, int] | None = None

    def read(self, audio: bytes) -> Iterator[Samples]:
        for at in range(0, len(audio), _READ_BYTES):
            for found in self._frames.push(audio[at : at + _READ_BYTES]):
                yield from self._take(found)

    def finish(self) -> Iterator[Samples]:
        for found in self._frames.finish():
            yield from self._take(found)
        yield self._resampler.finish()

    def _take(self, found: Found) -> Iterator[Samples]:
        if isinstance(found, StreamInfo):
            self._info = found
            return
        rate_hz = found.header.rate_hz or self._info.rate_hz
        if not _LOWEST_RATE_HZ <= rate_hz <= _HIGHEST_RATE_HZ:
            rate_hz = self._declared_hz
        if rate_hz != self._rate_hz:
            yield self._resampler.finish()
            self._rate_hz = rate_hz
            self._resampler = Resampler(rate_hz)
        for at in range(0, found.missing, _SILENCE_SAMPLES):
            yield self._resampler.push(_silence(min(_SILENCE_SAMPLES, found.missing - at)))
        yield self._resampler.push(self._decode(found))

    def _decode(self, frame: FlacFrame) -> Samples:
        samples = _decode(self._ready_decoder(frame.header), frame.data)
        return _silence(frame.header.block) if samples.size != frame.header.block else samples

    def _ready_decoder(self, header: FrameHeader) -> av.AudioCodecContext:
        decodes = (self._rate_hz, header.bits or self._info.bits)
        if self._decoder is None or self._decodes != decodes:
            self._decoder = _open_decoder("flac")
            self._decoder.extradata = _stream_info(*decodes)
            self._decoder.options = {"err_detect": "crccheck+explode"}
            self._decodes = decodes
        return self._decoder


class OpusReader:
    """Raw Opus packets (RFC 6716), one in each call. The decoder works at one rate, whatever the declared one."""

    def __init__(self) -> None:
        self._decoder = _open_decoder("libopus")
        self._decoder.sample_rate = OPUS_HZ
        self._decoder.layout = "mono"
        self._resampler = Resampler(OPUS_HZ)
        self._skip = OPUS_PRE_SKIP

    def read(self, audio: bytes) -> Iterator[Samples]:
        if not audio:
            return
        samples = _decode(self._decoder, audio)
        if not samples.size:
            samples = _silence(packet_samples(audio))
        skipped = min(self._skip, samples.size)
        self._skip -= skipped
        yield self._resampler.push(samples[skipped:])

    def finish(self) -> Iterator[Samples]:
        yield self._resampler.finish()


def packet_samples(packet: bytes) -> int:
    """Samples at 48 kHz that an Opus packet stands for (RFC 6716, 3.1); those of 20 ms where it cannot be told."""
    config = packet[0] >> 3
    if config < 12:
        frame = OPUS_HZ * (10, 20, 40, 60)[config & 3] // 1000
    elif config < 16:
        frame = OPUS_HZ * (10, 20)[config & 1] // 1000
    else:
        frame = OPUS_HZ // 400 << (config & 3)
    code = packet[0] & 3
    frames = (1, 2, 2)[code] if code < 3 else packet[1] & 63 if len(packet) > 1 else 0
    samples = frames * frame
    return samples if 0 < samples <= _OPUS_LONGEST_SAMPLES else _OPUS_DEFAULT_SAMPLES


def _open_decoder(name: str) -> av.AudioCodecContext:
    import av

    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, av.AudioCodecContext)
    # More threads would hold frames back.
    decoder.thread_count = 1
    return decoder


def _decode(decoder: av.AudioCodecContext, data: bytes) -> Samples:
    """The samples of one packet, several channels mixed; none when it cannot be decoded."""
    import av

    # No bytes at all would end the decoder.
    if not data:
        return NO_SAMPLES
    try:
        frames = decoder.decode(av.Packet(data))
    except av.FFmpegError:
        return NO_SAMPLES
    return np.concatenate([_mono(frame) for frame in frames]) if frames else NO_SAMPLES


def _mono(frame: av.AudioFrame) -> Samples:
    samples: NDArray[Any] = frame.to_ndarray()
    channels = frame.layout.nb_channels
    if not frame.format.is_planar:
        samples = samples.reshape(-1, channels).T
    if samples.dtype == np.int32:
        samples = samples >> 16
    mixed: Samples = (samples[0] if channels == 1 else samples.mean(axis=0)).astype(np.int16)
    return mixed


def _silence(samples: int) -> Samples:
    return np.zeros(samples, dtype=np.int16)


def _stream_info(rate_hz: int, bits: int) -> bytes:
    """STREAMINFO for any block size; what the frames say themselves counts more."""
    sizes = (16).to_bytes(2, "big") + (65_535).to_bytes(2, "big") + bytes(6)
    return sizes + (rate_hz << 12 | bits - 1 << 4).to_bytes(4, "big") + bytes(20)
