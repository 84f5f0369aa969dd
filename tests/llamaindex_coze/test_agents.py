"""Tools and agents of LlamaIndex with a Coze bot inside; each trap with the real thing."""

import asyncio
import json
import re

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, CodeActAgent, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    ImageBlock,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.memory import Memory
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context, HumanResponseEvent, InputRequiredEvent
from pydantic import BaseModel

import coze_core
from coze_core.emulator import Fault, ToolCall

TOOLS = ("weather", "clock")


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
    if "[result of" in messages[-1].text:
        yield "Told: " + messages[-1].text
        return
    yield "Let me look."
    yield ToolCall("weather", {"city": "Paris"})
    yield ToolCall("clock", {"zone": "CET"})


async def chained(messages, context):
    done = len(context.tool_results)
    yield f"Step {done + 1}."
    if done < 2:
        yield ToolCall("weather", {"city": str(done)})


@pytest.fixture
def llm(make):
    return make(both, tools=TOOLS)


def user(text):
    return ChatMessage(role="user", content=text)


def tool(text, id):
    return ChatMessage(role="tool", content=text, additional_kwargs={"tool_call_id": id})


def calls_of(message):
    return [block for block in message.blocks if isinstance(block, ToolCallBlock)]


def submits(emulator):
    found = emulator.requests.to("/v3/chat/submit_tool_outputs")
    return [[item["output"] for item in request.json["tool_outputs"]] for request in found]


def chats(emulator):
    return emulator.requests.to("/v3/chat")


def run(agent, question, **options):
    async def main():
        return await agent.run(user_msg=question, **options)

    return asyncio.run(main())


# -- the calls themselves


def test_calls_are_blocks_and_plain_data_on_the_last_chunk(ask, llm):
    response = ask(llm, "go", tools=None)
    one, two = calls_of(response.message)
    assert (one.tool_name, one.tool_kwargs) == ("weather", {"city": "Paris"})
    assert [c["function"]["name"] for c in response.message.additional_kwargs["tool_calls"]] == [
        "weather",
        "clock",
    ]
    json.dumps(response.message.additional_kwargs)
    selected = llm.get_tool_calls_from_response(response)
    assert [call.tool_kwargs for call in selected] == [{"city": "Paris"}, {"zone": "CET"}]
    assert selected[0].tool_id == one.tool_call_id != two.tool_call_id


def test_results_go_back_in_any_order_with_or_without_the_marker(ask, emulator, llm):
    message = llm.chat([user("go")]).message
    one, two = calls_of(message)
    answers = [tool("noon", two.tool_call_id), tool("sunny", one.tool_call_id)]
    bare = ChatMessage(role="assistant", content="Let me look.")
    lost = [user("go"), *answers]
    for history in ([user("go"), message, *answers], [user("go"), bare, *answers], lost):
        assert ask(llm, history).message.content == "So: sunny, noon"
    assert len(chats(emulator)) == 1


def test_missing_results_are_answered_as_not_executed(ask, emulator, llm):
    message = llm.chat([user("go")]).message
    response = ask(llm, [user("go"), message, tool("sunny", calls_of(message)[0].tool_call_id)])
    assert response.message.content == "So: sunny, error: this call was not executed"
    assert len(submits(emulator)) == 1


def test_a_stream_cut_while_results_are_sent_is_an_error_and_the_next_try_goes_on(
    ask, emulator, llm
):
    message = llm.chat([user("go")]).message
    history = [user("go"), message]
    history += [tool(call.tool_name, call.tool_call_id) for call in calls_of(message)]
    emulator.faults.add(Fault(cut_after=900), path="/v3/chat/submit_tool_outputs")
    with pytest.raises(coze_core.IncompleteStreamError):
        ask(llm, history)
    assert llm.chat(history).message.content == "So: weather, clock"


