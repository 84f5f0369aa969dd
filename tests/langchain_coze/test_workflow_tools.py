"""Workflows and bots as LangChain tools: standard suites, progress, questions, agents."""

import asyncio
import json
import pickle
import subprocess
import sys

import pytest
from langchain.agents import create_agent
from langchain_core.messages import ToolMessage
from langchain_core.tools import ToolException
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import ValidationError

from coze_core.emulator import (
    Ask,
    Bot,
    Emulator,
    FollowUp,
    Output,
    Parameter,
    Say,
    ToolCall,
    Workflow,
    WorkflowFail,
)
from langchain_coze import ChatCoze, CozeBotTool, CozeWorkflowTool

STREAM = "/v1/workflow/stream_run"


@pytest.fixture
def bot_tool(emulator):
    def make(bot="echo", **options):
        return CozeBotTool(
            bot_id=emulator.bot_id(bot),
            name="expert",
            description="Knows everything.",
            api_key=emulator.token,
            base_url=emulator.base_url,
            **options,
        )

    return make


def calls(tool, *arguments):
    """A bot that calls the tool with each of these at once, and then tells the results."""

    async def caller(messages, context):
        if context.tool_results:
            yield " and ".join(result.output for result in context.tool_results)
        else:
            for each in arguments:
                yield ToolCall(tool.name, each)

    return caller


@pytest.fixture
def agent(emulator):
    """An agent that calls the tool once for each of these arguments."""

    def make(tool, *arguments, checkpointer=None):
        bot = emulator.add_bot(Bot("caller", calls(tool, *arguments), tools=(tool.name,)))
        model = ChatCoze(bot_id=bot.id, api_key=emulator.token, base_url=emulator.base_url)
        return create_agent(model, [tool], checkpointer=checkpointer)

    return make


# -- the standard suites


@pytest.fixture(scope="module")
def server():
    with Emulator() as running:
        yield running


class _Standard:
    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"

    @pytest.fixture(autouse=True)
    def _server(self, server):
        type(self).server = server

    @property
    def reached(self):
        return {"api_key": self.server.token, "base_url": self.server.base_url}


class _WorkflowTool(_Standard):
    @property
    def tool_constructor(self):
        return CozeWorkflowTool

    @property
    def tool_constructor_params(self):
        made = CozeWorkflowTool.from_workflow(self.server.workflow_id("weather"), **self.reached)
        given = ("workflow_id", "name", "description", "inputs")
        return {name: getattr(made, name) for name in given} | self.reached

    @property
    def tool_invoke_params_example(self):
        return {"city": "Paris", "days": 2}

    @property
    def init_from_env_params(self):
        env = {"COZE_API_TOKEN": "test", "COZE_API_BASE": "https://coze.example.com"}
        given = {"workflow_id": "1", "name": "w", "description": "d"}
        return env, given, {"api_key": "test", "base_url": "https://coze.example.com"}


class _BotTool(_Standard):
    @property
    def tool_constructor(self):
        return CozeBotTool

    @property
    def tool_constructor_params(self):
        return {
            "bot_id": self.server.bot_id("echo"),
            "name": "echo",
            "description": "Says what was said.",
            **self.reached,
        }

    @property
    def tool_invoke_params_example(self):
        return {"message": "hello"}


@pytest.mark.anyio
class TestWorkflowToolUnit(_WorkflowTool, ToolsUnitTests):
    pass


@pytest.mark.anyio
class TestWorkflowToolIntegration(_WorkflowTool, ToolsIntegrationTests):
    pass


@pytest.mark.anyio
class TestBotToolUnit(_BotTool, ToolsUnitTests):
    pass


@pytest.mark.anyio
class TestBotToolIntegration(_BotTool, ToolsIntegrationTests):
    pass


# -- what a model sees


def test_the_schema_comes_from_the_typed_inputs(tool_of):
    tool = tool_of()
    assert tool.name == "weather"
    assert tool.description == "Tells the weather of a city."
    function = convert_to_openai_tool(tool)["function"]
    assert function["parameters"]["required"] == ["city"]
    assert function["parameters"]["properties"]["city"] == {
        "description": "The city",
        "type": "string",
    }
    days = function["parameters"]["properties"]["days"]
    assert {"type": "integer"} in days["anyOf"]


def test_fixed_inputs_are_not_the_models_to_choose(tool_of, emulator):
    tool = tool_of(parameters={"days": 3})
    assert set(tool.args) == {"city"}
    tool.invoke({"city": "Paris"})
    [request] = emulator.requests.to(STREAM)
    assert request.json["parameters"] == {"city": "Paris", "days": 3}
    with pytest.raises(ValueError, match="takes no colour"):
        tool_of(parameters={"colour": "red"})


