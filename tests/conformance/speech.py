"""What the clients say, and what the engine must make of it. Written by hand, not by the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from worker.demo.recorded_call import SAMPLE_RATE_HZ, load_call
from worker.engine.recognizers.coded import encode_utterance

BYTES_PER_SECOND = 2 * SAMPLE_RATE_HZ
CALL_STREAM = "agent"
CALL_TURNS = 2
CALL_GAP_SECONDS = 0.8

SPEAKER = {"userId": "ines@example.com", "name": "Ines"}
UTTERANCES = (
    "Thank you for calling the Riverside bakery.",
    "I want to change the wedding cake order for Saturday.",
    "Where is the delivery invoice?",
    "I will send the invoice to you by email tomorrow.",
    "The wedding cake needs a new delivery address.",
    "Let us follow up on the wedding cake next Monday.",
    "How much is the delivery to Oakland?",
    "The delivery costs twenty dollars.",
    "I will call the baker about the wedding cake.",
    "That is everything for today.",
)
QUESTIONS = ("Where is the delivery invoice?", "How much is the delivery to Oakland?")
ACTION_ITEMS = (
    "Ines will send the invoice to you by email tomorrow.",
    "Ines will call the baker about the wedding cake.",
)
FOLLOW_UPS = ("Ines will follow up on the wedding cake next Monday.",)
TRACKERS = (
    {"name": "Delivery", "vocabulary": ["delivery", "delivery address"]},
    {"name": "Money", "vocabulary": ["invoice", "refund"]},
)
TRACKER_MATCHES = {"Delivery": ["delivery", "delivery address"], "Money": ["invoice"]}
TOPICS = ("wedding cake", "delivery")
# Words of the recorded call that pocketsphinx, which is not a good recogniser, has to get right all the same.
MUST_HEAR = ("thank", "calling", "name", "robert", "today", "sorry", "hear", "email", "address", "please")


def write_speech(folder: Path) -> dict[str, str]:
    """Write the audio files and what is expected of them; returns the environment that names them."""
    coded, ends = _coded_speech()
    call, text = _recorded_speech()
    expected: dict[str, Any] = {
        "speaker": SPEAKER,
        "coded": {
            "seconds": len(coded) / BYTES_PER_SECOND,
            "utterances": UTTERANCES,
            "utterance_ends": ends,
            "messages": UTTERANCES,
            "questions": QUESTIONS,
            "action_items": ACTION_ITEMS,
            "follow_ups": FOLLOW_UPS,
            "trackers": TRACKERS,
            "tracker_matches": TRACKER_MATCHES,
            "topics": TOPICS,
        },
        "call": {"seconds": len(call) / BYTES_PER_SECOND, "text": text, "must_hear": MUST_HEAR},
    }
    files = {"CODED_PCM": coded, "CALL_PCM": call, "EXPECTED": orjson.dumps(expected)}
    names = {"CODED_PCM": "coded.pcm", "CALL_PCM": "call.pcm", "EXPECTED": "expected.json"}
    for variable, content in files.items():
        (folder / names[variable]).write_bytes(content)
    return {variable: str(folder / name) for variable, name in names.items()}


def _coded_speech() -> tuple[bytes, list[int]]:
    """The utterances as coded speech, and the byte at which each has ended."""
    audio = bytearray()
    ends = []
    for number, text in enumerate(UTTERANCES):
        audio += encode_utterance(f"u{number}", text.split())
        ends.append(len(audio))
    return bytes(audio), ends


def _recorded_speech() -> tuple[bytes, str]:
    """The first turns of one speaker of the demo's call, with short pauses, and what is said."""
    turns = [turn for turn in load_call().turns if turn.stream == CALL_STREAM][:CALL_TURNS]
    gap = bytes(int(CALL_GAP_SECONDS * SAMPLE_RATE_HZ) * 2)
    return gap + b"".join(turn.audio + gap for turn in turns), " ".join(turn.text for turn in turns)
