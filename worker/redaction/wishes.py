"""What conversations want beyond their deployment's policy. A wish makes a policy stricter or leaves it as it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any, Final

from worker.records import CustomEntity, RedactionWish
from worker.redaction.custom import Custom
from worker.redaction.policy import MODES, Mode, RedactionPolicy

MAX_OWN_TYPES: Final = 50
MAX_PATTERNS: Final = 50
MAX_WORDS: Final = 200
MAX_WISHES: Final = 20
"""Of one conversation. Every message is searched for all of them, and the state keeps them."""


def stricter(policy: RedactionPolicy, wish: RedactionWish) -> RedactionPolicy:
    """The policy with a wish: more types, lower thresholds, more patterns and words, stricter modes.

    Never looser than before. The order of wishes does not matter, nor how often each comes.

    Raises:
        ValueError: see `check`.
    """
    thresholds = dict(policy.thresholds)
    for kind, least in wish.thresholds:
        thresholds[kind] = min(thresholds.get(kind, least), least)
    wanted = dict(wish.modes)
    modes = {kind: _strictest(policy.mode_of(kind), wish.mode, wanted.get(kind)) for kind in {*policy.modes, *wanted}}
    return RedactionPolicy(
        mask=policy.mask,
        types={*policy.types, *wish.types},
        thresholds=thresholds,
        custom=(*policy.custom, *(Custom(each.type, each.patterns, each.words) for each in wish.custom)),
        mode=_strictest(policy.mode, wish.mode),
        modes=modes,
        region=policy.region,
        speakers=policy.speakers or wish.speakers,
    )


def check(*wishes: RedactionWish) -> None:
    """See that the wishes of a conversation can be fulfilled together, by any deployment.

    Raises:
        ValueError: a type, threshold, mode or pattern is none, or there is too much of something. The text quotes
            nothing of the wishes.
    """
    if len(wishes) > MAX_WISHES:
        raise ValueError(f"a conversation has up to {MAX_WISHES} different wishes")
    custom = {each for wish in wishes for each in wish.custom}
    if any(len(each) > MAX_OWN_TYPES for each in (custom, *(wish.custom for wish in wishes))):
        raise ValueError(f"there are up to {MAX_OWN_TYPES} own types")
    if sum(len(each.patterns) for each in custom) > MAX_PATTERNS:
        raise ValueError(f"there are up to {MAX_PATTERNS} patterns")
    if sum(len(each.words) for each in custom) > MAX_WORDS:
        raise ValueError(f"there are up to {MAX_WORDS} words")
    modes = {mode for wish in wishes for mode in (wish.mode, *dict(wish.modes).values())}
    if not modes <= {*MODES, None}:
        raise ValueError(f"the modes are {', '.join(MODES)}")
    for wish in wishes:
        RedactionPolicy(thresholds=dict(wish.thresholds))
    reduce(stricter, wishes, RedactionPolicy())


def wish_to_json(wish: RedactionWish) -> dict[str, Any]:
    """The wish as JSON values, as in a ``start`` record."""
    return {
        "types": list(wish.types),
        "thresholds": dict(wish.thresholds),
        "custom": [
            {"type": each.type, "patterns": list(each.patterns), "words": list(each.words)} for each in wish.custom
        ],
        "mode": wish.mode,
        "modes": dict(wish.modes),
        "speakers": wish.speakers,
        "transcripts": wish.transcripts,
    }


def wish_from_json(data: Mapping[str, Any]) -> RedactionWish:
    """Read what `wish_to_json` wrote.

    Raises:
        LookupError, TypeError, ValueError: it did not write that.
    """
    wish = RedactionWish(
        types=tuple(data["types"]),
        thresholds=tuple(data["thresholds"].items()),
        custom=tuple(
            CustomEntity(each["type"], tuple(each["patterns"]), tuple(each["words"])) for each in data["custom"]
        ),
        mode=data["mode"],
        modes=tuple(data["modes"].items()),
        speakers=data["speakers"],
        transcripts=data["transcripts"],
    )
    check(wish)
    return wish


def _strictest(*modes: Mode | None) -> Mode:
    return max((mode for mode in modes if mode is not None), key=MODES.index)
