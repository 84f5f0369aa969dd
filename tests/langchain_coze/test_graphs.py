"""Tools in graphs of LangGraph that are made by hand: answers, outcomes and retries."""

import asyncio
import json

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import ToolException
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, RetryPolicy

from coze_core.emulator import (
    Ask,
    Bot,
    Fault,
    Output,
    Parameter,
    Say,
    ToolCall,
    WorkflowFail,
)
from langchain_coze import ChatCoze, CozeBotTool, CozeToolError

STREAM = "/v1/workflow/stream_run"


@pytest.fixture(params=["blocking", "awaiting"])
def run(request):
    config = {"configurable": {"thread_id": "1"}}

    def perform(graph, given):
        if request.param == "blocking":
            return graph.invoke(given, config)
        return asyncio.run(graph.ainvoke(given, config))

    return perform


def hand_made(tool, checkpointer=None):
    """A graph whose one node makes all calls of a message, at once."""
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode([tool], handle_tool_errors=True))
    graph.add_edge(START, "tools")
    return graph.compile(checkpointer=checkpointer)


def asks_for(tool, *arguments):
    made = [{"name": tool.name, "args": each, "id": f"c{n}"} for n, each in enumerate(arguments)]
    return {"messages": [AIMessage("", tool_calls=made)]}


async def trip(inputs, _):
    yield Output({"output": f"{yield Ask('Where to?')} for {inputs['who']}"})


WHO = {"who": Parameter(required=True)}


def test_a_graph_without_a_checkpointer_is_not_paused_for_ever(tool_of):
    tool = tool_of(trip, inputs=WHO, on_question=lambda _: "Rome")
    told = hand_made(tool).invoke(asks_for(tool, {"who": "Ann"}))
    assert told["messages"][-1].content == "Rome for Ann"
    silent = tool.model_copy(update={"on_question": None})
    told = hand_made(silent).invoke(asks_for(silent, {"who": "Ann"}))
    assert told["messages"][-1].status == "error"
    assert "Where to?" in told["messages"][-1].content


def test_calls_of_one_node_do_not_take_each_others_outcomes(tool_of, run):
    tool = tool_of(trip, inputs=WHO)
    graph = hand_made(tool, InMemorySaver())

    def go(given):
        return run(graph, given)

    told = go(asks_for(tool, {"who": "Ann"}, {"who": "Ben"}))
    while "__interrupt__" in told:
        told = go(Command(resume="Rome"))
    ann, ben = (each.content for each in told["messages"][-2:])
    assert (ann, ben) == ("Rome for Ann", "Rome for Ben")


def in_any_order(tool, checkpointer, orders):
    """A graph with one node that makes all calls, each time in the next of these orders."""
    orders = iter(orders)

    def made(state):
        given = state["messages"][-1].tool_calls
        return [given[place] for place in next(orders)], [call["id"] for call in given]

    def node(state, config):
        given, ids = made(state)
        told = {call["id"]: tool.invoke({**call, "type": "tool_call"}, config) for call in given}
        return {"messages": [told[id] for id in ids]}

    async def anode(state, config):
        given, ids = made(state)
        told = {}
        for call in given:
            told[call["id"]] = await tool.ainvoke({**call, "type": "tool_call"}, config)
        return {"messages": [told[id] for id in ids]}

    graph = StateGraph(MessagesState)
    graph.add_node("tools", RunnableLambda(node, anode))
    graph.add_edge(START, "tools")
    return graph.compile(checkpointer=checkpointer)


CITIES = {"Where to, Ann?": "Rome", "Where to, Ben?": "Paris", "Where to, Eve?": "Oslo"}


async def personal_trip(inputs, _):
    who = inputs["who"]
    yield Output({"output": f"{yield Ask(f'Where to, {who}?')} for {who}"})


def finish(go, told):
    """Answer every question by its own id; return the texts of the results and the questions."""
    asked = []
    while "__interrupt__" in told:
        [question] = told["__interrupt__"]
        asked.append(question.value["text"])
        told = go(Command(resume={question.value["id"]: CITIES[question.value["text"]]}))
    return [each.content for each in told["messages"] if isinstance(each, ToolMessage)], asked


