"""Tools on bots that have none: told in the request, called in text."""

import json

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from standard_bot import question_of

import coze_core
from coze_core.emulator import Bot, Delta, Fault, ToolCall
from langchain_coze import ChatCoze


def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


def written(name="weather", **arguments):
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def says(*texts):
    """A bot that says these texts, one a chat."""
    left = list(texts)

    async def bot(messages, context):
        for character in left.pop(0) if len(left) > 1 else left[0]:
            yield Delta(character)

    return bot


def says_whole(text):
    async def bot(messages, context):
        yield Delta(text)

    return bot


def sent(emulator, number=-1):
    messages = emulator.requests.to("/v3/chat")[number].json["additional_messages"]
    return [message["content"] for message in messages]


def test_the_bot_is_told_of_the_tool_and_its_call_is_read(ask, emulator, make):
    model = make(says("Let me look.\n" + written(city="Paris"))).bind_tools([weather])
    answer = ask(model, "Weather?")
    assert answer.text == "Let me look."
    [call] = answer.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Paris"})
    assert answer.response_metadata["finish_reason"] == "tool_calls"
    [told] = sent(emulator)
    assert '"description": "Tell the weather."' in told
    assert '"city"' in told
    assert told.endswith("Weather?")


def test_the_result_goes_back_in_the_conversation(ask, emulator, make):
    model = make(says(written(city="Paris"), "Sunny, then.")).bind_tools([weather])
    question = HumanMessage("Weather?")
    first = model.invoke([question])
    result = ToolMessage("sunny", tool_call_id=first.tool_calls[0]["id"])
    assert ask(model, [question, first, result]).text == "Sunny, then."
    told = sent(emulator)
    assert told[0].endswith("Weather?")
    assert told[1:] == [
        written(city="Paris"),
        '<tool_result name="weather">\nsunny\n</tool_result>',
    ]


def test_in_a_conversation_that_goes_on_only_the_result_is_sent(emulator, make):
    bot = says(written(city="Paris"), "Sunny, then.")
    model = make(bot, history="server").bind_tools([weather])
    history = [HumanMessage("Weather?")]
    history.append(model.invoke(history))
    history.append(ToolMessage("sunny", tool_call_id=history[1].tool_calls[0]["id"]))
    model.invoke(history)
    assert sent(emulator) == ['<tool_result name="weather">\nsunny\n</tool_result>']


def test_parallel_calls_have_ids_of_their_own(make):
    text = written(city="Paris") + "\n" + written(city="Rome")
    model = make(says(text)).bind_tools([weather])
    calls = [call for _ in range(2) for call in model.invoke("Weather?").tool_calls]
    assert [call["args"]["city"] for call in calls] == ["Paris", "Rome"] * 2
    assert len({call["id"] for call in calls}) == 4


def test_a_call_that_cannot_be_read_is_asked_for_once_more(ask, emulator, make):
    broken = '<tool_call>{"name": "weather", "arguments": {"city": "Paris"}</tool_call>'
    model = make(says("Hm.\n" + broken, written(city="Paris"))).bind_tools([weather])
    answer = ask(model, "Weather?")
    assert answer.text == "Hm."
    assert [call["args"] for call in answer.tool_calls] == [{"city": "Paris"}]
    _first, second = emulator.requests.to("/v3/chat")
    assert second.query["conversation_id"]
    assert "not JSON" in sent(emulator)[0]
    tokens = answer.usage_metadata["output_tokens"]
    assert tokens > len("Hm.") + 1  # of both rounds


def test_arguments_beside_the_name_are_asked_for_once_more(ask, emulator, make):
    flat = '<tool_call>{"name": "weather", "city": "Paris"}</tool_call>'
    model = make(says(flat, written(city="Paris"))).bind_tools([weather])
    answer = ask(model, "Weather?")
    assert [call["args"] for call in answer.tool_calls] == [{"city": "Paris"}]
    assert 'must stand under "arguments": city' in sent(emulator)[0]


def test_arguments_under_another_name_are_taken(ask, make):
    call = '<tool_call>{"name": "weather", "args": {"city": "Paris"}}</tool_call>'
    answer = ask(make(says(call)).bind_tools([weather]), "Weather?")
    assert [call["args"] for call in answer.tool_calls] == [{"city": "Paris"}]


