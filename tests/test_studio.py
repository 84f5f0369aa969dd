"""Both adapters on Coze Studio, which takes no tool outputs."""

import base64

import pytest
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.messages import HumanMessage, ToolMessage
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock

from coze_core import UnsupportedError
from coze_core.emulator import Bot, ToolCall
from langchain_coze import ChatCoze
from llamaindex_coze import Coze

PROBE = "/v3/chat/retrieve"


async def calls(messages, context):
    yield ToolCall("weather", {"city": "Paris"})


@pytest.fixture
def bot(emulator, studio):
    """One bot, in the cloud and on a Studio."""
    bot = Bot("calls", calls, tools=("weather",))
    emulator.add_bot(bot)
    studio.add_bot(bot)
    return bot


def test_outputs_for_a_waiting_chat_are_refused_before_anything_is_sent(emulator, studio, bot):
    fields = {"bot_id": bot.id, "api_key": emulator.token}
    cloud = ChatCoze(base_url=emulator.base_url, **fields)
    own = ChatCoze(base_url=studio.base_url, **fields)
    asked = HumanMessage("Weather?")
    waiting = cloud.invoke([asked])
    picture = {"type": "image", "base64": base64.b64encode(b"x").decode(), "mime_type": "image/png"}
    output = ToolMessage([picture], tool_call_id=waiting.tool_calls[0]["id"])
    with pytest.raises(UnsupportedError, match="tool_calling='prompt'") as caught:
        own.invoke([asked, waiting, output])
    assert isinstance(caught.value, ModelInvalidRequestError)
    assert [request.path for request in studio.requests] == [PROBE]
    cloud.close()
    own.close()


def test_llamaindex_is_told_the_same_and_a_told_server_is_not_probed(emulator, studio, bot):
    fields = {"bot_id": bot.id, "api_key": emulator.token}
    cloud = Coze(base_url=emulator.base_url, **fields)
    own = Coze(base_url=studio.base_url, server="studio", **fields)
    asked = ChatMessage(role="user", content="Weather?")
    waiting = cloud.chat([asked]).message
    call = next(block for block in waiting.blocks if isinstance(block, ToolCallBlock))
    kwargs = {"tool_call_id": call.tool_call_id}
    output = ChatMessage(role="tool", content="sunny", additional_kwargs=kwargs)
    with pytest.raises(UnsupportedError, match="tool_calling='prompt'"):
        own.chat([asked, waiting, output])
    assert studio.requests == []
    cloud.close()
    own.close()
