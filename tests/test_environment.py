"""A variable of the environment that is empty or blank counts as unset, for everything here."""

import os
import subprocess
import sys

import pytest

from coze_core import AsyncCozeClient, CozeClient, environment_variable, from_environment
from langchain_coze import ChatCoze, CozeBotTool
from llamaindex_coze import Coze
from openai_coze import settings_from_environment

OURS = ("COZE_API_TOKEN", "COZE_API_BASE", "COZE_BOT_ID", "COZE_USER_ID", "COZE_HTTP_ENGINE")

blanks = pytest.mark.parametrize("blank", ["", " ", "\t\r\n"])


@pytest.fixture
def leave_blank(monkeypatch):
    def leave(blank, *names):
        for name in names or OURS:
            monkeypatch.setenv(name, blank)

    return leave


@blanks
def test_a_blank_token_does_not_hide_the_other_variable(emulator, leave_blank, monkeypatch, blank):
    leave_blank(blank, "COZE_API_TOKEN")
    monkeypatch.setenv("COZE_API_KEY", f" {emulator.token}\n")
    model = ChatCoze(bot_id=emulator.bot_id("assistant"), base_url=emulator.base_url)
    assert model.invoke("What is 2 + 3?").text == "2 + 3 = 5"
    tool = CozeBotTool(
        bot_id=model.bot_id, name="bot", description="A bot.", base_url=emulator.base_url
    )
    assert tool.invoke({"message": "What is 2 + 3?"}) == "2 + 3 = 5"


MAKES = {
    "client": CozeClient,
    "awaiting client": AsyncCozeClient,
    "ChatCoze": lambda: ChatCoze(bot_id="7").client,
    "Coze": lambda: Coze(bot_id="7"),
}


@blanks
@pytest.mark.parametrize("kind", MAKES)
def test_a_blank_token_is_none(leave_blank, blank, kind):
    leave_blank(blank)
    with pytest.raises(ValueError, match="no token"):
        MAKES[kind]()


@blanks
def test_other_blank_variables_say_nothing(emulator, leave_blank, blank):
    leave_blank(blank)
    for kind in (ChatCoze, Coze):
        model = kind(bot_id="7", api_key="x")
        assert (model.user_id, model.base_url) == (None, None)
        assert model.client.base_url == "https://api.coze.com"
        with pytest.raises(ValueError, match="no bot"):
            kind(api_key="x")


@pytest.mark.parametrize("package", ["langchain_coze", "llamaindex_coze"])
def test_the_demos_start_an_emulator_where_the_variables_are_blank(package):
    done = subprocess.run(
        [sys.executable, "-m", package],
        capture_output=True,
        text=True,
        env={**os.environ, **dict.fromkeys(OURS, " ")},
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "starting a local Coze emulator" in done.stdout


def test_the_gateway_takes_a_blank_token_for_none():
    blank = {"COZE_API_TOKEN": " ", "COZE_GATEWAY_KEY": "k" * 40, "COZE_BOT_ID": " "}
    with pytest.raises(ValueError, match="needs COZE_API_TOKEN"):
        settings_from_environment(blank)
    assert settings_from_environment({**blank, "COZE_GATEWAY_KEY": " "}).models == ()


def test_the_first_variable_that_says_something_counts(monkeypatch):
    assert environment_variable("A", "B", environment={"A": " ", "B": " b\n"}) == "b"
    assert environment_variable("A", environment={}) is None
    monkeypatch.setenv("COZE_BOT_ID", " 7 ")
    assert from_environment("bot_id", "OTHER") == "7"
    monkeypatch.setenv("COZE_BOT_ID", " ")
    monkeypatch.setenv("OTHER", "8")
    assert from_environment("bot_id", "OTHER") == "8"
