"""Workflows, with both clients: run, streamed, asynchronous, asked and answered."""

import asyncio
import inspect
import json
from pathlib import Path

import pytest

from coze_core import (
    AsyncCozeClient,
    AsyncPager,
    BadRequestError,
    CozeClient,
    EnterMessage,
    Interrupt,
    NotFoundError,
    Pager,
    PermissionDeniedError,
    PollTimeoutError,
    RateLimitError,
    WorkflowFailedError,
    WorkflowInterrupted,
    WorkflowParameter,
)
from coze_core.emulator import (
    WORKSPACE_ID,
    Ask,
    Emulator,
    Fault,
    Heartbeat,
    Output,
    Parameter,
    Pause,
    Say,
    Workflow,
    WorkflowFail,
)

pytestmark = pytest.mark.usefixtures("quick_polls")


@pytest.fixture(params=["blocking", "awaiting"])
def call(request, emulator):
    """Run one operation with each kind of client."""
    made = (CozeClient if request.param == "blocking" else AsyncCozeClient)(
        emulator.token, base_url=emulator.base_url
    )

    async def perform(found):
        if isinstance(found, AsyncPager):
            return [item async for item in found]
        if hasattr(found, "until_done"):
            return await found.until_done()
        return await found

    def run(name, *args, **kwargs):
        if isinstance(made, AsyncCozeClient):

            async def main():
                return await perform(getattr(made.workflows, name)(*args, **kwargs))

            return asyncio.run(main())
        found = getattr(made.workflows, name)(*args, **kwargs)
        if isinstance(found, Pager):
            return list(found)
        return found.until_done() if hasattr(found, "until_done") else found

    yield run
    if isinstance(made, CozeClient):
        made.close()


@pytest.fixture
def workflow(emulator):
    """Add a workflow of this function and return its id."""

    def add(run, **options):
        return emulator.add_workflow(Workflow(run.__name__, run, **options)).id

    return add


# -- running


@pytest.mark.parametrize("mode", ["auto", "sync", "stream", "async"])
def test_a_workflow_runs_in_every_mode_with_one_outcome(call, emulator, mode):
    run = call(
        "run",
        workflow_id=emulator.workflow_id("weather"),
        parameters={"city": "Paris", "days": 2},
        mode=mode,
    )
    assert run.status == "completed"
    assert run.value["city"] == "Paris"
    assert len(run.value["forecast"]) == 2
    assert run.usage.total_tokens > 0
    assert "work_flow" in run.debug_url or mode in {"auto", "stream"}
    path = "/v1/workflow/stream_run" if mode in {"auto", "stream"} else "/v1/workflow/run"
    [request] = emulator.requests.to(path)
    assert request.json.get("is_async", False) is (mode == "async")


@pytest.mark.parametrize(
    ("seconds", "path"),
    [(None, "stream_run"), (60, "stream_run"), (600, "stream_run"), (601, "run"), (86400, "run")],
)
def test_the_way_is_chosen_by_the_time_it_may_take(call, emulator, seconds, path):
    call(
        "run",
        workflow_id=emulator.workflow_id("weather"),
        parameters={"city": "Paris"},
        max_seconds=seconds,
    )
    assert emulator.requests[0].path == f"/v1/workflow/{path}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"mode": "sync", "max_seconds": 91}, "90 seconds"),
        ({"mode": "stream", "max_seconds": 601}, "600 seconds"),
        ({"mode": "later"}, "mode must be"),
        ({"max_seconds": 0}, "max_seconds"),
        ({"bot_id": "1", "app_id": "2"}, "not both"),
        ({"ext": {"phone": "1"}}, "ext takes"),
        ({"parameters": {"a": object()}}, "neither JSON data nor a file"),
        ({"workflow_id": 5}, "must be a string"),
        ({"workflow_id": ""}, "must not be empty"),
    ],
)
def test_what_cannot_be_run_is_refused_before_a_request(call, emulator, arguments, said):
    with pytest.raises((ValueError, TypeError), match=said):
        call("run", **{"workflow_id": "1", **arguments})
    assert not emulator.requests


