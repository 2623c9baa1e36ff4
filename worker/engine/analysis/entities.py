"""Entities of a message by plain rules."""

from __future__ import annotations

import re

from worker.engine.analysis.values import EntityResult

_EMAIL = re.compile(r"\b[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,4}\b")


def entities_of(text: str, *, english: bool) -> tuple[EntityResult, ...]:
    """Entities in the order of their place."""
    return tuple(
        EntityResult("PII", "EMAIL_ADDRESS", "Managed", match[0], match.start()) for match in _EMAIL.finditer(text)
    )
