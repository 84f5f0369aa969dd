"""Both adapters in a conversation that has a running chat."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.exceptions import ModelError
from langchain_core.messages import AIMessage, HumanMessage
from llama_index.core.base.llms.types import ChatMessage

from coze_core import ChatSupersededError, ConversationBusyError, FileConversationLock
from coze_core.emulator import Bot, Delta, Pause
from langchain_coze import ChatCoze
from llamaindex_coze import Coze

CHAT = "/v3/chat"
SUM = "What is 2 + 3?"


@pytest.fixture
def gate(emulator):
    """A bot that goes on answering until the event is set."""
    opened = threading.Event()

    async def answer(messages, context):
        yield Delta("begin ")
        while not opened.is_set():
            yield Pause(0.01)
        yield Delta("end")

    emulator.add_bot(Bot("gate", answer))
    yield opened
    opened.set()


@pytest.fixture
def conversation(client):
    return client.conversations.create().id


@pytest.fixture(params=["langchain", "llamaindex"])
def make(request, emulator):
    """Makes a model of either adapter, and the ways to ask it."""
    made = []

    def model(**fields):
        options = {"api_key": emulator.token, "base_url": emulator.base_url}
        options |= {"bot_id": emulator.bot_id("assistant"), **fields}
        made.append(_LangChain(options) if request.param == "langchain" else _LlamaIndex(options))
        return made[-1]

    yield model
    for one in made:
        one.model.close()


class _LangChain:
    def __init__(self, options):
        self.model = ChatCoze(**options)

    def ask(self, *texts, **options):
        return self.model.invoke(self._history(texts), **options).text

    async def ask_async(self, *texts, **options):
        return (await self.model.ainvoke(self._history(texts), **options)).text

    def stream(self, text, **options):
        for chunk in self.model.stream(text, **options):
            yield chunk.text

    def _history(self, texts):
        roles = (HumanMessage, AIMessage)
        return [roles[place % 2](text) for place, text in enumerate(texts)]


class _LlamaIndex:
    def __init__(self, options):
        self.model = Coze(**options)

    def ask(self, *texts, **options):
        return self.model.chat(self._history(texts), **options).message.content

    async def ask_async(self, *texts, **options):
        return (await self.model.achat(self._history(texts), **options)).message.content

    def stream(self, text, **options):
        for response in self.model.stream_chat(self._history([text]), **options):
            yield response.delta

    def _history(self, texts):
        roles = ("user", "assistant")
        return [
            ChatMessage(role=roles[place % 2], content=text) for place, text in enumerate(texts)
        ]


def sent(emulator):
    return [
        [message["content"] for message in request.json["additional_messages"]]
        for request in emulator.requests.to(CHAT)
    ]


def test_a_model_that_waits_takes_turns_in_threads_and_tasks(emulator, make, conversation):
    asked = make(conversation_id=conversation, on_busy="wait")

    async def tasks():
        return await asyncio.gather(*(asked.ask_async(SUM) for _ in range(6)))

    with ThreadPoolExecutor(7) as threads:
        others = threads.submit(lambda: asyncio.run(tasks()))
        found = list(threads.map(lambda _: asked.ask(SUM), range(6)))
        found += others.result()
    assert found == ["2 + 3 = 5"] * 12
    assert len(emulator.requests.to(CHAT)) == 12


def test_the_policy_may_be_one_of_the_call(emulator, make, gate, conversation):
    asked = make(conversation_id=conversation)
    old = asked.stream("go", bot_id=emulator.bot_id("gate"))
    while "begin " not in next(old):
        continue
    with pytest.raises(ConversationBusyError):
        asked.ask(SUM)
    with pytest.raises(ConversationBusyError):
        asked.ask(SUM, on_busy="wait", busy_timeout=0.1)
    assert asked.ask(SUM, on_busy="cancel_previous") == "2 + 3 = 5"
    with pytest.raises(ChatSupersededError) as caught:
        list(old)
    assert caught.value.turn.answer == "begin "
    if isinstance(asked, _LangChain):
        assert isinstance(caught.value, ModelError)


def test_a_new_conversation_is_told_all_of_the_history(emulator, make, gate, conversation):
    asked = make(conversation_id=conversation, on_busy="new_conversation")
    assert asked.ask("My name is Ada.", "Hello.", SUM) == "2 + 3 = 5"
    assert sent(emulator)[-1] == [SUM]  # the conversation knows the rest
    old = asked.stream("go", bot_id=emulator.bot_id("gate"), on_busy="error")
    while "begin " not in next(old):
        continue
    assert asked.ask("My name is Ada.", "Hello.", SUM) == "2 + 3 = 5"
    assert sent(emulator)[-2:] == [[SUM], ["My name is Ada.", "Hello.", SUM]]
    assert "conversation_id" not in emulator.requests.to(CHAT)[-1].query
    gate.set()
    assert "".join(old) == "end"


def test_workers_share_a_lock(emulator, make, conversation, tmp_path):
    lock = FileConversationLock(tmp_path)
    asked = make(conversation_id=conversation, on_busy="wait", conversation_lock=lock)
    assert asked.ask(SUM) == "2 + 3 = 5"
    key = f"{emulator.base_url}|{conversation}"
    other = FileConversationLock(tmp_path)
    assert other.try_acquire(key)
    with pytest.raises(ConversationBusyError, match="in use"):
        asked.ask(SUM, busy_timeout=0.1)
    other.release(key)
    assert asked.ask(SUM) == "2 + 3 = 5"


def test_a_policy_that_does_not_exist_is_refused(emulator, make):
    with pytest.raises(ValueError, match="on_busy"):
        make(on_busy="queue")
    with pytest.raises(ValueError, match="on_busy"):
        make().ask(SUM, on_busy="queue")
    assert emulator.requests == []
