"""Whatever happens between Kafka and the host: everything that was said is published, whole, once by id, in order."""

from __future__ import annotations

import itertools

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.unit.sessions.world import World
from worker.sessions.policy import ConversationPolicy
from worker.sessions.session import SessionPolicy

CONVERSATIONS = ("a", "b")

conversations = st.sampled_from(["a", "a", "b"])
streams = st.sampled_from(["0", "0", "1"])


class DeliveryMachine(RuleBasedStateMachine):
    """Speech, losses and crashes in any order; at the end everything is drained and counted."""

    world: World

    @initialize(
        delays=st.lists(st.sampled_from([0.0, 0.2, 0.7, 1.5, 4.0]), min_size=1, max_size=4),
        pace=st.sampled_from([0.0, 1.0, 2.0]),
        ping_seconds=st.sampled_from([0.5, 5.0, 20.0]),
    )
    def begin(self, delays: list[float], pace: float, ping_seconds: float) -> None:
        policy = ConversationPolicy(session=SessionPolicy(pace=pace), insight_types=(), detect_entities=False)
        self.world = World(policy, itertools.cycle(delays), ping_seconds)
        self.split: set[str] = set()

    # --- the producer ---

    @rule(
        conversation=conversations,
        stream=streams,
        words=st.lists(st.integers(1, 5), min_size=1, max_size=4),
        size=st.sampled_from([333, 1_600, 3_200, 3_201, 20_000]),
        gap=st.integers(0, 1),
        read=st.sampled_from([0, 2, 1_000]),
    )
    def speak(self, conversation: str, stream: str, words: list[int], size: int, gap: int, read: int) -> None:
        for count in words:
            self.world.speak(conversation, stream, count, size, gap=gap)
        self.world.read(read)

    @rule(conversation=conversations, words=st.integers(1, 3), size=st.sampled_from([642, 6_400]))
    def speak_on_both_channels(self, conversation: str, words: int, size: int) -> None:
        if conversation not in self.split:
            self.split.add(conversation)
            self.world.produce(conversation, b'{"channels": [{}, {}]}', stream="s", event="start")
        self.world.speak_stereo(conversation, "s", words, size)
        self.world.read(1_000)

    @rule(
        conversation=conversations,
        stream=streams,
        what=st.sampled_from(["silence", "start", "end", "end all"]),
        size=st.integers(1, 20_000),
        read=st.booleans(),
    )
    def do_something_else(self, conversation: str, stream: str, what: str, size: int, read: bool) -> None:
        world = self.world
        if what == "silence":
            world.produce(conversation, bytes(2 * size), stream=stream)
        elif what == "end all":
            world.produce(conversation, b"", event="end")
            self.split.discard(conversation)
        else:
            world.produce(conversation, b"", stream=stream, event=what)
        if read:
            world.read(1_000)

    # --- the worker ---

    @rule(
        seconds=st.sampled_from([0.05, 0.3, 0.3, 1.0, 1.0, 4.0, 12.0]),
        read=st.sampled_from([0, 1, 20, 1_000]),
        publish=st.booleans(),
    )
    def work(self, seconds: float, read: int, publish: bool) -> None:
        self.world.read(read)
        self.world.advance(seconds)
        if publish:
            self.world.publish()

    # --- what goes wrong ---

    @rule(index=st.integers(0, 3), code=st.sampled_from([None, 1000, 1011]), seconds=st.sampled_from([0.0, 0.3, 1.0]))
    def lose_a_socket(self, index: int, code: int | None, seconds: float) -> None:
        self.world.advance(seconds)
        self.world.drop(index, code)

    @rule(
        conversation=conversations,
        stream=streams,
        seconds=st.sampled_from([0.3, 3.0, 15.0]),
        reset=st.sampled_from([None, 3.0, 30.0]),
    )
    def half_open_a_socket(self, conversation: str, stream: str, seconds: float, reset: float | None) -> None:
        world = self.world
        world.half_open(conversation, stream, reset)
        world.speak(conversation, stream, 2, 3_200)
        world.read(1_000)
        world.advance(seconds)

    @rule(
        after=st.sampled_from(["nothing", "outputs", "states", "position"]),
        seconds=st.sampled_from([0.0, 0.3, 1.0]),
        read=st.sampled_from([0, 3, 1_000]),
    )
    def crash(self, after: str, seconds: float, read: int) -> None:
        self.world.advance(seconds)
        self.world.publish(crash_after=after)
        self.world.read(read)

    @rule(what=st.sampled_from(["memory", "refusal", "outage"]), seconds=st.sampled_from([0.3, 1.0, 20.0]))
    def suffer(self, what: str, seconds: float) -> None:
        world = self.world
        if what == "memory":
            world.lane.drop_sent_audio()
            world.balance()
        elif what == "refusal":
            world.host.refusals = 1
        else:
            world.host_is_up = False
            world.drop(0, None)
            world.advance(seconds)
            world.host_is_up = True

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for conversation in CONVERSATIONS:
            self.world.produce(conversation, b"", event="end")
        self.world.drain()
        self.world.check()


TestDelivery = DeliveryMachine.TestCase
TestDelivery.settings = settings(
    max_examples=120, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
