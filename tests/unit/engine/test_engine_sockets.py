"""The engine as its clients see it: a real server, real sockets, coded speech."""

from __future__ import annotations

import asyncio

import pytest
from websockets.typing import Subprotocol

from tests.unit.engine.client import Engine, StartEngine, kind_of
from worker.engine.recognizers.coded import CodedRecognizer, encode_utterance


async def test_a_normal_session(engine: Engine) -> None:
    """Start, results and end come in the order that the SDKs rely on, and the server closes with 1000."""
    client = await engine.connect()
    await client.start()
    await client.audio(encode_utterance("u1", ["hello", "there."]))
    frames = await client.stop()
    assert client.kinds() == [
        "conversation_created",
        "started_listening",
        "recognition_started",
        "recognition_result",
        "recognition_result",
        "recognition_result",
        "message_response",
        "conversation_completed",
        "recognition_stopped",
    ]
    assert client.texts() == ["hello there."]
    assert frames[-2]["message"]["data"] == {"conversationId": frames[0]["message"]["data"]["conversationId"]}
    assert client.close_code == 1000


async def test_an_early_close_by_the_client_is_clean(start_engine: StartEngine) -> None:
    """After completion the client has time to close first."""
    engine = await start_engine(completion_grace_seconds=5.0)
    client = await engine.connect()
    await client.start()
    await client.send(type="stop_request")
    await client.until("conversation_completed")
    async with asyncio.timeout(2.0):
        await client.socket.close()
    assert client.close_code == 1000


async def test_a_second_start_changes_nothing(engine: Engine) -> None:
    """A start_request that is sent twice makes neither a second conversation nor a second recogniser."""
    client = await engine.connect()
    await client.start()
    await client.audio(encode_utterance("u1", ["one", "two"])[:100])
    await client.send(type="start_request", speaker={"userId": "ines"})
    await client.audio(encode_utterance("u1", ["one", "two"])[100:])
    await client.stop()
    assert client.kinds().count("conversation_created") == 1
    assert client.texts() == ["one two"]


async def test_audio_before_the_start_is_ignored(engine: Engine) -> None:
    """Audio on a socket that has not started is neither an error nor heard."""
    client = await engine.connect()
    await client.audio(encode_utterance("u0", ["early"]))
    await client.start()
    await client.audio(encode_utterance("u1", ["late"]))
    await client.stop()
    assert client.texts() == ["late"]


@pytest.mark.parametrize(
    "text", ["{'type': 'stop_request'}", '{"type": "stop_recognition"}', '{"type":"stop_request"}']
)
async def test_every_known_stop_ends_the_session(engine: Engine, text: str) -> None:
    """The old synonym and the malformed text of the Python SDK end a session like stop_request."""
    client = await engine.connect()
    await client.start()
    await client.socket.send(text)
    await client.rest()
    assert client.kinds()[-2:] == ["conversation_completed", "recognition_stopped"]
    assert client.close_code == 1000


async def test_a_cut_utterance_is_flushed(engine: Engine) -> None:
    """What was said before stop_request is finalised before the completion."""
    client = await engine.connect()
    await client.start()
    await client.audio(encode_utterance("u1", ["one", "two", "three"], word_seconds=0.1)[:6000])
    await client.stop()
    assert client.texts() == ["one two [cut]"]
    assert client.kinds().index("message_response") < client.kinds().index("conversation_completed")


async def test_stop_and_resume_on_one_socket(engine: Engine) -> None:
    """Without disconnectOnStopRequest the socket stays; a new start continues the conversation, audio time from 0."""
    client = await engine.connect()
    first = await client.start(disconnectOnStopRequest=False)
    await client.audio(encode_utterance("u1", ["one"]))
    await client.send(type="stop_request")
    await client.until("recognition_stopped")
    assert "conversation_completed" not in client.kinds()
    await client.audio(encode_utterance("u2", ["ignored"]))
    second = await client.start(disconnectOnStopRequest=True)
    await client.audio(encode_utterance("u3", ["two"]))
    frames = await client.stop()
    assert second == first
    assert client.texts() == ["one", "two"]
    last = [frame for frame in frames if frame["type"] == "message_response"][-1]
    assert last["messages"][0]["duration"]["timeOffset"] == 0
    assert last["sequenceNumber"] == 1


