"""What captions show of a sentence that grows."""

from __future__ import annotations

import re

import orjson
import pytest
from hypothesis import given

from tests.bench.redaction.corpus import PARTS, generate
from tests.bench.redaction.texts import FORMS
from tests.strategies import masked
from tests.unit.sessions.world import keep_in
from worker.app import _conversation_policy
from worker.config import load_settings
from worker.records import Caption, Coordinates, InputRecord, Masked
from worker.redaction import Redactor
from worker.sessions.captions import HELD_BACK_WORDS, CaptionWriter, held_back
from worker.sessions.lane import Lane
from worker.sessions.session import Session


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


class Call:
    """One conversation of a deployment with these settings, whose host says what the test says."""

    def __init__(self, **settings: str) -> None:
        self.captions: list[Caption] = []
        self._sessions: list[Session] = []
        policy = _conversation_policy(load_settings({"CAPTIONS__MODE": "all", **settings}))
        self._lane = Lane(topic="audio", partition=0, position=0, policy=policy, on_session=keep_in(self._sessions))
        self._lane.book.on_caption = self.captions.append
        self._offset = 0

    def start(self, value: bytes = b"{}") -> None:
        self._receive(value, ("event", b"start"))
        if not self._sessions[0].is_listening:
            self._sessions[0].connection_opened(0.0)
            self._hear({"type": "recognition_started", "data": {"conversationId": "1"}})

    def hear(self, text: str) -> tuple[str, str]:
        """The caption of an interim result."""
        self._receive(bytes(32_000))
        self._sessions[0].take_frames(0.0)
        self._hear({"type": "recognition_result", "isFinal": False, "punctuated": {"transcript": text}})
        return self.captions[-1].text, self.captions[-1].redaction

    def _receive(self, value: bytes, *headers: tuple[str, bytes]) -> None:
        coordinates = Coordinates("audio", 0, self._offset, 0)
        self._offset += 1
        self._lane.receive(InputRecord(coordinates=coordinates, key=b"call", value=value, headers=headers), 0.0)

    def _hear(self, message: dict[str, object]) -> None:
        self._sessions[0].receive_frame(orjson.dumps({"type": "message", "message": message}), 0.0)
        self._sessions[0].tick(0.0)


CLEAR = {"CAPTIONS__TEXT": "clear"}
SAID = "this is Jane Miller again"
MASKED, SHOWN = ("this is ****", "masked"), (SAID, "off")


@pytest.mark.parametrize(
    ("settings", "start", "caption"),
    [
        ({}, b"{}", MASKED),
        (CLEAR, b"{}", SHOWN),
        (CLEAR, b'{"redaction": {"enabled": false}}', SHOWN),
        (CLEAR, b'{"redaction": {"enabled": true}}', MASKED),
        (CLEAR | {"REDACTION__ENABLED": "false"}, b'{"redaction": {"enabled": true}}', MASKED),
        ({"REDACTION__ENABLED": "false"}, b"{}", SHOWN),
    ],
)
def test_captions_are_clear_only_when_that_was_asked_for_by_name(
    settings: dict[str, str], start: bytes, caption: tuple[str, str]
) -> None:
    """A deployment may show captions as they come, or have no redaction at all; a start only makes that stricter."""
    call = Call(**settings)
    call.start(start)
    assert call.hear(SAID) == caption


def test_speakers_of_captions_can_be_masked() -> None:
    """When names of speakers are to be masked, captions have none either."""
    for setting, name in (("false", "Ada Byron"), ("true", "****")):
        call = Call(REDACTION__SPEAKERS=setting)
        call.start(b'{"speaker": {"name": "Ada Byron"}}')
        call.hear(SAID)
        speaker = call.captions[-1].speaker
        assert speaker is not None
        assert speaker.name == name


def test_a_later_start_masks_from_there() -> None:
    """Redaction that is asked for in the middle of a conversation holds for its captions from there on."""
    call = Call(**CLEAR)
    call.start()
    assert call.hear(SAID) == SHOWN
    call.start(b'{"redaction": {"enabled": true}}')
    assert call.hear(SAID) == MASKED
    call.start(b'{"redaction": {"enabled": false}}')
    assert call.hear(SAID) == MASKED
