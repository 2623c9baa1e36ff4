"""FLAC frames are found in streams that a small encoder of verbatim subframes writes (RFC 9639)."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.audio.flac import MAX_PREAMBLE_BYTES, FlacScanner, FrameStart
from worker.audio.formats import AudioFormat
from worker.audio.timeline import Timeline
from worker.records import Encoding

RATE = 16_000
FLAC = AudioFormat(Encoding.FLAC, RATE)
PLAIN_SIZES = {192: 1, 576: 2, 1152: 3, 2304: 4, 4608: 5} | {256 << code: 8 + code for code in range(8)}
PLAIN_RATES = {88200: 1, 176400: 2, 192000: 3, 8000: 4, 16000: 5, 22050: 6, 24000: 7, 32000: 8, 44100: 9, 48000: 10}
PLAIN_RATES[96000] = 11


def _crc(data: bytes, width: int, polynomial: int) -> int:
    crc = 0
    for byte in data:
        crc ^= byte << (width - 8)
        for _ in range(8):
            crc = (crc << 1) ^ (polynomial if crc >> (width - 1) else 0)
            crc &= (1 << width) - 1
    return crc


def _coded_number(number: int) -> bytes:
    if number < 0x80:
        return bytes([number])
    following = next(count for count in range(1, 7) if number < 1 << (6 * count + max(0, 6 - count)))
    tail = bytes(0x80 | number >> 6 * place & 0x3F for place in reversed(range(following)))
    return bytes([(0xFF << (7 - following)) & 0xFF | number >> 6 * following]) + tail


@dataclass(frozen=True)
class Frame:
    number: int
    samples: int = 192
    rate: int = RATE
    rate_code: int | None = None
    variable: bool = False
    layout: int = 0
    depth: int = 4

    def header(self) -> bytes:
        size_code = PLAIN_SIZES.get(self.samples, 6 if self.samples <= 256 else 7)
        rate_code = PLAIN_RATES[self.rate] if self.rate_code is None else self.rate_code
        data = bytes([0xFF, 0xF8 | self.variable, size_code << 4 | rate_code, self.layout << 4 | self.depth << 1])
        data += _coded_number(self.number)
        if size_code in (6, 7):
            data += (self.samples - 1).to_bytes(size_code - 5)
        if rate_code >= 12:
            unit, width = {12: (1000, 1), 13: (1, 2), 14: (10, 2)}[rate_code]
            data += (self.rate // unit).to_bytes(width)
        return data + bytes([_crc(data, 8, 0x07)])

    def encode(self, audio: bytes | None = None) -> bytes:
        """Mono, 16 bits, verbatim; the audio may hold anything, headers of frames included."""
        audio = random.Random(self.number).randbytes(2 * self.samples) if audio is None else audio
        data = self.header() + b"\x02" + audio.ljust(2 * self.samples, b"\0")
        return data + _crc(data, 16, 0x8005).to_bytes(2)


def _preamble(rate: int = RATE, *others: bytes) -> bytes:
    info = bytes(10) + (rate << 44 | 15 << 36).to_bytes(8) + bytes(16)
    blocks = [b"\0\0\0\x22" + info, *(b"\x04" + len(other).to_bytes(3) + other for other in others)]
    blocks[-1] = bytes([blocks[-1][0] | 0x80]) + blocks[-1][1:]
    return b"fLaC" + b"".join(blocks)


def _stream(frames: list[Frame]) -> tuple[bytes, list[FrameStart]]:
    data, starts = b"", []
    for frame in frames:
        starts.append(FrameStart(len(data), frame.samples, frame.rate))
        data += frame.encode()
    return data, starts


def _fixed(count: int, first: int = 0, samples: int = 192) -> list[Frame]:
    return [Frame(first + number, samples) for number in range(count)]


def _feed(scanner: FlacScanner, data: bytes, cuts: list[int]) -> list[FrameStart]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [frame for start, end in itertools.pairwise(edges) for frame in scanner.feed(data[start:end])]


def _scan(data: bytes, preamble: bytes = b"") -> list[FrameStart]:
    return FlacScanner(RATE, preamble).feed(data)


def _moved(starts: list[FrameStart], by: int) -> list[FrameStart]:
    return [start._replace(byte=start.byte + by) for start in starts]


@given(
    st.lists(st.sampled_from([1, 16, 192, 200, 256, 300, 576]), min_size=1, max_size=6),
    st.booleans(),
    st.integers(0, 2**31 - 10),
    st.lists(st.integers(0, 10_000), max_size=40),
)
def test_any_split_gives_the_same_index(sizes: list[int], variable: bool, first: int, cuts: list[int]) -> None:
    """All frames are found, and the same wherever the stream is cut into records."""
    numbers = itertools.accumulate(sizes[:-1], initial=first) if variable else itertools.count(first)
    frames = [Frame(number, size, variable=variable) for number, size in zip(numbers, sizes, strict=False)]
    audio, starts = _stream(frames)
    preamble = _preamble(RATE, b"a comment")
    scanner = FlacScanner(48_000)
    assert _feed(scanner, preamble + audio, cuts) == _moved(starts, len(preamble))
    assert scanner.preamble == preamble


def test_byte_by_byte() -> None:
    """Records of one byte are enough."""
    audio, starts = _stream(_fixed(3))
    scanner = FlacScanner(RATE)
    found = [frame for byte in _preamble() + audio for frame in scanner.feed(bytes([byte]))]
    assert found == _moved(starts, len(_preamble()))


@pytest.mark.parametrize("samples", [*PLAIN_SIZES, 1, 17, 255, 257, 1000, 65_535])
def test_block_sizes(samples: int) -> None:
    """Every way to write a block size is read."""
    assert _scan(Frame(0, samples).header()) == [FrameStart(0, samples, RATE)]


@pytest.mark.parametrize(
    ("rate", "code"), [*PLAIN_RATES.items(), (11_000, 12), (44_101, 13), (37_800, 14), (RATE, 0), (0, 13)]
)
def test_rates(rate: int, code: int) -> None:
    """Every way to write a rate is read; a frame without one has the declared rate."""
    assert _scan(Frame(0, rate=rate, rate_code=code).header()) == [FrameStart(0, 192, rate or RATE)]


@pytest.mark.parametrize("number", [0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 2**21, 2**26, 2**31 - 1, 2**36 - 2])
def test_coded_numbers(number: int) -> None:
    """Frames and samples are counted in numbers of one to seven bytes."""
    first, second = Frame(number, 1, variable=True), Frame(number + 1, 1, variable=True)
    audio, starts = _stream([first, second])
    assert _scan(b"\0" + audio) == _moved(starts, 1)


@pytest.mark.parametrize(
    ("place", "value"),
    [(2, 0x05), (2, 0x1F), (3, 0xB8), (3, 0x06), (3, 0x09), (4, 0x80), (4, 0xFF), (4, 0xC2)],
    ids=["size 0", "rate 15", "layout 11", "depth 3", "reserved bit", "number 0x80", "number 0xff", "no continuation"],
)
def test_reserved_values(place: int, value: int) -> None:
    """What the format reserves is no frame, even with a right checksum."""
    data = bytearray(Frame(0).header()[:-1] + bytes(8))
    data[place] = value
    candidates = [bytes(data[:end]) for end in range(5, 14)]
    assert all(not _scan(candidate + bytes([_crc(candidate, 8, 0x07)])) for candidate in candidates)


def test_checksum() -> None:
    """A header with one wrong bit is no frame."""
    header = Frame(0).header()
    for bit in range(8 * len(header)):
        broken = (int.from_bytes(header) ^ 1 << bit).to_bytes(len(header))
        assert _scan(broken + bytes(16)) == []


def test_headers_inside_audio() -> None:
    """Audio that looks like a frame with a right checksum is audio: its number does not continue the stream."""
    fakes = [Frame(7), Frame(0), Frame(1, rate=48_000), Frame(1, layout=1), Frame(1, variable=True), Frame(1, depth=6)]
    lookalikes = b"".join(fake.header() for fake in fakes)
    audio = b"".join(Frame(number).encode(lookalikes) for number in range(3))
    size = len(Frame(0).encode())
    assert _scan(audio) == [FrameStart(number * size, 192, RATE) for number in range(3)]


@given(st.integers(1, 2000), st.integers(0, 3000))
def test_lost_bytes(lost: int, start: int) -> None:
    """After lost bytes the frames count again from the first whole pair on; none is made up."""
    audio, starts = _stream(_fixed(20))
    found = _scan(audio[:start] + audio[start + lost :])
    whole = [
        begin if begin.byte < start else begin._replace(byte=begin.byte - lost)
        for begin in starts
        if begin.byte + 16 <= start or begin.byte >= start + lost
    ]
    assert set(whole) <= set(found)
    assert len(found) <= len(starts)


def test_joined_in_the_middle() -> None:
    """A stream that begins inside a frame, without a preamble, counts from the first frame that is continued."""
    audio, starts = _stream(_fixed(4, first=100))
    scanner = FlacScanner(RATE)
    assert scanner.feed(audio[100:]) == _moved(starts[1:], -100)
    assert scanner.preamble == b""


def test_taken_up_at_a_frame() -> None:
    """With the preamble of before, the bytes begin with a frame that counts at once."""
    audio, _ = _stream(_fixed(1, first=500))
    frame = replace(Frame(500), rate_code=0).encode()
    assert _scan(audio, _preamble()) == [FrameStart(0, 192, RATE)]
    assert _scan(frame, _preamble(22_050)) == [FrameStart(0, 192, 22_050)]


def test_large_metadata() -> None:
    """Metadata that is too large to keep is skipped; a decoder can begin with what is kept."""
    picture = random.Random(0).randbytes(MAX_PREAMBLE_BYTES)
    audio, starts = _stream(_fixed(2))
    long = _preamble(RATE, picture, b"more")
    scanner = FlacScanner(48_000)
    assert _feed(scanner, long + audio, [10, 1000, 60_000, 65_570]) == _moved(starts, len(long))
    assert scanner.preamble == _preamble()


@pytest.mark.parametrize("data", [b"f", b"fLa", b"fLaC", b"fLaC\x80\0\0", _preamble()[:-1]])
def test_unfinished_preamble(data: bytes) -> None:
    """Before its preamble is there a stream has no frames, and waits."""
    assert _scan(data) == []


def test_preamble_without_streaminfo() -> None:
    """A preamble that does not say the rate leaves the declared one."""
    frame = Frame(0, rate_code=0).encode()
    assert _scan(b"fLaC\x84\0\0\0" + frame) == [FrameStart(8, 192, RATE)]


@given(st.lists(st.binary(max_size=64) | st.sampled_from([b"fLaC", b"\xff\xf8", b"\xff", Frame(3).header()])))
def test_garbage(pieces: list[bytes]) -> None:
    """Whatever comes, nothing fails, the clock does not go back and little is held."""
    timeline = Timeline(FLAC)
    last = 0
    for piece in pieces:
        timeline.append(piece)
        assert timeline.end_us >= last
        last = timeline.end_us
    times = [timeline.time_at(byte) for byte in range(timeline.end_byte + 1)]
    assert times == sorted(times)


def test_repr() -> None:
    """The representation shows no audio."""
    scanner = FlacScanner(RATE)
    scanner.feed(_preamble() + b"abc")
    assert repr(scanner) == "<FlacScanner at 45, preamble of 42 bytes>"


# --- the clock of FLAC streams ---------------------------------------------------------------------------------------


@given(st.integers(1, 5), st.lists(st.integers(0, 10_000), max_size=10))
def test_clock(count: int, cuts: list[int]) -> None:
    """The clock counts the samples of frames, and the beginnings of frames are the boundaries."""
    preamble = _preamble()
    audio, starts = _stream(_fixed(count))
    data = preamble + audio
    timeline = Timeline(FLAC, byte=50, time_us=1_000)
    edges = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    for start, end in itertools.pairwise(edges):
        timeline.append(data[start:end])
    begins = [50 + len(preamble) + start.byte for start in starts]
    assert [timeline.time_at(byte) for byte in begins] == [1_000 + 12_000 * number for number in range(count)]
    assert [timeline.byte_at(timeline.time_at(byte)) for byte in begins] == begins
    assert timeline.time_at(begins[-1] - 1) == max(1_000, timeline.time_at(begins[-1]) - 12_000)
    assert timeline.end_us == timeline.time_at(begins[-1])
    assert timeline.preamble == preamble
    assert timeline.preamble_before(50) == b""
    assert timeline.preamble_before(60) == preamble[:10]
    assert timeline.preamble_before(begins[0]) == preamble


def test_last_frame() -> None:
    """The last frame counts as soon as nothing more can belong to it: the end of the stream or another format."""
    audio, _ = _stream(_fixed(2))
    for end in (Timeline.close, lambda timeline: timeline.change_format(AudioFormat(Encoding.MULAW, 8_000))):
        timeline = Timeline(FLAC)
        timeline.append(audio)
        assert timeline.end_us == 12_000
        end(timeline)
        assert timeline.end_us == 24_000
        assert timeline.byte_at(24_000) == timeline.end_byte == len(audio)
        timeline.close()
        assert timeline.end_us == 24_000
    timeline.append(bytes(8))
    assert timeline.end_us == 25_000
    assert timeline.preamble == b""


def test_clock_taken_up_at_a_frame() -> None:
    """A clock taken up at a frame goes on as the one before, with the same preamble for decoders."""
    audio, starts = _stream(_fixed(6))
    whole, at = Timeline(FLAC), starts[2].byte + len(_preamble())
    whole.append(_preamble() + audio)
    again = Timeline(FLAC, byte=at, time_us=whole.time_at(at), preamble=whole.preamble_before(at))
    again.append(audio[starts[2].byte :])
    for byte in range(at, whole.end_byte + 1):
        assert again.time_at(byte) == whole.time_at(byte)
        assert again.preamble_before(byte) == _preamble()
    whole.forget_before(at)
    assert (whole.start_byte, whole.byte_at(0), whole.preamble) == (at, at, _preamble())


def test_rates_of_the_stream_itself() -> None:
    """The stream's own rate counts, not the declared one, and a chained stream may bring another."""
    timeline = Timeline(AudioFormat(Encoding.FLAC, 48_000))
    slow, _ = _stream(_fixed(4))
    fast, _ = _stream([replace(frame, rate=32_000) for frame in _fixed(3)])
    timeline.append(_preamble() + slow + _preamble(32_000) + fast)
    timeline.close()
    assert timeline.end_us == 4 * 12_000 + 3 * 6_000
