"""A stream without audio: it follows a conversation that somebody else feeds. Pure.

A subscriber says nothing. It hears what is said from the moment at which its socket is open, so what was said while
there was none is read from the host's Conversation API, as soon as there is a socket and, when one was lost, once more
at the end; what the new socket brings meanwhile waits, so that the order stays. A message is published once: the host's
ids of those published last are in the state.

The shell does for a subscription what it does for a session, see :mod:`worker.sessions.session`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from worker.errors import ConnectionLostError, RequestRefusedError, WorkerError
from worker.records import LifeCycleEvent, Speaker, Trace
from worker.sessions.book import Book
from worker.sessions.buffer import Place
from worker.sessions.captions import CaptionWriter
from worker.sessions.following import is_published, missed_messages, note_published, times_of
from worker.sessions.owed import OwedRequest
from worker.sessions.results import ConversationResults
from worker.sessions.session import LifeCycleWriter, Phase, Session, SessionPolicy
from worker.sessions.state import StreamState, SubscriptionState
from worker.symbl.findings import FindingKind, Findings
from worker.symbl.messages import (
    ConversationCompleted,
    ConversationCreated,
    Entities,
    Failure,
    Insights,
    Malformed,
    Messages,
    RecognitionResult,
    RecognitionStarted,
    ServerEvent,
    SubscriptionStarted,
    SymblMessage,
    SymblUser,
    Topics,
    Trackers,
    Unknown,
    parse,
)

MISSED_KINDS: Final[frozenset[FindingKind]] = frozenset({"message", "entity"})
"""Entities as well, since the host marks personal data there."""

NAMING: Final = (SubscriptionStarted, ConversationCreated, RecognitionStarted, ConversationCompleted)
"""What tells the host's id of the conversation. Hosts may leave out any of them."""

_Finding: TypeAlias = Messages | Insights | Topics | Trackers | Entities


@dataclass(slots=True)
class _Socket:
    """What is true of one WebSocket only.

    Args:
        is_heard: the host has named the conversation, or said something of it.
    """

    opened_at: float
    is_heard: bool = False
    is_refused: bool = False
    close_wanted: bool = False
    unknown_total: int = 0
    malformed_total: int = 0


