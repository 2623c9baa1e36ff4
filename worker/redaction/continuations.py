"""What a text begins with: the rest of something that an earlier message left open, or a word of a listener. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from worker.redaction import dates, lexicon, postal, spans
from worker.redaction.codes import read_code
from worker.redaction.email_pieces import Pieces
from worker.redaction.gazetteer import FIRST_NAMES, SURNAMES
from worker.redaction.lexicon import phrases_of, words_of
from worker.redaction.name_parts import NameParts
from worker.redaction.reading import Reading
from worker.redaction.spans import SUSPECTED, Span
from worker.redaction.tokens import Kind, tokens_of
from worker.redaction.vocabulary import is_common

MOST_LEADING: Final = 12
"""Words before the rest: "yeah, okay, and then"."""
MOST_BACKCHANNEL_WORDS: Final = 5

_LEADING: Final = lexicon.HESITATIONS | words_of(
    "and then so okay ok yeah yes yep sorry wait no well like right actually again next mhm ah oops huh sure it's it "
    "is that's was the rest continues dash hyphen slash space comma let me see i mean ending in with alright now "
    "got that did you ready sec on check scratch strike make correction rather"
)
_COUNTED: Final = words_of("more of moment second sec minute thing other question things questions time day way")
"""Behind a small number: it counts something."""

_LISTENING: Final = frozenset(
    phrases_of(
        "mm hm, mhm, mm hmm, mmhmm, mm, hmm, hm, uh huh, uhuh, yes, yeah, yep, yup, okay, ok, right, sure, good, "
        "great, perfect, fine, alright, all right, got it, got that, i got it, i got that, go on, go ahead, please, "
        "continue, i see, i'm listening, i'm ready, i'm here, listening, ready, next, correct, that's right, that's "
        "correct, that's fine, that's good, exactly, cool, nice, wonderful, excellent, awesome, thanks, thank you, of "
        "course, take your time, no problem, no worries, understood, noted, alrighty, absolutely, certainly, and "
        "then, and, uh, um, ah, oh, sir, ma'am, keep going, carry on, whenever you're ready, copy, copy that, still "
        "here, lovely, brilliant, super"
    )
)
"""What a listener says while somebody dictates."""
_LONGEST_LISTENING: Final = max(map(len, _LISTENING))


def is_backchannel(text: str) -> bool:
    """Whether a few words say nothing but "mm-hm" and "go on": they neither end nor continue what is dictated."""
    words = [token.word.replace("’", "'") for token in tokens_of(text) if token.kind is not Kind.MARK]
    if len(words) > MOST_BACKCHANNEL_WORDS:
        return False
    index = 0
    while index < len(words):
        for length in range(min(_LONGEST_LISTENING, len(words) - index), 0, -1):
            if tuple(words[index : index + length]) in _LISTENING:
                index += length
                break
        else:
            return False
    return True


def find_continuations(reading: Reading) -> Iterator[Span]:
    """What may be the rest of something begun in an earlier message, at the beginning of the text.

    Digits and spelled letters are `spans.NUMBER`, whatever they belong to; parts of addresses, names and dates of birth
    have their own type. Only together with what was left open do these mean anything: "Brown." may be a colour.
    """
    index = _said_start(reading)
    if index >= len(reading.tokens):
        return
    yield from _digits(reading, index)
    code = read_code(reading, index)
    if code is not None and (code.digits == 0 or len(code.chars) > code.digits) and not _is_word(reading, index):
        yield Span(spans.NUMBER, code.start, code.end, SUSPECTED)
    end = Pieces(reading).rest_end(reading.tokens[index].start)
    if end is not None:
        yield Span(spans.EMAIL_ADDRESS, reading.tokens[index].start, end, SUSPECTED)
    last = _street_end(reading, index)
    if last > index:
        yield _span(reading, spans.ADDRESS, index, last)
    at = index + (reading.word(index) == "of")
    month = dates.month_end(reading, at)
    if month is not None:
        yield _span(reading, spans.DATE_OF_BIRTH, at, month)
    last = _name_end(reading, index)
    if last > index:
        yield _span(reading, spans.PERSON_NAME, index, last)


def _said_start(reading: Reading) -> int:
    """The index of the first token that is no "yeah, and then"."""
    index = 0
    while index < len(reading.tokens) and index < MOST_LEADING:
        token = reading.tokens[index]
        is_mark = token.kind is Kind.MARK and token.word not in "@_+"
        if not (is_mark or token.word.replace("’", "'") in _LEADING):
            break
        index += 1
    return index


def _digits(reading: Reading, index: int) -> Iterator[Span]:
    token = reading.tokens[index]
    behind = reading.tokens[index + 1 : index + 2]
    is_zero = token.word in lexicon.INTERJECTED_ZEROS and all(each.kind is Kind.MARK for each in behind)
    if is_zero or token.word in {"hundred", "thousand"}:
        yield Span(spans.NUMBER, token.start, token.end, SUSPECTED)
    for run in reading.runs:
        if run.first > index + 1:
            return
        counts = len(run.groups) == 1 and reading.word(run.last) in _COUNTED
        if run.last > index and not counts and not reading.is_amount(run):
            yield Span(spans.NUMBER, run.start, run.end, SUSPECTED)


def _is_word(reading: Reading, index: int) -> bool:
    """Whether the one letter at ``index`` is a word: "I have", "a card"."""
    return reading.word(index) in {"a", "i"} and len(reading.word(index + 1)) > 1


def _street_end(reading: Reading, index: int) -> int:
    """The index after "Maple Street", "Apartment 5", "Dayton, Ohio" and what follows them."""
    for words in range(1, postal.NAME_WORDS + 1):
        if not postal.is_street_word(reading, index + words - 1):
            break
        if reading.word(index + words) in postal.STREETS:
            return postal.tail_end(reading, index + words + 1)
    if reading.word(index) in postal.STREETS:
        return postal.tail_end(reading, index + 1)
    return postal.tail_end(reading, index)


def _name_end(reading: Reading, index: int) -> int:
    parts = NameParts(reading)
    word = parts.word(index)
    known = word in FIRST_NAMES or word in SURNAMES
    if not reading.is_word(index) or len(word) < 2 or is_common(word) or index in reading.group_at:
        return index
    ends = index + 1 >= len(reading.tokens) or reading.tokens[index + 1].kind is Kind.MARK
    return parts.name_end(index) if known or ends else index


def _span(reading: Reading, kind: str, first: int, last: int) -> Span:
    return Span(kind, reading.tokens[first].start, reading.tokens[last - 1].end, SUSPECTED)
