"""Which recognisers there are, what each can hear, and how one is made for a session."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from worker.engine.recognizers.coded import CodedRecognizer
from worker.engine.recognizers.events import AudioFormat, MakeRecognizer
from worker.engine.recognizers.kaldi import VoskFactory, is_vosk_model
from worker.engine.recognizers.models import ANY_LANGUAGE, choose_language, find_models
from worker.engine.recognizers.sherpa import SherpaFactory, is_sherpa_model
from worker.engine.recognizers.speech import ENCODINGS
from worker.engine.recognizers.sphinx import SphinxFactory
from worker.engine.recognizers.whisper import WhisperFactory, whisper_languages

CODED = "coded"
POCKETSPHINX = "pocketsphinx"
SHERPA_ONNX = "sherpa-onnx"
VOSK = "vosk"
FASTER_WHISPER = "faster-whisper"

_NAMED_LANGUAGES = 12


@dataclass(frozen=True, kw_only=True)
class RecognizerTraits:
    """What a kind of recogniser can do.

    Args:
        encodings: What it reads.
        languages: Those that are installed; `ANY_LANGUAGE` among them stands for all.
        verbatim: A final result is one sentence and stays as it was heard.
        punctuated: It writes capitals and punctuation itself.
        quick: It needs so little time that it may run inside the event loop.
    """

    encodings: frozenset[str] = ENCODINGS
    languages: tuple[str, ...] = (ANY_LANGUAGE,)
    verbatim: bool = False
    punctuated: bool = False
    quick: bool = False

    def problem(self, audio_format: AudioFormat, language: str | None = None) -> str | None:
        """Why this audio cannot be recognised; None when it can."""
        if audio_format.encoding not in self.encodings:
            return f"Audio with encoding {audio_format.encoding} cannot be recognised by this server."
        if language is not None and choose_language(language, self.languages) is None:
            known = ", ".join(sorted(self.languages)[:_NAMED_LANGUAGES])
            more = " and others" if len(self.languages) > _NAMED_LANGUAGES else ""
            return f"The language {language[:16]} cannot be recognised by this server. It knows: {known}{more}."
        return None


TRAITS = {
    CODED: RecognizerTraits(verbatim=True, punctuated=True, quick=True),
    POCKETSPHINX: RecognizerTraits(languages=("en",)),
    SHERPA_ONNX: RecognizerTraits(),
    VOSK: RecognizerTraits(),
    FASTER_WHISPER: RecognizerTraits(punctuated=True),
}


def installed_traits(name: str, model_dir: Path | None) -> RecognizerTraits:
    """What a kind of recogniser can do with the models in a folder.

    Raises:
        ConfigurationError: There is no model, and it needs one.
    """
    traits = TRAITS[name]
    match name:
        case "sherpa-onnx":
            return replace(traits, languages=tuple(find_models(model_dir, is_sherpa_model)))
        case "vosk":
            return replace(traits, languages=tuple(find_models(model_dir, is_vosk_model)))
        case "faster-whisper":
            return replace(traits, languages=whisper_languages(model_dir))
    return traits


def make_factory(name: str, model_dir: Path | None) -> MakeRecognizer:
    """Prepares one kind of recogniser in this process, with all its models.

    Args:
        name: A key of `TRAITS`.
        model_dir: Of the recognisers that bring no model.

    Returns:
        Makes the recogniser of one session.

    Raises:
        ConfigurationError: A library or a model is missing, or cannot be loaded.
    """
    match name:
        case "coded":
            return lambda request: CodedRecognizer(request.audio_format)
        case "pocketsphinx":
            return SphinxFactory()
        case "sherpa-onnx":
            return SherpaFactory(model_dir)
        case "vosk":
            return VoskFactory(model_dir)
        case "faster-whisper":
            return WhisperFactory(model_dir)
    raise ValueError(f"no recogniser is called {name}")