def test_chat_with_tools_keeps_one_call_unless_told_otherwise(emulator, llm):
    tools = [FunctionTool.from_defaults(weather), FunctionTool.from_defaults(clock)]
    history = [user("earlier"), ChatMessage(role="assistant", content="yes")]
    before = [message.model_copy(deep=True) for message in history]
    one = llm.chat_with_tools(tools, "go", chat_history=history)
    assert history == before
    assert len(llm.get_tool_calls_from_response(one)) == 1
    assert len(one.message.additional_kwargs["tool_calls"]) == 1
    two = llm.chat_with_tools(tools, "go", allow_parallel_tool_calls=True)
    assert len(llm.get_tool_calls_from_response(two)) == 2
    assert llm.predict_and_call(tools, "go").response == "sunny in Paris"


def test_no_call_is_an_error_only_where_one_is_needed(make):
    llm = make("echo")
    response = llm.chat_with_tools([], "hi")
    assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []
    with pytest.raises(ValueError, match="called no tool, it said: 'hi'"):
        llm.get_tool_calls_from_response(response)


def test_a_tool_that_the_bot_lacks_is_called_in_text(emulator, make):
    def multiply(a: float, b: float) -> float:
        """Multiply two numbers."""
        return a * b

    llm = make()
    response = llm.chat_with_tools([FunctionTool.from_defaults(multiply)], "Multiply 6 and 7.")
    [call] = llm.get_tool_calls_from_response(response)
    assert (call.tool_name, call.tool_kwargs) == ("multiply", {"a": 6, "b": 7})
    told = chats(emulator)[-1].json["additional_messages"][0]["content"]
    assert '"name": "multiply"' in told
    llm.chat_with_tools([FunctionTool.from_defaults(multiply)], "hi", tool_required=True)
    assert (
        "You must call one of the tools"
        in chats(emulator)[-1].json["additional_messages"][0]["content"]
    )


# -- agents


def test_a_function_agent_runs_two_tools_at_once(emulator, llm):
    agent = FunctionAgent(llm=llm, tools=[weather, clock], system_prompt="Be kind.")
    assert str(run(agent, "go")) == "So: sunny in Paris, noon in CET"
    assert len(chats(emulator)) == 1
    assert submits(emulator) == [["sunny in Paris", "noon in CET"]]


def test_a_function_agent_chains_calls_without_streaming_too(emulator, make):
    agent = FunctionAgent(llm=make(chained, tools=TOOLS), tools=[weather], streaming=False)
    assert str(run(agent, "go")) == "Step 3."
    assert len(chats(emulator)) == 1


def test_a_tool_that_fails_and_one_that_is_unknown_are_told_as_results(emulator, make):
    def weather(city: str) -> str:
        """Tell the weather."""
        raise RuntimeError("no weather today")

    agent = FunctionAgent(llm=make(both, tools=TOOLS), tools=[weather])
    run(agent, "go")
    [[first, second]] = submits(emulator)
    assert "no weather today" in first
    assert "clock" in second


def test_an_answer_given_directly_leaves_no_thread_hanging(emulator, llm):
    direct = FunctionTool.from_defaults(weather, return_direct=True)
    memory = Memory.from_defaults(session_id="1")
    agent = FunctionAgent(llm=llm, tools=[direct, clock])
    assert str(run(agent, "go", memory=memory)) == "sunny in Paris"
    answer = str(run(agent, "and now?", memory=memory))
    assert answer
    assert len(chats(emulator)) == 2


def test_a_react_agent_speaks_in_text(emulator, make):
    async def thinks(messages, context):
        if "Observation:" in messages[-1].text:
            yield "Thought: I can answer.\nAnswer: It is sunny in Paris."
        else:
            yield 'Thought: I need a tool.\nAction: weather\nAction Input: {"city": "Paris"}'

    agent = ReActAgent(llm=make(thinks), tools=[weather])
    assert str(run(agent, "go")) == "It is sunny in Paris."


def test_a_code_act_agent_runs_code(make):
    async def codes(messages, context):
        if "Result of executing" in messages[-1].text or "42" in messages[-1].text:
            yield "It is 42."
        else:
            yield "<execute>\nprint(6 * 7)\n</execute>"

    def execute(code: str) -> str:
        return "42"

    agent = CodeActAgent(llm=make(codes), code_execute_fn=execute, tools=[])
    assert str(run(agent, "What is 6 times 7?")) == "It is 42."


