"""Client of the official Python SDK (`symbl`), run by a Python of its own; its contract is in the README above."""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import threading
import time
import types
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

ENGINE = os.environ["ENGINE_URL"]
CREDENTIALS = {"app_id": os.environ["APP_ID"], "app_secret": os.environ["APP_SECRET"]}
AUDIO = Path(os.environ["CODED_PCM"]).read_bytes()
EXPECTED = json.loads(Path(os.environ["EXPECTED"]).read_text(encoding="utf-8"))
SPOKEN = EXPECTED["coded"]
SAMPLE_RATE_HZ = 16_000
CHUNK_BYTES = 3200
PATIENCE_SECONDS = 15.0
CLOSED_NORMALLY = 1000

T = TypeVar("T")
INSIGHTS = {"question": "questions", "action_item": "action_items", "follow_up": "follow_ups"}


class Microphone(types.ModuleType):
    """What the SDK imports as ``pyaudio``. It hears the recording, then fails, as when somebody pulls the plug."""

    paInt16 = 8  # noqa: N815

    class UnpluggedError(Exception):
        """The recording is over."""

    def PyAudio(self) -> Microphone:  # noqa: N802
        return self

    def open(self, *, format: int, channels: int, rate: int, input: bool, frames_per_buffer: int) -> Microphone:  # noqa: A002
        self.opened = (format, channels, rate, input)
        self._at = 0
        return self

    def read(self, frames: int) -> bytes:
        heard = AUDIO[self._at : self._at + 2 * frames]
        if not heard:
            raise self.UnpluggedError
        self._at += len(heard)
        return heard


MICROPHONE = Microphone("pyaudio")
sys.modules["pyaudio"] = MICROPHONE

# Addresses are constants of the SDK: this is how it is pointed at another server, the first before it is imported.
from symbl_rest import Configuration  # noqa: E402
from symbl_rest.rest import ApiException  # noqa: E402

_configuration = Configuration()
_configuration.host = ENGINE
Configuration.set_default(_configuration)

import symbl  # noqa: E402
from symbl.utils.Threads import Thread  # noqa: E402

SOCKETS = ENGINE.replace("http", "ws", 1)
_streaming: Any = sys.modules["symbl.streaming_api.StreamingApi"]
_streaming.SYMBL_STREAMING_API_FORMAT = SOCKETS + "/v1/realtime/insights/{}?source=python_sdk"
_subscribing: Any = sys.modules["symbl.Connection"]
_subscribing.SYMBL_WEBSOCKET_BASE_PATH = SOCKETS + "/session/subscribe/"


class Scenario:
    """Collects what one scenario has to say."""

    def __init__(self) -> None:
        self.handlers: Counter[str] = Counter()
        self.checks: dict[str, bool] = {}

    def check(self, name: str, outcome: object) -> None:
        """A check that is made several times has to hold every time."""
        self.checks[name] = bool(outcome) and self.checks.get(name, True)

    def same(self, name: str, got: object, expected: object) -> None:
        """A check that shows on standard error why it failed; all texts are made up."""
        if got != expected:
            print(f"{name}: got {got!r}, expected {expected!r}", file=sys.stderr)
        self.check(name, got == expected)


def run(name: str, body: Callable[[Scenario], T]) -> T | None:
    """Reports a scenario when it is over, and hands on what it returns. An error ends the scenario, not the client."""
    this, result, problem, began = Scenario(), None, None, time.monotonic()
    try:
        result = body(this)
    except Exception as error:  # the next scenario may work
        problem = f"{type(error).__name__}: {error}".splitlines()[0]
    report = {
        "sdk": "symbl",
        "version": importlib.metadata.version("symbl"),
        "scenario": name,
        "handlers": dict(this.handlers),
        "checks": this.checks,
        "seconds": round(time.monotonic() - began, 2),
        "problem": problem,
    }
    print(json.dumps(report), flush=True)
    return result


class Listener:
    """The handlers of one connection."""

    def __init__(self, this: Scenario, prefix: str = "") -> None:
        self._this = this
        self._prefix = prefix
        self.received: list[dict[str, Any]] = []

    def callbacks(self) -> dict[str, Callable[[Any], None]]:
        """For ``subscribe``: one handler for each type of message."""
        kinds = (
            "message",
            *(f"{kind}_response" for kind in ("message", "insight", "topic", "tracker", "entity")),
            "error",
        )
        return {kind: self._handler(kind) for kind in kinds}

    def envelopes(self, kind: str) -> list[dict[str, Any]]:
        """What came in the envelope of life-cycle and recognition messages."""
        return [one["message"] for one in self.of("message") if one["message"]["type"] == kind]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.received if one["type"] == kind]

    def _handler(self, kind: str) -> Callable[[Any], None]:
        def handle(data: Any) -> None:
            self._this.handlers[self._prefix + kind] += 1
            # A `Connection` hands over the text, a `StreamingConnection` what is in it.
            self.received.append(json.loads(data) if isinstance(data, str) else data)

        return handle


