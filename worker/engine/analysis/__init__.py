"""Text analysis of the engine: sentences, insights, trackers, entities, sentiment and detected topics.

Pure: no clock, randomness, logging or I/O. The only exception is the first use in a process, which loads word lists;
``prepare`` does that ahead of time.
"""

from worker.engine.analysis.analyst import Analyst, prepare
from worker.engine.analysis.sentences import split_sentences
from worker.engine.analysis.trackers import joined_trackers
from worker.engine.analysis.values import (
    SIMILAR,
    AnalysisRequest,
    EntityResult,
    InsightRef,
    InsightResult,
    MessageAnalysis,
    MessageRef,
    Sentence,
    SentimentResult,
    SpeakerRef,
    Tag,
    TopicResult,
    TrackerDefinition,
    TrackerMatch,
    TrackerResult,
    Word,
    entities_as_json,
)

__all__ = [
    "SIMILAR",
    "AnalysisRequest",
    "Analyst",
    "EntityResult",
    "InsightRef",
    "InsightResult",
    "MessageAnalysis",
    "MessageRef",
    "Sentence",
    "SentimentResult",
    "SpeakerRef",
    "Tag",
    "TopicResult",
    "TrackerDefinition",
    "TrackerMatch",
    "TrackerResult",
    "Word",
    "entities_as_json",
    "joined_trackers",
    "prepare",
    "split_sentences",
]
