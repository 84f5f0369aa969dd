"""One conversation through both adapters makes the same requests: the planner is one."""

import json

import openai
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock, ToolCallBlock
from serving import serving

from coze_core import anonymous_user_id
from coze_core.emulator import Bot, Emulator, Question, ToolCall
from langchain_coze import ChatCoze
from llamaindex_coze import Coze
from openai_coze import BotModel, BotRoute, Settings, create_app

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "x",
        "schema": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
    },
}


async def calls(messages, context):
    if context.tool_results:
        yield "So: " + ", ".join(result.output for result in context.tool_results)
    else:
        yield "Let me look."
        yield ToolCall("weather", {"city": "Paris"})
        yield ToolCall("clock", {})


async def asks(messages, context):
    if context.tool_results:
        yield "Thanks for " + context.tool_results[0].output
    else:
        yield Question("Which city?")


async def told(messages, context):
    if messages[-1].text.startswith("<tool_result"):
        yield "Sunny, then."
    elif "could not be read" in messages[-1].text or "cannot be used" in messages[-1].text:
        yield '<tool_call>{"name": "weather", "arguments": {"city": "Rome"}}</tool_call>{"a": 1}'
    else:
        yield '<tool_call>{"name": "weather", "arguments": {"city": "Rome"}</tool_call>'


BOTS = (Bot("calls", calls, tools=("weather", "clock")), Bot("asks", asks), Bot("told", told))

# What is said, turn by turn: words of the user, results of the tools that were called, or both.
SCRIPTS = {
    "words": ("assistant", {}, ["My name is Ada.", "What is my name?", "What is 2 + 3?"], {}),
    "server": ("assistant", {"history": "server"}, ["My name is Ada.", "What is my name?"], {}),
    "variable": ("assistant", {"system": "variable:rules"}, ["hi", "there"], {}),
    "tools": ("calls", {}, ["Weather?", ("sunny", "noon"), "And now?"], {"tools": [TOOL]}),
    "stale": ("calls", {}, ["Weather?", ("sunny", "noon"), "again"], {}),
    "text": ("told", {}, ["Weather?", ("sunny",), "Thanks."], {"tools": [TOOL]}),
    "forced": ("told", {}, ["Weather?"], {"tools": [TOOL], "tool_choice": "weather"}),
    "question": ("asks", {}, ["A trip.", "Paris"], {}),
    "data": ("told", {}, ["Data."], {"response_format": SCHEMA}),
    "stop": ("assistant", {"stop": ["+"]}, ["What is 2 + 3?"], {}),
    "v2": ("assistant", {"protocol": "v2"}, ["My name is Ada.", "What is my name?"], {}),
    "v2 text": ("told", {"protocol": "v2"}, ["Weather?", ("sunny",)], {"tools": [TOOL]}),
    "v2 data": ("told", {"protocol": "v2"}, ["Data."], {"response_format": SCHEMA}),
    "fields": (
        "assistant",
        {"custom_variables": {"a": "b"}, "meta_data": {"k": "v"}, "user_id": "u9"},
        ["hi"],
        {},
    ),
}


def through_langchain(emulator, bot, fields, script, options):
    model = ChatCoze(bot_id=emulator.bot_id(bot), api_key=emulator.token, **fields)
    history = [SystemMessage("Be brief.")]
    answers = []
    for turn in script:
        if isinstance(turn, tuple):
            pairs = zip(history[-1].tool_calls, turn, strict=True)
            history += [ToolMessage(text, tool_call_id=call["id"]) for call, text in pairs]
        else:
            history.append(HumanMessage(turn))
        history.append(model.invoke(history, **options))
        answers.append((history[-1].text, [call["args"] for call in history[-1].tool_calls]))
    model.close()
    return answers


def through_llamaindex(emulator, bot, fields, script, options):
    llm = Coze(bot_id=emulator.bot_id(bot), api_key=emulator.token, **fields)
    history = [ChatMessage(role="system", content="Be brief.")]
    answers = []
    for turn in script:
        if isinstance(turn, tuple):
            blocks = [b for b in history[-1].blocks if isinstance(b, ToolCallBlock)]
            for call, text in zip(blocks, turn, strict=True):
                kwargs = {"tool_call_id": call.tool_call_id}
                history.append(ChatMessage(role="tool", content=text, additional_kwargs=kwargs))
        else:
            history.append(ChatMessage(role="user", content=turn))
        message = llm.chat(history, **options).message
        history.append(message)
        found = [b.tool_kwargs for b in message.blocks if isinstance(b, ToolCallBlock)]
        answers.append((message.content, found))
    llm.close()
    return answers


