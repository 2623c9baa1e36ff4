"""A spaCy pipeline that a deployment brings, made ready to find entities.

Nothing is fetched: a pipeline is a folder, or a package that is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from worker.errors import ConfigurationError
from worker.redaction import Entity, Model

SETTING: Final = "REDACTION__SPACY_MODEL"
_FINDERS: Final = frozenset({"ner", "beam_ner"})
_RULERS: Final = frozenset({"entity_ruler", "future_entity_ruler", "span_ruler"})
_ENCODERS: Final = frozenset({"tok2vec", "transformer", "curated_transformer"})
_SPARE: Final = frozenset(
    {
        "attribute_ruler",
        "lemmatizer",
        "morphologizer",
        "parser",
        "senter",
        "sentencizer",
        "tagger",
        "textcat",
        "textcat_multilabel",
        "trainable_lemmatizer",
    }
)
"""Factories of components that finders and encoders do not need; rulers may."""
_SAMPLE: Final = "Good morning, this is Jane Doe of 12 Main Street in Springfield."


def load_model(name: str, types: Mapping[str, str]) -> Model:
    """Load a pipeline and try it once.

    Args:
        name: a folder, or an installed package.
        types: of the worker, by label of the pipeline.

    Raises:
        ConfigurationError: spaCy is missing, or the pipeline cannot be loaded, does not work or knows no such label.
    """
    try:
        import spacy  # an extra of its own, and a second of the start
    except ImportError:
        raise ConfigurationError(f"{SETTING}: needs the extra 'spacy'") from None

    def find(text: str) -> list[Entity]:
        # Outside of a zone, spaCy keeps every word that it ever read.
        with pipeline.memory_zone():
            return [Entity(found.label_, found.start_char, found.end_char) for found in pipeline(text).ents]

    try:
        pipeline = spacy.load(name)
        _strip(pipeline)
        find(_SAMPLE)
    # A pipeline may hold anybody's components, which raise what they like.
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(f"{SETTING}: {name} cannot be used: {type(error).__name__}: {reason}") from None
    labels = _labels(pipeline)
    if labels is not None and labels.isdisjoint(types):
        found = f"it finds {', '.join(sorted(labels))}" if labels else "it finds nothing"
        raise ConfigurationError(f"{SETTING}: {name} has none of the labels of REDACTION__SPACY_TYPES: {found}")
    meta = pipeline.meta
    return Model(f"{meta['lang']}_{meta['name']} {meta['version']}", types, find)


def _factories(pipeline: Any) -> dict[str, str]:
    return {name: pipeline.get_pipe_meta(name).factory for name in pipeline.component_names}


def _strip(pipeline: Any) -> None:
    """Remove what entities are found without, if no component might need it."""
    factories = _factories(pipeline)
    if not set(factories.values()) <= _FINDERS | _ENCODERS | _SPARE:
        return
    for name, factory in factories.items():
        if factory in _SPARE:
            pipeline.remove_pipe(name)
    finders = {name for name, factory in factories.items() if factory in _FINDERS}
    for name, factory in factories.items():
        # Often the finder has an encoder of its own, and this one served the others.
        if factory in _ENCODERS and finders.isdisjoint(pipeline.get_pipe(name).listening_components):
            pipeline.remove_pipe(name)


def _labels(pipeline: Any) -> set[str] | None:
    """What it can find; None when it has components that only their makers know."""
    factories = _factories(pipeline)
    if not set(factories.values()) <= _FINDERS | _RULERS | _ENCODERS | _SPARE:
        return None
    finders = [name for name, factory in factories.items() if factory in _FINDERS | _RULERS]
    return {label for name in finders for label in pipeline.pipe_labels.get(name, ())}
