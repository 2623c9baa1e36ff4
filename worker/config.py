"""All settings of the worker: environment first, then one optional YAML file, then defaults.

Names nest with a double underscore: ``KAFKA__BOOTSTRAP_SERVERS`` is ``kafka.bootstrap_servers`` in YAML. All settings are
validated together; a wrong one and an unknown one are named. Only the wiring sees this module.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

import yaml
from phonenumbers import SUPPORTED_REGIONS
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from worker.audio.formats import AudioFormat, validate_format
from worker.errors import ConfigurationError
from worker.output.topics import Topics
from worker.records import Encoding, InsightType
from worker.redaction import DEFAULT_TYPES, TYPES, Custom, Mode, RedactionPolicy, Redactor
from worker.redaction.custom import CUSTOM
from worker.redaction.reading import HOME_REGION
from worker.spacy_model import load_model

CONFIG_FILE_VARIABLE = "SYMBL_WORKER_CONFIG"

_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/@]+)(?::(\d{1,5}))?")


def _split(value: object) -> object:
    """A list may be written as one comma-separated string, as environment variables need it."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


def _split_topics(value: object) -> object:
    """Like `_split`; a pattern may hold commas of its own."""
    return [value] if isinstance(value, str) and value.startswith("^") else _split(value)


def _pairs(value: object) -> object:
    """Names and values as ``A=1,B=2`` or as a mapping."""
    if isinstance(value, str):
        pairs = [item.partition("=") for item in value.split(",") if item.strip()]
        if not all(separator for _, separator, _ in pairs):
            raise ValueError("must be NAME=value, several of them comma-separated")
        return [(name.strip(), each.strip()) for name, _, each in pairs]
    return list(value.items()) if isinstance(value, Mapping) else value


def _region(value: str) -> str:
    if value not in SUPPORTED_REGIONS:
        raise ValueError("must be the two capital letters of a country")
    return value