async def test_an_idle_socket_is_ended(engine: Engine) -> None:
    """After disconnectOnStopRequestTimeout an idle socket gets its completion and is closed."""
    client = await engine.connect()
    await client.start(disconnectOnStopRequest=False, disconnectOnStopRequestTimeout=0.2)
    await client.send(type="stop_request")
    await client.rest()
    assert client.kinds()[-2:] == ["conversation_completed", "recognition_stopped"]
    assert client.close_code == 1000


async def test_a_dropped_socket_continues_its_conversation(engine: Engine) -> None:
    """After a loss the same connection id and speaker continue: same conversation, same speaker id, offsets from 0."""
    client = await engine.connect()
    first = await client.start()
    await client.audio(encode_utterance("u1", ["one"]))
    before = await client.until("message_response")
    await client.audio(encode_utterance("u2", ["two", "three"], word_seconds=0.1)[:3200])
    assert await engine.server.drop_sockets() == 1
    await client.rest()
    assert client.close_code == 1006
    client = await engine.connect()
    assert await client.start() == first
    await client.audio(encode_utterance("u2", ["two", "three"]))
    after = await client.until("message_response")
    assert client.texts() == ["two three"]
    assert after["messages"][0]["from"] == before["messages"][0]["from"]
    assert after["messages"][0]["duration"]["timeOffset"] == 0
    assert after["sequenceNumber"] == before["sequenceNumber"] + 1
    await client.stop()


async def test_a_conversation_without_sockets_is_over_after_its_timeout(engine: Engine) -> None:
    """When noConnectionTimeout has passed, subscribers get the completion and the id means a new conversation."""
    client = await engine.connect()
    first = await client.start(noConnectionTimeout=0.2)
    subscriber = await engine.connect(path="/v1/subscribe/")
    await subscriber.until("subscription_started")
    await engine.server.drop_sockets()
    await subscriber.rest()
    assert subscriber.kinds()[-1] == "conversation_completed"
    assert subscriber.close_code == 1000
    client = await engine.connect()
    assert await client.start() != first


async def test_two_speakers_share_a_conversation(engine: Engine) -> None:
    """Flat messages go to every socket, raw recognition to its own; one speaker may leave while the other goes on."""
    ines, omar = await engine.connect(), await engine.connect()
    assert await ines.start("ines") == await omar.start("omar")
    await ines.audio(encode_utterance("u1", ["from", "ines"]))
    await omar.until("message_response")
    assert "recognition_result" not in omar.kinds()
    await ines.stop()
    assert ines.kinds()[-2:] == ["conversation_completed", "recognition_stopped"]
    await omar.audio(encode_utterance("u1", ["from", "omar"]))
    await omar.stop()
    assert omar.texts() == ["from ines", "from omar"]
    ids = {frame["messages"][0]["from"]["id"] for frame in omar.frames if frame["type"] == "message_response"}
    assert len(ids) == 2


async def test_a_subscriber_hears_everything(engine: Engine) -> None:
    """A subscriber gets the conversation's messages including recognition results, also when it was there first."""
    early = await engine.connect(path="/session/subscribe/")
    client = await engine.connect()
    conversation = await client.start()
    started = await early.until("subscription_started")
    assert started["message"]["data"] == {"conversationId": conversation}
    await client.audio(encode_utterance("u1", ["hello"]))
    await client.stop()
    await early.rest()
    assert early.kinds() == [
        "subscription_started",
        "recognition_result",
        "recognition_result",
        "message_response",
        "conversation_completed",
    ]


