"""Which recognisers there are, what each can hear, and how one is made for a session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from worker.engine.recognizers.coded import CodedRecognizer
from worker.engine.recognizers.events import AudioFormat, MakeRecognizer
from worker.engine.recognizers.speech import ENCODINGS

CODED = "coded"
POCKETSPHINX = "pocketsphinx"
SHERPA_ONNX = "sherpa-onnx"


@dataclass(frozen=True, kw_only=True)
class RecognizerTraits:
    """What a kind of recogniser can do.

    Args:
        encodings: What it reads.
        languages: First parts of the language codes it knows; None for any.
        verbatim: A final result is one sentence and stays as it was heard.
        punctuated: It writes capitals and punctuation itself.
        quick: It needs so little time that it may run inside the event loop.
    """

    encodings: frozenset[str]
    languages: frozenset[str] | None = None
    verbatim: bool = False
    punctuated: bool = False
    quick: bool = False

    def problem(self, audio_format: AudioFormat, language: str | None = None) -> str | None:
        """Why this audio cannot be recognised; None when it can."""
        if audio_format.encoding not in self.encodings:
            return f"Audio with encoding {audio_format.encoding} cannot be recognised by this server."
        if language is not None and self.languages is not None:
            primary = language.replace("_", "-").partition("-")[0].lower()
            if primary not in self.languages:
                return f"The language {language[:16]} cannot be recognised by this server."
        return None


TRAITS = {
    CODED: RecognizerTraits(encodings=ENCODINGS, verbatim=True, punctuated=True, quick=True),
    POCKETSPHINX: RecognizerTraits(encodings=ENCODINGS, languages=frozenset({"en"})),
    SHERPA_ONNX: RecognizerTraits(encodings=ENCODINGS),
}


def make_factory(name: str, model_dir: Path | None) -> MakeRecognizer:
    """Prepares one kind of recogniser in this process.

    Args:
        name: A key of `TRAITS`.
        model_dir: Of sherpa-onnx.

    Returns:
        Makes the recogniser of one session.

    Raises:
        ConfigurationError: A library or a model is missing.
    """
    match name:
        case "coded":
            return lambda request: CodedRecognizer(request.audio_format)
        case "pocketsphinx":
            from worker.engine.recognizers.sphinx import SphinxFactory

            return SphinxFactory()
        case "sherpa-onnx":
            from worker.engine.recognizers.sherpa import SherpaFactory

            return SherpaFactory(model_dir)
    raise ValueError(f"no recogniser is called {name}")