def test_a_call_after_code_within_a_line_is_read(ask, make):
    model = make(says("```x = 1```\n" + written(city="Paris"))).bind_tools([weather])
    answer = ask(model, "Weather?")
    assert (answer.text, len(answer.tool_calls)) == ("```x = 1```", 1)


def test_words_of_the_second_try_stand_apart_from_those_of_the_first(ask, make):
    model = make(says("Hm.\n<tool_call>{</tool_call>", "Sorry.\n" + written(city="x")))
    assert ask(model.bind_tools([weather]), "Weather?").text == "Hm.\n\nSorry."


def test_without_a_stored_conversation_the_repair_tells_all_again(emulator, make):
    broken = "<tool_call>{</tool_call>"
    bot = says(broken, written(city="Paris"))
    model = make(bot, auto_save_history=False).bind_tools([weather])
    assert model.invoke("Weather?").tool_calls
    told = sent(emulator)
    assert told[1] == broken
    assert told[0].endswith("Weather?")


def test_a_call_broken_twice_is_an_invalid_call(ask, emulator, make):
    broken = '<tool_call>{"name": "weather", "arguments": 3}</tool_call>'
    model = make(says(broken)).bind_tools([weather])
    answer = ask(model, "Weather?")
    [call] = answer.invalid_tool_calls
    assert (call["name"], call["args"]) == ("weather", f"]not JSON: {broken}")
    assert len(emulator.requests.to("/v3/chat")) == 2
    told = [HumanMessage("Weather?"), answer, ToolMessage("no", tool_call_id=call["id"])]
    ask(model, told)
    assert sent(emulator, 2)[1:] == [broken, '<tool_result name="weather">\nno\n</tool_result>']


@pytest.mark.parametrize("end", ["", "}" * 100_000])
def test_a_call_nested_too_deep_is_an_invalid_call(ask, make, end):
    deep = '{"a":' * 100_000 + "1" + end
    broken = f'<tool_call>{{"name": "weather", "arguments": {deep}}}</tool_call>'
    answer = ask(make(says_whole(broken)).bind_tools([weather]), "Weather?")
    assert [call["name"] for call in answer.invalid_tool_calls] == ["weather"]


