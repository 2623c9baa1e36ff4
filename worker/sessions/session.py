"""One stream's session: what is sent when, what is settled when, when a socket is wanted. Pure.

A session outlives its sockets. Audio is settled when a final message covers it; when nothing is being recognised and
a pong has proven that the host stays silent about it; when the stream was stopped and flushed; or when it was given up,
and then a gap record says so.

The shell calls ``receive_*``, ``connection_*`` and ``tick``, sends what ``take_frames`` returns and then says
``frames_sent``, opens a socket while ``wants_connection``, pings it, closes it when ``wants_close``, and comes back at
``next_deadline``.
"""

from __future__ import annotations

import enum
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from worker.audio.formats import AudioFormat
from worker.audio.framing import MAX_FRAME_BYTES
from worker.errors import RequestRefusedError, WorkerError
from worker.records import DeadLetter, InputRecord, LifeCycleEvent, Reason, Speaker, TimedWord, Trace
from worker.sessions.book import Book
from worker.sessions.buffer import AudioBuffer, Place
from worker.sessions.captions import CaptionWriter
from worker.sessions.numbering import Numbering
from worker.sessions.results import ConversationResults, Owner
from worker.sessions.settlement import SentAudio
from worker.sessions.state import StreamState
from worker.symbl.messages import (
    Entities,
    Insights,
    Messages,
    RecognitionResult,
    RecognitionStarted,
    ServerEvent,
    SymblMessage,
    SymblUser,
    Topics,
    Trackers,
)
from worker.symbl.protocol import State as ProtocolState
from worker.symbl.protocol import SymblProtocol
from worker.symbl.requests import SymblStart, modify_request, start_request

CLOCK_SLACK_US = 1_000_000
"""A host's times may run so far ahead of the audio that it was sent."""


class Phase(enum.IntEnum):
    """Where a session is.

    * ``OPEN``: audio may come. A socket is wanted once there is something to send.
    * ``ENDING``: the end was announced; what is held is sent, then ``stop_request``, then results are awaited.
    * ``ENDED``: flushed. Final.
    * ``FAILED``: given up; every record that comes is a dead letter. Final.
    """

    OPEN = 0
    ENDING = 1
    ENDED = 2
    FAILED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPolicy:
    """How sessions behave.

    Args:
        pace: replay and catch-up run at most so many times faster than real time; 0 is no limit.
        burst_seconds: audio that may be ahead of the pace.
        join_seconds: longest wait for small chunks to become one frame.
        max_refusals: the stream is given up after so many refused starts, or flushes that timed out.
        captions: whether interim results become captions.
        caption_interval_seconds: at most one caption in this time; None publishes every one.
    """

    silence_horizon_seconds: float = 10.0
    max_hold_seconds: float = 300.0
    pace: float = 2.0
    burst_seconds: float = 0.5
    join_seconds: float = 0.1
    start_timeout_seconds: float = 10.0
    stop_timeout_seconds: float = 60.0
    max_refusals: int = 3
    captions: bool = True
    caption_interval_seconds: float | None = 0.25


LifeCycleWriter = Callable[[LifeCycleEvent, Owner, str | None, dict[str, object]], None]


@dataclass(slots=True)
class _Socket:
    """What is true of one WebSocket only.

    Args:
        base_us: audio clock at the first byte that it was sent; the host counts from there.
        taken_byte: end of the audio that the shell took to send it.
        heard: a final result of this stream's speaker came.
    """

    protocol: SymblProtocol
    sent: SentAudio
    opened_at: float
    listening_at: float | None = None
    stopped_at: float | None = None
    base_us: int = 0
    taken_byte: int = 0
    close_wanted: bool = False
    heard: bool = False


