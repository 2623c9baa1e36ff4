"""Stands in for ``worker.cli`` in tests of the demo: an engine that only says where it is, and a worker that knows the
call by heart and publishes each turn once its audio has arrived. ``SCRIPT`` in the environment makes it misbehave.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections import Counter
from typing import Any

import orjson
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from worker.demo.recorded_call import BYTES_PER_MS, Turn, load_call
from worker.tail import OUTPUT_TOPICS

SERVERS = os.environ["KAFKA__BOOTSTRAP_SERVERS"] if sys.argv[1] != "engine" else ""
SCRIPT = os.environ.get("SCRIPT", "")


async def create_topics() -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=SERVERS)
    await admin.start()
    await admin.create_topics([NewTopic(name, 4, 1) for name in ("symbl.audio", *OUTPUT_TOPICS.values())])
    await admin.close()


async def engine() -> None:
    if SCRIPT == "engine-dies":
        sys.exit("the model is missing")
    sys.stdout.write("engine ready at http://127.0.0.1:1\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def serve_health() -> None:
    async def ready(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    application = web.Application()
    application.router.add_get("/health/ready", ready)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ["HTTP__PORT"])).start()


class Worker:
    def __init__(self, producer: Any) -> None:
        self.producer = producer
        self.conversation = ""
        self.told: set[int] = set()
        self.sequences: Counter[str] = Counter()
        self.insights = 0

    async def publish(self, kind: str, value: dict[str, Any]) -> None:
        value["conversation_id"] = self.conversation
        key = self.conversation.encode()
        await self.producer.send_and_wait(OUTPUT_TOPICS[kind], orjson.dumps(value), key=key)

    async def tell(self, turn: Turn) -> None:
        common = {
            "id": str(uuid.uuid4()),
            "stream": turn.stream,
            "sequence": self.sequences[turn.stream],
            "audio": {"start_ms": turn.start_ms, "end_ms": turn.end_ms},
            "speaker": {"user_id": None, "name": turn.speaker},
        }
        self.sequences[turn.stream] += 1
        masked = "card number" in turn.text
        finding = {"type": "CREDIT_CARD", "start": 0, "end": 4, "source": "worker"}
        redaction = {"state": "masked", "findings": [finding]} if masked else {"state": "clean", "findings": []}
        await self.publish("redacted", {**common, "text": "****" if masked else turn.text, "redaction": redaction})
        heard = turn.text.replace("October", "november")
        await self.publish("transcripts", {**common, "text": heard, "redaction": {"state": "clear"}})
        if turn.text.endswith("?"):
            self.insights += 1
            question = {**common, "id": str(uuid.uuid4()), "kind": "question", "redaction": redaction}
            await self.publish("insights", {**question, "text": turn.text.split(". ")[-1], "assignee": None})


async def run() -> None:
    if SCRIPT == "worker-dies":
        sys.exit("settings are wrong")
    call = load_call()
    consumer = AIOKafkaConsumer(
        "symbl.audio", bootstrap_servers=SERVERS, auto_offset_reset="earliest", fetch_max_wait_ms=20
    )
    producer = AIOKafkaProducer(bootstrap_servers=SERVERS)
    await consumer.start()
    await producer.start()
    await serve_health()
    worker = Worker(producer)
    heard: Counter[str] = Counter()
    over: set[str] = set()
    revision = 0
    async for record in consumer:
        headers = dict(record.headers)
        stream = headers["stream"].decode()
        worker.conversation = record.key.decode()
        if headers.get("event") == b"end":
            over.add(stream)
        if "event" in headers:
            if over == set(call.streams):
                detail = {"messages": len(worker.told), "insights": worker.insights, "audio_ms": 2 * call.length_ms}
                ended = {"event": "ended", "reason": "end", "detail": {**detail, "gaps": 0, "reconnects": 0}}
                await worker.publish("conversations", ended)
            continue
        heard[stream] += len(record.value)
        now = heard[stream] // BYTES_PER_MS
        for number, turn in enumerate(call.turns):
            if turn.stream != stream or number in worker.told or SCRIPT == "silent":
                continue
            if now >= turn.end_ms:
                worker.told.add(number)
                await worker.tell(turn)
            elif now > turn.start_ms and now // 100 % 4 == 0:
                revision += 1
                share = (now - turn.start_ms) / (turn.end_ms - turn.start_ms)
                caption = {"stream": stream, "speaker": {"name": turn.speaker}, "revision": revision}
                text = turn.text[: int(share * len(turn.text))]
                await worker.publish("captions", {**caption, "text": text, "audio": {"start_ms": turn.start_ms}})


if __name__ == "__main__":
    asyncio.run({"topics": create_topics, "engine": engine, "run": run}[sys.argv[1]]())
