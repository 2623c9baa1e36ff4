"""Attribution, sequences and masks of what a host reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from worker.intake.ledger import Ledger
from worker.records import Encoding, Insight, Output, RedactedMessage, Sentiment, Speaker, StartParameters, Transcript
from worker.redaction import Redactor
from worker.sessions.book import Book
from worker.sessions.buffer import Place
from worker.sessions.memory import MAX_PUBLISHED, RECENT_MESSAGES, REMEMBERED_MESSAGES
from worker.sessions.results import ConversationResults
from worker.sessions.state import ConversationState, StreamState, dump_state, load_state
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
    symbl_conversation_id: str | None = "5012746983243776"
    has_resumed: bool = False
    speaks_alone: bool = True

    def hears(self, user: SymblUser | None) -> bool:
        return user is None or user.user_id == self.user_id

    def speaker_of(self, user: SymblUser) -> Speaker | None:
        if user.user_id is None or not self.hears(user):
            return None
        return self.state.speaker or Speaker(user_id=user.user_id, name=user.name)

    def here(self) -> Place:
        return PLACE


class Desk:
    """Two streams, or one, and what was published."""

    def __init__(
        self, *, redact: bool = True, transcripts: bool = True, alone: bool = False, hold_seconds: float = 8.0
    ) -> None:
        self.state = ConversationState(topic="audio", conversation_id="a", opened_offset=7, opened_at_ms=0)
        self.book = Book(Ledger(0))
        self.redactor = Redactor() if redact else None
        self.transcripts = transcripts
        self.hold_seconds = hold_seconds
        self.said: list[str] = []
        self.state.streams["0"] = stream_state()
        if not alone:
            self.state.streams["1"] = stream_state()
        self.take_up()

    def take_up(self) -> None:
        """Begin, or go on from the state."""
        self.results = ConversationResults(
            self.state, 0, self.book, self.redactor, transcripts=self.transcripts, hold_seconds=self.hold_seconds
        )
        self.ines = Stream("0", "ines", self.state.streams["0"])
        self.results.add_owner(self.ines)
        if "1" in self.state.streams:
            self.omar = Stream("1", "omar", self.state.streams["1"])
            self.results.add_owner(self.omar)

    def crash(self) -> None:
        """Another worker goes on from what was safe: all that was published, and the state."""
        self.state = load_state(dump_state(self.state))
        self.take_up()

    def say(self, text: str, *, id_: str | None = "m1", marks: tuple[SymblMark, ...] = ()) -> None:
        message = SymblMessage(text=text, id=id_, from_=INES, entities=marks, sentiment=Sentiment(0.5, "positive"))
        self.results.message(self.ines, message, (), PLACE, lambda: self.said.append(text))

    def say_all_about(self, text: str, message_id: str = "m1", owner: Stream | None = None) -> None:
        """Every kind of result about a message, on the other speaker's socket if no other is named."""
        owner = owner or self.omar
        reference = (SymblReference(message_id, None, 14),)
        insight = SymblInsight(
            type="action_item",
            text=f"note {text}",
            id="i1",
            message_id=message_id,
            assignee=SymblUser("h3", None, text),
            due_by=f"after {text}",
        )
        self.results.insights(owner, Insights(insights=(insight,)))
        topic = SymblTopic(phrases=f"on {text}", id="t1", root_words=(text,), message_ids=(message_id,))
        self.results.topics(owner, Topics(topics=(topic,)))
        match = SymblTrackerMatch(value=text, message_refs=reference)
        self.results.trackers(owner, Trackers(trackers=(SymblTracker(name="t", matches=(match,)),)))
        entity = SymblEntityMatch(detected_value=text, message_refs=reference)
        self.results.entities(owner, Entities(entities=(SymblEntity(type="GENERAL", matches=(entity,)),)))

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
        desk.say_all_about(secret)
        assert len(desk.insights) == 4
        assert leaks(desk.book.outputs, secret) == []
        assert any(isinstance(each, Transcript) and secret in each.text for each in desk.book.outputs)


def test_captions_are_masked() -> None:
    """What may become personal data when the sentence goes on is not shown either."""
    assert CARD[:9] not in Desk().results.caption("0", f"my card is {CARD[:9]}").text
    off = Desk(redact=False).results.caption("0", f"my card is {CARD}")
    assert (off.text, off.findings) == (f"my card is {CARD}", None)