class Subscription:
    """One stream that follows a connection id.

    It is over when the host completes the conversation, or names another one on the connection id; when nothing is
    heard on several sockets in a row after something had been; when ``receive_end`` says so; or when the host refuses.

    Invariants: a message of the host is published once; sequences have no holes; begins of messages never go back.

    Args:
        state: with a ``subscription``.
        on_owed: told what is to be read from the host.
        restored: an earlier owner of the partition followed it, who may have had a socket.
    """

    def __init__(
        self,
        *,
        conversation_id: str,
        stream: str,
        state: StreamState,
        policy: SessionPolicy,
        book: Book,
        results: ConversationResults,
        lifecycle: LifeCycleWriter,
        on_owed: Callable[[OwedRequest], None],
        restored: bool,
        trace: Trace | None = None,
    ) -> None:
        assert state.subscription is not None, f"{conversation_id}/{stream} follows nothing"
        self.conversation_id = conversation_id
        self.stream = stream
        self.state = state
        self.phase = Phase.OPEN
        self.end_seen = False
        self._followed: SubscriptionState = state.subscription
        self._policy = policy
        self._book = book
        self._results = results
        self._lifecycle = lifecycle
        self._on_owed = on_owed
        self._trace = trace
        self._captions = CaptionWriter(
            conversation_id, stream, partial(results.caption, stream), book.caption, policy.caption_interval_seconds
        )
        self._socket: _Socket | None = None
        self._was_heard = restored and self._followed.symbl_conversation_id is not None
        self._silent_sockets = 0
        self._refusals = 0
        # What no socket brought was read since the last one was opened.
        self._is_complete = False
        self._requests = 0
        self._is_awaited = False
        self._held: list[_Finding] = []
        # So many of them came on sockets that are lost.
        self._held_at_loss = 0
        self._end_offsets: list[int] = []
        self._speakers: dict[str, Speaker] = {}
        self._here: Place | None = None
        self._heard_us = state.last_end_us

    def __repr__(self) -> str:
        return f"<Subscription {self.conversation_id}/{self.stream} {self.phase.name} held={len(self._held)}>"

    # --- what the shell asks ---

    @property
    def connection_id(self) -> str:
        """What the stream's sockets dial."""
        return self._followed.connection_id

    @property
    def wants_connection(self) -> bool:
        """Whether a socket should be opened."""
        return self._socket is None and self.phase is Phase.OPEN

    @property
    def wants_close(self) -> bool:
        """Whether the open socket has served its purpose."""
        return self._socket is not None and self._socket.close_wanted

    @property
    def is_listening(self) -> bool:
        """Whether something has come on the open socket."""
        return self._socket is not None and self._socket.is_heard

    @property
    def is_over(self) -> bool:
        """Ended or failed; no socket will be wanted any more."""
        return self.phase in (Phase.ENDED, Phase.FAILED)

    @property
    def is_unknown(self) -> bool:
        """A socket was open for long enough and the host never said anything: there may be no such conversation."""
        return not self._was_heard and self._silent_sockets > 0

    @property
    def symbl_conversation_id(self) -> str | None:
        """The host's id of the conversation."""
        return self._followed.symbl_conversation_id

    @property
    def odd_messages(self) -> tuple[int, int]:
        """Messages of unknown type, and messages that could not be read, on the open socket so far."""
        return (0, 0) if self._socket is None else (self._socket.unknown_total, self._socket.malformed_total)

    # --- attribution (see results.Owner) ---

    speaks_alone = False

    @property
    def has_resumed(self) -> bool:
        """Nothing is sent, so nothing is recognised again."""
        return False

    def hears(self, user: SymblUser | None) -> bool:
        """Everybody speaks on this socket."""
        return True

    def here(self) -> Place:
        """Place of the latest message; before the first one, where the last owner came to."""
        start_us = self._followed.start_us
        return self._here or self._place(start_us, max(start_us, self.state.last_end_us), None)

    def speaker_of(self, user: SymblUser) -> Speaker | None:
        """Who spoke in this conversation as this user, as far as this owner has heard."""
        return self._speakers.get(user.user_id or user.id or "")

    # --- from Kafka ---

    def take_up(self) -> None:
        """Go on where an earlier owner was, who may have been about to end."""
        if self._followed.completed:
            self._finish()

    def receive_end(self, offset: int | None, now: float) -> None:
        """Follow no longer. ``offset`` is of the record that said so, if one did; it is finished with the stream."""
        if offset is not None:
            self._end_offsets.append(offset)
        if self.is_over:
            self._finish_ends()
        elif self.phase is Phase.OPEN:
            self._finish()

    # --- from the host ---

    def connection_opened(self, now: float) -> None:
        """A socket is open: the host says first of which conversation."""
        assert self._socket is None, f"{self!r} has a socket"
        self._socket = _Socket(now)

    def receive_frame(self, frame: bytes | str, now: float) -> None:
        """A message of the host."""
        socket = self._socket
        if socket is None or socket.close_wanted:
            return
        event = parse(frame)
        match event:
            case Unknown():
                socket.unknown_total += 1
            case Malformed():
                socket.malformed_total += 1
            case Failure():
                # Later it is news, and the socket decides.
                socket.is_refused = socket.close_wanted = not socket.is_heard
            case _:
                self._heard(socket, event)
                if not socket.close_wanted:
                    self._take(event, now)

    def connection_confirmed(self, pinged_at: float, now: float) -> None:
        """A pong came. Nothing was sent that it could confirm."""

    def connection_closed(self, code: int | None, now: float) -> WorkerError | None:
        """The socket is gone.

        Returns:
            What went wrong; None when the end was orderly.
        """
        socket, self._socket = self._socket, None
        self._captions.drop()
        if socket is None or self.phase is not Phase.OPEN:
            return None
        if socket.is_heard:
            # What is under way was asked before the loss, and would not tell what was lost by it.
            self._is_complete = self._is_awaited = False
            self._requests += 1
            self._held_at_loss = len(self._held)
            self._results.lose_socket(self.stream)
        if not socket.is_refused:
            return ConnectionLostError("the subscription ended without the conversation", code)
        refusal = RequestRefusedError("error before the subscription started")
        self.connection_refused(refusal)
        return None if self.is_over else refusal

    def connection_refused(self, error: WorkerError) -> None:
        """The host refused the request itself; after a few times the stream is given up."""
        if isinstance(error, RequestRefusedError) and not self.is_over:
            self._refusals += 1
            if self._refusals >= self._policy.max_refusals:
                self.give_up(type(error).__name__)

    def receive_missed(self, request: int, findings: Findings) -> None:
        """What the host has kept of the conversation: publish what no socket brought, then what has waited."""
        if request != self._requests or not self._is_awaited:
            return
        self._is_awaited = False
        self._is_complete = findings.failed is None
        self._followed.failed = findings.failed
        live = _messages_of(self._held)
        fresh = _messages_of(self._held[self._held_at_loss :])
        for message in missed_messages(self._followed, findings):
            # What came on a socket, perhaps on one that was lost since, has its place among the others.
            is_new = self._message(live.get(message.id, message), is_recovered=message.id not in live)
            if is_new and message.id not in fresh:
                # What was found in it may have been said on no socket of ours.
                self._results.owe(self.stream)
        self._release()
        self._touch()
        if self.phase is Phase.ENDING:
            self._close(Phase.ENDED)

    # --- time, and what is sent: nothing ---

    def take_frames(self, now: float) -> list[bytes | str]:
        """Subscribers have nothing to say."""
        return []

    def frames_sent(self, now: float) -> None:
        """What was taken has been handed to the socket."""

    def tick(self, now: float) -> None:
        """Time has passed."""
        self._captions.tick(now)
        self._results.tick(now)
        socket = self._socket
        if socket is None or socket.is_heard or socket.close_wanted:
            return
        if now >= socket.opened_at + self._policy.start_timeout_seconds:
            # Of an unknown connection id hosts say nothing at all.
            socket.close_wanted = True
            self._silent_sockets += 1
            if self._was_heard and self._silent_sockets >= self._policy.max_refusals:
                self._complete()

    def next_deadline(self, now: float) -> float | None:
        """When ``tick`` is due at the latest; None when only outside events matter."""
        due = [self._captions.next_deadline(), self._results.deadline]
        socket = self._socket
        if socket is not None and not socket.is_heard and not socket.close_wanted:
            due.append(socket.opened_at + self._policy.start_timeout_seconds)
        return min((each for each in due if each is not None), default=None)

    # --- hearing ---

    def _heard(self, socket: _Socket, event: ServerEvent) -> None:
        """The conversation is live."""
        followed = self._followed
        named = event.conversation_id if isinstance(event, NAMING) else None
        if named is not None:
            if followed.symbl_conversation_id not in (None, named):
                # The connection id names another conversation by now.
                self._complete()
                return
            followed.symbl_conversation_id = named
        if socket.is_heard:
            return
        socket.is_heard = True
        self._silent_sockets = self._refusals = 0
        if self._was_heard:
            self.state.counters.reconnects += 1
            self._lifecycle(LifeCycleEvent.RESUMED, self, None, {"replayed_ms": 0})
        else:
            self._was_heard = True
            self._lifecycle(LifeCycleEvent.STARTED, self, None, {})
        self._touch()
        self._ask()

    def _take(self, event: ServerEvent, now: float) -> None:
        match event:
            case RecognitionResult():
                self._recognition(event, now)
            case Messages() | Insights() | Topics() | Trackers() | Entities():
                if self._is_awaited:
                    self._held.append(event)
                else:
                    self._publish(event)
            case ConversationCompleted():
                self._complete()
            case _:
                pass

    def _recognition(self, event: RecognitionResult, now: float) -> None:
        speaker = self._note_speaker(event.user)
        if event.is_final:
            self._captions.drop()
        elif self._policy.captions and event.text:
            clock_ms = self.state.last_end_us // 1000
            self._captions.write(event.text, self._results.shown(speaker), clock_ms, clock_ms, now)

    def _publish(self, event: _Finding) -> None:
        match event:
            case Messages():
                for message in event.messages:
                    self._message(message)
            case Insights():
                self._results.insights(self, event)
            case Topics():
                self._results.topics(self, event)
            case Trackers():
                self._results.trackers(self, event)
            case Entities():
                self._results.entities(self, event)

    def _message(self, message: SymblMessage, *, is_recovered: bool = False) -> bool:
        """Publish a message, unless that was done before. Returns whether it is new."""
        if is_published(self._followed, message):
            return False
        start_us, end_us, words = times_of(self._followed, message, self._heard_us)
        self._heard_us = max(self._heard_us, end_us)
        self._followed.start_us = start_us
        place = self._place(start_us, end_us, self._note_speaker(message.from_))

        def said() -> None:
            self._here = place
            self.state.last_end_us = max(self.state.last_end_us, end_us)
            self._followed.recovered += is_recovered
            note_published(self._followed, message, start_us)

        return self._results.message(self, message, words, place, said)

    def _place(self, start_us: int, end_us: int, speaker: Speaker | None) -> Place:
        offset = self._followed.offset
        return Place(
            start_us=start_us,
            end_us=end_us,
            first_offset=offset,
            last_offset=offset,
            speaker=speaker,
            trace=self._trace,
        )

    def _note_speaker(self, user: SymblUser | None) -> Speaker | None:
        if user is None or (user.user_id is None and user.name is None):
            return None
        speaker = Speaker(user_id=user.user_id, name=user.name)
        key = user.user_id or user.id
        if key is not None:
            self._speakers[key] = speaker
        return speaker

    # --- what no socket brought ---

    def _ask(self) -> None:
        self._requests += 1
        self._is_awaited = True
        request = self._requests
        symbl_id = self._followed.symbl_conversation_id
        ids = () if symbl_id is None else (symbl_id,)
        self._on_owed(
            OwedRequest(
                self.conversation_id, ids, MISSED_KINDS, lambda findings: self.receive_missed(request, findings)
            )
        )

    def _release(self) -> None:
        """Publish what has waited."""
        held, self._held = self._held, []
        lost, self._held_at_loss = self._held_at_loss, 0
        for number, event in enumerate(held):
            self._publish(event)
            if number < lost:
                self._results.owe(self.stream)

    # --- the end ---

    def _complete(self) -> None:
        """The conversation is over at the host."""
        self._followed.completed = True
        self._finish()

    def _finish(self) -> None:
        """Hear no more, publish what is missing, end."""
        self.phase = Phase.ENDING
        self.end_seen = True
        self._results.release()
        if self._socket is not None:
            self._socket.close_wanted = True
        self._touch()
        if self._is_awaited:
            return
        # Hosts may keep what was said somewhat later than they say it.
        was_lost = not self._is_complete or self.state.counters.reconnects > 0
        if was_lost and self._followed.symbl_conversation_id is not None:
            self._ask()
        else:
            self._close(Phase.ENDED)

    def give_up(self, why: str) -> None:
        """Give the stream up."""
        if self.is_over:
            return
        self.end_seen = True
        self._lifecycle(LifeCycleEvent.FAILED, self, why, {"attempts": self._refusals})
        self._close(Phase.FAILED)

    def _close(self, phase: Phase) -> None:
        self._release()
        self._results.release()
        self.phase = phase
        self.state.ended = True
        if self._socket is not None:
            self._socket.close_wanted = True
        self._is_awaited = False
        self._captions.drop()
        self._finish_ends()
        self._touch()

    def _finish_ends(self) -> None:
        for offset in self._end_offsets:
            self.state.offset = max(self.state.offset, offset)
            self._book.finish(offset)
            self._touch()
        self._end_offsets = []

    def _touch(self) -> None:
        self._book.touch(self.conversation_id)


def _messages_of(events: Iterable[_Finding]) -> dict[str | None, SymblMessage]:
    told = (event.messages for event in events if isinstance(event, Messages))
    return {message.id: message for messages in told for message in messages}


Served: TypeAlias = Session | Subscription
"""What has sockets of its own."""
