"""Settings of the gateway, from files and variables."""

import dataclasses
import re

import pytest

from coze_core import JWTAuth
from openai_coze import (
    GatewayKey,
    Limits,
    Settings,
    settings_from_environment,
    settings_from_file,
)

SECRET = "sk-0123456789abcdef"


def test_settings_come_from_a_file(tmp_path):
    (tmp_path / "token").write_text("pat_second\n")
    file = tmp_path / "gateway.toml"
    file.write_text(
        """
        base_url = "https://api.coze.cn"
        pass_through = false
        metrics = true
        cors_origins = ["https://chat.example"]

        [limits]
        seconds = 120

        [accounts.default]
        token_env = "MY_TOKEN"
        [accounts.second]
        token_file = "token"

        [[models]]
        name = "helper"
        aliases = ["gpt-4o"]
        bots = ["7379", { bot_id = "7380", account = "second" }]
        description = "Helps."
        [models.options]
        history = "server"

        [[keys]]
        name = "alice"
        key_env = "ALICE"
        models = ["helper"]
        per_minute = 60
        """
    )
    found = settings_from_file(file, {"MY_TOKEN": "pat_first", "ALICE": SECRET})
    assert found.accounts == {"default": "pat_first", "second": "pat_second"}
    assert found.limits == Limits(seconds=120)
    (model,) = found.models
    assert [(route.bot_id, route.account) for route in model.routes] == [
        ("7379", "default"),
        ("7380", "second"),
    ]
    assert found.model("gpt-4o") is model
    assert found.keys == (GatewayKey.of(SECRET, name="alice", models=("helper",), per_minute=60),)
    assert found.cors_origins == ("https://chat.example",)
    for secret in ("pat_first", "pat_second", SECRET, found.keys[0].digest):
        assert secret not in repr(found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "there is no 'x'"),
        ("[accounts.a]", "needs token_env or token_file"),
        ('[accounts.a]\ntoken_env = "NONE"', "NONE is not set"),
        ('[accounts.a]\ntoken_file = "none"', "cannot be read"),
        ("[[models]]\nname = 'm'", "at least one bot"),
        ("[[models]]\nname = 'm'\nbots = ['']", "no bot_id"),
        ("[[models]]\nname = 'm'\nbots = ['1']\n[models.options]\nhistori = 1", "'history'"),
        ("[[models]]\nname = 'm'\nbots = ['1']\naliases = ['m']", "two models"),
        ("[[keys]]\nname = 'a'\nkey_env = 'SHORT'", "too short"),
        ("[[keys]]\nname = 'a'\nkey_env = 'LONG'", "need an account"),
        ("[[keys]]\nname = 'a'\nsha256 = 'abc'", "SHA-256"),
        ("[limits]\nrunning = 0", "more than 0"),
        ("[limits]\nrun = 1", "there is no 'run'"),
        ("[limits]\nheld = 1000", "limits.held must be at least 134217728"),
        ("pass_through = false", "nobody could call"),
        ("pass_through = 'false'", "true or false"),
        ("cors_origins = 'https://a.example'", "list of texts"),
        ("[limits]\nrunning = 'ten'", "must be a number"),
        ("[[keys]]\nname = 'a'\nmodels = 'm'\nkey_env = 'LONG'", "list of texts"),
        ("[[keys]]\nname = 'a'\nper_minute = 'x'\nkey_env = 'LONG'", "must be a number"),
        ("[[models]]\nname = 'm'\nbots = '7379'", "bots must be a list"),
        ("[[models]]\nname = 'm'\nbots = [7379]", "its id as text"),
        ("[[models]]\nname = 'm'\nbots = [{botid = '7'}]", "'bot_id'"),
        ("[[models]]\nname = 'm'\nbots = ['1']\naliases = 'n'", "list of texts"),
        ("models = 1", "list of tables"),
        ("accounts = 1", "must be a table"),
        ("base_url = 8888", "base_url must be text"),
        ("region = ['cn']", "region must be text"),
        ("timeout = '30'", "timeout must be a number"),
        ("timeout = true", "timeout must be a number"),
        ("[limits]\nseconds = nan", "must be a number"),
        ("[voices]\nalloy = 1", "voices.alloy must be text"),
        ("[accounts.a]\ntoken_file = 1", "token_file must be text"),
        ("[accounts.a]\noauth_file = 1", "oauth_file must be text"),
        ("[[keys]]\nname = 'a'\nsha256 = 1", "sha256 must be text"),
        ("[[models]]\nname = 7\nbots = ['1']", "name must be text"),
        ("[[models]]\nname = 'm'\nbots = ['1']\noptions = [1]", "options must be a table"),
        (
            "[[models]]\nname = 'm'\nbots = [{bot_id = 7379}]",
            r"bots\[0\].bot_id must be text",
        ),
        ("[[models]]\nbots = [7379]", r"models\[0\].bots\[0\] must be its id as text"),
        ("[[keys]]\nname = 'a'\nkey_env = 'SPACE'", "no header can hold"),
        ("[[keys]]\nname = 'a'\nsha256 = ''\nper_minute = 0", "SHA-256"),
        ("[accounts]\na = 1", r"accounts\['a'\] must be a table"),
        (
            "[accounts.a]\noauth_file = 'none.json'",
            r"accounts\['a'\].oauth_file: .* cannot",
        ),
        ("[accounts.a]\ntoken_file = 'token'", "cannot be read"),
        ("[", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_a_word_about_it_in_two_languages(tmp_path, text, message):
    file = tmp_path / "gateway.toml"
    file.write_bytes(text.encode("utf-8"))
    (tmp_path / "token").write_bytes(b"\xff")
    given = {"SHORT": "sk-1", "LONG": SECRET, "SPACE": "sk-0123456789 abcdef"}
    with pytest.raises(ValueError, match=message) as caught:
        settings_from_file(file, given)
    assert "gateway.toml" in str(caught.value)
    assert re.search("[\u4e00-\u9fff]", str(caught.value))


@pytest.mark.parametrize(
    "limits", [{"upload": 300_000_000}, {"body": 300_000_000}, {"upload": 1, "body": 1}]
)
def test_what_is_held_at_once_follows_from_the_other_limits(limits):
    room = Limits(**limits).room
    assert room >= 2 * max(limits.values())
    assert room >= Limits().room
    assert Limits(held=200_000_000).room == 200_000_000


def test_a_key_may_use_known_models_only_and_bots_need_their_accounts(settings_for, emulator):
    with pytest.raises(ValueError, match="unknown models"):
        settings_for("echo", keys=(GatewayKey.of(SECRET, name="a", models=("gpt",)),))
    with pytest.raises(ValueError, match="no account 'default'"):
        settings_for("echo", accounts={"other": "pat_x"})
    with pytest.raises(ValueError, match="one request a minute"):
        GatewayKey.of(SECRET, name="a", per_minute=0)
    with pytest.raises(ValueError, match="no header can hold"):
        GatewayKey.of(SECRET + "\n", name="a")  # a file's last line: nobody could ever show it
    keys = (GatewayKey.of(SECRET, name="a", per_minute=5), GatewayKey.of(SECRET + "2", name="a"))
    with pytest.raises(ValueError, match="two keys have the name 'a'"):
        settings_for("echo", keys=keys)
    keys = (GatewayKey.of(SECRET, name="a", models=("echo",)), GatewayKey.of(SECRET, name="b"))
    with pytest.raises(ValueError, match="under two names"):
        settings_for("echo", keys=keys)


def test_an_account_may_be_an_oauth_app(tmp_path):
    from keys import key_pair

    private, _ = key_pair()
    import json

    described = {
        "client_type": "jwt",
        "client_id": "1",
        "private_key": private,
        "public_key_id": "k",
        "coze_api_base": "https://api.coze.cn",
    }
    (tmp_path / "app.json").write_text(json.dumps(described))
    file = tmp_path / "gateway.toml"
    file.write_text('[accounts.default]\noauth_file = "app.json"')
    assert isinstance(settings_from_file(file).accounts["default"], JWTAuth)


def test_settings_come_from_the_environment():
    none = settings_from_environment({})
    assert none == Settings()
    found = settings_from_environment(
        {"COZE_API_TOKEN": "pat_x", "COZE_BOT_ID": "1, 2", "COZE_GATEWAY_KEY": SECRET},
        models=["helper=3"],
    )
    assert [model.name for model in found.models] == ["helper", "1", "2"]
    assert found.accounts == {"default": "pat_x"}
    assert not found.takes_tokens
    with pytest.raises(ValueError, match="needs COZE_API_TOKEN"):
        settings_from_environment({"COZE_GATEWAY_KEY": SECRET})
    with pytest.raises(ValueError, match="name=bot_id"):
        settings_from_environment({}, models=["helper"])


@pytest.mark.parametrize(("told", "open_"), [("", False), ("pass_through = true", True)])
def test_a_file_with_keys_lets_tokens_in_only_if_it_says_so(tmp_path, told, open_):
    file = tmp_path / "gateway.toml"
    file.write_text(
        f"""
        {told}
        [accounts.default]
        token_env = "MY_TOKEN"
        [[keys]]
        name = "alice"
        key_env = "ALICE"
        """
    )
    found = settings_from_file(file, {"MY_TOKEN": "pat_first", "ALICE": SECRET})
    assert found.takes_tokens is open_


def test_settings_with_keys_take_tokens_only_if_they_say_so():
    with_keys = {"keys": (GatewayKey.of(SECRET, name="a"),), "accounts": {"default": "pat_x"}}
    assert Settings().takes_tokens
    assert not Settings(**with_keys).takes_tokens
    assert not dataclasses.replace(Settings(), **with_keys).takes_tokens
    assert Settings(**with_keys, pass_through=True).takes_tokens
