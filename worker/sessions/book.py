"""What the sessions of one lane write into: results, captions, finished offsets. Pure."""

from __future__ import annotations

from collections.abc import Callable

from worker.intake.ledger import Ledger
from worker.records import Caption, DeadLetter, Output

LARGE_BATCH = 256
"""Outputs that are published before the commit interval is over."""


class Book:
    """The common account of a lane. Sessions and conversations write, the lane reads.

    Results are said before the audio that caused them is finished, in the same call, so whoever takes both at any
    moment never commits a position beyond results that it does not hold.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.outputs: list[Output] = []
        self.changed: set[str] = set()
        self.rejected: set[int] = set()
        """Offsets of records that became dead letters as a whole; the lane takes out what is committed."""
        self.on_caption: Callable[[Caption], None] = _nobody
        """Takes captions, which are published at once; the shell that publishes sets it."""
        self.on_waited: Callable[[float], None] = _nobody
        """Told of the seconds that a message was held back."""
        self.on_large: Callable[[], None] = _nothing
        """Told when so much waits that it should not wait for the next batch; the shell that publishes sets it."""

    def __repr__(self) -> str:
        return f"<Book {self.ledger!r} outputs={len(self.outputs)} changed={len(self.changed)}>"

    def say(self, output: Output) -> None:
        """Publish with the next batch."""
        self.outputs.append(output)
        if len(self.outputs) == LARGE_BATCH:
            self.on_large()

    def reject(self, letter: DeadLetter) -> None:
        """A record can be used by nobody: it becomes a dead letter, and is finished."""
        offset = letter.record.coordinates.offset
        self.say(letter)
        self.rejected.add(offset)
        self.finish(offset)

    def caption(self, caption: Caption) -> None:
        """Publish at once, outside of batches."""
        self.on_caption(caption)

    def finish(self, offset: int) -> None:
        """A holder of an input record is done with it."""
        self.ledger.finish(offset)

    def touch(self, conversation_id: str) -> None:
        """The state of a conversation is no longer what was last written."""
        self.changed.add(conversation_id)


def _nobody(_: object) -> None:
    pass


def _nothing() -> None:
    pass
