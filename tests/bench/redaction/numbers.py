"""Numbers with the right check digits, drawn at random: nobody's that we know of. Pure: randomness is handed in."""

from __future__ import annotations

import ipaddress
import random
import string
from collections.abc import Sequence

import phonenumbers
from stdnum import iban, luhn
from stdnum.us import rtn, ssn

from tests.bench.redaction.texts import words

_CARDS: tuple[tuple[Sequence[str], int, tuple[int, ...]], ...] = (
    (("4",), 16, (4, 4, 4, 4)),
    (("4",), 16, (4, 4, 4, 4)),
    (("51", "52", "53", "54", "55", "2221", "2720"), 16, (4, 4, 4, 4)),
    (("6011", "65"), 16, (4, 4, 4, 4)),
    (("34", "37"), 15, (4, 6, 5)),
    (("36", "300", "38"), 14, (4, 6, 4)),
    (("3528", "3589"), 16, (4, 4, 4, 4)),
    (("6304", "6759"), 12, (4, 4, 4)),
    (("6304",), 19, (4, 4, 4, 4, 3)),
    (("4",), 13, (4, 3, 3, 3)),
)
"""Visa, Mastercard, Discover, American Express, Diners, JCB, Maestro, old Visa: prefixes, length, groups."""

_ACCOUNTS = {
    "DE": "18n",
    "AT": "16n",
    "CH": "17n",
    "SE": "20n",
    "GB": "4a14n",
    "NL": "4a10n",
    "IE": "4a14n",
    "FR": "23n",
}
"""The structure of what follows the check digits of an IBAN: digits (n), letters (a)."""

_BANK_COUNTRIES = words("DE GB US FR NL CH ES IT SE JP SG AU CA IE AT")
_REGIONS = ("GB", "DE", "FR", "IN", "MX", "AU", "BR", "IE", "JP")

_AREA_CODES = words(
    "201 202 206 208 210 212 213 214 215 216 224 248 253 260 267 301 303 305 309 310 312 313 314 316 321 323 330 347 "
    "402 404 407 408 410 412 414 415 419 425 432 440 443 469 480 503 508 510 512 513 515 520 530 559 561 571 602 605 "
    "607 612 614 615 617 619 626 630 646 650 678 701 702 704 713 714 716 718 719 720 773 781 801 802 803 804 805 808 "
    "812 813 816 818 832 847 858 860 901 904 907 913 914 916 917 919 925 937 940 949 951 954 970 971 972 978 800 888"
)


def digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.digits, k=count))


def letters(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.ascii_uppercase, k=count))


def in_groups(number: str, sizes: Sequence[int]) -> list[str]:
    """``number`` cut into pieces of these sizes; what is left over is the last piece."""
    pieces = []
    for size in sizes:
        pieces.append(number[:size])
        number = number[size:]
    return [piece for piece in (*pieces, number) if piece]


def card(rng: random.Random) -> list[str]:
    """A card number, in its groups."""
    prefixes, length, sizes = rng.choice(_CARDS)
    prefix = rng.choice(prefixes)
    body = prefix + digits(rng, length - len(prefix) - 1)
    return in_groups(body + luhn.calc_check_digit(body), sizes)


def account_of_iban(rng: random.Random) -> str:
    """An IBAN without spaces."""
    country = rng.choice(tuple(_ACCOUNTS))
    structure = _ACCOUNTS[country]
    body = digits(rng, int(structure.removeprefix("4a").removesuffix("n")))
    if structure.startswith("4a"):
        body = letters(rng, 4) + body
    check = iban.calc_check_digits(f"{country}00{body}")
    return f"{country}{check}{body}"


def routing(rng: random.Random) -> str:
    """A routing number of a bank in the USA: nine digits."""
    district = rng.choice((*range(1, 13), *range(21, 33)))
    body = f"{district:02}{digits(rng, 6)}"
    return body + rtn.calc_check_digit(body)


def social_security(rng: random.Random) -> list[str]:
    """A social security number, in its groups."""
    while True:
        number = digits(rng, 9)
        if ssn.is_valid(number):
            return in_groups(number, (3, 2, 4))


def home_phone(rng: random.Random) -> list[str]:
    """Ten digits that the North American numbering plan knows, in groups."""
    while True:
        number = rng.choice(_AREA_CODES) + rng.choice("23456789") + digits(rng, 6)
        if phonenumbers.is_valid_number(phonenumbers.parse(number, "US")):
            return in_groups(number, (3, 3, 4))


def foreign_phone(rng: random.Random) -> str:
    """A mobile number with its country code, in the international format: "+44 7400 123456"."""
    region = rng.choice(_REGIONS)
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert example is not None
    while True:
        national = str(example.national_number)[:-6] + digits(rng, 6)
        number = phonenumbers.PhoneNumber(country_code=example.country_code, national_number=int(national))
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def ipv4(rng: random.Random) -> str:
    first = rng.choice((10, 172, 192, rng.randint(1, 223)))
    second = {172: rng.randint(16, 31), 192: 168}.get(first, rng.randint(0, 255))
    return f"{first}.{second}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"


def ipv6(rng: random.Random) -> str:
    """In the short form of RFC 5952, or in full."""
    groups = [0x2001, 0xDB8, *(rng.choice((0, 0, rng.randint(1, 0xFFFF))) for _ in range(6))]
    address = ipaddress.IPv6Address(":".join(f"{group:x}" for group in groups))
    return address.compressed if rng.random() < 0.8 else address.exploded


def swift(rng: random.Random) -> str:
    """A SWIFT code: bank, country, place, and a branch now and then."""
    country = rng.choice(_BANK_COUNTRIES)
    return (
        letters(rng, 4)
        + country
        + rng.choice(("FF", "2L", "33", "PP", "2A", "MM", "ZZ", "XX"))
        + rng.choice(("", "", "XXX", digits(rng, 3)))
    )


def passport(rng: random.Random) -> str:
    """Of the USA: nine digits, or since 2021 a letter and eight."""
    return rng.choice((digits(rng, 9), letters(rng, 1) + digits(rng, 8)))


def licence(rng: random.Random) -> str:
    """A driver's licence in the form of one of the states."""
    return rng.choice(
        (
            letters(rng, 1) + digits(rng, 7),  # California
            digits(rng, 8),  # Texas
            digits(rng, 9),  # New York, Georgia
            letters(rng, 1) + digits(rng, 12),  # Florida
            letters(rng, 1) + digits(rng, 11),  # Illinois
            letters(rng, 2) + digits(rng, 6),  # Ohio
            letters(rng, 1) + digits(rng, 8),  # Arizona, Virginia
        )
    )
