"""Sentences of a contact centre and what they are: written ones, and as a recogniser hears them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

import pytest

from worker.engine.analysis import AnalysisRequest, Analyst, SpeakerRef

Q, A, F = "question", "action_item", "follow_up"
SAID_AT = datetime(2026, 3, 4, 9, 15, tzinfo=UTC)  # a Wednesday

LABELLED: list[tuple[str, set[str]]] = [
    # action items, written
    ("I will send you the corrected invoice by Friday.", {A}),
    ("I'll make sure the refund is processed today.", {A}),
    ("Let us ship the invoice to Omar by Friday.", {A}),
    ("We need to update the billing address on your account.", {A}),
    ("Please send me a copy of the contract.", {A}),
    ("I'm going to look into this for you.", {A}),
    ("I need you to upload a photo of the receipt.", {A}),
    ("Do not forget to sign the form.", {A}),
    ("We have to escalate this to the billing department.", {A}),
    ("I will ask my manager about the discount.", {A}),
    ("A technician will replace the router on Monday.", {A}),
    ("I will take care of it.", {A}),
    ("Let me send you the link.", {A}),
    # action items, recognised
    ("i will email you the tracking number this afternoon", {A}),
    ("i will sent you a replacement tomorrow", {A}),
    ("okay so we will issue a full refund within five business days", {A}),
    ("please update my phone number in your system", {A}),
    ("yes i am going to cancel the old order for you", {A}),
    ("you need to restart the router after the update", {A}),
    ("i have to forward this to our warehouse", {A}),
    # requests are action items besides being questions
    ("Can you email me the invoice?", {Q, A}),
    ("could you please check the status of my order", {Q, A}),
    ("Would you mind sending me the form?", {Q, A}),
    # follow-ups, written
    ("I will call you back on Tuesday.", {F}),
    ("Let's follow up next week.", {F}),
    ("We should schedule a meeting with your account manager.", {F}),
    ("We will meet again on Tuesday to review the forecast.", {F}),
    ("I'll get back to you by the end of the day.", {F}),
    ("Somebody from our team will reach out to you tomorrow.", {F}),
    ("Can you call me back after three?", {Q, F}),
    ("Can we meet on Thursday?", {Q, F}),
    ("I will have a specialist call you tomorrow morning.", {F}),
    # follow-ups, recognised
    ("i will give you a call on monday", {F}),
    ("let us set up another call for next friday", {F}),
    ("i will let you know as soon as it ships", {F}),
    ("talk to you again on wednesday", {F}),
    ("please call me back at this number", {F}),
    ("i would like to schedule a demo", {F}),
    ("i will speak to my supervisor and get back to you", {A, F}),
    # questions
    ("Can you confirm the totals?", {Q}),
    ("What is your order number?", {Q}),
    ("how can i help you today", {Q}),
    ("what time do you close on sundays", {Q}),
    ("do you know when it will arrive", {Q}),
    ("is there anything else i can help you with", {Q}),
    ("okay and when did you place the order", {Q}),
    ("that is the right address isn't it", {Q}),
    ("i was wondering if you have this in blue", {Q}),
    ("may i have your name please", {Q}),
    ("how much does the premium plan cost", {Q}),
    ("okay great and could you send me a confirmation by email", {Q, A}),
    ("what happens if the reading is still wrong", {Q}),
    ("so are you going to fix that or do i have to pay the whole thing", {Q}),
    ("in that case one of our engineers will come out and check the meter", {A}),
    ("we would like you to reach out to our accountant too", {A}),
    # nothing
    ("Thank you for calling Acme support.", set()),
    ("My name is Robert.", set()),
    ("I called you yesterday about the invoice.", set()),
    ("Please hold for a moment.", set()),
    ("please stay on the line", set()),
    ("we will not be able to refund that", set()),
    ("I see you have two accounts.", set()),
    ("You said you would send it last week.", set()),
    ("I will be happy about that.", set()),
    ("when i called last week nobody answered", set()),
    ("what a lovely day", set()),
    ("the meeting was very good", set()),
    ("i do not know if i will need it", set()),
    ("let me check that for you", set()),
    ("I sent the documents on Monday.", set()),
    ("which is fine by me", set()),
    ("have a nice day", set()),
    ("i have been waiting for two weeks", set()),
    ("I hope I will get my money back.", set()),
    ("let me know your account number please", set()),
    ("okay", set()),
]


def _analyst() -> Analyst:
    ids = count(1)
    return Analyst(AnalysisRequest(insight_types=frozenset({Q, A, F})), lambda: f"id-{next(ids)}")


@pytest.mark.parametrize(("text", "kinds"), LABELLED, ids=[text for text, _ in LABELLED])
def test_insights_of_a_labelled_sentence(text: str, kinds: set[str]) -> None:
    """A sentence gives the kinds of insight a listener would write down, and no others."""
    found = _analyst().message("m", SpeakerRef("s", "Robert Miles"), text, SAID_AT)
    assert {insight.type for insight in found.insights} == kinds


REWRITTEN: list[tuple[str, str, str | None, str | None]] = [
    # said by Robert to Ines: text, content, assignee, due
    (
        "I will send you the corrected invoice by Friday.",
        "Robert will send you the corrected invoice by Friday.",
        "r",
        "2026-03-06T00:00:00.000Z",
    ),
    (
        "okay i will call you back on tuesday at three",
        "Robert will call you back on tuesday at three.",
        "r",
        "2026-03-10T15:00:00.000Z",
    ),
    ("Can you email me the invoice?", "Ines will email Robert the invoice.", "i", None),
    ("Please send me your notes, thank you.", "Ines will send Robert their notes.", "i", None),
    ("Would you mind updating my address?", "Ines will update Robert's address.", "i", None),
    (
        "By tomorrow I will have to update the contract.",
        "Robert will update the contract by tomorrow.",
        "r",
        "2026-03-05T00:00:00.000Z",
    ),
    ("I will ask my manager, but first I need your name.", "Robert will ask their manager.", "r", None),
    ("Maria, can you send me the report?", "Maria will send Robert the report.", "", None),
    (
        "My manager will call you tomorrow.",
        "Robert's manager will call you tomorrow.",
        None,
        "2026-03-05T00:00:00.000Z",
    ),
    ("Can someone send me the form?", "Someone will send Robert the form.", None, None),
]


@pytest.mark.parametrize(("text", "content", "assignee", "due"), REWRITTEN, ids=[row[0] for row in REWRITTEN])
def test_rewriting(text: str, content: str, assignee: str | None, due: str | None) -> None:
    """Action items and follow-ups are told in the third person, with who has to act and by when."""
    analyst = _analyst()
    analyst.message("m0", SpeakerRef("i", "Ines Marlow"), "Hello.", SAID_AT)
    found = analyst.message("m1", SpeakerRef("r", "Robert Miles"), text, SAID_AT)
    insight = next(insight for insight in found.insights if insight.type != Q)
    assert insight.content == content
    assert (insight.assignee.id if insight.assignee is not None else None) == assignee
    assert insight.due_by == due
    for tag in insight.tags:
        assert content[tag.begin_offset :].startswith(tag.text)


def test_several_commitments() -> None:
    """Everything that was promised in one breath is reported, each with its own date."""
    text = "i will request a new reading tomorrow and i will send you a corrected bill by next friday"
    found = _analyst().message("m", SpeakerRef("r", "Robert Miles"), text, SAID_AT).insights
    assert [(insight.content, insight.due_by) for insight in found] == [
        ("Robert will request a new reading tomorrow.", "2026-03-05T00:00:00.000Z"),
        ("Robert will send you a corrected bill by next friday.", "2026-03-13T00:00:00.000Z"),
    ]
