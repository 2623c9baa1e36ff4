"""The Conversation API of a whole engine: real sockets, coded speech, the store, and HTTP."""

from __future__ import annotations

import itertools
import re
from typing import Any

import aiohttp
import orjson

from tests.unit.engine.client import Client, Engine, StartEngine, fetch_token
from tests.unit.engine.rest import shapes
from tests.unit.engine.rest.test_rest_manage import VOICE
from tests.unit.engine.rest.test_rest_routes import MARKDOWN, SHAPES
from worker.engine.recognizers.coded import encode_utterance

INSIGHTS = ["question", "action_item", "follow_up", "topic"]
EVERYTHING: dict[str, Any] = {
    "insightTypes": INSIGHTS,
    "config": {"sentiment": True, "detectEntities": True, "meetingTitle": "Billing"},
    "trackers": [{"name": "Pricing", "vocabulary": ["annual subscription"]}],
}
SPOKEN = (
    ("ines", "Good morning this is Ines from the billing team ."),
    ("omar", "What is the price of the annual subscription ?"),
    ("ines", "The annual subscription costs 200 dollars ."),
    ("omar", "I am not happy with the billing plan ."),
    ("ines", "I will send Omar the annual billing plan by Friday ."),
    ("ines", "Let us schedule a call with Omar tomorrow about the billing plan ."),
)
numbers = itertools.count()


async def call(
    engine: Engine, method: str, path: str, body: Any = None, *, token: str | None = None
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token or engine.token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, engine.base_url + path, json=body, headers=headers) as response,
    ):
        assert response.content_type == "application/json"
        return response.status, orjson.loads(await response.read())


async def say(client: Client, text: str) -> str:
    """Speaks a sentence and returns the id of its message."""
    await client.audio(encode_utterance(f"u{next(numbers)}", text.split(), word_seconds=0.05, gap_seconds=0.1))
    while True:
        frame = await client.until("message_response")
        for message in frame["messages"]:
            if message["payload"]["content"] == text:
                return str(message["id"])


async def meet(engine: Engine, **members: Any) -> tuple[str, dict[str, Client]]:
    """Two speakers on one connection id, and the id of their conversation."""
    clients = {name: await engine.connect("call-of-two") for name in ("ines", "omar")}
    ids = {await client.start(f"{name}@example.com", **(EVERYTHING | members)) for name, client in clients.items()}
    assert len(ids) == 1
    return ids.pop(), clients


async def test_two_speakers_during_and_after_their_conversation(engine: Engine) -> None:
    """Every endpoint answers while the conversation is live and after it, with all that was said until then; only its
    end is not known before."""
    conversation_id, clients = await meet(engine)
    path = f"/v1/conversations/{conversation_id}"
    said = []
    for count, (name, text) in enumerate(SPOKEN, 1):
        said.append(await say(clients[name], text))
        _, answer = await call(engine, "GET", f"{path}/messages")
        assert {message["id"] for message in answer["messages"]} == set(said[:count])
    for over in (False, True):
        if over:
            for client in clients.values():
                await client.stop()
        status, conversation = await call(engine, "GET", path)
        assert status == 200
        assert (conversation["id"], conversation["name"], conversation["type"]) == (
            conversation_id,
            "Billing",
            "meeting",
        )
        assert ("endTime" in conversation) is over
        assert {member["email"] for member in conversation["members"]} == {"ines@example.com", "omar@example.com"}
        _, listed = await call(engine, "GET", "/v1/conversations")
        assert (listed["conversations"], listed["total"]) == ([conversation], 1)
        for name, shape in SHAPES.items():
            status, answer = await call(engine, "GET", f"{path}/{name}?verbose=true&sentiment=true&parentRefs=true")
            assert status == 200
            assert shapes.misfit(answer, shape) is None, name
            # Topics come after every eighth message and at the end.
            full = over or name != "topics"
            assert (answer[0] if isinstance(answer, list) else all(answer.values())) or not full, name
        for body in ({**MARKDOWN, "createParagraphs": True}, {"contentType": "text/srt"}):
            status, answer = await call(engine, "POST", f"{path}/transcript", body)
            assert status == 200
            assert shapes.misfit(answer, shapes.TRANSCRIPT) is None
            assert all(text in answer["transcript"]["payload"] for _, text in SPOKEN)
    await check_messages(engine, path)
    await check_findings(engine, path, said)


