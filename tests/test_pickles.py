"""What is pickled holds no token, and works wherever the environment has one."""

import asyncio
import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider

from coze_core import (
    AsyncCozeClient,
    AuthenticationError,
    CozeClient,
    JWTAuth,
    TokenAuth,
    Tracing,
)
from langchain_coze import ChatCoze, CozeBotTool, CozeWorkflowTool
from langchain_coze import CozeWorkflowRetriever as LangChainRetriever
from llamaindex_coze import Coze, CozeToolSpec
from llamaindex_coze import CozeWorkflowRetriever as LlamaIndexRetriever

WEATHER = "7380000000000000001"  # of the emulator
SECRET = "pat_" + "s" * 40
ROOT = Path(__file__).parent.parent

USES = {
    "chat model": lambda twin: twin.invoke("What is 2 + 3?").text,
    "workflow tool": lambda twin: twin.invoke({"city": "Paris"}),
    "bot tool": lambda twin: twin.invoke({"message": "What is 2 + 3?"}),
    "retriever": lambda twin: twin.client.users.me().user_name,
    "LlamaIndex model": lambda twin: twin.complete("What is 2 + 3?").text,
    "LlamaIndex workflow tool": lambda twin: twin.call(city="Paris").content,
    "LlamaIndex bot tool": lambda twin: twin.call(message="What is 2 + 3?").content,
    "LlamaIndex tools": lambda twin: twin.to_tool_list()[0].call(city="Paris").content,
    "LlamaIndex retriever": lambda twin: twin.client.users.me().user_name,
    "client": lambda twin: twin.users.me().user_name,
    "awaiting client": lambda twin: asyncio.run(twin.users.me()).user_name,
}
SAID = {
    "chat model": "2 + 3 = 5",
    "bot tool": "2 + 3 = 5",
    "LlamaIndex model": "2 + 3 = 5",
    "LlamaIndex bot tool": "2 + 3 = 5",
    **dict.fromkeys(("retriever", "LlamaIndex retriever", "client", "awaiting client"), "emulated"),
}


def made(emulator, **key):
    """One of each kind, with this key or without one."""
    where = {"base_url": emulator.base_url, **key}
    bot = emulator.bot_id("assistant")
    about = {"bot_id": bot, "name": "bot", "description": "A bot."}
    spec = CozeToolSpec(workflow_ids=[WEATHER], bot_ids=[bot], **where)
    workflow_tool, bot_tool = spec.to_tool_list()
    client = {"base_url": emulator.base_url, "token": key.get("api_key")}
    return {
        "chat model": ChatCoze(bot_id=bot, **where),
        "workflow tool": CozeWorkflowTool.from_workflow(WEATHER, **where),
        "bot tool": CozeBotTool(**about, **where),
        "retriever": LangChainRetriever(workflow_id=WEATHER, **where),
        "LlamaIndex model": Coze(bot_id=bot, **where),
        "LlamaIndex workflow tool": workflow_tool,
        "LlamaIndex bot tool": bot_tool,
        "LlamaIndex tools": spec,
        "LlamaIndex retriever": LlamaIndexRetriever(WEATHER, **where),
        "client": CozeClient(**client),
        "awaiting client": AsyncCozeClient(**client),
    }


@pytest.fixture(params=USES)
def kind(request):
    return request.param


def test_a_pickle_holds_no_token_and_the_copy_works_with_that_of_the_environment(
    emulator, monkeypatch, kind
):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    original = made(emulator)[kind]
    for _ in range(2):  # before and after its use
        frozen = pickle.dumps(original)
        assert emulator.token.encode() not in frozen
        assert SAID.get(kind, "Paris") in USES[kind](pickle.loads(frozen))
        USES[kind](original)


def test_a_key_that_is_the_environments_own_may_be_given_as_well(emulator, monkeypatch, kind):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    frozen = pickle.dumps(made(emulator, api_key=emulator.token)[kind])
    assert emulator.token.encode() not in frozen
    assert SAID.get(kind, "Paris") in USES[kind](pickle.loads(frozen))


