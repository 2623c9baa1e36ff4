"""One live conversation: who speaks, what was said, who gets to hear of it, and when it is over. Pure.

A conversation is named by the connection id of its sockets. Every speaker socket is a *line*; lines are known by
numbers that the shell gives them. Inputs (``receive_*``) return the actions that they cause, in order; the shell owns
sockets, recognisers and timers and does what it is told. Every input takes ``now``, seconds since the epoch.

A line goes through these states:

    LISTENING ──stop, silence──> STOPPING ──flushed──> ENDED
        ^                            │
        └────────start────── IDLE <──┘ (disconnectOnStopRequest: false)

A line that is lost while LISTENING leaves an *absence*: for its `noConnectionTimeout` the conversation waits for it. A
conversation is over when no line is left and nobody is waited for.

Audio positions count from the start of the recognition that heard them: they begin at 0 on every socket, and again
with every `start_request` that resumes an idle one. The wall-clock base of its messages moves with them, so
``startTime`` minus ``timeOffset`` is constant between one `recognition_started` and the next.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeAlias

from worker.engine import messages
from worker.engine.analysis import (
    AnalysisRequest,
    Analyst,
    EntityResult,
    MessageAnalysis,
    Sentence,
    SpeakerRef,
    TrackerDefinition,
    Word,
    entities_as_json,
    split_sentences,
)
from worker.engine.masking import Finding, FindPii, mask_text, mask_unfinished, mask_words
from worker.engine.messages import AudioSpan, Frame, Message
from worker.engine.recognizers.events import AudioFormat, Event, Final, HeardWord, Partial
from worker.engine.requests import RedactionRequest, SpeakerRequest, StartRequest

MESSAGES_PER_TOPIC_RESPONSE = 8


class LineState(Enum):
    LISTENING = 0
    STOPPING = 1
    IDLE = 2
    ENDED = 3


class Audience(Enum):
    """Who gets a frame."""

    LINE = 0
    LINE_AND_SUBSCRIBERS = 1
    EVERYONE = 2
    SUBSCRIBERS = 3


@dataclass(frozen=True, slots=True)
class Send:
    """Send a frame; ``line`` is None when no line is meant in particular."""

    audience: Audience
    line: int | None
    frame: Frame = field(repr=False)


@dataclass(frozen=True, slots=True)
class Listen:
    """Give the line a new recogniser."""

    line: int
    audio_format: AudioFormat
    vocabulary: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class ChangeFormat:
    """The line's following audio has another format."""

    line: int
    audio_format: AudioFormat


