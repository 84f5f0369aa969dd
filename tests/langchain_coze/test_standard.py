"""LangChain's own standard suites, whole: unit, and integration over loopback HTTP."""

import importlib

import pytest
from langchain_tests.unit_tests import ChatModelUnitTests
from standard_bot import standard_bots
from standard_suite import StandardSuite

from coze_core.emulator import Emulator
from langchain_coze import ChatCoze


class TestChatCozeStandard(ChatModelUnitTests):
    @pytest.fixture(autouse=True)
    def _known_to_core(self, monkeypatch):
        """`load(allowed_objects="all")` means the classes of a list inside core, which only
        packages of LangChain's own are on; outside this test one names the class instead."""
        path = ("langchain_coze", "chat_models", "ChatCoze")
        module = importlib.import_module("langchain_core.load.load")
        monkeypatch.setitem(module.ALL_SERIALIZABLE_MAPPINGS, path, path)
        monkeypatch.setattr(module, "_default_class_paths_cache", {})

    @property
    def chat_model_class(self):
        return ChatCoze

    @property
    def chat_model_params(self):
        return {
            "bot_id": "7350000000000000002",
            "api_key": "test",
            "base_url": "https://coze.example.com",
        }

    @property
    def init_from_env_params(self):
        env = {
            "COZE_API_TOKEN": "test",
            "COZE_API_BASE": "https://coze.example.com",
            "COZE_BOT_ID": "7350000000000000001",
            "COZE_USER_ID": "u",
        }
        expected = {
            "api_key": "test",
            "base_url": "https://coze.example.com",
            "bot_id": "7350000000000000001",
            "user_id": "u",
        }
        return env, {}, expected


@pytest.mark.anyio
class _Integration(StandardSuite):
    """Everything is on but recordings of the network (there is none to record) and details of
    usage (Coze reports totals only: protocol notes, section 2.7)."""

    bot = ""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _service(cls):
        with Emulator(bots=standard_bots()) as running:
            cls.emulator = running
            yield

    @property
    def chat_model_class(self):
        return ChatCoze

    @property
    def chat_model_params(self):
        return {
            "bot_id": self.emulator.bot_id(self.bot),
            "api_key": self.emulator.token,
            "base_url": self.emulator.base_url,
            "user_id": "u1",
        }

    @property
    def supports_video_inputs(self):
        return True

    @property
    def model_override_value(self):
        return self.emulator.bot_id(f"{self.bot}-override")


class TestToolsOfTheBot(_Integration):
    """A bot that has the tools as local plugins."""

    bot = "standard"


class TestToolsInText(_Integration):
    """A bot without any tools, which is told of them in the request."""

    bot = "toolless"
