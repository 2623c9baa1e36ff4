"""Reading what a Symbl host says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.records import Sentiment
from worker.symbl.messages import (
    UNPRINTABLE,
    ConversationCompleted,
    ConversationCreated,
    Entities,
    Failure,
    Insights,
    Malformed,
    Messages,
    RecognitionResult,
    RecognitionStarted,
    RecognitionStopped,
    ServerEvent,
    SessionModified,
    StartedListening,
    SymblMark,
    SymblReference,
    SymblUser,
    SymblWord,
    Topics,
    Trackers,
    Unknown,
    parse,
)

DATA = Path(__file__).parent / "data"

SPEAKER = SymblUser("u-1", "ana@example.test", "Ana Reyes")


def load(name: str) -> ServerEvent:
    return parse((DATA / f"{name}.json").read_bytes())


def encode(**members: Any) -> bytes:
    return orjson.dumps(members)


def message(**members: Any) -> bytes:
    return encode(type="message_response", messages=[{"payload": {"content": "hi"}, **members}])


# --- life cycle ---


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        ({"type": "conversation_created", "data": {"conversationId": "42"}}, ConversationCreated("42")),
        ({"type": "started_listening"}, StartedListening()),
        ({"type": "recognition_started", "data": {"conversationId": "42"}}, RecognitionStarted("42")),
        ({"type": "recognition_started"}, RecognitionStarted(None)),
        ({"type": "recognition_stopped"}, RecognitionStopped()),
        ({"type": "session_modified", "data": {"sampleRateHertz": 8000}}, SessionModified()),
        ({"type": "conversation_completed", "data": {"conversationId": "42"}}, ConversationCompleted("42")),
        ({"type": "conversation_completed", "conversationId": "42"}, ConversationCompleted("42")),
        ({"type": "conversation_created", "data": {"conversationId": 2**53 + 1}}, ConversationCreated(str(2**53 + 1))),
        ({"type": "conversation_created", "data": {"conversationId": ""}}, ConversationCreated(None)),
        ({"type": "conversation_created", "data": {"conversationId": True}}, ConversationCreated(None)),
    ],
)
def test_life_cycle(frame: dict[str, Any], event: ServerEvent) -> None:
    """Life-cycle messages are known by their envelope; the conversation id is read wherever hosts put it."""
    assert parse(encode(type="message", message=frame)) == event


def test_errors_of_both_shapes() -> None:
    """Flat and nested errors are told apart, and their texts are kept for whoever may see them."""
    flat = parse(encode(type="error", message="Invalid payload.", details="rate"))
    nested = parse(encode(type="message", message={"type": "error", "payload": {"message": "No."}}))
    assert flat == Failure(nested=False, detail="Invalid payload.: rate")
    assert nested == Failure(nested=True, detail="No.")
    assert parse(encode(type="error", details=7)) == Failure(nested=False, detail="")


# --- results ---


def test_interim_result() -> None:
    """An interim result has text and speaker, no words."""
    event = load("recognition_result.interim")
    assert event == RecognitionResult(is_final=False, text="Please send the", user=SPEAKER)


def test_final_result() -> None:
    """Word times come as strings of seconds and nanoseconds; bad words are skipped and counted."""
    event = load("recognition_result.final")
    assert event == RecognitionResult(
        is_final=True,
        text="Please send the offer.",
        user=SPEAKER,
        words=(SymblWord("Please", 1200, 1500), SymblWord("send", 1500, 1801), SymblWord("the", 0, 2000)),
        skipped=7,
    )


def test_result_without_punctuation() -> None:
    """Where the punctuated text is missing, the raw alternative stands in; a missing ``isFinal`` is not final."""
    raw = {"raw": {"alternatives": [{"transcript": "hi there"}]}}
    event = parse(encode(type="message", message={"type": "recognition_result", "payload": raw}))
    assert event == RecognitionResult(is_final=False, text="hi there")
    assert parse(encode(type="message", message={"type": "recognition_result"})) == Malformed(
        "recognition_result without text"
    )


def test_messages() -> None:
    """A full message gives its place in the audio, words out of their inner JSON, sentiment and marks."""
    event = load("message_response")
    assert isinstance(event, Messages)
    assert (event.sequence_number, event.skipped, len(event.messages)) == (3, 0, 1)
    first = event.messages[0]
    assert (first.id, first.text, first.from_) == ("m-1", "Please send the offer to Omar.", SPEAKER)
    assert (first.start_ms, first.end_ms) == (4100, 6400)
    assert first.words == (SymblWord("Please", 4100, 4400), SymblWord("send", 4400, 4700))
    assert first.sentiment == Sentiment(-0.25, "negative")
    assert first.entities == (
        SymblMark("DATE_OF_BIRTH", "May 2nd 1984", "1984-05-02"),
        SymblMark("PII", "Omar", None, "PERSON_NAME", "Managed"),
    )


def test_reduced_message() -> None:
    """Only ``payload.content`` is required of a message; one without it is skipped alone."""
    event = parse(encode(type="message_response", messages=[{"payload": {"content": "hi"}}, {"id": "m-2"}, None]))
    assert isinstance(event, Messages)
    assert event.skipped == 2
    (only,) = event.messages
    assert (only.text, only.id, only.from_, only.start_ms, only.end_ms) == ("hi", None, None, None, None)
    assert (only.words, only.sentiment, only.entities) == ((), None, ())


@pytest.mark.parametrize(
    ("offset", "length", "span"),
    [
        (1.2, 2.3, (1200, 3500)),
        (4.1, 0.1, (4100, 4200)),
        (3, 1, (3000, 4000)),
        (0.0004, 0.0001, (0, 1)),
        (1.0016, 0.5, (1001, 1502)),
        (1.5, None, (1500, None)),
        (None, 1.5, (None, None)),
        (-1, 1, (None, None)),
        (1, -1, (1000, None)),
        (1e300, 1, (None, None)),
        (True, 1, (None, None)),
        ("1.5", 1, (None, None)),
    ],
)
def test_message_span(offset: object, length: object, span: tuple[int | None, int | None]) -> None:
    """Starts are rounded down and ends up, so a span never loses audio; binary fractions do not widen it."""
    event = parse(message(duration={"timeOffset": offset, "duration": length}))
    assert isinstance(event, Messages)
    assert (event.messages[0].start_ms, event.messages[0].end_ms) == span


@given(start=st.integers(0, 10**7), length=st.integers(0, 10**6))
def test_span_of_tenths(start: int, length: int) -> None:
    """Times in tenths of a second, as hosts send them, come out exact."""
    event = parse(message(duration={"timeOffset": start / 10, "duration": length / 10}))
    assert isinstance(event, Messages)
    assert (event.messages[0].start_ms, event.messages[0].end_ms) == (start * 100, (start + length) * 100)


@pytest.mark.parametrize(
    ("words", "skipped"),
    [
        ("not json", 1),
        ('"text"', 1),
        ("[1, null]", 2),
        ('[{"word": "a"}]', 1),
        ([{"word": "a", "timeOffset": 1, "duration": 1}], 0),
        (7, 1),
        (None, 0),
        ("[" * 2000, 1),
    ],
)
def test_defensive_words(words: object, skipped: int) -> None:
    """``metadata.words`` may hold anything; the message survives it."""
    event = parse(message(metadata={"words": words}))
    assert isinstance(event, Messages)
    assert (event.skipped, event.messages[0].text) == (skipped, "hi")


@pytest.mark.parametrize(
    "sentiment",
    [7, {}, {"polarity": {"score": 2}, "suggested": "neutral"}, {"polarity": {"score": 0}, "suggested": "odd"}],
)
def test_unusable_sentiment(sentiment: object) -> None:
    """A sentiment that is not a polarity and its name is no sentiment."""
    event = parse(message(sentiment=sentiment))
    assert isinstance(event, Messages)
    assert event.messages[0].sentiment is None


def test_mark_without_type() -> None:
    """A mark without a type still names a value to mask; one without a value is skipped."""
    event = parse(message(entities=[{"value": "123"}, {"type": "SSN"}]))
    assert isinstance(event, Messages)
    assert event.messages[0].entities == (SymblMark("unknown", "123"),)
    assert event.skipped == 1


def test_insights() -> None:
    """Insights are read in full and in the old reduced form; those without type or text are skipped."""
    event = load("insight_response")
    assert isinstance(event, Insights)
    assert (event.sequence_number, event.skipped) == (3, 3)
    full, reduced = event.insights
    assert (full.id, full.type, full.text) == ("i-1", "action_item", "Ana will send the offer by Friday.")
    assert (full.confidence, full.due_by, full.message_id) == (0.75, "2026-03-06T07:00:00.000Z", "m-1")
    assert (full.assignee, full.from_, full.tags) == (SPEAKER, SPEAKER, ("Ana", "by Friday"))
    assert (reduced.id, reduced.type, reduced.text, reduced.tags) == (None, "question", "When?", ())


def test_topics() -> None:
    """A topic is one text with its root words and the messages that it was found in."""
    event = load("topic_response")
    assert isinstance(event, Topics)
    assert (event.sequence_number, event.skipped) == (None, 2)
    (topic,) = event.topics
    assert (topic.id, topic.phrases, topic.root_words) == ("t-1", "offer terms", ("offer",))
    assert (topic.score, topic.message_ids) == (0.5, ("m-1", "m-2"))


def test_trackers() -> None:
    """Trackers give each match with its places; a missing ``isFinal`` means final."""
    event = load("tracker_response")
    assert isinstance(event, Trackers)
    assert (event.is_final, event.sequence_number, event.skipped) == (True, 3, 3)
    (tracker,) = event.trackers
    (match,) = tracker.matches
    assert (tracker.name, tracker.id, match.type, match.value) == ("Sales", None, "vocabulary", "offer")
    assert match.message_refs == (SymblReference("m-1", "Please send the offer.", 16), SymblReference("m-2", None, -1))
    assert match.insight_refs == (SymblReference("i-1", "Ana will send the offer.", 18),)
    interim = parse(encode(type="tracker_response", isFinal=False, trackers=[]))
    assert interim == Trackers(trackers=(), is_final=False)


def test_entities() -> None:
    """Entities give their kind and each detected value with its places."""
    event = load("entity_response")
    assert isinstance(event, Entities)
    assert event.skipped == 2
    (entity,) = event.entities
    assert (entity.type, entity.sub_type, entity.category) == ("PII", "PERSON_NAME", "Managed")
    (match,) = entity.matches
    assert (match.detected_value, match.message_refs) == ("Omar", (SymblReference("m-1", "to Omar", 3),))


# --- what is not understood ---


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ("__PONG__", "not JSON"),
        ("\ud800", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b"{}", "without type"),
        (b'{"type": 7}', "without type"),
        (b'{"type": "message"}', "envelope without message"),
        (b'{"type": "message", "message": []}', "envelope without message"),
        (b'{"type": "message", "message": {"type": {}}}', "envelope without type"),
        (b'{"type": "message_response"}', "message_response without messages"),
        (b'{"type": "insight_response", "insights": {}}', "insight_response without insights"),
        (b'{"type": "topic_response", "topics": 1}', "topic_response without topics"),
        (b'{"type": "tracker_response", "trackers": null}', "tracker_response without trackers"),
        (b'{"type": "entity_response", "entities": ""}', "entity_response without entities"),
    ],
)
def test_malformed(frame: bytes | str, why: str) -> None:
    """A frame without the essentials is malformed for one of a few fixed reasons, never with peer text."""
    assert parse(frame) == Malformed(why)


@pytest.mark.parametrize(
    ("kind", "shown"),
    [("intent_response", "intent_response"), ("4111 1111", UNPRINTABLE), ("", UNPRINTABLE), ("x" * 65, UNPRINTABLE)],
)
def test_unknown(kind: str, shown: str) -> None:
    """Unknown types are named only if they look like names; flat and enveloped alike."""
    assert parse(encode(type=kind)) == Unknown(shown)
    assert parse(encode(type="message", message={"type": kind})) == Unknown(shown)


def test_repr_without_content() -> None:
    """No text, name, address or word of a peer appears in a ``repr``."""
    names = [path.stem for path in sorted(DATA.glob("*.json"))]
    shown = " ".join(repr(load(name)) for name in names)
    shown += repr(parse(encode(type="error", message="secret offer")))
    for content in ("offer", "Omar", "Ana", "example", "1984", "Please", "When", "Friday", "Sales"):
        assert content not in shown


# --- properties ---

_scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text()
_names = st.sampled_from(
    [
        "type",
        "message",
        "messages",
        "insights",
        "topics",
        "trackers",
        "entities",
        "payload",
        "raw",
        "alternatives",
        "words",
        "word",
        "startTime",
        "endTime",
        "seconds",
        "nanos",
        "content",
        "data",
        "conversationId",
        "punctuated",
        "transcript",
        "user",
        "id",
        "userId",
        "name",
        "duration",
        "timeOffset",
        "metadata",
        "sentiment",
        "polarity",
        "score",
        "suggested",
        "matches",
        "value",
        "detectedValue",
        "messageRefs",
        "insightRefs",
        "offset",
        "text",
        "tags",
        "isFinal",
        "sequenceNumber",
        "phrases",
        "rootWords",
        "messageReferences",
        "messageReference",
        "assignee",
        "dueBy",
        "from",
        "confidence",
    ]
)
_types = st.sampled_from(
    [
        "message",
        "message_response",
        "insight_response",
        "topic_response",
        "tracker_response",
        "entity_response",
        "error",
        "recognition_result",
        "conversation_created",
        "recognition_started",
        "conversation_completed",
        "started_listening",
        "other",
    ]
)
_values = st.recursive(
    _scalars | _types,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names, inner, max_size=6),
    max_leaves=25,
)


def _mutate(document: object, path: list[int], value: object) -> object:
    """Replace the part that the path leads to: in each step the nth member or element."""
    if not path or not isinstance(document, (dict, list)) or not document:
        return value
    if isinstance(document, dict):
        key = list(document)[path[0] % len(document)]
        return {**document, key: _mutate(document[key], path[1:], value)}
    index = path[0] % len(document)
    return [*document[:index], _mutate(document[index], path[1:], value), *document[index + 1 :]]


@given(st.binary() | st.text())
def test_any_bytes(frame: bytes | str) -> None:
    """Any frame at all gives an event."""
    assert isinstance(parse(frame), ServerEvent)


@given(kind=_types, inner=_types, members=st.dictionaries(_names, _values, max_size=8))
def test_any_json(kind: str, inner: str, members: dict[str, object]) -> None:
    """Any JSON in place of any member gives an event."""
    nested = {**members, "type": inner}
    frame = {**members, "type": kind, **({"message": nested} if kind == "message" else {})}
    assert isinstance(parse(_dump(frame)), ServerEvent)


@given(
    name=st.sampled_from([path.name for path in sorted(DATA.glob("*.json"))]),
    path=st.lists(st.integers(0, 20), max_size=9),
    value=_values,
)
def test_any_damage(name: str, path: list[int], value: object) -> None:
    """A real message with any part replaced gives an event."""
    document = orjson.loads((DATA / name).read_bytes())
    assert isinstance(parse(_dump(_mutate(document, path, value))), ServerEvent)


def _dump(document: object) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)
