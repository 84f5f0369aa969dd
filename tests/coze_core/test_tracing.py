"""Spans: what they say, when they begin and end, and whose children they are."""

import asyncio
import contextlib
import copy
import json
import pickle
import subprocess
import sys

import anyio
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode
from spans import events
from wire import (
    CREATED,
    END,
    STREAM_HEAD,
    RawServer,
    chat_event,
    chunk,
    event,
    message,
    reply,
)

from coze_core import (
    ChatFailedError,
    CozeClient,
    CozeError,
    EnterMessage,
    FunctionAuth,
    Interrupt,
    ToolOutput,
    Tracing,
)
from coze_core.emulator import (
    Bot,
    Fault,
    Knowledge,
    Reasoning,
    ServerTool,
    ToolCall,
    Usage,
)

SECRET = "What only the two of us know"


async def knowing(_, __):
    yield Reasoning("Hm.")
    yield Knowledge(SECRET)
    yield ServerTool("search", {"q": SECRET}, f"found: {SECRET}")
    yield f"It is: {SECRET}"
    yield Usage(3, 4)


# -- chats


def check_whole(span, turn, emulator):
    assert span.name == f"chat {emulator.bot_id('echo')}"
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "coze",
        "gen_ai.system": "coze",
        "gen_ai.agent.id": emulator.bot_id("echo"),
        "coze.bot_id": emulator.bot_id("echo"),
        "gen_ai.conversation.id": turn.conversation_id,
        "gen_ai.response.id": turn.chat_id,
        "coze.chat.id": turn.chat_id,
        "coze.chat.status": "completed",
        "coze.log_id": turn.log_id,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": turn.usage.input_tokens,
        "gen_ai.usage.output_tokens": turn.usage.output_tokens,
        "server.address": "127.0.0.1",
        "server.port": int(emulator.base_url.rpartition(":")[2]),
    }
    assert expected.items() <= dict(span.attributes).items()
    assert "error.type" not in span.attributes
    assert "coze.cancelled" not in span.attributes


def test_a_streamed_chat_is_a_span_with_all_that_is_known_of_it(traced, emulator, ask, spans):
    turn = traced.chat.stream(**ask("Hello", "echo")).until_done()
    span = spans.one("chat")
    check_whole(span, turn, emulator)
    [first] = events(span, "coze.first_token")
    seconds = span.attributes["coze.time_to_first_token"]
    assert seconds == (first.timestamp - span.start_time) / 1e9
    assert span.attributes["gen_ai.response.time_to_first_chunk"] == seconds
    assert span.start_time < first.timestamp <= span.end_time


@pytest.mark.anyio
async def test_an_awaited_chat_is_the_same_span(async_traced, emulator, ask, spans):
    turn = await async_traced.chat.stream(**ask("Hello", "echo")).until_done()
    check_whole(spans.one("chat"), turn, emulator)
    assert spans.one("chat").attributes["coze.time_to_first_token"] > 0


def test_a_polled_chat_is_one_span_for_all_its_requests(traced, emulator, ask, spans):
    turn = traced.chat.create_and_poll(**ask("Hello", "echo"))
    [span] = spans.all()
    check_whole(span, turn, emulator)


def test_a_chat_that_goes_on_by_itself_is_a_span_until_it_has_begun(traced, ask, spans):
    chat = traced.chat.create(**ask("Hello", "echo"))
    span = spans.one("chat")
    assert span.attributes["gen_ai.response.id"] == chat.id
    assert span.attributes["coze.chat.status"] == chat.status
    assert "gen_ai.response.finish_reasons" not in span.attributes


def test_a_chat_of_version_2_is_a_span_as_well(emulator, ask, spans):
    tracing = Tracing(spans.provider, capture_content=True)
    arguments = ask("Hello", "echo")
    with CozeClient(
        emulator.token, base_url=emulator.base_url, protocol="v2", tracing=tracing
    ) as client:
        client.chat.create_and_poll(**arguments)
        client.chat.stream(**arguments).until_done()
    assert [span.name for span in spans.all()] == [f"chat {emulator.bot_id('echo')}"] * 2
    for span in spans.all():
        assert "Hello" in span.attributes["gen_ai.input.messages"]
        assert "Hello" in span.attributes["gen_ai.output.messages"]


def test_other_requests_are_spans_named_by_their_path(traced, spans):
    conversation = traced.conversations.create(name="x")
    traced.conversations.rename(conversation_id=conversation.id, name="y")
    list(traced.conversations.list(bot_id="7350000000000000001"))
    assert [span.name for span in spans.all()] == [
        "coze POST /v1/conversation/create",
        "coze PUT /v1/conversations/{id}",
        "coze GET /v1/conversations",
    ]
    assert spans.all()[0].attributes["coze.log_id"] == conversation.log_id


