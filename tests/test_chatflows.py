"""A chatflow as a chat model, in both frameworks: the same dialogue through another endpoint."""

import json
from pathlib import Path

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from llama_index.core.base.llms.types import ChatMessage
from pydantic import BaseModel

from coze_core.emulator import FollowUp, Parameter, Workflow
from langchain_coze import ChatCoze, questions_of
from llamaindex_coze import Coze

CHAT = "/v1/workflows/chat"


@pytest.fixture
def made(emulator):
    """Make a model of a chatflow."""

    def make(kind, name="order", **options):
        return kind(
            **{
                "workflow_id": emulator.workflow_id(name),
                "app_id": "77",
                "api_key": emulator.token,
                "base_url": emulator.base_url,
                "user_id": "ann",
                **options,
            }
        )

    return make


@pytest.fixture
def chatflow(emulator):
    def add(run, **options):
        return emulator.add_workflow(Workflow(run.__name__, chat=run, **options)).name

    return add


def test_langchain_asks_answers_and_goes_on(made, emulator):
    model = made(ChatCoze)
    first = model.invoke("coffee")
    assert first.text == "Which size?"
    assert first.response_metadata["finish_reason"] == "question"
    second = model.invoke([HumanMessage("coffee"), first, HumanMessage("large")])
    assert second.text == "One large coffee, coming up."
    one, two = emulator.requests.to(CHAT)
    assert one.json["app_id"] == "77"
    assert one.json["ext"] == {"user_id": "ann"}
    assert "bot_id" not in one.json
    assert two.json["conversation_id"] == first.response_metadata["conversation_id"]
    assert [m["content"] for m in two.json["additional_messages"]] == ["large"]
    assert not emulator.requests.to("/v3/chat")


def test_langchain_streams(made):
    chunks = list(made(ChatCoze).stream("tea"))
    assert "".join(chunk.text for chunk in chunks) == "Which size?"
    assert made(ChatCoze).model_name == made(ChatCoze).workflow_id


def test_llamaindex_asks_answers_and_goes_on(made, emulator):
    llm = made(Coze)
    first = llm.chat([ChatMessage("coffee")])
    assert first.message.content == "Which size?"
    history = [ChatMessage("coffee"), first.message, ChatMessage("small")]
    assert llm.chat(history).message.content == "One small coffee, coming up."
    streamed = "".join(part.delta or "" for part in llm.stream_chat([ChatMessage("tea")]))
    assert streamed == "Which size?"
    assert llm.metadata.model_name == llm.workflow_id


def test_history_of_the_client_is_sent(made, chatflow, emulator):
    async def counts(messages, context):
        yield " | ".join(message.text for message in messages)

    model = made(ChatCoze, chatflow(counts))
    history = [HumanMessage("a"), AIMessage("b"), HumanMessage("c")]
    assert model.invoke(history).text == "a | b | c"


def test_inputs_and_follow_ups_get_through(made, chatflow):
    async def greets(messages, context):
        yield f"{context.parameters['greeting']}, {context.user_id}!"
        yield FollowUp("And now?")

    name = chatflow(greets, inputs={"greeting": Parameter(required=True)})
    message = made(ChatCoze, name, parameters={"greeting": "Hello"}).invoke("hi")
    assert message.text == "Hello, ann!"
    assert message.response_metadata["follow_ups"] == ["And now?"]
    assert message.usage_metadata["total_tokens"] > 0


def test_tools_are_told_in_words(made, chatflow):
    async def calls(messages, context):
        if "sunny" in messages[-1].text:
            yield "It is sunny."
        else:
            call = json.dumps({"name": "weather", "arguments": {"city": "Paris"}})
            yield f"<tool_call>{call}</tool_call>"

    def weather(city: str) -> str:
        """Tell the weather."""

    model = made(ChatCoze, chatflow(calls)).bind_tools([weather])
    first = model.invoke("Paris?")
    assert [(c["name"], c["args"]) for c in first.tool_calls] == [("weather", {"city": "Paris"})]
    result = ToolMessage("sunny", tool_call_id=first.tool_calls[0]["id"])
    assert model.invoke([HumanMessage("Paris?"), first, result]).text == "It is sunny."


