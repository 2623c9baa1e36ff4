"""What a system writes, made ready for the search: records of Kafka, logs, pages. Pure."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.leaks.search import WALL, Haystack

# "name{labels} value": the value is a measurement, and these labels are limits and versions.
_SAMPLE: Final = re.compile(r"^(\S+?(?:\{.*\})?)\s+\S+$")
_LEGIBLE: Final = re.compile(rb"[\t\n\r\x20-\x7e\xa0-\xff]{4,}")
_MEASURED: Final = re.compile(r'\b(?:le|version|major|minor|patchlevel|generation|implementation)="[^"]*"')


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a topic; ``value`` is None of a tombstone."""

    topic: str
    partition: int
    offset: int
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    @property
    def place(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"


def of_record(record: Record, kind: str) -> Haystack:
    """Key, headers and value. Numbers of JSON are measurements and counts, strings and names are content."""
    parts = [record.key or b"", *(piece for name, value in record.headers for piece in (name.encode(), value))]
    texts = [part.decode(errors="backslashreplace") for part in parts]
    whole, content = _of_text((record.value or b"").decode(errors="backslashreplace"))
    return Haystack(record.place, kind, "\n".join((*texts, whole)), (*texts, *content))


def of_dead_letter(letter: Record, original: Record) -> Haystack:
    """A dead letter without the record that it is about, which it holds by design.

    Raises:
        AssertionError: What it holds is not that record, byte for byte, so it may be anything.
    """
    value: dict[str, Any] = json.loads(letter.value or b"")
    held = value.pop("original")
    assert held["key_base64"] == _base64(original.key), f"{letter.place}: another key"
    assert held["headers"] == [[name, _base64(header)] for name, header in original.headers], f"{letter.place}: headers"
    # A value that is too long is left out.
    assert held["value_base64"] in (_base64(original.value), None), f"{letter.place}: another value"
    assert letter.key == original.key, f"{letter.place}: the key is not that of the original"
    rest = Record(letter.topic, letter.partition, letter.offset, None, json.dumps(value).encode(), letter.headers)
    return of_record(rest, "dead_letters")


def source_of(letter: Record) -> tuple[int, int]:
    """Partition and offset of the record that a dead letter is about."""
    source = json.loads(letter.value or b"")["source"]
    return source["partition"], source["offset"]


def of_log(place: str, text: str) -> Haystack:
    """Lines of JSON, and lines that somebody has printed, all of which is content."""
    content: list[str] = []
    for line in text.splitlines():
        content += _of_text(line)[1]
    return Haystack(place, "log", text, tuple(content))


def of_metrics(place: str, text: str) -> Haystack:
    """A page in Prometheus' format: names, labels and explanations are content, measurements are not."""
    lines = [_MEASURED.sub("", _SAMPLE.sub(r"\1", line)) for line in text.splitlines()]
    return Haystack(place, "page", text, tuple(lines))


def of_page(place: str, text: str) -> Haystack:
    """JSON or text."""
    whole, content = _of_text(text)
    return Haystack(place, "page", whole, content)


def of_binary(place: str, kind: str, data: bytes) -> Haystack:
    """What is legible in bytes of a format that is not known: every number in them is somebody's count."""
    return Haystack(place, kind, WALL.join(piece.decode("latin-1") for piece in _LEGIBLE.findall(data)), ())


def _of_text(text: str) -> tuple[str, tuple[str, ...]]:
    """A text as it can be read, without the escapes of JSON, and what of it is content."""
    try:
        parsed = json.loads(text)
    except ValueError:
        return text, (text,)
    if not isinstance(parsed, dict | list):
        return text, (text,)
    content = tuple(_strings(parsed))
    return "\n".join((text, *content)) if "\\" in text else text, content


def _strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for name, member in value.items():
                yield str(name)
                yield from _strings(member)
        case Iterable():
            for member in value:
                yield from _strings(member)


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()
