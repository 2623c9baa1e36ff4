"""What a text leaves open at its end: the beginning of something personal that may go on in the next message. Pure.

| left open by | example |
| --- | --- |
| three digits and more that nothing calls harmless | "it's four one one" |
| any piece of what the words in front call by its name | "my pin is four", "the IBAN is d e" |
| words that announce it | "my social is, uh", "my name is" |
| a piece of an address, a house number, a day without its year | "jane dot", "I live at 12", "born on the third of" |

What is complete and cannot go on is not open, nor is an order number, an amount, a year or a time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from worker.redaction import ages, lexicon, names, postal, spans, unfinished
from worker.redaction.continuations import find_continuations, is_backchannel
from worker.redaction.dates import MONTHS, ORDINALS
from worker.redaction.email_pieces import OPEN_HINTS, Pieces
from worker.redaction.lexicon import phrases_of, words_of
from worker.redaction.reading import LABEL_CHARS, Cue, Reading
from worker.redaction.runs import Group
from worker.redaction.spans import SUSPECTED, Span
from worker.redaction.tokens import Kind
from worker.redaction.unfinished import COPULAS, NUMBERS, Left, is_link, is_round
from worker.redaction.vocabulary import FUNCTION_WORDS

__all__ = ["Opening", "find_continuations", "is_backchannel", "opening"]

MOST_HEDGES: Final = 12
HOUSE_WORDS: Final = 4
"""Words behind the number of a house that may be the name of its street."""
MOST_BEHIND_STREET: Final = 4
"""Tokens behind a street that may be the beginning of a town."""
MOST_OF_ADDRESS: Final = 60
"""Tokens of a spoken address of a computer."""
NEAR_HOUSE: Final = 5
"""Words between "I live" and the number of the house."""
MAILBOX_WORDS: Final = 8
"""Words of an address behind "my e-mail is" without any "dot" or "at"."""
FEWEST_OF_DATE: Final = 6
"""Digits of a date without the name of a month."""
WRITTEN_DATE: Final = 6
"""Characters from which on "5/1/80" is a date; "3rd" is none."""


def _by_last(*phrases: tuple[str, ...]) -> Mapping[str, Sequence[tuple[str, ...]]]:
    """Phrases by their last word, the longest first."""
    ordered = sorted(phrases, key=len, reverse=True)
    return {last: [phrase for phrase in ordered if phrase[-1] == last] for last in {phrase[-1] for phrase in phrases}}


_HEDGES: Final = lexicon.HESITATIONS | words_of(
    "and then so okay ok yeah yes please sorry wait well like right actually again next mhm ah oops huh sure dash "
    "hyphen slash space minus plus double triple treble oh"
)
"""What may stand behind something that goes on."""
_HEDGING: Final = _by_last(
    *lexicon.CORRECTIONS,
    *phrases_of(
        "hold on, hang on, one second, one sec, one moment, one minute, just a second, just a sec, just a moment, "
        "just a minute, a second, a moment, wait a second, wait a minute, bear with me, give me a second, give me a "
        "moment, i think, you know, i mean, that's right, thats right, is that right, did you get that, got it, got "
        "that, let me see, let me check, let me look, let me get it, let me find it, let me turn it over, where is it, "
        "what was it, hold on a second, hang on a second, you got that, you got it, are you ready, ready"
    ),
)
_BEGUN_HEDGES: Final = _by_last(
    *phrases_of(
        "let, let me, hold, hang, bear, bear with, give, give me, just, just a, scratch, strike, you, you got, i got, "
        "did, did you, that's, what, where, make, as, as in, for, the rest, the next, i"
    )
)
"""Of these there may be no more before the next message begins."""

_PLACING: Final = words_of("at on in to under the of")
"""What announces a value behind the words that go with it: "reach me at", "born on"."""
_PLACED_CUES: Final = frozenset({"phone", "birth", "expires", "expiry", "email"})
_MAIL: Final = words_of("email emails mail mails")
_PREDICATES: Final = lexicon.PLAIN_WORDS | words_of(
    "broken down wrong not working full blocked fine correct right same different gone slow off bouncing bad good "
    "hacked locked empty old new still already"
)
"""What is said of a mailbox."""
_DAYS: Final = frozenset({"birth", "expiry", "expires"})
_CENTURIES: Final = frozenset({"19", "20"})
_SENT: Final = postal.LIVING | words_of("send sends sent house home come")
_JOINTS: Final = lexicon.DOTS | {"colon"}
_OF_V6: Final = lexicon.NUMBER_HINTS | {"colon"}
_CALLED: Final = frozenset({"name", "name's"})
_NAMING: Final = _by_last(
    *phrases_of(
        "registered to, registered under, belongs to, belong to, made out to, listed under, this is, i am, i'm, "
        "speaking with, speaking to, spoke with, spoke to, speak with, speak to, talk to, talked to, talking to, "
        "ask for, asking for, asked for, call me, behalf of, name is, name's, name was, name of, surname is, under the "
        "name, nickname is, spelled, spell it, spell that"
    )
)
"""Behind these a name follows."""
_ASKED_FOR: Final = words_of("speaking speak talk talking ask asking call me spell it that with to for")
_ASKING: Final = words_of("who whom how")
_VERBS: Final = words_of("can could would will do may should")
_SENTENCE_ENDS: Final = frozenset(".!?")
_DIGITS_BEGUN: Final = lexicon.REPEATS.keys() | {"oh"}
"""Hedges that are the beginning of a number."""
_TITLES: Final = words_of("mr mrs ms mx mister missus")


class Opening(NamedTuple):
    """What a text leaves open at its end."""

    type: str
    """One of `spans`; `spans.NUMBER` when it may be any number."""
    span: Span | None
    """What to mask if nobody waits for how it goes on; None when it was only announced: "my pin is"."""


def opening(reading: Reading) -> Opening | None:
    """What the text leaves open; None when nothing personal has begun at its end."""
    end = _said_end(reading, len(reading.tokens))
    found = _open_at(reading, end)
    if found is None and (before := _before(reading, end, _BEGUN_HEDGES)) < end:
        found = _open_at(reading, _said_end(reading, before))
    return found


def _open_at(reading: Reading, end: int) -> Opening | None:
    """What is open before the token at ``end``, if the text says nothing behind it."""
    if end == 0:
        return None
    for find in (_day, _mail, _house, _number, _mailbox, _age):
        left = find(reading, end)
        if left is not None:
            return None if left.type is None else _opened(reading, left.type, left.first, end)
    kind = _announced(reading, end)
    return _first_name(reading, end) if kind is None else Opening(kind, None)


def _opened(reading: Reading, kind: str, first: int, last: int) -> Opening:
    return Opening(kind, Span(kind, reading.tokens[first].start, reading.tokens[last - 1].end, SUSPECTED))


def _said_end(reading: Reading, end: int) -> int:
    """The index after the last token before ``end`` that says anything: without punctuation, hesitation and "let me
    see"."""
    for _ in range(MOST_HEDGES):
        while end and reading.tokens[end - 1].kind is Kind.MARK and reading.tokens[end - 1].word not in "@_":
            end -= 1
        before = _before(reading, end, _HEDGING)
        if before == end and end and _plain(reading, end - 1) in _HEDGES and end - 1 not in reading.numerals:
            before -= 1
        if before == end:
            break
        end = before
    return end