# -- tools


def test_the_bots_own_tools_are_children_of_the_chat(traced, ask_new, spans):
    turn = traced.chat.stream(**ask_new(knowing)).until_done()
    chat, tool = spans.one("chat"), spans.one("execute_tool")
    assert tool.name == f"execute_tool {turn.tool_activity[0].name}"
    assert tool.parent.span_id == chat.context.span_id
    assert tool.attributes["gen_ai.tool.name"] == turn.tool_activity[0].name
    assert chat.start_time <= tool.start_time <= tool.end_time <= chat.end_time
    assert len(events(chat, "coze.knowledge_recall")) == 1


def test_the_tools_of_a_polled_chat_are_events(traced, ask_new, spans):
    turn = traced.chat.create_and_poll(**ask_new(knowing))
    [tool] = events(spans.one("chat"), "execute_tool")
    assert tool.attributes["gen_ai.tool.name"] == turn.tool_activity[0].name
    assert len(events(spans.one("chat"), "coze.knowledge_recall")) == 1
    assert SECRET not in spans.text()


def test_calls_that_wait_for_the_caller_are_events_and_submitting_is_a_chat(
    traced, emulator, spans
):
    async def local(_, context):
        if context.tool_results:
            yield "Done."
        else:
            yield ToolCall("look_up", {"what": SECRET})

    bot = emulator.add_bot(Bot("local", local, tools=("look_up",)))
    turn = traced.chat.stream(
        bot_id=bot.id, user_id="u1", messages=[EnterMessage.user("go")]
    ).until_done()
    [call] = turn.tool_calls
    asked = spans.one("chat")
    assert asked.attributes["gen_ai.response.finish_reasons"] == ("tool_calls",)
    [event] = events(asked, "coze.tool_call")
    assert event.attributes["gen_ai.tool.name"] == "look_up"
    assert event.attributes["gen_ai.tool.call.id"] == call.id
    traced.chat.stream_tool_outputs(
        conversation_id=turn.conversation_id,
        chat_id=turn.chat_id,
        tool_outputs=[ToolOutput(tool_call_id=call.id, output=SECRET)],
    ).until_done()
    submitted = spans.of("chat")[1]
    assert submitted.name == f"chat {bot.id}"
    assert submitted.attributes["gen_ai.response.id"] == turn.chat_id
    assert submitted.attributes["gen_ai.conversation.id"] == turn.conversation_id
    assert spans.of("execute_tool") == []
    assert SECRET not in spans.text()


# -- workflows


def workflow_events(*told):
    frames = [
        f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
        for number, (name, data) in enumerate(told)
    ]
    return Fault(status=200, body="".join(frames).encode(), content_type="text/event-stream")


NODE = {"node_title": "Look up", "node_id": "5", "node_seq_id": "0", "node_is_finish": True}
RUN = [
    ("Message", {"content": SECRET, **NODE}),
    (
        "Message",
        {
            "content": "all",
            "node_title": "End",
            "node_type": "End",
            "node_seq_id": "0",
            "node_is_finish": True,
            "usage": {"input_count": 5, "output_count": 6, "token_count": 11},
        },
    ),
    ("Done", {"execute_id": "7431"}),
]


def test_a_workflow_is_a_span_with_its_nodes_as_events(traced, async_traced, emulator, spans):
    for _ in range(2):
        emulator.faults.add(workflow_events(*RUN), path="/v1/workflow/stream_run")
    arguments = {"workflow_id": "7389", "parameters": {"q": SECRET}}
    traced.workflows.run(**arguments)
    asyncio.run(async_traced.workflows.stream(**arguments).until_done())
    assert len(spans.all()) == 2
    for span in spans.of("invoke_workflow 7389"):
        expected = {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.provider.name": "coze",
            "coze.workflow_id": "7389",
            "coze.execute_id": "7431",
            "coze.workflow.status": "completed",
            "gen_ai.usage.input_tokens": 5,
            "gen_ai.usage.output_tokens": 6,
        }
        assert expected.items() <= dict(span.attributes).items()
        nodes = events(span, "coze.workflow.node")
        assert [node.attributes["coze.node.title"] for node in nodes] == ["Look up", "End"]
        assert events(span, "coze.first_token")
    assert SECRET not in spans.text()


