"""`python -m langchain_coze`: a conversation with a bot, streamed, in a few seconds.

Talks to the bot of `COZE_BOT_ID` with `COZE_API_TOKEN`, or to a local emulator if they are unset.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator

from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage
from pydantic import SecretStr

from coze_core import CozeError
from coze_core.emulator import Emulator, Fault
from langchain_coze import ChatCoze

_QUESTIONS = ("Hello! My name is Ada.", "What is my name?", "What is 17 * 3?")
_PACE = 0.02  # seconds between two tokens of the emulator: about as fast as a model writes
_DIM, _BOLD, _PLAIN = "\033[2m", "\033[1m", "\033[0m"


@contextlib.contextmanager
def _model() -> Iterator[ChatCoze]:
    """Make the model: of the real service if the environment names it, else of an emulator."""
    if os.environ.get("COZE_API_TOKEN") and os.environ.get("COZE_BOT_ID"):
        with contextlib.closing(ChatCoze()) as model:
            print(f"Talking to bot {model.bot_id} at {model.client.base_url}.\n")
            yield model
        return
    print("COZE_API_TOKEN and COZE_BOT_ID are not both set: starting a local Coze emulator.")
    print("未同时设置 COZE_API_TOKEN 和 COZE_BOT_ID：正在启动本地扣子模拟服务。")
    with Emulator() as emulator:
        emulator.faults.add(Fault(delay=_PACE), path="/v3/chat", times=len(_QUESTIONS))
        bot = emulator.bot_id("assistant")
        print(f"Talking to its bot 'assistant' at {emulator.base_url}.\n")
        with contextlib.closing(
            ChatCoze(bot_id=bot, api_key=SecretStr(emulator.token), base_url=emulator.base_url)
        ) as model:
            yield model


def _style(code: str) -> str:
    return code if sys.stdout.isatty() else ""


def _ask(model: ChatCoze, history: list[BaseMessage], question: str) -> AIMessageChunk:
    """Stream one answer, token by token, and return it whole."""
    history.append(HumanMessage(question))
    print(f"{_style(_BOLD)}You:{_style(_PLAIN)} {question}")
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
        if isinstance(chunk, AIMessageChunk):
            whole = chunk if whole is None else whole + chunk
    total = time.perf_counter() - started
    if whole is None:
        raise CozeError("the bot sent nothing")
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


_NEXT = """\
The same in your own code:

    from langchain_coze import ChatCoze

    model = ChatCoze(bot_id="...", api_key="pat_...")   # region="cn" for coze.cn
    for chunk in model.stream("Hello!"):
        print(chunk.text, end="", flush=True)

Or set COZE_API_TOKEN and COZE_BOT_ID and run this again to talk to your own bot.
设置 COZE_API_TOKEN 与 COZE_BOT_ID 后重新运行，即可与您自己的机器人对话。"""


def main() -> int:
    """Hold the conversation; return the exit status."""
    try:
        with _model() as model:
            history: list[BaseMessage] = []
            for question in _QUESTIONS:
                _ask(model, history, question)
    except (CozeError, ValueError) as error:
        print(f"\nThat did not work: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(_NEXT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
