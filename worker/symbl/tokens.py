"""Access tokens: fetched once for all who need one, renewed before they expire.

Tokens and secrets never appear in a ``repr``, a log line or an exception.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp
import orjson
import yarl

from worker.errors import ConfigurationError, SymblUnavailableError
from worker.symbl.statuses import error_for_status

_logger = logging.getLogger(__name__)

_WHAT = "token request"


@dataclass(frozen=True, slots=True)
class _Token:
    """A token and two points on the provider's clock: from when to ask for the next one, until when to use it."""

    text: str = field(repr=False)
    renew_at: float
    expires_at: float


class TokenProvider:
    """Hands out one shared token.

    Callers: everything that dials ``get()`` before each connection and ``invalidate()`` after a 401; the owner calls
    ``close()`` at the end.

    Invariant: at most one request is in flight. It belongs to the provider, not to the caller that caused it, so
    cancelling a caller does not disturb the others.

    Args:
        base_url: ``http(s)://host[:port][/prefix]``.
        app_id: public half of the credentials.
        secret: reads the secret half; called for every request, so that a rotated file is noticed.
        session: HTTP client; stays open.
        clock: seconds, never going back.
        renew_before_seconds: renew that long before a token expires. Short-lived tokens are renewed at half their
            remaining life.
        timeout_seconds: limit of one request.

    Raises:
        ConfigurationError: ``base_url`` is not of that form.
    """

    def __init__(
        self,
        base_url: str,
        app_id: str,
        secret: Callable[[], str],
        session: aiohttp.ClientSession,
        *,
        clock: Callable[[], float] = time.monotonic,
        renew_before_seconds: float = 300.0,
        timeout_seconds: float = 10.0,
    ) -> None:
        self._url = _token_url(base_url)
        self._app_id = app_id
        self._secret = secret
        self._session = session
        self._clock = clock
        self._renew_before_seconds = renew_before_seconds
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._token: _Token | None = None
        self._request: asyncio.Task[_Token] | None = None

    def __repr__(self) -> str:
        held = "held" if self._token is not None else "none"
        requesting = "yes" if self._request is not None else "no"
        return f"<TokenProvider {self._url.host} token={held} requesting={requesting}>"

    async def get(self) -> str:
        """Return a token that is good now. Cancelling is safe.

        A token close to its end is still returned while a new one is fetched behind it, so a host that cannot issue
        tokens for a moment does not stop anybody from dialling.

        Raises:
            AuthenticationError: the credentials were refused (401, 403).
            RequestRefusedError: the request was refused (400, 404 and the like).
            SymblUnavailableError: network, timeout, 429, 5xx, or an answer without a token.
        """
        now = self._clock()
        token = self._token
        if token is not None and now < token.expires_at:
            if now >= token.renew_at:
                self._ensure_request()
            return token.text
        request = self._ensure_request()
        try:
            return (await asyncio.shield(request)).text
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if request.cancelled() and (caller is None or not caller.cancelling()):
                raise SymblUnavailableError(f"{_WHAT}: provider closed") from None
            raise

    def invalidate(self, token: str) -> None:
        """Forget a token that the host refused. Ignored if another one has taken its place already."""
        if self._token is not None and self._token.text == token:
            self._token = None

    async def close(self) -> None:
        """Give up a request in flight, if there is one."""
        request = self._request
        if request is not None:
            request.cancel()
            await asyncio.wait([request])

    def _ensure_request(self) -> asyncio.Task[_Token]:
        if self._request is None:
            self._request = asyncio.create_task(self._fetch(), name="symbl-token")
            self._request.add_done_callback(self._finish_request)
        return self._request

    def _finish_request(self, request: asyncio.Task[_Token]) -> None:
        self._request = None
        if request.cancelled():
            return
        error = request.exception()
        if error is None:
            self._token = request.result()
        else:
            _logger.warning("token request failed: %s", type(error).__name__)

    async def _fetch(self) -> _Token:
        # Life counts from before the request: what the network takes is not ours.
        asked_at = self._clock()
        try:
            secret = self._secret()
        except OSError as error:
            raise SymblUnavailableError("the application secret cannot be read") from error
        request = orjson.dumps({"type": "application", "appId": self._app_id, "appSecret": secret})
        try:
            async with self._session.post(
                self._url,
                data=request,
                headers={"Content-Type": "application/json"},
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                status, body = response.status, await response.read()
        except TimeoutError as error:
            raise SymblUnavailableError(f"{_WHAT}: timed out") from error
        except (aiohttp.ClientError, OSError) as error:
            raise SymblUnavailableError(f"{_WHAT}: {type(error).__name__}") from error
        if status != HTTPStatus.OK:
            raise error_for_status(status, _WHAT)
        text, life_seconds = _read_answer(body)
        early_seconds = min(self._renew_before_seconds, life_seconds / 2)
        return _Token(text, asked_at + life_seconds - early_seconds, asked_at + life_seconds)


def _token_url(base_url: str) -> yarl.URL:
    problem = ConfigurationError("the API's base URL must be http(s)://host[:port][/prefix]")
    try:
        url = yarl.URL(base_url)
    except ValueError as error:
        raise problem from error
    if url.scheme not in ("http", "https") or not url.host or url.user or url.query_string or url.fragment:
        raise problem
    return yarl.URL(base_url.rstrip("/") + "/oauth2/token:generate")


def _read_answer(body: bytes) -> tuple[str, float]:
    """Token and remaining life in seconds. Errors are not chained: the decoder's carries the document."""
    try:
        answer = orjson.loads(body)
    except ValueError:
        raise SymblUnavailableError(f"{_WHAT}: the answer is not JSON") from None
    members = answer if isinstance(answer, dict) else {}
    token, life = members.get("accessToken"), members.get("expiresIn")
    # The token travels in a header.
    if not isinstance(token, str) or not token or not (token.isascii() and token.isprintable()):
        raise SymblUnavailableError(f"{_WHAT}: the answer has no usable accessToken")
    if isinstance(life, bool) or not isinstance(life, (int, float)) or not math.isfinite(life) or life <= 0:
        raise SymblUnavailableError(f"{_WHAT}: the answer has no usable expiresIn")
    return token, float(life)
