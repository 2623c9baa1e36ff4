"""What is said in a run: coded speech whose every utterance can be told from all others. Pure."""

from __future__ import annotations

import itertools
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from aiokafka.partitioner import murmur2

from tests.chaos.verdict import Utterance
from tests.integration.support import Script
from worker.engine.recognizers.coded import encode_utterance

BYTES_PER_MS = 32
"""Of 16 kHz LINEAR16."""
# By what becomes of them: nothing, a question, an action item. ``{}`` is where the words of the utterance's own go.
PHRASES = ((None, "{}."), ("question", "Could you tell me the {}?"), ("action_item", "I will send you the {}."))
INSIGHT_KINDS = tuple(kind for kind, _ in PHRASES if kind is not None)


@dataclass(frozen=True, kw_only=True)
class Speech:
    """What is said on one stream.

    Args:
        sample_bytes: 2 for 16 kHz LINEAR16, 1 for 8 kHz mu-law.
        lead_bytes: Silence before the first utterance.
        gaps_seconds: Silence after each utterance.
    """

    conversation_id: str
    stream: str
    sample_bytes: int
    lead_bytes: int
    utterances: tuple[Utterance, ...]
    gaps_seconds: tuple[float, ...]

    def audio(self) -> Iterator[bytes]:
        """The audio from its beginning, in pieces; made anew each time, since half an hour of many streams is much."""
        yield bytes(self.lead_bytes)
        for number, (utterance, gap) in enumerate(zip(self.utterances, self.gaps_seconds, strict=True)):
            yield _encode(number, utterance.text, gap, self.sample_bytes)


def write_speech(
    conversation_id: str, stream: str, seconds: float, rng: random.Random
) -> tuple[Script, list[Utterance]]:
    """Utterances for so many seconds, with pauses between them: the audio, 16 kHz LINEAR16, and what must come out."""
    speech = compose(conversation_id, stream, seconds, rng, sample_bytes=2)
    utterances = list(speech.utterances)
    texts, starts_ms = [each.text for each in utterances], [each.start_ms for each in utterances]
    return Script(conversation_id, stream, texts, starts_ms, b"".join(speech.audio())), utterances


def compose(conversation_id: str, stream: str, seconds: float, rng: random.Random, *, sample_bytes: int) -> Speech:
    """The same, as speech whose audio is made when it is played.

    Words of an utterance's own are ``w<tag>x<number>``; the tag is a checksum of conversation, stream and place.
    """
    utterances: list[Utterance] = []
    gaps: list[float] = []
    rate = bytes_per_second(sample_bytes)
    lead = length = rate // 10 * rng.randrange(1, 4)
    while length < seconds * rate:
        tag = f"{zlib.crc32(f'{conversation_id}/{stream}/{len(utterances)}'.encode()):08x}"
        kind, phrase = rng.choice(PHRASES)
        text = phrase.format(" ".join(f"w{tag}x{number}" for number in range(rng.randrange(2, 6))))
        gap = rng.uniform(0.2, 1.2)
        start_ms = length * 1000 // rate
        length += len(_encode(len(utterances), text, gap, sample_bytes))
        utterances.append(Utterance(tag=tag, text=text, start_ms=start_ms, insight=kind))
        gaps.append(gap)
    return Speech(
        conversation_id=conversation_id,
        stream=stream,
        sample_bytes=sample_bytes,
        lead_bytes=lead,
        utterances=tuple(utterances),
        gaps_seconds=tuple(gaps),
    )


def name_conversations(count: int, partitions: int) -> dict[str, int]:
    """Names of conversations with the partition that Kafka's own partitioner gives each, evenly spread.

    So every record about a conversation has the same partition number in all topics, as with producers in Java.
    """
    names: dict[str, int] = {}
    for number in range(count):
        candidates = (f"call-{number}.{attempt}" for attempt in itertools.count())
        name = next(each for each in candidates if partition_of(each, partitions) == number % partitions)
        names[name] = number % partitions
    return names


def partition_of(key: str, partitions: int) -> int:
    """What Kafka's own partitioner says: murmur2 without its sign, modulo the number of partitions."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def bytes_per_second(sample_bytes: int) -> int:
    """Of 16 kHz LINEAR16 or 8 kHz mu-law."""
    return BYTES_PER_MS * 1000 if sample_bytes == 2 else 8000


def _encode(number: int, text: str, gap_seconds: float, sample_bytes: int) -> bytes:
    return encode_utterance(
        f"u{number}",
        text.split(),
        bytes_per_second=bytes_per_second(sample_bytes),
        sample_bytes=sample_bytes,
        gap_seconds=gap_seconds,
    )
