"""What the engine really says and understands, held against the sample payloads of the Streaming API.

Everything here runs over real sockets to a real engine that hears coded speech, as from a recogniser that writes
punctuation itself.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from tests.unit.engine.client import Client, Engine, Frame, StartEngine, kind_of
from worker.engine.recognizers.coded import encode_utterance
from worker.engine.recognizers.factory import TRAITS
from worker.engine.sessions import LocalSessionMaker

SAMPLES = Path(__file__).parents[2] / "samples"

# Numbers that JavaScript writes with or without a fraction; all others are integers, or are not, for ever.
NUMBERS = re.compile(r"(?:confidence|score|(?<!^)timeOffset|duration)$")
# Members whose value is part of the protocol.
CONSTANTS = re.compile(
    r"(?:^type|^message\.type|contentType|relation|channel\.id|dismissed|disablePunctuation|isFinal)$"
)
ADDED = {
    "sequenceNumber of topic_response": "A staff-written typed client wants one in every flat message.",
    "metadata.words[].score": "The Conversation API shows a score per word; clients of the stream do not look for it.",
}
"""Members that no sample has, and why the engine sends them."""
OMITTED = {
    "addressedTo": "A guess about grammar that was seen once; nobody knows what other values it has.",
    "informationScore": "Likewise.",
}
"""Hints of the samples that the engine does not give."""
_FORMATS = {
    "id": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "sixteen digits": r"\d{16}",
    "nine digits": r"\d{9}",
    "digits": r"\d+",
    "fraction": r"\d\.\d+",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "date": r"\d{4}-\d\d-\d\d",
    "list": r"\[.*\]",
}
"""Formats of texts; the first that fits is meant."""


def sample(name: str) -> Any:
    return orjson.loads((SAMPLES / f"{name}.json").read_bytes())


def format_of(text: str) -> str:
    return next((name for name, pattern in _FORMATS.items() if re.fullmatch(pattern, text)), "text")


def differences(wanted: object, got: object, place: str = "", *, every: bool = True) -> Iterator[str]:
    """Where the structure differs: members, JSON types, formats of texts. Every element of a list has to be like one
    of the sample's elements, and every element of the sample has to be found if ``every``."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key in wanted.keys() | got.keys():
            inside = f"{place}.{key}" if place else key
            if key not in got:
                yield f"{inside} is missing"
            elif key not in wanted:
                if not is_added(got if place == "" else wanted, inside):
                    yield f"{inside} is not known"
            elif inside.endswith("metadata.words"):
                yield from differences(orjson.loads(wanted[key]), orjson.loads(got[key]), inside, every=every)
            else:
                yield from differences(wanted[key], got[key], inside, every=every)
    elif isinstance(wanted, list) and isinstance(got, list):
        inside = f"{place}[]"
        wanted = [each for each in wanted if not is_omitted(each)]
        for element in got:
            found = [list(differences(each, element, inside, every=every)) for each in wanted]
            if all(found):
                yield f"{place}: {element!r:.200} is like no sample: {min(found, key=len, default=[])}"
        for each in wanted if every else ():
            if all(any(differences(each, element, inside, every=every)) for element in got):
                yield f"{place}: {each!r:.200} was not provoked"
    elif isinstance(wanted, str) and isinstance(got, str):
        if CONSTANTS.search(place) and wanted != got:
            yield f"{place}: {got!r} is not {wanted!r}"
        meant, shown = format_of(wanted), format_of(got)
        if meant != shown and "text" not in (meant, shown) and {meant, shown} != {"fraction", "digits"}:
            yield f"{place}: {got!r} is {shown}, not {meant}"
        if meant in ("id", "sixteen digits", "nine digits", "time") and shown != meant:
            yield f"{place}: {got!r} is not {meant}"
    elif NUMBERS.search(place) and type(got) in (int, float) and type(wanted) in (int, float):
        return
    elif type(wanted) is not type(got) or (CONSTANTS.search(place) and wanted != got):
        yield f"{place}: {got!r:.80} is {type(got).__name__}, not like {wanted!r:.80}"


def is_omitted(element: object) -> bool:
    return isinstance(element, dict) and element.get("key") in OMITTED


