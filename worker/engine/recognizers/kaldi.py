"""Vosk (Kaldi) with models that the operator brings.

A folder holds a model as they are distributed: ``am/final.mdl`` with ``conf``, ``graph`` and more, or, older, all of it
without folders. The library knows no way to favour words among all others: its grammars allow nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from worker.engine.recognizers.events import Event, Final, HeardWord, Partial, SpeechRequest
from worker.engine.recognizers.models import Models, find_models
from worker.engine.recognizers.pcm import TARGET_HZ, Samples
from worker.engine.recognizers.speech import SpeechRecognizer
from worker.errors import ConfigurationError


class VoskFactory:
    """Loads the models once; its sessions share them.

    Raises:
        ConfigurationError: The library or a model is missing, or cannot be loaded.
    """

    def __init__(self, model_dir: Path | None) -> None:
        try:
            import vosk  # type: ignore[import-not-found,unused-ignore] # an extra of its own
        except ImportError as error:
            raise ConfigurationError("the recogniser vosk needs the extra 'vosk'") from error
        vosk.SetLogLevel(-1)
        self._library: Any = vosk
        self._models: Models[Any] = Models(find_models(model_dir, is_vosk_model), self._load)

    def __call__(self, request: SpeechRequest) -> SpeechRecognizer:
        model = self._models.choose(request.language)
        transcriber = VoskTranscriber(self._library, model)
        return SpeechRecognizer(transcriber, request.audio_format, ignored_vocabulary=len(request.vocabulary))

    def _load(self, folder: Path) -> Any:
        try:
            return self._library.Model(str(folder))
        # The library raises nothing more exact.
        except Exception as error:
            raise ConfigurationError(f"the model in {folder} cannot be loaded") from error


def is_vosk_model(folder: Path) -> bool:
    return (folder / "am" / "final.mdl").is_file() or (folder / "final.mdl").is_file()


class VoskTranscriber:
    """One session; endpoints are the library's own."""

    _recognizer: Any
    _said: str

    def __init__(self, library: Any, model: Any) -> None:
        self._library = library
        self._model = model
        self._restart()

    def __repr__(self) -> str:
        return "<VoskTranscriber>"

    def hear(self, samples: Samples) -> list[Event]:
        if self._recognizer.AcceptWaveform(samples.tobytes()):
            return self._final(self._recognizer.Result())
        text = orjson.loads(self._recognizer.PartialResult()).get("partial", "")
        if not text or text == self._said:
            return []
        self._said = text
        return [Partial(text)]

    def finish(self) -> list[Event]:
        return self._final(self._recognizer.FinalResult())

    def reset(self) -> None:
        self._restart()

    def close(self) -> None:
        self._recognizer = None

    def _restart(self) -> None:
        self._recognizer = self._library.KaldiRecognizer(self._model, float(TARGET_HZ))
        self._recognizer.SetWords(True)
        self._said = ""

    def _final(self, result: str) -> list[Event]:
        self._said = ""
        words = read_words(result)
        return [Final(words)] if words else []


def read_words(result: str) -> tuple[HeardWord, ...]:
    """The words in a result of the library; times count from the first sample of the session."""
    return tuple(
        HeardWord(word["word"], word["start"], word["end"], min(1.0, max(0.0, word["conf"])))
        for word in orjson.loads(result).get("result", ())
    )
