"""The redactor: marks, sources, captions, known secrets and its own settings."""

from __future__ import annotations

from typing import Any

import pytest

from worker.records import Finding, Masked, Speaker
from worker.redaction import Redactor, Span, SymblMark
from worker.redaction.spans import merge

CARD = "4111 1111 1111 1111"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


def test_findings_point_at_the_masks(redactor: Redactor) -> None:
    """Offsets are those of the masks in the masked text."""
    masked = redactor.mask(f"pay {CARD} or mail jane@example.com now")
    assert masked == Masked(
        "pay **** or mail **** now",
        (Finding("CARD_NUMBER", 4, 8, "worker"), Finding("EMAIL_ADDRESS", 17, 21, "worker")),
    )


def test_clean_text_has_no_findings(redactor: Redactor) -> None:
    """Without findings the text is returned as it is; findings are empty, not None."""
    assert redactor.mask("good morning") == Masked("good morning", ())


# --- marks -----------------------------------------------------------------------------------------------------------


def test_marks_are_masked_everywhere(redactor: Redactor) -> None:
    """All occurrences of a mark are masked, in any case and spacing, but not inside of other words."""
    masked = redactor.mask("Blue Wagon met blue\n wagon, Deblue Wagons", [SymblMark("PROJECT", "blue  wagon")])
    assert masked.text == "**** met ****, Deblue Wagons"
    assert masked.findings == (Finding("PROJECT", 0, 4, "symbl"), Finding("PROJECT", 9, 13, "symbl"))


@pytest.mark.parametrize("value", ["(x", "a|b", "[z]", "4.1", "$", "\\d"])
def test_marks_are_verbatim(redactor: Redactor, value: str) -> None:
    """Punctuation in a mark means itself."""
    assert redactor.mask(f"so {value} there 4x1 7", [SymblMark("OTHER", value)]).text == "so **** there 4x1 7"


@pytest.mark.parametrize("value", ["", "  ", "****", "\ue000"])
def test_empty_marks(redactor: Redactor, value: str) -> None:
    """A mark without text, or of what is masked already, changes nothing."""
    assert redactor.mask("hello **** there", [SymblMark("OTHER", value)]) == Masked("hello **** there", ())


def test_source_is_both(redactor: Redactor) -> None:
    """What both found is one mask of source "both"; the wider one names the type and the union is masked."""
    masked = redactor.mask(f"pay {CARD} Jane", [SymblMark("PIN", "1111 Jane")])
    assert masked == Masked("pay ****", (Finding("CARD_NUMBER", 4, 8, "both"),))


def test_masking_goes_on_until_nothing_is_left(redactor: Redactor) -> None:
    """A number that only stands out once another was masked is masked as well."""
    masked = redactor.mask("7 4222 2222 2222", [SymblMark("PIN", "7")])
    assert masked.text == "**** ****"


def test_mark_hides_its_value() -> None:
    """Personal data stays out of every repr."""
    assert "jane" not in repr(SymblMark("PERSON_NAME", "jane"))


# --- captions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("it is four", "it is four"),
        ("it is four one", "it is ****"),
        ("it is four um one one and", "it is **** and"),
        ("it is thirty four", "it is ****"),
        ("it is 41", "it is ****"),
        ("it is double four", "it is ****"),
        ("write to jane at", "write to ****"),
        ("write to jane at blue ocean", "write to ****"),
        ("write to jane at example dot", "write to ****"),
        ("write to jane dot", "write to ****"),
        ("write to jane dot doe", "write to ****"),
        ("write to j a n e", "write to ****"),
        ("write to jane underscore", "write to ****"),
        ("write to jane@", "write to ****"),
        ("write to jane@exa", "write to ****"),
        ("write to jane.doe@example.co", "write to ****"),
        ("the account is DE 89 3704", "the account is DE ****"),
        (f"pay {CARD}", "pay ****"),
        ("look at the picture", "look at the picture"),
        ("let us meet at noon to talk", "let us meet at noon to talk"),
        ("a well-known fact", "a well-known fact"),
    ],
)
def test_captions(redactor: Redactor, text: str, masked: str) -> None:
    """Interim text hides what may become personal data when it goes on."""
    assert redactor.mask_caption(text).text == masked


