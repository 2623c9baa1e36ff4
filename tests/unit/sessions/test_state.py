"""What one worker writes down, the next can read."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts import validate_record
from tests.strategies import counts, maybe, names, speakers, streams
from worker.records import Channel, Encoding, StartParameters, Tracker
from worker.sessions.state import ConversationState, Counters, StateError, StreamState, dump_state, load_state

parameters = st.builds(
    StartParameters,
    speaker=maybe(speakers),
    encoding=maybe(st.sampled_from(Encoding)),
    insight_types=maybe(st.just(("question", "topic"))),
    trackers=st.lists(st.builds(Tracker, names, st.lists(names, max_size=2).map(tuple)), max_size=2).map(tuple),
    vocabulary=st.lists(names, max_size=2).map(tuple),
    redaction_enabled=maybe(st.booleans()),
    channels=maybe(st.tuples(st.builds(Channel, streams, maybe(speakers)), st.builds(Channel, streams, st.none()))),
)
stream_states = st.builds(
    StreamState,
    parameters=parameters,
    encoding=st.sampled_from(Encoding),
    sample_rate_hz=st.integers(1, 96_000),
    offset=st.integers(-1, 2**63 - 1),
    settled_byte=counts,
    partial_offset=st.integers(-1, 2**63 - 1),
    seq=maybe(counts),
    speaker=maybe(speakers),
    preamble=st.binary(max_size=50),
    ended=st.booleans(),
    counters=st.builds(Counters, messages=counts, billed_us=counts),
)
states = st.builds(
    ConversationState,
    topic=st.just("audio"),
    conversation_id=names,
    opened_offset=counts,
    opened_at_ms=counts,
    redaction=st.booleans(),
    symbl_conversation_id=maybe(st.just("1234567890123456")),
    splits=st.dictionaries(streams, st.lists(streams, min_size=2, max_size=2), max_size=2),
    streams=st.dictionaries(streams, stream_states, max_size=3),
)


@settings(max_examples=60, deadline=None)
@given(states)
def test_states_survive_the_state_topic(state: ConversationState) -> None:
    """Nothing of a state is lost on the way to the next owner, and the record keeps its schema."""
    value = dump_state(state)
    assert load_state(value) == state
    validate_record("state", value)


@pytest.mark.parametrize(
    "value", [b"", b"{", b"[]", b"null", b"{}", b'{"version": 1}', b'{"version": 1, "streams": []}']
)
def test_garbage_is_refused_in_words(value: bytes) -> None:
    """A record that is no state stops the restore with an error that quotes nothing of it."""
    with pytest.raises(StateError, match="not a readable state record"):
        load_state(value)


def test_a_channel_list_that_is_too_short_is_garbage() -> None:
    """No kind of damage inside of a state escapes as another error."""
    stream = StreamState(parameters=StartParameters(), encoding=Encoding.LINEAR16, sample_rate_hz=8_000)
    state = ConversationState(
        topic="audio", conversation_id="a", opened_offset=0, opened_at_ms=0, streams={"0": stream}
    )
    data = orjson.loads(dump_state(state))
    data["streams"]["0"]["parameters"]["channels"] = []
    with pytest.raises(StateError):
        load_state(orjson.dumps(data))


def test_a_version_of_the_future_is_named() -> None:
    """A worker that is too old says so instead of misreading."""
    with pytest.raises(StateError, match="version 99 is not known"):
        load_state(b'{"version": 99}')
