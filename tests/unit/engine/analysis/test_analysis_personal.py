"""Personal data by what is said around it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.analysis.personal import personal_data_of


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("Let us ship it to Omar by Friday.", "PERSON_NAME", "Omar"),
        ("my name is robert hudson and i called", "PERSON_NAME", "robert hudson"),
        ("My name is, uh, Tamsin J. Okoro.", "PERSON_NAME", "Tamsin J. Okoro"),
        ("the last name is van der berg", "PERSON_NAME", "van der berg"),
        ("it is spelled h u d s o n", "PERSON_NAME", "h u d s o n"),
        ("I was born on May 2nd 1984.", "DATE_OF_BIRTH", "May 2nd 1984"),
        ("my date of birth is may second nineteen eighty four", "DATE_OF_BIRTH", "may second nineteen eighty four"),
        ("born on 05/02/84", "DATE_OF_BIRTH", "05/02/84"),
        ("I was born in 1984", "DATE_OF_BIRTH", "1984"),
        ("she is forty three years old", "AGE", "forty three years old"),
        ("aged 43", "AGE", "43"),
        ("I live at 12 Baker Street, Boston.", "ADDRESS", "12 Baker Street, Boston"),
        ("to 99 Elm Ave. Suite 5, St. Louis, MO 63101", "ADDRESS", "99 Elm Ave. Suite 5, St. Louis, MO 63101"),
        ("i live at twelve baker street", "ADDRESS", "twelve baker street"),
        ("the zip code is 90210", "ADDRESS", "90210"),
        ("the CVV is seven three seven", "CVV", "seven three seven"),
        ("my pin code is 8364", "CARD_PIN", "8364"),
        ("the card expires in march twenty seven", "CARD_EXPIRATION", "march twenty seven"),
        ("it expires 04/27", "CARD_EXPIRATION", "04/27"),
        ("the routing number is 021000021", "ROUTING_NUMBER", "021000021"),
        ("my account number is 12345678", "BANK_ACCOUNT_NUMBER", "12345678"),
        ("the swift code is DEUTDEFF500", "SWIFT_CODE", "DEUTDEFF500"),
        ("my passport number is X1234567", "PASSPORT_NUMBER", "X1234567"),
        ("driver's license number D 123 4567", "DRIVERS_LICENSE", "D 123 4567"),
    ],
)
def test_what_is_personal(text: str, kind: str, found: str) -> None:
    """Every kind is found, written and spoken, with its place and nothing around it."""
    assert (kind, found) in [(each.type, text[each.start : each.end]) for each in personal_data_of(text)]


@pytest.mark.parametrize(
    "text",
    [
        "there are 3 different roads and two more ways",
        "five minutes down the road",
        "on account of that we will meet on Friday at 5",
        "the contract expires in March",
        "my name is not important",
        "pin it to the wall",
        "take the first street on the left",
        "we are 12 people",
        "the product name is great",
    ],
)
def test_what_is_not(text: str) -> None:
    """The same words without anything personal behind them."""
    assert personal_data_of(text) == []


def test_a_date_of_birth_has_a_value() -> None:
    """A date with its year is also given in ISO 8601; without one only as it was said."""
    values = {text: personal_data_of(text)[0].value for text in ("born on May 2nd 1984", "born on May 2nd")}
    assert values == {"born on May 2nd 1984": "1984-05-02", "born on May 2nd": "May 2nd"}


@given(st.text(max_size=200))
def test_places_lie_in_the_text(text: str) -> None:
    """Whatever the text is, what is found in it lies in it."""
    for found in personal_data_of(text):
        assert 0 <= found.start < found.end <= len(text)


@pytest.mark.parametrize(
    "piece", ["one ", "1 ", "a 1-", "born ", "12 a ", "card ", "A1 ", "name is ", "spelled a ", "12 A "]
)
def test_no_text_takes_long(piece: str) -> None:
    """Texts that look like the beginning of everything cost no more than others."""
    began = time.perf_counter()
    personal_data_of(piece * (20_000 // len(piece)))
    assert time.perf_counter() - began < 5
