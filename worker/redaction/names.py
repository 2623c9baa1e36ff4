"""Names of persons, without a model: what is known to be a name, and what is said to be one.

| found by | example | in small letters |
| --- | --- | --- |
| words that say that a name follows | "my name is", "last name", a title, "my wife" | yes |
| words behind which a name may stand | "this is", "speaking with", "ask for", "thanks" | names that are known |
| the lists of first names, with the surname behind | "robert hudson" | yes |
| a known surname behind another capital | "Thandi Okafor" | no |
| spelling | "h u d s o n", behind "spelled" or "name is" | yes |

Names that are words as well ("will", "may", "mark", "grace") need such a word in front, or a capital letter inside of a
sentence. What follows a first name is its surname when it is on the list, is written with a capital letter, or is no
common word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from worker.redaction import lexicon
from worker.redaction.gazetteer import (
    AMBIGUOUS_NAMES,
    BRANDS,
    FIRST_NAMES,
    NO_SURNAMES_IN_SMALL,
    PARTICLES,
    PLACES,
    SURNAMES,
)
from worker.redaction.introductions import (
    ARTICLES,
    BEFORE_LETTERS,
    BEHIND_NAMES,
    CALENDAR,
    COPULAS,
    DOUBTFUL_TITLES,
    ENDS_INTRODUCTION,
    ENDS_UNKNOWN,
    GREETINGS,
    HESITATION,
    INTRODUCED_LASTS,
    INTRODUCED_RESTS,
    NAMED,
    NAMED_ENDS,
    NOT_BEFORE_PLACES,
    OF_THINGS,
    SITES,
    SPEECH,
    SPELL,
    SPOKEN_WITH,
    SUBJECTS,
    SURELY_INTRODUCED,
    THINGS,
    TITLES,
    VERBAL,
)
from worker.redaction.name_parts import NameParts
from worker.redaction.reading import Reading
from worker.redaction.spans import LABELLED, PERSON_NAME, SUSPECTED, WEAK, Span
from worker.redaction.tokens import BLANK, Kind
from worker.redaction.vocabulary import COMMON_WORDS, FUNCTION_WORDS, is_common

_NO_NAMES: Final = frozenset(
    word
    for word in (FUNCTION_WORDS | PARTICLES | COMMON_WORDS) - (FIRST_NAMES | AMBIGUOUS_NAMES | SURNAMES)
    if word.isascii() and word.isalpha()
)
"""Most words of most texts: no name begins with them."""


def find(reading: Reading) -> Iterator[Span]:
    """Names of persons."""
    finder = _Finder(reading)
    yield from finder.find()


def extended(reading: Reading, span: Span) -> Span:
    """``span``, a first name that somebody marked, with the surname behind it."""
    finder = _Finder(reading)
    for index, token in enumerate(reading.tokens):
        if token.start >= span.end:
            end = finder.surname_end(index, behind_mark=True) if _is_apart(reading, span.end, token.start) else index
            return span if end == index else Span(PERSON_NAME, span.start, reading.tokens[end - 1].end, SUSPECTED)
    return span


class _Finder(NameParts):
    """The rules over the tokens of one reading. Indices are of tokens."""

    def find(self) -> Iterator[Span]:
        words = self.reading.words
        if not words.isdisjoint(NAMED):
            yield from self._named()
        if not words.isdisjoint(TITLES):
            yield from self._titled()
        if not words.isdisjoint(lexicon.KIN):
            yield from self._kin()
        yield from self._known()
        if not words.isdisjoint(SPELL):
            yield from self._spelled()

    # --- what is said to be a name -----------------------------------------------------------------------------------

    def _named(self) -> Iterator[Span]:
        for index, word in enumerate(self.reading.stems):
            behind = self._behind(index, NAMED_ENDS) if word in NAMED_ENDS else None
            if behind is None or self.reading.word(index - 1) in OF_THINGS:
                continue
            if self.tokens[index].word in {"called", "named"}:
                unknown = self.is_plausible(behind) and not is_common(self.word(behind))
                if self.is_known(behind) or (unknown and self.reading.is_cased and self.reading.is_capital(behind)):
                    yield self._span(behind, self.rest_end(behind + 1), LABELLED)
                continue
            at = self._skip_hesitation(behind)
            letters = self.letters_end(at)
            if letters is not None:
                yield self._span(at, letters, LABELLED)
                continue
            end = self.name_end(at)
            if end > at:
                yield self._span(at, end, LABELLED)

    def _titled(self) -> Iterator[Span]:
        for index in range(len(self.tokens)):
            if self.reading.word(index) not in TITLES:
                continue
            at = index + 1 + (self.reading.word(index + 1) == ".")
            doubtful = self.reading.word(index) in DOUBTFUL_TITLES
            if not self.is_plausible(at) or self.is_verbal(at):
                continue
            written = self.reading.is_capital(at)
            known = self.is_known(at) or self.word(at) in SURNAMES
            # "12 Elm Dr Boston", "5 ms median".
            counted = index in self.reading.group_ending or self.reading.word(index - 1).isdigit()
            if not counted and (
                known or (written and not is_common(self.word(at))) or not (doubtful or is_common(self.word(at)))
            ):
                yield self._span(at, self.rest_end(at + 1, sure=True), LABELLED)

    def _kin(self) -> Iterator[Span]:
        """ "my wife thandiwe", "my son's name"."""
        for index in range(1, len(self.tokens)):
            if self.reading.word(index) not in lexicon.KIN or self.reading.word(index - 1) not in {
                "my",
                "his",
                "her",
                "your",
            }:
                continue
            at = index + 1 + (self.reading.word(index + 1) == ",")
            if self.is_plausible(at) and not self.is_verbal(at) and (self.is_known(at) or not is_common(self.word(at))):
                yield self._span(at, self.rest_end(at + 1, sure=True), LABELLED)

    def _spelled(self) -> Iterator[Span]:
        for index in range(len(self.tokens)):
            if self.reading.word(index) not in SPELL:
                continue
            at = index + 1
            while at < len(self.tokens) and at - index < 5 and self.reading.word(at) in BEFORE_LETTERS:
                at += 1
            letters = self.letters_end(at)
            if letters is not None:
                yield self._span(at, letters, LABELLED)

    # --- what is known to be a name ----------------------------------------------------------------------------------

    def _known(self) -> Iterator[Span]:
        read = 0
        for index, token in enumerate(self.tokens):
            if token.word in _NO_NAMES or index < read or token.kind is not Kind.WORD or len(token.word) < 2:
                continue
            score = self._score(index)
            if score is None:
                continue
            read = self.rest_end(index + 1)
            if self._is_brand(index, read) or self._is_of_code(index, read):
                continue
            yield self._span(index, read, score)

    def _score(self, index: int) -> float | None:
        """How surely a name begins at ``index``; None when none does."""
        word = self.word(index)
        written = self.reading.is_cased and self.reading.is_capital(index)
        before = self.reading.word(index - 1)
        if word in FIRST_NAMES:
            if word in {"jan", "jun"} and self._is_in_date(index):
                return None
            is_place = self._is_site(index) or (word in PLACES and before in NOT_BEFORE_PLACES)
            return WEAK if is_place and self.word(index + 1) not in SURNAMES else LABELLED
        if word in AMBIGUOUS_NAMES:
            named = self._is_ambiguous_name(index, written) and not self._is_site(index)
            return SUSPECTED if named else WEAK if written else None
        if self._follows_mask(index) and self.surname_end(index) > index:
            return SUSPECTED
        if word in FUNCTION_WORDS or word in PARTICLES or is_common(word):
            return None
        behind = self.word(index + 1)
        if word in SURNAMES and written and not self.is_all_capitals(index):
            doubtful = before in ARTICLES or self.reading.begins_sentence(index)
            if self._is_site(index) or (word in PLACES and before in NOT_BEFORE_PLACES | ARTICLES):
                return WEAK
            return WEAK if doubtful and self._introduction(index) is None else SUSPECTED
        if written and (behind in SURNAMES or behind in FIRST_NAMES) and self.is_written_surname(index + 1):
            return SUSPECTED
        return SUSPECTED if self._is_unknown_name(index, written, behind) else None

    def _is_unknown_name(self, index: int, written: bool, behind: str) -> bool:
        """Whether a word on no list is called a name by the words around it."""
        intro = self._introduction(index)
        if intro in SPOKEN_WITH or (intro in SURELY_INTRODUCED and (written or behind in ENDS_UNKNOWN)):
            return True
        if self.reading.word(index - 1) == "is" and behind in {"there", "available", "around", "free"}:
            return True
        if intro in SURELY_INTRODUCED and self.reading.is_word(index + 1) and not is_common(behind):
            follows = self.word(index + 2) in ENDS_UNKNOWN or self.reading.word(index + 2) == "i"
            return follows or behind in SURNAMES - NO_SURNAMES_IN_SMALL
        if not written or self.is_all_capitals(index):
            return False
        last = index + 1 >= len(self.tokens) or self.tokens[index + 1].kind is Kind.MARK
        if (intro in GREETINGS and last) or behind in {"speaking", "here"}:
            return True
        whole = self.is_written_surname(index + 1) and not is_common(behind)
        return whole and self.word(index + 2) in SPEECH and not self.is_all_capitals(index + 1)

    def _is_in_date(self, index: int) -> bool:
        around = (index - 1, index + 1)
        return any(self.reading.word(each)[:1].isdigit() or self.reading.word(each) == "-" for each in around)

    def _is_site(self, index: int) -> bool:
        """Whether the word at ``index`` names a place, or a letter: "studio Charlotte", "Grace Hall", "Z for Zulu"."""
        before, behind = self.reading.word(index - 1), self.reading.word(index + 1)
        if before in SITES or behind in THINGS:
            return True
        if before not in {"in", "for", "like"}:
            return False
        letter = self.reading.word(index - 2 - (before == "in"))
        return len(letter) == 1 and self.word(index)[:1] == letter

    def _is_brand(self, first: int, last: int) -> bool:
        """Whether the name from ``first`` to before ``last`` is one of a company: "John Deere", "Smith & Sons"."""
        words = tuple(self.word(each) for each in range(first, last))
        longer = (*words, self.word(last))
        if words in BRANDS or longer in BRANDS:
            return True
        if len(words) > 1:
            return False
        end = self.tokens[last - 1].end
        start = self.tokens[first].start
        text = self.reading.text
        return text[end : end + 3] == " & " or text[max(0, start - 3) : start] == " & "

    def _is_of_code(self, first: int, last: int) -> bool:
        """Whether the word at ``first`` spells a letter in front of a number: "charlie seven four"."""
        is_spelled = last == first + 1 and self.word(first) in lexicon.ALPHABET and last in self.reading.group_at
        return is_spelled and self._introduction(first) is None

    def _is_ambiguous_name(self, index: int, written: bool) -> bool:
        word, behind = self.word(index), self.word(index + 1)
        intro = self._introduction(index)
        surname = behind in SURNAMES and behind not in COMMON_WORDS
        if behind in SUBJECTS and word in VERBAL:
            return False
        if surname and (written or not self.reading.is_cased):
            return True
        if written:
            hyphen = self.tokens[index + 1] if index + 1 < len(self.tokens) else None
            if hyphen is not None and hyphen.word == "-" and self.reading.is_word(index + 2):
                return self.is_part(index + 2)
            if intro in SURELY_INTRODUCED:
                return True
            before = self.tokens[index - 1] if index else None
            inside = before is not None and before.kind is Kind.WORD and not self.reading.begins_sentence(index)
            return inside and word not in CALENDAR and (intro is not None or behind in SPEECH | BEHIND_NAMES)
        if self.reading.is_cased or intro not in SURELY_INTRODUCED or word in CALENDAR:
            return False
        if intro not in COPULAS:
            return True
        return index + 1 >= len(self.tokens) or behind in ENDS_INTRODUCTION or self.tokens[index + 1].kind is Kind.MARK

    def _introduction(self, index: int) -> str | None:
        """The word of `INTRODUCED` whose phrase ends right before ``index``."""
        at = index - 1
        while at >= 0 and self.tokens[at].word in {",", "um", "uh"}:
            at -= 1
        if at < 0 or self.tokens[at].word.replace("’", "'") not in INTRODUCED_LASTS:
            return None
        for length in (3, 2, 1, 0):
            first = at - length
            if first < 0:
                continue
            rest = tuple(self.tokens[each].word for each in range(first + 1, at + 1))
            word = self.tokens[first].word.replace("’", "'")
            if word in {"i'm", "it's"} and not rest:
                return "i" if word == "i'm" else "it"
            if rest in INTRODUCED_RESTS.get(word, ()):
                return word
        return None

    # --- the places of words ------------------------------------------------------------------------------------------

    def _skip_hesitation(self, index: int) -> int:
        while index < len(self.tokens) and self.tokens[index].word in HESITATION:
            index += 1
        return index

    def _behind(self, index: int, phrases: dict[str, tuple[tuple[str, ...], ...]]) -> int | None:
        """The index behind a phrase that begins at ``index``; None when none does."""
        word = self.tokens[index].word.replace("’", "'")
        if word == "name's":
            return index + 1
        for rest in phrases.get(self.reading.word(index), ()):
            last = index + 1 + len(rest)
            if tuple(each.word.replace("’", "'") for each in self.tokens[index + 1 : last]) == rest:
                return last
        return None

    def _follows_mask(self, index: int) -> bool:
        before = self.tokens[index - 1] if index else None
        return before is not None and before.kind is Kind.WALL and BLANK in before.word and self.word(index) in SURNAMES

    def _span(self, first: int, last: int, score: float) -> Span:
        token = self.tokens[last - 1]
        possessive = 2 if token.word.replace("’", "'").endswith("'s") else 0
        return Span(PERSON_NAME, self.tokens[first].start, token.end - possessive, score)


def _is_apart(reading: Reading, end: int, start: int) -> bool:
    return start - end > 0 and reading.text[end:start].strip(" ") == ""
