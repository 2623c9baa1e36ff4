"""The words around names: what says that one follows, or that none does. Lower case."""

from __future__ import annotations

from typing import Final

from worker.redaction import lexicon
from worker.redaction.lexicon import phrases_of, words_of

TITLES: Final = words_of(
    "mr mrs ms mx dr mister missus doctor professor prof miss captain sergeant señor señora herr frau"
)
DOUBTFUL_TITLES: Final = frozenset({"miss", "captain", "sergeant"})
NAMED: Final = {
    "first": "name is, name's, name was, name",
    "last": "name is, name's, name was, name",
    "name": "is, was, of, on the card is, on the account is, on the policy is, on the booking is, on it is, "
    "on the reservation is, would be, should be, on file is",
    "names": "is",
    "under": "the name of, the name, name",
    "in": "the name of",
    "by": "the name of",
    "surname": "is, was",
    "called": "",
    "named": "",
    "nickname": "is",
}
INTRODUCED: Final = {
    "this": "is",
    "it": "is",
    "i": "am, m",
    "im": "",
    "speaking": "with, to",
    "spoke": "with, to",
    "speak": "with, to",
    "spoken": "with, to",
    "talk": "to, with",
    "talked": "to, with",
    "talking": "to, with",
    "ask": "for",
    "asking": "for",
    "asked": "for",
    "attention": "of",
    "contact": "",
    "call": "me",
    "me": "as",
    "behalf": "of",
    "hi": "there, ",
    "hello": "there, ",
    "hey": "there, ",
    "dear": "",
    "morning": "",
    "evening": "",
    "thanks": "so much, ",
    "you": "",
    "thank": "you so much, you",
    "bye": "",
    "goodbye": "",
    "meet": "",
    "tell": "",
    "told": "",
    "with": "",
    "from": "",
    "for": "",
    "patient": "",
    "customer": "",
    "agent": "",
    "client": "",
    "holder": "is, ",
    "beneficiary": "is, ",
    "payable": "to",
    "signed": "by",
    "by": "",
    "and": "",
    "to": "",
    "cc": "",
}
SURELY_INTRODUCED: Final = words_of(
    "this speaking spoke speak spoken talk talked talking ask asking asked call me behalf dear i im holder "
    "beneficiary signed"
)
"""Behind these, names that are words as well count in small letters."""
COPULAS: Final = words_of("this it i im")
OF_THINGS: Final = words_of(
    "product file domain company brand user host street project model event team page site app school bank business "
    "folder field column table server package plan tracker program store shop drug medication street hotel generic "
    "code pet dog cat"
)
"""Before "name": it is none of a person."""
ENDS_INTRODUCTION: Final = words_of("from calling speaking here with at in over and with again")
ENDS_UNKNOWN: Final = words_of("from calling speaking here with at over again")
SPOKEN_WITH: Final = words_of("speaking spoke speak spoken talk talked talking ask asking asked behalf dear")
GREETINGS: Final = words_of("hi hello hey thanks thank you bye goodbye morning evening dear")
BEHIND_NAMES: Final = words_of("and is was has will from speaking here called to about")
SPEECH: Final = words_of("said says told called asked wrote mentioned promised")
ARTICLES: Final = words_of("a an the")
SITES: Final = words_of("studio room building hall hotel lake mount port fort street terminal saint hurricane")
THINGS: Final = SITES | words_of(
    "bank hotels hotel store stores inc llc ltd corp corporation company group university college school hospital "
    "clinic airport station center centre foundation motors insurance airlines airline suite edition theorem law "
    "award prize day festival cup stadium bridge island river valley county state city beach tower towers square "
    "brothers bros sons coffee pizza motorcycle truck car tractor watch brand model method scale syndrome disease "
    "virus"
)
CALENDAR: Final = words_of("april may june august sunday autumn summer winter")
VERBAL: Final = words_of("will may mark can grant chase bill sue drew pat rob rose ward wade hope max chance peg don")
SUBJECTS: Final = words_of("i you we they he she it my your the that this there a an his her their our not be have is")
SPELL: Final = words_of("spell spelled spelt spells spelling")
NOT_BEFORE_PLACES: Final = words_of("in to near from at of south north west east new around outside")

HESITATION: Final = lexicon.HESITATIONS | {",", ":"}
BEFORE_LETTERS: Final = words_of(", : it that is that's it's as my last first name")
NAMED_ENDS: Final = {first: phrases_of(rests) for first, rests in NAMED.items()}
INTRODUCED_RESTS: Final = {first: frozenset(phrases_of(rests)) for first, rests in INTRODUCED.items()}
INTRODUCED_LASTS: Final = frozenset(
    rest[-1] if rest else first for first, rests in INTRODUCED_RESTS.items() for rest in rests
) | {"i'm", "it's"}
"""With which such a phrase ends."""
