"""The Telephony API: a real engine dials a telephone, with SIP and RTP over loopback and coded speech."""

from __future__ import annotations

import asyncio
import re
import shutil
from typing import Any

import aiohttp
import numpy as np
import pytest

from tests.unit.engine.client import Client, Engine, StartEngine
from tests.unit.engine.telephony.telephone import Telephone
from tests.unit.engine.test_engine_samples import assert_like, sample
from worker.engine.recognizers.coded import encode_utterance
from worker.engine.telephony.alaw import linear_of


async def post(engine: Engine, path: str, body: Any) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession(headers={"X-API-KEY": engine.token}) as session,
        session.post(engine.base_url + path, json=body) as response,
    ):
        return response.status, await response.json()


async def dial(engine: Engine, telephone: Telephone, **members: Any) -> dict[str, str]:
    """Orders a call to a telephone and returns the answer."""
    endpoint = {"type": "sip", "uri": f"sip:884211@{telephone.address}", **members.pop("endpoint", {})}
    status, answer = await post(engine, "/v1/endpoint:connect", {"operation": "start", "endpoint": endpoint, **members})
    assert status == 201
    return dict(answer)


async def hang_up(engine: Engine, connection_id: str) -> tuple[int, Any]:
    return await post(engine, "/v1/endpoint:connect", {"operation": "stop", "connectionId": connection_id})


async def follow(engine: Engine, connection_id: str) -> Client:
    """A subscriber of the call, once it is told that the conversation is there."""
    client = await engine.connect(connection_id, path="/session/subscribe/")
    await client.until("subscription_started")
    return client


def spoken(number: int, text: str, **options: Any) -> bytes:
    return encode_utterance(f"u{number}", text.split(), bytes_per_second=8_000, sample_bytes=1, **options)


@pytest.fixture
async def engine(start_engine: StartEngine) -> Engine:
    return await start_engine(sip_host="127.0.0.1")


async def test_a_call_from_dialling_to_hanging_up(engine: Engine) -> None:
    """What is said on the telephone reaches subscribers word by word, and stop ends call and conversation."""
    async with Telephone() as telephone:
        answer = await dial(engine, telephone, insightTypes=["question"], data={"session": {"name": "Billing sync"}})
        assert answer.keys() == {"eventUrl", "resultWebSocketUrl", "connectionId", "conversationId"}
        assert re.fullmatch(r"\d{16}", answer["conversationId"])
        connection = answer["connectionId"]
        assert answer["eventUrl"] == f"{engine.base_url}/v1/event/{connection}"
        assert answer["resultWebSocketUrl"] == f"{engine.base_url.replace('http', 'ws')}/events/{connection}"
        subscriber = await follow(engine, connection)
        await asyncio.wait_for(telephone.answered.wait(), 5)
        await telephone.say(spoken(1, "Can you confirm the totals?") + spoken(2, "Yes I can."), pace=3)
        first = await subscriber.until("message_response")
        await subscriber.until("insight_response")
        await subscriber.until("message_response")
        assert subscriber.texts() == ["Can you confirm the totals?", "Yes I can."]
        assert first["messages"][0]["duration"]["timeOffset"] < 0.1
        transcripts = [frame for frame in subscriber.frames if frame["type"] == "transcript_response"]
        final = [frame["payload"] for frame in transcripts if frame["isFinal"]]
        assert final[0] == {"content": "Can you confirm the totals?", "contentType": "text/plain"}
        assert any(not frame["isFinal"] for frame in transcripts)
        status, ended = await hang_up(engine, connection)
        assert (status, ended) == (
            200,
            {"connectionId": connection, "conversationId": answer["conversationId"], "summaryInfo": []},
        )
        await subscriber.rest()
        assert subscriber.kinds()[-1] == "conversation_completed"
        await asyncio.wait_for(telephone.over.wait(), 5)
        # The JavaScript SDK stops every call twice.
        assert await hang_up(engine, connection) == (200, ended)
        assert telephone.requests == ["INVITE", "ACK", "BYE"]
    assert (await hang_up(engine, "unknown"))[0] == 404


