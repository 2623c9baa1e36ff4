from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import pytest
import yaml

from tests.contracts import SCHEMA_OF, SCHEMAS, check, schema_files, validate_headers, validate_record, validator
from worker.audio.formats import validate_format
from worker.intake.decode import decode
from worker.output.topics import TopicConfiguration, Topics, recommended
from worker.records import (
    Coordinates,
    DeadLetter,
    Encoding,
    FindingSource,
    InputRecord,
    InsightKind,
    InsightType,
    LifeCycleEvent,
    Reason,
    RedactionMode,
)
from worker.redaction import TYPES
from worker.sessions.state import ConversationState, dump_state

ROOT = SCHEMAS.parent
ASYNCAPI = SCHEMAS / "asyncapi.yaml"
CHECKER = ROOT / "tests" / "tools" / "asyncapi"
EXAMPLES = sorted((SCHEMAS / "examples").glob("*.json"))
CONTRACTS = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
BASE = "https://symbl-worker.invalid/schemas/v1/"
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT")


def _load(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _schema_of(example: Path) -> str:
    stems = [path.stem for path in schema_files() if f"{example.stem}.".startswith(f"{path.stem}.")]
    assert stems, f"{example.name}: no schema has such a name"
    return f"{max(stems, key=len)}.json"


def _nodes(schema: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        yield place, schema
        for name, member in schema.items():
            yield from _nodes(member, f"{place}/{name}")
    elif isinstance(schema, list):
        for number, member in enumerate(schema):
            yield from _nodes(member, f"{place}/{number}")


def _at(schema: str, *path: str) -> Any:
    node = _load(SCHEMAS / schema)
    for name in path:
        node = node[name]
    return node


# --- schemas ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", schema_files(), ids=lambda path: path.stem)
def test_every_schema_is_valid(path: Path) -> None:
    """A schema is JSON Schema 2020-12, is named after its file, and all its references lead somewhere."""
    schema = _load(path)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == BASE + path.name
    jsonschema_rs.meta.validate(schema)
    validator(path.name)


@pytest.mark.parametrize("path", schema_files(), ids=lambda path: path.stem)
def test_every_schema_is_strict(path: Path) -> None:
    """An object says what else it may hold. Open are only the records that others extend."""
    for place, node in _nodes(_load(path)):
        if "properties" in node and "type" in node:
            assert "additionalProperties" in node, place
            is_open = node["additionalProperties"] is True
            assert is_open == (place == "" and path.name in {"headers.input.json", "state.json"}), place


@pytest.mark.parametrize("path", schema_files(), ids=lambda path: path.stem)
def test_every_member_is_described(path: Path) -> None:
    """Whoever reads a schema needs no other document."""
    schema = _load(path)
    assert schema["title"]
    assert schema["description"]
    for place, node in _nodes(schema):
        if "type" in node and place.split("/")[-2:-1] == ["properties"]:
            assert node.get("description"), place


@pytest.mark.parametrize("path", schema_files(), ids=lambda path: path.stem)
def test_schemas_mean_the_same_to_asyncapi(path: Path) -> None:
    """AsyncAPI reads draft-07 and drops what stands beside a reference: schemas use what both drafts share."""
    later = {"prefixItems", "unevaluatedProperties", "unevaluatedItems", "dependentRequired", "dependentSchemas"}
    for place, node in _nodes(_load(path)):
        assert not later & node.keys(), place
        assert "$ref" not in node or len(node) == 1, place


# --- examples --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_valid(path: Path) -> None:
    """An example can be copied."""
    check(_schema_of(path), _load(path))


def test_every_schema_has_an_example() -> None:
    """No record is left to the imagination."""
    assert {_schema_of(path) for path in EXAMPLES} == {path.name for path in schema_files()} - {"common.json"}


def test_examples_show_every_kind() -> None:
    """All insights, all life-cycle events and all states of redaction can be looked up."""
    examples = {path: _load(path) for path in EXAMPLES}
    assert {example["kind"] for example in examples.values() if "kind" in example} == set(get_args(InsightKind))
    events = {example["event"] for path, example in examples.items() if path.stem.startswith("conversations.")}
    assert events == set(LifeCycleEvent)
    messages = [example for path, example in examples.items() if path.stem.startswith("messages.")]
    assert {message["redaction"]["state"] for message in messages} == {"off", "clean", "masked"}


def test_findings_in_examples_point_at_their_masks() -> None:
    """Spans count characters of the masked text."""
    for path in EXAMPLES:
        example = _load(path)
        for finding in example.get("redaction", {}).get("findings", []):
            assert example["text"][finding["start"] : finding["end"]] == f"[{finding['type']}]", path.name


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_member_too_many_or_too_few_is_an_error(path: Path) -> None:
    """Schemas notice a record that has changed."""
    schema, example = _schema_of(path), _load(path)
    for name in _at(schema).get("required", []):
        with pytest.raises(AssertionError, match=name):
            check(schema, {member: value for member, value in example.items() if member != name})
    if _at(schema)["additionalProperties"] is False:
        with pytest.raises(AssertionError, match="additionalProperties"):
            check(schema, example | {"surprise": 1})


@pytest.mark.parametrize(
    ("schema", "example", "changes"),
    [
        ("insights", "insights.topic", {"topic": None}),
        ("insights", "insights.question", {"topic": {"score": 1, "root_words": []}}),
        ("insights", "insights.entity", {"entity": {"type": "t", "sub_type": None, "category": None, "value": "v"}}),
        ("messages.redacted", "messages.redacted.masked", {"redaction": {"state": "clear"}}),
        ("messages.redacted", "messages.redacted.masked", {"words": []}),
        ("transcripts", "transcripts", {"redaction": {"state": "masked"}}),
        ("transcripts", "transcripts", {"id": "1"}),
        ("conversations", "conversations.ended", {"reason": None}),
        ("conversations", "conversations.gap", {"detail": {}}),
        ("conversations", "conversations.started", {"detail": {"text": "t"}}),
        ("dead-letters", "dead-letters.missing_key", {"reason": "other"}),
        ("start", "start", {"channels": [{}]}),
        ("start", "start", {"encoding": "FLAC", "channels": [{}, {}]}),
        ("start", "start", {"speaker": {"phone": "1"}}),
        ("modify", "modify", {"sample_rate_hz": 44100}),
        ("subscribe", "subscribe", {"connection_id": ""}),
        ("subscribe", "subscribe", {"connection_id": "a\nb"}),
    ],
)
def test_what_the_contract_forbids_is_an_error(schema: str, example: str, changes: dict[str, Any]) -> None:
    """Each rule of the contract that a schema can say is said."""
    with pytest.raises(AssertionError):
        check(f"{schema}.json", _load(SCHEMAS / "examples" / f"{example}.json") | changes)


# --- schemas, code and documents agree -------------------------------------------------------------------------------


def test_names_are_those_of_the_code() -> None:
    """What the worker can say is what the schemas list."""
    assert _at("dead-letters.json", "properties", "reason", "enum") == list(Reason)
    assert _at("conversations.json", "properties", "event", "enum") == list(LifeCycleEvent)
    assert _at("insights.json", "properties", "kind", "enum") == list(get_args(InsightKind))
    assert _at("start.json", "properties", "insight_types", "items", "enum") == list(get_args(InsightType))
    assert _at("common.json", "$defs", "encoding", "enum") == list(Encoding)
    assert _at("common.json", "$defs", "entity_type", "enum") == sorted(TYPES)
    assert _at("common.json", "$defs", "redaction_mode", "enum") == list(get_args(RedactionMode))
    assert _at("common.json", "$defs", "finding", "properties", "source", "enum") == list(get_args(FindingSource))


def test_names_are_those_of_the_document() -> None:
    """Whoever reads the contract finds every member, event and reason of the schemas in it."""
    documented = set(re.findall(r"[A-Za-z_][A-Za-z0-9_-]*", CONTRACTS))
    names: set[str] = set()
    for path in schema_files():
        for _, node in _nodes(_load(path)):
            properties = node.get("properties", {})
            names |= properties.keys() if isinstance(properties, dict) else set()
    names |= {*Reason, *LifeCycleEvent, *get_args(InsightKind), *Encoding, *get_args(FindingSource)}
    internal = set(_at("state.json", "properties"))
    assert names - documented - internal == set()


def test_the_document_points_to_every_schema() -> None:
    """The contract names the file that says it exactly."""
    assert {path.name for path in schema_files()} <= set(re.findall(r"\.\./schemas/([a-z.-]+\.json)", CONTRACTS))


@pytest.mark.parametrize("rate_hz", [7_999, 8_000, 8_001, 15_999, 16_000, 44_100, 48_000, 48_001])
@pytest.mark.parametrize("encoding", list(Encoding))
def test_the_schema_allows_the_formats_that_the_worker_supports(encoding: Encoding, rate_hz: int) -> None:
    """A producer that keeps to the schema is never refused for its format, and the schema allows all there is."""
    record = {"encoding": encoding.value, "sample_rate_hz": rate_hz}
    for schema in ("start.json", "modify.json"):
        assert validator(schema).is_valid(record) == (validate_format(encoding, rate_hz) is None)


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in EXAMPLES
        if _schema_of(path) in {f"{event}.json" for event in ("start", "modify", "speaker", "subscribe", "end")}
    ],
    ids=lambda path: path.stem,
)
def test_control_examples_are_understood(path: Path) -> None:
    """What the schema calls a control record, the worker reads as one."""
    event = _schema_of(path).removesuffix(".json")
    record = InputRecord(
        coordinates=Coordinates("symbl.audio", 0, 0, 0),
        key=b"call-1",
        value=path.read_bytes(),
        headers=(("event", event.encode()),),
    )
    assert not isinstance(decode(record), DeadLetter)


