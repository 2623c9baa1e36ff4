"""Builds an engine out of its parts, and owns the order in which they start and stop."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
import uuid
from collections.abc import Callable, Sequence

from aiohttp import web

from worker.engine.account_book import AccountBook
from worker.engine.admission import Admission
from worker.engine.analysis import prepare
from worker.engine.analysis.personal import personal_data_of
from worker.engine.api import Api
from worker.engine.archive import Archive
from worker.engine.conversation import Conversation
from worker.engine.listener import IDLE_SECONDS, Listener, connection_logger
from worker.engine.masking import Finding
from worker.engine.metrics import EngineMetrics, Gauges
from worker.engine.pool import PoolSessionMaker
from worker.engine.process import prepare_process
from worker.engine.recognizers.factory import TRAITS, RecognizerTraits, installed_traits, make_factory
from worker.engine.requests import TrackerRequest
from worker.engine.rest.manage import TrackerRoutes
from worker.engine.rest.routes import ConversationRoutes
from worker.engine.retention import Retention
from worker.engine.rooms import RoomContext, Rooms, SpeakerSocket
from worker.engine.sessions import LocalSessionMaker, SessionMaker
from worker.engine.settings import EngineSettings
from worker.engine.store.model import StoreError
from worker.engine.store.sql import SqlStore
from worker.engine.telephony.calls import Telephony
from worker.engine.telephony.routes import TelephonyRoutes
from worker.engine.tls import ServerTls
from worker.engine.tokens import TokenMint
from worker.engine.trackers import TrackerLibrary
from worker.errors import ConfigurationError

logger = logging.getLogger(__name__)


class EngineServer:
    """One engine. Also an async context manager: started inside, stopped at the end.

    `start` and `stop` are called once each, in this order.

    Raises:
        ConfigurationError: The accounts file is wrong.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self._base_url: str | None = None
        self._clock = _steady_clock()
        traits = installed_traits(settings.recognizer, settings.model_dir)
        self._sessions = _make_sessions(settings)
        self._accounts = _make_accounts(settings)
        metrics = EngineMetrics()
        metrics.watch(self._gauges)
        self._store = SqlStore(settings.store_url)
        self._archive = Archive(self._store, metrics=metrics, clock=self._clock)
        self._retention = Retention(self._store, seconds=settings.retention_seconds, metrics=metrics, clock=self._clock)
        self._library = TrackerLibrary(self._store)
        self._rooms = Rooms(
            RoomContext(
                clock=self._clock,
                new_conversation=_conversation_maker(settings, traits),
                sessions=self._sessions,
                traits=traits,
                completion_grace_seconds=settings.completion_grace_seconds,
                metrics=metrics,
                recorder=self._archive,
                account_trackers=self._account_trackers,
            )
        )
        self._api = Api(
            settings,
            accounts=self._accounts,
            rooms=self._rooms,
            metrics=metrics,
            overloaded=lambda: not self._sessions.admit(),
            clock=self._clock,
        )
        self._telephony = _make_telephony(settings, self._rooms, self._api.admission)
        self._listener = Listener()
        self._runner: web.AppRunner | None = None

    def __repr__(self) -> str:
        return f"<EngineServer {self._base_url or 'not started'} {self._rooms!r}>"

    async def __aenter__(self) -> EngineServer:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    @property
    def base_url(self) -> str:
        """``http://host:port``, or ``https://`` with a certificate; once started."""
        if self._base_url is None:
            raise RuntimeError("the engine has not been started")
        return self._base_url

    async def start(self) -> None:
        """Listens.

        Raises:
            ConfigurationError: A library or a model of the recogniser is missing, or the certificate is not usable.
            OSError: The port is taken.
        """
        tls = _make_tls(self.settings)
        await asyncio.to_thread(prepare)
        await self._sessions.start()
        try:
            await self._start_store()
            app = self._api.make_app(self._listener.middleware)
            TelephonyRoutes(self._telephony, self._api, public_url=self.settings.public_url).add_to(app)
            self._add_rest_to(app)
            if self._telephony is not None:
                await self._telephony.start()
            runner = web.AppRunner(
                app,
                # It would hold tokens, which travel in queries.
                access_log=None,
                logger=connection_logger,
                handle_signals=False,
                shutdown_timeout=1.0,
                keepalive_timeout=IDLE_SECONDS,
                lingering_time=2.0,
                max_line_size=self.settings.max_header_bytes,
                max_field_size=self.settings.max_header_bytes,
                max_headers=64,
            )
            await runner.setup()
            self._runner = runner
            assert runner.server is not None
            context = None if tls is None else tls.context
            host, port = await self._listener.start(runner.server, self.settings.host, self.settings.port, context)
        except BaseException:
            await self._close()
            raise
        scheme = "http" if tls is None else "https"
        self._base_url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        logger.info("engine listening", extra={"host": host, "port": port, "recognizer": self.settings.recognizer})

    async def stop(self) -> None:
        """Refuses new sockets, delivers what was heard, closes every socket with 1001 and ends.

        Takes little more than the drain time.
        """
        if self._telephony is not None:
            await self._telephony.stop()
        await self._api.drain()
        await self._close()
        logger.info("engine stopped")

    async def drop_sockets(self, choose: Callable[[SpeakerSocket], bool] | None = None) -> int:
        """Cuts the TCP connections of open speaker sockets without a close frame, as a failing network does.

        Args:
            choose: Which ones, for example ``lambda socket: rng.random() < 0.1``; None for all.

        Returns:
            How many.
        """
        chosen = [socket for socket in self._rooms.sockets() if choose is None or choose(socket)]
        for socket in chosen:
            socket.peer.abort()
        # Their handlers notice in the next turns of the loop.
        await asyncio.sleep(0)
        return len(chosen)

    def _account_trackers(self, account: str) -> Sequence[TrackerRequest]:
        """Those of the accounts file, and those that were saved since; a saved one replaces its namesake."""
        given = [
            TrackerRequest(name=each.name, vocabulary=each.vocabulary) for each in self._accounts.trackers(account)
        ]
        return list({each.name: each for each in (*given, *self._library.requests(account))}.values())

    def _gauges(self) -> Gauges:
        return Gauges(
            speaker_sockets=sum(1 for _ in self._rooms.sockets()),
            subscriber_sockets=self._rooms.subscriber_count,
            conversations=self._rooms.conversation_count,
            load=self._sessions.load,
            archive_backlog=self._archive.backlog,
        )

    def _add_rest_to(self, app: web.Application) -> None:
        ConversationRoutes(
            self._store, flush=self._archive.flush, authenticate=self._api.authenticate, clock=self._clock
        ).add_to(app)
        TrackerRoutes(
            self._store, self._library, authenticate=self._api.authenticate, new_id=_new_number, clock=self._clock
        ).add_to(app)

    async def _close(self) -> None:
        self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._rooms.close()
        await self._sessions.stop()
        await self._library.stop()
        await self._retention.stop()
        await self._archive.stop()
        await self._store.stop()

    async def _start_store(self) -> None:
        await self._store.start()
        try:
            await self._retention.start()
            await self._library.start()
        except StoreError as error:
            raise ConfigurationError(f"store_url: it cannot be used ({error})") from None
        await self._archive.start()


