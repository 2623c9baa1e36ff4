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

from typing import Final, NamedTuple

from worker.redaction import emails, lexicon, names, postal, spans, unfinished
from worker.redaction.continuations import find_continuations, is_backchannel
from worker.redaction.dates import MONTHS, ORDINALS
from worker.redaction.lexicon import phrases_of, words_of
from worker.redaction.reading import LABEL_CHARS, Cue, Reading
from worker.redaction.spans import LABELLED, SUSPECTED, Span
from worker.redaction.tokens import Kind
from worker.redaction.unfinished import Left, is_link

__all__ = ["Opening", "find_continuations", "is_backchannel", "opening"]

MOST_HEDGES: Final = 12
HOUSE_WORDS: Final = 4
"""Words behind the number of a house that may be the name of its street."""
NEAR_HOUSE: Final = 5
"""Words between "I live" and the number of the house."""
MAILBOX_WORDS: Final = 2
"""Words of an address behind "my e-mail is" without any "dot" or "at"."""
WRITTEN_DATE: Final = 6
"""Characters from which on "5/1/80" is a date; "3rd" is none."""

_HEDGES: Final = lexicon.HESITATIONS | words_of(
    "and then so okay ok yeah yes please sorry wait well like right actually again next mhm ah oops huh sure dash "
    "hyphen slash space minus plus double triple treble"
)
"""What may stand behind something that goes on."""
_HEDGING: Final = frozenset(
    phrases_of(
        "hold on, hang on, one second, one sec, one moment, one minute, just a second, just a sec, just a moment, "
        "just a minute, a second, a moment, wait a second, wait a minute, bear with me, give me a second, give me a "
        "moment, i think, you know, i mean, that's right, thats right, is that right, did you get that, got it, got "
        "that, let me see, let me check, let me look, let me get it, let me find it, let me turn it over, where is it, "
        "what was it, hold on a second, hang on a second, you got that, you got it, are you ready, ready"
    )
)
_LONGEST_HEDGE: Final = max(map(len, _HEDGING))

_COPULAS: Final = words_of("is are was it's it that's says reads be : as follows")
_PLACING: Final = words_of("at on in to under the of")
"""What announces a value behind the words that go with it: "reach me at", "born on"."""
_PLACED_CUES: Final = frozenset({"phone", "birth", "expires", "expiry", "email"})
_NUMBERS: Final = frozenset({"number", "numbers", "digits", "code", "no"})
_MAIL: Final = words_of("email emails mail mails")
_PREDICATES: Final = lexicon.PLAIN_WORDS | words_of(
    "broken down wrong not working full blocked fine correct right same different gone slow off bouncing bad good "
    "hacked locked empty old new still already"
)
"""What is said of a mailbox."""
_NAMING: Final = frozenset(
    phrases_of(
        "registered to, registered under, belongs to, belong to, made out to, listed under, this is, i am, i'm, "
        "speaking with, speaking to, spoke with, spoke to, speak with, speak to, talk to, talked to, talking to, "
        "ask for, asking for, asked for, call me, behalf of, name is, name's, name was, name of, surname is, under the "
        "name, nickname is, spelled, spell it, spell that"
    )
)
"""Behind these a name follows."""
_LONGEST_NAMING: Final = max(map(len, _NAMING))
_TITLES: Final = words_of("mr mrs ms mx mister missus")


class Opening(NamedTuple):
    """What a text leaves open at its end."""

    type: str
    """One of `spans`; `spans.NUMBER` when it may be any number."""
    span: Span | None
    """What to mask if nobody waits for how it goes on; None when it was only announced: "my pin is"."""


def opening(reading: Reading) -> Opening | None:
    """What the text leaves open; None when nothing personal has begun at its end."""
    end = _said_end(reading)
    if end == 0:
        return None
    for find in (_birth, _mail, _house, _number, _mailbox):
        left = find(reading, end)
        if left is not None:
            return None if left.type is None else _opened(reading, left.type, left.first, end)
    kind = _announced(reading, end)
    return _first_name(reading, end) if kind is None else Opening(kind, None)


def _opened(reading: Reading, kind: str, first: int, last: int) -> Opening:
    return Opening(kind, Span(kind, reading.tokens[first].start, reading.tokens[last - 1].end, SUSPECTED))


def _said_end(reading: Reading) -> int:
    """The index after the last token that says anything: without punctuation, hesitation and "let me see"."""
    end = len(reading.tokens)
    for _ in range(MOST_HEDGES):
        while end and reading.tokens[end - 1].kind is Kind.MARK and reading.tokens[end - 1].word not in "@_":
            end -= 1
        for length in range(min(_LONGEST_HEDGE, end), 0, -1):
            words = tuple(_plain(reading, at) for at in range(end - length, end))
            if words in _HEDGING or (length == 1 and words[0] in _HEDGES):
                end -= length
                break
        else:
            break
    return end


def _plain(reading: Reading, index: int) -> str:
    """The word with the "'s" that `Reading.word` leaves out."""
    return reading.tokens[index].word.replace("’", "'") if 0 <= index < len(reading.tokens) else ""


def _mail(reading: Reading, end: int) -> Left | None:
    """ "jane dot", "jane dot doe at example"."""
    start = emails.Speller(reading).open_start(reading.tokens[end - 1].end)
    if start is None:
        return None
    return Left(spans.EMAIL_ADDRESS, next(at for at, token in enumerate(reading.tokens) if token.start == start))


def _number(reading: Reading, end: int) -> Left | None:
    """ "four one one", "ten dot zero dot"."""
    while end > 1 and reading.word(end - 1) in lexicon.DOTS:
        end -= 1
    return unfinished.find(reading, end)


