"""The Conversation API: conversations of an account, while they are live and for a while after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson
from aiohttp import web

from worker.engine.http import json_response
from worker.engine.rest import findings, views
from worker.engine.rest.answers import Authenticate, Call, guarded, read_json
from worker.engine.rest.problems import NOT_OFFERED, UNKNOWN_CONVERSATION, UNKNOWN_MEMBER, Problem
from worker.engine.rest.queries import flag, parse_conversation_change, parse_member_change, parse_page
from worker.engine.rest.spoken import SpokenMessage, read_messages
from worker.engine.rest.transcripts import parse_transcript_request, transcript_of
from worker.engine.store.model import ItemRecord, Kind, MemberRecord, Store

MAX_BODY_BYTES = 1 << 20
MAX_PAGE = 1_000
"""Conversations in one answer, whatever ``limit`` says."""
QUICK_ITEMS = 200
"""Answers of more items are made in a thread: 10,000 messages with words take half a second."""
_MAX_ID_DIGITS = 32

_Query: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is known of one conversation: all of its members, and its items of some kinds."""

    conversation_id: str
    members: Sequence[MemberRecord] = field(repr=False)
    items: Mapping[Kind, Sequence[ItemRecord]] = field(repr=False)

    @property
    def spoken(self) -> list[SpokenMessage]:
        return read_messages(self.items["message"], self.members)


_View: TypeAlias = Callable[[_Kept, _Query], Any]
"""Makes an answer: a JSON value, or the JSON itself."""


def _messages(kept: _Kept, query: _Query) -> bytes:
    """Written message by message: all of them as objects at a time would keep the memory management busy."""
    shown = views.message_views(
        kept.conversation_id, kept.spoken, verbose=flag(query, "verbose"), sentiment=flag(query, "sentiment")
    )
    return b'{"messages":[%b]}' % b",".join(map(orjson.dumps, shown))


def _topics(kept: _Kept, query: _Query) -> Any:
    return findings.topics_view(
        kept.items["topic"], kept.spoken, sentiment=flag(query, "sentiment"), parents=flag(query, "parentRefs")
    )


def _summary(kept: _Kept, query: _Query) -> Any:
    return views.summary_view(kept.spoken, findings.committed_messages(kept.items["insight"]))


def _trackers(kept: _Kept, query: _Query) -> Any:
    return findings.trackers_view(kept.items["tracker"])


_VIEWS: Mapping[str, tuple[tuple[Kind, ...], _View]] = {
    "messages": (("message",), _messages),
    "insights": (("insight",), lambda kept, _: findings.insights_view(kept.items["insight"], kept.members)),
    "questions": (("insight",), lambda kept, _: findings.questions_view(kept.items["insight"], kept.members)),
    "action-items": (("insight",), lambda kept, _: findings.action_items_view(kept.items["insight"], kept.members)),
    "follow-ups": (("insight",), lambda kept, _: findings.follow_ups_view(kept.items["insight"], kept.members)),
    "topics": (("topic", "message"), _topics),
    "trackers": (("tracker",), _trackers),
    "trackers-detected": (("tracker",), _trackers),
    "entities": (("entity",), lambda kept, _: findings.entities_view(kept.items["entity"])),
    "analytics": (("message",), lambda kept, _: views.analytics_view(kept.spoken, kept.members)),
    "summary": (("message", "insight"), _summary),
    "members": ((), lambda kept, _: {"members": [views.member_view(each) for each in kept.members]}),
}
"""What can be read below a conversation: the kinds of items it is made of, and how."""

