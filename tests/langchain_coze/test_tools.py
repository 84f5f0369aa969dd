"""Tools of the bot: asked for, answered, resumed, replayed - never half, never twice."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    ToolMessage,
    convert_to_openai_messages,
    merge_message_runs,
)

import coze_core
from coze_core.emulator import Delta, Fault, Pause, ToolCall, Usage


def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


def clock(zone: str) -> str:
    """Tell the time."""
    return f"noon in {zone}"


TOOLS = ("weather", "clock")


async def two_calls(messages, context):
    if context.tool_results:
        yield "So: " + ", ".join(result.output for result in context.tool_results)
        yield Usage(30, 12)
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
def model(make):
    return make(two_calls, tools=TOOLS).bind_tools([weather, clock])


@pytest.fixture
def history(model):
    question = HumanMessage("Weather and time?")
    return [question, model.invoke([question])]


def results(message, *outputs):
    pairs = zip(message.tool_calls, outputs or ("sunny", "noon"), strict=True)
    return [ToolMessage(text, tool_call_id=call["id"]) for call, text in pairs]


def merged(chunks):
    whole, *others = chunks
    for chunk in others:
        whole += chunk
    return whole


def submits(emulator):
    found = emulator.requests.to("/v3/chat/submit_tool_outputs")
    return [[item["output"] for item in request.json["tool_outputs"]] for request in found]


def chats(emulator):
    return emulator.requests.to("/v3/chat")


def test_results_go_back_to_the_chat_that_asked_and_its_answer_comes(ask, emulator, model):
    question = HumanMessage("Weather and time?")
    first = ask(model, [question])
    assert first.text == "Let me look."
    assert [(call["name"], call["args"]) for call in first.tool_calls] == [
        ("weather", {"city": "Paris"}),
        ("clock", {"zone": "CET"}),
    ]
    assert first.response_metadata["finish_reason"] == "tool_calls"
    second = ask(model, [question, first, *results(first)])
    assert second.text == "So: sunny, noon"
    assert second.response_metadata["chat_id"] == first.response_metadata["chat_id"]
    assert submits(emulator) == [["sunny", "noon"]]
    [request] = emulator.requests.to("/v3/chat/submit_tool_outputs")
    assert request.json["stream"] is True
    assert request.query["chat_id"] == first.response_metadata["chat_id"]
    assert len(chats(emulator)) == 1
    assert emulator.requests.to("/v3/chat/cancel") == []


def test_the_order_of_results_does_not_matter_and_the_last_of_two_counts(emulator, model, history):
    weather_result, clock_result = results(history[1])
    edited = ToolMessage("rain", tool_call_id=weather_result.tool_call_id)
    answer = model.invoke([*history, clock_result, weather_result, edited])
    assert answer.text == "So: rain, noon"


def test_a_failed_tool_says_so_and_its_artifact_stays_here(emulator, model, history):
    first, second = results(history[1])
    first.status = "error"
    second.artifact = object()
    model.invoke([*history, first, second])
    assert submits(emulator) == [["error: sunny", "noon"]]


def test_a_missing_result_is_an_error_that_names_it(ask, emulator, model, history):
    with pytest.raises(ValueError, match=r"clock \(.+\).*缺少"):
        ask(model, [*history, results(history[1])[0]])
    assert submits(emulator) == []


def test_chained_calls_go_on_in_the_same_chat(ask, emulator, make):
    model = make(chained, tools=TOOLS).bind_tools([weather])
    history = [HumanMessage("go")]
    for step in (1, 2, 3):
        history.append(ask(model, history))
        assert history[-1].text == f"Step {step}."
        history += [ToolMessage(f"r{step}", tool_call_id=c["id"]) for c in history[-1].tool_calls]
    assert submits(emulator) == [["r1"], ["r2"]]
    assert len(chats(emulator)) == 1


def test_state_survives_stores_other_processes_and_pickles(emulator, model, history):
    told = [*history, *results(history[1])]
    for kept in (
        loads(dumps(told), allowed_objects="messages"),
        pickle.loads(pickle.dumps(told)),
    ):
        assert model.invoke(kept).text == "So: sunny, noon"
    code = (
        "import sys; from langchain_core.load import loads; from langchain_coze import ChatCoze\n"
        "bot, key, url = sys.argv[1:]\n"
        "model = ChatCoze(bot_id=bot, api_key=key, base_url=url)\n"
        "print(model.invoke(loads(sys.stdin.read(), allowed_objects='messages')).text)"
    )
    metadata = history[1].response_metadata
    arguments = [metadata["model_name"], emulator.token, emulator.base_url]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        input=dumps(told),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "So: sunny, noon"
    assert len(chats(emulator)) == 1


def test_the_same_results_again_give_the_recorded_answer(ask, emulator, model, history):
    told = [*history, *results(history[1])]
    first = model.invoke(told)
    again = ask(model, told)
    assert again.text == first.text == "So: sunny, noon"
    assert again.response_metadata["chat_id"] == first.response_metadata["chat_id"]
    assert len(chats(emulator)) == 1


def test_the_same_results_again_give_the_recorded_next_calls(ask, emulator, make):
    model = make(chained, tools=TOOLS)
    history = [HumanMessage("go")]
    history.append(model.invoke(history))
    told = [*history, ToolMessage("r", tool_call_id=history[1].tool_calls[0]["id"])]
    first, again = model.invoke(told), ask(model, told)
    assert again.text == first.text == "Step 2."
    assert again.tool_calls == first.tool_calls
    assert len(chats(emulator)) == 1


def test_other_results_for_a_finished_chat_are_told_to_a_new_one(ask, emulator, model, history):
    model.invoke([*history, *results(history[1])])
    answer = ask(model, [*history, *results(history[1], "rain", "noon")])
    assert answer.response_metadata["chat_id"] != history[1].response_metadata["chat_id"]
    sent = chats(emulator)[-1].json["additional_messages"]
    assert [(m["role"], m["type"]) for m in sent] == [
        ("user", "question"),
        ("assistant", "answer"),
        ("user", "question"),
    ]
    assert "rain" in sent[-1]["content"]
    assert "weather" in sent[1]["content"]


def test_an_earlier_round_taken_up_again_is_told_to_a_new_chat(emulator, make):
    model = make(chained, tools=TOOLS)
    history = [HumanMessage("go")]
    for _ in range(2):
        history.append(model.invoke(history))
        history.append(ToolMessage("same", tool_call_id=history[-1].tool_calls[0]["id"]))
    model.invoke(history)
    again = model.invoke(history[:3])  # the chat has been given a second result meanwhile
    assert again.response_metadata["chat_id"] != history[1].response_metadata["chat_id"]


def test_stale_results_can_be_an_error_instead(ask, emulator, make):
    model = make(two_calls, tools=TOOLS, on_stale_chat="raise")
    history = [HumanMessage("go")]
    history.append(model.invoke(history))
    model.invoke([*history, *results(history[1])])
    with pytest.raises(coze_core.BadRequestError):
        ask(model, [*history, *results(history[1], "rain", "noon")])


def test_a_lost_reply_is_looked_up_and_nothing_is_sent_twice(ask, emulator, model, history):
    emulator.faults.add(Fault(cut_after=0), path="/v3/chat/submit_tool_outputs")
    answer = ask(model, [*history, *results(history[1])])
    assert answer.text == "So: sunny, noon"
    assert submits(emulator) == [["sunny", "noon"]]


def test_a_stream_cut_in_the_middle_is_an_error_and_the_next_try_finds_the_answer(
    ask, emulator, model, history
):
    told = [*history, *results(history[1])]
    emulator.faults.add(Fault(cut_after=900), path="/v3/chat/submit_tool_outputs")
    with pytest.raises(coze_core.IncompleteStreamError):
        ask(model, told)
    assert model.invoke(told).text == "So: sunny, noon"
    assert len(chats(emulator)) == 1


def test_outputs_that_did_not_arrive_are_not_sent_again_by_themselves(emulator, model, history):
    emulator.faults.add(Fault(status=503), path="/v3/chat/submit_tool_outputs", times=9)
    told = [*history, *results(history[1])]
    with pytest.raises(coze_core.InternalServerError):
        model.invoke(told)
    assert len(submits(emulator)) == 1
    emulator.faults.clear()
    assert model.invoke(told).text == "So: sunny, noon"


def test_a_user_who_goes_on_gets_a_new_chat_and_the_old_one_is_cancelled(
    ask, emulator, model, history
):
    answer = ask(model, [*history, HumanMessage("Never mind.")])
    assert answer.response_metadata["chat_id"] != history[1].response_metadata["chat_id"]
    [cancel] = emulator.requests.to("/v3/chat/cancel")
    assert cancel.json["chat_id"] == history[1].response_metadata["chat_id"]
    assert submits(emulator) == []


def test_messages_without_their_metadata_are_told_to_a_new_chat(emulator, model, history):
    told = [*history, *results(history[1])]
    model.invoke(convert_to_openai_messages(told))
    assert submits(emulator) == []
    assert len(chats(emulator)) == 2


def test_merged_messages_never_reach_the_wrong_chat(emulator, model, history):
    other = model.invoke([HumanMessage("Again?")])
    merged = merge_message_runs([history[0], history[1], other])
    model.invoke([*merged, *results(other)])
    for request in emulator.requests.to("/v3/chat/submit_tool_outputs"):
        assert request.query["chat_id"] == other.response_metadata["chat_id"]


def test_another_bot_is_told_what_happened(emulator, make, history):
    answer = make("echo").invoke([*history, *results(history[1])])
    assert answer.text == "[result of weather]\nsunny\n[result of clock]\nnoon"
    assert submits(emulator) == []


def test_ids_that_say_where_they_belong_need_no_metadata(ask, emulator, make):
    model = make(two_calls, tools=TOOLS, self_contained_tool_ids=True)
    first = model.invoke("go")
    told = [HumanMessage("go"), first, *results(first)]
    answer = ask(model, convert_to_openai_messages(told))
    assert answer.text == "So: sunny, noon"
    assert answer.response_metadata["chat_id"] == first.response_metadata["chat_id"]


def test_broken_arguments_can_be_answered_too(emulator, make):
    async def broken(messages, context):
        if context.tool_results:
            yield context.tool_results[0].output
        else:
            yield ToolCall("weather", "{x")

    model = make(broken, tools=TOOLS)
    first = model.invoke("go")
    [call] = first.invalid_tool_calls
    told = [HumanMessage("go"), first, ToolMessage("bad arguments", tool_call_id=call["id"])]
    assert model.invoke(told).text == "bad arguments"


def test_usage_is_counted_once_over_a_pause(ask, make):
    model = make(two_calls, tools=TOOLS)
    first = ask(model, "go")
    second = ask(model, [HumanMessage("go"), first, *results(first)])
    assert first.usage_metadata is None  # zeros stand for "not yet"
    assert second.usage_metadata["total_tokens"] == 42


def test_counters_that_go_on_over_a_pause_are_not_counted_twice(emulator, make):
    model = make(two_calls, tools=TOOLS)
    first = model.invoke("go")
    first.response_metadata["coze"]["spent"] = [10, 5, 15]
    second = model.invoke([HumanMessage("go"), first, *results(first)])
    assert second.usage_metadata == {"input_tokens": 20, "output_tokens": 7, "total_tokens": 27}


def test_a_chat_that_still_runs_is_waited_for(emulator, make):
    async def slow(messages, context):
        if not context.tool_results:
            yield ToolCall("weather", {})
            return
        yield Delta("Done ")
        yield Pause(0.6)
        yield "at last."

    model = make(slow, tools=TOOLS, cancel_on_close=False)
    first = model.invoke("go")
    told = [HumanMessage("go"), first, *results(first, "sunny")]
    for _ in model.stream(told):
        break  # somebody left; the chat goes on
    assert model.invoke(told).text == "Done at last."
    assert len(chats(emulator)) == 1


def test_tool_calls_come_once_each_and_never_with_text(model):
    chunks = list(model.stream("go"))
    calls = [chunk for chunk in chunks if chunk.tool_call_chunks]
    assert [chunk.tool_call_chunks[0]["index"] for chunk in calls] == [0, 1]
    assert all(chunk.content == "" for chunk in calls)
    assert json.loads(calls[0].tool_call_chunks[0]["args"]) == {"city": "Paris"}


def test_two_hundred_dialogues_at_once_do_not_mix(make):
    async def own(messages, context):
        if context.tool_results:
            yield context.tool_results[0].output
        else:
            yield ToolCall("weather", {"city": messages[-1].text})

    import asyncio

    model = make(own, tools=TOOLS)

    async def one(number):
        question = HumanMessage(f"city {number}")
        first = await model.ainvoke([question])
        [call] = first.tool_calls
        told = ToolMessage(call["args"]["city"], tool_call_id=call["id"])
        return (await model.ainvoke([question, first, told])).text

    async def main():
        found = await asyncio.gather(*(one(number) for number in range(200)))
        await model.aclose()
        return found

    assert asyncio.run(main()) == [f"city {number}" for number in range(200)]


def test_a_foreign_answer_with_calls_is_told_in_words(emulator, make):
    call = {"name": "weather", "args": {"city": "Paris"}, "id": "abc", "type": "tool_call"}
    make("echo").invoke(
        [
            HumanMessage("go"),
            AIMessage("", tool_calls=[call]),
            *results(AIMessage("", tool_calls=[call]), "x"),
        ]
    )
    sent = chats(emulator)[-1].json["additional_messages"]
    assert sent[1]["content"] == '[called weather({"city": "Paris"})]'


def test_results_that_changed_places_are_other_results(ask, emulator, model, history):
    model.invoke([*history, *results(history[1], "one", "two")])
    answer = ask(model, [*history, *results(history[1], "two", "one")])
    assert answer.response_metadata["chat_id"] != history[1].response_metadata["chat_id"]


def test_a_result_equal_to_one_of_an_earlier_round_is_not_taken_for_it(emulator, make):
    model = make(chained, tools=TOOLS)
    history = [HumanMessage("go")]
    history.append(model.invoke(history))
    history.append(ToolMessage("same", tool_call_id=history[-1].tool_calls[0]["id"]))
    history.append(model.invoke(history))
    call = history[-1].tool_calls[0]["id"]
    model.invoke([*history, ToolMessage("other", tool_call_id=call)])
    again = model.invoke([*history, ToolMessage("same", tool_call_id=call)])
    assert again.response_metadata["chat_id"] != history[1].response_metadata["chat_id"]


def test_broken_calls_are_told_alike_in_every_way(make):
    async def broken(messages, context):
        yield ToolCall("weather", '{"city": "Par')

    model = make(broken, tools=TOOLS)
    whole = model.invoke("go")
    first, *others = model.stream("go")
    for chunk in others:
        first += chunk
    assert [c["args"] for c in first.invalid_tool_calls] == [
        c["args"] for c in whole.invalid_tool_calls
    ]
    assert not first.tool_calls
    assert not whole.tool_calls


BROKEN = [
    '{"city": "Par',
    '{"city": "Par"',
    '{"city": "Paris"}}',
    '["Paris"]',
    '"Paris"',
    "3",
    "null",
    "Paris",
    "{" * 50_000,  # what tries to complete it must not try every length of it
]


def asked_by_events(model, *args, **options):
    return model.stream_events(*args, **options, version="v3").output


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("text", BROKEN, ids=lambda text: text[:20])
def test_arguments_that_are_no_object_make_an_invalid_call_in_every_way(make, version, text):
    async def broken(messages, context):
        yield "Hm."
        yield ToolCall("weather", text)

    model = make(broken, tools=TOOLS, output_version=version)
    ways = [model.invoke, asked_by_events, lambda _, question: merged(model.stream(question))]
    for way in ways:
        answer = way("go") if way == model.invoke else way(model, "go")
        assert answer.text == "Hm."
        assert answer.tool_calls == []
        [call] = answer.invalid_tool_calls
        assert (call["name"], call["args"]) == ("weather", f"]not JSON: {text}")
        assert [block["type"] for block in answer.content_blocks] == ["text", "invalid_tool_call"]
        assert answer.content_blocks[1]["args"] == call["args"]
        assert answer.content_blocks[1]["id"] == call["id"]


@pytest.mark.parametrize("history", ["client", "server"])
@pytest.mark.parametrize("version", ["v0", "v1"])
def test_a_broken_call_is_told_as_the_bot_wrote_it(ask, emulator, make, version, history):
    async def broken(messages, context):
        if context.tool_results:
            yield "Sorry."
        else:
            yield ToolCall("weather", '{"city": "Par')
            yield ToolCall("clock", {"zone": "CET"})

    model = make(broken, tools=TOOLS, output_version=version, history=history)
    first = ask(model, "go")
    [bad] = first.invalid_tool_calls
    [good] = first.tool_calls
    told = [
        HumanMessage("go"),
        first,
        ToolMessage("bad arguments", tool_call_id=bad["id"]),
        ToolMessage("noon", tool_call_id=good["id"]),
    ]
    second = ask(model, told)
    assert submits(emulator)[-1] == ["bad arguments", "noon"]
    ask(make("assistant"), [*told, second, HumanMessage("And?")])
    words = chats(emulator)[-1].json["additional_messages"]
    assert words[1]["content"] == (
        '[called clock({"zone": "CET"})]\n[called weather({"city": "Par)]'
    )
    assert words[2]["content"] == "[result of weather]\nbad arguments\n[result of clock]\nnoon"
    ask(model, [*told, second, HumanMessage("And?")])
    new = chats(emulator)[-1]
    kept = second.response_metadata["conversation_id"] if history == "server" else None
    assert new.query.get("conversation_id") == kept
