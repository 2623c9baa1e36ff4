"""What exists on the broker, and creating what does not. Shell."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from worker.config import Settings, topics_of
from worker.errors import BrokerError
from worker.output.topics import recommended

ATTEMPTS = 10
RETRY_SECONDS = 1.0
EXISTS = 36
"""Error code TOPIC_ALREADY_EXISTS: somebody else was faster."""


@asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[Any]:
    """An admin client.

    Raises:
        BrokerError: no broker answers, or it refuses us.
    """
    where = settings.kafka.bootstrap_servers
    client = AIOKafkaAdminClient(**settings.kafka.client_arguments())
    try:
        try:
            await client.start()
        except (KafkaError, OSError) as error:
            raise BrokerError(f"no usable broker at {where} ({type(error).__name__})") from error
        try:
            yield client
        except KafkaError as error:
            raise BrokerError(f"the broker at {where} failed ({type(error).__name__})") from error
    finally:
        await client.close()


async def partition_counts(client: Any) -> dict[str, int]:
    """Every topic and how many partitions it has."""
    for attempt in itertools.count(1):
        try:
            names = await client.list_topics()
            described = await client.describe_topics(names) if names else []
        except KafkaError as error:
            # The client asks any node, also one that has just gone, and learns of it by that.
            if not error.retriable or attempt == ATTEMPTS:
                raise
            await asyncio.sleep(RETRY_SECONDS)
        else:
            break
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


async def require_topics(settings: Settings) -> None:
    """Make sure that the topics exist that a worker cannot do without.

    Raises:
        BrokerError: the broker cannot be used, or topics are missing.
    """
    async with admin_client(settings) as client:
        counts = await partition_counts(client)
    missing = missing_topics(settings, counts)
    if missing:
        raise BrokerError(f"topics are missing: {', '.join(missing)}; `symbl-worker topics create` makes them")
    inputs, state = input_partitions(settings, counts), settings.topics.state
    if counts[state] < inputs:
        raise BrokerError(f"{state} has {counts[state]} partitions and needs {inputs}, as the input has")


def missing_topics(settings: Settings, counts: Mapping[str, int]) -> list[str]:
    """The topics that a worker needs and that do not exist; a pattern of input topics need not match yet."""
    inputs = () if settings.topics.pattern is not None else settings.topics.audio
    return [name for name in (*inputs, *topics_of(settings).outputs().values()) if name not in counts]


def input_partitions(settings: Settings, counts: Mapping[str, int]) -> int:
    """Partitions of the largest input topic; 0 when there is none."""
    return max((counts[name] for name in settings.topics.inputs_among(counts)), default=0)


async def create_missing(settings: Settings, partitions: int, say: Callable[[str], None]) -> None:
    """Create the topics that do not exist. Topics that exist are left as they are, and so is input named by a pattern.

    Args:
        partitions: of the audio topics; the others follow the largest audio topic that exists already.

    Raises:
        BrokerError: the broker cannot be used, or refuses.
    """
    names = topics_of(settings)
    async with admin_client(settings) as client:
        existing = await partition_counts(client)
        brokers = (await client.describe_cluster())["brokers"]
        replicas = settings.topics.replication_factor or min(3, len(brokers))
        wanted = recommended(names, input_partitions=input_partitions(settings, existing) or partitions)
        for topic in wanted:
            if topic.name in names.audio and settings.topics.pattern is not None:
                continue
            if topic.name in existing:
                say(f"exists   {topic.name}, {existing[topic.name]} partitions")
                continue
            new = NewTopic(topic.name, topic.partitions, replicas, topic_configs=topic.settings())
            try:
                answer = await client.create_topics([new])
            except (KafkaError, AttributeError) as error:
                # An AttributeError is aiokafka's answer to a broker without controller, such as librdkafka's mock.
                raise BrokerError(f"{topic.name} cannot be created: {type(error).__name__}") from error
            code = answer.topic_errors[0][1]
            if code not in (0, EXISTS):
                raise BrokerError(f"{topic.name} cannot be created: {for_code(code).__name__}")
            say(f"created  {topic.name}, {topic.partitions} partitions")
