"""The engine's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.engine.config import engine_env_names, load_engine_settings
from worker.engine.settings import EngineSettings
from worker.errors import ConfigurationError

SECRET = "tr0ub4dor"


def problems_of(environment: dict[str, str], **given: object) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_engine_settings(environment, given)
    head, *problems = str(caught.value).split("\n  ")
    assert head == "wrong settings:"
    assert SECRET not in str(caught.value)
    return problems


def test_everything_has_a_default() -> None:
    """An engine needs no settings."""
    assert load_engine_settings({}, {}) == EngineSettings()


def test_environment() -> None:
    """Every field can be given as text; other variables are left alone."""
    settings = load_engine_settings(
        {
            "ENGINE__HOST": "::1",
            "ENGINE__PORT": "1",
            "ENGINE__RECOGNIZER": "sherpa-onnx",
            "ENGINE__MODEL_DIR": "/models",
            "ENGINE__TOKEN_KEY": "key",
            "ENGINE__RESULT_DELAY_SECONDS": "0.5, 1",
            "ENGINE__SEED": "7",
            "ENGINE_PORT": "tcp://10.0.0.1:8700",
            "HTTP__PORT": "x",
        },
        {},
    )
    assert (settings.host, settings.port, settings.recognizer) == ("::1", 1, "sherpa-onnx")
    assert (settings.model_dir, settings.token_key) == (Path("/models"), b"key")
    assert (settings.result_delay_seconds, settings.seed) == ((0.5, 1.0), 7)


def test_the_command_line_wins() -> None:
    """What was given on the command line wins over the environment; None was not given."""
    settings = load_engine_settings(
        {"ENGINE__PORT": "1", "ENGINE__HOST": "a"}, {"port": 2, "host": None, "result_delay_seconds": (0.0, 1.0)}
    )
    assert (settings.port, settings.host, settings.result_delay_seconds) == (2, "a", (0.0, 1.0))


def test_empty_variables_unset() -> None:
    """An empty variable means None where None is allowed: no accounts, no heartbeats, a key of its own."""
    unset = ("APP_ID", "APP_SECRET", "APP_SECRET_FILE", "TOKEN_KEY", "MODEL_DIR", "SEED", "HEARTBEAT_SECONDS")
    settings = load_engine_settings({f"ENGINE__{name}": "" for name in unset}, {})
    assert settings == EngineSettings(heartbeat_seconds=None)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("ENGINE__RECOGNIZER", "whisper", ": Input should be 'pocketsphinx', 'coded'"),
        ("ENGINE__RECOGNIZER", "sherpa-onnx", "ENGINE__MODEL_DIR"),
        ("ENGINE__PORT", "http", ": Input should be a valid integer"),
        ("ENGINE__PORT", "", ": Input should be a valid integer"),
        ("ENGINE__PORT", "65536", " lies between 0 and 65535"),
        ("ENGINE__POOL_PROCESSES", "0", " is at least 1"),
        ("ENGINE__RESULT_DELAY_SECONDS", "2,1", " are two numbers"),
        ("ENGINE__RESULT_DELAY_SECONDS", "1", ": Field required"),
        ("ENGINE__RESULT_DELAY_SECONDS", "0,inf", ": Input should be a finite number"),
        ("ENGINE__SILENCE_TIMEOUT_SECONDS", "nan", ": Input should be a finite number"),
        ("ENGINE__MAX_AUDIO_BACKLOG_SECONDS", "inf", ": Input should be a finite number"),
        ("ENGINE__MAX_FRAME_BYTES", "10", " is at least 8192"),
        ("ENGINE__DRAIN_SECONDS", "-1", " is not negative"),
        ("ENGINE__TOKEN_LIFETIME_SECONDS", "599", " lies between 600 and 2000000"),
        ("ENGINE__TOKEN_LIFETIME_SECONDS", "2592000", " lies between 600 and 2000000"),
        ("ENGINE__MAX_ACCOUNT_STREAMS", "0", " is at least 1"),
        ("ENGINE__MAX_STREAMS", "0", " is at least 1"),
        ("ENGINE__MAX_LOAD", "1.1", " lies above 0 and is at most 1"),
        ("ENGINE__MAX_CONNECTIONS", "0", " is at least 1"),
        ("ENGINE__MAX_REQUESTS_PER_SECOND", "0", " is positive"),
        ("ENGINE__MAX_HEADER_BYTES", "100", " is at least 8192"),
        ("ENGINE__MAX_BODY_BYTES", "100", " is at least 65536"),
        ("ENGINE__TLS_KEY_FILE", "/key", " go together"),
        ("ENGINE__PUBLIC_URL", "engine.example.com", " begins with http"),
        ("ENGINE__PROT", "1", ": no such setting"),
        ("ENGINE__ACCOUNTS", "a", ": no such setting"),
    ],
)
def test_a_wrong_variable_is_named(name: str, text: str, reason: str) -> None:
    """The text names the variable and says what is expected."""
    (problem,) = problems_of({name: text})
    assert name in problem or name == "ENGINE__RECOGNIZER"
    assert reason in problem


def test_a_wrong_option_is_named() -> None:
    """What was wrong on the command line is named by the same name."""
    assert problems_of({}, recognizer="nonsense")[0].startswith("ENGINE__RECOGNIZER: ")
    assert problems_of({}, port=99_999) == ["ENGINE__PORT lies between 0 and 65535"]


def test_all_problems_are_reported_together(tmp_path: Path) -> None:
    """Unknown names, wrong types, values out of range and missing files in one text."""
    problems = problems_of(
        {
            "ENGINE__PROT": "1",
            "ENGINE__SEED": "x",
            "ENGINE__PORT": "-1",
            "ENGINE__DRAIN_SECONDS": "-1",
            "ENGINE__APP_ID": "app",
            "ENGINE__TOKEN_KEY_FILE": str(tmp_path / "none"),
        }
    )
    names = [problem.replace(":", " ").split(" ")[0] for problem in problems]
    assert names == [
        *("ENGINE__APP_ID", "ENGINE__DRAIN_SECONDS", "ENGINE__PORT"),
        *("ENGINE__PROT", "ENGINE__SEED", "ENGINE__TOKEN_KEY_FILE"),
    ]


def test_accounts() -> None:
    """Id and secret make the one account that is accepted; neither is shown."""
    settings = load_engine_settings({"ENGINE__APP_SECRET": SECRET, "ENGINE__TOKEN_KEY": SECRET}, {"app_id": "app"})
    assert settings.accounts == {"app": SECRET}
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    "environment",
    [{"ENGINE__APP_ID": "a"}, {"ENGINE__APP_SECRET": SECRET}, {"ENGINE__APP_ID": "a", "ENGINE__APP_SECRET": ""}],
)
def test_half_an_account_is_refused(environment: dict[str, str]) -> None:
    """An id without a secret, or the reverse, must not become an engine that lets everybody in."""
    assert problems_of(environment) == ["ENGINE__APP_ID and ENGINE__APP_SECRET or ENGINE__APP_SECRET_FILE go together"]


def test_secret_files(tmp_path: Path) -> None:
    """Secrets may be files; the line end does not belong to them."""
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    settings = load_engine_settings(
        {
            "ENGINE__APP_ID": "app",
            "ENGINE__APP_SECRET_FILE": str(tmp_path / "secret"),
            "ENGINE__TOKEN_KEY_FILE": str(tmp_path / "secret"),
        },
        {},
    )
    assert settings.accounts == {"app": SECRET}
    assert settings.token_key == SECRET.encode()


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
@pytest.mark.parametrize("name", ["APP_SECRET", "TOKEN_KEY"])
def test_unusable_secret_files(tmp_path: Path, name: str, content: bytes | None) -> None:
    """Absent, empty and unreadable files are refused: none of them may weaken what guards the engine."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    (problem,) = problems_of({f"ENGINE__{name}_FILE": str(file)} | ({"ENGINE__APP_ID": "a"} if "APP" in name else {}))
    assert problem.startswith(f"ENGINE__{name}_FILE: ")


def test_a_secret_is_given_once() -> None:
    """A secret and its file exclude each other."""
    (problem,) = problems_of({"ENGINE__TOKEN_KEY": SECRET, "ENGINE__TOKEN_KEY_FILE": "/x"})
    assert problem == "ENGINE__TOKEN_KEY: give it or its file, not both"


def test_names() -> None:
    """The names that are known are the fields, and the parts of an account."""
    names = engine_env_names()
    assert {"ENGINE__PORT", "ENGINE__APP_ID", "ENGINE__TOKEN_KEY_FILE"} <= names
    assert "ENGINE__ACCOUNTS" not in names
