"""Letters and figures that were said or written one by one: "x one two", "S as in Sam", "D123 4567"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from worker.redaction import lexicon
from worker.redaction.lexicon import words_of
from worker.redaction.reading import Reading
from worker.redaction.runs import interjection_end
from worker.redaction.tokens import Kind

MOST_CHARS: Final = 34
MOST_TOKENS: Final = 48
"""Of a code in front of its name."""
EXPLAINING: Final = frozenset({"as", "for", "like"})
_SKIPPED: Final = lexicon.HESITATIONS | words_of(
    "dash hyphen space and then okay ok huh yeah capital uppercase letter letters"
)


class Code(NamedTuple):
    """What was spelled, in lower case, and where: characters and tokens."""

    chars: str
    start: int
    end: int
    first: int
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
        elif token.word == "ray" and chars.endswith("x"):
            last = position = position + 1
        elif chars and (behind := interjection_end(reading.tokens, position)) is not None:
            position = behind
        elif token.kind is Kind.WORD and (read := _read_letters(reading, position, spelled=len(chars) > 0)) is not None:
            letters, position = read
            chars += letters
            last = position
        else:
            break
    if not chars:
        return None
    return Code(chars, reading.tokens[index].start, reading.tokens[last - 1].end, index, last)


def _read_letters(reading: Reading, index: int, *, spelled: bool) -> tuple[str, int] | None:
    """The letters that the word at ``index`` stands for, and the index after what explains them."""
    word = reading.tokens[index].word
    if not word.isascii():
        return None
    if len(word) == 1:
        after = explained_end(reading, index + 1)
        alone = not (spelled and _is_piece(reading, index - 1)) and not _is_piece(reading, index + 1)
        if word in {"a", "i"} and alone and after == index + 1:
            return None
        return word, after
    following = reading.word(index + 1)
    if word in lexicon.REPEATS and len(following) == 1 and following.isalpha():
        return following * lexicon.REPEATS[word], explained_end(reading, index + 2)
    if word in lexicon.ALPHABET and (spelled or _is_piece(reading, index + 1) or following in lexicon.ALPHABET):
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


def explained_end(reading: Reading, index: int) -> int:
    """The index after "as in Sam" and the like, which may follow a letter, at ``index``."""
    letter, behind = reading.word(index - 1), index
    if len(letter) != 1 or not letter.isalpha():
        return behind
    if reading.word(index) == "," and reading.word(index + 1) in EXPLAINING:
        index += 1  # "b, as in boy"
    if reading.word(index) == "as" and reading.word(index + 1) == "in" and reading.word(index + 2)[:1] == letter:
        return _ray_end(reading, index + 3)
    if reading.word(index) in {"for", "like"} and reading.word(index + 1)[:1] == letter and reading.is_word(index + 1):
        return _ray_end(reading, index + 2)
    return behind


def read_code_before(reading: Reading, end: int) -> Iterator[Code]:
    """What is spelled up to the token before ``end``, the longest first."""
    for first in range(max(0, end - MOST_TOKENS), end):
        code = read_code(reading, first) if reading.tokens[first].kind is not Kind.MARK else None
        if code is not None and code.last == end:
            yield code


def _ray_end(reading: Reading, index: int) -> int:
    """The index after the rest of "x ray", whose first word ends before ``index``."""
    if reading.word(index - 1) != "x":
        return index
    behind = index + (reading.word(index) == "-")
    return behind + 1 if reading.word(behind) == "ray" else index
