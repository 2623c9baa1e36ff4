"""Looks for secrets in what a system has written: whole and in part, in every form. Pure.

Where something is written decides what is looked for:

* in all of it: every secret as a whole, in figures with whatever separators; four digits of it in a row as soon as one
  of them is said in words; its words, also within longer ones; four letters of them in a row, spelled; its phrases;
  and all of this once more in whatever can be decoded from base64;
* in the *content* of it, which is what somebody may have put there, without what programs number by themselves: also
  four digits in a row in figures, and numbers of three digits.
"""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.leaks.person import PART_DIGITS, Secret
from tests.leaks.reading import fold, numbers_in, spelled_in, words_in

WHOLE_DIGITS: Final = 8
"""From so many digits on a number is a secret wherever it stands: clocks and counters do not reach it by chance."""
LEGIBLE_CHARS: Final = 8
"""So long a piece of decoded bytes is text and no accident."""
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_-]{6,}")
_URLSAFE: Final = str.maketrans("-_", "+/")
_ILLEGIBLE: Final = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\ufffc]+")
WALL: Final = "\n#######\n"
"""Nothing is read across it."""
_CONTEXT_CHARS: Final = 30
_EXCERPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Haystack:
    """Something written, to be searched.

    Args:
        place: Where it was found, for whoever reads the failure.
        kind: Kind of topic, or ``log``, ``page`` and the like.
        whole: All of it.
        content: The pieces of it that may hold what was said.
    """

    place: str
    kind: str
    whole: str = field(repr=False)
    content: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hit:
    """A secret, or a part of it.

    Args:
        how: In which form it was found.
        excerpt: It, and what stands around it: the data of the tests is invented.
    """

    place: str
    secret: str
    how: str
    excerpt: str


class Search:
    """Finds the secrets of one person.

    Args:
        made_up: What the run has named and numbered by itself, such as its topics and ports: not content.
    """

    def __init__(self, secrets: Iterable[Secret], made_up: Iterable[str] = ()) -> None:
        self._secrets = tuple(secrets)
        self._parts: dict[str, str] = {}
        self._wholes: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._letters: dict[str, str] = {}
        self._phrases: dict[str, str] = {}
        for secret in self._secrets:
            self._parts |= dict.fromkeys(secret.parts(), secret.kind)
            self._wholes |= {number: secret.kind for number in secret.numbers if len(number) >= WHOLE_DIGITS}
            self._phrases |= {f" {phrase} ": secret.kind for phrase in secret.phrases}
            for word in secret.words:
                self._words[word] = secret.kind
                for start in range(len(word) - PART_DIGITS + 1):
                    self._letters[word[start : start + PART_DIGITS]] = secret.kind
        self._known_in: dict[str, frozenset[str]] = {secret.kind: secret.known_in for secret in self._secrets}
        self._any_word = re.compile("|".join(map(re.escape, self._words)) or r"(?!)")
        self._made_up = _machine_made(made_up)

    def __repr__(self) -> str:
        return f"<Search for {len(self._secrets)} secrets>"

    def search(self, haystack: Haystack) -> list[Hit]:
        """Every secret in a haystack that does not stand there by design."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._search_whole(fold(haystack.whole), "", found)
        for text in _encoded_in(haystack.whole):
            self._search_whole(fold(text), "base64: ", found)
            self._search_content(fold(text), "base64: ", found)
        for piece in set(haystack.content):
            self._search_content(fold(self._made_up.sub(" ... ", piece)), "", found)
        return [
            Hit(haystack.place, kind, how, " | ".join(excerpts[:_EXCERPTS]))
            for (kind, how), excerpts in found.items()
            if haystack.kind not in self._known_in[kind]
        ]

    def search_all(self, haystacks: Iterable[Haystack]) -> list[Hit]:
        """Every secret in any of them."""
        return [hit for haystack in haystacks for hit in self.search(haystack)]

    def kinds_in(self, text: str) -> set[str]:
        """What of the person can be told from a text, if only from a part of it."""
        return {hit.secret for hit in self.search(Haystack("", "", text, (text,)))}

    def _search_whole(self, text: str, how: str, found: dict[tuple[str, str], list[str]]) -> None:
        for number in numbers_in(text):
            if number.is_said:
                for part, kind in self._parts_of(number.digits):
                    found[kind, f"{how}{len(part)} digits, said"].append(_excerpt(text, number.start, number.end))
            if len(number.digits) >= WHOLE_DIGITS:
                for whole, kind in self._wholes.items():
                    if whole in number.digits:
                        found[kind, f"{how}the whole number"].append(_excerpt(text, number.start, number.end))
        for match in self._any_word.finditer(text):
            found[self._words[match[0]], f"{how}a word"].append(_excerpt(text, *match.span()))
        for letters, start, end in spelled_in(text):
            for kind in {self._letters[part] for part in _parts_of(letters) if part in self._letters}:
                found[kind, f"{how}spelled"].append(_excerpt(text, start, end))
        if self._phrases:
            words = words_in(text)
            for phrase, kind in self._phrases.items():
                if phrase in words:
                    found[kind, f"{how}a phrase"].append(phrase)

    def _search_content(self, text: str, how: str, found: dict[tuple[str, str], list[str]]) -> None:
        for number in numbers_in(text):
            for part, kind in self._parts_of(number.digits):
                found[kind, f"{how}{len(part)} digits"].append(_excerpt(text, number.start, number.end))

    def _parts_of(self, digits: str) -> Iterator[tuple[str, str]]:
        for part in _parts_of(digits):
            if part in self._parts:
                yield part, self._parts[part]
        if len(digits) < PART_DIGITS and digits in self._parts:
            yield digits, self._parts[digits]


def _parts_of(characters: str) -> Iterator[str]:
    for start in range(len(characters) - PART_DIGITS + 1):
        yield characters[start : start + PART_DIGITS]


def _machine_made(made_up: Iterable[str]) -> re.Pattern[str]:
    """Ids, times and addresses by their form; names of the run with the numbers that are appended to them."""
    forms = [
        r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
        r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?",
        r"(?:127\.0\.0\.1|localhost)(?::\d+)?",
        *(re.escape(name) + r"[\w.-]*(?:[/@]\d+)*" for name in sorted(made_up, key=len, reverse=True)),
    ]
    return re.compile("|".join(forms))


def _encoded_in(text: str) -> Iterator[str]:
    """What may be encoded in a text, from whichever of its characters on."""
    runs = sorted(set(_ENCODED.findall(text)))
    for shift in range(4):
        yield WALL.join(piece for run in runs for piece in _decoded(run[shift:]))


def _decoded(run: str) -> Sequence[str]:
    """What can be read in the bytes: all of them as text, or what of them is plainly legible."""
    run = run.translate(_URLSAFE)
    # One character alone holds six bits and no byte.
    run = run[: len(run) - (len(run) % 4 == 1)]
    data = base64.b64decode(run + "=" * (-len(run) % 4))
    text = data.decode(errors="replace")
    if text and _ILLEGIBLE.search(text) is None:
        return [text]
    return [piece for piece in _ILLEGIBLE.split(text) if len(piece) >= LEGIBLE_CHARS]


def _excerpt(text: str, start: int, end: int) -> str:
    return " ".join(text[max(0, start - _CONTEXT_CHARS) : end + _CONTEXT_CHARS].split())
