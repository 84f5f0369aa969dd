"""A local Coze for tests, demos and work without a network: real HTTP, real event streams."""

from coze_core.emulator._access import OAuthApp
from coze_core.emulator._bots import (
    Audio,
    Bot,
    BotContext,
    BotMessage,
    Card,
    Delta,
    Fail,
    FollowUp,
    Knowledge,
    NextAnswer,
    Part,
    Pause,
    Question,
    Reasoning,
    ServerTool,
    ToolCall,
    ToolResult,
    Usage,
    Verbose,
)
from coze_core.emulator._emulator import DEFAULT_TOKEN, Emulator, RecordedRequest, Requests
from coze_core.emulator._faults import Fault, Faults
from coze_core.emulator._openai_bot import openai_bot
from coze_core.emulator._state import USER_ID, WORKSPACE_ID
from coze_core.emulator.transport import EmulatorTransport

__all__ = [
    "DEFAULT_TOKEN",
    "USER_ID",
    "WORKSPACE_ID",
    "Audio",
    "Bot",
    "BotContext",
    "BotMessage",
    "Card",
    "Delta",
    "Emulator",
    "EmulatorTransport",
    "Fail",
    "Fault",
    "Faults",
    "FollowUp",
    "Knowledge",
    "NextAnswer",
    "OAuthApp",
    "Part",
    "Pause",
    "Question",
    "Reasoning",
    "RecordedRequest",
    "Requests",
    "ServerTool",
    "ToolCall",
    "ToolResult",
    "Usage",
    "Verbose",
    "openai_bot",
]