@pytest.mark.parametrize("name", ["pstn", "sip"])
async def test_the_samples_of_the_telephony_api(start_engine: StartEngine, name: str) -> None:
    """The sample requests and events do what they say, and the answers and transcripts are like the samples."""
    async with Telephone() as telephone:
        engine = await start_engine(sip_host="127.0.0.1", sip_trunk=telephone.address)
        request = sample(f"http.endpoint_connect.start.request.{name}")
        if name == "sip":
            request["endpoint"]["uri"] = f"sip:884211@{telephone.address}"
        status, answer = await post(engine, "/v1/endpoint:connect", request)
        assert status == 201
        assert_like(sample("http.endpoint_connect.start.response.201"), answer)
        subscriber = await follow(engine, answer["connectionId"])
        await asyncio.wait_for(telephone.answered.wait(), 5)
        event = sample("event.speaker.started_speaking")
        assert (await post(engine, answer["eventUrl"].removeprefix(engine.base_url), event))[0] == 200
        await telephone.say(spoken(1, "Can you confirm the totals?"), pace=2)
        message = await subscriber.until("message_response")
        assert message["messages"][0]["from"].items() >= event["user"].items()
        transcripts = [frame for frame in subscriber.frames if frame["type"] == "transcript_response"]
        assert_like(sample("transcript_response"), transcripts[-1])
        if name == "pstn":
            assert (await subscriber.until("insight_response"))["insights"][0]["type"] == "question"
            assert message["messages"][0]["metadata"]["timezoneOffset"] == request["timezoneOffset"]
            async with asyncio.timeout(10):
                # ",,884211#,,4471#" has twelve keys, and each end is said three times.
                while [ended for _, ended in telephone.keys].count(True) < 36:  # noqa: ASYNC110 -- of the other side
                    await asyncio.sleep(0.02)
        stop = sample("http.endpoint_connect.stop.request") | {"connectionId": answer["connectionId"]}
        status, ended = await post(engine, "/v1/endpoint:connect", stop)
        assert status == 200
        assert_like(sample("http.endpoint_connect.stop.response"), ended)
        await subscriber.rest()


async def test_speaker_events_say_whose_words_they_are(engine: Engine) -> None:
    """One mixed channel is attributed by speaker events, over HTTP and over the events socket alike."""
    ines, omar = ({"userId": f"{name}@example.com", "name": name.title()} for name in ("ines", "omar"))
    async with Telephone() as telephone:
        answer = await dial(engine, telephone)
        connection = answer["connectionId"]
        subscriber = await follow(engine, connection)
        await asyncio.wait_for(telephone.answered.wait(), 5)
        event = {"topic": "speaker", "type": "started_speaking", "user": ines}
        assert (await post(engine, f"/v1/event/{connection}", event))[0] == 200
        await telephone.say(spoken(1, "This is Ines."))
        first = await subscriber.until("message_response")
        events = await engine.connect(connection, path="/events/")
        await events.send(topic="speaker", type="stopped_speaking", user=ines)
        await events.send(topic="speaker", type="started_speaking", user=omar)
        await events.send(topic="speaker", type="laughed", user=omar)
        assert (await events.receive())["type"] == "error"
        await telephone.say(spoken(2, "And this is Omar."))
        second = await subscriber.until("message_response")
        await events.send(topic="speaker", type="stopped")
        await asyncio.wait_for(telephone.over.wait(), 5)
        await subscriber.rest()
    senders = [frame["messages"][0]["from"] for frame in (first, second)]
    assert [(each["name"], each["userId"]) for each in senders] == [
        ("Ines", "ines@example.com"),
        ("Omar", "omar@example.com"),
    ]
    assert senders[0]["id"] != senders[1]["id"]
    transcripts = [frame for frame in subscriber.frames if frame["type"] == "transcript_response" and frame["isFinal"]]
    assert [frame["from"]["name"] for frame in transcripts] == ["Ines", "Omar"]


async def test_a_summary_is_offered_for_everybody_who_spoke(engine: Engine) -> None:
    """The answer to stop names who took part and where the summary of the conversation is."""
    user = {"userId": "ines@example.com", "name": "Ines"}
    async with Telephone() as telephone:
        answer = await dial(engine, telephone)
        await asyncio.wait_for(telephone.answered.wait(), 5)
        joined = {"topic": "speaker", "type": "joined", "user": user, "timestamp": "2026-03-04T09:15:21.450Z"}
        assert (await post(engine, f"/v1/event/{answer['connectionId']}", joined))[0] == 200
        _, ended = await hang_up(engine, answer["connectionId"])
    url = f"{engine.base_url}/v1/conversations/{answer['conversationId']}/summary"
    assert ended["summaryInfo"] == [{"user": user, "url": url}]


