"""Tokens and handshakes."""

from __future__ import annotations

import asyncio
import base64
import time
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import websockets
from websockets.typing import Subprotocol

from tests.unit.engine.client import Engine, StartEngine, fetch_token
from tests.unit.engine.test_engine_limits import answer_to, handshake, open_raw
from worker.engine.tokens import TokenMint


async def test_wrong_credentials(start_engine: StartEngine) -> None:
    """Only known credentials get a token; the refusal is a 401 with a message."""
    engine = await start_engine(accounts={"app": "right"})
    base = engine.server.base_url
    assert (await fetch_token(base, "app", "right"))[0] == 200
    for app_id, secret in (("app", "wrong"), ("other", "right"), ("", ""), ("other", "")):
        status, body = await fetch_token(base, app_id, secret)
        assert status == 401
        assert isinstance(body["message"], str)


async def test_a_token_is_a_jwt_of_a_day(engine: Engine) -> None:
    """Clients read the expiry out of the token and offer it as a subprotocol, so it is an unpadded JWT."""
    status, body = await fetch_token(engine.server.base_url)
    assert status == 200
    assert body["expiresIn"] == 86_400
    header, claims, _ = body["accessToken"].split(".")
    assert "=" not in body["accessToken"]
    assert orjson.loads(base64.urlsafe_b64decode(header + "=="))["typ"] == "JWT"
    assert abs(orjson.loads(base64.urlsafe_b64decode(claims + "=="))["exp"] - time.time() - 86_400) < 10


async def test_browsers_may_ask_for_tokens(engine: Engine) -> None:
    """The token endpoint answers preflights and carries CORS headers, also on errors."""
    url = f"{engine.server.base_url}/oauth2/token:generate"
    async with aiohttp.ClientSession() as session:
        async with session.options(url) as response:
            assert response.status == 204
            assert "content-type" in response.headers["Access-Control-Allow-Headers"]
        for body in (b"{", b"[]", b"{}"):
            async with session.post(url, data=body) as response:
                assert response.status in (400, 401)
                assert response.headers["Access-Control-Allow-Origin"] == "*"
                assert "message" in await response.json()


async def test_the_ways_of_a_token(engine: Engine) -> None:
    """Query, both headers and subprotocol are accepted; an offered subprotocol is echoed."""
    token = engine.token
    carriers: list[dict[str, Any]] = [
        {"additional_headers": {"x-api-key": token}},
        {"additional_headers": {"authorization": f"Bearer {token}"}},
        {"additional_headers": {}, "subprotocols": [Subprotocol(token)]},
    ]
    for number, options in enumerate(carriers):
        client = await engine.connect(f"call-{number}", path="/v1/realtime/insights/", **options)
        assert client.socket.subprotocol == (token if "subprotocols" in options else None)
        await client.start()
    client = await engine.connect(f"a%20b=?source=js_sdk&access_token={token}", additional_headers={})
    await client.start()


async def test_a_foreign_subprotocol_is_echoed(engine: Engine) -> None:
    """A client that offers a subprotocol and carries its token elsewhere is not turned away."""
    client = await engine.connect(subprotocols=[Subprotocol("symbl")])
    assert client.socket.subprotocol == "symbl"


@pytest.mark.parametrize("path", ["/v1/streaming/", "/v1/subscribe/"])
async def test_no_token_no_socket(engine: Engine, path: str) -> None:
    """A missing, foreign or expired token is refused with 401 and a message."""
    foreign = TokenMint(key=b"foreign", accounts=None).issue("a", "b", now=time.time())
    for token in (None, "nonsense", "a.b.c", "é", foreign, f"{engine.token}x"):
        headers = {} if token is None else {"X-API-KEY": token}
        with pytest.raises(websockets.InvalidStatus) as refusal:
            await engine.connect(path=path, additional_headers=headers)
        assert refusal.value.response.status_code == 401
        assert "message" in orjson.loads(refusal.value.response.body or b"")


