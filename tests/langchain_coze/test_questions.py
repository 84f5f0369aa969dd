"""Questions of a bot's workflow: asked of the user, not run as tools."""

from typing import Annotated, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command

from coze_core.emulator import Fault, Question, ToolCall
from langchain_coze import answers_to, ask_user, needs_user, questions_of
from langchain_coze.middleware import QuestionMiddleware


async def travel(messages, context):
    if context.tool_results:
        yield "So: " + ", ".join(result.output for result in context.tool_results)
        return
    if "weather" in messages[-1].text:
        yield ToolCall("weather", {"city": "Paris"})
    yield Question("Which city?")


async def two_questions(messages, context):
    if context.tool_results:
        yield " and ".join(result.output for result in context.tool_results)
        return
    yield Question("From where?")
    yield Question("Where to?")


def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


class State(TypedDict):
    messages: Annotated[list[BaseMessage], add_messages]


def test_a_question_is_text_and_no_tool_call(ask, make):
    answer = ask(make(travel), "A trip, please.")
    assert answer.text == "Which city?"
    assert answer.tool_calls == []
    assert answer.response_metadata["finish_reason"] == "question"
    [question] = questions_of(answer)
    assert question["text"] == "Which city?"
    assert answer.response_metadata["coze"]["questions"] == [question]


def test_the_next_human_message_is_the_answer(ask, emulator, make):
    model = make(travel)
    first = ask(model, "A trip, please.")
    second = ask(model, [HumanMessage("A trip, please."), first, HumanMessage("Rome")])
    assert second.text == "So: Rome"
    assert second.response_metadata["chat_id"] == first.response_metadata["chat_id"]
    assert len(emulator.requests.to("/v3/chat")) == 1
    assert questions_of(second) == []


def test_tools_and_a_question_are_answered_together(emulator, make):
    model = make(travel, tools=("weather",)).bind_tools([weather])
    history = [HumanMessage("What is the weather like?")]
    history.append(model.invoke(history))
    assert [call["name"] for call in history[1].tool_calls] == ["weather"]
    result = ToolMessage("sunny", tool_call_id=history[1].tool_calls[0]["id"])
    with pytest.raises(ValueError, match="reply_message"):
        model.invoke([*history, result])
    assert model.invoke([*history, result, HumanMessage("Rome")]).text == "So: sunny, Rome"


@pytest.fixture
def graph(make):
    def build(bot):
        model = make(bot)
        made = StateGraph(State)
        made.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
        made.add_node("ask", ask_user)
        made.add_edge(START, "model")
        made.add_conditional_edges("model", needs_user, {True: "ask", False: END})
        made.add_edge("ask", "model")
        return made.compile(checkpointer=InMemorySaver())

    return build


CONFIG = {"configurable": {"thread_id": "1"}}


def test_a_graph_pauses_for_the_user_and_goes_on(emulator, graph):
    made = graph(travel)
    paused = made.invoke({"messages": "A trip, please."}, CONFIG)
    [interrupt] = paused["__interrupt__"]
    assert [question["text"] for question in interrupt.value["questions"]] == ["Which city?"]
    done = made.invoke(Command(resume="Rome"), CONFIG)
    assert done["messages"][-1].text == "So: Rome"
    assert len(emulator.requests.to("/v3/chat")) == 1


@pytest.mark.parametrize("by_id", [False, True])
def test_several_questions_take_a_list_or_a_mapping(graph, by_id):
    made = graph(two_questions)
    [interrupt] = made.invoke({"messages": "A trip, please."}, CONFIG)["__interrupt__"]
    one, two = (question["id"] for question in interrupt.value["questions"])
    answers = {two: "Rome", one: "Paris"} if by_id else ["Paris", "Rome"]
    done = made.invoke(Command(resume=answers), CONFIG)
    assert done["messages"][-1].text == "Paris and Rome"


@pytest.mark.parametrize("question", ["A trip, please.", "What is the weather like?"])
def test_an_agent_pauses_for_the_user_and_goes_on(emulator, make, question):
    agent = create_agent(
        make(travel, tools=("weather",)),
        [weather],
        middleware=[QuestionMiddleware()],
        checkpointer=InMemorySaver(),
    )
    assert agent.invoke({"messages": question}, CONFIG)["__interrupt__"]
    done = agent.invoke(Command(resume="Rome"), CONFIG)
    assert done["messages"][-1].text.endswith("Rome")
    assert len(emulator.requests.to("/v3/chat")) == 1


def test_a_run_that_pauses_without_a_call_goes_on_in_its_conversation(emulator, make):
    verbose = '{\\"msg_type\\":\\"interrupt\\",\\"data\\":\\"\\"}'
    body = (
        'event:conversation.chat.created\ndata:{"id":"20","conversation_id":"CONVERSATION"}\n\n'
        'event:conversation.message.delta\ndata:{"id":"1","type":"answer","content":"Where?"}\n\n'
        f'event:conversation.message.completed\ndata:{{"id":"2","type":"verbose","content":"{verbose}"}}\n\n'
        'event:done\ndata:"[DONE]"'
    )
    model = make("echo")
    conversation = model.invoke("hi").response_metadata["conversation_id"]
    replay = body.replace("CONVERSATION", conversation).encode()
    emulator.faults.add(Fault(replay=replay), path="/v3/chat")
    first = model.invoke("A trip, please.")
    assert [question["text"] for question in questions_of(first)] == ["Where?"]
    model.invoke([HumanMessage("A trip, please."), first, HumanMessage("Rome")])
    request = emulator.requests.to("/v3/chat")[-1]
    assert request.query["conversation_id"] == conversation
    assert [m["content"] for m in request.json["additional_messages"]] == ["Rome"]


def test_answers_that_do_not_match_are_refused():
    questions = [{"id": "1", "text": "Who?"}, {"id": "2", "text": "Where?"}]
    with pytest.raises(ValueError, match="2 questions and 1 answers"):
        answers_to(questions, "Ada")
    with pytest.raises(ValueError, match=r"no answer to: Where\?"):
        answers_to(questions, {"1": "Ada"})


def test_other_messages_ask_nothing():
    assert questions_of(HumanMessage("hi")) == []
    assert questions_of(AIMessage("hi", response_metadata={"coze": "rubbish"})) == []
    assert not needs_user({"messages": []})
    assert ask_user({"messages": [AIMessage("hi")]}) == {"messages": []}