def test_data_comes_out(made, chatflow):
    async def answers(messages, context):
        yield '{"name": "Ann", "age": 5}'

    class Person(BaseModel):
        name: str
        age: int

    structured = made(ChatCoze, chatflow(answers)).with_structured_output(Person)
    assert structured.invoke("who?") == Person(name="Ann", age=5)


@pytest.mark.parametrize("kind", [ChatCoze, Coze])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"app_id": None}, "app_id= or bot_id="),
        ({"custom_variables": {"a": "b"}}, "no custom_variables"),
        ({"auto_save_history": False}, "no auto_save_history"),
        ({"publish_status": "unpublished_draft"}, "no publish_status"),
        ({"tool_calling": "native"}, "no local plugins"),
        ({"protocol": "v2"}, "protocol='v3'"),
        ({"system": "variable:role"}, "no prompt variables"),
    ],
)
def test_what_a_chatflow_does_not_take_is_refused_at_once(made, kind, options, said):
    with pytest.raises(ValueError, match=said):
        made(kind, **options)


def test_files_belong_into_the_inputs(made, emulator):
    image = {"type": "image", "url": "https://example.com/a.png"}
    message = HumanMessage([{"type": "text", "text": "what?"}, image])
    with pytest.raises(ValueError, match="parameters"):
        made(ChatCoze).invoke([message])
    assert not emulator.requests


@pytest.mark.anyio
async def test_awaiting_is_the_same(made):
    model = made(ChatCoze)
    assert (await model.ainvoke("tea")).text == "Which size?"
    await model.aclose()
    llm = made(Coze)
    assert (await llm.achat([ChatMessage("tea")])).message.content == "Which size?"
    await llm.aclose()


@pytest.fixture
def anyio_backend():
    return "asyncio"


# -- servers that say in another way that they wait for an answer

RECORDED = Path(__file__).parent / "streams" / "studio_chatflow_requires_action.sse"


def ask_twice(kind, **options):
    """Ask a chatflow, and answer what it asks."""
    model = kind(workflow_id="1", app_id="2", user_id="ann", **options)
    if kind is ChatCoze:
        first = model.invoke("coffee")
        model.invoke([HumanMessage("coffee"), first, HumanMessage("large")])
        return first.response_metadata["finish_reason"], len(questions_of(first))
    asked = model.chat([ChatMessage("coffee")]).message
    model.chat([ChatMessage("coffee"), asked, ChatMessage("large")])
    return "question", 1


@pytest.mark.parametrize("kind", [ChatCoze, Coze])
def test_a_chatflow_that_waits_without_saying_why_asks(kind):
    sent = []

    def answer(request):
        sent.append((request.url.path, json.loads(request.content)))
        head = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=head, content=RECORDED.read_bytes())

    transport = httpx.MockTransport(answer)
    assert ask_twice(kind, api_key="pat_x", transport=transport) == ("question", 1)
    # The answer alone, to the chat that waits: which is not cancelled on the way.
    assert [path for path, _ in sent] == [CHAT, CHAT]
    assert sent[1][1]["conversation_id"] == "2"
    assert [m["content"] for m in sent[1][1]["additional_messages"]] == ["large"]


@pytest.mark.parametrize("kind", [ChatCoze, Coze])
def test_a_chatflow_of_studio_that_gets_its_answer_is_not_cancelled(kind, studio):
    where = {"api_key": studio.token, "base_url": studio.base_url, "app_id": "77"}
    model = kind(workflow_id=studio.workflow_id("order"), user_id="ann", **where)
    if kind is ChatCoze:
        first = model.invoke("coffee")
        second = model.invoke([HumanMessage("coffee"), first, HumanMessage("large")]).text
    else:
        asked = model.chat([ChatMessage("coffee")]).message
        history = [ChatMessage("coffee"), asked, ChatMessage("large")]
        second = model.chat(history).message.content
    assert second == "One large coffee, coming up."
    assert [request.path for request in studio.requests] == [CHAT, CHAT]
