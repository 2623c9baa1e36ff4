"""What a conversation says: recognised words become sentences, masked, analysed, and frames on the wire. Pure.

With redaction the analysis sees masked texts only: what it derives can then hold nothing that was masked.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from worker.engine import messages
from worker.engine.analysis import (
    AnalysisRequest,
    Analyst,
    EntityResult,
    MessageAnalysis,
    Sentence,
    SpeakerRef,
    TrackerDefinition,
    Word,
    entities_as_json,
    joined_trackers,
    split_sentences,
)
from worker.engine.masking import (
    Finding,
    FindPii,
    mask_text,
    mask_unfinished,
    mask_words,
    masked_offset,
    settle,
    with_echoes,
)
from worker.engine.messages import AudioSpan, Frame, Message
from worker.engine.recognizers.events import Final, HeardWord, Partial
from worker.engine.requests import RedactionRequest, StartRequest, TrackerRequest

MESSAGES_PER_TOPIC_RESPONSE = 8
MAX_TRACKERS = 1_000
"""Of a conversation: those of an account and as many that its speakers bring."""
PCI_TYPES = frozenset({"CARD_NUMBER", "CVV", "CARD_PIN", "CARD_EXPIRATION"})


@dataclass(frozen=True, slots=True)
class Voice:
    """One speaker during one recognition.

    Args:
        user: The speaker in recognition results: what the client said, and the server's id.
        request: What this speaker asked for.
        started_at: Seconds since the epoch at the first byte of the audio.
    """

    speaker: SpeakerRef
    user: Mapping[str, Any] = field(repr=False)
    request: StartRequest = field(repr=False)
    started_at: float

    @property
    def base_ms(self) -> int:
        return int(self.started_at * 1000)


@dataclass(frozen=True, slots=True)
class _Said:
    """One sentence: the message, what was found in it, and its part of an `entity_response`."""

    message: Message
    found: MessageAnalysis
    entities: Sequence[Frame] = field(repr=False)


class Transcript:
    """Makes the frames of one conversation from what its recognisers hear.

    What one speaker asks for holds for the conversation: insight types, trackers and entities add up, redaction can be
    switched on and never off. Threshold, language and time zone are each speaker's own.

    Args:
        new_id: Makes ids of messages, insights and topics.
        find_pii: Finds personal data in a text.
        verbatim: Every final result is one sentence and stays as it was heard (coded speech).
        punctuated: The recogniser writes capitals and punctuation itself.
    """

    def __init__(self, *, new_id: Callable[[], str], find_pii: FindPii, verbatim: bool, punctuated: bool) -> None:
        self._new_id = new_id
        self._find_pii = find_pii
        self._verbatim = verbatim
        self._punctuated = punctuated
        self._analysis = AnalysisRequest()
        self._analyst = Analyst(self._analysis, new_id)
        self._sequence = itertools.count()
        self._latest_sequence = 0
        self._messages_since_topics = 0
        self._masking: RedactionRequest | None = None
        self._identifying = False

    def __repr__(self) -> str:
        return f"<Transcript latest={self._latest_sequence} redacting={self.redacting}>"

    @property
    def redacting(self) -> bool:
        """Texts are masked."""
        return self._masking is not None

    def adopt(self, request: StartRequest) -> None:
        """A speaker asks for more."""
        if request.redaction.redact and self._masking is None:
            self._masking = request.redaction
            # What was counted so far was said in the clear, and would come again in topics.
            self._analyst = Analyst(self._analysis, self._new_id)
        self._identifying = self._identifying or request.redaction.identify
        known = self._analysis
        names = {tracker.name for tracker in known.trackers}
        added = (_definition(each) for each in request.trackers if each.name not in names)
        self._analysis = replace(
            known,
            insight_types=known.insight_types | frozenset(request.insight_types),
            trackers=(*known.trackers, *added)[:MAX_TRACKERS],
            interim_trackers=known.interim_trackers or request.interim_trackers,
            detect_entities=known.detect_entities or request.detect_entities,
            sentiment=known.sentiment or request.sentiment,
            mask=None if self._masking is None else self._masking.mask,
        )

    def switch(self, *, detect_entities: bool | None, sentiment: bool | None) -> None:
        """Switches analyses; None leaves them as they are."""
        if detect_entities is not None:
            self._analysis = replace(self._analysis, detect_entities=detect_entities)
        if sentiment is not None:
            self._analysis = replace(self._analysis, sentiment=sentiment)

    def unfinished(self, voice: Voice, partial: Partial, now: float) -> list[Frame]:
        """What is being said: an interim result, and trackers in it. Nothing while all of it has to be held back."""
        text = partial.text
        if self._masking is not None:
            text = mask_unfinished(text, self._findings(text), self._masking.mask)
            if not text:
                return []
        frames = [_recognition_result(voice, text, (), now, is_final=False)]
        trackers = self._analyst_for(voice).interim(text)
        if trackers:
            found = [tracker.as_json() for tracker in trackers]
            frames.append(messages.tracker_response(found, self._latest_sequence, is_final=False))
        return frames

    def finished(self, voice: Voice, final: Final, now: float) -> list[Frame]:
        """What was said: the final result, its messages, and what was found in them."""
        spoken = [self._say(voice, sentence) for sentence in self._sentences(final.words)]
        if not spoken:
            return []
        sequence = self._latest_sequence = next(self._sequence)
        words = [word for said in spoken for word in said.message.words]
        text = " ".join(said.message.original_content for said in spoken)
        frames = [
            _recognition_result(voice, text, words, now, is_final=True),
            messages.message_response([said.message for said in spoken], sequence),
        ]
        found = joined_trackers(tracker for said in spoken for tracker in said.found.trackers)
        trackers = [tracker.as_json() for tracker in found]
        if trackers:
            frames.append(messages.tracker_response(trackers, sequence, is_final=True))
        for said in spoken:
            # Each comes alone, as the original sent them.
            frames += [messages.insight_response([insight.as_json()], sequence) for insight in said.found.insights]
        entities = [entity for said in spoken for entity in said.entities]
        if entities:
            frames.append(messages.entity_response(entities, sequence))
        self._messages_since_topics += len(spoken)
        if self._messages_since_topics >= MESSAGES_PER_TOPIC_RESPONSE:
            frames += self.topics()
        return frames

    def topics(self) -> list[Frame]:
        """What is talked about, where that is new since the last time."""
        if not self._messages_since_topics:
            return []
        self._messages_since_topics = 0
        self._analyst.ask(self._analysis)
        topics = [topic.as_json() for topic in self._analyst.topics()]
        return [messages.topic_response(topics, self._latest_sequence)] if topics else []

    def _analyst_for(self, voice: Voice) -> Analyst:
        """Set to what the conversation wants to know, in the way of this speaker."""
        own = voice.request
        self._analyst.ask(
            replace(
                self._analysis,
                confidence_threshold=own.confidence_threshold,
                timezone_offset_minutes=own.timezone_offset_minutes,
                language=own.language,
            )
        )
        return self._analyst

    def _findings(self, text: str) -> Sequence[Finding]:
        return settle(text, self._find_pii(text))

    def _sentences(self, heard: Sequence[HeardWord]) -> list[Sentence]:
        words = tuple(
            Word(text, word.start_seconds, word.end_seconds, word.confidence)
            for word in heard
            if (text := word.text.strip())
        )
        if not words:
            return []
        if not self._verbatim:
            return split_sentences(words, punctuated=self._punctuated)
        text = " ".join(word.text for word in words)
        return [Sentence(words, text, text, words[0].start_seconds, words[-1].end_seconds)]

    def _say(self, voice: Voice, sentence: Sentence) -> _Said:
        clear = content = sentence.content
        original, words = sentence.text, list(sentence.words)
        findings = self._findings(clear) if self._masking is not None or self._identifying else ()
        if self._masking is not None:
            mask = self._masking.mask
            in_original = findings if original == clear else self._findings(original)
            findings, in_original = (
                with_echoes(clear, findings, original, in_original),
                with_echoes(original, in_original, clear, findings),
            )
            content, original = mask_text(clear, findings, mask), mask_text(original, in_original, mask)
            words = mask_words(words, in_original, mask)
        span = AudioSpan.of(sentence.start_seconds, sentence.end_seconds, voice.base_ms)
        said_at = datetime.fromtimestamp((span.base_ms + span.start_ms) / 1000, UTC)
        message_id = self._new_id()
        found = self._analyst_for(voice).message(message_id, voice.speaker, content, said_at)
        entities: list[Frame] = []
        if self._identifying:
            entities += [self._identified(finding, findings, clear) for finding in findings]
        if self._analysis.detect_entities:
            entities += [entity.as_json() for entity in found.entities]
        message = Message(
            id=message_id,
            speaker=voice.speaker.as_json(),
            content=content,
            original_content=original,
            words=words,
            span=span,
            timezone_offset_minutes=voice.request.timezone_offset_minutes,
            sentiment=found.sentiment.as_json() if found.sentiment is not None else None,
            entities=entities if self._identifying or self._analysis.detect_entities else None,
        )
        return _Said(message, found, self._detected(found, findings, message))

    def _identified(self, finding: Finding, findings: Sequence[Finding], clear: str) -> Frame:
        """An entity in the form of the redaction feature: clear value, and where it stands in the text that is sent."""
        offset = finding.start
        if self._masking is not None:
            offset = masked_offset(finding, findings, self._masking.mask)
        verbatim = clear[finding.start : finding.end]
        return {"type": finding.type, "value": finding.value, "text": verbatim, "offset": offset}

    def _detected(self, found: MessageAnalysis, findings: Sequence[Finding], message: Message) -> list[Frame]:
        if not self._analysis.detect_entities:
            return []
        entities = list(found.entities)
        if self._masking is not None:
            # The analysis saw masks; what they hide is named without its value.
            mask = self._masking.mask
            entities += [
                EntityResult(
                    "PCI" if finding.type in PCI_TYPES else "PII",
                    finding.type,
                    "Managed",
                    mask,
                    masked_offset(finding, findings, mask),
                )
                for finding in findings
            ]
        return entities_as_json(
            entities,
            message_id=message.id,
            text=message.content,
            start_time=message.span.start_time,
            end_time=message.span.end_time,
        )


def _recognition_result(voice: Voice, text: str, words: Sequence[Word], now: float, *, is_final: bool) -> Frame:
    return messages.recognition_result(
        text=text,
        words=words,
        is_final=is_final,
        confidence=round(sum(word.confidence for word in words) / len(words), 6) if words else 0,
        user=voice.user,
        time_offset_ms=max(0, int((now - voice.started_at) * 1000)),
    )


def _definition(tracker: TrackerRequest) -> TrackerDefinition:
    """A tracker of a single request has the id that its name gives it, the same in every conversation."""
    digest = hashlib.sha256(tracker.name.encode()).digest()
    named = str(10**15 + int.from_bytes(digest[:8]) % (9 * 10**15))
    return TrackerDefinition(tracker.id or named, tracker.name, tracker.vocabulary)