@pytest.mark.parametrize(
    "orders",
    [
        [(0, 1, 2)] * 4,
        [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)],
        [(2, 1, 0), (0, 1, 2), (1, 2, 0), (0, 2, 1), (1, 0, 2)],
        [(0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 1, 2)],
    ],
)
def test_answers_that_are_addressed_reach_their_questions_in_whatever_order(
    tool_of, emulator, run, orders
):
    tool = tool_of(personal_trip, inputs=WHO)
    graph = in_any_order(tool, InMemorySaver(), [*orders, *[(0, 1, 2)] * 4])

    def go(given):
        return run(graph, given)

    people = ({"who": "Ann"}, {"who": "Ben"}, {"who": "Eve"})
    said, asked = finish(go, go(asks_for(tool, *people)))
    assert said == ["Rome for Ann", "Paris for Ben", "Oslo for Eve"]
    assert sorted(asked) == sorted(CITIES)  # each of them once
    assert len(emulator.requests.to(STREAM)) == 3
    assert len(emulator.requests.to("/v1/workflow/stream_resume")) == 3


def test_addressed_answers_reach_their_calls_in_a_node_of_tools(tool_of, run):
    tool = tool_of(personal_trip, inputs=WHO)
    graph = hand_made(tool, InMemorySaver())

    def go(given):
        return run(graph, given)

    people = ({"who": "Ann"}, {"who": "Ben"}, {"who": "Eve"})
    said, _ = finish(go, go(asks_for(tool, *people)))
    assert said == ["Rome for Ann", "Paris for Ben", "Oslo for Eve"]


def test_values_of_an_input_node_are_not_taken_for_addresses(tool_of):
    async def form(parameters, context):
        wanted = {"size": Parameter("integer", required=True)}
        answer = yield Ask("", type=5, required=wanted)
        yield Output(f"size {json.loads(answer)['size']}")

    tool = tool_of(form)
    for wrap in (False, True):
        graph = hand_made(tool, InMemorySaver())
        config = {"configurable": {"thread_id": "1"}}
        [question] = graph.invoke(asks_for(tool, {}), config)["__interrupt__"]
        answer = {question.value["id"]: {"size": 4}} if wrap else {"size": 4}
        told = graph.invoke(Command(resume=answer), config)
        assert told["messages"][-1].content == "size 4"


# -- retries


def retried(tool, fails=0, **policy):
    """A graph whose node calls the tool, then fails so many times, and may be tried three times."""
    left = [fails]

    def end(message):
        if left[0]:
            left[0] -= 1
            raise ConnectionError("the node fails for another reason")
        return {"messages": [message]}

    def node(state, config):
        [call] = state["messages"][-1].tool_calls
        return end(tool.invoke({**call, "type": "tool_call"}, config))

    async def anode(state, config):
        [call] = state["messages"][-1].tool_calls
        return end(await tool.ainvoke({**call, "type": "tool_call"}, config))

    graph = StateGraph(MessagesState)
    again = RetryPolicy(initial_interval=0.01, jitter=False, max_attempts=3, **policy)
    graph.add_node("tools", RunnableLambda(node, anode), retry_policy=again)
    graph.add_edge(START, "tools")
    return graph.compile(checkpointer=InMemorySaver())


def test_a_node_that_is_tried_again_runs_no_workflow_again_that_has_succeeded(
    tool_of, emulator, run
):
    tool = tool_of("weather")
    told = run(retried(tool, fails=2), asks_for(tool, {"city": "Paris"}))
    assert "Paris" in told["messages"][-1].content
    assert len(emulator.requests.to(STREAM)) == 1


def test_answers_outlive_retries(tool_of, emulator, run):
    tool = tool_of(personal_trip, inputs=WHO)
    graph = retried(tool, fails=2)
    said, asked = finish(
        lambda given: run(graph, given), run(graph, asks_for(tool, {"who": "Ann"}))
    )
    assert (said, asked) == (["Rome for Ann"], ["Where to, Ann?"])
    assert len(emulator.requests.to(STREAM)) == 1
    assert len(emulator.requests.to("/v1/workflow/stream_resume")) == 1