@dataclass(frozen=True, slots=True)
class Flush:
    """Let the line's recogniser finish; then call `Conversation.receive_flushed`."""

    line: int


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket of a line, or those of all subscribers when ``line`` is None."""

    line: int | None
    code: int = 1000


Action: TypeAlias = Send | Listen | ChangeFormat | Flush | Close


@dataclass(slots=True)
class _Line:
    number: int
    request: StartRequest
    audio_format: AudioFormat
    speaker: SpeakerRef
    user: Mapping[str, Any]
    started_at: float
    heard_at: float
    state: LineState = LineState.LISTENING
    idle_until: float = 0.0
    # A start_request that came while the previous recognition was being finished.
    next_start: StartRequest | None = None
    # The socket is gone, what it said before is still being recognised.
    lost: bool = False

    @property
    def base_ms(self) -> int:
        return int(self.started_at * 1000)


class Conversation:
    """See the module's description.

    Args:
        conversation_id: 16 decimal digits.
        new_id: Makes ids of speakers, messages, insights and topics.
        find_pii: Finds personal data in a text.
        verbatim: Every final result is one sentence and stays as it was heard (coded speech).
        punctuated: The recogniser writes capitals and punctuation itself.
        default_no_connection_timeout_seconds: For speakers that did not say.
        silence_timeout_seconds: A line that heard nothing for so long is stopped.
    """

    def __init__(
        self,
        conversation_id: str,
        *,
        new_id: Callable[[], str],
        find_pii: FindPii,
        verbatim: bool = False,
        punctuated: bool = False,
        default_no_connection_timeout_seconds: float = 0.0,
        silence_timeout_seconds: float = 1800.0,
    ) -> None:
        self.conversation_id = conversation_id
        self._new_id = new_id
        self._find_pii = find_pii
        self._verbatim = verbatim
        self._punctuated = punctuated
        self._default_no_connection_timeout = default_no_connection_timeout_seconds
        self._silence_timeout = silence_timeout_seconds
        self._lines: dict[int, _Line] = {}
        self._absences: list[tuple[str | None, float]] = []
        self._user_ids: dict[str, str] = {}
        self._sequence = itertools.count()
        self._latest_sequence = 0
        self._analysis: AnalysisRequest | None = None
        self._analyst: Analyst | None = None
        self._messages_since_topics = 0
        self._masking: RedactionRequest | None = None
        self._identifying = False
        self.completed = False

    def __repr__(self) -> str:
        state = "completed" if self.completed else f"lines={len(self._lines)} absences={len(self._absences)}"
        return f"<Conversation {self.conversation_id} {state}>"

    def line_state(self, line: int) -> LineState | None:
        """None for a line that never started or has ended."""
        known = self._lines.get(line)
        return None if known is None else known.state

    # --- inputs ------------------------------------------------------------------------------------------------------

    def receive_start(self, number: int, request: StartRequest, now: float) -> list[Action]:
        """A `start_request` without problems. Sent twice it changes nothing."""
        line = self._lines.get(number)
        if line is None or line.state is LineState.IDLE:
            return self._start(number, request, now)
        if line.state is LineState.STOPPING and not line.request.disconnect_on_stop:
            line.next_start = request
        return []

    def receive_format(self, number: int, audio_format: AudioFormat, now: float) -> list[Action]:
        """A `modify_request`: the audio that follows has this format."""
        line = self._lines.get(number)
        if line is None or line.state is not LineState.LISTENING:
            return []
        changed: list[Action] = []
        if audio_format != line.audio_format:
            line.audio_format = audio_format
            changed.append(ChangeFormat(number, audio_format))
        frame = messages.session_modified(self.conversation_id, audio_format)
        return [*changed, Send(Audience.LINE, number, frame)]

    @property
    def redacting(self) -> bool:
        """Texts are masked; switched on by one speaker it holds for all."""
        return self._masking is not None

    def speaker(self, number: int) -> SpeakerRef | None:
        line = self._lines.get(number)
        return None if line is None else line.speaker

    def audio_format(self, number: int) -> AudioFormat | None:
        line = self._lines.get(number)
        return None if line is None else line.audio_format

    def receive_options(self, *, detect_entities: bool | None, sentiment: bool | None) -> None:
        """A `modify_request` that switches analyses."""
        if self._analysis is not None:
            self._use_analysis(
                replace(
                    self._analysis,
                    detect_entities=self._analysis.detect_entities if detect_entities is None else detect_entities,
                    sentiment=self._analysis.sentiment if sentiment is None else sentiment,
                )
            )

    def receive_events(self, number: int, events: Sequence[Event], now: float) -> list[Action]:
        """What the line's recogniser heard."""
        line = self._lines.get(number)
        if line is None:
            return []
        actions: list[Action] = []
        for event in events:
            line.heard_at = now
            if isinstance(event, Partial):
                actions += self._say_partial(line, event, now)
            else:
                actions += self._say_final(line, event, now)
        return actions

    def receive_stop(self, number: int, now: float) -> list[Action]:
        """No more audio from this line."""
        line = self._lines.get(number)
        if line is None or line.state is not LineState.LISTENING:
            return []
        line.state = LineState.STOPPING
        return [Flush(number)]

    def receive_flushed(self, number: int, now: float) -> list[Action]:
        """The line's recogniser has finished and all its events were received."""
        line = self._lines.get(number)
        if line is None or line.state is not LineState.STOPPING:
            return []
        if line.request.disconnect_on_stop or line.request.stop_timeout_seconds == 0 or line.lost:
            return self._end(line, now)
        line.state = LineState.IDLE
        line.idle_until = now + line.request.stop_timeout_seconds
        actions = self._say_topics()
        actions.append(Send(Audience.LINE, number, messages.recognition_stopped()))
        if line.next_start is not None:
            actions += self._start(number, line.next_start, now)
        return actions

    def receive_loss(self, number: int, now: float) -> list[Action]:
        """The line's socket is gone. What a line said before it stopped is still recognised."""
        line = self._lines.get(number)
        if line is None:
            return self._complete_if_over(now)
        if line.state is LineState.STOPPING:
            line.lost = True
            return []
        del self._lines[number]
        if line.state is LineState.LISTENING:
            self._note_absence(line, now)
        return self._complete_if_over(now)

    def receive_failure(self, number: int, now: float) -> list[Action]:
        """The line's recogniser is broken; a client that comes back in time continues the conversation."""
        line = self._lines.pop(number, None)
        if line is None:
            return []
        self._note_absence(line, now)
        frame = messages.processing_error("Recognition failed. Connect again to continue.")
        return [Send(Audience.LINE, number, frame), Close(number, 1011), *self._complete_if_over(now)]

    def receive_time(self, now: float) -> list[Action]:
        """Does what is due; see `next_deadline`."""
        actions: list[Action] = []
        self._absences = [(key, until) for key, until in self._absences if until > now]
        for line in list(self._lines.values()):
            if line.state is LineState.IDLE and line.idle_until <= now:
                actions += self._end(line, now)
            elif line.state is LineState.LISTENING and line.heard_at + self._silence_timeout <= now:
                line.request = replace(line.request, disconnect_on_stop=True)
                actions += self.receive_stop(line.number, now)
        return [*actions, *self._complete_if_over(now)]

    def next_deadline(self) -> float | None:
        """When `receive_time` has to be called next; None when nothing is due."""
        deadlines = [until for _, until in self._absences]
        for line in self._lines.values():
            if line.state is LineState.IDLE:
                deadlines.append(line.idle_until)
            elif line.state is LineState.LISTENING:
                deadlines.append(line.heard_at + self._silence_timeout)
        return min(deadlines, default=None)

    # --- starting and ending -----------------------------------------------------------------------------------------

    def _start(self, number: int, request: StartRequest, now: float) -> list[Action]:
        line = self._lines.get(number)
        key = _identity(request.speaker)
        if line is None:
            self._end_absence(key)
            speaker_id = self._user_id(key)
        else:
            speaker_id = line.speaker.id if key is None else self._user_id(key)
        said = request.speaker
        self._lines[number] = _Line(
            number=number,
            request=request,
            audio_format=request.audio_format,
            speaker=SpeakerRef(speaker_id, said.name, said.user_id),
            user={**said.members, "id": speaker_id},
            started_at=now,
            heard_at=now,
        )
        self._adopt(request)
        frames = (
            messages.conversation_created(self.conversation_id),
            messages.started_listening(),
            messages.recognition_started(self.conversation_id),
        )
        return [
            Listen(number, request.audio_format, request.vocabulary),
            *(Send(Audience.LINE, number, frame) for frame in frames),
        ]

    def _end(self, line: _Line, now: float) -> list[Action]:
        """The terminal messages of a line: completion first, because the SDKs close their socket on either."""
        del self._lines[line.number]
        line.state = LineState.ENDED
        actions = self._say_topics()
        for frame in (messages.conversation_completed(self.conversation_id), messages.recognition_stopped()):
            actions.append(Send(Audience.LINE, line.number, frame))
        actions.append(Close(line.number))
        return [*actions, *self._complete_if_over(now)]

    def _complete_if_over(self, now: float) -> list[Action]:
        self._absences = [(key, until) for key, until in self._absences if until > now]
        if self.completed or self._lines or self._absences:
            return []
        self.completed = True
        frame = messages.conversation_completed(self.conversation_id)
        return [*self._say_topics(), Send(Audience.SUBSCRIBERS, None, frame), Close(None)]

    def _note_absence(self, line: _Line, now: float) -> None:
        """Waits for a lost speaker, unless that speaker is already back on another line."""
        key = _identity(line.request.speaker)
        if key is not None and any(_identity(other.request.speaker) == key for other in self._lines.values()):
            return
        timeout = line.request.no_connection_timeout_seconds
        self._absences.append((key, now + (self._default_no_connection_timeout if timeout is None else timeout)))

    def _end_absence(self, key: str | None) -> None:
        for absence in self._absences:
            if absence[0] == key:
                self._absences.remove(absence)
                return

    def _user_id(self, key: str | None) -> str:
        """Stable per speaker; a speaker without any identity gets a new id on every socket."""
        if key is None:
            return self._new_id()
        if key not in self._user_ids:
            self._user_ids[key] = self._new_id()
        return self._user_ids[key]

    def _adopt(self, request: StartRequest) -> None:
        """What one speaker asks for holds for the conversation; redaction can be switched on, never off."""
        if request.redaction.redact:
            self._masking = self._masking or request.redaction
        self._identifying = self._identifying or request.redaction.identify
        asked = AnalysisRequest(
            insight_types=frozenset(request.insight_types),
            confidence_threshold=request.confidence_threshold,
            trackers=tuple(TrackerDefinition(each.id, each.name, each.vocabulary) for each in request.trackers),
            interim_trackers=request.interim_trackers,
            detect_entities=request.detect_entities,
            sentiment=request.sentiment,
            timezone_offset_minutes=request.timezone_offset_minutes,
            language=request.language,
        )
        known = self._analysis
        if known is not None:
            names = {tracker.name for tracker in known.trackers}
            asked = replace(
                known,
                insight_types=known.insight_types | asked.insight_types,
                trackers=(*known.trackers, *(each for each in asked.trackers if each.name not in names)),
                interim_trackers=known.interim_trackers or asked.interim_trackers,
                detect_entities=known.detect_entities or asked.detect_entities,
                sentiment=known.sentiment or asked.sentiment,
            )
        self._use_analysis(asked)

    def _use_analysis(self, request: AnalysisRequest) -> None:
        """A changed request begins a new analysis, which counts topics from here on."""
        if request != self._analysis:
            self._analysis = request
            self._analyst = Analyst(request, self._new_id)

    # --- saying ------------------------------------------------------------------------------------------------------

    def _say_partial(self, line: _Line, partial: Partial, now: float) -> list[Action]:
        text = partial.text
        if self._masking is not None:
            text = mask_unfinished(text, self._find_pii(text), self._masking.mask)
        frame = self._recognition_result(line, text, (), now, is_final=False)
        actions: list[Action] = [Send(Audience.LINE_AND_SUBSCRIBERS, line.number, frame)]
        assert self._analyst is not None
        trackers = self._analyst.interim(text)
        if trackers:
            found = [tracker.as_json() for tracker in trackers]
            frame = messages.tracker_response(found, self._latest_sequence, is_final=False)
            actions.append(Send(Audience.EVERYONE, line.number, frame))
        return actions

    def _say_final(self, line: _Line, final: Final, now: float) -> list[Action]:
        spoken = [self._prepare(line, sentence) for sentence in self._sentences(final.words)]
        words = [word for message, _, _ in spoken for word in message.words]
        text = " ".join(message.original_content for message, _, _ in spoken)
        number, sequence = line.number, next(self._sequence)
        self._latest_sequence = sequence
        actions: list[Action] = [
            Send(
                Audience.LINE_AND_SUBSCRIBERS,
                number,
                self._recognition_result(line, text, words, now, is_final=True),
            )
        ]
        actions.append(
            Send(Audience.EVERYONE, number, messages.message_response([each[0] for each in spoken], sequence))
        )
        trackers = [tracker.as_json() for _, found, _ in spoken for tracker in found.trackers]
        insights = [insight.as_json() for _, found, _ in spoken for insight in found.insights]
        entities = [entity for _, _, found in spoken for entity in found]
        if trackers:
            frame = messages.tracker_response(trackers, sequence, is_final=True)
            actions.append(Send(Audience.EVERYONE, number, frame))
        if insights:
            actions.append(Send(Audience.EVERYONE, number, messages.insight_response(insights, sequence)))
        if entities:
            actions.append(Send(Audience.EVERYONE, number, messages.entity_response(entities, sequence)))
        self._messages_since_topics += len(spoken)
        if self._messages_since_topics >= MESSAGES_PER_TOPIC_RESPONSE:
            actions += self._say_topics()
        return actions

    def _say_topics(self) -> list[Action]:
        if self._analyst is None or not self._messages_since_topics:
            return []
        self._messages_since_topics = 0
        topics = [topic.as_json() for topic in self._analyst.topics()]
        if not topics:
            return []
        return [Send(Audience.EVERYONE, None, messages.topic_response(topics, self._latest_sequence))]

    def _sentences(self, heard: Sequence[HeardWord]) -> list[Sentence]:
        words = tuple(Word(word.text, word.start_seconds, word.end_seconds, word.confidence) for word in heard)
        if not self._verbatim:
            return split_sentences(words, punctuated=self._punctuated)
        text = " ".join(word.text for word in words)
        return [Sentence(words, text, text, words[0].start_seconds, words[-1].end_seconds)]

    def _prepare(self, line: _Line, sentence: Sentence) -> tuple[Message, MessageAnalysis, list[Frame]]:
        """One sentence as a message, its analysis, and the entities for an `entity_response`.

        With redaction the analysis sees the masked text only: what it derives can then hold nothing that was masked.
        """
        assert self._analyst is not None
        assert self._analysis is not None
        message_id = self._new_id()
        span = AudioSpan.of(sentence.start_seconds, sentence.end_seconds, line.base_ms)
        content, original, words = sentence.content, sentence.text, list(sentence.words)
        findings = self._find_pii(content) if self._masking is not None or self._identifying else ()
        clear = content
        if self._masking is not None:
            mask = self._masking.mask
            content = mask_text(content, findings, mask)
            in_original = self._find_pii(original)
            original = mask_text(original, in_original, mask)
            words = mask_words(words, in_original, mask)
        said_at = datetime.fromtimestamp((span.base_ms + span.start_ms) / 1000, UTC)
        found = self._analyst.message(message_id, line.speaker, content, said_at)
        entities: list[Frame] = []
        if self._identifying:
            entities += [_identified(finding, clear) for finding in findings]
        if self._analysis.detect_entities:
            entities += [entity.as_json() for entity in found.entities]
        message = Message(
            id=message_id,
            speaker=line.speaker.as_json(),
            content=content,
            original_content=original,
            words=words,
            span=span,
            timezone_offset_minutes=line.request.timezone_offset_minutes,
            sentiment=found.sentiment.as_json() if found.sentiment is not None else None,
            entities=entities if entities or self._identifying else None,
        )
        return message, found, self._detected(found, findings, message)

    def _detected(self, found: MessageAnalysis, findings: Sequence[Finding], message: Message) -> list[Frame]:
        assert self._analysis is not None
        if not self._analysis.detect_entities:
            return []
        entities = list(found.entities)
        if self._masking is not None:
            # The analysis saw masks; what they hide is named without its value.
            mask = self._masking.mask
            entities += [
                EntityResult("PII", finding.type, "Managed", mask, _masked_offset(finding, findings, mask))
                for finding in findings
            ]
        return entities_as_json(
            entities,
            message_id=message.id,
            text=message.content,
            start_time=message.span.start_time,
            end_time=message.span.end_time,
        )

    def _recognition_result(
        self, line: _Line, text: str, words: Sequence[Word], now: float, *, is_final: bool
    ) -> Frame:
        return messages.recognition_result(
            text=text,
            words=words,
            is_final=is_final,
            confidence=round(sum(word.confidence for word in words) / len(words), 6) if words else 0,
            user=line.user,
            time_offset_ms=max(0, int((now - line.started_at) * 1000)),
        )


def _identity(speaker: SpeakerRequest) -> str | None:
    """What makes a speaker the same one on another socket; None when there is nothing to tell by."""
    return speaker.user_id or speaker.name


def _identified(finding: Finding, text: str) -> Frame:
    """An entity in the form of the redaction feature, with its clear value."""
    verbatim = text[finding.start : finding.end]
    return {"type": finding.type, "value": finding.value, "text": verbatim, "offset": finding.start}


def _masked_offset(finding: Finding, findings: Sequence[Finding], mask: str) -> int:
    """Where the mask of a finding begins in the masked text."""
    offset = finding.start
    for other in findings:
        if other.end <= finding.start:
            offset += len(mask) - (other.end - other.start)
    return offset
