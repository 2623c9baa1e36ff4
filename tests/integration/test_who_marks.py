"""Who marks personal data: the host, the worker, both or neither, with the real engine."""

from __future__ import annotations

import json

import pytest

from tests.integration.support import System
from worker.engine.recognizers.coded import encode_utterance

pytestmark = pytest.mark.kafka

TEXTS = ["My card number is 4111 1111 1111 1111.", "Could you write to jane.doe@example.com about the invoice?"]
SECRETS = ("4111", "jane.doe")
CARD, EMAIL = "CARD_NUMBER", "EMAIL_ADDRESS"
MASK = "[#]"


@pytest.mark.parametrize(
    ("identify", "redact", "source", "types"),
    [
        (True, False, "both", {CARD, EMAIL}),
        (False, False, "worker", {CARD, EMAIL}),
        (False, True, "symbl", {"unknown"}),
        (True, True, "symbl", {CARD, EMAIL}),
    ],
)
async def test_nothing_personal_is_published_whoever_marks(
    system: System, identify: bool, redact: bool, source: str, types: set[str]
) -> None:
    """Masked topics hold no secret, every mask is among the findings with who found it, and transcripts hold what the
    host sent: masks, if it was asked for them."""
    await system.engine()
    worker = await system.worker(
        SYMBL__IDENTIFY=str(identify).lower(),
        SYMBL__REDACT=str(redact).lower(),
        CONVERSATION__DETECT_ENTITIES="false",
        REDACTION__MASK=MASK,
    )
    await system.produce("call", b"{}", event="start")
    audio = b"".join(encode_utterance(f"u{number}", text.split()) for number, text in enumerate(TEXTS))
    for begin in range(0, len(audio), 3200):
        await system.produce("call", audio[begin : begin + 3200])
    await system.produce("call", b"", event="end")
    published = await system.ended(["call"], 40)
    for kind in ("redacted", "insights", "captions", "conversations", "state"):
        for value in published.records[kind]:
            text = json.dumps({key: item for key, item in value.items() if key != "_headers"})
            assert not any(secret in text for secret in SECRETS), kind
    clear = json.dumps([value["text"] for value in published.of("transcripts", "call")])
    assert [secret in clear for secret in (*SECRETS, MASK)] == [not redact, not redact, redact]
    messages = published.of("redacted", "call")
    findings = [each for value in messages for each in value["redaction"]["findings"]]
    assert {each["source"] for each in findings} == {source}
    assert {each["type"] for each in findings} == types
    assert sum(value["text"].count(MASK) for value in messages) == len(findings)
    found = [each for value in published.of("insights", "call") for each in value["redaction"]["findings"]]
    assert (await worker.metrics())["symbl_worker_redaction_findings_total"] == len(findings) + len(found)
