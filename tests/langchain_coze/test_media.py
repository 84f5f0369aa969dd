"""Images, files and sound: in, out, uploaded once."""

import asyncio
import base64
import io
import json
import wave

import pytest
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, ToolMessage

import coze_core
from coze_core.emulator import Audio, Card, Fault, ToolCall

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
B64 = base64.b64encode(PNG).decode()
TEXT = {"type": "text", "text": "What is this?"}


async def hello(messages, context):
    yield "hello"


def items(emulator, number=-1):
    messages = emulator.requests.to("/v3/chat")[number].json["additional_messages"]
    return json.loads(messages[-1]["content"])


def uploads(emulator):
    return emulator.requests.to("/v1/files/upload")


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        ({"type": "image", "base64": B64, "mime_type": "image/png"}, "image"),
        (
            {"type": "image", "source_type": "base64", "data": B64, "mime_type": "image/png"},
            "image",
        ),
        ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B64}"}}, "image"),
        ({"type": "image_url", "image_url": f"data:image/png;base64,{B64}"}, "image"),
        (
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": B64},
            },
            "image",
        ),
        ({"type": "file", "base64": B64, "mime_type": "application/pdf"}, "file"),
        (
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{B64}"},
            },
            "file",
        ),
        (
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": B64},
            },
            "file",
        ),
        ({"type": "audio", "base64": B64, "mime_type": "audio/wav"}, "audio"),
        ({"type": "input_audio", "input_audio": {"data": B64, "format": "wav"}}, "audio"),
        ({"type": "video", "base64": B64, "mime_type": "video/mp4"}, "file"),
        ({"type": "input_image", "image_url": f"data:image/png;base64,{B64}"}, "image"),
        (
            {
                "type": "input_file",
                "filename": "a.pdf",
                "file_data": f"data:application/pdf;base64,{B64}",
            },
            "file",
        ),
    ],
)
def test_content_of_any_form_is_uploaded(ask, emulator, make, block, kind):
    ask(make(hello), [HumanMessage([TEXT, block])])
    [upload] = uploads(emulator)
    assert PNG in upload.body
    text, item = items(emulator)
    assert text == TEXT
    assert item["type"] == kind
    assert item["file_id"]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "url": "https://example.com/a.png"},
        {"type": "image", "source_type": "url", "url": "https://example.com/a.png"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"},
    ],
)
def test_public_addresses_are_passed_on_and_never_fetched(ask, emulator, make, block):
    ask(make(hello), [HumanMessage([TEXT, block])])
    assert items(emulator)[1] == {"type": "image", "file_url": "https://example.com/a.png"}
    assert uploads(emulator) == []


def test_ids_of_uploads_are_passed_on(emulator, make, client):
    id = client.files.upload(("a.png", PNG)).id
    make(hello).invoke([HumanMessage([TEXT, {"type": "image", "file_id": id}])])
    assert items(emulator)[1] == {"type": "image", "file_id": id}


def test_each_content_is_uploaded_once(emulator, make):
    model = make(hello)
    image = {"type": "image", "base64": B64, "mime_type": "image/png"}
    other = {**image, "base64": base64.b64encode(PNG + b"x").decode()}
    history = [
        HumanMessage([TEXT, image, image, other]),
        AIMessage("ok"),
        HumanMessage([TEXT, image]),
    ]
    for _ in range(3):
        model.invoke(history)
    assert len(uploads(emulator)) == 2
    ids = [item["file_id"] for item in items(emulator)[1:]]
    assert len(ids) == 1


def test_calls_at_once_share_an_upload(emulator, make):
    model = make(hello)
    message = HumanMessage([TEXT, {"type": "image", "base64": B64, "mime_type": "image/png"}])

    async def main():
        await model.abatch([[message]] * 20)
        await model.aclose()

    asyncio.run(main())
    assert len(uploads(emulator)) == 1
    model.batch([[message]] * 20)
    assert len(uploads(emulator)) == 1


def test_several_contents_are_uploaded_each(emulator, make):
    image = {"type": "image", "mime_type": "image/png"}
    blocks = [{**image, "base64": base64.b64encode(PNG + bytes([n])).decode()} for n in range(5)]
    asyncio.run(make(hello).ainvoke([HumanMessage([TEXT, *blocks])]))
    assert len({item["file_id"] for item in items(emulator)[1:]}) == 5
    assert len(uploads(emulator)) == 5


