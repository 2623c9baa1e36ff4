"""Calls of the Conversation API, on a real store behind a real port."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson
import pytest

from tests.unit.engine.rest import shapes
from tests.unit.engine.rest.conftest import NOW
from tests.unit.engine.rest.conversations import CALL, Kept, keep
from tests.unit.engine.rest.service import Service
from worker.engine.messages import iso_time
from worker.engine.rest.routes import _NOT_OFFERED, _VIEWS, MAX_PAGE
from worker.engine.store.model import ConversationRecord, SaveConversation
from worker.engine.store.sql import SqlStore

ID = "4866329603473408"
PATH = f"/v1/conversations/{ID}"
SHAPES: dict[str, Any] = {
    "messages": shapes.MESSAGES,
    "insights": {"insights": [shapes.ACTION_ITEM]},
    "questions": shapes.QUESTIONS,
    "action-items": shapes.ACTION_ITEMS,
    "follow-ups": shapes.FOLLOW_UPS,
    "topics": shapes.TOPICS,
    "trackers": [shapes.TRACKER],
    "trackers-detected": [shapes.TRACKER],
    "entities": shapes.ENTITIES,
    "analytics": shapes.ANALYTICS,
    "summary": shapes.SUMMARY,
    "members": shapes.MEMBERS,
}
MARKDOWN = {"contentType": "text/markdown"}


async def test_everything_about_a_conversation(service: Service) -> None:
    """Every endpoint answers 200 with content of the right shape."""
    assert SHAPES.keys() == _VIEWS.keys()
    await service.keep(ID, CALL, ended_at=1_780_000_060.0)
    status, conversation = await service.call("GET", PATH)
    assert (status, conversation["id"], len(conversation["members"])) == (200, ID, 2)
    assert shapes.misfit(conversation, shapes.CONVERSATION) is None
    for name, shape in SHAPES.items():
        status, answer = await service.call("GET", f"{PATH}/{name}")
        assert status == 200
        assert shapes.misfit(answer, shape) is None, name
        assert answer[0] if isinstance(answer, list) else all(answer.values()), name
    status, answer = await service.call("POST", f"{PATH}/transcript", MARKDOWN)
    assert status == 200
    assert shapes.misfit(answer, shapes.TRANSCRIPT) is None
    assert answer["transcript"]["payload"].startswith("Good morning this is Ines")
    assert await service.call("POST", f"{PATH}/summary", {"name": "verbose-text-summary"}) == await service.call(
        "GET", f"{PATH}/summary?refresh=true"
    )


async def test_options_of_messages_and_topics(service: Service) -> None:
    """Words, sentiments and parents are there when they are asked for, in any case of letters, and only then."""
    await service.keep(ID, CALL)
    for query, verbose, sentiment in (
        ("", False, False),
        ("?verbose=true", True, False),
        ("?sentiment=True", False, True),
        ("?verbose=true&sentiment=true", True, True),
        ("?verbose=false&sentiment=no", False, False),
    ):
        _, answer = await service.call("GET", f"{PATH}/messages{query}")
        assert ("words" in answer["messages"][0]) is verbose
        assert ("sentiment" in answer["messages"][0]) is sentiment
    _, answer = await service.call("GET", f"{PATH}/topics?parentRefs=true&sentiment=true")
    assert any(topic["parentRefs"] for topic in answer["topics"])
    assert all("sentiment" in topic for topic in answer["topics"])


async def test_only_with_a_token(service: Service) -> None:
    """Every call is refused with 401 and the documented body, also those that are not offered."""
    refusal = {"message": "Token validation failed for provided token."}
    calls = [
        ("GET", "/v1/conversations"),
        ("GET", PATH),
        ("PUT", PATH),
        ("DELETE", PATH),
        ("PUT", f"{PATH}/members/1"),
        ("POST", f"{PATH}/transcript"),
        ("POST", f"{PATH}/summary"),
        ("GET", f"{PATH}/callscore"),
        ("POST", "/v1/process/text"),
        *(("GET", f"{PATH}/{name}") for name in SHAPES),
        *((method, "/v1/manage/trackers") for method in ("GET", "POST")),
        *((method, "/v1/manage/tracker/1") for method in ("GET", "PUT", "PATCH", "DELETE")),
    ]
    for method, path in calls:
        for token in (None, "wrong"):
            assert await service.call(method, path, token=token) == (401, refusal)


async def test_accounts_do_not_see_each_other(service: Service) -> None:
    """Another account's conversation does not exist, and stays as it was."""
    await service.keep(ID, CALL)
    before = await service.call("GET", PATH)
    unknown = (404, {"message": "The conversationId is either invalid or does not exist."})
    member = CALL.members[0].id
    calls = [
        ("GET", PATH, None),
        ("PUT", PATH, {"metadata": {"a": "b"}}),
        ("DELETE", PATH, None),
        ("PUT", f"{PATH}/members/{member}", {"name": "Eve"}),
        ("POST", f"{PATH}/transcript", MARKDOWN),
        *(("GET", f"{PATH}/{name}", None) for name in SHAPES),
    ]
    for method, path, body in calls:
        assert await service.call(method, path, body, token="token-b") == unknown
    assert await service.call("GET", "/v1/conversations", token="token-b") == (200, {"conversations": [], "total": 0})
    assert await service.call("GET", PATH) == before


