"""Workflows and bots as LlamaIndex tools: alone, and in agents that wait for answers."""

import asyncio
import itertools
import json

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.memory import Memory
from llama_index.core.workflow import Context, JsonSerializer
from pydantic import ValidationError

from coze_core import NotFoundError, WorkflowFailedError
from coze_core.emulator import Ask, Bot, Output, Parameter, ToolCall, Workflow, WorkflowFail
from llamaindex_coze import Coze, CozeProgressEvent, CozeQuestionEvent, CozeToolSpec

STREAM = "/v1/workflow/stream_run"


@pytest.fixture
def reached(emulator):
    return {"api_key": emulator.token, "base_url": emulator.base_url}


@pytest.fixture
def tool_of(emulator, reached):
    def make(name="weather", **options):
        if callable(name):
            workflow = Workflow(name.__name__, name, inputs=options.pop("inputs", {}))
            name = emulator.add_workflow(workflow).name
        id = emulator.workflow_id(name)
        fixed = options.pop("fixed", None)
        parameters = {id: fixed} if fixed else None
        spec = CozeToolSpec(workflow_ids=[id], parameters=parameters, **reached, **options)
        [tool] = spec.to_tool_list()
        return tool

    return make


@pytest.fixture
def agent(emulator, reached):
    """An agent whose bot calls the tool once for each of these arguments."""

    def make(tool, *arguments):
        async def caller(messages, context):
            if context.tool_results:
                yield " and ".join(result.output for result in context.tool_results)
            else:
                for each in arguments:
                    yield ToolCall(tool.metadata.name, each)

        bot = emulator.add_bot(Bot("caller", caller, tools=(tool.metadata.name,)))
        return FunctionAgent(tools=[tool], llm=Coze(bot_id=bot.id, **reached))

    return make


@pytest.mark.parametrize("way", ["blocking", "awaiting"])
def test_a_workflow_is_a_tool(tool_of, way):
    tool = tool_of()
    assert tool.metadata.name == "weather"
    assert tool.metadata.description == "Tells the weather of a city."
    schema = tool.metadata.get_parameters_dict()
    assert schema["required"] == ["city"]
    if way == "blocking":
        output = tool.call(city="Paris")
    else:
        output = asyncio.run(tool.acall(city="Paris"))
    assert json.loads(output.content)["city"] == "Paris"
    assert output.raw_output["usage"]["total_tokens"] > 0
    assert output.raw_input["kwargs"] == {"city": "Paris"}
    assert not output.is_error


def test_fixed_inputs_are_not_the_models_to_choose(tool_of, emulator):
    tool = tool_of(fixed={"days": 3})
    assert set(tool.metadata.get_parameters_dict()["properties"]) == {"city"}
    tool.call(city="Paris")
    assert emulator.requests.to(STREAM)[0].json["parameters"] == {"city": "Paris", "days": 3}


@pytest.mark.parametrize("wrong", [{}, {"city": "P", "days": "many"}, {"city": "P", "x": 1}])
def test_wrong_inputs_are_refused_before_a_request(tool_of, emulator, wrong):
    tool = tool_of()
    with pytest.raises(ValidationError):
        tool.call(**wrong)
    assert not emulator.requests.to(STREAM)


def test_a_failed_run_is_an_error(tool_of):
    async def fails(parameters, context):
        yield WorkflowFail(5000, "out of paper")

    tool = tool_of(fails)
    with pytest.raises(WorkflowFailedError, match="out of paper"):
        tool.call()


def test_a_workflow_that_is_not_there_is_an_error(reached):
    with pytest.raises(NotFoundError):
        CozeToolSpec(workflow_ids=["1"], **reached).to_tool_list()
    with pytest.raises(ValueError, match="workflow_ids or bot_ids"):
        CozeToolSpec(**reached)


def test_the_list_can_be_awaited(emulator, reached):
    spec = CozeToolSpec(
        workflow_ids=[emulator.workflow_id("weather")], bot_ids=[emulator.bot_id("echo")], **reached
    )
    assert len(asyncio.run(spec.ato_tool_list())) == 2


# -- in agents


