"""Session descriptions: what audio we can hear, and what the other side chose. RFC 8866 and RFC 3264. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

PCMU = 0
PCMA = 8
_L16 = 96
_EVENTS = 101
_NAMES = {PCMU: ("PCMU", 8_000), PCMA: ("PCMA", 8_000)}


@dataclass(frozen=True, slots=True)
class Codec:
    """An RTP payload type; ``name`` is PCMU, PCMA or L16."""

    payload_type: int
    name: str
    rate_hz: int


@dataclass(frozen=True, slots=True)
class RemoteMedia:
    """Where the other side receives, and what it sends.

    Args:
        codecs: Those that both sides know, the preferred first.
        events: Payload type of telephone events (RFC 4733); None when it knows none.
    """

    host: str
    port: int
    codecs: tuple[Codec, ...]
    events: int | None


class SdpError(ValueError):
    """The other side's description offers nothing that we can hear."""


def make_offer(host: str, port: int, *, session: int, linear_rate_hz: int | None = None) -> bytes:
    """Our description.

    Args:
        session: A number for this call.
        linear_rate_hz: Also offers uncompressed 16-bit audio of this rate, as first choice.
    """
    family = "IP6" if ":" in host else "IP4"
    types = [*([_L16] if linear_rate_hz else []), PCMU, PCMA, _EVENTS]
    lines = [
        "v=0",
        f"o=- {session} 1 IN {family} {host}",
        "s=-",
        f"c=IN {family} {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {' '.join(map(str, types))}",
        *([f"a=rtpmap:{_L16} L16/{linear_rate_hz}/1"] if linear_rate_hz else []),
        f"a=rtpmap:{PCMU} PCMU/8000",
        f"a=rtpmap:{PCMA} PCMA/8000",
        f"a=rtpmap:{_EVENTS} telephone-event/8000",
        f"a=fmtp:{_EVENTS} 0-15",
        "a=ptime:20",
        "a=sendrecv",
    ]
    return ("\r\n".join(lines) + "\r\n").encode()


def read(sdp: bytes) -> RemoteMedia:
    """The first audio stream of a description.

    Raises:
        SdpError: There is none that we can hear.
    """
    host, port, offered = "", 0, list[int]()
    maps: dict[int, tuple[str, int]] = dict(_NAMES)
    in_audio = seen = False
    for line in sdp.decode(errors="replace").splitlines():
        kind, _, value = line.strip().partition("=")
        parts = value.split()
        if kind == "m":
            in_audio = not seen and len(parts) >= 4 and parts[0] == "audio"
            if in_audio:
                seen = True
                port = _number(parts[1].partition("/")[0])
                offered = [_number(part) for part in parts[3:]]
        elif kind == "c" and len(parts) == 3 and (in_audio or not seen):
            host = parts[2].partition("/")[0]
        elif kind == "a" and in_audio and value.startswith("rtpmap:") and len(parts) == 2:
            name, _, rate = parts[1].partition("/")
            maps[_number(parts[0].removeprefix("rtpmap:"))] = (name.upper(), _number(rate.partition("/")[0]))
    codecs = tuple(
        Codec(each, *maps[each]) for each in offered if each in maps and maps[each][0] in ("PCMU", "PCMA", "L16")
    )
    events = next((each for each in offered if maps.get(each, ("",))[0] == "TELEPHONE-EVENT"), None)
    if not codecs or not 0 < port <= 65_535 or not _is_address(host):
        raise SdpError("no audio that we can hear")
    return RemoteMedia(host, port, codecs, events)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else -1
