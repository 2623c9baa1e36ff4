"""sherpa-onnx with a streaming model that the operator brings: transducer, paraformer or CTC.

The kind of the model is told by the files in its folder:

    tokens.txt                           always
    *encoder*.onnx *decoder*.onnx *joiner*.onnx   transducer (zipformer and others)
    *encoder*.onnx *decoder*.onnx        paraformer
    one other *.onnx                     CTC: NeMo when its name says so, else zipformer2
    bpe.vocab                            with a transducer: it can favour vocabularies, and searches more widely

Quantised files (``*.int8.onnx``) are taken when there are no others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from worker.engine.recognizers.events import Event, Final, HeardWord, Partial, SpeechRequest
from worker.engine.recognizers.models import Models, find_models
from worker.engine.recognizers.pcm import TARGET_HZ, Samples
from worker.engine.recognizers.speech import SpeechRecognizer
from worker.engine.recognizers.vocabulary import spoken_words
from worker.errors import ConfigurationError

_PAUSE_SECONDS = 0.5
_LEADING_SILENCE_SECONDS = 2.4
_LONGEST_SECONDS = 15.0
# Streaming models see a little into the future; without this the last word would be lost.
_TAIL = np.zeros(int(0.66 * TARGET_HZ), dtype=np.int16)
# SentencePiece marks the beginning of a word so.
_WORD_BEGINS = ("▁", " ")
_LAST_TOKEN_SECONDS = 0.1
_CONTROL_TOKEN = re.compile(r"<[^>\s]*>")


class SherpaFactory:
    """Loads the model once; its sessions share it.

    Raises:
        ConfigurationError: The library or the model is missing, or cannot be loaded.
    """

    def __init__(self, model_dir: Path | None) -> None:
        try:
            import sherpa_onnx  # type: ignore[import-not-found,unused-ignore] # an extra of its own
        except ImportError as error:
            raise ConfigurationError("the recogniser sherpa-onnx needs the extra 'sherpa'") from error
        self._models = Models(find_models(model_dir, is_sherpa_model), lambda folder: SherpaModel(sherpa_onnx, folder))

    def __call__(self, request: SpeechRequest) -> SpeechRecognizer:
        model = self._models.choose(request.language)
        hotwords = model.hotwords(request.vocabulary)
        ignored = len(request.vocabulary) - len(hotwords)
        transcriber = SherpaTranscriber(model.recognizer, hotwords)
        return SpeechRecognizer(transcriber, request.audio_format, ignored_vocabulary=ignored)


def is_sherpa_model(folder: Path) -> bool:
    return (folder / "tokens.txt").is_file()


class SherpaModel:
    """A loaded model.

    Raises:
        ConfigurationError: It cannot be loaded.
    """

    def __init__(self, library: Any, folder: Path) -> None:
        self.recognizer: Any = load_model(library, folder)
        self._favours = favours_vocabulary(folder)
        # Models that know capitals only know no other spelling.
        tokens = (folder / "tokens.txt").read_text(encoding="utf-8") if self._favours else ""
        self._capitals = not any(letter.islower() for letter in _CONTROL_TOKEN.sub("", tokens))

    def hotwords(self, vocabulary: tuple[str, ...]) -> list[str]:
        """The entries of a vocabulary that it can favour, as it writes them."""
        if not self._favours:
            return []
        phrases = [" ".join(spoken_words(text)) for text in vocabulary]
        return [phrase.upper() if self._capitals else phrase for phrase in phrases if phrase]


def load_model(library: Any, model_dir: Path) -> Any:
    """An `OnlineRecognizer` for the model in a folder.

    Raises:
        ConfigurationError: The folder holds no streaming model that we know.
    """
    tokens = model_dir / "tokens.txt"
    encoder, decoder, joiner = (_find(model_dir, f"*{part}*.onnx") for part in ("encoder", "decoder", "joiner"))
    common = {
        "tokens": str(tokens),
        "num_threads": 1,
        "sample_rate": TARGET_HZ,
        "enable_endpoint_detection": True,
        "rule1_min_trailing_silence": _LEADING_SILENCE_SECONDS,
        "rule2_min_trailing_silence": _PAUSE_SECONDS,
        "rule3_min_utterance_length": _LONGEST_SECONDS,
    }
    make = library.OnlineRecognizer
    try:
        if encoder and decoder and joiner:
            if favours_vocabulary(model_dir):
                common |= {
                    "decoding_method": "modified_beam_search",
                    "modeling_unit": "bpe",
                    "bpe_vocab": str(model_dir / "bpe.vocab"),
                }
            return make.from_transducer(encoder=str(encoder), decoder=str(decoder), joiner=str(joiner), **common)
        if encoder and decoder:
            return make.from_paraformer(encoder=str(encoder), decoder=str(decoder), **common)
        model = _find(model_dir, "*.onnx")
        if model is None:
            raise ConfigurationError(f"{model_dir} holds no streaming model (*.onnx)")
        if "nemo" in f"{model_dir.name}/{model.name}".lower():
            return make.from_nemo_ctc(model=str(model), **common)
        return make.from_zipformer2_ctc(model=str(model), **common)
    except (RuntimeError, ValueError, OSError) as error:
        raise ConfigurationError(f"the model in {model_dir} cannot be loaded") from error


def favours_vocabulary(model_dir: Path) -> bool:
    """Whether the model is a transducer that knows how its words are written in pieces."""
    return (model_dir / "bpe.vocab").is_file() and _find(model_dir, "*joiner*.onnx") is not None


class SherpaTranscriber:
    """One session; endpoints are the library's own."""

    _stream: Any
    _said: str

    def __init__(self, recognizer: Any, hotwords: Sequence[str]) -> None:
        self._recognizer = recognizer
        self._hotwords = "/".join(hotwords) or None
        self._restart()

    def __repr__(self) -> str:
        return f"<SherpaTranscriber at sample {self._samples}>"

    def hear(self, samples: Samples) -> list[Event]:
        self._samples += samples.size
        self._stream.accept_waveform(TARGET_HZ, _floats(samples))
        self._decode()
        text = self._recognizer.get_result(self._stream).strip()
        events: list[Event] = []
        if text and text != self._said:
            self._said = text
            events.append(Partial(text))
        if self._recognizer.is_endpoint(self._stream):
            events += self._end_utterance()
            self._recognizer.reset(self._stream)
            self._begin_seconds = self._samples / TARGET_HZ
        return events

    def finish(self) -> list[Event]:
        self._stream.accept_waveform(TARGET_HZ, _floats(_TAIL))
        self._stream.input_finished()
        self._decode()
        return self._end_utterance()

    def reset(self) -> None:
        self._restart()

    def close(self) -> None:
        self._stream = None

    def _restart(self) -> None:
        self._stream = self._recognizer.create_stream(self._hotwords)
        self._samples = 0
        self._begin_seconds = 0.0
        self._said = ""

    def _decode(self) -> None:
        while self._recognizer.is_ready(self._stream):
            self._recognizer.decode_stream(self._stream)

    def _end_utterance(self) -> list[Event]:
        self._said = ""
        tokens = self._recognizer.tokens(self._stream)
        times = self._recognizer.timestamps(self._stream)
        # The library has not looked at all that it was given; where it does not say how much, ours is near.
        begin_seconds = float(self._recognizer.start_time(self._stream)) or self._begin_seconds
        words = words_of(tokens, times, begin_seconds)
        if not words:
            # Models without timestamps still say what they heard.
            now = self._samples / TARGET_HZ
            spoken = self._recognizer.get_result(self._stream).split()
            words = [HeardWord(word, self._begin_seconds, now) for word in spoken]
        return [Final(tuple(words))] if words else []


