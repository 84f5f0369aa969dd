"""What a graph keeps of its tools: nothing runs twice, and those who stream see nothing of it."""

import asyncio

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, RetryPolicy

from coze_core.emulator import Ask, Bot, Output, Parameter, ToolCall
from langchain_coze import ChatCoze

STREAM = "/v1/workflow/stream_run"
RESUME = "/v1/workflow/stream_resume"
WHO = {"who": Parameter(required=True)}
THREAD = {"configurable": {"thread_id": "1"}}
CITIES = {"Where to, Ann?": "Rome", "Where to, Ben?": "Paris"}
GOING = ["Rome for Ann", "Paris for Ben"]


async def trip(inputs, _):
    who = inputs["who"]
    city = yield Ask(f"Where to, {who}?")
    await asyncio.sleep(0.2)  # other calls of the node come to their questions meanwhile
    yield Output({"output": f"{city} for {who}"})


async def slow(inputs, _):
    await asyncio.sleep(0.3)
    yield Output({"output": f"hello {inputs['who']}"})


async def slow_trip(inputs, context):
    await asyncio.sleep(0.3)
    yield Output({"output": f"{yield Ask('Where to, Ann?')} for {inputs['who']}"})


def graph_of(node, checkpointer=None, **options):
    graph = StateGraph(MessagesState)
    graph.add_node("tools", node, **options)
    graph.add_edge(START, "tools")
    return graph.compile(checkpointer=checkpointer)


def asks_for(tool, *people):
    made = [
        {"name": tool.name, "args": {"who": each}, "id": f"c{n}"} for n, each in enumerate(people)
    ]
    return {"messages": [AIMessage("", tool_calls=made)]}


def calls_of(state):
    return [{**call, "type": "tool_call"} for call in state["messages"][-1].tool_calls]


@pytest.fixture(params=["blocking", "awaiting"])
def streamed(request):
    def perform(graph, given, **options):
        if request.param == "blocking":
            return list(graph.stream(given, THREAD, **options))

        async def collected():
            return [each async for each in graph.astream(given, THREAD, **options)]

        return asyncio.run(collected())

    return perform


def answered(question):
    value = question.value
    return Command(resume={value["id"]: CITIES[value["text"]]})


def told_by(state):
    return [each.content for each in state["messages"] if isinstance(each, ToolMessage)]


async def finish(graph, given):
    """Answer all questions on one event loop, as a server does."""
    state = await graph.ainvoke(given, THREAD)
    for _ in CITIES:
        if "__interrupt__" in state:
            state = await graph.ainvoke(answered(state["__interrupt__"][0]), THREAD)
    return told_by(state)


# -- what is seen


def agent_of(tool, emulator):
    async def caller(messages, context):
        if context.tool_results:
            yield "done"
        else:
            yield ToolCall(tool.name, {"who": "Ann"})

    bot = emulator.add_bot(Bot("caller", caller, tools=(tool.name,)))
    model = ChatCoze(bot_id=bot.id, api_key=emulator.token, base_url=emulator.base_url)
    return create_agent(model, [tool], checkpointer=InMemorySaver()), {"messages": ["go"]}


def node_of(tool, _):
    return graph_of(ToolNode([tool]), InMemorySaver()), asks_for(tool, "Ann")


def inner_of(tool, _):
    return graph_of(graph_of(ToolNode([tool])), InMemorySaver()), asks_for(tool, "Ann")


SHAPES = pytest.mark.parametrize(
    "shape", [agent_of, node_of, inner_of], ids=["agent", "node", "subgraph"]
)


@SHAPES
def test_updates_are_those_of_the_nodes(tool_of, emulator, streamed, shape):
    graph, given = shape(tool_of(trip, inputs=WHO), emulator)
    seen = streamed(graph, given, stream_mode="updates")
    seen += streamed(graph, answered(seen[-1]["__interrupt__"][0]), stream_mode="updates")
    last = []
    for chunk in seen:
        for node, update in chunk.items():
            if node != "__interrupt__":
                assert node in {"model", "tools"}
                last.append(update["messages"][-1].content)
    assert "Rome for Ann" in last
    assert len(emulator.requests.to(STREAM)) == len(emulator.requests.to(RESUME)) == 1


@SHAPES
def test_other_streams_show_nothing_that_is_kept(tool_of, emulator, streamed, shape):
    graph, given = shape(tool_of(trip, inputs=WHO), emulator)
    wanted = ["values", "tasks", "checkpoints", "custom", "messages"]
    seen = streamed(graph, given, stream_mode=wanted, subgraphs=True)
    paused = graph.get_state(THREAD)
    assert {each.name for each in paused.tasks} == {"tools"}
    seen += streamed(graph, answered(paused.interrupts[0]), stream_mode=wanted, subgraphs=True)
    for _, mode, what in seen:
        if mode == "values":
            assert set(what) <= {"messages", "__interrupt__"}
        if mode == "tasks":
            assert what["name"] in {"model", "tools"}
        assert "coze_kept" not in repr(what)
    assert set(graph.get_state(THREAD).values) == {"messages"}


