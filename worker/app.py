"""The wiring of the worker: builds everything, owns the order of start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable

import aiohttp
import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from worker.admin import require_topics
from worker.config import Settings, topics_of
from worker.deadline import Deadline
from worker.errors import AuthenticationError, RequestRefusedError
from worker.http import StatusServer
from worker.intake.consumer import Intake, IntakePolicy
from worker.metrics import GaugeCollector, Metrics
from worker.output.events import EventBuilder
from worker.output.publisher import Publisher
from worker.sessions.owed import OwedRequest
from worker.sessions.policy import ConversationPolicy
from worker.sessions.runner import Connection, RunnerPolicy, SessionRunner
from worker.sessions.session import Session, SessionPolicy
from worker.sessions.subscription import Subscription
from worker.symbl.connection import Endpoint, SymblConnection, Timeouts
from worker.symbl.conversation_api import ConversationApi
from worker.symbl.retry import DialPolicy
from worker.symbl.tokens import TokenProvider

_log = structlog.get_logger(__name__)

CONCURRENT_DIALS = 32
STUCK_SECONDS = 60.0


class Dialer:
    """Opens sockets: a shared token, a bounded number of handshakes at a time."""

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        symbl = settings.symbl
        self._speakers = Endpoint(base_url=symbl.base_url)
        self._subscribers = Endpoint(base_url=symbl.base_url, path_prefix="/v1/subscribe")
        self._timeouts = Timeouts(
            open_seconds=symbl.connect_timeout_seconds,
            send_seconds=symbl.connect_timeout_seconds,
            ping_timeout_seconds=symbl.ping_seconds,
        )
        self._tokens = TokenProvider(
            symbl.base_url, symbl.app_id, settings.app_secret, http, timeout_seconds=symbl.connect_timeout_seconds
        )
        self._slots = asyncio.Semaphore(CONCURRENT_DIALS)
        self._conversations = ConversationApi(symbl.base_url, self._token, self._tokens.invalidate, http)

    async def dial(self, connection_id: str) -> Connection:
        """Open a speaker's socket. A refused token is renewed once.

        Raises:
            SymblError: the host could not be reached, or refused.
        """
        return await self._dial(self._speakers, connection_id)

    async def subscribe(self, connection_id: str) -> Connection:
        """Like ``dial``, for a socket that only listens."""
        return await self._dial(self._subscribers, connection_id)

    async def fetch_owed(self, request: OwedRequest) -> None:
        """Read what a conversation is owed, and answer."""
        findings = await self._conversations.fetch(request.symbl_conversation_ids, request.kinds)
        _log.info("owed_fetched", conversation=request.conversation_id, failed=findings.failed)
        request.answer(findings)

    async def close(self) -> None:
        """Forget the token."""
        await self._tokens.close()

    async def _token(self) -> str:
        try:
            return await self._tokens.get()
        except RequestRefusedError as error:
            # Not this stream's fault: nobody gets a token with these credentials.
            raise AuthenticationError(str(error)) from error

    async def _dial(self, endpoint: Endpoint, connection_id: str) -> Connection:
        async with self._slots:
            token = await self._token()
            try:
                return await self._open(endpoint, connection_id, token)
            except AuthenticationError:
                self._tokens.invalidate(token)
                return await self._open(endpoint, connection_id, await self._token())

    async def _open(self, endpoint: Endpoint, connection_id: str, token: str) -> Connection:
        return await SymblConnection.open(endpoint, connection_id, token, timeouts=self._timeouts)


async def run_worker(settings: Settings, *, ready: Callable[[str], None]) -> None:
    """Run a worker until SIGTERM, SIGINT or a failure that it cannot repair.

    Args:
        ready: told the address of the HTTP port once everything runs.

    Raises:
        WorkerError: consumption cannot begin or go on.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    metrics = Metrics(registry)
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        dialer = Dialer(settings, http)
        stack.push_async_callback(dialer.close)
        kafka = settings.kafka.client_arguments()
        events = EventBuilder(topics_of(settings), f"/{settings.worker.group_id}")
        publisher = Publisher(kafka, events, metrics)
        policy = _runner_policy(settings)
        conversations = _conversation_policy(settings)
        intake = Intake(
            client_arguments=kafka,
            policy=_intake_policy(settings),
            conversations=conversations,
            publisher=publisher,
            events=events,
            make_runner=lambda session, may_speak: SessionRunner(
                session,
                dialer.subscribe if isinstance(session, Subscription) else dialer.dial,
                policy,
                metrics,
                may_speak=may_speak,
            ),
            fetch_owed=dialer.fetch_owed,
            metrics=metrics,
        )
        registry.register(GaugeCollector(lambda: _gauges(intake)))
        status = StatusServer(
            settings.http.host,
            settings.http.port,
            registry=registry,
            live=lambda: _stuck(intake),
            ready=lambda: None if intake.is_ready else "not ready: joining the group, restoring, or shutting down",
            sessions=lambda: _sessions(intake),
        )
        port = await status.start()
        stack.push_async_callback(status.stop)
        redaction = conversations.redactor.policy
        _log.info(
            "redaction_policy",
            enabled=settings.redaction.enabled,
            version=redaction.version,
            **redaction.described(),
        )
        try:
            await require_topics(settings)
            await publisher.start()
            await intake.start()
            ready(f"http://{settings.http.host}:{port}")
            await _run_until_signal(intake)
        finally:
            deadline = Deadline(settings.worker.shutdown_seconds)
            _log.info("shutting_down", seconds=settings.worker.shutdown_seconds)
            await intake.stop(deadline)
            await publisher.stop(deadline.left())
            _log.info("stopped")