class Session:
    """One stream.

    Invariants: no record is finished before all its audio is settled; settled audio is never sent again; the settled
    position, the sequences and the audio clock never go back.

    Args:
        wire_user_id: the user id that this stream's socket says it is; unique within the conversation.
        start: what ``start_request`` says; encoding, rate and speaker are filled in for each socket.
        lifecycle: writes a life-cycle record.
        restored: this stream was open under an earlier owner of the partition, who may have had a socket.
    """

    def __init__(
        self,
        *,
        conversation_id: str,
        stream: str,
        state: StreamState,
        wire_user_id: str,
        start: SymblStart,
        policy: SessionPolicy,
        book: Book,
        results: ConversationResults,
        lifecycle: LifeCycleWriter,
        restored: bool,
    ) -> None:
        self.conversation_id = conversation_id
        self.stream = stream
        self.state = state
        self.wire_user_id = wire_user_id
        self.phase = Phase.OPEN if state.given_up is None else Phase.FAILED
        self.end_seen = False
        self.buffer = AudioBuffer(state, book.finish, self._missing_records)
        self._start = start
        self._policy = policy
        self._book = book
        self._results = results
        self._lifecycle = lifecycle
        self._had_socket = restored
        self._captions = CaptionWriter(
            conversation_id, stream, partial(results.caption, stream), book.caption, policy.caption_interval_seconds
        )
        self._end_offsets: list[int] = []
        self._socket: _Socket | None = None
        self._socket_asked_for = False
        self._numbers = Numbering(state.seq, state.seq_checksum)
        self._may_lack = False
        self._trace: Trace | None = None
        self._refusals = 0
        self._flush_timeouts = 0
        self._closed_without_completion = False
        self._here: Place | None = None
        # Messages that were heard and are not published yet: where their audio begins.
        self._unsaid: deque[int] = deque()
        self._heard_us = state.last_end_us
        # Settled but for them.
        self._settled_byte = state.settled_byte
        self._failure = state.given_up or ""

    def __repr__(self) -> str:
        return f"<Session {self.conversation_id}/{self.stream} {self.phase.name} {self.buffer!r}>"

    # --- what the shell asks ---

    @property
    def wants_connection(self) -> bool:
        """Whether a socket should be opened: there is none, and there is audio to send or a stream just started."""
        if self._socket is not None or self.is_over:
            return False
        return self.buffer.has_unsent or self._socket_asked_for

    @property
    def wants_close(self) -> bool:
        """Whether the open socket has served its purpose."""
        return self._socket is not None and self._socket.close_wanted

    @property
    def is_listening(self) -> bool:
        """Whether the host takes audio."""
        return self._socket is not None and self._socket.listening_at is not None

    @property
    def is_over(self) -> bool:
        """Ended or failed; no socket will be wanted any more."""
        return self.phase in (Phase.ENDED, Phase.FAILED)

    @property
    def format(self) -> AudioFormat:
        """Format of the audio that comes next."""
        return self.buffer.format

    @property
    def connection_id(self) -> str:
        """What the stream's sockets dial."""
        return self.conversation_id

    @property
    def symbl_conversation_id(self) -> str | None:
        """The host's id of the conversation, as the open socket knows it."""
        return None if self._socket is None else self._socket.protocol.symbl_conversation_id

    @property
    def odd_messages(self) -> tuple[int, int]:
        """Messages of unknown type, and messages that could not be read, on the open socket so far."""
        if self._socket is None:
            return 0, 0
        return self._socket.protocol.unknown_total, self._socket.protocol.malformed_total

    # --- attribution (see results.Owner) ---

    speaks_alone = True

    @property
    def has_resumed(self) -> bool:
        """Whether the stream has had an earlier socket, here or at an earlier owner."""
        return self.state.counters.reconnects > 0 or (self._had_socket and not self.is_listening)

    def hears(self, user: SymblUser | None) -> bool:
        """Whether this is the user of this stream's socket, or may be."""
        if user is not None and user.user_id is not None:
            return user.user_id == self.wire_user_id
        return self._results.stream_of(user) in (self.stream, None)

    def here(self) -> Place:
        """Place of the latest message that was published; before the first one, the settled position."""
        if self._here is None:
            settled_us = self.buffer.settled_us
            return self.buffer.place(settled_us, settled_us, self._trace)
        return self._here

    def speaker_of(self, user: SymblUser) -> Speaker | None:
        """The stream's own name for this user, if it has one."""
        if user.user_id is None or not self.hears(user):
            return None
        return self.state.speaker or Speaker(user_id=user.user_id, name=user.name)

    # --- from Kafka ---

    def receive_start(self, offset: int, fmt: AudioFormat, speaker: Speaker | None, trace: Trace | None) -> None:
        """A ``start`` record: a socket may be opened before the first audio comes, and sequence numbers begin anew."""
        self._trace = trace or self._trace
        self._tell_lost()
        self._numbers.restart()
        self._socket_asked_for = True
        self.buffer.mark(offset, fmt=None if fmt == self.format else fmt, speaker=speaker, restarts=True)
        self._touch()

    def change_start(self, start: SymblStart) -> None:
        """What the next socket's ``start_request`` says."""
        self._start = start

    def receive_audio(
        self,
        record: InputRecord,
        payload: bytes,
        now: float,
        *,
        half: int | None = None,
        seq: int | None = None,
        trace: Trace | None = None,
    ) -> None:
        """Audio of one input record.

        Args:
            half: which half of interleaved stereo the payload is; None when it is all that the record holds.
        """
        offset = record.coordinates.offset
        self._trace = trace or self._trace
        if self.phase is Phase.FAILED:
            self._dead_letter(record)
            self._finish_unheard(offset)
            return
        missing, checksum = None, 0
        if seq is not None:
            checksum = zlib.crc32(payload)
            if self._numbers.is_repeat(seq, checksum):
                self.buffer.mark(offset)
                self._touch()
                return
            missing = self._numbers.receive(seq, checksum)
        if missing is None:
            self._tell_lost()
        self._may_lack = False
        self.buffer.append(
            record, payload, now, half=half, seq=seq, checksum=checksum, missing_before=missing or 0, trace=trace
        )

    def receive_lost(self, first_offset: int, end_offset: int) -> None:
        """Audio that is to be sent again and lies in records of this range no longer exists in Kafka."""
        end_byte = self.buffer.absent_end(first_offset, end_offset)
        if end_byte is None or self.is_over:
            return
        self._lose("retention", end_byte)

    def receive_lost_before(self, first_offset: int) -> None:
        """Retention removed all records before this one, and the stream's earlier owner had not settled them all.

        To be said of a restored stream before its first record. Whether it had audio there is only known, when it has
        sequence numbers, from the next one; else a gap of unknown length says so.
        """
        state = self.state
        if self.is_over or max(state.offset + 1, state.partial_offset) >= first_offset:
            return
        self.buffer.leave_rest()
        self._may_lack = True
        if self._numbers.is_empty:
            self._tell_lost()

    def receive_format(self, offset: int, fmt: AudioFormat) -> None:
        """A ``modify`` record: the audio that follows has this format."""
        self.buffer.mark(offset, fmt=fmt)
        self._touch()

    def receive_speaker(self, offset: int, speaker: Speaker) -> None:
        """A ``speaker`` record: somebody else speaks in what follows."""
        self.buffer.mark(offset, speaker=speaker)
        self._touch()

    def receive_end(self, offset: int | None, now: float) -> None:
        """No more audio comes. ``offset`` is of the record that said so, if one did; it is finished with the stream."""
        self.end_seen = True
        self.state.given_up = None
        self._tell_lost()
        if offset is not None:
            if self.is_over:
                self._finish_unheard(offset)
                return
            self._end_offsets.append(offset)
        if self.phase is not Phase.OPEN:
            return
        self.phase = Phase.ENDING
        self.buffer.end()
        if self._socket is None and not self.buffer.has_unsent:
            self._flushed()
        else:
            self._pump(now)

    # --- the socket ---

    def connection_opened(self, now: float) -> None:
        """A socket is open: begin with what is not settled."""
        assert self._socket is None, f"{self!r} has a socket"
        fmt = self.buffer.rewind()
        speaker = replace(self.state.speaker or Speaker(), user_id=self.wire_user_id)
        sent = SentAudio(self.buffer.sent_byte, self._policy.silence_horizon_seconds)
        self._socket = _Socket(SymblProtocol(), sent, now)
        self._socket.protocol.start(
            start_request(
                replace(self._start, encoding=fmt.encoding, sample_rate_hz=fmt.sample_rate_hz, speaker=speaker)
            )
        )

    def receive_frame(self, frame: bytes | str, now: float) -> None:
        """A message of the host."""
        socket = self._socket
        if socket is None or socket.close_wanted:
            # What comes after audio was given up, or after the end, must not contradict what was published.
            return
        socket.protocol.receive_frame(frame)
        for event in socket.protocol.take_events():
            self._hear(socket, event, now)
        if socket.protocol.state in (ProtocolState.COMPLETED, ProtocolState.FAILED):
            socket.close_wanted = True
        self._settle_by_time(socket, now)
        self._pump(now)

    def connection_confirmed(self, pinged_at: float, now: float) -> None:
        """A pong came, and all that the host had said before it was received.

        Args:
            pinged_at: when its ping was sent, after all frames of which ``frames_sent`` was said before.
        """
        if self._socket is not None:
            self._socket.sent.receive_pong(pinged_at)
            self._settle_by_time(self._socket, now)

    def connection_closed(self, code: int | None, now: float) -> WorkerError | None:
        """The socket is gone.

        Returns:
            What went wrong; None when the end was orderly.
        """
        socket = self._socket
        if socket is None:
            return None
        self._results.release()
        completed = socket.protocol.state is ProtocolState.COMPLETED
        socket.protocol.receive_close(code)
        cause = socket.protocol.close_cause()
        if socket.listening_at is not None:
            self.state.counters.billed_us += int((now - socket.listening_at) * 1e6)
            self._touch()
        self._socket = None
        self._captions.drop()
        if not completed:
            self._results.lose_socket(self.stream)
        if isinstance(cause, RequestRefusedError):
            self.connection_refused(cause)
        if self.is_over:
            return cause
        flushed = socket.stopped_at is not None and cause is None and (completed or not socket.close_wanted)
        if flushed and not completed and not self._closed_without_completion:
            # Perhaps a host that never says so; perhaps one that went. To be sent once more decides it.
            self._closed_without_completion = True
            flushed = False
        if self.phase is Phase.ENDING and (flushed or self.buffer.is_settled):
            self._flushed()
            return None
        self.buffer.rewind()
        return cause

    def connection_refused(self, error: WorkerError) -> None:
        """The host refused the request itself; after a few times the stream is given up."""
        if isinstance(error, RequestRefusedError) and not self.is_over:
            self._refusals += 1
            if self._refusals >= self._policy.max_refusals:
                self.give_up(type(error).__name__)

    def take_frames(self, now: float) -> list[bytes | str]:
        """What is to be sent now, in order."""
        if self._socket is None:
            return []
        self._pump(now)
        self._socket.taken_byte = self.buffer.sent_byte
        return self._socket.protocol.take_frames()

    def frames_sent(self, now: float) -> None:
        """What was taken has been handed to the socket, which may have taken its time."""
        if self._socket is not None:
            self._socket.sent.receive_sent(self._socket.taken_byte, now)

    # --- time ---

    def tick(self, now: float) -> None:
        """Time has passed."""
        socket = self._socket
        self._captions.tick(now)
        self._results.tick(now)
        if socket is None:
            return
        policy = self._policy
        if socket.listening_at is None and now >= socket.opened_at + policy.start_timeout_seconds:
            socket.close_wanted = True
        if socket.stopped_at is not None and now >= socket.stopped_at + policy.stop_timeout_seconds:
            self._flush_timed_out(socket)
        self._settle_by_time(socket, now)
        self._pump(now)

    def next_deadline(self, now: float) -> float | None:
        """When ``tick`` is due at the latest; None when only outside events matter."""
        socket = self._socket
        policy = self._policy
        due = [each for each in (self._captions.next_deadline(), self._results.deadline) if each is not None]
        if socket is None or socket.close_wanted:
            pass
        elif socket.listening_at is None:
            due.append(socket.opened_at + policy.start_timeout_seconds)
        else:
            if socket.stopped_at is not None:
                due.append(socket.stopped_at + policy.stop_timeout_seconds)
            waiting_since = self.buffer.waiting_since
            if waiting_since is not None:
                due.append(max(waiting_since + policy.join_seconds, self._allowed_at(socket, now)))
            held_since = socket.sent.held_since
            if held_since is not None:
                due.append(held_since + policy.max_hold_seconds)
        return min(due) if due else None

    # --- sending ---

    def _pump(self, now: float) -> None:
        """Hand audio and requests to the protocol, as far as the pace allows."""
        socket = self._socket
        if socket is None or socket.protocol.state is not ProtocolState.LISTENING or socket.close_wanted:
            return
        ending = self.phase is Phase.ENDING
        while now >= self._allowed_at(socket, now):
            fmt = self.buffer.due_format()
            if fmt is not None:
                socket.protocol.modify(modify_request(fmt.encoding, fmt.sample_rate_hz))
                continue
            since = self.buffer.waiting_since
            flush = ending or (since is not None and now >= since + self._policy.join_seconds)
            frame = self.buffer.next_frame(flush=flush)
            if frame is not None:
                socket.protocol.send_audio(frame)
            elif not self.buffer.skip_half_sample(ending=ending):
                break
        if ending and not self.buffer.has_unsent and socket.stopped_at is None:
            socket.protocol.stop()
            socket.stopped_at = now

    def _allowed_at(self, socket: _Socket, now: float) -> float:
        """When the pace lets the next frame go."""
        policy = self._policy
        if policy.pace <= 0 or socket.listening_at is None:
            return now
        ahead = (self.buffer.sent_us - socket.base_us) / 1e6 - policy.burst_seconds
        return socket.listening_at + ahead / policy.pace

    # --- results ---

    def _hear(self, socket: _Socket, event: ServerEvent, now: float) -> None:
        match event:
            case RecognitionStarted():
                self._listening(socket, now)
            case RecognitionResult():
                self._recognition(socket, event, now)
            case Messages():
                for message in event.messages:
                    self._message(socket, message, now)
            case Insights():
                self._results.insights(self, event)
            case Topics():
                self._results.topics(self, event)
            case Trackers():
                self._results.trackers(self, event)
            case Entities():
                self._results.entities(self, event)
            case _:
                pass

    def _listening(self, socket: _Socket, now: float) -> None:
        if socket.listening_at is not None or socket.protocol.state is not ProtocolState.LISTENING:
            return
        socket.listening_at = now
        socket.base_us = self.buffer.sent_us
        self._socket_asked_for = False
        self._refusals = 0
        preamble = self.buffer.preamble()
        for begin in range(0, len(preamble), MAX_FRAME_BYTES):
            socket.protocol.send_audio(preamble[begin : begin + MAX_FRAME_BYTES])
        if self._had_socket:
            self.state.counters.reconnects += 1
            replayed_us = self.buffer.end_us - socket.base_us
            self._lifecycle(LifeCycleEvent.RESUMED, self, None, {"replayed_ms": replayed_us // 1000})
        else:
            self._had_socket = True
            self._lifecycle(LifeCycleEvent.STARTED, self, None, {})

    def _recognition(self, socket: _Socket, event: RecognitionResult, now: float) -> None:
        if not self.hears(event.user):
            return
        self._results.claim(event.user, self.stream)
        socket.heard |= event.is_final
        has_text = bool(event.text)
        if event.is_final:
            socket.sent.receive_final(now, has_text=has_text)
            self._captions.drop()
            return
        socket.sent.receive_interim(has_text=has_text)
        if self._policy.captions and has_text:
            start_ms, sent_ms = self.buffer.settled_us // 1000, self.buffer.sent_us // 1000
            self._captions.write(event.text, self._results.shown(self.state.speaker), start_ms, sent_ms, now)

    def _message(self, socket: _Socket, message: SymblMessage, now: float) -> None:
        if not self.hears(message.from_) or self._is_of_another_socket(socket, message, now):
            return
        socket.sent.receive_message()
        buffer, state = self.buffer, self.state
        start_us = buffer.settled_us if message.start_ms is None else socket.base_us + message.start_ms * 1000
        end_us = start_us if message.end_ms is None else socket.base_us + message.end_ms * 1000
        # The clock never goes back, and nothing is heard that was not sent.
        latest_us = max(buffer.sent_us, self._heard_us)
        start_us = min(max(start_us, self._heard_us), latest_us)
        end_us = min(max(end_us, start_us), latest_us)
        base_ms = socket.base_us // 1000
        words = [TimedWord(word.text, base_ms + word.start_ms, base_ms + word.end_ms) for word in message.words]
        place = buffer.place(start_us, end_us, self._trace)
        self._heard_us = end_us
        is_known = message.end_ms is not None and self._results.is_known(message.from_)
        settled_byte = min(buffer.byte_at(end_us), buffer.sent_byte) if is_known else 0

        def said() -> None:
            self._unsaid.popleft()
            self._here = place
            state.last_end_us = end_us
            self._settle(settled_byte)

        self._unsaid.append(buffer.byte_at(start_us))
        self._results.message(self, message, words, place, said)

    def _is_of_another_socket(self, socket: _Socket, message: SymblMessage, now: float) -> bool:
        """Whether a message is about audio of an earlier socket: a host may go on with what a lost one had sent.

        Its times say nothing about this socket's audio, which will be recognised again. The earlier socket may have
        been another worker's; so a new one's messages count when a final result has come before them, or when it is so
        old that no earlier one can still be flushed.
        """
        if socket.listening_at is None:
            return True
        if not socket.heard and now < socket.listening_at + self._policy.stop_timeout_seconds:
            return True
        sent_us = self.buffer.sent_us - socket.base_us
        return message.end_ms is not None and message.end_ms * 1000 > sent_us + CLOCK_SLACK_US

    # --- settlement ---

    def _settle_by_time(self, socket: _Socket, now: float) -> None:
        if socket.close_wanted:
            return
        sent = socket.sent
        if sent.silent_byte is not None:
            self._settle(self._cut_before(sent.silent_byte))
        elif sent.missed_byte is not None:
            self._lose("no_message", self._cut_before(sent.missed_byte))
        if sent.held_since is not None and now >= sent.held_since + self._policy.max_hold_seconds:
            self._lose("max_hold", self.buffer.sent_byte)

    def _cut_before(self, byte: int) -> int:
        """Last place at or before a position where the audio may be cut in two."""
        return byte if byte == self.buffer.end_byte else self.buffer.cut_before(byte)

    def _flush_timed_out(self, socket: _Socket) -> None:
        socket.stopped_at = None
        socket.close_wanted = True
        self._flush_timeouts += 1
        if self._flush_timeouts >= self._policy.max_refusals and not self.buffer.is_settled:
            self._lose("not_flushed", self.buffer.end_byte)

    def _lose(self, reason: str, end_byte: int) -> None:
        """Give up what is not settled before a position.

        The socket goes as well: its clock counts what it was sent, and no late result may contradict the gap.
        """
        self._results.release()
        if end_byte <= self.state.settled_byte:
            # It was covered by messages that waited.
            return
        self._say_gap(reason, self.buffer.settled_us, self.buffer.us_at(end_byte), 0)
        self._settle(end_byte)
        if self._socket is not None:
            self._socket.close_wanted = True

    def _tell_lost(self) -> None:
        """What retention removed while nobody read is not told by the producer's numbering."""
        if self._may_lack:
            self._may_lack = False
            at_us = self.buffer.settled_us
            self._say_gap("retention", at_us, at_us, 0)

    def _missing_records(self, byte: int, missing: int) -> None:
        at_us = self.buffer.us_at(byte)
        self._say_gap("missing_records", at_us, at_us, missing)

    def _say_gap(self, reason: str, start_us: int, end_us: int, missing: int) -> None:
        self.state.counters.gaps += 1
        detail: dict[str, object] = {
            "start_ms": start_us // 1000,
            "end_ms": end_us // 1000,
            "missing_records": missing,
        }
        self._lifecycle(LifeCycleEvent.GAP, self, reason, detail)

    def _settle(self, byte: int) -> None:
        """All audio before this position is settled, but for that of messages that are not published yet."""
        self._settled_byte = max(self._settled_byte, byte)
        byte = min(self._settled_byte, *self._unsaid) if self._unsaid else self._settled_byte
        if self.buffer.settle(byte):
            if self._socket is not None:
                self._socket.sent.receive_settled(byte)
            self._touch()

    # --- the end ---

    def _flushed(self) -> None:
        """No result will come any more: all is settled."""
        self._settle(self.buffer.end_byte)
        self._close(Phase.ENDED)

    def give_up(self, why: str) -> None:
        """Give the stream up: what is held becomes dead letters, and so does what comes."""
        if self.is_over:
            return
        self._failure = why
        self.state.given_up = None if self.end_seen else why
        self._results.release()
        for chunk in self.buffer.chunks():
            self._dead_letter(chunk.record())
        self._lifecycle(LifeCycleEvent.FAILED, self, why, {"attempts": self._refusals})
        self._settle(self.buffer.end_byte)
        self._close(Phase.FAILED)

    def _close(self, phase: Phase) -> None:
        self.phase = phase
        self.state.ended = True
        if self._socket is not None:
            self._socket.close_wanted = True
        self._captions.drop()
        for offset in self._end_offsets:
            self._finish_unheard(offset)
        self._end_offsets = []
        self._touch()

    def _finish_unheard(self, offset: int) -> None:
        """Finish a record that came when all before it was settled, and that brought no audio."""
        self.state.offset = max(self.state.offset, offset)
        self._book.finish(offset)
        self._touch()

    def _dead_letter(self, record: InputRecord) -> None:
        self._book.say(
            DeadLetter(
                record=record,
                reason=Reason.STREAM_FAILED,
                detail=f"the stream was given up: {self._failure}",
                conversation_id=self.conversation_id,
                stream=self.stream,
            )
        )

    def _touch(self) -> None:
        self._book.touch(self.conversation_id)
