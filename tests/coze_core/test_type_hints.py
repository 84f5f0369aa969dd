"""Tools that ask for the types of a client's methods get them; nobody else pays for the imports."""

import inspect
import subprocess
import sys
import typing

import pytest

from coze_core import (
    AsyncChatStream,
    AsyncCozeClient,
    AsyncPager,
    AsyncSpeech,
    AsyncWorkflowStream,
    BotSummary,
    ChatStream,
    CozeClient,
    DeviceCode,
    Pager,
    Speech,
    Turn,
    WorkflowRun,
    WorkflowStream,
)
from coze_core._binding import AsyncResource, Resource

RESOURCES = (
    *("chat", "conversations", "files", "bots", "workspaces", "users", "oauth", "workflows"),
    *("variables", "datasets", "audio"),
)


def methods(thing, path=""):
    """All public methods of a client and of its resources, the constructor among them."""
    for name in dir(thing):
        if name == "__init__" or (not name.startswith("_") and name not in {"client", "memo"}):
            value = getattr(thing, name)
            if inspect.isroutine(value):
                yield f"{path}{name}", value
            elif isinstance(value, Resource | AsyncResource):
                yield from methods(value, f"{path}{name}.")


@pytest.mark.parametrize("kind", [CozeClient, AsyncCozeClient])
@pytest.mark.parametrize("protocol", ["v3", "v2"])
def test_the_types_of_every_public_method_can_be_had(kind, protocol):
    found = dict(methods(kind("pat_x", protocol=protocol)))
    assert len(found) >= 80
    assert {path.split(".")[0] for path in found if "." in path} >= set(RESOURCES)
    wrong = {}
    for path, method in found.items():
        try:
            hints = typing.get_type_hints(method)
        except NameError as error:
            wrong[path] = str(error)
        else:
            assert path.endswith("__init__") or "return" in hints, path
    assert wrong == {}


def test_what_is_returned_is_what_is_told():
    client, awaiting = CozeClient("pat_x"), AsyncCozeClient("pat_x")
    for one, other, told, told_other in (
        (client.chat.stream, awaiting.chat.stream, ChatStream, AsyncChatStream),
        (client.chat.create_and_poll, awaiting.chat.create_and_poll, Turn, Turn),
        (client.bots.list, awaiting.bots.list, Pager[BotSummary], AsyncPager[BotSummary]),
        (client.workflows.run, awaiting.workflows.run, WorkflowRun, WorkflowRun),
        (client.workflows.stream, awaiting.workflows.stream, WorkflowStream, AsyncWorkflowStream),
        (client.open_workflow, awaiting.open_workflow, WorkflowStream, AsyncWorkflowStream),
        (client.audio.speech, awaiting.audio.speech, Speech, AsyncSpeech),
        (client.open_speech, awaiting.open_speech, Speech, AsyncSpeech),
        (client.oauth.device_code, awaiting.oauth.device_code, DeviceCode, DeviceCode),
    ):
        assert typing.get_type_hints(one)["return"] == told
        assert typing.get_type_hints(other)["return"] == told_other


def test_nothing_is_imported_for_types_that_nobody_asks_for():
    code = (
        "import sys; from coze_core import CozeClient; client = CozeClient('pat_x');"
        "client.workflows.stream, client.audio.speech, client.oauth.device_code;"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "coze_core._client" in loaded
    assert not loaded & {"coze_core._workflow_streams", "coze_core._downloads", "coze_core.oauth"}