def hander_over(make):
    bot = make(handing_over("second"))
    return FunctionAgent(name="first", description="asks", llm=bot, can_handoff_to=["second"])


def handing_over(to):
    async def bot(messages, context):
        if messages[-1].text.startswith("<tool_result"):
            yield "Handed over."
            return
        call = {"name": "handoff", "arguments": {"to_agent": to, "reason": "it knows better"}}
        yield f"<tool_call>{json.dumps(call)}</tool_call>"

    return bot


def test_a_bot_hands_over_to_another_bot(emulator, make):
    async def knows(messages, context):
        yield "I know: " + str(len(messages))

    first = FunctionAgent(
        name="first",
        description="asks",
        llm=make(handing_over("second")),
        can_handoff_to=["second"],
    )
    second = FunctionAgent(name="second", description="knows", llm=make(knows))
    flow = AgentWorkflow(agents=[first, second], root_agent="first")
    assert str(run(flow, "go")).startswith("I know:")
    for request in chats(emulator):
        assert request.json["additional_messages"][-1]["role"] == "user"


def test_a_bot_hands_over_to_another_provider(make):
    seen = []

    class Other(MockFunctionCallingLLM):
        async def astream_chat(self, messages, **kwargs):
            seen.extend(messages)
            return await super().astream_chat(messages, **kwargs)

    second = FunctionAgent(name="second", description="knows", llm=Other())
    flow = AgentWorkflow(agents=[hander_over(make), second], root_agent="first")
    run(flow, "go")
    assert [m.role.value for m in seen if m.role.value != "system"][:3] == [
        "user",
        "assistant",
        "tool",
    ]


def test_a_paused_agent_goes_on_after_a_restart(emulator, make):
    """The state of a run is stored while a human is asked, and taken up by a new process."""

    async def needs(messages, context):
        if context.tool_results:
            yield "Done: " + context.tool_results[0].output
        else:
            yield ToolCall("delete", {"what": "all"})

    async def delete(ctx: Context, what: str) -> str:
        """Delete something."""
        answer = await ctx.wait_for_event(
            HumanResponseEvent, waiter_event=InputRequiredEvent(prefix=f"Delete {what}?")
        )
        return answer.response

    def build():
        return FunctionAgent(llm=make(needs_name, tools=("delete",)), tools=[delete])

    llm = make(needs, tools=("delete",))
    needs_name = next(name for name, bot in emulator.bots.items() if bot.id == llm.bot_id)

    async def main():
        agent = build()
        context = Context(agent)
        memory = Memory.from_defaults(session_id="1")
        handler = agent.run(user_msg="go", ctx=context, memory=memory)
        async for event in handler.stream_events():
            if isinstance(event, InputRequiredEvent):
                stored = json.loads(json.dumps(context.to_dict()))
                break
        await handler.cancel_run()
        restored = build()
        again = Context.from_dict(restored, stored)
        handler = restored.run(ctx=again)
        await handler.ctx.store.set("memory", Memory.from_defaults(session_id="2"))
        handler.ctx.send_event(HumanResponseEvent(response="yes"))
        return str(await handler)

    assert asyncio.run(main()) == "Done: yes"
    assert len(chats(emulator)) == 1


def test_a_memory_in_sql_keeps_what_is_needed(emulator, make):
    llm = make(history="server")
    memory = Memory.from_defaults(session_id="s")

    async def main():
        for question in ("My name is Ada.", "What is my name?"):
            await memory.aput(user(question))
            response = await llm.achat(await memory.aget())
            await memory.aput(response.message)
        return response.message.content

    assert asyncio.run(main()) == "Your name is Ada."
    second = chats(emulator)[1]
    assert second.query["conversation_id"]
    assert [m["content"] for m in second.json["additional_messages"]] == ["What is my name?"]


def test_an_instruction_at_the_end_is_the_question(emulator, make):
    history = [
        user("go"),
        ChatMessage(role="assistant", content="Thinking."),
        ChatMessage(role="system", content="Answer now."),
    ]
    assert make("echo").chat(history).message.content == "Answer now."


