"""The worker's settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from worker.config import CONFIG_FILE_VARIABLE, KafkaSettings, Settings, load_settings, settings_fields, topics_of
from worker.errors import ConfigurationError
from worker.records import Encoding
from worker.redaction import Custom, RedactionPolicy, Redactor

ROOT = Path(__file__).parents[2]
SECRET = "tr0ub4dor"  # a needle that must turn up nowhere


def problems_of(environment: dict[str, str], file: Path | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environment, file)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return str(caught.value)


def yaml_file(folder: Path, text: str) -> Path:
    file = folder / "settings.yaml"
    file.write_text(text, encoding="utf-8")
    return file


# --- where settings come from ---


def test_everything_has_a_default() -> None:
    """A worker needs no settings at all beside a broker and an engine on this machine."""
    assert load_settings({}) == Settings()


def test_the_environment_reaches_every_setting() -> None:
    """Every setting has a name in the environment, a description, and a default that it may be set to."""
    for name, _, default, description in settings_fields():
        assert description.endswith("."), name
        items = default if isinstance(default, tuple) else ("" if default is None else str(default),)
        text = ",".join(each if isinstance(each, str) else "=".join(each) for each in items)
        assert load_settings({name: text}) == Settings(), name


@pytest.mark.parametrize(
    ("name", "text", "section", "member", "value"),
    [
        ("KAFKA__BOOTSTRAP_SERVERS", "a:1, [::1]:2,c", "kafka", "bootstrap_servers", "a:1,[::1]:2,c"),
        ("TOPICS__AUDIO", "one, two", "topics", "audio", ("one", "two")),
        ("TOPICS__AUDIO", r"^calls\.\d{1,3}$", "topics", "audio", (r"^calls\.\d{1,3}$",)),
        ("CONVERSATION__INSIGHT_TYPES", "topic,question", "conversation", "insight_types", ("topic", "question")),
        ("CONVERSATION__INSIGHT_TYPES", "", "conversation", "insight_types", ()),
        ("WORKER__UVLOOP", "false", "worker", "uvloop", False),
        ("AUDIO__SAMPLE_RATE_HZ", "8000", "audio", "sample_rate_hz", 8000),
        ("SYMBL__PACE", "0", "symbl", "pace", 0.0),
    ],
)
def test_text_becomes_values(name: str, text: str, section: str, member: str, value: object) -> None:
    """Lists are comma-separated, a pattern keeps its commas, numbers and switches are read as such."""
    assert getattr(getattr(load_settings({name: text}), section), member) == value


def test_empty_variables_unset(tmp_path: Path) -> None:
    """An empty variable means None where None is allowed, and wins over the file like any other."""
    file = yaml_file(tmp_path, "worker: {instance_id: one}\nkafka: {ssl_cafile: /ca.pem}")
    settings = load_settings({"WORKER__INSTANCE_ID": "", "KAFKA__SSL_CAFILE": ""}, file)
    assert settings.worker.instance_id is None
    assert settings.kafka.ssl_cafile is None


def test_precedence(tmp_path: Path) -> None:
    """Environment, then file, then default; a section that both set is merged member by member."""
    file = yaml_file(tmp_path, "http: {host: 0.0.0.0, port: 1}\ntopics:\n  audio: [a, b]\nlog:\n")
    settings = load_settings({"HTTP__PORT": "2", "LOG__LEVEL": "DEBUG"}, file)
    assert (settings.http.host, settings.http.port) == ("0.0.0.0", 2)
    assert settings.topics.audio == ("a", "b")
    assert (settings.log.level, settings.log.format) == ("DEBUG", "json")


def test_file_from_the_environment(tmp_path: Path) -> None:
    """The variable names the file, unless the caller names one."""
    variable = {CONFIG_FILE_VARIABLE: str(yaml_file(tmp_path, "http: {port: 1}"))}
    other = tmp_path / "other.yaml"
    other.write_text("http: {port: 2}")
    assert load_settings(variable).http.port == 1
    assert load_settings(variable, other).http.port == 2
    assert load_settings({CONFIG_FILE_VARIABLE: ""}) == Settings()


def test_an_empty_file(tmp_path: Path) -> None:
    """A file in which everything is commented out sets nothing."""
    assert load_settings({}, yaml_file(tmp_path, "# nothing\n")) == Settings()


@pytest.mark.parametrize("name", ["PATH", "OTHER__NAME", "KAFKA_PORT", "KAFKA", "kafka__bootstrap_server", "__", "A__"])
def test_other_variables_are_left_alone(name: str) -> None:
    """Only names that begin with one of our sections and a double underscore are ours."""
    assert load_settings({name: "x"}) == Settings()


def test_settings_are_frozen() -> None:
    """Settings cannot be changed once they are made."""
    with pytest.raises(ValidationError):
        Settings().http.port = 1  # type: ignore[misc]  # that it fails is the point


# --- what is wrong with them ---


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("KAFKA__BOOTSTRAP_SERVERS", "", "must be host:port"),
        ("KAFKA__BOOTSTRAP_SERVERS", "a:b", "must be host:port"),
        ("KAFKA__BOOTSTRAP_SERVERS", "a:0", "must be host:port"),
        ("KAFKA__BOOTSTRAP_SERVERS", "a:1,,b:1", "must be host:port"),
        ("KAFKA__BOOTSTRAP_SERVERS", "kafka://a:1", "must be host:port"),
        ("KAFKA__SECURITY_PROTOCOL", "TLS", "'SASL_SSL'"),
        ("KAFKA__SESSION_TIMEOUT_SECONDS", "0", "greater than or equal"),
        ("KAFKA__REQUEST_TIMEOUT_SECONDS", "soon", "valid number"),
        ("TOPICS__AUDIO", "", "at least 1 item"),
        ("TOPICS__PARTITIONS", "0", "greater than"),
        ("SYMBL__BASE_URL", "symbl.ai", "must be http"),
        ("SYMBL__BASE_URL", "http://", "must be http"),
        ("SYMBL__BASE_URL", "http://a:x", "must be http"),
        ("SYMBL__BASE_URL", "http://a/?x=1", "must be http"),
        ("SYMBL__BASE_URL", f"http://me:{SECRET}@a", "must be http"),
        ("SYMBL__PACE", "nan", "less than or equal"),
        ("SYMBL__MAX_REFUSALS", "1.5", "valid integer"),
        ("WORKER__SHUTDOWN_SECONDS", "-1", "greater than 0"),
        ("WORKER__SHUTDOWN_SECONDS", "inf", "less than or equal"),
        ("WORKER__COMMIT_INTERVAL_SECONDS", "0", "greater than"),
        ("WORKER__UVLOOP", "perhaps", "valid boolean"),
        ("WORKER__GROUP_ID", "", "at least 1 character"),
        ("AUDIO__ENCODING", "MP3", "'LINEAR16'"),
        ("CONVERSATION__INSIGHT_TYPES", "question,joke", "'follow_up'"),
        ("CONVERSATION__CONFIDENCE_THRESHOLD", "2", "less than or equal to 1"),
        ("CAPTIONS__MODE", "some", "'coalesced'"),
        ("CAPTIONS__TEXT", "off", "'clear'"),
        ("BUFFER__WORKER_HIGH_BYTES", "1", "greater than"),
        ("HTTP__PORT", "65536", "less than or equal"),
        ("LOG__LEVEL", "debug", "'DEBUG'"),
        ("KAFKA__BOOTSTRAP_SERVER", "a:1", "no such setting"),
        ("KAFKA__", "a:1", "no such setting"),
        ("AUDIO__ENCODING__X", "a", "no such setting"),
    ],
)
def test_a_wrong_variable_is_named(name: str, text: str, reason: str) -> None:
    """The text names the variable as it was written and says what is expected, without quoting the value."""
    text_of_error = problems_of({name: text})
    assert text_of_error.startswith(f"wrong settings:\n  {name}: ")
    assert reason in text_of_error
    assert SECRET not in text_of_error


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("kafka: {bootstrap_server: x}", "kafka.bootstrap_server: no such setting"),
        ("kafka: {BOOTSTRAP_SERVERS: x}", "kafka.BOOTSTRAP_SERVERS: no such setting"),
        ("kafak: {bootstrap_servers: x}", "kafak: no such setting"),
        ("kafak:\n", "kafak: no such setting"),
        ("yes: {a: b}", "True: no such setting"),
        ("http: {8080: b}", "http.8080: no such setting"),
        ("http: 8080", "http: must be a section of settings"),
        ("http: {port: [1]}", "HTTP__PORT: Input should be a valid integer"),
        ("topics: {audio: 7}", "TOPICS__AUDIO: Input should be a valid tuple"),
    ],
)
def test_a_wrong_member_of_the_file_is_named(tmp_path: Path, text: str, name: str) -> None:
    """Unknown sections and members are named as the file spells them, wrong values by their setting."""
    assert problems_of({}, yaml_file(tmp_path, text)).startswith(f"wrong settings:\n  {name}")


@pytest.mark.parametrize(
    "text", ["- a", "text", "a: [", f"symbl: {{app_secret: {SECRET}", "!!python/object:os.system x"]
)
def test_an_unusable_file_is_named(tmp_path: Path, text: str) -> None:
    """A file that is no sections of settings is named, and not quoted."""
    file = yaml_file(tmp_path, text)
    assert problems_of({}, file).startswith(f"{file}: ")
    assert SECRET not in problems_of({}, file)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    """A file that does not exist is an error, not no file."""
    file = tmp_path / "none.yaml"
    assert problems_of({}, file) == f"{file}: cannot be read as YAML (FileNotFoundError)"
    assert problems_of({}, tmp_path) == f"{tmp_path}: cannot be read as YAML (IsADirectoryError)"


def test_all_problems_are_reported_together(tmp_path: Path) -> None:
    """One start names everything: unknown and wrong, from the environment and from the file."""
    file = yaml_file(tmp_path, "http: 1\nlog: {level: LOUD}\nnonsense: {a: 1}")
    environment = {
        "KAFKA__BOOTSTRAP_SERVER": "a:1",
        "KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "AUDIO__ENCODING": "MULAW",
        "SYMBL__APP_SECRET": SECRET,
        "SYMBL__APP_SECRET_FILE": "/x",
        "BUFFER__STREAM_LOW_BYTES": "many",
    }
    text = problems_of(environment, file)
    named = [line.strip().split(":")[0] for line in text.splitlines()[1:]]
    assert named == sorted(
        [
            *("AUDIO", "BUFFER__STREAM_LOW_BYTES", "KAFKA", "KAFKA__BOOTSTRAP_SERVER"),
            *("LOG__LEVEL", "SYMBL", "http", "nonsense"),
        ]
    )
    assert SECRET not in text


# --- rules between settings ---


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"SASL_USERNAME": "u"},
        {"SASL_PASSWORD": SECRET},
        {"SASL_USERNAME": "u", "SASL_PASSWORD": SECRET, "SASL_PASSWORD_FILE": "/x"},
        {"SASL_USERNAME": "", "SASL_PASSWORD": SECRET},
    ],
)
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_sasl_is_complete(protocol: str, given: dict[str, str]) -> None:
    """SASL needs a user name and exactly one of password and password file."""
    environment = {"KAFKA__SECURITY_PROTOCOL": protocol} | {f"KAFKA__{name}": value for name, value in given.items()}
    text = problems_of(environment)
    assert "KAFKA: SASL needs sasl_username and one of sasl_password and sasl_password_file" in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"KAFKA__SSL_KEYFILE": "/k"}, "KAFKA: ssl_keyfile needs ssl_certfile"),
        ({"SYMBL__APP_SECRET": SECRET, "SYMBL__APP_SECRET_FILE": "/x"}, "SYMBL: give app_secret or app_secret_file"),
        ({"SYMBL__RECONNECT_INITIAL_SECONDS": "16"}, "SYMBL: reconnect_initial_seconds must not be longer"),
        ({"WORKER__SILENCE_HORIZON_SECONDS": "300"}, "WORKER: silence_horizon_seconds must be shorter"),
        ({"WORKER__REBALANCE_SECONDS": "10"}, "WORKER__REBALANCE_SECONDS must be shorter than KAFKA__SESSION_TIMEOUT"),
        ({"BUFFER__STREAM_LOW_BYTES": str(2 << 20)}, "BUFFER: a low mark must be below its high mark"),
        ({"BUFFER__WORKER_HIGH_BYTES": str(192 << 20)}, "BUFFER: a low mark must be below its high mark"),
        ({"REDACTION__MASK": "12"}, "REDACTION: a mask"),
        ({"REDACTION__MASK": ""}, "REDACTION: a mask"),
        ({"REDACTION__TYPES": ""}, "REDACTION__TYPES: Tuple should have at least 1 item"),
        ({"REDACTION__TYPES": "NAME"}, "REDACTION: the types are"),
        ({"REDACTION__THRESHOLDS": "SSN"}, "REDACTION__THRESHOLDS: must be NAME=value"),
        ({"REDACTION__THRESHOLDS": "SSN=x"}, "REDACTION__THRESHOLDS: Input should be a valid number"),
        ({"REDACTION__THRESHOLDS": "SSN=2"}, "REDACTION: a threshold lies between 0 and 1"),
        ({"REDACTION__CUSTOM": f"[{SECRET}"}, "REDACTION__CUSTOM: must be JSON"),
        ({"REDACTION__CUSTOM": f'["{SECRET}"]'}, "REDACTION__CUSTOM: Input should be a valid dictionary"),
        ({"REDACTION__CUSTOM": f'[{{"patterns": ["({SECRET})"]}}]'}, "REDACTION: custom CUSTOM: character 1"),
        ({"REDACTION__CUSTOM": f'[{{"words": ["{SECRET * 20}"]}}]'}, "REDACTION: custom CUSTOM: there are up to"),
        ({"REDACTION__MODE": "loud"}, "REDACTION__MODE: Input should be"),
        ({"REDACTION__MODES": "SSN=loud"}, "REDACTION__MODES: Input should be"),
        ({"REDACTION__MODES": "OWN=type"}, "REDACTION: modes are for own types and"),
        ({"REDACTION__MODES": "SSN=hash"}, "REDACTION: mode hash needs hash_key or hash_key_file"),
        ({"REDACTION__HASH_KEY": "0123456789abcde"}, "REDACTION: a key has at least 16 bytes"),
        (
            {"REDACTION__HASH_KEY": SECRET, "REDACTION__HASH_KEY_FILE": "/x"},
            "REDACTION: give hash_key or hash_key_file",
        ),
        ({"REDACTION__REGION": "gb"}, "REDACTION__REGION: must be the two capital letters"),
        ({"TOPICS__CAPTIONS": "a b"}, "TOPICS: captions: not a valid topic name"),
        ({"TOPICS__STATE": "symbl.captions"}, "TOPICS: state: 'symbl.captions' is already used for captions"),
        ({"TOPICS__INSIGHTS": "symbl.audio"}, "TOPICS: insights: 'symbl.audio' is already used for audio"),
        ({"TOPICS__AUDIO": "a,^b"}, "TOPICS: "),
        ({"TOPICS__AUDIO": "^("}, "TOPICS: audio is not a valid pattern"),
        ({"TOPICS__AUDIO": r"^symbl\."}, "TOPICS: the pattern of audio takes in what the worker itself writes"),
    ],
)
def test_settings_fit_each_other(environment: dict[str, str], text: str) -> None:
    """What cannot be meant is refused at the start: it would fail, lose data or loop later."""
    problems = problems_of(environment)
    assert f"\n  {text}" in problems
    assert SECRET not in problems


@pytest.mark.parametrize(
    ("encoding", "rate", "fits"),
    [
        (Encoding.LINEAR16, 8000, True),
        (Encoding.LINEAR16, 7999, False),
        (Encoding.MULAW, 8000, True),
        (Encoding.MULAW, 16000, False),
        (Encoding.FLAC, 16000, True),
        (Encoding.FLAC, 8000, False),
        (Encoding.OPUS, 48000, True),
        (Encoding.OPUS, 96000, False),
    ],
)
def test_the_default_format_is_supported(encoding: Encoding, rate: int, fits: bool) -> None:
    """The format of streams without `start` obeys the same limits as the one that a `start` asks for."""
    environment = {"AUDIO__ENCODING": encoding.value, "AUDIO__SAMPLE_RATE_HZ": str(rate)}
    if fits:
        form = load_settings(environment).audio.format
        assert (form.encoding, form.sample_rate_hz) == (encoding, rate)
    else:
        assert f"AUDIO: sample_rate_hz: {encoding} needs " in problems_of(environment)


# --- topics ---


def test_topics_by_name() -> None:
    """Listed input topics are handed on; what the worker reads among others is those."""
    settings = load_settings({"TOPICS__AUDIO": "a,b"})
    assert topics_of(settings).audio == ("a", "b")
    assert settings.topics.pattern is None
    assert settings.topics.inputs_among(["b", "aa", "symbl.state"]) == ["b"]


def test_topics_by_pattern() -> None:
    """A pattern is no name of a topic: it is left out, and says what is read as the consumer will."""
    settings = load_settings({"TOPICS__AUDIO": r"^calls\.", "TOPICS__STATE": "state"})
    assert topics_of(settings).audio == ("symbl.audio",)
    assert topics_of(settings).state == "state"
    assert settings.topics.inputs_among(["calls.a", "old.calls.a", "calls.b"]) == ["calls.a", "calls.b"]


# --- redaction ---

CHOICES = {
    "REDACTION__TYPES": "SSN, DATE",
    "REDACTION__THRESHOLDS": "SSN=0.3, DATE=1",
    "REDACTION__CUSTOM": r'[{"type": "EMPLOYEE_ID", "patterns": ["emp-?\\d{6}"]}, {"words": ["falcon"]}]',
    "REDACTION__MODE": "type",
    "REDACTION__MODES": "SSN=hash,EMPLOYEE_ID=mask",
    "REDACTION__HASH_KEY": SECRET * 2,
    "REDACTION__REGION": "GB",
}


def test_choices_of_redaction(tmp_path: Path) -> None:
    """What is looked for and what takes its place is chosen by the environment or by a file, with the same result."""
    policy = load_settings(CHOICES).redaction.policy()
    assert policy == RedactionPolicy(
        types={"SSN", "DATE"},
        thresholds={"SSN": 0.3, "DATE": 1.0},
        custom=[Custom("EMPLOYEE_ID", (r"emp-?\d{6}",)), Custom(words=("falcon",))],
        mode="type",
        modes={"SSN": "hash", "EMPLOYEE_ID": "mask"},
        region="GB",
    )
    text = r"""
        redaction:
          types: [SSN, DATE]
          thresholds: {SSN: 0.3, DATE: 1}
          custom: [{type: EMPLOYEE_ID, patterns: ['emp-?\d{6}']}, {words: [falcon]}]
          mode: type
          modes: {SSN: hash, EMPLOYEE_ID: mask}
          hash_key_file: /key
          region: GB
    """
    assert load_settings({}, yaml_file(tmp_path, text)).redaction.policy() == policy


def test_the_key_of_hashes(tmp_path: Path) -> None:
    """It is read once, at the start, as it is or from its file; a file that is not usable is named."""
    file = tmp_path / "key"
    choices = {name: value for name, value in CHOICES.items() if name != "REDACTION__HASH_KEY"}
    from_file = load_settings(choices | {"REDACTION__HASH_KEY_FILE": str(file)}).redaction
    with pytest.raises(ConfigurationError, match="REDACTION__HASH_KEY_FILE: cannot be read"):
        from_file.redactor()
    file.write_text("short")
    with pytest.raises(ConfigurationError, match="at least 16 bytes"):
        from_file.redactor()
    file.write_text(f"{SECRET * 2}\n")
    redactors = [each.redactor().for_conversation("call") for each in (from_file, load_settings(CHOICES).redaction)]
    text = "my social is 219-09-9999"
    assert redactors[0].mask(text) == redactors[1].mask(text) != Redactor().mask(text)


def test_a_model_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, a model that is set stops the start; without a model nobody needs it, nor waits for it."""
    imported = "import sys, worker.app; print('spacy' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", imported], cwd=ROOT, text=True) == "False\n"
    monkeypatch.setitem(sys.modules, "spacy", None)
    load_settings({}).redaction.redactor()
    with pytest.raises(ConfigurationError, match="REDACTION__SPACY_MODEL: needs the extra 'spacy'"):
        load_settings({"REDACTION__SPACY_MODEL": "/model"}).redaction.redactor()


