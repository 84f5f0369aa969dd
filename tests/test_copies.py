"""What a copy within a process shares with its original: whatever was handed in to be used."""

import asyncio
import contextlib
import copy
import threading

import httpx
import pytest

from coze_core import FileConversationLock
from langchain_coze import ChatCoze, CozeBotTool, CozeWorkflowRetriever
from llamaindex_coze import Coze, CozeToolSpec
from llamaindex_coze import CozeWorkflowRetriever as LlamaIndexRetriever

MAKES = {
    "chat model": lambda **given: ChatCoze(bot_id="1", **given),
    "bot tool": lambda **given: CozeBotTool(bot_id="1", name="b", description="A bot.", **given),
    "retriever": lambda **given: CozeWorkflowRetriever(workflow_id="1", **given),
    "LlamaIndex model": lambda **given: Coze(bot_id="1", **given),
    "LlamaIndex tools": lambda **given: CozeToolSpec(bot_ids=["1"], **given),
    "LlamaIndex retriever": lambda **given: LlamaIndexRetriever("1", **given),
}
COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy of what holds it": lambda one: copy.deepcopy({"in": [one]})["in"][0],
    "model_copy": lambda model: model.model_copy(deep=True),
}


NO_MODELS = {"LlamaIndex tools", "LlamaIndex retriever"}  # of pydantic
every_copy = pytest.mark.parametrize(
    ("make", "way"),
    [(kind, way) for kind in MAKES for way in COPIES if {kind, way} - NO_MODELS != {"model_copy"}],
    indirect=["make"],
)


@pytest.fixture(params=MAKES)
def make(request, emulator):
    """Makes one of each kind for the emulator."""

    def made(**given):
        key = {} if "auth" in given else {"api_key": emulator.token}
        return MAKES[request.param](base_url=emulator.base_url, **key, **given)

    return made


@every_copy
def test_a_copy_uses_the_http_client_that_was_given(make, way):
    sent = []
    with httpx.Client(event_hooks={"request": [sent.append]}) as http_client:
        original = make(http_client=http_client)
        for _ in range(2):  # before and after its use
            twin = COPIES[way](original)
            assert twin.http_client is http_client
            sent.clear()
            with contextlib.closing(twin):
                assert twin.client.users.me().user_name == "emulated"
            assert sent[-1].url.path == "/v1/users/me"
            original.client.users.me()


@every_copy
def test_a_copy_uses_the_asynchronous_http_client_that_was_given(make, way):
    async def run():
        async with httpx.AsyncClient() as http_client:
            twin = COPIES[way](make(http_async_client=http_client))
            assert twin.http_async_client is http_client
            assert (await twin.async_client.users.me()).user_name == "emulated"

    asyncio.run(run())


@every_copy
def test_a_copy_uses_the_transport_that_was_given(make, way):
    with httpx.HTTPTransport() as transport:
        twin = COPIES[way](make(transport=transport))
        assert twin.transport is transport
        assert twin.client.users.me().user_name == "emulated"


class Vault:
    """A credential of somebody's that cannot be copied."""

    refreshable = False

    def __init__(self, token):
        self.kept = token
        self.guard = threading.Lock()

    def token(self):
        with self.guard:
            return self.kept

    def refresh(self, stale):
        yield from ()


@every_copy
def test_a_copy_uses_the_credential_and_the_lock_that_were_given(make, way, emulator, tmp_path):
    lock = FileConversationLock(tmp_path)
    for auth in (Vault(emulator.token), Vault(emulator.token).token):
        twin = COPIES[way](make(auth=auth, conversation_lock=lock))
        assert twin.auth == auth
        assert twin.conversation_lock is lock
        assert twin.client.users.me().user_name == "emulated"


def test_what_is_no_part_of_the_connection_is_copied(emulator):
    original = ChatCoze(bot_id="1", api_key="x", parameters={"a": [1]})
    twin = copy.deepcopy(original)
    twin.parameters["a"].append(2)
    assert original.parameters == {"a": [1]}


def test_what_is_held_twice_is_copied_once(make):
    with httpx.Client() as http_client:
        one = make(http_client=http_client)
        held = copy.deepcopy([one, one])
        assert held[0] is held[1] is not one
