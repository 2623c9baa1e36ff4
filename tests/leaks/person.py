"""A person who does not exist, whose personal data is said in a run and then searched for. Pure: a seed is handed in.

Numbers have the right check digits, or are kept free for fiction and tests. The parts by which a secret is known, four
digits or a word, are no other secret's, and nothing that programs write by themselves.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.bench.redaction import numbers
from tests.leaks.speech import ORDINALS, year

PART_DIGITS: Final = 4
"""So many digits in a row are part of a secret, whichever."""

_FIRST_NAMES: Final = ("Marisol", "Bernadette", "Konstantin", "Gwendolyn", "Krzysztof", "Genevieve")
_SURNAMES: Final = ("Okonkwo", "Halvorsen", "Pemberton", "Szymanski", "Castellano", "Yamaguchi", "Thibodeaux")
_STREETS: Final = ("Tamarack", "Juniper", "Quailwood", "Ferncliff", "Birchmont", "Hawthorne")
_HOSTS: Final = ("quillbrook", "velanthor", "mistfennel", "tolgrave", "zephyrloft")
_AREA_CODES: Final = ("212", "312", "617", "702", "804", "919")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November"),
    "December",
)
_BLAND: Final = frozenset(
    {digit * PART_DIGITS for digit in "0123456789"}
    | {"0123", "1234", "2345", "3456", "4567", "5678", "6789", "1270", "2700", "7001", "8601", "1024", "4096", "8192"}
    | {str(year) for year in range(2000, 2050)}
    | {str(2**63 - 1)[start : start + PART_DIGITS] for start in range(16)}
)
"""What stands everywhere: years, limits, the address of this machine, lists of partitions."""


@dataclass(frozen=True, kw_only=True)
class Secret:
    """One piece of personal data, however it is said.

    Args:
        kind: What it is, such as CARD_NUMBER; a person has one of a kind.
        written: As people type it.
        groups: Letters and digits in the groups in which people say it; empty of what has no number.
        numbers: All digits that stand in a row when separators are left out.
        words: Small letters; each gives the secret away wherever it stands, and spelled.
        phrases: Words in a row that give it away together.
        known_in: Kinds of topics in which it may stand; docs/privacy.md says why.
    """

    kind: str
    written: str = field(repr=False)
    groups: tuple[str, ...] = field(default=(), repr=False)
    numbers: tuple[str, ...] = field(default=(), repr=False)
    words: tuple[str, ...] = field(default=(), repr=False)
    phrases: tuple[str, ...] = field(default=(), repr=False)
    known_in: frozenset[str] = frozenset()

    def parts(self) -> Iterator[str]:
        """Every four digits in a row; all there are where there are fewer."""
        for number in self.numbers:
            for start in range(max(1, len(number) - PART_DIGITS + 1)):
                yield number[start : start + PART_DIGITS]


class Person(dict[str, Secret]):
    """All secrets of one person, by kind."""

    def __repr__(self) -> str:
        return f"<Person with {len(self)} secrets>"


def invent(seed: int) -> Person:
    """The person of a seed: the same every time."""
    rng = random.Random(seed)
    person = Person()
    first, tracked = rng.sample(_FIRST_NAMES, 2)
    surname, host, street = rng.choice(_SURNAMES), rng.choice(_HOSTS), rng.choice(_STREETS)
    used = set(_BLAND)

    def draw(kind: str, make: Callable[[], Secret]) -> None:
        while True:
            secret = make()
            parts = list(secret.parts())
            if used.isdisjoint(parts) and len(set(parts)) == len(parts):
                used.update(parts)
                person[kind] = secret
                return

    def number(kind: str, make: Callable[[], Sequence[str]], separator: str = "") -> None:
        draw(kind, lambda: _number(kind, make(), separator))

    number("CARD_NUMBER", lambda: _of_sizes(lambda: numbers.card(rng), (4, 4, 4, 4)), " ")
    number("CVV", lambda: [str(rng.randint(601, 989))])
    number("CARD_PIN", lambda: [numbers.digits(rng, 4)])
    number("CARD_EXPIRATION", lambda: [f"{rng.randint(1, 12):02}", str(rng.randint(32, 59))], "/")
    number("SSN", lambda: numbers.social_security(rng), "-")
    number("ROUTING_NUMBER", lambda: [numbers.routing(rng)])
    number("BANK_ACCOUNT_NUMBER", lambda: [numbers.digits(rng, 10)])
    number("PHONE_NUMBER", lambda: [rng.choice(_AREA_CODES), "555", f"01{numbers.digits(rng, 2)}"], "-")
    number("PASSPORT_NUMBER", lambda: [rng.choice("CEHK") + numbers.digits(rng, 8)])
    number("DRIVERS_LICENSE", lambda: [rng.choice("BDFT") + numbers.digits(rng, 7)])
    # RFC 2544 keeps these for tests.
    number("IP_ADDRESS", lambda: ["198", "18", str(rng.randint(131, 249)), str(rng.randint(131, 249))], ".")
    number("IBAN", lambda: _of_sizes(lambda: _german_iban(rng), (4, 4, 4, 4, 4, 2)), " ")
    draw("ADDRESS", lambda: _address(rng, street))
    draw("DATE_OF_BIRTH", lambda: _birth(rng))
    swift = _swift(rng)
    person["SWIFT_CODE"] = Secret(kind="SWIFT_CODE", written=swift, groups=(swift,), words=(swift.lower(),))
    name, email = f"{first} {surname}", f"{first}.{surname}@{host}.com".lower()
    person["PERSON_NAME"] = Secret(kind="PERSON_NAME", written=name, words=tuple(name.lower().split()))
    person["EMAIL_ADDRESS"] = Secret(kind="EMAIL_ADDRESS", written=email, words=(host,))
    # It is in the vocabulary of a tracker.
    person["TRACKED_NAME"] = Secret(
        kind="TRACKED_NAME", written=tracked, words=(tracked.lower(),), known_in=frozenset({"state"})
    )
    return person


def _number(kind: str, groups: Sequence[str], separator: str) -> Secret:
    digits = "".join(character for group in groups for character in group if character.isdigit())
    return Secret(kind=kind, written=separator.join(groups), groups=tuple(groups), numbers=(digits,))


def _of_sizes(make: Callable[[], list[str]], sizes: tuple[int, ...]) -> list[str]:
    while True:
        groups = make()
        if tuple(map(len, groups)) == sizes:
            return groups


def _german_iban(rng: random.Random) -> list[str]:
    while True:
        account = numbers.account_of_iban(rng)
        if account.startswith("DE"):
            return numbers.in_groups(account, (4, 4, 4, 4, 4))


def _swift(rng: random.Random) -> str:
    while True:
        code = numbers.swift(rng)
        if len(code) == 8 and code.isalpha():
            return code


def _address(rng: random.Random, street: str) -> Secret:
    house, code = numbers.digits(rng, 4), f"45{numbers.digits(rng, 3)}"
    if house[0] == "0":
        house = f"7{house[1:]}"
    return Secret(
        kind="ADDRESS",
        written=f"{house} {street} Street, Dayton, Ohio {code}",
        groups=(house, street, code),
        numbers=(house, code),
        words=(street.lower(),),
    )


def _birth(rng: random.Random) -> Secret:
    month, day, born = rng.randrange(len(_MONTHS)), rng.choice(tuple(ORDINALS)), rng.randint(1951, 1995)
    name = _MONTHS[month]
    return Secret(
        kind="DATE_OF_BIRTH",
        written=f"{name} {day}, {born}",
        groups=(f"{name} {ORDINALS[day]} {year(born)}",),
        numbers=(f"{month + 1:02}{day}{born}",),
        phrases=(f"{name} {day}".lower(), f"{name} {ORDINALS[day]}".lower()),
    )
