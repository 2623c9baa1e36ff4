"""The corpus: texts from templates and values, the same ones for the same seed. Pure."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.redaction import development, held_out
from tests.bench.redaction.people import Lists
from tests.bench.redaction.texts import FORMS, Form, Text, fill
from tests.bench.redaction.values import STRUCTURED, Values

HARMLESS_SHARE = 0.4
"""Of all texts: those with nothing personal in them."""
PLAIN_SHARE: Mapping[Form, float] = {"written": 0.15, "spoken": 0.5}
"""Of the texts of a form: those without capitals and punctuation."""
JOINED_SHARE = 0.2
"""Of all texts: those with a harmless sentence before or behind, whose words and numbers are near."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A set of templates.

    Args:
        name: "development" or "held-out".
        lists: What its values are drawn from.
        personal: Templates by the type that they are mainly about.
        harmless: Templates with nothing personal in them.
    """

    name: str
    lists: Lists
    personal: Mapping[str, Sequence[str]]
    harmless: Sequence[str]


PARTS = (
    Part(name="development", lists=development.LISTS, personal=development.PERSONAL, harmless=development.HARMLESS),
    Part(name="held-out", lists=held_out.LISTS, personal=held_out.PERSONAL, harmless=held_out.HARMLESS),
)


def generate(part: Part, form: Form, *, seed: int, size: int) -> list[Text]:
    """``size`` texts of one part in one form. Structured types and names come three times as often as others."""
    rng = random.Random(f"{seed} {part.name} {form}")
    templates = itertools.cycle(_in_turn(part, rng))
    harmless = itertools.cycle(rng.sample(part.harmless, len(part.harmless)))
    values = Values(rng, form, part.lists)
    texts: list[Text] = []
    for _ in range(size):
        template = next(harmless) if rng.random() < HARMLESS_SHARE else next(templates)
        if rng.random() < JOINED_SHARE:
            template = " ".join(rng.sample((template, next(harmless)), 2))
        texts.append(fill(template, values, form, plain=rng.random() < PLAIN_SHARE[form]))
    return texts


def generate_all(*, seed: int, size: int) -> Iterator[tuple[Part, Form, list[Text]]]:
    """Every part in every form, ``size`` texts each."""
    for part in PARTS:
        for form in FORMS:
            yield part, form, generate(part, form, seed=seed, size=size)


def _in_turn(part: Part, rng: random.Random) -> Iterator[str]:
    """Templates for ever: every type soon, and the templates of a type equally often."""
    shuffled = {
        kind: itertools.cycle(rng.sample(templates, len(templates))) for kind, templates in part.personal.items()
    }
    often = [kind for kind in part.personal for _ in range(3 if kind in STRUCTURED | {"PERSON_NAME"} else 1)]
    rng.shuffle(often)
    while True:
        yield from (next(shuffled[kind]) for kind in often)
