"""Four numbers with dots between them, said or written: where in a run of digits an IPv4 address stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, Protocol

from worker.redaction import lexicon
from worker.redaction.tokens import Kind, Token

OCTETS: Final = 4
LARGEST_OCTET: Final = 255
LONGEST_OCTET: Final = 3
DOTS: Final = frozenset({".", "dot", "point", "period"})


class Spoken(Protocol):
    """What is needed of a group of digits."""

    @property
    def digits(self) -> str: ...
    @property
    def spoken(self) -> bool: ...
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...


def quads(tokens: Sequence[Token], groups: Sequence[Spoken]) -> Iterator[tuple[int, int]]:
    """Indices of the first group of each address and of the group after its last."""
    if len(groups) < OCTETS:
        return
    dots = [_is_dotted(tokens, left, right) for left, right in pairwise(groups)]
    index = 0
    while index < len(dots):
        if not dots[index]:
            index += 1
            continue
        first, pieces, last = _octets(tokens, groups, dots, index)
        if len(pieces) == OCTETS and all(_is_octet(piece) for piece in pieces):
            yield first, last + 1
        index = last + 1


def _octets(
    tokens: Sequence[Token], groups: Sequence[Spoken], dots: list[bool], dot: int
) -> tuple[int, list[str], int]:
    """The pieces of a dotted number whose first dot stands behind group ``dot``, with its first and last group."""
    first = begin = dot
    while begin and not dots[begin - 1] and _joins(tokens, groups[begin - 1], groups[begin]):
        begin -= 1
        piece = "".join(group.digits for group in groups[begin : dot + 1])
        if len(piece) > LONGEST_OCTET:
            break
        first = begin if _is_octet(piece) else first
    pieces = ["".join(group.digits for group in groups[first : dot + 1])]
    index = dot
    while index < len(dots) and dots[index]:
        index += 1
        piece = groups[index].digits
        while (
            index < len(dots)
            and not dots[index]
            and _joins(tokens, groups[index], groups[index + 1])
            and _is_octet(piece + groups[index + 1].digits)
        ):
            index += 1
            piece += groups[index].digits
        pieces.append(piece)
    return first, pieces, index


def _is_dotted(tokens: Sequence[Token], left: Spoken, right: Spoken) -> bool:
    """Whether a dot and nothing else stands between two groups; a full stop before a space is none."""
    if left.last == right.first:
        return False
    between = [token for token in tokens[left.last : right.first] if token.word not in _PAUSES]
    if len(between) != 1 or between[0].word not in DOTS:
        return False
    return between[0].kind is Kind.WORD or tokens[right.first].start == between[0].end


def _joins(tokens: Sequence[Token], left: Spoken, right: Spoken) -> bool:
    """Whether two groups may be said as one number: "one" and "ninety two"."""
    pauses = all(token.word in _PAUSES for token in tokens[left.last : right.first])
    return pauses and (left.spoken or right.spoken or tokens[left.last - 1].end == tokens[right.first].start)


def _is_octet(digits: str) -> bool:
    return len(digits) <= LONGEST_OCTET and int(digits) <= LARGEST_OCTET and (digits == "0" or digits[0] != "0")


_PAUSES: Final = lexicon.HESITATIONS | {",", ";"}
