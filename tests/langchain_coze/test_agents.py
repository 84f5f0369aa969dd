"""Agents and graphs of LangGraph with a Coze bot inside."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command
from pydantic import BaseModel
from standard_bot import standard_bots

from coze_core.emulator import Emulator, ToolCall
from langchain_coze import ChatCoze

ROOT = Path(__file__).parents[2]
CONFIG = {"configurable": {"thread_id": "1"}}


class Joke(BaseModel):
    """A joke."""

    setup: str
    punchline: str


def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


def clock(zone: str) -> str:
    """Tell the time."""
    return f"noon in {zone}"


async def both(messages, context):
    if context.tool_results:
        yield "So: " + ", ".join(result.output for result in context.tool_results)
        return
    if messages[-1].text.startswith("[result"):
        yield "Told: " + messages[-1].text
        return
    yield "Let me look."
    yield ToolCall("weather", {"city": "Paris"})
    yield ToolCall("clock", {"zone": "CET"})


@pytest.fixture
def agent(make):
    def build(**options):
        model = make(both, tools=("weather", "clock"))
        return create_agent(model, [weather, clock], checkpointer=InMemorySaver(), **options)

    return build


def test_an_agent_runs_two_tools_at_once_and_answers(emulator, agent):
    done = agent().invoke({"messages": "Weather and time?"}, CONFIG)
    assert [message.type for message in done["messages"]] == ["human", "ai", "tool", "tool", "ai"]
    assert done["messages"][-1].text == "So: sunny in Paris, noon in CET"
    assert len(emulator.requests.to("/v3/chat")) == 1
    assert len(emulator.requests.to("/v3/chat/submit_tool_outputs")) == 1


def test_an_agent_streams_each_token_once(agent):
    seen = "".join(
        chunk.text
        for chunk, _ in agent().stream({"messages": "go"}, CONFIG, stream_mode="messages")
        if chunk.type == "AIMessageChunk"
    )
    assert seen == "Let me look.So: sunny in Paris, noon in CET"


def test_an_agent_works_on_an_event_loop(agent):
    async def main():
        made = agent()
        return [
            chunk.text
            async for chunk, _ in made.astream({"messages": "go"}, CONFIG, stream_mode="messages")
            if chunk.type == "AIMessageChunk"
        ]

    assert "".join(asyncio.run(main())) == "Let me look.So: sunny in Paris, noon in CET"


def test_a_thread_goes_on_after_the_tools(emulator, agent):
    made = agent()
    made.invoke({"messages": "go"}, CONFIG)
    made.invoke({"messages": "and again"}, CONFIG)
    assert len(emulator.requests.to("/v3/chat")) == 2


def test_a_human_may_edit_and_reject_calls(emulator, agent):
    made = agent(
        middleware=[HumanInTheLoopMiddleware(interrupt_on={"weather": True, "clock": True})]
    )
    assert made.invoke({"messages": "go"}, CONFIG)["__interrupt__"]
    decisions = [
        {
            "type": "edit",
            "edited_action": {"name": "weather", "args": {"city": "Rome"}},
        },
        {"type": "reject", "message": "no clocks here"},
    ]
    done = made.invoke(Command(resume={"decisions": decisions}), CONFIG)
    assert "sunny in Rome" in done["messages"][-1].text
    assert "no clocks here" in done["messages"][-1].text
    assert len(emulator.requests.to("/v3/chat/submit_tool_outputs")) == 1


_SECOND = """
import sys
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command
from langchain_coze import ChatCoze

path, bot, key, url = sys.argv[1:]

def weather(city: str) -> str:
    "Tell the weather."
    return f"sunny in {city}"

def clock(zone: str) -> str:
    "Tell the time."
    return f"noon in {zone}"

with SqliteSaver.from_conn_string(path) as saver:
    agent = create_agent(
        ChatCoze(bot_id=bot, api_key=key, base_url=url), [weather, clock], checkpointer=saver,
        middleware=[HumanInTheLoopMiddleware(interrupt_on={"weather": True})],
    )
    resume = Command(resume={"decisions": [{"type": "approve"}]})
    done = agent.invoke(resume, {"configurable": {"thread_id": "1"}})
    print(done["messages"][-1].text)
