"""The values of placeholders, written or said. Pure: randomness is handed in.

A DATE is the day of a month, with or without a year; weekdays, years, times and "tomorrow" are nobody's data. Of an AGE
only the number is labelled. A first name alone is a PERSON_NAME, as is a surname after a title.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.bench.redaction import numbers
from tests.bench.redaction.people import Lists, People
from tests.bench.redaction.spoken import Speaker, cardinal, ordinal, year
from tests.bench.redaction.texts import Form, Value, words

TYPE_OF: dict[str, str | None] = {
    "card": "CARD_NUMBER", "cvv": "CVV", "expiry": "CARD_EXPIRATION", "pin": "CARD_PIN", "iban": "IBAN",
    "swift": "SWIFT_CODE", "routing": "ROUTING_NUMBER", "account": "BANK_ACCOUNT_NUMBER", "name": "PERSON_NAME",
    "first": "PERSON_NAME", "surname": "PERSON_NAME", "email": "EMAIL_ADDRESS", "age": "AGE", "phone": "PHONE_NUMBER",
    "address": "ADDRESS", "birth": "DATE_OF_BIRTH", "ssn": "SSN", "passport": "PASSPORT_NUMBER",
    "licence": "DRIVERS_LICENSE", "date": "DATE", "domain": "DOMAIN_NAME", "ip": "IP_ADDRESS",
    "order": None, "price": None, "quantity": None, "percent": None, "year": None, "time": None, "version": None,
    "few": None, "room": None, "brand": None, "place": None,
}  # fmt: skip
"""Every placeholder, and the type of its value; None is nothing personal."""

STRUCTURED = frozenset({"CARD_NUMBER", "SSN", "IBAN", "EMAIL_ADDRESS", "PHONE_NUMBER", "ROUTING_NUMBER", "IP_ADDRESS"})
"""Types that a pattern, a check digit or a numbering plan confirms."""

_MONTHS = words("January February March April May June July August September October November December")


class Values:
    """Draws values in one form. Each call draws anew."""

    def __init__(self, rng: random.Random, form: Form, lists: Lists) -> None:
        self._rng = rng
        self._form = form
        self._lists = lists
        self._people = People(rng, lists)

    def __call__(self, placeholder: str) -> Value:
        """Raises KeyError: there is no such placeholder."""
        kind = TYPE_OF[placeholder]
        return Value(kind, getattr(self, f"_{placeholder}")())

    @property
    def _written(self) -> bool:
        return self._form == "written"

    def _say(self, groups: Sequence[str], *, joint: str | None = None) -> str:
        return Speaker(self._rng).number(groups, joint=joint)

    # --- money ---

    def _card(self) -> str:
        groups = numbers.card(self._rng)
        return self._rng.choice((" ", " ", "-", "")).join(groups) if self._written else self._say(groups)

    def _cvv(self) -> str:
        return self._digits(numbers.digits(self._rng, self._rng.choice((3, 3, 3, 4))))

    def _pin(self) -> str:
        return self._digits(numbers.digits(self._rng, self._rng.choice((4, 4, 4, 6))))

    def _digits(self, number: str) -> str:
        return number if self._written else self._say([number])

    def _expiry(self) -> str:
        rng = self._rng
        month, short = rng.randint(1, 12), rng.randint(26, 34)
        name = _MONTHS[month - 1]
        if self._written:
            return rng.choice((f"{month:02}/{short}", f"{month:02}/{short}", f"{month}/20{short}", f"{name} 20{short}"))
        number = f"oh {cardinal(month)}" if month < 10 and rng.random() < 0.6 else cardinal(month)
        tail = rng.choice((cardinal(short), cardinal(short), f"twenty {cardinal(short)}", self._say([str(short)])))
        return rng.choice((f"{number} {tail}", f"{number} <slash> {tail}", f"{name} twenty {cardinal(short)}"))

    def _iban(self) -> str:
        number = numbers.account_of_iban(self._rng)
        if not self._written:
            return Speaker(self._rng).code(number, help_share=0.15)
        if self._rng.random() < 0.25:
            return number
        return " ".join(numbers.in_groups(number, [4] * 8))

    def _swift(self) -> str:
        return self._code(numbers.swift(self._rng))

    def _code(self, code: str) -> str:
        return code if self._written else Speaker(self._rng).code(code)

    def _routing(self) -> str:
        number = numbers.routing(self._rng)
        groups = numbers.in_groups(number, self._rng.choice(((3, 3, 3), (4, 5), (9,))))
        return self._rng.choice(("", "", "", " ")).join(groups) if self._written else self._say(groups)

    def _account(self) -> str:
        number = numbers.digits(self._rng, self._rng.choice((8, 9, 10, 10, 11, 12)))
        groups = numbers.in_groups(number, self._rng.choice(((4, 4), (3, 3, 3), (3, 4))))
        return self._rng.choice(("", "", "", " ", "-")).join(groups) if self._written else self._say(groups)

    # --- people ---

    def _name(self) -> str:
        return self._people.full_name()

    def _first(self) -> str:
        return self._people.names()[0]

    def _surname(self) -> str:
        return self._people.names()[1]

    def _age(self) -> str:
        number = self._rng.randint(18, 97)
        return str(number) if self._written else cardinal(number, hyphen=self._rng.random() < 0.5)

    def _email(self) -> str:
        return self._people.email(self._form)

    def _address(self) -> str:
        return self._people.address(self._form)

    def _domain(self) -> str:
        return self._people.domain(self._form)

    def _phone(self) -> str:
        rng = self._rng
        if rng.random() < 0.2:
            number = numbers.foreign_phone(rng)
            if self._written:
                return number
            code, *groups = number.removeprefix("+").replace("-", " ").split()
            return f"<plus> {Speaker(rng).in_pairs(code)} {self._say(groups)}"
        area, middle, last = numbers.home_phone(rng)
        country = rng.random() < 0.15
        if not self._written:
            prefix = rng.choice(("one ", "<plus> one ", "one, ")) if country else ""
            return prefix + self._say([area, middle, last], joint="dash" if rng.random() < 0.05 else None)
        written = rng.choice(
            ("({}) {}-{}", "({}) {}-{}", "{}-{}-{}", "{}-{}-{}", "{}.{}.{}", "{} {} {}", "{}{}{}", "{}-{} {}")
        ).format(area, middle, last)
        return rng.choice(("+1 ", "1-", "+1")) + written if country else written

    def _ssn(self) -> str:
        groups = numbers.social_security(self._rng)
        if self._written:
            return self._rng.choice(("-", "-", "-", " ", "")).join(groups)
        return self._say(groups, joint="dash" if self._rng.random() < 0.15 else None)

    def _passport(self) -> str:
        return self._code(numbers.passport(self._rng))

    def _licence(self) -> str:
        return self._code(numbers.licence(self._rng))

    def _ip(self) -> str:
        rng = self._rng
        if self._written:
            return numbers.ipv6(rng) if rng.random() < 0.25 else numbers.ipv4(rng)
        speaker = Speaker(rng)
        if rng.random() < 0.1:
            groups = [" ".join(speaker.code(part, help_share=0).split()) for part in numbers.ipv6(rng).split(":")]
            return " <colon> ".join(groups).replace("  ", " ")
        joint = rng.choice((" <dot> ", " <dot> ", " <dot> ", " <point> "))
        return joint.join(self._say_byte(part, speaker) for part in numbers.ipv4(rng).split("."))

    def _say_byte(self, number: str, speaker: Speaker) -> str:
        return cardinal(int(number)) if len(number) < 3 and number != "0" else speaker.group(number)

    # --- days ---

    def _birth(self) -> str:
        return self._day(self._rng.randint(1934, 2008), year_share=1.0)

    def _date(self) -> str:
        return self._day(self._rng.randint(2015, 2029), year_share=0.6)

    def _day(self, number: int, *, year_share: float) -> str:
        rng = self._rng
        month, day = rng.randint(1, 12), rng.randint(1, 28)
        name = _MONTHS[month - 1]
        full = rng.random() < year_share
        if self._written:
            if not full:
                return rng.choice(
                    (f"{name} {day}", f"{name} {day}{_suffix(day)}", f"<the> {day}{_suffix(day)} <of> {name}")
                )
            figures = (f"{month:02}/{day:02}/{number}", f"{month}/{day}/{number}", f"{number}-{month:02}-{day:02}")
            return rng.choice(
                (*figures, f"{name} {day}, {number}", f"{name} {day}{_suffix(day)}, {number}", f"{day} {name} {number}")
            )
        said = year(rng, number)
        if full and rng.random() < 0.2:
            start = f"oh {cardinal(month)}" if month < 10 else cardinal(month)
            return f"{start} {f'oh {cardinal(day)}' if day < 10 else cardinal(day)} {said}"
        spoken = rng.choice(
            (f"{name} {ordinal(day)}", f"{name} <the> {ordinal(day)}", f"<the> {ordinal(day)} <of> {name}")
        )
        return f"{spoken}{rng.choice((', ', ' '))}{said}" if full else spoken

    # --- nothing personal ---

    def _order(self) -> str:
        rng = self._rng
        prefix = rng.choice(("", "", "", "A", "INV", "ZX", "C"))
        sizes = rng.choice(((4,), (5,), (5,), (6,), (6,), (7,), (8,), (8,), (9,), (10,), (3, 7, 7), (4, 4, 4)))
        groups = numbers.in_groups(numbers.digits(rng, sum(sizes)), sizes)
        if self._written:
            return f"{prefix}{rng.choice(('-', '')) if prefix else ''}{'-'.join(groups)}"
        speaker = Speaker(rng)
        return f"{speaker.code(prefix, help_share=0.1)} {' '.join(map(speaker.group, groups))}".strip()

    def _price(self) -> str:
        dollars, cents = self._rng.randint(2, 4999), self._rng.choice((0, 0, 99, 50, 25))
        if self._written:
            return f"${dollars:,}" + (f".{cents}" if cents else "")
        said = cardinal(dollars)
        return f"{said} {cardinal(cents)}" if cents and dollars < 100 else f"{said} dollars"

    def _quantity(self) -> str:
        number = self._rng.choice((self._rng.randint(2, 99), self._rng.randint(100, 9999)))
        return f"{number:,}" if self._written else cardinal(number)

    def _few(self) -> str:
        number = self._rng.randint(2, 40)
        return str(number) if self._written else cardinal(number)

    def _percent(self) -> str:
        number = self._rng.randint(1, 99)
        return f"{number}%" if self._written else f"{cardinal(number)} percent"

    def _year(self) -> str:
        number = self._rng.randint(1965, 2029)
        return str(number) if self._written else year(self._rng, number)

    def _time(self) -> str:
        hour, minute = self._rng.randint(1, 12), self._rng.choice((0, 15, 20, 30, 45, 50))
        if self._written:
            return f"{hour}:{minute:02} {self._rng.choice(('AM', 'PM', 'am', 'pm'))}"
        return f"{cardinal(hour)} {cardinal(minute) if minute else self._rng.choice(('pm', 'am', 'p m'))}"

    def _version(self) -> str:
        parts = [str(self._rng.randint(0, 30)) for _ in range(self._rng.choice((2, 3, 3)))]
        if len(parts) == 3 and self._rng.random() < 0.2:
            parts.append(str(self._rng.randint(1000, 9999)))
        return ".".join(parts) if self._written else " point ".join(cardinal(int(part)) for part in parts)

    def _room(self) -> str:
        return self._rng.choice(self._lists.rooms)

    def _brand(self) -> str:
        return self._rng.choice(self._lists.brands)

    def _place(self) -> str:
        return self._rng.choice(self._lists.places)


def _suffix(day: int) -> str:
    return "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
