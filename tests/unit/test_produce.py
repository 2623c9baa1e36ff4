"""`symbl-worker produce`, against librdkafka's mock cluster."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts import validate_record
from worker.demo.broker import MockKafka, free_ports
from worker.errors import BrokerError, ConfigurationError
from worker.produce import Source, follow, open_source, produce, raw_source, start_value, wav_source
from worker.records import Encoding
from worker.tail import open_reader
from worker.wav import Wav

SECOND = bytes(range(256)) * 125


@pytest.fixture(scope="module")
def kafka() -> Iterator[dict[str, Any]]:
    with MockKafka() as broker:
        yield {"bootstrap_servers": broker.bootstrap_servers}


def source(*pieces: bytes, encoding: Encoding = Encoding.LINEAR16, rate: int = 16_000, channels: int = 1) -> Source:
    async def iterate() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return Source(encoding, rate, channels, iterate())


async def chunks(of: Source) -> list[bytes]:
    return [chunk async for chunk in of.chunks()]


async def records_of(kafka: dict[str, Any], topic: str, count: int) -> list[tuple[dict[str, bytes], bytes, bytes]]:
    """What is in a topic: headers, key and value."""
    found: list[Any] = []
    async with asyncio.timeout(20), open_reader(kafka, [topic], from_beginning=True) as consumer:
        while len(found) < count:
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += batch
    return [(dict(record.headers), record.key, record.value) for record in found]


@pytest.mark.parametrize(
    ("of", "lengths"),
    [
        (source(SECOND[:8000]), [3200, 3200, 1600]),
        (source(SECOND[:3], SECOND[3:3200], SECOND[3200:6400]), [3200, 3200]),
        (source(SECOND[:3201]), [3200]),
        (source(SECOND[:803], encoding=Encoding.MULAW, rate=8000), [800, 3]),
        (source(SECOND[:6403], channels=2), [6400]),
        (source(), []),
    ],
)
async def test_chunks_are_a_tenth_of_a_second(of: Source, lengths: list[int]) -> None:
    """However the audio comes in, it leaves in chunks of 100 ms of whole frames; only the last may be shorter."""
    assert [len(chunk) for chunk in await chunks(of)] == lengths


@given(st.integers(8000, 48_000), st.integers(1, 2), st.lists(st.binary(max_size=9000), max_size=8))
def test_chunks_lose_nothing_and_never_drift(rate: int, channels: int, pieces: list[bytes]) -> None:
    """The chunks are the audio, and chunk n begins at n tenths of a second whatever the rate."""
    of = source(*pieces, rate=rate, channels=channels)
    cut = asyncio.run(chunks(of))
    joined, audio = b"".join(cut), b"".join(pieces)
    assert joined == audio[: len(audio) - len(audio) % of.frame_bytes]
    for number in range(1, len(cut)):
        assert sum(map(len, cut[:number])) == number * rate // 10 * of.frame_bytes


async def test_records(kafka: dict[str, Any]) -> None:
    """A stream is a start, audio with rising seq and capture times, and an end; all under the conversation's key."""
    said: list[str] = []
    produced = await produce(
        wav_source(Wav(Encoding.LINEAR16, 16_000, 1, SECOND[:8000])),
        kafka=kafka,
        topic="records",
        conversation_id="call-1",
        stream="agent",
        speakers=["Ada"],
        details={"meeting_title": "A call"},
        pace=20.0,
        say=said.append,
    )
    records = await records_of(kafka, "records", 5)
    assert {key for _, key, _ in records} == {b"call-1"}
    assert {headers["stream"] for headers, _, _ in records} == {b"agent"}
    assert [headers.get("event") for headers, _, _ in records] == [b"start", None, None, None, b"end"]
    assert orjson.loads(records[0][2]) == {
        "encoding": "LINEAR16",
        "sample_rate_hz": 16_000,
        "speaker": {"name": "Ada"},
        "meeting_title": "A call",
    }
    audio = records[1:4]
    assert [headers["seq"] for headers, _, _ in audio] == [b"0", b"1", b"2"]
    times = [int(headers["ts"]) - round(produced.started_at * 1000) for headers, _, _ in audio]
    assert [round(each, -1) for each in times] == [0, 0, 10]
    assert b"".join(value for _, _, value in audio) == SECOND[:8000]
    assert said == ["0.2 s of audio in 3 records to records, conversation call-1, stream agent"]


async def test_a_connection_to_follow(kafka: dict[str, Any]) -> None:
    """A connection that others feed is one record, which the worker reads as what was asked for."""
    said: list[str] = []
    await follow("room 7", kafka=kafka, topic="followed", conversation_id="c", stream="all", say=said.append)
    ((headers, key, value),) = await records_of(kafka, "followed", 1)
    assert (headers, key) == ({"stream": b"all", "event": b"subscribe"}, b"c")
    validate_record("subscribe", value)
    assert orjson.loads(value) == {"connection_id": "room 7"}
    assert said == ["conversation c, stream all, follows connection room 7"]


