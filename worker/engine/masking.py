"""Masks personal data in texts and in words with times. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from worker.engine.analysis import Word


@dataclass(frozen=True, slots=True)
class Finding:
    """Personal data at ``text[start:end]``, with a type such as ``EMAIL_ADDRESS``."""

    type: str
    start: int
    end: int
    value: str = field(repr=False)


FindPii: TypeAlias = Callable[[str], Sequence[Finding]]

# What comes last in an unfinished text may be the beginning of anything.
HELD_BACK_WORDS = 8

# An unfinished text may hold the beginning of a number that no detector knows yet.
_UNFINISHED = re.compile(
    r"\S*[\d@]\S*"
    r"|\b(?:oh|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen"
    r"|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|double|triple"
    r"|at|dot|(?<!['’])[b-hj-z](?!['’]))\b",
    re.IGNORECASE,
)


def mask_text(text: str, findings: Sequence[Finding], mask: str) -> str:
    """The text with every finding replaced by the mask; findings that overlap or touch share one."""
    pieces: list[str] = []
    at = 0
    for start, end in _merged(findings):
        pieces += (text[at:start], mask)
        at = end
    return "".join((*pieces, text[at:]))


def mask_unfinished(text: str, findings: Sequence[Finding], mask: str) -> str:
    """Like `mask_text`, and also masks what may become a finding when the speaker goes on.

    The last ``HELD_BACK_WORDS`` words are left out, because names, addresses and dates cannot be told by their first
    words. A finding that reaches into them is masked.
    """
    words = list(re.finditer(r"\S+", text))
    if len(words) <= HELD_BACK_WORDS:
        return ""
    end = words[-HELD_BACK_WORDS - 1].end()
    suspects = [Finding("", match.start(), match.end(), "") for match in _UNFINISHED.finditer(text, 0, end)]
    shown = [Finding(each.type, each.start, min(each.end, end), each.value) for each in findings if each.start < end]
    return mask_text(text[:end], [*shown, *suspects], mask)


def settle(text: str, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in the order of their place, those that overlap as one: the widest gives its type.

    A finding that grew by this stands for its verbatim text.
    """
    settled: list[Finding] = []
    widest: list[int] = []
    for finding in sorted(findings, key=lambda each: (each.start, -each.end)):
        width = finding.end - finding.start
        if width <= 0:
            continue
        if not settled or finding.start >= settled[-1].end:
            settled.append(finding)
            widest.append(width)
            continue
        last = settled[-1]
        chosen = finding if width > widest[-1] else last
        end = max(last.end, finding.end)
        value = chosen.value if (chosen.start, chosen.end) == (last.start, end) else text[last.start : end]
        settled[-1], widest[-1] = Finding(chosen.type, last.start, end, value), max(width, widest[-1])
    return tuple(settled)


def with_echoes(
    text: str, findings: Sequence[Finding], other: str, found_there: Sequence[Finding]
) -> Sequence[Finding]:
    """The findings in a text, settled, and every place where the same words stand as in a finding in another form of
    the text: the two may be understood differently, and what is hidden in one has to be hidden in both.
    """
    if text == other:
        return findings
    echoes = [
        Finding(each.type, match.start(), match.end(), each.value)
        for each in found_there
        for match in re.finditer(rf"(?<!\w){re.escape(other[each.start : each.end])}(?!\w)", text)
    ]
    return settle(text, [*findings, *echoes])


def masked_offset(finding: Finding, findings: Sequence[Finding], mask: str) -> int:
    """Where the mask of a settled finding begins in the masked text."""
    for index, (start, end) in enumerate(spans := _merged(findings)):
        if start <= finding.start < end:
            return start + sum(len(mask) - (until - since) for since, until in spans[:index])
    raise ValueError("the finding is not one of the findings")


def mask_words(words: Sequence[Word], findings: Sequence[Finding], mask: str) -> list[Word]:
    """Masks words whose joined text (single spaces) the findings refer to.

    Words that share a finding become one word from the start of the first to the end of the last, so that the joined
    text of the result is the masked joined text.
    """
    spans = _merged(findings)
    masked: list[Word] = []
    group: list[Word] = []
    group_start = at = 0
    for word in words:
        if not group:
            group_start = at
        group.append(word)
        at += len(word.text) + 1
        if any(start < at <= end for start, end in spans):
            continue
        masked.append(_mask_group(group, group_start, spans, mask))
        group = []
    if group:
        masked.append(_mask_group(group, group_start, spans, mask))
    return masked


def _mask_group(group: Sequence[Word], group_start: int, spans: Sequence[tuple[int, int]], mask: str) -> Word:
    text = " ".join(word.text for word in group)
    inside = [
        Finding("", max(start - group_start, 0), min(end - group_start, len(text)), "")
        for start, end in spans
        if start - group_start < len(text) and end > group_start
    ]
    if not inside:
        return group[0]
    return Word(
        mask_text(text, inside, mask),
        group[0].start_seconds,
        group[-1].end_seconds,
        min(word.confidence for word in group),
    )


def _merged(findings: Sequence[Finding]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for finding in sorted(findings, key=lambda each: (each.start, each.end)):
        if finding.end <= finding.start:
            continue
        if spans and finding.start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], finding.end))
        else:
            spans.append((finding.start, finding.end))
    return spans