# -- nothing is run twice


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize("inner", [False, True], ids=["node", "subgraph"])
def test_a_paused_run_goes_on_however_checkpoints_are_saved(
    tool_of, emulator, streamed, inner, durability
):
    tool = tool_of(trip, inputs=WHO)
    node = ToolNode([tool])
    graph = graph_of(graph_of(node) if inner else node, InMemorySaver())
    options = {"durability": durability, "stream_mode": "values"}
    *_, state = streamed(graph, asks_for(tool, "Ann", "Ben"), **options)
    for _ in CITIES:
        *_, state = streamed(graph, answered(state["__interrupt__"][0]), **options)
    assert told_by(state) == GOING
    assert len(emulator.requests.to(STREAM)) == len(emulator.requests.to(RESUME)) == 2


def test_a_task_of_a_function_goes_on(tool_of, emulator):
    tool = tool_of(trip, inputs=WHO)

    @task
    def travel(who):
        return tool.invoke({"who": who})

    @entrypoint(checkpointer=InMemorySaver())
    def flow(people):
        return [each.result() for each in [travel(who) for who in people]]

    state = flow.invoke(["Ann", "Ben"], THREAD)
    while "__interrupt__" in state:
        answers = {each.id: CITIES[each.value["text"]] for each in state["__interrupt__"]}
        state = flow.invoke(Command(resume=answers), THREAD)
    assert state == GOING
    assert len(emulator.requests.to(STREAM)) == len(emulator.requests.to(RESUME)) == 2


@pytest.mark.parametrize("late", [0, 0.05, 0.4])
def test_a_pause_cuts_off_no_call_of_its_node(tool_of, emulator, late):
    """Calls go on, or begin only now, while another one comes to its question."""
    tool = tool_of(trip, inputs=WHO)

    async def node(state):
        async def one(place, call):
            await asyncio.sleep(late * place)
            return await tool.ainvoke(call)

        calls = enumerate(calls_of(state))
        return {"messages": await asyncio.gather(*[one(*each) for each in calls])}

    graph = graph_of(node, InMemorySaver())
    assert asyncio.run(finish(graph, asks_for(tool, "Ann", "Ben"))) == GOING
    assert len(emulator.requests.to(STREAM)) == len(emulator.requests.to(RESUME)) == 2


def test_a_pause_cuts_off_no_thread_of_its_node(tool_of, emulator):
    tool = tool_of(trip, inputs=WHO)

    async def node(state):
        calls = [asyncio.to_thread(tool.invoke, call) for call in calls_of(state)]
        return {"messages": await asyncio.gather(*calls)}

    graph = graph_of(node, InMemorySaver())
    assert asyncio.run(finish(graph, asks_for(tool, "Ann", "Ben"))) == GOING
    assert len(emulator.requests.to(STREAM)) == len(emulator.requests.to(RESUME)) == 2


def test_calls_that_are_just_the_same_are_each_run_and_each_asked(tool_of, emulator, streamed):
    tool = tool_of(trip, inputs=WHO)
    graph = graph_of(ToolNode([tool]), InMemorySaver())
    *_, state = streamed(graph, asks_for(tool, "Ann", "Ann"), stream_mode="values")
    for _ in range(2):
        resume = answered(state["__interrupt__"][0])
        *_, state = streamed(graph, resume, stream_mode="values")
    assert told_by(state) == ["Rome for Ann"] * 2
    assert len(emulator.requests.to(STREAM)) == len(emulator.requests.to(RESUME)) == 2


def failing_beside(tool):
    """A node that fails at first while a call of the tool is at work, and leaves it at that."""
    failures = iter([ConnectionError("another call has failed")])

    async def other():
        await asyncio.sleep(0.1)  # the workflow has begun
        for failure in failures:
            raise failure

    async def anode(state):
        [call] = calls_of(state)
        told, _ = await asyncio.gather(tool.ainvoke(call), other())
        return {"messages": [told]}

    again = RetryPolicy(initial_interval=0.01, jitter=False, max_attempts=3)
    return {"node": anode, "retry_policy": again}


@pytest.mark.parametrize("saver", [InMemorySaver, lambda: None], ids=["kept", "unkept"])
def test_a_retry_waits_for_what_the_attempt_before_has_begun(tool_of, emulator, saver):
    tool = tool_of(slow, inputs=WHO)
    graph = graph_of(**failing_beside(tool), checkpointer=saver())
    state = asyncio.run(graph.ainvoke(asks_for(tool, "Ann"), THREAD))
    assert told_by(state) == ["hello Ann"]
    assert len(emulator.requests.to(STREAM)) == 1