async def test_a_subscriber_may_ping_and_leave(engine: Engine) -> None:
    """Subscribers get pongs; what else they say is ignored."""
    subscriber = await engine.connect(path="/v1/subscribe/")
    await subscriber.socket.send("nonsense")
    await subscriber.socket.send("__PING__")
    assert await subscriber.socket.recv() == "__PONG__"
    await subscriber.socket.close()


async def test_the_text_keepalive(engine: Engine) -> None:
    """The text __PING__ is answered with exactly __PONG__, started or not; protocol pings are answered, too."""
    client = await engine.connect()
    await client.socket.send("__PING__")
    assert await client.socket.recv() == "__PONG__"
    async with asyncio.timeout(2.0):
        await (await client.socket.ping())


async def test_modify_request(engine: Engine) -> None:
    """The format of following audio changes, on the same clock."""
    client = await engine.connect()
    await client.start()
    await client.audio(bytes(32_000))
    await client.send(type="modify_request", speechRecognition={"sampleRateHertz": 8000})
    modified = await client.until("session_modified")
    assert modified["message"]["data"]["sampleRateHertz"] == 8000
    await client.audio(bytes(8_000) + encode_utterance("u1", ["word"]))
    message = await client.until("message_response")
    assert message["messages"][0]["duration"]["timeOffset"] == 1.5
    await client.send(type="modify_request", speechRecognition={"sampleRateHertz": 1})
    assert kind_of(await client.receive()) == "error"


@pytest.mark.parametrize(
    "recognition",
    [
        {"encoding": "MP3"},
        {"sampleRateHertz": 4000},
        {"sampleRateHertz": []},
        {"encoding": "MULAW", "sampleRateHertz": 9},
    ],
)
async def test_a_start_that_cannot_succeed(engine: Engine, recognition: object) -> None:
    """The nested error, which the SDKs understand, and then the close."""
    client = await engine.connect()
    await client.send(type="start_request", config={"speechRecognition": recognition})
    [frame] = await client.rest()
    assert frame["message"]["type"] == "error"
    assert isinstance(frame["message"]["payload"]["message"], str)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"type": 1}', '{"type": "dance"}', '"stop"', "null"])
async def test_unreadable_text_is_an_error_and_nothing_else(engine: Engine, text: str) -> None:
    """A frame that is no request is answered with the flat error; the session goes on."""
    client = await engine.connect()
    await client.start()
    await client.socket.send(text)
    error = await client.receive()
    assert error["type"] == "error"
    assert isinstance(error["details"], str)
    assert isinstance(error["message"], str)
    await client.audio(encode_utterance("u1", ["on"]))
    await client.stop()
    assert client.texts() == ["on"]


async def test_results_can_be_delayed(start_engine: StartEngine) -> None:
    """Delayed results keep their order, and the completion waits for them."""
    engine = await start_engine(result_delay_seconds=(0.01, 0.2), seed=1)
    client = await engine.connect()
    await client.start()
    utterances = [f"{number}" for number in range(10)]
    for text in utterances:
        await client.audio(encode_utterance(f"u{text}", [text], word_seconds=0.01, gap_seconds=0.01))
    await client.stop()
    assert client.texts() == utterances
    assert client.kinds()[-2] == "conversation_completed"


async def test_a_stopped_speaker_is_heard_after_an_abrupt_close(start_engine: StartEngine) -> None:
    """What was said before stop_request still reaches the others when the speaker's connection drops at once."""
    engine = await start_engine(result_delay_seconds=(0.2, 0.2))
    ines, omar = await engine.connect(), await engine.connect()
    await ines.start("ines")
    await omar.start("omar")
    await ines.audio(encode_utterance("u1", ["last", "words"]))
    await ines.send(type="stop_request")
    await asyncio.sleep(0.05)
    ines.socket.transport.abort()
    await omar.until("message_response")
    assert omar.texts() == ["last words"]
    await omar.stop()


