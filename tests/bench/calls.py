"""Calls for measuring delivery: what is said, put into Kafka at once or spoken in real time."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.bench.figures import last_needed_byte
from tests.chaos.speech import BYTES_PER_MS, name_conversations, write_speech
from tests.chaos.verdict import Utterance
from tests.integration.support import CHUNK_BYTES, Script

CHUNK_SECONDS = 0.1
SPREAD_SECONDS = 1.0
DELIVERED_SECONDS = 300.0


@dataclass(frozen=True)
class Call:
    """One conversation with one speaker, all of it in one partition."""

    script: Script
    utterances: list[Utterance]
    partition: int

    @property
    def stream(self) -> tuple[str, str]:
        return self.script.conversation_id, self.script.stream

    @property
    def seconds(self) -> float:
        return len(self.script.audio) / BYTES_PER_MS / 1000

    def last_chunks(self) -> dict[str, int]:
        """Tag of each utterance to the number of the record with which it is complete."""
        starts = [each.start_ms * BYTES_PER_MS for each in self.utterances]
        audio = self.script.audio
        return {
            each.tag: last_needed_byte(audio, begin, end) // CHUNK_BYTES
            for each, begin, end in zip(self.utterances, starts, [*starts[1:], len(audio)], strict=True)
        }


def write_calls(count: int, seconds: float, partitions: int, seed: int, *, scattered: bool = False) -> list[Call]:
    """So many calls, the same ones for the same seed, evenly spread over the partitions.

    Args:
        scattered: What is published of the calls of one input partition goes to all partitions, as when the producer
            of the audio has another partitioner than the worker; else to the one of the same number.
    """
    rng = random.Random(seed)
    names = name_conversations(count, partitions)
    return [
        Call(*write_speech(name, "main", seconds, rng), (number // partitions if scattered else number) % partitions)
        for number, name in enumerate(names)
    ]


def create_audio_topic(bootstrap_servers: str, topic: str, partitions: int) -> None:
    """A topic in which the broker says when it has got a record."""
    new = NewTopic(topic, partitions, 1, config={"message.timestamp.type": "LogAppendTime"})
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    admin.create_topics([new])[topic].result(60)


class Line:
    """Produces calls, and notes when the broker had which record of audio."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,
            }
        )
        self._topic = topic
        self._failed = 0
        self.appended_ms: dict[tuple[str, int], int] = {}
        """Conversation and number of the record to the broker's time, ms since the epoch."""

    def record(self, calls: Sequence[Call]) -> None:
        """All audio at once, in the order in which it would have been spoken. Blocks.

        Raises:
            RuntimeError: Kafka has not taken everything.
        """
        for call in calls:
            self._open(call)
        chunks = [call.script.chunks() for call in calls]
        for number in range(max(map(len, chunks))):
            for call, audio in zip(calls, chunks, strict=True):
                if number < len(audio):
                    self._say(call, number, audio[number])
            self._producer.poll(0)
        for call in calls:
            self._end(call)
        self._flush()

    async def speak(self, calls: Sequence[Call], rng: random.Random) -> None:
        """All calls at the same time, in real time, with slightly different beginnings.

        Raises:
            RuntimeError: Kafka has not taken everything.
        """
        serving = asyncio.create_task(self._serve())
        try:
            await asyncio.gather(*(self._speak(call, rng.uniform(0, SPREAD_SECONDS)) for call in calls))
        finally:
            serving.cancel()
        await asyncio.to_thread(self._flush)

    async def _speak(self, call: Call, delay_seconds: float) -> None:
        await asyncio.sleep(delay_seconds)
        self._open(call)
        began = time.monotonic()
        for number, chunk in enumerate(call.script.chunks()):
            # A record is there when what it holds has been spoken.
            await asyncio.sleep(max(0.0, began + (number + 1) * CHUNK_SECONDS - time.monotonic()))
            self._say(call, number, chunk)
        self._end(call)

    async def _serve(self) -> None:
        while True:
            self._producer.poll(0)
            await asyncio.sleep(0.1)

    def _open(self, call: Call) -> None:
        speaker = {"user_id": f"user-{call.script.stream}", "name": f"Speaker {call.script.stream}"}
        self._send(call, json.dumps({"speaker": speaker}).encode(), self._delivered, event="start")

    def _say(self, call: Call, number: int, chunk: bytes) -> None:
        place = call.script.conversation_id, number

        def delivered(error: KafkaError | None, message: Message) -> None:
            self._delivered(error, message)
            self.appended_ms[place] = message.timestamp()[1]

        self._send(call, chunk, delivered, seq=str(number))

    def _end(self, call: Call) -> None:
        self._send(call, b"", self._delivered, event="end")

    def _send(self, call: Call, value: bytes, on_delivery: Any, **headers: str) -> None:
        self._producer.produce(
            self._topic,
            value,
            key=call.script.conversation_id,
            partition=call.partition,
            headers={"stream": call.script.stream, **headers},
            on_delivery=on_delivery,
        )

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        self._failed += error is not None

    def _flush(self) -> None:
        self._producer.flush(DELIVERED_SECONDS)
        if self._failed or len(self._producer):
            raise RuntimeError(f"Kafka has not taken {self._failed + len(self._producer)} records")
