"""One search over one or more messages: what detectors and marks find until nothing more is left."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from worker.records import FindingSource
from worker.redaction import names
from worker.redaction.reading import Reading
from worker.redaction.spans import PERSON_NAME, Span, SymblMark, merge
from worker.redaction.tokens import BLANK

Detect: TypeAlias = Callable[[Reading], Iterable[Span]]

_PUNCTUATION: Final = " \t\r\n.,;:!?…-–—"
"""What a recogniser ends or begins a message with although the speaker goes on."""


@dataclass(slots=True)
class Found:
    """Spans by who found them, places in all messages with one character between each two."""

    worker: tuple[Span, ...] = ()
    """Sorted, without overlaps, as ``symbl``; none reaches from one message to another."""
    symbl: tuple[Span, ...] = ()
    marked: tuple[Span, ...] = ()
    """Every place of every mark."""
    across: tuple[Span, ...] = ()
    """What was found over several messages, whole."""

    def source(self, span: Span) -> FindingSource:
        """Who found what ``span`` covers."""
        if not any(within(self.symbl, span.start, span.end)):
            return "worker"
        return "both" if any(within(self.worker, span.start, span.end)) else "symbl"


class Messages:
    """Messages of one speaker, one after the other."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.text = " ".join(texts)
        self.places: list[tuple[int, int]] = []
        """Start and end of every message in ``text``."""
        self._cores: list[tuple[int, int]] = []
        """The same without punctuation where two messages meet."""
        start = 0
        for index, text in enumerate(texts):
            end = start + len(text)
            core = text if index == len(texts) - 1 else text.rstrip(_PUNCTUATION)
            core_end = start + len(core)
            self.places.append((start, end))
            self._cores.append((start if index == 0 else core_end - len(core.lstrip(_PUNCTUATION)), core_end))
            start = end + 1

    def __repr__(self) -> str:
        return f"<Messages: {len(self.places)}>"

    def as_one(self, text: str) -> str:
        """``text``, which is as long as all messages, with blanks for punctuation where two of them meet: a number that
        goes on does not end there."""
        pieces: list[str] = []
        read = 0
        for start, end in self._cores:
            pieces += " " * (start - read), text[start:end]
            read = end
        return "".join(pieces)

    def clip(self, spans: Iterable[Span]) -> Iterator[Span]:
        """The parts of ``spans`` in each message."""
        for span in spans:
            for start, end in self._cores:
                if span.start < end and start < span.end:
                    yield Span(span.type, max(span.start, start), min(span.end, end), span.score)


def search(
    messages: Messages,
    blank: str,
    marks: Sequence[Sequence[SymblMark]],
    detect: Callable[[Reading, bool, bool], Iterable[Span]],
    region: str,
) -> Found:
    """What detectors and marks find, until masking it leaves nothing more to find.

    Masking one number may leave another standing alone or closer to its cue. Going on until nothing is left is what
    makes masking twice the same as masking once.

    Args:
        blank: the text of ``messages`` with `BLANK` for what is masked already.
        marks: for each message; empty when there are none.
        detect: what the detectors find in a reading; told whether it is the first message's or begins with it, and
            whether it is the last message's or ends with it.
    """
    patterns = [[(mark.type, _pattern(mark.value)) for mark in each if mark.value.strip()] for each in marks]
    found = Found()
    last = len(messages.places) - 1
    seen: set[tuple[int, str]] = set()
    while True:
        worker: list[Span] = []
        symbl: list[Span] = []
        for index, (start, end) in enumerate(messages.places):
            text = blank[start:end]
            if (index, text) in seen:
                continue  # Nothing was found in it.
            seen.add((index, text))
            reading = Reading(text, region)
            worker += _moved(_visible(text, detect(reading, index == 0, index == last)), start)
            if marks:
                hits = (Span(kind, *hit.span()) for kind, pattern in patterns[index] for hit in pattern(text))
                marked = _visible(text, hits)
                worker += _moved(_surnames(reading, marked), start)
                symbl += _moved(marked, start)
        if last > 0:
            whole = messages.as_one(blank)
            spans = _visible(whole, detect(Reading(whole, region), True, True))
            worker += _visible(whole, messages.clip(spans))
            over = (
                span
                for span in spans
                if not any(start <= span.start and span.end <= end for start, end in messages.places)
            )
            found.across = merge((*found.across, *over))
        if not worker and not symbl:
            return found
        found.worker = merge((*found.worker, *worker))
        found.symbl = merge((*found.symbl, *symbl))
        found.marked += tuple(symbl)
        blank = _blank(blank, (*worker, *symbl))


def within(spans: Sequence[Span], start: int, end: int) -> Iterator[Span]:
    """Those of the sorted ``spans`` that share a character with ``[start, end)``."""
    index = bisect_left(spans, start, key=lambda span: span.end)
    for span in spans[index:]:
        if span.start >= end:
            return
        if span.end > start:
            yield span


def _surnames(reading: Reading, marked: Iterable[Span]) -> Iterator[Span]:
    """First names that Symbl marked, where a surname stands behind them that it did not mark."""
    for span in marked:
        if span.type.upper() == PERSON_NAME and (whole := names.extended(reading, span)) != span:
            yield whole


def _moved(spans: Iterable[Span], by: int) -> Iterable[Span]:
    if by == 0:
        return spans
    return (Span(span.type, span.start + by, span.end + by, span.score) for span in spans)


def _visible(text: str, spans: Iterable[Span]) -> tuple[Span, ...]:
    """The spans with anything in them that is not masked already."""
    return tuple(span for span in spans if text[span.start : span.end].strip(BLANK))


def _blank(text: str, spans: Iterable[Span]) -> str:
    pieces: list[str] = []
    read = 0
    for span in merge(spans):
        pieces += text[read : span.start], BLANK * (span.end - span.start)
        read = span.end
    return "".join((*pieces, text[read:]))


def _pattern(value: str) -> Callable[[str], Iterator[re.Match[str]]]:
    """Finds ``value`` in any case and spacing, but no part of a longer word."""
    escaped = r"\s+".join(re.escape(word) for word in value.split())
    before = r"(?<![^\W\d_])" if value.strip()[0].isalpha() else ""
    after = r"(?![^\W\d_])" if value.strip()[-1].isalpha() else ""
    return re.compile(before + escaped + after, re.IGNORECASE).finditer
