"""Everything that is found in the messages of one conversation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from worker.engine.analysis.entities import entities_of
from worker.engine.analysis.insights import InsightFinder
from worker.engine.analysis.sentiment import sentiment_of
from worker.engine.analysis.topics import TopicCounter
from worker.engine.analysis.trackers import TrackerIndex
from worker.engine.analysis.values import (
    AnalysisRequest,
    EntityResult,
    MessageAnalysis,
    SpeakerRef,
    TopicResult,
    TrackerDefinition,
    TrackerResult,
)

MAX_CHARACTERS = 4_000
"""Longer texts are analysed up to here."""


class Analyst:
    """Analyses the messages of one conversation, in the order in which they were said.

    Remembers who takes part and what the conversation is about, nothing else. Never raises on any text.

    Args:
        request: what the conversation asked for.
        new_id: makes the ids of insights and detected topics.
    """

    def __init__(self, request: AnalysisRequest, new_id: Callable[[], str]) -> None:
        self._request = request
        self._new_id = new_id
        self._trackers = TrackerIndex(request.trackers)
        self._insights = InsightFinder(new_id)
        self._topics = TopicCounter()

    def ask(self, request: AnalysisRequest) -> None:
        """From here on this is asked for. Who took part and what was counted stays."""
        if request.trackers != self._request.trackers:
            self._trackers = TrackerIndex(request.trackers)
        self._request = request

    def __repr__(self) -> str:
        return f"<Analyst {self._trackers!r} {self._topics!r}>"

    def message(self, message_id: str, speaker: SpeakerRef, text: str, said_at: datetime) -> MessageAnalysis:
        """Everything the request asks for in one message.

        Args:
            text: the normalised content of the message; all offsets count its characters.
            said_at: UTC; relative dates start here. A naive time is taken as UTC.
        """
        text = text[:MAX_CHARACTERS]
        request = self._request
        english = request.language.lower().startswith("en")
        insights = self._insights.find(request, message_id, speaker, text, said_at) if english else ()
        # Official samples and the Web SDK, which refuses "topic", ask for other insights and expect topics, too.
        if request.insight_types:
            self._topics.add(message_id, text if request.mask is None else text.replace(request.mask, "*"))
        return MessageAnalysis(
            insights=insights,
            trackers=self._trackers.find(text, message_id=message_id, insights=insights),
            entities=self._entities(text, said_at, english) if request.detect_entities else (),
            sentiment=sentiment_of(text) if request.sentiment and english else None,
        )

    def _entities(self, text: str, said_at: datetime, english: bool) -> tuple[EntityResult, ...]:
        return entities_of(
            text,
            english=english,
            said_at=said_at,
            timezone_offset_minutes=self._request.timezone_offset_minutes,
            region=_region_of(self._request.language),
        )

    def interim(self, text: str, message_id: str | None = None) -> tuple[TrackerResult, ...]:
        """Exact tracker matches in an unfinished text; none unless the request asks for interim trackers.

        Args:
            message_id: for the references; None makes a new one, as the message has no id yet.
        """
        if not self._request.interim_trackers:
            return ()
        text = text[:MAX_CHARACTERS]
        return self._trackers.find(text, message_id=message_id or self._new_id(), similar=False)

    def topics(self) -> tuple[TopicResult, ...]:
        """Detected topics that are new or have grown since the last call; none when no insights are asked for."""
        return self._topics.take(self._new_id) if self._request.insight_types else ()


def _region_of(language: str) -> str:
    """The country of a language tag: "en-GB" is "GB". The United States when there is none."""
    last = language.replace("_", "-").rpartition("-")[2]
    return last.upper() if len(last) == 2 and "-" in language.replace("_", "-") else "US"


def prepare() -> None:
    """Loads the word lists that are otherwise loaded by the first messages. Takes up to a second."""
    request = AnalysisRequest(
        insight_types=frozenset(["question", "action_item", "topic"]),
        trackers=(TrackerDefinition(None, "", ("sample phrase",)),),
        detect_entities=True,
        sentiment=True,
    )
    text = "I will call 415-555-2671 or 4111 1111 1111 1111 on March 5."
    Analyst(request, str).message("", SpeakerRef(""), text, datetime(2026, 1, 1, tzinfo=UTC))