def is_added(frame: object, place: str) -> bool:
    if place == "sequenceNumber":
        return isinstance(frame, dict) and frame.get("type") == "topic_response"
    return place.endswith("metadata.words[].score")


def assert_like(wanted: object, got: object) -> None:
    assert not list(differences(wanted, got))


def test_differences_are_seen() -> None:
    """The comparison itself: a wrong type, a missing, an unknown member and a wrong format are all found."""
    message = sample("message_response")
    assert not list(differences(message, sample("message_response")))
    changes: tuple[Callable[[Any], object], ...] = (
        lambda m: m.update(sequenceNumber=0.0),
        lambda m: m.update(sequenceNumber="0"),
        lambda m: m.update(sequence=1),
        lambda m: m["messages"][0].pop("dismissed"),
        lambda m: m["messages"][0].update(dismissed=None),
        lambda m: m["messages"][0].update(id="7"),
        lambda m: m["messages"][1]["duration"].update(startTime="2026-03-04T09:15:24Z"),
        lambda m: m["messages"][1]["payload"].update(contentType="text/html"),
        lambda m: m["messages"][0]["metadata"].update(words='[{"word": 1}]'),
        lambda m: m["messages"][0].update(entities=[]),
        lambda m: m.update(messages=[]),
    )
    for change in changes:
        changed = sample("message_response")
        change(changed)
        assert list(differences(message, changed))
    assert list(differences(sample("insight_response.question"), sample("insight_response.action_item")))
    assert list(differences(sample("message.error"), sample("error")))


# --- scenes ----------------------------------------------------------------------------------------------------------

SHIP = "Let's ship the invoice to Omar by Friday. Can you confirm the totals?"
CHECK = "Let's ship the invoice to Omar by Friday. Did they check the amount?"
MEET = "Let's meet again on Tuesday to review the forecast."
TOTALS = "The forecast review covers the delivery totals."
BORN = "My email is ines.marlow@example.com, born on May 2nd 1984."
SPEAKER = {"userId": "ines.marlow@example.com", "name": "Ines Marlow"}
BILLING = [{"name": "Billing", "vocabulary": ["invoice", "purchase order", "check the amounts", "payment terms"]}]
INSIGHTS = ["question", "action_item", "follow_up"]


