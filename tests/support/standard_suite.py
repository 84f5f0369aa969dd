"""LangChain's standard tests of a chat model, for bots of an emulator."""

import importlib
from types import SimpleNamespace

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests

# A sound, an image and a document that need not be fetched from the internet.
_CONTENT = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


class StandardSuite(ChatModelIntegrationTests):
    """What bots can do is on; who inherits says by which model they are reached."""

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