@pytest.mark.parametrize("conversation_id", ["1", "abc", "%00", "4" * 33, "４", "..%2f", "'--"])
async def test_unknown_conversations(service: Service, conversation_id: str) -> None:
    """They are 404, whatever stands where the id should be."""
    path = f"/v1/conversations/{conversation_id}"
    for method, address, body in (
        ("GET", path, None),
        ("GET", f"{path}/messages", None),
        ("PUT", path, {"metadata": {}}),
        ("PUT", f"{path}/members/1", {"name": "Zoe"}),
        ("DELETE", path, None),
    ):
        status, answer = await service.call(method, address, body)
        assert (status, list(answer)) == (404, ["message"])


async def test_pages(service: Service) -> None:
    """Conversations are listed by their start, in pages, with the total; live ones are among them."""
    for number in range(5):
        await service.keep(str(10**15 + number), Kept(CALL.members), started_at=NOW - 1000 + number)
    await service.keep("1", Kept([]), started_at=NOW - 8 * 86_400)
    ids = [str(10**15 + number) for number in range(5)]

    async def listed(query: str) -> tuple[list[str], int]:
        status, answer = await service.call("GET", f"/v1/conversations{query}")
        assert status == 200
        assert shapes.misfit(answer, shapes.CONVERSATIONS) is None
        return [each["id"] for each in answer["conversations"]], answer["total"]

    assert await listed("") == (ids, 5)
    assert await listed("?order=desc") == (ids[::-1], 5)
    assert await listed("?limit=2&offset=1") == (ids[1:3], 5)
    assert await listed("?limit=2&offset=4") == (ids[4:], 5)
    assert await listed("?limit=0") == ([], 5)
    assert await listed("?limit=65536&offset=9007199254740992") == ([], 5)
    assert await listed(f"?startTime={iso_time(int((NOW - 998) * 1000))}") == (ids[2:], 3)
    assert await listed(f"?endTime={iso_time(int((NOW - 998) * 1000))}") == (ids[:2], 2)
    assert await listed("?startTime=2000-01-01T00:00:00Z") == (["1", *ids], 6)
    _, answer = await service.call("GET", "/v1/conversations?limit=1")
    assert [each["name"] for each in answer["conversations"][0]["members"]] == ["Ines", "Omar"]
    assert "endTime" not in answer["conversations"][0]


