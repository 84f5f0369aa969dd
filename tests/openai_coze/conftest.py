"""Gateways on loopback sockets, before an emulator, and OpenAI's own client for them."""

import contextlib

import openai
import pytest
from serving import KEY, serving

from coze_core.emulator import Bot
from openai_coze import BotModel, BotRoute, GatewayKey, Settings, create_app


@pytest.fixture
def settings_for(emulator):
    """Settings with one model for each name: `settings_for("assistant", keys=...)`."""

    def make(*bots, **others):
        models = tuple(BotModel(name, (BotRoute(emulator.bot_id(name)),)) for name in bots)
        defaults = {
            "models": models,
            "accounts": {"default": emulator.token},
            "keys": (GatewayKey.of(KEY, name="tests"),),
            "base_url": emulator.base_url,
        }
        return Settings(**{**defaults, **others})

    return make


@pytest.fixture
def serve():
    """Serves an application and returns its address, until the test ends, or `serve.stop()`."""
    with contextlib.ExitStack() as stack:

        def start(app, **options):
            return stack.enter_context(serving(app, **options))

        start.stop = stack.close  # what has been asked is finished then, and told of
        yield start


@pytest.fixture
def add_bot(emulator):
    """Makes an async function a bot, and returns its name."""

    def add(function, **others):
        return emulator.add_bot(Bot(function.__name__, function, **others)).name

    return add


@pytest.fixture
def gateway(serve, settings_for):
    """Serves bots as models and returns a client: `gateway("assistant")`."""
    made = []

    def make(*bots, key=KEY, **others):
        url = serve(create_app(settings_for(*bots, **others)))
        made.append(openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def said():
    return lambda text: [{"role": "user", "content": text}]
