"""Names and numbers of computers: IP addresses and domains, written and spoken."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from worker.redaction import lexicon
from worker.redaction.codes import read_code
from worker.redaction.reading import Reading
from worker.redaction.spans import DOMAIN_NAME, IP_ADDRESS, LABELLED, VERIFIED, Span
from worker.redaction.tokens import Kind, glued

MOST_TOKENS: Final = 24
"""Of a spoken domain in front of its last dot."""
LABEL_WORDS: Final = 3
"""Words of a spoken domain in front of its first dot."""

_V6: Final = re.compile(r"(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,8}(?![\w:])", re.IGNORECASE)
_HEX: Final = frozenset("0123456789abcdef")
MOST_COLONS: Final = 8
_NOT_ADDRESSES: Final = frozenset(
    {"version", "section", "chapter", "paragraph", "release", "firmware", "build", "clause"}
)
_DOMAIN: Final = re.compile(
    r"(?<![\w@.-])(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.){1,4}([a-z]{2,8})\b(?![@\w-]|\.\w)", re.IGNORECASE
)
_ENDS_DOMAIN: Final = (lexicon.PLAIN_WORDS | lexicon.PLACED_WORDS) - lexicon.HOST_WORDS


def find_addresses(reading: Reading) -> Iterator[Span]:
    """IPv4 and IPv6 addresses."""
    for quad in reading.quads:
        if reading.word(quad.first - 1) not in _NOT_ADDRESSES:
            yield Span(IP_ADDRESS, quad.start, quad.end, VERIFIED if reading.has_cue("ip") else LABELLED)
    if reading.text.count(":") > 1:
        yield from (
            Span(IP_ADDRESS, match.start(), match.end(), VERIFIED)
            for match in _V6.finditer(reading.text)
            if any(char.isdigit() for char in match[0]) and _is_v6(match[0])
        )
    if "colon" in reading.words:
        yield from _find_spoken_v6(reading)


def find_domains(reading: Reading) -> Iterator[Span]:
    """Names under a known top-level domain, but for those in e-mail addresses."""
    if "." in reading.text:
        for match in _DOMAIN.finditer(reading.text):
            if match[1].lower() in lexicon.TOP_LEVELS:
                yield Span(DOMAIN_NAME, match.start(), match.end(), VERIFIED)
    if "dot" in reading.words:
        for index in range(1, len(reading.tokens) - 1):
            if reading.word(index) == "dot" and reading.word(index + 1) in lexicon.TOP_LEVELS:
                start = _domain_start(reading, index)
                if start is not None:
                    yield Span(DOMAIN_NAME, reading.tokens[start].start, reading.tokens[index + 1].end, LABELLED)


def _is_v6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _find_spoken_v6(reading: Reading) -> Iterator[Span]:
    """ "f e eight zero colon colon one": pieces of letters and figures with "colon" between them."""
    index = 0
    while index < len(reading.tokens):
        start, text = index, ""
        end = index
        while index < len(reading.tokens):
            if reading.word(index) in {"colon", ":"}:
                text += ":"
            elif reading.word(index) == "double" and reading.word(index + 1) == "colon":
                text += "::"
                index += 1
            elif reading.word(index) in lexicon.ZEROS and index not in reading.group_at:
                text += "0"
            elif (
                text[-1:] in {"", ":", "0"}
                and (code := read_code(reading, index)) is not None
                and _HEX.issuperset(code.chars)
                and text.count(":") <= MOST_COLONS
            ):
                text += code.chars
                index = code.last - 1
            else:
                break
            index += 1
            end = index
        if text.count(":") > 1 and any(char.isalnum() for char in text) and _is_v6(text):
            yield Span(IP_ADDRESS, reading.tokens[start].start, reading.tokens[end - 1].end, VERIFIED)
            index = end
        else:
            index = start + 1


def _domain_start(reading: Reading, dot: int) -> int | None:
    """The first token of the spoken domain whose last dot is at ``dot``; None when it is of an address, or none."""
    start = dot
    words = 0
    while start and words < LABEL_WORDS and dot - start < MOST_TOKENS:
        token = reading.tokens[start - 1]
        is_label = token.kind in {Kind.WORD, Kind.DIGITS, Kind.CODE} and token.word != "dot"
        if token.word == "dot" and start < dot:
            words = 0
        elif not is_label or token.word in _ENDS_DOMAIN or (words and not _spelled(reading, start)):
            break
        else:
            words += 1
        start -= 1
    if start == dot or reading.word(start) == "dot":
        return None
    return None if reading.word(start - 1) in {"at", "@"} and start > 1 and not _is_place(reading, start - 2) else start


def _spelled(reading: Reading, index: int) -> bool:
    """Whether the word at ``index`` goes on with the label before it: single letters, or parts written as one."""
    return len(reading.word(index)) == 1 or glued(reading.tokens[index - 1], reading.tokens[index])


def _is_place(reading: Reading, index: int) -> bool:
    """Whether "at" behind the word at ``index`` means a place, not a mailbox."""
    return reading.word(index) in lexicon.PLACED_WORDS
