"""Who owns a partition, whatever happens: several real workers, one model of Kafka, one host, virtual time."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from hypothesis import example, given
from hypothesis import strategies as st

from tests.property.broker import SESSION_SECONDS, Fate
from tests.property.budget import budget
from tests.property.fleet import Fleet, fleet, modelled_kafka
from tests.property.virtual_time import run

PARTITIONS = 2


@dataclass(frozen=True)
class Step:
    """Something that happens, and the time until the next thing does.

    Args:
        who: picks a worker among those that are there, or a partition.
    """

    what: str
    who: int
    amount: int
    wait: float


seconds = st.sampled_from([0.0, 0.0, 0.05, 0.2, 0.5, 1.0, 2.5, 8.0])
FATES: tuple[Fate, ...] = ("lost before", "lost after", "slow", "stuck")
SPEECH = ("garble", "garble", "speak", "speak", "end")
FAULTS = (
    "freeze",
    "thaw",
    "nap",
    "nap",
    "kill",
    "leave",
    "join",
    "disturb",
    "cut",
    "lose",
    "lose",
    "freeze in transaction",
    "lose contact",
)


def steps(kinds: tuple[str, ...]) -> st.SearchStrategy[list[Step]]:
    return st.lists(
        st.builds(Step, st.sampled_from(kinds), st.integers(0, 5), st.integers(0, 11), seconds), min_size=3, max_size=30
    )


def take(here: Fleet, step: Step) -> None:
    partition = step.who % PARTITIONS
    living = [each for each in here.workers if each.name not in here.broker.gone and not each.is_leaving]
    worker = living[step.who % len(living)] if living else None
    owner = next((each for each in living if each.name == here.broker.group.owners.get(partition)), None)
    match step.what:
        case "garble":
            here.garble(partition, 1 + step.amount % 4, gap=step.amount // 4)
        case "speak":
            here.speak(partition, str(step.amount % 2), 1 + step.amount % 3, (642, 3_200, 20_000)[step.amount % 3])
        case "end":
            here.end(partition)
        case "join" if len(living) < 4:
            here.add_worker()
        case "disturb":
            here.broker.group.disturb()
        case "lose":
            here.broker.partitions[partition].fates.append(FATES[step.amount % len(FATES)])
            here.garble(partition, 1)
            if step.amount >= 2 * len(FATES) and owner is not None:
                # Its owner does not live to find out.
                here.loop.call_outside(0.6, lambda: None if here.is_calm else owner.die())
        case "thaw":
            for each in living:
                each.process.thaw()
        case "freeze" if worker is not None:
            worker.process.freeze()
        case "lose speech" if owner is not None:
            # Its results are decided and not yet visible when the next owner comes.
            here.speak(partition, "0", 1, 3_200)
            here.broker.partitions[partition].fates.extend(FATES[-1:])
            here.loop.call_outside(1.0, lambda: None if here.is_calm else owner.die())
        case "nap" if owner is not None:
            # About as long as the group waits: whoever wakes up may have been thrown out, and may not know it.
            owner.process.freeze()
            here.loop.call_outside(SESSION_SECONDS - 1.0 + step.amount / 10, owner.process.thaw)
            for number in range(PARTITIONS):
                here.garble(number, 1)
                here.loop.call_outside(SESSION_SECONDS - 0.5, here.garble, number, 1)
        case "lose contact" if owner is not None:
            here.broker.group.lose_contact(owner.name, SESSION_SECONDS + step.amount / 2)
            for number in range(PARTITIONS):
                for delay in (1, 3, 5, 7, 9):
                    here.loop.call_outside(delay * SESSION_SECONDS / 5, here.garble, number, 1)
        case "freeze in transaction":
            freeze_when(here, partition)
        case "kill" if worker is not None:
            worker.die()
        case "leave" if worker is not None and worker.has_started and not worker.process.stands_still:
            worker.process.start(worker.leave())
        case "cut" if worker is not None:
            for connection in worker.connections:
                connection.lose(None)


def freeze_when(here: Fleet, partition: int) -> None:
    """Whoever has a transaction open next stands still in the middle of it."""

    def look(left: int) -> None:
        open_now = here.broker.partitions[partition].open
        if here.is_calm:
            pass
        elif open_now is not None:
            next(each for each in here.workers if each.name == open_now.member).process.freeze()
        elif left:
            here.loop.call_outside(0.005, look, left - 1)

    look(200)


async def live(
    script: list[Step],
    delays: list[float],
    choices: list[int],
    *,
    exactly_once: bool = True,
) -> None:
    async with fleet(
        partitions=PARTITIONS,
        exactly_once=exactly_once,
        delays=delays,
        choices=choices,
    ) as here:
        here.add_worker()
        here.add_worker()
        for step in script:
            take(here, step)
            await asyncio.sleep(step.wait)
        for partition in range(PARTITIONS):
            here.end(partition)
        await here.calm()
        here.check()


delays = st.lists(st.sampled_from([0.0, 0.2, 0.7, 2.0]), min_size=1, max_size=3)
choices = st.lists(st.integers(0, 11), min_size=1, max_size=6)


@example(script=[Step("speak", 0, 2, 2.5), Step("disturb", 0, 0, 2.5)], delays=[0.2], choices=[0])
@given(script=steps((*SPEECH, *FAULTS, "lose speech")), delays=delays, choices=choices)
@budget(100)
def test_exactly_once(script: list[Step], delays: list[float], choices: list[int]) -> None:
    """Whoever stands still, dies, leaves or loses its transactions: every result is visible once, in order, together
    with the state and the position that belong to it; positions never go back nor past what is unfinished."""
    with modelled_kafka():
        run(live(script, delays, choices))


@example(
    script=[
        Step("garble", 0, 0, 2.5),
        Step("lose contact", 1, 6, 2.5),
        Step("speak", 1, 8, 1.0),
        Step("speak", 1, 4, 1.0),
        Step("speak", 0, 4, 0.5),
        Step("speak", 0, 9, 1.0),
        Step("speak", 0, 4, 0.5),
        Step("speak", 0, 10, 1.0),
    ],
    delays=[0.2],
    choices=[5, 6, 5, 9],
)
@given(script=steps(("garble", "speak", *FAULTS, *("lose contact",) * 3)), delays=delays, choices=choices)
@budget(80)
def test_whoever_was_away_finds_out(script: list[Step], delays: list[float], choices: list[int]) -> None:
    """A worker that the group gave up without its knowledge says and publishes nothing more, and takes up what others
    left."""
    with modelled_kafka():
        run(live(script, delays, choices))


@given(script=steps((*SPEECH, "kill", "leave", "join", "disturb")), delays=delays, choices=choices)
@budget(30)
def test_at_least_once(script: list[Step], delays: list[float], choices: list[int]) -> None:
    """Without transactions, whoever dies or leaves: every result is visible, and what comes again has the same id."""
    with modelled_kafka():
        run(live(script, delays, choices, exactly_once=False))


def test_dead_letters_come_once() -> None:
    """A dead letter is visible once, also when audio before it is not settled while the partition changes hands."""
    script = [Step("speak", 1, 6, 0.0), Step("garble", 1, 0, 0.8), Step("kill", 0, 0, 1.0)]
    with modelled_kafka():
        run(live(script, [2.0], [0]))


def test_two_workers_do_not_speak_at_once() -> None:
    """A worker that stood still for almost the session timeout, and was given up, says nothing to the host any more."""
    script = [
        Step("nap", 0, 7, 0.5),
        Step("join", 5, 6, 2.5),
        Step("nap", 5, 7, 0.0),
        Step("speak", 0, 9, 0.0),
        Step("end", 5, 6, 8.0),
    ]
    random.seed(1)
    with modelled_kafka():
        run(live(script, [0.0], [11]))