def test_a_failed_run_is_an_error_with_what_came_before(call, workflow):
    async def fails(parameters, context):
        yield Say("half of it")
        yield WorkflowFail(4020, "too many")

    id = workflow(fails)
    with pytest.raises(WorkflowFailedError, match="too many") as caught:
        call("run", workflow_id=id)
    error = caught.value
    assert isinstance(error, RateLimitError)
    assert error.code == 4020
    assert not error.retryable
    assert error.run.nodes[0].text == "half of it"
    assert error.run.status == "failed"
    with pytest.raises(WorkflowFailedError) as caught:
        call("run", workflow_id=id, mode="async")
    assert caught.value.code == 4020
    assert caught.value.run.execute_id


def test_an_asynchronous_run_needs_a_paid_plan(call, emulator):
    emulator.faults.add(Fault(code=6003), path="/v1/workflow/run")
    with pytest.raises(PermissionDeniedError) as caught:
        call("run", workflow_id=emulator.workflow_id("weather"), mode="async")
    assert "paid plan" in caught.value.hint


def test_an_asynchronous_run_is_started_waited_for_and_looked_at(call, emulator, workflow):
    async def slow(parameters, context):
        yield Say("thinking", title="Thoughts")
        yield Pause(0.3)
        yield Output({"user": context.user_id, "bot": context.bot_id})

    id = workflow(slow)
    started = call("start", workflow_id=id, bot_id="77", ext={"user_id": "ann"})
    assert started.status == "running"
    assert started.execute_id
    ids = {"workflow_id": id, "execute_id": started.execute_id}
    with pytest.raises(PollTimeoutError, match="goes on"):
        call("wait", **ids, timeout=0.01)
    run = call("wait", **ids)
    assert run.value == {"user": "ann", "bot": "77"}
    seen = call("execution", **ids)
    assert seen.execute_status == "Success"
    assert seen.run_mode == 2
    node = seen.node_execute_status["Thoughts"]
    output = call("node_output", **ids, node_execute_uuid=node.node_execute_uuid)
    assert json.loads(output.node_output) == {"Output": "thinking"}
    with pytest.raises(NotFoundError):
        call("execution", workflow_id=id, execute_id="1")


def test_text_of_an_end_node_stays_text(call, workflow):
    async def says(parameters, context):
        yield Output("Just text, not {JSON}.")

    id = workflow(says)
    for mode in ("sync", "stream", "async"):
        run = call("run", workflow_id=id, mode=mode)
        assert run.value == run.text == run.output == "Just text, not {JSON}."


def test_a_single_text_value_is_unwrapped_for_people(call, emulator, workflow):
    async def wraps(parameters, context):
        yield Output({"output": "北京"})

    run = call("run", workflow_id=workflow(wraps))
    assert run.text == "北京"
    assert run.value == {"output": "北京"}


def test_a_sign_of_life_is_no_news(call, workflow):
    async def beats(parameters, context):
        yield Heartbeat()
        yield Say("a")
        yield Heartbeat()
        yield Output("b")

    assert call("run", workflow_id=workflow(beats)).output == "b"


# -- questions


@pytest.mark.parametrize("mode", ["auto", "sync", "stream"])
def test_a_question_is_answered_and_the_run_goes_on(call, emulator, mode):
    id = emulator.workflow_id("travel")
    run = call("run", workflow_id=id, parameters={"name": "Ann"}, mode=mode)
    assert run.status == "interrupted"
    assert run.interrupt.kind == "question"
    if mode != "sync":
        assert run.interrupt.question == "Where do you want to go?"
    run = call("resume", workflow_id=id, interrupt=run.interrupt, data="Rome", mode=mode)
    assert run.status == "interrupted"
    run = call("resume", workflow_id=id, interrupt=run.interrupt, data="tomorrow", mode=mode)
    assert run.text == "Ann goes to Rome, tomorrow."


def test_an_asynchronous_run_asks_too(call, emulator):
    id = emulator.workflow_id("travel")
    run = call("run", workflow_id=id, mode="async")
    assert run.status == "interrupted"
    for answer in ("Rome", "tomorrow"):
        run = call("resume", workflow_id=id, interrupt=run.interrupt, data=answer, mode="async")
    assert run.text == "Somebody goes to Rome, tomorrow."