def run(agent, *, answers=(), answer=None):
    """Run an agent to its end; return what it says and the events on the way.

    Questions get the answers in their order, or what `answer` returns for their text.
    """

    async def main():
        handler = agent.run("go")
        seen, left = [], list(answers)
        async for event in handler.stream_events():
            if isinstance(event, CozeProgressEvent | CozeQuestionEvent):
                seen.append(event)
            if isinstance(event, CozeQuestionEvent):
                said = left.pop(0) if answer is None else answer(event.prefix)
                handler.ctx.send_event(event.answer(said))
        return str(await handler), seen

    return asyncio.run(main())


def test_an_agent_tells_of_progress(tool_of, agent):
    said, events = run(agent(tool_of(), {"city": "Rome"}))
    assert "Rome" in said
    assert "".join(event.text for event in events) == "Looking up the weather in Rome."
    assert events[0].tool == "weather"


def test_an_agent_waits_for_answers_and_runs_nothing_twice(tool_of, agent, emulator):
    said, events = run(agent(tool_of("travel"), {"name": "Ann"}), answers=["Rome", "tomorrow"])
    assert said == "Ann goes to Rome, tomorrow."
    questions = [e.prefix for e in events if isinstance(e, CozeQuestionEvent)]
    assert questions == ["Where do you want to go?", "When do you want to go to Rome?"]
    assert len(emulator.requests.to(STREAM)) == 1
    assert len(emulator.requests.to("/v1/workflow/stream_resume")) == 2


@pytest.mark.parametrize("second", [{"name": "Ben"}, {"name": "Ann"}])
def test_two_calls_at_once_are_kept_apart(tool_of, agent, emulator, second):
    calls = agent(tool_of("travel"), {"name": "Ann"}, second)
    # Whose question comes next depends on which of the calls is quicker.
    said, _ = run(calls, answer=lambda asked: "Rome" if asked.startswith("Where") else "now")
    assert said.count("goes to Rome, now.") == 2
    assert len(emulator.requests.to(STREAM)) == 2


def test_an_agent_that_waits_can_be_kept_and_taken_up_again(tool_of, agent, emulator):
    tool = tool_of("travel")
    made = agent(tool, {"name": "Ann"})

    memory = Memory.from_defaults(session_id="1")

    async def first():
        handler = made.run("go", memory=memory)
        async for event in handler.stream_events():
            if isinstance(event, CozeQuestionEvent):
                kept = handler.ctx.to_dict(serializer=JsonSerializer())
                await handler.cancel_run()
                return json.dumps(kept), event
        raise AssertionError("nothing was asked")

    async def then(kept, asked, answer):
        ctx = Context.from_dict(made, json.loads(kept), serializer=JsonSerializer())
        handler = made.run(ctx=ctx)
        await handler.ctx.store.set("memory", memory)  # which LlamaIndex does not keep
        handler.ctx.send_event(asked.answer(answer))
        async for event in handler.stream_events():
            if isinstance(event, CozeQuestionEvent) and event.waiter_id != asked.waiter_id:
                handler.ctx.send_event(event.answer("tomorrow"))
        return str(await handler)

    kept, asked = asyncio.run(first())
    assert emulator.token not in kept
    assert asyncio.run(then(kept, asked, "Rome")) == "Ann goes to Rome, tomorrow."
    assert len(emulator.requests.to(STREAM)) == 1


def test_an_answer_that_is_given_twice_goes_on_once(tool_of, agent, emulator):
    async def main():
        handler = agent(tool_of("travel"), {"name": "Ann"}).run("go")
        asked = []
        async for event in handler.stream_events():
            if isinstance(event, CozeQuestionEvent):
                asked.append(event.prefix)
                for _ in range(2):
                    handler.ctx.send_event(event.answer("Rome"))
        return str(await handler), asked

    said, asked = asyncio.run(main())
    assert said == "Ann goes to Rome, Rome."
    assert asked == ["Where do you want to go?", "When do you want to go to Rome?"]
    assert len(emulator.requests.to(STREAM)) == 1
    assert len(emulator.requests.to("/v1/workflow/stream_resume")) == 2


def test_a_later_call_that_is_just_the_same_runs_the_workflow_again(tool_of, agent, emulator):
    made = agent(tool_of("travel"), {"name": "Ann"})

    async def main():
        ctx = Context(made)
        for number in range(3):
            memory = Memory.from_defaults(session_id=str(number))
            handler = made.run("go", ctx=ctx, memory=memory)
            async for event in handler.stream_events():
                if isinstance(event, CozeQuestionEvent):
                    handler.ctx.send_event(event.answer(f"city {number}"))
            assert f"city {number}" in str(await handler)

    asyncio.run(main())
    assert len(emulator.requests.to(STREAM)) == 3


