"""Finding and masking personal data in transcribed speech. Pure: no I/O, no clock, no logging."""

from worker.redaction.custom import Custom
from worker.redaction.detectors import DEFAULT_TYPES, THRESHOLDS, TYPES, Detector
from worker.redaction.model import Entity, Model
from worker.redaction.policy import MODES, Mode, RedactionPolicy
from worker.redaction.redactor import Redacted, Redactor
from worker.redaction.spans import Span, SymblMark

__all__ = [
    "DEFAULT_TYPES",
    "MODES",
    "THRESHOLDS",
    "TYPES",
    "Custom",
    "Detector",
    "Entity",
    "Mode",
    "Model",
    "Redacted",
    "RedactionPolicy",
    "Redactor",
    "Span",
    "SymblMark",
]
