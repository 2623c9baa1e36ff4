"""What stands in place of personal data: a fixed mask, the type, or a hash that links what is the same."""

from __future__ import annotations

import hmac
import re
from typing import Final

from worker.redaction.custom import in_figures
from worker.redaction.detectors import TYPES
from worker.redaction.policy import RedactionPolicy
from worker.redaction.reading import Reading
from worker.redaction.spans import NUMBER, REPEATED
from worker.redaction.tokens import BLANK

OTHER: Final = "OTHER"
"""Stands for types of the host that are none of ours."""
HASH_DIGITS: Final = 12
MIN_KEY_BYTES: Final = 16

_HOST_TYPES: Final = {
    "ACCOUNT_NUMBER": "BANK_ACCOUNT_NUMBER",
    "US_BANK_ACCOUNT_NUMBER": "BANK_ACCOUNT_NUMBER",
    "BANK_ROUTING_NUMBER": "ROUTING_NUMBER",
    "BANK_ROUTING": "ROUTING_NUMBER",
    "US_BANK_ROUTING_NUMBER": "ROUTING_NUMBER",
    "CARD_CVV": "CVV",
    "CARD_EXPIRY": "CARD_EXPIRATION",
    "CARD_EXPIRATION_DATE": "CARD_EXPIRATION",
    "CREDIT_CARD_EXPIRATION": "CARD_EXPIRATION",
    "CREDIT_CARD": "CARD_NUMBER",
    "CREDIT_CARD_NUMBER": "CARD_NUMBER",
    "DOMAIN": "DOMAIN_NAME",
    "DRIVER_LICENSE": "DRIVERS_LICENSE",
    "US_DRIVER_LICENSE": "DRIVERS_LICENSE",
    "US_DRIVERS_LICENSE": "DRIVERS_LICENSE",
    "EMAIL": "EMAIL_ADDRESS",
    "NAME": "PERSON_NAME",
    "PERSON": "PERSON_NAME",
    "PASSPORT": "PASSPORT_NUMBER",
    "PHONE": "PHONE_NUMBER",
    "PIN": "CARD_PIN",
    "SWIFT": "SWIFT_CODE",
    "US_SSN": "SSN",
}
"""Names that hosts have for types of ours."""
_WITHOUT_HASH: Final = frozenset({NUMBER, REPEATED, OTHER})


class Masks:
    """Makes masks of one policy, and finds those that stand in a text already.

    Args:
        key: of one conversation. Without it nothing is hashed; the type takes the hash's place.
    """

    def __init__(self, policy: RedactionPolicy, key: bytes | None = None) -> None:
        self._policy = policy
        self._key = key
        self._types = TYPES | {each.type for each in policy.custom}
        labels = "|".join(sorted(self._types | _WITHOUT_HASH))
        forms = rf"\[(?:{labels})(?::[0-9a-f]{{{HASH_DIGITS}}})?\]"
        self._find = re.compile(f"{forms}|{re.escape(policy.mask)}").sub

    def __repr__(self) -> str:
        return f"<Masks, mostly {self._policy.mode}>"

    def hide(self, text: str) -> str:
        """``text`` with `BLANK` for what is masked already, in any mode."""
        return self._find(lambda form: BLANK * len(form[0]), text)

    def of(self, kind: str, value: str | None) -> str:
        """What takes the place of ``value``; without one, or where it is part of something else, there is no hash."""
        label = self._label(kind)
        mode = self._policy.mode_of(label)
        if mode == "mask":
            return self._policy.mask
        if mode == "type" or value is None or self._key is None or kind in _WITHOUT_HASH:
            return f"[{label}]"
        return f"[{label}:{hmac.digest(self._key, normalised(value).encode(), 'sha256').hex()[:HASH_DIGITS]}]"

    def _label(self, kind: str) -> str:
        if kind in self._types or kind in _WITHOUT_HASH:
            return kind
        named = re.sub(r"[^A-Z0-9]+", "_", kind.upper()).strip("_")
        named = _HOST_TYPES.get(named, named)
        return named if named in self._types else OTHER


def conversation_key(key: bytes, conversation_id: str) -> bytes:
    """The key of a conversation's hashes."""
    return hmac.digest(key, conversation_id.encode(), "sha256")


def normalised(value: str) -> str:
    """What is the same however it is said: numbers in figures, and letters in one case without anything between."""
    figures, _ = in_figures(Reading(value))
    return "".join(char for char in figures.casefold() if char.isalnum())
