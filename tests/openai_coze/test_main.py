"""Settings from files and variables, and the gateway as a program."""

import dataclasses
import os
import re
import signal
import subprocess
import sys

import httpx
import pytest

from coze_core import JWTAuth
from openai_coze import (
    GatewayKey,
    Limits,
    Settings,
    settings_from_environment,
    settings_from_file,
)
from openai_coze.__main__ import main

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
    ("option", "message"),
    [
        ('temperature = "hot"', "'temperature', which does not exist: it is set where the bot"),
        ("deadline = 5", "does not exist: set limits.seconds"),
        ("histori = 1", "did you mean 'history'"),
        ('history = "none"', "options.history must be 'client' or 'server'"),
        ("on_busy = true", "options.on_busy must be 'error', 'wait'"),
        ('system = "variable:"', "system must be 'prefix'"),
        ("system = 1", "options.system must be text"),
        ("user_id = 7", "options.user_id must be text"),
        ("conversation_id = 7379", "options.conversation_id must be text"),
        ('busy_timeout = "soon"', "options.busy_timeout must be a number"),
        ("busy_timeout = nan", "options.busy_timeout must be a number"),
        ("busy_timeout = -1", "busy_timeout must not be negative"),
        ('enable_card = "yes"', "options.enable_card must be true or false"),
        (
            "custom_variables = {a = 1}",
            r"options.custom_variables must be a table .* of texts",
        ),
        ('custom_variables = {a1 = "x"}', "letters and underscores only"),
        ('meta_data = {a = ""}', "meta_data keys have 1 to 64"),
        ('parameters = ["a"]', "options.parameters must be a table"),
        ('history = "server"\nauto_save_history = false', "needs auto_save_history"),
    ],
)
def test_a_wrong_option_of_a_model_ends_the_program_before_any_chat(
    tmp_path, capsys, option, message
):
    file = tmp_path / "gateway.toml"
    file.write_text(f"[[models]]\nname = 'helper'\nbots = ['7379']\n[models.options]\n{option}")
    assert main(["--config", str(file)]) == 1
    told = capsys.readouterr().err
    assert re.search(message, told)
    assert "models['helper'].options" in told
    assert re.search("[\u4e00-\u9fff]", told)


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


def test_a_wrong_setting_ends_the_program_with_a_word_about_it(capsys, monkeypatch):
    monkeypatch.setenv("COZE_GATEWAY_KEY", SECRET)
    assert main([]) == 1
    assert "needs COZE_API_TOKEN" in capsys.readouterr().err
    assert main(["--config", "x.toml", "--model", "a=1"]) == 1
    assert "not both" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--port", "{taken}"], "cannot listen at 127.0.0.1 port {taken}"),
        (["--port", "65536"], "--port must be from 0 to 65535"),
        (["--host", "192.0.2.1"], "cannot listen at 192.0.2.1"),
        (["--host", "::g"], "cannot listen at ::g"),
        (["--uds", "none/there.sock"], "there is no folder"),
        (["--workers", "0"], "--workers must be at least 1"),
    ],
)
def test_a_place_where_nobody_can_listen_ends_the_program(capsys, arguments, told):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        assert main([each.format(taken=taken) for each in arguments]) == 1
    error = capsys.readouterr().err
    assert told.format(taken=taken) in error
    assert re.search("[\u4e00-\u9fff]", error)


def test_it_makes_keys(capsys):
    assert main(["--new-key"]) == 0
    key, digest = re.fullmatch(r'(\S+)\nsha256 = "(\w+)"\n', capsys.readouterr().out).groups()
    assert GatewayKey.of(key, name="x") == GatewayKey("x", digest)


@pytest.fixture
def program(emulator):
    """Starts the gateway as a program and returns (process, address)."""
    running = []

    def start(*arguments):
        import socket

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {
            **os.environ,
            "COZE_API_BASE": emulator.base_url,
            "COZE_API_TOKEN": emulator.token,
            "COZE_GATEWAY_KEY": SECRET,
            "COZE_BOT_ID": emulator.bot_id("slow"),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "openai_coze", "--port", str(port), *arguments],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        for line in process.stderr:
            if "running on" in line:
                break
        return process, f"http://127.0.0.1:{port}"

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stderr.close()


def test_the_program_serves_logs_json_and_finishes_streams_when_told_to_end(program, add_bot):
    import json

    from coze_core.emulator import Pause

    async def steady(messages, context):
        yield "begin"
        yield Pause(0.5)
        yield "end"

    add_bot(steady)
    process, url = program("--model", f"steady={_steady_id()}")
    body = {"model": "steady", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    headers = {"Authorization": f"Bearer {SECRET}"}
    with httpx.stream(
        "POST", f"{url}/v1/chat/completions", json=body, headers=headers, timeout=30
    ) as reply:
        lines = reply.iter_lines()
        assert "begin" in next(line for line in lines if "content" in line and "begin" in line)
        process.send_signal(signal.SIGTERM)
        rest = list(lines)
    assert any('"end"' in line for line in rest)
    assert "data: [DONE]" in rest
    assert process.wait(timeout=30) in {0, -signal.SIGTERM}
    logged = process.stderr.read()
    (request,) = [json.loads(line) for line in logged.splitlines() if '"event": "request"' in line]
    assert request["status"] == 200
    assert request["model"] == "steady"
    assert request["caller"] == "key:1"
    assert request["chat_id"]
    assert request["first_token_seconds"] < request["seconds"]
    assert SECRET not in logged
    assert "pat_" not in logged
    assert "hi" not in request.values()


def _steady_id():
    from coze_core.emulator import Bot

    return Bot("steady", None).id


def test_several_workers_serve_one_port(program):
    _, url = program("--workers", "2")
    headers = {"Authorization": f"Bearer {SECRET}"}
    with httpx.Client(transport=httpx.HTTPTransport(retries=10)) as client:
        models = client.get(f"{url}/v1/models", headers=headers).json()
    assert [model["object"] for model in models["data"]] == ["model"]


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


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [("COZE_API_BASE", "ftp://x", "base_url"), ("COZE_API_TOKEN", "pat x", "the token has")],
)
def test_what_no_worker_could_begin_with_ends_the_program(name, value, told):
    environment = {
        **os.environ,
        "COZE_API_TOKEN": "pat_x",
        "COZE_GATEWAY_KEY": SECRET,
        name: value,
    }
    command = [sys.executable, "-m", "openai_coze", "--port", "0", "--workers", "2"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert f"could not start: {told}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("option", "module"), [("--metrics", "prometheus_client"), ("--traces", "opentelemetry")]
)
def test_a_library_that_is_missing_is_named(tmp_path, option, module):
    (tmp_path / module).mkdir()
    (tmp_path / module / "__init__.py").write_text("raise ImportError('not here')")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "openai_coze", "--port", "0", option]
    environment = {**os.environ, "PYTHONPATH": paths}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert "could not start" in ended.stderr
    assert "pip install" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_settings_with_keys_take_tokens_only_if_they_say_so():
    with_keys = {"keys": (GatewayKey.of(SECRET, name="a"),), "accounts": {"default": "pat_x"}}
    assert Settings().takes_tokens
    assert not Settings(**with_keys).takes_tokens
    assert not dataclasses.replace(Settings(), **with_keys).takes_tokens
    assert Settings(**with_keys, pass_through=True).takes_tokens
