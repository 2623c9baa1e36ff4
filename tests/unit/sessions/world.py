"""A worker's lane, Kafka and a Symbl host in memory, under one simulated clock.

The host is the engine's own conversation core with the recogniser of coded speech; time, losses and crashes are the
test's. Nothing here knows how sessions work: it drives them as the shells do.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import orjson

from worker.engine.conversation import Action as HostAction
from worker.engine.conversation import (
    Audience,
    ChangeFormat,
    Close,
    Conversation,
    Flush,
    LineState,
    Listen,
    Send,
)
from worker.engine.recognizers.coded import CodedRecognizer, encode_utterance
from worker.engine.recognizers.events import Event, Partial
from worker.engine.requests import ModifyRequest, StartRequest, StopRequest, parse_text
from worker.records import (
    Coordinates,
    InputRecord,
    LifeCycle,
    LifeCycleEvent,
    Output,
    RedactedMessage,
    Transcript,
)
from worker.sessions.lane import Lane
from worker.sessions.policy import ConversationPolicy
from worker.sessions.session import Session
from worker.sessions.state import load_record
from worker.sessions.subscription import Served

EPOCH = 1_800_000_000.0
PONG_SECONDS = 0.25
TOPIC = "audio"


def keep_in(sessions: list[Session]) -> Callable[[Served], None]:
    """Takes a lane's sessions, where nothing is subscribed to."""

    def keep(session: Served) -> None:
        assert isinstance(session, Session)
        sessions.append(session)

    return keep


@dataclass(eq=False)
class Socket:
    """One WebSocket: what the host still has to say on it, and when."""

    line: int
    room: Room
    recognizer: CodedRecognizer | None = None
    # Events that the recogniser holds back; None is its end.
    results: list[tuple[float, list[Event] | None]] = field(default_factory=list)
    outbox: list[str] = field(default_factory=list)
    open: bool = True
    close_code: int | None = None
    received: list[bytes | str] = field(default_factory=list)
    # Takes frames and passes none on, in either direction.
    half_open: bool = False
    # When the last ping was sent whose pong did not come yet, else when the next one is.
    pinged_at: float | None = None
    ping_at: float = 0.0
    # When it is reset, if nothing else ends it before.
    reset_at: float | None = None

    def ping_due(self, timeout_seconds: float) -> float:
        """When something is to be done about pings."""
        if self.pinged_at is None:
            return self.ping_at
        return self.pinged_at + (timeout_seconds if self.half_open else PONG_SECONDS)


