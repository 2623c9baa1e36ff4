"""Who talked how long and over whom."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from worker.engine.rest.analytics import Utterance, analyse, percent

PEOPLE = ("ana", "bo", "cy", "di")
UTTERANCES = st.lists(
    st.builds(
        lambda member, start, length, words: Utterance(member, start, start + length, words),
        st.sampled_from(PEOPLE),
        st.integers(0, 60),
        st.integers(0, 20),
        st.integers(0, 9),
    ),
    max_size=25,
)


def talking(utterances: Sequence[Utterance], moment: int) -> set[str]:
    """Who talks during the millisecond that begins here: the definition itself, slowly."""
    return {each.member for each in utterances if each.start_ms <= moment < each.end_ms}


@given(UTTERANCES)
def test_against_the_definition(utterances: list[Utterance]) -> None:
    """Every figure is the number of milliseconds in which exactly that happens."""
    found = analyse(PEOPLE, utterances)
    line = [talking(utterances, moment) for moment in range(90)]
    heard = [moment for moment, people in enumerate(line) if people]
    if heard:
        assert found.silence_ms == sum(not people for people in line[heard[0] : heard[-1] + 1])
    assert found.overlap_ms == sum(len(people) > 1 for people in line)
    for one in PEOPLE:
        member = found.members[one]
        assert member.talk_ms == sum(one in people for people in line)
        assert member.overlap_ms == sum(one in people and len(people) > 1 for people in line)
        assert member.words == sum(each.words for each in utterances if each.member == one)
        for other in PEOPLE:
            shared = 0 if one == other else sum({one, other} <= people for people in line)
            assert member.overlap_with_ms.get(other, 0) == shared


@given(UTTERANCES)
def test_talk_times_add_up(utterances: list[Utterance]) -> None:
    """Members' talk times make the total; shares are between 0 and 100 and make 100 together."""
    found = analyse(PEOPLE, utterances)
    assert sum(each.talk_ms for each in found.members.values()) == found.talk_ms
    shares = [percent(each.talk_ms, found.talk_ms) for each in found.members.values()]
    assert all(0 <= share <= 100 for share in shares)
    assert not found.talk_ms or abs(sum(shares) - 100) < 0.01
    whole = found.talk_ms + found.silence_ms
    assert not whole or abs(percent(found.talk_ms, whole) + percent(found.silence_ms, whole) - 100) < 0.01
    assert 0 <= percent(found.overlap_ms, found.talk_ms) <= 50


@given(UTTERANCES)
def test_overlap_is_symmetric(utterances: list[Utterance]) -> None:
    """What one shares with another, the other shares with the one; nobody overlaps with themselves."""
    members = analyse(PEOPLE, utterances).members
    for one, other in itertools.product(members, members):
        assert members[one].overlap_with_ms.get(other) == members[other].overlap_with_ms.get(one)
        assert one != other or one not in members[one].overlap_with_ms


@given(UTTERANCES, st.randoms(use_true_random=False), st.integers(-50, 50))
def test_order_and_clock_do_not_matter(utterances: list[Utterance], rng: object, shift: int) -> None:
    """The order of the messages changes nothing, nor does the beginning of the clock."""
    moved = [Utterance(each.member, each.start_ms + shift, each.end_ms + shift, each.words) for each in utterances]
    rng.shuffle(moved)  # type: ignore[attr-defined]
    assert analyse(PEOPLE, moved) == analyse(PEOPLE, utterances)


def test_pace() -> None:
    """Words per minute of the member's own talk time; nobody's is 0, and who said nothing is listed."""
    found = analyse(["ana", "bo"], [Utterance("ana", 0, 30_000, 60), Utterance("cy", 40_000, 40_000, 3)])
    assert list(found.members) == ["ana", "bo", "cy"]
    assert [each.words_per_minute for each in found.members.values()] == [120, 0, 0]
    assert found.silence_ms == 0