async def test_audio_only(kafka: dict[str, Any]) -> None:
    """Start and end can be left out; as fast as possible there are no capture times."""
    await produce(
        source(SECOND[:3200]), kafka=kafka, topic="bare", conversation_id="c", pace=None, start=False, end=False
    )
    ((headers, _, value),) = await records_of(kafka, "bare", 1)
    assert headers == {"stream": b"0", "seq": b"0"}
    assert value == SECOND[:3200]


async def test_stereo(kafka: dict[str, Any]) -> None:
    """Two channels are told in the start record, and both of their streams are ended."""
    stereo = source(SECOND[:6400], channels=2)
    await produce(stereo, kafka=kafka, topic="stereo", conversation_id="c", speakers=["Ada"], pace=None)
    records = await records_of(kafka, "stereo", 4)
    assert orjson.loads(records[0][2])["channels"] == [{"stream": "0.0", "speaker": {"name": "Ada"}}, {"stream": "0.1"}]
    ends = [headers["stream"] for headers, _, _ in records if headers.get("event") == b"end"]
    assert ends == [b"0.0", b"0.1"]


async def test_paced_by_the_clock(kafka: dict[str, Any]) -> None:
    """A chunk leaves when its last sample has been said."""
    began = time.monotonic()
    await produce(source(SECOND[:9600]), kafka=kafka, topic="paced", conversation_id="c", pace=1.0)
    assert 0.3 <= time.monotonic() - began < 3


async def test_interrupted_stream_is_ended(kafka: dict[str, Any]) -> None:
    """Cancelling ends the stream on Kafka, so that no conversation waits for audio that never comes."""

    async def endless() -> AsyncIterator[bytes]:
        yield SECOND[:3200]
        await asyncio.Event().wait()

    live = Source(Encoding.LINEAR16, 16_000, 1, endless(), is_live=True)
    task = asyncio.create_task(produce(live, kafka=kafka, topic="cut", conversation_id="c"))
    await records_of(kafka, "cut", 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await records_of(kafka, "cut", 3))[2][0]["event"] == b"end"


async def test_raw_audio_from_a_pipe() -> None:
    """Raw audio is read from a pipe until it is closed."""
    reading, writing = os.pipe()
    os.write(writing, SECOND[:5000])
    os.close(writing)
    try:
        of = raw_source(reading, Encoding.LINEAR16, 16_000)
        assert b"".join(await chunks(of)) == SECOND[:5000]
    finally:
        os.close(reading)


@pytest.mark.parametrize("encoding", [Encoding.FLAC, Encoding.OPUS])
def test_raw_audio_must_have_a_size_per_second(encoding: Encoding) -> None:
    """What cannot be cut by time is refused."""
    with pytest.raises(ConfigurationError, match=encoding.value):
        raw_source(0, encoding, 16_000)


@pytest.mark.parametrize(("file", "microphone"), [(None, False), ("a.wav", True)])
def test_exactly_one_source(file: str | None, microphone: bool) -> None:
    """Naming no source or two is an error that lists the choices."""
    with pytest.raises(ConfigurationError, match="--microphone"):
        open_source(file, microphone=microphone, encoding=Encoding.LINEAR16, sample_rate_hz=16_000)


def test_microphone_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without sounddevice the error says what to install."""
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ConfigurationError, match=r"symbl-worker\[microphone\]"):
        open_source(None, microphone=True, encoding=Encoding.LINEAR16, sample_rate_hz=16_000)


@pytest.mark.parametrize(
    ("of", "speakers", "says"),
    [
        (source(rate=96_000), [], "sample_rate_hz"),
        (source(encoding=Encoding.MULAW, rate=16_000), [], "sample_rate_hz"),
        (source(), ["Ada", "Bob"], "2 speakers for 1 channel"),
    ],
)
def test_start_is_checked(of: Source, speakers: Sequence[str], says: str) -> None:
    """What the worker would refuse is not sent."""
    with pytest.raises(ConfigurationError, match=says):
        start_value(of, "0", speakers)


async def test_speaker_needs_a_start() -> None:
    """A speaker cannot be told without a start record."""
    with pytest.raises(ConfigurationError, match="start"):
        await produce(source(), kafka={}, topic="t", conversation_id="c", speakers=["Ada"], start=False)


async def test_no_broker() -> None:
    """When Kafka does not answer, the error says so."""
    (port,) = free_ports(1)
    kafka = {"bootstrap_servers": f"127.0.0.1:{port}"}
    with pytest.raises(BrokerError, match="cannot be reached"):
        await produce(source(), kafka=kafka, topic="t", conversation_id="c")
