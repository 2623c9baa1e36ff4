"""TLS of the engine's listener, with certificates that may be replaced while it runs."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from worker.engine.files import SeenFiles
from worker.errors import ConfigurationError

logger = logging.getLogger(__name__)


class ServerTls:
    """The certificate that is shown to clients.

    Files that were replaced are noticed by the next handshake, which already uses them. A pair that cannot be used, for
    example because only one of the two was written so far, changes nothing: the last good pair stays.

    Args:
        certificate_file: PEM, with the chain.
        key_file: PEM, without a password.

    Raises:
        ConfigurationError: The files cannot be read, or do not belong together.
    """

    def __init__(self, certificate_file: Path, key_file: Path) -> None:
        self._certificate_file = certificate_file
        self._key_file = key_file
        self._seen = SeenFiles()
        self._current = self._load()
        # The listener keeps this one for ever; its callback chooses the context of every single connection.
        self.context = self._load()
        self.context.sni_callback = self._choose

    def __repr__(self) -> str:
        return f"<ServerTls {self._certificate_file}>"

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Called in every handshake, also of clients that send no server name."""
        self._refresh()
        connection.context = self._current

    def _refresh(self) -> None:
        if not self._seen.changed():
            return
        try:
            self._current = self._load()
        except ConfigurationError as error:
            logger.error("certificate not replaced", extra={"reason": str(error)})
        else:
            logger.info("certificate replaced")

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        files = (self._certificate_file, self._key_file)
        for file in files:
            self._seen.note(file)
        for file in files:
            try:
                file.read_bytes()
            except OSError as error:
                raise ConfigurationError(f"TLS: {file} cannot be read ({type(error).__name__})") from None
        try:
            # Without a password given, OpenSSL would ask for one on the terminal.
            context.load_cert_chain(*files, password="")
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or "no certificate, or no key without a password, in them"
            raise ConfigurationError(f"TLS: {files[0]} and {files[1]} cannot be used together ({reason})") from None
        return context
