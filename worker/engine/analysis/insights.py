"""Questions, action items and follow-ups in the messages of one conversation.

A question is reported as it was said. Action items and follow-ups are told in the third person: "I will send you the
corrected invoice by Friday" becomes "Robert will send you the corrected invoice by Friday.", and "Please send me your
notes", said by Ines to Robert, "Robert will send Ines their notes." A speaker without a name is "the speaker". Who is
meant by "you" is known when a name is called ("Robert, can you …") or when exactly two take part; otherwise it is
"someone" and there is no assignee.

``confidence`` is how binding the words are, less for hedges and missing objects, more for a date. It orders the
insights and filters by the threshold; it is not a measured probability.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from worker.engine.analysis.commitments import Commitment, commitments_of
from worker.engine.analysis.dates import DateSpan, dates_of, due_of
from worker.engine.analysis.entities import persons_of
from worker.engine.analysis.lexicon import AUXILIARIES, WH_WORDS
from worker.engine.analysis.questions import is_question
from worker.engine.analysis.tokens import tokens_of
from worker.engine.analysis.values import AnalysisRequest, InsightResult, InsightType, SpeakerRef, Tag

MAX_PARTICIPANTS = 50

_HEDGE = re.compile(
    r"\b(?:maybe|perhaps|might|hopefully|probably|possibly|i think|if possible|someday)\b", re.IGNORECASE
)
_OTHER_PERSON = re.compile(r"\b(?:you|yours|yourself|your|i am|i was|i|my|mine|myself|me)\b", re.IGNORECASE)
_THEIRS = {"your": "their", "yours": "theirs", "yourself": "themselves", "you": "them"}
_MINE = {
    "i am": "they are",
    "i was": "they were",
    "i": "they",
    "my": "their",
    "mine": "theirs",
    "myself": "themselves",
    "me": "them",
}
_VOCATIVE = re.compile(r"(?:^|[\s,])(?P<name>[^\W\d_]{2,30}),?\s\Z")


class InsightFinder:
    """Finds insights and remembers who takes part, so that "you" has a name.

    Args:
        new_id: makes the ids of insights.
    """

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._participants: dict[str, SpeakerRef] = {}

    def __repr__(self) -> str:
        return f"<InsightFinder participants={len(self._participants)}>"

    def find(
        self, request: AnalysisRequest, message_id: str, speaker: SpeakerRef, text: str, said_at: datetime
    ) -> tuple[InsightResult, ...]:
        """Insights of one message at or above the threshold: a question first, then in the order of the text."""
        if speaker.id in self._participants or len(self._participants) < MAX_PARTICIPANTS:
            self._participants[speaker.id] = speaker
        wanted = request.insight_types
        found: list[InsightResult] = []
        if "question" in wanted and is_question(text):
            found.append(self._question(message_id, speaker, text))
        if "action_item" in wanted or "follow_up" in wanted:
            offset = request.timezone_offset_minutes
            found.extend(
                self._commitment(message_id, speaker, text, said_at, offset, commitment)
                for commitment in commitments_of(text)
                if commitment.kind in wanted
            )
        return tuple(insight for insight in found if insight.confidence >= request.confidence_threshold)

    def _question(self, message_id: str, speaker: SpeakerRef, text: str) -> InsightResult:
        words = [token.word for token in tokens_of(text[:500])]
        clear = bool(words) and (words[0] in WH_WORDS or words[0] in AUXILIARIES)
        score = (0.8 if text.rstrip().endswith("?") else 0.7) + 0.1 * clear
        completeness = min(len(words), 5) / 5
        return self._result("question", message_id, speaker, text, score, completeness, speaker, None, ())

    def _commitment(
        self,
        message_id: str,
        speaker: SpeakerRef,
        text: str,
        said_at: datetime,
        offset: int,
        commitment: Commitment,
    ) -> InsightResult:
        actor: SpeakerRef | None = None
        if commitment.third is None:
            to_speaker = commitment.actor == "speaker"
            actor = speaker if to_speaker else self._addressee(speaker, text[: commitment.start])
        subject = _subject(commitment, actor, speaker)
        phrase = _third_person(commitment, speaker)
        content = f"{subject} will {phrase}"
        dates = dates_of(content, said_at, offset)
        if not any(span.has_day for span in dates):
            earlier = [span for span in dates_of(text[: commitment.start], said_at, offset) if span.has_day]
            if earlier:
                content = f"{content} {earlier[-1].text[:1].lower()}{earlier[-1].text[1:]}"
                dates = dates_of(content, said_at, offset)
        score = commitment.binding + 0.04 * bool(dates) - 0.14 * (_HEDGE.search(text[:500]) is not None)
        completeness = min(len(phrase.split()), 4) / 4
        tags = (*self._persons(content, actor, speaker), *_date_tags(dates))
        return self._result(
            commitment.kind,
            message_id,
            speaker,
            content + ".",
            score,
            completeness,
            actor,
            due_of(dates, said_at, offset),
            tuple(sorted(tags, key=lambda tag: tag.begin_offset)),
        )

    def _result(
        self,
        kind: InsightType,
        message_id: str,
        speaker: SpeakerRef,
        content: str,
        score: float,
        completeness: float,
        assignee: SpeakerRef | None,
        due_by: str | None,
        tags: tuple[Tag, ...],
    ) -> InsightResult:
        score = round(min(score, 0.99), 4)
        comprehension = round(0.5 + 0.5 * completeness, 4)
        confidence = round(score * (0.6 + 0.4 * comprehension), 4)
        return InsightResult(
            id=self._new_id(),
            type=kind,
            content=content,
            confidence=confidence,
            hints=(("confidenceScore", str(score)), ("comprehensionScore", str(comprehension))),
            assignee=assignee,
            due_by=due_by,
            tags=tags,
            message_id=message_id,
            speaker=speaker,
        )

    def _addressee(self, speaker: SpeakerRef, before: str) -> SpeakerRef | None:
        others = [each for each in self._participants.values() if each.id != speaker.id]
        called = _VOCATIVE.search(before[-60:])
        if called is not None:
            name = called["name"]
            for each in others:
                if (each.alias or "").lower() == name.lower():
                    return each
            if any(before[-60:][place.start : place.end] == name for place in persons_of(before[-60:])):
                return SpeakerRef("", name[0].upper() + name[1:])
        return others[0] if len(others) == 1 else None

    def _persons(self, content: str, actor: SpeakerRef | None, speaker: SpeakerRef) -> list[Tag]:
        tags: list[Tag] = []
        known = {each.alias.lower(): each for each in (*self._participants.values(), speaker) if each.alias is not None}
        taken = 0
        if actor is not None and actor.alias is not None:
            taken = len(actor.alias)
            tags.append(Tag(type="person", text=actor.alias, begin_offset=0, person=actor, assignee=True))
        places = {(place.start, place.end) for place in persons_of(content)}
        for alias in known:
            places |= {
                match.span() for match in re.finditer(rf"(?<!\w){re.escape(alias)}(?!\w)", content, re.IGNORECASE)
            }
        for start, end in sorted(places):
            if start < taken:
                continue
            text = content[start:end]
            person = known.get(text.lower()) or known.get(text.split()[0].lower()) or SpeakerRef("", text)
            tags.append(Tag(type="person", text=text, begin_offset=start, person=person))
            taken = end
        return tags


def _subject(commitment: Commitment, actor: SpeakerRef | None, speaker: SpeakerRef) -> str:
    if commitment.third is not None:
        owner = f"{speaker.alias or 'the speaker'}'s "
        third = re.sub(r"^my ", lambda _: owner, commitment.third, flags=re.IGNORECASE)
        return third[:1].upper() + third[1:]
    if actor is None:
        return "Someone"
    return actor.alias or ("The speaker" if actor is speaker else "The other speaker")


def _third_person(commitment: Commitment, speaker: SpeakerRef) -> str:
    """The phrase as somebody else would tell it."""
    if commitment.actor != "addressee":
        return _OTHER_PERSON.sub(lambda match: _MINE.get(match[0].lower(), match[0]), commitment.phrase)
    name = speaker.alias or "the speaker"
    table = _MINE | _THEIRS | {"me": name, "my": f"{name}'s", "mine": f"{name}'s"}
    return _OTHER_PERSON.sub(lambda match: table[match[0].lower()], commitment.phrase)


def _date_tags(dates: Sequence[DateSpan]) -> list[Tag]:
    return [
        Tag(type="date", text=span.text, begin_offset=span.start, datetime=span.iso())
        for span in dates
        if span.has_day or span.has_time
    ]
