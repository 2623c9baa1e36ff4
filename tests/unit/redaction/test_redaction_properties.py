"""What must hold of any text, and of generated personal data in any spoken form."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stdnum import iban, luhn

from worker.records import Masked
from worker.redaction import Redactor, SymblMark
from worker.redaction.lexicon import NUMBER_WORDS

REDACTOR = Redactor()
MASK = "****"


def _words(text: str) -> list[str]:
    return text.split()


# --- how people say things -------------------------------------------------------------------------------------------

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TEENS = dict(
    zip(
        range(10, 20),
        _words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"),
        strict=True,
    )
)
TENS = dict(zip(range(2, 10), _words("twenty thirty forty fifty sixty seventy eighty ninety"), strict=True))
REPEATS = {2: "double", 3: "triple", 4: "quadruple"}


@st.composite
def spoken(draw: st.DrawFn, digits: str) -> str:
    """``digits`` in words, with hesitations."""
    said: list[str] = []
    while digits:
        forms = ["digit"]
        same = len(digits) - len(digits.lstrip(digits[0]))
        if same > 1:
            forms.append("repeat")
        if len(digits) > 1 and digits[0] != "0":
            forms.append("pair")
        if len(digits) > 3 and digits[0] != "0" and digits[1] != "0":
            forms.append("thousand")
        match draw(st.sampled_from(forms)):
            case "repeat":
                count = draw(st.integers(2, min(same, 4)))
                said.append(f"{REPEATS[count]} {_digit(draw, digits[0])}")
            case "pair":
                count = 2
                said.append(_below_hundred(draw, digits[:2]))
                if digits[1] == "0" and digits[0] != "1" and digits[2:3] not in {"", "0"}:
                    said.append(",")  # or else "twenty" and "one" is heard as twenty-one
            case "thousand":
                count = 4
                said.append(f"{NAMES[int(digits[0])]} thousand {NAMES[int(digits[1])]} hundred")
                rest = int(digits[2:4])
                if rest:
                    said[-1] += f" {draw(st.sampled_from(['', 'and ']))}{_plain_below_hundred(rest)}"
                if rest % 10 == 0 and rest != 10:
                    said.append(",")
            case _:
                count = 1
                said.append(_digit(draw, digits[0]))
        digits = digits[count:]
        if digits:
            said.append(draw(st.sampled_from(["", "", "", "", "", "um", "uh,", ",", ".", "and", "and and"])))
    return re.sub(r"\s+([,.])", r"\1", " ".join(word for word in said if word)).rstrip(" ,.")


def _digit(draw: st.DrawFn, digit: str) -> str:
    if digit == "0":
        return draw(st.sampled_from(["zero", "oh"]))
    return draw(st.sampled_from([NAMES[int(digit)], digit]))


def _below_hundred(draw: st.DrawFn, digits: str) -> str:
    said = _plain_below_hundred(int(digits))
    return said.replace(" ", draw(st.sampled_from([" ", "-"])))


def _plain_below_hundred(value: int) -> str:
    if value < 10:
        return NAMES[value]
    if value < 20:
        return TEENS[value]
    return TENS[value // 10] + (f" {NAMES[value % 10]}" if value % 10 else "")


@st.composite
def written(draw: st.DrawFn, digits: str, sizes: tuple[int, ...]) -> str:
    """``digits`` in groups of ``sizes``, or without groups."""
    separator = draw(st.sampled_from(["", " ", "-", ".", "  ", "\u00a0"]))
    groups = []
    for size in sizes:
        groups.append(digits[:size])
        digits = digits[size:]
    return separator.join(group for group in (*groups, digits) if group)


@st.composite
def cards(draw: st.DrawFn) -> str:
    prefix, length = draw(
        st.sampled_from(
            [("4", 16), ("4", 13), ("51", 16), ("2221", 16), ("34", 15), ("6011", 16), ("36", 14), ("62", 19)]
        )
    )
    body = prefix + draw(st.text("0123456789", min_size=length - len(prefix) - 1, max_size=length - len(prefix) - 1))
    return body + luhn.calc_check_digit(body)


@st.composite
def misheard(draw: st.DrawFn, digits: str) -> str:
    place = draw(st.integers(0, len(digits) - 1))
    return digits[:place] + draw(st.sampled_from("0123456789")) + digits[place + 1 :]


@st.composite
def ssns(draw: st.DrawFn) -> str:
    return f"{draw(st.integers(1, 899)):03}{draw(st.integers(1, 99)):02}{draw(st.integers(1, 9999)):04}"


@st.composite
def ibans(draw: st.DrawFn) -> str:
    country, letters, count = draw(
        st.sampled_from([("DE", 0, 18), ("GB", 4, 14), ("ES", 0, 20), ("NL", 4, 10), ("FR", 0, 23)])
    )
    bank = draw(st.text("ABCDEFGHIJKLMNPQRSTUVWXYZ", min_size=letters, max_size=letters))
    body = bank + draw(st.text("0123456789", min_size=count, max_size=count))
    return country + iban.calc_check_digits(f"{country}00{body}") + body


WORDS = st.sampled_from(_words("jane doe maria smith alex garden river blue hotel orchard bakery"))
CARRIERS = [
    "{}",
    "it is {} thanks",
    "so, {}",
    "Sure. {}. Anything else?",
    "we said {} yesterday at noon",
    "is that {}?",
]


def carried(kind: str) -> st.SearchStrategy[str]:
    """Sentences around data that is called by its kind, before or after."""
    return st.sampled_from(
        [f"my {kind} is {{}} thanks", f"the {kind}, um, let me see, it's {{}}", f"{kind}: {{}}", f"{{}} is my {kind}"]
    )


def _leaks(text: str, digits: str) -> bool:
    """Whether four digits in a row of ``digits`` can be read in ``text``, written or in words."""
    values = {name: str(value) for value, name in enumerate(NAMES)} | {"oh": "0"}
    values |= {name: str(value) for value, name in TEENS.items()} | {name: f"{value}0" for value, name in TENS.items()}
    read = "".join(
        values.get(word, word if word.isdigit() else "|") for word in re.findall(r"\d+|[^\W\d]+|\*", text.lower())
    )
    return any(digits[start : start + 4] in read for start in range(len(digits) - 3))


def _check_masked(carrier: str, said: str, digits: str) -> None:
    masked = REDACTOR.mask(carrier.format(said)).text
    assert MASK in masked
    assert not _leaks(masked, digits)
    assert not re.search(r"\d{2}", masked)
    assert NUMBER_WORDS.isdisjoint(re.findall(r"\w+", masked.lower()))


@given(cards().flatmap(lambda card: st.tuples(st.just(card), spoken(card))), st.sampled_from(CARRIERS))
def test_spoken_cards(card: tuple[str, str], carrier: str) -> None:
    """A card number is masked however it is said, with nothing said around it."""
    _check_masked(carrier, card[1], card[0])


@given(cards().flatmap(lambda card: st.tuples(st.just(card), written(card, (4, 4, 4)))), st.sampled_from(CARRIERS))
def test_written_cards(card: tuple[str, str], carrier: str) -> None:
    """A card number is masked however it is written."""
    _check_masked(carrier, card[1], card[0])


@given(cards().flatmap(misheard).flatmap(lambda card: st.tuples(st.just(card), spoken(card))), carried("card number"))
def test_misheard_cards(card: tuple[str, str], carrier: str) -> None:
    """A card number is masked although a digit was misheard, when it is called a card."""
    _check_masked(carrier, card[1], card[0])


@given(
    cards().flatmap(lambda card: st.integers(7, len(card)).flatmap(lambda size: spoken(card[:size]))), carried("visa")
)
def test_incomplete_cards(said: str, carrier: str) -> None:
    """Seven digits of a card number are masked when it is called a card."""
    assert NUMBER_WORDS.isdisjoint(re.findall(r"\w+", REDACTOR.mask(carrier.format(said)).text.lower()))


@given(
    ssns().flatmap(lambda ssn: st.tuples(st.just(ssn), st.one_of(spoken(ssn), written(ssn, (3, 2))))),
    carried("social security number"),
)
def test_ssns(ssn: tuple[str, str], carrier: str) -> None:
    """A social security number is masked in every form when it is called so."""
    _check_masked(carrier, ssn[1], ssn[0])


@given(
    st.from_regex(r"[2-9]\d{2}[2-9]\d{6}", fullmatch=True, alphabet="0123456789").flatmap(
        lambda phone: st.tuples(st.just(phone), st.one_of(spoken(phone), written(phone, (3, 3))))
    ),
    carried("phone number"),
)
def test_phones(phone: tuple[str, str], carrier: str) -> None:
    """A phone number is masked in every form when it is called so."""
    _check_masked(carrier, phone[1], phone[0])


@given(ibans(), st.sampled_from(["", " "]), st.booleans(), st.sampled_from(CARRIERS))
def test_written_ibans(number: str, separator: str, lower: bool, carrier: str) -> None:
    """An account number is masked as a whole, in groups or not, in upper or lower case."""
    said = separator.join(number[start : start + 4] for start in range(0, len(number), 4))
    masked = REDACTOR.mask(carrier.format(said.lower() if lower else said)).text
    assert masked == carrier.format(MASK)


@given(ibans().flatmap(lambda number: st.tuples(st.just(number), spoken(number[-10:]))), st.sampled_from(CARRIERS))
def test_spoken_ibans(number: tuple[str, str], carrier: str) -> None:
    """An account number is masked as a whole when its letters and digits are spelled."""
    head = " ".join(NAMES[int(char)] if char.isdigit() else char for char in number[0][:-10])
    masked = REDACTOR.mask(carrier.format(f"{head} {number[1]}")).text
    assert masked == carrier.format(MASK)


@given(
    st.lists(WORDS, min_size=1, max_size=3),
    st.sampled_from([("dot", "."), ("underscore", "_"), ("dash", "-"), ("plus", "+")]),
    st.lists(WORDS, min_size=1, max_size=2),
    st.sampled_from(["com", "org", "net", "de", "co dot uk"]),
    st.sampled_from(["{}", "my email is {} thanks", "write to {}, please", "it's {}", "send it to {} today"]),
)
def test_emails(local: list[str], joiner: tuple[str, str], domain: list[str], top: str, carrier: str) -> None:
    """An address is masked as a whole, spelled, written, and in between."""
    spelled = f"{f' {joiner[0]} '.join(local)} at {' dot '.join(domain)} dot {top}"
    plain = f"{joiner[1].join(local)}@{'.'.join(domain)}.{top.replace(' dot ', '.')}"
    for said in (spelled, spelled.title(), plain, plain.replace("@", " at "), plain.replace("@", " @ ")):
        assert REDACTOR.mask(carrier.format(said)).text == carrier.format(MASK)


@given(st.lists(st.sampled_from("abcdefghjklmnopqrstuvwxyz"), min_size=2, max_size=12))
def test_spelled_emails(letters: list[str]) -> None:
    """An address is masked as a whole when its letters are said one by one."""
    assert REDACTOR.mask(f"it's {' '.join(letters)} at gmail dot com ok").text == f"it's {MASK} ok"


@settings(deadline=None)
@given(cards().flatmap(spoken))
def test_captions_never_show_two_digits(said: str) -> None:
    """While a number grows word by word, no caption shows more than its first digit."""
    words = said.split()
    for count in range(1, len(words) + 1):
        shown = REDACTOR.mask_caption("okay it is " + " ".join(words[:count])).text
        read = [word for word in re.findall(r"\d|[^\W\d]+", shown.lower()) if word in NUMBER_WORDS or word.isdigit()]
        assert len(read) <= 1


# --- any text --------------------------------------------------------------------------------------------------------

SPEECH = st.lists(
    st.sampled_from(
        [
            *sorted(NUMBER_WORDS),
            *_words("double triple hundred thousand and um uh card visa social security phone call order number is"),
            *_words("at dot com gmail underscore dash plus j a n e jane doe iban d"),
            *_words("4111 1111 415 555 0100 219 09 12/25/2023 10:30 7,000 4 1 0 jane@example.com"),
            *_words("$ % . , - + @ _ : ( )"),
            *_words("GB29 NWBK 6016 1331 9268 19 **** * it's 1st 4１１ \u200b \ue000"),
        ]
    ),
    max_size=60,
).flatmap(lambda words: st.sampled_from([" ", "", ", "]).map(lambda separator: separator.join(words)))
TEXTS = st.one_of(st.text(), SPEECH)
MARKS = st.lists(
    st.builds(SymblMark, st.sampled_from(["PERSON_NAME", "SSN"]), st.one_of(st.text(max_size=8), SPEECH)), max_size=3
)


def _check_outside(text: str, masked: Masked) -> None:
    """What is not a mask is, piece by piece and in order, what was said."""
    assert masked.findings is not None
    read = place = 0
    for finding in masked.findings:
        assert masked.text[finding.start : finding.end] == MASK
        piece = masked.text[read : finding.start]
        assert text.startswith(piece, place) if read == 0 else piece in text[place:]
        place = text.index(piece, place) + len(piece)
        read = finding.end
    assert text.endswith(masked.text[read:])


@given(TEXTS)
@example("****")
@example("\ue000")
def test_find_on_any_text(text: str) -> None:
    """Spans lie inside of the text, are not empty, are sorted and do not overlap."""
    end = 0
    for span in REDACTOR.find(text):
        assert end <= span.start < span.end <= len(text)
        assert 0 <= span.score <= 1
        end = span.end


@given(TEXTS, MARKS)
def test_mask_is_idempotent(text: str, marks: list[SymblMark]) -> None:
    """Masking twice is the same as masking once, and nothing outside of the masks changes."""
    once = REDACTOR.mask(text, marks)
    _check_outside(text, once)
    assert REDACTOR.mask(once.text, marks) == Masked(once.text, ())


@given(TEXTS, MARKS)
def test_mask_caption_is_idempotent(text: str, marks: list[SymblMark]) -> None:
    """The same holds for captions."""
    once = REDACTOR.mask_caption(text, marks)
    _check_outside(text, once)
    assert REDACTOR.mask_caption(once.text, marks) == Masked(once.text, ())


@given(TEXTS, st.lists(TEXTS, max_size=2))
def test_mask_terms_is_idempotent(text: str, known: list[str]) -> None:
    """The same holds for known secrets."""
    once = REDACTOR.mask_terms(text, known)
    _check_outside(text, once)
    assert REDACTOR.mask_terms(once.text, known) == Masked(once.text, ())


@given(TEXTS, st.sampled_from(["****", "[REDACTED]", "<pii>", "#", "[call my card]"]))
def test_any_mask(text: str, mask: str) -> None:
    """The mask itself never reads as speech, whatever it says."""
    redactor = Redactor(mask)
    once = redactor.mask(text).text
    assert redactor.mask(once).text == once


@given(TEXTS)
def test_masks_follow_find(text: str) -> None:
    """Without marks, there is one mask per span, of the span's type."""
    findings = REDACTOR.mask(text).findings
    assert findings is not None
    assert [finding.type for finding in findings] == [span.type for span in REDACTOR.find(text)]