async def test_a_page_has_an_end(service: Service) -> None:
    """One answer lists so many conversations at most, whatever is asked for; the total tells of the others."""
    records = [
        ConversationRecord(
            id=str(10**15 + number), account="account-a", connection_id=str(number), started_at=NOW - 5000 + number
        )
        for number in range(MAX_PAGE + 5)
    ]
    await service.store.write([SaveConversation(record) for record in records])
    began = time.monotonic()
    _, answer = await service.call("GET", "/v1/conversations?limit=65536")
    print(f"{MAX_PAGE} conversations in {time.monotonic() - began:.2f} s")
    assert (len(answer["conversations"]), answer["total"]) == (MAX_PAGE, MAX_PAGE + 5)


async def test_metadata_and_name(service: Service) -> None:
    """PUT replaces the metadata, or the name, and answers with the conversation."""
    await service.keep(ID, CALL)
    metadata = {"key": "value", "agentId": "johndoe"}
    status, changed = await service.call("PUT", PATH, {"metadata": metadata})
    assert (status, changed["id"], changed["metadata"], changed["name"]) == (200, ID, metadata, ID)
    status, changed = await service.call("PUT", PATH, {"metadata": {"a": "b"}, "name": "Billing"})
    assert (changed["metadata"], changed["name"]) == ({"a": "b"}, "Billing")
    assert await service.call("GET", PATH) == (200, changed)
    for data in (b"", b"{", b"[]", b'{"id": "2"}', b'{"metadata": {"a": 1}}'):
        status, answer = await service.call("PUT", PATH, data=data)
        assert (status, list(answer)) == (400, ["message"])
    assert await service.call("GET", PATH) == (200, changed)


async def test_renaming_a_member(service: Service) -> None:
    """The new name is shown wherever the member was; the answer has the documented text."""
    await service.keep(ID, CALL)
    ines = CALL.members[0].id
    body = {"id": ines, "name": "Zoe Marlow", "email": "zoe@example.com", "pace": {}, "overlap": {}}
    status, answer = await service.call("PUT", f"{PATH}/members/{ines}", body)
    assert (status, list(answer)) == (200, ["message"])
    assert answer["message"].startswith(f"Member with id: {ines} for conversationId: {ID} updated successfully!")
    _, answer = await service.call("GET", f"{PATH}/members")
    zoe = {"id": ines, "name": "Zoe Marlow", "userId": "zoe@example.com", "email": "zoe@example.com"}
    assert zoe in answer["members"]
    _, answer = await service.call("GET", f"{PATH}/messages")
    assert answer["messages"][0]["from"] == zoe
    _, answer = await service.call("GET", f"{PATH}/action-items")
    assert answer["actionItems"][0]["from"] == answer["actionItems"][0]["assignee"] == zoe
    _, answer = await service.call("PUT", f"{PATH}/members/{ines}", {"name": "Zoe"})
    _, answer = await service.call("GET", f"{PATH}/members")
    assert zoe | {"name": "Zoe"} in answer["members"]
    assert (await service.call("PUT", f"{PATH}/members/nobody", {"name": "x"}))[0] == 404
    assert (await service.call("PUT", f"{PATH}/members/{ines}", {"email": "x@example.com"}))[0] == 400


async def test_deletion(service: Service) -> None:
    """A deleted conversation is gone for good, with everything in it; the others stay."""
    await service.keep(ID, CALL)
    await service.keep("7", CALL)
    assert await service.call("DELETE", PATH) == (200, {"message": "successfully deleted the conversation"})
    for path in ("", "/messages", "/insights", "/members"):
        assert (await service.call("GET", PATH + path))[0] == 404
    assert (await service.call("DELETE", PATH))[0] == 404
    assert (await service.call("GET", "/v1/conversations/7/messages"))[1]["messages"]