async def test_silence_ends_a_session(start_engine: StartEngine) -> None:
    """A socket on which nothing is recognised for the silence timeout is ended, like one never started."""
    engine = await start_engine(silence_timeout_seconds=0.3)
    client, mute = await engine.connect(), await engine.connect("other")
    await client.start()
    await client.rest()
    await mute.rest()
    assert client.kinds()[-2:] == ["conversation_completed", "recognition_stopped"]
    assert (client.close_code, mute.close_code) == (1000, 1000)


async def test_a_slow_reader_is_cut_off_and_slows_nobody(start_engine: StartEngine) -> None:
    """A subscriber that does not read loses its connection; speakers and other subscribers lose nothing."""
    engine = await start_engine(max_backlog_bytes=1 << 19, heartbeat_seconds=None)
    lazy = await engine.connect(path="/v1/subscribe/", max_queue=1)
    client = await engine.connect()
    await client.start()
    lazy.socket.transport.pause_reading()
    words = ["word" * 200] * 10
    receiving = asyncio.create_task(client.rest())
    for number in range(400):
        await client.audio(encode_utterance(f"u{number}", words, word_seconds=0.001, gap_seconds=0.001), piece=8192)
    await client.send(type="stop_request")
    await receiving
    assert len(client.texts()) == 400
    lazy.socket.transport.resume_reading()
    await lazy.rest()
    assert lazy.close_code == 1006


async def test_draining_closes_with_1001(start_engine: StartEngine) -> None:
    """An engine that stops says so to every socket."""
    engine = await start_engine()
    client, subscriber = await engine.connect(), await engine.connect(path="/v1/subscribe/")
    await client.start()
    rest = asyncio.gather(client.rest(), subscriber.rest())
    await engine.server.stop()
    await rest
    assert (client.close_code, subscriber.close_code) == (1001, 1001)


async def test_an_absurd_frame_is_refused(start_engine: StartEngine) -> None:
    """A message above the limit ends the connection with 1009; frames above 8192 bytes are heard."""
    engine = await start_engine(max_frame_bytes=65_536)
    client = await engine.connect()
    await client.start()
    await client.audio(encode_utterance("u1", ["big"], word_seconds=1.0), piece=32_000)
    await client.until("message_response")
    await client.socket.send(bytes(70_000))
    await client.rest()
    assert client.close_code == 1009


async def test_logs_hold_no_content(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """Neither words, names, tokens nor connection ids of clients are logged at any level."""
    caplog.set_level(0)
    client = await engine.connect(
        f"secretcall?access_token={engine.token}", subprotocols=[Subprotocol("secretprotocol")], additional_headers={}
    )
    await client.start("secretuser", config={"speechRecognition": {"encoding": "FLAC"}})
    await client.socket.send("secrettext")
    await client.audio(encode_utterance("u1", ["secretword"]))
    await client.send(type="modify_request", speechRecognition={"encoding": "secretcoding"})
    await client.until("message_response")
    await engine.server.drop_sockets()
    await client.rest()
    refused = await engine.connect("secretcall")
    await refused.send(type="start_request", config={"speechRecognition": {"encoding": "secretcoding"}})
    await refused.rest()
    lines = [str(vars(record)) for record in caplog.records if record.name.startswith(("worker", "aiohttp"))]
    assert lines
    assert not [line for line in lines if "secret" in line or engine.token in line]


async def test_a_broken_recogniser_ends_its_session_only(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recogniser that fails gives the nested error and 1011; the next socket continues the conversation."""
    client = await engine.connect()
    conversation = await client.start()
    with monkeypatch.context() as patch:
        patch.setattr(CodedRecognizer, "accept", lambda self, audio: 1 / 0)
        await client.audio(bytes(320))
        frames = await client.rest()
    assert frames[-1]["message"]["type"] == "error"
    assert client.close_code == 1011
    client = await engine.connect()
    assert await client.start() == conversation
    await client.stop()
