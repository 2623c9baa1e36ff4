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
from worker.redaction.lexicon import phrases_of, words_of
from worker.redaction.reading import Reading
from worker.redaction.spans import LABELLED, PERSON_NAME, SUSPECTED, WEAK, Span
from worker.redaction.tokens import BLANK, Kind, glued, without_accents
from worker.redaction.vocabulary import COMMON_WORDS, FUNCTION_WORDS, is_common

MOST_PARTS: Final = 4
"""Words of one name behind "my name is"."""
MOST_LETTERS: Final = 30

TITLES: Final = words_of(
    "mr mrs ms mx dr mister missus doctor professor prof miss captain sergeant señor señora herr frau"
)
_DOUBTFUL_TITLES: Final = frozenset({"miss", "captain", "sergeant"})
_NAMED: Final = {
    "first": "name is, name's, name was, name",
    "last": "name is, name's, name was, name",
    "name": "is, was, of, on the card is, on the account is, on the policy is, on the booking is, on it is, "
    "on the reservation is, would be, should be, on file is",
    "names": "is",
    "under": "the name of, the name, name",
    "in": "the name of",
    "by": "the name of",
    "surname": "is, was",
    "called": "",
    "named": "",
    "nickname": "is",
}
_INTRODUCED: Final = {
    "this": "is",
    "it": "is",
    "i": "am, m",
    "im": "",
    "speaking": "with, to",
    "spoke": "with, to",
    "speak": "with, to",
    "spoken": "with, to",
    "talk": "to, with",
    "talked": "to, with",
    "talking": "to, with",
    "ask": "for",
    "asking": "for",
    "asked": "for",
    "attention": "of",
    "contact": "",
    "call": "me",
    "me": "as",
    "behalf": "of",
    "hi": "there, ",
    "hello": "there, ",
    "hey": "there, ",
    "dear": "",
    "morning": "",
    "evening": "",
    "thanks": "so much, ",
    "you": "",
    "thank": "you so much, you",
    "bye": "",
    "goodbye": "",
    "meet": "",
    "tell": "",
    "told": "",
    "with": "",
    "from": "",
    "for": "",
    "patient": "",
    "customer": "",
    "agent": "",
    "client": "",
    "holder": "is, ",
    "beneficiary": "is, ",
    "payable": "to",
    "signed": "by",
    "by": "",
    "and": "",
    "to": "",
    "cc": "",
}
_SURELY_INTRODUCED: Final = words_of(
    "this speaking spoke speak spoken talk talked talking ask asking asked call me behalf dear i im holder "
    "beneficiary signed"
)
"""Behind these, names that are words as well count in small letters."""
_COPULAS: Final = words_of("this it i im")
_OF_THINGS: Final = words_of(
    "product file domain company brand user host street project model event team page site app school bank business "
    "folder field column table server package plan tracker program store shop drug medication street hotel generic "
    "code pet dog cat"
)
"""Before "name": it is none of a person."""
_ENDS_INTRODUCTION: Final = words_of("from calling speaking here with at in over and with again")
_ENDS_UNKNOWN: Final = words_of("from calling speaking here with at over again")
_SPOKEN_WITH: Final = words_of("speaking spoke speak spoken talk talked talking ask asking asked behalf dear")
_GREETINGS: Final = words_of("hi hello hey thanks thank you bye goodbye morning evening dear")
_SPEECH: Final = words_of("said says told called asked wrote mentioned promised")
_ARTICLES: Final = words_of("a an the")
_SITES: Final = words_of("studio room building hall hotel lake mount port fort street terminal saint hurricane")
_CALENDAR: Final = words_of("april may june august sunday autumn summer winter")
_VERBAL: Final = words_of("will may mark can grant chase bill sue drew pat rob rose ward wade hope max chance peg don")
_SUBJECTS: Final = words_of("i you we they he she it my your the that this there a an his her their our not be have is")
_SPELL: Final = words_of("spell spelled spelt spells spelling")
_NOT_BEFORE_PLACES: Final = words_of("in to near from at of south north west east new around outside")


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


