"""Finding and masking personal data in transcribed speech. Pure: no I/O, no clock, no logging."""

from worker.redaction.detectors import DEFAULT, Detector
from worker.redaction.redactor import Redactor
from worker.redaction.spans import Span, SymblMark

__all__ = ["DEFAULT", "Detector", "Redactor", "Span", "SymblMark"]