def test_what_is_left_out_stays_out(tool_of, emulator):
    tool_of().invoke({"city": "Paris"})
    [request] = emulator.requests.to(STREAM)
    assert request.json["parameters"] == {"city": "Paris"}


@pytest.mark.parametrize("wrong", [{}, {"city": "Paris", "days": "many"}, {"city": "P", "x": 1}])
def test_wrong_arguments_are_refused_before_a_request(tool_of, emulator, wrong):
    tool = tool_of()
    with pytest.raises(ValidationError):
        tool.invoke(wrong)
    assert not emulator.requests.to(STREAM)


def test_a_name_no_model_may_use_is_replaced(emulator, tool_of):
    async def run(parameters, context):
        yield Output("x")

    emulator.add_workflow(Workflow("天气 查询!", run))
    id = emulator.workflow_id("天气 查询!")
    tool = CozeWorkflowTool.from_workflow(id, api_key=emulator.token, base_url=emulator.base_url)
    assert tool.name == f"workflow_{id}"
    assert tool.description


@pytest.mark.anyio
async def test_it_can_be_made_by_awaiting(emulator):
    tool = await CozeWorkflowTool.afrom_workflow(
        emulator.workflow_id("weather"), api_key=emulator.token, base_url=emulator.base_url
    )
    assert "Paris" in await tool.ainvoke({"city": "Paris"})
    await tool.aclose()


# -- what comes out


def test_the_artifact_is_the_run_as_data(tool_of):
    call = {"name": "weather", "args": {"city": "Paris"}, "id": "1", "type": "tool_call"}
    message = tool_of().invoke(call)
    assert isinstance(message, ToolMessage)
    assert json.loads(message.content)["city"] == "Paris"
    assert message.artifact["value"]["city"] == "Paris"
    assert message.artifact["usage"]["total_tokens"] > 0
    json.dumps(message.artifact)


@pytest.mark.parametrize("way", ["blocking", "awaiting"])
def test_progress_is_sent_as_custom_events(tool_of, way):
    from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler

    seen = []

    class Sees(BaseCallbackHandler):
        def on_custom_event(self, name, data, **_):
            seen.append((name, data["text"]))

    class SeesToo(AsyncCallbackHandler):
        async def on_custom_event(self, name, data, **_):
            seen.append((name, data["text"]))

    tool = tool_of()
    if way == "blocking":
        tool.invoke({"city": "Paris"}, {"callbacks": [Sees()]})
    else:
        asyncio.run(tool.ainvoke({"city": "Paris"}, {"callbacks": [SeesToo()]}))
    assert {name for name, _ in seen} == {"coze_workflow_progress"}
    assert "".join(text for _, text in seen) == "Looking up the weather in Paris."


def test_a_graph_streams_progress(tool_of, agent):
    tool = tool_of()
    news = list(agent(tool, {"city": "Rome"}).stream({"messages": ["go"]}, stream_mode="custom"))
    assert "".join(item["text"] for item in news) == "Looking up the weather in Rome."
    assert all(item["node"] == "Message" for item in news)


def test_a_failed_run_is_a_tool_exception(tool_of):
    async def fails(parameters, context):
        yield WorkflowFail(5000, "out of paper")

    tool = tool_of(fails)
    with pytest.raises(ToolException, match="out of paper"):
        tool.invoke({})
    tool.handle_tool_error = True
    assert "out of paper" in tool.invoke({})


def test_a_run_that_may_take_long_is_asynchronous(tool_of, emulator):
    assert "Paris" in tool_of(max_seconds=700).invoke({"city": "Paris"})
    assert emulator.requests.to("/v1/workflow/run")[0].json["is_async"] is True


# -- files


@pytest.fixture
def file_tool(tool_of):
    async def sees(parameters, context):
        yield Output(parameters)

    return tool_of(sees, inputs={"picture": Parameter("image", required=True)})


def test_a_model_may_give_addresses_data_and_ids(file_tool, emulator):
    def sent(value):
        return json.loads(file_tool.invoke({"picture": value}) or "{}")

    assert file_tool.invoke({"picture": "https://example.com/a.png"}) == "https://example.com/a.png"
    uploaded = json.loads(file_tool.invoke({"picture": "data:image/png;base64,cG5n"}))
    assert emulator.requests.to("/v1/files/upload")
    again = json.loads(file_tool.invoke({"picture": uploaded["file_id"]}))
    assert again == uploaded


