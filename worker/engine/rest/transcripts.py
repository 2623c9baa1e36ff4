"""Transcripts as Markdown and as subtitles (SRT). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.engine.rest.problems import Problem
from worker.engine.rest.spoken import SpokenMessage

MARKDOWN = "text/markdown"
SRT = "text/srt"

_PARAGRAPH = "<br/><br/>"
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Without the backslash, a mask such as **** or a name such as a_b_c would be read as emphasis.
_MARKUP = re.compile(r"[&<>\\`*_~\[\]]")


@dataclass(frozen=True, slots=True)
class TranscriptRequest:
    """What a transcript should look like."""

    content_type: str
    paragraphs: bool = False
    speakers: bool = False


def parse_transcript_request(body: object) -> TranscriptRequest | Problem:
    """Reads the body of ``POST …/transcript``. ``phrases`` is accepted; there are no key phrases to be marked."""
    if not isinstance(body, dict):
        return Problem(400, "The body must be a JSON object.")
    content_type = body.get("contentType")
    if content_type not in (MARKDOWN, SRT):
        return Problem(400, f'"contentType" must be one of {MARKDOWN}, {SRT}.')
    flags = {}
    for key in ("createParagraphs", "showSpeakerSeparation"):
        flags[key] = body.get(key, False)
        if not isinstance(flags[key], bool):
            return Problem(400, f'"{key}" must be a boolean.')
    if not isinstance(body.get("phrases", {}), dict):
        return Problem(400, '"phrases" must be an object.')
    return TranscriptRequest(
        content_type, paragraphs=flags["createParagraphs"], speakers=flags["showSpeakerSeparation"]
    )


def transcript_of(messages: Sequence[SpokenMessage], request: TranscriptRequest) -> Mapping[str, Any]:
    """The answer. The payload is a text in both formats, as the Go SDK reads it."""
    write = markdown if request.content_type == MARKDOWN else srt
    return {"transcript": {"payload": write(messages, request), "contentType": request.content_type}}


def markdown(messages: Sequence[SpokenMessage], request: TranscriptRequest) -> str:
    """One paragraph per message, or one text without a break."""
    labels = _labels(messages) if request.speakers else {}
    lines = [_marked_down(_line(message, labels)) for message in messages]
    return "".join(line + _PARAGRAPH for line in lines) if request.paragraphs else " ".join(lines)


def srt(messages: Sequence[SpokenMessage], request: TranscriptRequest) -> str:
    """One cue per message; times count from the first one. Cues begin in order, and overlap where speakers did."""
    labels = _labels(messages) if request.speakers else {}
    begin = messages[0].start_ms if messages else 0
    cues = [
        f"{number}\n{_clock(message.start_ms - begin)} --> {_clock(message.end_ms - begin)}\n{_cue(message, labels)}"
        for number, message in enumerate(messages, 1)
    ]
    return "\n\n".join(cues)


def _labels(messages: Sequence[SpokenMessage]) -> Mapping[str, str]:
    """What speakers are called: by name, else by number in the order in which they first spoke."""
    labels: dict[str, str] = {}
    for message in messages:
        speaker = message.speaker
        labels.setdefault(speaker.id, speaker.name or f"Speaker {len(labels) + 1}")
    return labels


def _line(message: SpokenMessage, labels: Mapping[str, str]) -> str:
    label = labels.get(message.speaker.id)
    return message.text if label is None else f"{label}: {message.text}"


def _marked_down(text: str) -> str:
    return _MARKUP.sub(lambda match: _HTML.get(match[0], "\\" + match[0]), text)


def _cue(message: SpokenMessage, labels: Mapping[str, str]) -> str:
    # An empty line ends a cue and an arrow looks like its times.
    return " ".join(_line(message, labels).split()).replace("-->", "->") or "-"


def _clock(milliseconds: int) -> str:
    seconds, millis = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},{millis:03d}"
