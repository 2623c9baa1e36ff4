"""What an HTTP status of a Symbl host means for us. Pure."""

from __future__ import annotations

from http import HTTPStatus

from worker.errors import AuthenticationError, RequestRefusedError, SymblError, SymblUnavailableError

_CREDENTIALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_THIS_REQUEST = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_URI_TOO_LONG}
    | {HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE}
)


def error_for_status(status: int, what: str) -> SymblError:
    """The failure that an unwanted status stands for.

    Only what is about this very request is a refusal, since a refused stream is given up. Everything else, an unknown
    path included, says that the host is not (yet) what we were told: audio waits in Kafka until somebody has seen to
    it. Redirects are not followed: that could carry credentials to another host.

    Args:
        status: HTTP status other than the expected one.
        what: what was asked for, for operators.
    """
    text = f"{what}: HTTP {status}"
    if status in _CREDENTIALS:
        return AuthenticationError(text)
    if status in _THIS_REQUEST:
        return RequestRefusedError(text)
    return SymblUnavailableError(text)