"""


def test_a_paused_agent_goes_on_in_another_process(emulator, make, tmp_path):
    path = str(tmp_path / "threads.sqlite")
    model = make(both, tools=("weather", "clock"))
    with SqliteSaver.from_conn_string(path) as saver:
        agent = create_agent(
            model,
            [weather, clock],
            checkpointer=saver,
            middleware=[HumanInTheLoopMiddleware(interrupt_on={"weather": True})],
        )
        assert agent.invoke({"messages": "go"}, CONFIG)["__interrupt__"]
    arguments = [path, model.bot_id, emulator.token, emulator.base_url]
    done = subprocess.run(
        [sys.executable, "-c", _SECOND, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout.strip() == "So: sunny in Paris, noon in CET", done.stderr
    assert len(emulator.requests.to("/v3/chat")) == 1


def test_time_travel_with_an_edited_result_is_told_to_a_new_chat(emulator, agent):
    made = agent()
    made.invoke({"messages": "go"}, CONFIG)
    before = next(
        state
        for state in made.get_state_history(CONFIG)
        if state.next == ("model",) and isinstance(state.values["messages"][-1], ToolMessage)
    )
    result = before.values["messages"][2]
    edited = result.model_copy(update={"content": "rain everywhere"})
    there = made.update_state(before.config, {"messages": [edited]}, as_node="tools")
    done = made.invoke(None, there)
    assert "rain everywhere" in done["messages"][-1].text
    assert len(emulator.requests.to("/v3/chat")) == 2


def test_time_travel_without_a_change_gives_the_recorded_answer(emulator, agent):
    made = agent()
    first = made.invoke({"messages": "go"}, CONFIG)
    before = next(
        state
        for state in made.get_state_history(CONFIG)
        if state.next == ("model",) and isinstance(state.values["messages"][-1], ToolMessage)
    )
    again = made.invoke(None, before.config)
    assert again["messages"][-1].text == first["messages"][-1].text
    assert len(emulator.requests.to("/v3/chat")) == 1


@pytest.mark.parametrize("bot", ["standard", "toolless"])
@pytest.mark.parametrize("form", [Joke, ToolStrategy(Joke)])
def test_an_agent_answers_with_data(bot, form):
    if bot == "standard" and isinstance(form, ToolStrategy):
        bot = "toolless"  # the tool that stands for the schema is nobody's local plugin
    with Emulator(bots=standard_bots()) as emulator:
        model = ChatCoze(
            bot_id=emulator.bot_id(bot), api_key=emulator.token, base_url=emulator.base_url
        )
        if isinstance(form, ToolStrategy):
            model.tool_calling = "prompt"
            question = 'Call it: {"properties": {}}'
            call = {"name": "Joke", "arguments": {"setup": "Why?", "punchline": "Because."}}
            emulator.add_bot(_says_call(call))
            model.bot_id = emulator.bot_id("caller")
        else:
            question = "Tell me a joke."
        done = create_agent(model, [weather], response_format=form).invoke({"messages": question})
        assert isinstance(done["structured_response"], Joke)
        model.close()


@pytest.mark.parametrize("history", ["client", "server"])
def test_an_agent_that_missed_its_data_asks_for_them_again(emulator, make, history):
    async def slow_to_understand(messages, context):
        asked = messages[-1].text
        if asked.startswith("You must call"):
            call = {"name": "Joke", "arguments": {"setup": "Why?", "punchline": "Because."}}
            yield f"<tool_call>{json.dumps(call)}</tool_call>"
        else:
            yield "Let me think."

    made = create_agent(
        make(slow_to_understand, history=history), [], response_format=ToolStrategy(Joke)
    )
    done = made.invoke({"messages": "Tell me a joke."})
    assert done["structured_response"] == Joke(setup="Why?", punchline="Because.")
    _, again = emulator.requests.to("/v3/chat")
    assert len(again.json["additional_messages"]) == (3 if history == "client" else 1)


@pytest.mark.parametrize("history", ["client", "server"])
def test_an_agent_whose_bot_never_calls_is_stopped(emulator, make, history):
    async def stubborn(messages, context):
        yield '{"setup": "Why?", "punchline": "Because."}'

    made = create_agent(make(stubborn, history=history), [], response_format=ToolStrategy(Joke))
    with pytest.raises(ValueError, match="told 3 times to call a tool"):
        made.invoke({"messages": "Tell me a joke."})
    assert len(emulator.requests.to("/v3/chat")) == 3


def test_answers_of_others_are_no_refusals(make):
    """A supervisor comes last, after those who have answered."""

    async def supervises(messages, context):
        yield '<tool_call>{"name": "weather", "arguments": {"city": "Rome"}}</tool_call>'

    others = [AIMessage(f"I am {name}.", name=name) for name in ("ann", "ben", "eve", "kim")]
    bound = make(supervises).bind_tools([weather], tool_choice="any")
    assert bound.invoke([HumanMessage("go"), *others]).tool_calls[0]["args"] == {"city": "Rome"}


def test_a_demand_does_not_answer_the_question_that_a_workflow_asked(emulator, make):
    model = make(both)
    facts = {"v": 1, "conversation_id": "c", "chat_id": "h", "bot_id": model.bot_id}
    asked = AIMessage("Which city?", response_metadata={"coze": {**facts, "interrupted": True}})
    with pytest.raises(ValueError, match="user"):
        model.bind_tools([weather], tool_choice="any").invoke([HumanMessage("go"), asked])
    assert emulator.requests.to("/v3/chat") == []


def _says_call(call):
    from coze_core.emulator import Bot

    async def caller(messages, context):
        yield f"<tool_call>{json.dumps(call)}</tool_call>"

    return Bot("caller", caller)


def test_the_newest_event_streams_show_the_agents_tokens(agent):
    async def main():
        made = agent()
        return [
            event["data"]["chunk"].text
            async for event in made.astream_events({"messages": "go"}, CONFIG, version="v2")
            if event["event"] == "on_chat_model_stream"
        ]

    assert "".join(asyncio.run(main())) == "Let me look.So: sunny in Paris, noon in CET"


def test_usage_of_an_agents_run_is_counted_once(agent):
    done = agent().invoke({"messages": [HumanMessage("go")]}, CONFIG)
    usages = [m.usage_metadata for m in done["messages"] if m.type == "ai"]
    assert usages[0] is None
    assert usages[1]["total_tokens"] > 0
