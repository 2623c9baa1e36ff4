"""Access tokens: JSON Web Tokens, because clients read their expiry and offer them as WebSocket subprotocols."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

import orjson

_HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
MAX_TOKEN_CHARACTERS = 4096
OPEN_ACCOUNT = "open"
"""The only account of an engine that accepts any credentials."""


class TokenMint:
    """Issues tokens and recognises its own.

    Every request gets a fresh token. The hosted service handed the same one out again while it was valid; the
    JavaScript SDK never renews the token it holds, so its process would end with what was left of that one.

    Args:
        key: Secret that signs tokens.
        accounts: Application id to secret; None accepts any non-empty pair, and all of them are one account.
        lifetime_seconds: How long a token is valid.
    """

    def __init__(self, *, key: bytes, accounts: Mapping[str, str] | None, lifetime_seconds: int = 86_400) -> None:
        self._key = key
        self.accounts = accounts
        self.lifetime_seconds = lifetime_seconds

    def __repr__(self) -> str:
        return f"<TokenMint lifetime={self.lifetime_seconds}s>"

    @property
    def accounts(self) -> Mapping[str, str] | None:
        """May be replaced; tokens of accounts that are gone are no longer recognised."""
        return self._accounts

    @accounts.setter
    def accounts(self, accounts: Mapping[str, str] | None) -> None:
        self._accounts = accounts
        self._known = {OPEN_ACCOUNT} if accounts is None else {account_key(app_id) for app_id in accounts}

    def issue(self, app_id: str, app_secret: str, *, now: float) -> str | None:
        """A token for these credentials, or None when they are wrong."""
        if not app_id or not app_secret:
            return None
        if self._accounts is not None:
            expected = self._accounts.get(app_id, "")
            if not hmac.compare_digest(expected.encode(), app_secret.encode()) or not expected:
                return None
        issued = int(now)
        claims = {
            "iss": "symbl-worker-engine",
            "sub": OPEN_ACCOUNT if self._accounts is None else account_key(app_id),
            "gty": "client-credentials",
            "iat": issued,
            "exp": issued + self.lifetime_seconds,
        }
        signed = f"{_HEADER}.{_encode(orjson.dumps(claims))}"
        return f"{signed}.{self._sign(signed)}"

    def account_of(self, token: str, *, now: float) -> str | None:
        """The key of the account that a token was issued to; None when it is not ours, has expired, or the account is
        gone.
        """
        if len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
            return None
        signed, _, signature = token.rpartition(".")
        if not signed or not hmac.compare_digest(self._sign(signed), signature):
            return None
        try:
            claims = orjson.loads(_decode(signed.partition(".")[2]))
        except (orjson.JSONDecodeError, binascii.Error):
            return None
        match claims:
            case {"exp": int(expires), "sub": str(account)} if now < expires and account in self._known:
                return account
        return None

    def _sign(self, signed: str) -> str:
        return _encode(hmac.digest(self._key, signed.encode(), "sha256"))


def account_key(app_id: str) -> str:
    """What the engine calls an account, so that application ids stay out of databases and logs."""
    return hashlib.sha256(app_id.encode()).hexdigest()[:32]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
