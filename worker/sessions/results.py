"""From what a Symbl host reports to what the worker publishes: attribution, ids, sequences, masks. Pure.

A host sends the messages and insights of all speakers to every socket of a conversation. A message belongs to the
socket of its speaker, since only there its times can be mapped to audio. Everything else belongs to the stream whose
message it refers to, whichever socket brings it first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, overload

from worker.output.events import insight_id, result_id
from worker.records import (
    Insight,
    InsightKind,
    Masked,
    Origin,
    RedactedMessage,
    Speaker,
    TimedWord,
    TrackerMatch,
    Transcript,
)
from worker.redaction import Redacted, Redactor, SymblMark
from worker.sessions.book import Book
from worker.sessions.buffer import Place
from worker.sessions.holdback import Holdback
from worker.sessions.host_masks import with_host_masks
from worker.sessions.memory import About, KnownMessage, Memory
from worker.sessions.state import ConversationState, RecentMessage, StreamState
from worker.symbl.findings import Finding, findings_about
from worker.symbl.messages import (
    Entities,
    Insights,
    SymblEntity,
    SymblMessage,
    SymblReference,
    SymblTracker,
    SymblUser,
    Topics,
    Trackers,
)

HARMLESS_ENTITIES = frozenset({"GENERAL"})
"""Groups of entities that say nothing about a person: days, amounts, times."""


class Owner(Protocol):
    """What attribution needs to know of a stream."""

    stream: str
    state: StreamState
    speaks_alone: bool
    """Whether all messages of the stream are one speaker's."""

    @property
    def symbl_conversation_id(self) -> str | None:
        """The host's id of the conversation, as the stream's socket knows it."""

    @property
    def has_resumed(self) -> bool:
        """Whether audio may have been sent on more than one socket, so that the host may speak of messages
        that were left to the replay."""

    def hears(self, user: SymblUser | None) -> bool:
        """Whether this is the user of the stream's socket, or nobody in particular."""

    def here(self) -> Place:
        """The place of a result that names no message: what was last published."""

    def speaker_of(self, user: SymblUser) -> Speaker | None:
        """Who speaks on the stream as this user of the host; None when nobody does."""