def test_captions_mask_marks(redactor: Redactor) -> None:
    """Marks count in captions too."""
    assert redactor.mask_caption("hello Jane", [SymblMark("PERSON_NAME", "jane")]).text == "hello ****"


# --- known secrets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "text", "masked"),
    [
        ("four one one one two two", "the number four one one was said", "the number **** was said"),
        ("four one one one two two", "starts with 4111", "starts with ****"),
        ("4111 1122", "starts with four triple one", "starts with ****"),
        ("four one one one two two", "four people and one dog", "four people and one dog"),
        ("jane dot doe at example dot com", "Jane Doe will call", "**** will call"),
        ("jane dot doe at example dot com", "example will call", "**** will call"),
        ("jane dot doe at example dot com", "the doe and the dot com at noon", "the doe and the dot com at noon"),
        ("jane@example.com", "jane, at example", "****"),
        ("Baker Street", "street sign of baker", "**** sign of ****"),
        ("forty three years old", "it takes years and years", "it takes years and years"),
        ("born in march 1984", "the march invoice", "the march invoice"),
        ("nineteen seventy two fifty", "seventy", "****"),
        ("nineteen seventy two fifty", "19.", "****."),
        ("nineteen seventy two fifty", "seventy people", "seventy people"),
        ("jane dot doe at example dot com", "seventy", "seventy"),
        ("", "anything 1 2 at all", "anything 1 2 at all"),
        ("x", f"pay {CARD}", "pay ****"),
    ],
)
def test_known_secrets(redactor: Redactor, secret: str, text: str, masked: str) -> None:
    """Parts of a secret are masked in whichever form they come back, common words and single digits are not."""
    result = redactor.mask_terms(text, [secret])
    assert result.text == masked


# --- the redactor itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", ["", "****" * 5, "X", "*4*", "*@*", " ", "one", "*one", "."])
def test_masks_that_read_as_speech_are_refused(mask: str) -> None:
    """A mask that could be taken for speech would be found again, or hide what it stands next to."""
    with pytest.raises(ValueError, match="a mask"):
        Redactor(mask)


def test_merge() -> None:
    """Overlapping spans melt into their union, typed by the widest, then by score; touching ones do not."""
    spans = [
        Span("A", 5, 9),
        Span("B", 0, 6),
        Span("C", 9, 10),
        Span("D", 20, 22, 0.5),
        Span("E", 20, 22),
        Span("F", 3, 3),
    ]
    assert merge(spans) == (Span("B", 0, 9), Span("C", 9, 10), Span("E", 20, 22))


ADA = Speaker(user_id="ada@example.com", name="Ada Byron", email="ada@example.com")


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, ADA),
        ({"speakers": True}, Speaker(user_id="****", name="****")),
        ({"speakers": True, "mode": "type"}, Speaker(user_id="[EMAIL_ADDRESS]", name="[PERSON_NAME]")),
        (
            {"speakers": True, "types": ["SSN"], "modes": {"PERSON_NAME": "type"}},
            Speaker(user_id="ada@example.com", name="[PERSON_NAME]"),
        ),
    ],
)
def test_speakers_are_masked_when_that_is_asked_for(options: dict[str, Any], shown: Speaker) -> None:
    """A name is one, whatever it looks like; of a user id only what the detectors find; the address is not needed."""
    assert Redactor(**options).mask_speaker(ADA) == shown


def test_the_hash_of_a_speaker_is_that_of_the_name() -> None:
    """Who is spoken of and who speaks can be linked, if their names are the same."""
    redactor = Redactor(mode="hash", key=b"a key for tests only", speakers=True).for_conversation("call")
    name = redactor.mask_speaker(Speaker(name="Ada Byron")).name
    assert name is not None
    assert name in redactor.mask("my name is Ada Byron").text
