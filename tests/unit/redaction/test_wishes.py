"""What a conversation wants makes its deployment's policy stricter, never looser."""

from __future__ import annotations

import json
from functools import reduce
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.records import CustomEntity, RedactionWish
from worker.redaction import MODES, TYPES, Custom, Redactor
from worker.redaction.policy import RedactionPolicy
from worker.redaction.wishes import (
    MAX_OWN_TYPES,
    MAX_PATTERNS,
    MAX_WISHES,
    MAX_WORDS,
    check,
    stricter,
    wish_from_json,
    wish_to_json,
)

KEY = b"a key for tests only"
KINDS = st.sampled_from(sorted(TYPES))
SCORES = st.floats(0, 1)
SOME_MODES = st.sampled_from(MODES)
WORDS = st.lists(st.sampled_from(["falcon", "blue wagon", "emp"]), max_size=2).map(tuple)
PATTERNS = st.lists(st.sampled_from([r"emp-\d{4}", "x|y"]), max_size=2).map(tuple)
OWN = st.sampled_from(["CUSTOM", "EMPLOYEE_ID"])
CUSTOM = st.lists(st.builds(CustomEntity, OWN, PATTERNS, WORDS), max_size=3).map(tuple)


@st.composite
def wishes(draw: st.DrawFn) -> RedactionWish:
    custom = draw(CUSTOM)
    kinds = st.sampled_from(sorted(TYPES | {each.type for each in custom}))
    return RedactionWish(
        types=tuple(draw(st.lists(KINDS, max_size=3))),
        thresholds=tuple(draw(st.dictionaries(KINDS, SCORES, max_size=3)).items()),
        custom=custom,
        mode=draw(st.none() | SOME_MODES),
        modes=tuple(draw(st.dictionaries(kinds, SOME_MODES, max_size=3)).items()),
        speakers=draw(st.booleans()),
        transcripts=draw(st.booleans()),
    )


@st.composite
def policies(draw: st.DrawFn) -> RedactionPolicy:
    custom = [Custom(each.type, each.patterns, each.words) for each in draw(CUSTOM)]
    kinds = st.sampled_from(sorted(TYPES | {each.type for each in custom}))
    return RedactionPolicy(
        types=draw(st.frozensets(KINDS)),
        thresholds=draw(st.dictionaries(KINDS, SCORES)),
        custom=custom,
        mode=draw(SOME_MODES),
        modes=draw(st.dictionaries(kinds, SOME_MODES)),
        speakers=draw(st.booleans()),
    )


def strictness(policy: RedactionPolicy, kind: str) -> int:
    return MODES.index(policy.mode_of(kind))


@given(policies(), wishes())
def test_never_looser(policy: RedactionPolicy, wish: RedactionWish) -> None:
    """Nothing that is looked for is given up, no threshold rises, no mode tells more than before."""
    after = stricter(policy, wish)
    assert set(after.types) >= set(policy.types)
    assert set(after.custom) >= set(policy.custom)
    assert all(after.thresholds[kind] <= least for kind, least in policy.thresholds.items())
    own = {each.type for each in after.custom}
    assert all(strictness(after, kind) >= strictness(policy, kind) for kind in {*TYPES, *own, "OTHER"})
    assert (after.mask, after.region) == (policy.mask, policy.region)
    assert after.speakers >= policy.speakers


@given(policies(), wishes())
def test_a_wish_is_fulfilled(policy: RedactionPolicy, wish: RedactionWish) -> None:
    """What a wish asks for is done."""
    after = stricter(policy, wish)
    assert set(after.types) >= set(wish.types)
    assert {(each.type, each.patterns, each.words) for each in after.custom} >= {
        (each.type, each.patterns, each.words) for each in wish.custom
    }
    assert all(after.thresholds[kind] <= least for kind, least in wish.thresholds)
    assert after.speakers >= wish.speakers
    assert all(strictness(after, kind) >= MODES.index(mode) for kind, mode in wish.modes)
    if wish.mode is not None:
        assert all(strictness(after, kind) >= MODES.index(wish.mode) for kind in {*TYPES, *after.modes, "OTHER"})


