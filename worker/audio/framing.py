"""How a stream's bytes are cut into frames: binary WebSocket messages of bounded size and even length in time."""

from __future__ import annotations

from worker.audio.formats import AudioFormat
from worker.records import Encoding

MAX_FRAME_BYTES = 8_192
FRAMES_PER_SECOND = 10


def preferred_frame_bytes(fmt: AudioFormat) -> int:
    """Bytes of a frame of about 100 ms, in whole samples and never more than the wire allows.

    Where 100 ms are too much for one frame they become equal parts, so that records of 100 ms leave no rest behind.
    FLAC holds speech in about half of the bytes of 16-bit samples. Not for Opus, whose frames are its packets.
    """
    wanted = (fmt.bytes_per_second or fmt.sample_rate_hz) // FRAMES_PER_SECOND
    parts = -(-wanted // MAX_FRAME_BYTES)
    block = fmt.block_bytes
    return wanted // parts // block * block


def next_frame_length(fmt: AudioFormat, available_bytes: int, *, flush: bool, packet_bytes: int | None = None) -> int:
    """Length of the next frame; 0 means wait for more.

    Args:
        available_bytes: Bytes of one format that lie ready from the send position on. For LINEAR16 the send position
            is on a sample boundary.
        flush: Do not wait for a frame to fill up. Half a sample is held back even then: 0 with ``flush`` means that
            nothing can be sent until more audio comes.
        packet_bytes: Length of the Opus packet at the send position; needed for Opus only. A packet is one frame
            whatever its length.
    """
    if fmt.encoding is Encoding.OPUS:
        if packet_bytes is None:
            raise ValueError("an Opus frame is one packet: packet_bytes is needed")
        return packet_bytes if packet_bytes <= available_bytes else 0
    preferred = preferred_frame_bytes(fmt)
    if available_bytes >= preferred:
        return preferred
    if not flush:
        return 0
    block = fmt.block_bytes
    return available_bytes // block * block
