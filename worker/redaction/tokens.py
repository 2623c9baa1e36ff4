"""The tokens of a text."""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum, auto
from typing import Final, NamedTuple

BLANK: Final = "\ue000"
"""Stands for what is already masked: no detector reads across or into it."""

_TOKEN: Final = re.compile(
    rf"""
    \ ?+                                                                   # no search for what begins with a blank
    (?:
      (?P<plainly>[^\W\d_]++(?:['’][^\W\d_]++)*+(?!\d))                   # most words; not the head of a code
    | (?P<plain>
          (?<![\d.-])\d{{4}}-\d{{2}}-\d{{2}}(?![\d-])                       # dates
        | (?<![\d/.-])\d{{1,2}}(?P<joint>[/.-])\d{{1,2}}(?P=joint)(?:\d{{4}}|\d{{2}})(?![\d/-]|\.\d)
        | (?<![\d:])\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?![\d:])                 # times
        | (?<![\d,])\d{{1,3}}(?:,\d{{3}}){{1,4}}(?![\d,])                   # thousands
        | (?<!\d)\d{{1,2}}(?:st|nd|rd|th)\b                                 # ordinals
      )
    | (?P<code>(?<![^\W_])(?![a-z\d]*\d{{12}})[a-z]+\d[a-z\d]*(?![^\W_]))
    | (?P<digits>\d+)
    | (?P<word>[^\W\d_]+(?:['’][^\W\d_]+)*)
    | (?P<wall>[$€£¥%{BLANK}]+)
    | (?P<mark>[@._+\-!?:;,])
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)


class Kind(IntEnum):
    """What a token is. A number, since sets of other members ask Python for every hash."""

    WORD = auto()
    DIGITS = auto()
    MARK = auto()
    """One character of punctuation that an address may need."""
    WALL = auto()
    """Currency, percent or a mask: no number continues across it."""
    PLAIN = auto()
    """A date, a time, an ordinal or an amount."""
    CODE = auto()
    """Letters with figures among them, written as one. With twelve figures in a row it is read as word and number."""


_KIND_OF: Final = {
    "plainly": Kind.WORD,
    "word": Kind.WORD,
    "digits": Kind.DIGITS,
    "mark": Kind.MARK,
    "wall": Kind.WALL,
    "plain": Kind.PLAIN,
    "code": Kind.CODE,
}
_KINDS: Final = {_TOKEN.groupindex[name]: kind for name, kind in _KIND_OF.items()}
"""By the number of the group."""


class Token(NamedTuple):
    """A piece of the text at ``[start, end)``; ``word`` is its lower-case form."""

    kind: Kind
    word: str
    start: int
    end: int


# Half of the time that `Token` takes.
_make: Final = tuple.__new__


def tokens_of(text: str) -> tuple[Token, ...]:
    """All tokens, in order."""
    # Beyond ASCII, small letters may be more than there were large ones.
    is_ascii = text.isascii()
    return tuple(
        [
            _make(Token, (_KINDS[group], match[group] if is_ascii else match[group].lower(), *match.span(group)))
            for match in _TOKEN.finditer(text.lower() if is_ascii else text)
            if (group := match.lastindex) is not None
        ]
    )


def glued(left: Token, right: Token) -> bool:
    """Whether nothing stands between two tokens."""
    return left.end == right.start


def stem(word: str) -> str:
    """The word without "'s" and the like."""
    return word if word.isalnum() else word.replace("’", "'").partition("'")[0]


def without_accents(word: str) -> str:
    """The word in plain letters: "lucía" as "lucia"."""
    if word.isascii():
        return word
    return "".join(char for char in unicodedata.normalize("NFKD", word) if not unicodedata.combining(char))


def ascii_digits(text: str) -> str:
    """Decimal digits of any script as those of ASCII."""
    return text if text.isascii() else "".join(str(unicodedata.decimal(digit)) for digit in text)