def test_runs_that_wait_at_once_are_all_kept_in_a_store_that_others_write_to(
    tool_of, agent, emulator
):
    people = [{"name": name} for name in ("Ann", "Ben", "Eve", "Kim", "Lee")]

    async def writes(ctx):
        for number in itertools.count():
            async with ctx.store.edit_state() as state:
                await asyncio.sleep(0.002)
                state["others"] = number

    async def main():
        handler = agent(tool_of("travel"), *people).run("go")
        other = asyncio.create_task(writes(handler.ctx))
        async for event in handler.stream_events():
            if isinstance(event, CozeQuestionEvent):
                handler.ctx.send_event(event.answer("Rome"))
        other.cancel()
        return str(await handler)

    said = asyncio.run(main())
    for each in people:
        assert f"{each['name']} goes to Rome, Rome." in said
    assert len(emulator.requests.to(STREAM)) == len(people)
    assert len(emulator.requests.to("/v1/workflow/stream_resume")) == 2 * len(people)


def test_an_input_node_tells_its_schema(tool_of, agent):
    async def form(parameters, context):
        answer = yield Ask("", type=5, required={"size": Parameter("integer", required=True)})
        yield Output(f"size {json.loads(answer)['size']}")

    said, events = run(agent(tool_of(form), {}), answers=[{"size": 4}])
    assert said == "size 4"
    assert events[0].question["required"]["required"] == ["size"]


def test_elsewhere_a_function_answers(tool_of):
    assert "Rome, Rome" in tool_of("travel", on_question=lambda question: "Rome").call().content
    with pytest.raises(ValueError, match="Where do you want to go") as caught:
        tool_of("travel").call()
    assert "on_question" in str(caught.value)


def test_an_asynchronous_function_answers_when_awaited(tool_of):
    async def answer(question):
        return "Rome"

    tool = tool_of("travel", on_question=answer)
    assert "Rome, Rome" in asyncio.run(tool.acall()).content
    with pytest.raises(TypeError, match="acall"):
        tool.call()


# -- bots


def test_a_bot_is_a_tool_for_another_agent(emulator, reached, agent):
    [tool] = CozeToolSpec(
        bot_ids=[emulator.bot_id("echo")], user_id="ann", **reached
    ).to_tool_list()
    assert tool.metadata.name == "echo"
    assert tool.call(message="hi").content == "hi"
    said, events = run(agent(tool, {"message": "hello there"}))
    assert said == "hello there"
    assert "".join(event.text for event in events) == "hello there"


def test_a_bot_that_needs_local_tools_says_so(emulator, reached):
    async def wants(messages, context):
        yield ToolCall("weather", {})

    bot = emulator.add_bot(Bot("wants", wants, tools=("weather",)))
    [tool] = CozeToolSpec(bot_ids=[bot.id], **reached).to_tool_list()
    with pytest.raises(ValueError, match="local tools"):
        tool.call(message="x")


def test_two_hundred_calls_at_once_do_not_mix(tool_of):
    tool = tool_of()

    async def main():
        cities = [f"City {number}" for number in range(200)]
        outputs = await asyncio.gather(*(tool.acall(city=city) for city in cities))
        assert [json.loads(output.content)["city"] for output in outputs] == cities

    asyncio.run(main())


@pytest.mark.parametrize("name", ["user name", "class", "_x", "schema", "ctx", "self", "1st"])
def test_an_input_may_have_any_name(tool_of, agent, name):
    async def told(inputs, _):
        yield Output({"output": inputs[name]})

    tool = tool_of(told, inputs={name: Parameter(required=True)})
    [shown] = tool.metadata.get_parameters_dict()["properties"]
    assert tool.call(**{shown: "hi"}).content == "hi"

    async def main():
        return str(await agent(tool, {shown: "hi"}).run("go"))

    assert asyncio.run(main()) == "hi"


def test_workflows_that_would_have_one_name_have_two(emulator, reached):
    async def told(_, __):
        yield Output({"output": "x"})

    made = [emulator.add_workflow(Workflow(name, told)) for name in ("天气 v2", "查询 v2")]
    ids = [emulator.workflow_id(each.name) for each in made]
    tools = CozeToolSpec(workflow_ids=ids, **reached).to_tool_list()
    assert [tool.metadata.name for tool in tools] == ["v2", f"v2_{ids[1]}"]
