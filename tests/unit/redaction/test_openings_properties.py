"""Values in every written and spoken form, cut in two at every word: what is begun is open, or found anyway."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest
from hypothesis import given

from tests.bench.redaction import development
from tests.bench.redaction.texts import FORMS, Form, Label, Text, fill
from tests.bench.redaction.values import Values
from tests.unit.redaction.test_redaction_properties import NASTY, TEXTS
from worker.redaction import Redactor
from worker.redaction.openings import find_continuations, opening
from worker.redaction.reading import Reading

REDACTOR = Redactor()
CALLED = (
    "my card number is {card}",
    "the number on my card is {card}",
    "my social security number is {ssn}",
    "my social is, um, {ssn}",
    "my phone number is {phone}",
    "you can call me back at {phone}",
    "my IBAN is {iban}",
    "my e-mail address is {email}",
    "the routing number is {routing}",
    "the IP address is {ip}",
    "the account number is {account}",
    "the security code is {cvv}",
    "my pin is {pin}",
    "the SWIFT code is {swift}",
    "my passport number is {passport}",
    "my driver's license number is {licence}",
    "the card expires {expiry}",
    "I was born on {birth}",
)
"""Values behind the words for them."""
UNTOLD = 3
"""Characters that a value may lose to a second half that nothing says anything about: ".uk", a branch of a bank."""
MOST_HARMLESS_HELD = 0.01
MOST_MISSED = 0.01
SEEDS = 40
DIGITS = re.compile(r"\{(?:card|ssn|phone|routing|pin|cvv)\}")


def _text(template: str, form: Form, seed: int, *, plain: bool) -> Text:
    rng = random.Random(seed)
    return fill(template, Values(rng, form, development.LISTS), form, plain=plain)


def _hidden(text: str, offset: int) -> set[int]:
    return {offset + place for span in REDACTOR.find(text) for place in range(span.start, span.end)}


def _untold(text: str, label: Label, end: int, start: int) -> int:
    """Telling characters that nobody masks when each half stands alone."""
    return len(label.telling - _hidden(text[:end], 0) - _hidden(text[start:], start))


def _cuts(template: str) -> Iterator[tuple[Text, int, int]]:
    """Texts with their value cut at every word: the end of the first half, and the start of the second."""
    for form in FORMS:
        for seed in range(SEEDS):
            said = _text(template, form, seed, plain=seed % 2 > 0)
            label = said.labels[0]
            for gap in re.finditer(r"\s+", said.text[label.start : label.end]):
                yield said, label.start + gap.start(), label.start + gap.end()


@pytest.mark.parametrize("template", CALLED)
def test_what_is_cut_is_open_or_found(template: str) -> None:
    """Wherever a message ends inside of a value that is called by its name, the value is open, or found in halves.

    But for one in a hundred: a whole number that is corrected in the next message, a word that is said of places.
    """
    cuts = list(_cuts(template))
    missed = [
        said.text[:end]
        for said, end, start in cuts
        if opening(Reading(said.text[:end])) is None and _untold(said.text, said.labels[0], end, start) > UNTOLD
    ]
    assert len(missed) <= MOST_MISSED * len(cuts), missed


@pytest.mark.parametrize("template", [template for template in CALLED if DIGITS.search(template)])
def test_the_rest_is_a_continuation(template: str) -> None:
    """What is left of a number of digits is a continuation, wherever the message ended, if it is not found itself."""
    for said, _, start in _cuts(template):
        rest = said.text[start:]
        hidden = {start + at for span in find_continuations(Reading(rest)) for at in range(span.start, span.end)}
        assert not {at for at in said.labels[0].telling if at >= start} - hidden - _hidden(rest, start), rest


@pytest.mark.parametrize("form", FORMS)
def test_harmless_texts_are_seldom_open(form: Form) -> None:
    """What holds nothing personal is not held back."""
    texts = [
        _text(template, form, seed, plain=seed % 2 > 0).text for template in development.HARMLESS for seed in range(8)
    ]
    held = [text for text in texts if opening(Reading(text)) is not None]
    assert len(held) <= MOST_HARMLESS_HELD * len(texts), held


@given(TEXTS)
def test_any_text(text: str) -> None:
    """Nothing raises; what is open, and what may be a rest, lies inside of the text."""
    reading = Reading(text)
    found = opening(reading)
    places = [*find_continuations(reading)] + ([found.span] if found is not None and found.span is not None else [])
    assert all(0 <= span.start < span.end <= len(text) for span in places)


@pytest.mark.parametrize("text", NASTY, ids=lambda text: text[:12].encode("unicode_escape").decode())
def test_time_is_bounded(text: str) -> None:
    """No text is slow; the time limit of all tests tells."""
    reading = Reading(text * 4)
    opening(reading)
    list(find_continuations(reading))
