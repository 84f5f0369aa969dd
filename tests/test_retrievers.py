"""Retrievers backed by a workflow, in both frameworks."""

import asyncio

import pytest
from langchain_core.documents import Document
from llama_index.core.query_engine import RetrieverQueryEngine

import langchain_coze
import llamaindex_coze
from coze_core.dialog import passages_of
from coze_core.emulator import Ask, Bot, Output, Parameter, Workflow

FOUND = [
    {"output": "Refunds take three days.", "score": 0.9, "documentId": "1"},
    {"output": "Shipping is free.", "score": 0.2, "documentId": "2"},
]


@pytest.fixture
def search(emulator):
    async def searches(parameters, context):
        yield Output({"outputList": [{**each, "asked": parameters["query"]} for each in FOUND]})

    workflow = Workflow("finder", searches, inputs={"query": Parameter(required=True)})
    return emulator.add_workflow(workflow).id


@pytest.fixture
def reached(emulator):
    return {"api_key": emulator.token, "base_url": emulator.base_url}


@pytest.mark.parametrize("way", ["blocking", "awaiting"])
def test_langchain_gets_documents(search, reached, way):
    retriever = langchain_coze.CozeWorkflowRetriever(workflow_id=search, k=1, **reached)
    if way == "blocking":
        found = retriever.invoke("refunds?")
    else:
        found = asyncio.run(retriever.ainvoke("refunds?"))
    metadata = {"documentId": "1", "asked": "refunds?", "score": 0.9}
    assert found == [Document("Refunds take three days.", metadata=metadata)]


@pytest.mark.parametrize("way", ["blocking", "awaiting"])
def test_llamaindex_gets_nodes(search, reached, way):
    retriever = llamaindex_coze.CozeWorkflowRetriever(search, **reached)
    if way == "blocking":
        found = retriever.retrieve("refunds?")
    else:
        found = asyncio.run(retriever.aretrieve("refunds?"))
    assert [node.text for node in found] == [each["output"] for each in FOUND]
    assert found[0].score == 0.9
    assert found[0].metadata["documentId"] == "1"


def test_a_query_engine_answers_from_them(search, reached, emulator):
    async def reads(messages, context):
        yield "three days" if "Refunds take three days." in messages[-1].text else "?"

    bot = emulator.add_bot(Bot("reads", reads))
    engine = RetrieverQueryEngine.from_args(
        llamaindex_coze.CozeWorkflowRetriever(search, similarity_top_k=1, **reached),
        llm=llamaindex_coze.Coze(bot_id=bot.id, **reached),
    )
    assert str(engine.query("How long do refunds take?")) == "three days"


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (["a", "b"], ["a", "b"]),
        ('["a"]', ["a"]),
        ({"output": '[{"content": "a"}]'}, ["a"]),
        ({"documents": [{"page_content": "a", "metadata": {"x": 1}}]}, ["a"]),
        ({"outputList": []}, []),
    ],
)
def test_usual_outputs_are_understood(value, texts):
    assert [passage.text for passage in passages_of(value)] == texts


@pytest.mark.parametrize("value", ["text", {"answer": "x"}, 5, None, [{"score": 1}], [3]])
def test_outputs_without_texts_are_refused(value):
    with pytest.raises(ValueError, match="passage"):
        passages_of(value)


def test_a_named_field_is_the_only_one_looked_at():
    assert passages_of({"mine": ["a"], "output": ["b"]}, "mine")[0].text == "a"
    with pytest.raises(ValueError, match="'mine'"):
        passages_of({"output": ["b"]}, "mine")


def test_a_workflow_that_asks_is_no_retriever(emulator, reached):
    async def asks(parameters, context):
        yield Ask("What?")

    id = emulator.add_workflow(Workflow("asks", asks)).id
    with pytest.raises(ValueError, match="asks a question"):
        langchain_coze.CozeWorkflowRetriever(workflow_id=id, **reached).invoke("x")


def test_a_setting_that_does_not_exist_is_refused():
    with pytest.raises(TypeError, match="no setting colour"):
        llamaindex_coze.CozeWorkflowRetriever("1", colour="red")


def test_an_output_nested_too_deeply_is_no_list_of_passages():
    with pytest.raises(ValueError, match="no list of passages"):
        passages_of("[" * 100_000)
