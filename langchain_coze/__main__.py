"""`python -m langchain_coze`: a conversation and a small agent, streamed, in a few seconds.

Talks to the bot of `COZE_BOT_ID` with `COZE_API_TOKEN`, or to a local emulator if they are unset.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.runnables import Runnable
from pydantic import SecretStr

from coze_core import CozeError, from_environment
from coze_core.emulator import Emulator, Fault
from langchain_coze import ChatCoze

_QUESTIONS = ("Hello! My name is Ada.", "What is my name?", "What is 17 * 3?")
_TASKS = ("What is the weather in Paris?", "Please multiply 17 and 3.")
_MOST_ROUNDS = 5  # of tool calls for one task
_PACED = 100  # requests of the emulator that are answered at that pace
_PACE = 0.02  # seconds between two tokens of the emulator: about as fast as a model writes
_DIM, _BOLD, _PLAIN = "\033[2m", "\033[1m", "\033[0m"


@contextlib.contextmanager
def _model() -> Iterator[ChatCoze]:
    """Make the model: of the real service if the environment names it, else of an emulator."""
    if from_environment("token") and from_environment("bot_id"):
        with contextlib.closing(ChatCoze()) as model:
            print(f"Talking to bot {model.bot_id} at {model.client.base_url}.\n")
            yield model
        return
    print("COZE_API_TOKEN and COZE_BOT_ID are not both set: starting a local Coze emulator.")
    print("未同时设置 COZE_API_TOKEN 和 COZE_BOT_ID：正在启动本地扣子模拟服务。")
    with Emulator() as emulator:
        emulator.faults.add(Fault(delay=_PACE), path="/v3/chat", times=_PACED)
        bot = emulator.bot_id("assistant")
        print(f"Talking to its bot 'assistant' at {emulator.base_url}.\n")
        with contextlib.closing(
            ChatCoze(bot_id=bot, api_key=SecretStr(emulator.token), base_url=emulator.base_url)
        ) as model:
            yield model


def _style(code: str) -> str:
    return code if sys.stdout.isatty() else ""


def _say(history: list[BaseMessage], question: str) -> None:
    history.append(HumanMessage(question))
    print(f"{_style(_BOLD)}You:{_style(_PLAIN)} {question}")


def _ask(model: Runnable[Any, Any], history: list[BaseMessage]) -> AIMessageChunk:
    """Stream one answer, token by token, and return it whole."""
    started = time.perf_counter()
    first: float | None = None
    whole: AIMessageChunk | None = None
    thinking = False
    for chunk in model.stream(history):
        thought = str(chunk.additional_kwargs.get("reasoning_content") or "")
        if first is None and (thought or chunk.text):
            first = time.perf_counter() - started
            print(f"{_style(_BOLD)}Bot:{_style(_PLAIN)} ", end="")
        if thought:
            print(f"{_style(_DIM)}{'' if thinking else '(thinking) '}{thought}", end="", flush=True)
            thinking = True
        if chunk.text:
            if thinking:
                print(f"{_style(_PLAIN)}\n     ", end="")
                thinking = False
            print(chunk.text, end="", flush=True)
        whole = chunk if whole is None else whole + chunk
    total = time.perf_counter() - started
    if whole is None:
        raise CozeError("the bot sent nothing")
    if first is None:
        print(f"{_style(_BOLD)}Bot:{_style(_PLAIN)} (no words)", end="")
    print(f"\n{_style(_DIM)}     [{_facts(whole, first, total)}]{_style(_PLAIN)}\n")
    history.append(whole)
    return whole


def _facts(answer: AIMessageChunk, first: float | None, total: float) -> str:
    facts = [
        f"first token after {1000 * (first if first is not None else total):.0f} ms",
        f"all after {1000 * total:.0f} ms",
    ]
    usage = answer.usage_metadata
    if usage is not None:
        facts.append(f"{usage['input_tokens']} tokens in, {usage['output_tokens']} out")
    if answer.tool_calls:
        facts.append("asks for " + ", ".join(call["name"] for call in answer.tool_calls))
    follow_ups = answer.response_metadata.get("follow_ups")
    if follow_ups:
        facts.append("you might ask: " + " | ".join(follow_ups))
    return "; ".join(facts)


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny and 21 degrees in {city}"


def multiply(a: float, b: float) -> float:
    """Multiply two numbers."""
    return a * b


def _work(model: ChatCoze, task: str) -> None:
    """Solve a task as an agent does: run the tools that the bot calls until it calls none.

    The bot has `get_weather` as a local plugin of its own; of `multiply` it is told in the request.
    """
    tools = {tool.__name__: tool for tool in (get_weather, multiply)}
    agent = model.bind_tools(list(tools.values()))
    history: list[BaseMessage] = []
    _say(history, task)
    for _ in range(_MOST_ROUNDS):
        answer = _ask(agent, history)
        if not answer.tool_calls:
            return
        for call in answer.tool_calls:
            result = str(tools[call["name"]](**call["args"]))
            print(f"{_style(_BOLD)}Tool:{_style(_PLAIN)} {call['name']}({call['args']}) = {result}")
            history.append(ToolMessage(result, tool_call_id=call["id"]))


_NEXT = """\
The same in your own code:

    from langchain_coze import ChatCoze

    model = ChatCoze(bot_id="...", api_key="pat_...")   # region="cn" for coze.cn
    for chunk in model.stream("Hello!"):
        print(chunk.text, end="", flush=True)

    agent = model.bind_tools([get_weather])               # or create_agent(model, [get_weather])
    agent.invoke("What is the weather in Paris?").tool_calls

Or set COZE_API_TOKEN and COZE_BOT_ID and run this again to talk to your own bot.
设置 COZE_API_TOKEN 与 COZE_BOT_ID 后重新运行，即可与您自己的机器人对话。"""


def main() -> int:
    """Hold the conversation; return the exit status."""
    try:
        with _model() as model:
            history: list[BaseMessage] = []
            for question in _QUESTIONS:
                _say(history, question)
                _ask(model, history)
            print("An agent: the bot calls tools, this program runs them.")
            print("智能体：由机器人调用工具，由本程序执行。\n")
            for task in _TASKS:
                _work(model, task)
    except (CozeError, ValueError) as error:
        print(f"\nThat did not work: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(_NEXT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
