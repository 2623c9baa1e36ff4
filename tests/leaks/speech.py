"""How secrets are said aloud: digit by digit, in pairs, spelled. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.bench.redaction.texts import words

UNITS: Final = words("zero one two three four five six seven eight nine")
TEENS: Final = words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
TENS: Final = words("twenty thirty forty fifty sixty seventy eighty ninety")
ORDINALS: Final = {
    13: "thirteenth", 14: "fourteenth", 15: "fifteenth", 16: "sixteenth", 17: "seventeenth", 18: "eighteenth",
    19: "nineteenth", 20: "twentieth",
}  # fmt: skip
"""The days of the month on which the people of these tests are born."""


def one_by_one(groups: Sequence[str], *, zero: str = "oh", doubles: bool = False, pause: str = " ") -> str:
    """ "four one seven two, nine oh double three"; letters are spelled.

    Args:
        doubles: Whether a digit that comes twice is said as "double".
        pause: What stands between groups.
    """
    return pause.join(" ".join(_characters(group.lower(), zero, doubles=doubles)) for group in groups)


def in_pairs(groups: Sequence[str]) -> str:
    """ "forty one seventy two, ninety three eighty five", of groups with an even number of digits."""
    return ", ".join(" ".join(_pair(group[at : at + 2]) for at in range(0, len(group), 2)) for group in groups)


def octets(groups: Sequence[str]) -> str:
    """ "one nine eight dot one eight dot two oh seven dot one four"."""
    return one_by_one(groups, pause=" dot ")


def spelled(word: str) -> str:
    """ "o k o n k w o"."""
    return " ".join(word.lower())


def address(email: str) -> str:
    """ "jane dot doe at example dot com"."""
    return email.lower().replace("@", " at ").replace(".", " dot ")


def year(number: int) -> str:
    """ "nineteen seventy nine", of a year from 1910 to 1999."""
    return f"{_pair(str(number)[:2])} {_pair(str(number)[2:])}"


def _characters(group: str, zero: str, *, doubles: bool) -> Sequence[str]:
    said: list[str] = []
    at = 0
    while at < len(group):
        character = group[at]
        is_double = doubles and character.isdigit() and group[at : at + 2] == 2 * character
        word = (zero if character == "0" else UNITS[int(character)]) if character.isdigit() else character
        said.append(f"double {word}" if is_double else word)
        at += 2 if is_double else 1
    return said


def _pair(digits: str) -> str:
    tens, units = map(int, digits)
    if tens == 0:
        return f"oh {UNITS[units] if units else 'oh'}"
    if tens == 1:
        return TEENS[units]
    return TENS[tens - 2] + (f" {UNITS[units]}" if units else "")