@pytest.mark.parametrize("mode", ["stream", "sync", "async"])
def test_a_workflow_is_one_span_in_every_mode(traced, async_traced, emulator, spans, mode):
    arguments = {
        "workflow_id": emulator.workflow_id("weather"),
        "parameters": {"city": "Paris", "days": 2},
        "mode": mode,
    }
    run = traced.workflows.run(**arguments)
    asyncio.run(async_traced.workflows.run(**arguments))
    assert len(spans.all()) == 2
    for span in spans.all():
        assert span.name == f"invoke_workflow {arguments['workflow_id']}"
        assert span.attributes["coze.workflow.status"] == "completed"
        assert span.attributes["gen_ai.usage.output_tokens"] == run.usage.output_tokens
        assert span.attributes["coze.log_id"]


def test_a_workflow_that_fails_stops_to_ask_or_is_cut_says_so(traced, emulator, spans):
    asks = ("Interrupt", {"interrupt_data": {"event_id": "1", "type": 2}, "node_title": "Ask"})
    fails = ("Error", {"error_code": 5000, "error_message": SECRET})
    for told in ([fails], [asks], RUN[:1]):
        emulator.faults.add(workflow_events(*told), path="/v1/workflow/stream_run")
        with contextlib.suppress(CozeError):
            traced.workflows.run(workflow_id="7389")
    failed, asked, cut = spans.of("invoke_workflow")
    assert failed.attributes["coze.error.code"] == 5000
    assert failed.status.status_code is StatusCode.ERROR
    assert asked.attributes["coze.workflow.status"] == "interrupted"
    assert asked.status.status_code is StatusCode.UNSET
    assert cut.attributes["error.type"] == "IncompleteStreamError"
    assert SECRET not in spans.text()


def test_a_blocking_workflow_with_a_file_is_one_span_named_by_the_workflow(spans):
    def answer(connection, request, number):
        data = {"id": "9", "bytes": 1, "file_name": "a.txt"} if b"/upload " in request else "{}"
        connection.sendall(reply({"code": 0, "data": data, "execute_id": "7431"}))
        return True

    with (
        RawServer(answer) as server,
        CozeClient("pat_x", base_url=server.base_url, tracing=Tracing(spans.provider)) as client,
    ):
        client.workflows.run(workflow_id="7389", mode="sync", parameters={"f": ("a.txt", b"a")})
    [span] = spans.all()
    assert span.name == "invoke_workflow 7389"
    assert span.attributes["coze.execute_id"] == "7431"


def test_a_chatflow_is_a_workflow(traced, emulator, spans):
    body = b'event:conversation.chat.completed\ndata:{"id":"1","conversation_id":"2"}\n\n'
    fault = Fault(status=200, body=body, content_type="text/event-stream")
    emulator.faults.add(fault, path="/v1/workflows/chat")
    traced.workflows.chat(
        workflow_id="7389", app_id="1", messages=[EnterMessage.user("hi")]
    ).until_done()
    span = spans.one("invoke_workflow 7389")
    assert span.attributes["gen_ai.conversation.id"] == "2"


# -- parents and children


def test_what_happens_during_a_request_is_its_child_and_the_caller_keeps_his_own_span(
    emulator, ask, spans
):
    def token():
        with spans.tracer.start_as_current_span("inside"):
            return emulator.token

    client = CozeClient(
        auth=FunctionAuth(token), base_url=emulator.base_url, tracing=Tracing(spans.provider)
    )
    with client, spans.tracer.start_as_current_span("outside") as outside:
        with client.chat.stream(**ask("Hello", "echo")) as stream:
            for _ in stream:
                assert trace.get_current_span() is outside
        assert trace.get_current_span() is outside
    chat, inside = spans.one("chat"), spans.one("inside")
    assert chat.parent.span_id == spans.one("outside").context.span_id
    assert inside.parent.span_id == chat.context.span_id


@pytest.mark.anyio
async def test_two_chats_at_once_have_their_own_parents(async_traced, ask, spans):
    both = anyio.Event()
    waiting = []

    async def one(name):
        with spans.tracer.start_as_current_span(f"parent {name}") as parent:
            async with async_traced.chat.stream(**ask(name, "echo")) as stream:
                waiting.append(name)
                if len(waiting) == 2:
                    both.set()
                await both.wait()
                await stream.until_done()
                assert trace.get_current_span() is parent
            await async_traced.users.me()
        assert not trace.get_current_span().is_recording()

    async with anyio.create_task_group() as group:
        group.start_soon(one, "a")
        group.start_soon(one, "b")
    await async_traced.aclose()
    children = {}
    for span in [*spans.of("chat"), *spans.of("coze GET /v1/users/me")]:
        children.setdefault(span.parent.span_id, []).append(span.name.split()[0])
    parents = {span.context.span_id for span in spans.of("parent")}
    assert children == {parent: ["chat", "coze"] for parent in parents}


