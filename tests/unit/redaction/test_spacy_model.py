"""Real spaCy pipelines, made here, saved and loaded as those of a deployment."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.config import load_settings
from worker.errors import ConfigurationError
from worker.redaction import Model, Redactor, Span
from worker.redaction.reading import Reading
from worker.spacy_model import load_model

spacy = pytest.importorskip("spacy")

TYPES = {"PERSON": "PERSON_NAME", "FAC": "ADDRESS"}
PATTERNS = [
    {"label": "PERSON", "pattern": "Zork Wibble"},
    {"label": "FAC", "pattern": [{"LOWER": "the"}, {"LOWER": "old"}, {"LOWER": "mill"}]},
    {"label": "ORG", "pattern": "Acme"},
]
TEXTS = st.lists(st.one_of(st.characters(), st.sampled_from(" '\ud83d")), max_size=40).map("".join)
NAMES = ("Zork Wibble", "Quum Fendel", "Blip Yarrow", "Vex Ondra")


def rules() -> Any:
    """A pipeline of rules."""
    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns(PATTERNS)
    return pipeline


def saved(pipeline: Any, folder: Path) -> str:
    pipeline.to_disk(folder)
    return str(folder)


def redactor(pipeline: Any, folder: Path, **more: str) -> Redactor:
    """The redactor of a deployment with this pipeline."""
    return load_settings({"REDACTION__SPACY_MODEL": saved(pipeline, folder), **more}).redaction.redactor()


def test_a_folder(tmp_path: Path) -> None:
    """A pipeline in a folder finds names and places unless told otherwise; other labels are left alone."""
    pipeline = rules()
    pipeline.meta |= {"name": "rules_for_tests", "version": "1.2.3"}
    text = "Zork Wibble of Acme waits at the Old Mill."
    own = redactor(pipeline, tmp_path)
    assert own.mask(text).text == "**** of Acme waits at ****."
    assert own.policy.models == ("en_rules_for_tests 1.2.3: FAC=ADDRESS, PERSON=PERSON_NAME",)
    chosen = redactor(pipeline, tmp_path, REDACTION__SPACY_TYPES="ORG=PERSON_NAME,LOC=ADDRESS")
    assert chosen.mask(text).text == "Zork Wibble of **** waits at the Old Mill."


def test_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline may be a package that is installed."""
    package, info = tmp_path / "en_spacy_test", tmp_path / "en_spacy_test-1.0.dist-info"
    package.mkdir()
    saved(rules(), package / "data")
    (package / "__init__.py").write_text(
        "from spacy.util import load_model_from_path\n"
        "from pathlib import Path\n"
        "def load(**overrides):\n"
        "    return load_model_from_path(Path(__file__).parent / 'data', **overrides)\n"
    )
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: en_spacy_test\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert [entity.label for entity in load_model("en_spacy_test", TYPES).find("Zork Wibble")] == ["PERSON"]


@cache
def shared_model() -> Model:
    with TemporaryDirectory() as folder:
        return load_model(saved(rules(), Path(folder)), TYPES)


@settings(deadline=None)  # the first one loads
@given(TEXTS, TEXTS)
def test_places_are_those_of_the_text(before: str, after: str) -> None:
    """Whatever characters stand around a name, also halves of surrogate pairs, it is found at its place, and alone."""
    text = f"{before} Zork Wibble {after}"
    assert list(shared_model()(Reading(text))) == [Span("PERSON_NAME", len(before) + 1, len(before) + 12, 0.5)]


