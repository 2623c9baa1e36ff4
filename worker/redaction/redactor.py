"""Masking: what the worker finds itself, together with what Symbl marked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial, reduce
from itertools import chain
from typing import NamedTuple

from worker.records import Finding, Masked, RedactionWish, Speaker
from worker.redaction.custom import Custom, CustomDetector
from worker.redaction.detectors import DEFAULT_TYPES, FAMILIES, TYPES, Detector, find_beginnings
from worker.redaction.masks import MIN_KEY_BYTES, OTHER, Masks, conversation_key
from worker.redaction.model import Model
from worker.redaction.openings import Opening, find_continuations, opening
from worker.redaction.policy import Mode, RedactionPolicy
from worker.redaction.reading import HOME_REGION, Reading
from worker.redaction.repeats import Secrets
from worker.redaction.search import Found, Messages, search, within
from worker.redaction.spans import PERSON_NAME, Span, SymblMark, merge
from worker.redaction.wishes import stricter


class Redacted(NamedTuple):
    """A message after redaction, and what was masked in it."""

    masked: Masked
    values: tuple[SymblMark, ...]
    """Types and exact clear texts of what was masked, of the marks found in it, and of the whole where it is a part of
    something that goes on in another message: what is made from the message is masked alike."""


class Redactor:
    """Finds and masks personal data in what was said. Stateless; safe to share.

    Args:
        mask, types, thresholds, custom, mode, modes, region, speakers: as in `RedactionPolicy`.
        key: of the deployment, for hashes: 16 bytes and more.
        conversation_id: whose hashes; without it, the type takes the place of a hash.
        models: look besides the detectors, for the types of the policy.

    Raises:
        ValueError: the policy is none, a key is needed and not given, or the key is too short.
    """

    def __init__(
        self,
        mask: str = "****",
        *,
        types: Collection[str] = DEFAULT_TYPES,
        thresholds: Mapping[str, float] | None = None,
        custom: Collection[Custom] = (),
        mode: Mode = "mask",
        modes: Mapping[str, Mode] | None = None,
        region: str = HOME_REGION,
        speakers: bool = False,
        key: bytes | None = None,
        conversation_id: str | None = None,
        models: Sequence[Model] = (),
    ) -> None:
        self.policy = RedactionPolicy(
            mask=mask,
            types=types,
            thresholds=thresholds or {},
            custom=custom,
            mode=mode,
            modes=modes or {},
            region=region,
            speakers=speakers,
            models=[model.described for model in models],
        )
        if self.policy.hashes and key is None:
            raise ValueError("hashes need a key")
        if key is not None and len(key) < MIN_KEY_BYTES:
            raise ValueError(f"a key has at least {MIN_KEY_BYTES} bytes")
        self._key = key
        self._conversation_id = conversation_id
        self._models = tuple(models)
        own = None if key is None or conversation_id is None else conversation_key(key, conversation_id)
        self._masks = Masks(self.policy, own)
        self._families = tuple(family for family in FAMILIES if family.type in self.policy.types)
        self._own: tuple[Detector, ...] = (
            *map(CustomDetector, self.policy.custom),
            *(partial(self._find_by, model) for model in self._models),
        )

    @classmethod
    def of(
        cls,
        policy: RedactionPolicy,
        key: bytes | None = None,
        conversation_id: str | None = None,
        models: Sequence[Model] = (),
    ) -> Redactor:
        """The redactor of a policy. The models in force are these, whichever the policy names."""
        return cls(
            policy.mask,
            types=policy.types,
            thresholds=policy.thresholds,
            custom=policy.custom,
            mode=policy.mode,
            modes=policy.modes,
            region=policy.region,
            speakers=policy.speakers,
            key=key,
            conversation_id=conversation_id,
            models=models,
        )

    def for_conversation(self, conversation_id: str) -> Redactor:
        """The same with the hashes of one conversation; without this, the type takes the place of a hash."""
        if not self.policy.hashes:
            return self
        return Redactor.of(self.policy, self._key, conversation_id, self._models)

    def with_wishes(self, wishes: Iterable[RedactionWish]) -> Redactor:
        """The same, as strict as each of ``wishes`` wants it.

        Raises:
            ValueError: see `wishes.check`.
        """
        policy = reduce(stricter, wishes, self.policy)
        return self if policy is self.policy else Redactor.of(policy, self._key, self._conversation_id, self._models)

    def __repr__(self) -> str:
        return f"<Redactor with {len(self._families) + len(self._own)} detectors>"

    def find(self, text: str) -> tuple[Span, ...]:
        """Personal data in ``text``: sorted, without overlaps."""
        return self._search(Messages((text,)), ()).worker

    def redact(
        self,
        texts: Sequence[str],
        marks: Sequence[Sequence[SymblMark]] = (),
        *,
        goes_on: bool = False,
        leaves_open: bool = False,
    ) -> tuple[Redacted, ...]:
        """Messages of one speaker, one after the other, each masked by itself and also as if they were one text.

        Args:
            marks: what the host marked in each of them; empty when it marked nothing in any.
            goes_on: an earlier message left something open that was masked in doubt. What may be its rest at the
                beginning of the first text is masked, too.
            leaves_open: nobody waits for how it goes on. What may have begun at the end of the last text is masked in
                doubt.
        """
        messages = Messages(texts)
        first, last = self._find_rest if goes_on else None, self._find_doubt if leaves_open else None
        found = self._search(messages, marks, first=first, last=last)
        return tuple(self._redacted(messages.text, *place, found) for place in messages.places)

    def is_open(self, text: str) -> bool:
        """Whether personal data may have begun at the end of ``text`` and go on in the speaker's next message."""
        return self._opening(Reading(self._masks.hide(text), self.policy.region)) is not None

    def mask(self, text: str, marks: Sequence[SymblMark] = ()) -> Masked:
        """``text`` with personal data masked. What is masked already stays as it is."""
        return self._mask_with(None, text, marks)

    def mask_caption(self, text: str, marks: Sequence[SymblMark] = ()) -> Masked:
        """Like `mask`, for interim text: masks also what may become personal data when the text goes on.

        There are no hashes in it: those of a growing number would tell it digit by digit to who has the key.
        """
        return self._mask_with(find_beginnings, text, marks, hashes=False)

    def mask_terms(self, text: str, known: Sequence[str], marks: Sequence[SymblMark] = ()) -> Masked:
        """Like `mask`, and masks also every part of the ``known`` secrets, in whichever form they were said.

        A part is at least two words and four characters in a row, one word of four letters, or four digits in a row.
        """
        return self._mask_with(Secrets(known).find, text, marks)

    def mask_speaker(self, speaker: Speaker) -> Speaker:
        """The speaker without name and address if speakers are masked, with what is personal in the user id masked."""
        if not self.policy.speakers:
            return speaker
        user_id = None if speaker.user_id is None else self.mask(speaker.user_id).text
        return Speaker(
            user_id=user_id, name=None if speaker.name is None else self._masks.of(PERSON_NAME, speaker.name)
        )

    def mask_whole(self, text: str) -> Masked:
        """The mask in place of ``text``, where nobody can tell any more what is personal in it."""
        if not text.strip():
            return Masked(text, (), self.policy.version)
        mask = self._masks.of(OTHER, None)
        return Masked(mask, (Finding("unknown", 0, len(mask), "worker"),), self.policy.version)

    def _mask_with(
        self, more: Detector | None, text: str, marks: Sequence[SymblMark], *, hashes: bool = True
    ) -> Masked:
        found = self._search(Messages((text,)), (marks,) if marks else (), first=more)
        return self._redacted(text, 0, len(text), found, hashes=hashes).masked

    def _search(
        self,
        messages: Messages,
        marks: Sequence[Sequence[SymblMark]],
        *,
        first: Detector | None = None,
        last: Detector | None = None,
    ) -> Found:
        """What is in ``messages``. One detector more looks at the first of them, and one at the last."""
        thresholds = self.policy.thresholds

        def detect(reading: Reading, is_first: bool, is_last: bool) -> Iterator[Span]:
            more = (first if is_first else None, last if is_last else None)
            cues = reading.cue_kinds
            detectors = (
                *[each.detect for each in self._families if not each.cues or not each.cues.isdisjoint(cues)],
                *self._own,
                *[detector for detector in more if detector is not None],
            )
            found = chain.from_iterable([detector(reading) for detector in detectors])
            return (span for span in found if span.score >= thresholds.get(span.type, 0.0))

        return search(messages, self._masks.hide(messages.text), marks, detect, self.policy.region)

    def _is_looked_for(self, kind: str) -> bool:
        return kind in self.policy.types or kind not in TYPES

    def _find_by(self, model: Model, reading: Reading) -> Iterator[Span]:
        """What is looked for of what a model finds."""
        return (span for span in model(reading) if span.type in self.policy.types)

    def _opening(self, reading: Reading) -> Opening | None:
        found = opening(reading)
        return None if found is None or not self._is_looked_for(found.type) else found

    def _find_doubt(self, reading: Reading) -> Iterator[Span]:
        """What may have begun at the end."""
        found = self._opening(reading)
        if found is not None and found.span is not None:
            yield found.span

    def _find_rest(self, reading: Reading) -> Iterator[Span]:
        """What may have begun before."""
        return (span for span in find_continuations(reading) if self._is_looked_for(span.type))

    def _redacted(self, text: str, begin: int, end: int, found: Found, *, hashes: bool = True) -> Redacted:
        """The message at ``text[begin:end]``."""
        pieces: list[str] = []
        findings: list[Finding] = []
        places: list[Span] = []
        read, written = begin, 0
        for span in merge((*within(found.worker, begin, end), *within(found.symbl, begin, end))):
            # What goes on in another message has the hash of the whole in both.
            whole = next(within(found.across, span.start, span.end), span)
            value = text[min(span.start, whole.start) : max(span.end, whole.end)]
            mask = self._masks.of(span.type, value if hashes else None)
            pieces += text[read : span.start], mask
            start = written + span.start - read
            read, written = span.end, start + len(mask)
            findings.append(Finding(span.type, start, written, found.source(span)))
            places.append(span)
        places += (span for span in (*found.marked, *found.across) if span.start < end and begin < span.end)
        values = dict.fromkeys(SymblMark(span.type, text[span.start : span.end]) for span in places)
        masked = Masked("".join((*pieces, text[read:end])), tuple(findings), self.policy.version)
        return Redacted(masked, tuple(values))
