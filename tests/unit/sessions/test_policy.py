"""What a deployment's policy makes of a ``start``."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from worker.app import _conversation_policy
from worker.config import load_settings
from worker.records import RedactionWish, StartParameters
from worker.redaction import Redactor
from worker.sessions.policy import ConversationPolicy
from worker.symbl.requests import start_request

MASK = "[hidden]"


def asked_of_host(policy: ConversationPolicy, *, redaction: bool) -> Any:
    """The switches of redaction on the wire; None when they are left out."""
    config: Any = start_request(policy.start_of(StartParameters(), redaction=redaction))["config"]
    return config.get("redaction")


@pytest.mark.parametrize(("identify", "redact"), list(itertools.product([False, True], repeat=2)))
@pytest.mark.parametrize(("deployment", "start"), [(True, False), (False, True), (True, True)])
def test_who_marks_is_chosen_by_two_switches(identify: bool, redact: bool, deployment: bool, start: bool) -> None:
    """Marks, masks, both or neither; whoever asked for redaction. The API wants both switches or none, and only a host
    that masks is told with what."""
    policy = ConversationPolicy(redaction=deployment, identify=identify, redact=redact, redactor=Redactor(MASK))
    wanted = {"identifyContent": identify, "redactContent": redact} | ({"redactionString": MASK} if redact else {})
    assert asked_of_host(policy, redaction=start) == (wanted if identify or redact else None)


@pytest.mark.parametrize(("identify", "redact"), list(itertools.product([False, True], repeat=2)))
def test_without_redaction_the_host_looks_for_nothing(identify: bool, redact: bool) -> None:
    """A conversation that is published as it was said is neither marked nor masked by the host."""
    policy = ConversationPolicy(redaction=False, identify=identify, redact=redact)
    assert asked_of_host(policy, redaction=False) is None


def test_the_host_masks_as_the_worker_does() -> None:
    """By default the host marks only; one that masks uses the worker's own mask, which the worker leaves as it is."""
    assert asked_of_host(_conversation_policy(load_settings({})), redaction=False) == {
        "identifyContent": True,
        "redactContent": False,
    }
    policy = _conversation_policy(
        load_settings({"SYMBL__IDENTIFY": "false", "SYMBL__REDACT": "true", "REDACTION__MASK": MASK})
    )
    switches = asked_of_host(policy, redaction=False)
    assert switches == {"identifyContent": False, "redactContent": True, "redactionString": MASK}
    text = f"my card is {switches['redactionString']}"
    assert policy.redactor.mask(text).text == text


def test_a_conversation_has_its_own_redactor() -> None:
    """Hashes are those of the conversation, and what any of its wishes wants is done."""
    policy = ConversationPolicy(redactor=Redactor(mode="hash", key=b"a key for tests only"))
    text = "my card is 4111 1111 1111 1111 since March 3rd"
    first, same, other = (policy.redactor_for(name).mask(text).text for name in ("a", "a", "b"))
    assert first == same != other
    wishes = [RedactionWish(types=("DATE",)), RedactionWish(modes=(("CARD_NUMBER", "mask"),))]
    strict = policy.redactor_for("a", wishes).mask(text)
    assert strict.text.startswith("my card is **** since [DATE:")
    assert strict.policy != policy.redactor.policy.version


def test_transcripts_are_switched_off_and_not_on() -> None:
    """One wish without transcripts is enough; none brings them back."""
    without = RedactionWish(transcripts=False)
    assert ConversationPolicy().transcripts_for([RedactionWish()])
    assert not ConversationPolicy().transcripts_for([without, RedactionWish()])
    assert not ConversationPolicy(transcripts=False).transcripts_for([RedactionWish(transcripts=True)])
