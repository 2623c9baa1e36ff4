"""International bank account numbers, written and spelled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final, NamedTuple

from stdnum import iban

from worker.redaction import lexicon
from worker.redaction.codes import EXPLAINING, explained_end, read_code
from worker.redaction.countries import IBAN_LENGTHS
from worker.redaction.reading import Reading
from worker.redaction.runs import interjection_end, is_years
from worker.redaction.spans import IBAN, SUSPECTED, Span
from worker.redaction.tokens import Kind

LONGEST: Final = 34
FEWEST_DIGITS: Final = 10
SHORTEST_SUSPECT: Final = 7
"""Digits from which on a number is masked for being called IBAN alone."""
LONGEST_LETTERS: Final = 6
"""Letters that an account number has in a row at most."""
LONGEST_COUNTRY: Final = 2
MOST_TOKENS: Final = 6 * LONGEST
"""Of an account number, with letters that are explained and words in between."""
_COUNTRIES: Final = frozenset(country.lower() for country in IBAN_LENGTHS)
_BEGINNINGS: Final = frozenset(country[0] for country in _COUNTRIES)


class _Piece(NamedTuple):
    """Letters or digits said or written as one; no characters where an account number cannot continue."""

    chars: str
    start: int
    end: int


def find(reading: Reading) -> Iterator[Span]:
    """Account numbers whose check digits are right."""
    digits = sum([len(run.digits) for run in reading.runs])
    if digits < FEWEST_DIGITS:
        codes = (
            [token.word for token in reading.tokens if token.kind is Kind.CODE] if Kind.CODE in reading.kinds else []
        )
        if digits + sum(char.isdigit() for code in codes for char in code) < FEWEST_DIGITS:
            return
    for index, token in enumerate(reading.tokens):
        word = token.word
        if len(word) > LONGEST_COUNTRY and token.kind is Kind.WORD and word not in lexicon.ALPHABET:
            continue  # Letters where two figures should be.
        begins = word[:2] in _COUNTRIES or (word[0] in _BEGINNINGS and (len(word) == 1 or word in lexicon.ALPHABET))
        if begins and index not in reading.numerals:
            pieces = islice(_read_pieces(reading, index), LONGEST)
            first = next(pieces, None)
            # A filler such as "so" is no country.
            if first is None or first.start != token.start:
                continue
            end = _find_end(chain((first,), pieces))
            if end is not None:
                yield Span(IBAN, token.start, end)


def _find_end(pieces: Iterable[_Piece]) -> int | None:
    """Where the account number that begins with the first piece ends; None when none does."""
    chars = ""
    for piece in pieces:
        chars += piece.chars
        country, check = chars[:2], chars[2:4]
        if not piece.chars or (check and not check.isdigit()):
            break
        length = IBAN_LENGTHS.get(country, 0) if len(country) == 2 else LONGEST
        if len(chars) > length:
            break
        if len(chars) == length:
            return piece.end if iban.is_valid(chars, check_country=False) else None
    return None


def _read_pieces(reading: Reading, first: int) -> Iterator[_Piece]:
    """From the token at ``first`` on."""
    read_until = 0
    for index, token in enumerate(reading.tokens[first : first + MOST_TOKENS], first):
        if token.start < read_until or token.kind is Kind.MARK:
            continue
        explained = index
        if token.word in EXPLAINING:
            explained = explained_end(reading, index)
        elif token.word in lexicon.INTERJECTIONS and (behind := interjection_end(reading.tokens, index)) is not None:
            explained = behind
        if explained > index:
            read_until = reading.tokens[explained - 1].end
            continue
        if (group := reading.group_at.get(index)) is not None:
            read_until = group.end
            yield _Piece(group.digits, group.start, group.end)
        elif token.kind is Kind.CODE:
            yield _Piece(token.word, token.start, token.end)
        elif token.kind is Kind.WORD and token.word in lexicon.ALPHABET:
            yield _Piece(token.word[0], token.start, token.end)
        elif token.kind is Kind.WORD and len(token.word) > 1 and token.word in lexicon.FILLERS:
            continue
        else:
            spells = token.kind is Kind.WORD and len(token.word) <= LONGEST_LETTERS and token.word.isascii()
            yield _Piece(token.word if spells else "", token.start, token.end)


def find_called(reading: Reading) -> Iterator[Span]:
    """Numbers that are called IBAN, with their letters."""
    for cue in reading.cues_of("iban"):
        value = reading.value_after(cue)
        code = None if value is None else read_code(reading, value)
        if code is not None and code.digits >= SHORTEST_SUSPECT:
            yield Span(IBAN, code.start, code.end, SUSPECTED)
    for run in reading.runs:
        if len(run.digits) >= SHORTEST_SUSPECT and reading.cue_near(run) == "iban" and not is_years(run.digits):
            yield Span(IBAN, run.start, run.end, SUSPECTED)