def start_connection(listener: Listener) -> Any:
    """A connection with everything switched on."""
    for _ in range(5):
        try:
            connection = symbl.Streaming.start_connection(
                credentials=CREDENTIALS,
                speaker=EXPECTED["speaker"],
                insight_types=["question", "action_item", "follow_up", "topic"],
                trackers=SPOKEN["trackers"],
                config={
                    "speechRecognition": {"encoding": "LINEAR16", "sampleRateHertz": SAMPLE_RATE_HZ},
                    "sentiment": True,
                    "detectEntities": True,
                },
            )
        except AttributeError:  # the SDK looked at its socket before its thread had made one; a bug of its own
            continue
        connection.subscribe(listener.callbacks())
        return connection
    raise TimeoutError("the SDK never found its own socket")


def wait_until(happened: Callable[[], object]) -> bool:
    end = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def stop(connection: Any) -> tuple[bool, list[int]]:
    """Stop as a user does; says whether the connection ended by itself, and with which close code."""
    codes: list[int] = []
    connection.connection.on_close = lambda app, code, reason: codes.append(code)
    thread = Thread.getInstance().threads[-1]
    connection.stop()
    thread.join(PATIENCE_SECONDS)
    return not thread.is_alive(), codes


def check_results(this: Scenario, listener: Listener, who: str = "") -> None:
    """Everything that was said, asked and promised has arrived, once and in order."""
    finals = [one for one in listener.envelopes("recognition_result") if one["isFinal"]]
    alternatives = [one["payload"]["raw"]["alternatives"][0] for one in finals]
    texts = [one["transcript"] for one in alternatives]
    this.same(f"{who}all final recognition results arrive, in order", texts, SPOKEN["utterances"])
    words = [" ".join(word["word"] for word in one["words"]) for one in alternatives]
    this.same(f"{who}recognition results have their words", words, SPOKEN["utterances"])
    heard = [message for one in listener.of("message_response") for message in one["messages"]]
    contents = [message["payload"]["content"] for message in heard]
    this.same(f"{who}all messages arrive, in order", contents, SPOKEN["messages"])
    this.check(
        f"{who}messages name the speaker", all(one["from"]["name"] == EXPECTED["speaker"]["name"] for one in heard)
    )
    this.check(f"{who}messages have a sentiment", all("score" in one["sentiment"]["polarity"] for one in heard))
    offsets = [message["duration"]["timeOffset"] for message in heard]
    this.check(
        f"{who}messages say when they were spoken", offsets == sorted(offsets) and offsets[-1] < SPOKEN["seconds"]
    )
    found = [insight for one in listener.of("insight_response") for insight in one["insights"]]
    for kind, member in INSIGHTS.items():
        got = [insight["payload"]["content"] for insight in found if insight["type"] == kind]
        this.same(f"{who}insights: {member.replace('_', ' ')}", got, SPOKEN[member])
    phrases = {topic["phrases"] for one in listener.of("topic_response") for topic in one["topics"]}
    this.check(f"{who}topics", phrases.issuperset(SPOKEN["topics"]))
    matches: dict[str, set[str]] = {}
    for tracker in (tracker for one in listener.of("tracker_response") for tracker in one["trackers"]):
        matches.setdefault(tracker["name"], set()).update(match["value"] for match in tracker["matches"])
    this.same(f"{who}trackers", matches, {name: set(values) for name, values in SPOKEN["tracker_matches"].items()})
    this.check(f"{who}no error", not listener.of("error") and not listener.envelopes("error"))


def wrong_credentials(this: Scenario) -> None:
    """Has to be the first: the SDK keeps the first credentials that worked."""
    began = time.monotonic()
    status = None
    try:
        symbl.Streaming.start_connection(credentials=CREDENTIALS | {"app_secret": "wrong"})
    except ApiException as error:
        status = error.status
    this.same("they are refused with 401", status, 401)
    this.check("at once", time.monotonic() - began < PATIENCE_SECONDS)


