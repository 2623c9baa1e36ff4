"""Labelled texts. Personal data stands between « and »; what is outside must be left alone."""

from __future__ import annotations

import re

import pytest

from worker.redaction import Redactor, Span

CARDS = """
my card is «4111 1111 1111 1111».
my card is «4111-1111-1111-1111», thanks
it's «4111111111111111» on the front
it's «4111.1111.1111.1111» on the front
the amex is «3782 822463 10005»
«5555 5555 5555 4444» is the one
the older one is «6304000000000000»
four ones: «4111 1111 1111 1111 12 25 123»
my card number is «four one one one one one one one one one one one one one one one» thanks
it's «four one one one, one one one one, one one one one, one one one one»
«Four one one one. One one one one. One one one one. One one one one». Got it?
the number's «four one one one um one one one one uh one one one one and and one one one one» there
visa «forty one eleven eleven eleven eleven eleven eleven eleven» please
visa «forty-one eleven eleven eleven eleven eleven eleven eleven» please
visa «forty one hundred eleven, eleven hundred eleven, eleven hundred eleven, eleven hundred eleven» please
its «four thousand one hundred eleven one thousand one hundred and eleven 1111 1111» bye
«four triple one double one double one quadruple one quadruple one» correct
it reads «four oh oh oh oh oh oh oh oh oh oh oh oh oh oh two» here
it reads «four zero zero zero 0000 oh oh oh oh nought nought nought 2» here
it reads «4111 one one one one 1111 double one double 1» here
it is «four one one one sorry one one one one one one one one one one one one» done
it is «four one one one okay one one one one yeah one one one one right one one one one» done
misheard: «4111 1111 1111 1112»
misheard: «four one one one one one one one one one one one one one one two»
one digit lost: «four one one one one one one one one one one one one one one»
my card number is «four one one one one one one one one one one one one one» I think
my card number is «four one one one one one one one»
«4111 1111» is how my visa begins
my card number is «four one one one won one one one» I think
Oh «4111 1111 1111 1111» it is
debit «4222222222223» there
debit «4222222222224» there
card number for order number 12345 is «4111 1111 1111 1111»
carte «４１１１ １１１１ １１１１ １１１１» merci
"""

SSNS = """
my social security number is «123-45-6789»
«219-09-9999» is on the form
«078-05-1120» is on the form
the form says «536 90 4399» here
my social is «one two three four five six seven eight nine»
my social is «one two three, four five, six seven eight nine» ok
the ssn is «one twenty three forty five sixty seven eighty nine»
my S.S.N. is «two one nine oh nine nine nine nine nine»
«two one nine oh nine double nine double nine» is my social
her social is «oh 5 five one nine nine seventy three one»
her tax id: «219099999»
his social is «two one nine oh nine nine nine» I believe
"""

PHONES = """
call «+1 415 555 0100» now
call «+1 (415) 555-0100» now
ring «(415) 555-0100» now
ring «415-555-0100» now
ring «415.555.0100» now
ring «4155550100» now
the London office is «+44 20 7946 0958» now
that would be «four one five five five five oh one oh oh»
that would be «four one five, five five five, oh one double oh»
that would be «four fifteen triple five zero one hundred»
that would be «one four one five five five five oh one oh oh»
that would be «plus one four one five five five five oh one oh oh»
that would be «plus four four two oh seven nine four six oh nine five eight»
my phone number is «five five five oh one oh oh»
my number is «five five five oh one oh oh»
call me at «555-0100» tomorrow
you can text «oh two oh seven nine four six oh nine five eight»
"""

IBANS = """
«GB29 NWBK 6016 1331 9268 19» is the account
«GB29NWBK60161331926819» is the account
«gb29 nwbk 6016 1331 9268 19» is the account
«DE89 3704 0044 0532 0130 00» is the account
«DE89370400440532013000» is the account
it's «d e eight nine three seven oh four double oh four four oh five three two oh one three oh double oh» got it
it's «D. E. eighty nine, thirty seven oh four, double oh four four, oh five three two, oh one three oh, double oh»
the account is «g b two nine n w b k six oh one six one three three one nine two six eight one nine» got it
my IBAN begins with «d e eight nine three seven oh four double oh»
"""