def test_a_broken_call_of_nothing_stays_text(ask, make):
    model = make(says("Look: \n<tool_call>nonsense</tool_call>")).bind_tools([weather])
    assert "<tool_call>nonsense</tool_call>" in ask(model, "Weather?").text


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{written(city='x')}\n```\nThat is the form.",
        json.dumps({"name": "weather", "arguments": {}}),
        f"Write `{written(city='x')}` to call it.",
    ],
)
def test_examples_are_text(ask, emulator, make, text):
    model = make(says(text)).bind_tools([weather])
    answer = ask(model, "How do you call tools?")
    assert (answer.text, answer.tool_calls) == (text, [])
    assert len(emulator.requests.to("/v3/chat")) == 1


@pytest.mark.parametrize("split", [1, 2, 7, 64])
def test_how_the_network_cuts_the_answer_makes_no_difference(emulator, make, split):
    model = make(says("你好。\n" + written(city="巴黎"))).bind_tools([weather])
    emulator.faults.add(Fault(split=split), path="/v3/chat")
    answer = model.invoke("天气?")
    assert (answer.text, answer.tool_calls[0]["args"]) == ("你好。", {"city": "巴黎"})


def test_text_streams_on_while_tools_are_bound(make):
    model = make(says("abcdefgh")).bind_tools([weather])
    assert len([chunk for chunk in model.stream("hi") if chunk.text]) == 8


def test_which_tools_the_bot_has_is_asked_once(emulator, make):
    async def bot(messages, context):
        yield "hello"

    def clock(zone: str) -> str:
        """Tell the time."""

    model = make(bot, tools=("clock",)).bind_tools([weather, clock])
    for _ in range(3):
        model.invoke("hi")
    [asked] = [r for r in emulator.requests if r.path.startswith("/v1/bots/")]
    assert asked.method == "GET"
    [told] = sent(emulator)
    assert "weather" in told
    assert "clock" not in told


def test_who_may_not_look_at_bots_can_still_call_tools(ask, emulator, make):
    emulator.faults.add(Fault(code=4101, status=403), path="/v1/bot", times=2)
    model = make(says(written(city="Paris"))).bind_tools([weather])
    assert ask(model, "Weather?").tool_calls


def test_studio_is_asked_in_its_own_way(studio):
    async def bot(messages, context):
        yield "hello"

    studio.add_bot(Bot("own", bot, tools=("weather",)))
    model = ChatCoze(bot_id=studio.bot_id("own"), api_key=studio.token, base_url=studio.base_url)
    model.bind_tools([weather]).invoke("hi")
    assert sent(studio) == ["hi"]
    model.close()


@pytest.mark.parametrize(("policy", "told"), [("native", False), ("prompt", True)])
def test_the_policy_decides_what_is_told(emulator, make, policy, told):
    async def bot(messages, context):
        yield "hello"

    make(bot, tools=("weather",), tool_calling=policy).bind_tools([weather]).invoke("hi")
    assert ("<tool_call>" in sent(emulator)[0]) is told
    assert not [r for r in emulator.requests if r.path.startswith("/v1/bots/")]


def test_calls_of_the_bot_itself_are_honoured_whatever_the_policy(ask, make):
    async def bot(messages, context):
        if context.tool_results:
            yield f"{len(context.tool_results)}: {context.tool_results[0].output}"
            return
        yield Delta(written(city="Rome") + "\n")
        yield ToolCall("weather", {"city": "Paris"})

    model = make(bot, tools=("weather",), tool_calling="prompt").bind_tools([weather])
    first = ask(model, "Weather?")
    assert [call["args"]["city"] for call in first.tool_calls] == ["Rome", "Paris"]
    told = [ToolMessage(c["args"]["city"], tool_call_id=c["id"]) for c in first.tool_calls]
    answer = ask(model, [HumanMessage("Weather?"), first, *told])
    assert answer.text == '1: Paris\n\n<tool_result name="weather">\nRome\n</tool_result>'


@pytest.mark.parametrize(
    ("choice", "says_so"),
    [
        ("any", "You must call one of the tools"),
        ("required", "You must call one of the tools"),
        (True, "You must call the tool `weather`"),
        ("weather", "You must call the tool `weather`"),
        ({"type": "function", "function": {"name": "weather"}}, "You must call the tool `weather`"),
        ({"type": "tool", "name": "weather"}, "You must call the tool `weather`"),
        ("none", "Do not call any tool"),
    ],
)
def test_a_choice_of_tools_is_told(emulator, make, choice, says_so):
    make(says("hello")).bind_tools([weather], tool_choice=choice).invoke("hi")
    assert says_so in sent(emulator)[0]
    assert ("<tool_call>" in sent(emulator)[0]) is (choice != "none")


def test_a_choice_that_does_not_exist_is_refused_when_tools_are_bound(make):
    with pytest.raises(ValueError, match="'sun' is not one of the tools"):
        make().bind_tools([weather], tool_choice="sun")
    with pytest.raises(ValueError, match="function with a name"):
        make().bind_tools([{"type": "web_search"}])
    bound = make().bind_tools([], tool_choice="any", strict=True, parallel_tool_calls=True)
    assert bound.invoke("What is 2 + 3?").text == "2 + 3 = 5"


def test_a_stop_sequence_ends_before_a_call(ask, make):
    model = make(says("one STOP\n" + written(city="x"))).bind_tools([weather])
    answer = ask(model, "hi", stop=["STOP"])
    assert (answer.text, answer.tool_calls) == ("one ", [])


def test_the_instructions_do_not_hide_what_was_asked(emulator, make):
    model = make(says("hello")).bind_tools([weather])
    model.invoke([("system", "Be brief."), ("human", "one"), ("ai", "two"), ("human", "three")])
    first, *others = sent(emulator)
    assert first.startswith("Be brief.\n\nYou can call these tools")
    assert question_of(first).strip() == "one"
    assert others == ["two", "three"]


def test_a_cut_within_a_call_is_an_error(ask, emulator, make):
    model = make(says(written(city="Paris"))).bind_tools([weather])
    emulator.faults.add(Fault(cut_after=2500), path="/v3/chat")
    with pytest.raises(coze_core.IncompleteStreamError):
        ask(model, "Weather?")