async def run_engine(settings: EngineSettings, *, ready: Callable[[str], None]) -> None:
    """Runs an engine until cancelled, then drains it.

    Args:
        ready: Called with the base address once the engine listens.

    Raises:
        ConfigurationError: A library or a model of the recogniser is missing.
        OSError: The port is taken.
    """
    async with EngineServer(settings) as server:
        prepare_process(settings.max_connections)
        ready(server.base_url)
        await asyncio.Event().wait()


def _make_accounts(settings: EngineSettings) -> AccountBook:
    mint = TokenMint(
        key=settings.token_key or secrets.token_bytes(32),
        accounts=None,
        lifetime_seconds=settings.token_lifetime_seconds,
    )
    return AccountBook(mint, fixed=settings.accounts, file=settings.accounts_file)


def _make_tls(settings: EngineSettings) -> ServerTls | None:
    if settings.tls_certificate_file is None or settings.tls_key_file is None:
        return None
    return ServerTls(settings.tls_certificate_file, settings.tls_key_file)


def _make_sessions(settings: EngineSettings) -> SessionMaker:
    if not TRAITS[settings.recognizer].quick:
        return PoolSessionMaker(
            settings.recognizer,
            settings.model_dir,
            processes=settings.pool_processes,
            max_backlog_seconds=settings.max_audio_backlog_seconds,
            max_load=settings.max_load,
        )
    rng = random.Random(settings.seed)
    low, high = settings.result_delay_seconds
    return LocalSessionMaker(make_factory(settings.recognizer, settings.model_dir), lambda: rng.uniform(low, high))


def _conversation_maker(settings: EngineSettings, traits: RecognizerTraits) -> Callable[[], Conversation]:
    def make() -> Conversation:
        return Conversation(
            _new_number(),
            new_id=lambda: str(uuid.uuid4()),
            find_pii=_find_pii,
            verbatim=traits.verbatim,
            punctuated=traits.punctuated,
            default_no_connection_timeout_seconds=settings.no_connection_timeout_seconds,
            silence_timeout_seconds=settings.silence_timeout_seconds,
        )

    return make


def _make_telephony(settings: EngineSettings, rooms: Rooms, admission: Admission) -> Telephony | None:
    if settings.sip_host is None:
        return None
    return Telephony(
        host=settings.sip_host, port=settings.sip_port, trunk=settings.sip_trunk, rooms=rooms, admission=admission
    )


def _new_number() -> str:
    """16 decimal digits, as conversations and trackers have them."""
    return str(10**15 + secrets.randbelow(9 * 10**15))


def _find_pii(text: str) -> Sequence[Finding]:
    return [Finding(*found) for found in personal_data_of(text)]


def _steady_clock() -> Callable[[], float]:
    """Seconds since the epoch, unmoved by later corrections of the system clock."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()
