"""How people say numbers, codes and addresses. Pure: randomness is handed in.

Results are marked as `tests.bench.redaction.texts` says: ``<...>`` encloses what does not give the value away.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.bench.redaction.texts import words

_ONES = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = words("- - twenty thirty forty fifty sixty seventy eighty ninety")
_ORDINALS = words(
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_NATO = words(
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey x-ray yankee zulu"
)
_HOMELY = words(
    "apple boy cat david edward frank george henry igloo john king larry mary nancy orange peter queen robert sam tom "
    "umbrella victor william xylophone yellow zebra"
)
_HELPS = tuple({word[0]: word for word in alphabet} for alphabet in (_NATO, _HOMELY))
_BREAKS = (", ", ", ", ", ", " ", " ", " ", "... ", ". ")
_FILLERS = ("um", "uh", "er", "and then", "let me see", "okay", "uh huh", "and", "then", "hmm", "you got that?")
_CORRECTIONS = ("no wait", "sorry", "no sorry", "I mean", "wait no", "actually no", "scratch that", "oops, no")


def cardinal(number: int, *, hyphen: bool = True) -> str:
    """A number below 10,000: "two hundred fifty-six"."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        ones = ("-" if hyphen else " ") + _ONES[number % 10] if number % 10 else ""
        return _TENS[number // 10] + ones
    unit, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    rest = f" {cardinal(number % unit, hyphen=hyphen)}" if number % unit else ""
    return f"{_ONES[number // unit]} {name}{rest}"


def ordinal(number: int) -> str:
    """The number of a day: "twenty-first"."""
    if number <= 20:
        return _ORDINALS[number]
    return f"{_TENS[number // 10]}-{_ORDINALS[number % 10]}" if number % 10 else "thirtieth"


def year(rng: random.Random, number: int) -> str:
    """ "nineteen eighty-five", "two thousand five", "twenty oh five"."""
    century, rest = divmod(number, 100)
    if 2000 <= number < 2010:
        if not rest:
            return "two thousand"
        return rng.choice(
            (f"two thousand {_ONES[rest]}", f"two thousand and {_ONES[rest]}", f"twenty oh {_ONES[rest]}")
        )
    if not rest:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {f'oh {_ONES[rest]}' if rest < 10 else cardinal(rest)}"


class Speaker:
    """Somebody who says one number in one manner: digit by digit, with "double", in pairs; "oh" or "zero"."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._manner = rng.choices(("digits", "doubles", "pairs", "mixed"), (50, 18, 14, 18))[0]
        self._zero = rng.choice(("zero", "oh", "oh", None))
        self._hyphen = rng.random() < 0.6

    def number(self, groups: Sequence[str], *, joint: str | None = None) -> str:
        """A number in groups, with pauses, hesitations and a correction now and then.

        Args:
            joint: What is always said between groups, as in "one two three dash four five"; None for pauses.
        """
        rng = self._rng
        wrong = rng.randrange(len(groups)) if rng.random() < 0.06 else None
        pauses = rng.random() < 0.75
        said: list[str] = []
        for place, group in enumerate(groups):
            if place:
                said.append(f" <{joint}> " if joint else self._pause() if pauses else " ")
            if place == wrong and len(group) > 1:
                said.append(f"<{self.group(self._misspoken(group))}, {rng.choice(_CORRECTIONS)},> ")
            said.append(self.group(group))
        return "".join(said)

    def group(self, digits: str) -> str:
        """The words for some digits in a row."""
        manner = self._manner
        if manner == "mixed":
            manner = self._rng.choice(("digits", "doubles", "pairs"))
        if manner == "pairs" and 2 <= len(digits) <= 6:
            return self.in_pairs(digits)
        return self._one_by_one(digits, doubles=manner == "doubles")

    def in_pairs(self, digits: str) -> str:
        """ "forty-one eleven", "four fifteen", "eight hundred"."""
        if len(digits) == 3 and digits.endswith("00") and digits[0] != "0":
            return f"{_ONES[int(digits[0])]} hundred"
        if len(digits) == 4 and digits.endswith("00") and digits[0] != "0":
            if digits.endswith("000"):
                return f"{_ONES[int(digits[0])]} thousand"
            return f"{self._pair(digits[:2])} hundred"
        said = [self._digit(digits[0])] if len(digits) % 2 else []
        rest = digits[len(digits) % 2 :]
        said += (self._pair(rest[place : place + 2]) for place in range(0, len(rest), 2))
        return " ".join(said)

    def code(self, characters: str, *, help_share: float = 0.25) -> str:
        """Letters and digits one after the other; now and then with "D as in David"."""
        rng = self._rng
        helps = rng.random() < help_share
        alphabet = rng.choice(_HELPS)
        link = rng.choice(("as in", "as in", "for", "like", "<only>"))
        said: list[str] = []
        place = 0
        while place < len(characters):
            if characters[place].isdigit():
                end = place
                while end < len(characters) and characters[end].isdigit():
                    end += 1
                said.append(self._digits_of_code(characters[place:end]))
                place = end
                continue
            letter = characters[place].upper()
            word = alphabet[letter.lower()]
            if not helps:
                said.append(letter)
            elif link == "<only>":
                said.append(word)
            else:
                said.append(f"{letter} {link} {word.capitalize()}" + ("," if place + 1 < len(characters) else ""))
            place += 1
        return " ".join(said)

    def _digits_of_code(self, digits: str) -> str:
        size = self._rng.choice((2, 3, 4, 4))
        return self._pause().join(self.group(digits[start : start + size]) for start in range(0, len(digits), size))

    def _one_by_one(self, digits: str, *, doubles: bool) -> str:
        said: list[str] = []
        place = 0
        while place < len(digits):
            run = len(digits) - place - len(digits[place:].lstrip(digits[place]))
            run = min(run, 3) if doubles and run != 4 else 2 if doubles else 1
            prefix = {1: "", 2: "double ", 3: "triple "}[run]
            said.append(prefix + self._digit(digits[place]))
            place += run
        return " ".join(said)

    def _digit(self, digit: str) -> str:
        if digit == "0":
            return self._zero or self._rng.choice(("zero", "oh"))
        return _ONES[int(digit)]

    def _pair(self, digits: str) -> str:
        if digits == "00":
            return self._rng.choice(("double zero", "double oh", "zero zero", "oh oh"))
        if digits[0] == "0":
            return f"{self._digit('0')} {_ONES[int(digits[1])]}"
        return cardinal(int(digits), hyphen=self._hyphen)

    def _pause(self) -> str:
        if self._rng.random() < 0.1:
            return (
                f"{self._rng.choice((', ', ' ', '... '))}<{self._rng.choice(_FILLERS)}>{self._rng.choice((', ', ' '))}"
            )
        return self._rng.choice(_BREAKS)

    def _misspoken(self, group: str) -> str:
        place = self._rng.randrange(len(group))
        other = self._rng.choice([digit for digit in "0123456789" if digit != group[place]])
        return group[:place] + other + group[place + 1 :]
