"""`symbl-worker tail`, against librdkafka's mock cluster."""

import asyncio
import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from rich.console import Console

from worker.demo.broker import MockKafka, free_ports
from worker.errors import BrokerError, ConfigurationError
from worker.tail import OUTPUT_TOPICS, SHOWN_BY_DEFAULT, interrupted, resolve_topics, tail, text_line

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
MESSAGE = {
    "id": "1",
    "stream": "agent",
    "audio": {"start_ms": 61_234, "end_ms": 62_000},
    "speaker": {"user_id": "u", "name": "Ada"},
    "text": "card ****",
    "redaction": {"state": "masked", "findings": [{"type": "CREDIT_CARD", "start": 5, "end": 9, "source": "worker"}]},
}


@pytest.fixture
def kafka() -> Iterator[dict[str, Any]]:
    with MockKafka() as broker:
        broker.auto_create(OUTPUT_TOPICS.values())
        yield {"bootstrap_servers": broker.bootstrap_servers}


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=40, highlight=False)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def publish(kafka: dict[str, Any], *records: tuple[str, str, Any]) -> None:
    """Records are topic (short), key and value."""
    producer = AIOKafkaProducer(**kafka)
    await producer.start()
    try:
        for topic, key, value in records:
            await producer.send_and_wait(OUTPUT_TOPICS[topic], orjson.dumps(value), key=key.encode())
    finally:
        await producer.stop()


async def test_lines_for_people(kafka: dict[str, Any], console: Console) -> None:
    """A line says where, when on the audio clock, who and what; it is not wrapped and has no colour codes in a file."""
    await publish(kafka, ("redacted", "call-1", MESSAGE))
    assert await tail(["redacted"], kafka=kafka, from_beginning=True, max_records=1, console=console) == 1
    assert written(console) == "call-1/agent  01:01.2  Ada: card ****  <CREDIT_CARD>\n"


async def test_json_lines(kafka: dict[str, Any], console: Console) -> None:
    """As JSON, each line is one object with the record's place and its value untouched."""
    await publish(kafka, ("redacted", "call-1", MESSAGE))
    await tail(["redacted"], kafka=kafka, from_beginning=True, as_json=True, max_records=1, console=console)
    line = orjson.loads(written(console))
    assert line.pop("timestamp_ms") > 0
    assert line.pop("partition") in range(4)
    assert line == {"topic": "symbl.messages.redacted", "offset": 0, "key": "call-1", "value": MESSAGE}


async def test_one_conversation(kafka: dict[str, Any], console: Console) -> None:
    """Records of other conversations are neither shown nor counted."""
    await publish(kafka, ("redacted", "a", MESSAGE), ("redacted", "b", MESSAGE), ("redacted", "b", MESSAGE))
    shown = await tail(
        ["redacted"], kafka=kafka, conversation_id="b", from_beginning=True, max_records=2, console=console
    )
    assert (shown, written(console).count("b/agent")) == (2, 2)


async def test_begins_with_the_next_record(kafka: dict[str, Any], console: Console) -> None:
    """Without being told otherwise, only what arrives from now on is shown."""
    await publish(kafka, ("redacted", "old", MESSAGE))
    task = asyncio.create_task(tail(["redacted"], kafka=kafka, max_records=1, console=console))
    while not task.done():
        await publish(kafka, ("redacted", "new", MESSAGE))
        await asyncio.sleep(0.05)
    assert written(console).startswith("new/")


async def test_interrupt_is_a_normal_end(kafka: dict[str, Any], console: Console) -> None:
    """Ctrl-C ends it without an error, and gives the signal back."""
    before = signal.getsignal(signal.SIGINT)
    asyncio.get_running_loop().call_later(0.5, os.kill, os.getpid(), signal.SIGINT)
    assert await tail(kafka=kafka, console=console) == 0
    assert signal.getsignal(signal.SIGINT) is before


async def test_first_signal_is_told() -> None:
    """The first signal sets the event and is passed on."""
    told: list[signal.Signals] = []
    with interrupted(told.append) as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stop.wait(), 5)
    assert told == [signal.SIGTERM]


async def test_no_broker(console: Console) -> None:
    """When Kafka does not answer, the error says so."""
    (port,) = free_ports(1)
    with pytest.raises(BrokerError, match="cannot be reached"):
        await tail(kafka={"bootstrap_servers": f"127.0.0.1:{port}"}, console=console)


def test_topics_have_short_names() -> None:
    """Short and full names mean the same; transcripts in the clear are shown only when asked for."""
    assert resolve_topics(["redacted", "symbl.insights"], OUTPUT_TOPICS) == {
        "symbl.messages.redacted": "redacted",
        "symbl.insights": "insights",
    }
    assert "transcripts" not in SHOWN_BY_DEFAULT
    assert list(resolve_topics([], OUTPUT_TOPICS).values()) == list(SHOWN_BY_DEFAULT)


def test_unknown_topic() -> None:
    """A name that is no output topic is refused with the names that are."""
    with pytest.raises(ConfigurationError, match=r"nonsense: .*redacted"):
        resolve_topics(["nonsense"], OUTPUT_TOPICS)


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_every_example_makes_a_line(example: Path) -> None:
    """Every kind of record that the schemas show by example is laid out in one line."""
    kinds = {"messages": "redacted"}
    kind = kinds.get(example.name.split(".")[0], example.name.split(".")[0])
    line = text_line(kind, "call", example.read_bytes()).plain
    assert line.startswith("call")
    assert "\n" not in line


@pytest.mark.parametrize("value", [None, b"", b"{", b"[1]", b"\xff"])
def test_what_is_not_json_is_said_to_be(value: bytes | None) -> None:
    """A value that is no JSON object makes a line too."""
    assert "not a JSON object" in text_line("redacted", "k", value).plain


def test_nothing_is_obeyed_by_the_terminal() -> None:
    """Control characters in texts and keys do not reach the terminal, and markup is text."""
    line = text_line("redacted", "k\x1b[2J", orjson.dumps({**MESSAGE, "text": "[red]a\x1b]0;x\x07\u202eb"}))
    assert line.plain.isprintable()
    assert "[red]a" in line.plain