def _before(reading: Reading, end: int, phrases: Mapping[str, Sequence[Sequence[str]]]) -> int:
    """The index before the phrase that ends at ``end``; ``end`` when none does."""
    for phrase in phrases.get(_plain(reading, end - 1), ()):
        first = end - len(phrase)
        if first >= 0 and all(_plain(reading, first + at) == word for at, word in enumerate(phrase)):
            return first
    return end


def _plain(reading: Reading, index: int) -> str:
    """The word with the "'s" that `Reading.word` leaves out."""
    return reading.tokens[index].word.replace("’", "'") if 0 <= index < len(reading.tokens) else ""


def _mail(reading: Reading, end: int) -> Left | None:
    """ "jane dot", "jane dot doe at example"."""
    if reading.words.isdisjoint(OPEN_HINTS):
        return None
    start = Pieces(reading).open_start(reading.tokens[end - 1].end)
    if start is None:
        return None
    return Left(spans.EMAIL_ADDRESS, next(at for at, token in enumerate(reading.tokens) if token.start == start))


def _number(reading: Reading, end: int) -> Left | None:
    """ "four one one", "ten dot zero dot", "two zero colon"."""
    if reading.text[: reading.tokens[end - 1].end].rsplit(maxsplit=1)[-1].count(":") > 1:
        return Left(None, end - 1)  # "2001:db8::1"
    joint = end
    while joint > 1 and reading.word(joint - 1) in _JOINTS:
        joint -= 1
    left = unfinished.find(reading, joint)
    group = reading.group_ending.get(joint)
    if (left is None or left.type is None) and group is not None and reading.word(joint) in {"dot", "colon"}:
        return Left(spans.IP_ADDRESS, group.first)
    return left if "colon" not in reading.words else _colons(reading, end) or left


