"""`python -m llamaindex_coze`: questions about documents and a small agent, in a few seconds.

Talks to the bot of `COZE_BOT_ID` with `COZE_API_TOKEN`, or to a local emulator if they are unset.
The documents are found by keywords: no embedding model installs from the package index with its
weights, and LlamaIndex's mock would find nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator

from llama_index.core import Document, SimpleKeywordTableIndex
from llama_index.core.agent.workflow import AgentStream, FunctionAgent, ToolCallResult
from llama_index.core.base.response.schema import StreamingResponse
from pydantic import SecretStr

from coze_core import CozeError, from_environment
from coze_core.emulator import Emulator
from llamaindex_coze import Coze

_DOCUMENTS = (
    "Ada Lovelace wrote programs for the Analytical Engine.",
    "Charles Babbage designed the Analytical Engine and never finished it.",
    "Coze bots have plugins, workflows and knowledge. Publish a bot to the API channel to use it.",
)
_QUESTIONS = ("Who wrote programs?", "What do bots have?")
_TASKS = ("What is the weather in Paris?", "Please multiply 17 and 3.")
_DIM, _BOLD, _PLAIN = "\033[2m", "\033[1m", "\033[0m"


@contextlib.contextmanager
def _model() -> Iterator[Coze]:
    """Make the model: of the real service if the environment names it, else of an emulator."""
    if from_environment("token") and from_environment("bot_id"):
        with contextlib.closing(Coze()) as llm:
            print(f"Talking to bot {llm.bot_id} at {llm.client.base_url}.\n")
            yield llm
        return
    print("COZE_API_TOKEN and COZE_BOT_ID are not both set: starting a local Coze emulator.")
    print("未同时设置 COZE_API_TOKEN 和 COZE_BOT_ID：正在启动本地扣子模拟服务。")
    with Emulator() as emulator:
        print(f"Talking to its bot 'assistant' at {emulator.base_url}.\n")
        bot = emulator.bot_id("assistant")
        with contextlib.closing(
            Coze(bot_id=bot, api_key=SecretStr(emulator.token), base_url=emulator.base_url)
        ) as llm:
            yield llm


def _style(code: str) -> str:
    return code if sys.stdout.isatty() else ""


def _said(who: str, text: str, end: str = "\n") -> None:
    print(f"{_style(_BOLD)}{who}:{_style(_PLAIN)} {text}", end=end, flush=True)


def _query(llm: Coze) -> None:
    """Ask about documents, streamed."""
    documents = [Document(text=text) for text in _DOCUMENTS]
    index = SimpleKeywordTableIndex.from_documents(documents, llm=llm)
    engine = index.as_query_engine(llm=llm, streaming=True)
    for question in _QUESTIONS:
        _said("You", question)
        started = time.perf_counter()
        response = engine.query(question)
        _said("Bot", "", end="")
        if isinstance(response, StreamingResponse):
            for text in response.response_gen:
                print(text, end="", flush=True)
        found = len(response.source_nodes)
        seconds = time.perf_counter() - started
        print(
            f"\n{_style(_DIM)}     [{found} documents; {1000 * seconds:.0f} ms]{_style(_PLAIN)}\n"
        )


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny and 21 degrees in {city}"


def multiply(a: float, b: float) -> float:
    """Multiply two numbers."""
    return a * b


async def _work(llm: Coze) -> None:
    """Solve tasks with tools: the bot has `get_weather` itself and is told of `multiply`."""
    agent = FunctionAgent(llm=llm, tools=[get_weather, multiply])
    for task in _TASKS:
        _said("You", task)
        handler = agent.run(user_msg=task)
        async for event in handler.stream_events():
            if isinstance(event, ToolCallResult):
                _said("Tool", f"{event.tool_name}({event.tool_kwargs}) = {event.tool_output}")
            elif isinstance(event, AgentStream):
                print(event.delta, end="", flush=True)
        await handler
        print("\n")
    await llm.aclose()


_NEXT = """\
The same in your own code:

    from llama_index.core import Settings
    from llama_index.llms.coze import Coze

    Settings.llm = Coze(bot_id="...", api_key="pat_...")   # region="cn" for coze.cn
    index.as_query_engine(streaming=True).query("...").print_response_stream()

Or set COZE_API_TOKEN and COZE_BOT_ID and run this again to talk to your own bot.
设置 COZE_API_TOKEN 与 COZE_BOT_ID 后重新运行，即可与您自己的机器人对话。"""


def main() -> int:
    """Ask and work; return the exit status."""
    try:
        with _model() as llm:
            _query(llm)
            print("An agent: the bot calls tools, this program runs them.")
            print("智能体：由机器人调用工具，由本程序执行。\n")
            asyncio.run(_work(llm))
    except (CozeError, ValueError) as error:
        print(f"\nThat did not work: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(_NEXT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
