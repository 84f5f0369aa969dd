"""The demo, as a newcomer runs it."""

import os
import subprocess
import sys

import pytest

from llamaindex_coze.__main__ import main


def run(**env):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COZE_")}
    return subprocess.run(
        [sys.executable, "-m", "llamaindex_coze"],
        capture_output=True,
        text=True,
        env={**clean, **env},
        timeout=60,
    )


def test_without_settings_it_talks_to_an_emulator():
    done = run()
    assert done.returncode == 0, done.stderr
    assert "Bot: Ada Lovelace wrote programs" in done.stdout
    assert "get_weather({'city': 'Paris'}) = sunny and 21 degrees in Paris" in done.stdout
    assert "Here is what I found: 51" in done.stdout
    assert "from llama_index.llms.coze import Coze" in done.stdout


@pytest.fixture
def settings(emulator):
    return {
        "COZE_API_TOKEN": emulator.token,
        "COZE_API_BASE": emulator.base_url,
        "COZE_BOT_ID": emulator.bot_id("assistant"),
    }


def test_with_settings_it_talks_to_that_server(emulator, settings):
    done = run(**settings)
    assert done.returncode == 0, done.stderr
    assert len(emulator.requests.to("/v3/chat")) == 5


def test_what_is_wrong_is_said_in_one_message(settings, monkeypatch, capsys):
    for name, value in (settings | {"COZE_API_TOKEN": "pat_wrong"}).items():
        monkeypatch.setenv(name, value)
    assert main() == 1
    said = capsys.readouterr().err
    assert "COZE_API_TOKEN" in said
    assert "Traceback" not in said