def test_state_records_keep_their_schema() -> None:
    """What one worker writes down, the next can rely on."""
    state = ConversationState(topic="symbl.audio", conversation_id="call-1", opened_offset=1, opened_at_ms=2)
    validate_record("state", dump_state(state))


def test_every_topic_and_event_has_a_validator() -> None:
    """No output goes unchecked."""
    assert SCHEMA_OF.keys() == {*Topics().outputs(), "start", "modify", "speaker", "subscribe", "end"}


# --- the validator itself --------------------------------------------------------------------------------------------


def test_failures_name_places_and_not_contents() -> None:
    """A failed test does not print what somebody said."""
    example = _load(SCHEMAS / "examples" / "captions.json") | {"text": ["secret"], "secret": 1}
    with pytest.raises(AssertionError, match="/text breaks") as failure:
        validate_record("captions", json.dumps(example).encode())
    assert "secret" not in str(failure.value)
    with pytest.raises(AssertionError, match="not JSON") as failure:
        validate_record("captions", b"secret")
    assert failure.value.__cause__ is None
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_specversion", b"0.3"),
        ("ce_id", b""),
        ("ce_source", b"two words"),
        ("ce_time", b"yesterday"),
        ("ce_type", b"com.example.other.v1"),
        ("ce_subject", b"a\nb"),
        ("ce_subject", b"\xff"),
        ("content-type", b"text/plain"),
        ("ce_surprise", b"1"),
    ],
)
def test_headers_that_are_no_cloudevent_are_noticed(name: str, value: bytes) -> None:
    """The check of headers is worth something."""
    good = {key: text.encode() for key, text in _load(SCHEMAS / "examples" / "headers.output.json").items()}
    validate_headers(good.items())
    with pytest.raises(AssertionError):
        validate_headers((good | {name: value}).items())
    with pytest.raises(AssertionError, match="repeated"):
        validate_headers([*good.items(), ("ce_id", b"1")])