async def breaks(inputs, context):
    yield Say("an effect")
    yield WorkflowFail(777777776, "node timeout")


def test_a_workflow_that_failed_midway_is_not_run_again_by_default(tool_of, emulator, run):
    tool = tool_of(breaks)
    with pytest.raises(CozeToolError, match="node timeout"):
        run(retried(tool), asks_for(tool, {}))
    assert len(emulator.requests.to(STREAM)) == 1


def test_a_workflow_that_failed_midway_is_run_again_for_those_who_say_so(tool_of, emulator, run):
    tool = tool_of(breaks)
    with pytest.raises(ToolException, match="node timeout"):
        run(retried(tool, retry_on=ToolException), asks_for(tool, {}))
    assert len(emulator.requests.to(STREAM)) == 3


@pytest.mark.parametrize("times", [1, 2])
def test_a_workflow_that_never_began_is_tried_again(tool_of, emulator, run, times):
    tool = tool_of("weather", max_retries=0)
    emulator.faults.add(Fault(status=429), path=STREAM, times=times)
    told = run(retried(tool), asks_for(tool, {"city": "Paris"}))
    assert "Paris" in told["messages"][-1].content
    assert len(emulator.requests.to(STREAM)) == times + 1


@pytest.mark.parametrize(
    "fault",
    [Fault(cut_after=60), Fault(cut_after=0), Fault(status=502)],
    ids=["cut", "none", "502"],
)
def test_a_workflow_that_may_have_begun_is_not_tried_again(tool_of, emulator, run, fault):
    tool = tool_of("weather", max_retries=0)
    emulator.faults.add(fault, path=STREAM)
    with pytest.raises(CozeToolError):
        run(retried(tool), asks_for(tool, {"city": "Paris"}))
    assert len(emulator.requests.to(STREAM)) == 1


# -- checkpointers that await


def test_a_checkpointer_that_awaits_keeps_paused_workflows(tool_of, emulator, tmp_path):
    """Each step with an event loop and connections of its own, as after a restart."""
    tool = tool_of("travel")
    config = {"configurable": {"thread_id": "1"}}

    async def caller(messages, context):
        if context.tool_results:
            yield "done"
        else:
            yield ToolCall(tool.name, {"name": "Ann"})
            yield ToolCall(tool.name, {"name": "Ben"})

    bot = emulator.add_bot(Bot("caller", caller, tools=(tool.name,)))
    reached = {"api_key": emulator.token, "base_url": emulator.base_url}

    async def step(given):
        model = ChatCoze(bot_id=bot.id, **reached)
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "db")) as saver:
            agent = create_agent(model, [tool], checkpointer=saver)
            return await agent.ainvoke(given, config)

    state = asyncio.run(step({"messages": ["go"]}))
    for answer in ("Rome", "tomorrow"):
        asked = state["__interrupt__"]
        assert len(asked) == 2
        addressed = {each.id: {each.value["id"]: answer} for each in asked}
        state = asyncio.run(step(Command(resume=addressed)))
    told = [each.content for each in state["messages"] if isinstance(each, ToolMessage)]
    assert told == ["Ann goes to Rome, tomorrow.", "Ben goes to Rome, tomorrow."]
    assert len(emulator.requests.to(STREAM)) == 2
    assert len(emulator.requests.to("/v1/workflow/stream_resume")) == 4


def test_a_hand_made_node_goes_on_from_a_checkpointer_that_awaits(tool_of, emulator, tmp_path):
    tool = tool_of(personal_trip, inputs=WHO)
    config = {"configurable": {"thread_id": "1"}}

    async def step(given):
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "db")) as saver:
            return await hand_made(tool, saver).ainvoke(given, config)

    people = ({"who": "Ann"}, {"who": "Ben"}, {"who": "Eve"})
    paused = asyncio.run(step(asks_for(tool, *people)))
    said, _ = finish(lambda given: asyncio.run(step(given)), paused)
    assert said == ["Rome for Ann", "Paris for Ben", "Oslo for Eve"]


# -- bots beside workflows that ask


