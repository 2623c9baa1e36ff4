"""``symbl-worker check``: is everything there that a worker needs? Shell."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp

from worker.admin import admin_client, partition_counts
from worker.app import Dialer
from worker.config import Settings, topics_of
from worker.errors import WorkerError

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
    names = topics_of(settings)
    pattern = settings.topics.audio[0].startswith("^")
    wanted = list(names.outputs().values()) if pattern else [*names.audio, *names.outputs().values()]
    missing = [name for name in wanted if name not in counts]
    if missing:
        say(f"FAILED   topics: {', '.join(missing)} missing; `symbl-worker topics create` makes them")
        return False
    inputs = max((counts[name] for name in names.audio if name in counts), default=0)
    if counts[names.state] < inputs:
        say(f"FAILED   topics: {names.state} has {counts[names.state]} partitions, it needs {inputs} as the input has")
        return False
    say(f"ok       topics ({len(wanted)}, input partitions: {inputs})")
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
