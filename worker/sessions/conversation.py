"""One conversation: its streams, its life cycle, when it ends. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias, TypeVar, get_args

from worker.audio.formats import AudioFormat, split_interleaved, validate_format
from worker.audio.framing import MAX_FRAME_BYTES
from worker.records import (
    AudioChunk,
    ChangeSpeaker,
    DeadLetter,
    Encoding,
    EndStream,
    InputRecord,
    InsightKind,
    LifeCycleEvent,
    ModifyStream,
    Reason,
    Speaker,
    StartParameters,
    StartStream,
    Subscribe,
    Trace,
)
from worker.redaction.wishes import check
from worker.sessions.book import Book
from worker.sessions.conflicts import conflict_of_audio, conflict_of_subscribe
from worker.sessions.lifecycle import LifeCycleRecords, account_of
from worker.sessions.owed import OwedRequest, OwedResults, kinds_of
from worker.sessions.policy import ConversationPolicy
from worker.sessions.results import ConversationResults, Owner
from worker.sessions.session import Phase, Session
from worker.sessions.state import ConversationState, StreamState, SubscriptionState
from worker.sessions.subscription import Served, Subscription
from worker.symbl.findings import Findings
from worker.symbl.requests import SymblStart

T = TypeVar("T")

ALL_KINDS: Final[frozenset[InsightKind]] = frozenset(get_args(InsightKind))
_EVENTS: Final[dict[type, str]] = {
    StartStream: "start",
    ModifyStream: "modify",
    ChangeSpeaker: "speaker",
    Subscribe: "subscribe",
}

StreamCommand: TypeAlias = AudioChunk | StartStream | ModifyStream | ChangeSpeaker | Subscribe | EndStream


class Conversation:
    """One opening of a conversation.

    Once the end of all its streams was announced it is closing: what comes then waits for the next opening, however
    long the host takes to flush. What lost sockets owe is asked for when all are flushed, and awaited before the end.

    Invariant: every record that is received is held by at least one session until that session finishes it, or is
    finished here.

    Args:
        now: monotonic seconds.
        on_session: told of every new session or subscription, so that somebody runs its socket.
        on_owed: told what is to be read from the host.
        restored: whether ``state`` was written by an earlier owner of the partition.
        age_seconds: how long ago it was opened. Where audio follows, its records tell that better.
    """

    def __init__(
        self,
        *,
        state: ConversationState,
        partition: int,
        policy: ConversationPolicy,
        book: Book,
        now: float,
        on_session: Callable[[Served], None],
        on_owed: Callable[[OwedRequest], None],
        restored: bool = False,
        age_seconds: float = 0.0,
    ) -> None:
        self.state = state
        self.sessions: dict[str, Session] = {}
        self.subscription: Subscription | None = None
        self._policy = policy
        self._book = book
        self._on_session = on_session
        self._on_owed = on_owed
        self._is_void = False
        self._last_input_at = now
        self._opened_at = now
        self._age_is_unknown = restored
        self._end_reason: str | None = None
        # What came after an end, while the stream is still being flushed.
        self._waiting: deque[tuple[StreamCommand, InputRecord]] = deque()
        self._waiting_bytes = 0
        redact = policy.redaction or state.redaction
        self._results = ConversationResults(
            state,
            partition,
            book,
            policy.redactor_for(state.conversation_id, state.wishes) if redact else None,
            transcripts=policy.transcripts_for(state.wishes),
            clear_captions=policy.shows_captions(redaction=state.redaction),
            hold_seconds=policy.hold_seconds,
        )
        self._lifecycle = LifeCycleRecords(state, partition, book)
        self._owed = OwedResults(state.conversation_id, self._results, self.receive_findings)
        for name, stream in state.streams.items():
            if not stream.ended or stream.given_up is not None:
                if restored:
                    self._results.lose_socket(name)
                if stream.subscription is None:
                    self._add_session(name, stream, restored=restored)
                else:
                    self._add_subscription(name, stream, restored=restored).take_up()
        if not self.sessions:
            self._opened_at -= age_seconds

    def __repr__(self) -> str:
        state = self.state
        return f"<Conversation {state.conversation_id} opened={state.opened_offset} streams={len(self.sessions)}>"

    @property
    def is_over(self) -> bool:
        """All streams have ended, and that was said; or there never was a stream."""
        return self.state.ended or self._is_void

    @property
    def held_bytes(self) -> int:
        """Audio in memory."""
        return self._waiting_bytes + sum(session.buffer.held_bytes for session in self.sessions.values())

    @property
    def unsent_bytes(self) -> int:
        """Audio in memory that waits to be sent, of the stream that has most."""
        return self._waiting_bytes + max((session.buffer.unsent_bytes for session in self.sessions.values()), default=0)

    # --- from Kafka ---

    def receive(self, command: StreamCommand, record: InputRecord, now: float) -> None:
        """A record of this conversation, in the order of the partition. It is tracked, with one holder."""
        self._last_input_at = now
        if self._age_is_unknown:
            # An earlier owner opened it: the records tell how old it is.
            self._age_is_unknown = False
            self._opened_at = now - max(0, command.coordinates.timestamp_ms - self.state.opened_at_ms) / 1000
        if self._waiting or self._must_wait(command):
            self._waiting.append((command, record))
            self._waiting_bytes += len(record.value or b"")
        else:
            self._take(command, record, now)

    def receive_again(self, command: AudioChunk, now: float) -> None:
        """An audio record that was read a second time because a session asked for it."""
        for session in self.sessions.values():
            session.buffer.refill(command.coordinates.offset, command.payload, now)

    def receive_lost(self, first_offset: int, end_offset: int) -> None:
        """The records of this range were to be read a second time, and no longer exist in Kafka."""
        for session in self.sessions.values():
            session.receive_lost(first_offset, end_offset)

    def receive_lost_before(self, first_offset: int) -> None:
        """Of a restored conversation, before its first record: Kafka has nothing any more before this offset."""
        for session in self.sessions.values():
            session.receive_lost_before(first_offset)

    def take_waiting(self) -> list[tuple[StreamCommand, InputRecord]]:
        """What came when the end of all streams had been announced: it belongs to the next opening."""
        waiting = list(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        return waiting

    # --- from the host, outside of sockets ---

    def receive_findings(self, findings: Findings) -> None:
        """What was asked for at the end: publish what is missing, and end."""
        if self._owed.is_awaited:
            self._end(self._owed.settle(findings, self._kinds()))

    # --- time ---

    def tick(self, now: float) -> None:
        """Look after the end: streams that are over, silence, old age."""
        if self.is_over or self._owed.is_awaited:
            return
        while self._waiting and not self._must_wait(self._waiting[0][0]):
            command, record = self._waiting.popleft()
            self._waiting_bytes -= len(record.value or b"")
            self._take(command, record, now)
        reason = None if self._is_closing else self._reason_to_end(now)
        if reason is not None:
            self._end_reason = reason
            for each in self._parts.values():
                each.receive_end(None, now)
        self._maybe_end()

    def _reason_to_end(self, now: float) -> str | None:
        """Old age; or silence, unless audio still waits to be sent: then it is the host that holds things up.

        A subscription needs nothing from Kafka; one of which the host has never said anything follows nobody.
        """
        if now >= self._opened_at + self._policy.max_age_seconds:
            return "max_age"
        if now < self._last_input_at + self._policy.idle_seconds:
            return None
        busy = any(session.buffer.has_sendable and not session.is_over for session in self.sessions.values())
        followed = self.subscription
        busy |= followed is not None and not followed.is_over and not followed.is_unknown
        return None if busy else "idle"

    # --- records ---

    @property
    def _is_closing(self) -> bool:
        """Whether the end of all streams was announced; of those that ended under an earlier owner nothing is here."""
        parts = self._parts
        return bool(self.state.streams) and all(
            name not in parts or parts[name].end_seen for name in self.state.streams
        )

    @property
    def _parts(self) -> dict[str, Served]:
        """What the conversation consists of, by its streams."""
        parts: dict[str, Served] = dict(self.sessions)
        if self.subscription is not None:
            parts[self.subscription.stream] = self.subscription
        return parts

    def _names(self, stream: str) -> tuple[str, ...]:
        """The streams that the audio of an input stream becomes: itself, or two halves."""
        return tuple(self.state.splits.get(stream, (stream,)))

    def _must_wait(self, command: StreamCommand) -> bool:
        """Whether the record comes after the end of its stream, or of all, and that is not flushed yet."""
        if isinstance(command, EndStream):
            return False
        if self._is_closing or self._owed.is_awaited:
            return True
        parts = self._parts
        return any(name in parts and parts[name].phase is Phase.ENDING for name in self._names(command.stream))

    def _take(self, command: StreamCommand, record: InputRecord, now: float) -> None:
        offset = command.coordinates.offset
        if not self.state.streams:
            # What was refused before opened nothing.
            self.state.opened_offset = offset
            self.state.opened_at_ms = command.coordinates.timestamp_ms
        conflict = self._conflict(command)
        if conflict is not None:
            self._refuse(record, command, Reason.SUBSCRIPTION_CONFLICT, conflict)
            return
        match command:
            case Subscribe():
                self._subscribe(command, record)
            case StartStream():
                self._start(command, record)
            case EndStream():
                self._end_streams(command, now)
            case ModifyStream():
                self._modify(command, record)
            case ChangeSpeaker():
                for session in self._holders(self._names(command.stream), offset):
                    session.receive_speaker(offset, command.speaker)
            case AudioChunk():
                self._audio(command, record, now)

    def _conflict(self, command: StreamCommand) -> str | None:
        """Why a record cannot be used beside the conversation's subscription, or a subscription beside its streams."""
        match command:
            case Subscribe():
                known = self.state.streams.get(command.stream)
                was_read = known is not None and command.coordinates.offset <= known.offset
                return None if was_read else conflict_of_subscribe(self.state, command)
            case EndStream():
                return None
            case StartStream() if command.parameters.channels is not None:
                return conflict_of_audio(self.state, tuple(each.stream for each in command.parameters.channels))
            case _:
                return conflict_of_audio(self.state, self._names(command.stream))

    def _redact(self, command: StartStream | Subscribe, record: InputRecord, *, enabled: bool | None) -> bool:
        """A record asks for redaction, or for a stricter one: that holds for the conversation from here on.

        Returns:
            False if it asks for too much and became a dead letter.
        """
        state, policy, wish = self.state, self._policy, command.wish
        if wish is None and not enabled:
            return True
        if wish is not None and wish not in state.wishes:
            try:
                check(*state.wishes, wish)
            except ValueError as error:
                self._refuse(record, command, Reason.UNREADABLE_CONTROL, f"value.redaction: {error}")
                return False
            state.wishes.append(wish)
        state.redaction = True
        redactor = policy.redactor_for(state.conversation_id, state.wishes)
        self._results.redact_with(redactor, transcripts=policy.transcripts_for(state.wishes))
        return True

    def _subscribe(self, command: Subscribe, record: InputRecord) -> None:
        """Follow a connection. The record is finished with the state that says so."""
        offset = command.coordinates.offset
        known = self.state.streams.get(command.stream)
        if known is None or offset > known.offset:
            if not self._redact(command, record, enabled=command.redaction_enabled):
                return
            self._lifecycle.trace = self._lifecycle.trace or command.trace
            if known is None or known.ended:
                self._open_subscription(command, known)
            self.state.streams[command.stream].offset = offset
        self._book.touch(self.state.conversation_id)
        self._book.finish(offset)

    def _open_subscription(self, command: Subscribe, known: StreamState | None) -> None:
        followed = SubscriptionState(
            connection_id=command.connection_id,
            offset=command.coordinates.offset,
            asked_at_ms=command.coordinates.timestamp_ms,
        )
        fmt = self._policy.audio_format
        parameters = StartParameters(redaction_enabled=command.redaction_enabled, tenant=command.tenant)
        stream = StreamState(parameters=parameters, encoding=fmt.encoding, sample_rate_hz=fmt.sample_rate_hz)
        if known is not None and known.subscription is not None:
            # A stream that goes on after its end keeps its clock and its sequences.
            before = known.subscription
            followed = replace(followed, zero_ms=before.zero_ms, start_us=before.start_us, recovered=before.recovered)
            stream = replace(known, parameters=parameters, ended=False)
        stream.subscription = followed
        self.state.streams[command.stream] = stream
        self._add_subscription(command.stream, stream, restored=False, trace=command.trace)

    def _holders(self, names: Sequence[str], offset: int) -> list[Session]:
        """The sessions that take a record; those that settled it under an earlier owner are left out."""
        holders: list[Session] = []
        for name in names:
            known = self.state.streams.get(name)
            if known is None or offset > known.offset:
                session = self.sessions.get(name)
                if session is None or session.phase is Phase.ENDED:
                    session = self._open(name, StartParameters() if known is None else known.parameters, offset)
                holders.append(session)
        self._share(offset, len(holders))
        return holders

    def _share(self, offset: int, holders: int) -> None:
        if holders == 0:
            self._book.finish(offset)
        for _ in range(holders - 1):
            self._book.ledger.hold(offset)

    def _start(self, command: StartStream, record: InputRecord) -> None:
        parameters = command.parameters
        offset = command.coordinates.offset
        fmt = self._policy.format_of(parameters)
        problem = validate_format(fmt.encoding, fmt.sample_rate_hz)
        if problem is not None:
            self._refuse(record, command, Reason.UNSUPPORTED_ENCODING, problem)
            return
        if not self._redact(command, record, enabled=parameters.redaction_enabled):
            return
        self._lifecycle.trace = self._lifecycle.trace or command.trace
        if parameters.channels is None:
            self.state.splits.pop(command.stream, None)
            wanted = [(command.stream, parameters)]
        else:
            names = [channel.stream for channel in parameters.channels]
            self.state.splits[command.stream] = names
            wanted = [(channel.stream, replace(parameters, speaker=channel.speaker)) for channel in parameters.channels]
        taken = []
        for name, own in wanted:
            known = self.state.streams.get(name)
            if known is not None and offset <= known.offset:
                continue
            session = self.sessions.get(name)
            if session is None or session.is_over:
                session = self._open(name, own, offset)
            else:
                # A start on a stream that runs: format and speaker from here on, the rest with the next socket.
                known = self.state.streams[name]
                known.parameters = own
                session.change_start(self._symbl_start(own))
            taken.append((session, own.speaker))
        self._share(offset, len(taken))
        for session, speaker in taken:
            session.receive_start(offset, fmt, speaker, command.trace)

    def _end_streams(self, command: EndStream, now: float) -> None:
        offset = command.coordinates.offset
        # The stream of interleaved audio may itself have been one before it was split.
        parts = self._parts
        names = list(parts) if command.stream is None else [command.stream, *self._names(command.stream)]
        ending = [parts[name] for name in dict.fromkeys(names) if name in parts]
        ending = [each for each in ending if not each.end_seen and offset > each.state.offset]
        self._share(offset, len(ending))
        if ending:
            self._end_reason = "end"
        for each in ending:
            each.receive_end(offset, now)

    def _modify(self, command: ModifyStream, record: InputRecord) -> None:
        offset = command.coordinates.offset
        names = self._names(command.stream)
        current = self._current_format(names[0])
        fmt = AudioFormat(command.encoding or current.encoding, command.sample_rate_hz or current.sample_rate_hz)
        problem = validate_format(fmt.encoding, fmt.sample_rate_hz)
        if len(names) > 1:
            problem = "modify: not for interleaved audio"
        if problem is not None:
            self._refuse(record, command, Reason.UNSUPPORTED_ENCODING, problem)
            return
        for session in self._holders(names, offset):
            session.receive_format(offset, fmt)

    def _audio(self, command: AudioChunk, record: InputRecord, now: float) -> None:
        offset = command.coordinates.offset
        names = self._names(command.stream)
        payloads: Sequence[bytes] = (command.payload,)
        if len(names) > 1:
            try:
                payloads = split_interleaved(command.payload, self._current_format(names[0]))
            except ValueError:
                detail = "interleaved audio ends inside a sample frame"
                self._refuse(record, command, Reason.MISALIGNED_AUDIO, detail)
                return
        if self._current_format(names[0]).encoding is Encoding.OPUS and len(command.payload) > MAX_FRAME_BYTES:
            detail = f"an Opus packet has at most {MAX_FRAME_BYTES} bytes"
            self._refuse(record, command, Reason.UNSUPPORTED_ENCODING, detail)
            return
        self._lifecycle.trace = self._lifecycle.trace or command.trace
        for session in self._holders(names, offset):
            part = names.index(session.stream)
            half = None if len(names) == 1 else part
            session.receive_audio(record, payloads[part], now, half=half, seq=command.seq, trace=command.trace)

    def _refuse(self, record: InputRecord, command: StreamCommand, reason: Reason, detail: str) -> None:
        self._book.reject(
            DeadLetter(
                record=record,
                reason=reason,
                detail=detail,
                conversation_id=command.conversation_id,
                stream=command.stream,
                event=_EVENTS.get(type(command)),
            )
        )

    # --- sessions ---

    def _current_format(self, name: str) -> AudioFormat:
        """Format of the audio that comes next in a stream, which may have to be opened for it."""
        session = self.sessions.get(name)
        if session is not None and session.phase is not Phase.ENDED:
            return session.format
        known = self.state.streams.get(name)
        return self._policy.format_of(StartParameters() if known is None else known.parameters)

    def _open(self, name: str, parameters: StartParameters, offset: int) -> Session:
        """Begin a stream, or go on with one after its end, with the record of this offset."""
        fmt = self._policy.format_of(parameters)
        known = self.state.streams.get(name)
        stream = StreamState(
            parameters=parameters,
            encoding=fmt.encoding,
            sample_rate_hz=fmt.sample_rate_hz,
            speaker=parameters.speaker,
        )
        if known is not None:
            # A stream that goes on after its end keeps its clock and its sequences.
            stream = replace(
                known,
                parameters=stream.parameters,
                encoding=stream.encoding,
                sample_rate_hz=stream.sample_rate_hz,
                speaker=stream.speaker,
                byte=known.settled_byte,
                partial_offset=-1,
                preamble=b"",
                seq=None,
                ended=False,
            )
        # What came before was nothing to this stream, and must not be when it is read again: an end, for example.
        stream.offset = offset - 1
        self.state.streams[name] = stream
        self._book.touch(self.state.conversation_id)
        return self._add_session(name, stream, restored=False)

    def _add_session(self, name: str, stream: StreamState, *, restored: bool) -> Session:
        session = Session(
            conversation_id=self.state.conversation_id,
            stream=name,
            state=stream,
            wire_user_id=self._wire_user_id(name, stream.parameters.speaker),
            start=self._symbl_start(stream.parameters),
            policy=self._policy.session,
            book=self._book,
            results=self._results,
            lifecycle=self._on_lifecycle,
            restored=restored,
        )
        self.sessions[name] = session
        self._results.add_owner(session)
        self._on_session(session)
        return session

    def _add_subscription(
        self, name: str, stream: StreamState, *, restored: bool, trace: Trace | None = None
    ) -> Subscription:
        subscription = Subscription(
            conversation_id=self.state.conversation_id,
            stream=name,
            state=stream,
            policy=self._policy.session,
            book=self._book,
            results=self._results,
            lifecycle=self._on_lifecycle,
            on_owed=self._on_owed,
            restored=restored,
            trace=trace,
        )
        self.subscription = subscription
        self._results.add_owner(subscription)
        self._on_session(subscription)
        return subscription

    def _wire_user_id(self, name: str, speaker: Speaker | None) -> str:
        """The user id that a stream's socket carries: what the producer said, unless another stream has it."""
        wanted = speaker.user_id if speaker is not None and speaker.user_id else f"stream-{name}"
        taken = {other.wire_user_id for key, other in self.sessions.items() if key != name}
        return f"{wanted}#{name}" if wanted in taken else wanted

    def _symbl_start(self, parameters: StartParameters) -> SymblStart:
        return self._policy.start_of(parameters, redaction=self.state.redaction)

    def _on_lifecycle(self, event: LifeCycleEvent, owner: Owner, reason: str | None, detail: dict[str, object]) -> None:
        if owner.state.subscription is None or self.state.symbl_conversation_id is None:
            # The conversation's own streams have the last word.
            self.state.symbl_conversation_id = owner.symbl_conversation_id or self.state.symbl_conversation_id
        if event in (LifeCycleEvent.STARTED, LifeCycleEvent.RESUMED) and not self.state.started:
            # An earlier owner may have opened the stream and not have got a socket.
            self.state.started = True
            self._lifecycle.say(LifeCycleEvent.STARTED, None, reason, {})
            return
        if event is LifeCycleEvent.STARTED:
            return
        self._lifecycle.say(event, owner.stream, reason, detail)

    def _maybe_end(self) -> None:
        if not all(each.is_over and each.end_seen for each in self._parts.values()):
            return
        if not self.state.streams:
            self._is_void = True
            return
        request = self._owed.request(self._kinds())
        if request is None:
            self._end(None)
        else:
            self._on_owed(request)

    def _end(self, owed: dict[str, object] | None) -> None:
        """All is published that ever will be.

        Args:
            owed: what became of what lost sockets owed; None when they owed nothing.
        """
        state = self.state
        followed = (stream.subscription for stream in state.streams.values())
        is_completed = any(each is not None and each.completed for each in followed)
        reason = self._end_reason or ("completed" if is_completed else "end")
        parts = self._parts
        if parts and all(each.phase is Phase.FAILED for each in parts.values()):
            reason = "failed"
        state.ended = True
        state.last_offset = max(state.opened_offset, *(stream.offset for stream in state.streams.values()))
        for stream in state.streams.values():
            stream.recent = []
        detail = account_of(state)
        self._lifecycle.say(LifeCycleEvent.ENDED, None, reason, detail if owed is None else {**detail, "owed": owed})

    def _kinds(self) -> frozenset[InsightKind]:
        """What the streams wanted to know. A subscription takes whatever there is."""
        streams = self.state.streams.values()
        if any(stream.subscription is not None for stream in streams):
            return ALL_KINDS
        return kinds_of(self._symbl_start(stream.parameters) for stream in streams)
