"""Several bots and accounts behind one model."""

import openai
import pytest

from coze_core.emulator import Fail, Fault
from openai_coze import BotModel, BotRoute


@pytest.fixture
def two(gateway, emulator):
    """A model of two bots of two accounts; returns the client and the accounts' tokens."""

    def make(first, second, **others):
        emulator.add_token("pat_first")
        emulator.add_token("pat_second")
        routes = (
            BotRoute(emulator.bot_id(first), "first"),
            BotRoute(emulator.bot_id(second), "second"),
        )
        accounts = {"first": "pat_first", "second": "pat_second"}
        return gateway(models=(BotModel("both", routes),), accounts=accounts, **others)

    return make


async def one(messages, context):
    yield "one"


async def other(messages, context):
    yield "other"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("code", [4011, 4015, 4020, 4101, 4100, 5000])
def test_another_bot_answers_if_the_first_one_refuses(two, emulator, add_bot, said, code, streamed):
    client = two(add_bot(one), add_bot(other))
    emulator.faults.add(Fault(code=code), path="/v3/chat", times=1)
    asked = client.chat.completions.with_raw_response
    done = asked.create(model="both", messages=said("hi"), stream=streamed)
    assert done.headers["x-coze-bot-id"] == emulator.bot_id("other")
    assert '"other"' in done.http_response.read().decode()


def test_nobody_waits_for_one_bot_where_there_is_another(two, emulator, add_bot, said):
    client = two(add_bot(one), add_bot(other))
    slow_down = {"Retry-After": "60"}
    emulator.faults.add(Fault(status=429, headers=slow_down), path="/v3/chat")
    done = client.chat.completions.create(model="both", messages=said("hi"))
    assert done.choices[0].message.content == "other"


@pytest.mark.parametrize("streamed", [False, True])
def test_another_bot_answers_if_the_first_one_fails_before_its_first_word(
    two, add_bot, said, streamed
):
    async def fails(messages, context):
        yield Fail(5000, "event interval error")

    client = two(add_bot(fails), add_bot(other))
    done = client.chat.completions.with_raw_response.create(
        model="both", messages=said("hi"), stream=streamed
    )
    assert '"other"' in done.http_response.read().decode()


def test_once_something_was_shown_nobody_else_is_asked(two, emulator, add_bot, said):
    async def breaks(messages, context):
        yield "so far"
        yield Fail(5000, "event interval error")

    client = two(add_bot(breaks), add_bot(other))
    stream = client.chat.completions.create(model="both", messages=said("hi"), stream=True)
    with pytest.raises(openai.APIError, match="event interval error"):
        list(stream)
    assert len(emulator.requests.to("/v3/chat")) == 1


def test_a_request_that_is_wrong_is_wrong_everywhere(two, emulator, add_bot, said):
    client = two(add_bot(one), add_bot(other))
    emulator.faults.add(Fault(code=4010), path="/v3/chat")
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="both", messages=said("hi"))
    assert len(emulator.requests.to("/v3/chat")) == 1


def test_who_has_no_quota_is_not_asked_again_soon(two, emulator, add_bot, said):
    client = two(add_bot(one), add_bot(other))
    emulator.faults.add(Fault(code=4011), path="/v3/chat")
    for _ in range(3):
        done = client.chat.completions.create(model="both", messages=said("hi"))
        assert done.choices[0].message.content == "other"
    assert len(emulator.requests.to("/v3/chat")) == 4


def test_who_is_not_well_is_asked_if_nobody_else_answers(two, emulator, add_bot, said):
    client = two(add_bot(one), add_bot(other))
    emulator.faults.add(Fault(code=4011), path="/v3/chat")
    client.chat.completions.create(model="both", messages=said("hi"))
    emulator.faults.add(Fault(code=4011), path="/v3/chat")
    done = client.chat.completions.create(model="both", messages=said("hi"))
    assert done.choices[0].message.content == "one"


def test_if_nobody_answers_the_first_error_is_told(two, emulator, add_bot, said):
    client = two(add_bot(one), add_bot(other))
    emulator.faults.add(Fault(code=4011), path="/v3/chat")
    emulator.faults.add(Fault(code=4015), path="/v3/chat")
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="both", messages=said("hi"))
    assert caught.value.body["coze"]["code"] == 4011
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_the_quota_of_one_caller_is_not_that_of_another(gateway, emulator, add_bot, said):
    routes = tuple(BotRoute(emulator.bot_id(add_bot(bot))) for bot in (one, other))
    client = gateway(models=(BotModel("both", routes),), keys=(), accounts={}, key=emulator.token)
    emulator.add_token("pat_alice")
    emulator.faults.add(Fault(code=4011), path="/v3/chat", times=2)
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="both", messages=said("hi"))
    alice = client.with_options(api_key="pat_alice")
    done = alice.chat.completions.create(model="both", messages=said("hi"))
    assert done.choices[0].message.content == "one"


def test_a_conversation_stays_with_its_bot(two, emulator, add_bot, said):
    client = two(add_bot(one), add_bot(other))
    first = client.chat.completions.create(model="both", messages=said("hi"))
    conversation = first.coze["conversation_id"]
    emulator.faults.add(Fault(code=4011), path="/v3/chat")
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(
            model="both", messages=said("hi"), metadata={"conversation_id": conversation}
        )
    bound = {"coze": {"bot_id": emulator.bot_id("other")}}
    done = client.chat.completions.create(model="both", messages=said("hi"), extra_body=bound)
    assert done.coze["bot_id"] == emulator.bot_id("other")


def test_a_server_that_is_not_there_is_a_reason_to_ask_another(emulator, gateway, said, add_bot):
    """Both accounts are asked; what cannot be reached says so."""
    client = gateway(add_bot(one), base_url="http://127.0.0.1:9")
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="one", messages=said("hi"))
    assert caught.value.status_code == 502
    assert caught.value.body["coze"]["retryable"] is True
    assert caught.value.response.headers["x-should-retry"] == "true"  # nothing was begun


@pytest.mark.parametrize("code", [4200, 4101])
def test_a_caller_s_wrong_conversation_is_nothing_against_the_bot(
    two, emulator, add_bot, said, code
):
    client = two(add_bot(one), add_bot(other))
    emulator.faults.add(Fault(code=code), path="/v3/chat", times=1)
    with pytest.raises(openai.APIStatusError):
        extra = {"coze": {"conversation_id": "1"}}
        client.chat.completions.create(model="both", messages=said("hi"), extra_body=extra)
    done = client.chat.completions.create(model="both", messages=said("hi"))
    assert done.choices[0].message.content == "one"
