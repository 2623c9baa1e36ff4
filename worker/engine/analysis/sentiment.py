"""Polarity of a message by VADER's lexicon and rules."""

from __future__ import annotations

from functools import cache

from vaderSentiment.vaderSentiment import (  # type: ignore[import-untyped]  # ships no types
    SentimentIntensityAnalyzer,
)

from worker.engine.analysis.values import Polarity, SentimentResult

MARGIN = 0.3
"""Scores up to this far from zero are neutral, as Symbl documents it."""


@cache
def lexicon() -> SentimentIntensityAnalyzer:
    """The lexicon. Read from disk by the first call of a process."""
    return SentimentIntensityAnalyzer()


def sentiment_of(text: str) -> SentimentResult:
    """VADER's compound score and its name."""
    score = float(lexicon().polarity_scores(text)["compound"])
    suggested: Polarity = "positive" if score >= MARGIN else "negative" if score <= -MARGIN else "neutral"
    return SentimentResult(score, suggested)
