"""The corpus on which the finding of personal data is measured, and how it is scored."""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Callable
from dataclasses import replace

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban, luhn
from stdnum.us import rtn, ssn

from tests.bench.redaction import numbers
from tests.bench.redaction.corpus import PARTS, Part, generate
from tests.bench.redaction.presidio import ENTITIES, Answers
from tests.bench.redaction.report import Latency, Result, shortfalls, table, total
from tests.bench.redaction.run import main, presidio_tallies
from tests.bench.redaction.scoring import ALL, Found, Tally, score
from tests.bench.redaction.spoken import cardinal
from tests.bench.redaction.texts import FORMS, Form, Label, Text, Value, fill, without_punctuation
from tests.bench.redaction.values import STRUCTURED, TYPE_OF

TYPES = {
    *("CARD_NUMBER", "CVV", "CARD_EXPIRATION", "CARD_PIN", "IBAN", "SWIFT_CODE", "ROUTING_NUMBER"),
    *("BANK_ACCOUNT_NUMBER", "PERSON_NAME", "EMAIL_ADDRESS", "AGE", "PHONE_NUMBER", "ADDRESS", "DATE_OF_BIRTH", "SSN"),
    *("PASSPORT_NUMBER", "DRIVERS_LICENSE", "DATE", "DOMAIN_NAME", "IP_ADDRESS"),
}
DIGITS = {cardinal(number): str(number) for number in range(10)} | {"oh": "0"}


def label(kind: str, text: str, value: str) -> Label:
    start = text.index(value)
    telling = {start + place for place, character in enumerate(value) if character.isalnum()}
    return Label(kind, start, start + len(value), frozenset(telling))


def found(kind: str, text: str, value: str) -> Found:
    return Found(kind, text.index(value), text.index(value) + len(value))


def tallies_of(text: str, labels: list[Label], findings: list[Found]) -> dict[str, Tally]:
    return score([Text(text, tuple(labels), "written")], [findings])[0]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
@pytest.mark.parametrize("form", FORMS)
def test_a_seed_is_a_corpus(part: Part, form: Form) -> None:
    """The same seed gives the same texts, another one gives others."""
    texts = generate(part, form, seed=1, size=60)
    assert texts == generate(part, form, seed=1, size=60)
    assert texts != generate(part, form, seed=2, size=60)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
@pytest.mark.parametrize("form", FORMS)
def test_labels_point_at_values(part: Part, form: Form) -> None:
    """Every type is there; a label begins and ends with its value, has something telling, and overlaps no other one."""
    texts = generate(part, form, seed=3, size=600)
    for text in texts:
        read = 0
        for each in text.labels:
            value = text.text[each.start : each.end]
            assert read <= each.start < each.end
            assert value == value.strip(" ,")
            assert each.telling
            assert all(each.start <= place < each.end and text.text[place].isalnum() for place in each.telling)
            read = each.end
        assert not re.search(r"[{}<>]|  |^\s|\s$", text.text)
    assert {each.type for text in texts for each in text.labels} == TYPES
    assert sum(not text.labels for text in texts) > len(texts) / 4


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_templates_say_what_they_are_about(part: Part) -> None:
    """A template for a type has a value of it; harmless ones have nothing personal; every placeholder exists."""
    assert set(part.personal) == TYPES == {kind for kind in TYPE_OF.values() if kind is not None}
    for kind, templates in part.personal.items():
        for template in templates:
            assert kind in {TYPE_OF[name] for name in re.findall(r"\{(\w+)\}", template)}, template
    for template in part.harmless:
        assert {TYPE_OF[name] for name in re.findall(r"\{(\w+)\}", template)} <= {None}, template
    assert STRUCTURED < TYPES


@pytest.mark.parametrize("form", FORMS)
def test_spoken_forms_have_no_figures(form: Form) -> None:
    """Numbers are said in words where a text is spoken, and written in figures where it is not."""
    for text in generate(PARTS[0], form, seed=4, size=300):
        for each in text.labels:
            if each.type in {"CARD_NUMBER", "SSN", "PHONE_NUMBER", "ROUTING_NUMBER"}:
                has_figures = any(text.text[place].isdigit() for place in each.telling)
                assert has_figures == (form == "written")