# --- AsyncAPI --------------------------------------------------------------------------------------------------------


def _document() -> Any:
    return yaml.safe_load(ASYNCAPI.read_text(encoding="utf-8"))


def test_asyncapi_describes_every_topic() -> None:
    """The document and the worker have the same topics, under the same names."""
    topics = Topics()
    expected = {"audio": topics.audio[0], **topics.outputs()}
    assert {name: channel["address"] for name, channel in _document()["channels"].items()} == expected


@pytest.mark.parametrize("topic", recommended(Topics(), input_partitions=12), ids=lambda topic: topic.name)
def test_asyncapi_recommends_what_the_worker_recommends(topic: TopicConfiguration) -> None:
    """There is one answer to how a topic should be configured."""
    channels = {channel["address"]: channel for channel in _document()["channels"].values()}
    binding = channels[topic.name]["bindings"]["kafka"]
    documented = binding["topicConfiguration"] | {
        "cleanup.policy": ",".join(binding["topicConfiguration"]["cleanup.policy"])
    }
    assert binding["partitions"] == topic.partitions
    assert {name: str(value) for name, value in documented.items()} == topic.settings()


@pytest.mark.parametrize("name", _document()["components"]["messages"])
def test_asyncapi_examples_are_valid(name: str) -> None:
    """Payloads and headers shown for a message are such payloads and headers. (The parser does not look.)"""
    message = _document()["components"]["messages"][name]
    for shown in message.get("examples", []):
        example = SCHEMAS / shown["payload"]["$ref"]
        check(Path(message["payload"]["$ref"]).name, _load(example))
        if "headers" in shown:
            headers = _load(SCHEMAS / shown["headers"]["$ref"])
            check("headers.output.json", headers)
            assert headers["ce_type"] == message["headers"]["properties"]["ce_type"]["const"]
    assert name == "audio" or message["examples"]


