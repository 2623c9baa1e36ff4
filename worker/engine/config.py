"""Settings of the engine from the environment: ``ENGINE__<FIELD>`` for every field of :class:`EngineSettings`.

Secrets may be given as files: ``ENGINE__APP_SECRET_FILE``, ``ENGINE__TOKEN_KEY_FILE``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from worker.engine.settings import EngineSettings
from worker.errors import ConfigurationError

PREFIX: Final = "ENGINE__"
ACCOUNT: Final = ("app_id", "app_secret", "app_secret_file")
TOKEN_KEY: Final = ("token_key", "token_key_file")


def engine_env_names() -> frozenset[str]:
    """The names of all settings of the engine as environment variables."""
    plain = {field.name for field in fields(EngineSettings)} - {"accounts"}
    return frozenset(f"{PREFIX}{name}".upper() for name in plain | set(ACCOUNT) | set(TOKEN_KEY))


def load_engine_settings(environment: Mapping[str, str], given: Mapping[str, Any]) -> EngineSettings:
    """Read and validate all settings together.

    Args:
        given: fields that the command line names; they win. None means not given.

    Raises:
        ConfigurationError: names every wrong and every unknown setting.
    """
    known = engine_env_names()
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    values: dict[str, Any] = {
        name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if name in known
    }
    values |= {name: value for name, value in given.items() if value is not None}
    problems = [f"{name}: no such setting" for name in unknown]
    app_id, secret = values.pop("app_id", None), _secret(values, "app_secret", problems)
    if (app_id is None) != (secret is None):
        problems.append("ENGINE__APP_ID and ENGINE__APP_SECRET or ENGINE__APP_SECRET_FILE go together")
    elif app_id is not None:
        values["accounts"] = {app_id: secret}
    key = _secret(values, "token_key", problems)
    if key is not None:
        values["token_key"] = key.encode()
    if isinstance(values.get("result_delay_seconds"), str):
        values["result_delay_seconds"] = tuple(values["result_delay_seconds"].split(","))
    try:
        settings = TypeAdapter(EngineSettings).validate_python(values)
    except ConfigurationError as error:
        problems.append(str(error))
    except ValidationError as error:
        problems += [
            f"{PREFIX}{item['loc'][0] if item['loc'] else ''}".upper() + f": {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        ]
    if problems:
        raise ConfigurationError("wrong settings:\n  " + "\n  ".join(problems))
    return settings


def _secret(values: dict[str, Any], name: str, problems: list[str]) -> str | None:
    """A secret that is given as it is or as a file."""
    plain, file = values.pop(name, None), values.pop(f"{name}_file", None)
    if file is None:
        return None if plain is None else str(plain)
    if plain is not None:
        problems.append(f"{PREFIX}{name}: give it or its file, not both".replace(name, name.upper()))
        return None
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{PREFIX}{name.upper()}_FILE: cannot be read ({type(error).__name__})")
        return None
