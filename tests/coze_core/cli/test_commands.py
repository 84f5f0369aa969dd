"""The smaller commands: bots, upload, emulator, gateway, and what all have in common."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from coze_core import CozeClient
from coze_core.emulator import WORKSPACE_ID
from coze_core.emulator.__main__ import _parser


def rows(result):
    return [line.split("\t") for line in result.stdout.splitlines()]


# -- bots


def test_bots_of_all_workspaces_are_listed(coze, emulator):
    head, *found = rows(coze("bots"))
    assert head == ["ID", "name", "published", "workspace", "description"]
    assert [row[1] for row in found] == ["echo", "assistant", "slow"]
    assert found[0][0] == emulator.bot_id("echo")
    assert {row[3] for row in found} == {"emulated"}


def test_bots_of_one_workspace_with_those_not_published(coze, emulator):
    found = rows(coze("bots", "--workspace", WORKSPACE_ID, "--all"))[1:]
    assert [(row[1], row[2]) for row in found if row[1] == "unpublished"] == [("unpublished", "no")]
    assert emulator.requests.to("/v1/workspaces") == []


def test_bots_as_json_lines(coze):
    found = [json.loads(line) for line in coze("bots", "--json").stdout.splitlines()]
    assert [bot["name"] for bot in found] == ["echo", "assistant", "slow"]
    assert found[0]["workspace_id"] == WORKSPACE_ID


def test_an_unknown_workspace_is_an_error(coze):
    done = coze("bots", "-w", "1")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "code 4200" in done.stderr


# -- upload


def test_files_are_uploaded_and_their_ids_told(coze, emulator, tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("content")
    head, *found = rows(coze("upload", str(tmp_path / "a.txt"), str(tmp_path / "b.txt")))
    assert head == ["ID", "bytes", "file"]
    with CozeClient(emulator.token, base_url=emulator.base_url) as client:
        names = [client.files.retrieve(file_id=row[0]).file_name for row in found]
    assert names == ["a.txt", "b.txt"]


def test_nothing_is_uploaded_if_one_of_the_files_is_not_there(coze, emulator, tmp_path):
    (tmp_path / "a.txt").write_text("content")
    assert coze("upload", str(tmp_path / "a.txt"), str(tmp_path / "b.txt")).exit_code == 2
    assert not emulator.requests


def test_uploads_as_json_lines(coze, tmp_path):
    (tmp_path / "a.txt").write_text("content")
    told = json.loads(coze("upload", "--json", str(tmp_path / "a.txt")).stdout)
    assert (told["bytes"], told["file_name"]) == (7, "a.txt")


# -- emulator


def test_the_emulator_serves_until_it_is_interrupted(tmp_path):
    (tmp_path / "mybots.py").write_text("async def answer(messages, context):\n    yield 'mine'\n")
    command = [sys.executable, "-m", "coze_core.cli", "emulator", "--port", "0"]
    env = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    started = subprocess.Popen(
        [*command, "--bot", "mine=mybots:answer"],
        stdout=subprocess.PIPE,
        text=True,
        env=env,
        cwd=tmp_path,
    )
    told = ""
    while "mine" not in told:
        told += started.stdout.readline()
    base = re.search(r"COZE_API_BASE=(\S+)", told)[1]
    with CozeClient("pat_emulator", base_url=base) as client:
        assert client.users.me().user_name == "emulated"
    started.send_signal(signal.SIGINT)
    started.communicate(timeout=30)
    assert started.returncode == 0


def test_the_emulator_says_why_it_cannot_start(process):
    done = process("emulator", "--bot", "mine=nowhere:answer")
    assert done.returncode == 1
    assert "nowhere" in done.stderr


def test_the_emulators_options_are_those_of_its_module(coze):
    shown = coze("emulator", "--help", env={"COLUMNS": "200"}).stdout
    for action in _parser()._actions:
        assert action.option_strings[-1] in shown


# -- gateway


def package(folder, code, main=None):
    """Put a package in the gateway's place; return the environment that finds it."""
    (folder / "openai_coze").mkdir()
    (folder / "openai_coze" / "__init__.py").write_text(code)
    if main is not None:
        (folder / "openai_coze" / "__main__.py").write_text(main)
    return {"PYTHONPATH": f"{folder}{os.pathsep}{Path.cwd()}"}


def test_the_gateway_is_started_with_what_it_is_told(process, tmp_path):
    env = package(tmp_path, "", "def main(arguments):\n    print(*arguments)\n    return 3\n")
    done = process("gateway", "--port", "81", "--config", "x.toml", env=env, cwd=tmp_path)
    assert (done.stdout, done.returncode) == ("--port 81 --config x.toml\n", 3)


def test_a_gateway_that_is_only_an_application_is_served(process, tmp_path):
    env = package(tmp_path, "def create_app():\n    return 'app'\n")
    (tmp_path / "uvicorn.py").write_text("def run(*a, **k):\n    print(a, k)\n")
    done = process("gateway", "--port", "81", env=env, cwd=tmp_path)
    assert done.stdout == "('app',) {'host': '127.0.0.1', 'port': 81}\n"


def test_without_the_gateway_it_is_said_how_to_install_it(process, tmp_path):
    done = process("gateway", env=package(tmp_path, ""), cwd=tmp_path)
    assert done.returncode == 1
    assert "pip install 'coze-bridge[openai]'" in done.stderr


# -- all commands


def test_the_version_is_told(coze):
    from coze_core import __version__

    assert coze("--version").stdout == f"coze-bridge {__version__}\n"


def test_without_arguments_there_is_help_in_both_languages(coze):
    shown = coze(env={"COLUMNS": "200"}).stdout
    assert "Talk to a bot / 与智能体对话" in shown
    for name in ("chat", "bots", "upload", "emulator", "auth", "gateway"):
        assert name in shown


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_packages_it_says_how_to_install_them(tmp_path, missing):
    code = f"import sys; sys.modules[{missing!r}] = None; import coze_core.cli as c; c.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'coze-bridge[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error(process):
    command = f"{sys.executable} -m coze_core.cli bots --json | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert "Traceback" not in done.stderr


def test_completion_is_offered(process):
    env = {"_COZE_COMPLETE": "complete_bash", "COMP_WORDS": "coze em", "COMP_CWORD": "1"}
    assert process(env=env).stdout.strip() == "emulator"
