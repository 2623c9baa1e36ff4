"""Breaks one invariant at a time and sees whether the property tests notice.

``python -m tests.tools.mutations`` copies the package and its tests to a temporary folder, and there, one after the
other, replaces one text by another and runs the tests that are to fail. It prints a table for docs/invariants.md. The
exit code is 1 when a mutation survives or its text is not found any more, or when the tests fail without one.
Arguments choose mutations by parts of their names; ``--list`` names them all and tries none.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
COPIED: Final = ("worker", "tests", "pyproject.toml")
LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", "bench", "chaos", "conformance", "integration", "demo")
TIMEOUT_SECONDS: Final = 900
TIMED_OUT: Final = "Timeout (>"
"""Of pytest-timeout, whose signal may hit pytest itself."""
CONFTEST: Final = """
from hypothesis import Phase, settings

settings.register_profile("mutations", phases=[Phase.explicit, Phase.generate], database=None)
settings.load_profile("mutations")
"""

LEDGER: Final = "tests/unit/intake/test_ledger.py"
ASSIGNMENT: Final = "tests/unit/intake/test_assignment.py"
BUFFER: Final = "tests/unit/sessions/test_buffer.py"
SETTLEMENT: Final = "tests/unit/sessions/test_settlement.py"
CONVERSATION: Final = "tests/unit/sessions/test_conversation.py"
HOLDBACK: Final = "tests/unit/sessions/test_holdback.py"
SESSIONS: Final = "tests/property/test_sessions.py"
LANE_STATE: Final = "tests/property/test_lane_state.py"
OWNERSHIP: Final = "tests/property/test_ownership.py"


@dataclass(frozen=True)
class Mutation:
    """What is broken, where, and which tests are to notice."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def _of(file: str, *mutations: tuple[str, str, str, tuple[str, ...]]) -> Iterable[Mutation]:
    return (Mutation(name, f"worker/{file}", old, new, tests) for name, old, new, tests in mutations)


