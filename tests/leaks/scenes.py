"""What is said in a run: every secret in written and spoken forms, in every kind of result. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.leaks.person import Person
from tests.leaks.speech import address, in_pairs, octets, one_by_one, spelled

AGENT: Final = "agent"
CUSTOMER: Final = "customer"

ACROSS_MESSAGES: Final = ("a pause", "two pauses", "the other speaker")
"""Which of `across_messages` are searched for: numbers that go on in the next message of their speaker."""


@dataclass(frozen=True, slots=True)
class Line:
    """One utterance.

    Args:
        secrets: Kinds of the secrets in it; of one that is split over lines, each line has at least four digits.
    """

    stream: str
    text: str = field(repr=False)
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """A conversation.

    Args:
        trackers: Name to vocabulary, as `start` says them.
    """

    conversation_id: str
    lines: tuple[Line, ...] = field(repr=False)
    trackers: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)

    def start(self, stream: str) -> dict[str, object]:
        """What the `start` record of a stream says; nobody is called by a name that is searched for."""
        trackers = [{"name": name, "vocabulary": list(words)} for name, words in self.trackers.items()]
        return {"speaker": {"user_id": f"user-{stream}", "name": f"The {stream}"}, "trackers": trackers}

    def streams(self) -> tuple[str, ...]:
        """Names, in the order in which they speak first."""
        return tuple(dict.fromkeys(line.stream for line in self.lines))

    def texts_of(self, stream: str) -> list[str]:
        """What is said on a stream."""
        return [line.text for line in self.lines if line.stream == stream]


def scenes_of(person: Person) -> tuple[Scene, ...]:
    """Everything that is said."""
    split = across_messages(person)
    whole = _payment(person), _bank(person), _identity(person), _address_book(person)
    return *whole, *(split[name] for name in ACROSS_MESSAGES)


def _payment(person: Person) -> Scene:
    card, cvv, pin, expiry = (person[kind] for kind in ("CARD_NUMBER", "CVV", "CARD_PIN", "CARD_EXPIRATION"))
    both = ("CARD_EXPIRATION", "CARD_PIN")
    return Scene(
        "leaks-payment",
        (
            Line(AGENT, "Thank you for calling, how can I help you today?"),
            Line(CUSTOMER, f"my card number is {one_by_one(card.groups)} thanks", ("CARD_NUMBER",)),
            Line(AGENT, f"Is {card.written} the right card number?", ("CARD_NUMBER",)),
            Line(CUSTOMER, f"yes, {one_by_one(card.groups, zero='zero', doubles=True, pause=', ')}", ("CARD_NUMBER",)),
            Line(CUSTOMER, f"that visa card is {in_pairs(card.groups)}, okay?", ("CARD_NUMBER",)),
            Line(AGENT, f"I will charge the card {''.join(card.groups)} tomorrow.", ("CARD_NUMBER",)),
            Line(CUSTOMER, f"The security code is {cvv.written}.", ("CVV",)),
            Line(AGENT, f"Can you confirm that the security code is {one_by_one(cvv.groups)}?", ("CVV",)),
            Line(CUSTOMER, f"my card expires {expiry.written}", ("CARD_EXPIRATION",)),
            Line(CUSTOMER, f"it expires {one_by_one(expiry.groups)} and the pin is {pin.written}", both),
            Line(CUSTOMER, f"the pin is {one_by_one(pin.groups)}", ("CARD_PIN",)),
            Line(AGENT, f"Please update the card {'-'.join(card.groups)} by Friday.", ("CARD_NUMBER",)),
        ),
        {"card on file": ["the right card number", "charge the card"]},
    )


def _bank(person: Person) -> Scene:
    iban, routing, account, swift = (
        person[kind] for kind in ("IBAN", "ROUTING_NUMBER", "BANK_ACCOUNT_NUMBER", "SWIFT_CODE")
    )
    return Scene(
        "leaks-bank",
        (
            Line(CUSTOMER, f"My IBAN is {iban.written}, please.", ("IBAN",)),
            Line(CUSTOMER, f"the iban is {one_by_one(iban.groups)} got it", ("IBAN",)),
            Line(AGENT, f"Please transfer the refund to {''.join(iban.groups)} by Friday.", ("IBAN",)),
            Line(CUSTOMER, f"the routing number is {one_by_one(routing.groups, zero='zero')}", ("ROUTING_NUMBER",)),
            Line(AGENT, f"Is {routing.written} the routing number?", ("ROUTING_NUMBER",)),
            Line(CUSTOMER, f"my account number is {one_by_one(account.groups)}", ("BANK_ACCOUNT_NUMBER",)),
            Line(AGENT, f"I will send the receipt for account number {account.written}.", ("BANK_ACCOUNT_NUMBER",)),
            Line(CUSTOMER, f"The SWIFT code is {swift.written}.", ("SWIFT_CODE",)),
            Line(CUSTOMER, f"the swift code is {spelled(swift.written)}", ("SWIFT_CODE",)),
        ),
        {"money": ["transfer the refund", "routing number"]},
    )


def _identity(person: Person) -> Scene:
    ssn, phone, birth = person["SSN"], person["PHONE_NUMBER"], person["DATE_OF_BIRTH"]
    passport, licence = person["PASSPORT_NUMBER"], person["DRIVERS_LICENSE"]
    return Scene(
        "leaks-identity",
        (
            Line(CUSTOMER, f"my social security number is {one_by_one(ssn.groups)}", ("SSN",)),
            Line(AGENT, f"Could you tell me whether {ssn.written} is your social security number?", ("SSN",)),
            Line(CUSTOMER, f"call me at {phone.written} please", ("PHONE_NUMBER",)),
            Line(AGENT, f"I will call you back at {phone.written} on Tuesday.", ("PHONE_NUMBER",)),
            Line(CUSTOMER, f"my phone number is {one_by_one(phone.groups, doubles=True)}", ("PHONE_NUMBER",)),
            Line(CUSTOMER, f"I was born on {birth.groups[0]}", ("DATE_OF_BIRTH",)),
            Line(AGENT, f"So your date of birth is {birth.written}?", ("DATE_OF_BIRTH",)),
            Line(CUSTOMER, f"my passport number is {one_by_one(passport.groups)}", ("PASSPORT_NUMBER",)),
            Line(AGENT, f"Your passport number is {passport.written}, right?", ("PASSPORT_NUMBER",)),
            Line(CUSTOMER, f"my driver's license number is {one_by_one(licence.groups)}", ("DRIVERS_LICENSE",)),
            Line(AGENT, f"I will make a copy of driver's license {licence.written}.", ("DRIVERS_LICENSE",)),
        ),
        {"papers": ["social security number", "make a copy"]},
    )


def _address_book(person: Person) -> Scene:
    name, email, home = person["PERSON_NAME"], person["EMAIL_ADDRESS"], person["ADDRESS"]
    network, tracked = person["IP_ADDRESS"], person["TRACKED_NAME"]
    house, street, code = home.groups
    first, surname = name.written.split()
    both = ("EMAIL_ADDRESS", "PERSON_NAME")
    return Scene(
        "leaks-address-book",
        (
            Line(CUSTOMER, f"My name is {name.written}.", ("PERSON_NAME",)),
            Line(CUSTOMER, f"my name is {name.written.lower()} and I need the contract", ("PERSON_NAME",)),
            Line(AGENT, f"Please send the contract to {address(email.written)} by Friday.", both),
            Line(AGENT, f"Is {email.written} the address for the contract?", both),
            Line(CUSTOMER, f"it's {spelled(first)} dot {spelled(surname)} at {email.words[0]} dot com", both),
            Line(AGENT, f"{first} {surname} will send you the contract by Monday.", ("PERSON_NAME",)),
            Line(AGENT, f"Can you tell me what Mr. {surname} wants with the contract?", ("PERSON_NAME",)),
            Line(CUSTOMER, f"my surname is spelled {spelled(surname)}", ("PERSON_NAME",)),
            Line(AGENT, f"Please ship the contract to {home.written}.", ("ADDRESS",)),
            Line(CUSTOMER, f"I live at {in_pairs((house,))} {street} Street, Dayton", ("ADDRESS",)),
            Line(CUSTOMER, f"the zip code is {one_by_one((code,))}", ("ADDRESS",)),
            Line(CUSTOMER, f"the ip address is {octets(network.groups)} okay", ("IP_ADDRESS",)),
            Line(AGENT, f"I will open a ticket for the address {network.written}.", ("IP_ADDRESS",)),
            Line(CUSTOMER, f"My wife {tracked.written} wants the contract for {tracked.written}.", ("TRACKED_NAME",)),
        ),
        {"contract": ["send the contract", "the address"], "family": [tracked.written, "my wife"]},
    )


def across_messages(person: Person) -> dict[str, Scene]:
    """Numbers that are said over several messages of one speaker, by what happens in between."""
    card, ssn, phone = person["CARD_NUMBER"], person["SSN"], person["PHONE_NUMBER"]
    one, two, three, four = card.groups
    return {
        "a pause": Scene(
            "leaks-a-pause",
            (
                Line(CUSTOMER, f"my card number is {one_by_one((one, two))}", ("CARD_NUMBER",)),
                Line(CUSTOMER, f"{one_by_one((three, four))} that's it", ("CARD_NUMBER",)),
                Line(CUSTOMER, f"My card is {one} {two}", ("CARD_NUMBER",)),
                Line(CUSTOMER, f"{three} {four}.", ("CARD_NUMBER",)),
            ),
        ),
        "two pauses": Scene(
            "leaks-two-pauses",
            (
                Line(CUSTOMER, f"it's {one_by_one((one,))}", ("CARD_NUMBER",)),
                Line(CUSTOMER, f"{one_by_one((two,))}", ("CARD_NUMBER",)),
                Line(CUSTOMER, f"{one_by_one((three, four))}", ("CARD_NUMBER",)),
            ),
        ),
        "the other speaker": Scene(
            "leaks-the-other-speaker",
            (
                Line(CUSTOMER, f"my social security number is {one_by_one(ssn.groups[:2])}", ("SSN",)),
                Line(AGENT, "mm-hm"),
                Line(CUSTOMER, f"{one_by_one(ssn.groups[2:])}", ("SSN",)),
                Line(CUSTOMER, f"my number is {one_by_one(phone.groups[:2])}", ("PHONE_NUMBER",)),
                Line(AGENT, "Okay."),
                Line(CUSTOMER, f"{one_by_one(phone.groups[2:])}", ("PHONE_NUMBER",)),
            ),
        ),
    }
