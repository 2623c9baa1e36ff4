"""A telephone at the other end of the line: a scripted SIP user agent that speaks and listens over RTP.

Its SIP is written out by hand, independently of the engine's.
"""

from __future__ import annotations

import asyncio
import re
import struct
from typing import Any

_RTP = struct.Struct(">BBHII")
FRAME_SECONDS = 0.02


class Telephone:
    """Answers every call; `say` speaks. Keeps the requests and the telephone events that it received.

    Args:
        codec: PCMU, PCMA or L16/rate, the only thing that it speaks.
        status: What it answers an INVITE with; None rings for ever.
    """

    def __init__(self, *, codec: str = "PCMU", status: int | None = 200) -> None:
        self.codec = codec
        self.status = status
        self.requests: list[str] = []
        self.keys: list[tuple[int, bool]] = []
        self.packets = 0
        self.answered = asyncio.Event()
        self.over = asyncio.Event()
        self._sip: asyncio.DatagramTransport
        self._rtp: asyncio.DatagramTransport
        self._engine_sip: tuple[str, int]
        self._engine_rtp: tuple[str, int]
        self._invite = ""
        self._sequence = 4_242
        self._clock = 77

    async def __aenter__(self) -> Telephone:
        loop = asyncio.get_running_loop()
        self._sip, _ = await loop.create_datagram_endpoint(lambda: _Protocol(self._hear_sip), ("127.0.0.1", 0))
        self._rtp, _ = await loop.create_datagram_endpoint(lambda: _Protocol(self._hear_rtp), ("127.0.0.1", 0))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._sip.close()
        self._rtp.close()

    @property
    def address(self) -> str:
        """``host:port`` of its SIP side."""
        return "127.0.0.1:{}".format(self._sip.get_extra_info("sockname")[1])

    def frame(self, payload: bytes) -> bytes:
        """An RTP packet with the next number."""
        kind, sample_bytes = {"PCMU": (0, 1), "PCMA": (8, 1)}.get(self.codec, (96, 2))
        packet = _RTP.pack(0x80, kind, self._sequence & 0xFFFF, self._clock & 0xFFFFFFFF, 99) + payload
        self._sequence += 1
        self._clock += len(payload) // sample_bytes
        return packet

    async def say(self, audio: bytes, *, lose: frozenset[int] = frozenset(), pace: float = 1.0) -> None:
        """Speaks in frames of 20 ms, some of which are lost."""
        rate = int(self.codec.rpartition("/")[2]) if "/" in self.codec else 8_000
        size = int(FRAME_SECONDS * rate) * (2 if self.codec.startswith("L16") else 1)
        loop = asyncio.get_running_loop()
        due = loop.time()
        for number, at in enumerate(range(0, len(audio), size)):
            packet = self.frame(audio[at : at + size].ljust(size, b"\0"))
            if number not in lose:
                self._rtp.sendto(packet, self._engine_rtp)
            due += FRAME_SECONDS / pace
            await asyncio.sleep(max(0.0, due - loop.time()))

    def hang_up(self) -> None:
        fields = dict(re.findall(r"(?mi)^(from|to|call-id|contact):\s*(.*?)\r$", self._invite))
        fields = {name.lower(): value for name, value in fields.items()}
        contact = re.search(r"<(.+?)>", fields["contact"])
        assert contact is not None
        self._send(
            f"BYE {contact[1]} SIP/2.0\r\nVia: SIP/2.0/UDP {self.address};branch=z9hG4bKbye\r\nMax-Forwards: 70\r\n"
            f"From: {fields['to']};tag=phone\r\nTo: {fields['from']}\r\nCall-ID: {fields['call-id']}\r\n"
            "CSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n"
        )

    def _hear_sip(self, data: bytes, source: Any) -> None:
        text = data.decode()
        self._engine_sip = source
        method = text.partition(" ")[0]
        self.requests.append(method)
        match method:
            case "INVITE":
                self._take_invite(text)
            case "ACK":
                self.answered.set()
            case "BYE":
                self._send(self._response(text, "200 OK"))
                self.over.set()
            case "CANCEL":
                self._send(self._response(text, "200 OK"))
                self._send(self._response(self._invite, "487 Request Terminated"))
                self.over.set()
            case "SIP/2.0":
                self.over.set()

    def _take_invite(self, text: str) -> None:
        self._invite = text
        port = re.search(r"m=audio (\d+) ", text)
        host = re.search(r"c=IN IP4 (\S+)", text)
        assert port is not None
        assert host is not None
        self._engine_rtp = (host[1], int(port[1]))
        self._send(self._response(text, "100 Trying"))
        self._send(self._response(text, "180 Ringing"))
        if self.status is None:
            return
        if self.status >= 300:
            self._send(self._response(text, f"{self.status} No"))
            return
        kind = {"PCMU": 0, "PCMA": 8}.get(self.codec, 96)
        rate = self.codec if "/" in self.codec else f"{self.codec}/8000"
        media = self._rtp.get_extra_info("sockname")[1]
        sdp = (
            "v=0\r\no=phone 1 1 IN IP4 127.0.0.1\r\ns=call\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {media} RTP/AVP {kind} 101\r\na=rtpmap:{kind} {rate}\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
        extra = f"Contact: <sip:phone@{self.address}>\r\nContent-Type: application/sdp\r\n"
        self._send(self._response(text, "200 OK", extra, sdp))

    def _response(self, request: str, status: str, extra: str = "", body: str = "") -> str:
        copied = re.findall(r"(?mi)^((?:via|from|to|call-id|cseq):.*?)\r$", request)
        tag = "" if status.startswith("100") else ";tag=phone"
        lines = [line + tag if line.lower().startswith("to:") and "tag=" not in line else line for line in copied]
        return f"SIP/2.0 {status}\r\n" + "\r\n".join(lines) + f"\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}"

    def _send(self, text: str) -> None:
        self._sip.sendto(text.encode(), self._engine_sip)

    def _hear_rtp(self, data: bytes, source: Any) -> None:
        self.packets += 1
        if data[1] & 0x7F == 101:
            self.keys.append((data[12], bool(data[13] & 0x80)))


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, receive: Any) -> None:
        self._receive = receive

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._receive(data, addr)
