"""Everything that shares one connection id: speaker sockets, subscribers and their conversation.

The rules are `Conversation`'s; a room does what it says, with sockets, recognisers and a timer.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import orjson

from worker.engine import messages
from worker.engine.analysis import SpeakerRef
from worker.engine.conversation import (
    Action,
    Audience,
    ChangeFormat,
    Close,
    Conversation,
    Flush,
    LineState,
    Listen,
    Send,
)
from worker.engine.messages import Frame
from worker.engine.metrics import EngineMetrics
from worker.engine.outbox import Outbox
from worker.engine.peers import Broadcast, Outlet, Peer, TextFrame
from worker.engine.recognizers.events import Event, SpeechRequest
from worker.engine.recognizers.factory import RecognizerTraits
from worker.engine.requests import (
    PONG,
    ModifyRequest,
    Ping,
    SpeakerRequest,
    StartRequest,
    StopRequest,
    TrackerRequest,
    Unreadable,
    format_problem,
    parse_text,
)
from worker.engine.sessions import Listeners, Session, SessionMaker
from worker.engine.store.model import ConversationRecord, MemberRecord, Recorder

logger = logging.getLogger(__name__)

# What a speaker's backlog holds easily.
_MAX_WAITING = 32


@dataclass(frozen=True, kw_only=True)
class RoomContext:
    """What all rooms share.

    Args:
        clock: Seconds since the epoch; never goes back.
        new_conversation: Makes a conversation with a new id.
        account_trackers: The trackers that are saved with an account.
    """

    clock: Callable[[], float]
    new_conversation: Callable[[], Conversation]
    sessions: SessionMaker
    traits: RecognizerTraits
    completion_grace_seconds: float
    metrics: EngineMetrics
    recorder: Recorder
    account_trackers: Callable[[str], Sequence[TrackerRequest]]


@dataclass(eq=False, kw_only=True)
class SpeakerSocket:
    """One speaker socket.

    Args:
        user_id: What the client calls the speaker.
        joined: It takes part in the room's conversation.
        closing: It will be closed; requests are no longer answered.
        open: False while its last words are still being recognised after the connection went.
        telephone: It is a call; those who follow it also get the short form of recognition results.
        flushed: Is set when its recogniser has finished early, because the engine is about to end.
    """

    line: int
    connection_id: str
    peer: Outlet
    user_id: str | None = field(default=None, repr=False)
    session: Session | None = field(default=None, repr=False)
    joined: bool = False
    closing: bool = False
    open: bool = True
    telephone: bool = False
    flushed: asyncio.Event | None = None


class Room:
    """Invariants: ``conversation`` is None or not completed; every open socket of the connection id is in here; what is
    kept is told when it is kept, and all else in its order between."""

    def __init__(
        self, account: str, connection_id: str, context: RoomContext, on_empty: Callable[[Room], None]
    ) -> None:
        self.account = account
        self.connection_id = connection_id
        self.conversation: Conversation | None = None
        self.sockets: dict[int, SpeakerSocket] = {}
        self.subscribers: set[Peer] = set()
        self._broadcast = Broadcast()
        self._outbox = Outbox()
        self._context = context
        self._on_empty = on_empty
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0

    def __repr__(self) -> str:
        return f"<Room sockets={len(self.sockets)} subscribers={len(self.subscribers)} {self.conversation!r}>"

    # --- what sockets do ---------------------------------------------------------------------------------------------

    def receive_text(self, socket: SpeakerSocket, text: str) -> None:
        if socket.closing:
            return
        match parse_text(text):
            case Ping():
                socket.peer.send(TextFrame(PONG.encode()))
            case Unreadable(message, details):
                socket.peer.send(_encode(messages.input_error(message, details)))
            case StartRequest() as request:
                self._receive_start(socket, request)
            case ModifyRequest() as request:
                self._receive_modify(socket, request)
            case StopRequest():
                if self.conversation is not None:
                    stopped = self.conversation.receive_stop(socket.line, self._context.clock())
                    self._perform(self.conversation, stopped)

    async def receive_audio(self, socket: SpeakerSocket, audio: bytes) -> None:
        """Audio of a line that does not listen is ignored. Waits while recogniser or reader are far behind."""
        if socket.flushed is not None:
            return
        if self.conversation is not None and self.is_listening(socket) and socket.session is not None:
            session = socket.session
            session.feed(audio)
            await session.ready()
            await self._told()
            await socket.peer.drained()
            await self._broadcast.drained()

    async def _told(self) -> None:
        """Waits while much is to be told when it is kept, which would come all at once."""
        if self._outbox.waiting > _MAX_WAITING:
            told = asyncio.Event()
            self._outbox.say(told.set)
            await told.wait()

    def receive_speaker(self, socket: SpeakerSocket, speaker: SpeakerRequest, at: float) -> None:
        """Somebody else speaks on this socket from now on.

        Args:
            at: When, in seconds since the epoch.
        """
        conversation = self.conversation
        if conversation is not None:
            who = conversation.receive_speaker(socket.line, speaker, at)
            self._note_member(conversation, who)

    def receive_loss(self, socket: SpeakerSocket) -> None:
        """The socket is gone, however it went."""
        socket.open = False
        conversation = self.conversation
        if socket.flushed is not None and self.is_listening(socket):
            socket.flushed.set()
        if conversation is None or conversation.line_state(socket.line) is not LineState.STOPPING:
            self.sockets.pop(socket.line, None)
            if socket.session is not None:
                socket.session.abort()
        if conversation is not None:
            self._perform(conversation, conversation.receive_loss(socket.line, self._context.clock()))
        self._tell_if_empty()

    def unsubscribe(self, peer: Peer) -> None:
        self.subscribers.discard(peer)
        self._tell_if_empty()

    def subscribe(self, peer: Peer) -> None:
        self.subscribers.add(peer)
        if self.conversation is not None:
            peer.send(_encode(messages.subscription_started(self.conversation.conversation_id)))

    def is_listening(self, socket: SpeakerSocket) -> bool:
        return self.conversation is not None and self.conversation.line_state(socket.line) is LineState.LISTENING

    def flush(self) -> list[asyncio.Event]:
        """Ends recognition, so that what was said so far is told. The events are set when that is done.

        An unfinished utterance of coded speech is left alone: to cut it would be damage, and its client sends it again.
        """
        flushed = []
        for socket in list(self.sockets.values()):
            state = None if self.conversation is None else self.conversation.line_state(socket.line)
            cutting = state is LineState.LISTENING and not self._context.traits.verbatim
            if socket.session is not None and (cutting or state is LineState.STOPPING):
                socket.flushed = asyncio.Event()
                flushed.append(socket.flushed)
                if cutting:
                    socket.session.finish()
        return flushed

    def release(self) -> None:
        """Tells everything that is to be told, kept or not."""
        self._outbox.release()

    def close(self) -> None:
        """Forgets timers and recognisers; the sockets are closed by their owner."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for socket in self.sockets.values():
            if socket.session is not None:
                socket.session.abort()

    # --- requests ----------------------------------------------------------------------------------------------------

    def _receive_start(self, socket: SpeakerSocket, request: StartRequest) -> None:
        problem = request.problem or self._context.traits.problem(request.audio_format, request.language)
        if problem is not None:
            logger.info("start refused", extra={"line": socket.line})
            socket.peer.send(_encode(messages.processing_error(problem)))
            socket.closing = True
            socket.peer.close(1000, grace_seconds=self._context.completion_grace_seconds)
            return
        if self.conversation is None:
            self.conversation = self._context.new_conversation()
            self._context.metrics.note_conversation()
            logger.info("conversation started", extra={"conversation": self.conversation.conversation_id})
            self._context.recorder.started(
                ConversationRecord(
                    id=self.conversation.conversation_id,
                    account=self.account,
                    connection_id=self.connection_id,
                    started_at=self._context.clock(),
                )
            )
            self._send_to_subscribers([_encode(messages.subscription_started(self.conversation.conversation_id))])
        if request.enable_all_trackers:
            saved = self._context.account_trackers(self.account)
            request = replace(request, trackers=(*request.trackers, *saved))
        socket.user_id = request.speaker.user_id
        conversation = self.conversation
        started_actions = conversation.receive_start(socket.line, request, self._context.clock())
        if request.meeting_title is not None:
            self._context.recorder.named(conversation.conversation_id, request.meeting_title)
        self._note_member(conversation, conversation.speaker(socket.line))
        self._perform(conversation, started_actions)

    def _note_member(self, conversation: Conversation, speaker: SpeakerRef | None) -> None:
        if speaker is not None:
            member = MemberRecord(id=speaker.id, name=speaker.name, user_id=speaker.user_id)
            self._context.recorder.joined(conversation.conversation_id, member)

    def _receive_modify(self, socket: SpeakerSocket, request: ModifyRequest) -> None:
        conversation = self.conversation
        current = None if conversation is None else conversation.audio_format(socket.line)
        if conversation is None or current is None or not self.is_listening(socket):
            details = "A modify_request needs a running session."
            socket.peer.send(_encode(messages.input_error("Invalid modify_request.", details)))
            return
        changed = request.applied_to(current)
        problem = request.problem or format_problem(changed) or self._context.traits.problem(changed)
        if problem is not None:
            socket.peer.send(_encode(messages.input_error("Invalid modify_request.", problem)))
            return
        conversation.receive_options(detect_entities=request.detect_entities, sentiment=request.sentiment)
        self._perform(conversation, conversation.receive_format(socket.line, changed, self._context.clock()))

    # --- what conversations want -------------------------------------------------------------------------------------

    def _perform(self, conversation: Conversation, actions: list[Action]) -> None:
        completed = conversation.completed and self.conversation is conversation
        if completed:
            self.conversation = None
            logger.info("conversation completed", extra={"conversation": conversation.conversation_id})
        self._carry_out(conversation, actions)
        if completed:
            self._context.recorder.ended(conversation.conversation_id, self._context.clock())
        self._schedule()
        self._tell_if_empty()

    def _carry_out(self, conversation: Conversation, actions: list[Action]) -> None:
        told = [each.frame for each in actions if isinstance(each, Send) and each.audience is Audience.EVERYONE]
        for frame in told:
            self._context.recorder.said(conversation.conversation_id, frame, redacted=conversation.redacting)
        if told:
            # Whoever was told something can ask for it, also after we have died, and for what was found in it.
            self._context.recorder.kept(self._outbox.hold())
        # Subscribers may be thousands: what one event causes reaches each of them in one piece.
        to_subscribers: list[TextFrame] = []
        for action in actions:
            match action:
                case Send(audience, line, frame):
                    self._context.metrics.note_frame(frame)
                    encoded = _encode(frame)
                    self._send_to_speakers(audience, line, encoded)
                    if audience is not Audience.LINE:
                        to_subscribers.append(encoded)
                    to_subscribers += self._short_form(line, frame)
                case Listen(line, audio_format, vocabulary, language):
                    wanted = SpeechRequest(audio_format=audio_format, language=language, vocabulary=vocabulary)
                    self._listen(conversation, line, wanted)
                case ChangeFormat(line, audio_format):
                    session = self.sockets[line].session
                    assert session is not None
                    session.change_format(audio_format)
                case Flush(line):
                    self._finish(conversation, self.sockets[line])
                case Close(None, code):
                    self._send_to_subscribers(to_subscribers)
                    to_subscribers = []
                    grace_seconds = self._context.completion_grace_seconds
                    self._outbox.say(
                        partial(self._broadcast.close, self.subscribers, code, grace_seconds=grace_seconds)
                    )
                case Close(int(line), code):
                    self._close(line, code)
        self._send_to_subscribers(to_subscribers)

    def _send_to_subscribers(self, frames: list[TextFrame]) -> None:
        self._outbox.say(partial(self._broadcast.send, self.subscribers, frames))

    def _send_to_speakers(self, audience: Audience, line: int | None, frame: TextFrame) -> None:
        if audience is Audience.EVERYONE:
            for socket in self.sockets.values():
                if socket.joined:
                    self._outbox.say(partial(socket.peer.send, frame))
        elif line is not None and audience is not Audience.SUBSCRIBERS:
            self._outbox.say(partial(self.sockets[line].peer.send, frame))

    def _short_form(self, line: int | None, frame: Frame) -> list[TextFrame]:
        """What those who follow a call get besides."""
        socket = None if line is None else self.sockets.get(line)
        match frame:
            case {"message": {"type": "recognition_result"}} if socket is not None and socket.telephone:
                return [_encode(messages.transcript_response(frame))]
        return []

    def _listen(self, conversation: Conversation, line: int, wanted: SpeechRequest) -> None:
        socket = self.sockets[line]

        def on_events(events: list[Event]) -> None:
            self._perform(conversation, conversation.receive_events(line, events, self._context.clock()))

        def on_finished() -> None:
            self._perform(conversation, conversation.receive_flushed(line, self._context.clock()))
            if socket.flushed is not None:
                socket.flushed.set()

        def on_failed() -> None:
            self._context.metrics.note_failure()
            logger.warning("recognition lost", extra={"conversation": conversation.conversation_id, "line": line})
            self._perform(conversation, conversation.receive_failure(line, self._context.clock()))
            if socket.flushed is not None:
                socket.flushed.set()

        listeners = Listeners(
            on_events=on_events,
            on_heard=self._context.metrics.note_audio,
            on_finished=on_finished,
            on_failed=on_failed,
        )
        socket.joined = True
        socket.session = self._context.sessions.open(wanted, listeners)

    def _finish(self, conversation: Conversation, socket: SpeakerSocket) -> None:
        assert socket.session is not None
        if socket.flushed is None:
            socket.session.finish()
        elif socket.flushed.is_set():
            self._perform(conversation, conversation.receive_flushed(socket.line, self._context.clock()))

    def _close(self, line: int, code: int) -> None:
        socket = self.sockets[line]
        socket.session = None
        socket.joined = False
        socket.closing = True
        if not socket.open:
            del self.sockets[line]
        elif code == 1000:
            grace_seconds = self._context.completion_grace_seconds
            self._outbox.say(partial(socket.peer.close, code, grace_seconds=grace_seconds))
        else:
            self._outbox.say(partial(socket.peer.close, code))

    def _tell_if_empty(self) -> None:
        if self.conversation is None and not self.sockets and not self.subscribers:
            self._on_empty(self)

    def _schedule(self) -> None:
        deadline = None if self.conversation is None else self.conversation.next_deadline()
        # A timer that comes too early finds nothing due and is set anew: cheaper than a new one for every word.
        if self._timer is not None and deadline is not None and self._timer_due <= deadline:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer_due = deadline
            delay = max(0.0, deadline - self._context.clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._receive_time)

    def _receive_time(self) -> None:
        self._timer = None
        if self.conversation is not None:
            self._perform(self.conversation, self.conversation.receive_time(self._context.clock()))