def through_gateway(emulator, bot, fields, script, options):
    """The same by OpenAI's client; what is a setting of a model stands in its options."""
    fields = dict(fields)
    request = {"stop": fields.pop("stop", None), "user": fields.pop("user_id", anonymous_user_id())}
    model = BotModel("bot", (BotRoute(emulator.bot_id(bot)),), options=fields)
    app = create_app(Settings(models=(model,), base_url=emulator.base_url))
    history = [{"role": "system", "content": "Be brief."}]
    answers = []
    wanted = {"model": "bot", **{k: v for k, v in request.items() if v}}
    if "tool_choice" in options:
        choice = {"type": "function", "function": {"name": options["tool_choice"]}}
        options = {**options, "tool_choice": choice}
    with (
        serving(app) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key=emulator.token) as client,
    ):
        for turn in script:
            if isinstance(turn, tuple):
                for call, text in zip(history[-1]["tool_calls"], turn, strict=True):
                    result = {"role": "tool", "tool_call_id": call["id"], "content": text}
                    history.append(result)
            else:
                history.append({"role": "user", "content": turn})
            done = client.chat.completions.create(messages=history, **wanted, **options)
            message = done.choices[0].message.model_dump(exclude_none=True)
            history.append({**message, "coze": done.coze})
            calls = message.get("tool_calls", ())
            found = [json.loads(call["function"]["arguments"]) for call in calls]
            answers.append((message.get("content", ""), found))
    return answers


def shown(emulator, *, without=""):
    """The requests without what is new with every conversation."""
    found = []
    for request in emulator.requests:
        if request.path == without:
            continue
        body = json.loads(request.body) if request.body[:1] == b"{" else None
        if body and "tool_outputs" in body:
            body = {**body, "tool_outputs": [item["output"] for item in body["tool_outputs"]]}
        if body and "chat_id" in body:
            body = sorted(body)
        path = "/v1/bots" if request.path.startswith("/v1/bots/") else request.path
        found.append((request.method, path, sorted(request.query), body))
    return found


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_the_same_script_makes_the_same_requests_and_answers(monkeypatch, name):
    seen = []
    ways = [through_langchain, through_llamaindex]
    if not name.startswith("v2"):  # a setting of clients, which the gateway has not
        ways.append(through_gateway)
    for through in ways:
        with Emulator(bots=BOTS) as emulator:
            monkeypatch.setenv("COZE_API_BASE", emulator.base_url)
            answers = through(emulator, *SCRIPTS[name])
            # A text that is cut may have been whole by then: then there is nothing to cancel.
            timely = "/v3/chat/cancel" if name == "stop" else ""
            seen.append((answers, shown(emulator, without=timely)))
    assert all(other == seen[0] for other in seen[1:])
    assert seen[0][1]


def test_the_same_picture_is_sent_the_same_way(monkeypatch):
    seen = []
    for adapter in ("langchain", "llamaindex"):
        with Emulator() as emulator:
            options = {
                "bot_id": emulator.bot_id("assistant"),
                "api_key": emulator.token,
                "base_url": emulator.base_url,
            }
            if adapter == "langchain":
                picture = {"type": "image", "url": "https://example.com/a.png"}
                content = [{"type": "text", "text": "What?"}, picture]
                history = [HumanMessage(content), AIMessage("A cat."), HumanMessage("Sure?")]
                with_close = ChatCoze(**options)
                with_close.invoke(history)
            else:
                blocks = [TextBlock(text="What?"), ImageBlock(url="https://example.com/a.png")]
                history = [
                    ChatMessage(role="user", blocks=blocks),
                    ChatMessage(role="assistant", content="A cat."),
                    ChatMessage(role="user", content="Sure?"),
                ]
                with_close = Coze(**options)
                with_close.chat(history)
            with_close.close()
            seen.append(shown(emulator))
    assert seen[0] == seen[1]