class Room:
    """All sockets of one connection id."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.conversation: Conversation | None = None
        self.sockets: dict[int, Socket] = {}

    def send(self, socket: Socket, frame: bytes | str) -> None:
        """A client's frame arrives."""
        host = self.host
        socket.received.append(frame)
        if isinstance(frame, bytes):
            listening = self.conversation is not None and (
                self.conversation.line_state(socket.line) is LineState.LISTENING
            )
            if listening and socket.recognizer is not None:
                self._hold_back(socket, host.hear(socket.recognizer.accept(frame)))
            return
        match parse_text(frame):
            case StartRequest() as request:
                if host.refusals:
                    host.refusals -= 1
                    error = {"type": "message", "message": {"type": "error", "payload": {"message": "no"}}}
                    socket.outbox.append(orjson.dumps(error).decode())
                    return
                if self.conversation is None or self.conversation.completed:
                    self.conversation = Conversation(
                        "1234567890123456", new_id=host.new_id, find_pii=lambda _: (), verbatim=True
                    )
                self.perform(self.conversation.receive_start(socket.line, request, host.now))
            case ModifyRequest() as modify:
                assert self.conversation is not None
                current = self.conversation.audio_format(socket.line)
                assert current is not None
                self.perform(self.conversation.receive_format(socket.line, modify.applied_to(current), host.now))
            case StopRequest():
                assert self.conversation is not None
                self.perform(self.conversation.receive_stop(socket.line, host.now))
            case other:
                raise AssertionError(other)

    def lose(self, socket: Socket, code: int | None) -> None:
        """The connection is gone, however it went."""
        socket.open = False
        socket.close_code = code
        conversation = self.conversation
        if conversation is None or conversation.line_state(socket.line) is not LineState.STOPPING:
            self.sockets.pop(socket.line, None)
            socket.results.clear()
        if conversation is not None:
            self.perform(conversation.receive_loss(socket.line, self.host.now))

    def deliver(self, socket: Socket) -> None:
        """Say what the recogniser held back long enough."""
        while socket.results and socket.results[0][0] <= self.host.now:
            _, events = socket.results.pop(0)
            assert self.conversation is not None
            if events is not None and not socket.open:
                # Said on other sockets it could not always be told from what they say themselves.
                continue
            if events is None:
                self.perform(self.conversation.receive_flushed(socket.line, self.host.now))
                if not socket.open:
                    self.sockets.pop(socket.line, None)
            else:
                self.perform(self.conversation.receive_events(socket.line, events, self.host.now))

    def perform(self, actions: list[HostAction]) -> None:
        for action in actions:
            match action:
                case Send(audience, line, frame):
                    text = orjson.dumps(frame).decode()
                    for socket in list(self.sockets.values()):
                        if socket.open and (audience is Audience.EVERYONE or socket.line == line):
                            socket.outbox.append(text)
                case Listen(line, audio_format, _):
                    self.sockets[line].recognizer = CodedRecognizer(audio_format)
                case ChangeFormat(line, audio_format):
                    recognizer = self.sockets[line].recognizer
                    assert recognizer is not None
                    recognizer.change_format(audio_format)
                case Flush(line):
                    socket = self.sockets[line]
                    assert socket.recognizer is not None
                    self._hold_back(socket, self.host.hear(socket.recognizer.finish()))
                    self._hold_back(socket, None)
                case Close(int(line), _):
                    pass  # the client closes when it has read the completion

    def _hold_back(self, socket: Socket, events: list[Event] | None) -> None:
        if events is None or events:
            due = self.host.now + next(self.host.delays)
            if socket.results:
                due = max(due, socket.results[-1][0])
            socket.results.append((due, events))


class Host:
    """A Symbl host.

    Args:
        delays: how long results are held back, one after the other, for ever.
    """

    def __init__(self, delays: Iterator[float]) -> None:
        self.now = EPOCH
        self.delays = delays
        self.refusals = 0
        self.rooms: dict[str, Room] = {}
        self.spoken: set[str] = set()
        """Ids of utterances whose transcripts this ownership has published."""
        self.heard_again: list[str] = []
        self._lines = itertools.count(1)
        self._ids = itertools.count(1)

    def new_id(self) -> str:
        return f"00000000-0000-4000-8000-{next(self._ids):012d}"

    def connect(self, conversation_id: str) -> Socket:
        room = self.rooms.setdefault(conversation_id, Room(self))
        socket = Socket(next(self._lines), room)
        room.sockets[socket.line] = socket
        return socket

    def hear(self, events: list[Event]) -> list[Event]:
        for event in events:
            if isinstance(event, Partial):
                word = event.text.split(" ")[-1]
                if word.split(".")[0] in self.spoken:
                    self.heard_again.append(word)
        return events

    def sockets(self) -> list[Socket]:
        return [socket for room in self.rooms.values() for socket in room.sockets.values()]

    def next_delivery(self) -> float | None:
        return min((socket.results[0][0] for socket in self.sockets() if socket.results), default=None)

    def deliver(self) -> None:
        for room in self.rooms.values():
            for socket in list(room.sockets.values()):
                room.deliver(socket)
            if room.conversation is not None:
                room.perform(room.conversation.receive_time(self.now))


class CrashError(Exception):
    """The worker dies here."""


