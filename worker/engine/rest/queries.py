"""What clients ask for in the address and body of a Conversation API call. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from worker.engine.rest.problems import Problem
from worker.engine.rest.spoken import epoch_ms

DEFAULT_LIMIT = 20
MAX_LIMIT = 65_536
MAX_OFFSET = 2**53
DEFAULT_WINDOW_SECONDS = 7 * 86_400.0
MAX_METADATA_KEYS = 100
MAX_METADATA_CHARACTERS = 128
MAX_NAME_CHARACTERS = 256
_SORT = "conversation.startTime"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """A page of conversations; times in seconds since the epoch, ``until`` None for now."""

    limit: int = DEFAULT_LIMIT
    offset: int = 0
    newest_first: bool = False
    since: float = 0.0
    until: float | None = None


@dataclass(frozen=True, slots=True)
class ConversationChange:
    """What `PUT /v1/conversations/{id}` changes; None is left as it is. New metadata replaces all of the old."""

    name: str | None = field(default=None, repr=False)
    metadata: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class MemberChange:
    """What a member is called from now on; None is left as it is."""

    name: str = field(repr=False)
    user_id: str | None = field(default=None, repr=False)


def flag(query: Mapping[str, str], name: str) -> bool:
    """Whether an option is switched on."""
    return query.get(name, "").lower() == "true"


def parse_page(query: Mapping[str, str], now: float) -> PageRequest | Problem:
    """Reads the query of `GET /v1/conversations`; the defaults are the documented ones.

    Args:
        now: Seconds since the epoch.
    """
    if query.get("filter"):
        return Problem(501, '"filter" is not supported; use "startTime" and "endTime".')
    if query.get("sort", _SORT) != _SORT:
        return Problem(501, f'Conversations can be sorted by "{_SORT}" only.')
    order = query.get("order", "asc").lower()
    if order not in ("asc", "desc"):
        return Problem(400, '"order" must be one of asc, desc.')
    limit = _integer(query, "limit", DEFAULT_LIMIT, MAX_LIMIT)
    offset = _integer(query, "offset", 0, MAX_OFFSET)
    since = _time(query, "startTime")
    until = _time(query, "endTime")
    for value in (limit, offset, since, until):
        if isinstance(value, Problem):
            return value
    assert isinstance(limit, int)
    assert isinstance(offset, int)
    assert not isinstance(since, Problem)
    assert not isinstance(until, Problem)
    if since is None:
        since = (now if until is None else until) - DEFAULT_WINDOW_SECONDS
    if until is not None and until <= since:
        return Problem(400, '"endTime" must be later than "startTime".')
    return PageRequest(limit=limit, offset=offset, newest_first=order == "desc", since=since, until=until)


def parse_conversation_change(body: object) -> ConversationChange | Problem:
    """Reads the body of `PUT /v1/conversations/{id}`. Members that cannot be changed are refused."""
    if not isinstance(body, dict):
        return Problem(400, "The body must be a JSON object.")
    unknown = sorted(body.keys() - {"metadata", "name"})
    if unknown:
        return Problem(400, f'"{unknown[0][:64]}" cannot be changed.')
    if not body:
        return Problem(400, '"metadata" is required.')
    name = body.get("name")
    if "name" in body and not _is_text(name, MAX_NAME_CHARACTERS):
        return Problem(400, f'"name" must be a text of 1 to {MAX_NAME_CHARACTERS} characters.')
    metadata = body.get("metadata")
    if "metadata" in body and not _is_metadata(metadata):
        return Problem(
            400,
            f'"metadata" must be an object of at most {MAX_METADATA_KEYS} strings of at most '
            f"{MAX_METADATA_CHARACTERS} characters.",
        )
    return ConversationChange(name, metadata)


def parse_member_change(body: object, member_id: str) -> MemberChange | Problem:
    """Reads the body of `PUT …/members/{id}`. Other members are ignored: the Go SDK sends its whole struct."""
    if not isinstance(body, dict):
        return Problem(400, "The body must be a JSON object.")
    if body.get("id", member_id) != member_id:
        return Problem(400, '"id" must be the one in the address.')
    name = body.get("name")
    if not isinstance(name, str) or not _is_text(name, MAX_NAME_CHARACTERS):
        return Problem(400, f'"name" must be a text of 1 to {MAX_NAME_CHARACTERS} characters.')
    user_id = body.get("email") or body.get("userId") or None
    if user_id is not None and not _is_text(user_id, MAX_NAME_CHARACTERS):
        return Problem(400, f'"email" must be a text of at most {MAX_NAME_CHARACTERS} characters.')
    return MemberChange(name.strip(), user_id)


def _integer(query: Mapping[str, str], name: str, default: int, high: int) -> int | Problem:
    text = query.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= high:
        return int(text)
    return Problem(400, f'"{name}" must be an integer between 0 and {high}.')


def _time(query: Mapping[str, str], name: str) -> float | Problem | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        # In a query a plus sign is a space.
        return epoch_ms(text.replace(" ", "+")) / 1000
    except (ValueError, OverflowError):
        return Problem(400, f'"{name}" must be an ISO 8601 time.')


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= longest and "\0" not in value


def _is_metadata(value: object) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= MAX_METADATA_KEYS
        and all(
            isinstance(text, str) and len(text) <= MAX_METADATA_CHARACTERS and "\0" not in text
            for pair in value.items()
            for text in pair
        )
    )