async def test_no_extension_is_negotiated(engine: Engine) -> None:
    """Compression is refused even when offered, and the Connection header is just "upgrade"."""
    client = await engine.connect(compression="deflate")
    response = client.socket.response
    assert response is not None
    assert "Sec-WebSocket-Extensions" not in response.headers
    assert response.headers["Connection"].lower() == "upgrade"


async def test_http_paths(engine: Engine) -> None:
    """Health is public; other paths answer with their status and a message."""
    base = engine.server.base_url
    headers = {"X-API-KEY": engine.token}
    expected = {"/health/live": 200, "/health/ready": 200, "/nowhere": 404, "/v1/streaming/a": 426}
    async with aiohttp.ClientSession(headers=headers) as session:
        for path, status in expected.items():
            async with session.get(base + path) as response:
                assert response.status == status
                assert await response.json()
        async with session.get(base + "/oauth2/token:generate") as response:
            assert response.status == 405


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/oauth2/token:generate", "POST"),
        ("/v1/streaming/a", "GET"),
        ("/v1/subscribe/a", "GET"),
        ("/v1/conversations/1/messages", "GET"),
        ("/v1/conversations/1/members/2", "PUT"),
        ("/v1/conversations/1", "DELETE"),
        ("/v1/manage/trackers", "POST"),
        ("/v1/endpoint:connect", "POST"),
    ],
)
async def test_preflights(engine: Engine, path: str, method: str) -> None:
    """Every path of the API answers preflights; nothing else may be read by pages of other origins."""
    async with aiohttp.ClientSession() as session:
        headers = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
        async with session.options(engine.base_url + path, headers=headers) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            allowed = response.headers["Access-Control-Allow-Methods"].split(", ")
            assert "OPTIONS" in allowed
            assert method in allowed
            assert "authorization" in response.headers["Access-Control-Allow-Headers"]
        async with session.options(f"{engine.base_url}/v1/nowhere") as response:
            assert response.status == 404
            assert response.headers["Access-Control-Allow-Origin"] == "*"
        async with session.get(f"{engine.base_url}/health/live") as response:
            assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(
    "connection_id",
    [
        "1",
        "YWxpY2VAZXhhbXBsZS5jb20=",
        "a%2Fb%2Bc%3D%3D",
        "a+b",
        "a%20b",
        "%E5%8F%B7",
        "100%25",
        "x" * 256,
        "%FF",
    ],
)
async def test_connection_ids(engine: Engine, connection_id: str) -> None:
    """Whatever a client chose, however it is written in the address: the same id is the same conversation."""
    speaker = await engine.connect(connection_id)
    conversation = await speaker.start()
    subscriber = await engine.connect(connection_id, path="/v1/subscribe/")
    assert (await subscriber.until("subscription_started"))["message"]["data"]["conversationId"] == conversation
    other = await engine.connect("other")
    assert await other.start() != conversation


async def test_an_id_is_what_it_decodes_to(engine: Engine) -> None:
    """Clients differ in what they escape."""
    speaker = await engine.connect("a%3Db%2fc")
    conversation = await speaker.start()
    other = await engine.connect("a=b%2Fc")
    assert await other.start("jonas") == conversation
    apart = await engine.connect("a=b+c")
    assert await apart.start() != conversation


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/streaming/", 404),
        ("/v1/streaming", 404),
        ("/v1/streaming/a/b", 404),
        ("/v1/streaming/" + "x" * 257, 400),
        ("/v1/streaming/a%00b", 400),
        ("/v1/streaming/a%0Ab", 400),
    ],
)
async def test_no_connection_ids(engine: Engine, path: str, status: int) -> None:
    """No id, more than an id, one that is too long, and control characters."""
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await engine.connect("", path=path)
    assert refusal.value.response.status_code == status
    assert "message" in orjson.loads(refusal.value.response.body or b"")


