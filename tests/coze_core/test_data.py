"""Variables and datasets through the public API, over the emulator."""

import pytest

from coze_core import NotFoundError, Variable
from coze_core.emulator import Bot


async def silent(messages, context):
    return "ok"


# -- variables


@pytest.fixture
def bot(emulator):
    return emulator.add_bot(Bot("keeps", silent, variables={"city": "Paris", "age": ""})).id


def test_a_variable_has_its_default_value_until_it_is_set(client, bot):
    whose = {"bot_id": bot, "connector_uid": "u1"}
    city, age = client.variables.get(**whose)
    assert (city.keyword, city.value, city.create_time, city.is_default) == (
        "city",
        "Paris",
        0,
        True,
    )
    client.variables.set({"age": "36"}, **whose)
    city, age = client.variables.get(**whose)
    assert (age.value, age.is_default, city.is_default) == ("36", False, True)
    assert age.create_time == age.update_time > 0


def test_variables_of_other_users_channels_bots_and_apps_are_others(client, emulator, bot):
    client.variables.set({"city": "Rome"}, bot_id=bot, connector_uid="u1")
    client.variables.set({"city": "Oslo"}, app_id=bot, connector_uid="u1")

    def city(**whose):
        return [item.value for item in client.variables.get(keywords=["city"], **whose)]

    assert city(bot_id=bot, connector_uid="u1") == ["Rome"]
    assert city(bot_id=bot, connector_uid="u1", connector_id="1024") == ["Rome"]
    assert city(bot_id=bot, connector_uid="u2") == ["Paris"]
    assert city(bot_id=bot, connector_uid="u1", connector_id="999") == ["Paris"]
    assert city(app_id=bot, connector_uid="u1") == ["Oslo"]
    assert city(bot_id=emulator.bot_id("echo"), connector_uid="u1") == []


def test_only_the_named_variables_are_returned_and_unknown_names_left_out(client, bot, emulator):
    whose = {"bot_id": bot, "connector_uid": "u1"}
    found = client.variables.get(keywords=["age", "nothing", "city"], **whose)
    assert [item.keyword for item in found] == ["age", "city"]
    assert emulator.requests.to("/v1/variables")[-1].query["keywords"] == "age,nothing,city"


def test_a_variable_that_a_bot_does_not_declare_is_refused_by_the_server(client, bot):
    with pytest.raises(Exception, match="does not exist") as raised:
        client.variables.set({"zip": "1"}, bot_id=bot, connector_uid="u1")
    assert raised.value.code == 4000
    with pytest.raises(NotFoundError):
        client.variables.get(bot_id="1", connector_uid="u1")


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({}, ValueError, "give bot_id or app_id"),
        ({"bot_id": "1", "app_id": "2"}, ValueError, "give bot_id or app_id"),
        ({"bot_id": 1}, TypeError, "bot_id must be a string"),
        ({"bot_id": "1", "connector_uid": ""}, ValueError, "connector_uid must not be empty"),
        ({"bot_id": "1", "keywords": "a"}, TypeError, "a list of names"),
        ({"bot_id": "1", "keywords": []}, ValueError, "leave it out"),
        ({"bot_id": "1", "keywords": ["a,b"]}, ValueError, "no comma"),
    ],
)
def test_bad_questions_for_variables_are_refused_before_they_are_sent(
    client, emulator, arguments, error, says
):
    with pytest.raises(error, match=says):
        client.variables.get(**{"connector_uid": "u1", **arguments})
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("values", "error"), [({}, ValueError), ({"a": 1}, TypeError), (["a"], TypeError)]
)
def test_bad_variables_are_refused_before_they_are_sent(client, emulator, values, error):
    with pytest.raises(error):
        client.variables.set(values, bot_id="1", connector_uid="u1")
    assert emulator.requests == []


@pytest.mark.anyio
async def test_variables_can_be_awaited(async_client, bot):
    whose = {"bot_id": bot, "connector_uid": "u1"}
    await async_client.variables.set({"city": "Rome"}, **whose)
    [city] = await async_client.variables.get(keywords=["city"], **whose)
    assert isinstance(city, Variable)
    assert city.value == "Rome"
    assert city.log_id
