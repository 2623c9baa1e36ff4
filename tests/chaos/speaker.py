"""Says scripts in real time, with a producer of another client family than the worker's: librdkafka, idempotent."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaError, Message, Producer

from tests.integration.support import Script

BYTES_PER_SECOND = 32_000
DELIVERED_SECONDS = 120.0


class Speaker:
    """Produces audio. What is said while no broker answers waits and goes out in order.

    Args:
        partitions: Conversation to partition.
        chunk_seconds: Audio in each record.
    """

    def __init__(
        self, bootstrap_servers: str, topic: str, partitions: Mapping[str, int], *, chunk_seconds: float
    ) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
                "reconnect.backoff.max.ms": 1000,
                "log_level": 0,
            }
        )
        self._topic = topic
        self._partitions = partitions
        self._chunk_bytes = round(chunk_seconds * BYTES_PER_SECOND / 2) * 2
        self._chunk_seconds = chunk_seconds
        self._failed = 0

    async def speak(self, scripts: Sequence[Script], *, spread_seconds: float, rng: random.Random) -> None:
        """Say all of them at the same time, with slightly different beginnings.

        Raises:
            RuntimeError: Kafka has not taken everything.
        """
        async with asyncio.TaskGroup() as tasks:
            serving = asyncio.create_task(self._serve())
            try:
                async with asyncio.TaskGroup() as speaking:
                    for script in scripts:
                        speaking.create_task(self._say(script, rng.uniform(0, spread_seconds)))
            finally:
                serving.cancel()
            tasks.create_task(asyncio.to_thread(self._producer.flush, DELIVERED_SECONDS))
        if self._failed or len(self._producer):
            raise RuntimeError(f"Kafka has not taken {self._failed + len(self._producer)} records")

    async def _say(self, script: Script, delay_seconds: float) -> None:
        await asyncio.sleep(delay_seconds)
        opening = {"speaker": {"user_id": f"user-{script.stream}", "name": f"Speaker {script.stream}"}}
        self._send(script, json.dumps(opening).encode(), event="start")
        began = time.monotonic()
        for number, place in enumerate(range(0, len(script.audio), self._chunk_bytes)):
            await asyncio.sleep(max(0.0, began + number * self._chunk_seconds - time.monotonic()))
            self._send(script, script.audio[place : place + self._chunk_bytes], seq=str(number))
        self._send(script, b"", event="end")

    def _send(self, script: Script, value: bytes, **headers: str) -> None:
        self._producer.produce(
            self._topic,
            value,
            key=script.conversation_id,
            partition=self._partitions[script.conversation_id],
            headers={"stream": script.stream, **headers},
            on_delivery=self._delivered,
        )

    async def _serve(self) -> None:
        while True:
            self._producer.poll(0)
            await asyncio.sleep(0.1)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        self._failed += error is not None