async def test_a_wrong_method(engine: Engine) -> None:
    """405 with a message and the methods that there are."""
    async with aiohttp.ClientSession(headers={"X-API-KEY": engine.token}) as session:
        for method, path in (("POST", "/v1/streaming/a"), ("HEAD", "/v1/subscribe/a"), ("PUT", "/health/live")):
            async with session.request(method, engine.base_url + path) as response:
                assert response.status == 405
                assert "GET" in response.headers["Allow"]
                assert method == "HEAD" or "message" in await response.json()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Sec_WebSocket_Version": "12"}, b"400"),
        ({"Sec_WebSocket_Version": None}, b"400"),
        ({"Sec_WebSocket_Key": None}, b"400"),
        ({"Sec_WebSocket_Key": "short"}, b"400"),
        ({"Connection": "keep-alive"}, b"400"),
        ({"Upgrade": None}, b"426"),
        ({"Upgrade": "h2c"}, b"426"),
    ],
)
async def test_half_a_handshake(start_engine: StartEngine, changes: dict[str, str | None], status: bytes) -> None:
    """An upgrade that is none is refused in JSON, and takes nobody's place."""
    engine = await start_engine(max_connections=1)
    end: dict[str, str | None] = {"Connection": "close"} if status == b"426" else {}
    answer = await answer_to(engine, handshake(engine, **end, **changes))
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b'{"message":' in answer
    await engine.connect()


async def test_header_names_in_any_case(engine: Engine) -> None:
    """Names of headers, and the values of Upgrade and Connection, are read in any case; proxies change them."""
    head = handshake(engine, Upgrade="WebSocket", Connection="keep-alive, upgrade", X_API_KEY=None)
    head = head.replace(b"Sec-WebSocket-Key", b"SEC-WEBSOCKET-KEY").replace(b"Upgrade:", b"upgrade:")
    head = head.replace(b"\r\n\r\n", f"\r\nx-Api-Key: {engine.token}\r\n\r\n".encode())
    reader, writer = await open_raw(engine)
    writer.write(head)
    answer = (await reader.readuntil(b"\r\n\r\n")).lower()
    writer.close()
    assert answer.startswith(b"http/1.1 101")
    assert b"\r\nconnection: upgrade\r\n" in answer
    assert b"sec-websocket-extensions" not in answer


async def test_a_token_of_an_account_that_went(tmp_path: Path, start_engine: StartEngine) -> None:
    """Whoever is taken out of the accounts file is out, with the tokens that are still valid."""
    file = tmp_path / "accounts.yaml"
    file.write_text("accounts: [{appId: a, appSecret: s}, {appId: b, appSecret: s}]")
    engine = await start_engine(accounts_file=file)
    _, answer = await fetch_token(engine.base_url, "a", "s")
    headers = {"X-API-KEY": answer["accessToken"]}
    await engine.connect(additional_headers=headers)
    file.write_text("accounts: [{appId: b, appSecret: s}]")
    # It is looked at once a second.
    await asyncio.sleep(1.1)
    with pytest.raises(websockets.InvalidStatus, match="401"):
        await engine.connect(additional_headers=headers)


async def test_credentials_of_any_shape(engine: Engine) -> None:
    """Odd types, absent members and bodies beyond any credentials get a 4xx with a message."""
    url = f"{engine.base_url}/oauth2/token:generate"
    bodies: list[tuple[Any, int]] = [
        ({"appId": 1, "appSecret": ["x"]}, 401),
        ({"appId": "a"}, 401),
        ({"appId": "a", "appSecret": None}, 401),
        ([1], 400),
        ({"appId": "a", "appSecret": "x" * 20_000}, 413),
    ]
    async with aiohttp.ClientSession() as session:
        for body, status in bodies:
            async with session.post(url, json=body) as response:
                assert response.status == status
                assert isinstance((await response.json())["message"], str)


async def test_answers_do_not_tell_versions(engine: Engine) -> None:
    """Neither an answer, nor a refusal, nor an upgraded socket names the software behind it and its version."""
    async with aiohttp.ClientSession() as session:
        for path in ("/health/live", "/nothing", "/v1/conversations"):
            async with session.get(engine.base_url + path) as response:
                assert response.headers["Server"] == "symbl-engine"
    client = await engine.connect()
    assert client.socket.response is not None
    assert client.socket.response.headers["Server"] == "symbl-engine"