_ONE = "/v1/conversations/{conversation_id}"
_NOT_OFFERED = (
    *(f"{_ONE}/{name}" for name in ("callscore", "callscore/status", "lm-insights/status", "intents", "speakers")),
    *(f"{_ONE}/{name}" for name in ("bookmarks", "bookmarks/{rest:.+}", "bookmarks-summary")),
    *(f"{_ONE}/{name}" for name in ("experiences", "experiences/{rest:.+}")),
    "/v1/conversations/experiences/{rest:.+}",
    "/v1/process/{rest:.+}",
    "/v1/job/{rest:.+}",
    *(f"/v1/manage/{name}" for name in ("settings", "group", "groups", "entity", "entities", "rta")),
    *(f"/v1/manage/{name}/{{rest:.+}}" for name in ("group", "entity", "entities", "rta")),
)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class ConversationRoutes:
    """Reads and changes what a store keeps of an account's conversations.

    Args:
        flush: Waits until the store has what live conversations said so far.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        store: Store,
        *,
        flush: Callable[[], Awaitable[None]],
        authenticate: Authenticate,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._flush = flush
        self._authenticate = authenticate
        self._clock = clock
        # Big answers cost the event loop some of its time even from a thread: one after the other.
        self._big = asyncio.Semaphore(1)

    def __repr__(self) -> str:
        return f"<ConversationRoutes busy={self._big.locked()}>"

    def add_to(self, app: web.Application) -> None:
        def add(method: str, path: str, call: Call) -> None:
            app.router.add_route(method, path, guarded(call, self._authenticate))

        add("GET", "/v1/conversations", self._list)
        add("GET", _ONE, self._show)
        add("PUT", _ONE, self._change)
        add("DELETE", _ONE, self._delete)
        add("PUT", f"{_ONE}/members/{{member_id}}", self._change_member)
        add("POST", f"{_ONE}/transcript", self._transcript)
        for name, (kinds, view) in _VIEWS.items():
            add("GET", f"{_ONE}/{name}", self._viewed(kinds, view))
        # The body, which asked the hosted service for a page, is ignored.
        add("POST", f"{_ONE}/summary", self._viewed(*_VIEWS["summary"]))
        for path in _NOT_OFFERED:
            for method in _METHODS:
                add(method, path, _not_offered)

    # --- conversations -----------------------------------------------------------------------------------------------

    async def _list(self, request: web.Request, account: str) -> web.Response | Problem:
        wanted = parse_page(request.query, self._clock())
        if isinstance(wanted, Problem):
            return wanted
        await self._flush()
        page = await self._store.conversations(
            account,
            limit=min(wanted.limit, MAX_PAGE),
            offset=wanted.offset,
            newest_first=wanted.newest_first,
            since=wanted.since,
            until=wanted.until,
        )
        members = await self._store.members_of(account, [each.id for each in page.conversations])
        shown = [(each, members[each.id]) for each in page.conversations]
        return await self._answer(len(shown), lambda: views.conversations_view(shown, total=page.total))

    async def _show(self, request: web.Request, account: str) -> web.Response | Problem:
        await self._flush()
        conversation = await self._store.conversation(account, _conversation_id(request))
        if conversation is None:
            return UNKNOWN_CONVERSATION
        members = await self._store.members(account, conversation.id) or ()
        return json_response(200, views.conversation_view(conversation, members))

    async def _change(self, request: web.Request, account: str) -> web.Response | Problem:
        body = await read_json(request, max_bytes=MAX_BODY_BYTES)
        change = body if isinstance(body, Problem) else parse_conversation_change(body)
        if isinstance(change, Problem):
            return change
        await self._flush()
        changed = await self._store.update_conversation(
            account, _conversation_id(request), name=change.name, metadata=change.metadata
        )
        if changed is None:
            return UNKNOWN_CONVERSATION
        members = await self._store.members(account, changed.id) or ()
        return json_response(200, views.conversation_view(changed, members))

    async def _delete(self, request: web.Request, account: str) -> web.Response | Problem:
        await self._flush()
        if not await self._store.delete_conversation(account, _conversation_id(request)):
            return UNKNOWN_CONVERSATION
        return json_response(200, {"message": "successfully deleted the conversation"})

    async def _change_member(self, request: web.Request, account: str) -> web.Response | Problem:
        member_id = request.match_info["member_id"]
        body = await read_json(request, max_bytes=MAX_BODY_BYTES)
        change = body if isinstance(body, Problem) else parse_member_change(body, member_id)
        if isinstance(change, Problem):
            return change
        kept = await self._read(request, account, ())
        if kept is None:
            return UNKNOWN_CONVERSATION
        if all(member.id != member_id for member in kept.members):
            return UNKNOWN_MEMBER
        member = MemberRecord(id=member_id, name=change.name, user_id=change.user_id)
        if not await self._store.update_member(account, kept.conversation_id, member):
            return UNKNOWN_MEMBER
        text = (
            f"Member with id: {member_id} for conversationId: {kept.conversation_id} updated successfully! The update "
            "should be reflected in all messages and insights along with this conversation"
        )
        return json_response(200, {"message": text})

    # --- what was said and found -------------------------------------------------------------------------------------

    def _viewed(self, kinds: tuple[Kind, ...], view: _View) -> Call:
        async def call(request: web.Request, account: str) -> web.Response | Problem:
            kept = await self._read(request, account, kinds)
            if kept is None:
                return UNKNOWN_CONVERSATION
            return await self._answer(_size(kept), lambda: view(kept, request.query))

        return call

    async def _transcript(self, request: web.Request, account: str) -> web.Response | Problem:
        body = await read_json(request, max_bytes=MAX_BODY_BYTES)
        wanted = body if isinstance(body, Problem) else parse_transcript_request(body)
        if isinstance(wanted, Problem):
            return wanted
        kept = await self._read(request, account, ("message",))
        if kept is None:
            return UNKNOWN_CONVERSATION
        return await self._answer(_size(kept), lambda: transcript_of(kept.spoken, wanted))

    async def _read(self, request: web.Request, account: str, kinds: tuple[Kind, ...]) -> _Kept | None:
        """None for a conversation that is unknown, or another account's."""
        await self._flush()
        conversation_id = _conversation_id(request)
        members = await self._store.members(account, conversation_id)
        if members is None:
            return None
        items: dict[Kind, Sequence[ItemRecord]] = {}
        for kind in kinds:
            found = await self._store.items(account, conversation_id, kind)
            if found is None:
                return None
            items[kind] = found
        return _Kept(conversation_id, members, items)

    async def _answer(self, size: int, make: Callable[[], Any]) -> web.Response:
        if size <= QUICK_ITEMS:
            body = _dump(make())
        else:
            async with self._big:
                body = await asyncio.to_thread(lambda: _dump(make()))
        return web.Response(body=body, content_type="application/json")


def _dump(answer: Any) -> bytes:
    return answer if isinstance(answer, bytes) else orjson.dumps(answer)


async def _not_offered(request: web.Request, account: str) -> Problem:
    return NOT_OFFERED


def _conversation_id(request: web.Request) -> str:
    """Empty, which no conversation's is, when it is nothing that a database should be asked for."""
    text = request.match_info["conversation_id"]
    return text if text.isascii() and text.isdigit() and len(text) <= _MAX_ID_DIGITS else ""


def _size(kept: _Kept) -> int:
    return sum(len(items) for items in kept.items.values())
