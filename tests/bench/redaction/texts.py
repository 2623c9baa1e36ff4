"""Texts with labels: how a template becomes what a recogniser would write. Pure.

A value comes as a string in which ``<...>`` encloses what does not give it away: hesitations, spoken punctuation, a
group of digits that the speaker took back. All other letters and digits of it are *telling*.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

Form: TypeAlias = Literal["written", "spoken"]
FORMS: tuple[Form, ...] = ("written", "spoken")

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_MARKUP = re.compile(r"<([^<>]*)>")
_SENTENCE_END = re.compile(r"[.?!]\s*$")
_WORDS = frozenset({"PERSON_NAME", "ADDRESS", "DATE", "DATE_OF_BIRTH"})
"""What a recogniser without capitals and punctuation writes without them in figures, too."""


class Value(NamedTuple):
    """What takes the place of a placeholder.

    Args:
        type: The type of personal data, or None when it is none.
        marked: The text, with ``<...>`` around what is not telling.
    """

    type: str | None
    marked: str


@dataclass(frozen=True, slots=True)
class Label:
    """Personal data at ``[start, end)`` in characters, and the places of its telling characters."""

    type: str
    start: int
    end: int
    telling: frozenset[int]


@dataclass(frozen=True, slots=True)
class Text:
    """A text with everything personal in it labelled: sorted, without overlaps."""

    text: str
    labels: tuple[Label, ...]
    form: Form


class _Writer:
    """Puts pieces together and remembers which characters are telling."""

    def __init__(self) -> None:
        self.text = ""
        self.telling: set[int] = set()

    def add(self, piece: str, *, telling: bool = False) -> None:
        if not self.text or self.text[-1] == " ":
            piece = piece.lstrip(" ")
        if telling:
            here = len(self.text)
            self.telling.update(here + place for place, character in enumerate(piece) if character.isalnum())
        self.text += piece


def fill(template: str, value_of: Callable[[str], Value], form: Form, *, plain: bool) -> Text:
    """Replace the placeholders of a template.

    Args:
        template: Words and ``{placeholder}``, with capitals and punctuation.
        value_of: Makes the value of a placeholder, anew each time it stands there.
        form: What the values are in.
        plain: As from a recogniser that writes neither capitals nor punctuation.
    """
    writer = _Writer()
    labels: list[Label] = []
    for index, piece in enumerate(_PLACEHOLDER.split(template)):
        if index % 2 == 0:
            writer.add(without_punctuation(piece) if plain else piece)
            continue
        value = value_of(piece)
        said = form == "spoken" or value.type in _WORDS
        opens = not writer.text or _SENTENCE_END.search(writer.text) is not None
        start = len(writer.text)
        for number, segment in enumerate(_MARKUP.split(value.marked)):
            if plain:
                segment = without_punctuation(segment) if said else segment
            elif opens and said and len(writer.text) == start:
                segment = segment[:1].upper() + segment[1:]
            writer.add(segment, telling=number % 2 == 0 and value.type is not None)
        if value.type is not None:
            telling = frozenset(place for place in writer.telling if place >= start)
            labels.append(Label(value.type, start, start + len(writer.text[start:].rstrip()), telling))
    return Text(writer.text.rstrip(), tuple(labels), form)


def words(text: str) -> tuple[str, ...]:
    """A list that is written down as a sentence; "_" is a space within a word."""
    return tuple(word.replace("_", " ") for word in text.split())


def without_punctuation(text: str) -> str:
    """As a raw recogniser would have it: lower case, no punctuation, single spaces."""
    text = re.sub(r"(?<=[^\W\d_])-(?=[^\W\d_])", " ", text.lower())
    text = re.sub(r"(?<!\w)[^\w\s$+&]+|[^\w\s%&]+(?!\w)", " ", text)
    return re.sub(r"\s+", " ", text)
