"""Who may use an engine: the accounts file. Pure.

YAML or JSON::

    accounts:
      - name: Sales                        # optional, for people
        appId: 3f…                         # what clients call themselves
        appSecret: 9b…                     # or appSecretFile, a path as seen from this file
        maxStreams: 20                     # optional: speaker sockets at a time
        trackers:                          # optional: for clients that set enableAllTrackers
          - name: Price
            vocabulary: [too expensive, discount]

Errors name places, never contents: whatever stands in the file may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from worker.errors import ConfigurationError

_HARMLESS_NAME: Final = re.compile(r"[A-Za-z_]{1,24}")


@dataclass(frozen=True, kw_only=True)
class AccountTracker:
    """A tracker that belongs to an account."""

    name: str = field(repr=False)
    vocabulary: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Account:
    """One customer of the engine.

    Args:
        max_streams: Speaker sockets at a time; None leaves it to the engine's settings.
    """

    app_id: str = field(repr=False)
    app_secret: str = field(repr=False)
    name: str | None = None
    max_streams: int | None = None
    trackers: tuple[AccountTracker, ...] = ()


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class _TrackerEntry(_Strict):
    name: str = Field(min_length=1)
    vocabulary: list[str] = Field(min_length=1)


class _Entry(_Strict):
    app_id: str = Field(min_length=1, max_length=256)
    app_secret: str | None = Field(default=None, min_length=1)
    app_secret_file: str | None = Field(default=None, min_length=1)
    name: str | None = None
    max_streams: int | None = Field(default=None, ge=1)
    trackers: list[_TrackerEntry] = []


def parse_accounts(text: str, read_secret: Callable[[str], str]) -> tuple[Account, ...]:
    """Read an accounts file.

    Args:
        read_secret: The content of a secret's file. May raise OSError and ValueError.

    Raises:
        ConfigurationError: Says of every wrong entry what is wrong with it.
    """
    problems: list[str] = []
    accounts: list[Account] = []
    places: dict[str, str] = {}
    for number, raw in enumerate(_entries(text)):
        place = f"accounts[{number}]"
        try:
            entry = _Entry.model_validate(raw)
        except ValidationError as error:
            problems += [f"{place}{_where(item['loc'])}: {_reason(item['type'], item['msg'])}" for item in _all(error)]
            continue
        if (entry.app_secret is None) == (entry.app_secret_file is None):
            problems.append(f"{place}: give appSecret or appSecretFile, one of them")
            continue
        if entry.app_id in places:
            problems.append(f"{place}.appId: is that of {places[entry.app_id]}")
        places.setdefault(entry.app_id, place)
        secret = entry.app_secret
        if entry.app_secret_file is not None:
            try:
                secret = read_secret(entry.app_secret_file).strip()
            except (OSError, ValueError) as error:
                problems.append(f"{place}.appSecretFile: cannot be read ({type(error).__name__})")
                continue
        if not secret:
            problems.append(f"{place}.appSecretFile: is empty")
            continue
        accounts.append(
            Account(
                app_id=entry.app_id,
                app_secret=secret,
                name=entry.name,
                max_streams=entry.max_streams,
                trackers=tuple(
                    AccountTracker(name=each.name, vocabulary=tuple(each.vocabulary)) for each in entry.trackers
                ),
            )
        )
    if problems:
        raise ConfigurationError("\n  ".join(problems))
    return tuple(accounts)


def account_entry(app_id: str, app_secret: str, name: str | None) -> str:
    """One account as an accounts file."""
    entry = ({} if name is None else {"name": name}) | {"appId": app_id, "appSecret": app_secret}
    return yaml.safe_dump({"accounts": [entry]}, sort_keys=False, width=1000)


def _entries(text: str) -> list[Any]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" (line {mark.line + 1})"
        raise ConfigurationError(f"is neither YAML nor JSON{where}") from None
    match content:
        case {"accounts": [*entries]} if entries and len(content) == 1:
            return entries
    raise ConfigurationError("has one member, accounts, with a list that is not empty")


def _all(error: ValidationError) -> Any:
    return error.errors(include_input=False, include_url=False, include_context=False)


def _where(location: tuple[int | str, ...]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(part if part[0] == "[" or _HARMLESS_NAME.fullmatch(part[1:]) else ".…" for part in parts)


def _reason(kind: str, text: str) -> str:
    if kind == "extra_forbidden":
        return "no such member"
    if kind == "string_type":
        return f"{text} (in quotes)"
    return text
