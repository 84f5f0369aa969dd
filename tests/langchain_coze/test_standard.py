"""LangChain's own standard suites, whole: unit, and integration over loopback HTTP."""

import importlib
from types import SimpleNamespace

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from standard_bot import standard_bots

from coze_core.emulator import Emulator
from langchain_coze import ChatCoze

# A sound, an image and a document that need not be fetched from the internet.
_CONTENT = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


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
class _Integration(ChatModelIntegrationTests):
    """Everything is on but recordings of the network (there is none to record) and details of
    usage (Coze reports totals only: protocol notes, section 2.7)."""

    bot = ""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _service(cls):
        with Emulator(bots=standard_bots()) as running:
            cls.emulator = running
            yield

    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"  # LangChain's own

    @pytest.fixture(autouse=True)
    def _without_the_internet(self, monkeypatch):
        """The suite fetches sample files; what is in them does not matter to it."""
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "none: nothing is fetched")
        suite = importlib.import_module("langchain_tests.integration_tests.chat_models")
        fake = SimpleNamespace(get=lambda url, **_: SimpleNamespace(content=_CONTENT))
        monkeypatch.setattr(suite, "httpx", fake)

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
    def has_tool_choice(self):
        return True

    @property
    def supports_json_mode(self):
        return True

    @property
    def supports_image_inputs(self):
        return True

    @property
    def supports_image_urls(self):
        return True

    @property
    def supports_pdf_inputs(self):
        return True

    @property
    def supports_audio_inputs(self):
        return True

    @property
    def supports_video_inputs(self):
        return True

    @property
    def supports_anthropic_inputs(self):
        return True

    @property
    def supports_image_tool_message(self):
        return True

    @property
    def supports_pdf_tool_message(self):
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
