"""The demo, as a newcomer runs it."""

import os
import subprocess
import sys

import pytest

from langchain_coze.__main__ import main


def test_without_settings_it_talks_to_an_emulator():
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COZE_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "langchain_coze"],
        capture_output=True,
        text=True,
        env=clean,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "starting a local Coze emulator" in done.stdout
    assert "Your name is Ada." in done.stdout
    assert "first token after" in done.stdout
    assert "tokens in" in done.stdout
    assert "Tool: get_weather({'city': 'Paris'}) = sunny and 21 degrees in Paris" in done.stdout
    assert "Here is what I found: 51" in done.stdout
    assert "from langchain_coze import ChatCoze" in done.stdout
    assert done.stderr == ""


@pytest.fixture
def settings(emulator, monkeypatch):
    """Sets the environment; what is not given leads to the emulator's assistant."""

    def put(**others):
        given = {
            "COZE_API_TOKEN": emulator.token,
            "COZE_API_BASE": emulator.base_url,
            "COZE_BOT_ID": emulator.bot_id("assistant"),
        }
        for name, value in (given | others).items():
            monkeypatch.setenv(name, value)

    return put


def test_with_settings_it_talks_to_that_server(emulator, settings, capsys):
    settings()
    assert main() == 0
    assert "Talking to bot" in capsys.readouterr().out
    assert len(emulator.requests.to("/v3/chat")) == 6
    assert len(emulator.requests.to("/v3/chat/submit_tool_outputs")) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"COZE_API_TOKEN": "pat_wrong"}, "COZE_API_TOKEN"),
        ({"COZE_BOT_ID": "1"}, "does not exist"),
        ({"COZE_API_BASE": "http://127.0.0.1:9"}, "connection to 127.0.0.1 failed"),
        ({"COZE_API_BASE": "nonsense"}, "base_url"),
    ],
)
def test_what_is_wrong_is_said_in_one_message(settings, capsys, change, says):
    settings(**change)
    assert main() == 1
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said