async def check_messages(engine: Engine, path: str) -> None:
    """Messages are those of the stream, with words that have scores, and times that fit together."""
    _, answer = await call(engine, "GET", f"{path}/messages?verbose=true&sentiment=true")
    messages = answer["messages"]
    assert sorted(message["text"] for message in messages) == sorted(text for _, text in SPOKEN)
    starts = [message["startTime"] for message in messages]
    assert starts == sorted(starts)
    assert messages[0]["timeOffset"] == 0
    for message in messages:
        assert [word["word"] for word in message["words"]] == message["text"].split()
        assert all(0 <= word["score"] <= 1 for word in message["words"])
        assert abs(message["words"][0]["timeOffset"] - message["timeOffset"]) < 0.02
        assert message["conversationId"] == path.rpartition("/")[2]
    unhappy = next(message for message in messages if "not happy" in message["text"])
    assert unhappy["sentiment"]["suggested"] == "negative"
    assert unhappy["from"]["userId"] == "omar@example.com"


async def check_findings(engine: Engine, path: str, said: list[str]) -> None:
    """Insights, trackers and entities refer to the messages that they came of."""
    _, answer = await call(engine, "GET", f"{path}/questions")
    assert [question["messageIds"] for question in answer["questions"]] == [[said[1]]]
    _, answer = await call(engine, "GET", f"{path}/action-items")
    assert [item["messageIds"] for item in answer["actionItems"]] == [[said[4]]]
    _, answer = await call(engine, "GET", f"{path}/follow-ups")
    assert [item["messageIds"] for item in answer["followUps"]] == [[said[5]]]
    _, trackers = await call(engine, "GET", f"{path}/trackers-detected")
    assert [reference["id"] for reference in trackers[0]["matches"][0]["messageRefs"]] == said[1:3]
    _, answer = await call(engine, "GET", f"{path}/analytics")
    talk = [metric["seconds"] for metric in answer["metrics"] if metric["type"] == "total_talk_time"]
    assert abs(sum(member["talkTime"]["seconds"] for member in answer["members"]) - talk[0]) < 0.01


async def test_a_saved_tracker_is_found_in_the_next_conversation(engine: Engine) -> None:
    """With its id, by whoever did not switch it off, and no longer after it was deleted."""
    status, answer = await call(engine, "POST", "/v1/manage/trackers", VOICE)
    assert status == 201
    tracker = answer["tracker"]

    async def heard(connection_id: str, **start: Any) -> Any:
        client = await engine.connect(connection_id)
        conversation_id = await client.start(**start)
        await say(client, "Please leave message after the tone .")
        await client.stop()
        streamed = [each for frame in client.frames for each in frame.get("trackers", ())]
        _, kept = await call(engine, "GET", f"/v1/conversations/{conversation_id}/trackers")
        assert [(each.get("id"), each["name"]) for each in streamed] == [
            (each.get("id"), each["name"]) for each in kept
        ]
        return kept

    for number, start in enumerate(({}, {"config": {"trackers": {"enableAllTrackers": True}}})):
        (found,) = await heard(f"on-{number}", **start)
        assert (found["id"], found["name"]) == (tracker["id"], VOICE["name"])
        assert found["matches"][0]["value"] == "please leave message"
    assert await heard("off", config={"trackers": {"enableAllTrackers": False}}) == []
    await call(engine, "DELETE", f"/v1/manage/tracker/{tracker['id']}")
    assert await heard("deleted") == []


