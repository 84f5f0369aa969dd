"""Who remembers: the messages given, or Coze; and what happens when the two part."""

import asyncio
import json

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

import coze_core
from coze_core.emulator import Fault


async def counts(messages, context):
    """Say what the bot knows."""
    yield " | ".join(message.text for message in messages)


@pytest.fixture
def model(make):
    return make(counts, history="server")


def talk(model, *questions):
    history = []
    for question in questions:
        history.append(HumanMessage(question))
        history.append(model.invoke(history))
    return history


def conversation_of(message):
    return message.response_metadata["conversation_id"]


def sent(emulator):
    request = emulator.requests.to("/v3/chat")[-1]
    contents = [message["content"] for message in request.json["additional_messages"]]
    return request.query.get("conversation_id"), contents


def test_a_linear_history_goes_on_with_what_is_new(emulator, model):
    history = talk(model, "one", "two", "three")
    assert len({conversation_of(message) for message in history[1::2]}) == 1
    assert sent(emulator)[1] == ["three"]


@pytest.mark.parametrize(
    "change",
    [
        lambda h: [HumanMessage("ONE"), *h[1:]],  # edited
        lambda h: [h[0], h[1].model_copy(update={"content": "edited"}), *h[2:]],
        lambda h: h[2:],  # trimmed
        lambda h: [HumanMessage("a summary"), *h[2:]],  # summarized
    ],
)
def test_a_changed_history_begins_a_new_conversation_with_all_of_it(emulator, ask, model, change):
    history = talk(model, "one", "two")
    changed = [*change(history), HumanMessage("three")]
    answer = ask(model, changed)
    assert conversation_of(answer) != conversation_of(history[1])
    named, contents = sent(emulator)
    assert named is None
    assert contents == [message.text for message in changed]


@pytest.mark.parametrize("edit", ["one", "ONE"])
def test_a_history_that_the_client_kept_is_told_once_when_the_server_is_to_keep_it(
    emulator, ask, model, edit
):
    history = talk(model.model_copy(update={"history": "client"}), "one")
    history = [HumanMessage(edit), history[1], HumanMessage("two")]
    history.append(ask(model, history))
    assert sent(emulator) == (None, [edit, "one", "two"])
    ask(model, [*history, HumanMessage("three")])
    assert sent(emulator) == (conversation_of(history[-1]), ["three"])


def test_a_regenerated_answer_does_not_see_the_first_one(emulator, ask, model):
    history = talk(model, "one", "two")
    again = ask(model, history[:3])
    assert conversation_of(again) != conversation_of(history[1])
    assert sent(emulator)[1] == ["one", history[1].text, "two"]


def test_two_branches_of_a_history_do_not_mix(model):
    history = talk(model, "one")
    left = model.invoke([*history, HumanMessage("left")])
    right = model.invoke([*history, HumanMessage("right")])
    assert conversation_of(left) == conversation_of(history[1])
    assert conversation_of(right) != conversation_of(history[1])
    assert "left" not in right.text


def test_an_answer_that_was_cut_by_a_stop_is_not_built_upon(emulator, make):
    model = make(counts, history="server")
    first = model.invoke("one STOP two", stop=["STOP"])
    answer = model.invoke([HumanMessage("one STOP two"), first, HumanMessage("three")])
    assert conversation_of(answer) != conversation_of(first)


def test_a_token_that_may_not_list_messages_does_not_stop_the_dialogue(emulator, model):
    history = talk(model, "one")
    emulator.faults.add(Fault(code=4101, status=403), path="/v1/conversation/message/list")
    answer = model.invoke([*history, HumanMessage("two")])
    assert conversation_of(answer) == conversation_of(history[1])


def test_a_list_that_lags_behind_is_no_other_branch(emulator, model):
    history = talk(model, "one", "two")
    chat = history[1].response_metadata["chat_id"]
    old = {"id": "1", "chat_id": chat, "role": "user", "content": "one", "content_type": "text"}
    body = json.dumps({"code": 0, "msg": "", "data": [old], "has_more": False})
    emulator.faults.add(Fault(status=200, body=body), path="/v1/conversation/message/list")
    answer = model.invoke([*history, HumanMessage("three")])
    assert conversation_of(answer) == conversation_of(history[1])


def test_answers_of_other_models_are_told(emulator, model):
    history = [*talk(model, "one"), HumanMessage("two"), AIMessage("from elsewhere")]
    model.invoke([*history, HumanMessage("three")])
    named, contents = sent(emulator)
    assert named == conversation_of(history[1])
    assert contents == ["two", "from elsewhere", "three"]


def test_changed_instructions_are_told_again_and_the_same_are_not(emulator, model):
    first = [SystemMessage("Be brief."), HumanMessage("one")]
    answer = model.invoke(first)
    model.invoke([*first, answer, HumanMessage("two")])
    assert sent(emulator)[1] == ["two"]
    answer = model.invoke([*first, answer, HumanMessage("two"), answer, HumanMessage("three")])
    changed = [SystemMessage("Be verbose."), HumanMessage("one")]
    answer = model.invoke(changed)
    model.invoke([SystemMessage("Be funny."), changed[1], answer, HumanMessage("two")])
    assert sent(emulator)[1] == ["Be funny.\n\ntwo"]


def test_a_named_conversation_is_continued(emulator, make, client):
    conversation = client.conversations.create()
    model = make(counts, conversation_id=conversation.id)
    model.invoke("one")
    answer = model.invoke("two")
    assert conversation_of(answer) == conversation.id
    assert answer.text == "one | one | two"


def test_a_server_history_needs_to_be_kept(make):
    with pytest.raises(ValueError, match="auto_save_history"):
        make(counts, history="server", auto_save_history=False)


def test_a_conversation_is_loaded_as_messages_that_go_on(emulator, make):
    model = make(counts, history="server")
    history = talk(model, "one", "two")
    conversation = conversation_of(history[1])
    loaded = model.load_messages(conversation)
    assert [(m.type, m.text) for m in loaded] == [(m.type, m.text) for m in history]
    assert asyncio.run(model.aload_messages(conversation)) == loaded
    [newest] = model.load_messages(conversation, limit=1)
    assert newest.text == loaded[-1].text
    answer = model.invoke([*loaded, HumanMessage("three")])
    assert conversation_of(answer) == conversation
    assert sent(emulator)[1] == ["three"]


def test_images_of_a_loaded_conversation_are_blocks(make):
    image = {"type": "image", "url": "https://example.com/a.png"}
    message = HumanMessage([{"type": "text", "text": "Look."}, image])
    model = make(counts)
    conversation = conversation_of(model.invoke([message]))
    assert model.load_messages(conversation)[0].content == message.content


def test_a_conversation_that_is_not_there_is_an_error(model):
    with pytest.raises(coze_core.NotFoundError):
        model.load_messages("1")