@pytest.fixture(autouse=True)
def punctuating(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coded speech is split into sentences and its contractions are written in full, like other speech."""
    monkeypatch.setitem(TRAITS, "coded", replace(TRAITS["coded"], verbatim=False))


async def speak(client: Client, *utterances: str) -> None:
    for number, text in enumerate(utterances):
        await client.audio(encode_utterance(f"{len(client.frames)}-{number}", text.split()))


async def play(engine: Engine, *utterances: str, connection_id: str = "call-1", **members: Any) -> list[Frame]:
    """A session from start to close."""
    client = await engine.connect(connection_id)
    await client.start(**{"speaker": SPEAKER} | members)
    await speak(client, *utterances)
    return await client.stop()


def of_kind(frames: Iterable[Frame], kind: str) -> list[Frame]:
    return [frame for frame in frames if kind_of(frame) == kind]


def insight(kind: str) -> Callable[[list[Frame]], Frame]:
    return lambda frames: next(
        frame for frame in of_kind(frames, "insight_response") if frame["insights"][0]["type"] == kind
    )


def first(kind: str, *, final: bool | None = None) -> Callable[[list[Frame]], Frame]:
    return lambda frames: next(
        frame
        for frame in of_kind(frames, kind)
        if final is None or frame.get("isFinal", frame.get("message", {}).get("isFinal")) is final
    )


def redaction(identify: bool, redact: bool) -> dict[str, Any]:
    return {"config": {"redaction": {"identifyContent": identify, "redactContent": redact}}}


SCENES: dict[str, tuple[dict[str, Any], tuple[str, ...], Callable[[list[Frame]], Frame]]] = {
    "message.conversation_created": ({}, (SHIP,), first("conversation_created")),
    "message.started_listening": ({}, (SHIP,), first("started_listening")),
    "message.recognition_started": ({}, (SHIP,), first("recognition_started")),
    "message.recognition_result.interim": ({}, (SHIP,), first("recognition_result", final=False)),
    "message.recognition_result.final": ({}, (SHIP,), first("recognition_result", final=True)),
    "message.recognition_stopped": ({}, (SHIP,), first("recognition_stopped")),
    "message.conversation_completed": ({}, (SHIP,), first("conversation_completed")),
    "message_response": ({}, (SHIP,), first("message_response")),
    "message_response.sentiment_entities": (
        {"config": {"sentiment": True, "detectEntities": True}},
        (SHIP,),
        first("message_response"),
    ),
    "message_response.redaction_identify": (redaction(True, False), (BORN,), first("message_response")),
    "message_response.redaction_redact": (redaction(False, True), (BORN,), first("message_response")),
    "message_response.redaction_both": (redaction(True, True), (BORN,), first("message_response")),
    "insight_response.question": ({"insightTypes": INSIGHTS}, (SHIP,), insight("question")),
    "insight_response.action_item": ({"insightTypes": INSIGHTS}, (SHIP,), insight("action_item")),
    "insight_response.follow_up": ({"insightTypes": INSIGHTS}, (SHIP, MEET), insight("follow_up")),
    "topic_response": ({"insightTypes": ["topic"]}, (SHIP, MEET, TOTALS), first("topic_response")),
    "tracker_response.final": (
        {"trackers": BILLING, "insightTypes": INSIGHTS},
        (CHECK,),
        first("tracker_response", final=True),
    ),
    "tracker_response.interim": (
        {"trackers": BILLING, "config": {"trackers": {"interimResults": True}}},
        (SHIP,),
        first("tracker_response", final=False),
    ),
    "entity_response": ({"config": {"detectEntities": True}}, (SHIP,), first("entity_response")),
}


@pytest.mark.parametrize("name", SCENES)
async def test_messages_to_speakers(engine: Engine, name: str) -> None:
    """What a speaker is sent has the members, types and formats of the sample, no more and no less."""
    members, utterances, choose = SCENES[name]
    assert_like(sample(name), choose(await play(engine, *utterances, **members)))


@pytest.mark.parametrize("name", [name for name in SCENES if "redaction" in name])
async def test_redaction_of_the_samples(engine: Engine, name: str) -> None:
    """Texts, words, and the entities with their values and places are exactly those of the samples."""
    members, utterances, choose = SCENES[name]
    [wanted], [got] = sample(name)["messages"], choose(await play(engine, *utterances, **members))["messages"]
    assert got["payload"] == wanted["payload"]
    assert got["metadata"]["originalContent"] == wanted["metadata"]["originalContent"]
    spoken = [word["word"] for word in orjson.loads(got["metadata"]["words"])]
    assert spoken == [word["word"] for word in orjson.loads(wanted["metadata"]["words"])]
    assert got.get("entities") == wanted.get("entities")


async def test_the_rewritten_insights_of_the_samples(engine: Engine) -> None:
    """The sentences of the samples give the samples' insights: same texts, persons and dates at the same places."""
    frames = await play(engine, SHIP, MEET, insightTypes=INSIGHTS)
    for kind in INSIGHTS:
        [wanted], [got] = sample(f"insight_response.{kind}")["insights"], insight(kind)(frames)["insights"]
        assert got["payload"] == wanted["payload"]
        assert [(tag["type"], tag["text"], tag["beginOffset"]) for tag in got["tags"]] == [
            (tag["type"], tag["text"], tag["beginOffset"]) for tag in wanted["tags"]
        ]
        assert got["from"] | {"id": ""} == wanted["from"] | {"id": ""}
        assert got["assignee"] == got["from"]


async def test_the_message_of_subscribers(engine: Engine) -> None:
    """A subscriber is greeted as in the sample."""
    subscriber = await engine.connect(path="/v1/subscribe/")
    client = await engine.connect()
    await client.start()
    assert_like(sample("message.subscription_started"), await subscriber.until("subscription_started"))


async def test_the_nested_error(engine: Engine) -> None:
    """A start that cannot succeed is refused in the form that the SDKs understand."""
    client = await engine.connect()
    await client.send(type="start_request", config={"speechRecognition": {"encoding": "MP3"}})
    assert_like(sample("message.error"), await client.receive())


async def test_the_flat_error(engine: Engine) -> None:
    """What is no request is answered with the flat form."""
    client = await engine.connect()
    for text in ("{", '{"type": "dance"}', '{"type": "modify_request", "speechRecognition": {"sampleRateHertz": 9}}'):
        await client.socket.send(text)
        assert_like(sample("error"), await client.receive())


# --- what clients say ------------------------------------------------------------------------------------------------


async def test_the_minimal_start(engine: Engine) -> None:
    """The smallest documented start gives messages, and nothing that was not asked for."""
    client = await engine.connect()
    await client.send(**sample("client.start_request.minimal"))
    await client.until("recognition_started")
    await speak(client, SHIP, MEET)
    frames = await client.stop()
    said = sample("client.start_request.minimal")["speaker"]
    assert said.items() <= first("recognition_result")(frames)["message"]["user"].items()
    assert {kind_of(frame) for frame in frames} == {
        *("conversation_created", "started_listening", "recognition_started", "recognition_result"),
        *("message_response", "conversation_completed", "recognition_stopped"),
    }


def changed(full: Frame, path: str, value: object) -> Frame:
    """A copy with another value at a place; `...` takes the member out."""
    copy: Frame = orjson.loads(orjson.dumps(full))
    parent, _, key = path.rpartition(".")
    inner = copy
    for part in parent.split(".") if parent else ():
        inner = inner[part]
    if value is ...:
        del inner[key]
    else:
        inner[key] = value
    return copy


FULL: Frame = orjson.loads((SAMPLES / "client.start_request.full.json").read_bytes())
MASKED = "My email is ****, born on ****."
TALK = (SHIP, MEET, TOTALS, BORN)


def contents(frames: list[Frame]) -> list[str]:
    return [each["payload"]["content"] for frame in of_kind(frames, "message_response") for each in frame["messages"]]


def insights(frames: list[Frame]) -> list[Frame]:
    return [frame["insights"][0] for frame in of_kind(frames, "insight_response")]


def messages(frames: list[Frame]) -> list[Frame]:
    return [message for frame in of_kind(frames, "message_response") for message in frame["messages"]]


# For every member: what it does as in the sample, another value, and what is seen of it.
EFFECTS: dict[str, tuple[object, Callable[[list[Frame]], object], Callable[[Any, Any], bool]]] = {
    "insightTypes": (
        [],
        lambda frames: {each["type"] for each in insights(frames)} | {
            each["type"] for frame in of_kind(frames, "topic_response") for each in frame["topics"]
        },
        lambda full, other: full == {"question", "action_item", "follow_up", "topic"} and other == set(),
    ),
    "config.confidenceThreshold": (
        1,
        lambda frames: len(insights(frames)),
        lambda full, other: full >= 3 and other == 0,
    ),
    "config.timezoneOffset": (
        330,
        lambda frames: (
            messages(frames)[0]["metadata"]["timezoneOffset"],
            insight("follow_up")(frames)["insights"][0]["dueBy"]["value"][10:],
        ),
        lambda full, other: full == (-480, "T08:00:00.000Z") and other == (330, "T18:30:00.000Z"),
    ),
    "config.languageCode": (
        "de-DE",
        lambda frames: (len(insights(frames)), len(messages(frames))),
        lambda full, other: full[0] >= 3 and other[0] == 0 and other[1] == full[1],
    ),
    "config.speechRecognition.sampleRateHertz": (
        8000,
        lambda frames: messages(frames)[0]["duration"]["duration"],
        lambda full, other: other == pytest.approx(2 * full, abs=0.002),
    ),
    "config.speechRecognition.encoding": (
        "FLAC",
        lambda frames: kind_of(frames[0]),
        lambda full, other: full == other == "conversation_created",
    ),
    "config.trackers.interimResults": (
        True,
        lambda frames: [frame["isFinal"] for frame in of_kind(frames, "tracker_response")],
        lambda full, other: set(full) == {True} and set(other) == {True, False},
    ),
    "config.redaction.identifyContent": (
        False,
        lambda frames: [entity["text"] for entity in messages(frames)[-1]["entities"] if "text" in entity],
        lambda full, other: full == ["ines.marlow@example.com", "May 2nd 1984"] and other == [],
    ),
    "config.redaction.redactContent": (
        False,
        lambda frames: contents(frames)[-1],
        lambda full, other: (full, other) == (MASKED, BORN),
    ),
    "config.redaction.redactionString": (
        "[PII_PCI_ENTITY]",
        lambda frames: contents(frames)[-1],
        lambda full, other: (full, other) == (MASKED, MASKED.replace("****", "[PII_PCI_ENTITY]")),
    ),
    "config.sentiment": (
        False,
        lambda frames: ["sentiment" in message for message in messages(frames)],
        lambda full, other: all(full) and not any(other),
    ),
    "config.detectEntities": (
        False,
        lambda frames: len(of_kind(frames, "entity_response")),
        lambda full, other: full > 0 and other == 0,
    ),
    "trackers": (
        [{"name": "Meetings", "vocabulary": ["meet"]}],
        lambda frames: {each["name"] for frame in of_kind(frames, "tracker_response") for each in frame["trackers"]},
        lambda full, other: full == {"Billing"} and other == {"Meetings"},
    ),
    "speaker": (
        {"userId": "omar", "name": "Omar"},
        lambda frames: messages(frames)[0]["from"]["name"],
        lambda full, other: (full, other) == ("Ines Marlow", "Omar"),
    ),
    "disconnectOnStopRequest": (
        False,
        lambda frames: [kind_of(frame) for frame in frames].count("conversation_completed"),
        lambda full, other: (full, other) == (1, 0),
    ),
    "id": (..., lambda frames: [kind_of(frame) for frame in frames], lambda full, other: full == other),
}  # fmt: skip


async def play_as(engine: Engine, start: Frame, connection_id: str) -> list[Frame]:
    client = await engine.connect(connection_id)
    await client.send(**start)
    await client.until("recognition_started")
    await speak(client, *TALK)
    await client.send(type="stop_request")
    await client.until("recognition_stopped")
    return client.frames


@pytest.mark.parametrize("path", EFFECTS)
async def test_members_of_the_full_start(engine: Engine, path: str) -> None:
    """Every member of the full start does what it says: another value gives another session."""
    value, see, judge = EFFECTS[path]
    full, other = await asyncio.gather(
        play_as(engine, FULL, "full"), play_as(engine, changed(FULL, path, value), "other")
    )
    assert judge(see(full), see(other))


@pytest.mark.parametrize("seconds", [FULL["noConnectionTimeout"], 0])
async def test_no_connection_timeout_of_the_full_start(engine: Engine, seconds: int) -> None:
    """The full start's conversation outlives its socket; one that sets the timeout to 0 does not."""
    ids = []
    for _ in range(2):
        client = await engine.connect()
        await client.send(**changed(FULL, "noConnectionTimeout", seconds))
        created = await client.until("recognition_started")
        ids.append(created["message"]["data"]["conversationId"])
        subscriber = await engine.connect(path="/v1/subscribe/")
        await subscriber.until("subscription_started")
        assert await engine.server.drop_sockets() == 1
        await client.rest()
        if not seconds:
            await subscriber.until("conversation_completed")
    assert (ids[0] == ids[1]) == (seconds > 0)


async def test_the_stop_timeout_of_the_full_start(engine: Engine) -> None:
    """An idle socket is kept for so long, and not at all when it is 0."""
    for timeout, kinds in ((1800, ["recognition_stopped"]), (0, ["conversation_completed", "recognition_stopped"])):
        start = changed(FULL, "disconnectOnStopRequest", False) | {"disconnectOnStopRequestTimeout": timeout}
        client = await engine.connect(f"call-{timeout}")
        await client.send(**start)
        await client.until("recognition_started")
        await client.send(type="stop_request")
        await client.until("recognition_stopped")
        assert client.kinds()[3:] == kinds


async def test_the_vocabulary_of_the_full_start(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words to favour reach the recogniser, wherever the client says them."""
    opened: list[object] = []
    open_session = LocalSessionMaker.open

    def note(self: LocalSessionMaker, *arguments: Any, **options: Any) -> Any:
        opened.extend(getattr(each, "vocabulary", each) for each in (*arguments, *options.values()))
        return open_session(self, *arguments, **options)

    monkeypatch.setattr(LocalSessionMaker, "open", note)
    await play_as(engine, changed(FULL, "config.customVocabularyStrength", [{"text": "Initech"}]), "call-1")
    assert ("Kovalo", "net terms", "Initech") in opened


async def call(engine: Engine, method: str, path: str, body: object = None) -> Any:
    headers = {"Authorization": f"Bearer {engine.token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, engine.base_url + path, json=body, headers=headers) as response,
    ):
        assert response.status in (200, 201)
        return await response.json()


async def test_the_title_of_the_full_start(engine: Engine) -> None:
    """What the conversation is called may stand in either place, and the Conversation API knows it."""
    for path in ("meetingTitle", "config.meetingTitle"):
        start = changed(changed(FULL, "meetingTitle", ...), "config.meetingTitle", ...)
        client = await engine.connect(f"call-{path}")
        await client.send(**changed(start, path, "Billing sync"))
        started = await client.until("recognition_started")
        await client.stop()
        conversation = await call(engine, "GET", f"/v1/conversations/{started['message']['data']['conversationId']}")
        assert conversation["name"] == "Billing sync"


async def test_saved_trackers_of_the_full_start(engine: Engine) -> None:
    """`enableAllTrackers` also looks for the trackers that are saved with the account, and names them by their id."""
    saved = await call(engine, "POST", "/v1/manage/trackers", {"name": "Meetings", "vocabulary": ["forecast"]})
    for number, (enabled, names) in enumerate(((True, {"Billing", "Meetings"}), (False, {"Billing"}))):
        start = changed(FULL, "config.trackers.enableAllTrackers", enabled)
        frames = of_kind(await play_as(engine, start, f"call-{number}"), "tracker_response")
        found = {tracker["name"]: tracker["id"] for frame in frames for tracker in frame["trackers"]}
        assert found.keys() == names
        assert not enabled or found["Meetings"] == saved["tracker"]["id"]


async def test_modify_and_both_stops(engine: Engine) -> None:
    """The samples of modify_request, stop_recognition and stop_request are understood."""
    for number, stop in enumerate(("client.stop_recognition", "client.stop_request")):
        client = await engine.connect(f"call-{number}")
        await client.start()
        await client.send(**sample("client.modify_request"))
        assert_like(sample("message.session_modified"), await client.until("session_modified"))
        await client.audio(bytes(16_000) + encode_utterance("u", ["half"]))
        await client.send(**sample(stop))
        frames = await client.rest()
        assert kind_of(frames[-2]) == "conversation_completed"
        assert client.close_code == 1000
        # Half a second at 16 kHz is a whole one at 8 kHz.
        assert messages(frames)[0]["duration"]["timeOffset"] == 1


# --- over HTTP -------------------------------------------------------------------------------------------------------


async def post_token(engine: Engine, body: Frame) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{engine.base_url}/oauth2/token:generate", json=body) as response,
    ):
        assert response.content_type == "application/json"
        return response.status, await response.json()


async def test_tokens(start_engine: StartEngine) -> None:
    """The documented request gives a token in the documented answer; wrong credentials the documented refusal."""
    request = sample("http.token_generate.request")
    engine = await start_engine(accounts={request["appId"]: request["appSecret"]})
    status, answer = await post_token(engine, request)
    assert status == 200
    assert_like(sample("http.token_generate.response.200"), answer)
    assert answer["expiresIn"] == 86_400
    header, claims, signature = answer["accessToken"].split(".")
    assert header
    assert claims
    assert signature
    status, answer = await post_token(engine, request | {"appSecret": "wrong"})
    assert status == 401
    assert_like(sample("http.token_generate.response.401"), answer)


async def refused(engine: Engine, path: str, token: str) -> tuple[int, Any]:
    """The answer to an upgrade that is refused."""
    headers = {
        "X-API-KEY": token,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.get(engine.base_url + path, headers=headers) as response,
    ):
        return response.status, await response.json()


async def test_a_wrong_token(engine: Engine) -> None:
    """An upgrade with a wrong token is refused with 401 and the one member `message`."""
    for path in ("/v1/streaming/call-1", "/v1/subscribe/call-1"):
        status, answer = await refused(engine, path, "wrong")
        assert status == 401
        assert answer == sample("http.error.401")


async def test_too_many_streams(start_engine: StartEngine) -> None:
    """An upgrade above the limit is refused with 429 and the one member `message`."""
    engine = await start_engine(max_streams=1)
    await (await engine.connect()).start()
    status, answer = await refused(engine, "/v1/streaming/call-2", engine.token)
    assert status == 429
    assert_like(sample("http.error.429"), answer)


# --- a whole session -------------------------------------------------------------------------------------------------


UNORDERED = ("tracker_response", "insight_response", "entity_response")
"""What follows a message, in no promised order."""


def in_rounds(frames: list[Frame]) -> list[list[Frame]]:
    """Frames that come one after the other; those of one round have no order. The last of interim results counts."""
    rounds: list[list[Frame]] = []
    for frame in frames:
        last: Frame = rounds[-1][-1] if rounds else {"type": "", "message": {}}
        if kind_of(frame) in UNORDERED and kind_of(last) in UNORDERED:
            rounds[-1].append(frame)
            rounds[-1].sort(key=lambda each: (kind_of(each), str(each.get("insights", [{}])[0].get("type"))))
        elif kind_of(last) == "recognition_result" and not last["message"]["isFinal"]:
            rounds[
                -1 if kind_of(frame) == "recognition_result" and not frame["message"]["isFinal"] else len(rounds) :
            ] = [[frame]]
        else:
            rounds.append([frame])
    return rounds


async def test_a_whole_session(engine: Engine) -> None:
    """The normal session, step by step: the client's part is played as written, the engine's part comes in the same
    order with the same structure and the same words, and the server closes with 1000."""
    session = sample("session.normal")
    asked = [step for step in session["steps"] if step["direction"] == "client->server"]
    said = [step["payload"] for step in session["steps"] if step["direction"] == "server->client" and "payload" in step]
    finals = [frame for frame in of_kind(said, "recognition_result") if frame["message"]["isFinal"]]
    spoken = [frame["message"]["punctuated"]["transcript"] for frame in finals]
    # The samples' topics come from somewhere else; these words make some by the engine's rules.
    speech = iter([spoken[0], f"{spoken[1]} {TOTALS}"])
    connection_id = session["connectionId"]
    client = await engine.connect(connection_id, path=asked[0]["path"].removesuffix(connection_id))
    for step in asked[1:]:
        if step["frame"] == "text":
            await client.send(**step["payload"])
            if step["payload"]["type"] == "start_request":
                await client.until("recognition_started")
        else:
            await speak(client, next(speech))
            await client.until("message_response")
    frames = await client.rest()
    assert client.close_code == session["steps"][-1]["code"]
    wanted, got = in_rounds(said), in_rounds(frames)
    assert [[kind_of(each) for each in one] for one in got] == [[kind_of(each) for each in one] for one in wanted]
    for theirs, ours in zip(wanted, got, strict=True):
        for one, two in zip(theirs, ours, strict=True):
            # Every kind of match and tag is provoked in the tests of single messages.
            assert not list(differences(one, two, every=False))
    assert contents(frames) == [*contents(said), TOTALS]
    assert [each["payload"]["content"] for each in insights(frames) if each["type"] != "question"] == [
        each["payload"]["content"] for each in insights(said) if each["type"] != "question"
    ]


# --- nothing is forgotten --------------------------------------------------------------------------------------------

TELEPHONY = {
    *("event.speaker.started_speaking", "http.endpoint_connect.start.request.pstn"),
    *("http.endpoint_connect.start.request.sip", "http.endpoint_connect.start.response.201"),
    *("http.endpoint_connect.stop.request", "http.endpoint_connect.stop.response", "transcript_response"),
}
"""Covered by `test_engine_telephony.py`."""
CLIENT = {
    *("client.start_request.minimal", "client.start_request.full", "client.modify_request"),
    *("client.stop_recognition", "client.stop_request"),
}
HTTP = {
    *("http.token_generate.request", "http.token_generate.response.200", "http.token_generate.response.401"),
    *("http.error.401", "http.error.429"),
}
OTHERS = {"message.subscription_started", "message.session_modified", "message.error", "error", "session.normal"}


def test_every_sample_is_claimed() -> None:
    """Each sample is covered by exactly one test, and `_index.json` tells how well each is evidenced."""
    claimed = [*SCENES, *TELEPHONY, *CLIENT, *HTTP, *OTHERS]
    files = {file.stem for file in SAMPLES.glob("*.json")} - {"_index"}
    assert sorted(claimed) == sorted(files)
    assert {name.removesuffix(".json") for name in sample("_index")["files"]} == files
