"""What the demo knows of its conversation."""

from typing import Any

import pytest

from worker.demo.model import DemoModel
from worker.demo.recorded_call import RecordedCall, Turn

CALL = RecordedCall(
    "A call",
    2000,
    (
        Turn("agent", "Robert", 0, "One two three four.", bytes(32_000)),
        Turn("customer", "Daniel", 1000, "Five six.", bytes(16_000)),
    ),
)


def message(number: int, stream: str = "agent", start_ms: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{stream}-{number}",
        "conversation_id": "c",
        "stream": stream,
        "sequence": number,
        "audio": {"start_ms": start_ms, "end_ms": start_ms + 1000},
        "speaker": {"user_id": None, "name": "Robert" if stream == "agent" else None},
        "text": f"text {number}",
        "redaction": {"state": "clean", "findings": []},
        **more,
    }


def caption(revision: int, text: str = "so far", start_ms: int = 0, stream: str = "agent") -> dict[str, Any]:
    speaker = {"user_id": None, "name": "Robert"}
    base = {"conversation_id": "c", "stream": stream, "speaker": speaker, "revision": revision, "text": text}
    return {**base, "audio": {"start_ms": start_ms}}


def ended(**detail: int) -> dict[str, Any]:
    return {"conversation_id": "c", "event": "ended", "detail": detail}


@pytest.fixture
def model() -> DemoModel:
    return DemoModel("c")


def test_other_conversations_are_none_of_its_business(model: DemoModel) -> None:
    """Records of other conversations change nothing."""
    assert not model.receive("redacted", {**message(0), "conversation_id": "other"}, 0)
    assert model.rows() == []


def test_a_result_that_comes_again_replaces_itself(model: DemoModel) -> None:
    """Results are kept by id, and a repeated one is not new."""
    assert model.receive("redacted", message(0), 0)
    assert not model.receive("redacted", message(0), 1)
    assert model.message_count == 1


def test_captions_grow_by_revision(model: DemoModel) -> None:
    """The caption of a stream is its highest revision; a late lower one is passed over."""
    model.receive("captions", caption(2, "so far so"), 0)
    model.receive("captions", caption(1, "so"), 0)
    assert [(row.text, row.is_final) for row in model.rows()] == [("so far so", False)]


def test_message_takes_the_place_of_its_caption(model: DemoModel) -> None:
    """Once the message is there, its caption is gone and does not come back."""
    model.receive("captions", caption(2), 0)
    model.receive("redacted", message(0), 0)
    model.receive("captions", caption(1), 0)
    assert [row.is_final for row in model.rows()] == [True]


def test_caption_of_later_audio_stays(model: DemoModel) -> None:
    """A message does not take away the caption of what was said after it."""
    model.receive("captions", caption(3, start_ms=1000), 0)
    model.receive("redacted", message(0), 0)
    assert [row.is_final for row in model.rows()] == [True, False]


def test_rows_are_in_the_order_of_speaking(model: DemoModel) -> None:
    """Messages are shown by when they were said, whatever stream was faster; a nameless speaker goes by the stream."""
    model.receive("redacted", message(0, "customer", 1000), 0)
    model.receive("redacted", message(0, "agent", 0), 1)
    assert [row.speaker for row in model.rows()] == ["Robert", "customer"]


def test_complete_when_all_that_is_counted_is_here(model: DemoModel) -> None:
    """The end is reached when `ended` has come and as many messages and insights as it counts."""
    model.receive("captions", caption(1), 0)
    model.receive("conversations", ended(messages=1, insights=1), 0)
    assert model.ended is not None
    assert model.rows() == []
    seen = [model.is_complete]
    for kind, value in (("redacted", message(0)), ("insights", message(9, kind="question"))):
        model.receive(kind, value, 0)
        seen.append(model.is_complete)
    assert seen == [False, False, True]


def test_figures(model: DemoModel) -> None:
    """Latency runs from the end of a message's audio, at the pace of playing, to its first arrival."""
    finding = {"type": "CREDIT_CARD", "start": 0, "end": 4, "source": "worker"}
    model.receive("redacted", message(0, redaction={"state": "masked", "findings": [finding]}), 101.0)
    model.receive("redacted", message(0, redaction={"state": "masked", "findings": [finding]}), 109.0)
    model.receive("redacted", message(0, "customer", 1000), 104.0)
    model.receive("transcripts", message(1, text="three for"), 0)
    model.receive("transcripts", message(0, text="one two"), 0)
    model.receive("transcripts", message(0, "customer", text="five six"), 0)
    model.receive("insights", message(9, kind="question"), 0)
    model.receive("conversations", ended(messages=2, insights=1, audio_ms=4000, gaps=1, reconnects=2), 0)
    summary = model.summary(CALL, {"agent": 100.0, "customer": 100.0}, pace=2.0)
    assert (summary.latency_median_seconds, summary.latency_worst_seconds) == (1.75, 3.0)
    assert summary.findings == {"CREDIT_CARD": 1}
    assert summary.insights == {"question": 1}
    assert (summary.audio_seconds, summary.messages, summary.gaps, summary.reconnects) == (4.0, 2, 1, 2)
    assert [(each.speaker, each.words, each.errors) for each in summary.accuracy] == [
        ("Robert", 4, 1),
        ("Daniel", 2, 0),
    ]


def test_figures_of_nothing(model: DemoModel) -> None:
    """Without results there are no latencies and no error rates, rather than zeros."""
    summary = model.summary(CALL, {}, pace=1.0)
    assert summary.latency_median_seconds is None
    assert summary.accuracy == ()


def test_repr_carries_no_content(model: DemoModel) -> None:
    """What was said stays out of every repr."""
    model.receive("redacted", message(0), 0)
    assert "text" not in repr(model)
    assert "text" not in repr(model.rows())
