"""The words that mean something to the detectors. Lower case."""

from __future__ import annotations

import re
from typing import Final


def words_of(text: str) -> frozenset[str]:
    """The words of a list that is written as one text."""
    return frozenset(text.split())


def phrases_of(text: str) -> tuple[tuple[str, ...], ...]:
    """Phrases between commas, as words; those with most words first."""
    return tuple(sorted((tuple(phrase.split()) for phrase in text.split(",")), key=len, reverse=True))


# --- numbers ---------------------------------------------------------------------------------------------------------

ZEROS: Final = frozenset({"zero", "oh", "o", "nought", "naught", "aught"})
INTERJECTED_ZEROS: Final = frozenset({"oh", "o"})
"""Zeros that also open a sentence."""

UNITS: Final = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "niner": 9,
}
TEENS: Final = {
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
}
TENS: Final = {
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fourty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}
REPEATS: Final = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}

NUMBER_WORDS: Final = ZEROS | UNITS.keys() | TEENS.keys() | TENS.keys()

FILLERS: Final = words_of(
    "um umm uh uhm er erm ah eh hmm hm mm mhm and then next so okay ok yeah yes yep right like well sorry no wait "
    "actually again comma dash hyphen minus space plus dot point period slash to too for won ate fore tree i mean "
    "let me see huh correct correction rather oops sure please perfect great alright"
)
"""What may stand between two digits of one number: hesitation, correction, spoken punctuation, misheard digits."""

_INTERJECTED: Final = phrases_of(
    "that's right, thats right, that is right, that's correct, thats correct, that is correct, you got it, you got "
    "that, got it, got that, go ahead, go on, i got that, i got it, of course, all right, hold on, hang on, bear "
    "with me, i think, you know, i said, excuse me, thank you, is that right, are you ready, let me check, let me "
    "see, i mean, scratch that, strike that, make that, make it, the next is, the rest is, followed by"
)
INTERJECTIONS: Final = {
    first: tuple(phrase[1:] for phrase in _INTERJECTED if phrase[0] == first)
    for first in {phrase[0] for phrase in _INTERJECTED}
}
"""What a listener, or the speaker, puts between two digits: the rest of each phrase by its first word."""

CORRECTIONS: Final = frozenset(
    phrases_of("no, sorry, wait, actually, correction, rather, oops, i mean, scratch that, strike that, make that")
)
"""What takes back the digits before it."""

AMOUNTS: Final = words_of(
    "dollar dollars cent cents buck bucks euro euros pound pounds percent people users customers miles kilometers "
    "meters hours minutes seconds days weeks months years million billion"
)
"""What makes the number before it a count."""

KIN: Final = words_of(
    "wife husband son daughter brother sister mother father mom dad boss manager colleague friend partner fiance "
    "fiancee neighbor girlfriend boyfriend uncle aunt cousin nephew niece roommate assistant supervisor"
)
"""What persons are to the one who speaks."""

ALPHABET: Final = words_of(
    "alpha alfa adam apple bravo boy baker charlie cat delta david dog echo edward easy foxtrot frank fox golf "
    "george hotel henry india ida igloo juliet juliett john kilo king lima larry love mike mary november nancy nora "
    "oscar ocean orange oliver papa peter paul quebec queen romeo robert roger sierra sam sugar tango tom thomas "
    "uniform union umbrella uncle victor whiskey william xray xylophone yankee yellow young zulu zebra"
)
"""Words that letters are spelled with."""

EXTENSIONS: Final = frozenset({"extension", "ext"})

# --- addresses -------------------------------------------------------------------------------------------------------

AT_SIGNS: Final = frozenset({"sign", "symbol"})
DOTS: Final = frozenset({"dot", "period", "point"})
JOINERS: Final = frozenset({"underscore", "dash", "hyphen", "minus", "plus"})
HESITATIONS: Final = words_of("um umm uh uhm er erm hmm hm mm")

TOP_LEVELS: Final = words_of(
    "com net org edu gov mil int info biz io ai co app dev me tv cloud online tech name pro uk us ca au nz ie de fr "
    "es it nl be ch at se no dk fi pl pt cz gr eu in jp cn br mx za sg hk kr il tr ru"
)
MAIL_PROVIDERS: Final = frozenset({"gmail", "googlemail", "hotmail", "icloud", "protonmail"})

PLAIN_WORDS: Final = words_of(
    "a an the am is its are was were be to of on in by for from with and or but so as at my your our his her their "
    "this that these those it you we they he she me us them him i what when where who how if then not no yes email "
    "mail e-mail address contact send write reach up out here there please just about"
)
"""Words that are no part of a spelled address."""

HOST_WORDS: Final = frozenset({"mail", "contact", "about"})
"""Plain words that domains are called by: "g mail"."""

PLACED_WORDS: Final = PLAIN_WORDS | words_of(
    "look looking available online shop find found order visit page site website store work works working worked "
    "live lives stay meet arrive start starts good great now today buy booked listed hosted everyone people all"
)
"""Words before an "at" that means a place or a time."""

# --- context ---------------------------------------------------------------------------------------------------------

