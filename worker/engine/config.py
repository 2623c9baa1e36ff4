"""Settings of the engine from the environment: ``ENGINE__<FIELD>`` for every field of :class:`EngineSettings`.

Secrets may be given as files: ``ENGINE__APP_SECRET_FILE``, ``ENGINE__TOKEN_KEY_FILE``,
``ENGINE__STORE_URL_FILE``. An empty variable means None
where that is allowed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from worker.engine.settings import EngineSettings
from worker.errors import ConfigurationError

PREFIX: Final = "ENGINE__"
ACCOUNT: Final = ("app_id", "app_secret", "app_secret_file")
TOKEN_KEY: Final = ("token_key", "token_key_file")
# It may hold a password.
STORE_URL: Final = ("store_url", "store_url_file")
_TYPES: Final = get_type_hints(EngineSettings)
_NAMES: Final = re.compile(rf"\b({'|'.join(_TYPES)})\b")


def engine_env_names() -> frozenset[str]:
    """The names of all settings of the engine as environment variables."""
    plain = _TYPES.keys() - {"accounts"}
    return frozenset(f"{PREFIX}{name}".upper() for name in plain | set(ACCOUNT) | set(TOKEN_KEY) | set(STORE_URL))


def load_engine_settings(environment: Mapping[str, str], given: Mapping[str, Any]) -> EngineSettings:
    """Read and validate all settings together.

    Args:
        given: fields that the command line names; they win. None means not given.

    Raises:
        ConfigurationError: names every wrong and every unknown setting.
    """
    known = engine_env_names()
    problems = [f"{name}: no such setting" for name in environment if name.startswith(PREFIX) and name not in known]
    values: dict[str, Any] = {}
    for variable in known & environment.keys():
        name, value = variable.removeprefix(PREFIX).lower(), environment[variable]
        may_be_none = name not in _TYPES or type(None) in get_args(_TYPES[name])
        values[name] = None if not value and may_be_none else value
    values |= {name: value for name, value in given.items() if value is not None}
    app_id = values.pop("app_id", None)
    has_secret = values.get("app_secret") is not None or values.get("app_secret_file") is not None
    secret = _secret(values, "app_secret", problems)
    if (app_id is not None) != has_secret:
        problems.append("ENGINE__APP_ID and ENGINE__APP_SECRET or ENGINE__APP_SECRET_FILE go together")
    elif secret is not None:
        values["accounts"] = {app_id: secret}
    key = _secret(values, "token_key", problems)
    if key is not None:
        values["token_key"] = key.encode()
    store_url = _secret(values, "store_url", problems)
    if store_url is not None:
        values["store_url"] = store_url
    if isinstance(values.get("result_delay_seconds"), str):
        values["result_delay_seconds"] = tuple(values["result_delay_seconds"].split(","))
    right = _typed(values, problems)
    try:
        settings = EngineSettings(**right)
    except ConfigurationError as error:
        problems += [_NAMES.sub(lambda found: _variable(found[1]), problem) for problem in str(error).split("; ")]
    if problems:
        raise ConfigurationError("wrong settings:\n  " + "\n  ".join(sorted(problems)))
    return settings


def _typed(values: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """The values of the right type. One by one, so that a wrong one does not hide that another is out of range."""
    right: dict[str, Any] = {}
    for name, value in values.items():
        try:
            right[name] = TypeAdapter(_TYPES[name]).validate_python(value)
        except ValidationError as error:
            problems += [f"{_variable(name)}: {item['msg']}" for item in error.errors(include_input=False)]
            continue
        numbers = right[name] if isinstance(right[name], tuple) else (right[name],)
        if not all(math.isfinite(number) for number in numbers if isinstance(number, float)):
            problems.append(f"{_variable(name)}: Input should be a finite number")
            del right[name]
    return right


def _variable(name: str) -> str:
    return f"{PREFIX}{name}".upper()


def _secret(values: dict[str, Any], name: str, problems: list[str]) -> str | None:
    """A secret that is given as it is or as a file."""
    plain, file = values.pop(name, None), values.pop(f"{name}_file", None)
    if file is None:
        return None if plain is None else str(plain)
    if plain is not None:
        problems.append(f"{_variable(name)}: give it or its file, not both")
        return None
    try:
        secret = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{_variable(name)}_FILE: cannot be read ({type(error).__name__})")
        return None
    if not secret:
        problems.append(f"{_variable(name)}_FILE: is empty")
    return secret
