"""What redaction hides, from the wire inwards: a real engine, everything switched on that could tell a secret."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from tests.unit.engine.client import Client, Engine, Frame
from worker.engine.recognizers.coded import encode_utterance
from worker.engine.recognizers.factory import TRAITS

# A sentence around each secret, and the words of it that must not be seen. The sentences are made to provoke
# questions, action items, follow-ups, topics, trackers and entities that would repeat them.
SECRETS = [
    ("Can you send the invoice to ines.marlow@example.com by Friday?", ["ines", "marlow", "example"]),
    ("I will send the invoice to jane dot doe at acme dot org on Monday.", ["jane", "doe", "acme"]),
    ("My card number is 4111 1111 1111 1111 and the CVV is 737.", ["4111", "1111", "737"]),
    ("the card is four one one one one one one one one one one one one one one one", ["four", "one"]),
    ("The card expires 04/27 and the pin is 8364.", ["04/27", "8364"]),
    ("I will call you back at 415-555-2671 on Tuesday.", ["415", "2671"]),
    ("My social security number is 078-05-1120, can you check it?", ["078", "1120"]),
    ("Please transfer the refund to DE89370400440532013000 today.", ["DE89370400440532013000"]),
    ("The routing number is 021000021 and the account number is 9876543210.", ["021000021", "9876543210"]),
    ("Send it with the swift code DEUTDEFF500 please.", ["DEUTDEFF500"]),
    ("Was I born on May 2nd 1984?", ["May", "2nd", "1984"]),
    ("My date of birth is march third nineteen seventy one", ["march", "third", "seventy"]),
    ("My name is Tamsin Okonkwo and I will send the invoice.", ["Tamsin", "Okonkwo"]),
    ("Robert Hudson will send the forecast review on Monday.", ["Robert", "Hudson"]),
    ("Robert, can you send the forecast review to Daniel?", ["Robert", "Daniel"]),
    ("Please send the invoice to 742 Evergreen Terrace, Springfield by Friday.", ["742", "Evergreen", "Springfield"]),
    ("I am 43 years old and my passport number is X1234567.", ["43", "X1234567"]),
    ("The driver's license number is D1234567, will you check?", ["D1234567"]),
    ("my zip code is 90210 and my name's spelled z y x w", ["90210", "z y x"]),
]
TRACKERS = [
    {"name": "Secrets", "vocabulary": [word for _, words in SECRETS for word in words]},
    {"name": "Billing", "vocabulary": ["invoice", "forecast review"]},
]


@pytest.fixture(autouse=True, params=["as spoken", "in sentences"])
def manner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Coded speech as it is, and split and normalised like other speech."""
    if request.param == "in sentences":
        monkeypatch.setitem(TRAITS, "coded", replace(TRAITS["coded"], verbatim=False))


def start(identify: bool, redact: bool, *, trackers: bool = False, mask: str = "####") -> dict[str, Any]:
    return {
        "insightTypes": ["question", "action_item", "follow_up", "topic"],
        "trackers": TRACKERS,
        "config": {
            "redaction": {"identifyContent": identify, "redactContent": redact, "redactionString": mask},
            "trackers": {"interimResults": trackers},
            "detectEntities": True,
            "sentiment": True,
            "confidenceThreshold": 0,
        },
    }


async def play(engine: Engine, sentences: list[str], **members: Any) -> tuple[list[Frame], list[Frame]]:
    """What a speaker and a follower are sent. The follower is there before."""
    follower = await engine.connect(path="/v1/subscribe/")
    client = await engine.connect()
    await client.start("agent", **members)
    await speak(client, sentences)
    frames = await client.stop()
    return frames, await follower.rest()


async def speak(client: Client, sentences: list[str]) -> None:
    for number, sentence in enumerate(sentences):
        words = sentence.split()
        await client.audio(encode_utterance(f"{id(client)}-{number}", words, word_seconds=0.01, gap_seconds=0.01))


PLACES = frozenset({"id", "conversationId", "startTime", "endTime", "originalMessageId"})


