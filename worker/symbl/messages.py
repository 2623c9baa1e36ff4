"""What a Symbl host says: one immutable event per text frame.

``parse`` accepts anything a peer can put into a frame and never raises: what is not understood becomes ``Unknown`` or
``Malformed``. Only what an event is useless without is required; any other member may be missing or of the wrong type,
which makes it None. Elements of lists that lack the essentials are skipped and counted in ``skipped``.

Texts, names, and whatever else may hold content stay out of every ``repr``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias, TypeVar

import orjson

from worker.records import Sentiment

# --- parts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SymblUser:
    """A speaker as the host knows them. ``id`` is the host's own, ``user_id`` the one sent in ``start_request``."""

    id: str | None
    user_id: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SymblWord:
    """A word and its place in the audio of this connection, in milliseconds."""

    text: str = field(repr=False)
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class SymblMark:
    """Something sensitive that the host found in a message.

    ``value`` is the verbatim text, also where the message itself is masked; ``normalized`` is the host's own spelling
    of it (dates as ISO), None where there is none. Both generations of the wire format end here.
    """

    type: str
    value: str = field(repr=False)
    normalized: str | None = field(default=None, repr=False)
    sub_type: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SymblMessage:
    """One finished sentence.

    ``start_ms`` and ``end_ms`` count the audio of this connection; fractions widen the span. ``began_at_ms`` is when it
    was said by the host's clock, in ms since the epoch. ``text`` is normalised by the host, so the words joined may
    differ from it.
    """

    text: str = field(repr=False)
    id: str | None = None
    from_: SymblUser | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    began_at_ms: int | None = None
    words: tuple[SymblWord, ...] = field(default=(), repr=False)
    sentiment: Sentiment | None = None
    entities: tuple[SymblMark, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SymblInsight:
    """A question, action item or follow-up. ``tags`` are the texts of the tagged spans.

    ``message_id`` may be the insight's own id: some hosts do not name the source message.
    """

    type: str
    text: str = field(repr=False)
    id: str | None = None
    confidence: float | None = None
    assignee: SymblUser | None = None
    due_by: str | None = None
    from_: SymblUser | None = None
    message_id: str | None = None
    tags: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SymblTopic:
    """A detected topic. ``phrases`` is one text, whatever its name says."""

    phrases: str = field(repr=False)
    id: str | None = None
    root_words: tuple[str, ...] = field(default=(), repr=False)
    score: float | None = None
    message_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SymblReference:
    """A place in a message or insight. ``offset`` is in characters; -1 means a similar phrase, not the exact one."""

    id: str | None
    text: str | None = field(default=None, repr=False)
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SymblTrackerMatch:
    """One phrase of a tracker that was heard, and where."""

    value: str = field(repr=False)
    type: str | None = None
    message_refs: tuple[SymblReference, ...] = ()
    insight_refs: tuple[SymblReference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SymblTracker:
    """Matches of one tracker. Ad-hoc trackers may have no id."""

    name: str = field(repr=False)
    id: str | None = None
    matches: tuple[SymblTrackerMatch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SymblEntityMatch:
    """One occurrence of an entity."""

    detected_value: str = field(repr=False)
    message_refs: tuple[SymblReference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SymblEntity:
    """Occurrences of one kind of entity."""

    type: str
    sub_type: str | None = None
    category: str | None = None
    matches: tuple[SymblEntityMatch, ...] = ()


# --- events ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConversationCreated:
    """The host opened, or continues, the conversation."""

    conversation_id: str | None


@dataclass(frozen=True, slots=True)
class SubscriptionStarted:
    """To a subscriber: the conversation is live, and what is said in it follows."""

    conversation_id: str | None


@dataclass(frozen=True, slots=True)
class StartedListening:
    """The host accepts audio; the recogniser may not run yet."""


@dataclass(frozen=True, slots=True)
class RecognitionStarted:
    """The recogniser runs: from here on audio is heard."""

    conversation_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognitionResult:
    """Raw speech text. Interim results replace each other until the final one; they carry no words and no id."""

    is_final: bool
    text: str = field(repr=False)
    user: SymblUser | None = None
    words: tuple[SymblWord, ...] = field(default=(), repr=False)
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Finished sentences of one final result. ``sequence_number`` is no identity."""

    messages: tuple[SymblMessage, ...]
    sequence_number: int | None = None
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Insights:
    """Questions, action items and follow-ups."""

    insights: tuple[SymblInsight, ...]
    sequence_number: int | None = None
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Detected topics; late, and possibly again with a new id."""

    topics: tuple[SymblTopic, ...]
    sequence_number: int | None = None
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trackers:
    """Tracker matches. ``is_final`` False means found in speech that may still change."""

    trackers: tuple[SymblTracker, ...]
    is_final: bool = True
    sequence_number: int | None = None
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entities:
    """Detected entities, with clear values even where the messages are masked."""

    entities: tuple[SymblEntity, ...]
    sequence_number: int | None = None
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class SessionModified:
    """A ``modify_request`` was applied. Hosts may leave this out."""


@dataclass(frozen=True, slots=True)
class RecognitionStopped:
    """A recogniser ended. Says nothing about results that are still to come."""


@dataclass(frozen=True, slots=True)
class ConversationCompleted:
    """The conversation is finalised; nothing of interest follows."""

    conversation_id: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """The host reports an error. ``nested`` tells processing errors from protocol errors; ``detail`` is peer text."""

    nested: bool
    detail: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message of a type that we do not know. ``type`` is a plain name or ``UNPRINTABLE``."""

    type: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A frame without the essentials. ``why`` is one of a few fixed phrases, never peer text."""

    why: str


ServerEvent: TypeAlias = (
    ConversationCreated
    | SubscriptionStarted
    | StartedListening
    | RecognitionStarted
    | RecognitionResult
    | Messages
    | Insights
    | Topics
    | Trackers
    | Entities
    | SessionModified
    | RecognitionStopped
    | ConversationCompleted
    | Failure
    | Unknown
    | Malformed
)

# --- reading values of unknown type ----------------------------------------------------------------------------------

UNPRINTABLE: Final = "(unprintable)"

_T = TypeVar("_T")
_Object: TypeAlias = dict[str, object]

_NAME = re.compile(r"[A-Za-z][A-Za-z_.]{0,63}", re.ASCII)
# Beyond any audio; keeps milliseconds inside 64 bits whatever a peer writes.
_MAX_SECONDS = 10**9
_MICROS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LABELS = frozenset({"negative", "neutral", "positive"})


def _object(value: object) -> _Object:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _id(value: object) -> str | None:
    """An identity: never empty, since results are told apart by it. Numbers keep their decimal spelling."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object, low: float, high: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and low <= value <= high else None


def _micros(value: object) -> int | None:
    """Seconds as microseconds: fine enough to undo binary fractions before anything is rounded to milliseconds."""
    seconds = _number(value, 0, _MAX_SECONDS)
    return None if seconds is None else round(seconds * _MICROS)


def _digits(value: object) -> int | None:
    """A small natural number, as JSON number or decimal string; missing is zero, as protobuf's JSON has it."""
    if value is None:
        return 0
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(_MAX_SECONDS)):
        value = int(value)
    number = _integer(value)
    return number if number is not None and 0 <= number <= _MAX_SECONDS else None


def _duration_micros(value: object) -> int | None:
    """A ``{seconds, nanos}`` pair."""
    if not isinstance(value, dict):
        return None
    seconds, nanos = _digits(value.get("seconds")), _digits(value.get("nanos"))
    return None if seconds is None or nanos is None else seconds * _MICROS + nanos // 1000


def _instant_ms(value: object) -> int | None:
    """A point in time, ISO 8601 with its time zone, as ms since the epoch."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
        # Not via a float, which would round.
        return None if instant.tzinfo is None else (instant - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None


def _floor_ms(micros: int) -> int:
    return micros // 1000


def _ceil_ms(micros: int) -> int:
    return -(-micros // 1000)


def _content(value: object) -> str | None:
    return _text(_object(value).get("content"))


def _user(value: object) -> SymblUser | None:
    if not isinstance(value, dict):
        return None
    user = SymblUser(_id(value.get("id")), _id(value.get("userId")), _text(value.get("name")))
    return None if user == SymblUser(None) else user


def _sentiment(value: object) -> Sentiment | None:
    members = _object(value)
    score = _number(_object(members.get("polarity")).get("score"), -1, 1)
    label = _text(members.get("suggested"))
    return Sentiment(score, label) if score is not None and label in _LABELS and label is not None else None


class _Reader:
    """Reads the elements of one frame and counts those that it had to skip."""

    def __init__(self) -> None:
        self.skipped = 0

    def elements(self, value: object, read: Callable[[_Object], _T | None]) -> tuple[_T, ...]:
        """Read a list of objects. A missing list is an empty one; anything else that is no list counts as skipped."""
        if value is None:
            return ()
        if not isinstance(value, list):
            self.skipped += 1
            return ()
        found = [read(element) if isinstance(element, dict) else None for element in value]
        kept = tuple(element for element in found if element is not None)
        self.skipped += len(found) - len(kept)
        return kept

    def message(self, element: _Object) -> SymblMessage | None:
        text = _content(element.get("payload"))
        if text is None:
            return None
        duration = _object(element.get("duration"))
        start, length = _micros(duration.get("timeOffset")), _micros(duration.get("duration"))
        return SymblMessage(
            text=text,
            id=_id(element.get("id")),
            from_=_user(element.get("from")),
            start_ms=None if start is None else _floor_ms(start),
            end_ms=None if start is None or length is None else _ceil_ms(start + length),
            began_at_ms=_instant_ms(duration.get("startTime")),
            words=self.encoded_words(_object(element.get("metadata")).get("words")),
            sentiment=_sentiment(element.get("sentiment")),
            entities=self.elements(element.get("entities"), self.mark),
        )

    def encoded_words(self, value: object) -> tuple[SymblWord, ...]:
        """``metadata.words`` is a JSON array inside a string."""
        if isinstance(value, str):
            try:
                value = orjson.loads(value)
            except ValueError:
                self.skipped += 1
                return ()
        return self.elements(value, self.message_word)

    def message_word(self, element: _Object) -> SymblWord | None:
        text = _text(element.get("word"))
        start, length = _micros(element.get("timeOffset")), _micros(element.get("duration"))
        if text is None or start is None or length is None:
            return None
        return SymblWord(text, _floor_ms(start), _ceil_ms(start + length))

    def result_word(self, element: _Object) -> SymblWord | None:
        text = _text(element.get("word"))
        start, end = _duration_micros(element.get("startTime")), _duration_micros(element.get("endTime"))
        if text is None or start is None or end is None or end < start:
            return None
        return SymblWord(text, _floor_ms(start), _ceil_ms(end))

    def mark(self, element: _Object) -> SymblMark | None:
        verbatim = _text(element.get("text")) or _text(element.get("detectedValue"))
        normalized = _text(element.get("value"))
        value = verbatim or normalized
        if not value:
            return None
        return SymblMark(
            # A mark without a type still names something to mask.
            _text(element.get("type")) or "unknown",
            value,
            normalized if normalized != value else None,
            _text(element.get("subType")),
            _text(element.get("category")),
        )

    def insight(self, element: _Object) -> SymblInsight | None:
        kind = _text(element.get("type"))
        text = _content(element.get("payload"))
        if text is None:
            text = _text(element.get("text"))
        if not kind or text is None:
            return None
        return SymblInsight(
            type=kind,
            text=text,
            id=_id(element.get("id")),
            confidence=_number(element.get("confidence"), 0, 1),
            assignee=_user(element.get("assignee")),
            due_by=_text(_object(element.get("dueBy")).get("value")),
            from_=_user(element.get("from")),
            message_id=_id(_object(element.get("messageReference")).get("id")),
            tags=self.elements(element.get("tags"), lambda tag: _text(tag.get("text"))),
        )

    def topic(self, element: _Object) -> SymblTopic | None:
        phrases = _text(element.get("phrases"))
        if phrases is None:
            return None
        return SymblTopic(
            phrases=phrases,
            id=_id(element.get("id")),
            root_words=self.elements(element.get("rootWords"), lambda word: _text(word.get("text"))),
            score=_number(element.get("score"), 0, 1),
            message_ids=self.elements(element.get("messageReferences"), lambda reference: _id(reference.get("id"))),
        )

    def reference(self, element: _Object) -> SymblReference | None:
        reference = SymblReference(_id(element.get("id")), _text(element.get("text")), _integer(element.get("offset")))
        return None if reference == SymblReference(None) else reference

    def tracker(self, element: _Object) -> SymblTracker | None:
        name = _text(element.get("name"))
        if not name:
            return None
        matches = self.elements(element.get("matches"), self.tracker_match)
        return SymblTracker(name=name, id=_id(element.get("id")), matches=matches)

    def tracker_match(self, element: _Object) -> SymblTrackerMatch | None:
        value = _text(element.get("value"))
        if value is None:
            return None
        return SymblTrackerMatch(
            value=value,
            type=_text(element.get("type")),
            message_refs=self.elements(element.get("messageRefs"), self.reference),
            insight_refs=self.elements(element.get("insightRefs"), self.reference),
        )

    def entity(self, element: _Object) -> SymblEntity | None:
        kind = _text(element.get("type"))
        if not kind:
            return None
        return SymblEntity(
            type=kind,
            sub_type=_text(element.get("subType")),
            category=_text(element.get("category")),
            matches=self.elements(element.get("matches"), self.entity_match),
        )

    def entity_match(self, element: _Object) -> SymblEntityMatch | None:
        value = _text(element.get("detectedValue"))
        if value is None:
            return None
        return SymblEntityMatch(
            detected_value=value, message_refs=self.elements(element.get("messageRefs"), self.reference)
        )


# --- reading frames --------------------------------------------------------------------------------------------------


def parse(frame: bytes | str) -> ServerEvent:
    """Turn one text frame into an event. Never raises, whatever the frame holds."""
    try:
        document = orjson.loads(frame)
    except ValueError:
        return Malformed("not JSON")
    if not isinstance(document, dict):
        return Malformed("not an object")
    kind = document.get("type")
    if not isinstance(kind, str):
        return Malformed("without type")
    if kind == "message":
        return _parse_enveloped(document.get("message"))
    reader = _FLAT.get(kind)
    return reader(document) if reader is not None else _unknown(kind)


def _parse_enveloped(message: object) -> ServerEvent:
    if not isinstance(message, dict):
        return Malformed("envelope without message")
    kind = message.get("type")
    if not isinstance(kind, str):
        return Malformed("envelope without type")
    reader = _ENVELOPED.get(kind)
    return reader(message) if reader is not None else _unknown(kind)


def _unknown(kind: str) -> Unknown:
    return Unknown(kind if _NAME.fullmatch(kind) else UNPRINTABLE)


def _conversation_id(message: _Object) -> str | None:
    """Hosts put it under ``data``, directly under ``message``, or both."""
    return _id(_object(message.get("data")).get("conversationId")) or _id(message.get("conversationId"))


def _recognition_result(message: _Object) -> ServerEvent:
    raw = _object(_object(message.get("payload")).get("raw"))
    alternatives = raw.get("alternatives")
    best = _object(alternatives[0]) if isinstance(alternatives, list) and alternatives else {}
    text = _text(_object(message.get("punctuated")).get("transcript"))
    if text is None:
        text = _text(best.get("transcript"))
    if text is None:
        return Malformed("recognition_result without text")
    reader = _Reader()
    return RecognitionResult(
        is_final=message.get("isFinal") is True,
        text=text,
        user=_user(message.get("user")),
        words=reader.elements(best.get("words"), reader.result_word),
        skipped=reader.skipped,
    )


def _nested_error(message: _Object) -> Failure:
    payload = _object(message.get("payload"))
    parts = (_text(payload.get("message")), _text(message.get("message")), _text(message.get("details")))
    return Failure(nested=True, detail=": ".join(part for part in parts if part))


def _flat_error(document: _Object) -> Failure:
    parts = (_text(document.get("message")), _text(document.get("details")))
    return Failure(nested=False, detail=": ".join(part for part in parts if part))


def _message_response(document: _Object) -> ServerEvent:
    if not isinstance(document.get("messages"), list):
        return Malformed("message_response without messages")
    reader = _Reader()
    return Messages(
        messages=reader.elements(document["messages"], reader.message),
        sequence_number=_integer(document.get("sequenceNumber")),
        skipped=reader.skipped,
    )


def _insight_response(document: _Object) -> ServerEvent:
    if not isinstance(document.get("insights"), list):
        return Malformed("insight_response without insights")
    reader = _Reader()
    return Insights(
        insights=reader.elements(document["insights"], reader.insight),
        sequence_number=_integer(document.get("sequenceNumber")),
        skipped=reader.skipped,
    )


def _topic_response(document: _Object) -> ServerEvent:
    if not isinstance(document.get("topics"), list):
        return Malformed("topic_response without topics")
    reader = _Reader()
    return Topics(
        topics=reader.elements(document["topics"], reader.topic),
        sequence_number=_integer(document.get("sequenceNumber")),
        skipped=reader.skipped,
    )


def _tracker_response(document: _Object) -> ServerEvent:
    if not isinstance(document.get("trackers"), list):
        return Malformed("tracker_response without trackers")
    reader = _Reader()
    return Trackers(
        trackers=reader.elements(document["trackers"], reader.tracker),
        is_final=document.get("isFinal") is not False,
        sequence_number=_integer(document.get("sequenceNumber")),
        skipped=reader.skipped,
    )


def _entity_response(document: _Object) -> ServerEvent:
    if not isinstance(document.get("entities"), list):
        return Malformed("entity_response without entities")
    reader = _Reader()
    return Entities(
        entities=reader.elements(document["entities"], reader.entity),
        sequence_number=_integer(document.get("sequenceNumber")),
        skipped=reader.skipped,
    )


_ENVELOPED: Final[dict[str, Callable[[_Object], ServerEvent]]] = {
    "conversation_created": lambda message: ConversationCreated(_conversation_id(message)),
    "subscription_started": lambda message: SubscriptionStarted(_conversation_id(message)),
    "started_listening": lambda _: StartedListening(),
    "recognition_started": lambda message: RecognitionStarted(_conversation_id(message)),
    "recognition_result": _recognition_result,
    "session_modified": lambda _: SessionModified(),
    "recognition_stopped": lambda _: RecognitionStopped(),
    "conversation_completed": lambda message: ConversationCompleted(_conversation_id(message)),
    "error": _nested_error,
}

_FLAT: Final[dict[str, Callable[[_Object], ServerEvent]]] = {
    "message_response": _message_response,
    "insight_response": _insight_response,
    "topic_response": _topic_response,
    "tracker_response": _tracker_response,
    "entity_response": _entity_response,
    "error": _flat_error,
}
