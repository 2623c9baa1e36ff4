"""Transcripts as subtitles and Markdown."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.rest.conversations import CALL, keep
from worker.engine.rest.problems import Problem
from worker.engine.rest.spoken import SpokenMessage
from worker.engine.rest.transcripts import MARKDOWN, SRT, TranscriptRequest, markdown, parse_transcript_request, srt
from worker.engine.store.model import MemberRecord

TIME = r"(\d{2,}):([0-5]\d):([0-5]\d),(\d{3})"
CUE = re.compile(rf"(\d+)\n{TIME} --> {TIME}\n(.+)")
SPOKEN = st.lists(
    st.builds(
        lambda start, length, text, name: SpokenMessage(
            id="m",
            text=text,
            speaker=MemberRecord(id=name or "?", name=name or None),
            start_ms=start,
            end_ms=start + length,
            body={},
        ),
        st.integers(0, 400_000_000),
        st.integers(0, 60_000),
        st.one_of(st.text(max_size=20), st.sampled_from(["a\n\nb", "1\n00:00:00,000 --> 00:00:01,000\nx", "-->"])),
        st.sampled_from(["", "Ines", "O\nmar"]),
    ),
    max_size=12,
).map(lambda messages: sorted(messages, key=lambda message: message.start_ms))


def milliseconds(hours: str, minutes: str, seconds: str, millis: str) -> int:
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(millis)


def read_srt(text: str) -> list[tuple[int, int, int, str]]:
    """Number, start, end and text of each cue; fails on anything else."""
    cues = []
    for block in text.split("\n\n") if text else []:
        match = CUE.fullmatch(block)
        assert match is not None, block
        groups = match.groups()
        cues.append((int(groups[0]), milliseconds(*groups[1:5]), milliseconds(*groups[5:9]), groups[9]))
    return cues


@given(SPOKEN, st.booleans())
def test_subtitles_can_be_read(messages: list[SpokenMessage], speakers: bool) -> None:
    """One cue per message, numbered from 1, beginning at 0 and in order, none ending before it began, whatever is
    said."""
    cues = read_srt(srt(messages, TranscriptRequest(SRT, speakers=speakers)))
    assert [cue[0] for cue in cues] == list(range(1, len(messages) + 1))
    starts = [cue[1] for cue in cues]
    assert starts == sorted(starts)
    assert starts[:1] in ([], [0])
    for (_, start, end, _), message in zip(cues, messages, strict=True):
        assert end - start == message.end_ms - message.start_ms
        assert start == message.start_ms - messages[0].start_ms


def test_subtitles() -> None:
    """Times count from the first sentence; names are there when they are wanted."""
    text = srt(CALL.spoken[:2], TranscriptRequest(SRT, speakers=True))
    assert text == (
        "1\n00:00:00,000 --> 00:00:03,000\nInes: Good morning this is Ines from the billing team\n\n"
        "2\n00:00:03,500 --> 00:00:06,500\nOmar: What is the price of the annual subscription?"
    )
    assert "Ines:" not in srt(CALL.spoken, TranscriptRequest(SRT))


def test_markdown() -> None:
    """Paragraphs end with two line breaks, as in the documentation's samples; without them there is no break at all."""
    messages = CALL.spoken[:2]
    first, second = (message.text for message in messages)
    assert markdown(messages, TranscriptRequest(MARKDOWN)) == f"{first} {second}"
    assert markdown(messages, TranscriptRequest(MARKDOWN, paragraphs=True)) == f"{first}<br/><br/>{second}<br/><br/>"
    assert (
        markdown(messages, TranscriptRequest(MARKDOWN, paragraphs=True, speakers=True))
        == f"Ines: {first}<br/><br/>Omar: {second}<br/><br/>"
    )
    assert markdown([], TranscriptRequest(MARKDOWN)) == ""


def test_speakers_without_a_name() -> None:
    """They are numbered in the order in which they first spoke."""
    messages = [
        SpokenMessage(id=key, text=key, speaker=MemberRecord(id=who), start_ms=0, end_ms=1, body={})
        for key, who in (("a", "x"), ("b", "y"), ("c", "x"))
    ]
    assert markdown(messages, TranscriptRequest(MARKDOWN, speakers=True)) == "Speaker 1: a Speaker 2: b Speaker 1: c"


def test_markdown_is_no_markup() -> None:
    """What was said cannot become tags or emphasis: a mask stays visible."""
    kept = keep([("<b>Eve</b>", 0.0, 1.0, "my_code_is **** & <script>")])
    text = markdown(kept.spoken, TranscriptRequest(MARKDOWN, speakers=True))
    assert text == r"&lt;b&gt;Eve&lt;/b&gt;: my\_code\_is \*\*\*\* &amp; &lt;script&gt;"


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"contentType": "text/plain"},
        {"contentType": ["text/srt"]},
        {"contentType": SRT, "showSpeakerSeparation": "yes"},
        {"contentType": MARKDOWN, "createParagraphs": None},
        {"contentType": MARKDOWN, "phrases": []},
    ],
)
def test_unusable_requests(body: Any) -> None:
    """They are refused with 400 and a text."""
    problem = parse_transcript_request(body)
    assert isinstance(problem, Problem)
    assert problem.status == 400
    assert problem.message


def test_requests() -> None:
    """The documented members are read; the Go SDK sends all of them."""
    body = {
        "contentType": MARKDOWN,
        "phrases": {"highlightOnlyInsightKeyPhrases": True, "highlightAllKeyPhrases": True},
        "createParagraphs": True,
        "showSpeakerSeparation": True,
    }
    assert parse_transcript_request(body) == TranscriptRequest(MARKDOWN, paragraphs=True, speakers=True)
    assert parse_transcript_request({"contentType": SRT}) == TranscriptRequest(SRT)
