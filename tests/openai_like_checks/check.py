"""LlamaIndex's OpenAILike, unmodified, against the gateway: check.py <url> <key>."""

import asyncio
import sys

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel

url, key = sys.argv[1:]


def model(name):
    return OpenAILike(
        model=name,
        api_base=url,
        api_key=key,
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
    )


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


class City(BaseModel):
    """A city."""

    name: str


def chat():
    history = [
        ChatMessage("My name is Ada."),
        ChatMessage("Nice to meet you, Ada!", role="assistant"),
        ChatMessage("What is my name?"),
    ]
    assert model("assistant").chat(history).message.content == "Your name is Ada."


def stream():
    pieces = [piece.delta for piece in model("assistant").stream_complete("What is 2 + 3?")]
    assert "".join(pieces) == "2 + 3 = 5"
    assert len(pieces) > 2


def image():
    blocks = [TextBlock(text="What is this?"), ImageBlock(image=b"\x89PNG\r\n\x1a\nxxxx")]
    told = model("assistant").chat([ChatMessage(role="user", blocks=blocks)])
    assert told.message.content == "I was given: image."


def data():
    assert model("city").as_structured_llm(City).complete("Paris?").raw == City(name="Paris")


def agent():
    async def run():
        llm = model("assistant")
        tools = [FunctionTool.from_defaults(get_weather)]
        told = await FunctionAgent(llm=llm, tools=tools).run("What is the weather in Rome?")
        assert "sunny in Rome" in str(told), told
        await llm._get_aclient().close()

    asyncio.run(run())


for check in (chat, stream, image, data, agent):
    check()
    print("ok", check.__name__)
