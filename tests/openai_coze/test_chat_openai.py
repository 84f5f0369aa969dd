"""LangChain's standard integration suite for its OpenAI model, pointed at the gateway."""

import importlib
from types import SimpleNamespace

import pytest
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests
from serving import KEY, serving
from standard_bot import standard_bots

from coze_core.emulator import Emulator
from openai_coze import BotModel, BotRoute, GatewayKey, Settings, create_app

# What LangChain's own OpenAI model warns of while the suite runs.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
    pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema"),
    pytest.mark.filterwarnings("ignore:OpenAI may require a filename"),
]
# A sound, an image and a document that need not be fetched from the internet.
_CONTENT = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@pytest.mark.anyio
class _Integration(ChatModelIntegrationTests):
    """What is off, OpenAI's own interface has not: Anthropic's blocks, images and files as
    results of tools, video; and details of usage, which Coze does not report."""

    bot = ""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _service(cls):
        with Emulator(bots=standard_bots()) as emulator:
            bots = [bot for name, bot in emulator.bots.items() if name != "unpublished"]
            settings = Settings(
                models=tuple(BotModel(bot.name, (BotRoute(bot.id),)) for bot in bots),
                accounts={"default": emulator.token},
                keys=(GatewayKey.of(KEY, name="suite"),),
                base_url=emulator.base_url,
            )
            with serving(create_app(settings)) as url:
                cls.url = url
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
        return ChatOpenAI

    @property
    def chat_model_params(self):
        return {
            "model": self.bot,
            "api_key": KEY,
            "base_url": f"{self.url}/v1",
            "stream_usage": True,
            # Its client is kept for all event loops, of which each test has another one.
            "default_headers": {"Connection": "close"},
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
        return f"{self.bot}-override"


class TestToolsOfTheBot(_Integration):
    """A bot that has the tools as local plugins."""

    bot = "standard"


class TestToolsInText(_Integration):
    """A bot without any tools, which is told of them in the request."""

    bot = "toolless"