def trained() -> Any:
    """A pipeline as they are distributed, but tiny: a shared encoder, a tagger that uses it, names with an own one."""
    from spacy.training import Example

    spacy.util.fix_random_seed(1)
    pipeline = spacy.blank("en")
    encoder = {
        "@architectures": "spacy.HashEmbedCNN.v2",
        "pretrained_vectors": None,
        "width": 32,
        "depth": 2,
        "embed_size": 300,
        "window_size": 1,
        "maxout_pieces": 2,
        "subword_features": True,
    }
    pipeline.add_pipe("tok2vec", config={"model": encoder})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "tok2vec"}
    tagger = pipeline.add_pipe("tagger", config={"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": listener}})
    tagger.add_label("NN")
    names = pipeline.add_pipe("ner")
    names.add_label("PERSON")
    examples = []
    for name in NAMES:
        doc = pipeline.make_doc(f"my name is {name} and I call")
        examples.append(Example.from_dict(doc, {"entities": [(11, 11 + len(name), "PERSON")]}))
    optimizer = pipeline.initialize(lambda: examples)
    with pipeline.select_pipes(enable=["ner"]):
        for _ in range(20):
            pipeline.update(examples, sgd=optimizer)
    return pipeline


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The pipelines that are loaded, as the worker leaves them."""
    pipelines: list[Any] = []
    load = spacy.load

    def remember(name: str) -> Any:
        pipelines.append(load(name))
        return pipelines[-1]

    monkeypatch.setattr(spacy, "load", remember)
    return pipelines


def test_only_what_finds_names_is_run(tmp_path: Path, loaded: list[Any]) -> None:
    """Taggers and the like cost time and change nothing: without them a pipeline finds the same."""
    whole = trained()
    model = load_model(saved(whole, tmp_path), TYPES)
    assert whole.pipe_names == ["tok2vec", "tagger", "ner"]
    assert loaded[0].pipe_names == ["ner"]
    texts = [f"my name is {name} and I call about order {number}" for number, name in enumerate(NAMES)]
    found = [[*model.find(text)] for text in texts]
    assert found == [[(each.label_, each.start_char, each.end_char) for each in whole(text).ents] for text in texts]
    assert all(found)


def test_an_encoder_that_names_need_stays(tmp_path: Path, loaded: list[Any]) -> None:
    """A shared encoder is run when it is what finds the names that uses it."""
    pipeline = spacy.blank("en")
    pipeline.add_pipe("tok2vec")
    finder = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 8,
        "maxout_pieces": 2,
        "tok2vec": {"@architectures": "spacy.Tok2VecListener.v1", "width": 96, "upstream": "*"},
    }
    pipeline.add_pipe("ner", config={"model": finder}).add_label("PERSON")
    pipeline.add_pipe("sentencizer")
    pipeline.initialize()
    load_model(saved(pipeline, tmp_path), TYPES)
    assert loaded[0].pipe_names == ["tok2vec", "ner"]


def test_a_pipeline_with_rules_stays_whole(tmp_path: Path, loaded: list[Any]) -> None:
    """Rules may read what any component before them says."""
    pipeline = rules()
    pipeline.add_pipe("sentencizer", first=True)
    load_model(saved(pipeline, tmp_path), TYPES)
    assert loaded[0].pipe_names == ["sentencizer", "entity_ruler"]


def test_nothing_that_was_said_is_kept(tmp_path: Path, loaded: list[Any]) -> None:
    """spaCy remembers every word that it reads: not here, also when it fails."""
    model = load_model(saved(rules(), tmp_path), TYPES)
    before = len(loaded[0].vocab.strings)
    for number in range(100):
        assert model.find(f"secret{number}word of Zork Wibble")
    assert len(loaded[0].vocab.strings) == before
    loaded[0].max_length = 10
    with pytest.raises(ValueError, match="E088"):
        model.find("Zork Wibble again")
    loaded[0].max_length = 100
    assert model.find("Zork Wibble again")


def no_model(tmp_path: Path) -> str:
    return str(tmp_path / "none")


def no_pipeline(tmp_path: Path) -> str:
    tmp_path.joinpath("config.cfg").write_text("[nlp]\n")
    return str(tmp_path)


def nothing_found(tmp_path: Path) -> str:
    return saved(spacy.blank("en"), tmp_path)


def other_labels(tmp_path: Path) -> str:
    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Zork"}])
    return saved(pipeline, tmp_path)


def fails_at_work(tmp_path: Path) -> str:
    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": [{"POS": "PROPN"}]}])
    return saved(pipeline, tmp_path)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (no_model, "OSError: .E050. Can't find model"),
        (no_pipeline, ""),
        (nothing_found, "none of the labels of REDACTION__SPACY_TYPES: it finds nothing"),
        (other_labels, "none of the labels of REDACTION__SPACY_TYPES: it finds PER"),
        (fails_at_work, "ValueError: .E155."),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_pipeline_that_cannot_be_used(make: Callable[[Path], str], problem: str, tmp_path: Path) -> None:
    """The start fails when a pipeline is missing, broken or finds nothing that is wanted; the setting is named."""
    redaction = load_settings({"REDACTION__SPACY_MODEL": make(tmp_path)}).redaction
    with pytest.raises(ConfigurationError, match=f"REDACTION__SPACY_MODEL: .*{problem}"):
        redaction.redactor()