@pytest.fixture(scope="session")
def parser_modules() -> Path:
    """``node_modules`` with AsyncAPI's parser, kept in the user's cache for all runs with the same lock file."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("AsyncAPI's parser needs node and npm")
    lock = (CHECKER / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "symbl-worker"
    installed = cache / f"node-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not installed.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix="node-install-", dir=cache))
        try:
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(CHECKER / name, fresh)
            run = subprocess.run([npm, "ci"], cwd=fresh, capture_output=True, text=True, timeout=240, check=False)
            if run.returncode != 0 and any(code in run.stderr for code in OFFLINE):
                pytest.skip("AsyncAPI's parser is not installed and npm is offline")
            assert run.returncode == 0, run.stderr
            # Whoever is second finds the place taken and uses what is there.
            if not installed.is_dir():
                _rename(fresh, installed)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return installed / "node_modules"


def _rename(fresh: Path, installed: Path) -> None:
    try:
        fresh.rename(installed)
    except OSError:
        if not installed.is_dir():
            raise


def _parse(modules: Path, document: Path) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = ["node", CHECKER / "check.mjs", modules, document]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.timeout(400)
def test_asyncapi_is_valid(parser_modules: Path) -> None:
    """AsyncAPI's own parser accepts the document with all that it refers to."""
    run = _parse(parser_modules, ASYNCAPI)
    assert (run.returncode, run.stderr) == (0, ""), run.stdout + run.stderr


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("file", "good", "bad", "place"),
    [
        ("asyncapi.yaml", "action: receive", "action: recieve", "asyncapi.yaml"),
        ("captions.json", "common.json#/$defs/stream", "common.json#/$defs/steam", "captions.json"),
        ("captions.json", '"type": "object"', '"type": "objct"', "captions.json"),
    ],
    ids=["document", "missing definition", "schema"],
)
def test_a_broken_asyncapi_document_is_refused(
    parser_modules: Path, tmp_path: Path, file: str, good: str, bad: str, place: str
) -> None:
    """The check fails for the document and for the schemas behind it, and says where."""
    schemas = Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))
    text = (schemas / file).read_text(encoding="utf-8")
    assert good in text
    (schemas / file).write_text(text.replace(good, bad), encoding="utf-8")
    run = _parse(parser_modules, schemas / "asyncapi.yaml")
    assert run.returncode == 1, run.stdout + run.stderr
    assert re.search(rf"{re.escape(place)}:\d+:\d+: error: ", run.stdout)
