"""The engine behind a certificate."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from pathlib import Path

import aiohttp
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from tests.unit.engine.client import Engine
from worker.engine.app import EngineServer
from worker.engine.recognizers.coded import encode_utterance
from worker.engine.settings import EngineSettings
from worker.errors import ConfigurationError

AUTHORITY = trustme.CA(key_type=trustme.KeyType.ECDSA)


class Files:
    """A certificate and its key on disk."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "tls.crt"
        self.key = folder / "tls.key"

    def write(self, issued: trustme.LeafCert) -> None:
        self.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        self.key.write_bytes(issued.private_key_pem.bytes())

    def settings(self) -> EngineSettings:
        return EngineSettings(
            recognizer="coded",
            completion_grace_seconds=0.1,
            drain_seconds=1.0,
            tls_certificate_file=self.certificate,
            tls_key_file=self.key,
        )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    found = Files(tmp_path)
    found.write(issue())
    return found


def issue() -> trustme.LeafCert:
    return AUTHORITY.issue_cert("127.0.0.1", "localhost", key_type=trustme.KeyType.ECDSA)


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


async def serial_number(base_url: str, server_hostname: str | None = "127.0.0.1") -> str:
    """Of the certificate that a new connection is shown."""
    host, _, port = base_url.removeprefix("https://").rpartition(":")
    context = trusting()
    context.check_hostname = server_hostname is not None
    _, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname=server_hostname or "")
    found = writer.get_extra_info("peercert")["serialNumber"]
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return str(found)


async def test_a_session_over_tls(files: Files) -> None:
    """Token, start, audio, results and the end work over https and wss, with the certificate verified."""
    context = trusting()
    async with EngineServer(files.settings()) as server, contextlib.AsyncExitStack() as clients:
        assert server.base_url.startswith("https://127.0.0.1:")
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http,
            http.post(f"{server.base_url}/oauth2/token:generate", json={"appId": "a", "appSecret": "b"}) as response,
        ):
            token = (await response.json())["accessToken"]
        client = await Engine(server.base_url, token, clients).connect(ssl=context)
        assert client.socket.transport.get_extra_info("ssl_object").selected_alpn_protocol() in (None, "http/1.1")
        await client.start()
        await client.audio(encode_utterance("u", ["over", "the", "wire."]))
        await client.until("message_response")
        await client.stop()
        assert client.texts() == ["over the wire."]
        assert client.close_code == 1000


async def test_only_http_1_1_and_tls_1_2_or_newer(files: Files) -> None:
    """Clients that could speak HTTP/2 get 1.1, where WebSockets are; old TLS is refused."""
    async with EngineServer(files.settings()) as server:
        port = int(server.base_url.rpartition(":")[2])
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = trusting()
            context.set_alpn_protocols(["h2", "http/1.1"])
            context.minimum_version = context.maximum_version = version
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
            writer.close()
        old = trusting()
        with pytest.warns(DeprecationWarning, match="deprecated"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", port, ssl=old)


async def test_a_replaced_certificate_is_used_at_once(files: Files) -> None:
    """The next connection is shown the new certificate, with and without a server name; open sockets live on."""
    async with EngineServer(files.settings()) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", int(server.base_url.rpartition(":")[2]), ssl=trusting())
        before = await serial_number(server.base_url)
        assert await serial_number(server.base_url) == before
        files.write(issue())
        after = await serial_number(server.base_url, "localhost")
        assert after != before
        assert await serial_number(server.base_url) == after
        assert not writer.transport.is_closing()
        writer.close()


async def test_an_unusable_replacement_changes_nothing(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    """A key that was written before its certificate, or a file that is gone for a moment, stops nobody; said once."""
    async with EngineServer(files.settings()) as server:
        before = await serial_number(server.base_url)
        new = issue()
        files.key.write_bytes(new.private_key_pem.bytes())
        with caplog.at_level(logging.ERROR):
            assert await serial_number(server.base_url) == before
            assert await serial_number(server.base_url) == before
        assert [record.message for record in caplog.records] == ["certificate not replaced"]
        files.certificate.unlink()
        assert await serial_number(server.base_url) == before
        files.write(new)
        assert await serial_number(server.base_url) != before


async def test_unusable_files_stop_the_start(files: Files, tmp_path: Path) -> None:
    """Absent, mismatched, empty and encrypted files are refused with a text that names them and quotes neither."""
    good = files.key.read_bytes()
    encrypted = serialization.load_pem_private_key(good, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )
    cases: list[bytes | None] = [None, b"", b"nonsense", issue().private_key_pem.bytes(), encrypted]
    for content in cases:
        if content is None:
            files.key.unlink()
        else:
            files.key.write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"TLS: .*tls\.key") as caught:
            await EngineServer(files.settings()).start()
        assert "PRIVATE" not in str(caught.value)
    files.key.write_bytes(good)
    files.certificate.write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"TLS: .*tls\.crt"):
        await EngineServer(files.settings()).start()


async def test_plain_http_and_broken_handshakes_hurt_nobody(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever speaks no TLS is cut off, and others are served meanwhile."""
    async with EngineServer(files.settings()) as server:
        port = int(server.base_url.rpartition(":")[2])
        for said in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + bytes(64)):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            async with asyncio.timeout(10):
                assert b"HTTP/1.1 200" not in await reader.read()
            writer.close()
        assert await serial_number(server.base_url)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
