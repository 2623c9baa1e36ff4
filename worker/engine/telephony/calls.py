"""Calls that the engine dials: their sockets, timers, and the line that each of them is in a conversation.

To its room a call is a client like any other: it sends `start_request` and audio, and hears what is answered. The
conversation begins when the call is ordered, so that it can be followed while the telephone still rings; the audio's
clock begins with the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from worker.engine.admission import Admission, Refusal
from worker.engine.peers import TextFrame
from worker.engine.recognizers.events import LINEAR16, MULAW
from worker.engine.requests import SpeakerRequest
from worker.engine.rooms import Room, Rooms, SpeakerSocket
from worker.engine.telephony import dialog, rtp, sdp, sip
from worker.engine.telephony.alaw import linear_of
from worker.engine.telephony.requests import Dial, SpeakerEvent, TelephonyRequestError

logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.1
_KEEP_ALIVE_SECONDS = 1.0
_PARTING_SECONDS = 2.0
# What is remembered of calls that are over.
_ENDED_CALLS = 1_000
# A client whose clock is further off is taken at its arrival instead.
_FOREIGN_CLOCK_SECONDS = 30.0
# A recogniser that is further behind loses the newest audio, since a telephone cannot be asked to wait.
_MAX_WAITING_SECONDS = 30.0


class RefusedError(Exception):
    """There is no room for another call."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Connection:
    """A call that was ordered."""

    connection_id: str
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that is over, or about to be; ``speakers`` took part by the speaker events."""

    connection: Connection
    speakers: Sequence[Mapping[str, Any]] = field(repr=False)


class Telephony:
    """All calls of one engine.

    Invariant: a call is in ``_calls`` from `dial` until it has ended and its line has said its last words.

    Args:
        host: Local address for SIP and RTP.
        port: Local SIP port; 0 takes a free one.
        trunk: ``host:port`` that numbers are dialled through; None allows SIP addresses only.
    """

    def __init__(self, *, host: str, port: int, trunk: str | None, rooms: Rooms, admission: Admission) -> None:
        self._host = host
        self._port = port
        self._trunk = trunk
        self._rooms = rooms
        self._admission = admission
        self._transport: asyncio.DatagramTransport | None = None
        self._calls: dict[str, _Call] = {}
        # Clients stop calls that are over, and the JavaScript SDK stops each one twice.
        self._ended: OrderedDict[str, tuple[str, Ended]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Telephony calls={len(self._calls)}>"

    @property
    def address(self) -> tuple[str, int]:
        """Our SIP host and port, once started."""
        return _address_of(self._transport)

    async def start(self) -> None:
        """Opens the SIP socket.

        Raises:
            OSError: The address cannot be used.
        """
        self._transport = await _open(self._host, self._port, self._receive)

    async def stop(self) -> None:
        """Hangs up every call."""
        for call in list(self._calls.values()):
            call.hang_up()
        await asyncio.gather(*(call.wait_until_gone() for call in list(self._calls.values())))
        if self._transport is not None:
            self._transport.close()
        # A transport closes in the next turn of the loop.
        await asyncio.sleep(0)

    async def dial(self, account: str, request: Dial) -> Connection:
        """Orders a call; it rings when this returns.

        Raises:
            TelephonyRequestError: Nobody can be reached so.
            RefusedError: There is no room for another speaker.
        """
        target, hop = await self._resolve(request)
        refusal = self._admission.enter(account, speaker=True)
        if refusal is not None:
            raise RefusedError(refusal)
        media = _MediaSocket()
        try:
            await media.open(self._host)
        except OSError:
            self._admission.leave(account, speaker=True)
            raise
        call = _Call(self, account, request, media)
        call.room, call.line = self._rooms.enter(account, call.connection_id, call)
        call.line.telephone = True
        self._calls[call.connection_id] = call
        try:
            conversation_id = call.begin(target, hop, self.address)
        except BaseException:
            call.leave()
            self.forget(call)
            raise
        logger.info("call ordered", extra={"conversation": conversation_id})
        return Connection(call.connection_id, conversation_id)

    def hang_up(self, account: str, connection_id: str) -> Ended | None:
        """Ends a call and says who spoke in it, also when it is over already; None for a call that is not known."""
        call = self._find(account, connection_id)
        if call is not None:
            call.hang_up()
            return call.summary()
        owner, ended = self._ended.get(connection_id, ("", None))
        return ended if owner == account else None

    def note_event(self, account: str, connection_id: str, event: SpeakerEvent, now: float) -> bool:
        """Somebody began or ceased to speak; false for a call that is not there.

        Args:
            now: Seconds since the epoch.
        """
        call = self._find(account, connection_id)
        if call is None:
            return False
        call.note_event(event, now)
        return True

    def transmit(self, host: str, port: int, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, (host, port))

    def forget(self, call: _Call) -> None:
        """The call is gone. Idempotent."""
        if self._calls.pop(call.connection_id, None) is None:
            return
        self._admission.leave(call.account, speaker=True)
        if call.conversation_id:
            self._ended[call.connection_id] = (call.account, call.summary())
            if len(self._ended) > _ENDED_CALLS:
                self._ended.popitem(last=False)

    def _find(self, account: str, connection_id: str) -> _Call | None:
        call = self._calls.get(connection_id)
        return call if call is not None and call.account == account else None

    async def _resolve(self, request: Dial) -> tuple[str, tuple[str, int]]:
        if request.uri is not None:
            target = request.uri
        elif self._trunk is None:
            raise TelephonyRequestError("This server has no trunk to dial telephone numbers through.")
        else:
            target = f"sip:{request.number}@{self._trunk}"
        place = sip.host_of(target)
        if place is None:
            raise TelephonyRequestError("The address cannot be called.")
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(*place, family=family, type=socket.SOCK_DGRAM)
        except OSError:
            raise TelephonyRequestError("The host of the address cannot be found.") from None
        host, port = found[0][4][:2]
        return target, (str(host), int(port))

    def _receive(self, data: bytes, source: tuple[str, int]) -> None:
        try:
            message = sip.parse(data)
        except sip.SipError:
            return
        call_id = sip.first(message.headers, "call-id") or ""
        call = self._calls.get(call_id)
        if call is not None:
            call.receive(message, source)
        elif isinstance(message, sip.SipRequest) and message.method != "ACK":
            # Nobody can call the engine.
            known = message.method == "OPTIONS"
            status, reason = (200, "OK") if known else (481, "Call/Transaction Does Not Exist")
            self.transmit(*source, sip.encode(dialog.answer_to(message, status, reason)))


class _Call:
    """One call. To its room it is the peer of a speaker socket.

    Invariant: the line is left exactly once, by `leave`, when the room has closed it or the call was never answered;
    the call is forgotten when it was left and the other side is gone.
    """

    def __init__(self, owner: Telephony, account: str, request: Dial, media: _MediaSocket) -> None:
        self.account = account
        self.connection_id = str(uuid.uuid4())
        self.conversation_id = ""
        self.room: Room
        self.line: SpeakerSocket
        self.speakers: dict[str, Mapping[str, Any]] = {}
        self._owner = owner
        self._request = request
        self._media = media
        self._clock = asyncio.get_running_loop().time
        self._dialog: dialog.OutgoingCall
        self._timer: asyncio.TimerHandle | None = None
        self._listening: asyncio.Task[None] | None = None
        self._refusal: str | None = None
        self._left = False
        self._over = asyncio.Event()
        self._gone = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Call conversation={self.conversation_id}>"

    # --- the call ----------------------------------------------------------------------------------------------------

    def begin(self, target: str, hop: tuple[str, int], local: tuple[str, int]) -> str:
        """Begins the conversation and sends the INVITE; returns the conversation's id.

        Raises:
            TelephonyRequestError: The conversation cannot be started so.
        """
        # Started and stopped at once, the line is idle until somebody answers.
        self._say("start_request", self._start_members(MULAW, 8_000) | {"disconnectOnStopRequest": False})
        conversation = self.room.conversation
        if self._refusal is not None or conversation is None:
            raise TelephonyRequestError(self._refusal or "The conversation cannot be started.")
        self.conversation_id = conversation.conversation_id
        self._say("stop_request", {})
        offer = sdp.make_offer(
            *self._media.address, session=secrets.randbits(31), linear_rate_hz=self._request.linear_rate_hz
        )
        self._dialog = dialog.OutgoingCall(
            target=target,
            next_hop=hop,
            local=local,
            sdp=offer,
            call_id=self.connection_id,
            new_token=lambda: secrets.token_hex(8),
        )
        self._perform(self._dialog.start(self._clock()), hop)
        return self.conversation_id

    def hang_up(self) -> None:
        self._perform(self._dialog.hang_up(self._clock()))

    def receive(self, message: sip.SipMessage, source: tuple[str, int]) -> None:
        self._perform(self._dialog.receive(message, self._clock()), source)

    def summary(self) -> Ended:
        return Ended(Connection(self.connection_id, self.conversation_id), tuple(self.speakers.values()))

    async def wait_until_gone(self) -> None:
        """Waits for the other side and for the last words, but not for long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PARTING_SECONDS):
                await self._gone.wait()
        self._end("the engine stops")
        self.leave()
        if self._timer is not None:
            self._timer.cancel()
        if self._listening is not None:
            await self._listening

    def note_event(self, event: SpeakerEvent, now: float) -> None:
        if event.kind == "stopped":
            self.hang_up()
            return
        user = event.user or {}
        speaker = SpeakerRequest(user_id=_text(user.get("userId")), name=_text(user.get("name")), members=user)
        self.speakers[speaker.user_id or speaker.name or ""] = {
            key: value for key, value in (("name", speaker.name), ("userId", speaker.user_id)) if value is not None
        }
        if event.kind == "started_speaking":
            # Whoever stops is not replaced by anybody: late words are still theirs.
            known = event.at is not None and abs(event.at - now) < _FOREIGN_CLOCK_SECONDS
            self.room.receive_speaker(self.line, speaker, event.at if event.at is not None and known else now)

    def _perform(self, actions: list[dialog.Action], source: tuple[str, int] | None = None) -> None:
        for action in actions:
            match action:
                case dialog.Transmit(host, port, data):
                    self._owner.transmit(host, port, data)
                case dialog.Reply(data):
                    assert source is not None
                    self._owner.transmit(*source, data)
                case dialog.Media(description):
                    self._take_media(description)
                case dialog.Over(reason):
                    self._end(reason)
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._dialog.next_deadline()
        if due is not None:
            delay = max(0.0, due - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._receive_time)

    def _receive_time(self) -> None:
        self._perform(self._dialog.receive_time(self._clock()))

    def _take_media(self, description: bytes) -> None:
        try:
            remote = sdp.read(description)
        except sdp.SdpError:
            logger.warning("call without audio for us", extra={"conversation": self.conversation_id})
            self.hang_up()
            return
        codec = remote.codecs[0]
        self._media.connect(remote, codec)
        if self._listening is not None:
            return
        encoding, rate = (MULAW, 8_000) if codec.name == "PCMU" else (LINEAR16, codec.rate_hz)
        self._say("start_request", self._start_members(encoding, rate))
        logger.info("call answered", extra={"conversation": self.conversation_id, "codec": codec.name})
        self._listening = asyncio.create_task(self._listen(remote, codec))

    def _end(self, reason: str) -> None:
        """The other side is gone, or never was there."""
        if self._over.is_set():
            return
        self._over.set()
        logger.info("call over", extra={"conversation": self.conversation_id, "reason": reason})
        if self._listening is None:
            self.leave()
        # Otherwise the listening task says the rest and stops.
        self._forget_if_over()

    # --- audio -------------------------------------------------------------------------------------------------------

    async def _listen(self, remote: sdp.RemoteMedia, codec: sdp.Codec) -> None:
        """Gives the recogniser what comes in, presses keys, and keeps the way open, until the call is over."""
        began = self._clock()
        sender = rtp.Sender(codec, remote.events, secrets.randbits(32))
        keys = sender.keys(self._request.keys, 0.0)
        next_key = next(keys, None)
        keep_alive_at = 0.0
        if self._request.keys and remote.events is None:
            logger.warning("the other side takes no keys", extra={"conversation": self.conversation_id})
        while not self._over.is_set() and not self._left:
            elapsed = self._clock() - began
            while next_key is not None and next_key[0] <= elapsed:
                self._media.send(next_key[1])
                next_key = next(keys, None)
            if elapsed >= keep_alive_at and next_key is None:
                self._media.send(sender.keep_alive(elapsed))
                keep_alive_at = elapsed + _KEEP_ALIVE_SECONDS
            await self._give(self._media.take(self._clock()), codec)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS if next_key is None else _TICK_SECONDS / 5):
                    await self._over.wait()
        await self._give(self._media.take(self._clock()), codec)
        if not self._left:
            self._say("stop_request", {})

    async def _give(self, audio: bytes, codec: sdp.Codec) -> None:
        if audio and not self._left:
            await self.room.receive_audio(self.line, linear_of(audio) if codec.name == "PCMA" else audio)

    # --- the room's side ---------------------------------------------------------------------------------------------

    def send(self, frame: TextFrame) -> None:
        """What the room tells this line; only why it cannot start is of interest."""
        if self.conversation_id:
            return
        match orjson.loads(frame.payload):
            case {"type": "message", "message": {"type": "error", "payload": {"message": str(text)}}}:
                self._refusal = text

    async def drained(self) -> None:
        """Nothing ever waits."""

    def close(self, code: int = 1000, *, grace_seconds: float = 0.0) -> None:
        """The room has done with this line."""
        asyncio.get_running_loop().call_soon(self.leave)

    def abort(self) -> None:
        self.close()

    def leave(self) -> None:
        """Takes the line out of its room, and hangs up. Idempotent."""
        if self._left:
            return
        self._left = True
        self.room.receive_loss(self.line)
        self._media.close()
        if not self._over.is_set() and self.conversation_id:
            self.hang_up()
        self._forget_if_over()

    def _forget_if_over(self) -> None:
        if self._left and self._over.is_set():
            self._owner.forget(self)
            self._gone.set()

    def _say(self, kind: str, members: Mapping[str, Any]) -> None:
        self.room.receive_text(self.line, orjson.dumps({"type": kind, **members}).decode())

    def _start_members(self, encoding: str, rate: int) -> dict[str, Any]:
        recognition = {"encoding": encoding, "sampleRateHertz": rate}
        config = {**self._request.start.get("config", {}), "speechRecognition": recognition}
        return {**self._request.start, "config": config, "noConnectionTimeout": 0}


