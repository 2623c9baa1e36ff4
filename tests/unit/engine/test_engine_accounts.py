"""Who may use an engine."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.unit.engine.client import StartEngine, fetch_token
from worker.cli import cli
from worker.engine.account_book import AccountBook
from worker.engine.accounts import Account, account_entry, parse_accounts
from worker.engine.app import EngineServer
from worker.engine.recognizers.coded import encode_utterance
from worker.engine.settings import EngineSettings
from worker.engine.tokens import TokenMint, account_key
from worker.errors import ConfigurationError

HUSH = "tr0ub4dor"

FILE = f"""
accounts:
  - name: Sales
    appId: sales
    appSecret: {HUSH}
    maxStreams: 2
    trackers:
      - name: Price
        vocabulary: [too expensive, discount]
  - appId: support
    appSecretFile: support.txt
"""


def parse(text: str) -> tuple[Account, ...]:
    return parse_accounts(text, {"support.txt": f"{HUSH}\n", "empty.txt": " \n"}.__getitem__)


def no_file(name: str) -> str:
    raise FileNotFoundError(name)


def problems_of(text: str) -> list[str]:
    def read(name: str) -> str:
        if name == "empty.txt":
            return "\n"
        return no_file(name)

    with pytest.raises(ConfigurationError) as caught:
        parse_accounts(text, read)
    assert HUSH not in str(caught.value)
    return str(caught.value).split("\n  ")


@pytest.mark.parametrize("text", [FILE, json.dumps(yaml.safe_load(FILE))])
def test_what_an_accounts_file_says(text: str) -> None:
    """YAML and JSON; a secret as it is or in a file, whose line end does not belong to it; no secret is shown."""
    sales, support = parse(text)
    assert (sales.app_id, sales.app_secret, sales.name, sales.max_streams) == ("sales", HUSH, "Sales", 2)
    assert [(each.name, each.vocabulary) for each in sales.trackers] == [("Price", ("too expensive", "discount"))]
    assert (support.app_id, support.app_secret, support.max_streams) == ("support", HUSH, None)
    assert HUSH not in repr(sales)
    assert "sales" not in repr(sales)


def test_every_wrong_entry_is_named() -> None:
    """One text has a line for everything that is wrong, by its place, and quotes no value."""
    problems = problems_of(
        f"""
accounts:
  - {HUSH}
  - {{appId: 12, appSecret: {HUSH}}}
  - {{appId: a}}
  - {{appId: a, appSecret: {HUSH}, appSecretFile: x}}
  - {{appId: b, appSecret: {HUSH}, maxStreams: 0, password: {HUSH}}}
  - {{appId: c, appSecretFile: gone.txt}}
  - {{appId: d, appSecretFile: empty.txt}}
  - {{appId: e, appSecret: {HUSH}, trackers: [{{name: x}}]}}
  - {{appId: f, appSecret: {HUSH}, "{HUSH}": 1}}
  - {{appId: g, appSecret: {HUSH}}}
  - {{appId: g, appSecret: {HUSH}}}