def _colons(reading: Reading, end: int) -> Left | None:
    """ "two thousand one colon d b eight"."""
    first = end
    while first and (at := first - 1) > end - MOST_OF_ADDRESS:
        is_piece = at in reading.numerals or len(reading.word(at)) == 1 or reading.word(at) in _OF_V6
        if not is_piece and reading.tokens[at].kind is not Kind.CODE:
            break
        first = at
    has_colon = any(reading.word(at) == "colon" for at in range(first, end))
    return Left(spans.IP_ADDRESS, first) if has_colon else None


def _mailbox(reading: Reading, end: int) -> Left | None:
    """ "my e-mail is jane"."""
    for cue in reversed(tuple(reading.cues_of("email"))):
        first = next((at for at in range(cue.last, end) if not is_link(reading, at)), end)
        words = [_plain(reading, at) for at in range(first, end)]
        if (
            0 < len(words) <= MAILBOX_WORDS
            and _plain(reading, cue.first) in _MAIL
            and _is_said_to_follow(reading, cue, first)
            and all(reading.is_word(at) or reading.word(at) == "-" for at in range(first, end))
            and _PREDICATES.isdisjoint(words)
        ):
            return Left(spans.EMAIL_ADDRESS, first)
    return None


def _house(reading: Reading, end: int) -> Left | None:
    """ "I live at 12", "I live at 12 Maple", and a whole street without a ZIP code."""
    for span in () if reading.words.isdisjoint(postal.STREETS) else postal.find(reading):
        first, last = (_token_at(reading, place) for place in (span.start, span.end))
        tail = range(last, end)
        if len(tail) <= MOST_BEHIND_STREET and all(_is_of_town(reading, at) for at in tail):
            code = reading.run_ending.get(end)
            is_whole = len(tail) == 0 and code is not None and len(code.digits) >= postal.ZIP_DIGITS[0]
            is_whole = is_whole and not is_round(reading, end)
            return Left(None if is_whole else spans.ADDRESS, first)
    if reading.words.isdisjoint(_SENT):
        return None
    for first in range(end - 1, max(-1, end - 1 - 2 * HOUSE_WORDS), -1):
        group = reading.group_at.get(first)
        if group is None or reading.word(first - 1) not in {"at", "on", "is", "to", "it", "address"}:
            continue
        lives = any(reading.word(at) in _SENT for at in range(max(0, first - NEAR_HOUSE), first))
        words = [
            at
            for at in range(group.last, end)
            if at not in reading.numerals and reading.tokens[at].kind is not Kind.MARK
        ]
        if lives and len(words) <= HOUSE_WORDS and all(postal.is_street_word(reading, at) for at in words):
            return Left(spans.ADDRESS, first)
    return None


def _is_of_town(reading: Reading, index: int) -> bool:
    is_mark = reading.tokens[index].kind is Kind.MARK
    is_name = postal.is_street_word(reading, index) and reading.word(index) not in FUNCTION_WORDS
    return is_mark or is_name or reading.word(index) == "new" or index in reading.numerals


def _token_at(reading: Reading, place: int) -> int:
    """The index of the first token that begins at character ``place`` or behind it."""
    return bisect_left(reading.tokens, place, key=lambda token: token.start)


def _day(reading: Reading, end: int) -> Left | None:
    """ "born on the third of", "my birthday is March third", "it expires in March": a year may follow."""
    cues = [cue for cue in reading.cues if cue.kind not in {"", "card"}][-1:]
    if not cues or cues[0].kind not in _DAYS:
        return None
    behind = range(cues[0].last, end)
    said = [at for at in behind if reading.word(at) in ORDINALS or not is_link(reading, at)]
    groups = [group for at, group in sorted(reading.group_at.items()) if said and said[0] <= at < end]
    has_month = any(reading.word(at) in MONTHS for at in said)
    if not said or not all(at in reading.numerals or _is_of_date(reading, at) for at in said):
        return None
    if cues[0].kind != "birth" and not has_month:
        return None
    is_written = any(
        reading.tokens[at].kind is Kind.PLAIN and len(reading.tokens[at].word) >= WRITTEN_DATE for at in said
    )
    is_whole = is_written or (_has_year(reading, groups, has_month) and not is_round(reading, end))
    return Left(None if is_whole else unfinished.TYPES[cues[0].kind], said[0])


