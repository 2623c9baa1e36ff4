"""Masking: what the worker finds itself, together with what Symbl marked."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from worker.records import Finding, FindingSource, Masked
from worker.redaction import names
from worker.redaction.custom import Custom, CustomDetector
from worker.redaction.detectors import DEFAULT_TYPES, FAMILIES, THRESHOLDS, TYPES, Detector, find_beginnings
from worker.redaction.reading import HOME_REGION, Reading
from worker.redaction.repeats import Secrets
from worker.redaction.spans import PERSON_NAME, Span, SymblMark, merge
from worker.redaction.tokens import BLANK

MASK_EDGES: Final = frozenset("*#[]<>{}█•")
MAX_MASK_CHARS: Final = 16


class Redactor:
    """Finds and masks personal data in one text at a time. Stateless; safe to share.

    Args:
        mask: What takes the place of personal data: 1 to 16 characters without digits and "@", with one of
            ``*#[]<>{}█•`` at both ends, so that it is told apart from speech.
        detectors: Own detectors instead of those of ``types``.
        types: What to look for, of `TYPES`.
        thresholds: The least score from which a finding counts, by type, from 0 to 1. `THRESHOLDS` for all others.
        custom: What a deployment looks for besides.
        region: Two capital letters: where a phone number without a country code belongs.

    Raises:
        ValueError: The mask cannot be told apart from speech, or a type or threshold is none.
    """

    def __init__(
        self,
        mask: str = "****",
        detectors: Sequence[Detector] | None = None,
        *,
        types: Collection[str] = DEFAULT_TYPES,
        thresholds: Mapping[str, float] | None = None,
        custom: Sequence[Custom] = (),
        region: str = HOME_REGION,
    ) -> None:
        if not 1 <= len(mask) <= MAX_MASK_CHARS:
            raise ValueError(f"a mask has 1 to {MAX_MASK_CHARS} characters")
        if mask[0] not in MASK_EDGES or mask[-1] not in MASK_EDGES or re.search(r"[\d@]", mask):
            raise ValueError(f"a mask begins and ends with one of {''.join(sorted(MASK_EDGES))}, without digits and @")
        if not TYPES.issuperset(types) or not TYPES.issuperset(thresholds or ()):
            raise ValueError(f"the types are {', '.join(sorted(TYPES))}")
        self._mask = mask
        self._region = region
        self._thresholds = THRESHOLDS | dict(thresholds or {})
        if not all(0 <= least <= 1 for least in self._thresholds.values()):
            raise ValueError("a threshold lies between 0 and 1")
        if detectors is None:
            detectors = [family.detect for family in FAMILIES if family.type in types]
        self._detectors: tuple[Detector, ...] = (*detectors, *map(CustomDetector, custom))

    def __repr__(self) -> str:
        return f"<Redactor with {len(self._detectors)} detectors>"

    def find(self, text: str) -> tuple[Span, ...]:
        """Personal data in ``text``: sorted, without overlaps."""
        return self._find(text, (), self._detectors).worker

    def mask(self, text: str, marks: Sequence[SymblMark] = ()) -> Masked:
        """``text`` with personal data masked. What is masked already stays as it is."""
        return self._mask_with(text, marks, self._detectors)

    def mask_caption(self, text: str, marks: Sequence[SymblMark] = ()) -> Masked:
        """Like `mask`, for interim text: masks also what may become personal data when the text goes on."""
        return self._mask_with(text, marks, (*self._detectors, find_beginnings))

    def mask_terms(self, text: str, known: Sequence[str], marks: Sequence[SymblMark] = ()) -> Masked:
        """Like `mask`, and masks also every part of the ``known`` secrets, in whichever form they were said.

        A part is at least two words and four characters in a row, one word of four letters, or four digits in a row.
        """
        return self._mask_with(text, marks, (*self._detectors, Secrets(known).find))

    def mask_whole(self, text: str) -> Masked:
        """The mask in place of ``text``, where nobody can tell any more what is personal in it."""
        if not text.strip():
            return Masked(text, ())
        return Masked(self._mask, (Finding("unknown", 0, len(self._mask), "worker"),))

    def _detect(self, reading: Reading, detectors: Sequence[Detector]) -> Iterator[Span]:
        """Findings that are sure enough for their type."""
        found = chain.from_iterable(detector(reading) for detector in detectors)
        return (span for span in found if span.score >= self._thresholds.get(span.type, 0.0))

    def _mask_with(self, text: str, marks: Sequence[SymblMark], detectors: Sequence[Detector]) -> Masked:
        return self._replace(text, self._find(text, marks, detectors))

    def _find(self, text: str, marks: Sequence[SymblMark], detectors: Sequence[Detector]) -> _Found:
        """What the detectors and the marks find, until masking it leaves nothing more to find.

        Masking one number may leave another standing alone or closer to its cue. Going on until nothing is left is
        what makes masking twice the same as masking once.
        """
        patterns = [(mark.type, _pattern(mark.value)) for mark in marks if mark.value.strip()]
        blank = text.replace(self._mask, BLANK * len(self._mask))
        worker: tuple[Span, ...] = ()
        symbl: tuple[Span, ...] = ()
        while True:
            reading = Reading(blank, self._region)
            by_worker = _visible(blank, self._detect(reading, detectors))
            by_symbl = _visible(blank, (Span(kind, *hit.span()) for kind, find in patterns for hit in find(blank)))
            by_worker += tuple(_surnames(reading, by_symbl))
            if not by_worker and not by_symbl:
                return _Found(worker, symbl)
            worker = merge((*worker, *by_worker))
            symbl = merge((*symbl, *by_symbl))
            blank = _blank(blank, (*by_worker, *by_symbl))

    def _replace(self, text: str, found: _Found) -> Masked:
        pieces: list[str] = []
        findings: list[Finding] = []
        read = written = 0
        for span in merge((*found.worker, *found.symbl)):
            pieces += text[read : span.start], self._mask
            start = written + span.start - read
            read, written = span.end, start + len(self._mask)
            findings.append(Finding(span.type, start, written, found.source(span)))
        return Masked("".join((*pieces, text[read:])), tuple(findings))


@dataclass(frozen=True, slots=True)
class _Found:
    """Spans by who found them; each sorted, without overlaps."""

    worker: tuple[Span, ...]
    symbl: tuple[Span, ...]

    def source(self, span: Span) -> FindingSource:
        """Who found what ``span`` covers."""
        if not _touches(self.symbl, span):
            return "worker"
        return "both" if _touches(self.worker, span) else "symbl"


def _touches(spans: Sequence[Span], place: Span) -> bool:
    """Whether one of the sorted ``spans`` shares a character with ``place``."""
    index = bisect_left(spans, place.end, key=lambda span: span.start)
    return index > 0 and spans[index - 1].end > place.start


def _surnames(reading: Reading, marked: Iterable[Span]) -> Iterator[Span]:
    """First names that Symbl marked, where a surname stands behind them that it did not mark."""
    for span in marked:
        if span.type.upper() == PERSON_NAME and (whole := names.extended(reading, span)) != span:
            yield whole


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
