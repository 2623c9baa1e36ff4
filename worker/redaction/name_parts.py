"""What names are made of: first names, initials, particles, surnames, and the letters that spell them."""

from __future__ import annotations

from typing import Final

from worker.redaction import lexicon
from worker.redaction.gazetteer import AMBIGUOUS_NAMES, FIRST_NAMES, NO_SURNAMES_IN_SMALL, PARTICLES, SURNAMES
from worker.redaction.introductions import SUBJECTS, VERBAL
from worker.redaction.reading import Reading
from worker.redaction.tokens import glued, without_accents
from worker.redaction.vocabulary import FUNCTION_WORDS, is_common

MOST_PARTS: Final = 4
"""Words of one name behind "my name is"."""
MOST_LETTERS: Final = 30


class NameParts:
    """Where parts of names end in one reading. Indices are of tokens."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.tokens = reading.tokens

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.tokens)} tokens>"

    def name_end(self, index: int) -> int:
        """The index after up to four words, whatever they are, until one that cannot be a name."""
        end = index
        while end - index < 2 * MOST_PARTS:
            if self.word(end) in PARTICLES and self.is_part(end + 1) and end > index - 1:
                end += 1
                continue
            if not self.is_part(end, first=end == index):
                break
            end += 1
            at = end + (self.reading.word(end) == "." and len(self.word(end - 1)) == 1)
            if self.reading.word(at) in {"-", "'"} and self.is_part(at + 1):
                at += 1
            end = at if at > end and self.is_part(at) else end
        return end

    def is_part(self, index: int, *, first: bool = False) -> bool:
        if not self.reading.is_word(index):
            return False
        word = self.word(index)
        if word in lexicon.HESITATIONS or (index in self.reading.group_at and word not in SURNAMES):
            return False
        if len(word) == 1:
            return self.reading.is_capital(index) and word != "i"
        if word in FIRST_NAMES or (word in SURNAMES and word not in FUNCTION_WORDS):
            return True
        if first and word in AMBIGUOUS_NAMES:
            return self.word(index + 1) not in SUBJECTS
        if self.reading.is_cased and self.reading.is_capital(index):
            return word not in FUNCTION_WORDS or word in AMBIGUOUS_NAMES
        return not is_common(word)

    def rest_end(self, index: int, *, sure: bool = False) -> int:
        """The index after middle names and surnames that begin at ``index``; if ``sure``, any surname is one."""
        for number in range(MOST_PARTS - 1):
            end = self.surname_end(index)
            word = self.word(end - 1)
            if number and end > index and word not in SURNAMES and word not in FIRST_NAMES and is_common(word):
                break
            if (
                end == index
                and sure
                and self.word(index) in SURNAMES - FUNCTION_WORDS
                and self.is_adjacent(index, index)
            ):
                end = index + 1
            if end == index:
                break
            index = end
        return index

    def surname_end(self, index: int, *, behind_mark: bool = False) -> int:
        """The index after one surname, or an initial, at ``index``; ``index`` itself when there is none."""
        at = index
        if self.reading.word(at) == "-" and at and glued(self.tokens[at - 1], self.tokens[at]):
            at += 1
        start = at
        while self.word(at) in PARTICLES and at - start < 3 and self.reading.is_word(at + 1):
            at += 1
        if at > start and not self.is_surname(at):
            at = start
        if not self.is_adjacent(index, at):
            return index
        if self.is_surname(at) or (behind_mark and self.is_part(at)):
            return at + 1
        if (
            len(self.word(at)) == 1
            and self.reading.is_word(at)
            and self.reading.is_cased
            and self.reading.is_capital(at)
        ):
            behind = at + 1 + (self.reading.word(at + 1) == ".")
            return behind if self.word(at) != "i" and self.is_surname(behind) else index
        is_initial = len(self.word(at)) == 1 and self.reading.is_word(at) and self.word(at) not in {"a", "i"}
        return at + 1 if is_initial and self.word(at + 1) in SURNAMES - NO_SURNAMES_IN_SMALL else index

    def is_adjacent(self, index: int, at: int) -> bool:
        """Whether nothing but a space stands between the tokens from before ``index`` up to ``at``."""
        if not 0 < index <= at < len(self.tokens):
            return False
        text = self.reading.text[self.tokens[index - 1].end : self.tokens[index].start]
        return text.strip(" ") == "" and "\n" not in text

    def is_surname(self, index: int) -> bool:
        if not self.reading.is_word(index) or self.tokens[index].word in lexicon.HESITATIONS:
            return False
        word = self.word(index)
        if len(word) < 2 or (word in FUNCTION_WORDS and word not in {"will", "may"} and word not in SURNAMES):
            return False
        written = self.reading.is_cased and self.reading.is_capital(index)
        if word in SURNAMES:
            return written or not (word in NO_SURNAMES_IN_SMALL or word in FUNCTION_WORDS)
        if written:
            return word not in FUNCTION_WORDS and not self.is_all_capitals(index)
        return word in FIRST_NAMES or not (is_common(word) or word in AMBIGUOUS_NAMES or index in self.reading.group_at)

    def is_written_surname(self, index: int) -> bool:
        return self.is_adjacent(index, index) and self.reading.is_capital(index)

    def is_all_capitals(self, index: int) -> bool:
        token = self.tokens[index]
        return self.reading.text[token.start : token.end].isupper()

    def is_known(self, index: int) -> bool:
        return self.word(index) in FIRST_NAMES or self.word(index) in AMBIGUOUS_NAMES

    def is_plausible(self, index: int) -> bool:
        """Whether the word at ``index`` can be a name at all."""
        word = self.word(index)
        return self.reading.is_word(index) and len(word) > 1 and (word not in FUNCTION_WORDS or word in AMBIGUOUS_NAMES)

    def is_verbal(self, index: int) -> bool:
        return (
            self.word(index) in VERBAL and not self.reading.is_capital(index) and self.word(index + 1) not in SURNAMES
        )

    def letters_end(self, index: int) -> int | None:
        """The index after three letters and more, said one by one, with "as in Sam" behind any of them."""
        letters = 0
        end = at = index
        while at < len(self.tokens) and letters < MOST_LETTERS:
            word = self.reading.word(at)
            if word in {"-", ".", ",", "uh", "um", "then", "and"}:
                at += 1
            elif word in {"double", "triple"} and len(self.reading.word(at + 1)) == 1 and self.reading.is_word(at + 1):
                letters += 2
                at = end = at + 2
            elif len(word) == 1 and self.reading.is_word(at):
                letters += 1
                at = end = at + 1
                if (
                    self.reading.word(at) == "as"
                    and self.reading.word(at + 1) == "in"
                    and self.reading.word(at + 2)[:1] == word
                ):
                    at = end = at + 3
                elif self.reading.word(at) in {"for", "like"} and self.reading.word(at + 1)[:1] == word:
                    at = end = at + 2
            else:
                break
        return end if letters > 2 else None

    def word(self, index: int) -> str:
        """The word at ``index`` without a final "'s"."""
        if not 0 <= index < len(self.tokens):
            return ""
        word = self.tokens[index].word
        if word.isalpha() and word.isascii():
            return word
        return without_accents(word.replace("’", "'").removesuffix("'s"))
