"""What a model finds that a deployment brings, as one more detector. Pure: the model itself is handed in.

A model has learned what names look like; nothing confirms what it finds. So every finding scores 0.5, as those of our
own detectors for which only the words around speak, and thresholds treat it alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from worker.redaction.detectors import TYPES
from worker.redaction.reading import Reading
from worker.redaction.spans import SUSPECTED, Span
from worker.redaction.tokens import BLANK

_VISIBLE: Final = re.compile(rf"[^\s{BLANK}](?:[^{BLANK}]*[^\s{BLANK}])?")
"""Text between masks, without blanks at its ends."""


class Entity(NamedTuple):
    """What a model found at ``[start, end)``, in characters, and what the model calls it."""

    label: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Model:
    """A detector for the entities of a model.

    Args:
        name: of the model, with its version.
        types: by label of the model, of `TYPES`; other labels are left alone.
        find: the entities of a text, the same for the same text.

    Raises:
        ValueError: there is no such type.
    """

    name: str
    types: Mapping[str, str]
    find: Callable[[str], Iterable[Entity]] = field(repr=False)

    def __post_init__(self) -> None:
        if not TYPES.issuperset(self.types.values()):
            raise ValueError(f"the types are {', '.join(sorted(TYPES))}")

    @property
    def described(self) -> str:
        """What the model is, and which of its labels stand for which types."""
        return f"{self.name}: {', '.join(f'{label}={self.types[label]}' for label in sorted(self.types))}"

    def __call__(self, reading: Reading) -> Iterator[Span]:
        """What the model finds. Nothing of it is masked already.

        A mask is one character to the model however long it is: what it finds must not depend on that.
        """
        # Models need text that can be encoded, which half of a surrogate pair cannot. One character stays one.
        text = reading.text.encode(errors="replace").decode()
        places = [at for at, char in enumerate(text) if char != BLANK or text[at - 1 : at] != BLANK]
        shown = "".join([text[at] for at in places])
        for label, start, end in self.find(shown):
            if (kind := self.types.get(label)) is None:
                continue
            for piece in _VISIBLE.finditer(shown, start, end):
                yield Span(kind, places[piece.start()], places[piece.end() - 1] + 1, SUSPECTED)
