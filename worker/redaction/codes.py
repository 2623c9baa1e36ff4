"""Letters and figures that were said or written one by one: "x one two", "S as in Sam", "D123 4567"."""

from __future__ import annotations

from typing import Final, NamedTuple

from worker.redaction import lexicon
from worker.redaction.lexicon import words_of
from worker.redaction.reading import Reading
from worker.redaction.runs import interjection_end
from worker.redaction.tokens import Kind

MOST_CHARS: Final = 34
_SKIPPED: Final = lexicon.HESITATIONS | {"dash", "hyphen", "space", "and", "then", "okay", "ok", "huh", "yeah"}
ALPHABET: Final = words_of(
    "alpha alfa adam apple bravo boy baker charlie cat delta david dog echo edward easy foxtrot frank fox golf "
    "george hotel henry india ida igloo juliet juliett john kilo king lima larry love mike mary november nancy nora "
    "oscar ocean orange oliver papa peter paul quebec queen romeo robert roger sierra sam sugar tango tom thomas "
    "uniform union umbrella uncle victor whiskey william xray xylophone yankee yellow young zulu zebra"
)
"""Words that letters are spelled with."""


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
    return Code(chars, reading.tokens[index].start, reading.tokens[last - 1].end, last)


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
    if word in ALPHABET and (spelled or _is_piece(reading, index + 1) or following in ALPHABET):
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
    letter = reading.word(index - 1)
    if len(letter) != 1 or not letter.isalpha():
        return index
    if reading.word(index) == "as" and reading.word(index + 1) == "in" and reading.word(index + 2)[:1] == letter:
        return _ray_end(reading, index + 3)
    if reading.word(index) in {"for", "like"} and reading.word(index + 1)[:1] == letter and reading.is_word(index + 1):
        return _ray_end(reading, index + 2)
    return index


def _ray_end(reading: Reading, index: int) -> int:
    """The index after the rest of "x ray", whose first word ends before ``index``."""
    if reading.word(index - 1) != "x":
        return index
    behind = index + (reading.word(index) == "-")
    return behind + 1 if reading.word(behind) == "ray" else index
