"""What conversations want beyond their deployment's policy. A wish makes a policy stricter or leaves it as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from worker.records import CustomEntity, RedactionWish
from worker.redaction.custom import Custom
from worker.redaction.policy import MODES, Mode, RedactionPolicy

MAX_OWN_TYPES: Final = 50
MAX_PATTERNS: Final = 50
MAX_WORDS: Final = 200
"""Of one wish. Every message of the conversation is searched for all of them, and the state keeps them."""


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
    )


def check(wish: RedactionWish) -> None:
    """See that a wish can be fulfilled by any deployment.

    Raises:
        ValueError: a type, threshold, mode or pattern is none, or there is too much of something. The text quotes
            nothing of the wish.
    """
    if len(wish.custom) > MAX_OWN_TYPES:
        raise ValueError(f"there are up to {MAX_OWN_TYPES} own types")
    if sum(len(each.patterns) for each in wish.custom) > MAX_PATTERNS:
        raise ValueError(f"there are up to {MAX_PATTERNS} patterns")
    if sum(len(each.words) for each in wish.custom) > MAX_WORDS:
        raise ValueError(f"there are up to {MAX_WORDS} words")
    if any(mode not in MODES for mode in (wish.mode, *dict(wish.modes).values()) if mode is not None):
        raise ValueError(f"the modes are {', '.join(MODES)}")
    RedactionPolicy(thresholds=dict(wish.thresholds))
    stricter(RedactionPolicy(), wish)


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
        transcripts=data["transcripts"],
    )
    check(wish)
    return wish


def _strictest(*modes: Mode | None) -> Mode:
    return max((mode for mode in modes if mode is not None), key=MODES.index)