def streaming(this: Scenario) -> tuple[Any, Listener]:
    """One speaker, and a subscriber who hears the same; returns the conversation and what was heard of it."""
    listener, subscriber = Listener(this), Listener(this, "subscriber.")
    connection = start_connection(listener)
    wait_until(lambda: connection.conversation.get_conversation_id())
    conversation_id = connection.conversation.get_conversation_id()
    this.check("conversation_created says the conversation id", str(conversation_id).isdigit())
    following = symbl.Connection(conversation_id, connection.connectionId, "", "", credentials=CREDENTIALS)
    thread = threading.Thread(target=following.subscribe, args=(subscriber.callbacks(),), daemon=True)
    thread.start()
    this.check("a subscriber is told that it is one", wait_until(lambda: subscriber.envelopes("subscription_started")))
    for at in range(0, len(AUDIO), CHUNK_BYTES):
        connection.send_audio(AUDIO[at : at + CHUNK_BYTES])
    ended, codes = stop(connection)
    this.check("stop() ends the connection, though its text is not JSON", ended)
    this.same("the connection is closed with 1000", codes, [CLOSED_NORMALLY])
    completed = [one["conversationId"] for one in listener.envelopes("conversation_completed")]
    this.same("conversation_completed arrives once, with the conversation id", completed, [conversation_id])
    check_results(this, listener)
    thread.join(PATIENCE_SECONDS)
    this.check("subscriber: the connection ends with the conversation", not thread.is_alive())
    check_results(this, subscriber, "subscriber: ")
    return connection.conversation, listener


def conversation_api(this: Scenario, conversation: Any, listener: Listener) -> None:
    """What was said, from the REST API. The SDK turns every failure into a dictionary with a ``message``."""

    def ask(name: str, *arguments: Any) -> Any:
        this.handlers[name] += 1
        answer = getattr(conversation, name)(*arguments)
        this.check(f"{name} answers", not (isinstance(answer, dict) and "message" in answer))
        return answer

    messages = ask("get_messages", {"verbose": True, "sentiment": True}).messages
    this.same("messages", [one.text for one in messages], SPOKEN["messages"])
    words = [" ".join(word.word for word in one.words) for one in messages]
    this.same("messages have their words", words, SPOKEN["messages"])
    this.check("messages have a sentiment", all(-1 <= one.sentiment.polarity.score <= 1 for one in messages))
    this.check("messages have times", all(one.start_time < one.end_time for one in messages))
    questions = ask("get_questions").questions
    this.same("questions", [one.text for one in questions], SPOKEN["questions"])
    actions = ask("get_action_items").action_items
    this.same("action items", [one.text for one in actions], SPOKEN["action_items"])
    this.check("action items have an assignee", all(one.assignee.name for one in actions))
    follow_ups = ask("get_follow_ups").follow_ups
    this.same("follow-ups", [one.text for one in follow_ups], SPOKEN["follow_ups"])
    topics = ask("get_topics", {"sentiment": True, "parentRefs": True}).topics
    this.check("topics", {one.text for one in topics}.issuperset(SPOKEN["topics"]))
    sent = {
        match["detectedValue"]
        for one in listener.of("entity_response")
        for entity in one["entities"]
        for match in entity["matches"]
    }
    this.same("entities", {one["text"] for one in ask("get_entities")["entities"]}, sent)
    members = ask("get_members").members
    this.same("members", [one.name for one in members], [EXPECTED["speaker"]["name"]])
    about = ask("get_conversation")
    this.same("the conversation", about.id, conversation.get_conversation_id())
    this.check("the conversation is over", about.start_time < about.end_time)
    analytics = ask("get_analytics")
    this.check("analytics", sum(one.seconds for one in analytics.metrics) > 0 and analytics.members[0].pace.wpm > 0)
    # Its model of the answer is one tracker, so it shows nothing of several.
    ask("get_trackers")
    unknown = symbl.Conversations.get_messages("1000000000000000", credentials=CREDENTIALS)
    this.check("a conversation that does not exist is an error", isinstance(unknown, dict))


def microphone(this: Scenario) -> None:
    """The SDK's own loop over the microphone, in frames of 8192 bytes."""
    listener = Listener(this)
    connection = start_connection(listener)
    with suppress(Microphone.UnpluggedError):
        connection.send_audio_from_mic()
    this.same("it records what it says that it sends", MICROPHONE.opened, (Microphone.paInt16, 1, SAMPLE_RATE_HZ, True))
    ended, codes = stop(connection)
    this.check("stop() ends the connection", ended)
    this.same("the connection is closed with 1000", codes, [CLOSED_NORMALLY])
    check_results(this, listener)


def main() -> None:
    run("wrong credentials", wrong_credentials)
    heard = run("Streaming.start_connection, Connection.subscribe", streaming)
    if heard is not None:
        run("Conversations", lambda this: conversation_api(this, *heard))
    run("send_audio_from_mic", microphone)
    # Threads of the SDK that a failed scenario left behind would keep the process alive.
    os._exit(0)


if __name__ == "__main__":
    main()
