"""What an engine writes about its clients: nothing that is theirs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
import websockets

from tests.unit.engine.client import Client, Engine, StartEngine, fetch_token
from tests.unit.engine.test_engine_limits import BINARY, TEXT, answer_to, frame, handshake, open_raw, rest_of
from worker.engine.recognizers.coded import CodedRecognizer, encode_utterance
from worker.engine.rooms import Room

SECRETS = {"id": "hushappid", "secret": "hushappsecret", "word": "hushword", "name": "hushname", "call": "hushcall"}
OURS = ("worker", "aiohttp", "asyncio")


async def test_no_error_is_logged_with_its_cause_in_words(
    start_engine: StartEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through every kind of error, at DEBUG: no token, secret, application id, query, name, connection id or word."""
    accounts = tmp_path / "accounts.yaml"
    accounts.write_text(f"accounts: [{{appId: {SECRETS['id']}, appSecret: {SECRETS['secret']}, maxStreams: 3}}]")
    engine = await start_engine(
        accounts_file=accounts, max_frame_bytes=65_536, max_requests_per_second=20.0, max_backlog_bytes=1 << 20
    )
    caplog.set_level("DEBUG")
    engine.token = (await fetch_token(engine.base_url, SECRETS["id"], SECRETS["secret"]))[1]["accessToken"]
    await refused_tokens(engine)
    await broken_requests(engine)
    await broken_sockets(engine)
    await engine_failures(engine, monkeypatch)
    accounts.write_text(f"accounts: [{{appId: {SECRETS['id']}, appSecret: {SECRETS['secret']}, oops: 1}}]")
    await asyncio.sleep(1.1)
    client = await speaking(engine)
    ending = asyncio.create_task(engine.server.stop())
    await client.rest()
    await ending
    records = [record for record in caplog.records if record.name.partition(".")[0] in OURS]
    messages = {record.getMessage() for record in records}
    assert {"accounts not replaced", "socket failed", "recognition lost", "request not understood"} <= messages
    assert {"request failed", "slow reader cut off", "engine stopped"} <= messages
    lines = [str(vars(record)) + (record.exc_text or "") for record in records]
    assert not [line for line in lines if "hush" in line or engine.token in line or "access_token" in line]
    assert not [record for record in records if record.exc_info]


async def speaking(engine: Engine) -> Client:
    client = await engine.connect(f"{SECRETS['call']}?access_token={engine.token}", additional_headers={})
    await client.start(SECRETS["name"])
    await client.audio(encode_utterance("u", [SECRETS["word"]]))
    await client.until("message_response")
    return client


async def refused_tokens(engine: Engine) -> None:
    """Wrong credentials, broken ones, and tokens that are none, in all carriers."""
    await fetch_token(engine.base_url, SECRETS["id"], SECRETS["secret"] + "x")
    url = f"{engine.base_url}/oauth2/token:generate?access_token=hush"
    async with aiohttp.ClientSession() as http:
        for data in (b'{"appSecret": "hush', b'["hush"]', b"hush" * 10_000):
            async with http.post(url, data=data) as response:
                assert response.status in (400, 413)
        async with http.get(f"{engine.base_url}/v1/hush/{engine.token}") as response:
            assert response.status == 404
    for path in ("/v1/streaming/", "/v1/subscribe/"):
        with pytest.raises(websockets.InvalidStatus):
            await engine.connect("hushcall?access_token=hush", path, additional_headers={"X-API-KEY": "hush"})


async def broken_requests(engine: Engine) -> None:
    """What the parser of HTTP stumbles over, each with something to hide in it."""
    token = engine.token.encode()
    for sent in (
        b"hush" + token + b"\r\n\r\n",
        b"GET /v1/streaming/hush?access_token=" + token + b" HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-API-KEY " + token + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-API-KEY: " + token * 100 + b"\r\n\r\n",
        b"POST /oauth2/token:generate HTTP/1.1\r\nHost: x\r\nContent-Length: hush\r\n\r\n",
        handshake(engine, "hushcall", Sec_WebSocket_Version="hush", Connection="Upgrade, close"),
    ):
        await answer_to(engine, sent)


async def broken_sockets(engine: Engine) -> None:
    """Frames and requests that are none, too big, too many; a cut connection; a reader that does not read."""
    for sent in (
        frame(TEXT, b"hush\xff"),
        frame(TEXT, b"hush", first=0xC1),
        frame(BINARY, b"hush" * 20_000, length=b"\xff" + (80_000).to_bytes(8, "big")),
        frame(TEXT, b"hush") * 200,
    ):
        reader, writer = await open_raw(engine)
        writer.write(handshake(engine, SECRETS["call"]) + sent)
        writer.write_eof()
        await rest_of(reader)
        writer.close()
    client = await speaking(engine)
    await client.socket.send("hush {")
    await client.send(type="modify_request", speechRecognition={"encoding": "hush"})
    await client.until("error")
    await engine.server.drop_sockets()
    await client.rest()
    # What is not read stays in the buffers of both sides, until they are full.
    _, lazy = await open_raw(engine)
    lazy.write(handshake(engine, SECRETS["call"]).replace(b"streaming", b"subscribe"))
    client = await speaking(engine)
    words = [SECRETS["word"] * 400] * 10
    for number in range(40):
        await client.audio(encode_utterance(f"u{number}", words, word_seconds=0.001, gap_seconds=0.001), piece=8192)
        await client.until("message_response")
    await client.stop()
    lazy.close()


async def engine_failures(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of our own whose texts quote what they choked on: in a socket, in a recogniser, in a request."""

    def fail(*_: object, **__: object) -> None:
        raise ValueError(f"cannot do {SECRETS['word']} for {engine.token}")

    for owner, name in ((Room, "receive_text"), (CodedRecognizer, "accept")):
        client = await speaking(engine)
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, fail)
            await client.socket.send("{}" if owner is Room else b"\0\0")
            await client.rest()
        assert client.close_code == 1011
    with monkeypatch.context() as patch:
        patch.setattr(engine.server._accounts, "issue", fail)
        assert (await fetch_token(engine.base_url, SECRETS["id"], SECRETS["secret"]))[0] == 500
