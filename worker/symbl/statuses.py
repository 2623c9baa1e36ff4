"""What an HTTP status of a Symbl host means for us. Pure."""

from __future__ import annotations

from http import HTTPStatus

from worker.errors import AuthenticationError, RequestRefusedError, SymblError, SymblUnavailableError

_CREDENTIALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_TEMPORARY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


def error_for_status(status: int, what: str) -> SymblError:
    """The failure that an unwanted status stands for.

    Redirects count as refusals: following one could carry credentials to another host.

    Args:
        status: HTTP status other than the expected one.
        what: what was asked for, for operators.
    """
    text = f"{what}: HTTP {status}"
    if status in _CREDENTIALS:
        return AuthenticationError(text)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TEMPORARY:
        return SymblUnavailableError(text)
    return RequestRefusedError(text)
