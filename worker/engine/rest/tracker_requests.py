"""What clients say of an account's trackers, and what becomes of it. Pure.

The rules are those of Symbl's documentation: periods, apostrophes and hyphens are the only punctuation of a phrase, no
phrase comes twice, a tracker has at most 50 phrases and an account at most 500 trackers. Lengths are this engine's.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from worker.engine.rest.problems import Problem

MAX_TRACKERS = 500
MAX_PHRASES = 50
MAX_PHRASE_CHARACTERS = 500
MAX_NAME_CHARACTERS = 256
MAX_DESCRIPTION_CHARACTERS = 2_000
MAX_OPERATIONS = 1_000

_PUNCTUATION = frozenset(".'’-")
_LISTS = ("categories", "languages", "vocabulary")
_TEXTS = {"name": MAX_NAME_CHARACTERS, "description": MAX_DESCRIPTION_CHARACTERS}
# What answers hold besides, so that they can be sent back; it is not changed by that.
_READ_ONLY = frozenset(("id", "createdOn", "updatedOn"))

_Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker:
    """A tracker as a client describes it, without anything wrong."""

    name: str
    vocabulary: tuple[str, ...] = field(repr=False)
    description: str = field(default="", repr=False)
    categories: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()

    def as_json(self, tracker_id: str, *, created_on: str, updated_on: str) -> _Json:
        """As management calls show it. The lists are always there: the Go SDK wants them."""
        shown: _Json = {"id": tracker_id, "name": self.name}
        if self.description:
            shown["description"] = self.description
        return shown | {
            "categories": list(self.categories),
            "languages": list(self.languages),
            "vocabulary": list(self.vocabulary),
            "createdOn": created_on,
            "updatedOn": updated_on,
        }


def parse_trackers(body: object) -> tuple[Tracker, ...] | Problem:
    """Reads the body of a bulk creation: an array, nothing of which is kept when one element is wrong."""
    if not isinstance(body, list) or not body:
        return Problem(400, "The body must be an array of trackers.")
    if len(body) > MAX_TRACKERS:
        return too_many()
    trackers: list[Tracker] = []
    for number, element in enumerate(body):
        tracker = parse_tracker(element)
        if isinstance(tracker, Problem):
            return replace(tracker, message=f"Tracker {number}: {tracker.message}")
        trackers.append(tracker)
    names = [tracker.name for tracker in trackers]
    if len(set(names)) < len(names):
        return Problem(409, "Two trackers of the request have the same name.")
    return tuple(trackers)


def parse_tracker(body: object) -> Tracker | Problem:
    """Reads one tracker, of a creation or a PUT."""
    if not isinstance(body, dict):
        return Problem(400, "A tracker must be a JSON object.")
    for key in sorted(body.keys() - _READ_ONLY - _TEXTS.keys() - set(_LISTS)):
        # An empty list of exclusions excludes nothing; anything else would be ignored in silence.
        if key != "excludeVocabulary" or body[key]:
            return _unknown(key)
    texts: dict[str, str] = {}
    for key, longest in _TEXTS.items():
        value = "" if body.get(key) is None else body[key]
        if not isinstance(value, str) or len(value) > longest or "\0" in value:
            return Problem(400, f'"{key}" must be a text of at most {longest} characters.')
        texts[key] = value.strip()
    if not texts["name"]:
        return Problem(400, '"name" is required.')
    lists: dict[str, tuple[str, ...]] = {}
    for key in _LISTS:
        value = [] if body.get(key) is None else body[key]
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            return Problem(400, f'"{key}" must be an array of strings.')
        lists[key] = tuple(" ".join(each.split()) for each in value)
    problem = _phrases_problem("vocabulary", lists["vocabulary"])
    if problem is None and not lists["vocabulary"]:
        problem = Problem(400, '"vocabulary" must have at least one phrase.')
    for key in ("categories", "languages"):
        short = len(lists[key]) <= MAX_PHRASES and all(_is_label(each) for each in lists[key])
        if problem is None and not short:
            problem = Problem(400, f'"{key}" must be at most {MAX_PHRASES} short texts.')
    return problem or Tracker(**texts, **lists)  # type: ignore[arg-type]  # keys are the fields' names


def patch_tracker(current: Mapping[str, Any], body: object) -> Tracker | Problem:
    """The tracker after the operations of a PATCH: ``[{"op", "path", "value"}, …]``, all or none.

    ``add`` and ``remove`` take a phrase or an array of phrases of a list, ``replace`` the whole member; for a list, a
    single text is a list of one. ``add`` and ``replace`` of a text set it, ``remove`` of the description clears it.

    Args:
        current: As `Tracker.as_json` made it.
    """
    if not isinstance(body, list) or not body or len(body) > MAX_OPERATIONS:
        return Problem(400, f"The body must be an array of 1 to {MAX_OPERATIONS} operations.")
    changed: _Json = dict(current)
    for number, operation in enumerate(body):
        problem = _apply(changed, operation)
        if problem is not None:
            return replace(problem, message=f"Operation {number}: {problem.message}")
    return parse_tracker(changed)


def too_many() -> Problem:
    return Problem(400, f"An account has at most {MAX_TRACKERS} trackers.")


def name_taken() -> Problem:
    return Problem(409, "A tracker with this name already exists.")


def _apply(tracker: _Json, operation: object) -> Problem | None:
    if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
        return Problem(400, 'An operation must have "op", "path" and "value".')
    op, key = operation.get("op"), operation["path"].removeprefix("/").removesuffix("/-")
    if op not in ("add", "replace", "remove"):
        return Problem(400, '"op" must be one of add, replace, remove.')
    value = operation.get("value")
    if key in _TEXTS:
        if op == "remove":
            tracker.pop(key, None)
        elif not isinstance(value, str):
            return Problem(400, f'"value" of "/{key}" must be a string.')
        else:
            tracker[key] = value
        return None
    if key not in _LISTS:
        return _unknown(key)
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        return Problem(400, f'"value" of "/{key}" must be a string or an array of strings.')
    known: Sequence[str] = tracker.get(key, ())
    if op == "add":
        tracker[key] = [*known, *values]
    elif op == "replace":
        tracker[key] = values
    else:
        missing = set(values) - set(known)
        if missing:
            return Problem(400, f'"{key}" does not have a value that is to be removed.')
        tracker[key] = [each for each in known if each not in values]
    return None


def _unknown(key: object) -> Problem:
    if key == "excludeVocabulary":
        return Problem(400, '"excludeVocabulary" is not supported.')
    return Problem(400, f'"{str(key)[:64]}" is not a member of a tracker.')


def _phrases_problem(key: str, phrases: Sequence[str]) -> Problem | None:
    if len(phrases) > MAX_PHRASES:
        return Problem(400, f'"{key}" must have at most {MAX_PHRASES} phrases.')
    if len(set(phrases)) < len(phrases):
        return Problem(400, f'"{key}" must not have a phrase twice.')
    for phrase in phrases:
        if not any(character.isalnum() for character in phrase) or len(phrase) > MAX_PHRASE_CHARACTERS:
            return Problem(
                400, f"A phrase must have a letter or figure and at most {MAX_PHRASE_CHARACTERS} characters."
            )
        if any(_is_forbidden(character) for character in phrase):
            return Problem(400, "A phrase must have no punctuation but periods, apostrophes and hyphens.")
    return None


def _is_forbidden(character: str) -> bool:
    category = unicodedata.category(character)
    return category == "Cc" or (category.startswith("P") and character not in _PUNCTUATION)


def _is_label(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME_CHARACTERS and "\0" not in text
