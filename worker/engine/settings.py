"""Settings of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from worker.errors import ConfigurationError

RecognizerName: TypeAlias = Literal["pocketsphinx", "coded", "sherpa-onnx", "vosk", "faster-whisper"]
RECOGNIZERS: tuple[RecognizerName, ...] = ("pocketsphinx", "coded", "sherpa-onnx", "vosk", "faster-whisper")
_NEEDS_MODEL = ("sherpa-onnx", "vosk", "faster-whisper")


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """How one engine process behaves.

    Args:
        host: Address to listen on.
        port: 0 takes a free one.
        recognizer: What turns audio into words.
        model_dir: Folder of the recogniser's model, or of one folder per language with a model each. None is right for
            the recognisers that bring their own.
        accounts: Application id to secret. None accepts any credentials, for development.
        accounts_file: YAML or JSON file with several accounts; see `worker.engine.accounts`.
        max_account_streams: Speaker sockets that one account may have at a time, unless its entry in the file says
            otherwise; None for no limit.
        token_key: Signs tokens; None makes a new key at every start, which ends the life of all earlier tokens. Engines
            behind one address need the same key.
        token_lifetime_seconds: How long a token is valid: 600 to 2,000,000. The JavaScript SDK schedules its renewal
            300 s before the end, with a timer that takes no more than 24 days, and spins outside of that.
        result_delay_seconds: Shortest and longest delay of a result after it was recognised; (0, 0) for none. Only the
            coded recogniser is delayed, to look like a real service.
        seed: Of the result delays; None for a random one.
        pool_processes: Processes that run decoders, for recognisers that need them.
        max_streams: Speaker streams that are recognised at a time; one more is refused. None for no fixed limit.
        max_load: Share of the decoders' time, 0 to 1, above which a new stream is refused; what runs goes on.
        no_connection_timeout_seconds: How long a conversation waits for a speaker whose socket was lost, unless the
            speaker said so itself.
        silence_timeout_seconds: A socket on which nothing was recognised for so long is ended.
        completion_grace_seconds: How long a client may take to close after `conversation_completed`.
        heartbeat_seconds: Interval of protocol pings; a peer that does not answer within half of it is gone. None
            sends none.
        max_connections: Open sockets of all kinds; more are refused with 503.
        max_requests_per_second: Text frames that one socket may send, on average; more end it with 1008. Audio is
            slowed down instead, by not being read.
        max_header_bytes: Longest header line of a request.
        max_body_bytes: Longest body of a request; a longer one is refused with 413.
        max_frame_bytes: Longer WebSocket messages end the connection with 1009.
        max_backlog_bytes: What may wait for a slow reader before it is cut off.
        max_audio_backlog_seconds: Audio that may wait for the recogniser before the socket is no longer read.
        drain_seconds: How long `stop` may take.
        tls_certificate_file: PEM, with the chain; together with ``tls_key_file`` it makes the engine speak TLS.
        tls_key_file: PEM.
        public_url: How clients reach the engine, for the addresses in its answers; None takes the request's own host.
        store_url: Where conversations are kept: ``sqlite:///path`` or ``postgresql://…``. None keeps them in a nameless
            temporary file that is gone with the process.
        retention_seconds: A conversation that ended longer ago is deleted.
        sip_host: Local address for telephony (SIP and RTP over UDP); None switches telephony off.
        sip_port: Local SIP port; 0 takes a free one.
        sip_trunk: ``host:port`` that telephone numbers are dialled through; None allows SIP addresses only.

    Raises:
        ConfigurationError: A value makes no sense.
    """

    host: str = "127.0.0.1"
    port: int = 0
    recognizer: RecognizerName = "pocketsphinx"
    model_dir: Path | None = None
    accounts: Mapping[str, str] | None = field(default=None, repr=False)
    accounts_file: Path | None = None
    max_account_streams: int | None = None
    token_key: bytes | None = field(default=None, repr=False)
    token_lifetime_seconds: int = 86_400
    result_delay_seconds: tuple[float, float] = (0.0, 0.0)
    seed: int | None = None
    pool_processes: int = 1
    max_streams: int | None = None
    max_load: float = 0.9
    no_connection_timeout_seconds: float = 0.0
    silence_timeout_seconds: float = 1800.0
    completion_grace_seconds: float = 1.0
    heartbeat_seconds: float | None = 30.0
    max_connections: int = 15_000
    max_requests_per_second: float = 50.0
    max_header_bytes: int = 16_384
    max_body_bytes: int = 1 << 20
    max_frame_bytes: int = 1 << 20
    max_backlog_bytes: int = 4 << 20
    max_audio_backlog_seconds: float = 30.0
    drain_seconds: float = 5.0
    tls_certificate_file: Path | None = None
    tls_key_file: Path | None = None
    public_url: str | None = None
    store_url: str | None = field(default=None, repr=False)
    retention_seconds: float = 86_400.0
    sip_host: str | None = None
    sip_port: int = 0
    sip_trunk: str | None = None

    def __post_init__(self) -> None:
        low, high = self.result_delay_seconds
        problems = [
            text
            for wrong, text in (
                (self.recognizer not in RECOGNIZERS, f"recognizer is one of {', '.join(RECOGNIZERS)}"),
                (
                    self.recognizer in _NEEDS_MODEL and self.model_dir is None,
                    f"{self.recognizer} needs model_dir",
                ),
                (not 0 <= self.port <= 65_535, "port lies between 0 and 65535"),
                (not 0 <= low <= high, "result_delay_seconds are two numbers, the shorter delay first"),
                (self.pool_processes < 1, "pool_processes is at least 1"),
                (
                    not 600 <= self.token_lifetime_seconds <= 2_000_000,
                    "token_lifetime_seconds lies between 600 and 2000000",
                ),
                (self.no_connection_timeout_seconds < 0, "no_connection_timeout_seconds is not negative"),
                (self.silence_timeout_seconds <= 0, "silence_timeout_seconds is positive"),
                (self.completion_grace_seconds < 0, "completion_grace_seconds is not negative"),
                (self.heartbeat_seconds is not None and self.heartbeat_seconds <= 0, "heartbeat_seconds is positive"),
                (self.max_frame_bytes < 8_192, "max_frame_bytes is at least 8192"),
                (self.max_backlog_bytes < 65_536, "max_backlog_bytes is at least 65536"),
                (self.max_audio_backlog_seconds <= 0, "max_audio_backlog_seconds is positive"),
                (self.drain_seconds < 0, "drain_seconds is not negative"),
                (
                    self.max_account_streams is not None and self.max_account_streams < 1,
                    "max_account_streams is at least 1",
                ),
                (self.max_streams is not None and self.max_streams < 1, "max_streams is at least 1"),
                (not 0 < self.max_load <= 1, "max_load lies above 0 and is at most 1"),
                (self.max_connections < 1, "max_connections is at least 1"),
                (self.max_requests_per_second <= 0, "max_requests_per_second is positive"),
                (self.max_header_bytes < 8_192, "max_header_bytes is at least 8192"),
                (self.max_body_bytes < 65_536, "max_body_bytes is at least 65536"),
                (
                    (self.tls_certificate_file is None) != (self.tls_key_file is None),
                    "tls_certificate_file and tls_key_file go together",
                ),
                (
                    self.public_url is not None and not self.public_url.startswith(("http://", "https://")),
                    "public_url begins with http:// or https://",
                ),
                (self.retention_seconds <= 0, "retention_seconds is positive"),
                (not 0 <= self.sip_port <= 65_535, "sip_port lies between 0 and 65535"),
                (
                    self.sip_host in ("", "0.0.0.0", "::"),  # noqa: S104 -- refused, since others are told to answer there
                    "sip_host is the address that others reach the engine at",
                ),
                (self.sip_trunk is not None and self.sip_host is None, "sip_trunk needs sip_host"),
            )
            if wrong
        ]
        if problems:
            raise ConfigurationError("; ".join(problems))
