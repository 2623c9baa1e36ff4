"""What a speaker has begun waits for how it goes on, and nothing is published that was personal after all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.redaction import Redacted, Redactor, SymblMark
from worker.sessions.holdback import Holdback

SECONDS = 8.0
CALLER, AGENT = ("0", ""), ("1", "")
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SAID_BEFORE = ("my card number is", "sure, my social security number is", "my phone number is", "the account number is")
SAID_BETWEEN = ("mm-hm", "go on", "okay", "how can I help you today?", "one moment please")
NUMBER_WORD = re.compile(r"\b(?:" + "|".join(DIGITS) + r")\b|\d")


@dataclass
class Desk:
    """A holdback, a clock, and what it published."""

    seconds: float = SECONDS
    now: float = 0.0
    said: list[tuple[float, object, Redacted, bool]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.holdback = Holdback(Redactor(), self.seconds, self.waits.append)
        self.heard_at: list[float] = []

    def hear(self, text: str, speaker: tuple[str, str] = CALLER, marks: tuple[SymblMark, ...] = ()) -> None:
        number = len(self.heard_at)
        self.heard_at.append(self.now)
        self.holdback.message(
            speaker, text, marks, lambda redacted, is_cut: self.said.append((self.now, number, redacted, is_cut))
        )
        self.holdback.tick(self.now)

    def wait(self, seconds: float) -> None:
        """Time passes, as the deadlines want it."""
        end = self.now + seconds
        while (due := self.holdback.deadline) is not None and due <= end:
            self.now = max(self.now, due)
            self.holdback.tick(self.now)
        self.now = end
        self.holdback.tick(end)

    @property
    def texts(self) -> list[str]:
        return [redacted.masked.text for _, _, redacted, _ in self.said]


def test_a_number_in_two_messages_is_masked_in_both() -> None:
    """The first waits for the second, the listener's word between them waits too, and then all come in order."""
    desk = Desk()
    desk.hear("my card number is four one one one, one one one one")
    desk.wait(2)
    desk.hear("mm-hm", AGENT)
    assert desk.texts == []
    desk.wait(2)
    desk.hear("one one one one, one one one one. Thanks!")
    assert desk.texts == ["my card number is ****", "mm-hm", "****. Thanks!"]
    assert [is_cut for _, _, _, is_cut in desk.said] == [False, False, False]
    assert desk.waits == [4.0, 2.0]


def test_what_is_not_personal_after_all_stays_readable() -> None:
    """A number that goes on as something harmless is not masked."""
    desk = Desk()
    desk.hear("we sold four five six")
    desk.wait(1)
    desk.hear("thousand boxes last year.")
    assert not NUMBER_WORD.search(desk.texts[0]) or desk.texts[0].endswith("four five six")
    assert desk.texts[1] == "thousand boxes last year."


def test_nobody_waits_longer_than_the_time() -> None:
    """When nobody goes on in time the end is masked in doubt, and so is the rest when it comes after all."""
    desk = Desk()
    desk.hear("my card number is four one one one")
    desk.hear("good morning", AGENT)
    desk.wait(SECONDS)
    assert desk.texts == ["my card number is ****", "good morning"]
    assert [is_cut for _, _, _, is_cut in desk.said] == [True, False]
    desk.wait(60)
    desk.hear("okay")
    desk.hear("one one one one one one one one one one one one")
    desk.wait(SECONDS)
    assert desk.texts[2:] == ["okay", "****"]


def test_the_next_owner_knows_what_was_cut() -> None:
    """What was masked in doubt under an earlier owner may go on under this one."""
    said: list[str] = []
    holdback = Holdback(Redactor(), SECONDS, print, cut=[CALLER])
    holdback.message(CALLER, "one one one, and that's it", (), lambda redacted, _: said.append(redacted.masked.text))
    assert said == ["****, and that's it"]


def test_nothing_waits_without_a_hold() -> None:
    """With no time to wait, ends are masked in doubt at once."""
    desk = Desk(seconds=0.0)
    desk.hear("my card number is four one one one")
    assert desk.texts == ["my card number is ****"]