def words_of(tokens: list[str], times: list[float], begin_seconds: float) -> list[HeardWord]:
    """Joins the pieces that a model writes into words, each until the next one begins.

    A word begins with a mark or a space (SentencePiece); in models that use neither, every piece that does not
    end with ``@@`` ends one.
    """
    if len(tokens) != len(times):
        return []
    marked = any(token.startswith(_WORD_BEGINS) for token in tokens)
    words: list[HeardWord] = []
    text, start, last = "", 0.0, 0.0
    continued = False
    for token, time in zip(tokens, times, strict=True):
        begins = token.startswith(_WORD_BEGINS) if marked else not continued
        if begins and text:
            words.append(HeardWord(text, begin_seconds + start, begin_seconds + max(time, start)))
            text = ""
        if not text:
            start = time
        continued = token.endswith("@@")
        text += token.lstrip("▁ ").removesuffix("@@")
        last = time
    if text:
        words.append(HeardWord(text, begin_seconds + start, begin_seconds + last + _LAST_TOKEN_SECONDS))
    return words


def _find(folder: Path, pattern: str) -> Path | None:
    """The only match, or the first by name; plain files before quantised ones."""
    found = sorted(folder.glob(pattern), key=lambda path: (".int8." in path.name, path.name))
    return found[0] if found else None


def _floats(samples: Samples) -> Any:
    return samples.astype(np.float32) / 32768.0