async def test_lost_packets_move_nothing(engine: Engine) -> None:
    """Packets that the network loses are silence: what is said after them keeps its place on the clock."""
    async with Telephone() as telephone:
        answer = await dial(engine, telephone)
        subscriber = await follow(engine, answer["connectionId"])
        await asyncio.wait_for(telephone.answered.wait(), 5)
        pause = bytes(8_000)
        # One second of speech is 50 packets; packets 60 to 90 lie in the pause.
        audio = spoken(1, "one two", gap_seconds=0.0).ljust(8_000, b"\0") + pause + spoken(2, "three four")
        await telephone.say(audio, lose=frozenset(range(60, 90)), pace=2)
        await subscriber.until("message_response")
        second = await subscriber.until("message_response")
        assert subscriber.texts() == ["one two", "three four"]
        assert second["messages"][0]["duration"]["timeOffset"] == pytest.approx(2.0, abs=0.002)
        await hang_up(engine, answer["connectionId"])


@pytest.mark.parametrize("codec", ["L16/16000", "L16/8000"])
async def test_uncompressed_audio(engine: Engine, codec: str) -> None:
    """A SIP endpoint that asks for LINEAR16 is heard at its own rate."""
    rate = int(codec.partition("/")[2])
    async with Telephone(codec=codec) as telephone:
        audio_config = {"encoding": "LINEAR16", "sampleRate": rate, "sampleSize": "16"}
        answer = await dial(engine, telephone, endpoint={"audioConfig": audio_config})
        subscriber = await follow(engine, answer["connectionId"])
        await asyncio.wait_for(telephone.answered.wait(), 5)
        audio = encode_utterance("u1", ["big", "endian"], bytes_per_second=2 * rate)
        swapped = np.frombuffer(audio, dtype="<i2").astype(">i2").tobytes()
        await telephone.say(swapped, pace=2)
        await subscriber.until("message_response")
        assert subscriber.texts() == ["big endian"]
        await hang_up(engine, answer["connectionId"])


def test_a_law_is_read_as_the_standard_says() -> None:
    """Known codes of G.711: the quietest, the loudest, and symmetry of the signs."""
    samples = np.frombuffer(linear_of(bytes([0xD5, 0x55, 0xAA, 0x2A, 0x80, 0xC5])), dtype="<i2").tolist()
    assert samples == [8, -8, 32256, -32256, 5504, 264]
    every = np.frombuffer(linear_of(bytes(range(256))), dtype="<i2")
    assert np.array_equal(every[:128], -every[128:])


async def test_the_other_side_hangs_up(engine: Engine) -> None:
    """A call that the other side ends completes its conversation; what was said before is not lost."""
    async with Telephone() as telephone:
        answer = await dial(engine, telephone)
        subscriber = await follow(engine, answer["connectionId"])
        await asyncio.wait_for(telephone.answered.wait(), 5)
        await telephone.say(spoken(1, "Good bye.", gap_seconds=0.0), pace=2)
        telephone.hang_up()
        await asyncio.wait_for(telephone.over.wait(), 5)
        await subscriber.rest()
        assert subscriber.texts() == ["Good bye."]
        assert subscriber.kinds()[-1] == "conversation_completed"


async def test_nobody_answers(engine: Engine) -> None:
    """A busy line ends the conversation for those who follow it; nothing is left of it."""
    async with Telephone(status=486) as telephone:
        answer = await dial(engine, telephone)
        async with asyncio.timeout(5):
            while "ACK" not in telephone.requests:  # noqa: ASYNC110 -- of the other side
                await asyncio.sleep(0.01)
        status, ended = await hang_up(engine, answer["connectionId"])
        assert (status, ended["conversationId"]) == (200, answer["conversationId"])
        assert telephone.requests == ["INVITE", "ACK"]
        assert "calls=0" in repr(engine.server._telephony)


