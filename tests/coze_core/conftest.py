"""Fixtures for the tests of the core."""

import gc

import pytest

from coze_core import AsyncCozeClient, CozeClient, EnterMessage, Tracing
from coze_core._desk import DESK
from coze_core.emulator import Bot


@pytest.fixture
def conversation(client):
    return client.conversations.create().id


@pytest.fixture
def no_turn_is_left():
    """Fails if somebody still waits for a conversation, or has one, when the test is over."""
    yield
    gc.collect()
    assert DESK.queues == 0
    assert not DESK._leases


@pytest.fixture
def spans(caplog):
    from spans import Spans  # OpenTelemetry is not there wherever some of these tests are run

    yield Spans()
    # A span that ends twice, or a context that is left where it was not entered, is only logged.
    assert not [each for each in caplog.records if each.name.startswith("opentelemetry")]


@pytest.fixture
def traced(emulator, spans):
    tracing = Tracing(spans.provider)
    with CozeClient(emulator.token, base_url=emulator.base_url, tracing=tracing) as client:
        yield client


@pytest.fixture
def async_traced(emulator, spans):
    tracing = Tracing(spans.provider)
    return AsyncCozeClient(emulator.token, base_url=emulator.base_url, tracing=tracing)


@pytest.fixture
def ask_new(emulator):
    """The arguments of a chat with a new bot."""

    def arguments(answer, **options):
        bot = emulator.add_bot(Bot(answer.__name__, answer, **options))
        return {"bot_id": bot.id, "user_id": "u1", "messages": [EnterMessage.user("Go.")]}

    return arguments