# -- content and secrets


def test_nothing_that_was_said_is_in_a_span_unless_it_is_wanted(traced, emulator, spans):
    bot = emulator.add_bot(Bot("knowing", knowing))
    arguments = {
        "bot_id": bot.id,
        "user_id": "u1",
        "messages": [EnterMessage.user(SECRET)],
        "custom_variables": {"name": SECRET},
    }
    traced.chat.stream(**arguments).until_done()
    assert len(spans.all()) == 2
    assert SECRET not in spans.text()


@pytest.mark.parametrize("by_environment", [False, True])
def test_content_is_in_the_spans_where_it_is_wanted(emulator, spans, monkeypatch, by_environment):
    if by_environment:
        monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    bot = emulator.add_bot(Bot("knowing", knowing))
    tracing = Tracing(spans.provider, capture_content=None if by_environment else True)
    with CozeClient(emulator.token, base_url=emulator.base_url, tracing=tracing) as client:
        client.chat.stream(
            bot_id=bot.id, user_id="u1", messages=[EnterMessage.user("What?")]
        ).until_done()
    chat, tool = spans.one("chat"), spans.one("execute_tool")
    [asked] = json.loads(chat.attributes["gen_ai.input.messages"])
    assert asked == {"role": "user", "parts": [{"type": "text", "content": "What?"}]}
    [said] = json.loads(chat.attributes["gen_ai.output.messages"])
    assert said["finish_reason"] == "stop"
    assert said["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": f"It is: {SECRET}"},
    ]
    assert json.loads(tool.attributes["gen_ai.tool.call.arguments"]) == {"q": SECRET}
    assert tool.attributes["gen_ai.tool.call.result"] == f"found: {SECRET}"
    assert events(chat, "coze.knowledge_recall")[0].attributes["coze.knowledge"] == SECRET


def test_content_that_is_refused_here_stays_out_whatever_the_environment_says(
    emulator, ask, spans, monkeypatch
):
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    tracing = Tracing(spans.provider, capture_content=False)
    with CozeClient(emulator.token, base_url=emulator.base_url, tracing=tracing) as client:
        client.chat.stream(**ask(SECRET, "echo")).until_done()
    assert SECRET not in spans.text()


@pytest.mark.parametrize("token", ["mycustomtoken-0001", "pat_Abcdef123456"])
def test_a_token_that_the_server_repeats_is_in_no_span(spans, token):
    def answer(connection, request, number):
        if number:
            failure = event("conversation.chat.failed", {"code": 5000, "msg": f"for {token}"})
            connection.sendall(STREAM_HEAD + chunk(CREATED + failure) + END)
        else:
            headers = f"x-tt-logid: {token}\r\n"
            connection.sendall(reply({"code": 5, "msg": f"bad {token}"}, headers=headers))
        return True

    tracing = Tracing(spans.provider, capture_content=True)
    question = EnterMessage.user(f"I am {token}")
    with (
        RawServer(answer) as server,
        CozeClient(token, base_url=server.base_url, tracing=tracing) as client,
    ):
        for _ in range(2):
            with pytest.raises(CozeError):
                client.chat.stream(bot_id="1", user_id="u", messages=[question]).until_done()
    assert len(spans.of("chat")) == 2
    assert "bad" in spans.text()
    assert token not in spans.text()


def test_the_content_of_workflows_and_tool_outputs_is_there_where_it_is_wanted(emulator, spans):
    tracing = Tracing(spans.provider, capture_content=True)
    emulator.faults.add(workflow_events(*RUN), path="/v1/workflow/stream_run")
    emulator.faults.add(workflow_events(*RUN[1:]), path="/v1/workflow/stream_resume")
    with CozeClient(emulator.token, base_url=emulator.base_url, tracing=tracing) as client:
        client.workflows.run(workflow_id="7389", parameters={"q": SECRET})
        interrupt = Interrupt(event_id="1", type=2)
        client.workflows.resume(workflow_id="7389", interrupt=interrupt, data=SECRET)
        outputs = [ToolOutput(tool_call_id="1", output=SECRET)]
        with pytest.raises(CozeError):
            client.chat.submit_tool_outputs(conversation_id="1", chat_id="2", tool_outputs=outputs)
    ran, resumed = spans.of("invoke_workflow 7389")
    assert json.loads(ran.attributes["coze.workflow.parameters"]) == {"q": SECRET}
    assert "all" in ran.attributes["gen_ai.output.messages"]
    assert SECRET in resumed.attributes["coze.workflow.parameters"]
    submitted = spans.one("chat")
    assert SECRET in submitted.attributes["gen_ai.input.messages"]
    assert submitted.attributes["coze.chat.id"] == "2"