class _Finder:
    """The rules over the tokens of one reading. Indices are of tokens."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._tokens = reading.tokens

    def __repr__(self) -> str:
        return f"<_Finder of {len(self._tokens)} tokens>"

    def find(self) -> Iterator[Span]:
        words = self._reading.words
        if not words.isdisjoint(_NAMED):
            yield from self._named()
        if not words.isdisjoint(TITLES):
            yield from self._titled()
        if not words.isdisjoint(lexicon.KIN):
            yield from self._kin()
        yield from self._known()
        if not words.isdisjoint(_SPELL):
            yield from self._spelled()

    # --- what is said to be a name -----------------------------------------------------------------------------------

    def _named(self) -> Iterator[Span]:
        for index in range(len(self._tokens)):
            behind = self._behind(index, _NAMED_ENDS)
            if behind is None or self._reading.word(index - 1) in _OF_THINGS:
                continue
            if self._tokens[index].word in {"called", "named"}:
                if self._is_known(behind) or (self._is_plausible(behind) and self._reading.is_capital(behind)):
                    yield self._span(behind, self._rest_end(behind + 1), LABELLED)
                continue
            at = self._skip_hesitation(behind)
            letters = self._letters_end(at)
            if letters is not None:
                yield self._span(at, letters, LABELLED)
                continue
            end = self._name_end(at)
            if end > at:
                yield self._span(at, end, LABELLED)

    def _titled(self) -> Iterator[Span]:
        for index in range(len(self._tokens)):
            if self._reading.word(index) not in TITLES:
                continue
            at = index + 1 + (self._reading.word(index + 1) == ".")
            doubtful = self._reading.word(index) in _DOUBTFUL_TITLES
            if not self._is_plausible(at) or self._is_verbal(at):
                continue
            written = self._reading.is_capital(at)
            known = self._is_known(at) or self._word(at) in SURNAMES
            street = self._reading.word(index) == "dr" and index - 1 in self._reading.group_ending
            if not street and (
                known or (written and not is_common(self._word(at))) or not (doubtful or is_common(self._word(at)))
            ):
                yield self._span(at, self._rest_end(at + 1, sure=True), LABELLED)

    def _kin(self) -> Iterator[Span]:
        """ "my wife thandiwe", "my son's name"."""
        for index in range(1, len(self._tokens)):
            if self._reading.word(index) not in lexicon.KIN or self._reading.word(index - 1) not in {
                "my",
                "his",
                "her",
                "your",
            }:
                continue
            at = index + 1 + (self._reading.word(index + 1) == ",")
            if (
                self._is_plausible(at)
                and not self._is_verbal(at)
                and (self._is_known(at) or not is_common(self._word(at)))
            ):
                yield self._span(at, self._rest_end(at + 1, sure=True), LABELLED)

    def _spelled(self) -> Iterator[Span]:
        for index in range(len(self._tokens)):
            if self._reading.word(index) not in _SPELL:
                continue
            at = index + 1
            while at < len(self._tokens) and at - index < 5 and self._reading.word(at) in _BEFORE_LETTERS:
                at += 1
            letters = self._letters_end(at)
            if letters is not None:
                yield self._span(at, letters, LABELLED)

    # --- what is known to be a name ----------------------------------------------------------------------------------

    def _known(self) -> Iterator[Span]:
        read = 0
        for index, token in enumerate(self._tokens):
            if index < read or token.kind is not Kind.WORD or len(token.word) < 2:
                continue
            score = self._score(index)
            if score is None:
                continue
            read = self._rest_end(index + 1)
            if self._is_brand(index, read):
                continue
            yield self._span(index, read, score)

    def _score(self, index: int) -> float | None:
        """How surely a name begins at ``index``; None when none does."""
        word = self._word(index)
        written = self._reading.is_cased and self._reading.is_capital(index)
        before = self._reading.word(index - 1)
        if word in FIRST_NAMES:
            is_place = self._is_site(index) or (word in PLACES and before in _NOT_BEFORE_PLACES)
            return WEAK if is_place and self._word(index + 1) not in SURNAMES else LABELLED
        if word in AMBIGUOUS_NAMES:
            named = self._is_ambiguous_name(index, written) and not self._is_site(index)
            return SUSPECTED if named else WEAK if written else None
        if self._follows_mask(index) and self.surname_end(index) > index:
            return SUSPECTED
        if word in FUNCTION_WORDS or word in PARTICLES or is_common(word):
            return None
        behind = self._word(index + 1)
        if word in SURNAMES and written and not self._is_all_capitals(index):
            doubtful = before in _ARTICLES or self._reading.begins_sentence(index)
            if self._is_site(index) or (word in PLACES and before in _NOT_BEFORE_PLACES | _ARTICLES):
                return WEAK
            return WEAK if doubtful and self._introduction(index) is None else SUSPECTED
        if written and (behind in SURNAMES or behind in FIRST_NAMES) and self._is_written_surname(index + 1):
            return SUSPECTED
        return SUSPECTED if self._is_unknown_name(index, written, behind) else None

    def _is_unknown_name(self, index: int, written: bool, behind: str) -> bool:
        """Whether a word on no list is called a name by the words around it."""
        intro = self._introduction(index)
        if intro in _SPOKEN_WITH or (intro in _SURELY_INTRODUCED and (written or behind in _ENDS_UNKNOWN)):
            return True
        if self._reading.word(index - 1) == "is" and behind in {"there", "available", "around", "free"}:
            return True
        if intro in _SURELY_INTRODUCED and self._reading.is_word(index + 1) and not is_common(behind):
            follows = self._word(index + 2) in _ENDS_UNKNOWN or self._reading.word(index + 2) == "i"
            return follows or behind in SURNAMES - NO_SURNAMES_IN_SMALL
        if not written or self._is_all_capitals(index):
            return False
        last = index + 1 >= len(self._tokens) or self._tokens[index + 1].kind is Kind.MARK
        if (intro in _GREETINGS and last) or behind in {"speaking", "here"}:
            return True
        whole = self._is_written_surname(index + 1) and not is_common(behind)
        return whole and self._word(index + 2) in _SPEECH and not self._is_all_capitals(index + 1)

    def _is_site(self, index: int) -> bool:
        """Whether the word at ``index`` names a place, or a letter: "studio Charlotte", "Grace Hall", "Z for Zulu"."""
        before, behind = self._reading.word(index - 1), self._reading.word(index + 1)
        if before in _SITES or (behind in _SITES and self._reading.word(index - 1) in _NOT_BEFORE_PLACES | _ARTICLES):
            return True
        if before not in {"in", "for", "like"}:
            return False
        letter = self._reading.word(index - 2 - (before == "in"))
        return len(letter) == 1 and self._word(index)[:1] == letter

    def _is_brand(self, first: int, last: int) -> bool:
        """Whether the name from ``first`` to before ``last`` is one of a company: "John Deere", "Smith & Sons"."""
        words = tuple(self._word(each) for each in range(first, last))
        longer = (*words, self._word(last))
        if words in BRANDS or longer in BRANDS:
            return True
        if len(words) > 1:
            return False
        end = self._tokens[last - 1].end
        start = self._tokens[first].start
        text = self._reading.text
        return text[end : end + 3] == " & " or text[max(0, start - 3) : start] == " & "

    def _is_ambiguous_name(self, index: int, written: bool) -> bool:
        word, behind = self._word(index), self._word(index + 1)
        intro = self._introduction(index)
        surname = behind in SURNAMES and behind not in COMMON_WORDS
        if behind in _SUBJECTS and word in _VERBAL:
            return False
        if surname and (written or not self._reading.is_cased):
            return True
        if written:
            if intro in _SURELY_INTRODUCED:
                return True
            before = self._tokens[index - 1] if index else None
            inside = before is not None and before.kind is Kind.WORD and not self._reading.begins_sentence(index)
            return inside and word not in _CALENDAR
        if self._reading.is_cased or intro not in _SURELY_INTRODUCED or word in _CALENDAR:
            return False
        if intro not in _COPULAS:
            return True
        return (
            index + 1 >= len(self._tokens) or behind in _ENDS_INTRODUCTION or self._tokens[index + 1].kind is Kind.MARK
        )

    def _introduction(self, index: int) -> str | None:
        """The word of `_INTRODUCED` whose phrase ends right before ``index``."""
        at = index - 1
        while at >= 0 and self._tokens[at].word in {",", "um", "uh"}:
            at -= 1
        for length in (3, 2, 1, 0):
            first = at - length
            if first < 0:
                continue
            rest = tuple(self._tokens[each].word for each in range(first + 1, at + 1))
            word = self._tokens[first].word.replace("’", "'")
            if word in {"i'm", "it's"} and not rest:
                return "i" if word == "i'm" else "it"
            if rest in _INTRODUCED_RESTS.get(word, ()):
                return word
        return None

    # --- parts of names ----------------------------------------------------------------------------------------------

    def _name_end(self, index: int) -> int:
        """The index after up to four words, whatever they are, until one that cannot be a name."""
        end = index
        while end - index < 2 * MOST_PARTS:
            if self._word(end) in PARTICLES and self._is_part(end + 1) and end > index - 1:
                end += 1
                continue
            if not self._is_part(end, first=end == index):
                break
            end += 1
            at = end + (self._reading.word(end) == "." and len(self._word(end - 1)) == 1)
            if self._reading.word(at) in {"-", "'"} and self._is_part(at + 1):
                at += 1
            end = at if at > end and self._is_part(at) else end
        return end

    def _is_part(self, index: int, *, first: bool = False) -> bool:
        if not self._reading.is_word(index):
            return False
        word = self._word(index)
        if word in lexicon.HESITATIONS or (index in self._reading.group_at and word not in SURNAMES):
            return False
        if len(word) == 1:
            return self._reading.is_capital(index) and word != "i"
        if word in FIRST_NAMES or (word in SURNAMES and word not in FUNCTION_WORDS):
            return True
        if first and word in AMBIGUOUS_NAMES:
            return self._word(index + 1) not in _SUBJECTS
        if self._reading.is_cased and self._reading.is_capital(index):
            return word not in FUNCTION_WORDS or word in AMBIGUOUS_NAMES
        return not is_common(word)

    def _rest_end(self, index: int, *, sure: bool = False) -> int:
        """The index after middle names and surnames that begin at ``index``; if ``sure``, any surname is one."""
        for _ in range(MOST_PARTS - 1):
            end = self.surname_end(index)
            if (
                end == index
                and sure
                and self._word(index) in SURNAMES - FUNCTION_WORDS
                and self._is_adjacent(index, index)
            ):
                end = index + 1
            if end == index:
                break
            index = end
        return index

    def surname_end(self, index: int, *, behind_mark: bool = False) -> int:
        """The index after one surname, or an initial, at ``index``; ``index`` itself when there is none."""
        at = index
        if self._reading.word(at) == "-" and at and glued(self._tokens[at - 1], self._tokens[at]):
            at += 1
        start = at
        while self._word(at) in PARTICLES and at - start < 3 and self._reading.is_word(at + 1):
            at += 1
        if at > start and not self._is_surname(at):
            at = start
        if not self._is_adjacent(index, at):
            return index
        if self._is_surname(at) or (behind_mark and self._is_part(at)):
            return at + 1
        if (
            len(self._word(at)) == 1
            and self._reading.is_word(at)
            and self._reading.is_cased
            and self._reading.is_capital(at)
        ):
            behind = at + 1 + (self._reading.word(at + 1) == ".")
            return behind if self._word(at) != "i" and self._is_surname(behind) else index
        is_initial = len(self._word(at)) == 1 and self._reading.is_word(at) and self._word(at) not in {"a", "i"}
        return at + 1 if is_initial and self._word(at + 1) in SURNAMES - NO_SURNAMES_IN_SMALL else index

    def _is_adjacent(self, index: int, at: int) -> bool:
        """Whether nothing but a space stands between the tokens from before ``index`` up to ``at``."""
        if not 0 < index <= at < len(self._tokens):
            return False
        text = self._reading.text[self._tokens[index - 1].end : self._tokens[index].start]
        return text.strip(" ") == "" and "\n" not in text

    def _is_surname(self, index: int) -> bool:
        if not self._reading.is_word(index) or self._tokens[index].word in lexicon.HESITATIONS:
            return False
        word = self._word(index)
        if len(word) < 2 or (word in FUNCTION_WORDS and word not in {"will", "may"} and word not in SURNAMES):
            return False
        written = self._reading.is_cased and self._reading.is_capital(index)
        if word in SURNAMES:
            return written or not (word in NO_SURNAMES_IN_SMALL or word in FUNCTION_WORDS)
        if written:
            return word not in FUNCTION_WORDS and not self._is_all_capitals(index)
        return word in FIRST_NAMES or not (
            is_common(word) or word in AMBIGUOUS_NAMES or index in self._reading.group_at
        )

    def _is_written_surname(self, index: int) -> bool:
        return self._is_adjacent(index, index) and self._reading.is_capital(index)

    def _is_all_capitals(self, index: int) -> bool:
        token = self._tokens[index]
        return self._reading.text[token.start : token.end].isupper()

    def _is_known(self, index: int) -> bool:
        return self._word(index) in FIRST_NAMES or self._word(index) in AMBIGUOUS_NAMES

    def _is_plausible(self, index: int) -> bool:
        """Whether the word at ``index`` can be a name at all."""
        word = self._word(index)
        return (
            self._reading.is_word(index) and len(word) > 1 and (word not in FUNCTION_WORDS or word in AMBIGUOUS_NAMES)
        )

    def _is_verbal(self, index: int) -> bool:
        return (
            self._word(index) in _VERBAL
            and not self._reading.is_capital(index)
            and self._word(index + 1) not in SURNAMES
        )

    def _letters_end(self, index: int) -> int | None:
        """The index after three letters and more, said one by one, with "as in Sam" behind any of them."""
        letters = 0
        end = at = index
        while at < len(self._tokens) and letters < MOST_LETTERS:
            word = self._reading.word(at)
            if word in {"-", ".", ",", "uh", "um", "then", "and"}:
                at += 1
            elif (
                word in {"double", "triple"} and len(self._reading.word(at + 1)) == 1 and self._reading.is_word(at + 1)
            ):
                letters += 2
                at = end = at + 2
            elif len(word) == 1 and self._reading.is_word(at):
                letters += 1
                at = end = at + 1
                if (
                    self._reading.word(at) == "as"
                    and self._reading.word(at + 1) == "in"
                    and self._reading.word(at + 2)[:1] == word
                ):
                    at = end = at + 3
                elif self._reading.word(at) in {"for", "like"} and self._reading.word(at + 1)[:1] == word:
                    at = end = at + 2
            else:
                break
        return end if letters > 2 else None

    def _behind(self, index: int, phrases: dict[str, tuple[tuple[str, ...], ...]]) -> int | None:
        """The index behind a phrase that begins at ``index``; None when none does."""
        word = self._tokens[index].word.replace("’", "'")
        if word == "name's":
            return index + 1
        for rest in phrases.get(self._reading.word(index), ()):
            last = index + 1 + len(rest)
            if tuple(each.word.replace("’", "'") for each in self._tokens[index + 1 : last]) == rest:
                return last
        return None

    def _follows_mask(self, index: int) -> bool:
        before = self._tokens[index - 1] if index else None
        return (
            before is not None and before.kind is Kind.WALL and BLANK in before.word and self._word(index) in SURNAMES
        )

    def _skip_hesitation(self, index: int) -> int:
        while index < len(self._tokens) and self._tokens[index].word in _HESITATION:
            index += 1
        return index

    def _word(self, index: int) -> str:
        """The word at ``index`` without a final "'s"."""
        if not 0 <= index < len(self._tokens):
            return ""
        word = self._tokens[index].word
        if word.isalpha() and word.isascii():
            return word
        return without_accents(word.replace("’", "'").removesuffix("'s"))

    def _span(self, first: int, last: int, score: float) -> Span:
        token = self._tokens[last - 1]
        possessive = 2 if token.word.replace("’", "'").endswith("'s") else 0
        return Span(PERSON_NAME, self._tokens[first].start, token.end - possessive, score)


def _is_apart(reading: Reading, end: int, start: int) -> bool:
    return start - end > 0 and reading.text[end:start].strip(" ") == ""


_HESITATION: Final = lexicon.HESITATIONS | {",", ":"}
_BEFORE_LETTERS: Final = words_of(", : it that is that's it's as my last first name")
_NAMED_ENDS: Final = {first: phrases_of(rests) for first, rests in _NAMED.items()}
_INTRODUCED_RESTS: Final = {first: frozenset(phrases_of(rests)) for first, rests in _INTRODUCED.items()}