MUTATIONS: Final = (
    *_of(
        "intake/ledger.py",
        (
            "the commit position passes the first open offset",
            "return self._order[0] if self._order else self._next",
            "return self._order[0] + 1 if self._order else self._next",
            (LEDGER,),
        ),
        (
            "the ledger forgets a holder",
            "self._open[offset] += 1",
            "self._open[offset] += 0",
            (LEDGER,),
        ),
        (
            "a known offset is opened again",
            "if offset < self._next:",
            "if offset < self._next - 1:",
            (LEDGER,),
        ),
    ),
    *_of(
        "sessions/buffer.py",
        (
            "a new socket goes on where the last one stopped, not where audio is settled",
            "self._sent_byte = self._state.settled_byte\n        self.half_sample = False\n        self._absent",
            "self.half_sample = False\n        self._absent",
            (SESSIONS,),
        ),
        (
            "a record is finished before its end is settled",
            "if chunk.end_byte > state.settled_byte:",
            "if chunk.start_byte >= state.settled_byte:",
            (SESSIONS,),
        ),
        (
            "a change of speaker or format takes effect before its place",
            "self._markers.append(_Marker(offset, self._end_byte, fmt, speaker, restarts))",
            "self._markers.append(_Marker(offset, self._state.settled_byte, fmt, speaker, restarts))",
            (SESSIONS,),
        ),
        (
            "the audio clock of the state stands still",
            "state.time_us = self.us_at(byte)",
            "state.time_us = state.time_us",
            (BUFFER,),
        ),
    ),
    *_of(
        "sessions/settlement.py",
        (
            "silence is settled by a pong, without the horizon",
            "sent_before = self._confirmed_at - self._horizon_seconds - STEP_SECONDS",
            "sent_before = self._confirmed_at - STEP_SECONDS",
            (SESSIONS,),
        ),
        (
            "silence is settled while a message is awaited",
            "if self._is_speech or self._awaited is not None:\n            return None\n        sent_before",
            "if self._is_speech:\n            return None\n        sent_before",
            (SETTLEMENT,),
        ),
    ),
    *_of(
        "sessions/session.py",
        (
            "silence is settled by time, without a pong",
            "sent = socket.sent\n        if sent.silent_byte",
            "sent = socket.sent\n        sent.receive_pong(now)\n        if sent.silent_byte",
            (SESSIONS,),
        ),
        (
            "a message settles all that was sent",
            "min(buffer.byte_at(end_us), buffer.sent_byte) if is_known else 0",
            "buffer.sent_byte",
            (SESSIONS,),
        ),
        (
            "a stream that was given up begins again with the next owner",
            "Phase.OPEN if state.given_up is None else Phase.FAILED",
            "Phase.OPEN",
            (CONVERSATION,),
        ),
        (
            "a message about an earlier socket's audio is believed",
            "or self._is_of_another_socket(socket, message, now):",
            "or False:",
            ("tests/unit/sessions/test_session.py",),
        ),
        (
            "the record of the end is finished before the stream is flushed",
            "self._end_offsets.append(offset)",
            "self._book.finish(offset)",
            (SESSIONS,),
        ),
        (
            "a chunk that comes twice is audio twice",
            "if self._numbers.is_repeat(seq, checksum):",
            "if False:",
            (SESSIONS,),
        ),
        (
            "missing records are not told",
            'self._say_gap("missing_records", at_us, at_us, missing)',
            "pass",
            (SESSIONS,),
        ),
        (
            "audio of a stream that is given up vanishes",
            "for chunk in self.buffer.chunks():",
            "for chunk in self.buffer.chunks()[:0]:",
            (SESSIONS,),
        ),
        (
            "a host that closes without completion is believed at once",
            "if flushed and not completed and not self._closed_without_completion:",
            "if False:",
            (SESSIONS,),
        ),
    ),
    *_of(
        "sessions/results.py",
        (
            "two messages share a number",
            "state.message_sequence += 1",
            "state.message_sequence += sequence % 2",
            (LANE_STATE,),
        ),
        (
            "insights of one kind about one message share an id",
            "ordinal = latest.kept.insights.get(kind, 0)",
            "ordinal = 0",
            (LANE_STATE,),
        ),
    ),
    *_of(
        "sessions/memory.py",
        (
            "what a lost socket owes is forgotten",
            "message.is_owed = True",
            "message.is_owed = False",
            (LANE_STATE,),
        ),
        (
            "what the host repeats is published again",
            "if any(key in message.kept.published for message in about.messages) or not self.is_new(key):",
            "if not self.is_new(key):",
            (LANE_STATE,),
        ),
    ),
    *_of(
        "sessions/state.py",
        (
            "the number of the next message is not restored",
            '"message_sequence": stream.message_sequence,',
            '"message_sequence": 0,',
            (LANE_STATE,),
        ),
        (
            "the numbers of insights about a message are not restored",
            'published=[tuple(key) for key in values.pop("published")],',
            'published=[tuple(key) for key in values.pop("published")], insights=values.pop("insights") and {},',
            (LANE_STATE,),
        ),
        (
            "the settled position within a record is not restored",
            '"settled_byte": stream.settled_byte,',
            '"settled_byte": stream.byte,',
            (SESSIONS,),
        ),
        (
            "the number of the next life-cycle record is not restored",
            '"sequence": state.sequence,',
            '"sequence": 0,',
            (LANE_STATE,),
        ),
    ),
    *_of(
        "sessions/session.py",
        (
            "audio of a message that waits is settled",
            "byte = min(self._settled_byte, *self._unsaid) if self._unsaid else self._settled_byte",
            "byte = self._settled_byte",
            (SESSIONS,),
        ),
        (
            "what waits is forgotten with its socket",
            "        self._results.release()\n        completed = ",
            "        completed = ",
            (SESSIONS,),
        ),
    ),
    *_of(
        "sessions/holdback.py",
        (
            "messages are masked one by one",
            "every = redactor.redact(texts, marks, goes_on=goes_on, leaves_open=leaves_open)",
            "every = tuple(redactor.redact([text])[0] for text in texts)",
            (HOLDBACK,),
        ),
        (
            "the rest of what was masked in doubt is shown",
            "self._cut.add(speaker)",
            "pass",
            (HOLDBACK,),
        ),
        (
            "what waits waits for ever",
            "if now >= self._due(begun):",
            "if False:",
            (HOLDBACK,),
        ),
        (
            "insights overtake a message that waits",
            "        self._queue.append(say)\n",
            "        self._queue.appendleft(say)\n",
            (HOLDBACK,),
        ),
        (
            "the listener's words end what the speaker has begun",
            "(speaker in self._begun or speaker in self._cut) and is_backchannel(text)",
            "False",
            (HOLDBACK,),
        ),
    ),
    *_of(
        "sessions/lane.py",
        (
            "what was read is committed, not what is finished",
            "position = self.ledger.commit_position",
            "position = self.ledger.next_position",
            (SESSIONS,),
        ),
        (
            "results go out, their state with the next batch",
            "changed = self.book.changed\n        self.book.changed = set()",
            "changed = set() if outputs else self.book.changed\n        self.book.changed -= changed",
            (LANE_STATE,),
        ),
        (
            "a state is deleted before its records are committed",
            "due = [name for name, after in self._tombstones.items() if self.committed_position >= after]",
            "due = list(self._tombstones)",
            (SESSIONS,),
        ),
        (
            "records of a conversation that is over open it again",
            "known = past is not None and offset <= past.last_offset",
            "known = False",
            (SESSIONS,),
        ),
    ),
    *_of(
        "sessions/book.py",
        (
            "a dead letter behind unfinished records is not remembered",
            "self.rejected.add(offset)",
            "self.rejected.discard(offset)",
            (OWNERSHIP,),
        ),
    ),
    *_of(
        "intake/assignment.py",
        (
            "a lane is adopted although others had its partition",
            "adopt = (held & wanted) - frozenset(taken)",
            "adopt = held & wanted",
            (ASSIGNMENT,),
        ),
        (
            "somebody else's mark is taken for ours",
            "(found.mark is None or found.mark.owner != owner)",
            "found.mark is None",
            (OWNERSHIP,),
        ),
    ),
    *_of(
        "intake/owned.py",
        (
            "a batch whose fate is unknown counts as published",
            "if batch is not None and found.mark == batch.mark:",
            "if batch is not None:",
            (OWNERSHIP,),
        ),
        (
            "a batch whose fate is unknown is published again, unseen",
            "if batch is not None and found.mark == batch.mark:",
            "if False:",
            (OWNERSHIP,),
        ),
        (
            "a lane that was taken goes on",
            "if self.is_foreign(found):",
            "if False:",
            (OWNERSHIP,),
        ),
        (
            "a lost producer is not replaced",
            "await self._publisher.renew()",
            "pass",
            (OWNERSHIP,),
        ),
        (
            "a parked lane publishes",
            "if self._lost or self.parked:",
            "if self._lost:",
            (OWNERSHIP,),
        ),
        (
            "a lane speaks before the partition is marked as its own",
            "return self._marked_term == self._term and not self.parked",
            "return not self.parked",
            (OWNERSHIP,),
        ),
        (
            "a lane speaks while a rebalance decides",
            "return self._marked_term == self._term and not self.parked and",
            "return self._marked_term == self._term and",
            (OWNERSHIP,),
        ),
        (
            "a fenced lane does not ask the group",
            "await self._contact.heard_after(self._clock())",
            "pass",
            (OWNERSHIP,),
        ),
        (
            "a batch that failed is given up",
            "batch = self._unpublished or self._next_batch()",
            "batch = self._next_batch()",
            (OWNERSHIP,),
        ),
    ),
    *_of(
        "intake/consumer.py",
        (
            "a worker speaks although the group may have given it up",
            "patience_seconds = policy.session_timeout_seconds - self._heartbeat_seconds * 1.5",
            "patience_seconds = 3_600.0",
            (OWNERSHIP,),
        ),
        (
            "an adopted lane reads on from the committed position",
            "self._consumer.seek(partition, owned.read_position)\n            owned.adopt()",
            "owned.adopt()",
            (OWNERSHIP,),
        ),
        (
            "the state is read before earlier producers are fenced",
            "await asyncio.gather(*(publisher.start()",
            "asyncio.gather(*(publisher.start()",
            (OWNERSHIP,),
        ),
    ),
)


