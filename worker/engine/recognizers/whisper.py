"""faster-whisper with models that the operator brings.

A folder holds a model that was converted for CTranslate2: ``model.bin``, ``config.json``, ``tokenizer.json`` and a
vocabulary. Whisper hears 30 seconds at a time and knows no endpoints, so that utterances are cut here, and an
unfinished one is decoded anew about every second. That costs far more than a model that streams.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from worker.engine.recognizers.endpoints import Mark
from worker.engine.recognizers.events import Event, Final, HeardWord, Partial, SpeechRequest
from worker.engine.recognizers.models import ANY_LANGUAGE, Models, find_models
from worker.engine.recognizers.pcm import TARGET_HZ, Samples
from worker.engine.recognizers.speech import SpeechRecognizer
from worker.engine.recognizers.utterances import Piece, UtteranceCutter, make_voice_detector
from worker.errors import ConfigurationError

_PARTIAL_SAMPLES = TARGET_HZ
_FINAL_BEAM = 5
# Vocabularies of models that know English only have one word less than the smallest of the others.
_MULTILINGUAL_TOKENS = 51_865
_LANGUAGE_TOKEN = re.compile(r"<\|([a-z]{2,3})\|>")


class WhisperFactory:
    """Loads the models once; its sessions share them.

    Raises:
        ConfigurationError: The library or a model is missing, or cannot be loaded.
    """

    def __init__(self, model_dir: Path | None) -> None:
        try:
            import faster_whisper  # type: ignore[import-not-found,unused-ignore] # an extra of its own
        except ImportError as error:
            raise ConfigurationError("the recogniser faster-whisper needs the extra 'whisper'") from error
        self._library: Any = faster_whisper
        self._models: Models[Any] = Models(find_models(model_dir, is_whisper_model), self._load)

    def __call__(self, request: SpeechRequest) -> SpeechRecognizer:
        model = self._models.choose(request.language)
        return SpeechRecognizer(WhisperTranscriber(model, request), request.audio_format)

    def _load(self, folder: Path) -> Any:
        # Without this file the library would fetch one.
        if not (folder / "tokenizer.json").is_file():
            raise ConfigurationError(f"{folder} holds no tokenizer.json")
        try:
            return self._library.WhisperModel(str(folder), cpu_threads=1, local_files_only=True)
        # Two libraries, each with errors of its own.
        except Exception as error:
            raise ConfigurationError(f"the model in {folder} cannot be loaded") from error


def is_whisper_model(folder: Path) -> bool:
    return (folder / "model.bin").is_file()


def whisper_languages(model_dir: Path | None) -> tuple[str, ...]:
    """The languages of the models in a folder, where their names or their vocabularies tell.

    Raises:
        ConfigurationError: There is no model.
    """
    folders = find_models(model_dir, is_whisper_model)
    if ANY_LANGUAGE not in folders:
        return tuple(folders)
    vocabulary = _read_vocabulary(folders[ANY_LANGUAGE])
    if vocabulary is None:
        return (ANY_LANGUAGE,)
    if len(vocabulary) < _MULTILINGUAL_TOKENS:
        return ("en",)
    return tuple(sorted({match[1] for token in vocabulary if (match := _LANGUAGE_TOKEN.fullmatch(token))}))


def _read_vocabulary(folder: Path) -> list[str] | None:
    try:
        if (folder / "vocabulary.json").is_file():
            tokens = orjson.loads((folder / "vocabulary.json").read_bytes())
            return [str(token) for token in tokens]
        return (folder / "vocabulary.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError, TypeError):
        return None


class WhisperTranscriber:
    """One session.

    Invariant: ``_heard`` is the utterance so far.
    """

    _heard: list[Samples]

    def __init__(self, model: Any, request: SpeechRequest) -> None:
        self._model = model
        self._language = re.split("[-_]", request.language.strip().lower())[0]
        # The library drops what is too long for the prompt.
        self._hotwords = ", ".join(request.vocabulary) or None
        self._restart()

    def __repr__(self) -> str:
        return f"<WhisperTranscriber {self._cutter!r}>"

    def hear(self, samples: Samples) -> list[Event]:
        return [event for piece in self._cutter.cut(samples) for event in self._hear_piece(piece)]

    def finish(self) -> list[Event]:
        piece = self._cutter.finish()
        return [] if piece is None else self._hear_piece(piece)

    def reset(self) -> None:
        self._restart()

    def close(self) -> None:
        self._heard = []

    def _restart(self) -> None:
        self._cutter = UtteranceCutter(make_voice_detector())
        self._heard = []
        self._until_partial = _PARTIAL_SAMPLES
        self._said = ""

    def _hear_piece(self, piece: Piece) -> list[Event]:
        self._heard.append(piece.samples)
        if piece.mark is Mark.END:
            return self._end_utterance(piece.begin_seconds)
        self._until_partial -= piece.samples.size
        return self._partial() if self._until_partial <= 0 else []

    def _partial(self) -> list[Event]:
        self._until_partial = _PARTIAL_SAMPLES
        text = "".join(segment.text for segment in self._transcribe(beam_size=1, without_timestamps=True)).strip()
        if not text or text == self._said:
            return []
        self._said = text
        return [Partial(text)]

    def _end_utterance(self, begin_seconds: float) -> list[Event]:
        segments = self._transcribe(beam_size=_FINAL_BEAM, word_timestamps=True)
        words = tuple(
            HeardWord(
                word.word.strip(),
                begin_seconds + float(word.start),
                begin_seconds + float(word.end),
                min(1.0, max(0.0, float(word.probability))),
            )
            for segment in segments
            for word in segment.words or ()
            if word.word.strip()
        )
        self._heard = []
        self._until_partial = _PARTIAL_SAMPLES
        self._said = ""
        return [Final(words)] if words else []

    def _transcribe(self, **options: Any) -> list[Any]:
        segments, _ = self._model.transcribe(
            np.concatenate(self._heard).astype(np.float32) / 32_768,
            language=self._language,
            # Other temperatures are dice.
            temperature=0.0,
            condition_on_previous_text=False,
            hotwords=self._hotwords,
            **options,
        )
        # Decoding happens while they are read.
        return list(segments)
