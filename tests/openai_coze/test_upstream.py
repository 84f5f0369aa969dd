"""What becomes of answers that Coze breaks off: never a short one that looks whole."""

import contextlib
import json

import httpx
import openai
import pytest
from serving import KEY, serving
from wire import (
    COMPLETED,
    CREATED,
    DONE,
    END,
    STREAM_HEAD,
    RawServer,
    chat_event,
    chunk,
    completed,
    delta,
    reply,
)

from openai_coze import BotModel, BotRoute, GatewayKey, Settings, create_app

WHOLE = [CREATED, delta("Hello "), delta("world"), completed("Hello world"), COMPLETED, DONE]


@contextlib.contextmanager
def before(answer, **others):
    """A client of a gateway before a server that answers so, and the server."""
    with RawServer(answer) as upstream:
        settings = Settings(
            models=(BotModel("b", (BotRoute("1"),)),),
            accounts={"default": "pat_secret"},
            keys=(GatewayKey.of(KEY, name="tests"),),
            base_url=upstream.base_url,
            **others,
        )
        with (
            serving(create_app(settings)) as url,
            openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client,
        ):
            yield client, upstream


def saying(*blocks, whole):
    """Answers each chat with these events, and ends the body or breaks it off."""

    def answer(connection, request, number):
        if b" /v3/chat/cancel" in request:
            connection.sendall(reply({"code": 0, "data": {"id": "77", "conversation_id": "88"}}))
            return True
        connection.sendall(STREAM_HEAD + b"".join(map(chunk, blocks)) + (END if whole else b""))
        return whole

    return answer


@pytest.mark.parametrize("whole", [True, False], ids=["ended", "cut"])
@pytest.mark.parametrize("events", range(5))
def test_a_stream_that_stops_early_is_an_error_for_the_caller(events, whole):
    with before(saying(*WHOLE[:events], whole=whole)) as (client, _):
        said = [{"role": "user", "content": "hi"}]
        with pytest.raises(openai.APIError):
            client.chat.completions.create(model="b", messages=said)
        with pytest.raises(openai.APIError):
            list(client.chat.completions.create(model="b", messages=said, stream=True))
        with pytest.raises(openai.APIError):
            list(client.responses.create(model="b", input="hi", stream=True))


@pytest.mark.parametrize(
    "end",
    [chat_event("canceled"), b"", chat_event("requires_action")],
    ids=["canceled", "no end", "waits for nothing"],
)
def test_an_answer_without_its_end_does_not_look_whole(end):
    events = [CREATED, delta("Hello"), *([end] if end else []), DONE]
    with before(saying(*events, whole=True)) as (client, _):
        said = [{"role": "user", "content": "hi"}]
        done = client.chat.completions.create(model="b", messages=said)
        assert done.choices[0].finish_reason == "length"
        *_, last = client.chat.completions.create(model="b", messages=said, stream=True)
        assert last.choices[0].finish_reason == "length"
        response = client.responses.create(model="b", input="hi")
        assert response.status == "incomplete"
        assert response.output_text == "Hello"
        *_, event = client.responses.create(model="b", input="hi", stream=True)
        assert event.type == "response.incomplete"


def test_what_the_server_says_cannot_break_the_head_of_an_answer():
    said = {"code": 4000, "msg": "no", "detail": {"logid": "a\r\nset-cookie: x=1"}}

    def answer(connection, request, number):
        connection.sendall(reply(said, "400 Bad Request"))
        return True

    with before(answer) as (client, _):
        body = {"model": "b", "messages": [{"role": "user", "content": "hi"}]}
        answered = httpx.post(
            f"{client.base_url}chat/completions",
            content=json.dumps(body),
            headers={"Authorization": f"Bearer {KEY}"},
        )
    assert answered.status_code == 400
    assert "set-cookie" not in answered.headers
    assert answered.json()["error"]["coze"]["logid"] == said["detail"]["logid"]
