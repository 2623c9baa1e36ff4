"""The verdict: what was said against what was published. Pure: records in, counts out.

A consumer that reads only committed records, in the order of the partitions, must find every utterance whole and once,
in the order of the speech. What it finds instead is counted under these names:

* ``missing``: no record holds any word of the utterance.
* ``cut``: records hold words of it, and none of them is whole.
* ``same_id``: further records under an id that was there before, with the same text, as at-least-once delivery may do.
* ``other_id``: further whole records of the same utterance under another id. Nobody downstream can tell them apart.
* ``changed``: an id that comes again with another text. Whoever upserts by id loses the first one.
* ``pieces``: records that are not whole, beside a whole one, or that hold words of nothing that was said.
* ``out_of_order``: an utterance whose first record comes after the first record of a later one.
* ``holes``: sequence numbers that are not there; ``double_sequence``: one that two ids share.
* ``reversals``: the audio clock goes back from one first record to the next.
* ``late``: an insight out of order that its conversation's end announced: a lost socket had not brought it. Not bad.
* ``displaced``: a whole message whose place in the audio is not where it was said.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TypeAlias

OWN_WORD = re.compile(r"\bw([0-9a-f]{8})x\d+\b")
CLOCK_TOLERANCE_MS = 50
"""Each new socket and each new owner may round once more."""

StreamName: TypeAlias = tuple[str, str]
"""Conversation id and stream."""


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """Something that was said on a stream.

    Args:
        tag: Eight hexadecimal digits that stand in every word of its own, and in no other utterance.
        start_ms: Its place in the stream's audio.
        insight: The kind of insight that must come of it, or None.
    """

    tag: str
    text: str = field(repr=False)
    start_ms: int
    insight: str | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """A record of a results topic, as a reader of committed records sees it.

    Args:
        id: The result's id.
        kind: Of an insight; None for a message.
        read_ms: When the reader had it, ms since the epoch.
    """

    conversation_id: str
    stream: str
    id: str
    sequence: int
    start_ms: int
    text: str = field(repr=False)
    read_ms: int = 0
    kind: str | None = None


@dataclass(kw_only=True)
class Counts:
    """What was found on one stream or several: ``spoken``, ``whole_and_once`` and ``late`` are good, the others not."""

    spoken: int = 0
    whole_and_once: int = 0
    missing: int = 0
    cut: int = 0
    same_id: int = 0
    other_id: int = 0
    changed: int = 0
    pieces: int = 0
    out_of_order: int = 0
    holes: int = 0
    double_sequence: int = 0
    reversals: int = 0
    displaced: int = 0
    late: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})

    def bad(self, *, same_id_allowed: bool) -> dict[str, int]:
        """What is not as it should be, by name, without zeros. Empty means clean."""
        good = {"spoken", "whole_and_once", "late"} | ({"same_id"} if same_id_allowed else set())
        return {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in good and getattr(self, each.name)
        }


def judge(
    spoken: Sequence[Utterance],
    results: Sequence[Result],
    *,
    verbatim: bool = True,
    beside: Collection[str] = (),
    late_allowed: int = 0,
) -> Counts:
    """Hold the results of one stream against what was said on it.

    Args:
        spoken: In the order of the speech.
        results: In the order of their partition.
        verbatim: A whole result has the text that was said; else only the utterance's own words are compared, as
            insights are told in words of their own.
        beside: Kinds of insight that nobody asked for: only their ids and sequence numbers are judged.
        late_allowed: So many results may come after those of later utterances.
    """
    places = {utterance.tag: place for place, utterance in enumerate(spoken)}
    wanted = [_content(utterance.text, verbatim) for utterance in spoken]
    counts = Counts(spoken=len(spoken))
    by_id: dict[str, Result] = {}
    whole: dict[int, list[str]] = defaultdict(list)
    records: Counter[int] = Counter()
    touched: set[int] = set()
    clock = latest = -1
    for result in results:
        first = by_id.get(result.id)
        if first is None:
            by_id[result.id] = result
        else:
            repeated = first.text == result.text and first.sequence == result.sequence and first.kind == result.kind
            counts.same_id += repeated
            counts.changed += not repeated
        if result.kind in beside:
            continue
        tags = list(dict.fromkeys(OWN_WORD.findall(result.text)))
        touched.update(places[tag] for tag in tags if tag in places)
        place = places.get(tags[0]) if len(tags) == 1 else None
        is_whole = place is not None and _content(result.text, verbatim) == wanted[place]
        behind = result.start_ms < clock or (is_whole and place is not None and place < latest)
        late = first is None and behind and counts.late < late_allowed
        counts.late += late
        if first is None:
            counts.pieces += not is_whole
            if not late:
                counts.reversals += result.start_ms < clock
                clock = result.start_ms
        if place is None or not is_whole:
            continue
        records[place] += 1
        if result.id not in whole[place]:
            whole[place].append(result.id)
            apart = abs(result.start_ms - spoken[place].start_ms)
            counts.displaced += verbatim and apart > CLOCK_TOLERANCE_MS
        if len(whole[place]) == 1 and records[place] == 1 and not late:
            counts.out_of_order += place < latest
            latest = max(latest, place)
    for place in range(len(spoken)):
        counts.whole_and_once += records[place] == 1
        counts.other_id += max(0, len(whole[place]) - 1)
        if not whole[place]:
            counts.cut += place in touched
            counts.missing += place not in touched
    sequences = Counter(result.sequence for result in by_id.values())
    counts.holes = max(sequences, default=-1) + 1 - len(sequences)
    counts.double_sequence = sum(number - 1 for number in sequences.values())
    return counts


def judge_all(
    spoken: Mapping[StreamName, Sequence[Utterance]],
    results: Iterable[Result],
    *,
    verbatim: bool = True,
    beside: Collection[str] = (),
    late_allowed: Mapping[str, int] | None = None,
) -> dict[StreamName, Counts]:
    """The verdict of every stream. Results of streams that nobody spoke on are pieces, under their own name.

    Args:
        late_allowed: By conversation, over all its streams; see `judge`. None for none.
    """
    by_stream: dict[StreamName, list[Result]] = defaultdict(list)
    for result in results:
        by_stream[result.conversation_id, result.stream].append(result)
    names = [*spoken, *(name for name in by_stream if name not in spoken)]
    left = dict(late_allowed or {})
    found: dict[StreamName, Counts] = {}
    for name in names:
        found[name] = judge(
            spoken.get(name, ()),
            by_stream.get(name, ()),
            verbatim=verbatim,
            beside=beside,
            late_allowed=left.get(name[0], 0),
        )
        left[name[0]] = left.get(name[0], 0) - found[name].late
    return found


def judge_insights(
    spoken: Mapping[StreamName, Sequence[Utterance]],
    results: Iterable[Result],
    *,
    beside: Collection[str],
    recovered: Mapping[str, int] | None = None,
) -> dict[StreamName, Counts]:
    """The verdict of insights: each utterance that asks for one gets one of its kind.

    Args:
        beside: See `judge`.
        recovered: Conversation to insights that its end says were read from the host afterwards: so many may be late.
    """
    expected = {name: [each for each in said if each.insight] for name, said in spoken.items()}
    kinds = {each.tag: each.insight for said in expected.values() for each in said}
    # An insight of the wrong kind is about nothing that was said.
    held = [
        result if result.kind in beside or kinds.get(_tag(result.text)) == result.kind else _about_nothing(result)
        for result in results
    ]
    return judge_all(expected, held, verbatim=False, beside=beside, late_allowed=recovered)


def total(counts: Iterable[Counts]) -> Counts:
    """All streams together."""
    return sum(counts, Counts())


def _content(text: str, verbatim: bool) -> tuple[str, ...]:
    return (text,) if verbatim else tuple(match[0] for match in OWN_WORD.finditer(text))


def _tag(text: str) -> str:
    found = OWN_WORD.search(text)
    return found[1] if found else ""


def _about_nothing(result: Result) -> Result:
    return Result(
        conversation_id=result.conversation_id,
        stream=result.stream,
        id=result.id,
        sequence=result.sequence,
        start_ms=result.start_ms,
        text="",
        read_ms=result.read_ms,
        kind=result.kind,
    )