class World:
    """Kafka, one worker at a time, and the host."""

    def __init__(self, policy: ConversationPolicy, delays: Iterator[float], ping_seconds: float = 5.0) -> None:
        self.policy = policy
        self.ping_seconds = ping_seconds
        self.host = Host(delays)
        self.host_is_up = True
        # Kafka.
        self.log: list[InputRecord] = []
        self.next_offset = 0
        self.committed = 0
        self.states: dict[bytes, bytes] = {}
        self.outputs: list[Output] = []
        # What was said, and where its sequence numbers are.
        self.expected: dict[tuple[str, str], list[str]] = {}
        self.captions = 0
        self.has_closed_cleanly = False
        self.has_repeated = False
        """Whether outputs were safe without their states, so that what they say is said again."""
        self._words = itertools.count(1)
        self._take_over()

    # --- producing ---

    def produce(self, conversation: str, value: bytes, *, gap: int = 0, **headers: str) -> int:
        offset = self.next_offset + gap
        self.next_offset = offset + 1
        self.log.append(
            InputRecord(
                coordinates=Coordinates(TOPIC, 0, offset, 1_000 + int(self.now * 1000)),
                key=conversation.encode(),
                value=value,
                headers=tuple((name, text.encode()) for name, text in headers.items()),
            )
        )
        return offset

    def utterance(
        self, conversation: str, stream: str, words: int, rate: int = 16_000, *, waits: bool = False
    ) -> bytes:
        """Audio of an utterance that is expected to be published.

        Args:
            waits: it ends so that it waits for the next one of its speaker.
        """
        number = next(self._words)
        texts = [f"u{number}.{index}" for index in range(words)]
        if waits:
            texts += ["my", "pin", "is"]
        self.expected.setdefault((conversation, stream), []).append(" ".join(texts))
        return encode_utterance(f"u{number}", texts, bytes_per_second=2 * rate, word_seconds=0.05, gap_seconds=0.1)

    def speak(self, conversation: str, stream: str, words: int, size: int, *, gap: int = 0) -> None:
        audio = self.utterance(conversation, stream, words)
        for begin in range(0, len(audio), size):
            self.produce(conversation, audio[begin : begin + size], gap=gap, stream=stream)

    def speak_stereo(self, conversation: str, stream: str, words: int, size: int) -> None:
        left = self.utterance(conversation, f"{stream}.0", words)
        right = self.utterance(conversation, f"{stream}.1", words + 1)
        length = max(len(left), len(right))
        both = array("H", bytes(2 * length))
        both[::2] = array("H", left.ljust(length, b"\0"))
        both[1::2] = array("H", right.ljust(length, b"\0"))
        audio = both.tobytes()
        size = max(4, size // 4 * 4)
        for begin in range(0, len(audio), size):
            self.produce(conversation, audio[begin : begin + size], stream=stream)

    # --- the worker ---

    def _take_over(self) -> None:
        self.lane = Lane(
            topic=TOPIC, partition=0, position=self.committed, policy=self.policy, on_session=self._on_session
        )
        self.sessions: dict[Session, Socket | None] = {}
        self.lane.book.on_caption = self._caption
        self.read_position = self.committed
        self.host.spoken = set()
        self.seen = 0
        self.lane.restore([load_record(value) for value in self.states.values()], self.now)

    def _on_session(self, session: Served) -> None:
        assert isinstance(session, Session)
        self.sessions[session] = None

    def _caption(self, _: Output) -> None:
        self.captions += 1

    @property
    def now(self) -> float:
        return self.host.now

    def crash(self) -> None:
        """The worker dies; another one takes over from what is safe."""
        for socket in self.sessions.values():
            if socket is not None and socket.open:
                socket.room.lose(socket, None)
        self._take_over()

    def read(self, count: int) -> None:
        """Feed records, as the consumer does; then let it balance."""
        for record in [each for each in self.log if each.coordinates.offset >= self.read_position][:count]:
            self.lane.receive(record, self.now)
            self.read_position = record.coordinates.offset + 1
        self.exchange()
        self.balance()

    def balance(self) -> None:
        rewind = self.lane.rewind_offset
        if rewind is not None and rewind < self.read_position:
            self.read_position = rewind
            self.lane.read_again_from(rewind)

    def publish(self, crash_after: str | None = None) -> None:
        """Make a batch safe: outputs, then states, then the position."""
        self.lane.tick(self.now)
        batch = self.lane.take_batch()
        self._note()
        try:
            self._maybe_crash(crash_after, "nothing")
            self.outputs += batch.outputs
            self._maybe_crash(crash_after, "outputs")
            for key, value in batch.states:
                if value is None:
                    self.states.pop(key, None)
                else:
                    self.states[key] = value
            self._maybe_crash(crash_after, "states")
            if batch.position is not None:
                assert batch.position >= self.committed
                self.committed = batch.position
            self._maybe_crash(crash_after, "position")
            if batch.position is not None:
                self.lane.committed(batch.position)
        except CrashError:
            self.has_repeated |= crash_after == "outputs"
            self.crash()
        self.exchange()

    @staticmethod
    def _maybe_crash(crash_after: str | None, here: str) -> None:
        if crash_after == here:
            raise CrashError

    def drop(self, index: int, code: int | None) -> None:
        """A socket dies."""
        sockets = [socket for socket in self.sessions.values() if socket is not None and socket.open]
        if sockets:
            socket = sockets[index % len(sockets)]
            conversation = socket.room.conversation
            if socket.half_open:
                # No close frame comes through, either.
                code = None
            elif (
                conversation is not None and conversation.line_state(socket.line) is LineState.STOPPING and code == 1000
            ):
                # A host that closes cleanly is believed the second time.
                code = None if self.has_closed_cleanly else 1000
                self.has_closed_cleanly = True
            socket.room.lose(socket, code)
        self.exchange()

    def half_open(self, conversation_id: str, stream: str, reset_seconds: float | None) -> None:
        """From now on a stream's socket takes frames and passes none on. The pings find out, or it is reset before."""
        for session, socket in self._open_sockets():
            if (session.conversation_id, session.stream) == (conversation_id, stream):
                socket.half_open = True
                socket.reset_at = None if reset_seconds is None else self.now + reset_seconds

    # --- time ---

    def _ping(self, session: Session, socket: Socket) -> None:
        """What the runner does about pings, and the network about a socket that is half open."""
        if socket.reset_at is not None and self.now >= socket.reset_at:
            socket.room.lose(socket, None)
        elif self.now < socket.ping_due(self.ping_seconds):
            pass
        elif socket.pinged_at is None:
            socket.pinged_at = self.now
        elif socket.half_open:
            socket.room.lose(socket, 1011)
        else:
            session.connection_confirmed(socket.pinged_at, self.now)
            socket.pinged_at = None
            socket.ping_at = self.now + self.ping_seconds

    def _open_sockets(self) -> list[tuple[Session, Socket]]:
        return [(each, socket) for each, socket in self.sessions.items() if socket is not None and socket.open]

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at every moment at which somebody has something to do."""
        until = self.now + seconds
        idle_turns = 0
        while True:
            self.host.deliver()
            self.exchange()
            for session, socket in self._open_sockets():
                self._ping(session, socket)
            for session in list(self.sessions):
                session.tick(self.now)
            self.exchange()
            if self.now >= until:
                return
            deadlines = [session.next_deadline(self.now) for session in self.sessions if not session.is_over]
            for _, socket in self._open_sockets():
                deadlines += [socket.ping_due(self.ping_seconds), socket.reset_at]
            due = min([until, *(each for each in (*deadlines, self.host.next_delivery()) if each is not None)])
            idle_turns = idle_turns + 1 if due <= self.now else 0
            assert idle_turns < 5, "a session wants to be woken without end"
            self.host.now = max(self.now, due)

    def exchange(self) -> None:
        """Everything that can be said now is said."""
        busy = True
        while busy:
            busy = False
            for session in list(self.sessions):
                busy |= self._serve(session)
            self._note()

    def _serve(self, session: Session) -> bool:
        """One turn of a session's runner. Returns whether anything happened."""
        socket = self.sessions[session]
        if socket is None:
            if not (session.wants_connection and self.host_is_up):
                return False
            self.sessions[session] = socket = self.host.connect(session.conversation_id)
            socket.ping_at = self.now + self.ping_seconds
            session.connection_opened(self.now)
            return True
        if not socket.open:
            self.sessions[session] = None
            session.connection_closed(socket.close_code, self.now)
            return True
        frames = session.take_frames(self.now)
        for frame in frames:
            if not socket.half_open:
                socket.room.send(socket, frame)
        session.frames_sent(self.now)
        if session.wants_close:
            orderly = session.is_over or session.end_seen
            socket.room.lose(socket, 1000 if orderly else None)
            return True
        if socket.half_open:
            return bool(frames)
        said, socket.outbox = socket.outbox, []
        for text in said:
            session.receive_frame(text, self.now)
        return bool(frames or said)

    def _note(self) -> None:
        """Which utterances were published in this ownership."""
        for output in self.lane.book.outputs:
            if isinstance(output, Transcript):
                self.host.spoken.add(output.text.split(".")[0])

    # --- the end ---

    def drain(self) -> None:
        """Read everything and let everything come to its end."""
        self.host_is_up = True
        self.host.refusals = 0
        for _ in range(400):
            self.read(1_000)
            self.advance(1.0)
            self.publish()
            if self.committed == self.next_offset and not list(self.lane.conversations):
                break
        self.publish()

    def check(self) -> None:
        """What must be true after everything has drained, whatever happened."""
        assert not self.host.heard_again, f"settled audio was sent twice: {self.host.heard_again}"
        assert self.committed == self.next_offset, (self.lane, [*self.lane.conversations], [*self.sessions])
        assert self.lane.ledger.open_count == 0
        assert self.lane.held_bytes == 0
        assert not self.states, "the state of an ended conversation is forgotten"
        self._check_transcripts()
        self._check_life_cycles()

    def _check_transcripts(self) -> None:
        latest: dict[str, Transcript] = {}
        messages: dict[str, RedactedMessage] = {}
        for output in self.outputs:
            if isinstance(output, Transcript):
                latest[output.origin.id] = output
            elif isinstance(output, RedactedMessage):
                messages[output.origin.id] = output
        assert len(latest) == len(messages)
        streams: dict[tuple[str, str], list[Transcript]] = {}
        for transcript in latest.values():
            streams.setdefault((transcript.origin.conversation_id, transcript.origin.stream), []).append(transcript)
        assert {key: [each.text for each in said] for key, said in streams.items()} == self.expected
        for said in streams.values():
            sequence, clock = -1, 0
            for each in said:
                origin = each.origin
                if origin.sequence == 0:
                    sequence, clock = -1, 0
                assert origin.sequence == sequence + 1
                assert clock <= origin.start_ms + 1
                assert origin.start_ms <= origin.end_ms
                assert origin.first_offset <= origin.last_offset
                sequence, clock = origin.sequence, origin.end_ms

    def _check_life_cycles(self) -> None:
        records: dict[str, list[LifeCycle]] = {}
        for output in self.outputs:
            if isinstance(output, LifeCycle):
                records.setdefault(output.conversation_id, []).append(output)
        published: dict[str, int] = {}
        for conversation, said in records.items():
            assert not {each.event for each in said} & {LifeCycleEvent.GAP, LifeCycleEvent.FAILED}
            assert said[-1].event is LifeCycleEvent.ENDED
            if not self.has_repeated:
                self._check_openings(said)
            latest = {each.id: each for each in said}.values()
            ended = [each for each in latest if each.event is LifeCycleEvent.ENDED]
            started = [each for each in latest if each.event is LifeCycleEvent.STARTED]
            assert len(started) <= len(ended)
            counts = [each.detail["messages"] for each in ended]
            if any(counts):
                assert started
                published[conversation] = sum(count for count in counts if isinstance(count, int))
        expected: dict[str, int] = {}
        for (conversation, _), texts in self.expected.items():
            expected[conversation] = expected.get(conversation, 0) + len(texts)
        assert published == expected

    @staticmethod
    def _check_openings(said: list[LifeCycle]) -> None:
        """One started at most, one ended, numbers without holes."""
        sequence = -1
        for each in said:
            assert each.sequence == sequence + 1
            assert (each.event is LifeCycleEvent.STARTED) <= (each.sequence == 0)
            sequence = -1 if each.event is LifeCycleEvent.ENDED else each.sequence
