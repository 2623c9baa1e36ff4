"""Commitments and requests in a sentence: who is to do what, by rules.

A *frame* says who is asked ("I will", "let us", "can you", "please"); the *verb phrase* behind it says what. A verb
phrase about meeting, calling or talking again ("call you back", "schedule a meeting", "get back to you") makes a
**follow-up**; one with a verb of doing ("send", "look into", "make sure") makes an **action item**; everything else
makes nothing. So "Can you email me the invoice?" is an action item besides being a question, while "Can you confirm
the totals?" and "Can you hold, please?" are only answered on the spot.

Frames differ in how binding they are; that is the base of the confidence. Frames behind "if", "when", "whether" and
the like are reports, not commitments. The rules look at words only and tolerate what recognisers do to endings: "I
will sent".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from worker.engine.analysis.lexicon import words_of
from worker.engine.analysis.tokens import stem

Kind: TypeAlias = Literal["action_item", "follow_up"]
MAX_CHARACTERS = 1_000
MAX_COMMITMENTS = 4

TASK_VERBS = words_of(
    """
    activate add adjust analyze apply approve arrange ask assign attach authorize book build buy cancel change
    charge clean clear close collect complete compile configure contact copy correct create credit deactivate
    deliver deploy discuss dispatch document double-check download draft drop email enable enter escalate
    evaluate expedite extend fax file fill finalize finish fix flag forward generate handle implement inform
    install investigate invite invoice issue launch log mail make mark message migrate modify monitor move
    notify open order organize pay pick place plan post prepare present print process provide publish purchase
    push raise reactivate rebook record refund register reinstall reissue remind remove renew repair replace
    replicate report request resend reset resolve restart restore return review revise roll run save schedule
    send ship sign sort start submit sync test track translate update upgrade upload verify waive write
    """
)
_BASE_OF = {
    stem(verb): verb for verb in TASK_VERBS | {"call", "meet", "talk", "speak", "follow", "touch", "catch", "chat"}
}
_IRREGULAR = {
    "sent": "send",
    "made": "make",
    "wrote": "write",
    "paid": "pay",
    "met": "meet",
    "spoke": "speak",
    "bought": "buy",
}
_PHRASES = re.compile(
    r"(?:look(?:ing)? (?:into|after|at)|mak(?:e|ing) sure|tak(?:e|ing) care of|take (?:a look|a note|over)"
    r"|find(?:ing)? out|figure out|set(?:ting)? up|work(?:ing)? on|come (?:out|over|by)|reach out"
    r"|go (?:over|through)|see (?:if|what|whether|to it)"
    r"|check (?:with|on|whether|if|the|your|our|my|that|this|it|into|in with)"
    r"|put (?:in|together|a|the|your|that|it on)|let (?:the|my|our|them|him|her) "
    r"|give (?:you|them|him|her|me|us) (?:(?:a|the|your|full|partial|another) )*"
    r"(?:refund|credit|discount|update|copy|list|quote|replacement)"
    r"|get (?:that|this|it|you|your|those|them|someone|somebody|the|our|me|us) (?!wrong|right away\b)"
    r"|bring (?:the|a|your|it|this|that|my|me|some|along|up)"
    r"|have (?:someone|somebody|a|an|the|our|my|one of|it|them|him|her|that|your|this) .{0,40}?\b"
    r"(?:send|sent|check(?:ed)?|fix(?:ed)?|look|replaced?|ship(?:ped)?|come|contact|email|done|ready|resolved|reviewed"
    r"|updated|delivered|review)"
    r"|(?:talk|speak) (?:to|with) (?:my|our|the|their|his|her)|transfer (?:the|your|that|it|money|funds)"
    r"|share (?:the|my|your|our|it|that|this|a|some))\b",
    re.IGNORECASE,
)
# The verb says that something is asked or shown here and now.
_ON_THE_SPOT = re.compile(
    r"(?:put|place) (?:you|me) |transfer (?:you|me)|(?:hold|wait|stay|bear|repeat|spell|confirm|explain|tell|say)\b"
    r"|verify (?:your|that|the) (?:\w+ )?(?:name|address|number|birth|date|identity)"
    r"|ask (?:you|me|for your|what|how)|make (?:sense|it)\b|start (?:by|with)|help\b|give me\b|record this",
    re.IGNORECASE,
)
_SOMEBODY = r"(?:you|me|us|him|her|them)"
_DAY = (
    r"(?:tomorrow|today|tonight|monday|tuesday|wednesday|thursday|friday|saturday|sunday|next (?:week|month|time)"
    r"|this afternoon|in (?:a|an|one|two|three|\d+) \w+)"
)
_AGAIN = rf"(?:again|later|soon|then|more|further|back|(?:on |by |at |before )?{_DAY})"
_APPOINTMENT = (
    r"(?:meeting|call|callback|call\sback|appointment|conference|demo|demonstration|session|follow[\s-]?up|chat|visit"
    r"|consultation|interview)s?\b"
)
_CONTACT = re.compile(
    rf"""(?:
        (?:call|ring|phone|dial)(?:ing)?\s(?:{_SOMEBODY}|back|again)\b
      | (?:call|ring|phone)\s(?:\w+\s){{1,4}}back\b
      | follow(?:ing)?[\s-]?up\b | follow\sback\sup\b
      | (?:get|come|circle|check|report|be|write|reach|revert)(?:ing)?\sback\b
      | touch\sbase | catch(?:ing)?\sup\b | reconnect\b | regroup\b
      | reach\sout\sto\s{_SOMEBODY}\b | check\sin\swith\s{_SOMEBODY}\b
      | (?:be|get|keep|stay)\sin\s(?:touch|contact)
      | keep\s{_SOMEBODY}\s(?:posted|updated|informed)
      | let\s(?:you|me|us)\sknow\b
      | give\s{_SOMEBODY}\sa\s(?:\w+\s)?(?:call|ring|callback|buzz)
      | meet(?:ing)?\b
        (?!\s(?:the|your|my|our)\s(?:requirement|need|deadline|expectation|criteria|standard|goal|target))
      | see\syou\s(?:\w+\s){{0,2}}{_AGAIN}\b
      | (?:talk|speak|chat|discuss|connect)(?:ing)?\s(?!(?:to|with)\s(?:my|our|their|his)\b)(?:\S+\s){{0,6}}?{_AGAIN}\b
      | contact\s(?:you|me|us)\b
      | (?:re)?(?:schedule|book|arrange|plan|organi[sz]e)\s(?:\S+\s){{0,4}}?{_APPOINTMENT}
      | (?:set\sup|put\sin|have|hold|do|jump\son|hop\son|get\son|pencil\sin|make)
        \s(?:a|an|another|the|our|one\smore|some)\s(?:\S+\s){{0,3}}?{_APPOINTMENT}
      | (?:have|get)\s(?:\S+\s){{1,5}}?(?:call|contact|phone|reach)\s(?:out\sto\s)?(?:you|me|us)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_ADVERBS = (
    r"(?:(?:also|just|definitely|certainly|then|now|gladly|personally|quickly|still|probably|please|kindly|first|"
    r"absolutely|immediately|actually|go ahead and|go and|try to|try and|be able to|need to|have to|"
    r"be sure to|be happy to|be going to|"
    r"want to|make an effort to|uh|um|maybe|possibly|always|all)\s+){0,3}"
)
_START = (
    "(?:^|"
    + "|".join(
        rf"(?<={before}\s)"
        for before in (
            "[,;.!?]",
            r"\band",
            r"\bokay",
            r"\bso",
            r"\bthen",
            r"\bsure",
            r"\byes",
            r"\bwell",
            r"\balright",
            r"\bbut",
        )
    )
    + ")"
)


Actor: TypeAlias = Literal["speaker", "addressee", "third"]


@dataclass(frozen=True, slots=True)
class _Frame:
    pattern: re.Pattern[str] = field(repr=False)
    actor: Actor
    binding: float
    # Verbs that are not in the lists count too, at less confidence.
    any_verb: bool = False
    # Only these verb phrases count.
    only: re.Pattern[str] | None = field(default=None, repr=False)
    kinds: frozenset[Kind] = frozenset({"action_item", "follow_up"})


def _frame(
    pattern: str,
    actor: Actor,
    binding: float,
    *,
    any_verb: bool = False,
    only: str | None = None,
    kinds: frozenset[Kind] = frozenset({"action_item", "follow_up"}),
) -> _Frame:
    compiled = re.compile(rf"(?:{pattern})\s+{_ADVERBS}(?=\w)", re.IGNORECASE)
    chosen = re.compile(only, re.IGNORECASE) if only is not None else None
    return _Frame(compiled, actor, binding, any_verb, chosen, kinds)


_FOLLOW_UP: frozenset[Kind] = frozenset({"follow_up"})
_TO_YOU = r"(?:\w+ (?:(?:that|it|this|them) )?(?:to )?(?:you|the)\b)"
_NEED = r"(?:really |also |still )?(?:need to|have to|must|should|ought to|have got to|gotta|got to)"
_WILL = r"(?:'ll| will| shall| am going to| are going to| am gonna| are gonna|'m going to|'re going to|'m gonna)"
_STAFF = (
    r"(?:someone|somebody|he|she|they|(?:our|my|the|a|one of our) (?:\w+ )?(?:teams?|technicians?|manager|supervisor"
    r"|colleagues?|agents?|specialists?|engineers?|driver|department|representatives?|advisors?))"
)
_OFFERED = (
    r"send|forward|e-?mail|text|create|open a|submit|file|schedule|set up|book|call|get back|follow|escalate|order"
)
_ASKED_FOR = r"send|forward|e-?mail|ship|update|call|get back|fill|sign|upload|submit|return|provide"
_FRAMES = (
    _frame(rf"\b(?:i|we){_WILL}", "speaker", 0.92, any_verb=True),
    _frame(r"\b(?:i|we) (?:promise to|plan to|intend to|am about to|are about to)", "speaker", 0.85),
    _frame(r"\b(?:let us|let's|lets)", "speaker", 0.85),
    _frame(rf"\bwe {_NEED}", "speaker", 0.82),
    _frame(rf"\bi {_NEED}", "speaker", 0.7),
    _frame(r"\blet me", "speaker", 0.64, only=rf"(?:{_OFFERED}|process|issue)\b"),
    _frame(
        r"\b(?:i|we) (?:can|could|would)",
        "speaker",
        0.66,
        only=rf"(?:call|get back|follow|meet|{_TO_YOU}|schedule|set up|arrange)",
    ),
    _frame(
        r"\b(?:i|we) (?:would like to|'d like to|want to|wanted to|would love to)",
        "speaker",
        0.7,
        kinds=_FOLLOW_UP,
        only=r"(?:(?:re)?schedule|set up|book|arrange|meet|have a|plan|follow up"
        r"|(?:talk|speak|chat) (?:to|with) you again|call you (?:back|again)|get back to you)\b",
    ),
    _frame(r"\b(?:can|could|shall|should|may|might) (?:we|i)", "speaker", 0.72, kinds=_FOLLOW_UP),
    # What is left of "I'll", "we'll" and "I'm going to" after a misrecognition.
    _frame(
        rf"{_START}(?:ill|aisle|will|going to|gonna|well)",
        "speaker",
        0.7,
        only=rf"(?:call you|get back|follow up|{_TO_YOU})",
    ),
    _frame(
        r"\b(?:and|then)",
        "speaker",
        0.66,
        kinds=_FOLLOW_UP,
        only=r"(?:get back to you|call you back|follow up with|let you know|give you a call)",
    ),
    _frame(rf"\b(?P<third>{_STAFF})(?: will|'ll| is going to| are going to)", "third", 0.86),
    _frame(
        r"\b(?:i|we) (?:will )?(?:need|want|would like|'d like|expect) (?:you|them|someone|somebody|your team) to",
        "addressee",
        0.88,
    ),
    _frame(r"\b(?:can|could|would|will) (?:you|someone|somebody|anyone|your team)(?: guys| all)?", "addressee", 0.82),
    _frame(r"\bwould you mind", "addressee", 0.82),
    _frame(r"\bif you (?:can|could|would)", "addressee", 0.66, only=rf"(?:{_ASKED_FOR})\b"),
    _frame(r"\bplease", "addressee", 0.88),
    _frame(r"\byou (?:will |would )?(?:need to|have to|must|should|got to)", "addressee", 0.66),
    _frame(r"\b(?:do not forget to|don't forget to|remember to|be sure to)", "addressee", 0.84),
)
_FAREWELL = re.compile(
    rf"{_START}(?:i will |i'll |we will |we'll )?(?P<phrase>(?:talk|speak|see)(?: to| with)? you {_AGAIN}\b.*)",
    re.IGNORECASE,
)
_REPORTED = re.compile(
    r"\b(?:if|when|whenever|whether|what|how|why|where|until|unless|hope|hoping|hopefully|as soon as|said|thought"
    r"|assumed|told me|told you|wish|before|after|guess|doubt)(?:\s(?:that|maybe))?[\s,]*\Z",
    re.IGNORECASE,
)
_ASKS = re.compile(r"\b(?:what|how|why|where|when|which \w+|who|do|does|did)\s\Z", re.IGNORECASE)
_STATIVE = words_of(
    """
    be have need know see get want like love understand remember tell say hear think believe assume guess take
    hold wait try go come do not never always no receive lose miss feel appreciate thank stay keep use work
    let put look give find leave live agree admit consider hope wonder mean seem sound turn start continue
    never probably only even really explain show walk help pull transfer connect confirm place make check ask
    repeat pass bet lie still
    """
)
_OBJECT_STARTS = words_of("the a an that this your our my it you them those these")
_TAIL = re.compile(
    r"[\s,]+(?:okay|ok|alright|all right|thanks|thank you(?: (?:very|so) much)?|please|right|bye|goodbye"
    r"|sir|madam|ma'am|"
    r"is that (?:okay|ok|fine|alright|all right)(?: (?:for|with) you)?|does that (?:work|sound good)(?: for you)?|"
    r"if (?:that is|that's) (?:okay|ok|fine|alright|possible)|if (?:you do not|you don't) mind|for me)\Z",
    re.IGNORECASE,
)
_CUT = re.compile(
    r"(?:[,;]\s+|\s+)(?:but|is there anything|do you have any|can i|is that)\b|[.?!]\s+"
    r"|,\s+(?:so|because|and i|is|does|would|will)\b"
    r"|\s+and\s+(?:i|we)\s+(?:will|am|are|have|need)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Commitment:
    """Somebody is to do something.

    Args:
        phrase: what, beginning with the verb in its base form: "send you the invoice by Friday".
        start: where the frame begins in the sentence; ``phrase_start`` is where the phrase does.
        binding: 0 to 1; how clearly somebody is bound.
        third: who it is, as said, when neither speaker nor addressee.
    """

    kind: Kind
    actor: Actor
    phrase: str = field(repr=False)
    start: int
    phrase_start: int
    binding: float
    third: str | None = field(default=None, repr=False)

    @property
    def phrase_end(self) -> int:
        """Where the phrase ends, give or take the ending of its verb."""
        return self.phrase_start + len(self.phrase)


def commitments_of(text: str) -> list[Commitment]:
    """The commitments of a text in order, at most ``MAX_COMMITMENTS``.

    Where several frames lead to the same verb ("can you please send") the most binding one counts. What lies inside a
    commitment of the same kind and actor is part of it.
    """
    kept: list[Commitment] = []
    for found in sorted(_all(text[:MAX_CHARACTERS]), key=lambda found: (found.phrase_start, -found.binding)):
        covered = any(
            found.phrase_start == other.phrase_start
            or (found.kind == other.kind and found.actor == other.actor and found.phrase_start < other.phrase_end)
            for other in kept
        )
        if not covered:
            kept.append(found)
    return kept[:MAX_COMMITMENTS]


def _all(text: str) -> list[Commitment]:
    found = []
    for frame in _FRAMES:
        for match in frame.pattern.finditer(text):
            commitment = _commitment(text, frame, match)
            if commitment is not None:
                found.append(commitment)
    farewell = _FAREWELL.search(text)
    if farewell is not None:
        phrase = _trimmed(text, farewell.start("phrase"))
        found.append(Commitment("follow_up", "speaker", phrase, farewell.start(), farewell.start("phrase"), 0.7))
    return found


def _commitment(text: str, frame: _Frame, match: re.Match[str]) -> Commitment | None:
    before, start = text[max(0, match.start() - 40) : match.start()], match.end()
    if _REPORTED.search(before) is not None and frame.actor != "addressee":
        return None
    if _ASKS.search(before) is not None:
        return None
    if frame.only is not None and frame.only.match(text, start) is None:
        return None
    kind, share = _kind_of(text, start, frame.any_verb)
    if kind is None or kind not in frame.kinds:
        return None
    phrase = _trimmed(text, start)
    third = match["third"] if frame.actor == "third" else _unnamed(match[0])
    return Commitment(kind, frame.actor, phrase, match.start(), start, frame.binding * share, third)


def _unnamed(frame: str) -> str | None:
    """ "Someone", when a request goes to nobody in particular."""
    return "someone" if re.search(r"\b(?:someone|somebody|anyone)\b", frame, re.IGNORECASE) is not None else None


def _kind_of(text: str, start: int, any_verb: bool) -> tuple[Kind | None, float]:
    if _CONTACT.match(text, start) is not None:
        return "follow_up", 1.0
    if _ON_THE_SPOT.match(text, start) is not None:
        return None, 0.0
    if _PHRASES.match(text, start) is not None:
        return "action_item", 0.97
    words = text[start : start + 120].split()
    first = words[0].lower().strip(",.?!;:")
    if first in _IRREGULAR or _base(first) in TASK_VERBS or (first == "call" and len(words) > 1):
        return "action_item", 1.0 if len(words) > 1 else 0.6
    unknown = any_verb and len(words) > 2 and first.isalpha() and len(first) > 2 and first not in _STATIVE
    if unknown and words[1].lower() in _OBJECT_STARTS:
        return "action_item", 0.68
    return None, 0.0


def _base(word: str) -> str:
    return _IRREGULAR.get(word) or (word if word in TASK_VERBS else _BASE_OF.get(stem(word), word))


def _trimmed(text: str, start: int) -> str:
    """The verb phrase from here, without courtesies at its end and without what is said next."""
    cut = _CUT.search(text, start + 1)
    end = cut.start() if cut is not None else len(text)
    phrase = text[start:end].rstrip(" .?!,;")
    for _ in range(3):
        tail = _TAIL.search(phrase[-60:])
        if tail is None or len(phrase) - len(tail[0]) < 4:
            break
        phrase = phrase[: len(phrase) - len(tail[0])].rstrip(" .?!,;")
    verb, space, rest = phrase.partition(" ")
    return f"{_base(verb.lower())}{space}{rest}"
