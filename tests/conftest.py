"""Fixtures that everything shares: a started emulator and clients for it."""

import pytest

from coze_core import AsyncCozeClient, CozeClient, EnterMessage
from coze_core.emulator import Emulator


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    for name in ("COZE_API_TOKEN", "COZE_API_KEY", "COZE_API_BASE", "COZE_BOT_ID", "COZE_USER_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.fixture
def quick_polls(monkeypatch):
    """What is asked again and again is asked at once, for tests that are not about the pauses."""
    monkeypatch.setattr("coze_core._polling.FIRST_WAIT", 0.01)
    monkeypatch.setattr("coze_core._polling._SHORTEST", 0.01)


@pytest.fixture
def emulator():
    with Emulator() as running:
        yield running


@pytest.fixture
def studio():
    with Emulator(profile="studio") as running:
        yield running


@pytest.fixture
def client(emulator):
    with CozeClient(emulator.token, base_url=emulator.base_url) as made:
        yield made


@pytest.fixture
def async_client(emulator):
    return AsyncCozeClient(emulator.token, base_url=emulator.base_url)


@pytest.fixture
def ask(emulator):
    """The arguments of a chat with one of the emulator's bots."""

    def arguments(text, bot="assistant", **others):
        return {
            "bot_id": emulator.bot_id(bot),
            "user_id": "u1",
            "messages": [EnterMessage.user(text)],
            **others,
        }

    return arguments