async def _run_until_signal(intake: Intake) -> None:
    """Consume until the first signal; a second one ends the process at once, as signals do by default."""
    loop = asyncio.get_running_loop()
    consuming = asyncio.create_task(intake.run())
    stop = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        _log.info("signal", signal=number.name)
        stop.set()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({consuming, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if consuming.done():
            consuming.result()
    finally:
        for task in (waiting, consuming):
            task.cancel()
        await asyncio.gather(waiting, consuming, return_exceptions=True)


def _runner_policy(settings: Settings) -> RunnerPolicy:
    symbl = settings.symbl
    dial = DialPolicy(initial_seconds=symbl.reconnect_initial_seconds, cap_seconds=symbl.reconnect_cap_seconds)
    return RunnerPolicy(dial, symbl.healthy_seconds, symbl.ping_seconds)


def _intake_policy(settings: Settings) -> IntakePolicy:
    buffer, worker = settings.buffer, settings.worker
    return IntakePolicy(
        topics=settings.topics.audio,
        state_topic=settings.topics.state,
        group_id=worker.group_id,
        instance_id=worker.instance_id,
        session_timeout_seconds=settings.kafka.session_timeout_seconds,
        transaction_timeout_seconds=(
            settings.kafka.transaction_timeout_seconds if worker.delivery == "exactly_once" else None
        ),
        rebalance_seconds=worker.rebalance_seconds,
        commit_interval_seconds=worker.commit_interval_seconds,
        stream_high_bytes=buffer.stream_high_bytes,
        stream_low_bytes=buffer.stream_low_bytes,
        worker_high_bytes=buffer.worker_high_bytes,
        worker_low_bytes=buffer.worker_low_bytes,
        fetch_partition_bytes=buffer.fetch_partition_bytes,
    )


def _conversation_policy(settings: Settings) -> ConversationPolicy:
    symbl, worker, conversation = settings.symbl, settings.worker, settings.conversation
    captions = settings.captions
    return ConversationPolicy(
        session=SessionPolicy(
            silence_horizon_seconds=worker.silence_horizon_seconds,
            max_hold_seconds=worker.max_hold_seconds,
            pace=symbl.pace,
            start_timeout_seconds=symbl.connect_timeout_seconds,
            stop_timeout_seconds=symbl.stop_timeout_seconds,
            max_refusals=symbl.max_refusals,
            captions=captions.mode != "off",
            caption_interval_seconds=captions.interval_seconds if captions.mode == "coalesced" else None,
        ),
        audio_format=settings.audio.format,
        language=conversation.language,
        insight_types=conversation.insight_types,
        confidence_threshold=conversation.confidence_threshold,
        sentiment=conversation.sentiment,
        detect_entities=conversation.detect_entities,
        identify=symbl.identify,
        redact=symbl.redact,
        clear_captions=captions.text == "clear",
        no_connection_timeout_seconds=symbl.no_connection_timeout_seconds,
        idle_seconds=conversation.idle_seconds,
        max_age_seconds=conversation.max_age_seconds,
        transcripts=settings.transcripts.enabled,
        redaction=settings.redaction.enabled,
        redactor=settings.redaction.redactor(),
        hold_seconds=settings.redaction.hold_seconds,
    )


def _stuck(intake: Intake) -> str | None:
    silent = time.monotonic() - intake.polled_at
    return f"no poll for {silent:.0f} s" if silent > STUCK_SECONDS else None


def _all_sessions(intake: Intake) -> list[Session]:
    return [
        session
        for lane in intake.lanes
        for conversation in lane.conversations
        for session in conversation.sessions.values()
        if not session.is_over
    ]


def _subscriptions(intake: Intake) -> list[Subscription]:
    return [
        conversation.subscription
        for lane in intake.lanes
        for conversation in lane.conversations
        if conversation.subscription is not None and not conversation.subscription.is_over
    ]


def _gauges(intake: Intake) -> list[tuple[str, str, float]]:
    sessions = _all_sessions(intake)
    return [
        ("owned_partitions", "Partitions that this worker has.", len(list(intake.lanes))),
        (
            "group_contact_age_seconds",
            "Age of the latest proof of membership in the group.",
            intake.contact_age_seconds,
        ),
        ("paused_partitions", "Partitions that are not read because memory is full.", intake.paused_partitions),
        ("held_audio_bytes", "Audio in memory.", intake.held_bytes),
        ("conversations", "Conversations that are open.", sum(len(list(lane.conversations)) for lane in intake.lanes)),
        ("streams", "Streams that are open.", len(sessions)),
        ("listening_streams", "Streams whose socket takes audio.", sum(session.is_listening for session in sessions)),
        ("subscriptions", "Conversations that are followed.", len(_subscriptions(intake))),
        (
            "unsettled_audio_seconds",
            "Audio received and not settled, over all streams.",
            sum(session.buffer.end_us - session.buffer.settled_us for session in sessions) / 1e6,
        ),
        ("consumer_lag_records", "Records behind the end, over all partitions.", sum(intake.lag().values())),
    ]


def _sessions(intake: Intake) -> dict[str, object]:
    states = {id(runner.session): runner.state for runner in intake.runners}
    rows = [
        {
            "conversation_id": session.conversation_id,
            "stream": session.stream,
            "phase": session.phase.name.lower(),
            "socket": states.get(id(session), "none"),
            "listening": session.is_listening,
            "symbl_conversation_id": session.symbl_conversation_id,
            "received_ms": session.buffer.end_us // 1000,
            "sent_ms": session.buffer.sent_us // 1000,
            "settled_ms": session.buffer.settled_us // 1000,
            "held_bytes": session.buffer.held_bytes,
            "messages": session.state.counters.messages,
            "reconnects": session.state.counters.reconnects,
        }
        for session in _all_sessions(intake)
    ]
    subscriptions = [
        {
            "conversation_id": each.conversation_id,
            "stream": each.stream,
            "connection_id": each.connection_id,
            "phase": each.phase.name.lower(),
            "socket": states.get(id(each), "none"),
            "listening": each.is_listening,
            "symbl_conversation_id": each.symbl_conversation_id,
            "messages": each.state.counters.messages,
            "reconnects": each.state.counters.reconnects,
        }
        for each in _subscriptions(intake)
    ]
    return {
        "lag_records": intake.lag(),
        "paused_partitions": intake.paused_partitions,
        "sessions": rows,
        "subscriptions": subscriptions,
    }
