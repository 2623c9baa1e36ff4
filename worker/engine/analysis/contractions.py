"""Contractions in full: the normalised text of a message."""

from __future__ import annotations

import re

from worker.engine.analysis.lexicon import words_of

_NOT = {"ca": "cannot", "wo": "will not", "sha": "shall not", "ai": "is not"}
_SUFFIXES = {"m": "am", "re": "are", "ve": "have", "ll": "will"}
# After these "'s" is a verb; after anything else it is a possessive and stays.
_WITH_IS = words_of("it he she that what where who how there here when why everything something nothing")
_WITH_D = words_of("i you he she it we they that there who")
_PARTICIPLES = words_of("been got had gone done made become come taken given sent happened better")
_NEGATED = ("are", "could", "did", "do", "does", "had", "has", "have", "is", "should", "was", "were", "would")
_INVERTED = re.compile(
    r"(?P<before>^(?:(?:why|how|and|so|but|well|okay),?\s)?|[,;]\s)"
    rf"(?P<verb>{'|'.join(_NEGATED)}|can)n?'t (?P<subject>i|you|he|she|it|we|they|there|that|this)\b",
    re.IGNORECASE,
)
_CONTRACTION = re.compile(
    r"(?<![\w'])(?P<stem>[a-z]{1,12}?)(?P<suffix>n't|'(?:m|re|ve|ll|s|d))\b(?=(?P<next>\s+[a-z]+)?)", re.IGNORECASE
)


def expand(text: str) -> str:
    """Writes contractions in full: "let's" is "let us", "can't" is "cannot". Possessives stay as they are."""
    if "'" not in text and "’" not in text:
        return text
    return _CONTRACTION.sub(_expand, _INVERTED.sub(_reorder, text.replace("’", "'")))


def _reorder(match: re.Match[str]) -> str:
    return f"{match['before']}{match['verb']} {match['subject']} not"


def _expand(match: re.Match[str]) -> str:
    stem, suffix, following = match["stem"], match["suffix"].lower().lstrip("'"), match["next"] or ""
    word = stem.lower()
    if suffix == "n't":
        full = _NOT.get(word, f"{word} not")
    elif suffix in _SUFFIXES:
        full = f"{word} {_SUFFIXES[suffix]}"
    elif suffix == "s" and word == "let":
        full = "let us"
    elif suffix == "s" and word in _WITH_IS:
        full = f"{word} {'has' if following.strip().lower() in _PARTICIPLES else 'is'}"
    elif suffix == "d" and word in _WITH_D:
        full = f"{word} {'had' if following.strip().lower() in _PARTICIPLES else 'would'}"
    else:
        return match[0]
    return stem[0] + full[1:]
