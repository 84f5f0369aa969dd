"""Coze bots behind OpenAI's interfaces: an ASGI application over the same core as the adapters."""

from openai_coze._app import create_app
from openai_coze._load import settings_from_environment, settings_from_file
from openai_coze._settings import BotModel, BotRoute, GatewayKey, Limits, Settings

__all__ = [
    "BotModel",
    "BotRoute",
    "GatewayKey",
    "Limits",
    "Settings",
    "create_app",
    "settings_from_environment",
    "settings_from_file",
]