@given(st.integers())
def test_values_are_valid(seed: int) -> None:
    """Check digits are right, numbering plans know the phone numbers, addresses are addresses."""
    rng = random.Random(seed)
    assert luhn.is_valid("".join(numbers.card(rng)))
    assert iban.is_valid(numbers.account_of_iban(rng), check_country=False)
    assert rtn.is_valid(numbers.routing(rng))
    assert ssn.is_valid("".join(numbers.social_security(rng)))
    assert phonenumbers.is_valid_number(phonenumbers.parse("".join(numbers.home_phone(rng)), "US"))
    assert phonenumbers.is_valid_number(phonenumbers.parse(numbers.foreign_phone(rng)))
    assert ipaddress.ip_address(numbers.ipv4(rng)).version == 4
    assert ipaddress.ip_address(numbers.ipv6(rng)).version == 6
    assert re.fullmatch(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?", numbers.swift(rng))


def test_written_values_of_a_corpus_are_valid() -> None:
    """What stands in the texts is what was drawn, and passes its check."""
    checks: dict[str, Callable[[str], bool]] = {
        "CARD_NUMBER": luhn.is_valid,
        "IBAN": lambda number: iban.is_valid(number, check_country=False),
        "ROUTING_NUMBER": rtn.is_valid,
        "SSN": ssn.is_valid,
    }
    checked = set()
    for part in PARTS:
        for text in generate(part, "written", seed=5, size=400):
            for each in text.labels:
                if each.type in checks:
                    value = re.sub(r"[ -]", "", text.text[each.start : each.end])
                    assert checks[each.type](value), value
                    checked.add(each.type)
    assert checked == checks.keys()


def test_what_was_taken_back_is_not_telling() -> None:
    """The telling words of a spoken number, said digit by digit, are the number; hesitations and mistakes are not."""
    checked = 0
    for text in generate(PARTS[0], "spoken", seed=6, size=800):
        for each in text.labels:
            telling = "".join(
                text.text[place] if place in each.telling else " " for place in range(each.start, each.end)
            )
            said = re.findall(r"\w+", telling.lower())
            if each.type == "CARD_NUMBER" and all(word in DIGITS for word in said):
                assert luhn.is_valid("".join(DIGITS[word] for word in said)), text
                checked += 1
    assert checked > 10


def test_a_template_is_filled_in_both_styles() -> None:
    """Values keep their places with and without capitals and punctuation; what is marked is no telling part."""
    values = {"a": Value("SSN", "four <um,> five-six"), "b": Value(None, "Acme")}
    text = fill("{a}, yes. From {b}!", values.__getitem__, "spoken", plain=False)
    assert text.text == "Four um, five-six, yes. From Acme!"
    assert text.labels == (Label("SSN", 0, 17, frozenset({*range(4), *range(9, 13), *range(14, 17)})),)
    plain = fill("{a}, yes. From {b}!", values.__getitem__, "spoken", plain=True)
    assert plain.text == "four um five six yes from acme"
    assert [plain.text[each.start : each.end] for each in plain.labels] == ["four um five six"]


def test_a_raw_recogniser_writes_no_punctuation() -> None:
    """Punctuation and capitals go; what belongs to a word, an amount or a time stays."""
    said = "Well, \"Mary-Ann\" O'Neil - she's paid $1,250.50 (or 5%) at 3:15!"
    assert without_punctuation(said) == "well mary ann o'neil she's paid $1,250.50 or 5% at 3:15 "


def test_a_label_is_found_when_its_telling_characters_are() -> None:
    """Punctuation within may stay; a letter or digit may not. Other types mask, and are no right type."""
    text = "call (415) 555-0123 now"
    phone = label("PHONE_NUMBER", text, "(415) 555-0123")
    whole = tallies_of(text, [phone], [found("PHONE_NUMBER", text, "415) 555-0123")])
    assert (whole["PHONE_NUMBER"].typed, whole["PHONE_NUMBER"].masked) == (1, 1)
    short = tallies_of(text, [phone], [found("PHONE_NUMBER", text, "(415) 555-012")])
    assert (short["PHONE_NUMBER"].typed, short["PHONE_NUMBER"].masked) == (0, 0)
    other = tallies_of(text, [phone], [found("SSN", text, "(415) 555-0123")])
    assert (other["PHONE_NUMBER"].typed, other["PHONE_NUMBER"].masked) == (0, 1)
    pieces = tallies_of(text, [phone], [found("PHONE_NUMBER", text, "415"), found("SSN", text, "555-0123")])
    assert (pieces["PHONE_NUMBER"].typed, pieces["PHONE_NUMBER"].masked) == (0, 1)


def test_a_finding_is_false_when_it_touches_no_label() -> None:
    """Half a label and a wrong type are not false; the words beside it are. Precision is per type of the finding."""
    text = "order 12345 for Jane Doe"
    jane = label("PERSON_NAME", text, "Jane Doe")
    tallies = tallies_of(text, [jane], [found("SSN", text, "12345"), found("AGE", text, "Jane")])
    assert (tallies["SSN"].precision, tallies["AGE"].precision, tallies[ALL].precision) == (0, 1, 0.5)
    assert tallies["PERSON_NAME"].precision is None
    assert (tallies["PERSON_NAME"].recall, tallies["PERSON_NAME"].f1) == (0, 0)
    nothing = tallies_of("thanks", [], [])
    assert (nothing[ALL].recall, nothing[ALL].precision, nothing[ALL].f1) == (None, None, None)


def test_f1_is_the_harmonic_mean() -> None:
    """Of precision and recall with the right type."""
    tally = Tally(labels=4, masked=4, typed=2, findings=10, false=2)
    assert tally.f1 == pytest.approx(2 * 0.8 * 0.5 / 1.3)
    assert tally.recall_masked == 1


QUICK = Latency(p50=0.1e-3, p99=1e-3, clock_p50=1, clock_p99=1)


def perfect(form: Form, **changed: Tally) -> Result:
    good = {kind: Tally(labels=100, masked=100, typed=100, findings=100) for kind in (*TYPES, ALL)}
    return Result(part="held-out", form=form, texts=100, ours=good | changed)


def test_nothing_is_missed_when_all_is_found() -> None:
    """The clock does not count, which tells about other programs, too."""
    assert shortfalls([perfect("written"), perfect("spoken")], QUICK) == []


def test_every_missed_figure_is_named() -> None:
    """Recall with the right type by form, of names, precision of structured types and of all, and what is not there."""
    less = Tally(labels=100, masked=100, typed=96, findings=100)
    assert shortfalls([perfect("spoken", SSN=less)], QUICK) == []
    assert shortfalls([perfect("written", SSN=less)], QUICK) == [
        "held-out written: recall of SSN is 0.960, required 0.98"
    ]
    names = Tally(labels=100, masked=100, typed=79, findings=100, false=50)
    assert shortfalls([perfect("written", PERSON_NAME=names)], QUICK) == [
        "held-out written: recall of PERSON_NAME is 0.790, required 0.80"
    ]
    loud = Tally(labels=100, masked=100, typed=100, findings=100, false=6)
    assert len(shortfalls([perfect("written", IBAN=loud, **{ALL: loud})], QUICK)) == 2
    assert shortfalls([perfect("written", AGE=Tally(labels=9, findings=9, false=9))], QUICK) == []
    assert "no SSN to find" in shortfalls([perfect("spoken", SSN=Tally())], QUICK)[0]


def test_slowness_is_named() -> None:
    """What one core needs for a message is limited: half of them, and 99 of 100."""
    slow = Latency(p50=0.4e-3, p99=4e-3, clock_p50=0, clock_p99=0)
    assert [line.split(" is ")[0] for line in shortfalls([], slow)] == ["latency: p50", "latency: p99"]


def test_the_table_sets_both_side_by_side() -> None:
    """Presidio's figures stand in the rows of the types that it has; nothing found has no precision."""
    tallies = {"SSN": Tally(labels=4, masked=4, typed=3, findings=4, false=1), "AGE": Tally(labels=1)}
    result = Result(part="held-out", form="written", texts=5, ours=tallies, presidio={"SSN": Tally(labels=4, typed=1)})
    rows = {line.split()[0]: " ".join(line.split()) for line in table(result, ["SSN"]).splitlines()[2:]}
    assert rows["SSN"] == "SSN 4 1.000 0.750 0.750 0.750 1 | 0.000 0.250 - 0.000 0"
    assert rows["AGE"] == "AGE 1 0.000 0.000 - 0.000 0"
    assert total(tallies, ["SSN", "AGE"]).labels == 5


def test_presidio_is_scored_at_its_best() -> None:
    """Low scores that are false are left out, and low scores that are right are not. All of its types are ours."""
    text = "order 123456789, social 078-05-1121"
    labels = (label("SSN", text, "078-05-1121"),)
    right, wrong = found("SSN", text, "078-05-1121"), found("SSN", text, "123456789")
    loud = Answers(found=[[replace(right, score=0.85), replace(wrong, score=0.05)]], seconds=[0.1])
    threshold, tallies = presidio_tallies([[Text(text, labels, "written")]], loud)
    assert threshold > 0.05
    assert (tallies[0]["SSN"].recall, tallies[0]["SSN"].precision) == (1, 1)
    quiet = Answers(found=[[replace(right, score=0.05)]], seconds=[0.1])
    assert presidio_tallies([[Text(text, labels, "written")]], quiet)[1][0]["SSN"].recall == 1
    assert set(ENTITIES.values()) < TYPES


def test_a_corpus_that_is_too_small_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with 1 when a required figure could not be measured, and prints a table for each cell."""
    assert main(["--size", "3", "--presidio", "0"]) == 1
    said = capsys.readouterr().out
    assert "held-out, spoken: 3 texts" in said
    assert "choose a larger SIZE" in said
    assert "Presidio" not in said