class ConversationResults:
    """Publishes the results of one conversation into the lane's book.

    Invariants: sequences of a stream have no holes; the same Symbl id is published at most once.

    Args:
        state: what an earlier owner left in it is taken up; streams are in it before their first result.
        redactor: None when redaction is switched off.
        transcripts: whether messages are also published in the clear.
        clear_captions: whether captions are, too, until a ``start`` asks for redaction.
        hold_seconds: how long a message waits for what its speaker may have begun; see `Holdback`.
    """

    def __init__(
        self,
        state: ConversationState,
        partition: int,
        book: Book,
        redactor: Redactor | None,
        *,
        transcripts: bool,
        hold_seconds: float,
        clear_captions: bool = False,
    ) -> None:
        self._state = state
        self._partition = partition
        self._book = book
        self._redactor = redactor
        self._transcripts = transcripts
        self._clear_captions = clear_captions
        self._memory = Memory(state)
        left_open = ((name, user) for name, stream in state.streams.items() for user in stream.left_open)
        self._holdback = Holdback(redactor, hold_seconds, lambda seconds: book.on_waited(seconds), left_open)
        self._owners: dict[str, Owner] = {}
        # Streams by the host's own ids of their users.
        self._claims: dict[str, str] = {}
        for name, stream in state.streams.items():
            for kept in stream.recent:
                self._memory.restore(name, kept, self._result_id(name, "message", kept.sequence))

    def __repr__(self) -> str:
        return f"<ConversationResults {self._memory!r}>"

    def redact_with(self, redactor: Redactor, *, transcripts: bool) -> None:
        """Mask from here on, and show no captions in the clear: a ``start`` may ask for more than the deployment.

        Args:
            transcripts: False if messages are to be published in the clear no more.
        """
        self._redactor = self._holdback.redactor = redactor
        self._transcripts = self._transcripts and transcripts
        self._clear_captions = False

    def add_owner(self, owner: Owner) -> None:
        """A stream joins the conversation."""
        self._owners[owner.stream] = owner

    def claim(self, user: SymblUser | None, stream: str) -> None:
        """A recognition result of this user came on the socket of this stream."""
        if user is not None and user.id is not None:
            self._claims[user.id] = stream

    def stream_of(self, user: SymblUser | None) -> str | None:
        """The stream whose user has this id at the host; None when that is not known."""
        return None if user is None or user.id is None else self._claims.get(user.id)

    def is_known(self, user: SymblUser | None) -> bool:
        """Whether there is no doubt which stream's user this is; times of a doubtful message settle nothing."""
        if len(self._owners) == 1 or self.stream_of(user) is not None:
            return True
        return user is not None and user.user_id is not None

    @property
    def deadline(self) -> float | None:
        """When the next `tick` is due; None when nothing waits."""
        return self._holdback.deadline

    def tick(self, now: float) -> None:
        """Time has passed."""
        self._holdback.tick(now)

    def release(self) -> None:
        """Publish everything that waits: a socket, or the conversation, is over."""
        self._holdback.release()

    def message(
        self,
        owner: Owner,
        message: SymblMessage,
        words: Sequence[TimedWord],
        place: Place,
        said: Callable[[], None],
    ) -> bool:
        """Publish a message of a stream, in the clear if allowed, and masked, perhaps later.

        Args:
            said: called when it is published, or at once if it was before: what is settled only then.

        Returns:
            Whether it is new.
        """
        if message.id is not None and not self._memory.is_new(("message", message.id)):
            self._holdback.after(said)
            return False
        marks = tuple(
            SymblMark(mark.sub_type or mark.type, mark.value)
            for mark in message.entities
            if _is_sensitive(mark.type, mark.category)
        )
        user = message.from_
        speaker = "" if owner.speaks_alone or user is None else user.user_id or user.id or ""

        def say(redacted: Redacted, is_cut: bool) -> None:
            owner.state.left_open = sorted(
                {*owner.state.left_open, speaker} if is_cut else {*owner.state.left_open} - {speaker}
            )
            self._say_message(owner, message, words, place, redacted, marks)
            said()

        self._holdback.message((owner.stream, speaker), message.text, marks, say)
        return True

    def _say_message(
        self,
        owner: Owner,
        message: SymblMessage,
        words: Sequence[TimedWord],
        place: Place,
        redacted: Redacted,
        marks: tuple[SymblMark, ...],
    ) -> None:
        state = owner.state
        sequence = state.message_sequence
        state.message_sequence += 1
        state.counters.messages += 1
        symbl_message_id = message.id or ""
        masked = self._with_host_masks(message.text, redacted.masked, marks)
        if self._transcripts:
            self._book.say(
                Transcript(
                    origin=self._origin(owner.stream, place, "transcript", sequence),
                    symbl_message_id=symbl_message_id,
                    text=message.text,
                    words=tuple(words),
                    sentiment=message.sentiment,
                )
            )
        origin = self._origin(owner.stream, place, "message", sequence)
        self._book.say(
            RedactedMessage(
                origin=replace(origin, speaker=self.shown(place.speaker)),
                symbl_message_id=symbl_message_id,
                masked=masked,
                sentiment=message.sentiment,
            )
        )
        self._touch()
        if message.id is not None:
            secrets = tuple(value.value for value in (*redacted.values, *marks))
            kept = RecentMessage(
                symbl_message_id=message.id,
                symbl_conversation_id=owner.symbl_conversation_id,
                sequence=sequence,
                start_us=place.start_us,
                end_us=place.end_us,
                first_offset=place.first_offset,
                last_offset=place.last_offset,
                speaker=place.speaker,
                is_sensitive=bool(secrets or masked.findings),
            )
            self._memory.add(KnownMessage(origin.id, owner.stream, kept, place, marks, secrets))

    # What is heard by nobody was read from the host, and refers to known messages.

    def insights(self, heard_by: Owner | None, event: Insights) -> None:
        """Publish questions, action items and follow-ups."""
        self._holdback.after(partial(self._insights, heard_by, event))

    def topics(self, heard_by: Owner | None, event: Topics) -> None:
        """Publish detected topics."""
        self._holdback.after(partial(self._topics, heard_by, event))

    def trackers(self, heard_by: Owner | None, event: Trackers) -> None:
        """Publish matches of trackers in finished speech; each match of a message once."""
        if event.is_final:
            self._holdback.after(partial(self._trackers, heard_by, event))

    def entities(self, heard_by: Owner | None, event: Entities) -> None:
        """Publish detected entities; each occurrence in a message once."""
        self._holdback.after(partial(self._all_entities, heard_by, event))

    def lose_socket(self, stream: str) -> None:
        """A socket of this stream was lost: what it would have brought about recent messages is owed from now on."""
        self.release()
        self._owe(stream)

    def owe(self, stream: str) -> None:
        """What was found in the stream's recent messages, up to here, may come no more: it is owed from now on."""
        self._holdback.after(partial(self._owe, stream))

    def owed(self) -> list[KnownMessage]:
        """The messages that are owed for, oldest first."""
        return self._memory.owed()

    @property
    def owed_dropped(self) -> int:
        """Messages that would be owed for as well, and were too many."""
        return self._state.owed_dropped

    def recover(self, findings: Sequence[Finding], kinds: Collection[InsightKind]) -> int:
        """Publish what is missing about the messages that are owed for. Returns the number of insights."""
        before = self._insights_published()
        for message in self._memory.owed():
            message.places = frozenset(message.kept.published)
            for event in findings_about(findings, message.kept.symbl_message_id):
                match event:
                    case Insights():
                        wanted = tuple(each for each in event.insights if each.type in kinds and each.id is not None)
                        self.insights(None, Insights(insights=wanted))
                    case Topics() if "topic" in kinds:
                        self.topics(None, Topics(topics=tuple(each for each in event.topics if each.id is not None)))
                    case Trackers() if "tracker" in kinds:
                        self.trackers(None, event)
                    case Entities() if "entity" in kinds:
                        self.entities(None, event)
                    case _:
                        pass
        return self._insights_published() - before

    def caption(self, stream: str, text: str) -> Masked:
        """The text of a caption, as it may be shown; nothing while it may go on with what the stream has begun."""
        if self._redactor is None or self._clear_captions:
            return Masked(text, None)
        return Masked("", ()) if self._holdback.is_awaited(stream) else self._redactor.mask_caption(text)

    @overload
    def shown(self, speaker: Speaker) -> Speaker: ...
    @overload
    def shown(self, speaker: Speaker | None) -> Speaker | None: ...
    def shown(self, speaker: Speaker | None) -> Speaker | None:
        """A speaker, as others than readers of transcripts may know them."""
        return speaker if speaker is None or self._redactor is None else self._redactor.mask_speaker(speaker)

    # --- internals ---

    def _insights(self, heard_by: Owner | None, event: Insights) -> None:
        for insight in event.insights:
            if insight.type not in ("question", "action_item", "follow_up"):
                continue
            kind: InsightKind = insight.type  # type: ignore[assignment]  # narrowed by the line above
            about = self._memory.about([insight.message_id] if insight.message_id != insight.id else [])
            if about.latest is None and (heard_by is None or not heard_by.hears(insight.from_)):
                continue
            if heard_by is not None and heard_by.has_resumed and self._is_left_out(insight.message_id, insight.id):
                continue
            if insight.id is None:
                if about.latest is not None and (heard_by is None or about.latest.stream != heard_by.stream):
                    # Without an id it cannot be told apart from what its own socket brings.
                    continue
            elif not self._memory.is_new_insight(("insight", insight.id), about):
                continue
            assignee = insight.assignee
            self._say_insight(
                heard_by,
                about,
                kind,
                insight.text,
                symbl_insight_id=insight.id,
                confidence=insight.confidence,
                assignee=None if assignee is None else self._speaker(assignee, about),
                due_by=None if insight.due_by is None else self._mask_like(insight.due_by, about).text,
            )

    def _topics(self, heard_by: Owner | None, event: Topics) -> None:
        for topic in event.topics:
            about = self._memory.about(topic.message_ids)
            if self._has_resumed and topic.message_ids and about.latest is None:
                continue
            if topic.id is not None and not self._memory.is_new_insight(("topic", topic.id), about):
                continue
            root_words = tuple(self._mask_like(word, about).text for word in topic.root_words)
            self._say_insight(
                heard_by,
                about,
                "topic",
                topic.phrases,
                symbl_insight_id=topic.id,
                topic_score=topic.score,
                topic_root_words=root_words,
            )

    def _owe(self, stream: str) -> None:
        if self._memory.owe(stream):
            self._touch()

    def _trackers(self, heard_by: Owner | None, event: Trackers) -> None:
        for tracker in event.trackers:
            self._tracker(heard_by, tracker)

    def _all_entities(self, heard_by: Owner | None, event: Entities) -> None:
        for entity in event.entities:
            self._entities(heard_by, entity)

    @property
    def _has_resumed(self) -> bool:
        return any(owner.has_resumed for owner in self._owners.values())

    def _is_left_out(self, message_id: str | None, own_id: str | None = None) -> bool:
        """Whether a result, which may refer to itself, is about a message that is not known.

        Of a stream that has resumed it is most likely one of an earlier socket: its audio is recognised again, and
        what is found in it is found again, under other ids.
        """
        return message_id is not None and message_id != own_id and not self._memory.knows(message_id)

    def _insights_published(self) -> int:
        return sum(stream.counters.insights for stream in self._state.streams.values())

    def _tracker(self, heard_by: Owner | None, tracker: SymblTracker) -> None:
        memory = self._memory
        fresh: list[tuple[str, str | None, int | None]] = []
        numbers: Counter[tuple[str | None, int | None]] = Counter()
        for match in tracker.matches:
            for reference in match.message_refs:
                if not memory.knows(reference.id) and len(self._owners) > 1:
                    # The socket of its message brings it again, after the message.
                    continue
                if self._has_resumed and self._is_left_out(reference.id):
                    continue
                key = ("tracker", tracker.name, reference.offset)
                number = numbers[reference.id, reference.offset]
                numbers[reference.id, reference.offset] += 1
                if memory.is_new_match(key, match.value, reference.id, number):
                    fresh.append((match.value, reference.id, reference.offset))
        if not fresh:
            return
        about = memory.about(message_id for _, message_id, _ in fresh)
        ids = {message.kept.symbl_message_id: message.id for message in about.messages}
        matches = tuple(
            TrackerMatch(self._mask_like(value, about).text, ids.get(message_id or ""), _place_of(offset))
            for value, message_id, offset in fresh
        )
        text = ", ".join(dict.fromkeys(value for value, _, _ in fresh))
        self._say_insight(heard_by, about, "tracker", text, tracker_name=tracker.name, tracker_matches=matches)

    def _entities(self, heard_by: Owner | None, entity: SymblEntity) -> None:
        memory = self._memory
        numbers: Counter[tuple[str | None, int | None]] = Counter()
        for match in entity.matches:
            references = match.message_refs or (SymblReference(None),)
            if any(each.id for each in references) and (len(self._owners) > 1 or self._has_resumed):
                references = tuple(each for each in references if memory.knows(each.id))
            fresh = []
            for each in references:
                key = ("entity", entity.type, entity.sub_type, each.offset)
                number = numbers[each.id, each.offset]
                numbers[each.id, each.offset] += 1
                if memory.is_new_match(key, match.detected_value, each.id, number):
                    fresh.append(each.id)
            if fresh:
                self._entity(heard_by, entity, match.detected_value, memory.about(fresh))

    def _entity(self, heard_by: Owner | None, entity: SymblEntity, value: str, about: About) -> None:
        sensitive = _is_sensitive(entity.type, entity.category)
        marks = (SymblMark(entity.sub_type or entity.type, value),) if sensitive else ()
        self._say_insight(
            heard_by,
            about,
            "entity",
            value,
            marks=marks,
            entity_type=entity.type,
            entity_sub_type=entity.sub_type,
            entity_category=entity.category,
        )

    def _say_insight(
        self,
        heard_by: Owner | None,
        about: About,
        kind: InsightKind,
        text: str,
        *,
        marks: tuple[SymblMark, ...] = (),
        symbl_insight_id: str | None = None,
        confidence: float | None = None,
        assignee: Speaker | None = None,
        due_by: str | None = None,
        topic_score: float | None = None,
        topic_root_words: tuple[str, ...] = (),
        tracker_name: str | None = None,
        tracker_matches: tuple[TrackerMatch, ...] = (),
        entity_type: str | None = None,
        entity_sub_type: str | None = None,
        entity_category: str | None = None,
    ) -> None:
        latest = about.latest
        if latest is not None:
            stream, place = latest.stream, latest.place
        else:
            assert heard_by is not None, "read from the host, and about no known message"
            stream, place = heard_by.stream, heard_by.here()
        state = self._state.streams[stream]
        sequence = state.insight_sequence
        state.insight_sequence += 1
        state.counters.insights += 1
        origin = self._origin(stream, place, "insight", sequence)
        if latest is not None:
            ordinal = latest.kept.insights.get(kind, 0)
            latest.kept.insights[kind] = ordinal + 1
            origin = replace(origin, id=self._insight_id(latest, kind, ordinal))
        origin = replace(origin, speaker=self.shown(place.speaker))
        self._book.say(
            Insight(
                origin=origin,
                kind=kind,
                symbl_insight_id=symbl_insight_id,
                masked=self._with_host_masks(
                    text,
                    self._mask_like(text, about, marks),
                    marks + tuple(mark for message in about.messages for mark in message.marks),
                ),
                confidence=confidence,
                assignee=assignee,
                due_by=due_by,
                message_ids=tuple(message.id for message in about.messages),
                topic_score=topic_score,
                topic_root_words=topic_root_words,
                tracker_name=tracker_name,
                tracker_matches=tracker_matches,
                entity_type=entity_type,
                entity_sub_type=entity_sub_type,
                entity_category=entity_category,
            )
        )
        self._touch()

    def _origin(self, stream: str, place: Place, kind: str, sequence: int) -> Origin:
        state = self._state
        return Origin(
            id=self._result_id(stream, kind, sequence),
            conversation_id=state.conversation_id,
            stream=stream,
            symbl_conversation_id=state.symbl_conversation_of(stream),
            sequence=sequence,
            start_ms=place.start_us // 1000,
            end_ms=-(-place.end_us // 1000),
            topic=state.topic,
            partition=self._partition,
            first_offset=place.first_offset,
            last_offset=place.last_offset,
            speaker=place.speaker,
            trace=place.trace,
        )

    def _result_id(self, stream: str, kind: str, sequence: int) -> str:
        state = self._state
        return result_id(
            topic=state.topic,
            partition=self._partition,
            conversation_id=state.conversation_id,
            stream=stream,
            opened_offset=state.opened_offset,
            kind=kind,
            sequence=sequence,
        )

    def _insight_id(self, message: KnownMessage, kind: InsightKind, ordinal: int) -> str:
        state = self._state
        return insight_id(
            topic=state.topic,
            partition=self._partition,
            conversation_id=state.conversation_id,
            stream=message.stream,
            opened_offset=state.opened_offset,
            message_sequence=message.kept.sequence,
            kind=kind,
            ordinal=ordinal,
        )

    def _speaker(self, user: SymblUser, about: About) -> Speaker:
        """The speaker that a host's user stands for; a stream's own name for them where it has one.

        Anybody else was named in speech, so the name is masked like any text.
        """
        for owner in self._owners.values():
            speaker = owner.speaker_of(user)
            if speaker is not None:
                return self.shown(speaker)
        return Speaker(
            user_id=None if user.user_id is None else self._mask_like(user.user_id, about).text,
            name=None if user.name is None else self._mask_like(user.name, about).text,
        )

    def _touch(self) -> None:
        self._book.touch(self._state.conversation_id)

    def _with_host_masks(self, text: str, masked: Masked, marks: tuple[SymblMark, ...]) -> Masked:
        return masked if self._redactor is None else with_host_masks(text, masked, self._redactor.policy.mask, marks)

    def _mask_like(self, text: str, about: About, marks: tuple[SymblMark, ...] = ()) -> Masked:
        """Mask a text that was made from messages: what is secret there is secret here, also in part."""
        if self._redactor is None:
            return Masked(text, None)
        if about.is_blind:
            return self._redactor.mask_whole(text)
        for message in about.messages:
            marks += message.marks
        secrets = [secret for message in about.messages for secret in message.secrets]
        return self._redactor.mask_terms(text, secrets, marks)


def _place_of(offset: int | None) -> int | None:
    """None where the host found a similar phrase, which is told by -1."""
    return None if offset is None or offset < 0 else offset


def _is_sensitive(group: str, category: str | None) -> bool:
    """What a host found as personal data. Entity detection also reports harmless groups and an account's own types."""
    return group.upper() not in HARMLESS_ENTITIES and (category or "").upper() != "CUSTOM"