@dataclass(frozen=True)
class Outcome:
    """What became of a mutation; ``test`` is None when it survived."""

    mutation: Mutation
    test: str | None
    seconds: float
    is_stale: bool = False

    @property
    def verdict(self) -> str:
        if self.is_stale:
            return "**text not found**"
        return "**survived**" if self.test is None else f"`{self.test}`"


def copy_project(target: Path) -> None:
    """What the tests need, without what git does not know."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=LEFT_OUT)
        else:
            shutil.copy(source, target / name)
    (target / "conftest.py").write_text(CONFTEST, encoding="utf-8")


def run_tests(project: Path, tests: Sequence[str]) -> str | None:
    """The first test that fails; None when none does."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", *tests]
    env = {**os.environ, "PYTHONPATH": str(project), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        return "does not end"
    if done.returncode == 0:
        return None
    if TIMED_OUT in done.stdout + done.stderr:
        return "does not end"
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return found[1].rpartition("/")[2].removesuffix("::runTest")


def try_out(project: Path, mutation: Mutation) -> Outcome:
    """Break it, test it, repair it."""
    file = project / mutation.file
    text = file.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        return Outcome(mutation, None, 0.0, is_stale=True)
    began_at = time.monotonic()
    file.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        return Outcome(mutation, run_tests(project, mutation.tests), time.monotonic() - began_at)
    finally:
        file.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Try mutations. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.mutations", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of names; all mutations without")
    parser.add_argument("--list", action="store_true", help="name them and try none")
    chosen = parser.parse_args(arguments)
    mutations = [each for each in MUTATIONS if not chosen.names or any(name in each.name for name in chosen.names)]
    if chosen.list:
        print("\n".join(f"{each.file}: {each.name}" for each in mutations))
        return 0
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        project = Path(folder)
        copy_project(project)
        failing = run_tests(project, sorted({test for each in mutations for test in each.tests}))
        if failing is not None:
            print(f"without a mutation: {failing} fails", file=sys.stderr)
            return 1
        print("| in | mutation | noticed by | seconds |\n| --- | --- | --- | --- |")
        outcomes = []
        for mutation in mutations:
            outcome = try_out(project, mutation)
            outcomes.append(outcome)
            name = mutation.file.removeprefix("worker/")
            print(f"| `{name}` | {mutation.name} | {outcome.verdict} | {outcome.seconds:.0f} |", flush=True)
    missed = [each for each in outcomes if each.test is None]
    print(f"\n{len(outcomes) - len(missed)} of {len(outcomes)} mutations were noticed.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