_CUES: Final = {
    "card": "card, cards, visa, mastercard, mastercards, master card, master cards, amex, american express, "
    "maestro, credit, debit",
    "ssn": "social, social security, ssn, s s n, ss n, tax id, taxpayer id, itin",
    "": "social media, social network, social networks, social networking, phone book",
    "phone": "phone, phones, telephone, telephones, cell, cellphone, mobile, call, callback, calling, dial, reach, "
    "text, fax, whatsapp, whats app, landline, my number, your number, his number, her number, their "
    "number, our number",
    "iban": "iban, i ban, i b a n",
    "email": "email, emails, mail, mails, address",
    "cvv": "csc, cid, security digits, card code, card verification number, cvv, cvv2, cvc, cvc2, c v v, c v c, "
    "back of the card, back of my card, front of the card, three on the back, four on the front, digits on the front, "
    "on the back it says, verification number, signature strip, c v two, c v v two, "
    "cv v, cvv code, cvv number, security code, security number, digits on the back, three digits, code "
    "on the back, number on the back, numbers on the back, card verification, verification code, "
    "verification value, three digit code, three digit number",
    "pin": "personal identification number, atm code, code for the atm, pin, pin code, pin number, p i n, pincode",
    "expiry": "valid till, valid to, good until, good till, expiration month, expiry month, expire date, expiry, "
    "expiration, expiry date, expiration date, expires on, exp date, exp, valid thru, valid through, good "
    "thru, good through, valid until, month and year, month and the year, date on the card, date on my "
    "card, date on it",
    "expires": "expires, expire, expiring, expired, runs out, run out",
    "routing": "routing, aba, transit number, a b a, rtn",
    "account": "account, accounts, acct, checking, savings, checking account, savings account, bank account, direct "
    "deposit",
    "swift": "swift, bic, bank identifier code, bank code, b i c, swift code, bic code",
    "passport": "passport, passports, travel document",
    "licence": "driving permit, driver permit, driver license, drivers license, driver licence, drivers licence, "
    "driving license, driving licence, d l, d l number, license number, licence number, driver license number, drivers "
    "license number, driver's license, dl number, license, licence",
    "zip": "zip, zipcode, zip code, postal code, post code, postcode, eir code",
    "birth": "born, birth, birthday, birthdate, birth date, dob, d o b, date of birth, birthdays",
    "ip": "ip, i p, ip address, server, host, gateway, subnet, dns, ping, router, firewall, v p n, vpn, "
    "network, ipv4, ipv6",
}
_SPLIT_CUES: Final = sorted(
    ((phrase, kind) for kind, phrases in _CUES.items() for phrase in phrases_of(phrases)), key=lambda cue: -len(cue[0])
)
CUES: Final = {
    first: tuple((phrase[1:], kind) for phrase, kind in _SPLIT_CUES if phrase[0] == first)
    for first in {phrase[0] for phrase, _ in _SPLIT_CUES}
}
"""Words that say what is near them: the rest of each phrase, and its kind, by the first word. Without "'s"."""

FIELDS: Final = words_of("cvv pin expiry expires routing account swift passport licence zip birth ip")
"""Cues that name a field of their own."""

LINKS: Final = words_of(
    "number numbers code codes back front has with is was are it it's the that that's would be my your his her their "
    "our um umm uh uhm er hmm for on of card date no please okay ok and so sure yes yeah here says reads this i have "
    "got think let me see will account security sort bank's bank checking savings digit digits three-digit "
    "four-digit address currently actually like well right now also then end month ends in at a from to "
    "capital uppercase letter letters starts begins hold hang look check moment second sec"
)
"""Words between the name of a field and its value."""
MOST_LINKS: Final = 9

BACK_LINKS: Final = words_of(
    "is was that the my your his her their our for on as a in card checking savings bank would should will be what "
    "says right correct new old full"
)
SAYS_SO: Final = words_of("is was that for as in be")
"""Words between a value and the name of its field: "737 is my security code"."""
MOST_BACK_LINKS: Final = 5

LABELS: Final = re.compile(
    r"\b(?:order|invoice|ticket|tracking|confirmation|reference|case|booking|part|serial|model|version|claim"
    r"|policy|item|sku|flight|docket|meter|employee|batch|lot|release|firmware|build"
    r"|imei|iccid|sim|isbn|ean|upc|gtin|barcode|shipment|consignment|parcel|package|receipt|transaction|authorization"
    r"|device|voucher|coupon|asset|contract|quote|incident|request|delivery|return|rma|waybill|container|vin|key)[^\w\ue000]{1,3}"
    r"(?:(?:number|no|id|code)[^\w\ue000]{1,3})?(?:(?:is|was)[^\w\ue000]{1,3})?"
    r"(?:[a-z][\s-]{1,3}|[a-z]{1,4}-){0,3}$",
    re.IGNORECASE,
)
"""At the end of what precedes a number: it is somebody's reference, whatever else was said."""

GENERIC_LABELS: Final = re.compile(
    r"\b([a-z]{3,30})\s(?:number|no|id|code)[^\w\ue000]{1,3}(?:(?:is|was|reads)[^\w\ue000]{1,3})?"
    r"(?:[a-z][\s-]{1,3}|[a-z]{1,4}-){0,3}$",
    re.IGNORECASE,
)
"""The same for any noun before "number"."""
DEVICE_LABELS: Final = words_of("imei iccid sim isbn ean upc gtin barcode")
"""Names of numbers that have check digits of their own, some the same as cards have."""
NO_LABELS: Final = words_of(
    "the and card cards account phone cell mobile telephone fax contact callback security social debit credit visa "
    "amex his her our your their this that right correct wrong whole full new old same following first second last "
    "long bank checking savings routing iban passport license licence pin master american gold platinum sixteen "
    "digit real actual"
)
REACHED: Final = words_of(
    "office work home daytime evening emergency best direct business desk day night main line alternate other backup "
    "secondary primary toll free extension local personal private correct preferred alternative landline house"
)
"""Before "number": somebody is reached there."""
"""What does not make a number somebody's reference."""

NUMBER_HINTS: Final = NUMBER_WORDS | REPEATS.keys()
"""What a text without figures must contain for a number to be in it."""

ADDRESS_HINTS: Final = frozenset({"at"})
"""What a text without "@" must contain for an e-mail address to be in it."""
