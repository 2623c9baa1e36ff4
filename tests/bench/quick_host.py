"""A host for measuring workers: hears coded speech, says final results and costs little.

``python -m tests.bench.quick_host`` prints its address and serves until SIGTERM. It has no interim results, no
insights, no store and no second socket of a conversation: unlike the engine it leaves the processor to the worker.
"""

from __future__ import annotations

import logging
import uuid

import orjson
import uvloop
from aiohttp import WSMsgType, web

from worker.demo.broker import free_ports
from worker.engine.analysis import Word
from worker.engine.messages import (
    AudioSpan,
    Frame,
    Message,
    conversation_completed,
    conversation_created,
    message_response,
    recognition_result,
    recognition_started,
)
from worker.engine.recognizers.coded import CodedRecognizer
from worker.engine.recognizers.events import AudioFormat, Final


class Listener:
    """What one socket hears and says."""

    def __init__(self, conversation_id: str) -> None:
        self._conversation_id = conversation_id
        self._recognizer = CodedRecognizer(AudioFormat())
        self._speaker: Frame = {}
        self._messages = 0

    def hear(self, audio: bytes) -> list[Frame]:
        """The final results that this audio completes, and their messages."""
        finals = [event for event in self._recognizer.accept(audio) if isinstance(event, Final)]
        return [frame for final in finals for frame in self._say(final)]

    def ask(self, request: Frame) -> list[Frame]:
        """What is answered to a request."""
        if request["type"] == "start_request":
            self._speaker = {"id": str(uuid.uuid4()), **request.get("speaker", {})}
            return [conversation_created(self._conversation_id), recognition_started(self._conversation_id)]
        return [conversation_completed(self._conversation_id)]

    def _say(self, final: Final) -> list[Frame]:
        words = [Word(word.text, word.start_seconds, word.end_seconds, word.confidence) for word in final.words]
        span = AudioSpan.of(words[0].start_seconds, words[-1].end_seconds, 0)
        message = Message(
            id=str(uuid.uuid4()),
            speaker=self._speaker,
            content=final.text,
            original_content=final.text,
            words=words,
            span=span,
        )
        self._messages += 1
        return [
            recognition_result(
                text=final.text,
                words=words,
                is_final=True,
                confidence=1.0,
                user=self._speaker,
                time_offset_ms=span.end_ms,
            ),
            message_response([message], self._messages - 1),
        ]


async def _token(_: web.Request) -> web.Response:
    return web.json_response({"accessToken": "bench", "expiresIn": 86_400})


async def _stream(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    listener = Listener(request.match_info["conversation"])
    async for frame in socket:
        if frame.type is WSMsgType.BINARY:
            for answer in listener.hear(frame.data):
                await socket.send_str(orjson.dumps(answer).decode())
        elif frame.type is WSMsgType.TEXT:
            asked = orjson.loads(frame.data)
            for answer in listener.ask(asked):
                await socket.send_str(orjson.dumps(answer).decode())
            if asked["type"] == "stop_request":
                await socket.close()
    return socket


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    port = free_ports(1)[0]
    app = web.Application()
    app.router.add_post("/oauth2/token:generate", _token)
    app.router.add_get("/v1/streaming/{conversation}", _stream)

    async def say(_: web.Application) -> None:
        print(f"http://127.0.0.1:{port}", flush=True)

    app.on_startup.append(say)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main()
