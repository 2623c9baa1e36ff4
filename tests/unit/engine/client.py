"""A client of the engine that keeps what it received."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import aiohttp
import orjson
import websockets
from websockets.asyncio.client import ClientConnection

from worker.engine.app import EngineServer

Frame: TypeAlias = dict[str, Any]
PATIENCE_SECONDS = 10.0


class Client:
    """One WebSocket to the engine; keeps everything that was received."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[Frame] = []

    async def send(self, **request: Any) -> None:
        await self.socket.send(orjson.dumps(request).decode())

    async def start(self, user_id: str | None = "ines", **members: Any) -> str:
        """Starts recognition and returns the conversation id."""
        speaker = None if user_id is None else {"userId": user_id, "name": user_id.title()}
        await self.send(type="start_request", **{"speaker": speaker, "noConnectionTimeout": 5} | members)
        created = await self.until("conversation_created")
        await self.until("recognition_started")
        return str(created["message"]["data"]["conversationId"])

    async def audio(self, audio: bytes, piece: int = 3200) -> None:
        for at in range(0, len(audio), piece):
            await self.socket.send(audio[at : at + piece])

    async def stop(self) -> list[Frame]:
        """Stops and returns every frame up to the close."""
        await self.send(type="stop_request")
        return await self.rest()

    async def receive(self) -> Frame:
        async with asyncio.timeout(PATIENCE_SECONDS):
            data = await self.socket.recv()
        frame = orjson.loads(data)
        assert isinstance(frame, dict)
        self.frames.append(frame)
        return frame

    async def until(self, kind: str) -> Frame:
        """Receives until a frame of this kind."""
        while True:
            frame = await self.receive()
            if kind_of(frame) == kind:
                return frame

    async def final(self) -> Frame:
        """Receives until a final recognition result."""
        while True:
            frame = await self.until("recognition_result")
            if frame["message"]["isFinal"]:
                return frame

    async def rest(self) -> list[Frame]:
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await self.receive()
        return self.frames

    @property
    def close_code(self) -> int | None:
        return self.socket.close_code

    def texts(self) -> list[str]:
        """Contents of the messages received so far."""
        return [
            message["payload"]["content"]
            for frame in self.frames
            if frame["type"] == "message_response"
            for message in frame["messages"]
        ]

    def kinds(self) -> list[str]:
        return [kind_of(frame) for frame in self.frames]


def kind_of(frame: Frame) -> str:
    kind = frame["message"]["type"] if frame["type"] == "message" else frame["type"]
    return str(kind)


class Engine:
    """An address where an engine listens, a token for it, and the engine itself where it runs in the test."""

    def __init__(
        self, base_url: str, token: str, clients: contextlib.AsyncExitStack, server: EngineServer | None = None
    ) -> None:
        self.base_url = base_url
        self.token = token
        self._clients = clients
        self._server = server

    @property
    def server(self) -> EngineServer:
        assert self._server is not None
        return self._server

    async def connect(self, connection_id: str = "call-1", path: str = "/v1/streaming/", **options: Any) -> Client:
        options.setdefault("additional_headers", {"X-API-KEY": self.token})
        address = self.base_url.replace("http", "ws", 1) + path + connection_id
        return Client(await self._clients.enter_async_context(websockets.connect(address, proxy=None, **options)))


StartEngine: TypeAlias = Callable[..., Awaitable[Engine]]


async def fetch_token(base_url: str, app_id: str = "app", app_secret: str = "secret") -> tuple[int, Frame]:
    body = {"type": "application", "appId": app_id, "appSecret": app_secret}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{base_url}/oauth2/token:generate", json=body) as response,
    ):
        return response.status, await response.json()
