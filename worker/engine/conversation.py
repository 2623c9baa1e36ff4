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

import bisect
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias

from worker.engine import messages
from worker.engine.analysis import SpeakerRef
from worker.engine.masking import FindPii
from worker.engine.messages import Frame
from worker.engine.recognizers.events import AudioFormat, Event, Final, Partial
from worker.engine.requests import SpeakerRequest, StartRequest
from worker.engine.transcript import Transcript, Voice

TURN_LATENESS_SECONDS = 0.3
"""Whoever tells that somebody speaks can only notice it after the first sound."""


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
    language: str = "en-US"


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
    voice: Voice
    heard_at: float
    state: LineState = LineState.LISTENING
    idle_until: float = 0.0
    # A start_request that came while the previous recognition was being finished.
    next_start: StartRequest | None = None
    # The socket is gone, what it said before is still being recognised.
    lost: bool = False
    # Who took over the line's microphone, and at which second of the audio, in order of time.
    turns: list[tuple[float, Voice]] = field(default_factory=list)

    def voice_at(self, seconds: float) -> Voice:
        """Whose words are heard at this place in the audio."""
        at = bisect.bisect_right(self.turns, seconds, key=lambda turn: turn[0])
        return self.turns[at - 1][1] if at else self.voice


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
        self._transcript = Transcript(new_id=new_id, find_pii=find_pii, verbatim=verbatim, punctuated=punctuated)
        self._default_no_connection_timeout = default_no_connection_timeout_seconds
        self._silence_timeout = silence_timeout_seconds
        self._lines: dict[int, _Line] = {}
        self._absences: list[tuple[str | None, float]] = []
        self._user_ids: dict[str, str] = {}
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
        return self._transcript.redacting

    def speaker(self, number: int) -> SpeakerRef | None:
        line = self._lines.get(number)
        return None if line is None else line.voice.speaker

    def audio_format(self, number: int) -> AudioFormat | None:
        line = self._lines.get(number)
        return None if line is None else line.audio_format

    def receive_options(self, *, detect_entities: bool | None, sentiment: bool | None) -> None:
        """A `modify_request` that switches analyses."""
        self._transcript.switch(detect_entities=detect_entities, sentiment=sentiment)

    def receive_speaker(self, number: int, speaker: SpeakerRequest, at: float) -> SpeakerRef | None:
        """Somebody else speaks on this line from now on.

        Args:
            at: When, in seconds since the epoch.

        Returns:
            Who it is; None for a line that does not listen.
        """
        line = self._lines.get(number)
        if line is None or line.state is not LineState.LISTENING:
            return None
        who = SpeakerRef(self._user_id(_identity(speaker)), speaker.name, speaker.user_id)
        voice = replace(line.voice, speaker=who, user={**speaker.members, "id": who.id})
        turn = (at - line.voice.started_at - TURN_LATENESS_SECONDS, voice)
        bisect.insort(line.turns, turn, key=lambda each: each[0])
        return who

    def receive_events(self, number: int, events: Sequence[Event], now: float) -> list[Action]:
        """What the line's recogniser heard."""
        line = self._lines.get(number)
        if line is None:
            return []
        actions: list[Action] = []
        for event in events:
            line.heard_at = now
            if isinstance(event, Partial):
                voice = line.voice_at(now - line.voice.started_at)
                actions += self._say(number, self._transcript.unfinished(voice, event, now))
            else:
                for voice, words in itertools.groupby(event.words, lambda word: line.voice_at(word.start_seconds)):
                    actions += self._say(number, self._transcript.finished(voice, Final(tuple(words)), now))
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
        if line.request.disconnect_on_stop or line.request.stop_timeout_seconds == 0:
            return self._end(line, now)
        if line.lost:
            return self._miss(line, now, Close(number))
        line.state = LineState.IDLE
        line.idle_until = now + line.request.stop_timeout_seconds
        actions = self._say_topics()
        actions.append(Send(Audience.LINE, number, messages.recognition_stopped()))
        if line.next_start is not None:
            actions += self._start(number, line.next_start, now)
        return actions

    def receive_loss(self, number: int, now: float) -> list[Action]:
        """The line's socket is gone. What a line said before it stopped is still recognised.

        One that wanted to go on, listening or with its socket kept after a stop, is waited for.
        """
        line = self._lines.get(number)
        if line is None:
            return self._complete_if_over(now)
        if line.state is LineState.STOPPING:
            line.lost = True
            return []
        return self._miss(line, now)

    def receive_failure(self, number: int, now: float) -> list[Action]:
        """The line's recogniser is broken; a client that comes back in time continues the conversation."""
        line = self._lines.get(number)
        if line is None:
            return []
        frame = messages.processing_error("Recognition failed. Connect again to continue.")
        return self._miss(line, now, Send(Audience.LINE, number, frame), Close(number, 1011))

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
            speaker_id = line.voice.speaker.id if key is None else self._user_id(key)
        said = request.speaker
        self._lines[number] = _Line(
            number=number,
            request=request,
            audio_format=request.audio_format,
            voice=Voice(
                speaker=SpeakerRef(speaker_id, said.name, said.user_id),
                user={**said.members, "id": speaker_id},
                request=request,
                started_at=now,
            ),
            heard_at=now,
        )
        self._transcript.adopt(request)
        frames = (
            messages.conversation_created(self.conversation_id),
            messages.started_listening(),
            messages.recognition_started(self.conversation_id),
        )
        return [
            Listen(number, request.audio_format, request.vocabulary, request.language),
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

    def _miss(self, line: _Line, now: float, *parting: Action) -> list[Action]:
        """Takes a line out that did not end by itself, and waits for its speaker."""
        del self._lines[line.number]
        self._note_absence(line, now)
        return [*parting, *self._complete_if_over(now)]

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

    # --- saying ------------------------------------------------------------------------------------------------------

    def _say(self, number: int, frames: Sequence[Frame]) -> list[Action]:
        """Raw recognition is for the speaker's own socket and for subscribers, everything else for everyone."""
        return [
            Send(Audience.LINE_AND_SUBSCRIBERS if frame["type"] == "message" else Audience.EVERYONE, number, frame)
            for frame in frames
        ]

    def _say_topics(self) -> list[Action]:
        return [Send(Audience.EVERYONE, None, frame) for frame in self._transcript.topics()]


def _identity(speaker: SpeakerRequest) -> str | None:
    """What makes a speaker the same one on another socket; None when there is nothing to tell by."""
    return speaker.user_id or speaker.name