def test_labels_of_a_model(tmp_path: Path) -> None:
    """They are pairs, in the environment and in a file, and stand for types that exist."""
    redaction = load_settings({"REDACTION__SPACY_TYPES": "PER=PERSON_NAME, LOC=ADDRESS"}).redaction
    assert dict(redaction.spacy_types) == {"PER": "PERSON_NAME", "LOC": "ADDRESS"}
    text = "redaction: {spacy_types: {PER: PERSON_NAME, LOC: ADDRESS}}"
    assert load_settings({}, yaml_file(tmp_path, text)).redaction == redaction
    for wrong in ("PER=NAME", "PER", ""):
        with pytest.raises(ConfigurationError, match=r"REDACTION.*(the types are|NAME=value|at least 1)"):
            load_settings({"REDACTION__SPACY_TYPES": wrong})


def test_redaction_shows_no_secrets() -> None:
    """Neither the key nor own words are in any repr: a deployment may look for what is secret itself."""
    settings = load_settings(CHOICES)
    for text in (repr(settings), str(settings), repr(settings.redaction.redactor())):
        assert SECRET not in text
        assert "falcon" not in text


# --- secrets ---


def test_secrets_are_not_shown() -> None:
    """Neither repr nor str nor a dump of the settings shows a secret."""
    settings = load_settings(
        {
            "SYMBL__APP_SECRET": SECRET,
            "KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA__SASL_USERNAME": "u",
            "KAFKA__SASL_PASSWORD": SECRET,
        }
    )
    for text in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert SECRET not in text
    assert settings.app_secret() == SECRET
    assert settings.kafka.client_arguments()["sasl_plain_password"] == SECRET


