"""The worker's failures.

WorkerError
├── ConfigurationError            wrong settings; the process does not start
├── BrokerError                   Kafka cannot be used as configured
│   └── DeliveryLostError         retriable: a producer is fenced or dead, and what became of its batch is not known
└── SymblError                    the Symbl side
    ├── AuthenticationError       credentials refused
    ├── RequestRefusedError       the request itself is refused (400, 404, error before recognition started)
    └── SymblUnavailableError     retriable: network, 429, 5xx, timeouts
        └── ConnectionLostError   retriable: an open socket ended without being asked to

``str()`` is for operators: ids, codes and hosts, never transcript text, audio or secrets.
"""

from __future__ import annotations


class WorkerError(Exception):
    """Base of all; ``retriable`` says whether the same attempt may succeed later."""

    retriable = False


class ConfigurationError(WorkerError):
    """Settings are wrong; the text names each of them."""


class BrokerError(WorkerError):
    """Kafka cannot be used as configured."""


class DeliveryLostError(BrokerError):
    """A lane's producer was fenced, or died; its last batch may be visible or not. A new producer finds out."""

    retriable = True


class SymblError(WorkerError):
    """The Symbl host refused or failed."""


class AuthenticationError(SymblError):
    """The host refused the credentials (401, 403)."""


class RequestRefusedError(SymblError):
    """The host refused the request itself; sending it again will not help."""


class SymblUnavailableError(SymblError):
    """The host could not be reached, is overloaded or failed (network, 429, 5xx, timeout)."""

    retriable = True


class ConnectionLostError(SymblUnavailableError):
    """An open connection ended without being asked to.

    Args:
        code: WebSocket close code; None when there was no close frame.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code
