"""Faults are a function of the seed, and a run's speech, too."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chaos.schedule import (
    BROKER_FAULTS,
    FAULTS,
    OUTLASTS_SESSION,
    Fault,
    Surroundings,
    counted,
    plan,
    spoken_seconds,
)
from tests.chaos.speaker import chunks
from tests.chaos.speech import bytes_per_second, compose, name_conversations, partition_of, write_speech
from tests.chaos.verdict import OWN_WORD
from worker.engine.recognizers.coded import CodedRecognizer
from worker.engine.recognizers.events import AudioFormat, Final

SEEDS = st.integers(0, 10**6)


HERE = Surroundings(workers=3, engines=2, brokers=3, session_seconds=6.0, broker_session_seconds=3.0)


def planned(seed: int, seconds: float = 600.0, kinds: tuple[str, ...] = FAULTS) -> tuple[Fault, ...]:
    return plan(seed, kinds, HERE, seconds=seconds)


@given(SEEDS)
def test_a_seed_is_a_schedule(seed: int) -> None:
    """The same seed gives the same faults, another one gives others."""
    assert planned(seed) == planned(seed)
    assert planned(seed) != planned(seed + 1)


@given(SEEDS, st.sets(st.sampled_from(FAULTS), min_size=1).map(lambda kinds: tuple(sorted(kinds))))
def test_all_kinds_come_and_none_too_often(seed: int, kinds: tuple[str, ...]) -> None:
    """Only what was asked for, each kind as often as any other, one at most more."""
    numbers = counted(planned(seed, kinds=kinds))
    assert set(numbers) == set(kinds)
    assert max(numbers.values()) - min(numbers.values()) <= 1


@given(SEEDS, st.integers(2, 4))
def test_half_an_hour_has_sixty_faults_of_every_kind(seed: int, workers: int) -> None:
    """At least sixty in all, and every kind several times, whatever the seed."""
    around = Surroundings(workers=workers, engines=2, brokers=3, session_seconds=6.0, broker_session_seconds=3.0)
    numbers = counted(plan(seed, FAULTS, around, seconds=1800.0))
    assert sum(numbers.values()) >= 60
    assert set(numbers) == set(FAULTS)
    assert min(numbers.values()) >= 5


@given(SEEDS, st.integers(0, 30))
def test_as_many_faults_as_asked_for(seed: int, count: int) -> None:
    """It is spoken until the last one is recovered from."""
    faults = plan(seed, ("kill-worker",), HERE, count=count)
    assert len(faults) == count
    assert all(fault.at + fault.seconds + 10 < spoken_seconds(faults, HERE) for fault in faults)


@given(SEEDS, st.floats(0, 300))
def test_faults_do_not_overlap_and_hit_what_exists(seed: int, seconds: float) -> None:
    """One is over before the next begins; nothing begins after the end; some outlast the session timeouts."""
    faults = planned(seed, seconds)
    assert all(fault.at < seconds for fault in faults)
    assert all(before.at + before.seconds < after.at for before, after in pairwise(faults))
    for fault in faults:
        assert 0 <= fault.target < {"kill-engine": 2}.get(fault.kind, 3)
        assert fault.kind not in OUTLASTS_SESSION or fault.seconds > HERE.session_seconds
        assert fault.kind != "freeze-broker" or fault.seconds > HERE.broker_session_seconds


def test_no_fault_and_impossible_faults() -> None:
    """No kinds: no faults. An unknown one is an error that names it; so are brokers that are not ours to hurt."""
    assert planned(1, kinds=()) == ()
    with pytest.raises(ValueError, match="earthquake"):
        planned(1, kinds=("earthquake",))
    elsewhere = Surroundings(workers=3, engines=2, brokers=0, session_seconds=6.0, broker_session_seconds=3.0)
    assert not set(elsewhere.possible()) & set(BROKER_FAULTS)
    with pytest.raises(ValueError, match="kill-broker"):
        plan(1, ("kill-broker",), elsewhere, seconds=60.0)


@given(st.integers(0, 50), st.integers(1, 12))
def test_conversations_are_spread_evenly_by_kafkas_own_partitioner(count: int, partitions: int) -> None:
    """Their names are different, and no partition has two more than another."""
    names = name_conversations(count, partitions)
    assert len(names) == count
    assert all(partition_of(name, partitions) == partition for name, partition in names.items())
    numbers = [list(names.values()).count(partition) for partition in range(partitions)]
    assert max(numbers) - min(numbers) <= 1


def test_the_partitioner_is_that_of_java() -> None:
    """Hashes that Apache Kafka's own tests expect (UtilsTest.testMurmur2), without their sign."""
    hashes = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536}
    assert all(partition_of(key, 1 << 31) == value & 0x7FFFFFFF for key, value in hashes.items())


@settings(deadline=None)
@given(SEEDS)
def test_every_utterance_can_be_told_from_all_others(seed: int) -> None:
    """Tags differ on all streams and stand in own words only; the audio is an utterance longer than asked at most."""
    rng = random.Random(seed)
    speeches = [
        compose(f"call-{number}", stream, 8.0, rng, sample_bytes=1) for number in range(2) for stream in ("s0", "s1")
    ]
    tags = [utterance.tag for speech in speeches for utterance in speech.utterances]
    assert len(set(tags)) == len(tags)
    for speech in speeches:
        assert all({each.tag} == set(OWN_WORD.findall(each.text)) for each in speech.utterances)
        assert 8.0 <= sum(map(len, speech.audio())) / bytes_per_second(1) < 8.0 + 5.0


@settings(deadline=None)
@given(SEEDS, st.sampled_from([AudioFormat(), AudioFormat(encoding="MULAW", sample_rate_hz=8000)]))
def test_the_recogniser_hears_what_was_written_where_it_was_written(seed: int, heard_as: AudioFormat) -> None:
    """Every utterance, whole, at its place in the audio; a speech can be played twice."""
    assert bytes_per_second(1 if heard_as.encoding == "MULAW" else 2) == heard_as.bytes_per_second
    speech = compose("call", "s0", 8.0, random.Random(seed), sample_bytes=1 if heard_as.encoding == "MULAW" else 2)
    audio = b"".join(speech.audio())
    assert audio == b"".join(speech.audio())
    recognizer = CodedRecognizer(heard_as)
    heard = [event for event in recognizer.accept(audio) if isinstance(event, Final)]
    assert [event.text for event in heard] == [each.text for each in speech.utterances]
    assert all(
        abs(event.words[0].start_seconds * 1000 - each.start_ms) <= 1
        for event, each in zip(heard, speech.utterances, strict=True)
    )


def test_a_script_is_the_same_speech() -> None:
    """All at once, for those who want it so."""
    script, utterances = write_speech("call", "s0", 8.0, random.Random(1))
    speech = compose("call", "s0", 8.0, random.Random(1), sample_bytes=2)
    assert (tuple(utterances), script.audio) == (speech.utterances, b"".join(speech.audio()))
    assert script.utterances == [each.text for each in utterances]


@given(st.lists(st.binary(max_size=30)), st.integers(1, 20))
def test_chunks_are_the_same_bytes(pieces: list[bytes], length: int) -> None:
    """All of one length but the last."""
    cut = list(chunks(pieces, length))
    assert b"".join(cut) == b"".join(pieces)
    assert all(len(chunk) == length for chunk in cut[:-1])
    assert all(0 < len(chunk) <= length for chunk in cut)
