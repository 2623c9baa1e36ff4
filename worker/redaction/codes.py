"""Letters and figures that were said or written one by one: "x one two", "S as in Sam", "D123 4567"."""

from __future__ import annotations

from typing import Final, NamedTuple

from worker.redaction import lexicon
from worker.redaction.reading import Reading
from worker.redaction.tokens import Kind

MOST_CHARS: Final = 34
_SKIPPED: Final = lexicon.HESITATIONS | {"dash", "hyphen", "space", "and", "then"}
_ALPHABET: Final = lexicon.words_of(
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey xray yankee zulu"
)


class Code(NamedTuple):
    """What was spelled, in lower case, and where: characters and tokens."""

    chars: str
    start: int
    end: int
    last: int

    @property
    def digits(self) -> int:
        return sum(char.isdigit() for char in self.chars)


def read_code(reading: Reading, index: int) -> Code | None:
    """What is spelled from the token at ``index`` on; None when nothing is."""
    chars = ""
    last = index
    position = index
    while position < len(reading.tokens) and len(chars) < MOST_CHARS:
        token = reading.tokens[position]
        group = reading.group_at.get(position)
        if group is not None:
            chars += group.digits
            last = position = group.last
        elif token.kind is Kind.CODE:
            chars += token.word
            last = position = position + 1
        elif token.kind is Kind.MARK or (token.word in _SKIPPED and chars):
            position += 1
        elif token.kind is Kind.WORD and (read := _read_letters(reading, position, spelled=len(chars) > 0)) is not None:
            letters, position = read
            chars += letters
            last = position
        else:
            break
    if not chars:
        return None
    return Code(chars, reading.tokens[index].start, reading.tokens[last - 1].end, last)


def _read_letters(reading: Reading, index: int, *, spelled: bool) -> tuple[str, int] | None:
    """The letters that the word at ``index`` stands for, and the index after what explains them."""
    word = reading.tokens[index].word
    if not word.isascii():
        return None
    if len(word) == 1:
        if word in {"a", "i"} and not (spelled and _is_piece(reading, index - 1)) and not _is_piece(reading, index + 1):
            return None
        return word, _explained(reading, index + 1, word)
    following = reading.word(index + 1)
    if word in lexicon.REPEATS and len(following) == 1 and following.isalpha():
        return following * lexicon.REPEATS[word], _explained(reading, index + 2, following)
    if word in _ALPHABET and (spelled or _is_piece(reading, index + 1) or following in _ALPHABET):
        return word[0], index + 1
    written = reading.text[reading.tokens[index].start : reading.tokens[index].end]
    if len(word) <= 3 and written.isupper():
        return word, index + 1
    if (
        len(word) == 2
        and index + 1 in reading.group_at
        and word not in lexicon.LINKS
        and word not in lexicon.PLAIN_WORDS
    ):
        return word, index + 1
    return None


def _is_piece(reading: Reading, index: int) -> bool:
    """Whether a single letter or figures stand at ``index``."""
    if not 0 <= index < len(reading.tokens):
        return False
    token = reading.tokens[index]
    return token.kind in {Kind.CODE, Kind.DIGITS} or len(token.word) == 1 or index in reading.group_at


def _explained(reading: Reading, index: int, letter: str) -> int:
    """The index after "as in Sam" and the like, which may follow a letter."""
    if reading.word(index) == "as" and reading.word(index + 1) == "in" and reading.word(index + 2)[:1] == letter:
        return index + 3
    if reading.word(index) in {"for", "like"} and reading.word(index + 1)[:1] == letter and reading.is_word(index + 1):
        return index + 2
    return index