def _json(value: object) -> object:
    """A list as JSON, as environment variables need it."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value or "[]")
    except ValueError:
        raise ValueError("must be JSON") from None


def _servers(value: str) -> str:
    servers = [server.strip() for server in value.split(",")]
    for server in servers:
        found = _SERVER.fullmatch(server)
        if found is None or not 1 <= int(found[1] or 9092) <= 65_535:
            raise ValueError("must be host:port, several of them comma-separated")
    return ",".join(servers)


def _base_url(value: str) -> str:
    problem = ValueError("must be http(s)://host[:port][/prefix]")
    try:
        parts = urlsplit(value)
        complete = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise problem from None
    if not complete or parts.username is not None or re.search(r"[\s?#]", value):
        raise problem
    return value


TopicNames = Annotated[tuple[str, ...], BeforeValidator(_split_topics)]
Types = Annotated[tuple[str, ...], BeforeValidator(_split)]
InsightTypes = Annotated[tuple[InsightType, ...], BeforeValidator(_split)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
NetworkSeconds = Annotated[float, Field(ge=0.1, le=86_400)]
Bytes = Annotated[int, Field(ge=64 * 1024, le=1 << 40)]


class _Section(BaseModel):
    # Inputs may be secrets: they are not for error texts.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class KafkaSettings(_Section):
    """How to reach the brokers."""

    bootstrap_servers: Annotated[str, AfterValidator(_servers)] = Field(
        "localhost:9092", description="Brokers, `host:port`, comma-separated."
    )
    client_id: str = Field(
        "symbl-worker", min_length=1, description="Name under which the clients show up at the brokers."
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Transport and authentication."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="Used with the SASL protocols."
    )
    sasl_username: str | None = Field(None, min_length=1, description="User name for SASL.")
    sasl_password: SecretStr | None = Field(None, description="Password for SASL.")
    sasl_password_file: Path | None = Field(None, description="File that holds the password for SASL.")
    ssl_cafile: Path | None = Field(None, description="CA certificates, PEM; the system's when not set.")
    ssl_certfile: Path | None = Field(None, description="Client certificate, PEM.")
    ssl_keyfile: Path | None = Field(None, description="Key of the client certificate, PEM.")
    session_timeout_seconds: NetworkSeconds = Field(
        10, description="After so long without a heartbeat a worker is dead."
    )
    request_timeout_seconds: NetworkSeconds = Field(30, description="Longest wait for one request to a broker.")
    transaction_timeout_seconds: Annotated[float, Field(ge=1, le=900)] = Field(
        60,
        description="Kafka aborts a transaction that is not finished by then; at most its `transaction.max.timeout.ms`.",
    )

    @model_validator(mode="after")
    def _sasl_is_complete(self) -> KafkaSettings:
        if self.security_protocol.startswith("SASL") and (
            self.sasl_username is None or (self.sasl_password is None) == (self.sasl_password_file is None)
        ):
            raise ValueError("SASL needs sasl_username and one of sasl_password and sasl_password_file")
        return self

    @model_validator(mode="after")
    def _key_has_certificate(self) -> KafkaSettings:
        if self.ssl_keyfile is not None and self.ssl_certfile is None:
            raise ValueError("ssl_keyfile needs ssl_certfile")
        return self

    def client_arguments(self) -> dict[str, Any]:
        """Keyword arguments that every aiokafka client takes.

        Raises:
            ConfigurationError: a file that is named cannot be read.
        """
        arguments: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "client_id": self.client_id,
            "security_protocol": self.security_protocol,
            "request_timeout_ms": int(self.request_timeout_seconds * 1000),
        }
        if self.security_protocol.startswith("SASL"):
            password = self.sasl_password.get_secret_value() if self.sasl_password is not None else None
            if self.sasl_password_file is not None:
                try:
                    password = read_secret(self.sasl_password_file, "KAFKA__SASL_PASSWORD_FILE")
                except OSError as error:
                    raise ConfigurationError(str(error)) from None
            arguments |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": password,
            }
        if self.security_protocol.endswith("SSL"):
            try:
                context = ssl.create_default_context(cafile=self.ssl_cafile)
                if self.ssl_certfile is not None:
                    context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile)
            except (OSError, ssl.SSLError) as error:
                raise ConfigurationError(f"KAFKA__SSL_*: certificates cannot be loaded: {error}") from None
            arguments["ssl_context"] = context
        return arguments


class TopicSettings(_Section):
    """Names of the topics."""

    audio: TopicNames = Field(
        ("symbl.audio",),
        min_length=1,
        description="Input topics, comma-separated, or one pattern that begins with `^`.",
    )
    captions: str = Field("symbl.captions", min_length=1, description="Interim text.")
    transcripts: str = Field("symbl.transcripts", min_length=1, description="Final transcripts in the clear.")
    redacted: str = Field("symbl.messages.redacted", min_length=1, description="Final messages, masked.")
    insights: str = Field("symbl.insights", min_length=1, description="Insights, masked.")
    conversations: str = Field("symbl.conversations", min_length=1, description="Life cycle of conversations.")
    dead_letters: str = Field("symbl.dead-letters", min_length=1, description="What could not be processed.")
    state: str = Field("symbl.state", min_length=1, description="Compacted changelog, internal.")
    partitions: int = Field(12, ge=1, le=10_000, description="Partitions that `topics create` gives to new topics.")
    replication_factor: int | None = Field(
        None,
        ge=1,
        le=32,
        description="Replicas that `topics create` asks for; 3, or as many as there are brokers, when not set.",
    )

    @model_validator(mode="after")
    def _names_are_usable(self) -> TopicSettings:
        names = self.names()
        if self.pattern is None:
            if any(name.startswith("^") for name in self.audio):
                raise ValueError("audio is either a list of topics or one pattern")
            return self
        try:
            own = self.inputs_among(names.outputs().values())
        except re.error as error:
            raise ValueError(f"audio is not a valid pattern: {error}") from None
        if own:
            raise ValueError(f"the pattern of audio takes in what the worker itself writes: {', '.join(own)}")
        return self

    @property
    def pattern(self) -> str | None:
        """What names of input topics begin with, when they are not listed."""
        return self.audio[0] if len(self.audio) == 1 and self.audio[0].startswith("^") else None

    def names(self) -> Topics:
        """The names as a value that the pure parts understand; a pattern of input topics is left out."""
        audio = tuple(name for name in self.audio if not name.startswith("^"))
        return Topics(
            audio=audio or ("symbl.audio",),
            captions=self.captions,
            transcripts=self.transcripts,
            redacted=self.redacted,
            insights=self.insights,
            conversations=self.conversations,
            dead_letters=self.dead_letters,
            state=self.state,
        )

    def inputs_among(self, existing: Iterable[str]) -> list[str]:
        """Those of these topics that the worker reads."""
        if self.pattern is None:
            return [name for name in existing if name in self.audio]
        return [name for name in existing if re.match(self.pattern, name)]


class SymblSettings(_Section):
    """The Symbl-compatible host."""

    base_url: Annotated[str, AfterValidator(_base_url)] = Field(
        "http://127.0.0.1:8700",
        description="Where the host is, with a path prefix if it has one.",
    )
    app_id: str = Field("", description="Application id.")
    app_secret: SecretStr | None = Field(None, description="Application secret.")
    app_secret_file: Path | None = Field(
        None, description="File that holds the secret; read again for every new token."
    )
    connect_timeout_seconds: Seconds = Field(
        10, description="Longest wait for a token, a handshake or `recognition_started`."
    )
    stop_timeout_seconds: Seconds = Field(
        60, description="Longest wait for `conversation_completed` after `stop_request`."
    )
    ping_seconds: Seconds = Field(
        5,
        description="Interval of WebSocket pings; a pong must come within the same time. Audio is only settled as silence by a pong.",
    )
    no_connection_timeout_seconds: int = Field(
        300, ge=0, le=1800, description="How long the host keeps a conversation whose last socket was lost."
    )
    reconnect_initial_seconds: Seconds = Field(
        0.2, description="Upper bound of the first reconnect delay (full jitter)."
    )
    reconnect_cap_seconds: Seconds = Field(15, description="Upper bound of later reconnect delays.")
    healthy_seconds: Seconds = Field(
        5, description="A connection that lived so long makes reconnect delays start anew."
    )
    max_refusals: int = Field(
        3, ge=1, le=100, description="A stream is given up when the host refused its start so often in a row."
    )
    pace: float = Field(
        2.0,
        ge=0,
        le=1000,
        description="Replay and catch-up run at most so many times faster than real time; 0 is no limit.",
    )
    identify: bool = Field(True, description="Ask the host to mark personal data in messages; the worker masks it.")
    redact: bool = Field(False, description="Ask the host to mask personal data itself, before it sends any text.")

    @model_validator(mode="after")
    def _one_secret(self) -> SymblSettings:
        if self.app_secret is not None and self.app_secret_file is not None:
            raise ValueError("give app_secret or app_secret_file, not both")
        return self

    @model_validator(mode="after")
    def _delays_are_in_order(self) -> SymblSettings:
        if self.reconnect_initial_seconds > self.reconnect_cap_seconds:
            raise ValueError("reconnect_initial_seconds must not be longer than reconnect_cap_seconds")
        return self


class WorkerSettings(_Section):
    """Consumption, settlement and shutdown."""

    group_id: str = Field("symbl-worker", min_length=1, description="Consumer group.")
    instance_id: str | None = Field(
        None,
        min_length=1,
        description="Static group membership; must be unique among the running workers (the pod's name).",
    )
    delivery: Literal["exactly_once", "at_least_once"] = Field(
        "exactly_once",
        description="Results, state and position in one Kafka transaction; or one after the other, which is cheaper and repeats results after a crash, under the same ids.",
    )
    commit_interval_seconds: Annotated[float, Field(ge=0.01, le=60)] = Field(
        0.1, description="Results are published and positions committed so often; sooner when there are many."
    )
    silence_horizon_seconds: Seconds = Field(
        10,
        description="Audio older than this is settled when nothing is being recognised; longer than the host's delay of interim results.",
    )
    max_hold_seconds: Seconds = Field(
        300, description="Audio that is sent and not settled for so long is given up with a gap record."
    )
    shutdown_seconds: Seconds = Field(25, description="One deadline for everything that a shutdown does.")
    rebalance_seconds: Seconds = Field(5, description="One deadline for everything that a rebalance does.")
    uvloop: bool = Field(True, description="Run on uvloop.")

    @model_validator(mode="after")
    def _horizons_are_in_order(self) -> WorkerSettings:
        if self.silence_horizon_seconds >= self.max_hold_seconds:
            raise ValueError("silence_horizon_seconds must be shorter than max_hold_seconds")
        return self


class AudioSettings(_Section):
    """Format of streams without a `start` record."""

    encoding: Encoding = Field(Encoding.LINEAR16, description="`LINEAR16`, `MULAW`, `FLAC` or `Opus`.")
    sample_rate_hz: int = Field(16000, description="Samples per second.")

    @model_validator(mode="after")
    def _format_is_supported(self) -> AudioSettings:
        problem = validate_format(self.encoding, self.sample_rate_hz)
        if problem is not None:
            raise ValueError(problem)
        return self

    @property
    def format(self) -> AudioFormat:
        """The two settings as one value."""
        return AudioFormat(self.encoding, self.sample_rate_hz)


class ConversationSettings(_Section):
    """What is asked of the host when `start` does not say, and when conversations end."""

    language: str = Field("en-US", min_length=2, description="BCP 47 tag.")
    insight_types: InsightTypes = Field(
        ("question", "action_item", "follow_up", "topic"), description="Any of question, action_item, follow_up, topic."
    )
    confidence_threshold: float = Field(0.5, ge=0, le=1, description="Insights below it are dropped by the host.")
    sentiment: bool = Field(False, description="Ask for the sentiment of messages.")
    detect_entities: bool = Field(True, description="Ask for entities.")
    idle_seconds: Seconds = Field(300, description="A conversation without input for so long is ended.")
    max_age_seconds: Seconds = Field(14_400, description="A conversation older than this is ended.")


class CaptionSettings(_Section):
    """Interim text for live captioning."""

    mode: Literal["off", "coalesced", "all"] = Field("coalesced", description="`off`, `coalesced` or `all`.")
    text: Literal["masked", "clear"] = Field(
        "masked",
        description="`masked` when redaction is on, or `clear` all the same, unless a `start` asks for redaction.",
    )
    interval_seconds: Seconds = Field(
        0.25, description="With `coalesced`, at most one caption per stream in this time."
    )


class TranscriptSettings(_Section):
    """The topic with transcripts in the clear."""

    enabled: bool = Field(True, description="Publish transcripts in the clear.")


class CustomSettings(_Section):
    """Patterns and words of the deployment, and the type of what they find."""

    type: str = CUSTOM
    patterns: tuple[str, ...] = ()
    words: tuple[str, ...] = Field((), repr=False)

    def value(self) -> Custom:
        """The same as a value that the pure parts understand.

        Raises:
            ValueError: the type, a pattern or a word is none.
        """
        try:
            return Custom(self.type, self.patterns, self.words)
        except ValueError as error:
            raise ValueError(f"custom {self.type}: {error}") from None


class RedactionSettings(_Section):
    """Masking of personal data ([what each choice means](privacy.md#choices))."""

    enabled: bool = Field(True, description="Mask personal data in messages, insights and captions.")
    mask: str = Field(
        "****", description="What stands in its place: 1 to 16 characters without digits or `@`, symbols at both ends."
    )
    types: Types = Field(
        tuple(sorted(DEFAULT_TYPES)),
        min_length=1,
        description="What is looked for; `DATE` and `DOMAIN_NAME` exist, too.",
    )
    thresholds: Annotated[tuple[tuple[str, float], ...], BeforeValidator(_pairs)] = Field(
        (), description="Least scores from which findings count, such as `PERSON_NAME=0.8,SSN=0.3`; else 0.5."
    )
    custom: Annotated[tuple[CustomSettings, ...], BeforeValidator(_json)] = Field(
        (),
        repr=False,
        description='Own patterns and words, in the environment as JSON: `[{"type": "EMPLOYEE_ID", "patterns": ["emp-?\\\\d{6}"], "words": ["project falcon"]}]`.',
    )
    mode: Mode = Field("mask", description="`mask`, `type` (`[CARD_NUMBER]`) or `hash` (`[CARD_NUMBER:3f9a2c41d7be]`).")
    modes: Annotated[tuple[tuple[str, Mode], ...], BeforeValidator(_pairs)] = Field(
        (), description="Modes of single types, such as `CARD_NUMBER=hash,PERSON_NAME=type`."
    )
    speakers: bool = Field(False, description="Mask names of speakers, everywhere but in transcripts.")
    hold_seconds: float = Field(
        8.0,
        ge=0,
        le=60,
        description="How long a message waits that may have begun something personal, for how its speaker goes on; with 0 its end is masked in doubt at once.",
    )
    hash_key: SecretStr | None = Field(None, description="Key of the hashes, 16 bytes and more.")
    hash_key_file: Path | None = Field(None, description="File that holds the key.")
    region: Annotated[str, AfterValidator(_region)] = Field(
        HOME_REGION, description="Country of phone numbers without a country code: two capital letters."
    )
    spacy_model: str | None = Field(
        None,
        min_length=1,
        description="A [spaCy pipeline of yours](privacy.md#a-model-of-your-own) that looks besides: a folder, or an installed package.",
    )
    spacy_types: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_pairs)] = Field(
        (("PERSON", "PERSON_NAME"), ("FAC", "ADDRESS")),
        min_length=1,
        description="Its labels, and the types that they stand for; other labels are left alone.",
    )

    @model_validator(mode="after")
    def _policy_is_whole(self) -> RedactionSettings:
        if self.hash_key is not None and self.hash_key_file is not None:
            raise ValueError("give hash_key or hash_key_file, not both")
        if self.policy().hashes and self.hash_key is None and self.hash_key_file is None:
            raise ValueError("mode hash needs hash_key or hash_key_file")
        if self.hash_key is not None:
            Redactor(key=self.hash_key.get_secret_value().encode())
        if not TYPES.issuperset(dict(self.spacy_types).values()):
            raise ValueError(f"spacy_types: the types are {', '.join(sorted(TYPES))}")
        return self

    def policy(self) -> RedactionPolicy:
        """The settings as a value that the pure parts understand, without the model.

        Raises:
            ValueError: they fit no policy.
        """
        return RedactionPolicy(
            mask=self.mask,
            types=self.types,
            thresholds=dict(self.thresholds),
            custom=[each.value() for each in self.custom],
            mode=self.mode,
            modes=dict(self.modes),
            region=self.region,
            speakers=self.speakers,
        )

    def redactor(self) -> Redactor:
        """The redactor of the deployment, with its key and its model, which this loads.

        Raises:
            ConfigurationError: the key's file cannot be read, or holds too short a key; the model cannot be used.
        """
        key = None if self.hash_key is None else self.hash_key.get_secret_value()
        try:
            if self.hash_key_file is not None:
                key = read_secret(self.hash_key_file, "REDACTION__HASH_KEY_FILE")
            models = [] if self.spacy_model is None else [load_model(self.spacy_model, dict(self.spacy_types))]
            return Redactor.of(self.policy(), None if key is None else key.encode(), models=models)
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"REDACTION: {error}") from None


