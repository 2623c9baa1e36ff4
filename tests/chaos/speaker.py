"""Says speech in real time, with a producer of another client family than the worker's: librdkafka, idempotent."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from confluent_kafka import KafkaError, Message, Producer

from tests.chaos.speech import Speech, bytes_per_second

DELIVERED_SECONDS = 120.0


class Speaker:
    """Produces audio. What is said while no broker answers waits and goes out in order.

    Args:
        partitions: Conversation to the partition that its records must go to.
        chunk_seconds: Audio in each record.
    """

    def __init__(
        self, bootstrap_servers: str, topic: str, partitions: Mapping[str, int], *, chunk_seconds: float
    ) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                # As in Java, and in the worker.
                "partitioner": "murmur2",
                # Audio comes in small records: more of them in a request cost the brokers much less.
                "linger.ms": 50,
                "queue.buffering.max.messages": 1_000_000,
                "reconnect.backoff.max.ms": 1000,
                "log_level": 0,
            }
        )
        self._topic = topic
        self._partitions = partitions
        self._chunk_seconds = chunk_seconds
        self._failed = 0

    async def speak(self, speeches: Sequence[Speech], *, spread_seconds: float, rng: random.Random) -> None:
        """Say all of them at the same time, with slightly different beginnings.

        Raises:
            RuntimeError: Kafka has not taken everything.
        """
        async with asyncio.TaskGroup() as tasks:
            serving = asyncio.create_task(self._serve())
            try:
                async with asyncio.TaskGroup() as speaking:
                    for speech in speeches:
                        speaking.create_task(self._say(speech, rng.uniform(0, spread_seconds)))
            finally:
                serving.cancel()
            tasks.create_task(asyncio.to_thread(self._producer.flush, DELIVERED_SECONDS))
        if self._failed or len(self._producer):
            raise RuntimeError(f"Kafka has not taken {self._failed + len(self._producer)} records")

    async def _say(self, speech: Speech, delay_seconds: float) -> None:
        await asyncio.sleep(delay_seconds)
        opening = {"speaker": {"user_id": f"user-{speech.stream}", "name": f"Speaker {speech.stream}"}}
        self._send(speech, json.dumps(opening).encode(), event="start")
        began = time.monotonic()
        length = round(self._chunk_seconds * bytes_per_second(speech.sample_bytes) / 2) * 2
        for number, chunk in enumerate(chunks(speech.audio(), length)):
            await asyncio.sleep(max(0.0, began + number * self._chunk_seconds - time.monotonic()))
            self._send(speech, chunk, seq=str(number))
        self._send(speech, b"", event="end")

    def _send(self, speech: Speech, value: bytes, **headers: str) -> None:
        self._producer.produce(
            self._topic,
            value,
            key=speech.conversation_id,
            headers={"stream": speech.stream, **headers},
            on_delivery=self._delivered,
        )

    async def _serve(self) -> None:
        while True:
            self._producer.poll(0)
            await asyncio.sleep(0.1)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        self._failed += error is not None
        if error is None:
            key, partition = message.key(), message.partition()
            assert isinstance(key, bytes)
            assert self._partitions[key.decode()] == partition, "another partitioner than expected"


def chunks(pieces: Iterable[bytes], length: int) -> Iterator[bytes]:
    """The same bytes in chunks of this length; the last one may be shorter."""
    rest = bytearray()
    for piece in pieces:
        rest += piece
        for _ in range(len(rest) // length):
            yield bytes(rest[:length])
            del rest[:length]
    if rest:
        yield bytes(rest)
