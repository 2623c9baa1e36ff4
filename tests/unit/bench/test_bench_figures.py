"""What is made of measurements."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.calls import write_calls
from tests.bench.figures import Spread, last_needed_byte, pair_ratios, percentile
from tests.chaos.speech import partition_of
from tests.integration.support import CHUNK_BYTES
from worker.engine.recognizers.coded import CodedRecognizer, encode_utterance
from worker.engine.recognizers.events import AudioFormat, Final


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_the_smallest_value_that_enough_others_do_not_exceed(values: list[float], share: float) -> None:
    """At least the share is at or below it, and fewer are below."""
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6
    assert sum(value < found for value in values) < share * len(values) + 1e-6


def test_percentiles_of_a_hundred_values() -> None:
    """The 95th of 100 values is the 95th percentile."""
    values = random.Random(1).sample(range(1, 101), 100)
    assert [percentile(values, share) for share in (0.01, 0.5, 0.95, 0.99, 1.0)] == [1, 50, 95, 99, 100]


def test_an_utterance_is_complete_with_the_last_byte_of_its_last_word() -> None:
    """With that byte the recogniser says its final result, and not before."""
    audio = bytes(640) + encode_utterance("u", ["one", "two"])
    last = last_needed_byte(audio, 0, len(audio))
    recognizer = CodedRecognizer(AudioFormat())
    assert not any(isinstance(event, Final) for event in recognizer.accept(audio[:last]))
    assert isinstance(recognizer.accept(audio[last : last + 1])[-1], Final)


def test_silence_holds_no_utterance() -> None:
    """Where no word was spoken there is nothing to wait for."""
    with pytest.raises(ValueError, match="not found"):
        last_needed_byte(bytes(100), 0, 100)


def test_the_last_record_of_every_utterance_is_known() -> None:
    """Record by record, the recogniser has heard exactly the utterances whose last record has come."""
    (call,) = write_calls(1, 12, 4, 7)
    last, finals = call.last_chunks(), 0
    recognizer = CodedRecognizer(AudioFormat())
    for number, chunk in enumerate(call.script.chunks()):
        assert len(chunk) <= CHUNK_BYTES
        finals += sum(isinstance(event, Final) for event in recognizer.accept(chunk))
        assert finals == sum(place <= number for place in last.values())
    assert finals == len(call.utterances) == len(last)


def test_calls_are_the_same_for_the_same_seed_and_spread_evenly() -> None:
    """Both modes get the same load, and every partition as much as any other."""
    calls = write_calls(16, 2, 4, 7)
    assert calls == write_calls(16, 2, 4, 7)
    assert sorted(call.partition for call in calls) == sorted(list(range(4)) * 4)


@pytest.mark.parametrize("scattered", [False, True])
def test_what_a_partition_says_goes_to_one_partition_or_to_all(scattered: bool) -> None:
    """Kafka's own partitioner says where results go."""
    for partition in range(4):
        calls = [call for call in write_calls(16, 2, 4, 7, scattered=scattered) if call.partition == partition]
        found = {partition_of(call.script.conversation_id, 4) for call in calls}
        assert found == ({0, 1, 2, 3} if scattered else {partition})


def test_a_spread_shows_median_lowest_and_highest() -> None:
    """In this order."""
    assert Spread.of([3.0, 1.0, 1100.5]).show(1) == "3.0 (1.0 to 1,100.5)"


def test_ratios_are_taken_within_rounds() -> None:
    """A slow minute of the machine hits both of a round alike."""
    assert pair_ratios([{"a": 9, "b": 10}, {"a": 1, "b": 2}], "a", "b") == [0.9, 0.5]
