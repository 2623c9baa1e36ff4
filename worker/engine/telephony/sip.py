"""SIP messages as text, RFC 3261 section 7. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Headers: TypeAlias = Sequence[tuple[str, str]]

MAX_BYTES = 65_535
_VERSION = "SIP/2.0"
_COMPACT = {
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "f": "from",
    "s": "subject",
    "k": "supported",
    "t": "to",
    "v": "via",
}
_URI = re.compile(r"<\s*(sips?:[^>]+)>|(sips?:[^\s;,]+)", re.IGNORECASE)
_HOST = re.compile(r"sips?:(?:[^@;?]*@)?(\[[0-9a-fA-F:]+\]|[^:;?\s]+)(?::(\d{1,5}))?", re.IGNORECASE)
_TAG = re.compile(r";\s*tag\s*=\s*([^;\s,]+)", re.IGNORECASE)


class SipError(ValueError):
    """The bytes are no SIP message."""


@dataclass(frozen=True, slots=True)
class SipRequest:
    method: str
    uri: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class SipResponse:
    status: int
    reason: str
    headers: Headers = field(repr=False)
    body: bytes = field(default=b"", repr=False)


SipMessage: TypeAlias = SipRequest | SipResponse


def parse(data: bytes) -> SipMessage:
    """Reads one datagram.

    Raises:
        SipError: It is no SIP message.
    """
    if len(data) > MAX_BYTES:
        raise SipError("longer than a datagram")
    head, _, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    try:
        lines = re.sub(r"\r\n[ \t]+", " ", head.decode()).split("\r\n")
    except UnicodeDecodeError:
        raise SipError("not UTF-8") from None
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise SipError("a header without a name")
        key = name.strip().lower()
        headers.append((_COMPACT.get(key, key), value.strip()))
    length = first(headers, "content-length")
    if length is not None and length.isascii() and length.isdigit() and len(length) < 7:
        body = body[: int(length)]
    return _with_start_line(lines[0], headers, body)


def _with_start_line(line: str, headers: Headers, body: bytes) -> SipMessage:
    parts = line.split(" ", 2)
    if len(parts) >= 2 and parts[0] == _VERSION:
        if not (parts[1].isascii() and parts[1].isdigit() and 100 <= int(parts[1]) <= 699):
            raise SipError("no status code")
        return SipResponse(int(parts[1]), parts[2] if len(parts) == 3 else "", headers, body)
    if len(parts) == 3 and parts[2] == _VERSION and parts[0].isalpha():
        return SipRequest(parts[0].upper(), parts[1], headers, body)
    raise SipError("no start line")


def encode(message: SipMessage) -> bytes:
    """The datagram; ``Content-Length`` is added."""
    if isinstance(message, SipRequest):
        lines = [f"{message.method} {message.uri} {_VERSION}"]
    else:
        lines = [f"{_VERSION} {message.status} {message.reason}"]
    lines += [f"{name}: {value}" for name, value in message.headers]
    lines.append(f"Content-Length: {len(message.body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + message.body


def first(headers: Headers, name: str) -> str | None:
    """The first value of a header, by its long name in small letters."""
    return next((value for key, value in headers if key.lower() == name), None)


def every(headers: Headers, name: str) -> list[str]:
    """All values of a header that may be repeated or hold a list."""
    return [part.strip() for key, value in headers if key.lower() == name for part in _split(value)]


def uri_of(value: str) -> str | None:
    """The address in a ``Contact``, ``Route`` or ``To`` header."""
    found = _URI.search(value)
    return None if found is None else (found[1] or found[2]).strip()


def tag_of(value: str) -> str | None:
    found = _TAG.search(value.rpartition(">")[2] or value)
    return None if found is None else found[1]


def host_of(uri: str) -> tuple[str, int] | None:
    """Host and port that a request to this address goes to."""
    found = _HOST.match(uri)
    if found is None:
        return None
    port = int(found[2]) if found[2] else 5060
    return (found[1].strip("[]"), port) if 0 < port <= 65_535 else None


def _split(value: str) -> list[str]:
    """Cuts a list at its commas, but not at those in quotes or angle brackets."""
    parts, depth, quoted, start = [], 0, False, 0
    for at, character in enumerate(value):
        if character == '"' and value[at - 1 : at] != "\\":
            quoted = not quoted
        elif not quoted and character in "<>":
            depth += 1 if character == "<" else -1
        elif not quoted and depth == 0 and character == ",":
            parts.append(value[start:at])
            start = at + 1
    return [*parts, value[start:]]
