"""Calls of tracker management, on a real store behind a real port."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.engine.rest import shapes
from tests.unit.engine.rest.service import Service
from tests.unit.engine.rest.test_rest_requests import PROMOTION
from worker.engine.rest.tracker_requests import MAX_TRACKERS
from worker.engine.store.model import TrackerRecord

VOICE = {"name": "Voice Message", "vocabulary": ["please leave message", "press to record"]}


async def create(service: Service, tracker: dict[str, Any], **options: Any) -> dict[str, Any]:
    status, answer = await service.call("POST", "/v1/manage/trackers", tracker, **options)
    assert status == 201
    assert isinstance(answer["tracker"], dict)
    return answer["tracker"]


async def test_the_life_of_a_tracker(service: Service) -> None:
    """Created, listed, found by name and id, replaced, patched and deleted, at both addresses, in the documented
    shapes."""
    status, answer = await service.call("POST", "/v1/manage/tracker", PROMOTION)
    assert status == 201
    assert list(answer) == ["tracker"]
    tracker = answer["tracker"]
    assert tracker.items() >= PROMOTION.items()
    assert tracker["id"].isdigit()
    assert shapes.misfit(answer, {"tracker": shapes.SAVED_TRACKER}) is None
    assert await service.call("GET", "/v1/manage/trackers") == (200, {"trackers": [tracker]})
    assert await service.call("GET", "/v1/manage/trackers?name=Promotion%20Mention") == (200, {"trackers": [tracker]})
    assert await service.call("GET", "/v1/manage/trackers?name=promotion%20mention") == (200, {"trackers": []})
    for address in (f"/v1/manage/tracker/{tracker['id']}", f"/v1/manage/trackers/{tracker['id']}"):
        assert await service.call("GET", address) == (200, {"tracker": tracker})
        change = {"id": tracker["id"], "name": "Sale", "vocabulary": ["flash sale", "discount"]}
        status, answer = await service.call("PUT", address, change)
        assert status == 200
        assert answer["tracker"].items() >= change.items()
        assert answer["tracker"]["createdOn"] == tracker["createdOn"]
        operations = [
            {"op": "add", "path": "/vocabulary", "value": "special offer"},
            {"op": "replace", "path": "/name", "value": "Promotion Mention"},
        ]
        status, answer = await service.call("PATCH", address, operations)
        assert status == 200
        assert answer["tracker"]["vocabulary"] == ["flash sale", "discount", "special offer"]
        tracker = answer["tracker"]
    assert [each.body for each in service.library.of("account-a")] == [tracker]
    deleted = {"id": tracker["id"], "type": "tracker", "deleted": True}
    assert await service.call("DELETE", address) == (200, deleted)
    for method, body in (("GET", None), ("PUT", VOICE), ("PATCH", operations), ("DELETE", None)):
        assert (await service.call(method, address, body))[0] == 404
    assert await service.call("GET", "/v1/manage/trackers") == (200, {"trackers": []})


async def test_bulk(service: Service) -> None:
    """An array makes all of its trackers or none, at the address of the documentation and at the later one."""
    for address, trackers in (
        ("/v1/manage/trackers", [PROMOTION, VOICE]),
        ("/v1/manage/trackers/bulk", [{**PROMOTION, "name": "Third"}]),
    ):
        status, answer = await service.call("POST", address, trackers)
        assert status == 201
        assert [each["name"] for each in answer["trackers"]] == [each["name"] for each in trackers]
        assert shapes.misfit(answer, shapes.SAVED_TRACKERS) is None
    for trackers, expected in (
        ([{**VOICE, "name": "New"}, VOICE], 409),
        ([{**VOICE, "name": "New"}, {"name": "Empty", "vocabulary": []}], 400),
        ([], 400),
    ):
        assert (await service.call("POST", "/v1/manage/trackers", trackers))[0] == expected
    _, answer = await service.call("GET", "/v1/manage/trackers")
    assert [each["name"] for each in answer["trackers"]] == ["Promotion Mention", "Voice Message", "Third"]


async def test_names_are_unique_within_an_account(service: Service) -> None:
    """A duplicate name is 409, on creation and on change; other cases and other accounts have names of their own."""
    first = await create(service, PROMOTION)
    second = await create(service, VOICE)
    await create(service, {**PROMOTION, "name": "PROMOTION MENTION"})
    await create(service, PROMOTION, token="token-b")
    conflict = (409, {"message": "A tracker with this name already exists."})
    assert await service.call("POST", "/v1/manage/tracker", PROMOTION) == conflict
    address = f"/v1/manage/tracker/{second['id']}"
    assert await service.call("PUT", address, {**VOICE, "name": first["name"]}) == conflict
    rename = [{"op": "replace", "path": "/name", "value": first["name"]}]
    assert await service.call("PATCH", address, rename) == conflict
    assert (await service.call("PUT", address, VOICE))[0] == 200


async def test_accounts_have_their_own_trackers(service: Service) -> None:
    """Another account's tracker does not exist."""
    tracker = await create(service, PROMOTION)
    address = f"/v1/manage/tracker/{tracker['id']}"
    rename = [{"op": "replace", "path": "/name", "value": "x"}]
    for method, body in (("GET", None), ("PUT", VOICE), ("PATCH", rename), ("DELETE", None)):
        status, answer = await service.call(method, address, body, token="token-b")
        assert (status, list(answer)) == (404, ["message"])
    assert await service.call("GET", "/v1/manage/trackers", token="token-b") == (200, {"trackers": []})
    assert await service.call("GET", address) == (200, {"tracker": tracker})


