"""Everything the worker holds for one assigned partition: ledger, conversations, what is to be published. Pure.

Records go in through ``receive``; ``take_batch`` returns, at one moment, the results, the changed states and the
position that may be committed once both are safe. Batches are taken one after the other: the next one only when the
last one is published, or given up with the lane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from worker.intake.decode import decode
from worker.intake.ledger import Ledger
from worker.records import AudioChunk, DeadLetter, EndStream, Ignored, InputRecord, Output
from worker.sessions.book import Book
from worker.sessions.conversation import Conversation, StreamCommand
from worker.sessions.owed import OwedRequest, answer_nothing
from worker.sessions.policy import ConversationPolicy
from worker.sessions.state import (
    ConversationState,
    RejectedState,
    dump_rejected,
    dump_state,
    rejected_key,
    state_key,
)
from worker.sessions.subscription import Served

MAX_RUNS = 10_000
"""Of rejected offsets in the state; a record of the state topic must not grow without bound."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be made safe together; where that takes several steps, in this order.

    Args:
        states: key and value for the state topic; a value of None is a tombstone.
        position: to be committed.
        advances: whether that is further than what was committed last.
    """

    outputs: list[Output]
    states: list[tuple[bytes, bytes | None]]
    position: int
    advances: bool

    def __bool__(self) -> bool:
        return bool(self.outputs or self.states or self.advances)


class Lane:
    """One ownership of one partition.

    Args:
        position: where reading begins: the committed position, or the first one there is.
        on_session: told of every new session or subscription, so that somebody runs its socket.
        on_owed: told what is to be read from the host; without it nothing is read.
    """

    def __init__(
        self,
        *,
        topic: str,
        partition: int,
        position: int,
        policy: ConversationPolicy,
        on_session: Callable[[Served], None],
        on_owed: Callable[[OwedRequest], None] = answer_nothing,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.ledger = Ledger(position)
        self.book = Book(self.ledger)
        self.committed_position = position
        self._read_position = position
        self._policy = policy
        self._on_session = on_session
        self._on_owed = on_owed
        self._conversations: dict[str, Conversation] = {}
        # States of conversations that ended before this ownership, but whose records may be read again.
        self._past: dict[str, ConversationState] = {}
        self._tombstones: dict[str, int] = {}
        # Records that an earlier owner has rejected, and what of the rejected ones is in the state topic.
        self._past_rejected: frozenset[int] = frozenset()
        self._kept_rejected: frozenset[int] = frozenset()

    def __repr__(self) -> str:
        return f"<Lane {self.topic}/{self.partition} {self.ledger!r} conversations={len(self._conversations)}>"

    @property
    def conversations(self) -> Iterable[Conversation]:
        """The conversations that are open."""
        return self._conversations.values()

    @property
    def held_bytes(self) -> int:
        """Audio in memory."""
        return sum(conversation.held_bytes for conversation in self._conversations.values())

    @property
    def unsent_bytes(self) -> int:
        """Audio in memory that waits to be sent, of the stream that has most."""
        return max((conversation.unsent_bytes for conversation in self._conversations.values()), default=0)

    @property
    def rewind_offset(self) -> int | None:
        """The lowest offset whose audio a session needs again and has no longer in memory."""
        absent = (
            session.buffer.first_absent_offset
            for conversation in self._conversations.values()
            for session in conversation.sessions.values()
        )
        return min((offset for offset in absent if offset is not None), default=None)

    def restore(
        self,
        states: Iterable[ConversationState | RejectedState],
        now: float,
        *,
        some_are_lost: bool = False,
        wall_ms: int | None = None,
    ) -> None:
        """Take up what an earlier owner of the partition left behind; before the first record.

        Args:
            some_are_lost: retention removed records that were not finished; the first one there is comes next.
            wall_ms: ms since the epoch; it tells the age of conversations for which no more records may come.
        """
        for state in states:
            if state.topic != self.topic:
                continue
            if isinstance(state, RejectedState):
                offsets = frozenset(offset for first, last in state.ranges for offset in range(first, last + 1))
                self._past_rejected = self._kept_rejected = offsets
                self.book.rejected |= offsets
            elif not state.ended:
                age_ms = 0 if wall_ms is None else wall_ms - state.opened_at_ms
                self._conversations[state.conversation_id] = self._conversation(
                    state, now, restored=True, age_seconds=max(0, age_ms) / 1000
                )
            else:
                self._past[state.conversation_id] = state
                self._tombstones[state.conversation_id] = state.last_offset + 1
        if some_are_lost:
            for conversation in self.conversations:
                conversation.receive_lost_before(self._read_position)

    def read_again_from(self, offset: int) -> None:
        """Reading was sent back; the next record that is received is the first that exists from this offset on."""
        self._read_position = offset

    def receive(self, record: InputRecord, now: float) -> None:
        """One record of the partition, in order. Records that are known already only refill what memory lost."""
        command = decode(record)
        offset = record.coordinates.offset
        if self._read_position < min(offset, self.ledger.next_position):
            # What lies between existed once. If somebody needs it again, it is lost.
            for each in self.conversations:
                each.receive_lost(self._read_position, offset)
        self._read_position = offset + 1
        if not self.ledger.track(offset):
            if isinstance(command, AudioChunk):
                conversation = self._conversations.get(command.conversation_id)
                if conversation is not None:
                    conversation.receive_again(command, now)
            return
        if offset in self._past_rejected:
            self.book.finish(offset)
            return
        match command:
            case Ignored():
                self.book.finish(offset)
            case DeadLetter():
                self.book.reject(command)
            case _:
                self._route(command, record, now)

    def tick(self, now: float) -> None:
        """Let conversations end."""
        for conversation in list(self._conversations.values()):
            conversation.tick(now)
            if not conversation.is_over:
                continue
            state = conversation.state
            del self._conversations[state.conversation_id]
            if state.streams:
                self._past[state.conversation_id] = state
                self._tombstones[state.conversation_id] = state.last_offset + 1
                self.book.touch(state.conversation_id)
            for command, record in conversation.take_waiting():
                self._route(command, record, now)

    def drop_sent_audio(self) -> int:
        """Give memory back: forget audio that was sent and is not settled. Returns the number of bytes."""
        sessions = (session for conversation in self.conversations for session in conversation.sessions.values())
        return sum(session.buffer.drop_sent() for session in sessions)

    # --- publishing ---

    def take_batch(self) -> Batch:
        """What is to be made safe next; may be empty."""
        outputs = self.book.outputs
        self.book.outputs = []
        changed = self.book.changed
        self.book.changed = set()
        position = self.ledger.commit_position
        states: list[tuple[bytes, bytes | None]] = []
        for conversation_id in sorted(changed):
            conversation = self._conversations.get(conversation_id)
            state = self._past.get(conversation_id) if conversation is None else conversation.state
            if state is not None:
                states.append((state_key(self.topic, conversation_id), dump_state(state)))
        states += self._take_tombstones()
        states += self._take_rejected(position)
        return Batch(outputs, states, position, position != self.committed_position)

    def committed(self, position: int) -> None:
        """A batch is safe, with this position."""
        self.committed_position = position

    # --- internals ---

    def _take_tombstones(self) -> list[tuple[bytes, bytes | None]]:
        """Forget conversations whose records can no longer be read again, since a later position is committed."""
        due = [name for name, after in self._tombstones.items() if self.committed_position >= after]
        tombstones: list[tuple[bytes, bytes | None]] = []
        for conversation_id in due:
            del self._tombstones[conversation_id]
            del self._past[conversation_id]
            if conversation_id not in self._conversations:
                tombstones.append((state_key(self.topic, conversation_id), None))
        return tombstones

    def _take_rejected(self, position: int) -> list[tuple[bytes, bytes | None]]:
        """Keep in mind which records were rejected, until the position has passed them: they may be read again."""
        if not (self.book.rejected or self._kept_rejected):
            return []
        self.book.rejected = {offset for offset in self.book.rejected if offset >= position}
        rejected = frozenset(self.book.rejected)
        if rejected and rejected <= self._kept_rejected:
            return []
        self._kept_rejected = rejected
        key = rejected_key(self.topic)
        return [(key, dump_rejected(RejectedState(self.topic, _ranges(rejected))) if rejected else None)]

    def _route(self, command: StreamCommand, record: InputRecord, now: float) -> None:
        offset = command.coordinates.offset
        past = self._past.get(command.conversation_id)
        conversation = self._conversations.get(command.conversation_id)
        known = past is not None and offset <= past.last_offset
        if known or (conversation is None and isinstance(command, EndStream)):
            self.book.finish(offset)
            return
        if conversation is not None and offset < conversation.state.opened_offset:
            self.book.finish(offset)
            return
        if conversation is None:
            state = ConversationState(
                topic=self.topic,
                conversation_id=command.conversation_id,
                opened_offset=offset,
                opened_at_ms=command.coordinates.timestamp_ms,
            )
            conversation = self._conversation(state, now, restored=False)
            self._conversations[command.conversation_id] = conversation
        conversation.receive(command, record, now)

    def _conversation(
        self, state: ConversationState, now: float, *, restored: bool, age_seconds: float = 0.0
    ) -> Conversation:
        return Conversation(
            state=state,
            partition=self.partition,
            policy=self._policy,
            book=self.book,
            now=now,
            on_session=self._on_session,
            on_owed=self._on_owed,
            restored=restored,
            age_seconds=age_seconds,
        )


def _ranges(offsets: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Runs of offsets, as first and last; the highest ones, when there are very many."""
    runs: list[tuple[int, int]] = []
    for offset in sorted(offsets):
        if runs and offset == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], offset)
        else:
            runs.append((offset, offset))
    return tuple(runs[-MAX_RUNS:])