@pytest.mark.parametrize("environment", [None, SECRET])
def test_a_key_that_the_environment_has_not_is_not_pickled(
    emulator, monkeypatch, kind, environment
):
    if environment:  # the copy would work for that account
        monkeypatch.setenv("COZE_API_TOKEN", environment)
    original = made(emulator, api_key=emulator.token)[kind]
    with pytest.raises(TypeError, match="COZE_API_TOKEN") as caught:
        pickle.dumps(original)
    assert "环境变量" in str(caught.value)
    assert emulator.token not in str(caught.value)


def test_copies_within_a_process_keep_the_key_that_was_given(emulator, kind):
    original = made(emulator, api_key=emulator.token)[kind]
    for twin in (copy.copy(original), copy.deepcopy(original)):
        assert SAID.get(kind, "Paris") in USES[kind](twin)


def test_a_copy_without_a_token_says_what_to_do(emulator, monkeypatch, kind):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    frozen = pickle.dumps(made(emulator)[kind])
    monkeypatch.delenv("COZE_API_TOKEN")
    twin = pickle.loads(frozen)  # nothing is wrong until it is used: a pool would break by that
    with pytest.raises((ValueError, AuthenticationError), match="COZE_API_TOKEN"):
        USES[kind](twin)


def test_all_of_them_work_in_another_process(emulator, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    code = "import pickle, sys, test_pickles as t; t.use_all(pickle.load(sys.stdin.buffer))"
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "support")])
    ran = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(made(emulator)),
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stdout.decode().split() == ["fine"] * len(USES)


def use_all(twins):
    """Use each of them; called in another process."""
    for kind, twin in twins.items():
        assert SAID.get(kind, "Paris") in USES[kind](twin), kind
        sys.stdout.write("fine\n")


def test_the_other_variable_of_langchain_will_do(emulator, monkeypatch):
    monkeypatch.setenv("COZE_API_KEY", emulator.token)
    model = ChatCoze(bot_id=emulator.bot_id("assistant"), base_url=emulator.base_url)
    frozen = pickle.dumps(model)
    assert emulator.token.encode() not in frozen
    assert pickle.loads(frozen).invoke("What is 2 + 3?").text == "2 + 3 = 5"