"""
    )
    assert [problem.partition(":")[0] for problem in problems] == [
        "accounts[0]",
        "accounts[1].appId",
        "accounts[2]",
        "accounts[3]",
        "accounts[4].maxStreams",
        "accounts[4].password",
        "accounts[5].appSecretFile",
        "accounts[6].appSecretFile",
        "accounts[7].trackers[0].vocabulary",
        "accounts[8].…",
        "accounts[10].appId",
    ]
    assert problems[1].endswith("(in quotes)")


@pytest.mark.parametrize("text", ["", "[]", "accounts:", "accounts: []", "accounts: {}", "a: 1", "accounts: [1]\nb: 2"])
def test_a_file_without_accounts(text: str) -> None:
    """An accounts file that names nobody is a mistake, not an engine that lets nobody, or everybody, in."""
    assert problems_of(text) == ["has one member, accounts, with a list that is not empty"]


def test_what_is_no_yaml() -> None:
    """The line is named and not shown."""
    assert problems_of(f"accounts:\n  - appId: 'a\n    appSecret: {HUSH}") == ["is neither YAML nor JSON (line 3)"]


@settings(deadline=None)
@given(st.text(min_size=1, max_size=64), st.text(min_size=1), st.none() | st.text())
def test_an_entry_can_be_read_again(app_id: str, secret: str, name: str | None) -> None:
    """Whatever is written as an accounts file reads as the same account."""
    if not secret.strip():
        return
    (account,) = parse_accounts(account_entry(app_id, secret, name), no_file)
    assert (account.app_id, account.app_secret, account.name) == (app_id, secret, name)


def test_a_new_account_is_one_that_the_sdks_take(tmp_path: Path) -> None:
    """Web clients insist on 64 and 128 letters and digits; two new accounts differ."""
    found: list[Account] = []
    for _ in range(2):
        result = CliRunner().invoke(cli, ["engine-account", "--name", "Sales"])
        assert result.exit_code == 0
        found += parse_accounts(result.output, no_file)
    for account in found:
        assert account.name == "Sales"
        assert (len(account.app_id), len(account.app_secret)) == (64, 128)
        assert (account.app_id + account.app_secret).isalnum()
    assert found[0].app_id != found[1].app_id
    assert found[0].app_secret != found[1].app_secret


async def test_accounts_of_file_and_settings_together(start_engine: StartEngine, tmp_path: Path) -> None:
    """The one account of the settings is accepted next to those of the file, and nobody else is."""
    file = tmp_path / "accounts.yaml"
    file.write_text(FILE)
    (tmp_path / "support.txt").write_text(HUSH)
    engine = await start_engine(accounts={"app": "secret"}, accounts_file=file)
    for app_id, secret, status in (
        ("app", "secret", 200),
        ("sales", HUSH, 200),
        ("support", HUSH, 200),
        ("support", "secret", 401),
        ("app", HUSH, 401),
        ("other", HUSH, 401),
    ):
        assert (await fetch_token(engine.base_url, app_id, secret))[0] == status


async def test_trackers_of_an_account(start_engine: StartEngine, tmp_path: Path) -> None:
    """A client that asks for all trackers gets those of its account's entry, too."""
    file = tmp_path / "accounts.yaml"
    file.write_text(FILE)
    (tmp_path / "support.txt").write_text(HUSH)
    engine = await start_engine(accounts_file=file)
    _, answer = await fetch_token(engine.base_url, "sales", HUSH)
    client = await engine.connect(additional_headers={"X-API-KEY": answer["accessToken"]})
    await client.start(config={"trackers": {"enableAllTrackers": True}})
    await client.audio(encode_utterance("u", ["that", "is", "too", "expensive"]))
    assert (await client.until("tracker_response"))["trackers"][0]["name"] == "Price"


async def test_a_wrong_file_stops_the_start(tmp_path: Path) -> None:
    """Missing, wrong, or naming the account of the settings again: the text names the file."""
    file = tmp_path / "accounts.yaml"
    for text in (None, "accounts: []", f"accounts: [{{appId: app, appSecret: {HUSH}}}]"):
        if text is not None:
            file.write_text(text)
        with pytest.raises(ConfigurationError, match=r"accounts file .*accounts\.yaml") as caught:
            EngineServer(EngineSettings(recognizer="coded", accounts={"app": "secret"}, accounts_file=file))
        assert HUSH not in str(caught.value)


def test_a_changed_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Added accounts can come, those that are gone are shut out with their tokens, a wrong file changes nothing."""
    file, secret = tmp_path / "accounts.yaml", tmp_path / "b.txt"
    file.write_text("accounts: [{appId: a, appSecret: one}]")
    book = AccountBook(TokenMint(key=b"k", accounts=None), file=file)
    token = book.issue("a", "one", now=0)
    assert token is not None
    assert book.account_of(token, now=1) == account_key("a")
    secret.write_text("two")
    replace(file, "accounts: [{appId: b, appSecretFile: b.txt, maxStreams: 3}]")
    # Looked at once a second.
    assert book.account_of(token, now=1.5) == account_key("a")
    assert book.account_of(token, now=2.5) is None
    assert book.issue("b", "two", now=2.5) is not None
    assert book.max_streams(account_key("b")) == 3
    replace(secret, "three")
    assert book.issue("b", "two", now=4) is None
    assert book.issue("b", "three", now=4) is not None
    replace(file, f"accounts: [{{appId: b, appSecret: {HUSH}, oops: 1}}]")
    with caplog.at_level(logging.INFO):
        assert book.issue("b", "three", now=6) is not None
        assert book.issue("b", "three", now=8) is not None
    assert [record.message for record in caplog.records] == ["accounts not replaced"]
    assert HUSH not in repr(caplog.records[0].__dict__)
    file.unlink()
    assert book.issue("b", "three", now=10) is not None
    replace(file, "accounts: [{appId: c, appSecret: four}]")
    assert book.issue("c", "four", now=12) is not None


def replace(file: Path, text: str) -> None:
    """As Kubernetes does it: another file under the same name."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)
