"""What a conversation remembers of its published messages, for the results that refer to them later. Pure.

Part of it is in the state, so that the next owner of the stream remembers it, too: the messages about which more may
still come, and those whose socket was lost before it could come.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Final

from worker.redaction import SymblMark
from worker.sessions.buffer import Place
from worker.sessions.state import ConversationState, InsightKey, RecentMessage, StreamState

REMEMBERED_MESSAGES: Final = 512
REMEMBERED_KEYS: Final = 4096
RECENT_MESSAGES: Final = 8
"""At most so many of a stream are in the state, apart from those that are owed."""
RECENT_US: Final = 30_000_000
"""Nothing is expected any more about what ended so long ago on the audio clock."""
MAX_OWED: Final = 64
"""At most so many messages of a conversation are owed; the oldest are given up for newer ones."""
MAX_PUBLISHED: Final = 64
"""So many insights about one message are kept apart; a host that finds more is not believed to send them again."""


@dataclass(slots=True, eq=False)
class KnownMessage:
    """A published message.

    Args:
        id: of the redacted message.
        is_restored: an earlier owner published it.
        places: matches in it that are told apart by their places alone, since their values are not known any more.
    """

    id: str
    stream: str
    kept: RecentMessage
    place: Place
    marks: tuple[SymblMark, ...] = field(default=(), repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    is_restored: bool = False
    places: frozenset[InsightKey] = frozenset()

    @property
    def age(self) -> tuple[int, str, int]:
        """Puts messages into one order, whichever socket brought them first."""
        return self.kept.last_offset, self.stream, self.kept.sequence

    @property
    def is_blind(self) -> bool:
        """There was personal data in it, and nobody knows any more which."""
        return self.is_restored and self.kept.is_sensitive


@dataclass(frozen=True, slots=True)
class About:
    """The messages that a result refers to.

    Args:
        messages: those that are known, in the order of the reference.
        is_blind: one of them had personal data that is no longer known, so that a text about it cannot be shown.
    """

    messages: tuple[KnownMessage, ...]
    is_blind: bool

    @property
    def latest(self) -> KnownMessage | None:
        """The message to which a result belongs that refers to several."""
        return max(self.messages, key=lambda message: message.age, default=None)


class Memory:
    """Published messages by the host's ids, and what was published about them.

    Invariant: what is in the state is bounded, and holds no text.

    Args:
        state: recent messages in it are taken up again.
    """

    def __init__(self, state: ConversationState) -> None:
        self._state = state
        self._messages: OrderedDict[str, KnownMessage] = OrderedDict()
        self._seen: OrderedDict[Hashable, None] = OrderedDict()
        # There was personal data in messages that are not known any more.
        self._has_forgotten = state.has_forgotten_sensitive

    def __repr__(self) -> str:
        return f"<Memory {self._state.conversation_id} messages={len(self._messages)}>"

    def restore(self, stream: str, kept: RecentMessage, message_id: str) -> None:
        """Take up a message that an earlier owner published."""
        place = Place(
            start_us=kept.start_us,
            end_us=kept.end_us,
            first_offset=kept.first_offset,
            last_offset=kept.last_offset,
            speaker=kept.speaker,
            trace=None,
        )
        self._messages[kept.symbl_message_id] = KnownMessage(
            message_id, stream, kept, place, is_restored=True, places=frozenset(kept.published)
        )
        self.is_new(("message", kept.symbl_message_id))

    def add(self, message: KnownMessage) -> None:
        """A message was published."""
        self._messages[message.kept.symbl_message_id] = message
        while len(self._messages) > REMEMBERED_MESSAGES:
            oldest_id, oldest = self._messages.popitem(last=False)
            if oldest.kept.is_owed:
                self._messages[oldest_id] = oldest
            else:
                self._has_forgotten |= oldest.kept.is_sensitive
        stream = self._state.streams[message.stream]
        stream.recent.append(message.kept)
        self._trim(stream)

    def about(self, message_ids: Iterable[str | None]) -> About:
        """What is known of these messages."""
        known: list[KnownMessage] = []
        is_blind = False
        for message_id in message_ids:
            message = None if message_id is None else self._messages.get(message_id)
            if message is not None:
                known.append(message)
                is_blind |= message.is_blind
            elif message_id is not None:
                is_blind |= self._has_forgotten
        return About(tuple(dict.fromkeys(known)), is_blind)

    def knows(self, message_id: str | None) -> bool:
        """Whether this message was published, and is not forgotten."""
        return message_id in self._messages

    def is_new(self, key: Hashable) -> bool:
        """Whether this was not published yet. It counts as published from now on."""
        if key in self._seen:
            return False
        self._seen[key] = None
        while len(self._seen) > REMEMBERED_KEYS:
            self._seen.popitem(last=False)
        return True

    def is_new_insight(self, key: InsightKey, about: About) -> bool:
        """Like ``is_new``, of an insight that has an id."""
        if any(key in message.kept.published for message in about.messages) or not self.is_new(key):
            return False
        for message in about.messages:
            self._note(message, key)
        return True

    def is_new_match(self, key: InsightKey, value: str, message_id: str | None, number: int) -> bool:
        """Like ``is_new``, of a match in a message, which has no id.

        Args:
            key: name or type, and offset.
            value: what was matched; two matches may have one offset. It is not in the state.
            number: among the matches of the same key that came together.
        """
        message = None if message_id is None else self._messages.get(message_id)
        if message is not None and (*key, number) in message.places:
            return False
        if not self.is_new((*key, value, message_id)):
            return False
        if message is not None:
            self._note(message, (*key, sum(each[:-1] == key for each in message.kept.published)))
        return True

    @staticmethod
    def _note(message: KnownMessage, key: InsightKey) -> None:
        if len(message.kept.published) < MAX_PUBLISHED:
            message.kept.published.append(key)

    # --- what lost sockets owe ---

    def owe(self, stream: str) -> bool:
        """A socket of this stream was lost: what the host found in its recent messages may come no more.

        Returns:
            Whether there are such messages.
        """
        own = self._state.streams[stream]
        self._trim(own)
        fresh = [message for message in own.recent if not message.is_owed]
        for message in fresh:
            message.is_owed = True
        owed = self.owed()
        for oldest in owed[: max(0, len(owed) - MAX_OWED)]:
            oldest.kept.is_owed = False
            self._state.owed_dropped += 1
        for each in self._state.streams.values():
            self._trim(each)
        return bool(fresh)

    def owed(self) -> list[KnownMessage]:
        """The messages that are owed for, oldest first."""
        owed = (message for message in self._messages.values() if message.kept.is_owed)
        return sorted(owed, key=lambda message: message.age)

    def _trim(self, stream: StreamState) -> None:
        horizon_us = max(stream.time_us, stream.last_end_us) - RECENT_US
        recent = [message for message in stream.recent if not message.is_owed and message.end_us >= horizon_us]
        kept = {id(message) for message in recent[-RECENT_MESSAGES:]}
        dropped = [message for message in stream.recent if not message.is_owed and id(message) not in kept]
        if dropped:
            self._state.has_forgotten_sensitive |= any(message.is_sensitive for message in dropped)
            stream.recent = [message for message in stream.recent if message.is_owed or id(message) in kept]
