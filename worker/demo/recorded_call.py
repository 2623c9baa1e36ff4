"""The recorded call: what is said, by whom, when, and the audio of each speaker's stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import orjson

from worker.records import Encoding
from worker.wav import Wav, WavError, read_wav

CALL = Path(__file__).parent / "call" / "call.json"
SAMPLE_RATE_HZ = 16_000
BYTES_PER_MS = 2 * SAMPLE_RATE_HZ // 1000


@dataclass(frozen=True, slots=True)
class Turn:
    """One uninterrupted contribution of a speaker."""

    stream: str
    speaker: str = field(repr=False)
    start_ms: int
    text: str = field(repr=False)
    audio: bytes = field(repr=False)

    @property
    def end_ms(self) -> int:
        """When it has been said."""
        return self.start_ms + len(self.audio) // BYTES_PER_MS


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """Turns in the order in which they are said; no two overlap. LINEAR16, 16 kHz, mono."""

    title: str
    length_ms: int
    turns: tuple[Turn, ...]

    @property
    def streams(self) -> dict[str, str]:
        """Name of the stream to name of its speaker, in the order of their first words."""
        return {turn.stream: turn.speaker for turn in self.turns}

    def audio(self, stream: str) -> Wav:
        """A stream's own time line: its turns in their places, silence everywhere else."""
        line = bytearray(self.length_ms * BYTES_PER_MS)
        for turn in self.turns:
            if turn.stream == stream:
                at = turn.start_ms * BYTES_PER_MS
                line[at : at + len(turn.audio)] = turn.audio
        return Wav(Encoding.LINEAR16, SAMPLE_RATE_HZ, 1, bytes(line))

    def reference(self, stream: str) -> str:
        """Everything that is said in a stream."""
        return " ".join(turn.text for turn in self.turns if turn.stream == stream)


def load_call(path: Path = CALL) -> RecordedCall:
    """Read a call from its JSON file and the WAV files beside it.

    Raises:
        WavError: a file is missing or in another format than the rest.
    """
    described = orjson.loads(path.read_bytes())
    turns = []
    for turn in described["turns"]:
        wav = read_wav(path.parent / turn["file"])
        if (wav.encoding, wav.sample_rate_hz, wav.channels) != (Encoding.LINEAR16, SAMPLE_RATE_HZ, 1):
            raise WavError(f"{turn['file']}: must be 16-bit PCM, {SAMPLE_RATE_HZ} Hz, mono")
        turns.append(Turn(turn["stream"], turn["speaker"], turn["start_ms"], turn["text"], wav.audio))
    return RecordedCall(described["title"], described["length_ms"], tuple(turns))
