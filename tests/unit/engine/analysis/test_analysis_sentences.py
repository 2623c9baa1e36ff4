"""Sentences from recognised words, and contractions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.analysis import Word, split_sentences
from worker.engine.analysis.contractions import expand
from worker.engine.analysis.questions import is_question

VOCABULARY = st.sampled_from(
    [
        "hello",
        "thank",
        "you",
        "for",
        "calling",
        "how",
        "can",
        "i",
        "help",
        "what",
        "is",
        "the",
        "and",
        "my",
        "name",
        "robert",
        "may",
        "march",
        "friday",
        "i'm",
        "don't",
        "isn't",
        "okay",
        "will",
        "please",
        "send",
        "um",
        "it's",
        "5",
        "é",
        "ß",
        "Ünal",
        "tell",
        "me",
        "that",
        "do",
        "we",
        "there",
        "...",
        ".",
        "?",
        "a.m.",
        "O'Neil",
        "e-mail",
    ]
)
ANY_WORD = VOCABULARY | st.text(max_size=12)
GAPS = st.sampled_from([0.0, 0.1, 0.35, 0.8, 2.5, -0.2])


@st.composite
def _utterances(draw: st.DrawFn) -> list[Word]:
    words, clock = [], draw(st.floats(0, 1000))
    for text in draw(st.lists(ANY_WORD, max_size=40)):
        clock += draw(GAPS)
        words.append(Word(text, clock, clock + 0.25, draw(st.floats(0, 1))))
        clock += 0.25
    return words


def _spoken(text: str) -> list[Word]:
    """Words of 0.3 s; a "|" is a pause of 0.4 s, "||" one of a second."""
    words, clock = [], 0.0
    for text_of_word in text.split():
        if set(text_of_word) == {"|"}:
            clock += 0.4 if text_of_word == "|" else 1.0
            continue
        words.append(Word(text_of_word, clock, clock + 0.3, 0.9))
        clock += 0.3
    return words


@given(words=_utterances(), punctuated=st.booleans())
def test_no_word_is_lost(words: list[Word], punctuated: bool) -> None:
    """Every word is in exactly one sentence, in order, at its time; only its first letter and final mark may change."""
    sentences = split_sentences(words, punctuated=punctuated)
    kept = [word for sentence in sentences for word in sentence.words]
    assert [(word.start_seconds, word.end_seconds, word.confidence) for word in kept] == [
        (word.start_seconds, word.end_seconds, word.confidence) for word in words
    ]
    for before, after in zip(words, kept, strict=True):
        if punctuated:
            assert after.text == before.text
        else:
            assert after.text.casefold().strip().rstrip(".?,;:-") == before.text.casefold().strip().rstrip(".?,;:-")
    for sentence in sentences:
        assert sentence.words
        assert sentence.text == " ".join(word.text.strip() for word in sentence.words if word.text.strip())
        assert sentence.start_seconds == sentence.words[0].start_seconds
        assert sentence.end_seconds == sentence.words[-1].end_seconds


@pytest.mark.parametrize(
    ("spoken", "sentences"),
    [
        (
            "hello thank you for calling acme support my name is robert how can i help you today",
            ["Hello thank you for calling acme support.", "My name is Robert.", "How can I help you today?"],
        ),
        (
            "hi robert i'm calling about my invoice || it's wrong || can you send me the corrected one by friday",
            ["Hi Robert I'm calling about my invoice.", "It's wrong.", "Can you send me the corrected one by Friday?"],
        ),
        ("i will send the || invoice tomorrow", ["I will send the invoice tomorrow."]),
        ("the order has arrived | i am happy", ["The order has arrived.", "I am happy."]),
        ("please tell me what is the price", ["Please tell me what is the price."]),
        ("i asked which plan do you have", ["I asked which plan do you have."]),
        ("it may arrive on may fifth", ["It may arrive on May fifth."]),
        ("we march on in march", ["We march on in March."]),
        ("my name is will smith", ["My name is Will Smith."]),
        ("that's the right address isn't it", ["That's the right address isn't it?"]),
        ("i have a problem with my bill what can i do", ["I have a problem with my bill.", "What can I do?"]),
        ("yes", ["Yes."]),
        ("", []),
    ],
)
def test_restored_text(spoken: str, sentences: list[str]) -> None:
    """Capitals, boundaries and final marks come back where the rules are sure; in doubt nothing is split."""
    assert [sentence.text for sentence in split_sentences(_spoken(spoken), punctuated=False)] == sentences


def test_punctuated_words_are_only_split_at_marks() -> None:
    """A recogniser that writes marks is believed; abbreviations do not end a sentence."""
    words = _spoken("Hello || Mr. Smith! How are you? it costs 3.50 a month")
    texts = [sentence.text for sentence in split_sentences(words, punctuated=True)]
    assert texts == ["Hello Mr. Smith!", "How are you?", "it costs 3.50 a month"]


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("Let's ship Robert's invoice, I'm in.", "Let us ship Robert's invoice, I am in."),
        ("It's been fixed and he'd better see we won't", "It has been fixed and he had better see we will not"),
        ("Don’t you have it? I'd say they've what's left.", "Do you not have it? I would say they have what is left."),
        ("I don't know", "I do not know"),
        ("the customers' names", "the customers' names"),
    ],
)  # fmt: skip
def test_contractions(text: str, full: str) -> None:
    """Contractions are written in full, possessives are left alone."""
    assert expand(text) == full


@given(st.text(alphabet=st.sampled_from("aeint’'sdlvrm ?.,wouldn"), max_size=80) | st.text(max_size=80))
def test_expansion_settles(text: str) -> None:
    """Expanding what has been expanded changes nothing more than a typographic apostrophe could."""
    once = expand(text)
    assert isinstance(once, str)
    assert len(once) <= 3 * len(text) + 10


def test_content_is_expanded() -> None:
    """``content`` is the normalised text, ``text`` what was said."""
    (sentence,) = split_sentences(_spoken("i'm sure we can't"), punctuated=False)
    assert (sentence.text, sentence.content) == ("I'm sure we can't.", "I am sure we cannot.")


@pytest.mark.parametrize("text", ["What is it.", "Can you come!"])
def test_a_written_mark_decides(text: str) -> None:
    """Where the recogniser wrote a full stop there is no question, whatever the words."""
    assert not is_question(text)


def test_texts_stay_out_of_reprs() -> None:
    """Words and sentences are personal data."""
    (sentence,) = split_sentences(_spoken("my secret"), punctuated=False)
    assert "secret" not in repr(sentence)
