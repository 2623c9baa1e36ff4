"""How a deployment treats conversations, and what that makes of what a ``start`` leaves open. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from worker.audio.formats import AudioFormat
from worker.records import Encoding, InsightType, RedactionWish, StartParameters
from worker.redaction import Redactor
from worker.sessions.session import SessionPolicy
from worker.symbl.requests import SymblStart

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationPolicy:
    """How the deployment treats conversations; what a ``start`` does not say is taken from here.

    Args:
        identify: ask the host to mark personal data.
        redact: ask the host to mask it, with the mask of the ``redactor``.
        clear_captions: publish interim text as it comes, unless a ``start`` asks for redaction.
    """

    session: SessionPolicy = field(default_factory=SessionPolicy)
    audio_format: AudioFormat = field(default_factory=lambda: AudioFormat(Encoding.LINEAR16, 16_000))
    language: str = "en-US"
    insight_types: tuple[InsightType, ...] = ("question", "action_item", "follow_up", "topic")
    confidence_threshold: float = 0.5
    sentiment: bool = False
    detect_entities: bool = True
    identify: bool = True
    redact: bool = False
    clear_captions: bool = False
    no_connection_timeout_seconds: int = 300
    idle_seconds: float = 300.0
    max_age_seconds: float = 14_400.0
    transcripts: bool = True
    redaction: bool = True
    redactor: Redactor = field(default_factory=Redactor)
    hold_seconds: float = 8.0

    def redactor_for(self, conversation_id: str, wishes: Sequence[RedactionWish] = ()) -> Redactor:
        """The redactor of a conversation: with hashes of its own, and as strict as each wish wants it."""
        return self.redactor.with_wishes(wishes).for_conversation(conversation_id)

    def transcripts_for(self, wishes: Iterable[RedactionWish]) -> bool:
        """Whether a conversation is published in the clear."""
        return self.transcripts and all(wish.transcripts for wish in wishes)

    def format_of(self, parameters: StartParameters) -> AudioFormat:
        """The format of a stream. A rate that is not said is the deployment's, or the encoding's only one."""
        encoding = parameters.encoding or self.audio_format.encoding
        rate = parameters.sample_rate_hz
        if rate is None:
            rate = 8_000 if encoding is Encoding.MULAW else self.audio_format.sample_rate_hz
        return AudioFormat(encoding, rate)

    def shows_captions(self, *, redaction: bool) -> bool:
        """Whether interim text of a conversation with redaction is published as it comes.

        Args:
            redaction: a ``start`` or ``subscribe`` of the conversation asked for it.
        """
        return self.clear_captions and not redaction

    def start_of(self, parameters: StartParameters, *, redaction: bool) -> SymblStart:
        """What a stream's ``start_request`` says, but for what belongs to each socket.

        Args:
            redaction: a ``start`` of the conversation asked for it.
        """
        redaction = redaction or self.redaction
        return SymblStart(
            encoding=self.audio_format.encoding,
            sample_rate_hz=self.audio_format.sample_rate_hz,
            no_connection_timeout_seconds=self.no_connection_timeout_seconds,
            language=parameters.language or self.language,
            insight_types=self.insight_types if parameters.insight_types is None else parameters.insight_types,
            trackers=parameters.trackers,
            vocabulary=parameters.vocabulary,
            identify_content=redaction and self.identify,
            redact_content=redaction and self.redact,
            redaction_string=self.redactor.policy.mask if redaction and self.redact else None,
            meeting_title=parameters.meeting_title,
            timezone_offset_minutes=parameters.timezone_offset_minutes,
            confidence_threshold=_first(parameters.confidence_threshold, self.confidence_threshold),
            sentiment=_first(parameters.sentiment, self.sentiment),
            detect_entities=_first(parameters.detect_entities, self.detect_entities),
        )


def _first(said: T | None, configured: T) -> T:
    return configured if said is None else said