async def test_refusals(service: Service) -> None:
    """Malformed is 400, above a mebibyte 413, each with a message; nothing is kept."""
    tracker = await create(service, VOICE)
    address = f"/v1/manage/tracker/{tracker['id']}"
    for method, path, data, expected in (
        ("POST", "/v1/manage/tracker", b"", 400),
        ("POST", "/v1/manage/tracker", b"{", 400),
        ("POST", "/v1/manage/tracker", b"7", 400),
        ("POST", "/v1/manage/tracker", b'{"name": "x", "vocabulary": ["a?"]}', 400),
        ("POST", "/v1/manage/trackers", b'[{"name": "x"}]', 400),
        ("POST", "/v1/manage/trackers", b'[{"name": "' + b"x" * (1 << 20) + b'"}]', 413),
        ("PUT", address, b"[]", 400),
        ("PUT", address, b"{", 400),
        ("PATCH", address, b"{", 400),
        ("PUT", address, b'{"id": "2", "name": "x", "vocabulary": ["a"]}', 400),
        ("PUT", address, b" " * ((1 << 20) + 1), 413),
        ("PATCH", address, b"{}", 400),
        ("PATCH", address, b'[{"op": "remove", "path": "/vocabulary", "value": "unknown"}]', 400),
    ):
        status, answer = await service.call(method, path, data=data)
        assert (status, list(answer)) == (expected, ["message"]), (method, data[:40])
    assert await service.call("GET", "/v1/manage/trackers") == (200, {"trackers": [tracker]})


async def test_an_account_has_a_limited_number(service: Service) -> None:
    """One more than the limit is refused, alone or in an array; the limit is each account's own."""
    many = [{"name": f"Tracker {number}", "vocabulary": ["sale"]} for number in range(MAX_TRACKERS - 1)]
    assert (await service.call("POST", "/v1/manage/trackers", many))[0] == 201
    two = [{**VOICE, "name": "A"}, {**VOICE, "name": "B"}]
    assert (await service.call("POST", "/v1/manage/trackers", two))[0] == 400
    await create(service, VOICE)
    status, answer = await service.call("POST", "/v1/manage/tracker", {**VOICE, "name": "one more"})
    assert (status, answer) == (400, {"message": f"An account has at most {MAX_TRACKERS} trackers."})
    await create(service, VOICE, token="token-b")


async def test_at_the_same_time(service: Service) -> None:
    """Of many equal creations exactly one succeeds."""
    answers = await asyncio.gather(*(service.call("POST", "/v1/manage/tracker", VOICE) for _ in range(8)))
    assert sorted(status for status, _ in answers) == [201, *[409] * 7]


async def test_another_engine_was_quicker(service: Service) -> None:
    """A tracker that another engine put into the store is shown and its name is taken."""
    body = {**VOICE, "id": "7", "categories": [], "languages": [], "createdOn": "", "updatedOn": ""}
    await service.store.save_tracker("account-a", TrackerRecord(id="7", name=VOICE["name"], body=body))  # type: ignore[arg-type]
    assert (await service.call("POST", "/v1/manage/tracker", VOICE))[0] == 409
    assert await service.call("GET", "/v1/manage/tracker/7") == (200, {"tracker": body})


async def test_another_engine_is_quicker_in_the_middle(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that was taken after it was looked for is 409 all the same; of an array nothing stays."""
    voice = await create(service, VOICE)
    sale = await create(service, PROMOTION)
    read = service.store.trackers

    async def before(account: str | None = None) -> list[tuple[str, TrackerRecord]]:
        """As it was before the other engine saved its tracker."""
        return [each for each in await read(account) if each[1].id != voice["id"]]

    monkeypatch.setattr(service.store, "trackers", before)
    address = f"/v1/manage/tracker/{sale['id']}"
    rename = [{"op": "replace", "path": "/name", "value": VOICE["name"]}]
    for method, path, data in (
        ("POST", "/v1/manage/tracker", VOICE),
        ("POST", "/v1/manage/trackers", [{**VOICE, "name": "New"}, VOICE]),
        ("PUT", address, {**PROMOTION, "name": VOICE["name"]}),
        ("PATCH", address, rename),
    ):
        assert (await service.call(method, path, data))[0] == 409
    monkeypatch.undo()
    assert await service.call("GET", "/v1/manage/trackers") == (200, {"trackers": [voice, sale]})