async def test_hanging_up_while_it_rings(engine: Engine) -> None:
    """A call that nobody has answered yet is cancelled, and its conversation is completed."""
    async with Telephone(status=None) as telephone:
        answer = await dial(engine, telephone)
        subscriber = await follow(engine, answer["connectionId"])
        await hang_up(engine, answer["connectionId"])
        await asyncio.wait_for(telephone.over.wait(), 5)
        await subscriber.rest()
        assert subscriber.kinds()[-1] == "conversation_completed"
        assert telephone.requests == ["INVITE", "CANCEL", "ACK"]


async def test_keys_are_pressed_after_the_answer(engine: Engine) -> None:
    """The keys of a meeting's number and code arrive in order, each once."""
    async with Telephone() as telephone:
        answer = await dial(engine, telephone, endpoint={"dtmf": ",4#,1"})
        async with asyncio.timeout(5):
            while [ended for _, ended in telephone.keys].count(True) < 9:  # noqa: ASYNC110 -- of the other side
                await asyncio.sleep(0.02)
        pressed = [key for key, ended in telephone.keys if not ended]
        assert list(dict.fromkeys(pressed)) == [4, 11, 1]
        await hang_up(engine, answer["connectionId"])


async def test_numbers_are_dialled_through_the_trunk(start_engine: StartEngine) -> None:
    """A telephone number needs a trunk; with one the call goes there."""
    body = {"operation": "start", "endpoint": {"type": "pstn", "phoneNumber": "1 555-010-2233"}}
    engine = await start_engine(sip_host="127.0.0.1")
    status, answer = await post(engine, "/v1/endpoint:connect", body)
    assert (status, answer["message"]) == (400, "This server has no trunk to dial telephone numbers through.")
    async with Telephone() as telephone:
        engine = await start_engine(sip_host="127.0.0.1", sip_trunk=telephone.address)
        status, answer = await post(engine, "/v1/endpoint:connect", body)
        assert status == 201
        await asyncio.wait_for(telephone.answered.wait(), 5)
        await hang_up(engine, answer["connectionId"])


async def test_without_a_sip_address_there_is_no_telephony(start_engine: StartEngine) -> None:
    """An engine that was given no address for calls says so."""
    engine = await start_engine()
    status, answer = await post(engine, "/v1/endpoint:connect", {"operation": "stop", "connectionId": "x"})
    assert status == 501
    assert "telephony" in answer["message"].lower()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ([], "The body must be a JSON object."),
        ({"operation": "dance"}, "operation must be start or stop."),
        ({"operation": "stop"}, "The operation stop needs a connectionId."),
        ({"operation": "start"}, "endpoint.type must be pstn or sip."),
        ({"operation": "start", "endpoint": {"type": "sip", "uri": "http://x"}}, "uri must be a SIP address"),
        ({"operation": "start", "endpoint": {"type": "sip", "uri": "sip:a@b\r\nVia: x"}}, "uri must be a SIP address"),
        ({"operation": "start", "endpoint": {"type": "pstn", "phoneNumber": "sip:x"}}, "phoneNumber must be digits"),
        ({"operation": "start", "endpoint": {"type": "sip", "uri": "sip:a@b", "dtmf": "\r\n"}}, "dtmf may hold"),
        (
            {"operation": "start", "endpoint": {"type": "sip", "uri": "sip:a@b", "audioConfig": {"encoding": "OPUS"}}},
            "audioConfig.encoding must be",
        ),
        ({"operation": "start", "timezone": "x/y", "endpoint": {"type": "sip", "uri": "sip:a@b"}}, "timezone must be"),
    ],
)
async def test_a_wrong_order_is_refused(engine: Engine, body: Any, problem: str) -> None:
    """What cannot be dialled is answered with 400 and the reason."""
    status, answer = await post(engine, "/v1/endpoint:connect", body)
    assert status == 400
    assert answer["message"].startswith(problem)


async def test_a_language_that_is_not_there_is_refused(engine: Engine, start_engine: StartEngine) -> None:
    """What a start_request would be refused for is refused before anybody is called."""
    async with Telephone() as telephone:
        endpoint = {"type": "sip", "uri": f"sip:a@{telephone.address}"}
        english = await start_engine(sip_host="127.0.0.1", recognizer="pocketsphinx")
        body = {"operation": "start", "endpoint": endpoint, "languages": ["tlh"]}
        status, _ = await post(english, "/v1/endpoint:connect", body)
        assert status == 400
        assert telephone.requests == []


