"""Word error rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.demo.wer import normalise_words, word_error_rate, word_errors

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=8)


def test_case_and_punctuation_do_not_count() -> None:
    """Words are compared in lower case and without punctuation; a hyphen separates words."""
    assert normalise_words("Hello, Robert! It's a follow-up.") == ["hello", "robert", "it's", "a", "follow", "up"]


def test_typographic_apostrophe_is_an_apostrophe() -> None:
    """How an apostrophe is drawn makes no other word of it."""
    assert normalise_words("it’s") == ["it's"]


def test_digits_are_words() -> None:
    """A number written in digits equals the same digits said one by one."""
    assert word_error_rate("card four one one one", "Card 4111") == 0


@pytest.mark.parametrize(
    ("reference", "hypothesis", "rate"),
    [
        ("one two three four", "one two three four", 0.0),
        ("one two three four", "one too three four", 0.25),
        ("one two three four", "one three four", 0.25),
        ("one two three four", "one two and three four", 0.25),
        ("one two", "", 1.0),
        ("", "", 0.0),
        ("", "noise", 1.0),
    ],
)
def test_rate(reference: str, hypothesis: str, rate: float) -> None:
    """Replaced, missing and additional words count one each, for each word that was said."""
    assert word_error_rate(reference, hypothesis) == rate


@given(WORDS, WORDS)
def test_errors_are_a_distance(said: list[str], heard: list[str]) -> None:
    """Errors are none only for equal texts, the same in both directions, and bounded by the longer text."""
    errors = word_errors(said, heard)
    assert (errors == 0) == (said == heard)
    assert errors == word_errors(heard, said)
    assert abs(len(said) - len(heard)) <= errors <= max(len(said), len(heard))
