"""What is looked for, how sure a finding must be, and what takes its place."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeAlias

from worker.records import RedactionMode
from worker.redaction.custom import Custom
from worker.redaction.detectors import DEFAULT_TYPES, THRESHOLDS, TYPES
from worker.redaction.reading import HOME_REGION

Mode: TypeAlias = RedactionMode

RULES: Final = "2"
"""Version of the detectors and of what this module means. A text redacted by other rules may show other things."""
MODES: Final[tuple[Mode, ...]] = ("hash", "type", "mask")
"""From the least strict: a hash links what is the same and can be guessed by who has the key, a type tells what it was,
a mask tells nothing."""
MASK_EDGES: Final = frozenset("*#[]<>{}█•")
MAX_MASK_CHARS: Final = 16


@dataclass(frozen=True, kw_only=True)
class RedactionPolicy:
    """How personal data is found and masked.

    Args:
        mask: takes the place of personal data in mode ``mask``: 1 to 16 characters without digits and "@", with one of
            ``*#[]<>{}█•`` at both ends, so that it is told apart from speech.
        types: what to look for, of `TYPES`.
        thresholds: the least score from which a finding counts, by type, from 0 to 1; `THRESHOLDS` for all others.
        custom: what a deployment or a conversation looks for besides.
        mode: what takes the place of personal data whose type has no mode of its own.
        modes: modes of types, `TYPES` and those of ``custom``.
        region: two capital letters: where a phone number without a country code belongs; nowhere when there is no
            such country.
        speakers: whether names of speakers are masked, too.
        models: what looks besides the detectors, and for what, such as ``en_core_web_sm 3.8.0: PERSON=PERSON_NAME``.

    Raises:
        ValueError: the mask cannot be told apart from speech; or there is no such type, mode or threshold.
    """

    mask: str = "****"
    types: Collection[str] = DEFAULT_TYPES
    thresholds: Mapping[str, float] = field(default_factory=dict)
    custom: Collection[Custom] = ()
    mode: Mode = "mask"
    modes: Mapping[str, Mode] = field(default_factory=dict)
    region: str = HOME_REGION
    speakers: bool = False
    models: Collection[str] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.mask) <= MAX_MASK_CHARS:
            raise ValueError(f"a mask has 1 to {MAX_MASK_CHARS} characters")
        if not MASK_EDGES.issuperset((self.mask[0], self.mask[-1])) or re.search(r"[\d@]", self.mask):
            raise ValueError(f"a mask begins and ends with one of {''.join(sorted(MASK_EDGES))}, without digits and @")
        if not TYPES.issuperset(self.types) or not TYPES.issuperset(self.thresholds):
            raise ValueError(f"the types are {', '.join(sorted(TYPES))}")
        if not all(0 <= least <= 1 for least in self.thresholds.values()):
            raise ValueError("a threshold lies between 0 and 1")
        if not {*MODES}.issuperset((self.mode, *self.modes.values())):
            raise ValueError(f"the modes are {', '.join(MODES)}")
        if not self.modes.keys() <= TYPES | {each.type for each in self.custom}:
            raise ValueError(f"modes are for own types and {', '.join(sorted(TYPES))}")
        # In one form, whatever order it was said in.
        custom = sorted(set(self.custom), key=lambda each: (each.type, each.patterns, each.words))
        object.__setattr__(self, "types", frozenset(self.types))
        object.__setattr__(self, "thresholds", THRESHOLDS | dict(self.thresholds))
        object.__setattr__(self, "custom", tuple(custom))
        object.__setattr__(self, "models", tuple(sorted(self.models)))
        object.__setattr__(self, "modes", {kind: mode for kind, mode in self.modes.items() if mode != self.mode})

    def mode_of(self, kind: str) -> Mode:
        """What takes the place of findings of this type."""
        return self.modes.get(kind, self.mode)

    @property
    def hashes(self) -> bool:
        """Whether anything is replaced by a hash."""
        return "hash" in (self.mode, *self.modes.values())

    @cached_property
    def version(self) -> str:
        """Version of the rules and a digest of the policy, such as ``2:ab12cd34``. Tells no pattern and no word."""
        said = {**self.described(), "custom": [(each.type, each.patterns, each.words) for each in self.custom]}
        return f"{RULES}:{hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:8]}"

    def described(self) -> dict[str, object]:
        """The policy, JSON-ready; of own patterns and words only how many there are."""
        return {
            "mask": self.mask,
            "types": sorted(self.types),
            "thresholds": {kind: float(self.thresholds[kind]) + 0.0 for kind in sorted(self.types)},
            "custom": [[each.type, len(each.patterns), len(each.words)] for each in self.custom],
            "mode": self.mode,
            "modes": dict(sorted(self.modes.items())),
            "region": self.region,
            "speakers": self.speakers,
            "models": list(self.models),
        }
