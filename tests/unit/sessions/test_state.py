"""What one worker writes down, the next can read."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts import validate_record
from tests.strategies import counts, maybe, names, speakers, streams
from worker.records import Channel, CustomEntity, Encoding, RedactionWish, Speaker, StartParameters, Tracker
from worker.sessions.state import (
    STATE_VERSION,
    ConversationState,
    Counters,
    RecentMessage,
    StateError,
    StreamState,
    SubscriptionState,
    dump_state,
    load_state,
)

STATES = Path(__file__).parent / "states"

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
recent_messages = st.builds(
    RecentMessage,
    symbl_message_id=names,
    symbl_conversation_id=maybe(names),
    sequence=counts,
    start_us=counts,
    end_us=counts,
    first_offset=counts,
    last_offset=counts,
    speaker=maybe(speakers),
    is_sensitive=st.booleans(),
    is_owed=st.booleans(),
    insights=st.dictionaries(st.sampled_from(["question", "topic"]), counts, max_size=2),
    published=st.lists(
        st.just(("insight", "5")) | st.tuples(st.just("entity"), names, maybe(names), maybe(st.integers(-1, 99))),
        max_size=2,
    ),
)
subscriptions = st.builds(
    SubscriptionState,
    connection_id=names,
    offset=counts,
    asked_at_ms=st.integers(-1, 2**63 - 1),
    symbl_conversation_id=maybe(names),
    zero_ms=maybe(counts),
    start_us=counts,
    published=st.lists(st.tuples(names, counts), max_size=2),
    recovered=counts,
    failed=maybe(st.just("timeout")),
    completed=st.booleans(),
)
redaction_wishes = st.builds(
    RedactionWish,
    types=st.lists(st.sampled_from(["DATE", "SSN"]), unique=True).map(tuple),
    thresholds=st.just((("SSN", 0.25),)),
    custom=st.lists(st.just(CustomEntity("OWN", ("x-\\d",), ("project falcon",))), max_size=1).map(tuple),
    mode=maybe(st.just("type")),
    transcripts=st.booleans(),
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
    recent=st.lists(recent_messages, max_size=2),
    left_open=st.lists(names, max_size=2),
    subscription=maybe(subscriptions),
)
states = st.builds(
    ConversationState,
    topic=st.just("audio"),
    conversation_id=names,
    opened_offset=counts,
    opened_at_ms=counts,
    redaction=st.booleans(),
    wishes=st.lists(redaction_wishes, max_size=2),
    symbl_conversation_id=maybe(st.just("1234567890123456")),
    owed_dropped=counts,
    has_forgotten_sensitive=st.booleans(),
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


@pytest.mark.parametrize("path", sorted(STATES.glob("v*.json")), ids=lambda path: path.stem)
def test_what_older_workers_wrote_is_read(path: Path) -> None:
    """A worker of this version goes on where one of an older version stopped: every member has kept its meaning."""
    written = orjson.loads(path.read_bytes())
    state = load_state(path.read_bytes())
    assert written.pop("version") <= STATE_VERSION
    assert plain(state) == written | {
        "owed_dropped": written.get("owed_dropped", 0),
        "has_forgotten_sensitive": written.get("has_forgotten_sensitive", False),
        "wishes": [],
        "streams": {
            name: {"recent": [], "left_open": [], "subscription": None, "given_up": None, **stream}
            for name, stream in written["streams"].items()
        },
    }
    assert load_state(dump_state(state)) == state


def plain(state: ConversationState) -> dict[str, Any]:
    """The members of a state, one by one, as JSON has them."""
    members: dict[str, Any] = orjson.loads(orjson.dumps(state, default=lambda data: b64encode(data).decode()))
    return members


def test_the_oldest_states_mean_what_they_say() -> None:
    """Types, too, are restored, and not only names."""
    state = load_state((STATES / "v1-interleaved.json").read_bytes())
    assert state.splits == {"line": ["agent", "customer"]}
    stream = state.streams["agent"]
    assert stream.encoding is Encoding.LINEAR16
    assert stream.speaker == Speaker(user_id="ines@example.com", name="Ines")
    assert stream.parameters.trackers == (Tracker("Pricing", ("price", "annual plan")),)
    assert stream.parameters.channels is not None
    assert stream.parameters.channels[1] == Channel("customer", Speaker(name="Omar"))
    assert (stream.offset, stream.partial_offset, stream.settled_byte) == (6, 7, 19_232)
    flac = load_state((STATES / "v1-flac.json").read_bytes()).streams["0"]
    assert flac.encoding is Encoding.FLAC
    assert flac.preamble.startswith(b"fLaC")
    assert flac.counters == Counters(messages=7, insights=5, gaps=1, reconnects=2, billed_us=3_000_000)
