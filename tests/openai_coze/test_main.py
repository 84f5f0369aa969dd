"""The gateway as a program."""

import os
import re
import signal
import subprocess
import sys

import httpx
import pytest

from openai_coze import (
    GatewayKey,
)
from openai_coze.__main__ import main

SECRET = "sk-0123456789abcdef"


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
