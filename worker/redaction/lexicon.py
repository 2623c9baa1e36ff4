"""The words that mean something to the detectors. Lower case."""

from __future__ import annotations

import re
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


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

FILLERS: Final = _words(
    "um umm uh uhm er erm ah eh hmm hm mm mhm and then next so okay ok yeah yes yep right like well "
    "sorry no wait actually again comma dash hyphen minus space plus dot to too for won ate fore tree i mean let me see"
)
"""What may stand between two digits of one number: hesitation, correction, spoken punctuation, misheard digits."""

AMOUNTS: Final = _words(
    "dollar dollars cent cents buck bucks euro euros pound pounds percent people users customers "
    "miles kilometers meters hours minutes seconds days weeks months years million billion"
)
"""What makes the number before it a count."""

# --- addresses -------------------------------------------------------------------------------------------------------

AT_SIGNS: Final = frozenset({"sign", "symbol"})
DOTS: Final = frozenset({"dot", "period", "point"})
JOINERS: Final = frozenset({"underscore", "dash", "hyphen", "minus", "plus"})
HESITATIONS: Final = _words("um umm uh uhm er erm hmm hm mm")

TOP_LEVELS: Final = _words(
    "com net org edu gov mil int info biz io ai co app dev me tv cloud online tech name pro "
    "uk us ca au nz ie de fr es it nl be ch at se no dk fi pl pt cz gr eu in jp cn br mx za sg hk kr il tr ru"
)
MAIL_PROVIDERS: Final = frozenset({"gmail", "googlemail", "hotmail", "icloud", "protonmail"})

PLAIN_WORDS: Final = _words(
    "a an the am is its are was were be to of on in by for from with and or but so as at my your our his her their "
    "this that these those it you we they he she me us them him i what when where who how if then not no yes email "
    "mail e-mail address contact send write reach up out here there please just about"
)
"""Words that are no part of a spelled address."""

HOST_WORDS: Final = frozenset({"mail", "contact", "about"})
"""Plain words that domains are called by: "g mail"."""

PLACED_WORDS: Final = PLAIN_WORDS | _words(
    "look looking available online shop find found order visit page site website store work works working worked live "
    "lives stay meet arrive start starts good great now today buy booked listed hosted everyone people all"
)
"""Words before an "at" that means a place or a time."""

# --- context ---------------------------------------------------------------------------------------------------------

CUES: Final = re.compile(
    r"""\b(?:
      (?P<card>cards?|visa|master\s?cards?|amex|american\s+express|maestro|credit|debit|cvv|cvc|expir(?:y|ation|es))
    | (?P<ssn>social(?!\s+(?:media|network))(?:\s+security)?|ssn|s\.?\s?s\.?\s?n|tax(?:payer)?\s+id|itin)
    | (?P<phone>(?:tele)?phones?|cell(?:phone)?|mobile|call(?:back|ing)?|dial|reach|text|fax|whats\s?app|landline
               |(?:my|your|his|her|their|our)\s+number)
    | (?P<iban>iban|i\s+ban|i\.?\s?b\.?\s?a\.?\s?n)
    | (?P<email>e-?\s?mails?|mail|address)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Words that say what a number near them is."""

LABELS: Final = re.compile(
    r"\b(?:order|invoice|ticket|tracking|confirmation|reference|case|booking|part|serial|model|version)[^\w\ue000]{1,3}"
    r"(?:(?:number|no|id|code)[^\w\ue000]{1,3})?(?:(?:is|was)[^\w\ue000]{1,3})?$",
    re.IGNORECASE,
)
"""At the end of what precedes a number: it is somebody's reference, whatever else was said."""

NUMBER_HINT: Final = re.compile(rf"\d|\b(?:{'|'.join(sorted(NUMBER_WORDS | REPEATS.keys()))})\b", re.IGNORECASE)
"""What a text must contain for a number to be in it."""

ADDRESS_HINT: Final = re.compile(r"@|\bat\b", re.IGNORECASE)
"""What a text must contain for an address to be in it."""
