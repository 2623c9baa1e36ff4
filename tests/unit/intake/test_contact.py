"""What counts as the group's proof of membership, and how long."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    IllegalGenerationError,
    KafkaError,
    NoError,
    NotCoordinatorForGroupError,
    RebalanceInProgressError,
    RequestTimedOutError,
    UnknownMemberIdError,
)
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest

from worker.intake.contact import Contact

HEARTBEAT = HeartbeatRequest("group", 1, "member")
SYNC = SyncGroupRequest("group", 1, "member", "", [])
JOIN = JoinGroupRequest("group", 6000, 6000, "", None, "consumer", [])
PATIENCE = 4.5


class World:
    """A clock that is set by hand, and a consumer whose coordinator answers what it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.regained = 0
        self.answer: type[KafkaError] = NoError
        self.answers_after = 0.0
        self.consumer = SimpleNamespace(_coordinator=SimpleNamespace(_send_req=self._send))
        self.contact = Contact(PATIENCE, self._on_regained, lambda: self.now)
        self.contact.watch(self.consumer)

    def _on_regained(self) -> None:
        self.regained += 1

    async def _send(self, request: Any) -> Any:
        self.now += self.answers_after
        if self.answer is RequestTimedOutError:
            raise RequestTimedOutError
        return SimpleNamespace(error_code=self.answer.errno)

    async def ask(self, request: Any) -> Any:
        return await self.consumer._coordinator._send_req(request)


async def test_nothing_is_known_in_the_beginning() -> None:
    """Before the first answer there is no proof."""
    world = World()
    assert not world.contact.is_fresh
    assert world.contact.age_seconds == float("inf")


@pytest.mark.parametrize(
    ("request_", "answer", "proves"),
    [
        (HEARTBEAT, NoError, True),
        (HEARTBEAT, RebalanceInProgressError, True),
        (HEARTBEAT, UnknownMemberIdError, False),
        (HEARTBEAT, IllegalGenerationError, False),
        (HEARTBEAT, NotCoordinatorForGroupError, False),
        (SYNC, NoError, True),
        (SYNC, RebalanceInProgressError, False),
        (JOIN, NoError, False),
    ],
)
async def test_what_proves_membership(request_: Any, answer: type[KafkaError], *, proves: bool) -> None:
    """Heartbeats, also those that announce a rebalance, and assignments. To be in a rebalance is no assignment yet."""
    world = World()
    world.answer = answer
    response = await world.ask(request_)
    assert response.error_code == answer.errno
    assert world.contact.is_fresh == proves


async def test_no_answer_proves_nothing() -> None:
    """The library sees the failure as before."""
    world = World()
    world.answer = RequestTimedOutError
    with pytest.raises(RequestTimedOutError):
        await world.ask(HEARTBEAT)
    assert not world.contact.is_fresh


async def test_proof_ages_from_the_question() -> None:
    """An answer that took its time, or was read late by a process that stood still, is as old as its request."""
    world = World()
    world.answers_after = PATIENCE
    await world.ask(HEARTBEAT)
    assert world.contact.is_fresh
    world.answers_after = PATIENCE + 0.1
    await world.ask(HEARTBEAT)
    assert world.contact.age_seconds > PATIENCE


async def test_who_waits_is_told_once() -> None:
    """Only proof after a time without proof is news."""
    world = World()
    await world.ask(SYNC)
    await world.ask(HEARTBEAT)
    world.now += 1.0
    await world.ask(HEARTBEAT)
    assert world.regained == 1
    world.now += PATIENCE + 0.1
    await world.ask(HEARTBEAT)
    assert world.regained == 2


async def test_waiting_for_proof_that_is_newer() -> None:
    """What was asked for before does not count, whenever it is answered."""
    world = World()
    await world.ask(HEARTBEAT)
    waiting = asyncio.create_task(world.contact.heard_after(world.now))
    await world.ask(HEARTBEAT)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    world.now += 0.1
    await world.ask(HEARTBEAT)
    async with asyncio.timeout(1):
        await waiting


async def test_watching_twice_is_watching_once() -> None:
    """Every rebalance asks for it."""
    world = World()
    send = world.consumer._coordinator._send_req
    world.contact.watch(world.consumer)
    assert world.consumer._coordinator._send_req is send