def _has_year(reading: Reading, groups: Sequence[Group], has_month: bool) -> bool:
    """Whether the numbers of a date end in a year: "1984", "eighty four", "twenty oh four"."""
    cardinal = [
        group for group in groups if reading.word(group.last + (reading.word(group.last) == "-")) not in ORDINALS
    ]
    before, last = ("", "", *(group.digits for group in cardinal))[-2:]
    is_year = len(last) == 4 or (len(last) == 2 and last not in _CENTURIES) or (len(last) == 1 and before == "0")
    if has_month:
        return is_year and (len(groups) > 1 or len(last) == 4)
    return is_year and sum(len(group.digits) for group in cardinal) >= FEWEST_OF_DATE


def _is_of_date(reading: Reading, index: int) -> bool:
    word = reading.word(index)
    return word in MONTHS or word in ORDINALS or word == "hundred" or reading.tokens[index].kind is Kind.PLAIN


def _announced(reading: Reading, end: int) -> str | None:
    """The type that was announced: "my social is", "you can reach me at", "the number is", "it's registered to"."""
    cue = unfinished.cue_before(reading, end)
    if _plain(reading, end) == "plus":
        return spans.PHONE_NUMBER
    if cue is not None and _is_said_to_follow(reading, cue, end):
        is_postal = cue.kind == "email" and _plain(reading, cue.first) not in _MAIL
        return spans.ADDRESS if is_postal else unfinished.TYPES[cue.kind]
    if reading.word(end - 1) in {"is", "are"} and reading.word(end - 2) in NUMBERS:
        before = (reading.text[: reading.tokens[end - 1].end] + " ")[-LABEL_CHARS:]
        named = lexicon.GENERIC_LABELS.search(before)
        is_other = named is not None and named[1].lower() not in lexicon.NO_LABELS
        return None if is_other or lexicon.LABELS.search(before) is not None else spans.NUMBER
    if reading.word(end - 1) in {"at", "on"} and reading.word(end - 2) in {"live", "lives", "living", "reside"}:
        return spans.ADDRESS
    if (naming := _before(reading, end, _NAMING)) < end:
        return None if _asks(reading, naming, end) else spans.PERSON_NAME
    return spans.PERSON_NAME if reading.word(end - 1) in _TITLES else None


def _asks(reading: Reading, first: int, end: int) -> bool:
    """Whether the name is asked for: "who am I speaking with?" is answered by somebody else."""
    if _plain(reading, first) not in _ASKED_FOR or _plain(reading, end - 1) not in _ASKED_FOR:
        return False
    start = first
    while start and reading.tokens[start - 1].word not in _SENTENCE_ENDS:
        start -= 1
    words = [_plain(reading, at) for at in range(start, min(start + 4, first))]
    inverted = any(verb in _VERBS and who in {"i", "you", "we"} for verb, who in pairwise(words))
    return inverted or not _ASKING.isdisjoint(words)


def _is_said_to_follow(reading: Reading, cue: Cue, end: int) -> bool:
    """Whether the links behind ``cue`` say that its value follows: "is", "at", or a number that is hesitated about."""
    links = [_plain(reading, at) for at in range(cue.last, end)]
    if not COPULAS.isdisjoint(links) or _plain(reading, end) == ":":
        return True
    if cue.kind in _PLACED_CUES and links and links[-1] in _PLACING:
        return True
    behind = {_plain(reading, at) for at in range(end, len(reading.tokens))}
    if not behind.isdisjoint(_DIGITS_BEGUN):
        return True
    return _plain(reading, end - 1) in NUMBERS and not behind.isdisjoint(lexicon.HESITATIONS | {",", "-"})


def _first_name(reading: Reading, end: int) -> Opening | None:
    """A first name whose surname may follow: behind "my name is", or with no full stop behind it."""
    index = end - 1
    before = {_plain(reading, at) for at in range(max(0, index - 3), index)}
    if not reading.is_word(index) or "last" in before or (end < len(reading.tokens) and before.isdisjoint(_CALLED)):
        return None
    for span in names.find(reading):
        is_one = " " not in reading.text[span.start : span.end]
        if span.end == reading.tokens[index].end and is_one and span.score >= SUSPECTED:
            return Opening(spans.PERSON_NAME, span)
    return None


def _age(reading: Reading, end: int) -> Left | None:
    """ "I'm forty": a unit may follow."""
    if not is_round(reading, end):
        return None
    last = reading.tokens[end - 1]
    return Left(spans.AGE, end - 1) if any(span.end == last.end for span in ages.find(reading)) else None
