"""Summaries."""

from __future__ import annotations

import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from worker.engine.rest.summary import PASSAGE, PICKS, Candidate, summarise

WORDS = st.lists(
    st.sampled_from(["invoice", "payment", "delivery", "the", "is", "Friday", "late", "okay", "router", "!", "12"]),
    max_size=8,
)
CONVERSATIONS = st.lists(
    st.builds(lambda words, yes: Candidate(" ".join(words), yes), WORDS, st.booleans()), max_size=PASSAGE + 20
)


@given(CONVERSATIONS)
def test_quotes_come_in_spoken_order(messages: list[Candidate]) -> None:
    """Every passage gives at most so many messages, once each, in order, the same whenever it is asked for; nothing is
    quoted that says nothing."""
    summary = summarise(messages)
    assert summary == summarise(messages)
    quoted = [number for passage in summary for number in passage]
    assert quoted == sorted(set(quoted))
    for passage in summary:
        assert 1 <= len(passage) <= PICKS
        assert passage[0] // PASSAGE == passage[-1] // PASSAGE
    assert all(any(each.isalpha() for each in messages[number].text) for number in quoted)


def test_what_it_chooses() -> None:
    """What many messages are about beats what one says, a statement beats the same as a question, small talk is out."""
    texts = [
        "Hello, how are you?",
        "The invoice for the router delivery is wrong.",
        "Is the invoice for the router delivery wrong?",
        "The weather in Lisbon stays cloudy.",
        "So the router delivery appears twice on the invoice.",
        "Okay.",
    ]
    summary = summarise([Candidate(text) for text in texts])
    assert len(summary) == 1
    assert 1 in summary[0]
    assert not {0, 5} & set(summary[0])


def test_commitments_count_more() -> None:
    """Of two equals the one with an action item is taken."""
    texts = ["The printer needs blue toner cartridges", "The scanner needs green paper trays"]
    assert summarise([Candidate(texts[0]), Candidate(texts[1], committed=True)]) == [[1]]
    assert summarise([Candidate(texts[0]), Candidate(texts[1])]) == [[0]]


def test_short_conversations() -> None:
    """Without any sentence that could stand alone, short ones do; without a word there is no summary."""
    assert summarise([Candidate("Yes"), Candidate("Invoice paid")]) == [[1]]
    assert summarise([Candidate("yes"), Candidate("...")]) == []
    assert summarise([]) == []


def test_not_even_hash_order_matters() -> None:
    """Processes with other hashes quote the same."""
    texts = [f"invoice {one} payment {other} delivery {one + other}" for one in "abcdef" for other in "uvwxyz"]
    code = (
        "from worker.engine.rest.summary import Candidate, summarise\n"
        f"print(summarise([Candidate(text) for text in {texts!r} * 3]))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