NASTY = [
    "1 " * 500,
    "one " * 250,
    "a." * 500,
    "a dot " * 170,
    "a at " * 200,
    "a at b dot com " * 70,
    "j " * 500,
    "@" * 1000,
    "a@" * 500,
    "a@b." * 250,
    "-" * 1000,
    "1-" * 500,
    "+1 " * 330,
    "(415) " * 170,
    "1,000," * 170,
    "12/25/" * 170,
    "GB29 " * 200,
    "d e 8 9 " * 120,
    "card " * 200,
    "card one two three four five six seven " * 25,
    "social " * 140,
    "order number is " * 60,
    "double " * 140,
    "twenty " * 140,
    "\ue000" * 1000,
    "*" * 1000,
    "x" * 1000,
    "٣" * 1000,
]


@pytest.mark.parametrize("text", NASTY, ids=lambda text: text[:12].encode("unicode_escape").decode())
def test_time_is_bounded(text: str) -> None:
    """No text is slow. The bound is generous: it tells an explosion from hard work."""
    started = time.process_time()
    REDACTOR.mask_caption(text * 4)
    REDACTOR.mask_terms(text * 4, [text])
    assert time.process_time() - started < 10


@settings(max_examples=30, deadline=None)
@given(st.text("1234567890 -+().@/,:$", min_size=200, max_size=1000))
def test_time_of_punctuated_digits_is_bounded(text: str) -> None:
    """Neither is any mixture of digits and punctuation."""
    started = time.process_time()
    REDACTOR.mask(text)
    assert time.process_time() - started < 10