def test_pydantic_does_not_quote_secrets() -> None:
    """Not even an error that escapes the loading quotes what it was given."""
    with pytest.raises(ValidationError) as caught:
        KafkaSettings.model_validate({"sasl_password": [SECRET], "client_id": [SECRET]})
    assert SECRET not in str(caught.value)


def test_no_secret_is_an_empty_one() -> None:
    """Without a secret the empty one is sent: an engine without accounts accepts any."""
    assert load_settings({}).app_secret() == ""


def test_a_changed_secret_file_is_read_anew(tmp_path: Path) -> None:
    """The application secret is read whenever it is needed, without its line end."""
    file = tmp_path / "secret"
    file.write_text("one\n")
    settings = load_settings({"SYMBL__APP_SECRET_FILE": str(file)})
    assert settings.app_secret() == "one"
    file.write_text("two")
    assert settings.app_secret() == "two"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe\xfa"])
def test_an_unreadable_secret_file_may_become_readable(tmp_path: Path, content: bytes | None) -> None:
    """It is an OSError, which token requests repeat: a file that is being replaced costs no stream."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    settings = load_settings({"SYMBL__APP_SECRET_FILE": str(file)})
    with pytest.raises(OSError, match=r"^SYMBL__APP_SECRET_FILE: (cannot be read|is empty)") as caught:
        settings.app_secret()
    assert not isinstance(caught.value, ConfigurationError)


# --- what clients of Kafka are given ---


def client_arguments(**environment: str) -> dict[str, Any]:
    names = {f"KAFKA__{name.upper()}": value for name, value in environment.items()}
    return load_settings(names).kafka.client_arguments()


def test_plain_clients() -> None:
    """Without TLS and SASL clients are given neither certificates nor credentials; times are in milliseconds."""
    assert client_arguments(request_timeout_seconds="1.5", sasl_username="u") == {
        "bootstrap_servers": "localhost:9092",
        "client_id": "symbl-worker",
        "security_protocol": "PLAINTEXT",
        "request_timeout_ms": 1500,
    }


def test_sasl_from_a_file(tmp_path: Path) -> None:
    """The password file is read whenever clients are made; a problem with it names the setting."""
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    given = {"security_protocol": "SASL_SSL", "sasl_username": "u", "sasl_password_file": str(file)}
    arguments = client_arguments(**given)
    assert arguments["sasl_plain_password"] == SECRET
    assert arguments["ssl_context"].check_hostname
    file.unlink()
    with pytest.raises(ConfigurationError, match=r"^KAFKA__SASL_PASSWORD_FILE: cannot be read"):
        client_arguments(**given)


@pytest.mark.parametrize("name", ["ssl_cafile", "ssl_certfile"])
def test_wrong_certificates_are_named(tmp_path: Path, name: str) -> None:
    """Certificates that cannot be loaded are a wrong setting, whether absent or not certificates."""
    with pytest.raises(ConfigurationError, match=r"^KAFKA__SSL_\*: certificates cannot be loaded"):
        client_arguments(**{"security_protocol": "SSL", name: str(tmp_path / "none.pem")})
    (tmp_path / "wrong.pem").write_text("no certificate")
    with pytest.raises(ConfigurationError, match=r"^KAFKA__SSL_\*: certificates cannot be loaded"):
        client_arguments(**{"security_protocol": "SSL", name: str(tmp_path / "wrong.pem")})