async def test_what_there_is_not(service: Service) -> None:
    """Calls of the hosted service that are not offered are 501, unknown addresses 404, wrong methods 405, all with a
    message."""
    await service.keep(ID, CALL)
    for path in _NOT_OFFERED:
        address = path.replace("{conversation_id}", ID).replace("{rest:.+}", "a/b")
        for method in ("GET", "POST", "PUT", "DELETE"):
            assert await service.call(method, address) == (501, {"message": "This server does not offer this call."})
    for method, path, expected in (
        ("GET", f"{PATH}/nothing", 404),
        ("GET", "/v1/manage/nothing", 404),
        ("POST", "/v1/conversations", 405),
        ("PATCH", PATH, 405),
        ("GET", f"{PATH}/transcript", 405),
        ("DELETE", f"{PATH}/messages", 405),
    ):
        status, answer = await service.call(method, path)
        assert (status, list(answer)) == (expected, ["message"]), path


async def test_browsers(service: Service) -> None:
    """Preflights are answered for every address."""
    for path in ("/v1/conversations", PATH, f"{PATH}/messages", f"{PATH}/members/1", "/v1/manage/trackers/1"):
        async with service.session.options(service.base_url + path) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert "authorization" in response.headers["Access-Control-Allow-Headers"]


async def test_bad_bodies(service: Service) -> None:
    """What is no JSON, or not what is wanted, is 400; what is too large is 413."""
    await service.keep(ID, CALL)
    assert (await service.call("GET", "/v1/conversations?limit=-1"))[0] == 400
    for data in (b"", b"\xff", b"[", b"null", b'{"contentType": "text/html"}'):
        assert (await service.call("POST", f"{PATH}/transcript", data=data))[0] == 400
    for mebibytes in (1, 3):
        data = b'{"metadata": "' + b"x" * (mebibytes << 20) + b'"}'
        assert (await service.call("PUT", PATH, data=data))[0] == 413


async def test_deleted_while_it_was_asked_for(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is gone between two steps of an answer is 404, not half an answer."""
    await service.keep(ID, CALL)

    async def gone(*args: object) -> None:
        return None

    monkeypatch.setattr(service.store, "items", gone)
    assert (await service.call("GET", f"{PATH}/messages"))[0] == 404
    assert (await service.call("POST", f"{PATH}/transcript", MARKDOWN))[0] == 404
    monkeypatch.setattr(service.store, "update_member", gone)
    assert (await service.call("PUT", f"{PATH}/members/{CALL.members[0].id}", {"name": "Zoe"}))[0] == 404


async def test_a_store_out_of_reach(service: Service) -> None:
    """Its outage is a 503 with a message."""
    assert isinstance(service.store, SqlStore)
    await service.library.stop()
    await service.store.stop()
    for method, path in (("GET", "/v1/conversations"), ("GET", f"{PATH}/messages"), ("GET", "/v1/manage/trackers")):
        status, answer = await service.call(method, path)
        assert (status, list(answer)) == (503, ["message"])


async def test_a_long_conversation_does_not_stop_the_others(service: Service) -> None:
    """While 10,000 messages are shown with words and sentiment, the event loop goes on."""
    text = "this sentence has some words about the invoice of the customer"
    one = keep([("Ines", 0.0, 2.0, text), ("Omar", 2.0, 4.0, text)])
    first, second = one.of("message")
    items = []
    for number in range(10_000):
        item = (first, second)[number % 2]
        items.append(type(item)(kind="message", id=f"m-{number}", ordinal=number, body=item.body))
    await service.keep(ID, Kept(one.members, {"message": items}))
    longest = 0.0
    running = True

    async def watch() -> None:
        nonlocal longest
        before = time.monotonic()
        while running:
            await asyncio.sleep(0.001)
            now = time.monotonic()
            longest, before = max(longest, now - before), now

    watching = asyncio.create_task(watch())
    began = time.monotonic()
    async with service.session.get(
        f"{service.base_url}{PATH}/messages?verbose=true&sentiment=true", headers={"Authorization": "Bearer token-a"}
    ) as response:
        data = await response.read()
    took = time.monotonic() - began
    running = False
    await watching
    print(f"{took:.2f} s, longest pause of the loop {longest * 1000:.0f} ms")
    assert len(orjson.loads(data)["messages"]) == 10_000
    assert longest < max(0.5, took / 2)
