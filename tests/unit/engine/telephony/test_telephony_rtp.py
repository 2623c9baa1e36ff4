"""Audio from the network, put in order, and the keys of a telephone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.telephony.rtp import Receiver, RtpPacket, Sender, encode, parse
from worker.engine.telephony.sdp import Codec, SdpError, make_offer, read

PCMU = Codec(0, "PCMU", 8_000)
L16 = Codec(96, "L16", 16_000)
FRAME = 160


def packets(count: int, *, first: int = 0, clock: int = 0, source: int = 7) -> list[RtpPacket]:
    """20 ms each, every one with its own content."""
    return [
        RtpPacket(0, (first + n) & 0xFFFF, (clock + n * FRAME) & 0xFFFF_FFFF, source, bytes([n % 255]) * FRAME)
        for n in range(count)
    ]


@given(
    st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF), st.integers(1, 60), st.integers(0, 2**32), st.integers(0, 5)
)
def test_packets_that_overtake_each_other_are_put_in_order(
    first: int, clock: int, count: int, seed: int, depth: int
) -> None:
    """Whatever numbers they begin with, packets that are late by up to five places come out whole and in order."""
    spoken = packets(count, first=first, clock=clock)
    order = list(enumerate(spoken))
    rng = random.Random(seed)
    order[1:] = sorted(order[1:], key=lambda each: each[0] + rng.uniform(0, depth))
    receiver = Receiver(PCMU)
    audio = b"".join(receiver.receive(packet, 0.0) for _, packet in order)
    audio += receiver.fill(count * 0.02 + 0.3 + 1e-6)
    assert audio == b"".join(packet.payload for packet in spoken)


@given(st.sets(st.integers(1, 48), max_size=20), st.integers(0, 2**32))
def test_what_is_lost_becomes_silence_of_the_same_length(lost: set[int], seed: int) -> None:
    """A lost packet moves nothing: everything else stays at its place in time; copies are ignored."""
    spoken = packets(60)
    receiver = Receiver(PCMU)
    audio = b""
    for number, packet in enumerate(spoken):
        if number not in lost:
            audio += receiver.receive(packet, number * 0.02)
            audio += receiver.receive(packet, number * 0.02)
    expected = b"".join(b"\xff" * FRAME if n in lost else packet.payload for n, packet in enumerate(spoken))
    assert audio == expected


def test_a_pause_of_the_sender_is_filled_as_time_goes_by() -> None:
    """A telephone that sends nothing while nobody speaks is still heard in real time, and nothing comes twice."""
    receiver = Receiver(PCMU)
    audio = b"".join(receiver.receive(packet, n * 0.02) for n, packet in enumerate(packets(10)))
    audio += receiver.fill(1.0)
    assert len(audio) == pytest.approx(0.7 * 8_000, abs=1)
    assert audio[10 * FRAME :] == b"\xff" * (len(audio) - 10 * FRAME)
    # It goes on at 2.0 seconds of its own clock, which counted the pause.
    later = packets(1, first=10, clock=2 * 8_000)[0]
    audio += receiver.receive(later, 2.0)
    assert len(audio) == 2 * 8_000 + FRAME
    assert audio.endswith(later.payload)


def test_a_clock_that_stood_still_during_the_pause_does_no_harm() -> None:
    """A sender whose clock did not count its pause is heard at once after it."""
    receiver = Receiver(PCMU)
    receiver.receive(packets(1)[0], 0.0)
    before = receiver.fill(2.0)
    later = packets(2)[1]
    assert receiver.receive(later, 2.0) == later.payload
    assert receiver.emitted == FRAME + len(before) + FRAME


def test_another_source_takes_over() -> None:
    """A call that is moved to another device begins anew with its numbers, and the audio goes on."""
    receiver = Receiver(PCMU)
    for n, packet in enumerate(packets(3)):
        receiver.receive(packet, n * 0.02)
    moved = packets(2, first=900, clock=5, source=8)
    assert [receiver.receive(packet, 0.1) for packet in moved] == [packet.payload for packet in moved]


def test_linear_audio_changes_its_byte_order() -> None:
    """L16 is big-endian on the wire (RFC 3551 section 4.5.11) and little-endian for recognisers."""
    receiver = Receiver(L16)
    assert receiver.receive(RtpPacket(96, 1, 0, 1, b"\x01\x02\x03\x04"), 0.0) == b"\x02\x01\x04\x03"
    assert receiver.receive(RtpPacket(96, 2, 2, 1, b"\x01"), 0.0) == b""


@given(st.binary(max_size=80))
def test_any_datagram_is_read_or_ignored(data: bytes) -> None:
    """Nothing that arrives raises; what is read can be written again."""
    packet = parse(data)
    if packet is not None:
        assert parse(encode(packet)) == packet
        Receiver(PCMU).receive(packet, 0.0)


def test_keys_are_pressed_one_after_the_other() -> None:
    """Commas are half a second each; a key rises to its length, and its end is said three times (RFC 4733)."""
    sent = list(Sender(PCMU, 101, 1).keys(",,5#", 10.0))
    parsed = [(at, packet) for at, data in sent if (packet := parse(data)) is not None]
    assert [at for at, _ in parsed] == sorted(at for at, _ in parsed)
    assert parsed[0][0] == pytest.approx(11.04)
    events = [packet.payload for _, packet in parsed]
    assert [event[0] for event in events] == [5] * 7 + [11] * 7
    assert [event[1] >> 7 for event in events[:7]] == [0, 0, 0, 0, 1, 1, 1]
    assert [int.from_bytes(event[2:]) for event in events[:7]] == [320, 640, 960, 1280, 1280, 1280, 1280]
    assert [packet.marker for _, packet in parsed[:7]] == [True] + [False] * 6
    assert len({packet.timestamp for _, packet in parsed[:7]}) == 1
    assert len({packet.sequence for _, packet in parsed}) == 14


def test_our_offer_can_be_read() -> None:
    """The offer holds what we hear: linear audio first where it was asked for, then the two of every telephone."""
    media = read(make_offer("192.0.2.7", 4000, session=1, linear_rate_hz=16_000))
    assert (media.host, media.port, media.events) == ("192.0.2.7", 4000, 101)
    assert media.codecs == (L16, PCMU, Codec(8, "PCMA", 8_000))


@pytest.mark.parametrize(
    "sdp",
    [
        b"",
        b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=video 4000 RTP/AVP 0\r\n",
        b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 0 RTP/AVP 0\r\n",
        b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 18\r\n",
        b"v=0\r\nc=IN IP4 nowhere\r\nm=audio 4000 RTP/AVP 0\r\n",
        b"v=0\r\nm=audio x RTP/AVP y\r\nc=\xff\xfe\r\n",
    ],
)
def test_an_answer_without_audio_for_us_is_refused(sdp: bytes) -> None:
    """No audio, a closed port, no codec in common or no address: there is nothing to hear."""
    with pytest.raises(SdpError):
        read(sdp)
