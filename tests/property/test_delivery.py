"""Whatever happens between Kafka and the host: everything that was said is published, whole, once by id, in order."""

from __future__ import annotations

import itertools

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.unit.sessions.world import World
from worker.sessions.conversation import ConversationPolicy
from worker.sessions.session import SessionPolicy

CONVERSATIONS = ("a", "b")
STREAMS = ("0", "1")


class DeliveryMachine(RuleBasedStateMachine):
    """Speech, losses and crashes in any order; at the end everything is drained and counted."""

    world: World

    @initialize(
        delays=st.lists(st.sampled_from([0.0, 0.0, 0.2, 1.0, 3.0]), min_size=1, max_size=5),
        pace=st.sampled_from([0.0, 2.0]),
    )
    def begin(self, delays: list[float], pace: float) -> None:
        policy = ConversationPolicy(session=SessionPolicy(pace=pace), insight_types=(), detect_entities=False)
        self.world = World(policy, itertools.cycle(delays))
        self.split: set[str] = set()

    # --- the producer ---

    @rule(
        conversation=st.sampled_from(CONVERSATIONS),
        stream=st.sampled_from(STREAMS),
        words=st.integers(1, 4),
        size=st.sampled_from([333, 1_600, 3_200, 3_201, 20_000]),
        gap=st.integers(0, 1),
    )
    def speak(self, conversation: str, stream: str, words: int, size: int, gap: int) -> None:
        self.world.speak(conversation, stream, words, size, gap=gap)

    @rule(conversation=st.sampled_from(CONVERSATIONS), words=st.integers(1, 3), size=st.sampled_from([640, 6_400]))
    def speak_on_both_channels(self, conversation: str, words: int, size: int) -> None:
        if conversation not in self.split:
            self.split.add(conversation)
            self.world.produce(conversation, b'{"channels": [{}, {}]}', stream="s", event="start")
        self.world.speak_stereo(conversation, "s", words, size)

    @rule(conversation=st.sampled_from(CONVERSATIONS), stream=st.sampled_from(STREAMS), size=st.integers(1, 40_000))
    def be_silent(self, conversation: str, stream: str, size: int) -> None:
        self.world.produce(conversation, bytes(size // 2 * 2 + 2), stream=stream)

    @rule(conversation=st.sampled_from(CONVERSATIONS), stream=st.sampled_from(STREAMS))
    def start(self, conversation: str, stream: str) -> None:
        self.world.produce(conversation, b"{}", stream=stream, event="start")

    @rule(conversation=st.sampled_from(CONVERSATIONS), stream=st.sampled_from(STREAMS))
    def end_stream(self, conversation: str, stream: str) -> None:
        self.world.produce(conversation, b"", stream=stream, event="end")

    @rule(conversation=st.sampled_from(CONVERSATIONS))
    def end_conversation(self, conversation: str) -> None:
        self.world.produce(conversation, b"", event="end")
        self.split.discard(conversation)

    # --- the worker ---

    @rule(count=st.sampled_from([1, 3, 20, 200]))
    def read(self, count: int) -> None:
        self.world.read(count)

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.0, 4.0, 12.0]))
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule()
    def publish(self) -> None:
        self.world.publish()

    @rule()
    def give_memory_back(self) -> None:
        self.world.lane.drop_sent_audio()
        self.world.balance()

    # --- what goes wrong ---

    @rule(index=st.integers(0, 3), code=st.sampled_from([None, 1000, 1006, 1011]))
    def lose_a_socket(self, index: int, code: int | None) -> None:
        self.world.drop(index, code)

    @rule(after=st.sampled_from(["nothing", "outputs", "states", "position"]))
    def crash(self, after: str) -> None:
        self.world.publish(crash_after=after)

    @rule()
    def refuse_once(self) -> None:
        self.world.host.refusals = 1

    @rule(is_up=st.booleans())
    def host_comes_and_goes(self, is_up: bool) -> None:
        self.world.host_is_up = is_up
        self.world.exchange()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for conversation in CONVERSATIONS:
            self.world.produce(conversation, b"", event="end")
        self.world.drain()
        self.world.check()


TestDelivery = DeliveryMachine.TestCase
TestDelivery.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
