"""`coze auth`, and where the other commands take their credential from."""

import json
import stat
from pathlib import Path

import pytest

from coze_core.emulator import Emulator, OAuthApp


@pytest.fixture(autouse=True)
def _nobody(monkeypatch, emulator):
    monkeypatch.delenv("COZE_API_TOKEN")
    emulator.add_oauth_app(OAuthApp("app-1", device_answer="granted"))


def folder(tmp_path):
    return tmp_path / "coze-bridge"


def test_a_user_signs_in_on_another_device_and_all_commands_know(coze, emulator, tmp_path):
    done = coze("auth", "login", "--client-id", "app-1")
    assert done.exit_code == 0, done.stderr
    assert f"{emulator.base_url}/open/oauth/device?user_code=" in done.stderr
    assert "signed in" in done.stderr
    assert coze("bots").exit_code == 0
    assert "app-1" in coze("auth", "status").stdout
    for file in folder(tmp_path).glob("*.json"):
        if "czu_" in file.read_text():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert file.name == "tokens.json"


def test_the_server_is_the_one_of_the_sign_in(coze, emulator, monkeypatch):
    coze("auth", "login", "--client-id", "app-1")
    monkeypatch.delenv("COZE_API_BASE")
    assert coze("bots").exit_code == 0


def test_an_ended_sign_in_is_renewed(coze, emulator, tmp_path):
    coze("auth", "login", "--client-id", "app-1")
    path = folder(tmp_path) / "tokens.json"
    data = json.loads(path.read_text())
    for token in data["tokens"].values():
        token["expires_at"] = 1.0
    path.write_text(json.dumps(data))
    assert "renewed with the next use" in coze("auth", "status").stdout
    assert coze("bots").exit_code == 0
    assert "good for" in coze("auth", "status").stdout


def test_a_token_can_be_saved(coze, emulator, tmp_path):
    done = coze("auth", "login", "--with-token", input=f"{emulator.token}\n")
    assert done.exit_code == 0, done.stderr
    assert coze("bots").exit_code == 0
    assert "saved token" in coze("auth", "status").stdout
    assert stat.S_IMODE((folder(tmp_path) / "tokens.json").stat().st_mode) == 0o600


def test_a_token_that_may_do_little_can_be_saved_all_the_same(coze, emulator):
    emulator.add_token("pat_chatter", permissions=["Connector.botChat"])
    assert coze("auth", "login", "--with-token", input="pat_chatter").exit_code == 0


def test_a_token_of_a_studio_can_be_saved(coze, studio, monkeypatch):
    monkeypatch.setenv("COZE_API_BASE", studio.base_url)
    assert coze("auth", "login", "--with-token", input="pat_wrong").exit_code == 1
    assert coze("auth", "login", "--with-token", input=studio.token).exit_code == 0
    asked = coze("chat", "--bot", studio.bot_id("echo"), "-m", "hi")
    assert asked.stdout == "hi\n"


@pytest.mark.parametrize(("text", "status"), [("pat_wrong", 1), ("", 2), ("Bearer pat_x", 2)])
def test_a_token_that_is_no_good_is_not_saved(coze, tmp_path, text, status):
    assert coze("auth", "login", "--with-token", input=text).exit_code == status
    assert coze("auth", "status").exit_code == 1
    assert not (folder(tmp_path) / "tokens.json").exists()


def test_credentials_are_taken_in_order(coze, emulator, monkeypatch):
    emulator.add_token("pat_option")
    emulator.add_token("pat_variable")
    coze("auth", "login", "--with-token", input=emulator.token)
    for token in (emulator.token, "pat_variable", "pat_option"):
        for gone in {"pat_option", "pat_variable", emulator.token} - {token}:
            emulator.revoke_token(gone)
        emulator.add_token(token)
        arguments = ["--token", token] if token == "pat_option" else []
        if token == "pat_variable":
            monkeypatch.setenv("COZE_API_TOKEN", token)
        assert coze("bots", *arguments).exit_code == 0, token


def test_each_host_has_its_sign_in(coze, emulator, monkeypatch):
    with Emulator() as other:
        other.add_token("pat_other")
        there = ("--base-url", other.base_url)
        coze("auth", "login", "--with-token", input=emulator.token)
        coze("auth", "login", "--with-token", *there, input="pat_other")
        monkeypatch.delenv("COZE_API_BASE")
        coze("bots")
        coze("bots", "--base-url", emulator.base_url)
        assert len(other.requests.to("/v1/bots")) == 1
        assert len(emulator.requests.to("/v1/bots")) == 1
        told = [json.loads(line) for line in coze("auth", "status", "--json").stdout.splitlines()]
        assert [row["base_url"] for row in told] == [other.base_url, emulator.base_url]
        coze("auth", "logout")
        assert coze("bots").exit_code == 0
        assert len(emulator.requests.to("/v1/bots")) == 2


def test_signing_out_removes_the_token(coze, emulator, tmp_path):
    coze("auth", "login", "--with-token", input=emulator.token)
    assert "signed out" in coze("auth", "logout").stderr
    assert emulator.token not in (folder(tmp_path) / "tokens.json").read_text()
    assert coze("bots").exit_code == 2
    assert "nobody was signed in" in coze("auth", "logout", "--all").stderr


def test_a_variable_goes_first_and_that_is_said(coze, emulator, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    done = coze("auth", "login", "--client-id", "app-1")
    assert "COZE_API_TOKEN is set and goes first" in done.stderr
    assert "COZE_API_TOKEN" in coze("auth", "status").stdout


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        ([], 2, "--client-id"),
        (["--client-id", "nobody"], 1, "invalid_client"),
    ],
)
def test_a_sign_in_that_cannot_be_says_why(coze, arguments, status, says):
    done = coze("auth", "login", *arguments)
    assert done.exit_code == status
    assert says in done.stderr


def test_a_user_who_says_no_is_not_signed_in(coze, emulator):
    emulator.add_oauth_app(OAuthApp("app-2", device_answer="denied"))
    done = coze("auth", "login", "--client-id", "app-2")
    assert done.exit_code == 1
    assert "access_denied" in done.stderr
    assert coze("auth", "status").exit_code == 1


def test_a_damaged_file_is_named(coze, tmp_path):
    folder(tmp_path).mkdir()
    path = Path(folder(tmp_path) / "sign_ins.json")
    path.write_text("{")
    done = coze("bots")
    assert done.exit_code == 2
    assert str(path) in done.stderr
