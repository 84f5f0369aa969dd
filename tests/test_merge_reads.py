"""`merge_reads` makes one piece of what one read of the network brings of an answer."""

import asyncio

import pytest
from langchain_core.messages import HumanMessage
from llama_index.core.llms import ChatMessage
from wire import COMPLETED, CREATED, DONE, END, STREAM_HEAD, RawServer, chunk, completed, delta

from langchain_coze import ChatCoze
from llamaindex_coze import Coze

WORDS = [" one", " two", " 三", ' "four"', "\n\nfive"]
ANSWER = b"".join(map(delta, WORDS)) + completed("".join(WORDS))
THOUGHTS = b"".join(delta("", reasoning_content=word) for word in ("hm", " so"))
SECOND = delta("six", id="m2") + delta(" seven", id="m2") + completed("six seven", id="m2")


@pytest.fixture
def server():
    """A server that sends all of an answer at once."""

    def answer(connection, request, number):
        said = THOUGHTS + ANSWER + SECOND
        connection.sendall(STREAM_HEAD + chunk(CREATED + said + COMPLETED + DONE) + END)
        return True

    with RawServer(answer) as found:
        yield found


def chunks(server, *, awaiting, **options):
    """The texts and thoughts of ChatCoze's chunks, and the whole message."""
    model = ChatCoze(bot_id="1", api_key="x", base_url=server.base_url, **options)

    async def main():
        return [one async for one in model.astream([HumanMessage("go")])]

    found = asyncio.run(main()) if awaiting else list(model.stream([HumanMessage("go")]))
    whole = found[0]
    for one in found[1:]:
        whole += one
    pieces = [(one.text, one.additional_kwargs.get("reasoning_content", "")) for one in found]
    return [piece for piece in pieces if any(piece)], whole


@pytest.mark.parametrize("awaiting", [False, True])
def test_what_one_read_brings_of_a_message_is_one_chunk(server, awaiting):
    pieces, whole = chunks(server, awaiting=awaiting, merge_reads=True)
    assert pieces == [("", "hm so"), ("".join(WORDS), ""), ("\n\nsix seven", "")]
    usual, expected = chunks(server, awaiting=awaiting)
    assert len(usual) == 2 + len(WORDS) + 2
    assert whole.text == expected.text
    assert whole.response_metadata == expected.response_metadata
    assert whole.additional_kwargs == expected.additional_kwargs


def test_it_can_be_said_with_one_call(server):
    model = ChatCoze(bot_id="1", api_key="x", base_url=server.base_url)
    merged = [one.text for one in model.stream("go", merge_reads=True) if one.text]
    assert merged == ["".join(WORDS), "\n\nsix seven"]


def test_tools_in_text_and_stops_see_the_same_words(server):
    model = ChatCoze(
        bot_id="1", api_key="x", base_url=server.base_url, merge_reads=True, stop=["four"]
    )
    assert [one.text for one in model.stream("go") if one.text] == [' one two 三 "']


def test_llamaindex_gets_one_response_for_a_read(server):
    def deltas(**options):
        llm = Coze(bot_id="1", api_key="x", base_url=server.base_url, **options)
        found = list(llm.stream_chat([ChatMessage("go")]))
        return [one.delta for one in found if one.delta], found[-1].message.content

    merged, whole = deltas(merge_reads=True)
    assert merged == ["".join(WORDS), "\n\nsix seven"]
    usual, expected = deltas()
    assert len(usual) == len(WORDS) + 2
    assert whole == expected
