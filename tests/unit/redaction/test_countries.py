"""Countries and their account numbers."""

from __future__ import annotations

import random

import pytest
from stdnum import iban

from tests.bench.redaction.numbers import account_of_iban
from worker.redaction.countries import COUNTRIES, IBAN_LENGTHS


@pytest.mark.parametrize("seed", range(40))
def test_lengths_are_those_of_valid_numbers(seed: int) -> None:
    """A valid number has the length of its country."""
    number = account_of_iban(random.Random(seed))
    assert iban.is_valid(number)
    assert IBAN_LENGTHS[number[:2].lower()] == len(number)


def test_lengths_are_of_countries() -> None:
    """Some countries have account numbers, of 15 to 34 characters, and some have none."""
    assert {"de", "gb", "mt", "no"} <= IBAN_LENGTHS.keys() < COUNTRIES
    assert "us" not in IBAN_LENGTHS
    assert all(15 <= length <= 34 for length in IBAN_LENGTHS.values())
