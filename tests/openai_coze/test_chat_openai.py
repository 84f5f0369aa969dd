"""LangChain's standard integration suite for its OpenAI model, pointed at the gateway."""

import pytest
from langchain_openai import ChatOpenAI
from serving import KEY, serving
from standard_bot import standard_bots
from standard_suite import StandardSuite

from coze_core.emulator import Emulator
from openai_coze import BotModel, BotRoute, GatewayKey, Settings, create_app

# What LangChain's own OpenAI model warns of while the suite runs.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
    pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema"),
    pytest.mark.filterwarnings("ignore:OpenAI may require a filename"),
]


@pytest.mark.anyio
class _Integration(StandardSuite):
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
    def model_override_value(self):
        return f"{self.bot}-override"


class TestToolsOfTheBot(_Integration):
    """A bot that has the tools as local plugins."""

    bot = "standard"


class TestToolsInText(_Integration):
    """A bot without any tools, which is told of them in the request."""

    bot = "toolless"