def test_a_retry_asks_what_the_attempt_before_has_come_to(tool_of, emulator):
    tool = tool_of(slow_trip, inputs=WHO)
    graph = graph_of(**failing_beside(tool), checkpointer=InMemorySaver())
    assert asyncio.run(finish(graph, asks_for(tool, "Ann"))) == ["Rome for Ann"]
    assert len(emulator.requests.to(STREAM)) == len(emulator.requests.to(RESUME)) == 1


def test_a_call_that_begins_after_its_attempt_is_not_run(tool_of, emulator):
    tool = tool_of(slow, inputs=WHO)
    delays = iter([0.2, 0, 0])  # the first is over when it begins
    failures = iter([ConnectionError("another call has failed")])

    async def call(given):
        await asyncio.sleep(next(delays))
        return await tool.ainvoke(given)

    async def other():
        for failure in failures:
            raise failure

    async def node(state):
        first, second = calls_of(state)
        told, _ = await asyncio.gather(call(first), other())
        return {"messages": [told, await call(second)]}

    again = RetryPolicy(initial_interval=0.01, jitter=False)
    graph = graph_of(node, InMemorySaver(), retry_policy=again)
    state = asyncio.run(graph.ainvoke(asks_for(tool, "Ann", "Ben"), THREAD))
    assert told_by(state) == ["hello Ann", "hello Ben"]
    assert len(emulator.requests.to(STREAM)) == 2


async def unhurried(inputs, _):
    if inputs["who"] == "Ben":
        await asyncio.sleep(2)
    city = yield Ask(f"Where to, {inputs['who']}?")
    yield Output({"output": f"{city} for {inputs['who']}"})


def test_many_nodes_at_work_at_once_are_all_remembered(tool_of, emulator):
    tool = tool_of(unhurried, inputs=WHO)
    many, begun = 280, []

    async def ann(call):
        while len(begun) < many:
            await asyncio.sleep(0.05)
        return await tool.ainvoke(call)

    async def ben(call):
        begun.append(call)
        return await tool.ainvoke(call)

    async def node(state):
        first, second = calls_of(state)
        return {"messages": await asyncio.gather(ann(first), ben(second))}

    graph = graph_of(node, InMemorySaver())

    async def one(number):
        thread = {"configurable": {"thread_id": str(number)}}
        state = await graph.ainvoke(asks_for(tool, "Ann", "Ben"), thread)
        for _ in CITIES:
            state = await graph.ainvoke(answered(state["__interrupt__"][0]), thread)
        return told_by(state)

    async def main():
        return await asyncio.gather(*[one(number) for number in range(many)])

    assert all(each == GOING for each in asyncio.run(main()))
    assert len(emulator.requests.to(STREAM)) == len(emulator.requests.to(RESUME)) == 2 * many


# -- nodes that block their event loop


def blocking_node(tool):
    async def node(state):
        return {"messages": [tool.invoke(call) for call in calls_of(state)]}

    return node


def test_a_node_that_blocks_its_event_loop_goes_on(tool_of, emulator):
    tool = tool_of(trip, inputs=WHO)
    graph = graph_of(blocking_node(tool), InMemorySaver())
    assert asyncio.run(finish(graph, asks_for(tool, "Ann", "Ben"))) == GOING
    assert len(emulator.requests.to(STREAM)) == len(emulator.requests.to(RESUME)) == 2


def test_what_a_checkpointer_that_awaits_could_not_keep_is_not_run(tool_of, emulator, tmp_path):
    tool = tool_of(trip, inputs=WHO)

    async def main(node):
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "db")) as saver:
            return await finish(graph_of(node, saver), asks_for(tool, "Ann"))

    with pytest.raises(RuntimeError, match="ainvoke"):
        asyncio.run(main(blocking_node(tool)))
    assert not emulator.requests.to(STREAM)

    def in_a_thread(state):
        return {"messages": [tool.invoke(call) for call in calls_of(state)]}

    assert asyncio.run(main(in_a_thread)) == ["Rome for Ann"]
    assert len(emulator.requests.to(STREAM)) == len(emulator.requests.to(RESUME)) == 1


def test_a_pause_that_blocks_its_event_loop_does_not_wait_for_it(tool_of):
    asking, other = tool_of(trip, inputs=WHO), tool_of(slow, inputs=WHO)

    async def node(state):
        async def blocks(call):
            await asyncio.sleep(0.1)  # the other one has begun
            return asking.invoke(call)

        [call] = calls_of(state)
        await asyncio.gather(other.ainvoke({"who": "Ben"}), blocks(call))

    graph = graph_of(node, InMemorySaver())
    state = asyncio.run(graph.ainvoke(asks_for(asking, "Ann"), THREAD))
    assert state["__interrupt__"][0].value["text"] == "Where to, Ann?"
