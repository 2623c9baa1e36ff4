"""What a text leaves open at its end, and what goes on in the next."""

from __future__ import annotations

import pytest

from worker.redaction import spans
from worker.redaction.openings import find_continuations, is_backchannel, opening
from worker.redaction.reading import Reading


def _opened(text: str) -> tuple[str, str | None] | None:
    """The type, and the text to be masked if nobody waits."""
    found = opening(Reading(text))
    if found is None:
        return None
    return found.type, None if found.span is None else text[found.span.start : found.span.end]


@pytest.mark.parametrize(
    ("text", "kind", "masked"),
    [
        ("four one one one, um", spans.NUMBER, "four one one one"),
        ("it's 4111, one second", spans.NUMBER, "4111"),
        ("my card number is four", spans.CARD_NUMBER, "four"),
        ("my card, hold on, is 4111 1111, and then", spans.CARD_NUMBER, "4111 1111"),
        ("my social is", spans.SSN, None),
        ("the number is, uh", spans.NUMBER, None),
        ("the routing number is, hold on one second", spans.ROUTING_NUMBER, None),
        ("You can reach me at", spans.PHONE_NUMBER, None),
        ("my name is", spans.PERSON_NAME, None),
        ("it's registered to, um", spans.PERSON_NAME, None),
        ("could you put it under the name", spans.PERSON_NAME, None),
        ("please call me", spans.PERSON_NAME, None),
        ("I would like to talk to", spans.PERSON_NAME, None),
        ("my name is Jane", spans.PERSON_NAME, "Jane"),
        ("my name is j o", spans.PERSON_NAME, "j o"),
        ("my e-mail is jane dot doe at", spans.EMAIL_ADDRESS, "jane dot doe at"),
        ("my e-mail is jane", spans.EMAIL_ADDRESS, "jane"),
        ("jane dot", spans.EMAIL_ADDRESS, "jane dot"),
        ("jane underscore doe at example dot", spans.EMAIL_ADDRESS, "jane underscore doe at example dot"),
        ("my IBAN is d e eight nine", spans.IBAN, "d e eight nine"),
        ("it's DE89", spans.IBAN, "DE89"),
        ("my passport number is x", spans.PASSPORT_NUMBER, "x"),
        ("born on the third of", spans.DATE_OF_BIRTH, "third of"),
        ("I was born on the third of May nineteen eighty", spans.DATE_OF_BIRTH, "third of May nineteen eighty"),
        ("I live at 12", spans.ADDRESS, "12"),
        ("I live at twelve maple street", spans.ADDRESS, "twelve maple street"),
    ],
)
def test_what_is_open(text: str, kind: str, masked: str | None) -> None:
    """What has begun is open, with hesitation and punctuation behind it; what was announced has no place yet."""
    assert _opened(text) == (kind, masked)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "um, so",
        "I'd like two.",
        "my order number is four one one",
        "the consignment number is",
        "Who am I speaking with?",
        "So who should I ask for?",
        "okay, how do you spell that",
        "Sure. Can you call me?",
        "it costs two hundred and fifty",
        "it costs $250",
        "that was in nineteen eighty four",
        "Let's meet at ten fifteen",
        "let's meet at noon",
        "I lost my card.",
        "Do you need my social security number?",
        "my card is 4111 1111 1111 1111",
        "my social is one two three four five six seven eight nine",
        "my phone number is four one five five five five oh one oh oh",
        "my e-mail is jane dot doe at example dot com",
        "my e-mail is broken",
        "I was born on the third of May nineteen eighty four",
        "Our website is example dot com",
        "The file is called invoice.pdf",
    ],
)
def test_what_is_not_open(text: str) -> None:
    """What is complete, and what is called harmless, holds nothing back."""
    assert _opened(text) is None


@pytest.mark.parametrize(
    ("text", "kind", "rest"),
    [
        ("one two, and three four", spans.NUMBER, "one two, and three four"),
        ("yeah, and then, um, 1111 please", spans.NUMBER, "1111"),
        ("k n o x", spans.NUMBER, "k n o x"),
        ("doe at example dot com, thanks", spans.EMAIL_ADDRESS, "doe at example dot com"),
        ("at gmail dot com", spans.EMAIL_ADDRESS, "at gmail dot com"),
        ("dot com", spans.EMAIL_ADDRESS, "dot com"),
        ("Doe, and I'm calling about the bill", spans.PERSON_NAME, "Doe"),
        ("Street in Dayton, Ohio 45402", spans.ADDRESS, "Street in Dayton, Ohio 45402"),
        ("of March nineteen eighty four", spans.DATE_OF_BIRTH, "March nineteen eighty four"),
    ],
)
def test_how_it_goes_on(text: str, kind: str, rest: str) -> None:
    """The rest stands at the beginning, behind hesitation and "and then"."""
    assert (kind, rest) in {(span.type, text[span.start : span.end]) for span in find_continuations(Reading(text))}


@pytest.mark.parametrize("text", ["", "one more thing", "One second.", "Thanks a lot for that.", "the weather is fine"])
def test_what_is_no_rest(text: str) -> None:
    """A sentence that begins otherwise is no rest of anything."""
    assert list(find_continuations(Reading(text))) == []


@pytest.mark.parametrize(
    "text", ["Mm-hm.", "go on", "okay", "yes", "Uh-huh, got it.", "Right. Sure.", "I’m listening", ""]
)
def test_backchannels(text: str) -> None:
    """What a listener says is no message of its own."""
    assert is_backchannel(text)


@pytest.mark.parametrize("text", ["no", "four", "okay, four", "yes it is mine", "okay okay okay okay okay okay"])
def test_no_backchannels(text: str) -> None:
    """Anything else in it, or more than a few words, makes it a message."""
    assert not is_backchannel(text)
