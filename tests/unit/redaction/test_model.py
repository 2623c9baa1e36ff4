"""A model that a deployment brings is one more detector: for the types, thresholds and wishes in force."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.records import RedactionWish
from worker.redaction import Entity, Model, Redactor, Span
from worker.redaction.reading import Reading
from worker.redaction.tokens import BLANK
from worker.sessions.holdback import Holdback

TYPES = {"PERSON": "PERSON_NAME", "FAC": "ADDRESS"}
# `st.text` would make next to no masks and halves of surrogate pairs of it.
TEXTS = st.lists(st.one_of(st.characters(), st.sampled_from(f" a\ud83d{BLANK}")), max_size=60).map("".join)


def knows(**phrases: str) -> Model:
    """A model for one phrase by label."""

    def find(text: str) -> Iterator[Entity]:
        for label, phrase in phrases.items():
            yield from (Entity(label, *hit.span()) for hit in re.finditer(phrase, text))

    return Model("test 1", TYPES, find)


MODEL = knows(PERSON=r"zork\s+wibble", FAC="the old mill", ORG="acme")


def test_findings_have_our_types_and_the_score_of_what_nothing_confirms() -> None:
    """Labels are mapped to types, those that are not mapped are left alone, and every score is 0.5."""
    text = "zork wibble of acme waits at the old mill"
    assert Redactor().find(text) == ()
    assert Redactor(models=[MODEL]).find(text) == (Span("PERSON_NAME", 0, 11, 0.5), Span("ADDRESS", 29, 41, 0.5))


def test_a_model_finds_what_is_looked_for() -> None:
    """What the policy does not look for, or not with such a score, is not reported by a model either."""
    text = "zork wibble waits at the old mill"
    found = [span.type for span in Redactor(models=[MODEL], types={"ADDRESS", "SSN"}).find(text)]
    assert found == ["ADDRESS"]
    found = [span.type for span in Redactor(models=[MODEL], thresholds={"ADDRESS": 0.6}).find(text)]
    assert found == ["PERSON_NAME"]


def test_a_model_has_types_of_ours() -> None:
    """A label cannot stand for a type that nobody knows."""
    with pytest.raises(ValueError, match="the types are"):
        Model("test 1", {"PERSON": "NAME"}, MODEL.find)


def test_conversations_keep_the_model() -> None:
    """Redactors that are made of another one, with hashes or wishes of a conversation, have its model."""
    redactor = Redactor(models=[MODEL], types={"SSN"}, mode="hash", key=b"a key for tests only")
    wished = redactor.with_wishes([RedactionWish(types=("PERSON_NAME",))]).for_conversation("call")
    assert re.fullmatch(r"\[PERSON_NAME:\w{12}\] waits", wished.mask("zork wibble waits").text)
    assert wished.policy.models == redactor.policy.models


def test_the_version_of_a_policy_tells_the_model() -> None:
    """Which model is in force, and for what, is part of the version, with and without wishes; nothing else changes."""
    models = [MODEL, Model("test 2", TYPES, MODEL.find), Model("test 1", {"PERSON": "PERSON_NAME"}, MODEL.find)]
    redactors = [Redactor(), *(Redactor(models=[model]) for model in models)]
    wishes = [RedactionWish(types=("DATE",))]
    policies = [redactor.with_wishes(asked).policy for redactor in redactors for asked in ([], wishes)]
    assert len({policy.version for policy in policies}) == 8
    assert policies[2].described() == policies[0].described() | {"models": ["test 1: FAC=ADDRESS, PERSON=PERSON_NAME"]}


def test_captions_and_other_texts_are_searched_too() -> None:
    """A model looks at interim text and at texts that are made of messages as it does at messages."""
    redactor = Redactor(models=[MODEL])
    assert redactor.mask_caption("it is zork wibble here").text == "it is **** here"
    assert redactor.mask_terms("it is zork wibble here", []).text == "it is **** here"


def test_a_name_over_two_messages() -> None:
    """Messages that are searched together are searched by the model as one text, too, and each is masked."""
    texts = [each.masked.text for each in Redactor(models=[MODEL]).redact(["it is zork.", "wibble here"])]
    assert texts == ["it is ****.", "**** here"]


@given(TEXTS)
def test_places_are_those_of_the_text(text: str) -> None:
    """What the model found is found at the same characters of the text, and never across a mask."""
    model = Model("test 1", TYPES, lambda shown: [Entity("PERSON", *hit.span()) for hit in re.finditer(r"\w+", shown)])
    assert [(each.start, each.end) for each in model(Reading(text))] == [
        hit.span() for hit in re.finditer(r"\w+", text)
    ]
    whole = Model("test 1", TYPES, lambda shown: [Entity("PERSON", 0, len(shown))])
    found = [text[each.start : each.end] for each in whole(Reading(text))]
    assert found == [piece.strip() for piece in text.split(BLANK) if piece.strip()]


@given(TEXTS, st.data())
def test_how_long_a_mask_is_tells_a_model_nothing(text: str, data: st.DataObject) -> None:
    """A model sees the same, which can be encoded, whichever mask stands in a text."""
    seen: list[str] = []
    model = Model("test 1", TYPES, lambda shown: seen.append(shown) or [])  # type: ignore[func-returns-value]
    at = data.draw(st.integers(0, len(text)))
    for length in (1, 4, 9):
        list(model(Reading(text[:at] + BLANK * length + text[at:])))
    assert len(set(seen)) == 1
    assert seen[0].encode()


@given(TEXTS)
def test_masking_twice_is_masking_once(text: str) -> None:
    """Also with a model that takes what stands beside a mask for a name."""
    model = Model(
        "test 1",
        TYPES,
        lambda shown: [Entity("PERSON", *hit.span()) for hit in re.finditer(rf"zork|{BLANK} ?\w|a\b", shown)],
    )
    redactor = Redactor(models=[model])
    once = redactor.mask(text).text
    assert redactor.mask(once).text == once


def failing(message: str) -> Callable[[str], list[Entity]]:
    def fail(text: str) -> list[Entity]:
        raise ZeroDivisionError(message)

    return fail


def test_a_model_that_fails_shows_nothing() -> None:
    """Nothing is masked by halves: the message is masked as a whole, as if a detector of ours had failed."""
    said: list[str] = []
    holdback = Holdback(Redactor(models=[Model("test 1", TYPES, failing("zork"))]), 8.0, print)
    with pytest.raises(ZeroDivisionError):
        holdback.message(("0", ""), "it is zork wibble", (), lambda redacted, _: said.append(redacted.masked.text))
    holdback.release()
    assert said == ["****"]


def test_a_model_shows_no_text() -> None:
    """What a model holds is in no repr."""
    assert repr(MODEL) == f"Model(name='test 1', types={TYPES!r})"
