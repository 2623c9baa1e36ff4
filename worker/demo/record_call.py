"""How the recorded call was made: ``python -m worker.demo.record_call`` speaks it anew with flite.

Two voices that come with flite 2.2 read the lines below: ``awb`` is Robert of customer support, ``rms`` is Daniel, who
calls. Silence around each turn is cut off, the level is made equal, and the turns are laid one after the other with a
short pause. Nothing in it belongs to a person: the card number is a well-known test number, the phone number lies in
the range kept free for fiction, the mail address in a domain kept free for examples.

``--measure`` changes nothing and prints the word error rate of every turn, read by pocketsphinx with its own model.
"""

from __future__ import annotations

import argparse
import math
import shutil
import subprocess
import sys
import tempfile
import wave
from array import array
from pathlib import Path
from typing import NamedTuple

import orjson

from worker.demo.recorded_call import CALL, SAMPLE_RATE_HZ, RecordedCall, load_call
from worker.demo.wer import normalise_words, word_errors

TITLE = "Support call about a double payment"
PAUSE_MS = 250
MARGIN_MS = 60
SILENT_BELOW = 150
LEVEL = 2000.0
PEAK = 30_000.0
CHUNK_BYTES = SAMPLE_RATE_HZ // 10 * 2


class Voice(NamedTuple):
    """Who speaks, and how flite calls the voice."""

    speaker: str
    flite: str


VOICES = {"agent": Voice("Robert", "awb"), "customer": Voice("Daniel", "rms")}

LINES: tuple[tuple[str, str], ...] = (
    ("agent", "Thank you for calling. My name is Robert. What can I do for you today?"),
    ("customer", "Good morning Robert. I have a question about my last order."),
    ("agent", "I am sorry to hear that. Can I have your name and your email address please?"),
    ("customer", "My name is Daniel Stone. You can write to daniel at example dot com."),
    ("agent", "Thank you. What is wrong with the bill?"),
    ("customer", "I paid for it twice on the third of October."),
    ("agent", "I can see two payments from October. Which credit card did you use?"),
    (
        "customer",
        "The card number is four one one one, one one one one, one one one one, one one one one.",
    ),
    ("agent", "And what is your phone number?"),
    ("customer", "My phone number is two one two, five five five, zero one four seven."),
    ("agent", "I will send the money back to your credit card by Friday."),
    ("customer", "When will I get the money back?"),
    ("agent", "It should take about five days. I will also send you an email tomorrow morning."),
    ("customer", "That is very good to know."),
    ("agent", "I will speak with you again next week. Is Tuesday afternoon good for you?"),
    ("customer", "Tuesday afternoon is fine. Thank you for your help."),
    ("agent", "Thank you Daniel. Goodbye."),
)


def speak(voice: Voice, text: str) -> array[int]:
    """One turn, without the silence around it and at the common level."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "turn.wav"
        subprocess.run(["flite", "-voice", voice.flite, "-t", text, "-o", str(file)], check=True)  # noqa: S603, S607
        with wave.open(str(file)) as wav:
            if wav.getparams()[:3] != (1, 2, SAMPLE_RATE_HZ):
                raise ValueError(f"flite's voice {voice.flite} does not speak 16-bit mono at {SAMPLE_RATE_HZ} Hz")
            samples = array("h", wav.readframes(wav.getnframes()))
    loud = [at for at, sample in enumerate(samples) if abs(sample) >= SILENT_BELOW]
    margin = MARGIN_MS * SAMPLE_RATE_HZ // 1000
    heard = [samples[at] for at in loud]
    gain = min(LEVEL / math.sqrt(sum(sample * sample for sample in heard) / len(heard)), PEAK / max(map(abs, heard)))
    return array("h", (round(gain * sample) for sample in samples[max(0, loud[0] - margin) : loud[-1] + margin]))


def record(folder: Path) -> None:
    """Speak all turns into ``folder`` and describe them in its call.json."""
    folder.mkdir(parents=True, exist_ok=True)
    at_ms = PAUSE_MS
    turns = []
    for number, (stream, text) in enumerate(LINES, 1):
        voice = VOICES[stream]
        samples = speak(voice, text)
        file = f"{number:02d}-{stream}.wav"
        with wave.open(str(folder / file), "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(SAMPLE_RATE_HZ)
            wav.writeframes(samples.tobytes())
        turns.append({"file": file, "stream": stream, "speaker": voice.speaker, "start_ms": at_ms, "text": text})
        at_ms += math.ceil(len(samples) * 1000 / SAMPLE_RATE_HZ) + PAUSE_MS
    call = {"title": TITLE, "length_ms": at_ms, "turns": turns}
    (folder / CALL.name).write_bytes(orjson.dumps(call, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def recognise(audio: bytes) -> str:
    """What pocketsphinx hears in one turn, fed as a stream would feed it."""
    from pocketsphinx import Decoder  # type: ignore[import-untyped]  # optional dependency

    decoder = Decoder(samprate=SAMPLE_RATE_HZ, loglevel="FATAL")
    decoder.start_utt()
    for at in range(0, len(audio), CHUNK_BYTES):
        decoder.process_raw(audio[at : at + CHUNK_BYTES], no_search=False, full_utt=False)
    decoder.end_utt()
    heard = decoder.hyp()
    return "" if heard is None else str(heard.hypstr)


def measure(call: RecordedCall) -> None:
    """Print what is recognised wrongly, and the word error rate of each speaker."""
    for stream, speaker in call.streams.items():
        said = wrong = 0
        for turn in call.turns:
            if turn.stream == stream:
                heard = recognise(turn.audio)
                errors = word_errors(normalise_words(turn.text), normalise_words(heard))
                said += len(normalise_words(turn.text))
                wrong += errors
                if errors:
                    sys.stdout.write(f"  {turn.text}\n  -> {heard}\n")
        sys.stdout.write(f"{speaker}: {wrong} of {said} words wrong, {wrong / said:.1%}\n")
    sys.stdout.write(f"{len(call.turns)} turns, {call.length_ms / 1000:.1f} s\n")


def main() -> int:
    """Record, or measure what was recorded."""
    arguments = argparse.ArgumentParser(description="Speak the demo's call anew, or measure it.")
    arguments.add_argument("--measure", action="store_true", help="print the word error rate of the call as it is")
    if arguments.parse_args().measure:
        measure(load_call())
        return 0
    if shutil.which("flite") is None:
        sys.stderr.write("flite is needed to speak the call (Debian: apt install flite)\n")
        return 1
    record(CALL.parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