EMAILS = """
write to «jane.doe@example.com» please
write to «jane+news@mail.example.co.uk», please
<«jane@example.com»>
write to «jane@localhost» please
write to «jane dot doe at example dot com» please
write to «jane underscore doe at example dot com» please
write to «jane dash doe at my dash company dot org» please
it's «j a n e underscore d at gmail dot com»
it's «J A N E at G mail dot com»
it's «j doe at example dot com»
send it to «jane at example dot com» today
send it to «jane at example.com» today
send it to «jane.doe at gmail.com» today
send it to «jane doe at example dot com» today
send it to «jane at example dot co dot uk» today
send it to «jane at blue ocean dot com» today
send it to «jane at a o l dot c o m» today
send it to «jane at sign example dot com» today
send it to «jane um dot uh doe at um example dot com» today
send it to «jane forty two at example dot com» today
send it to «jane 42 at example dot com» today
email me at «jane dot doe at gmail dot com»
my email is «jane at example dot museum»
my email is «jane at gmail»
write to «jane at example dot c o»
my email is «jane period doe at example period com»
"""

HARMLESS = """
order number 123456 please
order number one two three four five six please
order number 1234567 on my credit card
your order is 12345
the ticket number is 98765432 for the card payment
it costs forty two dollars
it costs $1,250,000 on the credit line
a credit of 1250000 dollars
a credit of twelve thousand five hundred
nineteen eighty five was a good year
we met in 2019, 2020, 2021 and 2022
we met on 2023-12-25 at 10:30:15
we met on 12/25/2023 10:30
call me on 12/25/2023 10:30
at ten thirty on the twenty fifth
the meeting is at 4:15 pm in room 1204
twenty twenty four was good, twenty twenty five is better
my credit card ends in 4242
the card ending four two four two
there are two of us and one of them
i have one question, or two or three
oh no, not again
three point one four one five nine
version 10.4.2 and 10.4.3
social media has 1234567 users
look at this at noon
look at amazon dot com
visit us at example dot com
at some point in time we met
we looked at the dot com boom
connect the dots at the end
meet at the dot on the map
the price @ 5 dollars
double trouble, triple threat
one hundred percent
the hundred and the thousand
population 7,904,123,456
"""


def _labelled(table: str) -> list[str]:
    return table.strip().splitlines()


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


def _check(redactor: Redactor, kind: str, labelled: str) -> None:
    text = re.sub("[«»]", "", labelled)
    expected = re.findall("«(.*?)»", labelled)
    found = redactor.find(text)
    assert [text[span.start : span.end] for span in found] == expected
    assert {span.type for span in found} == ({kind} if expected else set())
    assert redactor.mask(text).text == re.sub("«.*?»", "****", labelled)


@pytest.mark.parametrize("labelled", _labelled(CARDS))
def test_card_numbers(redactor: Redactor, labelled: str) -> None:
    """Card numbers are found in every form they are said in, also with a digit misheard or lost."""
    _check(redactor, "CARD_NUMBER", labelled)


@pytest.mark.parametrize("labelled", _labelled(SSNS))
def test_social_security_numbers(redactor: Redactor, labelled: str) -> None:
    """Social security numbers are found by their pattern or by what they are called."""
    _check(redactor, "SSN", labelled)


@pytest.mark.parametrize("labelled", _labelled(PHONES))
def test_phone_numbers(redactor: Redactor, labelled: str) -> None:
    """Phone numbers are found by the numbering plan or by what they are called."""
    _check(redactor, "PHONE_NUMBER", labelled)


@pytest.mark.parametrize("labelled", _labelled(IBANS))
def test_ibans(redactor: Redactor, labelled: str) -> None:
    """Account numbers are found by their check digits or by what they are called."""
    _check(redactor, "IBAN", labelled)


@pytest.mark.parametrize("labelled", _labelled(EMAILS))
def test_email_addresses(redactor: Redactor, labelled: str) -> None:
    """Written and spelled addresses are found as a whole."""
    _check(redactor, "EMAIL_ADDRESS", labelled)


@pytest.mark.parametrize("text", _labelled(HARMLESS))
def test_harmless(redactor: Redactor, text: str) -> None:
    """Order numbers, amounts, dates, times, years and places stay readable."""
    _check(redactor, "", text)


def test_two_kinds_in_one_text(redactor: Redactor) -> None:
    """Each number is typed by the cue nearest to it."""
    text = "my card is 4111 1111 1111 and my phone is 555 0100, social 219 09 9999"
    assert [span.type for span in redactor.find(text)] == ["CARD_NUMBER", "PHONE_NUMBER", "SSN"]


def test_score(redactor: Redactor) -> None:
    """A number that its check digit confirms scores higher than one that only looks like it."""
    (verified,) = redactor.find("4111 1111 1111 1111")
    (suspected,) = redactor.find("4111 1111 1111 1112")
    assert verified == Span("CARD_NUMBER", 0, 19)
    assert suspected.score < verified.score