def test_an_answer_serves_once(call, emulator):
    id = emulator.workflow_id("travel")
    run = call("run", workflow_id=id)
    call("resume", workflow_id=id, interrupt=run.interrupt, data="Rome")
    with pytest.raises(BadRequestError):
        call("resume", workflow_id=id, interrupt=run.interrupt, data="Rome")


def test_an_input_node_says_what_it_wants(call, workflow):
    async def form(parameters, context):
        wanted = {"size": Parameter("integer", required=True), "note": Parameter()}
        answer = yield Ask("", type=5, required=wanted, title="Input")
        yield Output(json.loads(answer))

    id = workflow(form)
    run = call("run", workflow_id=id)
    assert run.interrupt.kind == "input"
    assert run.interrupt.required_parameters["size"].required
    assert run.interrupt.required_parameters["size"].type == "integer"
    run = call("resume", workflow_id=id, interrupt=run.interrupt, data={"size": 4, "note": "四"})
    assert run.value == {"size": 4, "note": "四"}


def test_an_interrupt_made_of_its_ids_will_do(call, emulator):
    id = emulator.workflow_id("travel")
    asked = call("run", workflow_id=id).interrupt
    copy = Interrupt(event_id=asked.event_id, type=asked.type)
    assert call("resume", workflow_id=id, interrupt=copy, data="Rome").status == "interrupted"
    for wrong in (Interrupt(event_id="1"), Interrupt(type=2)):
        with pytest.raises(ValueError, match="event_id and type"):
            call("resume", workflow_id=id, interrupt=wrong, data="x")
    with pytest.raises(TypeError, match="Interrupt"):
        call("resume", workflow_id=id, interrupt="1", data="x")


def test_an_interrupted_stream_ends_with_the_interrupt(emulator, client):
    with client.workflows.stream(workflow_id=emulator.workflow_id("travel")) as stream:
        events = list(stream)
    assert isinstance(events[-1], WorkflowInterrupted)
    with client.workflows.stream_resume(
        workflow_id=stream.run.workflow_id, interrupt=events[-1].interrupt, data="Rome"
    ) as stream:
        assert isinstance(list(stream)[-1], WorkflowInterrupted)


# -- files


def test_files_among_the_parameters_are_uploaded(call, emulator, workflow, tmp_path):
    async def sees(parameters, context):
        yield Output(parameters)

    path = tmp_path / "cat.png"
    path.write_bytes(b"png")
    inputs = {
        "picture": Parameter("image", required=True),
        "others": Parameter("array", items=Parameter("file")),
        "note": Parameter(),
    }
    id = workflow(sees, inputs=inputs)
    parameters = {
        "picture": Path(path),
        "others": [b"one", ("two.txt", b"two"), "https://example.com/3.pdf"],
        "note": str(path),  # text is never taken for a file: a model may have written it
    }
    run = call("run", workflow_id=id, parameters=parameters)
    assert json.loads(run.value["picture"])["file_id"]
    assert [("file_id" in each) for each in run.value["others"]] == [True, True, False]
    assert run.value["note"] == str(path)
    assert len(emulator.requests.to("/v1/files/upload")) == 3


def test_a_missing_file_is_found_before_a_request(call, emulator):
    with pytest.raises(ValueError, match="no file"):
        call("run", workflow_id="1", parameters={"picture": Path("/nowhere/cat.png")})
    assert not emulator.requests.to("/v1/workflow/stream_run")


# -- chatflows


def test_a_chatflow_is_a_chat(call, emulator):
    id = emulator.workflow_id("order")
    turn = call("chat", workflow_id=id, app_id="9", messages=[EnterMessage.user("coffee")])
    assert turn.answer == "Which size?"
    assert turn.interrupted
    turn = call(
        "chat",
        workflow_id=id,
        app_id="9",
        messages=[EnterMessage.user("large")],
        conversation_id=turn.conversation_id,
    )
    assert turn.answer == "One large coffee, coming up."
    assert turn.status == "completed"
    assert not turn.interrupted
    assert all("/cancel" not in request.path for request in emulator.requests)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "bot_id or app_id"),
        ({"bot_id": "1", "app_id": "2"}, "bot_id or app_id"),
        ({"app_id": "1", "messages": []}, "last message"),
        ({"app_id": "1", "messages": [EnterMessage.assistant("x")]}, "last message"),
        ({"app_id": "1", "messages": [EnterMessage.user("x")] * 51}, "50"),
    ],
)
def test_a_chatflow_that_cannot_be_talked_to_is_refused(client, arguments, said):
    given = {"workflow_id": "1", "messages": [EnterMessage.user("hi")], **arguments}
    with pytest.raises(ValueError, match=said):
        client.workflows.chat(**given)


