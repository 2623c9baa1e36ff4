from __future__ import annotations

import re

import pytest

from tests.contracts import SCHEMAS
from worker.output.events import DEAD_LETTER_VALUE_LIMIT_BYTES
from worker.output.topics import TopicConfiguration, Topics, recommended


def _by_name(topics: Topics, partitions: int = 12) -> dict[str, TopicConfiguration]:
    return {topic.name: topic for topic in recommended(topics, input_partitions=partitions)}


def test_default_names_are_the_documented_ones() -> None:
    """Whoever keeps the defaults finds every topic in the contract."""
    contracts = (SCHEMAS.parent / "docs" / "contracts.md").read_text(encoding="utf-8")
    documented = {name.rstrip(".") for name in re.findall(r"symbl\.[a-z.-]+", contracts)}
    assert documented == {*Topics().audio, *Topics().outputs().values()}


@pytest.mark.parametrize(
    ("first", "second"), [("transcripts", "redacted"), ("captions", "insights"), ("state", "dead_letters")]
)
def test_two_outputs_never_share_a_topic(first: str, second: str) -> None:
    """Text in the clear cannot be configured into a topic that promises masked text."""
    with pytest.raises(ValueError, match=f"{second}.*{first}|{first}.*{second}"):
        Topics(**{first: "same", second: "same"})  # type: ignore[arg-type]  # names of string fields


def test_an_output_is_never_an_input() -> None:
    """The worker does not read back as audio what it has written, and reads no topic twice."""
    with pytest.raises(ValueError, match="captions"):
        Topics(audio=("a", "b"), captions="b")
    with pytest.raises(ValueError, match="audio"):
        Topics(audio=("a", "a"))


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "ä", "a\n", "a" * 250])
def test_names_that_kafka_refuses_are_refused(name: str) -> None:
    """A name that no broker accepts is found at start, and the text says which setting it is."""
    with pytest.raises(ValueError, match="insights"):
        Topics(insights=name)


def test_there_is_something_to_read() -> None:
    """A worker without an input topic is a mistake in the settings."""
    with pytest.raises(ValueError, match="audio"):
        Topics(audio=())


def test_every_topic_has_one_recommendation() -> None:
    """No topic is left to a broker's defaults."""
    topics = Topics(audio=("a", "b"))
    names = [topic.name for topic in recommended(topics, input_partitions=3)]
    assert names == ["a", "b", *topics.outputs().values()]


def test_every_topic_has_as_many_partitions_as_the_input() -> None:
    """State lies in the partition of the input's number, and results can be joined by key."""
    assert {topic.partitions for topic in recommended(Topics(), input_partitions=7)} == {7}
    with pytest.raises(ValueError, match="input_partitions"):
        recommended(Topics(), input_partitions=0)


def test_only_state_is_compacted() -> None:
    """State lives as long as its conversation; everything else expires."""
    topics = _by_name(Topics())
    compacted = {name for name, topic in topics.items() if topic.cleanup_policy == "compact"}
    assert compacted == {"symbl.state"}
    assert {name for name, topic in topics.items() if topic.retention_ms is None} == compacted


def test_expired_records_are_really_removed() -> None:
    """Kafka removes closed segments only, so a segment is closed well within the retention."""
    for topic in recommended(Topics(), input_partitions=1):
        if topic.retention_ms is not None:
            assert topic.segment_ms * 6 <= topic.retention_ms


def test_captions_expire_first() -> None:
    """Interim text is worthless once the final message is there."""
    topics = _by_name(Topics())
    shortest = min(topic.retention_ms for topic in topics.values() if topic.retention_ms is not None)
    assert topics["symbl.captions"].retention_ms == shortest


def test_a_dead_letter_fits_its_topic() -> None:
    """The largest value that a dead letter carries fits as base64, with half the record to spare."""
    limit = _by_name(Topics())["symbl.dead-letters"].max_message_bytes
    assert limit // 2 > DEAD_LETTER_VALUE_LIMIT_BYTES * 4 // 3


def test_settings_speak_kafkas_names() -> None:
    """An admin client can take the settings as they are."""
    topics = _by_name(Topics())
    assert topics["symbl.captions"].settings() == {
        "cleanup.policy": "delete",
        "retention.ms": "3600000",
        "segment.ms": "600000",
        "max.message.bytes": "1048576",
    }
    assert topics["symbl.state"].settings() == {
        "cleanup.policy": "compact",
        "segment.ms": "3600000",
        "max.message.bytes": "1048576",
        "segment.bytes": "33554432",
        "min.cleanable.dirty.ratio": "0.1",
    }