def test_changed_names_and_questions_of_a_llamaindex_tool_are_kept(emulator, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    tool = made(emulator)["LlamaIndex workflow tool"]
    tool.metadata.description, tool.metadata.return_direct = "Another.", True
    twin = pickle.loads(pickle.dumps(tool))
    assert (twin.metadata.name, twin.metadata.description) == (tool.metadata.name, "Another.")
    assert twin.metadata.return_direct
    assert twin.metadata.get_parameters_dict() == tool.metadata.get_parameters_dict()
    assert tool.metadata.fn_schema is not None


def test_a_credential_that_cannot_be_pickled_is_not_left_out(emulator, key_pem, monkeypatch):
    """The copy would work for the account of its environment."""
    monkeypatch.setenv("COZE_API_TOKEN", SECRET)
    auth = JWTAuth("1", private_key=key_pem, public_key_id="k", base_url=emulator.base_url)
    for model in (ChatCoze(bot_id="1", auth=auth), Coze(bot_id="1", auth=auth)):
        with pytest.raises(TypeError, match="private key"):
            pickle.dumps(model)


@pytest.fixture
def key_pem():
    from keys import key_pair

    return key_pair()[0]


def test_a_credential_that_is_a_token_follows_the_rule(emulator, monkeypatch):
    auth = TokenAuth(emulator.token)
    with pytest.raises(TypeError, match="COZE_API_TOKEN"):
        pickle.dumps(ChatCoze(bot_id="1", auth=auth))
    assert copy.deepcopy(ChatCoze(bot_id="1", auth=auth)).auth.token() == emulator.token
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    assert pickle.loads(pickle.dumps(auth)) == auth


CONNECTED = {
    "chat model": lambda **connection: ChatCoze(bot_id="1", **connection),
    "bot tool": lambda **more: CozeBotTool(bot_id="1", name="b", description="A bot.", **more),
    "retriever": lambda **connection: LangChainRetriever(workflow_id="1", **connection),
    "LlamaIndex model": lambda **connection: Coze(bot_id="1", **connection),
    "LlamaIndex tools": lambda **connection: CozeToolSpec(bot_ids=["1"], **connection),
    "LlamaIndex retriever": lambda **connection: LlamaIndexRetriever("1", **connection),
}
connected = pytest.mark.parametrize("one", CONNECTED)


def with_headers(headers):
    """One of each kind that sends these headers with every request."""
    clients = [kind(headers=headers) for kind in (CozeClient, AsyncCozeClient)]
    return [*clients, *(make(default_headers=headers) for make in CONNECTED.values())]


@pytest.mark.parametrize(
    "header",
    [
        *("Cookie", "X-Api-Key", "apikey", "X_API_KEY", "Proxy-Authorization", "X-Auth"),
        *("X-Access-Token", "X-Client-Secret", "X-Session-Id", "X-Signature", "x-user-password"),
    ],
)
def test_a_header_that_is_named_like_a_secret_is_not_pickled(header, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", "pat_of_the_environment")
    for each in with_headers({"X-Tenant": "t", header: SECRET}):
        with pytest.raises(TypeError, match=header) as caught:
            pickle.dumps(each)
        assert "default_headers" in str(caught.value)
        assert "序列化" in str(caught.value)
        assert SECRET not in str(caught.value)


def test_nor_is_a_header_that_holds_a_token(monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", "pat_of_the_environment")
    for value in (SECRET, "Bearer something"):
        for each in with_headers({"X-Upstream": value}):
            with pytest.raises(TypeError, match="X-Upstream"):
                pickle.dumps(each)


def test_other_headers_travel_and_those_left_out_can_be_added_again(emulator, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    monkeypatch.setenv("COZE_API_BASE", emulator.base_url)
    headers = {"X-Tenant": "t", "X-Author": "a", "X-Keyboard": "k", "X-Passenger": "p"}
    for each in with_headers(headers):
        twin = pickle.loads(pickle.dumps(each))
        if isinstance(twin, CozeClient | AsyncCozeClient):
            client = twin = twin.with_options(headers={"Cookie": SECRET})
        else:
            twin.default_headers = {**twin.default_headers, "Cookie": SECRET}
            client = twin.client
        found = client.users.me()
        if isinstance(client, AsyncCozeClient):
            asyncio.run(found)
        sent = emulator.requests[-1].headers
        assert {name: sent[name.lower()] for name in headers} == headers
        assert sent["cookie"] == SECRET
        assert SECRET not in repr(twin)


@connected
def test_what_has_an_http_client_of_ones_own_says_why_it_cannot_be_pickled(
    one, monkeypatch, caplog
):
    """Left out in silence, the copy would reach the server by another way."""
    monkeypatch.setenv("COZE_API_TOKEN", "pat_of_the_environment")
    with httpx.Client() as http_client:
        original = CONNECTED[one](http_client=http_client)
        with pytest.raises(TypeError, match="make it anew where it is needed"):
            pickle.dumps(original)
    assert caplog.text == ""


def test_a_setting_of_a_llamaindex_model_that_cannot_be_pickled_is_not_left_out(monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", "pat_of_the_environment")
    with pytest.raises(TypeError, match="set_tracer_provider"):
        pickle.dumps(Coze(bot_id="1", tracing=Tracing(tracer_provider=TracerProvider())))


@connected
@pytest.mark.parametrize("setting", ["tracing", "max_retries", "base_url"])
def test_a_pickle_from_before_there_was_a_setting_has_its_default(
    one, setting, emulator, monkeypatch
):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    monkeypatch.setenv("COZE_API_BASE", emulator.base_url)
    original = CONNECTED[one]()
    state = pickle.loads(pickle.dumps(original.__getstate__()))
    del state.get("__dict__", state)[setting]
    twin = type(original).__new__(type(original))
    twin.__setstate__(state)
    assert getattr(twin, setting) == getattr(original, setting)
    assert twin.client.users.me().user_name == "emulated"


def test_the_password_of_a_proxy_is_not_pickled(emulator, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    proxy = f"http://me:{SECRET}@localhost:1"
    for each in (
        ChatCoze(bot_id="1", proxy=proxy),
        Coze(bot_id="1", proxy=proxy),
        CozeToolSpec(bot_ids=["1"], proxy=proxy),
        CozeClient(proxy=proxy),
    ):
        with pytest.raises(TypeError, match="HTTPS_PROXY") as caught:
            pickle.dumps(each)
        assert SECRET not in str(caught.value)