def _mailbox(reading: Reading, end: int) -> Left | None:
    """ "my e-mail is jane"."""
    for cue in reversed(tuple(reading.cues_of("email"))):
        first = next((at for at in range(cue.last, end) if not is_link(reading, at)), end)
        words = [_plain(reading, at) for at in range(first, end)]
        if (
            0 < len(words) <= MAILBOX_WORDS
            and _plain(reading, cue.first) in _MAIL
            and _is_said_to_follow(reading, cue, first)
            and all(reading.is_word(at) for at in range(first, end))
            and _PREDICATES.isdisjoint(words)
        ):
            return Left(spans.EMAIL_ADDRESS, first)
    return None


def _house(reading: Reading, end: int) -> Left | None:
    """ "I live at 12", "I live at 12 Maple", and a whole street whose town may follow."""
    if reading.words.isdisjoint(postal.LIVING):
        return None
    for first in range(end - 1, max(-1, end - 1 - 2 * HOUSE_WORDS), -1):
        group = reading.group_at.get(first)
        if group is None or reading.word(first - 1) not in {"at", "on", "is", "to", "it"}:
            continue
        lives = any(reading.word(at) in postal.LIVING for at in range(max(0, first - NEAR_HOUSE), first))
        words = [at for at in range(group.last, end) if at not in reading.group_at]
        if lives and len(words) <= HOUSE_WORDS and all(postal.is_street_word(reading, at) for at in words):
            return Left(spans.ADDRESS, first)
    return None


def _birth(reading: Reading, end: int) -> Left | None:
    """ "born on the third of", "my birthday is March third": a year may follow."""
    cues = tuple(reading.cues_of("birth"))
    said = [at for at in range(cues[-1].last, end) if not is_link(reading, at)] if cues else []
    groups = [group for at, group in sorted(reading.group_at.items()) if said and said[0] <= at < end]
    numbers = {at for group in groups for at in range(group.first, group.last)}
    if not said or not all(at in numbers or _is_of_date(reading, at) for at in said):
        return None
    digits = "".join(group.digits for group in groups)
    has_month = any(reading.word(at) in MONTHS for at in said)
    short = groups[-1].digits if len(groups) > 1 else ""
    has_year = len(digits) >= (4 if has_month else 6) or (has_month and len(short) == 2 and short not in {"19", "20"})
    is_written = any(
        reading.tokens[at].kind is Kind.PLAIN and len(reading.tokens[at].word) >= WRITTEN_DATE for at in said
    )
    is_whole = is_written or (has_year and reading.word(end - 1) not in lexicon.TENS)
    return Left(None if is_whole else spans.DATE_OF_BIRTH, said[0])


def _is_of_date(reading: Reading, index: int) -> bool:
    word = reading.word(index)
    return word in MONTHS or word in ORDINALS or word == "hundred" or reading.tokens[index].kind is Kind.PLAIN


def _announced(reading: Reading, end: int) -> str | None:
    """The type that was announced: "my social is", "you can reach me at", "the number is", "it's registered to"."""
    cue = unfinished.cue_before(reading, end)
    if cue is not None and _is_said_to_follow(reading, cue, end):
        is_postal = cue.kind == "email" and _plain(reading, cue.first) not in _MAIL
        return spans.ADDRESS if is_postal else unfinished.TYPES[cue.kind]
    if reading.word(end - 1) in {"is", "are"} and reading.word(end - 2) in _NUMBERS:
        before = (reading.text[: reading.tokens[end - 1].end] + " ")[-LABEL_CHARS:]
        named = lexicon.GENERIC_LABELS.search(before)
        is_other = named is not None and named[1].lower() not in lexicon.NO_LABELS
        return None if is_other or lexicon.LABELS.search(before) is not None else spans.NUMBER
    if reading.word(end - 1) in {"at", "on"} and reading.word(end - 2) in {"live", "lives", "living", "reside"}:
        return spans.ADDRESS
    for length in range(1, min(_LONGEST_NAMING, end) + 1):
        if tuple(_plain(reading, at) for at in range(end - length, end)) in _NAMING:
            return spans.PERSON_NAME
    return spans.PERSON_NAME if reading.word(end - 1) in _TITLES else None


def _is_said_to_follow(reading: Reading, cue: Cue, end: int) -> bool:
    """Whether the links behind ``cue`` say that its value follows: "is", "at", or a number that is hesitated about."""
    links = [_plain(reading, at) for at in range(cue.last, end)]
    if not _COPULAS.isdisjoint(links) or _plain(reading, end) == ":":
        return True
    if cue.kind in _PLACED_CUES and links and links[-1] in _PLACING:
        return True
    behind = {_plain(reading, at) for at in range(end, len(reading.tokens))}
    return _plain(reading, end - 1) in _NUMBERS and not behind.isdisjoint(lexicon.HESITATIONS | {",", "-"})


def _first_name(reading: Reading, end: int) -> Opening | None:
    """A first name behind "my name is", whose surname may follow; a street whose town may."""
    last = reading.tokens[end - 1].end
    before = [_plain(reading, at) for at in range(max(0, end - 4), end - 1)]
    if not {"name", "name's"}.isdisjoint(before) and "last" not in before:
        for span in names.find(reading):
            if span.start == reading.tokens[end - 1].start and span.score >= LABELLED:
                return Opening(spans.PERSON_NAME, span)
    if not reading.words.isdisjoint(postal.LIVING):
        for span in postal.find(reading):
            if span.end == last and end not in reading.group_ending:
                return Opening(spans.ADDRESS, span)
    return None