class _MediaSocket:
    """The RTP socket of one call.

    Invariant: once the first packet has come, only its sender is heard until the other side describes itself anew.
    """

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._remote: tuple[str, int] | None = None
        self._latched: tuple[str, int] | None = None
        self._receiver: rtp.Receiver | None = None
        self._audio = bytearray()

    async def open(self, host: str) -> None:
        self._transport = await _open(host, 0, self._receive)

    @property
    def address(self) -> tuple[str, int]:
        return _address_of(self._transport)

    def connect(self, remote: sdp.RemoteMedia, codec: sdp.Codec) -> None:
        """Hears this side from now on."""
        self._remote = (remote.host, remote.port)
        self._latched = None
        if self._receiver is None:
            self._receiver = rtp.Receiver(codec)

    def send(self, data: bytes) -> None:
        # Behind a NAT the packets that come are the only ones that tell the right address.
        where = self._latched or self._remote
        if self._transport is not None and where is not None and not self._transport.is_closing():
            self._transport.sendto(data, where)

    def take(self, now: float) -> bytes:
        """What has come since the last time, pauses included."""
        if self._receiver is not None:
            self._audio += self._receiver.fill(now)
        audio = bytes(self._audio)
        self._audio.clear()
        return audio

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _receive(self, data: bytes, source: tuple[str, int]) -> None:
        packet = rtp.parse(data)
        if packet is None or self._receiver is None:
            return
        if self._latched is None:
            self._latched = source
        if source != self._latched:
            return
        codec = self._receiver.codec
        if len(self._audio) < _MAX_WAITING_SECONDS * codec.rate_hz * 2:
            self._audio += self._receiver.receive(packet, asyncio.get_running_loop().time())


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, receive: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._receive = receive

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._receive(data, (addr[0], addr[1]))


async def _open(host: str, port: int, receive: Callable[[bytes, tuple[str, int]], None]) -> asyncio.DatagramTransport:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(receive), local_addr=(host, port))
    return transport


def _address_of(transport: asyncio.DatagramTransport | None) -> tuple[str, int]:
    """Host and port of an open socket."""
    assert transport is not None
    host, port = transport.get_extra_info("sockname")[:2]
    return host, port


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
