"""Attribution, sequences and masks of what a host reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from worker.intake.ledger import Ledger
from worker.records import Encoding, Insight, Output, RedactedMessage, Sentiment, Speaker, StartParameters, Transcript
from worker.redaction import Redactor
from worker.sessions.book import Book
from worker.sessions.buffer import Place
from worker.sessions.results import ConversationResults
from worker.sessions.state import ConversationState, StreamState
from worker.symbl.messages import (
    Entities,
    Insights,
    SymblEntity,
    SymblEntityMatch,
    SymblInsight,
    SymblMark,
    SymblMessage,
    SymblReference,
    SymblTopic,
    SymblTracker,
    SymblTrackerMatch,
    SymblUser,
    Topics,
    Trackers,
)

CARD = "4111 1111 1111 1111"
INES, OMAR = SymblUser("h1", "ines"), SymblUser("h2", "omar")
PLACE = Place(start_us=1_000_000, end_us=2_500_001, first_offset=3, last_offset=5, speaker=None, trace=None)


def stream_state() -> StreamState:
    return StreamState(parameters=StartParameters(), encoding=Encoding.LINEAR16, sample_rate_hz=16_000)


@dataclass
class Stream:
    """A stream as attribution sees it."""

    stream: str
    user_id: str
    state: StreamState = field(default_factory=stream_state)

    def hears(self, user: SymblUser | None) -> bool:
        return user is None or user.user_id == self.user_id

    def here(self) -> Place:
        return PLACE


class Desk:
    """Two streams, or one, and what was published."""

    def __init__(self, *, redact: bool = True, transcripts: bool = True, alone: bool = False) -> None:
        self.state = ConversationState(topic="audio", conversation_id="a", opened_offset=7, opened_at_ms=0)
        self.book = Book(Ledger(0))
        self.results = ConversationResults(
            self.state, 0, self.book, Redactor() if redact else None, transcripts=transcripts
        )
        self.ines, self.omar = Stream("0", "ines"), Stream("1", "omar")
        self.results.add_owner(self.ines)
        if not alone:
            self.results.add_owner(self.omar)

    def say(self, text: str, *, id_: str | None = "m1", marks: tuple[SymblMark, ...] = ()) -> None:
        message = SymblMessage(text=text, id=id_, from_=INES, entities=marks, sentiment=Sentiment(0.5, "positive"))
        self.results.message(self.ines, message, (), PLACE)

    @property
    def insights(self) -> list[Insight]:
        return [each for each in self.book.outputs if isinstance(each, Insight)]


def leaks(outputs: list[Output], secret: str) -> list[Output]:
    return [each for each in outputs if not isinstance(each, Transcript) and secret in _everything(each)]


def _everything(output: Output) -> str:
    if isinstance(output, Insight):
        return repr(
            (
                output.masked.text,
                output.assignee and (output.assignee.name, output.assignee.user_id),
                output.due_by,
                output.topic_root_words,
                [match.value for match in output.tracker_matches],
                output.tracker_name,
            )
        )
    return repr(output.masked.text) if isinstance(output, RedactedMessage) else repr(output)


def test_nothing_clear_leaves_but_the_transcript() -> None:
    """With redaction on, what the detectors or the host found in a message is masked in all that follows from it."""
    for secret, marks in ((CARD, ()), ("Marlow Grange", (SymblMark("person_name", "Marlow Grange"),))):
        desk = Desk()
        desk.say(f"the number is {secret} please", marks=marks)
        reference = (SymblReference("m1", None, 14),)
        desk.results.insights(
            desk.ines,
            Insights(
                insights=(
                    SymblInsight(
                        type="action_item",
                        text=f"note {secret}",
                        id="i1",
                        message_id="m1",
                        assignee=SymblUser("h3", None, secret),
                        due_by=f"after {secret}",
                    ),
                )
            ),
        )
        topic = SymblTopic(phrases=f"on {secret}", id="t1", root_words=(secret,), message_ids=("m1",))
        desk.results.topics(desk.ines, Topics(topics=(topic,)))
        match = SymblTrackerMatch(value=secret, message_refs=reference)
        desk.results.trackers(desk.ines, Trackers(trackers=(SymblTracker(name="t", matches=(match,)),)))
        entity = SymblEntityMatch(detected_value=secret, message_refs=reference)
        desk.results.entities(desk.ines, Entities(entities=(SymblEntity(type="PII", matches=(entity,)),)))
        assert len(desk.insights) == 4
        assert leaks(desk.book.outputs, secret) == []
        assert any(isinstance(each, Transcript) and secret in each.text for each in desk.book.outputs)


def test_captions_are_masked() -> None:
    """What may become personal data when the sentence goes on is not shown either."""
    assert CARD[:9] not in Desk().results.caption(f"my card is {CARD[:9]}").text
    off = Desk(redact=False).results.caption(f"my card is {CARD}")
    assert (off.text, off.findings) == (f"my card is {CARD}", None)


def test_redaction_can_be_off_and_switched_on() -> None:
    """Off leaves texts as they were said and says so; a start may switch it on from there."""
    desk = Desk(redact=False, transcripts=False)
    desk.say(CARD)
    desk.results.redact_with(Redactor())
    desk.say(CARD, id_="m2")
    first, second = desk.book.outputs
    assert isinstance(first, RedactedMessage)
    assert isinstance(second, RedactedMessage)
    assert (first.masked.text, first.masked.findings) == (CARD, None)
    assert CARD not in second.masked.text


def test_an_id_is_published_once() -> None:
    """Messages, insights and topics come on every socket; the first one counts."""
    desk = Desk()
    for owner in (desk.ines, desk.omar):
        desk.say("hello there")
        insight = SymblInsight(type="question", text="what?", id="i1", message_id="m1")
        anonymous = SymblInsight(type="question", text="who?", message_id="m1")
        desk.results.insights(owner, Insights(insights=(insight, anonymous)))
        desk.results.topics(owner, Topics(topics=(SymblTopic(phrases="hello", id="t1"),)))
        match = SymblTrackerMatch(value="hello", message_refs=(SymblReference("m1", None, 0),))
        desk.results.trackers(owner, Trackers(trackers=(SymblTracker(name="t", matches=(match,)),)))
        entity = SymblEntityMatch(detected_value="hello", message_refs=())
        desk.results.entities(owner, Entities(entities=(SymblEntity(type="GENERAL", matches=(entity,)),)))
    assert len([each for each in desk.book.outputs if isinstance(each, Transcript)]) == 1
    assert [each.kind for each in desk.insights] == ["question", "question", "topic", "tracker", "entity"]
    assert [each.origin.sequence for each in desk.insights] == list(range(5))
    assert desk.ines.state.counters.insights == 5


def test_an_insight_belongs_to_the_stream_of_its_message() -> None:
    """Whichever socket brings it first: the message tells stream, place and id."""
    desk = Desk()
    desk.say("can you call me?")
    insight = SymblInsight(type="question", text="can you call me?", id="i1", message_id="m1", assignee=OMAR)
    desk.omar.state.speaker = Speaker(name="Omar Haddad")
    desk.results.insights(desk.omar, Insights(insights=(insight,)))
    (published,) = desk.insights
    message = next(each for each in desk.book.outputs if isinstance(each, RedactedMessage))
    assert published.origin.stream == "0"
    assert published.message_ids == (message.origin.id,)
    assert published.assignee == Speaker(name="Omar Haddad")
    assert (published.origin.start_ms, published.origin.end_ms) == (1000, 2501)


def test_an_insight_of_an_unknown_message_waits_for_its_speakers_socket() -> None:
    """Without its message only the speaker tells whose insight it is."""
    desk = Desk()
    insight = SymblInsight(type="question", text="why?", id="i1", from_=INES)
    desk.results.insights(desk.omar, Insights(insights=(insight,)))
    assert desk.insights == []
    desk.results.insights(desk.ines, Insights(insights=(insight,)))
    assert [each.origin.stream for each in desk.insights] == ["0"]


def test_users_without_user_id_are_known_by_their_sockets() -> None:
    """A host's own id of a user belongs to the stream on whose socket it was first recognised."""
    desk = Desk()
    stranger = SymblUser("h9")
    assert not desk.results.is_known(stranger)
    desk.results.claim(stranger, "1")
    assert desk.results.stream_of(stranger) == "1"
    assert desk.results.is_known(stranger)
    assert not desk.results.is_known(None)
    assert Desk(alone=True).results.is_known(None)


