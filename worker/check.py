"""``symbl-worker check``: is everything there that a worker needs? Shell."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp

from worker.admin import admin_client, input_partitions, missing_topics, partition_counts
from worker.app import Dialer
from worker.config import Settings
from worker.errors import BrokerError, WorkerError
from worker.output.transactions import try_transactions

CHECK_CONNECTION_ID = "symbl-worker-check"


async def run_checks(settings: Settings, say: Callable[[str], None]) -> bool:
    """Look at broker, topics and Symbl host; say one line each. Returns whether all is well."""
    kafka = await _check_kafka(settings, say)
    symbl = await _check_symbl(settings, say)
    return kafka and symbl


async def _check_kafka(settings: Settings, say: Callable[[str], None]) -> bool:
    try:
        async with admin_client(settings) as client:
            say(f"ok       broker at {settings.kafka.bootstrap_servers}")
            counts = await partition_counts(client)
    except WorkerError as error:
        say(f"FAILED   broker: {error}")
        return False
    missing = missing_topics(settings, counts)
    if missing:
        say(f"FAILED   topics: {', '.join(missing)} missing; `symbl-worker topics create` makes them")
        return False
    inputs, state = input_partitions(settings, counts), settings.topics.state
    if not inputs:
        say(f"FAILED   topics: no topic matches {settings.topics.pattern}")
        return False
    if counts[state] < inputs:
        say(f"FAILED   topics: {state} has {counts[state]} partitions, it needs {inputs} as the input has")
        return False
    say(f"ok       topics (input partitions: {inputs})")
    return settings.worker.delivery == "at_least_once" or await _check_transactions(settings, say)


async def _check_transactions(settings: Settings, say: Callable[[str], None]) -> bool:
    try:
        await try_transactions(settings.kafka.client_arguments(), settings.worker.group_id)
    except BrokerError as error:
        say(f"FAILED   transactions: {error}; WORKER__DELIVERY=at_least_once does without")
        return False
    say("ok       transactions")
    return True


async def _check_symbl(settings: Settings, say: Callable[[str], None]) -> bool:
    async with aiohttp.ClientSession() as http:
        dialer = Dialer(settings, http)
        try:
            connection = await dialer.dial(CHECK_CONNECTION_ID)
        except WorkerError as error:
            say(f"FAILED   Symbl host {settings.symbl.base_url}: {error}")
            return False
        else:
            connection.abort()
        finally:
            await dialer.close()
    say(f"ok       Symbl host {settings.symbl.base_url} (token and socket)")
    return True
