"""Questions, action items and follow-ups in the messages of one conversation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from worker.engine.analysis.questions import is_question
from worker.engine.analysis.values import AnalysisRequest, InsightResult, SpeakerRef


class InsightFinder:
    """Finds insights and remembers who takes part, so that "you" has a name."""

    def __init__(self, request: AnalysisRequest, new_id: Callable[[], str]) -> None:
        self._request = request
        self._new_id = new_id

    def find(self, message_id: str, speaker: SpeakerRef, text: str, said_at: datetime) -> tuple[InsightResult, ...]:
        """Insights of one message at or above the threshold."""
        if "question" not in self._request.insight_types or not is_question(text):
            return ()
        question = InsightResult(
            id=self._new_id(),
            type="question",
            content=text,
            confidence=0.9,
            hints=(("confidenceScore", "0.9"), ("comprehensionScore", "0.9")),
            assignee=speaker,
            due_by=None,
            tags=(),
            message_id=message_id,
            speaker=speaker,
        )
        return (question,) if question.confidence >= self._request.confidence_threshold else ()
