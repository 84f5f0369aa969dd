"""Query engines, chat engines, selectors, programs and media with a Coze bot inside."""

import asyncio
import base64
import json
from datetime import date

import pytest
from llama_index.core import Document, MockEmbedding, Settings, SummaryIndex, VectorStoreIndex
from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    VideoBlock,
)
from llama_index.core.chat_engine import (
    CondensePlusContextChatEngine,
    ContextChatEngine,
    SimpleChatEngine,
)
from llama_index.core.program import LLMTextCompletionProgram
from llama_index.core.prompts import PromptTemplate
from llama_index.core.query_engine import RouterQueryEngine, SubQuestionQueryEngine
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.selectors import LLMSingleSelector
from llama_index.core.tools import QueryEngineTool
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, ConfigDict, Field

from coze_core.emulator import Audio, Delta

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int = Field(gt=0)


PROMPT = PromptTemplate("{text}")
ADA = "Ada Lovelace is 36 years old."


@pytest.fixture(autouse=True)
def _settings():
    Settings.embed_model = MockEmbedding(embed_dim=8)
    yield
    Settings.llm = None
    Settings.embed_model = None


@pytest.fixture
def loop():
    """An event loop as scripts and notebooks have it: LlamaIndex runs its own tasks on it."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield made
    made.run_until_complete(made.shutdown_asyncgens())
    made.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def index():
    texts = ("Ada Lovelace wrote programs.", "Charles Babbage designed the engine.")
    return VectorStoreIndex.from_documents([Document(text=text) for text in texts])


async def reads(messages, context):
    """Answer with what the question brought along."""
    yield "Read: " + " ".join(message.text for message in messages).replace("\n", " ")


def chats(emulator):
    return emulator.requests.to("/v3/chat")


# -- engines


def test_a_query_engine_asks_with_context(make, index):
    Settings.llm = make(reads)
    answer = str(index.as_query_engine().query("Who wrote programs?"))
    assert "Ada Lovelace wrote programs." in answer
    stream = index.as_query_engine(streaming=True).query("Who wrote programs?")
    assert "Ada Lovelace" in "".join(stream.response_gen)


@pytest.mark.parametrize(
    "mode", [ResponseMode.REFINE, ResponseMode.TREE_SUMMARIZE, ResponseMode.ACCUMULATE]
)
def test_synthesizers_share_one_model_at_once(emulator, make, mode, loop):
    async def short(messages, context):
        yield "an answer"

    llm = make(short, context_window=1200, num_output=50)
    nodes = [NodeWithScore(node=TextNode(text=f"fact {n} " * 40), score=1.0) for n in range(6)]
    synthesizer = get_response_synthesizer(llm=llm, response_mode=mode, use_async=True)
    assert "an answer" in str(synthesizer.synthesize("What?", nodes))
    sent = " ".join(
        request.json["additional_messages"][0]["content"] for request in chats(emulator)
    )
    assert all(f"fact {n}" in sent for n in range(6))
    conversations = [request.query.get("conversation_id") for request in chats(emulator)]
    assert set(conversations) == {None}  # no call goes on in the conversation of another


def test_a_simple_chat_engine_remembers(make):
    engine = SimpleChatEngine.from_defaults(llm=make())
    engine.chat("My name is Ada.")
    assert str(engine.chat("What is my name?")) == "Your name is Ada."
    assert "".join(engine.stream_chat("What is 2 + 3?").response_gen) == "2 + 3 = 5"


def test_a_chat_engine_streams_on_an_event_loop(make):
    async def main():
        engine = SimpleChatEngine.from_defaults(llm=make())
        response = await engine.astream_chat("What is 2 + 3?")
        return "".join([token async for token in response.async_response_gen()])

    assert asyncio.run(main()) == "2 + 3 = 5"


@pytest.mark.parametrize("kind", [ContextChatEngine, CondensePlusContextChatEngine])
def test_chat_engines_with_context_work_over_turns(emulator, make, index, kind):
    engine = kind.from_defaults(retriever=index.as_retriever(), llm=make(reads))
    assert "Ada Lovelace" in str(engine.chat("Who wrote programs?"))
    assert "Ada Lovelace" in str(engine.chat("Who else?"))
    for request in chats(emulator):
        for message in request.json["additional_messages"]:
            assert emulator.token not in message["content"]


def test_a_router_chooses_an_engine_by_data(make, index):
    async def chooses(messages, context):
        if "choices" in messages[-1].text:
            yield '[{"choice": 2, "reason": "it fits"}]'
        else:
            yield "answered"

    llm = make(chooses)
    tools = [
        QueryEngineTool.from_defaults(index.as_query_engine(llm=llm), description=text)
        for text in ("the first", "the second")
    ]
    engine = RouterQueryEngine(
        selector=LLMSingleSelector.from_defaults(llm=llm), query_engine_tools=tools, llm=llm
    )
    response = engine.query("What?")
    assert str(response) == "answered"
    assert response.metadata["selector_result"].ind == 1


def test_questions_are_divided_and_answered_at_once(make, index, loop):
    async def divides(messages, context):
        if "sub" in messages[-1].text.lower() and "tool" in messages[-1].text.lower():
            questions = [{"sub_question": f"part {n}?", "tool_name": "facts"} for n in (1, 2)]
            yield json.dumps({"items": questions})
        else:
            yield "an answer"

    llm = make(divides)
    Settings.llm = llm
    tool = QueryEngineTool.from_defaults(
        index.as_query_engine(llm=llm), name="facts", description="facts"
    )
    engine = SubQuestionQueryEngine.from_defaults(
        query_engine_tools=[tool],
        question_gen=LLMQuestionGenerator.from_defaults(llm=llm),
        use_async=True,
    )
    response = engine.query("Everything?")
    assert str(response) == "an answer"
    assert len(response.source_nodes) >= 2


def test_a_summary_index_asks_with_all(make):
    llm = make(reads)
    index = SummaryIndex.from_documents([Document(text="One."), Document(text="Two.")])
    answer = str(index.as_query_engine(llm=llm).query("What?"))
    assert "One." in answer
    assert "Two." in answer


# -- data


def test_data_in_all_forms(make):
    llm = make()
    assert llm.structured_predict(Person, PROMPT, text=ADA) == Person(name="Ada Lovelace", age=36)
    *partial, last = llm.stream_structured_predict(Person, PROMPT, text=ADA)
    assert last == Person(name="Ada Lovelace", age=36)
    assert partial

    async def main():
        whole = await llm.astructured_predict(Person, PROMPT, text=ADA)
        stream = await llm.astream_structured_predict(Person, PROMPT, text=ADA)
        return whole, [part async for part in stream][-1]

    assert asyncio.run(main()) == (last, last)
    structured = llm.as_structured_llm(Person)
    assert structured.complete(ADA).raw == last
    assert structured.chat([ChatMessage(role="user", content=ADA)]).raw == last


def test_the_system_prompt_is_told_with_both_forms(emulator, make):
    llm = make(system_prompt="Be exact.")
    llm.structured_predict(Person, PROMPT, text=ADA)
    asyncio.run(llm.astructured_predict(Person, PROMPT, text=ADA))
    for request in chats(emulator):
        assert request.json["additional_messages"][0]["content"].startswith("Be exact.")


def test_data_that_do_not_fit_are_asked_for_once_more(emulator, make):
    answers = ["I cannot.", '{"name": "Ada", "age": 0}', '{"name": "Ada", "age": 36}']

    async def bot(messages, context):
        yield answers.pop(0) if len(answers) > 1 else answers[0]

    llm = make(bot)
    with pytest.raises(ValueError, match="does not fit Person"):
        llm.structured_predict(Person, PROMPT, text="x")
    assert llm.structured_predict(Person, PROMPT, text="x").age == 36
    assert len(chats(emulator)) == 3


@pytest.mark.parametrize(
    ("strict", "answer"),
    [(False, '{"day": 0, "age": "36"}'), (True, '{"day": "1970-01-01", "age": 36}')],
)
def test_what_the_class_takes_is_not_asked_for_once_more(emulator, make, strict, answer):
    class Born(BaseModel):
        model_config = ConfigDict(strict=strict)

        day: date
        age: int

    async def bot(messages, context):
        yield answer

    born = Born(day=date(1970, 1, 1), age=36)
    llm = make(bot)
    assert llm.structured_predict(Born, PROMPT, text="x") == born
    assert list(llm.stream_structured_predict(Born, PROMPT, text="x"))[-1] == born
    assert len(chats(emulator)) == 2


def test_programs_of_llamaindex_work_too(make):
    program = LLMTextCompletionProgram.from_defaults(
        output_cls=Person, prompt_template_str="{text}", llm=make()
    )

    async def json_only(messages, context):
        yield '{"name": "Ada", "age": 36}'

    assert program.output_cls is Person
    llm = make(json_only, pydantic_program_mode=PydanticProgramMode.LLM)
    assert llm.structured_predict(Person, PROMPT, text="x") == Person(name="Ada", age=36)


# -- media


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        (ImageBlock(image=PNG), "image"),
        (ImageBlock(url="data:image/png;base64," + base64.b64encode(PNG).decode()), "image"),
        (AudioBlock(audio=PNG, format="wav"), "audio"),
        (VideoBlock(video=PNG), "file"),
        (DocumentBlock(data=PNG, title="a.pdf", document_mimetype="application/pdf"), "file"),
    ],
)
def test_content_is_uploaded_once(ask, emulator, make, block, kind):
    async def looks(messages, context):
        yield "ok"

    llm = make(looks)
    question = [ChatMessage(role="user", blocks=[TextBlock(text="What?"), block])]
    ask(llm, question)
    llm.chat(question)
    [upload] = emulator.requests.to("/v1/files/upload")
    assert PNG in upload.body
    items = json.loads(chats(emulator)[0].json["additional_messages"][0]["content"])
    assert [item["type"] for item in items] == ["text", kind]


def test_files_are_read_and_addresses_passed_on(emulator, make, tmp_path):
    async def looks(messages, context):
        yield "ok"

    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    blocks = [
        TextBlock(text="What?"),
        ImageBlock(path=path),
        ImageBlock(url="https://example.com/a.png"),
        CitableBlock(title="Notes", source="me", content="A note."),
        ThinkingBlock(content="unsaid"),
        CachePoint(cache_control={"type": "ephemeral"}),
    ]
    asyncio.run(make(looks).achat([ChatMessage(role="user", blocks=blocks)]))
    [upload] = emulator.requests.to("/v1/files/upload")
    assert b'filename="cat.png"' in upload.body
    text, file, address = json.loads(chats(emulator)[0].json["additional_messages"][0]["content"])
    assert text["text"] == "What?\nNotes (me):\nA note."
    assert file["file_id"]
    assert address["file_url"] == "https://example.com/a.png"


def test_a_spoken_answer_is_a_block(make):
    async def speaks(messages, context):
        yield Delta("Listen.")
        yield Audio(bytes(200))

    message = make(speaks).chat([ChatMessage(role="user", content="hi")]).message
    assert message.content == "Listen."
    [sound] = [block for block in message.blocks if isinstance(block, AudioBlock)]
    assert sound.resolve_audio().read().startswith(b"RIFF")


def test_a_conversation_is_loaded_as_messages_that_go_on(emulator, make):
    llm = make(history="server")
    first = llm.chat([ChatMessage(role="user", content="My name is Ada.")])
    conversation = first.raw["coze"]["conversation_id"]
    loaded = llm.load_messages(conversation)
    assert asyncio.run(llm.aload_messages(conversation)) == loaded
    assert [message.role.value for message in loaded] == ["user", "assistant"]
    answer = llm.chat([*loaded, ChatMessage(role="user", content="What is my name?")])
    assert answer.message.content == "Your name is Ada."
    assert chats(emulator)[-1].query["conversation_id"] == conversation
