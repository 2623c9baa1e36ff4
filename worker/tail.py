"""``symbl-worker tail``: what arrives on the output topics, live, one line for each record."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from rich.console import Console
from rich.text import Text

from worker.errors import BrokerError, ConfigurationError

OUTPUT_TOPICS: Mapping[str, str] = {
    "captions": "symbl.captions",
    "transcripts": "symbl.transcripts",
    "redacted": "symbl.messages.redacted",
    "insights": "symbl.insights",
    "conversations": "symbl.conversations",
    "dead-letters": "symbl.dead-letters",
}
SHOWN_BY_DEFAULT = ("captions", "redacted", "insights", "conversations", "dead-letters")
BROKER_SECONDS = 30.0
STOP_SECONDS = 5.0
COLOURS = {
    "captions": "dim",
    "transcripts": "red",
    "redacted": "default",
    "insights": "cyan",
    "conversations": "blue",
    "dead-letters": "yellow",
}


async def tail(
    topics: Sequence[str] = (),
    *,
    kafka: Mapping[str, Any],
    names: Mapping[str, str] = OUTPUT_TOPICS,
    conversation_id: str | None = None,
    from_beginning: bool = False,
    as_json: bool = False,
    max_records: int | None = None,
    console: Console | None = None,
) -> int:
    """Show records until interrupted (Ctrl-C is a normal end), and tell how many there were.

    Args:
        topics: short names or full names; empty: everything but transcripts in the clear.
        kafka: keyword arguments that every aiokafka client takes.
        names: short names of the output topics to what they are called here.
        conversation_id: show this conversation only; None: all.
        from_beginning: begin with the oldest record instead of the next one.
        as_json: one JSON object a line: topic, partition, offset, timestamp_ms, key, value.
        max_records: stop after so many; None: never.
        console: where to write; None: standard output, in colour when it is a terminal.

    Raises:
        ConfigurationError: a short name is unknown.
        BrokerError: Kafka cannot be reached, or a topic does not exist.
    """
    shown = resolve_topics(topics, names)
    console = console or Console(highlight=False, soft_wrap=True)
    count = 0
    async with open_reader(kafka, list(shown), from_beginning=from_beginning) as consumer:
        with interrupted() as stop:
            async with aclosing(records_until(consumer, stop)) as records:
                async for record in records:
                    key = None if record.key is None else record.key.decode(errors="replace")
                    if conversation_id is not None and key != conversation_id:
                        continue
                    if as_json:
                        console.file.write(json_line(record, key) + "\n")
                        console.file.flush()
                    else:
                        console.print(text_line(shown[record.topic], key, record.value), soft_wrap=True)
                    count += 1
                    if count == max_records:
                        break
    return count


def resolve_topics(topics: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    """Full names of the topics to read, each with the short name by which its records are laid out.

    Raises:
        ConfigurationError: a name is neither a short name nor one of the output topics.
    """
    short_of = {full: short for short, full in names.items()}
    chosen = {}
    for topic in topics or [short for short in SHOWN_BY_DEFAULT if short in names]:
        full = names.get(topic, topic)
        if full not in short_of:
            raise ConfigurationError(f"{topic}: not an output topic; there are {', '.join(names)}")
        chosen[full] = short_of[full]
    return chosen


@asynccontextmanager
async def open_reader(
    kafka: Mapping[str, Any], topics: Sequence[str], *, from_beginning: bool, **options: Any
) -> AsyncIterator[Any]:
    """A consumer without a group that stands, when this returns, at the end or the beginning of all partitions.

    Raises:
        BrokerError: Kafka cannot be reached, or a topic does not exist.
    """
    settings = {
        "isolation_level": "read_committed",
        "fetch_max_wait_ms": 100,
        # Where a partition without position begins: seeking alone can lose against a reset that is under way.
        "auto_offset_reset": "earliest" if from_beginning else "latest",
        **kafka,
        **options,
    }
    consumer = AIOKafkaConsumer(*topics, **settings)
    try:
        try:
            async with asyncio.timeout(BROKER_SECONDS):
                await consumer.start()
                await (consumer.seek_to_beginning() if from_beginning else consumer.seek_to_end())
        except UnknownTopicOrPartitionError:
            missing = ", ".join(sorted(set(topics) - await consumer.topics()))
            raise BrokerError(f"no such topic: {missing} (`symbl-worker topics create` makes them)") from None
        except (KafkaError, TimeoutError) as error:
            raise BrokerError(f"Kafka cannot be reached: {error or 'no answer'}") from error
        yield consumer
    finally:
        with contextlib.suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(STOP_SECONDS):
                await consumer.stop()


async def records_until(consumer: Any, stop: asyncio.Event) -> AsyncGenerator[Any, None]:
    """Records as they come, until ``stop`` is set.

    Raises:
        BrokerError: Kafka cannot be read any more.
    """
    stopped = asyncio.ensure_future(stop.wait())
    try:
        while not stop.is_set():
            fetched = asyncio.ensure_future(consumer.getmany(timeout_ms=1000))
            try:
                await asyncio.wait({fetched, stopped}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not fetched.done():
                    fetched.cancel()
            if not fetched.done():
                return
            try:
                batches = fetched.result()
            except KafkaError as error:
                raise BrokerError(f"Kafka cannot be read: {type(error).__name__}") from error
            for record in sorted((record for batch in batches.values() for record in batch), key=_arrival):
                yield record
    finally:
        stopped.cancel()


def _arrival(record: Any) -> tuple[int, str, int, int]:
    return record.timestamp, record.topic, record.partition, record.offset


@contextlib.contextmanager
def interrupted(then: Callable[[signal.Signals], None] = lambda _: None) -> Iterator[asyncio.Event]:
    """An event that the first SIGINT or SIGTERM sets. The next one goes to whoever had the signals before.

    Args:
        then: takes the signal.
    """
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    before: dict[signal.Signals, Any] = {}

    def receive(number: signal.Signals) -> None:
        event.set()
        give_back()
        then(number)

    def give_back() -> None:
        while before:
            number, handler = before.popitem()
            loop.remove_signal_handler(number)
            signal.signal(number, handler)

    # Not every loop can take signals, and none outside the main thread.
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            loop.add_signal_handler(number, receive, number)
            before[number] = handler
    try:
        yield event
    finally:
        give_back()


def json_line(record: Any, key: str | None) -> str:
    """One record as one line of JSON. A value that is not JSON is null."""
    return orjson.dumps(
        {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp_ms": record.timestamp,
            "key": key,
            "value": decode(record.value),
        }
    ).decode()


def decode(value: bytes | None) -> dict[str, Any] | None:
    """The JSON object in a record; None when there is none."""
    try:
        decoded = orjson.loads(value or b"null")
    except orjson.JSONDecodeError:
        return None
    return decoded if isinstance(decoded, dict) else None


def text_line(kind: str, key: str | None, value: bytes | None) -> Text:
    """One record as people read it: where, when on the audio clock, who, what.

    Args:
        kind: short name of the topic.
        key: key of the record.
    """
    decoded = decode(value)
    if decoded is None:
        return Text(f"{printable(key or '-')}  {kind}: not a JSON object", style="yellow")
    where = printable("/".join(part for part in (key, decoded.get("stream")) if part) or "-")
    line = Text(f"{where}  ", style="bold")
    line.append(f"{clock(decoded.get('audio'))}  ", style="not bold dim")
    line.append(printable(describe(kind, decoded)), style=f"not bold {COLOURS.get(kind, 'default')}")
    return line


def describe(kind: str, value: Mapping[str, Any]) -> str:
    """What a record says, without where and when."""
    match kind:
        case "captions":
            return f"{speaker_of(value)}… {value.get('text')}"
        case "insights":
            return f"[{value.get('kind')}] {value.get('text')}{_insight_details(value)}"
        case "conversations":
            reason = f" ({value['reason']})" if value.get("reason") else ""
            detail = {name: item for name, item in (value.get("detail") or {}).items() if name != "streams"}
            return f"[{value.get('event')}]{reason} " + ", ".join(f"{name} {item}" for name, item in detail.items())
        case "dead-letters":
            source = value.get("source") or {}
            place = f"{source.get('topic')}-{source.get('partition')}@{source.get('offset')}"
            return f"[{value.get('reason')}] {value.get('detail')} ({place})"
        case _:
            findings = (value.get("redaction") or {}).get("findings", ())
            found = sorted({str(finding.get("type")) for finding in findings})
            return f"{speaker_of(value)}: {value.get('text')}" + (f"  <{', '.join(found)}>" if found else "")


def speaker_of(value: Mapping[str, Any]) -> str:
    """Who speaks: a name, else a user id, else the stream."""
    speaker = value.get("speaker") or {}
    return str(speaker.get("name") or speaker.get("user_id") or value.get("stream") or "-")


def _insight_details(value: Mapping[str, Any]) -> str:
    assignee = (value.get("assignee") or {}).get("name")
    parts = [f"for {assignee}"] if assignee else []
    if value.get("due_by"):
        parts.append(f"by {value['due_by']}")
    if isinstance(value.get("tracker"), dict):
        parts.append(f"tracker {value['tracker'].get('name')}")
    if isinstance(value.get("entity"), dict):
        parts.append(str(value["entity"].get("sub_type") or value["entity"].get("type")))
    return f" ({', '.join(parts)})" if parts else ""


def clock(audio: object) -> str:
    """Place on the audio clock as minutes, seconds and tenths; blank where there is none."""
    start = audio.get("start_ms") if isinstance(audio, dict) else None
    if not isinstance(start, int):
        return "       "
    minutes, rest = divmod(start, 60_000)
    return f"{minutes:02d}:{rest / 1000:04.1f}"


def printable(text: str) -> str:
    """The text without anything that a terminal would obey."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
