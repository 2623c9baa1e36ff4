"""The detectors by family: pure functions from a reading to the personal data in it, and what they find by default.

A score says how sure a finding is, and each type has a least score from which it counts:

| score | meaning |
| --- | --- |
| 1.0 | a check digit, a numbering plan or a grammar confirms it |
| 0.8 | the words right beside it call it so, or it is on a list of names |
| 0.5 | its length, its form and the words around speak for it |
| 0.3 | it has the form, and so have many other things; never reported unless a threshold is lowered |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple, TypeAlias

from worker.redaction import (
    ages,
    dates,
    documents,
    emails,
    figures,
    ibans,
    lexicon,
    names,
    network,
    payment,
    postal,
    spans,
)
from worker.redaction.countries import IBAN_LENGTHS
from worker.redaction.reading import Reading
from worker.redaction.spans import EMAIL_ADDRESS, NUMBER, SUSPECTED, Span
from worker.redaction.tokens import Kind

Detector: TypeAlias = Callable[[Reading], Iterable[Span]]


class Family(NamedTuple):
    """A detector and the one type that it finds.

    Args:
        cues: kinds of cues without any of which it finds nothing; empty of one that needs none.
    """

    type: str
    detect: Detector
    cues: frozenset[str] = frozenset()


def find_email_addresses(reading: Reading) -> Iterator[Span]:
    """Written and spelled addresses."""
    if "@" not in reading.text and reading.words.isdisjoint(lexicon.ADDRESS_HINTS):
        return
    yield from emails.find_written(reading.text)
    yield from emails.Speller(reading).find()


def find_ibans(reading: Reading) -> Iterator[Span]:
    """Account numbers with the right check digits, and numbers that are called IBAN."""
    return chain(ibans.find(reading), ibans.find_called(reading))


FAMILIES: Final[tuple[Family, ...]] = (
    Family(spans.CARD_NUMBER, figures.find_card_numbers),
    Family(spans.SSN, figures.find_social_security_numbers),
    Family(spans.PHONE_NUMBER, figures.find_phone_numbers),
    Family(spans.IBAN, find_ibans),
    Family(spans.EMAIL_ADDRESS, find_email_addresses),
    Family(spans.CVV, payment.find_security_codes, frozenset({"cvv"})),
    Family(spans.CARD_PIN, payment.find_pins, frozenset({"pin"})),
    Family(spans.CARD_EXPIRATION, payment.find_expirations, frozenset({"expiry", "expires", "card", "cvv"})),
    Family(spans.ROUTING_NUMBER, payment.find_routing_numbers, frozenset({"routing", "account"})),
    Family(spans.BANK_ACCOUNT_NUMBER, payment.find_bank_accounts, frozenset({"account"})),
    Family(spans.SWIFT_CODE, payment.find_swift_codes, frozenset({"swift"})),
    Family(spans.PASSPORT_NUMBER, documents.find_passports, frozenset({"passport"})),
    Family(spans.DRIVERS_LICENSE, documents.find_licenses, frozenset({"licence"})),
    Family(spans.DATE_OF_BIRTH, dates.find_births, frozenset({"birth"})),
    Family(spans.AGE, ages.find),
    Family(spans.ADDRESS, postal.find),
    Family(spans.IP_ADDRESS, network.find_addresses),
    Family(spans.PERSON_NAME, names.find),
    Family(spans.DATE, dates.find_dates),
    Family(spans.DOMAIN_NAME, network.find_domains),
)

TYPES: Final = frozenset(family.type for family in FAMILIES)
"""All types that are looked for by form or by what is said around them."""
DEFAULT_TYPES: Final = TYPES - {spans.DATE, spans.DOMAIN_NAME}
"""What is looked for unless a deployment says otherwise: everything that tells about a person. Dates and domains do not
by themselves, and without them a promise or a question is hard to read; a date of birth is a type of its own. Ages are
hidden: with a name or a town they tell who it is, and a text without its "43 years old" still reads."""
THRESHOLDS: Final = dict.fromkeys(sorted(TYPES), SUSPECTED)
"""The least score from which a finding counts, by type."""


def find_beginnings(reading: Reading) -> Iterator[Span]:
    """What may become personal data when the text goes on: two number words or digits, a piece of an address, the
    beginning of an account number, what follows "born" and the number of a house."""
    for run in reading.runs:
        if run.last - run.first > 1 or (len(run.digits) > 1 and not run.groups[0].spoken):
            yield Span(NUMBER, run.start, run.end, SUSPECTED)
    for token in reading.tokens:
        if token.kind is Kind.CODE and token.word[:2] in IBAN_LENGTHS and token.word[2:4].isdigit():
            yield Span(NUMBER, token.start, token.end, SUSPECTED)
    for cue in reading.cues_of("birth"):
        value = reading.value_after(cue)
        if value is not None and (reading.word(value) in dates.MONTHS or value in reading.run_at):
            yield Span(NUMBER, reading.tokens[value].start, reading.tokens[-1].end, SUSPECTED)
    yield from emails.find_written(reading.text)
    for span in emails.Speller(reading).find_fragments():
        yield Span(EMAIL_ADDRESS, span.start, span.end, span.score)