def test_an_upload_that_fails_is_an_error_and_is_tried_again_next_time(ask, emulator, make):
    model = make(hello, max_retries=0)
    message = HumanMessage([TEXT, {"type": "image", "base64": B64, "mime_type": "image/png"}])
    emulator.faults.add(Fault(code=4300), path="/v1/files/upload")
    with pytest.raises(coze_core.BadRequestError):
        ask(model, [message])
    assert emulator.requests.to("/v3/chat") == []
    assert ask(model, [message]).text == "hello"


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ({"type": "image", "base64": "not base64!", "mime_type": "image/png"}, "not valid base64"),
        ({"type": "image", "url": "file:///etc/passwd"}, "cannot fetch"),
        ({"type": "image_url", "image_url": {"url": "data:image/png,abc"}}, "must hold base64"),
        ({"type": "image"}, "is empty"),
        ({"type": "hologram", "url": "https://example.com"}, "'hologram'"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is(ask, emulator, make, block, says):
    with pytest.raises(ValueError, match=says):
        ask(make(hello), [HumanMessage([TEXT, block])])
    assert len(emulator.requests) == 0


def test_an_image_alone_is_refused_with_what_to_do(make):
    with pytest.raises(ValueError, match=r"add a text.*文字说明"):
        make(hello).invoke([HumanMessage([{"type": "image", "url": "https://example.com/a.png"}])])


def test_messages_are_not_changed(make):
    block = {"type": "image", "base64": B64, "mime_type": "image/png"}
    message = HumanMessage([TEXT, block])
    before = message.model_copy(deep=True)
    make(hello).invoke([message])
    assert message == before


def test_media_of_a_tool_result_go_to_the_waiting_chat(emulator, make):
    async def calls(messages, context):
        if context.tool_results:
            yield context.tool_results[0].output
        else:
            yield ToolCall("draw", {})

    model = make(calls, tools=("draw",))
    first = model.invoke("go")
    image = {"type": "image", "base64": B64, "mime_type": "image/png"}
    result = ToolMessage([TEXT, image], tool_call_id=first.tool_calls[0]["id"])
    output = json.loads(model.invoke([HumanMessage("go"), first, result]).text)
    assert output["text"] == "What is this?"
    assert output["image"].isdigit()
    assert len(uploads(emulator)) == 1


def test_spoken_answers_and_cards_are_content_blocks(ask, make):
    async def speaks(messages, context):
        yield "Listen."
        yield Card('{"template": 1}')
        yield Audio(bytes(range(200)) * 30)

    message = ask(make(speaks), "hi")
    assert message.text == "Listen."
    text, card, audio = message.content_blocks
    assert text["type"] == "text"
    assert card == {
        "type": "non_standard",
        "value": {"type": "card", "content": '{"template": 1}'},
    }
    assert audio["mime_type"] == "audio/wav"
    with wave.open(io.BytesIO(base64.b64decode(audio["base64"]))) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (24000, 1, 2)
        assert sound.readframes(3000) == bytes(range(200)) * 30


@pytest.mark.parametrize("way", ["invoke", "stream", "v3"])
def test_sound_stands_once_in_the_newer_content_format(make, way):
    async def speaks(messages, context):
        yield "Listen."
        yield Audio(bytes(200))

    model = make(speaks, output_version="v1")
    if way == "v3":
        message = model.stream_events("hi", version="v3").output
    elif way == "invoke":
        message = model.invoke("hi")
    else:
        message, *others = model.stream("hi")
        for chunk in others:
            message += chunk
    assert [block["type"] for block in message.content_blocks] == ["text", "audio"]
    assert [block["type"] for block in message.content] == ["text", "audio"]


def replay(emulator, items):
    """Makes the next chat answer with these items of an object string."""
    message = {"id": "1", "type": "answer", "role": "assistant", "content": json.dumps(items)}
    data = json.dumps({**message, "content_type": "object_string"})
    body = (
        f"event:conversation.message.completed\ndata:{data}\n\n"
        'event:conversation.chat.completed\ndata:{"id":"2"}\n\nevent:done\ndata:"[DONE]"'
    )
    emulator.faults.add(Fault(replay=body.encode()), path="/v3/chat")


def test_images_of_an_answer_are_content_blocks(emulator, ask, make):
    image = {"type": "image", "file_url": "https://example.com/a"}
    replay(emulator, [{"type": "text", "text": "Look."}, image])
    found = ask(make(hello), "hi")
    assert found.text == "Look."
    assert found.content_blocks[1] == {"type": "image", "url": "https://example.com/a"}


def test_answers_with_media_can_be_part_of_a_history(emulator, make):
    answer = AIMessage(
        [{"type": "text", "text": "Look."}, {"type": "image", "url": "https://example.com/a.png"}]
    )
    make(hello).invoke([HumanMessage("Draw."), answer, HumanMessage("Thanks.")])
    sent = emulator.requests.to("/v3/chat")[-1].json["additional_messages"]
    assert sent[1]["content"] == "Look.\n\n[image: https://example.com/a.png]"


FOREIGN = [
    ({"type": "image", "url": "gs://bucket/a.png"}, "[image: gs://bucket/a.png]"),
    (
        {"type": "image_url", "image_url": {"url": "gs://bucket/a.png"}},
        "[image: gs://bucket/a.png]",
    ),
    ({"type": "audio", "id": "audio_1"}, "[audio: audio_1]"),
    ({"type": "audio", "audio": {"id": "audio_1"}}, "[audio: audio_1]"),
    ({"type": "image", "url": "data:image/png,abc"}, "[image: image.png]"),
    ({"type": "file", "extras": "odd"}, "[file: file.bin]"),
]


@pytest.mark.parametrize(("block", "words"), FOREIGN)
@pytest.mark.parametrize(
    "make_answer", [AIMessage, lambda content: ChatMessage(content, role="ai")]
)
def test_media_of_another_models_answer_are_told_whatever_their_address(
    ask, emulator, make, make_answer, block, words
):
    answer = make_answer([{"type": "text", "text": "Look."}, block])
    ask(make(hello), [HumanMessage("Draw."), answer, HumanMessage("Thanks.")])
    sent = emulator.requests.to("/v3/chat")[-1].json["additional_messages"]
    assert sent[1]["content"] == f"Look.\n\n{words}"


@pytest.mark.parametrize("block", [block for block, _ in FOREIGN])
def test_media_of_a_user_and_of_a_tool_must_be_sendable(make, block):
    with pytest.raises(ValueError, match=r"cannot fetch|is empty|must hold base64"):
        make(hello).invoke([HumanMessage([TEXT, block])])
    asked = AIMessage("", tool_calls=[{"name": "draw", "args": {}, "id": "1"}])
    with pytest.raises(ValueError, match=r"cannot fetch|is empty|must hold base64"):
        make(hello).invoke([HumanMessage("Go."), asked, ToolMessage([block], tool_call_id="1")])


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("history", ["client", "server"])
def test_the_sound_of_an_answer_is_its_text(ask, emulator, make, version, history):
    async def speaks(messages, context):
        yield "Listen."
        yield Audio(bytes(200))

    model = make(speaks, output_version=version, history=history)
    first = ask(model, "hi")
    second = ask(model, [HumanMessage("hi"), first, HumanMessage("And?")])
    sent = emulator.requests.to("/v3/chat")[-1].json["additional_messages"]
    assert [message["content"] for message in sent] == (
        ["hi", "Listen.", "And?"] if history == "client" else ["And?"]
    )
    told = [HumanMessage("hi"), first, HumanMessage("And?"), second, HumanMessage("So?")]
    ask(model, told)
    assert len(emulator.requests.to("/v3/chat")[-1].json["additional_messages"]) == (
        5 if history == "client" else 1
    )


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("text", ["Look.", ""])
def test_images_of_an_answer_are_told_to_the_next_chat(ask, emulator, make, version, text):
    model = make(hello, output_version=version)
    block = {"type": "image", "url": "https://example.com/a"}
    items = [{"type": "text", "text": text}, {"type": "image", "file_url": block["url"]}]
    replay(emulator, items)
    first = ask(model, "hi")
    ask(model, [HumanMessage("hi"), first, HumanMessage("And?")])
    sent = emulator.requests.to("/v3/chat")[-1].json["additional_messages"]
    assert sent[1]["content"] == "\n\n".join(filter(None, (text, "[image: https://example.com/a]")))


def test_a_plain_text_document_is_uploaded_as_it_is(emulator, make):
    source = {"type": "text", "media_type": "text/plain", "data": "hello, world"}
    make(hello).invoke([HumanMessage([TEXT, {"type": "document", "source": source}])])
    [upload] = uploads(emulator)
    assert b"hello, world" in upload.body


def test_blocking_code_on_an_event_loop_does_not_wait_for_a_task_of_it(emulator, make):
    emulator.faults.add(Fault(delay=0.2), path="/v1/files/upload")
    model = make(hello)
    message = HumanMessage([TEXT, {"type": "image", "base64": B64, "mime_type": "image/png"}])

    async def main():
        task = asyncio.create_task(model.ainvoke([message]))
        while not uploads(emulator) and not task.done():
            await asyncio.sleep(0)
        blocking = model.invoke([message])
        return blocking.text, (await task).text

    assert asyncio.run(main()) == ("hello", "hello")


def test_blocks_of_openais_responses_are_taken(ask, emulator, make):
    model = make(hello)
    file_id = model.client.files.upload(("a.png", PNG)).id
    blocks = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_file", "file_url": "https://example.com/a.pdf"},
        {"type": "input_image", "file_id": file_id},
    ]
    ask(model, [HumanMessage(blocks)])
    assert items(emulator) == [
        TEXT,
        {"type": "file", "file_url": "https://example.com/a.pdf"},
        {"type": "image", "file_id": file_id},
    ]