def texts(value: object) -> Iterator[str]:
    """Every text in a frame, but for ids and times."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "words" and isinstance(item, str):
                yield from (word["word"] for word in orjson.loads(item))
            elif key not in PLACES:
                yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str) and re.fullmatch(r"\d\.\d+", value) is None:  # the value of a hint
        yield value


def leaks(frames: list[Frame], words: Iterable[str]) -> list[str]:
    """Texts with a secret word in them."""
    found = re.compile(rf"(?<![a-z0-9])(?:{'|'.join(re.escape(word.lower()) for word in words)})(?![a-z0-9])")
    return [text for frame in frames for text in texts(frame) if found.search(text.lower())]


def without_entities(frames: list[Frame]) -> list[Frame]:
    """The frames without what the messages list as identified."""
    copies: list[Frame] = orjson.loads(orjson.dumps(frames))
    for frame in copies:
        for message in frame.get("messages", ()):
            message.pop("entities", None)
    return copies


@pytest.mark.parametrize("identify", [False, True])
async def test_no_secret_is_told(engine: Engine, identify: bool) -> None:
    """With redactContent no secret stands anywhere in any frame of speakers and followers: interim results, original
    content, words, trackers, insights, tags, topics, entity responses. With identifyContent the messages' entities hold
    the clear values, and nothing else does."""
    secrets = [word for _, words in SECRETS for word in words]
    # Hesitations behind it, so that no word is held back as the end of an unfinished text.
    spoken = [f"{sentence} and so on and so on and so on and on" for sentence, _ in SECRETS]
    for frames in await play(engine, spoken, **start(identify, True, trackers=True)):
        assert {"message_response", "insight_response", "tracker_response", "topic_response", "entity_response"} <= {
            frame["type"] for frame in frames
        }
        assert any(not frame["message"].get("isFinal", True) for frame in frames if frame["type"] == "message")
        assert leaks(without_entities(frames), secrets) == []
        listed = [message["entities"] for frame in frames for message in frame.get("messages", ())]
        for _, words in SECRETS:
            assert bool(leaks([{"entities": each} for each in listed], words)) == identify, words


async def test_every_secret_is_told_without_redaction(engine: Engine) -> None:
    """The test above can fail: without redaction each of its secrets is seen."""
    frames, _ = await play(engine, [sentence for sentence, _ in SECRETS], **start(False, False))
    for _, words in SECRETS:
        for word in words:
            assert leaks(frames, [word]), word


async def test_the_four_combinations(engine: Engine) -> None:
    """identifyContent decides whether entities are listed, with clear values; redactContent masks texts."""
    for number, (identify, redact) in enumerate(itertools.product([False, True], repeat=2)):
        client = await engine.connect(f"call-{number}")
        redaction = {"identifyContent": identify, "redactContent": redact}
        await client.start("agent", config={"redaction": redaction})
        await speak(client, ["Call me at 415-555-2671 please."])
        [message] = next(frame for frame in await client.stop() if frame["type"] == "message_response")["messages"]
        clear, masked = "Call me at 415-555-2671 please.", "Call me at **** please."
        assert message["payload"]["content"] == (masked if redact else clear)
        assert message["metadata"]["originalContent"] == (masked if redact else clear)
        spoken = [word["word"] for word in orjson.loads(message["metadata"]["words"])]
        assert " ".join(spoken) == (masked if redact else clear)
        entity = {"type": "PHONE_NUMBER", "value": "415-555-2671", "text": "415-555-2671", "offset": 11}
        assert message.get("entities") == ([entity] if identify else None)


async def test_what_is_not_secret_stays(engine: Engine) -> None:
    """Masks hide what is personal and leave the rest, so that insights and due dates still come."""
    frames, _ = await play(engine, ["I will send the invoice to Omar by Friday."], **start(False, True))
    assert next(frame for frame in frames if frame["type"] == "message_response")["messages"][0]["payload"] == {
        "content": "I will send the invoice to #### by Friday.",
        "contentType": "text/plain",
    }
    [insight] = next(frame for frame in frames if frame["type"] == "insight_response")["insights"]
    assert insight["payload"]["content"] == "Agent will send the invoice to #### by Friday."
    assert "dueBy" in insight
    assert any(frame["type"] == "tracker_response" for frame in frames)


async def test_redaction_begins_for_all(engine: Engine) -> None:
    """One speaker switches it on for the whole conversation and what was counted before; nobody switches it off."""
    first, second = await engine.connect(), await engine.connect()
    await first.start("agent", insightTypes=["topic"])
    await speak(first, ["Quartz figurine", "Robert Hudson figurine"])
    for _ in range(2):
        await first.until("message_response")
    await second.start("other", config={"redaction": {"redactContent": True}})
    third = await engine.connect()
    await third.start("third", config={"redaction": {"redactContent": False}})
    await speak(third, ["Robert Hudson has the quartz figurine"])
    await speak(third, ["The weather report says nothing"])
    frames = await third.stop()
    assert leaks(frames, ["robert", "hudson"]) == []
    topics = [topic for frame in frames if frame["type"] == "topic_response" for topic in frame["topics"]]
    assert topics


async def test_a_mask_is_no_topic(engine: Engine) -> None:
    """The redaction string is not speech, whatever it looks like."""
    sentences = [f"The invoice goes to {name}" for name in ("Robert", "Daniel", "Sandra", "Omar")]
    frames, _ = await play(engine, sentences, **start(False, True, mask="PII_PCI_ENTITY"))
    topics = [topic["phrases"] for frame in frames if frame["type"] == "topic_response" for topic in frame["topics"]]
    assert topics
    assert not [topic for topic in topics if "pii" in topic]
