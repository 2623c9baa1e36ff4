"""Masks that the host has put into a text itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from worker.records import Finding, Masked
from worker.redaction import SymblMark

UNKNOWN: Final = "unknown"


def with_host_masks(text: str, masked: Masked, mask: str, marks: Sequence[SymblMark]) -> Masked:
    """The findings of a text, with what the host has masked before the worker saw it.

    A host names no type for its masks. Where it also lists as many values that are not in the text as it has put masks
    there, those are what it masked, in order (Symbl's answer to identify and redact together).

    Args:
        text: as the host sent it.
        masked: what the worker made of it.
        mask: what the host was told to mask with.
        marks: what the host listed beside the text.
    """
    if masked.findings is None:
        return masked
    places: list[int] = []
    begin = 0
    for end, following in (*((each.start, each.end) for each in masked.findings), (len(masked.text), 0)):
        places += (match.start() for match in re.compile(re.escape(mask)).finditer(masked.text, begin, end))
        begin = following
    if not places:
        return masked
    there = _plain(text)
    types = [mark.type for mark in marks if _plain(mark.value) not in there]
    if len(types) != len(places):
        types = [UNKNOWN] * len(places)
    added = (Finding(kind, place, place + len(mask), "symbl") for kind, place in zip(types, places, strict=True))
    return replace(masked, findings=tuple(sorted((*masked.findings, *added), key=lambda each: each.start)))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
