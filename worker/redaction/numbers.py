"""Numbers in words and in figures, as the digits that they stand for.

An own table rather than text2num: that one knows neither "oh" nor "double", keeps no way back from a digit to the
characters it came from, and reads values where we need digits.
"""

from __future__ import annotations

from worker.redaction import lexicon
from worker.redaction.tokens import Kind, Token, ascii_digits


def read_number(tokens: tuple[Token, ...], index: int) -> tuple[str, int] | None:
    """The digits of the number, in words or written, that begins at ``index``, and the index after it."""
    token = tokens[index]
    if token.kind is Kind.DIGITS:
        return ascii_digits(token.word), index + 1
    if token.kind is not Kind.WORD or token.word not in lexicon.NUMBER_HINTS:
        return None
    word = token.word
    if word in lexicon.UNITS and _word(tokens, index + 1) not in {"hundred", "thousand"}:
        return str(lexicon.UNITS[word]), index + 1
    if word in lexicon.ZEROS:
        return "0", index + 1
    if word in lexicon.REPEATS:
        return _read_repeat(tokens, index)
    read = _read_below_thousand(tokens, index)
    if read is None:
        return None
    value, after = read
    if _word(tokens, after) == "thousand":
        after += 1
        value *= 1000
        rest = _read_below_thousand(tokens, after + (_word(tokens, after) == "and"))
        if rest is not None and _word(tokens, rest[1]) != "thousand":
            value, after = value + rest[0], rest[1]
    return str(value), after


def _read_repeat(tokens: tuple[Token, ...], index: int) -> tuple[str, int] | None:
    """ "double two", "triple oh", "double 7"."""
    if index + 1 >= len(tokens):
        return None
    following = tokens[index + 1]
    if following.kind is Kind.DIGITS:
        digit = ascii_digits(following.word)
    elif following.word in lexicon.ZEROS:
        digit = "0"
    else:
        digit = str(lexicon.UNITS.get(following.word, ""))
    return (digit * lexicon.REPEATS[tokens[index].word], index + 2) if len(digit) == 1 else None


def _read_below_thousand(tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
    """ "seven", "forty-one", "one hundred and eleven", and "forty one hundred eleven"."""
    read = _read_below_hundred(tokens, index)
    if read is None or _word(tokens, read[1]) != "hundred":
        return read
    value, after = read[0] * 100, read[1] + 1
    rest = _read_below_hundred(tokens, after + (_word(tokens, after) == "and"))
    if rest is not None and _word(tokens, rest[1]) not in {"hundred", "thousand"}:
        return value + rest[0], rest[1]
    return value, after


def _read_below_hundred(tokens: tuple[Token, ...], index: int) -> tuple[int, int] | None:
    word = _word(tokens, index)
    if word in lexicon.UNITS:
        return lexicon.UNITS[word], index + 1
    if word in lexicon.TEENS:
        return lexicon.TEENS[word], index + 1
    if word not in lexicon.TENS:
        return None
    after = index + 1
    if after < len(tokens) and tokens[after].word == "-":
        after += 1
    unit = lexicon.UNITS.get(_word(tokens, after))
    if unit is None:
        return lexicon.TENS[word], index + 1
    return lexicon.TENS[word] + unit, after + 1


def _word(tokens: tuple[Token, ...], index: int) -> str:
    """The word at ``index``; empty at the end and where no word is."""
    if index >= len(tokens) or tokens[index].kind is not Kind.WORD:
        return ""
    return tokens[index].word
