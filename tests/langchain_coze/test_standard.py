"""LangChain's own standard unit tests. The integration suite comes with tools and media."""

import importlib

import pytest
from langchain_tests.unit_tests import ChatModelUnitTests

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

    # Binding tools is not part of this release; the base class then offers none of these.
    @property
    def has_tool_calling(self):
        return False

    @property
    def has_structured_output(self):
        return False