@pytest.fixture
def counting(emulator):
    """A bot as a tool: it counts how often it has been asked."""
    asked = []

    async def counts(messages, context):
        asked.append(messages[-1].text)
        number = len(asked)
        await asyncio.sleep(0.1)  # the workflow asks meanwhile
        yield f"{messages[-1].text} {number}"

    bot = emulator.add_bot(Bot("counting", counts))
    reached = {"api_key": emulator.token, "base_url": emulator.base_url}
    return CozeBotTool(bot_id=bot.id, name="counting", description="Counts.", **reached)


def both(bot, workflow, checkpointer):
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode([bot, workflow]))
    graph.add_edge(START, "tools")
    return graph.compile(checkpointer=checkpointer)


def asks_both(bot, workflow):
    given = [(bot.name, {"message": "hi"})] * 2 + [(workflow.name, {"who": "Ann"})]
    made = [{"name": name, "args": args, "id": f"c{n}"} for n, (name, args) in enumerate(given)]
    return {"messages": [AIMessage("", tool_calls=made)]}


def told_by(state):
    return sorted(each.content for each in state["messages"] if isinstance(each, ToolMessage))


def test_a_bot_is_not_asked_again_when_another_call_of_its_node_goes_on(
    tool_of, emulator, run, counting
):
    tool = tool_of(personal_trip, inputs=WHO)
    graph = both(counting, tool, InMemorySaver())
    assert "__interrupt__" in run(graph, asks_both(counting, tool))
    assert told_by(run(graph, Command(resume="Rome"))) == ["Rome for Ann", "hi 1", "hi 2"]
    assert len(emulator.requests.to("/v3/chat")) == 2


def test_a_bot_is_not_asked_again_in_another_process(tool_of, emulator, tmp_path, counting):
    tool = tool_of(personal_trip, inputs=WHO)
    config = {"configurable": {"thread_id": "1"}}

    async def step(given):
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "db")) as saver:
            return await both(counting, tool, saver).ainvoke(given, config)

    asyncio.run(step(asks_both(counting, tool)))
    answered = asyncio.run(step(Command(resume="Rome")))
    assert told_by(answered) == ["Rome for Ann", "hi 1", "hi 2"]
    assert len(emulator.requests.to("/v3/chat")) == 2
    again = asyncio.run(step(asks_both(counting, tool)))  # a later turn asks anew
    assert "__interrupt__" in again
    assert len(emulator.requests.to("/v3/chat")) == 4


def test_what_a_bot_has_said_is_no_update_of_the_graph(emulator, tool_of, counting):
    tool = tool_of(personal_trip, inputs=WHO)
    graph = both(counting, tool, InMemorySaver())
    calls = [{"name": "counting", "args": {"message": "hi"}, "id": "c"}]
    given = {"messages": [AIMessage("", tool_calls=calls)]}
    updates = list(graph.stream(given, {"configurable": {"thread_id": "1"}}, stream_mode="updates"))
    assert [list(each) for each in updates] == [["tools"]]


def test_a_node_that_blocks_its_event_loop_may_ask_a_bot(tmp_path, counting):
    async def node(state):
        return {"messages": [counting.invoke({"message": "hi"})]}

    async def main():
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "db")) as saver:
            graph = StateGraph(MessagesState)
            graph.add_node("node", node)
            graph.add_edge(START, "node")
            made = graph.compile(checkpointer=saver)
            return await made.ainvoke({"messages": []}, {"configurable": {"thread_id": "1"}})

    assert asyncio.run(main())["messages"][-1].content == "hi 1"


def test_a_bot_is_asked_where_a_graph_does_not_tell_its_checkpoint(counting):
    def node(state, config):
        told = {k: v for k, v in config["configurable"].items() if k != "checkpoint_map"}
        return {"messages": [counting.invoke({"message": "hi"}, {"configurable": told})]}

    graph = StateGraph(MessagesState)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    made = graph.compile(checkpointer=InMemorySaver())
    done = made.invoke({"messages": []}, {"configurable": {"thread_id": "1"}})
    assert done["messages"][-1].content == "hi 1"
