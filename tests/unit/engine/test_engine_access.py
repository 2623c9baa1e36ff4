"""Tokens and handshakes."""

from __future__ import annotations

import base64
import time
from typing import Any

import aiohttp
import orjson
import pytest
import websockets
from websockets.typing import Subprotocol

from tests.unit.engine.client import Engine, StartEngine, fetch_token
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