class Rooms:
    """The rooms of one engine, by account and connection id.

    A room exists while somebody is in it or its conversation waits.
    """

    def __init__(self, context: RoomContext) -> None:
        self._context = context
        self._rooms: dict[tuple[str, str], Room] = {}
        self._lines = itertools.count(1)

    def __repr__(self) -> str:
        return f"<Rooms {len(self._rooms)}>"

    def enter(self, account: str, connection_id: str, peer: Outlet) -> tuple[Room, SpeakerSocket]:
        """A new speaker socket."""
        room = self._room(account, connection_id)
        socket = SpeakerSocket(line=next(self._lines), connection_id=connection_id, peer=peer)
        room.sockets[socket.line] = socket
        return room, socket

    def subscribe(self, account: str, connection_id: str, peer: Peer) -> Room:
        room = self._room(account, connection_id)
        room.subscribe(peer)
        return room

    def sockets(self) -> Iterator[SpeakerSocket]:
        """Every open speaker socket."""
        return (socket for room in self._rooms.values() for socket in room.sockets.values() if socket.open)

    @property
    def subscriber_count(self) -> int:
        """Open subscriber sockets."""
        return sum(len(room.subscribers) for room in self._rooms.values())

    @property
    def conversation_count(self) -> int:
        """Conversations that are not completed."""
        return sum(room.conversation is not None for room in self._rooms.values())

    async def flush(self, timeout_seconds: float) -> None:
        """Lets all recognisers finish and tells what they heard, as far as the time allows."""
        flushed = [event.wait() for room in list(self._rooms.values()) for event in room.flush()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await asyncio.gather(*flushed)
        for room in self._rooms.values():
            room.release()

    def close(self) -> None:
        for room in self._rooms.values():
            room.close()
        self._rooms.clear()

    def _room(self, account: str, connection_id: str) -> Room:
        key = (account, connection_id)
        if key not in self._rooms:
            self._rooms[key] = Room(account, connection_id, self._context, self._forget)
        return self._rooms[key]

    def _forget(self, room: Room) -> None:
        key = (room.account, room.connection_id)
        if self._rooms.get(key) is room:
            del self._rooms[key]


def _encode(frame: Frame) -> TextFrame:
    return TextFrame(orjson.dumps(frame))