def test_an_agent_answers_with_data(make):
    class Person(BaseModel):
        name: str
        age: int

    agent = FunctionAgent(llm=make(), tools=[], output_cls=Person)
    done = run(agent, "Ada Lovelace is 36 years old.")
    assert done.structured_response["age"] == 36


def test_images_of_a_tool_result_are_uploaded(emulator, llm):
    message = llm.chat([user("go")]).message
    first, second = calls_of(message)
    picture = ChatMessage(
        role="tool",
        blocks=[TextBlock(text="look"), ImageBlock(image=b"\x89PNG\r\n\x1a\nxx")],
        additional_kwargs={"tool_call_id": first.tool_call_id},
    )
    llm.chat([user("go"), message, picture, tool("noon", second.tool_call_id)])
    [[output, _]] = submits(emulator)
    assert re.fullmatch(r'\{"text": "look", "image": "\d+"\}', output)


def test_an_agent_that_has_to_stop_early_gets_its_answer(make):
    async def forever(messages, context):
        if "Simply summarize" in messages[-1].text:
            yield "That is all I know."
        else:
            yield ToolCall("weather", {"city": "Paris"})

    agent = FunctionAgent(
        llm=make(forever, tools=TOOLS), tools=[weather], early_stopping_method="generate"
    )
    assert str(run(agent, "go", max_iterations=2)) == "That is all I know."


def test_an_agent_wants_a_model_that_calls_functions(make):
    agent = FunctionAgent(llm=make(is_function_calling_model=False), tools=[weather])
    with pytest.raises(ValueError, match="FunctionCallingLLM"):
        run(agent, "go")


# -- calls that cannot be read


@pytest.mark.parametrize("arguments", ['{"city": "Par', '["Paris"]', '"Paris"', "Paris"])
def test_a_tool_is_never_run_without_the_arguments_that_could_not_be_read(
    emulator, make, arguments
):
    ran = []

    def remove(name: str = "everything") -> str:
        """Remove something, or all there is."""
        ran.append(name)
        return "done"

    async def broken(messages, context):
        if context.tool_results:
            yield "I am told: " + context.tool_results[0].output
        else:
            yield ToolCall("remove", arguments)

    llm = make(broken, tools=("remove",))
    answer = run(FunctionAgent(llm=llm, tools=[remove]), "go")
    assert ran == []
    assert "not a JSON object" in str(answer)


def test_a_broken_call_is_told_as_the_bot_wrote_it(ask, emulator, make):
    async def broken(messages, context):
        yield ToolCall("weather", '{"city": "Par')

    message = ask(make(broken, tools=TOOLS), "go").message
    [block] = calls_of(message)
    [plain] = message.additional_kwargs["tool_calls"]
    assert block.tool_kwargs == plain["function"]["arguments"] == ']not JSON: {"city": "Par'
    bare = ChatMessage(role="assistant", content="", additional_kwargs={"tool_calls": [plain]})
    for told in (message, bare):
        ask(make(), [user("go"), told, tool("bad", block.tool_call_id), user("And?")])
        words = [m["content"] for m in chats(emulator)[-1].json["additional_messages"]]
        assert words == [
            "go",
            '[called weather({"city": "Par)]',
            "[result of weather]\nbad",
            "And?",
        ]


def test_a_conversation_with_a_broken_call_goes_on(ask, emulator, make):
    async def broken(messages, context):
        yield 'Hm.\n<tool_call>{"name": "multiply", "a": 1}</tool_call>'

    llm = make(broken, history="server", tool_calling="prompt")
    described = [FunctionTool.from_defaults(clock, name="multiply").metadata.to_openai_tool()]
    first = ask(llm, "go", tools=described).message
    [call] = calls_of(first)
    ask(llm, [user("go"), first, tool("bad", call.tool_call_id)], tools=described)
    assert len(chats(emulator)) == 4  # each is asked for once more
    assert all(chat.query.get("conversation_id") for chat in chats(emulator)[1:])