def test_captions_wait_for_how_a_speaker_goes_on() -> None:
    """Behind "my name is" nobody can tell which words of an interim text are the name; others are shown meanwhile."""
    desk = Desk()
    said = "Marlow Grange and I called you yesterday about the invoice"
    for after, shown in (("my name is", ""), ("mm-hm", ""), ("and I called you about the invoice", said)):
        desk.say(after, id_=after)
        assert desk.results.caption("0", said).text == shown, after
        assert desk.results.caption("1", said).text == said
    desk.say("my name is", id_="cut")
    desk.results.release()
    desk.crash()
    assert not desk.results.caption("0", said).text


def test_redaction_can_be_off_and_switched_on() -> None:
    """Off leaves texts as they were said and says so; a start may switch it on from there."""
    desk = Desk(redact=False, transcripts=False)
    desk.say(CARD)
    desk.results.redact_with(Redactor(), transcripts=True)
    desk.say(CARD, id_="m2")
    first, second = desk.book.outputs
    assert isinstance(first, RedactedMessage)
    assert isinstance(second, RedactedMessage)
    assert (first.masked.text, first.masked.findings) == (CARD, None)
    assert CARD not in second.masked.text


def test_speakers_can_be_masked_in_insights() -> None:
    """Who said it and who is to do it: names of speakers, too, when that is asked for."""
    desk = Desk()
    desk.results.redact_with(Redactor(speakers=True), transcripts=True)
    desk.omar.state.speaker = Speaker(user_id="agent-8", name="Omar Haddad", email="omar@example.com")
    place = replace(PLACE, speaker=Speaker(user_id="agent-7", name="Ines Alvarez"))
    desk.results.message(
        desk.ines, SymblMessage(text="can you call back?", id="m1", from_=INES), (), place, lambda: None
    )
    insight = SymblInsight(type="question", text="can you call back?", id="i1", message_id="m1", assignee=OMAR)
    desk.results.insights(desk.omar, Insights(insights=(insight,)))
    (published,) = desk.insights
    assert published.origin.speaker == Speaker(user_id="agent-7", name="****")
    assert published.assignee == Speaker(user_id="agent-8", name="****")
    assert desk.results.shown(None) is None


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
    desk.say("can you call back?")
    insight = SymblInsight(type="question", text="can you call back?", id="i1", message_id="m1", assignee=OMAR)
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


@pytest.mark.parametrize("alone", [True, False])
def test_results_about_messages_that_were_left_to_the_replay(*, alone: bool) -> None:
    """A stream that has resumed hears of its lost socket's messages, which are recognised again: what is found in them
    comes again, too. Results that refer to themselves or to nothing are not meant."""
    desk = Desk(alone=alone)
    desk.say("hello there")
    desk.ines.has_resumed = True
    desk.say_all_about("why?", "left-out", desk.ines)
    assert desk.insights == []
    desk.say_all_about("why?", "m1", desk.ines)
    assert [each.kind for each in desk.insights] == ["action_item", "topic", "tracker", "entity"]
    for insight in (
        SymblInsight(type="question", text="why?", id="i8", message_id="i8", from_=INES),
        SymblInsight(type="question", text="why?", id="i9", from_=INES),
    ):
        desk.results.insights(desk.ines, Insights(insights=(insight,)))
    assert len(desk.insights) == 6


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


# --- after another worker took over ---


def test_late_results_find_the_message_that_an_earlier_owner_published() -> None:
    """Stream, place, ids and message ids are those that they would have had without the crash."""
    calm, hit = Desk(), Desk()
    for desk in (calm, hit):
        desk.say("the price of the plan is what we talk about")
    hit.crash()
    for desk in (calm, hit):
        desk.say_all_about("the plan")
    assert hit.insights == calm.insights
    assert [each.kind for each in hit.insights] == ["action_item", "topic", "tracker", "entity"]
    assert all(each.message_ids for each in hit.insights)


def test_what_an_earlier_owner_published_is_not_published_again() -> None:
    """Messages, insights, topics, and matches at their places."""
    desk = Desk()
    desk.say("the price of the plan is what we talk about")
    desk.say_all_about("the plan")
    published = len(desk.book.outputs)
    for _ in range(2):
        desk.crash()
        desk.say("the price of the plan is what we talk about")
        desk.say_all_about("the plan")
    assert len(desk.book.outputs) == published


