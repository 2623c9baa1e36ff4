"""The accounts that are valid right now, and their tokens."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path

from worker.engine.accounts import Account, AccountTracker, parse_accounts
from worker.engine.files import SeenFiles
from worker.engine.tokens import TokenMint, account_key
from worker.errors import ConfigurationError

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 1.0


class AccountBook:
    """Issues tokens to accounts and tells whose token it is.

    The accounts file may change while the engine runs: it is read again, at most a second later, when a token is asked
    for or used. An account that is gone from it is shut out at once, with the tokens that it has. A file that became
    wrong changes nothing.

    Args:
        fixed: Application id to secret, in addition to the file. None, without a file, accepts everybody.
        file: See `worker.engine.accounts`.

    Raises:
        ConfigurationError: The file cannot be read or is wrong.
    """

    def __init__(self, mint: TokenMint, *, fixed: Mapping[str, str] | None = None, file: Path | None = None) -> None:
        self._mint = mint
        self._fixed = fixed
        self._file = file
        self._accounts: dict[str, Account] = {}
        self._look_again_at = -math.inf
        self._seen = SeenFiles()
        self._read()

    def __repr__(self) -> str:
        return f"<AccountBook accounts={len(self._accounts)} open={self._is_open}>"

    @property
    def _is_open(self) -> bool:
        return self._fixed is None and self._file is None

    def issue(self, app_id: str, app_secret: str, *, now: float) -> str | None:
        """A token for these credentials, or None when they are wrong."""
        self._refresh(now)
        return self._mint.issue(app_id, app_secret, now=now)

    def account_of(self, token: str, *, now: float) -> str | None:
        """The key of the account that a token was issued to; None when it is not ours, has expired, or the account is
        no more.
        """
        self._refresh(now)
        return self._mint.account_of(token, now=now)

    @property
    def token_lifetime_seconds(self) -> int:
        return self._mint.lifetime_seconds

    def max_streams(self, account: str) -> int | None:
        """What the account's entry says."""
        known = self._accounts.get(account)
        return None if known is None else known.max_streams

    def trackers(self, account: str) -> tuple[AccountTracker, ...]:
        """Those of the account's entry."""
        known = self._accounts.get(account)
        return () if known is None else known.trackers

    def _refresh(self, now: float) -> None:
        if self._file is None or now < self._look_again_at:
            return
        self._look_again_at = now + _SECONDS_BETWEEN_LOOKS
        if not self._seen.changed():
            return
        try:
            self._read()
        except ConfigurationError as error:
            logger.error("accounts not replaced", extra={"reason": str(error)})
        else:
            logger.info("accounts replaced", extra={"accounts": len(self._accounts)})

    def _read(self) -> None:
        if self._is_open:
            return
        accounts = [Account(app_id=app_id, app_secret=secret) for app_id, secret in (self._fixed or {}).items()]
        if self._file is not None:
            accounts += self._read_file(self._file)
        by_key = {account_key(account.app_id): account for account in accounts}
        if len(by_key) < len(accounts):
            raise ConfigurationError(f"accounts file {self._file}:\n  the account of the settings is in it, too")
        self._accounts = by_key
        self._mint.accounts = {account.app_id: account.app_secret for account in accounts}

    def _read_file(self, file: Path) -> tuple[Account, ...]:
        self._seen = SeenFiles()

        def read(name: str | Path) -> str:
            path = file.parent / name
            self._seen.note(path)
            return path.read_text(encoding="utf-8")

        try:
            return parse_accounts(read(file), read)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"accounts file {file}:\n  cannot be read ({type(error).__name__})") from None
        except ConfigurationError as error:
            raise ConfigurationError(f"accounts file {file}:\n  {error}") from None
