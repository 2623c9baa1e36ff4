"""The contract of the topics: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from typing import Any

import pytest

from tests.contracts import decode_headers
from tests.integration.support import System, eventually, verify, words_in, write_script
from worker.demo.recorded_call import load_call
from worker.engine.recognizers.coded import encode_utterance

pytestmark = pytest.mark.kafka

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_bad_input_goes_to_dead_letters_and_hurts_no_neighbour(system: System) -> None:
    """Every kind of unusable record becomes a dead letter with a reason and its coordinates; the rest goes on."""
    await system.engine()
    await system.worker()
    good = write_script("good", "0", 6, system.rng)
    speaking = asyncio.create_task(system.speak(good, speed=2.0))
    bad = {
        "missing_key": await system.produce(None, b"\0" * 3200),
        "unreadable_key": await produce_raw(system, b"\xff\xfe", b"\0" * 3200, []),
        "bad_header": await system.produce("good", b"\0" * 3200, stream="no spaces allowed"),
        "unreadable_control": await system.produce("good", b"{not json", event="start"),
        "unknown_event": await system.produce("good", b"{}", event="pause"),
        "unsupported_encoding": await system.produce("other", b'{"encoding": "MP3"}', event="start"),
    }
    await system.produce("stereo", stereo_start(), stream="both", event="start")
    bad["misaligned_audio"] = await system.produce("stereo", b"\0" * 3201, stream="both")
    await system.produce("stereo", b"", event="end")
    await speaking
    published = await system.ended(["good"], 40)
    verify([good], published, repeats_allowed=False)
    found = {value["reason"]: value for value in published.records["dead_letters"]}
    assert set(found) == set(bad)
    for reason, sent in bad.items():
        assert found[reason]["source"]["partition"] == sent.partition, reason
        assert found[reason]["source"]["offset"] == sent.offset, reason
    assert base64.b64decode(found["unreadable_control"]["original"]["value_base64"]) == b"{not json"
    await everything_is_committed(system)


async def test_a_refused_stream_fails_alone(system: System) -> None:
    """A stream whose start the host refuses each time is given up: its audio goes to dead letters, in order."""
    await system.engine("--recognizer", "pocketsphinx")
    await system.worker()
    # This recogniser has English only, and says so before recognition starts. The neighbour speaks English.
    await system.produce("refused", b'{"language": "fr-FR"}', event="start")
    sent = [await system.produce("refused", bytes([number]) * 320) for number in range(5)]
    await system.produce("refused", b"", event="end")
    turn = next(turn for turn in load_call().turns if turn.stream == "agent")
    await system.produce("good", b"{}", event="start")
    await send(system, "good", turn.audio)
    await system.produce("good", b"", event="end")
    published = await system.ended(["good", "refused"], 60)
    assert "thank you for calling" in published.of("transcripts", "good")[0]["text"].lower()
    letters = [value for value in published.records["dead_letters"] if value["reason"] == "stream_failed"]
    assert [letter["source"]["offset"] for letter in letters] == [record.offset for record in sent]
    events = [value["event"] for value in published.of("conversations", "refused")]
    assert events == ["failed", "ended"]
    await everything_is_committed(system)


async def test_interleaved_stereo_becomes_two_streams(system: System) -> None:
    """A `start` with channels splits interleaved audio into two streams with their own speakers."""
    await system.engine()
    await system.worker()
    left = write_script("stereo", "agent", 5, system.rng)
    right = write_script("stereo", "customer", 5, system.rng)
    length = max(len(left.audio), len(right.audio))
    samples = zip(
        struct.iter_unpack("2s", left.audio.ljust(length, b"\0")),
        struct.iter_unpack("2s", right.audio.ljust(length, b"\0")),
        strict=True,
    )
    audio = b"".join(one[0] + other[0] for one, other in samples)
    await system.produce("stereo", stereo_start(), stream="both", event="start")
    for begin in range(0, len(audio), 6400):
        await system.produce("stereo", audio[begin : begin + 6400], stream="both", seq=begin // 6400)
    await system.produce("stereo", b"", event="end")
    published = await system.ended(["stereo"], 40)
    verify([left, right], published, repeats_allowed=False)
    speakers = {value["stream"]: value["speaker"]["name"] for value in published.records["transcripts"]}
    assert speakers == {"agent": "Ann", "customer": "Carl"}


async def test_formats_speakers_and_traces_change_in_their_place(system: System) -> None:
    """`modify` and `speaker` act at their place in the audio; trace context goes from audio to results."""
    await system.engine()
    await system.worker()
    first = encode_utterance("u0", ["alpha0", "alpha1."], bytes_per_second=32_000)
    second = encode_utterance("u1", ["beta0", "beta1."], bytes_per_second=8_000, sample_bytes=1)
    await system.produce("call", b'{"speaker": {"name": "Ann"}}', event="start")
    await send(system, "call", first, traceparent=TRACEPARENT)
    await system.produce("call", b'{"encoding": "MULAW", "sample_rate_hz": 8000}', event="modify")
    await system.produce("call", b'{"speaker": {"name": "Bob"}}', event="speaker")
    await send(system, "call", second)
    await system.produce("call", b"", event="end")
    published = await system.ended(["call"], 40)
    messages = published.of("redacted", "call")
    assert [(value["text"], value["speaker"]["name"]) for value in messages] == [
        ("alpha0 alpha1.", "Ann"),
        ("beta0 beta1.", "Bob"),
    ]
    # The second utterance begins where the first one's audio ends, whatever a second has in bytes.
    assert messages[1]["audio"]["start_ms"] == len(first) * 1000 // 32_000
    assert decode_headers(messages[0]["_headers"].items())["traceparent"] == TRACEPARENT


async def test_insights_are_published_masked(system: System) -> None:
    """Questions, action items, follow-ups and trackers arrive; nothing personal is in the clear outside transcripts."""
    await system.engine()
    await system.worker()
    texts = [
        "Could you tell me the invoice number?",
        "I will send you the refund by Friday.",
        "My card number is 4111 1111 1111 1111 and my email is jane.doe@example.com.",
        "I will send the receipt to jane.doe@example.com tomorrow.",
        "I will call you back on Tuesday.",
    ]
    audio = b"".join(encode_utterance(f"u{number}", text.split()) for number, text in enumerate(texts))
    start = {"speaker": {"name": "Ann"}, "trackers": [{"name": "billing", "vocabulary": ["refund", "invoice number"]}]}
    await system.produce("call", json.dumps(start).encode(), event="start")
    await send(system, "call", audio)
    await system.produce("call", b"", event="end")
    published = await system.ended(["call"], 40)
    assert [value["text"] for value in published.of("transcripts", "call")] == texts
    insights = published.of("insights", "call")
    assert {"question", "action_item", "follow_up", "tracker"} <= {value["kind"] for value in insights}
    assert sorted(value["sequence"] for value in insights) == list(range(len(insights)))
    for kind in ("redacted", "insights", "captions", "conversations", "state"):
        for value in published.records[kind]:
            text = json.dumps({key: item for key, item in value.items() if key != "_headers"})
            assert "4111" not in text, kind
            assert "jane.doe" not in text, kind
    types = {
        finding["type"] for value in published.of("redacted", "call") for finding in value["redaction"]["findings"]
    }
    assert {"CARD_NUMBER", "EMAIL_ADDRESS"} <= types


async def test_conversations_end_by_themselves(system: System) -> None:
    """Silence and old age end a conversation; what comes later opens a new one under other ids."""
    await system.engine()
    await system.worker(CONVERSATION__IDLE_SECONDS="3", CONVERSATION__MAX_AGE_SECONDS="6")
    script = write_script("idle", "0", 3, system.rng)
    await system.speak(script, speed=4.0, end=False)
    old = write_script("old", "0", 8, system.rng)
    talking = asyncio.create_task(system.speak(old, speed=1.0, end=False))
    published = await system.ended(["idle"], 30)
    assert [value["reason"] for value in published.of("conversations", "idle")] == [None, "idle"]
    again = write_script("idle", "0", 2, system.rng)
    await system.speak(again, speed=4.0)
    await talking

    async def ended_twice() -> bool:
        events = (await system.read(["conversations"])).of("conversations", "idle")
        return [value["event"] for value in events].count("ended") == 2

    await eventually(ended_twice, 30, "the second opening has ended")
    published = await system.ended(["old"], 30)
    assert "max_age" in [value["reason"] for value in published.of("conversations", "old")]
    ids = [value["id"] for value in published.records["transcripts"] + published.records["conversations"]]
    assert len(set(ids)) == len(ids), "two openings share ids"


async def test_repeated_and_missing_chunks_are_seen(system: System) -> None:
    """A chunk that comes twice is heard once; a hole in the numbers is a gap record with its place."""
    await system.engine()
    await system.worker()
    script = write_script("call", "0", 4, system.rng)
    chunks = script.chunks()
    await system.produce("call", b"{}", event="start")
    for number, chunk in enumerate(chunks):
        for _ in range(2 if number % 3 == 0 else 1):
            await system.produce("call", chunk, seq=number + (10 if number >= len(chunks) - 2 else 0))
    await system.produce("call", b"", event="end")
    published = await system.ended(["call"], 40)
    verify([script], published, repeats_allowed=False, gaps_expected=1)
    gaps = [value for value in published.of("conversations", "call") if value["event"] == "gap"]
    assert [gap["detail"]["missing_records"] for gap in gaps] == [10]
    assert gaps[0]["detail"]["start_ms"] == (len(chunks) - 2) * 100


async def test_logs_would_betray_a_spoken_word(system: System) -> None:
    """The search through the logs, which ends every test here, finds a word that is really there."""
    process = system.cli("worker", "run", KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert await asyncio.to_thread(process.wait, 60)
    assert process.exit_code == 1
    assert words_in(process.log, {"127.0.0.1:1"}) == {"127.0.0.1:1"}
    assert words_in(process.log, {"w12345678x0"}) == set()


async def test_produce_and_tail(system: System) -> None:
    """`produce` sends a file, `tail` shows what came of it."""
    await system.engine()
    await system.worker()
    script = write_script("file", "0", 3, system.rng)
    wav = system.folder / "call.wav"
    size = len(script.audio)
    head = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
    wav.write_bytes(head + b"data" + struct.pack("<I", size) + script.audio)
    produced = system.cli("produce", "produce", str(wav), "--conversation", "file", "--speaker", "Ann", "--fast")
    assert await asyncio.to_thread(produced.wait, 30), "produce hangs"
    assert produced.exit_code == 0, produced.tail()
    published = await system.ended(["file"], 40)
    verify([script], published, repeats_allowed=False)
    tail = system.cli("tail", "tail", "redacted", "--from-beginning", "--json", "--max", "3")
    assert await asyncio.to_thread(tail.wait, 30), "tail hangs"
    lines = tail.log.with_suffix(".out").read_text().splitlines()
    assert [json.loads(line)["value"]["text"] for line in lines] == script.utterances


async def produce_raw(system: System, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> Any:
    """Send a record whose key is no text."""
    await system.produce("warm-up", b"")
    producer = system._producer
    return await producer.send_and_wait(system.topic("audio"), value, key=key, headers=headers)


async def send(system: System, conversation_id: str, audio: bytes, **headers: str) -> None:
    """Audio in chunks of 3,200 bytes."""
    for begin in range(0, len(audio), 3200):
        await system.produce(conversation_id, audio[begin : begin + 3200], **headers)


def stereo_start() -> bytes:
    """Two channels, two speakers."""
    channels = [
        {"stream": "agent", "speaker": {"name": "Ann"}},
        {"stream": "customer", "speaker": {"name": "Carl"}},
    ]
    return json.dumps({"channels": channels}).encode()


async def everything_is_committed(system: System) -> None:
    """The group's position is the end of every partition: nothing is held back."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    consumer = AIOKafkaConsumer(
        bootstrap_servers=system.bootstrap_servers, group_id=system.prefix, enable_auto_commit=False
    )
    await consumer.start()
    partitions = [TopicPartition(system.topic("audio"), number) for number in range(4)]
    consumer.assign(partitions)

    async def committed() -> bool:
        ends = await consumer.end_offsets(partitions)
        return all([(await consumer.committed(partition) or 0) == ends[partition] for partition in partitions])

    try:
        await eventually(committed, 10, "everything is committed")
    finally:
        await consumer.stop()
