"""Labelled texts for what is told by the words around it. Personal data stands between « and »."""

from __future__ import annotations

import re

import pytest

from worker.redaction import Redactor

TABLES = {
    "PERSON_NAME": """
my name is «robert hudson» and i called
My name is, uh, «Tamsin J. Okoro».
the last name is «van der berg»
my first name is «will»
hello my name is «grace» may i help you
my name's «thandiwe nkosi» and i am calling about my bill
it is spelled «h u d s o n»
spelled «s m i t h» as in the shop
it's spelled «s as in sam m as in mary i t h»
and the last name is «o k a f o r»
Let us ship it to «Omar» by Friday.
please ask «Robert Hudson» to call
«robert» said that it is fine
yesterday i spoke with «will» about it
you are speaking with «mark» how can i help
this is «grace» from accounting
this is «Mark» speaking
hi «daniel» how are you
thanks «maria garcia»
i talked to «priya raghunathan» last week
this is «mehmet yilmaz» calling
Is Mr. «Okonkwo» in?
dr «patel» will see you now
mister «kowalski» please hold
my wife «thandeka» is on the account too
my husband «John» called
It was «Jane»'s order
the account holder is «fatima zahra»
ask for «Siobhan O'Brien» at the desk
we met «Jean-Luc Moreau» there
**** «hudson» called
""",
    "DATE_OF_BIRTH": """
I was born on «May 2nd 1984».
my date of birth is «may second nineteen eighty four»
my date of birth is «march third seventy one»
born on «05/02/84»
I was born in «1984»
i was born in «nineteen eighty four»
dob is «oh five oh two nineteen eighty four»
date of birth the «second of may nineteen eighty four»
my birthday is «2 May 1984»
«May 2nd 1984» is my date of birth
born in boston on «december twenty first two thousand and four»
birth date: «1984-05-02»
""",
    "AGE": """
my mom's «eighty one» and lives alone
he is going on «eighty»
she just celebrated her «eightieth» birthday
my father retired at «sixty two»
are you really «ninety one»
they're «fourteen» and «sixteen»
a man of «seventy two»
she's a «thirty year old» marathon runner
the applicant is «thirty four»
she is «forty three years old»
aged «43»
a «7-year-old» boy
my age is «thirty one»
she turned «sixty five» last week
i'm «forty three» and i live alone
He is «71».
""",
    "ADDRESS": """
I live at «12 Baker Street, Boston».
to «99 Elm Ave. Suite 5, St. Louis, MO 63101»
i live at «twelve baker street»
send it to «742 Evergreen Terrace, Springfield» by Friday
it goes to «seven forty two evergreen terrace»
the house is «350 Fifth Avenue, New York, NY 10118»
i live at «one twenty three main street boston massachusetts oh two one one oh»
i moved to «forty five oak drive»
«1600 Pennsylvania Avenue»
the zip code is «90210»
my zip is «nine oh two one oh»
write to «P.O. Box 123»
my address is «22 acacia avenue apartment 4 b»
""",
    "CVV": """
the last three on the back are «seven three seven»
the code on the signature strip is «seven three seven»
the CVV is «seven three seven»
the three digit code is «737»
and the security code on the back is, um, «1 2 3»
«737» is the security code
c v v «four five six»
""",
    "CARD_PIN": """
my pin code is «8364»
the pin is «eight three six four»
my pin has four digits it is «one two three four»
""",
    "CARD_EXPIRATION": """
«oh four twenty seven» is the expiration date
it says «oh four slash twenty seven» for the expiration
«april twenty twenty seven» is the expiration date
the card runs out in «march twenty twenty seven»
it is expiring «oh four twenty seven»
month and year is «oh four twenty seven»
the date on the card is «oh four twenty seven»
the new card expires in «nine of thirty»
the card expires in «march twenty seven»
it expires «04/27»
expiry date is «oh four twenty seven»
expiration «12/2027»
my card expires «twelve twenty five»
valid through «December 2027»
""",
    "ROUTING_NUMBER": """
the routing number is «021000021»
routing number «oh two one oh oh oh oh two one»
the aba is «zero two one triple zero zero two one»
routing is «021000022»
""",
    "BANK_ACCOUNT_NUMBER": """
my account number is «12345678»
my account number is «one two three four five six seven eight»
my checking account is «one two three four five six seven eight nine oh»
«12345678» is my account number
""",
    "SWIFT_CODE": """
«d e u t d e f f», that's our swift
«d for david e for edward u for uncle t for tom d for david e for edward f for frank f for frank» is our bic
swift code: capital «d capital e capital u capital t d e f f»
the swift code is «DEUTDEFF500»
the swift code is «d e u t d e f f»
bic «DEUTDEFF»
""",
    "PASSPORT_NUMBER": """
«q as in queen one two three four five six seven», that's my passport
my passport number is «X1234567»
my passport is «x one two three four five six seven»
passport number «a b one two three four five six»
passport number is «533380006»
""",
    "DRIVERS_LICENSE": """
the d l number is «one two three four five six seven eight»
driver's license number «D 123 4567»
my drivers license is «d one two three four five six seven»
driving licence «MORGA657054SM9IJ»
""",
    "IP_ADDRESS": """
the server is at «192.168.1.10» now
my ip is «one ninety two dot one sixty eight dot one dot ten»
ping «ten dot zero dot zero dot one» please
it is «one nine two point one six eight point zero point one»
it is «192 dot 168 dot 0 dot 1»
the gateway is «2001:db8::1»
the address is «f e eight zero colon colon one»
it is at «172.16.254.1».
""",
    "PHONE_NUMBER": """
call me at «four one five, that's right, five five five, mm-hm, oh one oh oh»
call me at «four one five you got it five five five go ahead oh one oh oh»
my number is «4155550100 extension 12»
call «four one five five five six no five five five oh one oh oh»
""",
    "CARD_NUMBER": """
it's «four one no four one one one one one one one one one one one one one one one one»
it's «four one one one that's right one one one one you got it one one one one mm-hm one one one one»
""",
    "EMAIL_ADDRESS": """
my email is «j as in john, d as in david, oe at gmail dot com»
my email is «k like kilo dot schneider at yahoo dot com»
""",
    "IBAN": """
my iban is «D, as in dog, E, as in easy, 89 3704 0044 0532 0130 00»
it's «D E eight nine, you got that? 3704 0044, you got that? 0532 0130 double oh»
""",
    "SSN": """
my social is «two one nine uh-huh oh nine got it nine nine nine nine»
""",
}
HARMLESS = """
there are 3 different roads and two more ways
five minutes down the road
on account of that we will meet on Friday at 5
the contract expires in March
my name is not important
pin it to the wall
take the first street on the left
we are 12 people
the product name is great
the company name is acme
Will you mark it? May I?
will you mark it may i
i will may be mark it down
this is fun
this is ridiculous
this is great thank you
i am calling about my order
i'm on hold for ten minutes
thank you for calling
hope this is fine with you
it may rain in august
the price will drop
i am ten minutes late
it took five years
the year is 2024
version 10.4.2.1 is out
section 1.2.3.4 of the contract
we sold 1.2 and 1.3
at 10:30:15 on the dot
look at a::b in the code
what is the point of it
swift is a language and the code is required
the account has 12 users
my account was closed in 2019
passport control is at gate 12
the driver has a license since 2019
the security code is wrong
my pin is blocked
one street further
she is one of us
turned 180 degrees
he is 3 of 5
we moved to the new house in may
on March 3rd we meet
visit us at example dot com
look at example.com today
the meeting is at noon in the grand hall
Speaker s1 will send you the w1a2b3c4x0.
please enter the 3 digit code
**** called
please hold on
good morning how are you today
i would like to speak with someone about my bill
can i talk to a manager
thanks so much for your help
it took 5 ms median
it was on 02-Jan-2003
the battery has an age of 6 ms
the roof is twenty years old
i bought it at john deere
let's meet in studio charlotte
the flight to Houston leaves at noon
the imei is 490154203237518
the tracking number is 999-8842578-9118509
between 1992 and 2021 my phone bill doubled
the rose is in bloom and the daisy too
chase the invoice and bill me
the fee per adult is fifty
i retired at nine
we were two and they were three
are they ten or twelve
the owner's sixty percent
my phone's fifteen percent
the offer expires in march
the code expires at twelve thirty
what month and year is it
the date on the card is wrong
a forty year old house
the case number is india november victor eight three nine nine six one nine three two six
the part number is charlie seven four five zero
the consignment number is four one five five five five two six seven one
"""


def _rows() -> list[tuple[str, str]]:
    return [(kind, row) for kind, table in TABLES.items() for row in table.strip().splitlines()]


@pytest.mark.parametrize(("kind", "labelled"), _rows())
def test_what_is_personal(kind: str, labelled: str) -> None:
    """Every type is found as a whole, written and spoken, and nothing beside it."""
    text = re.sub("[«»]", "", labelled)
    found = [(span.type, text[span.start : span.end]) for span in Redactor().find(text)]
    expected = re.findall("«(.*?)»", labelled)
    assert [(kind, each) for each in expected] == [each for each in found if each[0] == kind]
    assert all(value in " ".join(expected) for _, value in found if kind != "PERSON_NAME")


@pytest.mark.parametrize("text", HARMLESS.strip().splitlines())
def test_what_is_not(text: str) -> None:
    """The same words and forms without anything personal in them."""
    assert Redactor().find(text) == ()
