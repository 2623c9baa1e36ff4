"""The calls on a real store behind a real port, without the rest of an engine."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import ClientSession, web

from tests.unit.engine.rest.conversations import Kept
from worker.engine.http import add_headers, answer_errors, message
from worker.engine.rest.manage import TrackerRoutes
from worker.engine.rest.routes import ConversationRoutes
from worker.engine.store.model import (
    ConversationRecord,
    EndConversation,
    SaveConversation,
    SaveItem,
    SaveMember,
    Store,
)
from worker.engine.trackers import TrackerLibrary

ACCOUNTS = {"token-a": "account-a", "token-b": "account-b"}


@dataclass
class Service:
    """What a client can call, and the store behind it."""

    base_url: str
    session: ClientSession
    store: Store
    library: TrackerLibrary

    async def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = "token-a", data: bytes | None = None
    ) -> tuple[int, Any]:
        """Status and decoded body."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        data = orjson.dumps(body) if data is None and body is not None else data
        sent = None if data is None else io.BytesIO(data)
        async with self.session.request(method, self.base_url + path, data=sent, headers=headers) as response:
            assert response.content_type == "application/json"
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            return response.status, orjson.loads(await response.read())

    async def keep(
        self,
        conversation_id: str,
        kept: Kept,
        *,
        account: str = "account-a",
        started_at: float = 1_780_000_000.0,
        ended_at: float | None = None,
    ) -> None:
        """Puts a conversation into the store, as an engine would."""
        record = ConversationRecord(
            id=conversation_id, account=account, connection_id=f"call-{conversation_id}", started_at=started_at
        )
        members = [SaveMember(conversation_id, member) for member in kept.members]
        items = [SaveItem(conversation_id, item) for kind in kept.items.values() for item in kind]
        await self.store.write([SaveConversation(record), *members, *items])
        if ended_at is not None:
            await self.store.write([EndConversation(conversation_id, ended_at)])


def make_app(store: Store, library: TrackerLibrary, *, clock: Callable[[], float]) -> web.Application:
    # Larger than what the calls take themselves.
    app = web.Application(middlewares=[answer_errors], client_max_size=2 << 20)
    app.on_response_prepare.append(add_headers)

    def authenticate(request: web.Request) -> str | web.Response:
        account = ACCOUNTS.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        return message(401, "Token validation failed for provided token.") if account is None else account

    async def flush() -> None:
        pass

    numbers = iter(range(10**15, 10**16))
    ConversationRoutes(store, flush=flush, authenticate=authenticate, clock=clock).add_to(app)
    TrackerRoutes(store, library, authenticate=authenticate, new_id=lambda: str(next(numbers)), clock=clock).add_to(app)
    return app
