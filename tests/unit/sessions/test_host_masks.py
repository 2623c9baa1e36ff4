"""Masks that a host has put into a text itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.records import Finding, Masked
from worker.redaction import Redactor, SymblMark
from worker.sessions.host_masks import with_host_masks
from worker.symbl.messages import Messages, parse

MASK = "****"
SAMPLES = Path(__file__).parents[2] / "samples"
REDACTOR = Redactor(MASK)
EMAIL, BORN = SymblMark("EMAIL_ADDRESS", "jane@example.com"), SymblMark("DATE_OF_BIRTH", "May 2nd 1984")


def findings(text: str, *marks: SymblMark) -> list[tuple[str, int, str]]:
    """Type, place and source of what is reported for a text of a host that masks."""
    found = with_host_masks(text, REDACTOR.mask(text, marks), MASK, marks).findings
    assert found is not None
    return [(each.type, each.start, each.source) for each in found]


def test_a_masked_message_is_not_clean() -> None:
    """Where the host has masked, that is a finding of the host's, of a type that nobody told."""
    assert findings("mail me at **** please") == [("unknown", 11, "symbl")]
    assert findings("nothing here") == []


def test_what_the_worker_finds_in_the_rest_is_its_own() -> None:
    """Both stand in order, each with its source and its place in the masked text."""
    text = "**** or four one one one one one one one one one one one one one one one is my card, or ****"
    assert findings(text) == [("unknown", 0, "symbl"), ("CARD_NUMBER", 8, "worker"), ("unknown", 28, "symbl")]


def test_values_beside_the_text_name_the_masks() -> None:
    """With marks and masks together the host lists in order what it masked; else nobody knows which is which."""
    text = "My email is ****, born on ****."
    typed = [("EMAIL_ADDRESS", 12, "symbl"), ("DATE_OF_BIRTH", 26, "symbl")]
    assert findings(text, EMAIL, BORN) == typed
    assert findings(text, EMAIL) == [("unknown", 12, "symbl"), ("unknown", 26, "symbl")]
    assert findings(f"{text} {EMAIL.value}", EMAIL, BORN)[:2] == [("unknown", 12, "symbl"), ("unknown", 26, "symbl")]


@pytest.mark.parametrize(
    ("sample", "types"), [("both", ["EMAIL_ADDRESS", "DATE_OF_BIRTH"]), ("redact", ["unknown"] * 2)]
)
def test_what_hosts_send(sample: str, types: list[str]) -> None:
    """The recorded forms of a masked message are read so."""
    event = parse((SAMPLES / f"message_response.redaction_{sample}.json").read_bytes())
    assert isinstance(event, Messages)
    (message,) = event.messages
    marks = [SymblMark(mark.type, mark.value) for mark in message.entities]
    assert [kind for kind, _, _ in findings(message.text, *marks)] == types


@given(pieces=st.lists(st.sampled_from([MASK, "so", "jane@example.com", "4111 1111 1111 1111", "*", "["]), max_size=8))
def test_every_mask_has_a_finding(pieces: list[str]) -> None:
    """Whoever put it there, and each once; findings are in order and apart."""
    text = " ".join(pieces)
    found = with_host_masks(text, REDACTOR.mask(text), MASK, ()).findings
    masked = REDACTOR.mask(text).text
    assert found is not None
    places = [place for place in range(len(masked)) if masked.startswith(MASK, place)]
    assert [each.start for each in found] == places
    assert {masked[each.start : each.end] for each in found} <= {MASK}


@given(text=st.text())
def test_without_redaction_there_are_no_findings(text: str) -> None:
    """A text as it was said stays so."""
    off = Masked(text, None)
    assert with_host_masks(text, off, MASK, ()) == off
    clean = Masked(text.replace("*", ""), ())
    assert with_host_masks(text, clean, MASK, (EMAIL,)) == clean


def test_longer_masks_of_the_worker_are_no_masks_of_the_host() -> None:
    """What already is a finding is not another one."""
    masked = Masked("a ****", (Finding("SSN", 2, 6, "both"),))
    assert with_host_masks("a 1", masked, "*", ()) == masked