class BufferSettings(_Section):
    """Backpressure, in bytes of audio held in memory."""

    stream_high_bytes: Bytes = Field(2 << 20, description="A stream with more unsent audio pauses its partition.")
    stream_low_bytes: Bytes = Field(1 << 20, description="Below it the partition is resumed.")
    worker_high_bytes: Bytes = Field(256 << 20, description="Beyond it all partitions are paused.")
    worker_low_bytes: Bytes = Field(192 << 20, description="Below it they are resumed.")
    fetch_partition_bytes: Bytes = Field(256 << 10, description="Most that one fetch returns of a partition.")

    @model_validator(mode="after")
    def _marks_are_in_order(self) -> BufferSettings:
        if self.stream_low_bytes >= self.stream_high_bytes or self.worker_low_bytes >= self.worker_high_bytes:
            raise ValueError("a low mark must be below its high mark")
        return self


class HttpSettings(_Section):
    """Metrics, health and sessions."""

    host: str = Field("127.0.0.1", description="Address to listen on; `0.0.0.0` in a container.")
    port: int = Field(8080, ge=0, le=65_535, description="Port; 0 picks a free one.")


class LogSettings(_Section):
    """Logs carry ids and counts, never contents."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Lowest level that is written.")
    format: Literal["json", "console"] = Field("json", description="`json` or `console`.")


class Settings(_Section):
    """All settings."""

    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    symbl: SymblSettings = SymblSettings()
    worker: WorkerSettings = WorkerSettings()
    audio: AudioSettings = AudioSettings()
    conversation: ConversationSettings = ConversationSettings()
    captions: CaptionSettings = CaptionSettings()
    transcripts: TranscriptSettings = TranscriptSettings()
    redaction: RedactionSettings = RedactionSettings()
    buffer: BufferSettings = BufferSettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()

    sections: ClassVar[frozenset[str]]

    @model_validator(mode="after")
    def _rebalances_end_in_time(self) -> Settings:
        if self.worker.rebalance_seconds >= self.kafka.session_timeout_seconds:
            raise ValueError("WORKER__REBALANCE_SECONDS must be shorter than KAFKA__SESSION_TIMEOUT_SECONDS")
        return self

    def app_secret(self) -> str:
        """The application secret, read anew from its file when there is one.

        Raises:
            OSError: the file cannot be read now; while it is being replaced, for example.
        """
        if self.symbl.app_secret_file is not None:
            return read_secret(self.symbl.app_secret_file, "SYMBL__APP_SECRET_FILE")
        return "" if self.symbl.app_secret is None else self.symbl.app_secret.get_secret_value()


Settings.sections = frozenset(Settings.model_fields)


def read_secret(path: Path, name: str) -> str:
    """The contents of a secret file without the line end.

    Raises:
        OSError: it cannot be read, or is empty; the text names the setting.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OSError(f"{name}: cannot be read ({type(error).__name__}): {path}") from None
    if not secret:
        raise OSError(f"{name}: is empty: {path}")
    return secret


