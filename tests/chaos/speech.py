"""What is said in a run: coded speech whose every utterance can be told from all others. Pure."""

from __future__ import annotations

import random
import zlib

from tests.chaos.verdict import Utterance
from tests.integration.support import Script
from worker.engine.recognizers.coded import encode_utterance

BYTES_PER_MS = 32
# By what becomes of them: nothing, a question, an action item. ``{}`` is where the words of the utterance's own go.
PHRASES = ((None, "{}."), ("question", "Could you tell me the {}?"), ("action_item", "I will send you the {}."))
INSIGHT_KINDS = tuple(kind for kind, _ in PHRASES if kind is not None)


def write_speech(
    conversation_id: str, stream: str, seconds: float, rng: random.Random
) -> tuple[Script, list[Utterance]]:
    """Utterances for so many seconds, with pauses between them: the audio, and what must come out.

    Words of an utterance's own are ``w<tag>x<number>``; the tag is a checksum of conversation, stream and place.
    """
    utterances: list[Utterance] = []
    audio = bytearray(3200 * rng.randrange(1, 4))
    while len(audio) < seconds * 1000 * BYTES_PER_MS:
        tag = f"{zlib.crc32(f'{conversation_id}/{stream}/{len(utterances)}'.encode()):08x}"
        kind, phrase = rng.choice(PHRASES)
        text = phrase.format(" ".join(f"w{tag}x{number}" for number in range(rng.randrange(2, 6))))
        utterances.append(Utterance(tag=tag, text=text, start_ms=len(audio) // BYTES_PER_MS, insight=kind))
        audio += encode_utterance(f"u{len(utterances)}", text.split(), gap_seconds=rng.uniform(0.2, 1.2))
    starts = [utterance.start_ms for utterance in utterances]
    script = Script(conversation_id, stream, [utterance.text for utterance in utterances], starts, bytes(audio))
    return script, utterances
