"""The published contracts as checks: every record that a test produces or receives can be held against them.

Failures name the place in the record, never what stands there: records hold what people said.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"

# By the field names of worker.output.topics.Topics, and by the events of control records.
SCHEMA_OF = {
    "captions": "captions.json",
    "transcripts": "transcripts.json",
    "redacted": "messages.redacted.json",
    "insights": "insights.json",
    "conversations": "conversations.json",
    "dead_letters": "dead-letters.json",
    "state": "state.json",
    "start": "start.json",
    "modify": "modify.json",
    "speaker": "speaker.json",
    "subscribe": "subscribe.json",
    "end": "end.json",
}


def validate_record(topic_kind: str, value: bytes) -> None:
    """Check the value of a record.

    Args:
        topic_kind: A field name of ``Topics`` (``captions``, ``redacted``, ``dead_letters``, …) or the event of a
            control record (``start``, …).

    Raises:
        AssertionError: The value is not JSON or breaks its schema; the text names the places.
    """
    try:
        instance = json.loads(value)
    except ValueError:
        raise AssertionError(f"{topic_kind}: the value is not JSON") from None
    check(SCHEMA_OF[topic_kind], instance)


def validate_headers(headers: Iterable[tuple[str, bytes]]) -> None:
    """Check the headers of an output record: CloudEvents 1.0 in binary mode, no header twice.

    Raises:
        AssertionError: A header is missing, repeated, not UTF-8 or not what CloudEvents allows.
    """
    check("headers.output.json", decode_headers(headers))


def decode_headers(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Return headers as text.

    Raises:
        AssertionError: A header is repeated, not UTF-8, or holds what a CloudEvents string may not hold.
    """
    texts: dict[str, str] = {}
    for name, value in headers:
        assert name not in texts, f"header {name}: repeated"
        try:
            texts[name] = value.decode()
        except UnicodeDecodeError:
            raise AssertionError(f"header {name}: not UTF-8") from None
        assert not any(map(_is_control, texts[name])), f"header {name}: control characters or non-characters"
    return texts


def check(schema: str, instance: object) -> None:
    """Check anything against one of the schema files.

    Raises:
        AssertionError: It breaks the schema; the text names the places.
    """
    errors = [_place(error) for error in validator(schema).iter_errors(instance)]
    assert not errors, f"{schema}: " + "; ".join(errors)


def schema_files() -> list[Path]:
    """Return all schemas, sorted by name."""
    return sorted(SCHEMAS.glob("*.json"))


@cache
def validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    """Return the validator of a schema file; references resolve between the files and nowhere else."""
    documents: dict[str, dict[str, Any]] = {path.name: json.loads(path.read_bytes()) for path in schema_files()}
    registry = jsonschema_rs.Registry([(document["$id"], document) for document in documents.values()])
    return jsonschema_rs.Draft202012Validator(
        documents[schema], registry=registry, validate_formats=True, retriever=_no_retrieval
    )


def _no_retrieval(uri: str) -> dict[str, Any]:
    raise LookupError(f"{uri} is not one of the published schemas")


def _place(error: jsonschema_rs.ValidationError) -> str:
    where = "/".join(map(str, error.instance_path))
    rule = "/".join(map(str, error.schema_path))
    missing = f" ({error.kind.property})" if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required) else ""
    return f"/{where} breaks {rule}{missing}"


def _is_control(character: str) -> bool:
    code = ord(character)
    return code < 0x20 or 0x7F <= code < 0xA0 or 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
