"""Answers as data."""

import json
from datetime import date
from typing import TypedDict

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.runnables import RunnableBinding
from pydantic import BaseModel, ConfigDict, Field
from pydantic.v1 import BaseModel as OldBaseModel

from coze_core.emulator import Delta, ToolCall


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int = Field(gt=0)


class Typed(TypedDict):
    """Somebody."""

    name: str
    age: int


SCHEMA = {
    "title": "Person",
    "description": "Somebody.",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
ADA = '{"name": "Ada", "age": 36}'


def says(*texts):
    left = list(texts)

    async def bot(messages, context):
        for character in left.pop(0) if len(left) > 1 else left[0]:
            yield Delta(character)

    return bot


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.parametrize("schema", [Person, Typed, SCHEMA])
def test_every_schema_and_method_gives_data(make, schema, method):
    model = make(says(f"Here:\n```json\n{ADA}\n```\nBye.")).with_structured_output(
        schema, method=method
    )
    expected = Person(name="Ada", age=36) if schema is Person else json.loads(ADA)
    assert model.invoke("Who?") == expected
    *_, last = model.stream("Who?")
    assert last == expected


def test_classes_of_pydantics_first_version_work(make):
    class Old(OldBaseModel):
        name: str

    assert make(says('{"name": "Ada"}')).with_structured_output(Old).invoke("x") == Old(name="Ada")


def test_the_schema_is_told_with_the_question(emulator, make):
    make(says(ADA)).with_structured_output(Person).invoke(
        [("system", "Be brief."), ("user", "Who?")]
    )
    [message] = emulator.requests.to("/v3/chat")[0].json["additional_messages"]
    assert message["content"].startswith("Be brief.\n\nWho?\n\nAnswer with one JSON object")
    assert '"exclusiveMinimum": 0' in message["content"]


def test_mappings_grow_while_they_stream_and_instances_come_whole(make):
    partial = list(make(says(ADA)).with_structured_output(SCHEMA).stream("Who?"))
    assert partial[0] == {}
    assert {"name": "A"} in partial
    assert partial[-1] == {"name": "Ada", "age": 36}
    assert list(make(says(ADA)).with_structured_output(Person).stream("Who?")) == [
        Person(name="Ada", age=36)
    ]


def test_only_what_the_schema_has_is_given(make):
    model = make(says('{"name": "Ada", "age": 3, "other": 1}')).with_structured_output(SCHEMA)
    assert model.invoke("Who?") == {"name": "Ada", "age": 3}


@pytest.mark.parametrize(
    "bad", ["I do not know.", '{"name": "Ada"}', '{"name": "Ada", "age": 0}', '{"name": "Ada"']
)
def test_an_answer_that_does_not_fit_is_asked_for_once_more(emulator, make, bad):
    model = make(says(bad, ADA)).with_structured_output(Person)
    assert model.invoke("Who?") == Person(name="Ada", age=36)
    _first, second = emulator.requests.to("/v3/chat")
    assert "cannot be used" in second.json["additional_messages"][0]["content"]


LAX = '{"name": "Ada", "age": "36"}'


def test_what_the_class_takes_is_not_asked_for_once_more(emulator, make):
    model = make(says(LAX)).with_structured_output(Person)
    assert model.invoke("Who?") == Person(name="Ada", age=36)
    assert list(model.stream("Who?")) == [Person(name="Ada", age=36)]
    assert len(emulator.requests.to("/v3/chat")) == 2


@pytest.mark.parametrize("schema", [Typed, SCHEMA])
def test_a_schema_without_a_class_is_taken_at_its_word(emulator, make, schema):
    model = make(says(LAX, ADA)).with_structured_output(schema)
    assert model.invoke("Who?") == json.loads(ADA)
    assert len(emulator.requests.to("/v3/chat")) == 2


def test_a_strict_class_takes_what_json_can_say(emulator, make):
    class Born(BaseModel):
        model_config = ConfigDict(strict=True)

        day: date

    model = make(says('{"day": "1815-12-10"}')).with_structured_output(Born)
    assert model.invoke("When?") == Born(day=date(1815, 12, 10))
    assert len(emulator.requests.to("/v3/chat")) == 1


def test_words_instead_of_data_are_asked_for_again_even_in_a_stream(make):
    model = make(says("I do not know.", ADA)).with_structured_output(Person)
    assert list(model.stream("Who?")) == [Person(name="Ada", age=36)]


def test_an_answer_that_never_fits_is_an_error_that_shows_it(emulator, make):
    model = make(says("I do not know.")).with_structured_output(Person)
    for ask in (lambda: model.invoke("Who?"), lambda: list(model.stream("Who?"))):
        with pytest.raises(OutputParserException) as caught:
            ask()
        assert "I do not know." in caught.value.llm_output
    assert len(emulator.requests.to("/v3/chat")) == 4


def test_the_message_and_the_error_can_be_had_too(make):
    good = make(says(ADA)).with_structured_output(Person, include_raw=True).invoke("Who?")
    assert (good["parsed"], good["parsing_error"]) == (Person(name="Ada", age=36), None)
    assert good["raw"].text == ADA
    bad = make(says("no")).with_structured_output(Person, include_raw=True).invoke("Who?")
    assert bad["parsed"] is None
    assert isinstance(bad["parsing_error"], OutputParserException)
    assert bad["raw"].text == "no"


def test_a_call_of_a_tool_is_not_data(make):
    async def calls(messages, context):
        yield ToolCall("weather", {})

    with pytest.raises(OutputParserException, match="called a tool"):
        make(calls, tools=("weather",)).with_structured_output(Person).invoke("Who?")


def test_a_response_format_can_be_given_with_a_call(ask, make):
    form = {"type": "json_schema", "json_schema": {"name": "p", "schema": SCHEMA}}
    for given in (form, SCHEMA, Person, {"type": "json_object"}):
        answer = ask(make(says(f"Sure.\n{ADA}\nBye.")), "Who?", response_format=given)
        assert answer.text == ADA
        assert answer.response_metadata["coze"]["answer"] == f"Sure.\n{ADA}\nBye."
    answer = ask(make(says("Hello.")), "Who?", response_format={"type": "text"})
    assert answer.text == "Hello."


def test_usage_counts_both_rounds(make):
    once = make(says(ADA)).invoke("Who?", response_format=Person).usage_metadata
    twice = make(says("no", ADA)).invoke("Who?", response_format=Person).usage_metadata
    assert twice["output_tokens"] > once["output_tokens"]
    assert twice["input_tokens"] > 1.5 * once["input_tokens"]


def test_what_does_not_exist_is_refused(make):
    model = make()
    with pytest.raises(ValueError, match="method must be one of"):
        model.with_structured_output(Person, method="magic")
    with pytest.raises(ValueError, match="strictly"):
        model.with_structured_output(Person, strictly=True)
    with pytest.raises(ValueError, match="needs a schema"):
        model.with_structured_output(None)
    with pytest.raises(ValueError, match="response_format"):
        model.invoke("hi", response_format=3)


def test_any_json_will_do_in_json_mode(make):
    model = make(says('{"x": 1}')).with_structured_output(None, method="json_mode")
    assert model.invoke("Who?") == {"x": 1}


def test_tracing_sees_the_schema(make):
    bound = make().with_structured_output(Person).first
    assert isinstance(bound, RunnableBinding)
    told = bound.kwargs["ls_structured_output_format"]
    assert (told["schema"], told["kwargs"]) == (Person, {"method": "json_schema"})
    assert bound.kwargs["response_format"]["json_schema"]["name"] == "Person"


def test_the_profile_says_so(model):
    assert model.profile["structured_output"] is True
    assert model.profile["tool_calling"] is True
    assert model.profile["image_inputs"] is True
