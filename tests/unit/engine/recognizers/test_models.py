"""Models that the operator brings, and the languages that they know."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from worker.engine.recognizers.events import AudioFormat
from worker.engine.recognizers.factory import RecognizerTraits, installed_traits, make_factory
from worker.engine.recognizers.kaldi import read_words
from worker.engine.recognizers.models import Models, choose_language, find_models
from worker.engine.recognizers.sherpa import SherpaModel, favours_vocabulary
from worker.errors import ConfigurationError

MARKS = {"sherpa-onnx": "tokens.txt", "vosk": "am/final.mdl", "faster-whisper": "model.bin"}
LIBRARIES = {"sherpa-onnx": "sherpa_onnx", "vosk": "vosk", "faster-whisper": "faster_whisper"}


def _make_model(folder: Path, recognizer: str) -> None:
    mark = folder / MARKS[recognizer]
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_bytes(b"")


@pytest.mark.parametrize("recognizer", MARKS)
def test_what_is_missing_is_said(recognizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator is told whether a model or the extra is missing."""
    with pytest.raises(ConfigurationError, match="folder"):
        installed_traits(recognizer, None)
    for folder in (tmp_path / "absent", tmp_path):
        with pytest.raises(ConfigurationError, match="no model"):
            installed_traits(recognizer, folder)
    monkeypatch.setitem(sys.modules, LIBRARIES[recognizer], None)
    with pytest.raises(ConfigurationError, match="extra"):
        make_factory(recognizer, tmp_path)


@pytest.mark.parametrize("recognizer", MARKS)
def test_one_model_or_one_for_each_language(recognizer: str, tmp_path: Path) -> None:
    """A folder that is a model serves every language; folders with names of languages serve these."""
    _make_model(tmp_path / "one", recognizer)
    assert installed_traits(recognizer, tmp_path / "one").problem(AudioFormat(), "xx-YY") is None
    for name in ("en-US", "es_419", "de", "notes", "graph"):
        _make_model(tmp_path / "many" / name, recognizer)
    (tmp_path / "many" / "fr").mkdir()
    traits = installed_traits(recognizer, tmp_path / "many")
    assert set(traits.languages) == {"en-US", "es-419", "de"}
    assert traits.problem(AudioFormat(), "de-AT") is None
    problem = traits.problem(AudioFormat(), "fr-FR")
    assert problem is not None
    assert all(name in problem for name in ("fr-FR", "en-US", "es-419", "de"))


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("en-GB", "en-GB"),
        ("EN_gb", "en-GB"),
        ("en-US", "en-AU"),
        ("en", "en-AU"),
        ("de-CH", "de"),
        ("es", "es-419"),
        ("fr", None),
        ("e", None),
        ("", None),
    ],
)
def test_the_nearest_language(wanted: str, chosen: str | None) -> None:
    """The exact language, else without its region, else another region, else none."""
    assert choose_language(wanted, ["en-GB", "en-AU", "de", "de-AT", "es-419"]) == chosen


def test_every_model_is_loaded_once(tmp_path: Path) -> None:
    """Each folder is loaded at the start; sessions get what was loaded."""
    for name in ("en", "es"):
        _make_model(tmp_path / name, "vosk")
    loaded: list[str] = []

    def load(folder: Path) -> str:
        loaded.append(folder.name)
        return f"model {folder.name}"

    is_model: Callable[[Path], bool] = lambda folder: (folder / "am").is_dir()  # noqa: E731
    models = Models(find_models(tmp_path, is_model), load)
    assert [models.choose(each) for each in ("es-MX", "en-US", "es")] == ["model es", "model en", "model es"]
    assert loaded == ["en", "es"]
    with pytest.raises(LookupError):
        models.choose("fr")


def test_whisper_says_its_languages(tmp_path: Path) -> None:
    """Vocabularies tell models of English from those of many languages, and which these are."""
    _make_model(tmp_path, "faster-whisper")
    special = ["<|en|>", "<|es|>", "<|yue|>", "<|transcribe|>"]
    (tmp_path / "vocabulary.json").write_bytes(orjson.dumps(special + ["x"] * (51_865 - 4)))
    traits = installed_traits("faster-whisper", tmp_path)
    assert traits.languages == ("en", "es", "yue")
    assert traits.problem(AudioFormat(), "es-ES") is None
    (tmp_path / "vocabulary.json").unlink()
    (tmp_path / "vocabulary.txt").write_text("\n".join(special + ["x"] * (51_864 - 4)))
    assert installed_traits("faster-whisper", tmp_path).languages == ("en",)


def test_many_languages_are_not_all_named() -> None:
    """An error stays readable."""
    traits = RecognizerTraits(languages=tuple(f"{first}{second}" for first in "abc" for second in "defgh"))
    assert (traits.problem(AudioFormat(), "zz") or "").endswith("and others.")


def test_sherpa_writes_vocabularies_like_its_tokens(tmp_path: Path) -> None:
    """Only transducers with their pieces favour words, and get them in the letters that they know."""
    (tmp_path / "tokens.txt").write_text("<blk> 0\n<unk> 1\n▁THE 2\nS 3\n")
    assert not favours_vocabulary(tmp_path)
    (tmp_path / "bpe.vocab").touch()
    assert not favours_vocabulary(tmp_path)
    (tmp_path / "joiner.onnx").touch()
    assert favours_vocabulary(tmp_path)
    model = SherpaModel.__new__(SherpaModel)
    model.__dict__.update(_favours=True, _capitals=True)
    assert model.hotwords(("net-terms: 9/10", "O’Brien", "?!")) == ["NET TERMS 9 10", "O'BRIEN"]


def test_words_of_vosk() -> None:
    """A result's words come with their times and confidences; one without words has none."""
    result = {"text": "hello there", "result": [{"conf": 1.2, "start": 0.5, "end": 0.9, "word": "hello"}]}
    [word] = read_words(orjson.dumps(result).decode())
    assert (word.text, word.start_seconds, word.end_seconds, word.confidence) == ("hello", 0.5, 0.9, 1.0)
    assert read_words('{"text": ""}') == ()
