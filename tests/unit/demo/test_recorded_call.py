"""The recorded call."""

import itertools
from pathlib import Path

import orjson
import pytest

from worker.demo.record_call import LINES, VOICES
from worker.demo.recorded_call import BYTES_PER_MS, CALL, SAMPLE_RATE_HZ, load_call
from worker.demo.wer import normalise_words
from worker.wav import WavError


def test_the_call_is_what_the_script_says() -> None:
    """The texts in call.json are the lines that were spoken, with their speakers."""
    said = [(turn.stream, turn.text) for turn in load_call().turns]
    assert said == list(LINES)
    assert load_call().streams == {stream: voice.speaker for stream, voice in VOICES.items()}


def test_turns_do_not_overlap() -> None:
    """One person speaks at a time, and the call is long enough for all."""
    call = load_call()
    for earlier, later in itertools.pairwise(call.turns):
        assert earlier.end_ms < later.start_ms
    assert call.turns[-1].end_ms < call.length_ms
    assert 55_000 <= call.length_ms <= 68_000


def test_stream_audio_has_turns_in_their_places() -> None:
    """A stream is as long as the call, holds its own turns where they were said, and silence elsewhere."""
    call = load_call()
    agent = call.audio("agent")
    assert agent.sample_rate_hz == SAMPLE_RATE_HZ
    assert len(agent.audio) == call.length_ms * BYTES_PER_MS
    for turn in call.turns:
        start = turn.start_ms * BYTES_PER_MS
        there = agent.audio[start : start + len(turn.audio)]
        assert there == (turn.audio if turn.stream == "agent" else bytes(len(turn.audio)))


def test_card_number_is_spoken_whole() -> None:
    """The card number has sixteen digits that pass the Luhn check, so that redaction has something to find."""
    (text,) = [turn.text for turn in load_call().turns if "card number" in turn.text]
    names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    digits = [names.index(word) for word in normalise_words(text) if word in names]
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 == 0 else digit for place, digit in enumerate(digits)]
    assert len(digits) == 16
    assert sum(doubled) % 10 == 0


def test_reference_joins_the_turns() -> None:
    """The reference of a stream is everything said in it, in order."""
    call = load_call()
    assert call.reference("agent").startswith("Thank you for calling.")
    assert len(normalise_words(call.reference("agent") + " " + call.reference("customer"))) > 150


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A call whose audio is missing says which file."""
    described = orjson.loads(CALL.read_bytes())
    (tmp_path / "call.json").write_bytes(orjson.dumps(described))
    with pytest.raises(WavError, match=r"01-agent\.wav"):
        load_call(tmp_path / "call.json")
