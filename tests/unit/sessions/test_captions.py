"""What captions show of a sentence that grows."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from tests.bench.redaction.corpus import PARTS, generate
from tests.bench.redaction.texts import FORMS
from tests.strategies import masked
from worker.records import Caption, Masked
from worker.redaction import Redactor
from worker.sessions.captions import HELD_BACK_WORDS, CaptionWriter, held_back


def captions(text: str, redactor: Redactor | None = None) -> list[Caption]:
    """All captions of a text that is heard word by word."""
    said: list[Caption] = []
    mask = (redactor or Redactor()).mask_caption
    writer = CaptionWriter("call", "0", mask, said.append, interval_seconds=None)
    for place, end in enumerate(match.end() for match in re.finditer(r"\S+", text)):
        writer.write(text[:end], None, 0, place, float(place))
    return said


def words_of(text: str) -> set[str]:
    """Its words, without what stands around them."""
    return {word.strip(",.?!") for word in text.split()}


@pytest.mark.parametrize(
    ("text", "personal"),
    [
        ("hello this is Jane Miller calling from work", "Jane Miller"),
        ("we moved to 4841 Elm Terrace, Albany, New York 65952 last year", "4841 Elm Terrace Albany York 65952"),
        ("i live at nine fifty meadow way since then", "nine fifty meadow way"),
        ("it is four one one one double two uh three three", "four one double two three"),
        ("write to jane at example dot com please", "jane example com"),
        ("my pin is one four seven five and thanks", "one four seven five"),
        ("it expires oh one slash twenty six i think", "oh one slash twenty six"),
        ("she is forty three years old by now", "forty three"),
    ],
)
def test_no_caption_shows_the_beginning_of_personal_data(text: str, personal: str) -> None:
    """What is masked at the end was never shown on the way there."""
    shown = {word for each in captions(text) for word in words_of(each.text)}
    assert not shown & set(personal.split())
    assert shown & set(text.split())


def test_captions_of_the_corpus_show_little() -> None:
    """Of texts with personal data in them, few show a word of it before all of it is told: most are letters of codes,
    said one by one. Without holding words back it is nearly half of them."""
    redactor, told, personal = Redactor(), 0, 0
    for part in PARTS:
        for form in FORMS:
            for text in generate(part, form, seed=1, size=40):
                hidden = {
                    word for span in redactor.find(text.text) for word in words_of(text.text[span.start : span.end])
                } - words_of(redactor.mask(text.text).text)
                personal += bool(hidden)
                told += any(hidden & words_of(each.text) for each in captions(text.text, redactor))
    assert personal > 50
    assert told / personal < 0.2, (told, personal)


@given(text=masked())
def test_what_is_held_back(text: Masked) -> None:
    """Masks and what stands in front of the last two words are shown, nothing else; and everything where redaction is
    off."""
    shown = held_back(text)
    assert shown.findings == text.findings
    assert text.text.startswith(shown.text)
    if text.findings is None:
        assert shown == text
        return
    assert shown.text == shown.text.rstrip()
    assert all(each.end <= len(shown.text) for each in text.findings)
    left = text.text[len(shown.text) :].split()
    assert not left or len(left) <= HELD_BACK_WORDS or max(map(len, left)) > 20
    behind = text.text[text.findings[-1].end if text.findings else 0 :].split()
    assert len(left) == min(HELD_BACK_WORDS, len(behind)) or max(map(len, behind)) > 20


@pytest.mark.parametrize("count", [1, HELD_BACK_WORDS])
def test_nothing_is_said_while_all_of_it_is_held_back(count: int) -> None:
    """There are no empty captions."""
    assert captions(" ".join(["so"] * count)) == []


def test_languages_without_spaces_have_captions() -> None:
    """A long word counts as several."""
    text = "\u3042" * 70
    assert [each.text for each in captions(text)] == [text[:40]]


def test_off_shows_everything() -> None:
    """Without redaction captions are neither masked nor late, and say so."""
    said: list[Caption] = []
    writer = CaptionWriter("call", "0", lambda text: Masked(text, None), said.append, None)
    writer.write("this is Jane", None, 0, 0, 0.0)
    assert [(each.text, each.redaction) for each in said] == [("this is Jane", "off")]
