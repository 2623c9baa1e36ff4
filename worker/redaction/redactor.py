"""Masking: what the worker finds itself, together with what Symbl marked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

from worker.records import Finding, Masked
from worker.redaction.custom import Custom, CustomDetector
from worker.redaction.detectors import DEFAULT_TYPES, FAMILIES, THRESHOLDS, TYPES, Detector, find_beginnings
from worker.redaction.reading import HOME_REGION, Reading
from worker.redaction.repeats import Secrets
from worker.redaction.search import Found, Messages, search, within
from worker.redaction.spans import Span, SymblMark, merge
from worker.redaction.tokens import BLANK

MASK_EDGES: Final = frozenset("*#[]<>{}█•")
MAX_MASK_CHARS: Final = 16


class Redacted(NamedTuple):
    """A message after redaction, and what was masked in it."""

    masked: Masked
    values: tuple[SymblMark, ...]
    """Types and exact clear texts of what was masked, of the marks found in it, and of the whole where it is a part of
    something that goes on in another message: what is made from the message is masked alike."""


class Redactor:
    """Finds and masks personal data in what was said. Stateless; safe to share.

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
        return self._search(Messages((text,)), ()).worker

    def redact(
        self,
        texts: Sequence[str],
        marks: Sequence[Sequence[SymblMark]] = (),
        *,
        goes_on: bool = False,
        leaves_open: bool = False,
    ) -> tuple[Redacted, ...]:
        """Messages of one speaker, one after the other, each masked by itself and also as if they were one text.

        Args:
            marks: what the host marked in each of them; empty when it marked nothing in any.
            goes_on: an earlier message left something open that was masked in doubt. What may be its rest at the
                beginning of the first text is masked, too.
            leaves_open: nobody waits for how it goes on. What may have begun at the end of the last text is masked in
                doubt.
        """
        messages = Messages(texts)
        found = self._search(messages, marks, first=_rest if goes_on else None, last=_open_end if leaves_open else None)
        return tuple(self._redacted(messages.text, *place, found) for place in messages.places)

    def is_open(self, text: str) -> bool:
        """Whether personal data may have begun at the end of ``text`` and go on in the speaker's next message."""
        return any(True for _ in _open_end(Reading(self._without_masks(text), self._region)))

    def mask(self, text: str, marks: Sequence[SymblMark] = ()) -> Masked:
        """``text`` with personal data masked. What is masked already stays as it is."""
        return self._mask_with(None, text, marks)

    def mask_caption(self, text: str, marks: Sequence[SymblMark] = ()) -> Masked:
        """Like `mask`, for interim text: masks also what may become personal data when the text goes on."""
        return self._mask_with(find_beginnings, text, marks)

    def mask_terms(self, text: str, known: Sequence[str], marks: Sequence[SymblMark] = ()) -> Masked:
        """Like `mask`, and masks also every part of the ``known`` secrets, in whichever form they were said.

        A part is at least two words and four characters in a row, one word of four letters, or four digits in a row.
        """
        return self._mask_with(Secrets(known).find, text, marks)

    def mask_whole(self, text: str) -> Masked:
        """The mask in place of ``text``, where nobody can tell any more what is personal in it."""
        if not text.strip():
            return Masked(text, ())
        return Masked(self._mask, (Finding("unknown", 0, len(self._mask), "worker"),))

    def _mask_with(self, more: Detector | None, text: str, marks: Sequence[SymblMark]) -> Masked:
        messages = Messages((text,))
        return self._redacted(text, 0, len(text), self._search(messages, (marks,), first=more)).masked

    def _search(
        self,
        messages: Messages,
        marks: Sequence[Sequence[SymblMark]],
        *,
        first: Detector | None = None,
        last: Detector | None = None,
    ) -> Found:
        """What is in ``messages``. One detector more looks at the first of them, and one at the last."""

        def detect(reading: Reading, is_first: bool, is_last: bool) -> Iterator[Span]:
            more = (first if is_first else None, last if is_last else None)
            detectors = (*self._detectors, *(detector for detector in more if detector is not None))
            found = chain.from_iterable(detector(reading) for detector in detectors)
            return (span for span in found if span.score >= self._thresholds.get(span.type, 0.0))

        return search(messages, self._without_masks(messages.text), marks, detect, self._region)

    def _without_masks(self, text: str) -> str:
        return text.replace(self._mask, BLANK * len(self._mask))

    def _redacted(self, text: str, begin: int, end: int, found: Found) -> Redacted:
        """The message at ``text[begin:end]``."""
        pieces: list[str] = []
        findings: list[Finding] = []
        places: list[Span] = []
        read, written = begin, 0
        for span in merge((*within(found.worker, begin, end), *within(found.symbl, begin, end))):
            pieces += text[read : span.start], self._mask
            start = written + span.start - read
            read, written = span.end, start + len(self._mask)
            findings.append(Finding(span.type, start, written, found.source(span)))
            places.append(span)
        places += (span for span in (*found.marked, *found.across) if span.start < end and begin < span.end)
        values = dict.fromkeys(SymblMark(span.type, text[span.start : span.end]) for span in places)
        return Redacted(Masked("".join((*pieces, text[read:end])), tuple(findings)), tuple(values))


def _open_end(reading: Reading) -> Iterator[Span]:
    """What may go on behind the text."""
    end = len(reading.text.rstrip(" .,;:!?"))
    return (span for span in find_beginnings(reading) if span.end >= end)


def _rest(reading: Reading) -> Iterator[Span]:
    """What may have begun before the text."""
    start = len(reading.text) - len(reading.text.lstrip(" .,;:!?"))
    return (span for span in find_beginnings(reading) if span.start <= start)
