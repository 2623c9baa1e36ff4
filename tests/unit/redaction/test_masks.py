"""What stands in place of personal data: mask, type or hash."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.records import Finding, Masked
from worker.redaction import MODES, TYPES, Custom, Mode, Redactor, SymblMark
from worker.redaction.masks import normalised

KEY = b"a key for tests only"
CARD = "4111 1111 1111 1111"
SPOKEN_CARD = "four one one one, one one one one, one one one one, one one one one"


def hashing(conversation_id: str = "call-1", key: bytes = KEY) -> Redactor:
    return Redactor(mode="hash", key=key).for_conversation(conversation_id)


def test_type() -> None:
    """A type tells what it was; findings point at the mask."""
    masked = Redactor(mode="type").mask(f"pay {CARD} or mail jane@example.com now")
    assert masked == Masked(
        "pay [CARD_NUMBER] or mail [EMAIL_ADDRESS] now",
        (Finding("CARD_NUMBER", 4, 17, "worker"), Finding("EMAIL_ADDRESS", 26, 41, "worker")),
    )


def test_modes_of_types() -> None:
    """Each type may have a mode of its own; all others, those of the host too, have the default."""
    redactor = Redactor(mode="type", modes={"EMAIL_ADDRESS": "mask"})
    marks = [SymblMark("Credit card-number", "blue"), SymblMark("secret spell!", "wagon"), SymblMark("Email", "red")]
    masked = redactor.mask("blue wagon, red, a@example.com", marks)
    assert masked.text == "[CARD_NUMBER] [OTHER], ****, ****"
    assert [finding.type for finding in masked.findings or ()][:2] == ["Credit card-number", "secret spell!"]
    assert redactor.mask_whole("anything").text == "[OTHER]"
    assert Redactor(mode="type", custom=[Custom("EMPLOYEE_ID", words=("emp 7",))]).mask("emp 7").text == "[EMPLOYEE_ID]"


def test_hash_links_the_same_value() -> None:
    """The same value has the same hash in a conversation however it is said, and another value another one."""
    redactor = hashing()
    first = redactor.mask(f"my card is {CARD}").text
    assert re.fullmatch(r"my card is \[CARD_NUMBER:[0-9a-f]{12}\]", first)
    assert redactor.mask(f"my card is {SPOKEN_CARD}").text == first
    assert redactor.mask("my card is 4222222222222").text != first
    assert redactor.mask("mail Jane@Example.com").text == redactor.mask("mail jane@example.com").text


def test_hash_of_what_goes_on() -> None:
    """Both parts of a number that is split over two messages have the hash of the whole."""
    redactor = hashing()
    whole = redactor.mask(f"my card is {CARD}").text
    first, second = redactor.redact(["my card is 4111 1111.", "1111 1111 ok"])
    assert first.masked.text == whole + "."
    assert f"my card is {second.masked.text}" == whole + " ok"


def test_hash_tells_conversations_apart() -> None:
    """Neither another conversation nor another key gives the same hash."""
    texts = {
        redactor.mask(CARD).text for redactor in (hashing(), hashing("call-2"), hashing(key=b"another key for tests"))
    }
    assert len(texts) == 3


def test_no_hash_without_a_conversation() -> None:
    """Where nobody said whose conversation it is, where a number still grows, and for parts, the type stands alone."""
    assert Redactor(mode="hash", key=KEY).mask(CARD).text == "[CARD_NUMBER]"
    assert hashing().mask_caption(f"my card is {CARD}").text == "my card is [CARD_NUMBER]"
    assert hashing().mask_terms("street of baker", ["Baker Street"]).text == "[REPEATED] of [REPEATED]"


@pytest.mark.parametrize("key", [None, b"", b"fifteen bytes.."])
def test_hashes_need_a_key(key: bytes | None) -> None:
    """A hash without a key of some length could be guessed by anybody."""
    with pytest.raises(ValueError, match="key"):
        Redactor(modes={"SSN": "hash"}, key=key)


def test_key_and_words_are_not_shown() -> None:
    """The key stands in no repr."""
    assert "key for tests" not in repr(hashing()) + repr(hashing().policy) + repr(vars(hashing())["_masks"])


@pytest.mark.parametrize(
    ("value", "same"),
    [
        ("four one", "41"),
        ("Four, um, double one!", "4-1-1"),
        ("forty one", "41"),
        ("Jane  O'Brien", "jane obrien"),
        ("DE 89", "de eighty nine"),
        ("ÉCOLE", "école"),
    ],
)
def test_normalised(value: str, same: str) -> None:
    """Numbers are compared in figures; case, blanks and punctuation do not count."""
    assert normalised(value) == normalised(same)


def test_what_is_masked_stays() -> None:
    """Masks of every mode are left alone by every other, and hide nothing that stands beside them."""
    text = "[CARD_NUMBER] **** [SSN:0123456789ab] [OTHER]"
    for mode in MODES:
        assert Redactor(mode=mode, key=KEY).mask(text) == Masked(text, ())
    assert Redactor().mask("[JANE] [CARD_NUMBER:4111111111111111]").text == "[****] [CARD_NUMBER:****]"


SPEECH = """
    my card number is 4111 1111 11 1 four one double two jane dot doe at example com . , **** pin um Baker Street 12 may
    born in march 1984 phone 555 ssn 123 45 6789 [CARD_NUMBER] [SSN:0123456789ab] [ ] : A1 emp-1234
"""
TEXTS = st.lists(st.sampled_from(SPEECH.split()), max_size=25).map(" ".join)
MARKS = st.lists(st.builds(SymblMark, st.sampled_from(["PERSON_NAME", "thing"]), st.sampled_from(["jane", "1"])))
CUSTOM = Custom("EMPLOYEE_ID", patterns=(r"emp-?\d{4}", r"[^a]{3}x", r"of.{1,9}"), words=("project falcon", "doe"))


@settings(deadline=None, max_examples=200)
@given(TEXTS, MARKS, st.sampled_from(MODES), st.dictionaries(st.sampled_from(sorted(TYPES)), st.sampled_from(MODES)))
def test_masking_twice_is_masking_once(text: str, marks: list[SymblMark], mode: Mode, modes: dict[str, Mode]) -> None:
    """In every mode, for text, captions and several messages."""
    redactor = Redactor(mode=mode, modes=modes, custom=[CUSTOM], key=KEY).for_conversation("call-1")
    for mask in (redactor.mask, redactor.mask_caption):
        once = mask(text, marks).text
        assert mask(once, marks) == Masked(once, ())
    texts = [each.masked.text for each in redactor.redact([text, text], [marks, marks])]
    assert [each.masked for each in redactor.redact(texts, [marks, marks])] == [Masked(each, ()) for each in texts]
