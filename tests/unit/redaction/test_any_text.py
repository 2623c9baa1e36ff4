"""What holds of any text, with everything looked for: places, idempotence, time."""

from __future__ import annotations

import time

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.records import Masked
from worker.redaction import TYPES, Custom, Redactor, SymblMark
from worker.redaction.detectors import FAMILIES
from worker.redaction.figures import _is_phone
from worker.redaction.reading import Reading

EVERYTHING = Redactor(
    types=TYPES,
    thresholds=dict.fromkeys(TYPES, 0.0),
    custom=[Custom("EMPLOYEE_ID", patterns=(r"emp-?\d{4}|\w+\d",), words=("project falcon",))],
)
MASK = "****"


def _words(text: str) -> list[str]:
    return text.split()


WORDS = _words("""
    my name is robert hudson will may mark grace mr. dr Jane O'Brien Jean - Luc van der spelled s m i t h as in sam
    this is speaking with from wife born birthday on the second of may nineteen eighty four 1984 05/02/84 2nd aged
    years old i'm at live 12 b Baker Street , Boston MA 02110 apartment zip p.o. box 7 cvv pin card expires 04 / 27
    march routing 021000021 account number swift DEUTDEFF d e u t f passport X1234567 driver's license D123
    192.168.1.1 one ninety two dot sixty eight point colon :: fe80 2001 db8 example.com example dot com emp-1234 emp
    one two project falcon ? ! : ; that's right no sorry scratch that you got it **** \ue000 é ß İ lucía 東京
    \u0661\u0662 w1a2b3c4x0 uh um the is it for and
""")
SPEECH = st.lists(st.sampled_from(WORDS), max_size=50).flatmap(
    lambda words: st.sampled_from([" ", " ", "", ", ", "\n"]).map(lambda separator: separator.join(words))
)
TEXTS = st.one_of(st.text(), SPEECH, SPEECH.map(str.title), SPEECH.map(str.upper))
MARKS = st.lists(
    st.builds(SymblMark, st.just("PERSON_NAME"), st.sampled_from(["robert", "jane", "x", "Lu"])), max_size=2
)


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_places(text: str) -> None:
    """Spans lie in the text, are sorted and apart; their scores lie between 0 and 1."""
    end = 0
    for span in EVERYTHING.find(text):
        assert end <= span.start < span.end <= len(text)
        assert 0 < span.score <= 1
        end = span.end


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_what_needs_a_cue(text: str) -> None:
    """A family of which it is said that it finds nothing without some cues finds nothing without them."""
    reading = Reading(text)
    for family in FAMILIES:
        if family.cues and family.cues.isdisjoint(reading.cue_kinds):
            assert not list(family.detect(reading)), family.type


@given(
    st.sampled_from(["US", "CA", "DE"]), st.from_regex(r"(011|1)?[0-9]{9,11}", fullmatch=True, alphabet="0123456789")
)
def test_phones_are_those_of_the_plan(region: str, digits: str) -> None:
    """What is looked into before the plan is asked changes no answer."""
    try:
        known = phonenumbers.is_valid_number(phonenumbers.parse(digits, region))
    except phonenumbers.NumberParseException:
        known = False
    assert _is_phone(digits, region) == known


@settings(deadline=None, max_examples=200)
@given(TEXTS, MARKS)
def test_masks(text: str, marks: list[SymblMark]) -> None:
    """Masking twice is masking once, and what is no mask is what was said."""
    once = EVERYTHING.mask(text, marks)
    assert EVERYTHING.mask(once.text, marks) == Masked(once.text, ())
    kept = place = 0
    for finding in once.findings or ():
        piece = once.text[kept : finding.start]
        assert piece in text[place:]
        place = text.index(piece, place) + len(piece)
        kept = finding.end
    assert text.endswith(once.text[kept:])


@settings(deadline=None, max_examples=100)
@given(TEXTS)
def test_captions_hide_no_less(text: str) -> None:
    """A caption shows nothing that the message would hide: what is found is found in captions, too."""
    shown = EVERYTHING.mask_caption(text).text
    assert EVERYTHING.mask_caption(shown).text == shown
    assert EVERYTHING.mask(shown) == Masked(shown, ())


PIECES = [
    *("my name is a b ", "spelled a ", "s as in sam ", "Jane ", "jane hudson ", "Mr. ", "this is x ", "van der ", "O'"),
    *(
        "born ",
        "may second ",
        "may 2 ",
        "aged 43 ",
        "43 years ",
        "i'm 43 ",
        "nineteen ",
        "12 a ",
        "12 Baker Street ",
        "A ",
    ),
    *(
        "street ",
        "box 1 ",
        "MA 02110 ",
        "pin ",
        "pin 1 ",
        "cvv 1 2 ",
        "account 1234567 ",
        "routing 021000021 ",
        "swift d ",
    ),
    *(
        "passport a ",
        "a1 ",
        "license 1 ",
        "1.",
        "1.1.1.1 ",
        "one dot ",
        "colon ",
        ":",
        "a:",
        "::",
        "f colon ",
        "a.b",
        "a dot ",
    ),
    *(
        "dot com ",
        "no one ",
        "one no ",
        "scratch that ",
        "you got it ",
        "one that's right ",
        "order number is a ",
        "a number ",
    ),
    *("emp-", "e", "\ue000a ", "é", "card 1234567 ", "+1 ", "alpha ", "g b one ", "x for x ray "),
]


@pytest.mark.parametrize("piece", PIECES)
def test_no_text_is_slow(piece: str) -> None:
    """Texts that look like the beginning of everything cost little more per kilobyte when they are longer. The bound is
    generous: it tells an explosion from hard work."""
    text = piece * (8000 // len(piece))
    began = time.process_time()
    EVERYTHING.mask_caption(text)
    assert time.process_time() - began < 8


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4))
def test_no_mixture_is_slow(pieces: list[str]) -> None:
    """Neither does any mixture of them."""
    text = "".join(pieces)
    text *= 2000 // len(text) + 1
    began = time.process_time()
    EVERYTHING.mask(text)
    assert time.process_time() - began < 8