# -- settings


def test_options_keep_the_tracing_and_a_provider_of_ones_own_is_not_pickled(
    traced, emulator, ask, spans, monkeypatch
):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    traced.with_options(timeout=5).chat.stream(**ask("Hello", "echo")).until_done()
    assert len(spans.of("chat")) == 1
    with pytest.raises(TypeError, match="set_tracer_provider"):
        pickle.dumps(traced)
    client = CozeClient(emulator.token, tracing=Tracing(capture_content=True))
    again = pickle.loads(pickle.dumps(client))
    assert again._config.tracing == Tracing(capture_content=True)


@pytest.mark.parametrize("tracing", ["yes", 1, object()])
def test_a_setting_that_says_nothing_is_refused(tracing):
    with pytest.raises(TypeError, match="tracing must be"):
        CozeClient("pat_x", tracing=tracing)


def test_a_tool_that_never_answers_ends_with_its_chat(traced, emulator, ask, spans):
    call = {"name": "search", "arguments": {}, "plugin_type": 1}
    told = CREATED + message("completed", json.dumps(call), type="function_call")
    emulator.faults.add(Fault(replay=told + chat_event("failed")), path="/v3/chat")
    with pytest.raises(ChatFailedError):
        traced.chat.stream(**ask("Hello")).until_done()
    tool, chat = spans.one("execute_tool search"), spans.one("chat")
    assert tool.parent.span_id == chat.context.span_id
    assert chat.status.status_code is StatusCode.ERROR


def test_what_is_not_sampled_costs_no_chat_its_life(emulator, ask, spans):
    provider = TracerProvider(sampler=ALWAYS_OFF)
    provider.add_span_processor(SimpleSpanProcessor(spans.exporter))
    tracing = Tracing(provider, capture_content=True)
    with CozeClient(emulator.token, base_url=emulator.base_url, tracing=tracing) as client:
        assert client.chat.stream(**ask("Hello", "echo")).until_done().answer == "Hello"
    assert spans.all() == ()


def test_copies_share_the_provider():
    tracing = Tracing(TracerProvider())
    assert copy.deepcopy(tracing).tracer_provider is tracing.tracer_provider
    assert "Provider" not in repr(tracing)


def test_a_provider_that_is_none_is_refused():
    with pytest.raises(TypeError, match="get_tracer"):
        Tracing("console")


def run(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


USE = """
import sys
from coze_core import CozeClient, EnterMessage
base_url, token, bot = sys.argv[1:]
client = CozeClient(token, base_url=base_url, tracing={tracing})
{later}
with client:
    question = EnterMessage.user("hi")
    client.chat.stream(bot_id=bot, user_id="u", messages=[question]).until_done()
print(*sys.modules, *found())
"""
PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
def found():
    return ["SPAN:" + span.name.split()[0] for span in exporter.get_finished_spans()]
"""
NOTHING = "def found(): return []"


def used(emulator, tracing, later):
    place = emulator.base_url, emulator.token, emulator.bot_id("echo")
    return run(USE.format(tracing=tracing, later=later), *place)


def test_a_client_alone_imports_no_opentelemetry(emulator):
    loaded = run('import sys, coze_core; coze_core.CozeClient("pat_x"); print(*sys.modules)')
    assert "coze_core._client" in loaded
    for modules in (loaded, used(emulator, None, NOTHING)):
        assert not [name for name in modules if name.startswith("opentelemetry")]
        assert not [name for name in modules if name.startswith("coze_core._tracing")]


def test_a_provider_that_is_configured_after_the_client_is_found(emulator):
    assert "SPAN:chat" in used(emulator, None, PROVIDER)
    assert "SPAN:chat" in used(emulator, True, PROVIDER)
    assert "SPAN:chat" not in used(emulator, False, PROVIDER)


def test_without_a_provider_nothing_is_traced(emulator):
    without = "import opentelemetry.trace\n" + NOTHING
    assert "coze_core._client" in used(emulator, None, without)
    assert "coze_core._tracing" in used(emulator, True, NOTHING)


def test_tracing_without_the_package_says_what_to_install():
    code = """
import sys
sys.modules["opentelemetry"] = None
from coze_core import CozeClient
try:
    CozeClient("pat_x", tracing=True)
except ImportError as error:
    print(error)
"""
    assert "coze-bridge[tracing]" in " ".join(run(code))
