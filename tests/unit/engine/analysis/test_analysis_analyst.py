"""The analyst of a conversation: trackers, entities, sentiment, detected topics, dates and JSON shapes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.engine.analysis import (
    AnalysisRequest,
    Analyst,
    EntityResult,
    MessageAnalysis,
    SpeakerRef,
    TrackerDefinition,
    entities_as_json,
    prepare,
)
from worker.engine.analysis.dates import dates_of, due_of
from worker.engine.analysis.entities import entities_of
from worker.engine.analysis.sentiment import sentiment_of

SAID_AT = datetime(2026, 3, 4, 9, 15, tzinfo=UTC)  # a Wednesday
INES = SpeakerRef("i", "Ines Marlow", "ines.marlow@example.com")
ALL = frozenset({"question", "action_item", "follow_up", "topic"})
BILLING = TrackerDefinition("547", "Billing", ("invoice", "cancel my subscription", "can't log in", "bill", "refund"))


def _analyst(**overrides: object) -> Analyst:
    ids = count(1)
    members: dict[str, object] = {
        "insight_types": ALL,
        "trackers": (BILLING, TrackerDefinition(None, "Competitor", ("Initech",))),
        "detect_entities": True,
        "sentiment": True,
    }
    return Analyst(AnalysisRequest(**(members | overrides)), lambda: f"id-{next(ids)}")  # type: ignore[arg-type]  # test


def _message(text: str, **overrides: object) -> MessageAnalysis:
    return _analyst(**overrides).message("m", INES, text, SAID_AT)


# --- JSON ------------------------------------------------------------------------------------------------------------


def test_action_item_in_json() -> None:
    """An action item has exactly the members of the wire; values of hints are strings, offsets integers."""
    (insight,) = _message("I will ship the invoice to Omar by Friday.").insights
    insight_json = json.loads(json.dumps(insight.as_json()))
    speaker = {"id": "i", "name": "Ines Marlow", "userId": "ines.marlow@example.com"}
    assert insight_json == {
        "id": "id-1",
        "confidence": 0.96,
        "hints": [{"key": "confidenceScore", "value": "0.96"}, {"key": "comprehensionScore", "value": "1.0"}],
        "type": "action_item",
        "assignee": speaker,
        "dueBy": {"value": "2026-03-06T00:00:00.000Z"},
        "tags": [
            {
                "type": "person",
                "text": "Ines",
                "beginOffset": 0,
                "value": {"value": speaker | {"alias": "Ines", "assignee": True}},
            },
            {
                "type": "person",
                "text": "Omar",
                "beginOffset": 30,
                "value": {"value": {"name": "Omar", "alias": "Omar"}},
            },
            {"type": "date", "text": "by Friday", "beginOffset": 35, "value": {"value": {"datetime": "2026-03-06"}}},
        ],
        "dismissed": False,
        "payload": {"content": "Ines will ship the invoice to Omar by Friday.", "contentType": "text/plain"},
        "from": speaker,
        "entities": None,
        "messageReference": {"id": "m"},
    }


def test_question_in_json() -> None:
    """A question is verbatim, assigned to the asker, without a due date."""
    (insight,) = _message("Can you confirm the totals?").insights
    members = insight.as_json()
    assert members["payload"] == {"content": "Can you confirm the totals?", "contentType": "text/plain"}
    assert members["assignee"] == members["from"] == INES.as_json()
    assert "dueBy" not in members
    assert members["tags"] == []


def test_unknown_people_in_json() -> None:
    """Without names there is still an assignee object, and the speaker is called the speaker."""
    analyst = _analyst()
    (told,) = analyst.message("m", SpeakerRef("s"), "Please send me the form.", SAID_AT).insights
    assert told.content == "Someone will send the speaker the form."
    assert told.as_json()["assignee"] == {}
    (own,) = analyst.message("m", SpeakerRef("s"), "I will send the form.", SAID_AT).insights
    assert own.content == "The speaker will send the form."
    assert own.as_json()["from"] == {"id": "s"}


def test_tracker_in_json() -> None:
    """Exact matches carry the place in the message and in its insights; a tracker without id has none on the wire."""
    found = _message("I will ship the invoice from INITECH to Omar.")
    billing, competitor = [tracker.as_json() for tracker in found.trackers]
    text = "I will ship the invoice from INITECH to Omar."
    assert billing == {
        "id": "547",
        "name": "Billing",
        "matches": [
            {
                "type": "vocabulary",
                "value": "invoice",
                "messageRefs": [{"id": "m", "text": text, "offset": 16}],
                "insightRefs": [
                    {
                        "id": found.insights[0].id,
                        "text": "Ines will ship the invoice from INITECH to Omar.",
                        "type": "action_item",
                        "offset": 19,
                    }
                ],
            }
        ],
    }
    assert "id" not in competitor
    assert competitor["name"] == "Competitor"


def test_entities_in_json() -> None:
    """The same entity goes into the message in one shape and into the entity response, grouped, in another."""
    entities = [
        EntityResult("PII", "PERSON_NAME", "Managed", "Omar", 0),
        EntityResult("PII", "PERSON_NAME", "Managed", "Ines", 9),
    ]
    assert entities[0].as_json() == {
        "type": "PII",
        "subType": "PERSON_NAME",
        "category": "Managed",
        "detectedValue": "Omar",
        "offset": 0,
    }
    (group,) = entities_as_json(entities, message_id="m", text="Omar and Ines", start_time="t0", end_time="t1")
    assert (group["type"], group["subType"], group["category"]) == ("PII", "PERSON_NAME", "Managed")
    assert group["matches"] == [
        {
            "detectedValue": name,
            "messageRefs": [{"id": "m", "startTime": "t0", "endTime": "t1", "text": "Omar and Ines", "offset": offset}],
        }
        for name, offset in (("Omar", 0), ("Ines", 9))
    ]


# --- trackers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "offset"),
    [
        ("where is my INVOICE", "invoice", 12),
        ("I want to cancel  my subscription now", "cancel my subscription", 10),
        ("I cannot log in", "can't log in", 2),
        ("these invoices are wrong", "invoice", -1),
        ("i cancelled my subscription", "cancel my subscription", -1),
        ("please cancel the subscription", "cancel my subscription", -1),
        ("please cansel my subscription", "cancel my subscription", -1),
        ("the bill is too high", "bill", 4),
        ("i was refunded", "refund", -1),
    ],
)
def test_tracker_matches(text: str, value: str, offset: int) -> None:
    """A phrase is found exactly on word boundaries with its place, and similar phrases with offset -1."""
    (tracker,) = _message(text).trackers
    (match,) = tracker.matches
    assert (match.value, match.message_refs[0].offset) == (value, offset)


@pytest.mark.parametrize("text", ["I will pay it", "the billing is fine", "my subscription is great", "ok", "", "!?"])
def test_tracker_misses(text: str) -> None:
    """Short phrases are not found in words that look alike, nor phrases of which only a part was said."""
    assert _message(text).trackers == ()


def test_every_place_is_reported() -> None:
    """A phrase that occurs twice has two references."""
    (tracker,) = _message("invoice after invoice").trackers
    assert [ref.offset for ref in tracker.matches[0].message_refs] == [0, 14]


def test_interim_trackers() -> None:
    """Unfinished texts are searched only on request, and only for exact matches: the rest still changes."""
    assert _analyst().interim("my invoice") == ()
    analyst = _analyst(interim_trackers=True)
    (tracker,) = analyst.interim("my invoice", "utterance")
    assert tracker.matches[0].message_refs[0].id == "utterance"
    assert analyst.interim("my invoices") == ()
    assert analyst.interim("my invoice")[0].matches[0].message_refs[0].id.startswith("id-")


def test_empty_vocabulary() -> None:
    """Phrases without a single word are ignored."""
    assert _message("hello", trackers=(TrackerDefinition(None, "Nothing", ("", "?!")),)).trackers == ()


# --- dates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "span", "iso"),
    [
        ("send it by Friday", "by Friday", "2026-03-06"),
        ("on wednesday", "on wednesday", "2026-03-11"),
        ("this wednesday", "this wednesday", "2026-03-04"),
        ("next friday", "next friday", "2026-03-13"),
        ("friday next week", "friday next week", "2026-03-13"),
        ("last friday", "last friday", "2026-02-27"),
        ("tomorrow morning", "tomorrow morning", "2026-03-05T09:00:00"),
        ("tonight", "tonight", "2026-03-04T18:00:00"),
        ("the day after tomorrow", "the day after tomorrow", "2026-03-06"),
        ("on Tuesday at three", "on Tuesday at three", "2026-03-10T15:00:00"),
        ("at three thirty pm on monday", "at three thirty pm on monday", "2026-03-09T15:30:00"),
        ("tomorrow at 10:15 a.m.", "tomorrow at 10:15 a.m.", "2026-03-05T10:15:00"),
        ("by end of day", "by end of day", "2026-03-04T17:00:00"),
        ("by the end of the week", "by the end of the week", "2026-03-06"),
        ("end of next month", "end of next month", "2026-04-30"),
        ("end of the quarter", "end of the quarter", "2026-03-31"),
        ("end of the year", "end of the year", "2026-12-31"),
        ("next week", "next week", "2026-03-09"),
        ("next month", "next month", "2026-04-01"),
        ("this weekend", "this weekend", "2026-03-07"),
        ("in two weeks", "in two weeks", "2026-03-18"),
        ("within a couple of days", "within a couple of days", "2026-03-06"),
        ("in an hour", "in an hour", "2026-03-04T10:15:00"),
        ("in 3 months", "in 3 months", "2026-06-04"),
        ("march twenty first", "march twenty first", "2026-03-21"),
        ("the fifth of april", "the fifth of april", "2026-04-05"),
        ("May 2nd 1984", "May 2nd 1984", "1984-05-02"),
        ("on the 15th", "on the 15th", "2026-03-15"),
        ("on 2026-05-01", "on 2026-05-01", "2026-05-01"),
        ("at noon", "at noon", "2026-03-04T12:00:00"),
    ],
)
def test_dates(text: str, span: str, iso: str) -> None:
    """Dates are resolved from the moment the sentence was said, by the conventions of the module."""
    (found,) = dates_of(text, SAID_AT, 0)
    assert (found.text, found.iso()) == (span, iso)


@pytest.mark.parametrize(
    "text",
    [
        "i may come", "we sat down", "mon ami", "i may second that", "we march 3 miles", "the second option",
        "i have 3 orders", "at three dollars", "31/31/2026", "on 2026-02-30", "the sun", "wed in church", "25:99",
    ],
)  # fmt: skip
def test_no_dates(text: str) -> None:
    """Plain words that resemble dates, and dates that do not exist, are none."""
    assert dates_of(text, SAID_AT, 0) == []


def test_due_dates_are_local_days() -> None:
    """A day begins at midnight where the speaker is, and "tomorrow" is counted there."""
    late = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
    assert due_of(dates_of("tomorrow", late, 330), late, 330) == "2026-03-05T18:30:00.000Z"
    assert due_of(dates_of("tomorrow", late, -480), late, -480) == "2026-03-05T08:00:00.000Z"
    elsewhere = late.astimezone(timezone(timedelta(hours=5)))
    assert dates_of("tomorrow", elsewhere, 0) == dates_of("tomorrow", late, 0)


def test_past_dates_are_not_due() -> None:
    """What is over cannot be due."""
    assert due_of(dates_of("since last Friday", SAID_AT, 0), SAID_AT, 0) is None


def test_the_edges_of_time() -> None:
    """Dates beyond the calendar are left out."""
    assert dates_of("in 100 years", datetime.max.replace(tzinfo=UTC), 10**9) == []
    assert dates_of("yesterday", datetime.min.replace(tzinfo=UTC), -(10**9)) == []


# --- entities and sentiment ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        (
            "My name is Robert Smith, call 415-555-2671 or write ines@acme.com.",
            [("PERSON_NAME", "Robert Smith"), ("PHONE_NUMBER", "415-555-2671"), ("EMAIL_ADDRESS", "ines@acme.com")],
        ),
        ("it is john dot smith at example dot com", [("EMAIL_ADDRESS", "john dot smith at example dot com")]),
        ("my name is zelda and i am here", [("PERSON_NAME", "zelda")]),
        ("this is Mark speaking", [("PERSON_NAME", "Mark")]),
        ("Will you mark it? May I?", []),
        ("my name is on the account", []),
        ("I was born on May 2nd 1984", [("DATE_OF_BIRTH", "May 2nd 1984")]),
        ("deliver it on Friday at 3 pm", [("DATE", "Friday at 3 pm")]),
        ("around 3:30 pm", [("TIME", "3:30 pm")]),
        (
            "two hundred and fifty dollars or $25.50 is 20 percent",
            [("AMOUNT", "two hundred and fifty dollars"), ("AMOUNT", "$25.50"), ("PERCENTAGE", "20 percent")],
        ),
        ("five five five one two three four", [("PHONE_NUMBER", "five five five one two three four")]),
        ("account one two three four five six seven", [("NUMBER", "one two three four five six seven")]),
        ("my social is " + "one two three " * 3, [("SSN", "one two three one two three one two three")]),
        ("the ssn 123-45-6789", [("SSN", "123-45-6789")]),
        ("card 4111 1111 1111 1111", [("CREDIT_CARD_NUMBER", "4111 1111 1111 1111")]),
        ("the other one is on acme.com", [("DOMAIN_NAME", "acme.com")]),
        ("thirty two boxes", [("NUMBER", "thirty two")]),
    ],
)  # fmt: skip
def test_entities(text: str, entities: list[tuple[str, str]]) -> None:
    """Every entity is found once, with its type, at the place where it stands."""
    found = entities_of(text, english=True, said_at=SAID_AT)
    assert [(entity.sub_type, entity.detected_value) for entity in found] == entities
    assert all(text[entity.offset :].startswith(entity.detected_value) for entity in found)


@pytest.mark.parametrize(
    ("text", "suggested"),
    [
        ("This is great, thank you so much!", "positive"),
        ("This is a terrible service and I am very angry.", "negative"),
        ("The parcel is in the warehouse.", "neutral"),
        ("", "neutral"),
    ],
)
def test_sentiment(text: str, suggested: str) -> None:
    """Polarity has a name; what is close to zero is neutral."""
    result = sentiment_of(text)
    assert result.suggested == suggested
    assert -1 <= result.score <= 1
    assert result.as_json() == {"polarity": {"score": result.score}, "suggested": suggested}


# --- detected topics -------------------------------------------------------------------------------------------------

CALL = [
    "I am calling about the billing address on my invoice.",
    "Your invoice has the wrong billing address?",
    "Yes, the shipping costs are wrong as well.",
    "I will correct the billing address for you.",
]


def test_topics_are_reported_once_and_again_when_grown() -> None:
    """A topic is reported when new and when twice as many messages speak of it, with all its messages."""
    analyst = _analyst()
    analyst.message("m1", INES, CALL[0], SAID_AT)
    first = {topic.phrases: topic for topic in analyst.topics()}
    assert first["billing address"].message_ids == ("m1",)
    assert analyst.topics() == ()
    for number, text in enumerate(CALL[1:], 2):
        analyst.message(f"m{number}", INES, text, SAID_AT)
    later = {topic.phrases: topic for topic in analyst.topics()}
    assert later["billing address"].message_ids == ("m1", "m2", "m4")
    assert later["billing address"].score > first["billing address"].score
    assert later["billing address"].id != first["billing address"].id
    assert "shipping costs" not in first


def test_topic_in_json() -> None:
    """``phrases`` is one string, the index an integer."""
    analyst = _analyst()
    analyst.message("m1", INES, "The premium plan.", SAID_AT)
    (topic,) = analyst.topics()
    assert topic.as_json() == {
        "id": "id-1",
        "messageReferences": [{"id": "m1", "relation": "text instance"}],
        "phrases": "premium plan",
        "rootWords": [{"text": "premium"}, {"text": "plan"}],
        "score": 0.6,
        "type": "topic",
        "messageIndex": 0,
    }


def test_memory_of_topics_is_bounded() -> None:
    """A conversation may last for days; what is remembered of it does not grow with it."""
    analyst = _analyst(trackers=(), sentiment=False, detect_entities=False)
    letters = "bcdfghjklm"
    for number in range(1500):
        word = "".join(letters[int(digit)] + "a" for digit in str(number))
        analyst.message(f"m{number}", INES, f"{word} invoices", SAID_AT)
    assert len(analyst._topics._phrases) <= 1000
    best = analyst.topics()
    assert all(0 <= topic.score <= 1 and len(topic.message_ids) <= 50 for topic in best)
    assert best[0].phrases == "invoices"


# --- the request -----------------------------------------------------------------------------------------------------


def test_nothing_that_was_not_asked_for() -> None:
    """An empty request gives nothing."""
    analyst = Analyst(AnalysisRequest(), lambda: "id")
    found = analyst.message("m", INES, "Can you send me the invoice by Friday?", SAID_AT)
    assert found == MessageAnalysis((), (), (), None)
    assert analyst.topics() == ()


def test_topics_come_with_other_insights() -> None:
    """A request for any insights gets topics: the Web SDK listens for them, and cannot ask for them by name."""
    analyst = _analyst(insight_types=frozenset(["question"]))
    analyst.message("m1", INES, "The premium plan.", SAID_AT)
    assert [topic.phrases for topic in analyst.topics()] == ["premium plan"]


def test_threshold() -> None:
    """Insights below the threshold are dropped."""
    text = "Maybe I should update the contract."
    assert _message(text, confidence_threshold=0.5).insights != ()
    assert _message(text, confidence_threshold=0.8).insights == ()


def test_other_languages() -> None:
    """The English rules are not applied to other languages; trackers, detected topics and figures are."""
    analyst = _analyst(language="es-ES")
    found = analyst.message("m", INES, "i will send the invoice to ines@example.com tomorrow", SAID_AT)
    assert found.insights == ()
    assert found.sentiment is None
    assert found.trackers[0].matches[0].value == "invoice"
    assert [entity.sub_type for entity in found.entities] == ["EMAIL_ADDRESS"]


def test_no_personal_data_in_reprs() -> None:
    """Names and texts stay out of every repr."""
    analyst = _analyst()
    found = analyst.message("m", INES, "I will ship the invoice to Omar by Friday.", SAID_AT)
    shown = f"{analyst!r} {found!r} {analyst.topics()!r} {analyst._insights!r}"
    for text in ("Ines", "Omar", "invoice", "Friday", "2026-03-06"):
        assert text not in shown.replace("due_by='2026-03-06", "")


PIECES = st.sampled_from(
    [
        "i",
        "will",
        "send",
        "you",
        "the",
        "invoice",
        "by",
        "friday",
        "call",
        "me",
        "back",
        "please",
        "can",
        "could",
        "what",
        "how",
        "is",
        "it",
        ".",
        "?",
        ",",
        "'",
        "'s",
        "n't",
        "at",
        "dot",
        "com",
        "may",
        "5",
        "31",
        "march",
        "second",
        "@",
        "$",
        "12",
        "hundred",
        "my",
        "name",
        "is",
        "mr",
        "will",
        "robert",
        "if",
        "when",
        "next",
        "week",
        "schedule",
        "a",
        "meeting",
        "talk",
        "to",
        "the",
        "end",
        "of",
        "in",
        "99",
        "years",
        "follow",
        "up",
        "4111",
        ":",
        "/",
        "-",
        "–",
        "İ",
        "ß",
        "1234567",
        "١٢",
        "²",
    ]
)
TEXTS = st.lists(PIECES, max_size=40).map(" ".join) | st.text(max_size=200)
prepare()


@settings(max_examples=150, deadline=None)
@given(
    text=TEXTS,
    name=st.none() | st.sampled_from(["Ines Marlow", "", "  ", "Agent 7", "O'Neil", "(a+)+"]),
    said_at=st.datetimes(timezones=st.just(UTC)) | st.datetimes(),
    offset=st.sampled_from([0, 330, -480, 10**12]),
    vocabulary=st.lists(PIECES | st.text(max_size=10), max_size=4),
    language=st.sampled_from(["en-US", "en", "EN_gb", "es-ES", "", "x-zz"]),
)
def test_never_raises(
    text: str, name: str | None, said_at: datetime, offset: int, vocabulary: list[str], language: str
) -> None:
    """No text, name, time or offset makes the analysis fail; offsets are true and confidences within bounds."""
    analyst = _analyst(
        confidence_threshold=0.1,
        trackers=(TrackerDefinition(None, "t", tuple(vocabulary)),),
        timezone_offset_minutes=offset,
        interim_trackers=True,
        language=language,
    )
    found = analyst.message("m", SpeakerRef("s", name), text, said_at)
    analyst.interim(text)
    for insight in found.insights:
        assert 0.1 <= insight.confidence <= 1
        assert all(isinstance(key, str) and isinstance(value, str) for key, value in insight.hints)
        for tag in insight.tags:
            assert insight.content[tag.begin_offset : tag.begin_offset + len(tag.text)] == tag.text
        json.dumps(insight.as_json())
    for entity in found.entities:
        assert text[entity.offset : entity.offset + len(entity.detected_value)] == entity.detected_value
    for tracker in found.trackers:
        assert all(-1 <= ref.offset < max(1, len(text)) for match in tracker.matches for ref in match.message_refs)
    assert all(0 <= topic.score <= 1 for topic in analyst.topics())


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece", ["a", "i will ", "please ", "1 ", "one ", "a@", "a.", "have a ", "my name is ", "may 1 ", "'s "]
)
def test_long_texts_take_no_long_time(piece: str) -> None:
    """No text is slow out of proportion: a minute of the worst input would stall every other stream."""
    _analyst().message("m", INES, piece * (20_000 // len(piece)), SAID_AT)
