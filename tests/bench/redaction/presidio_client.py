"""Presidio with its pattern recognisers, in an environment of its own: texts in, findings out, as lines of JSON.

It needs no model and opens no connection. Input: ``{"entities": {...}}`` (its types to ours), then one string a line.
Output: for every text ``{"found": [[type, start, end, score], ...], "seconds": ...}``.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import spacy
import tldextract
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from presidio_analyzer.predefined_recognizers import AbaRoutingRecognizer
from spacy.language import Language

# Its e-mail recogniser would fetch the list of public suffixes on first use; the package holds a copy.
tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


@Language.component("words_as_lemmas")  # type: ignore[untyped-decorator]  # not installed where types are checked
def words_as_lemmas(doc: Any) -> Any:
    """Without lemmas Presidio finds no words of context, which raise its scores. Words themselves do nearly as well."""
    for token in doc:
        token.lemma_ = token.lower_
    return doc


class BlankEngine(SpacyNlpEngine):  # type: ignore[misc]  # likewise
    """spaCy's rules for English, without a model."""

    def __init__(self) -> None:
        super().__init__()
        pipeline = spacy.blank("en")
        pipeline.add_pipe("words_as_lemmas")
        self.nlp = {"en": pipeline}


def analyzer() -> Any:
    """With every recogniser that needs no model, and the one for routing numbers, which is off by default."""
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    registry.remove_recognizer("SpacyRecognizer")
    registry.add_recognizer(AbaRoutingRecognizer())
    return AnalyzerEngine(registry=registry, nlp_engine=BlankEngine(), supported_languages=["en"])


def main() -> None:
    """Answer line by line."""
    ours: dict[str, str] = json.loads(sys.stdin.readline())["entities"]
    engine = analyzer()
    entities = sorted(ours)
    for line in sys.stdin:
        text = json.loads(line)
        began = time.thread_time()
        results = engine.analyze(text, "en", entities=entities)
        seconds = time.thread_time() - began
        found = [[ours[each.entity_type], each.start, each.end, each.score] for each in results]
        print(json.dumps({"found": found, "seconds": seconds}))


if __name__ == "__main__":
    main()
