"""What a deployment chooses: types, thresholds, its own patterns and words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.redaction import DEFAULT_TYPES, THRESHOLDS, TYPES, Custom, Redactor
from worker.redaction.custom import compile_pattern

EVERYTHING = (
    "my name is Robert Hudson, I was born on May 2nd 1984, the card 4111 1111 1111 1111 on March 3rd, see example.com"
)


def _types(redactor: Redactor, text: str = EVERYTHING) -> list[str]:
    return [span.type for span in redactor.find(text)]


def test_types() -> None:
    """Dates and domains are looked for on request only; what is not looked for is not found."""
    default = ["PERSON_NAME", "DATE_OF_BIRTH", "CARD_NUMBER"]
    assert _types(Redactor()) == default
    assert _types(Redactor(types=TYPES)) == [*default, "DATE", "DOMAIN_NAME"]
    assert _types(Redactor(types={"DATE"})) == ["DATE", "DATE"]
    assert _types(Redactor(types=())) == []
    assert THRESHOLDS.keys() == TYPES > DEFAULT_TYPES


def test_thresholds() -> None:
    """A finding counts from the least score of its type on."""
    text = "it is five five five one two three four"
    assert _types(Redactor(), text) == []
    assert _types(Redactor(thresholds={"PHONE_NUMBER": 0.3}), text) == ["PHONE_NUMBER"]
    misheard = "my card is 4111 1111 1111 1112"
    assert _types(Redactor(), misheard) == ["CARD_NUMBER"]
    assert _types(Redactor(thresholds={"CARD_NUMBER": 0.9}), misheard) == []


def test_region() -> None:
    """Phone numbers without a country code belong to the region of the deployment."""
    assert _types(Redactor(), "ring 020 7946 0958") == []
    assert _types(Redactor(region="GB"), "ring 020 7946 0958") == ["PHONE_NUMBER"]


@pytest.mark.parametrize(
    "settings",
    [{"types": {"NAME"}}, {"thresholds": {"NAME": 0.5}}, {"thresholds": {"SSN": 1.5}}, {"thresholds": {"SSN": -0.1}}],
)
def test_unknown_settings_are_refused(settings: dict[str, object]) -> None:
    """A type that does not exist would silently not be looked for."""
    with pytest.raises(ValueError):
        Redactor(**settings)  # type: ignore[arg-type]  # wrong on purpose


# --- patterns and words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("custom", "text", "masked"),
    [
        (Custom(words=("project falcon",)), "so Project  Falcon is late", "so **** is late"),
        (Custom(words=("falcon",)), "falcons and a falcon", "falcons and a ****"),
        (Custom(words=("a", "a b")), "a b c", "**** c"),
        (Custom("EMPLOYEE_ID", (r"emp-?\s?\d{6}",)), "it is EMP-123456.", "it is ****."),
        (Custom("EMPLOYEE_ID", (r"emp-?\s?\d{6}",)), "it is emp one two three four five six ok", "it is **** ok"),
        (Custom(patterns=(r"[A-Z]{2}\d+|x{2,3}",)), "ab12 xx xxxx", "**** **** xxxx"),
        (Custom(patterns=(r"a\.b",)), "a.b and axb", "**** and axb"),
        (Custom(patterns=(r"case \d \w*",)), "case 7", "case 7"),
        (Custom(patterns=(r"a.{7}b|c[^x]*d",)), "a ***** b, c **** d", "a ***** b, c **** d"),
    ],
)
def test_custom(custom: Custom, text: str, masked: str) -> None:
    """Words are found in any case and spacing, patterns also in spoken figures, neither inside of words."""
    result = Redactor(custom=[custom]).mask(text)
    assert result.text == masked
    assert {finding.type for finding in result.findings or ()} <= {custom.type}


@pytest.mark.parametrize(
    "pattern",
    [
        *("", "a" * 201, "(a)", "a**", "a{1,", "a{3,2}", "a{65}", "(?=a)", r"\1", "[a", "^a", "a$", r"(a+)+", "[z-a]"),
        *("+", "a++", r"\b", "a{,3}", "a)", "{2}"),
    ],
)
def test_patterns_outside_of_the_language_are_refused(pattern: str) -> None:
    """What could be slow, or is not understood, is refused when the redactor is made."""
    with pytest.raises(ValueError, match=r"pattern|repeat"):
        Custom(patterns=(pattern,))


@pytest.mark.parametrize(
    "custom", [{"type": "name"}, {"type": ""}, {"words": ("",)}, {"words": ("x" * 101,)}, {"words": ("x",) * 1001}]
)
def test_custom_types_and_words_are_bounded(custom: dict[str, object]) -> None:
    """A type reads as one; words are not empty, not too long and not too many."""
    with pytest.raises(ValueError):
        Custom(**custom)  # type: ignore[arg-type]  # wrong on purpose


def test_custom_hides_its_words() -> None:
    """What a deployment looks for may itself be secret."""
    custom = Custom(words=("falcon",), patterns=("falcon",))
    assert "falcon" not in repr(custom) + repr(Redactor(custom=[custom]))


PIECES = st.sampled_from(["a", "b", r"\d", r"\w", ".", "[ab]", "[^a]", r"\s"])
REPEATS = st.sampled_from(["", "", "?", "*", "+", "{2}", "{0,64}", "{1,9}"])


@given(st.lists(st.tuples(PIECES, REPEATS).map("".join), min_size=1, max_size=20), st.text("ab1 .", max_size=300))
def test_no_pattern_is_slow(pieces: list[str], text: str) -> None:
    """Whatever the pattern and the text, the work is bounded. The bound is generous."""
    pattern = compile_pattern("".join(pieces))
    started = time.process_time()
    list(pattern.finditer(text * 3))
    list(pattern.finditer("a" * 1000))
    assert time.process_time() - started < 2