def test_everything_else_keeps_its_order() -> None:
    """What comes behind a message that waits comes behind it."""
    desk = Desk()
    order: list[str] = []
    desk.holdback.after(lambda: order.append("first"))
    desk.holdback.message(CALLER, "my pin is", (), lambda *_: order.append("message"))
    desk.holdback.after(lambda: order.append("insight"))
    assert order == ["first"]
    desk.holdback.release()
    assert order == ["first", "message", "insight"]
    assert desk.holdback.deadline is None


def test_without_redaction_nothing_waits() -> None:
    """What is not masked has nothing to wait for."""
    said: list[Redacted] = []
    Holdback(None, SECONDS, print).message(
        CALLER, "my card is four one one", (), lambda redacted, _: said.append(redacted)
    )
    assert [each.masked.findings for each in said] == [None]


@pytest.mark.parametrize("broken", ["redact", "is_open"])
def test_a_bug_shows_nothing_and_stops_nobody(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the detectors fail, the message is masked as a whole, and what waits behind it goes on."""
    redactor = Redactor()

    def fail(*_: object, **__: object) -> object:
        raise ZeroDivisionError

    said: list[str] = []
    holdback = Holdback(redactor, SECONDS, print)
    monkeypatch.setattr(redactor, broken, fail)
    with pytest.raises(ZeroDivisionError):
        holdback.message(
            CALLER, "it is ines@example.com, thanks", (), lambda redacted, _: said.append(redacted.masked.text)
        )
    holdback.after(lambda: said.append("insight"))
    if broken == "is_open":
        monkeypatch.undo()
    holdback.release()
    assert said[0] in ("****", "it is ****, thanks")
    assert said[1] == "insight"


def test_a_bug_in_a_listeners_word_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what only stands between the pieces of something is masked as a whole then, and is not waited for."""
    redactor = Redactor()
    said: list[str] = []
    holdback = Holdback(redactor, SECONDS, print)
    holdback.message(CALLER, "my pin is", (), lambda redacted, _: said.append(redacted.masked.text))
    with monkeypatch.context() as patch:
        patch.setattr(redactor, "redact", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            holdback.message(CALLER, "okay", (), lambda redacted, _: said.append(redacted.masked.text))
    holdback.after(lambda: said.append("insight"))
    holdback.release()
    assert said == ["my pin is", "****", "insight"]


@given(data=st.data())
def test_nothing_of_a_number_is_ever_shown(data: st.DataObject) -> None:
    """However a number is cut into messages, whoever speaks between them and however long it takes, no digit of it is
    shown; everything is published once, in order, and in time."""
    desk = Desk()
    intro = data.draw(st.sampled_from(SAID_BEFORE))
    numbers = {
        SAID_BEFORE[0]: "4111111111111111",
        SAID_BEFORE[1]: "536221234",
        SAID_BEFORE[2]: "4155550132",
        SAID_BEFORE[3]: "000123456789",
    }[intro]
    words = [DIGITS[int(each)] for each in numbers]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(words)), max_size=4)))
    parts = [words[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(words)], strict=True)]
    texts = [" ".join(part) for part in parts]
    texts[0] = f"{intro} {texts[0]}".strip()
    texts[-1] = f"{texts[-1]}. Have a nice day."
    heard = 0
    for text in texts:
        if not text:
            continue
        desk.hear(text)
        heard += 1
        for _ in range(data.draw(st.integers(0, 2))):
            desk.hear(data.draw(st.sampled_from(SAID_BETWEEN)), AGENT)
            heard += 1
        desk.wait(data.draw(st.sampled_from([0.0, 1.0, 3.0, 7.9, 8.1, 60.0])))
    desk.wait(SECONDS)
    assert [number for _, number, _, _ in desk.said] == list(range(heard))
    for said_at, number, _, _ in desk.said:
        assert isinstance(number, int)
        assert said_at <= desk.heard_at[number] + SECONDS
    shown = [text for text in desk.texts if text not in SAID_BETWEEN and NUMBER_WORD.search(text)]
    assert not shown