async def test_calls_belong_to_their_account(start_engine: StartEngine) -> None:
    """Another account's call can neither be ended nor told who speaks; no token, no call."""
    engine = await start_engine(sip_host="127.0.0.1", accounts={"one": "secret", "app": "secret"})
    async with Telephone() as telephone:
        answer = await dial(engine, telephone)
        async with aiohttp.ClientSession() as session:
            body = {"type": "application", "appId": "one", "appSecret": "secret"}
            async with session.post(f"{engine.base_url}/oauth2/token:generate", json=body) as response:
                other = (await response.json())["accessToken"]
            stop = {"operation": "stop", "connectionId": answer["connectionId"]}
            for headers, status in (({"X-API-KEY": other}, 404), ({}, 401)):
                address = f"{engine.base_url}/v1/endpoint:connect"
                async with session.post(address, json=stop, headers=headers) as response:
                    assert response.status == status
        assert (await hang_up(engine, answer["connectionId"]))[0] == 200


async def test_calls_count_as_streams(start_engine: StartEngine) -> None:
    """A call is a speaker like any other: one too many is refused with 429, and room is made when one ends."""
    engine = await start_engine(sip_host="127.0.0.1", max_streams=1)
    async with Telephone() as telephone:
        body = {"operation": "start", "endpoint": {"type": "sip", "uri": f"sip:a@{telephone.address}"}}
        first = await dial(engine, telephone)
        status, answer = await post(engine, "/v1/endpoint:connect", body)
        assert (status, list(answer)) == (429, ["message"])
        await asyncio.wait_for(telephone.answered.wait(), 5)
        subscriber = await follow(engine, first["connectionId"])
        await hang_up(engine, first["connectionId"])
        await subscriber.rest()
        second = await dial(engine, telephone)
        await hang_up(engine, second["connectionId"])


async def test_a_drained_engine_hangs_up(start_engine: StartEngine) -> None:
    """When the engine stops, the other side is not left on the line."""
    async with Telephone() as telephone:
        engine = await start_engine(sip_host="127.0.0.1")
        await dial(engine, telephone)
        await asyncio.wait_for(telephone.answered.wait(), 5)
        await engine.server.stop()
        assert telephone.requests[-1] == "BYE"


async def test_foreign_datagrams_disturb_nobody(engine: Engine) -> None:
    """Noise, requests for unknown calls and audio from a stranger change nothing in a call."""
    async with Telephone() as telephone, Telephone() as stranger:
        answer = await dial(engine, telephone)
        subscriber = await follow(engine, answer["connectionId"])
        await asyncio.wait_for(telephone.answered.wait(), 5)
        await telephone.say(spoken(1, "Before the noise."), pace=4)
        stranger._engine_rtp, stranger._engine_sip = telephone._engine_rtp, telephone._engine_sip
        for noise in (b"", b"\0" * 40, b"INVITE sip:engine SIP/2.0\r\nCall-ID: x\r\n\r\n", b"BYE x SIP/2.0\r\n\r\n"):
            stranger._sip.sendto(noise, telephone._engine_sip)
            stranger._rtp.sendto(noise, telephone._engine_rtp)
        await stranger.say(spoken(9, "I am not here."), pace=4)
        await telephone.say(spoken(2, "After the noise."), pace=4)
        await hang_up(engine, answer["connectionId"])
        await subscriber.rest()
        assert subscriber.texts() == ["Before the noise.", "After the noise."]


@pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed")
async def test_sipp_answers(engine: Engine) -> None:
    """SIPp, another implementation, takes our INVITE, ACK and BYE for correct."""
    process = await asyncio.create_subprocess_exec(
        *("sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", "35060", "-m", "1", "-timeout", "20s", "-nostdin"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await asyncio.sleep(0.5)
        body = {"operation": "start", "endpoint": {"type": "sip", "uri": "sip:room@127.0.0.1:35060"}}
        status, answer = await post(engine, "/v1/endpoint:connect", body)
        assert status == 201
        await asyncio.sleep(0.5)
        await hang_up(engine, answer["connectionId"])
        assert await asyncio.wait_for(process.wait(), 15) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
