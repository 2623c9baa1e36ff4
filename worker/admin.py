"""What exists on the broker, and creating what does not. Shell."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from worker.config import Settings, topics_of
from worker.errors import BrokerError
from worker.output.topics import recommended

EXISTS = 36
"""Error code TOPIC_ALREADY_EXISTS: somebody else was faster."""


@asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[Any]:
    """An admin client.

    Raises:
        BrokerError: no broker answers, or it refuses us.
    """
    client = AIOKafkaAdminClient(**settings.kafka.client_arguments())
    try:
        await client.start()
    except (KafkaError, OSError) as error:
        await client.close()
        where = settings.kafka.bootstrap_servers
        raise BrokerError(f"no usable broker at {where} ({type(error).__name__})") from error
    try:
        yield client
    finally:
        await client.close()


async def partition_counts(client: Any) -> dict[str, int]:
    """Every topic and how many partitions it has."""
    names = await client.list_topics()
    described = await client.describe_topics(names) if names else []
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


async def require_topics(settings: Settings) -> None:
    """Make sure that the topics exist that a worker cannot do without.

    Raises:
        BrokerError: the broker cannot be used, or topics are missing.
    """
    names = topics_of(settings)
    wanted = list(names.outputs().values())
    if not settings.topics.audio[0].startswith("^"):
        wanted = [*names.audio, *wanted]
    async with admin_client(settings) as client:
        described = await client.describe_topics(wanted)
    missing = [topic["topic"] for topic in described if topic["error_code"]]
    if missing:
        raise BrokerError(f"topics are missing: {', '.join(missing)}; `symbl-worker topics create` makes them")
    counts = {topic["topic"]: len(topic["partitions"]) for topic in described}
    inputs = max((counts[name] for name in names.audio if name in counts), default=0)
    if counts[names.state] < inputs:
        raise BrokerError(f"{names.state} has {counts[names.state]} partitions and needs {inputs}, as the input has")


async def create_missing(settings: Settings, partitions: int, say: Callable[[str], None]) -> None:
    """Create the topics that do not exist. Topics that exist are left as they are.

    Args:
        partitions: of the audio topics; the others follow an audio topic that exists already.

    Raises:
        BrokerError: the broker cannot be used, or refuses.
    """
    names = topics_of(settings)
    async with admin_client(settings) as client:
        existing = await partition_counts(client)
        brokers = (await client.describe_cluster())["brokers"]
        replicas = settings.topics.replication_factor or min(3, len(brokers))
        present = [existing[name] for name in names.audio if name in existing]
        wanted = recommended(names, input_partitions=max(present, default=partitions))
        for topic in wanted:
            if topic.name in existing:
                say(f"exists   {topic.name}, {existing[topic.name]} partitions")
                continue
            new = NewTopic(topic.name, topic.partitions, replicas, topic_configs=topic.settings())
            try:
                answer = await client.create_topics([new])
            except KafkaError as error:
                raise BrokerError(f"{topic.name} cannot be created: {type(error).__name__}") from error
            code = answer.topic_errors[0][1]
            if code not in (0, EXISTS):
                raise BrokerError(f"{topic.name} cannot be created: {for_code(code).__name__}")
            say(f"created  {topic.name}, {topic.partitions} partitions")