def test_the_id_of_an_insight_does_not_depend_on_the_order_of_finding() -> None:
    """Message, kind and the number within them tell an insight apart, whatever else is found before it."""

    def found(order: Sequence[int]) -> dict[str, str]:
        desk = Desk()
        desk.say("the annual subscription is what we talk about", id_="m1")
        desk.say("is it?", id_="m2")
        hit = SymblTrackerMatch(value="annual", message_refs=(SymblReference("m1", None, 4),))
        detected = SymblEntityMatch(detected_value="annual", message_refs=(SymblReference("m1", None, 4),))
        steps: list[Callable[[], None]] = [
            lambda: desk.results.insights(
                desk.omar, Insights(insights=(SymblInsight(type="question", text="is it?", id="q", message_id="m2"),))
            ),
            lambda: desk.results.topics(
                desk.ines, Topics(topics=(SymblTopic(phrases="annual", id="t", message_ids=("m1", "m2")),))
            ),
            lambda: desk.results.topics(
                desk.ines, Topics(topics=(SymblTopic(phrases="nobody's", id="u", message_ids=("m9",)),))
            ),
            lambda: desk.results.trackers(desk.omar, Trackers(trackers=(SymblTracker(name="p", matches=(hit,)),))),
            lambda: desk.results.entities(
                desk.ines, Entities(entities=(SymblEntity(type="GENERAL", matches=(detected,)),))
            ),
        ]
        for index in order:
            steps[index]()
        assert [each.origin.sequence for each in desk.insights] == list(range(len(order)))
        return {each.masked.text + each.kind: each.origin.id for each in desk.insights if each.message_ids}

    ids = found([0, 1, 3, 4])
    assert len(set(ids.values())) == 4
    for order in ([4, 3, 1, 0], [2, 0, 1, 3, 4], [3, 2, 4, 0, 1]):
        assert found(order) == ids


def test_a_topic_belongs_to_the_latest_of_its_messages() -> None:
    """Which messages are still remembered, and how a host sorts them, changes nothing."""
    desk = Desk()
    desk.say("first", id_="m1")
    desk.say("second", id_="m2")
    topic = SymblTopic(phrases="both", id="t", message_ids=("m2", "m1"))
    desk.results.topics(desk.omar, Topics(topics=(topic,)))
    other = Desk()
    other.say("first", id_="forgotten")
    other.say("second", id_="m2")
    other.results.topics(other.ines, Topics(topics=(topic,)))
    assert desk.insights[0].origin == other.insights[0].origin
    assert len(desk.insights[0].message_ids) == 2


def test_ids_are_deterministic_and_different() -> None:
    """The same result again has the same id; a transcript and its message have different ones."""
    first, second = Desk(), Desk()
    for desk in (first, second):
        desk.say("hello")
    ids = [each.origin.id for each in first.book.outputs if isinstance(each, Transcript | RedactedMessage)]
    assert len(set(ids)) == 2
    assert ids == [each.origin.id for each in second.book.outputs if isinstance(each, Transcript | RedactedMessage)]
