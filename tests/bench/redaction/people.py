"""People of every kind: their names, addresses, e-mail and where they live. Pure: randomness is handed in.

Results are marked as `tests.bench.redaction.texts` says: ``<...>`` encloses what does not give the value away.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tests.bench.redaction.numbers import digits
from tests.bench.redaction.spoken import Speaker, cardinal
from tests.bench.redaction.texts import Form, words

_PROVIDERS = words(
    "gmail.com gmail.com gmail.com yahoo.com outlook.com hotmail.com icloud.com aol.com proton.me comcast.net"
)
_TOP_LEVELS = ("com", "com", "com", "com", "net", "org", "io", "co.uk", "de", "ca", "edu", "co")
_SEPARATORS = {".": "dot", "_": "underscore", "-": "dash"}
_STREET_KINDS = {
    "Street": "St", "Avenue": "Ave", "Road": "Rd", "Drive": "Dr", "Lane": "Ln", "Court": "Ct", "Boulevard": "Blvd",
    "Way": "Way", "Place": "Pl", "Terrace": "Ter", "Parkway": "Pkwy", "Circle": "Cir",
}  # fmt: skip
_UNITS = ("Apt", "Apartment", "Unit", "Suite")
_SYLLABLES = words("vel zor qui tha nim bra lo xan der mi kev shu pol yra gos fen tul ash wic dro")


class Culture(NamedTuple):
    """First names and surnames that go together; ``weight`` says how often they come."""

    weight: int
    first: tuple[str, ...]
    last: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Lists:
    """What values are drawn from; the development set and the held-out set have their own.

    Args:
        names: By culture.
        streets: Names of streets without their kind.
        towns: Towns with their state, as "Dayton, Ohio".
        companies: Words that companies call their domains by.
        rooms: Rooms and projects called like something else.
        brands: Names of firms and products.
        places: Towns and countries that one only talks about.
    """

    names: Sequence[Culture]
    streets: Sequence[str]
    towns: Sequence[str]
    companies: Sequence[str]
    rooms: Sequence[str]
    brands: Sequence[str]
    places: Sequence[str]


class People:
    """Draws people from lists."""

    def __init__(self, rng: random.Random, lists: Lists) -> None:
        self._rng = rng
        self._lists = lists

    def names(self) -> tuple[str, str]:
        """A first name and a surname of one culture; one in 14 is invented."""
        rng = self._rng
        if rng.random() < 0.07:
            return self._invented(), self._invented()
        culture = rng.choices(self._lists.names, [culture.weight for culture in self._lists.names])[0]
        return rng.choice(culture.first), rng.choice(culture.last)

    def full_name(self) -> str:
        """First name and surname, seldom with an initial or two surnames."""
        first, last = self.names()
        chance = self._rng.random()
        if chance < 0.04:
            return f"{first} {self._rng.choice('ABCDEFGHJKLMNPRSTW')} {last}"
        if chance < 0.08:
            return f"{first} {last}-{self.names()[1]}"
        return f"{first} {last}"

    def email(self, form: Form) -> str:
        """An address; its parts are told apart, as they are said in different ways."""
        rng = self._rng
        first, last = (_ascii(name) for name in self.names())
        number = digits(rng, rng.choice((1, 2, 2, 2, 3, 4)))
        local: list[str] = list(
            rng.choice(
                (
                    (first, ".", last),
                    (first, ".", last),
                    (first, last),
                    (first, "_", last),
                    (first, "-", last),
                    (first, number),
                    (first, ".", last, number),
                    (first, last, number),
                    (last, "_", number),
                    (f"={first[0]}", last),
                    (f"={first[0]}", ".", last),
                    (f"={first[0]}{last[0]}", number),
                    (f"={first}",),
                    (rng.choice(self._lists.companies), rng.choice(self._lists.companies)),
                    (rng.choice(("info", "sales", "billing", "support", "accounts", "hello")),),
                )
            )
        )
        host = rng.choice(_PROVIDERS) if rng.random() < 0.5 else self._company_host()
        if form == "written":
            address = "".join(local).replace("=", "") + "@" + host
            return address if rng.random() < 0.9 else address.capitalize()
        speaker = Speaker(rng)
        capital = rng.random() < 0.3
        said = [self._say_part(part, speaker, capital=capital) for part in local]
        if rng.random() < 0.08:
            return f"{' '.join(said)} <at> {host}"
        return f"{' '.join(said)} <{rng.choice(('at', 'at', 'at', 'at sign'))}> {self._say_host(host, speaker)}"

    def domain(self, form: Form) -> str:
        """A name of a host, with "www" or another subdomain now and then."""
        rng = self._rng
        host = rng.choice(("", "", "", "www.", "shop.", "portal.", "my.")) + self._company_host()
        if form == "written":
            return rng.choice(("", "", "", "<https://>")) + host
        return self._say_host(host, Speaker(rng))

    def address(self, form: Form) -> str:
        """A street with its number, and mostly a town with state and postcode."""
        rng = self._rng
        number = str(rng.choice((rng.randint(1, 99), rng.randint(100, 999), rng.randint(1000, 9999))))
        kind = rng.choice(tuple(_STREET_KINDS))
        street = f"{rng.choice(('', '', '', 'North ', 'West '))}{rng.choice(self._lists.streets)}"
        town = rng.choice(self._lists.towns)
        unit = rng.choice(_UNITS) if rng.random() < 0.25 else ""
        door = str(rng.randint(1, 40)) + rng.choice(("", "", "B", "C"))
        code = digits(rng, 5)
        extent = rng.choices(("street", "town", "all"), (25, 20, 55))[0]
        if form == "written":
            short = _STREET_KINDS[kind] if rng.random() < 0.3 else kind
            parts = [f"{number} {street} {short}", *([f"{unit} {door}"] if unit else [])]
            if extent != "street":
                parts.append(town)
            return ", ".join(parts) + (f" {code}" if extent == "all" else "")
        speaker = Speaker(rng)
        said = speaker.in_pairs(number) if rng.random() < 0.6 else speaker.group(number)
        if len(number) < 3:
            said = cardinal(int(number))
        parts = [f"{said} {street} {kind}"]
        if unit:
            room = cardinal(int(door.rstrip("BC"))) + (f" {door[-1]}" if door[-1].isalpha() else "")
            parts.append(f"{'apartment' if unit == 'Apt' else unit.lower()} {room}")
        if extent != "street":
            parts.append(town)
        return ", ".join(parts) + (f" {speaker.group(code)}" if extent == "all" else "")

    def _company_host(self) -> str:
        rng = self._rng
        words = rng.sample(self._lists.companies, rng.choice((1, 2, 2)))
        return rng.choice(("", "", "", "-")).join(words) + "." + rng.choice(_TOP_LEVELS)

    def _say_part(self, part: str, speaker: Speaker, *, capital: bool) -> str:
        if part in _SEPARATORS:
            word = _SEPARATORS[part]
            return f"<{self._rng.choice((word, word, 'hyphen')) if part == '-' else word}>"
        if part.isdigit():
            return speaker.group(part)
        if part.startswith("="):
            return speaker.code(part[1:], help_share=0.15)
        return part.capitalize() if capital else part

    def _say_host(self, host: str, speaker: Speaker) -> str:
        rng = self._rng
        said: list[str] = []
        labels = host.split(".")
        for place, label in enumerate(labels):
            if label == "www":
                said.append(rng.choice(("w w w", "w w w", "www", "double u double u double u")))
            elif label == "gmail":
                said.append(rng.choice(("gmail", "gmail", "Gmail", "g mail")))
            elif len(label) == 2 and place and label != "me" and label != "co":
                said.append(rng.choice((" ".join(label), label)))
            else:
                said.append(label.replace("-", f" <{rng.choice(('dash', 'hyphen'))}> "))
        return " <dot> ".join(said)

    def _invented(self) -> str:
        return "".join(self._rng.sample(_SYLLABLES, self._rng.choice((2, 2, 3)))).capitalize()


def _ascii(name: str) -> str:
    """A name as it stands in an address: "Núñez" is "nunez"."""
    plain = unicodedata.normalize("NFKD", name.replace("ø", "o").replace("ł", "l").replace("ß", "ss"))
    return "".join(character for character in plain if character.isascii() and character.isalpha()).lower()
