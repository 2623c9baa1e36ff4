"""Messages of one speaker that are masked together: what goes on from one to the next."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.records import Finding, Masked
from worker.redaction import Redacted, Redactor, SymblMark

REDACTOR = Redactor()


def texts_of(redacted: tuple[Redacted, ...]) -> list[str]:
    return [each.masked.text for each in redacted]


@pytest.mark.parametrize(
    ("texts", "masked"),
    [
        (["My number is 4111 1111.", "1111 1111, thanks."], ["My number is ****.", "****, thanks."]),
        (["Four one one one, one one one one!", "One one one one one one one one?"], ["****!", "****?"]),
        (["mail jane dot doe at", "example dot com please"], ["mail ****", "**** please"]),
        (["my number is 555 12", "3", "4567, thanks"], ["my number is ****", "****", "****, thanks"]),
        (["see you at noon.", "until then"], ["see you at noon.", "until then"]),
        (["my card is 4111 1111 1111 1111.", "Bye."], ["my card is ****.", "Bye."]),
        (["", "...", "hello"], ["", "...", "hello"]),
        ([], []),
    ],
)
def test_what_goes_on_is_found(texts: list[str], masked: list[str]) -> None:
    """What only several messages make together is masked in each; punctuation between them does not hide it."""
    assert texts_of(REDACTOR.redact(texts)) == masked


def test_places_and_sources_are_those_of_each_message() -> None:
    """Findings point into their own message, and say who found that part."""
    first, second = REDACTOR.redact(["pay 4111 1111", "1111 1111 now"], [[SymblMark("PIN", "1111")], []])
    assert first.masked == Masked("pay ****", (Finding("CARD_NUMBER", 4, 8, "both"),))
    assert second.masked == Masked("**** now", (Finding("CARD_NUMBER", 0, 4, "worker"),))


def test_values_are_what_was_masked() -> None:
    """Values are the clear texts of the masks, of the marks in them, and of the whole that a part belongs to."""
    first, second = REDACTOR.redact(
        ["pay 4111 1111", "1111 1111 now"], [[SymblMark("PIN", "1111"), SymblMark("PIN", "2222")], []]
    )
    whole = SymblMark("CARD_NUMBER", "4111 1111 1111 1111")
    assert first.values == (SymblMark("CARD_NUMBER", "4111 1111"), SymblMark("PIN", "1111"), whole)
    assert second.values == (SymblMark("CARD_NUMBER", "1111 1111"), whole)


def test_marks_belong_to_their_message() -> None:
    """What the host marks in one message is no secret in another."""
    assert texts_of(REDACTOR.redact(["so blue", "blue too"], [[SymblMark("OTHER", "blue")], []])) == [
        "so ****",
        "blue too",
    ]


def test_doubt() -> None:
    """What nobody waits for is masked in doubt, and so is what may be its rest; neither is by default."""
    assert texts_of(REDACTOR.redact(["it is four one one."], leaves_open=True)) == ["it is ****."]
    assert texts_of(REDACTOR.redact(["22 he said"], goes_on=True)) == ["**** he said"]
    assert texts_of(REDACTOR.redact(["it is four one one.", "22 he said"])) == ["it is four one one.", "22 he said"]


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("my number is 4111 1111.", True),
        ("my pin is", True),
        ("see you at noon", False),
        ("mail jane dot doe at", True),
        ("my card is ****", False),
        ("", False),
    ],
)
def test_open(text: str, is_open: bool) -> None:
    """A message is open when a number, or the like, may go on behind it."""
    assert REDACTOR.is_open(text) is is_open


def test_doubt_is_of_types_that_are_looked_for() -> None:
    """What nobody looks for is neither open nor masked in doubt; what may be any number is."""
    redactor = Redactor(types={"SSN"})
    assert not redactor.is_open("my name is")
    assert redactor.is_open("it's four one one")
    assert texts_of(redactor.redact(["I was born on the third of"], leaves_open=True)) == ["I was born on the third of"]


SPEECH = """
    my card number is 4111 1111 11 1 four one double two jane dot doe at example com . , ! - **** pin um Baker Street 12
    born in march 1984 phone 555 ssn 123 45 6789 \ue000
"""
MESSAGES = st.lists(st.lists(st.sampled_from(SPEECH.split()), max_size=12).map(" ".join), max_size=4)


@settings(deadline=None, max_examples=150)
@given(MESSAGES, st.booleans(), st.booleans())
def test_nothing_is_left(texts: list[str], goes_on: bool, leaves_open: bool) -> None:
    """Masking twice is masking once, and together nothing is shown that is hidden alone."""
    once = REDACTOR.redact(texts, goes_on=goes_on, leaves_open=leaves_open)
    again = REDACTOR.redact(texts_of(once), goes_on=goes_on, leaves_open=leaves_open)
    assert [each.masked for each in again] == [Masked(text, ()) for text in texts_of(once)]
    for text in texts_of(once):
        assert REDACTOR.mask(text) == Masked(text, ())


@settings(deadline=None, max_examples=100)
@given(MESSAGES)
def test_values_stand_in_the_texts(texts: list[str]) -> None:
    """Every mask stands for one of the values, and what is no mask is what was said."""
    for text, each in zip(texts, REDACTOR.redact(texts), strict=True):
        values = "|".join(re.escape(mark.value) for mark in each.values)
        pattern = ""
        read = 0
        for finding in each.masked.findings or ():
            pattern += re.escape(each.masked.text[read : finding.start]) + f"(?:{values})"
            read = finding.end
        assert re.fullmatch(pattern + re.escape(each.masked.text[read:]), text)