@pytest.mark.parametrize("path", ["/etc/passwd", "file:///etc/passwd", "data:image/png;base64,%"])
def test_text_of_a_model_is_never_taken_for_a_path(file_tool, emulator, path):
    with pytest.raises(ToolException, match="picture"):
        file_tool.invoke({"picture": path})
    assert not emulator.requests.to("/v1/files/upload")


def test_a_fixed_file_is_uploaded(tool_of, emulator, tmp_path):
    async def sees(parameters, context):
        yield Output(parameters)

    path = tmp_path / "a.png"
    path.write_bytes(b"png")
    tool = tool_of(sees, inputs={"picture": Parameter("image")}, parameters={"picture": path})
    assert "file_id" in tool.invoke({})


# -- questions


def test_a_graph_is_paused_and_goes_on_without_running_anything_twice(tool_of, agent, emulator):
    tool = tool_of("travel")
    graph = agent(tool, {"name": "Ann"}, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    state = graph.invoke({"messages": ["go"]}, config)
    [asked] = state["__interrupt__"]
    assert asked.value["text"] == "Where do you want to go?"
    assert asked.value["kind"] == "question"
    state = graph.invoke(Command(resume="Rome"), config)
    assert state["__interrupt__"][0].value["text"] == "When do you want to go to Rome?"
    state = graph.invoke(Command(resume="tomorrow"), config)
    assert state["messages"][-1].text == "Ann goes to Rome, tomorrow."
    assert len(emulator.requests.to(STREAM)) == 1
    assert len(emulator.requests.to("/v1/workflow/stream_resume")) == 2


@pytest.mark.anyio
async def test_the_same_awaiting_with_two_at_once(tool_of, agent, emulator):
    tool = tool_of("travel")
    graph = agent(tool, {"name": "Ann"}, {"name": "Ben"}, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    state = await graph.ainvoke({"messages": ["go"]}, config)
    for answer in ("Rome", "tomorrow"):
        resume = {each.id: answer for each in state["__interrupt__"]}
        assert len(resume) == 2
        state = await graph.ainvoke(Command(resume=resume), config)
    text = state["messages"][-1].text
    assert "Ann goes to Rome, tomorrow." in text
    assert "Ben goes to Rome, tomorrow." in text
    assert len(emulator.requests.to(STREAM)) == 2
    await tool.aclose()


@pytest.fixture
def anyio_backend():
    return "asyncio"  # LangGraph knows no other


_SECOND = """
import sqlite3, sys
from langchain.agents import create_agent
from langchain_coze import ChatCoze, CozeWorkflowTool
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command
path, base_url, token, bot, workflow, resume = sys.argv[1:]
given = {"api_key": token, "base_url": base_url}
tool = CozeWorkflowTool.from_workflow(workflow, **given)
with SqliteSaver.from_conn_string(path) as saver:
    agent = create_agent(ChatCoze(bot_id=bot, **given), [tool], checkpointer=saver)
    config = {"configurable": {"thread_id": "1"}}
    wanted = Command(resume=resume) if resume else {"messages": ["go"]}
    state = agent.invoke(wanted, config)
    asked = state.get("__interrupt__")
    print(asked[0].value["text"] if asked else state["messages"][-1].text)
"""


def test_another_process_goes_on(tool_of, emulator, tmp_path):
    tool = tool_of("travel")
    bot = emulator.add_bot(Bot("caller", calls(tool, {"name": "Ann"}), tools=(tool.name,)))
    said = []
    for answer in ("", "Rome", "tomorrow"):
        command = [sys.executable, "-c", _SECOND, str(tmp_path / "db"), emulator.base_url]
        command += [emulator.token, bot.id, tool.workflow_id, answer]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr[-1500:]
        said.append(done.stdout.strip())
    assert said[-1] == "Ann goes to Rome, tomorrow."
    assert len(emulator.requests.to(STREAM)) == 1


def test_elsewhere_a_function_answers(tool_of):
    answers = iter(["Rome", "tomorrow"])
    asked = []

    def answer(question):
        asked.append(question["text"])
        return next(answers)

    assert tool_of("travel", on_question=answer).invoke({"name": "Ann"}).startswith("Ann goes")
    assert asked == ["Where do you want to go?", "When do you want to go to Rome?"]


def test_an_asynchronous_function_answers_when_awaited(tool_of):
    async def answer(question):
        return "Rome"

    tool = tool_of("travel", on_question=answer)
    assert "Rome, Rome" in asyncio.run(tool.ainvoke({"name": "Ann"}))
    with pytest.raises(TypeError, match="ainvoke"):
        tool.invoke({"name": "Ann"})


def test_without_anybody_to_answer_the_question_is_the_error(tool_of):
    with pytest.raises(ToolException, match="Where do you want to go") as caught:
        tool_of("travel").invoke({})
    assert "on_question" in str(caught.value)


def test_an_input_node_tells_its_schema(tool_of, agent):
    async def form(parameters, context):
        wanted = {"size": Parameter("integer", required=True)}
        answer = yield Ask("", type=5, required=wanted)
        yield Output(f"size {json.loads(answer)['size']}")

    graph = agent(tool_of(form), {}, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    [asked] = graph.invoke({"messages": ["go"]}, config)["__interrupt__"]
    assert asked.value["required"]["properties"] == {"size": {"type": "integer"}}
    state = graph.invoke(Command(resume={"size": 4}), config)
    assert state["messages"][-1].text == "size 4"


# -- objects


def test_it_pickles_and_works_again(tool_of, emulator, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    tool = pickle.loads(pickle.dumps(tool_of()))
    assert tool.args_schema.model_json_schema()["required"] == ["city"]
    assert "Paris" in tool.invoke({"city": "Paris"})


def test_no_secret_shows(tool_of, emulator):
    tool = tool_of()
    assert emulator.token not in repr(tool) + str(tool.model_dump())


def test_two_hundred_calls_at_once_do_not_mix(tool_of):
    tool = tool_of()

    async def main():
        cities = [f"City {number}" for number in range(200)]
        outputs = await asyncio.gather(*(tool.ainvoke({"city": city}) for city in cities))
        assert [json.loads(output)["city"] for output in outputs] == cities
        await tool.aclose()

    asyncio.run(main())


def test_leaving_midway_closes_the_stream(tool_of, emulator):
    started = asyncio.Event()

    async def slow(parameters, context):
        yield Say("one")
        await asyncio.sleep(60)
        yield Output("two")

    tool = tool_of(slow)

    async def main():
        task = asyncio.create_task(tool.ainvoke({}))
        while not emulator.requests.to(STREAM):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await tool.aclose()
        started.set()

    asyncio.run(main())
    assert started.is_set()


# -- bots


@pytest.mark.parametrize("way", ["blocking", "awaiting"])
def test_a_bot_answers_another_agent(bot_tool, emulator, way):
    async def expert(messages, context):
        yield f"You said {messages[-1].text}."
        yield FollowUp("Anything else?")

    emulator.add_bot(Bot("expert", expert))
    tool = bot_tool("expert")
    call = {"name": "expert", "args": {"message": "hi"}, "id": "1", "type": "tool_call"}
    message = tool.invoke(call) if way == "blocking" else asyncio.run(tool.ainvoke(call))
    assert message.content == "You said hi."
    assert message.artifact["follow_ups"] == ["Anything else?"]
    assert message.artifact["usage"]["total_tokens"]


def test_a_bot_remembers_within_a_thread(bot_tool, agent, emulator):
    async def counts(messages, context):
        yield str(sum(message.role == "user" for message in messages))

    emulator.add_bot(Bot("counts", counts))
    tool = bot_tool("counts", remember=True)
    for thread, expected in (("a", "1"), ("a", "2"), ("b", "1"), ("a", "3")):
        config = {"configurable": {"thread_id": thread}}
        assert tool.invoke({"message": "x"}, config) == expected
    assert tool.invoke({"message": "x"}) == "1"


def test_a_bot_that_needs_local_tools_says_so(bot_tool, emulator):
    async def wants(messages, context):
        yield ToolCall("weather", {})

    emulator.add_bot(Bot("wants", wants, tools=("weather",)))
    with pytest.raises(ToolException, match="bind_tools"):
        bot_tool("wants").invoke({"message": "x"})


@pytest.mark.parametrize("way", ["blocking", "awaiting"])
def test_a_bot_that_is_not_there_is_a_tool_exception(bot_tool, emulator, way):
    tool = bot_tool()
    tool.bot_id = "1"
    given = {"message": "x"}
    with pytest.raises(ToolException, match="does not exist"):
        tool.invoke(given) if way == "blocking" else asyncio.run(tool.ainvoke(given))


@pytest.mark.parametrize("name", ["user name", "class", "_x", "schema", "config", "self", "1st"])
def test_an_input_may_have_any_name(tool_of, agent, name):
    async def told(inputs, _):
        yield Output({"output": inputs[name]})

    tool = tool_of(told, inputs={name: Parameter(required=True)})
    [shown] = convert_to_openai_tool(tool)["function"]["parameters"]["properties"]
    assert tool.invoke({shown: "hi"}) == tool.invoke({name: "hi"}) == "hi"
    told_in_the_end = agent(tool, {shown: "hi"}).invoke({"messages": [("user", "go")]})
    assert told_in_the_end["messages"][-1].text == "hi"
