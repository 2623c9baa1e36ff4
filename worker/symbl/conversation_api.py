"""What a Symbl host has kept about a conversation, over its Conversation API. Bounded in time and size."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import aiohttp
import yarl

from worker.errors import AuthenticationError, RequestRefusedError, SymblError, SymblUnavailableError
from worker.symbl.findings import PATHS, Finding, FindingKind, Findings, parse_findings
from worker.symbl.retry import DialPolicy, dial_attempts
from worker.symbl.statuses import error_for_status

_logger = logging.getLogger(__name__)

MAX_ANSWER_BYTES: Final = 16 * 2**20
"""Largest answer; a conversation of four hours stays well below it."""
TIMEOUT_SECONDS: Final = 15.0
"""For all that is read about one conversation, attempts included: its end waits for it."""


class _UnusableError(SymblError):
    """An answer that reading again does not make better."""


class ConversationApi:
    """Reads findings.

    Args:
        base_url: ``http(s)://host[:port][/prefix]``.
        token: hands out a token.
        forget: told of a token that was refused.
        session: HTTP client; stays open.
        timeout_seconds: limit of one ``fetch``.
        policy: when to ask again.
    """

    def __init__(
        self,
        base_url: str,
        token: Callable[[], Awaitable[str]],
        forget: Callable[[str], None],
        session: aiohttp.ClientSession,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        policy: DialPolicy | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._forget = forget
        self._session = session
        self._timeout_seconds = timeout_seconds
        self._policy = policy or DialPolicy(cap_seconds=3.0, max_elapsed_seconds=timeout_seconds)

    def __repr__(self) -> str:
        return f"<ConversationApi {yarl.URL(self._base_url).host}>"

    async def fetch(self, symbl_conversation_ids: Sequence[str], kinds: Collection[FindingKind]) -> Findings:
        """Read what was said and found. Cancelling is safe.

        Never raises for what a host does: what could be read is returned, with the reason why it is not all.

        Returns:
            Findings whose ``failed`` is None or ``unknown_conversation``, ``timeout``, ``credentials``, ``refused``,
            ``unavailable``, ``unusable_answer`` or ``internal_error``.
        """
        events: list[Finding] = []
        failed = None if symbl_conversation_ids else "unknown_conversation"
        try:
            async with asyncio.timeout(self._timeout_seconds):
                for conversation_id in symbl_conversation_ids:
                    for path in dict.fromkeys(PATHS[kind] for kind in sorted(kinds)):
                        found = await self._read(conversation_id, path)
                        if found is None:
                            failed = "unknown_conversation"
                        else:
                            events.append(found)
        except TimeoutError:
            failed = "timeout"
        except SymblError as error:
            failed = _reason(error)
        except Exception as error:  # a conversation that waits for its end must get it
            _logger.error("findings cannot be read: %s", type(error).__name__)
            failed = "internal_error"
        return Findings(tuple(events), failed)

    async def _read(self, conversation_id: str, path: str) -> Finding | None:
        """One answer; None when the host knows nothing by this id."""
        async for attempt in dial_attempts(self._policy):
            with attempt:
                try:
                    return await self._get(conversation_id, path)
                except AuthenticationError:
                    # The token was forgotten: the next one decides.
                    return await self._get(conversation_id, path)
        raise AssertionError("attempts end with a result or an exception")

    async def _get(self, conversation_id: str, path: str) -> Finding | None:
        token = await self._token()
        url = yarl.URL(f"{self._base_url}/v1/conversations/{quote(conversation_id, safe='')}/{path}", encoded=True)
        what = f"conversation's {path}"
        try:
            async with self._session.get(
                url, headers={"Authorization": f"Bearer {token}"}, allow_redirects=False
            ) as response:
                if response.status == HTTPStatus.NOT_FOUND:
                    return None
                if response.status != HTTPStatus.OK:
                    error = error_for_status(response.status, what)
                    if isinstance(error, AuthenticationError):
                        self._forget(token)
                    raise error
                body = await _read_body(response.content, what)
        except (aiohttp.ClientError, OSError) as error:
            # TimeoutError is an OSError: one of the client's own, since ours cancels.
            raise SymblUnavailableError(f"{what}: {type(error).__name__}") from error
        found = parse_findings(path, body)
        if found is None:
            raise _UnusableError(f"{what}: not of the documented form")
        return found


async def _read_body(content: aiohttp.StreamReader, what: str) -> bytes:
    body = bytearray()
    async for piece in content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise _UnusableError(f"{what}: more than {MAX_ANSWER_BYTES} bytes")
    return bytes(body)


def _reason(error: SymblError) -> str:
    match error:
        case AuthenticationError():
            return "credentials"
        case RequestRefusedError():
            return "refused"
        case _UnusableError():
            return "unusable_answer"
        case _:
            return "unavailable"