def settings_fields() -> Iterator[tuple[str, str, object, str]]:
    """Every setting as ``(environment name, kind, default, description)``, in the order of the sections."""
    for section, field in Settings.model_fields.items():
        model = field.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        for name, setting in model.model_fields.items():
            yield f"{section}__{name}".upper(), str(setting.annotation), setting.default, setting.description or ""


def env_names() -> frozenset[str]:
    """The names of all settings as environment variables."""
    return frozenset(name for name, *_ in settings_fields())


def load_settings(environment: Mapping[str, str], file: Path | None = None) -> Settings:
    """Read and validate all settings together.

    Args:
        environment: usually ``os.environ``. A variable with a double underscore whose first part is one of our sections
            must be a setting; others are not ours and are left alone. An empty one means None where that is allowed.
        file: YAML file; when None, the one that ``SYMBL_WORKER_CONFIG`` names, if any.

    Raises:
        ConfigurationError: names every wrong and every unknown setting.
    """
    if file is None and environment.get(CONFIG_FILE_VARIABLE):
        file = Path(environment[CONFIG_FILE_VARIABLE])
    problems: list[str] = []
    values = _read_file(file, problems) if file is not None else {}
    defaults = {name: default for name, _, default, _ in settings_fields()}
    for name, value in environment.items():
        section, separator, key = name.partition("__")
        if not separator or section != section.upper() or section.lower() not in Settings.sections:
            continue
        if name not in defaults:
            problems.append(f"{name}: no such setting")
            continue
        empty = not value and defaults[name] is None
        values.setdefault(section.lower(), {})[key.lower()] = None if empty else value
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems += [_describe(item) for item in error.errors(include_input=False, include_url=False)]
        settings = None
    if problems or settings is None:
        raise ConfigurationError("wrong settings:\n  " + "\n  ".join(sorted(problems)))
    return settings


def _describe(item: Any) -> str:
    parts = [str(part) for part in item["loc"][:2]]
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] in ("extra_forbidden", "invalid_key"):
        # Unknown variables were found before: this one is from the file, and spelled as there.
        return f"{'.'.join(parts)}: no such setting"
    return f"{'__'.join(parts).upper()}: {message}" if parts else message


def _read_file(file: Path, problems: list[str]) -> dict[str, Any]:
    """The sections of a YAML file. Those that are no sections are named in ``problems`` and left out."""
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        # The text of the error quotes the file, which may hold secrets.
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        raise ConfigurationError(f"{file}: cannot be read as YAML ({type(error).__name__}{line})") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigurationError(f"{file}: must be sections of settings")
    sections: dict[str, Any] = {}
    for name, section in values.items():
        if not isinstance(name, str):
            problems.append(f"{name}: no such setting")
        elif section is None or isinstance(section, dict):
            sections[name] = section or {}
        else:
            problems.append(f"{name}: must be a section of settings")
    return sections


def topics_of(settings: Settings) -> Topics:
    """The names of the topics as a value that the pure parts understand; a pattern of input topics is left out."""
    return settings.topics.names()
