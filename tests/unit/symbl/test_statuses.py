"""What HTTP statuses mean."""

from __future__ import annotations

import pytest

from worker.errors import AuthenticationError, RequestRefusedError, SymblError, SymblUnavailableError
from worker.symbl.statuses import error_for_status


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationError),
        (403, AuthenticationError),
        (400, RequestRefusedError),
        (402, SymblUnavailableError),
        (404, SymblUnavailableError),
        (405, SymblUnavailableError),
        (307, SymblUnavailableError),
        (200, SymblUnavailableError),
        (408, SymblUnavailableError),
        (429, SymblUnavailableError),
        (500, SymblUnavailableError),
        (503, SymblUnavailableError),
    ],
)
def test_statuses(status: int, kind: type[SymblError]) -> None:
    """Credentials, refusals and troubles of the host are three different failures; operators see the status."""
    error = error_for_status(status, "handshake")
    assert type(error) is kind
    assert str(error) == f"handshake: HTTP {status}"