def test_several_matches_at_one_offset_are_told_apart_by_their_number() -> None:
    """Similar phrases have no offset of their own; the state knows how many there were, not which."""
    desk = Desk()
    desk.say("dear and costly")

    def matches(*values: str) -> None:
        hits = tuple(SymblTrackerMatch(value=value, message_refs=(SymblReference("m1", None, -1),)) for value in values)
        desk.results.trackers(desk.omar, Trackers(trackers=(SymblTracker(name="price", matches=hits),)))

    matches("dear")
    matches("dear", "costly")
    assert [[match.value for match in each.tracker_matches] for each in desk.insights] == [["dear"], ["costly"]]
    desk.crash()
    matches("dear", "costly")
    assert len(desk.insights) == 2
    matches("dear", "costly", "steep")
    assert [match.value for match in desk.insights[2].tracker_matches] == ["steep"]
    assert {match.offset for each in desk.insights for match in each.tracker_matches} == {None}


@pytest.mark.parametrize("marks", [(), (SymblMark("person_name", "Marlow Grange"),)])
def test_a_text_about_a_message_whose_secrets_are_forgotten_is_masked_whole(marks: tuple[SymblMark, ...]) -> None:
    """The state says that there was personal data, not which: nothing is shown of what may hold it."""
    desk = Desk()
    desk.say(f"{CARD} is the card of Marlow Grange", marks=marks)
    desk.crash()
    desk.say_all_about("marlow")
    assert [each.masked.text for each in desk.insights] == ["****"] * 4
    assert all(each.masked.findings for each in desk.insights)
    action, topic, tracker, _ = desk.insights
    assert (action.due_by, action.assignee) == ("****", Speaker(name="****"))
    assert topic.topic_root_words == ("****",)
    assert [match.value for match in tracker.tracker_matches] == ["****"]


def test_a_text_about_a_message_that_is_forgotten_itself_is_masked_whole_as_well() -> None:
    """Once a message with personal data has left the state, any unknown message may be that one."""
    for secret, text in ((CARD, "****"), ("nothing", "on marlow")):
        desk = Desk()
        desk.say(f"marlow has {secret}")
        for number in range(RECENT_MESSAGES):
            desk.say("and so on", id_=f"later-{number}")
        desk.crash()
        topic = SymblTopic(phrases="on marlow", id="t1", message_ids=("m1", "later-0"))
        desk.results.topics(desk.omar, Topics(topics=(topic,)))
        assert desk.insights[0].masked.text == text


def test_no_word_is_in_the_state() -> None:
    """Whatever was said and found, the state topic holds ids, numbers and names of trackers."""
    desk = Desk()
    desk.say("xylophone grommet", marks=(SymblMark("person_name", "grommet"),))
    desk.say_all_about("xylophone")
    value = dump_state(desk.state).decode()
    assert "m1" in value
    assert "xylophone" not in value
    assert "grommet" not in value


def test_the_memory_in_the_state_is_bounded() -> None:
    """So many messages of a stream, not older than the horizon, and so many insights about each."""
    desk = Desk()
    for number in range(100):
        desk.say("again", id_=f"m{number}")
        for insight in range(2):
            found = SymblInsight(type="question", text="?", id=f"i{number}.{insight}", message_id=f"m{number}")
            desk.results.insights(desk.omar, Insights(insights=(found,)))
    assert [each.symbl_message_id for each in desk.ines.state.recent] == [f"m{number}" for number in range(92, 100)]
    for insight in range(200):
        found = SymblInsight(type="question", text="?", id=f"more{insight}", message_id="m99")
        desk.results.insights(desk.omar, Insights(insights=(found,)))
    assert len(desk.ines.state.recent[-1].published) == MAX_PUBLISHED
    late = replace(PLACE, start_us=90_000_000, end_us=91_000_000)
    desk.ines.state.last_end_us = late.end_us
    desk.results.message(desk.ines, SymblMessage(text="late", id="late", from_=INES), (), late, lambda: None)
    assert [each.symbl_message_id for each in desk.ines.state.recent] == ["late"]


def test_more_is_forgotten_than_is_remembered() -> None:
    """A conversation may be as long as it likes."""
    desk = Desk(alone=True)
    for number in range(2 * REMEMBERED_MESSAGES):
        desk.say("again", id_=f"m{number}")
    insight = SymblInsight(type="question", text="?", id="i", message_id="m0", from_=INES)
    desk.results.insights(desk.ines, Insights(insights=(insight,)))
    assert desk.insights[0].message_ids == ()
