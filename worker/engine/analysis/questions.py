"""Is a sentence a question? Rules for sentences whose punctuation nobody wrote.

A question begins, after interjections such as "okay so", with

* an inversion: "can you", "is that", "did the parcel";
* a wh-word with an inversion or a verb behind it: "what time do you", "who is", "how much", "how about";

or ends with a tag ("isn't it", "is that right"), or contains a request to be told ("can you tell me", "I was
wondering if", "do you know"). "What a nice day", "when I called …" and "which is fine" are none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from worker.engine.analysis.lexicon import AUXILIARIES, LEAD_INS, PRONOUNS, WH_WORDS, words_of
from worker.engine.analysis.tokens import tokens_of

_DETERMINERS = words_of("the a an my your our their his her this that these those any anyone anybody someone")
_NEGATED = frozenset(f"{verb}n't" for verb in words_of("is are was were do does did has have could would should wo ca"))
_VERBS_TO_ASK_WITH = AUXILIARIES | _NEGATED
_SUBJECTS = PRONOUNS | _DETERMINERS
_LEADING = LEAD_INS | words_of("because actually just excuse please listen great perfect excellent thanks")
_TAG = re.compile(
    r"(?:\b(?:is|are|was|were|do|does|did|have|has|can|could|will|would|should)(?: not|n't)"
    r" (?:it|you|they|we|i|he|she|that|there)"
    r"|\b(?:is|was) (?:that|this) (?:right|correct|okay|ok|fine|all right|alright|true|possible)"
    r"|\b(?:does|would) that (?:work|sound good|make sense|help|sound okay)(?: for you)?"
    r"|, (?:right|correct|okay|yeah|is it|are you|do you))$"
)
_ASKED = re.compile(
    r"\b(?:(?:can|could|would|will) (?:you|someone|somebody|anyone) (?:please |also |just |kindly )?"
    r"(?:tell|explain|let me know|confirm)"
    r"|(?:i was|i am|i'm|was|just) wondering (?:if|whether|what|when|why|how|where)"
    r"|(?:and|but|so) (?:can|could|would|will) you|do you (?:know|think|mean|happen to|remember)"
    r"|(?:may|could|can) i (?:have|ask|get|speak|talk)|how (?:can|may) i help)\b"
)


def starts_question(words: Sequence[str]) -> bool:
    """True when these words in lower case begin with a wh-word or an inversion that asks. Lead-ins do not count."""
    place = 0
    while place < len(words) - 1 and words[place] in _LEADING and not _inverted(words, place):
        place += 1
    return _inverted(words, place) or _wh(words, place)


def is_question(text: str) -> bool:
    """True for a question. A final "?", "." or "!" decides; without one, the rules do."""
    stripped = text.rstrip().rstrip("\"')”’").rstrip()
    if stripped.endswith("?"):
        return True
    if stripped.endswith((".", "!", "…")):
        return False
    return reads_as_question(text)


def reads_as_question(text: str) -> bool:
    """True when the rules see a question, whatever the punctuation."""
    words = [token.word for token in tokens_of(text)]
    if not words:
        return False
    lowered = text.lower().rstrip(" .?!")
    tail = lowered[-60:]
    if starts_question(words) or _TAG.search(tail) is not None:
        return True
    asked = _ASKED.search(lowered[:2000])
    return asked is not None and not _reported(lowered[: asked.start()])


def _reported(before: str) -> bool:
    last = before.split()[-1:]
    return bool(last) and last[0] in {"if", "what", "that", "said", "asked", "which", "when", "who", "as", "how"}


def _at(words: Sequence[str], place: int) -> str:
    return words[place] if 0 <= place < len(words) else ""


def _inverted(words: Sequence[str], place: int) -> bool:
    verb, subject = _at(words, place), _at(words, place + 1)
    if verb not in _VERBS_TO_ASK_WITH:
        return False
    if verb == "may":
        return subject in {"i", "we"}
    if subject == "not":
        subject = _at(words, place + 2)
    if verb in {"do", "have"} and subject in _DETERMINERS | {"it"}:
        return False  # an order: "do the update", "have a nice day"
    if verb == "will" and subject not in _SUBJECTS:
        return False  # a name
    return subject in _SUBJECTS


def _wh(words: Sequence[str], place: int) -> bool:
    word, following = _at(words, place), _at(words, place + 1)
    contracted = word.endswith(("'s", "'re", "'d", "'ll")) and word.split("'")[0] in WH_WORDS
    if contracted:
        return not (word.startswith("what") and following in {"more", "important"})
    if word not in WH_WORDS:
        return False
    if word == "how":
        if following in {"about", "come", "much", "many", "long", "often", "soon", "far", "old"}:
            return len(words) - place <= 3 or _asks_within(words, place + 2) or following in {"about", "come"}
        return following in _VERBS_TO_ASK_WITH
    if word == "what" and following in {"happens", "happened", "else", "kind", "type", "sort", "exactly"}:
        return True
    if word in {"what", "which", "whose"}:
        if word == "what" and (following in {"a", "an"} or following == "about"):
            return following == "about"
        if following in _VERBS_TO_ASK_WITH:
            return word == "what" or _at(words, place + 2) in _SUBJECTS or (word == "which" and "one" in words[place:])
        return following not in PRONOUNS and following not in _DETERMINERS and _asks_within(words, place + 1)
    if word in {"when", "where", "why"}:
        return following in _VERBS_TO_ASK_WITH or (word == "why" and following == "not")
    return following != "" and following not in PRONOUNS  # who, whom


def _asks_within(words: Sequence[str], start: int) -> bool:
    """An inversion, or "is" and the like, among the next few words: "what time [do you]", "which plan [is]"."""
    for place in range(start, min(start + 4, len(words))):
        if _at(words, place) in PRONOUNS and place == start:
            return False
        if _at(words, place) in _VERBS_TO_ASK_WITH:
            return True
    return False