async def test_two_accounts(start_engine: StartEngine) -> None:
    """Neither sees conversations or trackers of the other."""
    engine = await start_engine(accounts={"app": "secret", "other": "secret"})
    _, answer = await fetch_token(engine.base_url, "other", "secret")
    other = answer["accessToken"]
    client = await engine.connect()
    conversation_id = await client.start()
    await say(client, "hello there")
    await call(engine, "POST", "/v1/manage/tracker", VOICE)
    path = f"/v1/conversations/{conversation_id}"
    assert (await call(engine, "GET", f"{path}/messages"))[1]["messages"]
    for method, below in (("GET", ""), ("GET", "/messages"), ("DELETE", ""), ("GET", "/members")):
        assert (await call(engine, method, path + below, token=other))[0] == 404
    assert (await call(engine, "GET", "/v1/conversations", token=other))[1]["total"] == 0
    assert (await call(engine, "GET", "/v1/manage/trackers", token=other))[1] == {"trackers": []}
    assert (await call(engine, "GET", path))[0] == 200


async def test_the_connection_id_is_not_the_conversation_id(engine: Engine) -> None:
    """It names the live conversation for sockets only."""
    client = await engine.connect("1234567890123456")
    assert await client.start() != "1234567890123456"
    assert (await call(engine, "GET", "/v1/conversations/1234567890123456"))[0] == 404


async def test_a_live_conversation_can_be_deleted(engine: Engine) -> None:
    """What it says afterwards is not kept either; its sockets go on."""
    client = await engine.connect()
    path = f"/v1/conversations/{await client.start()}"
    await say(client, "this is private")
    assert (await call(engine, "DELETE", path))[0] == 200
    await say(client, "this too")
    await client.stop()
    assert (await call(engine, "GET", f"{path}/messages"))[0] == 404
    assert (await call(engine, "GET", "/v1/conversations"))[1]["total"] == 0


async def test_redaction(engine: Engine) -> None:
    """With redactContent on, no answer holds a clear value, whether values are to be identified or not."""
    secrets = ("4111", "1111", "4111111111111111", "eve@example.org")
    redaction = {"redactContent": True, "identifyContent": True, "redactionString": "####"}
    members = {**EVERYTHING, "config": {**EVERYTHING["config"], "redaction": redaction}}
    client = await engine.connect()
    path = f"/v1/conversations/{await client.start(**members)}"
    for number, text in enumerate(
        (
            "My card number is 4111 1111 1111 1111 ok ?",
            "I will write to eve@example.org by Friday about the annual subscription .",
            "Let us schedule a call about 4111111111111111 tomorrow .",
        )
    ):
        await client.audio(encode_utterance(f"r{number}", text.split(), word_seconds=0.05, gap_seconds=0.1))
        await client.until("message_response")
    await client.stop()
    for name in SHAPES:
        status, answer = await call(engine, "GET", f"{path}/{name}?verbose=true&sentiment=true&parentRefs=true")
        assert status == 200
        text = re.sub(
            r'"(?:id|startTime|endTime|conversationId|messageIds)":(?:"[^"]*"|\[[^\]]*\])',
            "",
            orjson.dumps(answer).decode(),
        )
        assert not [secret for secret in secrets if secret in text], name
    for body in ({**MARKDOWN, "showSpeakerSeparation": True}, {"contentType": "text/srt"}):
        _, answer = await call(engine, "POST", f"{path}/transcript", body)
        payload = re.sub(r"\d\d:\d\d:\d\d,\d\d\d", "", answer["transcript"]["payload"])
        assert "####" in payload
        assert not [secret for secret in secrets if secret in payload]
    _, answer = await call(engine, "GET", f"{path}/messages")
    assert all("####" in message["text"] for message in answer["messages"])


async def test_browsers_read_answers_and_refusals(engine: Engine) -> None:
    """Every answer carries the CORS header, a refusal too; preflights are answered without a token."""
    async with aiohttp.ClientSession() as session:
        url = f"{engine.base_url}/v1/conversations"
        async with session.options(url) as response:
            assert response.status == 204
        for headers, expected in (({}, 401), ({"X-API-KEY": engine.token}, 200)):
            async with session.get(url, headers=headers) as response:
                assert response.status == expected
                assert response.headers["Access-Control-Allow-Origin"] == "*"
                if expected == 401:
                    assert await response.json() == {"message": "Token validation failed for provided token."}
