"""Ages: "43 years old", "aged 43", "her eightieth birthday", and "I am forty three" where nothing follows that is
counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from worker.redaction import lexicon
from worker.redaction.dates import ORDINALS, WRITTEN_ORDINAL, skip, span_of
from worker.redaction.gazetteer import FIRST_NAMES, SURNAMES
from worker.redaction.lexicon import words_of
from worker.redaction.reading import Reading
from worker.redaction.runs import Group, Run
from worker.redaction.spans import AGE, LABELLED, SUSPECTED, VERIFIED, WEAK, Span
from worker.redaction.vocabulary import is_common

OLDEST: Final = 120
YOUNGEST_ALONE: Final = 13
"""From here on "I'm forty" is an age; below it is as often a number of something."""

_PERSONS: Final = words_of(
    "patient customer caller client child baby boy girl man woman kid person guy lady driver owner student employee "
    "tenant holder applicant insured grandmother grandfather grandma grandpa policyholder member resident senior "
    "claimant beneficiary spouse twin male female gentleman individual adult lad veteran widow widower pensioner "
    "citizen retiree somebody someone anybody anyone men women children kids parents people twins grandparents "
    "grandson granddaughter stepson stepdaughter toddler infant newborn teen teenager bachelor bride groom mum "
    "nurse teacher lawyer plumber farmer soldier pilot writer chef cook clerk cashier worker builder painter carpenter "
    "mechanic singer actor actress runner passenger traveler visitor guest stranger victim witness suspect survivor "
    "volunteer subscriber player pupil doctor officer dancer waiter waitress professor candidate contractor"
)
_PERSON_ENDS: Final = ("ist", "ian", "eer", "woman", "man")
_NO_YEARS: Final = (lexicon.AMOUNTS - {"years", "months"}) | {"ms", "s", "kb", "mb", "gb"}
_YEARS: Final = words_of("year years month months yrs")
_CALLED: Final = words_of("age aged ages old turned turning turns turn")
_PRONOUNS: Final = words_of("i he she they you we who both")
_ADVERBS: Final = words_of(
    "about nearly almost only just over now already currently like around roughly still both really exactly barely"
)
_ARE: Final = words_of("they're we're you're")
_LIVED: Final = words_of("retired died away retire married quit graduated widowed divorced")
"""Behind these, "at 62" is an age."""
_BIRTHDAYS: Final = words_of(
    "eighteenth nineteenth twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth hundredth"
)
_BEFORE_AGE: Final = words_of("is of was the at my are you he she , : ? i'm i am")
_AFTER_OLD: Final = words_of("and or who is was with has from in at so but now today when")
_ENDS: Final = words_of(
    ". , ! ? and but so my his her he she i we now next this in on soon today when then at with or as who still "
    "already because since if while myself himself herself too"
)


def find(reading: Reading) -> Iterator[Span]:
    """ "43 years old", "aged 43", and "I am forty three" where nothing follows that is counted."""
    has_years = not reading.words.isdisjoint(_YEARS)
    is_called = not reading.words.isdisjoint(_CALLED)
    for run in reading.runs:
        if not (has_years or is_called or len(run.groups) < 3):
            continue
        for group in run.groups:
            if len(group.digits) > 3 or not 0 < int(group.digits) <= OLDEST:
                continue
            end = _old_end(reading, group.last) if has_years else None
            if end is not None:
                score = WEAK if _is_said_of_thing(reading, group) else VERIFIED
                yield span_of(reading, AGE, group.first, end, score)
            elif is_called and _is_called_age(reading, group):
                yield Span(AGE, group.start, group.end, LABELLED)
            elif (len(run.groups) == 1 or _are_two(reading, run)) and _is_said_of_person(reading, run.groups[0]):
                yield Span(AGE, group.start, group.end, SUSPECTED)
    if not reading.words.isdisjoint({"birthday", "birthdays"}):
        yield from _find_birthdays(reading)


def _find_birthdays(reading: Reading) -> Iterator[Span]:
    """ "her eightieth birthday", "my 45th birthday"."""
    for index in range(1, len(reading.tokens)):
        word = reading.word(index - 1)
        if reading.word(index) != "birthday" or not (word in ORDINALS | _BIRTHDAYS or WRITTEN_ORDINAL.match(word)):
            continue
        first = index - 1
        at = first - 1 - (reading.word(first - 1) == "-")
        yield span_of(reading, AGE, at if reading.word(at) in lexicon.TENS else first, index, LABELLED)


def _are_two(reading: Reading, run: Run) -> bool:
    """ "they are twelve and fourteen"."""
    between = [reading.word(at) for at in range(run.groups[0].last, run.groups[-1].first)]
    ends = run.last >= len(reading.tokens) or reading.word(run.last) in _ENDS
    return len(run.groups) == 2 and between == ["and"] and ends


def _old_end(reading: Reading, index: int) -> int | None:
    """The index after "years old"; None when something else stands at ``index``."""
    if [reading.word(index + each) for each in range(3)] == ["and", "a", "half"]:
        index += 3
    index = skip(reading, index, {"-"})
    if reading.word(index) not in _YEARS:
        return None
    index = skip(reading, index + 1, {"-"})
    if reading.word(index) in {"old", "olds", "young"}:
        return index + 1
    return index + 2 if reading.word(index) == "of" and reading.word(index + 1) == "age" else None


def _is_called_age(reading: Reading, group: Group) -> bool:
    index = group.first - 1
    while group.first - index < 5 and reading.word(index) in _BEFORE_AGE:
        index -= 1
    if reading.word(index) in {"age", "aged", "ages"}:
        return reading.word(group.last) not in _NO_YEARS
    if reading.word(index) == "old" and reading.word(index - 1) == "how":
        return True
    turned = reading.word(group.first - 1) in {"turned", "turning", "turns", "turn"}
    return turned and reading.word(group.last) not in lexicon.AMOUNTS | {"left", "right", "degrees", "off", "on"}


def _is_said_of_person(reading: Reading, group: Group) -> bool:
    if group.last < len(reading.tokens) and reading.word(group.last) not in _ENDS:
        return False
    if reading.word(group.first - 1) in {"at", "of"}:
        word = reading.word(group.first - 2)
        return int(group.digits) >= YOUNGEST_ALONE and word in (
            _LIVED if reading.word(group.first - 1) == "at" else _PERSONS
        )
    index = _before_adverbs(reading, group.first - 1)
    before = reading.tokens[index].word.replace("’", "'") if index >= 0 else ""
    if int(group.digits) < YOUNGEST_ALONE and (before in {"i'm", "am", "m"} or reading.word(index - 1) == "i"):
        return False
    if before in {"i'm", "he's", "she's"} or (before in _ARE and int(group.digits) >= YOUNGEST_ALONE):
        return True
    if before.endswith("'s") and reading.word(index) in lexicon.KIN | _PERSONS:
        return True
    if reading.word(index - 1) in {"is", "are"} and before in {"he", "she", "they", "you"}:
        return int(group.digits) >= YOUNGEST_ALONE
    if before == "on" and reading.word(index - 1) == "going":
        return True
    if before == "," and reading.word(group.last) == ",":
        return _is_person(reading, index - 1)
    if before == "be":
        return reading.tokens[index - 1].word.replace("’", "'") in {"i'll", "he'll", "she'll"} or (
            reading.word(index - 1) in {"will", "must", "should", "might", "may"} and _is_person(reading, index - 2)
        )
    if before in {"are", "were"} and int(group.digits) < YOUNGEST_ALONE:
        return False
    is_said = before in {"am", "is", "m", "was", "are", "were"} and reading.word(index - 2) not in {
        "per",
        "for",
        "each",
    }
    return is_said and _is_person(reading, index - 1)


def _is_said_of_thing(reading: Reading, group: Group) -> bool:
    """Whether the years are those of a roof: nothing that they are said of is a word for a person."""
    index = _before_adverbs(reading, group.first - 1)
    word = reading.tokens[index].word.replace("’", "'") if index >= 0 else ""
    if word in {"it's", "that's"}:
        return True
    if word in {"is", "are", "was", "were"}:
        subject = reading.word(index - 1)
        return not _is_person(reading, index - 1) and (not subject.isalpha() or is_common(subject))
    if word in {"a", "an", "the", "this", "that", "my"}:
        end = _old_end(reading, group.last) or group.last
        noun = reading.word(end)
        is_person = noun in lexicon.KIN | _PERSONS | _AFTER_OLD or noun.endswith(_PERSON_ENDS)
        return reading.is_word(end) and not (is_person or _is_said_of_somebody(reading, index - 1))
    return False


def _is_said_of_somebody(reading: Reading, index: int) -> bool:
    """Whether what ends at ``index`` says who somebody is: "she is a", "I'm a", "as a"."""
    word = reading.tokens[index].word.replace("’", "'") if index >= 0 else ""
    if word in {"i'm", "he's", "she's", "you're", "who's", "as"}:
        return True
    return word in {"am", "is", "was"} and _is_person(reading, index - 1)


def _before_adverbs(reading: Reading, index: int) -> int:
    while index >= 0 and reading.word(index) in _ADVERBS:
        index -= 1
    return index


def _is_person(reading: Reading, index: int) -> bool:
    word = reading.word(index)
    return word in _PRONOUNS or word in lexicon.KIN or word in _PERSONS or word in FIRST_NAMES or word in SURNAMES
