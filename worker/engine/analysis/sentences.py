"""From recognised words to sentences.

A recogniser without punctuation gives lower-case words and the pauses between them. A sentence ends

* at a pause of ``PAUSE_SECONDS``, or of ``LONG_PAUSE_SECONDS`` after a word that cannot end one ("the", "and", "my");
* at a pause of ``SHORT_PAUSE_SECONDS`` before a word that likes to begin one ("i", "please", "yes");
* without a pause before a greeting, thanks, or the inversion of a question ("… for calling | how can i help"), when
  ``MIN_CLAUSE_WORDS`` have been said and the word before does not want a continuation ("tell me | what is").

In doubt nothing is split: a long message is better than a torn one. Words are never dropped, merged, reordered or
given other times; only their first letter and the final mark change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from worker.engine.analysis.contractions import expand
from worker.engine.analysis.lexicon import (
    AMBIGUOUS_NAMES,
    AUXILIARIES,
    FIRST_NAMES,
    LEAD_INS,
    MONTHS,
    NOT_A_NAME,
    STOP_WORDS,
    SURNAMES,
    WEEKDAYS,
    WH_WORDS,
    words_of,
)
from worker.engine.analysis.questions import reads_as_question, starts_question
from worker.engine.analysis.values import Sentence, Word

PAUSE_SECONDS = 0.7
LONG_PAUSE_SECONDS = 2.0
SHORT_PAUSE_SECONDS = 0.3
MIN_CLAUSE_WORDS = 3
MAX_SENTENCE_WORDS = 80
"""Beyond this a sentence ends at the next short pause, whatever the words."""

_CANNOT_END = words_of(
    """
    a an the my your our their his its and or but because if when while of to from with for at in on by into
    as than i we very really is are was were am be will would can could should i'm i'll we'll you'll i'd i've
    is that's what's not which who whose about please um uh
    """
)
# After these a question is part of the sentence: "tell me what is", "i know how do you".
_WANTS_MORE = _CANNOT_END | words_of(
    """
    know knows me see ask asked asking wonder wondering understand sure remember explain exactly that so
    neither nor then like just what where how why only said say says guess think believe idea check us you i
    we they out
    """
)
_STARTERS = words_of(
    """
    i i'm i'll i've i'd we we'll we're you your please let let's yes yeah no okay ok alright well so and but
    now actually thanks thank hello hi hey sorry sure perfect great my our the that that's it it's this if can
    could would will do does did are is have what when where which who why how may unfortunately absolutely
    """
)
_FORMULAS = (
    ("hello",),
    ("goodbye",),
    ("thank", "you"),
    ("my", "name", "is"),
    ("good", "morning"),
    ("good", "afternoon"),
    ("good", "evening"),
)
_BEFORE_FORMULA = _CANNOT_END | words_of(
    """
    to say saying said just wanted also that so much big have a what believe under since in this very
    """
)
_ASKING_PRONOUNS = words_of("i you we they there")
_TITLES = words_of("mr. mrs. ms. dr. prof. st. vs. etc. e.g. i.e. no. inc. ltd. jr. sr. a.m. p.m.")
_ENDING = re.compile(r"[.?!…][\"')\]”’]*$")
_NAME_CUES = (("name", "is"), ("name's",), ("call", "me"), ("named",), ("called",))
_WEAK_NAME_CUES = (("this", "is"), ("i", "am"), ("i'm",), ("speaking", "with"), ("speaking", "to"), ("it's",))
_BEFORE_MONTH = words_of("in of by last next since until till early late mid this during after before")


def split_sentences(words: Sequence[Word], *, punctuated: bool) -> list[Sentence]:
    """Splits words into sentences and, when the recogniser does not write them, restores capitals and marks.

    Args:
        words: of one final result, in order.
        punctuated: the recogniser writes capitals and marks itself; only split at them.
    """
    parts = _split_at_marks(words) if punctuated else (_restored(part) for part in _split(words))
    return [_sentence(part) for part in parts]


def _sentence(words: Sequence[Word]) -> Sentence:
    text = " ".join(word.text.strip() for word in words if word.text.strip())
    return Sentence(tuple(words), text, expand(text), words[0].start_seconds, words[-1].end_seconds)


def _split_at_marks(words: Sequence[Word]) -> Iterator[list[Word]]:
    part: list[Word] = []
    for word in words:
        part.append(word)
        text = word.text.strip()
        abbreviated = text.lower() in _TITLES or (len(text) == 2 and text[0].isupper() and text != "I.")
        if _ENDING.search(text) is not None and not abbreviated:
            yield part
            part = []
    if part:
        yield part


# --- boundaries ------------------------------------------------------------------------------------------------------


def _split(words: Sequence[Word]) -> Iterator[list[Word]]:
    spoken = [word.text.strip().lower() for word in words]
    start = 0
    for place in range(1, len(words)):
        if place > start and _is_boundary(words, spoken, start, place):
            yield list(words[start:place])
            start = place
    if words:
        yield list(words[start:])


def _is_boundary(words: Sequence[Word], spoken: Sequence[str], start: int, place: int) -> bool:
    before, here = spoken[place - 1], spoken[place]
    pause = words[place].start_seconds - words[place - 1].end_seconds
    if _ENDING.search(before) is not None or pause >= LONG_PAUSE_SECONDS:
        return True
    if before in _CANNOT_END:
        return False
    if pause >= PAUSE_SECONDS:
        return True
    length = place - start
    if pause >= SHORT_PAUSE_SECONDS and (here in _STARTERS or length >= MAX_SENTENCE_WORDS):
        return length >= MIN_CLAUSE_WORDS or before in LEAD_INS
    said = sum(word not in LEAD_INS for word in spoken[start:place])
    return said >= MIN_CLAUSE_WORDS and _opens_sentence(spoken, start, place)


def _opens_sentence(spoken: Sequence[str], start: int, place: int) -> bool:
    """The words here begin a new sentence although nobody paused."""
    before = spoken[place - 1]
    if any(tuple(spoken[place : place + len(formula)]) == formula for formula in _FORMULAS):
        return before not in _BEFORE_FORMULA and before not in LEAD_INS and before not in AUXILIARIES
    ahead = place
    while ahead < len(spoken) - 1 and spoken[ahead] in LEAD_INS and ahead < place + 3:
        ahead += 1
    if before in _WANTS_MORE or before in AUXILIARIES or before in LEAD_INS or before in WH_WORDS:
        return False
    if any(word in WH_WORDS or word in {"if", "whether"} for word in spoken[max(start, place - 3) : place]):
        return False  # "i asked which plan do you have"
    return _asks(spoken, ahead)


def _asks(spoken: Sequence[str], place: int) -> bool:
    """An inversion with a personal pronoun, a wh-word in front of it or not: "can you", "what time do you"."""
    if spoken[place] in WH_WORDS:
        ahead = next((at for at in range(place + 1, min(place + 4, len(spoken))) if spoken[at] in AUXILIARIES), None)
        return ahead is not None and _asks(spoken, ahead)
    following = spoken[place + 1] if place + 1 < len(spoken) else ""
    if following not in _ASKING_PRONOUNS or not starts_question(spoken[place : place + 2]):
        return False
    return following != "there" or spoken[place] == "is" or spoken[place] == "are"


# --- capitals and marks ----------------------------------------------------------------------------------------------


def _restored(words: Sequence[Word]) -> list[Word]:
    spoken = [word.text.strip().lower() for word in words]
    texts = [_capital(word.text) if _takes_capital(spoken, place) else word.text for place, word in enumerate(words)]
    first = next((place for place, text in enumerate(texts) if text.strip()), None)
    if first is not None:
        texts[first] = _capital(texts[first])
        last = max(place for place, text in enumerate(texts) if text.strip())
        bare = texts[last].rstrip().rstrip(",;:-")
        if bare and _ENDING.search(bare) is None:
            texts[last] = bare + ("?" if reads_as_question(" ".join(spoken)) else ".")
    return [replace(word, text=text) for word, text in zip(words, texts, strict=True)]


def _capital(text: str) -> str:
    stripped = text.lstrip()
    upper = stripped[:1].upper()
    return text if len(upper) != 1 else text[: len(text) - len(stripped)] + upper + stripped[1:]


def _takes_capital(spoken: Sequence[str], place: int) -> bool:
    word = spoken[place]
    before, after = (spoken[place - 1] if place else ""), (spoken[place + 1] if place + 1 < len(spoken) else "")
    if word == "i" or word.startswith("i'"):
        return True
    bare = word.removesuffix("'s").rstrip(".,?!")
    if bare in WEEKDAYS or bare.removesuffix("s") in WEEKDAYS:
        return True
    if bare in {"may", "march", "august"}:
        return (before in _BEFORE_MONTH and after not in {"i", "we", "you"}) or _is_day(after) or _is_day(before)
    if bare in MONTHS or bare in FIRST_NAMES:
        return True
    if _after_cue(spoken, place, _NAME_CUES[:2]) and bare.isalpha():
        return bare not in NOT_A_NAME and bare not in STOP_WORDS - AMBIGUOUS_NAMES
    if bare in AMBIGUOUS_NAMES:
        return _after_cue(spoken, place, _NAME_CUES + _WEAK_NAME_CUES) and after not in AUXILIARIES - {"is", "can"}
    if bare in SURNAMES and place:
        name = before.rstrip(".,")
        return name in FIRST_NAMES or (name in AMBIGUOUS_NAMES and _takes_capital(spoken, place - 1))
    return False


def _after_cue(spoken: Sequence[str], place: int, cues: Sequence[tuple[str, ...]]) -> bool:
    return any(tuple(spoken[max(0, place - len(cue)) : place]) == cue for cue in cues)


def _is_day(word: str) -> bool:
    return word[:1].isdigit() or word in _ORDINALS


_ORDINALS = words_of(
    """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
    fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth twenty thirty
    """
)