@given(policies(), st.lists(wishes(), min_size=1, max_size=3))
def test_order_and_number_do_not_matter(policy: RedactionPolicy, several: list[RedactionWish]) -> None:
    """Wishes may come in any order and again: after a restart they are all read anew."""
    once = reduce(stricter, several, policy)
    for order in permutations(several):
        assert reduce(stricter, (*order, *order), policy) == once
        assert reduce(stricter, order, policy).version == once.version


@given(wishes())
def test_a_wish_survives_as_json(wish: RedactionWish) -> None:
    """What is written into the state is read again as it was."""
    assert wish_from_json(json.loads(json.dumps(wish_to_json(wish)))) == wish


@given(policies(), st.lists(wishes(), max_size=2))
def test_a_redactor_with_wishes(policy: RedactionPolicy, several: list[RedactionWish]) -> None:
    """A redactor makes itself stricter, and keeps its key and its conversation."""
    redactor = Redactor.of(policy, KEY).for_conversation("call-1")
    after = redactor.with_wishes(several)
    assert after.policy == reduce(stricter, several, policy)
    text = "my card is 4111 1111 1111 1111"
    assert after.mask(text) == Redactor.of(after.policy, KEY).for_conversation("call-1").mask(text)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"types": ("NAME",)}, "the types are"),
        ({"thresholds": (("NAME", 0.5),)}, "the types are"),
        ({"thresholds": (("SSN", 1.5),)}, "a threshold lies"),
        ({"mode": "loud"}, "the modes are"),
        ({"modes": (("SSN", "loud"),)}, "the modes are"),
        ({"modes": (("FALCON", "mask"),)}, "modes are for"),
        ({"custom": (CustomEntity("name", (), ("x",)),)}, "a type has"),
        ({"custom": (CustomEntity("OWN", ("(falcon)",), ()),)}, "character 1 of the pattern"),
        ({"custom": (CustomEntity("OWN", ("[z-falcon]",), ()),)}, "the pattern does not compile"),
        ({"custom": tuple(CustomEntity(f"OWN_{number}") for number in range(MAX_OWN_TYPES + 1))}, "own types"),
        ({"custom": (CustomEntity("OWN", ("x",) * (MAX_PATTERNS + 1), ()),)}, "patterns"),
        ({"custom": (CustomEntity("OWN", (), ("falcon",) * MAX_WORDS), CustomEntity("OWN", (), ("x",)))}, "words"),
    ],
)
def test_wrong_wishes(wish: dict[str, Any], reason: str) -> None:
    """A wish that nobody can fulfil is refused, without quoting it."""
    with pytest.raises(ValueError, match=reason) as caught:
        check(RedactionWish(**wish))
    assert "falcon" not in str(caught.value).lower()


def test_wishes_of_one_conversation_have_bounds_together() -> None:
    """Each may be small: it is their sum that every message is searched for."""
    one = RedactionWish(custom=(CustomEntity("OWN", ("x",) * (MAX_PATTERNS - 1), ()),))
    other = RedactionWish(custom=(CustomEntity("OTHER", ("x", "y"), ()),))
    check(one, one)
    with pytest.raises(ValueError, match="patterns"):
        check(one, other)
    with pytest.raises(ValueError, match="different wishes"):
        check(*(RedactionWish(thresholds=(("SSN", number / 100),)) for number in range(MAX_WISHES + 1)))


def test_own_words_are_not_shown() -> None:
    """What a conversation looks for may itself be secret."""
    wish = RedactionWish(custom=(CustomEntity("OWN", ("falcon",), ("falcon",)),))
    assert "falcon" not in repr(wish) + repr(stricter(RedactionPolicy(), wish))


@given(policies(), policies())
def test_version_tells_policies_apart(one: RedactionPolicy, other: RedactionPolicy) -> None:
    """The same policy has the same version, and what is described differently another one; it quotes no own words."""
    assert one.version == RedactionPolicy(**{name: getattr(one, name) for name in one.__dataclass_fields__}).version
    if one.described() != other.described():
        assert one.version != other.version
    assert "falcon" not in json.dumps(one.described())