# -- what is known of workflows


def test_workflows_their_types_and_their_versions_are_listed(call, emulator):
    names = [each.workflow_name for each in call("list", workspace_id=WORKSPACE_ID, page_size=2)]
    assert names == ["weather", "travel", "search", "order"]
    chatflows = call("list", workspace_id=WORKSPACE_ID, workflow_mode="chatflow")
    assert [each.workflow_name for each in chatflows] == ["order"]
    id = emulator.workflow_id("weather")
    info = call("retrieve", workflow_id=id)
    assert info.detail.workflow_name == "weather"
    assert info.input_schema() == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "The city"},
            "days": {"type": "integer", "description": "How many days", "default": 1},
        },
        "required": ["city"],
    }
    assert info.outputs["forecast"].items.type == "string"
    assert call("retrieve", workflow_id=id, include_input_output=False).inputs is None
    versions = call("versions", workflow_id=id, page_size=1)
    assert [each.version for each in versions] == ["v0.0.2", "v0.0.1"]
    with pytest.raises(NotFoundError):
        call("retrieve", workflow_id="1")


def test_types_become_json_schemas():
    parameter = WorkflowParameter.model_validate(
        {
            "type": "object",
            "required": True,
            "properties": {
                "when": {"type": "time"},
                "pictures": {"type": "array", "items": {"type": "image"}},
                "strange": {"type": "hologram"},
                "ratio": {"type": "number", "default_value": "0.5", "required": True},
            },
        }
    )
    schema = parameter.json_schema()
    assert schema["required"] == ["ratio"]
    assert schema["properties"]["when"]["type"] == "string"
    assert schema["properties"]["pictures"]["items"]["type"] == "string"
    assert "image file" in schema["properties"]["pictures"]["items"]["description"]
    assert schema["properties"]["strange"]["type"] == "string"
    assert schema["properties"]["ratio"] == {"type": "number", "default": 0.5}


# -- Studio


def test_studio_runs_them_too():
    with Emulator(profile="studio") as studio:
        client = CozeClient(studio.token, base_url=studio.base_url)
        with client:
            weather = studio.workflow_id("weather")
            run = client.workflows.run(workflow_id=weather, parameters={"city": "Paris"})
            assert run.value["city"] == "Paris"
            assert run.debug_url
            started = client.workflows.start(workflow_id=weather, parameters={"city": "Rome"})
            waited = client.workflows.wait(workflow_id=weather, execute_id=started.execute_id)
            assert waited.value["city"] == "Rome"
            assert client.workflows.retrieve(workflow_id=weather).detail.workflow_name == "weather"
            travel = studio.workflow_id("travel")
            asked = client.workflows.run(workflow_id=travel)
            assert asked.interrupt.kind == "question"
            with pytest.raises(BadRequestError) as caught:
                client.workflows.run(workflow_id=travel, mode="sync")
            assert "stream it" in caught.value.hint
            order = studio.workflow_id("order")
            turn = client.workflows.chat(
                workflow_id=order, bot_id="1", messages=[EnterMessage.user("tea")]
            ).until_done()
            assert turn.answer == "Which size?"


# -- many at once


def test_two_hundred_runs_at_once_do_not_mix(emulator, async_client):
    id = emulator.workflow_id("weather")

    async def main():
        async def one(number):
            city = f"City {number}"
            run = await async_client.workflows.run(workflow_id=id, parameters={"city": city})
            assert run.value["city"] == city

        await asyncio.gather(*(one(number) for number in range(200)))
        await async_client.aclose()

    asyncio.run(main())


def test_both_kinds_have_the_same_signatures(client, async_client):
    for name in ("run", "resume", "stream", "start", "wait", "chat", "list"):
        ours, theirs = getattr(client.workflows, name), getattr(async_client.workflows, name)
        assert list(inspect.signature(ours).parameters) == list(
            inspect.signature(theirs).parameters
        )
        assert ours.__doc__ == theirs.__doc__
