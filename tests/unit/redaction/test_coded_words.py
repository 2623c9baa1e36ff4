"""Coded words, with which engines are tested, are no personal data: hexadecimal tags inside of words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.redaction import TYPES, Redactor

REDACTORS = (Redactor(), Redactor(types=TYPES))
SENTENCES = [
    "{}",
    "{}.",
    "Speaker s1 will send you the {}.",
    "Speaker s12 will send you the {} by Friday.",
    "Could you tell me the {} ?",
    "Could you tell me the {} please?",
    "I will send you the {} tomorrow.",
    "Let us meet again on Tuesday to review the {}.",
]
TAGS = st.one_of(
    st.text("0123456789abcdef", min_size=4, max_size=8),
    st.text("0123456789", min_size=8, max_size=8),
    st.just("00000000"),
)
CODED = st.builds(
    lambda tag, count: [f"w{tag}x{number}" for number in range(count)], TAGS, st.integers(min_value=1, max_value=6)
)


@settings(max_examples=200, deadline=None)
@given(st.lists(CODED, min_size=1, max_size=3), st.sampled_from(SENTENCES))
def test_coded_words_are_never_found(tags: list[list[str]], sentence: str) -> None:
    """Whatever digits a tag has, nothing is found in it, and captions show it, too."""
    text = sentence.format(" ".join(word for words in tags for word in words))
    for redactor in REDACTORS:
        assert redactor.find(text) == ()
        assert redactor.mask_caption(text).text == text


@pytest.mark.parametrize("word", ["w1a2b3c4x0", "w12ab34cdx0", "w41111111x1", "wde893704x4"])
def test_examples(word: str) -> None:
    """The same for tags that read like the beginning of something."""
    assert Redactor().find(f"call me about the {word} {word} {word} card") == ()
